/* SPDX-License-Identifier: Apache-2.0
 *
 * Conditions and projections against an item. */
#include "local/expr.h"

/* --- values --- */

struct tr_value tr_eval_path(const struct tr_path *path, struct tr_value item)
{
    struct tr_value value = item;
    size_t i;
    for (i = 0; i < path->count && value.type != TR_VALUE_ABSENT; i++) {
        value = path->steps[i].name.ptr != NULL ? tr_value_member(value, path->steps[i].name)
                                                : tr_value_element(value, path->steps[i].index);
    }
    return value;
}

/* size(): characters of S are counted as bytes of UTF-8; there is none of N, BOOL and NULL. */
static enum tr_status measure(struct tr_value value, struct tr_arena *arena, struct tr_value *out)
{
    char text[24];
    size_t size;
    switch (value.type) {
    case TR_VALUE_ABSENT:
    case TR_VALUE_N:
    case TR_VALUE_BOOL:
    case TR_VALUE_NULL:
        *out = (struct tr_value){0};
        return TR_OK;
    case TR_VALUE_S:
    case TR_VALUE_B:
        size = value.data.len;
        break;
    default:
        size = tr_value_count(value);
    }
    (void)snprintf(text, sizeof text, "%zu", size);
    out->type = TR_VALUE_N;
    out->data = tr_arena_copy(arena, tr_bytes_of(text));
    return out->data.ptr != NULL ? TR_OK : TR_ENOMEM;
}

static enum tr_status value_of(const struct tr_expr_node *node, struct tr_value item,
                               struct tr_arena *arena, struct tr_value *out)
{
    struct tr_value inner;
    enum tr_status status;
    switch (node->kind) {
    case TR_NODE_PATH:
        *out = tr_eval_path(&node->path, item);
        return TR_OK;
    case TR_NODE_SIZE:
        status = value_of(node->args, item, arena, &inner);
        return status == TR_OK ? measure(inner, arena, out) : status;
    default:
        *out = node->value;
        return TR_OK;
    }
}

/* --- conditions --- */

static bool is_scalar(enum tr_value_type type)
{
    return type == TR_VALUE_S || type == TR_VALUE_N || type == TR_VALUE_B;
}

