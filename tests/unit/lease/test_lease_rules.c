/* SPDX-License-Identifier: Apache-2.0
 *
 * One worker among others: what it gives up when it is asked, what it takes from whom, what it
 * makes of a bell, of its own id in another process's row, of counters that go back. */
#include "lease/lease_reads.h"
#include "tests/unit/lease/rig.h"

static struct tr_lease_row held_row(const char *key, const char *owner, uint64_t counter)
{
    struct tr_lease_row row = rig_row(key, owner, counter, "100");
    row.tailrace = true;
    row.failover_ms = RIG_FAILOVER_MS;
    row.size = 400;
    return row;
}

/* Leases s0, s1, ... are held, each at counter 6. */
static void hold_many(struct rig *rig, size_t count)
{
    static const char *const keys[] = {"s0", "s1", "s2", "s3"};
    struct tr_lease_row rows[4];
    size_t i;
    for (i = 0; i < count; i++) {
        rows[i] = rig_row(keys[i], NULL, 5, "100");
    }
    rig_until(rig, TR_LEASE_FX_SCAN);
    rig_scanned(rig, rows, count);
    for (i = 0; i < count; i++) {
        rig_key(rig, TR_LEASE_EV_READY, keys[i]);
    }
    while (rig->count[TR_LEASE_FX_GRANTED] < count) {
        unsigned scans = rig->count[TR_LEASE_FX_SCAN];
        if (tr_lease_core_in_flight(rig->core) > 0) {
            struct tr_lease_row row = held_row("", "me", 6);
            row.key = rig->last.key;
            for (i = 0; i < count; i++) {
                rows[i] = tr_bytes_eq(rows[i].key, row.key) ? held_row(keys[i], "me", 6) : rows[i];
            }
            rig_answer(rig, TR_OK, &row);
            continue;
        }
        rig->now = tr_mono_max(rig->now, tr_lease_core_deadline(rig->core));
        rig_step(rig, (struct tr_lease_event){.kind = TR_LEASE_EV_TICK});
        if (rig->count[TR_LEASE_FX_SCAN] > scans) {
            rig_scanned(rig, rows, count);
        }
    }
    rig_forget(rig);
}

static void init_alone(struct rig *rig)
{
    struct tr_lease_options options = {.worker_id = TR_LIT("me"),
                                       .failover_ms = RIG_FAILOVER_MS,
                                       .seed = 7,
                                       .leases_max = 16,
                                       .writes_max = 1};
    rig_init(rig, &options);
}

static void look(struct rig *rig, const struct tr_lease_row *rows, size_t count)
{
    rig_key(rig, TR_LEASE_EV_LOOK, "");
    rig_scanned(rig, rows, count);
}

/* ---- asked ---- */

static void test_request__of_a_newcomer_is_fulfilled_by_a_hand_over(void **state)
{
    struct rig rig;
    struct tr_lease_row row = held_row("", "me", 7);
    (void)state;
    init_alone(&rig);
    hold_many(&rig, 3);
    rig_until(&rig, TR_LEASE_FX_WRITE); /* its own renewal's answer shows the request */
    row.key = rig.last.key;
    row.request = TR_LIT("new 1");
    rig_answer(&rig, TR_OK, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_HAND_OVER], 1);
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_HANDED], 1);
    rig_deinit(&rig);
}

static void test_request__that_does_not_help_is_not_fulfilled(void **state)
{
    struct rig rig;
    struct tr_lease_row row = held_row("", "me", 7);
    (void)state;
    init_alone(&rig);
    hold_many(&rig, 1); /* one to none: the difference would only change sides */
    rig_until(&rig, TR_LEASE_FX_WRITE);
    row.key = rig.last.key;
    row.request = TR_LIT("new 1");
    rig_answer(&rig, TR_OK, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_HAND_OVER], 0);
    rig_deinit(&rig);
}

