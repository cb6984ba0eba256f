/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules for how shards and rows go, each by a test named after it: ended rows that are deleted,
 * shards that are lost, ages, streams that are drained. */
#include "tests/unit/stream/shard_bench.h"

/* Longer than an ended row is kept. */
#define KEPT (TR_GRAPH_KEEP_ENDED_MS + SECOND)

static const char *gone(struct bench *bench, const char *shard)
{
    (void)step(bench, (struct tr_graph_event){.kind = TR_GRAPH_GONE, .parent = tr_bytes_of(shard)});
    return bench->doomed;
}

/* A scan and a listing, the listing after it, both as of now; the deletes that follow. */
static const char *seen(struct bench *bench, const char *rows, const char *shards)
{
    (void)scanned(bench, rows);
    pass(bench, SECOND);
    (void)listed(bench, shards);
    return bench->doomed;
}

static const char *seen_disabled(struct bench *bench, const char *rows, const char *shards)
{
    (void)scanned(bench, rows);
    pass(bench, SECOND);
    (void)disabled(bench, shards);
    return bench->doomed;
}

/* --- ended rows ------------------------------------------------------------------------------- */

static enum tr_shard_state state_of(struct bench *bench, const char *shard)
{
    return tr_graph_state(bench->graph, tr_bytes_of(shard));
}

static void test_delete__ended_row_goes_when_its_children_have_progressed(void **state)
{
    struct bench *bench = begin();
    (void)state;
    assert_string_equal(seen(bench, "A=END! B<A C<A=7", "A. B<A C<A"), "");
    pass(bench, KEPT);
    /* B waits at its start: it may still need A. */
    assert_string_equal(seen(bench, "A=END! B<A C<A=7", "A. B<A C<A"), "");
    pass(bench, SECOND);
    assert_string_equal(seen(bench, "A=END! B<A=5 C<A=7", "A. B<A C<A"), "A");
    assert_string_equal(gone(bench, "A"), "");
    end(bench);
}

/* By the one that showed them without, nobody can tell what else came behind. */
static void test_delete__waits_for_a_listing_that_shows_its_children_with_rows(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=END!");
    pass(bench, KEPT);
    (void)listed(bench, "A. B<A");
    pass(bench, SECOND);
    (void)scanned(bench, "A=END! B<A=5");
    assert_string_equal(bench->doomed, "");
    pass(bench, SECOND);
    (void)listed(bench, "A. B<A");
    assert_string_equal(bench->doomed, "A");
    end(bench);
}

static void test_delete__ended_row_goes_after_its_parents_rows(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen(bench, "A=END! B<A=END C<B=END D<C=4", "A. B<A. C<B. D<C");
    pass(bench, KEPT);
    assert_string_equal(seen(bench, "A=END! B<A=END C<B=END D<C=4", "A. B<A. C<B. D<C"), "A");
    /* Each that goes lets the next one go, without waiting for a scan. */
    assert_string_equal(gone(bench, "A"), "B");
    assert_string_equal(gone(bench, "B"), "C");
    assert_string_equal(gone(bench, "C"), "");
    end(bench);
}

static void test_delete__ended_row_of_a_merge_waits_for_all_parents_and_children(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen(bench, "A=END! B=END! C<A+B=END D<C=3", "A. B. C<A+B. D<C");
    pass(bench, KEPT);
    assert_string_equal(seen(bench, "A=END! B=END! C<A+B=END D<C=3", "A. B. C<A+B. D<C"), "A B");
    assert_string_equal(gone(bench, "A"), "B");
    assert_string_equal(gone(bench, "B"), "C");
    end(bench);
}

static void test_delete__waits_until_no_worker_makes_rows_by_an_older_listing(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen(bench, "A=END! B<A=7", "A. B<A");
    pass(bench, TR_GRAPH_LISTING_FRESH_MS);
    assert_string_equal(seen(bench, "A=END! B<A=7", "A. B<A"), "");
    pass(bench, TR_GRAPH_STALE_MS);
    assert_string_equal(seen(bench, "A=END! B<A=7", "A. B<A"), "A");
    end(bench);
}

