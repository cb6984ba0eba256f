/* SPDX-License-Identifier: Apache-2.0
 *
 * Who gets what. The fleet is counted from the rows; from that follow a worker's share, which free
 * leases it takes and how soon, whom it asks for a lease, what it hands over when it is asked, and
 * what it steals from a KCL worker. A move must help: it takes place only from a worker that has at
 * least two leases more. */
#include "lease/lease_core_inside.h"

#include "base/mem.h"
#include "base/mutant.h"

#include <string.h>

#define SETTLE_MS_MAX 500u        /* those who start together see each other within that */
#define OTHERS_FIRST_MS_MAX 3000u /* a released lease waits so long for the worker that asked */
/* A look a second, this and the calls: what was released is taken within 1.2 s. */
#define NOT_MINE_MS_MAX 100u
#define ROW_BYTES 400u /* of a row whose size no answer has told yet */

/* ---- counting ---- */

static struct tr_lease_peer *peer_of(struct tr_lease_core *core, struct tr_bytes id)
{
    struct tr_lease_peer *peer = tr_map_get(&core->fleet.peers, id);
    char *bytes;
    if (peer != NULL) {
        return peer;
    }
    peer = tr_calloc(1, sizeof *peer + id.len);
    if (peer == NULL) {
        return NULL;
    }
    bytes = (char *)(peer + 1);
    memcpy(bytes, id.ptr, id.len);
    peer->id = (struct tr_bytes){bytes, id.len};
    if (tr_map_set(&core->fleet.peers, peer->id, peer) != TR_OK) {
        tr_free(peer);
        return NULL;
    }
    return peer;
}

void tr_lease_balance_free(struct tr_lease_core *core)
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&core->fleet.peers); entry != NULL; entry = tr_map_next(entry)) {
        tr_free(tr_map_value(entry));
    }
    tr_map_deinit(&core->fleet.peers);
}

/* Leases that this worker holds or is about to, without those that it hands over. */
static size_t mine(const struct tr_lease_core *core)
{
    return core->in_state[LEASE_TAKING] + core->in_state[LEASE_ADOPTING] +
           core->in_state[LEASE_HELD] + core->in_state[LEASE_LAPSED] - core->handing;
}

/* A request whose nonce has stood still for a failover time is a dead worker's. */
static bool request_lives(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    return lease->row->row.request.ptr != NULL &&
           !tr_mono_reached(core->now, tr_mono_add_ms(lease->asked_at, core->failover_ms));
}

static bool asked_by_me(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    return request_lives(core, lease) &&
           tr_bytes_eq(tr_lease_asker(lease->row->row.request), core->worker_id);
}

bool tr_lease_is_asked(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    struct tr_bytes asker = {0};
    if (request_lives(core, lease)) {
        asker = tr_lease_asker(lease->row->row.request);
    }
    return asker.ptr != NULL && !tr_bytes_eq(asker, core->worker_id) &&
           !tr_bytes_eq(asker, lease->row->row.owner);
}

static bool is_held_by_other(const struct tr_lease *lease)
{
    return (lease->state == LEASE_FOREIGN || lease->state == LEASE_ASKING) &&
           lease->row->row.owner.ptr != NULL;
}

static bool is_held_by_nobody(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    return lease->state == LEASE_FOREIGN && !tr_lease_owner_alive(core, lease) &&
           (lease->row->row.owner.ptr == NULL || tr_lease_fresh(core, lease, core->now));
}

static bool is_available(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    return lease->state == LEASE_FOREIGN && tr_lease_wanted(core, lease) &&
           !tr_lease_owner_alive(core, lease) && tr_lease_fresh(core, lease, core->now);
}

/* Held by somebody, or free to be read. A row that waits for its parents is nobody's to take, and
 * may wait for a day (behind a shard that went before its time): if it counted, one worker could
 * hold all that is read and yet no more than its share. */
static bool is_to_share(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    return lease->ready || !is_held_by_nobody(core, lease);
}

static bool count_owner(struct tr_lease_core *core, const struct tr_lease *lease)
{
    const struct tr_lease_row *row = &lease->row->row;
    struct tr_lease_peer *peer = peer_of(core, row->owner);
    if (peer == NULL) {
        return false;
    }
    peer->tailrace = peer->tailrace || row->tailrace;
    if (tr_lease_owner_alive(core, lease)) {
        peer->alive++;
        peer->held++;
    } else if (!tr_lease_fresh(core, lease, core->now)) {
        peer->unknown++;
        peer->held++;
    } else if (lease->ready) {
        peer->expired++;
    }
    return true;
}

