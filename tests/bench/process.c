/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/process.h"

#include "base/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNNING_MAX 64u

extern char **environ;

static const char *bench_name = "bench";
static pid_t running[RUNNING_MAX];

static void remember(pid_t pid)
{
    size_t i;
    for (i = 0; i < RUNNING_MAX; i++) {
        if (running[i] == 0) {
            running[i] = pid;
            return;
        }
    }
    kill(pid, SIGKILL);
    tr_bench_die("too many processes");
}

static void forget(pid_t pid)
{
    size_t i;
    for (i = 0; i < RUNNING_MAX; i++) {
        if (running[i] == pid) {
            running[i] = 0;
        }
    }
}

void tr_bench_die(const char *what)
{
    size_t i;
    fprintf(stderr, "%s: %s\n", bench_name, what);
    for (i = 0; i < RUNNING_MAX; i++) {
        if (running[i] > 0) {
            kill(running[i], SIGKILL);
        }
    }
    exit(1);
}

const char *tr_bench_begin(const char *name)
{
    const char *program = getenv("TAILRACE");
    bench_name = name;
    if (program == NULL) {
        tr_bench_die("TAILRACE is not set: run scripts/bench");
    }
    return program;
}

void tr_bench_row(const char *what, double number, const char *unit, const char *limit)
{
    printf("%s\t%.4g\t%s\t%s\n", what, number, unit, limit);
    fflush(stdout);
}

double tr_bench_now_s(void)
{
    return (double)tr_clock_mono().ns / 1e9;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double tr_bench_median(double *numbers, size_t count)
{
    qsort(numbers, count, sizeof *numbers, by_size);
    return numbers[count / 2];
}

/* --- start and end --- */

pid_t tr_bench_spawn(const char *const *argv, int out)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    posix_spawn_file_actions_init(&actions);
    if (out >= 0) {
        posix_spawn_file_actions_adddup2(&actions, out, 1);
    } else {
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    }
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    /* posix_spawn does not change its arguments; its type is older than const. */
    if (posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ) != 0) {
        tr_bench_die("cannot start a process");
    }
    posix_spawn_file_actions_destroy(&actions);
    remember(pid);
    return pid;
}

double tr_bench_finish(pid_t pid, int *code)
{
    struct rusage usage;
    int status;
    if (wait4(pid, &status, 0, &usage) != pid) {
        tr_bench_die("wait4");
    }
    forget(pid);
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int tr_bench_stop(pid_t pid)
{
    int code;
    kill(pid, SIGTERM);
    (void)tr_bench_finish(pid, &code);
    return code;
}

/* --- weigh --- */

static FILE *open_proc(pid_t pid, const char *name)
{
    char path[64];
    FILE *f;
    (void)snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    f = fopen(path, "r");
    if (f == NULL) {
        tr_bench_die("cannot read /proc");
    }
    return f;
}

double tr_bench_cpu_s(pid_t pid)
{
    char line[1024] = "";
    unsigned long user = 0, system_time = 0;
    FILE *f = open_proc(pid, "stat");
    if (fgets(line, sizeof line, f) == NULL || strrchr(line, ')') == NULL ||
        sscanf(strrchr(line, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
               &system_time) != 2) {
        tr_bench_die("cannot read /proc");
    }
    fclose(f);
    return (double)(user + system_time) / (double)sysconf(_SC_CLK_TCK);
}

double tr_bench_rss_mb(pid_t pid)
{
    char line[256];
    unsigned long kb = 0;
    FILE *f = open_proc(pid, "status");
    while (fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kb = strtoul(line + 6, NULL, 10);
        }
    }
    fclose(f);
    return (double)kb / 1024;
}

pid_t tr_bench_model(const char *program, const char *flag, const char *flag2,
                     char endpoint[TR_BENCH_URL_SIZE])
{
    const char *argv[] = {program, "local", "--port", "0", flag, flag2, NULL};
    int pipe_fds[2];
    FILE *out;
    pid_t pid;
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        tr_bench_die("pipe");
    }
    pid = tr_bench_spawn(argv, pipe_fds[1]);
    close(pipe_fds[1]);
    out = fdopen(pipe_fds[0], "r");
    if (out == NULL || fscanf(out, "listening on %63s", endpoint) != 1) {
        tr_bench_die("tailrace local did not start");
    }
    fclose(out);
    return pid;
}
