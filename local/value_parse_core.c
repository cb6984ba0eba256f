/* SPDX-License-Identifier: Apache-2.0
 *
 * From DynamoDB JSON to packed values, with the service's refusals: wrong JSON types are
 * SerializationException, wrong values ValidationException. */
#include "local/value.h"

#include "base/mem.h"
#include "local/base64.h"
#include "local/number.h"

#define INVALID "One or more parameter values were invalid: "
#define PACKED_BYTES_MAX ((size_t)1 << 30) /* of one request; far above what a face lets in */

struct reader {
    struct tr_arena *arena;
    struct tr_problem *problem;
};

static enum tr_status serialization(struct reader *r, const char *text)
{
    return tr_problem_set(r->problem, TR_PROBLEM_SERIALIZATION, "%s", text);
}

static enum tr_status invalid(struct reader *r, const char *text)
{
    return tr_problem_set(r->problem, TR_PROBLEM_VALIDATION, "%s", text);
}

enum tr_status tr_json_text(struct tr_json json, struct tr_arena *arena, struct tr_bytes *out)
{
    struct tr_bytes raw = tr_json_raw(json);
    if (memchr(raw.ptr, '\\', raw.len) == NULL) {
        *out = (struct tr_bytes){raw.ptr + 1, raw.len - 2};
        return TR_OK;
    }
    tr_buf_reset(&arena->text);
    if (!tr_json_add_str(json, &arena->text) || arena->text.failed) {
        return TR_ENOMEM;
    }
    *out = tr_arena_copy(arena, tr_buf_bytes(&arena->text));
    return out->ptr != NULL ? TR_OK : TR_ENOMEM;
}

enum tr_status tr_json_mistyped(struct tr_json json, const char *wanted, struct tr_problem *problem)
{
    struct tr_bytes raw = tr_json_raw(json);
    const char *word;
    switch (tr_json_type(json)) {
    case TR_JSON_ARRAY:
        return tr_problem_set(problem, TR_PROBLEM_SERIALIZATION,
                              "Unrecognized collection type class java.lang.%s", wanted);
    case TR_JSON_OBJECT:
        return tr_problem_set(problem, TR_PROBLEM_SERIALIZATION,
                              "Start of structure or map found where not expected");
    case TR_JSON_NUMBER:
        word = memchr(raw.ptr, '.', raw.len) != NULL ? "DECIMAL_VALUE" : "NUMBER_VALUE";
        break;
    case TR_JSON_STRING:
        word = "STRING_VALUE";
        break;
    default:
        word = tr_json_type(json) == TR_JSON_TRUE ? "TRUE_VALUE" : "FALSE_VALUE";
    }
    return tr_problem_set(problem, TR_PROBLEM_SERIALIZATION, "%s cannot be converted to %s", word,
                          wanted);
}

/* --- scalars --- */

static enum tr_status number_problem(struct reader *r, enum tr_number_outcome outcome,
                                     struct tr_bytes text)
{
    if (outcome != TR_NUMBER_MALFORMED) {
        return invalid(r, tr_number_problem_text(outcome));
    }
    if (text.len == 0) {
        return invalid(r, "The parameter cannot be converted to a numeric value");
    }
    return tr_problem_set(r->problem, TR_PROBLEM_VALIDATION,
                          "The parameter cannot be converted to a numeric value: %.*s",
                          TR_FMT(text));
}

static enum tr_status read_number(struct reader *r, struct tr_json json, struct tr_value *out)
{
    struct tr_number number;
    struct tr_bytes text;
    enum tr_number_outcome outcome;
    enum tr_status status;

    if (tr_json_type(json) != TR_JSON_STRING) {
        return tr_json_mistyped(json, "String", r->problem);
    }
    if ((status = tr_json_text(json, r->arena, &text)) != TR_OK) {
        return status;
    }
    outcome = tr_number_parse(text, &number);
    if (outcome != TR_NUMBER_OK) {
        return number_problem(r, outcome, text);
    }
    out->type = TR_VALUE_N;
    /* What is normal already is used where it stands. */
    out->data = (struct tr_bytes){number.text, number.len};
    out->data = tr_bytes_eq(out->data, text) ? text : tr_arena_copy(r->arena, out->data);
    return out->data.ptr != NULL ? TR_OK : TR_ENOMEM;
}

static enum tr_status read_string(struct reader *r, struct tr_json json, struct tr_value *out)
{
    if (tr_json_type(json) != TR_JSON_STRING) {
        return tr_json_mistyped(json, "String", r->problem);
    }
    out->type = TR_VALUE_S;
    return tr_json_text(json, r->arena, &out->data);
}

