/* SPDX-License-Identifier: Apache-2.0
 *
 * The streams of the model. A table's writes append records to the open shard that holds the item's
 * key; shards split, roll over, close and are trimmed. A record is kept as the JSON text that
 * GetRecords sends. */
#ifndef TR_LOCAL_STREAM_H
#define TR_LOCAL_STREAM_H

#include "local/shard.h"

struct tr_local;
struct tr_local_table;
struct tr_local_item;

/* id, name on the wire */
#define TR_LOCAL_VIEW_TABLE(X)                                                                     \
    X(KEYS_ONLY, "KEYS_ONLY")                                                                      \
    X(NEW_IMAGE, "NEW_IMAGE")                                                                      \
    X(OLD_IMAGE, "OLD_IMAGE")                                                                      \
    X(NEW_AND_OLD_IMAGES, "NEW_AND_OLD_IMAGES")

enum tr_local_view {
#define TR_LOCAL_VIEW_ENUM(id, name) TR_LOCAL_VIEW_##id,
    TR_LOCAL_VIEW_TABLE(TR_LOCAL_VIEW_ENUM)
#undef TR_LOCAL_VIEW_ENUM
        TR_LOCAL_VIEW_COUNT
};

/* The name on the wire. Owns: static. */
const char *tr_local_view_name(enum tr_local_view view);
bool tr_local_view_parse(struct tr_bytes name, enum tr_local_view *view);

#define TR_STREAM_RETENTION_MS INT64_C(86400000)
#define TR_SHARD_AGE_MS INT64_C(14400000) /* about this old a shard rolls over */
#define TR_SHARDS_OPEN_MAX 10000          /* of one stream */

struct tr_local_stream {
    struct tr_bytes arn;        /* owned */
    struct tr_bytes label;      /* the arn's last part */
    struct tr_bytes table;      /* the table's name; owned */
    struct tr_bytes key_schema; /* JSON; owned */
    enum tr_local_view view;
    bool enabled;
    struct tr_wall created;
    struct tr_wall disabled;
    struct tr_sequence sequence;
    struct tr_local_shard **shards; /* by id; owned */
    size_t count;
    size_t cap;
    struct tr_local_shard **open; /* by range of hashes; the array is owned */
    size_t open_count;
    size_t open_cap;
    struct tr_wall deadline; /* the next rollover, trimming or end */
};

/* A member of struct tr_local, by value; init with {0}. */
struct tr_local_streams {
    struct tr_local_stream **list; /* by ARN; owned */
    size_t count;
    size_t cap;
    struct tr_wall deadline; /* earliest of theirs */
    struct tr_random random;
    unsigned open_shards;  /* that a new stream starts with */
    uint64_t readers;      /* iterators handed out by GetShardIterator */
    uint64_t iterator_key; /* goes into their checksum: iterators of other models are refused */
    struct tr_buf text;    /* of the record being made; owned */
};

void tr_local_streams_deinit(struct tr_local_streams *streams);

/* Turn a table's stream on: a new stream with a new ARN; table->stream points to it.
 * Shape:   the table has no enabled stream.
 * Errors:  TR_ENOMEM, nothing changed. */
enum tr_status tr_local_stream_enable(struct tr_local *local, struct tr_local_table *table,
                                      enum tr_local_view view) TR_MUST_CHECK;

/* Turn it off, also when the table is deleted: all its shards close, it stays readable for 24
 * hours. The stream keeps nothing of the table. No effect without an enabled stream. */
void tr_local_stream_disable(struct tr_local *local, struct tr_local_table *table);

/* The record of a write, called before the write becomes visible; nothing happens when the stream
 * is off, when old equals new, and when both are NULL.
 * Shape:   NULL for an item that was (or will be) not there. by_service: TTL did it.
 * Errors:  TR_ENOMEM: nothing was appended, the write has to fail too. */
enum tr_status tr_local_stream_append(struct tr_local *local, struct tr_local_table *table,
                                      const struct tr_local_item *old_item,
                                      const struct tr_local_item *new_item,
                                      bool by_service) TR_MUST_CHECK;

/* What DescribeTable shows of a stream. Owns: borrowed until the stream is gone. */
struct tr_bytes tr_local_stream_arn(const struct tr_local_stream *stream);
struct tr_bytes tr_local_stream_label(const struct tr_local_stream *stream);
enum tr_local_view tr_local_stream_view(const struct tr_local_stream *stream);
bool tr_local_stream_is_enabled(const struct tr_local_stream *stream);

/* The stream of an ARN, the newest stream of a table's name (also of a deleted table); or NULL. */
struct tr_local_stream *tr_local_stream_find(const struct tr_local *local, struct tr_bytes arn);
struct tr_local_stream *tr_local_stream_newest(const struct tr_local *local, struct tr_bytes table);
/* The index of the first shard with an id not below this one; and the shard of an id, or NULL. */
size_t tr_local_stream_shard_from(const struct tr_local_stream *stream, struct tr_bytes id);
struct tr_local_shard *tr_local_stream_shard(const struct tr_local_stream *stream,
                                             struct tr_bytes id);

/* Close an open shard and go on in one child, or in two that share its range of hashes.
 * Errors:  TR_ENOMEM, nothing changed; TR_ELIMIT: the range cannot be halved, or too many shards.
 * Owns:    children borrowed from the stream. */
enum tr_status tr_local_stream_roll(struct tr_local *local, struct tr_local_stream *stream,
                                    struct tr_local_shard *shard, struct tr_wall at,
                                    struct tr_local_shard **child) TR_MUST_CHECK;
enum tr_status tr_local_stream_split(struct tr_local *local, struct tr_local_stream *stream,
                                     struct tr_local_shard *shard,
                                     struct tr_local_shard *children[2]) TR_MUST_CHECK;

/* Tell whoever watches that a trimming of this shard is done; `before` is shard->trimmed as it was.
 */
void tr_local_stream_tell_trimmed(const struct tr_local *local,
                                  const struct tr_local_stream *stream,
                                  const struct tr_local_shard *shard, uint64_t before);

/* Take a closed shard without records out of the listings; true when it was one (it is freed). */
bool tr_local_stream_drop_empty(const struct tr_local *local, struct tr_local_stream *stream,
                                struct tr_local_shard *shard);

/* Rollovers by age and trimming that are due at local's now; and when the next one is. */
void tr_local_streams_tick(struct tr_local *local);
struct tr_wall tr_local_streams_deadline(const struct tr_local *local);

#endif
