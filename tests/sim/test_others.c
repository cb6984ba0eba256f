/* SPDX-License-Identifier: Apache-2.0
 *
 * How other consumers were seen to fail, each tried on whole workers of ours in virtual time: one
 * test a failure, named after it. */
#include "base/note.h"
#include "local/fault.h"
#include "tests/sim/world.h"
#include "tests/support/test.h"

#define FAILOVER_MS 10000u

static struct world *a_world(uint64_t seed, unsigned shards, uint64_t process_ms)
{
    return world_new(&(struct world_options){
        .seed = seed, .shards = shards, .failover_ms = FAILOVER_MS, .process_ms = process_ms});
}

static void rollover(struct world *world)
{
    world_control(world, "Rollover", "{\"TableName\":\"Items\"}");
}

static void end_all(struct world *world, const size_t *workers, size_t count)
{
    size_t i;
    world_stop_all(world);
    for (i = 0; i < count; i++) {
        world_run_until_ended(world, workers[i], 120000);
    }
}

static void test_others__an_expired_iterator_stalls_the_shard_for_good(void **state)
{
    struct world *world = a_world(101, 2, 20);
    (void)state;
    (void)world_start(world, false);
    world_write_some(world, 100, 40);
    world_run(world, 5000);
    world_set_fault(world, TR_FAULT_EXPIRED_ITERATOR, "", "\"Count\":10");
    world_write_some(world, 200, 40);
    world_run(world, 60000);
    assert_int_equal(world_check(world), 0);
    assert_true(world_notes(world, TR_NOTE_ITERATOR_EXPIRED) > 0);
    world_free(world);
}

static void test_others__a_trimmed_checkpoint_stalls_the_shard_for_good(void **state)
{
    struct world *world = a_world(102, 1, 20);
    size_t worker = world_start(world, false);
    uint64_t delivered;
    (void)state;
    world_write_some(world, 100, 40);
    world_run(world, 10000);
    end_all(world, &worker, 1);
    world_write_some(world, 100, 40);
    world_run(world, 30ull * 3600 * 1000); /* beyond what the service keeps */
    delivered = world_delivered(world);
    world_write_some(world, 80, 40);
    (void)world_start(world, false);
    world_run(world, 120000);
    assert_int_equal(world_delivered(world) - delivered, 80);
    assert_true(world_notes(world, TR_NOTE_GAP) >= 1);
    world_free(world);
}

static void test_others__a_restart_after_rollovers_replays_history(void **state)
{
    struct world *world = a_world(103, 2, 0);
    size_t worker;
    int i;
    (void)state;
    for (i = 0; i < 4; i++) {
        worker = world_start(world, false);
        world_write_some(world, 50, 40);
        world_run(world, 20000);
        rollover(world);
        world_write_some(world, 50, 40);
        world_run(world, 40000);
        end_all(world, &worker, 1);
        world_run(world, 3600000);
    }
    assert_int_equal(world_check(world), 0); /* nothing was delivered twice */
    world_free(world);
}

static void test_others__exit_between_a_parents_end_and_its_childs_listing(void **state)
{
    struct world *world = a_world(104, 1, 0);
    enum tr_status status;
    size_t worker;
    (void)state;
    world_write_some(world, 50, 40);
    rollover(world);
    world_write_some(world, 50, 40);
    world_set_fault(world, TR_FAULT_PARTIAL_LISTING, "", "\"Count\":8");
    worker = world_start(world, true);
    world_run_until_ended(world, worker, 120000);
    assert_true(world_ended(world, worker, &status) && status == TR_OK);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

static void test_others__a_shard_that_never_runs_empty_starves_renewals_and_the_stop(void **state)
{
    struct world *world = a_world(105, 2, 400);
    size_t worker = world_start(world, false);
    int i;
    (void)state;
    for (i = 0; i < 600; i++) { /* two minutes, always more than can be done */
        world_write_some(world, 40, 40);
        world_run(world, 200);
    }
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_LAPSED), 0);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_LOST), 0);
    world_stop(world, worker);
    world_run_until_ended(world, worker, 2000);
    world_free(world);
}

static void test_others__a_slow_batch_starves_renewals_and_the_other_shards(void **state)
{
    struct world *world = a_world(106, 4, 60000);
    size_t worker = world_start(world, false);
    (void)state;
    world_run(world, 2000);
    world_write_some(world, 200, 40);
    world_run(world, 180000);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_LAPSED), 0);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_LOST), 0);
    world_run(world, 600000);
    assert_int_equal(world_check(world), 0);
    assert_int_equal(world_held(world, worker), 4);
    world_free(world);
}

