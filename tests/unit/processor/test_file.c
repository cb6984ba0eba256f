/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/random.h"
#include "processor/processor.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEED 20261121u
#define TORN "{\"dynamodb\":{\"Sequ"

/* Faults that no file system gives on demand: our definitions stand before the C library's. */
static int syncs_to_fail;
static bool cuts_fail;

int fdatasync(int fd)
{
    if (syncs_to_fail > 0) {
        syncs_to_fail--;
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t size)
{
    if (cuts_fail) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_ftruncate, fd, size);
}

/* --- a folder for each test ------------------------------------------------------------------ */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/tr_test_file_XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    char *const argv[] = {(char[]){"rm"}, (char[]){"-rf"}, folder, NULL};
    int result;
    pid_t pid = fork();
    (void)state;
    if (pid == 0) {
        (void)execvp("rm", argv);
        _exit(127);
    }
    return waitpid(pid, &result, 0) != pid || result != 0;
}

static const char *in_folder(const char *name)
{
    static _Thread_local char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

/* The whole file; free with tr_buf_deinit. */
static struct tr_buf read_file(const char *path)
{
    struct tr_buf out = {0};
    char block[65536];
    size_t got;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while ((got = fread(block, 1, sizeof block, file)) > 0) {
        tr_buf_add(&out, (struct tr_bytes){block, got});
    }
    (void)fclose(file);
    return out;
}

static void assert_content(const char *path, const char *want)
{
    struct tr_buf content = read_file(path);
    tr_assert_bytes(tr_buf_bytes(&content), want);
    tr_buf_deinit(&content);
}

/* --- batches --------------------------------------------------------------------------------- */

/* A page of `count` records from sequence number `first` on, each with `fill` bytes of ballast. */
static void make_page(struct tr_page *page, unsigned first, unsigned count, size_t fill)
{
    struct tr_err err = {0};
    unsigned i;
    *page = (struct tr_page){0};
    tr_buf_add_str(&page->body, "{\"Records\":[");
    for (i = 0; i < count; i++) {
        tr_buf_printf(&page->body, "%s{\"dynamodb\":{\"SequenceNumber\":\"%u\",\"x\":\"%0*d\"}}",
                      i > 0 ? "," : "", first + i, (int)fill, 0);
    }
    tr_buf_add_str(&page->body, "]}");
    tr_assert_status(tr_page_slice(page, &err), TR_OK, &err);
}

static struct tr_batch batch_of(const struct tr_page *page)
{
    return (struct tr_batch){.page = page,
                             .first = 0,
                             .count = page->count,
                             .consumer = TR_LIT("orders"),
                             .stream_arn = TR_LIT("arn:x"),
                             .shard = TR_LIT("shardId-1")};
}

static struct tr_processor *open_processor(const char *path, bool sync)
{
    struct tr_processor *processor = NULL;
    struct tr_err err = {0};
    tr_assert_status(tr_file_processor_new(path, sync, &processor, &err), TR_OK, &err);
    return processor;
}

static enum tr_status try_process(struct tr_processor *processor, const struct tr_batch *batch,
                                  size_t *done, struct tr_err *err)
{
    return processor->ops->process(processor, batch, done, err);
}

static void process_page(struct tr_processor *processor, unsigned first, unsigned count)
{
    struct tr_page page;
    struct tr_batch batch;
    struct tr_err err = {0};
    size_t done;
    make_page(&page, first, count, 1);
    batch = batch_of(&page);
    tr_assert_status(try_process(processor, &batch, &done, &err), TR_OK, &err);
    assert_int_equal(done, count);
    tr_page_deinit(&page);
}

#define LINE(n)                                                                                    \
    "{\"dynamodb\":{\"SequenceNumber\":\"" #n "\",\"x\":\"0\"},\"eventSourceARN\":\"arn:x\"}\n"

/* The sequence number of a line that is whole, or -1. */
static long sequence_of(struct tr_bytes line)
{
    static const char before[] = "{\"dynamodb\":{\"SequenceNumber\":\"";
    if (!tr_bytes_starts(line, before) || !tr_bytes_ends(line, "\"eventSourceARN\":\"arn:x\"}")) {
        return -1;
    }
    return strtol(line.ptr + strlen(before), NULL, 10);
}

/* Count each number's lines; every line must be whole. */
static void count_sequences(struct tr_bytes content, unsigned *counts, long limit)
{
    while (content.ptr != NULL && content.len > 0) {
        struct tr_bytes line = tr_bytes_cut(&content, '\n');
        long sequence = sequence_of(line);
        if (sequence < 0 || sequence >= limit) {
            fail_msg("not a whole line: '%.*s'", TR_FMT(line));
        }
        counts[sequence]++;
    }
}

/* --- regular files --------------------------------------------------------------------------- */

static void test_file__records_become_lines_in_order(void **state)
{
    struct tr_processor *processor = open_processor(in_folder("out"), false);
    struct tr_page page;
    struct tr_batch batch;
    struct tr_err err = {0};
    size_t done;
    (void)state;
    assert_content(in_folder("out"), "");
    process_page(processor, 1, 2);
    make_page(&page, 10, 4, 1);
    batch = batch_of(&page);
    batch.first = 1;
    batch.count = 2;
    tr_assert_status(try_process(processor, &batch, &done, &err), TR_OK, &err);
    assert_int_equal(done, 2);
    tr_page_deinit(&page);
    processor->ops->free(processor);
    processor = open_processor(in_folder("out"), true);
    process_page(processor, 5, 1);
    processor->ops->free(processor);
    assert_content(in_folder("out"), LINE(1) LINE(2) LINE(11) LINE(12) LINE(5));
}

static void test_file__an_unfinished_last_line_is_cut_at_the_start(void **state)
{
    static const struct {
        const char *before, *after;
    } known[] = {{"a\n" TORN, "a\n"}, {TORN, ""}, {"\n", "\n"}, {"a\n\nb", "a\n\n"}};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct tr_processor *processor;
        (void)unlink(in_folder("out"));
        write_file(in_folder("out"), known[i].before);
        processor = open_processor(in_folder("out"), false);
        assert_content(in_folder("out"), known[i].after);
        processor->ops->free(processor);
    }
}

