/* SPDX-License-Identifier: Apache-2.0
 *
 * A table whose stream is turned off and on again: what was written to each stream is read, one
 * stream after the other, by whole workers in virtual time. */
#include "base/note.h"
#include "tests/sim/inside.h"
#include "tests/sim/world.h"
#include "tests/support/test.h"

#define DAY_MS (24u * 3600u * 1000u)
#define MINUTE 60000u

static void update_table(struct world *world, const char *specification)
{
    struct tr_buf out = {0};
    char body[256];
    (void)snprintf(body, sizeof body, "{\"TableName\":\"Items\",\"StreamSpecification\":%s}",
                   specification);
    if (world_call(world, "DynamoDB_20120810.UpdateTable", body, &out) != 200) {
        fail_msg("%.*s", TR_FMT(tr_buf_bytes(&out)));
    }
    tr_buf_deinit(&out);
}

static void turn_off(struct world *world)
{
    update_table(world, "{\"StreamEnabled\":false}");
    world_run(world, 15000);
}

static void turn_on(struct world *world)
{
    update_table(world, "{\"StreamEnabled\":true,\"StreamViewType\":\"NEW_IMAGE\"}");
    world_run(world, 15000);
}

static void test_stream__turned_off_and_on_again_is_drained_then_followed(void **state)
{
    struct world *world =
        world_new(&(struct world_options){.seed = 31, .shards = 3, .process_ms = 40});
    (void)state;
    (void)world_start(world, false);
    (void)world_start(world, false);
    world_write_some(world, 300, 20);
    world_run(world, 2000);
    world_write_some(world, 300, 20);
    turn_off(world);
    turn_on(world);
    world_write_some(world, 300, 20);
    world_run(world, 120000);
    assert_int_equal(world_check(world), 0);
    assert_true(world_notes(world, TR_NOTE_STREAM_FOLLOWED) >= 1);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
    world_free(world);
}

static size_t count_in_rows(struct world *world, const char *text)
{
    struct tr_buf body = {0};
    const char *at;
    size_t count = 0;
    assert_int_equal(world_call(world, "DynamoDB_20120810.Scan", "{\"TableName\":\"app\"}", &body),
                     200);
    tr_buf_add_char(&body, '\0');
    for (at = body.ptr; (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    tr_buf_deinit(&body);
    return count;
}

/* Rows of the stream before go when they are two days old. A counter that somebody set back to what
 * is no time says nothing of that. */
static void test_stream__rows_of_the_one_before_are_not_old_by_a_counter_set_back(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 44, .shards = 1});
    char key[64];
    (void)state;
    (void)world_start(world, false);
    world_write_some(world, 100, 20);
    (void)snprintf(key, sizeof key, "%s", world->open_shards[0]);
    turn_off(world);
    turn_on(world);
    world_write_some(world, 100, 20);
    world_run(world, MINUTE);
    assert_int_equal(world_check(world), 0);
    assert_int_equal(count_in_rows(world, key), 1);
    assert_int_equal(world_edit_row(world, key, "leaseCounter", "{\"N\":\"23\"}"), 200);
    world_run(world, 10 * MINUTE);
    assert_int_equal(count_in_rows(world, "{\"N\":\"23\"}"), 1);
    world_free(world);
}

/* An operator has the last stream read once more while a newer one is read already. */
static void test_stream__of_an_older_unfinished_row_is_read_first_at_a_start(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 45, .shards = 1});
    char key[64];
    size_t worker = world_start(world, false);
    (void)state;
    world_write_some(world, 100, 20);
    (void)snprintf(key, sizeof key, "%s", world->open_shards[0]);
    turn_off(world);
    turn_on(world);
    world_write_some(world, 100, 20);
    world_run(world, MINUTE);
    assert_int_equal(world_check(world), 0);
    world_stop(world, worker);
    world_run(world, 10000);
    assert_int_equal(count_in_rows(world, "SHARD_END"), 1);
    assert_int_equal(world_edit_row(world, key, "checkpoint", "{\"S\":\"TRIM_HORIZON\"}"), 200);
    (void)world_start(world, false);
    world_write_some(world, 100, 20);
    world_run(world, 2 * MINUTE);
    assert_int_equal(count_in_rows(world, "SHARD_END"), 1);
    assert_int_equal(world_delivered(world), 400); /* the first hundred twice */
    world_free(world);
}

