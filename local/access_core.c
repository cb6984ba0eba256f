/* SPDX-License-Identifier: Apache-2.0 */
#include "local/access.h"

#include "local/legacy.h"

#define INVALID "One or more parameter values were invalid: "
#define HASH_KEY_BYTES_MAX 2048
#define RANGE_KEY_BYTES_MAX 1024

/* --- tables --- */

enum tr_status tr_access_table(struct tr_call *call, struct tr_json name,
                               struct tr_local_table **out)
{
    struct tr_bytes text;
    enum tr_status status = tr_json_text(name, call->arena, &text);
    if (status != TR_OK) {
        return status;
    }
    if (!tr_request_names_table(text)) { /* only a batch comes here with a name unchecked */
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              "1 validation error detected: Value '%.*s' at 'requestItems' failed "
                              "to satisfy constraint: Map keys must satisfy constraint: [Member "
                              "must have length less than or equal to 255, Member must have length "
                              "greater than or equal to 3, Member must satisfy regular expression "
                              "pattern: [a-zA-Z0-9_.-]+]",
                              TR_FMT(text));
    }
    *out = tr_local_table_named(call->local, text);
    if (*out == NULL || (*out)->status == TR_TABLE_CREATING ||
        (*out)->status == TR_TABLE_DELETING) {
        return tr_problem_set(&call->problem, TR_PROBLEM_NOT_FOUND, "Requested resource not found");
    }
    return TR_OK;
}

/* --- keys --- */

static enum tr_status check_content(struct tr_call *call, const struct tr_local_table *table,
                                    const struct tr_key_part *part, struct tr_value value)
{
    bool hash = part == &table->hash;
    if (value.data.len == 0) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              "One or more parameter values are not valid. The AttributeValue for "
                              "a key attribute cannot contain an empty %s value. Key: %.*s",
                              part->type == TR_VALUE_B ? "binary" : "string", TR_FMT(part->name));
    }
    if (hash && value.data.len > HASH_KEY_BYTES_MAX) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              INVALID "Size of hashkey has exceeded the maximum size limit of%d "
                                      "bytes",
                              HASH_KEY_BYTES_MAX);
    }
    if (!hash && value.data.len > RANGE_KEY_BYTES_MAX) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              INVALID "Aggregated size of all range keys has exceeded the size "
                                      "limit of %d bytes",
                              RANGE_KEY_BYTES_MAX);
    }
    return TR_OK;
}

static enum tr_status mismatch(struct tr_call *call)
{
    return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                          "The provided key element does not match the schema");
}

static enum tr_status check_key_part(struct tr_call *call, const struct tr_local_table *table,
                                     const struct tr_key_part *part, struct tr_value map)
{
    struct tr_value value = tr_value_member(map, part->name);
    if (value.type != part->type) {
        return mismatch(call);
    }
    return check_content(call, table, part, value);
}

enum tr_status tr_access_check_key(struct tr_call *call, const struct tr_local_table *table,
                                   struct tr_value map)
{
    bool two = table->range.name.ptr != NULL;
    enum tr_status status;
    if (tr_value_count(map) != (two ? 2u : 1u)) {
        return mismatch(call);
    }
    status = check_key_part(call, table, &table->hash, map);
    return status == TR_OK && two ? check_key_part(call, table, &table->range, map) : status;
}

static enum tr_status check_item_part(struct tr_call *call, const struct tr_local_table *table,
                                      const struct tr_key_part *part, struct tr_value map)
{
    struct tr_value value = tr_value_member(map, part->name);
    if (value.type == TR_VALUE_ABSENT) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              INVALID "Missing the key %.*s in the item", TR_FMT(part->name));
    }
    if (value.type != part->type) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              INVALID "Type mismatch for key %.*s expected: %s actual: %s",
                              TR_FMT(part->name), tr_value_type_name(part->type),
                              tr_value_type_name(value.type));
    }
    return check_content(call, table, part, value);
}

enum tr_status tr_access_check_item(struct tr_call *call, const struct tr_local_table *table,
                                    struct tr_value map)
{
    enum tr_status status = check_item_part(call, table, &table->hash, map);
    return status == TR_OK && table->range.name.ptr != NULL
               ? check_item_part(call, table, &table->range, map)
               : status;
}

struct tr_local_item *tr_access_read(const struct tr_call *call, const struct tr_local_table *table,
                                     const struct tr_local_key *key, bool consistent)
{
    return call->stale_read && !consistent ? tr_local_table_get_stale(call->local, table, key)
                                           : tr_local_table_get(table, key);
}

/* --- which parameters go together --- */

/* Append the names of those of a list that the request has; how many. */
static size_t add_present(struct tr_buf *out, const struct tr_request *request,
                          const enum tr_member *list)
{
    size_t count = 0;
    for (; *list != TR_MEMBER_COUNT; list++) {
        if (tr_request_has(request, *list)) {
            tr_buf_add_str(out, count++ > 0 ? ", " : "");
            tr_buf_add_str(out, tr_member_name(*list));
        }
    }
    return count;
}

static enum tr_status both_kinds(struct tr_call *call, const struct tr_request *request,
                                 const enum tr_member *expressions, const enum tr_member *others)
{
    struct tr_buf *out = &call->problem.message;
    call->problem.code = TR_PROBLEM_VALIDATION;
    tr_buf_reset(out);
    tr_buf_add_str(out, "Can not use both expression and non-expression parameters in the same "
                        "request: Non-expression parameters: {");
    (void)add_present(out, request, others);
    tr_buf_add_str(out, "} Expression parameters: {");
    (void)add_present(out, request, expressions);
    tr_buf_add_char(out, '}');
    return tr_buf_status(out) == TR_OK ? TR_EREFUSED : TR_ENOMEM;
}

