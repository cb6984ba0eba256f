/* SPDX-License-Identifier: Apache-2.0
 *
 * The coordination core of one worker in one lease table: take, renew, checkpoint, balance, hand
 * over, release, lose.
 * It decides by what scans and writes answered and by a monotonic clock given in; it does no I/O.
 * The rules it holds are those of docs/leases.md; every branch cites the one it implements. */
#ifndef TR_LEASE_LEASE_CORE_H
#define TR_LEASE_LEASE_CORE_H

#include "base/note.h"
#include "base/time.h"
#include "lease/lease_row.h"

struct tr_lease_core;

struct tr_lease_options {
    struct tr_bytes worker_id; /* copied; new at every start */
    struct tr_bytes run;       /* copied: differs between processes that were given one id */
    struct tr_bytes stream;    /* copied: the stream's label, for rows that are made */
    uint64_t failover_ms;
    uint64_t seed;        /* spreads timers */
    bool takes_only_free; /* asks nobody for a lease and steals none */
    size_t leases_max;    /* rows followed */
    size_t writes_max;    /* writes in flight */
};

enum tr_lease_event_kind {
    TR_LEASE_EV_TICK,        /* time passed */
    TR_LEASE_EV_SCANNED,     /* op; the rows of a scan (all pages of it), received at now */
    TR_LEASE_EV_SCAN_FAILED, /* op, status */
    TR_LEASE_EV_WRITTEN, /* op, status, may_have_happened; row: the new one (TR_OK) or the old one
                            (TR_ECONDITION) if the answer had it */
    TR_LEASE_EV_READ, /* op, status: TR_OK with the one row, TR_ENOTFOUND (no such row), or why not;
                         TR_EPARSE: the row is there and not understood */
    TR_LEASE_EV_CREATE, /* make this row (create), conditional on its absence, after its parents */
    TR_LEASE_EV_READY,  /* key: the shard may be read (its parents are done): may be taken. It holds
                           until the row vanishes or GIVE_UP without HAND_OVER */
    TR_LEASE_EV_CHECKPOINT, /* key, position: write it soon, as a renewal; the latest wins.
                               SHARD_END also releases the lease: STORED and RELEASED follow */
    TR_LEASE_EV_GIVE_UP,    /* key: release this lease, its last checkpoint in the same write */
    TR_LEASE_EV_DELETE,     /* key: delete this row if it is at its end and still exactly as it was
                               last seen: one attempt. A held lease stays; so does a row that
                               changed. Answered by the row's vanishing (GONE), or not at all */
    TR_LEASE_EV_LOOK,       /* scan now, if no scan is under way: somebody needs fresh rows */
    TR_LEASE_EV_STOP,       /* take nothing more; leases go by GIVE_UP */
};

struct tr_lease_event {
    enum tr_lease_event_kind kind;
    struct tr_mono now;
    struct tr_wall service; /* the service's time; ms 0: unknown. Only for the counters of rows that
                               are made: a vanished row is not made again without it */
    uint64_t op;
    enum tr_status status;
    bool may_have_happened;
    const struct tr_lease_row *rows; /* borrowed for the step; WRITTEN and READ: one or none */
    size_t row_count;
    size_t unread; /* SCANNED: rows beside those that are not understood */
    struct tr_bytes key;
    struct tr_position position;
    const struct tr_lease_write *create; /* key, position, parents, stream, without_parents,
                                            counter: the service's time in ms
                                            (0: that of `service`) */
};

/* Why a lease is lost: id, label of the metric, words. The note LEASE_LOST has the number as `b`
 * and the words as its text. */
#define TR_LEASE_LOSS_TABLE(X)                                                                     \
    X(OTHER_WORKER, "other_worker", "another worker holds it")                                     \
    X(OWNER_REMOVED, "owner_removed", "its owner was removed")                                     \
    X(SAME_ID, "same_id", "another tenure under this worker's id")                                 \
    X(ROW_GONE, "row_gone", "its row is gone")                                                     \
    X(ROW_BAD, "row_bad", "its row is not understood")                                             \
    X(UNANSWERED, "unanswered", "its release failed or was not answered; it expires")

enum tr_lease_loss {
    TR_LEASE_LOSS_NONE,
#define TR_LEASE_LOSS_ENUM(id, label, words) TR_LEASE_LOSS_##id,
    TR_LEASE_LOSS_TABLE(TR_LEASE_LOSS_ENUM)
#undef TR_LEASE_LOSS_ENUM
        TR_LEASE_LOSS_COUNT
};

