/* SPDX-License-Identifier: Apache-2.0
 *
 * What people see of the demo: a frame that is drawn over on a terminal, plain lines elsewhere. */
#include "base/clock.h"
#include "base/err.h"
#include "cli/demo_parts.h"

#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SAMPLE_MS 500u
#define FRAME_MS 100u
#define LINE_MS 2000u

void demo_put(struct demo *demo, const struct tr_buf *text)
{
    struct tr_err err = {{0}};
    if (!demo->show.gone && tr_cli_write(tr_buf_bytes(text), &err) != TR_OK) {
        demo->show.gone = true; /* the exit code still tells */
    }
}

static void put_line(struct demo *demo, const char *text)
{
    struct tr_buf out = {0};
    tr_buf_printf(&out, "%s\n", text);
    demo_put(demo, &out);
    tr_buf_deinit(&out);
}

void demo_event(struct demo *demo, const char *fmt, ...)
{
    uint64_t ms = demo->started.ns > 0 ? tr_mono_ms_between(demo->started, tr_clock_mono()) : 0;
    char text[240], line[280];
    va_list list;
    va_start(list, fmt);
    (void)vsnprintf(text, sizeof text, fmt, list);
    va_end(list);
    (void)snprintf(line, sizeof line, "%02llu.%llu s  %s", (unsigned long long)(ms / 1000),
                   (unsigned long long)(ms / 100 % 10), text);
    tr_demo_view_event(&demo->show.view, line);
    if (!demo->show.terminal) {
        put_line(demo, line);
    }
}

void demo_tell_holdings(struct demo *demo, const char *before)
{
    struct tr_buf text = {0};
    const char *comma = "worker ";
    size_t i;
    tr_buf_add_str(&text, before);
    for (i = 0; i < demo->worker_count; i++) {
        if (demo->workers[i].state == DEMO_RUNS) {
            tr_buf_printf(&text, "%s%zu has %zu", comma, i + 1, demo->workers[i].held);
            comma = ", ";
        }
    }
    if (!text.failed) {
        demo_event(demo, "%s", text.ptr);
    }
    tr_buf_deinit(&text);
}

/* The shards of a worker by their last digits. */
static void list_shards(const struct demo *demo, size_t worker, char *out, size_t size)
{
    size_t used = 0, i;
    out[0] = '\0';
    for (i = 0; i < demo->lease_count && used + 12 < size; i++) {
        const struct demo_lease *lease = &demo->leases[i];
        size_t len = strlen(lease->shard);
        if (!lease->ended && lease->worker == worker) {
            used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? " " : "",
                                     lease->shard + (len > 8 ? len - 8 : 0));
        }
    }
}

static void fill_workers(struct demo *demo)
{
    static const struct {
        const char *text;
        enum tr_demo_tone tone;
    } states[] = {
        [DEMO_RUNS] = {"runs", TR_DEMO_GOOD},     [DEMO_PAUSED] = {"paused", TR_DEMO_WARN},
        [DEMO_ENDS] = {"stopping", TR_DEMO_WARN}, [DEMO_ENDED] = {"stopped", TR_DEMO_FAINT},
        [DEMO_KILLED] = {"killed", TR_DEMO_BAD},
    };
    struct tr_demo_view *view = &demo->show.view;
    size_t i;
    for (i = 0; i < demo->worker_count; i++) {
        const struct demo_worker *worker = &demo->workers[i];
        struct tr_demo_worker *row = &view->workers[i];
        row->state = states[worker->state].text;
        row->tone = states[worker->state].tone;
        row->held = worker->held;
        list_shards(demo, i + 1, row->shards, sizeof row->shards);
    }
    view->worker_count = demo->worker_count;
    view->shards_open = demo->open_count;
    view->shards_unheld = demo->unheld_count;
    view->shards_ended = demo->lease_count - demo->open_count;
}

