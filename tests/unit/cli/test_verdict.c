/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "cli/verdict.h"
#include "tests/support/test.h"

static void acknowledge(struct tr_verdict *verdict, const char *line)
{
    struct tr_err err = {{0}};
    tr_assert_status(tr_verdict_acknowledged(verdict, tr_bytes_of(line), &err), TR_OK, &err);
}

static enum tr_status record(struct tr_verdict *verdict, const char *pk, unsigned n,
                             const char *event, const char *more, struct tr_err *err)
{
    struct tr_buf line = {0};
    enum tr_status status;
    tr_buf_printf(&line,
                  "{\"eventID\":\"1\",\"eventName\":\"%s\",\"dynamodb\":{\"Keys\":{\"pk\":{\"S\":"
                  "\"%s\"}},\"%s\":{\"n\":{\"N\":\"%u\"},\"pk\":{\"S\":\"%s\"}}}%s}",
                  event, pk, strcmp(event, "REMOVE") == 0 ? "OldImage" : "NewImage", n, pk, more);
    status = tr_verdict_delivered(verdict, tr_buf_bytes(&line), err);
    tr_buf_deinit(&line);
    return status;
}

static void deliver(struct tr_verdict *verdict, const char *pk, unsigned n, const char *event)
{
    struct tr_err err = {{0}};
    tr_assert_status(record(verdict, pk, n, event, "", &err), TR_OK, &err);
}

static void expect(const struct tr_verdict *verdict, const char *text, bool good)
{
    struct tr_buf out = {0};
    tr_verdict_print(verdict, &out);
    tr_assert_bytes(tr_buf_bytes(&out), text);
    assert_int_equal(tr_verdict_good(verdict), good);
    tr_buf_deinit(&out);
}

static void test_verdict__is_good_when_all_came_in_order(void **state)
{
    struct tr_verdict *verdict = tr_verdict_new();
    (void)state;
    acknowledge(verdict, "a 1 insert");
    acknowledge(verdict, "a 2 modify\n");
    acknowledge(verdict, "b 1 insert");
    acknowledge(verdict, "a 3 remove");
    deliver(verdict, "b", 1, "INSERT");
    deliver(verdict, "a", 1, "INSERT");
    deliver(verdict, "a", 2, "MODIFY");
    /* A removal shows the item that it took, of one write before. */
    deliver(verdict, "a", 2, "REMOVE");
    expect(verdict, "4 written, 4 processed, 0 lost, 0 delivered twice, order kept", true);
    tr_verdict_free(verdict);
}

static void test_verdict__counts_repetitions_without_blaming_them(void **state)
{
    struct tr_verdict *verdict = tr_verdict_new();
    (void)state;
    acknowledge(verdict, "a 1 insert");
    acknowledge(verdict, "a 2 modify");
    deliver(verdict, "a", 1, "INSERT");
    deliver(verdict, "a", 2, "MODIFY");
    deliver(verdict, "a", 1, "INSERT");
    deliver(verdict, "a", 2, "MODIFY");
    expect(verdict, "2 written, 2 processed, 0 lost, 2 delivered twice, order kept", true);
    tr_verdict_free(verdict);
}

static void test_verdict__names_what_is_lost(void **state)
{
    struct tr_verdict *verdict = tr_verdict_new();
    struct tr_buf out = {0};
    (void)state;
    acknowledge(verdict, "a 1 insert");
    acknowledge(verdict, "a 2 modify");
    acknowledge(verdict, "a 3 modify");
    acknowledge(verdict, "b 1 insert");
    deliver(verdict, "a", 1, "INSERT");
    deliver(verdict, "a", 3, "MODIFY");
    expect(verdict, "4 written, 2 processed, 2 lost, 0 delivered twice, order kept", false);
    tr_verdict_print_lost(verdict, 10, &out);
    tr_assert_bytes(tr_buf_bytes(&out), "'a' 2, 'b' 1");
    tr_buf_reset(&out);
    tr_verdict_print_lost(verdict, 1, &out);
    tr_assert_bytes(tr_buf_bytes(&out), "'a' 2");
    tr_buf_deinit(&out);
    tr_verdict_free(verdict);
}

static void test_verdict__sees_first_deliveries_out_of_order(void **state)
{
    struct tr_verdict *verdict = tr_verdict_new();
    (void)state;
    acknowledge(verdict, "a 1 insert");
    acknowledge(verdict, "a 2 modify");
    acknowledge(verdict, "a 3 modify");
    deliver(verdict, "a", 1, "INSERT");
    deliver(verdict, "a", 3, "MODIFY");
    deliver(verdict, "a", 2, "MODIFY");
    expect(verdict,
           "3 written, 3 processed, 0 lost, 0 delivered twice, order broken at 'a' (2 after 3)",
           false);
    tr_verdict_free(verdict);
}

static void test_verdict__takes_the_two_files_in_any_order(void **state)
{
    struct tr_verdict *verdict = tr_verdict_new();
    struct tr_verdict_counts counts;
    (void)state;
    deliver(verdict, "a", 1, "INSERT");
    tr_verdict_count(verdict, &counts);
    assert_int_equal(counts.unacknowledged, 1);
    expect(verdict, "0 written, 0 processed, 0 lost, 0 delivered twice, order kept", true);
    acknowledge(verdict, "a 1 insert");
    tr_verdict_count(verdict, &counts);
    assert_int_equal(counts.unacknowledged, 0);
    expect(verdict, "1 written, 1 processed, 0 lost, 0 delivered twice, order kept", true);
    tr_verdict_free(verdict);
}

