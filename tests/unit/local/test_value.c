/* SPDX-License-Identifier: Apache-2.0
 *
 * Attribute values as a client sees them: what is stored comes back in its canonical form, what the
 * service refuses is refused in its words. */
#include "tests/unit/local/item_test.h"

/* Put {'k':{'S':'a'},'v':VALUE} and read it back. */
static void store(struct model *m, const char *value, const char *stored)
{
    char request[2048], answer[2048];
    snprintf(request, sizeof request, "{'TableName':'items','Item':{'k':{'S':'a'},'v':%s}}", value);
    expect(m, "PutItem", request, 200, "{}");
    snprintf(answer, sizeof answer, "{'Item':{'k':{'S':'a'},'v':%s}}", stored);
    expect(m, "GetItem", "{'TableName':'items','Key':{'k':{'S':'a'}}}", 200, answer);
}

static void refuse(struct model *m, const char *value, const char *message)
{
    char request[2048];
    snprintf(request, sizeof request, "{'TableName':'items','Item':{'k':{'S':'b'},'v':%s}}", value);
    expect_invalid(m, "PutItem", request, message);
    expect(m, "GetItem", "{'TableName':'items','Key':{'k':{'S':'b'}}}", 200, "{}");
}

static void mistyped(struct model *m, const char *value, const char *message)
{
    char request[2048], answer[2048];
    snprintf(request, sizeof request, "{'TableName':'items','Item':{'k':{'S':'b'},'v':%s}}", value);
    snprintf(answer, sizeof answer, "{'__type':'" SERIALIZATION "','Message':'%s'}", message);
    expect(m, "PutItem", request, 400, answer);
}

static int setup(void **state)
{
    static struct model m;
    model_init(&m, 1, 1);
    make_items_table(&m, "items", NULL);
    *state = &m;
    return 0;
}

static int teardown(void **state)
{
    model_deinit(*state);
    return 0;
}

static void test_value__every_type_comes_back(void **state)
{
    struct model *m = *state;
    store(m, "{'S':''}", "{'S':''}");
    store(m, "{'S':'x y'}", "{'S':'x y'}");
    store(m, "{'N':'1.50e2'}", "{'N':'150'}");
    store(m, "{'B':'AAEC'}", "{'B':'AAEC'}");
    store(m, "{'B':''}", "{'B':''}");
    store(m, "{'BOOL':true}", "{'BOOL':true}");
    store(m, "{'BOOL':false}", "{'BOOL':false}");
    store(m, "{'NULL':true}", "{'NULL':true}");
    store(m, "{'M':{}}", "{'M':{}}");
    store(m, "{'L':[]}", "{'L':[]}");
    store(m, "{'M':{'b':{'N':'1.0'},'a':{'L':[{'S':'x'},{'M':{}}]}}}",
          "{'M':{'a':{'L':[{'S':'x'},{'M':{}}]},'b':{'N':'1'}}}");
}

static void test_value__sets_are_kept_in_order(void **state)
{
    struct model *m = *state;
    store(m, "{'SS':['b','a','','C']}", "{'SS':['','C','a','b']}");
    store(m, "{'NS':['10','9.50','-1']}", "{'NS':['-1','9.5','10']}");
    store(m, "{'BS':['AQ==','AA==']}", "{'BS':['AA==','AQ==']}");
}

static void test_value__strings_are_counted_not_terminated(void **state)
{
    struct model *m = *state;
    store(m, "{'S':'a\\u0000b\\u001f\\t\\\\ \\ud83d\\ude00'}",
          "{'S':'a\\u0000b\\u001f\\t\\\\ \xf0\x9f\x98\x80'}");
    store(m, "{'M':{'n\\u0000m':{'S':'x'}}}", "{'M':{'n\\u0000m':{'S':'x'}}}");
}

static void test_value__of_members_named_alike_the_last_counts(void **state)
{
    struct model *m = *state;
    store(m, "{'M':{'a':{'S':'1'},'a':{'S':'2'}}}", "{'M':{'a':{'S':'2'}}}");
}

static void test_value__unknown_members_and_nulls_are_not_there(void **state)
{
    struct model *m = *state;
    store(m, "{'S':'x','Z':1,'N':null}", "{'S':'x'}");
}

