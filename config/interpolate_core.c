/* SPDX-License-Identifier: Apache-2.0
 *
 * A strict reader of '$': what is neither $$ nor a whole ${...} is an error, so that a typo never
 * becomes part of a value. */
#include "config/interpolate.h"

#include "base/err.h"
#include "config/text.h"

struct scan {
    struct tr_bytes text;
    size_t at;
    tr_config_getenv_fn getenv;
    void *user;
    struct tr_buf *out;
    struct tr_buf *names;
    struct tr_err *err;
};

/* What follows the name inside ${...}. */
struct tail {
    char op; /* '\0', '-' or '?' */
    struct tr_bytes text;
};

static size_t name_len(struct tr_bytes text)
{
    size_t n = 0;
    while (n < text.len) {
        char c = text.ptr[n];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (n == 0 || c < '0' || c > '9')) {
            break;
        }
        n++;
    }
    return n;
}

static enum tr_status malformed(const struct scan *scan, const char *why)
{
    struct tr_bytes rest = {scan->text.ptr + scan->at, scan->text.len - scan->at};
    char quoted[TR_QUOTE_BYTES];
    return tr_fail(scan->err, TR_ECONFIG, "%s: %s", tr_text_quote(rest, quoted), why);
}

/* Read "NAME}", "NAME:-text}" or "NAME:?text}" behind "${". */
static enum tr_status read_braces(const struct scan *scan, struct tr_bytes *name, struct tail *tail,
                                  size_t *used)
{
    struct tr_bytes rest = {scan->text.ptr + scan->at + 2, scan->text.len - scan->at - 2};
    const char *end = rest.len > 0 ? memchr(rest.ptr, '}', rest.len) : NULL;
    struct tr_bytes inside;

    if (end == NULL) {
        return malformed(scan, "'${' without '}'");
    }
    inside = (struct tr_bytes){rest.ptr, (size_t)(end - rest.ptr)};
    *used = inside.len + 3;
    *name = (struct tr_bytes){inside.ptr, name_len(inside)};
    *tail = (struct tail){0};
    inside.ptr += name->len;
    inside.len -= name->len;
    if (name->len == 0) {
        return malformed(scan, "a variable's name is made of letters, digits and '_'");
    }
    if (inside.len == 0) {
        return TR_OK;
    }
    if (inside.len < 2 || inside.ptr[0] != ':' || (inside.ptr[1] != '-' && inside.ptr[1] != '?')) {
        return malformed(scan, "expected ${NAME}, ${NAME:-default} or ${NAME:?message}");
    }
    tail->op = inside.ptr[1];
    tail->text = (struct tr_bytes){inside.ptr + 2, inside.len - 2};
    if (tail->text.len > 0 && memchr(tail->text.ptr, '$', tail->text.len) != NULL) {
        return malformed(scan, "no '$' may stand inside '${...}'");
    }
    return TR_OK;
}

static enum tr_status add_variable(struct scan *scan, struct tr_bytes name, struct tail tail)
{
    char copy[256];
    const char *value;

    if (name.len >= sizeof copy) {
        return malformed(scan, "the name is too long");
    }
    (void)snprintf(copy, sizeof copy, "%.*s", TR_FMT(name));
    if (scan->names->len > 0) {
        tr_buf_add_str(scan->names, ", ");
    }
    tr_buf_add_str(scan->names, copy);
    value = scan->getenv(scan->user, copy);
    if (tail.op == '-' && (value == NULL || value[0] == '\0')) {
        tr_buf_add(scan->out, tail.text);
        return TR_OK;
    }
    if (tail.op == '?' && (value == NULL || value[0] == '\0')) {
        char quoted[TR_QUOTE_BYTES];
        (void)tr_text_quote(tail.text, quoted);
        quoted[strlen(quoted) - 1] = '\0';
        return tr_fail(scan->err, TR_ECONFIG, "environment variable '%s' is not set: %s", copy,
                       tail.text.len > 0 ? quoted + 1 : "it is required");
    }
    if (value == NULL) {
        return tr_fail(scan->err, TR_ECONFIG,
                       "environment variable '%s' is not set (a default: '${%s:-...}')", copy,
                       copy);
    }
    tr_buf_add_str(scan->out, value);
    return TR_OK;
}

/* One '$' and what belongs to it. */
static enum tr_status dollar(struct scan *scan)
{
    struct tr_bytes name = {NULL, 0};
    struct tail tail = {0};
    size_t used = 0;
    enum tr_status status;
    char next = scan->at + 1 < scan->text.len ? scan->text.ptr[scan->at + 1] : '\0';

    if (next == '$') {
        tr_buf_add_char(scan->out, '$');
        scan->at += 2;
        return TR_OK;
    }
    if (next != '{') {
        return malformed(scan, "write '${NAME}' for a variable, '$$' for a dollar sign");
    }
    status = read_braces(scan, &name, &tail, &used);
    if (status == TR_OK) {
        status = add_variable(scan, name, tail);
    }
    scan->at += used;
    return status;
}

enum tr_status tr_interpolate(struct tr_bytes text, tr_config_getenv_fn getenv, void *user,
                              struct tr_buf *out, struct tr_buf *names, struct tr_err *err)
{
    struct scan scan = {text, 0, getenv, user, out, names, err};
    while (scan.at < text.len) {
        enum tr_status status;
        if (text.ptr[scan.at] != '$') {
            tr_buf_add_char(out, text.ptr[scan.at++]);
            continue;
        }
        status = dollar(&scan);
        if (status != TR_OK) {
            return status;
        }
        if (out->len > TR_INTERPOLATED_BYTES_MAX) {
            return tr_fail(err, TR_ECONFIG, "longer than %d bytes after variables were replaced",
                           TR_INTERPOLATED_BYTES_MAX);
        }
    }
    return TR_OK;
}
