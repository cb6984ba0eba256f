/* SPDX-License-Identifier: Apache-2.0
 *
 * A place in a shard. As a checkpoint it means: everything up to and including it is done. Sequence
 * numbers are decimal strings of up to 40 digits; they are compared by length, then bytes, never as
 * machine numbers and never as plain strings. */
#ifndef TR_CHECKPOINT_POSITION_H
#define TR_CHECKPOINT_POSITION_H

#include "base/buf.h"

#define TR_SEQUENCE_DIGITS_MAX 40

/* In KCL's order: AT_TIMESTAMP < TRIM_HORIZON < LATEST < any number < SHARD_END. */
enum tr_position_kind {
    TR_POSITION_AT_TIMESTAMP,
    TR_POSITION_TRIM_HORIZON,
    TR_POSITION_LATEST,
    TR_POSITION_SEQUENCE,
    TR_POSITION_SHARD_END,
};

/* Plain data, copied by value. */
struct tr_position {
    uint8_t kind;
    uint8_t len; /* digits of a sequence number as they came (a server may want its leading zeros
                    back: DynamoDB Local pads to 21 digits and refuses fewer); else 0 */
    char digits[TR_SEQUENCE_DIGITS_MAX];
};

#define TR_TRIM_HORIZON ((struct tr_position){.kind = TR_POSITION_TRIM_HORIZON})
#define TR_SHARD_END ((struct tr_position){.kind = TR_POSITION_SHARD_END})

/* Read a checkpoint attribute: a sentinel or a decimal number.
 * Errors:  TR_EPARSE with the value (empty, signs, other characters, more than 40 digits that
 *          count: leading zeros beyond that are dropped).
 * Threads: any. */
enum tr_status tr_position_parse(struct tr_bytes text, struct tr_position *out,
                                 struct tr_err *err) TR_MUST_CHECK;

/* The same for a sequence number alone: false for a sentinel and for what cannot be read; *out is
 * then not to be used. */
bool tr_position_parse_sequence(struct tr_bytes text, struct tr_position *out);

/* KCL's spelling of it: "TRIM_HORIZON", ..., or the digits as they came. */
void tr_position_format(struct tr_buf *out, const struct tr_position *position);

/* <0, 0, >0 in KCL's order. */
int tr_position_cmp(const struct tr_position *a, const struct tr_position *b);
bool tr_position_is_sequence(const struct tr_position *position);

#endif
