/* SPDX-License-Identifier: Apache-2.0
 *
 * Listings: the decoders of DescribeStream and ListStreams. A page is read whole into one block of
 * strings behind the entries that are there; only when nothing can fail any more are its entries
 * merged with those of earlier pages. */
#include "stream/shard.h"

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

/* What is read from one page, and where its strings go. */
struct page {
    struct tr_json_doc doc; /* owned */
    struct tr_buf block;    /* owned; reserved once, so that views into it stay */
    struct tr_bytes last_evaluated;
};

/* A value as a message shows it. */
#define SHOWN_MAX 64
#define SHOWN(b) ((b).len < SHOWN_MAX ? (int)(b).len : SHOWN_MAX), ((b).len > 0 ? (b).ptr : "")

static enum tr_status wrong(struct tr_err *err, const char *place, struct tr_json value,
                            const char *want)
{
    if (tr_json_type(value) == TR_JSON_ABSENT) {
        return tr_fail(err, TR_EPARSE, "%s: missing, %s is expected", place, want);
    }
    return tr_fail(err, TR_EPARSE, "%s: '%.*s' is %s, %s is expected", place,
                   SHOWN(tr_json_raw(value)), tr_json_type_text(tr_json_type(value)), want);
}

static bool is_nothing(struct tr_json value)
{
    enum tr_json_type type = tr_json_type(value);
    return type == TR_JSON_ABSENT || type == TR_JSON_NULL;
}

/* A string that may be missing: absent, null and "" are the same. */
static enum tr_status optional_string(struct page *page, struct tr_json value, const char *place,
                                      struct tr_bytes *out, struct tr_err *err)
{
    size_t start = page->block.len;
    *out = (struct tr_bytes){0};
    if (is_nothing(value)) {
        return TR_OK;
    }
    if (tr_json_type(value) != TR_JSON_STRING) {
        return wrong(err, place, value, "a string");
    }
    if (!tr_json_add_str(value, &page->block) || page->block.failed) {
        return TR_ENOMEM;
    }
    if (page->block.len > start) {
        *out = (struct tr_bytes){page->block.ptr + start, page->block.len - start};
    }
    return TR_OK;
}

static enum tr_status needed_string(struct page *page, struct tr_json value, const char *place,
                                    struct tr_bytes *out, struct tr_err *err)
{
    enum tr_status status = optional_string(page, value, place, out, err);
    if (status == TR_OK && out->len == 0) {
        return is_nothing(value) ? wrong(err, place, value, "a string")
                                 : tr_fail(err, TR_EPARSE, "%s: '' is empty", place);
    }
    return status;
}

static enum tr_status number_string(struct page *page, struct tr_json value, const char *place,
                                    struct tr_bytes *out, struct tr_err *err)
{
    enum tr_status status = optional_string(page, value, place, out, err);
    size_t i;
    for (i = 0; status == TR_OK && i < out->len; i++) {
        if (out->ptr[i] < '0' || out->ptr[i] > '9' || out->len > TR_SEQUENCE_DIGITS_MAX) {
            return tr_fail(err, TR_EPARSE, "%s: '%.*s' is no number of 1 to %d digits", place,
                           SHOWN(*out), TR_SEQUENCE_DIGITS_MAX);
        }
    }
    return status;
}

/* Parse a page and reserve its block: no string is longer unescaped than as it came. */
static enum tr_status open_page(struct page *page, struct tr_bytes body, struct tr_err *err)
{
    enum tr_status status = tr_json_parse(&page->doc, body, err);
    if (status == TR_OK && !tr_buf_reserve(&page->block, body.len + 1)) {
        status = TR_ENOMEM;
    }
    return status;
}

static void close_page(struct page *page)
{
    tr_json_deinit(&page->doc);
    tr_buf_deinit(&page->block);
}

static enum tr_status array_member(struct tr_json object, const char *name, const char *place,
                                   struct tr_json *out, struct tr_err *err)
{
    *out = tr_json_get(object, name);
    return tr_json_type(*out) == TR_JSON_ARRAY ? TR_OK : wrong(err, place, *out, "an array");
}

