/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules for shard rows: who wants a row, in which order they get them, who may start. They are
 * evaluated as a whole when a scan or a listing came, and only around the shards of an event when a
 * row was made or children were asked for: a table of thousands of rows must not cost a walk for
 * each. The outcome is the plan; each step proposes the head of it. */
#include "stream/shard_rules.h"

#include "base/mutant.h"

/* How much of the plan one step looks at. */
#define LOOKED_AT_MAX 8192

bool tr_rules_had_row(const struct tr_shard_node *node, struct tr_mono begun)
{
    return tr_shard_node_is(node, TR_NODE_ROW) ||
           (node->row_gone.ns > 0 && tr_mono_reached(node->row_gone, begun));
}

bool tr_rules_is_missed(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    if (tr_shard_node_is(node, TR_NODE_ROW | TR_NODE_FINISHED | TR_NODE_BLOCKED | TR_NODE_PASSED |
                                   TR_NODE_VEILED)) {
        return false;
    }
    if (tr_shard_node_is(node, TR_NODE_LISTED)) {
        return tr_rules_had_row(node, node->seen);
    }
    return node->row_gone.ns > 0 &&
           tr_mono_before(graph->complete_at, tr_mono_add_ms(node->row_gone, TR_GRAPH_STALE_MS));
}

/* It would be wanting, were it not for a row below it that is not understood. */
static bool may_come_to_want(const struct tr_shard_node *node)
{
    return tr_shard_node_is(node, TR_NODE_LISTED) &&
           (TR_MUTANT(FINISHED_MADE_AGAIN) ||
            !tr_shard_node_is(node, TR_NODE_FINISHED | TR_NODE_BLOCKED | TR_NODE_PASSED)) &&
           !tr_rules_had_row(node, node->seen);
}

bool tr_rules_is_wanting(const struct tr_shard_node *node)
{
    return may_come_to_want(node) && !tr_shard_node_is(node, TR_NODE_VEILED);
}

bool tr_rules_is_planned(const struct tr_shard_node *node)
{
    return tr_shard_node_is(node, TR_NODE_PLANNED) && tr_rules_is_wanting(node);
}

static bool is_within(struct tr_mono then, struct tr_mono now, uint64_t ms)
{
    return tr_mono_ms_between(then, now) <= ms;
}

/* A parent that has a row, or gets one before its children. */
static bool has_row_or_plan(const struct tr_graph *graph, uint32_t index)
{
    return tr_shard_node_is(tr_rules_node(graph, index), TR_NODE_ROW) ||
           tr_rules_is_planned(tr_rules_node(graph, index));
}

static bool has_known_child(const struct tr_graph *graph, const struct tr_shard_node *node);

/* Whether the listing of a stream that is off is one in part: it lacks a shard that has a row and
 * is too young to be trimmed. */
static bool is_torn(const struct tr_graph *graph)
{
    int64_t id_ms;
    uint32_t i;
    if (graph->status != TR_STREAM_DISABLED || graph->service.ms == 0) {
        return false;
    }
    for (i = 0; i < graph->lineage.count; i++) {
        const struct tr_shard_node *node = tr_rules_node(graph, i);
        if (tr_shard_node_is(node, TR_NODE_ROW) && !tr_shard_node_is(node, TR_NODE_COMPLETE) &&
            tr_shard_id_ms(node->id, &id_ms) && graph->service.ms - id_ms < TR_GRAPH_RETENTION_MS) {
            return true;
        }
    }
    return false;
}

/* The listing shows the end of the shard and nothing behind it. Where the stream is on, something
 * is missing: what came behind may be long done, and its rows gone. Where it is off this is how its
 * last shards look, unless the listing is torn. */
static bool is_ragged(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    return node->ending_len > 0 && (graph->status != TR_STREAM_DISABLED || graph->torn) &&
           !tr_shard_node_is(node, TR_NODE_FIRST) && !has_known_child(graph, node);
}

/* A parent whose row was at its end and went is as good as one with a row: a child that comes late
 * carries on behind it. */
