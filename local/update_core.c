/* SPDX-License-Identifier: Apache-2.0
 *
 * Updates: what each action writes is computed from the item as it was; then the item is written
 * anew in one pass, with the results in their places. */
#include "local/expr.h"

#include "local/number.h"

/* More than an item of the largest size needs in packed form: what grows beyond it will be refused
 * anyway. */
#define PACKED_BYTES_MAX (8 * TR_ITEM_SIZE_MAX)

struct update {
    struct tr_value item; /* as it was, or the key alone */
    struct tr_arena *arena;
    struct tr_problem *problem;
};

static enum tr_status invalid(struct update *u, const char *text)
{
    return tr_problem_set(u->problem, TR_PROBLEM_VALIDATION, "%s", text);
}

static enum tr_status wrong_type(struct update *u, const struct tr_action *action)
{
    return invalid(u, action->legacy ? "Type mismatch for attribute to update"
                                     : "An operand in the update expression has an incorrect data "
                                       "type");
}

static enum tr_status bad_path(struct update *u)
{
    return invalid(u, "The document path provided in the update expression is invalid for update");
}

/* --- what an action writes --- */

static enum tr_status add_numbers(struct update *u, struct tr_value a, struct tr_value b,
                                  bool subtract, struct tr_value *out)
{
    struct tr_number sum;
    enum tr_number_outcome outcome = tr_number_add(a.data, b.data, subtract, &sum);
    if (outcome != TR_NUMBER_OK) {
        return invalid(u, tr_number_problem_text(outcome));
    }
    out->type = TR_VALUE_N;
    out->data = tr_arena_copy(u->arena, (struct tr_bytes){sum.text, sum.len});
    return out->data.ptr != NULL ? TR_OK : TR_ENOMEM;
}

static enum tr_status too_large(struct update *u)
{
    return invalid(u, "Item size to update has exceeded the maximum allowed size");
}

/* The packed parts of lists one behind the other are the packed parts of the longer list. */
static enum tr_status append_lists(struct update *u, struct tr_value a, struct tr_value b,
                                   struct tr_value *out)
{
    char *at;
    if (a.data.len + b.data.len > PACKED_BYTES_MAX) {
        return too_large(u);
    }
    at = tr_arena_alloc(u->arena, a.data.len + b.data.len + 1);
    if (at == NULL) {
        return TR_ENOMEM;
    }
    if (a.data.len > 0) {
        memcpy(at, a.data.ptr, a.data.len);
    }
    if (b.data.len > 0) {
        memcpy(at + a.data.len, b.data.ptr, b.data.len);
    }
    *out = (struct tr_value){TR_VALUE_L, {at, a.data.len + b.data.len}};
    return TR_OK;
}

static enum tr_status operand(struct update *u, const struct tr_action *action,
                              const struct tr_expr_node *node, struct tr_value *out);

/* Both operands of +, - and list_append, which must be of one type. */
static enum tr_status two_operands(struct update *u, const struct tr_action *action,
                                   const struct tr_expr_node *node, enum tr_value_type type,
                                   struct tr_value pair[2])
{
    enum tr_status status = operand(u, action, node->args, &pair[0]);
    if (status == TR_OK) {
        status = operand(u, action, node->args->next, &pair[1]);
    }
    if (status == TR_OK && (pair[0].type != type || pair[1].type != type)) {
        return wrong_type(u, action);
    }
    return status;
}

/* Bounded: the parser counts operators. */
static enum tr_status operand(struct update *u, const struct tr_action *action,
                              const struct tr_expr_node *node, struct tr_value *out)
{
    struct tr_value pair[2];
    enum tr_status status;
    switch (node->kind) {
    case TR_NODE_VALUE:
        *out = node->value;
        return TR_OK;
    case TR_NODE_PATH:
        *out = tr_eval_path(&node->path, u->item);
        return out->type != TR_VALUE_ABSENT
                   ? TR_OK
                   : invalid(u, "The provided expression refers to an attribute that does not "
                                "exist in the item");
    case TR_NODE_IF_NOT_EXISTS:
        *out = tr_eval_path(&node->args->path, u->item);
        return out->type != TR_VALUE_ABSENT ? TR_OK : operand(u, action, node->args->next, out);
    case TR_NODE_LIST_APPEND:
        status = two_operands(u, action, node, TR_VALUE_L, pair);
        return status == TR_OK ? append_lists(u, pair[0], pair[1], out) : status;
    default:
        status = two_operands(u, action, node, TR_VALUE_N, pair);
        return status == TR_OK ? add_numbers(u, pair[0], pair[1], node->kind == TR_NODE_MINUS, out)
                               : status;
    }
}

/* Union of two sets of one type, or (minus) what is in a and not in b; ABSENT when that is
 * nothing. Both are in order: one pass over them. */
