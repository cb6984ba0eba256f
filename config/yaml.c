/* SPDX-License-Identifier: Apache-2.0
 *
 * libyaml's event interface (its document interface forgets anchors' names and places) made into a
 * tree. The text is checked for UTF-8 and control characters before, because libyaml's messages for
 * them have no line. */
#include "config/yaml.h"

#include <yaml.h>

#include "base/err.h"
#include "config/text.h"

struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
    const struct tr_config_source *source;
    size_t file_index;
    struct tr_config_arena *arena;
    struct tr_config_errors *errors;
    struct tr_buf path; /* of the node that is read */
    size_t nodes;
    size_t depth;
};

const char *tr_yaml_node_kind_text(const struct tr_yaml_node *node)
{
    switch (node->kind) {
    case TR_NODE_MAP:
        return "a mapping";
    case TR_NODE_LIST:
        return "a list";
    default:
        return node->plain && node->text.len == 0 ? "nothing" : "a single value";
    }
}

const struct tr_yaml_node *tr_yaml_node_get(const struct tr_yaml_node *map, const char *key)
{
    const struct tr_yaml_node *node = map != NULL && map->kind == TR_NODE_MAP ? map->first : NULL;
    while (node != NULL && !tr_bytes_is(node->key, key)) {
        node = node->next;
    }
    return node;
}

static struct tr_place place_at(const struct reader *reader, size_t line, size_t column)
{
    return (struct tr_place){reader->source->name, reader->file_index, (unsigned)line,
                             (unsigned)column};
}

/* libyaml counts from 0. */
static struct tr_place place_of(const struct reader *reader, yaml_mark_t mark)
{
    return place_at(reader, mark.line + 1, mark.column + 1);
}

static struct tr_place whole_file(const struct reader *reader)
{
    return place_at(reader, 0, 0);
}

static const char *path_text(struct reader *reader)
{
    return reader->path.ptr != NULL ? reader->path.ptr : "";
}

static void path_cut(struct reader *reader, size_t len)
{
    if (reader->path.ptr != NULL) {
        reader->path.len = len;
        reader->path.ptr[len] = '\0';
    }
}

static void drop_event(struct reader *reader)
{
    if (reader->has_event) {
        yaml_event_delete(&reader->event);
        reader->has_event = false;
    }
}

static enum tr_status syntax_error(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem != NULL ? parser->problem : "unknown error";
    struct tr_place place = place_of(reader, parser->problem_mark);
    const char *hint = "";

    if (parser->error == YAML_MEMORY_ERROR) {
        return TR_ENOMEM;
    }
    if (strcmp(problem, "block sequence entries are not allowed in this context") == 0) {
        hint = " (a value that is a single '-' needs quotes)";
    } else if (strstr(problem, "cannot start any token") != NULL) {
        hint = " (put the value in quotes; indent with spaces)";
    }
    tr_config_errors_add(reader->errors, &place, NULL, "not valid YAML: %s%s%s%s", problem,
                         parser->context != NULL ? " " : "",
                         parser->context != NULL ? parser->context : "", hint);
    return TR_ECONFIG;
}

static enum tr_status next_event(struct reader *reader)
{
    drop_event(reader);
    if (!yaml_parser_parse(&reader->parser, &reader->event)) {
        return syntax_error(reader);
    }
    reader->has_event = true;
    return TR_OK;
}

/* One error that ends the reading of this file. */
static enum tr_status give_up(struct reader *reader, yaml_mark_t mark, const char *why, size_t max)
{
    struct tr_place place = place_of(reader, mark);
    tr_config_errors_add(reader->errors, &place, path_text(reader), "%s (limit %zu)", why, max);
    return TR_ECONFIG;
}

static void refuse(struct reader *reader, yaml_mark_t mark, const char *what,
                   const yaml_char_t *name)
{
    struct tr_place place = place_of(reader, mark);
    char quoted[TR_QUOTE_BYTES];
    struct tr_bytes text = tr_bytes_of((const char *)name);
    tr_config_errors_add(reader->errors, &place, path_text(reader), "%s (%s) are not supported",
                         what, tr_text_quote(text, quoted));
}

