/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams as a consumer sees them, through tr_local_call in virtual time. */
#include "tests/unit/local/model_test.h"

#define HOUR_MS INT64_C(3600000)

static int compare_numbers(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    return la != lb ? (la < lb ? -1 : 1) : strcmp(a, b);
}

static struct tr_json change(struct tr_json record)
{
    return tr_json_get(record, "dynamodb");
}

static void test_stream__names_are_shaped_like_the_services(void **state)
{
    struct model m;
    struct name arn, shard;
    struct tr_json root;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "Orders", "NEW_IMAGE");
    arn = stream_of(&m, "Orders");
    assert_string_equal(
        arn.text,
        "arn:aws:dynamodb:us-east-1:000000000000:table/Orders/stream/2026-11-21T08:00:00.000");
    shard = shard_at(&m, arn.text, 0);
    assert_int_equal(strlen(shard.text), 37);
    assert_memory_equal(shard.text, "shardId-00000001795248000000-", 29);
    root = call(&m, STREAMS "ListStreams", "{}");
    assert_true(tr_json_is(tr_json_get(element(tr_json_get(root, "Streams"), 0), "StreamLabel"),
                           "2026-11-21T08:00:00.000"));
    assert_int_equal(strlen(m.answer.request_id), 52);
    model_deinit(&m);
}

static void test_stream__each_view_shows_its_images(void **state)
{
    static const struct {
        const char *view;
        bool new_image, old_image;
        unsigned size; /* of the MODIFY: pk+a = 3, v+number = 3 */
    } views[] = {
        {"KEYS_ONLY", false, false, 3},
        {"NEW_IMAGE", true, false, 9},
        {"OLD_IMAGE", false, true, 9},
        {"NEW_AND_OLD_IMAGES", true, true, 15},
    };
    size_t i;
    (void)state;
    for (i = 0; i < 4; i++) {
        struct model m;
        struct name arn;
        struct tr_json records, record;
        uint64_t size = 0;
        model_init(&m, i, 1);
        make_table(&m, "T01", views[i].view);
        arn = stream_of(&m, "T01");
        put(&m, "T01", "a", 1);
        put(&m, "T01", "a", 2);
        delete_item(&m, "T01", "a");
        records = records_of(&m, arn.text, shard_at(&m, arn.text, 0).text);
        assert_int_equal(tr_json_count(records), 3);
        assert_true(tr_json_is(tr_json_get(element(records, 0), "eventName"), "INSERT"));
        assert_true(tr_json_is(tr_json_get(element(records, 1), "eventName"), "MODIFY"));
        assert_true(tr_json_is(tr_json_get(element(records, 2), "eventName"), "REMOVE"));
        record = change(element(records, 1));
        assert_true(tr_json_is(tr_json_get(record, "StreamViewType"), views[i].view));
        assert_int_equal(tr_json_get(record, "NewImage").doc != NULL, views[i].new_image);
        assert_int_equal(tr_json_get(record, "OldImage").doc != NULL, views[i].old_image);
        tr_assert_bytes(tr_json_raw(tr_json_get(record, "Keys")), "{\"pk\":{\"S\":\"a\"}}");
        assert_true(tr_json_u64(tr_json_get(record, "SizeBytes"), 1000, &size));
        assert_int_equal(size, views[i].size);
        model_deinit(&m);
    }
}

static void test_stream__a_record_has_the_services_members(void **state)
{
    struct model m;
    struct name arn;
    struct tr_json record;
    uint64_t seconds = 0;
    char id[64];
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "NEW_AND_OLD_IMAGES");
    arn = stream_of(&m, "T01");
    m.now.ms += 999;
    put(&m, "T01", "a", 1);
    record = element(records_of(&m, arn.text, shard_at(&m, arn.text, 0).text), 0);
    assert_int_equal(strlen(text_of(tr_json_get(record, "eventID"), id, sizeof id)), 32);
    assert_true(tr_json_is(tr_json_get(record, "eventVersion"), "1.1"));
    assert_true(tr_json_is(tr_json_get(record, "eventSource"), "aws:dynamodb"));
    assert_true(tr_json_is(tr_json_get(record, "awsRegion"), "us-east-1"));
    assert_true(tr_json_u64(tr_json_get(change(record), "ApproximateCreationDateTime"), UINT32_MAX,
                            &seconds));
    assert_int_equal(seconds, START_MS / 1000 + 10);
    assert_null(tr_json_get(record, "userIdentity").doc);
    model_deinit(&m);
}

