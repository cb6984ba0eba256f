/* SPDX-License-Identifier: Apache-2.0
 *
 * demo: a fleet at work on this host, over loopback, with real processes: the service model, a
 * feed, a worker. A shard splits, the stream rolls over, the worker is killed without warning and
 * started again. At the end, what was acknowledged to the feed is held against what the processor's
 * file holds. One thread; children end with it on every way out. */
#include "aws/client.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/demo_view.h"
#include "cli/lines.h"
#include "cli/process.h"
#include "cli/verdict.h"
#include "lease/lease_row.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TABLE "Shop"
#define CONSUMER "demo"
#define TICK_MS 50u
#define SAMPLE_MS 500u
#define FRAME_MS 100u
#define LINE_MS 2000u
#define SCAN_MS 400u
#define START_MAX_MS 20000u /* of a child, until it does something */
#define LATE_MAX_MS 20000u  /* that the steps may take longer */
#define DRAIN_MAX_MS 10000u /* without progress */
#define END_MAX_MS 12000u   /* of a child that was asked to end */
#define CALL_MAX_MS 5000u
#define LIVE_LINES_MAX 2000u /* read in one tick */
#define PATH_SIZE 512u
#define SECONDS_MIN 5u
#define SECONDS_MAX 3600u
#define LOST_SHOWN_MAX 10u
#define OWNERS_MAX 16u

struct demo {
    const struct tr_cli_args *args;
    const char *program;
    const char **environment; /* owned; the strings are the process's */
    char dir[PATH_SIZE];
    char config_path[PATH_SIZE + 32];
    char log_path[PATH_SIZE + 32];    /* of the feed: what was acknowledged */
    char output_path[PATH_SIZE + 32]; /* of the processor */
    char local_err[PATH_SIZE + 32], feed_err[PATH_SIZE + 32], worker_err[PATH_SIZE + 32];
    char endpoint[64];
    uint64_t port, seconds;
    int signal_fd;
    bool interrupted;
    struct tr_process local, feed, worker;
    bool feed_wanted, worker_wanted; /* they have no reason to end */
    struct tr_aws *aws;
    unsigned calls; /* under way */
    bool scanning;
    struct tr_mono scan_at;
    struct tr_verdict *live; /* owned */
    struct tr_lines acknowledged, delivered;
    struct tr_verdict_counts counts;
    struct tr_mono started;
    size_t step;
    char owners[OWNERS_MAX][64]; /* ids in lease rows, by first sight */
    size_t owner_count;
    size_t owners_killed; /* of these, the first ones */
    struct {
        struct tr_demo_view view;
        struct tr_verdict_counts last;
        struct tr_mono sample_at, frame_at;
        size_t lines; /* of the frame on the terminal */
        bool terminal;
        bool gone; /* nobody reads */
    } show;
    struct tr_err err;
};

/* Instead of all AWS_ variables of the user's. */
static const char *const variables[] = {
    "AWS_ACCESS_KEY_ID=local",
    "AWS_SECRET_ACCESS_KEY=local",
    "AWS_CONFIG_FILE=/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
};
#define VARIABLES (sizeof variables / sizeof *variables)

/* The same for the demo's own calls. */
static const char *own_variable(const char *name)
{
    size_t len = strlen(name), i;
    for (i = 0; i < VARIABLES; i++) {
        if (strncmp(variables[i], name, len) == 0 && variables[i][len] == '=') {
            return variables[i] + len + 1;
        }
    }
    return NULL;
}

/* --- what people see ------------------------------------------------------------------------- */

static void put(struct demo *demo, const struct tr_buf *text)
{
    struct tr_err err = {{0}};
    if (!demo->show.gone && tr_cli_write(tr_buf_bytes(text), &err) != TR_OK) {
        demo->show.gone = true; /* the exit code still tells */
    }
}

static void put_line(struct demo *demo, const char *text)
{
    struct tr_buf out = {0};
    tr_buf_printf(&out, "%s\n", text);
    put(demo, &out);
    tr_buf_deinit(&out);
}

static void event(struct demo *demo, const char *fmt, ...) TR_PRINTF(2, 3);

static void event(struct demo *demo, const char *fmt, ...)
{
    uint64_t ms = demo->started.ns > 0 ? tr_mono_ms_between(demo->started, tr_clock_mono()) : 0;
    char text[160], line[200];
    va_list list;
    va_start(list, fmt);
    (void)vsnprintf(text, sizeof text, fmt, list);
    va_end(list);
    (void)snprintf(line, sizeof line, "%02llu.%llu s  %s", (unsigned long long)(ms / 1000),
                   (unsigned long long)(ms / 100 % 10), text);
    tr_demo_view_event(&demo->show.view, line);
    if (!demo->show.terminal) {
        put_line(demo, line);
    }
}

