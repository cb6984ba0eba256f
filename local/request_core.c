/* SPDX-License-Identifier: Apache-2.0 */
#include "local/request.h"

#include "local/value.h"

#define CHECKS_MAX 10
#define VALUE_SHOWN_MAX 1024

enum json_kind { STRING, INTEGER, BOOLEAN, LIST, MAP };

struct member_row {
    const char *name;
    size_t len;
    enum json_kind kind;
};

static const struct member_row rows[] = {
#define ROW(name, type) {#name, sizeof(#name) - 1, type},
    TR_MEMBER_TABLE(ROW)
#undef ROW
};

const char *tr_member_name(enum tr_member member)
{
    return rows[member].name;
}

/* --- reading --- */

static enum tr_status expect_container(struct tr_call *call, struct tr_json value, bool list)
{
    enum tr_json_type type = tr_json_type(value);
    const char *text = "Unexpected field type";
    if (list && type == TR_JSON_OBJECT) {
        text = "Start of structure or map found where not expected";
    } else if (!list && type == TR_JSON_ARRAY) {
        text = "Unrecognized collection type java.util.Map<java.lang.String, "
               "com.amazonaws.dynamodb.v20120810.AttributeValue>";
    }
    return tr_problem_set(&call->problem, TR_PROBLEM_SERIALIZATION, "%s", text);
}

static enum tr_status expect(struct tr_call *call, struct tr_json value, enum json_kind kind)
{
    enum tr_json_type type = tr_json_type(value);
    switch (kind) {
    case STRING:
        return type == TR_JSON_STRING ? TR_OK : tr_json_mistyped(value, "String", &call->problem);
    case INTEGER:
        return type == TR_JSON_NUMBER ? TR_OK : tr_json_mistyped(value, "Integer", &call->problem);
    case BOOLEAN:
        return type == TR_JSON_TRUE || type == TR_JSON_FALSE
                   ? TR_OK
                   : tr_json_mistyped(value, "Boolean", &call->problem);
    case LIST:
        return type == TR_JSON_ARRAY ? TR_OK : expect_container(call, value, true);
    default:
        return type == TR_JSON_OBJECT ? TR_OK : expect_container(call, value, false);
    }
}

/* The member of a shape that a key names; TR_MEMBER_COUNT for none. */
static enum tr_member find_member(const struct tr_request_shape *shape, struct tr_bytes key)
{
    size_t i;
    for (i = 0; i < shape->count; i++) {
        const struct member_row *row = &rows[shape->members[i]];
        if (row->len == key.len && memcmp(row->name, key.ptr, key.len) == 0) {
            return shape->members[i];
        }
    }
    return TR_MEMBER_COUNT;
}

static bool is_refused(const struct tr_request_shape *shape, struct tr_json key)
{
    const char *const *name;
    for (name = shape->refused; name != NULL && *name != NULL; name++) {
        if (tr_json_is(key, *name)) {
            return true;
        }
    }
    return false;
}

enum tr_status tr_request_read(struct tr_call *call, struct tr_json object,
                               const struct tr_request_shape *shape, struct tr_request *out)
{
    struct tr_json value;
    memset(out, 0, sizeof *out);
    for (value = tr_json_first(object); value.doc != NULL; value = tr_json_next(object, value)) {
        struct tr_json key = tr_json_key(value);
        struct tr_bytes name;
        enum tr_member member;
        enum tr_status status;
        if (tr_json_type(value) == TR_JSON_NULL) {
            continue;
        }
        if ((status = tr_json_text(key, call->arena, &name)) != TR_OK) {
            return status;
        }
        member = find_member(shape, name);
        if (member == TR_MEMBER_COUNT) {
            if (is_refused(shape, key)) {
                return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                                      "%.*s is not available in this model of the service",
                                      TR_FMT(name));
            }
            continue;
        }
        if ((status = expect(call, value, rows[member].kind)) != TR_OK) {
            return status;
        }
        out->member[member] = value;
    }
    return TR_OK;
}

bool tr_request_has(const struct tr_request *request, enum tr_member member)
{
    return request->member[member].doc != NULL;
}

enum tr_status tr_request_text(struct tr_call *call, const struct tr_request *request,
                               enum tr_member member, struct tr_bytes *out)
{
    *out = (struct tr_bytes){NULL, 0};
    return tr_request_has(request, member) ? tr_json_text(request->member[member], call->arena, out)
                                           : TR_OK;
}

bool tr_request_bool(const struct tr_request *request, enum tr_member member, bool otherwise)
{
    (void)tr_json_bool(request->member[member], &otherwise);
    return otherwise;
}

bool tr_request_is(const struct tr_request *request, enum tr_member member, const char *word)
{
    return tr_request_has(request, member) && tr_json_is(request->member[member], word);
}

/* --- checking --- */

/* "[a, b]" of an array, the content of a string, else the bytes as they came. */
static void add_value(struct tr_buf *out, struct tr_json value)
{
    struct tr_bytes raw = tr_json_raw(value);
    if (tr_json_type(value) == TR_JSON_ABSENT || tr_json_type(value) == TR_JSON_NULL) {
        tr_buf_add_str(out, "null");
        return;
    }
    tr_buf_add_char(out, '\'');
    if (!tr_json_add_str(value, out)) {
        raw.len = raw.len < VALUE_SHOWN_MAX ? raw.len : VALUE_SHOWN_MAX;
        tr_buf_add(out, raw);
    }
    tr_buf_add_char(out, '\'');
}

