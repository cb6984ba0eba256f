/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/random.h"
#include "checkpoint/tracker.h"
#include "tests/support/test.h"

static struct tr_position at(uint64_t number)
{
    struct tr_position position;
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    assert_int_equal(tr_position_parse(tr_bytes_of(text), &position, NULL), TR_OK);
    return position;
}

static struct tr_mono ms(uint64_t ms)
{
    return (struct tr_mono){ms * TR_NS_PER_MS};
}

static uint64_t add(struct tr_tracker *tracker, uint64_t last)
{
    struct tr_position position = at(last);
    uint64_t ticket = 0;
    assert_int_equal(tr_tracker_add(tracker, &position, &ticket), TR_OK);
    return ticket;
}

static void ack(struct tr_tracker *tracker, uint64_t ticket, uint64_t upto)
{
    struct tr_position position = at(upto);
    tr_tracker_ack(tracker, ticket, &position, ms(1));
}

/* "-" when nothing is pending, else the mark. */
static void assert_pending(const struct tr_tracker *tracker, const char *want)
{
    struct tr_position mark;
    struct tr_buf text = {0};
    if (tr_tracker_pending(tracker, &mark)) {
        tr_position_format(&text, &mark);
    } else {
        tr_buf_add_char(&text, '-');
    }
    tr_assert_bytes(tr_buf_bytes(&text), want);
    tr_buf_deinit(&text);
}

static struct tr_tracker tracker_from(struct tr_position stored)
{
    struct tr_tracker tracker;
    tr_tracker_init(&tracker, &stored, 5000, 100);
    return tracker;
}

static void test_tracker__mark_follows_acknowledgements_in_any_order(void **state)
{
    struct tr_tracker tracker = tracker_from(TR_TRIM_HORIZON);
    uint64_t a = add(&tracker, 10), b = add(&tracker, 20), c = add(&tracker, 30);
    (void)state;
    ack(&tracker, c, 30);
    assert_pending(&tracker, "-");
    assert_int_equal(tr_tracker_outstanding(&tracker), 2);
    ack(&tracker, a, 10);
    assert_pending(&tracker, "10");
    ack(&tracker, b, 20);
    assert_pending(&tracker, "30");
    assert_int_equal(tr_tracker_outstanding(&tracker), 0);
    tr_tracker_deinit(&tracker);
}

static void test_tracker__part_of_a_batch_leaves_the_rest_outstanding(void **state)
{
    struct tr_tracker tracker = tracker_from(at(5));
    uint64_t a = add(&tracker, 10), b = add(&tracker, 20);
    (void)state;
    ack(&tracker, b, 15);
    ack(&tracker, a, 7);
    assert_pending(&tracker, "7");
    assert_int_equal(tr_tracker_outstanding(&tracker), 2);
    ack(&tracker, a, 6); /* backwards */
    ack(&tracker, a, 3); /* before the batch */
    assert_pending(&tracker, "7");
    ack(&tracker, a, 10);
    assert_pending(&tracker, "15");
    ack(&tracker, b, 99); /* beyond the batch: the whole of it */
    assert_pending(&tracker, "20");
    assert_int_equal(tr_tracker_outstanding(&tracker), 0);
    tr_tracker_deinit(&tracker);
}

static void test_tracker__position_before_its_batch_acknowledges_nothing(void **state)
{
    struct tr_tracker tracker = tracker_from(TR_TRIM_HORIZON);
    uint64_t a = add(&tracker, 10), b = add(&tracker, 20);
    (void)state;
    ack(&tracker, b, 10);
    ack(&tracker, b, 4);
    tr_tracker_ack(&tracker, b, &TR_SHARD_END, ms(1));
    ack(&tracker, a, 10);
    assert_pending(&tracker, "10");
    assert_int_equal(tr_tracker_outstanding(&tracker), 1);
    tr_tracker_deinit(&tracker);
}

