/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong with one node of an expression, told when its operands are known. */
#include "local/parser.h"

bool tr_expr_node_gives_bool(const struct tr_expr_node *node)
{
    return tr_expr_node_family(node->kind) == TR_FAMILY_CONDITION ||
           tr_expr_node_family(node->kind) == TR_FAMILY_FUNCTION;
}

/* The type that an operand has in any case; ABSENT when only the item can tell. */
static enum tr_value_type known_type(const struct tr_expr_node *node)
{
    switch (node->kind) {
    case TR_NODE_VALUE:
        return node->value.type;
    case TR_NODE_SIZE:
    case TR_NODE_PLUS:
    case TR_NODE_MINUS:
        return TR_VALUE_N;
    case TR_NODE_LIST_APPEND:
        return TR_VALUE_L;
    default:
        return TR_VALUE_ABSENT;
    }
}

static void wrong_type(struct tr_parser *ps, const struct tr_expr_node *node,
                       enum tr_value_type type)
{
    if (tr_parser_finds(ps, TR_RANK_TYPE)) {
        tr_buf_printf(tr_parser_message(ps),
                      "Incorrect operand type for operator or function; operator or function: %s, "
                      "operand type: %s",
                      tr_expr_node_text(node->kind), tr_value_type_name(type));
    }
}

/* Operands whose type is known must be among `allowed` (a bit for each type). */
static void check_types(struct tr_parser *ps, const struct tr_expr_node *node, unsigned allowed)
{
    const struct tr_expr_node *arg;
    for (arg = node->args; arg != NULL; arg = arg->next) {
        enum tr_value_type type = known_type(arg);
        if (type != TR_VALUE_ABSENT && (allowed & 1u << type) == 0) {
            wrong_type(ps, node, type);
        }
    }
}

static void needs_path(struct tr_parser *ps, const struct tr_expr_node *node)
{
    if (node->args->kind != TR_NODE_PATH && tr_parser_finds(ps, TR_RANK_TYPE)) {
        tr_buf_printf(tr_parser_message(ps),
                      "Operator or function requires a document path; operator or function: %s",
                      tr_expr_node_text(node->kind));
    }
}

static void check_type_name(struct tr_parser *ps, const struct tr_expr_node *node)
{
    const struct tr_expr_node *name = node->args->next;
    if (name->kind != TR_NODE_VALUE || name->value.type != TR_VALUE_S) {
        if (name->kind != TR_NODE_VALUE || name->value.type != TR_VALUE_ABSENT) {
            if (tr_parser_finds(ps, TR_RANK_TYPE)) {
                tr_buf_printf(tr_parser_message(ps),
                              "Incorrect operand type for operator or function; operator or "
                              "function: attribute_type, operand type: %s",
                              name->kind == TR_NODE_VALUE ? tr_value_type_name(name->value.type)
                                                          : "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}");
            }
        }
    } else if (tr_value_type_of(name->value.data) == TR_VALUE_ABSENT &&
               tr_parser_finds(ps, TR_RANK_TYPE)) {
        tr_buf_printf(tr_parser_message(ps),
                      "Invalid attribute type name found; type: %.*s, valid types: "
                      "{N,BS,L,B,NULL,M,S,SS,NS,BOOL}",
                      TR_FMT(name->value.data));
    }
}

static void print_bound(struct tr_parser *ps, const char *which, struct tr_value value)
{
    tr_buf_printf(tr_parser_message(ps), "%s bound operand: AttributeValue: {%s:%.*s}", which,
                  tr_value_type_name(value.type), TR_FMT(value.data));
}

static void check_between(struct tr_parser *ps, const struct tr_expr_node *node)
{
    const struct tr_expr_node *lower = node->args->next, *upper = lower->next;
    bool same;
    if (lower->kind != TR_NODE_VALUE || upper->kind != TR_NODE_VALUE ||
        lower->value.type == TR_VALUE_ABSENT || upper->value.type == TR_VALUE_ABSENT) {
        return;
    }
    same = lower->value.type == upper->value.type;
    if ((!same || tr_value_cmp(lower->value, upper->value) > 0) &&
        tr_parser_finds(ps, TR_RANK_TYPE)) {
        tr_buf_printf(tr_parser_message(ps), "The BETWEEN operator requires %s; ",
                      same ? "upper bound to be greater than or equal to lower bound"
                           : "same data type for lower and upper bounds");
        print_bound(ps, "lower", lower->value);
        tr_buf_add_str(tr_parser_message(ps), ", ");
        print_bound(ps, "upper", upper->value);
    }
}

static bool repeats_first(const struct tr_expr_node *node)
{
    const struct tr_expr_node *first = node->args, *other;
    if (first == NULL || first->kind != TR_NODE_PATH) {
        return false;
    }
    for (other = first->next; other != NULL; other = other->next) {
        if (other->kind == TR_NODE_PATH && tr_path_eq(&first->path, &other->path)) {
            return true;
        }
    }
    return false;
}

