/* SPDX-License-Identifier: Apache-2.0
 *
 * The KCL-like worker against the service model: it takes, reads, checkpoints, renews, steals,
 * loses and ends shards as KCL 2.x does. */
#include "tests/sim/kcl.h"

#include "base/mem.h"
#include "local/local.h"
#include "tests/sim/scan.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#define F 10000u
#define START_MS 1795248000000ll
#define WORKERS 2u
#define PENDING_MAX 64u
#define LATENCY_MS 5u

struct pending {
    uint64_t at;
    size_t worker;
    struct kcl_event event;
    struct tr_buf body;
};

struct bed {
    struct tr_local *local;
    uint64_t now;
    struct kcl *workers[WORKERS];
    struct pending pending[PENDING_MAX];
    size_t pending_count;
    char shards[16][128];
    size_t shard_count;
    char arn[256];
    unsigned delivered[WORKERS], lost[WORKERS], stolen[WORKERS], ended;
    bool done[WORKERS];
    /* Faults. */
    const char *mute; /* answers to this operation are lost */
    size_t mute_count;
    bool fails;        /* instead of being lost, these answers are errors of the service */
    bool hold_batches; /* processors do not answer */
    size_t fail_next;  /* the next batch reports so many records fewer */
};

static unsigned call(struct bed *bed, const char *target, const char *body, struct tr_buf *out)
{
    struct tr_local_answer answer = {0};
    struct tr_wall wall = {START_MS + (int64_t)bed->now};
    unsigned status;
    tr_local_tick(bed->local, wall);
    tr_local_call(bed->local, wall, tr_bytes_of(target), tr_bytes_of(body), &answer);
    status = answer.http_status;
    if (out != NULL) {
        *out = answer.body;
        answer.body = (struct tr_buf){0};
    }
    tr_local_answer_deinit(&answer);
    return status;
}

static void must(struct bed *bed, const char *target, const char *body)
{
    struct tr_buf out = {0};
    if (call(bed, target, body, &out) != 200) {
        fail_msg("%s %s: %.*s", target, body, TR_FMT(tr_buf_bytes(&out)));
    }
    tr_buf_deinit(&out);
}

static void find_shards(struct bed *bed)
{
    static const char *const path[] = {"StreamDescription", "Shards", NULL};
    char body[512];
    struct tr_buf out = {0};
    struct scan scan;
    struct tr_bytes shard;
    (void)snprintf(body, sizeof body, "{\"StreamArn\":\"%s\"}", bed->arn);
    assert_int_equal(call(bed, "DynamoDBStreams_20120810.DescribeStream", body, &out), 200);
    scan = scan_begin(scan_path(tr_buf_bytes(&out), path));
    bed->shard_count = 0;
    while (scan_element(&scan, &shard)) {
        assert_true(scan_string(scan_get(shard, "ShardId"), bed->shards[bed->shard_count++], 128));
    }
    tr_buf_deinit(&out);
}

static void make_row(struct bed *bed, const char *key, const char *owner, unsigned counter)
{
    char body[512];
    (void)snprintf(body, sizeof body,
                   "{\"TableName\":\"app\",\"Item\":{\"leaseKey\":{\"S\":\"%s\"},%s%s%s"
                   "\"leaseCounter\":{\"N\":\"%u\"},\"checkpoint\":{\"S\":\"TRIM_HORIZON\"},"
                   "\"extra\":{\"S\":\"stays\"}}}",
                   key, owner != NULL ? "\"leaseOwner\":{\"S\":\"" : "", owner != NULL ? owner : "",
                   owner != NULL ? "\"}," : "", counter);
    must(bed, "DynamoDB_20120810.PutItem", body);
}

