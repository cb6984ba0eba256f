/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

void tr_random_init(struct tr_random *random, uint64_t seed)
{
    random->state = seed;
}

uint64_t tr_random_u64(struct tr_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t tr_random_below(struct tr_random *random, uint64_t bound)
{
    return bound > 0 ? tr_random_u64(random) % bound : 0;
}
