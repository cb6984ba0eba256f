/* SPDX-License-Identifier: Apache-2.0
 *
 * How soon whole workers take over from one that died or stopped, and read the children of a shard
 * that has ended: the bounds of tests/bench/bench_fleet.c, in one fleet each. */
#include "base/note.h"
#include "tests/sim/world.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#define SECOND 1000u
/* A lease table that is large enough to be read in parts, as lease_reads_core.c plans it. */
#define SHARDS 80
#define WORKERS 5

static size_t held_by_all(const struct world *world, size_t workers)
{
    size_t sum = 0, i;
    for (i = 0; i < workers; i++) {
        sum += world_alive(world, i) ? world_held(world, i) : 0;
    }
    return sum;
}

static struct world *fleet_in_parts(uint64_t seed)
{
    struct world *world = world_new(&(struct world_options){.seed = seed, .shards = SHARDS});
    size_t i;
    for (i = 0; i < WORKERS; i++) {
        (void)world_start(world, false);
        world_run(world, 500);
    }
    world_run(world, 60 * SECOND);
    assert_int_equal(held_by_all(world, WORKERS), SHARDS);
    return world;
}

/* Until all leases are held again. */
static uint64_t ms_until_held(struct world *world, uint64_t limit)
{
    uint64_t from = world_now_ms(world);
    while (held_by_all(world, WORKERS) < SHARDS && world_now_ms(world) - from < limit) {
        world_run(world, 50);
    }
    return world_now_ms(world) - from;
}

static void test_crash__is_followed_within_one_and_a_half_failover_times(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 901; seed <= 904; seed++) {
        struct world *world = fleet_in_parts(seed);
        world_crash(world, (size_t)(seed % WORKERS));
        assert_in_range(ms_until_held(world, 60 * SECOND), 1, 15 * SECOND);
        world_free(world);
    }
}

static void test_clean_stop__is_followed_at_once(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 911; seed <= 914; seed++) {
        struct world *world = fleet_in_parts(seed);
        world_stop(world, (size_t)(seed % WORKERS));
        world_run(world, 20);
        assert_in_range(ms_until_held(world, 60 * SECOND), 0, 1200);
        world_free(world);
    }
}

/* How often `what` and, behind it in the same line, `name` stand in the trace up to `end`. */
static unsigned lines_with(const char *trace, const char *end, const char *what,
                           struct tr_bytes name)
{
    unsigned count = 0;
    const char *at = trace;
    while ((at = strstr(at, what)) != NULL && at < end) {
        const char *line_end = strchr(at, '\n');
        const char *found = at;
        while ((found = memchr(found, name.ptr[0], (size_t)(line_end - found))) != NULL &&
               strncmp(found, name.ptr, name.len) != 0) {
            found++;
        }
        count += found != NULL;
        at = line_end;
    }
    return count;
}

/* While its parent's end is written a child's iterator is asked for: once the child is taken, the
 * next call is for its first page. */
static void test_child__is_read_one_round_trip_after_its_parents_end(void **state)
{
    char *trace = NULL;
    size_t len = 0, children = 0;
    FILE *out = open_memstream(&trace, &len);
    struct world *world =
        world_new(&(struct world_options){.seed = 921, .shards = 2, .trace = out});
    const char *at;
    (void)state;
    (void)world_start(world, false);
    world_run(world, 20 * SECOND);
    world_control(world, "SplitShard", "{\"TableName\":\"Items\"}");
    world_run(world, 20 * SECOND);
    world_free(world);
    assert_int_equal(fclose(out), 0);
    for (at = trace; (at = strstr(at, "opens, parent 'shard")) != NULL; at++) {
        const char *end = at - 1, *from = end;
        struct tr_bytes id;
        const char *taken = at;
        while (from[-1] != ' ') {
            from--;
        }
        id = (struct tr_bytes){from, (size_t)(end - from)};
        children++;
        do {
            taken = strstr(taken + 1, "note: lease taken");
            assert_non_null(taken);
        } while (lines_with(taken, taken + 1, "note: lease taken", id) == 0);
        assert_int_equal(lines_with(trace, taken, "call GetShardIterator", id), 1);
        assert_int_equal(lines_with(trace, trace + len, "call GetShardIterator", id), 1);
    }
    assert_int_equal(children, 2);
    free(trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash__is_followed_within_one_and_a_half_failover_times),
        cmocka_unit_test(test_clean_stop__is_followed_at_once),
        cmocka_unit_test(test_child__is_read_one_round_trip_after_its_parents_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
