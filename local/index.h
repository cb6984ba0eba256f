/* SPDX-License-Identifier: Apache-2.0
 *
 * A run of items in order: a sorted list of short sorted leaves. Entries are ordered by rank (a
 * number that the caller gives), then partition key, then sort key. It holds pointers, no
 * references. */
#ifndef TR_LOCAL_INDEX_H
#define TR_LOCAL_INDEX_H

#include "local/item.h"

struct tr_local_slot;

/* Init with {0}. */
struct tr_local_index {
    struct tr_local_slot *slots; /* owned */
    size_t count;
    size_t cap;
};

/* What is looked for: an entry, or without range (and hash) the place before all entries that
 * agree with the rest, or with `after` the place behind them. */
struct tr_local_key {
    uint64_t rank;
    struct tr_value hash;
    struct tr_value range;
    bool after;
};

/* An entry's place; good until the next insertion or removal. */
struct tr_local_place {
    size_t slot;
    size_t at;
};

/* The first entry that is not before key (past the end when there is none); whether it is key's. */
bool tr_local_index_find(const struct tr_local_index *index, const struct tr_local_table *table,
                         const struct tr_local_key *key, struct tr_local_place *out);
/* The item at a place, NULL past the end; and its rank. */
struct tr_local_item *tr_local_index_at(const struct tr_local_index *index,
                                        struct tr_local_place place);
uint64_t tr_local_index_rank(const struct tr_local_index *index, struct tr_local_place place);
void tr_local_index_set(struct tr_local_index *index, struct tr_local_place place,
                        struct tr_local_item *item);
/* Move on, or back; back from the first entry returns false. */
void tr_local_index_next(const struct tr_local_index *index, struct tr_local_place *place);
bool tr_local_index_back(const struct tr_local_index *index, struct tr_local_place *place);

/* Put an item at the place where find did not find it.
 * Errors:  TR_ENOMEM, nothing changed. */
enum tr_status tr_local_index_insert(struct tr_local_index *index, struct tr_local_place place,
                                     uint64_t rank, struct tr_local_item *item) TR_MUST_CHECK;
void tr_local_index_remove(struct tr_local_index *index, struct tr_local_place place);
void tr_local_index_deinit(struct tr_local_index *index);

#endif
