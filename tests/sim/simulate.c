/* SPDX-License-Identifier: Apache-2.0
 *
 * The program behind scripts/simulate: runs seeds of a profile in several processes, says what was
 * reached, replays a seed, and breaks rules on purpose to see whether the judge notices. A run that
 * ends its process (an assertion) or never ends is a failure of its seed like any other. */
#include "base/clock.h"
#include "tests/sim/coverage.h"
#include "tests/sim/mutants.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS_MAX 64
#define FAILURES_MAX 32
#define TRACE_LINES 60
#define MUTANT_SEEDS_MAX 5000 /* a mutant that lives longer has survived */

struct args {
    const struct profile *profile;
    uint64_t first, last;
    uint64_t every; /* so far apart are the seeds: what happens only in some classes of them */
    bool has_seeds;
    uint64_t replay;
    bool has_replay;
    bool mutants;
    const char *mutant; /* names, NULL: all */
    const char *kept;   /* a file of seeds */
    unsigned jobs;
    unsigned seconds_max; /* of one run */
    unsigned failures_max;
    bool inspect;
    bool kcl;
    bool quiet;
};

struct failure {
    uint64_t seed;
    char check[48];
    char why[512];
};

/* What a process of ours tells the others. */
struct job {
    pid_t pid;
    _Atomic uint64_t seed; /* under way; UINT64_MAX: none */
    uint64_t runs;
    uint64_t sim_ms;
    uint64_t calls;
    uint64_t records;
    struct coverage coverage;
};

struct shared {
    _Atomic uint64_t next;
    _Atomic uint64_t done;
    _Atomic unsigned failures;
    _Atomic bool stop;
    struct failure failure[FAILURES_MAX];
    struct job jobs[JOBS_MAX];
};

static double seconds_since(struct tr_mono from)
{
    return (double)(tr_clock_mono().ns - from.ns) / 1e9;
}

static struct fleet_options options_of(const struct args *args, uint64_t seed)
{
    return (struct fleet_options){
        .profile = args->profile, .seed = seed, .inspect = args->inspect, .kcl = args->kcl};
}

/* Said at once, too: a long run shall not keep it to itself until its end. */
static void add_failure(const struct args *args, struct shared *shared, uint64_t seed,
                        const char *check, const char *why)
{
    unsigned at = atomic_fetch_add(&shared->failures, 1);
    (void)fprintf(stderr, "%s%s seed %" PRIu64 " failed: %s\n", isatty(2) ? "\r" : "",
                  args->profile->name, seed, check);
    if (at < FAILURES_MAX) {
        struct failure *failure = &shared->failure[at];
        failure->seed = seed;
        (void)snprintf(failure->check, sizeof failure->check, "%s", check);
        (void)snprintf(failure->why, sizeof failure->why, "%s", why);
    }
}

static void run_one(const struct args *args, struct shared *shared, struct job *job, uint64_t seed)
{
    struct fleet_options options = options_of(args, seed);
    struct fleet_result result;
    (void)alarm(args->seconds_max);
    fleet_run(&options, &result);
    (void)alarm(0);
    job->runs++;
    job->sim_ms += result.at_ms;
    job->calls += result.calls;
    job->records += result.writes;
    coverage_add(&job->coverage, &result);
    if (result.check[0] != '\0') {
        add_failure(args, shared, seed, result.check, result.why);
    }
}

/* A process of ours: takes seeds until there are none left. */
static void work(const struct args *args, struct shared *shared, struct job *job)
{
    for (;;) {
        uint64_t seed = atomic_fetch_add(&shared->next, args->every);
        if (seed > args->last || atomic_load(&shared->stop)) {
            break;
        }
        atomic_store(&job->seed, seed);
        run_one(args, shared, job, seed);
        atomic_store(&job->seed, UINT64_MAX);
        atomic_fetch_add(&shared->done, 1);
        if (atomic_load(&shared->failures) >= args->failures_max) {
            atomic_store(&shared->stop, true);
        }
    }
    _exit(0);
}

static void start_job(const struct args *args, struct shared *shared, struct job *job)
{
    pid_t pid; /* the job is shared: only we write its number there */
    (void)fflush(NULL);
    atomic_store(&job->seed, UINT64_MAX);
    pid = fork();
    if (pid == 0) {
        work(args, shared, job);
    }
    if (pid < 0) {
        perror("fork");
        exit(1);
    }
    job->pid = pid;
}

