/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults on request: each kind does what its row in the table says, as often as it was told. */
#include "tests/unit/local/model_test.h"

#include "local/fault.h"

struct fixture {
    struct model m;
    struct name arn;
    struct name shard;
};

static void fixture_init(struct fixture *f)
{
    model_init(&f->m, 7, 1);
    make_table(&f->m, "T01", "NEW_IMAGE");
    f->arn = stream_of(&f->m, "T01");
    f->shard = shard_at(&f->m, f->arn.text, 0);
}

#define PUT_A "{\"TableName\":\"T01\",\"Item\":{\"pk\":{\"S\":\"a\"}}}"
#define GET_A "{\"TableName\":\"T01\",\"Key\":{\"pk\":{\"S\":\"a\"}}}"

static bool has_item(struct model *m)
{
    return tr_json_get(call(m, TABLES "GetItem", GET_A), "Item").doc != NULL;
}

static void test_fault__throttles_as_often_as_told(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f);
    call(&f.m, CONTROL "SetFault",
         "{\"Fault\":\"Throttle\",\"Operation\":\"PutItem\",\"TableName\":\"T01\",\"Count\":2,"
         "\"Skip\":1}");
    call(&f.m, TABLES "PutItem", "{\"TableName\":\"T01\",\"Item\":{\"pk\":{\"S\":\"first\"}}}");
    call_fails(&f.m, "#ProvisionedThroughputExceededException", TABLES "PutItem", PUT_A);
    call_fails(&f.m, "#ProvisionedThroughputExceededException", TABLES "PutItem", PUT_A);
    assert_false(has_item(&f.m)); /* nothing was done */
    call(&f.m, TABLES "PutItem", PUT_A);
    assert_true(has_item(&f.m));
    model_deinit(&f.m);
}

static void test_fault__strikes_only_its_table(void **state)
{
    struct fixture f;
    struct name from;
    (void)state;
    fixture_init(&f);
    make_table(&f.m, "T02", "KEYS_ONLY");
    from = iterator(&f.m, f.arn.text, f.shard.text, "TRIM_HORIZON", NULL);
    call(&f.m, CONTROL "SetFault", "{\"Fault\":\"InternalError\",\"TableName\":\"T01\"}");
    call(&f.m, TABLES "PutItem", "{\"TableName\":\"T02\",\"Item\":{\"pk\":{\"S\":\"a\"}}}");
    call_fails(&f.m, "#InternalServerError", TABLES "PutItem", PUT_A);
    assert_int_equal(f.m.answer.http_status, 500);
    call_fails(&f.m, "#InternalServerError", STREAMS "DescribeStream", "{\"StreamArn\":\"%s\"}",
               f.arn.text);
    call_fails(&f.m, "#InternalServerError", STREAMS "GetRecords", "{\"ShardIterator\":\"%s\"}",
               from.text);
    call(&f.m, STREAMS "ListStreams", "{}");
    call(&f.m, CONTROL "ClearFaults", "{}");
    assert_false(has_item(&f.m));
    model_deinit(&f.m);
}

static void test_fault__probability_follows_the_seed(void **state)
{
    unsigned failed[2] = {0, 0}, run, i;
    (void)state;
    for (run = 0; run < 2; run++) {
        struct fixture f;
        fixture_init(&f);
        call(&f.m, CONTROL "SetFault", "{\"Fault\":\"Throttle\",\"Probability\":0.25}");
        for (i = 0; i < 400; i++) {
            call_any(&f.m, TABLES "GetItem", GET_A);
            failed[run] += f.m.answer.http_status != 200;
        }
        model_deinit(&f.m);
    }
    assert_in_range(failed[0], 60, 140);
    assert_int_equal(failed[0], failed[1]);
}

static void test_fault__errors_of_the_streams(void **state)
{
    struct fixture f;
    struct name from;
    (void)state;
    fixture_init(&f);
    from = iterator(&f.m, f.arn.text, f.shard.text, "TRIM_HORIZON", NULL);
    call(&f.m, CONTROL "SetFault", "{\"Fault\":\"ExpiredIterator\",\"Count\":1}");
    call_fails(&f.m, "#ExpiredIteratorException", STREAMS "GetRecords",
               "{\"ShardIterator\":\"%s\"}", from.text);
    call(&f.m, CONTROL "SetFault",
         "{\"Fault\":\"ResourceNotFound\",\"Operation\":\"DescribeStream\",\"Count\":1}");
    call_fails(&f.m, "#ResourceNotFoundException", STREAMS "DescribeStream",
               "{\"StreamArn\":\"%s\"}", f.arn.text);
    call(&f.m, CONTROL "SetFault",
         "{\"Fault\":\"Throttle\",\"Operation\":\"GetRecords\",\"Count\":1}");
    call_fails(&f.m, "#ThrottlingException", STREAMS "GetRecords", "{\"ShardIterator\":\"%s\"}",
               from.text);
    call(&f.m, STREAMS "GetRecords", "{\"ShardIterator\":\"%s\"}", from.text);
    model_deinit(&f.m);
}

