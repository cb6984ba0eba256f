/* SPDX-License-Identifier: Apache-2.0 */
#include "local/legacy.h"

#define INVALID "One or more parameter values were invalid: "
#define ATTRIBUTES_TO_GET_MAX 255

/* name, values at least and at most, types that it takes */
#define COMPARISON_TABLE(X)                                                                        \
    X(EQ, 1, 1, ANY)                                                                               \
    X(NE, 1, 1, ANY)                                                                               \
    X(LE, 1, 1, SCALAR)                                                                            \
    X(LT, 1, 1, SCALAR)                                                                            \
    X(GE, 1, 1, SCALAR)                                                                            \
    X(GT, 1, 1, SCALAR)                                                                            \
    X(CONTAINS, 1, 1, SIMPLE)                                                                      \
    X(NOT_CONTAINS, 1, 1, SIMPLE)                                                                  \
    X(BEGINS_WITH, 1, 1, TEXT)                                                                     \
    X(NOT_NULL, 0, 0, ANY)                                                                         \
    X(NULL, 0, 0, ANY)                                                                             \
    X(IN, 1, 100, SCALAR)                                                                          \
    X(BETWEEN, 2, 2, SCALAR)

enum comparison {
#define COMPARISON_ENUM(name, min, max, types) COMPARE_##name,
    COMPARISON_TABLE(COMPARISON_ENUM)
#undef COMPARISON_ENUM
        COMPARE_COUNT
};

#define TEXT (1u << TR_VALUE_S | 1u << TR_VALUE_B)
#define SCALAR (TEXT | 1u << TR_VALUE_N)
#define SIMPLE (SCALAR | 1u << TR_VALUE_BOOL | 1u << TR_VALUE_NULL)
#define ANY (~0u)

struct comparison_row {
    const char *name;
    size_t min;
    size_t max;
    unsigned types;
};

static const struct comparison_row rows[] = {
#define ROW(name, min, max, types) {#name, min, max, types},
    COMPARISON_TABLE(ROW)
#undef ROW
};

/* One entry of Expected or of a filter. */
struct entry {
    struct tr_expr *expr;
    struct tr_bytes name;
    struct tr_json exists;
    struct tr_json value;
    struct tr_json operator_name;
    struct tr_json list;
    enum comparison comparison;
    struct tr_expr_node *path; /* with the values chained behind it */
    struct tr_expr_node **tail;
    size_t count; /* of values */
};

static struct tr_json member_or_absent(struct tr_json object, const char *name)
{
    struct tr_json value = tr_json_get(object, name);
    return tr_json_type(value) == TR_JSON_NULL ? (struct tr_json){0} : value;
}

static bool has(struct tr_json value)
{
    return value.doc != NULL;
}

static enum tr_status structure_expected(struct tr_expr *expr, struct tr_json value)
{
    return tr_problem_set(expr->problem, TR_PROBLEM_SERIALIZATION, "%s",
                          tr_json_type(value) == TR_JSON_ARRAY
                              ? "Unrecognized collection type class "
                                "com.amazonaws.dynamodb.v20120810.ExpectedAttributeValue"
                              : "Unexpected value type in payload");
}

static enum tr_status check_shapes(struct entry *e)
{
    if (has(e->exists) && tr_json_type(e->exists) != TR_JSON_TRUE &&
        tr_json_type(e->exists) != TR_JSON_FALSE) {
        return tr_json_mistyped(e->exists, "Boolean", e->expr->problem);
    }
    if (has(e->operator_name) && tr_json_type(e->operator_name) != TR_JSON_STRING) {
        return tr_json_mistyped(e->operator_name, "String", e->expr->problem);
    }
    if (has(e->list) && tr_json_type(e->list) != TR_JSON_ARRAY) {
        return tr_problem_set(e->expr->problem, TR_PROBLEM_SERIALIZATION, "Unexpected field type");
    }
    return TR_OK;
}

static enum tr_status nameless(struct tr_expr *expr)
{
    return tr_problem_set(expr->problem, TR_PROBLEM_VALIDATION, "Empty attribute name");
}