static void draw(struct demo *demo)
{
    struct winsize size = {0};
    struct tr_buf frame = {0}, out = {0};
    struct tr_bytes rest;
    size_t lines, i;

    demo->show.view.columns = 80;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        demo->show.view.columns = size.ws_col;
    }
    lines = tr_demo_view_frame(&demo->show.view, &frame);
    if (size.ws_row > 1 && lines >= size.ws_row) {
        lines = size.ws_row - 1u; /* a frame that scrolls cannot be drawn over */
    }
    if (demo->show.lines > 0) {
        tr_buf_printf(&out, "\033[%zuA", demo->show.lines);
    }
    rest = tr_buf_bytes(&frame);
    for (i = 0; i < lines; i++) {
        tr_buf_add(&out, tr_bytes_cut(&rest, '\n'));
        tr_buf_add_str(&out, "\033[K\n");
    }
    tr_buf_add_str(&out, "\033[J");
    put(demo, &out);
    demo->show.lines = lines;
    tr_buf_deinit(&frame);
    tr_buf_deinit(&out);
}

static void print_progress(struct demo *demo)
{
    struct tr_buf line = {0};
    uint64_t ms = demo->show.view.elapsed_ms;
    tr_buf_printf(&line, "%02llu.%llu s  %llu written, %llu processed, %llu delivered twice",
                  (unsigned long long)(ms / 1000), (unsigned long long)(ms / 100 % 10),
                  (unsigned long long)demo->counts.written,
                  (unsigned long long)demo->counts.processed,
                  (unsigned long long)demo->counts.twice);
    if (!line.failed) {
        put_line(demo, line.ptr);
    }
    tr_buf_deinit(&line);
}

static void show(struct demo *demo, bool now_please)
{
    struct tr_demo_view *view = &demo->show.view;
    struct tr_mono now = tr_clock_mono();

    view->elapsed_ms = demo->started.ns > 0 ? tr_mono_ms_between(demo->started, now) : 0;
    view->written = demo->counts.written;
    view->processed = demo->counts.processed;
    view->twice = demo->counts.twice;
    if (tr_mono_reached(now, demo->show.sample_at)) {
        tr_demo_view_sample(
            view, (demo->counts.written - demo->show.last.written) * 1000 / SAMPLE_MS,
            (demo->counts.processed - demo->show.last.processed) * 1000 / SAMPLE_MS);
        demo->show.last = demo->counts;
        demo->show.sample_at = tr_mono_add_ms(now, SAMPLE_MS);
    }
    if (now_please || tr_mono_reached(now, demo->show.frame_at)) {
        if (demo->show.terminal) {
            draw(demo);
        } else if (demo->started.ns > 0) {
            print_progress(demo);
        }
        demo->show.frame_at = tr_mono_add_ms(now, demo->show.terminal ? FRAME_MS : LINE_MS);
    }
}

/* --- the files ------------------------------------------------------------------------------- */

/* Hand new whole lines of a file to the verdict, at most `max`. */
static enum tr_status read_lines(struct demo *demo, struct tr_lines *lines, size_t max,
                                 enum tr_status (*judge)(struct tr_verdict *, struct tr_bytes,
                                                         struct tr_err *),
                                 struct tr_verdict *verdict)
{
    while (max-- > 0) {
        struct tr_bytes line;
        enum tr_status status = tr_lines_next(lines, &line, &demo->err);
        if (status != TR_OK) {
            return status == TR_ENOTFOUND ? TR_OK : status;
        }
        status = judge(verdict, line, &demo->err);
        if (status != TR_OK) {
            return tr_wrap(&demo->err, status, "%s:%llu", lines->path,
                           (unsigned long long)lines->number);
        }
    }
    return TR_OK;
}

static enum tr_status read_files(struct demo *demo)
{
    enum tr_status status =
        read_lines(demo, &demo->acknowledged, LIVE_LINES_MAX, tr_verdict_acknowledged, demo->live);
    if (status == TR_OK) {
        status =
            read_lines(demo, &demo->delivered, LIVE_LINES_MAX, tr_verdict_delivered, demo->live);
    }
    tr_verdict_count(demo->live, &demo->counts);
    return status;
}

/* --- calls ----------------------------------------------------------------------------------- */

static enum tr_status call(struct demo *demo, const char *operation, struct tr_buf *body,
                           tr_aws_done_fn *done)
{
    struct tr_aws_request request = {.service = TR_AWS_DYNAMODB,
                                     .class = TR_AWS_CONTROL,
                                     .operation = operation,
                                     .body = tr_buf_bytes(body),
                                     .timeout_ms = CALL_MAX_MS};
    enum tr_status status = tr_buf_status(body);
    if (status == TR_OK) {
        status = tr_aws_start(demo->aws, &request, done, demo, NULL);
    }
    demo->calls += status == TR_OK;
    tr_buf_deinit(body);
    return status;
}

