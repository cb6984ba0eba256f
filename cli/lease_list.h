/* SPDX-License-Identifier: Apache-2.0
 *
 * What is in lease tables, for people and for programs: rows of scans in, a table or JSON out. A
 * row that is not understood is listed with the reason like any other. */
#ifndef TR_CLI_LEASE_LIST_H
#define TR_CLI_LEASE_LIST_H

#include "lease/lease_row.h"

#define TR_LEASE_LIST_ROWS_MAX 1000000u

enum tr_lease_state { TR_LEASE_OWNED, TR_LEASE_UNOWNED, TR_LEASE_ENDED, TR_LEASE_BAD };

/* Whether a later look saw the row's counter move, or saw that its time is over. */
enum tr_lease_sign { TR_LEASE_SIGN_UNKNOWN, TR_LEASE_SIGN_ALIVE, TR_LEASE_SIGN_NONE };

struct tr_lease_entry {
    enum tr_lease_state state;
    enum tr_lease_sign sign;
    uint64_t left_ms; /* of NONE: unless renewed, it expires within; 0: it did; UNKNOWN below */
    struct tr_lease_row row; /* of BAD: the key only, which may be absent */
    const char *why;         /* of BAD */
};

#define TR_LEASE_LEFT_UNKNOWN UINT64_MAX /* the row does not tell its owner's failover time */

/* The rows of one consumer's table. Init with {0}. */
struct tr_lease_list {
    struct tr_lease_entry *entries; /* owned; by shard once it is complete */
    size_t count;
    size_t cap;
    size_t others;               /* rows that are no leases */
    struct tr_lease_rows *pages; /* owned: the bytes that entries point into */
    size_t page_count;
    size_t page_cap;
    char **strings; /* owned: of rows that are not understood */
    size_t string_count;
    size_t string_cap;
};

void tr_lease_list_deinit(struct tr_lease_list *list);

/* Add a page of a Scan.
 * Owns:    *body is taken (also on error); *last_key is where the next page begins, a view that
 *          lives with the list; empty: this was the last one.
 * Errors:  TR_EPARSE (not a Scan answer), TR_ELIMIT, TR_ENOMEM. */
enum tr_status tr_lease_list_add_page(struct tr_lease_list *list, struct tr_buf *body,
                                      struct tr_bytes *last_key, struct tr_err *err) TR_MUST_CHECK;
/* Once all pages are there: put the rows in order. */
void tr_lease_list_sort(struct tr_lease_list *list);
/* Compare with a look at the same table (both in order) `ms` earlier: which owners gave a sign of
 * life, and how soon the others' leases expire. */
void tr_lease_list_compare(struct tr_lease_list *list, const struct tr_lease_list *before,
                           uint64_t ms);

/* Append lines of columns under a heading, those that are asked about most or (wide) all; a column
 * that would be empty is left out. */
void tr_lease_list_print(const struct tr_lease_list *list, bool wide, struct tr_buf *out);
/* Append the rows as elements of a JSON array, separated by commas; *some: one stands before. */
void tr_lease_list_print_json(const struct tr_lease_list *list, const char *consumer,
                              const char *table, bool *some, struct tr_buf *out);
/* Append "12 rows: 4 owned (a: 2, b: 2), 3 unowned, 4 ended, 1 not understood, 0 of other kinds".
 */
void tr_lease_list_sum(const struct tr_lease_list *list, struct tr_buf *out);
/* The same as a JSON object. */
void tr_lease_list_sum_json(const struct tr_lease_list *list, const char *consumer,
                            const char *table, struct tr_buf *out);

#endif
