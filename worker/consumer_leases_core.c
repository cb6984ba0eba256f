/* SPDX-License-Identifier: Apache-2.0
 *
 * The lease table and the shard graph of a consumer: scans, rows to make, leases that become ready.
 * It carries events between the two cores and turns their effects into calls; the rules themselves
 * live in lease/lease_core.c and stream/shard_graph_core.c. */
#include "worker/consumer_parts.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/mutant.h"

#include <string.h>

#define BAD_ROWS_MAX 10000u
#define BAD_ROW_QUIET_MS 60000u
#define GAP_BEFORE "shards before this one were trimmed while nobody read"
#define SCAN_UNIT_BYTES 4096u /* half a read unit, eventually consistent */
/* A scan of thousands of rows makes room for effects by the megabyte: that is not kept. */
#define LEASE_EFFECTS_KEPT 64u
/* A table of more bytes is looked at less often, and has changed in most places by then. */
#define SEEN_BYTES_MAX 65536u

static void row_strings_free(struct wanted *wanted)
{
    size_t i;
    for (i = 0; i < sizeof wanted->strings / sizeof wanted->strings[0]; i++) {
        tr_free(wanted->strings[i]);
    }
    tr_free(wanted);
}

static void free_values(struct tr_map *map, void (*free_value)(void *value))
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(map); entry != NULL; entry = tr_map_next(entry)) {
        free_value(tr_map_value(entry));
    }
    tr_map_deinit(map);
}

static void free_wanted(void *value)
{
    row_strings_free(value);
}

static void scan_reset(struct scan *scan)
{
    size_t i;
    for (i = 0; i < scan->count; i++) {
        tr_lease_rows_deinit(&scan->pages[i]);
    }
    scan->count = 0;
    scan->active = false;
}

void tr_consumer_leases_deinit(struct tr_consumer *c)
{
    free_values(&c->wanted, free_wanted);
    free_values(&c->rows, tr_free);
    tr_map_deinit(&c->by_key);
    tr_map_deinit(&c->stream_names);
    free_values(&c->bad, tr_free);
    tr_map_deinit(&c->gaps);
    scan_reset(&c->scan);
    tr_free(c->scan.pages);
    tr_lease_rows_deinit(&c->scan.seen);
    tr_shard_list_deinit(&c->listing.list);
    tr_buf_deinit(&c->listing.from);
    tr_buf_deinit(&c->listing.list_from);
    tr_consumer_children_deinit(c);
    tr_consumer_ahead_deinit(c);
    tr_consumer_deletes_deinit(c);
    tr_stream_list_deinit(&c->streams.list);
    tr_lease_effects_deinit(&c->lease_effects);
    tr_lease_core_free(c->leases);
    tr_graph_free(c->graph);
}

static bool is_foreign(const struct tr_consumer *c, struct tr_bytes stream)
{
    return stream.ptr != NULL && !tr_bytes_eq(stream, c->stream);
}

/* Our own copy of a stream's name; there are few of them. */
static struct tr_bytes stream_name(struct tr_consumer *c, struct tr_bytes stream)
{
    struct tr_map_entry *entry;
    if (stream.ptr == NULL) {
        return stream;
    }
    entry = tr_map_find(&c->stream_names, stream);
    if (entry == NULL && tr_map_set(&c->stream_names, stream, c) == TR_OK) {
        entry = tr_map_find(&c->stream_names, stream);
    }
    c->out_of_memory = c->out_of_memory || entry == NULL;
    return entry != NULL ? tr_map_key(entry) : (struct tr_bytes){NULL, 0};
}

static void drop_wanted(struct tr_consumer *c, struct tr_map_entry *entry)
{
    struct wanted *wanted = tr_map_value(entry);
    (void)tr_map_remove(&c->wanted, tr_map_key(entry));
    row_strings_free(wanted);
}

void tr_consumer_forget_shards(struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    while ((entry = tr_map_first(&c->wanted)) != NULL) {
        drop_wanted(c, entry);
    }
    for (entry = tr_map_first(&c->rows); entry != NULL; entry = tr_map_next(entry)) {
        struct row_info *info = tr_map_value(entry);
        info->foreign = is_foreign(c, info->stream);
    }
}

bool tr_consumer_has_rows(const struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&c->rows); entry != NULL; entry = tr_map_next(entry)) {
        const struct row_info *info = tr_map_value(entry);
        if (!info->foreign) {
            return true;
        }
    }
    return false;
}

static struct row_info *row_info(struct tr_consumer *c, struct tr_bytes key)
{
    struct row_info *info = tr_map_get(&c->rows, key);
    if (info != NULL) {
        return info;
    }
    info = tr_calloc(1, sizeof *info);
    if (info == NULL || tr_map_set(&c->rows, key, info) != TR_OK) {
        tr_free(info);
        c->out_of_memory = true;
        return NULL;
    }
    info->since = c->now;
    return info;
}

