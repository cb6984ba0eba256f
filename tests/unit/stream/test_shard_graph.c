/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules for shard rows that are made, each by a test named after it (shard_bench.h says how
 * lineages are written). */
#include "base/mem.h"
#include "tests/unit/stream/shard_bench.h"

/* --- first start ------------------------------------------------------------------------------ */

static void test_first_start__makes_all_that_a_complete_listing_shows_parents_first(void **state)
{
    struct bench *bench = begin();
    (void)state;
    assert_string_equal(scanned(bench, ""), "");
    assert_true(bench->effects.want_listing);
    assert_string_equal(listed(bench, "D<C C<B. B<A. X. Y<B"), "B<A! X!");
    assert_false(bench->effects.want_listing);
    assert_false(tr_graph_settled(bench->graph));
    assert_string_equal(made(bench), "B<A! X! / C<B Y<B / D<C");
    assert_true(tr_graph_settled(bench->graph));
    end(bench);
}

static void test_first_start__needs_a_complete_listing_and_a_complete_scan(void **state)
{
    struct bench *bench = begin();
    (void)state;
    assert_string_equal(partly(bench, "A. B<A"), "");
    assert_string_equal(scanned(bench, ""), "");
    assert_true(bench->effects.want_listing);
    assert_string_equal(listed(bench, "A. B<A"), "A!");
    assert_string_equal(made(bench), "A! / B<A");
    end(bench);

    bench = begin();
    assert_string_equal(listed(bench, "A. B<A"), "");
    assert_false(tr_graph_settled(bench->graph));
    assert_string_equal(scanned(bench, ""), "A!");
    end(bench);
}

static void test_first_start__proposes_again_until_the_rows_are_there(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "");
    assert_string_equal(listed(bench, "A. B<A C<A"), "A!");
    assert_string_equal(ended(bench, "nobody"), "A!");
    assert_string_equal(changed(bench, "A!"), "B<A C<A");
    assert_string_equal(ended(bench, "nobody"), "B<A C<A");
    pass(bench, 5 * SECOND);
    assert_string_equal(scanned(bench, "A!"), "B<A C<A");
    assert_string_equal(changed(bench, "C<A"), "B<A");
    assert_false(tr_graph_settled(bench->graph));
    assert_string_equal(changed(bench, "B<A"), "");
    assert_true(tr_graph_settled(bench->graph));
    end(bench);
}

static void test_first_start__reports_no_gap_though_others_make_rows_meanwhile(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "");
    assert_string_equal(listed(bench, "B<A. C<B D<Z"), "B<A! D<Z!");
    /* Another worker's row: it is no first start any more, but this one goes on with its own. */
    assert_string_equal(scanned(bench, "B<A!"), "C<B D<Z!");
    end(bench);
}

static void test_first_start__reports_a_shard_that_goes_before_it_has_a_row(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "");
    assert_string_equal(listed(bench, "A. B<A. C<B X"), "A! X!");
    (void)changed(bench, "X!");
    pass(bench, SECOND);
    assert_string_equal(listed(bench, "B<A. C<B X"), "B<A!?");
    assert_string_equal(made(bench), "B<A!? / C<B");
    end(bench);
}

static void test_first_start__of_many_shards_is_proposed_in_parts(void **state)
{
    struct bench *bench = begin();
    struct tr_shard_list list = {.status = TR_STREAM_ENABLED};
    struct tr_graph_row row = {.checkpoint = TR_TRIM_HORIZON};
    struct tr_shard *shards = tr_calloc(300, sizeof *shards);
    char ids[300][8];
    size_t i, made = 0;
    (void)state;
    for (i = 0; i < 300; i++) {
        snprintf(ids[i], sizeof ids[i], "s%03zu", i);
        shards[i].id = tr_bytes_of(ids[i]);
        if (i >= 150) {
            shards[i].parents[0] = tr_bytes_of(ids[i - 150]);
            shards[i].parent_count = 1;
        }
    }
    list.shards = shards;
    list.count = 300;
    (void)scanned(bench, "");
    (void)step(bench,
               (struct tr_graph_event){.kind = TR_GRAPH_LISTED, .list = &list, .complete = true});
    assert_int_equal(bench->effects.create_count, TR_GRAPH_CREATES_MAX);
    while (bench->effects.create_count > 0) {
        const struct tr_graph_create *create = &bench->effects.creates[0];
        assert_memory_equal(create->key.ptr, ids[made], 4);
        row.key = tr_bytes_of(ids[made]);
        row.parent_count = create->parent_count;
        made++;
        (void)step(bench,
                   (struct tr_graph_event){.kind = TR_GRAPH_ROW, .rows = &row, .row_count = 1});
    }
    assert_int_equal(made, 300);
    assert_true(tr_graph_settled(bench->graph));
    tr_free(shards);
    end(bench);
}

/* --- children --------------------------------------------------------------------------------- */

static void test_child__of_a_shard_with_a_row_gets_one_from_any_listing(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5!");
    assert_string_equal(partly(bench, "B<A. C<B"), "B<A");
    assert_string_equal(made(bench), "B<A / C<B");
    end(bench);
}

static void test_child__gets_a_row_though_its_parent_is_open_or_not_listed(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5!");
    assert_string_equal(listed(bench, "A B<A"), "B<A");
    end(bench);

    bench = begin();
    (void)scanned(bench, "A=5!");
    assert_string_equal(listed(bench, "B<A"), "B<A");
    end(bench);
}

