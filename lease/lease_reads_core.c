/* SPDX-License-Identifier: Apache-2.0
 *
 * The budget of reading: one pure function from the table's size and the fleet's to an interval, a
 * number of parts and what that costs. Crash to takeover is one failover time, the interval and
 * little more, so the interval is what may be afforded. */
#include "lease/lease_reads.h"

#define PAGE_BYTES 4096u /* half a unit, eventually consistent */
#define MIDDLE_BYTES (5u * PAGE_BYTES)
#define SEGMENTS_MAX 64u
#define HOUR_MS 3600000u

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Half units of a read of that many bytes. */
static uint64_t halves(uint64_t bytes)
{
    return bytes == 0 ? 1 : (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
}

/* Units of a round, in 64ths. A part costs half a page more than its share on the average, for it
 * is rounded up. Every part is read by two workers; every second round, one more by turns. */
static uint64_t round_cost(const struct tr_lease_reads *plan, size_t bytes, size_t workers)
{
    uint64_t part;
    if (plan->segments <= 1) {
        return 32 * halves(bytes);
    }
    part = 32 * (uint64_t)bytes / plan->segments / PAGE_BYTES + 16;
    part = part < 32 ? 32 : part;
    return part * (4 * plan->segments + workers) / (2 * workers);
}

struct tr_lease_reads tr_lease_reads_plan(uint64_t failover_ms, size_t bytes, size_t workers,
                                          bool quiet)
{
    struct tr_lease_reads plan = {.segments = 1, .bell_ms = clamp(failover_ms / 10, 250, 1000)};
    if (quiet) {
        plan.class = TR_LEASE_READS_QUIET;
        plan.interval_ms = failover_ms * 5 / 2;
    } else if (bytes <= PAGE_BYTES) {
        plan.class = TR_LEASE_READS_SMALL;
        plan.interval_ms = clamp(failover_ms / 20, 250, 1000);
        plan.bell_ms = 0;
    } else if (bytes <= MIDDLE_BYTES) {
        plan.class = TR_LEASE_READS_MIDDLE;
        plan.interval_ms = failover_ms / 5;
    } else if (workers < 3) {
        plan.class = TR_LEASE_READS_LARGE;
        plan.interval_ms = failover_ms * 2 / 5;
    } else {
        plan.class = TR_LEASE_READS_SHARED;
        plan.interval_ms = failover_ms * 7 / 20;
        plan.segments = (unsigned)(workers < SEGMENTS_MAX ? workers : SEGMENTS_MAX);
    }
    plan.units_hour =
        HOUR_MS / plan.interval_ms * round_cost(&plan, bytes, workers > 0 ? workers : 1) / 64;
    plan.units_hour += plan.bell_ms > 0 ? HOUR_MS / plan.bell_ms / 2 : 0;
    return plan;
}

const char *tr_lease_reads_text(enum tr_lease_reads_class class)
{
    static const char *const texts[TR_LEASE_READS_COUNT] = {
#define TR_LEASE_READS_TEXT(id, text, doc) text,
        TR_LEASE_READS_TABLE(TR_LEASE_READS_TEXT)
#undef TR_LEASE_READS_TEXT
    };
    return texts[class];
}

bool tr_lease_reads_watches(const struct tr_lease_reads *plan, size_t workers, size_t rank,
                            unsigned segment)
{
    size_t home;
    if (plan->segments <= 1 || workers < 3) {
        return true;
    }
    home = (size_t)segment * workers / plan->segments;
    return (rank + workers - home) % workers < 2;
}
