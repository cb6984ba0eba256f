/* SPDX-License-Identifier: Apache-2.0
 *
 * The leases that a core knows, in the order of their arrival, and a heap of their timers. Whatever
 * an event may need is allocated before the event is applied, so that lack of memory changes
 * nothing. */
#include "lease/lease_core_inside.h"

#include "base/mem.h"
#include "base/mutant.h"

#include <string.h>

/* A lease that was ours is remembered for so long after its row vanished: a request of ours cannot
 * come into effect later (its signature is refused after a quarter of an hour). */
#define GONE_KEPT_MS (30u * 60 * 1000)

/* ---- effects ---- */

void tr_lease_effects_deinit(struct tr_lease_effects *effects)
{
    tr_free(effects->items);
    *effects = (struct tr_lease_effects){0};
}

bool tr_lease_emit_reserve(struct tr_lease_effects *out, size_t more)
{
    return tr_grow(&out->items, &out->cap, out->count + more, sizeof *out->items) != 0;
}

struct tr_lease_effect *tr_lease_emit(struct tr_lease_core *core, const struct tr_lease *lease,
                                      enum tr_lease_effect_kind kind)
{
    struct tr_lease_effects *out = core->out;
    struct tr_lease_effect *effect;
    TR_ASSERT(out != NULL && out->count < out->cap);
    effect = &out->items[out->count++];
    *effect = (struct tr_lease_effect){.kind = kind};
    if (lease != NULL) {
        effect->key = lease->key;
    }
    return effect;
}

void tr_lease_emit_note(struct tr_lease_core *core, const struct tr_lease *lease,
                        enum tr_note_id id, uint64_t a, struct tr_bytes text)
{
    struct tr_lease_effect *effect = tr_lease_emit(core, lease, TR_LEASE_FX_NOTE);
    effect->note = (struct tr_note){.id = id, .shard = effect->key, .a = a, .text = text};
}

struct tr_bytes tr_lease_position_text(const struct tr_position *position)
{
    switch (position->kind) {
    case TR_POSITION_AT_TIMESTAMP:
        return TR_LIT("AT_TIMESTAMP");
    case TR_POSITION_TRIM_HORIZON:
        return TR_LIT("TRIM_HORIZON");
    case TR_POSITION_LATEST:
        return TR_LIT("LATEST");
    case TR_POSITION_SHARD_END:
        return TR_LIT("SHARD_END");
    default:
        return (struct tr_bytes){position->digits, position->len};
    }
}

uint64_t tr_lease_spread(struct tr_lease_core *core, uint64_t ms)
{
    return ms + tr_random_below(&core->random, ms + 1);
}

/* ---- states ---- */

#define TO(state) (1u << LEASE_##state)

/* From each state, the states it may go to. */
static const unsigned legal[LEASE_STATE_COUNT] = {
    [LEASE_ABSENT] = TO(MAKING) | TO(FOREIGN),
    [LEASE_MAKING] = TO(FOREIGN),
    [LEASE_DELETING] = TO(ABSENT) | TO(FOREIGN),
    [LEASE_ASKING] = TO(FOREIGN),
    [LEASE_FOREIGN] = TO(ABSENT) | TO(TAKING) | TO(ADOPTING) | TO(DELETING) | TO(ASKING),
    [LEASE_TAKING] = TO(ABSENT) | TO(FOREIGN) | TO(ADOPTING) | TO(HELD) | TO(RELEASING),
    [LEASE_ADOPTING] = TO(ABSENT) | TO(FOREIGN) | TO(HELD) | TO(RELEASING),
    [LEASE_HELD] = TO(ABSENT) | TO(FOREIGN) | TO(LAPSED) | TO(RELEASING),
    [LEASE_LAPSED] = TO(ABSENT) | TO(FOREIGN) | TO(HELD) | TO(RELEASING),
    [LEASE_RELEASING] = TO(ABSENT) | TO(FOREIGN),
};

static bool is_granted(enum tr_lease_state state)
{
    return state == LEASE_HELD || state == LEASE_LAPSED;
}

/* A lease that was ours or about to be is not any more: others' shares change. */
static void count_states(struct tr_lease_core *core, const struct tr_lease *lease,
                         enum tr_lease_state state)
{
    core->in_state[lease->state]--;
    core->in_state[state]++;
    core->handing -= lease->handing && is_granted(lease->state);
    core->handing += lease->handing && is_granted(state);
    core->changed = core->changed || state <= LEASE_FOREIGN || state == LEASE_RELEASING;
}

void tr_lease_known_enter(struct tr_lease_core *core, struct tr_lease *lease,
                          enum tr_lease_state state)
{
    bool beside = lease->state == LEASE_ASKING || lease->state == LEASE_DELETING;
    TR_ASSERT(lease->state == state || (legal[lease->state] & (1u << state)) != 0);
    if (lease->state == state) {
        return;
    }
    count_states(core, lease, state);
    TR_SEEN(LEASE, lease->state, state);
    lease->state = state;
    lease->entered = core->now;
    lease->attempts = 0;
    lease->next_at = core->now;
    if (state == LEASE_ABSENT || state == LEASE_FOREIGN) {
        lease->has_pending = lease->has_pending && TR_MUTANT(CHECKPOINT_OUTLIVES);
        lease->give_up = lease->ending = false;
        lease->tried = lease->uncertain = lease->won = false;
        lease->must_read = lease->row_gone = false;
        lease->fence = 0;
        lease->handing = lease->steal = false;
        lease->moved = lease->moved && beside;
    }
}

