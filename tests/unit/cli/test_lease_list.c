/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "cli/lease_list.h"
#include "tests/support/test.h"

#define ROW(key, rest) "{\"leaseKey\":{\"S\":\"" key "\"}," rest "}"
#define LEASE(counter, checkpoint)                                                                 \
    "\"leaseCounter\":{\"N\":\"" counter "\"},\"checkpoint\":{\"S\":\"" checkpoint "\"}"
#define OWNED(counter, owner) LEASE(counter, "100") ",\"leaseOwner\":{\"S\":\"" owner "\"}"

static enum tr_status add(struct tr_lease_list *list, const char *items, struct tr_err *err)
{
    struct tr_buf body = {0};
    struct tr_bytes last;
    tr_buf_printf(&body, "{\"Items\":[%s],\"Count\":1}", items);
    return tr_lease_list_add_page(list, &body, &last, err);
}

static struct tr_lease_list list_of(const char *items)
{
    struct tr_lease_list list = {0};
    struct tr_err err = {{0}};
    tr_assert_status(add(&list, items, &err), TR_OK, &err);
    tr_lease_list_sort(&list);
    return list;
}

static void assert_prints(const struct tr_lease_list *list, const char *want)
{
    struct tr_buf out = {0};
    tr_lease_list_print(list, true, &out);
    tr_assert_bytes(tr_buf_bytes(&out), want);
    tr_buf_deinit(&out);
}

static void assert_sums(const struct tr_lease_list *list, const char *want)
{
    struct tr_buf out = {0};
    tr_lease_list_sum(list, &out);
    tr_assert_bytes(tr_buf_bytes(&out), want);
    tr_buf_deinit(&out);
}

static void test_list__shows_rows_by_shard_without_empty_columns(void **state)
{
    struct tr_lease_list list = list_of(ROW("s2", LEASE("0", "TRIM_HORIZON")) "," ROW(
        "s1", OWNED("7", "worker-a")) "," ROW("s0", LEASE("9", "SHARD_END")));
    (void)state;
    assert_prints(&list, "SHARD  STATE    OWNER     CHECKPOINT    COUNTER  SWITCHES\n"
                         "s0     ended              SHARD_END     9        0\n"
                         "s1     owned    worker-a  100           7        0\n"
                         "s2     unowned            TRIM_HORIZON  0        0\n");
    assert_sums(&list, "3 rows: 1 owned (worker-a: 1), 1 unowned, 1 ended, 0 not understood, 0 of "
                       "other kinds");
    tr_lease_list_deinit(&list);
}

static void test_list__shows_what_is_not_understood_and_counts_what_is_no_lease(void **state)
{
    struct tr_lease_list list =
        list_of(ROW("s1", "\"leaseCounter\":{\"S\":\"x\"},\"checkpoint\":{\"S\":\"1\"}") "," ROW(
            "Migration3.0", "\"entityType\":{\"S\":\"COORDINATOR_STATE\"}") ",{\"other\":{\"N\":"
                                                                            "\"1\"}}");
    struct tr_buf out = {0};
    (void)state;
    tr_lease_list_print(&list, false, &out);
    tr_assert_has(out.ptr,
                  "s1     not understood  'leaseCounter' is '{\"S\":\"x\"}', not a number");
    tr_assert_has(out.ptr, "       not understood  'leaseKey' is missing");
    assert_sums(&list, "3 rows: 0 owned, 0 unowned, 0 ended, 2 not understood, 1 of other kinds");
    tr_buf_deinit(&out);
    tr_lease_list_deinit(&list);
}

static void test_list__keeps_a_terminal_safe(void **state)
{
    struct tr_lease_list list = list_of(ROW("s\\u001b[2J", OWNED("7", "a\\nb")));
    struct tr_buf out = {0};
    (void)state;
    tr_lease_list_print(&list, false, &out);
    assert_null(memchr(out.ptr, '\033', out.len));
    tr_assert_has(out.ptr, "s\\x1b[2J");
    tr_assert_has(out.ptr, "a\\x0ab");
    tr_buf_deinit(&out);
    tr_lease_list_deinit(&list);
}

