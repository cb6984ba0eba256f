/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the expressions' grammar (local/expr.h), shared by the files that read conditions,
 * updates and projections. A recursive descent whose depth is counted. What is wrong with an
 * expression besides its grammar is collected while it is read, and the finding that the service
 * would name first is the one that is told. */
#ifndef TR_LOCAL_PARSER_H
#define TR_LOCAL_PARSER_H

#include "local/expr.h"
#include "local/token.h"

/* What is told first stands first. */
enum tr_rank {
    TR_RANK_PARENTHESES,
    TR_RANK_UNKNOWN_FUNCTION,
    TR_RANK_MISUSED,
    TR_RANK_RESERVED,
    TR_RANK_SECTION,
    TR_RANK_UNDEFINED,
    TR_RANK_OVERLAP,
    TR_RANK_COUNT,
    TR_RANK_DISTINCT,
    TR_RANK_TYPE,
    TR_RANK_NONE,
};

struct tr_parser {
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
    enum tr_rank found;
};

/* Start at the first token of a text. Errors: TR_EREFUSED: empty, or too long. */
enum tr_status tr_parser_begin(struct tr_parser *ps, struct tr_expr *expr, const char *name,
                               struct tr_bytes text) TR_MUST_CHECK;
/* The end of the text, and what was found on the way. */
enum tr_status tr_parser_finish(struct tr_parser *ps) TR_MUST_CHECK;

/* Whether this finding is to be told, as far as known; then its words go into the message. */
bool tr_parser_finds(struct tr_parser *ps, enum tr_rank rank);
struct tr_buf *tr_parser_message(struct tr_parser *ps);
/* Refuse the present token. */
enum tr_status tr_parser_syntax(struct tr_parser *ps) TR_MUST_CHECK;

/* --- tokens --- */

/* On to the next token; whether the present one is a sign, or a word in any case. */
void tr_parser_advance(struct tr_parser *ps);
bool tr_parser_at_sign(const struct tr_parser *ps, const char *sign);
bool tr_parser_at_word(const struct tr_parser *ps, const char *word);
/* At a word of the grammar itself, which is no attribute's name. */
bool tr_parser_at_keyword(const struct tr_parser *ps);
/* Step over a sign, if it is the present token. */
bool tr_parser_skip_sign(struct tr_parser *ps, const char *sign);

/* One level deeper; one operator more. Errors: TR_EREFUSED: too many. */
enum tr_status tr_parser_descend(struct tr_parser *ps) TR_MUST_CHECK;
enum tr_status tr_parser_count(struct tr_parser *ps) TR_MUST_CHECK;
/* NULL without memory. */
struct tr_expr_node *tr_parser_node(struct tr_parser *ps, enum tr_expr_node_kind kind);

/* --- parts of the grammar --- */

/* A document path: a name, then names and indexes. */
enum tr_status tr_parser_path(struct tr_parser *ps, struct tr_path *path) TR_MUST_CHECK;
/* At a placeholder of a value. */
enum tr_status tr_parser_value(struct tr_parser *ps, struct tr_expr_node *node) TR_MUST_CHECK;
/* What stands behind '=' in SET: operand, operand + operand, operand - operand. */
enum tr_status tr_parser_sum(struct tr_parser *ps, struct tr_expr_node **out) TR_MUST_CHECK;

/* Look at a node whose operands are known: their number, types, use. */
void tr_parser_check(struct tr_parser *ps, const struct tr_expr_node *node);
/* True or false, not a value. */
bool tr_expr_node_gives_bool(const struct tr_expr_node *node);

#endif
