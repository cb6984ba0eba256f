/* SPDX-License-Identifier: Apache-2.0
 *
 * The coordination core's face: an event is applied to the lease that it is about, then whatever is
 * due by its timers is done. The state table is in lease_known_core.c; what an answer proves is in
 * lease_answer_core.c; who is alive is in lease_watch_core.c, who gets what in
 * lease_balance_core.c. */
#include "lease/lease_core_inside.h"

#include "base/mem.h"

/* More than any lease can need in one event or one timer. */
#define EFFECTS_PER_LEASE 12

enum tr_status tr_lease_core_new(const struct tr_lease_options *options, struct tr_mono now,
                                 struct tr_lease_core **out)
{
    struct tr_lease_core *core = tr_calloc(1, sizeof *core);
    if (core == NULL) {
        return TR_ENOMEM;
    }
    core->worker_bytes = tr_memdup(options->worker_id.ptr, options->worker_id.len);
    core->run_bytes = tr_memdup(options->run.ptr, options->run.len);
    core->stream_bytes = tr_memdup(options->stream.ptr, options->stream.len);
    core->flights = tr_calloc(options->writes_max, sizeof(struct tr_lease *));
    if (core->worker_bytes == NULL || core->run_bytes == NULL || core->stream_bytes == NULL ||
        core->flights == NULL) {
        tr_lease_core_free(core);
        return TR_ENOMEM;
    }
    core->worker_id = (struct tr_bytes){core->worker_bytes, options->worker_id.len};
    if (options->run.ptr != NULL) {
        core->run = (struct tr_bytes){core->run_bytes, options->run.len};
    }
    if (options->stream.ptr != NULL) {
        core->stream = (struct tr_bytes){core->stream_bytes, options->stream.len};
    }
    core->failover_ms = options->failover_ms;
    core->failover_seen_ms = options->failover_ms;
    core->takes_only_free = options->takes_only_free;
    core->leases_max = options->leases_max;
    core->writes_max = options->writes_max;
    core->seed = options->seed;
    tr_random_init(&core->random, options->seed);
    core->now = now;
    core->scan.due = now;
    core->scan.plan = tr_lease_reads_plan(core->failover_ms, 0, 1, false);
    core->scan.told = TR_LEASE_READS_COUNT;
    core->settle_at = core->review_at = TR_MONO_NEVER;
    core->bell.ring_at = TR_MONO_NEVER;
    core->bell.read_at = now;
    core->next_op = 1;
    *out = core;
    return TR_OK;
}

void tr_lease_core_free(struct tr_lease_core *core)
{
    if (core == NULL) {
        return;
    }
    tr_lease_known_free(core);
    tr_lease_balance_free(core);
    tr_free(core->flights);
    tr_free(core->worker_bytes);
    tr_free(core->run_bytes);
    tr_free(core->stream_bytes);
    tr_free(core);
}

/* ---- events: first what needs memory, then what cannot fail ---- */

static struct tr_lease *lease_of_op(const struct tr_lease_core *core,
                                    const struct tr_lease_event *ev, bool read)
{
    size_t i;
    for (i = 0; i < core->flight_count; i++) {
        struct tr_lease *lease = core->flights[i];
        if (lease->op.id == ev->op && lease->op.read == read) {
            return lease;
        }
    }
    return NULL;
}

/* The row to make, as a row. */
static struct tr_lease_row row_to_make(const struct tr_lease_core *core,
                                       const struct tr_lease_event *ev)
{
    const struct tr_lease_write *create = ev->create;
    struct tr_lease_row row = {.key = create->key,
                               .counter = create->counter,
                               .checkpoint = create->position,
                               .stream = create->stream,
                               .without_parents = create->without_parents,
                               .has_start_ms = create->has_start_ms,
                               .start_ms = create->start_ms,
                               .first = create->first};
    if (row.counter == 0 && ev->service.ms > 0) {
        row.counter = (uint64_t)ev->service.ms;
    }
    if (row.stream.ptr == NULL) {
        row.stream = core->stream;
    }
    for (; row.parent_count < create->parent_count; row.parent_count++) {
        row.parents[row.parent_count] = create->parents[row.parent_count];
    }
    return row;
}

/* A row that exists or is being made needs nothing more. One that the last scan lacks may be gone;
 * whoever wants it made has seen so, and the write is conditional on it. */
static bool is_there(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    bool lacking = lease->state == LEASE_FOREIGN && lease->op.id == 0 && lease->scan > 0 &&
                   lease->scan != core->scan.count;
    return lease->state != LEASE_ABSENT && !lacking;
}

