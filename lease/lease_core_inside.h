/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the coordination core share: one struct for a lease, one for the core, and the
 * functions that one file offers the others. lease_core.c takes events, lease_known_core.c keeps
 * leases and timers, lease_watch_core.c looks at rows and judges their owners, lease_scan_core.c
 * reads the table, lease_balance_core.c decides who gets what, lease_bell_core.c rings and listens,
 * lease_send_core.c makes the next write, lease_answer_core.c draws conclusions from answers. */
#ifndef TR_LEASE_LEASE_CORE_INSIDE_H
#define TR_LEASE_LEASE_CORE_INSIDE_H

#include "base/assert.h"
#include "base/map.h"
#include "base/random.h"
#include "lease/lease_core.h"
#include "lease/lease_reads.h"

/* An eventually consistent read may be so old, or show a row as it was so long ago. */
#define TR_LEASE_STALE_MS 10000u

enum tr_lease_state {
    LEASE_ABSENT,    /* no row: not seen yet, or gone */
    LEASE_MAKING,    /* our row to make */
    LEASE_DELETING,  /* a row at its end: the delete is being written */
    LEASE_ASKING,    /* another worker's: a request for hand-over is being written */
    LEASE_FOREIGN,   /* a row that is not ours: watched */
    LEASE_TAKING,    /* takes are being tried */
    LEASE_ADOPTING,  /* ours by a write of ours, and not granted before another one succeeds */
    LEASE_HELD,      /* granted and valid */
    LEASE_LAPSED,    /* granted, the validity ran out */
    LEASE_RELEASING, /* given up: the release is being written */
    LEASE_STATE_COUNT
};

/* A row and its bytes. Replaced rows are freed at the next step, since effects may show them. */
struct tr_lease_blob {
    struct tr_lease_blob *next;
    struct tr_lease_row row;
    char bytes[];
};

/* The one request of a lease that waits for its answer. */
struct tr_lease_op {
    uint64_t id; /* 0: none */
    bool read;
    enum tr_lease_write_kind kind;
    struct tr_mono sent;
    struct tr_mono deadline; /* abandoned then: a later answer does nothing */
    uint64_t counter;        /* that it gives the row */
    bool has_position;
    bool unowned; /* create: without an owner */
    struct tr_position position;
};

struct tr_lease {
    struct tr_bytes key; /* owned, behind the struct */
    uint64_t shuffle;    /* orders what is due at once; differs between workers */
    uint64_t serial;     /* orders the rest */
    enum tr_lease_state state;
    struct tr_mono entered;
    struct tr_lease_blob *row;   /* owned; MAKING: what is to be made; ABSENT: NULL or the last */
    struct tr_lease_blob *spare; /* owned; room for the row that the present event brings */
    /* Watching. */
    bool ready;
    bool moved;             /* its owner renewed it while we watched */
    struct tr_mono since;   /* when the answer that first showed this owner and counter arrived */
    uint64_t spread_ms;     /* this worker's delay behind the owner's expiry */
    struct tr_mono seen_at; /* when an answer last showed the row */
    uint64_t scan;          /* the last scan that showed it */
    unsigned segment;       /* ... and which part of the table that was of */
    unsigned segments;
    bool missed;             /* scans lack it: an own write has looked whether it is there */
    bool no_bell;            /* a ring found the row gone, and no answer has shown it since */
    bool told_counter;       /* a strange counter was noted */
    bool made_here;          /* this worker made the row */
    bool finished_here;      /* this worker ended the shard */
    bool steal;              /* to be taken from its live KCL owner */
    bool handing;            /* HAND_OVER was emitted */
    struct tr_mono asked_at; /* when its present request was first seen */
    struct tr_mono ask_at;   /* when this worker last wrote a request into it */
    uint64_t claim;          /* the counter that my last write asked for; 0: none */
    uint64_t expected_high;  /* the highest counter that a write of mine as owner expected */
    /* The tenure. */
    uint64_t fence;
    struct tr_mono base;        /* validity counts from here */
    struct tr_mono valid_until; /* processing stops */
    bool tried;                 /* something was sent since the row was last known: */
    struct tr_mono earliest;    /* the first of these */
    struct tr_mono latest;      /* the last of these */
    bool uncertain;             /* one of these may have been carried out */
    bool won;                   /* the take was answered well, without its row */
    bool must_read;             /* a condition failed and the answer lacked the row */
    bool row_gone;              /* it vanished: to be made again */
    uint64_t made_first;        /* ... with a counter of its own in each attempt, from this one */
    uint64_t made_last;         /* ... to this one */
    bool has_pending;
    struct tr_position pending; /* the checkpoint to write */
    bool give_up;               /* the shell waits for RELEASED */
    bool ending;                /* the pending SHARD_END is written with the release */
    unsigned attempts;          /* failed since the last success */
    struct tr_mono next_at;     /* nothing is sent before */
    struct tr_lease_op op;
    /* Timers, and the queue for a place among the writes in flight. */
    struct tr_mono due;
    size_t heap_at;
    bool waiting;
    struct tr_lease *wait_prev;
    struct tr_lease *wait_next;
};