static struct tr_graph_row graph_row_of(const struct tr_lease_row *row)
{
    struct tr_graph_row out = {
        .key = row->key,
        .parent_count = row->parent_count,
        .checkpoint = row->checkpoint,
        .without_parents = row->without_parents,
        .made_ms = tr_lease_row_made_ms(row),
    };
    memcpy(out.parents, row->parents, row->parent_count * sizeof row->parents[0]);
    return out;
}

/* A proposal of the graph, kept with its own strings until its row is seen. */
static void want(struct tr_consumer *c, const struct tr_graph_create *create)
{
    struct wanted *wanted;
    size_t i;

    if (tr_map_get(&c->wanted, create->key) != NULL) {
        return;
    }
    wanted = tr_calloc(1, sizeof *wanted);
    if (wanted == NULL) {
        c->out_of_memory = true;
        return;
    }
    wanted->gap = create->gap;
    wanted->write.kind = TR_LEASE_CREATE;
    wanted->write.position = create->checkpoint;
    wanted->write.has_position = true;
    wanted->write.without_parents = create->without_parents;
    wanted->write.parent_count = create->parent_count;
    for (i = 0; i <= create->parent_count; i++) {
        struct tr_bytes from = i == 0 ? create->key : create->parents[i - 1];
        struct tr_bytes *to = i == 0 ? &wanted->write.key : &wanted->write.parents[i - 1];
        wanted->strings[i] = tr_memdup(from.ptr, from.len);
        if (wanted->strings[i] == NULL) {
            break;
        }
        *to = (struct tr_bytes){wanted->strings[i], from.len};
    }
    if (i <= create->parent_count || tr_map_set(&c->wanted, wanted->write.key, wanted) != TR_OK) {
        row_strings_free(wanted);
        c->out_of_memory = true;
    }
}

/* What the graph proposes now is all that it stands for: a proposal that is not repeated is
 * dropped, unless its row is being made already. */
static void forget_proposals(struct tr_consumer *c)
{
    struct tr_map_entry *entry = tr_map_first(&c->wanted);
    while (entry != NULL) {
        struct tr_map_entry *next = tr_map_next(entry);
        const struct wanted *wanted = tr_map_value(entry);
        if (!wanted->asked) {
            drop_wanted(c, entry);
        }
        entry = next;
    }
}

void tr_consumer_graph_event(struct tr_consumer *c, const struct tr_graph_event *event)
{
    struct tr_graph_effects out = {0};
    struct tr_graph_event stamped = *event;
    enum tr_status status;
    size_t i;

    tr_consumer_look(c);
    stamped.service = c->wall;
    status = tr_graph_step(c->graph, &stamped, &out);

    if (status == TR_ELIMIT) {
        tr_consumer_fail(c, status, "consumer '%s': its stream has more than %u shards",
                         c->options.name, SHARDS_MAX);
    }
    if (status != TR_OK) {
        c->out_of_memory = c->out_of_memory || status == TR_ENOMEM;
        return;
    }
    forget_proposals(c);
    c->want_scan = out.want_scan;
    for (i = 0; i < out.create_count; i++) {
        want(c, &out.creates[i]);
    }
    if (out.need_listing) {
        tr_consumer_need_listing(c);
    } else if (out.want_listing || (out.want_children && c->options.once)) {
        tr_consumer_want_listing(c);
    }
    tr_consumer_deletes_propose(c, &out);
}

/* A row was seen or made: it is wanted no more, and the graph is told. */
static void on_row(struct tr_consumer *c, const struct tr_lease_row *row, bool tell_graph)
{
    struct row_info *info = row_info(c, row->key);
    struct wanted *wanted = tr_map_remove(&c->wanted, row->key);
    struct tr_graph_row graph_row = graph_row_of(row);
    struct tr_graph_event event = {
        .kind = TR_GRAPH_ROW, .now = c->now, .begun = c->now, .rows = &graph_row, .row_count = 1};
    tr_consumer_start_row(c, row);
    if (wanted != NULL) {
        if (wanted->asked && wanted->gap && !is_foreign(c, row->stream)) {
            (void)tr_consumer_gap(c, &(struct gap){.shard = row->key, .why = GAP_BEFORE});
        }
        row_strings_free(wanted);
    }
    if (wanted != NULL || tell_graph) {
        c->families_next = c->now; /* it may be a child that its parent's end waits for */
    }
    if (info == NULL) {
        return;
    }
    info->scan = c->scan.number;
    info->ready_sent = false; /* the lease core forgets it with the row */
    info->stream = stream_name(c, row->stream);
    info->foreign = is_foreign(c, info->stream);
    info->ended = row->checkpoint.kind == TR_POSITION_SHARD_END;
    if (tell_graph && !info->foreign) {
        tr_consumer_graph_event(c, &event);
    }
}