static void test_stream__a_write_that_changes_nothing_makes_no_record(void **state)
{
    struct model m;
    struct name arn;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    put(&m, "T01", "a", 1);
    put(&m, "T01", "a", 1);
    delete_item(&m, "T01", "b");
    assert_int_equal(tr_json_count(records_of(&m, arn.text, shard_at(&m, arn.text, 0).text)), 1);
    model_deinit(&m);
}

static void test_stream__sequence_numbers_grow_as_numbers_not_as_strings(void **state)
{
    struct model m;
    struct name arn;
    struct tr_json records;
    char before[64] = "", number[64];
    unsigned i, against_string_order = 0, lengths = 0;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    for (i = 0; i < 600; i++) {
        put(&m, "T01", "a", i);
    }
    records = records_of(&m, arn.text, shard_at(&m, arn.text, 0).text);
    assert_int_equal(tr_json_count(records), 600);
    for (i = 0; i < 600; i++) {
        text_of(tr_json_get(change(element(records, i)), "SequenceNumber"), number, sizeof number);
        assert_in_range(strlen(number), 21, 40);
        assert_true(compare_numbers(before, number) < 0);
        against_string_order += strcmp(before, number) > 0;
        lengths += strlen(before) != strlen(number);
        snprintf(before, sizeof before, "%s", number);
    }
    assert_true(against_string_order > 0);
    assert_true(lengths >= 4);
    model_deinit(&m);
}

static void test_stream__an_items_records_stay_in_one_shard(void **state)
{
    struct model m;
    struct name arn;
    size_t s, total = 0, used = 0;
    unsigned i;
    (void)state;
    model_init(&m, 7, 4);
    make_table(&m, "T01", "NEW_IMAGE");
    arn = stream_of(&m, "T01");
    for (i = 0; i < 400; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i % 40);
        put(&m, "T01", key, i);
    }
    assert_int_equal(tr_json_count(shards_of(&m, arn.text)), 4);
    for (s = 0; s < 4; s++) {
        struct tr_json records = records_of(&m, arn.text, shard_at(&m, arn.text, s).text);
        size_t n = tr_json_count(records);
        assert_int_equal(n % 10, 0); /* each key has ten records */
        total += n;
        used += n > 0;
    }
    assert_int_equal(total, 400);
    assert_int_equal(used, 4);
    model_deinit(&m);
}

static void test_describe_stream__pages_in_the_order_of_ids(void **state)
{
    struct model m;
    struct name arn, last = {""}, id;
    char before[64] = "";
    unsigned seen = 0, calls = 0;
    (void)state;
    model_init(&m, 7, 250);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    do {
        struct tr_json description, shards, shard;
        char start[128] = "";
        if (last.text[0] != '\0') {
            snprintf(start, sizeof start, ",\"ExclusiveStartShardId\":\"%.64s\"", last.text);
        }
        description = tr_json_get(
            call(&m, STREAMS "DescribeStream", "{\"StreamArn\":\"%s\"%s}", arn.text, start),
            "StreamDescription");
        shards = tr_json_get(description, "Shards");
        for (shard = tr_json_first(shards); shard.doc != NULL;
             shard = tr_json_next(shards, shard)) {
            text_of(tr_json_get(shard, "ShardId"), id.text, sizeof id.text);
            assert_true(strcmp(before, id.text) < 0);
            snprintf(before, sizeof before, "%.63s", id.text);
            seen++;
        }
        assert_true(tr_json_count(shards) <= 100);
        text_of(tr_json_get(description, "LastEvaluatedShardId"), last.text, sizeof last.text);
        calls++;
    } while (last.text[0] != '\0');
    assert_int_equal(seen, 250);
    assert_int_equal(calls, 3);
    call(&m, STREAMS "DescribeStream",
         "{\"StreamArn\":\"%s\",\"ExclusiveStartShardId\":\"shardId-99999999999999999999-"
         "00000000\"}",
         arn.text);
    assert_int_equal(tr_json_count(tr_json_get(
                         tr_json_get(tr_json_root(&m.doc), "StreamDescription"), "Shards")),
                     0);
    model_deinit(&m);
}

