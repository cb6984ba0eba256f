/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole workers in virtual time under each fault of the service model's table (local/fault.h):
 * while it strikes, records are written, shards split and roll over and a worker is killed; after
 * it everything is delivered, in order. Where a fault takes records away for good, the gap is told.
 */
#include "base/note.h"
#include "local/fault.h"
#include "tests/sim/world.h"
#include "tests/support/test.h"

#define SEEDS 8
#define SINGLE 5 /* tests that are no row of the table */
#define LEASES "\"TableName\":\"app\""
#define ITEMS "\"TableName\":\"Items\""

/* Faults that fit every operation are set for those that a worker uses: the world's own writes are
 * not what is tested. */
static const char *const on_worker[] = {
    LEASES,
    ITEMS ",\"Operation\":\"DescribeTable\"",
    "\"Operation\":\"DescribeStream\"",
    "\"Operation\":\"GetShardIterator\"",
    "\"Operation\":\"GetRecords\"",
};

/* A row: the rules are members of SetFault beside Fault, with ; between. */
struct case_of {
    enum tr_fault_kind kind;
    bool on_worker; /* set for each row of the table above */
    const char *more;
};

/* EarlyTrim is tested apart: it takes records away. */
static const struct case_of cases[] = {
    {TR_FAULT_THROTTLE, true, "\"Probability\":0.3"},
    {TR_FAULT_INTERNAL, true, "\"Probability\":0.3"},
    {TR_FAULT_HTML_500, true, "\"Probability\":0.3"},
    {TR_FAULT_NOT_FOUND, false,
     "\"Operation\":\"DescribeStream\",\"Count\":5;\"Operation\":\"GetShardIterator\","
     "\"Probability\":0.3;\"Operation\":\"GetRecords\",\"Probability\":0.2;" LEASES
     ",\"Operation\":\"Scan\",\"Count\":3"},
    {TR_FAULT_EXPIRED_ITERATOR, false, "\"Probability\":0.4"},
    {TR_FAULT_HANG, true, "\"Probability\":0.1"},
    {TR_FAULT_RESET_BEFORE, true, "\"Probability\":0.15"},
    {TR_FAULT_RESET_AFTER, true, "\"Probability\":0.15"},
    {TR_FAULT_HALF_ANSWER, true, "\"Probability\":0.15"},
    {TR_FAULT_DELAY, true, "\"Probability\":0.15,\"DelayMs\":1200"},
    {TR_FAULT_STALE_LISTING, false, "\"Probability\":0.8"},
    {TR_FAULT_PARTIAL_LISTING, false, "\"Probability\":0.7"},
    {TR_FAULT_TWO_READERS, false, ""},
    {TR_FAULT_SHARD_LIMITS, false, ""},
    {TR_FAULT_EMPTY_PAGE, false, "\"Probability\":0.7"},
    {TR_FAULT_STALE_READ, false, ""},
    {TR_FAULT_NO_ALL_OLD, false, ""},
    {TR_FAULT_UNPROCESSED, false, ""},
};

static void set_faults(struct world *world, const struct case_of *row)
{
    struct tr_bytes rest = tr_bytes_of(row->more);
    size_t i;
    for (i = 0; row->on_worker && i < sizeof on_worker / sizeof on_worker[0]; i++) {
        world_set_fault(world, row->kind, on_worker[i], row->more);
    }
    while (!row->on_worker && rest.ptr != NULL) {
        struct tr_bytes rule = tr_bytes_cut(&rest, ';');
        char more[128];
        (void)snprintf(more, sizeof more, "%.*s", TR_FMT(rule));
        world_set_fault(world, row->kind, "", more);
    }
    /* Lost answers besides, where the fault is about what their resolution needs. */
    if (row->kind == TR_FAULT_NO_ALL_OLD || row->kind == TR_FAULT_STALE_READ) {
        world_set_fault(world, TR_FAULT_RESET_AFTER, LEASES, "\"Probability\":0.3");
    }
}

/* A fleet's day under faults: two workers, one dies, another comes. */
static void play(struct world *world, const struct case_of *row)
{
    size_t first, i;
    world_write_some(world, 200, 40);
    set_faults(world, row);
    first = world_start(world, false);
    world_run(world, 3000);
    (void)world_start(world, false);
    for (i = 0; i < 8; i++) {
        world_write_some(world, 120, 40);
        world_run(world, 1500);
        if (i % 3 == 1) {
            world_control(world, "SplitShard", "{" ITEMS "}");
        }
        if (i == 4) {
            world_crash(world, first);
            (void)world_start(world, false);
        }
        if (i == 6) {
            world_control(world, "Rollover", "{" ITEMS "}");
        }
    }
    world_run(world, 20000);
}

static void run_seeds(const struct case_of *row)
{
    uint64_t seed;
    for (seed = 1; seed <= SEEDS; seed++) {
        struct world *world = world_new(&(struct world_options){
            .seed = 1000 * row->kind + seed, .shards = 2, .failover_ms = 3000, .process_ms = 40});
        size_t last;
        enum tr_status status;
        play(world, row);
        world_control(world, "ClearFaults", "{}");
        world_run(world, 120000);
        (void)world_check(world);
        /* And whoever looks afterwards finds nothing left to do. */
        world_stop_all(world);
        world_run(world, 10000);
        last = world_start(world, true);
        world_run_until_ended(world, last, 60000);
        assert_true(world_ended(world, last, &status) && status == TR_OK);
        (void)world_check(world);
        assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
        world_free(world);
    }
}