static void test_request__that_stands_still_for_a_failover_time_is_swept_away(void **state)
{
    struct rig rig;
    struct tr_lease_row row = held_row("s0", "me", 7);
    (void)state;
    init_alone(&rig);
    hold_many(&rig, 1);
    row.request = TR_LIT("new 1");
    rig_until(&rig, TR_LEASE_FX_WRITE);
    assert_false(rig.last.drops_request);
    rig_answer(&rig, TR_OK, &row);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    assert_false(rig.last.drops_request); /* alive for all that is known */
    row.counter = 8;
    rig_answer(&rig, TR_OK, &row);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    assert_true(rig.last.drops_request);
    rig_deinit(&rig);
}

static void test_request__is_written_for_what_is_lacking_and_to_nobody_else(void **state)
{
    struct rig rig;
    struct tr_lease_row rows[4];
    (void)state;
    init_alone(&rig);
    rows[0] = held_row("s0", "full", 9);
    rows[1] = held_row("s1", "full", 9);
    rows[2] = held_row("s2", "full", 9);
    rows[3] = held_row("s3", "other", 9);
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, rows, 4);
    rig_key(&rig, TR_LEASE_EV_READY, "s0");
    rig_key(&rig, TR_LEASE_EV_READY, "s3");
    look(&rig, rows, 4);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], 1);
    assert_int_equal(rig.last.kind, TR_LEASE_REQUEST);
    tr_assert_bytes(rig.last.key, "s0");
    tr_assert_bytes(rig.last.expected_owner, "full");
    rows[0].request = TR_LIT("me 1");
    rig_answer(&rig, TR_OK, &rows[0]);
    rig_pass(&rig, 60);
    assert_int_equal(rig.rings, 1); /* and it is told */
    look(&rig, rows, 4);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], 1);
    rig_deinit(&rig);
}

/* Rows w0, w1, ... are nobody's and wait for their parents. */
static size_t add_waiting(struct tr_lease_row *rows, size_t count, size_t more)
{
    static const char *const keys[] = {"w0", "w1", "w2", "w3", "w4", "w5"};
    size_t i;
    for (i = 0; i < more; i++) {
        rows[count + i] = rig_row(keys[i], NULL, 5, "TRIM_HORIZON");
    }
    return count + more;
}

static void test_request__is_fulfilled_whatever_rows_wait_for_their_parents(void **state)
{
    struct rig rig;
    struct tr_lease_row rows[9];
    (void)state;
    init_alone(&rig);
    hold_many(&rig, 3);
    rows[0] = held_row("s0", "me", 6);
    rows[1] = held_row("s1", "me", 6);
    rows[2] = held_row("s2", "me", 6);
    rows[0].request = TR_LIT("new 1");
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, rows, add_waiting(rows, 3, 6));
    assert_int_equal(rig.count[TR_LEASE_FX_HAND_OVER], 1);
    rig_deinit(&rig);
}

static void test_request__is_written_whatever_rows_wait_for_their_parents(void **state)
{
    struct rig rig;
    struct tr_lease_row rows[9];
    size_t count;
    (void)state;
    init_alone(&rig);
    rows[0] = held_row("s0", "full", 9);
    rows[1] = held_row("s1", "full", 9);
    rows[2] = held_row("s2", "full", 9);
    count = add_waiting(rows, 3, 6);
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, rows, count);
    rig_key(&rig, TR_LEASE_EV_READY, "s0");
    look(&rig, rows, count);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], 1);
    assert_int_equal(rig.last.kind, TR_LEASE_REQUEST);
    rig_deinit(&rig);
}

static void test_request__keeps_a_released_lease_for_the_one_that_asked(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s0", NULL, 9, "100");
    uint64_t at;
    (void)state;
    init_alone(&rig);
    row.request = TR_LIT("new 1");
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, &row, 1);
    rig_key(&rig, TR_LEASE_EV_READY, "s0");
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], 0);
    while (rig.count[TR_LEASE_FX_WRITE] == 0) {
        rig_until(&rig, rig.count[TR_LEASE_FX_SCAN] == 0 ? TR_LEASE_FX_SCAN : TR_LEASE_FX_WRITE);
    }
    at = rig.now.ns / TR_NS_PER_MS - RIG_START_MS;
    assert_in_range(at, 3000, 3100); /* for a bounded time only */
    rig_deinit(&rig);
}