static enum tr_status read_binary(struct reader *r, struct tr_json json, struct tr_value *out)
{
    struct tr_bytes text;
    enum tr_base64_outcome outcome;
    enum tr_status status;

    switch (tr_json_type(json)) {
    case TR_JSON_STRING:
        break;
    case TR_JSON_ARRAY:
        return serialization(r, "Unrecognized collection type class java.nio.ByteBuffer");
    case TR_JSON_OBJECT:
        return serialization(r, "Start of structure or map found where not expected");
    default:
        return serialization(r, "only base-64-encoded strings are convertible to bytes");
    }
    if ((status = tr_json_text(json, r->arena, &text)) != TR_OK) {
        return status;
    }
    tr_buf_reset(&r->arena->text);
    outcome = tr_base64_decode(&r->arena->text, text);
    if (outcome == TR_BASE64_LENGTH) {
        return tr_problem_set(
            r->problem, TR_PROBLEM_SERIALIZATION,
            "Base64 encoded length is expected a multiple of 4 bytes but found: %zu", text.len);
    }
    if (outcome != TR_BASE64_OK) {
        return serialization(r, outcome == TR_BASE64_LAST
                                    ? "Invalid last non-pad Base64 character dectected"
                                    : "Invalid Base64 character detected");
    }
    if (r->arena->text.failed) {
        return TR_ENOMEM;
    }
    out->type = TR_VALUE_B;
    out->data = tr_arena_copy(r->arena, tr_buf_bytes(&r->arena->text));
    return out->data.ptr != NULL ? TR_OK : TR_ENOMEM;
}

/* A boolean; the service also understands some words for it. */
static bool bool_of(struct tr_json json, bool *out)
{
    struct tr_bytes raw = tr_json_raw(json), word;
    if (tr_json_type(json) != TR_JSON_STRING) {
        return tr_json_bool(json, out);
    }
    word = (struct tr_bytes){raw.ptr + 1, raw.len - 2};
    *out = tr_bytes_is_nocase(word, "true") || tr_bytes_is_nocase(word, "yes") ||
           tr_bytes_is(word, "1");
    return *out || tr_bytes_is_nocase(word, "false") || tr_bytes_is_nocase(word, "no") ||
           tr_bytes_is(word, "0");
}

static enum tr_status read_bool(struct reader *r, struct tr_json json, enum tr_value_type type,
                                struct tr_value *out)
{
    bool is;
    if (!bool_of(json, &is)) {
        return tr_json_type(json) == TR_JSON_STRING
                   ? serialization(r, "Unexpected token received from parser")
                   : tr_json_mistyped(json, "Boolean", r->problem);
    }
    if (type == TR_VALUE_NULL && !is) {
        return invalid(r, INVALID "Null attribute value types must have the value of true");
    }
    out->type = type;
    out->data =
        type == TR_VALUE_NULL ? (struct tr_bytes){"", 0} : (struct tr_bytes){is ? "\1" : "\0", 1};
    return TR_OK;
}

/* --- sets --- */

static enum tr_status empty_set(struct reader *r, enum tr_value_type type)
{
    switch (type) {
    case TR_VALUE_SS:
        return invalid(r, INVALID "An string set  may not be empty");
    case TR_VALUE_NS:
        return invalid(r, INVALID "An number set  may not be empty");
    default:
        return invalid(r, INVALID "Binary sets should not be empty");
    }
}

/* The service names the whole set as it came. */
static enum tr_status duplicate(struct reader *r, enum tr_value_type type, struct tr_json json)
{
    struct tr_json element;
    enum tr_status status;
    bool first = true;

    if (type == TR_VALUE_NS) {
        return invalid(r, "Input collection contains duplicates");
    }
    tr_buf_reset(&r->arena->text);
    for (element = tr_json_first(json); element.doc != NULL;
         element = tr_json_next(json, element)) {
        tr_buf_add_str(&r->arena->text, first ? "[" : ", ");
        (void)tr_json_add_str(element, &r->arena->text);
        first = false;
    }
    status = tr_buf_status(&r->arena->text);
    if (status != TR_OK) {
        return status;
    }
    return tr_problem_set(r->problem, TR_PROBLEM_VALIDATION,
                          INVALID "Input collection %.*s]%s contains duplicates.",
                          TR_FMT(r->arena->text), type == TR_VALUE_BS ? "of type BS" : "");
}

