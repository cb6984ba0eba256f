/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether to repeat a call, and when: exponential backoff with full jitter, and a token bucket for
 * each class of calls, so that an outage does not multiply the load. */
#ifndef TR_AWS_RETRY_CORE_H
#define TR_AWS_RETRY_CORE_H

#include "base/random.h"
#include "base/time.h"
#include "tailrace/status.h"

/* Those of the AWS SDKs' present standard mode for DynamoDB, but for the cap: theirs is 20 s, which
 * is longer than a lease lives. */
#define TR_RETRY_BASE_MS 25
#define TR_RETRY_BASE_THROTTLED_MS 1000
#define TR_RETRY_CAP_MS 5000
#define TR_RETRY_HINT_EXTRA_MS 5000 /* how far a service's hint may go beyond our own wait */
#define TR_RETRY_TOKENS_MAX 500
#define TR_RETRY_COST 14
#define TR_RETRY_COST_THROTTLED 5

/* The budget of one class. */
struct tr_retry {
    struct tr_random random;
    unsigned tokens;
};

struct tr_retry_failure {
    enum tr_status status;
    bool repeatable;       /* the outcome is of a kind that may pass */
    unsigned attempts;     /* made so far, this one included */
    unsigned attempts_max; /* 0: no limit but time and budget */
    uint64_t hint_ms;      /* x-amz-retry-after; 0: none */
    struct tr_mono now;
    struct tr_mono deadline; /* of the whole call */
};

struct tr_retry_decision {
    bool again;
    uint64_t wait_ms;
    unsigned cost; /* taken from the budget; given back if the repetition succeeds */
};

/* A full budget; the seed is the jitter's. */
void tr_retry_init(struct tr_retry *retry, uint64_t seed);
/* Take a failed attempt's cost from the budget, or say that the call ends with it. */
struct tr_retry_decision tr_retry_decide(struct tr_retry *retry,
                                         const struct tr_retry_failure *failure);
/* A call succeeded; `cost` is that of its last repetition, 0 if there was none. */
void tr_retry_succeeded(struct tr_retry *retry, unsigned cost);

#endif
