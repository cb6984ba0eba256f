/* SPDX-License-Identifier: Apache-2.0
 *
 * Which stream of its table a consumer follows. A stream that is turned off and on again is a new
 * one, with a name of its own; every stream of a table is followed in turn, none skipped: the old
 * one is drained first. All workers judge by the lease rows, which carry their stream's name: the
 * oldest stream with an unfinished row, else the newest one that has rows; and once that is drained
 * the next one that the table names (docs/shards.md, docs/decisions/0019). */
#include "worker/consumer_parts.h"

#include "base/err.h"

/* How often a stream that is off is looked at, and its table asked for a newer one. */
#define STREAMS_LOOK_MS 1000u
#define STREAMS_ASK_MS 10000u
#define STREAMS_ONCE_ASK_MS 1000u
#define STREAMS_BACKOFF_MAX_MS 30000u

bool tr_consumer_stream_of(const struct tr_consumer *c, struct tr_bytes *out)
{
    struct tr_bytes region, table, label;
    if (!tr_stream_arn_parts(tr_buf_bytes(&c->arn), &region, &table, &label)) {
        return false;
    }
    *out = (struct tr_bytes){table.ptr, (size_t)(label.ptr + label.len - table.ptr)};
    return true;
}

static int order(struct tr_bytes a, struct tr_bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int cmp = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    return cmp != 0 ? cmp : (a.len > b.len) - (a.len < b.len);
}

/* "TABLE/stream/": what all names of a table's streams begin with. */
static size_t prefix_len(const struct tr_consumer *c)
{
    size_t len = c->stream.len;
    while (len > 0 && c->stream.ptr[len - 1] != '/') {
        len--;
    }
    return len;
}

bool tr_consumer_is_of_table(const struct tr_consumer *c, struct tr_bytes stream)
{
    size_t len = prefix_len(c);
    return stream.len > len && memcmp(stream.ptr, c->stream.ptr, len) == 0;
}

/* Begin with another stream of the table: nothing is known of it yet but its rows. */
static void follow(struct tr_consumer *c, struct tr_bytes stream)
{
    struct tr_buf arn = {0};
    struct tr_graph *graph = NULL;

    tr_buf_add(&arn, (struct tr_bytes){c->arn.ptr, (size_t)(c->stream.ptr - c->arn.ptr)});
    tr_buf_add(&arn, stream);
    if (arn.failed || tr_graph_new(SHARDS_MAX, &graph) != TR_OK) {
        tr_buf_deinit(&arn);
        c->out_of_memory = true; /* tried again at the next look */
        return;
    }
    tr_buf_deinit(&c->arn);
    c->arn = arn;
    (void)tr_consumer_stream_of(c, &c->stream);
    tr_graph_free(c->graph);
    c->graph = graph;
    if (c->streams.further) {
        tr_graph_set_further(graph);
    }
    tr_consumer_forget_shards(c);
    tr_consumer_forget_listing(c);
    c->stream_status = TR_STREAM_ENABLED;
    c->streams.missing = c->streams.lost = c->streams.none_newer = c->streams.drained = false;
    c->want_scan = true;
    tr_consumer_note(c, TR_NOTE_STREAM_FOLLOWED, (struct tr_bytes){NULL, 0}, 0, 0,
                     tr_buf_bytes(&c->arn));
}

/* A lease table serves one table's streams. At the start another's row is a mistake in the
 * configuration, which would make two applications finish each other's shards. */
static void refuse(struct tr_consumer *c, const struct tr_lease_row *row, bool first)
{
    if (first) {
        tr_consumer_fail(c, TR_ECONFIG,
                         "consumer '%s': lease table '%s' holds row '%.*s' of stream '%.*s', which "
                         "is not one of '%.*s'",
                         c->options.name, c->options.lease_table, TR_FMT(row->key),
                         TR_FMT(row->stream), TR_FMT(c->stream));
    }
}

void tr_consumer_streams_choose(struct tr_consumer *c, const struct tr_lease_row *rows,
                                size_t count)
{
    struct tr_bytes open = {NULL, 0}, newest = {NULL, 0}, chosen;
    bool first = !c->streams.chosen;
    size_t i;

    c->streams.chosen = true;
    for (i = 0; i < count; i++) {
        struct tr_bytes stream = rows[i].stream;
        if (stream.ptr == NULL) {
            continue;
        }
        if (newest.ptr == NULL || !tr_bytes_eq(stream, newest)) { /* nearly all are of one */
            if (!tr_consumer_is_of_table(c, stream)) {
                refuse(c, &rows[i], first);
                continue;
            }
            newest = newest.ptr == NULL || order(stream, newest) > 0 ? stream : newest;
        }
        if (rows[i].checkpoint.kind != TR_POSITION_SHARD_END &&
            (open.ptr == NULL || order(stream, open) < 0)) {
            open = stream;
        }
    }
    chosen = open.ptr != NULL ? open : newest;
    /* Back only at the start: later an older row that is open again is a late view, or waits for a
     * worker that starts. */
    if (c->options.table != NULL && chosen.ptr != NULL && c->held == 0 && c->lent == 0 &&
        (first ? order(chosen, c->stream) != 0 : order(chosen, c->stream) > 0)) {
        c->streams.further = !first;
        follow(c, chosen);
    }
}

void tr_consumer_stream_missing(struct tr_consumer *c)
{
    if (!c->streams.missing && c->options.table != NULL) {
        c->streams.missing = true;
        c->streams.next = c->now;
    }
}

/* Nothing of the present stream is left to be read, and nothing more will come. */
static bool is_drained(const struct tr_consumer *c)
{
    return c->held == 0 && tr_graph_drain(c->graph) == TR_GRAPH_DRAINED;
}

