/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/pool.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/queue.h"

#include <pthread.h>
#include <signal.h>

#define QUEUE_MAX 1024u
/* A page up to here, as one without records is, is sliced where it is given: that takes less than a
 * microsecond, the way to another thread and back some thirty. */
#define SMALL_PAGE_BYTES 1024u

struct waiting {
    struct tr_pool_work *items; /* owned */
    size_t head;
    size_t count; /* from head on */
    size_t cap;
};

struct tr_pool {
    tr_pool_wake_fn *wake;
    void *ctx;
    struct tr_queue pages;   /* to the slicing thread */
    struct tr_queue batches; /* to the pool */
    struct tr_queue results; /* to the loop */
    pthread_t *threads;      /* owned; the first slices */
    size_t thread_count;
    struct {
        struct waiting pages;
        struct waiting batches;
        struct tr_pool_result *sliced; /* owned: small pages, for the next takes */
        size_t sliced_count;
        size_t sliced_cap;
    } loop;
};

static struct tr_pool_result make_result(const struct tr_pool_work *work, enum tr_status status,
                                         size_t done, const struct tr_err *err)
{
    struct tr_pool_result result = {.consumer = work->consumer,
                                    .sliced = work->processor == NULL,
                                    .op = work->op,
                                    .status = status,
                                    .done = done};
    if (result.sliced) {
        result.count = work->page->count;
        result.bytes = work->page->body.len;
    }
    if (status != TR_OK && err->text[0] != '\0') {
        result.err = tr_malloc(sizeof *err);
        if (result.err != NULL) {
            *result.err = *err;
        }
    }
    return result;
}

static void send_result(struct tr_pool *pool, const struct tr_pool_work *work,
                        enum tr_status status, size_t done, const struct tr_err *err)
{
    struct tr_pool_result result = make_result(work, status, done, err);
    if (!tr_queue_push(&pool->results, &result)) {
        tr_free(result.err); /* closed: nobody listens any more */
        return;
    }
    pool->wake(pool->ctx);
}

static void *slice_main(void *arg)
{
    struct tr_pool *pool = arg;
    struct tr_pool_work work;
    while (tr_queue_pop(&pool->pages, &work)) {
        struct tr_err err = {0};
        enum tr_status status = tr_page_slice(work.page, &err);
        send_result(pool, &work, status, 0, &err);
    }
    return NULL;
}

static void *process_main(void *arg)
{
    struct tr_pool *pool = arg;
    struct tr_pool_work work;
    while (tr_queue_pop(&pool->batches, &work)) {
        struct tr_err err = {0};
        size_t done = 0;
        enum tr_status status = TR_ECANCELED;
        if (tr_clock_mono().ns < atomic_load(work.valid_until)) {
            status = work.processor->ops->process(work.processor, &work.batch, &done, &err);
            done = status == TR_OK ? work.batch.count : done;
        }
        send_result(pool, &work, status, done, &err);
    }
    return NULL;
}

/* Signals are the main thread's business; a closed pipe is an error of write, not a signal. */
static bool start_thread(struct tr_pool *pool, void *(*main)(void *))
{
    sigset_t all, before;
    bool started;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&pool->threads[pool->thread_count], NULL, main, pool) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pool->thread_count += started;
    return started;
}

enum tr_status tr_pool_new(size_t threads, tr_pool_wake_fn *wake, void *ctx, struct tr_pool **out)
{
    struct tr_pool *pool = tr_calloc(1, sizeof *pool);
    size_t i;

    if (pool == NULL) {
        return TR_ENOMEM;
    }
    pool->wake = wake;
    pool->ctx = ctx;
    pool->threads = tr_calloc(threads + 1, sizeof *pool->threads);
    if (pool->threads == NULL ||
        tr_queue_init(&pool->pages, sizeof(struct tr_pool_work), QUEUE_MAX) != TR_OK ||
        tr_queue_init(&pool->batches, sizeof(struct tr_pool_work), QUEUE_MAX) != TR_OK ||
        tr_queue_init(&pool->results, sizeof(struct tr_pool_result), QUEUE_MAX) != TR_OK) {
        tr_pool_free(pool);
        return TR_ENOMEM;
    }
    for (i = 0; i <= threads; i++) {
        if (!start_thread(pool, i == 0 ? slice_main : process_main)) {
            tr_pool_free(pool);
            return TR_ELIMIT;
        }
    }
    *out = pool;
    return TR_OK;
}