static bool has_any(const struct tr_request *request, const enum tr_member *list,
                    enum tr_member but)
{
    for (; *list != TR_MEMBER_COUNT; list++) {
        if (*list != but && tr_request_has(request, *list)) {
            return true;
        }
    }
    return false;
}

static enum tr_status values_alone(struct tr_call *call, const enum tr_member *expressions)
{
    struct tr_buf *out = &call->problem.message;
    size_t count = 0;
    call->problem.code = TR_PROBLEM_VALIDATION;
    tr_buf_reset(out);
    tr_buf_add_str(out, "ExpressionAttributeValues can only be specified when using expressions: ");
    for (; *expressions != TR_MEMBER_COUNT; expressions++) {
        if (*expressions != TR_ProjectionExpression) {
            tr_buf_add_str(out, count++ > 0 ? " and " : "");
            tr_buf_add_str(out, tr_member_name(*expressions));
        }
    }
    tr_buf_add_str(out, count > 1 ? " are null" : " is null");
    return tr_buf_status(out) == TR_OK ? TR_EREFUSED : TR_ENOMEM;
}

enum tr_status tr_access_check_mix(struct tr_call *call, const struct tr_request *request,
                                   const enum tr_member *expressions, const enum tr_member *others)
{
    bool any = has_any(request, expressions, TR_MEMBER_COUNT);
    if (any && has_any(request, others, TR_MEMBER_COUNT)) {
        return both_kinds(call, request, expressions, others);
    }
    if (tr_request_has(request, TR_ExpressionAttributeNames) && !any) {
        return tr_problem_set(
            &call->problem, TR_PROBLEM_VALIDATION,
            "ExpressionAttributeNames can only be specified when using expressions");
    }
    if (tr_request_has(request, TR_ExpressionAttributeValues) &&
        !has_any(request, expressions, TR_ProjectionExpression)) {
        return values_alone(call, expressions);
    }
    return TR_OK;
}

enum tr_status tr_access_projection(struct tr_call *call, const struct tr_request *request,
                                    struct tr_projection *out)
{
    struct tr_expr expr;
    struct tr_bytes text;
    enum tr_status status =
        tr_expr_begin(&expr, call->arena, &call->problem,
                      request->member[TR_ExpressionAttributeNames], (struct tr_json){0});
    *out = (struct tr_projection){0};
    if (status == TR_OK && tr_request_has(request, TR_AttributesToGet)) {
        return tr_legacy_projection(&expr, request->member[TR_AttributesToGet], out);
    }
    if (status == TR_OK) {
        status = tr_request_text(call, request, TR_ProjectionExpression, &text);
    }
    if (status == TR_OK && text.ptr != NULL) {
        status = tr_expr_projection(&expr, text, out);
    }
    return status == TR_OK ? tr_expr_end(&expr) : status;
}

enum tr_status tr_access_show(struct tr_call *call, const struct tr_projection *projection,
                              struct tr_value item, struct tr_value *out)
{
    if (projection->paths == NULL) {
        *out = item;
        return TR_OK;
    }
    return tr_eval_projection(projection, item, call->arena, out);
}

/* --- answers --- */

enum tr_capacity tr_access_capacity(const struct tr_request *request)
{
    if (tr_request_is(request, TR_ReturnConsumedCapacity, "TOTAL")) {
        return TR_CAPACITY_TOTAL;
    }
    return tr_request_is(request, TR_ReturnConsumedCapacity, "INDEXES") ? TR_CAPACITY_INDEXES
                                                                        : TR_CAPACITY_NONE;
}

uint64_t tr_access_read_halves(uint64_t bytes, bool consistent)
{
    uint64_t units = bytes > 0 ? (bytes + 4095) / 4096 : 1;
    return consistent ? units * 2 : units;
}

uint64_t tr_access_write_halves(uint64_t old_bytes, uint64_t new_bytes)
{
    uint64_t bytes = old_bytes > new_bytes ? old_bytes : new_bytes;
    return (bytes > 0 ? (bytes + 1023) / 1024 : 1) * 2;
}

static void add_halves(struct tr_buf *out, uint64_t halves)
{
    tr_buf_printf(out, "%llu.%c", (unsigned long long)(halves / 2), halves % 2 != 0 ? '5' : '0');
}

void tr_access_add_capacity(struct tr_buf *out, const struct tr_local_table *table,
                            enum tr_capacity capacity, uint64_t halves)
{
    tr_buf_add_str(out, "{\"TableName\":");
    tr_buf_add_json(out, table->name);
    tr_buf_add_str(out, ",\"CapacityUnits\":");
    add_halves(out, halves);
    if (capacity == TR_CAPACITY_INDEXES) {
        tr_buf_add_str(out, ",\"Table\":{\"CapacityUnits\":");
        add_halves(out, halves);
        tr_buf_add_char(out, '}');
    }
    tr_buf_add_char(out, '}');
}

void tr_access_add_name(struct tr_buf *out, bool *first, const char *name)
{
    tr_buf_add_char(out, *first ? '{' : ',');
    *first = false;
    tr_buf_add_char(out, '"');
    tr_buf_add_str(out, name);
    tr_buf_add_str(out, "\":");
}
