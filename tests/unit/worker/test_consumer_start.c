/* SPDX-License-Identifier: Apache-2.0
 *
 * The first questions of a consumer, answered by hand. */
#include "base/note.h"
#include "tests/support/test.h"
#include "worker/consumer_core.h"

struct play {
    struct tr_budget budget;
    struct tr_consumer *consumer;
    struct tr_consumer_effects fx;
    uint64_t now_ms;
};

static void give(struct play *play, struct tr_consumer_event event)
{
    event.now = (struct tr_mono){play->now_ms * TR_NS_PER_MS};
    event.wall = (struct tr_wall){1795253448227};
    tr_consumer_effects_reset(&play->fx);
    assert_int_equal(tr_consumer_step(play->consumer, &event, &play->fx), TR_OK);
}

static const struct tr_consumer_effect *find(const struct play *play,
                                             enum tr_consumer_effect_kind kind)
{
    size_t i;
    for (i = 0; i < play->fx.count; i++) {
        if (play->fx.items[i].kind == kind) {
            return &play->fx.items[i];
        }
    }
    return NULL;
}

static void start(struct play *play)
{
    struct tr_consumer_options options = {.name = "orders",
                                          .table = "Orders",
                                          .lease_table = "orders",
                                          .worker_id = "worker-1",
                                          .failover_ms = 10000,
                                          .poll_min_ms = 250,
                                          .poll_max_ms = 2000,
                                          .checkpoint_interval_ms = 5000,
                                          .batch_records = 100,
                                          .batch_bytes = 1 << 20,
                                          .seed = 1,
                                          .budget = &play->budget};
    *play = (struct play){.now_ms = 1000};
    assert_int_equal(tr_consumer_new(&options, &play->consumer), TR_OK);
    give(play, (struct tr_consumer_event){.kind = TR_CONSUMER_EV_TICK});
}

static void answer(struct play *play, const char *body)
{
    const struct tr_consumer_effect *call = find(play, TR_CONSUMER_FX_CALL);
    struct tr_aws_answer answer = {.status = TR_OK};
    uint64_t op;
    assert_non_null(call);
    assert_string_equal(call->request.operation, "DescribeTable");
    op = call->op;
    tr_buf_add_str(&answer.body, body);
    give(play,
         (struct tr_consumer_event){.kind = TR_CONSUMER_EV_ANSWER, .op = op, .answer = &answer});
    tr_buf_deinit(&answer.body);
}

static void test_start__an_answer_without_sense_is_told_and_asked_again(void **state)
{
    static const char *const bodies[] = {"{}", "{\"Table\":5}", "{\"Table\":{\"x\":[}}"};
    const struct tr_consumer_effect *note;
    struct play play;
    size_t i;
    (void)state;
    start(&play);
    for (i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        answer(&play, bodies[i]);
        assert_null(find(&play, TR_CONSUMER_FX_DONE));
        note = find(&play, TR_CONSUMER_FX_NOTE);
        assert_non_null(note);
        assert_int_equal(note->note.id, TR_NOTE_STREAM_WAITING);
        play.now_ms += 10000;
        give(&play, (struct tr_consumer_event){.kind = TR_CONSUMER_EV_TICK});
    }
    tr_consumer_effects_deinit(&play.fx);
    tr_consumer_free(play.consumer);
}

static void test_start__a_table_without_a_stream_ends_the_run(void **state)
{
    const struct tr_consumer_effect *done;
    struct play play;
    (void)state;
    start(&play);
    answer(&play, "{\"Table\":{\"TableName\":\"Orders\"}}");
    done = find(&play, TR_CONSUMER_FX_DONE);
    assert_non_null(done);
    assert_int_not_equal(done->status, TR_OK);
    assert_non_null(strstr(done->err.text, "orders"));
    tr_consumer_effects_deinit(&play.fx);
    tr_consumer_free(play.consumer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start__an_answer_without_sense_is_told_and_asked_again),
        cmocka_unit_test(test_start__a_table_without_a_stream_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