static enum tr_status prepare_create(struct tr_lease_core *core, const struct tr_lease_event *ev)
{
    bool limit = false;
    struct tr_lease *lease = tr_lease_known_add(core, ev->create->key, &limit);
    struct tr_lease_row row = row_to_make(core, ev);
    if (lease == NULL) {
        return limit ? TR_ELIMIT : TR_ENOMEM;
    }
    if (is_there(core, lease)) {
        return TR_OK;
    }
    return tr_lease_known_spare(lease, &row) ? TR_OK : TR_ENOMEM;
}

static enum tr_status prepare(struct tr_lease_core *core, const struct tr_lease_event *ev)
{
    struct tr_lease *lease = NULL;
    if (!tr_lease_emit_reserve(core->out, EFFECTS_PER_LEASE)) {
        return TR_ENOMEM;
    }
    switch (ev->kind) {
    case TR_LEASE_EV_SCANNED:
        return tr_lease_scan_prepare(core, ev);
    case TR_LEASE_EV_WRITTEN:
    case TR_LEASE_EV_READ:
        lease = lease_of_op(core, ev, ev->kind == TR_LEASE_EV_READ);
        if (lease != NULL && ev->row_count > 0 && !tr_lease_known_spare(lease, &ev->rows[0])) {
            return TR_ENOMEM;
        }
        return TR_OK;
    case TR_LEASE_EV_CREATE:
        return prepare_create(core, ev);
    case TR_LEASE_EV_TICK:
    case TR_LEASE_EV_SCAN_FAILED:
    case TR_LEASE_EV_READY:
    case TR_LEASE_EV_CHECKPOINT:
    case TR_LEASE_EV_GIVE_UP:
    case TR_LEASE_EV_DELETE:
    case TR_LEASE_EV_LOOK:
    case TR_LEASE_EV_STOP:
        break;
    }
    return TR_OK;
}

static void on_answer(struct tr_lease_core *core, const struct tr_lease_event *ev)
{
    bool read = ev->kind == TR_LEASE_EV_READ;
    struct tr_lease *lease = lease_of_op(core, ev, read);
    if (tr_lease_bell_answer(core, ev) || lease == NULL) {
        return; /* late, repeated or unknown */
    }
    if (read) {
        tr_lease_answer_read(core, lease, ev);
    } else {
        tr_lease_answer_written(core, lease, ev);
    }
    tr_lease_known_schedule(core, lease);
}

static void on_create(struct tr_lease_core *core, const struct tr_lease_event *ev)
{
    struct tr_lease *lease = tr_lease_known_get(core, ev->create->key);
    struct tr_lease_row row = row_to_make(core, ev);
    if (is_there(core, lease)) {
        return;
    }
    if (lease->state == LEASE_FOREIGN) {
        tr_lease_scan_lost(core, lease);
    }
    tr_lease_known_set(core, lease, &row);
    tr_lease_known_enter(core, lease, LEASE_MAKING);
    tr_lease_known_schedule(core, lease);
}

static void on_ready(struct tr_lease_core *core, struct tr_lease *lease)
{
    if (lease != NULL && lease->state != LEASE_ABSENT && lease->state != LEASE_MAKING) {
        tr_lease_balance_ready(core, lease);
        tr_lease_known_schedule(core, lease);
    }
}

/* The position is ahead of what the row holds: write it with the next write, which goes out at once
 * unless one is in flight or has just failed. */
static void want_checkpoint(struct tr_lease_core *core, struct tr_lease *lease,
                            const struct tr_position *position)
{
    if (lease->has_pending && tr_position_cmp(position, &lease->pending) < 0) {
        return;
    }
    lease->has_pending = true;
    lease->pending = *position;
    if (position->kind == TR_POSITION_SHARD_END && lease->state != LEASE_RELEASING) {
        lease->ending = true;
        tr_lease_release(core, lease);
    } else if (lease->attempts == 0 && !lease->row_gone) {
        lease->next_at = core->now;
    }
}

static void on_checkpoint(struct tr_lease_core *core, struct tr_lease *lease,
                          const struct tr_lease_event *ev)
{
    bool open = lease != NULL && (lease->state == LEASE_HELD || lease->state == LEASE_LAPSED ||
                                  (lease->state == LEASE_RELEASING && !lease->tried));
    if (!open) {
        return; /* lost, or its release is on its way: this position is not stored any more */
    }
    if (tr_position_cmp(&ev->position, &lease->row->row.checkpoint) > 0) {
        want_checkpoint(core, lease, &ev->position);
    } else {
        tr_lease_emit(core, lease, TR_LEASE_FX_STORED)->position = lease->row->row.checkpoint;
    }
    tr_lease_known_schedule(core, lease);
}

