/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of the shard graph, and the rules that work on it. shard_graph_core.c takes events in
 * and asks them; what they mean is in docs/shards.md. Private to the shard graph
 * core. Pure. */
#ifndef TR_STREAM_SHARD_RULES_H
#define TR_STREAM_SHARD_RULES_H

#include "stream/lineage.h"
#include "stream/shard_graph.h"

struct tr_graph {
    struct tr_lineage lineage; /* owned */
    uint32_t *plan;            /* owned; nodes with TR_NODE_PLANNED, parents before children */
    size_t plan_count;
    size_t plan_cap;
    size_t plan_head;                /* all before it have their rows or need none any more */
    struct tr_graph_create *creates; /* owned; what the last step proposed */
    struct tr_graph_delete *deletes; /* owned; what the last step proposed */
    uint32_t leaving[TR_GRAPH_DELETES_MAX]; /* nodes whose rows may go; looked at again each time */
    size_t leaving_count;
    struct tr_shard *view; /* owned; what tr_graph_shard gives out */
    uint32_t *staged;      /* owned; nodes of the event: each shard, then its parents */
    size_t staged_count;
    size_t staged_cap;
    struct tr_mono rows_begun;  /* of the newest complete scan */
    struct tr_mono complete_at; /* when the newest complete listing began that showed a shard */
    struct tr_mono listed_at;   /* ... or showed none */
    struct tr_mono described;   /* when DescribeStream last gave a good answer */
    struct tr_mono row_change;  /* when a row last came, went or met its end */
    struct tr_mono now;         /* of the event at hand */
    struct tr_wall service;     /* at service_at */
    struct tr_mono service_at;
    enum tr_stream_status status;
    size_t orphans; /* ended shards without a known child */
    bool rows_known;
    bool ever_row;
    bool leaves_only;  /* of a first start */
    bool leaves_known; /* they are those of the first complete listing, for good */
    bool complete_known;
    bool torn;     /* the stream is off, and its listing lacks shards that it cannot lack */
    bool deferred; /* a shard waits for the next complete listing */
    bool held;     /* a row waits for a parent that has no row and gets none */
    bool missed;   /* a row went before its end, and no listing since has shown its shard */
    bool unread;   /* a row is not understood */
    bool further;  /* the stream follows another one of the fleet */
    bool stream_gone;
};

static inline struct tr_shard_node *tr_rules_node(const struct tr_graph *graph, uint32_t index)
{
    return &graph->lineage.nodes[index];
}

static inline bool tr_shard_node_is(const struct tr_shard_node *node, uint32_t any_flag)
{
    return (node->flags & any_flag) != 0;
}

/* The row counts as there for a listing that began at `begun`: it is there, or it went later. */
bool tr_rules_had_row(const struct tr_shard_node *node, struct tr_mono begun);
/* Its row went before its end, since it was last listed, or could have been: the next listing may
 * bring it back. Of one that is not listed any more a listing counts only if it began a minute
 * later: it may be a partial one. */
bool tr_rules_is_missed(const struct tr_graph *graph, const struct tr_shard_node *node);
/* A listed shard that may get a row, if a rule gives it one: it has none, never finished, had none
 * when it was listed, and no descendant says that it is done or was left out, or may say so in a
 * row that is not understood. */
bool tr_rules_is_wanting(const struct tr_shard_node *node);
/* Still to get a row, by the present plan. */
bool tr_rules_is_planned(const struct tr_shard_node *node);
/* All parents are done: by their rows, or without. */
bool tr_rules_parents_done(const struct tr_graph *graph, const struct tr_shard_node *node);
/* No child will come: a complete listing begun after the end shows none, and the stream is off. */
bool tr_rules_is_final(const struct tr_graph *graph, const struct tr_shard_node *node);

/* All rules, over all shards. */
void tr_rules_evaluate(struct tr_graph *graph);
/* The rule for children, for one shard and its descendants; call tr_rules_sort when the plan has
 * grown. */
void tr_rules_plan_child(struct tr_graph *graph, uint32_t index);
void tr_rules_sort(struct tr_graph *graph);
/* Keep the count of ended shards without a known child right for one shard. */
void tr_rules_count_orphan(struct tr_graph *graph, struct tr_shard_node *node);
/* A child that is listed or has or had a row: not one that is only named. */
bool tr_rules_is_known(const struct tr_shard_node *node);

/* shard_ends_core.c: how shards and rows go. */

/* After a complete listing: what it shows of ended shards. */
void tr_ends_tell(struct tr_graph *graph);
/* Find rows that may go, over all shards. */
void tr_ends_collect(struct tr_graph *graph);
/* ... and among the children of one that went. */
void tr_ends_collect_children(struct tr_graph *graph, uint32_t index);
/* What of that may be deleted now. */
void tr_ends_propose(struct tr_graph *graph, struct tr_graph_effects *out);

/* What the plan lets be made now. */
void tr_rules_propose(struct tr_graph *graph, struct tr_mono now, struct tr_graph_effects *out);

#endif
