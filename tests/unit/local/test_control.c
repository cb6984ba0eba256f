/* SPDX-License-Identifier: Apache-2.0
 *
 * The control operations: splits, rollovers, trimming and the clock, as a test asks for them. */
#include "tests/unit/local/model_test.h"

static void test_split__gives_two_children_that_share_the_keys(void **state)
{
    struct model m;
    struct name arn, parent, child[2], from, next;
    struct tr_json shards;
    size_t records[3], s;
    unsigned i;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "NEW_IMAGE");
    arn = stream_of(&m, "T01");
    parent = shard_at(&m, arn.text, 0);
    for (i = 0; i < 200; i++) {
        char key[16];
        if (i == 100) {
            struct tr_json root = call(&m, CONTROL "SplitShard", "{\"TableName\":\"T01\"}");
            assert_true(tr_json_is(tr_json_get(root, "ShardId"), parent.text));
            for (s = 0; s < 2; s++) {
                text_of(element(tr_json_get(root, "ChildShardIds"), s), child[s].text,
                        sizeof child[s].text);
            }
        }
        snprintf(key, sizeof key, "k%u", i % 20);
        put(&m, "T01", key, i);
    }
    shards = shards_of(&m, arn.text);
    assert_int_equal(tr_json_count(shards), 3);
    assert_null(tr_json_get(element(shards, 0), "ParentShardId").doc);
    for (s = 1; s < 3; s++) {
        assert_true(tr_json_is(tr_json_get(element(shards, s), "ParentShardId"), parent.text));
    }
    records[0] = tr_json_count(records_of(&m, arn.text, parent.text));
    records[1] = tr_json_count(records_of(&m, arn.text, child[0].text));
    records[2] = tr_json_count(records_of(&m, arn.text, child[1].text));
    assert_int_equal(records[0], 100);
    assert_int_equal(records[1] + records[2], 100);
    assert_int_equal(records[1] % 5, 0); /* all writes of a key went to one child */
    assert_true(records[1] > 0 && records[2] > 0);
    from = iterator(&m, arn.text, parent.text, "TRIM_HORIZON", NULL);
    page(&m, from.text, 1000, &next);
    assert_string_equal(next.text, "");
    model_deinit(&m);
}

static int compare_numbers(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    return la != lb ? (la < lb ? -1 : 1) : strcmp(a, b);
}

static void test_split__children_begin_above_the_end_of_their_parent(void **state)
{
    struct model m;
    struct name arn;
    struct tr_json shards;
    char end[64], start[64];
    size_t s;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    put(&m, "T01", "a", 1);
    call(&m, CONTROL "SplitShard", "{\"StreamArn\":\"%s\"}", arn.text);
    shards = shards_of(&m, arn.text);
    text_of(
        tr_json_get(tr_json_get(element(shards, 0), "SequenceNumberRange"), "EndingSequenceNumber"),
        end, sizeof end);
    for (s = 1; s < 3; s++) {
        struct tr_json range = tr_json_get(element(shards, s), "SequenceNumberRange");
        text_of(tr_json_get(range, "StartingSequenceNumber"), start, sizeof start);
        assert_true(compare_numbers(end, start) < 0);
        assert_null(tr_json_get(range, "EndingSequenceNumber").doc);
    }
    model_deinit(&m);
}

static void test_split__again_and_again_keeps_every_record_once(void **state)
{
    struct model m;
    struct name arn;
    size_t total = 0, shards, s;
    unsigned i;
    (void)state;
    model_init(&m, 11, 2);
    make_table(&m, "T01", "NEW_IMAGE");
    arn = stream_of(&m, "T01");
    for (i = 0; i < 300; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        put(&m, "T01", key, i);
        if (i % 30 == 29) {
            call(&m, CONTROL "SplitShard", "{\"TableName\":\"T01\"}");
        }
        if (i % 50 == 49) {
            call(&m, CONTROL "Rollover", "{\"TableName\":\"T01\"}");
        }
    }
    shards = tr_json_count(shards_of(&m, arn.text));
    assert_true(shards > 20);
    for (s = 0; s < shards; s++) {
        total += tr_json_count(records_of(&m, arn.text, shard_at(&m, arn.text, s).text));
    }
    assert_int_equal(total, 300);
    model_deinit(&m);
}

