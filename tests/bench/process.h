/* SPDX-License-Identifier: Apache-2.0
 *
 * What the benches have in common: start processes, weigh and time them, print a row. Whatever goes
 * wrong ends the bench with a line on stderr and takes the processes that it started along. */
#ifndef TR_TESTS_BENCH_PROCESS_H
#define TR_TESTS_BENCH_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

/* Say what went wrong, end the processes that run, exit with 1. The bench's name stands before. */
__attribute__((noreturn)) void tr_bench_die(const char *what);
/* The program under measurement, $TAILRACE; also remembers the bench's name for messages. */
const char *tr_bench_begin(const char *name);

/* One figure on stdout, as scripts/bench reads it. The limit is "", "<= N" or ">= N". */
void tr_bench_row(const char *what, double number, const char *unit, const char *limit);
/* Seconds of the clock that never goes back. */
double tr_bench_now_s(void);
/* Sorts the numbers. */
double tr_bench_median(double *numbers, size_t count);

/* Start a program. stdout goes to `out`, or with -1 to /dev/null as stderr does. */
pid_t tr_bench_spawn(const char *const *argv, int out);
/* Wait for its end: its CPU seconds; *code is its exit code, or 128. */
double tr_bench_finish(pid_t pid, int *code);
/* Ask it to end (SIGTERM) and wait: its exit code, or 128. */
int tr_bench_stop(pid_t pid);

/* Of a running process: CPU seconds so far, resident memory in MB. */
double tr_bench_cpu_s(pid_t pid);
double tr_bench_rss_mb(pid_t pid);

#define TR_BENCH_URL_SIZE 64
/* Start `tailrace local` on a free port with up to two more flags (NULL: none) and wait until it
 * listens. */
pid_t tr_bench_model(const char *program, const char *flag, const char *flag2,
                     char endpoint[TR_BENCH_URL_SIZE]);

#endif