static void test_delete__needs_a_complete_listing_begun_after_the_end(void **state)
{
    struct bench *bench = begin();
    struct tr_mono before;
    (void)state;
    (void)listed(bench, "A B<A");
    before = bench->now;
    pass(bench, SECOND);
    (void)scanned(bench, "A=END! B<A=7");
    pass(bench, KEPT);
    (void)listed_at(bench, "A. B<A", true, before);
    assert_string_equal(bench->doomed, "");
    (void)partly(bench, "A. B<A");
    assert_string_equal(bench->doomed, "");
    (void)scanned(bench, "A=END! B<A=7");
    (void)listed(bench, "A. B<A");
    assert_string_equal(bench->doomed, "A");
    end(bench);
}

static void test_delete__listing_begun_before_the_end_does_not_show_that_it_is_gone(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen(bench, "A=5! B<A=7", "B<A");
    pass(bench, SECOND);
    (void)changed(bench, "A=END!");
    pass(bench, KEPT);
    (void)scanned(bench, "A=END! B<A=7");
    assert_string_equal(bench->doomed, "");
    (void)listed(bench, "B<A");
    assert_string_equal(bench->doomed, "A?");
    end(bench);
}

static void test_delete__waits_for_a_child_without_a_row(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen(bench, "A=END! B<A=7", "A. B<A");
    pass(bench, KEPT);
    /* C comes late. */
    assert_string_equal(seen(bench, "A=END! B<A=7", "A. B<A C<A"), "");
    assert_string_equal(bench->said, "C<A");
    (void)changed(bench, "C<A");
    assert_string_equal(bench->doomed, "");
    (void)changed(bench, "C<A=9");
    pass(bench, SECOND);
    assert_string_equal(seen(bench, "A=END! B<A=7 C<A=9", "A. B<A C<A"), "A");
    end(bench);
}

static void test_delete__counts_a_child_that_was_finished_and_deleted(void **state)
{
    struct bench *bench = begin();
    (void)state;
    /* Another KCL deletes rows too: B was finished, its child C has progressed. */
    (void)seen(bench, "A=END! C<B=7", "A. B<A. C<B");
    pass(bench, KEPT);
    assert_string_equal(seen(bench, "A=END! C<B=7", "A. B<A. C<B"), "A");
    end(bench);
}

static void test_delete__of_a_shard_that_is_listed_no_more_reports_a_gap(void **state)
{
    struct bench *bench = begin();
    (void)state;
    /* The fleet was down; A ended before, and another child of it may have come and gone. */
    (void)seen(bench, "A=END! B<A=7", "B<A");
    pass(bench, KEPT);
    assert_string_equal(seen(bench, "A=END! B<A=7", "B<A"), "A?");
    end(bench);

    /* A complete listing that showed it with all its children settles that for good. */
    bench = begin();
    (void)seen(bench, "A=END! B<A=7", "A. B<A");
    pass(bench, 2 * MINUTE);
    (void)seen(bench, "A=END! B<A=7", "A. B<A");
    pass(bench, KEPT);
    assert_string_equal(seen(bench, "A=END! B<A=7", "B<A"), "A");
    end(bench);
}

static void test_delete__childless_row_stays_until_it_is_unlisted_and_48_hours_old(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen(bench, "A=END!", "A. X");
    pass(bench, KEPT);
    assert_string_equal(seen(bench, "A=END!", "A. X"), "");
    pass(bench, 30 * HOUR);
    assert_string_equal(seen(bench, "A=END!", "X"), "");
    pass(bench, 30 * HOUR);
    assert_string_equal(seen(bench, "A=END!", "A. X"), "");
    pass(bench, SECOND);
    /* The stream lives: a child came and went. */
    assert_string_equal(seen(bench, "A=END!", "X"), "A?");
    end(bench);
}

static void test_delete__childless_row_of_a_stream_turned_off_reports_no_gap(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen(bench, "A=END! X=5!", "A. X");
    pass(bench, 2 * MINUTE);
    assert_string_equal(seen_disabled(bench, "A=END! X=END!", "A. X."), "");
    pass(bench, 49 * HOUR);
    assert_string_equal(seen_disabled(bench, "A=END! X=END!", "X."), "A");
    end(bench);

    /* But one that was never listed while the stream was off: it may have had children before. */
    bench = begin();
    (void)seen_disabled(bench, "A=END!", "X.");
    pass(bench, 49 * HOUR);
    assert_string_equal(seen_disabled(bench, "A=END!", "X."), "A?");
    end(bench);
}