/* ---- KCL ---- */

/* The row of the last write, which was carried out: held by "me" from now on. */
static void steal_done(struct rig *rig, struct tr_lease_row *rows, size_t count)
{
    size_t i;
    for (i = 0; i < count && !tr_bytes_eq(rows[i].key, rig->last.key); i++) {
    }
    assert_true(i < count);
    rows[i] = held_row("", "me", rig->last.counter);
    rows[i].key = rig->last.key;
    rig_answer(rig, TR_OK, &rows[i]);
}

/* So long, with a look in each second; the KCL worker renews all that it has. How many were taken.
 */
static unsigned count_steals(struct rig *rig, struct tr_lease_row *rows, size_t count,
                             unsigned seconds)
{
    unsigned steals = 0, writes;
    size_t i;
    for (; seconds > 0; seconds--) {
        writes = rig->count[TR_LEASE_FX_WRITE];
        rig_pass(rig, 1000);
        for (i = 0; i < count; i++) {
            rows[i].counter += tr_bytes_is(rows[i].owner, "kcl");
        }
        look(rig, rows, count);
        while (rig->count[TR_LEASE_FX_WRITE] > writes) {
            writes = rig->count[TR_LEASE_FX_WRITE];
            steals += rig->last.kind == TR_LEASE_TAKE;
            steal_done(rig, rows, count);
        }
    }
    return steals;
}

static void test_kcl__lease_is_stolen_one_a_round_from_the_most_loaded(void **state)
{
    struct rig rig;
    struct tr_lease_row rows[4];
    static const char *const keys[] = {"s0", "s1", "s2", "s3"};
    size_t i;
    (void)state;
    init_alone(&rig);
    for (i = 0; i < 4; i++) {
        rows[i] = rig_row(keys[i], "kcl", 9, "100");
    }
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, rows, 4);
    for (i = 0; i < 4; i++) {
        rig_key(&rig, TR_LEASE_EV_READY, keys[i]);
    }
    look(&rig, rows, 4);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], 1);
    assert_int_equal(rig.last.kind, TR_LEASE_TAKE);
    tr_assert_bytes(rig.last.expected_owner, "kcl");
    assert_int_equal(rig.last.expected_counter, 9);
    steal_done(&rig, rows, 4);
    assert_int_equal(count_steals(&rig, rows, 4, 2), 0);  /* no second one in this round */
    assert_int_equal(count_steals(&rig, rows, 4, 10), 1); /* but in the next */
    rig_deinit(&rig);
}

static void test_kcl__nothing_is_stolen_beyond_ones_share(void **state)
{
    static const char *const keys[] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"};
    struct rig rig;
    struct tr_lease_row rows[8];
    size_t i;
    (void)state;
    init_alone(&rig);
    for (i = 0; i < 8; i++) {
        rows[i] = rig_row(keys[i], i > 0 ? "kcl" : "kcl-2", 9, "100");
    }
    rig_until(&rig, TR_LEASE_FX_SCAN);
    rig_scanned(&rig, rows, 8);
    for (i = 0; i < 8; i++) {
        rig_key(&rig, TR_LEASE_EV_READY, keys[i]);
    }
    /* The other KCL worker lives by a counter that moves. */
    for (i = 0; i < 6; i++) {
        rows[0].counter++;
        assert_in_range(count_steals(&rig, rows, 8, 6), 0, 1);
    }
    rows[0].counter++;
    assert_int_equal(count_steals(&rig, rows, 8, 9), 0); /* 3, 4 and 1 by now */
    assert_int_equal(rig.count[TR_LEASE_FX_GRANTED], 3);
    rig_deinit(&rig);
}