/* Somebody deleted it. The next listing that is due of itself may be minutes away. */
static void test_row__that_vanished_before_its_end_wants_a_listing_to_be_made_again(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5! B!");
    (void)listed(bench, "A B");
    assert_false(bench->effects.want_listing);
    pass(bench, TR_GRAPH_STALE_MS);
    assert_string_equal(scanned(bench, "B!"), "");
    assert_true(bench->effects.want_listing);
    pass(bench, SECOND);
    (void)listed(bench, "A B");
    assert_int_equal(bench->effects.create_count, 1);
    assert_false(bench->effects.want_listing);
    end(bench);

    /* Also of a shard that this worker has never listed; not for ever, if the service lacks it. */
    bench = begin();
    (void)scanned(bench, "A=5!");
    (void)listed(bench, "A");
    pass(bench, SECOND);
    (void)scanned(bench, "A=5! B!");
    pass(bench, TR_GRAPH_STALE_MS);
    (void)scanned(bench, "A=5!");
    assert_true(bench->effects.want_listing);
    pass(bench, TR_GRAPH_STALE_MS);
    (void)listed(bench, "A");
    assert_false(bench->effects.want_listing);
    end(bench);
}

static void test_row__that_vanished_is_looked_for_though_a_listing_lacks_its_shard(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5! B=7!");
    (void)listed(bench, "A B");
    pass(bench, 5 * MINUTE);
    (void)scanned(bench, "B=7!");
    /* A listing in parts, whose other parts are lost, looks whole. */
    pass(bench, SECOND);
    assert_string_equal(listed(bench, "B"), "");
    assert_true(bench->effects.want_listing);
    pass(bench, SECOND);
    assert_string_equal(listed(bench, "A B"), "A!@5");
    (void)changed(bench, "A=5!");
    /* It does not go on for ever: a shard may be trimmed. */
    pass(bench, 2 * MINUTE);
    (void)scanned(bench, "B=7!");
    pass(bench, MINUTE);
    assert_string_equal(listed(bench, "B"), "");
    assert_false(bench->effects.want_listing);
    end(bench);
}

static void test_child__listed_before_its_parents_page_comes_after_it(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5!");
    /* C's parent B is on a page that got lost: C waits, and does not start a lineage of its own. */
    assert_string_equal(partly(bench, "A. C<B"), "");
    assert_true(bench->effects.want_listing);
    assert_false(tr_graph_settled(bench->graph));
    assert_string_equal(listed(bench, "A. C<B B<A."), "B<A");
    assert_string_equal(made(bench), "B<A / C<B");
    end(bench);
}

static void test_child__is_asked_for_at_shard_end_and_made_before_the_parent_is_done(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5!");
    (void)listed(bench, "A");
    assert_true(tr_graph_settled(bench->graph));
    assert_string_equal(ended(bench, "A"), "");
    assert_true(bench->effects.want_children);
    assert_false(has_children(bench, "A"));
    /* Too early: the service does not know yet. */
    pass(bench, SECOND);
    assert_string_equal(children(bench, "A", ""), "");
    assert_true(bench->effects.want_children);
    pass(bench, SECOND);
    assert_string_equal(children(bench, "A", "B<A C<A"), "B<A C<A");
    assert_false(bench->effects.want_children);
    assert_string_equal(changed(bench, "B<A"), "C<A");
    assert_false(has_children(bench, "A"));
    assert_string_equal(changed(bench, "C<A"), "");
    assert_true(has_children(bench, "A"));
    assert_false(may_start(bench, "B"));
    (void)changed(bench, "A=END!");
    assert_true(may_start(bench, "B"));
    assert_true(may_start(bench, "C"));
    assert_false(may_start(bench, "A"));
    end(bench);
}

static void test_child__answers_of_servers_without_the_filter_show_more(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5! P=7!");
    (void)listed(bench, "A P");
    pass(bench, SECOND);
    /* B is A's, Q is P's; Y has a parent that nobody knows, and waits for a complete listing. */
    assert_string_equal(children(bench, "A", "A. B<A P Q<P Y<X R<Q"), "B<A Q<P");
    pass(bench, SECOND);
    assert_string_equal(listed(bench, "A. B<A P Q<P Y<X R<Q"), "B<A Q<P Y<X!?");
    assert_string_equal(made(bench), "B<A Q<P Y<X!? / R<Q");
    end(bench);
}

static void test_child__that_is_late_is_found_by_the_next_listing(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=END! B<A=9");
    assert_string_equal(listed(bench, "A. B<A"), "");
    assert_true(has_children(bench, "A"));
    pass(bench, 5 * MINUTE);
    assert_string_equal(scanned(bench, "A=END! B<A=9"), "");
    assert_string_equal(listed(bench, "A. B<A C<A"), "C<A");
    assert_false(has_children(bench, "A"));
    end(bench);
}

static void test_child__none_comes_only_when_the_stream_is_disabled(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5!");
    (void)disabled(bench, "A.");
    pass(bench, SECOND);
    (void)ended(bench, "A");
    /* The listing began before the end. */
    assert_false(has_children(bench, "A"));
    pass(bench, SECOND);
    (void)listed(bench, "A.");
    assert_false(has_children(bench, "A"));
    assert_true(bench->effects.want_children);
    pass(bench, SECOND);
    (void)disabled(bench, "A.");
    /* A may have split before the stream was turned off, and the listing may lag. */
    assert_false(has_children(bench, "A"));
    assert_true(bench->effects.want_children);
    pass(bench, 30 * SECOND);
    (void)disabled(bench, "A.");
    assert_true(has_children(bench, "A"));
    assert_false(bench->effects.want_children);
    end(bench);
}

/* --- shards with no ancestor or descendant row ------------------------------------------------ */

