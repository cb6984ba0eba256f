/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/error_core.h"
#include "base/mem.h"
#include "tests/support/test.h"

static struct tr_verdict judge(unsigned http_status, const char *body)
{
    struct tr_reply reply = {.http_status = http_status, .body = tr_bytes_of(body)};
    struct tr_verdict got;
    tr_reply_judge(&reply, &got);
    return got;
}

#define TYPED(code) "{\"__type\":\"com.amazonaws.dynamodb.v20120810#" code "\",\"message\":\"m\"}"

static void test_error__each_code_has_one_status(void **state)
{
    static const struct {
        const char *body;
        enum tr_status status;
        bool repeatable;
    } known[] = {
        {TYPED("ConditionalCheckFailedException"), TR_ECONDITION, false},
        {TYPED("ResourceNotFoundException"), TR_ENOTFOUND, false},
        {TYPED("ResourceInUseException"), TR_EEXISTS, false},
        {TYPED("ExpiredIteratorException"), TR_EEXPIRED, false},
        {TYPED("TrimmedDataAccessException"), TR_ETRIMMED, false},
        {TYPED("ProvisionedThroughputExceededException"), TR_ETHROTTLED, true},
        {TYPED("ThrottlingException"), TR_ETHROTTLED, true},
        {TYPED("LimitExceededException"), TR_ETHROTTLED, true},
        {TYPED("AccessDeniedException"), TR_EAUTH, false},
        {TYPED("UnrecognizedClientException"), TR_EAUTH, false},
        {TYPED("InvalidSignatureException"), TR_EAUTH, false},
        {TYPED("ValidationException"), TR_EREFUSED, false},
        {TYPED("SerializationException"), TR_EREFUSED, false},
        {TYPED("UnknownOperationException"), TR_EREFUSED, false},
        {TYPED("ItemCollectionSizeLimitExceededException"), TR_EREFUSED, false},
        {TYPED("RequestTimeoutException"), TR_ETIMEOUT, true},
        {TYPED("InternalServerError"), TR_ESERVICE, true},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct tr_verdict got = judge(400, known[i].body);
        tr_assert_status(got.status, known[i].status, NULL);
        assert_int_equal(got.repeatable, known[i].repeatable);
        assert_false(got.may_have_happened);
    }
}

static void test_error__reads_the_spellings_of_the_services(void **state)
{
    struct tr_reply reply = {.http_status = 400, .body = TR_LIT("{}")};
    struct tr_verdict got;
    (void)state;
    got = judge(400, "{\"__type\":\"com.amazon.coral.validate#ValidationException\","
                     "\"Message\":\"Invalid \\\"ShardIterator\\\"\"}");
    assert_string_equal(got.code, "ValidationException");
    assert_string_equal(got.text, "400 ValidationException: Invalid \"ShardIterator\"");
    got = judge(400, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ExpiredIteratorException\","
                     "\"Message\":\"\"}");
    assert_string_equal(got.text, "400 ExpiredIteratorException");
    got = judge(400, "{\"__type\":\"ThrottlingException\",\"message\":null,\"Message\":\"slow\"}");
    assert_string_equal(got.text, "400 ThrottlingException: slow");
    reply.error_type = TR_LIT("ResourceNotFoundException:http://internal.amazon.com/x/");
    tr_reply_judge(&reply, &got);
    assert_string_equal(got.code, "ResourceNotFoundException");
    tr_assert_status(got.status, TR_ENOTFOUND, NULL);
}

static void test_error__a_number_speaks_where_no_code_does(void **state)
{
    static const struct {
        unsigned number;
        enum tr_status status;
        bool repeatable, may_have_happened;
    } known[] = {
        {500, TR_ESERVICE, true, true},   {502, TR_ESERVICE, true, true},
        {503, TR_ESERVICE, true, true},   {501, TR_ESERVICE, false, true},
        {429, TR_ETHROTTLED, true, true}, {408, TR_ETIMEOUT, true, true},
        {403, TR_EAUTH, false, true},     {407, TR_EAUTH, false, true},
        {413, TR_EREFUSED, false, true},  {301, TR_EREFUSED, false, true},
        {404, TR_EREFUSED, false, true},  {204, TR_ECORRUPT, true, true},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct tr_verdict got = judge(known[i].number, "");
        tr_assert_status(got.status, known[i].status, NULL);
        assert_int_equal(got.repeatable, known[i].repeatable);
        assert_int_equal(got.may_have_happened, known[i].may_have_happened);
        assert_string_equal(got.code, "");
    }
}

static void test_error__a_500_is_the_services_whatever_it_says(void **state)
{
    struct tr_verdict got = judge(500, TYPED("ValidationException"));
    (void)state;
    tr_assert_status(got.status, TR_ESERVICE, NULL);
    assert_true(got.may_have_happened);
    got = judge(503, TYPED("ThrottlingException"));
    tr_assert_status(got.status, TR_ETHROTTLED, NULL);
    assert_true(got.may_have_happened);
}

static void test_error__html_is_shown_by_its_first_words(void **state)
{
    struct tr_verdict got = judge(502, "<html>\r\n<head><title>502 Bad Gateway</title>"
                                       "<style>b{color:red}</style></head>\n"
                                       "<body><h1>502 Bad Gateway</h1><hr>nginx</body></html>");
    (void)state;
    assert_string_equal(got.text, "502: 502 Bad Gateway 502 Bad Gateway nginx");
    got = judge(500, "<script");
    assert_string_equal(got.text, "500: ");
    got = judge(500, "<");
    tr_assert_status(got.status, TR_ESERVICE, NULL);
}

