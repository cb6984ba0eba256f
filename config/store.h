/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a configuration while it is loaded and afterwards: for every setting of every
 * consumer the value and where it came from. */
#ifndef TR_CONFIG_STORE_H
#define TR_CONFIG_STORE_H

#include "config/settings.h"
#include "config/yaml.h"

struct tr_given {
    bool given;       /* something was there, also if it was bad: it is not missing */
    bool bad;         /* reported */
    const char *text; /* NULL: no value; the final text otherwise */
    uint64_t number;
    struct tr_place place;
    struct tr_config_origin origin;
};

/* The settings of one scope: slot 0 is the file's own, the others are the consumers. */
struct tr_slot {
    const char *name; /* a consumer's; NULL for the root */
    struct tr_place place;
    const struct tr_yaml_node *node; /* borrowed while loading: the consumer's mapping */
    struct tr_given values[TR_SETTING_COUNT_ALL];
};

#define TR_CONFIG_SLOTS_MAX (TR_CONFIG_KEYS_MAX + 1)

struct tr_config_store {
    struct tr_config_arena arena; /* strings */
    struct tr_slot **slots;       /* owned, as the slots are (the arena's) */
    size_t slot_count;
    size_t slot_cap;
};

/* What is passed around while loading. */
struct tr_loading {
    struct tr_config_store *store;
    struct tr_config_errors *errors;
    const struct tr_config_options *options;
    tr_config_getenv_fn getenv;
    struct tr_config_arena trees;
    struct tr_place consumers_place; /* file NULL: no file has the key */
    struct tr_place whole;           /* the first file as a whole */
    bool incomplete; /* a file could not be read to its end: nothing can be called missing */
    bool no_memory;
};

/* The value of a setting in a slot. The path is the table's. */
struct tr_given *tr_store_given(struct tr_slot *slot, const char *path);
/* A new slot. Errors: NULL without memory. */
struct tr_slot *tr_store_add(struct tr_config_store *store, struct tr_bytes name);

/* Go through a file's tree and take over what is in it (config/walk.c). */
void tr_config_walk(struct tr_loading *loading, const struct tr_yaml_node *root);
/* Take one text as a setting's value; origin says from where, place is NULL outside files. */
void tr_config_take(struct tr_loading *loading, struct tr_slot *slot,
                    const struct tr_setting *setting, struct tr_bytes text,
                    const struct tr_place *place, struct tr_config_origin origin,
                    const char *shown_path);
/* Required settings, and what must hold between settings (config/check.c). */
void tr_config_check(struct tr_loading *loading, const struct tr_config *config);

/* The path as the user knows it, with the consumer's name for '*'. */
void tr_store_add_path(struct tr_buf *out, const struct tr_slot *slot, const char *path);

#endif
