/* SPDX-License-Identifier: Apache-2.0
 *
 * PutItem, GetItem, UpdateItem, DeleteItem and the batches, as a client sees them. */
#include "tests/unit/local/item_test.h"

static int setup(void **state)
{
    static struct model m;
    model_init(&m, 1, 1);
    make_items_table(&m, "items", NULL);
    make_items_table(&m, "pairs", "N");
    *state = &m;
    return 0;
}

static int teardown(void **state)
{
    model_deinit(*state);
    return 0;
}

#define KEY(k) "'TableName':'items','Key':{'k':{'S':'" k "'}}"
#define CONDITION_FAILED                                                                           \
    "{'__type':'" DYNAMODB                                                                         \
    "ConditionalCheckFailedException','message':'The conditional request failed'}"

static void test_put__replaces_the_whole_item(void **state)
{
    static const struct exchange steps[] = {
        {"PutItem", "{'TableName':'items','Item':{'k':{'S':'a'},'x':{'N':'1'}}}", 200, "{}"},
        {"PutItem",
         "{'TableName':'items','Item':{'k':{'S':'a'},'y':{'N':'2'}},'ReturnValues':"
         "'ALL_OLD'}",
         200, "{'Attributes':{'k':{'S':'a'},'x':{'N':'1'}}}"},
        {"GetItem", "{" KEY("a") "}", 200, "{'Item':{'k':{'S':'a'},'y':{'N':'2'}}}"},
        {"DeleteItem", "{" KEY("a") ",'ReturnValues':'ALL_OLD'}", 200,
         "{'Attributes':{'k':{'S':'a'},'y':{'N':'2'}}}"},
        {"DeleteItem", "{" KEY("a") ",'ReturnValues':'ALL_OLD'}", 200, "{}"},
        {"GetItem", "{" KEY("a") "}", 200, "{}"},
    };
    EXPECT_ALL(*state, steps);
}

static void test_conditions__refuse_and_show_the_old_item_when_asked(void **state)
{
    static const struct exchange steps[] = {
        {"PutItem", "{'TableName':'items','Item':{'k':{'S':'c'},'n':{'N':'1'}}}", 200, "{}"},
        {"PutItem",
         "{'TableName':'items','Item':{'k':{'S':'c'}},'ConditionExpression':"
         "'attribute_not_exists(k)'}",
         400, CONDITION_FAILED},
        {"PutItem",
         "{'TableName':'items','Item':{'k':{'S':'c'}},'ConditionExpression':"
         "'attribute_not_exists(k)','ReturnValuesOnConditionCheckFailure':'ALL_OLD'}",
         400,
         "{'__type':'" DYNAMODB "ConditionalCheckFailedException','message':'The conditional "
         "request failed','Item':{'k':{'S':'c'},'n':{'N':'1'}}}"},
        {"UpdateItem",
         "{" KEY("none") ",'UpdateExpression':'SET n = :v','ConditionExpression':"
                         "'attribute_exists(k)','ExpressionAttributeValues':{':v':{'"
                         "N':'1'}},'ReturnValuesOnConditionCheckFailure':'ALL_OLD'}",
         400, CONDITION_FAILED},
        {"DeleteItem",
         "{" KEY("c") ",'ConditionExpression':'n = :v','ExpressionAttributeValues':{"
                      "':v':{'N':'2'}}}",
         400, CONDITION_FAILED},
        {"GetItem", "{" KEY("c") "}", 200, "{'Item':{'k':{'S':'c'},'n':{'N':'1'}}}"},
        {"GetItem", "{" KEY("none") "}", 200, "{}"},
        {"DeleteItem",
         "{" KEY("c") ",'ConditionExpression':'n = :v','ExpressionAttributeValues':{"
                      "':v':{'N':'1.00'}}}",
         200, "{}"},
    };
    EXPECT_ALL(*state, steps);
}