/* The full listing that the old stream's end waits for is due every five minutes only. */
static void test_stream__the_next_one_is_followed_within_half_a_minute(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 36, .shards = 3});
    (void)state;
    (void)world_start(world, false);
    world_run(world, 60000);
    world_write_some(world, 100, 20);
    turn_off(world);
    turn_on(world);
    world_write_some(world, 100, 20);
    world_run(world, 20000);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

/* When all shards end, leases move from who has more left to who has fewer: those that move do not
 * hold up the next stream. */
static void test_stream__that_is_off_is_left_in_time_by_a_fleet(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 0; seed < 4; seed++) {
        struct world *world =
            world_new(&(struct world_options){.seed = 1000 + seed, .shards = seed % 2 ? 80 : 10});
        size_t i;
        for (i = 0; i < 4; i++) {
            (void)world_start(world, false);
            world_run(world, 1000);
        }
        world_run(world, 60000);
        world_control(world, "SplitShard", "{\"TableName\":\"Items\"}");
        world_write_some(world, 300, 60);
        turn_off(world);
        turn_on(world);
        world_write_some(world, 300, 60);
        world_run(world, 15000);
        assert_int_equal(world_check(world), 0);
        world_free(world);
    }
}

/* A shard splits, the stream is turned off, and answers lag behind both by half a minute. Its
 * children are none of those that a stream that is off does not have. */
static void test_stream__a_split_just_before_it_is_turned_off_is_read(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 37, .shards = 2});
    (void)state;
    (void)world_start(world, false);
    (void)world_start(world, false);
    world_run(world, 60000);
    world_write_some(world, 100, 20);
    world_set_fault(world, TR_FAULT_STALE_LISTING, "\"Operation\":\"DescribeStream\"", "");
    world_control(world, "SplitShard", "{\"TableName\":\"Items\"}");
    world_write_some(world, 100, 20);
    turn_off(world);
    turn_on(world);
    world_control(world, "ClearFaults", "{}");
    world_write_some(world, 100, 20);
    world_run(world, 120000);
    assert_int_equal(world_check(world), 0);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
    world_free(world);
}

/* A worker that began to list and then found that another one does has not listed: it lists soon
 * when the shards that it takes need it. */
static void test_stream__a_listing_left_in_the_middle_holds_up_no_shard(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 0; seed < 8; seed++) {
        struct world *world = world_new(
            &(struct world_options){.seed = 380 + seed, .shards = 4, .failover_ms = 6000});
        (void)world_start(world, false);
        (void)world_start(world, false);
        world_run(world, 60000);
        turn_off(world);
        world_run(world, 60000);
        world_set_fault(world, TR_FAULT_DELAY, "\"Operation\":\"DescribeStream\"",
                        "\"Skip\":1,\"DelayMs\":4000");
        turn_on(world);
        world_write_some(world, 100, 20);
        world_run(world, 30000);
        assert_int_equal(world_check(world), 0);
        world_free(world);
    }
}

/* The first listing of a stream lacks half of its shards: the next one does not come in minutes. */
static void test_stream__shards_that_its_first_listing_lacks_are_read_soon(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 39, .shards = 4});
    (void)state;
    (void)world_start(world, false);
    (void)world_start(world, false);
    world_run(world, 60000);
    turn_off(world);
    world_run(world, 60000);
    world_set_fault(world, TR_FAULT_PARTIAL_LISTING, "\"Operation\":\"DescribeStream\"",
                    "\"Count\":2");
    turn_on(world);
    world_write_some(world, 100, 20);
    world_run(world, 20000);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

static void test_stream__turned_off_and_on_while_the_fleet_was_down_loses_nothing(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 32, .shards = 2});
    size_t worker = world_start(world, false);
    int i;
    (void)state;
    world_write_some(world, 100, 20);
    world_run(world, 10000);
    world_stop(world, worker);
    world_run_until_ended(world, worker, 60000);
    for (i = 0; i < 3; i++) {
        world_write_some(world, 100, 20);
        turn_off(world);
        turn_on(world);
    }
    world_write_some(world, 100, 20);
    (void)world_start(world, false);
    (void)world_start(world, false);
    world_run(world, 300000);
    assert_int_equal(world_check(world), 0);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
    world_free(world);
}

static void test_stream__once_goes_on_to_the_newest_stream(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 33, .shards = 2});
    enum tr_status status;
    size_t worker = world_start(world, true);
    (void)state;
    world_write_some(world, 100, 20);
    world_run_until_ended(world, worker, 60000);
    world_write_some(world, 100, 20);
    turn_off(world);
    turn_on(world);
    world_write_some(world, 100, 20);
    worker = world_start(world, true);
    world_run_until_ended(world, worker, 120000);
    assert_true(world_ended(world, worker, &status) && status == TR_OK);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

