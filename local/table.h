/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables and their items. Items are kept in one order, by a stable hash of the partition key, then
 * by the sort key: that is Scan's order, a partition is a run of it, a segment a range of hashes.
 */
#ifndef TR_LOCAL_TABLE_H
#define TR_LOCAL_TABLE_H

#include "local/model.h"
#include "local/item.h"

#define TR_TABLES_MAX 2500

enum tr_table_status { TR_TABLE_CREATING, TR_TABLE_ACTIVE, TR_TABLE_UPDATING, TR_TABLE_DELETING };

/* One attribute of the key; name.ptr NULL: the table has no sort key. */
struct tr_key_part {
    struct tr_bytes name;    /* owned by the table */
    enum tr_value_type type; /* S, N or B */
};

/* A run of items in order: a sorted list of short sorted leaves. Entries are ordered by rank, then
 * partition key, then sort key. Init with {0}. */
struct tr_local_index_leaf;
struct tr_local_index {
    struct tr_local_index_leaf **leaves; /* owned */
    size_t count;
    size_t cap;
};

struct tr_local_table {
    struct tr_bytes name; /* owned */
    char id[37];          /* TableId */
    struct tr_key_part hash;
    struct tr_key_part range;
    bool on_demand;
    uint64_t read_units;
    uint64_t write_units;
    bool deletion_protected;
    enum tr_table_status status;
    struct tr_wall created;
    struct tr_wall status_until; /* when CREATING, UPDATING, DELETING ends */

    struct tr_local_index items; /* rank: hash of the partition key */
    uint64_t item_count;
    uint64_t item_bytes;

    struct tr_bytes ttl_name;       /* owned; absent: time to live is off */
    struct tr_local_index expiring; /* rank: the second at which an item's time is over */

    struct tr_local_stream *stream; /* the newest of the table, on or off; NULL: never had one */
};

/* The table of a name, or NULL (DELETING ones are found, too). */
struct tr_local_table *tr_local_table_find(const struct tr_local *local, struct tr_bytes name);
/* "arn:aws:dynamodb:REGION:ACCOUNT:table/NAME". */
void tr_local_table_add_arn(const struct tr_local *local, const struct tr_local_table *table,
                            struct tr_buf *out);
/* [{"AttributeName":"pk","KeyType":"HASH"},...]. */
void tr_local_table_add_key_schema(const struct tr_local_table *table, struct tr_buf *out);

/* Free all tables and their items. */
void tr_local_tables_deinit(struct tr_local *local);
/* When something is due by itself (a status, an expired item), INT64_MAX for never; and do it. */
struct tr_wall tr_local_tables_deadline(const struct tr_local *local);
void tr_local_tables_tick(struct tr_local *local);

#endif