static void set_up(struct bed *bed, unsigned shards)
{
    static const char *const path[] = {"Table", "LatestStreamArn", NULL};
    struct tr_local_options options = {.seed = 1, .open_shards = shards};
    struct tr_buf out = {0};
    *bed = (struct bed){.now = 1000};
    assert_int_equal(tr_local_new(&options, (struct tr_wall){START_MS}, &bed->local), TR_OK);
    must(bed, "DynamoDB_20120810.CreateTable",
         "{\"TableName\":\"Items\",\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}],"
         "\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}],"
         "\"BillingMode\":\"PAY_PER_REQUEST\",\"StreamSpecification\":{\"StreamEnabled\":true,"
         "\"StreamViewType\":\"NEW_IMAGE\"}}");
    must(bed, "DynamoDB_20120810.CreateTable",
         "{\"TableName\":\"app\",\"KeySchema\":[{\"AttributeName\":\"leaseKey\",\"KeyType\":"
         "\"HASH\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"leaseKey\",\"AttributeType\":"
         "\"S\"}],\"BillingMode\":\"PAY_PER_REQUEST\"}");
    bed->now += 10000;
    assert_int_equal(
        call(bed, "DynamoDB_20120810.DescribeTable", "{\"TableName\":\"Items\"}", &out), 200);
    assert_true(scan_string(scan_path(tr_buf_bytes(&out), path), bed->arn, sizeof bed->arn));
    tr_buf_deinit(&out);
    find_shards(bed);
    assert_int_equal(bed->shard_count, shards);
}

static void tear_down(struct bed *bed)
{
    size_t i;
    for (i = 0; i < WORKERS; i++) {
        if (bed->workers[i] != NULL) {
            kcl_free(bed->workers[i]);
        }
    }
    for (i = 0; i < bed->pending_count; i++) {
        tr_buf_deinit(&bed->pending[i].body);
    }
    tr_local_free(bed->local);
}

static void start(struct bed *bed, size_t worker)
{
    struct kcl_options options = {.id = worker == 0 ? "kcl-0" : "kcl-1",
                                  .lease_table = "app",
                                  .stream_arn = bed->arn,
                                  .failover_ms = F,
                                  .seed = worker};
    bed->workers[worker] = kcl_new(&options, bed->now);
}

static void later(struct bed *bed, size_t worker, uint64_t in_ms, const struct kcl_event *event,
                  struct tr_buf body)
{
    assert_true(bed->pending_count < PENDING_MAX);
    bed->pending[bed->pending_count++] = (struct pending){bed->now + in_ms, worker, *event, body};
}

static void carry_out(struct bed *bed, size_t worker, struct kcl_effect *fx)
{
    struct kcl_event event = {.kind = KCL_EV_ANSWER, .op = fx->op};
    struct tr_buf body = {0};
    size_t fewer = bed->fail_next < fx->count ? bed->fail_next : fx->count;
    switch (fx->kind) {
    case KCL_FX_CALL:
        event.http_status = call(bed, fx->target, fx->body.ptr, &body);
        if (bed->mute_count > 0 && strstr(fx->target, bed->mute) != NULL) {
            bed->mute_count--;
            event.http_status = bed->fails ? 500 : 0;
            tr_buf_reset(&body);
            later(bed, worker, bed->fails ? LATENCY_MS : fx->timeout_ms, &event, body);
        } else {
            later(bed, worker, LATENCY_MS, &event, body);
        }
        break;
    case KCL_FX_PROCESS:
        event.kind = KCL_EV_PROCESSED;
        event.done = fx->count - fewer;
        bed->fail_next = 0;
        bed->delivered[worker] += (unsigned)event.done;
        if (!bed->hold_batches) {
            later(bed, worker, LATENCY_MS, &event, body);
        }
        break;
    case KCL_FX_NOTE:
        bed->lost[worker] += strcmp(fx->what, "lost") == 0 ? 1 : 0;
        bed->stolen[worker] += strcmp(fx->what, "stolen") == 0 ? 1 : 0;
        bed->ended += strcmp(fx->what, "ended") == 0 ? 1 : 0;
        break;
    case KCL_FX_DONE:
        bed->done[worker] = true;
        break;
    }
}

static void step(struct bed *bed, size_t worker, struct kcl_event *event)
{
    struct kcl_effects out = {0};
    size_t i;
    event->now_ms = bed->now;
    kcl_step(bed->workers[worker], event, &out);
    for (i = 0; i < out.count; i++) {
        carry_out(bed, worker, &out.items[i]);
    }
    kcl_effects_deinit(&out);
}