static void test_delete__neither_empty_nor_partial_listing_deletes(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen(bench, "A=END!", "A. X");
    pass(bench, 60 * HOUR);
    assert_string_equal(seen(bench, "A=END!", ""), "");
    (void)partly(bench, "X");
    assert_string_equal(bench->doomed, "");
    end(bench);
}

static void test_delete__needs_a_fresh_scan(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen(bench, "A=END! B<A=7", "A. B<A");
    pass(bench, KEPT);
    (void)listed(bench, "A. B<A");
    assert_string_equal(bench->doomed, "");
    (void)scanned(bench, "A=END! B<A=7");
    assert_string_equal(bench->doomed, "A");
    end(bench);
}

static void test_delete__waits_while_a_childs_row_is_not_understood(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen(bench, "A=END! B<A=7 C<A=8", "A. B<A C<A");
    pass(bench, KEPT);
    assert_string_equal(seen(bench, "A=END! B=? C<A=8", "A. B<A C<A"), "");
    assert_int_equal(state_of(bench, "B"), TR_SHARD_UNREAD);
    assert_string_equal(seen(bench, "A=END! B<A=7 C<A=8", "A. B<A C<A"), "A");
    /* Nor is one deleted that was at its end when it was last understood. */
    assert_string_equal(seen(bench, "A=? B<A=7 C<A=8", "A. B<A C<A"), "");
    end(bench);
}

/* Deleted by hand and made again, perhaps: a scan that lags would look the same. */
static void test_delete__waits_while_a_childs_row_is_shown_further_back(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen(bench, "A=END! B<A=7", "A. B<A");
    pass(bench, KEPT);
    assert_string_equal(seen(bench, "A=END! B<A=7", "A. B<A"), "A");
    assert_string_equal(seen(bench, "A=END! B<A", "A. B<A"), "");
    pass(bench, 2 * MINUTE);
    assert_string_equal(seen(bench, "A=END! B<A", "A. B<A"), "");
    assert_string_equal(seen(bench, "A=END! B<A=7", "A. B<A"), "A");
    end(bench);
}

static void test_delete__unfinished_row_never_goes(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen(bench, "A=5! B<A=7", "B<A");
    pass(bench, 100 * HOUR);
    assert_string_equal(seen(bench, "A=5! B<A=7", "B<A"), "");
    end(bench);
}

static void test_delete__row_that_was_set_back_stays(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen(bench, "A=END! B<A=7", "A. B<A");
    pass(bench, KEPT);
    assert_string_equal(seen(bench, "A=END! B<A=7", "A. B<A"), "A");
    pass(bench, 2 * MINUTE);
    assert_string_equal(seen(bench, "A=5! B<A=7", "A. B<A"), "");
    /* Ended again: its time begins anew. */
    pass(bench, SECOND);
    assert_string_equal(seen(bench, "A=END! B<A=7", "A. B<A"), "");
    end(bench);
}

static void test_delete__is_proposed_in_parts(void **state)
{
    struct bench *bench = begin();
    char rows[WORDS_MAX * 12] = "", shards[WORDS_MAX * 12] = "";
    size_t i, len = 0, more = 0;
    (void)state;
    for (i = 0; i < 20; i++) {
        len += (size_t)snprintf(rows + len, sizeof rows - len, "%c=END! %c1<%c=7 ", (int)('a' + i),
                                (int)('a' + i), (int)('a' + i));
        more += (size_t)snprintf(shards + more, sizeof shards - more, "%c. %c1<%c ", (int)('a' + i),
                                 (int)('a' + i), (int)('a' + i));
    }
    (void)seen(bench, rows, shards);
    pass(bench, KEPT);
    (void)seen(bench, rows, shards);
    assert_int_equal(bench->effects.delete_count, TR_GRAPH_DELETES_MAX);
    end(bench);
}

/* --- ages ------------------------------------------------------------------------------------- */

#define SERVICE_MS 1700000000000ll

static uint64_t age(struct bench *bench, const char *shard)
{
    return tr_graph_age_ms(bench->graph, tr_bytes_of(shard), bench->now, bench->service);
}

