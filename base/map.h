/* SPDX-License-Identifier: Apache-2.0
 *
 * A map from bytes to pointers, walked in the order of insertion (never in the order of addresses,
 * so that the same events give the same run). Keys are copied. */
#ifndef TR_BASE_MAP_H
#define TR_BASE_MAP_H

#include "base/bytes.h"
#include "tailrace/status.h"

struct tr_map_entry;

/* Init with {0}. */
struct tr_map {
    struct tr_map_entry *head; /* owned */
};

/* Forget all entries; the values are the caller's. */
void tr_map_deinit(struct tr_map *map);

/* The entry, or NULL. It stays where it is until it is removed, and so does its copy of the key. */
struct tr_map_entry *tr_map_find(const struct tr_map *map, struct tr_bytes key);

/* The value, or NULL. */
void *tr_map_get(const struct tr_map *map, struct tr_bytes key);

/* Set or replace. Errors: TR_ENOMEM (nothing changed). Owns: key copied; value stays the caller's.
 */
enum tr_status tr_map_set(struct tr_map *map, struct tr_bytes key, void *value) TR_MUST_CHECK;

/* Remove an entry and return its value, or NULL. */
void *tr_map_remove(struct tr_map *map, struct tr_bytes key);

/* How many entries. */
size_t tr_map_count(const struct tr_map *map);

/* Walk: for (e = tr_map_first(m); e != NULL; e = tr_map_next(e)). Removing the present entry is
 * allowed when `next` was taken before. */
struct tr_map_entry *tr_map_first(const struct tr_map *map);
struct tr_map_entry *tr_map_next(const struct tr_map_entry *entry);
struct tr_bytes tr_map_key(const struct tr_map_entry *entry);
void *tr_map_value(const struct tr_map_entry *entry);

#endif
