/* SPDX-License-Identifier: Apache-2.0
 *
 * The grammar. A recursive descent whose depth is counted. What is wrong with an expression besides
 * its grammar is collected while it is read, and the finding that the service would name first is
 * the one that is told. */
#include "local/expr.h"

#include "local/token.h"

/* What is told first stands first. */
enum rank {
    RANK_PARENTHESES,
    RANK_UNKNOWN_FUNCTION,
    RANK_MISUSED,
    RANK_RESERVED,
    RANK_SECTION,
    RANK_UNDEFINED,
    RANK_OVERLAP,
    RANK_COUNT,
    RANK_DISTINCT,
    RANK_TYPE,
    RANK_NONE,
};

struct parser {
    struct tr_expr *expr;
    const char *name; /* of the parameter */
    struct tr_bytes rest;
    const char *before; /* where the token before the present one starts */
    struct tr_token token;
    bool update;
    unsigned depth;
    unsigned operators;
    const char *group_open; /* the last whole pair of parentheses */
    const char *group_close;
    enum rank found;
};

static struct tr_buf *message(struct parser *ps)
{
    return &ps->expr->problem->message;
}

/* Whether this finding is to be told, as far as known; then its words are to be added. */
static bool finds(struct parser *ps, enum rank rank)
{
    if (rank >= ps->found) {
        return false;
    }
    ps->found = rank;
    ps->expr->problem->code = TR_PROBLEM_VALIDATION;
    tr_buf_reset(message(ps));
    tr_buf_printf(message(ps), "Invalid %s: ", ps->name);
    return true;
}

static void advance(struct parser *ps)
{
    ps->before = ps->token.text.ptr;
    ps->token = tr_token_next(&ps->rest);
}

/* The service shows the token before, this one and the next, as they stand in the text. */
static enum tr_status syntax(struct parser *ps)
{
    struct tr_bytes rest = ps->rest;
    struct tr_token next = tr_token_next(&rest);
    const char *end = next.text.ptr + next.text.len;
    bool at_end = ps->token.kind == TR_TOKEN_END;

    if (next.kind == TR_TOKEN_END && !at_end) {
        end = ps->token.text.ptr + ps->token.text.len;
    }
    ps->found = RANK_NONE;
    (void)finds(ps, RANK_PARENTHESES);
    tr_buf_add_str(message(ps), "Syntax error; token: \"");
    tr_buf_add(message(ps), at_end ? TR_LIT("<EOF>") : ps->token.text);
    tr_buf_add_str(message(ps), "\", near: \"");
    tr_buf_add(message(ps), (struct tr_bytes){ps->before, (size_t)(end - ps->before)});
    tr_buf_add_char(message(ps), '"');
    return tr_buf_status(message(ps)) == TR_OK ? TR_EREFUSED : TR_ENOMEM;
}

static bool at_sign(const struct parser *ps, const char *sign)
{
    return ps->token.kind == TR_TOKEN_SIGN && tr_bytes_is(ps->token.text, sign);
}

static bool at_word(const struct parser *ps, const char *word)
{
    return ps->token.kind == TR_TOKEN_WORD && tr_bytes_is_nocase(ps->token.text, word);
}

static bool skip_sign(struct parser *ps, const char *sign)
{
    if (!at_sign(ps, sign)) {
        return false;
    }
    advance(ps);
    return true;
}

static bool is_keyword(const struct parser *ps)
{
    static const char *const words[] = {"AND", "OR",     "NOT", "BETWEEN", "IN",
                                        "SET", "REMOVE", "ADD", "DELETE"};
    size_t i;
    for (i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (at_word(ps, words[i])) {
            return true;
        }
    }
    return false;
}

/* One level deeper, one operator more. */
static enum tr_status descend(struct parser *ps)
{
    if (++ps->depth > TR_EXPR_DEPTH_MAX) {
        return tr_problem_set(ps->expr->problem, TR_PROBLEM_VALIDATION,
                              "Invalid %s: The expression has too many nesting levels; maximum: %d",
                              ps->name, TR_EXPR_DEPTH_MAX);
    }
    return TR_OK;
}

static enum tr_status count_operator(struct parser *ps)
{
    if (++ps->operators > TR_EXPR_OPERATORS_MAX) {
        return tr_problem_set(ps->expr->problem, TR_PROBLEM_VALIDATION,
                              "Invalid %s: The expression contains too many operators; operator "
                              "count: %u",
                              ps->name, ps->operators);
    }
    return TR_OK;
}

