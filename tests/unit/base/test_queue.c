/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/queue.h"
#include "tests/support/test.h"

#define SENDERS 4
#define MESSAGES 2000

struct message {
    unsigned sender;
    unsigned number;
};

struct sender {
    struct tr_queue *queue;
    unsigned id;
};

static void *send_all(void *arg)
{
    const struct sender *sender = arg;
    for (unsigned i = 0; i < MESSAGES; i++) {
        struct message message = {.sender = sender->id, .number = i};
        if (!tr_queue_push(sender->queue, &message)) {
            return NULL;
        }
    }
    return NULL;
}

static void test_queue__brings_each_threads_messages_once_and_in_order(void **state)
{
    struct tr_queue queue;
    pthread_t threads[SENDERS];
    struct sender senders[SENDERS];
    unsigned next[SENDERS] = {0};
    (void)state;
    assert_int_equal(tr_queue_init(&queue, sizeof(struct message), 7), TR_OK);
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.queue = &queue, .id = i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
    }
    for (unsigned i = 0; i < SENDERS * MESSAGES; i++) {
        struct message message;
        assert_true(tr_queue_pop(&queue, &message));
        assert_in_range(message.sender, 0, SENDERS - 1);
        assert_int_equal(message.number, next[message.sender]);
        next[message.sender]++;
    }
    for (unsigned i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
    }
    tr_queue_deinit(&queue);
}

static void test_queue__refuses_what_has_no_room_and_finds_nothing_in_an_empty_one(void **state)
{
    struct tr_queue queue;
    int number = 1;
    (void)state;
    assert_int_equal(tr_queue_init(&queue, sizeof number, 2), TR_OK);
    assert_false(tr_queue_try_pop(&queue, &number));
    assert_true(tr_queue_try_push(&queue, &number));
    number = 2;
    assert_true(tr_queue_try_push(&queue, &number));
    assert_false(tr_queue_try_push(&queue, &number));
    assert_true(tr_queue_try_pop(&queue, &number));
    assert_int_equal(number, 1);
    tr_queue_deinit(&queue);
}

static void test_queue__gives_out_what_it_holds_after_it_was_closed(void **state)
{
    struct tr_queue queue;
    int number = 1;
    (void)state;
    assert_int_equal(tr_queue_init(&queue, sizeof number, 2), TR_OK);
    assert_true(tr_queue_push(&queue, &number));
    tr_queue_close(&queue);
    assert_false(tr_queue_push(&queue, &number));
    number = 0;
    assert_true(tr_queue_pop(&queue, &number));
    assert_int_equal(number, 1);
    assert_false(tr_queue_pop(&queue, &number));
    tr_queue_deinit(&queue);
}

static void test_queue__closing_frees_a_sender_that_waits_for_room(void **state)
{
    struct tr_queue queue;
    pthread_t thread;
    struct sender sender = {.queue = &queue};
    struct message message;
    (void)state;
    assert_int_equal(tr_queue_init(&queue, sizeof(struct message), 1), TR_OK);
    assert_int_equal(pthread_create(&thread, NULL, send_all, &sender), 0);
    assert_true(tr_queue_pop(&queue, &message)); /* the sender is under way */
    tr_queue_close(&queue);
    pthread_join(thread, NULL);
    tr_queue_deinit(&queue);
}

static void test_queue__says_when_there_is_no_memory(void **state)
{
    struct tr_queue queue;
    (void)state;
    (void)tr_mem_fail_at(0);
    assert_int_equal(tr_queue_init(&queue, sizeof(int), 8), TR_ENOMEM);
    tr_mem_fail_at(-1);
    tr_queue_deinit(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue__brings_each_threads_messages_once_and_in_order),
        cmocka_unit_test(test_queue__refuses_what_has_no_room_and_finds_nothing_in_an_empty_one),
        cmocka_unit_test(test_queue__gives_out_what_it_holds_after_it_was_closed),
        cmocka_unit_test(test_queue__closing_frees_a_sender_that_waits_for_room),
        cmocka_unit_test(test_queue__says_when_there_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
