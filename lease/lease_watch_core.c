/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at the lease table: whose leases are alive, which may be taken, when to look again. An
 * observer trusts nothing but its own clock, counted from when it received the answer that first
 * showed a row's present owner and counter. */
#include "lease/lease_core_inside.h"

#define SCAN_TIMEOUT_MS_MIN 1000u

/* Counters of others are only ever compared for equality: any change, also backwards, is a sign of
 * life. A longer failover time that the owner stored beside its id is waited for. */
static struct tr_mono expires_at(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    uint64_t stored = lease->row->row.failover_ms;
    return tr_mono_add_ms(lease->since, stored > core->failover_ms ? stored : core->failover_ms);
}

bool tr_lease_owner_alive(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    return lease->row->row.owner.ptr != NULL &&
           !tr_mono_reached(core->now, expires_at(core, lease));
}

struct tr_bytes tr_lease_live_owner(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    const struct tr_lease_row *row = lease->row != NULL ? &lease->row->row : NULL;
    if (lease->state == LEASE_ABSENT || lease->state == LEASE_MAKING ||
        row->checkpoint.kind == TR_POSITION_SHARD_END) {
        return (struct tr_bytes){0};
    }
    if (lease->state == LEASE_HELD || lease->state == LEASE_LAPSED) {
        return core->worker_id;
    }
    return lease->state == LEASE_FOREIGN && row->tailrace && tr_lease_owner_alive(core, lease)
               ? row->owner
               : (struct tr_bytes){0};
}

/* Whether this worker wants the lease at all. Balance between workers belongs here.
 * A row whose counter went back behind one that a write of mine has expected was deleted and made
 * again: taken now, that write could still arrive and find its condition met. */
static bool wanted(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    const struct tr_lease_row *row = lease->row != NULL ? &lease->row->row : NULL;
    return row != NULL && lease->ready && !core->stopping &&
           row->checkpoint.kind != TR_POSITION_SHARD_END && row->counter < TR_LEASE_COUNTER_MAX &&
           row->counter >= lease->expected_high;
}

struct tr_mono tr_lease_take_at(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    if (!wanted(core, lease)) {
        return TR_MONO_NEVER;
    }
    if (lease->row->row.owner.ptr == NULL) {
        return lease->next_at;
    }
    return tr_mono_max(tr_mono_add_ms(expires_at(core, lease), lease->spread_ms), lease->next_at);
}

static bool is_me(const struct tr_lease_core *core, const struct tr_lease_row *row)
{
    return row->owner.ptr != NULL && tr_bytes_eq(row->owner, core->worker_id);
}

/* Two processes with one id are as safe as two with different ones: a row with my id is mine only
 * if it has the counter that my own last write asked for; otherwise it is watched like any other.
 */
static void look_at_mine(struct tr_lease_core *core, struct tr_lease *lease, bool owner_changed)
{
    const struct tr_lease_row *row = &lease->row->row;
    if (lease->claim != 0 && row->counter == lease->claim) {
        if (wanted(core, lease)) {
            tr_lease_known_enter(core, lease, LEASE_ADOPTING);
        }
    } else if (owner_changed) {
        tr_lease_emit_note(core, lease, TR_NOTE_LEASE_TWIN, row->counter, core->worker_id);
    }
}

void tr_lease_observe(struct tr_lease_core *core, struct tr_lease *lease,
                      const struct tr_lease_row *row)
{
    const struct tr_lease_row *old =
        lease->state == LEASE_FOREIGN && lease->row != NULL ? &lease->row->row : NULL;
    bool owner_changed = old == NULL || !tr_bytes_eq(old->owner, row->owner);
    bool moved = !owner_changed && old->counter != row->counter;
    bool shown = old != NULL && tr_lease_known_same(lease, row) &&
                 old->without_parents == row->without_parents &&
                 tr_position_cmp(&old->checkpoint, &row->checkpoint) == 0;

    tr_lease_known_enter(core, lease, LEASE_FOREIGN);
    tr_lease_known_set(core, lease, row);
    if (owner_changed || moved) {
        lease->since = core->now;
        lease->spread_ms = tr_random_below(&core->random, core->failover_ms / 50 + 1);
        lease->moved = moved;
    }
    if (!shown) {
        tr_lease_emit(core, lease, TR_LEASE_FX_ROW)->row = lease->row->row;
    }
    if (is_me(core, row)) {
        look_at_mine(core, lease, owner_changed);
    }
}

