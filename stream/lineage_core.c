/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes live in slots of one array, so that they can be named by small numbers; a forgotten one's
 * slot is used again. Edges to children are lists in one array; the other direction is each node's
 * own few parents. All walks use explicit stacks: lineages from outside may be long or round. */
#include "stream/lineage.h"

#include "base/mem.h"

void tr_lineage_deinit(struct tr_lineage *lineage)
{
    tr_map_deinit(&lineage->by_id);
    tr_free(lineage->nodes);
    tr_free(lineage->edges);
    tr_free(lineage->stack);
    tr_free(lineage->order);
    tr_free(lineage->spare);
    memset(lineage, 0, sizeof *lineage);
}

uint32_t tr_lineage_find(const struct tr_lineage *lineage, struct tr_bytes id)
{
    const void *value = tr_map_get(&lineage->by_id, id);
    return value != NULL ? (uint32_t)((uintptr_t)value - 1) : TR_NO_NODE;
}

enum tr_status tr_lineage_intern(struct tr_lineage *lineage, struct tr_bytes id, uint32_t *out)
{
    uint32_t index = tr_lineage_find(lineage, id);
    struct tr_shard_node *node;
    *out = index;
    if (index != TR_NO_NODE) {
        return TR_OK;
    }
    if (lineage->used >= lineage->nodes_max) {
        return TR_ELIMIT;
    }
    index = lineage->first_free != TR_NO_NODE ? lineage->first_free : (uint32_t)lineage->count;
    if (index == lineage->count &&
        !tr_grow(&lineage->nodes, &lineage->cap, lineage->count + 1, sizeof *lineage->nodes)) {
        return TR_ENOMEM;
    }
    if (tr_map_set(&lineage->by_id, id, (void *)((uintptr_t)index + 1)) != TR_OK) {
        return TR_ENOMEM;
    }
    node = &lineage->nodes[index];
    if (index == lineage->count) {
        lineage->count++;
    } else {
        lineage->first_free = node->next;
    }
    memset(node, 0, sizeof *node);
    node->id = tr_map_key(tr_map_find(&lineage->by_id, id));
    node->flags = TR_NODE_USED;
    node->first_edge = TR_NO_NODE;
    node->next = lineage->first_new;
    lineage->first_new = index;
    lineage->used++;
    *out = index;
    return TR_OK;
}

enum tr_status tr_lineage_reserve(struct tr_lineage *lineage, size_t more_edges)
{
    size_t numbers = lineage->count;
    if (!tr_grow(&lineage->edges, &lineage->edge_cap, lineage->edge_count + more_edges,
                 sizeof *lineage->edges) ||
        !tr_grow(&lineage->stack, &lineage->stack_cap, numbers, sizeof(uint32_t)) ||
        !tr_grow(&lineage->order, &lineage->order_cap, numbers, sizeof(uint32_t)) ||
        !tr_grow(&lineage->spare, &lineage->spare_cap, numbers, sizeof(uint32_t))) {
        return TR_ENOMEM;
    }
    return TR_OK;
}

static void release_slot(struct tr_lineage *lineage, uint32_t index)
{
    struct tr_shard_node *node = &lineage->nodes[index];
    (void)tr_map_remove(&lineage->by_id, node->id);
    memset(node, 0, sizeof *node);
    node->next = lineage->first_free;
    lineage->first_free = index;
    lineage->used--;
}

void tr_lineage_undo(struct tr_lineage *lineage)
{
    while (lineage->first_new != TR_NO_NODE) {
        uint32_t index = lineage->first_new;
        lineage->first_new = lineage->nodes[index].next;
        release_slot(lineage, index);
    }
}

void tr_lineage_commit(struct tr_lineage *lineage)
{
    lineage->first_new = TR_NO_NODE;
}

static void add_edge(struct tr_lineage *lineage, uint32_t parent, uint32_t child)
{
    struct tr_shard_node *node = &lineage->nodes[parent];
    lineage->edges[lineage->edge_count] = (struct tr_edge){child, node->first_edge};
    node->first_edge = (uint32_t)lineage->edge_count++;
}

/* Name a parent that is there already. */
static bool rename_parent(struct tr_shard_node *node, uint32_t parent, uint8_t source)
{
    uint8_t i;
    for (i = 0; i < node->parent_count; i++) {
        if (node->parents[i] == parent) {
            node->named_by[i] |= source;
            return true;
        }
    }
    return false;
}

static bool name_parent(struct tr_lineage *lineage, uint32_t index, uint32_t parent, uint8_t source)
{
    struct tr_shard_node *node = &lineage->nodes[index];
    if (parent == index || rename_parent(node, parent, source) ||
        node->parent_count == TR_SHARD_PARENTS_MAX) {
        return false;
    }
    node->parents[node->parent_count] = parent;
    node->named_by[node->parent_count++] = source;
    add_edge(lineage, parent, index);
    return true;
}