static void test_fault__loses_no_record_and_keeps_the_order(void **state)
{
    const struct case_of *row = *state;
    print_message("%s\n", tr_fault_name(row->kind));
    run_seeds(row);
}

/* Each kind has its row, but the one that is tested apart. */
static void test_table__has_a_row_for_each_fault(void **state)
{
    unsigned kind;
    (void)state;
    for (kind = 0; kind < TR_FAULT_COUNT; kind++) {
        size_t i, found = 0;
        for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            found += cases[i].kind == kind;
        }
        assert_int_equal(found, kind == TR_FAULT_EARLY_TRIM ? 0 : 1);
    }
}

static void test_early_trim__is_told_and_what_is_left_is_delivered(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 1; seed <= SEEDS; seed++) {
        struct world *world = world_new(
            &(struct world_options){.seed = 900 + seed, .shards = 1, .failover_ms = 3000});
        size_t worker = world_start(world, false);
        uint64_t before;
        world_write_some(world, 100, 10);
        world_run(world, 5000);
        (void)world_check(world);
        before = world_delivered(world);
        world_write_some(world, 100, 10);
        world_set_fault(world, TR_FAULT_EARLY_TRIM, "\"Operation\":\"GetRecords\"", "\"Count\":1");
        world_run(world, 10000);
        /* Of these hundred the newest was kept. */
        assert_int_equal(world_delivered(world), before + 1);
        assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
        world_stop(world, worker);
        world_run_until_ended(world, worker, 5000);
        world_free(world);
    }
}

/* A child that is trimmed before anyone read it: nothing of it was ever fetched, all the same its
 * missing records are told. */
static void test_early_trim__of_a_shard_never_read_is_told(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 950, .shards = 1});
    size_t worker = world_start(world, true);
    enum tr_status status;
    (void)state;
    world_write_some(world, 50, 10);
    world_run_until_ended(world, worker, 60000);
    world_control(world, "Rollover", "{" ITEMS "}");
    world_write_some(world, 50, 10);
    world_set_fault(world, TR_FAULT_EARLY_TRIM, "\"Operation\":\"GetShardIterator\"",
                    "\"Count\":1");
    worker = world_start(world, true);
    world_run_until_ended(world, worker, 60000);
    assert_true(world_ended(world, worker, &status) && status == TR_OK);
    assert_int_equal(world_delivered(world), 51);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
    world_free(world);
}

/* A listing that lags never ends a run early: what `run --once` says is read was read. */
static void test_once__waits_for_shards_that_the_listing_does_not_show_yet(void **state)
{
    static const enum tr_fault_kind kinds[] = {TR_FAULT_STALE_LISTING, TR_FAULT_PARTIAL_LISTING};
    uint64_t seed;
    (void)state;
    for (seed = 0; seed < 16; seed++) {
        struct world *world =
            world_new(&(struct world_options){.seed = 700 + seed, .shards = 1, .process_ms = 10});
        size_t worker;
        enum tr_status status;
        int i;
        for (i = 0; i < 4; i++) {
            world_write_some(world, 60, 12);
            world_control(world, i % 2 == 0 ? "SplitShard" : "Rollover", "{" ITEMS "}");
            world_run(world, seed * 700);
        }
        world_write_some(world, 60, 12);
        world_set_fault(world, kinds[seed % 2], "", "\"Count\":6");
        worker = world_start(world, true);
        world_run_until_ended(world, worker, 180000);
        assert_true(world_ended(world, worker, &status) && status == TR_OK);
        assert_int_equal(world_check(world), 0);
        world_free(world);
    }
}

/* What was just found is asked for again when it is "not found"; a stream that is not there ends
 * the run, after a few seconds. */
static void test_not_found__at_the_start_ends_the_run_only_when_it_stays(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 960, .shards = 1});
    size_t worker;
    enum tr_status status;
    (void)state;
    world_set_fault(world, TR_FAULT_NOT_FOUND, "\"Operation\":\"DescribeStream\"", "");
    worker = world_start(world, false);
    world_run_until_ended(world, worker, 30000);
    assert_true(world_ended(world, worker, &status) && status == TR_ENOTFOUND);
    world_control(world, "ClearFaults", "{}");
    world_write_some(world, 20, 5);
    world_set_fault(world, TR_FAULT_NOT_FOUND, "\"Operation\":\"DescribeStream\"", "\"Count\":3");
    worker = world_start(world, true);
    world_run_until_ended(world, worker, 30000);
    assert_true(world_ended(world, worker, &status) && status == TR_OK);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

int main(void)
{
    struct CMUnitTest tests[sizeof cases / sizeof cases[0] + SINGLE] = {
        cmocka_unit_test(test_table__has_a_row_for_each_fault),
        cmocka_unit_test(test_early_trim__is_told_and_what_is_left_is_delivered),
        cmocka_unit_test(test_early_trim__of_a_shard_never_read_is_told),
        cmocka_unit_test(test_once__waits_for_shards_that_the_listing_does_not_show_yet),
        cmocka_unit_test(test_not_found__at_the_start_ends_the_run_only_when_it_stays),
    };
    static struct case_of rows[sizeof cases / sizeof cases[0]];
    static char names[sizeof cases / sizeof cases[0]][96];
    size_t i;
    memcpy(rows, cases, sizeof cases);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(names[i], sizeof names[i],
                       "test_fault__loses_no_record_and_keeps_the_order: %s",
                       tr_fault_name(cases[i].kind));
        tests[i + SINGLE] = (struct CMUnitTest){
            .name = names[i],
            .test_func = test_fault__loses_no_record_and_keeps_the_order,
            .initial_state = &rows[i],
        };
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