static void test_update__makes_an_item_that_was_not_there(void **state)
{
    static const struct exchange steps[] = {
        {"UpdateItem",
         "{" KEY("u") ",'UpdateExpression':'SET a = :v ADD n :v',"
                      "'ExpressionAttributeValues':{':v':{'N':'1'}},'ReturnValues':"
                      "'ALL_NEW'}",
         200, "{'Attributes':{'a':{'N':'1'},'k':{'S':'u'},'n':{'N':'1'}}}"},
        {"UpdateItem",
         "{" KEY("u") ",'UpdateExpression':'ADD n :v','ExpressionAttributeValues':{"
                      "':v':{'N':'1'}},'ReturnValues':'UPDATED_OLD'}",
         200, "{'Attributes':{'n':{'N':'1'}}}"},
        {"UpdateItem",
         "{" KEY("u") ",'UpdateExpression':'ADD n :v','ExpressionAttributeValues':{"
                      "':v':{'N':'1'}},'ReturnValues':'ALL_OLD'}",
         200, "{'Attributes':{'a':{'N':'1'},'k':{'S':'u'},'n':{'N':'2'}}}"},
        {"UpdateItem", "{" KEY("bare") ",'ReturnValues':'ALL_NEW'}", 200,
         "{'Attributes':{'k':{'S':'bare'}}}"},
    };
    EXPECT_ALL(*state, steps);
}

/* What the Java KCL sends to its lease table. */
static void test_legacy__a_lease_is_created_taken_renewed_and_lost(void **state)
{
    static const struct exchange steps[] = {
        {"PutItem",
         "{'TableName':'items','Item':{'k':{'S':'shard-1'},'leaseCounter':{'N':'0'},"
         "'checkpoint':{'S':'TRIM_HORIZON'}},'Expected':{'k':{'Exists':false}}}",
         200, "{}"},
        {"PutItem",
         "{'TableName':'items','Item':{'k':{'S':'shard-1'},'leaseCounter':{'N':'0'}},"
         "'Expected':{'k':{'Exists':false}}}",
         400, CONDITION_FAILED},
        {"UpdateItem",
         "{" KEY("shard-1") ",'Expected':{'leaseCounter':{'Value':{'N':'0'}},'leaseOwner':{"
                            "'Exists':false}},'AttributeUpdates':{'leaseOwner':{'Value':{'S':'w1'},"
                            "'Action':'PUT'},'leaseCounter':{'Value':{'N':'1'}},"
                            "'checkpointOwner':{'Action':'DELETE'},"
                            "'ownerSwitchesSinceCheckpoint':{'Value':{'N':'1'},'Action':'ADD'}},"
                            "'ReturnValues':'ALL_NEW'}",
         200,
         "{'Attributes':{'checkpoint':{'S':'TRIM_HORIZON'},'k':{'S':'shard-1'},'leaseCounter':{'N':"
         "'1'},'leaseOwner':{'S':'w1'},'ownerSwitchesSinceCheckpoint':{'N':'1'}}}"},
        {"UpdateItem",
         "{" KEY("shard-1") ",'Expected':{'leaseCounter':{'ComparisonOperator':'EQ',"
                            "'AttributeValueList':[{'N':'1'}]},'leaseOwner':{"
                            "'ComparisonOperator':'EQ','AttributeValueList':[{'S':'w2'}]}},"
                            "'AttributeUpdates':{'leaseCounter':{'Value':{'N':'2'}}},"
                            "'ReturnValuesOnConditionCheckFailure':'ALL_OLD'}",
         400,
         "{'__type':'" DYNAMODB "ConditionalCheckFailedException','message':'The conditional "
         "request failed','Item':{'checkpoint':{'S':'TRIM_HORIZON'},'k':{'S':'shard-1'},"
         "'leaseCounter':{'N':'1'},'leaseOwner':{'S':'w1'},'ownerSwitchesSinceCheckpoint':{'N':'1'}"
         "}}"},
        {"UpdateItem",
         "{" KEY("shard-1") ",'ConditionalOperator':'OR','Expected':{'leaseCounter':{'Value':{'N':"
                            "'9'}},'leaseOwner':{'Value':{'S':'w1'}}},'AttributeUpdates':{"
                            "'childShardIds':{'Value':{'SS':['s2','s3']}}},'ReturnValues':"
                            "'UPDATED_NEW'}",
         200, "{'Attributes':{'childShardIds':{'SS':['s2','s3']}}}"},
        {"DeleteItem",
         "{" KEY("shard-1") ",'Expected':{'leaseOwner':{'ComparisonOperator':'NULL'}}"
                            "}",
         400, CONDITION_FAILED},
        {"DeleteItem", "{" KEY("shard-1") "}", 200, "{}"},
    };
    EXPECT_ALL(*state, steps);
}

