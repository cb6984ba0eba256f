/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/mem.h"
#include "stream/shard.h"
#include "tests/support/test.h"

static const char page_one[] =
    "{\"StreamDescription\":{\"StreamArn\":\"arn\",\"StreamLabel\":\"l\",\"Unknown\":{\"Shards\":1}"
    ","
    "\"LastEvaluatedShardId\":\"s2\",\"Shards\":["
    "{\"ShardId\":\"s1\",\"SequenceNumberRange\":{\"StartingSequenceNumber\":\"100\","
    "\"EndingSequenceNumber\":\"200\"},\"New\":[]},"
    "{\"ParentShardId\":\"s1\",\"SequenceNumberRange\":{\"StartingSequenceNumber\":\"201\"},"
    "\"ShardId\":\"s\\u0032\"}],\"StreamStatus\":\"ENABLED\"}}";

/* Overlaps the first one; s2 has ended meanwhile. */
static const char page_two[] =
    "{ \"StreamDescription\" : { \"StreamStatus\" : \"DISABLED\", \"Shards\" : [\n"
    "{\"ShardId\":\"s2\",\"SequenceNumberRange\":{\"StartingSequenceNumber\":\"201\","
    "\"EndingSequenceNumber\":\"300\"}},"
    "{\"ShardId\":\"s3\",\"ParentShardId\":\"s2\",\"AdjacentParentShardId\":\"s1\","
    "\"SequenceNumberRange\":null},"
    "{\"ShardId\":\"s4\",\"ParentShardId\":null,\"SequenceNumberRange\":"
    "{\"EndingSequenceNumber\":null}},"
    "{\"ShardId\":\"s5\",\"ParentShardId\":\"\"},{\"ShardId\":\"s5\",\"ParentShardId\":\"s5\"}] } "
    "}";

static void test_listing__pages_are_joined_and_overlaps_merged(void **state)
{
    struct tr_shard_list list = {0};
    struct tr_err err = {0};
    (void)state;
    tr_assert_status(tr_shard_list_add(&list, tr_bytes_of(page_one), &err), TR_OK, &err);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.status, TR_STREAM_ENABLED);
    tr_assert_bytes(tr_buf_bytes(&list.last_evaluated), "s2");
    tr_assert_bytes(list.shards[0].id, "s1");
    tr_assert_bytes(list.shards[0].starting, "100");
    tr_assert_bytes(list.shards[0].ending, "200");
    assert_int_equal(list.shards[0].parent_count, 0);
    tr_assert_bytes(list.shards[1].id, "s2");
    tr_assert_bytes(list.shards[1].parents[0], "s1");
    assert_null(list.shards[1].ending.ptr);

    tr_assert_status(tr_shard_list_add(&list, tr_bytes_of(page_two), &err), TR_OK, &err);
    assert_int_equal(list.count, 5);
    assert_int_equal(list.status, TR_STREAM_DISABLED);
    assert_int_equal(list.last_evaluated.len, 0);
    tr_assert_bytes(list.shards[1].ending, "300");
    tr_assert_bytes(list.shards[1].parents[0], "s1");
    tr_assert_bytes(list.shards[2].id, "s3");
    assert_int_equal(list.shards[2].parent_count, 2);
    tr_assert_bytes(list.shards[2].parents[1], "s1");
    assert_int_equal(list.shards[3].parent_count, 0);
    assert_null(list.shards[3].ending.ptr);
    assert_null(list.shards[3].starting.ptr);
    tr_assert_bytes(list.shards[4].id, "s5");
    assert_int_equal(list.shards[4].parent_count, 0);
    tr_shard_list_deinit(&list);
}

#define ONE(shard)                                                                                 \
    "{\"StreamDescription\":{\"StreamStatus\":\"ENABLED\",\"Shards\":[{\"ShardId\":\"ok\"}," shard \
    "]}}"
#define DIGITS_41 "12345678901234567890123456789012345678901"