static void test_kcl__beside_it_renewals_go_out_at_a_third_of_failover(void **state)
{
    struct rig rig;
    struct tr_lease_row rows[2];
    (void)state;
    init_alone(&rig);
    hold_many(&rig, 1);
    rows[0] = held_row("s0", "me", 6);
    rows[1] = rig_row("s1", "kcl", 9, "100");
    look(&rig, rows, 2);
    rig_checkpoint(&rig, "s0", "200");
    rows[0].counter = 7;
    (void)!tr_position_parse(TR_LIT("200"), &rows[0].checkpoint, NULL);
    rig_answer(&rig, TR_OK, &rows[0]);
    {
        struct tr_mono sent = rig.sent;
        rig_until(&rig, TR_LEASE_FX_WRITE);
        assert_in_range(tr_mono_ms_between(sent, rig.now), 3160, 3334);
    }
    rig_deinit(&rig);
}

/* ---- strange rows ---- */

static void test_twin__of_another_run_is_somebody_else_and_told(void **state)
{
    struct tr_lease_options options = {.worker_id = TR_LIT("me"),
                                       .run = TR_LIT("aa"),
                                       .failover_ms = RIG_FAILOVER_MS,
                                       .seed = 7,
                                       .leases_max = 4,
                                       .writes_max = 4};
    struct rig rig;
    struct tr_lease_row row = held_row("s0", "me", 6);
    (void)state;
    rig_init(&rig, &options);
    rig_scan_row(&rig, rig_row("s0", NULL, 5, "100"));
    rig_key(&rig, TR_LEASE_EV_READY, "s0");
    tr_assert_bytes(rig.last.run, "aa");
    row.run = TR_LIT("aa");
    rig_answer(&rig, TR_OK, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_GRANTED], 1);
    rig_until(&rig, TR_LEASE_FX_WRITE);
    row.run = TR_LIT("bb"); /* one more than I knew, and not by me */
    row.counter = 7;
    rig_answer(&rig, TR_ECONDITION, &row);
    assert_int_equal(rig.count[TR_LEASE_FX_LOST], 1);
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_TWIN], 1);
    assert_int_equal(rig_view(&rig, "s0"), TR_LEASE_WATCHED);
    rig_deinit(&rig);
}

static void test_counter__that_goes_back_is_a_sign_of_life_and_told_once(void **state)
{
    struct rig rig;
    (void)state;
    init_alone(&rig);
    rig_scan_row(&rig, rig_row("s0", "kcl", 900, "100"));
    rig_scan_row(&rig, rig_row("s0", "kcl", 3, "100"));
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_COUNTER], 1);
    assert_int_equal(rig_view(&rig, "s0"), TR_LEASE_ALIVE);
    rig_scan_row(&rig, rig_row("s0", "kcl", 1, "100"));
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_COUNTER], 1);
    rig_deinit(&rig);
}

/* Reads that lag behind by seconds are nobody's fault. */
static void test_counter__of_a_read_that_lags_behind_is_not_told(void **state)
{
    struct rig rig;
    (void)state;
    init_alone(&rig);
    rig_scan_row(&rig, rig_row("s0", "other", 900, "100"));
    rig_scan_row(&rig, rig_row("s0", "other", 898, "100"));
    rig_scan_row(&rig, rig_row("s0", "other", 900, "100"));
    assert_int_equal(rig.note_count[TR_NOTE_LEASE_COUNTER], 0);
    rig_deinit(&rig);
}

/* Others were seen to let stale reads of the table decide takes, and to end at one throttled scan.
 */
