/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metrics.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdatomic.h>

struct tr_metrics {
    char **consumers; /* owned, and so are the strings */
    size_t consumer_count;
    size_t at[TR_METRIC_ALL + 1]; /* of a metric's first cell among a consumer's */
    size_t cell_count;            /* of one consumer */
    _Atomic int64_t *cells;       /* owned; consumer by consumer */
};

static _Atomic int64_t of_process[TR_METRIC_ALL];

static const struct tr_metric_row rows[TR_METRIC_ALL] = {
#define TR_METRIC_ROW(id, name, type, scope, labels, values, help)                                 \
    [TR_METRIC_##id] = {name, TR_METRIC_TYPE_##type, TR_METRIC_SCOPE_##scope, labels, values, help},
    TR_METRIC_TABLE(TR_METRIC_ROW)
#undef TR_METRIC_ROW
};

const struct tr_metric_row *tr_metric_row(enum tr_metric metric)
{
    TR_ASSERT((unsigned)metric < TR_METRIC_ALL);
    return &rows[metric];
}

/* --- of the process -------------------------------------------------------------------------- */

static _Atomic int64_t *process_cell(enum tr_metric metric)
{
    TR_ASSERT((unsigned)metric < TR_METRIC_ALL && rows[metric].scope == TR_METRIC_SCOPE_PROCESS);
    return &of_process[metric];
}

void tr_metric_add(enum tr_metric metric, int64_t delta)
{
    atomic_fetch_add_explicit(process_cell(metric), delta, memory_order_relaxed);
}

void tr_metric_set(enum tr_metric metric, int64_t value)
{
    atomic_store_explicit(process_cell(metric), value, memory_order_relaxed);
}

int64_t tr_metric_get(enum tr_metric metric)
{
    return atomic_load_explicit(process_cell(metric), memory_order_relaxed);
}

/* --- label values ---------------------------------------------------------------------------- */

static bool is_gauge(enum tr_metric metric)
{
    return rows[metric].type == TR_METRIC_TYPE_GAUGE ||
           rows[metric].type == TR_METRIC_TYPE_GAUGE_MILLI;
}

/* Of the first label, or the second, all values: "a|b". */
static struct tr_bytes list_of(const char *text, bool second)
{
    struct tr_bytes rest = tr_bytes_of(text);
    struct tr_bytes first = tr_bytes_cut(&rest, ';');
    return second ? rest : first;
}

/* An absent list has one value, which is nothing. */
static size_t count_of(struct tr_bytes list)
{
    size_t count = 0;
    do {
        (void)tr_bytes_cut(&list, '|');
        count++;
    } while (list.ptr != NULL);
    return count;
}

static struct tr_bytes entry_at(struct tr_bytes list, size_t index)
{
    struct tr_bytes entry;
    do {
        entry = tr_bytes_cut(&list, '|');
    } while (index-- > 0);
    return entry;
}

static size_t find(struct tr_bytes list, const char *value)
{
    size_t i = 0;
    if (value == NULL) {
        return 0;
    }
    do {
        if (tr_bytes_is(tr_bytes_cut(&list, '|'), value)) {
            return i;
        }
        i++;
    } while (list.ptr != NULL);
    return SIZE_MAX;
}

static size_t value_count(enum tr_metric metric)
{
    return count_of(list_of(rows[metric].values, false)) *
           count_of(list_of(rows[metric].values, true));
}

size_t tr_metric_value(enum tr_metric metric, const char *first, const char *second)
{
    struct tr_bytes seconds = list_of(tr_metric_row(metric)->values, true);
    size_t a = find(list_of(rows[metric].values, false), first), b = find(seconds, second);
    return a == SIZE_MAX || b == SIZE_MAX ? SIZE_MAX : a * count_of(seconds) + b;
}

/* --- of consumers ---------------------------------------------------------------------------- */

static _Atomic int64_t *cell(const struct tr_metrics *metrics, size_t consumer,
                             enum tr_metric metric, size_t value)
{
    TR_ASSERT((unsigned)metric < TR_METRIC_ALL && rows[metric].scope == TR_METRIC_SCOPE_CONSUMER &&
              consumer < metrics->consumer_count &&
              value < metrics->at[metric + 1] - metrics->at[metric]);
    return &metrics->cells[consumer * metrics->cell_count + metrics->at[metric] + value];
}

/* Where each metric's cells lie. */
static void lay_out(struct tr_metrics *metrics)
{
    unsigned i;
    for (i = 0; i < TR_METRIC_ALL; i++) {
        metrics->at[i] = metrics->cell_count;
        if (rows[i].scope == TR_METRIC_SCOPE_CONSUMER) {
            metrics->cell_count += value_count((enum tr_metric)i);
        }
    }
    metrics->at[TR_METRIC_ALL] = metrics->cell_count;
}

static void clear_gauges(struct tr_metrics *metrics)
{
    size_t consumer, value;
    unsigned i;
    for (consumer = 0; consumer < metrics->consumer_count; consumer++) {
        for (i = 0; i < TR_METRIC_ALL; i++) {
            enum tr_metric metric = (enum tr_metric)i;
            if (rows[i].scope == TR_METRIC_SCOPE_CONSUMER && is_gauge(metric)) {
                for (value = 0; value < value_count(metric); value++) {
                    atomic_init(cell(metrics, consumer, metric, value), TR_METRIC_UNKNOWN);
                }
            }
        }
    }
}

enum tr_status tr_metrics_new(const char *const *consumers, size_t count, struct tr_metrics **out)
{
    struct tr_metrics *metrics = tr_calloc(1, sizeof *metrics);
    if (metrics == NULL) {
        return TR_ENOMEM;
    }
    lay_out(metrics);
    metrics->consumers = tr_calloc(count, sizeof *metrics->consumers);
    metrics->cells = tr_calloc(count * metrics->cell_count, sizeof *metrics->cells);
    if (metrics->consumers == NULL || metrics->cells == NULL) {
        tr_metrics_free(metrics);
        return TR_ENOMEM;
    }
    while (metrics->consumer_count < count) {
        char *name = tr_strdup(consumers[metrics->consumer_count]);
        if (name == NULL) {
            tr_metrics_free(metrics);
            return TR_ENOMEM;
        }
        metrics->consumers[metrics->consumer_count++] = name;
    }
    clear_gauges(metrics);
    *out = metrics;
    return TR_OK;
}

void tr_metrics_free(struct tr_metrics *metrics)
{
    size_t i;
    if (metrics == NULL) {
        return;
    }
    for (i = 0; i < metrics->consumer_count; i++) {
        tr_free(metrics->consumers[i]);
    }
    tr_free(metrics->consumers);
    tr_free(metrics->cells);
    tr_free(metrics);
}

void tr_metrics_add(struct tr_metrics *metrics, size_t consumer, enum tr_metric metric,
                    size_t value, int64_t delta)
{
    atomic_fetch_add_explicit(cell(metrics, consumer, metric, value), delta, memory_order_relaxed);
}

void tr_metrics_set(struct tr_metrics *metrics, size_t consumer, enum tr_metric metric,
                    size_t value, int64_t to)
{
    atomic_store_explicit(cell(metrics, consumer, metric, value), to, memory_order_relaxed);
}

int64_t tr_metrics_get(const struct tr_metrics *metrics, size_t consumer, enum tr_metric metric,
                       size_t value)
{
    return atomic_load_explicit(cell(metrics, consumer, metric, value), memory_order_relaxed);
}

int64_t tr_metrics_sum(const struct tr_metrics *metrics, enum tr_metric metric)
{
    int64_t sum = 0;
    size_t consumer, value, count = value_count(metric);
    for (consumer = 0; consumer < metrics->consumer_count; consumer++) {
        for (value = 0; value < count; value++) {
            int64_t one = tr_metrics_get(metrics, consumer, metric, value);
            sum += one == TR_METRIC_UNKNOWN ? 0 : one;
        }
    }
    return sum;
}

/* --- as text --------------------------------------------------------------------------------- */

/* A label's value: backslash, quote and line feed are escaped. */
static void add_quoted(struct tr_buf *out, struct tr_bytes text)
{
    size_t i;
    tr_buf_add_char(out, '"');
    for (i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            tr_buf_add_str(out, "\\n");
            continue;
        }
        if (text.ptr[i] == '"' || text.ptr[i] == '\\') {
            tr_buf_add_char(out, '\\');
        }
        tr_buf_add_char(out, text.ptr[i]);
    }
    tr_buf_add_char(out, '"');
}

