/* SPDX-License-Identifier: Apache-2.0
 *
 * DescribeTable, UpdateTable, DeleteTable, ListTables and the settings of time to live. */
#include "local/ops.h"
#include "local/table_request.h"

#define LIST_MAX 100

static const char *const not_here[] = {TR_TABLE_NOT_HERE};

static const enum tr_member update_members[] = {
    TR_TableName,           TR_AttributeDefinitions,      TR_BillingMode, TR_ProvisionedThroughput,
    TR_StreamSpecification, TR_DeletionProtectionEnabled,
};
static const enum tr_member name_members[] = {TR_TableName};
static const enum tr_member list_members[] = {TR_ExclusiveStartTableName, TR_Limit};
static const enum tr_member ttl_members[] = {TR_TableName, TR_TimeToLiveSpecification};

#define SHAPE(list, refused)                                                                       \
    {                                                                                              \
        list, sizeof list / sizeof list[0], refused                                                \
    }
static const struct tr_request_shape update_shape = SHAPE(update_members, not_here);
static const struct tr_request_shape name_shape = SHAPE(name_members, NULL);
static const struct tr_request_shape list_shape = SHAPE(list_members, NULL);
static const struct tr_request_shape ttl_shape = SHAPE(ttl_members, NULL);

static enum tr_status invalid(struct tr_call *call, const char *text)
{
    return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION, "%s", text);
}

enum tr_status tr_op_describe_table(struct tr_call *call)
{
    struct tr_request request;
    struct tr_local_table *table;
    enum tr_status status = tr_table_read(call, &name_shape, &request, &table);
    if (status == TR_OK) {
        tr_table_describe(call, "Table", table);
        status = tr_buf_status(call->out);
    }
    return status;
}

/* --- DeleteTable --- */

enum tr_status tr_op_delete_table(struct tr_call *call)
{
    struct tr_request request;
    struct tr_local_table *table;
    enum tr_status status = tr_table_read(call, &name_shape, &request, &table);

    if (status != TR_OK || (status = tr_table_check_idle(call, table)) != TR_OK) {
        return status;
    }
    if (table->deletion_protected) {
        return invalid(call, "Resource cannot be deleted as it is currently protected against "
                             "deletion. Disable deletion protection first.");
    }
    if (!tr_buf_reserve(call->out, tr_table_description_bytes(table))) {
        return TR_ENOMEM;
    }
    tr_local_table_begin(call->local, table, TR_TABLE_DELETING);
    tr_table_describe(call, "TableDescription", table);
    tr_local_stream_disable(call->local, table);
    return TR_OK;
}

/* --- UpdateTable --- */

static enum tr_status check_change(struct tr_call *call, const struct tr_request *request,
                                   const struct tr_local_table *table,
                                   const struct tr_local_table *wanted,
                                   const struct tr_stream_wish *stream)
{
    bool enabled = table->stream != NULL && tr_local_stream_is_enabled(table->stream);
    if (!tr_request_has(request, TR_ProvisionedThroughput) &&
        !tr_request_has(request, TR_BillingMode) && !stream->given &&
        !tr_request_has(request, TR_DeletionProtectionEnabled)) {
        return invalid(call, "At least one of ProvisionedThroughput, BillingMode, "
                             "UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification "
                             "or ReplicaUpdates is required");
    }
    if (stream->given && stream->enabled && enabled) {
        return invalid(call, "Table already has an enabled stream");
    }
    if (stream->given && !stream->enabled && !enabled) {
        return invalid(call, "Table has no stream to disable");
    }
    if (tr_request_has(request, TR_ProvisionedThroughput) && !table->on_demand &&
        table->read_units == wanted->read_units && table->write_units == wanted->write_units) {
        return tr_problem_set(
            &call->problem, TR_PROBLEM_VALIDATION,
            "The provisioned throughput for the table will not change. The requested value equals "
            "the current value. Current ReadCapacityUnits provisioned for the table: %llu. "
            "Requested ReadCapacityUnits: %llu. Current WriteCapacityUnits provisioned for the "
            "table: %llu. Requested WriteCapacityUnits: %llu. Refer to the Amazon DynamoDB "
            "Developer Guide for current limits and how to request higher limits.",
            (unsigned long long)table->read_units, (unsigned long long)wanted->read_units,
            (unsigned long long)table->write_units, (unsigned long long)wanted->write_units);
    }
    return TR_OK;
}