static void test_uncovered__shards_get_rows_and_report_a_gap(void **state)
{
    struct bench *bench = begin();
    (void)state;
    /* The fleet was down for so long that A's successors were trimmed. */
    (void)scanned(bench, "A=5!");
    assert_string_equal(listed(bench, "D<C. E<D N"), "D<C!? N");
    assert_string_equal(made(bench), "D<C!? N / E<D");
    end(bench);
}

static void test_uncovered__needs_a_complete_listing(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5!");
    assert_string_equal(partly(bench, "D<C. E<D"), "");
    assert_string_equal(children(bench, "A", "D<C. E<D"), "");
    end(bench);
}

static void test_uncovered__is_no_shard_with_an_ancestor_row_further_up(void **state)
{
    struct bench *bench = begin();
    (void)state;
    /* B is listed later than its child: C must not start before it. */
    (void)scanned(bench, "A=5! B<A=7");
    assert_string_equal(listed(bench, "A. C<B"), "C<B");
    end(bench);
}

static void test_uncovered__waits_while_an_ancestor_has_a_row(void **state)
{
    struct bench *bench = begin();
    (void)state;
    /* B's row went before A's. D, listed late, is no child of a row, but A's row is there. */
    (void)scanned(bench, "A=END! C<B=9");
    assert_string_equal(listed(bench, "A. B<A. C<B D<B"), "");
    pass(bench, 2 * MINUTE);
    assert_string_equal(scanned(bench, "C<B=9"), "");
    pass(bench, SECOND);
    /* C waited for B before it progressed, so nothing is missing before D. */
    assert_string_equal(listed(bench, "A. B<A. C<B D<B"), "D<B!");
    end(bench);
}

static void test_uncovered__waits_for_a_parent_that_only_a_partial_listing_showed(void **state)
{
    struct bench *bench = begin();
    struct tr_mono before = bench->now;
    (void)state;
    (void)scanned(bench, "A=5!");
    pass(bench, SECOND);
    (void)partly(bench, "Q<P");
    /* Begun before, and too early to show Q: R must not start without it. */
    assert_string_equal(listed_at(bench, "A R<Q", true, before), "");
    assert_true(bench->effects.want_listing);
    assert_false(tr_graph_settled(bench->graph));
    assert_string_equal(listed(bench, "A Q<P R<Q"), "Q<P!?");
    assert_string_equal(made(bench), "Q<P!? / R<Q");
    end(bench);
}

static void test_row__is_never_made_where_a_descendant_has_progressed(void **state)
{
    struct bench *bench = begin();
    (void)state;
    /* A and B were finished and their rows deleted; they are listed for a day. */
    (void)scanned(bench, "C<B=9");
    assert_string_equal(listed(bench, "A. B<A. C<B"), "");
    assert_true(tr_graph_settled(bench->graph));
    end(bench);
}

static void test_row__is_never_made_where_a_descendant_was_made_without_its_parents(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "C<B!");
    assert_string_equal(listed(bench, "A. B<A. C<B"), "");
    assert_true(may_start(bench, "C"));
    end(bench);
}

static void test_row__is_made_again_where_a_descendant_only_waits_for_it(void **state)
{
    struct bench *bench = begin();
    (void)state;
    /* B's row was lost before B was read: C waits for it. */
    (void)scanned(bench, "C<B");
    assert_false(may_start(bench, "C"));
    assert_string_equal(listed(bench, "B<A. C<B"), "B<A!?");
    assert_false(may_start(bench, "C"));
    (void)changed(bench, "B<A!");
    assert_false(may_start(bench, "C"));
    (void)changed(bench, "B<A=END!");
    assert_true(may_start(bench, "C"));
    end(bench);
}

static void test_unread__row_brings_no_rows_above_it_until_it_is_understood(void **state)
{
    struct bench *bench = begin();
    (void)state;
    /* A and B were finished and their rows deleted; C's row is spoilt, and a worker starts. */
    (void)scanned(bench, "C=?");
    assert_string_equal(listed(bench, "A. B<A. C<B D<C"), "D<C");
    assert_string_equal(made(bench), "D<C");
    assert_false(bench->effects.need_listing);
    assert_true(tr_graph_settled(bench->graph));
    assert_false(may_start(bench, "C"));
    assert_false(may_start(bench, "D"));
    pass(bench, 5 * MINUTE);
    (void)scanned(bench, "C=? D<C");
    assert_string_equal(listed(bench, "A. B<A. C<B D<C"), "");
    /* Mended: it goes on where it was. */
    pass(bench, SECOND);
    assert_string_equal(changed(bench, "C<B=9"), "");
    assert_true(may_start(bench, "C"));
    assert_string_equal(listed(bench, "A. B<A. C<B D<C"), "");
    end(bench);
}

static void test_unread__row_that_is_mended_to_its_beginning_waits_for_its_parent(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "C=?");
    assert_string_equal(listed(bench, "A. B<A. C<B"), "");
    pass(bench, SECOND);
    assert_string_equal(changed(bench, "C<B"), "A");
    assert_false(may_start(bench, "C"));
    assert_string_equal(made(bench), "A / B<A");
    assert_false(may_start(bench, "C"));
    end(bench);
}

static void test_unread__row_says_of_its_siblings_parent_neither_done_nor_left_out(void **state)
{
    struct bench *bench = begin();
    (void)state;
    /* Somebody deleted A's row. D has none: a row without its parents would end all doubt. */
    (void)scanned(bench, "B=? C<A");
    assert_string_equal(listed(bench, "A. B<A C<A D<A E"), "E");
    assert_false(may_start(bench, "C"));
    pass(bench, SECOND);
    assert_string_equal(scanned(bench, "B<A C<A E"), "A");
    assert_string_equal(made(bench), "A / D<A");
    end(bench);
}

