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
    X(LEASES_LOST_TAKEN, "tailrace_leases_lost_taken_total", "counter",                            \
      "leases lost because another worker holds them, or their owner was removed")                 \
    X(LEASES_LOST_ROW, "tailrace_leases_lost_row_total", "counter",                                \
      "leases lost because their row is gone or not understood")                                   \
    X(LEASES_LOST_UNANSWERED, "tailrace_leases_lost_unanswered_total", "counter",                  \
      "leases left to expire because their release was not answered")                              \
    X(LEASES_LAPSED, "tailrace_leases_lapsed_total", "counter",                                    \
      "times that a lease was not renewed in time and nothing was processed")                      \
    X(LEASES_STOLEN, "tailrace_leases_stolen_total", "counter",                                    \
      "leases taken from live KCL workers")                                                        \
    X(LEASES_RELEASED, "tailrace_leases_released_total", "counter",                                \
      "leases released, those at the end of their shard too")                                      \
    X(LEASES_HANDED, "tailrace_leases_handed_over_total", "counter",                               \
      "leases released because another worker asked for them")                                     \
    X(LEASE_WRITES, "tailrace_lease_writes_total", "counter",                                      \
      "writes to lease tables, one write unit each")                                               \
    X(LEASE_WRITES_FAILED, "tailrace_lease_writes_failed_total", "counter",                        \
      "writes to lease rows that were refused or not answered, renewals among them")               \
    X(LEASE_SCANS, "tailrace_lease_scans_total", "counter",                                        \
      "scans of lease tables, whole or of a part")                                                 \
    X(LEASE_READ_HALVES, "tailrace_lease_read_half_units_total", "counter",                        \
      "half read units used on lease tables, by the rows' sizes")                                  \
    X(CHECKPOINTS, "tailrace_checkpoints_total", "counter", "checkpoints written")                 \
    X(GAPS, "tailrace_gaps_total", "counter", "places where trimmed records are missing")          \
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
