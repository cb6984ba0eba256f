/* SPDX-License-Identifier: Apache-2.0
 *
 * What the users of an online shop do, as writes to a table: they sign up, fill carts, order, pay,
 * change their profiles, move, and leave. Each writer has users of its own, so that no two writes
 * of one user are ever under way at once, and so that a seed gives each writer the same activity
 * however the writers' calls interleave. Pure: time, seed and outcomes are given in.
 *
 * An item is a user: partition key `pk` (S), about 1 KB in all types of attributes. Its attribute
 * `n` (N) is one higher after each write of the user, so that a reader can tell the order; a
 * removal has a number too, one above that of the item it removes. `writer` (S) names the feed that
 * wrote. */
#ifndef TR_CLI_ACTIVITY_H
#define TR_CLI_ACTIVITY_H

#include "base/buf.h"
#include "base/random.h"
#include "base/time.h"

enum tr_write_kind { TR_WRITE_INSERT, TR_WRITE_MODIFY, TR_WRITE_REMOVE, TR_WRITE_KIND_COUNT };

#define TR_ACTIVITY_USERS_MAX 10000000u
#define TR_ACTIVITY_PK_SIZE 24

/* Shares of the kinds, in any unit. */
struct tr_activity_mix {
    uint64_t share[TR_WRITE_KIND_COUNT];
};

struct tr_activity_options {
    uint64_t seed;
    struct tr_activity_mix mix; /* not all 0 */
    uint32_t users;             /* of all writers together, 1..TR_ACTIVITY_USERS_MAX */
    uint32_t writer;            /* this one, from 0 */
    uint32_t writers;           /* 1..users */
    uint64_t ttl_s;             /* life of an item in `expires_at`; 0: none */
};

struct tr_activity_user {
    uint64_t n;  /* of the last write that is known; 0: none */
    uint32_t at; /* where it stands in its list */
    bool present;
    uint8_t stage; /* how far the present purchase is */
};

/* One writer's users. Init with tr_activity_init. */
struct tr_activity {
    struct tr_activity_options options;
    struct tr_random random;
    struct tr_activity_user *users; /* owned */
    uint32_t *order;                /* owned: indexes, those of the present ones first */
    uint32_t count;
    uint32_t present;
};

/* A write that was chosen and not yet resolved; plain data. */
struct tr_activity_write {
    enum tr_write_kind kind;
    uint32_t user;     /* index in the writer's users */
    uint64_t n;        /* what the item's `n` becomes; for a removal: would become */
    uint64_t previous; /* what it must be before; unused for an insert */
    uint8_t what;      /* the user did */
    uint8_t stage;     /* the user's from then on */
    uint64_t seed;     /* of the write's details: a repetition writes the same */
    struct tr_wall at;
};

/* What the item was found to be after its condition failed. */
struct tr_activity_found {
    bool present;
    uint64_t n;
    bool ours; /* `writer` is this feed's name */
};

enum tr_activity_verdict {
    TR_ACTIVITY_DONE,    /* the write had happened all the same */
    TR_ACTIVITY_ABSENT,  /* a removal whose item is gone: it happened, or something else took it */
    TR_ACTIVITY_FOREIGN, /* it did not: the item is not what was known; now it is */
};

/* "insert", "modify", "remove". */
const char *tr_write_kind_text(enum tr_write_kind kind);

/* Read "insert=70,modify=20,remove=10"; a kind that is left out has no share.
 * Errors:  TR_EUSAGE with the part that is wrong. */
enum tr_status tr_activity_parse_mix(struct tr_bytes text, struct tr_activity_mix *out,
                                     struct tr_err *err) TR_MUST_CHECK;

/* Errors: TR_ENOMEM. */
enum tr_status tr_activity_init(struct tr_activity *activity,
                                const struct tr_activity_options *options) TR_MUST_CHECK;
void tr_activity_deinit(struct tr_activity *activity);

/* Choose the next write. A kind that cannot be done gives way: without a user left to add an insert
 * becomes a modification, without a user to change the others become inserts. */
void tr_activity_next(struct tr_activity *activity, struct tr_wall now,
                      struct tr_activity_write *out);

/* The name of the user that a write is about. */
void tr_activity_pk(const struct tr_activity *activity, uint32_t user,
                    char pk[TR_ACTIVITY_PK_SIZE]);

/* Append the request: returns "PutItem", "UpdateItem" or "DeleteItem". Every one has a condition,
 * and asks for the old item if that fails. */
const char *tr_activity_encode(const struct tr_activity *activity,
                               const struct tr_activity_write *write, struct tr_bytes table,
                               struct tr_bytes writer_name, struct tr_buf *out);
/* Append a GetItem that tells what a failed condition left open. */
void tr_activity_encode_get(const struct tr_activity *activity,
                            const struct tr_activity_write *write, struct tr_bytes table,
                            struct tr_buf *out);
/* Read the item out of a failed condition's body or GetItem's answer (member `Item`).
 * Errors:  TR_EPARSE (no such answer, an item without a usable `n`), TR_ENOMEM. */
enum tr_status tr_activity_decode(struct tr_bytes body, struct tr_bytes writer_name,
                                  struct tr_activity_found *out, struct tr_err *err) TR_MUST_CHECK;

/* The write was acknowledged. */
void tr_activity_done(struct tr_activity *activity, const struct tr_activity_write *write);
/* Its condition failed and the item was found as it is: decide, and know better from now on. */
enum tr_activity_verdict tr_activity_resolve(struct tr_activity *activity,
                                             const struct tr_activity_write *write,
                                             const struct tr_activity_found *found);

#endif
