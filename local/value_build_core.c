/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers made of parts: sorting and packing. */
#include "local/value.h"

static int cmp_parts(const struct tr_value_part *a, const struct tr_value_part *b)
{
    return a->name.ptr != NULL ? tr_bytes_cmp(a->name, b->name) : tr_value_cmp(a->value, b->value);
}

static bool is_sorted(const struct tr_value_part *parts, size_t count)
{
    size_t i;
    for (i = 1; i < count; i++) {
        if (cmp_parts(&parts[i - 1], &parts[i]) > 0) {
            return false;
        }
    }
    return true;
}

/* Merge two sorted neighbours of `from` into `to`. */
static void merge(const struct tr_value_part *from, struct tr_value_part *to, size_t middle,
                  size_t end)
{
    size_t left = 0, right = middle, at;
    for (at = 0; at < end; at++) {
        bool take_left =
            left < middle && (right >= end || cmp_parts(&from[left], &from[right]) <= 0);
        to[at] = from[take_left ? left++ : right++];
    }
}

bool tr_value_part_sort(struct tr_value_part *parts, size_t count, struct tr_arena *arena)
{
    struct tr_value_part *from = parts, *to, *swap;
    size_t width, at;

    if (is_sorted(parts, count)) {
        return true;
    }
    to = tr_arena_alloc(arena, count * sizeof *parts);
    if (to == NULL) {
        return false;
    }
    for (width = 1; width < count; width *= 2) {
        for (at = 0; at < count; at += 2 * width) {
            size_t left = count - at;
            merge(from + at, to + at, width < left ? width : left,
                  2 * width < left ? 2 * width : left);
        }
        swap = from;
        from = to;
        to = swap;
    }
    if (from != parts) {
        memcpy(parts, from, count * sizeof *parts);
    }
    return true;
}

enum tr_status tr_value_build(enum tr_value_type type, const struct tr_value_part *parts,
                              size_t count, struct tr_arena *arena, struct tr_value *out)
{
    struct tr_buf *build = &arena->build;
    size_t i;

    tr_buf_reset(build);
    for (i = 0; i < count; i++) {
        if (type == TR_VALUE_M) {
            tr_value_pack_member(build, parts[i].name, parts[i].value);
        } else if (type == TR_VALUE_L) {
            tr_value_pack(build, parts[i].value);
        } else {
            tr_value_pack_element(build, parts[i].value.data);
        }
    }
    if (tr_buf_status(build) != TR_OK) {
        return TR_ENOMEM;
    }
    out->type = type;
    out->data = tr_arena_copy(arena, tr_buf_bytes(build));
    return out->data.ptr != NULL ? TR_OK : TR_ENOMEM;
}
