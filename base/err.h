/* SPDX-License-Identifier: Apache-2.0
 *
 * Filling and wrapping struct tr_err. Every function takes NULL for "nobody wants to know". */
#ifndef TR_BASE_ERR_H
#define TR_BASE_ERR_H

#include "base/bytes.h"
#include "tailrace/status.h"

/* Set the message and hand the status through, so that one line sets and returns.
 * Threads: any; err is the caller's. */
enum tr_status tr_fail(struct tr_err *err, enum tr_status status, const char *fmt, ...)
    TR_PRINTF(3, 4);

/* Put "<what>: " before the present message (or the status's text, if there is none). */
enum tr_status tr_wrap(struct tr_err *err, enum tr_status status, const char *fmt, ...)
    TR_PRINTF(3, 4);

/* strerror without its static buffer: "no space left on device (ENOSPC)" style text of errno.
 * Owns:    written to the caller's buffer, always NUL-terminated; returned for printf. */
const char *tr_errno_text(int number, char *out, size_t size);

#endif
