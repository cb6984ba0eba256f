/* SPDX-License-Identifier: Apache-2.0
 *
 * What the service answers instead of a result: one table of its error codes, and the one that a
 * request has run into. */
#ifndef TR_LOCAL_PROBLEM_H
#define TR_LOCAL_PROBLEM_H

#include "base/buf.h"

#define TR_TYPE_CORAL "com.amazon.coral."
#define TR_TYPE_DYNAMODB "com.amazonaws.dynamodb.v20120810#"

/* id, HTTP status, __type, spelling of the message's member ("" = none is sent) */
#define TR_PROBLEM_TABLE(X)                                                                        \
    X(VALIDATION, 400, TR_TYPE_CORAL "validate#ValidationException", "message")                    \
    X(SERIALIZATION, 400, TR_TYPE_CORAL "service#SerializationException", "Message")               \
    X(UNKNOWN_OPERATION, 400, TR_TYPE_CORAL "service#UnknownOperationException", "")               \
    X(CONDITION, 400, TR_TYPE_DYNAMODB "ConditionalCheckFailedException", "message")               \
    X(NOT_FOUND, 400, TR_TYPE_DYNAMODB "ResourceNotFoundException", "message")                     \
    X(IN_USE, 400, TR_TYPE_DYNAMODB "ResourceInUseException", "message")                           \
    X(LIMIT, 400, TR_TYPE_DYNAMODB "LimitExceededException", "message")                            \
    X(THROUGHPUT, 400, TR_TYPE_DYNAMODB "ProvisionedThroughputExceededException", "message")       \
    X(THROTTLING, 400, TR_TYPE_CORAL "availability#ThrottlingException", "message")                \
    X(ITERATOR_EXPIRED, 400, TR_TYPE_DYNAMODB "ExpiredIteratorException", "message")               \
    X(TRIMMED, 400, TR_TYPE_DYNAMODB "TrimmedDataAccessException", "message")                      \
    X(MISSING_TOKEN, 400, TR_TYPE_CORAL "service#MissingAuthenticationTokenException", "message")  \
    X(INCOMPLETE_SIGNATURE, 400, TR_TYPE_CORAL "service#IncompleteSignatureException", "message")  \
    X(BAD_SIGNATURE, 400, TR_TYPE_CORAL "service#InvalidSignatureException", "message")            \
    X(UNKNOWN_KEY, 400, TR_TYPE_CORAL "service#UnrecognizedClientException", "message")            \
    X(TOO_LARGE, 413, TR_TYPE_CORAL "service#RequestEntityTooLargeException", "message")           \
    X(INTERNAL, 500, TR_TYPE_DYNAMODB "InternalServerError", "message")

enum tr_problem_code {
#define TR_PROBLEM_ENUM(id, http, type, member) TR_PROBLEM_##id,
    TR_PROBLEM_TABLE(TR_PROBLEM_ENUM)
#undef TR_PROBLEM_ENUM
        TR_PROBLEM_COUNT
};

/* Init with {0}; reset by whoever starts the next request. */
struct tr_problem {
    enum tr_problem_code code;
    struct tr_buf message; /* owned */
    struct tr_buf members; /* owned: further members of the body, `"Item":{...}`; or empty */
};

/* Set code and message and hand TR_EREFUSED through (TR_ENOMEM without memory). */
enum tr_status tr_problem_set(struct tr_problem *problem, enum tr_problem_code code,
                              const char *fmt, ...) TR_PRINTF(3, 4) TR_MUST_CHECK;

/* Forget it, for the next use; the memory stays. */
void tr_problem_reset(struct tr_problem *problem);
void tr_problem_deinit(struct tr_problem *problem);

#endif
