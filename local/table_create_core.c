/* SPDX-License-Identifier: Apache-2.0
 *
 * CreateTable: the key schema, and all that is refused about it. */
#include "local/ops.h"
#include "local/table_request.h"

#define INVALID "One or more parameter values were invalid: "
#define DEFINITIONS_MAX 100

static const char *const not_here[] = {TR_TABLE_NOT_HERE};

static const enum tr_member create_members[] = {
    TR_TableName,
    TR_AttributeDefinitions,
    TR_KeySchema,
    TR_BillingMode,
    TR_ProvisionedThroughput,
    TR_StreamSpecification,
    TR_DeletionProtectionEnabled,
};
static const struct tr_request_shape create_shape = {
    create_members, sizeof create_members / sizeof create_members[0], not_here};

static enum tr_status invalid(struct tr_call *call, const char *text)
{
    return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION, "%s", text);
}

/* One AttributeDefinition or KeySchemaElement: two strings. */
struct pair {
    struct tr_bytes name;
    struct tr_bytes word;
};

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
        if ((status = tr_table_read_string(call, name, &out[i].name)) != TR_OK ||
            (status = tr_table_read_string(call, word, &out[i].word)) != TR_OK) {
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
    struct tr_stream_wish stream;
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
    if (status != TR_OK || (status = tr_table_check_name(call, &c->request, &c->checks)) != TR_OK) {
        return status;
    }
    c->table.on_demand = tr_request_is(&c->request, TR_BillingMode, "PAY_PER_REQUEST");
    if (c->table.on_demand) {
        c->table.on_demand_since = call->local->now;
    }
    c->table.deletion_protected = tr_request_bool(&c->request, TR_DeletionProtectionEnabled, false);
    if ((status = read_schema(c)) != TR_OK ||
        (status = tr_table_read_throughput(call, &c->request, &c->checks, &c->table)) != TR_OK ||
        (status = tr_table_read_stream(call, &c->request, &c->checks, &c->stream)) != TR_OK) {
        return status;
    }
    tr_check_word(call, &c->checks, &c->request, TR_BillingMode, "PROVISIONED, PAY_PER_REQUEST");
    if ((status = tr_check_end(call, &c->checks)) != TR_OK ||
        (status = tr_table_check_billing(call, &c->request, &c->table)) != TR_OK ||
        (status = check_schema(c)) != TR_OK ||
        (status = tr_table_check_stream(call, &c->stream)) != TR_OK) {
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
    if (!tr_buf_reserve(call->out, tr_table_description_bytes(&c->table))) {
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
    tr_table_describe(call, "TableDescription", table);
    return TR_OK;
}