static void answers(struct bed *bed)
{
    size_t i;
    for (i = 0; i < bed->pending_count;) {
        struct pending p = bed->pending[i];
        if (p.at > bed->now) {
            i++;
            continue;
        }
        bed->pending[i] = bed->pending[--bed->pending_count];
        p.event.body = tr_buf_bytes(&p.body);
        if (bed->workers[p.worker] != NULL) {
            step(bed, p.worker, &p.event);
        }
        tr_buf_deinit(&p.body);
    }
}

static void run(struct bed *bed, uint64_t ms)
{
    uint64_t until = bed->now + ms;
    for (; bed->now < until; bed->now += LATENCY_MS) {
        size_t i;
        answers(bed);
        for (i = 0; i < WORKERS; i++) {
            struct kcl_event tick = {.kind = KCL_EV_TICK};
            if (bed->workers[i] != NULL && kcl_deadline(bed->workers[i]) <= bed->now) {
                step(bed, i, &tick);
            }
        }
    }
}

/* One shard, whose lease is free. */
static void set_up_free(struct bed *bed)
{
    set_up(bed, 1);
    make_row(bed, bed->shards[0], NULL, 0);
}

/* ... or is held by worker 0. */
static void set_up_held(struct bed *bed)
{
    set_up_free(bed);
    start(bed, 0);
    run(bed, 1000);
}

static void write_items(struct bed *bed, unsigned count)
{
    char body[160];
    unsigned i;
    for (i = 0; i < count; i++) {
        (void)snprintf(body, sizeof body,
                       "{\"TableName\":\"Items\",\"Item\":{\"pk\":{\"S\":\"k%u\"}, "
                       "\"n\":{\"N\":\"%llu\"}}}",
                       i, (unsigned long long)(bed->now + i));
        must(bed, "DynamoDB_20120810.PutItem", body);
    }
}

/* An attribute of a row: "" if it is absent. */
static const char *row_has(struct bed *bed, const char *key, const char *name, const char *type)
{
    static char text[256];
    const char *path[] = {"Item", name, type, NULL};
    char body[256];
    struct tr_buf out = {0};
    (void)snprintf(body, sizeof body,
                   "{\"TableName\":\"app\",\"ConsistentRead\":true,\"Key\":{\"leaseKey\":{\"S\":"
                   "\"%s\"}}}",
                   key);
    assert_int_equal(call(bed, "DynamoDB_20120810.GetItem", body, &out), 200);
    text[0] = '\0';
    (void)scan_string(scan_path(tr_buf_bytes(&out), path), text, sizeof text);
    tr_buf_deinit(&out);
    return text;
}

/* ---- tests ---- */

static void test_kcl__takes_all_at_first_reads_and_checkpoints(void **state)
{
    struct bed bed;
    (void)state;
    set_up(&bed, 2);
    make_row(&bed, bed.shards[0], NULL, 0);
    make_row(&bed, bed.shards[1], NULL, 0);
    write_items(&bed, 20);
    start(&bed, 0);
    run(&bed, 5000);
    assert_int_equal(kcl_held(bed.workers[0]), 2);
    assert_int_equal(bed.delivered[0], 20);
    assert_string_equal(row_has(&bed, bed.shards[0], "leaseOwner", "S"), "kcl-0");
    assert_true(row_has(&bed, bed.shards[0], "checkpoint", "S")[0] <= '9');
    assert_string_equal(row_has(&bed, bed.shards[0], "extra", "S"), "stays");
    run(&bed, 60000);
    assert_int_equal(kcl_held(bed.workers[0]), 2); /* renewed all the while */
    assert_int_equal(bed.lost[0], 0);
    assert_int_equal(bed.delivered[0], 20);
    tear_down(&bed);
}

