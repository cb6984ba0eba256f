/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables and their items. Items are kept in one order, by a stable hash of the partition key, then
 * by the sort key: that is Scan's order, a partition is a run of it, a segment a range of hashes.
 */
#ifndef TR_LOCAL_TABLE_H
#define TR_LOCAL_TABLE_H

#include "local/index.h"
#include "local/model.h"

#define TR_TABLES_MAX 2500

enum tr_table_status { TR_TABLE_CREATING, TR_TABLE_ACTIVE, TR_TABLE_UPDATING, TR_TABLE_DELETING };

/* One attribute of the key; name.ptr NULL: the table has no sort key. */
struct tr_key_part {
    struct tr_bytes name;    /* owned by the table */
    enum tr_value_type type; /* S, N or B */
};

/* A write that is young enough for a stale read not to see it yet. */
struct tr_local_past {
    struct tr_wall at;
    uint64_t rank;
    struct tr_local_item *before; /* a reference; NULL: there was none */
    struct tr_local_item *after;  /* a reference; NULL: it was deleted */
};

struct tr_local_table {
    struct tr_bytes name; /* owned */
    char id[37];          /* TableId */
    struct tr_key_part hash;
    struct tr_key_part range;
    bool on_demand;
    struct tr_wall on_demand_since; /* 0: it never was */
    uint64_t read_units;
    uint64_t write_units;
    bool deletion_protected;
    enum tr_table_status status;
    struct tr_wall created;
    struct tr_wall status_until; /* when CREATING, UPDATING, DELETING ends */

    struct tr_local_index items; /* rank: hash of the partition key; holds a reference to each */
    uint64_t item_count;
    uint64_t item_bytes;

    struct tr_bytes ttl_name;       /* owned; absent: time to live is off */
    struct tr_local_index expiring; /* rank: the second at which an item's time is over */

    struct tr_local_past *past; /* owned; oldest first; see tr_local_tables.history_ms */
    size_t past_count;
    size_t past_cap;

    struct tr_local_stream *stream; /* the newest of the table, on or off; NULL: never had one */
};

/* Make a table of name, key, billing in *given (its owned members are copied) and add it, CREATING.
 * Errors:  TR_ENOMEM, nothing changed.
 * Owns:    *out borrowed until the table is gone. */
enum tr_status tr_local_table_add(struct tr_local *local, const struct tr_local_table *given,
                                  struct tr_local_table **out) TR_MUST_CHECK;
/* Take a table out of the model and free it with its items. */
void tr_local_table_drop(struct tr_local *local, struct tr_local_table *table);

/* The table of a name, or NULL (DELETING ones are found, too). */
struct tr_local_table *tr_local_table_find(const struct tr_local *local, struct tr_bytes name);
/* The same by a name or an ARN. */
struct tr_local_table *tr_local_table_named(const struct tr_local *local, struct tr_bytes name);
/* The place of a name in the sorted list. */
size_t tr_local_table_place(const struct tr_local *local, struct tr_bytes name);
/* A change that takes its time: CREATING, UPDATING or DELETING from now on. */
void tr_local_table_begin(struct tr_local *local, struct tr_local_table *table,
                          enum tr_table_status status);

/* "arn:aws:dynamodb:REGION:ACCOUNT:table/NAME". */
void tr_local_table_add_arn(const struct tr_local *local, const struct tr_local_table *table,
                            struct tr_buf *out);
/* [{"AttributeName":"pk","KeyType":"HASH"},...]. */
void tr_local_table_add_key_schema(const struct tr_local_table *table, struct tr_buf *out);

/* The key that a map of attributes holds. Shape: the attributes are there and of the right type. */
struct tr_local_key tr_local_table_key(const struct tr_local_table *table, struct tr_value map);
/* The item of a key, or NULL. Owns: borrowed until the next write. */
struct tr_local_item *tr_local_table_get(const struct tr_local_table *table,
                                         const struct tr_local_key *key);
/* The same as a stale read sees it: as before its last write, if that is young enough. */
struct tr_local_item *tr_local_table_get_stale(const struct tr_local *local,
                                               const struct tr_local_table *table,
                                               const struct tr_local_key *key);

/* All items as a stale read sees them. Errors: TR_ENOMEM. Owns: *out, good until the next write. */
enum tr_status tr_local_table_view_stale(const struct tr_local *local,
                                         const struct tr_local_table *table,
                                         struct tr_local_index *out) TR_MUST_CHECK;

/* Who watches a table sees its items as text, and answers show them so again: it is made once and
 * kept. Does nothing for tables that nobody watches, and for NULL. Errors: TR_ENOMEM. */
enum tr_status tr_local_table_keep_text(const struct tr_local *local,
                                        const struct tr_local_table *table,
                                        struct tr_local_item *item) TR_MUST_CHECK;

/* Put item in the place of what has key (NULL: delete that), with everything that hangs on it: the
 * stream's record, time to live, counts.
 * Errors:  TR_ENOMEM, nothing changed.
 * Owns:    item borrowed (the table takes its own reference). */
enum tr_status tr_local_table_write(struct tr_local *local, struct tr_local_table *table,
                                    const struct tr_local_key *key, struct tr_local_item *item,
                                    bool by_service) TR_MUST_CHECK;

/* Turn time to live on (all items are looked at) or off (name absent).
 * Errors:  TR_ENOMEM, nothing changed. */
enum tr_status tr_local_table_set_ttl(struct tr_local *local, struct tr_local_table *table,
                                      struct tr_bytes name) TR_MUST_CHECK;

/* Free all tables and their items. */
void tr_local_tables_deinit(struct tr_local *local);
/* When something is due by itself (a status, an expired item), INT64_MAX for never; and do it. */
struct tr_wall tr_local_tables_deadline(const struct tr_local *local);
void tr_local_tables_tick(struct tr_local *local);

#endif
