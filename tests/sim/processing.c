/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker's shell does beside the loop: slicing, and the pool that looks at the clock and
 * then calls the processor (worker/pool.c). The processor is the world's: it takes its time, it
 * fails, it hangs, and it knows for good what it has done. */
#include "tests/sim/inside.h"

#include "base/mutant.h"

static uint64_t strength(const struct world *world, enum fault fault, size_t index)
{
    return world->condition_count == 0 ? 0 : fault_strength(world, fault, index, ANY_SERVICE);
}

void processing_slice(struct world *world, size_t index, const struct tr_consumer_effect *fx)
{
    struct happening *h = world_schedule(world, 0, SLICED, index, fx->op);
    world_count_allocations(world);
    h->status = tr_page_slice(fx->page, NULL);
    world_stop_counting(world);
}

/* Until a thread is free for it. */
static uint64_t queueing(struct world *world, size_t index)
{
    uint64_t busy = strength(world, FAULT_POOL_BUSY, index);
    return busy > 0 ? world_below(world, busy) : 0;
}

static void keep_shard(struct happening *h, struct tr_bytes shard)
{
    (void)snprintf(h->shard, sizeof h->shard, "%.*s", TR_FMT(shard));
}

void processing_give(struct world *world, size_t index, const struct tr_consumer_effect *fx)
{
    struct happening *h = world_schedule(world, queueing(world, index), BATCH, index, fx->op);
    h->page = fx->page;
    h->first = fx->first;
    h->count = fx->count;
    h->lease = fx->lease;
    keep_shard(h, fx->shard);
}

void processing_give_kcl(struct world *world, size_t index, const struct kcl_effect *fx)
{
    struct happening *h = world_schedule(world, queueing(world, index), BATCH, index, fx->op);
    h->records = fx->records;
    h->count = fx->count;
    keep_shard(h, tr_bytes_of(fx->shard));
}

static struct tr_bytes text_of(const struct happening *h, size_t i)
{
    return h->records != NULL ? h->records[i].text
                              : tr_page_span(h->page, h->page->records[h->first + i].whole);
}

static void must_know(struct world *world, const struct happening *h, size_t i,
                      struct record_facts *facts)
{
    if (!record_facts(world, text_of(h, i), facts)) {
        world_wrong(world, "record", "shard %s: a record that nobody wrote: %.*s", h->shard,
                    TR_FMT(text_of(h, i)));
    }
}

static void tell_batch(struct world *world, const struct happening *h)
{
    struct record_facts first = {0}, last = {0};
    must_know(world, h, 0, &first);
    must_know(world, h, h->count - 1, &last);
    WORLD_TRACE(world, h->worker, "BATCH %s %s..%s (%zu)", h->shard, first.number, last.number,
                h->count);
    if (world->judge != NULL && !world->over) {
        judge_batch(world->judge, world->now_ms, h->worker, h->shard, first.number, last.number,
                    h->count);
    }
}

/* One record is done: first deliveries of an item come in the order of its versions. */
static void done_one(struct world *world, const struct happening *h, size_t i)
{
    struct record_facts facts = {0};
    must_know(world, h, i, &facts);
    if (world->over) {
        return;
    }
    if (facts.version <= world->delivered[facts.key]) {
        world->repeats++;
    } else {
        world->wrong += facts.version != world->delivered[facts.key] + 1;
        world->delivered[facts.key] = facts.version;
    }
    WORLD_TRACE(world, h->worker, "  done %s key %u version %llu", facts.number, facts.key,
                (unsigned long long)facts.version);
    if (world->judge != NULL) {
        judge_done(world->judge, world->now_ms, h->worker, h->shard, facts.number, facts.key,
                   facts.version);
    }
}

static uint64_t duration(struct world *world, size_t index)
{
    uint64_t slow = strength(world, FAULT_PROCESSOR_SLOW, index);
    uint64_t hang = strength(world, FAULT_PROCESSOR_HANGS, index);
    uint64_t ms = world_below(world, world->options.process_ms + 1);
    if (hang > 0 && world_chance(world, 200)) {
        return ms + hang + world_below(world, hang);
    }
    return slow > 0 ? ms + world_below(world, slow) : ms;
}

/* A thread picks the batch up. Immediately before the call it looks at the clock. */
void processing_begin(struct world *world, struct happening *h)
{
    struct worker *worker = &world->workers[h->worker];
    uint64_t fails = world->options.fail_per_thousand, refuses;
    struct happening *end;
    bool valid;

    if (worker->core == NULL && worker->kcl == NULL) {
        return;
    }
    valid = worker->kcl != NULL || TR_MUTANT(BATCH_WITHOUT_VALIDITY) ||
            TR_MUTANT(VALIDITY_WHEN_QUEUED) ||
            (h->lease < worker->valid_count &&
             clock_mono(world, &worker->clock).ns < worker->valid_until[h->lease]);
    end =
        world_schedule(world, valid ? duration(world, h->worker) : 0, PROCESSED, h->worker, h->op);
    end->page = h->page;
    end->records = h->records;
    end->first = h->first;
    end->count = h->count;
    memcpy(end->shard, h->shard, sizeof end->shard);
    if (!valid) {
        WORLD_TRACE(world, h->worker, "no batch of %s: not valid any more", h->shard);
        end->status = TR_ECANCELED;
        return;
    }
    fails += strength(world, FAULT_PROCESSOR_FAILS, h->worker);
    end->done = h->count;
    if (world_chance(world, (unsigned)fails)) {
        end->status = TR_EPROCESS;
        end->done = (size_t)world_below(world, h->count);
    }
    refuses = strength(world, FAULT_PROCESSOR_REFUSES, h->worker);
    if (refuses > 0 && worker->kcl == NULL && world_chance(world, (unsigned)refuses)) {
        end->status = TR_ECLOSED; /* which going on does not mend */
        end->done = (size_t)world_below(world, h->count);
    }
    world->deliveries += end->done;
    tell_batch(world, h);
}

void processing_end(struct world *world, struct happening *h)
{
    struct worker *worker = &world->workers[h->worker];
    size_t i;

    if (worker->core == NULL && worker->kcl == NULL) {
        return;
    }
    for (i = 0; i < h->done; i++) {
        done_one(world, h, i);
    }
    if (worker->kcl != NULL) {
        struct kcl_event event = {.kind = KCL_EV_PROCESSED, .op = h->op, .done = h->done};
        world_step_kcl(world, h->worker, &event);
    } else {
        struct tr_err err = {"the processor says no"};
        struct tr_consumer_event event = {.kind = TR_CONSUMER_EV_PROCESSED,
                                          .op = h->op,
                                          .status = h->status,
                                          .done = h->done,
                                          .err = h->status == TR_EPROCESS ? &err : NULL};
        world_step(world, h->worker, &event);
    }
}

void processing_crash(struct world *world, size_t index)
{
    size_t i, j;
    for (i = 0; i < world->heap_count; i++) {
        struct happening *h = world->heap[i];
        if (h->kind == PROCESSED && h->worker == index && h->done > 0) {
            size_t done = (size_t)world_below(world, h->done + 1);
            for (j = 0; j < done; j++) {
                done_one(world, h, j);
            }
        }
    }
}