static struct tr_node *make_node(struct parser *ps, enum tr_node_kind kind)
{
    struct tr_node *node = tr_arena_alloc(ps->expr->arena, sizeof *node);
    if (node != NULL) {
        node->kind = kind;
    }
    return node;
}

/* --- paths and values --- */

static struct tr_placeholder *placeholder(struct parser *ps, struct tr_placeholder *list,
                                          size_t count, const char *what)
{
    size_t i;
    for (i = 0; i < count; i++) {
        if (tr_bytes_eq(list[i].name, ps->token.text)) {
            list[i].used = true;
            return &list[i];
        }
    }
    if (finds(ps, RANK_UNDEFINED)) {
        tr_buf_printf(message(ps), "An expression attribute %s: %.*s", what,
                      TR_FMT(ps->token.text));
    }
    return NULL;
}

static enum tr_status parse_name(struct parser *ps, struct tr_step *step)
{
    if (ps->token.kind == TR_TOKEN_NAME) {
        struct tr_placeholder *found =
            placeholder(ps, ps->expr->names, ps->expr->name_count,
                        "name used in the document path is not defined; attribute name");
        step->name = found != NULL ? found->text : ps->token.text;
    } else if (ps->token.kind == TR_TOKEN_WORD && !is_keyword(ps)) {
        step->name = ps->token.text;
        if (tr_token_is_reserved(step->name) && finds(ps, RANK_RESERVED)) {
            tr_buf_printf(message(ps),
                          "Attribute name is a reserved keyword; reserved keyword: %.*s",
                          TR_FMT(step->name));
        }
    } else {
        return syntax(ps);
    }
    advance(ps);
    return TR_OK;
}

static enum tr_status parse_index(struct parser *ps, struct tr_step *step)
{
    struct tr_bytes digits = ps->token.text;
    step->name = (struct tr_bytes){NULL, 0};
    if (ps->token.kind != TR_TOKEN_NUMBER) {
        return syntax(ps);
    }
    if (!tr_bytes_u64(digits, INT32_MAX, &step->index)) {
        return tr_problem_set(
            ps->expr->problem, TR_PROBLEM_VALIDATION,
            "Invalid %s: List index is not within the allowable range; index: [%.*s]", ps->name,
            TR_FMT(digits));
    }
    advance(ps);
    return skip_sign(ps, "]") ? TR_OK : syntax(ps);
}

/* How many steps a path can have at most: one for each '.' and '[' from here on. */
static size_t count_steps(const struct parser *ps)
{
    struct tr_bytes rest = ps->rest;
    struct tr_token token = ps->token;
    size_t count = 1;
    for (;;) {
        bool index;
        token = tr_token_next(&rest);
        index = token.kind == TR_TOKEN_SIGN && tr_bytes_is(token.text, "[");
        if (!index && !(token.kind == TR_TOKEN_SIGN && tr_bytes_is(token.text, "."))) {
            return count;
        }
        (void)tr_token_next(&rest);
        if (index) {
            (void)tr_token_next(&rest);
        }
        count++;
    }
}

static enum tr_status parse_path(struct parser *ps, struct tr_path *path)
{
    enum tr_status status;
    path->steps = tr_arena_alloc(ps->expr->arena, count_steps(ps) * sizeof *path->steps);
    if (path->steps == NULL) {
        return TR_ENOMEM;
    }
    status = parse_name(ps, &path->steps[path->count++]);
    while (status == TR_OK) {
        if (skip_sign(ps, ".")) {
            status = parse_name(ps, &path->steps[path->count++]);
        } else if (skip_sign(ps, "[")) {
            status = parse_index(ps, &path->steps[path->count++]);
        } else {
            break;
        }
    }
    if (status == TR_OK && path->count > TR_VALUE_DEPTH_MAX) {
        return tr_problem_set(ps->expr->problem, TR_PROBLEM_VALIDATION,
                              "Invalid %s: The document path has too many nesting levels; nesting "
                              "levels: %zu",
                              ps->name, path->count);
    }
    return status;
}

