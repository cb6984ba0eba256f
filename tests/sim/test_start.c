/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a fleet starts, what it does where records are missing, and when it checkpoints: whole
 * workers in virtual time.
 * What a test writes before the start need not be delivered and counts as repeated if it is. */
#include "base/note.h"
#include "tests/sim/world.h"
#include "tests/support/test.h"

#define SEEDS 12
#define TABLE "{\"TableName\":\"Items\"}"
#define HOUR_MS 3600000ull
#define ROW_MADE "\"Operation\":\"PutItem\",\"TableName\":\"app\""

static struct world *world_of(uint64_t seed, enum tr_consumer_start start)
{
    return world_new(
        &(struct world_options){.seed = seed, .shards = 3, .failover_ms = 3000, .start = start});
}

static void run_once(struct world *world, enum tr_status wanted)
{
    size_t worker = world_start(world, true);
    enum tr_status status;
    world_run_until_ended(world, worker, 120000);
    assert_true(world_ended(world, worker, &status));
    assert_int_equal(status, wanted);
}

/* Until the first row is made; from then on nothing may be lost. */
static void run_until_fixed(struct world *world)
{
    unsigned tries = 0;
    while (world_notes(world, TR_NOTE_LEASE_CREATED) == 0) {
        assert_true(tries++ < 100000);
        world_run(world, 1);
    }
    world_expect_from_now(world);
}

static bool table_stands(struct world *world)
{
    struct tr_buf out = {0};
    bool stands = world_call(world, "DynamoDB_20120810.DescribeTable", "{\"TableName\":\"app\"}",
                             &out) == 200 &&
                  memmem(out.ptr, out.len, "ACTIVE", 6) != NULL;
    tr_buf_deinit(&out);
    return stands;
}

static uint64_t start_in_rows(struct world *world, size_t *count);

/* Until the first row is in the table, whether its maker knows or not. */
static void run_until_a_row_stands(struct world *world)
{
    unsigned tries = 0;
    size_t count = 0;
    while (count == 0) {
        assert_true(tries++ < 100000);
        world_run(world, 1);
        if (table_stands(world)) {
            (void)start_in_rows(world, &count);
        }
    }
}

/* The start that stands in all rows; they must agree. How many rows, in *count. */
static uint64_t start_in_rows(struct world *world, size_t *count)
{
    static const char attribute[] = "\"tailraceStartMs\":{\"N\":\"";
    struct tr_buf out = {0};
    const char *at;
    uint64_t start = 0;
    *count = 0;
    assert_int_equal(world_call(world, "DynamoDB_20120810.Scan",
                                "{\"TableName\":\"app\",\"ConsistentRead\":true}", &out),
                     200);
    tr_buf_add_char(&out, '\0');
    for (at = out.ptr; (at = strstr(at, attribute)) != NULL; (*count)++) {
        uint64_t here = strtoull(at += sizeof attribute - 1, NULL, 10);
        assert_true(start == 0 || start == here);
        start = here;
    }
    tr_buf_deinit(&out);
    return start;
}

static void test_latest__begins_with_what_is_written_after_the_first_start(void **state)
{
    struct world *world = world_of(1, TR_START_LATEST);
    size_t count;
    uint64_t start;
    (void)state;
    world_write_some(world, 300, 30);
    world_control(world, "Rollover", TABLE);
    world_write_some(world, 300, 30);
    world_run(world, 3000);
    world_expect_from_now(world);
    (void)world_start(world, false);
    run_until_fixed(world);
    world_write_some(world, 300, 30);
    world_run(world, 10000);
    assert_int_equal(world_check(world), 0);
    assert_int_equal(world_delivered(world), 300);
    /* The leaves only: what was closed before is not read at all. */
    start = start_in_rows(world, &count);
    assert_int_equal(count, 3);
    assert_true((int64_t)start <= world_wall_ms(world));
    assert_true((int64_t)start + 15000 > world_wall_ms(world));
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
    world_free(world);
}

/* What is repeated: the second of the start, and the one before it. */
static void test_latest__repeats_two_seconds_of_older_data_at_the_most(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 0; seed < SEEDS; seed++) {
        struct world *world = world_of(20 + seed, TR_START_LATEST);
        unsigned i;
        for (i = 0; i < 100; i++) {
            world_write_some(world, 3, 30);
            world_run(world, 100);
        }
        world_expect_from_now(world);
        (void)world_start(world, false);
        run_until_fixed(world);
        world_run(world, 10000);
        /* 30 a second; the start took some milliseconds. */
        assert_true(world_check(world) <= 60);
        world_free(world);
    }
}

static void test_latest__is_not_resolved_anew_at_each_start(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 0; seed < SEEDS; seed++) {
        struct world *world = world_of(40 + seed, TR_START_LATEST);
        size_t worker, count, i;
        uint64_t start;
        world_write_some(world, 100, 30);
        world_run(world, 5000);
        worker = world_start(world, false);
        run_until_fixed(world);
        world_run(world, seed * 40); /* before the first checkpoint, with and without leases */
        start = start_in_rows(world, &count);
        for (i = 0; i < 4; i++) {
            if (i % 2 == 0) {
                world_crash(world, worker);
            } else {
                world_stop(world, worker);
                world_run_until_ended(world, worker, 10000);
            }
            world_write_some(world, 50, 30);
            world_run(world, 20000);
            worker = world_start(world, false);
            world_run(world, 20000);
        }
        world_run(world, 20000);
        assert_int_equal(world_check(world), 0);
        assert_int_equal(start_in_rows(world, &count), start);
        assert_int_equal(count, 3);
        world_free(world);
    }
}

