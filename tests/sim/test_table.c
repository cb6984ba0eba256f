/* SPDX-License-Identifier: Apache-2.0
 *
 * The lease table as a whole under whole workers in virtual time: of a KCL 3.x fleet, not a lease
 * table, being deleted, throttled, read in parts; and rows of shards that the stream lacks. */
#include "base/note.h"
#include "local/fault.h"
#include "tests/sim/world.h"
#include "tests/support/test.h"

#define MINUTE 60000u
#define DYNAMODB "DynamoDB_20120810."
#define STATE_3X "CLIENT_VERSION_3X"

static void call(struct world *world, const char *operation, const char *body)
{
    char target[64];
    (void)snprintf(target, sizeof target, DYNAMODB "%s", operation);
    assert_int_equal(world_call(world, target, body, NULL), 200);
}

static void make_table(struct world *world, const char *name, const char *key)
{
    world_make_table(world, name, key);
    world_run(world, 10000);
}

static void put(struct world *world, const char *table, const char *item)
{
    char body[512];
    (void)snprintf(body, sizeof body, "{\"TableName\":\"%s\",\"Item\":{%s}}", table, item);
    call(world, "PutItem", body);
}

/* KCL's row of its fleet's state, in the lease table (3.5) or in one of its own (3.0 to 3.4). */
static void put_state(struct world *world, const char *table, const char *key, const char *state)
{
    char item[256];
    (void)snprintf(item, sizeof item,
                   "\"%s\":{\"S\":\"Migration3.0\"},\"entityType\":{\"S\":"
                   "\"CLIENT_VERSION_MIGRATION\"},\"cv\":{\"S\":\"%s\"}",
                   key, state);
    put(world, table, item);
}

static bool table_is_there(struct world *world, const char *name)
{
    char body[128];
    (void)snprintf(body, sizeof body, "{\"TableName\":\"%s\"}", name);
    return world_call(world, DYNAMODB "DescribeTable", body, NULL) == 200;
}

static size_t rows_of(struct world *world)
{
    struct tr_buf body = {0};
    const char *at;
    size_t count = 0;
    assert_int_equal(world_call(world, DYNAMODB "Scan", "{\"TableName\":\"app\"}", &body), 200);
    tr_buf_add_char(&body, '\0');
    for (at = body.ptr; (at = strstr(at, "\"leaseKey\"")) != NULL; at++) {
        count++;
    }
    tr_buf_deinit(&body);
    return count;
}

static void assert_refused(struct world *world, const char *table, const char *row,
                           const char *word)
{
    size_t worker = world_start(world, false);
    enum tr_status status;
    char quoted[64];
    world_run_until_ended(world, worker, 30000);
    assert_true(world_ended(world, worker, &status));
    assert_int_equal(status, TR_ECONFIG);
    (void)snprintf(quoted, sizeof quoted, "'%s'", table);
    assert_non_null(strstr(world_error(world), quoted));
    assert_non_null(strstr(world_error(world), row));
    assert_non_null(strstr(world_error(world), word));
    assert_int_equal(world_delivered(world), 0);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_CREATED), 0);
}

static void test_table__of_a_kcl_3_fleet_is_refused_with_row_and_state(void **state)
{
    static const char *const states[] = {STATE_3X, "CLIENT_VERSION_3X_WITH_ROLLBACK"};
    size_t i;
    (void)state;
    for (i = 0; i < 2; i++) {
        struct world *world = world_new(&(struct world_options){.seed = 501 + i, .shards = 2});
        make_table(world, "app", "leaseKey");
        put_state(world, "app", "leaseKey", states[i]);
        world_write_some(world, 20, 40);
        assert_refused(world, "app", "'Migration3.0'", states[i]);
        assert_int_equal(rows_of(world), 1);
        world_free(world);
    }
}

