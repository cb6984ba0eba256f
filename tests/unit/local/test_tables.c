/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables: made, described, changed, deleted; time to live; what a stale read sees. */
#include "tests/unit/local/item_test.h"

#define SCHEMA                                                                                     \
    "'AttributeDefinitions':[{'AttributeName':'k','AttributeType':'S'}],'KeySchema':[{"            \
    "'AttributeName':'k','KeyType':'HASH'}]"
#define DAY_S 86400

static int setup(void **state)
{
    static struct model m;
    model_init(&m, 1, 1);
    *state = &m;
    return 0;
}

static int teardown(void **state)
{
    model_deinit(*state);
    return 0;
}

/* A member of the answer's Table or TableDescription, as text. */
static struct tr_bytes table_member(struct model *m, const char *name)
{
    struct tr_err err = {{0}};
    struct tr_json root;
    tr_assert_status(tr_json_parse(&m->doc, tr_buf_bytes(&m->answer.body), &err), TR_OK, &err);
    root = tr_json_root(&m->doc);
    return tr_json_raw(tr_json_get(tr_json_first(root), name));
}

static void test_table__is_creating_then_active_then_gone(void **state)
{
    struct model *m = *state;
    char answer[4096];
    assert_int_equal(ask(m, "CreateTable",
                         "{'TableName':'orders'," SCHEMA ",'BillingMode':'PAY_PER_REQUEST'}",
                         answer, sizeof answer),
                     200);
    tr_assert_bytes(table_member(m, "TableStatus"), "\"CREATING\"");
    assert_int_equal(ask(m, "DescribeTable", "{'TableName':'orders'}", answer, sizeof answer), 200);
    tr_assert_bytes(table_member(m, "TableStatus"), "\"ACTIVE\"");
    tr_assert_bytes(table_member(m, "CreationDateTime"), "1795248000.000");
    tr_assert_bytes(table_member(m, "TableArn"),
                    "\"arn:aws:dynamodb:us-east-1:000000000000:table/orders\"");
    tr_assert_bytes(table_member(m, "KeySchema"),
                    "[{\"AttributeName\":\"k\",\"KeyType\":\"HASH\"}]");
    assert_null(table_member(m, "LatestStreamArn").ptr);
    expect(
        m, "CreateTable", "{'TableName':'orders'," SCHEMA ",'BillingMode':'PAY_PER_REQUEST'}", 400,
        "{'__type':'" DYNAMODB "ResourceInUseException','message':'Table already exists: orders'}");
    assert_int_equal(ask(m, "DeleteTable", "{'TableName':'orders'}", answer, sizeof answer), 200);
    tr_assert_bytes(table_member(m, "TableStatus"), "\"DELETING\"");
    expect(m, "DescribeTable", "{'TableName':'orders'}", 400,
           "{'__type':'" DYNAMODB "ResourceNotFoundException','message':'Requested resource not "
           "found: Table: orders not found'}");
    expect(m, "ListTables", "{}", 200, "{'TableNames':[]}");
}

static void test_table__counts_its_items(void **state)
{
    struct model *m = *state;
    char answer[4096];
    make_items_table(m, "counted", NULL);
    expect(m, "PutItem", "{'TableName':'counted','Item':{'k':{'S':'abc'},'nn':{'N':'1234'}}}", 200,
           "{}");
    expect(m, "PutItem", "{'TableName':'counted','Item':{'k':{'S':'d'}}}", 200, "{}");
    ask(m, "DescribeTable", "{'TableName':'counted'}", answer, sizeof answer);
    tr_assert_bytes(table_member(m, "ItemCount"), "2");
    tr_assert_bytes(table_member(m, "TableSizeBytes"), "11");
    expect(m, "DeleteItem", "{'TableName':'counted','Key':{'k':{'S':'abc'}}}", 200, "{}");
    ask(m, "DescribeTable", "{'TableName':'counted'}", answer, sizeof answer);
    tr_assert_bytes(table_member(m, "ItemCount"), "1");
    tr_assert_bytes(table_member(m, "TableSizeBytes"), "2");
}