static void on_give_up(struct tr_lease_core *core, struct tr_lease *lease,
                       const struct tr_lease_event *ev)
{
    if (lease == NULL || lease->state <= LEASE_FOREIGN) {
        struct tr_lease_effect *effect = tr_lease_emit(core, lease, TR_LEASE_FX_RELEASED);
        effect->key = lease != NULL ? lease->key : ev->key;
        effect->status = TR_ENOTFOUND;
        if (lease != NULL) {
            lease->ready = false;
            tr_lease_known_schedule(core, lease);
        }
        return;
    }
    lease->give_up = true;
    if (lease->state == LEASE_HELD || lease->state == LEASE_LAPSED) {
        tr_lease_release(core, lease);
    }
    tr_lease_known_schedule(core, lease);
}

/* Only a row at its end that is nobody's business of ours; anything else stays as it is. */
static void on_delete(struct tr_lease_core *core, struct tr_lease *lease)
{
    if (lease == NULL || lease->state != LEASE_FOREIGN || core->stopping ||
        lease->row->row.checkpoint.kind != TR_POSITION_SHARD_END) {
        return;
    }
    tr_lease_known_enter(core, lease, LEASE_DELETING);
    tr_lease_known_schedule(core, lease);
}

/* Takes that were not sent are dropped; those on their way are released when they turn out well. */
static void on_stop(struct tr_lease_core *core)
{
    struct tr_map_entry *entry;
    core->stopping = true;
    for (entry = tr_map_first(&core->leases); entry != NULL; entry = tr_map_next(entry)) {
        struct tr_lease *lease = tr_map_value(entry);
        if (lease->state == LEASE_TAKING && lease->op.id == 0 && !lease->uncertain && !lease->won &&
            !lease->give_up) {
            tr_lease_known_unwait(core, lease);
            tr_lease_known_enter(core, lease, LEASE_FOREIGN);
        }
        if ((lease->state == LEASE_DELETING || lease->state == LEASE_ASKING) && lease->op.id == 0) {
            tr_lease_known_unwait(core, lease);
            tr_lease_known_enter(core, lease, LEASE_FOREIGN);
        }
        tr_lease_known_schedule(core, lease);
    }
}

static void apply(struct tr_lease_core *core, const struct tr_lease_event *ev)
{
    switch (ev->kind) {
    case TR_LEASE_EV_TICK:
        return;
    case TR_LEASE_EV_SCANNED:
        tr_lease_scan_apply(core, ev);
        return;
    case TR_LEASE_EV_SCAN_FAILED:
        tr_lease_scan_failed(core, ev);
        return;
    case TR_LEASE_EV_WRITTEN:
    case TR_LEASE_EV_READ:
        on_answer(core, ev);
        return;
    case TR_LEASE_EV_CREATE:
        on_create(core, ev);
        return;
    case TR_LEASE_EV_READY:
        on_ready(core, tr_lease_known_get(core, ev->key));
        return;
    case TR_LEASE_EV_CHECKPOINT:
        on_checkpoint(core, tr_lease_known_get(core, ev->key), ev);
        return;
    case TR_LEASE_EV_GIVE_UP:
        on_give_up(core, tr_lease_known_get(core, ev->key), ev);
        return;
    case TR_LEASE_EV_DELETE:
        on_delete(core, tr_lease_known_get(core, ev->key));
        return;
    case TR_LEASE_EV_LOOK:
        if (core->scan.op == 0 || core->scan.segments > 1) {
            core->scan.look = true;
            core->scan.due = tr_mono_min(core->scan.due, core->now);
        }
        return;
    case TR_LEASE_EV_STOP:
        on_stop(core);
        return;
    }
}

/* ---- timers ---- */

static void run_lease(struct tr_lease_core *core, struct tr_lease *lease)
{
    if (lease->op.id != 0 && tr_mono_reached(core->now, lease->op.deadline)) {
        tr_lease_answer_abandon(core, lease);
    }
    if (lease->state == LEASE_HELD && tr_mono_reached(core->now, lease->valid_until)) {
        tr_lease_lapse(core, lease);
    }
    if (lease->state == LEASE_ABSENT && tr_mono_reached(core->now, lease->due)) {
        tr_lease_known_remove(core, lease);
        return;
    }
    if (lease->op.id == 0 && !lease->waiting &&
        tr_mono_reached(core->now, tr_lease_send_at(core, lease))) {
        if (core->flight_count < core->writes_max && core->wait_head == NULL) {
            tr_lease_send(core, lease);
        } else {
            tr_lease_known_wait(core, lease);
        }
    }
    tr_lease_known_schedule(core, lease);
}

