/* SPDX-License-Identifier: Apache-2.0
 *
 * A class of fleets with a rough start and a long wait: the lease table takes its time, or goes as
 * soon as it is there; workers are stopped before they run; answers have no date at first; gaps
 * stop a shard; processors refuse for good; pages are damaged; batches hang for so long that
 * iterators are too old. What is chosen is drawn apart from the world's own random numbers. */
#ifndef TR_TESTS_SIM_ROUGH_H
#define TR_TESTS_SIM_ROUGH_H

#include "tests/sim/world.h"

/* The long wait, in which nothing else goes wrong. */
#define ROUGH_WAIT_MS (12u * 60 * 1000)

struct rough;

/* How the world is to be made. */
void rough_options(struct world_options *options);
/* Begin, in a world of such options: faults come until `faulty_ms`, then the wait.
 * Owns:    free with rough_free, after the world has stood still. */
struct rough *rough_new(struct world *world, uint64_t faulty_ms);
void rough_free(struct rough *rough);

#endif