static void test_table__of_a_kcl_3_fleet_with_a_state_table_is_refused(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 503, .shards = 2});
    (void)state;
    make_table(world, "app", "leaseKey");
    make_table(world, "app-CoordinatorState", "key");
    put_state(world, "app-CoordinatorState", "key", STATE_3X);
    world_write_some(world, 20, 40);
    assert_refused(world, "app-CoordinatorState", "'Migration3.0'", STATE_3X);
    world_free(world);
}

static void test_table__of_a_kcl_3_fleet_that_acts_as_2x_is_used(void **state)
{
    static const char *const states[] = {"CLIENT_VERSION_INIT", "CLIENT_VERSION_UPGRADE_FROM_2X",
                                         "CLIENT_VERSION_2X"};
    size_t i;
    (void)state;
    for (i = 0; i < 3; i++) {
        struct world *world = world_new(&(struct world_options){.seed = 504 + i, .shards = 2});
        make_table(world, "app", "leaseKey");
        make_table(world, "app-CoordinatorState", "key");
        put_state(world, "app", "leaseKey", states[i]);
        put_state(world, "app-CoordinatorState", "key", states[i]);
        (void)world_start(world, false);
        world_run(world, 5000);
        world_write_some(world, 50, 40);
        world_run(world, 10000);
        assert_int_equal(world_check(world), 0);
        assert_int_equal(world_notes(world, TR_NOTE_LEASE_ROW_BAD), 0);
        world_free(world);
    }
}

/* The fleet's KCL workers were set to 3.x meanwhile: ours end, and release nothing they lack. */
static void test_table__that_a_kcl_3_fleet_takes_over_ends_the_run(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 507, .shards = 2});
    size_t worker = world_start(world, false);
    enum tr_status status;
    (void)state;
    world_write_some(world, 50, 40);
    world_run(world, 10000);
    put_state(world, "app", "leaseKey", STATE_3X);
    world_run_until_ended(world, worker, 3 * MINUTE);
    assert_true(world_ended(world, worker, &status));
    assert_int_equal(status, TR_ECONFIG);
    assert_non_null(strstr(world_error(world), STATE_3X));
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

static void test_table__with_a_row_of_something_else_is_refused_by_its_key(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 508, .shards = 2});
    (void)state;
    make_table(world, "app", "leaseKey");
    put(world, "app", "\"leaseKey\":{\"S\":\"customer-17\"},\"colour\":{\"S\":\"red\"}");
    world_write_some(world, 20, 40);
    assert_refused(world, "app", "'customer-17'", "leaseCounter");
    assert_int_equal(rows_of(world), 1);
    world_free(world);
}