static void test_list__shows_our_own_attributes(void **state)
{
    struct tr_lease_list list = list_of(
        ROW("s1", OWNED("1795248000123", "w") ",\"tailraceOwner\":{\"S\":\"w\"},"
                                              "\"tailraceFailoverMs\":{\"N\":\"2000\"},"
                                              "\"tailraceStream\":{\"S\":\"Orders/stream/now\"},"
                                              "\"tailraceRun\":{\"S\":\"7f\"},"
                                              "\"tailraceRequest\":{\"S\":\"new-one 42\"},"
                                              "\"tailraceBell\":{\"S\":\"bell-boy 3\"},"
                                              "\"tailraceStartMs\":{\"N\":\"1795248000000\"},"
                                              "\"tailraceNoParents\":{\"BOOL\":true},"
                                              "\"parentShardId\":{\"SS\":[\"p1\",\"p2\"]}"));
    struct tr_buf out = {0};
    bool some = false;
    (void)state;
    assert_prints(&list,
                  "SHARD  STATE  OWNER  CHECKPOINT  ASKED BY  COUNTER        SWITCHES  MADE      "
                  "                FAILOVER  RUN  START                     BELL        PARENTS  "
                  "FIRST  STREAM\n"
                  "s1     owned  w      100         new-one   1795248000123  0         "
                  "2026-11-21T08:00:00.000Z  2000ms    7f   2026-11-21T08:00:00.000Z  bell-boy 3  "
                  "p1,p2    yes    Orders/stream/now\n");
    tr_lease_list_print(&list, false, &out);
    tr_assert_bytes(tr_buf_bytes(&out), "SHARD  STATE  OWNER  CHECKPOINT  ASKED BY\n"
                                        "s1     owned  w      100         new-one\n");
    tr_buf_reset(&out);
    tr_lease_list_print_json(&list, "orders", "leases", &some, &out);
    tr_assert_bytes(
        tr_buf_bytes(&out),
        "\n  {\"consumer\":\"orders\",\"table\":\"leases\",\"shard\":\"s1\",\"state\":"
        "\"owned\",\"owner\":\"w\",\"counter\":1795248000123,\"checkpoint\":\"100\","
        "\"switches\":0,\"parents\":[\"p1\",\"p2\"],\"made\":\"2026-11-21T08:00:00.000Z"
        "\",\"failover_ms\":2000,\"run\":\"7f\",\"request\":\"new-one 42\","
        "\"bell\":\"bell-boy "
        "3\",\"start_ms\":1795248000000,\"stream\":\"Orders/stream/now\",\"without_parents\":"
        "true}");
    assert_true(some);
    tr_buf_deinit(&out);
    tr_lease_list_deinit(&list);
}

static void test_json__of_a_row_that_is_not_understood(void **state)
{
    struct tr_lease_list list = list_of("{\"other\":{\"N\":\"1\"}}");
    struct tr_buf out = {0};
    bool some = true;
    (void)state;
    tr_lease_list_print_json(&list, "a\"b", "t", &some, &out);
    tr_assert_bytes(tr_buf_bytes(&out),
                    ",\n  {\"consumer\":\"a\\\"b\",\"table\":\"t\",\"shard\":null,\"state\":\"not "
                    "understood\",\"why\":\"'leaseKey' is missing\"}");
    tr_buf_reset(&out);
    tr_lease_list_sum_json(&list, "c", "t", &out);
    tr_assert_bytes(
        tr_buf_bytes(&out),
        "{\"name\":\"c\",\"table\":\"t\",\"rows\":1,\"owned\":0,\"unowned\":0,\"ended\":"
        "0,\"not_understood\":1,\"other_kinds\":0,\"workers\":[]}");
    tr_buf_deinit(&out);
    tr_lease_list_deinit(&list);
}

