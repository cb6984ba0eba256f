/* SPDX-License-Identifier: Apache-2.0
 *
 * The shard graph takes events in. Each is first staged (every node that it names is found or made,
 * and all memory is had), then taken in, which cannot fail. What listings and scans say is stamped
 * with the time at which they began, so that late and stale ones are recognised. What follows from
 * it is in shard_rules_core.c. */
#include "stream/shard_graph.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "stream/shard_rules.h"

/* Longer than any row is made by a listing. */
#define UNLIST_MS (24u * TR_GRAPH_LISTING_FRESH_MS)

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
    graph->deletes = tr_calloc(TR_GRAPH_DELETES_MAX, sizeof *graph->deletes);
    graph->view = tr_calloc(1, sizeof *graph->view);
    if (graph->creates == NULL || graph->deletes == NULL || graph->view == NULL) {
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
    tr_free(graph->deletes);
    tr_free(graph->view);
    tr_free(graph->staged);
    tr_free(graph);
}

void tr_graph_set_further(struct tr_graph *graph)
{
    TR_ASSERT(!graph->rows_known && !graph->complete_known);
    graph->further = true;
}

/* --- staging ---------------------------------------------------------------------------------- */

/* Listings and scans come in nearly the same order each time, so the node behind the one found last
 * is looked at before the map: that is several times cheaper. */
static bool is_hinted(const struct tr_graph *graph, uint32_t hint, struct tr_bytes id)
{
    return hint < graph->lineage.count &&
           tr_shard_node_is(tr_rules_node(graph, hint), TR_NODE_USED) &&
           tr_bytes_eq(tr_rules_node(graph, hint)->id, id);
}

static enum tr_status stage_one(struct tr_graph *graph, struct tr_bytes id, uint32_t *hint)
{
    uint32_t index = TR_NO_NODE;
    enum tr_status status = TR_OK;
    if (is_hinted(graph, *hint, id)) {
        index = *hint;
    } else if (id.len > 0) {
        status = tr_lineage_intern(&graph->lineage, id, &index);
    }
    if (status == TR_OK && !tr_grow(&graph->staged, &graph->staged_cap, graph->staged_count + 1,
                                    sizeof *graph->staged)) {
        status = TR_ENOMEM;
    }
    if (status == TR_OK) {
        graph->staged[graph->staged_count++] = index;
        *hint = index == TR_NO_NODE ? index : index + 1;
    }
    return status;
}

static size_t parents_within(size_t count)
{
    return count < TR_SHARD_PARENTS_MAX ? count : TR_SHARD_PARENTS_MAX;
}

struct hints {
    uint32_t shard, parent;
};

static enum tr_status stage_family(struct tr_graph *graph, struct tr_bytes id,
                                   const struct tr_bytes *parents, size_t parent_count,
                                   struct hints *hints)
{
    enum tr_status status = stage_one(graph, id, &hints->shard);
    size_t i;
    for (i = 0; status == TR_OK && i < parents_within(parent_count); i++) {
        status = stage_one(graph, parents[i], &hints->parent);
    }
    return status;
}

