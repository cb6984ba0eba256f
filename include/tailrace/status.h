/* SPDX-License-Identifier: Apache-2.0
 *
 * Every outcome that a tailrace function can report, and what a caller should do about it. A status
 * is a number with a class; the class answers the caller's next question (try again? give the lease
 * up? ask the user?). Details for people go into an optional struct tr_err. */
#ifndef TAILRACE_STATUS_H
#define TAILRACE_STATUS_H

#include <stdarg.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TR_API __attribute__((visibility("default")))
#define TR_MUST_CHECK __attribute__((warn_unused_result))
#define TR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define TR_API
#define TR_MUST_CHECK
#define TR_PRINTF(fmt, args)
#endif

/* What to do next: nothing | try again later | what was held is gone | mend the configuration |
 * stop. */
enum tr_class { TR_CLASS_OK, TR_CLASS_RETRY, TR_CLASS_LOST, TR_CLASS_CONFIG, TR_CLASS_FATAL };

/* name, class, text. Numbers are stable: new rows go to the end. */
#define TR_STATUS_TABLE(X)                                                                         \
    X(TR_OK, TR_CLASS_OK, "ok")                                                                    \
    X(TR_ENOMEM, TR_CLASS_FATAL, "out of memory")                                                  \
    X(TR_ELIMIT, TR_CLASS_FATAL, "limit reached")                                                  \
    X(TR_EUSAGE, TR_CLASS_CONFIG, "bad usage")                                                     \
    X(TR_ECONFIG, TR_CLASS_CONFIG, "bad configuration")                                            \
    X(TR_EUNSUPPORTED, TR_CLASS_CONFIG, "not available")                                           \
    X(TR_EPARSE, TR_CLASS_FATAL, "malformed data")                                                 \
    X(TR_EIO, TR_CLASS_RETRY, "input/output error")                                                \
    X(TR_ECLOSED, TR_CLASS_FATAL, "the other end is closed")                                       \
    X(TR_ENET, TR_CLASS_RETRY, "network error")                                                    \
    X(TR_ETIMEOUT, TR_CLASS_RETRY, "timed out")                                                    \
    X(TR_ETHROTTLED, TR_CLASS_RETRY, "throttled")                                                  \
    X(TR_ESERVICE, TR_CLASS_RETRY, "service error")                                                \
    X(TR_ECORRUPT, TR_CLASS_RETRY, "damaged answer")                                               \
    X(TR_EAUTH, TR_CLASS_CONFIG, "not authorized")                                                 \
    X(TR_EREFUSED, TR_CLASS_FATAL, "request refused")                                              \
    X(TR_ECONDITION, TR_CLASS_LOST, "conditional check failed")                                    \
    X(TR_ENOTFOUND, TR_CLASS_LOST, "not found")                                                    \
    X(TR_EEXISTS, TR_CLASS_LOST, "exists already")                                                 \
    X(TR_EEXPIRED, TR_CLASS_RETRY, "iterator expired")                                             \
    X(TR_ETRIMMED, TR_CLASS_LOST, "data trimmed")                                                  \
    X(TR_ECANCELED, TR_CLASS_LOST, "canceled")                                                     \
    X(TR_EPROCESS, TR_CLASS_RETRY, "processor failed")

enum tr_status {
#define TR_STATUS_ENUM(name, class, text) name,
    TR_STATUS_TABLE(TR_STATUS_ENUM)
#undef TR_STATUS_ENUM
        TR_STATUS_COUNT
};

/* One message for people: lower case, no full stop, values quoted; wrapped outward as it travels
 * ("take lease 'shard-3': conditional check failed"). Plain data, may be copied; init with {0}. */
struct tr_err {
    char text[512];
};

/* The text of a status, for example "timed out".
 * Errors:  a number outside the enum gives "unknown status".
 * Owns:    static text, never freed.
 * Threads: any. */
TR_API const char *tr_status_text(enum tr_status status);

/* The name of a status, for example "TR_ETIMEOUT".
 * Owns:    static text, never freed.
 * Threads: any. */
TR_API const char *tr_status_name(enum tr_status status);

/* The class of a status: what to do next.
 * Errors:  a number outside the enum is TR_CLASS_FATAL.
 * Threads: any. */
TR_API enum tr_class tr_status_class(enum tr_status status);

#ifdef __cplusplus
}
#endif
#endif