static void test_split__of_a_closed_or_unknown_shard_is_refused(void **state)
{
    struct model m;
    struct name arn, shard;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    shard = shard_at(&m, arn.text, 0);
    call(&m, CONTROL "Rollover", "{\"TableName\":\"T01\",\"ShardId\":\"%s\"}", shard.text);
    call_fails(&m, "ResourceInUseException", CONTROL "SplitShard",
               "{\"TableName\":\"T01\",\"ShardId\":\"%s\"}", shard.text);
    call_fails(&m, "ResourceInUseException", CONTROL "Rollover",
               "{\"TableName\":\"T01\",\"ShardId\":\"%s\"}", shard.text);
    call_fails(&m, "ResourceNotFoundException", CONTROL "SplitShard",
               "{\"TableName\":\"T01\",\"ShardId\":\"shardId-1\"}");
    call_fails(&m, "ResourceNotFoundException", CONTROL "SplitShard", "{\"TableName\":\"Nobody\"}");
    call_fails(&m, "ValidationException", CONTROL "SplitShard", "{}");
    call_fails(&m, "ValidationException", CONTROL "SplitShard",
               "{\"TableName\":\"T01\",\"StreamArn\":\"%s\"}", arn.text);
    model_deinit(&m);
}

static void test_rollover__gives_each_open_shard_one_child(void **state)
{
    struct model m;
    struct name arn;
    struct tr_json root, shards;
    size_t s;
    (void)state;
    model_init(&m, 7, 3);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    root = call(&m, CONTROL "Rollover", "{\"TableName\":\"T01\"}");
    assert_int_equal(tr_json_count(tr_json_get(root, "Shards")), 3);
    shards = shards_of(&m, arn.text);
    assert_int_equal(tr_json_count(shards), 6);
    for (s = 3; s < 6; s++) {
        assert_true(tr_json_get(element(shards, s), "ParentShardId").doc != NULL);
    }
    model_deinit(&m);
}

static void test_trim__takes_the_oldest_records(void **state)
{
    struct model m;
    struct name arn, shard, from, number;
    struct tr_json root;
    uint64_t n = 0;
    unsigned i;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    shard = shard_at(&m, arn.text, 0);
    for (i = 0; i < 10; i++) {
        put(&m, "T01", "a", i);
    }
    from = iterator(&m, arn.text, shard.text, "TRIM_HORIZON", NULL);
    text_of(tr_json_get(tr_json_get(element(records_of(&m, arn.text, shard.text), 3), "dynamodb"),
                        "SequenceNumber"),
            number.text, sizeof number.text);
    root = call(&m, CONTROL "Trim", "{\"TableName\":\"T01\",\"Records\":4}");
    assert_true(tr_json_u64(tr_json_get(root, "TrimmedRecords"), 100, &n));
    assert_int_equal(n, 4);
    assert_int_equal(tr_json_count(records_of(&m, arn.text, shard.text)), 6);
    call_fails(&m, "TrimmedDataAccessException", STREAMS "GetRecords", "{\"ShardIterator\":\"%s\"}",
               from.text);
    call_fails(&m, "TrimmedDataAccessException", STREAMS "GetShardIterator",
               "{\"StreamArn\":\"%s\",\"ShardId\":\"%s\",\"ShardIteratorType\":"
               "\"AT_SEQUENCE_NUMBER\",\"SequenceNumber\":\"%s\"}",
               arn.text, shard.text, number.text);
    /* Behind the last one that is gone nothing is missing. */
    iterator(&m, arn.text, shard.text, "AFTER_SEQUENCE_NUMBER", number.text);
    model_deinit(&m);
}

static void test_trim__by_time_and_of_everything(void **state)
{
    struct model m;
    struct name arn, shard;
    struct tr_json root;
    uint64_t n = 0;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    shard = shard_at(&m, arn.text, 0);
    put(&m, "T01", "a", 1);
    m.now.ms += 60000;
    put(&m, "T01", "a", 2);
    call(&m, CONTROL "Trim", "{\"TableName\":\"T01\",\"Before\":%lld}",
         (long long)(m.now.ms / 1000));
    assert_int_equal(tr_json_count(records_of(&m, arn.text, shard.text)), 1);
    call(&m, CONTROL "Rollover", "{\"TableName\":\"T01\"}");
    put(&m, "T01", "a", 3);
    root = call(&m, CONTROL "Trim", "{\"TableName\":\"T01\"}");
    assert_true(tr_json_u64(tr_json_get(root, "TrimmedShards"), 100, &n));
    assert_int_equal(n, 1); /* the closed one; the open one stays, empty */
    assert_int_equal(tr_json_count(shards_of(&m, arn.text)), 1);
    assert_string_not_equal(shard_at(&m, arn.text, 0).text, shard.text);
    call_fails(&m, "ValidationException", CONTROL "Trim",
               "{\"TableName\":\"T01\",\"Records\":1,\"Before\":1}");
    model_deinit(&m);
}

