/* SPDX-License-Identifier: Apache-2.0
 *
 * KCL's lease row, attribute by attribute, and the requests that read and write the lease table.
 * Encoders and decoders, pure. Attributes that are not ours stay as they are: every write after
 * creation is an UpdateItem of named attributes. */
#ifndef TR_LEASE_LEASE_ROW_H
#define TR_LEASE_LEASE_ROW_H

#include "base/json.h"
#include "checkpoint/position.h"

#define TR_LEASE_PARENTS_MAX 8
#define TR_LEASE_COUNTER_MAX ((uint64_t)INT64_MAX) /* KCL reads a signed 64-bit number */
/* A row with more than this is taken by nobody: no tenure is to come to the highest. */
#define TR_LEASE_COUNTER_TAKEN_MAX (TR_LEASE_COUNTER_MAX - ((uint64_t)1 << 40))
#define TR_LEASE_FAILOVER_MS_MAX 600000u         /* the longest that may be configured */
#define TR_LEASE_START_MS_MAX 253402300799999ull /* the end of the year 9999 */

/* A decoded row; bytes are borrowed from the decoder's arena. */
struct tr_lease_row {
    struct tr_bytes key;
    struct tr_bytes owner; /* absent: unowned */
    uint64_t counter;
    struct tr_position checkpoint;
    uint64_t switches; /* ownerSwitchesSinceCheckpoint */
    struct tr_bytes parents[TR_LEASE_PARENTS_MAX];
    size_t parent_count;
    /* Our own attributes, all optional (docs/leases.md). */
    uint64_t failover_ms;    /* tailraceFailoverMs, if tailraceOwner equals leaseOwner; else 0 */
    struct tr_bytes stream;  /* tailraceStream: TABLE/stream/LABEL; absent: not made by us */
    bool without_parents;    /* tailraceNoParents */
    bool tailrace;           /* its owner is a tailrace worker: tailraceOwner equals leaseOwner */
    struct tr_bytes run;     /* tailraceRun: which process of that id took it */
    struct tr_bytes request; /* tailraceRequest: "<worker id> <nonce>" who asks for it */
    struct tr_bytes first;   /* tailraceFirst: the shard's first number, or what else stands there;
                                absent: not known then */
    struct tr_bytes bell;    /* tailraceBell: "<worker id> <nonce>" who rang last */
    size_t size;             /* bytes as DynamoDB counts them, about */
    bool has_start_ms;
    uint64_t start_ms; /* tailraceStartMs: records older than this are passed over */
};

/* Where a page's text has the row that is the rows' `row`; len 0: one that was left out, or whose
 * bytes are not all in the text. */
struct tr_lease_span {
    uint32_t start;
    uint32_t len;
    uint32_t row;
};

/* One page of a Scan, or one row. Init with {0}. */
struct tr_lease_rows {
    struct tr_lease_row *rows; /* owned */
    size_t count;
    size_t cap;
    struct tr_lease_span *spans; /* owned: one an item of the page */
    size_t span_count;
    size_t span_cap;
    size_t size; /* bytes of all rows that the answer had, as DynamoDB counts them, about */
    struct tr_bytes stranger; /* key of a row that is neither a lease nor of KCL; absent: none */
    struct tr_bytes version;  /* of KCL's row 'Migration3.0': its 'cv'; absent: no such row */
    struct tr_buf arena;      /* owned: unescaped strings */
    struct tr_buf last_key;   /* owned: LastEvaluatedKey as JSON; empty: the scan is complete */
    struct tr_json_doc doc;   /* owned */
    struct tr_buf text;       /* owned: the answer's bytes, which the views point into */
};

/* Called for a row that is no lease row or not understood, and why, with attribute and value. Of
 * the row only key and stream are told; both may be absent. The row is left alone. */
typedef void tr_lease_bad_row_fn(void *ctx, const struct tr_lease_row *row, const char *why);

void tr_lease_rows_deinit(struct tr_lease_rows *rows);

/* Decode a Scan answer (a page). Rows that are not understood are reported and left out; rows of
 * other kinds (entityType other than LEASE, no leaseCounter) are left out too. A row that stands
 * in `before` (the page as an earlier answer had it, or NULL) byte by byte and in the same place
 * is taken from there: in a small table most are, from one look to the next.
 * Owns:    *body is taken (also on error). Earlier content of rows is dropped. Nothing of rows
 *          points into before.
 * Errors:  TR_EPARSE (not a Scan answer), TR_ENOMEM. */
enum tr_status tr_lease_decode_scan(struct tr_lease_rows *rows, const struct tr_lease_rows *before,
                                    struct tr_buf *body, tr_lease_bad_row_fn *bad, void *ctx,
                                    struct tr_err *err) TR_MUST_CHECK;
/* Decode one row: in an UpdateItem answer `member` is "Attributes", in a GetItem answer and in the
 * body of a failed condition it is "Item".
 * Errors:  TR_ENOTFOUND: the body has no such member; TR_EPARSE: it is no JSON, or the row is not
 *          understood (key, attribute, value); TR_ENOMEM.
 * Owns:    *body is taken (also on error). Earlier content of rows is dropped. */
