/* SPDX-License-Identifier: Apache-2.0
 *
 * Sequence numbers as numbers: three runs of eighteen digits, compared one by one. */
#include "tests/sim/judge_parts.h"

#include <stdio.h>

#define DIGITS 18u

bool judge_number_parse(struct tr_bytes text, struct number *out)
{
    struct number number = {{0}};
    size_t i;
    if (text.len == 0 || text.len > 3 * DIGITS) {
        return false;
    }
    for (i = 0; i < text.len; i++) {
        size_t from_right = text.len - 1 - i;
        uint64_t *part = &number.part[2 - from_right / DIGITS];
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
        *part = *part * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *out = number;
    return true;
}

int judge_number_cmp(const struct number *a, const struct number *b)
{
    size_t i;
    for (i = 0; i < 3; i++) {
        if (a->part[i] != b->part[i]) {
            return a->part[i] < b->part[i] ? -1 : 1;
        }
    }
    return 0;
}

const char *judge_number_text(const struct number *number, char *out, size_t cap)
{
    char all[64];
    const char *at = all;
    (void)snprintf(all, sizeof all, "%018llu%018llu%018llu", (unsigned long long)number->part[0],
                   (unsigned long long)number->part[1], (unsigned long long)number->part[2]);
    while (*at == '0' && at[1] != '\0') {
        at++;
    }
    (void)snprintf(out, cap, "%s", at);
    return out;
}
