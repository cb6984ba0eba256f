/* SPDX-License-Identifier: Apache-2.0
 *
 * Without memory: each call of a script is repeated with its first, second, third ... allocation
 * failing. The answer is then an internal error and nothing has changed, or the call was done. */
#include "tests/unit/local/item_test.h"

#define SCHEMA                                                                                     \
    "'AttributeDefinitions':[{'AttributeName':'k','AttributeType':'S'},{'AttributeName':'r',"      \
    "'AttributeType':'N'}],'KeySchema':[{'AttributeName':'k','KeyType':'HASH'},{'AttributeName':"  \
    "'r','KeyType':'RANGE'}]"

static const char *const script[][2] = {
    {"CreateTable", "{'TableName':'mem'," SCHEMA ",'BillingMode':'PAY_PER_REQUEST',"
                    "'StreamSpecification':{'StreamEnabled':true,'StreamViewType':"
                    "'NEW_AND_OLD_IMAGES'}}"},
    {"UpdateTimeToLive",
     "{'TableName':'mem','TimeToLiveSpecification':{'Enabled':true,'AttributeName':'ttl'}}"},
    {"PutItem", "{'TableName':'mem','Item':{'k':{'S':'a'},'r':{'N':'1.0'},'ttl':{'N':'1895248000'},"
                "'e':{'S':'\\u00e9\\n'},'b':{'B':'AAEC'},'ss':{'SS':['z','y','x']},'l':{'L':[{'M':{"
                "'q':{'BOOL':true},'p':{'NULL':true}}}]}}}"},
    {"PutItem",
     "{'TableName':'mem','Item':{'k':{'S':'a'},'r':{'N':'1'},'ttl':{'N':'1895248001'}},"
     "'ConditionExpression':'attribute_exists(#k) AND size(e) > :n','ReturnValues':"
     "'ALL_OLD','ExpressionAttributeNames':{'#k':'k'},'ExpressionAttributeValues':{':n':{"
     "'N':'1'}}}"},
    {"UpdateItem",
     "{'TableName':'mem','Key':{'k':{'S':'a'},'r':{'N':'1'}},'UpdateExpression':'SET m = :m, l = "
     "list_append(if_not_exists(l, :l), :l), c = if_not_exists(c, :o) + :o REMOVE ttl ADD s :s',"
     "'ExpressionAttributeValues':{':m':{'M':{'x':{'N':'1'}}},':l':{'L':[{'S':'e'}]},':o':{'N':'1'}"
     ",':s':{'SS':['b','a']}},'ReturnValues':'UPDATED_NEW'}"},
    {"UpdateItem", "{'TableName':'mem','Key':{'k':{'S':'new'},'r':{'N':'2'}},'UpdateExpression':"
                   "'SET a.b = :v','ExpressionAttributeValues':{':v':{'S':'x'}}}"},
    {"UpdateItem",
     "{'TableName':'mem','Key':{'k':{'S':'a'},'r':{'N':'1'}},'Expected':{'c':{'Value':"
     "{'N':'1'}},'zz':{'Exists':false}},'AttributeUpdates':{'c':{'Value':{'N':'1'},"
     "'Action':'ADD'},'s':{'Value':{'SS':['a']},'Action':'DELETE'}},'ReturnValues':"
     "'ALL_NEW'}"},
    {"UpdateItem", "{'TableName':'mem','Key':{'k':{'S':'a'},'r':{'N':'1'}},'ConditionExpression':"
                   "'attribute_not_exists(k)','ReturnValuesOnConditionCheckFailure':'ALL_OLD'}"},
    {"BatchWriteItem",
     "{'RequestItems':{'mem':[{'PutRequest':{'Item':{'k':{'S':'b'},'r':{'N':'1'}}}}]}}"},
    {"GetItem", "{'TableName':'mem','Key':{'k':{'S':'a'},'r':{'N':'1'}},'ProjectionExpression':"
                "'m.x, l[0]'}"},
    {"BatchGetItem", "{'RequestItems':{'mem':{'Keys':[{'k':{'S':'b'},'r':{'N':'1'}}],"
                     "'AttributesToGet':['k']}}}"},
    {"Query", "{'TableName':'mem','KeyConditionExpression':'k = :k AND begins_with(r, :r)',"
              "'ExpressionAttributeValues':{':k':{'S':'a'},':r':{'N':'1'}}}"},
    {"Query",
     "{'TableName':'mem','KeyConditionExpression':'k = :k AND r > :r','FilterExpression':"
     "'contains(l, :e)','ScanIndexForward':false,'ExpressionAttributeValues':{':k':{'S':'a'"
     "},':r':{'N':'0'},':e':{'S':'e'}},'ReturnConsumedCapacity':'INDEXES'}"},
    {"Scan", "{'TableName':'mem','Limit':1,'TotalSegments':2,'Segment':0,'ScanFilter':{'k':{"
             "'ComparisonOperator':'NOT_CONTAINS','AttributeValueList':[{'S':'q'}]}}}"},
    {"DeleteItem", "{'TableName':'mem','Key':{'k':{'S':'a'},'r':{'N':'1'}},'ReturnValues':"
                   "'ALL_OLD'}"},
    {"PutItem", "{'TableName':'mem','Item':{'k':{'S':''},'r':{'N':'1'}}}"},
    {"PutItem", "{'TableName':'nope','Item':{}}"},
    {"UpdateTable", "{'TableName':'mem','StreamSpecification':{'StreamEnabled':false}}"},
    {"UpdateTable", "{'TableName':'mem','BillingMode':'PROVISIONED','ProvisionedThroughput':{"
                    "'ReadCapacityUnits':1,'WriteCapacityUnits':2}}"},
    {"DescribeTable", "{'TableName':'mem'}"},
    {"DescribeTimeToLive", "{'TableName':'mem'}"},
    {"ListTables", "{}"},
    {"DeleteTable", "{'TableName':'mem'}"},
};

