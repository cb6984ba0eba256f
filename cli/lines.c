/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lines.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define CHUNK 262144u

void tr_lines_init(struct tr_lines *lines, const char *path)
{
    *lines = TR_LINES_NONE;
    lines->path = path;
}

void tr_lines_deinit(struct tr_lines *lines)
{
    if (lines->fd >= 0) {
        (void)close(lines->fd);
    }
    lines->fd = -1;
    tr_buf_deinit(&lines->text);
}

static enum tr_status io_error(const struct tr_lines *lines, struct tr_err *err)
{
    char text[128];
    return tr_fail(err, TR_EIO, "%s: %s", lines->path, tr_errno_text(errno, text, sizeof text));
}

static enum tr_status open_file(struct tr_lines *lines, struct tr_err *err)
{
    if (lines->fd < 0) {
        lines->fd = open(lines->path, O_RDONLY | O_CLOEXEC);
    }
    if (lines->fd >= 0) {
        return TR_OK;
    }
    return errno == ENOENT ? TR_ENOTFOUND : io_error(lines, err);
}

/* Read `want` bytes from the start of the unfinished line. */
static enum tr_status read_again(struct tr_lines *lines, size_t want, struct tr_err *err)
{
    lines->offset += (off_t)lines->at;
    lines->at = 0;
    tr_buf_reset(&lines->text);
    if (!tr_buf_reserve(&lines->text, want)) {
        return TR_ENOMEM;
    }
    while (lines->text.len < want) {
        ssize_t got = pread(lines->fd, lines->text.ptr + lines->text.len, want - lines->text.len,
                            lines->offset + (off_t)lines->text.len);
        if (got < 0 && errno != EINTR) {
            return io_error(lines, err);
        }
        if (got == 0) {
            break;
        }
        lines->text.len += got > 0 ? (size_t)got : 0;
    }
    return TR_OK;
}

static bool cut_line(struct tr_lines *lines, struct tr_bytes *line)
{
    const char *start = lines->text.ptr + lines->at;
    size_t rest = lines->text.len - lines->at;
    const char *end = rest > 0 ? memchr(start, '\n', rest) : NULL;
    if (end == NULL) {
        return false;
    }
    *line = (struct tr_bytes){start, (size_t)(end - start)};
    lines->at += line->len + 1;
    lines->number++;
    return true;
}

enum tr_status tr_lines_next(struct tr_lines *lines, struct tr_bytes *line, struct tr_err *err)
{
    size_t want;
    enum tr_status status = open_file(lines, err);

    if (status != TR_OK || (lines->text.len > 0 && cut_line(lines, line))) {
        return status;
    }
    for (want = CHUNK; want <= TR_LINE_BYTES_MAX; want *= 2) {
        status = read_again(lines, want, err);
        if (status != TR_OK || cut_line(lines, line)) {
            return status;
        }
        if (lines->text.len < want) {
            return TR_ENOTFOUND;
        }
    }
    return tr_fail(err, TR_ELIMIT, "%s: line %llu is longer than %u bytes", lines->path,
                   (unsigned long long)lines->number + 1, TR_LINE_BYTES_MAX);
}