static void begin_scan_page(struct tr_consumer *c)
{
    struct scan *scan = &c->scan;
    struct tr_bytes after = {NULL, 0};
    struct tr_buf *body =
        tr_consumer_call(c, tr_consumer_op(OP_SCAN, NULL, scan->op), TR_AWS_DYNAMODB,
                         TR_AWS_LEASE_READ, "Scan", 0, c->options.failover_ms);
    if (scan->count > 0) {
        after = tr_buf_bytes(&scan->pages[scan->count - 1].last_key);
    }
    if (body != NULL) {
        /* What the fleet's start depends on is not read from a copy that lags behind. */
        if (scan->segments == 1) {
            tr_lease_encode_scan(body, tr_bytes_of(c->options.lease_table),
                                 !tr_consumer_start_settled(c), after);
        } else {
            tr_lease_encode_segment(body, tr_bytes_of(c->options.lease_table), scan->segment,
                                    scan->segments, after);
        }
    }
}

static void emit_write(struct tr_consumer *c, const struct tr_lease_effect *fx)
{
    struct tr_buf encoded = {0};
    const char *operation =
        tr_lease_encode_write(&encoded, tr_bytes_of(c->options.lease_table), &fx->write);
    /* One attempt: what a failed conditional write means is for the core to decide. */
    struct tr_buf *body =
        tr_consumer_call(c, tr_consumer_op(OP_WRITE, NULL, fx->op), TR_AWS_DYNAMODB,
                         TR_AWS_LEASE_WRITE, operation, 1, fx->timeout_ms);
    if (body == NULL) {
        tr_buf_deinit(&encoded);
        return;
    }
    *body = encoded; /* one that failed is answered as a call that could not be started */
}

static void emit_read(struct tr_consumer *c, const struct tr_lease_effect *fx)
{
    struct tr_buf *body =
        tr_consumer_call(c, tr_consumer_op(OP_READ, NULL, fx->op), TR_AWS_DYNAMODB,
                         TR_AWS_LEASE_READ, "GetItem", 0, fx->timeout_ms);
    if (body != NULL && fx->kind == TR_LEASE_FX_GLANCE) {
        tr_lease_encode_glance(body, tr_bytes_of(c->options.lease_table), fx->key);
    } else if (body != NULL) {
        tr_lease_encode_get(body, tr_bytes_of(c->options.lease_table), fx->key);
    }
}

static struct bad_row *bad_row(struct tr_consumer *c, struct tr_bytes key)
{
    struct bad_row *bad = tr_map_get(&c->bad, key);
    if (bad == NULL && tr_map_count(&c->bad) < BAD_ROWS_MAX) {
        bad = tr_calloc(1, sizeof *bad);
        if (bad == NULL || tr_map_set(&c->bad, key, bad) != TR_OK) {
            tr_free(bad);
            c->out_of_memory = true;
            return NULL;
        }
    }
    return bad;
}

/* Whether the last scan showed it. */
static bool is_shown(const struct tr_consumer *c, const struct bad_row *bad)
{
    return bad->scan != 0 && bad->scan >= c->scan.done;
}

/* A scan shows a row that is left as it is: told once, not at every scan, and again when it is bad
 * in another way or was understood in between, as after an edit that did not mend it. Whoever
 * writes it all the time must not fill the log, so once a minute at most. */
static void tell_bad_row(struct tr_consumer *c, struct bad_row *bad, struct tr_bytes name,
                         struct tr_bytes why)
{
    uint64_t hash = tr_bytes_hash(why);
    bad->told = bad->told && is_shown(c, bad) && bad->why == hash;
    if (bad->told || !tr_mono_reached(c->now, bad->quiet_until)) {
        return;
    }
    tr_consumer_note(c, TR_NOTE_LEASE_ROW_BAD, name, 0, 0, why);
    bad->told = true;
    bad->why = hash;
    bad->quiet_until = tr_mono_add_ms(c->now, BAD_ROW_QUIET_MS);
}

static void show_bad_row(struct tr_consumer *c, const struct tr_lease_row *row, const char *why,
                         bool unread)
{
    struct tr_bytes name = row->key.ptr != NULL ? row->key : TR_LIT("");
    struct bad_row *bad = bad_row(c, name);
    if (bad == NULL) {
        return;
    }
    tell_bad_row(c, bad, name, tr_bytes_of(why));
    bad->unread = unread;
    bad->stream = stream_name(c, row->stream);
    bad->scan = c->scan.number;
}

static void on_bad_row(void *ctx, const struct tr_lease_row *row, const char *why)
{
    show_bad_row(ctx, row, why, true);
}

/* A write met a row that is not understood: the next scan says more. */
static void on_bad_row_in_the_way(struct tr_consumer *c, const struct tr_note *note)
{
    if (tr_map_get(&c->bad, note->shard) == NULL) {
        (void)bad_row(c, note->shard);
        tr_consumer_note(c, note->id, note->shard, note->a, note->b, note->text);
    }
}

