/* SPDX-License-Identifier: Apache-2.0
 *
 * A queue of the batches above the mark, in the order of their tickets. Tickets rise by one, so a
 * ticket is found by its distance from the first. A batch that is done behind one that is not stays
 * in the queue: the mark passes it when its turn comes. */
#include "checkpoint/tracker.h"

#include "base/mem.h"
#include "base/mutant.h"

struct tr_tracker_batch {
    struct tr_position last;
    struct tr_position done; /* acknowledged up to here; TRIM_HORIZON: nothing yet */
};

void tr_tracker_init(struct tr_tracker *tracker, const struct tr_position *stored,
                     uint64_t interval_ms, size_t batches_max)
{
    memset(tracker, 0, sizeof *tracker);
    tracker->stored = *stored;
    tracker->mark = *stored;
    tracker->batches_max = batches_max;
    tracker->next_ticket = 1;
    tracker->interval_ms = interval_ms;
}

void tr_tracker_deinit(struct tr_tracker *tracker)
{
    tr_free(tracker->batches);
    memset(tracker, 0, sizeof *tracker);
}

/* The newest position that a batch must lie behind. */
static const struct tr_position *newest(const struct tr_tracker *tracker)
{
    return tracker->count > 0 ? &tracker->batches[tracker->head + tracker->count - 1].last
                              : &tracker->mark;
}

/* Room for one more at the end: move to the front when at least half of the array is free there, so
 * that moving costs no more than adding. */
static bool make_room(struct tr_tracker *tracker)
{
    if (tracker->head + tracker->count < tracker->cap) {
        return true;
    }
    if (tracker->head > 0 && tracker->head >= tracker->cap / 2) {
        memmove(tracker->batches, tracker->batches + tracker->head,
                tracker->count * sizeof *tracker->batches);
        tracker->head = 0;
        return true;
    }
    return tr_grow(&tracker->batches, &tracker->cap, tracker->head + tracker->count + 1,
                   sizeof *tracker->batches) != 0;
}

enum tr_status tr_tracker_add(struct tr_tracker *tracker, const struct tr_position *last,
                              uint64_t *ticket)
{
    if (tracker->ended) {
        return TR_ECLOSED;
    }
    if (!tr_position_is_sequence(last) || tr_position_cmp(last, newest(tracker)) <= 0) {
        return TR_EPARSE;
    }
    if (tracker->count >= tracker->batches_max) {
        return TR_ELIMIT;
    }
    if (!make_room(tracker)) {
        return TR_ENOMEM;
    }
    tracker->batches[tracker->head + tracker->count] =
        (struct tr_tracker_batch){.last = *last, .done = TR_TRIM_HORIZON};
    tracker->count++;
    tracker->outstanding++;
    *ticket = tracker->next_ticket++;
    return TR_OK;
}

static bool is_done(const struct tr_tracker_batch *batch)
{
    return tr_position_cmp(&batch->done, &batch->last) >= 0;
}

/* The one place where the mark moves. */
static void move_mark(struct tr_tracker *tracker, const struct tr_position *to, struct tr_mono now)
{
    if (tr_position_cmp(to, &tracker->mark) <= 0) {
        return;
    }
    tracker->mark = *to;
    if (tracker->changed.ns == 0) {
        tracker->changed.ns = now.ns > 0 ? now.ns : 1;
    }
}

/* Drop what is done at the front and let the mark follow: over whole batches, then as far into the
 * first unfinished one as was acknowledged. */
static void advance(struct tr_tracker *tracker, struct tr_mono now)
{
    while (tracker->count > 0) {
        const struct tr_tracker_batch *first = &tracker->batches[tracker->head];
        if (tr_position_is_sequence(&first->done)) {
            move_mark(tracker, &first->done, now);
        }
        if (!is_done(first)) {
            return;
        }
        tracker->head++;
        tracker->count--;
    }
    tracker->head = 0;
    if (tracker->ended) {
        move_mark(tracker, &TR_SHARD_END, now);
    }
}

void tr_tracker_ack(struct tr_tracker *tracker, uint64_t ticket, const struct tr_position *upto,
                    struct tr_mono now)
{
    uint64_t first = tracker->next_ticket - tracker->count;
    const struct tr_position *before;
    struct tr_tracker_batch *batch;
    size_t i;
    if (TR_MUTANT(ACK_DROPPED) && ticket % 16 == 7) {
        return;
    }
    if (ticket < first || ticket >= tracker->next_ticket || !tr_position_is_sequence(upto)) {
        return;
    }
    i = tracker->head + (size_t)(ticket - first);
    batch = &tracker->batches[i];
    before = i > tracker->head ? &batch[-1].last : &tracker->mark;
    if (is_done(batch) || tr_position_cmp(upto, before) <= 0 ||
        tr_position_cmp(upto, &batch->done) <= 0) {
        return;
    }
    batch->done =
        tr_position_cmp(upto, &batch->last) < 0 && !TR_MUTANT(PART_IS_WHOLE) ? *upto : batch->last;
    if (is_done(batch)) {
        tracker->outstanding--;
    }
    advance(tracker, now);
}

void tr_tracker_end(struct tr_tracker *tracker, struct tr_mono now)
{
    tracker->ended = true;
    advance(tracker, now);
}

size_t tr_tracker_outstanding(const struct tr_tracker *tracker)
{
    return tracker->outstanding;
}

bool tr_tracker_pending(const struct tr_tracker *tracker, struct tr_position *mark)
{
    if (tr_position_cmp(&tracker->mark, &tracker->stored) <= 0) {
        return false;
    }
    *mark = tracker->mark;
    return true;
}

struct tr_mono tr_tracker_deadline(const struct tr_tracker *tracker)
{
    if (tr_position_cmp(&tracker->mark, &tracker->stored) <= 0) {
        return TR_MONO_NEVER;
    }
    if (tracker->mark.kind == TR_POSITION_SHARD_END) {
        return tracker->changed;
    }
    return tr_mono_add_ms(tracker->changed, tracker->interval_ms);
}

/* Batches that lie wholly at or below the stored position are done, whoever stored it. */
static void pass_over(struct tr_tracker *tracker, const struct tr_position *stored)
{
    size_t i;
    for (i = tracker->head; i < tracker->head + tracker->count; i++) {
        struct tr_tracker_batch *batch = &tracker->batches[i];
        if (tr_position_cmp(&batch->last, stored) > 0) {
            return;
        }
        if (!is_done(batch)) {
            batch->done = batch->last;
            tracker->outstanding--;
        }
    }
}

void tr_tracker_stored(struct tr_tracker *tracker, const struct tr_position *position,
                       struct tr_mono now)
{
    if (tr_position_cmp(position, &tracker->stored) <= 0) {
        return;
    }
    tracker->stored = *position;
    pass_over(tracker, position);
    move_mark(tracker, position, now);
    advance(tracker, now);
    tracker->changed.ns = 0;
    if (tr_position_cmp(&tracker->mark, &tracker->stored) > 0) {
        tracker->changed.ns = now.ns > 0 ? now.ns : 1;
    }
}
