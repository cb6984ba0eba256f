/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the demo, shared by its files: demo.c (the command, before and after),
 * demo_crew.c (children), demo_leases.c (who holds what), demo_script.c (what happens),
 * demo_show.c (what people see), demo_files.c (what was written and processed). One thread. Nobody
 * else includes it. */
#ifndef TR_CLI_DEMO_PARTS_H
#define TR_CLI_DEMO_PARTS_H

#include "aws/client.h"
#include "cli/cli.h"
#include "cli/demo_view.h"
#include "cli/lines.h"
#include "cli/process.h"
#include "cli/verdict.h"
#include "lease/lease_row.h"

#define DEMO_TABLE "Shop"
#define DEMO_CONSUMER "demo"
#define DEMO_FAILOVER "2s"
#define DEMO_WORKERS_MAX TR_DEMO_WORKERS_MAX
#define DEMO_PATH_SIZE 512u
#define DEMO_ERR_SIZE (DEMO_PATH_SIZE + 32)
#define DEMO_TICK_MS 50u
#define DEMO_SHARD_SIZE 72u
#define DEMO_WATCHED_MAX 64u
#define DEMO_STORY_MAX 8u

enum demo_worker_state {
    DEMO_RUNS,
    DEMO_PAUSED, /* by SIGSTOP */
    DEMO_ENDS,   /* was asked to */
    DEMO_ENDED,
    DEMO_KILLED,
};

struct demo_worker {
    struct tr_process process;
    long pid; /* also when it ended: it stands in the worker's id */
    enum demo_worker_state state;
    size_t held; /* leases, by the last scan */
    char err_path[DEMO_ERR_SIZE];
};

/* A row of the lease table, as the last scan showed it. */
struct demo_lease {
    char shard[DEMO_SHARD_SIZE];
    size_t worker; /* its number, from 1; 0: nobody's, or a stranger's */
    bool ended;
};

/* Something that happened to the fleet, and how soon all was read again. */
struct demo_chapter {
    char what[40];
    const char *why; /* it took so long */
    size_t shards;   /* that it concerned */
    uint64_t ms;
};

struct demo {
    const struct tr_cli_args *args;
    const char *program;
    const char **environment; /* owned; the strings are the process's */
    char dir[DEMO_PATH_SIZE];
    char config_path[DEMO_ERR_SIZE];
    char log_path[DEMO_ERR_SIZE];    /* of the feed: what was acknowledged */
    char output_path[DEMO_ERR_SIZE]; /* of the processor */
    char endpoint[64];
    uint64_t port, seconds;
    int signal_fd;
    bool interrupted;

    /* demo_crew.c */
    struct tr_process local, feed;
    char local_err[DEMO_ERR_SIZE], feed_err[DEMO_ERR_SIZE];
    bool feed_wanted; /* it has no reason to end */
    struct demo_worker workers[DEMO_WORKERS_MAX];
    size_t worker_count;

    /* demo_leases.c */
    struct tr_aws *aws;
    unsigned calls; /* under way */
    bool scanning;
    struct tr_mono scan_at;
    uint64_t scans; /* complete ones */
    struct tr_buf scan_from;
    struct demo_lease *leases, *coming; /* owned; of the last scan, and of the one under way */
    size_t lease_count, lease_cap, coming_count, coming_cap;
    size_t open_count;   /* not at their end */
    size_t unheld_count; /* of these, not held by a worker that runs */

    /* demo_script.c */
    size_t open_wanted; /* shards that are there at least */
    char watched[DEMO_WATCHED_MAX][DEMO_SHARD_SIZE];
    size_t watched_count;
    struct demo_chapter story[DEMO_STORY_MAX];
    size_t story_count;

    /* demo_files.c */
    struct tr_verdict *live; /* owned */
    struct tr_lines acknowledged, delivered;
    struct tr_verdict_counts counts;

    /* demo_show.c */
    struct tr_mono started;
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

/* demo.c: whatever goes on meanwhile, for a moment; whether a signal came. */
enum tr_status demo_tick(struct demo *demo) TR_MUST_CHECK;
bool demo_interrupted(struct demo *demo);

/* demo_crew.c */
/* A child's variable for the demo's own calls; NULL if it has no such. */
const char *demo_variable(const char *name);
enum tr_status demo_make_environment(struct demo *demo) TR_MUST_CHECK;
enum tr_status demo_start_local(struct demo *demo) TR_MUST_CHECK;
enum tr_status demo_write_config(struct demo *demo) TR_MUST_CHECK;
enum tr_status demo_start_feed(struct demo *demo) TR_MUST_CHECK;
/* Ask the feed to end, and go on with everything until it did. */
enum tr_status demo_end_feed(struct demo *demo) TR_MUST_CHECK;
/* Start one more. */
enum tr_status demo_start_worker(struct demo *demo) TR_MUST_CHECK;
/* Ask a worker to end; it is waited for until it did. */
void demo_ask_worker(struct demo_worker *worker);
enum tr_status demo_await_workers(struct demo *demo) TR_MUST_CHECK;
void demo_kill_worker(struct demo_worker *worker);
/* SIGSTOP, at a moment when it does not hold the output file's lock: the others write there too. */
enum tr_status demo_pause_worker(struct demo *demo, struct demo_worker *worker) TR_MUST_CHECK;
void demo_wake_worker(struct demo_worker *worker);
/* Whether all that should run runs. */
enum tr_status demo_check_crew(struct demo *demo) TR_MUST_CHECK;
/* Nobody outlives the demo. */
void demo_end_crew(struct demo *demo);

/* demo_leases.c */
/* Begin a scan if one is due. */
enum tr_status demo_scan(struct demo *demo) TR_MUST_CHECK;
/* Call a control of the service model for the table. */
enum tr_status demo_control(struct demo *demo, const char *target) TR_MUST_CHECK;
/* The number of the worker that runs and holds the most; 0: none holds one. */
size_t demo_busiest(const struct demo *demo);
/* Whether each worker that runs holds as many as the others, or one more, and nothing is unheld. */
bool demo_balanced(const struct demo *demo);
void demo_leases_deinit(struct demo *demo);

/* demo_script.c */
enum tr_status demo_play(struct demo *demo) TR_MUST_CHECK;

/* demo_show.c */
void demo_put(struct demo *demo, const struct tr_buf *text);
void demo_event(struct demo *demo, const char *fmt, ...) TR_PRINTF(2, 3);
/* Tell who holds how many. */
void demo_tell_holdings(struct demo *demo, const char *before);
/* Draw a frame or print a line, if it is time, or now. */
void demo_show(struct demo *demo, bool now_please);
void demo_prepare_show(struct demo *demo);
/* Append what happened, a line each. */
void demo_print_story(const struct demo *demo, struct tr_buf *out);

/* demo_files.c */
/* Take in what was added to both files, for a while or to their ends. */
enum tr_status demo_read_files(struct demo *demo, bool all) TR_MUST_CHECK;
/* From the files as they are now, read once more from their beginning; prints the verdict. */
enum tr_status demo_judge(struct demo *demo, bool *good) TR_MUST_CHECK;

#endif