static void test_describe_stream__child_shards_are_filtered(void **state)
{
    struct model m;
    struct name arn, parent;
    struct tr_json shards;
    (void)state;
    model_init(&m, 7, 2);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    parent = shard_at(&m, arn.text, 1);
    call(&m, CONTROL "SplitShard", "{\"TableName\":\"T01\",\"ShardId\":\"%s\"}", parent.text);
    shards = tr_json_get(tr_json_get(call(&m, STREAMS "DescribeStream",
                                          "{\"StreamArn\":\"%s\",\"ShardFilter\":{\"Type\":"
                                          "\"CHILD_SHARDS\",\"ShardId\":\"%s\"}}",
                                          arn.text, parent.text),
                                     "StreamDescription"),
                         "Shards");
    assert_int_equal(tr_json_count(shards), 2);
    assert_true(tr_json_is(tr_json_get(element(shards, 0), "ParentShardId"), parent.text));
    shards = tr_json_get(
        tr_json_get(call(&m, STREAMS "DescribeStream",
                         "{\"StreamArn\":\"%s\",\"ShardFilter\":{\"Type\":\"CHILD_SHARDS\","
                         "\"ShardId\":\"%s\"}}",
                         arn.text, shard_at(&m, arn.text, 0).text),
                    "StreamDescription"),
        "Shards");
    assert_int_equal(tr_json_count(shards), 0);
    call_fails(&m, "ValidationException", STREAMS "DescribeStream",
               "{\"StreamArn\":\"%s\",\"ShardFilter\":{\"Type\":\"CHILD_SHARDS\"}}", arn.text);
    call_fails(&m, "ValidationException", STREAMS "DescribeStream",
               "{\"StreamArn\":\"%s\",\"ShardFilter\":{\"ShardId\":\"%s\"}}", arn.text,
               parent.text);
    call_fails(&m, "ValidationException", STREAMS "DescribeStream",
               "{\"StreamArn\":\"%s\",\"ShardFilter\":{\"Type\":\"PARENTS\",\"ShardId\":\"%s\"}}",
               arn.text, parent.text);
    model_deinit(&m);
}

static void test_stream_operations__bad_requests_are_refused_by_name(void **state)
{
    static const struct {
        const char *operation, *body, *error;
    } bad[] = {
        {"ListStreams", "{\"Limit\":0}", "ValidationException"},
        {"ListStreams", "{\"Limit\":101}", "ValidationException"},
        {"ListStreams", "{\"Limit\":\"5\"}", "SerializationException"},
        {"ListStreams", "{\"ExclusiveStartStreamArn\":\"short\"}", "ValidationException"},
        {"DescribeStream", "{}", "ValidationException"},
        {"DescribeStream", "{\"StreamArn\":5}", "SerializationException"},
        {"DescribeStream", "{\"StreamArn\":\"arn:aws:dynamodb:us-east-1:000000000000:table/T/x\"}",
         "ValidationException"},
        {"DescribeStream",
         "{\"StreamArn\":\"arn:aws:dynamodb:us-east-1:000000000000:table/T/stream/2020\"}",
         "ResourceNotFoundException"},
        {"GetRecords", "{}", "ValidationException"},
        {"GetRecords", "{\"ShardIterator\":\"nonsense\"}", "ValidationException"},
        {"GetRecords", "{\"ShardIterator\":\"arn|1|00\"}", "ValidationException"},
        {"GetRecords", "{\"ShardIterator\":\"\"}", "ValidationException"},
        {"GetRecords", "{\"ShardIterator\":\"x\",\"Limit\":0}", "ValidationException"},
        {"GetRecords", "{\"ShardIterator\":\"x\",\"Limit\":1001}", "ValidationException"},
        {"GetRecords", "[]", "SerializationException"},
        {"GetRecords", "{", "SerializationException"},
        {"GetRecords", "", "SerializationException"},
        {"Nothing", "{}", "UnknownOperationException"},
        {"PutItem", "{}", "UnknownOperationException"},
    };
    struct model m;
    size_t i;
    (void)state;
    model_init(&m, 7, 1);
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        char target[64];
        snprintf(target, sizeof target, STREAMS "%s", bad[i].operation);
        call_fails(&m, bad[i].error, target, "%s", bad[i].body);
        assert_int_equal(m.answer.http_status, 400);
    }
    /* A message that quotes half a character is valid JSON all the same (call_any looks). */
    make_table(&m, "T01", "KEYS_ONLY");
    call_fails(&m, "ValidationException", TABLES "DeleteItem",
               "{\"TableName\":\"T01\",\"Key\":{\"pk\":{\"S\":\"a\"}},"
               "\"ConditionExpression\":\"a\u03bcb = :x\"}");
    call_fails(&m, "UnknownOperationException", TABLES "TransactWriteItems", "{}");
    tr_assert_has(m.answer.body.ptr, "not available in the service model");
    model_deinit(&m);
}

