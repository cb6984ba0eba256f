/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/position.h"
#include "tests/support/test.h"

static struct tr_position position_of(const char *text)
{
    struct tr_position position;
    struct tr_err err = {0};
    tr_assert_status(tr_position_parse(tr_bytes_of(text), &position, &err), TR_OK, &err);
    return position;
}

static void test_position__reads_and_writes_kcls_spellings(void **state)
{
    static const struct {
        const char *text, *back;
    } known[] = {
        {"TRIM_HORIZON", "TRIM_HORIZON"},
        {"LATEST", "LATEST"},
        {"AT_TIMESTAMP", "AT_TIMESTAMP"},
        {"SHARD_END", "SHARD_END"},
        {"0", "0"},
        {"000", "000"},
        {"000000000000000000042", "000000000000000000042"},
        {"9999999999999999999999999999999999999999", "9999999999999999999999999999999999999999"},
        {"00009999999999999999999999999999999999999999",
         "9999999999999999999999999999999999999999"},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct tr_position position = position_of(known[i].text);
        struct tr_buf out = {0};
        tr_position_format(&out, &position);
        tr_assert_bytes(tr_buf_bytes(&out), known[i].back);
        tr_buf_deinit(&out);
    }
}

static void test_position__refuses_what_is_no_position_and_shows_it(void **state)
{
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1e3",
                                      "0x1",
                                      "1.0",
                                      "trim",
                                      "TRIM_HORIZON ",
                                      "10000000000000000000000000000000000000000"};
    struct tr_position position;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tr_err err = {0};
        tr_assert_status(tr_position_parse(tr_bytes_of(bad[i]), &position, &err), TR_EPARSE, &err);
        tr_assert_has(err.text, bad[i]);
    }
    tr_assert_status(tr_position_parse((struct tr_bytes){NULL, 0}, &position, NULL), TR_EPARSE,
                     NULL);
    tr_assert_status(tr_position_parse((struct tr_bytes){"1\0", 2}, &position, NULL), TR_EPARSE,
                     NULL);
}

static void test_position__leading_zeros_do_not_change_the_order(void **state)
{
    struct tr_position padded = position_of("000000000000000000101");
    struct tr_position plain = position_of("101"), next = position_of("000102");
    (void)state;
    assert_int_equal(tr_position_cmp(&padded, &plain), 0);
    assert_true(tr_position_cmp(&padded, &next) < 0);
    assert_true(tr_position_cmp(&next, &plain) > 0);
}

static void test_position__numbers_are_ordered_by_value_and_sentinels_as_kcl_does(void **state)
{
    static const char *const ascending[] = {
        "AT_TIMESTAMP",
        "TRIM_HORIZON",
        "LATEST",
        "0",
        "9",
        "10",
        "820400000000001192334",
        "20500000000000000910398",
        "9999999999999999999999999999999999999999",
        "SHARD_END",
    };
    const size_t count = sizeof ascending / sizeof ascending[0];
    size_t i, j;
    (void)state;
    for (i = 0; i < count; i++) {
        for (j = 0; j < count; j++) {
            struct tr_position a = position_of(ascending[i]), b = position_of(ascending[j]);
            int order = tr_position_cmp(&a, &b);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
    assert_true(tr_position_is_sequence(&(struct tr_position){.kind = TR_POSITION_SEQUENCE}));
    assert_false(tr_position_is_sequence(&TR_SHARD_END));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_position__reads_and_writes_kcls_spellings),
        cmocka_unit_test(test_position__refuses_what_is_no_position_and_shows_it),
        cmocka_unit_test(test_position__leading_zeros_do_not_change_the_order),
        cmocka_unit_test(test_position__numbers_are_ordered_by_value_and_sentinels_as_kcl_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