static void test_latest__several_workers_at_once_fix_one_time(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 0; seed < SEEDS; seed++) {
        struct world *world = world_new(&(struct world_options){.seed = 60 + seed,
                                                                .shards = 4,
                                                                .failover_ms = 3000,
                                                                .lost_per_thousand = 50,
                                                                .start = TR_START_LATEST});
        size_t count, i;
        world_write_some(world, 100, 30);
        world_set_fault(world, TR_FAULT_STALE_READ, "", "");
        world_run(world, 5000);
        for (i = 0; i < 4; i++) {
            (void)world_start(world, false);
            world_run(world, seed % 3 * 20);
            if (seed % 2 == 0) {
                world_control(world, "SplitShard", TABLE);
            }
        }
        run_until_fixed(world);
        for (i = 0; i < 20; i++) {
            world_write_some(world, 20, 30);
            world_run(world, 500);
            if (i % 5 == 2) {
                world_control(world, "SplitShard", TABLE);
            }
        }
        world_lose(world, 0);
        world_run(world, 60000);
        (void)world_check(world);
        assert_true(start_in_rows(world, &count) > 0);
        assert_true(count >= 4);
        assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
        world_free(world);
    }
}

/* The first row is there, the others are not; shards split, and days of another configuration go
 * by: whoever comes next makes the others with the time of the first. */
static void test_latest__a_crash_between_the_rows_keeps_the_time(void **state)
{
    static const enum tr_consumer_start later[] = {TR_START_LATEST, TR_START_TRIM_HORIZON,
                                                   TR_START_AT_TIMESTAMP};
    uint64_t seed;
    (void)state;
    for (seed = 0; seed < SEEDS; seed++) {
        struct world *world = world_of(80 + seed, TR_START_LATEST);
        size_t worker, count;
        uint64_t start;
        world_write_some(world, 200, 30);
        world_control(world, "Rollover", TABLE);
        world_run(world, 5000);
        worker = world_start(world, false);
        run_until_fixed(world);
        world_crash(world, worker);
        start = start_in_rows(world, &count);
        world_write_some(world, 200, 30);
        world_control(world, "SplitShard", TABLE);
        world_write_some(world, 200, 30);
        world_control(world, "Rollover", TABLE);
        world_run(world, 3600000);
        world_configure(world, later[seed % 3], world_wall_ms(world) - 1000, false);
        (void)world_start(world, false);
        (void)world_start(world, false);
        world_run(world, 60000);
        world_write_some(world, 100, 30);
        world_run(world, 60000);
        assert_int_equal(world_check(world), 0);
        assert_int_equal(start_in_rows(world, &count), start);
        assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
        world_free(world);
    }
}

/* Two workers find the table empty. One fixes the start and dies; the other, which knows nothing of
 * it and finds other leaves by then, fixes one of its own later on. The first one counts, and the
 * order of a parent's and a child's records is kept, although each has made one of the rows. */
static void test_latest__of_two_first_rows_the_earlier_counts(void **state)
{
    uint64_t seed, both = 0;
    (void)state;
    for (seed = 0; seed < SEEDS; seed++) {
        struct world *world = world_new(&(struct world_options){
            .seed = 180 + seed, .shards = 1, .failover_ms = 10000, .start = TR_START_LATEST});
        size_t first, second;
        unsigned tries;
        world_write_some(world, 100, 30);
        world_run(world, 5000);
        world_set_fault(world, TR_FAULT_STALE_READ, "", "");
        world_set_fault(world, TR_FAULT_INTERNAL, "\"Operation\":\"DescribeStream\"", "");
        second = world_start(world, false);
        world_run(world, 300); /* it has scanned, and cannot list */
        world_pause(world, second, 4200);
        world_run(world, 100); /* a call of it that is under way fails, too */
        world_control(world, "ClearFaults", "{}");
        world_set_fault(world, TR_FAULT_STALE_READ, "", "");
        first = world_start(world, false);
        run_until_fixed(world);
        world_crash(world, first);
        world_write_some(world, 60, 30);
        world_control(world, "SplitShard", TABLE);
        world_write_some(world, 60, 30);
        world_set_fault(world, TR_FAULT_INTERNAL, "\"Operation\":\"Scan\"", "");
        /* A row of each, made by two workers who knew nothing of each other; reads that may be
         * stale do not show the first one yet. (With the same shard in both listings the second
         * worker meets the first one's row.) */
        for (tries = 0; tries < 6000 && world_notes(world, TR_NOTE_LEASE_CREATED) < 2; tries++) {
            world_run(world, 1);
        }
        both += tries < 6000;
        world_control(world, "ClearFaults", "{}");
        world_set_fault(world, TR_FAULT_STALE_READ, "", "");
        world_run(world, 60000);
        assert_int_equal(world_check(world), 0);
        assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
        world_free(world);
    }
    assert_true(both > SEEDS / 2);
}

