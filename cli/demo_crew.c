/* SPDX-License-Identifier: Apache-2.0
 *
 * The demo's children: the service model, a feed, workers. Each has an environment without the
 * user's credentials, and a log in the demo's folder; all end with the demo. */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "cli/demo_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MAX_MS 20000u /* of a child, until it does something */
#define PAUSE_TRIES_MAX 40u
#define LOCK_TRIES_MAX 100u /* a millisecond each */
#define END_MAX_MS 12000u   /* of a child that was asked to end */

/* Instead of all AWS_ variables of the user's. */
static const char *const variables[] = {
    "AWS_ACCESS_KEY_ID=local",
    "AWS_SECRET_ACCESS_KEY=local",
    "AWS_CONFIG_FILE=/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
};
#define VARIABLES (sizeof variables / sizeof *variables)

/* The same for the demo's own calls. */
const char *demo_variable(const char *name)
{
    size_t len = strlen(name), i;
    for (i = 0; i < VARIABLES; i++) {
        if (strncmp(variables[i], name, len) == 0 && variables[i][len] == '=') {
            return variables[i] + len + 1;
        }
    }
    return NULL;
}

/* Children inherit neither credentials nor endpoints nor proxies: all is on this host. */
static bool is_inherited(const char *variable)
{
    struct tr_bytes rest = tr_bytes_of(variable);
    struct tr_bytes name = tr_bytes_cut(&rest, '=');
    return !tr_bytes_starts(name, "AWS_") && !tr_bytes_is_nocase(name, "http_proxy") &&
           !tr_bytes_is_nocase(name, "https_proxy") && !tr_bytes_is_nocase(name, "all_proxy");
}

enum tr_status demo_make_environment(struct demo *demo)
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

enum tr_status demo_check_crew(struct demo *demo)
{
    size_t i;
    if (!tr_process_running(&demo->local)) {
        return died(demo, "service model", &demo->local, demo->local_err);
    }
    if (demo->feed_wanted && !tr_process_running(&demo->feed)) {
        return died(demo, "feed", &demo->feed, demo->feed_err);
    }
    for (i = 0; i < demo->worker_count; i++) {
        struct demo_worker *worker = &demo->workers[i];
        if (worker->state <= DEMO_PAUSED && !tr_process_running(&worker->process)) {
            char name[24];
            (void)snprintf(name, sizeof name, "worker %zu", i + 1);
            return died(demo, name, &worker->process, worker->err_path);
        }
    }
    return TR_OK;
}

enum tr_status demo_start_local(struct demo *demo)
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
        if (demo_interrupted(demo)) {
            return tr_fail(&demo->err, TR_ECANCELED, "interrupted");
        }
        (void)poll(waiting, 2, (int)DEMO_TICK_MS);
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

enum tr_status demo_write_config(struct demo *demo)
{
    struct tr_buf text = {0};
    enum tr_status status;
    char why[128];
    int fd;

