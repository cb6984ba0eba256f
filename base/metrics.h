/* SPDX-License-Identifier: Apache-2.0
 *
 * The metrics: one table of counters and gauges, in Prometheus's words (base units, _total for
 * counters). Those of the process may be counted from anywhere; those of a worker's consumers lie
 * in a struct tr_metrics. A label has a fixed list of values, so the number of series is bounded by
 * the configuration. */
#ifndef TR_BASE_METRICS_H
#define TR_BASE_METRICS_H

#include "base/buf.h"

/* What is called, and what becomes of it (tr_metric_outcome). */
#define TR_METRIC_OPERATIONS                                                                       \
    "dynamodb,DescribeTable|dynamodb,CreateTable|dynamodb,Scan|dynamodb,Query|dynamodb,GetItem|"   \
    "dynamodb,PutItem|dynamodb,UpdateItem|dynamodb,DeleteItem|dynamodb,other|"                     \
    "streams,ListStreams|streams,DescribeStream|streams,GetShardIterator|streams,GetRecords|"      \
    "streams,other"
#define TR_METRIC_OUTCOMES "ok|condition|gone|throttled|unanswered|failed"
/* Why a lease was lost. */
#define TR_METRIC_LOSSES "other_worker|owner_removed|same_id|row_gone|row_bad|unanswered|other"

/* id, name, type, scope, labels, values, help.
 * type: COUNTER, GAUGE; with _MILLI they are counted in thousandths (ms of a number of seconds).
 * scope: PROCESS, or CONSUMER, which gives the label `consumer`.
 * labels and values: further labels with all values that they may have, "reason" and "a|b|c"; two
 * independent labels "reason;state" and "a|b;c|d"; labels that go together "x,y" and "1,2|3,4". */
#define TR_METRIC_TABLE(X)                                                                         \
    X(RECORDS_FETCHED, "tailrace_records_fetched_total", COUNTER, CONSUMER, "", "",                \
      "records received")                                                                          \
    X(RECORDS_DONE, "tailrace_records_processed_total", COUNTER, CONSUMER, "", "",                 \
      "records that the processor is done with; those delivered again count again")                \
    X(PROCESS_FAILURES, "tailrace_processor_failures_total", COUNTER, CONSUMER, "", "",            \
      "batches that failed and are tried again")                                                   \
    X(LAG, "tailrace_lag_seconds", GAUGE_MILLI, CONSUMER, "", "",                                  \
      "age of the last record done, of the shard that is furthest behind; 0: all shards held are " \
      "at their tip; absent while unknown")                                                        \
    X(LAG_UNKNOWN, "tailrace_lag_unknown_shards", GAUGE, CONSUMER, "", "",                         \
      "shards held of which the lag is not known: nothing is done yet, and no tip was met")        \
    X(GAPS, "tailrace_gaps_total", COUNTER, CONSUMER, "", "",                                      \
      "places where records are missing, trimmed before they were read")                           \
    X(SHARDS_STOPPED, "tailrace_shards_stopped", GAUGE, CONSUMER, "", "",                          \
      "shards that on_gap: stop holds")                                                            \
    X(SHARDS_LOST, "tailrace_shards_lost_total", COUNTER, CONSUMER, "", "",                        \
      "shards that were gone unread")                                                              \
    X(LISTINGS, "tailrace_listings_total", COUNTER, CONSUMER, "", "",                              \
      "full listings of a stream's shards")                                                        \
    X(LISTINGS_PART, "tailrace_listings_part_total", COUNTER, CONSUMER, "", "",                    \
      "listings of newer shards only")                                                             \
    X(ROWS_DELETED, "tailrace_lease_rows_deleted_total", COUNTER, CONSUMER, "", "",                \
      "ended rows deleted")                                                                        \
    X(BYTES_FETCHED, "tailrace_page_bytes_total", COUNTER, CONSUMER, "", "",                       \
      "bytes of pages received")                                                                   \
    X(PAGES, "tailrace_pages_total", COUNTER, CONSUMER, "", "", "pages received")                  \
    X(PAGES_EMPTY, "tailrace_pages_empty_total", COUNTER, CONSUMER, "", "",                        \
      "pages without a record")                                                                    \
    X(PAGES_HELD_BYTES, "tailrace_pages_held_bytes", GAUGE, PROCESS, "", "",                       \
      "pages fetched and not processed, all consumers together")                                   \
    X(LEASES_HELD, "tailrace_leases_held", GAUGE, CONSUMER, "", "",                                \
      "leases held now, also those that have lapsed and were not lost yet")                        \
    X(LEASES_TAKEN, "tailrace_leases_taken_total", COUNTER, CONSUMER, "", "", "leases taken")      \
    X(LEASES_STOLEN, "tailrace_leases_stolen_total", COUNTER, CONSUMER, "", "",                    \
      "of these, taken from live KCL workers")                                                     \
    X(LEASES_LOST, "tailrace_leases_lost_total", COUNTER, CONSUMER, "reason", TR_METRIC_LOSSES,    \
      "leases lost, not released")                                                                 \
    X(LEASES_LAPSED, "tailrace_leases_lapsed_total", COUNTER, CONSUMER, "", "",                    \
      "times that a lease was not renewed in time, so that its shard waited")                      \
    X(LEASES_RELEASED, "tailrace_leases_released_total", COUNTER, CONSUMER, "", "",                \
      "leases released on purpose")                                                                \
    X(LEASES_HANDED_OVER, "tailrace_leases_handed_over_total", COUNTER, CONSUMER, "", "",          \
      "of these, released because another worker had asked")                                       \
    X(LEASE_WRITES_FAILED, "tailrace_lease_writes_failed_total", COUNTER, CONSUMER, "", "",        \
      "renewals and other writes of leases without an answer or with a failure; tried again")      \
    X(LEASE_WRITES, "tailrace_lease_writes_total", COUNTER, CONSUMER, "", "",                      \
      "writes sent to the lease table")                                                            \
    X(LEASE_WRITE_UNITS, "tailrace_lease_table_write_units_total", COUNTER, CONSUMER, "", "",      \
      "write units of the lease table, reckoned: one a write, since rows are below 1 KB")          \
    X(LEASE_READ_UNITS, "tailrace_lease_table_read_units_total", COUNTER_MILLI, CONSUMER, "", "",  \
      "read units of the lease table, reckoned from the bytes of the answers")                     \
    X(CHECKPOINTS, "tailrace_checkpoints_total", COUNTER, CONSUMER, "", "", "checkpoints written") \
    X(CALLS, "tailrace_calls_total", COUNTER, CONSUMER, "service,operation;outcome",               \
      TR_METRIC_OPERATIONS ";" TR_METRIC_OUTCOMES,                                                 \
      "calls to the services by what became of them; one that was repeated counts once")           \
    X(ATTEMPTS, "tailrace_call_attempts_total", COUNTER, PROCESS, "", "",                          \
      "requests sent to the services, repetitions included")                                       \
    X(CALLS_RETRIED, "tailrace_call_repetitions_total", COUNTER, PROCESS, "", "",                  \
      "requests that were repetitions")                                                            \
    X(CALLS_THROTTLED, "tailrace_call_throttles_total", COUNTER, PROCESS, "", "",                  \
      "requests that were throttled")

