/* SPDX-License-Identifier: Apache-2.0
 *
 * The demo's two files: what was acknowledged to the feed, and what the processors wrote. */
#include "base/err.h"
#include "cli/demo_parts.h"

#define LIVE_LINES_MAX 2000u /* read in one tick */
#define LOST_SHOWN_MAX 10u

/* Hand new whole lines of a file to the verdict, at most `max`. */
static enum tr_status read_lines(struct demo *demo, struct tr_lines *lines, size_t max,
                                 enum tr_status (*judge)(struct tr_verdict *, struct tr_bytes,
                                                         struct tr_err *),
                                 struct tr_verdict *verdict)
{
    while (max-- > 0) {
        struct tr_bytes line;
        enum tr_status status = tr_lines_next(lines, &line, &demo->err);
        if (status != TR_OK) {
            return status == TR_ENOTFOUND ? TR_OK : status;
        }
        status = judge(verdict, line, &demo->err);
        if (status != TR_OK) {
            return tr_wrap(&demo->err, status, "%s:%llu", lines->path,
                           (unsigned long long)lines->number);
        }
    }
    return TR_OK;
}

enum tr_status demo_read_files(struct demo *demo, bool all)
{
    size_t max = all ? SIZE_MAX : LIVE_LINES_MAX;
    enum tr_status status =
        read_lines(demo, &demo->acknowledged, max, tr_verdict_acknowledged, demo->live);
    if (status == TR_OK) {
        status = read_lines(demo, &demo->delivered, max, tr_verdict_delivered, demo->live);
    }
    tr_verdict_count(demo->live, &demo->counts);
    return status;
}

static enum tr_status read_again(struct demo *demo, struct tr_verdict *verdict)
{
    struct tr_lines lines;
    enum tr_status status;
    tr_lines_init(&lines, demo->log_path);
    status = read_lines(demo, &lines, SIZE_MAX, tr_verdict_acknowledged, verdict);
    tr_lines_deinit(&lines);
    if (status == TR_OK) {
        tr_lines_init(&lines, demo->output_path);
        status = read_lines(demo, &lines, SIZE_MAX, tr_verdict_delivered, verdict);
        tr_lines_deinit(&lines);
    }
    return status;
}

enum tr_status demo_judge(struct demo *demo, bool *good)
{
    struct tr_verdict *verdict = tr_verdict_new();
    struct tr_buf out = {0};
    enum tr_status status = verdict != NULL ? read_again(demo, verdict) : TR_ENOMEM;

    if (status == TR_OK) {
        *good = tr_verdict_good(verdict);
        tr_verdict_count(verdict, &demo->counts);
        demo->show.view.phase = "done";
        demo_show(demo, demo->show.terminal);
        demo_print_story(demo, &out);
        if (demo->counts.lost > 0) {
            tr_buf_add_str(&out, "lost: ");
            tr_verdict_print_lost(verdict, LOST_SHOWN_MAX, &out);
            tr_buf_add_char(&out, '\n');
        }
        tr_buf_add_str(&out, "demo: ");
        tr_verdict_print(verdict, &out);
        tr_buf_add_char(&out, '\n');
        status = tr_buf_status(&out);
    }
    if (status == TR_OK) {
        demo_put(demo, &out);
    }
    tr_buf_deinit(&out);
    tr_verdict_free(verdict);
    return status;
}
