/* SPDX-License-Identifier: Apache-2.0
 *
 * The shell around the consumers: the loop thread that owns their cores and the AWS client, one
 * slicing thread, a pool of threads that call the processors. Bytes come in through the client,
 * pages go to the slicing thread, batches to the pool, and everything comes back to the loop
 * through one queue. include/tailrace/tailrace.h is its public face. */
#ifndef TR_WORKER_WORKER_H
#define TR_WORKER_WORKER_H

#include "config/config.h"
#include "tailrace/tailrace.h"

/* As tr_worker_open, from a configuration that is loaded already.
 * Owns:    config borrowed until tr_worker_free. */
enum tr_status tr_worker_new(const struct tr_config *config, bool once, unsigned once_pages,
                             struct tr_worker **out, struct tr_err *err) TR_MUST_CHECK;
/* Have on_quiet called, on the loop, each time that no large answer (a page of records, a scan) has
 * come for two seconds after one: a time to give memory back. */
void tr_worker_when_quiet(struct tr_worker *worker, void (*on_quiet)(void));

#endif
