/* SPDX-License-Identifier: Apache-2.0
 *
 * The service model: DynamoDB tables and DynamoDB Streams in memory, behind the services' own JSON
 * protocol. The core is pure (time and seed are given in, bytes go in and come out), so tests and
 * the simulator call it directly; local/server.h puts HTTP in front of it. */
#ifndef TR_LOCAL_LOCAL_H
#define TR_LOCAL_LOCAL_H

#include "base/buf.h"
#include "base/time.h"

struct tr_local;

struct tr_local_watch;

struct tr_local_options {
    uint64_t seed;                      /* of ids, shard sizes, probabilities of faults */
    const char *region;                 /* NULL: us-east-1 */
    const char *account;                /* twelve digits; NULL: 000000000000 */
    unsigned open_shards;               /* shards that a new stream starts with; 0: 1 */
    uint64_t table_delay_ms;            /* tables are CREATING, UPDATING, DELETING so long */
    const struct tr_local_watch *watch; /* copied; NULL: nobody watches (local/watch.h) */
};

/* What the HTTP face has to do with an answer besides sending it (faults asked for through the
 * control operations). */
enum tr_local_delivery {
    TR_LOCAL_SEND,  /* the whole answer, after delay_ms */
    TR_LOCAL_HANG,  /* never answer, keep the connection open */
    TR_LOCAL_RESET, /* reset the connection without an answer */
    TR_LOCAL_HALF,  /* send the head and half of the body, then close */
};

/* Init with {0}; deinit frees it. */
struct tr_local_answer {
    unsigned http_status;
    struct tr_buf body;       /* owned */
    const char *content_type; /* static */
    char request_id[53];
    enum tr_local_delivery delivery;
    uint64_t delay_ms;
};

/* Make an empty model.
 * Units:   now is the model's own clock from here on; it never goes back.
 * Errors:  TR_ENOMEM.
 * Owns:    *out returned (free with tr_local_free). */
enum tr_status tr_local_new(const struct tr_local_options *options, struct tr_wall now,
                            struct tr_local **out) TR_MUST_CHECK;
void tr_local_free(struct tr_local *local);

/* Serve one request: X-Amz-Target ("DynamoDB_20120810.PutItem") and body. Every outcome, also a
 * malformed body or lack of memory, is an answer with the service's status, code and message; a
 * write is done whole or not at all.
 * Shape:   *answer is reset first, so one may be used again and again.
 * Units:   now: wall clock of the model; earlier than the last call's counts as that one.
 * Threads: one at a time. */
void tr_local_call(struct tr_local *local, struct tr_wall now, struct tr_bytes target,
                   struct tr_bytes body, struct tr_local_answer *answer);
void tr_local_answer_deinit(struct tr_local_answer *answer);

/* The model's clock: the last call's now, ahead of it by what AdvanceClock asked for. */
struct tr_wall tr_local_now(const struct tr_local *local);

/* When the model next has something to do by itself (a table that becomes ACTIVE, a rollover by
 * age, an item whose time to live is over); INT64_MAX ms for never. */
struct tr_wall tr_local_deadline(const struct tr_local *local);
/* Do what is due at now. */
void tr_local_tick(struct tr_local *local, struct tr_wall now);

#endif
