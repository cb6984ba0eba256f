/* SPDX-License-Identifier: Apache-2.0
 *
 * A small world in virtual time: the service model, a network that delays and loses, and workers
 * made of the real consumer core, each with clocks of its own. Everything follows from one seed. */
#ifndef TR_TESTS_SIM_WORLD_H
#define TR_TESTS_SIM_WORLD_H

#include "base/random.h"
#include "base/time.h"
#include "local/fault.h"
#include "local/local.h"
#include "tailrace/status.h"
#include "worker/consumer_core.h"

#include <stdio.h>

struct world;
struct judge;

struct world_options {
    uint64_t seed;
    unsigned shards;            /* open shards of the table's stream */
    unsigned lost_per_thousand; /* requests lost, and as many answers lost */
    uint64_t failover_ms;       /* 0: 10 s */
    bool mixed;                 /* every other worker has two thirds of it */
    uint64_t process_ms;        /* a batch takes up to this long */
    bool once;
    enum tr_consumer_start start;
    int64_t start_ms;  /* of at_timestamp */
    uint64_t table_ms; /* tables are being created and deleted so long */
    bool no_date;      /* answers have no Date header */
    bool stop_on_gap;
    unsigned fail_per_thousand; /* batches that fail, some of their records done */
    bool bad_clocks;            /* rates differ, wall clocks are off */
    bool outliers;              /* a call may be slow at any time */
    bool scramble;              /* some answers in another dress */
    bool inspect;               /* look inside the workers after each step */
    unsigned batch_records;     /* 0: 100 */
    uint64_t poll_min_ms;       /* 0: 250 */
    uint64_t poll_max_ms;       /* 0: 2 s */
    uint64_t checkpoint_ms;     /* interval; 0: 5 s */
    struct judge *judge;        /* NULL: the world's simple check alone (world_check) */
    /* Told of the first thing that is wrong, after which the world stands still. Without it the
     * process ends there. */
    void (*wrong)(void *ctx, const char *check, const char *why);
    void *ctx;
    FILE *trace; /* NULL: none */
};

/* Make the table "Items" with its stream. Fails the test on any surprise. */
struct world *world_new(const struct world_options *options);
void world_free(struct world *world);

/* Start a worker now; returns its number. A crash drops it as it stands. */
size_t world_start(struct world *world, bool once);
/* Another process under the id of one that was started. */
size_t world_start_twin(struct world *world, size_t worker);
/* One that behaves as the Java KCL does. */
size_t world_start_kcl(struct world *world);
void world_crash(struct world *world, size_t worker);
void world_stop(struct world *world, size_t worker);
/* The worker's process stands still for so long; answers wait for it. */
void world_pause(struct world *world, size_t worker, uint64_t ms);
/* The wall clock of the worker's host is off by so much more from now on. */
void world_set_clock(struct world *world, size_t worker, int64_t more_ms);
/* Stop each one that runs. */
void world_stop_all(struct world *world);
/* Whether it ended, and how. */
bool world_ended(const struct world *world, size_t worker, enum tr_status *status);
/* Whether it runs: neither ended nor dropped. */
bool world_alive(const struct world *world, size_t worker);

/* Write the next version of item `key` (0..). */
void world_write(struct world *world, unsigned key);
/* So many writes, over the items 0 to keys - 1. */
void world_write_some(struct world *world, unsigned writes, unsigned keys);
/* The model's fault of that kind from now on: where it strikes, and how often and the like, as
 * members of SetFault; "" for none. */
void world_set_fault(struct world *world, enum tr_fault_kind kind, const char *where,
                     const char *more);
/* A control operation of the model, with its JSON body. */
void world_control(struct world *world, const char *operation, const char *body);
/* Call the service as a client would; returns the HTTP status, the body in *out. */
unsigned world_call(struct world *world, const char *target, const char *body, struct tr_buf *out);
/* Make a table with that key, a string; it takes its time until it is there. */
void world_make_table(struct world *world, const char *name, const char *key);
/* Somebody edits the lease table by hand: sets an attribute of a row (which must be there), or
 * deletes the row. Returns the HTTP status. */
unsigned world_edit_row(struct world *world, const char *shard, const char *attribute,
                        const char *value);
unsigned world_delete_row(struct world *world, const char *shard);
/* Call the model without network, and the time now. */
uint64_t world_now_ms(const struct world *world);
/* Let time pass. */
void world_run(struct world *world, uint64_t ms);
/* Until the worker has ended; fails the test after `ms`. */
void world_run_until_ended(struct world *world, size_t worker, uint64_t ms);
/* Whether a verdict was given. */
bool world_over(const struct world *world);

/* What was written until now need not be delivered; if it is, that is a repeat. */
void world_expect_from_now(struct world *world);
/* How workers that start from now on are configured. */
void world_configure(struct world *world, enum tr_consumer_start start, int64_t start_ms,
                     bool stop_on_gap);
/* The service's time of `world_now_ms`. */
int64_t world_wall_ms(const struct world *world);
/* The bounds in the newest note of a gap; "" when there was none. */
const char *world_gap(const struct world *world);

/* Everything written was processed, each item's first deliveries in order; prints what is wrong and
 * fails the test. Returns how many deliveries were repeated. */
uint64_t world_check(struct world *world);
/* How many records were handed out and are (or will be) done, and notes of a kind. */
uint64_t world_delivered(const struct world *world);
uint64_t world_notes(const struct world *world, unsigned note_id);
/* The newest note of a kind: its key and its text, a space between; "" when there was none. */
const char *world_note(const struct world *world, unsigned note_id);
/* Why the worker that ended last with a failure did so; "" when none did. */
const char *world_error(const struct world *world);
/* Set how many requests (and answers) are lost from now on. */
void world_lose(struct world *world, unsigned per_thousand);
/* The n-th allocation (0: the next) inside the workers' steps and slicing fails, once. The worker
 * that it is noticed by is dropped as it stands, or (stops) asked to stop. */
void world_starve(struct world *world, int64_t n, bool stops);
/* That worker, or SIZE_MAX. */
size_t world_starved(const struct world *world);
/* Allocations that the workers have made. */
uint64_t world_allocations(const struct world *world);
/* How far behind a worker's core says it is; false: it cannot tell. */
bool world_lag(const struct world *world, size_t worker, uint64_t *ms, size_t *unknown);
/* Leases held by a worker now. */
size_t world_held(const struct world *world, size_t worker);

#endif
