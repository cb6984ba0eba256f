/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/position.h"

#include "base/err.h"
#include "base/mutant.h"

/* KCL's sentinels, by kind. */
static const char *const sentinels[] = {
    [TR_POSITION_AT_TIMESTAMP] = "AT_TIMESTAMP",
    [TR_POSITION_TRIM_HORIZON] = "TRIM_HORIZON",
    [TR_POSITION_LATEST] = "LATEST",
    [TR_POSITION_SEQUENCE] = NULL,
    [TR_POSITION_SHARD_END] = "SHARD_END",
};

static bool parse_digits(struct tr_bytes text, struct tr_position *out)
{
    size_t i;
    if (text.len == 0) {
        return false;
    }
    for (i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    while (text.len > TR_SEQUENCE_DIGITS_MAX && text.ptr[0] == '0') {
        text.ptr++;
        text.len--;
    }
    if (text.len > TR_SEQUENCE_DIGITS_MAX) {
        return false;
    }
    *out = (struct tr_position){.kind = TR_POSITION_SEQUENCE, .len = (uint8_t)text.len};
    memcpy(out->digits, text.ptr, text.len);
    return true;
}

enum tr_status tr_position_parse(struct tr_bytes text, struct tr_position *out, struct tr_err *err)
{
    size_t kind;
    for (kind = 0; kind < sizeof sentinels / sizeof sentinels[0]; kind++) {
        if (sentinels[kind] != NULL && tr_bytes_is(text, sentinels[kind])) {
            *out = (struct tr_position){.kind = (uint8_t)kind};
            return TR_OK;
        }
    }
    if (parse_digits(text, out)) {
        return TR_OK;
    }
    return tr_fail(err, TR_EPARSE,
                   "'%.*s' is no position: neither TRIM_HORIZON, LATEST, AT_TIMESTAMP or "
                   "SHARD_END, nor a number of at most %d digits",
                   text.len < 80 ? (int)text.len : 80, text.ptr != NULL ? text.ptr : "",
                   TR_SEQUENCE_DIGITS_MAX);
}

void tr_position_format(struct tr_buf *out, const struct tr_position *position)
{
    if (position->kind != TR_POSITION_SEQUENCE) {
        tr_buf_add_str(out, sentinels[position->kind]);
    } else {
        tr_buf_add(out, (struct tr_bytes){position->digits, position->len});
    }
}

/* The number without leading zeros. */
static struct tr_bytes significant(const struct tr_position *position)
{
    struct tr_bytes digits = {position->digits, position->len};
    while (digits.len > 0 && digits.ptr[0] == '0') {
        digits.ptr++;
        digits.len--;
    }
    return digits;
}

int tr_position_cmp(const struct tr_position *a, const struct tr_position *b)
{
    struct tr_bytes x, y;
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    x = significant(a);
    y = significant(b);
    if (x.len != y.len && !TR_MUTANT(STRING_ORDER)) {
        return x.len < y.len ? -1 : 1;
    }
    if (TR_MUTANT(STRING_ORDER)) {
        return tr_bytes_cmp(x, y);
    }
    return x.len > 0 ? memcmp(x.ptr, y.ptr, x.len) : 0;
}

bool tr_position_is_sequence(const struct tr_position *position)
{
    return position->kind == TR_POSITION_SEQUENCE;
}

bool tr_position_parse_sequence(struct tr_bytes text, struct tr_position *out)
{
    return tr_position_parse(text, out, NULL) == TR_OK && tr_position_is_sequence(out);
}
