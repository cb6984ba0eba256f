/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/metrics.h"
#include "tests/support/test.h"

static struct tr_metrics *new_metrics(const char *const *names, size_t count)
{
    struct tr_metrics *metrics = NULL;
    assert_int_equal(tr_metrics_new(names, count, &metrics), TR_OK);
    return metrics;
}

static char *print(const struct tr_metrics *metrics)
{
    struct tr_buf out = {0};
    char *text;
    tr_metrics_print(metrics, &out);
    text = tr_buf_take(&out, NULL);
    assert_non_null(text);
    return text;
}

static void test_text__has_help_type_and_all_series_of_a_family_together(void **state)
{
    static const char *const names[] = {"orders", "users"};
    struct tr_metrics *metrics = new_metrics(names, 2);
    char *text;
    (void)state;
    tr_metrics_add(metrics, 0, TR_METRIC_GAPS, 0, 2);
    tr_metrics_add(metrics, 1, TR_METRIC_GAPS, 0, 3);
    text = print(metrics);
    tr_assert_has(text, "\n# HELP tailrace_gaps_total places where records are missing, trimmed "
                        "before they were read\n# TYPE tailrace_gaps_total counter\n"
                        "tailrace_gaps_total{consumer=\"orders\"} 2\n"
                        "tailrace_gaps_total{consumer=\"users\"} 3\n# HELP ");
    tr_free(text);
    tr_metrics_free(metrics);
}

static void test_text__escapes_what_a_label_may_not_hold(void **state)
{
    static const char *const names[] = {"a\"b\\c\nd\xc3\xa4"};
    struct tr_metrics *metrics = new_metrics(names, 1);
    char *text = print(metrics);
    (void)state;
    tr_assert_has(text, "tailrace_gaps_total{consumer=\"a\\\"b\\\\c\\nd\xc3\xa4\"} 0\n");
    tr_free(text);
    tr_metrics_free(metrics);
}

static void test_text__shows_thousandths_as_base_units(void **state)
{
    static const char *const names[] = {"orders"};
    struct tr_metrics *metrics = new_metrics(names, 1);
    char *text;
    (void)state;
    tr_metrics_set(metrics, 0, TR_METRIC_LAG, 0, 12045);
    text = print(metrics);
    tr_assert_has(text, "# TYPE tailrace_lag_seconds gauge\n"
                        "tailrace_lag_seconds{consumer=\"orders\"} 12.045\n");
    tr_free(text);
    tr_metrics_set(metrics, 0, TR_METRIC_LAG, 0, -7);
    text = print(metrics);
    tr_assert_has(text, "tailrace_lag_seconds{consumer=\"orders\"} -0.007\n");
    tr_free(text);
    tr_metrics_free(metrics);
}

static void test_text__leaves_out_a_gauge_that_is_unknown(void **state)
{
    static const char *const names[] = {"orders"};
    struct tr_metrics *metrics = new_metrics(names, 1);
    char *text = print(metrics);
    (void)state;
    assert_null(strstr(text, "\ntailrace_lag_seconds{"));
    tr_assert_has(text, "\n# TYPE tailrace_lag_seconds gauge\n");
    tr_free(text);
    tr_metrics_free(metrics);
}

static void test_text__of_labels_that_go_together_and_apart(void **state)
{
    static const char *const names[] = {"orders"};
    struct tr_metrics *metrics = new_metrics(names, 1);
    size_t value = tr_metric_value(TR_METRIC_CALLS, "streams,DescribeStream", "throttled");
    char *text;
    (void)state;
    assert_int_not_equal(value, SIZE_MAX);
    tr_metrics_add(metrics, 0, TR_METRIC_CALLS, value, 4);
    tr_metrics_add(metrics, 0, TR_METRIC_LEASES_LOST,
                   tr_metric_value(TR_METRIC_LEASES_LOST, "row_gone", NULL), 1);
    text = print(metrics);
    tr_assert_has(text, "\ntailrace_calls_total{consumer=\"orders\",service=\"streams\",operation="
                        "\"DescribeStream\",outcome=\"throttled\"} 4\n");
    tr_assert_has(text,
                  "\ntailrace_leases_lost_total{consumer=\"orders\",reason=\"row_gone\"} 1\n");
    assert_int_equal(tr_metrics_sum(metrics, TR_METRIC_CALLS), 4);
    tr_free(text);
    tr_metrics_free(metrics);
}

static void test_value__that_the_table_lacks_is_told(void **state)
{
    (void)state;
    assert_int_equal(tr_metric_value(TR_METRIC_CALLS, "streams,Nothing", "ok"), SIZE_MAX);
    assert_int_equal(tr_metric_value(TR_METRIC_CALLS, "streams,GetRecords", "no"), SIZE_MAX);
    assert_int_equal(tr_metric_value(TR_METRIC_LEASES_LOST, "", NULL), SIZE_MAX);
}

/* Two rows of one name would be two families of one name, which no reader takes. */
static void test_table__has_each_name_once_in_the_words_of_prometheus(void **state)
{
    unsigned i, k;
    (void)state;
    for (i = 0; i < TR_METRIC_ALL; i++) {
        const struct tr_metric_row *row = tr_metric_row((enum tr_metric)i);
        bool counter =
            row->type == TR_METRIC_TYPE_COUNTER || row->type == TR_METRIC_TYPE_COUNTER_MILLI;
        struct tr_bytes name = tr_bytes_of(row->name);
        assert_true(tr_bytes_starts(name, "tailrace_"));
        assert_int_equal(tr_bytes_ends(name, "_total"), counter);
        assert_int_equal(strcspn(row->help, "\\\n"), strlen(row->help));
        assert_int_equal(row->scope == TR_METRIC_SCOPE_PROCESS && row->labels[0] != '\0', 0);
        for (k = 0; k < i; k++) {
            assert_string_not_equal(tr_metric_row((enum tr_metric)k)->name, row->name);
        }
    }
}

static void test_new__without_memory_gives_nothing(void **state)
{
    static const char *const names[] = {"orders", "users"};
    struct tr_metrics *metrics = NULL;
    int64_t n = 0;
    enum tr_status status;
    (void)state;
    do {
        (void)tr_mem_fail_at(n++);
        status = tr_metrics_new(names, 2, &metrics);
    } while (status == TR_ENOMEM);
    (void)tr_mem_fail_at(-1);
    assert_int_equal(status, TR_OK);
    assert_int_equal(n, 6);
    tr_metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text__has_help_type_and_all_series_of_a_family_together),
        cmocka_unit_test(test_text__escapes_what_a_label_may_not_hold),
        cmocka_unit_test(test_text__shows_thousandths_as_base_units),
        cmocka_unit_test(test_text__leaves_out_a_gauge_that_is_unknown),
        cmocka_unit_test(test_text__of_labels_that_go_together_and_apart),
        cmocka_unit_test(test_value__that_the_table_lacks_is_told),
        cmocka_unit_test(test_table__has_each_name_once_in_the_words_of_prometheus),
        cmocka_unit_test(test_new__without_memory_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
