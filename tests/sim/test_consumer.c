/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole workers in virtual time against the service model: what a user would notice. */
#include "base/note.h"
#include "tests/support/test.h"
#include "tests/sim/world.h"

static void test_once__reads_everything_and_ends_with_success(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 1, .shards = 4});
    enum tr_status status;
    size_t worker;
    (void)state;
    world_write_some(world, 5000, 100);
    worker = world_start(world, true);
    world_run_until_ended(world, worker, 60000);
    assert_true(world_ended(world, worker, &status));
    assert_int_equal(status, TR_OK);
    assert_int_equal(world_check(world), 0);
    assert_int_equal(world_held(world, worker), 0);
    world_free(world);
}

static void test_once__an_empty_stream_is_read_to_its_tip_too(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 2, .shards = 2});
    enum tr_status status;
    size_t worker = world_start(world, true);
    (void)state;
    world_run_until_ended(world, worker, 60000);
    assert_true(world_ended(world, worker, &status) && status == TR_OK);
    world_free(world);
}

/* The rows that it has just made are missing from what the next scans show: they are not gone. */
static void test_once__reads_shards_whose_rows_lag_behind(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 0; seed < 8; seed++) {
        struct world *world = world_new(&(struct world_options){.seed = 120 + seed, .shards = 4});
        enum tr_status status;
        size_t worker;
        world_write_some(world, 100, 20);
        world_set_fault(world, TR_FAULT_STALE_READ, "\"Operation\":\"Scan\"",
                        "\"Probability\":0.7");
        worker = world_start(world, true);
        world_run_until_ended(world, worker, 60000);
        assert_true(world_ended(world, worker, &status) && status == TR_OK);
        assert_int_equal(world_check(world), 0);
        world_free(world);
    }
}

static void test_once__twice_in_a_row_delivers_each_record_once(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 3, .shards = 3});
    size_t worker;
    (void)state;
    world_write_some(world, 300, 20);
    worker = world_start(world, true);
    world_run_until_ended(world, worker, 60000);
    world_write_some(world, 300, 20);
    worker = world_start(world, true);
    world_run_until_ended(world, worker, 60000);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

/* The world fails a worker whose deadlines do not lie ahead: its loop would spin. */
static void test_stop__waits_at_rest_for_a_batch_in_hand(void **state)
{
    struct world *world =
        world_new(&(struct world_options){.seed = 13, .shards = 1, .process_ms = 60000});
    size_t worker = world_start(world, false);
    (void)state;
    world_run(world, 4 * 60 * 1000 + 50000); /* the next listing is due in ten seconds */
    world_write_some(world, 1, 1);
    world_run(world, 3000);
    assert_int_equal(world_delivered(world), 1);
    world_stop(world, worker);
    world_run_until_ended(world, worker, 90000);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

static void test_splits_and_rollovers__keep_the_order_of_each_item(void **state)
{
    struct world *world =
        world_new(&(struct world_options){.seed = 4, .shards = 2, .process_ms = 40});
    size_t worker = world_start(world, false);
    int i;
    (void)state;
    for (i = 0; i < 12; i++) {
        world_write_some(world, 200, 50);
        world_run(world, 700);
        world_control(world, i % 3 == 0 ? "SplitShard" : "Rollover", "{\"TableName\":\"Items\"}");
        world_write_some(world, 100, 50);
        world_run(world, 300);
    }
    world_run(world, 30000);
    assert_int_equal(world_check(world), 0);
    assert_true(world_notes(world, TR_NOTE_SHARD_ENDED) >= 12);
    world_stop(world, worker);
    world_run_until_ended(world, worker, 5000);
    world_free(world);
}

static void test_crash__the_next_worker_carries_on_and_loses_nothing(void **state)
{
    struct world *world = world_new(
        &(struct world_options){.seed = 5, .shards = 3, .failover_ms = 2000, .process_ms = 30});
    size_t worker = world_start(world, false);
    int i;
    (void)state;
    for (i = 0; i < 15; i++) {
        world_write_some(world, 150, 40);
        world_run(world, 1500);
        if (i % 5 == 2) {
            world_control(world, "Rollover", "{\"TableName\":\"Items\"}");
        }
        world_crash(world, worker);
        worker = world_start(world, false);
        world_run(world, 4000);
    }
    world_run(world, 20000);
    (void)world_check(world);
    world_free(world);
}

static void test_stop__releases_at_once_and_repeats_nothing(void **state)
{
    struct world *world =
        world_new(&(struct world_options){.seed = 6, .shards = 3, .process_ms = 50});
    size_t worker = world_start(world, false);
    enum tr_status status;
    int i;
    (void)state;
    for (i = 0; i < 10; i++) {
        world_write_some(world, 500, 40);
        world_run(world, 900);
        world_stop(world, worker);
        world_run_until_ended(world, worker, 2000);
        assert_true(world_ended(world, worker, &status) && status == TR_OK);
        worker = world_start(world, false);
        world_run(world, 1000);
    }
    world_run(world, 20000);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

static void test_two_workers__started_at_once_deliver_each_record_once(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 100; seed < 120; seed++) {
        struct world *world = world_new(&(struct world_options){.seed = seed, .shards = 8});
        (void)world_start(world, false);
        (void)world_start(world, false);
        world_write_some(world, 500, 100);
        world_run(world, 20000);
        world_write_some(world, 500, 100);
        world_run(world, 20000);
        assert_int_equal(world_check(world), 0);
        assert_int_equal(world_held(world, 0) + world_held(world, 1), 8);
        world_free(world);
    }
}

static void test_losses__requests_and_answers_are_lost_but_no_record(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 200; seed < 240; seed++) {
        struct world *world = world_new(&(struct world_options){.seed = seed,
                                                                .shards = 3,
                                                                .failover_ms = 3000,
                                                                .lost_per_thousand = 30,
                                                                .fail_per_thousand = 50,
                                                                .process_ms = 60});
        size_t worker = world_start(world, false);
        int i;
        for (i = 0; i < 12; i++) {
            world_write_some(world, 120, 30);
            world_run(world, 2000);
            if (i % 4 == 1) {
                world_control(world, "SplitShard", "{\"TableName\":\"Items\"}");
            }
            if (i % 4 == 3) {
                world_crash(world, worker);
                worker = world_start(world, false);
            }
        }
        world_run(world, 120000);
        (void)world_check(world);
        world_free(world);
    }
}