static void test_legacy__wrong_ones_are_refused_by_name(void **state)
{
    struct model *m = *state;
    expect_invalid(m, "UpdateItem", "{" KEY("x") ",'Expected':{'a':{'Exists':true}}}",
                   "One or more parameter values were invalid: Value must be provided when Exists "
                   "is true for Attribute: a");
    expect_invalid(m, "UpdateItem",
                   "{" KEY("x") ",'Expected':{'a':{'Exists':false,'Value':{'S':'x'}}}}",
                   "One or more parameter values were invalid: Value cannot be used when Exists is "
                   "false for Attribute: a");
    expect_invalid(m, "UpdateItem",
                   "{" KEY("x") ",'Expected':{'a':{'ComparisonOperator':'BETWEEN',"
                                "'AttributeValueList':[{'N':'1'}]}}}",
                   "One or more parameter values were invalid: Invalid number of argument(s) for "
                   "the BETWEEN ComparisonOperator");
    expect_invalid(m, "UpdateItem",
                   "{" KEY("x") ",'ConditionalOperator':'OR','Expected':{'a':{'Exists':false}}}",
                   "ConditionalOperator can only be used when Filter or Expected has two or more "
                   "elements");
    expect_invalid(m, "UpdateItem", "{" KEY("x") ",'Expected':{'':{'Exists':false}}}",
                   "Empty attribute name");
    expect_invalid(m, "UpdateItem", "{" KEY("x") ",'AttributeUpdates':{'':{'Action':'DELETE'}}}",
                   "Empty attribute name");
    expect_invalid(m, "UpdateItem", "{" KEY("x") ",'AttributeUpdates':{'a':{'Action':'PUT'}}}",
                   "One or more parameter values were invalid: Only DELETE action is allowed when "
                   "no attribute value is specified");
    expect_invalid(m, "UpdateItem",
                   "{" KEY("x") ",'AttributeUpdates':{'a':{'Action':'ADD','Value':{'S':'x'}}}}",
                   "One or more parameter values were invalid: ADD action is not supported for the "
                   "type S");
    expect_invalid(m, "UpdateItem", "{" KEY("x") ",'AttributeUpdates':{'k':{'Value':{'S':'y'}}}}",
                   "One or more parameter values were invalid: Cannot update attribute k. This "
                   "attribute is part of the key");
    expect(m, "GetItem", "{" KEY("x") "}", 200, "{}");
}

static void test_keys__are_checked_against_the_schema(void **state)
{
    static const char mismatch[] = "The provided key element does not match the schema";
    struct model *m = *state;
    expect_invalid(m, "GetItem", "{'TableName':'items','Key':{}}", mismatch);
    expect_invalid(m, "GetItem", "{'TableName':'items','Key':{'k':{'N':'1'}}}", mismatch);
    expect_invalid(m, "GetItem", "{'TableName':'items','Key':{'k':{'S':'a'},'r':{'N':'1'}}}",
                   mismatch);
    expect_invalid(m, "DeleteItem", "{'TableName':'pairs','Key':{'k':{'S':'a'}}}", mismatch);
    expect_invalid(m, "UpdateItem", "{'TableName':'pairs','Key':{'k':{'S':'a'},'r':{'S':'1'}}}",
                   mismatch);
    expect_invalid(m, "GetItem", "{'TableName':'items','Key':{'k':{'S':''}}}",
                   "One or more parameter values are not valid. The AttributeValue for a key "
                   "attribute cannot contain an empty string value. Key: k");
    expect_invalid(m, "PutItem", "{'TableName':'pairs','Item':{'k':{'S':'a'}}}",
                   "One or more parameter values were invalid: Missing the key r in the item");
    expect_invalid(m, "PutItem", "{'TableName':'pairs','Item':{'k':{'S':'a'},'r':{'S':'1'}}}",
                   "One or more parameter values were invalid: Type mismatch for key r expected: N "
                   "actual: S");
    /* equal numbers are one key, however they are written */
    expect(m, "PutItem", "{'TableName':'pairs','Item':{'k':{'S':'n'},'r':{'N':'10'}}}", 200, "{}");
    expect(m, "GetItem", "{'TableName':'pairs','Key':{'k':{'S':'n'},'r':{'N':'1.0e1'}}}", 200,
           "{'Item':{'k':{'S':'n'},'r':{'N':'10'}}}");
}

