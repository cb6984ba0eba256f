/* SPDX-License-Identifier: Apache-2.0
 *
 * Optimal string alignment distance in three rows; names are short, so nothing is allocated. */
#include "config/hint.h"

#define NAME_BYTES_MAX 64

static unsigned char folded(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (unsigned char)(c - 'A' + 'a');
    }
    return (unsigned char)(c == '-' ? '_' : c);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t tr_hint_distance(struct tr_bytes a, struct tr_bytes b, size_t limit)
{
    size_t rows[3][NAME_BYTES_MAX + 1];
    size_t i, j;

    if (a.len > NAME_BYTES_MAX || b.len > NAME_BYTES_MAX) {
        return limit + 1;
    }
    for (j = 0; j <= b.len; j++) {
        rows[0][j] = j;
    }
    for (i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (j = 1; j <= b.len; j++) {
            bool same = folded(a.ptr[i - 1]) == folded(b.ptr[j - 1]);
            row[j] = least(least(row[j - 1], above[j]) + 1, above[j - 1] + (same ? 0 : 1));
            if (i > 1 && j > 1 && folded(a.ptr[i - 1]) == folded(b.ptr[j - 2]) &&
                folded(a.ptr[i - 2]) == folded(b.ptr[j - 1])) {
                row[j] = least(row[j], above2[j - 2] + 1);
            }
        }
    }
    return least(rows[a.len % 3][b.len], limit + 1);
}

void tr_hint_init(struct tr_hint *hint, struct tr_bytes wanted)
{
    /* A third of the letters may be wrong; more, and the hint would be a guess. */
    *hint = (struct tr_hint){.wanted = wanted, .distance = wanted.len / 3 + 1};
    if (wanted.len < 3) {
        hint->distance = wanted.len;
    }
}

void tr_hint_offer(struct tr_hint *hint, struct tr_bytes known)
{
    size_t limit = hint->best.ptr == NULL ? hint->distance : hint->distance - 1;
    size_t distance;
    if (hint->best.ptr != NULL && hint->distance == 0) {
        return;
    }
    distance = tr_hint_distance(hint->wanted, known, limit);
    if (distance <= limit && distance < known.len) {
        hint->best = known;
        hint->distance = distance;
    }
}
