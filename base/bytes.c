/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

struct tr_bytes tr_bytes_of(const char *text)
{
    return (struct tr_bytes){text, text != NULL ? strlen(text) : 0};
}

bool tr_bytes_eq(struct tr_bytes a, struct tr_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool tr_bytes_is(struct tr_bytes a, const char *text)
{
    return a.ptr != NULL && tr_bytes_eq(a, tr_bytes_of(text));
}

bool tr_bytes_starts(struct tr_bytes a, const char *prefix)
{
    size_t len = strlen(prefix);
    return a.len >= len && memcmp(a.ptr, prefix, len) == 0;
}

bool tr_bytes_ends(struct tr_bytes a, const char *suffix)
{
    size_t len = strlen(suffix);
    return a.len >= len && memcmp(a.ptr + a.len - len, suffix, len) == 0;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool tr_bytes_is_nocase(struct tr_bytes a, const char *text)
{
    size_t i;
    if (a.ptr == NULL || a.len != strlen(text)) {
        return false;
    }
    for (i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(text[i])) {
            return false;
        }
    }
    return true;
}

int tr_bytes_cmp(struct tr_bytes a, struct tr_bytes b)
{
    size_t both = a.len < b.len ? a.len : b.len;
    int order = both > 0 ? memcmp(a.ptr, b.ptr, both) : 0;
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct tr_bytes tr_bytes_trim(struct tr_bytes a)
{
    while (a.len > 0 && is_space(a.ptr[0])) {
        a.ptr++;
        a.len--;
    }
    while (a.len > 0 && is_space(a.ptr[a.len - 1])) {
        a.len--;
    }
    return a;
}

struct tr_bytes tr_bytes_cut(struct tr_bytes *rest, char sep)
{
    struct tr_bytes token = *rest;
    const char *at = rest->len > 0 ? memchr(rest->ptr, sep, rest->len) : NULL;
    if (at == NULL) {
        *rest = (struct tr_bytes){NULL, 0};
        return token;
    }
    token.len = (size_t)(at - rest->ptr);
    rest->len -= token.len + 1;
    rest->ptr = at + 1;
    return token;
}

bool tr_bytes_u64(struct tr_bytes a, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    size_t i;
    if (a.len == 0) {
        return false;
    }
    for (i = 0; i < a.len; i++) {
        uint64_t digit = (uint64_t)(unsigned char)a.ptr[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    if (value > max) {
        return false;
    }
    *out = value;
    return true;
}

uint64_t tr_bytes_hash(struct tr_bytes a)
{
    uint64_t hash = 14695981039346656037u;
    size_t i;
    for (i = 0; i < a.len; i++) {
        hash = (hash ^ (unsigned char)a.ptr[i]) * 1099511628211u;
    }
    return hash;
}

/* The length of the UTF-8 sequence at p, or 0 when it is malformed. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
    size_t need, i;
    unsigned char low = 0x80, high = 0xbf;
    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        need = 2;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        need = 3;
        low = p[0] == 0xe0 ? 0xa0 : 0x80;
        high = p[0] == 0xed ? 0x9f : 0xbf;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        need = 4;
        low = p[0] == 0xf0 ? 0x90 : 0x80;
        high = p[0] == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if (left < need || p[1] < low || p[1] > high) {
        return 0;
    }
    for (i = 2; i < need; i++) {
        if (p[i] < 0x80 || p[i] > 0xbf) {
            return 0;
        }
    }
    return need;
}

bool tr_bytes_utf8(struct tr_bytes a)
{
    const unsigned char *p = (const unsigned char *)a.ptr;
    size_t at = 0;
    while (at < a.len) {
        size_t len = utf8_sequence(p + at, a.len - at);
        if (len == 0) {
            return false;
        }
        at += len;
    }
    return true;
}
