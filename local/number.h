/* SPDX-License-Identifier: Apache-2.0
 *
 * DynamoDB's numbers: decimals of up to 38 significant digits with a magnitude from 1E-130 to
 * 9.99E+125, written back without exponent and without needless zeros. Everything here is exact. */
#ifndef TR_LOCAL_NUMBER_H
#define TR_LOCAL_NUMBER_H

#include "base/bytes.h"

#define TR_NUMBER_DIGITS_MAX 38
#define TR_NUMBER_EXPONENT_MAX 125
#define TR_NUMBER_EXPONENT_MIN (-130)
#define TR_NUMBER_TEXT_MAX 176 /* "-0." with 129 zeros and 38 digits, and to spare */

enum tr_number_outcome {
    TR_NUMBER_OK,
    TR_NUMBER_MALFORMED,
    TR_NUMBER_OVERFLOW,
    TR_NUMBER_UNDERFLOW,
    TR_NUMBER_PRECISION,
};

/* A normalised number as text; also what is stored. */
struct tr_number {
    size_t len;
    char text[TR_NUMBER_TEXT_MAX];
};

/* Read any spelling ("+1.50e3") into the normal one ("1500"). *out only with TR_NUMBER_OK. */
enum tr_number_outcome tr_number_parse(struct tr_bytes text, struct tr_number *out);

/* What the service says to an outcome that is not TR_NUMBER_OK. Owns: static. */
const char *tr_number_problem_text(enum tr_number_outcome outcome);

/* Order of two normalised numbers: <0, 0, >0. */
int tr_number_cmp(struct tr_bytes a, struct tr_bytes b);

/* a + b, or a - b, of two normalised numbers. *out only with TR_NUMBER_OK. */
enum tr_number_outcome tr_number_add(struct tr_bytes a, struct tr_bytes b, bool subtract,
                                     struct tr_number *out);

/* The bytes that the service counts for a normalised number. */
size_t tr_number_size(struct tr_bytes text);

/* A normalised number that is whole and from 0 to INT64_MAX. */
bool tr_number_i64(struct tr_bytes text, int64_t *out);

#endif
