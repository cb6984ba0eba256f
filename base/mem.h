/* SPDX-License-Identifier: Apache-2.0
 *
 * The only way the project's own code gets memory. Failure is a NULL that the caller turns into
 * TR_ENOMEM; a test makes the N-th allocation fail, for all N. */
#ifndef TR_BASE_MEM_H
#define TR_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* As malloc, calloc, realloc. A size of 0 gives a pointer that may be freed.
 * Owns:    returned (free with tr_free); NULL when there is no memory.
 * Threads: any. */
void *tr_malloc(size_t size) __attribute__((malloc, warn_unused_result));
void *tr_calloc(size_t count, size_t size) __attribute__((malloc, warn_unused_result));
void *tr_realloc(void *ptr, size_t size) __attribute__((warn_unused_result));

/* A copy of len bytes with a NUL behind them (the bytes may hold NULs of their own).
 * Owns:    returned (free with tr_free); NULL when there is no memory. */
char *tr_memdup(const void *bytes, size_t len) __attribute__((malloc, warn_unused_result));
char *tr_strdup(const char *text) __attribute__((malloc, warn_unused_result));

/* Free what the functions above returned; NULL is fine. */
void tr_free(void *ptr);

/* Grow an array so that it has room for `want` elements of `size` bytes, by doubling.
 * Errors:  returns 0 and changes nothing when there is no memory; 1 when there is room. */
int tr_grow(void *array_ptr, size_t *capacity, size_t want, size_t size)
    __attribute__((warn_unused_result));

/* Overwrite secrets; the compiler may not leave it out. */
void tr_wipe(void *ptr, size_t len);

/* For tests: let the n-th allocation from now on fail (0: the next one), once. A negative n turns
 * it off. Returns how many allocations the calling thread has made since the last call.
 * Threads: counts and fails the calling thread's allocations only. */
uint64_t tr_mem_fail_at(int64_t n);

#endif
