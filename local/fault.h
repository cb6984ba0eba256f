/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults on request: one table of kinds, and the rules in force (which operation, which table, how
 * often). tr_local_call asks here before and after it serves a call. */
#ifndef TR_LOCAL_FAULT_H
#define TR_LOCAL_FAULT_H

#include "base/random.h"
#include "local/local.h"

/* id, name in SetFault, what happens (docs/local.md has the same words) */
#define TR_LOCAL_FAULT_TABLE(X)                                                                    \
    X(THROTTLE, "Throttle", "the call is throttled, nothing is done")                              \
    X(INTERNAL, "InternalError", "HTTP 500 with the service's JSON, nothing is done")              \
    X(HTML_500, "Html500", "HTTP 500 with an HTML body, nothing is done")                          \
    X(HANG, "Hang", "no answer ever; the connection stays open, nothing is done")                  \
    X(DELAY, "Delay", "the call is done; its answer waits DelayMs")                                \
    X(RESET_BEFORE, "ResetBefore", "the connection is reset, nothing is done")                     \
    X(RESET_AFTER, "ResetAfter", "the call is done, then the connection is reset")                 \
    X(HALF_ANSWER, "HalfAnswer", "the call is done; half its answer is sent, then a close")        \
    X(STALE_LISTING, "StaleListing", "a listing lacks what is younger than 30 s")                  \
    X(PARTIAL_LISTING, "PartialListing", "a listing lacks the second half of its entries")         \
    X(EXPIRED_ITERATOR, "ExpiredIterator", "ExpiredIteratorException")                             \
    X(NOT_FOUND, "ResourceNotFound", "ResourceNotFoundException")                                  \
    X(EARLY_TRIM, "EarlyTrim", "all records but the newest are trimmed, then the call is done")    \
    X(STALE_READ, "StaleRead",                                                                     \
      "a read without ConsistentRead sees the item before its last write")                         \
    X(NO_ALL_OLD, "NoAllOld", "ReturnValuesOnConditionCheckFailure is ignored")                    \
    X(TWO_READERS, "TwoReaders", "a third reader of a shard within a second is refused")           \
    X(SHARD_LIMITS, "ShardLimits", "more than 5 GetRecords or 2 MB a second and shard throttle")   \
    X(EMPTY_PAGE, "EmptyPage", "GetRecords answers without records, the iterator stays in place")  \
    X(UNPROCESSED, "Unprocessed", "a batch gives half of its items back unprocessed")

enum tr_local_fault_kind {
#define TR_LOCAL_FAULT_ENUM(id, name, text) TR_LOCAL_FAULT_##id,
    TR_LOCAL_FAULT_TABLE(TR_LOCAL_FAULT_ENUM)
#undef TR_LOCAL_FAULT_ENUM
        TR_LOCAL_FAULT_COUNT
};

#define TR_LOCAL_FAULTS_MAX 64 /* rules in force together */

/* One rule. */
struct tr_local_fault {
    uint64_t id;
    enum tr_local_fault_kind kind;
    int op;          /* enum tr_local_op_id; -1: every operation the kind fits */
    char table[256]; /* "" for all */
    uint64_t count;  /* how often still; 0 when unlimited */
    bool unlimited;
    uint64_t skip;        /* calls that it lets pass before the first time */
    uint32_t per_million; /* probability */
    uint64_t delay_ms;
};

/* A member of struct tr_local, by value; init with {0}. */
struct tr_local_faults {
    struct tr_local_fault rules[TR_LOCAL_FAULTS_MAX];
    size_t count;
    uint64_t next_id;
    struct tr_random random;
};

#endif
