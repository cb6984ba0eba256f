/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader core in virtual time: each test plays the service by hand. */
#include "tests/support/test.h"
#include "worker/reader_core.h"

struct play {
    struct tr_reader reader;
    struct tr_reader_effects fx;
    uint64_t now_ms;
};

static struct tr_mono at(const struct play *play)
{
    return (struct tr_mono){play->now_ms * TR_NS_PER_MS};
}

static void give(struct play *play, struct tr_reader_event event)
{
    event.now = at(play);
    assert_int_equal(tr_reader_step(&play->reader, &event, &play->fx), TR_OK);
}

static struct tr_position sequence(const char *digits)
{
    struct tr_position position;
    assert_int_equal(tr_position_parse(tr_bytes_of(digits), &position, NULL), TR_OK);
    return position;
}

/* A reader that holds an iterator and has just sent its first fetch at 1000 ms. */
static struct play fetching(uint64_t poll_min_ms, uint64_t poll_max_ms)
{
    struct tr_reader_options options = {
        .poll_min_ms = poll_min_ms, .poll_max_ms = poll_max_ms, .limit = 1000, .seed = 7};
    struct play play = {.now_ms = 1000};
    tr_reader_init(&play.reader, &options);
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_START, .position = TR_TRIM_HORIZON});
    assert_int_equal(play.fx.kind, TR_READER_FX_NOTHING);
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_ROOM, .room = true});
    assert_int_equal(play.fx.kind, TR_READER_FX_ASK);
    give(&play, (struct tr_reader_event){
                    .kind = TR_READER_EV_ITERATOR, .op = play.fx.op, .iterator = TR_LIT("it")});
    assert_int_equal(play.fx.kind, TR_READER_FX_FETCH);
    return play;
}

static void answer(struct play *play, size_t count, const char *last, const char *iterator)
{
    struct tr_reader_event event = {.kind = TR_READER_EV_PAGE,
                                    .op = play->reader.op,
                                    .count = count,
                                    .room = true,
                                    .iterator = tr_bytes_of(iterator)};
    if (count > 0) {
        event.first = event.last = sequence(last);
    }
    give(play, event);
}

/* What its owner asked for ahead saves a call; where it turns out to be stale it is asked for. */
static void test_reader__started_with_an_iterator_fetches_at_once(void **state)
{
    struct tr_reader_options options = {
        .poll_min_ms = 250, .poll_max_ms = 2000, .limit = 1000, .seed = 7};
    struct play play = {.now_ms = 1000};
    (void)state;
    tr_reader_init(&play.reader, &options);
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_START,
                                         .position = sequence("100"),
                                         .at = true,
                                         .iterator = TR_LIT("ahead")});
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_ROOM, .room = true});
    assert_int_equal(play.fx.kind, TR_READER_FX_FETCH);
    tr_assert_bytes(tr_buf_bytes(&play.reader.iterator), "ahead");
    give(&play,
         (struct tr_reader_event){
             .kind = TR_READER_EV_PAGE, .op = play.fx.op, .status = TR_EEXPIRED, .room = true});
    assert_int_equal(play.fx.kind, TR_READER_FX_ASK);
    assert_true(play.fx.at);
    assert_int_equal(tr_position_cmp(&play.fx.position, &play.reader.start), 0);
    tr_reader_deinit(&play.reader);
}

static void fail_with(struct play *play, enum tr_status status)
{
    give(play,
         (struct tr_reader_event){
             .kind = TR_READER_EV_PAGE, .op = play->reader.op, .status = status, .room = true});
}

/* Let time pass until it fetches; returns when. */
static uint64_t next_fetch(struct play *play)
{
    struct tr_mono deadline = tr_reader_deadline(&play->reader);
    assert_true(deadline.ns != UINT64_MAX);
    play->now_ms = (deadline.ns + TR_NS_PER_MS - 1) / TR_NS_PER_MS;
    give(play, (struct tr_reader_event){.kind = TR_READER_EV_TICK});
    assert_int_equal(play->fx.kind, TR_READER_FX_FETCH);
    return play->now_ms;
}