static bool any_parent_leads_on(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    uint8_t k;
    for (k = 0; k < node->parent_count; k++) {
        if (has_row_or_plan(graph, node->parents[k]) ||
            (tr_shard_node_is(tr_rules_node(graph, node->parents[k]), TR_NODE_FINISHED) &&
             !tr_shard_node_is(node, TR_NODE_DEFERRED) && !is_ragged(graph, node))) {
            return true;
        }
    }
    return false;
}

static bool any_parent_has_row(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    uint8_t k;
    for (k = 0; k < node->parent_count; k++) {
        if (tr_shard_node_is(tr_rules_node(graph, node->parents[k]), TR_NODE_ROW)) {
            return true;
        }
    }
    return false;
}

bool tr_rules_is_known(const struct tr_shard_node *node)
{
    return tr_shard_node_is(node, TR_NODE_LISTED | TR_NODE_ROW | TR_NODE_HAD_ROW);
}

static bool has_known_child(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    uint32_t e;
    for (e = node->first_edge; e != TR_NO_NODE; e = graph->lineage.edges[e].next) {
        if (tr_shard_node_is(tr_rules_node(graph, graph->lineage.edges[e].child),
                             TR_NODE_LISTED | TR_NODE_ROW)) {
            return true;
        }
    }
    return false;
}

bool tr_rules_is_final(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    return graph->complete_known && graph->status == TR_STREAM_DISABLED && node->ended_at.ns > 0 &&
           tr_mono_reached(graph->complete_at,
                           tr_mono_add_ms(node->ended_at, TR_GRAPH_CHILDREN_MS)) &&
           !has_known_child(graph, node);
}

/* A complete listing begun after the child's row was known lacks the parent. */
static bool is_absent_for(const struct tr_graph *graph, const struct tr_shard_node *child,
                          const struct tr_shard_node *parent)
{
    return graph->complete_known && graph->complete_at.ns > 0 &&
           tr_mono_reached(graph->complete_at, child->row_known) &&
           !tr_shard_node_is(parent, TR_NODE_LISTED);
}

/* A parent holds its child back until it is at SHARD_END. Without a row it is done if it was
 * finished before its row went, if it is not listed any more, or if a descendant that is ALONE says
 * that it is done or was left out on purpose: it gets no row any more, so nobody may wait for it.
 * */
static bool parent_is_done(const struct tr_graph *graph, const struct tr_shard_node *child,
                           const struct tr_shard_node *parent)
{
    if (tr_shard_node_is(parent, TR_NODE_ROW)) {
        return tr_shard_node_is(parent, TR_NODE_FINISHED) || TR_MUTANT(PARENTS_IGNORED);
    }
    return tr_shard_node_is(child, TR_NODE_ALONE | TR_NODE_ROOTED) ||
           tr_shard_node_is(parent, TR_NODE_FINISHED | TR_NODE_BLOCKED | TR_NODE_PASSED) ||
           is_absent_for(graph, child, parent);
}

bool tr_rules_parents_done(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    uint8_t k;
    for (k = 0; k < node->parent_count; k++) {
        if (!parent_is_done(graph, node, tr_rules_node(graph, node->parents[k]))) {
            return false;
        }
    }
    return true;
}

/* --- planning --------------------------------------------------------------------------------- */

static void plan_one(struct tr_graph *graph, uint32_t index)
{
    tr_rules_node(graph, index)->flags |= TR_NODE_PLANNED;
    graph->plan[graph->plan_count++] = index;
}

/* A shard gets a row, and with it, by the rule for children, all its descendants that want one. */
static void plan_with_descendants(struct tr_graph *graph, uint32_t index)
{
    const struct tr_lineage *lineage = &graph->lineage;
    size_t next = graph->plan_count;
    plan_one(graph, index);
    while (next < graph->plan_count) {
        uint32_t e = tr_rules_node(graph, graph->plan[next++])->first_edge;
        for (; e != TR_NO_NODE; e = lineage->edges[e].next) {
            const struct tr_shard_node *child = tr_rules_node(graph, lineage->edges[e].child);
            if (tr_rules_is_wanting(child) && !tr_shard_node_is(child, TR_NODE_PLANNED)) {
                plan_one(graph, lineage->edges[e].child);
            }
        }
    }
}

