/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules for leases, a test each, in virtual time: failover is 10 s, times in traces are ms. */
#include "base/mem.h"
#include "tests/unit/lease/rig.h"

static uint64_t ms_of(struct tr_mono t)
{
    return t.ns / TR_NS_PER_MS - RIG_START_MS;
}

static uint64_t now_ms(const struct rig *rig)
{
    return ms_of(rig->now);
}

static void wait_ms(struct rig *rig, uint64_t ms)
{
    rig->now = tr_mono_add_ms(rig->now, ms);
}

/* Answer every renewal (and whatever else the owner writes) well. */
static void answer_well(struct rig *rig, const char *checkpoint)
{
    struct tr_lease_row row = rig_row("s1", "me", rig->last.counter, checkpoint);
    rig_answer(rig, TR_OK, &row);
}

/* ---- taking ---- */

static void test_lease__unowned_and_ready_is_taken_at_once(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", NULL, 5, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_scan_row(&rig, row);
    rig_pass(&rig, 100);
    rig_expect(&rig, "0 scan\n0 row s1\n"); /* not ready: left alone */
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    wait_ms(&rig, 20);
    row = rig_row("s1", "me", 6, "77");
    rig_answer(&rig, TR_OK, &row);
    rig_expect(&rig, "100 take s1 -/5 -> 6 by me\n"
                     "120 granted s1 at 77 until 9600\n");
    assert_int_equal(tr_lease_core_counter(rig.core, TR_LIT("s1")), 6);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_HELD);
    rig_deinit(&rig);
}

/* The same row is shown by every scan; returns when the take was sent. */
static uint64_t wait_for_take(struct rig *rig, struct tr_lease_row row)
{
    while (rig->count[TR_LEASE_FX_WRITE] == 0) {
        unsigned scans = rig->count[TR_LEASE_FX_SCAN];
        assert_true(now_ms(rig) < 100000);
        rig->now = tr_mono_max(rig->now, tr_lease_core_deadline(rig->core));
        rig_step(rig, (struct tr_lease_event){.kind = TR_LEASE_EV_TICK});
        if (rig->count[TR_LEASE_FX_SCAN] > scans) {
            rig_scanned(rig, &row, 1);
        }
    }
    return ms_of(rig->sent);
}

static void test_lease__is_taken_only_after_failover(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "other", 9, "TRIM_HORIZON");
    uint64_t at;
    (void)state;
    rig_init(&rig, NULL);
    rig_until(&rig, TR_LEASE_FX_SCAN);
    wait_ms(&rig, 900); /* counted from the answer, not from the asking */
    rig_scanned(&rig, &row, 1);
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_WATCHED);
    at = wait_for_take(&rig, row);
    assert_in_range(at, 10900, 11100);
    assert_int_equal(rig.last.kind, TR_LEASE_TAKE);
    tr_assert_bytes(rig.last.expected_owner, "other");
    assert_int_equal(rig.last.expected_counter, 9);
    rig_deinit(&rig);
}

static void test_lease__any_other_counter_is_a_sign_of_life(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "other", 9, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_scan_row(&rig, row);
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    wait_ms(&rig, 9000);
    row.counter = 3; /* also backwards */
    rig_scan_row(&rig, row);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_ALIVE);
    assert_in_range(wait_for_take(&rig, row), 19000, 19300);
    assert_int_equal(rig.last.expected_counter, 3);
    rig_deinit(&rig);
}

static void test_lease__longer_failover_of_the_owner_is_waited_for(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "other", 9, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    row.failover_ms = 30000;
    rig_scan_row(&rig, row);
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    assert_in_range(wait_for_take(&rig, row), 30000, 30300);
    rig_deinit(&rig);
}

static void test_lease__lost_race_for_a_take_watches_the_winner(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", NULL, 5, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_scan_row(&rig, row);
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    row = rig_row("s1", "other", 6, "TRIM_HORIZON");
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_WATCHED);
    assert_int_equal(rig.count[TR_LEASE_FX_LOST], 0);
    rig.count[TR_LEASE_FX_WRITE] = 0;
    assert_in_range(wait_for_take(&rig, row), 10000, 10300);
    rig_deinit(&rig);
}

static void test_lease__at_its_end_is_never_taken(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig, NULL);
    rig_scan_row(&rig, rig_row("s1", NULL, 5, "SHARD_END"));
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    rig_pass(&rig, 60000);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], 0);
    rig_deinit(&rig);
}

static void test_lease__with_the_highest_counter_is_left_alone(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig, NULL);
    rig_scan_row(&rig, rig_row("s1", NULL, TR_LEASE_COUNTER_MAX, "5"));
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    rig_pass(&rig, 1000);
    rig_scan_row(&rig, rig_row("s1", NULL, TR_LEASE_COUNTER_MAX - 1, "5"));
    rig_pass(&rig, 1000);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], 0); /* a renewal would go past it */
    rig_deinit(&rig);
}

/* ---- counters that go back ---- */

/* A renewal of mine that expects 6 is under way; the lease is lost to another, and then the row is
 * without owner at that counter. */
static void lose_to_a_lower(struct rig *rig, uint64_t counter)
{
    struct tr_lease_row row = rig_row("s1", "other", 40, "TRIM_HORIZON");
    rig_init(rig, NULL);
    rig_hold(rig, "s1");
    rig_until(rig, TR_LEASE_FX_WRITE);
    rig_answer(rig, TR_ECONDITION, &row);
    rig_forget(rig);
    rig_scan_row(rig, rig_row("s1", NULL, counter, "TRIM_HORIZON"));
}

/* A late write of mine would meet its condition again if my new tenure came by its counter. */
static void test_lease__that_went_back_is_taken_past_what_my_late_writes_expect(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 7, "TRIM_HORIZON");
    (void)state;
    lose_to_a_lower(&rig, 2);
    rig_pass(&rig, 500);
    assert_int_equal(rig.last.kind, TR_LEASE_TAKE);
    assert_int_equal(rig.last.expected_counter, 2);
    assert_int_equal(rig.last.counter, 7);
    rig_answer(&rig, TR_OK, &row);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_HELD);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    assert_int_equal(rig.last.expected_counter, 7);
    assert_int_equal(rig.last.counter, 8);
    rig_deinit(&rig);
}

static void test_lease__that_went_back_is_mine_by_the_counter_that_my_take_asked_for(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 7, "TRIM_HORIZON");
    unsigned granted;
    (void)state;
    lose_to_a_lower(&rig, 2);
    rig_pass(&rig, 500);
    assert_int_equal(rig.last.counter, 7);
    granted = rig.count[TR_LEASE_FX_GRANTED];
    rig_unanswered(&rig);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    assert_int_equal(rig.last.counter, 7);
    rig_answer(&rig, TR_ECONDITION, &row); /* the first one had landed */
    assert_int_equal(rig.count[TR_LEASE_FX_GRANTED], granted);
    assert_int_equal(rig.last.expected_counter, 7);
    answer_well(&rig, "TRIM_HORIZON");
    assert_int_equal(rig.count[TR_LEASE_FX_GRANTED], granted + 1);
    rig_deinit(&rig);
}

static void test_lease__row_one_ahead_of_a_take_that_leads_past_is_not_mine(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 3, "TRIM_HORIZON");
    unsigned writes;
    (void)state;
    lose_to_a_lower(&rig, 2);
    rig_pass(&rig, 500);
    writes = rig.count[TR_LEASE_FX_WRITE];
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_WATCHED);
    rig_pass(&rig, 500);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], writes);
    rig_deinit(&rig);
}