static enum tr_status read_scalar(struct reader *r, struct tr_json json, enum tr_value_type type,
                                  struct tr_value *out)
{
    switch (type) {
    case TR_VALUE_S:
        return read_string(r, json, out);
    case TR_VALUE_N:
        return read_number(r, json, out);
    case TR_VALUE_B:
        return read_binary(r, json, out);
    default:
        return read_bool(r, json, type, out);
    }
}

static enum tr_status pack_set(struct reader *r, struct tr_json json, enum tr_value_type type)
{
    struct tr_buf *out = &r->arena->build;
    struct tr_value_part *parts;
    struct tr_json element;
    size_t count = 0, opened, i;
    enum tr_status status;

    if (tr_json_type(json) != TR_JSON_ARRAY) {
        return serialization(r, tr_json_type(json) == TR_JSON_OBJECT
                                    ? "Start of structure or map found where not expected"
                                    : "Unexpected field type");
    }
    if (tr_json_count(json) == 0) {
        return empty_set(r, type);
    }
    parts = tr_arena_alloc(r->arena, tr_json_count(json) * sizeof *parts);
    if (parts == NULL) {
        return TR_ENOMEM;
    }
    for (element = tr_json_first(json); element.doc != NULL;
         element = tr_json_next(json, element)) {
        if (tr_json_type(element) == TR_JSON_NULL) {
            return invalid(r, INVALID "An string set  may not have a null string as a member");
        }
        status = read_scalar(r, element, tr_value_element_type(type), &parts[count].value);
        if (status != TR_OK) {
            return status;
        }
        count++;
    }
    if (!tr_value_part_sort(parts, count, r->arena)) {
        return TR_ENOMEM;
    }
    opened = tr_value_pack_open(out, type);
    for (i = 0; i < count; i++) {
        if (i > 0 && tr_value_eq(parts[i].value, parts[i - 1].value)) {
            return duplicate(r, type, json);
        }
        tr_value_pack_element(out, parts[i].value.data);
    }
    tr_value_pack_close(out, opened);
    return TR_OK;
}

/* --- documents --- */

static enum tr_status pack_value(struct reader *r, struct tr_json json, unsigned depth);

/* The members of a JSON object as parts in canonical order, *count of them without repetitions. */
static enum tr_status sorted_members(struct reader *r, struct tr_json json,
                                     struct tr_value_part **out, size_t *count)
{
    struct tr_value_part *parts =
        tr_arena_alloc(r->arena, (tr_json_count(json) + 1) * sizeof *parts);
    struct tr_json member;
    size_t n = 0, kept = 0, i;
    enum tr_status status;

    if (parts == NULL) {
        return TR_ENOMEM;
    }
    for (member = tr_json_first(json); member.doc != NULL; member = tr_json_next(json, member)) {
        status = tr_json_text(tr_json_key(member), r->arena, &parts[n].name);
        if (status != TR_OK) {
            return status;
        }
        parts[n++].json = member;
    }
    if (!tr_value_part_sort(parts, n, r->arena)) {
        return TR_ENOMEM;
    }
    for (i = 0; i < n; i++) { /* of several with one name the last one counts */
        if (i + 1 == n || !tr_bytes_eq(parts[i].name, parts[i + 1].name)) {
            parts[kept++] = parts[i];
        }
    }
    *out = parts;
    *count = kept;
    return TR_OK;
}

static enum tr_status pack_members(struct reader *r, struct tr_json json, unsigned depth)
{
    struct tr_value_part *parts;
    size_t count, i;
    enum tr_status status;

    if (tr_json_type(json) == TR_JSON_ARRAY) {
        return serialization(r, "Unrecognized collection type java.util.Map<java.lang.String, "
                                "com.amazonaws.dynamodb.v20120810.AttributeValue>");
    }
    if (tr_json_type(json) != TR_JSON_OBJECT) {
        return serialization(r, "Unexpected field type");
    }
    status = sorted_members(r, json, &parts, &count);
    for (i = 0; status == TR_OK && i < count; i++) {
        if (parts[i].name.len == 0) {
            return invalid(r, "Empty attribute name");
        }
        if (parts[i].name.len > TR_NAME_BYTES_MAX) {
            return invalid(r, "Attribute name is too large, must be less than 65536 bytes");
        }
        tr_value_pack_element(&r->arena->build, parts[i].name);
        status = pack_value(r, parts[i].json, depth);
    }
    return status;
}

static enum tr_status pack_list(struct reader *r, struct tr_json json, unsigned depth)
{
    struct tr_json element;
    enum tr_status status = TR_OK;

