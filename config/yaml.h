/* SPDX-License-Identifier: Apache-2.0
 *
 * A YAML file as a tree whose every node knows its place. Only plain YAML: what could hide or
 * multiply structure (anchors, aliases, tags, merge keys, a second document) is refused by name. */
#ifndef TR_CONFIG_YAML_H
#define TR_CONFIG_YAML_H

#include "config/arena.h"
#include "config/config.h"

struct tr_place {
    const char *file;
    size_t file_index;
    unsigned line; /* from 1; 0: the whole file */
    unsigned column;
};

enum tr_yaml_node_kind {
    TR_NODE_SCALAR,
    TR_NODE_MAP,
    TR_NODE_LIST,
    TR_NODE_REFUSED, /* was reported already; nothing more is to be said about it */
};

/* A value; inside a map with its key. Owns: everything is the arena's. */
struct tr_yaml_node {
    enum tr_yaml_node_kind kind;
    bool plain;           /* a scalar without quotes */
    struct tr_bytes text; /* a scalar's; may hold NULs */
    struct tr_bytes key;
    struct tr_place place;
    struct tr_place key_place; /* of the key; in a list of the value */
    struct tr_yaml_node *first;
    struct tr_yaml_node *last;
    struct tr_yaml_node *next;
    size_t count;
};

/* The word for a kind in messages: "a mapping". */
const char *tr_yaml_node_kind_text(const struct tr_yaml_node *node);
/* A map's value, or NULL (also when map is NULL). */
const struct tr_yaml_node *tr_yaml_node_get(const struct tr_yaml_node *map, const char *key);

/* Add an error; path may be empty or NULL, place NULL for what is not from a file. */
void tr_config_errors_add(struct tr_config_errors *errors, const struct tr_place *place,
                          const char *path, const char *fmt, ...) TR_PRINTF(4, 5);

/* Parse a source into a tree.
 * Errors:  TR_ECONFIG: the text is no YAML to its end (one error says so), *root is NULL;
 *          TR_ENOMEM. What is refused inside good YAML is added to errors, and the rest is there.
 * Owns:    the tree is the arena's; place.file is the source's name. */
enum tr_status tr_yaml_parse(const struct tr_config_source *source, size_t file_index,
                             struct tr_config_arena *arena, struct tr_config_errors *errors,
                             struct tr_yaml_node **root) TR_MUST_CHECK;

#endif