/* Its row names it still: it is watched like anybody's, expires, and is taken. */
static void test_lease__owner_whose_counter_went_back_stops_and_tells_it(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 2, "TRIM_HORIZON");
    uint64_t lost_at;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_forget(&rig);
    rig.notes = true;
    rig_answer(&rig, TR_ECONDITION, &row);
    tr_buf_add_char(&rig.trace, '\0');
    tr_assert_has(rig.trace.ptr, "note LEASE_COUNTER s1 6 me\n");
    assert_int_equal(rig.count[TR_LEASE_FX_LOST], 1);
    lost_at = now_ms(&rig);
    rig.count[TR_LEASE_FX_WRITE] = 0;
    assert_in_range(wait_for_take(&rig, row), lost_at + 10000, lost_at + 10300);
    assert_int_equal(rig.last.expected_counter, 2);
    assert_int_equal(rig.last.counter, 7);
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_COUNTER], 1);
    rig_deinit(&rig);
}

/* ---- validity ---- */

static void test_lease__validity_counts_from_the_sending(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    assert_int_equal(ms_of(rig.valid_until), 9500);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    assert_in_range(now_ms(&rig), 6330, 6667); /* two thirds of failover */
    wait_ms(&rig, 700);
    answer_well(&rig, "TRIM_HORIZON");
    assert_int_equal(ms_of(rig.valid_until), ms_of(rig.sent) + 9500);
    rig_deinit(&rig);
}

static void test_lease__take_answered_too_late_is_proved_by_another_write(void **state)
{
    struct tr_lease_options options = {
        .worker_id = TR_LIT("me"), .failover_ms = 10000, .leases_max = 4, .writes_max = 4};
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 6, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, &options);
    rig_scan_row(&rig, rig_row("s1", NULL, 5, "TRIM_HORIZON"));
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    rig_forget(&rig);
    wait_ms(&rig, 9600); /* a pause: the answer was there long ago */
    rig_answer(&rig, TR_OK, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_GRANTED], 0);
    row.counter = 7;
    rig_answer(&rig, TR_OK, &row);
    rig_expect(&rig, "9600 renew s1 me/6 -> 7\n9600 scan\n"
                     "9600 granted s1 at TRIM_HORIZON until 19100\n");
    rig_deinit(&rig);
}

static void test_lease__unanswered_renewals_are_repeated_and_then_it_lapses(void **state)
{
    struct rig rig;
    unsigned tries = 0;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    while (now_ms(&rig) < 9500) {
        rig_until(&rig, TR_LEASE_FX_WRITE);
        assert_int_equal(rig.last.expected_counter, 6); /* the same condition each time */
        tries += now_ms(&rig) < 9500;
        rig_pass(&rig, 10000 / 12);
        rig_unanswered(&rig);
    }
    assert_in_range(tries, 3, 5);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_LAPSED);
    assert_int_equal(ms_of(rig.valid_until), 9500);
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_LAPSED], 1);
    assert_int_equal(rig.count[TR_LEASE_FX_LOST], 0);
    rig_until(&rig, TR_LEASE_FX_WRITE); /* its own conditional write makes it valid again */
    answer_well(&rig, "TRIM_HORIZON");
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_HELD);
    assert_int_equal(ms_of(rig.valid_until), ms_of(rig.sent) + 9500);
    assert_int_equal(rig.count[TR_LEASE_FX_GRANTED], 1); /* goes on where it was */
    rig_deinit(&rig);
}

static void test_lease__lapses_on_time_while_a_write_is_in_flight(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_pass(&rig, 9499);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_HELD);
    rig_pass(&rig, 1);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_LAPSED);
    rig_deinit(&rig);
}

/* ---- lost answers ---- */

static void test_lease__attempt_that_had_landed_counts_from_the_earliest(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 7, "TRIM_HORIZON");
    uint64_t first;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_until(&rig, TR_LEASE_FX_WRITE);
    first = now_ms(&rig);
    rig_unanswered(&rig);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    assert_true(now_ms(&rig) > first);
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(ms_of(rig.valid_until), first + 9500);
    assert_int_equal(rig.last.expected_counter, 7); /* and goes on from there, at once */
    assert_int_equal(rig.count[TR_LEASE_FX_LOST], 0);
    answer_well(&rig, "TRIM_HORIZON");
    assert_int_equal(ms_of(rig.valid_until), ms_of(rig.sent) + 9500);
    rig_deinit(&rig);
}

static void test_lease__failed_condition_never_extends_from_its_own_sending(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 7, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_until(&rig, TR_LEASE_FX_WRITE); /* sent twice by the transport */
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(ms_of(rig.valid_until), 9500);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_HELD);
    assert_int_equal(rig.last.expected_counter, 7);
    rig_deinit(&rig);
}

static void test_lease__landed_attempt_does_not_undo_a_lapse(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 7, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_unanswered(&rig);
    rig_pass(&rig, 9500);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_LAPSED);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_LAPSED);
    assert_int_equal(rig.last.expected_counter, 7);
    rig_deinit(&rig);
}

static void test_lease__other_owner_in_the_way_means_lost(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "other", 7, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_LOST], 1);
    assert_int_equal(rig.lost, TR_ECONDITION);
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_LOST], 1);
    assert_int_equal(tr_lease_core_counter(rig.core, TR_LIT("s1")), 0);
    rig_deinit(&rig);
}

static void
test_lease__another_tenure_under_my_id_stops_and_is_never_adopted_by_a_read(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 9, "500");
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_LOST], 1);
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_TWIN], 1);
    rig.count[TR_LEASE_FX_WRITE] = 0;
    (void)wait_for_take(&rig, row); /* when it stands still, as any other */
    assert_int_equal(rig.last.kind, TR_LEASE_TAKE);
    tr_assert_bytes(rig.last.expected_owner, "me");
    assert_int_equal(rig.last.expected_counter, 9);
    row.counter = 10;
    rig_answer(&rig, TR_OK, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_GRANTED], 2);
    rig_deinit(&rig);
}

static void test_lease__without_the_old_row_a_read_decides_what_is_asked_next(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 7, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_answer(&rig, TR_ECONDITION, NULL);
    assert_int_equal(rig.count[TR_LEASE_FX_READ], 1);
    rig_read(&rig, TR_OK, &row);
    assert_int_equal(ms_of(rig.valid_until), 9500); /* a read proves nothing */
    assert_int_equal(rig.last.expected_counter, 7);
    rig_answer(&rig, TR_ECONDITION, NULL);
    row = rig_row("s1", "other", 8, "TRIM_HORIZON");
    rig_read(&rig, TR_ETIMEOUT, NULL); /* asked again */
    rig_until(&rig, TR_LEASE_FX_READ);
    rig_read(&rig, TR_OK, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_LOST], 1);
    rig_deinit(&rig);
}

static void test_lease__uncertain_take_is_proved_by_a_conditional_write(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 6, "40");
    (void)state;
    rig_init(&rig, NULL);
    rig_scan_row(&rig, rig_row("s1", NULL, 5, "40"));
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    rig_unanswered(&rig);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    assert_int_equal(rig.last.kind, TR_LEASE_TAKE);
    assert_int_equal(rig.last.expected_counter, 5);
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_GRANTED], 0);
    assert_int_equal(rig.last.kind, TR_LEASE_RENEW);
    assert_int_equal(rig.last.expected_counter, 6);
    row = rig_row("s1", "me", 7, "41");
    rig_answer(&rig, TR_OK, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_GRANTED], 1);
    tr_assert_has(rig.trace.ptr, "granted s1 at 41 "); /* what its answer shows */
    assert_int_equal(ms_of(rig.valid_until), ms_of(rig.sent) + 9500);
    rig_deinit(&rig);
}

