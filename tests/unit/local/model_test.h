/* SPDX-License-Identifier: Apache-2.0
 *
 * Calling the service model in tests: one model, a clock that the test owns, JSON in and out. */
#ifndef TR_TESTS_UNIT_LOCAL_MODEL_TEST_H
#define TR_TESTS_UNIT_LOCAL_MODEL_TEST_H

#include "tests/support/test.h"

#include "base/json.h"
#include "base/mem.h"
#include "local/local.h"

#include <stdio.h>
#include <string.h>

#define START_MS INT64_C(1795248000000) /* 2026-11-21T08:00:00Z */

#define STREAMS "DynamoDBStreams_20120810."
#define TABLES "DynamoDB_20120810."
#define CONTROL "TailraceLocal_1."

struct model {
    struct tr_local *local;
    struct tr_wall now;
    struct tr_local_answer answer;
    struct tr_json_doc doc;
    char text[8192]; /* of the last request */
};

static inline void model_init(struct model *m, uint64_t seed, unsigned shards)
{
    struct tr_local_options options = {.seed = seed, .open_shards = shards};
    *m = (struct model){.now = {START_MS}};
    assert_int_equal(tr_local_new(&options, m->now, &m->local), TR_OK);
}

static inline void model_deinit(struct model *m)
{
    tr_local_free(m->local);
    tr_local_answer_deinit(&m->answer);
    tr_json_deinit(&m->doc);
}

/* Call and give the answer's object; the status is in m->answer. */
static inline struct tr_json call_raw(struct model *m, const char *target, struct tr_bytes body)
{
    struct tr_err err = {{0}};
    tr_local_call(m->local, m->now, tr_bytes_of(target), body, &m->answer);
    if (m->answer.delivery != TR_LOCAL_SEND || m->answer.body.len == 0 ||
        m->answer.body.ptr[0] != '{') {
        return (struct tr_json){NULL, 0};
    }
    tr_assert_status(tr_json_parse(&m->doc, tr_buf_bytes(&m->answer.body), &err), TR_OK, &err);
    return tr_json_root(&m->doc);
}

static inline struct tr_json TR_PRINTF(3, 4)
    call_any(struct model *m, const char *target, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(m->text, sizeof m->text, fmt, args);
    va_end(args);
    return call_raw(m, target, tr_bytes_of(m->text));
}

/* A call that has to work. */
#define call(m, target, ...)                                                                       \
    (call_any(m, target, __VA_ARGS__), require_ok(m, target), tr_json_root(&(m)->doc))

static inline void require_ok(const struct model *m, const char *target)
{
    if (m->answer.http_status != 200) {
        fail_msg("%s: %u %.*s", target, m->answer.http_status, (int)m->answer.body.len,
                 m->answer.body.ptr);
    }
}

/* A call that has to fail with an error whose __type ends so. */
#define call_fails(m, error, target, ...)                                                          \
    (call_any(m, target, __VA_ARGS__), require_error(m, target, error))

static inline void require_error(const struct model *m, const char *target, const char *error)
{
    struct tr_buf scratch = {0};
    struct tr_bytes type = {"", 0};
    if (m->doc.count > 0) {
        (void)!tr_json_str(tr_json_get(tr_json_root(&m->doc), "__type"), &scratch, &type);
    }
    if (m->answer.http_status == 200 || !tr_bytes_ends(type, error)) {
        fail_msg("%s: want %s, got %u %.*s", target, error, m->answer.http_status,
                 (int)m->answer.body.len, m->answer.body.ptr);
    }
    tr_buf_deinit(&scratch);
}

/* A string member as a C string; "" when it is not there. */
static inline const char *text_of(struct tr_json value, char *out, size_t size)
{
    struct tr_bytes raw = tr_json_raw(value);
    out[0] = '\0';
    if (tr_json_type(value) == TR_JSON_STRING) {
        snprintf(out, size, "%.*s", (int)raw.len - 2, raw.ptr + 1);
    }
    return out;
}

