/* SPDX-License-Identifier: Apache-2.0
 *
 * The shard graph core: from what listings show and from the lease rows that exist, which rows are
 * to be made and which may go, which shards may be read, and which are lost. Contradictory, partial
 * and late listings never delete and never end anything. One graph is for one stream. Pure. */
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
    bool unread;          /* the row is there and not understood: only its key is told */
    int64_t made_ms;      /* the service's time when it was made, or a little later; 0: not known.
                             The counter of a row that we made: each write adds a millisecond */
};

enum tr_graph_event_kind {
    TR_GRAPH_ROWS,     /* a complete scan of the table, begun at `begun`: all rows of this stream */
    TR_GRAPH_ROW,      /* rows changed or were made; nothing is said of the others */
    TR_GRAPH_LISTED,   /* a listing of the stream, begun at `begun`, complete or not */
    TR_GRAPH_CHILDREN, /* the answer to CHILD_SHARDS of `parent` (may hold unrelated shards: servers
                          that do not know the filter answer with all) */
    TR_GRAPH_ENDED,    /* the reader of `parent` has met the end of the shard */
    TR_GRAPH_GONE,     /* the row of `parent` was deleted */
    TR_GRAPH_STREAM_GONE, /* DescribeStream does not find the stream, and its table names a newer
                             one */
};

struct tr_graph_event {
    enum tr_graph_event_kind kind;
    struct tr_mono now;
    struct tr_mono begun;   /* when the first request of the scan or listing was sent; 0: now */
    struct tr_wall service; /* the service's time, for ages; ms 0: not known */
    const struct tr_graph_row *rows;
    size_t row_count;
    bool leaves_only; /* ROWS: nobody has ever made a row, and only the leaves are to get one, open
                         or closed, as the first complete listing shows them */
    const struct tr_shard_list *list;
    bool complete;
    struct tr_bytes parent;
};

/* How many creates one step proposes at most: the next ones come as rows are made. */
#define TR_GRAPH_CREATES_MAX 128
/* Rows are proposed only from a scan and a listing that began no longer ago than this: else a
 * worker that slept, or whose scans fail, would make rows again that the fleet has finished and
 * deleted since. So whoever deletes ended rows keeps them for longer than
 * TR_GRAPH_LISTING_FRESH_MS. */
#define TR_GRAPH_SCAN_FRESH_MS 120000u
#define TR_GRAPH_LISTING_FRESH_MS 300000u
/* A scan that may be stale proves neither that a row is gone nor that a checkpoint went back until
 * so long after the row was made or the checkpoint seen. */
#define TR_GRAPH_STALE_MS 60000u

/* How many rows one step proposes to delete at most. */
#define TR_GRAPH_DELETES_MAX 16
/* An ended row stays at least so long after its end came to be known here: longer than any worker
 * makes rows by what it listed. */
#define TR_GRAPH_KEEP_ENDED_MS (TR_GRAPH_LISTING_FRESH_MS + TR_GRAPH_STALE_MS)
/* The service keeps records for a day; a childless row is kept for two. */
#define TR_GRAPH_RETENTION_MS (24ll * 3600 * 1000)
#define TR_GRAPH_CHILDLESS_MS (2 * TR_GRAPH_RETENTION_MS)
/* An ended shard is held so long while answers show no child of it: they may lag, and on a stream
 * that was turned off they then look as if none would come. */
#define TR_GRAPH_CHILDREN_MS 30000u
/* ResourceNotFound for so long loses a shard that is older than the retention. */
#define TR_GRAPH_NOT_FOUND_MS 600000u
/* "While its stream describes well": DescribeStream was answered so recently. */
#define TR_GRAPH_DESCRIBED_MS 60000u

