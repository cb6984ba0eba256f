/* SPDX-License-Identifier: Apache-2.0
 *
 * Conditions, and the operands that updates share with them. */
#include "local/parser.h"

typedef enum tr_status (*parse_fn)(struct tr_parser *ps, struct tr_expr_node **out);
static enum tr_status parse_operand(struct tr_parser *ps, struct tr_expr_node **out);
static enum tr_status parse_or(struct tr_parser *ps, struct tr_expr_node **out);

/* --- calls --- */

static enum tr_expr_node_kind function_kind(struct tr_bytes name)
{
    unsigned kind;
    for (kind = TR_NODE_EXISTS; kind <= TR_NODE_LIST_APPEND; kind++) {
        if (tr_bytes_is(name, tr_expr_node_text((enum tr_expr_node_kind)kind))) {
            return (enum tr_expr_node_kind)kind;
        }
    }
    return TR_NODE_UNKNOWN;
}

static void check_function_name(struct tr_parser *ps, enum tr_expr_node_kind kind,
                                struct tr_bytes name)
{
    bool of_update = tr_expr_node_family(kind) == TR_FAMILY_UPDATE;
    if (kind == TR_NODE_UNKNOWN && tr_parser_finds(ps, TR_RANK_UNKNOWN_FUNCTION)) {
        tr_buf_printf(tr_parser_message(ps), "Invalid function name; function: %.*s", TR_FMT(name));
    } else if (kind != TR_NODE_UNKNOWN && of_update != ps->update &&
               tr_parser_finds(ps, TR_RANK_MISUSED)) {
        tr_buf_printf(tr_parser_message(ps),
                      "The function is not allowed in %s expression; function: %.*s",
                      ps->update ? "an update" : "a condition", TR_FMT(name));
    }
}

static enum tr_status parse_call(struct tr_parser *ps, struct tr_bytes name,
                                 struct tr_expr_node **out)
{
    enum tr_expr_node_kind kind = function_kind(name);
    struct tr_expr_node **at;
    enum tr_status status;

    check_function_name(ps, kind, name);
    if ((*out = tr_parser_node(ps, kind)) == NULL) {
        return TR_ENOMEM;
    }
    at = &(*out)->args;
    do { /* at the '(' or a ',' */
        tr_parser_advance(ps);
        if ((status = parse_operand(ps, at)) != TR_OK) {
            return status;
        }
        at = &(*at)->next;
    } while (tr_parser_at_sign(ps, ","));
    if (!tr_parser_skip_sign(ps, ")")) {
        return tr_parser_syntax(ps);
    }
    tr_parser_check(ps, *out);
    return TR_OK;
}

/* A word may start a path or a call: the next token tells. */
static bool at_call(const struct tr_parser *ps)
{
    struct tr_bytes rest = ps->rest;
    struct tr_token next = tr_token_next(&rest);
    return ps->token.kind == TR_TOKEN_WORD && !tr_parser_at_keyword(ps) &&
           next.kind == TR_TOKEN_SIGN && tr_bytes_is(next.text, "(");
}

static enum tr_status parse_plain(struct tr_parser *ps, struct tr_expr_node **out)
{
    if (at_call(ps)) {
        struct tr_bytes name = ps->token.text;
        enum tr_status status = tr_parser_count(ps);
        tr_parser_advance(ps);
        return status == TR_OK ? parse_call(ps, name, out) : status;
    }
    if ((*out = tr_parser_node(ps, TR_NODE_PATH)) == NULL) {
        return TR_ENOMEM;
    }
    if (ps->token.kind == TR_TOKEN_VALUE) {
        (*out)->kind = TR_NODE_VALUE;
        return tr_parser_value(ps, *out);
    }
    return tr_parser_path(ps, &(*out)->path);
}

/* --- conditions --- */

static enum tr_expr_node_kind comparator(const struct tr_parser *ps)
{
    unsigned kind;
    for (kind = TR_NODE_EQ; kind <= TR_NODE_GE; kind++) {
        if (tr_parser_at_sign(ps, tr_expr_node_text((enum tr_expr_node_kind)kind))) {
            return (enum tr_expr_node_kind)kind;
        }
    }
    return TR_NODE_UNKNOWN;
}

static bool is_operand(const struct tr_expr_node *node)
{
    return tr_expr_node_family(node->kind) == TR_FAMILY_OPERAND;
}

