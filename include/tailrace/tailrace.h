/* SPDX-License-Identifier: Apache-2.0
 *
 * tailrace as a library: a worker that does what `tailrace run` does, inside a process of yours.
 * Give it configuration files, let a thread run it, stop it from any other. */
#ifndef TAILRACE_TAILRACE_H
#define TAILRACE_TAILRACE_H

#include "tailrace/status.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that runs, "0.1.0".
 * Owns:    static text.
 * Threads: any. */
TR_API const char *tr_version(void);

/* A worker: one process's part in the fleet. */
struct tr_worker;

/* Init with {.size = sizeof(struct tr_worker_options)}; what is zero takes its default. */
struct tr_worker_options {
    size_t size;
    const char *const *files; /* YAML configuration files, merged */
    size_t file_count;
    bool once;           /* end when every shard is read to its end or its tip */
    unsigned once_pages; /* empty pages in a row that make a tip; 0: 5 */
};

/* Load the configuration, resolve region and credentials, open the processors.
 * Errors:  TR_ECONFIG with all errors of the configuration, a line each as far as there is room;
 *          TR_EUNSUPPORTED; TR_ENOMEM; TR_EUSAGE (size too small, no file).
 * Owns:    options borrowed for the call; *out returned (free with tr_worker_free), NULL on errors.
 * Threads: any. libcurl's global state is initialized here. */
TR_API enum tr_status tr_worker_open(const struct tr_worker_options *options,
                                     struct tr_worker **out, struct tr_err *err) TR_MUST_CHECK;

/* Work until stopped (or, with once, until all is read). Leases are released and everything that
 * was processed is checkpointed when it returns TR_OK.
 * Errors:  TR_ECONFIG or TR_EAUTH (what was configured cannot be used), TR_ETIMEOUT (stopped, but
 *          batches in hand did not finish within worker.shutdown_timeout: their leases expire by
 *          themselves, nothing is lost), anything else that made going on impossible; err says
 *          what.
 * Threads: one; it becomes the loop thread. */
TR_API enum tr_status tr_worker_run(struct tr_worker *worker, struct tr_err *err) TR_MUST_CHECK;

/* Finish the batches in hand, checkpoint, release, return from tr_worker_run. May be repeated.
 * Threads: any, but not from a signal handler. */
TR_API void tr_worker_stop(struct tr_worker *worker);

/* Free it; NULL is fine. After tr_worker_run returned TR_ETIMEOUT a processor may still be at work:
 * then its threads and memory are left to the end of the process.
 * Threads: any, when tr_worker_run is not running. */
TR_API void tr_worker_free(struct tr_worker *worker);

#ifdef __cplusplus
}
#endif
#endif
