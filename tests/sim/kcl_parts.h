/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the KCL-like worker, shared by its files: kcl.c (frame, renewer), kcl_taker.c
 * (scan, take, steal), kcl_shard.c (one shard's consumer), kcl_wire.c (requests and answers). */
#ifndef TR_TESTS_SIM_KCL_PARTS_H
#define TR_TESTS_SIM_KCL_PARTS_H

#include "base/random.h"
#include "tests/sim/kcl.h"

#define NAME_LEN 256
#define NUMBER_LEN 64
#define PARENTS_MAX 4u
#define NEVER UINT64_MAX

/* KCL's constants. */
#define EPSILON_MS 25u
#define CALL_TIMEOUT_MS 60000u
#define IDLE_MS 1000u
#define PARENT_POLL_MS 10000u
#define TASK_BACKOFF_MS 500u
#define RENEW_TRIES 2u
#define TAKE_TRIES 3u
#define STEAL_MAX 1u
#define VERY_OLD 3u
#define CHILDREN_TRIES 10u
#define MISSING_TRIES 60u /* ResourceNotFound so often in a row is the shard's end */

/* A lease row as it reads it. */
struct kcl_row {
    char key[NAME_LEN];
    char owner[NAME_LEN]; /* "": none */
    uint64_t counter;
    char checkpoint[NUMBER_LEN];
    char parents[PARENTS_MAX][NAME_LEN];
    size_t parent_count;
};

/* A row and when its counter was last seen to change: 0: never. */
struct seen {
    struct kcl_row row;
    uint64_t renewed_at;
    bool listed; /* by the latest scan */
};

enum call_kind {
    CALL_NONE,
    CALL_SCAN,
    CALL_TAKE,
    CALL_RENEW,
    CALL_RECOVER, /* the read after a renewal whose condition failed */
    CALL_CHECKPOINT,
    CALL_END, /* the checkpoint SHARD_END */
    CALL_PARENT,
    CALL_ITERATOR,
    CALL_RECORDS,
    CALL_CHILDREN,
    CALL_MAKE_CHILD,
    CALL_CHILD_IDS,
};

struct held;

struct call {
    uint64_t op;
    enum call_kind kind;
    struct held *held; /* NULL: none, or dropped since */
};

enum consumer_state {
    WAITING_ON_PARENTS,
    INITIALIZING, /* asks for an iterator */
    READING,
    PROCESSING,
    CHECKPOINTING,
    ASKING_CHILDREN,
    MAKING_CHILDREN,
    NAMING_CHILDREN,
    ENDING,
    ENDED, /* the row is at SHARD_END and still renewed */
};

/* A lease that it holds, and the shard's consumer. */
struct held {
    struct kcl_row row; /* counter and checkpoint as known */
    uint64_t renewed_at;
    bool lost;    /* only waits for the batch that is lent */
    bool writing; /* a conditional write, or the read after it, is under way */
    bool renew_wanted;
    bool in_round; /* the renewer waits for it */
    unsigned renew_tries;
    enum consumer_state state;
    uint64_t next_at; /* when the state wants to go on; NEVER: by an answer */
    bool asking;      /* a call of the consumer is under way */
    size_t parent;    /* the next to look at */
    char after[NUMBER_LEN];
    struct tr_buf iterator; /* owned; empty: none */
    bool closed;            /* the page was the last */
    unsigned missing, child_tries;
    struct tr_buf page; /* owned: the answer that the records lie in */
    struct kcl_record *records;
    char (*sequences)[NUMBER_LEN]; /* owned, beside records */
    size_t record_count, record_cap, sequence_cap, done;
    uint64_t process_op; /* 0: nothing is lent */
    char children[PARENTS_MAX][NAME_LEN];
    size_t child_count, child;
};

struct kcl {
    struct kcl_options options;
    struct tr_random random;
    uint64_t now;
    uint64_t last_op;
    bool stopping, done;
    struct call *calls; /* owned */
    size_t call_count, call_cap;
    struct held **held; /* owned */
    size_t held_count, held_cap;
    uint64_t renew_at;
    size_t round_left; /* renewals that the round waits for */

    /* Taker. */
    uint64_t take_at;
    bool scanning, taking;
    struct tr_buf last_key; /* owned: raw JSON */
    struct seen *seen;      /* owned */
    size_t seen_count, seen_cap;
    struct kcl_row *chosen; /* owned: to take, in turn */
    size_t chosen_count, chosen_cap, chosen_next;
    size_t taken; /* chosen[0..taken) were taken in this round */
    bool stealing;
    unsigned take_tries;

    struct kcl_effects *out;
};

/* Make room; there is always memory. */
void kcl_room(void *array, size_t *cap, size_t want, size_t size);
/* A call goes out; its body is to be written. Valid until the next effect. */
struct tr_buf *kcl_call(struct kcl *kcl, enum call_kind kind, struct held *held,
                        const char *target);
void kcl_note(struct kcl *kcl, const char *what, const char *shard);
struct kcl_effect *kcl_effect(struct kcl *kcl, enum kcl_effect_kind kind);
/* The lease is another's, or nobody's: the consumer ends. */
void kcl_lose(struct kcl *kcl, struct held *held);
struct held *kcl_hold(struct kcl *kcl, const struct kcl_row *row);

/* kcl_taker.c */
void kcl_taker_due(struct kcl *kcl);
void kcl_on_scan(struct kcl *kcl, const struct kcl_event *event);
void kcl_on_take(struct kcl *kcl, const struct kcl_event *event);

/* kcl_shard.c */
void kcl_shard_due(struct kcl *kcl, struct held *held);
void kcl_on_shard(struct kcl *kcl, struct held *held, enum call_kind kind,
                  const struct kcl_event *event);
void kcl_on_processed(struct kcl *kcl, struct held *held, size_t done);
void kcl_on_checkpoint(struct kcl *kcl, struct held *held, enum call_kind kind,
                       const struct kcl_event *event);
/* The conditional write that the consumer wants, if it is its turn. */
void kcl_shard_write(struct kcl *kcl, struct held *held);

/* kcl_wire.c */
void kcl_encode_scan(struct kcl *kcl, struct tr_buf *out);
void kcl_encode_get(struct kcl *kcl, struct tr_buf *out, const char *key);
void kcl_encode_take(struct kcl *kcl, struct tr_buf *out, const struct kcl_row *row);
void kcl_encode_renew(struct kcl *kcl, struct tr_buf *out, const struct kcl_row *row);
void kcl_encode_checkpoint(struct kcl *kcl, struct tr_buf *out, const struct kcl_row *row,
                           const char *checkpoint);
void kcl_encode_child(struct kcl *kcl, struct tr_buf *out, const char *child, const char *parent);
void kcl_encode_child_ids(struct kcl *kcl, struct tr_buf *out, const struct held *held);
void kcl_encode_iterator(struct kcl *kcl, struct tr_buf *out, const char *shard, const char *after);
void kcl_encode_records(struct kcl *kcl, struct tr_buf *out, struct tr_bytes iterator);
void kcl_encode_children(struct kcl *kcl, struct tr_buf *out, const char *shard);
/* False: it is no lease row (which KCL 2.x throws at). */
bool kcl_decode_row(struct tr_bytes item, struct kcl_row *row);
/* Whether the answer is this error. */
bool kcl_is_error(const struct kcl_event *event, const char *name);

#endif
