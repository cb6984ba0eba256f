/* SPDX-License-Identifier: Apache-2.0
 *
 * One consumer of one worker, whole and pure: it finds the stream, makes the lease table and its
 * rows, takes leases, reads shards, hands out batches, takes acknowledgements and writes
 * checkpoints. Calls go out as requests with their bytes and come back as answers with theirs, so
 * the shell (worker/worker.c) and the simulator run the very same code. It owns the lease core, the
 * shard graph, and for each held lease a reader and a tracker. */
#ifndef TR_WORKER_CONSUMER_CORE_H
#define TR_WORKER_CONSUMER_CORE_H

#include "aws/client.h"
#include "base/note.h"
#include "stream/page.h"

struct tr_consumer;

/* Pages fetched and not yet processed, all consumers of the worker together. */
struct tr_budget {
    uint64_t bytes_max;
    uint64_t bytes;
};

/* Where the fleet's first start begins. */
enum tr_consumer_start { TR_START_TRIM_HORIZON, TR_START_LATEST, TR_START_AT_TIMESTAMP };

struct tr_consumer_options {
    const char *name;  /* the consumer's name; strings are copied */
    const char *table; /* one of table and arn */
    const char *arn;
    const char *lease_table;
    const char *worker_id;
    uint64_t failover_ms;
    uint64_t poll_min_ms;
    uint64_t poll_max_ms;
    uint64_t checkpoint_interval_ms;
    uint64_t batch_records;
    uint64_t batch_bytes;
    enum tr_consumer_start start;
    int64_t start_ms;    /* AT_TIMESTAMP: since 1970 */
    bool stop_on_gap;    /* on_gap: stop */
    bool once;           /* end when every shard is at its end or its tip */
    unsigned once_pages; /* empty pages in a row that make a tip */
    uint64_t seed;
    struct tr_budget *budget; /* shared by the worker's consumers; outlives them */
};

enum tr_consumer_event_kind {
    TR_CONSUMER_EV_TICK,
    TR_CONSUMER_EV_ANSWER,    /* op, answer (its body may be taken) */
    TR_CONSUMER_EV_SLICED,    /* op, status, err: the page lent with FX_SLICE is back */
    TR_CONSUMER_EV_PROCESSED, /* op, done, status, err: the batch lent with FX_PROCESS is back */
    TR_CONSUMER_EV_STOP,      /* finish what is in hand, checkpoint, release, end */
};

struct tr_consumer_event {
    enum tr_consumer_event_kind kind;
    struct tr_mono now;
    struct tr_wall wall; /* the service's time, for new rows and ages */
    uint64_t op;
    enum tr_status status;
    struct tr_aws_answer *answer; /* borrowed for the step */
    size_t done;
    const struct tr_err *err;
};

enum tr_consumer_effect_kind {
    TR_CONSUMER_FX_CALL,    /* op, request (its body is `body`) */
    TR_CONSUMER_FX_SLICE,   /* op, page: lent until EV_SLICED */
    TR_CONSUMER_FX_PROCESS, /* op, lease, page, first, count, fencing, shard: lent until
                               EV_PROCESSED */
    TR_CONSUMER_FX_VALID,   /* lease, valid_until: no batch of it may start at or after that */
    TR_CONSUMER_FX_NOTE,    /* note */
    TR_CONSUMER_FX_DONE,    /* status, err: over; TR_OK: all that was asked is done */
};

struct tr_consumer_effect {
    enum tr_consumer_effect_kind kind;
    uint64_t op;
    struct tr_aws_request request;
    struct tr_buf body; /* owned by the effects */
    uint32_t lease;     /* small number of a held lease, for the shell's own table */
    struct tr_page *page;
    size_t first;
    size_t count;
    uint64_t fencing;
    struct tr_bytes shard; /* borrowed until EV_PROCESSED */
    struct tr_mono valid_until;
    struct tr_note note; /* its bytes are owned by the effects */
    enum tr_status status;
    struct tr_err err;
};

/* Init with {0}; reset frees what the effects own and empties them. */
struct tr_consumer_effects {
    struct tr_consumer_effect *items; /* owned */
    size_t count;
    size_t cap;
    char **strings; /* owned: the notes' bytes */
    size_t string_count;
    size_t string_cap;
};
void tr_consumer_effects_reset(struct tr_consumer_effects *effects);
void tr_consumer_effects_deinit(struct tr_consumer_effects *effects);

/* Leases that one worker holds at the most; the `lease` numbers are below it. */
#define TR_CONSUMER_LEASES_MAX 16384

/* Errors:  TR_ENOMEM. Owns: *out returned. */
enum tr_status tr_consumer_new(const struct tr_consumer_options *options,
                               struct tr_consumer **out) TR_MUST_CHECK;
/* Pages and batches that are lent out must be back before. */
void tr_consumer_free(struct tr_consumer *consumer);

/* Effects are appended to *out (the caller resets it).
 * Errors:  TR_ENOMEM: part of the event may be lost; the leases' validity runs out by itself, so
 * the caller may go on or stop, and nothing is ever acknowledged that was not done. */
enum tr_status tr_consumer_step(struct tr_consumer *consumer, const struct tr_consumer_event *event,
                                struct tr_consumer_effects *out) TR_MUST_CHECK;
struct tr_mono tr_consumer_deadline(const struct tr_consumer *consumer);

/* The stream that is followed; absent until it was found. Borrowed until the next step. */
struct tr_bytes tr_consumer_stream_arn(const struct tr_consumer *consumer);
/* What start-up waits for, or that it stops, in a few words; NULL: neither. Owns: static. */
const char *tr_consumer_waits_for(const struct tr_consumer *consumer);
/* Leases held now. */
size_t tr_consumer_held(const struct tr_consumer *consumer);
/* Leases that a stop gave up without a release and its checkpoint; not those that others hold. */
size_t tr_consumer_unreleased(const struct tr_consumer *consumer);
/* Shards that on_gap: stop holds: leases held and not read on, and rows not made. */
size_t tr_consumer_stopped(const struct tr_consumer *consumer);
/* How far behind the shards held are, the worst of them, in ms: the age of the oldest record in
 * hand, else of the last one done; 0: all are read to their tip. *unknown: shards that cannot tell.
 * Errors:  false: none can tell, or none is held; *ms is then unchanged. */
bool tr_consumer_lag(const struct tr_consumer *consumer, struct tr_wall now, uint64_t *ms,
                     size_t *unknown);
/* Pages and batches lent out now. */
size_t tr_consumer_lent(const struct tr_consumer *consumer);

#endif
