/* SPDX-License-Identifier: Apache-2.0
 *
 * What the user runs on a batch. A kind of processor is one table of functions; the pool's threads
 * call it, one batch of a lease at a time. */
#ifndef TR_PROCESSOR_PROCESSOR_H
#define TR_PROCESSOR_PROCESSOR_H

#include "stream/page.h"

/* Records handed over in one call: first .. first+count-1 of a page. Borrowed for the call. */
struct tr_batch {
    const struct tr_page *page;
    size_t first;
    size_t count;
    struct tr_bytes consumer;
    struct tr_bytes stream_arn;
    struct tr_bytes shard;
    uint64_t fencing; /* the lease's counter when the batch was handed out */
};

struct tr_processor;

struct tr_processor_ops {
    /* Process the batch. *done: how many records from the first on are done for good, also when the
     * rest failed (a record counts only when it is safe where it went).
     * Errors:  class retry: the rest may be tried again; TR_ECLOSED and class fatal or config: it
     * never will. err says what, where. Threads: pool; several shards at once. */
    enum tr_status (*process)(struct tr_processor *processor, const struct tr_batch *batch,
                              size_t *done, struct tr_err *err);
    void (*free)(struct tr_processor *processor);
};

/* A kind's own struct begins with this. */
struct tr_processor {
    const struct tr_processor_ops *ops;
};

/* Append records as lines to a file.
 * Shape:   path: "-" is stdout; "{shard}" is replaced by the shard's id.
 * Errors:  TR_ECONFIG (a path that cannot be written: a folder, a missing folder), TR_EIO,
 * TR_ENOMEM. Owns:    *out returned (free with ops->free); path copied. */
enum tr_status tr_file_processor_new(const char *path, bool sync_batch, struct tr_processor **out,
                                     struct tr_err *err) TR_MUST_CHECK;

#endif