static void add_label(struct tr_buf *out, bool *some, struct tr_bytes name, struct tr_bytes value)
{
    tr_buf_add_char(out, *some ? ',' : '{');
    tr_buf_add(out, name);
    tr_buf_add_char(out, '=');
    add_quoted(out, value);
    *some = true;
}

/* Labels that go together: "x,y" and "1,2". */
static void add_labels(struct tr_buf *out, bool *some, struct tr_bytes names,
                       struct tr_bytes values)
{
    while (names.ptr != NULL && names.len > 0) {
        struct tr_bytes name = tr_bytes_cut(&names, ',');
        add_label(out, some, name, tr_bytes_cut(&values, ','));
    }
}

static void add_number(struct tr_buf *out, enum tr_metric metric, int64_t number)
{
    bool milli = rows[metric].type == TR_METRIC_TYPE_COUNTER_MILLI ||
                 rows[metric].type == TR_METRIC_TYPE_GAUGE_MILLI;
    uint64_t size = number < 0 ? (uint64_t)0 - (uint64_t)number : (uint64_t)number;
    const char *sign = number < 0 ? "-" : "";
    if (milli) {
        tr_buf_printf(out, " %s%llu.%03llu\n", sign, (unsigned long long)(size / 1000),
                      (unsigned long long)(size % 1000));
    } else {
        tr_buf_printf(out, " %s%llu\n", sign, (unsigned long long)size);
    }
}