static void test_reader__an_empty_page_is_no_end(void **state)
{
    struct play play = fetching(250, 2000);
    int i;
    (void)state;
    for (i = 0; i < 100; i++) {
        answer(&play, 0, NULL, "it");
        assert_false(play.fx.ended);
        next_fetch(&play);
    }
    tr_reader_deinit(&play.reader);
}

static void test_reader__the_end_comes_with_the_last_records_or_alone(void **state)
{
    struct play play = fetching(250, 2000);
    (void)state;
    answer(&play, 3, "103", NULL);
    assert_true(play.fx.accepted);
    assert_true(play.fx.ended);
    assert_int_equal(tr_reader_deadline(&play.reader).ns, UINT64_MAX);
    tr_reader_deinit(&play.reader);
}

static void test_reader__meets_steady_traffic_within_300_ms(void **state)
{
    struct play play = fetching(250, 2000);
    uint64_t sent = 1000;
    int i;
    (void)state;
    /* One record a second: three of four pages are empty, and the pace stays quick. */
    for (i = 0; i < 40; i++) {
        uint64_t next;
        play.now_ms += 3;
        answer(&play, i % 4 == 0, "21", "it");
        next = next_fetch(&play);
        assert_true(next - sent <= 300);
        sent = next;
    }
    tr_reader_deinit(&play.reader);
}

static void test_reader__an_idle_shard_costs_thirty_calls_a_minute(void **state)
{
    struct play play = fetching(250, 2000);
    uint64_t calls = 0, last = 0, widest = 0;
    (void)state;
    while (play.now_ms < 61000) {
        answer(&play, 0, NULL, "it");
        last = play.now_ms;
        next_fetch(&play);
        widest = play.now_ms - last > widest ? play.now_ms - last : widest;
    }
    while (play.now_ms < 121000) {
        answer(&play, 0, NULL, "it");
        next_fetch(&play);
        calls++;
    }
    assert_int_equal(calls, 30);
    assert_int_equal(widest, 2000);
    tr_reader_deinit(&play.reader);
}

/* More is throttled by the service, and so is whoever else reads the shard. */
static void test_reader__a_backlog_is_read_with_five_calls_a_second(void **state)
{
    struct play play = fetching(250, 2000);
    (void)state;
    play.now_ms += 20;
    answer(&play, 1000, "5000", "it");
    assert_int_equal(next_fetch(&play), 1000 + TR_READER_APART_MS);
    /* A short page that is hours old: still behind. */
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_PAGE,
                                         .op = play.reader.op,
                                         .count = 5,
                                         .first = sequence("5001"),
                                         .last = sequence("5005"),
                                         .lag_ms = 3600000,
                                         .room = true,
                                         .iterator = TR_LIT("it")});
    assert_int_equal(next_fetch(&play), 1000 + 2 * TR_READER_APART_MS);
    /* An answer that took longer is followed at once. */
    play.now_ms += 300;
    answer(&play, 1000, "7000", "it");
    assert_int_equal(play.fx.kind, TR_READER_FX_FETCH);
    tr_reader_deinit(&play.reader);
}

static void test_reader__keeps_to_five_calls_a_second_whatever_they_meet(void **state)
{
    static const enum tr_status met[] = {TR_EEXPIRED, TR_ETHROTTLED, TR_ETRIMMED, TR_ENOTFOUND};
    struct play play = fetching(250, 2000);
    uint64_t sent = 1000;
    size_t i;
    (void)state;
    for (i = 0; i < 40; i++) {
        uint64_t next;
        fail_with(&play, met[i % 4]);
        while (play.fx.kind != TR_READER_FX_FETCH) {
            if (play.fx.kind == TR_READER_FX_ASK) {
                give(&play, (struct tr_reader_event){.kind = TR_READER_EV_ITERATOR,
                                                     .op = play.fx.op,
                                                     .iterator = TR_LIT("it")});
                continue;
            }
            play.now_ms = (tr_reader_deadline(&play.reader).ns + TR_NS_PER_MS - 1) / TR_NS_PER_MS;
            give(&play, (struct tr_reader_event){.kind = TR_READER_EV_TICK});
        }
        next = play.now_ms;
        assert_true(next - sent >= TR_READER_APART_MS);
        sent = next;
    }
    tr_reader_deinit(&play.reader);
}