/* "( ... )"; a pair that holds just another pair is redundant. */
static enum tr_status parse_group(struct tr_parser *ps, parse_fn content, struct tr_expr_node **out)
{
    const char *open = ps->token.text.ptr, *first;
    enum tr_status status = tr_parser_descend(ps);

    if (status != TR_OK) {
        return status;
    }
    tr_parser_advance(ps);
    first = ps->token.text.ptr;
    status = content(ps, out);
    ps->depth--;
    if (status != TR_OK) {
        return status;
    }
    if (!tr_parser_at_sign(ps, ")")) {
        return tr_parser_syntax(ps);
    }
    if (ps->group_open == first && ps->group_close == ps->before &&
        tr_parser_finds(ps, TR_RANK_PARENTHESES)) {
        tr_buf_add_str(tr_parser_message(ps), "The expression has redundant parentheses;");
    }
    ps->group_open = open;
    ps->group_close = ps->token.text.ptr;
    tr_parser_advance(ps);
    return TR_OK;
}

static enum tr_status parse_operand(struct tr_parser *ps, struct tr_expr_node **out)
{
    enum tr_status status;
    if (!tr_parser_at_sign(ps, "(")) {
        return parse_plain(ps, out);
    }
    status = parse_group(ps, ps->update ? parse_operand : parse_or, out);
    if (status == TR_OK && tr_expr_node_family((*out)->kind) == TR_FAMILY_CONDITION) {
        return tr_parser_syntax(ps);
    }
    return status;
}

/* Behind the first operand of a comparison: the sign or word at hand and the others. */
static enum tr_status parse_others(struct tr_parser *ps, struct tr_expr_node *first, size_t count,
                                   const char *separator)
{
    struct tr_expr_node **at = &first->next;
    enum tr_status status;
    size_t i;
    for (i = 0; i < count; i++, at = &(*at)->next) {
        if (i > 0 && !tr_parser_at_word(ps, separator)) {
            return tr_parser_syntax(ps);
        }
        tr_parser_advance(ps);
        if ((status = parse_operand(ps, at)) != TR_OK) {
            return status;
        }
    }
    return TR_OK;
}

/* IN's operands: "(a, b, ...)"; at the word IN. */
static enum tr_status parse_in(struct tr_parser *ps, struct tr_expr_node *first)
{
    struct tr_expr_node **at = &first->next;
    enum tr_status status = TR_OK;
    tr_parser_advance(ps);
    if (!tr_parser_at_sign(ps, "(")) {
        return tr_parser_syntax(ps);
    }
    do {
        tr_parser_advance(ps);
        status = parse_operand(ps, at);
    } while (status == TR_OK && tr_parser_at_sign(ps, ",") && (at = &(*at)->next) != NULL);
    if (status != TR_OK) {
        return status;
    }
    return tr_parser_skip_sign(ps, ")") ? TR_OK : tr_parser_syntax(ps);
}

/* An operand with what it is compared to, a call, a group; or an operand alone, which only a group
 * may hold. */
static enum tr_status parse_comparison(struct tr_parser *ps, struct tr_expr_node **out)
{
    struct tr_expr_node *first, *node;
    enum tr_status status =
        tr_parser_at_sign(ps, "(") ? parse_group(ps, parse_or, &first) : parse_plain(ps, &first);
    enum tr_expr_node_kind kind = comparator(ps);

    if (status != TR_OK) {
        return status;
    }
    kind = tr_parser_at_word(ps, "BETWEEN") ? TR_NODE_BETWEEN
           : tr_parser_at_word(ps, "IN")    ? TR_NODE_IN
                                            : kind;
    *out = first;
    if (kind == TR_NODE_UNKNOWN) {
        return TR_OK;
    }
    if (tr_expr_node_family(first->kind) == TR_FAMILY_CONDITION) {
        return tr_parser_syntax(ps);
    }
    if ((status = tr_parser_count(ps)) != TR_OK) {
        return status;
    }
    if ((node = tr_parser_node(ps, kind)) == NULL) {
        return TR_ENOMEM;
    }
    node->args = first;
    if (kind == TR_NODE_IN) {
        status = parse_in(ps, first);
    } else {
        status = parse_others(ps, first, kind == TR_NODE_BETWEEN ? 2 : 1, "AND");
    }
    *out = node;
    if (status == TR_OK) {
        tr_parser_check(ps, node);
    }
    return status;
}

