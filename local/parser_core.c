/* SPDX-License-Identifier: Apache-2.0 */
#include "local/parser.h"

struct tr_buf *tr_parser_message(struct tr_parser *ps)
{
    return &ps->expr->problem->message;
}

/* Whether this finding is to be told, as far as known; then its words are to be added. */
bool tr_parser_finds(struct tr_parser *ps, enum tr_rank rank)
{
    if (rank >= ps->found) {
        return false;
    }
    ps->found = rank;
    ps->expr->problem->code = TR_PROBLEM_VALIDATION;
    tr_buf_reset(tr_parser_message(ps));
    tr_buf_printf(tr_parser_message(ps), "Invalid %s: ", ps->name);
    return true;
}

void tr_parser_advance(struct tr_parser *ps)
{
    ps->before = ps->token.text.ptr;
    ps->token = tr_token_next(&ps->rest);
}

/* The service shows the token before, this one and the next, as they stand in the text. */
enum tr_status tr_parser_syntax(struct tr_parser *ps)
{
    struct tr_bytes rest = ps->rest;
    struct tr_token next = tr_token_next(&rest);
    const char *end = next.text.ptr + next.text.len;
    bool at_end = ps->token.kind == TR_TOKEN_END;

    if (next.kind == TR_TOKEN_END && !at_end) {
        end = ps->token.text.ptr + ps->token.text.len;
    }
    ps->found = TR_RANK_NONE;
    (void)tr_parser_finds(ps, TR_RANK_PARENTHESES);
    tr_buf_add_str(tr_parser_message(ps), "Syntax error; token: \"");
    tr_buf_add(tr_parser_message(ps), at_end ? TR_LIT("<EOF>") : ps->token.text);
    tr_buf_add_str(tr_parser_message(ps), "\", near: \"");
    tr_buf_add(tr_parser_message(ps), (struct tr_bytes){ps->before, (size_t)(end - ps->before)});
    tr_buf_add_char(tr_parser_message(ps), '"');
    return tr_buf_status(tr_parser_message(ps)) == TR_OK ? TR_EREFUSED : TR_ENOMEM;
}

bool tr_parser_at_sign(const struct tr_parser *ps, const char *sign)
{
    return ps->token.kind == TR_TOKEN_SIGN && tr_bytes_is(ps->token.text, sign);
}

bool tr_parser_at_word(const struct tr_parser *ps, const char *word)
{
    return ps->token.kind == TR_TOKEN_WORD && tr_bytes_is_nocase(ps->token.text, word);
}

bool tr_parser_skip_sign(struct tr_parser *ps, const char *sign)
{
    if (!tr_parser_at_sign(ps, sign)) {
        return false;
    }
    tr_parser_advance(ps);
    return true;
}

bool tr_parser_at_keyword(const struct tr_parser *ps)
{
    static const struct tr_bytes words[] = {{"AND", 3},     {"OR", 2},  {"NOT", 3},
                                            {"BETWEEN", 7}, {"IN", 2},  {"SET", 3},
                                            {"REMOVE", 6},  {"ADD", 3}, {"DELETE", 6}};
    size_t i;
    for (i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (ps->token.text.len == words[i].len && tr_parser_at_word(ps, words[i].ptr)) {
            return true;
        }
    }
    return false;
}

/* One level deeper, one operator more. */
enum tr_status tr_parser_descend(struct tr_parser *ps)
{
    if (++ps->depth > TR_EXPR_DEPTH_MAX) {
        return tr_problem_set(ps->expr->problem, TR_PROBLEM_VALIDATION,
                              "Invalid %s: The expression has too many nesting levels; maximum: %d",
                              ps->name, TR_EXPR_DEPTH_MAX);
    }
    return TR_OK;
}

enum tr_status tr_parser_count(struct tr_parser *ps)
{
    if (++ps->operators > TR_EXPR_OPERATORS_MAX) {
        return tr_problem_set(ps->expr->problem, TR_PROBLEM_VALIDATION,
                              "Invalid %s: The expression contains too many operators; operator "
                              "count: %u",
                              ps->name, ps->operators);
    }
    return TR_OK;
}

struct tr_expr_node *tr_parser_node(struct tr_parser *ps, enum tr_expr_node_kind kind)
{
    struct tr_expr_node *node = tr_arena_alloc(ps->expr->arena, sizeof *node);
    if (node != NULL) {
        node->kind = kind;
    }
    return node;
}

