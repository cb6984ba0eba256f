/* SPDX-License-Identifier: Apache-2.0 */
#include "config/arena.h"

#include "base/mem.h"

#define CHUNK_BYTES 8192

struct tr_config_arena_chunk {
    struct tr_config_arena_chunk *next;
    size_t used;
    size_t size;
    _Alignas(max_align_t) char bytes[];
};

static struct tr_config_arena_chunk *new_chunk(struct tr_config_arena *arena, size_t size)
{
    size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    struct tr_config_arena_chunk *chunk = tr_calloc(1, sizeof *chunk + room);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->size = room;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    return chunk;
}

void *tr_config_arena_alloc(struct tr_config_arena *arena, size_t size)
{
    size_t align = _Alignof(max_align_t);
    size_t rounded = (size + align - 1) / align * align;
    struct tr_config_arena_chunk *chunk = arena->chunks;
    void *at;

    if (chunk == NULL || chunk->size - chunk->used < rounded) {
        chunk = new_chunk(arena, rounded);
    }
    if (chunk == NULL) {
        return NULL;
    }
    at = chunk->bytes + chunk->used;
    chunk->used += rounded;
    return at;
}

char *tr_config_arena_copy(struct tr_config_arena *arena, struct tr_bytes bytes)
{
    char *copy = tr_config_arena_alloc(arena, bytes.len + 1);
    if (copy != NULL && bytes.len > 0) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    return copy;
}

void tr_config_arena_deinit(struct tr_config_arena *arena)
{
    while (arena->chunks != NULL) {
        struct tr_config_arena_chunk *next = arena->chunks->next;
        tr_free(arena->chunks);
        arena->chunks = next;
    }
}