/* A worker is called by the order in which its id was first seen. */
static size_t owner_number(struct demo *demo, struct tr_bytes owner)
{
    size_t i;
    for (i = 0; i < demo->owner_count; i++) {
        if (tr_bytes_is(owner, demo->owners[i])) {
            return i + 1;
        }
    }
    if (demo->owner_count < OWNERS_MAX && owner.len < sizeof demo->owners[0]) {
        (void)snprintf(demo->owners[demo->owner_count++], sizeof demo->owners[0], "%.*s",
                       TR_FMT(owner));
        event(demo, "worker %zu holds its first lease", demo->owner_count);
    }
    return demo->owner_count;
}

static void show_row(struct demo *demo, const struct tr_lease_row *row, struct tr_demo_shard *out)
{
    struct tr_buf position = {0};
    size_t tail = row->key.len < 8 ? row->key.len : 8, owner;

    (void)snprintf(out->id, sizeof out->id, "%.*s", (int)tail, row->key.ptr + row->key.len - tail);
    if (row->checkpoint.kind == TR_POSITION_SHARD_END) {
        (void)snprintf(out->state, sizeof out->state, "done");
    } else if (row->owner.ptr == NULL) {
        (void)snprintf(out->state, sizeof out->state, "nobody's");
    } else {
        owner = owner_number(demo, row->owner);
        (void)snprintf(
            out->state, sizeof out->state,
            owner > demo->owners_killed ? "read by worker %zu" : "left by worker %zu, dead", owner);
    }
    tr_position_format(&position, &row->checkpoint);
    tail = position.len < 12 ? position.len : 12;
    (void)snprintf(out->checkpoint, sizeof out->checkpoint, "%s%s",
                   tail < position.len ? "..." : "",
                   position.ptr != NULL ? position.ptr + position.len - tail : "");
    tr_buf_deinit(&position);
}

static void bad_row(void *ctx, struct tr_bytes key, const char *why)
{
    event(ctx, "lease row '%.*s' is not understood: %s", TR_FMT(key), why);
}

/* The youngest rows: shard ids begin with their time. */
static void show_rows(struct demo *demo, const struct tr_lease_rows *rows)
{
    struct tr_demo_view *view = &demo->show.view;
    const struct tr_lease_row *chosen[TR_DEMO_SHARDS_MAX];
    size_t count = 0, i;

    for (i = 0; i < rows->count; i++) {
        size_t at = count < TR_DEMO_SHARDS_MAX ? count++ : TR_DEMO_SHARDS_MAX;
        while (at > 0 && tr_bytes_cmp(chosen[at - 1]->key, rows->rows[i].key) < 0) {
            if (at < TR_DEMO_SHARDS_MAX) {
                chosen[at] = chosen[at - 1];
            }
            at--;
        }
        if (at < TR_DEMO_SHARDS_MAX) {
            chosen[at] = &rows->rows[i];
        }
    }
    view->shard_count = count;
    view->shards_more = rows->count - count;
    for (i = 0; i < count; i++) {
        show_row(demo, chosen[i], &view->shards[i]);
    }
}

static void on_scan(void *ctx, struct tr_aws_answer *answer)
{
    struct demo *demo = ctx;
    struct tr_lease_rows rows = {0};
    struct tr_buf body = {0};

    demo->calls--;
    demo->scanning = false;
    if (answer->status != TR_OK) {
        return; /* the table is not there yet, or the next scan will tell */
    }
    body = answer->body;
    answer->body = (struct tr_buf){0};
    if (tr_lease_decode_scan(&rows, &body, bad_row, demo, NULL) == TR_OK) {
        show_rows(demo, &rows);
    }
    tr_lease_rows_deinit(&rows);
}

static enum tr_status scan(struct demo *demo)
{
    struct tr_mono now = tr_clock_mono();
    struct tr_buf body = {0};

    if (demo->scanning || !tr_mono_reached(now, demo->scan_at)) {
        return TR_OK;
    }
    demo->scanning = true;
    demo->scan_at = tr_mono_add_ms(now, SCAN_MS);
    tr_lease_encode_scan(&body, TR_LIT(CONSUMER), false, (struct tr_bytes){NULL, 0});
    return call(demo, "Scan", &body, on_scan);
}

/* --- children -------------------------------------------------------------------------------- */

static enum tr_status start(struct demo *demo, struct tr_process *process, const char *const *argv,
                            const char *err_path, bool pipe_out)
{
    struct tr_process_options options = {.path = demo->program,
                                         .argv = argv,
                                         .envp = demo->environment,
                                         .err_path = err_path,
                                         .pipe_out = pipe_out};
    return tr_process_start(&options, process, &demo->err);
}

