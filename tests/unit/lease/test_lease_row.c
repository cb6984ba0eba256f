/* SPDX-License-Identifier: Apache-2.0
 *
 * KCL's row on the wire: the bytes of every write, and what is read from rows of all sorts. */
#include "base/mem.h"
#include "lease/lease_row.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

static struct tr_position at(const char *text)
{
    struct tr_position position;
    tr_assert_status(tr_position_parse(tr_bytes_of(text), &position, NULL), TR_OK, NULL);
    return position;
}

static void assert_write(const struct tr_lease_write *write, const char *operation,
                         const char *want)
{
    struct tr_buf out = {0};
    struct tr_json_doc doc = {0};
    assert_string_equal(tr_lease_encode_write(&out, TR_LIT("orders"), write), operation);
    tr_assert_bytes(tr_buf_bytes(&out), want);
    tr_assert_status(tr_json_parse(&doc, tr_buf_bytes(&out), NULL), TR_OK, NULL);
    tr_json_deinit(&doc);
    tr_buf_deinit(&out);
}

#define RETURNS ",\"ReturnValues\":\"ALL_NEW\",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}"
#define KEY "{\"TableName\":\"orders\",\"Key\":{\"leaseKey\":{\"S\":\"shard-1\"}}"
#define IF_MINE ",\"ConditionExpression\":\"#owner = :owner AND #counter = :counter\""
#define NAMES "\"#owner\":\"leaseOwner\",\"#counter\":\"leaseCounter\""
#define PENDING                                                                                    \
    "\"#checkpoint\":\"checkpoint\",\"#sub\":\"checkpointSubSequenceNumber\","                     \
    "\"#switches\":\"ownerSwitchesSinceCheckpoint\",\"#pending\":\"pendingCheckpoint\","           \
    "\"#pendingSub\":\"pendingCheckpointSubSequenceNumber\","                                      \
    "\"#pendingState\":\"pendingCheckpointState\""

static struct tr_lease_write base_write(enum tr_lease_write_kind kind)
{
    return (struct tr_lease_write){.kind = kind,
                                   .key = TR_LIT("shard-1"),
                                   .expected_owner = TR_LIT("me"),
                                   .expected_counter = 7,
                                   .counter = 8};
}

static void test_row__is_made_only_where_there_is_none(void **state)
{
    struct tr_lease_write write = {.kind = TR_LEASE_CREATE,
                                   .key = TR_LIT("shard-\"1"),
                                   .counter = 1795226581001,
                                   .position = TR_TRIM_HORIZON,
                                   .has_position = true};
    (void)state;
    assert_write(&write, "PutItem",
                 "{\"TableName\":\"orders\",\"Item\":{\"leaseKey\":{\"S\":\"shard-\\\"1\"},"
                 "\"leaseCounter\":{\"N\":\"1795226581001\"},"
                 "\"ownerSwitchesSinceCheckpoint\":{\"N\":\"0\"},"
                 "\"checkpoint\":{\"S\":\"TRIM_HORIZON\"},"
                 "\"checkpointSubSequenceNumber\":{\"N\":\"0\"}}"
                 ",\"ConditionExpression\":\"attribute_not_exists(#key)\""
                 ",\"ExpressionAttributeNames\":{\"#key\":\"leaseKey\"}"
                 ",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}");
}

static void test_row__is_made_with_parents_as_a_set_and_our_own_attributes(void **state)
{
    struct tr_lease_write write = {.kind = TR_LEASE_CREATE,
                                   .key = TR_LIT("shard-1"),
                                   .counter = 5,
                                   .owner = TR_LIT("me"),
                                   .failover_ms = 10000,
                                   .position = at("123"),
                                   .parents = {TR_LIT("p1"), TR_LIT("p2")},
                                   .parent_count = 2,
                                   .stream = TR_LIT("2026-11-21"),
                                   .without_parents = true,
                                   .has_start_ms = true,
                                   .start_ms = 1795248000000,
                                   .first = TR_LIT("100")};
    (void)state;
    assert_write(&write, "PutItem",
                 "{\"TableName\":\"orders\",\"Item\":{\"leaseKey\":{\"S\":\"shard-1\"},"
                 "\"leaseOwner\":{\"S\":\"me\"},\"tailraceOwner\":{\"S\":\"me\"},"
                 "\"tailraceFailoverMs\":{\"N\":\"10000\"},\"leaseCounter\":{\"N\":\"5\"},"
                 "\"ownerSwitchesSinceCheckpoint\":{\"N\":\"0\"},\"checkpoint\":{\"S\":\"123\"},"
                 "\"checkpointSubSequenceNumber\":{\"N\":\"0\"},"
                 "\"parentShardId\":{\"SS\":[\"p1\",\"p2\"]},"
                 "\"tailraceStream\":{\"S\":\"2026-11-21\"},\"tailraceNoParents\":{\"BOOL\":true},"
                 "\"tailraceStartMs\":{\"N\":\"1795248000000\"},"
                 "\"tailraceFirst\":{\"S\":\"100\"}}"
                 ",\"ConditionExpression\":\"attribute_not_exists(#key)\""
                 ",\"ExpressionAttributeNames\":{\"#key\":\"leaseKey\"}"
                 ",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}");
}