    tr_buf_printf(&text,
                  "aws: {region: us-east-1, endpoint: \"%s\"}\n"
                  "consumers:\n"
                  "  " DEMO_CONSUMER ":\n"
                  "    stream: {table: " DEMO_TABLE "}\n"
                  "    lease: {failover: " DEMO_FAILOVER "}\n"
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

enum tr_status demo_start_feed(struct demo *demo)
{
    const char *argv[] = {"tailrace",     "feed",         DEMO_TABLE, "--create", "--endpoint",
                          demo->endpoint, "--keys",       "300",      "--rate",   "400",
                          "--log",        demo->log_path, NULL};
    enum tr_status status = start(demo, &demo->feed, argv, demo->feed_err, false);
    demo->feed_wanted = status == TR_OK;
    return status;
}

enum tr_status demo_start_worker(struct demo *demo)
{
    const char *argv[] = {"tailrace", "run", demo->config_path, NULL};
    struct demo_worker *worker = &demo->workers[demo->worker_count];
    enum tr_status status;

    if (demo->worker_count == DEMO_WORKERS_MAX) {
        return tr_fail(&demo->err, TR_ELIMIT, "more than %u workers", DEMO_WORKERS_MAX);
    }
    *worker = (struct demo_worker){.process = TR_PROCESS_NONE};
    (void)snprintf(worker->err_path, sizeof worker->err_path, "%s/worker-%zu.log", demo->dir,
                   demo->worker_count + 1);
    status = start(demo, &worker->process, argv, worker->err_path, false);
    if (status == TR_OK) {
        worker->pid = worker->process.pid;
        demo->worker_count++;
    }
    return status;
}

enum tr_status demo_end_feed(struct demo *demo)
{
    struct tr_mono until = tr_mono_add_ms(tr_clock_mono(), END_MAX_MS);
    enum tr_status status = TR_OK;

    demo->feed_wanted = false;
    tr_process_signal(&demo->feed, SIGTERM);
    while (status == TR_OK && tr_process_running(&demo->feed)) {
        status = demo_tick(demo);
        if (status == TR_OK && tr_mono_reached(tr_clock_mono(), until)) {
            status = tr_fail(&demo->err, TR_ETIMEOUT, "the feed did not end in %u s after SIGTERM",
                             END_MAX_MS / 1000);
        }
    }
    if (status == TR_OK && (demo->feed.end_signal != 0 || demo->feed.exit_code != 0)) {
        status = died(demo, "feed", &demo->feed, demo->feed_err);
    }
    tr_process_end(&demo->feed);
    return status;
}

/* --- workers --------------------------------------------------------------------------------- */

void demo_ask_worker(struct demo_worker *worker)
{
    worker->state = DEMO_ENDS;
    tr_process_signal(&worker->process, SIGTERM);
}

/* Collect the end of those that were asked to; how many are still to come. */
static enum tr_status collect(struct demo *demo, size_t *left)
{
    size_t i;
    *left = 0;
    for (i = 0; i < demo->worker_count; i++) {
        struct demo_worker *worker = &demo->workers[i];
        if (worker->state != DEMO_ENDS) {
            continue;
        }
        if (tr_process_running(&worker->process)) {
            ++*left;
        } else if (worker->process.end_signal != 0 || worker->process.exit_code != 0) {
            char name[24];
            (void)snprintf(name, sizeof name, "worker %zu", i + 1);
            return died(demo, name, &worker->process, worker->err_path);
        } else {
            worker->state = DEMO_ENDED;
            tr_process_end(&worker->process);
        }
    }
    return TR_OK;
}

enum tr_status demo_await_workers(struct demo *demo)
{
    struct tr_mono until = tr_mono_add_ms(tr_clock_mono(), END_MAX_MS);
    size_t left;
    enum tr_status status = collect(demo, &left);

    while (status == TR_OK && left > 0) {
        status = demo_tick(demo);
        if (status == TR_OK) {
            status = collect(demo, &left);
        }
        if (status == TR_OK && left > 0 && tr_mono_reached(tr_clock_mono(), until)) {
            status = tr_fail(&demo->err, TR_ETIMEOUT, "a worker did not end in %u s after SIGTERM",
                             END_MAX_MS / 1000);
        }
    }
    return status;
}

void demo_kill_worker(struct demo_worker *worker)
{
    worker->state = DEMO_KILLED;
    tr_process_end(&worker->process);
}

/* Whether nobody keeps the output file's lock: those that run hold it for moments only. */
static bool output_is_free(const struct demo *demo)
{
    int fd = open(demo->output_path, O_RDONLY | O_CLOEXEC);
    bool is_free = fd < 0; /* nothing was written yet */
    unsigned i;
    for (i = 0; fd >= 0 && !is_free && i < LOCK_TRIES_MAX; i++) {
        is_free = flock(fd, LOCK_EX | LOCK_NB) == 0;
        if (!is_free) {
            (void)poll(NULL, 0, 1);
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return is_free;
}

enum tr_status demo_pause_worker(struct demo *demo, struct demo_worker *worker)
{
    enum tr_status status = TR_OK;
    unsigned i;
    for (i = 0; i < PAUSE_TRIES_MAX && status == TR_OK; i++) {
        siginfo_t info;
        tr_process_signal(&worker->process, SIGSTOP);
        /* Its end, if it comes instead, is left to be collected where all ends are. */
        (void)waitid(P_PID, (id_t)worker->pid, &info, WSTOPPED | WEXITED | WNOWAIT);
        if (output_is_free(demo)) {
            worker->state = DEMO_PAUSED;
            return TR_OK;
        }
        tr_process_signal(&worker->process, SIGCONT);
        status = demo_tick(demo);
    }
    return status != TR_OK ? status
                           : tr_fail(&demo->err, TR_ETIMEOUT,
                                     "found no moment to pause a worker that is not writing");
}

void demo_wake_worker(struct demo_worker *worker)
{
    worker->state = DEMO_RUNS;
    tr_process_signal(&worker->process, SIGCONT);
}

/* The workers first, so that they have somebody to talk to until then. */
void demo_end_crew(struct demo *demo)
{
    size_t i;
    for (i = 0; i < demo->worker_count; i++) {
        tr_process_end(&demo->workers[i].process);
    }
    tr_process_end(&demo->feed);
    tr_process_end(&demo->local);
}
