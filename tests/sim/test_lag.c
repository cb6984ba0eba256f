/* SPDX-License-Identifier: Apache-2.0
 *
 * How far behind a worker says it is, against what it had to do. The model stamps records in whole
 * seconds, as the service does. */
#include "tests/sim/world.h"
#include "tests/support/test.h"

static void test_lag__is_unknown_first_and_nothing_at_the_tip(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 1, .shards = 3});
    size_t worker = world_start(world, false), unknown = 9;
    uint64_t ms = 9;
    (void)state;
    assert_false(world_lag(world, worker, &ms, &unknown));
    assert_int_equal(unknown, 0);
    while (world_held(world, worker) < 3) {
        world_run(world, 10);
    }
    assert_false(world_lag(world, worker, &ms, &unknown));
    assert_int_equal(unknown, 3);
    assert_int_equal(ms, 9);
    world_run(world, 20000);
    assert_true(world_lag(world, worker, &ms, &unknown));
    assert_int_equal(unknown, 0);
    assert_int_equal(ms, 0);
    world_free(world);
}

static void test_lag__grows_while_the_processor_fails_and_goes_when_all_is_done(void **state)
{
    struct world *world =
        world_new(&(struct world_options){.seed = 2, .shards = 3, .fail_per_thousand = 1000});
    size_t worker = world_start(world, false), unknown = 9;
    uint64_t ms = 0;
    (void)state;
    world_run(world, 20000);
    world_write(world, 1);
    world_run(world, 60000);
    assert_true(world_lag(world, worker, &ms, &unknown));
    assert_int_equal(unknown, 0);
    assert_in_range(ms, 60000, 61000);
    world_free(world);

    world = world_new(&(struct world_options){.seed = 3, .shards = 3, .fail_per_thousand = 500});
    worker = world_start(world, false);
    world_write(world, 1);
    world_run(world, 120000);
    assert_true(world_lag(world, worker, &ms, &unknown));
    assert_int_equal(ms, 0);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lag__is_unknown_first_and_nothing_at_the_tip),
        cmocka_unit_test(test_lag__grows_while_the_processor_fails_and_goes_when_all_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