static void
test_reader__makes_an_expired_iterator_again_behind_the_last_fetched_record(void **state)
{
    struct play play = fetching(250, 2000);
    struct tr_position wanted = sequence("777");
    (void)state;
    answer(&play, 2, "777", "it");
    next_fetch(&play);
    fail_with(&play, TR_EEXPIRED);
    assert_true(play.fx.expired);
    assert_int_equal(play.fx.kind, TR_READER_FX_ASK);
    assert_int_equal(tr_position_cmp(&play.fx.position, &wanted), 0);
    assert_false(play.fx.at);
    tr_reader_deinit(&play.reader);
}

static void test_reader__a_trimmed_position_goes_on_at_the_horizon_with_a_bounded_gap(void **state)
{
    struct play play = fetching(250, 2000);
    struct tr_position from = sequence("777");
    (void)state;
    answer(&play, 2, "777", "it");
    next_fetch(&play);
    fail_with(&play, TR_ETRIMMED);
    assert_int_equal(play.fx.kind, TR_READER_FX_ASK);
    assert_int_equal(play.fx.position.kind, TR_POSITION_TRIM_HORIZON);
    give(&play, (struct tr_reader_event){
                    .kind = TR_READER_EV_ITERATOR, .op = play.fx.op, .iterator = TR_LIT("it2")});
    next_fetch(&play);
    answer(&play, 0, NULL, "it3");
    assert_false(play.fx.gap_closed);
    next_fetch(&play);
    answer(&play, 1, "900", "it4");
    assert_true(play.fx.gap_closed);
    assert_int_equal(tr_position_cmp(&play.fx.from, &from), 0);
    tr_reader_deinit(&play.reader);
}

/* What the iterator at the horizon stood for is gone: told, up to what is left. */
static void test_reader__a_horizon_that_moves_on_from_under_an_iterator_is_a_gap(void **state)
{
    struct play play = fetching(250, 2000);
    (void)state;
    fail_with(&play, TR_ETRIMMED);
    play.now_ms = tr_reader_deadline(&play.reader).ns / TR_NS_PER_MS + 1;
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_TICK});
    assert_int_equal(play.fx.kind, TR_READER_FX_ASK);
    assert_int_equal(play.fx.position.kind, TR_POSITION_TRIM_HORIZON);
    give(&play, (struct tr_reader_event){
                    .kind = TR_READER_EV_ITERATOR, .op = play.fx.op, .iterator = TR_LIT("it2")});
    next_fetch(&play);
    answer(&play, 1, "900", "it3");
    assert_true(play.fx.gap_closed);
    assert_int_equal(play.fx.from.kind, TR_POSITION_TRIM_HORIZON);
    assert_true(play.fx.from_at);
    next_fetch(&play);
    answer(&play, 1, "901", "it4");
    assert_false(play.fx.gap_closed);
    tr_reader_deinit(&play.reader);
}

static void test_reader__a_horizon_that_is_refused_itself_is_no_gap(void **state)
{
    struct tr_reader_options options = {
        .poll_min_ms = 250, .poll_max_ms = 2000, .limit = 1000, .seed = 7};
    struct play play = {.now_ms = 1000};
    (void)state;
    tr_reader_init(&play.reader, &options);
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_START, .position = TR_TRIM_HORIZON});
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_ROOM, .room = true});
    give(&play, (struct tr_reader_event){
                    .kind = TR_READER_EV_ITERATOR, .op = play.fx.op, .status = TR_ETRIMMED});
    play.now_ms += 1000;
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_TICK});
    assert_int_equal(play.fx.kind, TR_READER_FX_ASK);
    give(&play, (struct tr_reader_event){
                    .kind = TR_READER_EV_ITERATOR, .op = play.fx.op, .iterator = TR_LIT("it")});
    answer(&play, 1, "900", "it2");
    assert_false(play.fx.gap_closed);
    tr_reader_deinit(&play.reader);
}