/* Push what waits, oldest first. */
static void move_on(struct waiting *waiting, struct tr_queue *queue)
{
    while (waiting->count > 0 && tr_queue_try_push(queue, &waiting->items[waiting->head])) {
        waiting->head++;
        waiting->count--;
    }
    /* Now and then to the front: a list that is never empty must not wander for ever. */
    if (waiting->head > 0 && waiting->head >= waiting->count) {
        if (waiting->count > 0) {
            memmove(waiting->items, waiting->items + waiting->head,
                    waiting->count * sizeof *waiting->items);
        }
        waiting->head = 0;
    }
}

static enum tr_status slice_here(struct tr_pool *pool, const struct tr_pool_work *work)
{
    struct tr_err err = {0};
    enum tr_status status;
    if (!tr_grow(&pool->loop.sliced, &pool->loop.sliced_cap, pool->loop.sliced_count + 1,
                 sizeof *pool->loop.sliced)) {
        return TR_ENOMEM;
    }
    status = tr_page_slice(work->page, &err);
    pool->loop.sliced[pool->loop.sliced_count++] = make_result(work, status, 0, &err);
    return TR_OK;
}

enum tr_status tr_pool_give(struct tr_pool *pool, const struct tr_pool_work *work)
{
    struct waiting *waiting = work->processor == NULL ? &pool->loop.pages : &pool->loop.batches;
    struct tr_queue *queue = work->processor == NULL ? &pool->pages : &pool->batches;

    if (work->processor == NULL && work->page->body.len <= SMALL_PAGE_BYTES) {
        return slice_here(pool, work);
    }
    move_on(waiting, queue);
    if (waiting->count == 0 && tr_queue_try_push(queue, work)) {
        return TR_OK;
    }
    if (!tr_grow(&waiting->items, &waiting->cap, waiting->head + waiting->count + 1,
                 sizeof *waiting->items)) {
        return TR_ENOMEM;
    }
    waiting->items[waiting->head + waiting->count++] = *work;
    return TR_OK;
}

bool tr_pool_take(struct tr_pool *pool, struct tr_pool_result *result)
{
    move_on(&pool->loop.pages, &pool->pages);
    move_on(&pool->loop.batches, &pool->batches);
    if (pool->loop.sliced_count > 0) {
        *result = pool->loop.sliced[--pool->loop.sliced_count];
        return true;
    }
    return tr_queue_try_pop(&pool->results, result);
}

static void close_queue(struct tr_queue *queue)
{
    if (queue->shared.ring != NULL) {
        tr_queue_close(queue);
    }
}

void tr_pool_free(struct tr_pool *pool)
{
    struct tr_pool_result result;
    size_t i;

    if (pool == NULL) {
        return;
    }
    close_queue(&pool->pages);
    close_queue(&pool->batches);
    close_queue(&pool->results);
    for (i = 0; i < pool->thread_count; i++) {
        pthread_join(pool->threads[i], NULL);
    }
    while (pool->results.shared.ring != NULL && tr_queue_try_pop(&pool->results, &result)) {
        tr_free(result.err);
    }
    while (pool->loop.sliced_count > 0) {
        tr_free(pool->loop.sliced[--pool->loop.sliced_count].err);
    }
    tr_free(pool->loop.sliced);
    tr_queue_deinit(&pool->pages);
    tr_queue_deinit(&pool->batches);
    tr_queue_deinit(&pool->results);
    tr_free(pool->loop.pages.items);
    tr_free(pool->loop.batches.items);
    tr_free(pool->threads);
    tr_free(pool);
}
