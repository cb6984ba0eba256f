/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole lines out of a file that others append to. A line without its newline is not there yet: it
 * is read again from its start each time, since a writer that died may have left half of it and the
 * next one cuts that off. */
#ifndef TR_CLI_LINES_H
#define TR_CLI_LINES_H

#include "base/buf.h"

#include <sys/types.h>

#define TR_LINE_BYTES_MAX (16u * 1024u * 1024u)

/* Init with TR_LINES_NONE. */
struct tr_lines {
    const char *path; /* borrowed until deinit */
    int fd;           /* -1: the file was not there yet */
    off_t offset;     /* of text in the file */
    struct tr_buf text;
    size_t at;       /* in text: behind the last line that was handed out */
    uint64_t number; /* of that line, from 1 */
};

#define TR_LINES_NONE ((struct tr_lines){.fd = -1})

/* Begin with the first line; the file may appear later. */
void tr_lines_init(struct tr_lines *lines, const char *path);
void tr_lines_deinit(struct tr_lines *lines);

/* The next whole line, without its newline.
 * Errors:  TR_ENOTFOUND: there is none at present; TR_EIO; TR_ELIMIT: a line over
 *          TR_LINE_BYTES_MAX; TR_ENOMEM. The message names the file.
 * Owns:    *line borrowed until the next call. */
enum tr_status tr_lines_next(struct tr_lines *lines, struct tr_bytes *line,
                             struct tr_err *err) TR_MUST_CHECK;

#endif