/* A process ended: with a seed under way, that seed failed, and another process goes on. */
static bool reap(const struct args *args, struct shared *shared, pid_t pid, int status)
{
    unsigned i;
    for (i = 0; i < args->jobs; i++) {
        struct job *job = &shared->jobs[i];
        uint64_t seed = atomic_load(&job->seed);
        const char *check;
        char why[96];
        if (job->pid != pid) {
            continue;
        }
        job->pid = 0;
        if (seed == UINT64_MAX) {
            return true;
        }
        check = process_death(status, why, sizeof why);
        add_failure(args, shared, seed, check, why);
        atomic_fetch_add(&shared->done, 1);
        if (atomic_load(&shared->failures) >= args->failures_max) {
            atomic_store(&shared->stop, true);
        }
        start_job(args, shared, job);
        return false;
    }
    return false;
}

static void show_progress(const struct args *args, const struct shared *shared,
                          struct tr_mono begun)
{
    uint64_t all = (args->last - args->first) / args->every + 1, done = atomic_load(&shared->done);
    double seconds = seconds_since(begun), rate = seconds > 0 ? (double)done / seconds : 0;
    (void)fprintf(stderr,
                  "\r%s: %" PRIu64 " of %" PRIu64 " seeds, %.1f a second, %.0f s to go, %u failed ",
                  args->profile->name, done, all, rate, rate > 0 ? (double)(all - done) / rate : 0,
                  atomic_load(&shared->failures));
}

static void wait_for_all(const struct args *args, struct shared *shared, struct tr_mono begun)
{
    bool terminal = isatty(2) && !args->quiet;
    unsigned running = args->jobs;
    while (running > 0) {
        int status = 0;
        pid_t pid = waitpid(-1, &status, terminal ? WNOHANG : 0);
        if (pid > 0 && reap(args, shared, pid, status)) {
            running--;
        } else if (pid == 0) {
            show_progress(args, shared, begun);
            (void)usleep(200000);
        } else if (pid < 0 && errno != EINTR) {
            break;
        }
    }
    if (terminal) {
        (void)fprintf(stderr, "\r%78s\r", "");
    }
}

/* ---- replaying ---- */

/* Run a seed in a process of its own, its trace into a pipe. */
static int run_traced(const struct args *args, uint64_t seed, pid_t *pid)
{
    int ends[2];
    if (pipe(ends) != 0) {
        perror("pipe");
        exit(1);
    }
    (void)fflush(NULL);
    *pid = fork();
    if (*pid == 0) {
        struct fleet_options options = options_of(args, seed);
        struct fleet_result result;
        FILE *trace = fdopen(ends[1], "w");
        (void)close(ends[0]);
        (void)setvbuf(trace, NULL, _IOLBF, 65536);
        options.trace = trace;
        tr_mutant_chosen = args->mutant != NULL ? mutants_find(args->mutant) : TR_MUTANT_NONE;
        (void)alarm(args->seconds_max * 20);
        fleet_run(&options, &result);
        (void)fclose(trace);
        _exit(result.check[0] != '\0');
    }
    (void)close(ends[1]);
    return ends[0];
}