static void test_requests__are_checked_as_a_whole(void **state)
{
    static const struct exchange steps[] = {
        {"PutItem", "{}", 400,
         "{'__type':'" VALIDATION "','message':'2 validation errors detected: Value null at "
         "\\'tableName\\' failed to satisfy constraint: Member must not be null; Value null at "
         "\\'item\\' failed to satisfy constraint: Member must not be null'}"},
        {"GetItem", "{'TableName':'nope','Key':{'k':{'S':'a'}}}", 400,
         "{'__type':'" DYNAMODB
         "ResourceNotFoundException','message':'Requested resource not found'}"},
        {"GetItem", "{'TableName':1,'Key':{}}", 400,
         "{'__type':'" SERIALIZATION "','Message':'NUMBER_VALUE cannot be converted to String'}"},
        {"GetItem", "{'TableName':'items','Key':[]}", 400,
         "{'__type':'" SERIALIZATION
         "','Message':'Unrecognized collection type java.util.Map<java.lang.String, "
         "com.amazonaws.dynamodb.v20120810.AttributeValue>'}"},
        {"PutItem", "{'TableName':'items','Item':{'k':{'S':'a'}},'ReturnValues':'ALL_NEW'}", 400,
         "{'__type':'" VALIDATION "','message':'ReturnValues can only be ALL_OLD or NONE'}"},
        {"PutItem", "{'TableName':'items','Item':{'k':{'S':'a'}},'SomethingNew':[1]}", 200, "{}"},
        {"GetItem",
         "{'TableName':'arn:aws:dynamodb:us-east-1:000000000000:table/"
         "items','Key':{'k':{'S':'a'}}}",
         200, "{'Item':{'k':{'S':'a'}}}"},
    };
    struct model *m = *state;
    char answer[1024];
    size_t i;
    for (i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char want[1024], *at;
        snprintf(want, sizeof want, "%s", steps[i].answer);
        while ((at = strstr(want, "\\'")) != NULL) { /* these stand for ' in the message */
            memmove(at, at + 1, strlen(at));
            *at = '"';
        }
        assert_int_equal(ask(m, steps[i].op, steps[i].request, answer, sizeof answer),
                         steps[i].status);
        assert_string_equal(answer, want);
    }
}

static void test_capacity__is_counted_in_the_services_units(void **state)
{
    char request[6000], pad[5001];
    struct model *m = *state;
    memset(pad, 'x', sizeof pad - 1);
    pad[sizeof pad - 1] = '\0';
    snprintf(request, sizeof request,
             "{'TableName':'items','Item':{'k':{'S':'cap'},'v':{'S':'%s'}},"
             "'ReturnConsumedCapacity':'TOTAL'}",
             pad);
    expect(m, "PutItem", request, 200,
           "{'ConsumedCapacity':{'TableName':'items','CapacityUnits':5.0}}");
    expect(m, "GetItem",
           "{" KEY("cap") ",'ProjectionExpression':'k','ReturnConsumedCapacity':'TOTAL'}", 200,
           "{'Item':{'k':{'S':'cap'}},'ConsumedCapacity':{'TableName':'items','CapacityUnits':1.0}"
           "}");
    expect(m, "GetItem",
           "{" KEY("nix") ",'ConsistentRead':true,'ReturnConsumedCapacity':'INDEXES'}", 200,
           "{'ConsumedCapacity':{'TableName':'items','CapacityUnits':1.0,'Table':{'CapacityUnits':"
           "1.0}}}");
    expect(m, "DeleteItem", "{" KEY("cap") ",'ReturnConsumedCapacity':'TOTAL'}", 200,
           "{'ConsumedCapacity':{'TableName':'items','CapacityUnits':5.0}}");
}

/* --- batches --- */

#define PUT(k) "{'PutRequest':{'Item':{'k':{'S':'" k "'}}}}"
#define DEL(k) "{'DeleteRequest':{'Key':{'k':{'S':'" k "'}}}}"

