/* SPDX-License-Identifier: Apache-2.0
 *
 * What an answer proves. After a lost one nobody guesses: the next conditional write, sent on the
 * same condition, decides by the row that stood in its way. A row that is mine with a counter one
 * more than I knew was written by one of my attempts; anything else is not this tenure's. A read
 * only ever says what the next conditional write asks for. */
#include "lease/lease_core_inside.h"

#include "base/mutant.h"

#define TAKE_ATTEMPTS_MAX 3
#define ADOPT_ATTEMPTS_MAX 6
#define RELEASE_ATTEMPTS_MAX 4

/* Clock rates may differ by 2 % in all; the rest is for the way to the processor. */
static struct tr_mono validity_end(const struct tr_lease_core *core, struct tr_mono base)
{
    return tr_mono_add_ms(base,
                          core->failover_ms * (TR_MUTANT(VALID_WHOLE_FAILOVER) ? 100 : 95) / 100);
}

/* At two thirds of failover from the sending of the last one, or earlier, so that three attempts
 * fit before the validity ends; five per cent spread. Beside KCL workers at a third: they steal
 * live leases, and the next write is what tells. */
static void renew_later(struct tr_lease_core *core, struct tr_lease *lease, struct tr_mono sent)
{
    uint64_t failover = core->failover_ms;
    uint64_t latest = failover * 95 / 100 - tr_lease_attempt_ms(core) * 33 / 10;
    uint64_t wait = failover * 2 / 3 < latest ? failover * 2 / 3 : latest;
    wait = core->fleet.kcl && failover / 3 < wait ? failover / 3 : wait;
    wait -= tr_random_below(&core->random, wait / 20 + 1);
    lease->next_at = lease->has_pending ? core->now : tr_mono_add_ms(sent, wait);
}

/* The wait before an attempt is repeated: from an eightieth of failover, doubled up to a twelfth,
 * and as much by lot. What the attempt itself took counts, so after a time-out it is short. */
static uint64_t backoff_ms(struct tr_lease_core *core, const struct tr_lease *lease,
                           uint64_t waited_ms)
{
    unsigned doublings = lease->attempts > 0 ? lease->attempts - 1 : 0;
    uint64_t ms = (core->failover_ms / 80 + 1) << (doublings < 4 ? doublings : 4);
    uint64_t least = core->failover_ms / 160 + 1;
    ms = ms < core->failover_ms / 12 + 1 ? ms : core->failover_ms / 12 + 1;
    return tr_lease_spread(core, ms > waited_ms + least ? ms - waited_ms : least);
}

static void certain(struct tr_lease *lease)
{
    lease->tried = lease->uncertain = lease->must_read = lease->won = false;
    lease->attempts = 0;
}

/* ---- the end of a tenure ---- */

static void end_validity(struct tr_lease_core *core, struct tr_lease *lease)
{
    lease->valid_until = tr_mono_min(lease->valid_until, core->now);
    tr_lease_emit(core, lease, TR_LEASE_FX_VALID)->valid_until = lease->valid_until;
}

void tr_lease_lapse(struct tr_lease_core *core, struct tr_lease *lease)
{
    uint64_t late_ms = tr_mono_ms_between(lease->valid_until, core->now);
    tr_lease_known_enter(core, lease, LEASE_LAPSED);
    tr_lease_emit_note(core, lease, TR_NOTE_LEASE_LAPSED, late_ms, (struct tr_bytes){0});
    end_validity(core, lease);
}

void tr_lease_release(struct tr_lease_core *core, struct tr_lease *lease)
{
    /* A former owner's wait before it makes a vanished row again is not cut short. */
    struct tr_mono next_at = lease->row_gone ? lease->next_at : core->now;
    if (lease->state == LEASE_HELD || lease->state == LEASE_LAPSED) {
        end_validity(core, lease);
    }
    tr_lease_known_enter(core, lease, LEASE_RELEASING);
    lease->next_at = next_at;
    lease->tried = false; /* from here on: a release was sent */
}

