/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints a page of docs/ that is made from the code's tables: configuration, commands, logs or
 * metrics; or, with `man NAME`, the man page (roff) of the program or of a command. scripts/docs
 * writes the pages, tests/house/test_docs.sh holds the committed ones to them. */
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
}

/* "x,y" as `x`, `y`. */
static void add_codes(struct tr_buf *out, const char *list, const char *between)
{
    struct tr_bytes rest = tr_bytes_of(list);
    const char *comma = "";
    while (rest.ptr != NULL && rest.len > 0) {
        struct tr_bytes name = tr_bytes_cut(&rest, ',');
        tr_buf_printf(out, "%s`%.*s`", comma, TR_FMT(name));
        comma = between;
    }
}

/* Labels that are independent of each other, each with its values: "a,b;c" and "1,2|3,4;5|6". */
static void add_label_lists(struct tr_buf *out, const struct tr_metric_row *row)
{
    struct tr_bytes labels = tr_bytes_of(row->labels), values = tr_bytes_of(row->values);
    while (labels.ptr != NULL && labels.len > 0) {
        struct tr_bytes list, names = tr_bytes_cut(&labels, ';');
        char text[64];
        (void)snprintf(text, sizeof text, "%.*s", TR_FMT(names));
        tr_buf_add_str(out, " Label ");
        add_codes(out, text, " with ");
        tr_buf_add_char(out, ':');
        list = tr_bytes_cut(&values, ';');
        while (list.ptr != NULL) {
            struct tr_bytes value = tr_bytes_cut(&list, '|');
            (void)snprintf(text, sizeof text, "%.*s", TR_FMT(value));
            tr_buf_add_char(out, ' ');
            add_codes(out, text, " ");
            tr_buf_add_str(out, list.ptr != NULL ? "," : ".");
        }
    }
}

static void add_metrics(struct tr_buf *out)
{
    unsigned i;
    tr_buf_add_str(
        out,
        "# Metrics\n\nMade from `base/metrics.h` (`scripts/docs`).\n\n`admin: {listen: "
        "\"127.0.0.1:9464\"}` in the configuration opens a port, off unless given, that answers\n"
        "GET and HEAD without asking who it is:\n\n| path | answer |\n|---|---|\n"
        "| `/livez` | 200 while the loop goes round; 503 when it has not for 30 s |\n"
        "| `/readyz` | 200 when every consumer has found its stream and read its lease table; "
        "503 with the reason before that and while stopping |\n"
        "| `/metrics` | the numbers below, in the Prometheus text format 0.0.4 |\n\n"
        "Neither of the first two looks at the services: an outage of theirs restarts no fleet.\n"
        "All of a consumer's metrics have the label `consumer`.\n\n"
        "| name | type | meaning |\n|---|---|---|\n");
    for (i = 0; i < TR_METRIC_ALL; i++) {
        const struct tr_metric_row *row = tr_metric_row((enum tr_metric)i);
        bool gauge = row->type == TR_METRIC_TYPE_GAUGE || row->type == TR_METRIC_TYPE_GAUGE_MILLI;
        tr_buf_printf(out, "| `%s` | %s%s | %s.", row->name, gauge ? "gauge" : "counter",
                      row->scope == TR_METRIC_SCOPE_PROCESS ? ", of the process" : "", row->help);
        add_label_lists(out, row);
        tr_buf_add_str(out, " |\n");
    }
}

/* --- man pages ------------------------------------------------------------------------------- */

/* Text as roff takes it: nothing in it is a request or an escape. A hyphen is a minus sign, so that
 * what is typed can be copied. */
static void add_roff(struct tr_buf *out, const char *text)
{
    if (text[0] == '.' || text[0] == '\'') {
        tr_buf_add_str(out, "\\&");
    }
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '\\':
            tr_buf_add_str(out, "\\e");
            break;
        case '-':
            tr_buf_add_str(out, "\\-");
            break;
        case '\'':
            tr_buf_add_str(out, "\\(aq");
            break;
        default:
            tr_buf_add_char(out, *text);
        }
    }
}

static void add_title(struct tr_buf *out, const char *name)
{
    tr_buf_add_str(out, ".\\\" SPDX-License-Identifier: Apache-2.0\n"
                        ".\\\" Made from the tables that parse the commands (scripts/docs).\n"
                        ".TH TAILRACE");
    for (; *name != '\0'; name++) {
        tr_buf_add_char(out, (char)(*name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name));
    }
    tr_buf_add_str(out, " 1 \"\" \"tailrace " TR_VERSION "\" \"tailrace\"\n.SH NAME\n");
}

static void add_exit_status(struct tr_buf *out)
{
    tr_buf_add_str(out, ".SH EXIT STATUS\n.TP\n.B 0\ndone\n.TP\n.B 1\nfailed\n.TP\n.B 2\n"
                        "bad usage or configuration\n");
}

static void add_flag(struct tr_buf *out, const struct tr_cli_flag *flag)
{
    tr_buf_add_str(out, ".TP\n.B \\-\\-");
    add_roff(out, flag->name);
    if (flag->value != NULL) {
        tr_buf_add_str(out, " \\fI");
        add_roff(out, flag->value);
        tr_buf_add_str(out, "\\fR");
    }
    tr_buf_add_char(out, '\n');
    add_roff(out, flag->doc);
    if (flag->default_text != NULL) {
        tr_buf_add_str(out, " (default ");
        add_roff(out, flag->default_text);
        tr_buf_add_char(out, ')');
    }
    tr_buf_add_char(out, '\n');
}

