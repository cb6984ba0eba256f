/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/scan.h"

#include <string.h>

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) {
        at++;
    }
    return at;
}

/* Whether an odd number of backslashes stands before `at`: they begin with the string. */
static bool is_escaped(const char *from, const char *at)
{
    const char *slash = at;
    while (slash > from && slash[-1] == '\\') {
        slash--;
    }
    return (at - slash) % 2 != 0;
}

/* Behind the string that begins here. */
static const char *skip_string(const char *at, const char *end)
{
    const char *from = at + 1, *quote = at;
    do {
        at = quote + 1;
        quote = at < end ? memchr(at, '"', (size_t)(end - at)) : NULL;
    } while (quote != NULL && is_escaped(from, quote));
    return quote != NULL ? quote + 1 : end;
}

static const char *skip_value(const char *at, const char *end)
{
    size_t depth = 0;
    while (at < end) {
        char c = *at;
        if (c == '"') {
            at = skip_string(at, end);
        } else if (c == '{' || c == '[') {
            depth++;
            at++;
        } else if (c == '}' || c == ']' || c == ',') {
            if (depth == 0) {
                return at;
            }
            depth -= c == ',' ? 0 : 1;
            at++;
        } else {
            at++;
        }
        if (depth == 0 && (c == '"' || c == '}' || c == ']')) {
            return at;
        }
    }
    return at;
}

struct scan scan_begin(struct tr_bytes container)
{
    struct scan scan = {container.ptr, container.ptr};
    if (container.len > 1 && (container.ptr[0] == '{' || container.ptr[0] == '[')) {
        scan.at = container.ptr + 1;
        scan.end = container.ptr + container.len - 1;
    } else if (container.len > 1) {
        const char *end = container.ptr + container.len;
        const char *at = skip_space(container.ptr, end);
        if (at < end && at > container.ptr && (*at == '{' || *at == '[')) {
            return scan_begin((struct tr_bytes){at, (size_t)(skip_value(at, end) - at)});
        }
    }
    return scan;
}

bool scan_element(struct scan *scan, struct tr_bytes *value)
{
    const char *at = skip_space(scan->at, scan->end), *behind;
    if (at < scan->end && *at == ',') {
        at = skip_space(at + 1, scan->end);
    }
    if (at >= scan->end) {
        return false;
    }
    behind = skip_value(at, scan->end);
    *value = tr_bytes_trim((struct tr_bytes){at, (size_t)(behind - at)});
    scan->at = behind;
    return value->len > 0;
}

bool scan_member(struct scan *scan, struct tr_bytes *name, struct tr_bytes *value)
{
    const char *at = skip_space(scan->at, scan->end), *behind;
    if (at < scan->end && *at == ',') {
        at = skip_space(at + 1, scan->end);
    }
    if (at >= scan->end || *at != '"') {
        return false;
    }
    behind = skip_string(at, scan->end);
    *name = (struct tr_bytes){at, (size_t)(behind - at)};
    at = skip_space(behind, scan->end);
    if (at >= scan->end || *at != ':') {
        return false;
    }
    scan->at = skip_space(at + 1, scan->end);
    return scan_element(scan, value);
}

static unsigned hex_value(char c)
{
    return c >= 'a'   ? (unsigned)(c - 'a') + 10
           : c >= 'A' ? (unsigned)(c - 'A') + 10
                      : (unsigned)(c - '0');
}

/* The character of an escape that begins behind the backslash; only ASCII is ever escaped in
 * what we look for, all else becomes '?'. */
static char unescape(const char **at, const char *end)
{
    char c = *(*at)++;
    unsigned code = 0, i;
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'u':
        for (i = 0; i < 4 && *at < end; i++) {
            code = code * 16 + hex_value(*(*at)++);
        }
        return code < 0x80 ? (char)code : '?';
    default:
        return c;
    }
}

bool scan_string(struct tr_bytes string, char *out, size_t cap)
{
    const char *at = string.ptr + 1, *end;
    size_t len = 0;
    if (string.len < 2 || string.ptr[0] != '"' || cap == 0) {
        return false;
    }
    end = string.ptr + string.len - 1;
    while (at < end) {
        char c = *at++;
        if (len + 1 >= cap) {
            return false;
        }
        out[len++] = c == '\\' && at < end ? unescape(&at, end) : c;
    }
    out[len] = '\0';
    return true;
}

bool scan_is(struct tr_bytes string, const char *text)
{
    const char *at = string.ptr + 1, *end;
    if (string.len < 2 || string.ptr[0] != '"') {
        return false;
    }
    end = string.ptr + string.len - 1;
    while (at < end && *text != '\0') {
        char c = *at++;
        c = c == '\\' && at < end ? unescape(&at, end) : c;
        if (c != *text++) {
            return false;
        }
    }
    return at == end && *text == '\0';
}

struct tr_bytes scan_get(struct tr_bytes object, const char *name)
{
    struct scan scan = scan_begin(object);
    struct tr_bytes key, value;
    while (scan_member(&scan, &key, &value)) {
        if (scan_is(key, name)) {
            return value;
        }
    }
    return (struct tr_bytes){0};
}

struct tr_bytes scan_path(struct tr_bytes object, const char *const *names)
{
    for (; *names != NULL && object.ptr != NULL; names++) {
        object = scan_get(object, *names);
    }
    return object;
}
