/* SPDX-License-Identifier: Apache-2.0
 *
 * What DescribeStream says of a stream and its shards, and the requests of the streams service:
 * encoders and decoders, pure. */
#ifndef TR_STREAM_SHARD_H
#define TR_STREAM_SHARD_H

#include "base/buf.h"
#include "checkpoint/position.h"

#define TR_SHARD_PARENTS_MAX 8

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
    struct tr_shard *shards; /* owned */
    size_t count;
    size_t cap;
    struct tr_buf last_evaluated; /* owned: LastEvaluatedShardId; empty: the listing is complete */
    enum tr_stream_status status;
    char **strings; /* owned */
    size_t string_count;
    size_t string_cap;
};

void tr_shard_list_deinit(struct tr_shard_list *list);

/* Append one DescribeStream answer.
 * Errors:  TR_EPARSE with the place and the value; TR_ENOMEM; the list is then as before. */
enum tr_status tr_shard_list_add(struct tr_shard_list *list, struct tr_bytes body,
                                 struct tr_err *err) TR_MUST_CHECK;

/* Requests. `after` absent: the first page. `child_of` absent: no filter. */
void tr_encode_describe_stream(struct tr_buf *out, struct tr_bytes arn, struct tr_bytes after,
                               struct tr_bytes child_of);
/* TRIM_HORIZON or LATEST by position->kind; a sequence number is asked AFTER it, or AT it. */
void tr_encode_get_shard_iterator(struct tr_buf *out, struct tr_bytes arn, struct tr_bytes shard,
                                  const struct tr_position *position, bool at);
void tr_encode_get_records(struct tr_buf *out, struct tr_bytes iterator, unsigned limit);
void tr_encode_describe_table(struct tr_buf *out, struct tr_bytes table);
void tr_encode_list_streams(struct tr_buf *out, struct tr_bytes table, struct tr_bytes after);

/* Answers. Errors: TR_EPARSE with the place; TR_ENOMEM; TR_ENOTFOUND for a table without a stream.
 */
enum tr_status tr_decode_shard_iterator(struct tr_bytes body, struct tr_buf *iterator,
                                        struct tr_err *err) TR_MUST_CHECK;
enum tr_status tr_decode_latest_stream(struct tr_bytes body, struct tr_buf *arn,
                                       struct tr_err *err) TR_MUST_CHECK;

/* The time in a shard id ("shardId-<20 digit ms>-<8 hex>"): a hint only, unknown forms must work.
 * False when the id has another form. */
bool tr_shard_id_ms(struct tr_bytes id, int64_t *ms);

/* Parts of a stream's ARN: region, table, label; false when it is none. */
bool tr_stream_arn_parts(struct tr_bytes arn, struct tr_bytes *region, struct tr_bytes *table,
                         struct tr_bytes *label);

#endif