/* The last note's second number, which no log line shows: what the metrics count it as. */
static void count_as(struct tr_lease_core *core, uint64_t b)
{
    core->out->items[core->out->count - 1].note.b = b;
}

static void emit_released(struct tr_lease_core *core, struct tr_lease *lease, enum tr_status status)
{
    if (lease->give_up || (lease->ending && status == TR_OK)) {
        tr_lease_emit(core, lease, TR_LEASE_FX_RELEASED)->status = status;
    } else if (lease->ending) {
        tr_lease_emit(core, lease, TR_LEASE_FX_LOST)->status = status;
    }
    /* Handed over, it may come back one day; given up, it is not wanted again. */
    lease->ready = lease->ready && (!lease->give_up || lease->handing);
}

static void emit_loss(struct tr_lease_core *core, struct tr_lease *lease, enum tr_lease_loss why)
{
    static const char *const words[] = {"",
#define LOSS_WORDS(id, label, words) words,
                                        TR_LEASE_LOSS_TABLE(LOSS_WORDS)
#undef LOSS_WORDS
    };
    tr_lease_emit_note(core, lease, TR_NOTE_LEASE_LOST, lease->row->row.counter,
                       tr_bytes_of(words[why]));
    count_as(core, why);
}

/* Tell the shell that the lease is not held any more, in the words it waits for. */
static void emit_end(struct tr_lease_core *core, struct tr_lease *lease, enum tr_status status,
                     enum tr_lease_loss why)
{
    bool granted = lease->state == LEASE_HELD || lease->state == LEASE_LAPSED;
    if (granted || lease->state == LEASE_RELEASING) {
        emit_loss(core, lease, why);
    }
    if (granted) {
        tr_lease_emit(core, lease, TR_LEASE_FX_LOST)->status = status;
    } else {
        emit_released(core, lease, status);
    }
}

/* Not ours, by the row that an answer of now shows: which lags behind nothing, so that a counter
 * lower than the one known went back. */
static void lose(struct tr_lease_core *core, struct tr_lease *lease, const struct tr_lease_row *row)
{
    uint64_t before = lease->row->row.counter;
    emit_end(core, lease, TR_ECONDITION,
             tr_lease_is_mine(core, row) ? TR_LEASE_LOSS_SAME_ID
             : row->owner.ptr != NULL    ? TR_LEASE_LOSS_OTHER_WORKER
                                         : TR_LEASE_LOSS_OWNER_REMOVED);
    tr_lease_observe(core, lease, row);
    tr_lease_look_at_counter(core, lease, before);
}

/* Not ours, and nothing new is known of the row. Of a take that never got through, the row is still
 * as it was seen; any other is watched anew from now on. */
static void leave(struct tr_lease_core *core, struct tr_lease *lease)
{
    uint64_t wait = core->failover_ms / 6 + 1;
    if (lease->state != LEASE_TAKING || lease->won) {
        lease->since = core->now;
    }
    tr_lease_known_enter(core, lease, LEASE_FOREIGN);
    lease->next_at = tr_mono_add_ms(core->now, tr_lease_spread(core, wait));
}

/* ---- progress ---- */

/* The row holds `position` now; what is pending and not ahead of it is done with. */
static void stored(struct tr_lease_core *core, struct tr_lease *lease)
{
    const struct tr_position *now = &lease->row->row.checkpoint;
    if (lease->has_pending && tr_position_cmp(&lease->pending, now) <= 0) {
        lease->has_pending = false;
    }
    tr_lease_emit(core, lease, TR_LEASE_FX_STORED)->position = *now;
    tr_lease_emit_note(core, lease, TR_NOTE_CHECKPOINT_WRITTEN, lease->row->row.counter,
                       tr_lease_position_text(now));
}

/* Remember the row of an answer; a checkpoint that it brings is told. */
static void learn(struct tr_lease_core *core, struct tr_lease *lease,
                  const struct tr_lease_row *row)
{
    struct tr_position before = lease->row->row.checkpoint;
    tr_lease_known_set(core, lease, row);
    if (tr_position_cmp(&before, &lease->row->row.checkpoint) != 0) {
        stored(core, lease);
    }
}

