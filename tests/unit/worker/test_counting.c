/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/lease_core.h"
#include "tests/support/test.h"
#include "worker/counting.h"

static struct tr_metrics *metrics;

static int set_up(void **state)
{
    static const char *const names[] = {"orders"};
    (void)state;
    return tr_metrics_new(names, 1, &metrics) == TR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    tr_metrics_free(metrics);
    return 0;
}

static int64_t number(enum tr_metric metric, const char *first, const char *second)
{
    return tr_metrics_get(metrics, 0, metric, tr_metric_value(metric, first, second));
}

static void count(struct tr_aws_request request, enum tr_status status, const char *body)
{
    struct tr_call_kind kind = tr_call_kind(&request);
    struct tr_aws_answer answer = {.status = status};
    tr_buf_add_str(&answer.body, body);
    tr_count_call(metrics, 0, &kind, &answer);
    tr_buf_deinit(&answer.body);
}

static void test_calls__are_counted_by_operation_and_outcome(void **state)
{
    struct tr_aws_request records = {
        .service = TR_AWS_STREAMS, .class = TR_AWS_RECORDS, .operation = "GetRecords"};
    struct tr_aws_request strange = {
        .service = TR_AWS_STREAMS, .class = TR_AWS_CONTROL, .operation = "Dance"};
    (void)state;
    count(records, TR_OK, "");
    count(records, TR_OK, "");
    count(records, TR_EEXPIRED, "");
    count(records, TR_ETIMEOUT, "");
    count(records, TR_ETHROTTLED, "");
    count(records, TR_EAUTH, "");
    count(strange, TR_OK, "");
    assert_int_equal(number(TR_METRIC_CALLS, "streams,GetRecords", "ok"), 2);
    assert_int_equal(number(TR_METRIC_CALLS, "streams,GetRecords", "gone"), 1);
    assert_int_equal(number(TR_METRIC_CALLS, "streams,GetRecords", "unanswered"), 1);
    assert_int_equal(number(TR_METRIC_CALLS, "streams,GetRecords", "throttled"), 1);
    assert_int_equal(number(TR_METRIC_CALLS, "streams,GetRecords", "failed"), 1);
    assert_int_equal(number(TR_METRIC_CALLS, "streams,other", "ok"), 1);
    assert_int_equal(tr_metrics_sum(metrics, TR_METRIC_CALLS), 7);
    assert_int_equal(tr_metrics_sum(metrics, TR_METRIC_LEASE_WRITES), 0);
}

static void test_calls__to_the_lease_table_are_reckoned_in_units(void **state)
{
    struct tr_aws_request write = {.class = TR_AWS_LEASE_WRITE, .operation = "UpdateItem"};
    struct tr_aws_request scan = {
        .class = TR_AWS_LEASE_READ, .operation = "Scan", .body = TR_LIT("{\"TableName\":\"a\"}")};
    struct tr_aws_request read = {.class = TR_AWS_LEASE_READ,
                                  .operation = "GetItem",
                                  .body = TR_LIT("{\"TableName\":\"a\",\"ConsistentRead\":true}")};
    static char big[4097];
    (void)state;
    memset(big, 'a', sizeof big - 1);
    count(write, TR_OK, "");
    count(write, TR_ECONDITION, "");
    count(write, TR_ENET, "");
    assert_int_equal(number(TR_METRIC_LEASE_WRITES, NULL, NULL), 3);
    assert_int_equal(number(TR_METRIC_LEASE_WRITES_FAILED, NULL, NULL), 1);
    assert_int_equal(number(TR_METRIC_LEASE_WRITE_UNITS, NULL, NULL), 2);
    count(scan, TR_OK, "{}");
    assert_int_equal(number(TR_METRIC_LEASE_READ_UNITS, NULL, NULL), 500);
    count(scan, TR_OK, big);
    assert_int_equal(number(TR_METRIC_LEASE_READ_UNITS, NULL, NULL), 1500);
    count(read, TR_OK, "{}");
    count(read, TR_ETIMEOUT, "");
    assert_int_equal(number(TR_METRIC_LEASE_READ_UNITS, NULL, NULL), 2500);
}

static void note(enum tr_note_id id, uint64_t b)
{
    struct tr_note note = {.id = id, .b = b};
    tr_count_note(metrics, 0, &note);
}

static void test_notes__of_a_lost_lease_have_their_reason(void **state)
{
    (void)state;
#define LOSE(id, label, words)                                                                     \
    note(TR_NOTE_LEASE_LOST, TR_LEASE_LOSS_##id);                                                  \
    assert_int_equal(number(TR_METRIC_LEASES_LOST, label, NULL), 1);
    TR_LEASE_LOSS_TABLE(LOSE)
#undef LOSE
    note(TR_NOTE_LEASE_LOST, TR_LEASE_LOSS_COUNT);
    note(TR_NOTE_LEASE_LOST, TR_LEASE_LOSS_NONE);
    assert_int_equal(number(TR_METRIC_LEASES_LOST, "other", NULL), 2);
    note(TR_NOTE_LEASE_LAPSED, 0);
    note(TR_NOTE_GAP, 0);
    note(TR_NOTE_LEASE_RENEWED, 0);
    assert_int_equal(number(TR_METRIC_LEASES_LAPSED, NULL, NULL), 1);
    assert_int_equal(number(TR_METRIC_GAPS, NULL, NULL), 1);
}

int main(void)
{
#define WITH_METRICS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_METRICS(test_calls__are_counted_by_operation_and_outcome),
        WITH_METRICS(test_calls__to_the_lease_table_are_reckoned_in_units),
        WITH_METRICS(test_notes__of_a_lost_lease_have_their_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
