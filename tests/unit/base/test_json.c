/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/mem.h"
#include "tests/support/test.h"

static void test_json__finds_members_whatever_their_order_space_and_escapes(void **state)
{
    struct tr_json_doc doc = {0};
    struct tr_buf scratch = {0};
    struct tr_bytes text;
    uint64_t number;
    (void)state;

    assert_int_equal(
        tr_json_parse(
            &doc,
            TR_LIT(" {\"a\" : [1, -2.5e3 ,true], \"\\u006bey\":\"x\\ty\\u0000\\ud83d\\ude00\"}\n"),
            NULL),
        TR_OK);
    assert_int_equal(tr_json_count(tr_json_get(tr_json_root(&doc), "a")), 3);
    assert_true(tr_json_u64(tr_json_first(tr_json_get(tr_json_root(&doc), "a")), 1, &number));
    assert_true(tr_json_str(tr_json_get(tr_json_root(&doc), "key"), &scratch, &text));
    assert_int_equal(text.len, 8);
    assert_memory_equal(text.ptr, "x\ty\0\xf0\x9f\x98\x80", 8);
    assert_int_equal(tr_json_type(tr_json_get(tr_json_root(&doc), "b")), TR_JSON_ABSENT);
    tr_buf_deinit(&scratch);
    tr_json_deinit(&doc);
}

static void test_json__keeps_forty_digits(void **state)
{
    struct tr_json_doc doc = {0};
    uint64_t number;
    (void)state;
    assert_int_equal(
        tr_json_parse(&doc, TR_LIT("[1234567890123456789012345678901234567890]"), NULL), TR_OK);
    tr_assert_bytes(tr_json_raw(tr_json_first(tr_json_root(&doc))),
                    "1234567890123456789012345678901234567890");
    assert_false(tr_json_u64(tr_json_first(tr_json_root(&doc)), UINT64_MAX, &number));
    tr_json_deinit(&doc);
}

static void test_json__says_where_a_text_is_bad(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } bad[] = {
        {"", "ends at byte 0"},
        {"{\"a\":1", "ends at byte 6, expected ',' or '}'"},
        {"{\"a\":1,}", "byte 7 is '}', expected a member's name"},
        {"[1 2]", "byte 3 is '2'"},
        {"{} x", "expected the end"},
        {"\"\\ud800\"", "surrogates"},
        {"\"\xff\"", "not utf-8"},
        {"\"a\nb\"", "0x0a"},
        {"01", "expected the end"},
        {"nul", "expected a json value"},
        {"[1.]", "expected a digit"},
    };
    struct tr_json_doc doc = {0};
    struct tr_err err;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tr_assert_status(tr_json_parse(&doc, tr_bytes_of(bad[i].text), &err), TR_EPARSE, &err);
        tr_assert_has(err.text, bad[i].says);
        assert_int_equal(tr_json_type(tr_json_root(&doc)), TR_JSON_ABSENT);
    }
    tr_json_deinit(&doc);
}

static void test_json__refuses_deep_nesting_without_using_the_stack(void **state)
{
    struct tr_json_doc doc = {0};
    struct tr_err err;
    char *deep = tr_malloc(10000);
    (void)state;
    memset(deep, '[', 10000);
    tr_assert_status(tr_json_parse(&doc, (struct tr_bytes){deep, 10000}, &err), TR_EPARSE, &err);
    tr_assert_has(err.text, "nested deeper");
    tr_free(deep);
    tr_json_deinit(&doc);
}

static void test_json__writer_and_reader_agree_on_every_byte(void **state)
{
    struct tr_json_doc doc = {0};
    struct tr_buf text = {0}, back = {0};
    char all[128];
    size_t i;
    (void)state;
    for (i = 0; i < sizeof all; i++) {
        all[i] = (char)i;
    }
    tr_buf_add_json(&text, (struct tr_bytes){all, sizeof all});
    assert_int_equal(tr_json_parse(&doc, tr_buf_bytes(&text), NULL), TR_OK);
    assert_true(tr_json_add_str(tr_json_root(&doc), &back));
    assert_int_equal(back.len, sizeof all);
    assert_memory_equal(back.ptr, all, sizeof all);
    tr_buf_deinit(&text);
    tr_buf_deinit(&back);
    tr_json_deinit(&doc);
}

static void test_json__survives_every_failed_allocation(void **state)
{
    struct tr_bytes text = TR_LIT("[{\"a\":[1,2,3,4,5,6,7,8,9,10,11,12]},\"x\"]");
    enum tr_status status = TR_ENOMEM;
    int64_t n;
    (void)state;
    for (n = 0; status != TR_OK; n++) {
        struct tr_json_doc doc = {0};
        (void)tr_mem_fail_at(n);
        status = tr_json_parse(&doc, text, NULL);
        (void)tr_mem_fail_at(-1);
        assert_true(status == TR_OK || status == TR_ENOMEM);
        tr_json_deinit(&doc);
    }
    assert_true(n > 1);
}

/* Knows {"k":1}, and counts what it is shown. */
static size_t known(void *ctx, struct tr_bytes rest, uint32_t *number)
{
    unsigned *shown = ctx;
    *number = 40 + ++*shown;
    return tr_bytes_starts(rest, "{\"k\":1}") ? 7 : 0;
}

static void test_json__passes_over_objects_that_are_known(void **state)
{
    struct tr_json_doc doc = {0};
    struct tr_json items, item;
    unsigned shown = 0;
    (void)state;
    assert_int_equal(tr_json_parse_known(&doc,
                                         TR_LIT("{\"o\":{\"k\":1},\"a\":[{\"k\":2}, {\"k\":1} ,[{"
                                                "\"k\":1}],7]}"),
                                         known, &shown, NULL),
                     TR_OK);
    assert_int_equal(shown, 2); /* neither deeper nor higher ones */
    assert_int_equal(tr_json_type(tr_json_get(tr_json_root(&doc), "o")), TR_JSON_OBJECT);
    items = tr_json_get(tr_json_root(&doc), "a");
    assert_int_equal(tr_json_count(items), 4);
    item = tr_json_first(items);
    assert_int_equal(tr_json_type(item), TR_JSON_OBJECT);
    item = tr_json_next(items, item);
    assert_int_equal(tr_json_type(item), TR_JSON_KNOWN);
    assert_int_equal(tr_json_count(item), 42);
    tr_assert_bytes(tr_json_raw(item), "{\"k\":1}");
    assert_int_equal(tr_json_type(tr_json_first(item)), TR_JSON_ABSENT);
    assert_int_equal(tr_json_type(tr_json_get(item, "k")), TR_JSON_ABSENT);
    item = tr_json_next(items, item);
    assert_int_equal(tr_json_type(item), TR_JSON_ARRAY);
    assert_int_equal(tr_json_type(tr_json_first(item)), TR_JSON_OBJECT);
    tr_json_deinit(&doc);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json__finds_members_whatever_their_order_space_and_escapes),
        cmocka_unit_test(test_json__keeps_forty_digits),
        cmocka_unit_test(test_json__says_where_a_text_is_bad),
        cmocka_unit_test(test_json__refuses_deep_nesting_without_using_the_stack),
        cmocka_unit_test(test_json__writer_and_reader_agree_on_every_byte),
        cmocka_unit_test(test_json__passes_over_objects_that_are_known),
        cmocka_unit_test(test_json__survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
