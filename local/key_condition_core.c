/* SPDX-License-Identifier: Apache-2.0 */
#include "local/key_condition.h"

struct reader {
    struct tr_problem *problem;
    const struct tr_local_table *table;
    bool legacy;
    size_t count; /* of conditions */
    const struct tr_expr_node *on_hash;
    const struct tr_expr_node *on_range;
    const struct tr_expr_node *on_other; /* a condition on an attribute that is not in the key */
};

static enum tr_status invalid(struct reader *r, const char *text)
{
    return tr_problem_set(r->problem, TR_PROBLEM_VALIDATION, "%s", text);
}

static enum tr_status bad_operator(struct reader *r, const struct tr_expr_node *node)
{
    if (r->legacy) {
        return invalid(r, "Attempted conditional constraint is not an indexable operation");
    }
    return tr_problem_set(r->problem, TR_PROBLEM_VALIDATION,
                          "Invalid operator used in KeyConditionExpression: %s",
                          tr_expr_node_text(node->kind));
}

/* "a < b" read from the other side. */
static enum tr_expr_node_kind mirrored(enum tr_expr_node_kind kind)
{
    switch (kind) {
    case TR_NODE_LT:
        return TR_NODE_GT;
    case TR_NODE_LE:
        return TR_NODE_GE;
    case TR_NODE_GT:
        return TR_NODE_LT;
    case TR_NODE_GE:
        return TR_NODE_LE;
    default:
        return kind;
    }
}

static const struct tr_expr_node *path_of(const struct tr_expr_node *node)
{
    const struct tr_expr_node *arg;
    for (arg = node->args; arg != NULL; arg = arg->next) {
        if (arg->kind == TR_NODE_PATH) {
            return arg;
        }
    }
    return NULL;
}

static enum tr_status check_operands(struct reader *r, const struct tr_expr_node *node)
{
    const struct tr_expr_node *arg;
    size_t paths = 0;
    for (arg = node->args; arg != NULL; arg = arg->next) {
        if (arg->kind == TR_NODE_PATH) {
            paths++;
            if (arg->path.count > 1) {
                return invalid(
                    r, "KeyConditionExpressions cannot have conditions on nested attributes");
            }
        } else if (arg->kind != TR_NODE_VALUE) {
            return invalid(r, "KeyConditionExpressions cannot contain nested operations");
        }
    }
    if (paths > 1) {
        return invalid(r, "Invalid condition in KeyConditionExpression: Multiple attribute names "
                          "used in one condition");
    }
    if (paths == 0) {
        return invalid(r,
                       "Invalid condition in KeyConditionExpression: No key attribute specified");
    }
    if ((node->kind == TR_NODE_BETWEEN || node->kind == TR_NODE_BEGINS_WITH) &&
        node->args->kind != TR_NODE_PATH) {
        return tr_problem_set(r->problem, TR_PROBLEM_VALIDATION,
                              "Invalid condition in KeyConditionExpression: %s operator must have "
                              "the key attribute as its first operand",
                              tr_expr_node_text(node->kind));
    }
    return TR_OK;
}

static enum tr_status note_condition(struct reader *r, const struct tr_expr_node *node)
{
    struct tr_bytes name = path_of(node)->path.steps[0].name;
    const struct tr_expr_node **slot = &r->on_other;
    if (tr_bytes_eq(name, r->table->hash.name)) {
        slot = &r->on_hash;
    } else if (r->table->range.name.ptr != NULL && tr_bytes_eq(name, r->table->range.name)) {
        slot = &r->on_range;
    }
    if (*slot != NULL && slot != &r->on_other) {
        return invalid(r, "KeyConditionExpressions must only contain one condition per key");
    }
    *slot = node;
    r->count++;
    return TR_OK;
}

/* Bounded: the parser counts operators. */
static enum tr_status read_tree(struct reader *r, const struct tr_expr_node *node)
{
    enum tr_status status;
    switch (node->kind) {
    case TR_NODE_AND:
        status = read_tree(r, node->args);
        return status == TR_OK ? read_tree(r, node->args->next) : status;
    case TR_NODE_EQ:
    case TR_NODE_LT:
    case TR_NODE_LE:
    case TR_NODE_GT:
    case TR_NODE_GE:
    case TR_NODE_BETWEEN:
    case TR_NODE_BEGINS_WITH:
        status = check_operands(r, node);
        return status == TR_OK ? note_condition(r, node) : status;
    default:
        return bad_operator(r, node);
    }
}

static enum tr_status missed(struct reader *r, struct tr_bytes name)
{
    return tr_problem_set(r->problem, TR_PROBLEM_VALIDATION,
                          "Query condition missed key schema element: %.*s", TR_FMT(name));
}

static enum tr_status check_parts(struct reader *r)
{
    if (r->count > 2) {
        return invalid(r, "Conditions can be of length 1 or 2 only");
    }
    if (r->on_hash == NULL) {
        return missed(r, r->table->hash.name);
    }
    if (r->on_hash->kind != TR_NODE_EQ) {
        return invalid(r, "Query key condition not supported");
    }
    if (r->on_other != NULL) {
        return r->table->range.name.ptr != NULL && r->on_range == NULL
                   ? missed(r, r->table->range.name)
                   : invalid(r, "Query key condition not supported");
    }
    return TR_OK;
}