/* Billing as it would be after the change. */
static void merge_billing(const struct tr_request *request, const struct tr_local_table *table,
                          struct tr_local_table *wanted)
{
    wanted->on_demand = tr_request_has(request, TR_BillingMode)
                            ? tr_request_is(request, TR_BillingMode, "PAY_PER_REQUEST")
                            : table->on_demand;
    if (!tr_request_has(request, TR_ProvisionedThroughput)) {
        wanted->read_units = wanted->on_demand ? 0 : table->read_units;
        wanted->write_units = wanted->on_demand ? 0 : table->write_units;
    }
}

static enum tr_status read_change(struct tr_call *call, const struct tr_request *request,
                                  const struct tr_local_table *table, struct tr_local_table *wanted,
                                  struct tr_stream_wish *stream)
{
    struct tr_checks checks = {0};
    bool billing = tr_request_has(request, TR_BillingMode) ||
                   tr_request_has(request, TR_ProvisionedThroughput);
    enum tr_status status = tr_table_read_throughput(call, request, &checks, wanted);
    if (status != TR_OK ||
        (status = tr_table_read_stream(call, request, &checks, stream)) != TR_OK) {
        return status;
    }
    tr_check_word(call, &checks, request, TR_BillingMode, "PROVISIONED, PAY_PER_REQUEST");
    if ((status = tr_check_end(call, &checks)) != TR_OK) {
        return status;
    }
    merge_billing(request, table, wanted);
    if (billing && (wanted->on_demand || table->on_demand) &&
        (status = tr_table_check_billing(call, request, wanted)) != TR_OK) {
        return status;
    }
    if ((status = tr_table_check_stream(call, stream)) != TR_OK) {
        return status;
    }
    return check_change(call, request, table, wanted, stream);
}

enum tr_status tr_op_update_table(struct tr_call *call)
{
    struct tr_request request;
    struct tr_local_table *table, wanted = {0};
    struct tr_stream_wish stream;
    enum tr_status status = tr_table_read(call, &update_shape, &request, &table);

    if (status != TR_OK || (status = tr_table_check_idle(call, table)) != TR_OK ||
        (status = read_change(call, &request, table, &wanted, &stream)) != TR_OK) {
        return status;
    }
    if (!tr_buf_reserve(call->out, tr_table_description_bytes(table))) {
        return TR_ENOMEM;
    }
    if (stream.given && stream.enabled) {
        status = tr_local_stream_enable(call->local, table, stream.view);
        if (status != TR_OK) {
            return status;
        }
    } else if (stream.given) {
        tr_local_stream_disable(call->local, table);
    }
    if (wanted.on_demand && !table->on_demand) {
        table->on_demand_since = call->local->now;
    }
    table->on_demand = wanted.on_demand;
    table->read_units = wanted.read_units;
    table->write_units = wanted.write_units;
    table->deletion_protected =
        tr_request_bool(&request, TR_DeletionProtectionEnabled, table->deletion_protected);
    tr_local_table_begin(call->local, table, TR_TABLE_UPDATING);
    tr_table_describe(call, "TableDescription", table);
    return TR_OK;
}

/* --- ListTables --- */

static enum tr_status read_list(struct tr_call *call, struct tr_request *request,
                                struct tr_bytes *from, size_t *limit)
{
    struct tr_checks checks = {0};
    enum tr_status status = tr_request_read(call, call->request, &list_shape, request);
    if (status != TR_OK ||
        (status = tr_request_text(call, request, TR_ExclusiveStartTableName, from)) != TR_OK) {
        return status;
    }
    *limit = (size_t)tr_json_int(request->member[TR_Limit], LIST_MAX);
    tr_check(call, &checks, from->ptr == NULL || from->len >= 3,
             request->member[TR_ExclusiveStartTableName], "exclusiveStartTableName",
             "Member must have length greater than or equal to 3");
    tr_check_least(call, &checks, request, TR_Limit, 1);
    tr_check(call, &checks, tr_json_int(request->member[TR_Limit], LIST_MAX) <= LIST_MAX,
             request->member[TR_Limit], "limit",
             "Member must have value less than or equal to 100");
    return tr_check_end(call, &checks);
}

enum tr_status tr_op_list_tables(struct tr_call *call)
{
    const struct tr_local_tables *tables = &call->local->tables;
    struct tr_request request;
    struct tr_bytes from;
    size_t limit, at = 0, shown = 0;
    enum tr_status status = read_list(call, &request, &from, &limit);