static void test_file__an_unfinished_line_of_another_worker_is_cut_before_each_append(void **state)
{
    struct tr_processor *processor = open_processor(in_folder("out"), false);
    char tail[10001];
    (void)state;
    memset(tail, 'x', sizeof tail - 1);
    tail[sizeof tail - 1] = '\0';
    process_page(processor, 1, 1);
    write_file(in_folder("out"), tail); /* longer than a block that is searched */
    process_page(processor, 2, 1);
    write_file(in_folder("out"), TORN);
    process_page(processor, 3, 1);
    processor->ops->free(processor);
    assert_content(in_folder("out"), LINE(1) LINE(2) LINE(3));
}

static void test_file__what_is_no_file_of_lines_is_left_as_it_is(void **state)
{
    struct tr_processor *processor;
    struct tr_err err = {0};
    struct stat info;
    (void)state;
    write_file(in_folder("out"), "a\nb");
    assert_int_equal(truncate(in_folder("out"), (off_t)65 << 20), 0);
    tr_assert_status(tr_file_processor_new(in_folder("out"), false, &processor, &err), TR_ECONFIG,
                     &err);
    tr_assert_has(err.text, "without a newline");
    tr_assert_has(err.text, in_folder("out"));
    assert_int_equal(stat(in_folder("out"), &info), 0);
    assert_int_equal(info.st_size, (off_t)65 << 20);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Wherever the room ends, whole lines stay, half ones go, and the rest may be tried again. */
static void check_full_at(size_t room, bool sync)
{
    struct tr_processor *processor = open_processor(in_folder("out"), sync);
    struct tr_page page;
    struct tr_batch batch;
    struct tr_err err = {0};
    size_t done, len = strlen(LINE(1));
    make_page(&page, 1, 3, 1);
    batch = batch_of(&page);
    limit_file_size(room);
    tr_assert_status(try_process(processor, &batch, &done, &err), TR_EIO, &err);
    limit_file_size(RLIM_INFINITY);
    tr_assert_has(err.text, "EFBIG");
    tr_assert_has(err.text, in_folder("out"));
    assert_int_equal(done, room / len);
    assert_content(in_folder("out"), done == 0 ? "" : done == 1 ? LINE(1) : LINE(1) LINE(2));
    batch.first += done;
    batch.count -= done;
    tr_assert_status(try_process(processor, &batch, &done, &err), TR_OK, &err);
    assert_int_equal(done, batch.count);
    assert_content(in_folder("out"), LINE(1) LINE(2) LINE(3));
    processor->ops->free(processor);
    tr_page_deinit(&page);
    assert_int_equal(unlink(in_folder("out")), 0);
}

static void test_file__without_room_no_half_line_stays_and_the_rest_is_tried_again(void **state)
{
    size_t len = strlen(LINE(1));
    size_t rooms[] = {0, 1, len - 1, len, len + 1, 2 * len, 3 * len - 1};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        check_full_at(rooms[i], i % 2 == 0);
    }
}