/* Validity counts from `base`, the sending of the earliest attempt that can have written the row as
 * it now stands. */
static void revalidate(struct tr_lease_core *core, struct tr_lease *lease, struct tr_mono base)
{
    lease->base = tr_mono_max(lease->base, base);
    if (tr_mono_reached(core->now, validity_end(core, lease->base))) {
        return; /* the answer came too late to be worth anything: the next write is sent at once */
    }
    lease->valid_until = validity_end(core, lease->base);
    tr_lease_known_enter(core, lease, LEASE_HELD);
    tr_lease_emit(core, lease, TR_LEASE_FX_VALID)->valid_until = lease->valid_until;
}

/* A write of the owner was answered well. */
static void renewed(struct tr_lease_core *core, struct tr_lease *lease, struct tr_mono sent)
{
    certain(lease);
    if (lease->state == LEASE_RELEASING) {
        lease->next_at = core->now;
        return;
    }
    tr_lease_emit_note(core, lease, TR_NOTE_LEASE_RENEWED, lease->row->row.counter,
                       (struct tr_bytes){0});
    revalidate(core, lease, sent);
    lease->next_at = core->now;
    if (lease->state == LEASE_HELD) {
        renew_later(core, lease, sent);
    }
}

/* The row is ours by a write that was sent at `base`, and `row` says where to start. */
static void grant(struct tr_lease_core *core, struct tr_lease *lease, struct tr_mono base)
{
    struct tr_lease_effect *effect;
    const struct tr_lease_row *row = &lease->row->row;
    certain(lease);
    lease->base = base;
    if (lease->give_up || core->stopping || row->checkpoint.kind == TR_POSITION_SHARD_END) {
        tr_lease_release(core, lease);
        return;
    }
    if (tr_mono_reached(core->now, validity_end(core, base))) {
        tr_lease_known_enter(core, lease, LEASE_ADOPTING);
        lease->next_at = core->now;
        return;
    }
    tr_lease_known_enter(core, lease, LEASE_HELD);
    lease->valid_until = validity_end(core, base);
    lease->fence = row->counter;
    effect = tr_lease_emit(core, lease, TR_LEASE_FX_GRANTED);
    effect->row = *row;
    effect->valid_until = lease->valid_until;
    tr_lease_emit_note(core, lease, TR_NOTE_LEASE_TAKEN, row->counter,
                       tr_lease_position_text(&row->checkpoint));
    count_as(core, lease->steal);
    lease->steal = false;
    renew_later(core, lease, base);
}

/* The row has no owner any more, by my release. */
static void released(struct tr_lease_core *core, struct tr_lease *lease)
{
    struct tr_lease_row *row = &lease->row->row;
    row->owner = (struct tr_bytes){0};
    row->tailrace = false;
    lease->seen_at = core->now;
    lease->finished_here = row->checkpoint.kind == TR_POSITION_SHARD_END;
    if (!lease->finished_here) {
        tr_lease_bell_ring(core);
    }
    tr_lease_emit_note(core, lease, TR_NOTE_LEASE_RELEASED, row->counter,
                       tr_lease_position_text(&row->checkpoint));
    count_as(core, lease->handing);
    emit_released(core, lease, TR_OK);
    tr_lease_known_enter(core, lease, LEASE_FOREIGN);
    lease->since = core->now;
    lease->claim = 0;
}

static void made(struct tr_lease_core *core, struct tr_lease *lease)
{
    struct tr_map_entry *entry;
    certain(lease);
    tr_lease_known_enter(core, lease, LEASE_FOREIGN);
    lease->since = lease->seen_at = core->now;
    lease->made_here = true;
    lease->claim = 0;
    tr_lease_emit(core, lease, TR_LEASE_FX_ROW)->row = lease->row->row;
    tr_lease_emit_note(core, lease, TR_NOTE_LEASE_CREATED, 0,
                       tr_lease_position_text(&lease->row->row.checkpoint));
    for (entry = tr_map_first(&core->leases); entry != NULL; entry = tr_map_next(entry)) {
        struct tr_lease *child = tr_map_value(entry);
        if (child->state == LEASE_MAKING) {
            tr_lease_known_schedule(core, child); /* it may have waited for this one */
        }
    }
}

