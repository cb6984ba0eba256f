/* SPDX-License-Identifier: Apache-2.0
 *
 * The members of the requests to tables and items: one table of names and JSON types; each
 * operation lists which it takes. Members that the service does not know are ignored, as the
 * service does; those that it knows and this model has not are refused by name. */
#ifndef TR_LOCAL_REQUEST_H
#define TR_LOCAL_REQUEST_H

#include "local/model.h"

/* name, JSON type */
#define TR_MEMBER_TABLE(X)                                                                         \
    X(AttributeDefinitions, LIST)                                                                  \
    X(AttributeUpdates, MAP)                                                                       \
    X(AttributesToGet, LIST)                                                                       \
    X(BillingMode, STRING)                                                                         \
    X(ConditionExpression, STRING)                                                                 \
    X(ConditionalOperator, STRING)                                                                 \
    X(ConsistentRead, BOOLEAN)                                                                     \
    X(DeletionProtectionEnabled, BOOLEAN)                                                          \
    X(ExclusiveStartKey, MAP)                                                                      \
    X(ExclusiveStartTableName, STRING)                                                             \
    X(Expected, MAP)                                                                               \
    X(ExpressionAttributeNames, MAP)                                                               \
    X(ExpressionAttributeValues, MAP)                                                              \
    X(FilterExpression, STRING)                                                                    \
    X(IndexName, STRING)                                                                           \
    X(Item, MAP)                                                                                   \
    X(Key, MAP)                                                                                    \
    X(KeyConditionExpression, STRING)                                                              \
    X(KeyConditions, MAP)                                                                          \
    X(KeySchema, LIST)                                                                             \
    X(Keys, LIST)                                                                                  \
    X(Limit, INTEGER)                                                                              \
    X(ProjectionExpression, STRING)                                                                \
    X(ProvisionedThroughput, MAP)                                                                  \
    X(QueryFilter, MAP)                                                                            \
    X(RequestItems, MAP)                                                                           \
    X(ReturnConsumedCapacity, STRING)                                                              \
    X(ReturnItemCollectionMetrics, STRING)                                                         \
    X(ReturnValues, STRING)                                                                        \
    X(ReturnValuesOnConditionCheckFailure, STRING)                                                 \
    X(ScanFilter, MAP)                                                                             \
    X(ScanIndexForward, BOOLEAN)                                                                   \
    X(Segment, INTEGER)                                                                            \
    X(Select, STRING)                                                                              \
    X(StreamSpecification, MAP)                                                                    \
    X(TableName, STRING)                                                                           \
    X(TimeToLiveSpecification, MAP)                                                                \
    X(TotalSegments, INTEGER)                                                                      \
    X(UpdateExpression, STRING)

enum tr_member {
#define TR_MEMBER_ENUM(name, type) TR_##name,
    TR_MEMBER_TABLE(TR_MEMBER_ENUM)
#undef TR_MEMBER_ENUM
        TR_MEMBER_COUNT
};

/* The name of a request member as it stands on the wire. */
const char *tr_member_name(enum tr_member member);

/* What an operation takes, and what it refuses (ended by NULL). */
struct tr_request_shape {
    const enum tr_member *members;
    size_t count;
    const char *const *refused;
};

/* The members of one request; absent ones (and null) have doc NULL. */
struct tr_request {
    struct tr_json member[TR_MEMBER_COUNT];
};

/* Sort a request's members out.
 * Errors:  TR_EREFUSED: of a wrong JSON type, or not available; TR_ENOMEM. */
enum tr_status tr_request_read(struct tr_call *call, struct tr_json object,
                               const struct tr_request_shape *shape,
                               struct tr_request *out) TR_MUST_CHECK;
bool tr_request_has(const struct tr_request *request, enum tr_member member);
/* A string member's content; absent when it is not there. Errors: TR_ENOMEM. */
enum tr_status tr_request_text(struct tr_call *call, const struct tr_request *request,
                               enum tr_member member, struct tr_bytes *out) TR_MUST_CHECK;
bool tr_request_bool(const struct tr_request *request, enum tr_member member, bool otherwise);
/* Whether a string member is just this word. */
bool tr_request_is(const struct tr_request *request, enum tr_member member, const char *word);

/* The service's plain constraints are checked together and told together, ten at most. Init with
 * {0}; at is "tableName", "keySchema.1.member.keyType". */
struct tr_checks {
    unsigned count;
};
void tr_check(struct tr_call *call, struct tr_checks *checks, bool good, struct tr_json value,
              const char *at, const char *constraint);
/* The member has to be there. */
void tr_check_given(struct tr_call *call, struct tr_checks *checks,
                    const struct tr_request *request, enum tr_member member);
/* If it is there, it is one of the words ("NONE, TOTAL"). */
void tr_check_word(struct tr_call *call, struct tr_checks *checks, const struct tr_request *request,
                   enum tr_member member, const char *words);
/* If it is there, it is a whole number of at least min. */
void tr_check_least(struct tr_call *call, struct tr_checks *checks,
                    const struct tr_request *request, enum tr_member member, int64_t min);
/* The table's name is there and has its form. */
void tr_check_table_name(struct tr_call *call, struct tr_checks *checks,
                         const struct tr_request *request);
/* Whether it has the form of a table's name, or of an ARN. */
bool tr_request_names_table(struct tr_bytes text);
/* Tell what was found. */
enum tr_status tr_check_end(struct tr_call *call, const struct tr_checks *checks) TR_MUST_CHECK;

/* A whole number that was checked; otherwise when it is not there. */
int64_t tr_json_int(struct tr_json value, int64_t otherwise);
/* "x" of "a, x, b". */
bool tr_word_among(struct tr_bytes word, const char *words);

#endif
