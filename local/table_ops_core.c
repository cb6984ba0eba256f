/* SPDX-License-Identifier: Apache-2.0
 *
 * CreateTable, DescribeTable, UpdateTable, DeleteTable, ListTables and the settings of time to
 * live. */
#include "local/ops.h"
#include "local/request.h"
#include "local/table.h"

#define INVALID "One or more parameter values were invalid: "
#define UNITS_MAX 1000000000000
#define LIST_MAX 100
#define DEFINITIONS_MAX 100
#define DESCRIPTION_BYTES 8192 /* a description without the names in it */

#define NOT_HERE                                                                                   \
    "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "GlobalSecondaryIndexUpdates",              \
        "ReplicaUpdates", "SSESpecification", "Tags", "TableClass", "ResourcePolicy",              \
        "OnDemandThroughput", "WarmThroughput", "MultiRegionConsistency",                          \
        "GlobalTableWitnessUpdates", "GlobalTableSettingsReplicationMode", NULL
static const char *const not_here[] = {NOT_HERE};

static const enum tr_member create_members[] = {
    TR_TableName,
    TR_AttributeDefinitions,
    TR_KeySchema,
    TR_BillingMode,
    TR_ProvisionedThroughput,
    TR_StreamSpecification,
    TR_DeletionProtectionEnabled,
};
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
static const struct tr_request_shape create_shape = SHAPE(create_members, not_here);
static const struct tr_request_shape update_shape = SHAPE(update_members, not_here);
static const struct tr_request_shape name_shape = SHAPE(name_members, NULL);
static const struct tr_request_shape list_shape = SHAPE(list_members, NULL);
static const struct tr_request_shape ttl_shape = SHAPE(ttl_members, NULL);

static enum tr_status invalid(struct tr_call *call, const char *text)
{
    return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION, "%s", text);
}

/* --- the table's name --- */

