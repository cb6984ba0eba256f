/* SPDX-License-Identifier: Apache-2.0
 *
 * TR_ASSERT is for bugs of our own, on in release builds too. Data from outside (rows, answers,
 * files, flags) is never asserted about: it gets a status and a message. */
#ifndef TR_BASE_ASSERT_H
#define TR_BASE_ASSERT_H

/* Print the place and the broken expression to stderr and abort. Threads: any. */
__attribute__((noreturn, cold)) void tr_assert_fail(const char *expr, const char *file, int line);

#define TR_ASSERT(expr) ((expr) ? (void)0 : tr_assert_fail(#expr, __FILE__, __LINE__))

#endif
