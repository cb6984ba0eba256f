/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker counts: notes of its consumers and calls to the services, by tables. */
#ifndef TR_WORKER_COUNTING_H
#define TR_WORKER_COUNTING_H

#include "aws/client.h"
#include "base/metrics.h"
#include "base/note.h"

/* What is to be known of a request when its answer comes. */
struct tr_call_kind {
    size_t operation; /* among the values of tailrace_calls_total: of its first outcome */
    enum tr_aws_class class;
    bool consistent;
};

/* Of a request, before its body goes. */
struct tr_call_kind tr_call_kind(const struct tr_aws_request *request);
/* Count a call that was answered. Threads: any, here and below. */
void tr_count_call(struct tr_metrics *metrics, size_t consumer, const struct tr_call_kind *kind,
                   const struct tr_aws_answer *answer);
/* Count a note; most have no counter of their own. */
void tr_count_note(struct tr_metrics *metrics, size_t consumer, const struct tr_note *note);

#endif
