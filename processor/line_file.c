/* SPDX-License-Identifier: Apache-2.0
 *
 * Each append to a regular file holds flock, first cuts what a killed writer left behind the last
 * newline, writes the whole batch, and cuts back what it could not finish. flock belongs to an open
 * file, so threads that share one take turns by a mutex besides. A pipe cannot be cut: there an
 * append waits until it is written, or the pipe is closed. */
#include "processor/line_file.h"

#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A longer tail without a newline is no line that a killed worker left: it is not cut. */
#define TAIL_BYTES_MAX ((off_t)64 << 20)
/* How often an append follows a path that is replaced under its hands. */
#define REOPENS_MAX 8

enum kind { KIND_REGULAR, KIND_FIFO, KIND_STREAM };

struct tr_line_file {
    char *path; /* owned */
    bool sync;
    pthread_mutex_t *lock; /* own_lock, or the one of stdout; covers what follows */
    pthread_mutex_t own_lock;
    int fd; /* -1: not open */
    enum kind kind;
    bool half_line; /* a stream got part of a line that was then given up */
};

/* Stdout is one for the whole process: lines of several files on it must not mix. */
static pthread_mutex_t stdout_lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_stdout(const struct tr_line_file *file)
{
    return file->lock == &stdout_lock;
}

/* What errno means for the batch: passing (room may come back), or never without a change. */
static enum tr_status status_of(int number)
{
    switch (number) {
    case EPIPE:
        return TR_ECLOSED;
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case ETXTBSY:
    case EBADF:
    case EOPNOTSUPP:
        return TR_ECONFIG;
    case ENOMEM:
        return TR_ENOMEM;
    default: /* ENOSPC, EDQUOT, EFBIG, EIO, ENXIO (a FIFO without a reader), EMFILE ... */
        return TR_EIO;
    }
}

static enum tr_status fail_errno(struct tr_err *err, const struct tr_line_file *file,
                                 const char *verb, int number)
{
    char text[96];
    return tr_fail(err, status_of(number), "%s '%s': %s", verb, file->path,
                   tr_errno_text(number, text, sizeof text));
}

static void close_file(struct tr_line_file *file)
{
    if (file->fd >= 0 && !is_stdout(file)) {
        close(file->fd);
    }
    file->fd = -1;
}

/* A new name is only durable once its folder is. */
static enum tr_status sync_folder(const struct tr_line_file *file, struct tr_err *err)
{
    const char *slash = strrchr(file->path, '/');
    char *folder = slash == NULL         ? tr_strdup(".")
                   : slash == file->path ? tr_strdup("/")
                                         : tr_memdup(file->path, (size_t)(slash - file->path));
    enum tr_status status = TR_OK;
    int fd;

    if (folder == NULL) {
        return tr_fail(err, TR_ENOMEM, "no memory for the folder of '%s'", file->path);
    }
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Some file systems have no fsync for folders; a folder may be unreadable yet writable. */
    if (fd >= 0 && fsync(fd) != 0 && errno != EINVAL && errno != EROFS) {
        status = fail_errno(err, file, "sync the folder of", errno);
    }
    if (fd >= 0) {
        close(fd);
    }
    tr_free(folder);
    return status;
}

static enum tr_status open_stdout(struct tr_line_file *file, struct tr_err *err)
{
    struct stat info;
    if (fstat(STDOUT_FILENO, &info) != 0) {
        return tr_fail(err, TR_ECONFIG, "stdout is closed");
    }
    /* Never taken for a file of ours: what stands before our lines may be somebody else's. */
    file->kind = KIND_STREAM;
    file->fd = STDOUT_FILENO;
    return TR_OK;
}

/* Open by what the path is now: a regular file for reading too (its last byte matters), anything
 * else only for writing, and without waiting for a FIFO's reader. */
static enum tr_status open_file(struct tr_line_file *file, struct tr_err *err)
{
    struct stat info;
    int flags = O_APPEND | O_CLOEXEC | O_NOCTTY;

    if (is_stdout(file)) {
        return open_stdout(file, err);
    }
    if (stat(file->path, &info) == 0 && !S_ISREG(info.st_mode)) {
        flags |= O_WRONLY | O_NONBLOCK;
    } else {
        flags |= O_RDWR | O_CREAT;
    }
    file->fd = open(file->path, flags, 0644);
    if (file->fd < 0 || fstat(file->fd, &info) != 0) {
        enum tr_status status = fail_errno(err, file, "open", errno);
        close_file(file);
        return status;
    }
    file->kind = S_ISREG(info.st_mode)    ? KIND_REGULAR
                 : S_ISFIFO(info.st_mode) ? KIND_FIFO
                                          : KIND_STREAM;
    if (file->sync && file->kind == KIND_REGULAR) {
        enum tr_status status = sync_folder(file, err);
        if (status != TR_OK) {
            close_file(file); /* to be synced with the next opening */
        }
        return status;
    }
    return TR_OK;
}

