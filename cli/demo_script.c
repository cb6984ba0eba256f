/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens in the demo, one phase after the other. A phase does something to the fleet and
 * waits until the lease table shows that it is over; what takes too long ends the demo. */
#include "base/clock.h"
#include "base/err.h"
#include "cli/demo_parts.h"

#define WORKERS 3u
#define SHARDS 6u
#define FIRST_WRITE_MAX_MS 20000u
#define PHASE_MAX_MS 20000u
#define BALANCE_MAX_MS 6000u /* not reached: told, and no failure */
#define LOOK_MS 1500u        /* between phases, for those who watch */
#define LOOK_LINES_MS 300u   /* for those who read lines */
#define UNTIL_EXPIRED "its leases expire, " DEMO_FAILOVER " after a renewal"
#define DRAIN_MAX_MS 10000u /* without progress */

typedef bool done_fn(const struct demo *demo);

/* For the end: what happened to the worker (0: to the stream) and how long it took. */
static void tell(struct demo *demo, const char *what, size_t number, struct tr_mono from,
                 const char *why)
{
    struct demo_chapter *chapter = &demo->story[demo->story_count];
    if (demo->story_count == DEMO_STORY_MAX) {
        return;
    }
    demo->story_count++;
    *chapter = (struct demo_chapter){
        .why = why, .shards = demo->watched_count, .ms = tr_mono_ms_between(from, tr_clock_mono())};
    if (number > 0) {
        (void)snprintf(chapter->what, sizeof chapter->what, "worker %zu %s", number, what);
    } else {
        (void)snprintf(chapter->what, sizeof chapter->what, "%s", what);
    }
}

static double seconds_since(struct tr_mono from)
{
    return (double)tr_mono_ms_between(from, tr_clock_mono()) / 1000;
}

/* Until a scan that began from now on shows what is waited for. *met: it did, in time. */
static enum tr_status await(struct demo *demo, done_fn *done, uint64_t max_ms, bool *met)
{
    struct tr_mono until = tr_mono_add_ms(tr_clock_mono(), max_ms);
    uint64_t fresh = demo->scans + 2; /* one may be under way */
    enum tr_status status = TR_OK;

    *met = false;
    while (status == TR_OK && !*met && !tr_mono_reached(tr_clock_mono(), until)) {
        status = demo_tick(demo);
        *met = status == TR_OK && demo->scans >= fresh && done(demo);
    }
    return status;
}

static enum tr_status must(struct demo *demo, done_fn *done, const char *what)
{
    bool met;
    enum tr_status status = await(demo, done, PHASE_MAX_MS, &met);
    return status != TR_OK || met ? status
                                  : tr_fail(&demo->err, TR_ETIMEOUT, "%s took more than %u s", what,
                                            PHASE_MAX_MS / 1000);
}

static bool never(const struct demo *demo)
{
    (void)demo;
    return false;
}

static enum tr_status look(struct demo *demo)
{
    bool met;
    return await(demo, never, demo->show.terminal ? LOOK_MS : LOOK_LINES_MS, &met);
}

static void begin(struct demo *demo, const char *title)
{
    demo->show.view.phase = title;
}

/* --- what is waited for ---------------------------------------------------------------------- */

static bool all_held(const struct demo *demo)
{
    return demo->open_count >= demo->open_wanted && demo->unheld_count == 0;
}

static bool none_held(const struct demo *demo)
{
    size_t i;
    for (i = 0; i < demo->worker_count; i++) {
        if (demo->workers[i].held > 0) {
            return false;
        }
    }
    return true;
}

static const struct demo_lease *find(const struct demo *demo, const char *shard)
{
    size_t i;
    for (i = 0; i < demo->lease_count; i++) {
        if (strcmp(demo->leases[i].shard, shard) == 0) {
            return &demo->leases[i];
        }
    }
    return NULL;
}

/* The shards that the worker holds now; 0: all that are open. */
static void watch(struct demo *demo, size_t worker)
{
    size_t i;
    demo->watched_count = 0;
    for (i = 0; i < demo->lease_count && demo->watched_count < DEMO_WATCHED_MAX; i++) {
        const struct demo_lease *lease = &demo->leases[i];
        if (!lease->ended && (worker == 0 || lease->worker == worker)) {
            memcpy(demo->watched[demo->watched_count++], lease->shard, sizeof lease->shard);
        }
    }
}

/* Whether others hold what was watched, or have finished it. */
static bool all_taken(const struct demo *demo)
{
    size_t i;
    for (i = 0; i < demo->watched_count; i++) {
        const struct demo_lease *lease = find(demo, demo->watched[i]);
        bool held = lease != NULL && lease->worker > 0 &&
                    demo->workers[lease->worker - 1].state == DEMO_RUNS;
        if (lease == NULL || (!held && !lease->ended)) {
            return false;
        }
    }
    return true;
}