static void test_scan__that_is_throttled_ends_nothing_and_old_ones_decide_nothing(void **state)
{
    struct rig rig;
    unsigned i;
    (void)state;
    init_alone(&rig);
    rig_scan_row(&rig, rig_row("s0", "other", 9, "100"));
    rig_key(&rig, TR_LEASE_EV_READY, "s0");
    for (i = 0; i < 20; i++) {
        rig_until(&rig, TR_LEASE_FX_SCAN);
        rig_step(&rig, (struct tr_lease_event){.kind = TR_LEASE_EV_SCAN_FAILED,
                                               .op = rig.scan,
                                               .status = TR_ETHROTTLED});
    }
    assert_true(tr_mono_ms_between((struct tr_mono){(uint64_t)RIG_START_MS * TR_NS_PER_MS},
                                   rig.now) > 2 * RIG_FAILOVER_MS);
    assert_int_equal(rig.count[TR_LEASE_FX_WRITE], 0);
    rig_scan_row(&rig, rig_row("s0", "other", 9, "100"));
    rig_pass(&rig, 300);
    assert_int_equal(rig.last.kind, TR_LEASE_TAKE); /* a fresh one does */
    rig_deinit(&rig);
}

/* ---- the bell ---- */

static void glance(struct rig *rig, const char *bell)
{
    struct tr_lease_row row = held_row("s0", "me", 6);
    uint64_t before = rig->glance;
    unsigned steps;
    for (steps = 0; rig->glance == before; steps++) {
        assert_true(steps < 100);
        rig->now = tr_mono_max(rig->now, tr_lease_core_deadline(rig->core));
        rig_step(rig, (struct tr_lease_event){.kind = TR_LEASE_EV_TICK});
    }
    row.bell = tr_bytes_of(bell);
    rig_step(rig, (struct tr_lease_event){.kind = TR_LEASE_EV_READ,
                                          .op = rig->glance,
                                          .status = bell != NULL ? TR_OK : TR_ENOTFOUND,
                                          .rows = &row,
                                          .row_count = bell != NULL});
}

static void test_bell__that_says_something_new_makes_me_look_at_once(void **state)
{
    struct rig rig;
    struct tr_lease_row row = held_row("s0", "me", 6);
    unsigned scans;
    (void)state;
    init_alone(&rig);
    hold_many(&rig, 1);
    rig_pass(&rig, 600);
    rig_scanned(&rig, &row, 1);
    rig_scanned(&rig, &row, 1); /* everything is mine: the table is looked at seldom */
    glance(&rig, "x 1");
    scans = rig.count[TR_LEASE_FX_SCAN];
    glance(&rig, "x 1");
    assert_int_equal(rig.count[TR_LEASE_FX_SCAN], scans);
    glance(&rig, "me 4"); /* my own ring */
    assert_int_equal(rig.count[TR_LEASE_FX_SCAN], scans);
    glance(&rig, "x 2");
    assert_int_equal(rig.count[TR_LEASE_FX_SCAN], scans + 1);
    rig_deinit(&rig);
}

static void test_bell__is_rung_in_the_next_row_when_the_first_is_gone(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", NULL, 7, "100");
    (void)state;
    init_alone(&rig);
    hold_many(&rig, 2);
    rig_step(&rig, (struct tr_lease_event){.kind = TR_LEASE_EV_STOP});
    rig_key(&rig, TR_LEASE_EV_GIVE_UP, "s1");
    rig_answer(&rig, TR_OK, &row);
    rig_pass(&rig, 50);
    assert_int_equal(rig.rings, 1);
    tr_assert_bytes(rig.ring_key, "s0");
    rig_rung(&rig, TR_ECONDITION);
    assert_int_equal(rig.rings, 2);
    tr_assert_bytes(rig.ring_key, "s1");
    assert_true(tr_lease_core_in_flight(rig.core) > 0); /* not to be cut off by the end */
    rig_rung(&rig, TR_ETHROTTLED);
    rig_pass(&rig, 5000);
    assert_int_equal(rig.rings, 3); /* and then it is left */
    rig_deinit(&rig);
}

/* ---- the budget ---- */

/* A scan shows the row, beside so many that are not understood: how long until the next one. */
static uint64_t next_look_ms(struct rig *rig, const struct tr_lease_row *row, size_t unread)
{
    struct tr_mono from = rig->now;
    rig_step(rig, (struct tr_lease_event){.kind = TR_LEASE_EV_SCANNED,
                                          .op = rig->scan,
                                          .rows = row,
                                          .row_count = 1,
                                          .unread = unread});
    rig_until(rig, TR_LEASE_FX_SCAN);
    return tr_mono_ms_between(from, rig->now);
}