static void test_verdict__passes_over_removals_by_the_service(void **state)
{
    struct tr_verdict *verdict = tr_verdict_new();
    struct tr_err err = {{0}};
    (void)state;
    acknowledge(verdict, "a 1 insert");
    acknowledge(verdict, "a 2 insert");
    deliver(verdict, "a", 1, "INSERT");
    tr_assert_status(
        record(
            verdict, "a", 1, "REMOVE",
            ",\"userIdentity\":{\"principalId\":\"dynamodb.amazonaws.com\",\"type\":\"Service\"}",
            &err),
        TR_OK, &err);
    deliver(verdict, "a", 2, "INSERT");
    expect(verdict, "2 written, 2 processed, 0 lost, 0 delivered twice, order kept", true);
    tr_verdict_free(verdict);
}

static void test_verdict__refuses_lines_that_it_does_not_understand(void **state)
{
    static const struct {
        const char *line, *says;
        enum tr_status status;
    } bad_log[] = {
        {"", "expected 'PK N KIND'", TR_EPARSE},
        {"a", "expected 'PK N KIND'", TR_EPARSE},
        {"a 1", "expected 'PK N KIND'", TR_EPARSE},
        {"a x insert", "'x' is no number", TR_EPARSE},
        {"a 0 insert", "'0' is no number", TR_EPARSE},
        {"a 1 put", "'put' is none of", TR_EPARSE},
        {"a 1 insert more", "'insert more'", TR_EPARSE},
        {"known 1 insert", "acknowledged twice", TR_EPARSE},
        {"a 16777216 insert", "the limit is 16777215", TR_ELIMIT},
    };
    static const struct {
        const char *line, *says;
    } bad_record[] = {
        {"", ""},
        {"{\"eventName\":\"INSERT\"", ""},
        {"{\"eventName\":\"INSERT\"}", "NewImage has no number 'n'"},
        {"{\"eventName\":\"REMOVE\",\"dynamodb\":{\"NewImage\":{\"n\":{\"N\":\"1\"}}}}",
         "OldImage has no number 'n'"},
        {"{\"eventName\":\"INSERT\",\"dynamodb\":{\"NewImage\":{\"n\":{\"N\":\"1e3\"}}}}", "'1e3'"},
        {"{\"eventName\":\"INSERT\",\"dynamodb\":{\"NewImage\":{\"n\":{\"N\":\"1\"}}}}",
         "Keys have no string 'pk'"},
    };
    struct tr_verdict *verdict = tr_verdict_new();
    struct tr_err err;
    size_t i;
    (void)state;
    acknowledge(verdict, "known 1 insert");
    for (i = 0; i < sizeof bad_log / sizeof *bad_log; i++) {
        tr_assert_status(tr_verdict_acknowledged(verdict, tr_bytes_of(bad_log[i].line), &err),
                         bad_log[i].status, &err);
        tr_assert_has(err.text, bad_log[i].says);
    }
    for (i = 0; i < sizeof bad_record / sizeof *bad_record; i++) {
        tr_assert_status(tr_verdict_delivered(verdict, tr_bytes_of(bad_record[i].line), &err),
                         TR_EPARSE, &err);
        tr_assert_has(err.text, bad_record[i].says);
    }
    expect(verdict, "1 written, 0 processed, 1 lost, 0 delivered twice, order kept", false);
    tr_verdict_free(verdict);
}

static void test_verdict__counts_nothing_twice_when_memory_was_out(void **state)
{
    struct tr_verdict *verdict = tr_verdict_new();
    unsigned failures = 0, n;
    (void)state;
    for (n = 1; n < 200; n++) {
        char line[64];
        int64_t at;
        (void)snprintf(line, sizeof line, "item%u 1 insert", n);
        for (at = 0;; at++) {
            enum tr_status status;
            (void)tr_mem_fail_at(at);
            status = tr_verdict_acknowledged(verdict, tr_bytes_of(line), NULL);
            (void)tr_mem_fail_at(-1);
            if (status == TR_OK) {
                break;
            }
            assert_int_equal(status, TR_ENOMEM);
            failures++;
        }
        for (at = 0; at < 40; at++) {
            struct tr_err err = {{0}};
            enum tr_status status;
            char pk[16];
            (void)snprintf(pk, sizeof pk, "item%u", n);
            (void)tr_mem_fail_at(at);
            status = record(verdict, pk, 1, "INSERT", "", &err);
            (void)tr_mem_fail_at(-1);
            if (status == TR_OK) {
                break;
            }
        }
    }
    assert_true(failures > 100);
    expect(verdict, "199 written, 199 processed, 0 lost, 0 delivered twice, order kept", true);
    tr_verdict_free(verdict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdict__is_good_when_all_came_in_order),
        cmocka_unit_test(test_verdict__counts_repetitions_without_blaming_them),
        cmocka_unit_test(test_verdict__names_what_is_lost),
        cmocka_unit_test(test_verdict__sees_first_deliveries_out_of_order),
        cmocka_unit_test(test_verdict__takes_the_two_files_in_any_order),
        cmocka_unit_test(test_verdict__passes_over_removals_by_the_service),
        cmocka_unit_test(test_verdict__refuses_lines_that_it_does_not_understand),
        cmocka_unit_test(test_verdict__counts_nothing_twice_when_memory_was_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