/* Down for longer than the service keeps a stream that is off: its unread records are gone, which
 * is told, and the new stream is read. */
static void test_stream__gone_before_it_was_read_is_a_gap_and_the_next_one_is_followed(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 34, .shards = 2});
    size_t worker = world_start(world, false);
    uint64_t delivered;
    (void)state;
    world_write_some(world, 100, 20);
    world_run(world, 10000);
    world_crash(world, worker);
    world_write_some(world, 100, 20);
    turn_off(world);
    turn_on(world);
    world_run(world, 2ull * DAY_MS);
    delivered = world_delivered(world);
    world_write_some(world, 100, 20);
    (void)world_start(world, false);
    world_run(world, 600000);
    assert_true(world_notes(world, TR_NOTE_GAP) >= 1);
    assert_int_equal(world_notes(world, TR_NOTE_STREAM_LOST), 1);
    assert_true(world_delivered(world) >= delivered + 100);
    world_free(world);
}

/* Read to its end, then gone for long before the table's next stream came: nothing is missing. */
static void test_stream__gone_after_it_was_read_is_no_gap(void **state)
{
    static const uint64_t days[] = {1, 3};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof days / sizeof days[0]; i++) {
        struct world *world = world_new(&(struct world_options){.seed = 37 + i, .shards = 2});
        (void)world_start(world, false);
        (void)world_start(world, false);
        world_write_some(world, 100, 20);
        turn_off(world);
        world_run(world, days[i] * DAY_MS + DAY_MS / 4);
        turn_on(world);
        world_write_some(world, 100, 20);
        world_run(world, 600000);
        assert_int_equal(world_check(world), 0);
        assert_true(world_notes(world, TR_NOTE_STREAM_FOLLOWED) >= 1);
        assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
        assert_int_equal(world_notes(world, TR_NOTE_STREAM_LOST), 0);
        world_free(world);
    }
}

static void test_lease_table__with_another_tables_stream_is_refused_at_the_start(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 35, .shards = 1});
    enum tr_status status;
    size_t worker = world_start(world, true);
    (void)state;
    world_run_until_ended(world, worker, 60000);
    assert_int_equal(
        world_call(world, "DynamoDB_20120810.PutItem",
                   "{\"TableName\":\"app\",\"Item\":{\"leaseKey\":{\"S\":\"shardId-1\"},"
                   "\"leaseCounter\":{\"N\":\"1\"},\"checkpoint\":{\"S\":\"TRIM_HORIZON\"},"
                   "\"checkpointSubSequenceNumber\":{\"N\":\"0\"},"
                   "\"ownerSwitchesSinceCheckpoint\":{\"N\":\"0\"},"
                   "\"tailraceStream\":{\"S\":\"Others/stream/2026-11-21T08:00:01.000\"}}}",
                   NULL),
        200);
    worker = world_start(world, false);
    world_run_until_ended(world, worker, 60000);
    assert_true(world_ended(world, worker, &status) && status == TR_ECONFIG);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream__turned_off_and_on_again_is_drained_then_followed),
        cmocka_unit_test(test_stream__rows_of_the_one_before_are_not_old_by_a_counter_set_back),
        cmocka_unit_test(test_stream__of_an_older_unfinished_row_is_read_first_at_a_start),
        cmocka_unit_test(test_stream__the_next_one_is_followed_within_half_a_minute),
        cmocka_unit_test(test_stream__that_is_off_is_left_in_time_by_a_fleet),
        cmocka_unit_test(test_stream__a_split_just_before_it_is_turned_off_is_read),
        cmocka_unit_test(test_stream__a_listing_left_in_the_middle_holds_up_no_shard),
        cmocka_unit_test(test_stream__shards_that_its_first_listing_lacks_are_read_soon),
        cmocka_unit_test(test_stream__turned_off_and_on_while_the_fleet_was_down_loses_nothing),
        cmocka_unit_test(test_stream__once_goes_on_to_the_newest_stream),
        cmocka_unit_test(test_stream__gone_after_it_was_read_is_no_gap),
        cmocka_unit_test(
            test_stream__gone_before_it_was_read_is_a_gap_and_the_next_one_is_followed),
        cmocka_unit_test(test_lease_table__with_another_tables_stream_is_refused_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