static enum tr_status decode_status(struct tr_json value, enum tr_stream_status *out,
                                    struct tr_err *err)
{
    static const char *const names[] = {
        [TR_STREAM_ENABLING] = "ENABLING",
        [TR_STREAM_ENABLED] = "ENABLED",
        [TR_STREAM_DISABLING] = "DISABLING",
        [TR_STREAM_DISABLED] = "DISABLED",
    };
    unsigned i;
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (tr_json_is(value, names[i])) {
            *out = (enum tr_stream_status)i;
            return TR_OK;
        }
    }
    return wrong(err, "StreamDescription.StreamStatus", value,
                 "ENABLING, ENABLED, DISABLING or DISABLED");
}

static bool has_parent(const struct tr_shard *shard, struct tr_bytes parent)
{
    size_t i;
    for (i = 0; i < shard->parent_count; i++) {
        if (tr_bytes_eq(shard->parents[i], parent)) {
            return true;
        }
    }
    return false;
}

/* A shard is not its own parent, and a parent beyond what a shard can have is left out: neither may
 * hold the shard back. */
static void add_parent(struct tr_shard *shard, struct tr_bytes parent)
{
    if (parent.len > 0 && !tr_bytes_eq(parent, shard->id) && !has_parent(shard, parent) &&
        shard->parent_count < TR_SHARD_PARENTS_MAX) {
        shard->parents[shard->parent_count++] = parent;
    }
}

static enum tr_status decode_parents(struct page *page, struct tr_json value, const char *place,
                                     struct tr_shard *shard, struct tr_err *err)
{
    static const char *const members[] = {"ParentShardId", "AdjacentParentShardId"};
    size_t i;
    for (i = 0; i < sizeof members / sizeof members[0]; i++) {
        struct tr_bytes parent;
        char where[96];
        enum tr_status status;
        snprintf(where, sizeof where, "%s.%s", place, members[i]);
        status = optional_string(page, tr_json_get(value, members[i]), where, &parent, err);
        if (status != TR_OK) {
            return status;
        }
        add_parent(shard, parent);
    }
    return TR_OK;
}

static enum tr_status decode_range(struct page *page, struct tr_json range, const char *place,
                                   struct tr_shard *shard, struct tr_err *err)
{
    char where[128];
    enum tr_status status;
    snprintf(where, sizeof where, "%s.SequenceNumberRange", place);
    if (is_nothing(range)) {
        return TR_OK;
    }
    if (tr_json_type(range) != TR_JSON_OBJECT) {
        return wrong(err, where, range, "an object");
    }
    snprintf(where, sizeof where, "%s.SequenceNumberRange.StartingSequenceNumber", place);
    status = number_string(page, tr_json_get(range, "StartingSequenceNumber"), where,
                           &shard->starting, err);
    if (status != TR_OK) {
        return status;
    }
    snprintf(where, sizeof where, "%s.SequenceNumberRange.EndingSequenceNumber", place);
    return number_string(page, tr_json_get(range, "EndingSequenceNumber"), where, &shard->ending,
                         err);
}

static enum tr_status decode_shard(struct page *page, struct tr_json value, size_t index,
                                   struct tr_shard *shard, struct tr_err *err)
{
    char place[48], where[64];
    enum tr_status status;
    memset(shard, 0, sizeof *shard);
    snprintf(place, sizeof place, "StreamDescription.Shards[%zu]", index);
    if (tr_json_type(value) != TR_JSON_OBJECT) {
        return wrong(err, place, value, "an object");
    }
    snprintf(where, sizeof where, "%s.ShardId", place);
    status = needed_string(page, tr_json_get(value, "ShardId"), where, &shard->id, err);
    if (status == TR_OK) {
        status = decode_parents(page, value, place, shard, err);
    }
    if (status == TR_OK) {
        status = decode_range(page, tr_json_get(value, "SequenceNumberRange"), place, shard, err);
    }
    return status;
}