static void test_fault__broken_deliveries_do_the_work_or_not(void **state)
{
    static const struct {
        const char *fault;
        enum tr_local_delivery delivery;
        bool done;
    } cases[] = {
        {"Hang", TR_LOCAL_HANG, false},
        {"ResetBefore", TR_LOCAL_RESET, false},
        {"ResetAfter", TR_LOCAL_RESET, true},
        {"HalfAnswer", TR_LOCAL_HALF, true},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        fixture_init(&f);
        call(&f.m, CONTROL "SetFault", "{\"Fault\":\"%s\",\"Operation\":\"PutItem\",\"Count\":1}",
             cases[i].fault);
        call_any(&f.m, TABLES "PutItem", PUT_A);
        assert_int_equal(f.m.answer.delivery, cases[i].delivery);
        assert_int_equal(has_item(&f.m), cases[i].done);
        model_deinit(&f.m);
    }
}

static void test_fault__html_and_delay(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f);
    call(&f.m, CONTROL "SetFault", "{\"Fault\":\"Html500\",\"Count\":1}");
    call_any(&f.m, TABLES "PutItem", PUT_A);
    assert_int_equal(f.m.answer.http_status, 500);
    assert_string_equal(f.m.answer.content_type, "text/html");
    tr_assert_has(f.m.answer.body.ptr, "<html>");
    call(&f.m, CONTROL "SetFault", "{\"Fault\":\"Delay\",\"DelayMs\":250,\"Count\":1}");
    call(&f.m, TABLES "PutItem", PUT_A);
    assert_int_equal(f.m.answer.delay_ms, 250);
    assert_true(has_item(&f.m));
    assert_int_equal(f.m.answer.delay_ms, 0);
    model_deinit(&f.m);
}

static void test_fault__listings_are_stale_or_cut(void **state)
{
    struct fixture f;
    struct tr_json shards;
    (void)state;
    fixture_init(&f);
    f.m.now.ms += 60000;
    call(&f.m, CONTROL "SplitShard", "{\"TableName\":\"T01\"}");
    call(&f.m, CONTROL "SetFault", "{\"Fault\":\"StaleListing\",\"Count\":1}");
    shards = shards_of(&f.m, f.arn.text);
    assert_int_equal(tr_json_count(shards), 1);
    assert_null(
        tr_json_get(tr_json_get(element(shards, 0), "SequenceNumberRange"), "EndingSequenceNumber")
            .doc);
    call(&f.m, CONTROL "SetFault", "{\"Fault\":\"PartialListing\",\"Count\":1}");
    assert_int_equal(tr_json_count(shards_of(&f.m, f.arn.text)), 2);
    assert_int_equal(tr_json_count(shards_of(&f.m, f.arn.text)), 3);
    call(&f.m, CONTROL "SetFault", "{\"Fault\":\"StaleListing\"}");
    f.m.now.ms += 30001;
    assert_int_equal(tr_json_count(shards_of(&f.m, f.arn.text)), 3);
    model_deinit(&f.m);
}

static void test_fault__early_trim_and_empty_pages(void **state)
{
    struct fixture f;
    struct name from, next;
    unsigned i;
    (void)state;
    fixture_init(&f);
    for (i = 0; i < 5; i++) {
        put(&f.m, "T01", "a", i);
    }
    call(&f.m, CONTROL "SetFault", "{\"Fault\":\"EmptyPage\",\"Count\":2}");
    next = iterator(&f.m, f.arn.text, f.shard.text, "TRIM_HORIZON", NULL);
    assert_int_equal(tr_json_count(page(&f.m, next.text, 1000, &next)), 0);
    assert_int_equal(tr_json_count(page(&f.m, next.text, 1000, &next)), 0);
    assert_int_equal(tr_json_count(page(&f.m, next.text, 1000, &next)), 5);
    from = iterator(&f.m, f.arn.text, f.shard.text, "TRIM_HORIZON", NULL);
    call(&f.m, CONTROL "SetFault",
         "{\"Fault\":\"EarlyTrim\",\"TableName\":\"T01\",\"Operation\":\"GetRecords\","
         "\"Count\":1}");
    call_fails(&f.m, "#TrimmedDataAccessException", STREAMS "GetRecords",
               "{\"ShardIterator\":\"%s\"}", from.text);
    assert_int_equal(tr_json_count(records_of(&f.m, f.arn.text, f.shard.text)), 1);
    model_deinit(&f.m);
}