/* Whether the last scan showed a row of this key that is not understood. */
static bool is_bad(const struct tr_consumer *c, struct tr_bytes key)
{
    const struct bad_row *bad = tr_map_get(&c->bad, key);
    return bad != NULL && is_shown(c, bad);
}

/* A row under this worker's id: whose run it names, and which is ours. Somebody may have copied one
 * of our rows. */
static void note_twin(struct tr_consumer *c, const struct tr_note *note)
{
    struct tr_buf text = {0};
    tr_buf_add_str(&text, c->options.worker_id);
    if (tr_bytes_is(note->text, c->run)) {
        tr_buf_printf(&text, ", run %s, which is this one: a copy of another row", c->run);
    } else if (note->text.len == 0) {
        tr_buf_printf(&text, ", no run, not %s", c->run);
    } else {
        tr_buf_printf(&text, ", run %.*s, not %s", TR_FMT(note->text), c->run);
    }
    tr_consumer_note(c, note->id, note->shard, note->a, 0, tr_buf_bytes(&text));
    tr_buf_deinit(&text);
}

/* Whether the last scan showed of a row of the present stream only that it is there. */
static bool is_unread(const struct tr_consumer *c, const struct tr_map_entry *entry)
{
    const struct bad_row *bad = tr_map_value(entry);
    return bad->unread && tr_map_key(entry).len > 0 && is_shown(c, bad) &&
           !is_foreign(c, bad->stream);
}

bool tr_consumer_has_unread_leftover(const struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&c->bad); entry != NULL; entry = tr_map_next(entry)) {
        const struct bad_row *bad = tr_map_value(entry);
        if (bad->unread && is_shown(c, bad) &&
            (bad->stream.ptr == NULL || tr_bytes_cmp(bad->stream, c->stream) < 0)) {
            return true;
        }
    }
    return false;
}

/* How many rows the last scan showed that are not understood. */
static size_t bad_rows_shown(const struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    size_t count = 0;
    for (entry = tr_map_first(&c->bad); entry != NULL; entry = tr_map_next(entry)) {
        count += is_shown(c, tr_map_value(entry));
    }
    return count;
}

static void on_lease_effect(struct tr_consumer *c, const struct tr_lease_effect *fx, bool in_scan)
{
    struct slot *slot = fx->key.ptr != NULL ? tr_map_get(&c->by_key, fx->key) : NULL;

    switch (fx->kind) {
    case TR_LEASE_FX_SCAN:
        scan_reset(&c->scan);
        c->scan.active = true;
        c->scan.number++;
        c->scan.op = fx->op;
        c->scan.segment = fx->segment;
        c->scan.segments = fx->segments;
        c->scan.begun = c->now;
        begin_scan_page(c);
        break;
    case TR_LEASE_FX_WRITE:
        emit_write(c, fx);
        break;
    case TR_LEASE_FX_READ:
    case TR_LEASE_FX_GLANCE:
        emit_read(c, fx);
        break;
    case TR_LEASE_FX_HAND_OVER:
        if (slot != NULL) {
            slot->handing = true; /* given up by the pump: this is no place to step the core */
        }
        break;
    case TR_LEASE_FX_GRANTED:
        tr_consumer_granted(c, fx);
        break;
    case TR_LEASE_FX_VALID:
        if (slot != NULL) {
            tr_consumer_touch(c, slot);
            tr_consumer_valid(c, slot, fx->valid_until);
        }
        break;
    case TR_LEASE_FX_LOST:
    case TR_LEASE_FX_RELEASED:
        tr_consumer_look(c);
        if (slot != NULL) {
            c->unreleased += c->stopping && fx->kind == TR_LEASE_FX_RELEASED &&
                             fx->status != TR_OK && fx->status != TR_ECONDITION;
            tr_consumer_drop(c, slot);
        }
        break;
    case TR_LEASE_FX_STORED:
        if (slot != NULL) {
            tr_consumer_touch(c, slot);
            tr_consumer_stored(c, slot, &fx->position);
        }
        break;
    case TR_LEASE_FX_GONE:
        tr_consumer_look(c);
        tr_consumer_deletes_gone(c, fx->key);
        break;
    case TR_LEASE_FX_ROW:
        tr_consumer_look(c);
        on_row(c, &fx->row, !in_scan);
        break;
    case TR_LEASE_FX_NOTE:
        if (fx->note.id == TR_NOTE_LEASE_ROW_BAD) {
            on_bad_row_in_the_way(c, &fx->note);
            break;
        }
        if (fx->note.id == TR_NOTE_LEASE_TWIN) {
            note_twin(c, &fx->note);
            break;
        }
        tr_consumer_note(c, fx->note.id, fx->note.shard, fx->note.a, fx->note.b, fx->note.text);
        break;
    }
}

