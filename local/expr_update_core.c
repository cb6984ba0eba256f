/* SPDX-License-Identifier: Apache-2.0
 *
 * Updates and projections. */
#include "local/parser.h"

static const char *type_word(enum tr_value_type type)
{
    static const char *const words[] = {"",           "STRING",     "NUMBER",    "BINARY",
                                        "BOOLEAN",    "NULL",       "MAP",       "LIST",
                                        "STRING_SET", "NUMBER_SET", "BINARY_SET"};
    return words[type];
}

/* ADD takes a number or a set, DELETE a set, both as a value alone. */
static void check_change(struct tr_parser *ps, const struct tr_action *action)
{
    enum tr_value_type type = action->operand->value.type;
    bool add = action->section == TR_SECTION_ADD;
    if (type == TR_VALUE_ABSENT || tr_value_is_set(type) || (add && type == TR_VALUE_N)) {
        return;
    }
    if (tr_parser_finds(ps, TR_RANK_TYPE)) {
        tr_buf_printf(tr_parser_message(ps),
                      "Incorrect operand type for operator or function; operator: %s, operand "
                      "type: %s, typeSet: ALLOWED_FOR_%s_OPERAND",
                      add ? "ADD" : "DELETE", type_word(type), add ? "ADD" : "DELETE");
    }
}

static enum tr_status parse_action(struct tr_parser *ps, struct tr_action *action)
{
    enum tr_status status = tr_parser_path(ps, &action->path);
    if (status != TR_OK || action->section == TR_SECTION_REMOVE) {
        return status;
    }
    if (action->section == TR_SECTION_SET) {
        return tr_parser_skip_sign(ps, "=") ? tr_parser_sum(ps, &action->operand)
                                            : tr_parser_syntax(ps);
    }
    if (ps->token.kind != TR_TOKEN_VALUE) {
        return tr_parser_syntax(ps);
    }
    if ((action->operand = tr_parser_node(ps, TR_NODE_VALUE)) == NULL) {
        return TR_ENOMEM;
    }
    status = tr_parser_value(ps, action->operand);
    check_change(ps, action);
    return status;
}

/* Whether one path leads to, into or around the other. */
static void check_overlap(struct tr_parser *ps, const struct tr_path *a, const struct tr_path *b)
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
    if (tr_parser_finds(ps, TR_RANK_OVERLAP)) {
        tr_buf_printf(tr_parser_message(ps),
                      "Two document paths %s with each other; must remove or rewrite one of these "
                      "paths; path one: ",
                      how);
        tr_path_print(tr_parser_message(ps), a);
        tr_buf_add_str(tr_parser_message(ps), ", path two: ");
        tr_path_print(tr_parser_message(ps), b);
    }
}

/* "SET a = :v, b = :w": at the word; appended to **tail, which moves on. */
static enum tr_status parse_section(struct tr_parser *ps, enum tr_section section,
                                    struct tr_action *all, struct tr_action ***tail)
{
    struct tr_action *action;
    const struct tr_action *other;
    enum tr_status status;
    do {
        tr_parser_advance(ps);
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
        for (other = all; other != action && ps->found > TR_RANK_OVERLAP; other = other->next) {
            check_overlap(ps, &other->path, &action->path);
        }
    } while (tr_parser_at_sign(ps, ","));
    return TR_OK;
}

enum tr_status tr_expr_update(struct tr_expr *expr, struct tr_bytes text, struct tr_action **out)
{
    static const char *const sections[] = {"SET", "REMOVE", "ADD", "DELETE"};
    bool seen[4] = {false};
    struct tr_action **tail = out;
    struct tr_parser ps;
    enum tr_status status = tr_parser_begin(&ps, expr, "UpdateExpression", text);
    unsigned i;

    *out = NULL;
    ps.update = true;
    while (status == TR_OK && (ps.token.kind != TR_TOKEN_END || *out == NULL)) {
        for (i = 0; i < 4 && !tr_parser_at_word(&ps, sections[i]); i++) {
        }
        if (i == 4) {
            return tr_parser_syntax(&ps);
        }
        if (seen[i] && tr_parser_finds(&ps, TR_RANK_SECTION)) {
            tr_buf_printf(tr_parser_message(&ps),
                          "The \"%s\" section can only be used once in an update expression;",
                          sections[i]);
        }
        seen[i] = true;
        status = parse_section(&ps, (enum tr_section)i, *out, &tail);
    }
    return status == TR_OK ? tr_parser_finish(&ps) : status;
}

/* --- projections --- */

enum tr_status tr_expr_projection(struct tr_expr *expr, struct tr_bytes text,
                                  struct tr_projection *out)
{
    struct tr_parser ps;
    size_t cap = 1, i;
    enum tr_status status = tr_parser_begin(&ps, expr, "ProjectionExpression", text);

    for (i = 0; i < text.len; i++) {
        cap += text.ptr[i] == ',';
    }
    out->count = 0;
    out->paths = tr_arena_alloc(expr->arena, cap * sizeof *out->paths);
    if (out->paths == NULL) {
        return TR_ENOMEM;
    }
    while (status == TR_OK) {
        status = tr_parser_path(&ps, &out->paths[out->count]);
        for (i = 0; status == TR_OK && i < out->count && ps.found > TR_RANK_OVERLAP; i++) {
            check_overlap(&ps, &out->paths[i], &out->paths[out->count]);
        }
        out->count++;
        if (status != TR_OK || !tr_parser_skip_sign(&ps, ",")) {
            break;
        }
    }
    return status == TR_OK ? tr_parser_finish(&ps) : status;
}