static enum tr_status check_name(struct tr_call *call, const struct tr_request *request,
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
static enum tr_status read_for_table(struct tr_call *call, const struct tr_request_shape *shape,
                                     struct tr_request *request, struct tr_local_table **out)
{
    struct tr_checks checks = {0};
    enum tr_status status = tr_request_read(call, call->request, shape, request);
    if (status == TR_OK) {
        status = check_name(call, request, &checks);
    }
    if (status == TR_OK) {
        status = tr_check_end(call, &checks);
    }
    return status == TR_OK ? find_table(call, request, out) : status;
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

static void add_description(struct tr_call *call, const char *name,
                            const struct tr_local_table *table)
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
static size_t description_bytes(const struct tr_local_table *table)
{
    return DESCRIPTION_BYTES +
           6 * (4 * table->name.len + 2 * (table->hash.name.len + table->range.name.len));
}

enum tr_status tr_op_describe_table(struct tr_call *call)
{
    struct tr_request request;
    struct tr_local_table *table;
    enum tr_status status = read_for_table(call, &name_shape, &request, &table);
    if (status == TR_OK) {
        add_description(call, "Table", table);
        status = tr_buf_status(call->out);
    }
    return status;
}

/* --- throughput --- */

static enum tr_status read_throughput(struct tr_call *call, const struct tr_request *request,
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

static enum tr_status check_billing(struct tr_call *call, const struct tr_request *request,
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

struct stream_wish {
    bool given;
    bool enabled;
    bool has_view;
    enum tr_local_view view;
};

static enum tr_status read_stream(struct tr_call *call, const struct tr_request *request,
                                  struct tr_checks *checks, struct stream_wish *out)
{
    struct tr_json object = request->member[TR_StreamSpecification];
    struct tr_json enabled = tr_json_get(object, "StreamEnabled");
    struct tr_json view = tr_json_get(object, "StreamViewType");
    struct tr_bytes name;
    enum tr_status status;

    *out = (struct stream_wish){.given = object.doc != NULL};
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

static enum tr_status check_stream(struct tr_call *call, const struct stream_wish *wish)
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

/* --- CreateTable --- */

/* One AttributeDefinition or KeySchemaElement: two strings. */
struct pair {
    struct tr_bytes name;
    struct tr_bytes word;
};

static enum tr_status read_string(struct tr_call *call, struct tr_json value, struct tr_bytes *out)
{
    *out = (struct tr_bytes){NULL, 0};
    if (value.doc == NULL || tr_json_type(value) == TR_JSON_NULL) {
        return TR_OK;
    }
    return tr_json_type(value) == TR_JSON_STRING
               ? tr_json_text(value, call->arena, out)
               : tr_json_mistyped(value, "String", &call->problem);
}

/* The pairs of a list member; `at` and `field` name it in messages. */
static enum tr_status read_pairs(struct tr_call *call, struct tr_json list, const char *at,
                                 const char *word_member, const char *field, const char *words,
                                 struct tr_checks *checks, struct pair *out)
{
    struct tr_json element;
    size_t i = 0;
    char where[96], constraint[96];

    (void)snprintf(constraint, sizeof constraint, "Member must satisfy enum value set: [%s]",
                   words);
    for (element = tr_json_first(list); element.doc != NULL;
         element = tr_json_next(list, element), i++) {
        struct tr_json name = tr_json_get(element, "AttributeName");
        struct tr_json word = tr_json_get(element, word_member);
        enum tr_status status;
        if (tr_json_type(element) != TR_JSON_OBJECT) {
            return tr_problem_set(&call->problem, TR_PROBLEM_SERIALIZATION,
                                  "Unexpected value type in payload");
        }
        if ((status = read_string(call, name, &out[i].name)) != TR_OK ||
            (status = read_string(call, word, &out[i].word)) != TR_OK) {
            return status;
        }
        (void)snprintf(where, sizeof where, "%s.%zu.member.attributeName", at, i + 1);
        tr_check(call, checks, out[i].name.ptr != NULL, name, where, "Member must not be null");
        tr_check(call, checks,
                 out[i].name.ptr == NULL || (out[i].name.len >= 1 && out[i].name.len <= 255), name,
                 where, "Member must have length less than or equal to 255");
        (void)snprintf(where, sizeof where, "%s.%zu.member.%s", at, i + 1, field);
        tr_check(call, checks, out[i].word.ptr != NULL, word, where, "Member must not be null");
        tr_check(call, checks, out[i].word.ptr == NULL || tr_word_among(out[i].word, words), word,
                 where, constraint);
    }
    return TR_OK;
}

/* What CreateTable is asked for. */
struct creation {
    struct tr_call *call;
    struct tr_request request;
    struct tr_checks checks;
    struct pair definitions[DEFINITIONS_MAX];
    size_t definition_count;
    struct pair keys[2];
    size_t key_count;
    struct stream_wish stream;
    struct tr_local_table table;
};

static enum tr_status read_schema(struct creation *c)
{
    struct tr_json definitions = c->request.member[TR_AttributeDefinitions];
    struct tr_json keys = c->request.member[TR_KeySchema];
    struct tr_call *call = c->call;
    enum tr_status status;

    tr_check_given(call, &c->checks, &c->request, TR_AttributeDefinitions);
    tr_check_given(call, &c->checks, &c->request, TR_KeySchema);
    c->definition_count = tr_json_count(definitions);
    c->key_count = tr_json_count(keys);
    if (keys.doc != NULL) {
        tr_check(call, &c->checks, c->key_count >= 1, keys, "keySchema",
                 "Member must have length greater than or equal to 1");
        tr_check(call, &c->checks, c->key_count <= 2, keys, "keySchema",
                 "Member must have length less than or equal to 2");
    }
    if (c->definition_count > DEFINITIONS_MAX || c->key_count > 2) {
        tr_check(call, &c->checks, c->definition_count <= DEFINITIONS_MAX, definitions,
                 "attributeDefinitions", "Member must have length less than or equal to 100");
        return TR_OK;
    }
    status = read_pairs(call, definitions, "attributeDefinitions", "AttributeType", "attributeType",
                        "B, N, S", &c->checks, c->definitions);
    return status == TR_OK ? read_pairs(call, keys, "keySchema", "KeyType", "keyType",
                                        "HASH, RANGE", &c->checks, c->keys)
                           : status;
}

static void add_names(struct tr_buf *out, const struct pair *pairs, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) {
        tr_buf_add_str(out, i > 0 ? ", " : "");
        tr_buf_add(out, pairs[i].name);
    }
}

static const struct pair *find_definition(const struct creation *c, struct tr_bytes name)
{
    size_t i;
    for (i = 0; i < c->definition_count; i++) {
        if (tr_bytes_eq(c->definitions[i].name, name)) {
            return &c->definitions[i];
        }
    }
    return NULL;
}

static enum tr_status undefined_key(struct creation *c)
{
    struct tr_buf *out = &c->call->problem.message;
    c->call->problem.code = TR_PROBLEM_VALIDATION;
    tr_buf_reset(out);
    tr_buf_add_str(out, INVALID "Some index key attributes are not defined in "
                                "AttributeDefinitions. Keys: [");
    add_names(out, c->keys, c->key_count);
    tr_buf_add_str(out, "], AttributeDefinitions: [");
    add_names(out, c->definitions, c->definition_count);
    tr_buf_add_char(out, ']');
    return tr_buf_status(out) == TR_OK ? TR_EREFUSED : TR_ENOMEM;
}

static enum tr_status check_schema(struct creation *c)
{
    struct tr_call *call = c->call;
    size_t i;
    if (c->key_count > c->definition_count) {
        return invalid(call, "Invalid KeySchema: Some index key attribute have no definition");
    }
    for (i = 0; i < c->key_count; i++) {
        if (find_definition(c, c->keys[i].name) == NULL) {
            return undefined_key(c);
        }
    }
    if (c->key_count == 2 && tr_bytes_eq(c->keys[0].name, c->keys[1].name)) {
        return invalid(call,
                       "Both the Hash Key and the Range Key element in the KeySchema have the "
                       "same name");
    }
    if (!tr_bytes_is(c->keys[0].word, "HASH")) {
        return invalid(call,
                       "Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
    }
    if (c->key_count == 2 && !tr_bytes_is(c->keys[1].word, "RANGE")) {
        return invalid(call,
                       "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type");
    }
    if (c->key_count != c->definition_count) {
        return invalid(call, INVALID "Number of attributes in KeySchema does not exactly match "
                                     "number of attributes defined in AttributeDefinitions");
    }
    return TR_OK;
}

static struct tr_key_part key_part(const struct creation *c, size_t at)
{
    if (at >= c->key_count) {
        return (struct tr_key_part){0};
    }
    return (struct tr_key_part){c->keys[at].name,
                                tr_value_type_of(find_definition(c, c->keys[at].name)->word)};
}

static enum tr_status read_creation(struct creation *c)
{
    struct tr_call *call = c->call;
    enum tr_status status = tr_request_read(call, call->request, &create_shape, &c->request);
    if (status != TR_OK || (status = check_name(call, &c->request, &c->checks)) != TR_OK) {
        return status;
    }
    c->table.on_demand = tr_request_is(&c->request, TR_BillingMode, "PAY_PER_REQUEST");
    if (c->table.on_demand) {
        c->table.on_demand_since = call->local->now;
    }
    c->table.deletion_protected = tr_request_bool(&c->request, TR_DeletionProtectionEnabled, false);
    if ((status = read_schema(c)) != TR_OK ||
        (status = read_throughput(call, &c->request, &c->checks, &c->table)) != TR_OK ||
        (status = read_stream(call, &c->request, &c->checks, &c->stream)) != TR_OK) {
        return status;
    }
    tr_check_word(call, &c->checks, &c->request, TR_BillingMode, "PROVISIONED, PAY_PER_REQUEST");
    if ((status = tr_check_end(call, &c->checks)) != TR_OK ||
        (status = check_billing(call, &c->request, &c->table)) != TR_OK ||
        (status = check_schema(c)) != TR_OK || (status = check_stream(call, &c->stream)) != TR_OK) {
        return status;
    }
    c->table.hash = key_part(c, 0);
    c->table.range = key_part(c, 1);
    return tr_request_text(call, &c->request, TR_TableName, &c->table.name);
}

enum tr_status tr_op_create_table(struct tr_call *call)
{
    struct creation *c = tr_arena_alloc(call->arena, sizeof *c);
    struct tr_local *local = call->local;
    struct tr_local_table *table;
    enum tr_status status;

    if (c == NULL) {
        return TR_ENOMEM;
    }
    c->call = call;
    if ((status = read_creation(c)) != TR_OK) {
        return status;
    }
    if (tr_local_table_find(local, c->table.name) != NULL) {
        return tr_problem_set(&call->problem, TR_PROBLEM_IN_USE, "Table already exists: %.*s",
                              TR_FMT(c->table.name));
    }
    if (local->tables.count == TR_TABLES_MAX) {
        return tr_problem_set(&call->problem, TR_PROBLEM_LIMIT,
                              "Subscriber limit exceeded: There is a limit of %d tables per "
                              "subscriber",
                              TR_TABLES_MAX);
    }
    if (!tr_buf_reserve(call->out, description_bytes(&c->table))) {
        return TR_ENOMEM;
    }
    if ((status = tr_local_table_add(local, &c->table, &table)) != TR_OK) {
        return status;
    }
    if (c->stream.enabled &&
        (status = tr_local_stream_enable(local, table, c->stream.view)) != TR_OK) {
        tr_local_table_drop(local, table);
        return status;
    }
    add_description(call, "TableDescription", table);
    return TR_OK;
}

/* --- DeleteTable --- */

static enum tr_status check_idle(struct tr_call *call, const struct tr_local_table *table)
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

enum tr_status tr_op_delete_table(struct tr_call *call)
{
    struct tr_request request;
    struct tr_local_table *table;
    enum tr_status status = read_for_table(call, &name_shape, &request, &table);

    if (status != TR_OK || (status = check_idle(call, table)) != TR_OK) {
        return status;
    }
    if (table->deletion_protected) {
        return invalid(call, "Resource cannot be deleted as it is currently protected against "
                             "deletion. Disable deletion protection first.");
    }
    if (!tr_buf_reserve(call->out, description_bytes(table))) {
        return TR_ENOMEM;
    }
    tr_local_table_begin(call->local, table, TR_TABLE_DELETING);
    add_description(call, "TableDescription", table);
    tr_local_stream_disable(call->local, table);
    return TR_OK;
}

/* --- UpdateTable --- */

static enum tr_status check_change(struct tr_call *call, const struct tr_request *request,
                                   const struct tr_local_table *table,
                                   const struct tr_local_table *wanted,
                                   const struct stream_wish *stream)
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
                                  struct stream_wish *stream)
{
    struct tr_checks checks = {0};
    bool billing = tr_request_has(request, TR_BillingMode) ||
                   tr_request_has(request, TR_ProvisionedThroughput);
    enum tr_status status = read_throughput(call, request, &checks, wanted);
    if (status != TR_OK || (status = read_stream(call, request, &checks, stream)) != TR_OK) {
        return status;
    }
    tr_check_word(call, &checks, request, TR_BillingMode, "PROVISIONED, PAY_PER_REQUEST");
    if ((status = tr_check_end(call, &checks)) != TR_OK) {
        return status;
    }
    merge_billing(request, table, wanted);
    if (billing && (wanted->on_demand || table->on_demand) &&
        (status = check_billing(call, request, wanted)) != TR_OK) {
        return status;
    }
    if ((status = check_stream(call, stream)) != TR_OK) {
        return status;
    }
    return check_change(call, request, table, wanted, stream);
}

enum tr_status tr_op_update_table(struct tr_call *call)
{
    struct tr_request request;
    struct tr_local_table *table, wanted = {0};
    struct stream_wish stream;
    enum tr_status status = read_for_table(call, &update_shape, &request, &table);

    if (status != TR_OK || (status = check_idle(call, table)) != TR_OK ||
        (status = read_change(call, &request, table, &wanted, &stream)) != TR_OK) {
        return status;
    }
    if (!tr_buf_reserve(call->out, description_bytes(table))) {
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
    add_description(call, "TableDescription", table);
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
    enum tr_status status = read_string(call, json_name, name);

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
    enum tr_status status = read_for_table(call, &ttl_shape, &request, &table);

    if (status != TR_OK || (status = read_ttl(call, &request, &enabled, &name)) != TR_OK ||
        (status = check_idle(call, table)) != TR_OK ||
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
    enum tr_status status = read_for_table(call, &name_shape, &request, &table);
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