static void test_error__text_is_printable_and_bounded(void **state)
{
    struct tr_buf body = {0};
    struct tr_verdict got;
    size_t i;
    (void)state;
    got = judge(400, "{\"__type\":\"X\",\"message\":\"a\\u0000b\\nc\\u001b[31m\\u007f\"}");
    assert_string_equal(got.text, "400 X: a b c [31m ");
    got = judge(400, "\xff\xfe raw \x01 bytes");
    assert_string_equal(got.text, "400: ?? raw bytes");
    tr_buf_add_str(&body, "{\"__type\":\"X\",\"message\":\"");
    for (i = 0; i < 1000; i++) {
        tr_buf_add_str(&body, "\xe2\x82\xac");
    }
    tr_buf_add_str(&body, "\"}");
    got = judge(400, body.ptr);
    assert_true(tr_bytes_utf8(tr_bytes_of(got.text)));
    assert_in_range(strlen(got.text), sizeof got.text - 5, sizeof got.text - 1);
    tr_buf_deinit(&body);
}

static void test_error__strange_bodies_have_no_code(void **state)
{
    static const char *const bodies[] = {
        "{\"__type\":5}",
        "{\"__type\":\"\"}",
        "{\"__type\":\"a b\\r\\nc\"}",
        "[\"ValidationError\"]",
        "{\"__type\":\"x#\"}",
        "{\"__type\"",
        "{\"__type\":\"\xff\"}",
        "null",
        "{\"__type\":\"#:#\"}",
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct tr_verdict got = judge(400, bodies[i]);
        tr_assert_status(got.status, TR_EREFUSED, NULL);
        assert_string_equal(got.code, "");
        assert_true(got.may_have_happened);
    }
}

static void test_error__deep_and_large_bodies_are_not_read(void **state)
{
    size_t size = 1000000;
    char *body = malloc(size);
    struct tr_reply reply = {.http_status = 400, .body = {body, size}};
    struct tr_verdict got;
    (void)state;
    assert_non_null(body);
    memset(body, '[', size);
    tr_reply_judge(&reply, &got);
    tr_assert_status(got.status, TR_EREFUSED, NULL);
    reply.body.len = 10000;
    tr_reply_judge(&reply, &got);
    tr_assert_status(got.status, TR_EREFUSED, NULL);
    free(body);
}

static void test_reply__a_200_must_be_a_whole_object(void **state)
{
    static const char *const good[] = {"{}", " {\"Records\":[]}\r\n"};
    static const char *const bad[] = {"", "[]", "{\"Records\":[", "null", "}", "{", "\x1f\x8b\x08"};
    struct tr_reply reply = {.http_status = 200, .body = TR_LIT("{}"), .crc_differs = true};
    struct tr_verdict got;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        got = judge(200, good[i]);
        tr_assert_status(got.status, TR_OK, NULL);
    }
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        got = judge(200, bad[i]);
        tr_assert_status(got.status, TR_ECORRUPT, NULL);
        assert_true(got.repeatable && got.may_have_happened);
    }
    tr_reply_judge(&reply, &got);
    tr_assert_status(got.status, TR_ECORRUPT, NULL);
    tr_assert_has(got.text, "checksum");
    reply.crc_differs = false;
    reply.encoding = TR_LIT("gzip");
    tr_reply_judge(&reply, &got);
    tr_assert_status(got.status, TR_ECORRUPT, NULL);
    tr_assert_has(got.text, "encoded");
}

static void test_error__only_some_refusals_may_be_the_clocks(void **state)
{
    (void)state;
    assert_true(judge(400, TYPED("InvalidSignatureException")).clock);
    assert_true(judge(403, TYPED("RequestTimeTooSkewed")).clock);
    assert_false(judge(400, TYPED("UnrecognizedClientException")).clock);
    assert_false(judge(403, "").clock);
}

static void test_error__runs_out_of_memory_cleanly(void **state)
{
    struct tr_verdict got;
    int64_t n = 0;
    (void)state;
    do {
        (void)tr_mem_fail_at(n++);
        got = judge(400, TYPED("ExpiredIteratorException"));
        (void)tr_mem_fail_at(-1);
        assert_true(got.status == TR_ENOMEM || got.status == TR_EEXPIRED);
    } while (got.status == TR_ENOMEM && n < 50);
    assert_true(n > 2);
    tr_assert_status(got.status, TR_EEXPIRED, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error__each_code_has_one_status),
        cmocka_unit_test(test_error__reads_the_spellings_of_the_services),
        cmocka_unit_test(test_error__a_number_speaks_where_no_code_does),
        cmocka_unit_test(test_error__a_500_is_the_services_whatever_it_says),
        cmocka_unit_test(test_error__html_is_shown_by_its_first_words),
        cmocka_unit_test(test_error__text_is_printable_and_bounded),
        cmocka_unit_test(test_error__strange_bodies_have_no_code),
        cmocka_unit_test(test_error__deep_and_large_bodies_are_not_read),
        cmocka_unit_test(test_reply__a_200_must_be_a_whole_object),
        cmocka_unit_test(test_error__only_some_refusals_may_be_the_clocks),
        cmocka_unit_test(test_error__runs_out_of_memory_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