static enum tr_status read_entry(struct tr_expr *expr, struct tr_json member, struct entry *e)
{
    enum tr_status status;
    *e = (struct entry){.expr = expr};
    if (tr_json_type(member) != TR_JSON_OBJECT) {
        return structure_expected(expr, member);
    }
    e->exists = member_or_absent(member, "Exists");
    e->value = member_or_absent(member, "Value");
    e->operator_name = member_or_absent(member, "ComparisonOperator");
    e->list = member_or_absent(member, "AttributeValueList");
    if ((status = check_shapes(e)) != TR_OK ||
        (status = tr_json_text(tr_json_key(member), expr->arena, &e->name)) != TR_OK) {
        return status;
    }
    if (e->name.len == 0) {
        return nameless(expr);
    }
    e->path = tr_arena_alloc(expr->arena, sizeof *e->path);
    if (e->path == NULL) {
        return TR_ENOMEM;
    }
    e->path->kind = TR_NODE_PATH;
    e->path->path.count = 1;
    e->path->path.steps = tr_arena_alloc(expr->arena, sizeof *e->path->path.steps);
    if (e->path->path.steps == NULL) {
        return TR_ENOMEM;
    }
    e->path->path.steps[0].name = e->name;
    e->tail = &e->path->next;
    return TR_OK;
}

static enum tr_status add_value(struct entry *e, struct tr_json json)
{
    struct tr_expr_node *node = tr_arena_alloc(e->expr->arena, sizeof *node);
    if (node == NULL) {
        return TR_ENOMEM;
    }
    node->kind = TR_NODE_VALUE;
    *e->tail = node;
    e->tail = &node->next;
    e->count++;
    return tr_value_parse(json, e->expr->arena, &node->value, e->expr->problem);
}

static enum tr_status add_values(struct entry *e)
{
    struct tr_json element;
    enum tr_status status = has(e->value) ? add_value(e, e->value) : TR_OK;
    for (element = has(e->list) ? tr_json_first(e->list) : e->list;
         status == TR_OK && element.doc != NULL; element = tr_json_next(e->list, element)) {
        status = add_value(e, element);
    }
    return status;
}

static enum tr_status invalid_for(struct entry *e, const char *before, const char *after)
{
    return tr_problem_set(e->expr->problem, TR_PROBLEM_VALIDATION,
                          INVALID "%s for Attribute: %.*s%s", before, TR_FMT(e->name), after);
}

/* --- the rules of a comparison --- */

static enum tr_status find_comparison(struct entry *e)
{
    unsigned i;
    for (i = 0; i < COMPARE_COUNT; i++) {
        if (tr_json_is(e->operator_name, rows[i].name)) {
            e->comparison = (enum comparison)i;
            return TR_OK;
        }
    }
    return tr_problem_set(
        e->expr->problem, TR_PROBLEM_VALIDATION,
        "1 validation error detected: Value '%.*s' at 'comparisonOperator' failed to satisfy "
        "constraint: Member must satisfy enum value set: [IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, "
        "GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS]",
        (int)tr_json_raw(e->operator_name).len - 2, tr_json_raw(e->operator_name).ptr + 1);
}

static enum tr_status check_types(struct entry *e)
{
    const struct tr_expr_node *first = e->path->next, *value;
    for (value = first; value != NULL; value = value->next) {
        if (value->value.type != first->value.type) {
            return tr_problem_set(e->expr->problem, TR_PROBLEM_VALIDATION,
                                  INVALID
                                  "AttributeValues inside AttributeValueList must be of same type");
        }
    }
    for (value = first; value != NULL; value = value->next) {
        if ((rows[e->comparison].types & 1u << value->value.type) == 0) {
            return tr_problem_set(e->expr->problem, TR_PROBLEM_VALIDATION,
                                  INVALID
                                  "ComparisonOperator %s is not valid for %s AttributeValue type",
                                  rows[e->comparison].name, tr_value_type_name(value->value.type));
        }
    }
    if (e->comparison == COMPARE_BETWEEN && tr_value_cmp(first->value, first->next->value) > 0) {
        return tr_problem_set(e->expr->problem, TR_PROBLEM_VALIDATION,
                              "The BETWEEN condition was provided a range where the lower bound is "
                              "greater than the upper bound");
    }
    return TR_OK;
}

static enum tr_status check_comparison(struct entry *e)
{
    const struct comparison_row *row = &rows[e->comparison];
    if (e->count < row->min || e->count > row->max) {
        return tr_problem_set(e->expr->problem, TR_PROBLEM_VALIDATION,
                              INVALID "Invalid number of argument(s) for the %s ComparisonOperator",
                              row->name);
    }
    return check_types(e);
}

