/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules for shard rows. An event is first staged (every node that it names is found or made,
 * and all memory is had), then taken in, which cannot fail. What listings and scans say is stamped
 * with the time at which they began, so that late and stale ones are recognised. The rules are
 * evaluated as a whole when a scan or a listing came, and only around the shards of an event when a
 * row was made or children were asked for: a table of thousands of rows must not cost a walk for
 * each. The outcome is the plan, shards in the order in which they get rows; each step proposes its
 * head. */
#include "stream/shard_graph.h"

#include "base/assert.h"
#include "base/mem.h"
#include "stream/lineage.h"

/* How much of the plan one step looks at. */
#define LOOKED_AT_MAX 8192

struct tr_graph {
    struct tr_lineage lineage; /* owned */
    uint32_t *plan;            /* owned; nodes with TR_NODE_PLANNED, parents before children */
    size_t plan_count;
    size_t plan_cap;
    size_t plan_head;                /* all before it have their rows or need none any more */
    struct tr_graph_create *creates; /* owned; what the last step proposed */
    struct tr_shard *view;           /* owned; what tr_graph_shard gives out */
    uint32_t *staged;                /* owned; nodes of the event: each shard, then its parents */
    size_t staged_count;
    size_t staged_cap;
    struct tr_mono rows_begun;  /* of the newest complete scan */
    struct tr_mono complete_at; /* when the newest complete listing began */
    enum tr_stream_status status;
    size_t orphans; /* ended shards without a known child */
    bool rows_known;
    bool ever_row;
    bool complete_known;
    bool deferred; /* a shard waits for the next complete listing */
    bool held;     /* a row waits for a parent that has no row and gets none */
};

enum tr_status tr_graph_new(size_t shards_max, struct tr_graph **out)
{
    struct tr_graph *graph = tr_calloc(1, sizeof *graph);
    *out = NULL;
    if (graph == NULL) {
        return TR_ENOMEM;
    }
    graph->lineage.nodes_max = shards_max < TR_NO_NODE ? shards_max : TR_NO_NODE - 1;
    graph->lineage.first_free = TR_NO_NODE;
    graph->lineage.first_new = TR_NO_NODE;
    graph->creates = tr_calloc(TR_GRAPH_CREATES_MAX, sizeof *graph->creates);
    graph->view = tr_calloc(1, sizeof *graph->view);
    if (graph->creates == NULL || graph->view == NULL) {
        tr_graph_free(graph);
        return TR_ENOMEM;
    }
    *out = graph;
    return TR_OK;
}

void tr_graph_free(struct tr_graph *graph)
{
    if (graph == NULL) {
        return;
    }
    tr_lineage_deinit(&graph->lineage);
    tr_free(graph->plan);
    tr_free(graph->creates);
    tr_free(graph->view);
    tr_free(graph->staged);
    tr_free(graph);
}

static struct tr_node *node_at(const struct tr_graph *graph, uint32_t index)
{
    return &graph->lineage.nodes[index];
}

static bool is(const struct tr_node *node, uint32_t flag)
{
    return (node->flags & flag) != 0;
}

/* --- staging ---------------------------------------------------------------------------------- */

static enum tr_status stage_one(struct tr_graph *graph, struct tr_bytes id)
{
    uint32_t index = TR_NO_NODE;
    enum tr_status status = TR_OK;
    if (id.len > 0) {
        status = tr_lineage_intern(&graph->lineage, id, &index);
    }
    if (status == TR_OK && !tr_grow(&graph->staged, &graph->staged_cap, graph->staged_count + 1,
                                    sizeof *graph->staged)) {
        status = TR_ENOMEM;
    }
    if (status == TR_OK) {
        graph->staged[graph->staged_count++] = index;
    }
    return status;
}

static size_t parents_within(size_t count)
{
    return count < TR_SHARD_PARENTS_MAX ? count : TR_SHARD_PARENTS_MAX;
}

static enum tr_status stage_family(struct tr_graph *graph, struct tr_bytes id,
                                   const struct tr_bytes *parents, size_t parent_count)
{
    enum tr_status status = stage_one(graph, id);
    size_t i;
    for (i = 0; status == TR_OK && i < parents_within(parent_count); i++) {
        status = stage_one(graph, parents[i]);
    }
    return status;
}