/* Trimmed behind 777; the reader holds a new iterator at the horizon and fetches. */
static struct play trimmed(void)
{
    struct play play = fetching(250, 2000);
    answer(&play, 2, "777", "it");
    next_fetch(&play);
    fail_with(&play, TR_ETRIMMED);
    give(&play, (struct tr_reader_event){
                    .kind = TR_READER_EV_ITERATOR, .op = play.fx.op, .iterator = TR_LIT("it2")});
    next_fetch(&play);
    return play;
}

static void test_reader__a_gap_with_nothing_behind_it_is_told_after_some_empty_pages(void **state)
{
    struct play play = trimmed();
    unsigned i;
    (void)state;
    for (i = 1; i < TR_READER_GAP_EMPTY_PAGES; i++) {
        answer(&play, 0, NULL, "it3");
        assert_false(play.fx.gap_closed);
        next_fetch(&play);
    }
    answer(&play, 0, NULL, "it3");
    assert_true(play.fx.gap_closed);
    assert_false(play.fx.ended);
    assert_true(play.now_ms < 10000);
    /* Once: what comes later lies behind it. */
    next_fetch(&play);
    answer(&play, 1, "900", "it4");
    assert_false(play.fx.gap_closed);
    tr_reader_deinit(&play.reader);
}

static void test_reader__a_horizon_before_what_was_called_trimmed_is_no_gap(void **state)
{
    struct play play = trimmed();
    (void)state;
    answer(&play, 1, "777", "it3");
    assert_true(play.fx.accepted);
    assert_false(play.fx.gap_closed);
    next_fetch(&play);
    answer(&play, 1, "778", "it4");
    assert_false(play.fx.gap_closed);
    tr_reader_deinit(&play.reader);
}

static bool is_digits(const struct tr_position *position, const char *digits)
{
    struct tr_position wanted = sequence(digits);
    return tr_position_cmp(position, &wanted) == 0;
}

static struct play checking(const char *checkpoint)
{
    struct tr_reader_options options = {
        .poll_min_ms = 250, .poll_max_ms = 2000, .limit = 1000, .seed = 7};
    struct play play = {.now_ms = 1000};
    tr_reader_init(&play.reader, &options);
    give(&play, (struct tr_reader_event){
                    .kind = TR_READER_EV_START, .position = sequence(checkpoint), .check = true});
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_ROOM, .room = true});
    assert_int_equal(play.fx.kind, TR_READER_FX_ASK);
    assert_true(play.fx.at);
    give(&play, (struct tr_reader_event){
                    .kind = TR_READER_EV_ITERATOR, .op = play.fx.op, .iterator = TR_LIT("it")});
    assert_int_equal(play.fx.kind, TR_READER_FX_FETCH);
    return play;
}

static void test_reader__a_checkpoint_whose_record_is_there_is_one(void **state)
{
    struct play play = checking("100");
    (void)state;
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_PAGE,
                                         .op = play.reader.op,
                                         .count = 1,
                                         .first = sequence("100"),
                                         .last = sequence("100"),
                                         .found = true,
                                         .room = true,
                                         .iterator = TR_LIT("next")});
    assert_true(play.fx.accepted && !play.fx.astray && !play.fx.unfound);
    play.now_ms += 1000;
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_TICK});
    answer(&play, 1, "105", "next");
    assert_true(play.fx.accepted && !play.fx.astray);
    tr_reader_deinit(&play.reader);
}