/* A worker that holds nothing is known by its requests only. */
static bool count_request(struct tr_lease_core *core, const struct tr_lease *lease)
{
    struct tr_lease_peer *peer;
    if (!tr_lease_is_asked(core, lease)) {
        return true;
    }
    peer = peer_of(core, tr_lease_asker(lease->row->row.request));
    if (peer == NULL) {
        return false;
    }
    peer->asks++;
    peer->tailrace = true;
    peer->given += lease->handing || lease->row->row.owner.ptr == NULL;
    return true;
}

static bool count_lease(struct tr_lease_core *core, const struct tr_lease *lease)
{
    struct tr_lease_fleet *fleet = &core->fleet;
    const struct tr_lease_row *row = lease->row != NULL ? &lease->row->row : NULL;
    if (lease->state == LEASE_ABSENT || row == NULL) {
        return true;
    }
    fleet->rows++;
    fleet->bytes += row->size > 0 ? row->size : ROW_BYTES;
    if (lease->state == LEASE_MAKING) {
        fleet->watched++;
        return true;
    }
    if (row->checkpoint.kind == TR_POSITION_SHARD_END) {
        return true;
    }
    fleet->to_share += is_to_share(core, lease);
    fleet->watched += lease->state < LEASE_HELD;
    fleet->available += is_available(core, lease);
    return count_request(core, lease) && (!is_held_by_other(lease) || count_owner(core, lease));
}

static void reset_fleet(struct tr_lease_core *core)
{
    struct tr_map_entry *entry;
    struct tr_map peers = core->fleet.peers;
    for (entry = tr_map_first(&peers); entry != NULL; entry = tr_map_next(entry)) {
        struct tr_lease_peer *peer = tr_map_value(entry);
        *peer = (struct tr_lease_peer){.id = peer->id};
    }
    core->fleet = (struct tr_lease_fleet){.peers = peers};
}

/* Alive by one lease that is; by what is known of none to the contrary; or by asking. */
static bool is_live(const struct tr_lease_peer *peer)
{
    return peer->alive > 0 || peer->asks > 0 || (peer->unknown > 0 && peer->expired == 0);
}

/* Those that no row names any more are forgotten. */
static void count_peers(struct tr_lease_core *core)
{
    struct tr_lease_fleet *fleet = &core->fleet;
    struct tr_map_entry *entry, *next;
    fleet->workers = fleet->takers = 1;
    for (entry = tr_map_first(&fleet->peers); entry != NULL; entry = next) {
        struct tr_lease_peer *peer = tr_map_value(entry);
        next = tr_map_next(entry);
        if (is_live(peer)) {
            fleet->workers++;
            fleet->takers += peer->expired == 0;
            fleet->rank += tr_bytes_cmp(peer->id, core->worker_id) < 0;
            fleet->kcl = fleet->kcl || !peer->tailrace;
        } else if (peer->held + peer->expired == 0) {
            (void)tr_map_remove(&fleet->peers, peer->id);
            tr_free(peer);
        }
    }
}

static bool count_fleet(struct tr_lease_core *core)
{
    struct tr_map_entry *entry;
    reset_fleet(core);
    for (entry = tr_map_first(&core->leases); entry != NULL; entry = tr_map_next(entry)) {
        if (!count_lease(core, tr_map_value(entry))) {
            core->fleet.workers = core->fleet.takers = 1;
            return false;
        }
    }
    count_peers(core);
    return true;
}

bool tr_lease_core_leads(const struct tr_lease_core *core)
{
    struct tr_map_entry *entry;
    struct tr_bytes first = {0};
    if (core->in_state[LEASE_HELD] + core->in_state[LEASE_LAPSED] > 0) {
        first = core->worker_id;
    }
    for (entry = tr_map_first(&core->fleet.peers); entry != NULL; entry = tr_map_next(entry)) {
        const struct tr_lease_peer *peer = tr_map_value(entry);
        if (peer->tailrace && peer->held > 0 && is_live(peer) &&
            (first.ptr == NULL || tr_bytes_cmp(peer->id, first) < 0)) {
            first = peer->id;
        }
    }
    return first.ptr == NULL || tr_bytes_eq(first, core->worker_id);
}

size_t tr_lease_core_workers(const struct tr_lease_core *core)
{
    return core->fleet.workers > 0 ? core->fleet.workers : 1;
}

/* ---- taking what is free ---- */

