/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

void tr_assert_bytes(struct tr_bytes got, const char *want)
{
    if (got.ptr == NULL || got.len != strlen(want) || memcmp(got.ptr, want, got.len) != 0) {
        fail_msg("got  '%.*s'\nwant '%s'", TR_FMT(got), want);
    }
}

void tr_assert_status(enum tr_status got, enum tr_status want, const struct tr_err *err)
{
    if (got != want) {
        fail_msg("got %s (%s), want %d", tr_status_text(got), err != NULL ? err->text : "", want);
    }
}

void tr_assert_has(const char *text, const char *words)
{
    if (strstr(text, words) == NULL) {
        fail_msg("'%s' does not hold '%s'", text, words);
    }
}
