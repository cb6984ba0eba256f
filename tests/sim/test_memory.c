/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory runs out once, at places all over a worker's life: its start, the lease table, rows,
 * pages, a split, a rollover, checkpoints, the release. The worker goes, another one comes, and
 * everything written is delivered in order. */
#include "base/mem.h"
#include "tests/sim/world.h"
#include "tests/support/test.h"

#define RUNS 250
#define SHUTDOWN_MS 20000

static void write_some(struct world *world, unsigned count)
{
    unsigned i;
    for (i = 0; i < count; i++) {
        world_write(world, i % 10);
    }
}

/* Let time pass; whoever ran out of memory is replaced. */
static size_t run(struct world *world, size_t worker, uint64_t ms)
{
    world_run(world, ms);
    return worker == world_starved(world) ? world_start(world, false) : worker;
}

/* Memory fails at the n-th allocation, or (-1) never; returns how many there were, and whether a
 * worker went for it (what fails as one call or one page is only tried again). */
static uint64_t live(int64_t n, bool stops, bool *starved)
{
    struct world_options options = {
        .seed = 11, .shards = 2, .failover_ms = 1000, .process_ms = 40, .fail_per_thousand = 50};
    struct world *world = world_new(&options);
    uint64_t allocations;
    size_t worker;

    world_starve(world, n, stops);
    write_some(world, 30);
    worker = world_start(world, false);
    worker = run(world, worker, 800);
    worker = run(world, worker, 2500);
    write_some(world, 20);
    world_control(world, "SplitShard", "{\"TableName\":\"Items\"}");
    write_some(world, 20);
    worker = run(world, worker, 3000);
    world_control(world, "Rollover", "{\"TableName\":\"Items\"}");
    write_some(world, 20);
    worker = run(world, worker, 7000);
    world_stop(world, worker);
    write_some(world, 20);
    world_run(world, 3000);
    allocations = world_allocations(world);
    *starved = world_starved(world) != SIZE_MAX;
    if (world_starved(world) != SIZE_MAX && stops) {
        world_run_until_ended(world, world_starved(world), SHUTDOWN_MS);
    }
    world_starve(world, -1, false);
    (void)world_start(world, false);
    world_run(world, 30000);
    (void)world_check(world);
    world_free(world);
    return allocations;
}

static void try_all(bool stops)
{
    bool starved;
    uint64_t total = live(-1, stops, &starved), runs = 0, starvings = 0, n;
    assert_false(starved);
    for (n = 0; n < total; n += total / RUNS + 1) {
        (void)live((int64_t)n, stops, &starved);
        runs++;
        starvings += starved;
    }
    assert_true(starvings > runs / 10);
}

static void test_memory__a_worker_that_dies_of_it_loses_nothing(void **state)
{
    (void)state;
    try_all(false);
}

static void test_memory__a_worker_that_stops_for_it_loses_nothing(void **state)
{
    (void)state;
    try_all(true);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory__a_worker_that_dies_of_it_loses_nothing),
        cmocka_unit_test(test_memory__a_worker_that_stops_for_it_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