static void test_unread__row_that_is_deleted_is_made_again_by_the_next_listing(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "B<A=? C<A=7");
    assert_string_equal(listed(bench, "A. B<A C<A"), "");
    pass(bench, SECOND);
    assert_string_equal(scanned(bench, "C<A=7"), "");
    assert_true(bench->effects.want_listing);
    pass(bench, SECOND);
    assert_string_equal(listed(bench, "A. B<A C<A"), "B<A!");
    /* A scan that began before the one that showed it does not take it away. */
    (void)changed(bench, "B<A=?");
    pass(bench, SECOND);
    (void)scanned(bench, "B=? C<A=7");
    (void)scanned_at(bench, "C<A=7", (struct tr_mono){bench->now.ns - TR_NS_PER_S});
    assert_int_equal(tr_graph_state(bench->graph, TR_LIT("B")), TR_SHARD_UNREAD);
    end(bench);
}

static void test_unread__row_keeps_what_was_known_of_it(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "B<A=7");
    (void)listed(bench, "A. B<A");
    pass(bench, 2 * MINUTE);
    (void)scanned(bench, "B=?");
    assert_false(may_start(bench, "B"));
    pass(bench, SECOND);
    (void)scanned(bench, "");
    pass(bench, SECOND);
    assert_string_equal(listed(bench, "A. B<A"), "B<A!@7");
    end(bench);
}

static void test_unread__row_wants_a_scan_that_may_show_that_it_is_gone(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "B<A=?");
    (void)listed(bench, "A. B<A");
    assert_false(bench->effects.want_scan);
    pass(bench, TR_GRAPH_SCAN_FRESH_MS + SECOND);
    (void)listed(bench, "A. B<A");
    assert_true(bench->effects.want_scan);
    end(bench);
}

static void test_row__of_another_kcl_at_latest_counts_as_made_without_its_parents(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "C<B=LATEST");
    assert_string_equal(listed(bench, "B. C<B"), "");
    assert_true(may_start(bench, "C"));
    end(bench);
}

static void test_row__late_second_child_of_a_deleted_parent_starts_by_itself(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "C<B=9");
    (void)listed(bench, "A. B<A. C<B");
    pass(bench, MINUTE);
    assert_string_equal(listed(bench, "A. B<A. C<B D<B"), "D<B!");
    end(bench);

    /* Of a child that was made without B it is not known that B was read. */
    bench = begin();
    (void)scanned(bench, "C<B=9!");
    (void)listed(bench, "A. B<A. C<B");
    pass(bench, MINUTE);
    assert_string_equal(listed(bench, "A. B<A. C<B D<B"), "D<B!?");
    end(bench);
}

static void test_row__behind_a_parent_seen_finished_reports_no_gap(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "B=END! C<B=9");
    (void)listed(bench, "B. C<B");
    pass(bench, 2 * MINUTE);
    assert_string_equal(scanned(bench, "C<B=9"), "");
    pass(bench, SECOND);
    assert_string_equal(listed(bench, "B. C<B D<B"), "D<B!");
    end(bench);
}

/* --- who may start ---------------------------------------------------------------------------- */

static void test_start__waits_for_all_parents(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=END! B=4! C<A+B");
    (void)listed(bench, "A. B. C<A+B");
    assert_false(may_start(bench, "C"));
    assert_true(may_start(bench, "B"));
    (void)changed(bench, "B=END!");
    assert_true(may_start(bench, "C"));
    end(bench);
}

static void test_start__is_not_held_back_by_a_missing_parent_row_after_progress(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "C<B=9 D<B=LATEST E<B!");
    (void)listed(bench, "C<B D<B E<B");
    assert_true(may_start(bench, "C"));
    assert_true(may_start(bench, "D"));
    assert_true(may_start(bench, "E"));
    assert_false(may_start(bench, "B"));
    assert_false(may_start(bench, "nobody"));
    end(bench);
}

static void test_start__marked_rows_still_wait_for_a_parent_that_has_a_row(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "B=3! C<B!");
    (void)listed(bench, "B. C<B");
    assert_false(may_start(bench, "C"));
    end(bench);
}

static void test_start__waits_no_longer_when_a_complete_listing_shows_no_parent(void **state)
{
    struct bench *bench = begin();
    (void)state;
    /* As another KCL makes it: no mark, and a parent that was trimmed long ago. */
    (void)scanned(bench, "C<B");
    assert_false(may_start(bench, "C"));
    assert_true(bench->effects.want_listing);
    pass(bench, SECOND);
    (void)partly(bench, "C<B");
    assert_false(may_start(bench, "C"));
    /* A listing that began before the row was known proves nothing. */
    (void)listed_at(bench, "C<B", true,
                    (struct tr_mono){bench->now.ns - 2 * (uint64_t)TR_NS_PER_S});
    assert_false(may_start(bench, "C"));
    assert_string_equal(listed(bench, ""), "");
    assert_false(may_start(bench, "C"));
    assert_string_equal(listed(bench, "C<B"), "");
    assert_true(may_start(bench, "C"));
    end(bench);
}

static void test_start__does_not_wait_for_a_parent_that_never_gets_a_row(void **state)
{
    struct bench *bench = begin();
    (void)state;
    /* C progressed, so B was done: D, made beside it, may go. */
    (void)scanned(bench, "C<B=9 D<B");
    (void)listed(bench, "B. C<B D<B");
    assert_true(may_start(bench, "D"));
    end(bench);
}

/* --- stale and late knowledge ----------------------------------------------------------------- */

