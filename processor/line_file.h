/* SPDX-License-Identifier: Apache-2.0
 *
 * One path that lines are appended to, by any number of threads, processors and processes. In a
 * regular file a line is whole or absent, through a kill at any moment and a full disk; a stream
 * (pipe, terminal, device) gets the same bytes, but cannot take any back. */
#ifndef TR_PROCESSOR_LINE_FILE_H
#define TR_PROCESSOR_LINE_FILE_H

#include "base/bytes.h"
#include "tailrace/status.h"

struct tr_line_file;

/* What an append did, also when it failed. */
struct tr_appended {
    size_t kept;  /* bytes of whole lines, from the first on, that are there (synced, if asked) */
    uint64_t cut; /* bytes of an unfinished line that a killed writer had left; they were cut */
};

/* Shape:   path: "-" is stdout. sync: an append ends with fdatasync. Opens nothing yet.
 * Errors:  TR_ENOMEM.
 * Owns:    *out returned (free with tr_line_file_free); path copied.
 * Threads: any. */
enum tr_status tr_line_file_new(const char *path, bool sync, struct tr_line_file **out,
                                struct tr_err *err) TR_MUST_CHECK;
/* Threads: after all other use. */
void tr_line_file_free(struct tr_line_file *file);

/* Append whole lines (each with its newline; none: only open the path and mend its tail). Waits for
 * other writers of the path, and for a stream's reader.
 * Errors:  TR_EIO (full disk, file too large, a FIFO that nobody reads: it may pass); TR_ECONFIG
 *          (a folder, a missing folder, no permission); TR_ECLOSED (nobody reads the pipe any
 *          more); TR_EREFUSED (fsync failed and the file could not be cut back). *out says what is
 *          there all the same.
 * Threads: any that may wait. SIGPIPE and SIGXFSZ must be blocked there or ignored. */
enum tr_status tr_line_file_append(struct tr_line_file *file, struct tr_bytes lines,
                                   struct tr_appended *out, struct tr_err *err) TR_MUST_CHECK;

#endif