static void test_row__is_taken_from_an_owner_as_scanned(void **state)
{
    struct tr_lease_write write = base_write(TR_LEASE_TAKE);
    (void)state;
    write.expected_owner = TR_LIT("other");
    write.owner = TR_LIT("me");
    write.run = TR_LIT("1f");
    write.failover_ms = 10000;
    assert_write(&write, "UpdateItem",
                 KEY ",\"UpdateExpression\":\"SET #owner = :me, #counter = :new, "
                     "#tailraceOwner = :me, #tailraceFailover = :failover, #run = :run "
                     "REMOVE #checkpointOwner, #request ADD #switches :one\"" IF_MINE
                     ",\"ExpressionAttributeNames\":{" NAMES
                     ",\"#tailraceOwner\":\"tailraceOwner\","
                     "\"#tailraceFailover\":\"tailraceFailoverMs\","
                     "\"#run\":\"tailraceRun\","
                     "\"#checkpointOwner\":\"checkpointOwner\","
                     "\"#request\":\"tailraceRequest\","
                     "\"#switches\":\"ownerSwitchesSinceCheckpoint\"}"
                     ",\"ExpressionAttributeValues\":{\":owner\":{\"S\":\"other\"},"
                     "\":counter\":{\"N\":\"7\"},\":new\":{\"N\":\"8\"},\":me\":{\"S\":\"me\"},"
                     "\":failover\":{\"N\":\"10000\"},"
                     "\":run\":{\"S\":\"1f\"},\":one\":{\"N\":\"1\"}}" RETURNS);
}

static void test_row__without_owner_is_taken_only_while_it_has_none(void **state)
{
    struct tr_lease_write write = base_write(TR_LEASE_TAKE);
    (void)state;
    write.expected_owner = (struct tr_bytes){0};
    write.owner = TR_LIT("me");
    write.failover_ms = 10000;
    assert_write(&write, "UpdateItem",
                 KEY ",\"UpdateExpression\":\"SET #owner = :me, #counter = :new, "
                     "#tailraceOwner = :me, #tailraceFailover = :failover "
                     "REMOVE #checkpointOwner, #request, #run\",\"ConditionExpression\":"
                     "\"attribute_not_exists(#owner) AND #counter = :counter\""
                     ",\"ExpressionAttributeNames\":{" NAMES
                     ",\"#tailraceOwner\":\"tailraceOwner\","
                     "\"#tailraceFailover\":\"tailraceFailoverMs\","
                     "\"#run\":\"tailraceRun\","
                     "\"#checkpointOwner\":\"checkpointOwner\","
                     "\"#request\":\"tailraceRequest\"}"
                     ",\"ExpressionAttributeValues\":{\":counter\":{\"N\":\"7\"},"
                     "\":new\":{\"N\":\"8\"},\":me\":{\"S\":\"me\"},"
                     "\":failover\":{\"N\":\"10000\"}}" RETURNS);
}

static void test_row__renewal_changes_nothing_but_the_counter(void **state)
{
    struct tr_lease_write write = base_write(TR_LEASE_RENEW);
    (void)state;
    assert_write(&write, "UpdateItem",
                 KEY ",\"UpdateExpression\":\"SET #counter = :new\"" IF_MINE
                     ",\"ExpressionAttributeNames\":{" NAMES "}"
                     ",\"ExpressionAttributeValues\":{\":owner\":{\"S\":\"me\"},"
                     "\":counter\":{\"N\":\"7\"},\":new\":{\"N\":\"8\"}}" RETURNS);
}

#define CHECKPOINT_VALUES                                                                          \
    ",\"ExpressionAttributeValues\":{\":owner\":{\"S\":\"me\"},\":counter\":{\"N\":\"7\"},"        \
    "\":new\":{\"N\":\"8\"},\":checkpoint\":{\"S\":\"9000\"},\":zero\":{\"N\":\"0\"}}"

static void test_row__checkpoint_resets_switches_and_drops_what_was_pending(void **state)
{
    struct tr_lease_write write = base_write(TR_LEASE_CHECKPOINT);
    (void)state;
    write.has_position = true;
    write.position = at("9000");
    assert_write(&write, "UpdateItem",
                 KEY ",\"UpdateExpression\":\"SET #counter = :new, #checkpoint = :checkpoint, "
                     "#sub = :zero, #switches = :zero "
                     "REMOVE #pending, #pendingSub, #pendingState\"" IF_MINE
                     ",\"ExpressionAttributeNames\":{" NAMES "," PENDING
                     "}" CHECKPOINT_VALUES RETURNS);
}

static void test_row__release_removes_the_owner_and_may_checkpoint(void **state)
{
    struct tr_lease_write write = base_write(TR_LEASE_RELEASE);
    (void)state;
    assert_write(&write, "UpdateItem",
                 KEY ",\"UpdateExpression\":\"SET #counter = :new REMOVE #owner\"" IF_MINE
                     ",\"ExpressionAttributeNames\":{" NAMES "}"
                     ",\"ExpressionAttributeValues\":{\":owner\":{\"S\":\"me\"},"
                     "\":counter\":{\"N\":\"7\"},\":new\":{\"N\":\"8\"}}" RETURNS);
    write.has_position = true;
    write.position = at("9000");
    assert_write(&write, "UpdateItem",
                 KEY ",\"UpdateExpression\":\"SET #counter = :new, #checkpoint = :checkpoint, "
                     "#sub = :zero, #switches = :zero "
                     "REMOVE #owner, #pending, #pendingSub, #pendingState\"" IF_MINE
                     ",\"ExpressionAttributeNames\":{" NAMES "," PENDING
                     "}" CHECKPOINT_VALUES RETURNS);
}

