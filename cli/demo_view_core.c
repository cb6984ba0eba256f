/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/demo_view.h"

#define LINE_SIZE 320u
#define BAR_MAX 8u

void tr_demo_view_sample(struct tr_demo_view *view, uint64_t written_per_s,
                         uint64_t processed_per_s)
{
    if (view->spark_count == TR_DEMO_SPARK_MAX) {
        view->spark_count--;
        memmove(view->written_per_s, view->written_per_s + 1,
                view->spark_count * sizeof view->written_per_s[0]);
        memmove(view->processed_per_s, view->processed_per_s + 1,
                view->spark_count * sizeof view->processed_per_s[0]);
    }
    view->written_per_s[view->spark_count] = written_per_s;
    view->processed_per_s[view->spark_count++] = processed_per_s;
}

void tr_demo_view_event(struct tr_demo_view *view, const char *text)
{
    if (view->event_count == TR_DEMO_EVENTS_MAX) {
        view->event_count--;
        memmove(view->events, view->events + 1, view->event_count * sizeof view->events[0]);
    }
    (void)snprintf(view->events[view->event_count++], sizeof view->events[0], "%s", text);
}

/* A line, cut to the columns: a character of UTF-8 is one column wide here, a colour none. */
static void add_toned(const struct tr_demo_view *view, struct tr_buf *out, enum tr_demo_tone tone,
                      const char *text, size_t *count)
{
    static const char *const tones[] = {"", "\033[32m", "\033[33m", "\033[31m", "\033[2m"};
    bool toned = view->color && tone != TR_DEMO_PLAIN;
    size_t columns = 0, at;
    for (at = 0; text[at] != '\0'; at++) {
        bool starts = ((unsigned char)text[at] & 0xc0u) != 0x80u;
        if (starts && columns == view->columns) {
            break;
        }
        columns += starts;
    }
    tr_buf_add_str(out, toned ? tones[tone] : "");
    tr_buf_add(out, (struct tr_bytes){text, at});
    tr_buf_add_str(out, toned ? "\033[0m\n" : "\n");
    ++*count;
}

static void add_line(const struct tr_demo_view *view, struct tr_buf *out, const char *text,
                     size_t *count)
{
    add_toned(view, out, TR_DEMO_PLAIN, text, count);
}

/* Small bars for the last rates, against the highest of both rows. */
static void add_spark(const struct tr_demo_view *view, const uint64_t *rates, char *text,
                      size_t size)
{
    static const char *const bars[2][9] = {
        {" ", "_", "_", ".", ".", "-", "-", "=", "#"},
        {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
    };
    uint64_t highest = 1;
    size_t i, used = 0;

    for (i = 0; i < view->spark_count; i++) {
        highest = view->written_per_s[i] > highest ? view->written_per_s[i] : highest;
        highest = view->processed_per_s[i] > highest ? view->processed_per_s[i] : highest;
    }
    text[0] = '\0';
    for (i = 0; i < view->spark_count && used + 4 < size; i++) {
        size_t bar = (size_t)((rates[i] * 8 + highest - 1) / highest);
        used += (size_t)snprintf(text + used, size - used, "%s", bars[view->utf8][bar]);
    }
}

static void add_rate_line(const struct tr_demo_view *view, struct tr_buf *out, const char *name,
                          uint64_t total, const uint64_t *rates, size_t *count)
{
    char line[LINE_SIZE], spark[TR_DEMO_SPARK_MAX * 4 + 1];
    add_spark(view, rates, spark, sizeof spark);
    (void)snprintf(line, sizeof line, "  %-10s %9llu  %6llu/s  %s", name, (unsigned long long)total,
                   (unsigned long long)(view->spark_count > 0 ? rates[view->spark_count - 1] : 0),
                   spark);
    add_line(view, out, line, count);
}

/* A block for each shard that the worker holds, up to eight. */
static void add_bar(const struct tr_demo_view *view, size_t held, char *text, size_t size)
{
    size_t used = 0, i;
    text[0] = '\0';
    for (i = 0; i < held && i < BAR_MAX && used + 4 < size; i++) {
        used += (size_t)snprintf(text + used, size - used, "%s", view->utf8 ? "█" : "#");
    }
    for (; i < BAR_MAX && used + 2 < size; i++) {
        used += (size_t)snprintf(text + used, size - used, " ");
    }
}

static void add_workers(const struct tr_demo_view *view, struct tr_buf *out, size_t *count)
{
    char line[LINE_SIZE], bar[BAR_MAX * 4 + 1];
    size_t i;
    for (i = 0; i < view->worker_count; i++) {
        const struct tr_demo_worker *worker = &view->workers[i];
        add_bar(view, worker->held, bar, sizeof bar);
        (void)snprintf(line, sizeof line, "  worker %-3zu %-9s %s %2zu  %s", i + 1, worker->state,
                       bar, worker->held, worker->shards);
        add_toned(view, out, worker->tone, line, count);
    }
    (void)snprintf(line, sizeof line, "  %-10s %zu open, %zu of them without a reader, %zu ended",
                   "shards", view->shards_open, view->shards_unheld, view->shards_ended);
    add_line(view, out, line, count);
}

size_t tr_demo_view_frame(const struct tr_demo_view *view, struct tr_buf *out)
{
    uint64_t lag = view->written > view->processed ? view->written - view->processed : 0;
    char line[LINE_SIZE];
    size_t count = 0, i;

    (void)snprintf(line, sizeof line, "%s  %02llu:%02llu  %s", view->title,
                   (unsigned long long)(view->elapsed_ms / 60000),
                   (unsigned long long)(view->elapsed_ms / 1000 % 60), view->phase);
    add_line(view, out, line, &count);
    add_line(view, out, "", &count);
    add_rate_line(view, out, "written", view->written, view->written_per_s, &count);
    add_rate_line(view, out, "processed", view->processed, view->processed_per_s, &count);
    (void)snprintf(line, sizeof line, "  %-10s %9llu  %llu delivered twice", "to do",
                   (unsigned long long)lag, (unsigned long long)view->twice);
    add_line(view, out, line, &count);
    add_workers(view, out, &count);
    for (i = 0; i < view->event_count; i++) {
        (void)snprintf(line, sizeof line, "  %-10s %s", i == 0 ? "events" : "", view->events[i]);
        add_line(view, out, line, &count);
    }
    return count;
}
