/* SPDX-License-Identifier: Apache-2.0
 *
 * What DescribeStream says of a stream and its shards, and the requests of the streams service:
 * encoders and decoders, pure. */
#ifndef TR_STREAM_SHARD_H
#define TR_STREAM_SHARD_H

#include "base/buf.h"
#include "base/map.h"
#include "checkpoint/position.h"

#define TR_SHARD_PARENTS_MAX 8
#define TR_SHARD_LIST_MAX 1000000  /* shards of one listing */
#define TR_SHARD_PAGES_MAX 100000u /* pages of one listing that name a next page */

enum tr_stream_status {
    TR_STREAM_ENABLING,
    TR_STREAM_ENABLED,
    TR_STREAM_DISABLING,
    TR_STREAM_DISABLED,
};

/* One listed shard; strings are owned by the list. */
struct tr_shard {
    struct tr_bytes id;
    struct tr_bytes parents[TR_SHARD_PARENTS_MAX];
    size_t parent_count;
    struct tr_bytes starting; /* digits; absent if not said */
    struct tr_bytes ending;   /* digits; absent: open as far as the listing knows */
};

/* Init with {0}. Pages of one listing are appended. */
struct tr_shard_list {
    struct tr_shard *shards; /* owned; in the order of their first page, each id once */
    size_t count;
    size_t cap;
    struct tr_buf last_evaluated; /* owned: LastEvaluatedShardId; empty: the listing is complete */
    enum tr_stream_status status; /* as the last page says */
    char **blocks;                /* owned: a page's strings each */
    size_t block_count;
    size_t block_cap;
    struct tr_map by_id; /* owned: id to index + 1 */
    struct tr_map asked; /* owned: every LastEvaluatedShardId of this listing so far */
};

void tr_shard_list_deinit(struct tr_shard_list *list);

/* Append one DescribeStream answer. A shard that an earlier page (or this one) showed already is
 * merged into its first entry: what was missing is filled in, a later end counts.
 * Shape:   unknown members are ignored; ParentShardId and AdjacentParentShardId (Kinesis) may be
 *          absent, null or empty; so may the sequence number range and its two numbers.
 * Errors:  TR_EPARSE with the place and the value, also for a LastEvaluatedShardId that came before
 *          in this listing (checked here: paging by it would never end); TR_ELIMIT
 *          (TR_SHARD_LIST_MAX, TR_SHARD_PAGES_MAX); TR_ENOMEM; the list is then as before. */
enum tr_status tr_shard_list_add(struct tr_shard_list *list, struct tr_bytes body,
                                 struct tr_err *err) TR_MUST_CHECK;

/* Requests. `after` absent: the first page. `child_of` absent: no filter. */
void tr_encode_describe_stream(struct tr_buf *out, struct tr_bytes arn, struct tr_bytes after,
                               struct tr_bytes child_of);
/* TRIM_HORIZON or LATEST by position->kind; a sequence number is asked AFTER it, or AT it. The
 * service has no AT_TIMESTAMP: it becomes TRIM_HORIZON, which repeats and never loses; SHARD_END
 * becomes LATEST, behind which an ended shard has nothing. */
void tr_encode_get_shard_iterator(struct tr_buf *out, struct tr_bytes arn, struct tr_bytes shard,
                                  const struct tr_position *position, bool at);
void tr_encode_get_records(struct tr_buf *out, struct tr_bytes iterator, unsigned limit);
void tr_encode_describe_table(struct tr_buf *out, struct tr_bytes table);
void tr_encode_list_streams(struct tr_buf *out, struct tr_bytes table, struct tr_bytes after);

/* Answers; what is found replaces the buffer's content (emptied on any error).
 * Errors:  TR_EPARSE with the place and the value; TR_ENOMEM; TR_ENOTFOUND for a table without a
 *          stream. */
enum tr_status tr_decode_shard_iterator(struct tr_bytes body, struct tr_buf *iterator,
                                        struct tr_err *err) TR_MUST_CHECK;
enum tr_status tr_decode_latest_stream(struct tr_bytes body, struct tr_buf *arn,
                                       struct tr_err *err) TR_MUST_CHECK;

/* One stream of ListStreams; strings are owned by the list. */
struct tr_stream_entry {
    struct tr_bytes arn;
    struct tr_bytes table;
    struct tr_bytes label;
};

/* Init with {0}. Pages of one listing are appended. */
struct tr_stream_list {
    struct tr_stream_entry *streams; /* owned; in the order of their first page, each ARN once */
    size_t count;
    size_t cap;
    struct tr_buf
        last_evaluated; /* owned: LastEvaluatedStreamArn; empty: the listing is complete */
    char **blocks;      /* owned: a page's strings each */
    size_t block_count;
    size_t block_cap;
    struct tr_map by_arn; /* owned: ARN to index + 1 */
    struct tr_map asked;  /* owned: every LastEvaluatedStreamArn of this listing so far */
};

void tr_stream_list_deinit(struct tr_stream_list *list);
/* Append one ListStreams answer; rules and errors as tr_shard_list_add. */
enum tr_status tr_stream_list_add(struct tr_stream_list *list, struct tr_bytes body,
                                  struct tr_err *err) TR_MUST_CHECK;

/* The time in a shard id ("shardId-<20 digit ms>-<8 hex>"): a hint only, unknown forms must work.
 * False when the id has another form. */
bool tr_shard_id_ms(struct tr_bytes id, int64_t *ms);

/* Parts of a stream's ARN: region, table, label; false when it is none. */
bool tr_stream_arn_parts(struct tr_bytes arn, struct tr_bytes *region, struct tr_bytes *table,
                         struct tr_bytes *label);

#endif