static void test_age__is_that_of_the_id_where_it_has_the_services_form(void **state)
{
    struct bench *bench = begin();
    (void)state;
    bench->service.ms = SERVICE_MS;
    assert_int_equal(age(bench, "shardId-00000001699999000000-00000000"), 1000000);
    /* A time to come, or long before there were streams, says nothing. */
    assert_int_equal(age(bench, "shardId-00000001700009000000-00000000"), 0);
    assert_int_equal(age(bench, "shardId-00000000000000000001-00000000"), 0);
    end(bench);
}

static void test_age__of_other_ids_counts_from_their_row_or_the_first_sight(void **state)
{
    struct bench *bench = begin();
    struct tr_graph_row row = {.key = TR_LIT("A"), .checkpoint = TR_TRIM_HORIZON};
    (void)state;
    (void)listed(bench, "A B");
    pass(bench, 50 * MINUTE);
    assert_int_equal(age(bench, "A"), 50 * MINUTE);
    /* A row that we made tells more than a worker that has just started could know. */
    bench->service.ms = SERVICE_MS;
    row.made_ms = SERVICE_MS - 30ll * HOUR;
    (void)step(bench, (struct tr_graph_event){.kind = TR_GRAPH_ROWS, .rows = &row, .row_count = 1});
    assert_int_equal(age(bench, "A"), 30ll * HOUR);
    assert_int_equal(age(bench, "B"), 50 * MINUTE);
    pass(bench, HOUR);
    assert_int_equal(age(bench, "A"), 31ll * HOUR);
    end(bench);
}

/* --- lost shards ------------------------------------------------------------------------------ */

static enum tr_graph_verdict judge(struct bench *bench, const char *shard, struct tr_mono since)
{
    return tr_graph_judge_missing(
        bench->graph,
        &(struct tr_graph_missing){tr_bytes_of(shard), since, bench->now, bench->service});
}

static void test_lost__shard_that_a_complete_listing_lacks_is_old_and_is_not_found(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5! B=6!");
    pass(bench, SECOND);
    (void)listed(bench, "A B");
    pass(bench, 25 * HOUR);
    assert_int_equal(judge(bench, "A", bench->now), TR_GRAPH_DESCRIBE);
    (void)listed(bench, "B");
    assert_int_equal(judge(bench, "A", bench->now), TR_GRAPH_LOST);
    assert_int_equal(judge(bench, "B", bench->now), TR_GRAPH_DESCRIBE);
    /* It answers: it is not lost, whatever listings say. */
    assert_int_equal(judge(bench, "A", (struct tr_mono){0}), TR_GRAPH_ASK_ON);
    end(bench);
}

static void test_lost__needs_24_hours_of_age(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5!");
    (void)listed(bench, "A X");
    pass(bench, 24 * HOUR);
    (void)listed(bench, "X");
    assert_int_equal(judge(bench, "A", bench->now), TR_GRAPH_ASK_ON);
    pass(bench, 1);
    assert_int_equal(judge(bench, "A", bench->now), TR_GRAPH_LOST);
    end(bench);
}

static void test_lost__listing_begun_before_the_row_was_made_says_nothing(void **state)
{
    struct bench *bench = begin();
    struct tr_mono before = bench->now;
    (void)state;
    bench->service.ms = SERVICE_MS;
    pass(bench, MINUTE);
    (void)scanned(bench, "shardId-00000001699000000000-00000000=5!");
    (void)listed_at(bench, "X", true, before);
    assert_int_equal(judge(bench, "shardId-00000001699000000000-00000000", bench->now),
                     TR_GRAPH_DESCRIBE);
    (void)listed(bench, "X");
    assert_int_equal(judge(bench, "shardId-00000001699000000000-00000000", bench->now),
                     TR_GRAPH_LOST);
    end(bench);
}

static void test_lost__empty_or_partial_listing_says_nothing(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5!");
    (void)listed(bench, "A X");
    pass(bench, 25 * HOUR);
    (void)listed(bench, "");
    (void)partly(bench, "X");
    assert_int_equal(judge(bench, "A", bench->now), TR_GRAPH_DESCRIBE);
    end(bench);
}