/* Whoever waited first gets the place that came free, if it still wants it. */
static bool serve_waiting(struct tr_lease_core *core)
{
    while (core->wait_head != NULL && core->flight_count < core->writes_max) {
        struct tr_lease *lease = core->wait_head;
        if (!tr_lease_emit_reserve(core->out, EFFECTS_PER_LEASE)) {
            return false;
        }
        tr_lease_known_unwait(core, lease);
        if (lease->op.id == 0 && tr_mono_reached(core->now, tr_lease_send_at(core, lease))) {
            tr_lease_send(core, lease);
        }
        tr_lease_known_schedule(core, lease);
    }
    return true;
}

/* Whatever is due. Without memory for its effects it stays due. */
static bool run_timers(struct tr_lease_core *core)
{
    struct tr_lease *lease;
    if (!serve_waiting(core)) {
        return false;
    }
    while ((lease = tr_lease_known_due(core)) != NULL) {
        if (!tr_lease_emit_reserve(core->out, EFFECTS_PER_LEASE)) {
            return false;
        }
        run_lease(core, lease);
    }
    return serve_waiting(core);
}

enum tr_status tr_lease_core_step(struct tr_lease_core *core, const struct tr_lease_event *ev,
                                  struct tr_lease_effects *out)
{
    enum tr_status status;
    bool starved;
    out->count = 0;
    core->out = out;
    core->now = tr_mono_max(core->now, ev->now);
    tr_lease_known_collect(core);
    status = prepare(core, ev);
    if (status == TR_OK) {
        if (ev->service.ms > 0) {
            core->service = ev->service;
            core->service_at = core->now;
        }
        apply(core, ev);
        tr_lease_balance_run(core);
        starved = !run_timers(core);
        tr_lease_scan_run(core);
        tr_lease_bell_run(core);
        if (starved && ev->kind == TR_LEASE_EV_TICK && out->count == 0) {
            status = TR_ENOMEM;
        }
    }
    core->out = NULL;
    return status;
}

struct tr_mono tr_lease_core_deadline(const struct tr_lease_core *core)
{
    struct tr_mono due = tr_mono_min(tr_lease_scan_deadline(core), tr_lease_bell_deadline(core));
    if (core->scanned && !core->stopping) {
        due = tr_mono_min(due, core->review_at);
    }
    if (core->heap_count > 0) {
        due = tr_mono_min(due, core->heap[0]->due);
    }
    if (core->wait_head != NULL && core->flight_count < core->writes_max) {
        due = core->now;
    }
    return due;
}

/* ---- views ---- */

enum tr_lease_view tr_lease_core_view(const struct tr_lease_core *core, struct tr_bytes key)
{
    const struct tr_lease *lease = tr_lease_known_get(core, key);
    if (lease == NULL) {
        return TR_LEASE_UNKNOWN;
    }
    switch (lease->state) {
    case LEASE_DELETING:
    case LEASE_ASKING:
    case LEASE_FOREIGN:
        if (!tr_lease_owner_alive(core, lease)) {
            return TR_LEASE_FREE;
        }
        return lease->moved ? TR_LEASE_ALIVE : TR_LEASE_WATCHED;
    case LEASE_TAKING:
    case LEASE_ADOPTING:
        return TR_LEASE_TAKING;
    case LEASE_HELD:
        return TR_LEASE_HELD;
    case LEASE_LAPSED:
        return TR_LEASE_LAPSED;
    case LEASE_RELEASING:
        return TR_LEASE_RELEASING;
    case LEASE_ABSENT:
    case LEASE_MAKING:
    case LEASE_STATE_COUNT:
        break;
    }
    return TR_LEASE_UNKNOWN;
}

bool tr_lease_core_checkpoint(const struct tr_lease_core *core, struct tr_bytes key,
                              struct tr_position *out)
{
    const struct tr_lease *lease = tr_lease_known_get(core, key);
    if (lease == NULL || lease->state == LEASE_ABSENT || lease->state == LEASE_MAKING) {
        return false;
    }
    *out = lease->row->row.checkpoint;
    return true;
}

uint64_t tr_lease_core_counter(const struct tr_lease_core *core, struct tr_bytes key)
{
    const struct tr_lease *lease = tr_lease_known_get(core, key);
    return lease != NULL ? lease->fence : 0;
}

bool tr_lease_core_scanned(const struct tr_lease_core *core)
{
    return core->scanned;
}

size_t tr_lease_core_in_flight(const struct tr_lease_core *core)
{
    return core->flight_count + (tr_lease_bell_busy(core) ? 1 : 0);
}