/* ---- scans ---- */

/* The interval between scans. Rows that are ended or ours need no watching: with nothing else in
 * the table only new rows can come. */
static uint64_t scan_interval(struct tr_lease_core *core)
{
    uint64_t failover = core->failover_ms;
    struct tr_map_entry *entry;
    bool quiet = tr_map_count(&core->leases) > 0;
    for (entry = tr_map_first(&core->leases); entry != NULL && quiet; entry = tr_map_next(entry)) {
        const struct tr_lease *lease = tr_map_value(entry);
        quiet = lease->state >= LEASE_HELD ||
                (lease->row != NULL && lease->row->row.checkpoint.kind == TR_POSITION_SHARD_END);
    }
    if (quiet) {
        return 2 * failover + tr_random_below(&core->random, failover + 1);
    }
    return failover / 3 + tr_random_below(&core->random, failover / 6 + 1);
}

/* A lost answer must not hide the table for long: half of failover for all pages. */
static uint64_t scan_timeout(const struct tr_lease_core *core)
{
    uint64_t half = core->failover_ms / 2;
    return half > SCAN_TIMEOUT_MS_MIN ? half : SCAN_TIMEOUT_MS_MIN;
}

static struct tr_mono scan_abandoned_at(const struct tr_lease_core *core)
{
    return tr_mono_add_ms(core->scan_sent, scan_timeout(core) + scan_timeout(core) / 4);
}

struct tr_mono tr_lease_scan_deadline(const struct tr_lease_core *core)
{
    if (core->scan_op != 0) {
        return scan_abandoned_at(core);
    }
    return core->stopping ? TR_MONO_NEVER : core->scan_due;
}

static void scan_later(struct tr_lease_core *core)
{
    uint64_t wait = core->failover_ms / 20 + 1;
    wait <<= core->scan_failures < 3 ? core->scan_failures : 3;
    core->scan_failures++;
    core->scan_op = 0;
    core->scan_due = tr_mono_add_ms(core->now, tr_lease_spread(core, wait));
}

void tr_lease_scan_run(struct tr_lease_core *core)
{
    struct tr_lease_effect *effect;
    if (core->scan_op != 0 && tr_mono_reached(core->now, scan_abandoned_at(core))) {
        scan_later(core);
    }
    if (core->scan_op != 0 || core->stopping || !tr_mono_reached(core->now, core->scan_due) ||
        !tr_lease_emit_reserve(core->out, 1)) {
        return;
    }
    core->scan_op = core->next_op++;
    core->scan_sent = core->now;
    effect = tr_lease_emit(core, NULL, TR_LEASE_FX_SCAN);
    effect->op = core->scan_op;
    effect->timeout_ms = scan_timeout(core);
}

void tr_lease_scan_failed(struct tr_lease_core *core, const struct tr_lease_event *ev)
{
    if (ev->op == core->scan_op && ev->op != 0) {
        scan_later(core);
    }
}

enum tr_status tr_lease_scan_prepare(struct tr_lease_core *core, const struct tr_lease_event *ev)
{
    size_t i;
    if (ev->op != core->scan_op || ev->op == 0) {
        return TR_OK;
    }
    if (!tr_lease_emit_reserve(core->out, 2 * ev->row_count + 1)) {
        return TR_ENOMEM;
    }
    for (i = 0; i < ev->row_count; i++) {
        bool limit = false;
        struct tr_lease *lease = tr_lease_known_add(core, ev->rows[i].key, &limit);
        if (lease == NULL && !limit) {
            return TR_ENOMEM;
        }
        if (lease != NULL && !tr_lease_known_spare(lease, &ev->rows[i])) {
            return TR_ENOMEM;
        }
    }
    return TR_OK;
}

/* A scan may be stale: of a lease that is ours it proves nothing. But a counter ahead of mine says
 * that somebody else writes, and my next write finds out. */