static void test_reader__a_checkpoint_without_its_record_is_told_once(void **state)
{
    static const char *const follows[] = {"105", "95", NULL};
    size_t i;
    (void)state;
    for (i = 0; i < 3; i++) {
        struct play play = checking("100");
        answer(&play, follows[i] != NULL, follows[i], follows[i] != NULL ? "next" : "");
        assert_true(play.fx.accepted && play.fx.astray);
        assert_int_equal(play.fx.ended, follows[i] == NULL);
        assert_true(is_digits(&play.fx.from, "100"));
        if (follows[i] != NULL) {
            play.now_ms += 1000;
            give(&play, (struct tr_reader_event){.kind = TR_READER_EV_TICK});
            answer(&play, 1, "106", "next");
            assert_false(play.fx.astray);
        }
        tr_reader_deinit(&play.reader);
    }
}

static void test_reader__a_checkpoint_ahead_of_all_records_is_told_once(void **state)
{
    struct play play = checking("999");
    unsigned pages, told = 0;
    (void)state;
    for (pages = 1; pages <= 3 * TR_READER_UNFOUND_EMPTY_PAGES; pages++) {
        answer(&play, 0, NULL, "next");
        told += play.fx.unfound;
        assert_int_equal(told, pages >= TR_READER_UNFOUND_EMPTY_PAGES);
        play.now_ms += 5000;
        give(&play, (struct tr_reader_event){.kind = TR_READER_EV_TICK});
    }
    tr_reader_deinit(&play.reader);
}

/* The record itself may be trimmed while those behind it are not. */
static void test_reader__a_checkpoint_whose_record_is_trimmed_is_read_behind(void **state)
{
    struct play play = checking("100");
    (void)state;
    fail_with(&play, TR_ETRIMMED);
    assert_int_equal(play.fx.kind, TR_READER_FX_ASK);
    assert_false(play.fx.at);
    assert_true(is_digits(&play.fx.position, "100"));
    give(&play, (struct tr_reader_event){
                    .kind = TR_READER_EV_ITERATOR, .op = play.fx.op, .iterator = TR_LIT("it")});
    play.now_ms += 1000;
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_TICK});
    answer(&play, 1, "101", "next");
    assert_true(play.fx.accepted && !play.fx.astray && !play.fx.gap_closed);
    tr_reader_deinit(&play.reader);
}

/* Trimmed again before the first record came: one gap, from where the first one began. */
static void test_reader__a_gap_that_grows_is_one_gap(void **state)
{
    struct play play = trimmed();
    struct tr_position from = sequence("777");
    uint64_t tries;
    (void)state;
    for (tries = 0; tries < 3; tries++) {
        fail_with(&play, TR_ETRIMMED);
        assert_false(play.fx.gap_closed);
        play.now_ms += 10000;
        give(&play, (struct tr_reader_event){.kind = TR_READER_EV_TICK});
        assert_int_equal(play.fx.kind, TR_READER_FX_ASK);
        give(&play, (struct tr_reader_event){.kind = TR_READER_EV_ITERATOR,
                                             .op = play.fx.op,
                                             .iterator = TR_LIT("it2")});
    }
    answer(&play, 1, "900", "it3");
    assert_true(play.fx.gap_closed);
    assert_int_equal(tr_position_cmp(&play.fx.from, &from), 0);
    assert_false(play.fx.from_at);
    tr_reader_deinit(&play.reader);
}

static void test_reader__failures_back_off_and_keep_the_position(void **state)
{
    static const enum tr_status passing[] = {TR_ETHROTTLED, TR_ESERVICE, TR_ETIMEOUT, TR_ENET,
                                             TR_ECORRUPT};
    struct play play = fetching(250, 2000);
    uint64_t before, waited = 0;
    size_t i;
    (void)state;
    for (i = 0; i < 40; i++) {
        before = play.now_ms;
        fail_with(&play, passing[i % 5]);
        next_fetch(&play);
        waited = play.now_ms - before;
        assert_true(waited >= 50 && waited <= 5000);
    }
    assert_true(waited >= 2500);
    tr_reader_deinit(&play.reader);
}

