/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes of somebody else's: a pointer and a length, passed by value. Everything from the network,
 * from files and from rows travels like this; it may hold NULs and need not end with one. */
#ifndef TR_BASE_BYTES_H
#define TR_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed from whoever made it. {NULL, 0} is "absent"; {"", 0} is "present and empty". */
struct tr_bytes {
    const char *ptr;
    size_t len;
};

/* The bytes of a string literal, and of a C string (NULL gives "absent"). */
#define TR_LIT(literal) ((struct tr_bytes){"" literal, sizeof(literal) - 1})
struct tr_bytes tr_bytes_of(const char *text);

/* For printf: "%.*s". */
#define TR_FMT(b) (int)(b).len, (b).ptr

/* Whether both are the same bytes; whether they are, begin or end with the text. */
bool tr_bytes_eq(struct tr_bytes a, struct tr_bytes b);
bool tr_bytes_is(struct tr_bytes a, const char *text);
bool tr_bytes_starts(struct tr_bytes a, const char *prefix);
bool tr_bytes_ends(struct tr_bytes a, const char *suffix);
/* ASCII letters compared without case. */
bool tr_bytes_is_nocase(struct tr_bytes a, const char *text);

/* Byte order, then length: <0, 0, >0. */
int tr_bytes_cmp(struct tr_bytes a, struct tr_bytes b);

/* Cut white space (space, tab, CR, LF) from both ends. */
struct tr_bytes tr_bytes_trim(struct tr_bytes a);

/* Cut the first token up to `sep` from *rest and return it; *rest moves behind the separator. When
 * nothing is left, *rest becomes absent (ptr NULL) and so is the answer of the next call. */
struct tr_bytes tr_bytes_cut(struct tr_bytes *rest, char sep);

/* Parse an unsigned decimal number: digits only, no sign, no white space.
 * Errors:  false for anything else and for numbers above `max`; *out is then unchanged. */
bool tr_bytes_u64(struct tr_bytes a, uint64_t max, uint64_t *out);

/* A stable 64-bit hash (FNV-1a): the same bytes give the same number in every run. */
uint64_t tr_bytes_hash(struct tr_bytes a);

/* Whether the bytes are well-formed UTF-8 (no surrogates, no overlong forms). */
bool tr_bytes_utf8(struct tr_bytes a);

#endif