enum tr_metric {
#define TR_METRIC_ENUM(id, name, type, scope, labels, values, help) TR_METRIC_##id,
    TR_METRIC_TABLE(TR_METRIC_ENUM)
#undef TR_METRIC_ENUM
        TR_METRIC_ALL
};

enum tr_metric_type {
    TR_METRIC_TYPE_COUNTER,
    TR_METRIC_TYPE_COUNTER_MILLI,
    TR_METRIC_TYPE_GAUGE,
    TR_METRIC_TYPE_GAUGE_MILLI,
};
enum tr_metric_scope { TR_METRIC_SCOPE_PROCESS, TR_METRIC_SCOPE_CONSUMER };

struct tr_metric_row {
    const char *name;
    enum tr_metric_type type;
    enum tr_metric_scope scope;
    const char *labels;
    const char *values;
    const char *help;
};

/* The table's row. Owns: static. Threads: any. */
const struct tr_metric_row *tr_metric_row(enum tr_metric metric);

/* --- of the process --- */

/* Count (a gauge may go down: pass a negative number); set a gauge; the present value. The metric
 * is one of scope PROCESS.
 * Threads: any. */
void tr_metric_add(enum tr_metric metric, int64_t delta);
void tr_metric_set(enum tr_metric metric, int64_t value);
int64_t tr_metric_get(enum tr_metric metric);

/* --- of a worker's consumers --- */

struct tr_metrics;

/* A gauge that has no value now; it is not shown. Gauges begin like this, counters at 0. */
#define TR_METRIC_UNKNOWN INT64_MIN

/* Counters for these consumers.
 * Errors:  TR_ENOMEM. Owns: names copied; *out returned (free with tr_metrics_free). */
enum tr_status tr_metrics_new(const char *const *consumers, size_t count,
                              struct tr_metrics **out) TR_MUST_CHECK;
void tr_metrics_free(struct tr_metrics *metrics);

/* The number of a label's value; `second` for the second of two independent labels, else NULL.
 * Errors:  SIZE_MAX: the table has no such value. */
size_t tr_metric_value(enum tr_metric metric, const char *first, const char *second);

/* Count, set, get. The metric is one of scope CONSUMER; `value` is 0 where it has no further label.
 * Threads: any. */
void tr_metrics_add(struct tr_metrics *metrics, size_t consumer, enum tr_metric metric,
                    size_t value, int64_t delta);
void tr_metrics_set(struct tr_metrics *metrics, size_t consumer, enum tr_metric metric,
                    size_t value, int64_t to);
int64_t tr_metrics_get(const struct tr_metrics *metrics, size_t consumer, enum tr_metric metric,
                       size_t value);
/* Over all consumers and values. */
int64_t tr_metrics_sum(const struct tr_metrics *metrics, enum tr_metric metric);

/* Append all of it in the Prometheus text format 0.0.4: families in the table's order, consumers in
 * theirs. NULL: only the process's.
 * Errors:  look at the buffer's status.
 * Threads: any; each number is as it was at some moment during the call. */
void tr_metrics_print(const struct tr_metrics *metrics, struct tr_buf *out);

#endif
