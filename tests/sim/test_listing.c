/* SPDX-License-Identifier: Apache-2.0
 *
 * Who lists the stream's shards in a fleet, how often, and what becomes of rows that have ended. */
#include "base/note.h"
#include "tests/sim/judge.h"
#include "tests/sim/world.h"
#include "tests/support/test.h"

#define TABLE "{\"TableName\":\"Items\"}"
#define MINUTE 60000u
#define HOUR (60 * MINUTE)
#define WORKERS 3

static void write_some(struct world *world, unsigned count)
{
    unsigned i;
    for (i = 0; i < count; i++) {
        world_write(world, i % 20);
        world_run(world, 50);
    }
}

static void start_fleet(struct world *world)
{
    size_t i;
    for (i = 0; i < WORKERS; i++) {
        (void)world_start(world, false);
        world_run(world, 3000);
    }
}

/* How many rows the lease table holds. */
static size_t rows_of(struct world *world)
{
    struct tr_buf body = {0};
    const char *at;
    size_t count = 0;
    assert_int_equal(world_call(world, "DynamoDB_20120810.Scan", "{\"TableName\":\"app\"}", &body),
                     200);
    for (at = body.ptr; (at = strstr(at, "\"leaseKey\"")) != NULL; at++) {
        count++;
    }
    tr_buf_deinit(&body);
    return count;
}

/* One full listing in five minutes, by one of three. */
static void test_listing__is_one_workers_business(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 301, .shards = 4});
    uint64_t before, listings;
    (void)state;
    start_fleet(world);
    world_run(world, 10 * MINUTE);
    before = world_notes(world, TR_NOTE_LISTING_DONE);
    world_run(world, HOUR);
    listings = world_notes(world, TR_NOTE_LISTING_DONE) - before;
    assert_in_range(listings, 11, 13);
    assert_int_equal(world_notes(world, TR_NOTE_LISTING_PART), 0);
    world_free(world);
}

/* When many shards end at about the same time, one listing of newer shards stands in for a question
 * each, and all children are found. */
static void test_listing__of_newer_shards_stands_in_for_many_questions(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 305, .shards = 80});
    uint64_t found;
    (void)state;
    (void)world_start(world, false);
    world_run(world, 2 * MINUTE);
    found = world_notes(world, TR_NOTE_SHARD_FOUND);
    world_control(world, "Rollover", TABLE);
    world_run(world, MINUTE);
    assert_int_equal(world_notes(world, TR_NOTE_SHARD_FOUND), found + 80);
    assert_int_equal(world_notes(world, TR_NOTE_SHARD_ENDED), 80);
    assert_in_range(world_notes(world, TR_NOTE_LISTING_PART), 1, 6);
    world_free(world);
}

/* Calls of DescribeStream in a trace. */
static size_t describes_of(const char *trace)
{
    size_t count = 0;
    for (; (trace = strstr(trace, "call DescribeStream")) != NULL; trace++) {
        count++;
    }
    return count;
}

/* Two listings, the second of which is the second look at each shard: fewer calls than shards. A
 * shard that ends with few others is asked for by itself, twice. */
static void test_listing__serves_first_and_second_looks(void **state)
{
    static const struct {
        unsigned shards;
        size_t least, most;
    } cases[] = {{8, 16, 16}, {60, 3, 35}};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *trace = NULL;
        size_t len = 0, before;
        FILE *out = open_memstream(&trace, &len);
        struct world *world = world_new(
            &(struct world_options){.seed = 306, .shards = cases[i].shards, .trace = out});
        (void)world_start(world, false);
        world_run(world, 2 * MINUTE);
        assert_int_equal(fflush(out), 0);
        before = describes_of(trace);
        world_control(world, "Rollover", TABLE);
        world_run(world, MINUTE);
        assert_int_equal(world_notes(world, TR_NOTE_SHARD_ENDED), cases[i].shards);
        world_free(world);
        assert_int_equal(fclose(out), 0);
        assert_in_range(describes_of(trace) - before, cases[i].least, cases[i].most);
        free(trace);
    }
}

static void must_not_say(void *ctx, const char *check, const char *why)
{
    (void)ctx;
    fail_msg("%s: %s", check, why);
}

/* The shards of a whole fleet end at once: what each worker may ask depends on how many there are,
 * so that all together stay below what the service answers, and all children are read soon. */
