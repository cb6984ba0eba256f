/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of tables and what becomes of them with time. Their items: local/table_items_core.c. */
#include "local/table.h"

#include "base/mem.h"

static const struct tr_wall never = {INT64_MAX};

size_t tr_local_table_place(const struct tr_local *local, struct tr_bytes name)
{
    size_t low = 0, high = local->tables.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (tr_bytes_cmp(local->tables.list[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct tr_local_table *tr_local_table_find(const struct tr_local *local, struct tr_bytes name)
{
    size_t at = tr_local_table_place(local, name);
    if (at == local->tables.count || !tr_bytes_eq(local->tables.list[at]->name, name)) {
        return NULL;
    }
    return local->tables.list[at];
}

/* "T" of "arn:aws:dynamodb:us-east-1:000000000000:table/T". */
static struct tr_bytes name_of_arn(struct tr_bytes name)
{
    if (tr_bytes_starts(name, "arn:")) {
        const char *slash = memchr(name.ptr, '/', name.len);
        if (slash != NULL) {
            name.len -= (size_t)(slash + 1 - name.ptr);
            name.ptr = slash + 1;
        }
    }
    return name;
}

struct tr_local_table *tr_local_table_named(const struct tr_local *local, struct tr_bytes name)
{
    return tr_local_table_find(local, name_of_arn(name));
}

static void free_table(struct tr_local_table *table)
{
    struct tr_local_place place = {0, 0};
    struct tr_local_item *item;
    size_t i;

    while ((item = tr_local_index_at(&table->items, place)) != NULL) {
        tr_local_item_release(item);
        tr_local_index_next(&table->items, &place);
    }
    for (i = 0; i < table->past_count; i++) {
        tr_local_item_release(table->past[i].before);
        tr_local_item_release(table->past[i].after);
    }
    tr_free(table->past);
    tr_local_index_deinit(&table->items);
    tr_local_index_deinit(&table->expiring);
    tr_free((void *)(uintptr_t)table->name.ptr);
    tr_free((void *)(uintptr_t)table->hash.name.ptr);
    tr_free((void *)(uintptr_t)table->range.name.ptr);
    tr_free((void *)(uintptr_t)table->ttl_name.ptr);
    tr_free(table);
}

static bool own(struct tr_bytes *bytes)
{
    if (bytes->ptr != NULL) {
        bytes->ptr = tr_memdup(bytes->ptr, bytes->len);
        return bytes->ptr != NULL;
    }
    return true;
}

static struct tr_local_table *copy_table(const struct tr_local_table *given)
{
    struct tr_local_table *table = tr_calloc(1, sizeof *table);
    bool whole;
    if (table == NULL) {
        return NULL;
    }
    *table = *given;
    whole = own(&table->name);
    whole = own(&table->hash.name) && whole;
    whole = own(&table->range.name) && whole;
    if (!whole) {
        free_table(table);
        return NULL;
    }
    return table;
}

/* A version 4 UUID. */
static void make_id(struct tr_random *random, char out[37])
{
    uint64_t high = tr_random_u64(random), low = tr_random_u64(random);
    (void)snprintf(out, 37, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(high >> 32),
                   (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xfff),
                   (unsigned)(low >> 62 | 0x8) << 12 | (unsigned)(low >> 48 & 0xfff),
                   (unsigned long long)(low & 0xffffffffffff));
}

enum tr_status tr_local_table_add(struct tr_local *local, const struct tr_local_table *given,
                                  struct tr_local_table **out)
{
    struct tr_local_tables *tables = &local->tables;
    size_t at = tr_local_table_place(local, given->name);
    struct tr_local_table *table;

    if (!tr_grow(&tables->list, &tables->cap, tables->count + 1, sizeof *tables->list) ||
        (table = copy_table(given)) == NULL) {
        return TR_ENOMEM;
    }
    make_id(&local->random, table->id);
    table->created = local->now;
    tr_local_table_begin(local, table, TR_TABLE_CREATING);
    memmove(tables->list + at + 1, tables->list + at, (tables->count - at) * sizeof *tables->list);
    tables->list[at] = table;
    tables->count++;
    *out = table;
    return TR_OK;
}

void tr_local_table_drop(struct tr_local *local, struct tr_local_table *table)
{
    struct tr_local_tables *tables = &local->tables;
    size_t at = tr_local_table_place(local, table->name);
    tables->count--;
    memmove(tables->list + at, tables->list + at + 1, (tables->count - at) * sizeof *tables->list);
    free_table(table);
}

void tr_local_table_begin(struct tr_local *local, struct tr_local_table *table,
                          enum tr_table_status status)
{
    table->status = status;
    table->status_until.ms = local->now.ms + (int64_t)local->tables.delay_ms;
}

void tr_local_table_add_arn(const struct tr_local *local, const struct tr_local_table *table,
                            struct tr_buf *out)
{
    tr_buf_printf(out, "arn:aws:dynamodb:%s:%s:table/", local->region, local->account);
    tr_buf_add(out, table->name);
}

void tr_local_table_add_key_schema(const struct tr_local_table *table, struct tr_buf *out)
{
    tr_buf_add_str(out, "[{\"AttributeName\":");
    tr_buf_add_json(out, table->hash.name);
    tr_buf_add_str(out, ",\"KeyType\":\"HASH\"}");
    if (table->range.name.ptr != NULL) {
        tr_buf_add_str(out, ",{\"AttributeName\":");
        tr_buf_add_json(out, table->range.name);
        tr_buf_add_str(out, ",\"KeyType\":\"RANGE\"}");
    }
    tr_buf_add_char(out, ']');
}

void tr_local_tables_deinit(struct tr_local *local)
{
    size_t i;
    for (i = 0; i < local->tables.count; i++) {
        free_table(local->tables.list[i]);
    }
    tr_free(local->tables.list);
    local->tables.list = NULL;
    local->tables.count = 0;
    local->tables.cap = 0;
}

/* --- what is due by itself --- */

static struct tr_wall first_expiry(const struct tr_local_table *table)
{
    struct tr_local_place first = {0, 0};
    if (tr_local_index_at(&table->expiring, first) == NULL) {
        return never;
    }
    return (struct tr_wall){(int64_t)tr_local_index_rank(&table->expiring, first) * 1000};
}

static struct tr_wall table_deadline(const struct tr_local_table *table)
{
    /* Items of a table that is being deleted do not expire any more. */
    struct tr_wall expiry = table->status == TR_TABLE_DELETING ? never : first_expiry(table);
    if (table->status != TR_TABLE_ACTIVE && table->status_until.ms < expiry.ms) {
        return table->status_until;
    }
    return expiry;
}

struct tr_wall tr_local_tables_deadline(const struct tr_local *local)
{
    struct tr_wall deadline = never;
    size_t i;
    for (i = 0; i < local->tables.count; i++) {
        struct tr_wall one = table_deadline(local->tables.list[i]);
        deadline = one.ms < deadline.ms ? one : deadline;
    }
    return deadline;
}

/* Delete what is expired; without memory it is tried again at the next tick. */
static void expire_items(struct tr_local *local, struct tr_local_table *table)
{
    struct tr_local_place first = {0, 0};
    while (first_expiry(table).ms <= local->now.ms) {
        struct tr_value map = tr_local_item_value(tr_local_index_at(&table->expiring, first));
        struct tr_local_key key = tr_local_table_key(table, map);
        if (tr_local_table_write(local, table, &key, NULL, true) != TR_OK) {
            return;
        }
    }
}

void tr_local_tables_tick(struct tr_local *local)
{
    size_t i = 0;
    while (i < local->tables.count) {
        struct tr_local_table *table = local->tables.list[i];
        if (table->status != TR_TABLE_ACTIVE && table->status_until.ms <= local->now.ms) {
            if (table->status == TR_TABLE_DELETING) {
                tr_local_table_drop(local, table);
                continue;
            }
            table->status = TR_TABLE_ACTIVE;
        }
        if (table->status != TR_TABLE_DELETING) {
            expire_items(local, table);
        }
        i++;
    }
}
