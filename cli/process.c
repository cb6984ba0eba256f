/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/process.h"

#include "base/clock.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Without a pidfd the end is looked for this often. */
#define LOOK_MS 10u
#define LOOK_MAX_MS 60000u

static int close_fd(int fd)
{
    return fd >= 0 ? close(fd) : 0;
}

/* Default signals, an empty mask, a group of its own. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t all, none;
    int failed;
    sigfillset(&all);
    sigemptyset(&none);
    failed = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                      POSIX_SPAWN_SETPGROUP);
    if (failed == 0) {
        failed = posix_spawnattr_setsigdefault(attributes, &all);
    }
    if (failed == 0) {
        failed = posix_spawnattr_setsigmask(attributes, &none);
    }
    return failed == 0 ? posix_spawnattr_setpgroup(attributes, 0) : failed;
}

/* stdin is empty, stdout and stderr are the two given, nothing else is open. */
static int set_files(posix_spawn_file_actions_t *actions, int out_fd, int err_fd)
{
    int failed = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (failed == 0) {
        failed = posix_spawn_file_actions_adddup2(actions, out_fd, STDOUT_FILENO);
    }
    if (failed == 0) {
        failed = posix_spawn_file_actions_adddup2(actions, err_fd, STDERR_FILENO);
    }
    return failed == 0 ? posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1)
                       : failed;
}

/* posix_spawn wants arrays of changeable strings, and changes none. */
static int spawn(const struct tr_process_options *options, int out_fd, int err_fd, pid_t *pid)
{
    union {
        const char *const *given;
        char *const *wanted;
    } argv = {options->argv}, envp = {options->envp};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);

    if (failed != 0) {
        return failed;
    }
    failed = posix_spawnattr_init(&attributes);
    if (failed != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return failed;
    }
    failed = set_attributes(&attributes);
    if (failed == 0) {
        failed = set_files(&actions, out_fd, err_fd);
    }
    if (failed == 0) {
        failed = posix_spawn(pid, options->path, &actions, &attributes, argv.wanted, envp.wanted);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

enum tr_status tr_process_start(const struct tr_process_options *options, struct tr_process *out,
                                struct tr_err *err)
{
    int pipe_fds[2] = {-1, -1}, err_fd = -1, failed;
    enum tr_status status = TR_OK;
    char text[128];

    *out = TR_PROCESS_NONE;
    err_fd = open(options->err_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (err_fd < 0) {
        return tr_fail(err, TR_EIO, "%s: %s", options->err_path,
                       tr_errno_text(errno, text, sizeof text));
    }
    if (options->pipe_out &&
        (pipe2(pipe_fds, O_CLOEXEC) != 0 || fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK) != 0)) {
        status = tr_fail(err, TR_EIO, "pipe: %s", tr_errno_text(errno, text, sizeof text));
        goto out;
    }
    failed = spawn(options, options->pipe_out ? pipe_fds[1] : err_fd, err_fd, &out->pid);
    if (failed != 0) {
        out->pid = 0;
        status = tr_fail(err, TR_EIO, "start '%s': %s", options->path,
                         tr_errno_text(failed, text, sizeof text));
        goto out;
    }
    out->pidfd = (int)syscall(SYS_pidfd_open, out->pid, 0);
    out->out_fd = pipe_fds[0];
    pipe_fds[0] = -1;
out:
    (void)close_fd(pipe_fds[0]);
    (void)close_fd(pipe_fds[1]);
    (void)close_fd(err_fd);
    return status;
}

bool tr_process_running(struct tr_process *process)
{
    int state = 0;
    pid_t got;
    if (process->pid == 0) {
        return false;
    }
    do {
        got = waitpid(process->pid, &state, WNOHANG);
    } while (got < 0 && errno == EINTR);
    if (got == 0) {
        return true;
    }
    process->exit_code = got > 0 && WIFEXITED(state) ? WEXITSTATUS(state) : -1;
    process->end_signal = got > 0 && WIFSIGNALED(state) ? WTERMSIG(state) : 0;
    process->pid = 0;
    return false;
}

void tr_process_signal(struct tr_process *process, int number)
{
    if (process->pid > 0) {
        (void)kill(process->pid, number);
    }
}

void tr_process_signal_group(struct tr_process *process, int number)
{
    if (process->pid > 0 && kill(-process->pid, number) != 0) {
        (void)kill(process->pid, number);
    }
}

bool tr_process_wait(struct tr_process *process, struct tr_mono deadline)
{
    while (tr_process_running(process)) {
        struct pollfd waiting = {.fd = process->pidfd, .events = POLLIN};
        uint64_t cap = process->pidfd >= 0 ? LOOK_MAX_MS : LOOK_MS;
        uint64_t ms = tr_mono_ms_until(tr_clock_mono(), deadline, cap);
        if (ms == 0) {
            return false;
        }
        (void)poll(&waiting, process->pidfd >= 0 ? 1 : 0, (int)ms);
    }
    return true;
}

void tr_process_end(struct tr_process *process)
{
    tr_process_signal_group(process, SIGKILL);
    (void)tr_process_wait(process, TR_MONO_NEVER);
    (void)close_fd(process->pidfd);
    (void)close_fd(process->out_fd);
    process->pidfd = -1;
    process->out_fd = -1;
}