static void test_get_shard_iterator__checks_what_it_is_given(void **state)
{
    static const struct {
        const char *rest, *error;
    } bad[] = {
        {"\"ShardIteratorType\":\"TRIM_HORIZON\",\"SequenceNumber\":\"500000000000000000000\"",
         "ValidationException"},
        {"\"ShardIteratorType\":\"LATEST\",\"SequenceNumber\":\"500000000000000000000\"",
         "ValidationException"},
        {"\"ShardIteratorType\":\"AT_SEQUENCE_NUMBER\"", "ValidationException"},
        {"\"ShardIteratorType\":\"AFTER_SEQUENCE_NUMBER\"", "ValidationException"},
        {"\"ShardIteratorType\":\"AT_TIMESTAMP\"", "ValidationException"},
        {"\"ShardIteratorType\":\"AT_SEQUENCE_NUMBER\",\"SequenceNumber\":\"1\"",
         "ValidationException"},
        {"\"ShardIteratorType\":\"AT_SEQUENCE_NUMBER\",\"SequenceNumber\":"
         "\"50000000000000000000x\"",
         "ValidationException"},
        {"\"ShardIteratorType\":\"AT_SEQUENCE_NUMBER\",\"SequenceNumber\":"
         "\"000000000000000000001\"",
         "TrimmedDataAccessException"},
    };
    struct model m;
    struct name arn, shard;
    size_t i;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    shard = shard_at(&m, arn.text, 0);
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        call_fails(&m, bad[i].error, STREAMS "GetShardIterator",
                   "{\"StreamArn\":\"%s\",\"ShardId\":\"%s\",%s}", arn.text, shard.text,
                   bad[i].rest);
    }
    call_fails(&m, "ResourceNotFoundException", STREAMS "GetShardIterator",
               "{\"StreamArn\":\"%s\",\"ShardId\":\"shardId-00000000000000000000-00000000\","
               "\"ShardIteratorType\":\"LATEST\"}",
               arn.text);
    model_deinit(&m);
}

static struct name number_of(struct tr_json record)
{
    struct name number;
    text_of(tr_json_get(change(record), "SequenceNumber"), number.text, sizeof number.text);
    return number;
}

static void test_get_shard_iterator__at_and_after_find_their_record(void **state)
{
    struct model m;
    struct name arn, shard, third, first, start, next;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    shard = shard_at(&m, arn.text, 0);
    text_of(tr_json_get(tr_json_get(element(shards_of(&m, arn.text), 0), "SequenceNumberRange"),
                        "StartingSequenceNumber"),
            start.text, sizeof start.text);
    put(&m, "T01", "a", 1);
    put(&m, "T01", "b", 2);
    put(&m, "T01", "c", 3);
    third = number_of(element(records_of(&m, arn.text, shard.text), 2));
    first = number_of(element(records_of(&m, arn.text, shard.text), 0));
    assert_int_equal(
        tr_json_count(
            page(&m, iterator(&m, arn.text, shard.text, "AT_SEQUENCE_NUMBER", start.text).text,
                 1000, &next)),
        3);
    assert_int_equal(
        tr_json_count(
            page(&m, iterator(&m, arn.text, shard.text, "AT_SEQUENCE_NUMBER", third.text).text,
                 1000, &next)),
        1);
    assert_int_equal(
        tr_json_count(
            page(&m, iterator(&m, arn.text, shard.text, "AFTER_SEQUENCE_NUMBER", first.text).text,
                 1000, &next)),
        2);
    assert_int_equal(
        tr_json_count(
            page(&m, iterator(&m, arn.text, shard.text, "AFTER_SEQUENCE_NUMBER", third.text).text,
                 1000, &next)),
        0);
    assert_true(next.text[0] != '\0');
    put(&m, "T01", "d", 4);
    assert_int_equal(tr_json_count(page(&m, next.text, 1000, &next)), 1);
    model_deinit(&m);
}

