/* SPDX-License-Identifier: Apache-2.0
 *
 * The form of a request's signature, checked as the service does before it looks at anything else.
 * The signature itself is verified by aws/sigv4.h when the user asks for it. */
#ifndef TR_LOCAL_SERVER_AUTH_H
#define TR_LOCAL_SERVER_AUTH_H

#include "local/problem.h"

/* Parts of an Authorization header; views. */
struct tr_server_auth {
    struct tr_bytes key;     /* the access key's id */
    struct tr_bytes region;  /* of the scope */
    struct tr_bytes service; /* of the scope */
};

/* Read an Authorization header.
 * Shape:   authorization is absent when the header is; has_date: X-Amz-Date or Date was sent.
 * Errors:  TR_EREFUSED with the service's problem; TR_ENOMEM. */
enum tr_status tr_server_auth_read(struct tr_bytes authorization, bool has_date,
                                   struct tr_server_auth *out,
                                   struct tr_problem *problem) TR_MUST_CHECK;

#endif