static enum tr_status stage_event(struct tr_graph *graph, const struct tr_graph_event *event)
{
    enum tr_status status = TR_OK;
    size_t i;
    graph->staged_count = 0;
    if (event->kind == TR_GRAPH_ROWS || event->kind == TR_GRAPH_ROW) {
        for (i = 0; status == TR_OK && i < event->row_count; i++) {
            const struct tr_graph_row *row = &event->rows[i];
            status = stage_family(graph, row->key, row->parents, row->parent_count);
        }
    } else if (event->kind != TR_GRAPH_ENDED) {
        for (i = 0; status == TR_OK && i < event->list->count; i++) {
            const struct tr_shard *shard = &event->list->shards[i];
            status = stage_family(graph, shard->id, shard->parents, shard->parent_count);
        }
    }
    if (status == TR_OK) {
        status = tr_lineage_reserve(&graph->lineage, graph->staged_count);
    }
    if (status == TR_OK &&
        !tr_grow(&graph->plan, &graph->plan_cap, graph->lineage.count, sizeof *graph->plan)) {
        status = TR_ENOMEM;
    }
    if (status != TR_OK) {
        tr_lineage_undo(&graph->lineage);
    }
    return status;
}

/* The staged nodes of one shard or row. */
struct family {
    uint32_t index; /* TR_NO_NODE: no id */
    uint32_t parents[TR_SHARD_PARENTS_MAX];
    size_t parent_count;
};

static struct family next_family(const struct tr_graph *graph, size_t *at, size_t parent_count)
{
    struct family family = {.index = graph->staged[(*at)++]};
    size_t i;
    for (i = 0; i < parents_within(parent_count); i++) {
        uint32_t parent = graph->staged[(*at)++];
        if (parent != TR_NO_NODE) {
            family.parents[family.parent_count++] = parent;
        }
    }
    return family;
}

/* --- what is known of one shard --------------------------------------------------------------- */

/* The row counts as there for a listing that began at `begun`: it is there, or it went later. */
static bool had_row_at(const struct tr_node *node, struct tr_mono begun)
{
    return is(node, TR_NODE_ROW) ||
           (node->row_gone.ns > 0 && tr_mono_reached(node->row_gone, begun));
}

/* A listed shard that may get a row, if a rule gives it one: it has none, never finished, had none
 * when it was listed, and no descendant says that it is done or was left out. */
static bool is_wanting(const struct tr_node *node)
{
    return is(node, TR_NODE_LISTED) && !is(node, TR_NODE_FINISHED | TR_NODE_BLOCKED) &&
           !had_row_at(node, node->seen);
}

/* Still to get a row. */
static bool is_planned(const struct tr_node *node)
{
    return is(node, TR_NODE_PLANNED) && is_wanting(node);
}

static bool is_within(struct tr_mono then, struct tr_mono now, uint64_t ms)
{
    return tr_mono_ms_between(then, now) <= ms;
}

/* A parent that has a row, or gets one before its children. */
static bool has_row_or_plan(const struct tr_graph *graph, uint32_t index)
{
    return is(node_at(graph, index), TR_NODE_ROW) || is_planned(node_at(graph, index));
}

static bool any_parent_has_row_or_plan(const struct tr_graph *graph, const struct tr_node *node)
{
    uint8_t k;
    for (k = 0; k < node->parent_count; k++) {
        if (has_row_or_plan(graph, node->parents[k])) {
            return true;
        }
    }
    return false;
}

static bool any_parent_has_row(const struct tr_graph *graph, const struct tr_node *node)
{
    uint8_t k;
    for (k = 0; k < node->parent_count; k++) {
        if (is(node_at(graph, node->parents[k]), TR_NODE_ROW)) {
            return true;
        }
    }
    return false;
}

static bool has_known_child(const struct tr_graph *graph, const struct tr_node *node)
{
    uint32_t e;
    for (e = node->first_edge; e != TR_NO_NODE; e = graph->lineage.edges[e].next) {
        if (is(node_at(graph, graph->lineage.edges[e].child), TR_NODE_LISTED | TR_NODE_ROW)) {
            return true;
        }
    }
    return false;
}

/* No child will come: a complete listing begun after the end shows none, and the stream is off. */
static bool is_final(const struct tr_graph *graph, const struct tr_node *node)
{
    return graph->complete_known && graph->status == TR_STREAM_DISABLED && node->ended_at.ns > 0 &&
           tr_mono_reached(graph->complete_at, node->ended_at) && !has_known_child(graph, node);
}

/* A parent holds its child back until it is at SHARD_END. Without a row it is done if it was
 * finished before its row went, or if a descendant that is ALONE says that it is done or was left
 * out on purpose: it gets no row any more, so nobody may wait for it. */
static bool parent_is_done(const struct tr_node *child, const struct tr_node *parent)
{
    if (is(parent, TR_NODE_ROW)) {
        return is(parent, TR_NODE_FINISHED);
    }
    return is(child, TR_NODE_ALONE | TR_NODE_ROOTED) ||
           is(parent, TR_NODE_FINISHED | TR_NODE_BLOCKED);
}