static void test_get_records__latest_sees_only_what_comes_later(void **state)
{
    struct model m;
    struct name arn, shard, latest, next;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    shard = shard_at(&m, arn.text, 0);
    put(&m, "T01", "a", 1);
    latest = iterator(&m, arn.text, shard.text, "LATEST", NULL);
    assert_int_equal(tr_json_count(page(&m, latest.text, 1000, &next)), 0);
    put(&m, "T01", "b", 2);
    assert_int_equal(tr_json_count(page(&m, next.text, 1000, &next)), 1);
    assert_int_equal(tr_json_count(page(&m, latest.text, 1000, &next)), 1); /* used again */
    model_deinit(&m);
}

/* One record is written; how many are read behind the shard's StartingSequenceNumber. AT it, and by
 * an iterator for what is newest that was made before, it is always read. */
static size_t count_behind_start(uint64_t seed)
{
    struct model m;
    struct name arn, shard, start, latest, next;
    size_t count;
    model_init(&m, seed, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    shard = shard_at(&m, arn.text, 0);
    text_of(tr_json_get(tr_json_get(element(shards_of(&m, arn.text), 0), "SequenceNumberRange"),
                        "StartingSequenceNumber"),
            start.text, sizeof start.text);
    latest = iterator(&m, arn.text, shard.text, "LATEST", NULL);
    put(&m, "T01", "a", 1);
    assert_int_equal(tr_json_count(page(&m, latest.text, 1000, &next)), 1);
    next = iterator(&m, arn.text, shard.text, "AT_SEQUENCE_NUMBER", start.text);
    assert_int_equal(tr_json_count(page(&m, next.text, 1000, &next)), 1);
    next = iterator(&m, arn.text, shard.text, "AFTER_SEQUENCE_NUMBER", start.text);
    count = tr_json_count(page(&m, next.text, 1000, &next));
    put(&m, "T01", "a", 2);
    assert_int_equal(tr_json_count(page(&m, next.text, 1000, &next)), 1);
    model_deinit(&m);
    return count;
}

static void test_shard__may_begin_with_the_number_of_its_first_record(void **state)
{
    size_t behind = 0;
    uint64_t seed;
    (void)state;
    for (seed = 1; seed <= 32; seed++) {
        behind += count_behind_start(seed);
    }
    assert_in_range(behind, 4, 28);
}

static void test_get_records__a_page_ends_at_the_limit_and_at_a_megabyte(void **state)
{
    struct model m;
    struct name arn, shard, next;
    char *body = tr_malloc(400000);
    unsigned i, total = 0;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "NEW_IMAGE");
    arn = stream_of(&m, "T01");
    shard = shard_at(&m, arn.text, 0);
    for (i = 0; i < 8; i++) {
        int n =
            snprintf(body, 400000,
                     "{\"TableName\":\"T01\",\"Item\":{\"pk\":{\"S\":\"k%u\"},\"v\":{\"S\":\"", i);
        memset(body + n, 'x', 300000);
        snprintf(body + n + 300000, 32, "\"}}}");
        call_raw(&m, TABLES "PutItem", tr_bytes_of(body));
        assert_int_equal(m.answer.http_status, 200);
    }
    next = iterator(&m, arn.text, shard.text, "TRIM_HORIZON", NULL);
    assert_int_equal(tr_json_count(page(&m, next.text, 2, &next)), 2);
    while (total < 6) {
        size_t n = tr_json_count(page(&m, next.text, 1000, &next));
        assert_int_equal(n, 3);
        total += (unsigned)n;
    }
    assert_int_equal(tr_json_count(page(&m, next.text, 1000, &next)), 0);
    tr_free(body);
    model_deinit(&m);
}