/* A child ended that should not have: say how, and the last line that it left. */
static enum tr_status died(struct demo *demo, const char *name, const struct tr_process *process,
                           const char *err_path)
{
    struct tr_lines lines;
    struct tr_bytes line;
    struct tr_buf last = {0};

    tr_lines_init(&lines, err_path);
    while (tr_lines_next(&lines, &line, NULL) == TR_OK) {
        if (line.len > 0) {
            tr_buf_reset(&last);
            tr_buf_add(&last, line);
        }
    }
    tr_lines_deinit(&lines);
    (void)tr_fail(&demo->err, TR_EPROCESS, "the %s ended with %s %d: %.*s", name,
                  process->end_signal != 0 ? "signal" : "exit code",
                  process->end_signal != 0 ? process->end_signal : process->exit_code,
                  (int)(last.len < 300 ? last.len : 300), last.ptr != NULL ? last.ptr : "");
    tr_buf_deinit(&last);
    return TR_EPROCESS;
}

static enum tr_status check_children(struct demo *demo)
{
    if (!tr_process_running(&demo->local)) {
        return died(demo, "service model", &demo->local, demo->local_err);
    }
    if (demo->feed_wanted && !tr_process_running(&demo->feed)) {
        return died(demo, "feed", &demo->feed, demo->feed_err);
    }
    if (demo->worker_wanted && !tr_process_running(&demo->worker)) {
        return died(demo, "worker", &demo->worker, demo->worker_err);
    }
    return TR_OK;
}

static bool is_interrupted(struct demo *demo)
{
    struct signalfd_siginfo info;
    if (read(demo->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        demo->interrupted = true;
    }
    return demo->interrupted;
}

/* All that goes on meanwhile, for a moment. */
static enum tr_status tick(struct demo *demo)
{
    enum tr_status status = TR_OK;

    if (is_interrupted(demo)) {
        return tr_fail(&demo->err, TR_ECANCELED, "interrupted");
    }
    status = check_children(demo);
    if (status == TR_OK) {
        status = read_files(demo);
    }
    if (status == TR_OK) {
        status = scan(demo);
    }
    if (status == TR_OK) {
        struct tr_mono until = tr_mono_add_ms(tr_clock_mono(), TICK_MS);
        show(demo, false);
        while (!tr_mono_reached(tr_clock_mono(), until)) {
            tr_aws_poll(demo->aws, until);
        }
    }
    return status;
}

static enum tr_status start_local(struct demo *demo)
{
    char port[24];
    const char *argv[] = {"tailrace", "local", "--port", port, NULL};
    struct tr_mono until = tr_mono_add_ms(tr_clock_mono(), START_MAX_MS);
    static const char words[] = "listening on ";
    char line[128] = {0};
    size_t len = 0;
    enum tr_status status;

    (void)snprintf(port, sizeof port, "%llu", (unsigned long long)demo->port);
    status = start(demo, &demo->local, argv, demo->local_err, true);
    if (status != TR_OK) {
        return status;
    }
    while (memchr(line, '\n', len) == NULL) {
        struct pollfd waiting[2] = {{.fd = demo->local.out_fd, .events = POLLIN},
                                    {.fd = demo->signal_fd, .events = POLLIN}};
        ssize_t got;
        if (is_interrupted(demo)) {
            return tr_fail(&demo->err, TR_ECANCELED, "interrupted");
        }
        (void)poll(waiting, 2, (int)TICK_MS);
        got = read(demo->local.out_fd, line + len, sizeof line - 1 - len);
        len += got > 0 ? (size_t)got : 0;
        if ((got == 0 || len == sizeof line - 1) && memchr(line, '\n', len) == NULL) {
            (void)tr_process_wait(&demo->local, until);
            return died(demo, "service model", &demo->local, demo->local_err);
        }
        if (tr_mono_reached(tr_clock_mono(), until)) {
            return tr_fail(&demo->err, TR_ETIMEOUT, "the service model did not start in %u s",
                           START_MAX_MS / 1000);
        }
    }
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, words, sizeof words - 1) != 0 ||
        strlen(line + sizeof words - 1) >= sizeof demo->endpoint) {
        return tr_fail(&demo->err, TR_EPARSE, "the service model says '%s'", line);
    }
    (void)snprintf(demo->endpoint, sizeof demo->endpoint, "%s", line + sizeof words - 1);
    return TR_OK;
}