/* The first row is made, its answer is lost, and for minutes nothing can be found out. Meanwhile
 * the other leaves end: they stay leaves of this start. */
static void test_latest__the_leaves_are_those_of_the_first_listing(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 0; seed < SEEDS; seed++) {
        struct world *world = world_of(200 + seed, TR_START_LATEST);
        unsigned i;
        world_write_some(world, 100, 30);
        world_run(world, 5000);
        world_set_fault(world, TR_FAULT_RESET_AFTER, ROW_MADE, "\"Count\":1");
        world_set_fault(world, TR_FAULT_INTERNAL, ROW_MADE, "\"Skip\":1");
        (void)world_start(world, false);
        run_until_a_row_stands(world);
        world_set_fault(world, TR_FAULT_INTERNAL, "\"Operation\":\"Scan\"", "");
        world_run(world, 2000);
        world_expect_from_now(world);
        world_write_some(world, 60, 30);
        for (i = 0; i < 3; i++) {
            world_control(world, "SplitShard", TABLE);
        }
        world_write_some(world, 60, 30);
        world_run(world, 400000);
        world_control(world, "ClearFaults", "{}");
        world_run(world, 60000);
        assert_int_equal(world_check(world), 0);
        assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
        world_free(world);
    }
}

/* Workers of two configurations in one rolling deployment: the rows decide. */
static void test_start__a_changed_configuration_changes_nothing_later(void **state)
{
    struct world *world = world_of(100, TR_START_TRIM_HORIZON);
    size_t worker, count;
    (void)state;
    world_write_some(world, 100, 30);
    worker = world_start(world, false);
    world_run(world, 10000);
    world_stop(world, worker);
    world_run_until_ended(world, worker, 10000);
    world_write_some(world, 100, 30);
    world_control(world, "Rollover", TABLE);
    world_write_some(world, 100, 30);
    world_run(world, 10000);
    world_configure(world, TR_START_LATEST, 0, false);
    (void)world_start(world, false);
    world_run(world, 20000);
    world_configure(world, TR_START_AT_TIMESTAMP, world_wall_ms(world), false);
    (void)world_start(world, false);
    world_control(world, "Rollover", TABLE);
    world_write_some(world, 100, 30);
    world_run(world, 60000);
    assert_int_equal(world_check(world), 0);
    assert_int_equal(start_in_rows(world, &count), 0);
    world_free(world);
}

/* The key of some row; none has ended. */
static void find_row(struct world *world, char key[64])
{
    char body[] = "{\"TableName\":\"app\"}";
    struct tr_buf out = {0};
    const char *at;
    assert_int_equal(world_call(world, "DynamoDB_20120810.Scan", body, &out), 200);
    tr_buf_add_char(&out, '\0');
    at = strstr(out.ptr, "\"leaseKey\"");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\"leaseKey\":{\"S\":\"%63[^\"]", key), 1);
    tr_buf_deinit(&out);
}

/* Somebody writes a start that has not come yet: it is told, and neither its shard's records nor
 * those of its children are passed over. */
static void test_start__that_lies_ahead_in_a_row_passes_over_nothing(void **state)
{
    struct world *world = world_of(131, TR_START_TRIM_HORIZON);
    char key[64], value[64];
    size_t worker;
    (void)state;
    worker = world_start(world, false);
    world_write_some(world, 50, 30);
    world_run(world, 10000);
    world_stop(world, worker);
    world_run_until_ended(world, worker, 10000);
    find_row(world, key);
    (void)snprintf(value, sizeof value, "{\"N\":\"%lld\"}",
                   (long long)world_wall_ms(world) + 3600 * 1000);
    assert_int_equal(world_edit_row(world, key, "tailraceStartMs", value), 200);
    (void)world_start(world, false);
    world_write_some(world, 50, 30);
    world_run(world, 10000);
    assert_int_equal(world_notes(world, TR_NOTE_START_AHEAD), 1);
    assert_int_equal(world_delivered(world), 100);
    world_control(world, "Rollover", TABLE);
    world_write_some(world, 50, 30);
    world_run(world, 60000);
    assert_int_equal(world_delivered(world), 150);
    assert_int_equal(world_notes(world, TR_NOTE_START_AHEAD), 1);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

/* Records of the time asked for may lie in shards that are closed since. */
static void test_at_timestamp__begins_with_records_of_that_time_wherever_they_are(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 0; seed < SEEDS; seed++) {
        struct world *world = world_of(120 + seed, TR_START_AT_TIMESTAMP);
        size_t i, count;
        int64_t at;
        world_write_some(world, 200, 30);
        world_control(world, "Rollover", TABLE);
        world_write_some(world, 200, 30);
        world_run(world, 60000 + seed * 77);
        at = world_wall_ms(world);
        world_expect_from_now(world);
        for (i = 0; i < 3; i++) {
            world_write_some(world, 200, 30);
            world_run(world, 1800000);
            world_control(world, i == 1 ? "SplitShard" : "Rollover", TABLE);
        }
        world_configure(world, TR_START_AT_TIMESTAMP, at, false);
        (void)world_start(world, false);
        (void)world_start(world, false);
        world_run(world, 60000);
        assert_int_equal(world_check(world), 0);
        assert_int_equal(start_in_rows(world, &count), at);
        assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
        world_free(world);
    }
}