static enum tr_expr_node_kind kind_of(enum comparison comparison)
{
    switch (comparison) {
    case COMPARE_EQ:
        return TR_NODE_EQ;
    case COMPARE_NE:
        return TR_NODE_NE;
    case COMPARE_LE:
        return TR_NODE_LE;
    case COMPARE_LT:
        return TR_NODE_LT;
    case COMPARE_GE:
        return TR_NODE_GE;
    case COMPARE_GT:
        return TR_NODE_GT;
    case COMPARE_BEGINS_WITH:
        return TR_NODE_BEGINS_WITH;
    case COMPARE_NOT_NULL:
        return TR_NODE_EXISTS;
    case COMPARE_NULL:
        return TR_NODE_NOT_EXISTS;
    case COMPARE_IN:
        return TR_NODE_IN;
    case COMPARE_BETWEEN:
        return TR_NODE_BETWEEN;
    default:
        return TR_NODE_CONTAINS;
    }
}

static struct tr_expr_node *node_over(struct tr_expr *expr, enum tr_expr_node_kind kind,
                                      struct tr_expr_node *args)
{
    struct tr_expr_node *node = tr_arena_alloc(expr->arena, sizeof *node);
    if (node != NULL) {
        node->kind = kind;
        node->args = args;
    }
    return node;
}

/* NOT_CONTAINS holds only where there is an attribute to look into. */
static struct tr_expr_node *there_and_not(struct entry *e, struct tr_expr_node *condition)
{
    struct tr_expr_node *path = node_over(e->expr, TR_NODE_PATH, NULL);
    struct tr_expr_node *there = node_over(e->expr, TR_NODE_EXISTS, path);
    struct tr_expr_node *not = node_over(e->expr, TR_NODE_NOT, condition);
    if (path == NULL || there == NULL || not == NULL) {
        return NULL;
    }
    path->path = e->path->path;
    there->next = not ;
    return node_over(e->expr, TR_NODE_AND, there);
}

static enum tr_status make_condition(struct entry *e, struct tr_expr_node **out)
{
    *out = node_over(e->expr, kind_of(e->comparison), e->path);
    if (*out != NULL && e->comparison == COMPARE_NOT_CONTAINS) {
        *out = there_and_not(e, *out);
    }
    return *out != NULL ? TR_OK : TR_ENOMEM;
}

/* --- Expected --- */

static enum tr_status check_operator_form(struct entry *e)
{
    bool needs = !tr_json_is(e->operator_name, "NULL") && !tr_json_is(e->operator_name, "NOT_NULL");
    if (has(e->exists)) {
        return invalid_for(e, "Exists and ComparisonOperator cannot be used together", "");
    }
    if (needs && !has(e->list) && !has(e->value)) {
        return tr_problem_set(e->expr->problem, TR_PROBLEM_VALIDATION,
                              INVALID "Value or AttributeValueList must be used with "
                                      "ComparisonOperator: %s for Attribute: %.*s",
                              rows[e->comparison].name, TR_FMT(e->name));
    }
    return TR_OK;
}

/* Without an operator: the attribute has the value, or Exists false: it is not there. */
static enum tr_status check_plain_form(struct entry *e)
{
    bool exists = tr_json_type(e->exists) != TR_JSON_FALSE;
    if (has(e->list)) {
        return invalid_for(e, "AttributeValueList can only be used with a ComparisonOperator", "");
    }
    if (exists && !has(e->value)) {
        return invalid_for(e,
                           has(e->exists) ? "Value must be provided when Exists is true"
                                          : "Value must be provided when Exists is null",
                           "");
    }
    if (!exists && has(e->value)) {
        return invalid_for(e, "Value cannot be used when Exists is false", "");
    }
    e->comparison = exists ? COMPARE_EQ : COMPARE_NULL;
    return TR_OK;
}

static enum tr_status expected_condition(struct tr_expr *expr, struct tr_json member,
                                         struct tr_expr_node **out)
{
    struct entry e;
    enum tr_status status = read_entry(expr, member, &e);
    if (status != TR_OK) {
        return status;
    }
    if (has(e.list) && has(e.value)) {
        return invalid_for(&e, "Value and AttributeValueList cannot be used together", "");
    }
    if (has(e.operator_name)) {
        status = find_comparison(&e);
        status = status == TR_OK ? check_operator_form(&e) : status;
    } else {
        status = check_plain_form(&e);
    }
    if (status != TR_OK || (status = add_values(&e)) != TR_OK ||
        (has(e.operator_name) && (status = check_comparison(&e)) != TR_OK)) {
        return status;
    }
    return make_condition(&e, out);
}

/* --- filters and key conditions --- */