/* Then the start begins with a new table. */
static void test_table__that_is_being_deleted_is_waited_for_at_the_start(void **state)
{
    struct world *world =
        world_new(&(struct world_options){.seed = 509, .shards = 2, .table_ms = 5000});
    (void)state;
    make_table(world, "app", "leaseKey");
    put(world, "app", "\"leaseKey\":{\"S\":\"customer-17\"},\"colour\":{\"S\":\"red\"}");
    call(world, "DeleteTable", "{\"TableName\":\"app\"}");
    (void)world_start(world, false);
    world_write_some(world, 50, 40);
    world_run(world, 4000);
    assert_int_equal(world_notes(world, TR_NOTE_TABLE_GONE), 1);
    assert_int_equal(world_notes(world, TR_NOTE_TABLE_CREATED), 0);
    world_run(world, MINUTE);
    assert_int_equal(world_notes(world, TR_NOTE_TABLE_CREATED), 1);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

/* Several start at once: one makes the table, nobody dies of it. */
static void test_table__that_takes_long_to_create_is_waited_for_by_all(void **state)
{
    struct world *world =
        world_new(&(struct world_options){.seed = 516, .shards = 3, .table_ms = 9000});
    int i;
    (void)state;
    for (i = 0; i < 3; i++) {
        (void)world_start(world, false);
    }
    world_run(world, 3000);
    (void)world_start(world, false);
    world_write_some(world, 50, 40);
    world_run(world, MINUTE);
    assert_int_equal(world_notes(world, TR_NOTE_TABLE_CREATED), 1);
    assert_int_equal(world_notes(world, TR_NOTE_TABLE_WAITING), 1); /* who found it so */
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

static void test_table__deleted_under_a_worker_ends_it_and_is_not_made_again(void **state)
{
    struct world *world =
        world_new(&(struct world_options){.seed = 510, .shards = 2, .failover_ms = 5000});
    size_t worker = world_start(world, false);
    enum tr_status status;
    uint64_t delivered, deleted;
    (void)state;
    world_write_some(world, 50, 40);
    world_run(world, 10000);
    deleted = world_now_ms(world);
    call(world, "DeleteTable", "{\"TableName\":\"app\"}");
    world_run(world, 5000);
    /* No lease can be renewed: what is written now is nobody's to process. */
    delivered = world_delivered(world);
    world_write_some(world, 50, 40);
    world_run_until_ended(world, worker, 30000);
    assert_true(world_ended(world, worker, &status));
    assert_int_equal(status, TR_ENOTFOUND);
    assert_true(world_now_ms(world) - deleted < 25000);
    assert_int_equal(world_delivered(world), delivered);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_LAPSED), 2);
    assert_int_equal(world_notes(world, TR_NOTE_TABLE_GONE), 1);
    assert_non_null(strstr(world_note(world, TR_NOTE_TABLE_GONE), "app"));
    assert_non_null(strstr(world_error(world), "'app'"));
    assert_non_null(strstr(world_error(world), "deleted"));
    assert_int_equal(world_notes(world, TR_NOTE_TABLE_CREATED), 1);
    world_run(world, MINUTE);
    assert_false(table_is_there(world, "app"));
    world_free(world);
}

/* Made again by something else, with another key: every write is refused from now on. */
static void test_table__made_again_with_another_key_ends_the_run(void **state)
{
    struct world *world =
        world_new(&(struct world_options){.seed = 512, .shards = 2, .failover_ms = 20000});
    size_t worker = world_start(world, false);
    enum tr_status status;
    (void)state;
    world_run(world, 30000);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_TAKEN), 2);
    call(world, "DeleteTable", "{\"TableName\":\"app\"}");
    while (table_is_there(world, "app")) {
        world_run(world, 100);
    }
    world_make_table(world, "app", "id");
    world_run_until_ended(world, worker, 60000);
    assert_true(world_ended(world, worker, &status));
    assert_int_equal(status, TR_ECONFIG);
    assert_non_null(strstr(world_error(world), "it is no lease table: its key is 'id (HASH, S)'"));
    world_free(world);
}

/* Somebody copied a row of this worker's under another key: it names this very run. */
static void test_table__a_copy_of_an_own_row_is_told_as_one(void **state)
{
    static const char key[] = "\"leaseKey\":{\"S\":\"";
    struct world *world = world_new(&(struct world_options){.seed = 513, .shards = 1});
    struct tr_buf out = {0}, item = {0};
    char *at, *begin;
    size_t depth = 0;
    (void)state;
    (void)world_start(world, false);
    world_run(world, 30000);
    assert_int_equal(world_call(world, DYNAMODB "Scan", "{\"TableName\":\"app\"}", &out), 200);
    tr_buf_add_char(&out, '\0');
    at = strstr(out.ptr, key);
    assert_non_null(at);
    at[sizeof key - 1 + strcspn(at + sizeof key - 1, "\"") - 1] ^= 1; /* of another shard */
    begin = strstr(out.ptr, "\"Items\":[{");
    assert_non_null(begin);
    begin += sizeof "\"Items\":[" - 1;
    for (at = begin; depth > 0 || at == begin; at++) {
        depth += *at == '{';
        depth -= *at == '}';
    }
    tr_buf_printf(&item, "{\"TableName\":\"app\",\"Item\":%.*s}", (int)(at - begin), begin);
    tr_buf_add_char(&item, '\0');
    call(world, "PutItem", item.ptr);
    world_run(world, 30000);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_TWIN), 1);
    assert_non_null(strstr(world_note(world, TR_NOTE_LEASE_TWIN), "which is this one: a copy"));
    tr_buf_deinit(&item);
    tr_buf_deinit(&out);
    world_free(world);
}