static bool parents_are_done(const struct tr_graph *graph, const struct tr_node *node)
{
    uint8_t k;
    for (k = 0; k < node->parent_count; k++) {
        if (!parent_is_done(node, node_at(graph, node->parents[k]))) {
            return false;
        }
    }
    return true;
}

/* --- planning --------------------------------------------------------------------------------- */

static void plan_one(struct tr_graph *graph, uint32_t index)
{
    node_at(graph, index)->flags |= TR_NODE_PLANNED;
    graph->plan[graph->plan_count++] = index;
}

/* A shard gets a row, and with it, by the rule for children, all its descendants that want one. */
static void plan_with_descendants(struct tr_graph *graph, uint32_t index)
{
    const struct tr_lineage *lineage = &graph->lineage;
    size_t next = graph->plan_count;
    plan_one(graph, index);
    while (next < graph->plan_count) {
        uint32_t e = node_at(graph, graph->plan[next++])->first_edge;
        for (; e != TR_NO_NODE; e = lineage->edges[e].next) {
            const struct tr_node *child = node_at(graph, lineage->edges[e].child);
            if (is_wanting(child) && !is(child, TR_NODE_PLANNED)) {
                plan_one(graph, lineage->edges[e].child);
            }
        }
    }
}

/* Rule: children of a shard that has a row. */
static void plan_child(struct tr_graph *graph, uint32_t index)
{
    const struct tr_node *node = node_at(graph, index);
    if (is_wanting(node) && !is(node, TR_NODE_PLANNED) && any_parent_has_row_or_plan(graph, node)) {
        plan_with_descendants(graph, index);
    }
}

static bool any_parent_is_wanting(const struct tr_graph *graph, const struct tr_node *node)
{
    uint8_t k;
    for (k = 0; k < node->parent_count; k++) {
        if (is_wanting(node_at(graph, node->parents[k]))) {
            return true;
        }
    }
    return false;
}

/* Rule: shards of a complete listing with no ancestor row (and, as is_wanting says, no descendant
 * row that progressed or was made without its parents). At a first start these are all. */
static bool is_uncovered(const struct tr_node *node)
{
    return is_wanting(node) && is(node, TR_NODE_COMPLETE) &&
           !is(node, TR_NODE_COVERED | TR_NODE_PLANNED | TR_NODE_DEFERRED);
}

static void plan_uncovered(struct tr_graph *graph)
{
    struct tr_lineage *lineage = &graph->lineage;
    size_t count = 0, k;
    uint32_t i;
    for (i = 0; i < lineage->count; i++) {
        if (is_uncovered(node_at(graph, i)) && !any_parent_is_wanting(graph, node_at(graph, i))) {
            plan_with_descendants(graph, i);
        }
    }
    /* What is left are cycles, which no service has. One of each goes without its parents, and by
     * that the others are blocked. */
    for (i = 0; i < lineage->count; i++) {
        if (is_uncovered(node_at(graph, i))) {
            lineage->order[count++] = i;
        }
    }
    tr_lineage_sort(lineage, lineage->order, count);
    for (k = 0; k < count; k++) {
        if (is_uncovered(node_at(graph, lineage->order[k]))) {
            node_at(graph, lineage->order[k])->flags |= TR_NODE_CUT;
            plan_with_descendants(graph, lineage->order[k]);
        }
    }
}

/* A shard that only a partial listing showed gets no row as long as its lineage is unknown, and
 * neither do its descendants before it. */
static void defer_incomplete(struct tr_graph *graph)
{
    uint32_t i;
    graph->deferred = false;
    for (i = 0; i < graph->lineage.count; i++) {
        struct tr_node *node = node_at(graph, i);
        if (is_wanting(node) && !is(node, TR_NODE_COMPLETE | TR_NODE_PLANNED | TR_NODE_COVERED)) {
            graph->deferred = true;
            node->flags |= TR_NODE_DEFERRED;
            tr_lineage_mark_down(&graph->lineage, i, TR_NODE_DEFERRED, TR_NODE_LISTED);
        }
    }
}

static void sort_plan(struct tr_graph *graph)
{
    if (graph->plan_count > graph->plan_head) {
        tr_lineage_sort(&graph->lineage, graph->plan + graph->plan_head,
                        graph->plan_count - graph->plan_head);
    }
}

/* What the rows say of the others: BLOCKED upwards, COVERED downwards. An ancestor is one by what
 * is known now: through shards that are listed or have rows. */
