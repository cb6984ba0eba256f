/* SPDX-License-Identifier: Apache-2.0 */
#include "local/table_request.h"

#define INVALID "One or more parameter values were invalid: "
#define UNITS_MAX 1000000000000
#define DESCRIPTION_BYTES 8192 /* a description without the names in it */

static enum tr_status invalid(struct tr_call *call, const char *text)
{
    return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION, "%s", text);
}

/* --- the table's name --- */

enum tr_status tr_table_check_name(struct tr_call *call, const struct tr_request *request,
                                   struct tr_checks *checks)
{
    struct tr_bytes name;
    enum tr_status status = tr_request_text(call, request, TR_TableName, &name);
    if (status != TR_OK) {
        return status;
    }
    if (name.ptr == NULL) {
        return invalid(call,
                       "The parameter 'TableName' is required but was not present in the request");
    }
    if (!tr_bytes_starts(name, "arn:") && (name.len < 3 || name.len > 255)) {
        return invalid(call, "TableName must be at least 3 characters long and at most 255 "
                             "characters long");
    }
    tr_check_table_name(call, checks, request);
    return TR_OK;
}

static enum tr_status find_table(struct tr_call *call, const struct tr_request *request,
                                 struct tr_local_table **out)
{
    struct tr_bytes name;
    enum tr_status status = tr_request_text(call, request, TR_TableName, &name);
    if (status != TR_OK) {
        return status;
    }
    *out = tr_local_table_named(call->local, name);
    if (*out == NULL) {
        return tr_problem_set(&call->problem, TR_PROBLEM_NOT_FOUND,
                              "Requested resource not found: Table: %.*s not found", TR_FMT(name));
    }
    return TR_OK;
}

/* The request of an operation that takes an existing table. */
enum tr_status tr_table_read(struct tr_call *call, const struct tr_request_shape *shape,
                             struct tr_request *request, struct tr_local_table **out)
{
    struct tr_checks checks = {0};
    enum tr_status status = tr_request_read(call, call->request, shape, request);
    if (status == TR_OK) {
        status = tr_table_check_name(call, request, &checks);
    }
    if (status == TR_OK) {
        status = tr_check_end(call, &checks);
    }
    return status == TR_OK ? find_table(call, request, out) : status;
}

enum tr_status tr_table_check_idle(struct tr_call *call, const struct tr_local_table *table)
{
    static const char *const words[] = {"created", "", "updated", "deleted"};
    if (table->status == TR_TABLE_ACTIVE) {
        return TR_OK;
    }
    return tr_problem_set(
        &call->problem, TR_PROBLEM_IN_USE,
        "Attempt to change a resource which is still in use: Table is being %s: %.*s",
        words[table->status], TR_FMT(table->name));
}

enum tr_status tr_table_read_string(struct tr_call *call, struct tr_json value,
                                    struct tr_bytes *out)
{
    *out = (struct tr_bytes){NULL, 0};
    if (value.doc == NULL || tr_json_type(value) == TR_JSON_NULL) {
        return TR_OK;
    }
    return tr_json_type(value) == TR_JSON_STRING
               ? tr_json_text(value, call->arena, out)
               : tr_json_mistyped(value, "String", &call->problem);
}

/* --- describing --- */

static const char *status_text(enum tr_table_status status)
{
    static const char *const texts[] = {"CREATING", "ACTIVE", "UPDATING", "DELETING"};
    return texts[status];
}

/* Seconds with three places, as the service's JSON has times. */
static void add_time(struct tr_buf *out, struct tr_wall t)
{
    tr_buf_printf(out, "%lld.%03d", (long long)(t.ms / 1000), (int)(t.ms % 1000));
}

static void add_definition(struct tr_buf *out, const struct tr_key_part *part)
{
    tr_buf_add_str(out, "{\"AttributeName\":");
    tr_buf_add_json(out, part->name);
    tr_buf_printf(out, ",\"AttributeType\":\"%s\"}", tr_value_type_name(part->type));
}