/* Another worker, as the rows show it. */
struct tr_lease_peer {
    struct tr_bytes id; /* owned, behind the struct */
    bool tailrace;
    size_t held;    /* unfinished rows that name it and are not known to be expired */
    size_t alive;   /* ... of these, not expired */
    size_t unknown; /* ... of these, not looked at for long */
    size_t expired;
    size_t asks;  /* its live requests in rows of any owner */
    size_t given; /* leases of mine on the way to it */
};

/* The whole fleet, counted anew whenever something has changed. */
struct tr_lease_fleet {
    struct tr_map peers; /* by id; owned values */
    size_t workers;      /* alive, this one included */
    size_t takers;    /* ... of these, without an expired lease: free leases are shared by them */
    size_t rank;      /* of this one among the workers, by id */
    size_t to_share;  /* leases not at SHARD_END that somebody holds or that may be read */
    size_t available; /* ... that this worker might take now */
    size_t watched;   /* leases not at SHARD_END that are not ours */
    size_t rows;
    size_t bytes; /* of all rows, as DynamoDB counts them */
    bool kcl;     /* a live owner is no tailrace worker */
};

/* Reading the table: one request at a time, whole or a round of parts. */
struct tr_lease_scan {
    uint64_t op; /* 0: none in flight */
    uint64_t count;
    struct tr_mono sent;
    struct tr_mono due;
    bool look;         /* the whole table as soon as possible */
    unsigned segment;  /* of the request in flight */
    unsigned segments; /* of the present round; 1: whole */
    unsigned next;     /* the next segment of the round; `segments`: the round is over */
    uint64_t round;
    struct tr_mono round_at;
    struct tr_mono full_at; /* the sending of the last whole scan that was answered */
    unsigned failures;
    size_t unread; /* rows of the last whole scan, or seen in a part since, that may be mended */
    struct tr_lease_reads plan;
    enum tr_lease_reads_class told; /* the last plan that was noted; COUNT: none */
    struct tr_mono told_at;
};

/* The doorbell: our rings, and our looks at it. */
struct tr_lease_bell {
    struct tr_mono ring_at; /* NEVER: nothing to ring for */
    uint64_t ring_op;
    uint64_t ring_serial; /* of the lease whose row it went to */
    struct tr_mono ring_deadline;
    unsigned attempts;
    uint64_t read_op;
    uint64_t read_serial;
    struct tr_mono read_deadline;
    struct tr_mono read_at;
    uint64_t seen; /* hash of the row's key and what it last said; 0: nothing yet */
};

struct tr_lease_core {
    char *worker_bytes; /* owned */
    struct tr_bytes worker_id;
    char *run_bytes; /* owned */
    struct tr_bytes run;
    char *stream_bytes; /* owned */
    struct tr_bytes stream;
    uint64_t failover_ms;
    uint64_t failover_seen_ms; /* the longest of mine and those stored in rows */
    bool takes_only_free;
    size_t leases_max;
    size_t writes_max;
    uint64_t seed;
    struct tr_random random;
    struct tr_mono now;
    struct tr_wall service; /* at service_at */
    struct tr_mono service_at;
    struct tr_lease_effects *out; /* the present step's; else NULL */
    bool stopping;

    struct tr_map leases;   /* by key; owned values */
    struct tr_lease **heap; /* owned; by due */
    size_t heap_count;
    size_t heap_cap;
    uint64_t next_serial;
    struct tr_lease_blob *garbage; /* owned; freed at the next step */
    struct tr_lease *dead;         /* owned; likewise */

