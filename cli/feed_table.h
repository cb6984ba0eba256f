/* SPDX-License-Identifier: Apache-2.0
 *
 * The table that `tailrace feed` writes to: found, checked, made with its stream if asked. */
#ifndef TR_CLI_FEED_TABLE_H
#define TR_CLI_FEED_TABLE_H

#include "aws/client.h"

#include <stdatomic.h>

struct tr_feed_table_options {
    const char *table;
    const char *view_type;    /* NULL: of a new table NEW_AND_OLD_IMAGES, of one that exists any */
    const _Atomic bool *stop; /* waiting ends when it becomes true */
    bool create;
    bool ttl; /* items carry `expires_at`: the table must remove them by it */
};

/* Make sure that the table is ACTIVE, has a stream, and the feed's key.
 * Errors:  TR_ENOTFOUND (missing, and not to be made), TR_EREFUSED (no stream, another key, another
 *          view type or time to live), TR_ETIMEOUT, TR_ECANCELED (stop), what calls return.
 * Threads: the client's; it waits. */
enum tr_status tr_feed_table_prepare(struct tr_aws *aws,
                                     const struct tr_feed_table_options *options,
                                     struct tr_err *err) TR_MUST_CHECK;

#endif
