/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pretty.h"

static void new_line(struct tr_buf *out, size_t depth)
{
    tr_buf_add_char(out, '\n');
    while (depth-- > 0) {
        tr_buf_add_str(out, "  ");
    }
}

/* The string at `at` (a quote), copied whole; returns the byte behind it. */
static size_t copy_string(struct tr_buf *out, struct tr_bytes text, size_t at)
{
    size_t end = at + 1;
    while (end < text.len && text.ptr[end] != '"') {
        end += text.ptr[end] == '\\' ? 2 : 1;
    }
    end = end < text.len ? end + 1 : text.len;
    tr_buf_add(out, (struct tr_bytes){text.ptr + at, end - at});
    return end;
}

static size_t skip_space(struct tr_bytes text, size_t at)
{
    while (at < text.len && memchr(" \t\r\n", text.ptr[at], 4) != NULL) {
        at++;
    }
    return at;
}

static void indent(struct tr_buf *out, struct tr_bytes text)
{
    size_t depth = 0, at = skip_space(text, 0);
    while (at < text.len) {
        char c = text.ptr[at];
        size_t next = skip_space(text, at + 1);
        if (c == '"') {
            at = skip_space(text, copy_string(out, text, at));
            continue;
        }
        if ((c == '{' || c == '[') && next < text.len && text.ptr[next] == (c == '{' ? '}' : ']')) {
            tr_buf_add_str(out, c == '{' ? "{}" : "[]");
            next = skip_space(text, next + 1);
        } else if (c == '{' || c == '[') {
            tr_buf_add_char(out, c);
            new_line(out, ++depth);
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
            new_line(out, depth);
            tr_buf_add_char(out, c);
        } else if (c == ',') {
            tr_buf_add_char(out, c);
            new_line(out, depth);
        } else {
            tr_buf_add_char(out, c);
            if (c == ':') {
                tr_buf_add_char(out, ' ');
            }
        }
        at = next;
    }
}

void tr_pretty_json(struct tr_buf *buf, size_t from)
{
    struct tr_buf out = {0};
    indent(&out, (struct tr_bytes){buf->ptr + from, buf->len - from});
    buf->len = from;
    if (out.failed) {
        buf->failed = true;
    } else {
        tr_buf_add(buf, tr_buf_bytes(&out));
    }
    tr_buf_deinit(&out);
}