/* Effects are borrowed until the core's next step: no handler above steps the lease core. The
 * service's time goes with every event, for the counters of rows that are made. */
void tr_consumer_lease_event(struct tr_consumer *c, const struct tr_lease_event *event)
{
    struct tr_lease_event stamped = *event;
    /* A whole scan was told to the graph before; a part of the table it learns row by row. */
    bool in_scan = event->kind == TR_LEASE_EV_SCANNED && c->scan.segments == 1;
    size_t i;
    stamped.now = c->now;
    stamped.service = c->wall;
    if (tr_lease_core_step(c->leases, &stamped, &c->lease_effects) != TR_OK) {
        c->out_of_memory = true;
        return;
    }
    for (i = 0; i < c->lease_effects.count; i++) {
        on_lease_effect(c, &c->lease_effects.items[i], in_scan);
    }
    if (c->lease_effects.cap > LEASE_EFFECTS_KEPT) {
        tr_lease_effects_deinit(&c->lease_effects);
    }
}

static void note_scan(struct tr_consumer *c, const struct scan *scan)
{
    uint64_t rows = 0, bytes = 0;
    size_t i;
    for (i = 0; i < scan->count; i++) {
        rows += scan->pages[i].count;
        bytes += scan->pages[i].size;
    }
    tr_consumer_note(c, TR_NOTE_LEASE_SCANNED, (struct tr_bytes){NULL, 0}, rows,
                     bytes > 0 ? (bytes + SCAN_UNIT_BYTES - 1) / SCAN_UNIT_BYTES : 1,
                     (struct tr_bytes){NULL, 0});
}

/* It is understood, and nobody can write it. */
static void on_full_row(struct tr_consumer *c, const struct tr_lease_row *row)
{
    char why[96];
    (void)snprintf(why, sizeof why, "'leaseCounter' is '%llu', which cannot be raised any more",
                   (unsigned long long)row->counter);
    show_bad_row(c, row, why, false);
}

/* All rows of a scan's pages, borrowed from them; NULL without memory. */
static struct tr_lease_row *rows_of(struct tr_consumer *c, const struct scan *scan, size_t *count)
{
    struct tr_lease_row *rows;
    size_t total = 0, i, j;
    *count = 0;
    for (i = 0; i < scan->count; i++) {
        total += scan->pages[i].count;
    }
    rows = tr_malloc(total * sizeof *rows);
    for (i = 0; i < scan->count && rows != NULL; i++) {
        for (j = 0; j < scan->pages[i].count; j++) {
            const struct tr_lease_row *row = &scan->pages[i].rows[j];
            if (row->counter > TR_LEASE_COUNTER_TAKEN_MAX) {
                on_full_row(c, row);
            }
            rows[(*count)++] = *row;
        }
    }
    return rows;
}

/* What a scan of the whole table says besides what it says of each row. */
static void whole_scan(struct tr_consumer *c, struct tr_mono begun, const struct tr_lease_row *rows,
                       size_t count, struct tr_graph_row *graph_rows)
{
    struct tr_graph_event event = {
        .kind = TR_GRAPH_ROWS, .now = c->now, .begun = begun, .rows = graph_rows};
    struct tr_map_entry *entry;
    size_t i;
    tr_consumer_streams_choose(c, rows, count); /* by all rows, or not at all */
    for (i = 0; i < count; i++) {
        if (!is_foreign(c, rows[i].stream)) {
            graph_rows[event.row_count++] = graph_row_of(&rows[i]);
        }
    }
    for (entry = tr_map_first(&c->bad); entry != NULL; entry = tr_map_next(entry)) {
        if (is_unread(c, entry)) {
            graph_rows[event.row_count++] =
                (struct tr_graph_row){.key = tr_map_key(entry), .unread = true};
        }
    }
    tr_consumer_start_scanned(c, rows, count, bad_rows_shown(c));
    event.leaves_only = tr_consumer_start_takes_leaves(c);
    tr_consumer_graph_event(c, &event);
}

/* How many rows of the present stream that scan showed that may be mended. */
static size_t unread_rows(const struct tr_consumer *c, uint64_t number)
{
    struct tr_map_entry *entry;
    size_t count = 0;
    for (entry = tr_map_first(&c->bad); entry != NULL; entry = tr_map_next(entry)) {
        const struct bad_row *bad = tr_map_value(entry);
        count += bad->unread && bad->scan == number && !is_foreign(c, bad->stream);
    }
    return count;
}

/* Everything was read: first the graph (it must know all rows before it proposes any), then the
 * lease core. `scan` is none of the consumer's any more: the core may begin the next one within its
 * step. */