static void
test_start__of_a_merge_waits_no_longer_for_the_parent_that_is_listed_no_more(void **state)
{
    struct bench *bench = begin();
    (void)state;
    /* A was trimmed and has no row; B is there, and at its end. */
    (void)scanned(bench, "B=END! C<A+B");
    assert_false(may_start(bench, "C"));
    (void)listed(bench, "B. C<A+B");
    assert_true(may_start(bench, "C"));
    end(bench);

    /* An open B still holds it back. */
    bench = begin();
    (void)scanned(bench, "B=5! C<A+B");
    (void)listed(bench, "B C<A+B");
    assert_false(may_start(bench, "C"));
    end(bench);
}

static void test_row__of_a_merge_reports_the_parent_that_went_unread(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "B=5!");
    assert_string_equal(listed(bench, "B. C<A+B"), "C<A+B?");
    end(bench);

    bench = begin();
    (void)scanned(bench, "A=END! B=5!");
    assert_string_equal(listed(bench, "B. C<A+B"), "C<A+B");
    end(bench);
}

static void
test_child__that_is_late_gets_its_row_at_once_behind_a_parent_seen_finished(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=END! B<A=7");
    (void)listed(bench, "A. B<A");
    pass(bench, 2 * MINUTE);
    (void)scanned(bench, "B<A=7");
    /* No complete listing is needed, nor a gap told: A was finished. */
    assert_string_equal(children(bench, "A", "B<A C<A"), "C<A!");
    (void)changed(bench, "C<A!");
    assert_true(may_start(bench, "C"));
    end(bench);
}

static void test_uncovered__waits_a_minute_where_the_listing_lags_behind_its_parent(void **state)
{
    static const char child[] = "shardId-00000001699999990000-0000000b<A";
    struct bench *bench = begin();
    (void)state;
    bench->service.ms = 1700000000000;
    (void)scanned(bench, "X=5!");
    /* Ten seconds old, and its parent is not listed: that cannot be trimmed yet. */
    assert_string_equal(listed(bench, "X shardId-00000001699999990000-0000000b<A"), "");
    assert_true(bench->effects.want_listing);
    pass(bench, 10 * SECOND);
    assert_string_equal(listed(bench, "X A. shardId-00000001699999990000-0000000b<A"), "A");
    end(bench);

    bench = begin();
    bench->service.ms = 1700000000000;
    (void)scanned(bench, "X=5!");
    (void)listed(bench, "X shardId-00000001699999990000-0000000b<A");
    pass(bench, MINUTE);
    (void)scanned(bench, "X=5!");
    assert_memory_equal(listed(bench, "X shardId-00000001699999990000-0000000b<A"), child,
                        strlen(child));
    assert_true(bench->effects.creates[0].gap);
    end(bench);
}

static void test_row__known_keeps_its_parents_when_only_its_checkpoint_is_told(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5! B<A");
    (void)changed(bench, "B");
    assert_false(may_start(bench, "B"));
    end(bench);
}

/* A listing that lacks a shard in the middle of a lineage does not show that its beginning was read
 * long ago. Judged by it, finished shards would be made again and replayed. */
static void test_uncovered__waits_where_the_lineage_breaks_off_in_the_listing(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "D<C=5");
    assert_string_equal(listed(bench, "A. B<A. D<C"), "");
    assert_true(bench->effects.want_listing);
    assert_string_equal(listed(bench, "A. B<A. C<B. D<C"), "");
    assert_false(bench->effects.want_listing);
    end(bench);

    /* Whatever is behind it: for ever it does not wait. */
    bench = begin();
    (void)scanned(bench, "D<C=5");
    (void)listed(bench, "A. B<A. D<C");
    pass(bench, TR_GRAPH_NOT_FOUND_MS);
    (void)scanned(bench, "D<C=5");
    assert_string_equal(listed(bench, "A. B<A. D<C"), "A");
    end(bench);

    /* The ten minutes begin when the lineage breaks off, not when the shard was first seen. */
    bench = begin();
    (void)scanned(bench, "D<C=5");
    (void)listed(bench, "A. B<A. C<B. D<C");
    pass(bench, 4 * TR_GRAPH_NOT_FOUND_MS);
    (void)scanned(bench, "D<C=5");
    assert_string_equal(listed(bench, "A. B<A. D<C"), "");
    (void)scanned(bench, "D<C=5");
    assert_string_equal(listed(bench, "A. B<A. C<B. D<C"), "");
    end(bench);
}

/* Of a stream that is off, shards are the last ones as well: what a listing in part lacks of those
 * with rows tells it from a whole one. */
static void test_uncovered__waits_where_the_listing_of_a_stream_that_is_off_is_torn(void **state)
{
    static const char *const rows[] = {"shardId-00000001699999990000-0000000d<C=END",
                                       "shardId-00000001699900000000-0000000d<C=END"};
    size_t old;
    (void)state;
    for (old = 0; old < 2; old++) {
        struct bench *bench = begin();
        bench->service.ms = 1700000000000;
        (void)scanned(bench, rows[old]);
        assert_string_equal(disabled(bench, "A. B<A."), old ? "A" : "");
        assert_true(bench->effects.want_listing == !old);
        end(bench);
    }
}

static void test_stale__scan_begun_before_a_row_was_made_does_not_take_it_away(void **state)
{
    struct bench *bench = begin();
    struct tr_mono before;
    (void)state;
    (void)scanned(bench, "");
    (void)listed(bench, "A B");
    before = bench->now;
    pass(bench, 2 * SECOND);
    (void)changed(bench, "A!");
    assert_string_equal(changed(bench, "B!"), "");
    assert_string_equal(scanned_at(bench, "", before), "");
    assert_true(may_start(bench, "A"));
    /* Nor one begun right after, which an eventually consistent table may answer. */
    pass(bench, 10 * SECOND);
    assert_string_equal(scanned(bench, "A!"), "");
    assert_true(may_start(bench, "B"));
    /* Later the row is really gone; the listing that was known then does not bring it back. */
    pass(bench, 2 * MINUTE);
    assert_string_equal(scanned(bench, "A!"), "");
    assert_false(may_start(bench, "B"));
    pass(bench, SECOND);
    assert_string_equal(listed(bench, "A B"), "B!");
    end(bench);
}