enum tr_status tr_parser_begin(struct tr_parser *ps, struct tr_expr *expr, const char *name,
                               struct tr_bytes text)
{
    *ps = (struct tr_parser){.expr = expr, .name = name, .rest = text, .found = TR_RANK_NONE};
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
    tr_parser_advance(ps);
    if (ps->token.kind != TR_TOKEN_END) {
        ps->before = ps->token.text.ptr;
    }
    return TR_OK;
}

/* The end of the text, and what was found on the way. */
enum tr_status tr_parser_finish(struct tr_parser *ps)
{
    if (ps->token.kind != TR_TOKEN_END) {
        return tr_parser_syntax(ps);
    }
    if (ps->found != TR_RANK_NONE) {
        return tr_buf_status(tr_parser_message(ps)) == TR_OK ? TR_EREFUSED : TR_ENOMEM;
    }
    return TR_OK;
}

/* --- paths and values --- */

static struct tr_placeholder *placeholder(struct tr_parser *ps, struct tr_placeholder *list,
                                          size_t count, const char *what)
{
    size_t i;
    for (i = 0; i < count; i++) {
        if (tr_bytes_eq(list[i].name, ps->token.text)) {
            list[i].used = true;
            return &list[i];
        }
    }
    if (tr_parser_finds(ps, TR_RANK_UNDEFINED)) {
        tr_buf_printf(tr_parser_message(ps), "An expression attribute %s: %.*s", what,
                      TR_FMT(ps->token.text));
    }
    return NULL;
}

static enum tr_status parse_name(struct tr_parser *ps, struct tr_step *step)
{
    if (ps->token.kind == TR_TOKEN_NAME) {
        struct tr_placeholder *found =
            placeholder(ps, ps->expr->names, ps->expr->name_count,
                        "name used in the document path is not defined; attribute name");
        step->name = found != NULL ? found->text : ps->token.text;
    } else if (ps->token.kind == TR_TOKEN_WORD && !tr_parser_at_keyword(ps)) {
        step->name = ps->token.text;
        if (tr_token_is_reserved(step->name) && tr_parser_finds(ps, TR_RANK_RESERVED)) {
            tr_buf_printf(tr_parser_message(ps),
                          "Attribute name is a reserved keyword; reserved keyword: %.*s",
                          TR_FMT(step->name));
        }
    } else {
        return tr_parser_syntax(ps);
    }
    tr_parser_advance(ps);
    return TR_OK;
}

static enum tr_status parse_index(struct tr_parser *ps, struct tr_step *step)
{
    struct tr_bytes digits = ps->token.text;
    step->name = (struct tr_bytes){NULL, 0};
    if (ps->token.kind != TR_TOKEN_NUMBER) {
        return tr_parser_syntax(ps);
    }
    if (!tr_bytes_u64(digits, INT32_MAX, &step->index)) {
        return tr_problem_set(
            ps->expr->problem, TR_PROBLEM_VALIDATION,
            "Invalid %s: List index is not within the allowable range; index: [%.*s]", ps->name,
            TR_FMT(digits));
    }
    tr_parser_advance(ps);
    return tr_parser_skip_sign(ps, "]") ? TR_OK : tr_parser_syntax(ps);
}

/* How many steps a path can have at most: one for each '.' and '[' from here on. */
static size_t count_steps(const struct tr_parser *ps)
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

enum tr_status tr_parser_path(struct tr_parser *ps, struct tr_path *path)
{
    enum tr_status status;
    path->steps = tr_arena_alloc(ps->expr->arena, count_steps(ps) * sizeof *path->steps);
    if (path->steps == NULL) {
        return TR_ENOMEM;
    }
    status = parse_name(ps, &path->steps[path->count++]);
    while (status == TR_OK) {
        if (tr_parser_skip_sign(ps, ".")) {
            status = parse_name(ps, &path->steps[path->count++]);
        } else if (tr_parser_skip_sign(ps, "[")) {
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

enum tr_status tr_parser_value(struct tr_parser *ps, struct tr_expr_node *node)
{
    struct tr_placeholder *found = placeholder(ps, ps->expr->values, ps->expr->value_count,
                                               "value used in expression is not defined; "
                                               "attribute value");
    if (found != NULL) {
        node->value = found->value;
    }
    tr_parser_advance(ps);
    return TR_OK;
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
