/* SPDX-License-Identifier: Apache-2.0
 *
 * Query and Scan: what they select, in which order, in pages. */
#include "tests/unit/local/item_test.h"

#include "base/random.h"

static int setup(void **state)
{
    static struct model m;
    int i;
    model_init(&m, 1, 1);
    make_items_table(&m, "items", NULL);
    make_items_table(&m, "pairs", "N");
    make_items_table(&m, "words", "S");
    for (i = 0; i < 6; i++) {
        char request[256];
        snprintf(request, sizeof request,
                 "{'TableName':'pairs','Item':{'k':{'S':'p'},'r':{'N':'%d'},'x':{'S':'v%d'}}}",
                 (i - 2) * 5, i);
        expect(&m, "PutItem", request, 200, "{}");
    }
    for (i = 0; i < 5; i++) {
        static const char *const words[] = {"a", "ab", "abc", "b", "\xc3\xa9"};
        char request[256];
        snprintf(request, sizeof request,
                 "{'TableName':'words','Item':{'k':{'S':'p'},'r':{'S':'%s'}}}", words[i]);
        expect(&m, "PutItem", request, 200, "{}");
    }
    *state = &m;
    return 0;
}

static int teardown(void **state)
{
    model_deinit(*state);
    return 0;
}

struct selection {
    const char *condition;
    const char *values;
    const char *forward; /* sort keys, "-10 -5 0" */
};

/* The sort keys of an answer, blank between them. */
static void sort_keys(struct model *m, char *out, size_t size)
{
    struct tr_err err = {{0}};
    struct tr_json items, item;
    size_t len = 0;
    out[0] = '\0';
    tr_assert_status(tr_json_parse(&m->doc, tr_buf_bytes(&m->answer.body), &err), TR_OK, &err);
    items = tr_json_get(tr_json_root(&m->doc), "Items");
    for (item = tr_json_first(items); item.doc != NULL; item = tr_json_next(items, item)) {
        struct tr_bytes raw = tr_json_raw(tr_json_first(tr_json_get(item, "r")));
        len += (size_t)snprintf(out + len, size - len, "%s%.*s", len > 0 ? " " : "",
                                (int)raw.len - 2, raw.ptr + 1);
    }
}

static void select_keys(struct model *m, const char *table, const struct selection *s, bool forward,
                        char *out, size_t size)
{
    char request[1024], answer[4096];
    snprintf(request, sizeof request,
             "{'TableName':'%s','KeyConditionExpression':'%s','ExpressionAttributeValues':{%s},"
             "'ScanIndexForward':%s}",
             table, s->condition, s->values, forward ? "true" : "false");
    if (ask(m, "Query", request, answer, sizeof answer) != 200) {
        fail_msg("%s: %s", s->condition, answer);
    }
    sort_keys(m, out, size);
}

static void reverse_words(const char *text, char *out, size_t size)
{
    size_t len = strlen(text), end = len, used = 0;
    out[0] = '\0';
    while (len > 0) {
        len--;
        if (len == 0 || text[len - 1] == ' ') {
            used += (size_t)snprintf(out + used, size - used, "%s%.*s", used > 0 ? " " : "",
                                     (int)(end - len), text + len);
            end = len > 0 ? len - 1 : 0;
        }
    }
}

static void check_selections(struct model *m, const char *table, const struct selection *list,
                             size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) {
        char got[512], want[512];
        select_keys(m, table, &list[i], true, got, sizeof got);
        assert_string_equal(got, list[i].forward);
        select_keys(m, table, &list[i], false, got, sizeof got);
        reverse_words(list[i].forward, want, sizeof want);
        assert_string_equal(got, want);
    }
}

