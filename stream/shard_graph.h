/* SPDX-License-Identifier: Apache-2.0
 *
 * The shard graph core: from what listings show and from the lease rows that exist, which rows are
 * to be made, and which shards may be read. Contradictory, partial and late listings never delete
 * and never end anything. Pure. */
#ifndef TR_STREAM_SHARD_GRAPH_H
#define TR_STREAM_SHARD_GRAPH_H

#include "base/time.h"
#include "stream/shard.h"

struct tr_graph;

/* What the graph must know of a lease row. */
struct tr_graph_row {
    struct tr_bytes key;
    struct tr_bytes parents[TR_SHARD_PARENTS_MAX];
    size_t parent_count;
    struct tr_position checkpoint;
    bool without_parents; /* our mark: the row was made without its parents' rows */
};

enum tr_graph_event_kind {
    TR_GRAPH_ROWS,     /* a complete scan of the table, begun at `begun`: all rows of this stream */
    TR_GRAPH_ROW,      /* one row changed or was made (rows[0]) */
    TR_GRAPH_LISTED,   /* a listing of the stream, begun at `begun`, complete or not */
    TR_GRAPH_CHILDREN, /* the answer to CHILD_SHARDS of `parent` (may hold unrelated shards: servers
                          that do not know the filter answer with all) */
    TR_GRAPH_ENDED,    /* the reader of `parent` has met the end of the shard */
};

struct tr_graph_event {
    enum tr_graph_event_kind kind;
    struct tr_mono now;
    struct tr_mono begun;
    const struct tr_graph_row *rows;
    size_t row_count;
    const struct tr_shard_list *list;
    bool complete;
    struct tr_bytes parent;
};

/* A row to make, conditional on its absence. Borrowed until the next step. */
struct tr_graph_create {
    struct tr_bytes key;
    struct tr_bytes parents[TR_SHARD_PARENTS_MAX];
    size_t parent_count;
    struct tr_position checkpoint;
    bool without_parents;
    bool gap; /* outside a first start and a new stream's first shards: something came before */
};

struct tr_graph_effects {
    struct tr_graph_create *creates; /* parents before children; borrowed until the next step */
    size_t create_count;
    bool want_listing; /* a full listing would help (a new graph, an end without children) */
};

/* Errors: TR_ENOMEM. Owns: *out returned. shards_max bounds the graph. */
enum tr_status tr_graph_new(size_t shards_max, struct tr_graph **out) TR_MUST_CHECK;
void tr_graph_free(struct tr_graph *graph);

/* Errors: TR_ELIMIT, TR_ENOMEM: nothing changed. */
enum tr_status tr_graph_step(struct tr_graph *graph, const struct tr_graph_event *event,
                             struct tr_graph_effects *out) TR_MUST_CHECK;

/* Whether the shard may be read: all its parents are at SHARD_END, or have no row and it has
 * progressed or was made without them. False for a shard without a row. */
bool tr_graph_may_start(const struct tr_graph *graph, struct tr_bytes key);
/* Whether a shard that has ended has children with rows (or is known to be final). */
bool tr_graph_has_children(const struct tr_graph *graph, struct tr_bytes key);
/* Whether every listed shard has a row, or needs none: nothing more is to be made now. */
bool tr_graph_settled(const struct tr_graph *graph);
/* Listed shards, parents before children, for reading without leases: calls `each` for every one.
 */
void tr_graph_walk(const struct tr_graph *graph, void (*each)(void *ctx, const struct tr_shard *),
                   void *ctx);
/* The listed shard of that id, or NULL. */
const struct tr_shard *tr_graph_shard(const struct tr_graph *graph, struct tr_bytes id);

#endif