static void scanned_own(struct tr_lease_core *core, struct tr_lease *lease,
                        const struct tr_lease_row *row)
{
    if (lease->op.id == 0 && lease->attempts == 0 && !lease->row_gone &&
        row->counter > lease->row->row.counter) {
        lease->next_at = core->now;
    }
}

/* Between two attempts of a take the row may turn out to be another one. */
static void scanned_while_taking(struct tr_lease_core *core, struct tr_lease *lease,
                                 const struct tr_lease_row *row)
{
    bool same =
        lease->row->row.counter == row->counter && tr_bytes_eq(lease->row->row.owner, row->owner);
    if (lease->op.id == 0 && !lease->give_up && !lease->must_read && !same) {
        tr_lease_observe(core, lease, row);
    }
}

static void scanned_row(struct tr_lease_core *core, struct tr_lease *lease,
                        const struct tr_lease_row *row)
{
    if (lease->scan == core->scan_count) {
        return; /* a row that moved between pages is shown twice */
    }
    lease->scan = core->scan_count;
    if (row->failover_ms > core->failover_seen_ms) {
        core->failover_seen_ms = row->failover_ms;
    }
    switch (lease->state) {
    case LEASE_HELD:
    case LEASE_LAPSED:
    case LEASE_RELEASING:
        scanned_own(core, lease, row);
        break;
    case LEASE_ADOPTING:
    case LEASE_DELETING:
        break; /* its conditional write decides */
    case LEASE_MAKING:
        if (lease->op.id == 0) {
            tr_lease_observe(core, lease, row);
        }
        break;
    case LEASE_TAKING:
        scanned_while_taking(core, lease, row);
        break;
    case LEASE_ABSENT:
    case LEASE_FOREIGN:
    case LEASE_STATE_COUNT:
        tr_lease_observe(core, lease, row);
        break;
    }
    tr_lease_known_schedule(core, lease);
}

/* A whole scan lacks the row. Of an own lease the next write finds out; a row that was first seen
 * after the scan began says nothing. */
static void missing_row(struct tr_lease_core *core, struct tr_lease *lease)
{
    bool own = lease->state == LEASE_HELD || lease->state == LEASE_LAPSED;
    if (own && lease->op.id == 0 && lease->attempts == 0 && !lease->row_gone &&
        tr_mono_before(lease->entered, core->scan_sent)) {
        lease->next_at = core->now;
        tr_lease_known_schedule(core, lease);
    }
    if (lease->state != LEASE_FOREIGN || !tr_mono_before(lease->since, core->scan_sent)) {
        return;
    }
    tr_lease_known_unwait(core, lease);
    tr_lease_known_enter(core, lease, LEASE_ABSENT);
    lease->ready = false;
    tr_lease_known_schedule(core, lease);
    if (lease->expected_high == 0) {
        tr_lease_known_remove(core, lease);
    }
}

static void note_limit(struct tr_lease_core *core, const struct tr_lease_event *ev, bool over)
{
    if (over && !core->rows_over) {
        tr_lease_emit_note(core, NULL, TR_NOTE_LEASE_LIMIT, ev->row_count, TR_LIT("rows"));
        core->out->items[core->out->count - 1].note.b = core->leases_max;
    }
    core->rows_over = over;
}

void tr_lease_scan_apply(struct tr_lease_core *core, const struct tr_lease_event *ev)
{
    struct tr_map_entry *entry, *next;
    bool over = false;
    size_t i;
    if (ev->op != core->scan_op || ev->op == 0) {
        return;
    }
    core->scan_op = 0;
    core->scan_failures = 0;
    core->scan_count++;
    core->scanned = true;
    for (i = 0; i < ev->row_count; i++) {
        struct tr_lease *lease = tr_lease_known_get(core, ev->rows[i].key);
        over = over || lease == NULL;
        if (lease != NULL) {
            scanned_row(core, lease, &ev->rows[i]);
        }
    }
    for (entry = tr_map_first(&core->leases); entry != NULL; entry = next) {
        struct tr_lease *lease = tr_map_value(entry);
        next = tr_map_next(entry);
        if (lease->scan != core->scan_count) {
            missing_row(core, lease);
        }
    }
    note_limit(core, ev, over);
    core->scan_due = tr_mono_add_ms(core->now, scan_interval(core));
}