static void test_lost__ten_minutes_of_not_found_while_the_stream_describes_well(void **state)
{
    struct bench *bench = begin();
    struct tr_mono since;
    (void)state;
    (void)scanned(bench, "A=5!");
    (void)listed(bench, "A");
    pass(bench, 30 * HOUR);
    since = bench->now;
    pass(bench, 10 * MINUTE);
    assert_int_equal(judge(bench, "A", since), TR_GRAPH_DESCRIBE);
    /* Listed though it is: it does not answer. */
    (void)partly(bench, "A");
    assert_int_equal(judge(bench, "A", since), TR_GRAPH_LOST);
    assert_int_equal(judge(bench, "A", tr_mono_add_ms(since, 1)), TR_GRAPH_DESCRIBE);
    pass(bench, 2 * MINUTE);
    assert_int_equal(judge(bench, "A", since), TR_GRAPH_DESCRIBE);
    end(bench);
}

static void test_lost__the_ten_minutes_count_only_from_24_hours_of_age_on(void **state)
{
    struct bench *bench = begin();
    struct tr_mono since;
    (void)state;
    (void)scanned(bench, "A=5!");
    (void)listed(bench, "A");
    pass(bench, 24 * HOUR - 8 * MINUTE);
    since = bench->now;
    pass(bench, 10 * MINUTE);
    (void)partly(bench, "A");
    assert_int_equal(judge(bench, "A", since), TR_GRAPH_DESCRIBE);
    pass(bench, 8 * MINUTE);
    (void)partly(bench, "A");
    assert_int_equal(judge(bench, "A", since), TR_GRAPH_LOST);
    end(bench);
}

static void test_lost__all_shards_of_a_stream_that_is_gone(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5!");
    (void)listed(bench, "A");
    assert_int_equal(judge(bench, "A", bench->now), TR_GRAPH_ASK_ON);
    (void)step(bench, (struct tr_graph_event){.kind = TR_GRAPH_STREAM_GONE});
    assert_int_equal(judge(bench, "A", bench->now), TR_GRAPH_LOST);
    end(bench);
}

/* --- streams turned off and on ---------------------------------------------------------------- */

static bool is_drained(const struct bench *bench)
{
    return tr_graph_drain(bench->graph) == TR_GRAPH_DRAINED;
}

static void test_drained__when_off_listed_since_and_all_rows_are_at_their_end(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen(bench, "A=END! B<A=7", "A. B<A");
    assert_false(is_drained(bench));
    pass(bench, SECOND);
    (void)seen_disabled(bench, "A=END! B<A=7", "A. B<A.");
    assert_false(is_drained(bench));
    pass(bench, SECOND);
    (void)changed(bench, "B<A=END");
    /* That listing began before the end of B. */
    assert_false(is_drained(bench));
    pass(bench, SECOND);
    (void)disabled(bench, "A. B<A. C<B.");
    assert_false(is_drained(bench));
    (void)made(bench);
    (void)changed(bench, "C<B=END");
    pass(bench, SECOND);
    (void)disabled(bench, "A. B<A. C<B.");
    assert_true(is_drained(bench));
    end(bench);
}

/* It asks for the listing only when that could be the last one. */
static void test_drained__wants_a_listing_when_all_rows_have_ended(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen_disabled(bench, "A=END! B<A=7", "A. B<A.");
    assert_int_equal(tr_graph_drain(bench->graph), TR_GRAPH_IN_USE);
    pass(bench, SECOND);
    (void)changed(bench, "B<A=END");
    assert_int_equal(tr_graph_drain(bench->graph), TR_GRAPH_TO_BE_LISTED);
    (void)partly(bench, "A. B<A.");
    assert_int_equal(tr_graph_drain(bench->graph), TR_GRAPH_TO_BE_LISTED);
    (void)disabled(bench, "A. B<A. C<B.");
    assert_int_equal(tr_graph_drain(bench->graph), TR_GRAPH_IN_USE);
    end(bench);
}

/* A day after it was turned off a stream shows no shard, while some rows have just ended. */
static void test_drained__stream_that_shows_no_shard_any_more(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen_disabled(bench, "A=END! B<A=7", "A. B<A.");
    pass(bench, SECOND);
    (void)changed(bench, "B<A=END");
    pass(bench, SECOND);
    (void)disabled(bench, "");
    assert_true(is_drained(bench));
    end(bench);

    /* But an empty answer takes back nothing of what an earlier one showed. */
    bench = begin();
    (void)seen_disabled(bench, "A=END!", "A. B<A.");
    pass(bench, SECOND);
    (void)disabled(bench, "");
    assert_false(is_drained(bench));
    end(bench);
}