static void test_create__wrong_schemas_are_refused_by_name(void **state)
{
    struct model *m = *state;
#define ON_DEMAND ",'BillingMode':'PAY_PER_REQUEST'}"
    expect_quoted(m, "CreateTable", "{" SCHEMA ON_DEMAND,
                  "The parameter 'TableName' is required but was not present in the request");
    expect_invalid(m, "CreateTable", "{'TableName':'ab'," SCHEMA ON_DEMAND,
                   "TableName must be at least 3 characters long and at most 255 characters long");
    expect_invalid(m, "CreateTable", "{'TableName':'abc'," SCHEMA "}",
                   "One or more parameter values were invalid: ReadCapacityUnits and "
                   "WriteCapacityUnits must both be specified when BillingMode is PROVISIONED");
    expect_invalid(m, "CreateTable",
                   "{'TableName':'abc','AttributeDefinitions':[{'AttributeName':'k',"
                   "'AttributeType':'S'},{'AttributeName':'x','AttributeType':'S'}],'KeySchema':[{"
                   "'AttributeName':'k','KeyType':'HASH'}]" ON_DEMAND,
                   "One or more parameter values were invalid: Number of attributes in KeySchema "
                   "does not exactly match number of attributes defined in AttributeDefinitions");
    expect_invalid(
        m, "CreateTable",
        "{'TableName':'abc','AttributeDefinitions':[{'AttributeName':'x',"
        "'AttributeType':'S'}],'KeySchema':[{'AttributeName':'k','KeyType':'HASH'}]" ON_DEMAND,
        "One or more parameter values were invalid: Some index key attributes are not "
        "defined in AttributeDefinitions. Keys: [k], AttributeDefinitions: [x]");
    expect_invalid(
        m, "CreateTable",
        "{'TableName':'abc','AttributeDefinitions':[{'AttributeName':'k',"
        "'AttributeType':'S'}],'KeySchema':[{'AttributeName':'k','KeyType':'RANGE'}]" ON_DEMAND,
        "Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
    expect_invalid(m, "CreateTable",
                   "{'TableName':'abc'," SCHEMA
                   ",'StreamSpecification':{'StreamEnabled':true}" ON_DEMAND,
                   "Invalid StreamViewType: Stream ViewType must not be null or empty when "
                   "enabling streams.");
#undef ON_DEMAND
}

static void test_create__what_is_not_there_is_refused_by_name(void **state)
{
    struct model *m = *state;
    expect_invalid(m, "CreateTable",
                   "{'TableName':'abc'," SCHEMA ",'BillingMode':'PAY_PER_REQUEST',"
                   "'GlobalSecondaryIndexes':[{'IndexName':'x'}]}",
                   "GlobalSecondaryIndexes is not available in this model of the service");
    expect_invalid(m, "CreateTable",
                   "{'TableName':'abc'," SCHEMA ",'BillingMode':'PAY_PER_REQUEST',"
                   "'LocalSecondaryIndexes':[]}",
                   "LocalSecondaryIndexes is not available in this model of the service");
    make_items_table(m, "noindex", NULL);
    expect_invalid(m, "UpdateTable",
                   "{'TableName':'noindex','GlobalSecondaryIndexUpdates':[{'Create':{}}]}",
                   "GlobalSecondaryIndexUpdates is not available in this model of the service");
}

static void test_update__stream_goes_on_and_off(void **state)
{
    struct model *m = *state;
    char answer[4096], first[256];
    make_items_table(m, "streamed", NULL);
#define STREAM(spec) "{'TableName':'streamed','StreamSpecification':{" spec "}}"
    expect_invalid(m, "UpdateTable", STREAM("'StreamEnabled':false"),
                   "Table has no stream to disable");
    assert_int_equal(ask(m, "UpdateTable",
                         STREAM("'StreamEnabled':true,'StreamViewType':'KEYS_ONLY'"), answer,
                         sizeof answer),
                     200);
    tr_assert_bytes(table_member(m, "TableStatus"), "\"UPDATING\"");
    tr_assert_bytes(table_member(m, "StreamSpecification"),
                    "{\"StreamEnabled\":true,\"StreamViewType\":\"KEYS_ONLY\"}");
    snprintf(first, sizeof first, "%.*s", TR_FMT(table_member(m, "LatestStreamArn")));
    expect_invalid(m, "UpdateTable", STREAM("'StreamEnabled':true,'StreamViewType':'KEYS_ONLY'"),
                   "Table already has an enabled stream");
    assert_int_equal(ask(m, "UpdateTable", STREAM("'StreamEnabled':false"), answer, sizeof answer),
                     200);
    assert_null(table_member(m, "StreamSpecification").ptr);
    tr_assert_bytes(table_member(m, "LatestStreamArn"), first);
    m->now.ms += 1000;
    assert_int_equal(ask(m, "UpdateTable",
                         STREAM("'StreamEnabled':true,'StreamViewType':'NEW_IMAGE'"), answer,
                         sizeof answer),
                     200);
    assert_false(tr_bytes_is(table_member(m, "LatestStreamArn"), first));
#undef STREAM
}

static void test_delete__a_protected_table_stays(void **state)
{
    struct model *m = *state;
    char answer[4096];
    assert_int_equal(ask(m, "CreateTable",
                         "{'TableName':'precious'," SCHEMA ",'BillingMode':'PAY_PER_REQUEST',"
                         "'DeletionProtectionEnabled':true}",
                         answer, sizeof answer),
                     200);
    expect_invalid(m, "DeleteTable", "{'TableName':'precious'}",
                   "Resource cannot be deleted as it is currently protected against deletion. "
                   "Disable deletion protection first.");
    assert_int_equal(ask(m, "UpdateTable",
                         "{'TableName':'precious','DeletionProtectionEnabled':false}", answer,
                         sizeof answer),
                     200);
    assert_int_equal(ask(m, "DeleteTable", "{'TableName':'precious'}", answer, sizeof answer), 200);
}

static void test_list__pages_by_name(void **state)
{
    struct model *m = *state;
    struct model own;
    (void)m;
    model_init(&own, 2, 1);
    make_items_table(&own, "ccc", NULL);
    make_items_table(&own, "aaa", NULL);
    make_items_table(&own, "bbb", NULL);
    expect(&own, "ListTables", "{'Limit':2}", 200,
           "{'TableNames':['aaa','bbb'],'LastEvaluatedTableName':'bbb'}");
    expect(&own, "ListTables", "{'Limit':2,'ExclusiveStartTableName':'bbb'}", 200,
           "{'TableNames':['ccc']}");
    expect(&own, "ListTables", "{'ExclusiveStartTableName':'azz'}", 200,
           "{'TableNames':['bbb','ccc']}");
    model_deinit(&own);
}

/* --- time to live --- */

static void enable_ttl(struct model *m, const char *table)
{
    char request[256];
    snprintf(request, sizeof request,
             "{'TableName':'%s','TimeToLiveSpecification':{'Enabled':true,'AttributeName':'ttl'}}",
             table);
    expect(m, "UpdateTimeToLive", request, 200,
           "{'TimeToLiveSpecification':{'Enabled':true,'AttributeName':'ttl'}}");
}

static void put_expiring(struct model *m, const char *key, int64_t in_seconds)
{
    char request[256];
    snprintf(request, sizeof request,
             "{'TableName':'mortal','Item':{'k':{'S':'%s'},'ttl':{'N':'%lld'}}}", key,
             (long long)(m->now.ms / 1000 + in_seconds));
    expect(m, "PutItem", request, 200, "{}");
}

static size_t count_items(struct model *m)
{
    struct tr_json root = call(m, TABLES "Scan", "{\"TableName\":\"mortal\"}");
    return tr_json_count(tr_json_get(root, "Items"));
}

static void test_ttl__removes_on_time_and_says_who_did_it(void **state)
{
    struct model m;
    char answer[4096];
    (void)state;
    model_init(&m, 3, 1);
    ask(&m, "CreateTable",
        "{'TableName':'mortal'," SCHEMA ",'BillingMode':'PAY_PER_REQUEST','StreamSpecification':{"
        "'StreamEnabled':true,'StreamViewType':'OLD_IMAGE'}}",
        answer, sizeof answer);
    expect(&m, "DescribeTimeToLive", "{'TableName':'mortal'}", 200,
           "{'TimeToLiveDescription':{'TimeToLiveStatus':'DISABLED'}}");
    put_expiring(&m, "before", 100); /* items that are there already count too */
    enable_ttl(&m, "mortal");
    put_expiring(&m, "soon", 10);
    put_expiring(&m, "moved", 10);
    put_expiring(&m, "moved", 1000);
    put_expiring(&m, "ancient", -6 * 366 * DAY_S); /* over five years ago: left alone */
    expect(&m, "PutItem", "{'TableName':'mortal','Item':{'k':{'S':'text'},'ttl':{'S':'1'}}}", 200,
           "{}");
    assert_int_equal(tr_local_deadline(m.local).ms, m.now.ms + 10000);
    m.now.ms += 9999;
    tr_local_tick(m.local, m.now);
    assert_int_equal(count_items(&m), 5);
    m.now.ms += 1;
    tr_local_tick(m.local, m.now);
    assert_int_equal(count_items(&m), 4);
    expect(&m, "GetItem", "{'TableName':'mortal','Key':{'k':{'S':'soon'}}}", 200, "{}");
    m.now.ms += 90000;
    tr_local_tick(m.local, m.now);
    assert_int_equal(count_items(&m), 3);
    m.now.ms += 900000;
    tr_local_tick(m.local, m.now);
    assert_int_equal(count_items(&m), 2);
    {
        struct name arn = stream_of(&m, "mortal");
        struct name shard = shard_at(&m, arn.text, 0);
        struct tr_json records = records_of(&m, arn.text, shard.text), record, last = {NULL, 0};
        for (record = tr_json_first(records); record.doc != NULL;
             record = tr_json_next(records, record)) {
            last = record;
        }
        assert_true(tr_json_is(tr_json_get(last, "eventName"), "REMOVE"));
        tr_assert_bytes(tr_json_raw(tr_json_get(tr_json_get(last, "userIdentity"), "PrincipalId")),
                        "\"dynamodb.amazonaws.com\"");
    }
    model_deinit(&m);
}

static void test_ttl__is_off_when_turned_off(void **state)
{
    struct model m;
    (void)state;
    model_init(&m, 3, 1);
    make_items_table(&m, "mortal", NULL);
    enable_ttl(&m, "mortal");
    expect_invalid(&m, "UpdateTimeToLive",
                   "{'TableName':'mortal','TimeToLiveSpecification':{'Enabled':true,"
                   "'AttributeName':'ttl'}}",
                   "TimeToLive is already enabled");
    expect_invalid(&m, "UpdateTimeToLive",
                   "{'TableName':'mortal','TimeToLiveSpecification':{'Enabled':true,"
                   "'AttributeName':'other'}}",
                   "TimeToLive is active on a different AttributeName: current AttributeName is "
                   "ttl");
    put_expiring(&m, "a", 10);
    expect(&m, "UpdateTimeToLive",
           "{'TableName':'mortal','TimeToLiveSpecification':{'Enabled':false,'AttributeName':'ttl'"
           "}}",
           200, "{'TimeToLiveSpecification':{'Enabled':false,'AttributeName':'ttl'}}");
    assert_int_equal(tr_local_deadline(m.local).ms, INT64_MAX);
    m.now.ms += 100000;
    tr_local_tick(m.local, m.now);
    assert_int_equal(count_items(&m), 1);
    model_deinit(&m);
}

/* --- stale reads --- */

static void test_stale__reads_see_items_before_their_last_write(void **state)
{
    struct model m;
    (void)state;
    model_init(&m, 4, 1);
    make_items_table(&m, "shared", NULL);
    expect(&m, "PutItem", "{'TableName':'shared','Item':{'k':{'S':'old'},'n':{'N':'1'}}}", 200,
           "{}");
    expect(&m, "PutItem", "{'TableName':'shared','Item':{'k':{'S':'gone'}}}", 200, "{}");
    call(&m, CONTROL "SetFault", "{\"Fault\":\"StaleRead\"}");
    expect(&m, "PutItem", "{'TableName':'shared','Item':{'k':{'S':'old'},'n':{'N':'2'}}}", 200,
           "{}");
    expect(&m, "PutItem", "{'TableName':'shared','Item':{'k':{'S':'new'}}}", 200, "{}");
    expect(&m, "DeleteItem", "{'TableName':'shared','Key':{'k':{'S':'gone'}}}", 200, "{}");
    expect(&m, "GetItem", "{'TableName':'shared','Key':{'k':{'S':'old'}}}", 200,
           "{'Item':{'k':{'S':'old'},'n':{'N':'1'}}}");
    expect(&m, "GetItem", "{'TableName':'shared','Key':{'k':{'S':'new'}}}", 200, "{}");
    expect(&m, "GetItem", "{'TableName':'shared','Key':{'k':{'S':'old'}},'ConsistentRead':true}",
           200, "{'Item':{'k':{'S':'old'},'n':{'N':'2'}}}");
    expect(&m, "Scan",
           "{'TableName':'shared','FilterExpression':'attribute_not_exists(n) OR n = :v',"
           "'ExpressionAttributeValues':{':v':{'N':'1'}},'Select':'COUNT'}",
           200, "{'Count':2,'ScannedCount':2}"); /* old as it was, gone, but not new */
    expect(&m, "Scan", "{'TableName':'shared','Select':'COUNT','ConsistentRead':true}", 200,
           "{'Count':2,'ScannedCount':2}");
    m.now.ms += 60000; /* in time every read sees every write */
    expect(&m, "GetItem", "{'TableName':'shared','Key':{'k':{'S':'old'}}}", 200,
           "{'Item':{'k':{'S':'old'},'n':{'N':'2'}}}");
    expect(&m, "Scan", "{'TableName':'shared','Select':'COUNT'}", 200,
           "{'Count':2,'ScannedCount':2}");
    model_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table__is_creating_then_active_then_gone),
        cmocka_unit_test(test_table__counts_its_items),
        cmocka_unit_test(test_create__wrong_schemas_are_refused_by_name),
        cmocka_unit_test(test_create__what_is_not_there_is_refused_by_name),
        cmocka_unit_test(test_update__stream_goes_on_and_off),
        cmocka_unit_test(test_delete__a_protected_table_stays),
        cmocka_unit_test(test_list__pages_by_name),
        cmocka_unit_test(test_ttl__removes_on_time_and_says_who_did_it),
        cmocka_unit_test(test_ttl__is_off_when_turned_off),
        cmocka_unit_test(test_stale__reads_see_items_before_their_last_write),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