/* Errors that come at once, and say nothing of what became of the write. */
static void test_lease__writes_that_fail_at_once_are_not_repeated_at_once(void **state)
{
    struct rig rig;
    struct tr_mono until;
    unsigned writes = 0;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_until(&rig, TR_LEASE_FX_WRITE);
    until = tr_mono_add_ms(rig.now, 10000); /* a failover time */
    while (tr_mono_before(rig.now, until)) {
        rig.now = tr_mono_add_ms(rig.now, 5);
        rig_unanswered(&rig);
        rig_until(&rig, TR_LEASE_FX_WRITE);
        writes++;
    }
    assert_in_range(writes, 10, 20);
    rig_deinit(&rig);
}

static void test_lease__take_whose_answer_lacks_the_row_reads_where_to_start(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 6, "40");
    (void)state;
    rig_init(&rig, NULL);
    rig_scan_row(&rig, rig_row("s1", NULL, 5, "TRIM_HORIZON"));
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    rig_answer(&rig, TR_OK, NULL);
    assert_int_equal(rig.count[TR_LEASE_FX_GRANTED], 0);
    rig_read(&rig, TR_OK, &row);
    tr_assert_has(rig.trace.ptr, "granted s1 at 40 until 9500");
    rig_deinit(&rig);
}

static void test_lease__late_take_that_a_scan_shows_is_adopted_by_a_write(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 6, "40");
    (void)state;
    rig_init(&rig, NULL);
    rig_scan_row(&rig, rig_row("s1", NULL, 5, "40"));
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    while (rig.count[TR_LEASE_FX_SCAN] < 2) {
        rig_unanswered(&rig);
        rig.now = tr_mono_max(rig.now, tr_lease_core_deadline(rig.core));
        rig_step(&rig, (struct tr_lease_event){.kind = TR_LEASE_EV_TICK});
    }
    rig_scanned(&rig, &row, 1);
    assert_int_equal(rig.last.kind, TR_LEASE_RENEW);
    assert_int_equal(rig.last.expected_counter, 6);
    assert_int_equal(rig.count[TR_LEASE_FX_GRANTED], 0);
    row.counter = 7;
    rig_answer(&rig, TR_OK, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_GRANTED], 1);
    rig_deinit(&rig);
}

static void test_lease__late_repeated_and_unknown_answers_do_nothing(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 7, "TRIM_HORIZON");
    uint64_t abandoned;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_until(&rig, TR_LEASE_FX_WRITE);
    abandoned = rig.write;
    rig_until(&rig, TR_LEASE_FX_WRITE); /* no answer at all: given up, tried again */
    assert_int_equal(rig.last.expected_counter, 6);
    assert_in_range(now_ms(&rig), 6330 + 10000 / 12, 6667 + 10000 / 10);
    rig_step(&rig, (struct tr_lease_event){
                       .kind = TR_LEASE_EV_WRITTEN, .op = abandoned, .rows = &row, .row_count = 1});
    assert_int_equal(ms_of(rig.valid_until), 9500);
    rig_step(&rig, (struct tr_lease_event){.kind = TR_LEASE_EV_WRITTEN, .op = 9999});
    rig_step(&rig, (struct tr_lease_event){.kind = TR_LEASE_EV_READ, .op = rig.write});
    rig_step(&rig, (struct tr_lease_event){.kind = TR_LEASE_EV_SCANNED, .op = 9999});
    rig_step(&rig, (struct tr_lease_event){.kind = TR_LEASE_EV_SCAN_FAILED, .op = 9999});
    assert_int_equal(tr_lease_core_in_flight(rig.core), 1);
    rig_deinit(&rig);
}

static void test_lease__throttled_renewal_is_repeated_soon(void **state)
{
    struct rig rig;
    uint64_t at;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_until(&rig, TR_LEASE_FX_WRITE);
    at = now_ms(&rig);
    rig_answer(&rig, TR_ETHROTTLED, NULL);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    assert_in_range(now_ms(&rig), at + 100, at + 400);
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_UNCERTAIN], 0);
    rig_deinit(&rig);
}

/* ---- rows under my id ---- */

static void test_lease__row_under_my_id_that_i_did_not_write_is_watched(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 9, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_scan_row(&rig, row);
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_TWIN], 1);
    wait_ms(&rig, 5000);
    row.counter = 10;
    rig_scan_row(&rig, row);
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_TWIN], 1);
    assert_in_range(wait_for_take(&rig, row), 15000, 15300);
    rig_deinit(&rig);
}

/* ---- checkpoints ---- */

static void test_lease__checkpoint_is_a_renewal(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_forget(&rig);
    wait_ms(&rig, 2000);
    rig_checkpoint(&rig, "s1", "100");
    answer_well(&rig, "100");
    assert_int_equal(ms_of(rig.valid_until), 11500);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    assert_in_range(now_ms(&rig), 8330, 8667); /* the timer starts anew */
    assert_int_equal(rig.last.kind, TR_LEASE_RENEW);
    rig_forget(&rig);
    rig_deinit(&rig);
}

static void test_lease__latest_checkpoint_wins_and_one_write_is_in_flight(void **state)
{
    struct rig rig;
    struct tr_position stored;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_forget(&rig);
    rig_checkpoint(&rig, "s1", "100");
    rig_checkpoint(&rig, "s1", "200");
    rig_checkpoint(&rig, "s1", "300");
    rig_checkpoint(&rig, "s1", "250"); /* never back */
    answer_well(&rig, "100");
    answer_well(&rig, "300");
    rig_expect(&rig, "0 checkpoint s1 me/6 -> 7 at 100\n"
                     "0 stored s1 100\n"
                     "0 valid s1 until 9500\n"
                     "0 checkpoint s1 me/7 -> 8 at 300\n"
                     "0 stored s1 300\n"
                     "0 valid s1 until 9500\n");
    assert_true(tr_lease_core_checkpoint(rig.core, TR_LIT("s1"), &stored));
    assert_int_equal(stored.len, 3);
    rig_deinit(&rig);
}

static void test_lease__position_not_ahead_of_the_row_is_not_written(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_checkpoint(&rig, "s1", "100");
    answer_well(&rig, "100");
    rig_forget(&rig);
    rig_checkpoint(&rig, "s1", "99");
    rig_checkpoint(&rig, "s1", "100");
    rig_expect(&rig, "0 stored s1 100\n0 stored s1 100\n");
    rig_deinit(&rig);
}

static void test_lease__unanswered_checkpoint_that_had_landed_is_stored(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 7, "100");
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_checkpoint(&rig, "s1", "100");
    rig_unanswered(&rig);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    assert_int_equal(rig.last.kind, TR_LEASE_CHECKPOINT);
    rig_forget(&rig);
    rig_answer(&rig, TR_ECONDITION, &row);
    tr_assert_has(rig.trace.ptr, "stored s1 100\n");
    assert_int_equal(rig.last.kind, TR_LEASE_RENEW); /* nothing is pending any more */
    rig_deinit(&rig);
}

static void test_lease__renewal_that_had_landed_leaves_the_checkpoint_to_write(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 7, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_checkpoint(&rig, "s1", "100");
    rig_unanswered(&rig);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_STORED], 0);
    assert_int_equal(rig.last.kind, TR_LEASE_CHECKPOINT);
    assert_int_equal(rig.last.expected_counter, 7);
    rig_deinit(&rig);
}

static void test_lease__shard_end_is_stored_and_released_in_one_write(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", NULL, 7, "SHARD_END");
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_forget(&rig);
    rig_checkpoint(&rig, "s1", "SHARD_END");
    rig_answer(&rig, TR_OK, &row);
    rig_expect(&rig, "0 valid s1 until 0\n"
                     "0 release s1 me/6 -> 7 at SHARD_END\n"
                     "0 stored s1 SHARD_END\n"
                     "0 released s1 TR_OK\n");
    rig_pass(&rig, 60000);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], 2); /* not taken again */
    rig_deinit(&rig);
}

