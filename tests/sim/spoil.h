/* SPDX-License-Identifier: Apache-2.0
 *
 * Somebody edits the lease table by hand: an attribute gets a value that makes no sense, or the row
 * goes, at the moment at which it hurts, and is put right some time later. What is chosen is drawn
 * apart from the world's own random numbers. */
#ifndef TR_TESTS_SIM_SPOIL_H
#define TR_TESTS_SIM_SPOIL_H

#include "tests/sim/world.h"

struct spoil;

/* Begin at `from_ms`; from `to_ms` on all rows are as they should be.
 * Owns:    free with spoil_free, after the world has stood still. */
struct spoil *spoil_new(struct world *world, uint64_t seed, uint64_t from_ms, uint64_t to_ms);
void spoil_free(struct spoil *spoil);

#endif