static void test_row__is_deleted_only_at_its_end_and_as_seen(void **state)
{
    struct tr_lease_write write = base_write(TR_LEASE_DELETE);
    (void)state;
    assert_write(&write, "DeleteItem",
                 KEY ",\"ConditionExpression\":\"#owner = :owner AND #counter = :counter AND "
                     "#checkpoint = :end\",\"ExpressionAttributeNames\":{" NAMES
                     ",\"#checkpoint\":\"checkpoint\"},\"ExpressionAttributeValues\":{"
                     "\":owner\":{\"S\":\"me\"},\":counter\":{\"N\":\"7\"},"
                     "\":end\":{\"S\":\"SHARD_END\"}},"
                     "\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}");
    write.expected_owner = (struct tr_bytes){0};
    assert_write(&write, "DeleteItem",
                 KEY ",\"ConditionExpression\":\"attribute_not_exists(#owner) AND #counter = "
                     ":counter AND #checkpoint = :end\",\"ExpressionAttributeNames\":{" NAMES
                     ",\"#checkpoint\":\"checkpoint\"},\"ExpressionAttributeValues\":{"
                     "\":counter\":{\"N\":\"7\"},\":end\":{\"S\":\"SHARD_END\"}},"
                     "\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}");
}

/* What is said to other workers is no sign of the owner's life, and makes no row. */
static void test_row__request_and_ring_ask_for_a_row_and_raise_no_counter(void **state)
{
    struct tr_lease_write write = base_write(TR_LEASE_REQUEST);
    (void)state;
    write.expected_owner = TR_LIT("other");
    write.owner = TR_LIT("me");
    write.nonce = 3;
    assert_write(&write, "UpdateItem",
                 KEY ",\"UpdateExpression\":\"SET #request = :request\",\"ConditionExpression\":"
                     "\"attribute_exists(#counter) AND #owner = :owner AND "
                     "attribute_not_exists(#request)\""
                     ",\"ExpressionAttributeNames\":{" NAMES ",\"#request\":\"tailraceRequest\"}"
                     ",\"ExpressionAttributeValues\":{\":owner\":{\"S\":\"other\"},"
                     "\":request\":{\"S\":\"me 3\"}}" RETURNS);
    write.request = TR_LIT("me 2");
    assert_write(&write, "UpdateItem",
                 KEY ",\"UpdateExpression\":\"SET #request = :request\",\"ConditionExpression\":"
                     "\"attribute_exists(#counter) AND #owner = :owner AND #request = :seen\""
                     ",\"ExpressionAttributeNames\":{" NAMES ",\"#request\":\"tailraceRequest\"}"
                     ",\"ExpressionAttributeValues\":{\":owner\":{\"S\":\"other\"},"
                     "\":request\":{\"S\":\"me 3\"},\":seen\":{\"S\":\"me 2\"}}" RETURNS);
    write.kind = TR_LEASE_RING;
    assert_write(&write, "UpdateItem",
                 KEY ",\"UpdateExpression\":\"SET #bell = :bell\""
                     ",\"ConditionExpression\":\"attribute_exists(#counter)\""
                     ",\"ExpressionAttributeNames\":{\"#bell\":\"tailraceBell\","
                     "\"#counter\":\"leaseCounter\"}"
                     ",\"ExpressionAttributeValues\":{\":bell\":{\"S\":\"me 3\"}}}");
}

static void test_row__renewal_may_sweep_a_request_away(void **state)
{
    struct tr_lease_write write = base_write(TR_LEASE_RENEW);
    (void)state;
    write.drops_request = true;
    assert_write(&write, "UpdateItem",
                 KEY ",\"UpdateExpression\":\"SET #counter = :new REMOVE #request\"" IF_MINE
                     ",\"ExpressionAttributeNames\":{" NAMES ",\"#request\":\"tailraceRequest\"}"
                     ",\"ExpressionAttributeValues\":{\":owner\":{\"S\":\"me\"},"
                     "\":counter\":{\"N\":\"7\"},\":new\":{\"N\":\"8\"}}" RETURNS);
}

static void test_row__reads_are_whole_and_may_be_consistent(void **state)
{
    struct tr_buf out = {0};
    (void)state;
    tr_lease_encode_scan(&out, TR_LIT("orders"), false, (struct tr_bytes){0});
    tr_assert_bytes(tr_buf_bytes(&out), "{\"TableName\":\"orders\"}");
    tr_buf_reset(&out);
    tr_lease_encode_scan(&out, TR_LIT("orders"), true, TR_LIT("{\"leaseKey\":{\"S\":\"x\"}}"));
    tr_assert_bytes(tr_buf_bytes(&out), "{\"TableName\":\"orders\",\"ConsistentRead\":true,"
                                        "\"ExclusiveStartKey\":{\"leaseKey\":{\"S\":\"x\"}}}");
    tr_buf_reset(&out);
    tr_lease_encode_get(&out, TR_LIT("orders"), TR_LIT("shard-1"));
    tr_assert_bytes(tr_buf_bytes(&out), KEY ",\"ConsistentRead\":true}");
    tr_buf_reset(&out);
    tr_lease_encode_create_table(&out, TR_LIT("orders"));
    tr_assert_bytes(
        tr_buf_bytes(&out),
        "{\"TableName\":\"orders\",\"AttributeDefinitions\":[{\"AttributeName\":\"leaseKey\","
        "\"AttributeType\":\"S\"}],\"KeySchema\":[{\"AttributeName\":\"leaseKey\","
        "\"KeyType\":\"HASH\"}],\"BillingMode\":\"PAY_PER_REQUEST\"}");
    tr_buf_deinit(&out);
}

/* ---- reading ---- */

struct reports {
    unsigned count;
    char key[64];
    char stream[64];
    char why[512];
};

static void on_bad(void *ctx, const struct tr_lease_row *row, const char *why)
{
    struct reports *reports = ctx;
    reports->count++;
    (void)snprintf(reports->key, sizeof reports->key, "%.*s", TR_FMT(row->key));
    (void)snprintf(reports->stream, sizeof reports->stream, "%.*s", TR_FMT(row->stream));
    (void)snprintf(reports->why, sizeof reports->why, "%s", why);
}