static void ask(struct tr_consumer *c)
{
    struct streams *streams = &c->streams;
    struct tr_bytes after = {NULL, 0};
    struct tr_buf *body = tr_consumer_call(c, tr_consumer_op(OP_STREAMS, NULL, 0), TR_AWS_STREAMS,
                                           TR_AWS_CONTROL, "ListStreams", 0, 0);
    if (streams->list.count > 0) {
        after = tr_buf_bytes(&streams->list.last_evaluated);
    }
    if (body != NULL) {
        tr_encode_list_streams(body, tr_bytes_of(c->options.table), after);
        streams->asking = true;
        streams->next = TR_MONO_NEVER;
    }
}

/* The stream that the table names next behind the present one; whether the present one is among
 * them. */
static struct tr_bytes next_stream(const struct tr_consumer *c, bool *present)
{
    struct tr_bytes best = {NULL, 0}, region, table, label, name;
    size_t i;
    *present = false;
    for (i = 0; i < c->streams.list.count; i++) {
        if (!tr_stream_arn_parts(c->streams.list.streams[i].arn, &region, &table, &label)) {
            continue;
        }
        name = (struct tr_bytes){table.ptr, (size_t)(label.ptr + label.len - table.ptr)};
        *present = *present || order(name, c->stream) == 0;
        if (tr_consumer_is_of_table(c, name) && order(name, c->stream) > 0 &&
            (best.ptr == NULL || order(name, best) < 0)) {
            best = name;
        }
    }
    return best;
}

/* Something of the present stream may never have been read: tell it. Returns whether to go on. */
static bool pass_gap(struct tr_consumer *c)
{
    struct gap gap = {.shard = c->stream};
    if (c->streams.lost) {
        gap.why = "the stream was gone before it was seen to its end; shards of it may never have "
                  "been read";
    } else if (tr_graph_was_emptied(c->graph)) {
        gap.why = "the stream was turned off and emptied before it was read";
    }
    return gap.why == NULL || tr_consumer_gap(c, &gap);
}

/* One that is gone was drained if it was when it was last there: shards do not come to a stream
 * that is off. Nothing of it is missing then, however much later the table's next one comes. */
static bool was_drained(const struct tr_consumer *c)
{
    return c->streams.missing && c->streams.drained && c->held == 0 &&
           tr_graph_drain(c->graph) != TR_GRAPH_IN_USE;
}

static bool nothing_is_left(const struct tr_consumer *c)
{
    return is_drained(c) || was_drained(c);
}

static void answered(struct tr_consumer *c)
{
    struct streams *streams = &c->streams;
    bool present;
    struct tr_bytes next = next_stream(c, &present);

    streams->drained = streams->missing ? streams->drained : is_drained(c);
    if (next.ptr == NULL) {
        streams->none_newer = nothing_is_left(c);
        return;
    }
    if (streams->missing && !present && !streams->lost && !was_drained(c)) {
        streams->lost = true;
        c->listing.active = false;
        c->listing.next = TR_MONO_NEVER; /* there is nothing to be listed */
        tr_consumer_graph_event(
            c, &(struct tr_graph_event){.kind = TR_GRAPH_STREAM_GONE, .now = c->now});
        tr_consumer_note(c, TR_NOTE_STREAM_LOST, (struct tr_bytes){NULL, 0}, 0, 0,
                         tr_buf_bytes(&c->arn));
    }
    if (nothing_is_left(c) && pass_gap(c)) {
        streams->further = true;
        follow(c, next);
    }
}

void tr_consumer_streams_answer(struct tr_consumer *c, struct tr_aws_answer *answer)
{
    struct streams *streams = &c->streams;
    enum tr_status status = answer->status;

    if (!streams->asking) {
        return;
    }
    streams->asking = false;
    if (status == TR_OK) {
        status = tr_stream_list_add(&streams->list, tr_buf_bytes(&answer->body), NULL);
    }
    if (status != TR_OK) {
        tr_stream_list_deinit(&streams->list);
        streams->next = tr_mono_add_ms(
            c->now, tr_consumer_backoff_ms(c, streams->failures++, STREAMS_BACKOFF_MAX_MS));
        return;
    }
    streams->failures = 0;
    if (streams->list.last_evaluated.len > 0) {
        streams->next = c->now;
        return;
    }
    streams->next = tr_mono_add_ms(c->now, c->options.once ? STREAMS_ONCE_ASK_MS : STREAMS_ASK_MS);
    answered(c);
    tr_stream_list_deinit(&streams->list);
}

static bool is_watched(const struct tr_consumer *c)
{
    return c->options.table != NULL && !c->stopping && !c->streams.asking &&
           (c->streams.missing || c->stream_status == TR_STREAM_DISABLED);
}

void tr_consumer_streams_pump(struct tr_consumer *c)
{
    struct streams *streams = &c->streams;
    if (!is_watched(c) || !tr_mono_reached(c->now, streams->next)) {
        return;
    }
    if (streams->list.count > 0 || (streams->missing && !streams->lost) || is_drained(c)) {
        ask(c);
    } else {
        if (c->held == 0 && tr_graph_drain(c->graph) == TR_GRAPH_TO_BE_LISTED) {
            tr_consumer_want_listing(c); /* the last one before the next stream: not in minutes */
        }
        streams->next = tr_mono_add_ms(c->now, STREAMS_LOOK_MS);
    }
}

struct tr_mono tr_consumer_streams_deadline(const struct tr_consumer *c)
{
    return is_watched(c) ? c->streams.next : TR_MONO_NEVER;
}

bool tr_consumer_streams_finished(const struct tr_consumer *c)
{
    return c->options.table == NULL || c->streams.none_newer || tr_consumer_stopped(c) > 0 ||
           !(c->streams.missing || c->stream_status == TR_STREAM_DISABLED);
}
