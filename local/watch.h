/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens inside the service model, told to a test that judges others by it: as it is, not as
 * answers show it. Costs nothing when nobody watches. */
#ifndef TR_LOCAL_WATCH_H
#define TR_LOCAL_WATCH_H

#include "base/bytes.h"
#include "base/time.h"

/* Every member but ctx is a callback and may be NULL; it must not call the model. Bytes and strings
 * are borrowed for the call. */
struct tr_local_watch {
    void *ctx;
    /* A shard came to be; parent is "" for none. And: it takes no more records. */
    void (*shard_opened)(void *ctx, struct tr_wall at, struct tr_bytes arn, const char *shard,
                         const char *parent);
    void (*shard_closed)(void *ctx, struct tr_wall at, struct tr_bytes arn, const char *shard);
    /* A record was appended: its number and its text as GetRecords sends it. */
    void (*record)(void *ctx, struct tr_wall at, struct tr_bytes arn, const char *shard,
                   const char *number, struct tr_bytes text);
    /* Records up to and including a number are gone; NULL: and the shard is listed no more. */
    void (*trimmed)(void *ctx, struct tr_wall at, struct tr_bytes arn, const char *shard,
                    const char *number);
    /* An item of a table (none that has a stream) was written, or deleted: what was there before
     * and after as {"name":{"S":"..."},...}, absent where there was or is none. */
    void (*item)(void *ctx, struct tr_wall at, struct tr_bytes table, struct tr_bytes before,
                 struct tr_bytes after);
};

#endif