/* What is passed over counts as done: a restart goes on behind it. */
static void test_at_timestamp__what_is_passed_over_is_checkpointed(void **state)
{
    struct world *world = world_of(140, TR_START_AT_TIMESTAMP);
    struct tr_buf out = {0};
    size_t worker;
    (void)state;
    world_write_some(world, 300, 30);
    world_expect_from_now(world);
    world_run(world, 30000);
    world_configure(world, TR_START_AT_TIMESTAMP, world_wall_ms(world), false);
    worker = world_start(world, false);
    world_run(world, 20000);
    assert_int_equal(world_delivered(world), 0);
    assert_int_equal(world_call(world, "DynamoDB_20120810.Scan", "{\"TableName\":\"app\"}", &out),
                     200);
    tr_buf_add_char(&out, '\0');
    assert_null(strstr(out.ptr, "TRIM_HORIZON"));
    tr_buf_deinit(&out);
    world_crash(world, worker);
    (void)world_start(world, false);
    world_write_some(world, 100, 30);
    world_run(world, 20000);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

static void test_at_timestamp__in_the_future_ends_the_run_before_a_row_is_made(void **state)
{
    struct world *world = world_of(141, TR_START_AT_TIMESTAMP);
    (void)state;
    world_configure(world, TR_START_AT_TIMESTAMP, world_wall_ms(world) + 3600000, false);
    run_once(world, TR_ECONFIG);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_CREATED), 0);
    /* When the time has come, it is an ordinary start. */
    world_write_some(world, 10, 5);
    world_expect_from_now(world);
    world_run(world, 3600000);
    world_write_some(world, 10, 5);
    run_once(world, TR_OK);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

/* Without the service's time no start is fixed: a host's clock may be hours off. */
static void test_latest__waits_for_the_services_time(void **state)
{
    struct world *world = world_new(&(struct world_options){
        .seed = 142, .shards = 2, .start = TR_START_LATEST, .no_date = true});
    (void)state;
    (void)world_start(world, false);
    world_run(world, 30000);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_CREATED), 0);
    assert_int_equal(world_notes(world, TR_NOTE_START_WAITS), 1);
    world_free(world);
}

/* A row of a fleet that another KCL has started says nothing of a time. */
static void test_latest__a_table_with_rows_of_others_has_started_long_ago(void **state)
{
    struct world *world = world_of(143, TR_START_TRIM_HORIZON);
    size_t count;
    (void)state;
    world_write_some(world, 100, 30);
    run_once(world, TR_OK);
    world_control(world, "Rollover", TABLE);
    world_write_some(world, 100, 30);
    world_configure(world, TR_START_LATEST, 0, false);
    run_once(world, TR_OK);
    assert_int_equal(world_check(world), 0);
    assert_int_equal(start_in_rows(world, &count), 0);
    world_free(world);
}

/* A fleet's first start while the n-th allocation fails; returns how many there were. */
static uint64_t start_without_memory(int64_t n)
{
    struct world *world = world_of(150, TR_START_LATEST);
    uint64_t allocations, i;
    bool replaced = false;
    world_write_some(world, 60, 30);
    world_run(world, 5000);
    world_expect_from_now(world);
    world_starve(world, n, false);
    (void)world_start(world, false);
    for (i = 0; i < 40; i++) {
        world_run(world, i < 30 ? 10 : 2000);
        if (!replaced && world_starved(world) != SIZE_MAX) {
            replaced = true;
            (void)world_start(world, false);
        }
        if (i == 29) {
            world_write_some(world, 60, 30); /* the first row is there by now */
            world_control(world, "SplitShard", TABLE);
            world_write_some(world, 60, 30);
        }
    }
    allocations = world_allocations(world);
    world_starve(world, -1, false);
    world_run(world, 30000);
    (void)world_check(world);
    world_free(world);
    return allocations;
}

static void test_latest__loses_nothing_when_memory_runs_out(void **state)
{
    uint64_t total = start_without_memory(-1), n;
    (void)state;
    for (n = 0; n < total && n < 1500; n += n < 300 ? 1 : 7) {
        (void)start_without_memory((int64_t)n);
    }
}

/* --- gaps ------------------------------------------------------------------------------------- */