static void test_reader__not_found_is_not_the_end(void **state)
{
    struct play play = fetching(250, 2000);
    (void)state;
    fail_with(&play, TR_ENOTFOUND);
    assert_false(play.fx.ended);
    assert_int_equal(play.reader.state, TR_READER_SEEKING);
    assert_int_equal(play.reader.not_found, 1);
    tr_reader_deinit(&play.reader);
}

static void test_reader__waits_without_room_and_makes_a_stale_iterator_again(void **state)
{
    struct play play = fetching(250, 2000);
    (void)state;
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_PAGE,
                                         .op = play.reader.op,
                                         .count = 1,
                                         .first = sequence("9"),
                                         .last = sequence("9"),
                                         .room = false,
                                         .iterator = TR_LIT("it")});
    assert_int_equal(play.fx.kind, TR_READER_FX_NOTHING);
    assert_int_equal(tr_reader_deadline(&play.reader).ns, UINT64_MAX);
    play.now_ms += 11 * 60 * 1000;
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_ROOM, .room = true});
    assert_int_equal(play.fx.kind, TR_READER_FX_ASK);
    tr_reader_deinit(&play.reader);
}

static void test_reader__late_and_unknown_answers_do_nothing(void **state)
{
    struct play play = fetching(250, 2000);
    uint64_t op = play.reader.op;
    (void)state;
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_PAGE, .op = op - 1, .count = 1});
    assert_false(play.fx.accepted);
    assert_int_equal(play.reader.state, TR_READER_FETCHING);
    answer(&play, 1, "1", "it");
    give(&play, (struct tr_reader_event){.kind = TR_READER_EV_PAGE, .op = op, .count = 1});
    assert_false(play.fx.accepted);
    tr_reader_deinit(&play.reader);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader__started_with_an_iterator_fetches_at_once),
        cmocka_unit_test(test_reader__an_empty_page_is_no_end),
        cmocka_unit_test(test_reader__the_end_comes_with_the_last_records_or_alone),
        cmocka_unit_test(test_reader__meets_steady_traffic_within_300_ms),
        cmocka_unit_test(test_reader__an_idle_shard_costs_thirty_calls_a_minute),
        cmocka_unit_test(test_reader__a_backlog_is_read_with_five_calls_a_second),
        cmocka_unit_test(test_reader__keeps_to_five_calls_a_second_whatever_they_meet),
        cmocka_unit_test(
            test_reader__makes_an_expired_iterator_again_behind_the_last_fetched_record),
        cmocka_unit_test(test_reader__a_trimmed_position_goes_on_at_the_horizon_with_a_bounded_gap),
        cmocka_unit_test(test_reader__a_gap_with_nothing_behind_it_is_told_after_some_empty_pages),
        cmocka_unit_test(test_reader__a_horizon_before_what_was_called_trimmed_is_no_gap),
        cmocka_unit_test(test_reader__a_horizon_that_moves_on_from_under_an_iterator_is_a_gap),
        cmocka_unit_test(test_reader__a_horizon_that_is_refused_itself_is_no_gap),
        cmocka_unit_test(test_reader__a_checkpoint_whose_record_is_there_is_one),
        cmocka_unit_test(test_reader__a_checkpoint_without_its_record_is_told_once),
        cmocka_unit_test(test_reader__a_checkpoint_ahead_of_all_records_is_told_once),
        cmocka_unit_test(test_reader__a_checkpoint_whose_record_is_trimmed_is_read_behind),
        cmocka_unit_test(test_reader__a_gap_that_grows_is_one_gap),
        cmocka_unit_test(test_reader__failures_back_off_and_keep_the_position),
        cmocka_unit_test(test_reader__not_found_is_not_the_end),
        cmocka_unit_test(test_reader__waits_without_room_and_makes_a_stale_iterator_again),
        cmocka_unit_test(test_reader__late_and_unknown_answers_do_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