/* Such a scan is late, or somebody has set the row back. */
static void test_drained__not_while_a_scan_shows_a_row_before_its_end(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=7!");
    (void)changed(bench, "A=END!");
    pass(bench, SECOND);
    (void)disabled(bench, "A.");
    assert_true(is_drained(bench));
    (void)scanned(bench, "A=7!");
    assert_false(is_drained(bench));
    (void)scanned(bench, "A=END!");
    assert_true(is_drained(bench));
    pass(bench, TR_GRAPH_STALE_MS);
    (void)scanned(bench, "A=7!");
    assert_int_equal(tr_graph_drain(bench->graph), TR_GRAPH_IN_USE);
    end(bench);
}

static void test_drained__stream_that_is_gone_needs_no_listing(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5!");
    (void)step(bench, (struct tr_graph_event){.kind = TR_GRAPH_STREAM_GONE});
    assert_false(is_drained(bench));
    (void)changed(bench, "A=END!");
    assert_true(is_drained(bench));
    end(bench);
}

static void test_further_stream__starts_at_its_first_record_and_tells_what_was_trimmed(void **state)
{
    struct bench *bench = begin();
    (void)state;
    tr_graph_set_further(bench->graph);
    (void)scanned(bench, "");
    /* Unmarked: read AT its first number, so that a trimmed head shows. C's parent was trimmed. */
    assert_string_equal(listed(bench, "A. B<A D<C"), "A D<C!?");
    assert_string_equal(made(bench), "A D<C!? / B<A");
    assert_false(tr_graph_was_emptied(bench->graph));
    end(bench);
}

static void test_further_stream__first_seen_off_and_empty_is_a_gap(void **state)
{
    struct bench *bench = begin();
    (void)state;
    tr_graph_set_further(bench->graph);
    (void)scanned(bench, "");
    assert_false(tr_graph_was_emptied(bench->graph));
    (void)disabled(bench, "");
    assert_true(tr_graph_was_emptied(bench->graph));
    assert_true(is_drained(bench));
    end(bench);

    /* One that was read, and whose rows went long after, misses nothing. */
    bench = begin();
    tr_graph_set_further(bench->graph);
    (void)seen_disabled(bench, "A=END!", "A.");
    pass(bench, KEPT);
    (void)gone(bench, "A");
    pass(bench, SECOND);
    (void)disabled(bench, "");
    assert_true(is_drained(bench));
    assert_false(tr_graph_was_emptied(bench->graph));
    end(bench);

    /* A first start there found nothing to read, and misses nothing. */
    bench = begin();
    (void)scanned(bench, "");
    (void)disabled(bench, "");
    assert_false(tr_graph_was_emptied(bench->graph));
    end(bench);
}

static void test_drained__not_while_a_listed_shards_row_is_not_understood(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)seen_disabled(bench, "A=?", "A.");
    pass(bench, KEPT);
    (void)seen_disabled(bench, "A=?", "A.");
    assert_false(is_drained(bench));
    pass(bench, SECOND);
    (void)seen_disabled(bench, "A=END!", "A.");
    pass(bench, KEPT);
    (void)seen_disabled(bench, "A=END!", "A.");
    assert_true(is_drained(bench));
    end(bench);
    /* Of a shard that is listed no more nothing can be read. */
    bench = begin();
    (void)seen_disabled(bench, "A=? B=END!", "B.");
    pass(bench, KEPT);
    (void)seen_disabled(bench, "A=? B=END!", "B.");
    assert_true(is_drained(bench));
    end(bench);
}

/* --- states ----------------------------------------------------------------------------------- */