static void test_trim__an_iterator_into_a_shard_that_is_gone_says_trimmed(void **state)
{
    struct model m;
    struct name arn, from;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    put(&m, "T01", "a", 1);
    from = iterator(&m, arn.text, shard_at(&m, arn.text, 0).text, "TRIM_HORIZON", NULL);
    call(&m, CONTROL "Rollover", "{\"TableName\":\"T01\"}");
    call(&m, CONTROL "Trim", "{\"TableName\":\"T01\"}");
    call_fails(&m, "TrimmedDataAccessException", STREAMS "GetRecords", "{\"ShardIterator\":\"%s\"}",
               from.text);
    model_deinit(&m);
}

static void test_advance_clock__makes_due_what_time_brings(void **state)
{
    struct model m;
    struct name arn, from;
    struct tr_json root;
    size_t shards;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    put(&m, "T01", "a", 1);
    from = iterator(&m, arn.text, shard_at(&m, arn.text, 0).text, "TRIM_HORIZON", NULL);
    root = call(&m, CONTROL "AdvanceClock", "{\"Seconds\":901}");
    assert_true(tr_json_is(tr_json_get(root, "Now"), "2026-11-21T08:15:11.000Z"));
    call_fails(&m, "ExpiredIteratorException", STREAMS "GetRecords", "{\"ShardIterator\":\"%s\"}",
               from.text);
    call(&m, CONTROL "AdvanceClock", "{\"Seconds\":2592000}"); /* thirty days in one leap */
    shards = tr_json_count(shards_of(&m, arn.text));
    assert_in_range(shards, 6, 9);
    assert_int_equal(tr_local_now(m.local).ms, m.now.ms + (901 + 2592000) * INT64_C(1000));
    assert_true(tr_local_deadline(m.local).ms > m.now.ms); /* told in the caller's time */
    model_deinit(&m);
}

static void test_control__bodies_are_strict(void **state)
{
    static const struct {
        const char *operation, *body;
    } bad[] = {
        {"SplitShard", "{\"TableName\":\"T01\",\"Shard\":\"x\"}"},
        {"Rollover", "{\"TableName\":\"T01\",\"Seconds\":1}"},
        {"Trim", "{\"TableName\":\"T01\",\"Records\":-1}"},
        {"AdvanceClock", "{}"},
        {"AdvanceClock", "{\"Seconds\":-5}"},
        {"AdvanceClock", "{\"Seconds\":99999999999}"},
        {"AdvanceClock", "{\"Seconds\":5,\"Minutes\":1}"},
        {"SetFault", "{}"},
        {"SetFault", "{\"Fault\":\"Explode\"}"},
        {"SetFault", "{\"Fault\":\"Throttle\",\"Operation\":\"Nothing\"}"},
        {"SetFault", "{\"Fault\":\"Throttle\",\"Operation\":\"SetFault\"}"},
        {"SetFault", "{\"Fault\":\"ExpiredIterator\",\"Operation\":\"PutItem\"}"},
        {"SetFault", "{\"Fault\":\"Throttle\",\"Count\":0}"},
        {"SetFault", "{\"Fault\":\"Throttle\",\"Probability\":1.5}"},
        {"SetFault", "{\"Fault\":\"Throttle\",\"Probability\":\"often\"}"},
        {"SetFault", "{\"Fault\":\"Throttle\",\"Probability\":1e-1}"},
        {"SetFault", "{\"Fault\":\"Throttle\",\"DelayMs\":5}"},
        {"SetFault", "{\"Fault\":\"Delay\"}"},
        {"ClearFaults", "{\"Fault\":\"Throttle\"}"},
    };
    struct model m;
    size_t i;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        char target[64];
        snprintf(target, sizeof target, CONTROL "%s", bad[i].operation);
        call_fails(&m, "ValidationException", target, "%s", bad[i].body);
    }
    call_fails(&m, "SerializationException", CONTROL "AdvanceClock", "{\"Seconds\":\"5\"}");
    model_deinit(&m);
}

/* One call with the n-th allocation failing; true when there was memory enough. */
static bool try_without(struct model *m, int64_t n, const char *target, const char *body)
{
    uint64_t made;
    tr_local_answer_deinit(&m->answer); /* so that the answer needs memory, too */
    tr_mem_fail_at(n);
    tr_local_call(m->local, m->now, tr_bytes_of(target), tr_bytes_of(body), &m->answer);
    made = tr_mem_fail_at(-1);
    assert_true(m->answer.http_status == 200 || m->answer.http_status == 500);
    return made <= (uint64_t)n;
}

