/* SPDX-License-Identifier: Apache-2.0
 *
 * A secret: one type, wiped when it goes, with no function that prints it. Whoever needs the bytes
 * (the signer, the header of a session token) asks for them by name. */
#ifndef TR_AWS_SECRET_H
#define TR_AWS_SECRET_H

#include "base/bytes.h"
#include "tailrace/status.h"

/* Init with {0}. */
struct tr_secret {
    char *ptr; /* owned */
    size_t len;
};

/* Copy bytes in; what was there is wiped. Errors: TR_ENOMEM (it is then not set). */
enum tr_status tr_secret_set(struct tr_secret *secret, struct tr_bytes bytes) TR_MUST_CHECK;
void tr_secret_deinit(struct tr_secret *secret);
bool tr_secret_is_set(const struct tr_secret *secret);

/* The bytes themselves: never for a message, a log line or a dump. Owns: borrowed. */
struct tr_bytes tr_secret_reveal(const struct tr_secret *secret);

#endif
