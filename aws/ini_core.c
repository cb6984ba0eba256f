/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/ini_core.h"

#include "base/err.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A comment begins at a line's first sign, or behind white space. */
static struct tr_bytes without_comment(struct tr_bytes line)
{
    size_t i;
    for (i = 0; i < line.len; i++) {
        if ((line.ptr[i] == '#' || line.ptr[i] == ';') && (i == 0 || is_blank(line.ptr[i - 1]))) {
            return (struct tr_bytes){line.ptr, i};
        }
    }
    return line;
}

static struct tr_bytes without_quotes(struct tr_bytes name)
{
    if (name.len >= 2 && (name.ptr[0] == '"' || name.ptr[0] == '\'') &&
        name.ptr[name.len - 1] == name.ptr[0]) {
        return (struct tr_bytes){name.ptr + 1, name.len - 2};
    }
    return name;
}

/* "[profile x]", trimmed. */
static enum tr_status read_section(struct tr_ini *ini, struct tr_bytes line,
                                   struct tr_ini_entry *out, struct tr_err *err)
{
    const char *end = memchr(line.ptr, ']', line.len);
    struct tr_bytes inside, first;
    size_t i = 0;

    if (end == NULL) {
        return tr_fail(err, TR_EPARSE, "a section without ']'");
    }
    if (end + 1 != line.ptr + line.len) {
        return tr_fail(err, TR_EPARSE, "text behind a section's ']'");
    }
    inside = tr_bytes_trim((struct tr_bytes){line.ptr + 1, (size_t)(end - line.ptr) - 1});
    if (inside.len == 0) {
        return tr_fail(err, TR_EPARSE, "a section without a name");
    }
    while (i < inside.len && !is_blank(inside.ptr[i])) {
        i++;
    }
    first = (struct tr_bytes){inside.ptr, i};
    out->kind = TR_INI_SECTION;
    if (i < inside.len) {
        out->type = first;
        out->name = tr_bytes_trim((struct tr_bytes){inside.ptr + i, inside.len - i});
        out->name = without_quotes(out->name);
    } else {
        out->type = TR_LIT("");
        out->name = without_quotes(first);
    }
    ini->in_section = true;
    ini->parent = (struct tr_bytes){0};
    return TR_OK;
}

/* "key = value", trimmed. */
static enum tr_status read_pair(struct tr_bytes line, struct tr_ini_entry *out, struct tr_err *err)
{
    const char *sign = memchr(line.ptr, '=', line.len);

    if (sign == NULL) {
        return tr_fail(err, TR_EPARSE, "a line that is neither '[section]' nor 'key = value'");
    }
    out->name = tr_bytes_trim((struct tr_bytes){line.ptr, (size_t)(sign - line.ptr)});
    out->value =
        tr_bytes_trim((struct tr_bytes){sign + 1, (size_t)(line.ptr + line.len - sign) - 1});
    if (out->name.len == 0) {
        return tr_fail(err, TR_EPARSE, "a value without a key");
    }
    return TR_OK;
}

static enum tr_status read_line(struct tr_ini *ini, struct tr_bytes line, bool indented,
                                struct tr_ini_entry *out, struct tr_err *err)
{
    enum tr_status status;

    if (line.ptr[0] == '[' && !indented) {
        return read_section(ini, line, out, err);
    }
    if (!ini->in_section) {
        return tr_fail(err, TR_EPARSE, "text before the first '[section]'");
    }
    out->under = ini->parent;
    if (indented && ini->parent.ptr != NULL && !ini->parent_empty) {
        out->kind = TR_INI_CONTINUED;
        out->value = line;
        return TR_OK;
    }
    status = read_pair(line, out, err);
    if (status != TR_OK) {
        return status;
    }
    out->kind = indented && ini->parent.ptr != NULL ? TR_INI_NESTED : TR_INI_KEY;
    if (out->kind == TR_INI_KEY) {
        ini->parent = out->name;
        ini->parent_empty = out->value.len == 0;
        out->under = (struct tr_bytes){0};
    }
    return TR_OK;
}

enum tr_status tr_ini_next(struct tr_ini *ini, struct tr_ini_entry *out, struct tr_err *err)
{
    *out = (struct tr_ini_entry){0};
    if (ini->line == 0 && tr_bytes_starts(ini->text, "\xef\xbb\xbf")) {
        ini->text.ptr += 3; /* a byte order mark, as editors on Windows put it */
        ini->text.len -= 3;
    }
    while (ini->text.len > 0) {
        struct tr_bytes line = tr_bytes_cut(&ini->text, '\n');
        bool indented = line.len > 0 && is_blank(line.ptr[0]);
        struct tr_bytes content = tr_bytes_trim(without_comment(line));

        ini->line++;
        if (memchr(line.ptr, '\0', line.len) != NULL) {
            return tr_fail(err, TR_EPARSE, "a NUL: this is no text file");
        }
        if (content.len > 0) {
            return read_line(ini, content, indented, out, err);
        }
    }
    return TR_OK;
}