static void test_lease__shard_end_is_tried_until_it_is_stored_or_lost(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "other", 8, "TRIM_HORIZON");
    unsigned i;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_checkpoint(&rig, "s1", "SHARD_END");
    for (i = 0; i < 20; i++) {
        rig_unanswered(&rig);
        rig_until(&rig, TR_LEASE_FX_WRITE);
    }
    assert_int_equal(rig.last.kind, TR_LEASE_RELEASE);
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_LOST], 1);
    assert_int_equal(rig.count[TR_LEASE_FX_STORED], 0);
    rig_deinit(&rig);
}

/* ---- releasing ---- */

static void test_lease__given_up_is_released_with_its_last_checkpoint(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 7, "100");
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_forget(&rig);
    rig_checkpoint(&rig, "s1", "100");
    rig_checkpoint(&rig, "s1", "200");
    wait_ms(&rig, 10);
    rig_key(&rig, TR_LEASE_EV_GIVE_UP, "s1");
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_RELEASING);
    rig_answer(&rig, TR_OK, &row);
    row = rig_row("s1", NULL, 8, "200");
    rig_answer(&rig, TR_OK, &row);
    rig_expect(&rig, "0 checkpoint s1 me/6 -> 7 at 100\n"
                     "10 valid s1 until 10\n"
                     "10 stored s1 100\n"
                     "10 release s1 me/7 -> 8 at 200\n"
                     "10 stored s1 200\n"
                     "10 released s1 TR_OK\n");
    assert_int_equal(rig.rings, 0);
    rig_pass(&rig, 50);
    assert_int_equal(rig.rings, 1); /* and it is told */
    rig_rung(&rig, TR_OK);
    rig_pass(&rig, 4000);
    assert_int_equal(rig.last.kind, TR_LEASE_RELEASE); /* not before it is ready again */
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    assert_int_equal(rig.last.kind, TR_LEASE_TAKE);
    assert_int_equal(rig.last.expected_counter, 8);
    rig_deinit(&rig);
}

static void test_lease__release_that_had_landed_is_recognised(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", NULL, 7, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_key(&rig, TR_LEASE_EV_GIVE_UP, "s1");
    rig_unanswered(&rig);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_RELEASED], 1);
    assert_int_equal(rig.released, TR_OK);
    rig_deinit(&rig);
}

static void test_lease__release_without_answers_ends_after_some_attempts(void **state)
{
    struct rig rig;
    unsigned writes;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_key(&rig, TR_LEASE_EV_GIVE_UP, "s1");
    writes = rig.count[TR_LEASE_FX_WRITE];
    rig_pass(&rig, 10000); /* no answer at all */
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], writes + 3);
    assert_int_equal(rig.count[TR_LEASE_FX_RELEASED], 1);
    assert_int_equal(rig.released, TR_ETIMEOUT);
    assert_int_equal(tr_lease_core_in_flight(rig.core), 0);
    rig_deinit(&rig);
}

static void test_lease__release_of_a_lost_lease_says_so(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "other", 9, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_key(&rig, TR_LEASE_EV_GIVE_UP, "s1");
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(rig.released, TR_ECONDITION);
    rig_key(&rig, TR_LEASE_EV_GIVE_UP, "s1"); /* not held */
    assert_int_equal(rig.released, TR_ENOTFOUND);
    rig_key(&rig, TR_LEASE_EV_GIVE_UP, "unknown");
    assert_int_equal(rig.count[TR_LEASE_FX_RELEASED], 3);
    rig_deinit(&rig);
}

/* Nobody owns it any more, but not by this release: another worker came and went since. */
static void test_lease__free_row_that_another_release_left_was_lost(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", NULL, 9, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_key(&rig, TR_LEASE_EV_GIVE_UP, "s1");
    rig_unanswered(&rig);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(rig.released, TR_ECONDITION);
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_LOST], 1);
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_RELEASED], 0);
    rig_deinit(&rig);
}

static void test_lease__stopped_worker_takes_nothing_and_looks_no_more(void **state)
{
    struct rig rig;
    struct tr_lease_row rows[2];
    (void)state;
    rig_init(&rig, NULL);
    rows[0] = rig_row("s1", NULL, 5, "TRIM_HORIZON");
    rows[1] = rig_row("s2", NULL, 5, "TRIM_HORIZON");
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, rows, 2);
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    rig_step(&rig, (struct tr_lease_event){.kind = TR_LEASE_EV_STOP});
    rig_key(&rig, TR_LEASE_EV_READY, "s2");
    rows[0] = rig_row("s1", "me", 6, "TRIM_HORIZON");
    rig_answer(&rig, TR_OK, rows); /* the take was on its way: it is given back */
    assert_int_equal(rig.last.kind, TR_LEASE_RELEASE);
    rows[0] = rig_row("s1", NULL, 7, "TRIM_HORIZON");
    rig_answer(&rig, TR_OK, rows);
    assert_int_equal(tr_lease_core_in_flight(rig.core), 1); /* the last release is rung for */
    assert_int_equal(rig.rings, 1);
    rig_rung(&rig, TR_OK);
    rig_pass(&rig, 60000);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], 2);
    assert_int_equal(rig.count[TR_LEASE_FX_GRANTED], 0);
    assert_int_equal(rig.count[TR_LEASE_FX_SCAN], 1);
    assert_int_equal(tr_lease_core_in_flight(rig.core), 0);
    rig_deinit(&rig);
}

/* ---- rows that vanish ---- */

/* The write that is out finds no row. */
static void miss_row(struct rig *rig)
{
    rig_answer(rig, TR_ECONDITION, NULL);
    rig_step(rig, (struct tr_lease_event){.kind = TR_LEASE_EV_READ,
                                          .op = rig->read,
                                          .status = TR_ENOTFOUND,
                                          .service = {1800000000000}});
}

static void lose_row(struct rig *rig)
{
    rig_until(rig, TR_LEASE_FX_WRITE);
    miss_row(rig);
}

static void test_lease__vanished_row_is_made_again_by_its_owner(void **state)
{
    struct rig rig;
    uint64_t counter;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_checkpoint(&rig, "s1", "100");
    answer_well(&rig, "100");
    lose_row(&rig);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_LAPSED); /* processing stops meanwhile */
    assert_int_equal(ms_of(rig.valid_until), now_ms(&rig));
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_ROW_GONE], 1);
    assert_int_equal(rig.last.kind, TR_LEASE_CREATE);
    tr_assert_bytes(rig.last.owner, "me");
    assert_true(rig.last.counter == 1800000000000u);
    assert_int_equal(rig.last.position.len, 3);
    rig_unanswered(&rig);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    counter = rig.last.counter;
    assert_true(counter > 1800000000000u); /* the first one may have made it, and it went again */
    rig_answer(&rig, TR_OK, NULL);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_HELD);
    assert_int_equal(ms_of(rig.valid_until), ms_of(rig.sent) + 9500);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    assert_true(rig.last.expected_counter == counter);
    rig_deinit(&rig);
}

/* Each attempt has its own counter, and any of them is known again. */
static void test_lease__vanished_row_that_an_unanswered_attempt_made_is_mine(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 1800000000000, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    lose_row(&rig);
    rig_unanswered(&rig);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_unanswered(&rig);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_LOST], 0);
    assert_int_equal(rig.last.kind, TR_LEASE_RENEW);
    assert_true(rig.last.expected_counter == 1800000000000u);
    answer_well(&rig, "TRIM_HORIZON");
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_HELD);
    rig_deinit(&rig);
}

/* Given up meanwhile, it is made without an owner. What another worker made in that time is not
 * taken for that: my checkpoint is not in it. */