    if (tr_json_type(json) != TR_JSON_ARRAY) {
        return serialization(r, tr_json_type(json) == TR_JSON_OBJECT
                                    ? "Start of structure or map found where not expected"
                                    : "Unexpected field type");
    }
    for (element = tr_json_first(json); status == TR_OK && element.doc != NULL;
         element = tr_json_next(json, element)) {
        status = pack_value(r, element, depth);
    }
    return status;
}

static enum tr_status pack_document(struct reader *r, struct tr_json json, enum tr_value_type type,
                                    unsigned depth)
{
    size_t opened;
    enum tr_status status;

    if (depth + 1 == TR_VALUE_DEPTH_MAX) { /* what it holds would stand too deep */
        return invalid(r, TR_VALUE_TOO_DEEP);
    }
    opened = tr_value_pack_open(&r->arena->build, type);
    status = type == TR_VALUE_M ? pack_members(r, json, depth + 1) : pack_list(r, json, depth + 1);
    tr_value_pack_close(&r->arena->build, opened);
    return status;
}

/* The one member that says type and content. */
static enum tr_status find_content(struct reader *r, struct tr_json json, struct tr_json *content,
                                   enum tr_value_type *type)
{
    struct tr_json member;
    struct tr_bytes name;
    enum tr_value_type one;
    enum tr_status status;

    if (tr_json_type(json) == TR_JSON_ARRAY) {
        return serialization(r, "Unrecognized collection type class "
                                "com.amazonaws.dynamodb.v20120810.AttributeValue");
    }
    if (tr_json_type(json) != TR_JSON_OBJECT && tr_json_type(json) != TR_JSON_NULL) {
        return serialization(r, "Unexpected value type in payload");
    }
    *type = TR_VALUE_ABSENT;
    for (member = tr_json_first(json); member.doc != NULL; member = tr_json_next(json, member)) {
        if ((status = tr_json_text(tr_json_key(member), r->arena, &name)) != TR_OK) {
            return status;
        }
        one = tr_value_type_of(name);
        if (one == TR_VALUE_ABSENT || tr_json_type(member) == TR_JSON_NULL) {
            continue;
        }
        if (*type != TR_VALUE_ABSENT) {
            return invalid(r, "Supplied AttributeValue has more than one datatypes set, must "
                              "contain exactly one of the supported datatypes");
        }
        *type = one;
        *content = member;
    }
    return *type != TR_VALUE_ABSENT
               ? TR_OK
               : invalid(r, "Supplied AttributeValue is empty, must contain exactly one of the "
                            "supported datatypes");
}

/* Bounded by the check in pack_document. */
static enum tr_status pack_value(struct reader *r, struct tr_json json, unsigned depth)
{
    struct tr_json content;
    struct tr_value scalar;
    enum tr_value_type type = TR_VALUE_ABSENT;
    enum tr_status status = find_content(r, json, &content, &type);

    if (status != TR_OK) {
        return status;
    }
    if (r->arena->build.len > PACKED_BYTES_MAX) {
        return TR_ENOMEM;
    }
    if (type == TR_VALUE_M || type == TR_VALUE_L) {
        return pack_document(r, content, type, depth);
    }
    if (tr_value_is_set(type)) {
        return pack_set(r, content, type);
    }
    if ((status = read_scalar(r, content, type, &scalar)) == TR_OK) {
        tr_value_pack(&r->arena->build, scalar);
    }
    return status;
}

/* Move what was built into the arena. */
static enum tr_status finish(struct tr_arena *arena, struct tr_bytes *out)
{
    if (tr_buf_status(&arena->build) != TR_OK) {
        return TR_ENOMEM;
    }
    *out = tr_arena_copy(arena, tr_buf_bytes(&arena->build));
    return out->ptr != NULL ? TR_OK : TR_ENOMEM;
}

enum tr_status tr_value_parse(struct tr_json json, struct tr_arena *arena, struct tr_value *out,
                              struct tr_problem *problem)
{
    struct reader r = {arena, problem};
    struct tr_bytes packed;
    enum tr_status status;

    tr_buf_reset(&arena->build);
    status = pack_value(&r, json, 0);
    if (status == TR_OK) {
        status = finish(arena, &packed);
    }
    if (status == TR_OK) {
        *out = tr_value_of_packed(packed);
    }
    return status;
}

enum tr_status tr_value_parse_map(struct tr_json json, struct tr_arena *arena, struct tr_value *out,
                                  struct tr_problem *problem)
{
    struct reader r = {arena, problem};
    enum tr_status status;

    tr_buf_reset(&arena->build);
    status = pack_members(&r, json, 0);
    if (status == TR_OK) {
        status = finish(arena, &out->data);
    }
    out->type = TR_VALUE_M;
    return status;
}
