/* SPDX-License-Identifier: Apache-2.0
 *
 * The same JSON in another dress: members in another order, escapes, white space. The services
 * promise none of these, so nobody may rely on them. */
#include "tests/sim/inside.h"

#define MEMBERS_MAX 64

struct in {
    const char *at;
    const char *end;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blank(struct in *in)
{
    while (in->at < in->end && is_blank(*in->at)) {
        in->at++;
    }
}

static struct tr_bytes take_string(struct in *in)
{
    const char *from = in->at++, *quote;
    while ((quote = memchr(in->at, '"', (size_t)(in->end - in->at))) != NULL) {
        const char *slash = quote;
        while (slash > in->at && slash[-1] == '\\') {
            slash--;
        }
        in->at = quote + 1;
        if ((quote - slash) % 2 == 0) {
            break;
        }
    }
    return (struct tr_bytes){from, (size_t)(in->at - from)};
}

static bool ends_value(char c)
{
    return c == ',' || c == '}' || c == ']';
}

/* The bytes of one value. */
static struct tr_bytes take_value(struct in *in)
{
    const char *from;
    unsigned depth = 0;
    skip_blank(in);
    from = in->at;
    do {
        if (*in->at == '"') {
            (void)take_string(in);
            continue;
        }
        depth += *in->at == '{' || *in->at == '[';
        depth -= *in->at == '}' || *in->at == ']';
        in->at++;
        if (depth == 0 && (in->at == in->end || ends_value(*in->at) || is_blank(*in->at))) {
            break;
        }
    } while (in->at < in->end && (depth > 0 || !ends_value(*in->at)));
    return (struct tr_bytes){from, (size_t)(in->at - from)};
}

static void blank(struct tr_random *random, struct tr_buf *out)
{
    static const char *const blanks[] = {" ", "\n", "\t", "\r\n  "};
    if (tr_random_below(random, 12) == 0) {
        tr_buf_add_str(out, blanks[tr_random_below(random, 4)]);
    }
}

static void put_string(struct tr_random *random, struct tr_bytes text, struct tr_buf *out)
{
    size_t i;
    bool dress = tr_random_below(random, 6) == 0;
    if (!dress) {
        tr_buf_add(out, text);
        return;
    }
    for (i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool plain = c >= 'a' && c <= 'z';
        if (c == '\\') {
            tr_buf_add(out, (struct tr_bytes){text.ptr + i, 2});
            i++;
        } else if (plain && tr_random_below(random, 8) == 0) {
            const char *digits =
                tr_random_below(random, 2) == 0 ? "0123456789abcdef" : "0123456789ABCDEF";
            tr_buf_add(out, TR_LIT("\\u00"));
            tr_buf_add_char(out, digits[(unsigned)c >> 4]);
            tr_buf_add_char(out, digits[(unsigned)c & 15]);
        } else {
            tr_buf_add_char(out, c);
        }
    }
}

static void put_value(struct tr_random *random, struct tr_bytes text, struct tr_buf *out);

static void put_members(struct tr_random *random, struct tr_bytes text, struct tr_buf *out)
{
    struct tr_bytes names[MEMBERS_MAX], values[MEMBERS_MAX];
    struct in in = {text.ptr + 1, text.ptr + text.len - 1};
    size_t count = 0, i;

    for (skip_blank(&in); in.at < in.end; skip_blank(&in)) {
        TR_ASSERT(count < MEMBERS_MAX);
        names[count] = take_string(&in);
        skip_blank(&in);
        in.at++; /* the colon */
        values[count++] = take_value(&in);
        skip_blank(&in);
        in.at += in.at < in.end; /* the comma */
    }
    for (i = count; i > 1; i--) {
        size_t j = (size_t)tr_random_below(random, i);
        struct tr_bytes name = names[j], value = values[j];
        names[j] = names[i - 1];
        values[j] = values[i - 1];
        names[i - 1] = name;
        values[i - 1] = value;
    }
    tr_buf_add_char(out, '{');
    for (i = 0; i < count; i++) {
        tr_buf_add_str(out, i > 0 ? "," : "");
        blank(random, out);
        put_string(random, names[i], out);
        blank(random, out);
        tr_buf_add_char(out, ':');
        blank(random, out);
        put_value(random, values[i], out);
        blank(random, out);
    }
    tr_buf_add_char(out, '}');
}

static void put_elements(struct tr_random *random, struct tr_bytes text, struct tr_buf *out)
{
    struct in in = {text.ptr + 1, text.ptr + text.len - 1};
    bool first = true;
    tr_buf_add_char(out, '[');
    for (skip_blank(&in); in.at < in.end; skip_blank(&in)) {
        tr_buf_add_str(out, first ? "" : ",");
        blank(random, out);
        put_value(random, take_value(&in), out);
        blank(random, out);
        skip_blank(&in);
        in.at += in.at < in.end;
        first = false;
    }
    tr_buf_add_char(out, ']');
}

static void put_value(struct tr_random *random, struct tr_bytes text, struct tr_buf *out)
{
    switch (text.ptr[0]) {
    case '{':
        put_members(random, text, out);
        break;
    case '[':
        put_elements(random, text, out);
        break;
    case '"':
        put_string(random, text, out);
        break;
    default:
        tr_buf_add(out, text);
        break;
    }
}

void scramble(struct tr_random *random, struct tr_bytes text, struct tr_buf *out)
{
    struct in in = {text.ptr, text.ptr + text.len};
    blank(random, out);
    put_value(random, take_value(&in), out);
    blank(random, out);
}

static unsigned hex(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
}

void unscramble(struct tr_bytes text, struct tr_buf *out)
{
    bool inside = false;
    size_t i;
    for (i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (inside && c == '\\' && i + 5 < text.len && text.ptr[i + 1] == 'u') {
            tr_buf_add_char(out, (char)(hex(text.ptr[i + 4]) << 4 | hex(text.ptr[i + 5])));
            i += 5;
        } else if (inside && c == '\\') {
            tr_buf_add(out, (struct tr_bytes){text.ptr + i, 2});
            i++;
        } else if (inside || !is_blank(c)) {
            inside = inside != (c == '"');
            tr_buf_add_char(out, c);
        }
    }
}