/* A path as a scalar of YAML: quoted, with '$' as the configuration wants it. */
static void add_path(struct tr_buf *out, const char *path)
{
    struct tr_buf doubled = {0};
    for (; *path != '\0'; path++) {
        tr_buf_add_str(&doubled, *path == '$' ? "$$" : (const char[]){*path, '\0'});
    }
    tr_buf_add_json(out, tr_buf_bytes(&doubled));
    out->failed = out->failed || doubled.failed;
    tr_buf_deinit(&doubled);
}

static enum tr_status write_config(struct demo *demo)
{
    struct tr_buf text = {0};
    enum tr_status status;
    char why[128];
    int fd;

    tr_buf_printf(&text,
                  "aws: {region: us-east-1, endpoint: \"%s\"}\n"
                  "consumers:\n"
                  "  " CONSUMER ":\n"
                  "    stream: {table: " TABLE "}\n"
                  "    lease: {failover: 2s}\n"
                  "    checkpoint: {interval: 500ms}\n"
                  "    processor: {file: {path: ",
                  demo->endpoint);
    add_path(&text, demo->output_path);
    tr_buf_add_str(&text, "}}\n");
    status = tr_buf_status(&text);
    if (status != TR_OK) {
        tr_buf_deinit(&text);
        return status;
    }
    fd = open(demo->config_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text.ptr, text.len) != (ssize_t)text.len) {
        status = tr_fail(&demo->err, TR_EIO, "%s: %s", demo->config_path,
                         tr_errno_text(errno, why, sizeof why));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    tr_buf_deinit(&text);
    return status;
}

static enum tr_status start_feed(struct demo *demo)
{
    const char *argv[] = {"tailrace",     "feed",         TABLE, "--create", "--endpoint",
                          demo->endpoint, "--keys",       "300", "--rate",   "400",
                          "--log",        demo->log_path, NULL};
    enum tr_status status = start(demo, &demo->feed, argv, demo->feed_err, false);
    demo->feed_wanted = status == TR_OK;
    return status;
}

static enum tr_status start_worker(struct demo *demo)
{
    const char *argv[] = {"tailrace", "run", demo->config_path, NULL};
    enum tr_status status = start(demo, &demo->worker, argv, demo->worker_err, false);
    demo->worker_wanted = status == TR_OK;
    return status;
}

/* Ask a child to end and go on with everything until it did. */
static enum tr_status end_child(struct demo *demo, struct tr_process *process, bool *wanted,
                                const char *name, const char *err_path)
{
    struct tr_mono until = tr_mono_add_ms(tr_clock_mono(), END_MAX_MS);
    enum tr_status status = TR_OK;

    *wanted = false;
    tr_process_signal(process, SIGTERM);
    while (status == TR_OK && tr_process_running(process)) {
        status = tick(demo);
        if (status == TR_OK && tr_mono_reached(tr_clock_mono(), until)) {
            status = tr_fail(&demo->err, TR_ETIMEOUT, "the %s did not end in %u s after SIGTERM",
                             name, END_MAX_MS / 1000);
        }
    }
    if (status == TR_OK && (process->end_signal != 0 || process->exit_code != 0)) {
        status = died(demo, name, process, err_path);
    }
    tr_process_end(process);
    return status;
}

/* --- what happens ---------------------------------------------------------------------------- */

static void on_control(void *ctx, struct tr_aws_answer *answer)
{
    struct demo *demo = ctx;
    demo->calls--;
    if (answer->status != TR_OK) {
        event(demo, "%s", answer->err.text);
    }
}

static enum tr_status control(struct demo *demo, const char *target)
{
    struct tr_buf body = {0};
    tr_buf_add_str(&body, "{\"TableName\":\"" TABLE "\"}");
    return call(demo, target, &body, on_control);
}

static enum tr_status split(struct demo *demo)
{
    event(demo, "a shard splits in two");
    return control(demo, "TailraceLocal_1.SplitShard");
}

static enum tr_status roll_over(struct demo *demo)
{
    event(demo, "the stream rolls over: all shards end, new ones begin");
    return control(demo, "TailraceLocal_1.Rollover");
}

static enum tr_status kill_worker(struct demo *demo)
{
    event(demo, "SIGKILL to the worker");
    demo->owners_killed = demo->owner_count;
    demo->worker_wanted = false;
    tr_process_end(&demo->worker);
    return TR_OK;
}

static enum tr_status restart_worker(struct demo *demo)
{
    event(demo, "the worker is started again");
    return start_worker(demo);
}

/* When, in hundredths of the time that the feed writes, and how many workers must have held a lease
 * by then: on a slow machine a step waits for that. */
static const struct {
    unsigned at;
    size_t owners;
    enum tr_status (*act)(struct demo *demo);
} steps[] = {
    {20, 0, split},          {45, 1, kill_worker}, {50, 1, roll_over},
    {54, 1, restart_worker}, {78, 1, split},
};
#define STEPS (sizeof steps / sizeof *steps)

