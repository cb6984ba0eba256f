/* SPDX-License-Identifier: Apache-2.0
 *
 * Moments that whole fleets hardly ever meet: a lease is lost while its validity runs on, and the
 * row of a shard whose children nobody has seen goes. */
#include "base/note.h"
#include "tests/sim/inside.h"
#include "tests/sim/world.h"
#include "tests/support/test.h"

#define MINUTE 60000u

/* A batch that waits for a thread would begin else: it looks at the validity only. */
static void test_loss__of_a_lease_ends_its_validity_at_once(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 61, .shards = 1});
    size_t worker = world_start(world, false), i;
    (void)state;
    world_run(world, 20000);
    assert_int_equal(world_held(world, worker), 1);
    assert_int_equal(world_edit_row(world, world->open_shards[0], "leaseCounter", "{\"N\":\"23\"}"),
                     200);
    for (i = 0; i < 200 && world_notes(world, TR_NOTE_LEASE_LOST) == 0; i++) {
        world_run(world, 100);
    }
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_LOST), 1);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_LAPSED), 0);
    assert_true(world->workers[worker].valid_count > 0);
    for (i = 0; i < world->workers[worker].valid_count; i++) {
        assert_true(world->workers[worker].valid_until[i] == 0);
    }
    world_free(world);
}

/* Three days old, finished, and listed no more, nor any child of it. */
static struct world *begin_with_childless_row(bool stop_on_gap, char key[64])
{
    struct world *world =
        world_new(&(struct world_options){.seed = 62, .shards = 1, .stop_on_gap = stop_on_gap});
    char body[512];
    size_t worker = world_start(world, false);
    world_write_some(world, 50, 20);
    world_run(world, 20000);
    world_stop(world, worker);
    world_run(world, 10000);
    (void)snprintf(key, 64, "shardId-%020lld-0abc0def",
                   (long long)(world_wall_ms(world) - 72ll * 3600 * 1000));
    (void)snprintf(body, sizeof body,
                   "{\"TableName\":\"app\",\"Item\":{\"leaseKey\":{\"S\":\"%s\"},"
                   "\"leaseCounter\":{\"N\":\"9\"},\"checkpoint\":{\"S\":\"SHARD_END\"}}}",
                   key);
    assert_int_equal(world_call(world, "DynamoDB_20120810.PutItem", body, NULL), 200);
    (void)world_start(world, false);
    world_run(world, 30 * MINUTE);
    return world;
}

static void test_delete__of_a_childless_row_tells_the_gap_behind_it(void **state)
{
    char key[64];
    struct world *world = begin_with_childless_row(false, key);
    (void)state;
    assert_int_not_equal(world_edit_row(world, key, "x", "{\"S\":\"y\"}"), 200); /* gone */
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_DELETED), 1);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
    assert_non_null(strstr(world->gap, "shards behind this one"));
    world_free(world);
}

static void test_delete__of_a_childless_row_waits_for_somebody_with_on_gap_stop(void **state)
{
    char key[64];
    struct world *world = begin_with_childless_row(true, key);
    (void)state;
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_DELETED), 0);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 1);
    assert_int_equal(world_edit_row(world, key, "x", "{\"S\":\"y\"}"), 200);
    world_free(world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss__of_a_lease_ends_its_validity_at_once),
        cmocka_unit_test(test_delete__of_a_childless_row_tells_the_gap_behind_it),
        cmocka_unit_test(test_delete__of_a_childless_row_waits_for_somebody_with_on_gap_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
