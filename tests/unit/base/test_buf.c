/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/mem.h"
#include "tests/support/test.h"

/* Each special byte at each place of a text that is longer than a machine word. */
static void test_buf__escapes_what_json_needs_wherever_it_stands(void **state)
{
    static const struct {
        char c;
        const char *escaped;
    } specials[] = {{'"', "\\\""},     {'\\', "\\\\"},    {'\n', "\\n"}, {'\t', "\\t"},
                    {'\0', "\\u0000"}, {0x1f, "\\u001f"}, {0x20, " "},   {'\x80', "\x80"},
                    {'\xff', "\xff"},  {'!', "!"},        {'#', "#"},    {'[', "["}};
    size_t i, at;
    (void)state;
    for (i = 0; i < sizeof specials / sizeof specials[0]; i++) {
        for (at = 0; at < 19; at++) {
            char text[20] = "abcdefghijklmnopqrs", wanted[40];
            struct tr_buf out = {0};
            text[at] = specials[i].c;
            (void)snprintf(wanted, sizeof wanted, "\"%.*s%s%s\"", (int)at, text,
                           specials[i].escaped, text + at + 1);
            tr_buf_add_json(&out, (struct tr_bytes){text, 19});
            tr_assert_bytes(tr_buf_bytes(&out), wanted);
            tr_buf_deinit(&out);
        }
    }
}

static void test_buf__formats_text_of_any_length_behind_what_is_there(void **state)
{
    char text[300];
    size_t len;
    (void)state;
    for (len = 0; len < sizeof text; len++) {
        struct tr_buf out = {0};
        memset(text, 'x', len);
        text[len] = '\0';
        tr_buf_add_str(&out, "head ");
        tr_buf_printf(&out, "%s.", text);
        assert_int_equal(out.len, len + 6);
        assert_int_equal(strlen(out.ptr), len + 6);
        assert_memory_equal(out.ptr + 5, text, len);
        tr_buf_deinit(&out);
    }
}

static void test_buf__adds_numbers_as_their_digits(void **state)
{
    struct tr_buf out = {0};
    (void)state;
    tr_buf_add_u64(&out, 0);
    tr_buf_add_char(&out, ' ');
    tr_buf_add_u64(&out, 1000);
    tr_buf_add_char(&out, ' ');
    tr_buf_add_u64(&out, UINT64_MAX);
    tr_assert_bytes(tr_buf_bytes(&out), "0 1000 18446744073709551615");
    tr_buf_deinit(&out);
}

static void test_buf__keeps_its_content_when_there_is_no_memory_for_more(void **state)
{
    struct tr_buf out = {0};
    (void)state;
    tr_buf_add_str(&out, "head");
    (void)tr_mem_fail_at(0);
    tr_buf_printf(&out, "%s", "a text that does not fit into the room that is there any more");
    (void)tr_mem_fail_at(-1);
    assert_int_equal(tr_buf_status(&out), TR_ENOMEM);
    assert_string_equal(out.ptr, "head");
    tr_buf_printf(&out, "x");
    assert_string_equal(out.ptr, "head");
    tr_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf__escapes_what_json_needs_wherever_it_stands),
        cmocka_unit_test(test_buf__formats_text_of_any_length_behind_what_is_there),
        cmocka_unit_test(test_buf__adds_numbers_as_their_digits),
        cmocka_unit_test(test_buf__keeps_its_content_when_there_is_no_memory_for_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
