/* SPDX-License-Identifier: Apache-2.0
 *
 * The one table of operations: what X-Amz-Target names and the function that does it. */
#ifndef TR_LOCAL_OPS_H
#define TR_LOCAL_OPS_H

#include "local/problem.h"

struct tr_call; /* local/model.h */

#define TR_TARGET_TABLES "DynamoDB_20120810."
#define TR_TARGET_STREAMS "DynamoDBStreams_20120810."
#define TR_TARGET_CONTROL "TailraceLocal_1."

/* Returns TR_OK with call->out filled; TR_EREFUSED with call->problem; TR_ENOMEM. On anything but
 * TR_OK nothing has changed. */
typedef enum tr_status (*tr_op_fn)(struct tr_call *call);

/* Operations of DynamoDB that this model leaves out on purpose: known by name, refused by name. */
#define TR_ABSENT_OPS(X)                                                                           \
    X(TransactWriteItems, "transactions")                                                          \
    X(TransactGetItems, "transactions")                                                            \
    X(ExecuteStatement, "PartiQL")                                                                 \
    X(BatchExecuteStatement, "PartiQL")                                                            \
    X(ExecuteTransaction, "PartiQL")                                                               \
    X(CreateBackup, "backups")                                                                     \
    X(DeleteBackup, "backups")                                                                     \
    X(DescribeBackup, "backups")                                                                   \
    X(ListBackups, "backups")                                                                      \
    X(RestoreTableFromBackup, "backups")                                                           \
    X(RestoreTableToPointInTime, "backups")                                                        \
    X(DescribeContinuousBackups, "backups")                                                        \
    X(UpdateContinuousBackups, "backups")                                                          \
    X(CreateGlobalTable, "global tables")                                                          \
    X(UpdateGlobalTable, "global tables")                                                          \
    X(DescribeGlobalTable, "global tables")                                                        \
    X(ListGlobalTables, "global tables")                                                           \
    X(DescribeGlobalTableSettings, "global tables")                                                \
    X(UpdateGlobalTableSettings, "global tables")                                                  \
    X(DescribeTableReplicaAutoScaling, "global tables")                                            \
    X(UpdateTableReplicaAutoScaling, "global tables")                                              \
    X(ExportTableToPointInTime, "export and import")                                               \
    X(DescribeExport, "export and import")                                                         \
    X(ListExports, "export and import")                                                            \
    X(ImportTable, "export and import")                                                            \
    X(DescribeImport, "export and import")                                                         \
    X(ListImports, "export and import")                                                            \
    X(EnableKinesisStreamingDestination, "streaming to Kinesis")                                   \
    X(DisableKinesisStreamingDestination, "streaming to Kinesis")                                  \
    X(DescribeKinesisStreamingDestination, "streaming to Kinesis")                                 \
    X(UpdateKinesisStreamingDestination, "streaming to Kinesis")                                   \
    X(DescribeContributorInsights, "contributor insights")                                         \
    X(UpdateContributorInsights, "contributor insights")                                           \
    X(ListContributorInsights, "contributor insights")                                             \
    X(TagResource, "tags")                                                                         \
    X(UntagResource, "tags")                                                                       \
    X(ListTagsOfResource, "tags")                                                                  \
    X(PutResourcePolicy, "resource policies")                                                      \
    X(GetResourcePolicy, "resource policies")                                                      \
    X(DeleteResourcePolicy, "resource policies")                                                   \
    X(DescribeLimits, "account limits")                                                            \
    X(DescribeEndpoints, "endpoint discovery")

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

#define TR_STREAM_OPS(X)                                                                           \
    X(TR_TARGET_STREAMS, ListStreams, tr_op_list_streams)                                          \
    X(TR_TARGET_STREAMS, DescribeStream, tr_op_describe_stream)                                    \
    X(TR_TARGET_STREAMS, GetShardIterator, tr_op_get_shard_iterator)                               \
    X(TR_TARGET_STREAMS, GetRecords, tr_op_get_records)

#define TR_CONTROL_OPS(X)                                                                          \
    X(TR_TARGET_CONTROL, SplitShard, tr_op_split_shard)                                            \
    X(TR_TARGET_CONTROL, Rollover, tr_op_rollover)                                                 \
    X(TR_TARGET_CONTROL, Trim, tr_op_trim)                                                         \
    X(TR_TARGET_CONTROL, AdvanceClock, tr_op_advance_clock)                                        \
    X(TR_TARGET_CONTROL, SetFault, tr_op_set_fault)                                                \
    X(TR_TARGET_CONTROL, ClearFaults, tr_op_clear_faults)

#define TR_LOCAL_OPS(X) TR_TABLE_OPS(X) TR_STREAM_OPS(X) TR_CONTROL_OPS(X)

enum tr_op {
#define TR_OP_ENUM(target, name, function) TR_OP_##name,
    TR_LOCAL_OPS(TR_OP_ENUM)
#undef TR_OP_ENUM
        TR_OP_COUNT
};

/* The operation's name, "PutItem". Owns: static. */
const char *tr_op_name(enum tr_op op);
bool tr_op_is_control(enum tr_op op);

/* Append a problem's body, {"__type":...,"message":...}; and its HTTP status. */
void tr_problem_print(const struct tr_problem *problem, struct tr_buf *out);
unsigned tr_problem_http(enum tr_problem_code code);

#define TR_OP_DECLARE(target, name, function) enum tr_status function(struct tr_call *call);
TR_LOCAL_OPS(TR_OP_DECLARE)
#undef TR_OP_DECLARE

#endif
