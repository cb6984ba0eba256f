/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that is given back all at once: the nodes of a parsed file, the strings of a
 * configuration. */
#ifndef TR_CONFIG_ARENA_H
#define TR_CONFIG_ARENA_H

#include "base/bytes.h"

struct tr_config_arena_chunk;

/* Init with {0}. */
struct tr_config_arena {
    struct tr_config_arena_chunk *chunks; /* owned */
};

/* Zeroed memory, aligned for any type. Owns: the arena's; NULL when there is no memory. */
void *tr_config_arena_alloc(struct tr_config_arena *arena, size_t size)
    __attribute__((warn_unused_result));
/* A copy with a NUL behind it. Owns: the arena's; NULL when there is no memory. */
char *tr_config_arena_copy(struct tr_config_arena *arena, struct tr_bytes bytes)
    __attribute__((warn_unused_result));
void tr_config_arena_deinit(struct tr_config_arena *arena);

#endif
