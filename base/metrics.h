/* SPDX-License-Identifier: Apache-2.0
 *
 * The metrics registry: one table of counters and gauges of the process. Names and units are
 * Prometheus's (base units, _total for counters). */
#ifndef TR_BASE_METRICS_H
#define TR_BASE_METRICS_H

#include "base/buf.h"

/* id, name, type, help */
#define TR_METRIC_TABLE(X)                                                                         \
    X(RECORDS_FETCHED, "tailrace_records_fetched_total", "counter", "records received")            \
    X(RECORDS_DONE, "tailrace_records_processed_total", "counter", "records acknowledged")         \
    X(BYTES_FETCHED, "tailrace_page_bytes_total", "counter", "bytes of pages received")            \
    X(PAGES, "tailrace_pages_total", "counter", "pages received")                                  \
    X(PAGES_EMPTY, "tailrace_pages_empty_total", "counter", "pages without a record")              \
    X(CALLS, "tailrace_calls_total", "counter", "calls to the services, retries included")         \
    X(CALLS_RETRIED, "tailrace_calls_retried_total", "counter", "calls that were repeated")        \
    X(CALLS_THROTTLED, "tailrace_calls_throttled_total", "counter", "calls that were throttled")   \
    X(CALLS_FAILED, "tailrace_calls_failed_total", "counter", "calls given up after retries")      \
    X(LEASES_HELD, "tailrace_leases_held", "gauge", "leases held now")                             \
    X(LEASES_TAKEN, "tailrace_leases_taken_total", "counter", "leases taken")                      \
    X(LEASES_LOST, "tailrace_leases_lost_total", "counter", "leases lost, not released")           \
    X(LEASE_WRITES, "tailrace_lease_writes_total", "counter", "writes to lease tables")            \
    X(CHECKPOINTS, "tailrace_checkpoints_total", "counter", "checkpoints written")                 \
    X(GAPS, "tailrace_gaps_total", "counter", "places where trimmed records are missing")          \
    X(SHARDS_STOPPED, "tailrace_shards_stopped", "gauge", "shards that on_gap: stop holds")        \
    X(PROCESS_FAILURES, "tailrace_processor_failures_total", "counter", "failed batches")          \
    X(PAGES_HELD_BYTES, "tailrace_pages_held_bytes", "gauge", "pages fetched and not processed")

enum tr_metric {
#define TR_METRIC_ENUM(id, name, type, help) TR_METRIC_##id,
    TR_METRIC_TABLE(TR_METRIC_ENUM)
#undef TR_METRIC_ENUM
        TR_METRIC_COUNT
};

/* Add (a gauge may go down: pass a negative number). Threads: any. */
void tr_metric_add(enum tr_metric metric, int64_t delta);
/* The present value. Threads: any. */
int64_t tr_metric_get(enum tr_metric metric);
/* The name in the table. */
const char *tr_metric_name(enum tr_metric metric);

#endif
