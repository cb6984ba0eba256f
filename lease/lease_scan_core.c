/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the lease table: when, and how much of it at once. What a scan shows of a watched row
 * goes to lease_watch_core.c; of a lease that is ours it proves nothing, for it may be stale. A row
 * is gone only when a scan lacks it that covers the part where the row was. */
#include "lease/lease_core_inside.h"

#define SCAN_TIMEOUT_MS_MIN 1000u
#define EFFECTS_PER_ROW 4u

/* Ten per cent below the interval, so that workers do not read in step. */
static uint64_t scan_interval(struct tr_lease_core *core)
{
    uint64_t ms = core->scan.plan.interval_ms;
    return ms - tr_random_below(&core->random, ms / 10 + 1);
}

/* A lost answer must not hide the table for long: half of failover for all pages. */
static uint64_t scan_timeout(const struct tr_lease_core *core)
{
    uint64_t half = core->failover_ms / 2;
    return half > SCAN_TIMEOUT_MS_MIN ? half : SCAN_TIMEOUT_MS_MIN;
}

static struct tr_mono scan_abandoned_at(const struct tr_lease_core *core)
{
    return tr_mono_add_ms(core->scan.sent, scan_timeout(core) + scan_timeout(core) / 4);
}

static bool in_round(const struct tr_lease_core *core)
{
    return core->scan.next < core->scan.segments;
}

struct tr_mono tr_lease_scan_deadline(const struct tr_lease_core *core)
{
    if (core->scan.op != 0) {
        return scan_abandoned_at(core);
    }
    return core->stopping ? TR_MONO_NEVER : core->scan.due;
}

void tr_lease_scan_look(struct tr_lease_core *core)
{
    core->scan.look = true;
    if (core->scan.failures == 0) {
        core->scan.due = tr_mono_min(core->scan.due, core->now);
    }
}

static void scan_later(struct tr_lease_core *core)
{
    struct tr_lease_scan *scan = &core->scan;
    uint64_t wait = core->failover_ms / 20 + 1;
    wait <<= scan->failures < 3 ? scan->failures : 3;
    scan->failures++;
    scan->op = 0;
    scan->due = tr_mono_add_ms(core->now, tr_lease_spread(core, wait));
}

/* The worker's own parts in each round, and every second round one more by turns. */
static bool reads_segment(const struct tr_lease_core *core, unsigned segment)
{
    const struct tr_lease_scan *scan = &core->scan;
    return tr_lease_reads_watches(&scan->plan, core->fleet.workers, core->fleet.rank, segment) ||
           (scan->round % 2 == 0 && (scan->round / 2 + core->seed) % scan->segments == segment);
}

/* Move to the next part of the round that is ours to read; behind the last one the round is over.
 */
static void next_segment(struct tr_lease_core *core)
{
    struct tr_lease_scan *scan = &core->scan;
    while (in_round(core) && scan->segments > 1 && !reads_segment(core, scan->next)) {
        scan->next++;
    }
    if (!in_round(core)) {
        scan->due = tr_mono_max(core->now, tr_mono_add_ms(scan->round_at, scan_interval(core)));
    }
}

static void begin_round(struct tr_lease_core *core)
{
    struct tr_lease_scan *scan = &core->scan;
    bool whole = scan->look || scan->plan.segments <= 1;
    scan->look = false;
    scan->segments = whole ? 1 : scan->plan.segments;
    scan->next = 0;
    scan->round++;
    scan->round_at = core->now;
    next_segment(core);
}

static void send_scan(struct tr_lease_core *core)
{
    struct tr_lease_scan *scan = &core->scan;
    struct tr_lease_effect *effect = tr_lease_emit(core, NULL, TR_LEASE_FX_SCAN);
    scan->op = core->next_op++;
    scan->sent = core->now;
    scan->segment = scan->next;
    effect->op = scan->op;
    effect->timeout_ms = scan_timeout(core);
    effect->segment = scan->segment;
    effect->segments = scan->segments;
}

void tr_lease_scan_run(struct tr_lease_core *core)
{
    struct tr_lease_scan *scan = &core->scan;
    if (scan->op != 0 && tr_mono_reached(core->now, scan_abandoned_at(core))) {
        scan_later(core);
    }
    if (scan->op != 0 || core->stopping || !tr_mono_reached(core->now, scan->due) ||
        !tr_lease_emit_reserve(core->out, 1)) {
        return;
    }
    if (!in_round(core) || (scan->look && scan->segments > 1)) {
        begin_round(core);
    }
    if (in_round(core)) {
        send_scan(core);
    }
}

void tr_lease_scan_failed(struct tr_lease_core *core, const struct tr_lease_event *ev)
{
    if (ev->op == core->scan.op && ev->op != 0) {
        scan_later(core);
    }
}

/* What the plan costs is told once, and when it changes its class for longer than a moment. */
static void tell_plan(struct tr_lease_core *core)
{
    struct tr_lease_scan *scan = &core->scan;
    bool first = scan->told == TR_LEASE_READS_COUNT;
    if (core->fleet.rows == 0 || scan->told == scan->plan.class ||
        (!first && tr_mono_ms_between(scan->told_at, core->now) < core->failover_ms)) {
        return;
    }
    scan->told = scan->plan.class;
    scan->told_at = core->now;
    tr_lease_emit_note(core, NULL, TR_NOTE_LEASE_READS, scan->plan.units_hour,
                       tr_bytes_of(tr_lease_reads_text(scan->plan.class)));
    core->out->items[core->out->count - 1].note.b = scan->plan.interval_ms;
}

