/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "stream/page.h"
#include "tests/support/test.h"

#define ARN "arn:aws:dynamodb:us-west-2:111122223333:table/T/stream/2026-11-21T08:00:00.000"
#define TAIL ",\"eventSourceARN\":\"" ARN "\"}"
#define CHANGE "\"dynamodb\":{\"SequenceNumber\":\"1\"}"

/* A page of the given records, joined by commas already. */
static void make_page(struct tr_page *page, const char *records)
{
    struct tr_err err = {0};
    *page = (struct tr_page){0};
    tr_buf_printf(&page->body, "{\"Records\":[%s]}", records);
    tr_assert_status(tr_page_slice(page, &err), TR_OK, &err);
}

static void test_page__a_record_leaves_as_lambda_would_deliver_it(void **state)
{
    static const struct {
        const char *record, *out;
    } known[] = {
        /* byte for byte, unknown members too */
        {"{\"x\":\"\\u0041\xff\"," CHANGE ",\"n\":1.50}",
         "{\"x\":\"\\u0041\xff\"," CHANGE ",\"n\":1.50" TAIL},
        {"{" CHANGE ",\"eventSourceARN\":\"mine\"}", "{" CHANGE ",\"eventSourceARN\":\"mine\"}"},
        /* white space stays, line breaks go */
        {"{ " CHANGE " }", "{ " CHANGE " " TAIL},
        {"{\r\n  " CHANGE ",\n  \"a\": [\n1,\n\"\\n\"]\n}",
         "{  " CHANGE ",  \"a\": [1,\"\\n\"]" TAIL},
        /* the names of userIdentity, whoever wrote them */
        {"{" CHANGE ",\"userIdentity\":{\"PrincipalId\":\"dynamodb.amazonaws.com\",\"Type\":"
         "\"Service\"},\"z\":1}",
         "{" CHANGE ",\"userIdentity\":{\"principalId\":\"dynamodb.amazonaws.com\",\"type\":"
         "\"Service\"},\"z\":1" TAIL},
        {"{\"userIdentity\":{\"type\":\"Service\",\"principalId\":\"p\"}," CHANGE "}",
         "{\"userIdentity\":{\"type\":\"Service\",\"principalId\":\"p\"}," CHANGE TAIL},
        {"{\"userIdentity\":{\n\"T\\u0079pe\" : \"Type\",\"More\":{\"Type\":[\"PrincipalId\"]},"
         "\"Type2\":\"\\\"Type\\\"\"}," CHANGE "}",
         "{\"userIdentity\":{\"type\" : \"Type\",\"More\":{\"Type\":[\"PrincipalId\"]},"
         "\"Type2\":\"\\\"Type\\\"\"}," CHANGE TAIL},
        /* only there, and only if it is an object */
        {"{\"Type\":1,\"userIdentity\":[\"Type\",{\"Type\":1}]," CHANGE "}",
         "{\"Type\":1,\"userIdentity\":[\"Type\",{\"Type\":1}]," CHANGE TAIL},
        {"{\"userIdentity\":null," CHANGE "}", "{\"userIdentity\":null," CHANGE TAIL},
        {"{\"userIdentity\":{}," CHANGE "}", "{\"userIdentity\":{}," CHANGE TAIL},
        {"{\"userIdentity\":\"Type\"," CHANGE "}", "{\"userIdentity\":\"Type\"," CHANGE TAIL},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct tr_page page;
        struct tr_buf out = {0};
        make_page(&page, known[i].record);
        tr_page_add_record(&page, 0, TR_LIT(ARN), &out);
        tr_assert_bytes(tr_buf_bytes(&out), known[i].out);
        tr_buf_deinit(&out);
        tr_page_deinit(&page);
    }
}

static void test_page__an_arn_is_escaped_as_json(void **state)
{
    struct tr_page page;
    struct tr_buf out = {0};
    (void)state;
    make_page(&page, "{" CHANGE "}");
    tr_page_add_record(&page, 0, TR_LIT("a\"b\\c\n"), &out);
    tr_assert_bytes(tr_buf_bytes(&out), "{" CHANGE ",\"eventSourceARN\":\"a\\\"b\\\\c\\n\"}");
    tr_buf_deinit(&out);
    tr_page_deinit(&page);
}