enum tr_status tr_lease_decode_one(struct tr_lease_rows *rows, struct tr_buf *body,
                                   const char *member, struct tr_err *err) TR_MUST_CHECK;

enum tr_lease_write_kind {
    TR_LEASE_CREATE,     /* PutItem, absent before */
    TR_LEASE_TAKE,       /* owner and counter as scanned */
    TR_LEASE_RENEW,      /* owner = me, counter as known */
    TR_LEASE_CHECKPOINT, /* as renew, with a position */
    TR_LEASE_RELEASE,    /* as renew; the owner is removed (and a pending position written) */
    TR_LEASE_REQUEST,    /* owner as scanned, the request as seen: asks the owner to hand over */
    TR_LEASE_RING,       /* any lease row: tells all workers to look */
    TR_LEASE_DELETE,     /* DeleteItem: owner, counter and SHARD_END as seen */
};

/* Everything that goes into one write. */
struct tr_lease_write {
    enum tr_lease_write_kind kind;
    struct tr_bytes key;
    struct tr_bytes expected_owner; /* absent: the row must have none (take); unused for create */
    uint64_t expected_counter;
    uint64_t counter;            /* the new one */
    struct tr_bytes owner;       /* take, request, ring: me; create: me, or absent: unowned */
    struct tr_bytes run;         /* take, create: mine; with owner */
    uint64_t failover_ms;        /* mine; with owner */
    uint64_t nonce;              /* request, ring: differs from one to the next */
    struct tr_bytes request;     /* request: the one seen before; absent: none */
    bool drops_request;          /* renew, checkpoint, release: what asked is dead */
    struct tr_position position; /* create, checkpoint, release with has_position */
    bool has_position;
    struct tr_bytes parents[TR_LEASE_PARENTS_MAX]; /* create */
    size_t parent_count;
    struct tr_bytes stream; /* create: the label */
    bool without_parents;   /* create */
    struct tr_bytes first;  /* create: the shard's first number; absent: not known */
    bool has_start_ms;      /* create */
    uint64_t start_ms;
};

/* "PutItem", "UpdateItem" or "DeleteItem" and the body. Takes, renewals, checkpoints and releases
 * ask for ALL_NEW; all ask for ALL_OLD on failure of the condition. */
const char *tr_lease_encode_write(struct tr_buf *out, struct tr_bytes table,
                                  const struct tr_lease_write *write);
void tr_lease_encode_scan(struct tr_buf *out, struct tr_bytes table, bool consistent,
                          struct tr_bytes last_key);
/* One of `segments` parts of the table (1: the whole), eventually consistent. */
void tr_lease_encode_segment(struct tr_buf *out, struct tr_bytes table, unsigned segment,
                             unsigned segments, struct tr_bytes last_key);
void tr_lease_encode_get(struct tr_buf *out, struct tr_bytes table, struct tr_bytes key);
/* The same, eventually consistent, at half the cost. */
void tr_lease_encode_glance(struct tr_buf *out, struct tr_bytes table, struct tr_bytes key);
/* When a row that we made was made, by the service's time, or a little later: its counter began
 * with that. 0: it is not known, for others made the row (a KCL worker's counters begin at 0), or
 * somebody set the counter to what is no time. */
int64_t tr_lease_row_made_ms(const struct tr_lease_row *row);
/* Cut "<worker id> <nonce>" at its last blank: the id; absent if it is not of that form. */
struct tr_bytes tr_lease_asker(struct tr_bytes request);
/* KCL 3 keeps its fleet's state in row 'Migration3.0' of the lease table or of a table of its own,
 * "<application>-CoordinatorState" (HASH key). Its reading, and what the answer says.
 * Errors:  decode: TR_ENOTFOUND (no such row); TR_EPARSE; TR_ENOMEM. Owns: *version appended to. */
void tr_lease_encode_coordinator(struct tr_buf *out, struct tr_bytes table);
enum tr_status tr_lease_decode_coordinator(struct tr_bytes body, struct tr_buf *version,
                                           struct tr_err *err) TR_MUST_CHECK;
/* Whether a fleet in this state assigns leases as KCL 3.x does: nobody else may take any. */
bool tr_lease_version_is_3x(struct tr_bytes version);
/* KCL's table: HASH leaseKey (S), pay per request. */
void tr_lease_encode_create_table(struct tr_buf *out, struct tr_bytes table);
bool tr_lease_table_is_going(struct tr_bytes body); /* TableStatus DELETING */
/* What DescribeTable says: ACTIVE or not yet.
 * Errors:  TR_ECONFIG: the table has another key (it is no lease table), with what it has. */
enum tr_status tr_lease_decode_describe_table(struct tr_bytes body, bool *active,
                                              struct tr_err *err) TR_MUST_CHECK;

#endif