static void test_get_records__an_iterator_lives_fifteen_minutes(void **state)
{
    struct model m;
    struct name arn, from, next;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    from = iterator(&m, arn.text, shard_at(&m, arn.text, 0).text, "TRIM_HORIZON", NULL);
    m.now.ms += 15 * 60000;
    page(&m, from.text, 10, &next);
    m.now.ms += 1;
    call_fails(&m, "ExpiredIteratorException", STREAMS "GetRecords", "{\"ShardIterator\":\"%s\"}",
               from.text);
    page(&m, next.text, 10, &next); /* a newer one lives on */
    model_deinit(&m);
}

static void test_get_records__a_closed_shard_ends_with_its_last_records(void **state)
{
    struct model m;
    struct name arn, shard, next;
    unsigned i;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    shard = shard_at(&m, arn.text, 0);
    for (i = 0; i < 30; i++) {
        put(&m, "T01", "a", i);
    }
    call(&m, CONTROL "Rollover", "{\"TableName\":\"T01\"}");
    put(&m, "T01", "a", 30);
    next = iterator(&m, arn.text, shard.text, "TRIM_HORIZON", NULL);
    for (i = 0; i < 3; i++) {
        assert_true(next.text[0] != '\0');
        assert_int_equal(tr_json_count(page(&m, next.text, 10, &next)), 10);
    }
    assert_string_equal(next.text, "");
    next = iterator(&m, arn.text, shard.text, "LATEST", NULL);
    assert_int_equal(tr_json_count(page(&m, next.text, 10, &next)), 0);
    assert_string_equal(next.text, "");
    assert_int_equal(tr_json_count(records_of(&m, arn.text, shard_at(&m, arn.text, 1).text)), 1);
    model_deinit(&m);
}

static void test_shard__rolls_over_about_every_four_hours(void **state)
{
    struct model m;
    struct name arn, parent;
    struct tr_json shards;
    unsigned hour, i;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    for (hour = 0; hour < 21; hour++) {
        m.now.ms += HOUR_MS;
        put(&m, "T01", "a", hour);
    }
    shards = shards_of(&m, arn.text);
    assert_int_equal(tr_json_count(shards), 6);
    for (i = 0; i + 1 < 6; i++) {
        shards = shards_of(&m, arn.text);
        assert_true(tr_json_get(tr_json_get(element(shards, i), "SequenceNumberRange"),
                                "EndingSequenceNumber")
                        .doc != NULL);
        parent = shard_at(&m, arn.text, i);
        assert_true(tr_json_is(
            tr_json_get(element(shards_of(&m, arn.text), i + 1), "ParentShardId"), parent.text));
        assert_in_range(tr_json_count(records_of(&m, arn.text, parent.text)), 3, 5);
    }
    model_deinit(&m);
}

static void test_shard__is_trimmed_after_a_day_and_leaves_the_listing(void **state)
{
    struct model m;
    struct name arn, shard, from;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "KEYS_ONLY");
    arn = stream_of(&m, "T01");
    shard = shard_at(&m, arn.text, 0);
    put(&m, "T01", "a", 1);
    m.now.ms += 2 * HOUR_MS;
    put(&m, "T01", "a", 2);
    m.now.ms += 22 * HOUR_MS - 1;
    from = iterator(&m, arn.text, shard.text, "TRIM_HORIZON", NULL);
    assert_int_equal(tr_json_count(records_of(&m, arn.text, shard.text)), 2);
    m.now.ms += 1000;
    assert_int_equal(tr_json_count(records_of(&m, arn.text, shard.text)), 1);
    call_fails(&m, "TrimmedDataAccessException", STREAMS "GetRecords", "{\"ShardIterator\":\"%s\"}",
               from.text);
    m.now.ms += 4 * HOUR_MS + 600000;
    from = iterator(&m, arn.text, shard_at(&m, arn.text, 0).text, "TRIM_HORIZON", NULL);
    assert_string_not_equal(shard_at(&m, arn.text, 0).text, shard.text);
    call_fails(&m, "ResourceNotFoundException", STREAMS "GetShardIterator",
               "{\"StreamArn\":\"%s\",\"ShardId\":\"%s\",\"ShardIteratorType\":\"TRIM_HORIZON\"}",
               arn.text, shard.text);
    assert_true(tr_json_count(shards_of(&m, arn.text)) <= 8);
    model_deinit(&m);
}