static void test_listing__says_where_an_answer_is_odd_and_stays_as_it_was(void **state)
{
    static const struct {
        const char *body;
        const char *says;
    } bad[] = {
        {"{\"StreamDescription\":", "ends at byte"},
        {"{}", "StreamDescription: missing"},
        {"[]", "StreamDescription: missing"},
        {"{\"StreamDescription\":7}", "StreamDescription: '7' is a number, an object"},
        {"{\"StreamDescription\":{\"StreamStatus\":\"ENABLED\"}}", "Shards: missing, an array"},
        {"{\"StreamDescription\":{\"Shards\":null}}", "Shards: 'null' is null"},
        {"{\"StreamDescription\":{\"Shards\":[]}}", "StreamStatus: missing"},
        {"{\"StreamDescription\":{\"Shards\":[],\"StreamStatus\":\"ON\"}}",
         "StreamStatus: '\"ON\"'"},
        {"{\"StreamDescription\":{\"Shards\":[],\"StreamStatus\":\"ENABLED\","
         "\"LastEvaluatedShardId\":3}}",
         "LastEvaluatedShardId: '3' is a number"},
        {ONE("5"), "StreamDescription.Shards[1]: '5'"},
        {ONE("{}"), "StreamDescription.Shards[1].ShardId: missing, a string"},
        {ONE("{\"ShardId\":\"\"}"), "Shards[1].ShardId: '' is empty"},
        {ONE("{\"ShardId\":[1]}"), "Shards[1].ShardId: '[1]' is an array"},
        {ONE("{\"ShardId\":\"x\",\"ParentShardId\":{}}"), "Shards[1].ParentShardId: '{}'"},
        {ONE("{\"ShardId\":\"x\",\"SequenceNumberRange\":\"5\"}"),
         "Shards[1].SequenceNumberRange: '\"5\"' is a string, an object"},
        {ONE("{\"ShardId\":\"x\",\"SequenceNumberRange\":{\"StartingSequenceNumber\":\"-1\"}}"),
         "StartingSequenceNumber: '-1' is no number"},
        {ONE("{\"ShardId\":\"x\",\"SequenceNumberRange\":{\"EndingSequenceNumber\":\"" DIGITS_41
             "\"}}"),
         "EndingSequenceNumber: '" DIGITS_41 "' is no number of 1 to 40"},
        {ONE("{\"ShardId\":\"x\",\"SequenceNumberRange\":{\"EndingSequenceNumber\":5}}"),
         "EndingSequenceNumber: '5' is a number, a string"},
    };
    struct tr_shard_list list = {0};
    size_t i;
    (void)state;
    assert_int_equal(tr_shard_list_add(&list, tr_bytes_of(page_one), NULL), TR_OK);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tr_err err = {0};
        tr_assert_status(tr_shard_list_add(&list, tr_bytes_of(bad[i].body), &err), TR_EPARSE, &err);
        tr_assert_has(err.text, bad[i].says);
        assert_int_equal(list.count, 2);
        assert_int_equal(list.status, TR_STREAM_ENABLED);
        tr_assert_bytes(tr_buf_bytes(&list.last_evaluated), "s2");
    }
    assert_int_equal(tr_shard_list_add(&list, tr_bytes_of(page_two), NULL), TR_OK);
    assert_int_equal(list.count, 5);
    tr_shard_list_deinit(&list);
}

#define PAGE(last)                                                                                 \
    "{\"StreamDescription\":{\"StreamStatus\":\"ENABLED\",\"Shards\":[],"                          \
    "\"LastEvaluatedShardId\":\"" last "\"}}"

static void test_listing__that_does_not_advance_is_an_error(void **state)
{
    struct tr_shard_list list = {0};
    struct tr_err err = {0};
    (void)state;
    assert_int_equal(tr_shard_list_add(&list, TR_LIT(PAGE("a")), NULL), TR_OK);
    assert_int_equal(tr_shard_list_add(&list, TR_LIT(PAGE("b")), NULL), TR_OK);
    tr_assert_status(tr_shard_list_add(&list, TR_LIT(PAGE("b")), &err), TR_EPARSE, &err);
    tr_assert_has(err.text, "LastEvaluatedShardId: 'b' came before");
    tr_assert_status(tr_shard_list_add(&list, TR_LIT(PAGE("a")), &err), TR_EPARSE, &err);
    tr_assert_has(err.text, "does not advance");
    assert_int_equal(tr_shard_list_add(&list, TR_LIT(PAGE("c")), NULL), TR_OK);
    tr_shard_list_deinit(&list);
}

