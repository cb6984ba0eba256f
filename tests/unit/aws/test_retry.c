/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/retry_core.h"
#include "tests/support/test.h"

static struct tr_retry_failure failure(enum tr_status status, unsigned attempts)
{
    return (struct tr_retry_failure){.status = status,
                                     .repeatable = true,
                                     .attempts = attempts,
                                     .now = {1},
                                     .deadline = TR_MONO_NEVER};
}

static void test_retry__waits_longer_each_time_with_full_jitter(void **state)
{
    static const uint64_t ceilings[] = {25, 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
    unsigned attempt, round;
    (void)state;
    for (attempt = 1; attempt <= 10; attempt++) {
        uint64_t least = UINT64_MAX, most = 0;
        for (round = 0; round < 400; round++) {
            struct tr_retry retry;
            struct tr_retry_failure f = failure(TR_ENET, attempt);
            struct tr_retry_decision d;
            tr_retry_init(&retry, round);
            d = tr_retry_decide(&retry, &f);
            assert_true(d.again);
            least = d.wait_ms < least ? d.wait_ms : least;
            most = d.wait_ms > most ? d.wait_ms : most;
        }
        assert_true(most <= ceilings[attempt - 1] && most > ceilings[attempt - 1] * 9 / 10);
        assert_true(least <= ceilings[attempt - 1] / 10);
    }
}

static void test_retry__throttling_waits_in_seconds(void **state)
{
    uint64_t sum = 0;
    unsigned round;
    (void)state;
    for (round = 0; round < 100; round++) {
        struct tr_retry retry;
        struct tr_retry_failure f = failure(TR_ETHROTTLED, 1);
        tr_retry_init(&retry, round);
        sum += tr_retry_decide(&retry, &f).wait_ms;
    }
    assert_in_range(sum / 100, 400, 600);
}

static void test_retry__the_same_seed_gives_the_same_waits(void **state)
{
    struct tr_retry a, b;
    unsigned i;
    (void)state;
    tr_retry_init(&a, 7);
    tr_retry_init(&b, 7);
    for (i = 1; i < 20; i++) {
        struct tr_retry_failure f = failure(TR_ESERVICE, i);
        assert_int_equal(tr_retry_decide(&a, &f).wait_ms, tr_retry_decide(&b, &f).wait_ms);
    }
}

static void test_retry__stops_at_the_attempts_the_deadline_and_what_cannot_pass(void **state)
{
    struct tr_retry retry;
    struct tr_retry_failure f = failure(TR_ETIMEOUT, 1);
    (void)state;
    tr_retry_init(&retry, 1);
    f.attempts_max = 1;
    assert_false(tr_retry_decide(&retry, &f).again);
    f.attempts_max = 2;
    assert_true(tr_retry_decide(&retry, &f).again);
    f.attempts = 2;
    assert_false(tr_retry_decide(&retry, &f).again);
    f.attempts_max = 0;
    f.deadline = f.now;
    assert_false(tr_retry_decide(&retry, &f).again);
    f.deadline = TR_MONO_NEVER;
    f.repeatable = false;
    assert_false(tr_retry_decide(&retry, &f).again);
    assert_int_equal(retry.tokens, TR_RETRY_TOKENS_MAX - TR_RETRY_COST);
}

static void test_retry__heeds_the_services_hint_within_reason(void **state)
{
    struct tr_retry retry;
    struct tr_retry_failure f = failure(TR_ESERVICE, 1);
    struct tr_retry_decision d;
    (void)state;
    tr_retry_init(&retry, 1);
    f.hint_ms = 700;
    assert_int_equal(tr_retry_decide(&retry, &f).wait_ms, 700);
    f.hint_ms = 3600000;
    d = tr_retry_decide(&retry, &f);
    assert_in_range(d.wait_ms, 5000, 5025);
    f.hint_ms = 0;
    assert_in_range(tr_retry_decide(&retry, &f).wait_ms, 0, 25);
}

static void test_retry__an_outage_uses_the_budget_up_and_successes_fill_it(void **state)
{
    struct tr_retry retry;
    struct tr_retry_failure f = failure(TR_ESERVICE, 1);
    unsigned repeated = 0, i;
    (void)state;
    tr_retry_init(&retry, 1);
    for (i = 0; i < 1000; i++) {
        repeated += tr_retry_decide(&retry, &f).again;
    }
    assert_int_equal(repeated, TR_RETRY_TOKENS_MAX / TR_RETRY_COST);
    tr_retry_succeeded(&retry, TR_RETRY_COST); /* a repetition that helped is free */
    assert_true(tr_retry_decide(&retry, &f).again);
    assert_false(tr_retry_decide(&retry, &f).again);
    for (i = 0; i < TR_RETRY_COST; i++) {
        tr_retry_succeeded(&retry, 0);
    }
    assert_true(tr_retry_decide(&retry, &f).again);
    for (i = 0; i < 10000; i++) {
        tr_retry_succeeded(&retry, 0);
    }
    assert_int_equal(retry.tokens, TR_RETRY_TOKENS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry__waits_longer_each_time_with_full_jitter),
        cmocka_unit_test(test_retry__throttling_waits_in_seconds),
        cmocka_unit_test(test_retry__the_same_seed_gives_the_same_waits),
        cmocka_unit_test(test_retry__stops_at_the_attempts_the_deadline_and_what_cannot_pass),
        cmocka_unit_test(test_retry__heeds_the_services_hint_within_reason),
        cmocka_unit_test(test_retry__an_outage_uses_the_budget_up_and_successes_fill_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
