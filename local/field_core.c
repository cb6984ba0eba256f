/* SPDX-License-Identifier: Apache-2.0 */
#include "local/field.h"

/* The service names members in messages with a small first letter. */
static const char *camel(const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s", name);
    if (out[0] >= 'A' && out[0] <= 'Z') {
        out[0] = (char)(out[0] - 'A' + 'a');
    }
    return out;
}

static const char *json_word(enum tr_json_type type)
{
    switch (type) {
    case TR_JSON_NUMBER:
        return "NUMBER_VALUE";
    case TR_JSON_TRUE:
        return "TRUE_VALUE";
    case TR_JSON_FALSE:
        return "FALSE_VALUE";
    case TR_JSON_ARRAY:
        return "Start of list";
    case TR_JSON_OBJECT:
        return "Start of structure or map";
    default:
        return "STRING_VALUE";
    }
}

static enum tr_status wrong_type(struct tr_call *call, struct tr_json value, const char *want)
{
    enum tr_json_type type = tr_json_type(value);
    if (type == TR_JSON_ARRAY || type == TR_JSON_OBJECT) {
        return tr_problem_set(&call->problem, TR_PROBLEM_SERIALIZATION,
                              "%s found where not expected.", json_word(type));
    }
    return tr_problem_set(&call->problem, TR_PROBLEM_SERIALIZATION, "%s cannot be converted to %s",
                          json_word(type), want);
}

static bool is_missing(struct tr_json value)
{
    return tr_json_type(value) == TR_JSON_ABSENT || tr_json_type(value) == TR_JSON_NULL;
}

/* The content of a string, living as long as the call. */
static enum tr_status content(struct tr_call *call, struct tr_json value, struct tr_bytes *out)
{
    struct tr_buf scratch = {0};
    bool good = tr_json_str(value, &scratch, out);
    if (good && scratch.len > 0) {
        *out = tr_arena_copy(call->arena, *out);
        good = out->ptr != NULL;
    }
    tr_buf_deinit(&scratch);
    return good ? TR_OK : TR_ENOMEM;
}

enum tr_status tr_field_str(struct tr_call *call, struct tr_json object, const char *name,
                            bool required, size_t min, size_t max, struct tr_bytes *out)
{
    struct tr_json value = tr_json_get(object, name);
    char text[64];
    enum tr_status status;

    *out = (struct tr_bytes){NULL, 0};
    if (is_missing(value)) {
        return !required ? TR_OK
                         : tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                                          "1 validation error detected: Value null at '%s' failed "
                                          "to satisfy constraint: Member must not be null",
                                          camel(name, text, sizeof text));
    }
    if (tr_json_type(value) != TR_JSON_STRING) {
        return wrong_type(call, value, "String");
    }
    if ((status = content(call, value, out)) != TR_OK) {
        return status;
    }
    if (out->len < min || out->len > max) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              "1 validation error detected: Value '%.*s' at '%s' failed to satisfy "
                              "constraint: Member must have length %s than or equal to %zu",
                              TR_FMT(*out), camel(name, text, sizeof text),
                              out->len < min ? "greater" : "less", out->len < min ? min : max);
    }
    return TR_OK;
}

enum tr_status tr_field_u64(struct tr_call *call, struct tr_json object, const char *name,
                            uint64_t min, uint64_t max, uint64_t *out)
{
    struct tr_json value = tr_json_get(object, name);
    struct tr_bytes raw = tr_json_raw(value);
    uint64_t number = 0;
    bool below;
    char text[64];

    if (is_missing(value)) {
        return TR_OK;
    }
    if (tr_json_type(value) != TR_JSON_NUMBER) {
        return wrong_type(call, value, "Integer");
    }
    if (tr_json_u64(value, max, &number) && number >= min) {
        *out = number;
        return TR_OK;
    }
    if (memchr(raw.ptr, '.', raw.len) != NULL || memchr(raw.ptr, 'e', raw.len) != NULL ||
        memchr(raw.ptr, 'E', raw.len) != NULL) {
        return tr_problem_set(&call->problem, TR_PROBLEM_SERIALIZATION,
                              "DECIMAL_VALUE cannot be converted to Integer");
    }
    below = raw.ptr[0] == '-' || tr_json_u64(value, max, &number);
    return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                          "1 validation error detected: Value '%.*s' at '%s' failed to satisfy "
                          "constraint: Member must have value %s than or equal to %llu",
                          TR_FMT(raw), camel(name, text, sizeof text), below ? "greater" : "less",
                          (unsigned long long)(below ? min : max));
}

enum tr_status tr_field_only(struct tr_call *call, struct tr_json object, const char *const *names)
{
    struct tr_json member;
    for (member = tr_json_first(object); member.doc != NULL;
         member = tr_json_next(object, member)) {
        struct tr_json key = tr_json_key(member);
        size_t i = 0;
        while (names[i] != NULL && !tr_json_is(key, names[i])) {
            i++;
        }
        if (names[i] == NULL) {
            return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                                  "unknown member %.*s of the request", TR_FMT(tr_json_raw(key)));
        }
    }
    return TR_OK;
}