static void scan_complete(struct tr_consumer *c, const struct scan *scan)
{
    struct tr_lease_event event = {.kind = TR_LEASE_EV_SCANNED, .op = scan->op};
    struct tr_lease_row *rows = rows_of(c, scan, &event.row_count);
    struct tr_graph_row *graph_rows =
        tr_malloc((event.row_count + tr_map_count(&c->bad)) * sizeof *graph_rows);
    size_t i;

    note_scan(c, scan);
    c->scan.done = scan->segments == 1 ? scan->number : c->scan.done;
    if (rows == NULL || graph_rows == NULL) {
        c->out_of_memory = true;
    } else {
        event.rows = rows;
        if (scan->segments == 1) {
            whole_scan(c, scan->begun, rows, event.row_count, graph_rows);
        }
        event.unread = unread_rows(c, scan->number);
        tr_consumer_lease_event(c, &event);
        tr_consumer_deletes_scanned(c, scan->number, rows, event.row_count);
        /* What the scan shows is made, also where the lease core knew it already. */
        for (i = 0; i < event.row_count; i++) {
            struct wanted *made = tr_map_remove(&c->wanted, rows[i].key);
            if (made != NULL) {
                row_strings_free(made);
                c->families_next = c->now;
            }
        }
    }
    tr_free(rows);
    tr_free(graph_rows);
}

/* What a look showed is what the next one shows, but for a few rows. */
static void remember_page(struct tr_consumer *c, struct scan *over)
{
    tr_lease_rows_deinit(&c->scan.seen);
    if (over->count == 1 && over->pages[0].text.len <= SEEN_BYTES_MAX) {
        c->scan.seen = over->pages[0];
        over->count = 0;
    }
}

/* Its pages are taken from the consumer first. */
static void scan_over(struct tr_consumer *c)
{
    struct scan over = c->scan;
    c->scan.active = false;
    c->scan.failures = 0;
    c->scan.pages = NULL;
    c->scan.count = c->scan.cap = 0;
    tr_consumer_table_read(c);
    scan_complete(c, &over);
    remember_page(c, &over);
    scan_reset(&over);
    tr_free(over.pages);
}

static void scan_failed(struct tr_consumer *c, enum tr_status status, const struct tr_err *err)
{
    struct tr_lease_event event = {
        .kind = TR_LEASE_EV_SCAN_FAILED, .op = c->scan.op, .status = status};
    scan_reset(&c->scan);
    if (!tr_lease_core_scanned(c->leases) && !tr_consumer_may_pass(status, c->scan.failures)) {
        tr_consumer_fail(c, status, "consumer '%s': read the lease table: %s", c->options.name,
                         err->text);
    }
    c->scan.failures++;
    tr_consumer_table_unread(c, status, err->text[0] != '\0' ? err->text : tr_status_text(status));
    tr_consumer_lease_event(c, &event);
}

static void on_scan(struct tr_consumer *c, uint64_t number, struct tr_aws_answer *answer)
{
    struct scan *scan = &c->scan;
    struct tr_err err = answer->err;
    enum tr_status status = answer->status;
    struct tr_lease_rows *page;

    if (!scan->active || number != scan->op) {
        return;
    }
    tr_consumer_table_refused(c, status);
    if (status == TR_OK &&
        !tr_grow(&scan->pages, &scan->cap, scan->count + 1, sizeof *scan->pages)) {
        status = TR_ENOMEM;
    }
    if (status == TR_OK) {
        page = &scan->pages[scan->count];
        *page = (struct tr_lease_rows){0};
        status = tr_lease_decode_scan(page, &scan->seen, &answer->body, on_bad_row, c, &err);
        scan->count++;
    }
    if (status != TR_OK) {
        scan_failed(c, status == TR_EPARSE ? TR_ECORRUPT : status, &err);
    } else if (!tr_consumer_table_page(c, &scan->pages[scan->count - 1])) {
        scan_reset(scan); /* refused */
    } else if (scan->pages[scan->count - 1].last_key.len > 0) {
        begin_scan_page(c);
    } else {
        scan_over(c);
    }
}

static void on_write(struct tr_consumer *c, uint64_t number, struct tr_aws_answer *answer)
{
    struct tr_lease_event event = {.kind = TR_LEASE_EV_WRITTEN,
                                   .op = number,
                                   .status = answer->status,
                                   .may_have_happened = answer->may_have_happened};
    struct tr_lease_rows rows = {0};
    const char *member = answer->status == TR_OK ? "Attributes" : "Item";

    tr_consumer_table_refused(c, answer->status);
    if ((answer->status == TR_OK || answer->status == TR_ECONDITION) &&
        tr_lease_decode_one(&rows, &answer->body, member, NULL) == TR_OK) {
        event.rows = rows.rows;
        event.row_count = rows.count;
    }
    tr_consumer_lease_event(c, &event);
    tr_lease_rows_deinit(&rows);
}