static void test_lease__vanished_row_that_is_given_up_is_released_with_its_checkpoint(void **state)
{
    unsigned i;
    (void)state;
    for (i = 0; i < 2; i++) {
        struct rig rig;
        struct tr_lease_row row =
            rig_row("s1", NULL, 1800000000000, i == 0 ? "100" : "TRIM_HORIZON");
        rig_init(&rig, NULL);
        rig_hold(&rig, "s1");
        rig_checkpoint(&rig, "s1", "100");
        answer_well(&rig, "100");
        lose_row(&rig);
        rig_key(&rig, TR_LEASE_EV_GIVE_UP, "s1");
        rig_unanswered(&rig);
        rig_until(&rig, TR_LEASE_FX_WRITE);
        assert_null(rig.last.owner.ptr);
        row.counter = rig.last.counter;
        rig_unanswered(&rig);
        rig_until(&rig, TR_LEASE_FX_WRITE);
        assert_true(rig.last.counter > row.counter);
        rig_answer(&rig, TR_ECONDITION, &row);
        assert_int_equal(rig.released, i == 0 ? TR_OK : TR_ECONDITION);
        rig_deinit(&rig);
    }
}

static void test_lease__vanished_row_that_somebody_made_first_is_lost(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", NULL, 1800000000001, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    lose_row(&rig);
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_LOST], 1);
    rig_deinit(&rig);
}

static void test_lease__vanished_row_of_a_lapsed_owner_waits_for_a_better_one(void **state)
{
    struct rig rig;
    uint64_t at;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_pass(&rig, 9600);
    at = now_ms(&rig);
    miss_row(&rig);
    rig_checkpoint(&rig, "s1", "100"); /* neither a checkpoint nor giving up cuts it short */
    rig_key(&rig, TR_LEASE_EV_GIVE_UP, "s1");
    rig_until(&rig, TR_LEASE_FX_WRITE);
    assert_int_equal(rig.last.kind, TR_LEASE_CREATE);
    assert_null(rig.last.owner.ptr);
    assert_int_equal(rig.last.position.len, 3);
    assert_true(now_ms(&rig) >= at + 20000);
    /* ... and is made with a number of then: others may have made it, and lost it, meanwhile. */
    assert_true(rig.last.counter >= 1800000000000 + 20000);
    rig_answer(&rig, TR_OK, NULL);
    assert_int_equal(rig.released, TR_OK);
    rig_deinit(&rig);
}

/* Else it would be made at an old checkpoint when it is deleted once more. */
static void test_lease__vanished_row_that_a_scan_shows_again_is_lost_at_once(void **state)
{
    struct rig rig;
    struct tr_lease_row stale = rig_row("s1", "me", 6, "TRIM_HORIZON"),
                        again = rig_row("s1", "other", 1800000000001, "100");
    uint64_t at;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_pass(&rig, 9600);
    miss_row(&rig);
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, &stale, 1);
    assert_int_equal(rig.count[TR_LEASE_FX_LOST], 0);
    rig_until(&rig, TR_LEASE_FX_SCAN);
    at = now_ms(&rig);
    rig_scanned(&rig, &again, 1);
    assert_int_equal(rig.last.kind, TR_LEASE_CREATE);
    assert_true(now_ms(&rig) == at);
    rig_answer(&rig, TR_ECONDITION, &again);
    assert_int_equal(rig.count[TR_LEASE_FX_LOST], 1);
    rig_deinit(&rig);
}

static void test_lease__vanished_row_is_lost_without_a_fresh_counter(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_answer(&rig, TR_ECONDITION, NULL);
    rig_read(&rig, TR_ENOTFOUND, NULL);
    assert_int_equal(rig.lost, TR_ENOTFOUND);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_UNKNOWN);
    rig_deinit(&rig);
}

static void test_lease__row_that_is_not_understood_any_more_is_left_alone(void **state)
{
    struct rig rig;
    unsigned writes;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_answer(&rig, TR_ECONDITION, NULL);
    writes = rig.count[TR_LEASE_FX_WRITE];
    rig_read(&rig, TR_EPARSE, NULL);
    assert_int_equal(rig.lost, TR_EPARSE);
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_ROW_BAD], 1);
    rig_pass(&rig, 30000);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], writes);
    rig_deinit(&rig);
}

static void test_lease__row_gone_from_the_table_is_forgotten(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig, NULL);
    rig_scan_row(&rig, rig_row("s1", "other", 5, "TRIM_HORIZON"));
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, NULL, 0);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_UNKNOWN);
    rig_pass(&rig, 30000);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], 0);
    rig_deinit(&rig);
}

static void test_lease__scan_that_lacks_my_row_makes_me_look(void **state)
{
    struct rig rig;
    struct tr_lease_row other = rig_row("s2", "other", 5, "TRIM_HORIZON");
    uint64_t op;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    wait_ms(&rig, 2999); /* the scan is asked for later than the grant */
    rig_step(&rig, (struct tr_lease_event){.kind = TR_LEASE_EV_TICK});
    while (rig.count[TR_LEASE_FX_SCAN] < 2) {
        rig_until(&rig, TR_LEASE_FX_SCAN);
        if (rig.count[TR_LEASE_FX_WRITE] > 1) {
            answer_well(&rig, "TRIM_HORIZON");
        }
    }
    op = rig.write;
    rig_scanned(&rig, &other, 1);
    assert_true(rig.write > op || tr_lease_core_in_flight(rig.core) == 1);
    assert_int_equal(rig.count[TR_LEASE_FX_LOST], 0);
    rig_deinit(&rig);
}

/* The row stands there with a checkpoint that is none, or scans are stale: no heartbeat a scan. */
static void test_lease__row_that_all_scans_lack_is_looked_for_once(void **state)
{
    struct rig rig;
    struct tr_lease_row other = rig_row("s2", "other", 5, "TRIM_HORIZON");
    unsigned writes;
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    wait_ms(&rig, 1000);
    rig_until(&rig, TR_LEASE_FX_SCAN);
    writes = rig.count[TR_LEASE_FX_WRITE];
    rig_scanned(&rig, &other, 1);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], writes + 1);
    answer_well(&rig, "TRIM_HORIZON");
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, &other, 1);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], writes + 1);
    assert_int_equal(tr_lease_core_in_flight(rig.core), 0);
    rig_deinit(&rig);
}

/* ---- rows to make ---- */

static void create(struct rig *rig, const char *key, const char *parent)
{
    struct tr_lease_write write = {.kind = TR_LEASE_CREATE,
                                   .key = tr_bytes_of(key),
                                   .position = TR_TRIM_HORIZON,
                                   .counter = 1700000000000u};
    write.parents[0] = tr_bytes_of(parent);
    write.parent_count = parent != NULL;
    rig_step(rig, (struct tr_lease_event){.kind = TR_LEASE_EV_CREATE, .create = &write});
}