static void test_fault__a_third_reader_is_refused(void **state)
{
    struct fixture f;
    struct name readers[3], next;
    unsigned i;
    (void)state;
    fixture_init(&f);
    call(&f.m, CONTROL "SetFault", "{\"Fault\":\"TwoReaders\"}");
    for (i = 0; i < 3; i++) {
        readers[i] = iterator(&f.m, f.arn.text, f.shard.text, "TRIM_HORIZON", NULL);
    }
    for (i = 0; i < 4; i++) {
        page(&f.m, readers[i % 2].text, 10, &next);
    }
    call_fails(&f.m, "#LimitExceededException", STREAMS "GetRecords", "{\"ShardIterator\":\"%s\"}",
               readers[2].text);
    f.m.now.ms += 1000;
    page(&f.m, readers[2].text, 10, &next);
    model_deinit(&f.m);
}

static void test_fault__a_shard_has_limits_a_second(void **state)
{
    struct fixture f;
    struct name from, next;
    unsigned i;
    (void)state;
    fixture_init(&f);
    call(&f.m, CONTROL "SetFault", "{\"Fault\":\"ShardLimits\"}");
    from = iterator(&f.m, f.arn.text, f.shard.text, "TRIM_HORIZON", NULL);
    for (i = 0; i < 5; i++) {
        page(&f.m, from.text, 10, &next);
    }
    call_fails(&f.m, "#ThrottlingException", STREAMS "GetRecords", "{\"ShardIterator\":\"%s\"}",
               from.text);
    f.m.now.ms += 1000;
    page(&f.m, from.text, 10, &next);
    model_deinit(&f.m);
}

static void test_fault__items_may_be_stale_or_lack_their_old_image(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f);
    call(&f.m, CONTROL "SetFault", "{\"Fault\":\"StaleRead\"}");
    call(&f.m, TABLES "PutItem", PUT_A);
    assert_false(has_item(&f.m));
    assert_true(tr_json_get(call(&f.m, TABLES "GetItem",
                                 "{\"TableName\":\"T01\",\"ConsistentRead\":true,"
                                 "\"Key\":{\"pk\":{\"S\":\"a\"}}}"),
                            "Item")
                    .doc != NULL);
    call(&f.m, CONTROL "SetFault", "{\"Fault\":\"NoAllOld\",\"Count\":1}");
    call_fails(&f.m, "#ConditionalCheckFailedException", TABLES "PutItem",
               "{\"TableName\":\"T01\",\"Item\":{\"pk\":{\"S\":\"a\"}},\"ConditionExpression\":"
               "\"attribute_not_exists(pk)\",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}");
    assert_null(tr_json_get(tr_json_root(&f.m.doc), "Item").doc);
    call_fails(&f.m, "#ConditionalCheckFailedException", TABLES "PutItem",
               "{\"TableName\":\"T01\",\"Item\":{\"pk\":{\"S\":\"a\"}},\"ConditionExpression\":"
               "\"attribute_not_exists(pk)\",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}");
    assert_true(tr_json_get(tr_json_root(&f.m.doc), "Item").doc != NULL);
    model_deinit(&f.m);
}

static void test_fault__a_batch_comes_back_in_part(void **state)
{
    struct fixture f;
    struct tr_json unprocessed;
    (void)state;
    fixture_init(&f);
    call(&f.m, CONTROL "SetFault", "{\"Fault\":\"Unprocessed\",\"Count\":1}");
    unprocessed = tr_json_get(
        call(&f.m, TABLES "BatchWriteItem",
             "{\"RequestItems\":{\"T01\":[{\"PutRequest\":{\"Item\":{\"pk\":{\"S\":\"a\"}}}},"
             "{\"PutRequest\":{\"Item\":{\"pk\":{\"S\":\"b\"}}}}]}}"),
        "UnprocessedItems");
    assert_int_equal(tr_json_count(tr_json_get(unprocessed, "T01")), 1);
    assert_int_equal(tr_json_count(records_of(&f.m, f.arn.text, f.shard.text)), 1);
    model_deinit(&f.m);
}