static void test_tracker__late_repeated_and_unknown_tickets_do_nothing(void **state)
{
    struct tr_tracker tracker = tracker_from(TR_TRIM_HORIZON);
    uint64_t a = add(&tracker, 10), b = add(&tracker, 20);
    (void)state;
    ack(&tracker, 0, 20);
    ack(&tracker, b + 1, 20);
    ack(&tracker, UINT64_MAX, 20);
    assert_pending(&tracker, "-");
    ack(&tracker, a, 10);
    ack(&tracker, a, 20);
    ack(&tracker, a, 10);
    assert_pending(&tracker, "10");
    assert_int_equal(tr_tracker_outstanding(&tracker), 1);
    tr_tracker_deinit(&tracker);
}

static void test_tracker__refuses_what_goes_backwards_and_what_is_too_much(void **state)
{
    struct tr_position stored = at(5), same = at(10), next = at(11), latest = {0};
    struct tr_tracker tracker;
    uint64_t ticket = 77, a;
    (void)state;
    tr_tracker_init(&tracker, &stored, 5000, 2);
    assert_int_equal(tr_tracker_add(&tracker, &stored, &ticket), TR_EPARSE);
    a = add(&tracker, 10);
    assert_int_equal(tr_tracker_add(&tracker, &same, &ticket), TR_EPARSE);
    assert_int_equal(tr_tracker_add(&tracker, &stored, &ticket), TR_EPARSE);
    latest.kind = TR_POSITION_LATEST;
    assert_int_equal(tr_tracker_add(&tracker, &latest, &ticket), TR_EPARSE);
    (void)add(&tracker, 11);
    next = at(12);
    assert_int_equal(tr_tracker_add(&tracker, &next, &ticket), TR_ELIMIT);
    assert_int_equal(ticket, 77);
    /* Done behind one that is not still counts: a restart would deliver it again. */
    ack(&tracker, a + 1, 11);
    assert_int_equal(tr_tracker_add(&tracker, &next, &ticket), TR_ELIMIT);
    ack(&tracker, a, 10);
    assert_pending(&tracker, "11");
    assert_int_equal(tr_tracker_add(&tracker, &next, &ticket), TR_OK);
    tr_tracker_deinit(&tracker);
}

static void test_tracker__shard_end_comes_after_the_last_acknowledgement(void **state)
{
    struct tr_tracker tracker = tracker_from(TR_TRIM_HORIZON);
    struct tr_position more = at(30);
    uint64_t a = add(&tracker, 10), b = add(&tracker, 20), ticket;
    (void)state;
    tr_tracker_end(&tracker, ms(1));
    assert_pending(&tracker, "-");
    assert_int_equal(tr_tracker_add(&tracker, &more, &ticket), TR_ECLOSED);
    ack(&tracker, b, 20);
    ack(&tracker, a, 5);
    assert_pending(&tracker, "5");
    ack(&tracker, a, 10);
    assert_pending(&tracker, "SHARD_END");
    tr_tracker_deinit(&tracker);

    tracker = tracker_from(at(3));
    tr_tracker_end(&tracker, ms(1));
    assert_pending(&tracker, "SHARD_END");
    tr_tracker_deinit(&tracker);
}

static void
test_tracker__is_due_an_interval_after_the_mark_moved_and_at_once_at_the_end(void **state)
{
    struct tr_tracker tracker = tracker_from(TR_TRIM_HORIZON);
    struct tr_position ten = at(10), twenty = at(20);
    uint64_t a = add(&tracker, 10), b = add(&tracker, 20);
    (void)state;
    assert_int_equal(tr_tracker_deadline(&tracker).ns, UINT64_MAX);
    tr_tracker_ack(&tracker, a, &ten, ms(1000));
    assert_int_equal(tr_tracker_deadline(&tracker).ns, ms(6000).ns);
    tr_tracker_ack(&tracker, b, &twenty, ms(2000));
    assert_int_equal(tr_tracker_deadline(&tracker).ns, ms(6000).ns);
    /* Written was 10; what came since is due an interval later. */
    tr_tracker_stored(&tracker, &ten, ms(7000));
    assert_int_equal(tr_tracker_deadline(&tracker).ns, ms(12000).ns);
    assert_pending(&tracker, "20");
    tr_tracker_stored(&tracker, &twenty, ms(12000));
    assert_int_equal(tr_tracker_deadline(&tracker).ns, UINT64_MAX);
    assert_pending(&tracker, "-");
    tr_tracker_end(&tracker, ms(13000));
    assert_true(tr_mono_reached(ms(13000), tr_tracker_deadline(&tracker)));
    tr_tracker_stored(&tracker, &TR_SHARD_END, ms(13001));
    assert_int_equal(tr_tracker_deadline(&tracker).ns, UINT64_MAX);
    tr_tracker_deinit(&tracker);
}

