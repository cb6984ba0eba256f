/* SPDX-License-Identifier: Apache-2.0
 *
 * The items of a table: found by key, written with everything that hangs on a write. */
#include "local/table.h"

#include "base/mem.h"
#include "local/number.h"

#define TTL_PAST_MAX_S ((int64_t)5 * 366 * 86400) /* the service leaves older expiries alone */
#define PAST_MAX 1024                             /* writes that a stale read may not see yet */

struct tr_local_key tr_local_table_key(const struct tr_local_table *table, struct tr_value map)
{
    struct tr_local_key key = {.hash = tr_value_member(map, table->hash.name)};
    key.rank = tr_local_key_hash(key.hash);
    if (table->range.name.ptr != NULL) {
        key.range = tr_value_member(map, table->range.name);
    }
    return key;
}

struct tr_local_item *tr_local_table_get(const struct tr_local_table *table,
                                         const struct tr_local_key *key)
{
    struct tr_local_place place;
    if (!tr_local_index_find(&table->items, table, key, &place)) {
        return NULL;
    }
    return tr_local_index_at(&table->items, place);
}

/* --- time to live --- */

/* The second at which an item's time is over; 0: it has none. */
static uint64_t expiry_of(struct tr_bytes ttl_name, const struct tr_local_item *item)
{
    struct tr_value value;
    struct tr_bytes whole;
    const char *point;
    int64_t seconds;

    if (item == NULL || ttl_name.ptr == NULL) {
        return 0;
    }
    value = tr_value_member(tr_local_item_value(item), ttl_name);
    if (value.type != TR_VALUE_N) {
        return 0;
    }
    whole = value.data;
    point = memchr(whole.ptr, '.', whole.len);
    whole.len = point != NULL ? (size_t)(point - whole.ptr) : whole.len;
    return tr_number_i64(whole, &seconds) && seconds <= INT64_MAX / 1000 ? (uint64_t)seconds : 0;
}

static bool is_in_time(const struct tr_local *local, uint64_t expiry)
{
    return expiry != 0 && (int64_t)expiry >= local->now.ms / 1000 - TTL_PAST_MAX_S;
}

static bool find_expiry(const struct tr_local_table *table, const struct tr_local_index *index,
                        const struct tr_local_key *key, uint64_t expiry,
                        struct tr_local_place *place)
{
    struct tr_local_key at = {expiry, key->hash, key->range, false};
    return tr_local_index_find(index, table, &at, place) && expiry != 0;
}

/* Enter an item's expiry, unless it has none, or its entry is there. *entered: it was not. */
static enum tr_status enter_expiry(const struct tr_local *local, const struct tr_local_table *table,
                                   struct tr_local_index *index, const struct tr_local_key *key,
                                   uint64_t expiry, struct tr_local_item *item, bool *entered)
{
    struct tr_local_place place;
    enum tr_status status;
    *entered = false;
    if (!is_in_time(local, expiry) || find_expiry(table, index, key, expiry, &place)) {
        return TR_OK;
    }
    status = tr_local_index_insert(index, place, expiry, item);
    *entered = status == TR_OK;
    return status;
}

static void forget_expiry(struct tr_local_table *table, const struct tr_local_key *key,
                          uint64_t expiry)
{
    struct tr_local_place place;
    if (find_expiry(table, &table->expiring, key, expiry, &place)) {
        tr_local_index_remove(&table->expiring, place);
    }
}

enum tr_status tr_local_table_set_ttl(struct tr_local *local, struct tr_local_table *table,
                                      struct tr_bytes name)
{
    struct tr_local_index index = {0};
    struct tr_local_place place = {0, 0};
    struct tr_local_item *item;
    char *copy = name.ptr != NULL ? tr_memdup(name.ptr, name.len) : NULL;
    enum tr_status status = name.ptr != NULL && copy == NULL ? TR_ENOMEM : TR_OK;
    bool entered;

    while (status == TR_OK && name.ptr != NULL &&
           (item = tr_local_index_at(&table->items, place)) != NULL) {
        struct tr_local_key key = tr_local_table_key(table, tr_local_item_value(item));
        status = enter_expiry(local, table, &index, &key, expiry_of(name, item), item, &entered);
        tr_local_index_next(&table->items, &place);
    }
    if (status != TR_OK) {
        tr_local_index_deinit(&index);
        tr_free(copy);
        return status;
    }
    tr_local_index_deinit(&table->expiring);
    tr_free((void *)(uintptr_t)table->ttl_name.ptr);
    table->expiring = index;
    table->ttl_name = (struct tr_bytes){copy, name.len};
    return TR_OK;
}

