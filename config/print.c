/* SPDX-License-Identifier: Apache-2.0
 *
 * The effective settings as YAML that loads again, every line with where its value came from. */
#include "config/store.h"

#include "config/text.h"
#include "config/value.h"

#define COMMENT_COLUMN 44

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether a text may stand without quotes, whoever reads it. */
static bool plain_is_safe(struct tr_bytes text)
{
    static const char inner[] = {'_', '-', '.', '/', ':'};
    size_t i;
    if (text.len == 0 || tr_text_plain(text) != TR_PLAIN_TEXT ||
        (!is_alphanumeric(text.ptr[0]) && text.ptr[0] != '/')) {
        return false;
    }
    for (i = 1; i < text.len; i++) {
        if (!is_alphanumeric(text.ptr[i]) && memchr(inner, text.ptr[i], sizeof inner) == NULL) {
            return false;
        }
    }
    return text.ptr[text.len - 1] != ':';
}

/* A YAML scalar; a dollar sign is doubled, because values have their variables replaced. */
static void add_scalar(struct tr_buf *out, struct tr_bytes text, bool value)
{
    size_t i;
    if (plain_is_safe(text)) {
        tr_buf_add(out, text);
        return;
    }
    tr_buf_add_char(out, '"');
    for (i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\') {
            tr_buf_add_char(out, '\\');
        }
        if (text.ptr[i] == '$' && value) {
            tr_buf_add_char(out, '$');
        }
        tr_buf_add_char(out, text.ptr[i]);
    }
    tr_buf_add_char(out, '"');
}

static void add_origin(struct tr_buf *out, const struct tr_setting *setting,
                       const struct tr_given *given)
{
    const struct tr_config_origin *origin = &given->origin;
    switch (origin->kind) {
    case TR_CONFIG_ORIGIN_FILE:
        tr_text_add_clean(out, tr_bytes_of(origin->name), 4096);
        tr_buf_printf(out, ":%u:%u", origin->line, origin->column);
        if (origin->variables != NULL) {
            tr_buf_printf(out, " with %s", origin->variables);
        }
        break;
    case TR_CONFIG_ORIGIN_ENVIRONMENT:
        tr_buf_printf(out, "environment variable %s", origin->name);
        break;
    case TR_CONFIG_ORIGIN_FLAG:
        tr_buf_printf(out, "flag %s", origin->name);
        break;
    case TR_CONFIG_ORIGIN_DEFAULT:
        tr_buf_add_str(out, given->text == NULL ? "not given" : "default");
        if (!tr_setting_has_default(setting)) {
            tr_buf_add_char(out, ' ');
            tr_setting_add_otherwise(out, setting);
        }
        break;
    }
}

static void add_value(struct tr_buf *out, const struct tr_setting *setting,
                      const struct tr_given *given)
{
    struct tr_buf masked = {0};
    switch (setting->type) {
    case TR_SETTING_COUNT:
    case TR_SETTING_DURATION:
    case TR_SETTING_SIZE:
    case TR_SETTING_CHOICE:
    case TR_SETTING_BOOL:
        tr_config_value_add(out, setting, given->number);
        break;
    case TR_SETTING_URL:
        tr_text_add_masked_url(&masked, tr_bytes_of(given->text));
        add_scalar(out, tr_buf_bytes(&masked), true);
        out->failed |= masked.failed;
        tr_buf_deinit(&masked);
        break;
    default:
        add_scalar(out, tr_bytes_of(given->text), true);
        break;
    }
}

static void add_comment(struct tr_buf *out, size_t line_start)
{
    do {
        tr_buf_add_char(out, ' ');
    } while (!out->failed && out->len - line_start < COMMENT_COLUMN);
    tr_buf_add_str(out, "# ");
}

static void indent(struct tr_buf *out, size_t depth)
{
    while (depth-- > 0) {
        tr_buf_add_str(out, "  ");
    }
}

/* Whether anything below a section has a value that can be printed. */
static bool has_values(struct tr_slot *slot, struct tr_bytes section, enum tr_setting_scope scope)
{
    size_t i;
    for (i = 0; i < TR_SETTING_COUNT_ALL; i++) {
        if (tr_settings[i].scope == scope && slot->values[i].text != NULL &&
            tr_setting_below(&tr_settings[i], section).ptr != NULL) {
            return true;
        }
    }
    return false;
}

static void add_setting(struct tr_buf *out, struct tr_slot *slot, const struct tr_setting *setting,
                        struct tr_bytes name, size_t depth)
{
    const struct tr_given *given = &slot->values[setting - tr_settings];
    size_t start = out->len;

    indent(out, depth);
    if (given->text == NULL) {
        tr_buf_printf(out, "# %.*s: ", TR_FMT(name));
    } else {
        tr_buf_printf(out, "%.*s: ", TR_FMT(name));
        add_value(out, setting, given);
        add_comment(out, start);
    }
    add_origin(out, setting, given);
    tr_buf_add_char(out, '\n');
}

/* One section, its settings in the table's order. The recursion is as deep as the table. */
static void add_section(struct tr_buf *out, struct tr_slot *slot, const char *section,
                        enum tr_setting_scope scope, size_t depth)
{
    struct tr_bytes name;
    size_t at = 0;
    while ((name = tr_setting_child(tr_bytes_of(section), &at)).ptr != NULL) {
        const struct tr_setting *setting;
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s%.*s", section, section[0] != '\0' ? "." : "",
                       TR_FMT(name));
        setting = tr_setting_find(tr_bytes_of(path));
        /* stream.start is a word or a section, never both. */
        if (setting != NULL && setting->scope == scope &&
            !has_values(slot, tr_bytes_of(path), scope)) {
            add_setting(out, slot, setting, name, depth);
        } else if (has_values(slot, tr_bytes_of(path), scope)) {
            indent(out, depth);
            tr_buf_printf(out, "%.*s:\n", TR_FMT(name));
            add_section(out, slot, path, scope, depth + 1);
        }
    }
}

void tr_config_print(const struct tr_config *config, struct tr_buf *out)
{
    struct tr_config_store *store = config->store;
    size_t i;

    add_section(out, store->slots[0], "", TR_SETTING_ROOT, 0);
    tr_buf_add_str(out, "consumers:\n");
    for (i = 1; i < store->slot_count; i++) {
        indent(out, 1);
        add_scalar(out, tr_bytes_of(store->slots[i]->name), false);
        tr_buf_add_str(out, ":\n");
        add_section(out, store->slots[i], "consumers.*", TR_SETTING_CONSUMER, 2);
    }
}