static void spread_rows(struct tr_graph *graph)
{
    const uint32_t evaluation =
        TR_NODE_BLOCKED | TR_NODE_COVERED | TR_NODE_PLANNED | TR_NODE_DEFERRED | TR_NODE_CUT;
    uint32_t i;
    for (i = 0; i < graph->lineage.count; i++) {
        node_at(graph, i)->flags &= ~evaluation;
    }
    for (i = 0; i < graph->lineage.count; i++) {
        const struct tr_node *node = node_at(graph, i);
        if (is(node, TR_NODE_ALONE)) {
            tr_lineage_mark_up(&graph->lineage, i, TR_NODE_BLOCKED);
        }
        if (had_row_at(node, graph->complete_at)) {
            tr_lineage_mark_down(&graph->lineage, i, TR_NODE_COVERED, TR_NODE_LISTED | TR_NODE_ROW);
        }
    }
}

/* Keep `orphans` right for one shard. */
static void count_orphan(struct tr_graph *graph, struct tr_node *node)
{
    bool orphan = is(node, TR_NODE_ENDED) && is(node, TR_NODE_ROW) && !is(node, TR_NODE_FINISHED) &&
                  !has_known_child(graph, node) && !is_final(graph, node);
    if (orphan && !is(node, TR_NODE_ORPHAN)) {
        node->flags |= TR_NODE_ORPHAN;
        graph->orphans++;
    } else if (!orphan && is(node, TR_NODE_ORPHAN)) {
        node->flags &= ~(uint32_t)TR_NODE_ORPHAN;
        graph->orphans--;
    }
}

/* A row waits for a parent without a row that none of the present plans makes. */
static bool is_held(const struct tr_graph *graph, const struct tr_node *node)
{
    uint8_t k;
    if (!is(node, TR_NODE_ROW) || is(node, TR_NODE_ALONE)) {
        return false;
    }
    for (k = 0; k < node->parent_count; k++) {
        const struct tr_node *parent = node_at(graph, node->parents[k]);
        if (!parent_is_done(node, parent) && !has_row_or_plan(graph, node->parents[k])) {
            return true;
        }
    }
    return false;
}

static void mark_first_start(struct tr_graph *graph)
{
    uint32_t i;
    if (!graph->complete_known || graph->ever_row) {
        return;
    }
    for (i = 0; i < graph->lineage.count; i++) {
        if (is(node_at(graph, i), TR_NODE_LISTED)) {
            node_at(graph, i)->flags |= TR_NODE_FIRST;
        }
    }
}

/* All rules, over all shards. */
static void evaluate(struct tr_graph *graph)
{
    uint32_t i;
    if (graph->lineage.relink) {
        tr_lineage_link(&graph->lineage);
    }
    graph->plan_count = graph->plan_head = 0;
    spread_rows(graph);
    graph->deferred = graph->held = false;
    if (graph->rows_known) {
        mark_first_start(graph);
        for (i = 0; i < graph->lineage.count; i++) {
            plan_child(graph, i);
        }
        if (graph->complete_known) {
            defer_incomplete(graph);
            plan_uncovered(graph);
        }
        sort_plan(graph);
    }
    for (i = 0; i < graph->lineage.count; i++) {
        graph->held |= is_held(graph, node_at(graph, i));
        count_orphan(graph, node_at(graph, i));
    }
}

/* --- taking events in ------------------------------------------------------------------------- */

/* New edges below a shard that is done or left out: the same holds for the new ancestors. */
static void set_parents(struct tr_graph *graph, const struct family *family,
                        enum tr_node_source source)
{
    struct tr_lineage *lineage = &graph->lineage;
    if (tr_lineage_set_parents(lineage, family->index, source, family->parents,
                               family->parent_count) &&
        is(node_at(graph, family->index), TR_NODE_ALONE | TR_NODE_BLOCKED)) {
        tr_lineage_mark_up(lineage, family->index, TR_NODE_BLOCKED);
    }
}

static void copy_digits(struct tr_bytes from, char *to, uint8_t *len)
{
    if (from.len > 0 && from.len <= TR_SEQUENCE_DIGITS_MAX) {
        memcpy(to, from.ptr, from.len);
        *len = (uint8_t)from.len;
    }
}

/* One shard of a listing begun at `at`. A listing older than a complete one says nothing of shards
 * that the complete one lacks, and an older one than was seen of this shard changes nothing but an
 * end: what has ended stays so. */
static void take_shard(struct tr_graph *graph, const struct tr_shard *shard,
                       const struct family *family, struct tr_mono at)
{
    struct tr_node *node = node_at(graph, family->index);
    if (!is(node, TR_NODE_LISTED) && graph->complete_known &&
        tr_mono_before(at, graph->complete_at)) {
        return;
    }
    if (!is(node, TR_NODE_LISTED) || !tr_mono_before(at, node->seen)) {
        node->seen = at;
        copy_digits(shard->starting, node->starting, &node->starting_len);
        set_parents(graph, family, TR_NODE_BY_LISTING);
    }
    copy_digits(shard->ending, node->ending, &node->ending_len);
    node->flags |= TR_NODE_LISTED | TR_NODE_SHOWN;
}

