/* SPDX-License-Identifier: Apache-2.0
 *
 * What was reached: states and moves of the cores' state machines, notes, faults. */
#ifndef TR_TESTS_SIM_COVERAGE_H
#define TR_TESTS_SIM_COVERAGE_H

#include "base/mutant.h"
#include "tests/sim/fleet.h"

struct coverage {
    uint64_t faults[FAULT_COUNT];
    uint64_t notes[TR_NOTE_COUNT];
    uint64_t moves[TR_MACHINE_COUNT][TR_MACHINE_STATES_MAX][TR_MACHINE_STATES_MAX];
};

/* Add a run's, and the moves counted since the last call. */
void coverage_add(struct coverage *coverage, const struct fleet_result *result);
void coverage_sum(struct coverage *sum, const struct coverage *more);
/* What was reached, and what was not although a fleet of that profile can. */
void coverage_print(const struct coverage *coverage, const struct profile *profile);

#endif