static enum tr_status parse_value(struct parser *ps, struct tr_node *node)
{
    struct tr_placeholder *found = placeholder(ps, ps->expr->values, ps->expr->value_count,
                                               "value used in expression is not defined; "
                                               "attribute value");
    if (found != NULL) {
        node->value = found->value;
    }
    advance(ps);
    return TR_OK;
}

/* --- calls --- */

static enum tr_node_kind function_kind(struct tr_bytes name)
{
    unsigned kind;
    for (kind = TR_NODE_EXISTS; kind <= TR_NODE_LIST_APPEND; kind++) {
        if (tr_bytes_is(name, tr_node_text((enum tr_node_kind)kind))) {
            return (enum tr_node_kind)kind;
        }
    }
    return TR_NODE_UNKNOWN;
}

static void check_function_name(struct parser *ps, enum tr_node_kind kind, struct tr_bytes name)
{
    bool of_update = tr_node_family(kind) == TR_FAMILY_UPDATE;
    if (kind == TR_NODE_UNKNOWN && finds(ps, RANK_UNKNOWN_FUNCTION)) {
        tr_buf_printf(message(ps), "Invalid function name; function: %.*s", TR_FMT(name));
    } else if (kind != TR_NODE_UNKNOWN && of_update != ps->update && finds(ps, RANK_MISUSED)) {
        tr_buf_printf(message(ps), "The function is not allowed in %s expression; function: %.*s",
                      ps->update ? "an update" : "a condition", TR_FMT(name));
    }
}

typedef enum tr_status (*parse_fn)(struct parser *ps, struct tr_node **out);
static enum tr_status parse_operand(struct parser *ps, struct tr_node **out);
static enum tr_status parse_or(struct parser *ps, struct tr_node **out);
static enum tr_status parse_sum(struct parser *ps, struct tr_node **out);
static enum tr_status check_node(struct parser *ps, struct tr_node *node);

static enum tr_status parse_call(struct parser *ps, struct tr_bytes name, struct tr_node **out)
{
    enum tr_node_kind kind = function_kind(name);
    struct tr_node **at;
    enum tr_status status;

    check_function_name(ps, kind, name);
    if ((*out = make_node(ps, kind)) == NULL) {
        return TR_ENOMEM;
    }
    at = &(*out)->args;
    do { /* at the '(' or a ',' */
        advance(ps);
        if ((status = parse_operand(ps, at)) != TR_OK) {
            return status;
        }
        at = &(*at)->next;
    } while (at_sign(ps, ","));
    if (!skip_sign(ps, ")")) {
        return syntax(ps);
    }
    return check_node(ps, *out);
}

/* A word may start a path or a call: the next token tells. */
static bool at_call(const struct parser *ps)
{
    struct tr_bytes rest = ps->rest;
    struct tr_token next = tr_token_next(&rest);
    return ps->token.kind == TR_TOKEN_WORD && !is_keyword(ps) && next.kind == TR_TOKEN_SIGN &&
           tr_bytes_is(next.text, "(");
}

static enum tr_status parse_plain(struct parser *ps, struct tr_node **out)
{
    if (at_call(ps)) {
        struct tr_bytes name = ps->token.text;
        enum tr_status status = count_operator(ps);
        advance(ps);
        return status == TR_OK ? parse_call(ps, name, out) : status;
    }
    if ((*out = make_node(ps, TR_NODE_PATH)) == NULL) {
        return TR_ENOMEM;
    }
    if (ps->token.kind == TR_TOKEN_VALUE) {
        (*out)->kind = TR_NODE_VALUE;
        return parse_value(ps, *out);
    }
    return parse_path(ps, &(*out)->path);
}

/* --- checks of one node, when its operands are known --- */

static bool gives_bool(const struct tr_node *node)
{
    return tr_node_family(node->kind) == TR_FAMILY_CONDITION ||
           tr_node_family(node->kind) == TR_FAMILY_FUNCTION;
}

/* The type that an operand has in any case; ABSENT when only the item can tell. */
static enum tr_value_type known_type(const struct tr_node *node)
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

static void wrong_type(struct parser *ps, const struct tr_node *node, enum tr_value_type type)
{
    if (finds(ps, RANK_TYPE)) {
        tr_buf_printf(message(ps),
                      "Incorrect operand type for operator or function; operator or function: %s, "
                      "operand type: %s",
                      tr_node_text(node->kind), tr_value_type_name(type));
    }
}

