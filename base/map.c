/* SPDX-License-Identifier: Apache-2.0
 *
 * uthash does the work: it keeps entries in insertion order. Its hooks are set so that lack of
 * memory is an answer, not an exit. */
#include "base/map.h"

#include "base/mem.h"

#define HASH_NONFATAL_OOM 1
#define uthash_malloc(size) tr_malloc(size)
#define uthash_free(ptr, size) tr_free(ptr)
#define uthash_nonfatal_oom(entry) ((entry)->lost = true)
#define HASH_FUNCTION(key, len, out) ((out) = hash_of((const char *)(key), (len)))
#include <uthash.h>

/* Eight bytes a step: keys are some tens of bytes, and most steps of a consumer look some of them
 * up. Only the buckets follow from it, never an order that is seen. */
static unsigned hash_of(const char *key, size_t len)
{
    uint64_t hash = len, word;
    for (; len >= sizeof word; key += sizeof word, len -= sizeof word) {
        memcpy(&word, key, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    if (len > 0) {
        word = 0;
        memcpy(&word, key, len);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return (unsigned)hash;
}

struct tr_map_entry {
    UT_hash_handle hh;
    void *value; /* the caller's */
    bool lost;   /* set by uthash when it could not link the entry */
    size_t len;
    char key[];
};

void tr_map_deinit(struct tr_map *map)
{
    struct tr_map_entry *entry, *next;
    HASH_ITER (hh, map->head, entry, next) {
        HASH_DEL(map->head, entry);
        tr_free(entry);
    }
    map->head = NULL;
}

struct tr_map_entry *tr_map_find(const struct tr_map *map, struct tr_bytes key)
{
    struct tr_map_entry *entry = NULL;
    HASH_FIND(hh, map->head, key.ptr, key.len, entry);
    return entry;
}

void *tr_map_get(const struct tr_map *map, struct tr_bytes key)
{
    struct tr_map_entry *entry = tr_map_find(map, key);
    return entry != NULL ? entry->value : NULL;
}

enum tr_status tr_map_set(struct tr_map *map, struct tr_bytes key, void *value)
{
    struct tr_map_entry *entry = tr_map_find(map, key);
    if (entry != NULL) {
        entry->value = value;
        return TR_OK;
    }
    entry = tr_calloc(1, sizeof *entry + key.len + 1);
    if (entry == NULL) {
        return TR_ENOMEM;
    }
    entry->value = value;
    entry->len = key.len;
    if (key.len > 0) {
        memcpy(entry->key, key.ptr, key.len);
    }
    HASH_ADD_KEYPTR(hh, map->head, entry->key, entry->len, entry);
    if (entry->lost) {
        tr_free(entry);
        return TR_ENOMEM;
    }
    return TR_OK;
}

void *tr_map_remove(struct tr_map *map, struct tr_bytes key)
{
    struct tr_map_entry *entry = tr_map_find(map, key);
    void *value;
    if (entry == NULL) {
        return NULL;
    }
    value = entry->value;
    HASH_DEL(map->head, entry);
    tr_free(entry);
    return value;
}

size_t tr_map_count(const struct tr_map *map)
{
    return HASH_COUNT(map->head);
}

struct tr_map_entry *tr_map_first(const struct tr_map *map)
{
    return map->head;
}

struct tr_map_entry *tr_map_next(const struct tr_map_entry *entry)
{
    return entry->hh.next;
}

struct tr_bytes tr_map_key(const struct tr_map_entry *entry)
{
    return (struct tr_bytes){entry->key, entry->len};
}

void *tr_map_value(const struct tr_map_entry *entry)
{
    return entry->value;
}