/* Rule: children of a shard that has a row. */
void tr_rules_plan_child(struct tr_graph *graph, uint32_t index)
{
    const struct tr_shard_node *node = tr_rules_node(graph, index);
    if (tr_rules_is_wanting(node) && !tr_shard_node_is(node, TR_NODE_PLANNED) &&
        any_parent_leads_on(graph, node)) {
        plan_with_descendants(graph, index);
    }
}

static bool any_parent_is_wanting(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    uint8_t k;
    for (k = 0; k < node->parent_count; k++) {
        if (tr_rules_is_wanting(tr_rules_node(graph, node->parents[k]))) {
            return true;
        }
    }
    return false;
}

/* Rule: shards of a complete listing with no ancestor row (and, as is_wanting says, no descendant
 * row that progressed or was made without its parents). At a first start these are all. */
static bool is_uncovered(const struct tr_shard_node *node)
{
    return tr_rules_is_wanting(node) && tr_shard_node_is(node, TR_NODE_COMPLETE) &&
           !tr_shard_node_is(node,
                             TR_NODE_COVERED | TR_NODE_PLANNED | TR_NODE_DEFERRED | TR_NODE_SHADED);
}

/* Whether the listing may lag behind: it shows the shard and not its parent, though by the time in
 * its id the parent, which ended when the shard began, cannot be trimmed yet. Such a shard waits
 * for a complete listing begun a minute later; what its id tells is a hint, so it waits no longer.
 * */
static bool may_lag(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    int64_t id_ms;
    uint8_t k;
    if (tr_shard_node_is(node, TR_NODE_FIRST) || graph->service.ms == 0 ||
        !tr_shard_id_ms(node->id, &id_ms) || graph->service.ms - id_ms >= TR_GRAPH_RETENTION_MS ||
        tr_mono_reached(graph->complete_at, tr_mono_add_ms(node->known_at, TR_GRAPH_STALE_MS))) {
        return false;
    }
    for (k = 0; k < node->parent_count; k++) {
        const struct tr_shard_node *parent = tr_rules_node(graph, node->parents[k]);
        if (!tr_shard_node_is(parent, TR_NODE_FINISHED) && !tr_rules_is_known(parent)) {
            return true;
        }
    }
    return false;
}

static void plan_uncovered(struct tr_graph *graph)
{
    struct tr_lineage *lineage = &graph->lineage;
    size_t count = 0, k;
    uint32_t i;
    for (i = 0; i < lineage->count; i++) {
        if (is_uncovered(tr_rules_node(graph, i)) &&
            !any_parent_is_wanting(graph, tr_rules_node(graph, i))) {
            plan_with_descendants(graph, i);
        }
    }
    /* What is left are cycles, which no service has. One of each goes without its parents, and by
     * that the others are blocked. */
    for (i = 0; i < lineage->count; i++) {
        if (is_uncovered(tr_rules_node(graph, i))) {
            lineage->order[count++] = i;
        }
    }
    tr_lineage_sort(lineage, lineage->order, count);
    for (k = 0; k < count; k++) {
        if (is_uncovered(tr_rules_node(graph, lineage->order[k]))) {
            tr_rules_node(graph, lineage->order[k])->flags |= TR_NODE_CUT;
            plan_with_descendants(graph, lineage->order[k]);
        }
    }
}

/* A lineage that breaks off in a listing is not judged by it: neither the shard where it does nor
 * its ancestors get rows of their own, until a listing shows more, or for ten minutes none has,
 * however long the shard was known whole before. */
static void defer_ragged(struct tr_graph *graph)
{
    uint32_t i;
    for (i = 0; i < graph->lineage.count; i++) {
        struct tr_shard_node *node = tr_rules_node(graph, i);
        if (!tr_rules_is_wanting(node) || !is_ragged(graph, node)) {
            node->ragged_at = (struct tr_mono){0};
            continue;
        }
        node->ragged_at = node->ragged_at.ns > 0 ? node->ragged_at : graph->complete_at;
        if (!tr_mono_reached(graph->complete_at,
                             tr_mono_add_ms(node->ragged_at, TR_GRAPH_NOT_FOUND_MS))) {
            graph->deferred = true;
            node->flags |= TR_NODE_DEFERRED;
            tr_lineage_mark_up(&graph->lineage, i, TR_NODE_DEFERRED);
        }
    }
}

