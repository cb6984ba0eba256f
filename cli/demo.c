/* SPDX-License-Identifier: Apache-2.0
 *
 * demo: a fleet at work on this host, over loopback, with real processes: the service model, a
 * feed, three workers. Shards split and end, one worker is killed, one paused beyond its leases,
 * one stopped. At the end, what was acknowledged to the feed is held against what the processors'
 * file holds. One thread; children end with it on every way out. */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/demo_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SECONDS_MIN 5u
#define SECONDS_MAX 3600u

bool demo_interrupted(struct demo *demo)
{
    struct signalfd_siginfo info;
    if (read(demo->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        demo->interrupted = true;
    }
    return demo->interrupted;
}

/* All that goes on meanwhile, for a moment. */
enum tr_status demo_tick(struct demo *demo)
{
    enum tr_status status = TR_OK;

    if (demo_interrupted(demo)) {
        return tr_fail(&demo->err, TR_ECANCELED, "interrupted");
    }
    status = demo_check_crew(demo);
    if (status == TR_OK) {
        status = demo_read_files(demo, false);
    }
    if (status == TR_OK) {
        status = demo_scan(demo);
    }
    if (status == TR_OK) {
        struct tr_mono until = tr_mono_add_ms(tr_clock_mono(), DEMO_TICK_MS);
        demo_show(demo, false);
        while (!tr_mono_reached(tr_clock_mono(), until)) {
            tr_aws_poll(demo->aws, until);
        }
    }
    return status;
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
        return tr_fail(&demo->err, TR_EUSAGE, "TMPDIR: longer than %u bytes", DEMO_PATH_SIZE - 32);
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
    sigaddset(&set, SIGQUIT);
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
        status = demo_make_environment(demo);
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

static void deinit(struct demo *demo, bool keep)
{
    demo_end_crew(demo);
    demo_leases_deinit(demo);
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
                        .acknowledged = TR_LINES_NONE,
                        .delivered = TR_LINES_NONE,
                        .show = {.view = {.title = "tailrace demo", .phase = "starting"}}};
    enum tr_status status;
    bool good = false;

    if (!tr_cli_u64(args, "seconds", SECONDS_MIN, SECONDS_MAX, &demo.seconds) ||
        !tr_cli_u64(args, "port", 0, UINT16_MAX, &demo.port)) {
        return TR_CLI_USAGE;
    }
    demo_prepare_show(&demo);
    tr_log_init(TR_LEVEL_ERROR, TR_LOG_AUTO);
    status = prepare(&demo);
    if (status == TR_OK) {
        status = demo_play(&demo);
    }
    if (status == TR_OK) {
        status = demo_judge(&demo, &good);
    }
    return finish(&demo, status, good);
}

static const struct tr_cli_flag flags[] = {
    {"seconds", "N", NULL,
     "let the feed write for so long at least; the script itself takes about 20"},
    {"port", "N", "0", "the service model's port on 127.0.0.1; 0 lets the system choose"},
    {"keep", NULL, NULL, "leave the files in their folder, and say where it is"},
    {NULL, NULL, NULL, NULL},
};

const struct tr_cli_command tr_cli_demo_command = {
    .name = "demo",
    .summary = "watch a fleet lose nothing, on a model of the services",
    .operands = "",
    .flags = flags,
    .details =
        "Starts real processes that talk over loopback: the service model, a feed, three workers\n"
        "with a failover time of 2 s. They share six shards; a shard splits; a worker is killed\n"
        "with SIGKILL, another one paused with SIGSTOP until its leases are taken, a third one\n"
        "stopped with SIGTERM, each time with a word how soon others read its shards; the stream\n"
        "rolls over. On a terminal it shows live which worker holds which shards.\n"
        "Then the feed stops, the workers drain and are stopped, and the last line says what "
        "became\n"
        "of every write that was acknowledged to the feed:\n"
        "  demo: W written, P processed, L lost, D delivered twice, order kept\n"
        "Ends with 1 if a write is lost, the order of an item's first deliveries is broken, or a\n"
        "shard stays without a reader for 20 s. Nothing of the environment's credentials,\n"
        "endpoints and proxies is used; NO_COLOR turns colours off.\n",
    .run = run,
};
