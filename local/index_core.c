/* SPDX-License-Identifier: Apache-2.0 */
#include "local/index.h"

#include "base/mem.h"
#include "local/table.h"

#define LEAF_MAX 64

struct entry {
    uint64_t rank;
    struct tr_local_item *item;
};

struct leaf {
    size_t count; /* never 0 inside an index */
    struct entry entries[LEAF_MAX];
};

/* The last rank is kept beside the pointer: most searches need no look into other leaves. */
struct tr_local_slot {
    uint64_t last;
    struct leaf *leaf; /* owned */
};

/* The key's place among entries that agree with it as far as it goes. */
static int cmp_tie(const struct tr_local_key *key, bool whole)
{
    return key->after ? -1 : !whole;
}

static int cmp_entry(const struct tr_local_table *table, const struct entry *entry,
                     const struct tr_local_key *key)
{
    int order;
    if (entry->rank != key->rank) {
        return entry->rank < key->rank ? -1 : 1;
    }
    if (key->hash.type == TR_VALUE_ABSENT) {
        return cmp_tie(key, false);
    }
    order = tr_value_cmp(tr_local_item_key(entry->item, &table->hash), key->hash);
    if (order != 0 || table->range.name.ptr == NULL) {
        return order != 0 ? order : cmp_tie(key, true);
    }
    if (key->range.type == TR_VALUE_ABSENT) {
        return cmp_tie(key, false);
    }
    order = tr_value_cmp(tr_local_item_key(entry->item, &table->range), key->range);
    return order != 0 ? order : cmp_tie(key, true);
}

static bool ends_before(const struct tr_local_table *table, const struct tr_local_slot *slot,
                        const struct tr_local_key *key)
{
    if (slot->last != key->rank) {
        return slot->last < key->rank;
    }
    return cmp_entry(table, &slot->leaf->entries[slot->leaf->count - 1], key) < 0;
}

bool tr_local_index_find(const struct tr_local_index *index, const struct tr_local_table *table,
                         const struct tr_local_key *key, struct tr_local_place *out)
{
    size_t low = 0, high = index->count;
    const struct leaf *leaf;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ends_before(table, &index->slots[middle], key)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *out = (struct tr_local_place){low, 0};
    if (low == index->count) {
        return false;
    }
    leaf = index->slots[low].leaf;
    low = 0;
    high = leaf->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (cmp_entry(table, &leaf->entries[middle], key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    out->at = low;
    return cmp_entry(table, &leaf->entries[low], key) == 0;
}

struct tr_local_item *tr_local_index_at(const struct tr_local_index *index,
                                        struct tr_local_place place)
{
    return place.slot < index->count ? index->slots[place.slot].leaf->entries[place.at].item : NULL;
}

uint64_t tr_local_index_rank(const struct tr_local_index *index, struct tr_local_place place)
{
    return place.slot < index->count ? index->slots[place.slot].leaf->entries[place.at].rank : 0;
}

void tr_local_index_set(struct tr_local_index *index, struct tr_local_place place,
                        struct tr_local_item *item)
{
    index->slots[place.slot].leaf->entries[place.at].item = item;
}

void tr_local_index_next(const struct tr_local_index *index, struct tr_local_place *place)
{
    if (place->slot < index->count && ++place->at == index->slots[place->slot].leaf->count) {
        place->slot++;
        place->at = 0;
    }
}

bool tr_local_index_back(const struct tr_local_index *index, struct tr_local_place *place)
{
    if (place->at == 0) {
        if (place->slot == 0) {
            return false;
        }
        place->at = index->slots[--place->slot].leaf->count;
    }
    place->at--;
    return true;
}

static enum tr_status add_slot(struct tr_local_index *index, size_t at)
{
    struct leaf *leaf;
    if (!tr_grow(&index->slots, &index->cap, index->count + 1, sizeof *index->slots)) {
        return TR_ENOMEM;
    }
    leaf = tr_malloc(sizeof *leaf);
    if (leaf == NULL) {
        return TR_ENOMEM;
    }
    leaf->count = 0;
    memmove(index->slots + at + 1, index->slots + at, (index->count - at) * sizeof *index->slots);
    index->slots[at] = (struct tr_local_slot){0, leaf};
    index->count++;
    return TR_OK;
}

static void note_last(struct tr_local_slot *slot)
{
    slot->last = slot->leaf->entries[slot->leaf->count - 1].rank;
}

/* Move the upper half of a full leaf into a new one behind it; *place follows its entry. */
static enum tr_status split(struct tr_local_index *index, struct tr_local_place *place)
{
    struct leaf *low, *high;
    if (add_slot(index, place->slot + 1) != TR_OK) {
        return TR_ENOMEM;
    }
    low = index->slots[place->slot].leaf;
    high = index->slots[place->slot + 1].leaf;
    high->count = LEAF_MAX / 2;
    low->count = LEAF_MAX - high->count;
    memcpy(high->entries, low->entries + low->count, high->count * sizeof *high->entries);
    note_last(&index->slots[place->slot]);
    note_last(&index->slots[place->slot + 1]);
    if (place->at > low->count) {
        place->slot++;
        place->at -= low->count;
    }
    return TR_OK;
}

enum tr_status tr_local_index_insert(struct tr_local_index *index, struct tr_local_place place,
                                     uint64_t rank, struct tr_local_item *item)
{
    struct leaf *leaf;
    if (index->count == 0) {
        if (add_slot(index, 0) != TR_OK) {
            return TR_ENOMEM;
        }
    } else if (place.slot == index->count) { /* behind the last entry */
        place.slot--;
        place.at = index->slots[place.slot].leaf->count;
    }
    if (index->slots[place.slot].leaf->count == LEAF_MAX && split(index, &place) != TR_OK) {
        return TR_ENOMEM;
    }
    leaf = index->slots[place.slot].leaf;
    memmove(leaf->entries + place.at + 1, leaf->entries + place.at,
            (leaf->count - place.at) * sizeof *leaf->entries);
    leaf->entries[place.at] = (struct entry){rank, item};
    leaf->count++;
    note_last(&index->slots[place.slot]);
    return TR_OK;
}

void tr_local_index_remove(struct tr_local_index *index, struct tr_local_place place)
{
    struct leaf *leaf = index->slots[place.slot].leaf;
    leaf->count--;
    memmove(leaf->entries + place.at, leaf->entries + place.at + 1,
            (leaf->count - place.at) * sizeof *leaf->entries);
    if (leaf->count > 0) {
        note_last(&index->slots[place.slot]);
        return;
    }
    tr_free(leaf);
    index->count--;
    memmove(index->slots + place.slot, index->slots + place.slot + 1,
            (index->count - place.slot) * sizeof *index->slots);
}

void tr_local_index_deinit(struct tr_local_index *index)
{
    size_t i;
    for (i = 0; i < index->count; i++) {
        tr_free(index->slots[i].leaf);
    }
    tr_free(index->slots);
    *index = (struct tr_local_index){0};
}
