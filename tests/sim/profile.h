/* SPDX-License-Identifier: Apache-2.0
 *
 * The kinds of fleets that are simulated: one table. */
#ifndef TR_TESTS_SIM_PROFILE_H
#define TR_TESTS_SIM_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct profile {
    const char *name;
    unsigned workers;
    unsigned shards_min, shards_max;
    uint64_t faulty_ms; /* things go wrong */
    uint64_t calm_ms;   /* then all is well for so long: everything settles and drains */
    unsigned records;
    unsigned keys;
    unsigned faults_min, faults_max;
    uint64_t failover_min_ms, failover_max_ms;
    unsigned latest;         /* of a thousand fleets: they start at latest */
    uint64_t describes_base; /* calls of DescribeStream a minute, without those for ends */
    unsigned stream_changes; /* of a thousand fleets: the stream is turned off and on */
    bool rough;              /* some fleets have a rough start and a long wait */
};

/* The table, row by row. */
size_t profile_count(void);
const struct profile *profile_at(size_t i);
/* By its name, or NULL. */
const struct profile *profile_find(const char *name);

#endif