static void test_listing__of_a_fleet_keeps_to_what_the_service_answers(void **state)
{
    struct judge_options options = {.failover_ms = 10000,
                                    .lease_table = "app",
                                    .discover_ms = MINUTE,
                                    .describes_per_minute_base = 10,
                                    .wrong = must_not_say};
    struct judge *judge = judge_new(&options);
    struct world *world =
        world_new(&(struct world_options){.seed = 308, .shards = 200, .judge = judge});
    size_t i, held = 0;
    (void)state;
    for (i = 0; i < 8; i++) {
        (void)world_start(world, false);
    }
    world_run(world, 4 * MINUTE);
    world_control(world, "Rollover", TABLE);
    world_run(world, MINUTE);
    assert_int_equal(world_notes(world, TR_NOTE_SHARD_ENDED), 200);
    for (i = 0; i < 8; i++) {
        held += world_held(world, i);
    }
    assert_int_equal(held, 200);
    judge_end(judge, world_now_ms(world));
    world_free(world);
    judge_free(judge);
}

/* A question that is under way when a listing shows the children tells no more than that: the
 * second look is one that begins later. */
static void test_listing__makes_no_second_look_of_a_question_under_way(void **state)
{
    char *trace = NULL;
    size_t len = 0, asked = 0;
    FILE *out = open_memstream(&trace, &len);
    struct world *world =
        world_new(&(struct world_options){.seed = 307, .shards = 2, .trace = out});
    const char *at;
    uint64_t listings;
    (void)state;
    (void)world_start(world, false);
    world_run(world, 2 * MINUTE);
    listings = world_notes(world, TR_NOTE_LISTING_DONE);
    while (world_notes(world, TR_NOTE_LISTING_DONE) == listings) {
        world_run(world, 100);
    }
    world_run(world, 5 * MINUTE - 3000);
    world_set_fault(world, TR_FAULT_DELAY, "\"Operation\":\"DescribeStream\"",
                    "\"DelayMs\":4500,\"Count\":1");
    world_control(world, "SplitShard", TABLE);
    world_run(world, 4 * 1000);
    assert_int_equal(world_notes(world, TR_NOTE_LISTING_DONE), listings + 2);
    assert_int_equal(world_notes(world, TR_NOTE_SHARD_ENDED), 1); /* by what the listing showed */
    world_run(world, 40 * 1000);
    assert_int_equal(world_notes(world, TR_NOTE_SHARD_ENDED), 1);
    world_free(world);
    assert_int_equal(fclose(out), 0);
    for (at = trace; (at = strstr(at, "CHILD_SHARDS")) != NULL; at++) {
        asked++;
    }
    assert_int_equal(asked, 2);
    free(trace);
}

/* Whoever lists dies: another one lists soon, and rolled over shards are found and read on. */
static void test_listing__goes_on_when_the_lister_dies(void **state)
{
    size_t victim;
    (void)state;
    for (victim = 0; victim < WORKERS; victim++) {
        struct world *world = world_new(&(struct world_options){.seed = 310 + victim, .shards = 6});
        uint64_t before;
        start_fleet(world);
        world_run(world, 2 * MINUTE);
        world_crash(world, victim);
        before = world_notes(world, TR_NOTE_LISTING_DONE);
        write_some(world, 100);
        world_control(world, "Rollover", TABLE);
        write_some(world, 100);
        world_run(world, 6 * MINUTE);
        assert_true(world_notes(world, TR_NOTE_LISTING_DONE) > before);
        (void)world_check(world); /* repeats are fine, losses are not */
        assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
        world_free(world);
    }
}

/* A day of rollovers: the table holds the open shards and few more, and a restart reads nothing
 * again. "A restart after rollovers re-creates finished parents at TRIM_HORIZON and replays". */
static void test_rows__that_have_ended_go_and_a_restart_repeats_nothing(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 320, .shards = 3});
    uint64_t delivered;
    size_t i;
    (void)state;
    start_fleet(world);
    for (i = 0; i < 7; i++) {
        write_some(world, 60);
        world_run(world, 4 * HOUR - 3000);
        write_some(world, 60);
        world_control(world, "Rollover", TABLE);
    }
    write_some(world, 60);
    world_run(world, 20 * MINUTE);
    assert_true(world_notes(world, TR_NOTE_LEASE_DELETED) >= 3 * 6);
    assert_in_range(rows_of(world), 3, 6);
    assert_int_equal(world_check(world), 0);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
    assert_int_equal(world_notes(world, TR_NOTE_SHARD_LOST), 0);
    world_stop_all(world);
    world_run(world, MINUTE);
    delivered = world_delivered(world);
    start_fleet(world);
    world_run(world, 10 * MINUTE);
    assert_int_equal(world_delivered(world), delivered);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
    world_free(world);
}