static void test_file__a_failed_sync_is_no_success_and_leaves_no_lines(void **state)
{
    struct tr_processor *processor = open_processor(in_folder("out"), true);
    struct tr_page page;
    struct tr_batch batch;
    struct tr_err err = {0};
    size_t done;
    (void)state;
    process_page(processor, 1, 1);
    make_page(&page, 2, 1, 1);
    batch = batch_of(&page);
    syncs_to_fail = 1;
    tr_assert_status(try_process(processor, &batch, &done, &err), TR_EIO, &err);
    tr_assert_has(err.text, "sync");
    assert_int_equal(done, 0);
    assert_content(in_folder("out"), LINE(1));
    tr_assert_status(try_process(processor, &batch, &done, &err), TR_OK, &err);
    assert_int_equal(done, 1);
    assert_content(in_folder("out"), LINE(1) LINE(2));

    syncs_to_fail = 1;
    cuts_fail = true;
    assert_int_equal(tr_status_class(try_process(processor, &batch, &done, &err)), TR_CLASS_FATAL);
    cuts_fail = false;
    tr_assert_has(err.text, "cannot cut back: sync");
    assert_int_equal(done, 0);
    tr_page_deinit(&page);
    processor->ops->free(processor);
}

static void test_file__follows_its_path_when_the_file_is_rotated_or_removed(void **state)
{
    struct tr_processor *processor = open_processor(in_folder("out"), false);
    char moved[256];
    (void)state;
    (void)snprintf(moved, sizeof moved, "%s", in_folder("out.1"));
    process_page(processor, 1, 1);
    assert_int_equal(rename(in_folder("out"), moved), 0);
    process_page(processor, 2, 1);
    assert_content(moved, LINE(1));
    assert_content(in_folder("out"), LINE(2));
    assert_int_equal(unlink(in_folder("out")), 0);
    process_page(processor, 3, 1);
    assert_content(in_folder("out"), LINE(3));
    processor->ops->free(processor);
}

static void test_file__a_path_that_cannot_be_written_is_a_configuration_error(void **state)
{
    char file_as_folder[256];
    const char *const paths[] = {folder, "/nonexistent/folder/out", "", file_as_folder,
                                 "/nonexistent/{shard}"};
    size_t i;
    (void)state;
    write_file(in_folder("plain"), "");
    (void)snprintf(file_as_folder, sizeof file_as_folder, "%s", in_folder("plain/out"));
    for (i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct tr_processor *processor = NULL;
        struct tr_err err = {0};
        tr_assert_status(tr_file_processor_new(paths[i], false, &processor, &err), TR_ECONFIG,
                         &err);
        tr_assert_has(err.text, paths[i]);
    }
}

static void test_file__a_file_without_permission_is_a_configuration_error(void **state)
{
    struct tr_processor *processor = NULL;
    struct tr_err err = {0};
    (void)state;
    if (geteuid() == 0) {
        skip(); /* root may write anything */
    }
    write_file(in_folder("out"), "");
    assert_int_equal(chmod(in_folder("out"), 0444), 0);
    tr_assert_status(tr_file_processor_new(in_folder("out"), false, &processor, &err), TR_ECONFIG,
                     &err);
    tr_assert_has(err.text, "EACCES");
}