static void take_list(struct tr_graph *graph, const struct tr_shard_list *list, struct tr_mono at)
{
    size_t i, next = 0;
    for (i = 0; i < list->count; i++) {
        const struct tr_shard *shard = &list->shards[i];
        struct family family = next_family(graph, &next, shard->parent_count);
        if (family.index != TR_NO_NODE) {
            take_shard(graph, shard, &family, at);
        }
    }
}

static bool any_parent_is_listed(const struct tr_graph *graph, const struct tr_node *node)
{
    uint8_t k;
    for (k = 0; k < node->parent_count; k++) {
        if (is(node_at(graph, node->parents[k]), TR_NODE_LISTED)) {
            return true;
        }
    }
    return false;
}

/* A complete listing: what it lacks and nothing newer showed is not listed any more. A row that was
 * known before it began and of whose parents it shows none need not wait for them. */
static void take_complete(struct tr_graph *graph, enum tr_stream_status status, struct tr_mono at)
{
    uint32_t i;
    graph->complete_known = true;
    graph->complete_at = at;
    graph->status = status;
    for (i = 0; i < graph->lineage.count; i++) {
        struct tr_node *node = node_at(graph, i);
        if (is(node, TR_NODE_SHOWN)) {
            node->flags |= TR_NODE_COMPLETE;
        } else {
            node->flags &= ~(uint32_t)TR_NODE_COMPLETE;
            if (tr_mono_before(node->seen, at)) {
                node->flags &= ~(uint32_t)TR_NODE_LISTED;
            }
        }
    }
    for (i = 0; i < graph->lineage.count; i++) {
        struct tr_node *node = node_at(graph, i);
        if (is(node, TR_NODE_ROW) && tr_mono_before(node->row_known, at) &&
            node->parent_count > 0 && !any_parent_is_listed(graph, node)) {
            node->flags |= TR_NODE_ROOTED;
        }
    }
}

/* Shards that are listed no more and have no row are forgotten, and so are their counts. */
static void forget_gone(struct tr_graph *graph)
{
    uint32_t i;
    for (i = 0; i < graph->lineage.count; i++) {
        struct tr_node *node = node_at(graph, i);
        if (!is(node, TR_NODE_LISTED) && had_row_at(node, graph->complete_at)) {
            node->flags |= TR_NODE_KEPT;
        }
    }
    tr_lineage_forget(&graph->lineage, TR_NODE_LISTED | TR_NODE_ROW | TR_NODE_KEPT);
}

static void clear_flag(struct tr_graph *graph, uint32_t flag)
{
    uint32_t i;
    for (i = 0; i < graph->lineage.count; i++) {
        node_at(graph, i)->flags &= ~flag;
    }
}

/* An empty listing proves nothing of what it lacks: a broken answer looks the same. */
static void take_listing(struct tr_graph *graph, const struct tr_graph_event *event,
                         struct tr_mono at)
{
    const struct tr_shard_list *list = event->list;
    take_list(graph, list, at);
    if (event->complete && (!graph->complete_known || !tr_mono_before(at, graph->complete_at))) {
        if (list->count > 0) {
            take_complete(graph, list->status, at);
            forget_gone(graph);
        } else {
            graph->complete_known = true;
            graph->status = list->status;
        }
    }
    clear_flag(graph, TR_NODE_SHOWN);
    evaluate(graph);
}

/* CHILD_SHARDS: a partial listing, looked at only around what it shows. */
static void take_children(struct tr_graph *graph, const struct tr_graph_event *event,
                          struct tr_mono at)
{
    size_t i, next = 0, planned = graph->plan_count;
    take_list(graph, event->list, at);
    if (graph->lineage.relink) {
        clear_flag(graph, TR_NODE_SHOWN);
        evaluate(graph);
        return;
    }
    for (i = 0; i < event->list->count; i++) {
        struct family family = next_family(graph, &next, event->list->shards[i].parent_count);
        size_t k;
        if (family.index == TR_NO_NODE) {
            continue;
        }
        node_at(graph, family.index)->flags &= ~(uint32_t)TR_NODE_SHOWN;
        if (graph->rows_known) {
            plan_child(graph, family.index);
        }
        for (k = 0; k < family.parent_count; k++) {
            count_orphan(graph, node_at(graph, family.parents[k]));
        }
    }
    if (graph->plan_count > planned) {
        sort_plan(graph);
    }
}