/* The fleet is down for longer than records are kept: what is gone is told, the rest is read, and
 * nothing waits for ever. */
static void test_lost__shards_are_passed_after_a_long_time_down(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 330, .shards = 2});
    uint64_t delivered;
    size_t i;
    (void)state;
    start_fleet(world);
    write_some(world, 100);
    for (i = 0; i < WORKERS; i++) {
        world_crash(world, i);
    }
    for (i = 0; i < 10; i++) {
        write_some(world, 40);
        world_control(world, "Rollover", TABLE);
        world_run(world, 4 * HOUR);
    }
    delivered = world_delivered(world);
    start_fleet(world);
    world_run(world, 30 * MINUTE);
    write_some(world, 100);
    world_run(world, 10 * MINUTE);
    assert_true(world_notes(world, TR_NOTE_GAP) >= 2);
    /* A lease that moves in between is told of by both of its owners. */
    assert_in_range(world_notes(world, TR_NOTE_SHARD_LOST), 2, 4);
    assert_true(world_delivered(world) >= delivered + 100);
    world_free(world);
}

/* Whoever lists dies, and the one that follows it is listing newer shards only just then: from
 * there on it lists all of them, like any other. */
static void test_listing__goes_on_with_who_was_listing_newer_shards(void **state)
{
    unsigned seconds;
    (void)state;
    for (seconds = 0; seconds < 4; seconds++) {
        struct world *world =
            world_new(&(struct world_options){.seed = 340 + 2 * seconds, .shards = 160});
        uint64_t before;
        (void)world_start(world, false);
        (void)world_start(world, false);
        world_run(world, 2 * MINUTE);
        world_set_fault(world, TR_FAULT_DELAY, "\"Operation\":\"DescribeStream\"",
                        "\"DelayMs\":4500");
        world_crash(world, 0);
        world_run(world, seconds * 1000);
        world_control(world, "Rollover", TABLE);
        world_run(world, 2 * MINUTE);
        before = world_notes(world, TR_NOTE_LISTING_DONE);
        world_run(world, 20 * MINUTE);
        assert_in_range(world_notes(world, TR_NOTE_LISTING_DONE) - before, 3, 5);
        world_free(world);
    }
}

/* What its first pages showed is not taken for all there is. */
static void test_listing__that_breaks_off_is_begun_anew(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 71, .shards = 150});
    (void)state;
    world_set_fault(world, TR_FAULT_INTERNAL, "\"Operation\":\"DescribeStream\"", "\"Skip\":1");
    (void)world_start(world, false);
    while (world_notes(world, TR_NOTE_STREAM_WAITING) == 0) {
        assert_int_equal(world_notes(world, TR_NOTE_LISTING_DONE), 0);
        world_run(world, 10);
    }
    assert_int_equal(world_notes(world, TR_NOTE_LISTING_DONE), 0);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_CREATED), 0);
    world_control(world, "ClearFaults", "{}");
    world_run(world, 30000);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_CREATED), 150);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listing__that_breaks_off_is_begun_anew),
        cmocka_unit_test(test_listing__is_one_workers_business),
        cmocka_unit_test(test_listing__of_newer_shards_stands_in_for_many_questions),
        cmocka_unit_test(test_listing__serves_first_and_second_looks),
        cmocka_unit_test(test_listing__of_a_fleet_keeps_to_what_the_service_answers),
        cmocka_unit_test(test_listing__makes_no_second_look_of_a_question_under_way),
        cmocka_unit_test(test_listing__goes_on_when_the_lister_dies),
        cmocka_unit_test(test_listing__goes_on_with_who_was_listing_newer_shards),
        cmocka_unit_test(test_rows__that_have_ended_go_and_a_restart_repeats_nothing),
        cmocka_unit_test(test_lost__shards_are_passed_after_a_long_time_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
