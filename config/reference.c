/* SPDX-License-Identifier: Apache-2.0
 *
 * docs/configuration.md from the table of settings. */
#include "config/settings.h"

#include "config/value.h"

static const char intro[] =
    "# Configuration\n"
    "\n"
    "<!-- Made from config/settings.h; a test holds this page to it. -->\n"
    "\n"
    "tailrace reads one or more YAML files. `tailrace validate FILE...` checks them without "
    "network\n"
    "and credentials, `tailrace config FILE...` prints the effective settings and where each came\n"
    "from, `tailrace config --schema` prints a JSON Schema for editors. Commented examples are in\n"
    "`config/examples/`.\n"
    "\n"
    "The smallest configuration:\n"
    "\n"
    "```yaml\n"
    "consumers:\n"
    "  orders-indexer:\n"
    "    stream: {table: Orders}\n"
    "    processor:\n"
    "      file: {path: orders.jsonl}\n"
    "```\n"
    "\n"
    "## Rules\n"
    "\n"
    "- Everything is checked, and all errors are printed at once, each as\n"
    "  `file:line:column: path: what is wrong`. An unknown or repeated key, a value of a wrong "
    "type\n"
    "  or out of range, and a setting whose feature is not available yet are errors; nothing is\n"
    "  ignored.\n"
    "- Several files are merged. A consumer, and each setting, may stand in one of them only.\n"
    "- Plain YAML only: no anchors, aliases, merge keys or tags, one document a file, UTF-8, at "
    "most\n"
    "  1 MiB. Booleans are `true` and `false`. Text that YAML would read as a number or a boolean\n"
    "  needs quotes, and numbers must have none.\n"
    "- Durations are `500ms`, `10s`, `5m`, `1h`; sizes are `512B`, `64KiB`, `256MiB`, `1GiB`.\n"
    "- In values (not in keys) `${NAME}` is replaced by an environment variable, which must be "
    "set;\n"
    "  `${NAME:-default}` stands for the default when it is not set or empty,\n"
    "  `${NAME:?message}` is an error with that message then, and `$$` is a dollar sign. This "
    "happens\n"
    "  after the YAML was parsed, so a value never adds structure. A setting whose variables leave "
    "it\n"
    "  empty counts as not given. Inside `{...}` and `[...]` put such values in quotes.\n"
    "- `NAME` below is a consumer's name: the name of the application, and of its lease table "
    "unless\n"
    "  `lease.table` says otherwise. At least one consumer is required, each with one of\n"
    "  `stream.table` and `stream.arn`, and with one `processor`.\n";

static const struct {
    const char *prefix;
    const char *title;
} sections[] = {
    {"consumers.", "Consumers"}, {"aws.", "AWS"}, {"worker.", "Worker"},
    {"admin.", "Admin port"},    {"log.", "Log"},
};

/* The path as users write it, in a table's cell. */
static void add_path(struct tr_buf *out, const struct tr_setting *setting)
{
    static const char star[] = "consumers.*.";
    if (strncmp(setting->path, star, sizeof star - 1) == 0) {
        tr_buf_printf(out, "`consumers.NAME.%s`", setting->path + sizeof star - 1);
    } else {
        tr_buf_printf(out, "`%s`", setting->path);
    }
}

static void add_choices(struct tr_buf *out, const char *choices)
{
    struct tr_bytes rest = tr_bytes_of(choices);
    const char *between = "";
    while (rest.ptr != NULL) {
        struct tr_bytes word = tr_bytes_cut(&rest, '|');
        tr_buf_printf(out, "%s`%.*s`", between, TR_FMT(word));
        between = ", ";
    }
}

static void add_value(struct tr_buf *out, const struct tr_setting *setting)
{
    struct tr_buf range = {0};
    if (setting->type == TR_SETTING_CHOICE) {
        add_choices(out, setting->words);
    } else {
        tr_config_value_add_range(&range, setting);
        tr_buf_add_str(out, tr_config_value_type_text(setting->type));
        if (range.len > 0 && setting->type != TR_SETTING_BOOL) {
            tr_buf_printf(out, ", %s", range.ptr);
        }
    }
    if (setting->available == TR_SETTING_ONLY) {
        tr_buf_printf(out, "; only `%s` yet", setting->default_text);
    }
    out->failed |= range.failed;
    tr_buf_deinit(&range);
}

static void add_default(struct tr_buf *out, const struct tr_setting *setting)
{
    size_t len = strlen(setting->default_text);
    if (tr_setting_has_default(setting)) {
        tr_buf_printf(out, "`%s`", setting->default_text);
    } else if (len > 2) {
        tr_buf_add(out, (struct tr_bytes){setting->default_text + 1, len - 2});
    }
}

static void add_section(struct tr_buf *out, const char *prefix, const char *title)
{
    size_t i;
    tr_buf_printf(out, "\n## %s\n\n| setting | value | default | meaning |\n|---|---|---|---|\n",
                  title);
    for (i = 0; i < TR_SETTING_COUNT_ALL; i++) {
        const struct tr_setting *setting = &tr_settings[i];
        if (setting->available != TR_SETTING_LATER &&
            tr_bytes_starts(tr_bytes_of(setting->path), prefix)) {
            tr_buf_add_str(out, "| ");
            add_path(out, setting);
            tr_buf_add_str(out, " | ");
            add_value(out, setting);
            tr_buf_add_str(out, " | ");
            add_default(out, setting);
            tr_buf_printf(out, " | %s |\n", setting->doc);
        }
    }
}

static void add_later(struct tr_buf *out)
{
    size_t i;
    tr_buf_add_str(out, "\n## Known, but not available yet\n\n"
                        "These are checked and then refused.\n\n"
                        "| setting | value | meaning |\n|---|---|---|\n");
    for (i = 0; i < TR_SETTING_COUNT_ALL; i++) {
        const struct tr_setting *setting = &tr_settings[i];
        if (setting->available == TR_SETTING_LATER) {
            tr_buf_add_str(out, "| ");
            add_path(out, setting);
            tr_buf_add_str(out, " | ");
            add_value(out, setting);
            tr_buf_printf(out, " | %s |\n", setting->doc);
        }
    }
}

void tr_config_reference(struct tr_buf *out)
{
    size_t i;
    tr_buf_add_str(out, intro);
    for (i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        add_section(out, sections[i].prefix, sections[i].title);
    }
    add_later(out);
}