static void check_distinct(struct tr_parser *ps, const struct tr_expr_node *node)
{
    if ((ps->update && node->kind != TR_NODE_IF_NOT_EXISTS) || !repeats_first(node) ||
        !tr_parser_finds(ps, TR_RANK_DISTINCT)) {
        return;
    }
    tr_buf_printf(tr_parser_message(ps),
                  "The first operand must be distinct from the remaining operands for this "
                  "operator or function; operator: %s, first operand: ",
                  tr_expr_node_text(node->kind));
    tr_path_print(tr_parser_message(ps), &node->args->path);
}

static void check_operands(struct tr_parser *ps, const struct tr_expr_node *node)
{
    const unsigned scalars = 1u << TR_VALUE_S | 1u << TR_VALUE_N | 1u << TR_VALUE_B;
    switch (node->kind) {
    case TR_NODE_EXISTS:
    case TR_NODE_NOT_EXISTS:
    case TR_NODE_IF_NOT_EXISTS:
        needs_path(ps, node);
        break;
    case TR_NODE_TYPE:
        check_type_name(ps, node);
        break;
    case TR_NODE_BEGINS_WITH:
        check_types(ps, node, 1u << TR_VALUE_S | 1u << TR_VALUE_B);
        break;
    case TR_NODE_SIZE:
        check_types(ps, node, ~(1u << TR_VALUE_N | 1u << TR_VALUE_BOOL | 1u << TR_VALUE_NULL));
        break;
    case TR_NODE_LIST_APPEND:
        check_types(ps, node, 1u << TR_VALUE_L);
        break;
    case TR_NODE_PLUS:
    case TR_NODE_MINUS:
        check_types(ps, node, 1u << TR_VALUE_N);
        break;
    case TR_NODE_BETWEEN:
        check_types(ps, node, scalars);
        check_between(ps, node);
        break;
    case TR_NODE_LT:
    case TR_NODE_LE:
    case TR_NODE_GT:
    case TR_NODE_GE:
        check_types(ps, node, scalars);
        break;
    default:
        break;
    }
}

struct limits {
    const char *text;
    size_t min;
    size_t max;
    enum tr_expr_node_family family;
};

static const struct limits node_limits[] = {
#define LIMITS(id, text, min, max, family) {text, min, max, TR_FAMILY_##family},
    TR_NODE_TABLE(LIMITS)
#undef LIMITS
};

const char *tr_expr_node_text(enum tr_expr_node_kind kind)
{
    return node_limits[kind].text;
}

enum tr_expr_node_family tr_expr_node_family(enum tr_expr_node_kind kind)
{
    return node_limits[kind].family;
}

/* Conditions are no operands, except of AND, OR and NOT; lists cannot be added up. */
static bool may_hold(const struct tr_expr_node *node, const struct tr_expr_node *arg)
{
    switch (node->kind) {
    case TR_NODE_AND:
    case TR_NODE_OR:
    case TR_NODE_NOT:
        return tr_expr_node_gives_bool(arg);
    case TR_NODE_PLUS:
    case TR_NODE_MINUS:
        return arg->kind != TR_NODE_LIST_APPEND;
    default:
        return !tr_expr_node_gives_bool(arg);
    }
}

static void check_use(struct tr_parser *ps, const struct tr_expr_node *node)
{
    const struct tr_expr_node *arg;
    for (arg = node->args; arg != NULL; arg = arg->next) {
        if (!may_hold(node, arg) && arg->kind != TR_NODE_UNKNOWN &&
            tr_parser_finds(ps, TR_RANK_MISUSED)) {
            tr_buf_printf(
                tr_parser_message(ps),
                "The function is not allowed to be used this way in an expression; function: %s",
                tr_expr_node_text(arg->kind));
        }
    }
}

static void tell_count(struct tr_parser *ps, const struct tr_expr_node *node, size_t count)
{
    const struct limits *limits = &node_limits[node->kind];
    if (!tr_parser_finds(ps, TR_RANK_COUNT)) {
        return;
    }
    if (node->kind == TR_NODE_IN && count > limits->max) { /* without what is looked for */
        tr_buf_printf(tr_parser_message(ps),
                      "The IN operator is provided with too many operands; number of operands: %zu",
                      count - 1);
        return;
    }
    tr_buf_printf(tr_parser_message(ps),
                  "Incorrect number of operands for operator or function; operator or function: "
                  "%s, number of operands: %zu",
                  limits->text, count);
}

void tr_parser_check(struct tr_parser *ps, const struct tr_expr_node *node)
{
    const struct limits *limits = &node_limits[node->kind];
    const struct tr_expr_node *arg;
    size_t count = 0;

    for (arg = node->args; arg != NULL; arg = arg->next) {
        count++;
    }
    check_use(ps, node);
    if (count < limits->min || count > limits->max) {
        tell_count(ps, node, count);
        return;
    }
    check_distinct(ps, node);
    check_operands(ps, node);
}