/* ---- a write that was carried out ---- */

static void apply_own(struct tr_lease_core *core, struct tr_lease *lease,
                      const struct tr_lease_op *op, const struct tr_lease_row *row)
{
    struct tr_lease_row *mine = &lease->row->row;
    if (row != NULL && op->kind != TR_LEASE_CREATE) {
        learn(core, lease, row);
        return;
    }
    mine->counter = op->counter;
    if (op->has_position && tr_position_cmp(&mine->checkpoint, &op->position) != 0) {
        mine->checkpoint = op->position;
        stored(core, lease);
    }
}

/* A take, or the write that adopts: the answer's row says where to start. Without it, it is read.
 */
static void won(struct tr_lease_core *core, struct tr_lease *lease, const struct tr_lease_op *op,
                const struct tr_lease_row *row)
{
    if (row != NULL) {
        tr_lease_known_set(core, lease, row);
        grant(core, lease, op->sent);
        return;
    }
    lease->row->row.owner = core->worker_id;
    lease->row->row.run = core->run;
    lease->row->row.counter = op->counter;
    lease->base = op->sent;
    lease->won = lease->must_read = true;
    lease->next_at = core->now;
}

static void deleted(struct tr_lease_core *core, struct tr_lease *lease)
{
    tr_lease_emit_note(core, lease, TR_NOTE_LEASE_DELETED, lease->row->row.counter,
                       (struct tr_bytes){0});
    tr_lease_emit(core, lease, TR_LEASE_FX_GONE);
    tr_lease_known_enter(core, lease, LEASE_ABSENT);
    lease->ready = false;
}

/* What was written beside a tenure: a delete, a request. One attempt, and nothing hangs on it. */
static void answered_beside(struct tr_lease_core *core, struct tr_lease *lease,
                            enum tr_status status, const struct tr_lease_row *row)
{
    if (lease->state == LEASE_DELETING && status == TR_OK) {
        deleted(core, lease);
        return;
    }
    if (lease->state == LEASE_ASKING && status == TR_OK) {
        tr_lease_bell_ring(core);
    }
    if (row != NULL) {
        tr_lease_observe(core, lease, row);
    } else {
        tr_lease_known_enter(core, lease, LEASE_FOREIGN); /* the next scan tells */
    }
}

static bool is_beside(const struct tr_lease *lease)
{
    return lease->state == LEASE_DELETING || lease->state == LEASE_ASKING;
}

static void succeeded(struct tr_lease_core *core, struct tr_lease *lease,
                      const struct tr_lease_op *op, const struct tr_lease_row *row)
{
    switch (op->kind) {
    case TR_LEASE_CREATE:
        if (lease->state == LEASE_MAKING) {
            made(core, lease);
            return;
        }
        apply_own(core, lease, op, NULL);
        lease->row_gone = false;
        if (lease->state == LEASE_RELEASING && op->unowned) {
            released(core, lease);
        } else {
            renewed(core, lease, op->sent);
        }
        return;
    case TR_LEASE_TAKE:
        won(core, lease, op, row);
        return;
    case TR_LEASE_DELETE:
    case TR_LEASE_REQUEST:
    case TR_LEASE_RING:
        return; /* not of these */
    case TR_LEASE_RELEASE:
        apply_own(core, lease, op, row);
        released(core, lease);
        return;
    case TR_LEASE_RENEW:
    case TR_LEASE_CHECKPOINT:
        if (lease->state == LEASE_ADOPTING) {
            won(core, lease, op, row);
            return;
        }
        apply_own(core, lease, op, row);
        renewed(core, lease, TR_MUTANT(VALID_FROM_RECEIPT) ? core->now : op->sent);
        return;
    }
}

