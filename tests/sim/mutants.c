/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/mutants.h"

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS_MAX 64

/* What one process found: its first seed that catches the mutant. */
struct find {
    pid_t pid;
    _Atomic uint64_t seed; /* under way, then the one that caught it */
    bool caught;
    char check[48];
    char why[512];
};

/* One mutant. Shared by the processes that try it. */
struct trial {
    _Atomic uint64_t lowest; /* seed that caught it so far; UINT64_MAX: none */
    struct find finds[JOBS_MAX];
};

static const struct {
    const char *name;
    const char *rule;
} mutants[TR_MUTANT_COUNT] = {{"none", ""},
#define MUTANT_ROW(id, rule) {#id, rule},
                              TR_MUTANT_TABLE(MUTANT_ROW)
#undef MUTANT_ROW
};

void *process_share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return memory;
}

const char *process_death(int status, char *why, size_t cap)
{
    bool hangs = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    if (hangs) {
        (void)snprintf(why, cap, "the run does not end");
    } else if (WIFSIGNALED(status)) {
        (void)snprintf(why, cap, "the process died: %s", strsignal(WTERMSIG(status)));
    } else {
        (void)snprintf(why, cap, "the process ended with %d", WEXITSTATUS(status));
    }
    return hangs ? "hang" : "assertion";
}

/* ---- in a process of its own ---- */

static void run(const struct mutants_options *options, uint64_t seed, enum tr_mutant mutant,
                struct fleet_result *result)
{
    struct fleet_options fleet = options->fleet;
    fleet.seed = seed;
    tr_mutant_chosen = mutant;
    (void)alarm(options->seconds_max);
    fleet_run(&fleet, result);
    (void)alarm(0);
}

static void found(struct trial *trial, struct find *find, uint64_t seed, const char *check,
                  const char *why)
{
    uint64_t lowest = atomic_load(&trial->lowest);
    find->caught = true;
    (void)snprintf(find->check, sizeof find->check, "%s", check);
    (void)snprintf(find->why, sizeof find->why, "%s", why);
    while (seed < lowest && !atomic_compare_exchange_weak(&trial->lowest, &lowest, seed)) {
    }
}

/* Every so-manieth seed. It counts as caught where the same seed is a good one without the break.
 */
static void work(const struct mutants_options *options, struct trial *trial, unsigned job,
                 enum tr_mutant mutant)
{
    struct find *find = &trial->finds[job];
    uint64_t seed;
    if (freopen("/dev/null", "w", stderr) == NULL) { /* assertions are expected here */
        _exit(1);
    }
    for (seed = options->first + job; seed <= options->last && seed < atomic_load(&trial->lowest);
         seed += options->jobs) {
        struct fleet_result broken, sound;
        atomic_store(&find->seed, seed);
        run(options, seed, mutant, &broken);
        if (broken.check[0] == '\0') {
            continue;
        }
        run(options, seed, TR_MUTANT_NONE, &sound);
        if (sound.check[0] == '\0') {
            found(trial, find, seed, broken.check, broken.why);
            break;
        }
    }
    _exit(0);
}

/* ---- from outside ---- */

static void start(const struct mutants_options *options, struct trial *trial, unsigned job,
                  enum tr_mutant mutant)
{
    pid_t pid;
    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        work(options, trial, job, mutant);
    }
    if (pid < 0) {
        perror("fork");
        exit(1);
    }
    trial->finds[job].pid = pid;
}

/* A process that dies caught the mutant with the seed under way. */
static void reap(const struct mutants_options *options, struct trial *trial, pid_t pid, int status)
{
    unsigned job;
    for (job = 0; job < options->jobs; job++) {
        struct find *find = &trial->finds[job];
        if (find->pid == pid && status != 0 && !find->caught) {
            char why[96];
            const char *check = process_death(status, why, sizeof why);
            found(trial, find, atomic_load(&find->seed), check, why);
        }
    }
}

/* Returns what caught it with the lowest seed; NULL: nothing did. */
static const struct find *try_mutant(const struct mutants_options *options, struct trial *trial,
                                     enum tr_mutant mutant)
{
    unsigned job;
    memset(trial, 0, sizeof *trial);
    atomic_store(&trial->lowest, UINT64_MAX);
    for (job = 0; job < options->jobs; job++) {
        start(options, trial, job, mutant);
    }
    for (job = 0; job < options->jobs; job++) {
        int status = 0;
        pid_t pid = waitpid(-1, &status, 0);
        if (pid > 0) {
            reap(options, trial, pid, status);
        }
    }
    for (job = 0; job < options->jobs; job++) {
        const struct find *find = &trial->finds[job];
        if (find->caught && atomic_load(&find->seed) == atomic_load(&trial->lowest)) {
            return find;
        }
    }
    return NULL;
}

static bool is_chosen(const char *names, const char *name)
{
    size_t size = strlen(name);
    while (names != NULL) {
        const char *comma = strchr(names, ',');
        if (strncmp(names, name, size) == 0 && (names[size] == '\0' || names[size] == ',')) {
            return true;
        }
        if (comma == NULL) {
            return false;
        }
        names = comma + 1;
    }
    return true;
}

enum tr_mutant mutants_find(const char *name)
{
    int m;
    for (m = 1; m < TR_MUTANT_COUNT; m++) {
        if (strcmp(mutants[m].name, name) == 0) {
            return (enum tr_mutant)m;
        }
    }
    return TR_MUTANT_NONE;
}

int mutants_run(const struct mutants_options *options)
{
    struct trial *trial = process_share(sizeof *trial);
    int tried = 0, survived = 0, m;
    printf("%-28s %5s  %-18s %s\n", "mutant", "seeds", "caught by", "rule broken");
    for (m = 1; m < TR_MUTANT_COUNT; m++) {
        const struct find *find;
        if (!is_chosen(options->names, mutants[m].name)) {
            continue;
        }
        find = try_mutant(options, trial, (enum tr_mutant)m);
        tried++;
        survived += find == NULL;
        if (find == NULL) {
            printf("%-28s %5s  %-18s %s\n", mutants[m].name, "-", "SURVIVED", mutants[m].rule);
            continue;
        }
        printf("%-28s %5" PRIu64 "  %-18s %s\n", mutants[m].name,
               atomic_load(&find->seed) - options->first + 1, find->check, mutants[m].rule);
        if (options->names != NULL) {
            printf("  %s\n", find->why);
        }
    }
    printf("%d mutants, %d survived\n", tried, survived);
    return tried == 0 || survived > 0;
}