/* Operands whose type is known must be among `allowed` (a bit for each type). */
static void check_types(struct parser *ps, const struct tr_node *node, unsigned allowed)
{
    const struct tr_node *arg;
    for (arg = node->args; arg != NULL; arg = arg->next) {
        enum tr_value_type type = known_type(arg);
        if (type != TR_VALUE_ABSENT && (allowed & 1u << type) == 0) {
            wrong_type(ps, node, type);
        }
    }
}

static void needs_path(struct parser *ps, const struct tr_node *node)
{
    if (node->args->kind != TR_NODE_PATH && finds(ps, RANK_TYPE)) {
        tr_buf_printf(message(ps),
                      "Operator or function requires a document path; operator or function: %s",
                      tr_node_text(node->kind));
    }
}

static void check_type_name(struct parser *ps, const struct tr_node *node)
{
    const struct tr_node *name = node->args->next;
    if (name->kind != TR_NODE_VALUE || name->value.type != TR_VALUE_S) {
        if (name->kind != TR_NODE_VALUE || name->value.type != TR_VALUE_ABSENT) {
            if (finds(ps, RANK_TYPE)) {
                tr_buf_printf(message(ps),
                              "Incorrect operand type for operator or function; operator or "
                              "function: attribute_type, operand type: %s",
                              name->kind == TR_NODE_VALUE ? tr_value_type_name(name->value.type)
                                                          : "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}");
            }
        }
    } else if (tr_value_type_of(name->value.data) == TR_VALUE_ABSENT && finds(ps, RANK_TYPE)) {
        tr_buf_printf(message(ps),
                      "Invalid attribute type name found; type: %.*s, valid types: "
                      "{N,BS,L,B,NULL,M,S,SS,NS,BOOL}",
                      TR_FMT(name->value.data));
    }
}

static void print_bound(struct parser *ps, const char *which, struct tr_value value)
{
    tr_buf_printf(message(ps), "%s bound operand: AttributeValue: {%s:%.*s}", which,
                  tr_value_type_name(value.type), TR_FMT(value.data));
}

static void check_between(struct parser *ps, const struct tr_node *node)
{
    const struct tr_node *lower = node->args->next, *upper = lower->next;
    bool same;
    if (lower->kind != TR_NODE_VALUE || upper->kind != TR_NODE_VALUE ||
        lower->value.type == TR_VALUE_ABSENT || upper->value.type == TR_VALUE_ABSENT) {
        return;
    }
    same = lower->value.type == upper->value.type;
    if ((!same || tr_value_cmp(lower->value, upper->value) > 0) && finds(ps, RANK_TYPE)) {
        tr_buf_printf(message(ps), "The BETWEEN operator requires %s; ",
                      same ? "upper bound to be greater than or equal to lower bound"
                           : "same data type for lower and upper bounds");
        print_bound(ps, "lower", lower->value);
        tr_buf_add_str(message(ps), ", ");
        print_bound(ps, "upper", upper->value);
    }
}

static bool repeats_first(const struct tr_node *node)
{
    const struct tr_node *first = node->args, *other;
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

static void check_distinct(struct parser *ps, const struct tr_node *node)
{
    if (ps->update || !repeats_first(node) || !finds(ps, RANK_DISTINCT)) {
        return;
    }
    tr_buf_printf(message(ps),
                  "The first operand must be distinct from the remaining operands for this "
                  "operator or function; operator: %s, first operand: ",
                  tr_node_text(node->kind));
    tr_path_print(message(ps), &node->args->path);
}

static void check_operands(struct parser *ps, const struct tr_node *node)
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
    enum tr_node_family family;
};

static const struct limits node_limits[] = {
#define LIMITS(id, text, min, max, family) {text, min, max, TR_FAMILY_##family},
    TR_NODE_TABLE(LIMITS)
#undef LIMITS
};

const char *tr_node_text(enum tr_node_kind kind)
{
    return node_limits[kind].text;
}

enum tr_node_family tr_node_family(enum tr_node_kind kind)
{
    return node_limits[kind].family;
}

