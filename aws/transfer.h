/* SPDX-License-Identifier: Apache-2.0
 *
 * One HTTP exchange at a time on each of a pool of curl handles, all on one multi handle. It knows
 * nothing of repetitions and classes: it sends what it is given, keeps what came, and judges it
 * once. */
#ifndef TR_AWS_TRANSFER_H
#define TR_AWS_TRANSFER_H

#include "aws/endpoint.h"
#include "aws/error_core.h"
#include "aws/sigv4.h"

#define TR_ANSWER_BYTES_MAX (32u * 1024u * 1024u)
#define TR_HEADER_BYTES_MAX (64u * 1024u) /* all headers of an answer together */

struct tr_transfers;
struct tr_transfer;

struct tr_transfer_request {
    const struct tr_endpoint *endpoint; /* borrowed until tr_transfers_free, and not changed */
    const struct tr_sigv4_header *headers;
    size_t header_count;
    struct tr_bytes body; /* borrowed until the transfer is ended */
    uint64_t timeout_ms;
    bool large_answer; /* a page: worth a large buffer */
    bool once;         /* not sent again on another connection, as curl does by itself when a kept
                          one turns out to be closed */
    void *ctx;
};

/* What came of a transfer. */
struct tr_transfer_result {
    struct tr_verdict verdict; /* text says what happened, without operation and endpoint */
    unsigned http_status;
    struct tr_buf body; /* owned by the caller now */
    struct tr_wall date;
    uint64_t hint_ms;    /* x-amz-retry-after */
    unsigned sent;       /* how often the request went out */
    struct tr_mono when; /* when it first went out; ns 0: it did not */
};

/* Errors:  TR_ENOMEM, TR_EUNSUPPORTED (this libcurl lacks something).
 * Owns:    ca_file copied, NULL if TLS is not used; *out returned (tr_transfers_free). */
enum tr_status tr_transfers_new(const char *ca_file, unsigned connections_max,
                                struct tr_transfers **out, struct tr_err *err) TR_MUST_CHECK;
/* Transfers in flight are dropped. */
void tr_transfers_free(struct tr_transfers *transfers);

/* Errors:  TR_ENOMEM. Owns: *out is valid until it is ended. */
enum tr_status tr_transfers_start(struct tr_transfers *transfers,
                                  const struct tr_transfer_request *request,
                                  struct tr_transfer **out) TR_MUST_CHECK;

/* Move all transfers on as far as they go without waiting. */
void tr_transfers_perform(struct tr_transfers *transfers);
/* Take out one that is over: its ctx, and what came of it; NULL when there is none. It is ended. */
void *tr_transfers_next_done(struct tr_transfers *transfers, struct tr_transfer_result *result);
/* End one early and say what it had come to. */
void tr_transfers_abort(struct tr_transfers *transfers, struct tr_transfer *transfer,
                        struct tr_transfer_result *result);
/* Whether the first byte of its answer is there. */
bool tr_transfer_has_begun(const struct tr_transfer *transfer);

/* Wait for something to do, or for a wakeup, or for the time. */
void tr_transfers_wait(struct tr_transfers *transfers, uint64_t ms);
/* Threads: any. */
void tr_transfers_wakeup(struct tr_transfers *transfers);

#endif
