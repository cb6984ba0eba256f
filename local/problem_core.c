/* SPDX-License-Identifier: Apache-2.0 */
#include "local/problem.h"

#include <stdarg.h>

enum tr_status tr_problem_set(struct tr_problem *problem, enum tr_problem_code code,
                              const char *fmt, ...)
{
    va_list args, again;
    int len;

    problem->code = code;
    tr_buf_reset(&problem->message);
    va_start(args, fmt);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0 || !tr_buf_reserve(&problem->message, (size_t)len)) {
        va_end(again);
        return TR_ENOMEM;
    }
    (void)vsnprintf(problem->message.ptr, (size_t)len + 1, fmt, again);
    va_end(again);
    problem->message.len = (size_t)len;
    return TR_EREFUSED;
}

void tr_problem_reset(struct tr_problem *problem)
{
    tr_buf_reset(&problem->message);
    tr_buf_reset(&problem->members);
}

void tr_problem_deinit(struct tr_problem *problem)
{
    tr_buf_deinit(&problem->message);
    tr_buf_deinit(&problem->members);
}