/* Room for the page's block and for the token that it ends with. */
static enum tr_status make_room(char ***blocks, size_t *cap, size_t count, struct tr_buf *last,
                                const struct page *page)
{
    if (!tr_grow(blocks, cap, count + 1, sizeof **blocks)) {
        return TR_ENOMEM;
    }
    if (last->cap <= page->last_evaluated.len &&
        !tr_buf_reserve(last, page->last_evaluated.len + 1)) {
        last->failed = false;
        return TR_ENOMEM;
    }
    return TR_OK;
}

/* Remember where the next page was said to begin: a token that came before would page round for
 * ever. */
static enum tr_status accept_token(const struct page *page, const char *place, struct tr_map *asked,
                                   struct tr_err *err)
{
    struct tr_bytes token = page->last_evaluated;
    if (token.len == 0) {
        return TR_OK;
    }
    if (tr_map_get(asked, token) != NULL) {
        return tr_fail(err, TR_EPARSE,
                       "%s: '%.*s' came before in this listing, which does not advance", place,
                       SHOWN(token));
    }
    if (tr_map_count(asked) >= TR_SHARD_PAGES_MAX) {
        return tr_fail(err, TR_ELIMIT, "%s: a listing of more than %u pages", place,
                       TR_SHARD_PAGES_MAX);
    }
    return tr_map_set(asked, token, asked);
}

/* The page's entries of a list, seen as their ids alone. */
struct entries {
    const void *base;
    size_t size;
    size_t id_offset;
    size_t first;
    size_t count;
};

static struct tr_bytes entry_id(struct entries entries, size_t i)
{
    struct tr_bytes id;
    memcpy(&id, (const char *)entries.base + i * entries.size + entries.id_offset, sizeof id);
    return id;
}

/* Give each id that is new its index (+ 1); without memory none has one. */
static enum tr_status index_ids(struct tr_map *map, struct entries entries)
{
    size_t i, end = entries.first + entries.count;
    for (i = entries.first; i < end; i++) {
        struct tr_bytes id = entry_id(entries, i);
        if (tr_map_get(map, id) == NULL && tr_map_set(map, id, (void *)(i + 1)) != TR_OK) {
            break;
        }
    }
    if (i == end) {
        return TR_OK;
    }
    while (i-- > entries.first) {
        if (tr_map_get(map, entry_id(entries, i)) == (void *)(i + 1)) {
            (void)tr_map_remove(map, entry_id(entries, i));
        }
    }
    return TR_ENOMEM;
}

/* The last parts that may fail: both happen or neither. */
static enum tr_status accept_page(const struct page *page, const char *place, struct tr_map *asked,
                                  struct tr_map *ids, struct entries entries, struct tr_err *err)
{
    enum tr_status status = accept_token(page, place, asked, err);
    if (status != TR_OK) {
        return status;
    }
    status = index_ids(ids, entries);
    if (status != TR_OK && page->last_evaluated.len > 0) {
        (void)tr_map_remove(asked, page->last_evaluated);
    }
    return status;
}

/* Take the page's strings over and the token as the next to ask after. Room was made before. */
static void keep_page(struct page *page, char **blocks, size_t *block_count, struct tr_buf *last)
{
    size_t len;
    tr_buf_reset(last);
    tr_buf_add(last, page->last_evaluated);
    if (page->block.ptr != NULL) {
        blocks[(*block_count)++] = tr_buf_take(&page->block, &len);
    }
}

void tr_shard_list_deinit(struct tr_shard_list *list)
{
    size_t i;
    for (i = 0; i < list->block_count; i++) {
        tr_free(list->blocks[i]);
    }
    tr_free(list->blocks);
    tr_free(list->shards);
    tr_buf_deinit(&list->last_evaluated);
    tr_map_deinit(&list->by_id);
    tr_map_deinit(&list->asked);
    memset(list, 0, sizeof *list);
}

/* What an entry lacks comes from another view of the same shard; an end that one of them shows is
 * an end. */
