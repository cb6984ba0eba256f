/* SPDX-License-Identifier: Apache-2.0
 *
 * A small JSON finder for the tests' own use, apart from the product's readers: members of objects,
 * elements of arrays, strings without their escapes. It trusts that the text is JSON (the service
 * model wrote it) and finds nothing in what is not. */
#ifndef TR_TESTS_SIM_SCAN_H
#define TR_TESTS_SIM_SCAN_H

#include "base/bytes.h"

/* What is left of an object or array that is walked. */
struct scan {
    const char *at;
    const char *end;
};

/* Begin to walk the members of an object or the elements of an array. */
struct scan scan_begin(struct tr_bytes container);
/* The next member: its name with the quotes, its value as it came. */
bool scan_member(struct scan *scan, struct tr_bytes *name, struct tr_bytes *value);
bool scan_element(struct scan *scan, struct tr_bytes *value);

/* The value of a member; absent when there is none. scan_path follows several names, ended by NULL.
 */
struct tr_bytes scan_get(struct tr_bytes object, const char *name);
struct tr_bytes scan_path(struct tr_bytes object, const char *const *names);
/* Whether a string, with its quotes, says just this. */
bool scan_is(struct tr_bytes string, const char *text);
/* A string's content with a NUL behind it; false when it is no string or does not fit. */
bool scan_string(struct tr_bytes string, char *out, size_t cap);

#endif