static void test_stale__scan_does_not_take_a_checkpoint_back(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5! B<A");
    (void)listed(bench, "A. B<A");
    (void)changed(bench, "A=END!");
    assert_true(may_start(bench, "B"));
    pass(bench, 3 * SECOND);
    (void)scanned(bench, "A=5! B<A");
    assert_true(may_start(bench, "B"));
    /* A reset by hand stays, and counts in the end. */
    pass(bench, 2 * MINUTE);
    (void)scanned(bench, "A=5! B<A");
    assert_false(may_start(bench, "B"));
    end(bench);
}

static void test_stale__scan_or_listing_of_long_ago_makes_no_rows(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5!");
    assert_string_equal(listed(bench, "A. B<A"), "B<A");
    assert_false(bench->effects.want_scan);
    /* The process slept for an hour. */
    pass(bench, 60 * MINUTE);
    assert_string_equal(ended(bench, "A"), "");
    assert_true(bench->effects.want_scan);
    assert_false(tr_graph_settled(bench->graph));
    assert_string_equal(scanned(bench, "A=5!"), "");
    assert_false(bench->effects.want_scan);
    assert_true(bench->effects.want_listing);
    assert_string_equal(listed(bench, "A. B<A"), "B<A");
    end(bench);
}

static void test_stale__row_seen_finished_is_not_made_again(void **state)
{
    struct bench *bench = begin();
    (void)state;
    /* Another KCL deletes A's row before its child has progressed. */
    (void)scanned(bench, "A=END! B<A");
    (void)listed(bench, "A. B<A");
    pass(bench, 2 * MINUTE);
    (void)scanned(bench, "B<A");
    pass(bench, SECOND);
    assert_string_equal(listed(bench, "A. B<A"), "");
    assert_true(may_start(bench, "B"));
    end(bench);
}

static void test_vanished__unfinished_row_comes_back_at_its_last_checkpoint(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=77!");
    (void)listed(bench, "A");
    pass(bench, 2 * MINUTE);
    assert_string_equal(scanned(bench, ""), "");
    pass(bench, SECOND);
    assert_string_equal(listed(bench, "A"), "A!@77");
    end(bench);
}

static void test_late__listing_older_than_a_complete_one_adds_nothing_that_it_lacks(void **state)
{
    struct bench *bench = begin();
    struct tr_mono before = bench->now;
    (void)state;
    pass(bench, MINUTE);
    (void)scanned(bench, "C<B=5");
    (void)listed(bench, "C<B");
    assert_string_equal(listed_at(bench, "X C<B", true, before), "");
    assert_null(tr_graph_shard(bench->graph, TR_LIT("X")));
    end(bench);
}

static void test_late__listing_does_not_reopen_a_shard(void **state)
{
    struct bench *bench = begin();
    struct tr_mono before = bench->now;
    (void)state;
    pass(bench, MINUTE);
    (void)listed(bench, "A.");
    (void)listed_at(bench, "A", false, before);
    tr_assert_bytes(tr_graph_shard(bench->graph, TR_LIT("A"))->ending, "999");
    end(bench);
}

/* --- contradictions --------------------------------------------------------------------------- */

static void test_contradiction__open_parent_closed_leaf_and_corrected_parent(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5!");
    /* C has ended, so something is missing behind it: it waits. */
    assert_string_equal(listed(bench, "A B<A C."), "B<A");
    /* B's parent was wrong, and is put right. */
    assert_string_equal(listed(bench, "A B<C C."), "C");
    assert_string_equal(made(bench), "C / B<C");
    tr_assert_bytes(tr_graph_shard(bench->graph, TR_LIT("B"))->parents[0], "C");
    end(bench);
}

static void test_contradiction__cycles_neither_hang_nor_crash(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "");
    /* One of the round goes first, without its parents, and so the others are left out. */
    assert_string_equal(listed(bench, "A<A B<D C<B D<C E<D F<E+F"), "A! C<B!?");
    assert_string_equal(made(bench), "A! C<B!? / E<D! / F<E");
    assert_true(may_start(bench, "C"));
    assert_true(tr_graph_settled(bench->graph));
    (void)changed(bench, "B<D D<C E<D=9");
    (void)listed(bench, "A<A B<D C<B D<C E<D");
    (void)children(bench, "D", "C<D B<C D<B");
    end(bench);
}

static void test_contradiction__empty_listing_takes_nothing_away(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "A=5! B<A");
    (void)listed(bench, "A B<A");
    pass(bench, SECOND);
    (void)listed(bench, "");
    assert_non_null(tr_graph_shard(bench->graph, TR_LIT("A")));
    assert_false(may_start(bench, "B"));
    end(bench);
}

static void test_rows__without_listed_shards_are_left_alone(void **state)
{
    struct bench *bench = begin();
    (void)state;
    (void)scanned(bench, "X=5! Y<X");
    assert_string_equal(listed(bench, "A. B<A"), "A");
    assert_true(may_start(bench, "X"));
    assert_null(tr_graph_shard(bench->graph, TR_LIT("X")));
    end(bench);
}

/* --- the rest --------------------------------------------------------------------------------- */

static void collect(void *ctx, const struct tr_shard *shard)
{
    struct tr_buf *out = ctx;
    tr_buf_add(out, shard->id);
    tr_buf_add_char(out, shard->ending.len > 0 ? '.' : ' ');
}

