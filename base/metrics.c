/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metrics.h"

#include "base/assert.h"

#include <stdatomic.h>

static _Atomic int64_t values[TR_METRIC_COUNT];

static const char *const names[TR_METRIC_COUNT] = {
#define TR_METRIC_NAME(id, name, type, help) [TR_METRIC_##id] = name,
    TR_METRIC_TABLE(TR_METRIC_NAME)
#undef TR_METRIC_NAME
};

void tr_metric_add(enum tr_metric metric, int64_t delta)
{
    TR_ASSERT((unsigned)metric < TR_METRIC_COUNT);
    atomic_fetch_add_explicit(&values[metric], delta, memory_order_relaxed);
}

int64_t tr_metric_get(enum tr_metric metric)
{
    TR_ASSERT((unsigned)metric < TR_METRIC_COUNT);
    return atomic_load_explicit(&values[metric], memory_order_relaxed);
}

const char *tr_metric_name(enum tr_metric metric)
{
    TR_ASSERT((unsigned)metric < TR_METRIC_COUNT);
    return names[metric];
}