    uint64_t next_op;
    struct tr_lease **flights; /* owned; writes_max places */
    size_t flight_count;
    struct tr_lease *wait_head;
    struct tr_lease *wait_tail;

    size_t in_state[LEASE_STATE_COUNT];
    size_t handing;
    struct tr_lease_fleet fleet;
    bool changed;             /* the fleet is to be counted anew */
    struct tr_mono review_at; /* ... at the latest */
    bool settled;             /* those who started with us had time to show themselves */
    struct tr_mono settle_at; /* NEVER: there was nothing to take yet */
    struct tr_mono steal_at;  /* not before */
    uint64_t nonce;
    struct tr_lease_scan scan;
    struct tr_lease_bell bell;
    bool scanned;
    bool rows_over; /* the limit of rows was noted */
};

/* lease_known_core.c: leases, rows, timers. */

/* The lease of that key, made if there is none: NULL at the limit or without memory. */
struct tr_lease *tr_lease_known_add(struct tr_lease_core *core, struct tr_bytes key, bool *limit);
struct tr_lease *tr_lease_known_get(const struct tr_lease_core *core, struct tr_bytes key);
void tr_lease_known_remove(struct tr_lease_core *core, struct tr_lease *lease);
void tr_lease_known_free(struct tr_lease_core *core);
void tr_lease_known_collect(struct tr_lease_core *core);
/* Room for a row that is about to be set. Errors: false without memory. */
bool tr_lease_known_spare(struct tr_lease *lease, const struct tr_lease_row *row);
/* Whether key, owner, parents and label are the same. */
bool tr_lease_known_same(const struct tr_lease *lease, const struct tr_lease_row *row);
/* Remember the row; needs the spare if it is not the same. */
void tr_lease_known_set(struct tr_lease_core *core, struct tr_lease *lease,
                        const struct tr_lease_row *row);
/* Put the lease where its timers belong. */
void tr_lease_known_schedule(struct tr_lease_core *core, struct tr_lease *lease);
struct tr_lease *tr_lease_known_due(const struct tr_lease_core *core); /* reached, or NULL */
void tr_lease_known_wait(struct tr_lease_core *core, struct tr_lease *lease);
void tr_lease_known_unwait(struct tr_lease_core *core, struct tr_lease *lease);
/* The one door to another state: checks that the move is legal and stamps the time. */
void tr_lease_known_enter(struct tr_lease_core *core, struct tr_lease *lease,
                          enum tr_lease_state state);

/* Room for `more` effects in this step. Errors: false without memory. */
bool tr_lease_emit_reserve(struct tr_lease_effects *out, size_t more);
/* An effect about a lease; there must be room. */
struct tr_lease_effect *tr_lease_emit(struct tr_lease_core *core, const struct tr_lease *lease,
                                      enum tr_lease_effect_kind kind);
void tr_lease_emit_note(struct tr_lease_core *core, const struct tr_lease *lease,
                        enum tr_note_id id, uint64_t a, struct tr_bytes text);
/* A position in KCL's spelling, as a view of it. */
struct tr_bytes tr_lease_position_text(const struct tr_position *position);
/* From ms .. 2 * ms, by the core's seed. */
uint64_t tr_lease_spread(struct tr_lease_core *core, uint64_t ms);

/* lease_watch_core.c: rows as they are seen. */

/* Whether the owner of a watched row must be taken for alive: the one place that judges it. */
bool tr_lease_owner_alive(const struct tr_lease_core *core, const struct tr_lease *lease);
/* When its owner is taken for dead if nothing changes until then. */
struct tr_mono tr_lease_expires_at(const struct tr_lease_core *core, const struct tr_lease *lease);
/* Whether it was looked at lately enough to judge it. */
bool tr_lease_fresh(const struct tr_lease_core *core, const struct tr_lease *lease,
                    struct tr_mono at);
