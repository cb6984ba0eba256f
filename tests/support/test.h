/* SPDX-License-Identifier: Apache-2.0
 *
 * cmocka in the order it wants its headers, and what our tests say often. */
#ifndef TR_TESTS_SUPPORT_TEST_H
#define TR_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "tailrace/status.h"

/* The bytes equal the text; a failure prints both. */
void tr_assert_bytes(struct tr_bytes got, const char *want);
/* The status, with its name in the failure. */
void tr_assert_status(enum tr_status got, enum tr_status want, const struct tr_err *err);
/* The message holds the words. */
void tr_assert_has(const char *text, const char *words);

#endif
