/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that lives as long as one request: handed out in order, given back all at once. Pointers
 * stay where they are until the reset. */
#ifndef TR_LOCAL_ARENA_H
#define TR_LOCAL_ARENA_H

#include "base/buf.h"

struct tr_arena_chunk;

/* Init with {0}. */
struct tr_arena {
    struct tr_arena_chunk *chunks; /* owned; the newest first */
    size_t used;                   /* of the newest */
    struct tr_buf build;           /* owned: where a run of unknown length grows before its copy */
    struct tr_buf text;            /* owned: the same for one string */
};

/* Memory for any object, zeroed.
 * Errors:  NULL without memory.
 * Owns:    borrowed until the reset. */
void *tr_arena_alloc(struct tr_arena *arena, size_t size) __attribute__((warn_unused_result));
/* A copy of bytes. Errors: ptr NULL without memory. */
struct tr_bytes tr_arena_copy(struct tr_arena *arena, struct tr_bytes bytes);

/* Give everything back; one chunk of ordinary size is kept for the next request. */
void tr_arena_reset(struct tr_arena *arena);
void tr_arena_deinit(struct tr_arena *arena);

#endif
