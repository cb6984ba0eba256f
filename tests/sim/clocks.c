/* SPDX-License-Identifier: Apache-2.0
 *
 * Each worker has clocks of its own: a monotonic one whose rate is wrong by up to one per cent, and
 * a wall clock that is off and may jump. The AWS client follows the service's Date headers. */
#include "tests/sim/inside.h"

#define PPM_MAX 10000

void clock_init(struct world *world, struct clock *clock)
{
    bool exact = !world->options.bad_clocks;
    *clock = (struct clock){.born_ms = world->now_ms};
    clock->origin_ns = (1 + (exact ? 0 : world_below(world, 1000000))) * TR_NS_PER_S;
    if (exact) {
        return;
    }
    clock->ppm = (int64_t)world_below(world, 2 * PPM_MAX + 1) - PPM_MAX;
    if (world_chance(world, 500)) {
        clock->wall_ahead_ms = (int64_t)world_below(world, 240001) - 120000;
    }
}

struct tr_mono clock_mono(const struct world *world, const struct clock *clock)
{
    uint64_t rate = (uint64_t)((int64_t)TR_NS_PER_MS + clock->ppm);
    return (struct tr_mono){clock->origin_ns + (world->now_ms - clock->born_ms) * rate};
}

uint64_t clock_true_ms(const struct world *world, const struct clock *clock, struct tr_mono when)
{
    uint64_t rate = (uint64_t)((int64_t)TR_NS_PER_MS + clock->ppm);
    uint64_t at;
    if (when.ns == UINT64_MAX) {
        return UINT64_MAX;
    }
    at = clock->born_ms +
         (when.ns > clock->origin_ns ? (when.ns - clock->origin_ns + rate - 1) / rate : 0);
    return at > world->now_ms ? at : world->now_ms;
}

struct tr_wall clock_host(const struct world *world, const struct clock *clock)
{
    return (struct tr_wall){world_wall(world).ms + clock->wall_ahead_ms};
}

struct tr_wall clock_service(const struct world *world, const struct clock *clock)
{
    return (struct tr_wall){clock_host(world, clock).ms + clock->followed_ms};
}

/* As aws/client.c does it. */
void clock_follow(const struct world *world, struct clock *clock, struct tr_wall date,
                  struct tr_mono launched)
{
    int64_t here = clock_host(world, clock).ms;
    int64_t latest =
        date.ms + 1000 + (int64_t)tr_mono_ms_between(launched, clock_mono(world, clock));
    if (here + clock->followed_ms < date.ms) {
        clock->followed_ms = date.ms - here;
    } else if (here + clock->followed_ms > latest) {
        clock->followed_ms = latest - here;
    }
}
