/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "cli/process.h"
#include "tests/support/test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

static struct tr_process start(const char *script, bool pipe_out)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    const char *envp[] = {"PATH=/usr/bin:/bin", "ONLY=this", NULL};
    struct tr_process_options options = {.path = "/bin/sh",
                                         .argv = argv,
                                         .envp = envp,
                                         .err_path = "/dev/null",
                                         .pipe_out = pipe_out};
    struct tr_process process;
    struct tr_err err = {{0}};
    tr_assert_status(tr_process_start(&options, &process, &err), TR_OK, &err);
    return process;
}

static struct tr_mono soon(void)
{
    return tr_mono_add_ms(tr_clock_mono(), 20000);
}

/* What a child wrote until it closed its stdout. */
static void read_all(const struct tr_process *process, struct tr_buf *out)
{
    for (;;) {
        struct pollfd waiting = {.fd = process->out_fd, .events = POLLIN};
        char bytes[256];
        ssize_t got;
        assert_int_equal(poll(&waiting, 1, 20000), 1);
        got = read(process->out_fd, bytes, sizeof bytes);
        if (got <= 0) {
            return;
        }
        tr_buf_add(out, (struct tr_bytes){bytes, (size_t)got});
    }
}

static void test_process__tells_how_it_ended(void **state)
{
    struct tr_process process = start("exit 3", false);
    (void)state;
    assert_true(tr_process_wait(&process, soon()));
    assert_int_equal(process.exit_code, 3);
    assert_int_equal(process.end_signal, 0);
    assert_false(tr_process_running(&process));
    tr_process_end(&process);

    process = start("kill -TERM $$; exec sleep 100", false);
    assert_true(tr_process_wait(&process, soon()));
    assert_int_equal(process.exit_code, -1);
    assert_int_equal(process.end_signal, SIGTERM);
    tr_process_end(&process);
}

static void test_process__is_killed_with_its_group(void **state)
{
    struct tr_process process = start("sleep 1000 & echo $!; wait", true);
    struct pollfd waiting = {.events = POLLIN};
    char bytes[32] = {0};
    pid_t child;
    (void)state;
    waiting.fd = process.out_fd;
    assert_int_equal(poll(&waiting, 1, 20000), 1);
    assert_true(read(process.out_fd, bytes, sizeof bytes - 1) > 0);
    child = (pid_t)strtol(bytes, NULL, 10);
    assert_int_equal(getpgid(child), process.pid);
    assert_int_not_equal(getpgid(0), process.pid);
    tr_process_end(&process);
    assert_int_equal(process.end_signal, SIGKILL);
    tr_process_end(&process); /* a second time does nothing */
}

static void test_process__inherits_nothing_but_what_it_is_given(void **state)
{
    struct tr_process process;
    struct tr_buf out = {0};
    char script[128];
    sigset_t set;
    int fd = open("/dev/null", O_WRONLY); /* without CLOEXEC, on purpose */
    (void)state;

    /* A blocked and an ignored signal end the child all the same. */
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    process = start("kill -TERM $$; exec sleep 100", false);
    assert_true(tr_process_wait(&process, soon()));
    assert_int_equal(process.end_signal, SIGTERM);
    tr_process_end(&process);
    process = start("kill -PIPE $$; exec sleep 100", false);
    assert_true(tr_process_wait(&process, soon()));
    assert_int_equal(process.end_signal, SIGPIPE);
    tr_process_end(&process);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_DFL);

    (void)snprintf(script, sizeof script,
                   "(echo x >&%d) 2>/dev/null && echo open; echo $ONLY; echo $HOME; cat", fd);
    process = start(script, true);
    read_all(&process, &out);
    tr_assert_bytes(tr_buf_bytes(&out), "this\n\n");
    assert_true(tr_process_wait(&process, soon()));
    tr_process_end(&process);
    tr_buf_deinit(&out);
    (void)close(fd);
}

static void test_process__that_cannot_start_is_an_error(void **state)
{
    const char *argv[] = {"none", NULL};
    struct tr_process_options options = {
        .path = "/nowhere/none", .argv = argv, .envp = argv + 1, .err_path = "/dev/null"};
    struct tr_process process;
    struct tr_err err = {{0}};
    (void)state;
    tr_assert_status(tr_process_start(&options, &process, &err), TR_EIO, &err);
    tr_assert_has(err.text, "'/nowhere/none'");
    tr_process_end(&process);
    options.path = "/bin/sh";
    options.err_path = "/nowhere/log";
    tr_assert_status(tr_process_start(&options, &process, &err), TR_EIO, &err);
    tr_assert_has(err.text, "/nowhere/log");
    tr_process_end(&process);
}

static void test_process__is_waited_for_until_the_deadline_only(void **state)
{
    struct tr_process process = start("exec sleep 1000", false);
    (void)state;
    assert_false(tr_process_wait(&process, tr_mono_add_ms(tr_clock_mono(), 1)));
    assert_true(tr_process_running(&process));
    tr_process_end(&process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process__tells_how_it_ended),
        cmocka_unit_test(test_process__is_killed_with_its_group),
        cmocka_unit_test(test_process__inherits_nothing_but_what_it_is_given),
        cmocka_unit_test(test_process__that_cannot_start_is_an_error),
        cmocka_unit_test(test_process__is_waited_for_until_the_deadline_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