/* Whether a row's content is newer than what is known: a scan that may be stale does not take a
 * checkpoint back before the time is over in which it may be so. */
static bool is_news(const struct tr_node *node, const struct tr_graph_row *row, struct tr_mono at)
{
    return !is(node, TR_NODE_ROW) || tr_position_cmp(&row->checkpoint, &node->checkpoint) >= 0 ||
           tr_mono_reached(at, tr_mono_add_ms(node->row_at, TR_GRAPH_STALE_MS));
}

/* A row that stands for itself: it progressed, or was made without its parents' rows, by our mark
 * or, in another KCL's table, by its start position. */
static bool stands_alone(const struct tr_node *node)
{
    return is(node, TR_NODE_MARKED) || node->checkpoint.kind != TR_POSITION_TRIM_HORIZON;
}

/* What a row says goes into its node. */
static void absorb(struct tr_graph *graph, struct tr_node *node, const struct tr_graph_row *row,
                   struct tr_mono at, struct tr_mono now)
{
    if (!is(node, TR_NODE_ROW)) {
        node->row_known = now;
        node->row_at = at;
        node->flags &= ~(uint32_t)(TR_NODE_MARKED | TR_NODE_ROOTED);
    }
    node->row_at = tr_mono_max(node->row_at, at);
    node->checkpoint = row->checkpoint;
    node->flags |= TR_NODE_ROW | TR_NODE_HAD_ROW | (row->without_parents ? TR_NODE_MARKED : 0u);
    node->flags &= ~(uint32_t)(TR_NODE_ALONE | TR_NODE_FINISHED);
    if (stands_alone(node)) {
        node->flags |= TR_NODE_ALONE;
    }
    if (row->checkpoint.kind == TR_POSITION_SHARD_END) {
        node->flags |= TR_NODE_FINISHED;
        if (node->ended_at.ns == 0) {
            node->ended_at = now;
        }
    }
    graph->ever_row = true;
}

/* One row as known at `at`. Returns whether it is new. */
static bool take_row(struct tr_graph *graph, const struct tr_graph_row *row,
                     const struct family *family, struct tr_mono at, struct tr_mono now)
{
    struct tr_node *node = node_at(graph, family->index);
    bool is_new = !is(node, TR_NODE_ROW);
    bool was_alone = is(node, TR_NODE_ALONE);
    node->flags |= TR_NODE_SHOWN;
    /* A scan that began before the row was found to be gone does not bring it back. */
    if ((is_new && tr_mono_before(at, node->row_gone)) || !is_news(node, row, at)) {
        return false;
    }
    absorb(graph, node, row, at, now);
    set_parents(graph, family, TR_NODE_BY_ROW);
    if (is(node, TR_NODE_ALONE) && !was_alone) {
        tr_lineage_mark_up(&graph->lineage, family->index, TR_NODE_BLOCKED);
    }
    return is_new;
}

/* A complete scan. A row that it lacks is gone, unless it was made so shortly before that the scan
 * may not show it yet. What was known of it is kept. */
static void take_rows(struct tr_graph *graph, const struct tr_graph_event *event, struct tr_mono at)
{
    size_t i, next = 0;
    uint32_t k;
    for (i = 0; i < event->row_count; i++) {
        struct family family = next_family(graph, &next, event->rows[i].parent_count);
        if (family.index != TR_NO_NODE) {
            (void)take_row(graph, &event->rows[i], &family, at, event->now);
        }
    }
    for (k = 0; k < graph->lineage.count; k++) {
        struct tr_node *node = node_at(graph, k);
        if (is(node, TR_NODE_ROW) && !is(node, TR_NODE_SHOWN) &&
            tr_mono_reached(at, tr_mono_add_ms(node->row_known, TR_GRAPH_STALE_MS))) {
            node->flags &= ~(uint32_t)TR_NODE_ROW;
            node->row_gone = event->now;
        }
        node->flags &= ~(uint32_t)TR_NODE_SHOWN;
    }
    graph->rows_known = true;
    graph->rows_begun = tr_mono_max(graph->rows_begun, at);
    evaluate(graph);
}

/* A row that is new and was not ours to make may bring rows for its children. */
static void plan_children_of(struct tr_graph *graph, uint32_t index)
{
    const struct tr_lineage *lineage = &graph->lineage;
    uint32_t e = node_at(graph, index)->first_edge;
    for (; e != TR_NO_NODE; e = lineage->edges[e].next) {
        plan_child(graph, lineage->edges[e].child);
    }
}

