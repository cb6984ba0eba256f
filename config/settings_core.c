/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of settings as data, and finding one's way in it. The tree of sections is never built:
 * the table is short, and a section is a prefix. */
#include "config/settings.h"

#define TR_ROW_ROOT(path, member, type, low, high, words, fallback, available, doc)                \
    {path,                                                                                         \
     TR_SETTING_ROOT,                                                                              \
     TR_SETTING_##type,                                                                            \
     TR_SETTING_##available,                                                                       \
     low,                                                                                          \
     high,                                                                                         \
     words,                                                                                        \
     fallback,                                                                                     \
     doc,                                                                                          \
     offsetof(struct tr_config, member)},
#define TR_ROW_CONSUMER(path, member, type, low, high, words, fallback, available, doc)            \
    {path,                                                                                         \
     TR_SETTING_CONSUMER,                                                                          \
     TR_SETTING_##type,                                                                            \
     TR_SETTING_##available,                                                                       \
     low,                                                                                          \
     high,                                                                                         \
     words,                                                                                        \
     fallback,                                                                                     \
     doc,                                                                                          \
     offsetof(struct tr_config_consumer, member)},
#define TR_ROW_LATER(path, type, low, high, words, doc)                                            \
    {path, TR_SETTING_NOWHERE, TR_SETTING_##type, TR_SETTING_LATER, low, high, words, "", doc, 0},

const struct tr_setting tr_settings[TR_SETTING_COUNT_ALL] = {
    TR_SETTING_TABLE(TR_ROW_ROOT, TR_ROW_CONSUMER, TR_ROW_LATER)};

const struct tr_setting *tr_setting_find(struct tr_bytes path)
{
    size_t i;
    for (i = 0; i < TR_SETTING_COUNT_ALL; i++) {
        if (tr_bytes_is(path, tr_settings[i].path)) {
            return &tr_settings[i];
        }
    }
    return NULL;
}

struct tr_bytes tr_setting_below(const struct tr_setting *setting, struct tr_bytes section)
{
    struct tr_bytes path = tr_bytes_of(setting->path);
    if (section.len > 0) {
        if (path.len <= section.len || memcmp(path.ptr, section.ptr, section.len) != 0 ||
            path.ptr[section.len] != '.') {
            return (struct tr_bytes){NULL, 0};
        }
        path.ptr += section.len + 1;
        path.len -= section.len + 1;
    }
    return tr_bytes_cut(&path, '.');
}

bool tr_setting_is_section(struct tr_bytes path)
{
    size_t at = 0;
    return tr_setting_child(path, &at).ptr != NULL;
}

bool tr_setting_is_later(struct tr_bytes path)
{
    bool some = false;
    size_t i;
    for (i = 0; i < TR_SETTING_COUNT_ALL; i++) {
        if (tr_bytes_is(path, tr_settings[i].path) ||
            tr_setting_below(&tr_settings[i], path).ptr != NULL) {
            some = true;
            if (tr_settings[i].available != TR_SETTING_LATER) {
                return false;
            }
        }
    }
    return some;
}

/* Whether a row before this one has the same name below the section. */
static bool named_before(struct tr_bytes section, struct tr_bytes name, size_t row)
{
    size_t i;
    for (i = 0; i < row; i++) {
        if (tr_bytes_eq(tr_setting_below(&tr_settings[i], section), name)) {
            return true;
        }
    }
    return false;
}

struct tr_bytes tr_setting_child(struct tr_bytes section, size_t *at)
{
    while (*at < TR_SETTING_COUNT_ALL) {
        size_t row = (*at)++;
        struct tr_bytes name = tr_setting_below(&tr_settings[row], section);
        if (name.ptr != NULL && !named_before(section, name, row)) {
            return name;
        }
    }
    return (struct tr_bytes){NULL, 0};
}

const char *const *tr_setting_variables(const struct tr_setting *setting)
{
    static const char *const region[] = {"AWS_REGION", "AWS_DEFAULT_REGION", NULL};
    return strcmp(setting->path, "aws.region") == 0 ? region : NULL;
}

bool tr_setting_has_default(const struct tr_setting *setting)
{
    return setting->default_text[0] != '\0' && setting->default_text[0] != '(';
}

void tr_setting_add_otherwise(struct tr_buf *out, const struct tr_setting *setting)
{
    const char *c;
    for (c = setting->default_text; *c != '\0'; c++) {
        if (*c != '`') {
            tr_buf_add_char(out, *c);
        }
    }
}