static void refuse_properties(struct reader *reader, const yaml_char_t *anchor,
                              const yaml_char_t *tag)
{
    if (anchor != NULL) {
        refuse(reader, reader->event.start_mark, "anchors", anchor);
    }
    if (tag != NULL) {
        refuse(reader, reader->event.start_mark, "tags", tag);
    }
}

static enum tr_status new_node(struct reader *reader, enum tr_yaml_node_kind kind,
                               struct tr_yaml_node **out)
{
    struct tr_yaml_node *node;
    if (++reader->nodes > TR_CONFIG_NODES_MAX) {
        return give_up(reader, reader->event.start_mark, "too many values in one file",
                       TR_CONFIG_NODES_MAX);
    }
    node = tr_config_arena_alloc(reader->arena, sizeof *node);
    if (node == NULL) {
        return TR_ENOMEM;
    }
    node->kind = kind;
    node->place = place_of(reader, reader->event.start_mark);
    node->key_place = node->place;
    *out = node;
    return TR_OK;
}

static enum tr_status copy_text(struct reader *reader, struct tr_bytes *out)
{
    const char *text = (const char *)reader->event.data.scalar.value;
    size_t len = reader->event.data.scalar.length;
    char *copy = tr_config_arena_copy(reader->arena, (struct tr_bytes){text, len});
    *out = (struct tr_bytes){copy, len};
    return copy != NULL ? TR_OK : TR_ENOMEM;
}

static enum tr_status read_node(struct reader *reader, struct tr_yaml_node **out);

static void append(struct tr_yaml_node *parent, struct tr_yaml_node *child)
{
    if (parent->last != NULL) {
        parent->last->next = child;
    } else {
        parent->first = child;
    }
    parent->last = child;
    parent->count++;
}

/* The present event is a key: check and copy it. *usable: whether its value is worth keeping. */
static enum tr_status read_key(struct reader *reader, const struct tr_yaml_node *map,
                               struct tr_bytes *key, bool *usable)
{
    struct tr_place place = place_of(reader, reader->event.start_mark);
    const struct tr_yaml_node *twin = map->first;
    char quoted[TR_QUOTE_BYTES];
    enum tr_status status;

    refuse_properties(reader, reader->event.data.scalar.anchor, reader->event.data.scalar.tag);
    status = copy_text(reader, key);
    if (status != TR_OK) {
        return status;
    }
    while (twin != NULL && !tr_bytes_eq(twin->key, *key)) {
        twin = twin->next;
    }
    *usable = twin == NULL;
    if (tr_bytes_is(*key, "<<") && reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        tr_config_errors_add(reader->errors, &place, path_text(reader),
                             "merge keys ('<<') are not supported");
        *usable = false;
    } else if (twin != NULL) {
        tr_config_errors_add(reader->errors, &place, path_text(reader),
                             "key %s is repeated (first at %u:%u)", tr_text_quote(*key, quoted),
                             twin->key_place.line, twin->key_place.column);
    }
    return TR_OK;
}

/* One key and its value; the present event is the key. */
static enum tr_status read_pair(struct reader *reader, struct tr_yaml_node *map)
{
    struct tr_place place = place_of(reader, reader->event.start_mark);
    size_t path_len = reader->path.len;
    struct tr_bytes key = TR_LIT("");
    struct tr_yaml_node *value = NULL;
    bool usable = false;
    enum tr_status status = TR_OK;

    if (reader->event.type == YAML_SCALAR_EVENT) {
        status = read_key(reader, map, &key, &usable);
    } else {
        tr_config_errors_add(reader->errors, &place, path_text(reader),
                             "a key must be a single word");
        status = read_node(reader, &value);
    }
    if (status == TR_OK) {
        status = next_event(reader);
    }
    if (status != TR_OK) {
        return status;
    }
    tr_buf_add_str(&reader->path, path_len > 0 ? "." : "");
    tr_text_add_clean(&reader->path, key, 64);
    status = read_node(reader, &value);
    path_cut(reader, path_len);
    if (status == TR_OK && usable) {
        value->key = key;
        value->key_place = place;
        append(map, value);
    }
    return status;
}

