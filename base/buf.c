/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>

void tr_buf_deinit(struct tr_buf *buf)
{
    tr_free(buf->ptr);
    *buf = (struct tr_buf){0};
}

void tr_buf_reset(struct tr_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->ptr != NULL) {
        buf->ptr[0] = '\0';
    }
}

/* A short text, and room for most requests once it is none. */
#define FIRST_BYTES 64u
#define SECOND_BYTES 512u

bool tr_buf_reserve(struct tr_buf *buf, size_t more)
{
    size_t want, least;
    if (buf->failed) {
        return false;
    }
    if (more < buf->cap - buf->len) {
        return true; /* one stays for the NUL */
    }
    least = buf->cap == 0 ? FIRST_BYTES : SECOND_BYTES;
    want = buf->len + more + 1;
    want = want < least ? least : want;
    if (more >= SIZE_MAX - buf->len - 1 || !tr_grow(&buf->ptr, &buf->cap, want, 1)) {
        buf->failed = true;
        return false;
    }
    return true;
}

void tr_buf_add(struct tr_buf *buf, struct tr_bytes bytes)
{
    if (!tr_buf_reserve(buf, bytes.len)) {
        return;
    }
    if (bytes.len > 0) {
        memcpy(buf->ptr + buf->len, bytes.ptr, bytes.len);
    }
    buf->len += bytes.len;
    buf->ptr[buf->len] = '\0';
}

void tr_buf_add_str(struct tr_buf *buf, const char *text)
{
    tr_buf_add(buf, tr_bytes_of(text));
}

void tr_buf_add_char(struct tr_buf *buf, char c)
{
    if (tr_buf_reserve(buf, 1)) {
        buf->ptr[buf->len++] = c;
        buf->ptr[buf->len] = '\0';
    }
}

/* Most texts fit into the room that is there: they are formatted once. */
void tr_buf_printf(struct tr_buf *buf, const char *fmt, ...)
{
    size_t room = buf->failed ? 0 : buf->cap - buf->len;
    va_list args, again;
    int len;

    va_start(args, fmt);
    va_copy(again, args);
    len = vsnprintf(room > 0 ? buf->ptr + buf->len : NULL, room, fmt, args);
    va_end(args);
    if (len < 0) {
        buf->failed = true;
    } else if ((size_t)len < room) {
        buf->len += (size_t)len;
    } else if (tr_buf_reserve(buf, (size_t)len)) {
        (void)vsnprintf(buf->ptr + buf->len, (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    }
    if (buf->failed && room > 0) {
        buf->ptr[buf->len] = '\0'; /* nothing was added */
    }
    va_end(again);
}

void tr_buf_add_u64(struct tr_buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    tr_buf_add(buf, (struct tr_bytes){digits + at, sizeof digits - at});
}

static void add_escaped(struct tr_buf *buf, unsigned char c)
{
    static const char short_forms[] = "btn\0fr";
    if (c == '"' || c == '\\') {
        tr_buf_add_char(buf, '\\');
        tr_buf_add_char(buf, (char)c);
    } else if (c >= 8 && c <= 13 && short_forms[c - 8] != '\0') {
        tr_buf_add_char(buf, '\\');
        tr_buf_add_char(buf, short_forms[c - 8]);
    } else {
        tr_buf_printf(buf, "\\u%04x", c);
    }
}

/* From `at` over bytes that stand for themselves, eight at a time while they come: a bit trick per
 * condition marks a word that has another one. */
static size_t skip_plain(struct tr_bytes text, size_t at)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    while (text.len - at >= 8) {
        uint64_t word, quote, slash;
        memcpy(&word, text.ptr + at, 8);
        quote = word ^ ones * '"';
        slash = word ^ ones * '\\';
        if ((((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) |
             ((slash - ones) & ~slash)) &
            tops) {
            break;
        }
        at += 8;
    }
    while (at < text.len && (unsigned char)text.ptr[at] >= 0x20 && text.ptr[at] != '"' &&
           text.ptr[at] != '\\') {
        at++;
    }
    return at;
}

void tr_buf_add_json(struct tr_buf *buf, struct tr_bytes text)
{
    size_t from = 0, at;

    if (!tr_buf_reserve(buf, text.len + 2)) {
        return;
    }
    buf->ptr[buf->len++] = '"';
    while ((at = skip_plain(text, from)) < text.len) {
        tr_buf_add(buf, (struct tr_bytes){text.ptr + from, at - from});
        add_escaped(buf, (unsigned char)text.ptr[at]);
        from = at + 1;
    }
    tr_buf_add(buf, (struct tr_bytes){text.ptr + from, text.len - from});
    tr_buf_add_char(buf, '"');
}

void tr_buf_add_hex(struct tr_buf *buf, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = bytes;
    size_t i;

    if (!tr_buf_reserve(buf, len * 2)) {
        return;
    }
    for (i = 0; i < len; i++) {
        buf->ptr[buf->len++] = digits[p[i] >> 4];
        buf->ptr[buf->len++] = digits[p[i] & 15];
    }
    buf->ptr[buf->len] = '\0';
}

struct tr_bytes tr_buf_bytes(const struct tr_buf *buf)
{
    return (struct tr_bytes){buf->ptr != NULL ? buf->ptr : "", buf->len};
}

enum tr_status tr_buf_status(const struct tr_buf *buf)
{
    return buf->failed ? TR_ENOMEM : TR_OK;
}

char *tr_buf_take(struct tr_buf *buf, size_t *len)
{
    char *content = NULL;
    if (tr_buf_reserve(buf, 0)) {
        content = buf->ptr;
        content[buf->len] = '\0';
        if (len != NULL) {
            *len = buf->len;
        }
        *buf = (struct tr_buf){0};
    } else {
        tr_buf_deinit(buf);
    }
    return content;
}