/* Whether this worker could take the lease if it were free. */
bool tr_lease_wanted(const struct tr_lease_core *core, const struct tr_lease *lease);
/* Whether the row is this process's: its id and its run. */
bool tr_lease_is_mine(const struct tr_lease_core *core, const struct tr_lease_row *row);
/* The counter that the next write of mine gives the row. */
uint64_t tr_lease_next_counter(const struct tr_lease *lease);
/* KCL 1.x sets a counter back now and then; whoever edits rows by hand may do anything. It is taken
 * for a sign of life, and told once for each row. `before` is the row's counter as known before. */
void tr_lease_look_at_counter(struct tr_lease_core *core, struct tr_lease *lease, uint64_t before);
/* A row that is not ours, as an answer of now shows it. */
void tr_lease_observe(struct tr_lease_core *core, struct tr_lease *lease,
                      const struct tr_lease_row *row);

/* lease_scan_core.c: reading the table. */
enum tr_status tr_lease_scan_prepare(struct tr_lease_core *core, const struct tr_lease_event *ev);
void tr_lease_scan_apply(struct tr_lease_core *core, const struct tr_lease_event *ev);
/* The row of a lease of somebody else's, or nobody's, is gone. What is known of the lease stays. */
void tr_lease_scan_lost(struct tr_lease_core *core, struct tr_lease *lease);
void tr_lease_scan_failed(struct tr_lease_core *core, const struct tr_lease_event *ev);
void tr_lease_scan_run(struct tr_lease_core *core);
struct tr_mono tr_lease_scan_deadline(const struct tr_lease_core *core);
/* The whole table, as soon as possible. */
void tr_lease_scan_look(struct tr_lease_core *core);
/* The fleet was counted: how and how often to read from now on. */
void tr_lease_scan_plan(struct tr_lease_core *core);

/* lease_balance_core.c: who gets what. */

/* When the lease may be taken; NEVER if not by what is known now. */
struct tr_mono tr_lease_take_at(const struct tr_lease_core *core, const struct tr_lease *lease);
/* Whether somebody else asks for the lease, and lives. */
bool tr_lease_is_asked(const struct tr_lease_core *core, const struct tr_lease *lease);
/* From now on the lease may be read: it is to be shared out, too. */
void tr_lease_balance_ready(struct tr_lease_core *core, struct tr_lease *lease);
/* If something has changed: count the fleet, then hand over, ask and steal as it is needed. */
void tr_lease_balance_run(struct tr_lease_core *core);
/* A lease is about to be taken. */
void tr_lease_balance_taking(struct tr_lease_core *core, struct tr_lease *lease);
void tr_lease_balance_free(struct tr_lease_core *core);

/* lease_bell_core.c: being seen at once. */

/* Leases were released or asked for: everybody is to look. */
void tr_lease_bell_ring(struct tr_lease_core *core);
bool tr_lease_bell_answer(struct tr_lease_core *core, const struct tr_lease_event *ev);
void tr_lease_bell_run(struct tr_lease_core *core);
struct tr_mono tr_lease_bell_deadline(const struct tr_lease_core *core);
/* Whether a ring is to be sent or without an answer. */
bool tr_lease_bell_busy(const struct tr_lease_core *core);

/* lease_send_core.c: what goes out. */

/* When the next request of this lease may be sent; NEVER: not by itself. */
struct tr_mono tr_lease_send_at(const struct tr_lease_core *core, const struct tr_lease *lease);
void tr_lease_send(struct tr_lease_core *core, struct tr_lease *lease);
/* How long one attempt may take: three of them fit between a renewal and the validity's end. */
uint64_t tr_lease_attempt_ms(const struct tr_lease_core *core);

/* lease_answer_core.c: what comes back. */
void tr_lease_answer_written(struct tr_lease_core *core, struct tr_lease *lease,
                             const struct tr_lease_event *ev);
void tr_lease_answer_read(struct tr_lease_core *core, struct tr_lease *lease,
                          const struct tr_lease_event *ev);
/* A counter that the row never had: the service's time in milliseconds. */
uint64_t tr_lease_fresh_counter(const struct tr_lease_core *core);
/* The time of the request in flight is up: what it did is unknown. */
void tr_lease_answer_abandon(struct tr_lease_core *core, struct tr_lease *lease);
void tr_lease_lapse(struct tr_lease_core *core, struct tr_lease *lease);
/* Begin to release a lease that was granted: nothing is processed from now on. */
void tr_lease_release(struct tr_lease_core *core, struct tr_lease *lease);

#endif
