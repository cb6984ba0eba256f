/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing run of bytes of our own. Appending never returns an error: a buffer that could not grow
 * remembers it in `failed`, and whoever uses the result looks there once. */
#ifndef TR_BASE_BUF_H
#define TR_BASE_BUF_H

#include "base/bytes.h"
#include "tailrace/status.h"

/* Init with {0}; ptr is owned and always has a NUL behind len once anything was appended. */
struct tr_buf {
    char *ptr; /* owned */
    size_t len;
    size_t cap;
    bool failed;
};

void tr_buf_deinit(struct tr_buf *buf);

/* Empty it and forget a failure; the memory stays. */
void tr_buf_reset(struct tr_buf *buf);

/* Make room for `more` bytes behind len. Returns false (and sets failed) without memory. */
bool tr_buf_reserve(struct tr_buf *buf, size_t more);

/* Append bytes, a C string, one character, formatted text. */
void tr_buf_add(struct tr_buf *buf, struct tr_bytes bytes);
void tr_buf_add_str(struct tr_buf *buf, const char *text);
void tr_buf_add_char(struct tr_buf *buf, char c);
void tr_buf_printf(struct tr_buf *buf, const char *fmt, ...) TR_PRINTF(2, 3);
/* Append a number's decimal digits. */
void tr_buf_add_u64(struct tr_buf *buf, uint64_t value);

/* Append a JSON string with its quotes: control characters, '"' and '\' are escaped, everything
 * else goes byte for byte. */
void tr_buf_add_json(struct tr_buf *buf, struct tr_bytes text);

/* Append lower-case hex digits. */
void tr_buf_add_hex(struct tr_buf *buf, const void *bytes, size_t len);

/* A view of the content; borrowed until the next change. */
struct tr_bytes tr_buf_bytes(const struct tr_buf *buf);

/* TR_ENOMEM if an append failed, else TR_OK. */
enum tr_status tr_buf_status(const struct tr_buf *buf) TR_MUST_CHECK;

/* Hand the content over as a NUL-terminated run; the buffer is empty afterwards.
 * Owns:    returned (free with tr_free); NULL if an append had failed. */
char *tr_buf_take(struct tr_buf *buf, size_t *len);

#endif
