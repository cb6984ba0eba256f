/* SPDX-License-Identifier: Apache-2.0 */
#include "config/interpolate.h"
#include "base/mem.h"
#include "tests/support/test.h"

static const char *environment(void *user, const char *name)
{
    (void)user;
    if (strcmp(name, "SET") == 0) {
        return "value";
    }
    if (strcmp(name, "EMPTY") == 0) {
        return "";
    }
    return strcmp(name, "TRICKY") == 0 ? "${SET} $$ {a: b}\n- c" : NULL;
}

static void test_interpolate__replaces_each_form(void **state)
{
    static const struct {
        const char *text;
        const char *want;
        const char *names;
    } good[] = {
        {"plain", "plain", ""},
        {"${SET}", "value", "SET"},
        {"a${SET}b${EMPTY}c", "avaluebc", "SET, EMPTY"},
        {"${MISSING:-}", "", "MISSING"},
        {"${MISSING:-a b:c-d?}", "a b:c-d?", "MISSING"},
        {"${EMPTY:-x}", "x", "EMPTY"},
        {"${SET:-x}", "value", "SET"},
        {"${SET:?needed}", "value", "SET"},
        {"a$$b$$$${SET}", "a$b$${SET}", ""},
        {"$${SET}", "${SET}", ""},
        {"{shard}", "{shard}", ""},
        /* A value is text: it is not looked through again. */
        {"${TRICKY}", "${SET} $$ {a: b}\n- c", "TRICKY"},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct tr_buf out = {0}, names = {0};
        struct tr_err err = {{0}};
        tr_assert_status(
            tr_interpolate(tr_bytes_of(good[i].text), environment, NULL, &out, &names, &err), TR_OK,
            &err);
        tr_assert_bytes(out.ptr != NULL ? tr_buf_bytes(&out) : TR_LIT(""), good[i].want);
        tr_assert_bytes(names.ptr != NULL ? tr_buf_bytes(&names) : TR_LIT(""), good[i].names);
        tr_buf_deinit(&out);
        tr_buf_deinit(&names);
    }
}

static void test_interpolate__refuses_all_else(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } bad[] = {
        {"${MISSING}", "environment variable 'MISSING' is not set (a default: '${MISSING:-...}')"},
        {"${MISSING:?set the table}", "environment variable 'MISSING' is not set: set the table"},
        {"${EMPTY:?}", "environment variable 'EMPTY' is not set: it is required"},
        {"x${SET", "'${SET': '${' without '}'"},
        {"${", "without '}'"},
        {"${}", "a variable's name"},
        {"${1A}", "a variable's name"},
        {"${A B}", "expected ${NAME}, ${NAME:-default} or ${NAME:?message}"},
        {"${A-b}", "expected ${NAME}"},
        {"${A:}", "expected ${NAME}"},
        {"${A:=b}", "expected ${NAME}"},
        {"${A:-${SET}}", "no '$' may stand inside"},
        {"$SET", "write '${NAME}' for a variable, '$$' for a dollar sign"},
        {"5$", "write '${NAME}'"},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tr_buf out = {0}, names = {0};
        struct tr_err err = {{0}};
        tr_assert_status(
            tr_interpolate(tr_bytes_of(bad[i].text), environment, NULL, &out, &names, &err),
            TR_ECONFIG, &err);
        tr_assert_has(err.text, bad[i].says);
        tr_buf_deinit(&out);
        tr_buf_deinit(&names);
    }
}

static const char *endless(void *user, const char *name)
{
    (void)name;
    return user;
}

static void test_interpolate__has_a_limit(void **state)
{
    char *big = tr_malloc(40001);
    struct tr_buf out = {0}, names = {0};
    struct tr_err err = {{0}};
    (void)state;
    memset(big, 'x', 40000);
    big[40000] = '\0';
    tr_assert_status(tr_interpolate(TR_LIT("${A}${A}"), endless, big, &out, &names, &err),
                     TR_ECONFIG, &err);
    tr_assert_has(err.text, "longer than 65536 bytes");
    tr_buf_deinit(&out);
    tr_buf_deinit(&names);
    tr_free(big);
}

static void test_interpolate__lack_of_memory_shows_in_the_buffers(void **state)
{
    int64_t n;
    (void)state;
    for (n = 0; n < 2; n++) {
        struct tr_buf out = {0}, names = {0};
        enum tr_status status;
        (void)tr_mem_fail_at(n);
        status = tr_interpolate(TR_LIT("${SET}"), environment, NULL, &out, &names, NULL);
        (void)tr_mem_fail_at(-1);
        assert_int_equal(status, TR_OK);
        assert_true(out.failed || names.failed);
        tr_buf_deinit(&out);
        tr_buf_deinit(&names);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interpolate__replaces_each_form),
        cmocka_unit_test(test_interpolate__refuses_all_else),
        cmocka_unit_test(test_interpolate__has_a_limit),
        cmocka_unit_test(test_interpolate__lack_of_memory_shows_in_the_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