static void test_tracker__never_goes_backwards_whatever_was_stored(void **state)
{
    struct tr_tracker tracker = tracker_from(at(50));
    struct tr_position ten = at(10), seventy = at(70), eighty_five = at(85);
    uint64_t a = add(&tracker, 60), b = add(&tracker, 70), c = add(&tracker, 80),
             d = add(&tracker, 90);
    (void)state;
    tr_tracker_stored(&tracker, &ten, ms(1));
    assert_pending(&tracker, "-");
    ack(&tracker, a, 60);
    assert_pending(&tracker, "60");
    /* The row is further than we are. */
    tr_tracker_stored(&tracker, &seventy, ms(1));
    assert_pending(&tracker, "-");
    assert_int_equal(tr_tracker_outstanding(&tracker), 2);
    ack(&tracker, b, 70);
    tr_tracker_stored(&tracker, &eighty_five, ms(1));
    assert_int_equal(tr_tracker_outstanding(&tracker), 1);
    ack(&tracker, c, 80);
    ack(&tracker, d, 83);
    assert_pending(&tracker, "-");
    ack(&tracker, d, 88);
    assert_pending(&tracker, "88");
    tr_tracker_deinit(&tracker);
}

static void test_tracker__starts_at_any_kind_of_checkpoint(void **state)
{
    static const uint8_t kinds[] = {TR_POSITION_AT_TIMESTAMP, TR_POSITION_TRIM_HORIZON,
                                    TR_POSITION_LATEST};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof kinds; i++) {
        struct tr_tracker tracker = tracker_from((struct tr_position){.kind = kinds[i]});
        uint64_t a = add(&tracker, 0), b = add(&tracker, 1);
        ack(&tracker, b, 1);
        assert_pending(&tracker, "-");
        ack(&tracker, a, 0);
        assert_pending(&tracker, "1");
        tr_tracker_deinit(&tracker);
    }
}

static void test_tracker__survives_every_failed_allocation(void **state)
{
    int64_t n;
    (void)state;
    for (n = 0; n < 10; n++) {
        struct tr_tracker tracker = tracker_from(TR_TRIM_HORIZON);
        uint64_t number, ticket, first = 0;
        (void)tr_mem_fail_at(n);
        for (number = 1; number <= 90; number++) {
            struct tr_position last = at(number);
            enum tr_status status = tr_tracker_add(&tracker, &last, &ticket);
            if (status != TR_OK) {
                assert_int_equal(status, TR_ENOMEM);
                assert_int_equal(tr_tracker_outstanding(&tracker), number - 1);
                assert_int_equal(tr_tracker_add(&tracker, &last, &ticket), TR_OK);
            }
            first = first == 0 ? ticket : first;
            assert_int_equal(ticket, first + number - 1);
        }
        (void)tr_mem_fail_at(-1);
        tr_tracker_deinit(&tracker);
    }
}

/* Records are numbers; a batch is a run of them. What was acknowledged is kept record by record,
 * and the mark may stand only where everything up to it was. */
#define RECORDS 400

struct model {
    bool acked[RECORDS + 1];
    uint64_t first[RECORDS], last[RECORDS], ticket[RECORDS];
    size_t batches;
    uint64_t next;
};