static void add_billing(struct tr_buf *out, const struct tr_local_table *table)
{
    tr_buf_printf(out,
                  ",\"ProvisionedThroughput\":{\"NumberOfDecreasesToday\":0,"
                  "\"ReadCapacityUnits\":%llu,\"WriteCapacityUnits\":%llu}",
                  (unsigned long long)table->read_units, (unsigned long long)table->write_units);
    if (table->on_demand_since.ms != 0) {
        tr_buf_printf(out,
                      ",\"BillingModeSummary\":{\"BillingMode\":\"%s\","
                      "\"LastUpdateToPayPerRequestDateTime\":",
                      table->on_demand ? "PAY_PER_REQUEST" : "PROVISIONED");
        add_time(out, table->on_demand_since);
        tr_buf_add_char(out, '}');
    }
}

static void add_stream(struct tr_buf *out, const struct tr_local_table *table)
{
    if (table->stream == NULL) {
        return;
    }
    if (tr_local_stream_is_enabled(table->stream)) {
        tr_buf_printf(out,
                      ",\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":\"%s\"}",
                      tr_local_view_name(tr_local_stream_view(table->stream)));
    }
    tr_buf_add_str(out, ",\"LatestStreamLabel\":");
    tr_buf_add_json(out, tr_local_stream_label(table->stream));
    tr_buf_add_str(out, ",\"LatestStreamArn\":");
    tr_buf_add_json(out, tr_local_stream_arn(table->stream));
}

void tr_table_describe(struct tr_call *call, const char *name, const struct tr_local_table *table)
{
    struct tr_buf *out = call->out;
    tr_buf_printf(out, "{\"%s\":{\"AttributeDefinitions\":[", name);
    add_definition(out, &table->hash);
    if (table->range.name.ptr != NULL) {
        tr_buf_add_char(out, ',');
        add_definition(out, &table->range);
    }
    tr_buf_add_str(out, "],\"TableName\":");
    tr_buf_add_json(out, table->name);
    tr_buf_add_str(out, ",\"KeySchema\":");
    tr_local_table_add_key_schema(table, out);
    tr_buf_printf(out, ",\"TableStatus\":\"%s\",\"CreationDateTime\":", status_text(table->status));
    add_time(out, table->created);
    add_billing(out, table);
    tr_buf_printf(out, ",\"TableSizeBytes\":%llu,\"ItemCount\":%llu,\"TableArn\":\"",
                  (unsigned long long)table->item_bytes, (unsigned long long)table->item_count);
    tr_local_table_add_arn(call->local, table, out);
    tr_buf_printf(out, "\",\"TableId\":\"%s\"", table->id);
    add_stream(out, table);
    tr_buf_printf(out, ",\"DeletionProtectionEnabled\":%s}}",
                  table->deletion_protected ? "true" : "false");
}

/* Room enough for a description: made before the change that it describes, so that nothing fails
 * after that. Names may need six characters for one. */
size_t tr_table_description_bytes(const struct tr_local_table *table)
{
    return DESCRIPTION_BYTES +
           6 * (4 * table->name.len + 2 * (table->hash.name.len + table->range.name.len));
}

/* --- throughput --- */

enum tr_status tr_table_read_throughput(struct tr_call *call, const struct tr_request *request,
                                        struct tr_checks *checks, struct tr_local_table *given)
{
    struct tr_json object = request->member[TR_ProvisionedThroughput];
    struct tr_json reads = tr_json_get(object, "ReadCapacityUnits");
    struct tr_json writes = tr_json_get(object, "WriteCapacityUnits");
    struct tr_json wrong = {0};

