/* SPDX-License-Identifier: Apache-2.0 */
#include "local/arena.h"

#include "base/mem.h"

#define CHUNK_BYTES 16384
#define KEEP_BYTES_MAX                                                                             \
    1048576 /* buffers that grew beyond this are not kept for the next request  \
                                */

struct tr_arena_chunk {
    struct tr_arena_chunk *next; /* owned */
    size_t size;
    _Alignas(max_align_t) char bytes[];
};

static bool add_chunk(struct tr_arena *arena, size_t size)
{
    struct tr_arena_chunk *chunk;
    size = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    chunk = tr_malloc(sizeof *chunk + size);
    if (chunk == NULL) {
        return false;
    }
    chunk->next = arena->chunks;
    chunk->size = size;
    arena->chunks = chunk;
    arena->used = 0;
    return true;
}

/* Room for size bytes, not cleared. */
static char *take(struct tr_arena *arena, size_t size)
{
    char *at;
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    if ((arena->chunks == NULL || arena->chunks->size - arena->used < size) &&
        !add_chunk(arena, size)) {
        return NULL;
    }
    at = arena->chunks->bytes + arena->used;
    arena->used += size;
    return at;
}

void *tr_arena_alloc(struct tr_arena *arena, size_t size)
{
    char *at = take(arena, size);
    if (at != NULL) {
        memset(at, 0, size);
    }
    return at;
}

struct tr_bytes tr_arena_copy(struct tr_arena *arena, struct tr_bytes bytes)
{
    char *at = take(arena, bytes.len + 1);
    if (at == NULL) {
        return (struct tr_bytes){NULL, 0};
    }
    if (bytes.len > 0) {
        memcpy(at, bytes.ptr, bytes.len);
    }
    at[bytes.len] = '\0';
    return (struct tr_bytes){at, bytes.len};
}

static void shrink(struct tr_buf *buf)
{
    if (buf->cap > KEEP_BYTES_MAX) {
        tr_buf_deinit(buf);
    } else {
        tr_buf_reset(buf);
    }
}

void tr_arena_reset(struct tr_arena *arena)
{
    while (arena->chunks != NULL &&
           (arena->chunks->next != NULL || arena->chunks->size > CHUNK_BYTES)) {
        struct tr_arena_chunk *next = arena->chunks->next;
        tr_free(arena->chunks);
        arena->chunks = next;
    }
    arena->used = 0;
    shrink(&arena->build);
    shrink(&arena->text);
}

void tr_arena_deinit(struct tr_arena *arena)
{
    while (arena->chunks != NULL) {
        struct tr_arena_chunk *next = arena->chunks->next;
        tr_free(arena->chunks);
        arena->chunks = next;
    }
    tr_buf_deinit(&arena->build);
    tr_buf_deinit(&arena->text);
    *arena = (struct tr_arena){0};
}