static void test_row__is_made_after_its_parents(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("child", "other", 7, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_forget(&rig);
    create(&rig, "parent", NULL);
    create(&rig, "child", "parent");
    create(&rig, "child", "parent"); /* being made already */
    rig_answer(&rig, TR_OK, NULL);
    rig_answer(&rig, TR_ECONDITION, &row); /* somebody made it first: as good */
    create(&rig, "child", "parent");
    rig_expect(&rig, "0 create parent -> 1700000000000 at TRIM_HORIZON\n"
                     "0 row parent\n"
                     "0 create child -> 1700000000000 at TRIM_HORIZON\n"
                     "0 row child\n");
    rig_key(&rig, TR_LEASE_EV_READY, "parent");
    assert_int_equal(rig.last.kind, TR_LEASE_TAKE);
    assert_true(rig.last.expected_counter == 1700000000000u);
    rig_deinit(&rig);
}

/* A row that I made or released a moment ago may lack in a scan that is older. Whoever wants it
 * made has seen that it is gone. */
static void test_row__that_goes_as_soon_as_it_is_made_is_made_again(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig, NULL);
    rig_until(&rig, TR_LEASE_FX_SCAN);
    create(&rig, "s1", NULL);
    rig_answer(&rig, TR_OK, NULL);
    rig_scanned(&rig, NULL, 0);
    rig_scan_row(&rig, rig_row("s1", NULL, 1700000000000u, "TRIM_HORIZON"));
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, NULL, 0);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_FREE);
    create(&rig, "s1", NULL);
    assert_int_equal(rig.last.kind, TR_LEASE_CREATE);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], 2);
    rig_deinit(&rig);
}

static void test_row__is_tried_until_it_is_made(void **state)
{
    struct rig rig;
    unsigned i;
    (void)state;
    rig_init(&rig, NULL);
    rig_until(&rig, TR_LEASE_FX_SCAN);
    create(&rig, "s1", NULL);
    for (i = 0; i < 10; i++) {
        /* An attempt without an answer may have made it, and it may have gone again. */
        uint64_t counter = rig.last.counter;
        rig_unanswered(&rig);
        rig_until(&rig, TR_LEASE_FX_WRITE);
        assert_int_equal(rig.last.kind, TR_LEASE_CREATE);
        assert_true(rig.last.counter > counter);
    }
    rig_answer(&rig, TR_OK, NULL);
    assert_int_equal(rig_view(&rig, "s1"), TR_LEASE_FREE);
    rig_deinit(&rig);
}

/* An attempt that nobody answered may have made it, and the row may have been spoilt and deleted by
 * hand before the next one: no counter is given twice. */
static void test_row__that_is_tried_again_is_numbered_anew(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig, NULL);
    rig_until(&rig, TR_LEASE_FX_SCAN);
    create(&rig, "s1", NULL);
    assert_true(rig.last.counter == 1700000000000u);
    rig_step(&rig, (struct tr_lease_event){.kind = TR_LEASE_EV_WRITTEN,
                                           .op = rig.write,
                                           .status = TR_ETIMEOUT,
                                           .may_have_happened = true,
                                           .service = {1700000002000}});
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_answer(&rig, TR_ECONDITION, NULL);
    rig_read(&rig, TR_EPARSE, NULL);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    assert_int_equal(rig.last.kind, TR_LEASE_CREATE);
    assert_true(rig.last.counter > 1700000002000u);
    rig_answer(&rig, TR_OK, NULL);
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    assert_true(rig.last.expected_counter > 1700000002000u);
    rig_deinit(&rig);
}

/* A scan that lags behind lacks the rows of a first start. Were they gone, everything else would be
 * one's own, and the next look at the table a long time away. */
static void test_row__that_a_scan_lacks_yet_is_not_gone(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig, NULL);
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, NULL, 0);
    create(&rig, "s1", NULL);
    rig_answer(&rig, TR_OK, NULL);
    rig_key(&rig, TR_LEASE_EV_READY, "s1");
    rig_until(&rig, TR_LEASE_FX_WRITE);
    assert_int_equal(rig.last.kind, TR_LEASE_TAKE);
    create(&rig, "s2", NULL);
    rig_answer(&rig, TR_OK, NULL);
    rig_key(&rig, TR_LEASE_EV_READY, "s2");
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, NULL, 0);
    assert_int_equal(rig_view(&rig, "s2"), TR_LEASE_FREE);
    rig_pass(&rig, 11000);
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, NULL, 0);
    assert_int_equal(rig_view(&rig, "s2"), TR_LEASE_UNKNOWN);
    rig_deinit(&rig);
}

/* ---- limits ---- */

static void test_limit__of_writes_is_kept_in_the_order_of_asking(void **state)
{
    struct tr_lease_options options = {
        .worker_id = TR_LIT("me"), .failover_ms = 10000, .leases_max = 8, .writes_max = 1};
    struct rig rig;
    struct tr_lease_row rows[3], row;
    (void)state;
    rig_init(&rig, &options);
    rows[0] = rig_row("a", NULL, 1, "5");
    rows[1] = rig_row("b", NULL, 1, "5");
    rows[2] = rig_row("c", NULL, 1, "5");
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, rows, 3);
    rig_key(&rig, TR_LEASE_EV_READY, "c");
    rig_key(&rig, TR_LEASE_EV_READY, "a");
    rig_key(&rig, TR_LEASE_EV_READY, "b");
    assert_int_equal(tr_lease_core_in_flight(rig.core), 1);
    row = rig_row("c", "me", 2, "5");
    rig_answer(&rig, TR_OK, &row);
    rows[2] = row;
    rig_pass(&rig, 500);
    rig_scanned(&rig, rows, 3);
    rig_pass(&rig, 0);
    rig_forget(&rig);
    rig_scanned(&rig, rows, 3); /* nobody else has started: the rest may be taken */
    assert_int_equal(tr_lease_core_in_flight(rig.core), 1);
    row = rig_row("a", "other", 2, "5");
    rig_answer(&rig, TR_ECONDITION, &row);
    rig_expect(&rig, "500 take a -/1 -> 2 by me\n"
                     "500 row a\n");
    rig_pass(&rig, 200);
    rig_expect(&rig, "600 take b -/1 -> 2 by me\n"); /* another one's by lot: a little later */
    rig_deinit(&rig);
}

static void test_limit__of_rows_leaves_the_others_alone(void **state)
{
    struct tr_lease_options options = {
        .worker_id = TR_LIT("me"), .failover_ms = 10000, .leases_max = 2, .writes_max = 4};
    struct tr_lease_write write = {.kind = TR_LEASE_CREATE, .key = TR_LIT("d"), .counter = 1};
    struct rig rig;
    struct tr_lease_row rows[3];
    (void)state;
    rig_init(&rig, &options);
    rows[0] = rig_row("a", NULL, 1, "5");
    rows[1] = rig_row("b", NULL, 1, "5");
    rows[2] = rig_row("c", NULL, 1, "5");
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, rows, 3);
    assert_int_equal(rig_view(&rig, "b"), TR_LEASE_FREE);
    assert_int_equal(rig_view(&rig, "c"), TR_LEASE_UNKNOWN);
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_LIMIT], 1);
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, rows, 3);
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_LIMIT], 1); /* said once */
    tr_assert_status(
        rig_try(&rig, (struct tr_lease_event){.kind = TR_LEASE_EV_CREATE, .create = &write}),
        TR_ELIMIT, NULL);
    rig_deinit(&rig);
}

/* ---- scans ---- */

static void test_scan__is_often_while_something_is_not_mine(void **state)
{
    struct rig rig;
    struct tr_lease_row rows[2];
    uint64_t at;
    (void)state;
    rig_init(&rig, NULL);
    assert_false(tr_lease_core_scanned(rig.core));
    rows[0] = rig_row("s1", "other", 5, "TRIM_HORIZON");
    rows[1] = rig_row("done", NULL, 5, "SHARD_END");
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, rows, 2);
    assert_true(tr_lease_core_scanned(rig.core));
    rig_until(&rig, TR_LEASE_FX_SCAN);
    assert_in_range(now_ms(&rig), 450, 500);
    at = now_ms(&rig);
    rig_scanned(&rig, rows + 1, 1); /* nothing to watch is left */
    rig_until(&rig, TR_LEASE_FX_SCAN);
    assert_in_range(now_ms(&rig), at + 22500, at + 25000);
    rig_deinit(&rig);
}

