/* SPDX-License-Identifier: Apache-2.0
 *
 * What Query selects: one partition, and a run of its sort keys. */
#ifndef TR_LOCAL_KEY_CONDITION_H
#define TR_LOCAL_KEY_CONDITION_H

#include "local/expr.h"
#include "local/table.h"

struct tr_key_condition {
    struct tr_value hash;
    enum tr_expr_node_kind
        kind;             /* EQ, LT, LE, GT, GE, BETWEEN, BEGINS_WITH; UNKNOWN: all sort keys */
    struct tr_value low;  /* the operand; BETWEEN's first */
    struct tr_value high; /* BETWEEN's second */
};

/* Read the tree of a key condition; legacy: it came as KeyConditions.
 * Errors:  TR_EREFUSED with the service's problem. */
enum tr_status tr_key_condition_read(struct tr_problem *problem, const struct tr_local_table *table,
                                     const struct tr_expr_node *tree, bool legacy,
                                     struct tr_key_condition *out) TR_MUST_CHECK;

/* Whether a sort key is selected. */
bool tr_key_condition_holds(const struct tr_key_condition *condition, struct tr_value range);

/* Where the run begins, or (end) what is behind its end. Errors: TR_ENOMEM. */
enum tr_status tr_key_condition_edge(const struct tr_key_condition *condition, bool end,
                                     struct tr_arena *arena,
                                     struct tr_local_key *out) TR_MUST_CHECK;

#endif
