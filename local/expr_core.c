/* SPDX-License-Identifier: Apache-2.0
 *
 * Placeholders: what #names and :values stand for, and that each is used. */
#include "local/expr.h"

static bool is_placeholder(struct tr_bytes name, char mark)
{
    size_t i;
    if (name.len < 2 || name.ptr[0] != mark) {
        return false;
    }
    for (i = 1; i < name.len; i++) {
        char c = name.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '_') {
            return false;
        }
    }
    return true;
}

/* Put the service's words around what was wrong with a value. */
static enum tr_status wrap(struct tr_expr *expr, enum tr_status status, struct tr_bytes name)
{
    struct tr_bytes inner;
    if (status != TR_EREFUSED || expr->problem->code != TR_PROBLEM_VALIDATION) {
        return status;
    }
    inner = tr_arena_copy(expr->arena, tr_buf_bytes(&expr->problem->message));
    if (inner.ptr == NULL) {
        return TR_ENOMEM;
    }
    return tr_problem_set(expr->problem, TR_PROBLEM_VALIDATION,
                          "ExpressionAttributeValues contains invalid value: %.*s for key %.*s",
                          TR_FMT(inner), TR_FMT(name));
}

static enum tr_status read_one(struct tr_expr *expr, struct tr_json member, char mark,
                               struct tr_placeholder *out)
{
    enum tr_status status = tr_json_text(tr_json_key(member), expr->arena, &out->name);
    if (status != TR_OK) {
        return status;
    }
    if (!is_placeholder(out->name, mark)) {
        return tr_problem_set(expr->problem, TR_PROBLEM_VALIDATION,
                              "ExpressionAttribute%s contains invalid key: Syntax error; key: "
                              "\"%.*s\"",
                              mark == '#' ? "Names" : "Values", TR_FMT(out->name));
    }
    if (mark == ':') {
        return wrap(expr, tr_value_parse(member, expr->arena, &out->value, expr->problem),
                    out->name);
    }
    if (tr_json_type(member) != TR_JSON_STRING) {
        return tr_json_mistyped(member, "String", expr->problem);
    }
    status = tr_json_text(member, expr->arena, &out->text);
    if (status == TR_OK && out->text.len == 0) {
        return tr_problem_set(expr->problem, TR_PROBLEM_VALIDATION,
                              "ExpressionAttributeNames contains invalid value: Empty attribute "
                              "name for key %.*s",
                              TR_FMT(out->name));
    }
    return status;
}

static enum tr_status read_all(struct tr_expr *expr, struct tr_json object, char mark,
                               struct tr_placeholder **out, size_t *count)
{
    struct tr_json member;
    enum tr_status status = TR_OK;

    *count = 0;
    *out = NULL;
    if (tr_json_type(object) == TR_JSON_ABSENT || tr_json_type(object) == TR_JSON_NULL) {
        return TR_OK;
    }
    if (tr_json_count(object) == 0) {
        return tr_problem_set(expr->problem, TR_PROBLEM_VALIDATION,
                              "ExpressionAttribute%s must not be empty",
                              mark == '#' ? "Names" : "Values");
    }
    if (tr_json_count(object) > TR_EXPR_PLACEHOLDERS_MAX) {
        return tr_problem_set(expr->problem, TR_PROBLEM_VALIDATION,
                              "ExpressionAttribute%s contains %zu entries, more than expressions "
                              "can use; maximum: %d",
                              mark == '#' ? "Names" : "Values", tr_json_count(object),
                              TR_EXPR_PLACEHOLDERS_MAX);
    }
    *out = tr_arena_alloc(expr->arena, tr_json_count(object) * sizeof **out);
    if (*out == NULL) {
        return TR_ENOMEM;
    }
    for (member = tr_json_first(object); status == TR_OK && member.doc != NULL;
         member = tr_json_next(object, member)) {
        status = read_one(expr, member, mark, &(*out)[(*count)++]);
    }
    return status;
}

enum tr_status tr_expr_begin(struct tr_expr *expr, struct tr_arena *arena,
                             struct tr_problem *problem, struct tr_json names,
                             struct tr_json values)
{
    enum tr_status status;
    *expr = (struct tr_expr){.arena = arena, .problem = problem};
    status = read_all(expr, names, '#', &expr->names, &expr->name_count);
    return status == TR_OK ? read_all(expr, values, ':', &expr->values, &expr->value_count)
                           : status;
}

static enum tr_status check_used(struct tr_expr *expr, const struct tr_placeholder *list,
                                 size_t count, const char *what)
{
    struct tr_buf *out = &expr->problem->message;
    size_t i, unused = 0;
    for (i = 0; i < count; i++) {
        if (list[i].used) {
            continue;
        }
        if (unused++ == 0) {
            tr_buf_reset(out);
            tr_buf_printf(
                out, "Value provided in ExpressionAttribute%s unused in expressions: keys: ", what);
        }
        tr_buf_add_str(out, unused == 1 ? "{" : ", ");
        tr_buf_add(out, list[i].name);
    }
    if (unused == 0) {
        return TR_OK;
    }
    tr_buf_add_char(out, '}');
    expr->problem->code = TR_PROBLEM_VALIDATION;
    return tr_buf_status(out) == TR_OK ? TR_EREFUSED : TR_ENOMEM;
}

enum tr_status tr_expr_end(struct tr_expr *expr)
{
    enum tr_status status = check_used(expr, expr->names, expr->name_count, "Names");
    return status == TR_OK ? check_used(expr, expr->values, expr->value_count, "Values") : status;
}
