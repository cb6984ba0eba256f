/* SPDX-License-Identifier: Apache-2.0
 *
 * The parser is one loop over the text with an explicit stack, so that nesting costs a counter and
 * never the process's stack. */
#include "base/json.h"

#include "base/err.h"
#include "base/mem.h"

struct parser {
    struct tr_json_doc *doc;
    const unsigned char *p;
    size_t at;
    size_t len;
    uint32_t stack[TR_JSON_DEPTH_MAX];
    size_t depth;
    tr_json_known_fn *known; /* or NULL */
    void *ctx;
    struct tr_err *err;
};

static enum tr_status expected(struct parser *ps, const char *what)
{
    if (ps->at >= ps->len) {
        return tr_fail(ps->err, TR_EPARSE, "json ends at byte %zu, expected %s", ps->at, what);
    }
    if (ps->p[ps->at] >= 0x21 && ps->p[ps->at] < 0x7f) {
        return tr_fail(ps->err, TR_EPARSE, "json byte %zu is '%c', expected %s", ps->at,
                       ps->p[ps->at], what);
    }
    return tr_fail(ps->err, TR_EPARSE, "json byte %zu is 0x%02x, expected %s", ps->at,
                   ps->p[ps->at], what);
}

static void skip_space(struct parser *ps)
{
    if (ps->at < ps->len && ps->p[ps->at] > ' ') {
        return; /* the services send none */
    }
    while (ps->at < ps->len && (ps->p[ps->at] == ' ' || ps->p[ps->at] == '\t' ||
                                ps->p[ps->at] == '\n' || ps->p[ps->at] == '\r')) {
        ps->at++;
    }
}

static bool at_char(const struct parser *ps, char c)
{
    return ps->at < ps->len && ps->p[ps->at] == (unsigned char)c;
}

static enum tr_status add_node(struct parser *ps, enum tr_json_type type, uint32_t *index)
{
    struct tr_json_doc *doc = ps->doc;
    if (doc->count == doc->cap &&
        !tr_grow(&doc->nodes, &doc->cap, doc->count + 1, sizeof *doc->nodes)) {
        return tr_fail(ps->err, TR_ENOMEM, "no memory for %zu json values", doc->count + 1);
    }
    *index = (uint32_t)doc->count++;
    doc->nodes[*index] = (struct tr_json_node){.start = (uint32_t)ps->at, .type = (uint8_t)type};
    return TR_OK;
}

static void close_node(struct parser *ps, uint32_t index)
{
    struct tr_json_node *node = &ps->doc->nodes[index];
    node->len = (uint32_t)ps->at - node->start;
    node->next = (uint32_t)ps->doc->count;
}