static void test_compare__tells_who_gave_a_sign_of_life(void **state)
{
    struct tr_lease_list before = list_of(ROW("s1", OWNED("7", "a")) "," ROW(
        "s2", OWNED("7", "b")) "," ROW("s3", OWNED("7", "c")) "," ROW("s5", LEASE("7", "1")));
    struct tr_lease_list now =
        list_of(ROW("s1", OWNED("8", "a")) "," ROW("s2", OWNED("7", "b")) "," ROW(
            "s3", OWNED("7", "d")) "," ROW("s4", OWNED("7", "e")) "," ROW("s5", LEASE("8", "1")));
    (void)state;
    tr_lease_list_compare(&now, &before, 1500);
    assert_int_equal(now.entries[0].sign, TR_LEASE_SIGN_ALIVE);
    assert_int_equal(now.entries[1].sign, TR_LEASE_SIGN_NONE);
    assert_int_equal(now.entries[2].sign, TR_LEASE_SIGN_ALIVE);
    assert_int_equal(now.entries[3].sign, TR_LEASE_SIGN_UNKNOWN);
    assert_int_equal(now.entries[4].sign, TR_LEASE_SIGN_UNKNOWN);
    tr_lease_list_deinit(&before);
    tr_lease_list_deinit(&now);
}

#define OWN(counter, owner)                                                                        \
    OWNED(counter, owner)                                                                          \
    ",\"tailraceOwner\":{\"S\":\"" owner "\"},\"tailraceFailoverMs\":{\"N\":\"2000\"}"

static void test_compare__tells_how_soon_a_silent_owners_lease_expires(void **state)
{
    static const struct {
        uint64_t ms;
        const char *cell, *json;
    } looks[] = {
        {700, "1.3s left", "\"alive\":false,\"expires_within_ms\":1300"},
        {2000, "expired", "\"alive\":false,\"expires_within_ms\":0"},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        struct tr_lease_list before =
            list_of(ROW("s1", OWN("7", "a")) "," ROW("s2", OWN("7", "b")));
        struct tr_lease_list now = list_of(ROW("s1", OWN("7", "a")) "," ROW("s2", OWN("8", "b")));
        struct tr_buf out = {0};
        bool some = false;
        tr_lease_list_compare(&now, &before, looks[i].ms);
        tr_lease_list_print(&now, false, &out);
        tr_assert_has(out.ptr, looks[i].cell);
        tr_assert_has(out.ptr, "owned  yes");
        tr_buf_reset(&out);
        tr_lease_list_print_json(&now, "c", "t", &some, &out);
        tr_assert_has(out.ptr, looks[i].json);
        tr_assert_has(out.ptr, "\"alive\":true,\"counter\"");
        tr_buf_deinit(&out);
        tr_lease_list_deinit(&before);
        tr_lease_list_deinit(&now);
    }
}

static void test_add_page__refuses_what_is_no_scan_and_survives_without_memory(void **state)
{
    struct tr_lease_list list = {0};
    struct tr_buf body = {0};
    struct tr_bytes last;
    struct tr_err err = {{0}};
    int64_t n = 0;
    enum tr_status status;
    (void)state;
    tr_buf_add_str(&body, "<html>");
    assert_int_equal(tr_lease_list_add_page(&list, &body, &last, &err), TR_EPARSE);
    tr_lease_list_deinit(&list);
    do {
        body = (struct tr_buf){0};
        tr_buf_add_str(&body, "{\"Items\":[" ROW("s1", OWNED("7", "a")) "," ROW(
                                  "s2", "\"leaseCounter\":{\"S\":\"x\"}") "]}");
        (void)tr_mem_fail_at(n++);
        status = tr_lease_list_add_page(&list, &body, &last, NULL);
        (void)tr_mem_fail_at(-1);
        assert_true(status == TR_OK || status == TR_ENOMEM);
        tr_lease_list_deinit(&list);
    } while (status == TR_ENOMEM);
    assert_true(n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list__shows_rows_by_shard_without_empty_columns),
        cmocka_unit_test(test_list__shows_what_is_not_understood_and_counts_what_is_no_lease),
        cmocka_unit_test(test_list__keeps_a_terminal_safe),
        cmocka_unit_test(test_list__shows_our_own_attributes),
        cmocka_unit_test(test_json__of_a_row_that_is_not_understood),
        cmocka_unit_test(test_compare__tells_who_gave_a_sign_of_life),
        cmocka_unit_test(test_compare__tells_how_soon_a_silent_owners_lease_expires),
        cmocka_unit_test(test_add_page__refuses_what_is_no_scan_and_survives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
