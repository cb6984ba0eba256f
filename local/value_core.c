/* SPDX-License-Identifier: Apache-2.0
 *
 * A packed value is one byte of type, four of length, and the content. A member of a map has its
 * name (four bytes of length, the characters) before it; elements of sets are length and bytes
 * alone. Lengths are in the order of the machine: nothing packed ever leaves it. */
#include "local/value.h"

#include "local/base64.h"
#include "local/number.h"

#define PART_OVERHEAD 3 /* what the service counts for a map or a list, besides 1 for each part */

static const char *const type_names[] = {
#define NAME(id, name) name,
    TR_VALUE_TABLE(NAME)
#undef NAME
};

const char *tr_value_type_name(enum tr_value_type type)
{
    return type_names[type];
}

static enum tr_value_type type_of_letter(char c)
{
    switch (c) {
    case 'S':
        return TR_VALUE_S;
    case 'N':
        return TR_VALUE_N;
    case 'B':
        return TR_VALUE_B;
    case 'M':
        return TR_VALUE_M;
    case 'L':
        return TR_VALUE_L;
    default:
        return TR_VALUE_ABSENT;
    }
}

enum tr_value_type tr_value_type_of(struct tr_bytes name)
{
    unsigned type;
    if (name.len == 1) { /* most are */
        return type_of_letter(name.ptr[0]);
    }
    for (type = TR_VALUE_ABSENT + 1; type < TR_VALUE_COUNT; type++) {
        if (tr_bytes_is(name, type_names[type])) {
            return (enum tr_value_type)type;
        }
    }
    return TR_VALUE_ABSENT;
}

bool tr_value_is_set(enum tr_value_type type)
{
    return type == TR_VALUE_SS || type == TR_VALUE_NS || type == TR_VALUE_BS;
}

enum tr_value_type tr_value_element_type(enum tr_value_type set)
{
    switch (set) {
    case TR_VALUE_SS:
        return TR_VALUE_S;
    case TR_VALUE_NS:
        return TR_VALUE_N;
    case TR_VALUE_BS:
        return TR_VALUE_B;
    default:
        return TR_VALUE_ABSENT;
    }
}

/* --- walking --- */

/* Cut a length and that many bytes. Packed bytes are our own: they are whole. */
static struct tr_bytes cut(struct tr_bytes *rest)
{
    struct tr_bytes part;
    uint32_t len;
    memcpy(&len, rest->ptr, sizeof len);
    part = (struct tr_bytes){rest->ptr + sizeof len, len};
    rest->ptr += sizeof len + len;
    rest->len -= sizeof len + len;
    return part;
}

static struct tr_value cut_value(struct tr_bytes *rest)
{
    struct tr_value value = {.type = (enum tr_value_type) * rest->ptr};
    rest->ptr++;
    rest->len--;
    value.data = cut(rest);
    return value;
}

struct tr_value tr_value_of_packed(struct tr_bytes packed)
{
    return cut_value(&packed);
}

void tr_value_walk(struct tr_value_walk *walk, struct tr_value container)
{
    *walk = (struct tr_value_walk){.rest = container.data, .type = container.type};
    if (container.type != TR_VALUE_M && container.type != TR_VALUE_L &&
        !tr_value_is_set(container.type)) {
        walk->rest.len = 0;
    }
}

bool tr_value_step(struct tr_value_walk *walk)
{
    if (walk->rest.len == 0) {
        return false;
    }
    if (walk->type == TR_VALUE_M) {
        walk->name = cut(&walk->rest);
        walk->value = cut_value(&walk->rest);
    } else if (walk->type == TR_VALUE_L) {
        walk->value = cut_value(&walk->rest);
    } else {
        walk->value.type = tr_value_element_type(walk->type);
        walk->value.data = cut(&walk->rest);
    }
    return true;
}

size_t tr_value_count(struct tr_value container)
{
    struct tr_value_walk walk;
    size_t count = 0;
    for (tr_value_walk(&walk, container); tr_value_step(&walk);) {
        count++;
    }
    return count;
}

struct tr_value tr_value_member(struct tr_value map, struct tr_bytes name)
{
    struct tr_value_walk walk;
    if (map.type == TR_VALUE_M) {
        for (tr_value_walk(&walk, map); tr_value_step(&walk);) {
            if (tr_bytes_eq(walk.name, name)) {
                return walk.value;
            }
        }
    }
    return (struct tr_value){0};
}

struct tr_value tr_value_element(struct tr_value list, size_t index)
{
    struct tr_value_walk walk;
    if (list.type == TR_VALUE_L) {
        for (tr_value_walk(&walk, list); tr_value_step(&walk);) {
            if (index-- == 0) {
                return walk.value;
            }
        }
    }
    return (struct tr_value){0};
}

bool tr_value_has(struct tr_value set, struct tr_bytes element)
{
    struct tr_value_walk walk;
    for (tr_value_walk(&walk, set); tr_value_step(&walk);) {
        if (tr_bytes_eq(walk.value.data, element)) {
            return true;
        }
    }
    return false;
}

/* --- comparing and measuring --- */

bool tr_value_eq(struct tr_value a, struct tr_value b)
{
    return a.type == b.type && tr_bytes_eq(a.data, b.data);
}

int tr_value_cmp(struct tr_value a, struct tr_value b)
{
    return a.type == TR_VALUE_N ? tr_number_cmp(a.data, b.data) : tr_bytes_cmp(a.data, b.data);
}