/* --- a file a shard -------------------------------------------------------------------------- */

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    int fd;
    for (fd = 0; fd < 1024; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static enum tr_status process_shard(struct tr_processor *processor, struct tr_bytes shard,
                                    unsigned sequence, struct tr_err *err)
{
    struct tr_page page;
    struct tr_batch batch;
    enum tr_status status;
    size_t done;
    make_page(&page, sequence, 1, 1);
    batch = batch_of(&page);
    batch.shard = shard;
    status = try_process(processor, &batch, &done, err);
    assert_int_equal(done, status == TR_OK);
    tr_page_deinit(&page);
    return status;
}

static void test_file__each_shard_has_its_file_and_few_stay_open(void **state)
{
    struct tr_processor *processor = open_processor(in_folder("s-{shard}-{shard}.jsonl"), false);
    unsigned before = open_descriptors(), i, round;
    struct tr_err err = {0};
    char shard[16], name[64];
    (void)state;
    for (round = 0; round < 2; round++) {
        for (i = 0; i < 150; i++) {
            (void)snprintf(shard, sizeof shard, "shard%u", i);
            tr_assert_status(process_shard(processor, tr_bytes_of(shard), round + 1, &err), TR_OK,
                             &err);
            assert_true(open_descriptors() <= before + 64);
        }
    }
    for (i = 0; i < 150; i++) {
        (void)snprintf(name, sizeof name, "s-shard%u-shard%u.jsonl", i, i);
        assert_content(in_folder(name), LINE(1) LINE(2));
    }
    processor->ops->free(processor);
    assert_int_equal(open_descriptors(), before);
}

static void test_file__a_shard_id_cannot_lead_out_of_its_folder(void **state)
{
    struct tr_processor *processor = open_processor(in_folder("{shard}"), false);
    const struct tr_bytes bad[] = {TR_LIT("../x"), TR_LIT("/etc/x"), TR_LIT("a\0b"), TR_LIT("")};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tr_err err = {0};
        tr_assert_status(process_shard(processor, bad[i], 1, &err), TR_ECONFIG, &err);
        tr_assert_has(err.text, "shard id");
    }
    processor->ops->free(processor);
}

/* --- streams --------------------------------------------------------------------------------- */

static void test_file__a_full_device_is_tried_again_later(void **state)
{
    struct tr_processor *processor = open_processor("/dev/full", true);
    struct tr_page page;
    struct tr_batch batch;
    struct tr_err err = {0};
    size_t done = 9;
    (void)state;
    make_page(&page, 1, 1, 1);
    batch = batch_of(&page);
    tr_assert_status(try_process(processor, &batch, &done, &err), TR_EIO, &err);
    tr_assert_has(err.text, "'/dev/full'");
    tr_assert_has(err.text, "ENOSPC");
    assert_int_equal(done, 0);
    tr_page_deinit(&page);
    processor->ops->free(processor);
}

static void test_file__the_null_device_takes_everything(void **state)
{
    struct tr_processor *processor = open_processor("/dev/null", true);
    (void)state;
    process_page(processor, 1, 100);
    processor->ops->free(processor);
}

/* A thread that reads a pipe, until its end or up to a number of bytes, then closes it. */
struct reader {
    int fd;
    size_t limit;
    struct tr_buf got;
    pthread_t thread;
};

static void *read_pipe(void *arg)
{
    struct reader *reader = arg;
    char block[1000];
    ssize_t got;
    while (reader->got.len < reader->limit && (got = read(reader->fd, block, sizeof block)) > 0) {
        tr_buf_add(&reader->got, (struct tr_bytes){block, (size_t)got});
    }
    close(reader->fd);
    return NULL;
}

static void start_reader(struct reader *reader, int fd, size_t limit)
{
    *reader = (struct reader){.fd = fd, .limit = limit};
    assert_int_equal(pthread_create(&reader->thread, NULL, read_pipe, reader), 0);
}

