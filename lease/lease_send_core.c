/* SPDX-License-Identifier: Apache-2.0
 *
 * The next request of a lease: by the state that the lease is in there is one, and it is sent when
 * its time has come and no other of the same lease is in flight. */
#include "lease/lease_core_inside.h"

#include "base/mutant.h"

/* Enough for a slow answer; with a long failover time an attempt gets a twelfth of that. */
#define ATTEMPT_MS 250u

/* A row is made after its parents' rows, so that a crash half-way leaves no child that nobody may
 * start. */
static bool parent_is_being_made(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    const struct tr_lease_row *row = &lease->row->row;
    size_t i;
    for (i = 0; i < row->parent_count && !TR_MUTANT(CHILD_BEFORE_PARENT); i++) {
        const struct tr_lease *parent = tr_lease_known_get(core, row->parents[i]);
        if (parent != NULL && parent != lease && parent->state == LEASE_MAKING) {
            return true;
        }
    }
    return false;
}

struct tr_mono tr_lease_send_at(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    switch (lease->state) {
    case LEASE_MAKING:
        return parent_is_being_made(core, lease) ? TR_MONO_NEVER : lease->next_at;
    case LEASE_FOREIGN:
        return tr_lease_take_at(core, lease);
    case LEASE_DELETING:
    case LEASE_ASKING:
    case LEASE_TAKING:
    case LEASE_ADOPTING:
    case LEASE_HELD:
    case LEASE_LAPSED:
    case LEASE_RELEASING:
        return lease->next_at;
    case LEASE_ABSENT:
    case LEASE_STATE_COUNT:
        break;
    }
    return TR_MONO_NEVER;
}

/* Make the row: a new one as asked for, or a vanished one at its last checkpoint, with a counter
 * that it never had and, while we still want it, with its owner. */
static void make_create(const struct tr_lease_core *core, const struct tr_lease *lease,
                        struct tr_lease_write *write)
{
    const struct tr_lease_row *row = &lease->row->row;
    size_t i;
    write->kind = TR_LEASE_CREATE;
    write->expected_owner = (struct tr_bytes){0};
    write->expected_counter = 0;
    write->counter = lease->row_gone ? lease->made_last : row->counter;
    write->position = lease->has_pending ? lease->pending : row->checkpoint;
    write->has_position = true;
    write->parent_count = row->parent_count;
    for (i = 0; i < row->parent_count; i++) {
        write->parents[i] = row->parents[i];
    }
    write->stream = row->stream;
    write->without_parents = row->without_parents;
    write->has_start_ms = row->has_start_ms;
    write->start_ms = row->start_ms;
    write->first = row->first;
    if (lease->row_gone && lease->state != LEASE_RELEASING) {
        write->owner = core->worker_id;
        write->run = core->run;
        write->failover_ms = core->failover_ms;
    }
}

/* A request that nobody repeats is swept away with the owner's next write. */
static bool is_dead_request(const struct tr_lease_core *core, const struct tr_lease *lease)
{
    return lease->row->row.request.ptr != NULL && !lease->handing &&
           !tr_lease_is_asked(core, lease);
}

static void make_request(struct tr_lease_core *core, const struct tr_lease *lease,
                         struct tr_lease_write *write)
{
    write->kind = TR_LEASE_REQUEST;
    write->counter = lease->row->row.counter;
    write->owner = core->worker_id;
    write->request = lease->row->row.request;
    write->nonce = ++core->nonce;
}

