/* SPDX-License-Identifier: Apache-2.0
 *
 * DynamoDB's expressions. One grammar reads condition, filter, key condition, update and projection
 * expressions into one kind of tree; the older parameters (Expected, AttributeUpdates,
 * KeyConditions, ...) are turned into the same tree by local/legacy.h; one evaluator runs it. All
 * of a tree lives in the arena of its request. */
#ifndef TR_LOCAL_EXPR_H
#define TR_LOCAL_EXPR_H

#include "local/value.h"

#define TR_EXPR_BYTES_MAX 4096
#define TR_EXPR_OPERATORS_MAX 300
#define TR_EXPR_PLACEHOLDERS_MAX 4096
#define TR_EXPR_DEPTH_MAX 128 /* of operators and parentheses inside each other */

/* A step of a path: a name, or (name.ptr NULL) an index. */
struct tr_step {
    struct tr_bytes name;
    uint64_t index;
};

struct tr_path {
    struct tr_step *steps;
    size_t count;
};

/* id, spelling, operands at least and at most, what it is */
#define TR_NODE_TABLE(X)                                                                           \
    X(PATH, "", 0, 0, OPERAND)                                                                     \
    X(VALUE, "", 0, 0, OPERAND)                                                                    \
    X(EQ, "=", 2, 2, CONDITION)                                                                    \
    X(NE, "<>", 2, 2, CONDITION)                                                                   \
    X(LT, "<", 2, 2, CONDITION)                                                                    \
    X(LE, "<=", 2, 2, CONDITION)                                                                   \
    X(GT, ">", 2, 2, CONDITION)                                                                    \
    X(GE, ">=", 2, 2, CONDITION)                                                                   \
    X(BETWEEN, "BETWEEN", 3, 3, CONDITION)                                                         \
    X(IN, "IN", 2, 101, CONDITION)                                                                 \
    X(AND, "AND", 2, 2, CONDITION)                                                                 \
    X(OR, "OR", 2, 2, CONDITION)                                                                   \
    X(NOT, "NOT", 1, 1, CONDITION)                                                                 \
    X(EXISTS, "attribute_exists", 1, 1, FUNCTION)                                                  \
    X(NOT_EXISTS, "attribute_not_exists", 1, 1, FUNCTION)                                          \
    X(TYPE, "attribute_type", 2, 2, FUNCTION)                                                      \
    X(BEGINS_WITH, "begins_with", 2, 2, FUNCTION)                                                  \
    X(CONTAINS, "contains", 2, 2, FUNCTION)                                                        \
    X(SIZE, "size", 1, 1, MEASURE)                                                                 \
    X(IF_NOT_EXISTS, "if_not_exists", 2, 2, UPDATE)                                                \
    X(LIST_APPEND, "list_append", 2, 2, UPDATE)                                                    \
    X(PLUS, "+", 2, 2, ARITHMETIC)                                                                 \
    X(MINUS, "-", 2, 2, ARITHMETIC)                                                                \
    X(UNKNOWN, "", 0, 101, FUNCTION)

enum tr_expr_node_kind {
#define TR_NODE_ENUM(id, text, min, max, family) TR_NODE_##id,
    TR_NODE_TABLE(TR_NODE_ENUM)
#undef TR_NODE_ENUM
        TR_NODE_COUNT
};

/* OPERAND: a path or a value. CONDITION: true or false, written with an operator. FUNCTION: true or
 * false, written as a call. MEASURE, UPDATE: calls that give a value. ARITHMETIC: in SET. */
enum tr_expr_node_family {
    TR_FAMILY_OPERAND,
    TR_FAMILY_CONDITION,
    TR_FAMILY_FUNCTION,
    TR_FAMILY_MEASURE,
    TR_FAMILY_UPDATE,
    TR_FAMILY_ARITHMETIC,
};

struct tr_expr_node {
    enum tr_expr_node_kind kind;
    struct tr_path path;       /* PATH */
    struct tr_value value;     /* VALUE */
    struct tr_expr_node *args; /* the first operand */
    struct tr_expr_node *next; /* the next operand of what holds this one */
};

