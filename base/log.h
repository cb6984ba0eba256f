/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines on stderr: logfmt on a terminal, JSON otherwise, unless told. One line is one write, so
 * that lines of several threads and processes do not mix. */
#ifndef TR_BASE_LOG_H
#define TR_BASE_LOG_H

#include "base/note.h"
#include "base/time.h"

enum tr_log_format { TR_LOG_AUTO, TR_LOG_LOGFMT, TR_LOG_JSON };

/* Set once at start. Threads: before other threads log. */
void tr_log_init(enum tr_level level, enum tr_log_format format);

/* Write a note's line if its level is on. Keys, in order: ts, level, msg, consumer, shard, the
 * note's own. Threads: any; never called under a lock. */
void tr_log(const struct tr_note *note);

/* The line without writing it, for tests and for the terminal view. */
void tr_log_line(struct tr_buf *out, const struct tr_note *note, struct tr_wall now,
                 enum tr_log_format format);

#endif
