/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of an expression. */
#ifndef TR_LOCAL_TOKEN_H
#define TR_LOCAL_TOKEN_H

#include "base/bytes.h"

enum tr_token_kind {
    TR_TOKEN_END,
    TR_TOKEN_WORD,    /* a, AND, begins_with */
    TR_TOKEN_NAME,    /* #n */
    TR_TOKEN_VALUE,   /* :v */
    TR_TOKEN_NUMBER,  /* 12 */
    TR_TOKEN_SIGN,    /* = <> < <= > >= ( ) [ ] , . + - */
    TR_TOKEN_UNKNOWN, /* a character that nothing starts with */
};

struct tr_token {
    enum tr_token_kind kind;
    struct tr_bytes text;
};

/* Cut the next token, with the white space before it, from *rest. */
struct tr_token tr_token_next(struct tr_bytes *rest);

/* Whether a name has to be given by a placeholder. */
bool tr_token_is_reserved(struct tr_bytes word);

#endif