static void test_scan__that_failed_or_got_lost_is_repeated(void **state)
{
    struct rig rig;
    uint64_t at;
    (void)state;
    rig_init(&rig, NULL);
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_step(&rig, (struct tr_lease_event){
                       .kind = TR_LEASE_EV_SCAN_FAILED, .op = rig.scan, .status = TR_ETHROTTLED});
    rig_until(&rig, TR_LEASE_FX_SCAN);
    assert_in_range(now_ms(&rig), 500, 1010);
    at = now_ms(&rig);
    rig_until(&rig, TR_LEASE_FX_SCAN); /* no answer at all */
    assert_in_range(now_ms(&rig), at + 5000, at + 9000);
    rig_deinit(&rig);
}

static void test_scan__shows_rows_when_more_than_their_counter_changed(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "other", 5, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_scan_row(&rig, row);
    row.counter++;
    rig_scan_row(&rig, row);
    assert_int_equal(rig.count[TR_LEASE_FX_ROW], 1);
    row.checkpoint = TR_SHARD_END;
    rig_scan_row(&rig, row);
    assert_int_equal(rig.count[TR_LEASE_FX_ROW], 2);
    rig_deinit(&rig);
}

static void test_scan__that_shows_another_writer_makes_me_look(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "other", 7, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    while (rig.count[TR_LEASE_FX_SCAN] < 2) {
        rig_until(&rig, TR_LEASE_FX_SCAN);
    }
    (void)tr_lease_core_in_flight(rig.core);
    rig_answer(&rig, TR_ETHROTTLED, NULL);
    rig_scanned(&rig, &row, 1);
    assert_int_equal(rig.count[TR_LEASE_FX_LOST], 0); /* a scan may be stale: it proves nothing */
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_LOST], 1);
    rig_deinit(&rig);
}

static void test_scan__that_lags_behind_changes_nothing_of_what_is_mine(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", "me", 7, "TRIM_HORIZON");
    (void)state;
    rig_init(&rig, NULL);
    rig_hold(&rig, "s1");
    rig_until(&rig, TR_LEASE_FX_WRITE);
    rig_answer(&rig, TR_OK, &row);
    row.counter = 6; /* as it was before */
    rig_key(&rig, TR_LEASE_EV_LOOK, "");
    rig_scanned(&rig, &row, 1);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    assert_int_equal(rig.last.expected_counter, 7);
    assert_int_equal(rig.last.counter, 8);
    rig_deinit(&rig);
}

/* ---- the form ---- */

/* A life of a lease, with its notes. `fail_from`: allocations fail from there on until an event
 * went through; every event is given again until it does. */
struct life {
    struct rig rig;
    int64_t fail_at; /* of each event; -1: none */
    unsigned failed;
};

static void live_step(struct life *life, struct tr_lease_event ev)
{
    enum tr_status status;
    if (life->fail_at >= 0) {
        (void)tr_mem_fail_at(life->fail_at);
    }
    status = rig_try(&life->rig, ev);
    (void)tr_mem_fail_at(-1);
    while (status == TR_ENOMEM) {
        life->failed++;
        status = rig_try(&life->rig, ev);
    }
    tr_assert_status(status, TR_OK, NULL);
    while (tr_mono_reached(life->rig.now, tr_lease_core_deadline(life->rig.core))) {
        rig_step(&life->rig, (struct tr_lease_event){.kind = TR_LEASE_EV_TICK});
    }
}

static void live_answer(struct life *life, enum tr_status status, struct tr_lease_row row)
{
    live_step(life, (struct tr_lease_event){.kind = TR_LEASE_EV_WRITTEN,
                                            .op = life->rig.write,
                                            .status = status,
                                            .may_have_happened = status == TR_ETIMEOUT,
                                            .rows = &row,
                                            .row_count = status != TR_ETIMEOUT});
}

static void live_until(struct life *life, uint64_t ms)
{
    life->rig.now = (struct tr_mono){(RIG_START_MS + ms) * TR_NS_PER_MS};
    live_step(life, (struct tr_lease_event){.kind = TR_LEASE_EV_TICK});
}

static void live(struct life *life)
{
    struct tr_lease_row rows[2];
    struct tr_lease_write write = {.kind = TR_LEASE_CREATE,
                                   .key = TR_LIT("s3"),
                                   .counter = 1700000000000u,
                                   .position = TR_TRIM_HORIZON};
    struct tr_lease_event ev = {.kind = TR_LEASE_EV_CHECKPOINT, .key = TR_LIT("s1")};
    rows[0] = rig_row("s1", NULL, 5, "TRIM_HORIZON");
    rows[0].parents[0] = TR_LIT("p");
    rows[0].parent_count = 1;
    rows[1] = rig_row("s2", "other", 9, "SHARD_END");
    live_until(life, 0);
    live_step(life,
              (struct tr_lease_event){
                  .kind = TR_LEASE_EV_SCANNED, .op = life->rig.scan, .rows = rows, .row_count = 2});
    live_step(life, (struct tr_lease_event){.kind = TR_LEASE_EV_READY, .key = TR_LIT("s1")});
    rows[0].owner = TR_LIT("me");
    rows[0].counter = 6;
    live_answer(life, TR_OK, rows[0]);
    live_until(life, 1000);
    ev.position = rows[1].checkpoint;
    (void)!tr_position_parse(TR_LIT("100"), &ev.position, NULL);
    live_step(life, ev);
    live_answer(life, TR_ETIMEOUT, rows[0]);
    live_until(life, 1400);
    rows[0].counter = 7;
    rows[0].checkpoint = ev.position;
    live_answer(life, TR_ECONDITION, rows[0]);
    rows[0].counter = 8;
    live_answer(life, TR_OK, rows[0]);
    live_step(life, (struct tr_lease_event){.kind = TR_LEASE_EV_CREATE, .create = &write});
    live_answer(life, TR_OK, rig_row("s3", NULL, 1700000000000u, "TRIM_HORIZON"));
    live_step(life, (struct tr_lease_event){.kind = TR_LEASE_EV_GIVE_UP, .key = TR_LIT("s1")});
    rows[0].counter = 9;
    rows[0].owner = (struct tr_bytes){0};
    live_answer(life, TR_OK, rows[0]);
    live_step(life, (struct tr_lease_event){.kind = TR_LEASE_EV_STOP});
}

static const char life_trace[] = "0 scan\n"
                                 "0 row s1\n"
                                 "0 row s2\n"
                                 "0 note LEASE_READS  3600 whole, often\n"
                                 "0 take s1 -/5 -> 6 by me\n"
                                 "0 granted s1 at TRIM_HORIZON until 9500\n"
                                 "0 note LEASE_TAKEN s1 6 TRIM_HORIZON\n"
                                 "1000 scan\n"
                                 "1000 checkpoint s1 me/6 -> 7 at 100\n"
                                 "1000 note LEASE_UNCERTAIN s1 6 timed out\n"
                                 "1400 checkpoint s1 me/6 -> 7 at 100\n"
                                 "1400 stored s1 100\n"
                                 "1400 note CHECKPOINT_WRITTEN s1 7 100\n"
                                 "1400 valid s1 until 10500\n"
                                 "1400 renew s1 me/7 -> 8\n"
                                 "1400 note LEASE_RENEWED s1 8 \n"
                                 "1400 valid s1 until 10900\n"
                                 "1400 create s3 -> 1700000000000 at TRIM_HORIZON\n"
                                 "1400 row s3\n"
                                 "1400 note LEASE_CREATED s3 0 TRIM_HORIZON\n"
                                 "1400 valid s1 until 1400\n"
                                 "1400 release s1 me/8 -> 9\n"
                                 "1400 note LEASE_RELEASED s1 9 100\n"
                                 "1400 released s1 TR_OK\n";

