/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the keys come from: the environment, then the profile's static keys; a loopback endpoint
 * without any signs as `local`. A source that is configured is authoritative: if it is half set or
 * not available yet, that is the error, and no other source is tried. */
#ifndef TR_AWS_CREDENTIALS_H
#define TR_AWS_CREDENTIALS_H

#include "aws/profile.h"
#include "aws/secret.h"

/* Init with {0}. */
struct tr_credentials {
    char *access_key; /* owned */
    struct tr_secret secret;
    struct tr_secret session_token; /* not set: none */
    char source[64];                /* "environment", "profile 'x'", "loopback" */
};

/* Errors:  TR_ECONFIG (half set, or none and not loopback; the variable or file and line named),
 *          TR_EUNSUPPORTED (a source that is configured but not available yet, named), TR_ENOMEM.
 *          *out is then empty.
 * Owns:    *out is the caller's (deinit). */
enum tr_status tr_credentials_resolve(tr_env_fn *env, const struct tr_profile *profile,
                                      bool loopback, struct tr_credentials *out,
                                      struct tr_err *err) TR_MUST_CHECK;
void tr_credentials_deinit(struct tr_credentials *credentials);

#endif