/* In a body, $A stands for the stream's ARN, $S for its shard, $I for an iterator. */
static void fill_in(const char *body, const struct name names[3], char *out, size_t size)
{
    size_t len = 0;
    for (; *body != '\0'; body++) {
        if (*body == '$') {
            body++;
            len += (size_t)snprintf(out + len, size - len, "%s",
                                    names[*body == 'A'   ? 0
                                          : *body == 'S' ? 1
                                                         : 2]
                                        .text);
        } else {
            out[len++] = *body;
        }
    }
    out[len] = '\0';
}

static void test_streams_and_control__without_memory_change_nothing(void **state)
{
    static const struct {
        const char *target, *body;
        size_t new_shards;
    } calls[] = {
        {STREAMS "ListStreams", "{}", 0},
        {STREAMS "DescribeStream", "{\"StreamArn\":\"$A\"}", 0},
        {STREAMS "GetShardIterator",
         "{\"StreamArn\":\"$A\",\"ShardId\":\"$S\",\"ShardIteratorType\":\"\\u004cATEST\"}", 0},
        {STREAMS "GetRecords", "{\"ShardIterator\":\"$I\"}", 0},
        {CONTROL "SplitShard", "{\"TableName\":\"T01\"}", 2},
        {CONTROL "Rollover", "{\"TableName\":\"T01\"}", 1},
        {CONTROL "Trim", "{\"TableName\":\"T01\"}", 0},
        {CONTROL "AdvanceClock", "{\"Seconds\":60}", 0},
        {CONTROL "SetFault", "{\"Fault\":\"EmptyPage\"}", 0},
        {CONTROL "ClearFaults", "{}", 0},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof calls / sizeof *calls; i++) {
        int64_t n;
        bool enough = false;
        for (n = 0; !enough && n < 100; n++) {
            struct model m;
            struct name names[3];
            char body[8192];
            size_t shards;
            model_init(&m, 7, 1);
            make_table(&m, "T01", "NEW_IMAGE");
            names[0] = stream_of(&m, "T01");
            put(&m, "T01", "a", 1);
            names[1] = shard_at(&m, names[0].text, 0);
            names[2] = iterator(&m, names[0].text, names[1].text, "TRIM_HORIZON", NULL);
            fill_in(calls[i].body, names, body, sizeof body);
            enough = try_without(&m, n, calls[i].target, body);
            if (enough) {
                require_ok(&m, calls[i].target);
            }
            shards = m.answer.http_status == 200 ? 1 + calls[i].new_shards : 1;
            assert_int_equal(tr_json_count(shards_of(&m, names[0].text)), shards);
            model_deinit(&m);
        }
        assert_true(enough);
    }
}

/* A rollover that finds no memory is made up for when there is some. */
static void test_rollover__without_memory_comes_later(void **state)
{
    struct model m;
    struct name arn;
    int64_t n;
    (void)state;
    for (n = 0; n < 3; n++) {
        model_init(&m, 7, 1);
        make_table(&m, "T01", "KEYS_ONLY");
        arn = stream_of(&m, "T01");
        m.now.ms += 5 * INT64_C(3600000);
        tr_mem_fail_at(n);
        tr_local_tick(m.local, m.now);
        tr_mem_fail_at(-1);
        m.now.ms += 2000;
        assert_int_equal(tr_json_count(shards_of(&m, arn.text)), 2);
        model_deinit(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split__gives_two_children_that_share_the_keys),
        cmocka_unit_test(test_split__children_begin_above_the_end_of_their_parent),
        cmocka_unit_test(test_split__again_and_again_keeps_every_record_once),
        cmocka_unit_test(test_split__of_a_closed_or_unknown_shard_is_refused),
        cmocka_unit_test(test_rollover__gives_each_open_shard_one_child),
        cmocka_unit_test(test_trim__takes_the_oldest_records),
        cmocka_unit_test(test_trim__by_time_and_of_everything),
        cmocka_unit_test(test_trim__an_iterator_into_a_shard_that_is_gone_says_trimmed),
        cmocka_unit_test(test_advance_clock__makes_due_what_time_brings),
        cmocka_unit_test(test_control__bodies_are_strict),
        cmocka_unit_test(test_streams_and_control__without_memory_change_nothing),
        cmocka_unit_test(test_rollover__without_memory_comes_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