static void test_kcl__waits_for_an_owner_that_renews_and_takes_from_one_that_does_not(void **state)
{
    struct bed bed;
    (void)state;
    set_up(&bed, 1);
    make_row(&bed, bed.shards[0], "somebody", 7);
    start(&bed, 0);
    run(&bed, F + 1000);
    assert_int_equal(kcl_held(bed.workers[0]), 0);
    run(&bed, 12000); /* its second scan */
    assert_int_equal(kcl_held(bed.workers[0]), 1);
    assert_string_equal(row_has(&bed, bed.shards[0], "leaseCounter", "N"), "8");
    assert_string_equal(row_has(&bed, bed.shards[0], "ownerSwitchesSinceCheckpoint", "N"), "1");
    tear_down(&bed);
}

static void test_kcl__steals_one_lease_a_round_until_counts_are_even(void **state)
{
    struct bed bed;
    size_t i;
    (void)state;
    set_up(&bed, 4);
    for (i = 0; i < 4; i++) {
        make_row(&bed, bed.shards[i], NULL, 0);
    }
    start(&bed, 0);
    run(&bed, 3000);
    start(&bed, 1);
    run(&bed, 5000);
    assert_int_equal(kcl_held(bed.workers[0]) + kcl_held(bed.workers[1]), 4);
    assert_int_equal(kcl_held(bed.workers[1]), 1);
    run(&bed, 120000);
    assert_int_equal(kcl_held(bed.workers[0]), 2);
    assert_int_equal(kcl_held(bed.workers[1]), 2);
    assert_int_equal(bed.stolen[1], 2);
    assert_int_equal(bed.lost[0], 2); /* noticed at its renewals */
    assert_int_equal(bed.stolen[0], 0);
    tear_down(&bed);
}

static void test_kcl__loses_what_it_waits_too_long_to_renew(void **state)
{
    struct bed bed;
    (void)state;
    set_up_held(&bed);
    /* Nobody answers for a minute: by then the lease has run out for it. */
    bed.mute = "UpdateItem";
    bed.mute_count = 1;
    run(&bed, F + 5000);
    assert_int_equal(kcl_held(bed.workers[0]), 0);
    assert_int_equal(bed.lost[0], 1);
    run(&bed, 60000); /* and is taken again when it has expired */
    assert_int_equal(kcl_held(bed.workers[0]), 1);
    tear_down(&bed);
}

static void test_kcl__recovers_a_renewal_that_was_carried_out_and_failed(void **state)
{
    struct bed bed;
    (void)state;
    set_up_held(&bed);
    bed.mute = "UpdateItem";
    bed.mute_count = 1;
    bed.fails = true;
    run(&bed, 30000);
    assert_int_equal(kcl_held(bed.workers[0]), 1);
    assert_int_equal(bed.lost[0], 0);
    tear_down(&bed);
}

static void test_kcl__loses_a_lease_when_a_checkpoint_meets_another_counter(void **state)
{
    struct bed bed;
    (void)state;
    set_up_held(&bed);
    make_row(&bed, bed.shards[0], "thief", 99);
    write_items(&bed, 3);
    run(&bed, 1500); /* it goes on until it notices */
    assert_int_equal(bed.delivered[0], 3);
    assert_int_equal(bed.lost[0], 1);
    assert_string_equal(row_has(&bed, bed.shards[0], "leaseOwner", "S"), "thief");
    assert_string_equal(row_has(&bed, bed.shards[0], "checkpoint", "S"), "TRIM_HORIZON");
    tear_down(&bed);
}

static void split(struct bed *bed)
{
    char body[512];
    (void)snprintf(body, sizeof body, "{\"StreamArn\":\"%s\",\"ShardId\":\"%s\"}", bed->arn,
                   bed->shards[0]);
    must(bed, "TailraceLocal_1.SplitShard", body);
}