static void test_listing__every_failed_allocation_leaves_it_as_before(void **state)
{
    int64_t n;
    enum tr_status status = TR_ENOMEM;
    (void)state;
    for (n = 0; status != TR_OK; n++) {
        struct tr_shard_list list = {0};
        assert_int_equal(tr_shard_list_add(&list, tr_bytes_of(page_one), NULL), TR_OK);
        (void)tr_mem_fail_at(n);
        status = tr_shard_list_add(&list, tr_bytes_of(page_two), NULL);
        (void)tr_mem_fail_at(-1);
        if (status != TR_OK) {
            assert_int_equal(status, TR_ENOMEM);
            assert_int_equal(list.count, 2);
            assert_null(list.shards[1].ending.ptr);
            tr_assert_bytes(tr_buf_bytes(&list.last_evaluated), "s2");
            assert_int_equal(tr_shard_list_add(&list, tr_bytes_of(page_two), NULL), TR_OK);
        }
        assert_int_equal(list.count, 5);
        tr_shard_list_deinit(&list);
    }
    assert_true(n > 3);
}

static void test_streams__pages_are_joined(void **state)
{
    struct tr_stream_list list = {0};
    struct tr_err err = {0};
    (void)state;
    tr_assert_status(
        tr_stream_list_add(&list,
                           TR_LIT("{\"Streams\":[{\"StreamArn\":\"arn1\",\"TableName\":\"T\","
                                  "\"StreamLabel\":\"l1\"}],\"LastEvaluatedStreamArn\":\"arn1\"}"),
                           &err),
        TR_OK, &err);
    tr_assert_status(tr_stream_list_add(&list, TR_LIT("{\"Streams\":[{}]}"), &err), TR_EPARSE,
                     &err);
    tr_assert_has(err.text, "Streams[0].StreamArn: missing");
    tr_assert_status(tr_stream_list_add(&list, TR_LIT("{}"), &err), TR_EPARSE, &err);
    tr_assert_has(err.text, "Streams: missing, an array");
    tr_assert_status(
        tr_stream_list_add(&list, TR_LIT("{\"Streams\":[],\"LastEvaluatedStreamArn\":\"arn1\"}"),
                           &err),
        TR_EPARSE, &err);
    tr_assert_has(err.text, "does not advance");
    tr_assert_status(
        tr_stream_list_add(
            &list, TR_LIT("{\"Streams\":[{\"StreamArn\":\"arn1\"},{\"StreamArn\":\"arn2\"}]}"),
            &err),
        TR_OK, &err);
    assert_int_equal(list.count, 2);
    tr_assert_bytes(list.streams[0].table, "T");
    tr_assert_bytes(list.streams[0].label, "l1");
    tr_assert_bytes(list.streams[1].arn, "arn2");
    assert_int_equal(list.last_evaluated.len, 0);
    tr_stream_list_deinit(&list);
}

