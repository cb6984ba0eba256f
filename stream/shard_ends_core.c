/* SPDX-License-Identifier: Apache-2.0
 *
 * How shards and their rows go: which ended rows may be deleted, which shards are lost, how old a
 * shard is at least, and when a stream holds nothing more. Whatever is said here rests on complete
 * listings begun late enough, never on what a single answer lacks. */
#include "stream/shard_rules.h"

#include "base/mutant.h"

/* A time in an id, or a counter, counts as the service's from here on (2010). */
#define EARLIEST_MS 1262304000000ll

/* --- ages ------------------------------------------------------------------------------------- */

/* The service's time now; 0: not known. */
static int64_t service_ms(const struct tr_graph *graph, struct tr_mono now)
{
    return graph->service.ms > 0
               ? graph->service.ms + (int64_t)tr_mono_ms_between(graph->service_at, now)
               : 0;
}

static uint64_t age_by(int64_t then_ms, int64_t service)
{
    return then_ms >= EARLIEST_MS && service > then_ms ? (uint64_t)(service - then_ms) : 0;
}

/* At least so old. The time in an id is the shard's birth, where the id has the service's form; its
 * row and our first sight of it came later. A time ahead of the service's says nothing. */
static uint64_t age_ms(const struct tr_shard_node *node, struct tr_mono now, int64_t service)
{
    uint64_t seen = node->known_at.ns > 0 ? tr_mono_ms_between(node->known_at, now) : 0;
    uint64_t made = age_by(node->made_ms, service), born = 0;
    int64_t id_ms;
    if (tr_shard_id_ms(node->id, &id_ms)) {
        born = age_by(id_ms, service);
    }
    if (born > 0) {
        return born;
    }
    return made > seen ? made : seen;
}

uint64_t tr_graph_age_ms(const struct tr_graph *graph, struct tr_bytes key, struct tr_mono now,
                         struct tr_wall service)
{
    uint32_t index = tr_lineage_find(&graph->lineage, key);
    struct tr_shard_node unknown = {.id = key};
    return age_ms(index != TR_NO_NODE ? tr_rules_node(graph, index) : &unknown, now,
                  service.ms > 0 ? service.ms : service_ms(graph, now));
}

/* --- lost shards ------------------------------------------------------------------------------ */

enum tr_graph_verdict tr_graph_judge_missing(const struct tr_graph *graph,
                                             const struct tr_graph_missing *missing)
{
    uint64_t age = tr_graph_age_ms(graph, missing->key, missing->now, missing->service);
    uint64_t asked = tr_mono_ms_between(missing->since, missing->now), old;
    uint32_t index = tr_lineage_find(&graph->lineage, missing->key);
    const struct tr_shard_node *node;
    if (missing->since.ns == 0 || index == TR_NO_NODE) {
        return TR_GRAPH_ASK_ON;
    }
    if (graph->stream_gone || TR_MUTANT(NOT_FOUND_IS_LOST)) {
        return TR_GRAPH_LOST;
    }
    if (age <= TR_GRAPH_RETENTION_MS) {
        return TR_GRAPH_ASK_ON;
    }
    node = tr_rules_node(graph, index);
    if (graph->complete_known && graph->complete_at.ns > 0 &&
        tr_mono_reached(graph->complete_at, node->row_known) &&
        !tr_shard_node_is(node, TR_NODE_LISTED)) {
        return TR_GRAPH_LOST;
    }
    /* The ten minutes count from the age of a day on: before, a fault of the service may be to
     * blame, and go by. */
    old = age - (uint64_t)TR_GRAPH_RETENTION_MS;
    if ((asked < old ? asked : old) >= TR_GRAPH_NOT_FOUND_MS && graph->described.ns > 0 &&
        tr_mono_reached(graph->described, missing->since) &&
        tr_mono_ms_between(graph->described, missing->now) <= TR_GRAPH_DESCRIBED_MS) {
        return TR_GRAPH_LOST;
    }
    return TR_GRAPH_DESCRIBE;
}

/* --- ended rows ------------------------------------------------------------------------------- */

static bool has_progressed(const struct tr_shard_node *node)
{
    return tr_position_is_sequence(&node->checkpoint) || tr_shard_node_is(node, TR_NODE_FINISHED);
}

/* The row at hand is no more needed by this child: it has begun, or was done or left out before.
 * Nobody knows of a row that is not understood, nor of one that was last shown further back: it was
 * perhaps deleted by hand and made again. */