static void test_others__one_throttled_scan_ends_the_process(void **state)
{
    struct world *world = a_world(107, 2, 20);
    size_t worker;
    (void)state;
    world_set_fault(world, TR_FAULT_THROTTLE, "",
                    "\"TableName\":\"app\",\"Operation\":\"Scan\",\"Probability\":0.7");
    worker = world_start(world, false);
    world_write_some(world, 100, 40);
    world_run(world, 120000);
    assert_false(world_ended(world, worker, NULL));
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

static void test_others__workers_started_at_once_race_for_the_table_and_die(void **state)
{
    struct world *world = a_world(108, 6, 20);
    size_t workers[6], i, held = 0;
    (void)state;
    for (i = 0; i < 6; i++) {
        workers[i] = world_start(world, false);
    }
    world_write_some(world, 200, 40);
    world_run(world, 60000);
    for (i = 0; i < 6; i++) {
        assert_false(world_ended(world, workers[i], NULL));
        held += world_held(world, workers[i]);
    }
    assert_int_equal(held, 6);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

static void test_others__a_lost_answer_to_a_renewal_or_checkpoint_gives_the_lease_up(void **state)
{
    struct world *world = a_world(109, 2, 20);
    int i;
    (void)state;
    (void)world_start(world, false);
    (void)world_start(world, false);
    world_run(world, 30000);
    world_set_fault(world, TR_FAULT_RESET_AFTER, "",
                    "\"TableName\":\"app\",\"Operation\":\"UpdateItem\",\"Probability\":0.3");
    for (i = 0; i < 60; i++) {
        world_write_some(world, 20, 40);
        world_run(world, 5000);
    }
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_LOST), 0);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

static void test_others__the_death_of_a_leader_stops_takeovers_for_minutes(void **state)
{
    struct world *world = a_world(110, 6, 20);
    size_t workers[3], i;
    (void)state;
    for (i = 0; i < 3; i++) {
        workers[i] = world_start(world, false);
    }
    world_run(world, 60000);
    world_write_some(world, 100, 40);
    /* Whoever leads, it is among those that die one after the other. */
    for (i = 0; i < 2; i++) {
        world_crash(world, workers[i]);
        rollover(world);
        world_write_some(world, 100, 40);
        world_run(world, 2 * FAILOVER_MS);
    }
    assert_int_equal(world_held(world, workers[2]), 6);
    world_run(world, 30000);
    (void)world_check(world);
    world_free(world);
}

/* Every read of the lease table is late: takes that rest on it fail their conditions, and nobody
 * loses a lease by them. */
static void test_others__stale_reads_of_the_table_decide_takes(void **state)
{
    struct world *world = a_world(111, 4, 20);
    size_t i;
    (void)state;
    world_set_fault(world, TR_FAULT_STALE_READ, "", "\"TableName\":\"app\"");
    for (i = 0; i < 3; i++) {
        (void)world_start(world, false);
        world_run(world, 5000);
    }
    for (i = 0; i < 30; i++) {
        world_write_some(world, 20, 40);
        world_run(world, 5000);
    }
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_LOST), 0);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_others__an_expired_iterator_stalls_the_shard_for_good),
        cmocka_unit_test(test_others__a_trimmed_checkpoint_stalls_the_shard_for_good),
        cmocka_unit_test(test_others__a_restart_after_rollovers_replays_history),
        cmocka_unit_test(test_others__exit_between_a_parents_end_and_its_childs_listing),
        cmocka_unit_test(test_others__a_shard_that_never_runs_empty_starves_renewals_and_the_stop),
        cmocka_unit_test(test_others__a_slow_batch_starves_renewals_and_the_other_shards),
        cmocka_unit_test(test_others__one_throttled_scan_ends_the_process),
        cmocka_unit_test(test_others__workers_started_at_once_race_for_the_table_and_die),
        cmocka_unit_test(test_others__a_lost_answer_to_a_renewal_or_checkpoint_gives_the_lease_up),
        cmocka_unit_test(test_others__the_death_of_a_leader_stops_takeovers_for_minutes),
        cmocka_unit_test(test_others__stale_reads_of_the_table_decide_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
