/* SPDX-License-Identifier: Apache-2.0
 *
 * SIGTERM and SIGINT for commands that run until told: a thread waits for them, so that nothing
 * has to be safe inside a signal handler. The first asks the command to end, the second ends the
 * process at once with exit code 1. */
#ifndef TR_CLI_SIGNALS_H
#define TR_CLI_SIGNALS_H

#include "tailrace/status.h"

struct tr_signals;

/* Block both signals for the process and start the thread that waits for them.
 * Shape:   before other threads are started (they inherit the mask), or after threads that block
 *          them anyway.
 * Errors:  TR_ELIMIT, TR_ENOMEM.
 * Owns:    *out returned (free with tr_signals_stop); ctx is the caller's until then.
 * Threads: main; `stop` runs on the waiting thread. */
enum tr_status tr_signals_start(void (*stop)(void *ctx), void *ctx, struct tr_signals **out,
                                struct tr_err *err) TR_MUST_CHECK;
/* End the thread. NULL is fine. */
void tr_signals_stop(struct tr_signals *signals);
/* How many of them arrived so far. Threads: any. */
unsigned tr_signals_count(const struct tr_signals *signals);

#endif