static enum tr_status lock_file(const struct tr_line_file *file, struct tr_err *err)
{
    while (flock(file->fd, LOCK_EX) != 0) {
        if (errno != EINTR) {
            return fail_errno(err, file, "lock", errno);
        }
    }
    return TR_OK;
}

/* Whether the path still names the open file. Log rotation renames the file away, and lines belong
 * into the one that came instead. */
static bool is_current(const struct tr_line_file *file, struct stat *info)
{
    struct stat named;
    return fstat(file->fd, info) == 0 && stat(file->path, &named) == 0 &&
           named.st_ino == info->st_ino && named.st_dev == info->st_dev;
}

/* Open, and locked where workers may share it. On success with a regular file *info is its. */
static enum tr_status open_locked(struct tr_line_file *file, struct stat *info, struct tr_err *err)
{
    enum tr_status status = TR_OK;
    int tries;

    for (tries = 0; tries < REOPENS_MAX; tries++) {
        if (file->fd < 0 && (status = open_file(file, err)) != TR_OK) {
            return status;
        }
        if (file->kind == KIND_STREAM) {
            return TR_OK;
        }
        if ((status = lock_file(file, err)) != TR_OK) {
            return status;
        }
        if (file->kind == KIND_FIFO || is_current(file, info)) {
            return TR_OK;
        }
        close_file(file); /* and with it the lock */
    }
    return tr_fail(err, TR_EIO, "open '%s': replaced %d times in a row", file->path, REOPENS_MAX);
}

static void unlock_file(const struct tr_line_file *file)
{
    if (file->fd >= 0 && file->kind != KIND_STREAM) {
        (void)flock(file->fd, LOCK_UN);
    }
}

/* The place behind the last newline at or before `size`. */
static enum tr_status find_line_end(const struct tr_line_file *file, off_t size, off_t *end,
                                    struct tr_err *err)
{
    char block[4096];
    off_t at = size;
    while (at > 0 && size - at < TAIL_BYTES_MAX) {
        size_t want = at < (off_t)sizeof block ? (size_t)at : sizeof block;
        ssize_t got = pread(file->fd, block, want, at - (off_t)want);
        const char *newline;
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got != (ssize_t)want) {
            return fail_errno(err, file, "read", got < 0 ? errno : EIO);
        }
        newline = memrchr(block, '\n', want);
        at -= (off_t)want;
        if (newline != NULL) {
            *end = at + (newline - block) + 1;
            return TR_OK;
        }
    }
    *end = 0;
    return at == 0 ? TR_OK
                   : tr_fail(err, TR_ECONFIG,
                             "'%s' ends in %lld bytes without a newline: not a file of lines, "
                             "nothing was cut",
                             file->path, (long long)(size - at));
}

/* Cut what a killed writer left of its last line. Its records were never counted as done. */
static enum tr_status cut_tail(const struct tr_line_file *file, struct stat *info, uint64_t *cut,
                               struct tr_err *err)
{
    off_t end = info->st_size;
    char last;
    enum tr_status status;

    if (info->st_size == 0 || (pread(file->fd, &last, 1, info->st_size - 1) == 1 && last == '\n')) {
        return TR_OK;
    }
    if ((status = find_line_end(file, info->st_size, &end, err)) != TR_OK) {
        return status;
    }
    if (ftruncate(file->fd, end) != 0) {
        return fail_errno(err, file, "cut the unfinished line of", errno);
    }
    *cut = (uint64_t)(info->st_size - end);
    info->st_size = end;
    return TR_OK;
}

/* Write as much as goes. Returns what was written; less than len: *number says why. */
static size_t write_all(int fd, const char *bytes, size_t len, int *number)
{
    size_t done = 0;
    *number = 0;
    while (done < len) {
        ssize_t wrote = write(fd, bytes + done, len - done);
        if (wrote > 0) {
            done += (size_t)wrote;
        } else if (wrote == 0) {
            *number = EIO;
            break;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd ready = {.fd = fd, .events = POLLOUT};
            (void)poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            *number = errno;
            break;
        }
    }
    return done;
}

/* How many of the bytes make whole lines. */
static size_t whole_lines(struct tr_bytes lines, size_t written)
{
    const char *newline = written > 0 ? memrchr(lines.ptr, '\n', written) : NULL;
    return newline != NULL ? (size_t)(newline - lines.ptr) + 1 : 0;
}