/* Held leases go on: they are renewed without the table being read. */
static void test_table__that_throttles_its_readers_takes_no_lease_from_anybody(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 511, .shards = 4});
    size_t worker = world_start(world, false);
    uint64_t granted;
    (void)state;
    world_run(world, 10000);
    granted = world_notes(world, TR_NOTE_LEASE_TAKEN);
    world_set_fault(world, TR_FAULT_THROTTLE, "", "\"TableName\":\"app\",\"Operation\":\"Scan\"");
    world_write_some(world, 200, 40);
    world_run(world, 5 * MINUTE);
    assert_int_equal(world_held(world, worker), 4);
    assert_int_equal(world_check(world), 0);
    assert_in_range(world_notes(world, TR_NOTE_TABLE_UNREAD), 3, 12);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_LAPSED), 0);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_TAKEN), granted);
    world_free(world);
}

/* Named once by its key, with what stands in it; left as a row; and nobody waits for it. */
static void test_table__a_row_of_a_shard_that_the_stream_lacks_is_named_once(void **state)
{
    static const char key[] = "shardId-00000001700000000000-deadbeef";
    struct world *world = world_new(&(struct world_options){.seed = 512, .shards = 2});
    char item[256];
    (void)state;
    (void)world_start(world, false);
    world_write_some(world, 50, 40);
    world_run(world, 10000);
    (void)snprintf(item, sizeof item,
                   "\"leaseKey\":{\"S\":\"%s\"},\"leaseCounter\":{\"N\":\"3\"},\"checkpoint\":"
                   "{\"S\":\"4711\"},\"parentShardId\":{\"SS\":[\"shardId-0\"]}",
                   key);
    put(world, "app", item);
    world_write_some(world, 50, 40);
    world_run(world, 4 * MINUTE);
    world_write_some(world, 50, 40);
    world_run(world, 30 * MINUTE);
    assert_int_equal(world_notes(world, TR_NOTE_SHARD_UNLISTED), 1);
    assert_non_null(strstr(world_note(world, TR_NOTE_SHARD_UNLISTED), key));
    assert_non_null(strstr(world_note(world, TR_NOTE_SHARD_UNLISTED), "4711"));
    assert_int_equal(world_check(world), 0);
    assert_int_equal(rows_of(world), 3);
    world_free(world);
}

/* ---- a row that is not understood ---- */

/* The first row at a sequence number. */
static void find_begun(struct world *world, char key[64], char checkpoint[64])
{
    struct tr_buf out = {0};
    const char *at;
    bool found = false;
    assert_int_equal(world_call(world, DYNAMODB "Scan", "{\"TableName\":\"app\"}", &out), 200);
    tr_buf_add_char(&out, '\0');
    for (at = out.ptr; !found && (at = strstr(at, "\"checkpoint\":{\"S\":\"")) != NULL; at++) {
        (void)sscanf(at, "\"checkpoint\":{\"S\":\"%63[^\"]", checkpoint);
        (void)sscanf(strstr(at, "\"leaseKey\""), "\"leaseKey\":{\"S\":\"%63[^\"]", key);
        found = checkpoint[0] >= '0' && checkpoint[0] <= '9';
    }
    assert_true(found);
    tr_buf_deinit(&out);
}

static void set_checkpoint(struct world *world, const char *key, const char *checkpoint)
{
    char value[80];
    (void)snprintf(value, sizeof value, "{\"S\":\"%s\"}", checkpoint);
    assert_int_equal(world_edit_row(world, key, "checkpoint", value), 200);
}

/* Two shards whose parents were done with long ago, rows and all; the row of one is spoilt while
 * nobody reads, and a worker starts that knows nothing of before. */
