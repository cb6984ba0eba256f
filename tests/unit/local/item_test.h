/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact answers of the operations on tables and items. Requests and answers are written with ' for
 * ", so that they can be read; what the model answers is in a fixed order, so whole bodies are
 * compared. */
#ifndef TR_TESTS_UNIT_LOCAL_ITEM_TEST_H
#define TR_TESTS_UNIT_LOCAL_ITEM_TEST_H

#include "tests/unit/local/model_test.h"

#define VALIDATION "com.amazon.coral.validate#ValidationException"
#define SERIALIZATION "com.amazon.coral.service#SerializationException"
#define DYNAMODB "com.amazonaws.dynamodb.v20120810#"

/* One call and its whole answer. */
struct exchange {
    const char *op;
    const char *request;
    unsigned status;
    const char *answer;
};

static inline void requote(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            *text = '"';
        } else if (*text == '"') {
            *text = '\'';
        }
    }
}

/* Send a request in single quotes; the answer, in single quotes too, is in *answer. */
static inline unsigned ask(struct model *m, const char *op, const char *request, char *answer,
                           size_t size)
{
    char target[128];
    char *body = tr_strdup(request);
    assert_non_null(body);
    requote(body);
    snprintf(target, sizeof target, TABLES "%s", op);
    tr_local_call(m->local, m->now, tr_bytes_of(target), tr_bytes_of(body), &m->answer);
    snprintf(answer, size, "%.*s", (int)m->answer.body.len, m->answer.body.ptr);
    requote(answer);
    tr_free(body);
    return m->answer.http_status;
}

static inline void expect(struct model *m, const char *op, const char *request, unsigned status,
                          const char *answer)
{
    char got[8192];
    unsigned got_status = ask(m, op, request, got, sizeof got);
    if (got_status != status || strcmp(got, answer) != 0) {
        fail_msg("%s %s\ngot  %u %s\nwant %u %s", op, request, got_status, got, status, answer);
    }
}

/* The request is refused with a ValidationException that says so. */
static inline void expect_invalid(struct model *m, const char *op, const char *request,
                                  const char *message)
{
    char answer[4096];
    snprintf(answer, sizeof answer, "{'__type':'" VALIDATION "','message':'%s'}", message);
    expect(m, op, request, 400, answer);
}

/* The same of a message that holds quotes of its own: ' stands for itself. */
static inline void expect_quoted(struct model *m, const char *op, const char *request,
                                 const char *message)
{
    char got[4096], want[1024];
    assert_int_equal(ask(m, op, request, got, sizeof got), 400);
    requote(got);
    snprintf(want, sizeof want, "\"message\":\"%s\"", message);
    tr_assert_has(got, want);
}

static inline void expect_all(struct model *m, const struct exchange *list, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) {
        expect(m, list[i].op, list[i].request, list[i].status, list[i].answer);
    }
}

#define EXPECT_ALL(m, list) expect_all(m, list, sizeof list / sizeof list[0])

/* A table with key `k` (S) and, unless NULL, `r` of a type. */
static inline void make_items_table(struct model *m, const char *name, const char *range_type)
{
    char request[1024], answer[4096];
    snprintf(request, sizeof request,
             "{'TableName':'%s','BillingMode':'PAY_PER_REQUEST','AttributeDefinitions':["
             "{'AttributeName':'k','AttributeType':'S'}%s%s%s],"
             "'KeySchema':[{'AttributeName':'k','KeyType':'HASH'}%s]}",
             name, range_type != NULL ? ",{'AttributeName':'r','AttributeType':'" : "",
             range_type != NULL ? range_type : "", range_type != NULL ? "'}" : "",
             range_type != NULL ? ",{'AttributeName':'r','KeyType':'RANGE'}" : "");
    if (ask(m, "CreateTable", request, answer, sizeof answer) != 200) {
        fail_msg("%s: %s", name, answer);
    }
}

#endif
