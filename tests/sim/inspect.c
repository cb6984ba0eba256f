/* SPDX-License-Identifier: Apache-2.0
 *
 * What must be true inside a worker after each step. Slow; asked for by an option. */
#include "tests/sim/inside.h"

#include "lease/lease_core_inside.h"
#include "worker/consumer_parts.h"

#include <limits.h>

/* Whether the answer to such a call, or what was lent, is still to come. */
static bool is_under_way(const struct world *world, size_t index, enum op_kind kind,
                         const struct slot *slot)
{
    uint64_t mask = slot != NULL ? (1ull << 28) - 1 : 15, op = tr_consumer_op(kind, slot, 0);
    size_t i;
    for (i = 0; i < world->heap_count; i++) {
        const struct happening *h = world->heap[i];
        if (h->worker == index && !h->answerless && (h->op & mask) == (op & mask)) {
            return true;
        }
    }
    return false;
}

static void must_be(struct world *world, size_t index, bool holds, const char *what)
{
    if (!holds) {
        world_wrong(world, "inside", "worker %zu: not so: %s", index, what);
    }
}

/* Whether an answer that a former tenant of the slot asked for could be taken for this one's: its
 * op differs in the generation only, which is drawn anew and may be the same one day. */
static bool is_mistakable(const struct world *world, size_t index, const struct slot *slot)
{
    size_t i;
    for (i = 0; i < world->heap_count; i++) {
        const struct happening *h = world->heap[i];
        enum op_kind kind = tr_consumer_op_kind(h->op);
        uint64_t ours = tr_consumer_op(kind, slot, slot->reader.op);
        if (h->worker == index && !h->answerless && (kind == OP_ITERATOR || kind == OP_RECORDS) &&
            h->op != ours && (h->op & ~(0xffull << 20)) == (ours & ~(0xffull << 20))) {
            return true;
        }
    }
    return false;
}

static void inspect_slot(struct world *world, size_t index, const struct slot *slot)
{
    const struct tr_consumer *c = world->workers[index].core;
    enum tr_reader_state reader = slot->reader.state;

    must_be(world, index, slot->held || slot->slicing != NULL || slot->processing,
            "a slot is held, or waits for what is lent");
    must_be(world, index, !slot->processing || is_under_way(world, index, OP_PROCESS, slot),
            "a batch that is lent comes back");
    must_be(world, index, slot->slicing == NULL || is_under_way(world, index, OP_SLICE, slot),
            "a page that is lent comes back");
    if (!slot->held || c->stopping) {
        return;
    }
    must_be(world, index, !is_mistakable(world, index, slot),
            "a late answer to a former tenant is nobody's");
    must_be(world, index,
            reader != TR_READER_ASKING || is_under_way(world, index, OP_ITERATOR, slot),
            "an iterator was asked for");
    must_be(world, index,
            reader != TR_READER_FETCHING || slot->slicing != NULL ||
                is_under_way(world, index, OP_RECORDS, slot),
            "a page was asked for");
    must_be(world, index,
            slot->page_count == 0 || slot->processing || slot->retry_at.ns != UINT64_MAX,
            "records in hand are processed some time");
}

/* What must be true after each step: nothing waits for what is not under way, nothing is lent or
 * counted twice. After a failed allocation only the counts. */
void inspect(struct world *world, size_t index, bool starved)
{
    const struct worker *worker = &world->workers[index];
    const struct tr_consumer *c = worker->core;
    size_t lent = 0, held = 0, bytes = 0, i, j;

    for (i = 0; i < c->slot_count; i++) {
        const struct slot *slot = c->slots[i];
        if (slot == NULL) {
            continue;
        }
        lent += (slot->processing ? 1u : 0u) + (slot->slicing != NULL ? 1u : 0u);
        held += slot->held ? 1u : 0u;
        bytes += slot->slicing != NULL ? slot->slicing->body.len : 0;
        for (j = 0; j < slot->page_count; j++) {
            bytes += slot->pages[j].page->body.len;
        }
        if (!slot->held && slot->processing) {
            bytes += slot->processing_page->body.len;
        }
        if (!starved) {
            inspect_slot(world, index, slot);
        }
    }
    must_be(world, index, lent == c->lent && held == c->held, "the slots are counted right");
    must_be(world, index, bytes == worker->budget.bytes, "the pages' bytes are counted right");
    if (starved || c->stopping || worker->ended) {
        return;
    }
    must_be(world, index,
            !c->phase_calling || is_under_way(world, index, OP_TABLE, NULL) ||
                is_under_way(world, index, OP_LEASE_TABLE, NULL) ||
                is_under_way(world, index, OP_CREATE_TABLE, NULL),
            "a question of the start is under way");
    must_be(world, index,
            !c->listing.active || c->listing.next.ns != UINT64_MAX ||
                is_under_way(world, index, OP_LIST, NULL),
            "a listing is under way");
    must_be(world, index, !c->scan.active || is_under_way(world, index, OP_SCAN, NULL),
            "a scan is under way");
}

unsigned inspect_phase(const struct world *world, size_t index)
{
    const struct tr_consumer *c = world->workers[index].core;
    return c != NULL ? (unsigned)c->phase : UINT_MAX;
}

struct tr_bytes inspect_lease(const struct world *world, size_t index, unsigned state, size_t *at)
{
    const struct tr_consumer *c = world->workers[index].core;
    if (c == NULL || c->leases == NULL || c->leases->in_state[state] == 0) {
        return (struct tr_bytes){0};
    }
    while (*at < c->leases->heap_count) {
        const struct tr_lease *lease = c->leases->heap[(*at)++];
        if (lease->state == state) {
            return lease->key;
        }
    }
    return (struct tr_bytes){0};
}