static size_t spoil_child(struct world *world, char key[64], char checkpoint[64])
{
    size_t worker = world_start(world, false);
    world_write_some(world, 50, 40);
    world_run(world, 10000);
    world_control(world, "Rollover", "{\"TableName\":\"Items\"}");
    world_write_some(world, 50, 40);
    world_run(world, 20 * MINUTE);
    assert_int_equal(rows_of(world), 2);
    world_stop(world, worker);
    world_run(world, 10000);
    find_begun(world, key, checkpoint);
    set_checkpoint(world, key, "half way");
    worker = world_start(world, false);
    world_run(world, 2 * MINUTE);
    assert_int_equal(rows_of(world), 2);
    assert_int_equal(world_held(world, worker), 1);
    assert_int_equal(world_delivered(world), 100);
    return worker;
}

static void test_spoilt__row_that_is_mended_is_read_on_and_history_is_not(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 518, .shards = 2});
    char key[64], checkpoint[64];
    size_t worker = spoil_child(world, key, checkpoint);
    (void)state;
    world_write_some(world, 50, 40);
    set_checkpoint(world, key, checkpoint);
    world_run(world, 20000);
    assert_int_equal(world_held(world, worker), 2);
    assert_int_equal(rows_of(world), 2);
    assert_int_equal(world_delivered(world), 150);
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

/* Once at first, when the edit that was to mend it did not, when it is spoilt anew; never at every
 * scan, and not more than once a minute whoever edits it all the time. */
static void test_spoilt__row_is_named_again_when_something_else_is_wrong_with_it(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 528, .shards = 2});
    char key[64], checkpoint[64], wrong[32];
    int i;
    (void)spoil_child(world, key, checkpoint);
    (void)state;
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_ROW_BAD), 1);
    set_checkpoint(world, key, "three quarters");
    world_run(world, 2 * MINUTE);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_ROW_BAD), 2);
    set_checkpoint(world, key, checkpoint);
    world_run(world, 20000);
    set_checkpoint(world, key, "three quarters");
    world_run(world, 2 * MINUTE);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_ROW_BAD), 3);
    for (i = 0; i < 6; i++) {
        (void)snprintf(wrong, sizeof wrong, "%d quarters", i);
        set_checkpoint(world, key, wrong);
        world_run(world, 8000);
    }
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_ROW_BAD), 4);
    world_run(world, MINUTE);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_ROW_BAD), 5);
    world_free(world);
}

static void edit_counter(struct world *world, const char *key, const char *counter)
{
    char body[512], value[128] = "";
    if (counter != NULL) {
        (void)snprintf(value, sizeof value,
                       ",\"ExpressionAttributeValues\":{\":x\":{\"N\":\"%s\"}}", counter);
    }
    (void)snprintf(body, sizeof body,
                   "{\"TableName\":\"app\",\"Key\":{\"leaseKey\":{\"S\":\"%s\"}},"
                   "\"UpdateExpression\":\"%s\"%s}",
                   key, counter != NULL ? "SET leaseCounter = :x" : "REMOVE leaseCounter", value);
    call(world, "UpdateItem", body);
}

static void find_counter(struct world *world, const char *key, char counter[64])
{
    struct tr_buf out = {0};
    char body[192];
    const char *at;
    (void)snprintf(body, sizeof body,
                   "{\"TableName\":\"app\",\"Key\":{\"leaseKey\":{\"S\":\"%s\"}}}", key);
    assert_int_equal(world_call(world, DYNAMODB "GetItem", body, &out), 200);
    tr_buf_add_char(&out, '\0');
    at = strstr(out.ptr, "\"leaseCounter\"");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\"leaseCounter\":{\"N\":\"%63[0-9]", counter), 1);
    tr_buf_deinit(&out);
}

/* Its owner loses the only row that has not ended, for it lacks its counter. Once that is mended it
 * is taken after a failover time, not after two and a half more, as a table is looked at that has
 * nothing to watch. */