/* A trimmed shard in a fleet of three shards: with on_gap: stop the others go on. */
static void test_on_gap_stop__holds_the_shard_and_keeps_the_other_leases(void **state)
{
    struct world *world = world_new(&(struct world_options){
        .seed = 160, .shards = 3, .failover_ms = 3000, .stop_on_gap = true});
    size_t worker, i;
    uint64_t before;
    (void)state;
    world_write_some(world, 90, 30);
    run_once(world, TR_OK);
    before = world_delivered(world);
    world_write_some(world, 30, 1); /* one item, so one shard */
    world_control(world, "Trim", "{\"TableName\":\"Items\",\"Records\":110}");
    worker = world_start(world, false);
    world_run(world, 20000);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
    assert_int_equal(world_notes(world, TR_NOTE_SHARD_STOPPED), 1);
    assert_int_equal(world_delivered(world), before);
    for (i = 1; i < 30; i++) {
        world_write(world, (unsigned)i);
    }
    world_run(world, 60000);
    assert_false(world_ended(world, worker, NULL));
    assert_int_equal(world_held(world, worker), 3);
    assert_true(world_delivered(world) > before); /* the other shards' */
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
    /* Nothing behind the gap was checkpointed: a restart says the same; `continue` goes on. */
    world_stop(world, worker);
    world_run_until_ended(world, worker, 10000);
    run_once(world, TR_ETRIMMED);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 2);
    world_configure(world, TR_START_TRIM_HORIZON, 0, false);
    before = world_delivered(world);
    run_once(world, TR_OK);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 3);
    assert_true(world_delivered(world) > before);
    world_free(world);
}

/* What was fetched before the gap is done and checkpointed: it is trimmed, too, and only here. */
static void test_on_gap_stop__finishes_what_is_in_hand(void **state)
{
    struct world *world = world_new(
        &(struct world_options){.seed = 165, .shards = 1, .stop_on_gap = true, .process_ms = 3000});
    size_t worker = world_start(world, false);
    (void)state;
    world_write_some(world, 450, 9);
    while (world_delivered(world) == 0) {
        world_run(world, 1);
    }
    world_write_some(world, 90, 9);
    world_set_fault(world, TR_FAULT_EARLY_TRIM, "\"Operation\":\"GetRecords\"", "\"Count\":1");
    world_run(world, 60000);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
    assert_int_equal(world_delivered(world), 450);
    world_stop(world, worker);
    world_run_until_ended(world, worker, 10000);
    run_once(world, TR_ETRIMMED);
    assert_int_equal(world_delivered(world), 450);
    world_free(world);
}

static void test_gap__bounds_name_what_is_missing(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 161, .shards = 1});
    size_t worker = world_start(world, false);
    (void)state;
    world_write_some(world, 10, 1);
    world_run(world, 10000);
    world_write_some(world, 10, 1);
    world_set_fault(world, TR_FAULT_EARLY_TRIM, "\"Operation\":\"GetRecords\"", "\"Count\":1");
    world_run(world, 10000);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
    /* "after N (written T), before N (written T)" */
    assert_true(strncmp(world_gap(world), "after ", 6) == 0);
    assert_non_null(strstr(world_gap(world), " (written 2026-11-21T"));
    assert_non_null(strstr(world_gap(world), ", before "));
    world_stop(world, worker);
    world_run_until_ended(world, worker, 10000);
    world_free(world);
}

/* A first start makes the rows, and nobody reads for a day: what the shards held then is gone, in
 * part, before the first record was read. Told, from the shard's first number on. */
static void gap_before_the_first_record(uint64_t seed, uint64_t before_ms, uint64_t after_ms)
{
    struct world *world = world_new(&(struct world_options){.seed = seed, .shards = 1});
    size_t worker;
    world_write_some(world, 40, 1);
    world_run(world, before_ms);
    worker = world_start(world, false);
    run_until_fixed(world);
    world_crash(world, worker);
    world_run(world, HOUR_MS);
    world_expect_from_now(world);
    world_write_some(world, 30, 1);
    world_run(world, after_ms);
    (void)world_start(world, false);
    world_run(world, 120000);
    assert_int_equal(world_check(world), 0);
    assert_int_equal(world_delivered(world), 30);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
    assert_true(strncmp(world_gap(world), "from ", 5) == 0);
    assert_non_null(strstr(world_gap(world), ", before "));
    world_free(world);
}

static void test_gap__before_the_first_record_of_a_first_start_is_told(void **state)
{
    (void)state;
    gap_before_the_first_record(170, 60000, 23 * HOUR_MS + HOUR_MS / 2);
    /* The row is not a day old, but its shard is, and was not when the row was made. */
    gap_before_the_first_record(171, 2 * HOUR_MS, 21 * HOUR_MS + HOUR_MS / 2);
}

/* Everything was trimmed and nothing comes: told all the same, and within seconds. */
static void test_gap__with_nothing_behind_it_is_told(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 162, .shards = 1});
    size_t worker;
    (void)state;
    world_write_some(world, 10, 1);
    run_once(world, TR_OK);
    world_write_some(world, 10, 1);
    world_control(world, "Trim", "{\"TableName\":\"Items\",\"Records\":20}");
    worker = world_start(world, false);
    world_run(world, 15000);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
    assert_non_null(strstr(world_gap(world), ", and nothing is left until now, 2026-11-21T"));
    world_expect_from_now(world);
    world_write_some(world, 5, 1);
    world_run(world, 10000);
    assert_int_equal(world_check(world), 0);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
    world_stop(world, worker);
    world_run_until_ended(world, worker, 10000);
    world_free(world);
}