static void draw(struct demo *demo)
{
    struct winsize size = {0};
    struct tr_buf frame = {0}, out = {0};
    struct tr_bytes rest;
    size_t lines, i;

    demo->show.view.columns = 80;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        demo->show.view.columns = size.ws_col;
    }
    lines = tr_demo_view_frame(&demo->show.view, &frame);
    if (size.ws_row > 1 && lines >= size.ws_row) {
        lines = size.ws_row - 1u; /* a frame that scrolls cannot be drawn over */
    }
    if (demo->show.lines > 0) {
        tr_buf_printf(&out, "\033[%zuA", demo->show.lines);
    }
    rest = tr_buf_bytes(&frame);
    for (i = 0; i < lines; i++) {
        tr_buf_add(&out, tr_bytes_cut(&rest, '\n'));
        tr_buf_add_str(&out, "\033[K\n");
    }
    tr_buf_add_str(&out, "\033[J");
    demo_put(demo, &out);
    demo->show.lines = lines;
    tr_buf_deinit(&frame);
    tr_buf_deinit(&out);
}

static void print_progress(struct demo *demo)
{
    struct tr_buf line = {0};
    uint64_t ms = demo->show.view.elapsed_ms;
    tr_buf_printf(&line, "%02llu.%llu s  %llu written, %llu processed, %llu delivered twice",
                  (unsigned long long)(ms / 1000), (unsigned long long)(ms / 100 % 10),
                  (unsigned long long)demo->counts.written,
                  (unsigned long long)demo->counts.processed,
                  (unsigned long long)demo->counts.twice);
    if (!line.failed) {
        put_line(demo, line.ptr);
    }
    tr_buf_deinit(&line);
}

void demo_show(struct demo *demo, bool now_please)
{
    struct tr_demo_view *view = &demo->show.view;
    struct tr_mono now = tr_clock_mono();

    view->elapsed_ms = demo->started.ns > 0 ? tr_mono_ms_between(demo->started, now) : 0;
    view->written = demo->counts.written;
    view->processed = demo->counts.processed;
    view->twice = demo->counts.twice;
    fill_workers(demo);
    if (tr_mono_reached(now, demo->show.sample_at)) {
        tr_demo_view_sample(
            view, (demo->counts.written - demo->show.last.written) * 1000 / SAMPLE_MS,
            (demo->counts.processed - demo->show.last.processed) * 1000 / SAMPLE_MS);
        demo->show.last = demo->counts;
        demo->show.sample_at = tr_mono_add_ms(now, SAMPLE_MS);
    }
    if (now_please || tr_mono_reached(now, demo->show.frame_at)) {
        if (demo->show.terminal) {
            draw(demo);
        } else if (demo->started.ns > 0) {
            print_progress(demo);
        }
        demo->show.frame_at = tr_mono_add_ms(now, demo->show.terminal ? FRAME_MS : LINE_MS);
    }
}

static bool is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    size_t i;
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0') {
            return strstr(value, "UTF-8") != NULL || strstr(value, "utf8") != NULL;
        }
    }
    return false;
}

/* Whether stdout is a terminal that understands a few escapes. */
static bool can_redraw(void)
{
    const char *name = getenv("TERM");
    return isatty(STDOUT_FILENO) == 1 && name != NULL && strcmp(name, "dumb") != 0;
}

void demo_print_story(const struct demo *demo, struct tr_buf *out)
{
    size_t i;
    tr_buf_printf(out, "\n%-24s %6s  %-13s  %s\n", "what happened", "shards", "read on after",
                  "because");
    for (i = 0; i < demo->story_count; i++) {
        const struct demo_chapter *chapter = &demo->story[i];
        tr_buf_printf(out, "%-24s %6zu  %9llu.%llu s  %s\n", chapter->what, chapter->shards,
                      (unsigned long long)(chapter->ms / 1000),
                      (unsigned long long)(chapter->ms / 100 % 10), chapter->why);
    }
    tr_buf_add_char(out, '\n');
}

void demo_prepare_show(struct demo *demo)
{
    demo->show.terminal = can_redraw();
    demo->show.view.utf8 = is_utf8();
    demo->show.view.color = demo->show.terminal && getenv("NO_COLOR") == NULL;
}