/* Conditions are no operands, except of AND, OR and NOT. */
static void check_use(struct parser *ps, const struct tr_node *node)
{
    const struct tr_node *arg;
    bool logical =
        node->kind == TR_NODE_AND || node->kind == TR_NODE_OR || node->kind == TR_NODE_NOT;
    for (arg = node->args; arg != NULL; arg = arg->next) {
        if (gives_bool(arg) != logical && arg->kind != TR_NODE_UNKNOWN &&
            tr_node_family(arg->kind) != TR_FAMILY_OPERAND && finds(ps, RANK_MISUSED)) {
            tr_buf_printf(
                message(ps),
                "The function is not allowed to be used this way in an expression; function: %s",
                tr_node_text(arg->kind));
        }
    }
}

static enum tr_status check_node(struct parser *ps, struct tr_node *node)
{
    const struct limits *limits = &node_limits[node->kind];
    const struct tr_node *arg;
    size_t count = 0;

    for (arg = node->args; arg != NULL; arg = arg->next) {
        count++;
    }
    check_use(ps, node);
    if (count < limits->min || count > limits->max) {
        if (finds(ps, RANK_COUNT)) {
            tr_buf_printf(message(ps),
                          "Incorrect number of operands for operator or function; operator or "
                          "function: %s, number of operands: %zu",
                          limits->text, count);
        }
        return TR_OK;
    }
    check_distinct(ps, node);
    check_operands(ps, node);
    return TR_OK;
}

/* --- conditions --- */

static enum tr_node_kind comparator(const struct parser *ps)
{
    unsigned kind;
    for (kind = TR_NODE_EQ; kind <= TR_NODE_GE; kind++) {
        if (at_sign(ps, tr_node_text((enum tr_node_kind)kind))) {
            return (enum tr_node_kind)kind;
        }
    }
    return TR_NODE_UNKNOWN;
}

static bool is_operand(const struct tr_node *node)
{
    return tr_node_family(node->kind) == TR_FAMILY_OPERAND;
}

/* "( ... )"; a pair that holds just another pair is redundant. */
static enum tr_status parse_group(struct parser *ps, parse_fn content, struct tr_node **out)
{
    const char *open = ps->token.text.ptr, *first;
    enum tr_status status = descend(ps);

    if (status != TR_OK) {
        return status;
    }
    advance(ps);
    first = ps->token.text.ptr;
    status = content(ps, out);
    ps->depth--;
    if (status != TR_OK) {
        return status;
    }
    if (!at_sign(ps, ")")) {
        return syntax(ps);
    }
    if (ps->group_open == first && ps->group_close == ps->before && finds(ps, RANK_PARENTHESES)) {
        tr_buf_add_str(message(ps), "The expression has redundant parentheses;");
    }
    ps->group_open = open;
    ps->group_close = ps->token.text.ptr;
    advance(ps);
    return TR_OK;
}

static enum tr_status parse_operand(struct parser *ps, struct tr_node **out)
{
    enum tr_status status;
    if (!at_sign(ps, "(")) {
        return parse_plain(ps, out);
    }
    status = parse_group(ps, ps->update ? parse_operand : parse_or, out);
    if (status == TR_OK && tr_node_family((*out)->kind) == TR_FAMILY_CONDITION) {
        return syntax(ps);
    }
    return status;
}

/* Behind the first operand of a comparison: the sign or word at hand and the others. */
static enum tr_status parse_others(struct parser *ps, struct tr_node *first, size_t count,
                                   const char *separator)
{
    struct tr_node **at = &first->next;
    enum tr_status status = TR_OK;
    size_t i;
    for (i = 0; i < count && status == TR_OK; i++) {
        if (i > 0 && !at_word(ps, separator)) {
            return syntax(ps);
        }
        at = i > 0 ? &(*at)->next : at;
        advance(ps);
        status = parse_operand(ps, at);
    }
    return status;
}

/* IN's operands: "(a, b, ...)"; at the word IN. */
static enum tr_status parse_in(struct parser *ps, struct tr_node *first)
{
    struct tr_node **at = &first->next;
    enum tr_status status = TR_OK;
    advance(ps);
    if (!at_sign(ps, "(")) {
        return syntax(ps);
    }
    do {
        advance(ps);
        status = parse_operand(ps, at);
    } while (status == TR_OK && at_sign(ps, ",") && (at = &(*at)->next) != NULL);
    if (status != TR_OK) {
        return status;
    }
    return skip_sign(ps, ")") ? TR_OK : syntax(ps);
}

/* An operand with what it is compared to, a call, a group; or an operand alone, which only a group
 * may hold. */