static int replay(const struct args *args)
{
    pid_t pid;
    int status = 0, in = run_traced(args, args->replay, &pid);
    char buffer[65536];
    ssize_t got;
    while ((got = read(in, buffer, sizeof buffer)) > 0) {
        (void)fwrite(buffer, 1, (size_t)got, stdout);
    }
    (void)close(in);
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void print_tail(const struct args *args, uint64_t seed)
{
    static char *lines[TRACE_LINES];
    size_t sizes[TRACE_LINES] = {0}, count = 0, i;
    pid_t pid;
    FILE *in = fdopen(run_traced(args, seed, &pid), "r");
    while (getline(&lines[count % TRACE_LINES], &sizes[count % TRACE_LINES], in) > 0) {
        count++;
    }
    (void)fclose(in);
    (void)waitpid(pid, NULL, 0);
    for (i = count > TRACE_LINES ? count - TRACE_LINES : 0; i < count; i++) {
        printf("    %.240s%s", lines[i % TRACE_LINES],
               strlen(lines[i % TRACE_LINES]) > 240 ? "...\n" : "");
    }
    for (i = 0; i < TRACE_LINES; i++) {
        free(lines[i]);
        lines[i] = NULL;
    }
}

/* ---- seeds ---- */

static void print_failures(const struct args *args, const struct shared *shared)
{
    unsigned count = atomic_load(&shared->failures), i;
    for (i = 0; i < count && i < FAILURES_MAX; i++) {
        const struct failure *failure = &shared->failure[i];
        printf("FAILED %s seed %" PRIu64 ": %s: %s\n", args->profile->name, failure->seed,
               failure->check, failure->why);
        if (i == 0 && !args->quiet) {
            print_tail(args, failure->seed);
        }
        printf("  replay: scripts/simulate --profile %s --replay %" PRIu64 "\n",
               args->profile->name, failure->seed);
    }
}

static int run_seeds(const struct args *args)
{
    struct shared *shared = process_share(sizeof *shared);
    struct coverage *coverage = calloc(1, sizeof *coverage);
    struct tr_mono begun = tr_clock_mono();
    uint64_t runs = 0, sim_ms = 0, calls = 0, records = 0;
    double seconds;
    unsigned i;

    atomic_store(&shared->next, args->first);
    for (i = 0; i < args->jobs; i++) {
        start_job(args, shared, &shared->jobs[i]);
    }
    wait_for_all(args, shared, begun);
    seconds = seconds_since(begun);
    for (i = 0; i < args->jobs; i++) {
        const struct job *job = &shared->jobs[i];
        runs += job->runs;
        sim_ms += job->sim_ms;
        calls += job->calls;
        records += job->records;
        coverage_sum(coverage, &job->coverage);
    }
    if (!args->quiet) {
        coverage_print(coverage, args->profile);
    }
    print_failures(args, shared);
    printf(
        "%s, seeds %" PRIu64 "..%" PRIu64 ": %" PRIu64 " runs, %u failed; %.1f s, %.1f runs a "
        "second with %u processes; a run: %.1f min, %.0f calls, %.0f records\n",
        args->profile->name, args->first, args->last, runs, atomic_load(&shared->failures), seconds,
        (double)runs / seconds, args->jobs, runs > 0 ? (double)sim_ms / (double)runs / 60000 : 0,
        runs > 0 ? (double)calls / (double)runs : 0, runs > 0 ? (double)records / (double)runs : 0);
    free(coverage);
    return atomic_load(&shared->failures) > 0;
}

/* "small 17 what it was" a line; # begins a comment. */
static int run_kept(const struct args *given)
{
    FILE *in = fopen(given->kept, "r");
    char line[512], name[32];
    int failed = 0;
    unsigned long long seed;
    if (in == NULL) {
        (void)fprintf(stderr, "simulate: cannot read '%s': %s\n", given->kept, strerror(errno));
        return 2;
    }
    while (fgets(line, sizeof line, in) != NULL) {
        struct args args = *given;
        if (line[0] == '#' || sscanf(line, "%31s %llu", name, &seed) != 2) {
            continue;
        }
        args.profile = profile_find(name);
        if (args.profile == NULL) {
            (void)fprintf(stderr, "simulate: no profile '%s' in '%s'\n", name, given->kept);
            failed = 2;
            continue;
        }
        args.first = args.last = seed;
        args.jobs = 1;
        args.quiet = true;
        failed |= run_seeds(&args);
    }
    (void)fclose(in);
    return failed;
}

static int run_mutants(const struct args *args)
{
    struct mutants_options options = {.fleet = options_of(args, 0),
                                      .names = args->mutant,
                                      .first = args->first,
                                      .last = args->last,
                                      .jobs = args->jobs,
                                      .seconds_max = args->seconds_max};
    return mutants_run(&options);
}

/* ---- the command line ---- */

static void usage(void)
{
    size_t i;
    (void)fprintf(
        stderr,
        "usage: simulate [--profile NAME] [--jobs N] --seeds A..B [--every N] |\n"
        "                --replay SEED [--mutant NAME] |\n"
        "                --kept FILE | --mutants [--mutant NAME,NAME] [--seeds A..B]\n"
        "       --inspect  look inside the workers   --no-kcl  without KCL-like workers   --quiet\n"
        "       --failures N  go on until so many seeds failed (10)\n"
        "profiles:");
    for (i = 0; i < profile_count(); i++) {
        (void)fprintf(stderr, " %s", profile_at(i)->name);
    }
    (void)fprintf(stderr, "\n");
    exit(2);
}

static void read_seeds(struct args *args, const char *text)
{
    char *rest;
    args->first = strtoull(text, &rest, 10);
    args->last = strncmp(rest, "..", 2) == 0 ? strtoull(rest + 2, &rest, 10) : args->first;
    args->has_seeds = true;
    if (*rest != '\0' || args->last < args->first) {
        (void)fprintf(stderr, "simulate: '%s' is no range of seeds, as 1..100\n", text);
        exit(2);
    }
}

enum option_id {
    OPT_PROFILE,
    OPT_SEEDS,
    OPT_EVERY,
    OPT_REPLAY,
    OPT_MUTANTS,
    OPT_MUTANT,
    OPT_KEPT,
    OPT_JOBS,
    OPT_FAILURES,
    OPT_INSPECT,
    OPT_NO_KCL,
    OPT_QUIET,
};

static void take_option(struct args *args, int option)
{
    switch (option) {
    case OPT_PROFILE:
        args->profile = profile_find(optarg);
        break;
    case OPT_SEEDS:
        read_seeds(args, optarg);
        break;
    case OPT_EVERY:
        args->every = strtoull(optarg, NULL, 10);
        break;
    case OPT_REPLAY:
        args->replay = strtoull(optarg, NULL, 10);
        args->has_replay = true;
        break;
    case OPT_MUTANT:
        args->mutant = optarg;
        args->mutants = true;
        break;
    case OPT_MUTANTS:
        args->mutants = true;
        break;
    case OPT_KEPT:
        args->kept = optarg;
        break;
    case OPT_JOBS:
        args->jobs = (unsigned)strtoul(optarg, NULL, 10);
        break;
    case OPT_FAILURES:
        args->failures_max = (unsigned)strtoul(optarg, NULL, 10);
        break;
    case OPT_INSPECT:
        args->inspect = true;
        break;
    case OPT_NO_KCL:
        args->kcl = false;
        break;
    case OPT_QUIET:
        args->quiet = true;
        break;
    default:
        usage();
    }
}

static void read_args(int argc, char **argv, struct args *args)
{
    static const struct option table[] = {{"profile", required_argument, NULL, OPT_PROFILE},
                                          {"seeds", required_argument, NULL, OPT_SEEDS},
                                          {"every", required_argument, NULL, OPT_EVERY},
                                          {"replay", required_argument, NULL, OPT_REPLAY},
                                          {"mutants", no_argument, NULL, OPT_MUTANTS},
                                          {"mutant", required_argument, NULL, OPT_MUTANT},
                                          {"kept", required_argument, NULL, OPT_KEPT},
                                          {"jobs", required_argument, NULL, OPT_JOBS},
                                          {"failures", required_argument, NULL, OPT_FAILURES},
                                          {"inspect", no_argument, NULL, OPT_INSPECT},
                                          {"no-kcl", no_argument, NULL, OPT_NO_KCL},
                                          {"quiet", no_argument, NULL, OPT_QUIET},
                                          {0}};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int option;

    *args = (struct args){.profile = profile_find("small"),
                          .first = 1,
                          .last = MUTANT_SEEDS_MAX,
                          .every = 1,
                          .jobs = cores > 0 ? (unsigned)cores : 1,
                          .seconds_max = 300,
                          .failures_max = 10,
                          .kcl = true};
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        take_option(args, option);
    }
    if (optind != argc || args->profile == NULL || args->jobs < 1 || args->jobs > JOBS_MAX ||
        args->every < 1 ||
        (!args->has_seeds && !args->has_replay && !args->mutants && args->kept == NULL)) {
        usage();
    }
}

int main(int argc, char **argv)
{
    struct args args;
    read_args(argc, argv, &args);
    if (args.has_replay) {
        return replay(&args);
    }
    if (args.kept != NULL) {
        return run_kept(&args);
    }
    return args.mutants ? run_mutants(&args) : run_seeds(&args);
}