static enum tr_status parse_not(struct tr_parser *ps, struct tr_expr_node **out)
{
    enum tr_status status;
    if (!tr_parser_at_word(ps, "NOT")) {
        return parse_comparison(ps, out);
    }
    if ((*out = tr_parser_node(ps, TR_NODE_NOT)) == NULL) {
        return TR_ENOMEM;
    }
    if ((status = tr_parser_descend(ps)) != TR_OK || (status = tr_parser_count(ps)) != TR_OK) {
        return status;
    }
    tr_parser_advance(ps);
    status = parse_not(ps, &(*out)->args);
    ps->depth--;
    if (status != TR_OK) {
        return status;
    }
    if (is_operand((*out)->args)) {
        return tr_parser_syntax(ps);
    }
    tr_parser_check(ps, *out);
    return TR_OK;
}

/* a AND b AND c, a OR b OR c: from the left. */
static enum tr_status parse_chain(struct tr_parser *ps, enum tr_expr_node_kind kind, parse_fn part,
                                  struct tr_expr_node **out)
{
    enum tr_status status = part(ps, out);
    while (status == TR_OK && tr_parser_at_word(ps, tr_expr_node_text(kind))) {
        struct tr_expr_node *node = tr_parser_node(ps, kind);
        if (node == NULL) {
            return TR_ENOMEM;
        }
        if (is_operand(*out)) {
            return tr_parser_syntax(ps);
        }
        if ((status = tr_parser_count(ps)) != TR_OK) {
            return status;
        }
        tr_parser_advance(ps);
        node->args = *out;
        *out = node;
        status = part(ps, &node->args->next);
        if (status == TR_OK && is_operand(node->args->next)) {
            return tr_parser_syntax(ps);
        }
        if (status == TR_OK) {
            tr_parser_check(ps, node);
        }
    }
    return status;
}

static enum tr_status parse_and(struct tr_parser *ps, struct tr_expr_node **out)
{
    return parse_chain(ps, TR_NODE_AND, parse_not, out);
}

static enum tr_status parse_or(struct tr_parser *ps, struct tr_expr_node **out)
{
    return parse_chain(ps, TR_NODE_OR, parse_and, out);
}

/* --- sums --- */

/* operand, operand + operand, operand - operand; all of it may stand in parentheses. */
enum tr_status tr_parser_sum(struct tr_parser *ps, struct tr_expr_node **out)
{
    struct tr_expr_node *node;
    enum tr_status status =
        tr_parser_at_sign(ps, "(") ? parse_group(ps, tr_parser_sum, out) : parse_operand(ps, out);
    if (status != TR_OK || (!tr_parser_at_sign(ps, "+") && !tr_parser_at_sign(ps, "-"))) {
        return status;
    }
    if (tr_expr_node_family((*out)->kind) == TR_FAMILY_ARITHMETIC) {
        return tr_parser_syntax(ps);
    }
    if ((status = tr_parser_count(ps)) != TR_OK) {
        return status;
    }
    if ((node = tr_parser_node(ps, tr_parser_at_sign(ps, "+") ? TR_NODE_PLUS : TR_NODE_MINUS)) ==
        NULL) {
        return TR_ENOMEM;
    }
    tr_parser_advance(ps);
    node->args = *out;
    *out = node;
    status = parse_operand(ps, &node->args->next);
    if (status == TR_OK) {
        tr_parser_check(ps, node);
    }
    return status;
}

/* --- a whole condition --- */

enum tr_status tr_expr_condition(struct tr_expr *expr, const char *name, struct tr_bytes text,
                                 struct tr_expr_node **out)
{
    struct tr_parser ps;
    enum tr_status status = tr_parser_begin(&ps, expr, name, text);
    if (status == TR_OK) {
        status = parse_or(&ps, out);
    }
    if (status != TR_OK) {
        return status;
    }
    if (is_operand(*out)) {
        return tr_parser_syntax(&ps);
    }
    if (!tr_expr_node_gives_bool(*out) && tr_parser_finds(&ps, TR_RANK_MISUSED)) {
        tr_buf_printf(
            tr_parser_message(&ps),
            "The function is not allowed to be used this way in an expression; function: %s",
            tr_expr_node_text((*out)->kind));
    }
    return tr_parser_finish(&ps);
}
