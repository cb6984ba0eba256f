/* SPDX-License-Identifier: Apache-2.0
 *
 * From a tree of YAML to values: every key is looked up in the table of settings, every scalar has
 * its variables replaced and is read as its setting's type. Whatever does not fit is reported with
 * its place, and the walk goes on. */
#include "config/store.h"

#include "base/err.h"
#include "config/hint.h"
#include "config/interpolate.h"
#include "config/text.h"
#include "config/value.h"

/* Where the walk is. */
struct walk {
    struct tr_loading *loading;
    struct tr_slot *slot;
    struct tr_buf path;  /* as the table spells it */
    struct tr_buf shown; /* as the user wrote it */
    bool later;          /* "not available yet" was said for a section around */
};

static const char *shown(const struct walk *walk)
{
    return walk->shown.ptr != NULL ? walk->shown.ptr : "";
}

static void cut(struct tr_buf *buf, size_t len)
{
    if (buf->ptr != NULL) {
        buf->len = len;
        buf->ptr[len] = '\0';
    }
}

static bool at_consumers(const struct walk *walk)
{
    return tr_bytes_is(tr_buf_bytes(&walk->path), "consumers");
}

/* A setting elsewhere whose last name is the key: the user put it at the wrong place. */
static const struct tr_setting *elsewhere(struct tr_bytes key)
{
    size_t i;
    for (i = 0; i < TR_SETTING_COUNT_ALL; i++) {
        struct tr_bytes rest = tr_bytes_of(tr_settings[i].path);
        struct tr_bytes name = {NULL, 0};
        while (rest.ptr != NULL) {
            name = tr_bytes_cut(&rest, '.');
        }
        if (tr_bytes_eq(name, key)) {
            return &tr_settings[i];
        }
    }
    return NULL;
}

static void add_known(struct tr_buf *out, struct tr_bytes section)
{
    size_t at = 0, count = 0;
    struct tr_bytes name;
    while ((name = tr_setting_child(section, &at)).ptr != NULL) {
        tr_buf_add_str(out, count++ == 0 ? " (known: " : ", ");
        tr_buf_add(out, name);
    }
    tr_buf_add_str(out, ")");
}

static void unknown_key(struct walk *walk, const struct tr_yaml_node *node)
{
    struct tr_bytes section = tr_buf_bytes(&walk->path);
    const struct tr_setting *setting = elsewhere(node->key);
    struct tr_buf text = {0};
    struct tr_hint hint;
    struct tr_bytes name;
    size_t at = 0;

    tr_hint_init(&hint, node->key);
    while ((name = tr_setting_child(section, &at)).ptr != NULL) {
        tr_hint_offer(&hint, name);
    }
    if (hint.best.ptr != NULL && (hint.distance <= 1 || setting == NULL)) {
        tr_buf_printf(&text, " (did you mean '%.*s'?)", TR_FMT(hint.best));
    } else if (setting != NULL) {
        tr_buf_add_str(&text, " (did you mean '");
        tr_store_add_path(&text, walk->slot, setting->path);
        tr_buf_add_str(&text, "'?)");
    } else {
        add_known(&text, section);
    }
    walk->loading->no_memory |= text.failed;
    tr_config_errors_add(walk->loading->errors, &node->key_place, shown(walk), "unknown key%s",
                         text.ptr != NULL ? text.ptr : "");
    tr_buf_deinit(&text);
}

static void wrong_kind(struct walk *walk, const struct tr_yaml_node *node, const char *wanted)
{
    char quoted[TR_QUOTE_BYTES];
    if (node->kind == TR_NODE_SCALAR && node->text.len > 0) {
        tr_config_errors_add(walk->loading->errors, &node->place, shown(walk),
                             "expected %s, found %s", wanted, tr_text_quote(node->text, quoted));
    } else {
        tr_config_errors_add(walk->loading->errors, &node->place, shown(walk),
                             "expected %s, found %s", wanted, tr_yaml_node_kind_text(node));
    }
}

static bool is_number(enum tr_setting_type type)
{
    return type == TR_SETTING_COUNT || type == TR_SETTING_BOOL;
}

/* YAML gives some words without quotes a type of their own; a value must have the type that every
 * reader of the file sees. Says what is wrong, or NULL. */
static const char *style_error(const struct tr_setting *setting, const struct tr_yaml_node *node)
{
    enum tr_plain plain = tr_text_plain(node->text);

    if (node->text.len == 0 || (node->plain && plain == TR_PLAIN_NULL)) {
        return "is no value (leave the line out for the default)";
    }
    if (is_number(setting->type)) {
        return node->plain ? NULL : "is text, because of its quotes";
    }
    if (!node->plain || setting->type == TR_SETTING_DURATION || setting->type == TR_SETTING_SIZE) {
        return NULL;
    }
    if (plain == TR_PLAIN_BOOL && setting->type != TR_SETTING_CHOICE) {
        return "is a boolean in YAML: put it in quotes";
    }
    if (plain == TR_PLAIN_NUMBER && setting->type != TR_SETTING_CHOICE) {
        return "is a number in YAML: put it in quotes";
    }
    return NULL;
}