static enum tr_status read_children(struct reader *reader, struct tr_yaml_node *parent)
{
    yaml_event_type_t end =
        parent->kind == TR_NODE_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    enum tr_status status = next_event(reader);

    while (status == TR_OK && reader->event.type != end) {
        struct tr_yaml_node *child = NULL;
        if (parent->count == TR_CONFIG_KEYS_MAX) {
            return give_up(reader, reader->event.start_mark, "too many entries",
                           TR_CONFIG_KEYS_MAX);
        }
        if (parent->kind == TR_NODE_MAP) {
            status = read_pair(reader, parent);
        } else {
            status = read_node(reader, &child);
            if (status == TR_OK) {
                append(parent, child);
            }
        }
        if (status == TR_OK) {
            status = next_event(reader);
        }
    }
    return status;
}

static enum tr_status read_container(struct reader *reader, enum tr_yaml_node_kind kind,
                                     struct tr_yaml_node **out)
{
    enum tr_status status = new_node(reader, kind, out);
    if (status != TR_OK) {
        return status;
    }
    if (reader->depth == TR_CONFIG_DEPTH_MAX) {
        return give_up(reader, reader->event.start_mark, "nested too deep", TR_CONFIG_DEPTH_MAX);
    }
    reader->depth++;
    status = read_children(reader, *out);
    reader->depth--;
    return status;
}

/* The present event begins a node; afterwards it is the node's last event. */
static enum tr_status read_node(struct reader *reader, struct tr_yaml_node **out)
{
    const yaml_event_t *event = &reader->event;
    enum tr_status status;

    switch (event->type) {
    case YAML_SCALAR_EVENT:
        refuse_properties(reader, event->data.scalar.anchor, event->data.scalar.tag);
        status = new_node(reader, TR_NODE_SCALAR, out);
        if (status == TR_OK) {
            (*out)->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
            status = copy_text(reader, &(*out)->text);
        }
        return status;
    case YAML_MAPPING_START_EVENT:
        refuse_properties(reader, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        return read_container(reader, TR_NODE_MAP, out);
    case YAML_SEQUENCE_START_EVENT:
        refuse_properties(reader, event->data.sequence_start.anchor,
                          event->data.sequence_start.tag);
        return read_container(reader, TR_NODE_LIST, out);
    default: /* the only other event that can stand for a node */
        refuse(reader, event->start_mark, "aliases", event->data.alias.anchor);
        return new_node(reader, TR_NODE_REFUSED, out);
    }
}

static void report_empty(struct reader *reader)
{
    struct tr_place place = whole_file(reader);
    tr_config_errors_add(reader->errors, &place, NULL,
                         "empty; required: consumers.NAME with stream.table (or stream.arn) and "
                         "processor");
}

/* Behind the first document only the end of the stream may come. */
static enum tr_status read_end(struct reader *reader)
{
    enum tr_status status = next_event(reader); /* the document's end */
    if (status == TR_OK) {
        status = next_event(reader);
    }
    if (status == TR_OK && reader->event.type == YAML_DOCUMENT_START_EVENT) {
        struct tr_place place = place_of(reader, reader->event.start_mark);
        tr_config_errors_add(reader->errors, &place, NULL,
                             "a second document ('---') in one file is not supported");
    }
    return status;
}

static void check_directives(struct reader *reader)
{
    const yaml_tag_directive_t *tag = reader->event.data.document_start.tag_directives.start;
    if (tag != reader->event.data.document_start.tag_directives.end) {
        refuse(reader, reader->event.start_mark, "tags", tag->handle);
    }
}

static enum tr_status read_stream(struct reader *reader, struct tr_yaml_node **root)
{
    enum tr_status status = next_event(reader); /* the stream's start */
    if (status == TR_OK) {
        status = next_event(reader);
    }
    if (status == TR_OK && reader->event.type == YAML_STREAM_END_EVENT) {
        report_empty(reader);
        return TR_ECONFIG;
    }
    if (status == TR_OK) {
        check_directives(reader);
        status = next_event(reader);
    }
    if (status == TR_OK) {
        status = read_node(reader, root);
    }
    return status == TR_OK ? read_end(reader) : status;
}

static enum tr_status check_root(struct reader *reader, struct tr_yaml_node **root)
{
    const struct tr_yaml_node *node = *root;
    if (node->kind == TR_NODE_MAP || node->kind == TR_NODE_REFUSED) {
        return TR_OK;
    }
    if (node->kind == TR_NODE_SCALAR && node->plain && node->text.len == 0) {
        report_empty(reader);
    } else {
        tr_config_errors_add(reader->errors, &node->place, NULL,
                             "expected a mapping of settings, found %s",
                             tr_yaml_node_kind_text(node));
    }
    return TR_ECONFIG;
}

/* The first byte that has no place in a YAML text, or len. */
static size_t bad_byte(struct tr_bytes text)
{
    size_t at;
    for (at = 0; at < text.len; at++) {
        unsigned char c = (unsigned char)text.ptr[at];
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
            return at;
        }
    }
    return at;
}