void tr_lease_scan_plan(struct tr_lease_core *core)
{
    struct tr_lease_scan *scan = &core->scan;
    const struct tr_lease_fleet *fleet = &core->fleet;
    /* A row that is not understood may be mended, and is everybody's to take then. */
    bool quiet = fleet->rows > 0 && fleet->watched == 0 && scan->unread == 0;
    struct tr_lease_reads plan =
        tr_lease_reads_plan(core->failover_ms, fleet->bytes, fleet->workers, quiet);
    bool changed = plan.interval_ms != scan->plan.interval_ms;
    scan->plan = plan;
    if (changed && scan->op == 0 && !in_round(core) && !scan->look && scan->failures == 0) {
        scan->due = tr_mono_max(core->now, tr_mono_add_ms(scan->round_at, scan_interval(core)));
    }
    tell_plan(core);
}

enum tr_status tr_lease_scan_prepare(struct tr_lease_core *core, const struct tr_lease_event *ev)
{
    size_t i;
    if (ev->op != core->scan.op || ev->op == 0) {
        return TR_OK;
    }
    if (!tr_lease_emit_reserve(core->out, EFFECTS_PER_ROW * ev->row_count + 2)) {
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
 * that somebody else writes, or made the row that I miss, and my next write finds out. */
static void scanned_own(struct tr_lease_core *core, struct tr_lease *lease,
                        const struct tr_lease_row *row)
{
    if (lease->op.id == 0 && lease->attempts == 0 && row->counter > lease->row->row.counter) {
        lease->next_at = core->now;
    }
    /* Just as I left it, but for what other workers wrote beside: a request, perhaps. */
    if (row->counter == lease->row->row.counter && tr_lease_is_mine(core, row) &&
        tr_position_cmp(&row->checkpoint, &lease->row->row.checkpoint) == 0) {
        tr_lease_known_set(core, lease, row);
    }
}

/* Between two attempts of a take the row may turn out to be another one. */
static void scanned_while_taking(struct tr_lease_core *core, struct tr_lease *lease,
                                 const struct tr_lease_row *row)
{
    bool same =
        lease->row->row.counter == row->counter && tr_bytes_eq(lease->row->row.owner, row->owner);
    lease->seen_at = core->now;
    if (lease->op.id == 0 && !lease->give_up && !lease->must_read && !same) {
        tr_lease_observe(core, lease, row);
    }
}

static void scanned_row(struct tr_lease_core *core, struct tr_lease *lease,
                        const struct tr_lease_row *row)
{
    if (lease->scan == core->scan.count) {
        return; /* a row that moved between pages is shown twice */
    }
    lease->scan = core->scan.count;
    lease->segment = core->scan.segment;
    lease->segments = core->scan.segments;
    lease->missed = lease->no_bell = false;
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
    case LEASE_ASKING:
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

/* Whether the scan would have shown the row if it were there still. */
static bool covers(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    return core->scan.segments == 1 ||
           (lease->segments == core->scan.segments && lease->segment == core->scan.segment);
}

/* A row that this worker has just made, or released, and a scan that may be older. */
static bool may_be_too_new(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    return lease->made_here && lease->row->row.owner.ptr == NULL &&
           tr_mono_before(core->scan.sent, tr_mono_add_ms(lease->since, TR_LEASE_STALE_MS));
}

void tr_lease_scan_lost(struct tr_lease_core *core, struct tr_lease *lease)
{
    tr_lease_known_unwait(core, lease);
    tr_lease_known_enter(core, lease, LEASE_ABSENT);
    lease->ready = false;
    tr_lease_known_schedule(core, lease);
}

/* The scan lacks the row. Of an own lease a write finds out at once, but not again at each scan: a
 * row that is not understood is there, and lacking in all of them. A row that was first seen after
 * the scan began says nothing. */
static void missing_row(struct tr_lease_core *core, struct tr_lease *lease)
{
    bool own = lease->state == LEASE_HELD || lease->state == LEASE_LAPSED;
    if (own && lease->op.id == 0 && lease->attempts == 0 && !lease->row_gone && !lease->missed &&
        tr_mono_before(lease->entered, core->scan.sent)) {
        lease->missed = true;
        lease->next_at = core->now;
        tr_lease_known_schedule(core, lease);
    }
    if (lease->state != LEASE_FOREIGN || !tr_mono_before(lease->since, core->scan.sent) ||
        may_be_too_new(core, lease)) {
        return;
    }
    tr_lease_scan_lost(core, lease);
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
    struct tr_lease_scan *scan = &core->scan;
    struct tr_map_entry *entry, *next;
    bool over = false;
    size_t i;
    if (ev->op != core->scan.op || ev->op == 0) {
        return;
    }
    scan->op = 0;
    scan->failures = 0;
    scan->unread = scan->segments == 1 || ev->unread > scan->unread ? ev->unread : scan->unread;
    scan->count++;
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
        if (lease->scan != scan->count && covers(core, lease)) {
            missing_row(core, lease);
        }
    }
    note_limit(core, ev, over);
    core->changed = true;
    if (scan->segments == 1) {
        core->scanned = true;
        scan->full_at = scan->sent;
        core->settled = core->settled || !tr_mono_before(scan->sent, core->settle_at);
    }
    scan->next++;
    next_segment(core);
    if (scan->look) {
        scan->due = core->now;
    }
}