/* The fleet was down while all that it knew was trimmed. */
static void test_on_gap_stop__makes_no_row_behind_trimmed_ancestors(void **state)
{
    struct world *world =
        world_new(&(struct world_options){.seed = 163, .shards = 1, .stop_on_gap = true});
    unsigned i;
    uint64_t made;
    (void)state;
    world_write_some(world, 10, 1);
    run_once(world, TR_OK);
    for (i = 0; i < 3; i++) {
        world_control(world, "Rollover", TABLE);
        world_write_some(world, 10, 1);
        world_run(world, 40ull * 3600 * 1000);
    }
    made = world_notes(world, TR_NOTE_LEASE_CREATED);
    world_expect_from_now(world);
    world_write_some(world, 10, 1);
    run_once(world, TR_ETRIMMED);
    assert_true(world_notes(world, TR_NOTE_GAP) >= 1);
    assert_int_equal(world_delivered(world), 10);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_CREATED), made);
    world_configure(world, TR_START_TRIM_HORIZON, 0, false);
    run_once(world, TR_OK);
    (void)world_check(world);
    world_free(world);
}

/* Records that were trimmed before they were read, and were not asked for: no gap, whether the
 * first that is left says so, or nothing is left and all that may have been trimmed is older. */
static void test_gap__of_records_older_than_the_start_is_none(void **state)
{
    int left;
    (void)state;
    for (left = 0; left < 2; left++) {
        struct world *world = world_new(&(struct world_options){
            .seed = 164, .shards = 1, .failover_ms = 3000, .start = TR_START_AT_TIMESTAMP});
        size_t worker;
        world_write_some(world, 30, 5);
        world_control(world, "Rollover", TABLE);
        world_write_some(world, 30, 5);
        world_run(world, 3600000);
        world_configure(world, TR_START_AT_TIMESTAMP, world_wall_ms(world), true);
        world_expect_from_now(world);
        worker = world_start(world, false);
        while (world_notes(world, TR_NOTE_SHARD_ENDED) < 1) {
            world_run(world, 1);
        }
        world_crash(world, worker);
        world_control(world, "Trim",
                      left == 1 ? "{\"TableName\":\"Items\",\"Records\":50}"
                                : "{\"TableName\":\"Items\",\"Records\":60}");
        worker = world_start(world, false);
        world_run(world, 20000);
        world_write_some(world, 30, 5);
        world_run(world, 20000);
        assert_int_equal(world_check(world), 0);
        assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
        world_free(world);
    }
}

/* Its opposite: the shard came after the start, so whatever was trimmed from it was asked for,
 * also where nothing is left to tell its age by. */
static void test_gap__of_a_shard_younger_than_the_start_is_told(void **state)
{
    struct world *world = world_new(&(struct world_options){
        .seed = 165, .shards = 1, .failover_ms = 3000, .start = TR_START_LATEST});
    size_t worker;
    (void)state;
    world_write_some(world, 30, 5);
    world_run(world, 10000);
    worker = world_start(world, false);
    run_until_fixed(world);
    world_run(world, 20000);
    world_control(world, "Rollover", TABLE);
    while (world_notes(world, TR_NOTE_LEASE_CREATED) < 2) {
        world_run(world, 1);
    }
    world_crash(world, worker);
    world_write_some(world, 30, 5);
    world_control(world, "Trim", "{\"TableName\":\"Items\",\"Records\":60}");
    (void)world_start(world, false);
    world_run(world, 20000);
    world_expect_from_now(world);
    world_write_some(world, 30, 5);
    world_run(world, 20000);
    assert_int_equal(world_check(world), 0);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
    world_free(world);
}

static void update_stream(struct world *world, const char *specification)
{
    char body[160];
    (void)snprintf(body, sizeof body, "{\"TableName\":\"Items\",\"StreamSpecification\":{%s}}",
                   specification);
    assert_int_equal(world_call(world, "DynamoDB_20120810.UpdateTable", body, NULL), 200);
    world_run(world, 15000);
}