static void test_stream__turned_off_and_on_is_another_stream(void **state)
{
    struct model m;
    struct name old_arn, arn, shard, next;
    struct tr_json description;
    (void)state;
    model_init(&m, 7, 2);
    make_table(&m, "T01", "KEYS_ONLY");
    old_arn = stream_of(&m, "T01");
    put(&m, "T01", "a", 1);
    call(&m, TABLES "UpdateTable",
         "{\"TableName\":\"T01\",\"StreamSpecification\":{\"StreamEnabled\":false}}");
    m.now.ms += 10000;
    description =
        tr_json_get(call(&m, STREAMS "DescribeStream", "{\"StreamArn\":\"%s\"}", old_arn.text),
                    "StreamDescription");
    assert_true(tr_json_is(tr_json_get(description, "StreamStatus"), "DISABLED"));
    call(&m, TABLES "UpdateTable",
         "{\"TableName\":\"T01\",\"StreamSpecification\":{\"StreamEnabled\":true,"
         "\"StreamViewType\":\"NEW_IMAGE\"}}");
    m.now.ms += 10000;
    arn = stream_of(&m, "T01");
    assert_string_not_equal(arn.text, old_arn.text);
    put(&m, "T01", "a", 2);
    shard = shard_at(&m, old_arn.text, 0);
    next = iterator(&m, old_arn.text, shard.text, "TRIM_HORIZON", NULL);
    page(&m, next.text, 1000, &next);
    assert_string_equal(next.text, "");
    assert_int_equal(tr_json_count(tr_json_get(
                         call(&m, STREAMS "ListStreams", "{\"TableName\":\"T01\"}"), "Streams")),
                     2);
    m.now.ms += 24 * HOUR_MS;
    call_fails(&m, "ResourceNotFoundException", STREAMS "DescribeStream", "{\"StreamArn\":\"%s\"}",
               old_arn.text);
    shards_of(&m, arn.text);
    model_deinit(&m);
}

static void test_stream__of_a_deleted_table_can_be_read_for_a_day(void **state)
{
    struct model m;
    struct name arn, shard;
    (void)state;
    model_init(&m, 7, 1);
    make_table(&m, "T01", "NEW_AND_OLD_IMAGES");
    arn = stream_of(&m, "T01");
    put(&m, "T01", "a", 1);
    call(&m, TABLES "DeleteTable", "{\"TableName\":\"T01\"}");
    m.now.ms += 23 * HOUR_MS;
    shard = shard_at(&m, arn.text, 0);
    assert_int_equal(tr_json_count(records_of(&m, arn.text, shard.text)), 1);
    make_table(&m, "T01", "NEW_AND_OLD_IMAGES");
    assert_string_not_equal(stream_of(&m, "T01").text, arn.text);
    m.now.ms += 2 * HOUR_MS;
    call_fails(&m, "ResourceNotFoundException", STREAMS "DescribeStream", "{\"StreamArn\":\"%s\"}",
               arn.text);
    model_deinit(&m);
}

static void test_list_streams__pages_and_filters(void **state)
{
    struct model m;
    struct name last = {""};
    unsigned i, seen = 0;
    (void)state;
    model_init(&m, 7, 1);
    for (i = 0; i < 5; i++) {
        char table[8];
        snprintf(table, sizeof table, "T0%u", i);
        make_table(&m, table, "KEYS_ONLY");
    }
    do {
        char start[1200] = "";
        struct tr_json root;
        if (last.text[0] != '\0') {
            snprintf(start, sizeof start, ",\"ExclusiveStartStreamArn\":\"%.1024s\"", last.text);
        }
        root = call(&m, STREAMS "ListStreams", "{\"Limit\":2%s}", start);
        seen += (unsigned)tr_json_count(tr_json_get(root, "Streams"));
        text_of(tr_json_get(root, "LastEvaluatedStreamArn"), last.text, sizeof last.text);
    } while (last.text[0] != '\0');
    assert_int_equal(seen, 5);
    assert_int_equal(tr_json_count(tr_json_get(
                         call(&m, STREAMS "ListStreams", "{\"TableName\":\"T03\"}"), "Streams")),
                     1);
    assert_int_equal(tr_json_count(tr_json_get(
                         call(&m, STREAMS "ListStreams", "{\"TableName\":\"Nobody\"}"), "Streams")),
                     0);
    model_deinit(&m);
}

