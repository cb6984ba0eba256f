/* SPDX-License-Identifier: Apache-2.0
 *
 * The threads beside the loop: one that slices pages and never waits behind a processor, and a pool
 * that processes batches. Work goes in by value over bounded queues, results come out over one, and
 * the loop is woken. */
#ifndef TR_WORKER_POOL_H
#define TR_WORKER_POOL_H

#include "processor/processor.h"

#include <stdatomic.h>

struct tr_pool;

/* A page to slice, or a batch to process. Everything pointed to stays where it is until the result
 * is back. */
struct tr_pool_work {
    uint32_t consumer; /* handed back */
    uint64_t op;       /* handed back */
    struct tr_page *page;
    struct tr_processor *processor; /* NULL: slice */
    struct tr_batch batch;
    /* The lease's validity, ns of the monotonic clock: read on the pool's thread immediately before
     * the processor is called (rule: nothing is processed after a lapse). */
    const _Atomic uint64_t *valid_until;
};

struct tr_pool_result {
    uint32_t consumer;
    bool sliced; /* else processed */
    uint64_t op;
    enum tr_status status; /* TR_ECANCELED: the lease was not valid, the processor was not called */
    size_t done;           /* processed: records done for good */
    size_t count;          /* sliced: records of the page */
    size_t bytes;          /* sliced: of the page */
    struct tr_err *err;    /* owned by the receiver (tr_free); NULL when there is nothing to say */
};

typedef void tr_pool_wake_fn(void *ctx);

/* Start the slicing thread and `threads` pool threads. `wake` runs after each result.
 * Errors:  TR_ENOMEM, TR_ELIMIT (no more threads).
 * Owns:    *out returned (free with tr_pool_free). */
enum tr_status tr_pool_new(size_t threads, tr_pool_wake_fn *wake, void *ctx,
                           struct tr_pool **out) TR_MUST_CHECK;
/* Give work; never waits (what the queues cannot take now waits in a list of the loop's). A page of
 * a few hundred bytes is sliced at once; `wake` does not run for it: take results before the loop
 * waits.
 * Errors:  TR_ENOMEM: not given.
 * Threads: loop. */
enum tr_status tr_pool_give(struct tr_pool *pool, const struct tr_pool_work *work) TR_MUST_CHECK;
/* Move waiting work on and take one result. False: there is none now. Threads: loop. */
bool tr_pool_take(struct tr_pool *pool, struct tr_pool_result *result);
/* Let the threads finish what they have and join them. Threads: loop. */
void tr_pool_free(struct tr_pool *pool);

#endif