static void test_file__a_fifo_gets_all_lines_and_its_closing_is_final(void **state)
{
    struct tr_processor *processor;
    struct reader reader;
    struct tr_page page;
    struct tr_batch batch;
    struct tr_err err = {0};
    unsigned counts[2001] = {0};
    enum tr_status status;
    size_t done;
    int fd;
    (void)state;
    assert_int_equal(mkfifo(in_folder("out"), 0600), 0);
    processor = open_processor(in_folder("out"), true);
    make_page(&page, 1, 2000, 200); /* several times a pipe's room */
    batch = batch_of(&page);
    tr_assert_status(try_process(processor, &batch, &done, &err), TR_EIO, &err); /* no reader */
    tr_assert_has(err.text, "ENXIO");

    /* for writing too, or a reader that comes before the writer sees the end at once */
    fd = open(in_folder("out"), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    start_reader(&reader, fd, page.body.len * 2 / 3);
    status = try_process(processor, &batch, &done, &err);
    pthread_join(reader.thread, NULL);
    tr_assert_status(status, TR_ECLOSED, &err);
    tr_assert_has(err.text, "EPIPE");
    assert_true(done > 0 && done < 2000);
    /* what was read ends in a half line; before it all lines are whole and in order */
    reader.got.len =
        (size_t)((char *)memrchr(reader.got.ptr, '\n', reader.got.len) - reader.got.ptr);
    count_sequences(tr_buf_bytes(&reader.got), counts, 2001);
    assert_int_equal(counts[1], 1);
    tr_buf_deinit(&reader.got);
    tr_page_deinit(&page);
    processor->ops->free(processor);
}

/* Put a descriptor (taken) in stdout's place; returns what stood there. */
static int replace_stdout(int fd)
{
    int old;
    (void)fflush(stdout);
    old = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
    assert_true(old >= 0);
    if (fd < 0) {
        close(STDOUT_FILENO);
    } else {
        assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
        close(fd);
    }
    return old;
}

static void restore_stdout(int old)
{
    (void)dup2(old, STDOUT_FILENO);
    close(old);
}

static void test_file__stdout_may_be_a_pipe_that_does_not_block(void **state)
{
    struct reader reader;
    struct tr_page page;
    struct tr_batch batch;
    struct tr_processor *processor;
    struct tr_err err = {0};
    unsigned counts[2001] = {0};
    enum tr_status status;
    size_t done, i;
    int ends[2], old;
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    make_page(&page, 1, 2000, 200);
    batch = batch_of(&page);
    old = replace_stdout(ends[1]);
    processor = open_processor("-", false);
    start_reader(&reader, ends[0], SIZE_MAX);
    status = try_process(processor, &batch, &done, &err);
    processor->ops->free(processor);
    restore_stdout(old); /* the pipe's only writing end is closed by it */
    pthread_join(reader.thread, NULL);
    tr_assert_status(status, TR_OK, &err);
    assert_int_equal(done, 2000);
    count_sequences(tr_buf_bytes(&reader.got), counts, 2001);
    for (i = 1; i <= 2000; i++) {
        assert_int_equal(counts[i], 1);
    }
    tr_buf_deinit(&reader.got);
    tr_page_deinit(&page);
}

static void test_file__stdout_closed_is_a_configuration_error(void **state)
{
    struct tr_processor *processor = NULL;
    struct tr_err err = {0};
    int old = replace_stdout(-1);
    enum tr_status status = tr_file_processor_new("-", false, &processor, &err);
    (void)state;
    restore_stdout(old);
    tr_assert_status(status, TR_ECONFIG, &err);
    tr_assert_has(err.text, "stdout");
}

static void test_file__stdout_as_a_file_keeps_what_stood_there_and_no_half_line(void **state)
{
    static const int flags[] = {O_WRONLY | O_CREAT, O_WRONLY | O_CREAT | O_APPEND};
    size_t i;
    (void)state;
    for (i = 0; i < 2; i++) {
        struct tr_processor *processor;
        struct tr_page page;
        struct tr_batch batch;
        struct tr_err err = {0};
        enum tr_status first, second;
        size_t done, rest;
        int old, fd = open(in_folder("out"), flags[i], 0600);
        assert_int_equal(write(fd, "head:", 5), 5);
        make_page(&page, 1, 2, 1);
        batch = batch_of(&page);
        old = replace_stdout(fd);
        processor = open_processor("-", false);
        limit_file_size(5 + strlen(LINE(1)) + 7);
        first = try_process(processor, &batch, &done, &err);
        limit_file_size(RLIM_INFINITY);
        batch.first += done;
        batch.count -= done;
        second = try_process(processor, &batch, &rest, &err);
        processor->ops->free(processor);
        restore_stdout(old);
        tr_assert_status(first, TR_EIO, &err);
        tr_assert_status(second, TR_OK, &err);
        assert_content(in_folder("out"), "head:" LINE(1) LINE(2));
        tr_page_deinit(&page);
        assert_int_equal(unlink(in_folder("out")), 0);
    }
}

/* --- several writers ------------------------------------------------------------------------- */

#define THREADS 4
#define BATCHES 40
#define PER_BATCH 5

struct writer {
    struct tr_processor *processor;
    unsigned first;
    unsigned failures;
    pthread_t thread;
};

static void *write_batches(void *arg)
{
    struct writer *writer = arg;
    unsigned i;
    for (i = 0; i < BATCHES; i++) {
        struct tr_page page;
        struct tr_batch batch;
        size_t done;
        make_page(&page, writer->first + i * PER_BATCH, PER_BATCH, 3000);
        batch = batch_of(&page);
        writer->failures += try_process(writer->processor, &batch, &done, NULL) != TR_OK;
        tr_page_deinit(&page);
    }
    return NULL;
}

static void test_file__threads_and_processors_share_a_path_without_mixing_lines(void **state)
{
    static unsigned counts[THREADS * BATCHES * PER_BATCH];
    struct tr_processor *two[2];
    struct writer writers[THREADS];
    struct tr_buf content;
    unsigned i;
    (void)state;
    two[0] = open_processor(in_folder("out"), false);
    two[1] = open_processor(in_folder("out"), false);
    for (i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){.processor = two[i % 2], .first = i * BATCHES * PER_BATCH};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_batches, &writers[i]), 0);
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(writers[i].thread, NULL);
        assert_int_equal(writers[i].failures, 0);
    }
    content = read_file(in_folder("out"));
    count_sequences(tr_buf_bytes(&content), counts, THREADS * BATCHES * PER_BATCH);
    for (i = 0; i < THREADS * BATCHES * PER_BATCH; i++) {
        assert_int_equal(counts[i], 1);
    }
    tr_buf_deinit(&content);
    two[0]->ops->free(two[0]);
    two[1]->ops->free(two[1]);
}