static void on_read(struct tr_consumer *c, uint64_t number, struct tr_aws_answer *answer)
{
    struct tr_lease_event event = {
        .kind = TR_LEASE_EV_READ, .op = number, .status = answer->status};
    struct tr_lease_rows rows = {0};

    tr_consumer_table_refused(c, answer->status);
    if (answer->status == TR_ENOTFOUND) {
        event.status = TR_ESERVICE; /* the table is gone: that says nothing of the row */
    }
    if (answer->status == TR_OK) {
        event.status = tr_lease_decode_one(&rows, &answer->body, "Item", NULL);
        event.rows = rows.rows;
        event.row_count = event.status == TR_OK ? rows.count : 0;
    }
    tr_consumer_lease_event(c, &event);
    tr_lease_rows_deinit(&rows);
}

void tr_consumer_leases_answer(struct tr_consumer *c, enum op_kind kind, uint64_t number,
                               struct tr_aws_answer *answer)
{
    if (kind == OP_SCAN) {
        on_scan(c, number, answer);
    } else if (kind == OP_WRITE) {
        on_write(c, number, answer);
    } else if (kind == OP_READ) {
        on_read(c, number, answer);
    } else if (kind == OP_STREAMS) {
        tr_consumer_streams_answer(c, answer);
    } else if (kind == OP_CHILDREN) {
        tr_consumer_children_answer(c, number, answer);
    } else {
        tr_consumer_list_answer(c, number, answer);
    }
}

bool tr_consumer_children_wanted(const struct tr_consumer *c, struct tr_bytes parent)
{
    struct tr_map_entry *entry;
    size_t i;
    for (entry = tr_map_first(&c->wanted); entry != NULL; entry = tr_map_next(entry)) {
        const struct wanted *wanted = tr_map_value(entry);
        for (i = 0; i < wanted->write.parent_count; i++) {
            if (tr_bytes_eq(wanted->write.parents[i], parent)) {
                return true;
            }
        }
    }
    return false;
}

/* Parents' rows exist before their children's: a crash half way leaves a prefix of the lineage. */
static bool parents_made(const struct tr_consumer *c, const struct wanted *wanted)
{
    size_t i;
    for (i = 0; i < wanted->write.parent_count && !TR_MUTANT(CHILD_BEFORE_PARENT); i++) {
        if (tr_map_get(&c->wanted, wanted->write.parents[i]) != NULL) {
            return false;
        }
    }
    return true;
}

/* Whether a row can be made now. One behind a gap is not with on_gap: stop: without its row the
 * shard is not read, by no worker that is configured so. */
static bool may_be_made(struct tr_consumer *c, struct wanted *wanted)
{
    if (wanted->asked || is_bad(c, wanted->write.key) || !parents_made(c, wanted)) {
        return false;
    }
    wanted->gap = wanted->gap && !tr_consumer_start_is_recent(c);
    return !wanted->gap || !c->options.stop_on_gap ||
           tr_consumer_gap(c, &(struct gap){.shard = wanted->write.key, .why = GAP_BEFORE});
}

/* The row to make next; until the fleet's start is fixed, the one of the smallest key, so that
 * workers that start at once try the same one. */
static struct wanted *next_wanted(struct tr_consumer *c)
{
    struct wanted *next = NULL;
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&c->wanted); entry != NULL; entry = tr_map_next(entry)) {
        struct wanted *wanted = tr_map_value(entry);
        if ((next == NULL || tr_bytes_cmp(wanted->write.key, next->write.key) < 0) &&
            may_be_made(c, wanted)) {
            next = wanted;
            if (tr_consumer_start_settled(c)) {
                break;
            }
        }
    }
    return next;
}

/* One row a turn: its effects may change the map that is walked. */
static bool make_one_row(struct tr_consumer *c)
{
    struct tr_position first;
    struct wanted *wanted = next_wanted(c);
    struct tr_lease_event event = {.kind = TR_LEASE_EV_CREATE};
    if (wanted == NULL || !tr_consumer_start_stamp(c, &wanted->write)) {
        return false;
    }
    wanted->asked = true;
    wanted->write.stream = c->stream;
    event.key = wanted->write.key;
    /* So that whoever takes the row need not list the shard to know it. */
    wanted->write.first = tr_consumer_first_number(c, event.key, &first);
    event.create = &wanted->write;
    tr_consumer_ahead_ask(c, &wanted->write);
    tr_consumer_lease_event(c, &event);
    return true;
}

static void mark_ready(struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&c->rows); entry != NULL; entry = tr_map_next(entry)) {
        struct row_info *info = tr_map_value(entry);
        struct tr_bytes key = tr_map_key(entry);
        if (info->ready_sent || info->ended || info->foreign ||
            !tr_graph_may_start(c->graph, key)) {
            continue;
        }
        info->ready_sent = true;
        tr_consumer_lease_event(c, &(struct tr_lease_event){.kind = TR_LEASE_EV_READY, .key = key});
    }
}

