/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/inside.h"

#include <stdarg.h>

void world_trace(struct world *world, size_t index, const char *fmt, ...)
{
    va_list args;
    if (index < world->worker_count) {
        (void)fprintf(world->trace, "%9llu.%03llu  %-12s ",
                      (unsigned long long)(world->now_ms / 1000),
                      (unsigned long long)(world->now_ms % 1000), world->workers[index].id);
    } else {
        (void)fprintf(world->trace, "%9llu.%03llu  %-12s ",
                      (unsigned long long)(world->now_ms / 1000),
                      (unsigned long long)(world->now_ms % 1000), "world");
    }
    va_start(args, fmt);
    (void)vfprintf(world->trace, fmt, args);
    va_end(args);
    (void)fputc('\n', world->trace);
}