static enum tr_status scan(struct tr_lease_rows *rows, const char *text, struct reports *reports,
                           struct tr_err *err)
{
    struct tr_buf body = {0};
    tr_buf_add_str(&body, text);
    *reports = (struct reports){0};
    return tr_lease_decode_scan(rows, NULL, &body, on_bad, reports, err);
}

static void test_row__of_kcl_is_understood_with_attributes_nobody_knows(void **state)
{
    struct tr_lease_rows rows = {0};
    struct reports reports;
    struct tr_lease_row *row;
    (void)state;
    tr_assert_status(
        scan(
            &rows,
            "{\"Count\":1,\"Items\":[{\"leaseKey\":{\"S\":\"shard\\u002d1\"},"
            "\"leaseOwner\":{\"S\":\"host:\\\"1\\\"\"},\"leaseCounter\":{\"N\":\"42\"},"
            "\"ownerSwitchesSinceCheckpoint\":{\"N\":\"3\"},"
            "\"checkpoint\":{\"S\":\"49590000000000000000000000000000000001\"},"
            "\"checkpointSubSequenceNumber\":{\"N\":\"0\"},\"parentShardId\":{\"SS\":[\"p\\u0031\","
            "\"p2\"]},\"childShardIds\":{\"SS\":[\"c\"]},\"throughputKBps\":{\"N\":\"0.1\"},"
            "\"entityType\":{\"S\":\"LEASE\"},\"tailraceOwner\":{\"S\":\"other\"},"
            "\"tailraceFailoverMs\":{\"N\":\"77\"},\"x\":{\"M\":{}}}],"
            "\"LastEvaluatedKey\":{\"leaseKey\":{\"S\":\"a\"}}}",
            &reports, NULL),
        TR_OK, NULL);
    assert_int_equal(rows.count, 1);
    assert_int_equal(reports.count, 0);
    row = &rows.rows[0];
    tr_assert_bytes(row->key, "shard-1");
    tr_assert_bytes(row->owner, "host:\"1\"");
    assert_int_equal(row->counter, 42);
    assert_int_equal(row->switches, 3);
    assert_true(tr_position_is_sequence(&row->checkpoint));
    assert_int_equal(row->parent_count, 2);
    tr_assert_bytes(row->parents[0], "p1");
    tr_assert_bytes(row->parents[1], "p2");
    assert_int_equal(row->failover_ms, 0); /* the stored id is not the owner's */
    assert_null(row->stream.ptr);
    tr_assert_bytes(tr_buf_bytes(&rows.last_key), "{\"leaseKey\":{\"S\":\"a\"}}");
    tr_lease_rows_deinit(&rows);
}

static void test_row__failover_counts_beside_its_owner(void **state)
{
    struct tr_lease_rows rows = {0};
    struct reports reports;
    (void)state;
    tr_assert_status(
        scan(&rows,
             "{\"Items\":[{\"leaseKey\":{\"S\":\"a\"},\"leaseOwner\":{\"S\":\"me\"},"
             "\"leaseCounter\":{\"N\":\"9223372036854775807\"},\"checkpoint\":{\"S\":\"LATEST\"},"
             "\"tailraceOwner\":{\"S\":\"me\"},\"tailraceFailoverMs\":{\"N\":\"600000\"},"
             "\"tailraceStream\":{\"S\":\"2026\"},\"tailraceNoParents\":{\"BOOL\":true}}]}",
             &reports, NULL),
        TR_OK, NULL);
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.rows[0].failover_ms, 600000);
    assert_true(rows.rows[0].counter == (uint64_t)INT64_MAX);
    assert_true(rows.rows[0].without_parents);
    tr_assert_bytes(rows.rows[0].stream, "2026");
    assert_int_equal(rows.last_key.len, 0);
    tr_lease_rows_deinit(&rows);
}

static void test_row__start_is_a_time_or_absent(void **state)
{
    struct tr_lease_rows rows = {0};
    struct reports reports;
    (void)state;
    tr_assert_status(scan(&rows,
                          "{\"Items\":[{\"leaseKey\":{\"S\":\"a\"},\"leaseCounter\":{\"N\":\"1\"},"
                          "\"checkpoint\":{\"S\":\"TRIM_HORIZON\"},"
                          "\"tailraceStartMs\":{\"N\":\"253402300799999\"}},"
                          "{\"leaseKey\":{\"S\":\"b\"},\"leaseCounter\":{\"N\":\"1\"},"
                          "\"checkpoint\":{\"S\":\"TRIM_HORIZON\"}}]}",
                          &reports, NULL),
                     TR_OK, NULL);
    assert_int_equal(rows.count, 2);
    assert_true(rows.rows[0].has_start_ms);
    assert_true(rows.rows[0].start_ms == TR_LEASE_START_MS_MAX);
    assert_false(rows.rows[1].has_start_ms);
    tr_lease_rows_deinit(&rows);
}

#define GOOD_COUNTER "\"leaseCounter\":{\"N\":\"1\"}"
#define GOOD_CHECKPOINT "\"checkpoint\":{\"S\":\"12\"}"