/* Make the appended lines durable. A failed fsync is never tried again: the kernel has by then
 * marked the pages clean and forgotten the error, so that a second one "succeeds" with the bytes
 * still missing on the disk. The file goes back to what it was before the batch, and the batch is
 * written anew, into pages that are dirty again. Where it cannot go back, nobody knows what the
 * disk holds, and the shard must not go on over it. */
static enum tr_status sync_lines(const struct tr_line_file *file, off_t start, struct tr_err *err)
{
    enum tr_status status;
    if (fdatasync(file->fd) == 0) {
        return TR_OK;
    }
    status = fail_errno(err, file, "sync", errno);
    return ftruncate(file->fd, start) == 0 ? status : tr_wrap(err, TR_EREFUSED, "cannot cut back");
}

/* Append behind `start`, the end of the locked file. */
static enum tr_status append_regular(const struct tr_line_file *file, off_t start,
                                     struct tr_bytes lines, struct tr_appended *out,
                                     struct tr_err *err)
{
    int number;
    size_t written = write_all(file->fd, lines.ptr, lines.len, &number);
    size_t kept = whole_lines(lines, written);
    enum tr_status status;

    if (kept < written && ftruncate(file->fd, start + (off_t)kept) != 0) {
        /* The next append, ours or another worker's, finds this tail and tries again. */
    }
    if (file->sync && kept > 0 && (status = sync_lines(file, start, err)) != TR_OK) {
        return status;
    }
    out->kept = kept;
    return number == 0 ? TR_OK : fail_errno(err, file, "write", number);
}

/* Take back the last bytes written to stdout, if it is a file and they are its end. */
static bool take_back(const struct tr_line_file *file, size_t len)
{
    struct stat info;
    off_t end = lseek(file->fd, 0, SEEK_CUR);
    if (end < (off_t)len || fstat(file->fd, &info) != 0 || !S_ISREG(info.st_mode) ||
        info.st_size != end) {
        return false;
    }
    end -= (off_t)len;
    return ftruncate(file->fd, end) == 0 && lseek(file->fd, end, SEEK_SET) == end;
}

static enum tr_status append_stream(struct tr_line_file *file, struct tr_bytes lines,
                                    struct tr_appended *out, struct tr_err *err)
{
    int number = 0;
    size_t written;

    /* End the half line of a write that was given up, so that the next one is whole again. */
    if (file->half_line && write_all(file->fd, "\n", 1, &number) == 1) {
        file->half_line = false;
    }
    if (number == 0) {
        written = write_all(file->fd, lines.ptr, lines.len, &number);
        out->kept = whole_lines(lines, written);
        file->half_line = out->kept < written && !take_back(file, written - out->kept);
    }
    return number == 0 ? TR_OK : fail_errno(err, file, "write", number);
}

static enum tr_status append_locked(struct tr_line_file *file, struct tr_bytes lines,
                                    struct tr_appended *out, struct tr_err *err)
{
    struct stat info;
    enum tr_status status = open_locked(file, &info, err);

    if (status != TR_OK) {
        return status;
    }
    if (file->kind != KIND_REGULAR) {
        status = append_stream(file, lines, out, err);
    } else if ((status = cut_tail(file, &info, &out->cut, err)) == TR_OK && lines.len > 0) {
        status = append_regular(file, info.st_size, lines, out, err);
    }
    unlock_file(file);
    return status;
}

enum tr_status tr_line_file_append(struct tr_line_file *file, struct tr_bytes lines,
                                   struct tr_appended *out, struct tr_err *err)
{
    enum tr_status status;
    *out = (struct tr_appended){0};
    pthread_mutex_lock(file->lock);
    status = append_locked(file, lines, out, err);
    pthread_mutex_unlock(file->lock);
    return status;
}

enum tr_status tr_line_file_new(const char *path, bool sync, struct tr_line_file **out,
                                struct tr_err *err)
{
    struct tr_line_file *file = tr_calloc(1, sizeof *file);
    if (file == NULL || (file->path = tr_strdup(path)) == NULL) {
        tr_free(file);
        return tr_fail(err, TR_ENOMEM, "no memory for the file '%s'", path);
    }
    file->fd = -1;
    file->sync = sync;
    pthread_mutex_init(&file->own_lock, NULL);
    file->lock = strcmp(path, "-") == 0 ? &stdout_lock : &file->own_lock;
    *out = file;
    return TR_OK;
}

void tr_line_file_free(struct tr_line_file *file)
{
    if (file != NULL) {
        close_file(file);
        pthread_mutex_destroy(&file->own_lock);
        tr_free(file->path);
        tr_free(file);
    }
}
