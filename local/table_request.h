/* SPDX-License-Identifier: Apache-2.0
 *
 * What the operations on tables share: the table of a request, billing and stream settings, and how
 * a table is described. */
#ifndef TR_LOCAL_TABLE_REQUEST_H
#define TR_LOCAL_TABLE_REQUEST_H

#include "local/request.h"
#include "local/table.h"

/* Parameters of tables that the service knows and this model has not; the list ends with NULL. */
#define TR_TABLE_NOT_HERE                                                                          \
    "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "GlobalSecondaryIndexUpdates",              \
        "ReplicaUpdates", "SSESpecification", "Tags", "TableClass", "ResourcePolicy",              \
        "OnDemandThroughput", "WarmThroughput", "MultiRegionConsistency",                          \
        "GlobalTableWitnessUpdates", "GlobalTableSettingsReplicationMode", NULL

/* TableName is there and has its length; the rest of its form goes into checks. */
enum tr_status tr_table_check_name(struct tr_call *call, const struct tr_request *request,
                                   struct tr_checks *checks) TR_MUST_CHECK;
/* The whole of a request that names an existing table. */
enum tr_status tr_table_read(struct tr_call *call, const struct tr_request_shape *shape,
                             struct tr_request *request, struct tr_local_table **out) TR_MUST_CHECK;
/* Refused with ResourceInUseException while a table is not ACTIVE. */
enum tr_status tr_table_check_idle(struct tr_call *call,
                                   const struct tr_local_table *table) TR_MUST_CHECK;

/* A string, or absent for null and nothing. */
enum tr_status tr_table_read_string(struct tr_call *call, struct tr_json value,
                                    struct tr_bytes *out) TR_MUST_CHECK;

/* ProvisionedThroughput into given; whether it goes with given's billing mode. */
enum tr_status tr_table_read_throughput(struct tr_call *call, const struct tr_request *request,
                                        struct tr_checks *checks,
                                        struct tr_local_table *given) TR_MUST_CHECK;
enum tr_status tr_table_check_billing(struct tr_call *call, const struct tr_request *request,
                                      const struct tr_local_table *given) TR_MUST_CHECK;

/* StreamSpecification. */
struct tr_stream_wish {
    bool given;
    bool enabled;
    bool has_view;
    enum tr_local_view view;
};
enum tr_status tr_table_read_stream(struct tr_call *call, const struct tr_request *request,
                                    struct tr_checks *checks,
                                    struct tr_stream_wish *out) TR_MUST_CHECK;
enum tr_status tr_table_check_stream(struct tr_call *call,
                                     const struct tr_stream_wish *wish) TR_MUST_CHECK;

/* Append {"Table":{...}} or {"TableDescription":{...}}. */
void tr_table_describe(struct tr_call *call, const char *name, const struct tr_local_table *table);
/* Room enough for a description: made before the change that it describes, so that nothing fails
 * after that. */
size_t tr_table_description_bytes(const struct tr_local_table *table);

#endif