/* A shard that only a partial listing showed gets no row as long as its lineage is unknown, and
 * neither do its descendants before it. */
static void defer_incomplete(struct tr_graph *graph)
{
    uint32_t i;
    for (i = 0; i < graph->lineage.count; i++) {
        struct tr_shard_node *node = tr_rules_node(graph, i);
        if (tr_rules_is_wanting(node) &&
            !tr_shard_node_is(node, TR_NODE_PLANNED | TR_NODE_COVERED) &&
            (!tr_shard_node_is(node, TR_NODE_COMPLETE) || may_lag(graph, node))) {
            graph->deferred = true;
            node->flags |= TR_NODE_DEFERRED;
            tr_lineage_mark_down(&graph->lineage, i, TR_NODE_DEFERRED, TR_NODE_LISTED);
        }
    }
}

void tr_rules_sort(struct tr_graph *graph)
{
    if (graph->plan_count > graph->plan_head) {
        tr_lineage_sort(&graph->lineage, graph->plan + graph->plan_head,
                        graph->plan_count - graph->plan_head);
    }
}

/* A row that is not understood says nothing yet of the shards above it. Most of them that have no
 * row were finished, so that none is made; but it is not said that they were, so nobody starts
 * behind them, and no other shard below them gets a row as one without ancestors. */
static void spread_unread(struct tr_graph *graph)
{
    struct tr_lineage *lineage = &graph->lineage;
    uint32_t i;
    graph->unread = false;
    for (i = 0; i < lineage->count; i++) {
        if (tr_shard_node_is(tr_rules_node(graph, i), TR_NODE_UNREAD)) {
            graph->unread = true;
            tr_lineage_mark_up(lineage, i, TR_NODE_VEILED);
        }
    }
    for (i = 0; i < lineage->count && graph->unread; i++) {
        const struct tr_shard_node *node = tr_rules_node(graph, i);
        if (tr_shard_node_is(node, TR_NODE_VEILED) && may_come_to_want(node)) {
            tr_lineage_mark_down(lineage, i, TR_NODE_SHADED, TR_NODE_LISTED);
        }
    }
}

/* What the rows say of the others: BLOCKED upwards, COVERED downwards. An ancestor is one by what
 * is known now: through shards that are listed or have rows. */
static void spread_rows(struct tr_graph *graph)
{
    const uint32_t evaluation = TR_NODE_BLOCKED | TR_NODE_COVERED | TR_NODE_PLANNED |
                                TR_NODE_DEFERRED | TR_NODE_CUT | TR_NODE_VEILED | TR_NODE_SHADED;
    uint32_t i;
    for (i = 0; i < graph->lineage.count; i++) {
        tr_rules_node(graph, i)->flags &= ~evaluation;
    }
    for (i = 0; i < graph->lineage.count; i++) {
        const struct tr_shard_node *node = tr_rules_node(graph, i);
        if (tr_shard_node_is(node, TR_NODE_ALONE)) {
            tr_lineage_mark_up(&graph->lineage, i, TR_NODE_BLOCKED);
        }
        if (tr_rules_had_row(node, graph->complete_at)) {
            tr_lineage_mark_down(&graph->lineage, i, TR_NODE_COVERED, TR_NODE_LISTED | TR_NODE_ROW);
        }
    }
    spread_unread(graph);
}

void tr_rules_count_orphan(struct tr_graph *graph, struct tr_shard_node *node)
{
    bool orphan = tr_shard_node_is(node, TR_NODE_ENDED) && tr_shard_node_is(node, TR_NODE_ROW) &&
                  !tr_shard_node_is(node, TR_NODE_FINISHED) && !has_known_child(graph, node) &&
                  !tr_rules_is_final(graph, node);
    if (orphan && !tr_shard_node_is(node, TR_NODE_ORPHAN)) {
        node->flags |= TR_NODE_ORPHAN;
        graph->orphans++;
    } else if (!orphan && tr_shard_node_is(node, TR_NODE_ORPHAN)) {
        node->flags &= ~(uint32_t)TR_NODE_ORPHAN;
        graph->orphans--;
    }
}