static void test_walk__shows_listed_shards_parents_before_children(void **state)
{
    struct bench *bench = begin();
    struct tr_buf text = {0};
    (void)state;
    (void)listed(bench, "A<Z. Z<Y. M<A+B. B. C<M");
    tr_graph_walk(bench->graph, collect, &text);
    tr_assert_bytes(tr_buf_bytes(&text), "Z.A.B.M.C ");
    tr_buf_deinit(&text);
    end(bench);
}

static void test_memory__is_bounded_and_gone_shards_are_forgotten(void **state)
{
    struct bench *bench = begin();
    struct tr_shard_list list;
    struct tr_graph_effects effects;
    struct tr_graph *graph;
    int round;
    (void)state;
    assert_int_equal(tr_graph_new(4, &graph), TR_OK);
    for (round = 0; round < 50; round++) {
        char words[64];
        int first = 'A' + round;
        struct tr_graph_event event = {.kind = TR_GRAPH_LISTED, .complete = true, .list = &list};
        pass(bench, SECOND);
        event.now = bench->now;
        snprintf(words, sizeof words, "%c<%c %c<%c", first + 1, first, first + 2, first + 1);
        list = list_of(bench, words);
        assert_int_equal(tr_graph_step(graph, &event, &effects), TR_OK);
        /* One more would be five: nothing of it is taken in. */
        snprintf(words, sizeof words, "%c<%c 0 1", first + 1, first);
        list = list_of(bench, words);
        assert_int_equal(tr_graph_step(graph, &event, &effects), TR_ELIMIT);
        assert_null(tr_graph_shard(graph, TR_LIT("0")));
        assert_int_equal(effects.create_count, 0);
    }
    tr_graph_free(graph);
    end(bench);
}

/* The same events give the same run; this is one, as it is meant to be. */
static void test_trace__of_a_stream_that_rolls_over_and_splits(void **state)
{
    struct bench *bench = begin();
    struct tr_buf trace = {0};
    (void)state;
#define SAY(call) tr_buf_printf(&trace, "[%s] ", call)
    SAY(scanned(bench, ""));
    SAY(listed(bench, "A. B<A"));
    SAY(changed(bench, "A!"));
    SAY(changed(bench, "B<A"));
    SAY(ended(bench, "A"));
    SAY(changed(bench, "A=END!"));
    pass(bench, SECOND);
    SAY(changed(bench, "B<A=12"));
    SAY(ended(bench, "B"));
    SAY(children(bench, "B", "C<B"));
    SAY(changed(bench, "C<B"));
    SAY(changed(bench, "B<A=END"));
    pass(bench, SECOND);
    SAY(listed(bench, "A. B<A. C<B. D<B E<C"));
    SAY(changed(bench, "D<B"));
    SAY(scanned(bench, "A=END! B<A=END C<B D<B"));
    SAY(changed(bench, "E<C"));
#undef SAY
    tr_assert_bytes(tr_buf_bytes(&trace), "[] [A!] [B<A] [] [] [] [] [] [C<B] [] [] "
                                          "[D<B E<C] [E<C] [E<C] [] ");
    assert_true(tr_graph_settled(bench->graph));
    tr_buf_deinit(&trace);
    end(bench);
}

static enum tr_status life(struct bench *bench, struct tr_buf *trace)
{
    static const char *const lists[] = {"A. B<A C<A", "B<A. C<A D<B+C", "X Y<X"};
    struct tr_graph *graph = NULL;
    enum tr_status status = tr_graph_new(100, &graph);
    size_t i;
    for (i = 0; status == TR_OK && i < 9; i++) {
        struct tr_shard_list list = list_of(bench, lists[i / 3]);
        size_t rows = rows_of(bench, "A=END! B<A=5 C<A");
        struct tr_graph_event event = {
            .kind = i % 3 == 0   ? TR_GRAPH_LISTED
                    : i % 3 == 1 ? TR_GRAPH_ROWS
                                 : TR_GRAPH_CHILDREN,
            .now = {(i + 1) * (uint64_t)TR_NS_PER_S * 100},
            .list = &list,
            .complete = true,
            .rows = bench->rows,
            .row_count = i > 5 ? 0 : rows,
            .parent = TR_LIT("A"),
        };
        status = tr_graph_step(graph, &event, &bench->effects);
        if (status == TR_ENOMEM) {
            assert_int_equal(bench->effects.create_count, 0);
            /* Nothing changed: the same event again goes on as if nothing had happened. */
            (void)tr_mem_fail_at(-1);
            status = tr_graph_step(graph, &event, &bench->effects);
            assert_int_equal(status, TR_OK);
        }
        say_effects(bench);
        tr_buf_printf(trace, "[%s]", bench->said);
    }
    tr_graph_free(graph);
    return status;
}

