/* SPDX-License-Identifier: Apache-2.0
 *
 * A bounded queue of messages by value between threads. Pushing to a full queue waits or is
 * refused, as the caller says; closing it wakes everybody. */
#ifndef TR_BASE_QUEUE_H
#define TR_BASE_QUEUE_H

#include "tailrace/status.h"

#include <pthread.h>
#include <stdbool.h>

struct tr_queue {
    size_t message_size;
    size_t capacity;
    struct {
        pthread_mutex_t lock;
        pthread_cond_t filled;
        pthread_cond_t drained;
        char *ring; /* owned */
        size_t head;
        size_t count;
        bool closed;
    } shared;
};

/* Errors: TR_ENOMEM. Threads: before any other use. */
enum tr_status tr_queue_init(struct tr_queue *queue, size_t message_size,
                             size_t capacity) TR_MUST_CHECK;
/* Threads: after all other use. Messages still inside are dropped with it. */
void tr_queue_deinit(struct tr_queue *queue);

/* Copy a message in; waits while the queue is full. False: the queue is closed.
 * Threads: any but the loop (it never waits). */
bool tr_queue_push(struct tr_queue *queue, const void *message);
/* As push, but false at once when the queue is full or closed. Threads: any. */
bool tr_queue_try_push(struct tr_queue *queue, const void *message);
/* Copy the oldest message out; waits for one. False: closed and empty. Threads: any but the loop.
 */
bool tr_queue_pop(struct tr_queue *queue, void *message);
/* As pop, but false at once when there is none. Threads: any. */
bool tr_queue_try_pop(struct tr_queue *queue, void *message);
/* No more pushes; pops drain what is there. Threads: any. */
void tr_queue_close(struct tr_queue *queue);

#endif