static void test_clear_faults__says_how_often_they_struck(void **state)
{
    struct fixture f;
    struct tr_json root;
    uint64_t first = 0, n = 0;
    (void)state;
    fixture_init(&f);
    root = call(&f.m, CONTROL "SetFault", "{\"Fault\":\"Throttle\",\"Operation\":\"PutItem\"}");
    assert_true(tr_json_u64(tr_json_get(root, "FaultId"), 100, &first));
    call(&f.m, CONTROL "SetFault", "{\"Fault\":\"Throttle\",\"Operation\":\"Scan\"}");
    call_fails(&f.m, "Exception", TABLES "PutItem", PUT_A);
    root = call(&f.m, CONTROL "ClearFaults", "{\"FaultId\":%u}", (unsigned)first);
    assert_true(tr_json_u64(tr_json_get(root, "Cleared"), 100, &n));
    assert_int_equal(n, 1);
    call(&f.m, TABLES "PutItem", PUT_A);
    call_fails(&f.m, "Exception", TABLES "Scan", "{\"TableName\":\"T01\"}");
    root = call(&f.m, CONTROL "ClearFaults", "{}");
    assert_true(tr_json_u64(tr_json_get(root, "Struck"), 100, &n));
    assert_int_equal(n, 2);
    call(&f.m, TABLES "Scan", "{\"TableName\":\"T01\"}");
    model_deinit(&f.m);
}

static void test_set_fault__has_a_limit(void **state)
{
    struct fixture f;
    unsigned i;
    (void)state;
    fixture_init(&f);
    for (i = 0; i < 64; i++) {
        call(&f.m, CONTROL "SetFault", "{\"Fault\":\"EmptyPage\"}");
    }
    call_fails(&f.m, "#LimitExceededException", CONTROL "SetFault", "{\"Fault\":\"EmptyPage\"}");
    model_deinit(&f.m);
}

/* The page for users lists the table's faults in its words. */
static void test_fault__each_is_documented(void **state)
{
    static const struct {
        const char *name, *text;
    } rows[] = {
#define ROW(id, name, scope, text) {name, text},
        TR_FAULT_TABLE(ROW)
#undef ROW
    };
    static char page[65536];
    FILE *file = fopen(TR_SOURCE_DIR "/docs/local.md", "r");
    size_t i, len;
    (void)state;
    assert_non_null(file);
    len = fread(page, 1, sizeof page - 1, file);
    fclose(file);
    page[len] = '\0';
    for (i = 0; i < TR_FAULT_COUNT; i++) {
        char start[64];
        const char *row;
        snprintf(start, sizeof start, "\n| `%s` |", rows[i].name);
        row = strstr(page, start);
        if (row == NULL) {
            fail_msg("docs/local.md lacks the fault '%s'", rows[i].name);
        }
        row += 1;
        if (memmem(row, strcspn(row, "\n"), rows[i].text, strlen(rows[i].text)) == NULL) {
            fail_msg("docs/local.md says something else of '%s' than the table", rows[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fault__throttles_as_often_as_told),
        cmocka_unit_test(test_fault__strikes_only_its_table),
        cmocka_unit_test(test_fault__probability_follows_the_seed),
        cmocka_unit_test(test_fault__errors_of_the_streams),
        cmocka_unit_test(test_fault__broken_deliveries_do_the_work_or_not),
        cmocka_unit_test(test_fault__html_and_delay),
        cmocka_unit_test(test_fault__listings_are_stale_or_cut),
        cmocka_unit_test(test_fault__early_trim_and_empty_pages),
        cmocka_unit_test(test_fault__a_third_reader_is_refused),
        cmocka_unit_test(test_fault__a_shard_has_limits_a_second),
        cmocka_unit_test(test_fault__items_may_be_stale_or_lack_their_old_image),
        cmocka_unit_test(test_fault__a_batch_comes_back_in_part),
        cmocka_unit_test(test_clear_faults__says_how_often_they_struck),
        cmocka_unit_test(test_set_fault__has_a_limit),
        cmocka_unit_test(test_fault__each_is_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