void tr_lease_balance_ready(struct tr_lease_core *core, struct tr_lease *lease)
{
    bool unfinished = lease->row->row.checkpoint.kind != TR_POSITION_SHARD_END;
    core->fleet.to_share += unfinished && !is_to_share(core, lease);
    lease->ready = true;
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static size_t share_of(size_t leases, size_t workers)
{
    return workers == 0 || workers >= leases ? 1 : (leases + workers - 1) / workers;
}

/* Each worker begins with the free leases that fall to it by lot, so that they do not collide. */
static bool is_preferred(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    size_t workers = core->fleet.workers;
    return workers < 2 || tr_bytes_hash(lease->key) % workers == core->fleet.rank;
}

/* A child of a shard that this worker has just ended, and whose row it has just made. */
static bool is_own_child(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    const struct tr_lease_row *row = &lease->row->row;
    size_t i;
    for (i = 0; i < row->parent_count && lease->made_here && row->owner.ptr == NULL; i++) {
        const struct tr_lease *parent = tr_lease_known_get(core, row->parents[i]);
        if (parent != NULL && parent->finished_here) {
            return true;
        }
    }
    return false;
}

/* Whether a released lease is to wait for the worker that asked for it: while that one lacks it. */
static bool waits_for_asker(const struct tr_lease_core *core, const struct tr_lease *lease,
                            size_t share)
{
    const struct tr_lease_peer *asker;
    if (!tr_lease_is_asked(core, lease)) {
        return false;
    }
    asker = tr_map_get(&core->fleet.peers, tr_lease_asker(lease->row->row.request));
    return asker == NULL || asker->held < share;
}

/* How long a lease that is free is left to others. Within its share a worker takes at once, and a
 * child of what it has just ended also when that makes one more: others have not seen it yet, and
 * so it is read without a pause. What still lies there a little later is taken by anybody, so that
 * nothing stays unread. */
static uint64_t patience_ms(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    size_t share = share_of(core->fleet.to_share, core->fleet.takers);
    bool free = lease->row->row.owner.ptr == NULL;
    uint64_t asked_ms = core->failover_ms / 2;
    if (free && waits_for_asker(core, lease, share)) {
        return asked_ms < OTHERS_FIRST_MS_MAX ? asked_ms : OTHERS_FIRST_MS_MAX;
    }
    if (mine(core) >= share + is_own_child(core, lease)) {
        return clamp(core->failover_ms / 20, 200, 1000);
    }
    return free && !asked_by_me(core, lease) && !is_own_child(core, lease) &&
                   !is_preferred(core, lease)
               ? clamp(core->failover_ms / 50, 50, NOT_MINE_MS_MAX)
               : 0;
}

struct tr_mono tr_lease_take_at(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    struct tr_mono at;
    if (!tr_lease_wanted(core, lease)) {
        return TR_MONO_NEVER;
    }
    if (lease->steal) {
        return lease->next_at;
    }
    if (!core->settled && mine(core) > 0 && !is_own_child(core, lease)) {
        return TR_MONO_NEVER;
    }
    at = lease->row->row.owner.ptr == NULL
             ? tr_mono_max(lease->since, core->settled ? core->settle_at : lease->since)
             : tr_mono_add_ms(tr_lease_expires_at(core, lease), lease->spread_ms);
    at = tr_mono_max(tr_mono_add_ms(at, patience_ms(core, lease)), lease->next_at);
    return tr_lease_fresh(core, lease, at) ? at : TR_MONO_NEVER;
}

/* The first one: then it is looked who else has started, before the rest is taken. */
void tr_lease_balance_taking(struct tr_lease_core *core, struct tr_lease *lease)
{
    uint64_t settle_ms = core->failover_ms / 10;
    if (!core->settled && core->settle_at.ns == TR_MONO_NEVER.ns) {
        core->settle_at =
            tr_mono_add_ms(core->now, settle_ms < SETTLE_MS_MAX ? settle_ms : SETTLE_MS_MAX);
        core->review_at = tr_mono_min(core->review_at, core->settle_at);
    }
    if (lease->steal) {
        tr_lease_emit_note(core, lease, TR_NOTE_LEASE_STEALING, lease->row->row.counter,
                           lease->row->row.owner);
    }
}

/* ---- moving what is held ---- */

/* By this worker's latest view, and counting what is on its way already. */
static bool move_helps(const struct tr_lease_core *core, const struct tr_lease_peer *to)
{
    const struct tr_lease_fleet *fleet = &core->fleet;
    size_t have = mine(core), theirs = to->held + to->given;
    if (TR_MUTANT(MOVES_FOR_NOTHING)) {
        return have > theirs;
    }
    return !TR_MUTANT(REQUEST_IGNORED) && have >= theirs + 2 &&
           have > fleet->to_share / fleet->workers;
}

static bool hand_over(struct tr_lease_core *core, struct tr_lease *lease)
{
    struct tr_bytes asker;
    struct tr_lease_peer *peer;
    if (lease->state != LEASE_HELD || lease->handing || lease->give_up ||
        !tr_lease_is_asked(core, lease)) {
        return true;
    }
    asker = tr_lease_asker(lease->row->row.request);
    peer = tr_map_get(&core->fleet.peers, asker);
    if (peer == NULL || !move_helps(core, peer)) {
        return true;
    }
    if (!tr_lease_emit_reserve(core->out, 2)) {
        return false;
    }
    lease->handing = true;
    core->handing++;
    peer->given++;
    tr_lease_emit(core, lease, TR_LEASE_FX_HAND_OVER);
    tr_lease_emit_note(core, lease, TR_NOTE_LEASE_HANDED, lease->row->row.counter, asker);
    return true;
}

static struct tr_lease_peer *most_loaded(const struct tr_lease_core *core, bool tailrace)
{
    struct tr_map_entry *entry;
    struct tr_lease_peer *most = NULL;
    for (entry = tr_map_first(&core->fleet.peers); entry != NULL; entry = tr_map_next(entry)) {
        struct tr_lease_peer *peer = tr_map_value(entry);
        if (peer->tailrace == tailrace && peer->alive > 0 &&
            (most == NULL || peer->held > most->held)) {
            most = peer;
        }
    }
    return most;
}

/* Of a worker's leases, the one that comes first in this worker's order among those that it may ask
 * for: alive, looked at lately, readable, and asked for by nobody. */
static struct tr_lease *pick(const struct tr_lease_core *core, const struct tr_lease_peer *peer)
{
    struct tr_map_entry *entry;
    struct tr_lease *best = NULL;
    for (entry = tr_map_first(&core->leases); entry != NULL; entry = tr_map_next(entry)) {
        struct tr_lease *lease = tr_map_value(entry);
        bool fits = lease->state == LEASE_FOREIGN && !lease->steal &&
                    tr_lease_wanted(core, lease) && tr_bytes_eq(lease->row->row.owner, peer->id) &&
                    tr_lease_owner_alive(core, lease) && tr_lease_fresh(core, lease, core->now);
        if (fits && !request_lives(core, lease) &&
            tr_mono_reached(core->now, tr_mono_add_ms(lease->ask_at, core->failover_ms * 7 / 10)) &&
            (best == NULL || lease->shuffle < best->shuffle)) {
            best = lease;
        }
    }
    return best;
}

static void ask(struct tr_lease_core *core, struct tr_lease *lease)
{
    lease->ask_at = core->now;
    tr_lease_known_enter(core, lease, LEASE_ASKING);
    tr_lease_known_schedule(core, lease);
}

/* Whether the peer would give one up to a worker that has so many. */
static bool would_give(const struct tr_lease_core *core, const struct tr_lease_peer *peer,
                       size_t have)
{
    const struct tr_lease_fleet *fleet = &core->fleet;
    if (TR_MUTANT(MOVES_FOR_NOTHING)) {
        return peer->held > have;
    }
    return peer->held >= have + 2 && peer->held > fleet->to_share / fleet->workers;
}

/* Requests that may still be fulfilled. Those that grow old are written again, so that they do not
 * die; one in a row whose owner has no lease too many any more is left to die. */
static size_t ask_again(struct tr_lease_core *core, size_t lack)
{
    struct tr_map_entry *entry;
    size_t kept = 0, have = mine(core);
    for (entry = tr_map_first(&core->leases); entry != NULL && kept < lack;
         entry = tr_map_next(entry)) {
        struct tr_lease *lease = tr_map_value(entry);
        struct tr_mono old = tr_mono_add_ms(lease->ask_at, core->failover_ms * 7 / 10);
        struct tr_lease_peer *peer;
        if (!is_held_by_other(lease) ||
            !(lease->state == LEASE_ASKING || asked_by_me(core, lease))) {
            continue;
        }
        peer = tr_map_get(&core->fleet.peers, lease->row->row.owner);
        if (peer == NULL || !would_give(core, peer, have + kept)) {
            continue;
        }
        peer->held--;
        kept++;
        if (lease->state == LEASE_FOREIGN && tr_mono_reached(core->now, old)) {
            ask(core, lease);
        } else if (lease->state == LEASE_FOREIGN) {
            core->review_at = tr_mono_min(core->review_at, old);
        }
    }
    return kept;
}

/* How many leases this worker lacks, if asking for them can help. */
static size_t lacking(const struct tr_lease_core *core)
{
    const struct tr_lease_fleet *fleet = &core->fleet;
    size_t have = mine(core), floor = fleet->to_share / fleet->workers;
    const struct tr_lease_peer *most = most_loaded(core, true);
    if (most == NULL || fleet->available > 0 || !would_give(core, most, have)) {
        return 0;
    }
    return have < floor ? floor - have : 1;
}

/* Counts that are old (others watch most of the table) are looked at anew before anybody is asked
 * by them, once a failover time at the most. */
static bool counts_are_old(struct tr_lease_core *core)
{
    struct tr_mono old = tr_mono_add_ms(core->scan.full_at, core->failover_ms / 2);
    if (!tr_mono_reached(core->now, old)) {
        return false;
    }
    if (tr_mono_reached(core->now, tr_mono_add_ms(core->scan.full_at, core->failover_ms))) {
        tr_lease_scan_look(core);
    }
    return true;
}

/* As many requests at once as leases are lacking, each in a row of its own, the most loaded owners
 * first. */
static void ask_for_share(struct tr_lease_core *core)
{
    size_t lack = lacking(core), have = mine(core);
    size_t asked = lack > 0 ? ask_again(core, lack) : 0;
    while (asked < lack && !counts_are_old(core)) {
        struct tr_lease_peer *peer = most_loaded(core, true);
        struct tr_lease *lease = peer != NULL ? pick(core, peer) : NULL;
        if (peer == NULL || !would_give(core, peer, have + asked)) {
            return;
        }
        if (lease == NULL) {
            peer->alive = 0; /* nothing more to ask of this one now */
            continue;
        }
        peer->held--;
        asked++;
        ask(core, lease);
    }
}

/* From a KCL worker, as KCL 2.x does it: when nothing is free, one lease a round from the most
 * loaded, and only what a scan has just shown, for its counter moves on every few seconds. */
static void steal(struct tr_lease_core *core)
{
    const struct tr_lease_fleet *fleet = &core->fleet;
    size_t target = share_of(fleet->to_share, fleet->workers), have = mine(core);
    const struct tr_lease_peer *peer = most_loaded(core, TR_MUTANT(STEALS_FROM_ALL));
    struct tr_lease *lease;
    if (peer == NULL || fleet->available > 0 || have >= target ||
        !tr_mono_reached(core->now, core->steal_at) || peer->held < target ||
        (peer->held == target && target - have < 2)) {
        return;
    }
    lease = pick(core, peer);
    if (lease != NULL && lease->seen_at.ns == core->now.ns) {
        lease->steal = true;
        core->steal_at = tr_mono_add_ms(core->now, core->failover_ms);
    }
}

static void settle(struct tr_lease_core *core)
{
    bool looking = core->scan.op != 0 && !tr_mono_before(core->scan.sent, core->settle_at);
    if (core->settled || core->settle_at.ns == TR_MONO_NEVER.ns || looking) {
        return;
    }
    if (tr_mono_reached(core->now, core->settle_at)) {
        tr_lease_scan_look(core);
    } else {
        core->review_at = tr_mono_min(core->review_at, core->settle_at);
    }
}

void tr_lease_balance_run(struct tr_lease_core *core)
{
    struct tr_map_entry *entry;
    if (!core->scanned || core->stopping ||
        !(core->changed || tr_mono_reached(core->now, core->review_at)) ||
        !tr_lease_emit_reserve(core->out, 2) || !count_fleet(core)) {
        return;
    }
    core->changed = false;
    core->review_at = TR_MONO_NEVER;
    tr_lease_scan_plan(core);
    settle(core);
    for (entry = tr_map_first(&core->leases); entry != NULL; entry = tr_map_next(entry)) {
        struct tr_lease *lease = tr_map_value(entry);
        lease->steal = lease->steal && lease->state != LEASE_FOREIGN;
        if (!hand_over(core, lease)) {
            core->changed = true;
            break;
        }
    }
    if (!core->takes_only_free) {
        ask_for_share(core);
        steal(core);
    }
    for (entry = tr_map_first(&core->leases); entry != NULL; entry = tr_map_next(entry)) {
        struct tr_lease *lease = tr_map_value(entry);
        if (lease->state == LEASE_FOREIGN) {
            tr_lease_known_schedule(core, lease);
        }
    }
}
