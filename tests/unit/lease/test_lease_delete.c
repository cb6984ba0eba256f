/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows that go: an ended row is deleted only while it is exactly what was judged. And who lists the
 * stream: the rule that any worker can check from the table. */
#include "tests/unit/lease/rig.h"

static struct tr_lease_row tailrace_row(const char *key, const char *owner, uint64_t counter,
                                        const char *checkpoint)
{
    struct tr_lease_row row = rig_row(key, owner, counter, checkpoint);
    row.tailrace = true;
    row.failover_ms = RIG_FAILOVER_MS;
    return row;
}

static void see_ended(struct rig *rig)
{
    rig_init(rig, NULL);
    rig_scan_row(rig, rig_row("s1", NULL, 9, "SHARD_END"));
    rig_forget(rig);
}

static void test_delete__is_sent_once_for_a_row_at_its_end_as_seen(void **state)
{
    struct rig rig;
    (void)state;
    see_ended(&rig);
    rig_key(&rig, TR_LEASE_EV_DELETE, "s1");
    rig_expect(&rig, "0 delete s1 -/9 -> 9\n");
    rig_answer(&rig, TR_OK, NULL);
    rig_expect(&rig, "0 gone s1\n");
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_UNKNOWN);
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_DELETED], 1);
    rig_deinit(&rig);
}

static void test_delete__leaves_a_row_that_changed(void **state)
{
    struct rig rig;
    struct tr_lease_row changed = rig_row("s1", "other", 10, "SHARD_END");
    (void)state;
    see_ended(&rig);
    rig_key(&rig, TR_LEASE_EV_DELETE, "s1");
    rig_answer(&rig, TR_ECONDITION, &changed);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_WATCHED);
    rig_pass(&rig, 30000);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], 1);
    rig_deinit(&rig);
}

static void test_delete__lost_answer_is_not_repeated(void **state)
{
    struct rig rig;
    (void)state;
    see_ended(&rig);
    rig_key(&rig, TR_LEASE_EV_DELETE, "s1");
    rig_unanswered(&rig);
    rig_pass(&rig, 30000);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], 1);
    assert_int_equal(rig.count[TR_LEASE_FX_GONE], 0);
    rig_key(&rig, TR_LEASE_EV_DELETE, "s1"); /* asked again, it is tried again */
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], 2);
    rig_pass(&rig, 30000); /* no answer at all */
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], 2);
    assert_int_equal(tr_lease_core_in_flight(rig.core), 0);
    rig_deinit(&rig);
}

static void test_delete__never_touches_a_held_or_unfinished_row(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_forget(&rig);
    rig_key(&rig, TR_LEASE_EV_DELETE, "s1");
    rig_key(&rig, TR_LEASE_EV_DELETE, "nobody's");
    rig_expect(&rig, "");
    rig_deinit(&rig);
    rig_init(&rig, NULL);
    rig_scan_row(&rig, rig_row("s1", NULL, 9, "100"));
    rig_forget(&rig);
    rig_key(&rig, TR_LEASE_EV_DELETE, "s1");
    rig_expect(&rig, "");
    rig_deinit(&rig);
}

static void test_leads__everybody_while_no_lease_is_held(void **state)
{
    struct rig rig;
    struct tr_lease_row rows[2];
    (void)state;
    rig_init(&rig, NULL);
    assert_true(tr_lease_core_leads(rig.core));
    rows[0] = tailrace_row("s1", "aaa", 3, "SHARD_END");
    rows[1] = rig_row("s2", "aaa-kcl", 3, "100"); /* a KCL worker lists by its own rules */
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, rows, 2);
    assert_true(tr_lease_core_leads(rig.core));
    rig_deinit(&rig);
}

static void test_leads__the_smallest_live_owner_and_the_next_after_its_death(void **state)
{
    struct rig rig;
    struct tr_lease_row rows[2];
    uint64_t counter = 3;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    assert_true(tr_lease_core_leads(rig.core));
    rows[0] = tailrace_row("s2", "aaa", 3, "100");
    rows[1] = tailrace_row("s3", "zzz", 3, "100");
    rig_key(&rig, TR_LEASE_EV_LOOK, "");
    rig_scanned(&rig, rows, 2);
    assert_false(tr_lease_core_leads(rig.core));
    for (; counter < 12; counter++) { /* zzz renews, aaa does not */
        rig_pass(&rig, 2000);
        rig_key(&rig, TR_LEASE_EV_LOOK, "");
        rows[1].counter = counter + 1;
        rig_scanned(&rig, rows, 2);
    }
    /* It died: "me" comes before "zzz" while it holds a lease. */
    assert_int_equal(rig_view(&rig, "s2"), TR_LEASE_FREE);
    assert_int_equal(tr_lease_core_leads(rig.core), rig_view(&rig, "s1") == TR_LEASE_HELD ||
                                                        rig_view(&rig, "s1") == TR_LEASE_LAPSED);
    rig_deinit(&rig);
}

/* Nobody may take a row whose counter is at its end; its owner leads no more for that. */
static void test_leads__nobody_dead_by_a_lease_that_nobody_takes(void **state)
{
    struct rig rig;
    struct tr_lease_row rows[2];
    unsigned i;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rows[0] = tailrace_row("s2", "aaa", TR_LEASE_COUNTER_MAX, "100");
    rows[1] = tailrace_row("s1", "me", 6, "100");
    rig_key(&rig, TR_LEASE_EV_LOOK, "");
    rig_scanned(&rig, rows, 2);
    rig_key(&rig, TR_LEASE_EV_READY, "s2");
    assert_false(tr_lease_core_leads(rig.core));
    for (i = 0; i < 12; i++) {
        rig_pass(&rig, 1000);
        rig_key(&rig, TR_LEASE_EV_LOOK, "");
        rig_scanned(&rig, rows, 2);
    }
    assert_int_equal(rig_view(&rig, "s2"), TR_LEASE_FREE);
    assert_true(tr_lease_core_leads(rig.core));
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delete__is_sent_once_for_a_row_at_its_end_as_seen),
        cmocka_unit_test(test_delete__leaves_a_row_that_changed),
        cmocka_unit_test(test_delete__lost_answer_is_not_repeated),
        cmocka_unit_test(test_delete__never_touches_a_held_or_unfinished_row),
        cmocka_unit_test(test_leads__everybody_while_no_lease_is_held),
        cmocka_unit_test(test_leads__the_smallest_live_owner_and_the_next_after_its_death),
        cmocka_unit_test(test_leads__nobody_dead_by_a_lease_that_nobody_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
