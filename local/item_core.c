/* SPDX-License-Identifier: Apache-2.0 */
#include "local/item.h"

#include "base/mem.h"
#include "local/table.h"

struct tr_local_item *tr_local_item_new(struct tr_value map)
{
    struct tr_local_item *item = tr_malloc(sizeof *item + map.data.len);
    if (item == NULL) {
        return NULL;
    }
    *item = (struct tr_local_item){
        .refs = 1, .size = (uint32_t)tr_value_map_size(map), .len = (uint32_t)map.data.len};
    if (map.data.len > 0) {
        memcpy(item->bytes, map.data.ptr, map.data.len);
    }
    return item;
}

struct tr_local_item *tr_local_item_acquire(struct tr_local_item *item)
{
    item->refs++;
    return item;
}

void tr_local_item_release(struct tr_local_item *item)
{
    if (item != NULL && --item->refs == 0) {
        tr_free(item->text);
        tr_free(item);
    }
}

struct tr_value tr_local_item_value(const struct tr_local_item *item)
{
    if (item == NULL || item->absent) {
        return (struct tr_value){0};
    }
    return (struct tr_value){TR_VALUE_M, {item->bytes, item->len}};
}

bool tr_local_item_eq(const struct tr_local_item *a, const struct tr_local_item *b)
{
    return tr_value_eq(tr_local_item_value(a), tr_local_item_value(b));
}

void tr_local_item_add_json(const struct tr_local_item *item, struct tr_buf *out)
{
    if (item->text != NULL) {
        tr_buf_add(out, (struct tr_bytes){item->text, item->text_len});
        return;
    }
    tr_value_print_map(out, tr_local_item_value(item));
}

void tr_local_item_add_shown(const struct tr_local_item *item, struct tr_value shown,
                             struct tr_buf *out)
{
    if (item != NULL && shown.type == TR_VALUE_M && shown.data.ptr == item->bytes &&
        shown.data.len == item->len) {
        tr_local_item_add_json(item, out);
    } else {
        tr_value_print_map(out, shown);
    }
}

struct tr_bytes tr_local_item_text(struct tr_local_item *item)
{
    struct tr_buf out = {0};
    size_t len = 0;
    if (item->text == NULL) {
        (void)tr_buf_reserve(&out, 2 * (size_t)item->len);
        tr_local_item_add_json(item, &out);
        item->text = tr_buf_take(&out, &len);
        item->text_len = (uint32_t)len;
    }
    return (struct tr_bytes){item->text, item->text != NULL ? item->text_len : 0};
}

static void add_key_part(const struct tr_key_part *part, const struct tr_local_item *item,
                         struct tr_buf *out)
{
    tr_buf_add_json(out, part->name);
    tr_buf_add_char(out, ':');
    tr_value_print(out, tr_local_item_key(item, part));
}

void tr_local_item_add_keys_json(const struct tr_local_table *table,
                                 const struct tr_local_item *item, struct tr_buf *out)
{
    tr_buf_add_char(out, '{');
    add_key_part(&table->hash, item, out);
    if (table->range.name.ptr != NULL) {
        tr_buf_add_char(out, ',');
        add_key_part(&table->range, item, out);
    }
    tr_buf_add_char(out, '}');
}

size_t tr_local_item_size(const struct tr_local_item *item)
{
    return item != NULL && !item->absent ? item->size : 0;
}

static size_t key_part_size(const struct tr_key_part *part, const struct tr_local_item *item)
{
    return part->name.ptr != NULL ? part->name.len + tr_value_size(tr_local_item_key(item, part))
                                  : 0;
}

size_t tr_local_item_keys_size(const struct tr_local_table *table, const struct tr_local_item *item)
{
    return key_part_size(&table->hash, item) + key_part_size(&table->range, item);
}

struct tr_value tr_local_item_key(const struct tr_local_item *item, const struct tr_key_part *part)
{
    struct tr_value map = {TR_VALUE_M, {item->bytes, item->len}};
    return tr_value_member(map, part->name);
}

uint64_t tr_local_item_hash(const struct tr_local_table *table, const struct tr_local_item *item)
{
    return tr_local_key_hash(tr_local_item_key(item, &table->hash));
}

uint64_t tr_local_key_hash(struct tr_value partition)
{
    struct tr_random mix;
    tr_random_init(&mix, tr_bytes_hash(partition.data));
    return tr_random_u64(&mix);
}
