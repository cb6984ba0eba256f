/* SPDX-License-Identifier: Apache-2.0
 *
 * The lineage under the shard graph: one node a shard that is listed, has a row or is named as a
 * parent, with edges both ways. It knows nothing of rules: it finds, links, walks, sorts and
 * forgets. Nodes are numbers that stay the same until the node is forgotten. Private to the shard
 * graph core. Pure. */
#ifndef TR_STREAM_LINEAGE_H
#define TR_STREAM_LINEAGE_H

#include "base/map.h"
#include "base/time.h"
#include "stream/shard.h"

#define TR_NO_NODE UINT32_MAX

/* What is true of a node. Those of the second group belong to one evaluation of the rules, those of
 * the third to one walk. */
enum tr_shard_node_flag {
    TR_NODE_LISTED = 1 << 0,   /* shown by the last complete listing or by something newer */
    TR_NODE_COMPLETE = 1 << 1, /* shown by the last complete listing */
    TR_NODE_ROW = 1 << 2,      /* has a row */
    TR_NODE_HAD_ROW = 1 << 3,  /* has one, or had one that vanished */
    TR_NODE_MARKED = 1 << 4,   /* its row was made without its parents' rows */
    TR_NODE_ALONE = 1 << 5,    /* its row progressed or was made without its parents' rows */
    TR_NODE_FINISHED = 1 << 6, /* its row was at SHARD_END */
    TR_NODE_FIRST = 1 << 7,    /* of the first start */
    TR_NODE_ENDED = 1 << 8,    /* its reader has met the end */
    TR_NODE_ORPHAN = 1 << 9,   /* ended, and no child is known yet */
    TR_NODE_ROOTED =
        1 << 10,            /* a complete listing begun after its row showed none of its parents */
    TR_NODE_TOLD = 1 << 11, /* a complete listing begun after its end showed it, and no child
                                   that still needs a row */

    TR_NODE_PASSED = 1 << 12, /* no leaf at a first start that takes the leaves only: gets no row */
    TR_NODE_DOUBTED = 1 << 13, /* its row was last shown at an earlier checkpoint than is known */
    TR_NODE_UNREAD = 1 << 14,  /* its row was last shown as one that is not understood */

    TR_NODE_BLOCKED = 1 << 16,  /* a descendant is ALONE */
    TR_NODE_COVERED = 1 << 17,  /* an ancestor has a row */
    TR_NODE_PLANNED = 1 << 18,  /* to get a row */
    TR_NODE_DEFERRED = 1 << 19, /* it or an ancestor waits for a complete listing to show it */
    TR_NODE_CUT = 1 << 20,      /* where a cycle is cut: gets its row without its parents */
    TR_NODE_VEILED = 1 << 21, /* a descendant is UNREAD: what its row says of this one is unknown */
    TR_NODE_SHADED = 1 << 22, /* an ancestor without a row is VEILED, and may come to want one */

    TR_NODE_SHOWN = 1 << 24, /* by the event at hand */
    TR_NODE_KEPT = 1 << 25,
    TR_NODE_IN_SET = 1 << 26,
    TR_NODE_ON_STACK = 1 << 27,
    TR_NODE_DONE = 1 << 28,
    TR_NODE_NAMED = 1 << 29, /* as a parent of one that is kept */
    TR_NODE_USED = 1 << 30,  /* the slot holds a node */
};

/* Who names a parent. */
enum tr_shard_node_source { TR_NODE_BY_LISTING = 1, TR_NODE_BY_ROW = 2 };

