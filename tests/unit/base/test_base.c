/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/queue.h"
#include "base/random.h"
#include "base/time.h"
#include "tests/support/test.h"

static void test_time__formats_and_reads_back_the_forms_of_the_services(void **state)
{
    static const struct {
        int64_t ms;
        const char *rfc, *amz, *http;
    } known[] = {
        {1795248000123, "2026-11-21T08:00:00.123Z", "20261121T080000Z",
         "Sat, 21 Nov 2026 08:00:00 GMT"},
        {951782400000, "2000-02-29T00:00:00.000Z", "20000229T000000Z",
         "Tue, 29 Feb 2000 00:00:00 GMT"},
        {0, "1970-01-01T00:00:00.000Z", "19700101T000000Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
        {-1, "1969-12-31T23:59:59.999Z", "19691231T235959Z", "Wed, 31 Dec 1969 23:59:59 GMT"},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct tr_buf out = {0};
        struct tr_wall back;
        tr_wall_format(&out, (struct tr_wall){known[i].ms});
        tr_assert_bytes(tr_buf_bytes(&out), known[i].rfc);
        assert_true(tr_wall_parse_rfc3339(tr_buf_bytes(&out), &back));
        assert_int_equal(back.ms, known[i].ms);
        tr_buf_reset(&out);
        tr_wall_format_amz(&out, (struct tr_wall){known[i].ms});
        tr_assert_bytes(tr_buf_bytes(&out), known[i].amz);
        tr_buf_reset(&out);
        tr_wall_format_http(&out, (struct tr_wall){known[i].ms});
        tr_assert_bytes(tr_buf_bytes(&out), known[i].http);
        assert_true(tr_wall_parse_http(tr_buf_bytes(&out), &back));
        tr_buf_deinit(&out);
    }
}

static void test_time__refuses_dates_that_do_not_exist(void **state)
{
    static const char *const bad[] = {
        "2026-02-29T00:00:00Z",  "2026-13-01T00:00:00Z", "2026-11-21T24:00:00Z",
        "2026-11-21T08:00:00",   "2026-11-21",           "",
        "2026-11-21T08:00:00.Z", "2026-11-21T08:00:00Zx"};
    struct tr_wall t;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(tr_wall_parse_rfc3339(tr_bytes_of(bad[i]), &t));
    }
    assert_true(tr_wall_parse_rfc3339(TR_LIT("2026-11-21T10:00:00+02:00"), &t));
    assert_int_equal(t.ms, 1795248000000);
}

static void test_map__walks_in_the_order_of_insertion(void **state)
{
    struct tr_map map = {0};
    struct tr_map_entry *entry;
    static char values[] = "xyz";
    struct tr_buf order = {0};
    (void)state;
    assert_int_equal(tr_map_set(&map, TR_LIT("zeta"), &values[0]), TR_OK);
    assert_int_equal(tr_map_set(&map, TR_LIT("alpha"), &values[1]), TR_OK);
    assert_int_equal(tr_map_set(&map, TR_LIT("mid\0dle"), &values[2]), TR_OK);
    assert_ptr_equal(tr_map_remove(&map, TR_LIT("alpha")), &values[1]);
    entry = tr_map_find(&map, TR_LIT("zeta"));
    assert_non_null(entry);
    tr_assert_bytes(tr_map_key(entry), "zeta");
    assert_null(tr_map_find(&map, TR_LIT("alpha")));
    assert_null(tr_map_get(&map, TR_LIT("mid")));
    for (entry = tr_map_first(&map); entry != NULL; entry = tr_map_next(entry)) {
        tr_buf_add_char(&order, *(char *)tr_map_value(entry));
    }
    tr_assert_bytes(tr_buf_bytes(&order), "xz");
    tr_buf_deinit(&order);
    tr_map_deinit(&map);
}

static void test_log__lines_are_one_line_in_both_formats_whatever_the_bytes(void **state)
{
    struct tr_note note = {.id = TR_NOTE_LEASE_TAKEN,
                           .consumer = TR_LIT("orders"),
                           .shard = TR_LIT("shardId-1"),
                           .a = 7,
                           .text = TR_LIT("a \"quoted\"\nthing")};
    struct tr_buf out = {0};
    (void)state;
    tr_log_line(&out, &note, (struct tr_wall){0}, TR_LOG_JSON);
    tr_assert_bytes(
        tr_buf_bytes(&out),
        "{\"ts\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\",\"msg\":\"lease "
        "taken\",\"consumer\":\"orders\","
        "\"shard\":\"shardId-1\",\"counter\":7,\"checkpoint\":\"a \\\"quoted\\\"\\nthing\"}\n");
    tr_buf_reset(&out);
    note.text = TR_LIT("\xff");
    tr_log_line(&out, &note, (struct tr_wall){0}, TR_LOG_LOGFMT);
    tr_assert_bytes(tr_buf_bytes(&out),
                    "ts=1970-01-01T00:00:00.000Z level=info msg=\"lease taken\" consumer=orders "
                    "shard=shardId-1 counter=7 checkpoint=hex:ff\n");
    tr_buf_deinit(&out);
}

static void test_err__wraps_outward_and_never_overflows(void **state)
{
    struct tr_err err = {0};
    char long_text[1000];
    (void)state;
    assert_int_equal(tr_wrap(&err, TR_ECONDITION, "take lease '%s'", "shard-3"), TR_ECONDITION);
    assert_string_equal(err.text, "take lease 'shard-3': conditional check failed");
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    assert_int_equal(tr_wrap(&err, TR_EIO, "%s", long_text), TR_EIO);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_int_equal(tr_status_class((enum tr_status)999), TR_CLASS_FATAL);
}

static void test_queue__hands_messages_over_in_order_and_refuses_when_full(void **state)
{
    struct tr_queue queue;
    int in = 1, out = 0;
    (void)state;
    assert_int_equal(tr_queue_init(&queue, sizeof in, 2), TR_OK);
    assert_true(tr_queue_try_push(&queue, &in));
    in = 2;
    assert_true(tr_queue_push(&queue, &in));
    assert_false(tr_queue_try_push(&queue, &in));
    tr_queue_close(&queue);
    assert_false(tr_queue_push(&queue, &in));
    assert_true(tr_queue_pop(&queue, &out));
    assert_int_equal(out, 1);
    assert_true(tr_queue_try_pop(&queue, &out));
    assert_int_equal(out, 2);
    assert_false(tr_queue_pop(&queue, &out));
    tr_queue_deinit(&queue);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time__formats_and_reads_back_the_forms_of_the_services),
        cmocka_unit_test(test_time__refuses_dates_that_do_not_exist),
        cmocka_unit_test(test_map__walks_in_the_order_of_insertion),
        cmocka_unit_test(test_log__lines_are_one_line_in_both_formats_whatever_the_bytes),
        cmocka_unit_test(test_err__wraps_outward_and_never_overflows),
        cmocka_unit_test(test_queue__hands_messages_over_in_order_and_refuses_when_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