static bool twice(struct tr_loading *loading, const struct tr_given *given,
                  const struct tr_place *place, const char *path)
{
    if (!given->given || place == NULL) {
        return false;
    }
    tr_config_errors_add(loading->errors, place, path, "set twice (first at %s:%u:%u)",
                         given->place.file, given->place.line, given->place.column);
    return true;
}

/* The text as the configuration keeps it: its number as people write it, else as it came. */
static const char *kept_text(struct tr_loading *loading, struct tr_bytes text)
{
    const char *copy = tr_config_arena_copy(&loading->store->arena, text);
    loading->no_memory |= copy == NULL;
    return copy;
}

/* Whether a value is one that comes later though its setting is there. */
static bool only_default(const struct tr_setting *setting, uint64_t number)
{
    uint64_t fallback = 0;
    return setting->available == TR_SETTING_ONLY &&
           tr_config_value_parse(setting, tr_bytes_of(setting->default_text), &fallback, NULL) ==
               TR_OK &&
           number != fallback;
}

void tr_config_take(struct tr_loading *loading, struct tr_slot *slot,
                    const struct tr_setting *setting, struct tr_bytes text,
                    const struct tr_place *place, struct tr_config_origin origin,
                    const char *shown_path)
{
    struct tr_given *given = &slot->values[setting - tr_settings];
    struct tr_err err = {{0}};
    uint64_t number = 0;
    char quoted[TR_QUOTE_BYTES];

    if (twice(loading, given, place, shown_path)) {
        return;
    }
    *given = (struct tr_given){.given = true, .bad = true, .origin = origin};
    if (place != NULL) {
        given->place = *place;
    }
    if (tr_config_value_parse(setting, text, &number, &err) != TR_OK) {
        tr_config_errors_add(loading->errors, place, shown_path, "%s", err.text);
        return;
    }
    if (only_default(setting, number)) {
        tr_config_errors_add(loading->errors, place, shown_path,
                             "%s is not available yet (only '%s' is)", tr_text_quote(text, quoted),
                             setting->default_text);
        return;
    }
    given->bad = false;
    given->number = number;
    given->text = kept_text(loading, text);
}

static struct tr_config_origin
file_origin(struct tr_loading *loading, const struct tr_yaml_node *node, const struct tr_buf *names)
{
    struct tr_config_origin origin = {
        .kind = TR_CONFIG_ORIGIN_FILE, .line = node->place.line, .column = node->place.column};
    origin.name = kept_text(loading, tr_bytes_of(node->place.file));
    if (names->len > 0) {
        origin.variables = kept_text(loading, tr_buf_bytes(names));
    }
    return origin;
}

/* A scalar stands where a setting is. */
static void take_scalar(struct walk *walk, const struct tr_setting *setting,
                        const struct tr_yaml_node *node)
{
    struct tr_loading *loading = walk->loading;
    struct tr_buf text = {0}, names = {0};
    struct tr_err err = {{0}};
    const char *why = NULL;
    bool absent = false;
    char quoted[TR_QUOTE_BYTES];

    if (tr_interpolate(node->text, loading->getenv, loading->options->user, &text, &names, &err) !=
        TR_OK) {
        tr_config_errors_add(loading->errors, &node->place, shown(walk), "%s", err.text);
        walk->slot->values[setting - tr_settings] =
            (struct tr_given){.given = true, .bad = true, .place = node->place};
    } else if (names.len == 0 && (why = style_error(setting, node)) != NULL) {
        tr_config_errors_add(loading->errors, &node->place, shown(walk), "%s %s",
                             tr_text_quote(node->text, quoted), why);
        walk->slot->values[setting - tr_settings] =
            (struct tr_given){.given = true, .bad = true, .place = node->place};
    } else {
        /* A variable that is empty means that the setting is not given. */
        absent = names.len > 0 && text.len == 0;
    }
    if (err.text[0] == '\0' && why == NULL && !absent) {
        tr_config_take(loading, walk->slot, setting,
                       text.ptr != NULL ? tr_buf_bytes(&text) : TR_LIT(""), &node->place,
                       file_origin(loading, node, &names), shown(walk));
    }
    loading->no_memory |= text.failed || names.failed;
    tr_buf_deinit(&text);
    tr_buf_deinit(&names);
}

static void check_list(struct walk *walk, const struct tr_setting *setting,
                       const struct tr_yaml_node *list)
{
    bool text = strcmp(setting->words, "text") == 0;
    const struct tr_yaml_node *node;
    for (node = list->first; node != NULL; node = node->next) {
        if (node->kind != TR_NODE_REFUSED && node->kind != (text ? TR_NODE_SCALAR : TR_NODE_MAP)) {
            wrong_kind(walk, node, text ? "text" : "a mapping");
        }
    }
}

static void walk_map(struct walk *walk, const struct tr_yaml_node *map);

