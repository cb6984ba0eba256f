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
#define LEASES "\"TableName\":\"app\""
#define ITEMS "\"TableName\":\"Items\""

/* What is asked for while the fault is on: up to four rules, and what makes it matter. */
struct case_of {
    enum tr_fault_kind kind;
    const char *rules[4];
};

/* The members of SetFault beside Fault. EarlyTrim is tested apart: it takes records away. */
static const struct case_of cases[] = {
    {TR_FAULT_THROTTLE, {"\"Probability\":0.3"}},
    {TR_FAULT_INTERNAL, {"\"Probability\":0.3"}},
    {TR_FAULT_HTML_500, {"\"Probability\":0.3"}},
    {TR_FAULT_NOT_FOUND,
     {"\"Operation\":\"GetRecords\",\"Probability\":0.2",
      "\"Operation\":\"GetShardIterator\",\"Probability\":0.3",
      "\"Operation\":\"DescribeStream\",\"Probability\":0.3"}},
    {TR_FAULT_EXPIRED_ITERATOR, {"\"Probability\":0.4"}},
    {TR_FAULT_HANG, {"\"Probability\":0.1"}},
    {TR_FAULT_RESET_BEFORE, {"\"Probability\":0.15"}},
    {TR_FAULT_RESET_AFTER, {"\"Probability\":0.15"}},
    {TR_FAULT_HALF_ANSWER, {"\"Probability\":0.15"}},
    {TR_FAULT_DELAY,
     {"\"Probability\":0.2,\"DelayMs\":700", "\"Probability\":0.05,\"DelayMs\":30000"}},
    {TR_FAULT_STALE_LISTING, {"\"Probability\":0.8"}},
    {TR_FAULT_PARTIAL_LISTING, {"\"Probability\":0.7"}},
    {TR_FAULT_TWO_READERS, {""}},
    {TR_FAULT_SHARD_LIMITS, {""}},
    {TR_FAULT_EMPTY_PAGE, {"\"Probability\":0.7"}},
    {TR_FAULT_STALE_READ, {""}},
    {TR_FAULT_NO_ALL_OLD, {""}},
    {TR_FAULT_UNPROCESSED, {""}},
};

static void write_some(struct world *world, unsigned writes, unsigned keys)
{
    unsigned i;
    for (i = 0; i < writes; i++) {
        world_write(world, i * 7 % keys);
    }
}

static void set_fault(struct world *world, enum tr_fault_kind kind, const char *more)
{
    char body[256];
    (void)snprintf(body, sizeof body, "{\"Fault\":\"%s\"%s%s}", tr_fault_name(kind),
                   more[0] != '\0' ? "," : "", more);
    world_control(world, "SetFault", body);
}

/* A fleet's day under faults: two workers, one dies, another comes. */
static void play(struct world *world, const struct case_of *row)
{
    size_t first, i;
    write_some(world, 200, 40);
    for (i = 0; i < 4 && row->rules[i] != NULL; i++) {
        set_fault(world, row->kind, row->rules[i]);
    }
    /* Lost answers besides, where the fault is about what their resolution needs. */
    if (row->kind == TR_FAULT_NO_ALL_OLD || row->kind == TR_FAULT_STALE_READ) {
        set_fault(world, TR_FAULT_RESET_AFTER, LEASES ",\"Probability\":0.3");
    }
    first = world_start(world, false);
    world_run(world, 3000);
    (void)world_start(world, false);
    for (i = 0; i < 8; i++) {
        write_some(world, 120, 40);
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
        write_some(world, 100, 10);
        world_run(world, 5000);
        (void)world_check(world);
        before = world_delivered(world);
        write_some(world, 100, 10);
        set_fault(world, TR_FAULT_EARLY_TRIM, "\"Operation\":\"GetRecords\",\"Count\":1");
        world_run(world, 10000);
        /* Of these hundred the newest was kept. */
        assert_int_equal(world_delivered(world), before + 1);
        assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
        world_stop(world, worker);
        world_run_until_ended(world, worker, 5000);
        world_free(world);
    }
}

int main(void)
{
    struct CMUnitTest tests[sizeof cases / sizeof cases[0] + 2] = {
        cmocka_unit_test(test_table__has_a_row_for_each_fault),
        cmocka_unit_test(test_early_trim__is_told_and_what_is_left_is_delivered),
    };
    static struct case_of rows[sizeof cases / sizeof cases[0]];
    static char names[sizeof cases / sizeof cases[0]][96];
    size_t i;
    memcpy(rows, cases, sizeof cases);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(names[i], sizeof names[i],
                       "test_fault__loses_no_record_and_keeps_the_order: %s",
                       tr_fault_name(cases[i].kind));
        tests[i + 2] = (struct CMUnitTest){
            .name = names[i],
            .test_func = test_fault__loses_no_record_and_keeps_the_order,
            .initial_state = &rows[i],
        };
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
