/* SPDX-License-Identifier: Apache-2.0
 *
 * AWS Signature Version 4: signing what we send, and verifying what a client sent (the service
 * model). A signer fetches its algorithms once and keeps the key of one day, region and service, so
 * that a signature costs about a microsecond. */
#ifndef TR_AWS_SIGV4_H
#define TR_AWS_SIGV4_H

#include "aws/secret.h"
#include "base/time.h"

#define TR_SIGV4_HEADERS_MAX 64 /* of a request, duplicates counted */
#define TR_SIGV4_QUERY_MAX 64   /* parameters */
#define TR_SIGV4_HEX_SIZE 65    /* 64 digits and a NUL */
#define TR_SIGV4_SKEW_MAX_MS (15 * 60 * 1000)

struct tr_sigv4; /* opaque; one thread at a time */

struct tr_sigv4_header {
    struct tr_bytes name;
    struct tr_bytes value;
};

/* Everything borrowed for the call. */
struct tr_sigv4_request {
    struct tr_bytes method; /* "POST" */
    struct tr_bytes path;   /* percent-encoded as sent; "" counts as "/" */
    struct tr_bytes query;  /* without '?', percent-encoded as sent */
    const struct tr_sigv4_header *headers;
    size_t header_count;
    struct tr_bytes body;
};

struct tr_sigv4_key {
    struct tr_bytes access_key;
    const struct tr_secret *secret;
    struct tr_bytes region;
    struct tr_bytes service;
};

/* Errors:  TR_ENOMEM; TR_EUNSUPPORTED when OpenSSL offers no SHA-256 or HMAC.
 * Owns:    *out returned (free with tr_sigv4_free). */
enum tr_status tr_sigv4_new(struct tr_sigv4 **out, struct tr_err *err) TR_MUST_CHECK;
void tr_sigv4_free(struct tr_sigv4 *signer);

/* Sign a request with all its headers: x-amz-date (which must show `now`), host and, if there is a
 * session token, x-amz-security-token are the caller's to put among them.
 * Errors:  TR_ELIMIT too many headers or parameters; TR_ENOMEM.
 * Owns:    the Authorization header's value is appended to *authorization. */
enum tr_status tr_sigv4_sign(struct tr_sigv4 *signer, const struct tr_sigv4_key *key,
                             struct tr_wall now, const struct tr_sigv4_request *request,
                             struct tr_buf *authorization, struct tr_err *err) TR_MUST_CHECK;

/* The hashes on the way of the last signature or verification, in hex: for tests and for a
 * mismatch's message. Owns: borrowed until the next use. */
const char *tr_sigv4_canonical_hash(const struct tr_sigv4 *signer);
const char *tr_sigv4_body_hash(const struct tr_sigv4 *signer);
/* The canonical request itself. */
struct tr_bytes tr_sigv4_canonical(const struct tr_sigv4 *signer);

/* Verify the Authorization header of a request as it was received: its key is the one given, its
 * scope the region and service given (absent: any), host, x-amz-date and every other x-amz- header
 * are signed, the time is within TR_SIGV4_SKEW_MAX_MS, and the signature is what the secret gives.
 * Errors:  TR_EAUTH with the service's error code in *code (static) and the reason in err;
 *          TR_ENOMEM. */
enum tr_status tr_sigv4_verify(struct tr_sigv4 *signer, const struct tr_sigv4_key *key,
                               struct tr_wall now, const struct tr_sigv4_request *request,
                               const char **code, struct tr_err *err) TR_MUST_CHECK;

#endif
