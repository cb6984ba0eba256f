/* SPDX-License-Identifier: Apache-2.0
 *
 * The held leases of a consumer, from pages to checkpoints: batches go to the pool one at a time,
 * what is done is acknowledged, the tracker's low-water mark is asked for as a checkpoint, and
 * SHARD_END only when all is processed and the children's rows exist. */
#include "worker/consumer_parts.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/mutant.h"

/* Processing is tried again after 100 ms, doubling, up to 10 s. */
#define PROCESS_BACKOFF_MAX_MS 10000u
/* With once, a batch that fails this often in a row cannot be finished by this run (some 10 s). */
#define ONCE_ATTEMPTS_MAX 8u
/* When there is no memory for a batch. */
#define NO_MEMORY_WAIT_MS 50u

/* How many records the next batch of the first page in hand holds. */
static size_t batch_size(const struct tr_consumer *c, const struct page_in_hand *hand)
{
    uint64_t bytes = 0;
    size_t count = 0;
    while (hand->next + count < hand->page->count && count < c->options.batch_records) {
        bytes += hand->page->records[hand->next + count].whole.len;
        if (count > 0 && bytes > c->options.batch_bytes) {
            break;
        }
        count++;
    }
    return count;
}

static bool begin_batch(struct tr_consumer *c, struct slot *slot)
{
    struct page_in_hand *hand = &slot->pages[0];
    struct tr_position last;
    enum tr_status status;

    slot->batch_first = hand->next;
    slot->batch_count = batch_size(c, hand);
    last = tr_page_position(hand->page, hand->next + slot->batch_count - 1);
    status = tr_tracker_add(&slot->tracker, &last, &slot->batch_ticket);
    if (status == TR_EPARSE) {
        tr_consumer_stick(c, slot, TR_EPARSE, "the stream's sequence numbers go backwards");
    } else if (status != TR_OK) {
        c->out_of_memory = true;
        slot->retry_at = tr_mono_add_ms(c->now, NO_MEMORY_WAIT_MS);
    } else {
        slot->handed = last;
        slot->attempt = 0;
        slot->batch_is_retry = true;
    }
    return status == TR_OK;
}

void tr_consumer_process(struct tr_consumer *c, struct slot *slot)
{
    struct tr_consumer_effect *fx;

    if (!slot->held || slot->stuck || slot->releasing || slot->handing || slot->processing ||
        slot->page_count == 0 || c->stopping || !tr_mono_reached(c->now, slot->retry_at) ||
        (tr_mono_reached(c->now, slot->valid_until) && !TR_MUTANT(BATCH_WITHOUT_VALIDITY))) {
        return;
    }
    if (!slot->batch_is_retry && !begin_batch(c, slot)) {
        return;
    }
    fx = tr_consumer_emit(c, TR_CONSUMER_FX_PROCESS);
    if (fx == NULL) {
        slot->retry_at = tr_mono_add_ms(c->now, NO_MEMORY_WAIT_MS);
        return;
    }
    slot->processing = true;
    slot->processing_page = slot->pages[0].page;
    c->lent++;
    fx->op = tr_consumer_op(OP_PROCESS, slot, 0);
    fx->lease = slot->index;
    fx->page = slot->processing_page;
    fx->first = slot->batch_first;
    fx->count = slot->batch_count;
    fx->fencing = tr_lease_core_counter(c->leases, tr_consumer_key(slot));
    fx->shard = tr_consumer_key(slot);
    fx->valid_until = slot->valid_until;
}

/* The first `done` records of the batch are done for good. */
static void acknowledge(struct tr_consumer *c, struct slot *slot, size_t done)
{
    struct page_in_hand *hand = &slot->pages[0];
    struct tr_position upto;

    TR_ASSERT(done <= slot->batch_count);
    if (done == 0) {
        return;
    }
    upto = tr_page_position(hand->page, slot->batch_first + done - 1);
    tr_tracker_ack(&slot->tracker, slot->batch_ticket, &upto, c->now);
    slot->records += done;
    (void)tr_page_created_ms(hand->page, slot->batch_first + done - 1, &slot->done_at_ms);
    slot->attempt = 0;
    slot->batch_first += done;
    slot->batch_count -= done;
    hand->next = slot->batch_first;
    if (slot->batch_count > 0) {
        return;
    }
    slot->batch_is_retry = false;
    if (hand->next == hand->page->count || TR_MUTANT(PAGE_CUT)) {
        tr_consumer_free_page(c, hand->page);
        slot->pages[0] = slot->pages[1];
        slot->page_count--;
    }
}