/* ---- a write whose condition failed: what stood in its way ---- */

/* One of my attempts on the condition that failed now had been carried out before. If it was one
 * that went unanswered, validity counts from the first of them; the failed one proves nothing about
 * its own sending. */
static void attempt_landed(struct tr_lease_core *core, struct tr_lease *lease,
                           const struct tr_lease_row *row)
{
    bool earlier = lease->tried && tr_mono_before(lease->earliest, lease->latest);
    struct tr_mono base = lease->earliest;
    learn(core, lease, row);
    lease->row_gone = false;
    certain(lease);
    if (earlier && lease->state == LEASE_HELD) {
        revalidate(core, lease, base);
    }
    lease->next_at = core->now;
}

/* The counter that one of my attempts would have given the row. */
static bool is_next_counter(const struct tr_lease *lease, uint64_t counter)
{
    return lease->row_gone ? counter >= lease->made_first && counter <= lease->made_last
                           : counter == tr_lease_next_counter(lease);
}

static bool is_next(const struct tr_lease_core *core, const struct tr_lease *lease,
                    const struct tr_lease_row *row)
{
    return tr_lease_is_mine(core, row) && is_next_counter(lease, row->counter);
}

static void resolve_take(struct tr_lease_core *core, struct tr_lease *lease,
                         const struct tr_lease_row *row)
{
    struct tr_mono base = lease->base;
    if (lease->won && tr_lease_is_mine(core, row) && row->counter == lease->row->row.counter) {
        tr_lease_known_set(core, lease, row);
        grant(core, lease, base);
    } else if (!lease->won && is_next(core, lease, row)) {
        tr_lease_known_set(core, lease, row);
        if (TR_MUTANT(GRANT_BY_READ)) {
            grant(core, lease, core->now);
            return;
        }
        certain(lease);
        tr_lease_known_enter(core, lease, LEASE_ADOPTING);
        lease->next_at = core->now;
    } else {
        lose(core, lease, row);
    }
}

/* What my release would have left. One that makes a vanished row has no counter of its own: other
 * workers make such rows, too, but hardly at my checkpoint, and else no harm is done. */
static bool is_my_release(const struct tr_lease *lease, const struct tr_lease_row *row)
{
    const struct tr_position *mine =
        lease->has_pending ? &lease->pending : &lease->row->row.checkpoint;
    return row->owner.ptr == NULL && is_next_counter(lease, row->counter) &&
           (!lease->row_gone || tr_position_cmp(mine, &row->checkpoint) == 0);
}

static void resolve_release(struct tr_lease_core *core, struct tr_lease *lease,
                            const struct tr_lease_row *row)
{
    if (is_next(core, lease, row)) {
        attempt_landed(core, lease, row);
    } else if (is_my_release(lease, row)) {
        learn(core, lease, row);
        released(core, lease);
    } else {
        if (lease->has_pending && tr_position_cmp(&lease->pending, &row->checkpoint) <= 0) {
            tr_lease_emit(core, lease, TR_LEASE_FX_STORED)->position = row->checkpoint;
        }
        lose(core, lease, row);
    }
}

static void resolve(struct tr_lease_core *core, struct tr_lease *lease,
                    const struct tr_lease_row *row)
{
    lease->must_read = false;
    switch (lease->state) {
    case LEASE_MAKING:
        tr_lease_observe(core, lease, row); /* somebody made it first */
        break;
    case LEASE_TAKING:
    case LEASE_ADOPTING:
        resolve_take(core, lease, row);
        break;
    case LEASE_HELD:
    case LEASE_LAPSED:
        if (is_next(core, lease, row)) {
            attempt_landed(core, lease, row);
        } else {
            lose(core, lease, row);
        }
        break;
    case LEASE_RELEASING:
        resolve_release(core, lease, row);
        break;
    case LEASE_ABSENT:
    case LEASE_DELETING:
    case LEASE_ASKING:
    case LEASE_FOREIGN:
    case LEASE_STATE_COUNT:
        break;
    }
}