static void test_state__of_a_shard_from_its_listing_to_the_end_of_its_row(void **state)
{
    struct bench *bench = begin();
    (void)state;
    assert_int_equal(state_of(bench, "B"), TR_SHARD_UNKNOWN);
    (void)partly(bench, "A B<A");
    assert_int_equal(state_of(bench, "B"), TR_SHARD_LISTED);
    (void)scanned(bench, "A=5!");
    (void)listed(bench, "A B<A");
    assert_int_equal(state_of(bench, "A"), TR_SHARD_BEGUN);
    assert_int_equal(state_of(bench, "B"), TR_SHARD_PLANNED);
    (void)changed(bench, "B<A");
    assert_int_equal(state_of(bench, "B"), TR_SHARD_WAITING);
    (void)ended(bench, "A");
    assert_int_equal(state_of(bench, "A"), TR_SHARD_ENDING);
    (void)changed(bench, "A=END!");
    assert_int_equal(state_of(bench, "A"), TR_SHARD_ENDED);
    assert_int_equal(state_of(bench, "B"), TR_SHARD_READY);
    pass(bench, KEPT);
    (void)seen(bench, "A=END! B<A=7", "A. B<A");
    assert_int_equal(state_of(bench, "A"), TR_SHARD_LEAVING);
    (void)gone(bench, "A");
    assert_int_equal(state_of(bench, "A"), TR_SHARD_GONE);
    end(bench);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delete__ended_row_goes_when_its_children_have_progressed),
        cmocka_unit_test(test_delete__waits_for_a_listing_that_shows_its_children_with_rows),
        cmocka_unit_test(test_delete__ended_row_goes_after_its_parents_rows),
        cmocka_unit_test(test_delete__ended_row_of_a_merge_waits_for_all_parents_and_children),
        cmocka_unit_test(test_delete__waits_until_no_worker_makes_rows_by_an_older_listing),
        cmocka_unit_test(test_delete__needs_a_complete_listing_begun_after_the_end),
        cmocka_unit_test(test_delete__listing_begun_before_the_end_does_not_show_that_it_is_gone),
        cmocka_unit_test(test_delete__waits_for_a_child_without_a_row),
        cmocka_unit_test(test_delete__counts_a_child_that_was_finished_and_deleted),
        cmocka_unit_test(test_delete__of_a_shard_that_is_listed_no_more_reports_a_gap),
        cmocka_unit_test(test_delete__childless_row_stays_until_it_is_unlisted_and_48_hours_old),
        cmocka_unit_test(test_delete__childless_row_of_a_stream_turned_off_reports_no_gap),
        cmocka_unit_test(test_delete__neither_empty_nor_partial_listing_deletes),
        cmocka_unit_test(test_delete__needs_a_fresh_scan),
        cmocka_unit_test(test_delete__waits_while_a_childs_row_is_not_understood),
        cmocka_unit_test(test_drained__not_while_a_listed_shards_row_is_not_understood),
        cmocka_unit_test(test_delete__waits_while_a_childs_row_is_shown_further_back),
        cmocka_unit_test(test_delete__unfinished_row_never_goes),
        cmocka_unit_test(test_delete__row_that_was_set_back_stays),
        cmocka_unit_test(test_delete__is_proposed_in_parts),
        cmocka_unit_test(test_age__is_that_of_the_id_where_it_has_the_services_form),
        cmocka_unit_test(test_age__of_other_ids_counts_from_their_row_or_the_first_sight),
        cmocka_unit_test(test_lost__shard_that_a_complete_listing_lacks_is_old_and_is_not_found),
        cmocka_unit_test(test_lost__needs_24_hours_of_age),
        cmocka_unit_test(test_lost__listing_begun_before_the_row_was_made_says_nothing),
        cmocka_unit_test(test_lost__empty_or_partial_listing_says_nothing),
        cmocka_unit_test(test_lost__ten_minutes_of_not_found_while_the_stream_describes_well),
        cmocka_unit_test(test_lost__the_ten_minutes_count_only_from_24_hours_of_age_on),
        cmocka_unit_test(test_lost__all_shards_of_a_stream_that_is_gone),
        cmocka_unit_test(test_drained__when_off_listed_since_and_all_rows_are_at_their_end),
        cmocka_unit_test(test_drained__wants_a_listing_when_all_rows_have_ended),
        cmocka_unit_test(test_drained__stream_that_shows_no_shard_any_more),
        cmocka_unit_test(test_drained__not_while_a_scan_shows_a_row_before_its_end),
        cmocka_unit_test(test_drained__stream_that_is_gone_needs_no_listing),
        cmocka_unit_test(
            test_further_stream__starts_at_its_first_record_and_tells_what_was_trimmed),
        cmocka_unit_test(test_further_stream__first_seen_off_and_empty_is_a_gap),
        cmocka_unit_test(test_state__of_a_shard_from_its_listing_to_the_end_of_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