static enum tr_status parse_comparison(struct parser *ps, struct tr_node **out)
{
    struct tr_node *first, *node;
    enum tr_status status =
        at_sign(ps, "(") ? parse_group(ps, parse_or, &first) : parse_plain(ps, &first);
    enum tr_node_kind kind = comparator(ps);

    if (status != TR_OK) {
        return status;
    }
    kind = at_word(ps, "BETWEEN") ? TR_NODE_BETWEEN : at_word(ps, "IN") ? TR_NODE_IN : kind;
    *out = first;
    if (kind == TR_NODE_UNKNOWN) {
        return TR_OK;
    }
    if (tr_node_family(first->kind) == TR_FAMILY_CONDITION) {
        return syntax(ps);
    }
    if ((status = count_operator(ps)) != TR_OK) {
        return status;
    }
    if ((node = make_node(ps, kind)) == NULL) {
        return TR_ENOMEM;
    }
    node->args = first;
    if (kind == TR_NODE_IN) {
        status = parse_in(ps, first);
    } else {
        status = parse_others(ps, first, kind == TR_NODE_BETWEEN ? 2 : 1, "AND");
    }
    *out = node;
    return status == TR_OK ? check_node(ps, node) : status;
}

static enum tr_status parse_not(struct parser *ps, struct tr_node **out)
{
    enum tr_status status;
    if (!at_word(ps, "NOT")) {
        return parse_comparison(ps, out);
    }
    if ((*out = make_node(ps, TR_NODE_NOT)) == NULL) {
        return TR_ENOMEM;
    }
    if ((status = descend(ps)) != TR_OK || (status = count_operator(ps)) != TR_OK) {
        return status;
    }
    advance(ps);
    status = parse_not(ps, &(*out)->args);
    ps->depth--;
    if (status != TR_OK) {
        return status;
    }
    return is_operand((*out)->args) ? syntax(ps) : check_node(ps, *out);
}

/* a AND b AND c, a OR b OR c: from the left. */
static enum tr_status parse_chain(struct parser *ps, enum tr_node_kind kind, parse_fn part,
                                  struct tr_node **out)
{
    enum tr_status status = part(ps, out);
    while (status == TR_OK && at_word(ps, tr_node_text(kind))) {
        struct tr_node *node = make_node(ps, kind);
        if (node == NULL) {
            return TR_ENOMEM;
        }
        if (is_operand(*out)) {
            return syntax(ps);
        }
        if ((status = count_operator(ps)) != TR_OK) {
            return status;
        }
        advance(ps);
        node->args = *out;
        *out = node;
        status = part(ps, &node->args->next);
        if (status == TR_OK) {
            status = is_operand(node->args->next) ? syntax(ps) : check_node(ps, node);
        }
    }
    return status;
}

static enum tr_status parse_and(struct parser *ps, struct tr_node **out)
{
    return parse_chain(ps, TR_NODE_AND, parse_not, out);
}

static enum tr_status parse_or(struct parser *ps, struct tr_node **out)
{
    return parse_chain(ps, TR_NODE_OR, parse_and, out);
}

/* --- whole expressions --- */

static enum tr_status begin(struct parser *ps, struct tr_expr *expr, const char *name,
                            struct tr_bytes text)
{
    *ps = (struct parser){.expr = expr, .name = name, .rest = text, .found = RANK_NONE};
    if (text.len == 0) {
        return tr_problem_set(expr->problem, TR_PROBLEM_VALIDATION,
                              "Invalid %s: The expression can not be empty;", name);
    }
    if (text.len > TR_EXPR_BYTES_MAX) {
        return tr_problem_set(expr->problem, TR_PROBLEM_VALIDATION,
                              "Invalid %s: Expression size has exceeded the maximum allowed size; "
                              "expression size: %zu",
                              name, text.len);
    }
    ps->token.text.ptr = text.ptr;
    advance(ps);
    if (ps->token.kind != TR_TOKEN_END) {
        ps->before = ps->token.text.ptr;
    }
    return TR_OK;
}

/* The end of the text, and what was found on the way. */
static enum tr_status finish(struct parser *ps)
{
    if (ps->token.kind != TR_TOKEN_END) {
        return syntax(ps);
    }
    if (ps->found != RANK_NONE) {
        return tr_buf_status(message(ps)) == TR_OK ? TR_EREFUSED : TR_ENOMEM;
    }
    return TR_OK;
}