static bool child_lets_go(const struct tr_shard_node *child)
{
    return tr_shard_node_is(child, TR_NODE_ROW)
               ? has_progressed(child) && !tr_shard_node_is(child, TR_NODE_UNREAD | TR_NODE_DOUBTED)
               : tr_shard_node_is(child, TR_NODE_FINISHED | TR_NODE_BLOCKED);
}

/* What the known children of a shard say. */
struct children {
    size_t count;
    bool have_rows; /* each has a row, or had one and is done with it */
    bool let_go;
};

static struct children children_of(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    struct children out = {0, true, true};
    uint32_t e;
    for (e = node->first_edge; e != TR_NO_NODE; e = graph->lineage.edges[e].next) {
        const struct tr_shard_node *child = tr_rules_node(graph, graph->lineage.edges[e].child);
        if (tr_rules_is_known(child)) {
            bool lets_go = child_lets_go(child);
            out.count++;
            out.let_go = out.let_go && lets_go;
            out.have_rows = out.have_rows && (lets_go || tr_shard_node_is(child, TR_NODE_ROW));
        }
    }
    return out;
}

/* The newest complete listing began after the end of this shard, and so long after that it does not
 * lag behind it. */
static bool listed_since_end(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    return graph->complete_known && graph->complete_at.ns > 0 &&
           tr_mono_reached(graph->complete_at, tr_mono_add_ms(node->ended_at, TR_GRAPH_STALE_MS));
}

void tr_ends_tell(struct tr_graph *graph)
{
    uint32_t i;
    for (i = 0; i < graph->lineage.count; i++) {
        struct tr_shard_node *node = tr_rules_node(graph, i);
        struct children children;
        if (!tr_shard_node_is(node, TR_NODE_ROW) || !tr_shard_node_is(node, TR_NODE_FINISHED) ||
            !tr_shard_node_is(node, TR_NODE_COMPLETE) || !listed_since_end(graph, node)) {
            continue;
        }
        children = children_of(graph, node);
        if (children.have_rows && (children.count > 0 || graph->status == TR_STREAM_DISABLED)) {
            node->flags |= TR_NODE_TOLD;
        }
    }
}

/* The rule for ended rows. What is asked first rules out most. */
static bool may_leave(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    struct children children;
    bool is_listed;
    uint8_t k;
    if (!tr_shard_node_is(node, TR_NODE_ROW) || !tr_shard_node_is(node, TR_NODE_FINISHED) ||
        tr_shard_node_is(node, TR_NODE_UNREAD) ||
        !(listed_since_end(graph, node) || graph->stream_gone) ||
        !tr_mono_reached(graph->now, tr_mono_add_ms(node->ended_at, TR_GRAPH_KEEP_ENDED_MS))) {
        return false;
    }
    for (k = 0; k < node->parent_count; k++) {
        if (tr_shard_node_is(tr_rules_node(graph, node->parents[k]), TR_NODE_ROW)) {
            return false;
        }
    }
    children = children_of(graph, node);
    is_listed = tr_shard_node_is(node, TR_NODE_LISTED) && !graph->stream_gone;
    if (children.count == 0) {
        return !is_listed &&
               age_ms(node, graph->now, service_ms(graph, graph->now)) > TR_GRAPH_CHILDLESS_MS;
    }
    return (children.let_go || TR_MUTANT(ROW_DELETED_EARLY)) &&
           (tr_shard_node_is(node, TR_NODE_TOLD) || !is_listed);
}

static void collect(struct tr_graph *graph, uint32_t index)
{
    if (graph->leaving_count < TR_GRAPH_DELETES_MAX &&
        may_leave(graph, tr_rules_node(graph, index))) {
        graph->leaving[graph->leaving_count++] = index;
    }
}

void tr_ends_collect(struct tr_graph *graph)
{
    uint32_t i;
    graph->leaving_count = 0;
    for (i = 0; i < graph->lineage.count && graph->leaving_count < TR_GRAPH_DELETES_MAX; i++) {
        collect(graph, i);
    }
}

void tr_ends_collect_children(struct tr_graph *graph, uint32_t index)
{
    uint32_t e = tr_rules_node(graph, index)->first_edge;
    for (; e != TR_NO_NODE; e = graph->lineage.edges[e].next) {
        collect(graph, graph->lineage.edges[e].child);
    }
}

/* Those that went, or came to be needed, leave the list; the rest are proposed, while the rows are
 * known well enough. */