static void merge_shard(struct tr_shard *into, const struct tr_shard *from)
{
    size_t i;
    for (i = 0; i < from->parent_count; i++) {
        add_parent(into, from->parents[i]);
    }
    if (into->starting.len == 0) {
        into->starting = from->starting;
    }
    if (from->ending.len > 0) {
        into->ending = from->ending;
    }
}

/* Nothing fails from here: new shards move down behind list->count, the others are merged. */
static void merge_shards(struct tr_shard_list *list, size_t more)
{
    size_t i, end = list->count + more;
    for (i = list->count; i < end; i++) {
        size_t at = (size_t)tr_map_get(&list->by_id, list->shards[i].id) - 1;
        if (at != i) {
            merge_shard(&list->shards[at], &list->shards[i]);
            continue;
        }
        list->shards[list->count] = list->shards[i];
        /* The id is in the map: setting it again needs no memory. */
        if (tr_map_set(&list->by_id, list->shards[i].id, (void *)(list->count + 1)) == TR_OK) {
            list->count++;
        }
    }
}

static enum tr_status read_shards(struct tr_shard_list *list, struct page *page, size_t *more,
                                  struct tr_err *err)
{
    struct tr_json root = tr_json_root(&page->doc);
    struct tr_json description = tr_json_get(root, "StreamDescription");
    struct tr_json shards, value;
    enum tr_status status;
    *more = 0;
    if (tr_json_type(description) != TR_JSON_OBJECT) {
        return wrong(err, "StreamDescription", description, "an object");
    }
    status = array_member(description, "Shards", "StreamDescription.Shards", &shards, err);
    if (status != TR_OK) {
        return status;
    }
    if (list->count + tr_json_count(shards) > TR_SHARD_LIST_MAX) {
        return tr_fail(err, TR_ELIMIT, "StreamDescription.Shards: more than %d shards",
                       TR_SHARD_LIST_MAX);
    }
    if (!tr_grow(&list->shards, &list->cap, list->count + tr_json_count(shards),
                 sizeof *list->shards)) {
        return TR_ENOMEM;
    }
    for (value = tr_json_first(shards); value.doc != NULL; value = tr_json_next(shards, value)) {
        status = decode_shard(page, value, *more, &list->shards[list->count + *more], err);
        if (status != TR_OK) {
            return status;
        }
        (*more)++;
    }
    return optional_string(page, tr_json_get(description, "LastEvaluatedShardId"),
                           "StreamDescription.LastEvaluatedShardId", &page->last_evaluated, err);
}

enum tr_status tr_shard_list_add(struct tr_shard_list *list, struct tr_bytes body,
                                 struct tr_err *err)
{
    struct page page = {0};
    enum tr_stream_status stream_status = TR_STREAM_ENABLING;
    size_t more = 0;
    enum tr_status status = open_page(&page, body, err);
    if (status == TR_OK) {
        status = read_shards(list, &page, &more, err);
    }
    if (status == TR_OK) {
        struct tr_json root = tr_json_root(&page.doc);
        struct tr_json description = tr_json_get(root, "StreamDescription");
        status = decode_status(tr_json_get(description, "StreamStatus"), &stream_status, err);
    }
    if (status == TR_OK) {
        status = make_room(&list->blocks, &list->block_cap, list->block_count,
                           &list->last_evaluated, &page);
    }
    if (status == TR_OK) {
        status =
            accept_page(&page, "StreamDescription.LastEvaluatedShardId", &list->asked, &list->by_id,
                        (struct entries){list->shards, sizeof *list->shards,
                                         offsetof(struct tr_shard, id), list->count, more},
                        err);
    }
    if (status == TR_OK) {
        merge_shards(list, more);
        list->status = stream_status;
        keep_page(&page, list->blocks, &list->block_count, &list->last_evaluated);
    }
    close_page(&page);
    return status;
}