static void add_head(struct tr_buf *out, enum tr_metric metric)
{
    const struct tr_metric_row *row = &rows[metric];
    tr_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
                  is_gauge(metric) ? "gauge" : "counter");
}

static void add_series(struct tr_buf *out, const struct tr_metrics *metrics, size_t consumer,
                       enum tr_metric metric, size_t value)
{
    const struct tr_metric_row *row = &rows[metric];
    struct tr_bytes seconds = list_of(row->values, true);
    size_t second_count = count_of(seconds);
    int64_t number = tr_metrics_get(metrics, consumer, metric, value);
    bool some = false;

    if (number == TR_METRIC_UNKNOWN) {
        return;
    }
    tr_buf_add_str(out, row->name);
    add_label(out, &some, TR_LIT("consumer"), tr_bytes_of(metrics->consumers[consumer]));
    add_labels(out, &some, list_of(row->labels, false),
               entry_at(list_of(row->values, false), value / second_count));
    add_labels(out, &some, list_of(row->labels, true), entry_at(seconds, value % second_count));
    tr_buf_add_char(out, '}');
    add_number(out, metric, number);
}

void tr_metrics_print(const struct tr_metrics *metrics, struct tr_buf *out)
{
    size_t consumer, value;
    unsigned i;
    for (i = 0; i < TR_METRIC_ALL; i++) {
        enum tr_metric metric = (enum tr_metric)i;
        if (rows[i].scope == TR_METRIC_SCOPE_PROCESS) {
            add_head(out, metric);
            tr_buf_add_str(out, rows[i].name);
            add_number(out, metric, tr_metric_get(metric));
            continue;
        }
        if (metrics == NULL) {
            continue;
        }
        add_head(out, metric);
        for (consumer = 0; consumer < metrics->consumer_count; consumer++) {
            for (value = 0; value < value_count(metric); value++) {
                add_series(out, metrics, consumer, metric, value);
            }
        }
    }
}