/* --- what a stale read sees --- */

static void drop_past(struct tr_local_table *table, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) {
        tr_local_item_release(table->past[i].before);
        tr_local_item_release(table->past[i].after);
    }
    table->past_count -= count;
    memmove(table->past, table->past + count, table->past_count * sizeof *table->past);
}

/* Make room for one more write in the history, and forget what is too old. */
static enum tr_status prepare_past(struct tr_local *local, struct tr_local_table *table)
{
    int64_t since = local->now.ms - (int64_t)local->tables.history_ms;
    size_t old = 0;
    while (old < table->past_count && table->past[old].at.ms < since) {
        old++;
    }
    if (old > 0) {
        drop_past(table, old);
    }
    if (local->tables.history_ms == 0) {
        return TR_OK;
    }
    if (table->past_count == PAST_MAX) {
        drop_past(table, PAST_MAX / 4);
    }
    return tr_grow(&table->past, &table->past_cap, table->past_count + 1, sizeof *table->past)
               ? TR_OK
               : TR_ENOMEM;
}

static void note_past(struct tr_local *local, struct tr_local_table *table, uint64_t rank,
                      struct tr_local_item *before, struct tr_local_item *after)
{
    struct tr_local_past *past;
    if (local->tables.history_ms == 0) {
        return;
    }
    past = &table->past[table->past_count++];
    past->at = local->now;
    past->rank = rank;
    past->before = before != NULL ? tr_local_item_acquire(before) : NULL;
    past->after = after != NULL ? tr_local_item_acquire(after) : NULL;
}

static bool is_of_key(const struct tr_local_table *table, const struct tr_local_past *past,
                      const struct tr_local_key *key)
{
    struct tr_local_key own;
    if (past->rank != key->rank) {
        return false;
    }
    own = tr_local_table_key(table,
                             tr_local_item_value(past->after != NULL ? past->after : past->before));
    return tr_value_eq(own.hash, key->hash) && tr_value_eq(own.range, key->range);
}

struct tr_local_item *tr_local_table_get_stale(const struct tr_local *local,
                                               const struct tr_local_table *table,
                                               const struct tr_local_key *key)
{
    int64_t since = local->now.ms - (int64_t)local->tables.history_ms;
    size_t i;
    for (i = table->past_count; i > 0 && table->past[i - 1].at.ms >= since; i--) {
        if (is_of_key(table, &table->past[i - 1], key)) {
            return table->past[i - 1].before;
        }
    }
    return tr_local_table_get(table, key);
}

static enum tr_status view_one(const struct tr_local_table *table, struct tr_local_index *view,
                               struct tr_local_item *item)
{
    struct tr_local_key key = tr_local_table_key(table, tr_local_item_value(item));
    struct tr_local_place place;
    return tr_local_index_find(view, table, &key, &place)
               ? TR_OK
               : tr_local_index_insert(view, place, key.rank, item);
}

enum tr_status tr_local_table_view_stale(const struct tr_local *local,
                                         const struct tr_local_table *table,
                                         struct tr_local_index *out)
{
    struct tr_local_place place = {0, 0};
    struct tr_local_item *item;
    enum tr_status status = TR_OK;
    size_t i;

    *out = (struct tr_local_index){0};
    for (; status == TR_OK && (item = tr_local_index_at(&table->items, place)) != NULL;
         tr_local_index_next(&table->items, &place)) {
        struct tr_local_key key = tr_local_table_key(table, tr_local_item_value(item));
        item = tr_local_table_get_stale(local, table, &key);
        status = item != NULL ? view_one(table, out, item) : TR_OK;
    }
    for (i = 0; status == TR_OK && i < table->past_count; i++) { /* deleted, but not seen to be */
        struct tr_local_item *before = table->past[i].before;
        struct tr_local_key key;
        if (before == NULL) {
            continue;
        }
        key = tr_local_table_key(table, tr_local_item_value(before));
        item = tr_local_table_get_stale(local, table, &key);
        status = item != NULL ? view_one(table, out, item) : TR_OK;
    }
    if (status != TR_OK) {
        tr_local_index_deinit(out);
    }
    return status;
}

