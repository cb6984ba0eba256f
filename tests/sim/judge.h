/* SPDX-License-Identifier: Apache-2.0
 *
 * The judge of a simulated fleet: told what the service model and the processors saw, it says
 * what no fleet may do, and, after the faults have stopped, what it must do soon. It shares no
 * comparison, condition, decoding or slicing code with the product: rows and records come to it
 * as the model's JSON text and as plain strings. Times are the world's own true milliseconds. */
#ifndef TR_TESTS_SIM_JUDGE_H
#define TR_TESTS_SIM_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct judge;

/* A verdict against the fleet: which check (a short name, as in the mutants' table) and why. The
 * first one of a run counts; the world stops the run then. */
typedef void judge_wrong_fn(void *ctx, const char *check, const char *why);

/* Numbers of 0 take the default that is told with them; NEVER (UINT64_MAX) turns a bound off. */
struct judge_options {
    uint64_t failover_ms;  /* of every worker, or the longest (judge_failover) */
    uint64_t retention_ms; /* the model's; 24 h */
    const char *lease_table;
    bool latest;         /* what was written before the first lease row may be skipped */
    int64_t epoch_ms;    /* with latest: the service's time at 0, by which rows tell the start; what
                            was written before it may not be processed. 0: that is not judged */
    bool once;           /* workers end of themselves when all is read */
    bool whole_releases; /* what a worker has done is in the checkpoint that it releases with */
    bool may_fail;       /* workers may end with an error (bad input, memory, on_gap: stop) */
    judge_wrong_fn *wrong;
    void *ctx;

    /* Budgets. */
    uint64_t children_hold_ms; /* from a shard's last read until it may be ended without its
                                           children's rows, if no listing shows them; 30 s */
    uint64_t describes_per_minute_base; /* DescribeStream, the whole fleet, and two more for each
                                           shard that has met its end, and a listing for each
                                           worker while there are no rows; 60 */
    uint64_t lease_reads_per_hour_max;  /* tenths of a read unit, one worker; off */
    uint64_t lease_writes_per_hour_max; /* tenths of a write unit, one worker; off */
    uint64_t records_per_second_max;    /* GetRecords of one worker and shard; 5 */
    uint64_t stray_reads_max;           /* of a shard a failover time after it was lost; 10 */
    uint64_t calls_per_second_max; /* one worker, for five seconds: runaway; 20 and 10 a shard */

    /* Liveness, counted from judge_calm. */
    uint64_t allowance_ms; /* added to every bound but the drain's; 0 */
    uint64_t idle_ms;      /* a shard without GetRecords or batch for so long is not read; 15 s */
    uint64_t discover_ms;  /* until a shard that can be read has its row; 3 min */
    uint64_t drain_ms;     /* from a record's writing until it is done; off */
    uint64_t
        released_ms; /* from a release of who stops until another worker takes the lease; off */
    uint64_t changes_max; /* of one lease's owner after balance was due; 3 */
    bool balance;         /* lease counts are judged */
    bool no_repeats;      /* after balance was due, a delivery that is repeated is wrong */
};

/* Owns: *options copied; free with judge_free. */
struct judge *judge_new(const struct judge_options *options);
void judge_free(struct judge *judge);

/* ---- what the model saw ---- */

/* A shard came to be. Parents: at most two; NULL where there is none. */
void judge_shard(struct judge *judge, uint64_t at, const char *stream, const char *shard,
                 const char *parent, const char *other_parent);
/* A shard takes no more records. */
void judge_shard_closed(struct judge *judge, uint64_t at, const char *shard);
/* The writer's record: version 1.. of item `key`, in the order of the stream. */
void judge_written(struct judge *judge, uint64_t at, const char *shard, const char *sequence,
                   unsigned key, uint64_t version);
/* Records of the shard up to and including this sequence number are gone (NULL: the whole shard,
 * with its place in the listing). */
void judge_trimmed(struct judge *judge, uint64_t at, const char *shard, const char *up_to);
/* An item of any table changed: before and after as DynamoDB JSON, NULL where there was or is none.
 * By whom, and when that worker sent the request (SIZE_MAX: the writer or the world itself). */
void judge_item(struct judge *judge, uint64_t at, size_t worker, uint64_t sent, const char *table,
                const char *before, const char *after);
enum judge_came {
    JUDGE_REFUSED,
    JUDGE_SERVED,
    JUDGE_SERVED_LATE_OR_AGAIN, /* by the network or the client: the worker asked once */
};

/* A call of a worker reached the service: when the worker sent it, the operation ("GetRecords"),
 * the shard if it names one (NULL), its capacity in tenths of a unit (lease table; else 0). */
void judge_call(struct judge *judge, uint64_t at, size_t worker, uint64_t sent,
                const char *operation, const char *shard, uint64_t tenths, enum judge_came came);

/* The service's answer to CHILD_SHARDS of that shard has come to the worker whole. */
void judge_children(struct judge *judge, size_t worker, const char *parent, const char *body);

/* ---- what the workers did ---- */

enum judge_worker_event {
    JUDGE_STARTED,
    JUDGE_CRASHED,  /* dropped as it stands */
    JUDGE_STOPPING, /* was told to stop */
    JUDGE_ENDED,    /* of itself, well */
    JUDGE_FAILED,   /* of itself, with an error */
    JUDGE_PAUSED,
    JUDGE_WOKEN,
};
/* `kcl`: the worker is a KCL-like one, which steals and knows no validity. */
void judge_worker(struct judge *judge, uint64_t at, size_t worker, enum judge_worker_event event,
                  const char *id, bool kcl);
/* A worker that was told of has a shorter failover time than the others. */
void judge_failover(struct judge *judge, size_t worker, uint64_t failover_ms);
/* The worker hands a batch of this shard to its processor now: records first..last. */
void judge_batch(struct judge *judge, uint64_t at, size_t worker, const char *shard,
                 const char *first, const char *last, size_t count);
/* The worker says that it begins to read the shard anew, behind the stored checkpoint: what it did
 * before is another tenure's, also where the row has named it all the time. */
void judge_begins(struct judge *judge, size_t worker, const char *shard);
/* ... that it has lost the lease: from here on it knows. */
void judge_lost(struct judge *judge, size_t worker, const char *shard);
/* The processor has done one record of a batch. */
void judge_done(struct judge *judge, uint64_t at, size_t worker, const char *shard,
                const char *sequence, unsigned key, uint64_t version);
/* The worker reports a gap: shard, and the bounds as its note tells them (NULL: not given). */
void judge_gap(struct judge *judge, uint64_t at, size_t worker, const char *shard,
               const char *text);

/* ---- the run ---- */

/* A fault of that kind was put in (trimming unread data and the like need one to blame). */
void judge_fault(struct judge *judge, uint64_t at, const char *kind);
/* No fault from now on, and `workers` workers run: the bounds of liveness count from here. */
void judge_calm(struct judge *judge, uint64_t at, size_t workers);
/* Now and then (each simulated second or so): what is due by now. */
void judge_tick(struct judge *judge, uint64_t at);
/* The end: everything written and not trimmed was done, and so on. */
void judge_end(struct judge *judge, uint64_t at);
/* Deliveries that were repeated. */
uint64_t judge_repeats(const struct judge *judge);

#endif