static enum tr_status filter_condition(struct tr_expr *expr, struct tr_json member,
                                       struct tr_expr_node **out)
{
    struct entry e;
    enum tr_status status = read_entry(expr, member, &e);
    if (status != TR_OK) {
        return status;
    }
    if (!has(e.operator_name)) {
        return tr_problem_set(expr->problem, TR_PROBLEM_VALIDATION,
                              "1 validation error detected: Value null at 'comparisonOperator' "
                              "failed to satisfy constraint: Member must not be null");
    }
    e.value = (struct tr_json){0};
    if ((status = find_comparison(&e)) != TR_OK || (status = add_values(&e)) != TR_OK ||
        (status = check_comparison(&e)) != TR_OK) {
        return status;
    }
    return make_condition(&e, out);
}

typedef enum tr_status (*condition_fn)(struct tr_expr *expr, struct tr_json member,
                                       struct tr_expr_node **out);

static enum tr_status join(struct tr_expr *expr, struct tr_json object, bool any,
                           condition_fn condition, struct tr_expr_node **out)
{
    struct tr_json member;
    enum tr_status status;

    *out = NULL;
    if (tr_json_count(object) > TR_EXPR_OPERATORS_MAX) {
        return tr_problem_set(expr->problem, TR_PROBLEM_VALIDATION,
                              INVALID "Too many conditions: %zu, the most is %d",
                              tr_json_count(object), TR_EXPR_OPERATORS_MAX);
    }
    for (member = tr_json_first(object); member.doc != NULL;
         member = tr_json_next(object, member)) {
        struct tr_expr_node *one;
        if ((status = condition(expr, member, &one)) != TR_OK) {
            return status;
        }
        if (*out != NULL) {
            (*out)->next = one;
            one = node_over(expr, any ? TR_NODE_OR : TR_NODE_AND, *out);
            if (one == NULL) {
                return TR_ENOMEM;
            }
        }
        *out = one;
    }
    return TR_OK;
}

enum tr_status tr_legacy_operator(struct tr_problem *problem, struct tr_json name,
                                  struct tr_json conditions, bool *any)
{
    *any = name.doc != NULL && tr_json_is(name, "OR");
    if (name.doc == NULL || tr_json_count(conditions) >= 2) {
        return TR_OK;
    }
    return tr_problem_set(problem, TR_PROBLEM_VALIDATION, "%s",
                          tr_json_count(conditions) == 1
                              ? "ConditionalOperator can only be used when Filter or Expected has "
                                "two or more elements"
                              : "ConditionalOperator cannot be used without Filter or Expected");
}

enum tr_status tr_legacy_expected(struct tr_expr *expr, struct tr_json expected, bool any,
                                  struct tr_expr_node **out)
{
    return join(expr, expected, any, expected_condition, out);
}

enum tr_status tr_legacy_conditions(struct tr_expr *expr, struct tr_json conditions, bool any,
                                    struct tr_expr_node **out)
{
    return join(expr, conditions, any, filter_condition, out);
}

/* --- AttributeUpdates --- */

static enum tr_status check_update(struct tr_expr *expr, struct tr_action *action,
                                   struct tr_json value, struct tr_json action_name)
{
    enum tr_value_type type;
    if (!has(value)) {
        return action->section == TR_SECTION_REMOVE
                   ? TR_OK
                   : tr_problem_set(expr->problem, TR_PROBLEM_VALIDATION,
                                    INVALID "Only DELETE action is allowed when no attribute value "
                                            "is specified");
    }
    (void)action_name;
    type = action->operand->value.type;
    if (action->section == TR_SECTION_DELETE && !tr_value_is_set(type)) {
        return tr_problem_set(expr->problem, TR_PROBLEM_VALIDATION,
                              INVALID "DELETE action with value is not supported for the type %s",
                              tr_value_type_name(type));
    }
    if (action->section == TR_SECTION_ADD && !tr_value_is_set(type) && type != TR_VALUE_N &&
        type != TR_VALUE_L) {
        return tr_problem_set(expr->problem, TR_PROBLEM_VALIDATION,
                              INVALID "ADD action is not supported for the type %s",
                              tr_value_type_name(type));
    }
    return TR_OK;
}

