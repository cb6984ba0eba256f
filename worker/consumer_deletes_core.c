/* SPDX-License-Identifier: Apache-2.0
 *
 * Lease rows that are needed no more. Which ended rows of the present stream may go, the shard
 * graph says; the one worker that lists deletes them, a few at a time, each only if nobody has
 * written it since. Rows of streams that the table had before go two days after they were made,
 * once all of them are at their end and a newer stream has begun to be read. */
#include "worker/consumer_parts.h"

#include "base/mem.h"

#define DELETES_EVERY_MS 1000u
#define DELETES_AT_ONCE 16u
#define GAP_BEHIND                                                                                 \
    "shards behind this one may have come and gone: no listing since its end has shown it"

void tr_consumer_deletes_deinit(struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&c->doomed); entry != NULL; entry = tr_map_next(entry)) {
        tr_free(tr_map_value(entry));
    }
    tr_map_deinit(&c->doomed);
}

static void doom(struct tr_consumer *c, struct tr_bytes key, bool gap)
{
    struct doomed *doomed = tr_map_get(&c->doomed, key);
    if (doomed == NULL) {
        doomed = tr_calloc(1, sizeof *doomed);
        if (doomed == NULL || tr_map_set(&c->doomed, key, doomed) != TR_OK) {
            tr_free(doomed);
            c->out_of_memory = true; /* proposed again */
            return;
        }
    }
    doomed->gap = gap;
    doomed->proposed = true;
}

/* What is not proposed any more stays, unless its delete may be under way: its answer tells. */
static void drop_others(struct tr_consumer *c)
{
    struct tr_map_entry *entry = tr_map_first(&c->doomed);
    while (entry != NULL) {
        struct tr_map_entry *next = tr_map_next(entry);
        struct doomed *doomed = tr_map_value(entry);
        if (!doomed->proposed &&
            (doomed->round == 0 || tr_map_get(&c->rows, tr_map_key(entry)) == NULL)) {
            (void)tr_map_remove(&c->doomed, tr_map_key(entry));
            tr_free(doomed);
        }
        entry = next;
    }
}

void tr_consumer_deletes_propose(struct tr_consumer *c, const struct tr_graph_effects *effects)
{
    struct tr_map_entry *entry;
    size_t i;
    if (effects->delete_count == 0 && tr_map_first(&c->doomed) == NULL) {
        return;
    }
    for (entry = tr_map_first(&c->doomed); entry != NULL; entry = tr_map_next(entry)) {
        ((struct doomed *)tr_map_value(entry))->proposed = false;
    }
    for (i = 0; i < effects->delete_count; i++) {
        doom(c, effects->deletes[i].key, effects->deletes[i].gap);
    }
    drop_others(c);
}

static void forget_row(struct tr_consumer *c, struct tr_bytes key)
{
    tr_free(tr_map_remove(&c->rows, key));
}

void tr_consumer_deletes_gone(struct tr_consumer *c, struct tr_bytes key)
{
    struct row_info *info = tr_map_get(&c->rows, key);
    struct doomed *doomed = tr_map_remove(&c->doomed, key);
    bool foreign = info != NULL && info->foreign;
    if (doomed != NULL && doomed->gap && !c->options.stop_on_gap) {
        (void)tr_consumer_gap(c, &(struct gap){.shard = key, .why = GAP_BEHIND});
    }
    tr_free(doomed);
    if (!foreign) {
        tr_consumer_graph_event(
            c, &(struct tr_graph_event){.kind = TR_GRAPH_GONE, .now = c->now, .parent = key});
    }
    forget_row(c, key);
}

/* Whether the graph still counts on the row, and on what is to be read of its shard: it knows for
 * how long scans may lack a row that was just made. */
static bool is_counted_on(const struct tr_consumer *c, struct tr_bytes key,
                          const struct row_info *info)
{
    enum tr_shard_state state = tr_graph_state(c->graph, key);
    return !info->foreign && (state == TR_SHARD_WAITING || state == TR_SHARD_READY ||
                              state == TR_SHARD_BEGUN || state == TR_SHARD_ENDING);
}

