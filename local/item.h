/* SPDX-License-Identifier: Apache-2.0
 *
 * An item: a map of names to values in one allocation, never changed after it was made, counted, so
 * that whoever wants an old image keeps it instead of copying it. */
#ifndef TR_LOCAL_ITEM_H
#define TR_LOCAL_ITEM_H

#include "local/value.h"

struct tr_local_table;
struct tr_key_part;

struct tr_local_item {
    uint32_t refs;
    uint32_t size; /* by the service's rules, names included */
    uint32_t len;  /* of bytes */
    bool absent;   /* stands for "there was none" (only inside the table's history) */
    uint32_t text_len;
    char *text;   /* owned: its JSON, once somebody asked to keep it; NULL: nobody did */
    char bytes[]; /* the packed members of an M */
};

/* Owns: returned with one reference. Errors: NULL without memory. */
struct tr_local_item *tr_local_item_new(struct tr_value map) __attribute__((warn_unused_result));
struct tr_local_item *tr_local_item_acquire(struct tr_local_item *item);
void tr_local_item_release(struct tr_local_item *item); /* NULL is fine */

/* A view of type M; ABSENT for NULL. */
struct tr_value tr_local_item_value(const struct tr_local_item *item);
bool tr_local_item_eq(const struct tr_local_item *a, const struct tr_local_item *b);

/* {"pk":{"S":"a"},...}; the key attributes alone. */
void tr_local_item_add_json(const struct tr_local_item *item, struct tr_buf *out);
void tr_local_item_add_keys_json(const struct tr_local_table *table,
                                 const struct tr_local_item *item, struct tr_buf *out);
/* A value that is made from the item, or, without being printed anew, the item itself. */
void tr_local_item_add_shown(const struct tr_local_item *item, struct tr_value shown,
                             struct tr_buf *out);
/* Its JSON, made at the first call and kept as long as the item. Absent without memory. */
struct tr_bytes tr_local_item_text(struct tr_local_item *item);
/* Bytes by the service's rules; of the key attributes alone. */
size_t tr_local_item_size(const struct tr_local_item *item);
size_t tr_local_item_keys_size(const struct tr_local_table *table,
                               const struct tr_local_item *item);
/* The value of a key attribute. */
struct tr_value tr_local_item_key(const struct tr_local_item *item, const struct tr_key_part *part);
/* Of the partition key alone: the same for equal keys (10 and 10.0 are equal), in every run. */
uint64_t tr_local_item_hash(const struct tr_local_table *table, const struct tr_local_item *item);
uint64_t tr_local_key_hash(struct tr_value partition);

#endif