static void test_stream__the_same_seed_gives_the_same_bytes(void **state)
{
    struct model a, b;
    struct name arn;
    unsigned i;
    (void)state;
    model_init(&a, 42, 3);
    model_init(&b, 42, 3);
    make_table(&a, "T01", "NEW_IMAGE");
    make_table(&b, "T01", "NEW_IMAGE");
    for (i = 0; i < 20; i++) {
        put(&a, "T01", i % 2 != 0 ? "x" : "y", i);
        put(&b, "T01", i % 2 != 0 ? "x" : "y", i);
    }
    arn = stream_of(&a, "T01");
    assert_string_equal(stream_of(&b, "T01").text, arn.text);
    for (i = 0; i < 3; i++) {
        struct name shard = shard_at(&a, arn.text, i);
        assert_string_equal(shard_at(&b, arn.text, i).text, shard.text);
        records_of(&a, arn.text, shard.text);
        records_of(&b, arn.text, shard.text);
        assert_string_equal(a.answer.body.ptr, b.answer.body.ptr);
        assert_string_equal(a.answer.request_id, b.answer.request_id);
    }
    model_deinit(&a);
    model_deinit(&b);
}

/* Without memory at any point a write is done whole, with its record, or not at all. */
static void test_stream__a_write_without_memory_leaves_no_half(void **state)
{
    int64_t n;
    bool good = false;
    (void)state;
    for (n = 0; !good && n < 500; n++) {
        struct model m;
        struct name arn;
        struct tr_json item;
        size_t records;
        model_init(&m, 7, 1);
        make_table(&m, "T01", "NEW_AND_OLD_IMAGES");
        arn = stream_of(&m, "T01");
        tr_mem_fail_at(n);
        tr_local_call(m.local, m.now, TR_LIT(TABLES "PutItem"),
                      TR_LIT("{\"TableName\":\"T01\",\"Item\":{\"pk\":{\"S\":\"a\"}}}"), &m.answer);
        good = tr_mem_fail_at(-1) < (uint64_t)n && m.answer.http_status == 200;
        item = tr_json_get(
            call(&m, TABLES "GetItem", "{\"TableName\":\"T01\",\"Key\":{\"pk\":{\"S\":\"a\"}}}"),
            "Item");
        records = item.doc != NULL ? 1 : 0;
        assert_int_equal(tr_json_count(records_of(&m, arn.text, shard_at(&m, arn.text, 0).text)),
                         records);
        model_deinit(&m);
    }
    assert_true(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream__names_are_shaped_like_the_services),
        cmocka_unit_test(test_stream__each_view_shows_its_images),
        cmocka_unit_test(test_stream__a_record_has_the_services_members),
        cmocka_unit_test(test_stream__a_write_that_changes_nothing_makes_no_record),
        cmocka_unit_test(test_stream__sequence_numbers_grow_as_numbers_not_as_strings),
        cmocka_unit_test(test_stream__an_items_records_stay_in_one_shard),
        cmocka_unit_test(test_describe_stream__pages_in_the_order_of_ids),
        cmocka_unit_test(test_describe_stream__child_shards_are_filtered),
        cmocka_unit_test(test_stream_operations__bad_requests_are_refused_by_name),
        cmocka_unit_test(test_get_shard_iterator__checks_what_it_is_given),
        cmocka_unit_test(test_get_shard_iterator__at_and_after_find_their_record),
        cmocka_unit_test(test_get_records__latest_sees_only_what_comes_later),
        cmocka_unit_test(test_shard__may_begin_with_the_number_of_its_first_record),
        cmocka_unit_test(test_get_records__a_page_ends_at_the_limit_and_at_a_megabyte),
        cmocka_unit_test(test_get_records__an_iterator_lives_fifteen_minutes),
        cmocka_unit_test(test_get_records__a_closed_shard_ends_with_its_last_records),
        cmocka_unit_test(test_shard__rolls_over_about_every_four_hours),
        cmocka_unit_test(test_shard__is_trimmed_after_a_day_and_leaves_the_listing),
        cmocka_unit_test(test_stream__turned_off_and_on_is_another_stream),
        cmocka_unit_test(test_stream__of_a_deleted_table_can_be_read_for_a_day),
        cmocka_unit_test(test_list_streams__pages_and_filters),
        cmocka_unit_test(test_stream__the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(test_stream__a_write_without_memory_leaves_no_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
