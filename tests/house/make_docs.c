/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints a page of docs/ that is made from the code's tables: configuration, commands or logs.
 * scripts/docs writes the pages, tests/house/test_docs.sh holds the committed ones to them. */
#include "base/metrics.h"
#include "base/note.h"
#include "cli/cli.h"

static void add_commands(struct tr_buf *out)
{
    size_t i;
    tr_buf_add_str(out, "# Commands\n\nMade from the tables that parse them (`scripts/docs`). Data "
                        "goes to stdout, everything else to\nstderr. Exit codes: 0 done, 1 failed, "
                        "2 bad usage or configuration.\n\n```\n");
    tr_cli_help(out);
    tr_buf_add_str(out, "```\n");
    for (i = 0; tr_cli_commands[i] != NULL; i++) {
        tr_buf_printf(out, "\n## %s\n```\n", tr_cli_commands[i]->name);
        tr_cli_command_help(tr_cli_commands[i], out);
        tr_buf_add_str(out, "```\n");
    }
}

static void add_name(struct tr_buf *out, const char *name)
{
    if (name[0] != '\0') {
        tr_buf_printf(out, " `%s`", name);
    }
}

static void add_logs(struct tr_buf *out)
{
    static const struct {
        const char *name, *type, *help;
    } metrics[] = {
#define TR_METRIC_ROW(id, name, type, help) {name, type, help},
        TR_METRIC_TABLE(TR_METRIC_ROW)
#undef TR_METRIC_ROW
    };
    size_t i;
    tr_buf_add_str(out, "# Log lines\n\nMade from `base/note.h` (`scripts/docs`). Every line has "
                        "`ts`, `level`, `msg`; where it applies\n`consumer` and `shard`; then the "
                        "fields named here.\n\n| message | level | fields | what it tells |\n"
                        "|---|---|---|---|\n");
    for (i = 0; i < TR_NOTE_COUNT; i++) {
        const struct tr_note_row *row = tr_note_row((enum tr_note_id)i);
        tr_buf_printf(out, "| %s | %s |", row->message, tr_level_name(row->level));
        add_name(out, row->a);
        add_name(out, row->b);
        add_name(out, row->text);
        tr_buf_printf(out, " | %s |\n", row->doc);
    }
    tr_buf_add_str(out, "\n# What is counted\n\nMade from `base/metrics.h`. These are kept by the "
                        "process; the endpoint that shows them is not\nthere yet.\n\n| name | type "
                        "| meaning |\n|---|---|---|\n");
    for (i = 0; i < sizeof metrics / sizeof metrics[0]; i++) {
        tr_buf_printf(out, "| `%s` | %s | %s |\n", metrics[i].name, metrics[i].type,
                      metrics[i].help);
    }
}

int main(int argc, char **argv)
{
    struct tr_buf out = {0};
    const char *page = argc == 2 ? argv[1] : "";
    int code = 1;

    if (strcmp(page, "configuration") == 0) {
        tr_config_reference(&out);
    } else if (strcmp(page, "commands") == 0) {
        add_commands(&out);
    } else if (strcmp(page, "logs") == 0) {
        add_logs(&out);
    }
    if (out.len > 0 && !out.failed) {
        code = fwrite(out.ptr, 1, out.len, stdout) == out.len ? 0 : 1;
    } else {
        fprintf(stderr, "usage: make_docs configuration|commands|logs\n");
    }
    tr_buf_deinit(&out);
    return code;
}