enum tr_status tr_expr_condition(struct tr_expr *expr, const char *name, struct tr_bytes text,
                                 struct tr_node **out)
{
    struct parser ps;
    enum tr_status status = begin(&ps, expr, name, text);
    if (status == TR_OK) {
        status = parse_or(&ps, out);
    }
    if (status != TR_OK) {
        return status;
    }
    if (is_operand(*out)) {
        return syntax(&ps);
    }
    if (!gives_bool(*out) && finds(&ps, RANK_MISUSED)) {
        tr_buf_printf(
            message(&ps),
            "The function is not allowed to be used this way in an expression; function: %s",
            tr_node_text((*out)->kind));
    }
    return finish(&ps);
}

/* --- updates --- */

/* operand, operand + operand, operand - operand; all of it may stand in parentheses. */
static enum tr_status parse_sum(struct parser *ps, struct tr_node **out)
{
    struct tr_node *node;
    enum tr_status status =
        at_sign(ps, "(") ? parse_group(ps, parse_sum, out) : parse_operand(ps, out);
    if (status != TR_OK || (!at_sign(ps, "+") && !at_sign(ps, "-"))) {
        return status;
    }
    if (tr_node_family((*out)->kind) == TR_FAMILY_ARITHMETIC) {
        return syntax(ps);
    }
    if ((status = count_operator(ps)) != TR_OK) {
        return status;
    }
    if ((node = make_node(ps, at_sign(ps, "+") ? TR_NODE_PLUS : TR_NODE_MINUS)) == NULL) {
        return TR_ENOMEM;
    }
    advance(ps);
    node->args = *out;
    *out = node;
    status = parse_operand(ps, &node->args->next);
    return status == TR_OK ? check_node(ps, node) : status;
}

static const char *type_word(enum tr_value_type type)
{
    static const char *const words[] = {"",           "STRING",     "NUMBER",    "BINARY",
                                        "BOOLEAN",    "NULL",       "MAP",       "LIST",
                                        "STRING_SET", "NUMBER_SET", "BINARY_SET"};
    return words[type];
}

/* ADD takes a number or a set, DELETE a set, both as a value alone. */
static void check_change(struct parser *ps, const struct tr_action *action)
{
    enum tr_value_type type = action->operand->value.type;
    bool add = action->section == TR_SECTION_ADD;
    if (type == TR_VALUE_ABSENT || tr_value_is_set(type) || (add && type == TR_VALUE_N)) {
        return;
    }
    if (finds(ps, RANK_TYPE)) {
        tr_buf_printf(message(ps),
                      "Incorrect operand type for operator or function; operator: %s, operand "
                      "type: %s, typeSet: ALLOWED_FOR_%s_OPERAND",
                      add ? "ADD" : "DELETE", type_word(type), add ? "ADD" : "DELETE");
    }
}

static enum tr_status parse_action(struct parser *ps, struct tr_action *action)
{
    enum tr_status status = parse_path(ps, &action->path);
    if (status != TR_OK || action->section == TR_SECTION_REMOVE) {
        return status;
    }
    if (action->section == TR_SECTION_SET) {
        return skip_sign(ps, "=") ? parse_sum(ps, &action->operand) : syntax(ps);
    }
    if (ps->token.kind != TR_TOKEN_VALUE) {
        return syntax(ps);
    }
    if ((action->operand = make_node(ps, TR_NODE_VALUE)) == NULL) {
        return TR_ENOMEM;
    }
    status = parse_value(ps, action->operand);
    check_change(ps, action);
    return status;
}

/* Whether one path leads to, into or around the other. */
static void check_overlap(struct parser *ps, const struct tr_path *a, const struct tr_path *b)
{
    size_t both = a->count < b->count ? a->count : b->count, i;
    const char *how = "overlap";
    for (i = 0; i < both; i++) {
        if ((a->steps[i].name.ptr != NULL) != (b->steps[i].name.ptr != NULL)) {
            how = "conflict";
            break;
        }
        if (!tr_bytes_eq(a->steps[i].name, b->steps[i].name) ||
            a->steps[i].index != b->steps[i].index) {
            return;
        }
    }
    if (finds(ps, RANK_OVERLAP)) {
        tr_buf_printf(message(ps),
                      "Two document paths %s with each other; must remove or rewrite one of these "
                      "paths; path one: ",
                      how);
        tr_path_print(message(ps), a);
        tr_buf_add_str(message(ps), ", path two: ");
        tr_path_print(message(ps), b);
    }
}