static inline struct tr_json element(struct tr_json array, size_t index)
{
    struct tr_json value = tr_json_first(array);
    while (index-- > 0 && value.doc != NULL) {
        value = tr_json_next(array, value);
    }
    return value;
}

/* A table with a string key "pk" and a stream. */
static inline void make_table(struct model *m, const char *name, const char *view)
{
    call(m, TABLES "CreateTable",
         "{\"TableName\":\"%s\",\"AttributeDefinitions\":[{\"AttributeName\":\"pk\","
         "\"AttributeType\":\"S\"}],\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":"
         "\"HASH\"}],\"BillingMode\":\"PAY_PER_REQUEST\",\"StreamSpecification\":{"
         "\"StreamEnabled\":true,\"StreamViewType\":\"%s\"}}",
         name, view);
    m->now.ms += 10000; /* it becomes ACTIVE */
    tr_local_tick(m->local, m->now);
}

static inline void put(struct model *m, const char *table, const char *key, unsigned value)
{
    call(m, TABLES "PutItem",
         "{\"TableName\":\"%s\",\"Item\":{\"pk\":{\"S\":\"%s\"},\"v\":{\"N\":\"%u\"}}}", table, key,
         value);
}

static inline void delete_item(struct model *m, const char *table, const char *key)
{
    call(m, TABLES "DeleteItem", "{\"TableName\":\"%s\",\"Key\":{\"pk\":{\"S\":\"%s\"}}}", table,
         key);
}

struct name {
    char text[2048];
};

/* The newest stream of a table. */
static inline struct name stream_of(struct model *m, const char *table)
{
    struct name arn;
    struct tr_json root = call(m, TABLES "DescribeTable", "{\"TableName\":\"%s\"}", table);
    text_of(tr_json_get(tr_json_get(root, "Table"), "LatestStreamArn"), arn.text, sizeof arn.text);
    return arn;
}

/* The shards of a stream, whole. */
static inline struct tr_json shards_of(struct model *m, const char *arn)
{
    struct tr_json root = call(m, STREAMS "DescribeStream", "{\"StreamArn\":\"%s\"}", arn);
    return tr_json_get(tr_json_get(root, "StreamDescription"), "Shards");
}

static inline struct name shard_at(struct model *m, const char *arn, size_t index)
{
    struct name id;
    text_of(tr_json_get(element(shards_of(m, arn), index), "ShardId"), id.text, sizeof id.text);
    return id;
}

static inline struct name iterator(struct model *m, const char *arn, const char *shard,
                                   const char *type, const char *number)
{
    struct name text;
    struct tr_json root;
    if (number != NULL) {
        root = call(m, STREAMS "GetShardIterator",
                    "{\"StreamArn\":\"%s\",\"ShardId\":\"%s\",\"ShardIteratorType\":\"%s\","
                    "\"SequenceNumber\":\"%s\"}",
                    arn, shard, type, number);
    } else {
        root = call(m, STREAMS "GetShardIterator",
                    "{\"StreamArn\":\"%s\",\"ShardId\":\"%s\",\"ShardIteratorType\":\"%s\"}", arn,
                    shard, type);
    }
    text_of(tr_json_get(root, "ShardIterator"), text.text, sizeof text.text);
    return text;
}

/* One page: its records; *next is the next iterator or "". */
static inline struct tr_json page(struct model *m, const char *from, unsigned limit,
                                  struct name *next)
{
    struct tr_json root =
        call(m, STREAMS "GetRecords", "{\"ShardIterator\":\"%s\",\"Limit\":%u}", from, limit);
    text_of(tr_json_get(root, "NextShardIterator"), next->text, sizeof next->text);
    return tr_json_get(root, "Records");
}

/* The records of the first (or only) page of a shard from its trim horizon. */
static inline struct tr_json records_of(struct model *m, const char *arn, const char *shard)
{
    struct name next;
    struct name from = iterator(m, arn, shard, "TRIM_HORIZON", NULL);
    return page(m, from.text, 1000, &next);
}

#endif