static void take_changed_rows(struct tr_graph *graph, const struct tr_graph_event *event,
                              struct tr_mono at)
{
    size_t i, next = 0, planned = graph->plan_count;
    for (i = 0; i < event->row_count; i++) {
        struct family family = next_family(graph, &next, event->rows[i].parent_count);
        bool is_new;
        if (family.index == TR_NO_NODE) {
            continue;
        }
        is_new = take_row(graph, &event->rows[i], &family, at, event->now);
        node_at(graph, family.index)->flags &= ~(uint32_t)TR_NODE_SHOWN;
        count_orphan(graph, node_at(graph, family.index));
        if (is_new && graph->rows_known && !graph->lineage.relink) {
            plan_children_of(graph, family.index);
        }
    }
    if (graph->lineage.relink) {
        evaluate(graph);
    } else if (graph->plan_count > planned) {
        sort_plan(graph);
    }
}

static void take_end(struct tr_graph *graph, const struct tr_graph_event *event)
{
    uint32_t index = tr_lineage_find(&graph->lineage, event->parent);
    struct tr_node *node;
    if (index == TR_NO_NODE) {
        return;
    }
    node = node_at(graph, index);
    node->flags |= TR_NODE_ENDED;
    if (node->ended_at.ns == 0) {
        node->ended_at = event->now;
    }
    count_orphan(graph, node);
}

/* --- effects ---------------------------------------------------------------------------------- */

/* Something came before the shard that nobody has read and nobody will: its parents have no rows,
 * and were not seen to finish. What was trimmed before a first start is nobody's; but a shard that
 * it found and that was gone before it had a row is missing. */
static bool has_gap(const struct tr_graph *graph, const struct tr_node *node)
{
    uint8_t k;
    if (is(node, TR_NODE_HAD_ROW)) {
        return false;
    }
    for (k = 0; k < node->parent_count; k++) {
        const struct tr_node *parent = node_at(graph, node->parents[k]);
        if (is(parent, TR_NODE_FINISHED)) {
            continue;
        }
        if (!is(node, TR_NODE_FIRST) ||
            (is(parent, TR_NODE_FIRST) && !is(parent, TR_NODE_BLOCKED))) {
            return true;
        }
    }
    return false;
}

static void fill_create(const struct tr_graph *graph, const struct tr_node *node,
                        struct tr_graph_create *create)
{
    bool orphaned = !any_parent_has_row(graph, node);
    uint8_t k;
    *create = (struct tr_graph_create){.key = node->id, .checkpoint = TR_TRIM_HORIZON};
    for (k = 0; k < node->parent_count; k++) {
        create->parents[create->parent_count++] = node_at(graph, node->parents[k])->id;
    }
    create->without_parents = (orphaned && (node->parent_count > 0 || is(node, TR_NODE_FIRST))) ||
                              is(node, TR_NODE_MARKED);
    create->gap = orphaned && has_gap(graph, node);
    if (is(node, TR_NODE_HAD_ROW) && tr_position_is_sequence(&node->checkpoint)) {
        create->checkpoint = node->checkpoint;
    }
}

/* A row is proposed only once its parents' rows are there: were the child's made and the parent's
 * not (a lost request, a crash), and the parent trimmed then, nobody would know that records are
 * missing. So all that one step proposes may be made at once and in any order. */
static bool waits_for_parent(const struct tr_graph *graph, const struct tr_node *node)
{
    uint8_t k;
    if (is(node, TR_NODE_CUT)) {
        return false;
    }
    for (k = 0; k < node->parent_count; k++) {
        if (is_planned(node_at(graph, node->parents[k]))) {
            return true;
        }
    }
    return false;
}

static void fill_effects(struct tr_graph *graph, struct tr_mono now, struct tr_graph_effects *out)
{
    bool scan_is_fresh = is_within(graph->rows_begun, now, TR_GRAPH_SCAN_FRESH_MS);
    size_t i, end, count = 0;
    out->want_scan = !graph->rows_known;
    out->want_listing =
        !graph->complete_known || graph->orphans > 0 || graph->held || graph->deferred;
    while (graph->plan_head < graph->plan_count &&
           !is_planned(node_at(graph, graph->plan[graph->plan_head]))) {
        graph->plan_head++;
    }
    /* The first of the plan waits for nobody, so looking at a part of a long one is enough. */
    end = graph->plan_count - graph->plan_head < LOOKED_AT_MAX ? graph->plan_count
                                                               : graph->plan_head + LOOKED_AT_MAX;
    for (i = graph->plan_head; i < end && count < TR_GRAPH_CREATES_MAX; i++) {
        const struct tr_node *node = node_at(graph, graph->plan[i]);
        if (!is_planned(node) || waits_for_parent(graph, node)) {
            continue;
        }
        if (!scan_is_fresh) {
            out->want_scan = true;
            break;
        }
        if (is_within(node->seen, now, TR_GRAPH_LISTING_FRESH_MS)) {
            fill_create(graph, node, &graph->creates[count++]);
        } else {
            out->want_listing = true;
        }
    }
    out->create_count = count;
}