/* Where the first malformed character begins; text.len if there is none. */
static size_t bad_character(struct tr_bytes text)
{
    size_t at = 0;
    while (at < text.len) {
        size_t len = 1;
        while (len <= 4 && at + len <= text.len &&
               !tr_bytes_utf8((struct tr_bytes){text.ptr + at, len})) {
            len++;
        }
        if (len > 4 || at + len > text.len) {
            break;
        }
        at += len;
    }
    return at;
}

static void report_byte(struct reader *reader, struct tr_bytes text, size_t at, const char *what)
{
    size_t line = 1, column = 1, i;
    struct tr_place place;
    for (i = 0; i < at; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '\n') {
            line++;
            column = 1;
        } else if ((c & 0xc0) != 0x80) {
            column++;
        }
    }
    place = place_at(reader, line, column);
    tr_config_errors_add(reader->errors, &place, NULL, "byte 0x%02x is %s",
                         (unsigned)(unsigned char)text.ptr[at], what);
}

static enum tr_status check_text(struct reader *reader, struct tr_bytes text)
{
    struct tr_place place = whole_file(reader);
    size_t at;
    if (text.len > TR_CONFIG_FILE_BYTES_MAX) {
        tr_config_errors_add(reader->errors, &place, NULL, "larger than %zuKiB",
                             TR_CONFIG_FILE_BYTES_MAX / 1024);
        return TR_ECONFIG;
    }
    if (tr_bytes_starts(text, "\xff\xfe") || tr_bytes_starts(text, "\xfe\xff")) {
        tr_config_errors_add(reader->errors, &place, NULL, "is UTF-16; save it as UTF-8");
        return TR_ECONFIG;
    }
    at = bad_character(text);
    if (at < text.len) {
        report_byte(reader, text, at, "not UTF-8");
        return TR_ECONFIG;
    }
    at = bad_byte(text);
    if (at < text.len) {
        report_byte(reader, text, at, "a control character");
        return TR_ECONFIG;
    }
    return TR_OK;
}

enum tr_status tr_yaml_parse(const struct tr_config_source *source, size_t file_index,
                             struct tr_config_arena *arena, struct tr_config_errors *errors,
                             struct tr_yaml_node **root)
{
    struct reader reader = {
        .source = source, .file_index = file_index, .arena = arena, .errors = errors};
    struct tr_bytes text = source->text;
    enum tr_status status = check_text(&reader, text);

    *root = NULL;
    if (status != TR_OK) {
        return status;
    }
    if (tr_bytes_starts(text, "\xef\xbb\xbf")) {
        text.ptr += 3;
        text.len -= 3;
    }
    if (!yaml_parser_initialize(&reader.parser)) {
        return TR_ENOMEM;
    }
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.ptr, text.len);
    status = read_stream(&reader, root);
    if (status == TR_OK) {
        status = check_root(&reader, root);
    }
    if (status == TR_OK && reader.path.failed) {
        status = TR_ENOMEM;
    }
    if (status != TR_OK) {
        *root = NULL;
    }
    drop_event(&reader);
    yaml_parser_delete(&reader.parser);
    tr_buf_deinit(&reader.path);
    return status;
}