static void test_row__that_is_not_understood_is_left_out_and_named(void **state)
{
    static const struct {
        const char *attributes; /* beside the key 'k' */
        const char *why;
    } rows_bad[] = {
        {GOOD_CHECKPOINT, "'leaseCounter' is missing"},
        {GOOD_COUNTER, "'checkpoint' is missing"},
        {"\"leaseCounter\":{\"S\":\"1\"}," GOOD_CHECKPOINT,
         "'leaseCounter' is '{\"S\":\"1\"}', not a number from 0"},
        {"\"leaseCounter\":{\"N\":\"-1\"}," GOOD_CHECKPOINT, "'leaseCounter' is '{\"N\":\"-1\"}'"},
        {"\"leaseCounter\":{\"N\":\"9223372036854775808\"}," GOOD_CHECKPOINT,
         "9223372036854775808"},
        {"\"leaseCounter\":7," GOOD_CHECKPOINT, "'leaseCounter' is '7'"},
        {"\"leaseCounter\":null," GOOD_CHECKPOINT, "'leaseCounter' is 'null'"},
        {"\"leaseCounter\":{\"N\":\"1\",\"S\":\"1\"}," GOOD_CHECKPOINT, "'leaseCounter'"},
        {GOOD_COUNTER ",\"checkpoint\":{\"S\":\"twelve\"}",
         "'checkpoint' is '{\"S\":\"twelve\"}', not a sequence number or a sentinel"},
        {GOOD_COUNTER ",\"checkpoint\":{\"S\":\"\"}", "'checkpoint' is '{\"S\":\"\"}'"},
        {GOOD_COUNTER ",\"checkpoint\":{\"S\":\"-5\"}", "-5"},
        {GOOD_COUNTER ",\"checkpoint\":{\"N\":\"5\"}", "'checkpoint' is '{\"N\":\"5\"}'"},
        {GOOD_COUNTER ",\"checkpoint\":{\"S\":\"12345678901234567890123456789012345678901\"}",
         "'checkpoint' is"},
        {GOOD_COUNTER "," GOOD_CHECKPOINT ",\"leaseOwner\":{\"NULL\":true}", "'leaseOwner' is"},
        {GOOD_COUNTER "," GOOD_CHECKPOINT ",\"leaseOwner\":{\"S\":\"\"}", "'leaseOwner' is"},
        {GOOD_COUNTER "," GOOD_CHECKPOINT ",\"ownerSwitchesSinceCheckpoint\":{\"S\":\"x\"}",
         "'ownerSwitchesSinceCheckpoint' is"},
        {GOOD_COUNTER "," GOOD_CHECKPOINT ",\"parentShardId\":{\"S\":\"p\"}",
         "'parentShardId' is '{\"S\":\"p\"}', not a set"},
        {GOOD_COUNTER "," GOOD_CHECKPOINT ",\"parentShardId\":{\"SS\":[1]}", "'parentShardId' is"},
        {GOOD_COUNTER "," GOOD_CHECKPOINT ",\"parentShardId\":{\"SS\":[\"1\",\"2\",\"3\",\"4\","
                      "\"5\",\"6\",\"7\",\"8\",\"9\"]}",
         "not a set of at most 8"},
        {GOOD_COUNTER "," GOOD_CHECKPOINT ",\"entityType\":{\"N\":\"1\"}", "'entityType' is"},
        {GOOD_COUNTER "," GOOD_CHECKPOINT ",\"tailraceStream\":{\"N\":\"1\"}",
         "'tailraceStream' is"},
        {GOOD_COUNTER "," GOOD_CHECKPOINT ",\"tailraceNoParents\":{\"S\":\"yes\"}",
         "'tailraceNoParents' is"},
        {GOOD_COUNTER "," GOOD_CHECKPOINT ",\"tailraceStartMs\":{\"N\":\"-1\"}",
         "'tailraceStartMs' is '{\"N\":\"-1\"}', not a number of milliseconds"},
        {GOOD_COUNTER "," GOOD_CHECKPOINT ",\"tailraceStartMs\":{\"S\":\"1\"}",
         "'tailraceStartMs' is"},
        {GOOD_COUNTER "," GOOD_CHECKPOINT ",\"leaseOwner\":{\"S\":\"o\"},"
                      "\"tailraceOwner\":{\"S\":\"o\"},\"tailraceFailoverMs\":{\"N\":\"600001\"}",
         "'tailraceFailoverMs' is '{\"N\":\"600001\"}'"},
        {"\"leaseOwner\":{\"S\":\"o\"}", "'leaseCounter' is missing"},
    };
    struct tr_lease_rows rows = {0};
    struct reports reports;
    struct tr_buf text = {0};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof rows_bad / sizeof rows_bad[0]; i++) {
        tr_buf_reset(&text);
        tr_buf_printf(&text,
                      "{\"Items\":[{\"leaseKey\":{\"S\":\"k\"},%s},{\"leaseKey\":{\"S\":\"good\"}"
                      "," GOOD_COUNTER "," GOOD_CHECKPOINT "}]}",
                      rows_bad[i].attributes);
        tr_assert_status(scan(&rows, text.ptr, &reports, NULL), TR_OK, NULL);
        if (reports.count != 1 || rows.count != 1) {
            fail_msg("%s: %u reports, %zu rows", rows_bad[i].attributes, reports.count, rows.count);
        }
        assert_string_equal(reports.key, "k");
        tr_assert_has(reports.why, rows_bad[i].why);
        tr_assert_bytes(rows.rows[0].key, "good");
    }
    tr_buf_deinit(&text);
    tr_lease_rows_deinit(&rows);
}

static void test_row__that_is_not_understood_is_named_with_its_stream(void **state)
{
    struct tr_lease_rows rows = {0};
    struct reports reports;
    (void)state;
    tr_assert_status(scan(&rows,
                          "{\"Items\":[{\"leaseKey\":{\"S\":\"k\"}," GOOD_COUNTER
                          ",\"tailraceStream\":{\"S\":\"T/stream/1\"}}]}",
                          &reports, NULL),
                     TR_OK, NULL);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.stream, "T/stream/1");
    tr_lease_rows_deinit(&rows);
}