static void make_write(struct tr_lease_core *core, const struct tr_lease *lease,
                       struct tr_lease_write *write)
{
    const struct tr_lease_row *row = &lease->row->row;
    *write = (struct tr_lease_write){.kind = TR_LEASE_RENEW,
                                     .key = lease->key,
                                     .expected_owner = row->owner,
                                     .expected_counter = row->counter,
                                     .counter = tr_lease_next_counter(lease) -
                                                TR_MUTANT(COUNTER_NOT_RAISED)};
    if (lease->state == LEASE_MAKING || lease->row_gone) {
        make_create(core, lease, write);
    } else if (lease->state == LEASE_DELETING) {
        write->kind = TR_LEASE_DELETE;
        write->counter = row->counter;
    } else if (lease->state == LEASE_ASKING) {
        make_request(core, lease, write);
    } else if (lease->state == LEASE_TAKING) {
        write->kind = TR_LEASE_TAKE;
        write->owner = core->worker_id;
        write->run = core->run;
        write->failover_ms = core->failover_ms;
    } else if (lease->state != LEASE_ADOPTING) {
        write->has_position = lease->has_pending;
        write->position = lease->pending;
        write->drops_request = is_dead_request(core, lease);
        write->kind = lease->state == LEASE_RELEASING ? TR_LEASE_RELEASE
                      : lease->has_pending            ? TR_LEASE_CHECKPOINT
                                                      : TR_LEASE_RENEW;
    }
}

/* What is known of the attempts since the row was last known: the first and the last sending, and
 * what they would have made of the row. */
static void remember_attempt(const struct tr_lease_core *core, struct tr_lease *lease,
                             const struct tr_lease_write *write)
{
    if (write->kind == TR_LEASE_DELETE || write->kind == TR_LEASE_REQUEST) {
        return; /* it leaves nothing that could turn out to be ours */
    }
    if (!lease->tried) {
        lease->tried = true;
        lease->earliest = core->now;
    }
    lease->latest = core->now;
    lease->claim = write->counter;
    if (write->kind != TR_LEASE_TAKE && write->kind != TR_LEASE_CREATE &&
        write->expected_counter > lease->expected_high) {
        lease->expected_high = write->expected_counter;
    }
}

uint64_t tr_lease_attempt_ms(const struct tr_lease_core *core)
{
    uint64_t sixth = core->failover_ms / 6 + 1, twelfth = core->failover_ms / 12 + 1;
    uint64_t short_ms = sixth < ATTEMPT_MS ? sixth : ATTEMPT_MS;
    return twelfth > short_ms ? twelfth : short_ms;
}

static struct tr_lease_effect *take_off(struct tr_lease_core *core, struct tr_lease *lease,
                                        enum tr_lease_effect_kind kind)
{
    struct tr_lease_effect *effect = tr_lease_emit(core, lease, kind);
    uint64_t timeout_ms = tr_lease_attempt_ms(core);
    effect->op = core->next_op++;
    effect->timeout_ms = timeout_ms;
    lease->op =
        (struct tr_lease_op){.id = effect->op,
                             .read = kind == TR_LEASE_FX_READ,
                             .sent = core->now,
                             .deadline = tr_mono_add_ms(core->now, timeout_ms + timeout_ms / 8)};
    core->flights[core->flight_count++] = lease;
    return effect;
}

/* A row is numbered when it is asked for, and anew in each attempt: it may have waited, and of an
 * attempt without an answer nobody knows whether it made the row, which may have gone again. */
static void number_row(const struct tr_lease_core *core, struct tr_lease *lease)
{
    uint64_t *counter = lease->row_gone ? &lease->made_last : &lease->row->row.counter;
    uint64_t least = *counter + lease->tried, fresh = tr_lease_fresh_counter(core);
    *counter = fresh > least ? fresh : least;
}

void tr_lease_send(struct tr_lease_core *core, struct tr_lease *lease)
{
    struct tr_lease_effect *effect;
    if (lease->state == LEASE_FOREIGN) {
        tr_lease_balance_taking(core, lease);
        tr_lease_known_enter(core, lease, LEASE_TAKING);
    }
    if (lease->must_read) {
        (void)take_off(core, lease, TR_LEASE_FX_READ);
        return;
    }
    if (lease->row_gone || lease->state == LEASE_MAKING) {
        number_row(core, lease);
    }
    effect = take_off(core, lease, TR_LEASE_FX_WRITE);
    make_write(core, lease, &effect->write);
    lease->op.kind = effect->write.kind;
    lease->op.counter = effect->write.counter;
    lease->op.has_position = effect->write.has_position;
    lease->op.position = effect->write.position;
    lease->op.unowned = effect->write.owner.ptr == NULL;
    remember_attempt(core, lease, &effect->write);
}
