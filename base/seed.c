/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/random.h"

#include <sys/random.h>
#include <unistd.h>

uint64_t tr_random_seed(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        seed = tr_clock_mono().ns ^ ((uint64_t)getpid() << 32);
    }
    return seed;
}