static void test_requests__are_these_bytes(void **state)
{
    struct tr_position number, latest = {.kind = TR_POSITION_LATEST};
    struct tr_position at_timestamp = {.kind = TR_POSITION_AT_TIMESTAMP};
    struct tr_buf out = {0};
    (void)state;
    assert_int_equal(tr_position_parse(TR_LIT("12345678901234567890123"), &number, NULL), TR_OK);
#define CHECK(call, want)                                                                          \
    tr_buf_reset(&out);                                                                            \
    call;                                                                                          \
    tr_assert_bytes(tr_buf_bytes(&out), want)
    CHECK(tr_encode_describe_stream(&out, TR_LIT("a\"rn"), (struct tr_bytes){0},
                                    (struct tr_bytes){0}),
          "{\"StreamArn\":\"a\\\"rn\"}");
    CHECK(tr_encode_describe_stream(&out, TR_LIT("arn"), TR_LIT("s1"), (struct tr_bytes){0}),
          "{\"StreamArn\":\"arn\",\"ExclusiveStartShardId\":\"s1\"}");
    CHECK(tr_encode_describe_stream(&out, TR_LIT("arn"), TR_LIT("s1"), TR_LIT("s0")),
          "{\"StreamArn\":\"arn\",\"ExclusiveStartShardId\":\"s1\","
          "\"ShardFilter\":{\"Type\":\"CHILD_SHARDS\",\"ShardId\":\"s0\"}}");
    CHECK(tr_encode_get_shard_iterator(&out, TR_LIT("arn"), TR_LIT("s1"), &TR_TRIM_HORIZON, false),
          "{\"StreamArn\":\"arn\",\"ShardId\":\"s1\",\"ShardIteratorType\":\"TRIM_HORIZON\"}");
    CHECK(tr_encode_get_shard_iterator(&out, TR_LIT("arn"), TR_LIT("s1"), &latest, true),
          "{\"StreamArn\":\"arn\",\"ShardId\":\"s1\",\"ShardIteratorType\":\"LATEST\"}");
    CHECK(tr_encode_get_shard_iterator(&out, TR_LIT("arn"), TR_LIT("s1"), &at_timestamp, true),
          "{\"StreamArn\":\"arn\",\"ShardId\":\"s1\",\"ShardIteratorType\":\"TRIM_HORIZON\"}");
    CHECK(tr_encode_get_shard_iterator(&out, TR_LIT("arn"), TR_LIT("s1"), &number, false),
          "{\"StreamArn\":\"arn\",\"ShardId\":\"s1\",\"ShardIteratorType\":"
          "\"AFTER_SEQUENCE_NUMBER\",\"SequenceNumber\":\"12345678901234567890123\"}");
    CHECK(tr_encode_get_shard_iterator(&out, TR_LIT("arn"), TR_LIT("s1"), &number, true),
          "{\"StreamArn\":\"arn\",\"ShardId\":\"s1\",\"ShardIteratorType\":"
          "\"AT_SEQUENCE_NUMBER\",\"SequenceNumber\":\"12345678901234567890123\"}");
    CHECK(tr_encode_get_records(&out, TR_LIT("it"), 1000),
          "{\"ShardIterator\":\"it\",\"Limit\":1000}");
    CHECK(tr_encode_get_records(&out, TR_LIT("it"), 0), "{\"ShardIterator\":\"it\"}");
    CHECK(tr_encode_describe_table(&out, TR_LIT("T")), "{\"TableName\":\"T\"}");
    CHECK(tr_encode_list_streams(&out, TR_LIT("T"), TR_LIT("arn")),
          "{\"TableName\":\"T\",\"ExclusiveStartStreamArn\":\"arn\"}");
    CHECK(tr_encode_list_streams(&out, (struct tr_bytes){0}, TR_LIT("arn")),
          "{\"ExclusiveStartStreamArn\":\"arn\"}");
    CHECK(tr_encode_list_streams(&out, (struct tr_bytes){0}, (struct tr_bytes){0}), "{}");
#undef CHECK
    tr_buf_deinit(&out);
}

static void test_answers__hold_one_value_or_say_what_is_wrong(void **state)
{
    struct tr_buf out = {0};
    struct tr_err err = {0};
    (void)state;
    tr_assert_status(tr_decode_shard_iterator(TR_LIT("{\"ShardIterator\":\"a\\/b\"}"), &out, &err),
                     TR_OK, &err);
    tr_assert_bytes(tr_buf_bytes(&out), "a/b");
    tr_assert_status(tr_decode_shard_iterator(TR_LIT("{\"ShardIterator\":null}"), &out, &err),
                     TR_EPARSE, &err);
    tr_assert_has(err.text, "ShardIterator: 'null' is null");
    assert_int_equal(out.len, 0);
    tr_assert_status(tr_decode_shard_iterator(TR_LIT("{}"), &out, &err), TR_EPARSE, &err);
    tr_assert_has(err.text, "ShardIterator: missing");
    tr_assert_status(tr_decode_shard_iterator(TR_LIT("{\"ShardIterator\":\"\"}"), &out, &err),
                     TR_EPARSE, &err);
    tr_assert_has(err.text, "'' is empty");
    tr_assert_status(tr_decode_shard_iterator(TR_LIT("<html>"), &out, &err), TR_EPARSE, &err);

    tr_assert_status(
        tr_decode_latest_stream(TR_LIT("{\"Table\":{\"TableName\":\"T\",\"StreamSpecification\":{"
                                       "\"StreamEnabled\":false},\"LatestStreamArn\":\"arn\"}}"),
                                &out, &err),
        TR_OK, &err);
    tr_assert_bytes(tr_buf_bytes(&out), "arn");
    tr_assert_status(
        tr_decode_latest_stream(TR_LIT("{\"Table\":{\"TableName\":\"T\"}}"), &out, &err),
        TR_ENOTFOUND, &err);
    assert_string_equal(err.text, "table 'T' has no stream");
    tr_assert_status(tr_decode_latest_stream(TR_LIT("{\"Table\":[]}"), &out, &err), TR_EPARSE,
                     &err);
    tr_assert_status(tr_decode_latest_stream(TR_LIT("{}"), &out, &err), TR_EPARSE, &err);
    tr_assert_has(err.text, "Table: '' is nothing");
    tr_assert_status(
        tr_decode_latest_stream(TR_LIT("{\"Table\":{\"LatestStreamArn\":5}}"), &out, &err),
        TR_EPARSE, &err);
    tr_assert_has(err.text, "Table.LatestStreamArn: '5' is a number");
    tr_buf_deinit(&out);
}

