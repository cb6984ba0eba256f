/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"

void tr_assert_fail(const char *expr, const char *file, int line)
{
    fprintf(stderr, "tailrace: bug: %s:%d: %s\n", file, line, expr);
    abort();
}