static void test_batch__writes_and_reads_many(void **state)
{
    static const struct exchange steps[] = {
        {"BatchWriteItem",
         "{'RequestItems':{'items':[" PUT("b1") "," PUT(
             "b2") "],'pairs':[{"
                   "'PutRequest':{'Item':{'k':{'S':'b'},'r':{'N':'1'}}}}]}}",
         200, "{'UnprocessedItems':{}}"},
        {"BatchWriteItem",
         "{'RequestItems':{'items':[" DEL("b2") "," PUT("b3") "]},"
                                                              "'ReturnConsumedCapacity':'TOTAL'}",
         200,
         "{'UnprocessedItems':{},'ConsumedCapacity':[{'TableName':'items','CapacityUnits':2.0}]}"},
        {"BatchGetItem",
         "{'RequestItems':{'items':{'Keys':[{'k':{'S':'b1'}},{'k':{'S':'b2'}},{'k':"
         "{'S':'b3'}}]},'pairs':{'Keys':[{'k':{'S':'b'},'r':{'N':'1'}}],"
         "'ProjectionExpression':'r','ConsistentRead':true}}}",
         200,
         "{'Responses':{'items':[{'k':{'S':'b1'}},{'k':{'S':'b3'}}],'pairs':[{'r':{'N':'1'}}]},"
         "'UnprocessedKeys':{}}"},
    };
    EXPECT_ALL(*state, steps);
}

static void test_batch__is_done_whole_or_not_at_all(void **state)
{
    struct model *m = *state;
    char request[4096] = "{'RequestItems':{'items':[";
    size_t len = strlen(request), i;
    expect_invalid(m, "BatchWriteItem", "{'RequestItems':{'items':[" PUT("z1") "," DEL("z1") "]}}",
                   "Provided list of item keys contains duplicates");
    expect_quoted(m, "BatchWriteItem", "{'RequestItems':{'no':[" PUT("z1") "]}}",
                  "1 validation error detected: Value 'no' at 'requestItems' failed to satisfy "
                  "constraint: Map keys must satisfy constraint: [Member must have length "
                  "less than "
                  "or equal to 255, Member must have length greater than or equal to 3, "
                  "Member must "
                  "satisfy regular expression pattern: [a-zA-Z0-9_.-]+]");
    expect(m, "BatchWriteItem", "{'RequestItems':{'items':[" PUT("z1") "],'nope':[" PUT("z1") "]}}",
           400,
           "{'__type':'" DYNAMODB
           "ResourceNotFoundException','message':'Requested resource not found'}");
    expect_invalid(m, "BatchWriteItem",
                   "{'RequestItems':{'items':[" PUT("z1") ",{'PutRequest':{'Item':{'k':{'N':'1'}}}}"
                                                          "]}}",
                   "One or more parameter values were invalid: Type mismatch for key k expected: S "
                   "actual: N");
    for (i = 0; i < 26; i++) {
        len +=
            (size_t)snprintf(request + len, sizeof request - len,
                             "%s{'PutRequest':{'Item':{'k':{'S':'z%zu'}}}}", i > 0 ? "," : "", i);
    }
    snprintf(request + len, sizeof request - len, "]}}");
    expect_invalid(m, "BatchWriteItem", request,
                   "Too many items requested for the BatchWriteItem call");
    expect(m, "GetItem", "{" KEY("z1") "}", 200, "{}");
    expect_invalid(m, "BatchGetItem",
                   "{'RequestItems':{'items':{'Keys':[{'k':{'S':'a'}},{'k':{'S':'a'}}]}}}",
                   "Provided list of item keys contains duplicates");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put__replaces_the_whole_item),
        cmocka_unit_test(test_conditions__refuse_and_show_the_old_item_when_asked),
        cmocka_unit_test(test_update__makes_an_item_that_was_not_there),
        cmocka_unit_test(test_legacy__a_lease_is_created_taken_renewed_and_lost),
        cmocka_unit_test(test_legacy__wrong_ones_are_refused_by_name),
        cmocka_unit_test(test_keys__are_checked_against_the_schema),
        cmocka_unit_test(test_requests__are_checked_as_a_whole),
        cmocka_unit_test(test_capacity__is_counted_in_the_services_units),
        cmocka_unit_test(test_batch__writes_and_reads_many),
        cmocka_unit_test(test_batch__is_done_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
