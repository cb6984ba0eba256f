/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's insides, shared by client.c (the life of calls) and setup.c (making a client). */
#ifndef TR_AWS_CALL_H
#define TR_AWS_CALL_H

#include "aws/credentials.h"
#include "aws/retry_core.h"
#include "aws/transfer.h"

#include <stdatomic.h>

struct tr_call_list {
    struct tr_aws_call *head, *tail;
};

struct tr_aws_call {
    struct tr_aws_call *prev, *next;
    struct tr_call_list *list;     /* the one it is in; NULL while its callback runs */
    struct tr_aws_request request; /* without the body */
    struct tr_buf body;            /* owned */
    tr_aws_done_fn *done;
    void *ctx;
    struct tr_mono deadline; /* of the whole call */
    struct tr_mono launched; /* the present attempt */
    struct tr_mono first_byte_deadline;
    struct tr_mono retry_at;
    struct tr_transfer *transfer; /* NULL unless flying */
    unsigned tries;
    unsigned retry_cost;
    int64_t signed_offset_ms; /* the clock offset that the present attempt was signed with */
    bool skewed;              /* was repeated for its time already */
    bool may_have_happened;
    struct tr_aws_answer answer;
};

struct tr_aws {
    struct tr_endpoints endpoints;
    struct tr_credentials credentials; /* owned */
    struct tr_sigv4 *signer;           /* owned */
    struct tr_transfers *transfers;    /* owned */
    struct tr_call_list queued[TR_AWS_CLASS_COUNT];
    struct tr_call_list flying, waiting, finished;
    unsigned in_flight[TR_AWS_CLASS_COUNT];
    unsigned in_flight_max[TR_AWS_CLASS_COUNT];
    struct tr_retry retry[TR_AWS_CLASS_COUNT];
    struct tr_mono next_timer;
    unsigned large_expected; /* above 0: a page of records came lately */
    int64_t offset_ms;       /* the service's clock less ours */
    int64_t noted_offset_ms;
    bool polling;
    _Atomic bool woken; /* the one member that other threads write */
};

#endif