/* Parents that nobody names any more go. */
static void drop_unnamed(struct tr_lineage *lineage, struct tr_shard_node *node)
{
    uint8_t i, kept = 0;
    for (i = 0; i < node->parent_count; i++) {
        if (node->named_by[i] != 0) {
            node->parents[kept] = node->parents[i];
            node->named_by[kept++] = node->named_by[i];
        }
    }
    if (kept != node->parent_count) {
        node->parent_count = kept;
        lineage->relink = true;
    }
}

bool tr_lineage_set_parents(struct tr_lineage *lineage, uint32_t index,
                            enum tr_shard_node_source source, const uint32_t *parents, size_t count)
{
    struct tr_shard_node *node = &lineage->nodes[index];
    bool added = false;
    uint8_t i;
    size_t k;
    for (i = 0; i < node->parent_count; i++) {
        node->named_by[i] &= (uint8_t) ~(unsigned)source;
    }
    for (k = 0; k < count; k++) {
        (void)rename_parent(node, parents[k], (uint8_t)source);
    }
    drop_unnamed(lineage, node);
    for (k = 0; k < count; k++) {
        added |= name_parent(lineage, index, parents[k], (uint8_t)source);
    }
    return added;
}

void tr_lineage_link(struct tr_lineage *lineage)
{
    uint32_t i;
    uint8_t k;
    for (i = 0; i < lineage->count; i++) {
        lineage->nodes[i].first_edge = TR_NO_NODE;
    }
    lineage->edge_count = 0;
    lineage->relink = false;
    for (i = 0; i < lineage->count; i++) {
        for (k = 0; k < lineage->nodes[i].parent_count; k++) {
            add_edge(lineage, lineage->nodes[i].parents[k], i);
        }
    }
}

void tr_lineage_forget(struct tr_lineage *lineage, uint32_t keep)
{
    uint32_t i;
    uint8_t k;
    for (i = 0; i < lineage->count; i++) {
        const struct tr_shard_node *node = &lineage->nodes[i];
        for (k = 0; (node->flags & keep) != 0 && k < node->parent_count; k++) {
            lineage->nodes[node->parents[k]].flags |= TR_NODE_NAMED;
        }
    }
    for (i = 0; i < lineage->count; i++) {
        struct tr_shard_node *node = &lineage->nodes[i];
        if ((node->flags & TR_NODE_USED) == 0 || (node->flags & keep) != 0) {
            continue;
        }
        /* One that is only named keeps its own parents only if they stay anyway: so a lineage does
         * not grow back into the past without end. */
        for (k = 0; k < node->parent_count; k++) {
            if ((lineage->nodes[node->parents[k]].flags & keep) == 0) {
                node->named_by[k] = 0;
            }
        }
        drop_unnamed(lineage, node);
    }
    for (i = 0; i < lineage->count; i++) {
        struct tr_shard_node *node = &lineage->nodes[i];
        bool stays = (node->flags & (keep | TR_NODE_NAMED)) != 0;
        node->flags &= ~(uint32_t)(TR_NODE_KEPT | TR_NODE_NAMED);
        if ((node->flags & TR_NODE_USED) != 0 && !stays) {
            release_slot(lineage, i);
            lineage->relink = true;
        }
    }
}

/* Put those of a node's parents on the stack that lack the flag. */
static size_t push_parents(struct tr_lineage *lineage, uint32_t index, uint32_t flag, size_t top)
{
    const struct tr_shard_node *node = &lineage->nodes[index];
    uint8_t k;
    for (k = 0; k < node->parent_count; k++) {
        struct tr_shard_node *parent = &lineage->nodes[node->parents[k]];
        if ((parent->flags & flag) == 0) {
            parent->flags |= flag;
            lineage->stack[top++] = node->parents[k];
        }
    }
    return top;
}

void tr_lineage_mark_up(struct tr_lineage *lineage, uint32_t index, uint32_t flag)
{
    size_t top = push_parents(lineage, index, flag, 0);
    while (top > 0) {
        uint32_t next = lineage->stack[--top];
        top = push_parents(lineage, next, flag, top);
    }
}

static size_t push_children(struct tr_lineage *lineage, uint32_t index, uint32_t flag,
                            uint32_t through, size_t top)
{
    uint32_t e;
    for (e = lineage->nodes[index].first_edge; e != TR_NO_NODE; e = lineage->edges[e].next) {
        struct tr_shard_node *child = &lineage->nodes[lineage->edges[e].child];
        if ((child->flags & flag) == 0 && (child->flags & through) != 0) {
            child->flags |= flag;
            lineage->stack[top++] = lineage->edges[e].child;
        }
    }
    return top;
}