/* A row waits for a parent without a row that none of the present plans makes, and a listing may
 * help. */
static bool is_held(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    uint8_t k;
    if (!tr_shard_node_is(node, TR_NODE_ROW) || tr_shard_node_is(node, TR_NODE_ALONE)) {
        return false;
    }
    for (k = 0; k < node->parent_count; k++) {
        const struct tr_shard_node *parent = tr_rules_node(graph, node->parents[k]);
        if (!parent_is_done(graph, node, parent) && !has_row_or_plan(graph, node->parents[k]) &&
            !tr_shard_node_is(parent, TR_NODE_VEILED)) {
            return true;
        }
    }
    return false;
}

/* The leaves of a first start are those of one listing: were they judged anew, one that has ended
 * since the start was fixed would be left out, and with it what was written behind the start. */
static void mark_passed(struct tr_graph *graph)
{
    uint32_t i;
    if (!graph->leaves_only || graph->leaves_known) {
        return;
    }
    for (i = 0; i < graph->lineage.count; i++) {
        if (tr_shard_node_is(tr_rules_node(graph, i), TR_NODE_LISTED) &&
            has_known_child(graph, tr_rules_node(graph, i))) {
            tr_rules_node(graph, i)->flags |= TR_NODE_PASSED;
        }
    }
    graph->leaves_known = true;
}

static void mark_first_start(struct tr_graph *graph)
{
    uint32_t i;
    if (!graph->complete_known || graph->ever_row || graph->further) {
        return;
    }
    for (i = 0; i < graph->lineage.count; i++) {
        if (tr_shard_node_is(tr_rules_node(graph, i), TR_NODE_LISTED)) {
            tr_rules_node(graph, i)->flags |= TR_NODE_FIRST;
        }
    }
    mark_passed(graph);
}

void tr_rules_evaluate(struct tr_graph *graph)
{
    uint32_t i;
    if (graph->lineage.relink) {
        tr_lineage_link(&graph->lineage);
    }
    graph->plan_count = graph->plan_head = 0;
    spread_rows(graph);
    graph->deferred = graph->held = graph->missed = false;
    if (graph->rows_known) {
        mark_first_start(graph);
        if (graph->complete_known) {
            graph->torn = is_torn(graph);
            defer_ragged(graph);
        }
        for (i = 0; i < graph->lineage.count; i++) {
            tr_rules_plan_child(graph, i);
        }
        if (graph->complete_known) {
            defer_incomplete(graph);
            plan_uncovered(graph);
        }
        tr_rules_sort(graph);
    }
    for (i = 0; i < graph->lineage.count; i++) {
        graph->held = graph->held || is_held(graph, tr_rules_node(graph, i));
        graph->missed = graph->missed || tr_rules_is_missed(graph, tr_rules_node(graph, i));
        tr_rules_count_orphan(graph, tr_rules_node(graph, i));
    }
}

/* --- effects ---------------------------------------------------------------------------------- */

/* Whether a child has progressed that had waited for this shard: then it was finished, or lost,
 * which was said. */
static bool was_waited_for(const struct tr_graph *graph, const struct tr_shard_node *parent)
{
    uint32_t e;
    for (e = parent->first_edge; e != TR_NO_NODE; e = graph->lineage.edges[e].next) {
        const struct tr_shard_node *child = tr_rules_node(graph, graph->lineage.edges[e].child);
        if (!tr_shard_node_is(child, TR_NODE_MARKED) &&
            (tr_shard_node_is(child, TR_NODE_FINISHED) ||
             (tr_shard_node_is(child, TR_NODE_ROW) &&
              tr_position_is_sequence(&child->checkpoint)))) {
            return true;
        }
    }
    return false;
}

/* Nobody has read the parent, and nobody will. What was trimmed before a first start is nobody's;
 * but a shard that it found and that was gone before it had a row is missing. */
