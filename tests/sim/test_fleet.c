/* SPDX-License-Identifier: Apache-2.0
 *
 * Random fleets in virtual time: workers come, go, crash and pause while shards split and roll
 * over and requests and answers are lost; then the faults stop and everything must drain. Every
 * seed is a fleet of its own: `sim_test_fleet FIRST LAST` runs a range. */
#include "tests/sim/world.h"
#include "tests/support/test.h"

#define WORKERS_AT_ONCE 3
#define SEED_FIRST 1u
#define SEED_LAST 40u
/* A shard's slot is taken over while answers to its former tenant are still on their way. */
#define SEED_LATE_ANSWERS 1196u

struct fleet {
    struct world *world;
    struct tr_random random;
    size_t workers[WORKERS_AT_ONCE];
    bool alive[WORKERS_AT_ONCE];
    unsigned started;
};

static void start(struct fleet *fleet, size_t i)
{
    fleet->workers[i] = world_start(fleet->world, false);
    fleet->alive[i] = true;
    fleet->started++;
}

static void disturb(struct fleet *fleet)
{
    size_t i = (size_t)tr_random_below(&fleet->random, WORKERS_AT_ONCE);
    switch (tr_random_below(&fleet->random, 7)) {
    case 0:
        world_control(fleet->world, "SplitShard", "{\"TableName\":\"Items\"}");
        break;
    case 1:
        world_control(fleet->world, "Rollover", "{\"TableName\":\"Items\"}");
        break;
    case 2:
    case 3:
        if (!fleet->alive[i]) {
            if (fleet->started < 40) {
                start(fleet, i);
            }
        } else if (tr_random_below(&fleet->random, 2) == 0) {
            world_crash(fleet->world, fleet->workers[i]);
            fleet->alive[i] = false;
        } else {
            world_stop(fleet->world, fleet->workers[i]);
            fleet->alive[i] = false;
        }
        break;
    case 4:
        if (fleet->alive[i]) {
            world_pause(fleet->world, fleet->workers[i], tr_random_below(&fleet->random, 8000));
        }
        break;
    case 5:
        world_lose(fleet->world, (unsigned)tr_random_below(&fleet->random, 80));
        break;
    default:
        world_lose(fleet->world, 0);
        break;
    }
}

static void run_seed(uint64_t seed)
{
    struct fleet fleet = {0};
    struct world_options options = {
        .seed = seed, .failover_ms = 2000, .process_ms = 120, .fail_per_thousand = 30};
    unsigned i;

    tr_random_init(&fleet.random, seed * 7919);
    options.shards = 1 + (unsigned)tr_random_below(&fleet.random, 6);
    fleet.world = world_new(&options);
    start(&fleet, 0);
    start(&fleet, 1);
    for (i = 0; i < 60; i++) {
        unsigned writes = (unsigned)tr_random_below(&fleet.random, 60);
        while (writes-- > 0) {
            world_write(fleet.world, (unsigned)tr_random_below(&fleet.random, 40));
        }
        world_run(fleet.world, tr_random_below(&fleet.random, 1500));
        if (tr_random_below(&fleet.random, 3) == 0) {
            disturb(&fleet);
        }
    }
    /* The faults stop: whoever is left, and one that is surely there, must drain it all. */
    world_lose(fleet.world, 0);
    (void)world_start(fleet.world, false);
    world_run(fleet.world, 60000);
    (void)world_check(fleet.world);
    world_free(fleet.world);
}

static void test_fleet__loses_nothing_and_keeps_the_order_whatever_happens(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = SEED_FIRST; seed <= SEED_LAST; seed++) {
        run_seed(seed);
    }
    run_seed(SEED_LATE_ANSWERS);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fleet__loses_nothing_and_keeps_the_order_whatever_happens),
    };
    if (argc == 3) {
        uint64_t seed = strtoull(argv[1], NULL, 10), last = strtoull(argv[2], NULL, 10);
        for (; seed <= last; seed++) {
            run_seed(seed);
        }
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