static void test_kcl__makes_the_childrens_rows_then_ends_the_shard_and_reads_on(void **state)
{
    struct bed bed;
    size_t i;
    (void)state;
    set_up_free(&bed);
    write_items(&bed, 10);
    start(&bed, 0);
    run(&bed, 5000);
    split(&bed);
    write_items(&bed, 10);
    run(&bed, 15000);
    assert_int_equal(bed.ended, 1);
    assert_string_equal(row_has(&bed, bed.shards[0], "checkpoint", "S"), "SHARD_END");
    find_shards(&bed);
    assert_true(bed.shard_count > 1);
    for (i = 1; i < bed.shard_count; i++) {
        assert_string_equal(row_has(&bed, bed.shards[i], "checkpoint", "S"), "TRIM_HORIZON");
    }
    run(&bed, 60000);
    assert_int_equal(bed.delivered[0], 20);
    assert_int_equal(kcl_held(bed.workers[0]), bed.shard_count); /* the ended one too */
    tear_down(&bed);
}

static void test_kcl__does_not_read_a_child_whose_parent_is_open(void **state)
{
    struct bed bed;
    char body[512];
    (void)state;
    set_up(&bed, 2);
    make_row(&bed, bed.shards[0], "somebody", 7); /* nobody renews: but it is not at its end */
    (void)snprintf(body, sizeof body,
                   "{\"TableName\":\"app\",\"Item\":{\"leaseKey\":{\"S\":\"%s\"},\"leaseCounter\":"
                   "{\"N\":\"0\"},\"checkpoint\":{\"S\":\"TRIM_HORIZON\"},\"parentShardId\":"
                   "{\"SS\":[\"%s\"]}}}",
                   bed.shards[1], bed.shards[0]);
    must(&bed, "DynamoDB_20120810.PutItem", body);
    write_items(&bed, 20);
    start(&bed, 0);
    run(&bed, 15000);
    assert_int_equal(kcl_held(bed.workers[0]), 1);
    assert_int_equal(bed.delivered[0], 0);
    tear_down(&bed);
}

static void test_kcl__retries_what_failed_and_ends_after_what_is_in_hand(void **state)
{
    struct bed bed;
    struct kcl_event stop = {.kind = KCL_EV_STOP};
    (void)state;
    set_up_free(&bed);
    write_items(&bed, 10);
    bed.fail_next = 4;
    start(&bed, 0);
    run(&bed, 200);
    assert_int_equal(bed.delivered[0], 6);
    step(&bed, 0, &stop);
    assert_false(bed.done[0]);
    run(&bed, 2000);
    assert_true(bed.done[0]);
    assert_int_equal(bed.delivered[0], 10);
    assert_true(row_has(&bed, bed.shards[0], "checkpoint", "S")[0] <= '9');
    assert_string_equal(row_has(&bed, bed.shards[0], "leaseOwner", "S"), "kcl-0"); /* left */
    tear_down(&bed);
}

static void test_kcl__fails_its_scan_at_a_row_that_is_no_lease(void **state)
{
    struct bed bed;
    (void)state;
    set_up_free(&bed);
    must(&bed, "DynamoDB_20120810.PutItem",
         "{\"TableName\":\"app\",\"Item\":{\"leaseKey\":{\"S\":\"stub\"}}}");
    start(&bed, 0);
    run(&bed, 60000);
    assert_int_equal(kcl_held(bed.workers[0]), 0);
    tear_down(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kcl__takes_all_at_first_reads_and_checkpoints),
        cmocka_unit_test(test_kcl__waits_for_an_owner_that_renews_and_takes_from_one_that_does_not),
        cmocka_unit_test(test_kcl__steals_one_lease_a_round_until_counts_are_even),
        cmocka_unit_test(test_kcl__loses_what_it_waits_too_long_to_renew),
        cmocka_unit_test(test_kcl__recovers_a_renewal_that_was_carried_out_and_failed),
        cmocka_unit_test(test_kcl__loses_a_lease_when_a_checkpoint_meets_another_counter),
        cmocka_unit_test(test_kcl__makes_the_childrens_rows_then_ends_the_shard_and_reads_on),
        cmocka_unit_test(test_kcl__does_not_read_a_child_whose_parent_is_open),
        cmocka_unit_test(test_kcl__retries_what_failed_and_ends_after_what_is_in_hand),
        cmocka_unit_test(test_kcl__fails_its_scan_at_a_row_that_is_no_lease),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
