/* SPDX-License-Identifier: Apache-2.0
 *
 * The doorbell: an attribute of the lease row with the smallest key. Whoever releases a lease or
 * asks for one writes it; every worker reads that one row about once a second and scans the table
 * when it says something new. A ring that fails fails nothing: the scans find out later. */
#include "lease/lease_core_inside.h"

#include "base/mutant.h"

#define TOGETHER_MS 50u /* releases within that are told by one ring */
#define ATTEMPTS_MAX 3u

/* The row that all agree on; one that turned out to be gone is passed over until it is seen again.
 */
static struct tr_lease *bell_row(const struct tr_lease_core *core)
{
    struct tr_map_entry *entry;
    struct tr_lease *first = NULL;
    for (entry = tr_map_first(&core->leases); entry != NULL; entry = tr_map_next(entry)) {
        struct tr_lease *lease = tr_map_value(entry);
        if (lease->state != LEASE_ABSENT && lease->state != LEASE_MAKING && !lease->no_bell &&
            (first == NULL || tr_bytes_cmp(lease->key, first->key) < 0)) {
            first = lease;
        }
    }
    return first;
}

void tr_lease_bell_ring(struct tr_lease_core *core)
{
    struct tr_mono soon = tr_mono_add_ms(core->now, TOGETHER_MS);
    core->bell.ring_at = tr_mono_min(core->bell.ring_at, soon);
    core->bell.attempts = 0;
}

bool tr_lease_bell_busy(const struct tr_lease_core *core)
{
    return core->bell.ring_op != 0 || core->bell.ring_at.ns != TR_MONO_NEVER.ns;
}

/* Whoever stops rings when its last release was answered, and not before. */
static struct tr_mono ring_due(const struct tr_lease_core *core)
{
    size_t releasing = core->in_state[LEASE_RELEASING] + core->in_state[LEASE_TAKING] +
                       core->in_state[LEASE_ADOPTING] + core->in_state[LEASE_HELD] +
                       core->in_state[LEASE_LAPSED];
    bool last = core->stopping && releasing == 0 && core->bell.attempts == 0;
    if (core->bell.ring_op != 0) {
        return core->bell.ring_deadline;
    }
    if (core->bell.ring_at.ns == TR_MONO_NEVER.ns) {
        return TR_MONO_NEVER;
    }
    return last ? tr_mono_min(core->bell.ring_at, core->now) : core->bell.ring_at;
}

static struct tr_mono look_due(const struct tr_lease_core *core)
{
    const struct tr_lease_bell *bell = &core->bell;
    bool listens =
        core->scanned && !TR_MUTANT(BELL_UNREAD) && !core->stopping && core->scan.plan.bell_ms > 0;
    if (bell->read_op != 0) {
        return bell->read_deadline;
    }
    return listens ? bell->read_at : TR_MONO_NEVER;
}

struct tr_mono tr_lease_bell_deadline(const struct tr_lease_core *core)
{
    return tr_mono_min(ring_due(core), look_due(core));
}

static void send_ring(struct tr_lease_core *core, const struct tr_lease *lease)
{
    struct tr_lease_bell *bell = &core->bell;
    struct tr_lease_effect *effect = tr_lease_emit(core, lease, TR_LEASE_FX_WRITE);
    uint64_t timeout_ms = tr_lease_attempt_ms(core);
    effect->op = core->next_op++;
    effect->timeout_ms = timeout_ms;
    effect->write = (struct tr_lease_write){
        .kind = TR_LEASE_RING, .key = lease->key, .owner = core->worker_id, .nonce = ++core->nonce};
    bell->ring_at = TR_MONO_NEVER;
    bell->ring_op = effect->op;
    bell->ring_serial = lease->serial;
    bell->ring_deadline = tr_mono_add_ms(core->now, timeout_ms + timeout_ms / 8);
    bell->attempts++;
}

static void ring_failed(struct tr_lease_core *core, uint64_t wait_ms)
{
    struct tr_lease_bell *bell = &core->bell;
    bell->ring_op = 0;
    if (bell->attempts < ATTEMPTS_MAX) {
        bell->ring_at = tr_mono_min(bell->ring_at, tr_mono_add_ms(core->now, wait_ms));
    }
}