    if (status != TR_OK) {
        return status;
    }
    if (from.ptr != NULL) {
        at = tr_local_table_place(call->local, from);
        at += at < tables->count && tr_bytes_eq(tables->list[at]->name, from);
    }
    tr_buf_add_str(call->out, "{\"TableNames\":[");
    for (; at < tables->count && shown < limit; at++, shown++) {
        tr_buf_add_str(call->out, shown > 0 ? "," : "");
        tr_buf_add_json(call->out, tables->list[at]->name);
    }
    tr_buf_add_char(call->out, ']');
    if (at < tables->count) {
        tr_buf_add_str(call->out, ",\"LastEvaluatedTableName\":");
        tr_buf_add_json(call->out, tables->list[at - 1]->name);
    }
    tr_buf_add_char(call->out, '}');
    return tr_buf_status(call->out);
}

/* --- time to live --- */

static enum tr_status check_ttl(struct tr_call *call, const struct tr_local_table *table,
                                bool enabled, struct tr_bytes name)
{
    if (enabled && table->ttl_name.ptr != NULL && tr_bytes_eq(table->ttl_name, name)) {
        return invalid(call, "TimeToLive is already enabled");
    }
    if (!enabled && table->ttl_name.ptr == NULL) {
        return invalid(call, "TimeToLive is already disabled");
    }
    if (table->ttl_name.ptr != NULL && !tr_bytes_eq(table->ttl_name, name)) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              "TimeToLive is active on a different AttributeName: current "
                              "AttributeName is %.*s",
                              TR_FMT(table->ttl_name));
    }
    return TR_OK;
}

static enum tr_status read_ttl(struct tr_call *call, const struct tr_request *request,
                               bool *enabled, struct tr_bytes *name)
{
    struct tr_json object = request->member[TR_TimeToLiveSpecification];
    struct tr_json json_enabled = tr_json_get(object, "Enabled");
    struct tr_json json_name = tr_json_get(object, "AttributeName");
    struct tr_checks checks = {0};
    enum tr_status status = tr_table_read_string(call, json_name, name);

    if (status != TR_OK) {
        return status;
    }
    tr_check_given(call, &checks, request, TR_TimeToLiveSpecification);
    if (object.doc != NULL) {
        tr_check(call, &checks, name->ptr != NULL, json_name,
                 "timeToLiveSpecification.attributeName", "Member must not be null");
        tr_check(call, &checks, name->ptr == NULL || (name->len >= 1 && name->len <= 255),
                 json_name, "timeToLiveSpecification.attributeName",
                 name->len == 0 ? "Member must have length greater than or equal to 1"
                                : "Member must have length less than or equal to 255");
        tr_check(call, &checks,
                 json_enabled.doc != NULL && tr_json_type(json_enabled) != TR_JSON_NULL,
                 json_enabled, "timeToLiveSpecification.enabled", "Member must not be null");
    }
    if ((status = tr_check_end(call, &checks)) != TR_OK) {
        return status;
    }
    return tr_json_bool(json_enabled, enabled)
               ? TR_OK
               : tr_json_mistyped(json_enabled, "Boolean", &call->problem);
}

enum tr_status tr_op_update_ttl(struct tr_call *call)
{
    struct tr_request request;
    struct tr_local_table *table;
    struct tr_bytes name;
    bool enabled = false;
    enum tr_status status = tr_table_read(call, &ttl_shape, &request, &table);

    if (status != TR_OK || (status = read_ttl(call, &request, &enabled, &name)) != TR_OK ||
        (status = tr_table_check_idle(call, table)) != TR_OK ||
        (status = check_ttl(call, table, enabled, name)) != TR_OK) {
        return status;
    }
    tr_buf_printf(call->out, "{\"TimeToLiveSpecification\":{\"Enabled\":%s,\"AttributeName\":",
                  enabled ? "true" : "false");
    tr_buf_add_json(call->out, name);
    tr_buf_add_str(call->out, "}}");
    if (tr_buf_status(call->out) != TR_OK) {
        return TR_ENOMEM;
    }
    return tr_local_table_set_ttl(call->local, table, enabled ? name : (struct tr_bytes){NULL, 0});
}

enum tr_status tr_op_describe_ttl(struct tr_call *call)
{
    struct tr_request request;
    struct tr_local_table *table;
    enum tr_status status = tr_table_read(call, &name_shape, &request, &table);
    if (status != TR_OK) {
        return status;
    }
    tr_buf_printf(call->out, "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"%s\"",
                  table->ttl_name.ptr != NULL ? "ENABLED" : "DISABLED");
    if (table->ttl_name.ptr != NULL) {
        tr_buf_add_str(call->out, ",\"AttributeName\":");
        tr_buf_add_json(call->out, table->ttl_name);
    }
    tr_buf_add_str(call->out, "}}");
    return tr_buf_status(call->out);
}