/* A row to make, conditional on its absence. Borrowed until the next step. */
struct tr_graph_create {
    struct tr_bytes key;
    struct tr_bytes parents[TR_SHARD_PARENTS_MAX];
    size_t parent_count;
    struct tr_position checkpoint; /* TRIM_HORIZON, or the last one known of a row that vanished */
    /* The mark: no parent has a row. A first start marks shards that have no
     * parents, too: a row with it is read from TRIM_HORIZON, one without it AT its start. */
    bool without_parents;
    bool gap; /* outside a first start and a new stream's first shards: something came before */
};

/* An ended row to delete, conditional on nobody having written it since. Borrowed until the next
 * step. */
struct tr_graph_delete {
    struct tr_bytes key;
    bool gap; /* no listing since its end has shown the shard: a child may have come and gone */
};

/* Creates are proposals: they come again at every step until an event shows the row, or shows that
 * none is needed. A child's row is proposed only once its parents' rows are known to be there
 * (TR_GRAPH_ROW says so), so the creates of one step may be made at once and in any order. Deletes
 * are proposals, too, for the one worker that lists: until TR_GRAPH_GONE or a scan says that the
 * row is gone; they too may be carried out at once and in any order. */
struct tr_graph_effects {
    /* By lineage, starting sequence number and id; borrowed until the next step. */
    const struct tr_graph_create *creates;
    size_t create_count;
    const struct tr_graph_delete *deletes; /* borrowed likewise */
    size_t delete_count;
    bool want_listing;  /* a full listing would help: a new graph, an outdated listing, or as
                          below */
    bool need_listing;  /* ... without one a row waits on: for a parent that has no row */
    bool want_children; /* a shard has ended, and no child of it is known */
    bool want_scan;     /* a scan would help: none came yet, or it is too old to make rows by */
};

/* Errors: TR_ENOMEM.
 * Owns:   *out returned (free with tr_graph_free).
 * Units:  shards_max bounds what is kept: shards listed, rows, and parents that they name. */
enum tr_status tr_graph_new(size_t shards_max, struct tr_graph **out) TR_MUST_CHECK;
void tr_graph_free(struct tr_graph *graph);

/* Said before the first event: the stream follows another one of the fleet. Its first shards are no
 * first start: they are read from their first record on, and what was trimmed of them is missing.
 * */
void tr_graph_set_further(struct tr_graph *graph);

/* Take an event in and say what is to be made.
 * Shape:   lists and rows are copied. Late, repeated, partial and contradictory events are fine.
 * Errors:  TR_ELIMIT, TR_ENOMEM: nothing changed; *out is then empty. */
enum tr_status tr_graph_step(struct tr_graph *graph, const struct tr_graph_event *event,
                             struct tr_graph_effects *out) TR_MUST_CHECK;

/* Whether the shard may be read: it has progressed; or each parent is at SHARD_END, or has no row
 * while this one was made without its parents, a complete listing begun later shows none of them,
 * or that parent gets no row any more (it was seen at SHARD_END, or a descendant of it progressed).
 * False for a shard without a row, for one at SHARD_END and for one whose row is not understood. */
bool tr_graph_may_start(const struct tr_graph *graph, struct tr_bytes key);
/* How the graph sees a shard: state, what it is. docs/shards.md holds the same table. */
#define TR_SHARD_STATE_TABLE(X)                                                                    \
    X(UNKNOWN, "neither listed nor in a row")                                                      \
    X(LISTED, "listed, and gets no row now: done, left out, or its lineage is not known yet")      \
    X(PLANNED, "to get a row: proposed as soon as its parents have theirs")                        \
    X(WAITING, "has a row, not begun: a parent is not done")                                       \
    X(READY, "has a row, not begun: may be read")                                                  \
    X(BEGUN, "its row holds a sequence number: may be read, whatever its parents are")             \
    X(UNREAD, "has a row that is not understood: it is left alone until it is mended")             \
    X(ENDING, "its reader has met the end: the children's rows come first")                        \
    X(ENDED, "its row is at SHARD_END")                                                            \
    X(LEAVING, "its row is at SHARD_END and may be deleted")                                       \
    X(GONE, "had a row that went")