/* "SET a = :v, b = :w": at the word; appended to **tail, which moves on. */
static enum tr_status parse_section(struct parser *ps, enum tr_section section,
                                    struct tr_action *all, struct tr_action ***tail)
{
    struct tr_action *action;
    const struct tr_action *other;
    enum tr_status status;
    do {
        advance(ps);
        if ((action = tr_arena_alloc(ps->expr->arena, sizeof *action)) == NULL) {
            return TR_ENOMEM;
        }
        action->section = section;
        if ((status = parse_action(ps, action)) != TR_OK) {
            return status;
        }
        **tail = action;
        *tail = &action->next;
        all = all != NULL ? all : action;
        for (other = all; other != action && ps->found > RANK_OVERLAP; other = other->next) {
            check_overlap(ps, &other->path, &action->path);
        }
    } while (at_sign(ps, ","));
    return TR_OK;
}

enum tr_status tr_expr_update(struct tr_expr *expr, struct tr_bytes text, struct tr_action **out)
{
    static const char *const sections[] = {"SET", "REMOVE", "ADD", "DELETE"};
    bool seen[4] = {false};
    struct tr_action **tail = out;
    struct parser ps;
    enum tr_status status = begin(&ps, expr, "UpdateExpression", text);
    unsigned i;

    *out = NULL;
    ps.update = true;
    while (status == TR_OK && (ps.token.kind != TR_TOKEN_END || *out == NULL)) {
        for (i = 0; i < 4 && !at_word(&ps, sections[i]); i++) {
        }
        if (i == 4) {
            return syntax(&ps);
        }
        if (seen[i] && finds(&ps, RANK_SECTION)) {
            tr_buf_printf(message(&ps),
                          "The \"%s\" section can only be used once in an update expression;",
                          sections[i]);
        }
        seen[i] = true;
        status = parse_section(&ps, (enum tr_section)i, *out, &tail);
    }
    return status == TR_OK ? finish(&ps) : status;
}

/* --- projections --- */

enum tr_status tr_expr_projection(struct tr_expr *expr, struct tr_bytes text,
                                  struct tr_projection *out)
{
    struct parser ps;
    size_t cap = 1, i;
    enum tr_status status = begin(&ps, expr, "ProjectionExpression", text);

    for (i = 0; i < text.len; i++) {
        cap += text.ptr[i] == ',';
    }
    out->count = 0;
    out->paths = tr_arena_alloc(expr->arena, cap * sizeof *out->paths);
    if (out->paths == NULL) {
        return TR_ENOMEM;
    }
    while (status == TR_OK) {
        status = parse_path(&ps, &out->paths[out->count]);
        for (i = 0; status == TR_OK && i < out->count && ps.found > RANK_OVERLAP; i++) {
            check_overlap(&ps, &out->paths[i], &out->paths[out->count]);
        }
        out->count++;
        if (status != TR_OK || !skip_sign(&ps, ",")) {
            break;
        }
    }
    return status == TR_OK ? finish(&ps) : status;
}

/* --- paths --- */

void tr_path_print(struct tr_buf *out, const struct tr_path *path)
{
    size_t i;
    for (i = 0; i < path->count; i++) {
        tr_buf_add_str(out, i == 0 ? "[" : ", ");
        if (path->steps[i].name.ptr != NULL) {
            tr_buf_add(out, path->steps[i].name);
        } else {
            tr_buf_printf(out, "[%llu]", (unsigned long long)path->steps[i].index);
        }
    }
    tr_buf_add_char(out, ']');
}

bool tr_path_eq(const struct tr_path *a, const struct tr_path *b)
{
    size_t i;
    if (a->count != b->count) {
        return false;
    }
    for (i = 0; i < a->count; i++) {
        bool name = a->steps[i].name.ptr != NULL;
        if (name != (b->steps[i].name.ptr != NULL) ||
            !tr_bytes_eq(a->steps[i].name, b->steps[i].name) ||
            a->steps[i].index != b->steps[i].index) {
            return false;
        }
    }
    return true;
}