    if (object.doc == NULL) {
        return TR_OK;
    }
    if (writes.doc != NULL && tr_json_type(writes) != TR_JSON_NUMBER) {
        wrong = writes;
    } else if (reads.doc != NULL && tr_json_type(reads) != TR_JSON_NUMBER) {
        wrong = reads;
    }
    if (wrong.doc != NULL && tr_json_type(wrong) != TR_JSON_NULL) {
        return tr_json_mistyped(wrong, "Long", &call->problem);
    }
    tr_check(call, checks, tr_json_type(writes) == TR_JSON_NUMBER, writes,
             "provisionedThroughput.writeCapacityUnits", "Member must not be null");
    tr_check(call, checks, tr_json_int(writes, 1) >= 1, writes,
             "provisionedThroughput.writeCapacityUnits",
             "Member must have value greater than or equal to 1");
    tr_check(call, checks, tr_json_type(reads) == TR_JSON_NUMBER, reads,
             "provisionedThroughput.readCapacityUnits", "Member must not be null");
    tr_check(call, checks, tr_json_int(reads, 1) >= 1, reads,
             "provisionedThroughput.readCapacityUnits",
             "Member must have value greater than or equal to 1");
    given->read_units = (uint64_t)tr_json_int(reads, 0);
    given->write_units = (uint64_t)tr_json_int(writes, 0);
    return TR_OK;
}

static enum tr_status out_of_bounds(struct tr_call *call, uint64_t value, const char *name)
{
    return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                          "Given value %llu for %s is out of bounds", (unsigned long long)value,
                          name);
}

enum tr_status tr_table_check_billing(struct tr_call *call, const struct tr_request *request,
                                      const struct tr_local_table *given)
{
    bool throughput = tr_request_has(request, TR_ProvisionedThroughput);
    if (given->on_demand) {
        return throughput ? invalid(call, INVALID
                                    "Neither ReadCapacityUnits nor WriteCapacityUnits can be "
                                    "specified when BillingMode is PAY_PER_REQUEST")
                          : TR_OK;
    }
    if (!throughput) {
        return invalid(call, INVALID "ReadCapacityUnits and WriteCapacityUnits must both be "
                                     "specified when BillingMode is PROVISIONED");
    }
    if (given->read_units > UNITS_MAX) {
        return out_of_bounds(call, given->read_units, "ReadCapacityUnits");
    }
    return given->write_units > UNITS_MAX
               ? out_of_bounds(call, given->write_units, "WriteCapacityUnits")
               : TR_OK;
}

/* --- streams --- */

enum tr_status tr_table_read_stream(struct tr_call *call, const struct tr_request *request,
                                    struct tr_checks *checks, struct tr_stream_wish *out)
{
    struct tr_json object = request->member[TR_StreamSpecification];
    struct tr_json enabled = tr_json_get(object, "StreamEnabled");
    struct tr_json view = tr_json_get(object, "StreamViewType");
    struct tr_bytes name;
    enum tr_status status;

    *out = (struct tr_stream_wish){.given = object.doc != NULL};
    if (object.doc == NULL) {
        return TR_OK;
    }
    tr_check(call, checks, enabled.doc != NULL && tr_json_type(enabled) != TR_JSON_NULL, enabled,
             "streamSpecification.streamEnabled", "Member must not be null");
    if (enabled.doc != NULL && tr_json_type(enabled) != TR_JSON_NULL &&
        !tr_json_bool(enabled, &out->enabled)) {
        return tr_json_mistyped(enabled, "Boolean", &call->problem);
    }
    if (view.doc == NULL || tr_json_type(view) == TR_JSON_NULL) {
        return TR_OK;
    }
    if (tr_json_type(view) != TR_JSON_STRING) {
        return tr_json_mistyped(view, "String", &call->problem);
    }
    if ((status = tr_json_text(view, call->arena, &name)) != TR_OK) {
        return status;
    }
    out->has_view = tr_local_view_parse(name, &out->view);
    tr_check(call, checks, out->has_view, view, "streamSpecification.streamViewType",
             "Member must satisfy enum value set: [NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES, "
             "KEYS_ONLY]");
    return TR_OK;
}

enum tr_status tr_table_check_stream(struct tr_call *call, const struct tr_stream_wish *wish)
{
    if (wish->given && wish->enabled && !wish->has_view) {
        return invalid(call, "Invalid StreamViewType: Stream ViewType must not be null or empty "
                             "when enabling streams.");
    }
    if (wish->given && !wish->enabled && wish->has_view) {
        return invalid(call, "Invalid StreamViewType: Stream StreamEnabled was false but a "
                             "StreamViewType was present.");
    }
    return TR_OK;
}
