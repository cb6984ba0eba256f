/* SPDX-License-Identifier: Apache-2.0 */
#include "base/queue.h"

#include "base/mem.h"

enum tr_status tr_queue_init(struct tr_queue *queue, size_t message_size, size_t capacity)
{
    *queue = (struct tr_queue){.message_size = message_size, .capacity = capacity};
    queue->shared.ring = tr_calloc(capacity, message_size);
    if (queue->shared.ring == NULL) {
        return TR_ENOMEM;
    }
    pthread_mutex_init(&queue->shared.lock, NULL);
    pthread_cond_init(&queue->shared.filled, NULL);
    pthread_cond_init(&queue->shared.drained, NULL);
    return TR_OK;
}

void tr_queue_deinit(struct tr_queue *queue)
{
    if (queue->shared.ring == NULL) {
        return;
    }
    pthread_cond_destroy(&queue->shared.drained);
    pthread_cond_destroy(&queue->shared.filled);
    pthread_mutex_destroy(&queue->shared.lock);
    tr_free(queue->shared.ring);
    queue->shared.ring = NULL;
}

static void put_locked(struct tr_queue *queue, const void *message)
{
    size_t slot = (queue->shared.head + queue->shared.count) % queue->capacity;
    memcpy(queue->shared.ring + slot * queue->message_size, message, queue->message_size);
    queue->shared.count++;
}

static void take_locked(struct tr_queue *queue, void *message)
{
    memcpy(message, queue->shared.ring + queue->shared.head * queue->message_size,
           queue->message_size);
    queue->shared.head = (queue->shared.head + 1) % queue->capacity;
    queue->shared.count--;
}

static bool push(struct tr_queue *queue, const void *message, bool wait)
{
    bool done;
    pthread_mutex_lock(&queue->shared.lock);
    while (wait && !queue->shared.closed && queue->shared.count == queue->capacity) {
        pthread_cond_wait(&queue->shared.drained, &queue->shared.lock);
    }
    done = !queue->shared.closed && queue->shared.count < queue->capacity;
    if (done) {
        put_locked(queue, message);
        pthread_cond_signal(&queue->shared.filled);
    }
    pthread_mutex_unlock(&queue->shared.lock);
    return done;
}

static bool pop(struct tr_queue *queue, void *message, bool wait)
{
    bool done;
    pthread_mutex_lock(&queue->shared.lock);
    while (wait && !queue->shared.closed && queue->shared.count == 0) {
        pthread_cond_wait(&queue->shared.filled, &queue->shared.lock);
    }
    done = queue->shared.count > 0;
    if (done) {
        take_locked(queue, message);
        pthread_cond_signal(&queue->shared.drained);
    }
    pthread_mutex_unlock(&queue->shared.lock);
    return done;
}

bool tr_queue_push(struct tr_queue *queue, const void *message)
{
    return push(queue, message, true);
}

bool tr_queue_try_push(struct tr_queue *queue, const void *message)
{
    return push(queue, message, false);
}

bool tr_queue_pop(struct tr_queue *queue, void *message)
{
    return pop(queue, message, true);
}

bool tr_queue_try_pop(struct tr_queue *queue, void *message)
{
    return pop(queue, message, false);
}

void tr_queue_close(struct tr_queue *queue)
{
    pthread_mutex_lock(&queue->shared.lock);
    queue->shared.closed = true;
    pthread_cond_broadcast(&queue->shared.filled);
    pthread_cond_broadcast(&queue->shared.drained);
    pthread_mutex_unlock(&queue->shared.lock);
}