static void test_query__selects_a_run_of_sort_keys(void **state)
{
    static const struct selection numbers[] = {
        {"k = :k", "':k':{'S':'p'}", "-10 -5 0 5 10 15"},
        {"k = :k", "':k':{'S':'q'}", ""},
        {"k = :k AND r = :a", "':k':{'S':'p'},':a':{'N':'5.0'}", "5"},
        {"k = :k AND r = :a", "':k':{'S':'p'},':a':{'N':'6'}", ""},
        {"k = :k AND r < :a", "':k':{'S':'p'},':a':{'N':'5'}", "-10 -5 0"},
        {"k = :k AND r <= :a", "':k':{'S':'p'},':a':{'N':'5'}", "-10 -5 0 5"},
        {"k = :k AND r > :a", "':k':{'S':'p'},':a':{'N':'5'}", "10 15"},
        {"k = :k AND r >= :a", "':k':{'S':'p'},':a':{'N':'5'}", "5 10 15"},
        {"k = :k AND r BETWEEN :a AND :b", "':k':{'S':'p'},':a':{'N':'-6'},':b':{'N':'5'}",
         "-5 0 5"},
        {":a < r AND :k = k", "':k':{'S':'p'},':a':{'N':'5'}", "10 15"},
    };
    static const struct selection words[] = {
        {"k = :k AND begins_with(r, :a)", "':k':{'S':'p'},':a':{'S':'a'}", "a ab abc"},
        {"k = :k AND begins_with(r, :a)", "':k':{'S':'p'},':a':{'S':'ab'}", "ab abc"},
        {"k = :k AND begins_with(r, :a)", "':k':{'S':'p'},':a':{'S':'z'}", ""},
        {"k = :k AND begins_with(r, :a)", "':k':{'S':'p'},':a':{'S':'\xc3\xa9'}", "\xc3\xa9"},
        {"k = :k AND r > :a", "':k':{'S':'p'},':a':{'S':'ab'}", "abc b \xc3\xa9"},
    };
    check_selections(*state, "pairs", numbers, sizeof numbers / sizeof numbers[0]);
    check_selections(*state, "words", words, sizeof words / sizeof words[0]);
}

static void test_query__wrong_key_conditions_are_refused_by_name(void **state)
{
    struct model *m = *state;
#define QUERY(condition, values)                                                                   \
    "{'TableName':'pairs','KeyConditionExpression':'" condition                                    \
    "','ExpressionAttributeValues':{" values "}}"
    expect_invalid(m, "Query", QUERY("r = :a", "':a':{'N':'1'}"),
                   "Query condition missed key schema element: k");
    expect_invalid(m, "Query", QUERY("k < :a", "':a':{'S':'1'}"),
                   "Query key condition not supported");
    expect_invalid(m, "Query", QUERY("k = :a OR r = :b", "':a':{'S':'1'},':b':{'N':'1'}"),
                   "Invalid operator used in KeyConditionExpression: OR");
    expect_invalid(m, "Query", QUERY("k = :a AND r <> :b", "':a':{'S':'1'},':b':{'N':'1'}"),
                   "Invalid operator used in KeyConditionExpression: <>");
    expect_invalid(m, "Query",
                   QUERY("k = :a AND r > :b AND r < :b", "':a':{'S':'1'},':b':{'N':'1'}"),
                   "KeyConditionExpressions must only contain one condition per key");
    expect_invalid(m, "Query", QUERY("k = :a AND r = :b", "':a':{'S':'1'},':b':{'S':'1'}"),
                   "One or more parameter values were invalid: Condition parameter type does not "
                   "match schema type");
    expect_invalid(m, "Query", "{'TableName':'pairs'}",
                   "Either the KeyConditions or KeyConditionExpression parameter must be specified "
                   "in the request.");
    expect_invalid(m, "Query",
                   "{'TableName':'pairs','IndexName':'byX','KeyConditionExpression':'k = :a',"
                   "'ExpressionAttributeValues':{':a':{'S':'1'}}}",
                   "The table does not have the specified index: byX");
    expect_invalid(m, "Query",
                   "{'TableName':'pairs','KeyConditionExpression':'k = :a','FilterExpression':'r > "
                   ":b','ExpressionAttributeValues':{':a':{'S':'1'},':b':{'N':'1'}}}",
                   "Filter Expression can only contain non-primary key attributes: Primary key "
                   "attribute: r");
#undef QUERY
}

static void test_query__limit_makes_pages_that_join(void **state)
{
    struct model *m = *state;
    char request[1024], answer[4096], start[256] = "", all[256] = "", got[256];
    unsigned pages = 0;
    for (;;) {
        struct tr_bytes raw;
        snprintf(request, sizeof request,
                 "{'TableName':'pairs','KeyConditionExpression':'k = :k','Limit':2,"
                 "'ExpressionAttributeValues':{':k':{'S':'p'}}%s%s}",
                 start[0] != '\0' ? ",'ExclusiveStartKey':" : "", start);
        assert_int_equal(ask(m, "Query", request, answer, sizeof answer), 200);
        sort_keys(m, got, sizeof got);
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s|", got);
        pages++;
        raw = tr_json_raw(tr_json_get(tr_json_root(&m->doc), "LastEvaluatedKey"));
        if (raw.ptr == NULL) {
            break;
        }
        snprintf(start, sizeof start, "%.*s", TR_FMT(raw));
        requote(start);
    }
    assert_string_equal(all, "-10 -5|0 5|10 15||"); /* a full page always promises another */
    assert_int_equal(pages, 4);
}