void tr_consumer_leases_pump(struct tr_consumer *c)
{
    if (tr_mono_reached(c->now, tr_lease_core_deadline(c->leases))) {
        tr_consumer_lease_event(c, &(struct tr_lease_event){.kind = TR_LEASE_EV_TICK});
    }
    if (c->phase != PHASE_RUN) {
        return;
    }
    if (c->want_scan && tr_lease_core_scanned(c->leases)) {
        c->want_scan = false;
        tr_consumer_lease_event(c, &(struct tr_lease_event){.kind = TR_LEASE_EV_LOOK});
    }
    tr_consumer_streams_pump(c);
    tr_consumer_table_pump(c);
    tr_consumer_listing_pump(c);
    tr_consumer_deletes_pump(c);
    /* Rows are made only after a complete scan has shown which exist. */
    if (tr_lease_core_scanned(c->leases) && tr_consumer_looks(c)) {
        while (make_one_row(c)) {
        }
        tr_consumer_start_pump(c);
        if (tr_consumer_start_settled(c) && tr_consumer_table_known(c)) {
            mark_ready(c);
        }
    }
}

struct tr_mono tr_consumer_leases_deadline(const struct tr_consumer *c)
{
    struct tr_mono at = tr_lease_core_deadline(c->leases);
    /* Who stops lists no more: a listing that came due then is no deadline. */
    return c->phase == PHASE_RUN
               ? tr_mono_min(tr_mono_min(at, tr_consumer_table_deadline(c)),
                             tr_mono_min(tr_consumer_listing_deadline(c),
                                         tr_mono_min(tr_consumer_deletes_deadline(c),
                                                     tr_consumer_streams_deadline(c))))
               : at;
}

static bool row_finished(const struct tr_consumer *c, struct tr_bytes key,
                         const struct row_info *info)
{
    const struct slot *slot;
    if (info->foreign || is_bad(c, key)) {
        return true;
    }
    if (info->ended) {
        return !tr_consumer_child_due(c, key, info);
    }
    switch (tr_lease_core_view(c->leases, key)) {
    case TR_LEASE_HELD:
        slot = tr_map_get(&c->by_key, key);
        return slot != NULL && tr_consumer_slot_finished(c, slot);
    case TR_LEASE_ALIVE:
        return true; /* left to the worker that keeps it alive */
    case TR_LEASE_UNKNOWN:
    case TR_LEASE_WATCHED:
    case TR_LEASE_FREE:
        /* Not to be read before its parents are, and those are somebody else's. */
        return !tr_graph_may_start(c->graph, key);
    case TR_LEASE_TAKING:
    case TR_LEASE_LAPSED:
    case TR_LEASE_RELEASING:
        break;
    }
    return false;
}

/* Rows that are still to be made. One that a bad row stands in the way of is not, nor is one whose
 * parents' rows it waits for in vain. */
static bool are_rows_coming(const struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&c->wanted); entry != NULL; entry = tr_map_next(entry)) {
        const struct wanted *wanted = tr_map_value(entry);
        if (!is_bad(c, wanted->write.key) && !tr_consumer_gap_holds(c, wanted->write.key) &&
            (wanted->asked || parents_made(c, wanted))) {
            return true;
        }
    }
    return false;
}

void tr_consumer_judge_bad_rows(struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    if (c->gap_err.text[0] != '\0') {
        tr_consumer_fail(c, TR_ETRIMMED, "%s", c->gap_err.text);
    }
    for (entry = tr_map_first(&c->bad); entry != NULL; entry = tr_map_next(entry)) {
        struct tr_bytes key = tr_map_key(entry);
        if (is_bad(c, key)) {
            tr_consumer_note(c, TR_NOTE_SHARD_STUCK, key, 0, 0,
                             TR_LIT("its lease row is not understood"));
            tr_consumer_fail(c, TR_ECORRUPT,
                             "consumer '%s': shard '%.*s': its lease row is not understood",
                             c->options.name, TR_FMT(key));
        }
    }
}

bool tr_consumer_leases_finished(const struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    /* What on_gap: stop holds stays as it is; a stream that is gone is not listed any more. */
    bool held = tr_consumer_stopped(c) > 0;
    if (!(c->listing.complete_once || (held && c->streams.lost)) || c->listing.active ||
        !tr_lease_core_scanned(c->leases) || are_rows_coming(c) ||
        !tr_consumer_streams_finished(c) ||
        !(tr_graph_settled(c->graph) || bad_rows_shown(c) > 0 || held)) {
        return false;
    }
    for (entry = tr_map_first(&c->rows); entry != NULL; entry = tr_map_next(entry)) {
        if (!row_finished(c, tr_map_key(entry), tr_map_value(entry))) {
            return false;
        }
    }
    return true;
}