static void batch_failed(struct tr_consumer *c, struct slot *slot, enum tr_status status,
                         const struct tr_err *err)
{
    const char *why = err != NULL && err->text[0] != '\0' ? err->text : tr_status_text(status);
    if (status == TR_ECANCELED) {
        return; /* not started: the lease was not valid then; tried again when it is */
    }
    slot->attempt++;
    tr_consumer_note(c, TR_NOTE_PROCESS_FAILED, tr_consumer_key(slot), slot->batch_first,
                     slot->attempt, tr_bytes_of(why));
    if (tr_status_class(status) != TR_CLASS_RETRY ||
        (c->options.once && slot->attempt >= ONCE_ATTEMPTS_MAX)) {
        tr_consumer_stick(c, slot, status, why);
        return;
    }
    slot->retry_at = tr_mono_add_ms(
        c->now, tr_consumer_backoff_ms(c, slot->attempt - 1, PROCESS_BACKOFF_MAX_MS));
}

void tr_consumer_processed(struct tr_consumer *c, struct slot *slot, size_t done,
                           enum tr_status status, const struct tr_err *err)
{
    TR_ASSERT(slot->processing);
    slot->processing = false;
    c->lent--;
    if (!slot->held) {
        /* Lost meanwhile: whoever holds it now delivers from the stored checkpoint on. */
        tr_consumer_free_page(c, slot->processing_page);
        slot->processing_page = NULL;
        tr_consumer_returned(c, slot);
        return;
    }
    slot->processing_page = NULL;
    acknowledge(c, slot, status == TR_OK || TR_MUTANT(FAILURE_SKIPPED) ? slot->batch_count : done);
    if (status != TR_OK && !TR_MUTANT(FAILURE_SKIPPED)) {
        batch_failed(c, slot, status, err);
    }
}

/* The end of a shard: its children's rows first, then, when all is processed, SHARD_END. */
void tr_consumer_end_shard(struct tr_consumer *c, struct slot *slot)
{
    bool held_long;
    if (!slot->ended || !slot->held || slot->stuck || slot->gapped || slot->releasing ||
        slot->handing || slot->tracker.ended) {
        return;
    }
    tr_consumer_end_met(c, tr_consumer_key(slot));
    held_long = tr_consumer_children_tries(c, tr_consumer_key(slot)) > 0 &&
                tr_mono_reached(c->now, tr_mono_add_ms(slot->reader.used, TR_GRAPH_CHILDREN_MS));
    if ((slot->page_count > 0 || slot->processing) && !TR_MUTANT(END_BEFORE_DONE)) {
        return;
    }
    if (((!tr_consumer_children_known(c, tr_consumer_key(slot)) && !held_long) ||
         tr_consumer_children_wanted(c, tr_consumer_key(slot))) &&
        !TR_MUTANT(END_BEFORE_CHILDREN)) {
        return;
    }
    tr_tracker_end(&slot->tracker, c->now);
}

void tr_consumer_ask_checkpoint(struct tr_consumer *c, struct slot *slot, bool now)
{
    struct tr_position mark;
    if (!slot->held || !tr_tracker_pending(&slot->tracker, &mark) ||
        !(now || tr_mono_reached(c->now, tr_tracker_deadline(&slot->tracker))) ||
        (slot->has_asked && tr_position_cmp(&mark, &slot->asked) <= 0)) {
        return;
    }
    if (TR_MUTANT(CHECKPOINT_OF_HANDED) && mark.kind == TR_POSITION_SEQUENCE) {
        mark = slot->handed;
    }
    slot->asked = mark;
    slot->has_asked = true;
    tr_consumer_lease_event(c, &(struct tr_lease_event){.kind = TR_LEASE_EV_CHECKPOINT,
                                                        .key = tr_consumer_key(slot),
                                                        .position = mark});
}

/* Stopping, or handing over: once nothing of it is lent, the last checkpoint and the release go out
 * together. */
void tr_consumer_give_up(struct tr_consumer *c, struct slot *slot)
{
    bool asked = slot->handing || (c->stopping && c->phase == PHASE_STOP);
    if (!asked || !slot->held || slot->releasing ||
        (slot->processing && !TR_MUTANT(RELEASED_IN_HAND))) {
        return;
    }
    slot->releasing = true;
    if (!TR_MUTANT(RELEASE_WITHOUT_CHECKPOINT)) {
        tr_consumer_ask_checkpoint(c, slot, true);
    }
    tr_consumer_lease_event(
        c, &(struct tr_lease_event){.kind = TR_LEASE_EV_GIVE_UP, .key = tr_consumer_key(slot)});
}
