/* SPDX-License-Identifier: Apache-2.0
 *
 * Decimals: every spelling has one normal form, and sums are exact. */
#include "tests/support/test.h"

#include "base/random.h"
#include "local/number.h"

#define D38 "12345678901234567890123456789012345678"

struct spelling {
    const char *text;
    enum tr_number_outcome outcome;
    const char *normal;
};

static const struct spelling spellings[] = {
    {"0", TR_NUMBER_OK, "0"},
    {"-0", TR_NUMBER_OK, "0"},
    {"0.000", TR_NUMBER_OK, "0"},
    {"0e999", TR_NUMBER_OK, "0"},
    {"1", TR_NUMBER_OK, "1"},
    {"+1", TR_NUMBER_OK, "1"},
    {"-1", TR_NUMBER_OK, "-1"},
    {"0001", TR_NUMBER_OK, "1"},
    {"1.0", TR_NUMBER_OK, "1"},
    {"1.50", TR_NUMBER_OK, "1.5"},
    {".5", TR_NUMBER_OK, "0.5"},
    {"5.", TR_NUMBER_OK, "5"},
    {"1e5", TR_NUMBER_OK, "100000"},
    {"1E+5", TR_NUMBER_OK, "100000"},
    {"1e-5", TR_NUMBER_OK, "0.00001"},
    {"-1.5e-3", TR_NUMBER_OK, "-0.0015"},
    {"000.100e2", TR_NUMBER_OK, "10"},
    {"1000", TR_NUMBER_OK, "1000"},
    {"10.010", TR_NUMBER_OK, "10.01"},
    {D38, TR_NUMBER_OK, D38},
    {D38 "9", TR_NUMBER_PRECISION, NULL},
    {D38 "000e-3", TR_NUMBER_OK, D38},
    {"1e125", TR_NUMBER_OK,
     "100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
     "0"
     "00000000000000000000000000000000"},
    {"1e126", TR_NUMBER_OVERFLOW, NULL},
    {"9.9999999999999999999999999999999999999E+125", TR_NUMBER_OK,
     "999999999999999999999999999999999999990000000000000000000000000000000000000000000000000000"
     "000000000000000000000000000000000000"},
    {"1e-130", TR_NUMBER_OK,
     "0.0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
     "000000000000000000000000000000000000001"},
    {"1e-131", TR_NUMBER_UNDERFLOW, NULL},
    {"1e99999999999999999999", TR_NUMBER_OVERFLOW, NULL},
    {"-1e-99999999999999999999", TR_NUMBER_UNDERFLOW, NULL},
    {"", TR_NUMBER_MALFORMED, NULL},
    {"-", TR_NUMBER_MALFORMED, NULL},
    {".", TR_NUMBER_MALFORMED, NULL},
    {"e5", TR_NUMBER_MALFORMED, NULL},
    {"1e", TR_NUMBER_MALFORMED, NULL},
    {"1e+", TR_NUMBER_MALFORMED, NULL},
    {"--1", TR_NUMBER_MALFORMED, NULL},
    {" 1", TR_NUMBER_MALFORMED, NULL},
    {"1 ", TR_NUMBER_MALFORMED, NULL},
    {"1.2.3", TR_NUMBER_MALFORMED, NULL},
    {"0x10", TR_NUMBER_MALFORMED, NULL},
    {"NaN", TR_NUMBER_MALFORMED, NULL},
    {"Infinity", TR_NUMBER_MALFORMED, NULL},
};

static void test_number__has_one_normal_form(void **state)
{
    size_t i;
    (void)state;
    for (i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        struct tr_number number;
        enum tr_number_outcome outcome = tr_number_parse(tr_bytes_of(spellings[i].text), &number);
        if (outcome != spellings[i].outcome) {
            fail_msg("'%s': got %d, want %d", spellings[i].text, outcome, spellings[i].outcome);
        }
        if (outcome == TR_NUMBER_OK) {
            tr_assert_bytes((struct tr_bytes){number.text, number.len}, spellings[i].normal);
        }
    }
}

static void test_number__orders_by_value_not_by_text(void **state)
{
    static const char *const order[] = {"-1000", "-10",  "-9.5",  "-9",   "-0.5", "-0.05",
                                        "0",     "0.05", "0.5",   "0.51", "1",    "1.5",
                                        "9",     "10",   "10.01", "100"};
    size_t i, j;
    (void)state;
    for (i = 0; i < sizeof order / sizeof order[0]; i++) {
        for (j = 0; j < sizeof order / sizeof order[0]; j++) {
            int got = tr_number_cmp(tr_bytes_of(order[i]), tr_bytes_of(order[j]));
            assert_int_equal((got > 0) - (got < 0), (i > j) - (i < j));
        }
    }
}

struct sum {
    const char *a;
    const char *b;
    bool subtract;
    enum tr_number_outcome outcome;
    const char *result;
};