void tr_ends_propose(struct tr_graph *graph, struct tr_graph_effects *out)
{
    bool fresh = graph->rows_known &&
                 tr_mono_ms_between(graph->rows_begun, graph->now) <= TR_GRAPH_SCAN_FRESH_MS;
    size_t i, kept = 0;
    for (i = 0; i < graph->leaving_count; i++) {
        uint32_t index = graph->leaving[i];
        const struct tr_shard_node *node = tr_rules_node(graph, index);
        if (may_leave(graph, node)) {
            graph->leaving[kept] = index;
            graph->deletes[kept++] =
                (struct tr_graph_delete){node->id, !tr_shard_node_is(node, TR_NODE_TOLD)};
        }
    }
    graph->leaving_count = kept;
    out->delete_count = fresh ? kept : 0;
}

/* --- states ----------------------------------------------------------------------------------- */

static enum tr_shard_state state_without_row(const struct tr_shard_node *node)
{
    if (tr_rules_is_planned(node)) {
        return TR_SHARD_PLANNED;
    }
    if (tr_shard_node_is(node, TR_NODE_HAD_ROW)) {
        return TR_SHARD_GONE;
    }
    return tr_shard_node_is(node, TR_NODE_LISTED) ? TR_SHARD_LISTED : TR_SHARD_UNKNOWN;
}

enum tr_shard_state tr_graph_state(const struct tr_graph *graph, struct tr_bytes key)
{
    uint32_t index = tr_lineage_find(&graph->lineage, key);
    const struct tr_shard_node *node;
    if (index == TR_NO_NODE) {
        return TR_SHARD_UNKNOWN;
    }
    node = tr_rules_node(graph, index);
    if (!tr_shard_node_is(node, TR_NODE_ROW)) {
        return state_without_row(node);
    }
    if (tr_shard_node_is(node, TR_NODE_UNREAD)) {
        return TR_SHARD_UNREAD;
    }
    if (tr_shard_node_is(node, TR_NODE_FINISHED)) {
        return may_leave(graph, node) ? TR_SHARD_LEAVING : TR_SHARD_ENDED;
    }
    if (tr_shard_node_is(node, TR_NODE_ENDED)) {
        return TR_SHARD_ENDING;
    }
    if (tr_position_is_sequence(&node->checkpoint)) {
        return TR_SHARD_BEGUN;
    }
    return tr_rules_parents_done(graph, node) ? TR_SHARD_READY : TR_SHARD_WAITING;
}

/* --- the end of a stream ---------------------------------------------------------------------- */

/* Nothing can be read any more of a shard that is not listed: its row, not understood, holds up no
 * further stream, whose records are trimmed meanwhile. */
static bool is_past_reading(const struct tr_shard_node *node)
{
    return tr_shard_node_is(node, TR_NODE_UNREAD) && !tr_shard_node_is(node, TR_NODE_LISTED);
}

static bool all_rows_have_ended(const struct tr_graph *graph)
{
    uint32_t i;
    for (i = 0; i < graph->lineage.count; i++) {
        const struct tr_shard_node *node = tr_rules_node(graph, i);
        if (tr_shard_node_is(node, TR_NODE_ROW) && !is_past_reading(node) &&
            (!tr_shard_node_is(node, TR_NODE_FINISHED) ||
             tr_shard_node_is(node, TR_NODE_DOUBTED))) {
            return false;
        }
    }
    return graph->rows_known;
}

static bool any_wants_a_row(const struct tr_graph *graph)
{
    uint32_t i;
    for (i = 0; i < graph->lineage.count; i++) {
        if (tr_rules_is_wanting(tr_rules_node(graph, i))) {
            return true;
        }
    }
    return false;
}

bool tr_graph_was_emptied(const struct tr_graph *graph)
{
    return graph->further && graph->lineage.used == 0 && !graph->ever_row &&
           tr_graph_drain(graph) == TR_GRAPH_DRAINED && !graph->stream_gone;
}

enum tr_graph_drain tr_graph_drain(const struct tr_graph *graph)
{
    if (!all_rows_have_ended(graph)) {
        return TR_GRAPH_IN_USE;
    }
    if (graph->stream_gone) {
        return TR_GRAPH_DRAINED;
    }
    if (!graph->complete_known || graph->status != TR_STREAM_DISABLED ||
        tr_mono_before(graph->listed_at, graph->row_change)) {
        return TR_GRAPH_TO_BE_LISTED;
    }
    return any_wants_a_row(graph) ? TR_GRAPH_IN_USE : TR_GRAPH_DRAINED;
}
