/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the service model share: the state of one model, and one request on its way
 * through it. Outside this folder both are opaque (local/local.h). */
#ifndef TR_LOCAL_MODEL_H
#define TR_LOCAL_MODEL_H

#include "base/json.h"
#include "base/random.h"
#include "local/arena.h"
#include "local/fault.h"
#include "local/local.h"
#include "local/problem.h"
#include "local/stream.h"
#include "local/watch.h"

struct tr_local_table;

struct tr_local_tables {
    struct tr_local_table **list; /* owned, sorted by name */
    size_t count;
    size_t cap;
    uint64_t delay_ms;   /* CREATING, UPDATING and DELETING last this long */
    uint64_t history_ms; /* how long the item before a write is remembered; 0: not at all */
};

struct tr_local {
    struct tr_wall now;  /* never goes back */
    int64_t advanced_ms; /* by AdvanceClock: added to what callers say the time is */
    struct tr_random random;
    char region[32];
    char account[13];
    struct tr_local_tables tables;
    struct tr_local_streams streams;
    struct tr_local_faults faults;
    struct tr_local_watch watch;
    struct tr_arena arena;  /* of the request being served */
    struct tr_json_doc doc; /* of the request being served */
};

/* Let the model's clock leap ahead of its callers' and do what becomes due. */
void tr_local_advance(struct tr_local *local, int64_t ms);

/* An answer made of a problem that was met before the model was asked. */
void tr_local_refuse(struct tr_local *local, struct tr_wall now, const struct tr_problem *problem,
                     struct tr_local_answer *answer);

/* One request: what an operation reads and what it fills. */
struct tr_call {
    struct tr_local *local;
    struct tr_json request;    /* an object */
    struct tr_arena *arena;    /* scratch of this request */
    struct tr_buf *out;        /* the answer's body; starts empty; dropped unless TR_OK */
    struct tr_problem problem; /* filled when TR_EREFUSED */
    /* Faults that an operation itself has to play: */
    bool stale_read;  /* a read without ConsistentRead sees items as before their last write, as far
                         as the history goes back */
    bool no_all_old;  /* ReturnValuesOnConditionCheckFailure is ignored */
    bool unprocessed; /* a batch gives half of its items back */
    bool stale_list;  /* a listing lacks what is younger than 30 s */
    bool part_list;   /* a listing lacks the second half of its entries */
    bool empty_page;  /* GetRecords: no records this time */
    bool two_readers; /* GetRecords: a third reader of a shard within a second is refused */
    bool shard_limits; /* GetRecords: 5 calls and 2 MB a second and shard */
};

#endif