static void test_row__without_key_or_of_no_object_is_named_without_key(void **state)
{
    struct tr_lease_rows rows = {0};
    struct reports reports;
    (void)state;
    tr_assert_status(scan(&rows, "{\"Items\":[{" GOOD_COUNTER "}]}", &reports, NULL), TR_OK, NULL);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.why, "'leaseKey' is missing");
    tr_assert_status(scan(&rows, "{\"Items\":[[1]]}", &reports, NULL), TR_OK, NULL);
    assert_string_equal(reports.why, "the row is an array, not an object");
    assert_int_equal(rows.count, 0);
    tr_lease_rows_deinit(&rows);
}

static void test_row__of_another_kind_is_passed_over_silently(void **state)
{
    struct tr_lease_rows rows = {0};
    struct reports reports;
    (void)state;
    tr_assert_status(scan(&rows,
                          "{\"Items\":[{\"leaseKey\":{\"S\":\"Leader\"},\"entityType\":{\"S\":"
                          "\"LEADER\"},\"leaseCounter\":{\"S\":\"?\"}},"
                          "{\"leaseKey\":{\"S\":\"Migration3.0\"},\"cv\":{\"S\":\"x\"}}]}",
                          &reports, NULL),
                     TR_OK, NULL);
    assert_int_equal(rows.count, 0);
    assert_int_equal(reports.count, 0);
    tr_lease_rows_deinit(&rows);
}

static void test_row__strange_values_are_shown_cut(void **state)
{
    struct tr_lease_rows rows = {0};
    struct reports reports;
    struct tr_buf text = {0};
    (void)state;
    tr_buf_printf(&text,
                  "{\"Items\":[{\"leaseKey\":{\"S\":\"k\"}," GOOD_COUNTER
                  ",\"checkpoint\":{\"S\":\"%0500d\"}}]}",
                  7);
    tr_assert_status(scan(&rows, text.ptr, &reports, NULL), TR_OK, NULL);
    assert_int_equal(rows.count, 1); /* zeros in front are only zeros */
    tr_buf_reset(&text);
    tr_buf_printf(&text,
                  "{\"Items\":[{\"leaseKey\":{\"S\":\"k\"}," GOOD_COUNTER
                  ",\"checkpoint\":{\"S\":\"x%0500d\"}}]}",
                  7);
    tr_assert_status(scan(&rows, text.ptr, &reports, NULL), TR_OK, NULL);
    assert_int_equal(reports.count, 1);
    assert_true(strlen(reports.why) < 200);
    tr_assert_has(reports.why, "...'");
    tr_buf_deinit(&text);
    tr_lease_rows_deinit(&rows);
}

static void test_row__answers_that_are_no_scan_are_refused_with_the_place(void **state)
{
    struct tr_lease_rows rows = {0};
    struct reports reports;
    struct tr_err err = {0};
    (void)state;
    tr_assert_status(scan(&rows, "<html>", &reports, &err), TR_EPARSE, &err);
    tr_assert_has(err.text, "scan answer: json byte 0");
    tr_assert_status(scan(&rows, "{\"Items\":{}}", &reports, &err), TR_EPARSE, &err);
    assert_string_equal(err.text, "scan answer: 'Items' is an object, not an array");
    tr_assert_status(scan(&rows, "{\"Items\":[],\"LastEvaluatedKey\":\"x\"}", &reports, &err),
                     TR_EPARSE, &err);
    tr_assert_has(err.text, "'LastEvaluatedKey' is a string");
    assert_int_equal(rows.count, 0);
    tr_lease_rows_deinit(&rows);
}

static enum tr_status one(struct tr_lease_rows *rows, const char *text, const char *member,
                          struct tr_err *err)
{
    struct tr_buf body = {0};
    tr_buf_add_str(&body, text);
    return tr_lease_decode_one(rows, &body, member, err);
}

static void test_row__is_found_in_the_answer_to_a_write(void **state)
{
    struct tr_lease_rows rows = {0};
    struct tr_err err = {0};
    (void)state;
    tr_assert_status(one(&rows,
                         "{\"Attributes\":{\"leaseKey\":{\"S\":\"k\"}," GOOD_COUNTER
                         "," GOOD_CHECKPOINT "}}",
                         "Attributes", &err),
                     TR_OK, &err);
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.rows[0].counter, 1);
    tr_assert_status(one(&rows, "{\"__type\":\"x#ConditionalCheckFailedException\"}", "Item", &err),
                     TR_ENOTFOUND, &err);
    assert_int_equal(rows.count, 0);
    tr_assert_status(
        one(&rows, "{\"Item\":{\"leaseKey\":{\"S\":\"k\"}," GOOD_COUNTER "}}", "Item", &err),
        TR_EPARSE, &err);
    assert_string_equal(err.text, "lease row 'k': 'checkpoint' is missing");
    tr_assert_status(one(&rows, "{\"Item\":{\"leaseKey\":{\"S\":\"k\"}}}", "Item", &err), TR_EPARSE,
                     &err);
    tr_assert_has(err.text, "it is no lease");
    tr_assert_status(one(&rows, "{", "Item", &err), TR_EPARSE, &err);
    tr_lease_rows_deinit(&rows);
}