/* --- writing --- */

/* One write on its way: what stands there, what comes, and what was entered for it so far. */
struct write {
    const struct tr_local_key *key;
    struct tr_local_place place;
    struct tr_local_item *old;
    struct tr_local_item *item;
    bool entered_item;
    bool entered_expiry;
};

static bool is_watched(const struct tr_local *local, const struct tr_local_table *table)
{
    return local->watch.item != NULL && table->stream == NULL;
}

enum tr_status tr_local_table_keep_text(const struct tr_local *local,
                                        const struct tr_local_table *table,
                                        struct tr_local_item *item)
{
    return item == NULL || !is_watched(local, table) || tr_local_item_text(item).ptr != NULL
               ? TR_OK
               : TR_ENOMEM;
}

/* All that may fail, in an order that undo can take back. */
static enum tr_status enter(struct tr_local *local, struct tr_local_table *table, struct write *w,
                            bool by_service)
{
    enum tr_status status = tr_local_table_keep_text(local, table, w->old);
    if (status == TR_OK) {
        status = tr_local_table_keep_text(local, table, w->item);
    }
    if (status == TR_OK) {
        status = prepare_past(local, table);
    }
    if (status == TR_OK) {
        status = enter_expiry(local, table, &table->expiring, w->key,
                              expiry_of(table->ttl_name, w->item), w->item, &w->entered_expiry);
    }
    if (status == TR_OK && w->old == NULL) {
        status = tr_local_index_insert(&table->items, w->place, w->key->rank, w->item);
        w->entered_item = status == TR_OK;
    }
    if (status == TR_OK) {
        status = tr_local_stream_append(local, table, w->old, w->item, by_service);
    }
    return status;
}

static void undo(struct tr_local_table *table, struct write *w)
{
    if (w->entered_item && tr_local_index_find(&table->items, table, w->key, &w->place)) {
        tr_local_index_remove(&table->items, w->place);
    }
    if (w->entered_expiry) {
        forget_expiry(table, w->key, expiry_of(table->ttl_name, w->item));
    }
}

/* The old item's entry goes, or is the new item's from now on. */
static void move_expiry(struct tr_local_table *table, const struct write *w)
{
    uint64_t before = expiry_of(table->ttl_name, w->old);
    struct tr_local_place place;
    if (!find_expiry(table, &table->expiring, w->key, before, &place)) {
        return;
    }
    if (before == expiry_of(table->ttl_name, w->item)) {
        tr_local_index_set(&table->expiring, place, w->item);
    } else {
        tr_local_index_remove(&table->expiring, place);
    }
}

static void tell_item(struct tr_local *local, const struct tr_local_table *table,
                      const struct write *w)
{
    struct tr_bytes none = {"", 0};
    if (is_watched(local, table)) {
        local->watch.item(local->watch.ctx, local->now, table->name,
                          w->old != NULL ? tr_local_item_text(w->old) : none,
                          w->item != NULL ? tr_local_item_text(w->item) : none);
    }
}

/* What cannot fail any more. */
static void commit(struct tr_local *local, struct tr_local_table *table, const struct write *w)
{
    tell_item(local, table, w);
    move_expiry(table, w);
    note_past(local, table, w->key->rank, w->old, w->item);
    if (w->item == NULL) {
        tr_local_index_remove(&table->items, w->place);
    } else {
        tr_local_item_acquire(w->item);
        if (w->old != NULL) {
            tr_local_index_set(&table->items, w->place, w->item);
        }
    }
    table->item_count += w->item != NULL;
    table->item_count -= w->old != NULL;
    table->item_bytes += tr_local_item_size(w->item);
    table->item_bytes -= tr_local_item_size(w->old);
    tr_local_item_release(w->old);
}

enum tr_status tr_local_table_write(struct tr_local *local, struct tr_local_table *table,
                                    const struct tr_local_key *key, struct tr_local_item *item,
                                    bool by_service)
{
    struct write w = {.key = key, .item = item};
    enum tr_status status;

    if (tr_local_index_find(&table->items, table, key, &w.place)) {
        w.old = tr_local_index_at(&table->items, w.place);
    }
    if (w.old == NULL && item == NULL) {
        return TR_OK;
    }
    status = enter(local, table, &w, by_service);
    if (status == TR_OK) {
        commit(local, table, &w);
    } else {
        undo(table, &w);
    }
    return status;
}