static bool all_ended(const struct demo *demo)
{
    size_t i;
    for (i = 0; i < demo->watched_count; i++) {
        const struct demo_lease *lease = find(demo, demo->watched[i]);
        if (lease != NULL && !lease->ended) {
            return false;
        }
    }
    return demo->open_count > 0 && demo->unheld_count == 0;
}

/* --- phases ---------------------------------------------------------------------------------- */

static enum tr_status share(struct demo *demo)
{
    struct tr_mono from = tr_clock_mono();
    char text[64];
    bool met = false;
    enum tr_status status;

    begin(demo, "the workers share the shards");
    status = must(demo, all_held, "finding a reader for each shard");
    if (status == TR_OK) {
        status = await(demo, demo_balanced, BALANCE_MAX_MS, &met);
    }
    if (status == TR_OK) {
        (void)snprintf(text, sizeof text,
                       met ? "in balance after %.1f s: " : "not in balance after %.1f s: ",
                       seconds_since(from));
        demo_tell_holdings(demo, text);
        status = look(demo);
    }
    return status;
}

static enum tr_status split(struct demo *demo)
{
    struct tr_mono from = tr_clock_mono();
    enum tr_status status;

    begin(demo, "a shard splits");
    demo_event(demo, "a shard splits in two");
    demo->open_wanted = demo->open_count + 1;
    status = demo_control(demo, "TailraceLocal_1.SplitShard");
    if (status == TR_OK) {
        status = must(demo, all_held, "reading both halves of a shard");
    }
    demo->open_wanted = 1;
    if (status == TR_OK) {
        demo_event(demo, "both halves are read after %.1f s", seconds_since(from));
        demo->watched_count = 2;
        tell(demo, "a shard split", 0, from, "the halves wait until it is finished");
        status = look(demo);
    }
    return status;
}

/* Something was done to the worker: until others hold what it held. */
static enum tr_status replace(struct demo *demo, size_t number, const char *what,
                              struct tr_mono from, const char *why)
{
    enum tr_status status = must(demo, all_taken, "taking its leases");
    if (status == TR_OK) {
        demo_event(demo, "others read the shards of worker %zu after %.1f s", number,
                   seconds_since(from));
        tell(demo, what, number, from, why);
        status = look(demo);
    }
    return status;
}

static enum tr_status choose(struct demo *demo, size_t *number)
{
    *number = demo_busiest(demo);
    watch(demo, *number);
    return *number > 0 ? TR_OK : tr_fail(&demo->err, TR_ETIMEOUT, "no worker holds a lease");
}

static enum tr_status start_another(struct demo *demo)
{
    enum tr_status status = demo_start_worker(demo);
    if (status == TR_OK) {
        demo_event(demo, "worker %zu is started", demo->worker_count);
        status = share(demo);
    }
    return status;
}

static enum tr_status kill_one(struct demo *demo)
{
    size_t number;
    enum tr_status status = choose(demo, &number);

    begin(demo, "a worker is killed");
    if (status == TR_OK) {
        struct tr_mono from = tr_clock_mono();
        demo_event(demo, "SIGKILL to worker %zu, which reads %zu shards", number,
                   demo->watched_count);
        demo_kill_worker(&demo->workers[number - 1]);
        status = replace(demo, number, "was killed", from, UNTIL_EXPIRED);
    }
    return status == TR_OK ? start_another(demo) : status;
}

static enum tr_status pause_one(struct demo *demo)
{
    size_t number;
    enum tr_status status = choose(demo, &number);

    begin(demo, "a worker is paused beyond its leases");
    if (status == TR_OK) {
        status = demo_pause_worker(demo, &demo->workers[number - 1]);
    }
    if (status == TR_OK) {
        struct tr_mono from = tr_clock_mono();
        demo_event(demo, "SIGSTOP to worker %zu, which reads %zu shards", number,
                   demo->watched_count);
        status = replace(demo, number, "was paused", from, UNTIL_EXPIRED);
    }
    if (status == TR_OK) {
        demo_event(demo, "SIGCONT to worker %zu: it finds its leases gone", number);
        demo_wake_worker(&demo->workers[number - 1]);
        status = share(demo);
    }
    return status;
}

static enum tr_status stop_one(struct demo *demo)
{
    size_t number;
    enum tr_status status = choose(demo, &number);

    begin(demo, "a worker is stopped");
    if (status == TR_OK) {
        struct tr_mono from = tr_clock_mono();
        demo_event(demo, "SIGTERM to worker %zu, which reads %zu shards", number,
                   demo->watched_count);
        demo_ask_worker(&demo->workers[number - 1]);
        status = replace(demo, number, "was stopped", from, "it released its leases");
    }
    if (status == TR_OK) {
        status = demo_await_workers(demo);
    }
    return status == TR_OK ? start_another(demo) : status;
}

static enum tr_status roll_over(struct demo *demo)
{
    struct tr_mono from = tr_clock_mono();
    enum tr_status status;