static uint64_t number_of(const struct tr_position *position)
{
    uint64_t number = 0;
    if (tr_position_is_sequence(position) && position->len > 0) {
        assert_true(
            tr_bytes_u64((struct tr_bytes){position->digits, position->len}, RECORDS, &number));
    }
    return number;
}

static void model_ack(struct model *model, struct tr_tracker *tracker, struct tr_random *random)
{
    size_t i = (size_t)tr_random_below(random, model->batches);
    uint64_t upto =
        tr_random_below(random, 3) == 0 ? tr_random_below(random, model->next + 5) : model->last[i];
    uint64_t k;
    for (k = model->first[i]; k <= model->last[i] && k <= upto; k++) {
        model->acked[k] = true;
    }
    ack(tracker, model->ticket[i], upto);
}

static void check_mark(const struct model *model, const struct tr_tracker *tracker,
                       uint64_t *before)
{
    struct tr_position mark = tracker->stored;
    uint64_t number, k;
    (void)tr_tracker_pending(tracker, &mark);
    if (mark.kind == TR_POSITION_SHARD_END) {
        number = model->next;
    } else {
        number = number_of(&mark);
    }
    assert_true(number >= *before);
    for (k = 1; k <= number; k++) {
        assert_true(model->acked[k]);
    }
    /* Nor does it lag behind: the next record is not acknowledged, or nothing follows. */
    assert_true(number == model->next || !model->acked[number + 1]);
    *before = number;
}

static void run_seed(uint64_t seed)
{
    struct tr_tracker tracker = tracker_from(TR_TRIM_HORIZON);
    struct tr_random random;
    struct model model = {0};
    uint64_t before = 0;
    size_t i;
    tr_random_init(&random, seed);
    while (model.next < RECORDS || before < RECORDS) {
        uint64_t choice = tr_random_below(&random, 10);
        if (choice < 4 && model.next < RECORDS) {
            uint64_t last = model.next + 1 + tr_random_below(&random, 9);
            struct tr_position position = at(last = last < RECORDS ? last : RECORDS);
            if (tr_tracker_add(&tracker, &position, &model.ticket[model.batches]) == TR_OK) {
                model.first[model.batches] = model.next + 1;
                model.last[model.batches++] = last;
                model.next = last;
            }
        } else if (choice < 9 && model.batches > 0) {
            model_ack(&model, &tracker, &random);
        } else {
            struct tr_position mark;
            if (tr_tracker_pending(&tracker, &mark)) {
                tr_tracker_stored(&tracker, &mark, ms(1));
                assert_pending(&tracker, "-");
            }
        }
        check_mark(&model, &tracker, &before);
    }
    for (i = 0; i < model.batches; i++) {
        ack(&tracker, model.ticket[i], model.last[i]);
    }
    tr_tracker_end(&tracker, ms(1));
    assert_pending(&tracker, "SHARD_END");
    assert_int_equal(tr_tracker_outstanding(&tracker), 0);
    tr_tracker_deinit(&tracker);
}

static void test_tracker__mark_never_passes_an_unacknowledged_record(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 1; seed <= 300; seed++) {
        run_seed(seed);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tracker__mark_follows_acknowledgements_in_any_order),
        cmocka_unit_test(test_tracker__part_of_a_batch_leaves_the_rest_outstanding),
        cmocka_unit_test(test_tracker__position_before_its_batch_acknowledges_nothing),
        cmocka_unit_test(test_tracker__late_repeated_and_unknown_tickets_do_nothing),
        cmocka_unit_test(test_tracker__refuses_what_goes_backwards_and_what_is_too_much),
        cmocka_unit_test(test_tracker__shard_end_comes_after_the_last_acknowledgement),
        cmocka_unit_test(
            test_tracker__is_due_an_interval_after_the_mark_moved_and_at_once_at_the_end),
        cmocka_unit_test(test_tracker__never_goes_backwards_whatever_was_stored),
        cmocka_unit_test(test_tracker__starts_at_any_kind_of_checkpoint),
        cmocka_unit_test(test_tracker__survives_every_failed_allocation),
        cmocka_unit_test(test_tracker__mark_never_passes_an_unacknowledged_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