static enum tr_status combine_sets(struct update *u, struct tr_value a, struct tr_value b,
                                   bool minus, struct tr_value *out)
{
    struct tr_buf *build = &u->arena->build;
    struct tr_value_walk x, y;
    bool more_x, more_y;

    tr_buf_reset(build);
    tr_value_walk(&x, a);
    tr_value_walk(&y, b);
    more_x = tr_value_step(&x);
    more_y = tr_value_step(&y);
    while (more_x || (more_y && !minus)) {
        int order = !more_y ? -1 : !more_x ? 1 : tr_value_cmp(x.value, y.value);
        if (order < 0 || (order == 0 && !minus)) {
            tr_value_pack_element(build, x.value.data);
        } else if (order > 0 && !minus) {
            tr_value_pack_element(build, y.value.data);
        }
        more_x = order <= 0 ? tr_value_step(&x) : more_x;
        more_y = order >= 0 ? tr_value_step(&y) : more_y;
    }
    *out = (struct tr_value){0};
    if (tr_buf_status(build) != TR_OK) {
        return TR_ENOMEM;
    }
    if (build->len > 0) {
        *out = (struct tr_value){a.type, tr_arena_copy(u->arena, tr_buf_bytes(build))};
    }
    return build->len == 0 || out->data.ptr != NULL ? TR_OK : TR_ENOMEM;
}

static enum tr_status add(struct update *u, struct tr_action *action)
{
    struct tr_value old = tr_eval_path(&action->path, u->item), given = action->operand->value;
    if (old.type == TR_VALUE_ABSENT) {
        action->result = given;
        return TR_OK;
    }
    if (old.type != given.type) {
        return wrong_type(u, action);
    }
    switch (given.type) {
    case TR_VALUE_N:
        return add_numbers(u, old, given, false, &action->result);
    case TR_VALUE_L:
        return append_lists(u, old, given, &action->result);
    default:
        return combine_sets(u, old, given, false, &action->result);
    }
}

static enum tr_status subtract(struct update *u, struct tr_action *action)
{
    struct tr_value old = tr_eval_path(&action->path, u->item), given = action->operand->value;
    if (old.type == TR_VALUE_ABSENT) {
        action->result = old;
        return TR_OK;
    }
    if (old.type != given.type) {
        return wrong_type(u, action);
    }
    return combine_sets(u, old, given, true, &action->result);
}

static enum tr_status compute(struct update *u, struct tr_action *action)
{
    switch (action->section) {
    case TR_SECTION_SET:
        return operand(u, action, action->operand, &action->result);
    case TR_SECTION_ADD:
        return add(u, action);
    case TR_SECTION_DELETE:
        return subtract(u, action);
    default:
        action->result = (struct tr_value){0};
        return TR_OK;
    }
}

/* --- writing the item anew --- */

/* Actions that agree in their first `depth` steps. */
struct group {
    struct tr_action **list;
    size_t count;
    size_t depth;
};

static size_t narrow(const struct group *from, struct tr_bytes name, uint64_t index,
                     struct tr_action **list)
{
    size_t i, count = 0;
    for (i = 0; i < from->count; i++) {
        const struct tr_step *step = &from->list[i]->path.steps[from->depth];
        if ((step->name.ptr != NULL) == (name.ptr != NULL) && tr_bytes_eq(step->name, name) &&
            (name.ptr != NULL || step->index == index)) {
            list[count++] = from->list[i];
        }
    }
    return count;
}

static bool is_leaf(const struct tr_action *action, size_t depth)
{
    return action->path.count == depth + 1;
}

static enum tr_status rewrite(struct update *u, struct tr_value value, const struct group *group);

/* One part with the actions that lead to it or into it (none: it stays). */
static enum tr_status rewrite_part(struct update *u, struct tr_bytes name, struct tr_value value,
                                   const struct group *inner)
{
    struct tr_buf *out = &u->arena->build;
    size_t opened;
    enum tr_status status;

    if (out->len > PACKED_BYTES_MAX) {
        return too_large(u);
    }
    if (inner->count > 0 && is_leaf(inner->list[0], inner->depth - 1)) {
        value = inner->list[0]->result;
        if (value.type == TR_VALUE_ABSENT) {
            return TR_OK;
        }
    } else if (inner->count > 0) {
        if (value.type != TR_VALUE_M && value.type != TR_VALUE_L) {
            return bad_path(u);
        }
        if (name.ptr != NULL) {
            tr_value_pack_element(out, name);
        }
        opened = tr_value_pack_open(out, value.type);
        status = rewrite(u, value, inner);
        tr_value_pack_close(out, opened);
        return status;
    }
    if (name.ptr != NULL) {
        tr_value_pack_element(out, name);
    }
    tr_value_pack(out, value);
    return TR_OK;
}

static enum tr_status rewrite_map(struct update *u, struct tr_value map, const struct group *group)
{
    size_t most = tr_value_count(map) + group->count, count = 0, i;
    struct tr_value_part *parts = tr_arena_alloc(u->arena, (most + 1) * sizeof *parts);
    struct group inner = {NULL, 0, group->depth + 1};
    struct tr_value_walk walk;
    enum tr_status status = TR_OK;