static enum tr_status act(struct demo *demo)
{
    uint64_t ms = tr_mono_ms_between(demo->started, tr_clock_mono());
    enum tr_status status = TR_OK;
    while (status == TR_OK && demo->step < STEPS && demo->owner_count >= steps[demo->step].owners &&
           ms >= steps[demo->step].at * demo->seconds * 10) {
        status = steps[demo->step++].act(demo);
    }
    return status;
}

/* The worker can follow the stream once the feed has made it. */
static enum tr_status await_first_write(struct demo *demo)
{
    struct tr_mono until = tr_mono_add_ms(tr_clock_mono(), START_MAX_MS);
    enum tr_status status = TR_OK;
    while (status == TR_OK && demo->counts.written == 0) {
        status = tick(demo);
        if (status == TR_OK && tr_mono_reached(tr_clock_mono(), until)) {
            status = tr_fail(&demo->err, TR_ETIMEOUT, "the feed wrote nothing in %u s",
                             START_MAX_MS / 1000);
        }
    }
    return status;
}

static enum tr_status write_phase(struct demo *demo)
{
    uint64_t ms = 0;
    enum tr_status status = TR_OK;

    demo->show.view.phase = "the feed writes";
    demo->started = tr_clock_mono();
    demo->show.frame_at = tr_mono_add_ms(demo->started, LINE_MS);
    while (status == TR_OK && ms < demo->seconds * 1000 + (demo->step < STEPS ? LATE_MAX_MS : 0)) {
        status = act(demo);
        if (status == TR_OK) {
            status = tick(demo);
        }
        ms = tr_mono_ms_between(demo->started, tr_clock_mono());
    }
    if (status == TR_OK && demo->step < STEPS) {
        status = tr_fail(&demo->err, TR_ETIMEOUT, "the worker held no lease in %llu s",
                         (unsigned long long)(ms / 1000));
    }
    return status;
}

/* Until all is delivered, or nothing more comes; the verdict will tell which. */
static enum tr_status drain_phase(struct demo *demo)
{
    struct tr_mono until = tr_mono_add_ms(tr_clock_mono(), DRAIN_MAX_MS);
    uint64_t before = demo->counts.processed;
    /* All of the log first: only then is it known how much there is to come. */
    enum tr_status status =
        read_lines(demo, &demo->acknowledged, SIZE_MAX, tr_verdict_acknowledged, demo->live);

    tr_verdict_count(demo->live, &demo->counts);
    demo->show.view.phase = "the worker drains";
    while (status == TR_OK && demo->counts.processed < demo->counts.written &&
           !tr_mono_reached(tr_clock_mono(), until)) {
        status = tick(demo);
        if (demo->counts.processed > before) {
            before = demo->counts.processed;
            until = tr_mono_add_ms(tr_clock_mono(), DRAIN_MAX_MS);
        }
    }
    return status;
}

static enum tr_status play(struct demo *demo)
{
    struct tr_aws_options options = {
        .region = "us-east-1", .endpoint = demo->endpoint, .getenv = own_variable};
    enum tr_status status = start_local(demo);

    if (status == TR_OK) {
        event(demo, "the service model is at %s", demo->endpoint);
        status = write_config(demo);
    }
    if (status == TR_OK) {
        status = tr_aws_new(&options, &demo->aws, &demo->err);
    }
    if (status == TR_OK) {
        status = start_feed(demo);
    }
    if (status == TR_OK) {
        status = await_first_write(demo);
    }
    if (status == TR_OK) {
        event(demo, "a feed writes to a table, a worker reads its stream");
        status = start_worker(demo);
    }
    if (status == TR_OK) {
        status = write_phase(demo);
    }
    if (status == TR_OK) {
        event(demo, "the feed stops");
        status = end_child(demo, &demo->feed, &demo->feed_wanted, "feed", demo->feed_err);
    }
    if (status == TR_OK) {
        status = drain_phase(demo);
    }
    if (status == TR_OK) {
        event(demo, "the worker is asked to stop");
        status = end_child(demo, &demo->worker, &demo->worker_wanted, "worker", demo->worker_err);
    }
    return status;
}

/* From the files as they are now, read once more from their beginning. */
static enum tr_status judge(struct demo *demo, bool *good)
{
    struct tr_verdict *verdict = tr_verdict_new();
    struct tr_lines lines;
    struct tr_buf out = {0};
    enum tr_status status = verdict != NULL ? TR_OK : TR_ENOMEM;

