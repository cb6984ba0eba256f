/* SPDX-License-Identifier: Apache-2.0
 *
 * The demo's picture of itself on a terminal, as text: numbers in, lines out. Pure. */
#ifndef TR_CLI_DEMO_VIEW_H
#define TR_CLI_DEMO_VIEW_H

#include "base/buf.h"

#define TR_DEMO_SPARK_MAX 24u
#define TR_DEMO_WORKERS_MAX 12u
#define TR_DEMO_EVENTS_MAX 10u

enum tr_demo_tone { TR_DEMO_PLAIN, TR_DEMO_GOOD, TR_DEMO_WARN, TR_DEMO_BAD, TR_DEMO_FAINT };

struct tr_demo_worker {
    const char *state; /* "runs", "killed" */
    enum tr_demo_tone tone;
    size_t held;
    char shards[160]; /* that it holds, in short */
};

struct tr_demo_view {
    const char *title;
    const char *phase; /* what happens now */
    uint64_t elapsed_ms;
    uint64_t written, processed, twice;
    uint64_t written_per_s[TR_DEMO_SPARK_MAX]; /* oldest first */
    uint64_t processed_per_s[TR_DEMO_SPARK_MAX];
    size_t spark_count;
    struct tr_demo_worker workers[TR_DEMO_WORKERS_MAX];
    size_t worker_count;
    size_t shards_open, shards_unheld, shards_ended;
    char events[TR_DEMO_EVENTS_MAX][160];
    size_t event_count;
    size_t columns; /* of the terminal */
    bool utf8;
    bool color;
};

/* Add a rate to both rows; the oldest goes when there is no room. */
void tr_demo_view_sample(struct tr_demo_view *view, uint64_t written_per_s,
                         uint64_t processed_per_s);
/* Add a line to the events; the oldest goes when there is no room. */
void tr_demo_view_event(struct tr_demo_view *view, const char *text);

/* Append the frame: lines that fit the columns. Returns how many. */
size_t tr_demo_view_frame(const struct tr_demo_view *view, struct tr_buf *out);

#endif