static void test_query__filter_counts_what_it_looked_at(void **state)
{
    struct model *m = *state;
    expect(m, "Query",
           "{'TableName':'pairs','KeyConditionExpression':'k = :k','FilterExpression':'x IN (:a, "
           ":b)','ProjectionExpression':'x','ExpressionAttributeValues':{':k':{'S':'p'},':a':{'S':"
           "'v1'},':b':{'S':'v5'}}}",
           200, "{'Items':[{'x':{'S':'v1'}},{'x':{'S':'v5'}}],'Count':2,'ScannedCount':6}");
    expect(m, "Query",
           "{'TableName':'pairs','KeyConditionExpression':'k = :k','Select':'COUNT',"
           "'ExpressionAttributeValues':{':k':{'S':'p'}},'ReturnConsumedCapacity':'TOTAL'}",
           200,
           "{'Count':6,'ScannedCount':6,'ConsumedCapacity':{'TableName':'pairs','CapacityUnits':"
           "0.5}}");
    expect(m, "Query",
           "{'TableName':'pairs','KeyConditions':{'k':{'ComparisonOperator':'EQ',"
           "'AttributeValueList':[{'S':'p'}]},'r':{'ComparisonOperator':'GT','AttributeValueList':["
           "{'N':'0'}]}},'QueryFilter':{'x':{'ComparisonOperator':'NE','AttributeValueList':[{'S':"
           "'v4'}]}},'AttributesToGet':['r']}",
           200, "{'Items':[{'r':{'N':'5'}},{'r':{'N':'15'}}],'Count':2,'ScannedCount':3}");
}

static void test_page__ends_with_the_item_that_passes_1_mb(void **state)
{
    static const size_t bytes = 300000;
    struct model *m = *state;
    char *request = tr_malloc(bytes + 200);
    unsigned i;
    assert_non_null(request);
    make_items_table(m, "large", "N");
    for (i = 0; i < 8; i++) {
        int len =
            snprintf(request, 200,
                     "{'TableName':'large','Item':{'k':{'S':'p'},'r':{'N':'%u'},'v':{'S':'", i);
        memset(request + len, 'x', bytes);
        memcpy(request + len + bytes, "'}}}", 5);
        expect(m, "PutItem", request, 200, "{}");
    }
    tr_free(request);
    expect(m, "Scan", "{'TableName':'large','ProjectionExpression':'r'}", 200,
           "{'Items':[{'r':{'N':'0'}},{'r':{'N':'1'}},{'r':{'N':'2'}},{'r':{'N':'3'}}],'Count':4,"
           "'ScannedCount':4,'LastEvaluatedKey':{'k':{'S':'p'},'r':{'N':'3'}}}");
}

/* --- Scan --- */

/* All keys of a table, in order of Scan, segment by segment. */
static size_t scan_all(struct model *m, unsigned segments, unsigned limit, char keys[][16],
                       size_t max)
{
    size_t count = 0;
    unsigned segment;
    for (segment = 0; segment < segments; segment++) {
        char start[256] = "", request[1024], answer[8192];
        do {
            struct tr_json items, item;
            struct tr_bytes raw;
            struct tr_err err = {{0}};
            snprintf(request, sizeof request,
                     "{'TableName':'items','Limit':%u,'TotalSegments':%u,'Segment':%u%s%s}", limit,
                     segments, segment, start[0] != '\0' ? ",'ExclusiveStartKey':" : "", start);
            assert_int_equal(ask(m, "Scan", request, answer, sizeof answer), 200);
            tr_assert_status(tr_json_parse(&m->doc, tr_buf_bytes(&m->answer.body), &err), TR_OK,
                             &err);
            items = tr_json_get(tr_json_root(&m->doc), "Items");
            for (item = tr_json_first(items); item.doc != NULL; item = tr_json_next(items, item)) {
                raw = tr_json_raw(tr_json_first(tr_json_get(item, "k")));
                assert_true(count < max);
                snprintf(keys[count++], 16, "%.*s", (int)raw.len - 2, raw.ptr + 1);
            }
            raw = tr_json_raw(tr_json_get(tr_json_root(&m->doc), "LastEvaluatedKey"));
            snprintf(start, sizeof start, "%.*s", raw.ptr != NULL ? (int)raw.len : 0,
                     raw.ptr != NULL ? raw.ptr : "");
            requote(start);
        } while (start[0] != '\0');
    }
    return count;
}

