/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

struct tr_mono tr_clock_mono(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_BOOTTIME, &t);
    return (struct tr_mono){(uint64_t)t.tv_sec * TR_NS_PER_S + (uint64_t)t.tv_nsec + 1};
}

struct tr_wall tr_clock_wall(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (struct tr_wall){(int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000};
}