/* Rows that two scans lacked and the lease core does not know any more are gone. */
static void forget_vanished(struct tr_consumer *c, uint64_t scan)
{
    struct tr_map_entry *entry = tr_map_first(&c->rows);
    while (entry != NULL) {
        struct tr_map_entry *next = tr_map_next(entry);
        const struct row_info *info = tr_map_value(entry);
        struct tr_bytes key = tr_map_key(entry);
        if (info->scan + 1 < scan && tr_lease_core_view(c->leases, key) == TR_LEASE_UNKNOWN &&
            tr_map_get(&c->by_key, key) == NULL && !is_counted_on(c, key, info)) {
            forget_row(c, key);
        }
        entry = next;
    }
}

/* Two days since it was made; where its counter does not tell when that was, since this worker saw
 * it first. */
static bool is_old(const struct tr_consumer *c, const struct tr_lease_row *row)
{
    int64_t made_ms = tr_lease_row_made_ms(row);
    const struct row_info *info = tr_map_get(&c->rows, row->key);
    if (made_ms > 0) {
        return c->wall.ms - made_ms > TR_GRAPH_CHILDLESS_MS;
    }
    return info != NULL && tr_mono_ms_between(info->since, c->now) > TR_GRAPH_CHILDLESS_MS;
}

/* Whether the row is of an older stream of the table, and none of that is unfinished. Streams are
 * read in turn, so all streams before one that is read are done. */
static bool is_left_over(const struct tr_consumer *c, const struct tr_lease_row *row)
{
    return row->stream.ptr != NULL && tr_consumer_is_of_table(c, row->stream) &&
           tr_bytes_cmp(row->stream, c->stream) < 0 &&
           row->checkpoint.kind == TR_POSITION_SHARD_END && is_old(c, row);
}

void tr_consumer_deletes_scanned(struct tr_consumer *c, uint64_t scan,
                                 const struct tr_lease_row *rows, size_t count)
{
    bool older_open = tr_consumer_has_unread_leftover(c), begun = false;
    size_t i, doomed = 0;
    for (i = 0; i < count; i++) {
        struct row_info *info = tr_map_get(&c->rows, rows[i].key);
        bool older = rows[i].stream.ptr != NULL && tr_bytes_cmp(rows[i].stream, c->stream) < 0;
        if (info != NULL) {
            info->scan = scan;
        }
        older_open |= older && rows[i].checkpoint.kind != TR_POSITION_SHARD_END;
        begun |= rows[i].stream.ptr != NULL && tr_bytes_eq(rows[i].stream, c->stream) &&
                 rows[i].checkpoint.kind != TR_POSITION_TRIM_HORIZON;
    }
    forget_vanished(c, scan);
    for (i = 0; i < count && begun && !older_open && doomed < DELETES_AT_ONCE; i++) {
        if (is_left_over(c, &rows[i])) {
            doom(c, rows[i].key, false);
            doomed++;
        }
    }
}

/* Whether the gap behind a row may be passed: with on_gap: stop the row stays, and is told. */
static bool may_pass(struct tr_consumer *c, struct tr_bytes key, const struct doomed *doomed)
{
    return !doomed->gap || !c->options.stop_on_gap ||
           tr_consumer_gap(c, &(struct gap){.shard = key, .why = GAP_BEHIND});
}

/* One row a turn: its effects may change the map that is walked. */
static bool delete_one(struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&c->doomed); entry != NULL; entry = tr_map_next(entry)) {
        struct doomed *doomed = tr_map_value(entry);
        struct tr_bytes key = tr_map_key(entry);
        if (doomed->proposed && doomed->round != c->delete_round && may_pass(c, key, doomed)) {
            doomed->round = c->delete_round;
            tr_consumer_lease_event(
                c, &(struct tr_lease_event){.kind = TR_LEASE_EV_DELETE, .key = key});
            return true;
        }
    }
    return false;
}

void tr_consumer_deletes_pump(struct tr_consumer *c)
{
    if (tr_map_first(&c->doomed) == NULL || c->stopping || !c->listing.leads ||
        !tr_mono_reached(c->now, c->deletes_next)) {
        return;
    }
    c->deletes_next = tr_mono_add_ms(c->now, DELETES_EVERY_MS);
    c->delete_round++;
    while (delete_one(c)) {
    }
}

static bool any_proposed(const struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&c->doomed); entry != NULL; entry = tr_map_next(entry)) {
        if (((const struct doomed *)tr_map_value(entry))->proposed) {
            return true;
        }
    }
    return false;
}

struct tr_mono tr_consumer_deletes_deadline(const struct tr_consumer *c)
{
    return c->listing.leads && !c->stopping && any_proposed(c) ? c->deletes_next : TR_MONO_NEVER;
}
