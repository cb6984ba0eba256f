/* SPDX-License-Identifier: Apache-2.0
 *
 * A strict JSON reader that keeps the bytes: one pass makes an index over the text, nothing is
 * copied, strings are length-counted (a NUL is a character like others), numbers stay the digits
 * that came. For answers, rows and requests of the services; record pages are cut by
 * stream/slicer.h instead. Why not cJSON: docs/decisions/0003. */
#ifndef TR_BASE_JSON_H
#define TR_BASE_JSON_H

#include "base/buf.h"

enum tr_json_type {
    TR_JSON_ABSENT, /* not there: what every look-up that finds nothing gives */
    TR_JSON_NULL,
    TR_JSON_FALSE,
    TR_JSON_TRUE,
    TR_JSON_NUMBER,
    TR_JSON_STRING,
    TR_JSON_ARRAY,
    TR_JSON_OBJECT,
    TR_JSON_KNOWN, /* an object that was read before: what is in it is not indexed */
};

#define TR_JSON_DEPTH_MAX 128

struct tr_json_node {
    uint32_t start; /* first byte of the value in the text (a string's quote) */
    uint32_t len;   /* bytes of the whole value, quotes and brackets included */
    uint32_t next;  /* index of the node behind this value */
    uint32_t count; /* members or elements */
    uint8_t type;
    bool escaped; /* a string that holds a backslash */
};

/* Init with {0}; parse may be repeated on one doc (it reuses the memory). */
struct tr_json_doc {
    struct tr_bytes text;       /* borrowed until deinit or the next parse */
    struct tr_json_node *nodes; /* owned */
    size_t count;
    size_t cap;
};

/* A value in a document; passed by value. Absent when doc is NULL. */
struct tr_json {
    const struct tr_json_doc *doc;
    uint32_t at;
};

/* Index a whole text: one JSON value of RFC 8259 with nothing but white space around it.
 * Errors:  TR_EPARSE with the byte offset and what was expected (also: bad UTF-8, a lone surrogate,
 *          more than TR_JSON_DEPTH_MAX levels, 4 GiB or more); TR_ENOMEM. The doc then holds
 * nothing. Owns:    text is borrowed for as long as the doc is used. */
enum tr_status tr_json_parse(struct tr_json_doc *doc, struct tr_bytes text,
                             struct tr_err *err) TR_MUST_CHECK;
/* Whether the text goes on with an object that was read before, byte by byte: its length and a
 * number for it, or 0. */
typedef size_t tr_json_known_fn(void *ctx, struct tr_bytes rest, uint32_t *number);
/* The same; objects in the root's arrays and objects are shown to `known` before they are read, in
 * their order. One that it knows becomes a TR_JSON_KNOWN, and tr_json_count its number. */
enum tr_status tr_json_parse_known(struct tr_json_doc *doc, struct tr_bytes text,
                                   tr_json_known_fn *known, void *ctx,
                                   struct tr_err *err) TR_MUST_CHECK;
void tr_json_deinit(struct tr_json_doc *doc);

/* The value that is the whole text; what a value is. */
struct tr_json tr_json_root(const struct tr_json_doc *doc);
enum tr_json_type tr_json_type(struct tr_json value);
/* The word for a type in messages: "a string", "an object", "nothing". */
const char *tr_json_type_text(enum tr_json_type type);

/* A member of an object by its exact name (escapes in the text's keys are understood); the last one
 * of several with one name. Absent when value is no object or lacks it. */
struct tr_json tr_json_get(struct tr_json value, const char *name);

/* How many members or elements; 0 for other types. */
size_t tr_json_count(struct tr_json value);

/* Walk the elements of an array or the values of an object, in order:
 * for (v = tr_json_first(x); v.doc != NULL; v = tr_json_next(x, v)). */
struct tr_json tr_json_first(struct tr_json container);
struct tr_json tr_json_next(struct tr_json container, struct tr_json value);
/* The key of an object's value found by the walk. */
struct tr_json tr_json_key(struct tr_json value);

/* The bytes of the value as they came. */
struct tr_bytes tr_json_raw(struct tr_json value);

/* A string's content without escapes: a view of the text where it has none, else unescaped into
 * scratch (appended there: earlier views into scratch may move).
 * Errors:  false when value is no string or there is no memory. */
bool tr_json_str(struct tr_json value, struct tr_buf *scratch, struct tr_bytes *out);
/* Append a string's content to a buffer. Errors: false when value is no string. */
bool tr_json_add_str(struct tr_json value, struct tr_buf *out);
/* Whether value is a string with just this content. */
bool tr_json_is(struct tr_json value, const char *text);

/* A number that is a whole one from 0 to max, written without fraction and exponent. */
bool tr_json_u64(struct tr_json value, uint64_t max, uint64_t *out);
bool tr_json_bool(struct tr_json value, bool *out);

#endif
