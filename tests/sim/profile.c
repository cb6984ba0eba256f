/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/profile.h"

#include <string.h>

#define MINUTE 60000ull
#define HOUR (60 * MINUTE)

static const struct profile profiles[] = {
    {.name = "small",
     .workers = 3,
     .shards_min = 1,
     .shards_max = 8,
     .faulty_ms = 450000,
     .calm_ms = 150000,
     .records = 2000,
     .keys = 60,
     .faults_min = 12,
     .faults_max = 40,
     .failover_min_ms = 2000,
     .failover_max_ms = 10000,
     .latest = 150,
     .stream_changes = 50,
     .rough = true,
     .describes_base = 100},
    {.name = "large",
     .workers = 20,
     .shards_min = 1000,
     .shards_max = 1000,
     .faulty_ms = 4 * MINUTE,
     .calm_ms = 4 * MINUTE,
     .records = 4000,
     .keys = 1000,
     .faults_min = 10,
     .faults_max = 25,
     .failover_min_ms = 10000,
     .failover_max_ms = 10000,
     .describes_base = 100},
    {.name = "long",
     .workers = 2,
     .shards_min = 1,
     .shards_max = 2,
     .faulty_ms = 26 * HOUR,
     .calm_ms = 10 * MINUTE,
     .records = 3000,
     .keys = 60,
     .faults_min = 20,
     .faults_max = 60,
     .failover_min_ms = 10000,
     .failover_max_ms = 10000,
     .latest = 150,
     .stream_changes = 300,
     .describes_base = 60},
};

size_t profile_count(void)
{
    return sizeof profiles / sizeof profiles[0];
}

const struct profile *profile_at(size_t i)
{
    return &profiles[i];
}

const struct profile *profile_find(const char *name)
{
    size_t i;
    for (i = 0; i < profile_count(); i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            return &profiles[i];
        }
    }
    return NULL;
}