static void test_table__of_another_key_is_no_lease_table(void **state)
{
    struct tr_err err = {0};
    bool active = false;
    (void)state;
    tr_assert_status(
        tr_lease_decode_describe_table(
            TR_LIT("{\"Table\":{\"TableStatus\":\"ACTIVE\",\"KeySchema\":[{\"AttributeName\":"
                   "\"leaseKey\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":[{"
                   "\"AttributeName\":\"leaseOwner\",\"AttributeType\":\"S\"},{\"AttributeName\":"
                   "\"leaseKey\",\"AttributeType\":\"S\"}]}}"),
            &active, &err),
        TR_OK, &err);
    assert_true(active);
    tr_assert_status(
        tr_lease_decode_describe_table(
            TR_LIT("{\"Table\":{\"TableStatus\":\"CREATING\",\"KeySchema\":[{\"AttributeName\":"
                   "\"leaseKey\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":[{"
                   "\"AttributeName\":\"leaseKey\",\"AttributeType\":\"S\"}]}}"),
            &active, &err),
        TR_OK, &err);
    assert_false(active);
    tr_assert_status(
        tr_lease_decode_describe_table(
            TR_LIT("{\"Table\":{\"TableStatus\":\"ACTIVE\",\"KeySchema\":[{\"AttributeName\":"
                   "\"Company\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"Model\",\"KeyType\":"
                   "\"RANGE\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"Company\","
                   "\"AttributeType\":\"S\"},{\"AttributeName\":\"Model\",\"AttributeType\":"
                   "\"N\"}]}}"),
            &active, &err),
        TR_ECONFIG, &err);
    assert_string_equal(err.text, "it is no lease table: its key is 'Company (HASH, S), Model "
                                  "(RANGE, N)', not 'leaseKey (HASH, S)'");
    tr_assert_status(tr_lease_decode_describe_table(TR_LIT("{}"), &active, &err), TR_EPARSE, &err);
}

static void assert_same_row(const struct tr_lease_row *a, const struct tr_lease_row *b)
{
    size_t i;
    assert_true(tr_bytes_eq(a->key, b->key) && tr_bytes_eq(a->owner, b->owner));
    assert_true((a->owner.ptr == NULL) == (b->owner.ptr == NULL));
    assert_true(tr_bytes_eq(a->stream, b->stream) && tr_bytes_eq(a->run, b->run));
    assert_true(tr_bytes_eq(a->request, b->request) && tr_bytes_eq(a->bell, b->bell));
    assert_true(tr_bytes_eq(a->first, b->first));
    assert_int_equal(a->parent_count, b->parent_count);
    for (i = 0; i < a->parent_count; i++) {
        assert_true(tr_bytes_eq(a->parents[i], b->parents[i]));
    }
    assert_int_equal(a->counter, b->counter);
    assert_int_equal(a->failover_ms, b->failover_ms);
    assert_int_equal(tr_position_cmp(&a->checkpoint, &b->checkpoint), 0);
    assert_int_equal(a->tailrace, b->tailrace);
    assert_int_equal(a->size, b->size);
}

/* Whatever views a row has: none of them into this text. */
static void assert_not_within(const struct tr_lease_row *row, const struct tr_buf *text)
{
    size_t i;
    for (i = 0; i + sizeof(uintptr_t) <= sizeof *row; i += sizeof(uintptr_t)) {
        uintptr_t word;
        memcpy(&word, (const char *)row + i, sizeof word);
        assert_false(word >= (uintptr_t)text->ptr && word <= (uintptr_t)text->ptr + text->len);
    }
}

#define ROW_A                                                                                      \
    "{\"leaseKey\":{\"S\":\"a\"},\"leaseOwner\":{\"S\":\"w\"}," GOOD_COUNTER "," GOOD_CHECKPOINT   \
    ",\"parentShardId\":{\"SS\":[\"p\",\"q\"]},\"tailraceOwner\":{\"S\":\"w\"}"                    \
    ",\"tailraceRun\":{\"S\":\"r\"},\"tailraceFailoverMs\":{\"N\":\"7\"}"                          \
    ",\"tailraceStream\":{\"S\":\"s\"},\"tailraceRequest\":{\"S\":\"x 1\"}"                        \
    ",\"tailraceBell\":{\"S\":\"y 2\"},\"tailraceFirst\":{\"S\":\"12\"}}"
#define ROW_B "{\"leaseKey\":{\"S\":\"b\"}," GOOD_COUNTER "," GOOD_CHECKPOINT "}"
#define ROW_B2 "{\"leaseKey\":{\"S\":\"b\"},\"leaseCounter\":{\"N\":\"2\"}," GOOD_CHECKPOINT "}"
#define ROW_C "{\"leaseKey\":{\"S\":\"\\u0063\"}," GOOD_COUNTER "," GOOD_CHECKPOINT "}"
#define ROW_BAD_ONE "{\"leaseKey\":{\"S\":\"d\"}," GOOD_COUNTER "}"
#define ROW_OTHER_ONE "{\"leaseKey\":{\"S\":\"Migration3.0\"},\"cv\":{\"S\":\"v\"}}"

/* What an earlier page had is taken from there: the rows are those of the text all the same, and
 * stay when that page goes. */
static void test_row__of_an_earlier_page_says_what_its_text_says(void **state)
{
    static const char *const pages[] = {
        "{\"Items\":[" ROW_A "," ROW_B "," ROW_C "]}",
        "{\"Items\":[" ROW_A "," ROW_B2 "," ROW_C "],\"Count\":3}",
        "{\"Count\":3,\"Items\":[" ROW_B "," ROW_A "," ROW_C "]}",
        "{\"Items\":[" ROW_A "," ROW_BAD_ONE "," ROW_B "," ROW_OTHER_ONE "," ROW_C "," ROW_A "]}",
        "{\"X\":{\"Y\":" ROW_A "},\"Items\":[" ROW_A " , " ROW_B "]}",
        "{\"Items\":[1," ROW_A "," ROW_B "]}",
        "{\"Items\":[]}",
    };
    size_t count = sizeof pages / sizeof pages[0], i, j, k;
    (void)state;
    for (i = 0; i < count * count; i++) {
        struct tr_lease_rows before = {0}, fresh = {0}, rows = {0};
        struct reports reports, fresh_reports;
        struct tr_buf body = {0};
        j = i % count;
        tr_assert_status(scan(&before, pages[i / count], &reports, NULL), TR_OK, NULL);
        tr_assert_status(scan(&fresh, pages[j], &fresh_reports, NULL), TR_OK, NULL);
        reports = (struct reports){0};
        tr_buf_add_str(&body, pages[j]);
        tr_assert_status(tr_lease_decode_scan(&rows, &before, &body, on_bad, &reports, NULL), TR_OK,
                         NULL);
        for (k = 0; k < rows.count; k++) {
            assert_not_within(&rows.rows[k], &before.text);
        }
        memset(before.text.ptr, 'x', before.text.len);
        tr_lease_rows_deinit(&before);
        assert_int_equal(rows.count, fresh.count);
        assert_int_equal(rows.size, fresh.size);
        assert_int_equal(reports.count, fresh_reports.count);
        assert_true(tr_bytes_eq(rows.version, fresh.version));
        for (k = 0; k < rows.count; k++) {
            assert_same_row(&rows.rows[k], &fresh.rows[k]);
        }
        tr_lease_rows_deinit(&rows);
        tr_lease_rows_deinit(&fresh);
    }
}

/* With the N-th allocation failing, for all N: an error, no leak, and the next try is fine. */
static void test_row__lack_of_memory_is_an_error_and_nothing_more(void **state)
{
    static const char text[] =
        "{\"Items\":[{\"leaseKey\":{\"S\":\"\\u0061\"}," GOOD_COUNTER "," GOOD_CHECKPOINT
        ",\"parentShardId\":{\"SS\":[\"\\u0062\"]}}],\"LastEvaluatedKey\":{\"x\":1}}";
    int64_t n;
    enum tr_status status = TR_ENOMEM;
    (void)state;
    for (n = 0; status != TR_OK; n++) {
        struct tr_lease_rows rows = {0};
        struct reports reports = {0};
        struct tr_buf body = {0};
        tr_buf_add_str(&body, text);
        (void)tr_mem_fail_at(n);
        status = tr_lease_decode_scan(&rows, NULL, &body, on_bad, &reports, NULL);
        (void)tr_mem_fail_at(-1);
        assert_true(status == TR_OK || status == TR_ENOMEM);
        assert_int_equal(rows.count, status == TR_OK);
        assert_int_equal(reports.count, 0);
        assert_null(body.ptr);
        tr_lease_rows_deinit(&rows);
    }
    assert_true(n > 4);
}

/* A KCL worker's rows begin at 0, and anybody may set a counter to anything. */
static void test_row__tells_when_it_was_made_only_by_a_counter_that_is_a_time(void **state)
{
    struct tr_lease_row row = {.stream = TR_LIT("T/stream/L"), .counter = 1795248000123};
    (void)state;
    assert_int_equal(tr_lease_row_made_ms(&row), 1795248000123);
    row.counter = 3;
    assert_int_equal(tr_lease_row_made_ms(&row), 0);
    row.counter = 1795248000; /* seconds */
    assert_int_equal(tr_lease_row_made_ms(&row), 0);
    row.counter = TR_LEASE_COUNTER_MAX;
    assert_int_equal(tr_lease_row_made_ms(&row), 0);
    row.counter = 1795248000123;
    row.stream = (struct tr_bytes){0}; /* made by others */
    assert_int_equal(tr_lease_row_made_ms(&row), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row__is_made_only_where_there_is_none),
        cmocka_unit_test(test_row__is_made_with_parents_as_a_set_and_our_own_attributes),
        cmocka_unit_test(test_row__is_taken_from_an_owner_as_scanned),
        cmocka_unit_test(test_row__without_owner_is_taken_only_while_it_has_none),
        cmocka_unit_test(test_row__renewal_changes_nothing_but_the_counter),
        cmocka_unit_test(test_row__checkpoint_resets_switches_and_drops_what_was_pending),
        cmocka_unit_test(test_row__release_removes_the_owner_and_may_checkpoint),
        cmocka_unit_test(test_row__is_deleted_only_at_its_end_and_as_seen),
        cmocka_unit_test(test_row__request_and_ring_ask_for_a_row_and_raise_no_counter),
        cmocka_unit_test(test_row__renewal_may_sweep_a_request_away),
        cmocka_unit_test(test_row__reads_are_whole_and_may_be_consistent),
        cmocka_unit_test(test_row__of_kcl_is_understood_with_attributes_nobody_knows),
        cmocka_unit_test(test_row__failover_counts_beside_its_owner),
        cmocka_unit_test(test_row__start_is_a_time_or_absent),
        cmocka_unit_test(test_row__that_is_not_understood_is_left_out_and_named),
        cmocka_unit_test(test_row__that_is_not_understood_is_named_with_its_stream),
        cmocka_unit_test(test_row__without_key_or_of_no_object_is_named_without_key),
        cmocka_unit_test(test_row__of_another_kind_is_passed_over_silently),
        cmocka_unit_test(test_row__strange_values_are_shown_cut),
        cmocka_unit_test(test_row__answers_that_are_no_scan_are_refused_with_the_place),
        cmocka_unit_test(test_row__is_found_in_the_answer_to_a_write),
        cmocka_unit_test(test_table__of_another_key_is_no_lease_table),
        cmocka_unit_test(test_row__of_an_earlier_page_says_what_its_text_says),
        cmocka_unit_test(test_row__lack_of_memory_is_an_error_and_nothing_more),
        cmocka_unit_test(test_row__tells_when_it_was_made_only_by_a_counter_that_is_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
