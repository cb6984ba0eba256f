/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules broken on purpose, one after the other, to see that the judge notices (base/mutant.h). A
 * mutant's seeds are shared out among several processes; the lowest one that catches it counts, so
 * that the table is the same however many there are. */
#ifndef TR_TESTS_SIM_MUTANTS_H
#define TR_TESTS_SIM_MUTANTS_H

#include "base/mutant.h"
#include "tests/sim/fleet.h"

struct mutants_options {
    struct fleet_options fleet; /* but the seed */
    const char *names;          /* of those to try, with commas; NULL: all */
    uint64_t first, last;       /* seeds */
    unsigned jobs;
    unsigned seconds_max; /* of one run */
};

/* Print the table. Returns the program's exit status: 1 where a mutant survived. */
int mutants_run(const struct mutants_options *options);

/* The mutant of that name; NONE: there is none. */
enum tr_mutant mutants_find(const char *name);
/* Memory that processes share, zeroed; the program ends where there is none. */
void *process_share(size_t size);
/* What became of a process that ended in a run: the check that this counts as, and why. */
const char *process_death(int status, char *why, size_t cap);

#endif
