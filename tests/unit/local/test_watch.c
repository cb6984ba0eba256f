/* SPDX-License-Identifier: Apache-2.0
 *
 * Whoever watches the service model is told what happens in it, as it happens. */
#include "local/watch.h"

#include "local/local.h"
#include "tests/support/test.h"

#include <string.h>

#define NOW ((struct tr_wall){1795248000000ll})

struct seen {
    struct tr_local *local;
    unsigned opened, closed, records, trimmed, gone, made, changed, deleted;
    char parent[64];
    char shard[64];
    char number[64];
    char row[256];
};

static void shard_opened(void *ctx, struct tr_wall at, struct tr_bytes arn, const char *shard,
                         const char *parent)
{
    struct seen *seen = ctx;
    (void)at;
    assert_true(arn.len > 0);
    seen->opened++;
    (void)snprintf(seen->shard, sizeof seen->shard, "%s", shard);
    (void)snprintf(seen->parent, sizeof seen->parent, "%s", parent);
}

static void shard_closed(void *ctx, struct tr_wall at, struct tr_bytes arn, const char *shard)
{
    struct seen *seen = ctx;
    (void)at;
    (void)arn;
    (void)shard;
    seen->closed++;
}

static void record(void *ctx, struct tr_wall at, struct tr_bytes arn, const char *shard,
                   const char *number, struct tr_bytes text)
{
    struct seen *seen = ctx;
    (void)at;
    (void)arn;
    assert_string_equal(shard, seen->shard);
    assert_non_null(strstr(text.ptr, number));
    (void)snprintf(seen->number, sizeof seen->number, "%s", number);
    seen->records++;
}

static void trimmed(void *ctx, struct tr_wall at, struct tr_bytes arn, const char *shard,
                    const char *number)
{
    struct seen *seen = ctx;
    (void)at;
    (void)arn;
    (void)shard;
    seen->trimmed += number != NULL;
    seen->gone += number == NULL;
    if (number != NULL) {
        assert_string_equal(number, seen->number);
    }
}

static void item(void *ctx, struct tr_wall at, struct tr_bytes table, struct tr_bytes before,
                 struct tr_bytes after)
{
    struct seen *seen = ctx;
    (void)at;
    tr_assert_bytes(table, "Rows");
    seen->made += before.len == 0;
    seen->changed += before.len > 0 && after.len > 0;
    seen->deleted += after.len == 0;
    (void)snprintf(seen->row, sizeof seen->row, "%.*s", TR_FMT(after));
}

static void call(struct seen *seen, const char *target, const char *body)
{
    struct tr_local_answer answer = {0};
    tr_local_call(seen->local, NOW, tr_bytes_of(target), tr_bytes_of(body), &answer);
    assert_int_equal(answer.http_status, 200);
    tr_local_answer_deinit(&answer);
}

static void make_table(struct seen *seen, const char *name, const char *more)
{
    char body[512];
    (void)snprintf(body, sizeof body,
                   "{\"TableName\":\"%s\",\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":"
                   "\"HASH\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"pk\","
                   "\"AttributeType\":\"S\"}],\"BillingMode\":\"PAY_PER_REQUEST\"%s}",
                   name, more);
    call(seen, "DynamoDB_20120810.CreateTable", body);
}

static void begin(struct seen *seen)
{
    struct tr_local_watch watch = {.ctx = seen,
                                   .shard_opened = shard_opened,
                                   .shard_closed = shard_closed,
                                   .record = record,
                                   .trimmed = trimmed,
                                   .item = item};
    struct tr_local_options options = {.seed = 1, .watch = &watch};
    assert_int_equal(tr_local_new(&options, NOW, &seen->local), TR_OK);
}

static void test_watch__is_told_of_shards_records_and_trimming(void **state)
{
    struct seen seen = {0};
    char parent[64];
    (void)state;
    begin(&seen);
    make_table(&seen, "Items",
               ",\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":"
               "\"NEW_IMAGE\"}");
    assert_int_equal(seen.opened, 1);
    assert_string_equal(seen.parent, "");
    call(&seen, "DynamoDB_20120810.PutItem",
         "{\"TableName\":\"Items\",\"Item\":{\"pk\":{\"S\":\"a\"}}}");
    assert_int_equal(seen.records, 1);
    (void)snprintf(parent, sizeof parent, "%s", seen.shard);
    call(&seen, "TailraceLocal_1.Rollover", "{\"TableName\":\"Items\"}");
    assert_true(seen.opened == 2 && seen.closed == 1);
    assert_string_equal(seen.parent, parent);
    call(&seen, "TailraceLocal_1.Trim", "{\"TableName\":\"Items\",\"Records\":1}");
    assert_true(seen.trimmed == 1 && seen.gone == 1);
    assert_int_equal(seen.made, 0);
    tr_local_free(seen.local);
}

static void test_watch__is_told_of_items_before_and_after(void **state)
{
    struct seen seen = {0};
    (void)state;
    begin(&seen);
    make_table(&seen, "Rows", "");
    call(&seen, "DynamoDB_20120810.PutItem",
         "{\"TableName\":\"Rows\",\"Item\":{\"pk\":{\"S\":\"a\"}}}");
    assert_int_equal(seen.made, 1);
    assert_string_equal(seen.row, "{\"pk\":{\"S\":\"a\"}}");
    call(&seen, "DynamoDB_20120810.PutItem",
         "{\"TableName\":\"Rows\",\"Item\":{\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}}");
    call(&seen, "DynamoDB_20120810.DeleteItem",
         "{\"TableName\":\"Rows\",\"Key\":{\"pk\":{\"S\":\"a\"}}}");
    assert_true(seen.made == 1 && seen.changed == 1 && seen.deleted == 1);
    assert_int_equal(seen.records, 0);
    tr_local_free(seen.local);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch__is_told_of_shards_records_and_trimming),
        cmocka_unit_test(test_watch__is_told_of_items_before_and_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
