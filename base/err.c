/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>

static const struct {
    const char *name;
    const char *text;
    enum tr_class class;
} table[TR_STATUS_COUNT] = {
#define TR_STATUS_ROW(name, class, text) [name] = {#name, text, class},
    TR_STATUS_TABLE(TR_STATUS_ROW)
#undef TR_STATUS_ROW
};

static bool known(enum tr_status status)
{
    return (unsigned)status < TR_STATUS_COUNT;
}

const char *tr_status_text(enum tr_status status)
{
    return known(status) ? table[status].text : "unknown status";
}

const char *tr_status_name(enum tr_status status)
{
    return known(status) ? table[status].name : "TR_UNKNOWN";
}

enum tr_class tr_status_class(enum tr_status status)
{
    return known(status) ? table[status].class : TR_CLASS_FATAL;
}

enum tr_status tr_fail(struct tr_err *err, enum tr_status status, const char *fmt, ...)
{
    va_list args;
    if (err != NULL) {
        va_start(args, fmt);
        (void)vsnprintf(err->text, sizeof err->text, fmt, args);
        va_end(args);
    }
    return status;
}

enum tr_status tr_wrap(struct tr_err *err, enum tr_status status, const char *fmt, ...)
{
    struct tr_err inner;
    va_list args;
    int len;

    if (err == NULL) {
        return status;
    }
    inner = *err;
    va_start(args, fmt);
    len = vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    if (len >= 0 && (size_t)len < sizeof err->text) {
        (void)snprintf(err->text + len, sizeof err->text - (size_t)len, ": %s",
                       inner.text[0] != '\0' ? inner.text : tr_status_text(status));
    }
    return status;
}

const char *tr_errno_text(int number, char *out, size_t size)
{
    const char *text = strerrordesc_np(number);
    const char *name = strerrorname_np(number);
    (void)snprintf(out, size, "%s (%s)", text != NULL ? text : "unknown error",
                   name != NULL ? name : "?");
    return out;
}