enum tr_shard_state {
#define TR_SHARD_STATE_ENUM(id, doc) TR_SHARD_##id,
    TR_SHARD_STATE_TABLE(TR_SHARD_STATE_ENUM)
#undef TR_SHARD_STATE_ENUM
        TR_SHARD_STATE_COUNT
};
enum tr_shard_state tr_graph_state(const struct tr_graph *graph, struct tr_bytes key);

/* A shard that answers ResourceNotFound. */
struct tr_graph_missing {
    struct tr_bytes key;
    struct tr_mono since; /* the first ResourceNotFound of one reader that has asked on without a
                             pause since, and got no other answer; 0: it gives none now */
    struct tr_mono now;
    struct tr_wall service; /* ms 0: not known */
};
enum tr_graph_verdict {
    TR_GRAPH_ASK_ON,   /* one ResourceNotFound says nothing */
    TR_GRAPH_DESCRIBE, /* ask on; and a listing may decide it (a complete one, or, late in the ten
                          minutes, any answer of DescribeStream) */
    TR_GRAPH_LOST,     /* a gap; then its row goes to SHARD_END, so that its children may start */
};
/* Whether a shard is lost: it answers ResourceNotFound, is over 24 hours old, and either a complete
 * listing begun after its row was first seen lacks it, or it has answered so for ten minutes, all
 * of them after it was 24 hours old, while its stream describes well; or its stream is gone. */
enum tr_graph_verdict tr_graph_judge_missing(const struct tr_graph *graph,
                                             const struct tr_graph_missing *missing);
/* How old a shard is at least, in ms: by the time in its id, where that has the service's form;
 * else by when its row was made or this graph first saw it (docs/decisions/0016). */
uint64_t tr_graph_age_ms(const struct tr_graph *graph, struct tr_bytes key, struct tr_mono now,
                         struct tr_wall service);
/* Whether more will come of this stream. It is drained when it is DISABLED, all rows are at
 * SHARD_END (in what the last scan shows, too, though it may be stale), and a complete listing,
 * begun after a row last came, went or met its end, leaves no shard that needs a row. That listing
 * may be an empty one: a stream that was turned off a day ago shows no shard any more; what an
 * earlier one showed counts on. Of a stream that is gone no listing is asked. Walks over all
 * shards. */
enum tr_graph_drain {
    TR_GRAPH_IN_USE,       /* a row has not ended, or a shard needs one */
    TR_GRAPH_TO_BE_LISTED, /* all that is known has ended: a complete listing begun now may show
                              that nothing more will come */
    TR_GRAPH_DRAINED,
};
enum tr_graph_drain tr_graph_drain(const struct tr_graph *graph);
/* Whether a drained stream was never read: it follows another one, was turned off, never had a row
 * and shows no shard. Whatever it held is missing. */
bool tr_graph_was_emptied(const struct tr_graph *graph);
/* Whether a shard that has ended has children, and all that are known have rows; or is known to be
 * final (no children, and a complete listing begun TR_GRAPH_CHILDREN_MS after its end says that the
 * stream is DISABLED). */
bool tr_graph_has_children(const struct tr_graph *graph, struct tr_bytes key);
/* Whether every listed shard has a row, or needs none: nothing more is to be made now. False until
 * a complete scan and a complete listing have come. */
bool tr_graph_settled(const struct tr_graph *graph);
/* Listed shards, parents before children, for reading without leases: calls `each` for every one.
 * Owns:    the shard is borrowed for the call. */
void tr_graph_walk(const struct tr_graph *graph, void (*each)(void *ctx, const struct tr_shard *),
                   void *ctx);
/* The listed shard of that id, or NULL.
 * Owns:    borrowed until the next call of this function, of tr_graph_walk or of a step. */
const struct tr_shard *tr_graph_shard(const struct tr_graph *graph, struct tr_bytes id);

#endif