static void test_once__leaves_leases_that_another_worker_keeps_alive(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 7, .shards = 2});
    size_t other = world_start(world, false), worker;
    enum tr_status status;
    (void)state;
    world_write_some(world, 50, 10);
    world_run(world, 5000);
    assert_int_equal(world_held(world, other), 2);
    worker = world_start(world, true);
    world_run_until_ended(world, worker, 60000);
    assert_true(world_ended(world, worker, &status) && status == TR_OK);
    assert_int_equal(world_held(world, other), 2);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

static void test_once__takes_leases_of_a_dead_worker(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 8, .shards = 2});
    size_t other = world_start(world, false), worker;
    (void)state;
    world_run(world, 5000);
    world_crash(world, other);
    world_write_some(world, 50, 10);
    worker = world_start(world, true);
    world_run_until_ended(world, worker, 60000);
    (void)world_check(world);
    world_free(world);
}

static void test_trimmed__is_told_with_bounds_and_goes_on(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 9, .shards = 1});
    size_t worker = world_start(world, true);
    (void)state;
    world_write_some(world, 10, 1);
    world_run_until_ended(world, worker, 60000);
    world_write_some(world, 10, 1);
    world_control(world, "Trim", "{\"TableName\":\"Items\",\"Records\":20}");
    world_write_some(world, 5, 1);
    worker = world_start(world, true);
    world_run_until_ended(world, worker, 60000);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
    assert_int_equal(world_delivered(world), 15);
    world_free(world);
}

static void test_trimmed__stops_the_run_when_told_so(void **state)
{
    struct world *world =
        world_new(&(struct world_options){.seed = 10, .shards = 1, .stop_on_gap = true});
    size_t worker = world_start(world, true);
    enum tr_status status;
    (void)state;
    world_write_some(world, 10, 1);
    world_run_until_ended(world, worker, 60000);
    world_write_some(world, 10, 1);
    world_control(world, "Trim", "{\"TableName\":\"Items\",\"Records\":20}");
    worker = world_start(world, true);
    world_run_until_ended(world, worker, 60000);
    assert_true(world_ended(world, worker, &status) && status == TR_ETRIMMED);
    world_free(world);
}

static void test_trimmed__the_beginning_of_a_child_is_missed_with_a_gap(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 11, .shards = 1});
    size_t worker;
    (void)state;
    world_write_some(world, 10, 1);
    world_control(world, "Rollover", "{\"TableName\":\"Items\"}");
    worker = world_start(world, true);
    world_run_until_ended(world, worker, 60000);
    assert_int_equal(world_delivered(world), 10);
    world_write_some(world, 10, 1); /* into the child, whose row is at TRIM_HORIZON */
    world_control(world, "Trim", "{\"TableName\":\"Items\",\"Records\":10}");
    world_write_some(world, 5, 1);
    worker = world_start(world, true);
    world_run_until_ended(world, worker, 60000);
    assert_int_equal(world_delivered(world), 15);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
    world_free(world);
}

static void test_once__ends_with_failure_beside_a_row_that_is_not_understood(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 12, .shards = 2});
    size_t worker = world_start(world, true);
    enum tr_status status;
    struct tr_buf answer = {0};
    char shard[64];
    const char *key;
    (void)state;
    world_run_until_ended(world, worker, 60000);
    assert_int_equal(
        world_call(world, "DynamoDB_20120810.Scan", "{\"TableName\":\"app\",\"Limit\":1}", &answer),
        200);
    key = strstr(answer.ptr, "shardId-");
    assert_non_null(key);
    (void)snprintf(shard, sizeof shard, "%.*s", (int)strcspn(key, "\""), key);
    assert_int_equal(world_edit_row(world, shard, "leaseCounter", "{\"S\":\"seven\"}"), 200);
    tr_buf_deinit(&answer);
    world_write_some(world, 100, 30);
    worker = world_start(world, true);
    world_run_until_ended(world, worker, 60000);
    assert_true(world_ended(world, worker, &status));
    assert_int_equal(status, TR_ECORRUPT);
    assert_true(world_delivered(world) > 0); /* the other shard was read */
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_ROW_BAD) > 0, 1);
    world_free(world);
}