static void test_spoilt__row_that_is_mended_is_taken_when_nothing_else_is_watched(void **state)
{
    struct world *world =
        world_new(&(struct world_options){.seed = 527, .shards = 1, .failover_ms = 10000});
    char key[64], checkpoint[64], counter[64];
    size_t worker = world_start(world, false);
    (void)state;
    world_write_some(world, 50, 40);
    world_run(world, 10000);
    world_control(world, "Rollover", "{\"TableName\":\"Items\"}");
    world_write_some(world, 50, 40);
    world_run(world, 20000);
    find_begun(world, key, checkpoint);
    find_counter(world, key, counter);
    edit_counter(world, key, NULL);
    world_run(world, MINUTE);
    assert_int_equal(world_held(world, worker), 0);
    edit_counter(world, key, counter);
    world_run(world, 12000);
    assert_int_equal(world_held(world, worker), 1);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

static void test_spoilt__row_that_is_deleted_is_soon_made_again(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 519, .shards = 2});
    char key[64], checkpoint[64];
    size_t worker = spoil_child(world, key, checkpoint);
    (void)state;
    world_write_some(world, 50, 40);
    assert_int_equal(world_delete_row(world, key), 200);
    world_run(world, 25000);
    assert_true(world_held(world, worker) >= 2);
    world_run(world, 10000);
    assert_true(world_delivered(world) > 150); /* its shard is read from the start */
    assert_int_equal(world_notes(world, TR_NOTE_GAP), 0);
    assert_true(world_check(world) > 0);
    world_free(world);
}

/* A parent's row stays while a child's is not understood, and goes when that is mended. */
static void test_spoilt__row_keeps_its_parents_row(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 520, .shards = 2});
    char key[64], checkpoint[64];
    (void)state;
    (void)world_start(world, false);
    world_write_some(world, 50, 40);
    world_run(world, 10000);
    world_control(world, "Rollover", "{\"TableName\":\"Items\"}");
    world_run(world, 10000);
    assert_int_equal(rows_of(world), 4);
    world_write_some(world, 50, 40);
    world_run(world, 10000);
    find_begun(world, key, checkpoint);
    set_checkpoint(world, key, "half way");
    world_run(world, 20 * MINUTE);
    assert_int_equal(rows_of(world), 3); /* the other parent's row went */
    set_checkpoint(world, key, checkpoint);
    world_run(world, MINUTE + 5 * MINUTE);
    assert_int_equal(rows_of(world), 2);
    assert_int_equal(world_delivered(world), 100);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

/* Of an earlier stream, made three days ago, with that checkpoint. */
static void put_left_over(struct world *world, const char *key, const char *checkpoint)
{
    char item[320];
    (void)snprintf(
        item, sizeof item,
        "\"leaseKey\":{\"S\":\"%s\"},\"leaseCounter\":{\"N\":\"%lld\"},\"checkpoint\":"
        "{\"S\":\"%s\"},\"tailraceStream\":{\"S\":\"Items/stream/2026-11-01T08:00:01.000\"}",
        key, (long long)world_wall_ms(world) - 3 * 24 * 3600 * 1000ll, checkpoint);
    put(world, "app", item);
}

/* Rows of earlier streams go together, when all of them are known to be at their end. */
static void test_spoilt__row_of_an_earlier_stream_keeps_the_others_of_it(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 521, .shards = 2});
    (void)state;
    (void)world_start(world, false);
    world_write_some(world, 50, 40);
    world_run(world, 10000);
    put_left_over(world, "shardId-00000001793520001000-00000001", "SHARD_END");
    put_left_over(world, "shardId-00000001793520001000-00000002", "half way");
    world_write_some(world, 50, 40);
    world_run(world, 10 * MINUTE);
    assert_int_equal(rows_of(world), 4);
    put_left_over(world, "shardId-00000001793520001000-00000002", "SHARD_END");
    world_run(world, 5 * MINUTE);
    assert_int_equal(rows_of(world), 2);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

