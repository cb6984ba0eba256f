/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults on request: one table of kinds, and the rules in force (which operation, which table, how
 * often). tr_local_call asks here before it serves a call. */
#ifndef TR_LOCAL_FAULT_H
#define TR_LOCAL_FAULT_H

#include "base/random.h"
#include "local/local.h"

struct tr_call;

/* Which operations a kind can be set for: bits. */
enum tr_fault_scope {
    TR_FAULT_ON_ANY = 1 << 0,     /* every operation but the control ones */
    TR_FAULT_ON_LISTS = 1 << 1,   /* ListStreams, DescribeStream */
    TR_FAULT_ON_RECORDS = 1 << 2, /* GetRecords */
    TR_FAULT_ON_STREAM = 1 << 3,  /* DescribeStream, GetShardIterator, GetRecords */
    TR_FAULT_ON_READS = 1 << 4,   /* GetItem, BatchGetItem, Query, Scan */
    TR_FAULT_ON_WRITES = 1 << 5,  /* PutItem, UpdateItem, DeleteItem */
    TR_FAULT_ON_BATCHES = 1 << 6, /* BatchGetItem, BatchWriteItem */
};

/* id, name in SetFault, scope, what happens */
#define TR_FAULT_TABLE(X)                                                                          \
    X(THROTTLE, "Throttle", TR_FAULT_ON_ANY,                                                       \
      "ProvisionedThroughputExceededException (items) or ThrottlingException; nothing is done")    \
    X(INTERNAL, "InternalError", TR_FAULT_ON_ANY,                                                  \
      "HTTP 500 in the service's JSON; nothing is done")                                           \
    X(HTML_500, "Html500", TR_FAULT_ON_ANY, "HTTP 500 with an HTML body; nothing is done")         \
    X(NOT_FOUND, "ResourceNotFound", TR_FAULT_ON_ANY, "ResourceNotFoundException")                 \
    X(EXPIRED_ITERATOR, "ExpiredIterator", TR_FAULT_ON_RECORDS, "ExpiredIteratorException")        \
    X(HANG, "Hang", TR_FAULT_ON_ANY, "no answer, the connection stays open; nothing is done")      \
    X(RESET_BEFORE, "ResetBefore", TR_FAULT_ON_ANY, "the connection is reset; nothing is done")    \
    X(RESET_AFTER, "ResetAfter", TR_FAULT_ON_ANY,                                                  \
      "the call is done, then the connection is reset")                                            \
    X(HALF_ANSWER, "HalfAnswer", TR_FAULT_ON_ANY,                                                  \
      "the call is done; half of the answer is sent, then the connection is closed")               \
    X(DELAY, "Delay", TR_FAULT_ON_ANY, "the call is done; its answer comes DelayMs later")         \
    X(STALE_LISTING, "StaleListing", TR_FAULT_ON_LISTS,                                            \
      "the listing lacks what happened in the last 30 s")                                          \
    X(PARTIAL_LISTING, "PartialListing", TR_FAULT_ON_LISTS,                                        \
      "the listing lacks the newer half of its entries and does not say so")                       \
    X(EARLY_TRIM, "EarlyTrim", TR_FAULT_ON_STREAM,                                                 \
      "all records of the table's streams but each shard's newest are trimmed, then the call is "  \
      "done")                                                                                      \
    X(TWO_READERS, "TwoReaders", TR_FAULT_ON_RECORDS,                                              \
      "a third reader of a shard within a second gets LimitExceededException")                     \
    X(SHARD_LIMITS, "ShardLimits", TR_FAULT_ON_RECORDS,                                            \
      "more than 5 calls or 2 MiB a second and shard are throttled")                               \
    X(EMPTY_PAGE, "EmptyPage", TR_FAULT_ON_RECORDS,                                                \
      "a page without records, with a next iterator at the same place")                            \
    X(STALE_READ, "StaleRead", TR_FAULT_ON_READS,                                                  \
      "a read without ConsistentRead sees items as before their last write of 5 s")                \
    X(NO_ALL_OLD, "NoAllOld", TR_FAULT_ON_WRITES,                                                  \
      "ReturnValuesOnConditionCheckFailure is ignored, as by servers that lack it")                \
    X(UNPROCESSED, "Unprocessed", TR_FAULT_ON_BATCHES, "half of the batch comes back unprocessed")

enum tr_fault_kind {
#define TR_FAULT_ENUM(id, name, scope, text) TR_FAULT_##id,
    TR_FAULT_TABLE(TR_FAULT_ENUM)
#undef TR_FAULT_ENUM
        TR_FAULT_COUNT
};

#define TR_FAULTS_MAX 64 /* rules in force together */

/* One rule. */
struct tr_fault {
    uint64_t id;
    enum tr_fault_kind kind;
    int op;               /* enum tr_op; -1: every operation in the kind's scope */
    char table[256];      /* "" for all */
    uint64_t left;        /* times to go; UINT64_MAX: until it is cleared */
    uint64_t skip;        /* calls to let pass first */
    uint64_t per_million; /* probability */
    uint64_t delay_ms;
};

/* A member of struct tr_local, by value; init with {0}. */
struct tr_local_faults {
    struct tr_fault rules[TR_FAULTS_MAX];
    size_t count;
    uint64_t newest_id;
    uint64_t fired; /* since the last ClearFaults of all */
    struct tr_random random;
};

/* Choose the faults of one call. Those that an operation plays itself are set in the call, delays
 * and broken deliveries in the answer.
 * Errors:  TR_OK: go on and serve the call; TR_EREFUSED: the call's problem is the answer;
 *          TR_ECANCELED: the answer is complete (or will never be sent), the call is not served. */
enum tr_status tr_local_faults_apply(struct tr_call *call, int op,
                                     struct tr_local_answer *answer) TR_MUST_CHECK;

/* A kind by its name; -1. And what a kind fits. */
int tr_fault_kind_of(struct tr_bytes name);
bool tr_fault_fits(enum tr_fault_kind kind, int op);
const char *tr_fault_name(enum tr_fault_kind kind);

#endif