void tr_check(struct tr_call *call, struct tr_checks *checks, bool good, struct tr_json value,
              const char *at, const char *constraint)
{
    struct tr_buf *out = &call->problem.message;
    if (good || checks->count == CHECKS_MAX) {
        return;
    }
    if (checks->count++ == 0) {
        tr_buf_reset(out);
    } else {
        tr_buf_add_str(out, "; ");
    }
    tr_buf_add_str(out, "Value ");
    add_value(out, value);
    tr_buf_printf(out, " at '%s' failed to satisfy constraint: %s", at, constraint);
}

enum tr_status tr_check_end(struct tr_call *call, const struct tr_checks *checks)
{
    struct tr_bytes found;
    if (checks->count == 0) {
        return TR_OK;
    }
    if (tr_buf_status(&call->problem.message) != TR_OK) {
        return TR_ENOMEM;
    }
    found = tr_arena_copy(call->arena, tr_buf_bytes(&call->problem.message));
    if (found.ptr == NULL) {
        return TR_ENOMEM;
    }
    return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                          "%u validation error%s detected: %.*s", checks->count,
                          checks->count > 1 ? "s" : "", TR_FMT(found));
}

/* "tableName" of TableName. */
static const char *camel(const char *name, char out[64])
{
    (void)snprintf(out, 64, "%s", name);
    out[0] = (char)(out[0] - 'A' + 'a');
    return out;
}

void tr_check_given(struct tr_call *call, struct tr_checks *checks,
                    const struct tr_request *request, enum tr_member member)
{
    char at[64];
    if (!tr_request_has(request, member)) {
        tr_check(call, checks, false, request->member[member], camel(rows[member].name, at),
                 "Member must not be null");
    }
}

bool tr_word_among(struct tr_bytes word, const char *words)
{
    struct tr_bytes rest = tr_bytes_of(words);
    while (rest.ptr != NULL) {
        if (tr_bytes_eq(tr_bytes_trim(tr_bytes_cut(&rest, ',')), word)) {
            return true;
        }
    }
    return false;
}

void tr_check_word(struct tr_call *call, struct tr_checks *checks, const struct tr_request *request,
                   enum tr_member member, const char *words)
{
    struct tr_json value = request->member[member];
    struct tr_bytes raw = tr_json_raw(value);
    char at[64], constraint[256];
    if (value.doc == NULL || tr_word_among((struct tr_bytes){raw.ptr + 1, raw.len - 2}, words)) {
        return;
    }
    (void)snprintf(constraint, sizeof constraint, "Member must satisfy enum value set: [%s]",
                   words);
    tr_check(call, checks, false, value, camel(rows[member].name, at), constraint);
}

void tr_check_least(struct tr_call *call, struct tr_checks *checks,
                    const struct tr_request *request, enum tr_member member, int64_t min)
{
    char at[64], constraint[96];
    if (!tr_request_has(request, member) || tr_json_int(request->member[member], min) >= min) {
        return;
    }
    (void)snprintf(constraint, sizeof constraint,
                   "Member must have value greater than or equal to %lld", (long long)min);
    tr_check(call, checks, false, request->member[member], camel(rows[member].name, at),
             constraint);
}

static bool is_name(struct tr_bytes text)
{
    size_t i;
    for (i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '_' && c != '.' && c != '-') {
            return false;
        }
    }
    return text.len > 0;
}

bool tr_request_names_table(struct tr_bytes text)
{
    return tr_bytes_starts(text, "arn:") || (text.len >= 3 && text.len <= 255 && is_name(text));
}

void tr_check_table_name(struct tr_call *call, struct tr_checks *checks,
                         const struct tr_request *request)
{
    struct tr_json value = request->member[TR_TableName];
    struct tr_bytes name = tr_json_raw(value);
    tr_check_given(call, checks, request, TR_TableName);
    if (value.doc == NULL) {
        return;
    }
    name = (struct tr_bytes){name.ptr + 1, name.len - 2};
    if (tr_bytes_starts(name, "arn:")) {
        return;
    }
    tr_check(call, checks, is_name(name), value, "tableName",
             "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
    tr_check(call, checks, name.len >= 3, value, "tableName",
             "Member must have length greater than or equal to 3");
    tr_check(call, checks, name.len <= 255, value, "tableName",
             "Member must have length less than or equal to 255");
}

int64_t tr_json_int(struct tr_json value, int64_t otherwise)
{
    struct tr_bytes text = tr_json_raw(value);
    const char *point;
    uint64_t whole = 0;
    bool negative;

    if (tr_json_type(value) != TR_JSON_NUMBER) {
        return otherwise;
    }
    negative = text.len > 0 && text.ptr[0] == '-';
    text.ptr += negative;
    text.len -= negative;
    point = memchr(text.ptr, '.', text.len); /* the service cuts fractions off */
    text.len = point != NULL ? (size_t)(point - text.ptr) : text.len;
    if (!tr_bytes_u64(text, INT64_MAX, &whole)) {
        whole = INT64_MAX;
    }
    return negative ? -(int64_t)whole : (int64_t)whole;
}
