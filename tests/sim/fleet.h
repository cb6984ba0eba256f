/* SPDX-License-Identifier: Apache-2.0
 *
 * One simulated fleet from its first worker to the verdict: a phase in which things go wrong, then
 * one in which all is well, and the judge says what had to happen by then. */
#ifndef TR_TESTS_SIM_FLEET_H
#define TR_TESTS_SIM_FLEET_H

#include "base/note.h"
#include "tests/sim/faults.h"
#include "tests/sim/profile.h"

#include <stdio.h>

struct fleet_options {
    const struct profile *profile;
    uint64_t seed;
    FILE *trace;  /* NULL: none */
    bool inspect; /* look inside the workers after each step */
    bool kcl;     /* some fleets have a KCL-like worker */
};

struct fleet_result {
    char check[48]; /* "" for a good run */
    char why[1024];
    uint64_t at_ms; /* of the verdict, or the end */
    uint64_t calls;
    uint64_t writes;
    uint64_t delivered;
    uint64_t repeats;
    uint64_t workers; /* started */
    uint64_t faults[FAULT_COUNT];
    uint64_t notes[TR_NOTE_COUNT];
};

/* Owns:    *out needs no freeing. */
void fleet_run(const struct fleet_options *options, struct fleet_result *out);

#endif