static void test_core__the_same_events_give_the_same_bytes(void **state)
{
    struct life life = {.fail_at = -1};
    unsigned round;
    (void)state;
    for (round = 0; round < 2; round++) {
        rig_init(&life.rig, NULL);
        life.rig.notes = true;
        live(&life);
        rig_expect(&life.rig, life_trace);
        rig_deinit(&life.rig);
    }
}

static void test_core__event_without_memory_did_not_happen(void **state)
{
    struct life life = {0};
    unsigned before;
    (void)state;
    do {
        before = life.failed;
        rig_init(&life.rig, NULL);
        life.rig.notes = true;
        live(&life);
        rig_expect(&life.rig, life_trace);
        rig_deinit(&life.rig);
        life.fail_at++;
    } while (life.failed > before);
    assert_true(life.fail_at > 3);
}

static void test_core__new_without_memory_fails_clean(void **state)
{
    struct tr_lease_options options = {
        .worker_id = TR_LIT("me"), .failover_ms = 10000, .leases_max = 1, .writes_max = 1};
    struct tr_lease_core *core = NULL;
    enum tr_status status = TR_ENOMEM;
    int64_t n;
    (void)state;
    for (n = 0; status != TR_OK; n++) {
        (void)tr_mem_fail_at(n);
        status = tr_lease_core_new(&options, (struct tr_mono){1}, &core);
        (void)tr_mem_fail_at(-1);
        assert_true(status == TR_OK || status == TR_ENOMEM);
    }
    tr_lease_core_free(core);
    assert_int_equal(n, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lease__unowned_and_ready_is_taken_at_once),
        cmocka_unit_test(test_lease__is_taken_only_after_failover),
        cmocka_unit_test(test_lease__any_other_counter_is_a_sign_of_life),
        cmocka_unit_test(test_lease__longer_failover_of_the_owner_is_waited_for),
        cmocka_unit_test(test_lease__lost_race_for_a_take_watches_the_winner),
        cmocka_unit_test(test_lease__at_its_end_is_never_taken),
        cmocka_unit_test(test_lease__with_the_highest_counter_is_left_alone),
        cmocka_unit_test(test_lease__that_went_back_is_taken_past_what_my_late_writes_expect),
        cmocka_unit_test(test_lease__that_went_back_is_mine_by_the_counter_that_my_take_asked_for),
        cmocka_unit_test(test_lease__row_one_ahead_of_a_take_that_leads_past_is_not_mine),
        cmocka_unit_test(test_lease__owner_whose_counter_went_back_stops_and_tells_it),
        cmocka_unit_test(test_lease__validity_counts_from_the_sending),
        cmocka_unit_test(test_lease__take_answered_too_late_is_proved_by_another_write),
        cmocka_unit_test(test_lease__unanswered_renewals_are_repeated_and_then_it_lapses),
        cmocka_unit_test(test_lease__lapses_on_time_while_a_write_is_in_flight),
        cmocka_unit_test(test_lease__attempt_that_had_landed_counts_from_the_earliest),
        cmocka_unit_test(test_lease__failed_condition_never_extends_from_its_own_sending),
        cmocka_unit_test(test_lease__landed_attempt_does_not_undo_a_lapse),
        cmocka_unit_test(test_lease__other_owner_in_the_way_means_lost),
        cmocka_unit_test(
            test_lease__another_tenure_under_my_id_stops_and_is_never_adopted_by_a_read),
        cmocka_unit_test(test_lease__without_the_old_row_a_read_decides_what_is_asked_next),
        cmocka_unit_test(test_lease__uncertain_take_is_proved_by_a_conditional_write),
        cmocka_unit_test(test_lease__writes_that_fail_at_once_are_not_repeated_at_once),
        cmocka_unit_test(test_lease__take_whose_answer_lacks_the_row_reads_where_to_start),
        cmocka_unit_test(test_lease__late_take_that_a_scan_shows_is_adopted_by_a_write),
        cmocka_unit_test(test_lease__late_repeated_and_unknown_answers_do_nothing),
        cmocka_unit_test(test_lease__throttled_renewal_is_repeated_soon),
        cmocka_unit_test(test_lease__row_under_my_id_that_i_did_not_write_is_watched),
        cmocka_unit_test(test_lease__checkpoint_is_a_renewal),
        cmocka_unit_test(test_lease__latest_checkpoint_wins_and_one_write_is_in_flight),
        cmocka_unit_test(test_lease__position_not_ahead_of_the_row_is_not_written),
        cmocka_unit_test(test_lease__unanswered_checkpoint_that_had_landed_is_stored),
        cmocka_unit_test(test_lease__renewal_that_had_landed_leaves_the_checkpoint_to_write),
        cmocka_unit_test(test_lease__shard_end_is_stored_and_released_in_one_write),
        cmocka_unit_test(test_lease__shard_end_is_tried_until_it_is_stored_or_lost),
        cmocka_unit_test(test_lease__given_up_is_released_with_its_last_checkpoint),
        cmocka_unit_test(test_lease__release_that_had_landed_is_recognised),
        cmocka_unit_test(test_lease__release_without_answers_ends_after_some_attempts),
        cmocka_unit_test(test_lease__release_of_a_lost_lease_says_so),
        cmocka_unit_test(test_lease__free_row_that_another_release_left_was_lost),
        cmocka_unit_test(test_lease__stopped_worker_takes_nothing_and_looks_no_more),
        cmocka_unit_test(test_lease__vanished_row_is_made_again_by_its_owner),
        cmocka_unit_test(test_lease__vanished_row_that_an_unanswered_attempt_made_is_mine),
        cmocka_unit_test(test_lease__vanished_row_that_is_given_up_is_released_with_its_checkpoint),
        cmocka_unit_test(test_lease__vanished_row_that_somebody_made_first_is_lost),
        cmocka_unit_test(test_lease__vanished_row_of_a_lapsed_owner_waits_for_a_better_one),
        cmocka_unit_test(test_lease__vanished_row_that_a_scan_shows_again_is_lost_at_once),
        cmocka_unit_test(test_lease__vanished_row_is_lost_without_a_fresh_counter),
        cmocka_unit_test(test_lease__row_that_is_not_understood_any_more_is_left_alone),
        cmocka_unit_test(test_lease__row_gone_from_the_table_is_forgotten),
        cmocka_unit_test(test_lease__scan_that_lacks_my_row_makes_me_look),
        cmocka_unit_test(test_lease__row_that_all_scans_lack_is_looked_for_once),
        cmocka_unit_test(test_row__is_made_after_its_parents),
        cmocka_unit_test(test_row__that_goes_as_soon_as_it_is_made_is_made_again),
        cmocka_unit_test(test_row__is_tried_until_it_is_made),
        cmocka_unit_test(test_row__that_is_tried_again_is_numbered_anew),
        cmocka_unit_test(test_row__that_a_scan_lacks_yet_is_not_gone),
        cmocka_unit_test(test_limit__of_writes_is_kept_in_the_order_of_asking),
        cmocka_unit_test(test_limit__of_rows_leaves_the_others_alone),
        cmocka_unit_test(test_scan__is_often_while_something_is_not_mine),
        cmocka_unit_test(test_scan__that_failed_or_got_lost_is_repeated),
        cmocka_unit_test(test_scan__shows_rows_when_more_than_their_counter_changed),
        cmocka_unit_test(test_scan__that_shows_another_writer_makes_me_look),
        cmocka_unit_test(test_scan__that_lags_behind_changes_nothing_of_what_is_mine),
        cmocka_unit_test(test_core__the_same_events_give_the_same_bytes),
        cmocka_unit_test(test_core__event_without_memory_did_not_happen),
        cmocka_unit_test(test_core__new_without_memory_fails_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
