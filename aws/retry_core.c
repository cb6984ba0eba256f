/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/retry_core.h"

void tr_retry_init(struct tr_retry *retry, uint64_t seed)
{
    tr_random_init(&retry->random, seed);
    retry->tokens = TR_RETRY_TOKENS_MAX;
}

/* base * 2^(attempts - 1), at most the cap. */
static uint64_t ceiling(const struct tr_retry_failure *failure)
{
    uint64_t base =
        failure->status == TR_ETHROTTLED ? TR_RETRY_BASE_THROTTLED_MS : TR_RETRY_BASE_MS;
    unsigned doublings = failure->attempts > 0 ? failure->attempts - 1 : 0;
    uint64_t most = doublings < 16 ? base << doublings : TR_RETRY_CAP_MS;
    return most < TR_RETRY_CAP_MS ? most : TR_RETRY_CAP_MS;
}

/* Full jitter: evenly from nothing to the ceiling, so that callers that failed together do not come
 * back together. A hint lengthens the wait, within bounds. */
static uint64_t wait_of(struct tr_retry *retry, const struct tr_retry_failure *failure)
{
    uint64_t wait = tr_random_below(&retry->random, ceiling(failure) + 1);
    uint64_t most = wait + TR_RETRY_HINT_EXTRA_MS;
    uint64_t hint = failure->hint_ms < most ? failure->hint_ms : most;
    return hint > wait ? hint : wait;
}

struct tr_retry_decision tr_retry_decide(struct tr_retry *retry,
                                         const struct tr_retry_failure *failure)
{
    unsigned cost = failure->status == TR_ETHROTTLED ? TR_RETRY_COST_THROTTLED : TR_RETRY_COST;
    struct tr_retry_decision decision = {0};

    if (!failure->repeatable ||
        (failure->attempts_max != 0 && failure->attempts >= failure->attempts_max) ||
        retry->tokens < cost) {
        return decision;
    }
    decision.wait_ms = wait_of(retry, failure);
    if (tr_mono_reached(tr_mono_add_ms(failure->now, decision.wait_ms), failure->deadline)) {
        return (struct tr_retry_decision){0}; /* no time would be left to use it */
    }
    retry->tokens -= cost;
    decision.again = true;
    decision.cost = cost;
    return decision;
}

void tr_retry_succeeded(struct tr_retry *retry, unsigned cost)
{
    unsigned back = cost > 0 ? cost : 1;
    unsigned room = TR_RETRY_TOKENS_MAX - retry->tokens;
    retry->tokens += back < room ? back : room;
}