static enum tr_status find_section(struct tr_expr *expr, struct tr_json name, bool has_value,
                                   enum tr_section *out)
{
    if (has(name) && tr_json_type(name) != TR_JSON_STRING) {
        return tr_json_mistyped(name, "String", expr->problem);
    }
    if (!has(name) || tr_json_is(name, "PUT")) {
        *out = TR_SECTION_SET;
    } else if (tr_json_is(name, "ADD")) {
        *out = TR_SECTION_ADD;
    } else if (tr_json_is(name, "DELETE")) {
        *out = has_value ? TR_SECTION_DELETE : TR_SECTION_REMOVE;
    } else {
        return tr_problem_set(
            expr->problem, TR_PROBLEM_VALIDATION,
            "1 validation error detected: Value '%.*s' at 'attributeUpdates.member.action' failed "
            "to satisfy constraint: Member must satisfy enum value set: [ADD, DELETE, PUT]",
            (int)tr_json_raw(name).len - 2, tr_json_raw(name).ptr + 1);
    }
    return TR_OK;
}

static enum tr_status read_update(struct tr_expr *expr, struct tr_json member,
                                  struct tr_action *action)
{
    struct tr_json name, value;
    enum tr_status status;
    if (tr_json_type(member) != TR_JSON_OBJECT) {
        return structure_expected(expr, member);
    }
    name = member_or_absent(member, "Action");
    value = member_or_absent(member, "Value");
    action->legacy = true;
    action->path.count = 1;
    action->path.steps = tr_arena_alloc(expr->arena, sizeof *action->path.steps);
    action->operand = tr_arena_alloc(expr->arena, sizeof *action->operand);
    if (action->path.steps == NULL || action->operand == NULL) {
        return TR_ENOMEM;
    }
    action->operand->kind = TR_NODE_VALUE;
    if ((status = find_section(expr, name, has(value), &action->section)) != TR_OK ||
        (status = tr_json_text(tr_json_key(member), expr->arena, &action->path.steps[0].name)) !=
            TR_OK) {
        return status;
    }
    if (action->path.steps[0].name.len == 0) {
        return nameless(expr);
    }
    if (has(value)) {
        status = tr_value_parse(value, expr->arena, &action->operand->value, expr->problem);
    }
    return status == TR_OK ? check_update(expr, action, value, name) : status;
}

enum tr_status tr_legacy_updates(struct tr_expr *expr, struct tr_json updates,
                                 struct tr_action **out)
{
    struct tr_json member;
    enum tr_status status = TR_OK;

    *out = NULL;
    for (member = tr_json_first(updates); status == TR_OK && member.doc != NULL;
         member = tr_json_next(updates, member)) {
        struct tr_action *action = tr_arena_alloc(expr->arena, sizeof *action);
        if (action == NULL) {
            return TR_ENOMEM;
        }
        status = read_update(expr, member, action);
        *out = action;
        out = &action->next;
    }
    return status;
}

/* --- AttributesToGet --- */

enum tr_status tr_legacy_projection(struct tr_expr *expr, struct tr_json attributes,
                                    struct tr_projection *out)
{
    size_t count = tr_json_count(attributes), i;
    struct tr_json element;
    enum tr_status status;

    *out = (struct tr_projection){0};
    if (count == 0 || count > ATTRIBUTES_TO_GET_MAX) {
        return tr_problem_set(
            expr->problem, TR_PROBLEM_VALIDATION,
            "1 validation error detected: Value '%.*s' at 'attributesToGet' failed to satisfy "
            "constraint: Member must have length %s than or equal to %d",
            count == 0 ? 2 : 0, "[]", count == 0 ? "greater" : "less",
            count == 0 ? 1 : ATTRIBUTES_TO_GET_MAX);
    }
    out->paths = tr_arena_alloc(expr->arena, count * sizeof *out->paths);
    if (out->paths == NULL) {
        return TR_ENOMEM;
    }
    for (element = tr_json_first(attributes); element.doc != NULL;
         element = tr_json_next(attributes, element)) {
        struct tr_path *path = &out->paths[out->count];
        if (tr_json_type(element) != TR_JSON_STRING) {
            return tr_json_mistyped(element, "String", expr->problem);
        }
        path->count = 1;
        path->steps = tr_arena_alloc(expr->arena, sizeof *path->steps);
        if (path->steps == NULL) {
            return TR_ENOMEM;
        }
        status = tr_json_text(element, expr->arena, &path->steps[0].name);
        if (status != TR_OK) {
            return status;
        }
        for (i = 0; i < out->count; i++) {
            if (tr_path_eq(&out->paths[i], path)) {
                return tr_problem_set(expr->problem, TR_PROBLEM_VALIDATION,
                                      INVALID "Duplicate value in attribute name: %.*s",
                                      TR_FMT(path->steps[0].name));
            }
        }
        out->count++;
    }
    return TR_OK;
}