void tr_lineage_mark_down(struct tr_lineage *lineage, uint32_t index, uint32_t flag,
                          uint32_t through)
{
    size_t top = push_children(lineage, index, flag, through, 0);
    while (top > 0) {
        uint32_t next = lineage->stack[--top];
        top = push_children(lineage, next, flag, through, top);
    }
}

/* By length without leading zeros, then bytes; an unknown number comes first. */
static int compare_digits(const char *a, size_t a_len, const char *b, size_t b_len)
{
    for (; a_len > 0 && *a == '0'; a_len--) {
        a++;
    }
    for (; b_len > 0 && *b == '0'; b_len--) {
        b++;
    }
    if (a_len != b_len) {
        return a_len < b_len ? -1 : 1;
    }
    return memcmp(a, b, a_len);
}

static bool is_before(const struct tr_lineage *lineage, uint32_t a, uint32_t b)
{
    const struct tr_shard_node *x = &lineage->nodes[a], *y = &lineage->nodes[b];
    int order = compare_digits(x->starting, x->starting_len, y->starting, y->starting_len);
    return order != 0 ? order < 0 : tr_bytes_cmp(x->id, y->id) < 0;
}

/* Merge [first, middle) and [middle, end), both sorted. */
static void merge_runs(const struct tr_lineage *lineage, uint32_t *set, size_t first, size_t middle,
                       size_t end)
{
    size_t a = first, b = middle, to = first;
    if (!is_before(lineage, set[middle], set[middle - 1])) {
        return;
    }
    memcpy(lineage->spare + first, set + first, (middle - first) * sizeof *set);
    while (a < middle && b < end) {
        if (is_before(lineage, set[b], lineage->spare[a])) {
            set[to++] = set[b++];
        } else {
            set[to++] = lineage->spare[a++];
        }
    }
    memcpy(set + to, lineage->spare + a, (middle - a) * sizeof *set);
}

/* Merge sort from small runs up: what comes nearly sorted, as listings do, is only looked over. */
static void sort_by_number(const struct tr_lineage *lineage, uint32_t *set, size_t count)
{
    size_t run, first;
    for (run = 1; run < count; run *= 2) {
        for (first = 0; first + run < count; first += 2 * run) {
            size_t end = first + 2 * run < count ? first + 2 * run : count;
            merge_runs(lineage, set, first, first + run, end);
        }
    }
}

/* The next parent that must come before the node, or TR_NO_NODE. One that is on the stack already
 * closes a cycle, and is passed over. */
static uint32_t next_parent(const struct tr_lineage *lineage, struct tr_shard_node *node)
{
    while (node->cursor < node->parent_count) {
        uint32_t parent = node->parents[node->cursor++];
        uint32_t flags = lineage->nodes[parent].flags;
        if ((flags & TR_NODE_IN_SET) != 0 && (flags & (TR_NODE_DONE | TR_NODE_ON_STACK)) == 0) {
            return parent;
        }
    }
    return TR_NO_NODE;
}

/* Put a node behind those of its ancestors that are in the set and not out yet. */
static size_t put_out(const struct tr_lineage *lineage, uint32_t index, uint32_t *out, size_t count)
{
    size_t top = 0;
    lineage->stack[top++] = index;
    lineage->nodes[index].flags |= TR_NODE_ON_STACK;
    while (top > 0) {
        struct tr_shard_node *node = &lineage->nodes[lineage->stack[top - 1]];
        uint32_t parent = next_parent(lineage, node);
        if (parent != TR_NO_NODE) {
            lineage->nodes[parent].flags |= TR_NODE_ON_STACK;
            lineage->stack[top++] = parent;
            continue;
        }
        node->flags |= TR_NODE_DONE;
        out[count++] = lineage->stack[--top];
    }
    return count;
}

void tr_lineage_sort(const struct tr_lineage *lineage, uint32_t *set, size_t count)
{
    const uint32_t walk = TR_NODE_IN_SET | TR_NODE_ON_STACK | TR_NODE_DONE;
    size_t i, out = 0;
    sort_by_number(lineage, set, count);
    for (i = 0; i < count; i++) {
        lineage->nodes[set[i]].flags |= TR_NODE_IN_SET;
        lineage->nodes[set[i]].cursor = 0;
    }
    for (i = 0; i < count; i++) {
        if ((lineage->nodes[set[i]].flags & TR_NODE_DONE) == 0) {
            out = put_out(lineage, set[i], lineage->spare, out);
        }
    }
    for (i = 0; i < count; i++) {
        lineage->nodes[set[i]].flags &= ~walk;
    }
    if (count > 0) {
        memcpy(set, lineage->spare, count * sizeof *set);
    }
}