    if (status == TR_OK) {
        tr_lines_init(&lines, demo->log_path);
        status = read_lines(demo, &lines, SIZE_MAX, tr_verdict_acknowledged, verdict);
        tr_lines_deinit(&lines);
    }
    if (status == TR_OK) {
        tr_lines_init(&lines, demo->output_path);
        status = read_lines(demo, &lines, SIZE_MAX, tr_verdict_delivered, verdict);
        tr_lines_deinit(&lines);
    }
    if (status == TR_OK) {
        *good = tr_verdict_good(verdict);
        tr_verdict_count(verdict, &demo->counts);
        demo->show.view.phase = "done";
        show(demo, demo->show.terminal);
        if (demo->counts.lost > 0) {
            tr_buf_add_str(&out, "lost: ");
            tr_verdict_print_lost(verdict, LOST_SHOWN_MAX, &out);
            tr_buf_add_char(&out, '\n');
        }
        tr_buf_add_str(&out, "demo: ");
        tr_verdict_print(verdict, &out);
        tr_buf_add_char(&out, '\n');
        status = tr_buf_status(&out);
    }
    if (status == TR_OK) {
        put(demo, &out);
    }
    tr_buf_deinit(&out);
    tr_verdict_free(verdict);
    return status;
}

/* --- before and after ------------------------------------------------------------------------ */

static bool is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    size_t i;
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0') {
            return strstr(value, "UTF-8") != NULL || strstr(value, "utf8") != NULL;
        }
    }
    return false;
}

/* Whether stdout is a terminal that understands a few escapes. */
static bool can_redraw(void)
{
    const char *name = getenv("TERM");
    return isatty(STDOUT_FILENO) == 1 && name != NULL && strcmp(name, "dumb") != 0;
}

/* Children inherit neither credentials nor endpoints nor proxies: all is on this host. */
static bool is_inherited(const char *variable)
{
    struct tr_bytes rest = tr_bytes_of(variable);
    struct tr_bytes name = tr_bytes_cut(&rest, '=');
    return !tr_bytes_starts(name, "AWS_") && !tr_bytes_is_nocase(name, "http_proxy") &&
           !tr_bytes_is_nocase(name, "https_proxy") && !tr_bytes_is_nocase(name, "all_proxy");
}

static enum tr_status make_environment(struct demo *demo)
{
    size_t cap = 0, count = 0, i;
    for (i = 0; environ[i] != NULL; i++) {
        if (is_inherited(environ[i])) {
            if (!tr_grow(&demo->environment, &cap, count + 1, sizeof *demo->environment)) {
                return TR_ENOMEM;
            }
            demo->environment[count++] = environ[i];
        }
    }
    if (!tr_grow(&demo->environment, &cap, count + VARIABLES + 1, sizeof *demo->environment)) {
        return TR_ENOMEM;
    }
    for (i = 0; i < VARIABLES; i++) {
        demo->environment[count++] = variables[i];
    }
    demo->environment[count] = NULL;
    return TR_OK;
}

/* Our own program: by /proc, or, where that is not mounted, by the name that started us. */
static const char *find_program(void)
{
    static const char self[] = "/proc/self/exe";
    if (access(self, X_OK) != 0) {
        /* The kernel leaves the name in the auxiliary vector, as a number that is a pointer. */
        union {
            unsigned long number;
            const char *name;
        } started = {getauxval(AT_EXECFN)};
        return started.number != 0 ? started.name : self;
    }
    return self;
}

static enum tr_status make_dir(struct demo *demo)
{
    const char *parent = getenv("TMPDIR");
    char text[128];
    int len = snprintf(demo->dir, sizeof demo->dir, "%s/tailrace-demo-XXXXXX",
                       parent != NULL && parent[0] != '\0' ? parent : "/tmp");

    if (len < 0 || (size_t)len >= sizeof demo->dir) {
        demo->dir[0] = '\0';
        return tr_fail(&demo->err, TR_EUSAGE, "TMPDIR: longer than %u bytes", PATH_SIZE - 32);
    }
    if (mkdtemp(demo->dir) == NULL) {
        (void)tr_fail(&demo->err, TR_EIO, "make a folder in '%s': %s",
                      parent != NULL && parent[0] != '\0' ? parent : "/tmp",
                      tr_errno_text(errno, text, sizeof text));
        demo->dir[0] = '\0';
        return TR_EIO;
    }
#define IN_DIR(member, name)                                                                       \
    (void)snprintf(demo->member, sizeof demo->member, "%s/" name, demo->dir)
    IN_DIR(config_path, "tailrace.yaml");
    IN_DIR(log_path, "acknowledged.txt");
    IN_DIR(output_path, "processed.jsonl");
    IN_DIR(local_err, "local.log");
    IN_DIR(feed_err, "feed.log");
    IN_DIR(worker_err, "worker.log");
#undef IN_DIR
    return TR_OK;
}