/* What is understood has all ended, and the table would be looked at seldom. But whoever sees that
 * another row is mended waits a failover time from then on. */
static void test_unread__rows_are_looked_for_as_often_as_others_rows(void **state)
{
    struct rig rig;
    struct tr_lease_row row = rig_row("s1", NULL, 7, "SHARD_END");
    (void)state;
    init_alone(&rig);
    rig_until(&rig, TR_LEASE_FX_SCAN);
    assert_in_range(next_look_ms(&rig, &row, 0), 2 * RIG_FAILOVER_MS, 3 * RIG_FAILOVER_MS);
    assert_in_range(next_look_ms(&rig, &row, 1), 1, RIG_FAILOVER_MS / 10);
    assert_in_range(next_look_ms(&rig, &row, 1), 1, RIG_FAILOVER_MS / 10);
    assert_in_range(next_look_ms(&rig, &row, 0), 2 * RIG_FAILOVER_MS, 3 * RIG_FAILOVER_MS);
    rig_deinit(&rig);
}

static void test_reads__cost_what_they_are_said_to_and_watch_every_part_twice(void **state)
{
    struct tr_lease_reads plan = tr_lease_reads_plan(10000, 1600, 2, false);
    size_t rank;
    unsigned segment;
    (void)state;
    assert_int_equal(plan.class, TR_LEASE_READS_SMALL);
    assert_int_equal(plan.interval_ms, 500);
    assert_int_equal(plan.units_hour, 3600);
    plan = tr_lease_reads_plan(10000, 40000, 10, false);
    assert_int_equal(plan.class, TR_LEASE_READS_SHARED);
    assert_in_range(plan.units_hour, 3000, 4000);
    plan = tr_lease_reads_plan(10000, 400000, 20, false);
    assert_in_range(plan.units_hour, 8000, 10000);
    for (segment = 0; segment < plan.segments; segment++) {
        unsigned watchers = 0;
        for (rank = 0; rank < 20; rank++) {
            watchers += tr_lease_reads_watches(&plan, 20, rank, segment);
        }
        assert_int_equal(watchers, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request__of_a_newcomer_is_fulfilled_by_a_hand_over),
        cmocka_unit_test(test_request__that_does_not_help_is_not_fulfilled),
        cmocka_unit_test(test_request__that_stands_still_for_a_failover_time_is_swept_away),
        cmocka_unit_test(test_request__is_written_for_what_is_lacking_and_to_nobody_else),
        cmocka_unit_test(test_request__is_fulfilled_whatever_rows_wait_for_their_parents),
        cmocka_unit_test(test_request__is_written_whatever_rows_wait_for_their_parents),
        cmocka_unit_test(test_request__keeps_a_released_lease_for_the_one_that_asked),
        cmocka_unit_test(test_kcl__lease_is_stolen_one_a_round_from_the_most_loaded),
        cmocka_unit_test(test_kcl__nothing_is_stolen_beyond_ones_share),
        cmocka_unit_test(test_kcl__beside_it_renewals_go_out_at_a_third_of_failover),
        cmocka_unit_test(test_twin__of_another_run_is_somebody_else_and_told),
        cmocka_unit_test(test_counter__that_goes_back_is_a_sign_of_life_and_told_once),
        cmocka_unit_test(test_counter__of_a_read_that_lags_behind_is_not_told),
        cmocka_unit_test(test_scan__that_is_throttled_ends_nothing_and_old_ones_decide_nothing),
        cmocka_unit_test(test_bell__that_says_something_new_makes_me_look_at_once),
        cmocka_unit_test(test_bell__is_rung_in_the_next_row_when_the_first_is_gone),
        cmocka_unit_test(test_unread__rows_are_looked_for_as_often_as_others_rows),
        cmocka_unit_test(test_reads__cost_what_they_are_said_to_and_watch_every_part_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