    begin(demo, "the stream rolls over");
    demo_event(demo, "the stream rolls over: all shards end, new ones begin");
    watch(demo, 0);
    status = demo_control(demo, "TailraceLocal_1.Rollover");
    if (status == TR_OK) {
        status = must(demo, all_ended, "reading on behind all shards");
    }
    if (status == TR_OK) {
        demo_event(demo, "all new shards are read after %.1f s", seconds_since(from));
        tell(demo, "the stream rolled over", 0, from, "each waits until its parent is finished");
        status = share(demo);
    }
    return status;
}

/* --- from start to end ----------------------------------------------------------------------- */

/* The workers can follow the stream once the feed has made it. */
static enum tr_status await_first_write(struct demo *demo)
{
    struct tr_mono until = tr_mono_add_ms(tr_clock_mono(), FIRST_WRITE_MAX_MS);
    enum tr_status status = TR_OK;
    while (status == TR_OK && demo->counts.written == 0) {
        status = demo_tick(demo);
        if (status == TR_OK && tr_mono_reached(tr_clock_mono(), until)) {
            status = tr_fail(&demo->err, TR_ETIMEOUT, "the feed wrote nothing in %u s",
                             FIRST_WRITE_MAX_MS / 1000);
        }
    }
    return status;
}

static enum tr_status start_services(struct demo *demo)
{
    struct tr_aws_options options = {
        .region = "us-east-1", .endpoint = demo->endpoint, .getenv = demo_variable};
    enum tr_status status = demo_start_local(demo);

    if (status == TR_OK) {
        demo_event(demo, "the service model is at %s", demo->endpoint);
        status = demo_write_config(demo);
    }
    if (status == TR_OK) {
        status = tr_aws_new(&options, &demo->aws, &demo->err);
    }
    if (status == TR_OK) {
        status = demo_start_feed(demo);
    }
    return status == TR_OK ? await_first_write(demo) : status;
}

static enum tr_status start_fleet(struct demo *demo)
{
    enum tr_status status = TR_OK;
    unsigned i;

    demo->started = tr_clock_mono();
    demo->open_wanted = 1;
    for (i = 1; i < SHARDS && status == TR_OK; i++) {
        status = demo_control(demo, "TailraceLocal_1.SplitShard");
    }
    for (i = 0; i < WORKERS && status == TR_OK; i++) {
        status = demo_start_worker(demo);
    }
    if (status == TR_OK) {
        demo_event(demo, "a feed writes to %u shards, %u workers read them", SHARDS, WORKERS);
        demo->open_wanted = SHARDS;
        status = share(demo);
        demo->open_wanted = 1;
    }
    return status;
}

static enum tr_status write_on(struct demo *demo)
{
    enum tr_status status = TR_OK;
    begin(demo, "the feed writes on");
    while (status == TR_OK &&
           tr_mono_ms_between(demo->started, tr_clock_mono()) < demo->seconds * 1000) {
        status = demo_tick(demo);
    }
    return status;
}

/* Until all is delivered, or nothing more comes; the verdict will tell which. */
static enum tr_status drain(struct demo *demo)
{
    struct tr_mono until = tr_mono_add_ms(tr_clock_mono(), DRAIN_MAX_MS);
    uint64_t before = demo->counts.processed;
    /* All of the log first: only then is it known how much there is to come. */
    enum tr_status status = demo_read_files(demo, true);

    begin(demo, "the workers drain");
    while (status == TR_OK && demo->counts.processed < demo->counts.written &&
           !tr_mono_reached(tr_clock_mono(), until)) {
        status = demo_tick(demo);
        if (demo->counts.processed > before) {
            before = demo->counts.processed;
            until = tr_mono_add_ms(tr_clock_mono(), DRAIN_MAX_MS);
        }
    }
    return status;
}

static enum tr_status stop_fleet(struct demo *demo)
{
    enum tr_status status;
    size_t i;
    begin(demo, "the workers are asked to stop");
    demo_event(demo, "the workers are asked to stop");
    for (i = 0; i < demo->worker_count; i++) {
        if (demo->workers[i].state == DEMO_RUNS) {
            demo_ask_worker(&demo->workers[i]);
        }
    }
    status = demo_await_workers(demo);
    return status == TR_OK ? must(demo, none_held, "releasing all leases") : status;
}

static enum tr_status end_feed(struct demo *demo)
{
    demo_event(demo, "the feed stops");
    return demo_end_feed(demo);
}

enum tr_status demo_play(struct demo *demo)
{
    static enum tr_status (*const phases[])(struct demo * demo) = {
        start_services, start_fleet, split,    kill_one, pause_one,  stop_one,
        roll_over,      write_on,    end_feed, drain,    stop_fleet,
    };
    enum tr_status status = TR_OK;
    size_t i;
    for (i = 0; i < sizeof phases / sizeof phases[0] && status == TR_OK; i++) {
        status = phases[i](demo);
    }
    return status;
}
