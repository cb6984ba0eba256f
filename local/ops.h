/* SPDX-License-Identifier: Apache-2.0
 *
 * The one table of operations: what X-Amz-Target names and the function that does it. */
#ifndef TR_LOCAL_OPS_H
#define TR_LOCAL_OPS_H

#include "tailrace/status.h"

struct tr_call; /* local/model.h */

#define TR_TARGET_TABLES "DynamoDB_20120810."
#define TR_TARGET_STREAMS "DynamoDBStreams_20120810."
#define TR_TARGET_CONTROL "TailraceLocal_1."

/* Returns TR_OK with call->out filled; TR_EREFUSED with call->problem; TR_ENOMEM. On anything but
 * TR_OK nothing has changed. */
typedef enum tr_status (*tr_op_fn)(struct tr_call *call);

/* target prefix, name, function */
#define TR_TABLE_OPS(X)                                                                            \
    X(TR_TARGET_TABLES, CreateTable, tr_op_create_table)                                           \
    X(TR_TARGET_TABLES, DescribeTable, tr_op_describe_table)                                       \
    X(TR_TARGET_TABLES, UpdateTable, tr_op_update_table)                                           \
    X(TR_TARGET_TABLES, DeleteTable, tr_op_delete_table)                                           \
    X(TR_TARGET_TABLES, ListTables, tr_op_list_tables)                                             \
    X(TR_TARGET_TABLES, UpdateTimeToLive, tr_op_update_ttl)                                        \
    X(TR_TARGET_TABLES, DescribeTimeToLive, tr_op_describe_ttl)                                    \
    X(TR_TARGET_TABLES, PutItem, tr_op_put_item)                                                   \
    X(TR_TARGET_TABLES, GetItem, tr_op_get_item)                                                   \
    X(TR_TARGET_TABLES, UpdateItem, tr_op_update_item)                                             \
    X(TR_TARGET_TABLES, DeleteItem, tr_op_delete_item)                                             \
    X(TR_TARGET_TABLES, Query, tr_op_query)                                                        \
    X(TR_TARGET_TABLES, Scan, tr_op_scan)                                                          \
    X(TR_TARGET_TABLES, BatchWriteItem, tr_op_batch_write)                                         \
    X(TR_TARGET_TABLES, BatchGetItem, tr_op_batch_get)

/* The streams' and the control operations' rows: add them here. */
#define TR_STREAM_OPS(X)

#define TR_LOCAL_OPS(X) TR_TABLE_OPS(X) TR_STREAM_OPS(X)

enum tr_local_op_id {
#define TR_OP_ENUM(target, name, function) TR_LOCAL_OP_##name,
    TR_LOCAL_OPS(TR_OP_ENUM)
#undef TR_OP_ENUM
        TR_LOCAL_OP_COUNT
};

#define TR_OP_DECLARE(target, name, function) enum tr_status function(struct tr_call *call);
TR_LOCAL_OPS(TR_OP_DECLARE)
#undef TR_OP_DECLARE

#endif