static void test_answers__survive_every_failed_allocation(void **state)
{
    enum tr_status status = TR_ENOMEM;
    int64_t n;
    (void)state;
    for (n = 0; status != TR_OK; n++) {
        struct tr_buf out = {0};
        (void)tr_mem_fail_at(n);
        status = tr_decode_latest_stream(TR_LIT("{\"Table\":{\"LatestStreamArn\":\"a\\u0062c\"}}"),
                                         &out, NULL);
        (void)tr_mem_fail_at(-1);
        assert_true(status == TR_OK || status == TR_ENOMEM);
        tr_assert_bytes((struct tr_bytes){out.ptr != NULL ? out.ptr : "", out.len},
                        status == TR_OK ? "abc" : "");
        tr_buf_deinit(&out);
    }
    assert_true(n > 2);
}

static void test_shard_id__gives_its_time_if_it_has_the_usual_form(void **state)
{
    int64_t ms = -1;
    (void)state;
    assert_true(tr_shard_id_ms(TR_LIT("shardId-00000001573689847184-864758bb"), &ms));
    assert_int_equal(ms, 1573689847184);
    assert_false(tr_shard_id_ms(TR_LIT("shardId-00000001573689847184-"), &ms));
    assert_false(tr_shard_id_ms(TR_LIT("shardId-0000000157368984718x-864758bb"), &ms));
    assert_false(tr_shard_id_ms(TR_LIT("shardId-00000001573689847184-86475xbb"), &ms));
    assert_false(tr_shard_id_ms(TR_LIT("shardId-99999999999999999999-864758bb"), &ms));
    assert_false(tr_shard_id_ms(TR_LIT("shardId-000000000000"), &ms));
    assert_false(tr_shard_id_ms((struct tr_bytes){0}, &ms));
}

static void test_stream_arn__has_region_table_and_label(void **state)
{
    struct tr_bytes region = {0}, table = {0}, label = {0};
    static const char *const none[] = {
        "",
        "Orders",
        "arn:aws:dynamodb:us-west-2:1:table/T",
        "arn:aws:dynamodb:us-west-2:1:table/T/stream/",
        "arn:aws:dynamodb::1:table/T/stream/x",
        "arn:aws:kinesis:us-west-2:1:stream/T",
        "arn:aws:dynamodb:us-west-2:1:table//stream/x",
    };
    size_t i;
    (void)state;
    assert_true(tr_stream_arn_parts(TR_LIT("arn:aws-cn:dynamodb:cn-north-1:111122223333:table/"
                                           "TestTable/stream/2015-05-11T21:21:33.291"),
                                    &region, &table, &label));
    tr_assert_bytes(region, "cn-north-1");
    tr_assert_bytes(table, "TestTable");
    tr_assert_bytes(label, "2015-05-11T21:21:33.291");
    for (i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_false(tr_stream_arn_parts(tr_bytes_of(none[i]), &region, &table, &label));
    }
    assert_false(tr_stream_arn_parts((struct tr_bytes){0}, &region, &table, &label));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listing__pages_are_joined_and_overlaps_merged),
        cmocka_unit_test(test_listing__says_where_an_answer_is_odd_and_stays_as_it_was),
        cmocka_unit_test(test_listing__that_does_not_advance_is_an_error),
        cmocka_unit_test(test_listing__every_failed_allocation_leaves_it_as_before),
        cmocka_unit_test(test_streams__pages_are_joined),
        cmocka_unit_test(test_requests__are_these_bytes),
        cmocka_unit_test(test_answers__hold_one_value_or_say_what_is_wrong),
        cmocka_unit_test(test_answers__survive_every_failed_allocation),
        cmocka_unit_test(test_shard_id__gives_its_time_if_it_has_the_usual_form),
        cmocka_unit_test(test_stream_arn__has_region_table_and_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
