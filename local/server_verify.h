/* SPDX-License-Identifier: Apache-2.0
 *
 * Verifying the signatures of requests, when the user gives a key: for those who want to know that
 * their signer is right. */
#ifndef TR_LOCAL_SERVER_VERIFY_H
#define TR_LOCAL_SERVER_VERIFY_H

#include "aws/sigv4.h"
#include "local/problem.h"

struct tr_server_verifier;

/* Errors:  TR_ENOMEM, TR_EUNSUPPORTED.
 * Owns:    the key is copied; *out returned (free with tr_server_verifier_free). */
enum tr_status tr_server_verifier_new(const char *access_key, const char *secret_key,
                                      struct tr_server_verifier **out,
                                      struct tr_err *err) TR_MUST_CHECK;
/* Wipes the key; NULL is fine. */
void tr_server_verifier_free(struct tr_server_verifier *verifier);

/* Whether a request is signed with the key, for any region.
 * Shape:   a signature may be young by the host's clock or by the model's, which may be ahead.
 * Errors:  TR_EREFUSED with the service's problem; TR_ENOMEM. */
enum tr_status tr_server_verify(struct tr_server_verifier *verifier,
                                const struct tr_sigv4_request *request, struct tr_wall host_now,
                                struct tr_wall model_now, struct tr_problem *problem) TR_MUST_CHECK;

#endif
