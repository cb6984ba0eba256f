/* SPDX-License-Identifier: Apache-2.0 */
#include "local/stream.h"

#include "base/mem.h"
#include "local/model.h"
#include "local/table.h"

#define ROLL_SPREAD_MS 600000 /* shards of one age roll over within ten minutes */

static const char *const view_names[] = {
#define VIEW_NAME(id, name) name,
    TR_LOCAL_VIEW_TABLE(VIEW_NAME)
#undef VIEW_NAME
};

const char *tr_local_view_name(enum tr_local_view view)
{
    return view_names[view];
}

bool tr_local_view_parse(struct tr_bytes name, enum tr_local_view *view)
{
    int i;
    for (i = 0; i < TR_LOCAL_VIEW_COUNT; i++) {
        if (tr_bytes_is(name, view_names[i])) {
            *view = (enum tr_local_view)i;
            return true;
        }
    }
    return false;
}

struct tr_bytes tr_local_stream_arn(const struct tr_local_stream *stream)
{
    return stream->arn;
}

struct tr_bytes tr_local_stream_label(const struct tr_local_stream *stream)
{
    return stream->label;
}

enum tr_local_view tr_local_stream_view(const struct tr_local_stream *stream)
{
    return stream->view;
}

bool tr_local_stream_is_enabled(const struct tr_local_stream *stream)
{
    return stream->enabled;
}

/* Looking up */