static void test_scan__segments_and_pages_join_to_the_whole(void **state)
{
    static char whole[300][16], parts[300][16];
    struct model *m = *state;
    size_t i;
    for (i = 0; i < 250; i++) {
        char request[128];
        snprintf(request, sizeof request, "{'TableName':'items','Item':{'k':{'S':'s%zu'}}}", i);
        expect(m, "PutItem", request, 200, "{}");
    }
    assert_int_equal(scan_all(m, 1, 1000, whole, 300), 250);
    assert_int_equal(scan_all(m, 1, 7, parts, 300), 250);
    assert_memory_equal(whole, parts, sizeof whole);
    assert_int_equal(scan_all(m, 4, 1000, parts, 300), 250);
    assert_memory_equal(whole, parts, sizeof whole);
    assert_int_equal(scan_all(m, 7, 3, parts, 300), 250);
    assert_memory_equal(whole, parts, sizeof whole);
}

static void test_scan__segments_are_checked(void **state)
{
    struct model *m = *state;
    expect_invalid(
        m, "Scan", "{'TableName':'items','Segment':1}",
        "The TotalSegments parameter is required but was not present in the request when "
        "Segment parameter is present");
    expect_invalid(m, "Scan", "{'TableName':'items','TotalSegments':2}",
                   "The Segment parameter is required but was not present in the request when "
                   "parameter TotalSegments is present");
    expect_invalid(m, "Scan", "{'TableName':'items','Segment':2,'TotalSegments':2}",
                   "The Segment parameter is zero-based and must be less than parameter "
                   "TotalSegments: Segment: 2 is not less than TotalSegments: 2");
    expect_invalid(m, "Scan", "{'TableName':'items','ExclusiveStartKey':{'k':{'N':'1'}}}",
                   "The provided starting key is invalid: The provided key element does not match "
                   "the schema");
}

/* Random writes against a plain list of what must be there. */
static void test_items__stay_in_order_under_random_writes(void **state)
{
    enum { KEYS = 400 };
    static bool there[KEYS];
    struct model *m = *state;
    struct tr_random random;
    unsigned round, i;
    make_items_table(m, "churn", "N");
    tr_random_init(&random, 5);
    for (round = 0; round < 6000; round++) {
        unsigned key = (unsigned)tr_random_below(&random, KEYS);
        bool put = tr_random_below(&random, 100) < (round < 3000 ? 70u : 30u);
        char request[256];
        snprintf(request, sizeof request,
                 put ? "{'TableName':'churn','Item':{'k':{'S':'p'},'r':{'N':'%u'}}}"
                     : "{'TableName':'churn','Key':{'k':{'S':'p'},'r':{'N':'%u'}}}",
                 key);
        expect(m, put ? "PutItem" : "DeleteItem", request, 200, "{}");
        there[key] = put;
        if (round % 500 == 499) {
            static char answer[65536], want[65536];
            size_t len = 0, count = 0;
            len = (size_t)snprintf(want, sizeof want, "{'Items':[");
            for (i = 0; i < KEYS; i++) {
                if (there[i]) {
                    len += (size_t)snprintf(want + len, sizeof want - len, "%s{'r':{'N':'%u'}}",
                                            count++ > 0 ? "," : "", i);
                }
            }
            snprintf(want + len, sizeof want - len, "],'Count':%zu,'ScannedCount':%zu}", count,
                     count);
            ask(m, "Query",
                "{'TableName':'churn','KeyConditionExpression':'k = :k','ProjectionExpression':'r',"
                "'ExpressionAttributeValues':{':k':{'S':'p'}}}",
                answer, sizeof answer);
            assert_string_equal(answer, want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query__selects_a_run_of_sort_keys),
        cmocka_unit_test(test_query__wrong_key_conditions_are_refused_by_name),
        cmocka_unit_test(test_query__limit_makes_pages_that_join),
        cmocka_unit_test(test_query__filter_counts_what_it_looked_at),
        cmocka_unit_test(test_page__ends_with_the_item_that_passes_1_mb),
        cmocka_unit_test(test_scan__segments_and_pages_join_to_the_whole),
        cmocka_unit_test(test_scan__segments_are_checked),
        cmocka_unit_test(test_items__stay_in_order_under_random_writes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