/* The operator or function of a node as the language spells it, and what sort it is. */
const char *tr_expr_node_text(enum tr_expr_node_kind kind);
enum tr_expr_node_family tr_expr_node_family(enum tr_expr_node_kind kind);

/* --- placeholders --- */

struct tr_placeholder {
    struct tr_bytes name;  /* "#n", ":v" */
    struct tr_bytes text;  /* what #n stands for */
    struct tr_value value; /* what :v stands for */
    bool used;
};

/* What the expressions of one request share. Init with tr_expr_begin. */
struct tr_expr {
    struct tr_arena *arena;
    struct tr_problem *problem;
    struct tr_placeholder *names;
    size_t name_count;
    struct tr_placeholder *values;
    size_t value_count;
};

/* Read ExpressionAttributeNames and ExpressionAttributeValues (absent: there are none).
 * Errors:  TR_EREFUSED with the service's problem; TR_ENOMEM. So all functions below. */
enum tr_status tr_expr_begin(struct tr_expr *expr, struct tr_arena *arena,
                             struct tr_problem *problem, struct tr_json names,
                             struct tr_json values) TR_MUST_CHECK;
/* Refuse placeholders that no expression used. */
enum tr_status tr_expr_end(struct tr_expr *expr) TR_MUST_CHECK;

/* --- conditions --- */

/* name: the request's parameter, for messages ("ConditionExpression"). */
enum tr_status tr_expr_condition(struct tr_expr *expr, const char *name, struct tr_bytes text,
                                 struct tr_expr_node **out) TR_MUST_CHECK;

/* Whether a condition holds for an item (ABSENT: there is none); true for a NULL tree.
 * Errors:  TR_ENOMEM. */
enum tr_status tr_eval_condition(const struct tr_expr_node *node, struct tr_value item,
                                 struct tr_arena *arena, bool *out) TR_MUST_CHECK;
/* The value at a path; ABSENT when there is none. */
struct tr_value tr_eval_path(const struct tr_path *path, struct tr_value item);

/* --- updates --- */

enum tr_section { TR_SECTION_SET, TR_SECTION_REMOVE, TR_SECTION_ADD, TR_SECTION_DELETE };

struct tr_action {
    enum tr_section section;
    struct tr_path path;
    struct tr_expr_node *operand; /* NULL for REMOVE */
    struct tr_action *next;
    struct tr_value result; /* what SET, ADD, DELETE write; filled while the update is applied */
    bool legacy;            /* of AttributeUpdates: other words for the same refusals */
};

/* Parse an UpdateExpression into its actions, checked as the service does. */
enum tr_status tr_expr_update(struct tr_expr *expr, struct tr_bytes text,
                              struct tr_action **out) TR_MUST_CHECK;

/* The item after the actions; item may be ABSENT, then key's attributes are what there is.
 * Errors:  also an operand that is missing or of the wrong type, a path that leads nowhere. */
enum tr_status tr_eval_update(struct tr_action *actions, struct tr_value item, struct tr_value key,
                              struct tr_arena *arena, struct tr_problem *problem,
                              struct tr_value *out) TR_MUST_CHECK;

/* --- projections --- */

struct tr_projection {
    struct tr_path *paths;
    size_t count;
};

/* Parse a ProjectionExpression into its paths. */
enum tr_status tr_expr_projection(struct tr_expr *expr, struct tr_bytes text,
                                  struct tr_projection *out) TR_MUST_CHECK;
/* The part of an item that the paths show. */
enum tr_status tr_eval_projection(const struct tr_projection *projection, struct tr_value item,
                                  struct tr_arena *arena, struct tr_value *out) TR_MUST_CHECK;

/* --- paths --- */

/* "[a, [0], b]", as messages have it. */
void tr_path_print(struct tr_buf *out, const struct tr_path *path);
bool tr_path_eq(const struct tr_path *a, const struct tr_path *b);

#endif