/* A stream that was gone before it was read to its end: the next one waits for a decision. */
static void test_on_gap_stop__does_not_pass_a_lost_stream(void **state)
{
    struct world *world =
        world_new(&(struct world_options){.seed = 166, .shards = 2, .stop_on_gap = true});
    uint64_t before;
    (void)state;
    world_write_some(world, 100, 20);
    run_once(world, TR_OK);
    world_write_some(world, 100, 20);
    update_stream(world, "\"StreamEnabled\":false");
    update_stream(world, "\"StreamEnabled\":true,\"StreamViewType\":\"NEW_IMAGE\"");
    world_run(world, 48ull * 3600 * 1000);
    world_expect_from_now(world);
    world_write_some(world, 100, 20);
    before = world_delivered(world);
    run_once(world, TR_ETRIMMED);
    assert_true(world_notes(world, TR_NOTE_GAP) >= 1);
    assert_int_equal(world_delivered(world), before);
    world_configure(world, TR_START_TRIM_HORIZON, 0, false);
    run_once(world, TR_OK);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

/* --- checkpoints that somebody wrote ---------------------------------------------------------- */

/* One row whose shard was read, with another checkpoint. */
static struct world *world_with_checkpoint(uint64_t seed, bool stop_on_gap, const char *checkpoint)
{
    struct world *world = world_new(&(struct world_options){
        .seed = seed, .shards = 1, .failover_ms = 3000, .stop_on_gap = stop_on_gap});
    char key[64], value[80];
    world_write_some(world, 50, 5);
    run_once(world, TR_OK);
    find_row(world, key);
    (void)snprintf(value, sizeof value, "{\"S\":\"%s\"}", checkpoint);
    assert_int_equal(world_edit_row(world, key, "checkpoint", value), 200);
    return world;
}

#define NINES "99999999999999999999999999999999999999"

static void test_checkpoint__ahead_of_its_shard_is_told(void **state)
{
    struct world *world = world_with_checkpoint(180, false, NINES);
    (void)state;
    (void)world_start(world, false);
    world_write_some(world, 50, 5);
    world_run(world, 60000);
    assert_int_equal(world_notes(world, TR_NOTE_CHECKPOINT_UNFOUND), 1);
    assert_non_null(strstr(world_note(world, TR_NOTE_CHECKPOINT_UNFOUND), NINES));
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
    world_control(world, "Rollover", TABLE);
    world_run(world, 60000);
    /* It ended without having had that number. */
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
    assert_non_null(strstr(world_note(world, TR_NOTE_GAP), "is no record of the shard"));
    assert_int_equal(world_notes(world, TR_NOTE_SHARD_ENDED), 1);
    world_free(world);
}

/* Whoever wants to lose nothing is not passed by: the end is not written. */
static void test_checkpoint__ahead_of_its_shard_holds_it_with_on_gap_stop(void **state)
{
    struct world *world = world_with_checkpoint(181, true, NINES);
    (void)state;
    (void)world_start(world, false);
    world_write_some(world, 50, 5);
    world_control(world, "Rollover", TABLE);
    world_run(world, 60000);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
    assert_int_equal(world_notes(world, TR_NOTE_SHARD_STOPPED), 1);
    assert_int_equal(world_notes(world, TR_NOTE_SHARD_ENDED), 0);
    world_free(world);
}

static void read_attribute(struct world *world, const char *key, const char *name, char *out)
{
    struct tr_buf answer = {0};
    char body[256], mark[64];
    const char *at;
    (void)snprintf(body, sizeof body,
                   "{\"TableName\":\"app\",\"Key\":{\"leaseKey\":{\"S\":\"%s\"}}}", key);
    (void)snprintf(mark, sizeof mark, "\"%s\":{\"S\":\"", name);
    assert_int_equal(world_call(world, "DynamoDB_20120810.GetItem", body, &answer), 200);
    tr_buf_add_char(&answer, '\0');
    at = strstr(answer.ptr, mark);
    assert_non_null(at);
    at += strlen(mark);
    (void)snprintf(out, 64, "%.*s", (int)strcspn(at, "\""), at);
    tr_buf_deinit(&answer);
}

/* Two rows, and how far they are. */
static void find_rows(struct world *world, char keys[2][64], char checkpoints[2][64])
{
    struct tr_buf out = {0};
    const char *at;
    size_t i;
    assert_int_equal(world_call(world, "DynamoDB_20120810.Scan", "{\"TableName\":\"app\"}", &out),
                     200);
    tr_buf_add_char(&out, '\0');
    at = out.ptr;
    for (i = 0; i < 2; i++, at++) {
        at = strstr(at, "\"leaseKey\":");
        assert_non_null(at);
        assert_int_equal(sscanf(at, "\"leaseKey\":{\"S\":\"%63[^\"]", keys[i]), 1);
        read_attribute(world, keys[i], "checkpoint", checkpoints[i]);
    }
    tr_buf_deinit(&out);
}

/* The number of another shard's record, say: the shard goes on behind it, and says so. */
static void test_checkpoint__of_another_shard_is_told_with_what_follows_it(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 182, .shards = 2});
    char keys[2][64], checkpoints[2][64], value[80];
    (void)state;
    world_write_some(world, 50, 30);
    run_once(world, TR_OK);
    find_rows(world, keys, checkpoints);
    (void)snprintf(value, sizeof value, "{\"S\":\"%s\"}", checkpoints[1]);
    assert_int_equal(world_edit_row(world, keys[0], "checkpoint", value), 200);
    world_write_some(world, 100, 30);
    run_once(world, TR_OK);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
    assert_non_null(strstr(world_note(world, TR_NOTE_GAP), checkpoints[1]));
    assert_non_null(strstr(world_note(world, TR_NOTE_GAP), "which goes on with"));
    assert_int_equal(world_notes(world, TR_NOTE_CHECKPOINT_UNFOUND), 0);
    world_free(world);
}

/* Nothing that the service takes: its shard is named, and the others go on. */
static void test_checkpoint__that_the_service_refuses_is_told_with_its_shard(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 183, .shards = 2});
    char keys[2][64], checkpoints[2][64];
    (void)state;
    world_write_some(world, 50, 30);
    run_once(world, TR_OK);
    find_rows(world, keys, checkpoints);
    assert_int_equal(world_edit_row(world, keys[0], "checkpoint", "{\"S\":\"1\"}"), 200);
    (void)world_start(world, false);
    world_write_some(world, 100, 30);
    world_run(world, 300000);
    assert_int_equal(world_notes(world, TR_NOTE_CHECKPOINT_REFUSED), 1);
    assert_non_null(strstr(world_note(world, TR_NOTE_CHECKPOINT_REFUSED), keys[0]));
    assert_non_null(strstr(world_note(world, TR_NOTE_CHECKPOINT_REFUSED), " 1: "));
    assert_true(world_delivered(world) > 50);
    world_run(world, 600000);
    assert_int_equal(world_notes(world, TR_NOTE_CHECKPOINT_REFUSED), 2);
    world_free(world);
}