/* A command's paragraphs: a blank line parts them, indented lines stay as they are. */
static void add_details(struct tr_buf *out, const char *text)
{
    bool as_is = false;
    tr_buf_add_str(out, ".SH DESCRIPTION\n");
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        char line[256];
        (void)snprintf(line, sizeof line, "%.*s", (int)len, text);
        if (as_is != (line[0] == ' ')) {
            as_is = !as_is;
            tr_buf_add_str(out, as_is ? ".PP\n.nf\n" : ".fi\n");
        }
        if (len == 0) {
            tr_buf_add_str(out, ".PP");
        } else {
            add_roff(out, line);
        }
        tr_buf_add_char(out, '\n');
        text += len + (text[len] == '\n');
    }
    tr_buf_add_str(out, as_is ? ".fi\n" : "");
}

static void add_see_also(struct tr_buf *out, const struct tr_cli_command *but)
{
    const char *comma = "";
    size_t i;
    tr_buf_add_str(out, ".SH SEE ALSO\n");
    if (but != NULL) {
        tr_buf_add_str(out, ".BR tailrace (1)");
        comma = ",\n";
    }
    for (i = 0; tr_cli_commands[i] != NULL; i++) {
        if (tr_cli_commands[i] != but) {
            tr_buf_printf(out, "%s.BR tailrace\\-%s (1)", comma, tr_cli_commands[i]->name);
            comma = ",\n";
        }
    }
    tr_buf_add_char(out, '\n');
}

static void add_command_man(struct tr_buf *out, const struct tr_cli_command *command)
{
    const struct tr_cli_flag *flag;
    char title[32];
    size_t i = 0;
    (void)snprintf(title, sizeof title, "-%s", command->name);
    add_title(out, title);
    tr_buf_printf(out, "tailrace\\-%s \\- ", command->name);
    add_roff(out, command->summary);
    tr_buf_printf(out, "\n.SH SYNOPSIS\n.B tailrace %s\n[\\fIFLAG\\fR...]", command->name);
    if (command->operands[0] != '\0') {
        tr_buf_add_str(out, " \\fI");
        add_roff(out, command->operands);
        tr_buf_add_str(out, "\\fR");
    }
    tr_buf_add_char(out, '\n');
    if (command->details != NULL) {
        add_details(out, command->details);
    }
    tr_buf_add_str(out, ".SH OPTIONS\n");
    while ((flag = tr_cli_flag_at(command, i++)) != NULL) {
        add_flag(out, flag);
    }
    add_exit_status(out);
    add_see_also(out, command);
}

static void add_program_man(struct tr_buf *out)
{
    size_t i;
    add_title(out, "");
    tr_buf_add_str(out, "tailrace \\- a fleet consumer for DynamoDB Streams\n.SH SYNOPSIS\n"
                        ".B tailrace\n\\fICOMMAND\\fR [\\fIFLAG\\fR...] [\\fIARGUMENT\\fR...]\n"
                        ".SH COMMANDS\n");
    for (i = 0; tr_cli_commands[i] != NULL; i++) {
        tr_buf_printf(out, ".TP\n.BR tailrace\\-%s (1)\n", tr_cli_commands[i]->name);
        add_roff(out, tr_cli_commands[i]->summary);
        tr_buf_add_char(out, '\n');
    }
    tr_buf_add_str(out, ".PP\nData goes to stdout, everything else to stderr.\n");
    add_exit_status(out);
    add_see_also(out, NULL);
}

/* "tailrace" or a command's name; nothing for another. */
static void add_man(struct tr_buf *out, const char *name)
{
    size_t i;
    if (strcmp(name, "tailrace") == 0) {
        add_program_man(out);
    }
    for (i = 0; tr_cli_commands[i] != NULL; i++) {
        if (strcmp(name, tr_cli_commands[i]->name) == 0) {
            add_command_man(out, tr_cli_commands[i]);
        }
    }
}

/* The names of all man pages, one a line, for those who write or check them. */
static void add_man_names(struct tr_buf *out)
{
    size_t i;
    tr_buf_add_str(out, "tailrace\n");
    for (i = 0; tr_cli_commands[i] != NULL; i++) {
        tr_buf_printf(out, "%s\n", tr_cli_commands[i]->name);
    }
}

int main(int argc, char **argv)
{
    struct tr_buf out = {0};
    const char *page = argc == 2 || argc == 3 ? argv[1] : "";
    int code = 1;

    if (strcmp(page, "configuration") == 0) {
        tr_config_reference(&out);
    } else if (strcmp(page, "commands") == 0) {
        add_commands(&out);
    } else if (strcmp(page, "logs") == 0) {
        add_logs(&out);
    } else if (strcmp(page, "metrics") == 0) {
        add_metrics(&out);
    } else if (strcmp(page, "man") == 0 && argc == 3) {
        add_man(&out, argv[2]);
    } else if (strcmp(page, "man") == 0) {
        add_man_names(&out);
    }
    if (out.len > 0 && !out.failed) {
        code = fwrite(out.ptr, 1, out.len, stdout) == out.len ? 0 : 1;
    } else {
        fprintf(stderr, "usage: make_docs configuration|commands|logs|metrics|man [NAME]\n");
    }
    tr_buf_deinit(&out);
    return code;
}