    inner.list = tr_arena_alloc(u->arena, group->count * sizeof *inner.list);
    if (parts == NULL || inner.list == NULL) {
        return TR_ENOMEM;
    }
    for (tr_value_walk(&walk, map); tr_value_step(&walk);) {
        parts[count].name = walk.name;
        parts[count++].value = walk.value;
    }
    for (i = 0; i < group->count; i++) {
        const struct tr_step *step = &group->list[i]->path.steps[group->depth];
        if (step->name.ptr == NULL) {
            return bad_path(u);
        }
        if (tr_value_member(map, step->name).type != TR_VALUE_ABSENT) {
            continue;
        }
        if (!is_leaf(group->list[i], group->depth)) {
            return bad_path(u);
        }
        parts[count++].name = step->name;
    }
    if (!tr_value_part_sort(parts, count, u->arena)) {
        return TR_ENOMEM;
    }
    for (i = 0; status == TR_OK && i < count; i++) {
        inner.count = narrow(group, parts[i].name, 0, inner.list);
        status = rewrite_part(u, parts[i].name, parts[i].value, &inner);
    }
    return status;
}

/* Elements set behind the end are appended, the lowest index first. */
static enum tr_status append_elements(struct update *u, const struct group *group, uint64_t count)
{
    uint64_t from = count;
    for (;;) {
        struct tr_action *next = NULL;
        size_t i;
        for (i = 0; i < group->count; i++) {
            uint64_t index = group->list[i]->path.steps[group->depth].index;
            if (index >= from && (next == NULL || index < next->path.steps[group->depth].index)) {
                next = group->list[i];
            }
        }
        if (next == NULL) {
            return TR_OK;
        }
        if (!is_leaf(next, group->depth)) {
            return bad_path(u);
        }
        if (next->result.type != TR_VALUE_ABSENT) {
            tr_value_pack(&u->arena->build, next->result);
        }
        from = next->path.steps[group->depth].index + 1;
    }
}

static enum tr_status rewrite_list(struct update *u, struct tr_value list,
                                   const struct group *group)
{
    struct group inner = {NULL, 0, group->depth + 1};
    struct tr_value_walk walk;
    uint64_t index = 0;
    size_t i;
    enum tr_status status = TR_OK;

    inner.list = tr_arena_alloc(u->arena, group->count * sizeof *inner.list);
    if (inner.list == NULL) {
        return TR_ENOMEM;
    }
    for (i = 0; i < group->count; i++) {
        if (group->list[i]->path.steps[group->depth].name.ptr != NULL) {
            return bad_path(u);
        }
    }
    for (tr_value_walk(&walk, list); status == TR_OK && tr_value_step(&walk); index++) {
        inner.count = narrow(group, (struct tr_bytes){NULL, 0}, index, inner.list);
        status = rewrite_part(u, (struct tr_bytes){NULL, 0}, walk.value, &inner);
    }
    return status == TR_OK ? append_elements(u, group, index) : status;
}

/* Append the parts of a document with the actions' results in their places. Bounded: a path has at
 * most TR_VALUE_DEPTH_MAX steps. */
static enum tr_status rewrite(struct update *u, struct tr_value value, const struct group *group)
{
    return value.type == TR_VALUE_L ? rewrite_list(u, value, group) : rewrite_map(u, value, group);
}

enum tr_status tr_eval_update(struct tr_action *actions, struct tr_value item, struct tr_value key,
                              struct tr_arena *arena, struct tr_problem *problem,
                              struct tr_value *out)
{
    struct update u = {item.type != TR_VALUE_ABSENT ? item : key, arena, problem};
    struct group all = {0};
    struct tr_action *action;
    enum tr_status status = TR_OK;

    for (action = actions; action != NULL; action = action->next) {
        all.count++;
    }
    all.list = tr_arena_alloc(arena, (all.count + 1) * sizeof *all.list);
    if (all.list == NULL) {
        return TR_ENOMEM;
    }
    all.count = 0;
    for (action = actions; status == TR_OK && action != NULL; action = action->next) {
        all.list[all.count++] = action;
        status = compute(&u, action);
    }
    tr_buf_reset(&arena->build);
    if (status == TR_OK) {
        status = rewrite(&u, u.item, &all);
    }
    if (status != TR_OK || (status = tr_buf_status(&arena->build)) != TR_OK) {
        return status;
    }
    out->type = TR_VALUE_M;
    out->data = tr_arena_copy(arena, tr_buf_bytes(&arena->build));
    if (out->data.ptr == NULL) {
        return TR_ENOMEM;
    }
    if (tr_value_depth(*out) > TR_VALUE_DEPTH_MAX) {
        return invalid(&u, TR_VALUE_TOO_DEEP);
    }
    return TR_OK;
}