static bool compare(enum tr_expr_node_kind kind, struct tr_value a, struct tr_value b)
{
    int order;
    if (kind == TR_NODE_EQ || kind == TR_NODE_NE) {
        bool same = a.type != TR_VALUE_ABSENT && tr_value_eq(a, b);
        return same == (kind == TR_NODE_EQ);
    }
    if (a.type != b.type || !is_scalar(a.type)) {
        return false;
    }
    order = tr_value_cmp(a, b);
    switch (kind) {
    case TR_NODE_LT:
        return order < 0;
    case TR_NODE_LE:
        return order <= 0;
    case TR_NODE_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

static bool begins_with(struct tr_value a, struct tr_value b)
{
    return a.type == b.type && (a.type == TR_VALUE_S || a.type == TR_VALUE_B) &&
           a.data.len >= b.data.len &&
           (b.data.len == 0 || memcmp(a.data.ptr, b.data.ptr, b.data.len) == 0);
}

#define HASH_BASE UINT64_C(1099511628211)

/* Whether a text holds another: a hash rolls along, so that no text makes it slow. */
static bool holds_text(struct tr_bytes text, struct tr_bytes part)
{
    uint64_t wanted = 0, rolling = 0, power = 1;
    size_t i;
    if (part.len == 0 || part.len > text.len) {
        return part.len == 0;
    }
    for (i = 0; i < part.len; i++) {
        wanted = wanted * HASH_BASE + (unsigned char)part.ptr[i];
        power *= HASH_BASE;
    }
    for (i = 0; i < text.len; i++) {
        rolling = rolling * HASH_BASE + (unsigned char)text.ptr[i];
        if (i >= part.len) {
            rolling -= power * (unsigned char)text.ptr[i - part.len];
        }
        if (i + 1 >= part.len && rolling == wanted &&
            memcmp(text.ptr + i + 1 - part.len, part.ptr, part.len) == 0) {
            return true;
        }
    }
    return false;
}

static bool contains(struct tr_value a, struct tr_value b)
{
    struct tr_value_walk walk;
    if (a.type == TR_VALUE_S || a.type == TR_VALUE_B) {
        return a.type == b.type && holds_text(a.data, b.data);
    }
    if (tr_value_is_set(a.type)) {
        return tr_value_element_type(a.type) == b.type && tr_value_has(a, b.data);
    }
    if (a.type == TR_VALUE_L) {
        for (tr_value_walk(&walk, a); tr_value_step(&walk);) {
            if (tr_value_eq(walk.value, b)) {
                return true;
            }
        }
    }
    return false;
}

/* One that looks at values: operands first, then the rule. */
static enum tr_status eval_operands(const struct tr_expr_node *node, struct tr_value item,
                                    struct tr_arena *arena, bool *out)
{
    struct tr_value first, other;
    const struct tr_expr_node *arg = node->args->next;
    enum tr_status status = value_of(node->args, item, arena, &first);

    *out = node->kind == TR_NODE_BETWEEN;
    for (; status == TR_OK && arg != NULL; arg = arg->next) {
        if ((status = value_of(arg, item, arena, &other)) != TR_OK) {
            break;
        }
        switch (node->kind) {
        case TR_NODE_BETWEEN:
            *out = *out && compare(arg->next != NULL ? TR_NODE_GE : TR_NODE_LE, first, other);
            break;
        case TR_NODE_IN:
            *out = *out || compare(TR_NODE_EQ, first, other);
            break;
        case TR_NODE_TYPE:
            *out = first.type != TR_VALUE_ABSENT && other.type == TR_VALUE_S &&
                   tr_value_type_of(other.data) == first.type;
            break;
        case TR_NODE_BEGINS_WITH:
            *out = begins_with(first, other);
            break;
        case TR_NODE_CONTAINS:
            *out = contains(first, other);
            break;
        default:
            *out = compare(node->kind, first, other);
        }
    }
    return status;
}

/* Bounded: the parser counts operators. */
enum tr_status tr_eval_condition(const struct tr_expr_node *node, struct tr_value item,
                                 struct tr_arena *arena, bool *out)
{
    enum tr_status status;
    *out = true;
    if (node == NULL) {
        return TR_OK;
    }
    switch (node->kind) {
    case TR_NODE_NOT:
        status = tr_eval_condition(node->args, item, arena, out);
        *out = !*out;
        return status;
    case TR_NODE_AND:
    case TR_NODE_OR:
        status = tr_eval_condition(node->args, item, arena, out);
        if (status != TR_OK || *out == (node->kind == TR_NODE_OR)) {
            return status;
        }
        return tr_eval_condition(node->args->next, item, arena, out);
    case TR_NODE_EXISTS:
    case TR_NODE_NOT_EXISTS:
        *out = (tr_eval_path(&node->args->path, item).type != TR_VALUE_ABSENT) ==
               (node->kind == TR_NODE_EXISTS);
        return TR_OK;
    default:
        return eval_operands(node, item, arena, out);
    }
}

/* --- projections --- */

/* Paths that agree in their first `depth` steps, as places in the projection. */
struct choice {
    const struct tr_projection *projection;
    size_t *list;
    size_t count;
    size_t depth;
};

/* The paths of a choice that go on with a name, or (name.ptr NULL) an index. */
static size_t narrow(const struct choice *from, struct tr_bytes name, uint64_t index, size_t *list)
{
    size_t i, count = 0;
    for (i = 0; i < from->count; i++) {
        const struct tr_step *step = &from->projection->paths[from->list[i]].steps[from->depth];
        if ((step->name.ptr != NULL) == (name.ptr != NULL) && tr_bytes_eq(step->name, name) &&
            (name.ptr != NULL || step->index == index)) {
            list[count++] = from->list[i];
        }
    }
    return count;
}

/* Append the chosen parts of a document; its own head is the caller's. Bounded: a path has at most
 * TR_VALUE_DEPTH_MAX steps. */
static enum tr_status project(const struct choice *choice, struct tr_value value,
                              struct tr_arena *arena)
{
    struct tr_value_walk walk;
    struct choice inner = {choice->projection, NULL, 0, choice->depth + 1};
    uint64_t index = 0;
    enum tr_status status = TR_OK;

    inner.list = tr_arena_alloc(arena, choice->count * sizeof *inner.list);
    if (inner.list == NULL) {
        return TR_ENOMEM;
    }
    for (tr_value_walk(&walk, value); status == TR_OK && tr_value_step(&walk); index++) {
        struct tr_buf *out = &arena->build;
        size_t before = out->len, opened;
        inner.count = narrow(choice, walk.name, index, inner.list);
        if (inner.count == 0) {
            continue;
        }
        if (value.type == TR_VALUE_M) {
            tr_value_pack_element(out, walk.name);
        }
        if (choice->projection->paths[inner.list[0]].count == inner.depth) {
            tr_value_pack(out, walk.value);
            continue;
        }
        if (walk.value.type != TR_VALUE_M && walk.value.type != TR_VALUE_L) {
            out->len = before;
            continue;
        }
        opened = tr_value_pack_open(out, walk.value.type);
        status = project(&inner, walk.value, arena);
        if (out->len == opened) {
            out->len = before; /* nothing of it was asked for: it is not shown at all */
        } else {
            tr_value_pack_close(out, opened);
        }
    }
    return status;
}

enum tr_status tr_eval_projection(const struct tr_projection *projection, struct tr_value item,
                                  struct tr_arena *arena, struct tr_value *out)
{
    struct choice all = {projection, NULL, projection->count, 0};
    enum tr_status status;
    size_t i;

    all.list = tr_arena_alloc(arena, (projection->count + 1) * sizeof *all.list);
    if (all.list == NULL) {
        return TR_ENOMEM;
    }
    for (i = 0; i < projection->count; i++) {
        all.list[i] = i;
    }
    tr_buf_reset(&arena->build);
    if (item.type == TR_VALUE_M && (status = project(&all, item, arena)) != TR_OK) {
        return status;
    }
    if (tr_buf_status(&arena->build) != TR_OK) {
        return TR_ENOMEM;
    }
    out->type = TR_VALUE_M;
    out->data = tr_arena_copy(arena, tr_buf_bytes(&arena->build));
    return out->data.ptr != NULL ? TR_OK : TR_ENOMEM;
}