enum tr_lease_effect_kind {
    TR_LEASE_FX_SCAN,    /* op, timeout_ms, segment, segments: scan the table (segments 1) or one
                            part of it, all pages */
    TR_LEASE_FX_WRITE,   /* op, key, write, timeout_ms: one attempt, never repeated by itself */
    TR_LEASE_FX_READ,    /* op, key, timeout_ms: read this row consistently */
    TR_LEASE_FX_GLANCE,  /* op, key, timeout_ms: read this row, stale or not; answered as READ */
    TR_LEASE_FX_GRANTED, /* key, row: held now, start behind row->checkpoint; valid_until */
    TR_LEASE_FX_VALID,   /* key, valid_until: the validity moved on; not behind now: it lapsed, or a
                            release is on its way: nothing may be processed */
    TR_LEASE_FX_LOST,    /* key, status: not held any more; drop everything in hand */
    TR_LEASE_FX_HAND_OVER, /* key: another worker asks for it and has fewer: finish the batch in
                              hand, begin none, checkpoint, GIVE_UP */
    TR_LEASE_FX_STORED,    /* key, position: the row holds this checkpoint now */
    TR_LEASE_FX_RELEASED,  /* key, status: a release was answered (TR_OK), found the lease lost, or
                             was given up after its attempts; TR_ENOTFOUND: it was not held */
    TR_LEASE_FX_ROW, /* key, row: a row was seen new or changed (more than its counter), or was made
                        (for the shard graph). Of held leases STORED tells */
    TR_LEASE_FX_GONE, /* key: this worker deleted the row */
    TR_LEASE_FX_NOTE, /* note */
};

struct tr_lease_effect {
    enum tr_lease_effect_kind kind;
    uint64_t op;
    struct tr_bytes key;
    struct tr_lease_write write;
    struct tr_lease_row row;
    struct tr_position position;
    struct tr_mono valid_until;
    uint64_t timeout_ms;
    unsigned segment;
    unsigned segments;
    enum tr_status status;
    struct tr_note note;
};

/* Init with {0}; bytes in effects are borrowed until the next step. */
struct tr_lease_effects {
    struct tr_lease_effect *items; /* owned */
    size_t count;
    size_t cap;
};
void tr_lease_effects_deinit(struct tr_lease_effects *effects);

/* A core that knows nothing and asks for a scan at once.
 * Units:   failover_ms 1,000 to 600,000; leases_max and writes_max at least 1.
 * Errors:  TR_ENOMEM.
 * Owns:    options borrowed for the call; *out returned (free with tr_lease_core_free). */
enum tr_status tr_lease_core_new(const struct tr_lease_options *options, struct tr_mono now,
                                 struct tr_lease_core **out) TR_MUST_CHECK;
void tr_lease_core_free(struct tr_lease_core *core);

/* Apply an event, then do what is due.
 * Shape:   effects are to be carried out in order; each op is answered by one event, sooner or
 *          later; late, repeated and unknown answers do nothing. out->count is reset first.
 * Errors:  TR_ENOMEM, TR_ELIMIT (a row to make beyond leases_max): the event did not happen for the
 *          core; nothing is lost by giving it again.
 * Owns:    what effects show is borrowed until the next step (the key of an unknown lease in
 *          RELEASED: from the event).
 * Threads: loop. */
enum tr_status tr_lease_core_step(struct tr_lease_core *core, const struct tr_lease_event *event,
                                  struct tr_lease_effects *out) TR_MUST_CHECK;
/* When the core wants to be stepped next, event or not; NEVER if not by itself. */
struct tr_mono tr_lease_core_deadline(const struct tr_lease_core *core);

/* What a lease looks like from here. */
enum tr_lease_view {
    TR_LEASE_UNKNOWN, /* no such row */
    TR_LEASE_WATCHED, /* owned by another worker, too short a time to judge */
    TR_LEASE_ALIVE,   /* owned by another worker that renewed it while we watched */
    TR_LEASE_FREE,    /* unowned or expired: it will be taken when ready */
    TR_LEASE_TAKING,
    TR_LEASE_HELD,
    TR_LEASE_LAPSED, /* held, but not renewed in time: nothing is processed */
    TR_LEASE_RELEASING,
};
enum tr_lease_view tr_lease_core_view(const struct tr_lease_core *core, struct tr_bytes key);
/* The checkpoint that the row was last seen to hold; false when there is no such row. */
bool tr_lease_core_checkpoint(const struct tr_lease_core *core, struct tr_bytes key,
                              struct tr_position *out);
/* The counter that a held lease was granted with: its fencing number, which only rises from one
 * tenure to the next; 0 when it is not held. */
uint64_t tr_lease_core_counter(const struct tr_lease_core *core, struct tr_bytes key);
/* Whether this worker is the one that lists the stream: the smallest id among the live tailrace
 * owners of unfinished rows, this worker included when it holds one. While there is none, everybody
 * leads. Any worker can check it from the table; a leader that dies is followed as soon as its
 * leases have expired. */
bool tr_lease_core_leads(const struct tr_lease_core *core);
/* The live workers as the rows show them, this one included. */
size_t tr_lease_core_workers(const struct tr_lease_core *core);
/* Whether at least one whole scan was received. */
bool tr_lease_core_scanned(const struct tr_lease_core *core);
/* Writes that are to be sent or without an answer before the core may go. */
size_t tr_lease_core_in_flight(const struct tr_lease_core *core);

#endif