/* The values of a condition, which must be of the key's type. */
static enum tr_status read_values(struct reader *r, const struct tr_expr_node *node,
                                  const struct tr_key_part *part, struct tr_value out[2])
{
    const struct tr_expr_node *arg;
    size_t count = 0;
    for (arg = node->args; arg != NULL; arg = arg->next) {
        if (arg->kind != TR_NODE_VALUE) {
            continue;
        }
        if (arg->value.type != part->type) {
            return invalid(r, "One or more parameter values were invalid: Condition parameter type "
                              "does not match schema type");
        }
        if (arg->value.data.len == 0) {
            return tr_problem_set(r->problem, TR_PROBLEM_VALIDATION,
                                  "One or more parameter values are not valid. The AttributeValue "
                                  "for a key attribute cannot contain an empty %s value. Key: %.*s",
                                  part->type == TR_VALUE_B ? "binary" : "string",
                                  TR_FMT(part->name));
        }
        if (count < 2) {
            out[count++] = arg->value;
        }
    }
    return TR_OK;
}

enum tr_status tr_key_condition_read(struct tr_problem *problem, const struct tr_local_table *table,
                                     const struct tr_expr_node *tree, bool legacy,
                                     struct tr_key_condition *out)
{
    struct reader r = {.problem = problem, .table = table, .legacy = legacy};
    struct tr_value values[2] = {{0}};
    enum tr_status status;

    *out = (struct tr_key_condition){.kind = TR_NODE_UNKNOWN};
    if (tree == NULL) {
        return invalid(&r, "Conditions can be of length 1 or 2 only");
    }
    if ((status = read_tree(&r, tree)) != TR_OK || (status = check_parts(&r)) != TR_OK ||
        (status = read_values(&r, r.on_hash, &table->hash, values)) != TR_OK) {
        return status;
    }
    out->hash = values[0];
    if (r.on_range == NULL) {
        return TR_OK;
    }
    if ((status = read_values(&r, r.on_range, &table->range, values)) != TR_OK) {
        return status;
    }
    out->kind =
        r.on_range->args->kind == TR_NODE_PATH ? r.on_range->kind : mirrored(r.on_range->kind);
    out->low = values[0];
    out->high = values[1];
    return TR_OK;
}

bool tr_key_condition_holds(const struct tr_key_condition *condition, struct tr_value range)
{
    struct tr_bytes low = condition->low.data;
    int order;
    if (condition->kind == TR_NODE_UNKNOWN) {
        return true;
    }
    if (condition->kind == TR_NODE_BEGINS_WITH) {
        return range.data.len >= low.len &&
               (low.len == 0 || memcmp(range.data.ptr, low.ptr, low.len) == 0);
    }
    order = tr_value_cmp(range, condition->low);
    switch (condition->kind) {
    case TR_NODE_EQ:
        return order == 0;
    case TR_NODE_LT:
        return order < 0;
    case TR_NODE_LE:
        return order <= 0;
    case TR_NODE_GT:
        return order > 0;
    case TR_NODE_GE:
        return order >= 0;
    default:
        return order >= 0 && tr_value_cmp(range, condition->high) <= 0;
    }
}

/* The first string behind all that begin with a prefix; absent when there is no such. */
static enum tr_status behind_prefix(struct tr_value prefix, struct tr_arena *arena,
                                    struct tr_value *out)
{
    struct tr_bytes copy;
    size_t len = prefix.data.len;
    char *last;

    *out = (struct tr_value){0};
    while (len > 0 && (unsigned char)prefix.data.ptr[len - 1] == 0xff) {
        len--;
    }
    if (len == 0) {
        return TR_OK;
    }
    copy = tr_arena_copy(arena, (struct tr_bytes){prefix.data.ptr, len});
    if (copy.ptr == NULL) {
        return TR_ENOMEM;
    }
    last = (char *)(uintptr_t)copy.ptr + len - 1;
    *last = (char)((unsigned char)*last + 1);
    *out = (struct tr_value){prefix.type, copy};
    return TR_OK;
}

enum tr_status tr_key_condition_edge(const struct tr_key_condition *condition, bool end,
                                     struct tr_arena *arena, struct tr_local_key *out)
{
    *out =
        (struct tr_local_key){.rank = tr_local_key_hash(condition->hash), .hash = condition->hash};
    switch (condition->kind) {
    case TR_NODE_EQ:
        out->range = condition->low;
        out->after = end;
        return TR_OK;
    case TR_NODE_LT:
    case TR_NODE_LE:
        if (end) {
            out->range = condition->low;
            out->after = condition->kind == TR_NODE_LE;
        }
        return TR_OK;
    case TR_NODE_GT:
    case TR_NODE_GE:
        if (end) {
            out->after = true;
        } else {
            out->range = condition->low;
            out->after = condition->kind == TR_NODE_GT;
        }
        return TR_OK;
    case TR_NODE_BETWEEN:
        out->range = end ? condition->high : condition->low;
        out->after = end;
        return TR_OK;
    case TR_NODE_BEGINS_WITH:
        if (!end) {
            out->range = condition->low;
            return TR_OK;
        }
        if (behind_prefix(condition->low, arena, &out->range) != TR_OK) {
            return TR_ENOMEM;
        }
        out->after = out->range.type == TR_VALUE_ABSENT;
        return TR_OK;
    default:
        out->after = end;
        return TR_OK;
    }
}
