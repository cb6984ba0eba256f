/* SPDX-License-Identifier: Apache-2.0 */
#include "local/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void tr_base64_add(struct tr_buf *out, struct tr_bytes bytes)
{
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    size_t left = bytes.len;
    char *at;

    if (!tr_buf_reserve(out, (left + 2) / 3 * 4)) {
        return;
    }
    at = out->ptr + out->len;
    for (; left > 0; at += 4) {
        size_t step = left < 3 ? left : 3;
        uint32_t bits = (uint32_t)p[0] << 16;
        bits |= step > 1 ? (uint32_t)p[1] << 8 : 0;
        bits |= step > 2 ? p[2] : 0;
        at[0] = alphabet[bits >> 18];
        at[1] = alphabet[(bits >> 12) & 63];
        at[2] = '=';
        at[3] = '=';
        if (step > 1) {
            at[2] = alphabet[(bits >> 6) & 63];
        }
        if (step > 2) {
            at[3] = alphabet[bits & 63];
        }
        p += step;
        left -= step;
    }
    out->len = (size_t)(at - out->ptr);
    out->ptr[out->len] = '\0';
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters, the last `pad` of them '='. */
static enum tr_base64_outcome decode_group(const char *p, size_t pad, char *at)
{
    uint32_t bits = 0;
    size_t i;
    for (i = 0; i < 4; i++) {
        int value = i < 4 - pad ? sextet(p[i]) : 0;
        if (value < 0) {
            return TR_BASE64_CHARACTER;
        }
        bits = bits << 6 | (uint32_t)value;
    }
    if ((pad == 1 && (bits & 0xff) != 0) || (pad == 2 && (bits & 0xffff) != 0)) {
        return TR_BASE64_LAST;
    }
    at[0] = (char)(bits >> 16);
    at[1] = (char)(bits >> 8 & 0xff);
    at[2] = (char)(bits & 0xff);
    return TR_BASE64_OK;
}

enum tr_base64_outcome tr_base64_decode(struct tr_buf *out, struct tr_bytes text)
{
    size_t before = out->len, at;
    if (text.len % 4 != 0) {
        return TR_BASE64_LENGTH;
    }
    if (!tr_buf_reserve(out, text.len / 4 * 3 + 1)) {
        return TR_BASE64_OK;
    }
    for (at = 0; at < text.len; at += 4) {
        const char *p = text.ptr + at;
        size_t pad = at + 4 < text.len ? 0 : p[3] != '=' ? 0 : p[2] != '=' ? 1 : 2;
        enum tr_base64_outcome outcome = decode_group(p, pad, out->ptr + out->len);
        if (outcome != TR_BASE64_OK) {
            out->len = before;
            return outcome;
        }
        out->len += 3 - pad;
    }
    return TR_BASE64_OK;
}