/* ---- a table that is read in parts ---- */

#define PARTS_WORKERS 4u
#define PARTS_SHARDS 120u

static void assert_balanced(struct world *world, const size_t *workers, size_t count)
{
    size_t i, sum = 0;
    for (i = 0; i < count; i++) {
        size_t held = world_held(world, workers[i]);
        assert_in_range(held, PARTS_SHARDS / count, (PARTS_SHARDS + count - 1) / count + 1);
        sum += held;
    }
    assert_int_equal(sum, PARTS_SHARDS);
}

static void test_parts__a_fleet_settles_and_takes_over_what_a_crash_leaves(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 513, .shards = PARTS_SHARDS});
    size_t workers[PARTS_WORKERS], i;
    uint64_t taken;
    (void)state;
    for (i = 0; i < PARTS_WORKERS; i++) {
        workers[i] = world_start(world, false);
    }
    world_run(world, MINUTE);
    assert_balanced(world, workers, PARTS_WORKERS);
    taken = world_notes(world, TR_NOTE_LEASE_TAKEN);
    world_run(world, 2 * MINUTE);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_TAKEN), taken); /* and it stands still */

    world_crash(world, workers[0]);
    world_run(world, 15000); /* one and a half failover times */
    assert_balanced(world, workers + 1, PARTS_WORKERS - 1);
    workers[0] = world_start(world, false);
    world_run(world, 20000); /* two rounds */
    assert_balanced(world, workers, PARTS_WORKERS);
    world_write_some(world, 400, 40);
    world_run(world, MINUTE);
    assert_int_equal(world_check(world), 0);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_LAPSED), 0);
    world_free(world);
}

/* A clean stop is seen at once, also by those who read other parts: the bell is for all of them. */
static void test_parts__a_clean_stop_is_taken_over_within_seconds(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 514, .shards = PARTS_SHARDS});
    size_t workers[PARTS_WORKERS], i;
    (void)state;
    for (i = 0; i < PARTS_WORKERS; i++) {
        workers[i] = world_start(world, false);
    }
    world_run(world, MINUTE);
    world_stop(world, workers[0]);
    world_run(world, 3000);
    assert_balanced(world, workers + 1, PARTS_WORKERS - 1);
    world_free(world);
}

/* Each worker sees an end and the row behind it in different parts and at different times; what is
 * left to others is taken all the same. */
static void test_parts__all_children_of_a_rollover_are_soon_read(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 517, .shards = PARTS_SHARDS});
    size_t workers[PARTS_WORKERS], i;
    (void)state;
    for (i = 0; i < PARTS_WORKERS; i++) {
        workers[i] = world_start(world, false);
    }
    world_run(world, MINUTE);
    world_control(world, "Rollover", "{\"TableName\":\"Items\"}");
    world_write_some(world, 400, 40);
    world_run(world, 30000);
    assert_balanced(world, workers, PARTS_WORKERS);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

/* Children of a rollover are taken by whoever ended their parents, at once. */
static void test_children__are_taken_by_the_worker_that_ended_their_parent(void **state)
{
    struct world *world = world_new(&(struct world_options){.seed = 515, .shards = 3});
    size_t workers[2];
    uint64_t taken;
    (void)state;
    workers[0] = world_start(world, false);
    workers[1] = world_start(world, false);
    world_write_some(world, 50, 40);
    world_run(world, 30000);
    taken = world_notes(world, TR_NOTE_LEASE_TAKEN);
    world_control(world, "Rollover", "{\"TableName\":\"Items\"}");
    /* At most one poll, and a few round trips. */
    world_run(world, 2500);
    assert_int_equal(world_notes(world, TR_NOTE_LEASE_TAKEN), taken + 3);
    assert_int_equal(world_held(world, workers[0]) + world_held(world, workers[1]), 3);
    assert_true(world_held(world, workers[0]) > 0 && world_held(world, workers[1]) > 0);
    world_write_some(world, 50, 40);
    world_run(world, 5000);
    assert_int_equal(world_check(world), 0);
    world_free(world);
}