static void test_page__records_in_a_row_are_the_same_as_one_by_one(void **state)
{
    struct tr_page page;
    struct tr_buf one = {0}, row = {0};
    size_t i;
    (void)state;
    make_page(&page, "{" CHANGE ",\"a\":0},{" CHANGE ",\"eventSourceARN\":\"x\"},\n{" CHANGE
                     ",\"a\":2},{" CHANGE ",\n\"userIdentity\":{\"Type\":1}},{" CHANGE "}");
    for (i = 1; i < 5; i++) {
        tr_page_add_record(&page, i, TR_LIT(ARN), &one);
        tr_buf_add_char(&one, '\n');
    }
    tr_page_add_records(&page, 1, 4, TR_LIT(ARN), '\n', &row);
    tr_assert_bytes(tr_buf_bytes(&row), one.ptr);
    tr_page_add_records(&page, 1, 0, TR_LIT(ARN), '\n', &row);
    assert_int_equal(row.len, one.len);
    tr_buf_deinit(&one);
    tr_buf_deinit(&row);
    tr_page_deinit(&page);
}

static void test_page__without_memory_the_buffer_says_so(void **state)
{
    struct tr_page page;
    int64_t n;
    (void)state;
    make_page(&page, "{" CHANGE ",\n\"userIdentity\":{\"Type\":1}},{" CHANGE "}");
    for (n = 0;; n++) {
        struct tr_buf out = {0};
        bool failed;
        tr_mem_fail_at(n);
        tr_page_add_records(&page, 0, 2, TR_LIT(ARN), '\n', &out);
        tr_mem_fail_at(-1);
        failed = out.failed;
        tr_buf_deinit(&out);
        if (!failed) {
            break;
        }
    }
    assert_true(n > 0);
    tr_page_deinit(&page);
}

static void test_page__positions_compare_by_value_across_widths(void **state)
{
    struct tr_page page;
    struct tr_position small, large;
    (void)state;
    make_page(&page, "{\"dynamodb\":{\"SequenceNumber\":\"000000000000000000009\"}},"
                     "{\"dynamodb\":{\"SequenceNumber\":\"10\"}}");
    small = tr_page_position(&page, 0);
    large = tr_page_position(&page, 1);
    assert_true(tr_position_is_sequence(&small));
    assert_true(tr_position_cmp(&small, &large) < 0);
    tr_page_deinit(&page);
}

static void test_page__creation_times_are_read_in_every_spelling_of_a_number(void **state)
{
    static const struct {
        const char *number;
        int64_t ms; /* -1: none */
    } known[] = {
        {"1795226580", 1795226580000},
        {"1795226580.000", 1795226580000},
        {"1795226580.1239", 1795226580123},
        {"1.79522658E9", 1795226580000},
        {"1.795226580123e+9", 1795226580123},
        {"17952265801.23e-1", 1795226580123},
        {"179522658000000000000000000000000000000e-29", 1795226580000},
        {"0.000000000000000000000000000000179522658e40", 1795226580000},
        {"0", 0},
        {"0e999999999999999999999", 0},
        {"1e-999999999999999999999", 0},
        {"253402300799.999", 253402300799999},
        {"253402300800", -1},
        {"1795226580000", -1},
        {"1e999999999999999999999", -1},
        {"99999999999999999999999999999999999999", -1},
        {"-1", -1},
        {"\"1795226580\"", -1},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct tr_page page = {0};
        struct tr_buf record = {0};
        int64_t ms = -1;
        tr_buf_printf(&record,
                      "{\"dynamodb\":{\"SequenceNumber\":\"1\","
                      "\"ApproximateCreationDateTime\":%s}}",
                      known[i].number);
        make_page(&page, record.ptr);
        assert_int_equal(tr_page_created_ms(&page, 0, &ms), known[i].ms >= 0);
        assert_int_equal(ms, known[i].ms);
        tr_buf_deinit(&record);
        tr_page_deinit(&page);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page__a_record_leaves_as_lambda_would_deliver_it),
        cmocka_unit_test(test_page__an_arn_is_escaped_as_json),
        cmocka_unit_test(test_page__records_in_a_row_are_the_same_as_one_by_one),
        cmocka_unit_test(test_page__without_memory_the_buffer_says_so),
        cmocka_unit_test(test_page__positions_compare_by_value_across_widths),
        cmocka_unit_test(test_page__creation_times_are_read_in_every_spelling_of_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