#define KILL_ROUNDS 25
#define KILL_BATCHES 12

/* A worker process: write batches and tell of each one that is done. With `room`, the kernel kills
 * it (SIGXFSZ) when the file has grown by that many bytes: in the middle of a line, mostly. */
static pid_t start_worker(const char *path, unsigned first, off_t room, int report)
{
    pid_t pid = fork();
    struct tr_processor *processor;
    unsigned i;
    if (pid != 0) {
        return pid;
    }
    if (room > 0) {
        (void)signal(SIGXFSZ, SIG_DFL);
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){(rlim_t)room, (rlim_t)room});
    }
    if (tr_file_processor_new(path, false, &processor, NULL) != TR_OK) {
        _exit(3);
    }
    for (i = 0; i < KILL_BATCHES; i++) {
        struct tr_page page;
        struct tr_batch batch;
        size_t done;
        unsigned from = first + i * PER_BATCH;
        make_page(&page, from, PER_BATCH, 2000);
        batch = batch_of(&page);
        if (try_process(processor, &batch, &done, NULL) != TR_OK ||
            write(report, &from, sizeof from) != sizeof from) {
            _exit(4);
        }
        tr_page_deinit(&page);
    }
    _exit(0);
}

/* Kill the worker as it reports its k-th batch: somewhere in a later one. Collects the reports. */
static void collect(pid_t pid, int report, unsigned kill_at, unsigned *acked)
{
    unsigned from, i, reports = 0;
    int result;
    while (read(report, &from, sizeof from) == sizeof from) {
        for (i = 0; i < PER_BATCH; i++) {
            acked[from + i] = 1;
        }
        if (++reports == kill_at) {
            (void)kill(pid, SIGKILL);
        }
    }
    close(report);
    assert_int_equal(waitpid(pid, &result, 0), pid);
    assert_true(WIFSIGNALED(result) || WEXITSTATUS(result) == 0);
}

/* Two workers at once on one path: one that a byte too many kills, one that is killed by us. */
static void kill_round(const char *path, struct tr_random *random, unsigned first, unsigned *acked)
{
    struct stat info;
    pid_t pids[2];
    int reports[2][2];
    off_t room;
    unsigned i;
    assert_int_equal(stat(path, &info), 0);
    room = info.st_size + 1 + (off_t)tr_random_below(random, 200000);
    for (i = 0; i < 2; i++) {
        assert_int_equal(pipe2(reports[i], O_CLOEXEC), 0);
        pids[i] = start_worker(path, first + i * KILL_BATCHES * PER_BATCH, i == 0 ? room : 0,
                               reports[i][1]);
        assert_true(pids[i] > 0);
        close(reports[i][1]);
    }
    collect(pids[0], reports[0][0], 0, acked);
    collect(pids[1], reports[1][0], (unsigned)tr_random_below(random, KILL_BATCHES), acked);
}

