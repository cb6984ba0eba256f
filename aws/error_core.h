/* SPDX-License-Identifier: Apache-2.0
 *
 * What an HTTP answer of the services means: one table from error codes to statuses, and the rules
 * for answers without a code (proxies, load balancers, damage). */
#ifndef TR_AWS_ERROR_CORE_H
#define TR_AWS_ERROR_CORE_H

#include "base/bytes.h"
#include "tailrace/status.h"

struct tr_reply {
    unsigned http_status;
    struct tr_bytes body;
    struct tr_bytes error_type; /* header x-amzn-errortype; absent if none */
    struct tr_bytes encoding;   /* header content-encoding; absent if none */
    bool crc_differs;           /* header x-amz-crc32 is there and does not fit the body */
};

struct tr_verdict {
    enum tr_status status;
    bool repeatable;        /* a repetition may succeed */
    bool may_have_happened; /* the service may have carried the request out, or has */
    bool clock;             /* the signature was refused, perhaps for the time in it */
    char code[96];          /* the service's, "" if none */
    char text[320]; /* "400 ExpiredIteratorException: ..."; printable, whatever the body held */
};

/* Judge a whole HTTP answer. TR_OK is a 200 whose body looks like one JSON object and fits its
 * checksum; reading it is the caller's business.
 * Errors:  out->status is TR_ENOMEM when there was no memory to read an error's body. */
void tr_reply_judge(const struct tr_reply *reply, struct tr_verdict *out);

#endif