static void remove_dir(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    if (dir == NULL) {
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    (void)closedir(dir);
    (void)rmdir(path);
}

static enum tr_status take_signals(struct demo *demo)
{
    char text[128];
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    demo->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return demo->signal_fd >= 0 ? TR_OK
                                : tr_fail(&demo->err, TR_EIO, "signalfd: %s",
                                          tr_errno_text(errno, text, sizeof text));
}

static enum tr_status prepare(struct demo *demo)
{
    enum tr_status status = take_signals(demo);
    demo->program = find_program();
    demo->live = tr_verdict_new();
    if (status == TR_OK && demo->live == NULL) {
        status = TR_ENOMEM;
    }
    if (status == TR_OK) {
        status = make_environment(demo);
    }
    if (status == TR_OK) {
        status = make_dir(demo);
    }
    if (status == TR_OK) {
        tr_lines_init(&demo->acknowledged, demo->log_path);
        tr_lines_init(&demo->delivered, demo->output_path);
    }
    return status;
}

/* Nobody outlives the demo: the worker first, so that it has somebody to talk to until then. */
static void deinit(struct demo *demo, bool keep)
{
    tr_process_end(&demo->worker);
    tr_process_end(&demo->feed);
    tr_process_end(&demo->local);
    tr_aws_free(demo->aws);
    tr_lines_deinit(&demo->acknowledged);
    tr_lines_deinit(&demo->delivered);
    tr_verdict_free(demo->live);
    tr_free(demo->environment);
    if (demo->signal_fd >= 0) {
        (void)close(demo->signal_fd);
    }
    if (demo->dir[0] != '\0' && !keep) {
        remove_dir(demo->dir);
    }
}

static enum tr_cli_exit finish(struct demo *demo, enum tr_status status, bool good)
{
    bool keep = tr_cli_switch(demo->args, "keep");
    enum tr_cli_exit code = TR_CLI_DONE;

    if (status != TR_OK) {
        code = tr_cli_say(demo->args, TR_CLI_FAILED, "%s",
                          demo->err.text[0] != '\0' ? demo->err.text : tr_status_text(status));
    } else if (!good) {
        code = TR_CLI_FAILED;
    }
    keep = keep || (code != TR_CLI_DONE && status != TR_ECANCELED);
    if (keep && demo->dir[0] != '\0') {
        (void)tr_cli_say(demo->args, code, "logs and files are in %s", demo->dir);
    }
    deinit(demo, keep);
    return code;
}

static enum tr_cli_exit run(const struct tr_cli_args *args)
{
    struct demo demo = {.args = args,
                        .signal_fd = -1,
                        .local = TR_PROCESS_NONE,
                        .feed = TR_PROCESS_NONE,
                        .worker = TR_PROCESS_NONE,
                        .acknowledged = TR_LINES_NONE,
                        .delivered = TR_LINES_NONE,
                        .show = {.view = {.title = "tailrace demo", .phase = "starting"}}};
    enum tr_status status;
    bool good = false;

    if (!tr_cli_u64(args, "seconds", SECONDS_MIN, SECONDS_MAX, &demo.seconds) ||
        !tr_cli_u64(args, "port", 0, UINT16_MAX, &demo.port)) {
        return TR_CLI_USAGE;
    }
    demo.show.terminal = can_redraw();
    demo.show.view.utf8 = is_utf8();
    tr_log_init(TR_LEVEL_ERROR, TR_LOG_AUTO);
    status = prepare(&demo);
    if (status == TR_OK) {
        status = play(&demo);
    }
    if (status == TR_OK) {
        status = judge(&demo, &good);
    }
    return finish(&demo, status, good);
}

static const struct tr_cli_flag flags[] = {
    {"seconds", "N", "12", "how long the feed writes"},
    {"port", "N", "0", "the service model's port on 127.0.0.1; 0 lets the system choose"},
    {"keep", NULL, NULL, "leave the files in their folder, and say where it is"},
    {NULL, NULL, NULL, NULL},
};

const struct tr_cli_command tr_cli_demo_command = {
    .name = "demo",
    .summary = "watch a worker lose nothing, on a model of the services",
    .operands = "",
    .flags = flags,
    .details =
        "Starts real processes that talk over loopback: the service model, a feed, a worker. A\n"
        "shard splits, the stream rolls over, the worker is killed with SIGKILL and started "
        "again.\n"
        "Then the feed stops, the worker drains and is stopped, and the last line says what "
        "became\n"
        "of every write that was acknowledged to the feed:\n"
        "  demo: W written, P processed, L lost, D delivered twice, order kept\n"
        "Ends with 1 if a write is lost or the order of an item's first deliveries is broken.\n"
        "Nothing of the environment's credentials, endpoints and proxies is used.\n",
    .run = run,
};
