/* SPDX-License-Identifier: Apache-2.0
 *
 * The file processor: records as lines of a file, or of one file a shard. The lines are made
 * outside all locks, in a buffer that is used again, and appended by processor/line_file.h, which
 * keeps the promise that a line is whole or absent. */
#include "processor/processor.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "processor/line_file.h"

#include <pthread.h>
#include <sys/stat.h>

/* Files of a {shard} path that stay open; more only while more threads write at once. */
#define OPEN_FILES_MAX 64
/* Buffers kept for the next batch, and how large one may be to be kept. */
#define SPARE_BUFS_MAX 4
#define SPARE_BYTES_MAX ((size_t)4 << 20)

#define PLACE "{shard}"

/* One path in use. All of it is covered by the processor's lock. */
struct file {
    struct file *next;
    char *path;                 /* owned */
    struct tr_line_file *lines; /* owned; has a lock of its own */
    unsigned users;
    uint64_t last_used;
};

struct file_processor {
    struct tr_processor base;
    char *pattern; /* owned */
    bool per_shard;
    bool sync_batch;
    struct {
        pthread_mutex_t lock;
        struct file *files; /* owned */
        size_t file_count;
        uint64_t uses; /* counts up: what "least recently" is judged by */
        struct tr_buf spares[SPARE_BUFS_MAX];
        size_t spare_count;
    } shared;
};

static void free_file(struct file *file)
{
    tr_line_file_free(file->lines);
    tr_free(file->path);
    tr_free(file);
}

static struct file *new_file(const char *path, bool sync_batch, struct tr_err *err)
{
    struct file *file = tr_calloc(1, sizeof *file);
    if (file == NULL || (file->path = tr_strdup(path)) == NULL) {
        tr_free(file);
        (void)tr_fail(err, TR_ENOMEM, "no memory for the file '%s'", path);
        return NULL;
    }
    if (tr_line_file_new(path, sync_batch, &file->lines, err) != TR_OK) {
        free_file(file);
        return NULL;
    }
    return file;
}

static struct file *find_file_locked(struct file_processor *fp, const char *path)
{
    struct file *file = fp->shared.files;
    while (file != NULL && strcmp(file->path, path) != 0) {
        file = file->next;
    }
    return file;
}

/* The file of a path, for use until release_file; it is opened at its first append.
 * Errors:  NULL without memory. */
static struct file *acquire_file(struct file_processor *fp, const char *path, struct tr_err *err)
{
    struct file *file;
    pthread_mutex_lock(&fp->shared.lock);
    file = find_file_locked(fp, path);
    if (file == NULL && (file = new_file(path, fp->sync_batch, err)) != NULL) {
        file->next = fp->shared.files;
        fp->shared.files = file;
        fp->shared.file_count++;
    }
    if (file != NULL) {
        file->users++;
        file->last_used = ++fp->shared.uses;
    }
    pthread_mutex_unlock(&fp->shared.lock);
    return file;
}

/* Unlink and return the file that nobody has used for longest, if there are too many. */
static struct file *evict_locked(struct file_processor *fp)
{
    struct file **at, **oldest = NULL, *file;
    if (fp->shared.file_count <= OPEN_FILES_MAX) {
        return NULL;
    }
    for (at = &fp->shared.files; *at != NULL; at = &(*at)->next) {
        if ((*at)->users == 0 && (oldest == NULL || (*at)->last_used < (*oldest)->last_used)) {
            oldest = at;
        }
    }
    if (oldest == NULL) {
        return NULL;
    }
    file = *oldest;
    *oldest = file->next;
    fp->shared.file_count--;
    return file;
}

static void release_file(struct file_processor *fp, struct file *file)
{
    struct file *evicted;
    pthread_mutex_lock(&fp->shared.lock);
    file->users--;
    evicted = evict_locked(fp);
    pthread_mutex_unlock(&fp->shared.lock);
    if (evicted != NULL) {
        free_file(evicted);
    }
}

static struct tr_buf take_buf(struct file_processor *fp)
{
    struct tr_buf buf = {0};
    pthread_mutex_lock(&fp->shared.lock);
    if (fp->shared.spare_count > 0) {
        buf = fp->shared.spares[--fp->shared.spare_count];
    }
    pthread_mutex_unlock(&fp->shared.lock);
    return buf;
}

static void give_buf(struct file_processor *fp, struct tr_buf buf)
{
    tr_buf_reset(&buf);
    pthread_mutex_lock(&fp->shared.lock);
    if (fp->shared.spare_count < SPARE_BUFS_MAX && buf.cap <= SPARE_BYTES_MAX) {
        fp->shared.spares[fp->shared.spare_count++] = buf;
        buf = (struct tr_buf){0};
    }
    pthread_mutex_unlock(&fp->shared.lock);
    tr_buf_deinit(&buf);
}

/* The path for a shard, its id put in for each {shard}. An id comes from the service: one that
 * would lead into another folder is refused.
 * Owns:    *out returned (free with tr_free). */
static enum tr_status path_for(const struct file_processor *fp, struct tr_bytes shard, char **out,
                               struct tr_err *err)
{
    struct tr_buf path = {0};
    const char *from = fp->pattern, *at;

    if (fp->per_shard && (shard.len == 0 || memchr(shard.ptr, '/', shard.len) != NULL ||
                          memchr(shard.ptr, '\0', shard.len) != NULL)) {
        return tr_fail(err, TR_ECONFIG, "shard id '%.*s' cannot be part of the path '%s'",
                       TR_FMT(shard), fp->pattern);
    }
    while ((at = strstr(from, PLACE)) != NULL) {
        tr_buf_add(&path, (struct tr_bytes){from, (size_t)(at - from)});
        tr_buf_add(&path, shard);
        from = at + strlen(PLACE);
    }
    tr_buf_add_str(&path, from);
    *out = tr_buf_take(&path, NULL);
    return *out != NULL ? TR_OK
                        : tr_fail(err, TR_ENOMEM, "no memory for the path '%s'", fp->pattern);
}

