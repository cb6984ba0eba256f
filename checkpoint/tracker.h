/* SPDX-License-Identifier: Apache-2.0
 *
 * Which position of one shard may be stored: batches are handed out in order, acknowledged in any
 * order, and the checkpoint is the contiguous low-water mark. SHARD_END comes only after the last
 * batch. The tracker also says when a checkpoint is worth writing. Pure; times are given in. */
#ifndef TR_CHECKPOINT_TRACKER_H
#define TR_CHECKPOINT_TRACKER_H

#include "base/time.h"
#include "checkpoint/position.h"

struct tr_tracker_batch;

struct tr_tracker {
    struct tr_position stored;        /* what the lease row is known to hold */
    struct tr_position mark;          /* the low-water mark; >= stored */
    struct tr_tracker_batch *batches; /* owned; handed out and not below the mark */
    size_t head;                      /* the ring's first entry */
    size_t count;                     /* entries: outstanding, or done behind one that is */
    size_t cap;
    size_t outstanding;
    size_t batches_max;
    uint64_t next_ticket;
    uint64_t interval_ms;
    struct tr_mono changed; /* when the mark first left `stored`; 0: it has not */
    bool ended;             /* no batch will follow */
};

/* Start at the checkpoint that the lease was granted with. batches_max bounds what was handed out
 * and is not below the mark: the memory, and what a restart delivers again. */
void tr_tracker_init(struct tr_tracker *tracker, const struct tr_position *stored,
                     uint64_t interval_ms, size_t batches_max);
void tr_tracker_deinit(struct tr_tracker *tracker);

/* A batch goes out; `last` is the sequence number of its last record. Tickets rise by one.
 * Errors:  TR_ELIMIT (batches_max above the mark), TR_ENOMEM, TR_EPARSE (last is no sequence number
 *          behind all that was added before: a stream that goes backwards), TR_ECLOSED (after
 *          tr_tracker_end); nothing changed on any error. */
enum tr_status tr_tracker_add(struct tr_tracker *tracker, const struct tr_position *last,
                              uint64_t *ticket) TR_MUST_CHECK;

/* A batch is done up to and including `upto` (its `last` for the whole of it; an earlier number
 * leaves the rest outstanding and the batch may be acknowledged again; a later one counts as its
 * `last`). Unknown, late and repeated tickets, and positions that are no number, do nothing. */
void tr_tracker_ack(struct tr_tracker *tracker, uint64_t ticket, const struct tr_position *upto,
                    struct tr_mono now);

/* No batch will follow: once all are acknowledged the mark becomes SHARD_END. */
void tr_tracker_end(struct tr_tracker *tracker, struct tr_mono now);

/* Batches handed out and not wholly acknowledged. */
size_t tr_tracker_outstanding(const struct tr_tracker *tracker);

/* The mark to write, if it is ahead of `stored`: false when there is nothing new. */
bool tr_tracker_pending(const struct tr_tracker *tracker, struct tr_position *mark);
/* When the pending mark is to be written: interval after it first moved, SHARD_END at once, NEVER
 * when nothing is pending. */
struct tr_mono tr_tracker_deadline(const struct tr_tracker *tracker);
/* The row now holds this (a write's answer said so). Never moves backwards. What is pending beyond
 * it is due an interval later; batches that the row is past count as done. */
void tr_tracker_stored(struct tr_tracker *tracker, const struct tr_position *position,
                       struct tr_mono now);

#endif