static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits at p, or -1. */
static int32_t hex4(const unsigned char *p, size_t left)
{
    int32_t value = 0;
    size_t i;
    if (left < 4) {
        return -1;
    }
    for (i = 0; i < 4; i++) {
        int digit = hex_value(p[i]);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* The escape at ps->at (a backslash): check it and step over it. */
static enum tr_status skip_escape(struct parser *ps)
{
    unsigned char c = ps->at + 1 < ps->len ? ps->p[ps->at + 1] : 0;
    int32_t unit;
    if (c != 0 && strchr("\"\\/bfnrt", c) != NULL) {
        ps->at += 2;
        return TR_OK;
    }
    if (c != 'u' || (unit = hex4(ps->p + ps->at + 2, ps->len - ps->at - 2)) < 0) {
        return expected(ps, "a valid escape");
    }
    if (unit >= 0xd800 && unit <= 0xdfff) {
        const unsigned char *low = ps->p + ps->at + 6;
        size_t left = ps->len - ps->at - 6;
        int32_t second =
            left >= 6 && low[0] == '\\' && low[1] == 'u' ? hex4(low + 2, left - 2) : -1;
        if (unit >= 0xdc00 || second < 0xdc00 || second > 0xdfff) {
            return expected(ps, "a pair of surrogates");
        }
        ps->at += 6;
    }
    ps->at += 6;
    return TR_OK;
}

#define ONES UINT64_C(0x0101010101010101)
#define TOPS (ONES << 7)

/* The top bit of each byte that is a quote, a backslash, a control or beyond ASCII, where the
 * lowest mark is exact: a borrow runs upwards from a marked byte only. */
static uint64_t mark_stops(uint64_t word)
{
    uint64_t quote = word ^ ONES * '"', slash = word ^ ONES * '\\';
    return (word | (word - ONES * 0x20) | (quote - ONES) | (slash - ONES)) & TOPS;
}

/* From `at` over bytes that need no look, eight at a time. */
static size_t skip_plain(const struct parser *ps, size_t at)
{
    while (ps->len - at >= 8) {
        uint64_t word, marks;
        memcpy(&word, ps->p + at, 8);
        marks = mark_stops(word);
        if (marks != 0) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            return at + (size_t)__builtin_ctzll(marks) / 8;
#else
            break;
#endif
        }
        at += 8;
    }
    while (at < ps->len && ps->p[at] >= 0x20 && ps->p[at] < 0x80 && ps->p[at] != '"' &&
           ps->p[at] != '\\') {
        at++;
    }
    return at;
}

static enum tr_status parse_string(struct parser *ps)
{
    uint32_t index = 0; /* gcc at -O3 does not see that add_node sets it */
    size_t from;
    bool ascii = true;
    enum tr_status status = add_node(ps, TR_JSON_STRING, &index);
    if (status != TR_OK) {
        return status;
    }
    from = ++ps->at;
    for (;;) {
        ps->at = skip_plain(ps, ps->at);
        if (at_char(ps, '"')) {
            break;
        }
        if (ps->at >= ps->len || ps->p[ps->at] < 0x20) {
            return expected(ps, "the end of a string");
        }
        if (ps->p[ps->at] != '\\') {
            ascii = false;
            ps->at++;
            continue;
        }
        ps->doc->nodes[index].escaped = true;
        if ((status = skip_escape(ps)) != TR_OK) {
            return status;
        }
    }
    if (!ascii && !tr_bytes_utf8((struct tr_bytes){(const char *)ps->p + from, ps->at - from})) {
        return tr_fail(ps->err, TR_EPARSE, "the json string at byte %zu is not utf-8", from - 1);
    }
    ps->at++;
    close_node(ps, index);
    return TR_OK;
}

static size_t skip_digits(struct parser *ps)
{
    size_t from = ps->at;
    while (ps->at < ps->len && ps->p[ps->at] >= '0' && ps->p[ps->at] <= '9') {
        ps->at++;
    }
    return ps->at - from;
}

static enum tr_status parse_number(struct parser *ps)
{
    uint32_t index = 0;
    enum tr_status status = add_node(ps, TR_JSON_NUMBER, &index);
    if (status != TR_OK) {
        return status;
    }
    ps->at += at_char(ps, '-');
    if (at_char(ps, '0')) {
        ps->at++;
    } else if (skip_digits(ps) == 0) {
        return expected(ps, "a digit");
    }
    if (at_char(ps, '.')) {
        ps->at++;
        if (skip_digits(ps) == 0) {
            return expected(ps, "a digit");
        }
    }
    if (at_char(ps, 'e') || at_char(ps, 'E')) {
        ps->at++;
        ps->at += at_char(ps, '+') || at_char(ps, '-');
        if (skip_digits(ps) == 0) {
            return expected(ps, "a digit");
        }
    }
    close_node(ps, index);
    return TR_OK;
}

static enum tr_status parse_word(struct parser *ps, const char *word, enum tr_json_type type)
{
    uint32_t index = 0;
    size_t len = strlen(word);
    enum tr_status status;
    if (ps->len - ps->at < len || memcmp(ps->p + ps->at, word, len) != 0) {
        return expected(ps, "a json value");
    }
    if ((status = add_node(ps, type, &index)) != TR_OK) {
        return status;
    }
    ps->at += len;
    close_node(ps, index);
    return TR_OK;
}

static enum tr_status open_container(struct parser *ps, enum tr_json_type type)
{
    uint32_t index = 0;
    enum tr_status status;
    if (ps->depth == TR_JSON_DEPTH_MAX) {
        return tr_fail(ps->err, TR_EPARSE, "json byte %zu: nested deeper than %d levels", ps->at,
                       TR_JSON_DEPTH_MAX);
    }
    if ((status = add_node(ps, type, &index)) != TR_OK) {
        return status;
    }
    ps->stack[ps->depth++] = index;
    ps->at++;
    return TR_OK;
}

#define KNOWN_DEPTH 2

/* An object, whole if it is known, or its opening. */
static enum tr_status begin_object(struct parser *ps)
{
    struct tr_bytes rest = {(const char *)ps->p + ps->at, ps->len - ps->at};
    uint32_t index = 0, number = 0;
    size_t len = 0;
    enum tr_status status;
    if (ps->known != NULL && ps->depth == KNOWN_DEPTH) {
        len = ps->known(ps->ctx, rest, &number);
    }
    if (len == 0) {
        return open_container(ps, TR_JSON_OBJECT);
    }
    if ((status = add_node(ps, TR_JSON_KNOWN, &index)) != TR_OK) {
        return status;
    }
    ps->doc->nodes[index].count = number;
    ps->at += len;
    close_node(ps, index);
    return TR_OK;
}

/* A scalar whole, or the opening of a container. */
static enum tr_status begin_value(struct parser *ps)
{
    skip_space(ps);
    if (ps->at >= ps->len) {
        return expected(ps, "a json value");
    }
    switch (ps->p[ps->at]) {
    case '{':
        return begin_object(ps);
    case '[':
        return open_container(ps, TR_JSON_ARRAY);
    case '"':
        return parse_string(ps);
    case 't':
        return parse_word(ps, "true", TR_JSON_TRUE);
    case 'f':
        return parse_word(ps, "false", TR_JSON_FALSE);
    case 'n':
        return parse_word(ps, "null", TR_JSON_NULL);
    default:
        return parse_number(ps);
    }
}

static enum tr_status parse_key(struct parser *ps)
{
    enum tr_status status;
    skip_space(ps);
    if (!at_char(ps, '"')) {
        return expected(ps, "a member's name");
    }
    if ((status = parse_string(ps)) != TR_OK) {
        return status;
    }
    skip_space(ps);
    if (!at_char(ps, ':')) {
        return expected(ps, "':'");
    }
    ps->at++;
    return TR_OK;
}

/* Behind a value or an opening bracket inside the innermost container: close it, or begin the next
 * value. */
static enum tr_status continue_container(struct parser *ps)
{
    uint32_t index = ps->stack[ps->depth - 1];
    bool object = ps->doc->nodes[index].type == TR_JSON_OBJECT;
    enum tr_status status;

    skip_space(ps);
    if (at_char(ps, object ? '}' : ']')) {
        ps->at++;
        ps->depth--;
        close_node(ps, index);
        return TR_OK;
    }
    if (ps->doc->nodes[index].count > 0) {
        if (!at_char(ps, ',')) {
            return expected(ps, object ? "',' or '}'" : "',' or ']'");
        }
        ps->at++;
    }
    ps->doc->nodes[index].count++;
    if (object && (status = parse_key(ps)) != TR_OK) {
        return status;
    }
    return begin_value(ps);
}

/* About as many values as a text of the services has, where that is little. */
static size_t first_nodes(size_t bytes)
{
    size_t nodes = bytes / 16;
    return nodes < 8 ? 8 : nodes > 512 ? 512 : nodes;
}

enum tr_status tr_json_parse(struct tr_json_doc *doc, struct tr_bytes text, struct tr_err *err)
{
    return tr_json_parse_known(doc, text, NULL, NULL, err);
}

enum tr_status tr_json_parse_known(struct tr_json_doc *doc, struct tr_bytes text,
                                   tr_json_known_fn *known, void *ctx, struct tr_err *err)
{
    struct parser ps = {.doc = doc,
                        .p = (const unsigned char *)text.ptr,
                        .len = text.len,
                        .known = known,
                        .ctx = ctx,
                        .err = err};
    enum tr_status status;

    doc->text = text;
    doc->count = 0;
    if (text.len >= UINT32_MAX) {
        return tr_fail(err, TR_EPARSE, "json of %zu bytes is too long", text.len);
    }
    if (doc->cap == 0 &&
        !tr_grow(&doc->nodes, &doc->cap, first_nodes(text.len), sizeof *doc->nodes)) {
        return tr_fail(err, TR_ENOMEM, "no memory for %zu json values", first_nodes(text.len));
    }
    status = begin_value(&ps);
    while (status == TR_OK && ps.depth > 0) {
        status = continue_container(&ps);
    }
    if (status == TR_OK) {
        skip_space(&ps);
        if (ps.at < ps.len) {
            status = expected(&ps, "the end");
        }
    }
    if (status != TR_OK) {
        doc->count = 0;
    }
    return status;
}

void tr_json_deinit(struct tr_json_doc *doc)
{
    tr_free(doc->nodes);
    *doc = (struct tr_json_doc){0};
}

static const struct tr_json absent;

static const struct tr_json_node *node_of(struct tr_json value)
{
    return &value.doc->nodes[value.at];
}

struct tr_json tr_json_root(const struct tr_json_doc *doc)
{
    return doc->count > 0 ? (struct tr_json){doc, 0} : absent;
}

enum tr_json_type tr_json_type(struct tr_json value)
{
    return value.doc != NULL ? (enum tr_json_type)node_of(value)->type : TR_JSON_ABSENT;
}

const char *tr_json_type_text(enum tr_json_type type)
{
    static const char *const texts[] = {"nothing",   "null",      "a boolean",
                                        "a boolean", "a number",  "a string",
                                        "an array",  "an object", "an object"};
    return texts[type];
}

size_t tr_json_count(struct tr_json value)
{
    return value.doc != NULL ? node_of(value)->count : 0;
}

struct tr_json tr_json_first(struct tr_json container)
{
    enum tr_json_type type = tr_json_type(container);
    if ((type != TR_JSON_ARRAY && type != TR_JSON_OBJECT) || tr_json_count(container) == 0) {
        return absent;
    }
    return (struct tr_json){container.doc, container.at + 1 + (type == TR_JSON_OBJECT)};
}

struct tr_json tr_json_next(struct tr_json container, struct tr_json value)
{
    uint32_t next = node_of(value)->next;
    if (next >= node_of(container)->next) {
        return absent;
    }
    return (struct tr_json){container.doc, next + (tr_json_type(container) == TR_JSON_OBJECT)};
}

struct tr_json tr_json_key(struct tr_json value)
{
    return (struct tr_json){value.doc, value.at - 1};
}

struct tr_json tr_json_get(struct tr_json value, const char *name)
{
    struct tr_json found = absent, member;
    size_t len = strlen(name);
    if (tr_json_type(value) != TR_JSON_OBJECT) {
        return absent;
    }
    for (member = tr_json_first(value); member.doc != NULL; member = tr_json_next(value, member)) {
        struct tr_json key = tr_json_key(member);
        const struct tr_json_node *node = node_of(key);
        /* Most keys differ in length, and most have no escapes. */
        if (node->escaped ? tr_json_is(key, name)
                          : node->len == len + 2 &&
                                memcmp(value.doc->text.ptr + node->start + 1, name, len) == 0) {
            found = member;
        }
    }
    return found;
}

struct tr_bytes tr_json_raw(struct tr_json value)
{
    if (value.doc == NULL) {
        return (struct tr_bytes){NULL, 0};
    }
    return (struct tr_bytes){value.doc->text.ptr + node_of(value)->start, node_of(value)->len};
}

static void add_utf8(struct tr_buf *out, uint32_t c)
{
    if (c < 0x80) {
        tr_buf_add_char(out, (char)c);
    } else if (c < 0x800) {
        tr_buf_add_char(out, (char)(0xc0 | (c >> 6)));
        tr_buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        tr_buf_add_char(out, (char)(0xe0 | (c >> 12)));
        tr_buf_add_char(out, (char)(0x80 | ((c >> 6) & 0x3f)));
        tr_buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    } else {
        tr_buf_add_char(out, (char)(0xf0 | (c >> 18)));
        tr_buf_add_char(out, (char)(0x80 | ((c >> 12) & 0x3f)));
        tr_buf_add_char(out, (char)(0x80 | ((c >> 6) & 0x3f)));
        tr_buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* One escape of a string that the parser has checked; returns its length. */
static size_t add_unescaped(struct tr_buf *out, const unsigned char *p, size_t left)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *short_form = strchr(from, p[1]);
    uint32_t unit;
    if (p[1] != 'u') {
        tr_buf_add_char(out, short_form != NULL ? to[short_form - from] : (char)p[1]);
        return 2;
    }
    unit = (uint32_t)hex4(p + 2, left - 2);
    if (unit < 0xd800 || unit > 0xdbff) {
        add_utf8(out, unit);
        return 6;
    }
    add_utf8(out, 0x10000 + ((unit - 0xd800) << 10) + ((uint32_t)hex4(p + 8, left - 8) - 0xdc00));
    return 12;
}

bool tr_json_add_str(struct tr_json value, struct tr_buf *out)
{
    struct tr_bytes raw = tr_json_raw(value);
    size_t at = 1, from = 1;

    if (tr_json_type(value) != TR_JSON_STRING) {
        return false;
    }
    if (!node_of(value)->escaped) {
        tr_buf_add(out, (struct tr_bytes){raw.ptr + 1, raw.len - 2});
        return true;
    }
    while (at < raw.len - 1) {
        if (raw.ptr[at] != '\\') {
            at++;
            continue;
        }
        tr_buf_add(out, (struct tr_bytes){raw.ptr + from, at - from});
        at += add_unescaped(out, (const unsigned char *)raw.ptr + at, raw.len - at);
        from = at;
    }
    tr_buf_add(out, (struct tr_bytes){raw.ptr + from, at - from});
    return true;
}

bool tr_json_str(struct tr_json value, struct tr_buf *scratch, struct tr_bytes *out)
{
    struct tr_bytes raw = tr_json_raw(value);
    size_t before = scratch->len;

    if (tr_json_type(value) != TR_JSON_STRING) {
        return false;
    }
    if (!node_of(value)->escaped) {
        *out = (struct tr_bytes){raw.ptr + 1, raw.len - 2};
        return true;
    }
    /* The unescaped form is never longer: with the room made first, views made before do not move
     * within this call. */
    if (!tr_buf_reserve(scratch, raw.len) || !tr_json_add_str(value, scratch)) {
        return false;
    }
    *out = (struct tr_bytes){scratch->ptr + before, scratch->len - before};
    return true;
}

bool tr_json_is(struct tr_json value, const char *text)
{
    struct tr_bytes raw = tr_json_raw(value);
    struct tr_buf plain = {0};
    bool same;
    if (tr_json_type(value) != TR_JSON_STRING) {
        return false;
    }
    if (!node_of(value)->escaped) {
        return tr_bytes_is((struct tr_bytes){raw.ptr + 1, raw.len - 2}, text);
    }
    same =
        tr_json_add_str(value, &plain) && !plain.failed && tr_bytes_is(tr_buf_bytes(&plain), text);
    tr_buf_deinit(&plain);
    return same;
}

bool tr_json_u64(struct tr_json value, uint64_t max, uint64_t *out)
{
    return tr_json_type(value) == TR_JSON_NUMBER && tr_bytes_u64(tr_json_raw(value), max, out);
}

bool tr_json_bool(struct tr_json value, bool *out)
{
    enum tr_json_type type = tr_json_type(value);
    if (type != TR_JSON_TRUE && type != TR_JSON_FALSE) {
        return false;
    }
    *out = type == TR_JSON_TRUE;
    return true;
}