static size_t count_lines(struct tr_bytes bytes)
{
    size_t lines = 0;
    while (bytes.len > 0) {
        const char *newline = memchr(bytes.ptr, '\n', bytes.len);
        if (newline == NULL) {
            break;
        }
        bytes.len -= (size_t)(newline + 1 - bytes.ptr);
        bytes.ptr = newline + 1;
        lines++;
    }
    return lines;
}

/* Append a batch's lines to the file of its shard; *done counts whole ones. */
static enum tr_status append_batch(struct file_processor *fp, const struct tr_batch *batch,
                                   struct tr_bytes lines, size_t *done, struct tr_err *err)
{
    struct tr_appended appended;
    struct file *file;
    char *path;
    enum tr_status status = path_for(fp, batch->shard, &path, err);

    if (status != TR_OK) {
        return status;
    }
    file = acquire_file(fp, path, err);
    tr_free(path);
    if (file == NULL) {
        return TR_ENOMEM;
    }
    status = tr_line_file_append(file->lines, lines, &appended, err);
    if (appended.cut > 0) {
        tr_log(&(struct tr_note){.id = TR_NOTE_TAIL_CUT,
                                 .consumer = batch->consumer,
                                 .shard = batch->shard,
                                 .a = appended.cut,
                                 .text = tr_bytes_of(file->path)});
    }
    release_file(fp, file);
    *done = appended.kept == lines.len ? batch->count
                                       : count_lines((struct tr_bytes){lines.ptr, appended.kept});
    return status;
}

static enum tr_status process(struct tr_processor *processor, const struct tr_batch *batch,
                              size_t *done, struct tr_err *err)
{
    struct file_processor *fp = (struct file_processor *)processor;
    struct tr_buf lines = take_buf(fp);
    enum tr_status status;

    *done = 0;
    tr_page_add_records(batch->page, batch->first, batch->count, batch->stream_arn, '\n', &lines);
    status = tr_buf_status(&lines);
    if (status != TR_OK) {
        (void)tr_fail(err, status, "no memory for the lines of %zu records", batch->count);
    } else {
        status = append_batch(fp, batch, tr_buf_bytes(&lines), done, err);
    }
    give_buf(fp, lines);
    return status;
}

static void free_processor(struct tr_processor *processor)
{
    struct file_processor *fp = (struct file_processor *)processor;
    while (fp->shared.files != NULL) {
        struct file *file = fp->shared.files;
        fp->shared.files = file->next;
        free_file(file);
    }
    while (fp->shared.spare_count > 0) {
        tr_buf_deinit(&fp->shared.spares[--fp->shared.spare_count]);
    }
    pthread_mutex_destroy(&fp->shared.lock);
    tr_free(fp->pattern);
    tr_free(fp);
}

/* What cannot be written is a matter of configuration, said before anything is read: a fixed path
 * is opened (and its tail mended) now. A FIFO without a reader may get one later. */
static enum tr_status check_fixed(struct file_processor *fp, struct tr_err *err)
{
    const struct tr_batch nobody = {0};
    struct tr_err why = {0};
    struct stat info;
    size_t done;
    enum tr_status status = append_batch(fp, &nobody, TR_LIT(""), &done, &why);

    if (status == TR_EIO && stat(fp->pattern, &info) == 0 && S_ISFIFO(info.st_mode)) {
        return TR_OK;
    }
    return status == TR_OK ? TR_OK : tr_fail(err, status, "%s", why.text);
}

/* Of a path with {shard} the folder is looked at, if it is one for all shards. */
static enum tr_status check_folder(const struct file_processor *fp, struct tr_err *err)
{
    const char *slash = strrchr(fp->pattern, '/');
    struct stat info;
    char *folder;
    bool is_folder;

    if (slash == NULL || slash == fp->pattern || slash > strstr(fp->pattern, PLACE)) {
        return TR_OK;
    }
    folder = tr_memdup(fp->pattern, (size_t)(slash - fp->pattern));
    if (folder == NULL) {
        return tr_fail(err, TR_ENOMEM, "no memory for the folder of '%s'", fp->pattern);
    }
    is_folder = stat(folder, &info) == 0 && S_ISDIR(info.st_mode);
    tr_free(folder);
    return is_folder ? TR_OK
                     : tr_fail(err, TR_ECONFIG, "open '%s': '%.*s' is not a folder", fp->pattern,
                               (int)(slash - fp->pattern), fp->pattern);
}

static const struct tr_processor_ops file_ops = {.process = process, .free = free_processor};

enum tr_status tr_file_processor_new(const char *path, bool sync_batch, struct tr_processor **out,
                                     struct tr_err *err)
{
    struct file_processor *fp;
    enum tr_status status;

    if (path[0] == '\0') {
        return tr_fail(err, TR_ECONFIG, "the path of a file is empty");
    }
    fp = tr_calloc(1, sizeof *fp);
    if (fp == NULL || (fp->pattern = tr_strdup(path)) == NULL) {
        tr_free(fp);
        return tr_fail(err, TR_ENOMEM, "no memory for a file processor");
    }
    fp->base.ops = &file_ops;
    fp->per_shard = strstr(path, PLACE) != NULL;
    fp->sync_batch = sync_batch;
    pthread_mutex_init(&fp->shared.lock, NULL);
    status = fp->per_shard ? check_folder(fp, err) : check_fixed(fp, err);
    if (status != TR_OK) {
        free_processor(&fp->base);
        return status;
    }
    *out = &fp->base;
    return TR_OK;
}