/* The highest counter in the lease table. */
static uint64_t highest_counter(struct world *world)
{
    static const char mark[] = "\"leaseCounter\":{\"N\":\"";
    struct tr_buf out = {0};
    const char *at;
    uint64_t highest = 0;
    assert_int_equal(world_call(world, "DynamoDB_20120810.Scan", "{\"TableName\":\"app\"}", &out),
                     200);
    for (at = strstr(out.ptr, mark); at != NULL; at = strstr(at, mark)) {
        uint64_t counter = strtoull(at += strlen(mark), NULL, 10);
        highest = counter > highest ? counter : highest;
    }
    tr_buf_deinit(&out);
    return highest;
}

/* A clock that was wrong for a moment, before an answer put it right, is not remembered. */
static void test_row__is_numbered_by_the_services_time_whatever_the_hosts_clock_does(void **state)
{
    struct world *world =
        world_new(&(struct world_options){.seed = 40, .shards = 2, .failover_ms = 10000});
    size_t worker = world_start(world, false);
    (void)state;
    world_run(world, 10000);
    world_set_clock(world, worker, 3600000);
    world_run(world, 10000);
    world_set_clock(world, worker, -3600000);
    world_control(world, "Rollover", "{\"TableName\":\"Items\"}");
    world_run(world, 20000);
    assert_true(world_notes(world, TR_NOTE_LEASE_CREATED) >= 4);
    assert_true(highest_counter(world) < (uint64_t)world_wall_ms(world));
    world_free(world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table__of_a_kcl_3_fleet_is_refused_with_row_and_state),
        cmocka_unit_test(test_table__of_a_kcl_3_fleet_with_a_state_table_is_refused),
        cmocka_unit_test(test_table__of_a_kcl_3_fleet_that_acts_as_2x_is_used),
        cmocka_unit_test(test_table__that_a_kcl_3_fleet_takes_over_ends_the_run),
        cmocka_unit_test(test_table__with_a_row_of_something_else_is_refused_by_its_key),
        cmocka_unit_test(test_table__that_is_being_deleted_is_waited_for_at_the_start),
        cmocka_unit_test(test_table__that_takes_long_to_create_is_waited_for_by_all),
        cmocka_unit_test(test_table__made_again_with_another_key_ends_the_run),
        cmocka_unit_test(test_table__a_copy_of_an_own_row_is_told_as_one),
        cmocka_unit_test(test_table__deleted_under_a_worker_ends_it_and_is_not_made_again),
        cmocka_unit_test(test_table__that_throttles_its_readers_takes_no_lease_from_anybody),
        cmocka_unit_test(test_table__a_row_of_a_shard_that_the_stream_lacks_is_named_once),
        cmocka_unit_test(test_spoilt__row_that_is_mended_is_read_on_and_history_is_not),
        cmocka_unit_test(test_spoilt__row_is_named_again_when_something_else_is_wrong_with_it),
        cmocka_unit_test(test_spoilt__row_that_is_mended_is_taken_when_nothing_else_is_watched),
        cmocka_unit_test(test_spoilt__row_that_is_deleted_is_soon_made_again),
        cmocka_unit_test(test_spoilt__row_keeps_its_parents_row),
        cmocka_unit_test(test_spoilt__row_of_an_earlier_stream_keeps_the_others_of_it),
        cmocka_unit_test(test_parts__a_fleet_settles_and_takes_over_what_a_crash_leaves),
        cmocka_unit_test(test_parts__a_clean_stop_is_taken_over_within_seconds),
        cmocka_unit_test(test_parts__all_children_of_a_rollover_are_soon_read),
        cmocka_unit_test(test_children__are_taken_by_the_worker_that_ended_their_parent),
        cmocka_unit_test(test_row__is_numbered_by_the_services_time_whatever_the_hosts_clock_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