static void test_value__malformed_ones_are_refused(void **state)
{
    struct model *m = *state;
    refuse(m, "{}",
           "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
    refuse(m, "{'S':'a','N':'1'}",
           "Supplied AttributeValue has more than one datatypes set, must contain exactly one of "
           "the supported datatypes");
    refuse(m, "{'N':'abc'}", "The parameter cannot be converted to a numeric value: abc");
    refuse(m, "{'N':''}", "The parameter cannot be converted to a numeric value");
    refuse(m, "{'NULL':false}",
           "One or more parameter values were invalid: Null attribute value types must have the "
           "value of true");
    refuse(m, "{'SS':[]}",
           "One or more parameter values were invalid: An string set  may not be empty");
    refuse(m, "{'NS':[]}",
           "One or more parameter values were invalid: An number set  may not be empty");
    refuse(m, "{'BS':[]}",
           "One or more parameter values were invalid: Binary sets should not be empty");
    refuse(m, "{'SS':['a','b','a']}",
           "One or more parameter values were invalid: Input collection [a, b, a] contains "
           "duplicates.");
    refuse(m, "{'NS':['1','1.0']}", "Input collection contains duplicates");
    refuse(m, "{'L':[{'S':'x'},{'N':'bad'}]}",
           "The parameter cannot be converted to a numeric value: bad");
    refuse(m, "{'M':{'':{'S':'x'}}}", "Empty attribute name");
    refuse(m, "{'N':'123456789012345678901234567890123456789'}",
           "Attempting to store more than 38 significant digits in a Number");
    refuse(m, "{'N':'1e126'}",
           "Number overflow. Attempting to store a number with magnitude larger than supported "
           "range");
    refuse(m, "{'N':'1e-131'}",
           "Number underflow. Attempting to store a number with magnitude smaller than supported "
           "range");
}

static void test_value__wrong_json_types_are_serialization_errors(void **state)
{
    struct model *m = *state;
    mistyped(m, "'x'", "Unexpected value type in payload");
    mistyped(m, "[]",
             "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue");
    mistyped(m, "{'S':1}", "NUMBER_VALUE cannot be converted to String");
    mistyped(m, "{'S':1.5}", "DECIMAL_VALUE cannot be converted to String");
    mistyped(m, "{'N':1}", "NUMBER_VALUE cannot be converted to String");
    mistyped(m, "{'S':true}", "TRUE_VALUE cannot be converted to String");
    mistyped(m, "{'S':[]}", "Unrecognized collection type class java.lang.String");
    mistyped(m, "{'S':{}}", "Start of structure or map found where not expected");
    mistyped(m, "{'BOOL':1}", "NUMBER_VALUE cannot be converted to Boolean");
    mistyped(m, "{'BOOL':'maybe'}", "Unexpected token received from parser");
    mistyped(m, "{'L':'x'}", "Unexpected field type");
    mistyped(m, "{'SS':'x'}", "Unexpected field type");
    mistyped(m, "{'B':'A'}",
             "Base64 encoded length is expected a multiple of 4 bytes but found: 1");
    mistyped(m, "{'B':'AB=='}", "Invalid last non-pad Base64 character dectected");
    mistyped(m, "{'B':1}", "only base-64-encoded strings are convertible to bytes");
}

static void test_value__nests_to_level_32_and_no_deeper(void **state)
{
    static const char too_deep[] =
        "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels "
        "beyond supported limit";
    struct model *m = *state;
    unsigned levels;
    for (levels = 30; levels <= 33; levels++) {
        char value[1024] = "", request[1200];
        size_t len = 0;
        unsigned i;
        for (i = 0; i < levels; i++) {
            len += (size_t)snprintf(value + len, sizeof value - len, "{'L':[");
        }
        len += (size_t)snprintf(value + len, sizeof value - len, "{'S':'x'}");
        for (i = 0; i < levels; i++) {
            len += (size_t)snprintf(value + len, sizeof value - len, "]}");
        }
        snprintf(request, sizeof request, "{'TableName':'items','Item':{'k':{'S':'d'},'v':%s}}",
                 value);
        if (levels < 32) {
            expect(m, "PutItem", request, 200, "{}");
        } else {
            expect_invalid(m, "PutItem", request, too_deep);
        }
    }
}

/* An item with a text of so many bytes beside its key 'k': 'b'. */
static char *item_of(size_t bytes)
{
    static const char head[] = "{'TableName':'items','Item':{'k':{'S':'b'},'v':{'S':'";
    char *request = tr_malloc(bytes + sizeof head + 8);
    assert_non_null(request);
    memcpy(request, head, sizeof head - 1);
    memset(request + sizeof head - 1, 'x', bytes);
    memcpy(request + sizeof head - 1 + bytes, "'}}}", 5);
    return request;
}

static void test_value__an_item_has_400_kb_and_no_more(void **state)
{
    struct model *m = *state;
    char *most = item_of(409600 - 3), *over = item_of(409600 - 2);
    expect(m, "PutItem", most, 200, "{}");
    expect_invalid(m, "PutItem", over, "Item size has exceeded the maximum allowed size");
    tr_free(most);
    tr_free(over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value__every_type_comes_back),
        cmocka_unit_test(test_value__sets_are_kept_in_order),
        cmocka_unit_test(test_value__strings_are_counted_not_terminated),
        cmocka_unit_test(test_value__of_members_named_alike_the_last_counts),
        cmocka_unit_test(test_value__unknown_members_and_nulls_are_not_there),
        cmocka_unit_test(test_value__malformed_ones_are_refused),
        cmocka_unit_test(test_value__wrong_json_types_are_serialization_errors),
        cmocka_unit_test(test_value__nests_to_level_32_and_no_deeper),
        cmocka_unit_test(test_value__an_item_has_400_kb_and_no_more),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