uint64_t tr_lease_fresh_counter(const struct tr_lease_core *core)
{
    uint64_t passed = tr_mono_ms_between(core->service_at, core->now);
    return core->service.ms > 0 ? (uint64_t)core->service.ms + passed : 0;
}

/* The row is to be made again, at its last checkpoint. Of an owner whose validity has not run out
 * nobody else can have taken it, but for a KCL worker that stole it: which makes no row again where
 * it was, so that nothing is gained by a wait. Otherwise somebody may have taken it before it
 * vanished, and is given time to notice and to make it first. */
static void make_again(struct tr_lease_core *core, struct tr_lease *lease, bool surely_mine)
{
    uint64_t wait = surely_mine ? 0 : 2 * core->failover_seen_ms;
    if (!lease->row_gone) {
        tr_lease_emit_note(core, lease, TR_NOTE_LEASE_ROW_GONE, lease->row->row.counter,
                           tr_lease_position_text(&lease->row->row.checkpoint));
    }
    if (lease->state == LEASE_HELD) {
        tr_lease_lapse(core, lease); /* until that has succeeded */
    }
    certain(lease);
    lease->made_last = tr_lease_fresh_counter(core);
    lease->made_first = lease->row_gone ? lease->made_first : lease->made_last;
    lease->row_gone = true;
    lease->next_at = tr_mono_add_ms(core->now, wait);
}

static void vanished(struct tr_lease_core *core, struct tr_lease *lease)
{
    bool granted = lease->state == LEASE_HELD || lease->state == LEASE_LAPSED;
    /* Once a release was sent, it may have come into effect and another worker may have followed.
     */
    bool sole = granted || (lease->state == LEASE_RELEASING && !lease->tried);
    bool surely_mine = sole && !tr_mono_reached(core->now, validity_end(core, lease->base));
    uint64_t counter = tr_lease_fresh_counter(core);
    bool fresh = counter > lease->row->row.counter + 1 && counter > lease->expected_high &&
                 counter < TR_LEASE_COUNTER_MAX;
    lease->must_read = false;
    if (lease->state == LEASE_MAKING) {
        lease->next_at = tr_mono_add_ms(core->now, backoff_ms(core, lease, 0));
    } else if (fresh && (granted || surely_mine) && !TR_MUTANT(DELETED_UNSEEN)) {
        make_again(core, lease, surely_mine);
    } else {
        emit_end(core, lease, TR_ENOTFOUND, TR_LEASE_LOSS_ROW_GONE);
        tr_lease_known_enter(core, lease, LEASE_ABSENT);
        lease->ready = false;
    }
}

/* The row is there, and what it says is not understood: it is left alone. */
static void unreadable(struct tr_lease_core *core, struct tr_lease *lease)
{
    tr_lease_emit_note(core, lease, TR_NOTE_LEASE_ROW_BAD, 0,
                       TR_LIT("it stands in the way of a write"));
    emit_end(core, lease, TR_EPARSE, TR_LEASE_LOSS_ROW_BAD);
    lease->must_read = false;
    if (lease->state == LEASE_MAKING) {
        lease->next_at = tr_mono_add_ms(core->now, core->failover_ms);
    } else {
        tr_lease_known_enter(core, lease, LEASE_ABSENT);
        lease->ready = false;
    }
}

/* ---- a request that failed or got no answer ---- */

static void give_up_release(struct tr_lease_core *core, struct tr_lease *lease,
                            enum tr_status status)
{
    emit_loss(core, lease, TR_LEASE_LOSS_UNANSWERED);
    emit_released(core, lease, status);
    leave(core, lease);
}