static void send_look(struct tr_lease_core *core, const struct tr_lease *lease)
{
    struct tr_lease_bell *bell = &core->bell;
    struct tr_lease_effect *effect = tr_lease_emit(core, lease, TR_LEASE_FX_GLANCE);
    uint64_t ms = core->scan.plan.bell_ms;
    effect->op = core->next_op++;
    effect->timeout_ms = ms;
    bell->read_op = effect->op;
    bell->read_serial = lease->serial;
    bell->read_deadline = tr_mono_add_ms(core->now, ms + ms / 8);
    bell->read_at = tr_mono_add_ms(core->now, ms - tr_random_below(&core->random, ms / 20 + 1));
}

void tr_lease_bell_run(struct tr_lease_core *core)
{
    struct tr_lease_bell *bell = &core->bell;
    const struct tr_lease *lease;
    if (!tr_lease_emit_reserve(core->out, 2)) {
        return;
    }
    if (bell->ring_op != 0 && tr_mono_reached(core->now, bell->ring_deadline)) {
        ring_failed(core, 0);
    }
    if (bell->read_op != 0 && tr_mono_reached(core->now, bell->read_deadline)) {
        bell->read_op = 0;
    }
    if (!tr_mono_reached(core->now, tr_lease_bell_deadline(core))) {
        return;
    }
    lease = bell_row(core);
    if (bell->ring_op == 0 && bell->ring_at.ns != TR_MONO_NEVER.ns &&
        tr_mono_reached(core->now, ring_due(core))) {
        if (lease != NULL) {
            send_ring(core, lease);
        } else {
            bell->ring_at = TR_MONO_NEVER; /* no row: nobody has anything to take */
        }
    }
    if (bell->read_op == 0 && tr_mono_reached(core->now, look_due(core))) {
        bell->read_at = tr_mono_add_ms(core->now, core->scan.plan.bell_ms);
        if (lease != NULL) {
            send_look(core, lease);
        }
    }
}

/* What the row says is new when it differs from what it said, or when another row was agreed on
 * meanwhile; one's own rings are not. */
static void listen(struct tr_lease_core *core, const struct tr_lease_row *row)
{
    struct tr_lease_bell *bell = &core->bell;
    uint64_t says = tr_bytes_hash(row->key) * 31 + tr_bytes_hash(row->bell);
    bool own = tr_bytes_eq(tr_lease_asker(row->bell), core->worker_id);
    says = says != 0 ? says : 1;
    if (bell->seen != 0 && bell->seen != says && !own) {
        tr_lease_scan_look(core);
    }
    bell->seen = says;
}

static void row_is_gone(struct tr_lease_core *core, uint64_t serial)
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&core->leases); entry != NULL; entry = tr_map_next(entry)) {
        struct tr_lease *lease = tr_map_value(entry);
        lease->no_bell = lease->no_bell || lease->serial == serial;
    }
    tr_lease_scan_look(core);
}

bool tr_lease_bell_answer(struct tr_lease_core *core, const struct tr_lease_event *ev)
{
    struct tr_lease_bell *bell = &core->bell;
    if (ev->op == 0) {
        return false;
    }
    if (ev->kind == TR_LEASE_EV_WRITTEN && ev->op == bell->ring_op) {
        bell->ring_op = 0;
        if (ev->status == TR_ECONDITION) {
            row_is_gone(core, bell->ring_serial);
            ring_failed(core, 0);
        } else if (ev->status != TR_OK) {
            ring_failed(core, tr_lease_attempt_ms(core) / 4);
        }
        return true;
    }
    if (ev->kind == TR_LEASE_EV_READ && ev->op == bell->read_op) {
        bell->read_op = 0;
        if (ev->status == TR_ENOTFOUND) {
            row_is_gone(core, bell->read_serial);
        } else if (ev->status == TR_OK && ev->row_count > 0) {
            listen(core, &ev->rows[0]);
        }
        return true;
    }
    return false;
}
