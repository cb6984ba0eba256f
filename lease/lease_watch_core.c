/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows as they are seen: whose owners are alive, which row is this process's own. An observer
 * trusts nothing but its own clock, counted from when it received the answer that first showed a
 * row's present owner and counter. */
#include "lease/lease_core_inside.h"

#include "base/mutant.h"

/* A counter that is ahead of the one seen before by more than any owner can have written. */
#define COUNTER_JUMP 1000000u
#define STALE_WRITES 64u /* of a row as a read shows it that lags behind */

/* Counters of others are only ever compared for equality: any change, also backwards, is a sign of
 * life. A longer failover time that the owner stored beside its id is waited for. */
struct tr_mono tr_lease_expires_at(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    uint64_t stored = TR_MUTANT(OWN_FAILOVER_ONLY) ? 0 : lease->row->row.failover_ms;
    uint64_t wait = stored > core->failover_ms ? stored : core->failover_ms;
    return tr_mono_add_ms(lease->since, TR_MUTANT(TAKEN_TOO_EARLY) ? wait / 2 : wait);
}

bool tr_lease_owner_alive(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    return lease->row->row.owner.ptr != NULL &&
           !tr_mono_reached(core->now, tr_lease_expires_at(core, lease));
}

/* What was not looked at for half a failover time (the table was throttled, or others watch that
 * part of it) may have been renewed meanwhile: nothing is taken by it. */
bool tr_lease_fresh(const struct tr_lease_core *core, const struct tr_lease *lease,
                    struct tr_mono at)
{
    struct tr_mono until = tr_mono_add_ms(lease->seen_at, core->failover_ms / 2);
    return !tr_mono_before(until, tr_mono_max(at, core->now));
}

/* A row's counter may go back behind one that a write of mine has expected: somebody set it back,
 * or deleted the row and made it again. Counted up from there, a tenure of mine would come by that
 * counter once more, and the write, if it is still on its way, would find its condition met. So the
 * take itself leads past all of them. */
uint64_t tr_lease_next_counter(const struct tr_lease *lease)
{
    uint64_t counter = lease->row->row.counter;
    bool takes = lease->state == LEASE_TAKING && !TR_MUTANT(TAKE_RETRACES);
    return (takes && counter < lease->expected_high ? lease->expected_high : counter) + 1;
}

bool tr_lease_wanted(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    const struct tr_lease_row *row = lease->row != NULL ? &lease->row->row : NULL;
    return row != NULL && lease->ready && !core->stopping &&
           row->checkpoint.kind != TR_POSITION_SHARD_END &&
           row->counter <= TR_LEASE_COUNTER_TAKEN_MAX &&
           lease->expected_high <= TR_LEASE_COUNTER_TAKEN_MAX;
}

static bool is_my_id(const struct tr_lease_core *core, const struct tr_lease_row *row)
{
    return row->owner.ptr != NULL && tr_bytes_eq(row->owner, core->worker_id);
}

bool tr_lease_is_mine(const struct tr_lease_core *core, const struct tr_lease_row *row)
{
    return is_my_id(core, row) && (tr_bytes_eq(row->run, core->run) || TR_MUTANT(TWIN_IS_OWN));
}

/* What this process itself wrote, as a read that lags behind shows it. */
static bool is_my_past(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    const struct tr_lease_row *row = &lease->row->row;
    return tr_lease_is_mine(core, row) &&
           (row->counter <= lease->expected_high || row->counter <= lease->claim);
}

/* Two processes with one id are as safe as two with different ones: a row with my id is mine only
 * if it has my run and the counter that my own last write asked for; otherwise it is watched like
 * any other. */
static void look_at_mine(struct tr_lease_core *core, struct tr_lease *lease, bool owner_changed)
{
    const struct tr_lease_row *row = &lease->row->row;
    if (tr_lease_is_mine(core, row) && lease->claim != 0 && row->counter == lease->claim) {
        if (tr_lease_wanted(core, lease)) {
            tr_lease_known_enter(core, lease, LEASE_ADOPTING);
        }
    } else if (owner_changed && !is_my_past(core, lease)) {
        tr_lease_emit_note(core, lease, TR_NOTE_LEASE_TWIN, row->counter, row->run);
    }
}

static bool is_watched(const struct tr_lease *lease)
{
    return lease->state == LEASE_FOREIGN || lease->state == LEASE_ASKING ||
           lease->state == LEASE_DELETING;
}

void tr_lease_look_at_counter(struct tr_lease_core *core, struct tr_lease *lease, uint64_t before)
{
    uint64_t now = lease->row->row.counter;
    if (lease->told_counter || (now >= before && now - before <= COUNTER_JUMP)) {
        return;
    }
    lease->told_counter = true;
    tr_lease_emit_note(core, lease, TR_NOTE_LEASE_COUNTER, before, lease->row->row.owner);
    core->out->items[core->out->count - 1].note.b = now;
}

/* Whether the row may be an old one, as a read shows it that lags behind. */
static bool is_stale(const struct tr_lease_core *core, uint64_t before, struct tr_mono before_at,
                     uint64_t now)
{
    return now < before && before - now <= STALE_WRITES &&
           tr_mono_before(core->now, tr_mono_add_ms(before_at, TR_LEASE_STALE_MS));
}

void tr_lease_observe(struct tr_lease_core *core, struct tr_lease *lease,
                      const struct tr_lease_row *row)
{
    const struct tr_lease_row *old =
        is_watched(lease) && lease->row != NULL ? &lease->row->row : NULL;
    bool owner_changed =
        old == NULL || !tr_bytes_eq(old->owner, row->owner) || !tr_bytes_eq(old->run, row->run);
    uint64_t before = old != NULL ? old->counter : row->counter;
    struct tr_mono before_at = lease->since;
    bool moved = !owner_changed && old->counter != row->counter;
    bool shown = old != NULL && tr_lease_known_same(lease, row) &&
                 old->without_parents == row->without_parents &&
                 tr_position_cmp(&old->checkpoint, &row->checkpoint) == 0;

    tr_lease_known_enter(core, lease, LEASE_FOREIGN);
    tr_lease_known_set(core, lease, row);
    if (owner_changed || (moved && !TR_MUTANT(FRESH_COUNTER_OLD_AGE))) {
        lease->since = TR_MUTANT(AGE_FROM_SENDING) ? core->scan.sent : core->now;
        lease->spread_ms = tr_random_below(&core->random, core->failover_ms / 50 + 1);
        lease->moved = moved;
    }
    lease->seen_at = core->now;
    lease->no_bell = false;
    if (!is_stale(core, before, before_at, row->counter)) {
        tr_lease_look_at_counter(core, lease, before);
    }
    if (!shown) {
        tr_lease_emit(core, lease, TR_LEASE_FX_ROW)->row = lease->row->row;
    }
    if (is_my_id(core, row)) {
        look_at_mine(core, lease, owner_changed);
    }
}