/* Set an attribute of the first row that has parents. */
static void scribble(struct world *world, const char *attribute, const char *value)
{
    struct tr_buf answer = {0};
    char shard[64];
    const char *key;
    assert_int_equal(world_call(world, "DynamoDB_20120810.Scan",
                                "{\"TableName\":\"app\",\"FilterExpression\":"
                                "\"attribute_exists(parentShardId)\","
                                "\"ProjectionExpression\":\"leaseKey\"}",
                                &answer),
                     200);
    key = strstr(answer.ptr, "shardId-");
    assert_non_null(key);
    (void)snprintf(shard, sizeof shard, "%.*s", (int)strcspn(key, "\""), key);
    assert_int_equal(world_edit_row(world, shard, attribute, value), 200);
    tr_buf_deinit(&answer);
}

/* A hint of our own that somebody spoilt: it is told and had otherwise, and the shard is read. */
static void test_row__with_a_first_number_that_is_none_is_read_all_the_same(void **state)
{
    static const char *const values[] = {"{\"S\":\"seven\"}", "{\"N\":\"7\"}",
                                         "{\"S\":\"TRIM_HORIZON\"}"};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct world *world = world_new(&(struct world_options){.seed = 45 + i, .shards = 2});
        size_t worker = world_start(world, false);
        world_run(world, 30000);
        world_control(world, "Rollover", "{\"TableName\":\"Items\"}");
        world_run(world, 40000);
        world_stop(world, worker);
        world_run_until_ended(world, worker, 20000);
        scribble(world, "tailraceFirst", values[i]);
        world_write_some(world, 100, 30);
        (void)world_start(world, false);
        world_run(world, 30000);
        assert_int_equal(world_check(world), 0);
        assert_int_equal(world_notes(world, TR_NOTE_LEASE_FIRST_BAD), 1);
        assert_non_null(
            strstr(values[i], strchr(world_note(world, TR_NOTE_LEASE_FIRST_BAD), ' ') + 1));
        assert_int_equal(world_notes(world, TR_NOTE_LEASE_ROW_BAD), 0);
        assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
        world_free(world);
    }
}

/* The answer of the scan that was under way comes 3.5 s late, and by then the next one is due. */
static void test_pause__a_worker_that_wakes_up_gets_its_share_again(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 40; seed < 60; seed++) {
        struct world *world =
            world_new(&(struct world_options){.seed = seed, .shards = 6, .failover_ms = 2000});
        size_t i;
        for (i = 0; i < 3; i++) {
            (void)world_start(world, false);
        }
        world_run(world, 6000);
        world_write_some(world, 60, 12);
        world_pause(world, 0, 3500 + seed * 7);
        world_run(world, 3500 + seed * 7);
        world_run(world, 4000);
        for (i = 0; i < 3; i++) {
            assert_int_equal(world_held(world, i), 2);
        }
        (void)world_check(world);
        world_free(world);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once__reads_everything_and_ends_with_success),
        cmocka_unit_test(test_once__an_empty_stream_is_read_to_its_tip_too),
        cmocka_unit_test(test_once__reads_shards_whose_rows_lag_behind),
        cmocka_unit_test(test_once__twice_in_a_row_delivers_each_record_once),
        cmocka_unit_test(test_stop__waits_at_rest_for_a_batch_in_hand),
        cmocka_unit_test(test_splits_and_rollovers__keep_the_order_of_each_item),
        cmocka_unit_test(test_crash__the_next_worker_carries_on_and_loses_nothing),
        cmocka_unit_test(test_stop__releases_at_once_and_repeats_nothing),
        cmocka_unit_test(test_two_workers__started_at_once_deliver_each_record_once),
        cmocka_unit_test(test_losses__requests_and_answers_are_lost_but_no_record),
        cmocka_unit_test(test_pause__a_worker_that_wakes_up_gets_its_share_again),
        cmocka_unit_test(test_once__leaves_leases_that_another_worker_keeps_alive),
        cmocka_unit_test(test_once__takes_leases_of_a_dead_worker),
        cmocka_unit_test(test_trimmed__is_told_with_bounds_and_goes_on),
        cmocka_unit_test(test_trimmed__stops_the_run_when_told_so),
        cmocka_unit_test(test_trimmed__the_beginning_of_a_child_is_missed_with_a_gap),
        cmocka_unit_test(test_once__ends_with_failure_beside_a_row_that_is_not_understood),
        cmocka_unit_test(test_row__with_a_first_number_that_is_none_is_read_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
