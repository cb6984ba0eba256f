/* SPDX-License-Identifier: Apache-2.0
 *
 * One call at a time, for commands that have nothing else to do meanwhile. */
#ifndef TR_CLI_SYNC_H
#define TR_CLI_SYNC_H

#include "aws/client.h"

#include <stdatomic.h>

/* Make a call and wait for its answer (other calls under way go on). body is emptied for the next
 * use; a write is repeated by the client as far as it may be.
 * Errors:  the answer's status; err has its message.
 * Owns:    answer->body is the caller's from then on.
 * Threads: the client's. */
enum tr_status tr_cli_call(struct tr_aws *aws, enum tr_aws_service service, const char *operation,
                           struct tr_buf *body, struct tr_aws_answer *answer,
                           struct tr_err *err) TR_MUST_CHECK;
/* The same, but it ends when *stop is found true; whoever sets that wakes the client.
 * Errors:  TR_ECANCELED then: the call was dropped. */
enum tr_status tr_cli_call_unless(struct tr_aws *aws, const _Atomic bool *stop,
                                  enum tr_aws_service service, const char *operation,
                                  struct tr_buf *body, struct tr_aws_answer *answer,
                                  struct tr_err *err) TR_MUST_CHECK;

#endif
