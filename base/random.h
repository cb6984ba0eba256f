/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers that a seed replays exactly (SplitMix64): for jitter and simulated services. Not
 * for secrets. */
#ifndef TR_BASE_RANDOM_H
#define TR_BASE_RANDOM_H

#include <stdint.h>

struct tr_random {
    uint64_t state;
};

/* Start the row of numbers that belongs to the seed. */
void tr_random_init(struct tr_random *random, uint64_t seed);
/* The next number, evenly from all of them. */
uint64_t tr_random_u64(struct tr_random *random);
/* Evenly from 0 .. bound-1; 0 when bound is 0. */
uint64_t tr_random_below(struct tr_random *random, uint64_t bound);

/* A seed from the kernel (getrandom), for shells. Threads: any. */
uint64_t tr_random_seed(void);

#endif
