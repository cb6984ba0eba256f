/* SPDX-License-Identifier: Apache-2.0 */
#include "local/token.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}

static size_t word_length(struct tr_bytes text, size_t from)
{
    while (from < text.len && is_word(text.ptr[from])) {
        from++;
    }
    return from;
}

static size_t number_length(struct tr_bytes text)
{
    size_t len = 1;
    if (text.ptr[0] == '0') {
        return 1;
    }
    while (len < text.len && text.ptr[len] >= '0' && text.ptr[len] <= '9') {
        len++;
    }
    return len;
}

static size_t sign_length(struct tr_bytes text)
{
    char second = text.len > 1 ? text.ptr[1] : '\0';
    if (text.ptr[0] == '<') {
        return second == '=' || second == '>' ? 2 : 1;
    }
    return text.ptr[0] == '>' && second == '=' ? 2 : 1;
}

static struct tr_token measure(struct tr_bytes text)
{
    char c = text.ptr[0];
    struct tr_token token = {TR_TOKEN_UNKNOWN, {text.ptr, 1}};

    if (is_letter(c)) {
        token.kind = TR_TOKEN_WORD;
        token.text.len = word_length(text, 1);
    } else if ((c == '#' || c == ':') && word_length(text, 1) > 1) {
        token.kind = c == '#' ? TR_TOKEN_NAME : TR_TOKEN_VALUE;
        token.text.len = word_length(text, 1);
    } else if (c >= '0' && c <= '9') {
        token.kind = TR_TOKEN_NUMBER;
        token.text.len = number_length(text);
    } else if (c != '\0' && memchr("=<>()[],.+-", c, 11) != NULL) {
        token.kind = TR_TOKEN_SIGN;
        token.text.len = sign_length(text);
    }
    return token;
}

struct tr_token tr_token_next(struct tr_bytes *rest)
{
    struct tr_token token;
    while (rest->len > 0 && (*rest->ptr == ' ' || (*rest->ptr >= '\t' && *rest->ptr <= '\r'))) {
        rest->ptr++;
        rest->len--;
    }
    if (rest->len == 0) {
        return (struct tr_token){TR_TOKEN_END, {rest->ptr, 0}};
    }
    token = measure(*rest);
    rest->ptr += token.text.len;
    rest->len -= token.text.len;
    return token;
}
