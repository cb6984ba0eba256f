/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "config/hint.h"
#include "config/text.h"
#include "config/value.h"
#include "tests/support/test.h"

static void test_duration__is_read_in_its_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"0s", 0},      {"500ms", 500},     {"10s", 10000},
                {"5m", 300000}, {"1h", 3600000},    {"007s", 7000},
                {"0h", 0},      {"90000ms", 90000}, {"18446744073709551615ms", UINT64_MAX}};
    uint64_t ms;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(
            tr_config_value_duration(tr_bytes_of(good[i].text), 0, UINT64_MAX, &ms, NULL), TR_OK);
        assert_int_equal(ms, good[i].ms);
    }
}

static void test_duration__says_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } bad[] = {
        {"", "'' is not a duration"},
        {"10", "'10' has no unit (for example 500ms, 10s, 5m, 1h)"},
        {"0", "has no unit"},
        {"10sec", "did you mean '10s'?"},
        {"5 m", "'5 m' is not a duration"},
        {"5min", "did you mean '5m'?"},
        {"20millis", "did you mean '20ms'?"},
        {"20msec", "did you mean '20ms'?"},
        {"1H", "did you mean '1h'?"},
        {"1.5s", "'1.5s' is not a duration"},
        {"-1s", "'-1s' is not a duration"},
        {"s", "is not a duration"},
        {"999ms", "999ms is not in 1s..10m"},
        {"11m", "11m is not in 1s..10m"},
        {"18446744073709551615h", "18446744073709551615h is not in 1s..10m"},
        {"99999999999999999999999999s", "is not in 1s..10m"},
    };
    struct tr_err err;
    uint64_t ms = 77;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tr_assert_status(
            tr_config_value_duration(tr_bytes_of(bad[i].text), 1000, 600000, &ms, &err), TR_ECONFIG,
            &err);
        tr_assert_has(err.text, bad[i].says);
        assert_int_equal(ms, 77);
    }
}

static void test_size__is_read_in_powers_of_two_only(void **state)
{
    uint64_t bytes = 0;
    struct tr_err err;
    (void)state;
    assert_int_equal(tr_config_value_size(TR_LIT("64KiB"), 0, UINT64_MAX, &bytes, NULL), TR_OK);
    assert_int_equal(bytes, 65536);
    assert_int_equal(tr_config_value_size(TR_LIT("7B"), 0, UINT64_MAX, &bytes, NULL), TR_OK);
    assert_int_equal(bytes, 7);
    assert_int_equal(tr_config_value_size(TR_LIT("2GiB"), 0, UINT64_MAX, &bytes, NULL), TR_OK);
    assert_int_equal(bytes, 2147483648u);
    tr_assert_status(tr_config_value_size(TR_LIT("64KB"), 0, UINT64_MAX, &bytes, &err), TR_ECONFIG,
                     &err);
    tr_assert_has(err.text, "did you mean '64KiB'?");
    tr_assert_status(tr_config_value_size(TR_LIT("64Mi"), 0, UINT64_MAX, &bytes, &err), TR_ECONFIG,
                     &err);
    tr_assert_has(err.text, "did you mean '64MiB'?");
    tr_assert_status(tr_config_value_size(TR_LIT("1024"), 0, UINT64_MAX, &bytes, &err), TR_ECONFIG,
                     &err);
    tr_assert_has(err.text, "no unit");
    tr_assert_status(tr_config_value_size(TR_LIT("17179869184GiB"), 0, UINT64_MAX, &bytes, &err),
                     TR_ECONFIG, &err);
    tr_assert_has(err.text, "17179869184GiB is not in 0B..");
}

static void test_count__refuses_what_yaml_readers_disagree_about(void **state)
{
    static const char *const bad[] = {"010", "1_000", "0x10", "1e3", "12.0", "+5", "", "5 ", "-"};
    struct tr_err err;
    uint64_t number = 0;
    size_t i;
    (void)state;
    assert_int_equal(tr_config_value_count(TR_LIT("10000"), 1, 10000, &number, NULL), TR_OK);
    assert_int_equal(number, 10000);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tr_assert_status(tr_config_value_count(tr_bytes_of(bad[i]), 0, 10000, &number, &err),
                         TR_ECONFIG, &err);
        tr_assert_has(err.text, "is not a whole number");
    }
    tr_assert_status(tr_config_value_count(TR_LIT("-3"), 1, 10000, &number, &err), TR_ECONFIG,
                     &err);
    assert_string_equal(err.text, "-3 is not in 1..10000");
    tr_assert_status(tr_config_value_count(TR_LIT("0"), 1, 10000, &number, &err), TR_ECONFIG, &err);
    assert_string_equal(err.text, "0 is not in 1..10000");
}

static void test_hint__is_near_or_not_given(void **state)
{
    static const struct {
        const char *wanted;
        const char *best; /* NULL: none */
    } cases[] = {
        {"recrods", "records"},
        {"record", "records"},
        {"onGap", "on_gap"},
        {"on-gap", "on_gap"},
        {"ON_GAP", "on_gap"},
        {"bytez", "bytes"},
        {"zebra", NULL},
        {"x", NULL},
        {"", NULL},
        {"reserved", NULL},
        {"windowsill_long", NULL},
    };
    static const char *const known[] = {"records", "bytes", "window", "on_gap"};
    size_t i, j;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tr_hint hint;
        tr_hint_init(&hint, tr_bytes_of(cases[i].wanted));
        for (j = 0; j < sizeof known / sizeof known[0]; j++) {
            tr_hint_offer(&hint, tr_bytes_of(known[j]));
        }
        if (cases[i].best == NULL) {
            assert_null(hint.best.ptr);
        } else {
            tr_assert_bytes(hint.best, cases[i].best);
        }
    }
}

static void test_defaults__of_the_table_are_values_of_their_settings(void **state)
{
    size_t i;
    (void)state;
    for (i = 0; i < TR_SETTING_COUNT_ALL; i++) {
        const struct tr_setting *setting = &tr_settings[i];
        struct tr_err err;
        uint64_t number = 0;
        if (tr_setting_has_default(setting)) {
            struct tr_buf again = {0};
            tr_assert_status(
                tr_config_value_parse(setting, tr_bytes_of(setting->default_text), &number, &err),
                TR_OK, &err);
            tr_config_value_add(&again, setting, number);
            tr_assert_bytes(tr_buf_bytes(&again), setting->default_text);
            tr_buf_deinit(&again);
        } else {
            assert_true(setting->available == TR_SETTING_LATER ||
                        setting->default_text[strlen(setting->default_text) - 1] == ')');
        }
        assert_true(strlen(setting->path) < 100);
        assert_int_equal(setting->doc[strlen(setting->doc) - 1], '.');
    }
}

static void test_value__survives_lack_of_memory(void **state)
{
    struct tr_err err;
    uint64_t number;
    int64_t n;
    (void)state;
    for (n = 0; n < 4; n++) {
        (void)tr_mem_fail_at(n);
        assert_int_equal(tr_config_value_duration(TR_LIT("9s"), 0, 10, &number, &err), TR_ECONFIG);
        (void)tr_mem_fail_at(-1);
        assert_true(err.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duration__is_read_in_its_units),
        cmocka_unit_test(test_duration__says_what_is_wrong),
        cmocka_unit_test(test_size__is_read_in_powers_of_two_only),
        cmocka_unit_test(test_count__refuses_what_yaml_readers_disagree_about),
        cmocka_unit_test(test_hint__is_near_or_not_given),
        cmocka_unit_test(test_defaults__of_the_table_are_values_of_their_settings),
        cmocka_unit_test(test_value__survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