static const struct sum sums[] = {
    {"1", "2", false, TR_NUMBER_OK, "3"},
    {"1", "2", true, TR_NUMBER_OK, "-1"},
    {"5", "5", true, TR_NUMBER_OK, "0"},
    {"-5", "5", false, TR_NUMBER_OK, "0"},
    {"0.1", "0.2", false, TR_NUMBER_OK, "0.3"},
    {"99", "1", false, TR_NUMBER_OK, "100"},
    {"100", "1", true, TR_NUMBER_OK, "99"},
    {"-1", "-2", true, TR_NUMBER_OK, "1"},
    {"-1", "2", true, TR_NUMBER_OK, "-3"},
    {"0", "0", true, TR_NUMBER_OK, "0"},
    {"0", "7", true, TR_NUMBER_OK, "-7"},
    {D38, "1", false, TR_NUMBER_OK, "12345678901234567890123456789012345679"},
    {"1" D38, "1", false, TR_NUMBER_MALFORMED, NULL},
    {"10000000000000000000000000000000000000", "0.1", false, TR_NUMBER_PRECISION, NULL},
    {"10000000000000000000000000000000000000", "0.1", true, TR_NUMBER_OK,
     "9999999999999999999999999999999999999.9"},
};

static void test_number__adds_and_subtracts_exactly(void **state)
{
    size_t i;
    (void)state;
    for (i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        struct tr_number number;
        enum tr_number_outcome outcome = tr_number_add(
            tr_bytes_of(sums[i].a), tr_bytes_of(sums[i].b), sums[i].subtract, &number);
        if (outcome != sums[i].outcome) {
            fail_msg("%s, %s: got %d", sums[i].a, sums[i].b, outcome);
        }
        if (outcome == TR_NUMBER_OK) {
            tr_assert_bytes((struct tr_bytes){number.text, number.len}, sums[i].result);
        }
    }
}

static void test_number__sum_at_the_edge_overflows(void **state)
{
    struct tr_number big, sum;
    struct tr_bytes text;
    (void)state;
    assert_int_equal(tr_number_parse(TR_LIT("9e125"), &big), TR_NUMBER_OK);
    text = (struct tr_bytes){big.text, big.len};
    assert_int_equal(tr_number_add(text, text, false, &sum), TR_NUMBER_OVERFLOW);
    assert_int_equal(tr_number_add(text, text, true, &sum), TR_NUMBER_OK);
    tr_assert_bytes((struct tr_bytes){sum.text, sum.len}, "0");
}

/* What the machine's integers can tell, the decimals must agree with. */
static void test_number__agrees_with_integers(void **state)
{
    struct tr_random random;
    unsigned i;
    (void)state;
    tr_random_init(&random, 11);
    for (i = 0; i < 20000; i++) {
        long long a = (long long)tr_random_below(&random, 2000001) - 1000000;
        long long b = (long long)tr_random_below(&random, 2001) - 1000;
        char ta[32], tb[32], want[32];
        struct tr_number sum;
        int order;
        snprintf(ta, sizeof ta, "%lld", a);
        snprintf(tb, sizeof tb, "%lld", b);
        snprintf(want, sizeof want, "%lld", i % 2 != 0 ? a - b : a + b);
        assert_int_equal(tr_number_add(tr_bytes_of(ta), tr_bytes_of(tb), i % 2 != 0, &sum),
                         TR_NUMBER_OK);
        tr_assert_bytes((struct tr_bytes){sum.text, sum.len}, want);
        order = tr_number_cmp(tr_bytes_of(ta), tr_bytes_of(tb));
        assert_int_equal((order > 0) - (order < 0), (a > b) - (a < b));
    }
}

static void test_number__size_counts_pairs_of_significant_digits(void **state)
{
    (void)state;
    assert_int_equal(tr_number_size(TR_LIT("0")), 1);
    assert_int_equal(tr_number_size(TR_LIT("1")), 2);
    assert_int_equal(tr_number_size(TR_LIT("12")), 2);
    assert_int_equal(tr_number_size(TR_LIT("123")), 3);
    assert_int_equal(tr_number_size(TR_LIT("1000")), 2);
    assert_int_equal(tr_number_size(TR_LIT("0.001")), 2);
    assert_int_equal(tr_number_size(TR_LIT("-12")), 3);
    assert_int_equal(tr_number_size(TR_LIT("10.01")), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number__has_one_normal_form),
        cmocka_unit_test(test_number__orders_by_value_not_by_text),
        cmocka_unit_test(test_number__adds_and_subtracts_exactly),
        cmocka_unit_test(test_number__sum_at_the_edge_overflows),
        cmocka_unit_test(test_number__agrees_with_integers),
        cmocka_unit_test(test_number__size_counts_pairs_of_significant_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