static void failed(struct tr_lease_core *core, struct tr_lease *lease, const struct tr_lease_op *op,
                   enum tr_status status, bool uncertain)
{
    uint64_t waited_ms = uncertain ? tr_mono_ms_between(op->sent, core->now) : 0;
    lease->attempts++;
    lease->uncertain = lease->uncertain || uncertain;
    lease->next_at = tr_mono_add_ms(core->now, backoff_ms(core, lease, waited_ms));
    if (uncertain) {
        tr_lease_emit_note(core, lease, TR_NOTE_LEASE_UNCERTAIN, lease->row->row.counter,
                           tr_bytes_of(tr_status_text(status)));
    } else {
        tr_lease_emit_note(core, lease, TR_NOTE_LEASE_REFUSED, lease->row->row.counter,
                           tr_bytes_of(tr_status_text(status)));
    }
    if (lease->state == LEASE_TAKING || lease->state == LEASE_ADOPTING) {
        unsigned max =
            lease->state == LEASE_TAKING && !lease->won ? TAKE_ATTEMPTS_MAX : ADOPT_ATTEMPTS_MAX;
        bool pointless = core->stopping && !lease->uncertain && !lease->won;
        if (lease->attempts >= max || pointless) {
            emit_released(core, lease, status);
            leave(core, lease);
        }
    } else if (lease->state == LEASE_RELEASING && !lease->ending &&
               lease->attempts >= RELEASE_ATTEMPTS_MAX) {
        give_up_release(core, lease, status);
    }
}

/* ---- from events ---- */

static struct tr_lease_op land(struct tr_lease_core *core, struct tr_lease *lease)
{
    struct tr_lease_op op = lease->op;
    size_t i;
    for (i = 0; i < core->flight_count && core->flights[i] != lease; i++) {
    }
    TR_ASSERT(i < core->flight_count);
    core->flights[i] = core->flights[--core->flight_count];
    lease->op = (struct tr_lease_op){0};
    return op;
}

static const struct tr_lease_row *row_of(const struct tr_lease *lease,
                                         const struct tr_lease_event *ev)
{
    return ev->row_count > 0 && tr_bytes_eq(ev->rows[0].key, lease->key) ? &ev->rows[0] : NULL;
}

void tr_lease_answer_written(struct tr_lease_core *core, struct tr_lease *lease,
                             const struct tr_lease_event *ev)
{
    struct tr_lease_op op = land(core, lease);
    const struct tr_lease_row *row = row_of(lease, ev);
    if (is_beside(lease)) {
        answered_beside(core, lease, ev->status, row);
    } else if (ev->status == TR_OK ||
               (TR_MUTANT(LOST_ANSWER_IS_SUCCESS) && ev->may_have_happened)) {
        succeeded(core, lease, &op, row);
    } else if (TR_MUTANT(FAILED_WRITE_EXTENDS) && lease->state == LEASE_HELD) {
        renewed(core, lease, op.sent);
    } else if (ev->status != TR_ECONDITION) {
        failed(core, lease, &op, ev->status, ev->may_have_happened);
    } else if (row != NULL) {
        resolve(core, lease, row);
    } else {
        lease->must_read = true;
        lease->next_at = core->now;
    }
}

void tr_lease_answer_read(struct tr_lease_core *core, struct tr_lease *lease,
                          const struct tr_lease_event *ev)
{
    const struct tr_lease_row *row = row_of(lease, ev);
    struct tr_lease_op op = land(core, lease);
    if (ev->status == TR_OK && row != NULL) {
        resolve(core, lease, row);
    } else if (ev->status == TR_ENOTFOUND) {
        vanished(core, lease);
    } else if (ev->status == TR_EPARSE) {
        unreadable(core, lease);
    } else {
        failed(core, lease, &op, ev->status == TR_OK ? TR_ECORRUPT : ev->status, false);
    }
}

void tr_lease_answer_abandon(struct tr_lease_core *core, struct tr_lease *lease)
{
    struct tr_lease_op op = land(core, lease);
    if (is_beside(lease)) {
        answered_beside(core, lease, TR_ETIMEOUT, NULL);
        return;
    }
    failed(core, lease, &op, TR_ETIMEOUT, !op.read);
}