struct tr_shard_node {
    struct tr_bytes id; /* the map's copy */
    uint32_t flags;
    uint32_t next;       /* in the list of new or of free nodes */
    uint32_t first_edge; /* to its children */
    uint32_t parents[TR_SHARD_PARENTS_MAX];
    uint8_t named_by[TR_SHARD_PARENTS_MAX]; /* of each parent: enum tr_shard_node_source */
    uint8_t parent_count;
    uint8_t cursor; /* of a walk */
    uint8_t starting_len;
    uint8_t ending_len;
    char starting[TR_SEQUENCE_DIGITS_MAX];
    char ending[TR_SEQUENCE_DIGITS_MAX];
    struct tr_position checkpoint; /* of its row, or the last one of a row that vanished */
    struct tr_mono seen;           /* begin of the newest listing that showed it */
    struct tr_mono row_known;      /* when its row came to be known */
    struct tr_mono row_at;         /* the newest time for which its checkpoint is proved */
    struct tr_mono row_gone;       /* when its row was found to be gone; 0: never */
    struct tr_mono known_at;       /* when it was first listed or had a row here */
    struct tr_mono ragged_at; /* the listing since which its lineage breaks off; 0: it does not */
    int64_t made_ms;          /* the service's time, when its row was made or later; or 0 */
    struct tr_mono ended_at;  /* when its end came to be known; 0: it has not */
};

struct tr_edge {
    uint32_t child;
    uint32_t next; /* of the same parent */
};

/* Init with {0}, then set nodes_max and the two list heads to TR_NO_NODE. */
struct tr_lineage {
    struct tr_shard_node *nodes; /* owned; slots, used or free */
    size_t count;
    size_t cap;
    size_t used;
    size_t nodes_max;
    struct tr_map by_id;   /* owned: id to index + 1 */
    struct tr_edge *edges; /* owned */
    size_t edge_count;
    size_t edge_cap;
    uint32_t *stack; /* owned; these three: room for a number a node */
    uint32_t *order; /* owned */
    uint32_t *spare; /* owned */
    size_t stack_cap;
    size_t order_cap;
    size_t spare_cap;
    uint32_t first_free;
    uint32_t first_new;
    bool relink; /* an edge went: tr_lineage_link is due */
};

void tr_lineage_deinit(struct tr_lineage *lineage);

/* The node of an id, or TR_NO_NODE. */
uint32_t tr_lineage_find(const struct tr_lineage *lineage, struct tr_bytes id);

/* Taking an event in has two halves. First: find or make all nodes that it names, and room for the
 * edges that it may add. Errors: TR_ELIMIT (nodes_max), TR_ENOMEM: tr_lineage_undo takes back what
 * was made since the last tr_lineage_commit. */
enum tr_status tr_lineage_intern(struct tr_lineage *lineage, struct tr_bytes id,
                                 uint32_t *out) TR_MUST_CHECK;
enum tr_status tr_lineage_reserve(struct tr_lineage *lineage, size_t more_edges) TR_MUST_CHECK;
void tr_lineage_undo(struct tr_lineage *lineage);
/* Then: nothing fails any more. */
void tr_lineage_commit(struct tr_lineage *lineage);

/* Say whose parents a source names now. Those that nobody names any more go (and relink is set);
 * those beyond TR_SHARD_PARENTS_MAX are left out. Returns whether any was added. */
bool tr_lineage_set_parents(struct tr_lineage *lineage, uint32_t node,
                            enum tr_shard_node_source source, const uint32_t *parents,
                            size_t count);
/* Make all edges again from what the nodes name. */
void tr_lineage_link(struct tr_lineage *lineage);

/* Forget the nodes without `keep` flags that are no parent of one with them. */
void tr_lineage_forget(struct tr_lineage *lineage, uint32_t keep);

/* Set a flag on all ancestors, stopping where it is set already. */
void tr_lineage_mark_up(struct tr_lineage *lineage, uint32_t node, uint32_t flag);
/* Set a flag on all descendants that can be reached over nodes with any of `through`, stopping
 * where it is set already. */
void tr_lineage_mark_down(struct tr_lineage *lineage, uint32_t node, uint32_t flag,
                          uint32_t through);

/* Sort a set of nodes (no node twice): parents before children, else by starting sequence number,
 * then by id. A cycle is cut somewhere. Needs no memory. `set` may not be one of
 * the lineage's arrays but `order`. */
void tr_lineage_sort(const struct tr_lineage *lineage, uint32_t *set, size_t count);

#endif