/* A value whose path is known: a setting, a section, or (stream.start) both. */
static void walk_value(struct walk *walk, const struct tr_yaml_node *node)
{
    struct tr_bytes path = tr_buf_bytes(&walk->path);
    const struct tr_setting *setting = tr_setting_find(path);
    bool section = tr_setting_is_section(path);
    bool later_before = walk->later;

    if (at_consumers(walk)) {
        walk->loading->consumers_place = node->key_place;
    }
    if (!walk->later && tr_setting_is_later(path)) {
        tr_config_errors_add(walk->loading->errors, &node->key_place, shown(walk),
                             "not available yet");
        walk->later = true;
    }
    if (node->kind == TR_NODE_MAP && section) {
        walk_map(walk, node);
    } else if (setting == NULL) {
        wrong_kind(walk, node, "a mapping");
    } else if (setting->type == TR_SETTING_LIST && node->kind == TR_NODE_LIST) {
        check_list(walk, setting, node);
    } else if (setting->type != TR_SETTING_LIST && node->kind == TR_NODE_SCALAR) {
        take_scalar(walk, setting, node);
    } else {
        wrong_kind(walk, node, tr_config_value_type_text(setting->type));
    }
    walk->later = later_before;
}

static struct tr_slot *find_consumer(const struct tr_config_store *store, struct tr_bytes name)
{
    size_t i;
    for (i = 1; i < store->slot_count; i++) {
        if (tr_bytes_is(name, store->slots[i]->name)) {
            return store->slots[i];
        }
    }
    return NULL;
}

/* A consumer's name is text: without control characters, not empty, at most 255 bytes. */
static bool check_name(struct walk *walk, const struct tr_yaml_node *node)
{
    char quoted[TR_QUOTE_BYTES];
    size_t i;
    for (i = 0; i < node->key.len; i++) {
        if ((unsigned char)node->key.ptr[i] < 0x20 || node->key.ptr[i] == 0x7f) {
            break;
        }
    }
    if (node->key.len > 0 && node->key.len <= 255 && i == node->key.len) {
        return true;
    }
    tr_config_errors_add(walk->loading->errors, &node->key_place, "consumers",
                         "%s is no consumer's name (1..255 bytes, no control characters)",
                         tr_text_quote(node->key, quoted));
    return false;
}

/* One consumer: its values go into a slot of their own. */
static void walk_consumer(struct walk *walk, const struct tr_yaml_node *node)
{
    struct tr_config_store *store = walk->loading->store;
    struct tr_slot *outer = walk->slot;
    struct tr_slot *twin = find_consumer(store, node->key);

    if (twin != NULL) {
        tr_config_errors_add(walk->loading->errors, &node->key_place, shown(walk),
                             "the consumer is defined twice (first at %s:%u:%u)", twin->place.file,
                             twin->place.line, twin->place.column);
        return;
    }
    if (!check_name(walk, node)) {
        return;
    }
    if (store->slot_count == TR_CONFIG_SLOTS_MAX) {
        tr_config_errors_add(walk->loading->errors, &node->key_place, shown(walk),
                             "too many consumers (limit %d)", TR_CONFIG_KEYS_MAX);
        return;
    }
    walk->slot = tr_store_add(store, node->key);
    if (walk->slot == NULL) {
        walk->loading->no_memory = true;
    } else {
        walk->slot->place = node->key_place;
        walk->slot->node = node;
        walk_value(walk, node);
    }
    walk->slot = outer;
}

static void walk_pair(struct walk *walk, const struct tr_yaml_node *node)
{
    size_t path_len = walk->path.len, shown_len = walk->shown.len;
    bool consumer = at_consumers(walk);
    struct tr_bytes path;

    tr_buf_add_str(&walk->path, path_len > 0 ? "." : "");
    tr_buf_add(&walk->path, consumer ? TR_LIT("*") : node->key);
    tr_buf_add_str(&walk->shown, shown_len > 0 ? "." : "");
    tr_text_add_clean(&walk->shown, node->key, 255);
    path = tr_buf_bytes(&walk->path);
    if (walk->path.failed || walk->shown.failed) {
        walk->loading->no_memory = true;
    } else if (node->kind == TR_NODE_REFUSED) {
        walk->loading->incomplete = true;
    } else if (consumer) {
        walk_consumer(walk, node);
    } else if (memchr(node->key.ptr, '.', node->key.len) != NULL ||
               memchr(node->key.ptr, '*', node->key.len) != NULL ||
               (tr_setting_find(path) == NULL && !tr_setting_is_section(path))) {
        cut(&walk->path, path_len);
        unknown_key(walk, node);
    } else {
        walk_value(walk, node);
    }
    cut(&walk->path, path_len);
    cut(&walk->shown, shown_len);
}

static void walk_map(struct walk *walk, const struct tr_yaml_node *map)
{
    const struct tr_yaml_node *node;
    for (node = map->first; node != NULL; node = node->next) {
        walk_pair(walk, node);
    }
}

void tr_config_walk(struct tr_loading *loading, const struct tr_yaml_node *root)
{
    struct walk walk = {.loading = loading, .slot = loading->store->slots[0]};
    walk_map(&walk, root);
    tr_buf_deinit(&walk.path);
    tr_buf_deinit(&walk.shown);
}