void tr_stream_list_deinit(struct tr_stream_list *list)
{
    size_t i;
    for (i = 0; i < list->block_count; i++) {
        tr_free(list->blocks[i]);
    }
    tr_free(list->blocks);
    tr_free(list->streams);
    tr_buf_deinit(&list->last_evaluated);
    tr_map_deinit(&list->by_arn);
    tr_map_deinit(&list->asked);
    memset(list, 0, sizeof *list);
}

static enum tr_status decode_stream(struct page *page, struct tr_json value, size_t index,
                                    struct tr_stream_entry *entry, struct tr_err *err)
{
    char place[48], where[64];
    enum tr_status status;
    memset(entry, 0, sizeof *entry);
    snprintf(place, sizeof place, "Streams[%zu]", index);
    if (tr_json_type(value) != TR_JSON_OBJECT) {
        return wrong(err, place, value, "an object");
    }
    snprintf(where, sizeof where, "%s.StreamArn", place);
    status = needed_string(page, tr_json_get(value, "StreamArn"), where, &entry->arn, err);
    if (status == TR_OK) {
        snprintf(where, sizeof where, "%s.TableName", place);
        status = optional_string(page, tr_json_get(value, "TableName"), where, &entry->table, err);
    }
    if (status == TR_OK) {
        snprintf(where, sizeof where, "%s.StreamLabel", place);
        status =
            optional_string(page, tr_json_get(value, "StreamLabel"), where, &entry->label, err);
    }
    return status;
}

static enum tr_status read_streams(struct tr_stream_list *list, struct page *page, size_t *more,
                                   struct tr_err *err)
{
    struct tr_json root = tr_json_root(&page->doc);
    struct tr_json streams, value;
    enum tr_status status = array_member(root, "Streams", "Streams", &streams, err);
    *more = 0;
    if (status != TR_OK) {
        return status;
    }
    if (list->count + tr_json_count(streams) > TR_SHARD_LIST_MAX) {
        return tr_fail(err, TR_ELIMIT, "Streams: more than %d streams", TR_SHARD_LIST_MAX);
    }
    if (!tr_grow(&list->streams, &list->cap, list->count + tr_json_count(streams),
                 sizeof *list->streams)) {
        return TR_ENOMEM;
    }
    for (value = tr_json_first(streams); value.doc != NULL; value = tr_json_next(streams, value)) {
        status = decode_stream(page, value, *more, &list->streams[list->count + *more], err);
        if (status != TR_OK) {
            return status;
        }
        (*more)++;
    }
    return optional_string(page, tr_json_get(root, "LastEvaluatedStreamArn"),
                           "LastEvaluatedStreamArn", &page->last_evaluated, err);
}

static void merge_streams(struct tr_stream_list *list, size_t more)
{
    size_t i, end = list->count + more;
    for (i = list->count; i < end; i++) {
        struct tr_bytes arn = list->streams[i].arn;
        if ((size_t)tr_map_get(&list->by_arn, arn) - 1 != i) {
            continue;
        }
        list->streams[list->count] = list->streams[i];
        if (tr_map_set(&list->by_arn, arn, (void *)(list->count + 1)) == TR_OK) {
            list->count++;
        }
    }
}

enum tr_status tr_stream_list_add(struct tr_stream_list *list, struct tr_bytes body,
                                  struct tr_err *err)
{
    struct page page = {0};
    size_t more = 0;
    enum tr_status status = open_page(&page, body, err);
    if (status == TR_OK) {
        status = read_streams(list, &page, &more, err);
    }
    if (status == TR_OK) {
        status = make_room(&list->blocks, &list->block_cap, list->block_count,
                           &list->last_evaluated, &page);
    }
    if (status == TR_OK) {
        status =
            accept_page(&page, "LastEvaluatedStreamArn", &list->asked, &list->by_arn,
                        (struct entries){list->streams, sizeof *list->streams,
                                         offsetof(struct tr_stream_entry, arn), list->count, more},
                        err);
    }
    if (status == TR_OK) {
        merge_streams(list, more);
        keep_page(&page, list->blocks, &list->block_count, &list->last_evaluated);
    }
    close_page(&page);
    return status;
}