static void test_file__killed_workers_leave_whole_lines_and_all_that_was_acknowledged(void **state)
{
    static unsigned acked[KILL_ROUNDS * 2 * KILL_BATCHES * PER_BATCH];
    static unsigned counts[sizeof acked / sizeof acked[0]];
    const unsigned limit = sizeof acked / sizeof acked[0];
    struct tr_processor *processor = open_processor(in_folder("out"), false);
    struct tr_random random;
    struct tr_buf content;
    char path[256];
    unsigned i;
    (void)state;
    (void)snprintf(path, sizeof path, "%s", in_folder("out"));
    tr_random_init(&random, SEED);
    for (i = 0; i < KILL_ROUNDS; i++) {
        kill_round(path, &random, i * 2 * KILL_BATCHES * PER_BATCH, acked);
    }
    processor->ops->free(processor);
    processor = open_processor(path, false); /* cuts the tail that the last one left */
    processor->ops->free(processor);
    content = read_file(path);
    count_sequences(tr_buf_bytes(&content), counts, limit);
    for (i = 0; i < limit; i++) {
        assert_true(counts[i] <= 1 && counts[i] >= acked[i]);
    }
    tr_buf_deinit(&content);
}

static void test_file__without_memory_nothing_is_written_and_it_can_be_tried_again(void **state)
{
    struct tr_page page;
    struct tr_batch batch;
    int64_t n;
    (void)state;
    make_page(&page, 1, 2, 1);
    batch = batch_of(&page);
    for (n = 0;; n++) {
        struct tr_processor *processor = NULL;
        struct tr_err err = {0};
        enum tr_status status;
        size_t done = 0;
        tr_mem_fail_at(n);
        status = tr_file_processor_new(in_folder("{shard}"), true, &processor, &err);
        if (status == TR_OK) {
            status = try_process(processor, &batch, &done, &err);
        }
        tr_mem_fail_at(-1);
        if (status != TR_OK) {
            tr_assert_status(status, TR_ENOMEM, &err);
            assert_true(err.text[0] != '\0');
            assert_int_equal(done, 0);
        }
        if (status != TR_OK && processor != NULL) {
            tr_assert_status(try_process(processor, &batch, &done, &err), TR_OK, &err);
        }
        if (processor != NULL) {
            assert_content(in_folder("shardId-1"), LINE(1) LINE(2));
            assert_int_equal(unlink(in_folder("shardId-1")), 0);
            processor->ops->free(processor);
        }
        if (status == TR_OK) {
            break;
        }
    }
    assert_true(n > 5);
    tr_page_deinit(&page);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(test_file__records_become_lines_in_order),
        FILE_TEST(test_file__an_unfinished_last_line_is_cut_at_the_start),
        FILE_TEST(test_file__an_unfinished_line_of_another_worker_is_cut_before_each_append),
        FILE_TEST(test_file__what_is_no_file_of_lines_is_left_as_it_is),
        FILE_TEST(test_file__without_room_no_half_line_stays_and_the_rest_is_tried_again),
        FILE_TEST(test_file__a_failed_sync_is_no_success_and_leaves_no_lines),
        FILE_TEST(test_file__follows_its_path_when_the_file_is_rotated_or_removed),
        FILE_TEST(test_file__a_path_that_cannot_be_written_is_a_configuration_error),
        FILE_TEST(test_file__a_file_without_permission_is_a_configuration_error),
        FILE_TEST(test_file__each_shard_has_its_file_and_few_stay_open),
        FILE_TEST(test_file__a_shard_id_cannot_lead_out_of_its_folder),
        FILE_TEST(test_file__a_full_device_is_tried_again_later),
        FILE_TEST(test_file__the_null_device_takes_everything),
        FILE_TEST(test_file__a_fifo_gets_all_lines_and_its_closing_is_final),
        FILE_TEST(test_file__stdout_may_be_a_pipe_that_does_not_block),
        FILE_TEST(test_file__stdout_closed_is_a_configuration_error),
        FILE_TEST(test_file__stdout_as_a_file_keeps_what_stood_there_and_no_half_line),
        FILE_TEST(test_file__threads_and_processors_share_a_path_without_mixing_lines),
        FILE_TEST(test_file__killed_workers_leave_whole_lines_and_all_that_was_acknowledged),
        FILE_TEST(test_file__without_memory_nothing_is_written_and_it_can_be_tried_again),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