/* --- checkpoints ------------------------------------------------------------------------------ */

static void test_checkpoint__is_written_by_interval_and_at_a_stop(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 170, .shards = 1});
    size_t worker = world_start(world, false);
    (void)state;
    world_write_some(world, 50, 5);
    world_run(world, 4000);
    assert_int_equal(world_delivered(world), 50);
    assert_int_equal(world_notes(world, TR_NOTE_CHECKPOINT_WRITTEN), 0);
    world_run(world, 4000);
    assert_int_equal(world_notes(world, TR_NOTE_CHECKPOINT_WRITTEN), 1);
    /* What is not checkpointed is delivered again after a crash, what is not is not. */
    world_crash(world, worker);
    worker = world_start(world, false);
    world_run(world, 30000);
    assert_int_equal(world_delivered(world), 50);
    world_write_some(world, 50, 5);
    world_run(world, 3000);
    world_stop(world, worker);
    world_run_until_ended(world, worker, 10000);
    run_once(world, TR_OK);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

/* Nothing behind a record that is not done: not its successors, not the end, not the children. */
static void test_checkpoint__stays_before_a_record_that_fails(void **state)
{
    struct world *world =
        world_new(&(struct world_options){.seed = 171, .shards = 1, .fail_per_thousand = 1000});
    size_t worker, i;
    (void)state;
    world_write(world, 0);
    world_control(world, "Rollover", TABLE);
    for (i = 1; i < 50; i++) {
        world_write(world, (unsigned)i);
    }
    worker = world_start(world, false);
    world_run(world, 60000);
    assert_true(world_notes(world, TR_NOTE_PROCESS_FAILED) > 5);
    assert_int_equal(world_notes(world, TR_NOTE_CHECKPOINT_WRITTEN), 0);
    assert_int_equal(world_notes(world, TR_NOTE_SHARD_ENDED), 0);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_TAKEN), 1);
    world_stop(world, worker);
    world_run_until_ended(world, worker, 10000);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_latest__begins_with_what_is_written_after_the_first_start),
        cmocka_unit_test(test_latest__repeats_two_seconds_of_older_data_at_the_most),
        cmocka_unit_test(test_latest__is_not_resolved_anew_at_each_start),
        cmocka_unit_test(test_latest__several_workers_at_once_fix_one_time),
        cmocka_unit_test(test_latest__a_crash_between_the_rows_keeps_the_time),
        cmocka_unit_test(test_latest__of_two_first_rows_the_earlier_counts),
        cmocka_unit_test(test_latest__the_leaves_are_those_of_the_first_listing),
        cmocka_unit_test(test_latest__waits_for_the_services_time),
        cmocka_unit_test(test_latest__a_table_with_rows_of_others_has_started_long_ago),
        cmocka_unit_test(test_latest__loses_nothing_when_memory_runs_out),
        cmocka_unit_test(test_start__a_changed_configuration_changes_nothing_later),
        cmocka_unit_test(test_start__that_lies_ahead_in_a_row_passes_over_nothing),
        cmocka_unit_test(test_at_timestamp__begins_with_records_of_that_time_wherever_they_are),
        cmocka_unit_test(test_at_timestamp__what_is_passed_over_is_checkpointed),
        cmocka_unit_test(test_at_timestamp__in_the_future_ends_the_run_before_a_row_is_made),
        cmocka_unit_test(test_on_gap_stop__holds_the_shard_and_keeps_the_other_leases),
        cmocka_unit_test(test_on_gap_stop__does_not_pass_a_lost_stream),
        cmocka_unit_test(test_on_gap_stop__finishes_what_is_in_hand),
        cmocka_unit_test(test_checkpoint__ahead_of_its_shard_is_told),
        cmocka_unit_test(test_checkpoint__ahead_of_its_shard_holds_it_with_on_gap_stop),
        cmocka_unit_test(test_checkpoint__of_another_shard_is_told_with_what_follows_it),
        cmocka_unit_test(test_checkpoint__that_the_service_refuses_is_told_with_its_shard),
        cmocka_unit_test(test_checkpoint__is_written_by_interval_and_at_a_stop),
        cmocka_unit_test(test_checkpoint__stays_before_a_record_that_fails),
        cmocka_unit_test(test_gap__bounds_name_what_is_missing),
        cmocka_unit_test(test_gap__before_the_first_record_of_a_first_start_is_told),
        cmocka_unit_test(test_gap__with_nothing_behind_it_is_told),
        cmocka_unit_test(test_on_gap_stop__makes_no_row_behind_trimmed_ancestors),
        cmocka_unit_test(test_gap__of_records_older_than_the_start_is_none),
        cmocka_unit_test(test_gap__of_a_shard_younger_than_the_start_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
