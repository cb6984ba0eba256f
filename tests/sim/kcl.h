/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker that behaves as the Java KCL 2.x does with DynamoDB Streams (adapter 2.x on KCL 2.x),
 * as a pure state machine: the renewer at a fixed rate, the taker with its targets and its
 * steals, writes conditional on leaseCounter alone, expiry by its own clock, parents looked up
 * by GetItem, no release at its end. Its faults are KCL's own, needless losses included. It
 * shares no code with the product: requests and answers are written and read here.
 *
 * It makes no first rows (KCL's leader does that for an empty table; in a mixed fleet tailrace
 * does); it makes the rows of a shard's children when that shard ends. */
#ifndef TR_TESTS_SIM_KCL_H
#define TR_TESTS_SIM_KCL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct kcl;

struct kcl_options {
    const char *id; /* strings are copied */
    const char *lease_table;
    const char *stream_arn;
    uint64_t failover_ms;
    uint64_t seed;
    size_t records_max; /* of one GetRecords; 0: 1000 */
};

enum kcl_event_kind {
    KCL_EV_TICK,
    KCL_EV_ANSWER,    /* op, http_status (0: none came in time), body */
    KCL_EV_PROCESSED, /* op, done: the batch lent with KCL_FX_PROCESS is back; what is not done is
                         lent again (the application retries, it never throws at KCL) */
    KCL_EV_STOP,      /* finish what is in hand, checkpoint it, end; leases are left to expire */
};

struct kcl_event {
    enum kcl_event_kind kind;
    uint64_t now_ms; /* the worker's own monotonic clock */
    uint64_t op;
    unsigned http_status;
    struct tr_bytes body; /* borrowed for the step */
    size_t done;
};

/* One record of a batch; borrowed until KCL_EV_PROCESSED. */
struct kcl_record {
    struct tr_bytes text; /* the record's JSON as it came */
    const char *sequence;
};

enum kcl_effect_kind {
    KCL_FX_CALL,    /* op, target, body, timeout_ms: one attempt; every op gets one answer */
    KCL_FX_PROCESS, /* op, shard, records, count */
    KCL_FX_NOTE,    /* what, shard: for traces: "taken", "stolen", "lost", "ended" */
    KCL_FX_DONE,    /* the worker is at its end */
};

struct kcl_effect {
    enum kcl_effect_kind kind;
    uint64_t op;
    const char *target; /* "DynamoDB_20120810.UpdateItem"; static */
    struct tr_buf body; /* owned by the effects; may be taken (set to {0}) */
    uint64_t timeout_ms;
    const char *shard; /* borrowed until the next step (PROCESS: until KCL_EV_PROCESSED) */
    const struct kcl_record *records;
    size_t count;
    const char *what; /* static */
};

/* Init with {0}; reset frees what the effects own and empties them. */
struct kcl_effects {
    struct kcl_effect *items; /* owned */
    size_t count;
    size_t cap;
};
void kcl_effects_reset(struct kcl_effects *effects);
void kcl_effects_deinit(struct kcl_effects *effects);

/* Owns: *options copied; free with kcl_free, whatever is under way. Aborts without memory. */
struct kcl *kcl_new(const struct kcl_options *options, uint64_t now_ms);
void kcl_free(struct kcl *kcl);

/* Effects are appended to *out (the caller resets it). */
void kcl_step(struct kcl *kcl, const struct kcl_event *event, struct kcl_effects *out);
/* When it wants a tick (its own clock); UINT64_MAX: not by itself. */
uint64_t kcl_deadline(const struct kcl *kcl);
/* Leases that it believes to hold. */
size_t kcl_held(const struct kcl *kcl);

#endif