/* Bounded: values nest TR_VALUE_DEPTH_MAX levels. */
size_t tr_value_size(struct tr_value value)
{
    struct tr_value_walk walk;
    bool document = value.type == TR_VALUE_M || value.type == TR_VALUE_L;
    size_t size = document ? PART_OVERHEAD : 0;
    switch (value.type) {
    case TR_VALUE_ABSENT:
        return 0;
    case TR_VALUE_S:
    case TR_VALUE_B:
        return value.data.len;
    case TR_VALUE_N:
        return tr_number_size(value.data);
    case TR_VALUE_BOOL:
    case TR_VALUE_NULL:
        return 1;
    default:
        for (tr_value_walk(&walk, value); tr_value_step(&walk);) {
            size += walk.name.len + tr_value_size(walk.value) + document;
        }
        return size;
    }
}

size_t tr_value_map_size(struct tr_value map)
{
    struct tr_value_walk walk;
    size_t size = 0;
    for (tr_value_walk(&walk, map); tr_value_step(&walk);) {
        size += walk.name.len + tr_value_size(walk.value);
    }
    return size;
}

/* Bounded as above. */
static unsigned depth_of(struct tr_value value)
{
    struct tr_value_walk walk;
    unsigned deepest = 0;
    if (value.type != TR_VALUE_M && value.type != TR_VALUE_L) {
        return 0;
    }
    for (tr_value_walk(&walk, value); tr_value_step(&walk);) {
        unsigned depth = depth_of(walk.value);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

unsigned tr_value_depth(struct tr_value value)
{
    return depth_of(value);
}

/* --- packing --- */

void tr_value_pack_element(struct tr_buf *out, struct tr_bytes element)
{
    uint32_t len = (uint32_t)element.len;
    char *at;
    if (!tr_buf_reserve(out, sizeof len + element.len)) {
        return;
    }
    at = out->ptr + out->len;
    memcpy(at, &len, sizeof len);
    if (element.len > 0) {
        memcpy(at + sizeof len, element.ptr, element.len);
    }
    out->len += sizeof len + element.len;
}

void tr_value_pack(struct tr_buf *out, struct tr_value value)
{
    tr_buf_add_char(out, (char)value.type);
    tr_value_pack_element(out, value.data);
}

void tr_value_pack_member(struct tr_buf *out, struct tr_bytes name, struct tr_value value)
{
    tr_value_pack_element(out, name);
    tr_value_pack(out, value);
}

size_t tr_value_pack_open(struct tr_buf *out, enum tr_value_type type)
{
    tr_value_pack(out, (struct tr_value){type, {"", 0}});
    return out->len;
}

void tr_value_pack_close(struct tr_buf *out, size_t opened)
{
    uint32_t len = (uint32_t)(out->len - opened);
    if (!out->failed) {
        memcpy(out->ptr + opened - sizeof len, &len, sizeof len);
    }
}

/* --- printing --- */

static void print_elements(struct tr_buf *out, struct tr_value set)
{
    struct tr_value_walk walk;
    char before = '[';
    for (tr_value_walk(&walk, set); tr_value_step(&walk);) {
        tr_buf_add_char(out, before);
        before = ',';
        if (walk.value.type == TR_VALUE_B) {
            tr_buf_add_char(out, '"');
            tr_base64_add(out, walk.value.data);
            tr_buf_add_char(out, '"');
        } else {
            tr_buf_add_json(out, walk.value.data);
        }
    }
    tr_buf_add_char(out, ']');
}

static void print_list(struct tr_buf *out, struct tr_value list)
{
    struct tr_value_walk walk;
    bool first = true;
    tr_buf_add_char(out, '[');
    for (tr_value_walk(&walk, list); tr_value_step(&walk); first = false) {
        if (!first) {
            tr_buf_add_char(out, ',');
        }
        tr_value_print(out, walk.value);
    }
    tr_buf_add_char(out, ']');
}

/* Numbers and base64 hold nothing to escape. */
static void print_plain(struct tr_buf *out, struct tr_value value)
{
    tr_buf_add_char(out, '"');
    if (value.type == TR_VALUE_B) {
        tr_base64_add(out, value.data);
    } else {
        tr_buf_add(out, value.data);
    }
    tr_buf_add_char(out, '"');
}

/* {"S": and the like, in one piece. */
static const struct tr_bytes heads[] = {
#define HEAD(id, name) {"{\"" name "\":", sizeof(name) + 3},
    TR_VALUE_TABLE(HEAD)
#undef HEAD
};

/* Bounded: values nest TR_VALUE_DEPTH_MAX levels. */
void tr_value_print(struct tr_buf *out, struct tr_value value)
{
    tr_buf_add(out, heads[value.type]);
    switch (value.type) {
    case TR_VALUE_S:
        tr_buf_add_json(out, value.data);
        break;
    case TR_VALUE_BOOL:
        tr_buf_add(out, value.data.ptr[0] != 0 ? TR_LIT("true") : TR_LIT("false"));
        break;
    case TR_VALUE_NULL:
        tr_buf_add(out, TR_LIT("true"));
        break;
    case TR_VALUE_M:
        tr_value_print_map(out, value);
        break;
    case TR_VALUE_L:
        print_list(out, value);
        break;
    case TR_VALUE_SS:
    case TR_VALUE_NS:
    case TR_VALUE_BS:
        print_elements(out, value);
        break;
    default:
        print_plain(out, value);
    }
    tr_buf_add_char(out, '}');
}

void tr_value_print_map(struct tr_buf *out, struct tr_value map)
{
    struct tr_value_walk walk;
    bool first = true;
    tr_buf_add_char(out, '{');
    for (tr_value_walk(&walk, map); tr_value_step(&walk); first = false) {
        if (!first) {
            tr_buf_add_char(out, ',');
        }
        tr_buf_add_json(out, walk.name);
        tr_buf_add_char(out, ':');
        tr_value_print(out, walk.value);
    }
    tr_buf_add_char(out, '}');
}