static void test_memory__every_failed_allocation_changes_nothing(void **state)
{
    struct bench *bench = begin();
    struct tr_buf want = {0};
    uint64_t all;
    int64_t n;
    (void)state;
    (void)tr_mem_fail_at(-1);
    assert_int_equal(life(bench, &want), TR_OK);
    all = tr_mem_fail_at(-1);
    assert_true(all > 20);
    for (n = 0; n < (int64_t)all; n++) {
        struct tr_buf got = {0};
        enum tr_status status;
        assert_true(tr_buf_reserve(&got, 4096));
        (void)tr_mem_fail_at(n);
        status = life(bench, &got);
        (void)tr_mem_fail_at(-1);
        if (status == TR_OK && !got.failed) {
            tr_assert_bytes(tr_buf_bytes(&got), want.ptr);
        }
        tr_buf_deinit(&got);
    }
    tr_buf_deinit(&want);
    end(bench);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_start__makes_all_that_a_complete_listing_shows_parents_first),
        cmocka_unit_test(test_first_start__needs_a_complete_listing_and_a_complete_scan),
        cmocka_unit_test(test_first_start__proposes_again_until_the_rows_are_there),
        cmocka_unit_test(test_first_start__reports_no_gap_though_others_make_rows_meanwhile),
        cmocka_unit_test(test_first_start__reports_a_shard_that_goes_before_it_has_a_row),
        cmocka_unit_test(test_first_start__of_many_shards_is_proposed_in_parts),
        cmocka_unit_test(test_child__of_a_shard_with_a_row_gets_one_from_any_listing),
        cmocka_unit_test(test_child__gets_a_row_though_its_parent_is_open_or_not_listed),
        cmocka_unit_test(test_row__that_vanished_before_its_end_wants_a_listing_to_be_made_again),
        cmocka_unit_test(test_row__that_vanished_is_looked_for_though_a_listing_lacks_its_shard),
        cmocka_unit_test(test_child__listed_before_its_parents_page_comes_after_it),
        cmocka_unit_test(test_child__is_asked_for_at_shard_end_and_made_before_the_parent_is_done),
        cmocka_unit_test(test_child__answers_of_servers_without_the_filter_show_more),
        cmocka_unit_test(test_child__that_is_late_is_found_by_the_next_listing),
        cmocka_unit_test(test_child__none_comes_only_when_the_stream_is_disabled),
        cmocka_unit_test(test_uncovered__shards_get_rows_and_report_a_gap),
        cmocka_unit_test(test_uncovered__needs_a_complete_listing),
        cmocka_unit_test(test_uncovered__is_no_shard_with_an_ancestor_row_further_up),
        cmocka_unit_test(test_uncovered__waits_while_an_ancestor_has_a_row),
        cmocka_unit_test(test_uncovered__waits_for_a_parent_that_only_a_partial_listing_showed),
        cmocka_unit_test(test_row__is_never_made_where_a_descendant_has_progressed),
        cmocka_unit_test(test_row__is_never_made_where_a_descendant_was_made_without_its_parents),
        cmocka_unit_test(test_row__is_made_again_where_a_descendant_only_waits_for_it),
        cmocka_unit_test(test_unread__row_brings_no_rows_above_it_until_it_is_understood),
        cmocka_unit_test(test_unread__row_that_is_mended_to_its_beginning_waits_for_its_parent),
        cmocka_unit_test(test_unread__row_says_of_its_siblings_parent_neither_done_nor_left_out),
        cmocka_unit_test(test_unread__row_that_is_deleted_is_made_again_by_the_next_listing),
        cmocka_unit_test(test_unread__row_keeps_what_was_known_of_it),
        cmocka_unit_test(test_unread__row_wants_a_scan_that_may_show_that_it_is_gone),
        cmocka_unit_test(test_row__of_another_kcl_at_latest_counts_as_made_without_its_parents),
        cmocka_unit_test(test_row__late_second_child_of_a_deleted_parent_starts_by_itself),
        cmocka_unit_test(test_row__behind_a_parent_seen_finished_reports_no_gap),
        cmocka_unit_test(test_start__waits_for_all_parents),
        cmocka_unit_test(test_start__is_not_held_back_by_a_missing_parent_row_after_progress),
        cmocka_unit_test(test_start__marked_rows_still_wait_for_a_parent_that_has_a_row),
        cmocka_unit_test(test_start__waits_no_longer_when_a_complete_listing_shows_no_parent),
        cmocka_unit_test(test_start__does_not_wait_for_a_parent_that_never_gets_a_row),
        cmocka_unit_test(
            test_start__of_a_merge_waits_no_longer_for_the_parent_that_is_listed_no_more),
        cmocka_unit_test(test_row__of_a_merge_reports_the_parent_that_went_unread),
        cmocka_unit_test(
            test_child__that_is_late_gets_its_row_at_once_behind_a_parent_seen_finished),
        cmocka_unit_test(test_uncovered__waits_a_minute_where_the_listing_lags_behind_its_parent),
        cmocka_unit_test(test_row__known_keeps_its_parents_when_only_its_checkpoint_is_told),
        cmocka_unit_test(test_uncovered__waits_where_the_lineage_breaks_off_in_the_listing),
        cmocka_unit_test(test_uncovered__waits_where_the_listing_of_a_stream_that_is_off_is_torn),
        cmocka_unit_test(test_stale__scan_begun_before_a_row_was_made_does_not_take_it_away),
        cmocka_unit_test(test_stale__scan_does_not_take_a_checkpoint_back),
        cmocka_unit_test(test_stale__scan_or_listing_of_long_ago_makes_no_rows),
        cmocka_unit_test(test_stale__row_seen_finished_is_not_made_again),
        cmocka_unit_test(test_vanished__unfinished_row_comes_back_at_its_last_checkpoint),
        cmocka_unit_test(test_late__listing_older_than_a_complete_one_adds_nothing_that_it_lacks),
        cmocka_unit_test(test_late__listing_does_not_reopen_a_shard),
        cmocka_unit_test(test_contradiction__open_parent_closed_leaf_and_corrected_parent),
        cmocka_unit_test(test_contradiction__cycles_neither_hang_nor_crash),
        cmocka_unit_test(test_contradiction__empty_listing_takes_nothing_away),
        cmocka_unit_test(test_rows__without_listed_shards_are_left_alone),
        cmocka_unit_test(test_walk__shows_listed_shards_parents_before_children),
        cmocka_unit_test(test_memory__is_bounded_and_gone_shards_are_forgotten),
        cmocka_unit_test(test_trace__of_a_stream_that_rolls_over_and_splits),
        cmocka_unit_test(test_memory__every_failed_allocation_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