static size_t stream_from(const struct tr_local_streams *streams, struct tr_bytes arn)
{
    size_t low = 0, high = streams->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tr_bytes_cmp(streams->list[middle]->arn, arn) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct tr_local_stream *tr_local_stream_find(const struct tr_local *local, struct tr_bytes arn)
{
    size_t i = stream_from(&local->streams, arn);
    if (i < local->streams.count && tr_bytes_eq(local->streams.list[i]->arn, arn)) {
        return local->streams.list[i];
    }
    return NULL;
}

struct tr_local_stream *tr_local_stream_newest(const struct tr_local *local, struct tr_bytes table)
{
    struct tr_local_stream *newest = NULL;
    size_t i;
    for (i = 0; i < local->streams.count; i++) {
        struct tr_local_stream *stream = local->streams.list[i];
        if (tr_bytes_eq(stream->table, table) &&
            (newest == NULL || stream->created.ms >= newest->created.ms)) {
            newest = stream;
        }
    }
    return newest;
}

size_t tr_local_stream_shard_from(const struct tr_local_stream *stream, struct tr_bytes id)
{
    size_t low = 0, high = stream->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tr_bytes_cmp(tr_bytes_of(stream->shards[middle]->id), id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct tr_local_shard *tr_local_stream_shard(const struct tr_local_stream *stream,
                                             struct tr_bytes id)
{
    size_t i = tr_local_stream_shard_from(stream, id);
    if (i < stream->count && tr_bytes_is(id, stream->shards[i]->id)) {
        return stream->shards[i];
    }
    return NULL;
}

/* The open shard that takes a key. */
static struct tr_local_shard *shard_of_hash(const struct tr_local_stream *stream, uint64_t hash)
{
    size_t low = 0, high = stream->open_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (stream->open[middle]->hash_from <= hash) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return stream->open[low];
}

static size_t open_index(const struct tr_local_stream *stream, const struct tr_local_shard *shard)
{
    size_t i = 0;
    while (i < stream->open_count && stream->open[i] != shard) {
        i++;
    }
    return i;
}

/* Deadlines */

static struct tr_wall earlier(struct tr_wall a, struct tr_wall b)
{
    return a.ms < b.ms ? a : b;
}

/* The first whole second by which everything of a time is older than the retention: records are
 * trimmed second by second, not each at a time of its own. */
static struct tr_wall retained_until(int64_t ms)
{
    return (struct tr_wall){(ms + TR_STREAM_RETENTION_MS + 999) / 1000 * 1000};
}

static struct tr_wall shard_deadline(const struct tr_local_shard *shard)
{
    struct tr_wall next = {INT64_MAX};
    if (shard->last == 0) {
        next = shard->roll_at;
    } else if (tr_local_shard_kept(shard) == 0) {
        next = retained_until(shard->closed.ms);
    }
    if (tr_local_shard_kept(shard) > 0) {
        next = earlier(next, retained_until(shard->records[shard->gone].created_ms));
    }
    return next;
}

static void set_stream_deadline(struct tr_local_stream *stream)
{
    size_t i;
    stream->deadline = (struct tr_wall){INT64_MAX};
    if (!stream->enabled && stream->count == 0) {
        stream->deadline = retained_until(stream->disabled.ms);
    }
    for (i = 0; i < stream->count; i++) {
        stream->deadline = earlier(stream->deadline, shard_deadline(stream->shards[i]));
    }
}

static void set_deadline(struct tr_local_streams *streams)
{
    size_t i;
    streams->deadline = (struct tr_wall){INT64_MAX};
    for (i = 0; i < streams->count; i++) {
        streams->deadline = earlier(streams->deadline, streams->list[i]->deadline);
    }
}

struct tr_wall tr_local_streams_deadline(const struct tr_local *local)
{
    return local->streams.count > 0 ? local->streams.deadline : (struct tr_wall){INT64_MAX};
}

static void bring_forward(struct tr_local *local, struct tr_local_stream *stream,
                          struct tr_wall when)
{
    stream->deadline = earlier(stream->deadline, when);
    local->streams.deadline = earlier(local->streams.deadline, when);
}

/* Shards */

static void free_shard(struct tr_local_shard *shard)
{
    if (shard != NULL) {
        tr_local_shard_deinit(shard);
        tr_free(shard);
    }
}

/* A shard that is not in its stream yet; NULL without memory. Its id sorts behind its parent's. */
static struct tr_local_shard *make_shard(struct tr_local *local,
                                         const struct tr_local_shard *parent, struct tr_wall at)
{
    struct tr_random *random = &local->streams.random;
    struct tr_local_shard *shard = tr_calloc(1, sizeof *shard);
    if (shard == NULL) {
        return NULL;
    }
    shard->id_ms = at.ms;
    if (parent != NULL) {
        shard->id_ms = at.ms > parent->id_ms ? at.ms : parent->id_ms + 1;
        memcpy(shard->parent, parent->id, sizeof shard->parent);
        shard->hash_from = parent->hash_from;
        shard->hash_to = parent->hash_to;
    }
    snprintf(shard->id, sizeof shard->id, "shardId-%020lld-%08lx", (long long)shard->id_ms,
             (unsigned long)(tr_random_u64(random) & 0xffffffff));
    shard->created = at;
    shard->roll_at.ms = at.ms + TR_SHARD_AGE_MS - ROLL_SPREAD_MS / 2 +
                        (int64_t)tr_random_below(random, ROLL_SPREAD_MS);
    return shard;
}

/* Put it among its stream's shards, for which there is room. Sibling shards may have been given one
 * id in theory only (32 random bits): the array stays in order all the same. */
static void insert_shard(struct tr_local *local, struct tr_local_stream *stream,
                         struct tr_local_shard *shard)
{
    size_t at = tr_local_stream_shard_from(stream, tr_bytes_of(shard->id));
    memmove(stream->shards + at + 1, stream->shards + at,
            (stream->count - at) * sizeof *stream->shards);
    stream->shards[at] = shard;
    stream->count++;
    shard->first = tr_sequence_next(&stream->sequence, &local->streams.random);
    bring_forward(local, stream, shard_deadline(shard));
    if (local->watch.shard_opened != NULL) {
        local->watch.shard_opened(local->watch.ctx, shard->created, stream->arn, shard->id,
                                  shard->parent);
    }
}

static void close_shard(struct tr_local *local, struct tr_local_stream *stream,
                        struct tr_local_shard *shard, struct tr_wall at)
{
    shard->last = tr_sequence_next(&stream->sequence, &local->streams.random);
    shard->closed = at;
    bring_forward(local, stream, shard_deadline(shard));
    if (local->watch.shard_closed != NULL) {
        local->watch.shard_closed(local->watch.ctx, at, stream->arn, shard->id);
    }
}

enum tr_status tr_local_stream_roll(struct tr_local *local, struct tr_local_stream *stream,
                                    struct tr_local_shard *shard, struct tr_wall at,
                                    struct tr_local_shard **child)
{
    struct tr_local_shard *made;
    if (!tr_grow(&stream->shards, &stream->cap, stream->count + 1, sizeof *stream->shards) ||
        (made = make_shard(local, shard, at)) == NULL) {
        return TR_ENOMEM;
    }
    close_shard(local, stream, shard, at);
    stream->open[open_index(stream, shard)] = made;
    insert_shard(local, stream, made);
    *child = made;
    return TR_OK;
}

enum tr_status tr_local_stream_split(struct tr_local *local, struct tr_local_stream *stream,
                                     struct tr_local_shard *shard,
                                     struct tr_local_shard *children[2])
{
    uint64_t middle = shard->hash_from + (shard->hash_to - shard->hash_from) / 2;
    size_t at = open_index(stream, shard);
    struct tr_local_shard *low, *high;

    if (shard->hash_from == shard->hash_to || stream->open_count >= TR_SHARDS_OPEN_MAX) {
        return TR_ELIMIT;
    }
    if (!tr_grow(&stream->shards, &stream->cap, stream->count + 2, sizeof *stream->shards) ||
        !tr_grow(&stream->open, &stream->open_cap, stream->open_count + 1, sizeof *stream->open)) {
        return TR_ENOMEM;
    }
    low = make_shard(local, shard, local->now);
    high = make_shard(local, shard, local->now);
    if (low == NULL || high == NULL) {
        free_shard(low);
        free_shard(high);
        return TR_ENOMEM;
    }
    low->hash_to = middle;
    high->hash_from = middle + 1;
    close_shard(local, stream, shard, local->now);
    memmove(stream->open + at + 1, stream->open + at,
            (stream->open_count - at) * sizeof *stream->open);
    stream->open_count++;
    stream->open[at] = children[0] = low;
    stream->open[at + 1] = children[1] = high;
    insert_shard(local, stream, low);
    insert_shard(local, stream, high);
    return TR_OK;
}

/* The shard is about to go. */
static void tell_gone(const struct tr_local *local, const struct tr_local_stream *stream,
                      const struct tr_local_shard *shard)
{
    if (local->watch.trimmed != NULL) {
        local->watch.trimmed(local->watch.ctx, local->now, stream->arn, shard->id, NULL);
    }
}

void tr_local_stream_tell_trimmed(const struct tr_local *local,
                                  const struct tr_local_stream *stream,
                                  const struct tr_local_shard *shard, uint64_t before)
{
    char number[TR_SEQUENCE_DIGITS_MAX + 1];
    if (local->watch.trimmed != NULL && shard->trimmed != before) {
        tr_sequence_print(&stream->sequence, shard->trimmed, number);
        local->watch.trimmed(local->watch.ctx, local->now, stream->arn, shard->id, number);
    }
}

static void remove_shard(struct tr_local_stream *stream, size_t at)
{
    free_shard(stream->shards[at]);
    stream->count--;
    memmove(stream->shards + at, stream->shards + at + 1,
            (stream->count - at) * sizeof *stream->shards);
}

bool tr_local_stream_drop_empty(const struct tr_local *local, struct tr_local_stream *stream,
                                struct tr_local_shard *shard)
{
    size_t at = tr_local_stream_shard_from(stream, tr_bytes_of(shard->id));
    if (shard->last == 0 || tr_local_shard_kept(shard) > 0) {
        return false;
    }
    tell_gone(local, stream, shard);
    remove_shard(stream, at);
    if (!stream->enabled && stream->count == 0) {
        set_stream_deadline(stream);
    }
    return true;
}

/* Streams */

static void free_stream(struct tr_local_stream *stream)
{
    size_t i;
    if (stream == NULL) {
        return;
    }
    for (i = 0; i < stream->count; i++) {
        free_shard(stream->shards[i]);
    }
    tr_free(stream->shards);
    tr_free(stream->open);
    tr_free((void *)(uintptr_t)stream->arn.ptr);
    tr_free((void *)(uintptr_t)stream->table.ptr);
    tr_free((void *)(uintptr_t)stream->key_schema.ptr);
    tr_free(stream);
}

void tr_local_streams_deinit(struct tr_local_streams *streams)
{
    size_t i;
    for (i = 0; i < streams->count; i++) {
        free_stream(streams->list[i]);
    }
    tr_free(streams->list);
    tr_buf_deinit(&streams->text);
    *streams = (struct tr_local_streams){0};
}

static bool take(struct tr_buf *buf, struct tr_bytes *out)
{
    out->ptr = tr_buf_take(buf, &out->len);
    return out->ptr != NULL;
}

/* The names of a new stream. The label is its time to the millisecond, one more than that of a
 * stream which the table got in the same millisecond. */
static bool name_stream(struct tr_local *local, const struct tr_local_table *table,
                        struct tr_local_stream *stream)
{
    const struct tr_local_stream *newest = tr_local_stream_newest(local, table->name);
    struct tr_buf buf = {0};
    size_t table_arn;
    bool good;

    stream->created = local->now;
    if (newest != NULL && newest->created.ms >= stream->created.ms) {
        stream->created.ms = newest->created.ms + 1;
    }
    tr_local_table_add_key_schema(table, &buf);
    good = take(&buf, &stream->key_schema);
    tr_buf_add(&buf, table->name);
    good = take(&buf, &stream->table) && good;
    tr_local_table_add_arn(local, table, &buf);
    tr_buf_add_str(&buf, "/stream/");
    table_arn = buf.len;
    tr_wall_format(&buf, stream->created);
    if (!buf.failed) {
        buf.len--; /* the Z */
        buf.ptr[buf.len] = '\0';
    }
    good = take(&buf, &stream->arn) && good;
    tr_buf_deinit(&buf);
    stream->label = (struct tr_bytes){stream->arn.ptr + table_arn, stream->arn.len - table_arn};
    return good;
}

/* The shards that a stream begins with: equal parts of the hashes. */
static bool open_shards(struct tr_local *local, struct tr_local_stream *stream)
{
    unsigned n = local->streams.open_shards;
    uint64_t width = UINT64_MAX / n;
    unsigned i;

    if (!tr_grow(&stream->shards, &stream->cap, n, sizeof *stream->shards) ||
        !tr_grow(&stream->open, &stream->open_cap, n, sizeof *stream->open)) {
        return false;
    }
    for (i = 0; i < n; i++) {
        struct tr_local_shard *shard = make_shard(local, NULL, stream->created);
        if (shard == NULL) {
            return false;
        }
        shard->hash_from = i * width;
        shard->hash_to = i + 1 == n ? UINT64_MAX : (i + 1) * width - 1;
        stream->open[stream->open_count++] = shard;
        insert_shard(local, stream, shard);
    }
    return true;
}

enum tr_status tr_local_stream_enable(struct tr_local *local, struct tr_local_table *table,
                                      enum tr_local_view view)
{
    struct tr_local_streams *streams = &local->streams;
    struct tr_local_stream *stream;
    size_t at;

    if (!tr_grow(&streams->list, &streams->cap, streams->count + 1, sizeof *streams->list) ||
        (stream = tr_calloc(1, sizeof *stream)) == NULL) {
        return TR_ENOMEM;
    }
    stream->view = view;
    stream->enabled = true;
    stream->deadline.ms = INT64_MAX;
    if (streams->count == 0) {
        streams->deadline.ms = INT64_MAX;
    }
    tr_sequence_init(&stream->sequence, &streams->random);
    if (!name_stream(local, table, stream) || !open_shards(local, stream)) {
        free_stream(stream);
        return TR_ENOMEM;
    }
    at = stream_from(streams, stream->arn);
    memmove(streams->list + at + 1, streams->list + at,
            (streams->count - at) * sizeof *streams->list);
    streams->list[at] = stream;
    streams->count++;
    table->stream = stream;
    return TR_OK;
}

void tr_local_stream_disable(struct tr_local *local, struct tr_local_table *table)
{
    struct tr_local_stream *stream = table->stream;
    size_t i;
    if (stream == NULL || !stream->enabled) {
        return;
    }
    for (i = 0; i < stream->open_count; i++) {
        close_shard(local, stream, stream->open[i], local->now);
    }
    stream->open_count = 0;
    stream->enabled = false;
    stream->disabled = local->now;
}

/* Records */

/* The finalizer of MurmurHash3: the ranges of the shards need the high bits to be good, whatever
 * the hash of the keys. */
static uint64_t spread(uint64_t h)
{
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdu;
    h ^= h >> 33;
    h *= 0xc4ceb9fe1a85ec53u;
    return h ^ (h >> 33);
}

static void add_record_head(struct tr_local *local, const char *event, struct tr_buf *out)
{
    uint64_t id[2];
    id[0] = tr_random_u64(&local->streams.random);
    id[1] = tr_random_u64(&local->streams.random);
    tr_buf_add(out, TR_LIT("{\"eventID\":\""));
    tr_buf_add_hex(out, id, sizeof id);
    tr_buf_add(out, TR_LIT("\",\"eventName\":\""));
    tr_buf_add_str(out, event);
    tr_buf_add(out, TR_LIT("\",\"eventVersion\":\"1.1\",\"eventSource\":\"aws:dynamodb\","
                           "\"awsRegion\":\""));
    tr_buf_add_str(out, local->region);
    tr_buf_add(out, TR_LIT("\",\"dynamodb\":{\"ApproximateCreationDateTime\":"));
    tr_buf_add_u64(out, (uint64_t)(local->now.ms / 1000));
    tr_buf_add(out, TR_LIT(",\"Keys\":"));
}

/* Append an image if the view has it; its size. */
static size_t add_image(struct tr_bytes name, const struct tr_local_item *item, bool wanted,
                        struct tr_buf *out)
{
    if (!wanted || item == NULL) {
        return 0;
    }
    tr_buf_add(out, name);
    tr_local_item_add_json(item, out);
    return tr_local_item_size(item);
}

/* SizeBytes counts the keys and the images. */
static size_t add_record(struct tr_local *local, const struct tr_local_table *table,
                         const struct tr_local_item *old_item, const struct tr_local_item *new_item,
                         const char *number, struct tr_buf *out)
{
    const struct tr_local_item *item = new_item != NULL ? new_item : old_item;
    enum tr_local_view view = table->stream->view;
    bool both = view == TR_LOCAL_VIEW_NEW_AND_OLD_IMAGES;
    size_t size = tr_local_item_keys_size(table, item);

    add_record_head(local,
                    old_item == NULL   ? "INSERT"
                    : new_item != NULL ? "MODIFY"
                                       : "REMOVE",
                    out);
    tr_local_item_add_keys_json(table, item, out);
    size +=
        add_image(TR_LIT(",\"NewImage\":"), new_item, both || view == TR_LOCAL_VIEW_NEW_IMAGE, out);
    size +=
        add_image(TR_LIT(",\"OldImage\":"), old_item, both || view == TR_LOCAL_VIEW_OLD_IMAGE, out);
    tr_buf_add(out, TR_LIT(",\"SequenceNumber\":\""));
    tr_buf_add_str(out, number);
    tr_buf_add(out, TR_LIT("\",\"SizeBytes\":"));
    tr_buf_add_u64(out, size);
    tr_buf_add(out, TR_LIT(",\"StreamViewType\":\""));
    tr_buf_add_str(out, view_names[view]);
    tr_buf_add(out, TR_LIT("\"}"));
    return size;
}

/* A shard's StartingSequenceNumber may be that of its first record, or lie before it. So it does by
 * turns: who begins behind it misses a record of every other shard. */
static uint64_t next_number(struct tr_local *local, struct tr_local_stream *stream,
                            const struct tr_local_shard *shard)
{
    uint64_t counter = tr_sequence_next(&stream->sequence, &local->streams.random);
    return tr_local_shard_is_unwritten(shard) && shard->first % 2 == 0 ? shard->first : counter;
}

enum tr_status tr_local_stream_append(struct tr_local *local, struct tr_local_table *table,
                                      const struct tr_local_item *old_item,
                                      const struct tr_local_item *new_item, bool by_service)
{
    struct tr_local_stream *stream = table->stream;
    const struct tr_local_item *item = new_item != NULL ? new_item : old_item;
    struct tr_buf *text = &local->streams.text;
    char number[TR_SEQUENCE_DIGITS_MAX + 1];
    struct tr_local_shard *shard;
    uint64_t counter;
    size_t size;

    if (stream == NULL || !stream->enabled || item == NULL ||
        (old_item != NULL && new_item != NULL && tr_local_item_eq(old_item, new_item))) {
        return TR_OK;
    }
    shard = shard_of_hash(stream, spread(tr_local_item_hash(table, item)));
    counter = next_number(local, stream, shard);
    tr_sequence_print(&stream->sequence, counter, number);
    tr_buf_reset(text);
    size = add_record(local, table, old_item, new_item, number, text);
    if (by_service) {
        tr_buf_add(text, TR_LIT(",\"userIdentity\":{\"PrincipalId\":\"dynamodb.amazonaws.com\","
                                "\"Type\":\"Service\"}"));
    }
    tr_buf_add_char(text, '}');
    if (text->failed) {
        return TR_ENOMEM;
    }
    if (tr_local_shard_append(shard, counter, local->now, tr_buf_bytes(text), (uint32_t)size) !=
        TR_OK) {
        return TR_ENOMEM;
    }
    if (tr_local_shard_kept(shard) == 1) {
        bring_forward(local, stream, shard_deadline(shard));
    }
    if (local->watch.record != NULL) {
        local->watch.record(local->watch.ctx, local->now, stream->arn, shard->id, number,
                            tr_buf_bytes(text));
    }
    return TR_OK;
}

/* The passage of time */

/* Roll over the shards that are old enough, each at its own time; children of children, too, when
 * the clock made a leap. False without memory: tried again later. */
static bool roll_due(struct tr_local *local, struct tr_local_stream *stream)
{
    size_t i;
    for (i = 0; stream->enabled && i < stream->count; i++) {
        struct tr_local_shard *shard = stream->shards[i];
        struct tr_local_shard *child;
        if (shard->last == 0 && shard->roll_at.ms <= local->now.ms &&
            tr_local_stream_roll(local, stream, shard, shard->roll_at, &child) != TR_OK) {
            return false;
        }
    }
    return true;
}

static void trim_due(const struct tr_local *local, struct tr_local_stream *stream)
{
    struct tr_wall now = local->now;
    int64_t until = now.ms / 1000 * 1000 - TR_STREAM_RETENTION_MS;
    size_t kept = 0, i;
    for (i = 0; i < stream->count; i++) {
        struct tr_local_shard *shard = stream->shards[i];
        uint64_t before = shard->trimmed;
        tr_local_shard_trim_before(shard, until + 1);
        tr_local_stream_tell_trimmed(local, stream, shard, before);
        if (shard->last != 0 && tr_local_shard_kept(shard) == 0 && shard->closed.ms <= until) {
            tell_gone(local, stream, shard);
            free_shard(shard);
        } else {
            stream->shards[kept++] = shard;
        }
    }
    stream->count = kept;
}

static bool is_over(const struct tr_local_stream *stream, struct tr_wall now)
{
    return !stream->enabled && stream->count == 0 &&
           retained_until(stream->disabled.ms).ms <= now.ms;
}

static void forget_stream(struct tr_local *local, struct tr_local_stream *stream)
{
    struct tr_local_table *table = tr_local_table_find(local, stream->table);
    if (table != NULL && table->stream == stream) {
        table->stream = NULL;
    }
    free_stream(stream);
}

void tr_local_streams_tick(struct tr_local *local)
{
    struct tr_local_streams *streams = &local->streams;
    size_t kept = 0, i;

    if (streams->count == 0 || local->now.ms < streams->deadline.ms) {
        return;
    }
    for (i = 0; i < streams->count; i++) {
        struct tr_local_stream *stream = streams->list[i];
        if (stream->deadline.ms <= local->now.ms) {
            bool good = roll_due(local, stream);
            trim_due(local, stream);
            set_stream_deadline(stream);
            stream->deadline.ms = good ? stream->deadline.ms : local->now.ms + 1000;
        }
        if (is_over(stream, local->now)) {
            forget_stream(local, stream);
        } else {
            streams->list[kept++] = stream;
        }
    }
    streams->count = kept;
    set_deadline(streams);
}