enum tr_status tr_graph_step(struct tr_graph *graph, const struct tr_graph_event *event,
                             struct tr_graph_effects *out)
{
    struct tr_mono at = event->begun.ns > 0 ? event->begun : event->now;
    enum tr_status status;
    TR_ASSERT(event->list != NULL ||
              (event->kind != TR_GRAPH_LISTED && event->kind != TR_GRAPH_CHILDREN));
    status = stage_event(graph, event);
    *out = (struct tr_graph_effects){.creates = graph->creates};
    if (status != TR_OK) {
        return status;
    }
    tr_lineage_commit(&graph->lineage);
    switch (event->kind) {
    case TR_GRAPH_ROWS:
        take_rows(graph, event, at);
        break;
    case TR_GRAPH_ROW:
        take_changed_rows(graph, event, event->now);
        break;
    case TR_GRAPH_LISTED:
        take_listing(graph, event, at);
        break;
    case TR_GRAPH_CHILDREN:
        take_children(graph, event, at);
        break;
    case TR_GRAPH_ENDED:
        take_end(graph, event);
        break;
    }
    fill_effects(graph, event->now, out);
    return TR_OK;
}

/* --- questions -------------------------------------------------------------------------------- */

bool tr_graph_may_start(const struct tr_graph *graph, struct tr_bytes key)
{
    uint32_t index = tr_lineage_find(&graph->lineage, key);
    const struct tr_node *node;
    if (index == TR_NO_NODE) {
        return false;
    }
    node = node_at(graph, index);
    if (!is(node, TR_NODE_ROW) || is(node, TR_NODE_FINISHED)) {
        return false;
    }
    return tr_position_is_sequence(&node->checkpoint) || parents_are_done(graph, node);
}

bool tr_graph_has_children(const struct tr_graph *graph, struct tr_bytes key)
{
    uint32_t index = tr_lineage_find(&graph->lineage, key), e;
    const struct tr_node *node;
    bool found = false;
    if (index == TR_NO_NODE) {
        return false;
    }
    node = node_at(graph, index);
    for (e = node->first_edge; e != TR_NO_NODE; e = graph->lineage.edges[e].next) {
        const struct tr_node *child = node_at(graph, graph->lineage.edges[e].child);
        if (is_wanting(child)) {
            return false;
        }
        found |= is(child, TR_NODE_LISTED | TR_NODE_ROW);
    }
    return found || is_final(graph, node);
}

bool tr_graph_settled(const struct tr_graph *graph)
{
    size_t i;
    if (!graph->rows_known || !graph->complete_known || graph->deferred) {
        return false;
    }
    for (i = graph->plan_head; i < graph->plan_count; i++) {
        if (is_planned(node_at(graph, graph->plan[i]))) {
            return false;
        }
    }
    return true;
}

/* The shard as it is listed, in the one place for it. */
static const struct tr_shard *show(const struct tr_graph *graph, const struct tr_node *node)
{
    struct tr_shard *view = graph->view;
    uint8_t k;
    memset(view, 0, sizeof *view);
    view->id = node->id;
    for (k = 0; k < node->parent_count; k++) {
        view->parents[view->parent_count++] = node_at(graph, node->parents[k])->id;
    }
    if (node->starting_len > 0) {
        view->starting = (struct tr_bytes){node->starting, node->starting_len};
    }
    if (node->ending_len > 0) {
        view->ending = (struct tr_bytes){node->ending, node->ending_len};
    }
    return view;
}

void tr_graph_walk(const struct tr_graph *graph, void (*each)(void *ctx, const struct tr_shard *),
                   void *ctx)
{
    const struct tr_lineage *lineage = &graph->lineage;
    size_t count = 0, k;
    uint32_t i;
    for (i = 0; i < lineage->count; i++) {
        if (is(node_at(graph, i), TR_NODE_LISTED)) {
            lineage->order[count++] = i;
        }
    }
    tr_lineage_sort(lineage, lineage->order, count);
    for (k = 0; k < count; k++) {
        each(ctx, show(graph, node_at(graph, lineage->order[k])));
    }
}

const struct tr_shard *tr_graph_shard(const struct tr_graph *graph, struct tr_bytes id)
{
    uint32_t index = tr_lineage_find(&graph->lineage, id);
    if (index == TR_NO_NODE || !is(node_at(graph, index), TR_NODE_LISTED)) {
        return NULL;
    }
    return show(graph, node_at(graph, index));
}