static bool is_missing_for(const struct tr_graph *graph, const struct tr_shard_node *node,
                           const struct tr_shard_node *parent)
{
    if (tr_shard_node_is(parent, TR_NODE_ROW | TR_NODE_FINISHED | TR_NODE_PASSED) ||
        was_waited_for(graph, parent)) {
        return false;
    }
    return !tr_shard_node_is(node, TR_NODE_FIRST) ||
           (tr_shard_node_is(parent, TR_NODE_FIRST) && !tr_shard_node_is(parent, TR_NODE_BLOCKED));
}

/* Something came before the shard that is missing. Its parents with rows are read; of a merge one
 * may have been trimmed without ever having had one. */
static bool has_gap(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    bool orphaned = !any_parent_has_row(graph, node);
    uint8_t k;
    if (tr_shard_node_is(node, TR_NODE_HAD_ROW)) {
        return false;
    }
    for (k = 0; k < node->parent_count; k++) {
        const struct tr_shard_node *parent = tr_rules_node(graph, node->parents[k]);
        bool gone = orphaned || (graph->complete_known && !tr_rules_is_known(parent));
        if (gone && is_missing_for(graph, node, parent)) {
            return true;
        }
    }
    return false;
}

static void fill_create(const struct tr_graph *graph, const struct tr_shard_node *node,
                        struct tr_graph_create *create)
{
    bool orphaned = !any_parent_has_row(graph, node);
    uint8_t k;
    *create = (struct tr_graph_create){.key = node->id, .checkpoint = TR_TRIM_HORIZON};
    for (k = 0; k < node->parent_count; k++) {
        create->parents[create->parent_count++] = tr_rules_node(graph, node->parents[k])->id;
    }
    create->without_parents =
        (orphaned && (node->parent_count > 0 || tr_shard_node_is(node, TR_NODE_FIRST))) ||
        tr_shard_node_is(node, TR_NODE_MARKED);
    create->gap = has_gap(graph, node);
    if (tr_shard_node_is(node, TR_NODE_HAD_ROW) && tr_position_is_sequence(&node->checkpoint)) {
        create->checkpoint = node->checkpoint;
    }
}

/* A row is proposed only once its parents' rows are there: were the child's made and the parent's
 * not (a lost request, a crash), and the parent trimmed then, nobody would know that records are
 * missing. So all that one step proposes may be made at once and in any order. */
static bool waits_for_parent(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    uint8_t k;
    if (tr_shard_node_is(node, TR_NODE_CUT) || TR_MUTANT(CHILD_BEFORE_PARENT)) {
        return false;
    }
    for (k = 0; k < node->parent_count; k++) {
        if (tr_rules_is_planned(tr_rules_node(graph, node->parents[k]))) {
            return true;
        }
    }
    return false;
}

void tr_rules_propose(struct tr_graph *graph, struct tr_mono now, struct tr_graph_effects *out)
{
    bool scan_is_fresh = is_within(graph->rows_begun, now, TR_GRAPH_SCAN_FRESH_MS);
    size_t i, end, count = 0;
    /* Only a scan of the whole table shows that a row is gone which nobody here watches. */
    out->want_scan = !graph->rows_known || (graph->unread && !scan_is_fresh);
    out->want_listing = !graph->complete_known || graph->held || graph->deferred || graph->missed;
    out->need_listing = graph->rows_known && graph->held;
    out->want_children = graph->orphans > 0;
    while (graph->plan_head < graph->plan_count &&
           !tr_rules_is_planned(tr_rules_node(graph, graph->plan[graph->plan_head]))) {
        graph->plan_head++;
    }
    /* The first of the plan waits for nobody, so looking at a part of a long one is enough. */
    end = graph->plan_count - graph->plan_head < LOOKED_AT_MAX ? graph->plan_count
                                                               : graph->plan_head + LOOKED_AT_MAX;
    for (i = graph->plan_head; i < end && count < TR_GRAPH_CREATES_MAX; i++) {
        const struct tr_shard_node *node = tr_rules_node(graph, graph->plan[i]);
        if (!tr_rules_is_planned(node) || waits_for_parent(graph, node)) {
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