/* ---- the heap ---- */

static bool before(const struct tr_lease *a, const struct tr_lease *b)
{
    if (a->due.ns != b->due.ns) {
        return a->due.ns < b->due.ns;
    }
    return a->shuffle != b->shuffle ? a->shuffle < b->shuffle : a->serial < b->serial;
}

static void place(struct tr_lease_core *core, size_t at, struct tr_lease *lease)
{
    core->heap[at] = lease;
    lease->heap_at = at;
}

static void sift(struct tr_lease_core *core, struct tr_lease *lease)
{
    size_t at = lease->heap_at, child;
    while (at > 0 && before(lease, core->heap[(at - 1) / 2])) {
        place(core, at, core->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (child = 2 * at + 1; child < core->heap_count; child = 2 * at + 1) {
        if (child + 1 < core->heap_count && before(core->heap[child + 1], core->heap[child])) {
            child++;
        }
        if (!before(core->heap[child], lease)) {
            break;
        }
        place(core, at, core->heap[child]);
        at = child;
    }
    place(core, at, lease);
}

void tr_lease_known_schedule(struct tr_lease_core *core, struct tr_lease *lease)
{
    struct tr_mono due = TR_MONO_NEVER;
    if (lease->op.id != 0) {
        due = lease->op.deadline;
    } else if (!lease->waiting) {
        due = lease->state == LEASE_ABSENT ? tr_mono_add_ms(lease->entered, GONE_KEPT_MS)
                                           : tr_lease_send_at(core, lease);
    }
    if (lease->state == LEASE_HELD) {
        due = tr_mono_min(due, lease->valid_until);
    }
    lease->due = due;
    sift(core, lease);
}

struct tr_lease *tr_lease_known_due(const struct tr_lease_core *core)
{
    if (core->heap_count == 0 || !tr_mono_reached(core->now, core->heap[0]->due) ||
        core->heap[0]->due.ns == TR_MONO_NEVER.ns) {
        return NULL;
    }
    return core->heap[0];
}

/* ---- the queue for a place among the writes in flight: first come, first served ---- */

void tr_lease_known_wait(struct tr_lease_core *core, struct tr_lease *lease)
{
    lease->waiting = true;
    lease->wait_next = NULL;
    lease->wait_prev = core->wait_tail;
    if (core->wait_tail != NULL) {
        core->wait_tail->wait_next = lease;
    } else {
        core->wait_head = lease;
    }
    core->wait_tail = lease;
}

void tr_lease_known_unwait(struct tr_lease_core *core, struct tr_lease *lease)
{
    if (!lease->waiting) {
        return;
    }
    if (lease->wait_prev != NULL) {
        lease->wait_prev->wait_next = lease->wait_next;
    } else {
        core->wait_head = lease->wait_next;
    }
    if (lease->wait_next != NULL) {
        lease->wait_next->wait_prev = lease->wait_prev;
    } else {
        core->wait_tail = lease->wait_prev;
    }
    lease->waiting = false;
}

/* ---- leases ---- */

struct tr_lease *tr_lease_known_get(const struct tr_lease_core *core, struct tr_bytes key)
{
    return tr_map_get(&core->leases, key);
}

struct tr_lease *tr_lease_known_add(struct tr_lease_core *core, struct tr_bytes key, bool *limit)
{
    struct tr_lease *lease = tr_lease_known_get(core, key);
    char *bytes;
    if (lease != NULL) {
        return lease;
    }
    if (tr_map_count(&core->leases) >= core->leases_max) {
        *limit = true;
        return NULL;
    }
    if (!tr_grow(&core->heap, &core->heap_cap, core->heap_count + 1, sizeof(struct tr_lease *)) ||
        (lease = tr_calloc(1, sizeof *lease + key.len)) == NULL) {
        return NULL;
    }
    bytes = (char *)(lease + 1);
    memcpy(bytes, key.ptr, key.len);
    lease->key = (struct tr_bytes){bytes, key.len};
    if (tr_map_set(&core->leases, lease->key, lease) != TR_OK) {
        tr_free(lease);
        return NULL;
    }
    core->in_state[LEASE_ABSENT]++;
    lease->serial = core->next_serial++;
    lease->shuffle = tr_bytes_hash(key) ^ core->seed;
    lease->shuffle *= 0x9e3779b97f4a7c15u; /* mixes the seed into all bits of the order */
    lease->entered = core->now;
    lease->heap_at = core->heap_count++;
    core->heap[lease->heap_at] = lease;
    tr_lease_known_schedule(core, lease);
    return lease;
}

void tr_lease_known_remove(struct tr_lease_core *core, struct tr_lease *lease)
{
    struct tr_lease *last = core->heap[--core->heap_count];
    core->in_state[lease->state]--;
    core->changed = true;
    tr_lease_known_unwait(core, lease);
    if (last != lease) {
        last->heap_at = lease->heap_at;
        core->heap[last->heap_at] = last;
        sift(core, last);
    }
    (void)tr_map_remove(&core->leases, lease->key);
    lease->wait_next = core->dead;
    core->dead = lease;
}

static void free_lease(struct tr_lease *lease)
{
    tr_free(lease->row);
    tr_free(lease->spare);
    tr_free(lease);
}

void tr_lease_known_collect(struct tr_lease_core *core)
{
    while (core->garbage != NULL) {
        struct tr_lease_blob *next = core->garbage->next;
        tr_free(core->garbage);
        core->garbage = next;
    }
    while (core->dead != NULL) {
        struct tr_lease *next = core->dead->wait_next;
        free_lease(core->dead);
        core->dead = next;
    }
}

void tr_lease_known_free(struct tr_lease_core *core)
{
    size_t i;
    tr_lease_known_collect(core);
    for (i = 0; i < core->heap_count; i++) {
        free_lease(core->heap[i]);
    }
    tr_map_deinit(&core->leases);
    tr_free(core->heap);
}

/* ---- rows ---- */

static struct tr_bytes keep(char **at, struct tr_bytes bytes)
{
    struct tr_bytes kept = {*at, bytes.len};
    if (bytes.ptr == NULL) {
        return (struct tr_bytes){0};
    }
    memcpy(*at, bytes.ptr, bytes.len);
    *at += bytes.len;
    return kept;
}

static struct tr_lease_blob *copy_row(const struct tr_lease_row *row, struct tr_bytes key)
{
    struct tr_lease_blob *blob;
    size_t i, size = sizeof *blob + row->owner.len + row->stream.len + row->run.len +
                     row->request.len + row->first.len;
    char *at;
    for (i = 0; i < row->parent_count; i++) {
        size += row->parents[i].len;
    }
    blob = tr_malloc(size);
    if (blob == NULL) {
        return NULL;
    }
    blob->next = NULL;
    blob->row = *row;
    blob->row.key = key;
    at = blob->bytes;
    blob->row.owner = keep(&at, row->owner);
    blob->row.stream = keep(&at, row->stream);
    blob->row.run = keep(&at, row->run);
    blob->row.request = keep(&at, row->request);
    blob->row.first = keep(&at, row->first);
    blob->row.bell = (struct tr_bytes){0};
    for (i = 0; i < row->parent_count; i++) {
        blob->row.parents[i] = keep(&at, row->parents[i]);
    }
    return blob;
}

static bool same_bytes(struct tr_bytes a, struct tr_bytes b)
{
    return (a.ptr == NULL) == (b.ptr == NULL) && tr_bytes_eq(a, b);
}

bool tr_lease_known_same(const struct tr_lease *lease, const struct tr_lease_row *row)
{
    const struct tr_lease_row *mine = lease->row != NULL ? &lease->row->row : NULL;
    size_t i;
    if (mine == NULL || mine->parent_count != row->parent_count ||
        !same_bytes(mine->owner, row->owner) || !same_bytes(mine->stream, row->stream) ||
        !same_bytes(mine->run, row->run) || !same_bytes(mine->request, row->request) ||
        !same_bytes(mine->first, row->first)) {
        return false;
    }
    for (i = 0; i < row->parent_count; i++) {
        if (!tr_bytes_eq(mine->parents[i], row->parents[i])) {
            return false;
        }
    }
    return true;
}

bool tr_lease_known_spare(struct tr_lease *lease, const struct tr_lease_row *row)
{
    tr_free(lease->spare);
    lease->spare = NULL;
    if (tr_lease_known_same(lease, row)) {
        return true;
    }
    lease->spare = copy_row(row, lease->key);
    return lease->spare != NULL;
}

void tr_lease_known_set(struct tr_lease_core *core, struct tr_lease *lease,
                        const struct tr_lease_row *row)
{
    struct tr_lease_row *mine = lease->row != NULL ? &lease->row->row : NULL;
    if (row->request.ptr != NULL && (mine == NULL || !tr_bytes_eq(mine->request, row->request))) {
        lease->asked_at = core->now;
        core->changed = true;
    }
    if (!tr_lease_known_same(lease, row)) {
        TR_ASSERT(lease->spare != NULL);
        if (lease->row != NULL) {
            lease->row->next = core->garbage;
            core->garbage = lease->row;
        }
        lease->row = lease->spare;
        lease->spare = NULL;
        return;
    }
    mine->counter = row->counter;
    mine->checkpoint = row->checkpoint;
    mine->switches = row->switches;
    mine->failover_ms = row->failover_ms;
    mine->without_parents = row->without_parents;
    mine->tailrace = row->tailrace;
    mine->size = row->size > 0 ? row->size : mine->size;
    mine->has_start_ms = row->has_start_ms;
    mine->start_ms = row->start_ms;
}