static enum tr_status stage_event(struct tr_graph *graph, const struct tr_graph_event *event)
{
    enum tr_status status = TR_OK;
    struct hints hints = {0, 0};
    size_t i;
    graph->staged_count = 0;
    if (event->kind == TR_GRAPH_ROWS || event->kind == TR_GRAPH_ROW) {
        for (i = 0; status == TR_OK && i < event->row_count; i++) {
            const struct tr_graph_row *row = &event->rows[i];
            status = stage_family(graph, row->key, row->parents, row->parent_count, &hints);
        }
    } else if (event->list != NULL) {
        for (i = 0; status == TR_OK && i < event->list->count; i++) {
            const struct tr_shard *shard = &event->list->shards[i];
            status = stage_family(graph, shard->id, shard->parents, shard->parent_count, &hints);
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

/* --- taking events in ------------------------------------------------------------------------- */

/* New edges below a shard that is done, left out or not known: the same holds for the new
 * ancestors. */
static void set_parents(struct tr_graph *graph, const struct family *family,
                        enum tr_shard_node_source source)
{
    struct tr_lineage *lineage = &graph->lineage;
    const struct tr_shard_node *node = tr_rules_node(graph, family->index);
    if (!tr_lineage_set_parents(lineage, family->index, source, family->parents,
                                family->parent_count)) {
        return;
    }
    if (tr_shard_node_is(node, TR_NODE_ALONE | TR_NODE_BLOCKED)) {
        tr_lineage_mark_up(lineage, family->index, TR_NODE_BLOCKED);
    }
    if (tr_shard_node_is(node, TR_NODE_UNREAD | TR_NODE_VEILED)) {
        tr_lineage_mark_up(lineage, family->index, TR_NODE_VEILED);
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
    struct tr_shard_node *node = tr_rules_node(graph, family->index);
    if (!tr_shard_node_is(node, TR_NODE_LISTED) && graph->complete_known &&
        tr_mono_before(at, graph->complete_at)) {
        return;
    }
    if (!tr_shard_node_is(node, TR_NODE_LISTED) || !tr_mono_before(at, node->seen)) {
        node->seen = at;
        copy_digits(shard->starting, node->starting, &node->starting_len);
        set_parents(graph, family, TR_NODE_BY_LISTING);
    }
    copy_digits(shard->ending, node->ending, &node->ending_len);
    node->flags |= TR_NODE_LISTED | TR_NODE_SHOWN;
    if (node->known_at.ns == 0) {
        node->known_at = graph->now;
    }
}

static void take_list(struct tr_graph *graph, const struct tr_shard_list *list, struct tr_mono at)
{
    size_t i, next = 0;
    graph->described = tr_mono_max(graph->described, graph->now);
    for (i = 0; i < list->count; i++) {
        const struct tr_shard *shard = &list->shards[i];
        struct family family = next_family(graph, &next, shard->parent_count);
        if (family.index != TR_NO_NODE) {
            take_shard(graph, shard, &family, at);
        }
    }
}

static bool any_parent_is_listed(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    uint8_t k;
    for (k = 0; k < node->parent_count; k++) {
        if (tr_shard_node_is(tr_rules_node(graph, node->parents[k]), TR_NODE_LISTED)) {
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
        struct tr_shard_node *node = tr_rules_node(graph, i);
        if (tr_shard_node_is(node, TR_NODE_SHOWN)) {
            node->flags |= TR_NODE_COMPLETE;
        } else {
            node->flags &= ~(uint32_t)TR_NODE_COMPLETE;
            if (tr_mono_before(node->seen, at)) {
                node->flags &= ~(uint32_t)TR_NODE_LISTED;
            }
        }
    }
    for (i = 0; i < graph->lineage.count; i++) {
        struct tr_shard_node *node = tr_rules_node(graph, i);
        if (tr_shard_node_is(node, TR_NODE_ROW) && !tr_mono_before(at, node->row_known) &&
            node->parent_count > 0 && !any_parent_is_listed(graph, node)) {
            node->flags |= TR_NODE_ROOTED;
        }
    }
}

/* What was listed so long ago that no row is made by it, and has none, is nobody's business: a
 * worker that does not list the stream itself would keep it for ever. */
static void unlist_old(struct tr_graph *graph)
{
    bool any = false;
    uint32_t i;
    for (i = 0; i < graph->lineage.count; i++) {
        struct tr_shard_node *node = tr_rules_node(graph, i);
        if (tr_shard_node_is(node, TR_NODE_LISTED) && !tr_shard_node_is(node, TR_NODE_ROW) &&
            tr_mono_reached(graph->now, tr_mono_add_ms(node->seen, UNLIST_MS))) {
            node->flags &= ~(uint32_t)(TR_NODE_LISTED | TR_NODE_COMPLETE);
            any = true;
        }
    }
    if (any) {
        tr_lineage_forget(&graph->lineage, TR_NODE_LISTED | TR_NODE_ROW);
    }
}

/* Shards that are listed no more and have no row are forgotten, and so are their counts. */
static void forget_gone(struct tr_graph *graph)
{
    uint32_t i;
    for (i = 0; i < graph->lineage.count; i++) {
        struct tr_shard_node *node = tr_rules_node(graph, i);
        if (!tr_shard_node_is(node, TR_NODE_LISTED) &&
            (tr_rules_had_row(node, graph->complete_at) || tr_rules_is_missed(graph, node))) {
            node->flags |= TR_NODE_KEPT;
        }
    }
    tr_lineage_forget(&graph->lineage, TR_NODE_LISTED | TR_NODE_ROW | TR_NODE_KEPT);
}

static void clear_flag(struct tr_graph *graph, uint32_t flag)
{
    uint32_t i;
    for (i = 0; i < graph->lineage.count; i++) {
        tr_rules_node(graph, i)->flags &= ~flag;
    }
}

/* An empty listing proves nothing of what it lacks: a broken answer looks the same. */
static void take_empty(struct tr_graph *graph, enum tr_stream_status status)
{
    graph->complete_known = true;
    graph->status = status;
}

static void take_listing(struct tr_graph *graph, const struct tr_graph_event *event,
                         struct tr_mono at)
{
    const struct tr_shard_list *list = event->list;
    bool fresh = false;
    take_list(graph, list, at);
    if (event->complete && (!graph->complete_known || !tr_mono_before(at, graph->complete_at))) {
        graph->listed_at = tr_mono_max(graph->listed_at, at);
        if (list->count > 0) {
            take_complete(graph, list->status, at);
            forget_gone(graph);
            fresh = true;
        } else {
            take_empty(graph, list->status);
        }
    }
    clear_flag(graph, TR_NODE_SHOWN);
    tr_rules_evaluate(graph);
    if (fresh) {
        tr_ends_tell(graph);
    }
    tr_ends_collect(graph);
}

/* CHILD_SHARDS: a partial listing, looked at only around what it shows. */
static void take_children(struct tr_graph *graph, const struct tr_graph_event *event,
                          struct tr_mono at)
{
    size_t i, next = 0, planned = graph->plan_count;
    take_list(graph, event->list, at);
    if (graph->lineage.relink) {
        clear_flag(graph, TR_NODE_SHOWN);
        tr_rules_evaluate(graph);
        return;
    }
    for (i = 0; i < event->list->count; i++) {
        struct family family = next_family(graph, &next, event->list->shards[i].parent_count);
        size_t k;
        if (family.index == TR_NO_NODE) {
            continue;
        }
        tr_rules_node(graph, family.index)->flags &= ~(uint32_t)TR_NODE_SHOWN;
        if (graph->rows_known) {
            tr_rules_plan_child(graph, family.index);
        }
        for (k = 0; k < family.parent_count; k++) {
            tr_rules_count_orphan(graph, tr_rules_node(graph, family.parents[k]));
        }
    }
    if (graph->plan_count > planned) {
        tr_rules_sort(graph);
    }
}

/* Whether a row's content is newer than what is known: a scan that may be stale does not take a
 * checkpoint back before the time is over in which it may be so. */
static bool is_news(const struct tr_shard_node *node, const struct tr_graph_row *row,
                    struct tr_mono at)
{
    return !tr_shard_node_is(node, TR_NODE_ROW) || node->row_at.ns == 0 ||
           tr_position_cmp(&row->checkpoint, &node->checkpoint) >= 0 ||
           tr_mono_reached(at, tr_mono_add_ms(node->row_at, TR_GRAPH_STALE_MS));
}

/* A row that stands for itself: it progressed, or was made without its parents' rows, by our mark
 * or, in another KCL's table, by its start position. */
static bool stands_alone(const struct tr_shard_node *node)
{
    return tr_shard_node_is(node, TR_NODE_MARKED) ||
           node->checkpoint.kind != TR_POSITION_TRIM_HORIZON;
}

/* What a row says goes into its node. */
static void absorb(struct tr_graph *graph, struct tr_shard_node *node,
                   const struct tr_graph_row *row, struct tr_mono at, struct tr_mono now)
{
    bool is_new = !tr_shard_node_is(node, TR_NODE_ROW);
    bool was_finished = tr_shard_node_is(node, TR_NODE_FINISHED);
    if (is_new) {
        graph->row_change = now;
        node->row_known = now;
        node->row_at = at;
        node->flags &= ~(uint32_t)(TR_NODE_MARKED | TR_NODE_ROOTED);
    }
    node->row_at = tr_mono_max(node->row_at, at);
    node->checkpoint = row->checkpoint;
    node->made_ms =
        row->made_ms > 0 && (is_new || node->made_ms == 0) ? row->made_ms : node->made_ms;
    node->flags |= TR_NODE_ROW | TR_NODE_HAD_ROW | (row->without_parents ? TR_NODE_MARKED : 0u);
    node->flags &= ~(uint32_t)(TR_NODE_ALONE | TR_NODE_FINISHED | TR_NODE_DOUBTED | TR_NODE_UNREAD);
    if (stands_alone(node)) {
        node->flags |= TR_NODE_ALONE;
    }
    if (row->checkpoint.kind == TR_POSITION_SHARD_END) {
        node->flags |= TR_NODE_FINISHED;
        if (node->ended_at.ns == 0) {
            node->ended_at = now;
        }
        graph->row_change = was_finished ? graph->row_change : now;
    } else if (was_finished) {
        /* Somebody set it back: it has not ended. */
        node->flags &= ~(uint32_t)TR_NODE_TOLD;
        node->ended_at = (struct tr_mono){0};
        graph->row_change = now;
    }
    if (node->known_at.ns == 0) {
        node->known_at = now;
    }
    graph->ever_row = true;
}

/* A row that is not understood is there; what it says is what was known of it, if anything was. */
static void absorb_unread(struct tr_graph *graph, struct tr_shard_node *node, struct tr_mono now)
{
    if (!tr_shard_node_is(node, TR_NODE_ROW)) {
        graph->row_change = now;
        node->row_known = now;
    }
    if (!tr_shard_node_is(node, TR_NODE_HAD_ROW)) {
        node->checkpoint = TR_TRIM_HORIZON;
    }
    node->flags |= TR_NODE_ROW | TR_NODE_HAD_ROW | TR_NODE_UNREAD;
    if (node->known_at.ns == 0) {
        node->known_at = now;
    }
    graph->ever_row = true;
}

/* One row as known at `at`. Returns whether it is new. */
static bool take_row(struct tr_graph *graph, const struct tr_graph_row *row,
                     const struct family *family, struct tr_mono at, struct tr_mono now)
{
    struct tr_shard_node *node = tr_rules_node(graph, family->index);
    bool is_new = !tr_shard_node_is(node, TR_NODE_ROW);
    bool was_alone = tr_shard_node_is(node, TR_NODE_ALONE);
    node->flags |= TR_NODE_SHOWN;
    /* A scan that began before the row was found to be gone does not bring it back. */
    if (is_new && tr_mono_before(at, node->row_gone)) {
        return false;
    }
    if (row->unread) {
        absorb_unread(graph, node, now);
        return is_new;
    }
    if (!is_news(node, row, at)) {
        node->flags |= TR_NODE_DOUBTED;
        node->flags &= ~(uint32_t)TR_NODE_UNREAD;
        return false;
    }
    absorb(graph, node, row, at, now);
    if (is_new || family->parent_count > 0) { /* a known row's parents may be left out */
        set_parents(graph, family, TR_NODE_BY_ROW);
    }
    if (tr_shard_node_is(node, TR_NODE_ALONE) && !was_alone) {
        tr_lineage_mark_up(&graph->lineage, family->index, TR_NODE_BLOCKED);
    }
    return is_new;
}

static void drop_row(struct tr_graph *graph, struct tr_shard_node *node)
{
    node->flags &= ~(uint32_t)(TR_NODE_ROW | TR_NODE_UNREAD);
    node->row_gone = graph->row_change = graph->now;
}

/* A complete scan lacks the row, which it may for a while if the row was made shortly before. One
 * that is not understood was not just made: somebody's hand is in it, and takes it away now. */
static bool went_before(const struct tr_graph *graph, const struct tr_shard_node *node,
                        struct tr_mono at)
{
    if (!tr_shard_node_is(node, TR_NODE_ROW) || tr_shard_node_is(node, TR_NODE_SHOWN) ||
        TR_MUTANT(DELETED_UNSEEN)) {
        return false;
    }
    return tr_shard_node_is(node, TR_NODE_UNREAD)
               ? tr_mono_before(graph->rows_begun, at)
               : tr_mono_reached(at, tr_mono_add_ms(node->row_known, TR_GRAPH_STALE_MS));
}

/* A complete scan. A row that it lacks is gone, unless the scan may not show it yet. What was known
 * of it is kept. */
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
        struct tr_shard_node *node = tr_rules_node(graph, k);
        if (went_before(graph, node, at)) {
            drop_row(graph, node);
        }
        node->flags &= ~(uint32_t)TR_NODE_SHOWN;
    }
    graph->leaves_only = graph->leaves_only || (event->leaves_only && !graph->ever_row);
    graph->rows_known = true;
    graph->rows_begun = tr_mono_max(graph->rows_begun, at);
    unlist_old(graph);
    tr_rules_evaluate(graph);
    tr_ends_collect(graph);
}

/* We deleted an ended row, so it is gone, whatever scans show that began before. */
static void take_gone(struct tr_graph *graph, const struct tr_graph_event *event)
{
    uint32_t index = tr_lineage_find(&graph->lineage, event->parent);
    if (index == TR_NO_NODE || !tr_shard_node_is(tr_rules_node(graph, index), TR_NODE_ROW)) {
        return;
    }
    drop_row(graph, tr_rules_node(graph, index));
    tr_rules_count_orphan(graph, tr_rules_node(graph, index));
    tr_ends_collect_children(graph, index);
}

/* A row that is new and was not ours to make may bring rows for its children. */
static void plan_children_of(struct tr_graph *graph, uint32_t index)
{
    const struct tr_lineage *lineage = &graph->lineage;
    uint32_t e = tr_rules_node(graph, index)->first_edge;
    for (; e != TR_NO_NODE; e = lineage->edges[e].next) {
        tr_rules_plan_child(graph, lineage->edges[e].child);
    }
}

static void take_changed_rows(struct tr_graph *graph, const struct tr_graph_event *event,
                              struct tr_mono at)
{
    size_t i, next = 0, planned = graph->plan_count;
    bool mended = false;
    for (i = 0; i < event->row_count; i++) {
        struct family family = next_family(graph, &next, event->rows[i].parent_count);
        bool is_new;
        if (family.index == TR_NO_NODE) {
            continue;
        }
        mended |= tr_shard_node_is(tr_rules_node(graph, family.index), TR_NODE_UNREAD) !=
                  event->rows[i].unread;
        is_new = take_row(graph, &event->rows[i], &family, at, event->now);
        tr_rules_node(graph, family.index)->flags &= ~(uint32_t)TR_NODE_SHOWN;
        tr_rules_count_orphan(graph, tr_rules_node(graph, family.index));
        if (is_new && graph->rows_known && !graph->lineage.relink) {
            plan_children_of(graph, family.index);
        }
    }
    if (graph->lineage.relink || mended) {
        tr_rules_evaluate(graph);
    } else if (graph->plan_count > planned) {
        tr_rules_sort(graph);
    }
}

static void take_end(struct tr_graph *graph, const struct tr_graph_event *event)
{
    uint32_t index = tr_lineage_find(&graph->lineage, event->parent);
    struct tr_shard_node *node;
    if (index == TR_NO_NODE) {
        return;
    }
    node = tr_rules_node(graph, index);
    node->flags |= TR_NODE_ENDED;
    if (node->ended_at.ns == 0) {
        node->ended_at = event->now;
    }
    tr_rules_count_orphan(graph, node);
}

static void take_time(struct tr_graph *graph, const struct tr_graph_event *event)
{
    graph->now = event->now;
    if (event->service.ms > 0) {
        graph->service = event->service;
        graph->service_at = event->now;
    }
}

enum tr_status tr_graph_step(struct tr_graph *graph, const struct tr_graph_event *event,
                             struct tr_graph_effects *out)
{
    struct tr_mono at = event->begun.ns > 0 ? event->begun : event->now;
    enum tr_status status;
    TR_ASSERT(event->list != NULL ||
              (event->kind != TR_GRAPH_LISTED && event->kind != TR_GRAPH_CHILDREN));
    take_time(graph, event);
    status = stage_event(graph, event);
    *out = (struct tr_graph_effects){.creates = graph->creates, .deletes = graph->deletes};
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
    case TR_GRAPH_GONE:
        take_gone(graph, event);
        break;
    case TR_GRAPH_STREAM_GONE:
        graph->stream_gone = true;
        break;
    }
    tr_rules_propose(graph, event->now, out);
    tr_ends_propose(graph, out);
    return TR_OK;
}

/* --- questions -------------------------------------------------------------------------------- */

bool tr_graph_may_start(const struct tr_graph *graph, struct tr_bytes key)
{
    uint32_t index = tr_lineage_find(&graph->lineage, key);
    const struct tr_shard_node *node;
    if (index == TR_NO_NODE) {
        return false;
    }
    node = tr_rules_node(graph, index);
    if (!tr_shard_node_is(node, TR_NODE_ROW) ||
        tr_shard_node_is(node, TR_NODE_FINISHED | TR_NODE_UNREAD)) {
        return false;
    }
    return tr_position_is_sequence(&node->checkpoint) || tr_rules_parents_done(graph, node);
}

bool tr_graph_has_children(const struct tr_graph *graph, struct tr_bytes key)
{
    uint32_t index = tr_lineage_find(&graph->lineage, key), e;
    const struct tr_shard_node *node;
    bool found = false;
    if (index == TR_NO_NODE) {
        return false;
    }
    node = tr_rules_node(graph, index);
    for (e = node->first_edge; e != TR_NO_NODE; e = graph->lineage.edges[e].next) {
        const struct tr_shard_node *child = tr_rules_node(graph, graph->lineage.edges[e].child);
        if (tr_rules_is_wanting(child)) {
            return false;
        }
        found |= tr_shard_node_is(child, TR_NODE_LISTED | TR_NODE_ROW);
    }
    return found || tr_rules_is_final(graph, node);
}

bool tr_graph_settled(const struct tr_graph *graph)
{
    size_t i;
    if (!graph->rows_known || !graph->complete_known || graph->deferred) {
        return false;
    }
    for (i = graph->plan_head; i < graph->plan_count; i++) {
        if (tr_rules_is_planned(tr_rules_node(graph, graph->plan[i]))) {
            return false;
        }
    }
    return true;
}

/* The shard as it is listed, in the one place for it. */
static const struct tr_shard *show(const struct tr_graph *graph, const struct tr_shard_node *node)
{
    struct tr_shard *view = graph->view;
    uint8_t k;
    memset(view, 0, sizeof *view);
    view->id = node->id;
    for (k = 0; k < node->parent_count; k++) {
        view->parents[view->parent_count++] = tr_rules_node(graph, node->parents[k])->id;
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
        if (tr_shard_node_is(tr_rules_node(graph, i), TR_NODE_LISTED)) {
            lineage->order[count++] = i;
        }
    }
    tr_lineage_sort(lineage, lineage->order, count);
    for (k = 0; k < count; k++) {
        each(ctx, show(graph, tr_rules_node(graph, lineage->order[k])));
    }
}

const struct tr_shard *tr_graph_shard(const struct tr_graph *graph, struct tr_bytes id)
{
    uint32_t index = tr_lineage_find(&graph->lineage, id);
    if (index == TR_NO_NODE || !tr_shard_node_is(tr_rules_node(graph, index), TR_NODE_LISTED)) {
        return NULL;
    }
    return show(graph, tr_rules_node(graph, index));
}