/* Everything that a client could see: tables, items, the records of the newest stream. */
static void look(struct model *m, char *out, size_t size)
{
    char answer[8192];
    struct name arn = {{0}};
    struct tr_json streams;
    size_t len = 0;
    ask(m, "DescribeTable", "{'TableName':'mem'}", answer, sizeof answer);
    len += (size_t)snprintf(out + len, size - len, "%s\n", answer);
    ask(m, "Scan", "{'TableName':'mem'}", answer, sizeof answer);
    len += (size_t)snprintf(out + len, size - len, "%s\n", answer);
    ask(m, "DescribeTimeToLive", "{'TableName':'mem'}", answer, sizeof answer);
    len += (size_t)snprintf(out + len, size - len, "%s\n", answer);
    streams = tr_json_get(call(m, STREAMS "ListStreams", "{}"), "Streams");
    len += (size_t)snprintf(out + len, size - len, "%zu streams\n", tr_json_count(streams));
    if (tr_json_count(streams) > 0) {
        struct name shard;
        text_of(tr_json_get(element(streams, 0), "StreamArn"), arn.text, sizeof arn.text);
        shard = shard_at(m, arn.text, 0);
        snprintf(out + len, size - len, "%zu records, deadline %lld\n",
                 tr_json_count(records_of(m, arn.text, shard.text)),
                 (long long)tr_local_deadline(m->local).ms);
    }
}

static void test_call__without_memory_changes_nothing(void **state)
{
    static char before[32768], after[32768];
    struct model m;
    size_t i;
    unsigned failures = 0;
    (void)state;
    model_init(&m, 9, 1);
    for (i = 0; i < sizeof script / sizeof script[0]; i++) {
        char target[64], *body = tr_strdup(script[i][1]);
        int64_t n;
        requote(body);
        snprintf(target, sizeof target, TABLES "%s", script[i][0]);
        for (n = 0;; n++) {
            struct tr_local_answer fresh = {0};
            look(&m, before, sizeof before);
            tr_mem_fail_at(n);
            tr_local_call(m.local, m.now, tr_bytes_of(target), tr_bytes_of(body), &fresh);
            tr_mem_fail_at(-1);
            if (fresh.http_status != 500) {
                tr_local_answer_deinit(&fresh);
                break;
            }
            tr_local_answer_deinit(&fresh);
            failures++;
            look(&m, after, sizeof after);
            if (strcmp(before, after) != 0) {
                fail_msg("%s, allocation %d\nbefore %s\nafter %s", script[i][1], (int)n, before,
                         after);
            }
            assert_true(n < 200);
        }
        tr_free(body);
    }
    assert_true(failures > 40);
    model_deinit(&m);
}

/* Time to live needs no memory of the heap but for the record that it makes. */
static void test_tick__without_memory_is_done_later(void **state)
{
    struct model m;
    char answer[4096];
    int64_t n;
    (void)state;
    model_init(&m, 9, 1);
    ask(&m, script[0][0], script[0][1], answer, sizeof answer);
    ask(&m, script[1][0], script[1][1], answer, sizeof answer);
    expect(&m, "PutItem",
           "{'TableName':'mem','Item':{'k':{'S':'a'},'r':{'N':'1'},'ttl':{'N':'1795248010'}}}", 200,
           "{}");
    m.now.ms += 10000;
    for (n = 0; n < 20; n++) {
        tr_mem_fail_at(n);
        tr_local_tick(m.local, m.now);
        tr_mem_fail_at(-1);
    }
    expect(&m, "Scan", "{'TableName':'mem'}", 200, "{'Items':[],'Count':0,'ScannedCount':0}");
    model_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call__without_memory_changes_nothing),
        cmocka_unit_test(test_tick__without_memory_is_done_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
