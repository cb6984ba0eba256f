/* SPDX-License-Identifier: Apache-2.0
 *
 * The demo's verdict: what the feed had acknowledged, against what the processor's file holds. Fed
 * line by line, in any order of the two; it keeps two bits a write. Pure. */
#ifndef TR_CLI_VERDICT_H
#define TR_CLI_VERDICT_H

#include "base/buf.h"

#define TR_VERDICT_ITEMS_MAX 10000000u
#define TR_VERDICT_WRITES_MAX (1u << 24) /* of one item */

struct tr_verdict;

/* Counts of distinct writes, but for `twice`. */
struct tr_verdict_counts {
    uint64_t written;        /* acknowledged */
    uint64_t processed;      /* of these, delivered */
    uint64_t lost;           /* the others */
    uint64_t twice;          /* deliveries of what had been delivered before */
    uint64_t unacknowledged; /* delivered without an acknowledgement: answers were lost */
    bool order_broken;
};

/* Errors: NULL without memory. Owns: returned (free with tr_verdict_free). */
struct tr_verdict *tr_verdict_new(void);
void tr_verdict_free(struct tr_verdict *verdict);

/* A line of the feed's log: "PK N KIND".
 * Errors:  TR_EPARSE (not such a line, a write that is there already), TR_ELIMIT, TR_ENOMEM;
 *          nothing counted then. */
enum tr_status tr_verdict_acknowledged(struct tr_verdict *verdict, struct tr_bytes line,
                                       struct tr_err *err) TR_MUST_CHECK;
/* A line of the processor's file: a record with the attributes of cli/activity.h. A removal by the
 * service (time to live) is no write of the feed's and counts for nothing.
 * Errors:  as above. */
enum tr_status tr_verdict_delivered(struct tr_verdict *verdict, struct tr_bytes line,
                                    struct tr_err *err) TR_MUST_CHECK;

/* How it stands. */
void tr_verdict_count(const struct tr_verdict *verdict, struct tr_verdict_counts *out);
/* Whether nothing is lost and every item's first deliveries are in order. */
bool tr_verdict_good(const struct tr_verdict *verdict);
/* Append "W written, P processed, L lost, D delivered twice, order kept", or "... order broken at
 * 'ITEM' (N after M)". */
void tr_verdict_print(const struct tr_verdict *verdict, struct tr_buf *out);
/* Append up to `max` lost writes, "'ITEM' N", separated by ", ". */
void tr_verdict_print_lost(const struct tr_verdict *verdict, size_t max, struct tr_buf *out);

#endif
