/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls to DynamoDB and DynamoDB Streams: JSON 1.0 over one curl multi handle that lives on the
 * caller's thread. It signs, sends, checks, repeats what may be repeated, and maps every outcome to
 * one status; what to do about a status is the cores' business. */
#ifndef TR_AWS_CLIENT_H
#define TR_AWS_CLIENT_H

#include "base/buf.h"
#include "base/time.h"

struct tr_aws;
struct tr_aws_call;

enum tr_aws_service { TR_AWS_DYNAMODB, TR_AWS_STREAMS, TR_AWS_SERVICE_COUNT };

/* Limits on calls in flight are kept by class, so that renewals never queue behind reads. Each
 * class has its own retry budget too. */
enum tr_aws_class {
    TR_AWS_LEASE_WRITE, /* conditional writes of lease rows */
    TR_AWS_LEASE_READ,  /* scans and reads of the lease table */
    TR_AWS_CONTROL,     /* tables, streams, listings, iterators */
    TR_AWS_RECORDS,     /* GetRecords */
    TR_AWS_DATA,        /* item writes of the feed */
    TR_AWS_CLASS_COUNT
};

struct tr_aws_options {
    const char *region;   /* configured; NULL or "": AWS_REGION, AWS_DEFAULT_REGION, profile, arn */
    const char *endpoint; /* configured; NULL or "": the environment's, else the regional one */
    const char *profile;  /* configured; NULL or "": AWS_PROFILE, else default */
    const char *stream_arn;                  /* NULL, or an ARN whose region is the last resort */
    const char *(*getenv)(const char *name); /* NULL: the process's environment */
    unsigned in_flight_max[TR_AWS_CLASS_COUNT]; /* 0: the default of the class */
    uint64_t seed;                              /* of jitter */
};

struct tr_aws_request {
    enum tr_aws_service service;
    enum tr_aws_class class;
    const char *operation; /* "GetRecords", or a whole X-Amz-Target with its dot; static */
    struct tr_bytes body;  /* JSON; copied */
    /* 1: never repeated by this layer, whatever happens (every conditional write). 0: as many as
     * the timeout and the class's budget allow. */
    unsigned attempts_max;
    uint64_t attempt_timeout_ms;    /* one attempt, from connecting to the last byte; 0: 10 s */
    uint64_t first_byte_timeout_ms; /* from an attempt's start to the answer's first byte; 0: 5 s */
    uint64_t timeout_ms;            /* the whole call with its repetitions; 0: 60 s */
};

struct tr_aws_answer {
    enum tr_status status; /* TR_OK only for a checked, whole HTTP 200 */
    struct tr_err err;     /* for people: operation, endpoint, service's code and message */
    unsigned http_status;  /* 0 when no answer came */
    char code[96];       /* the service's error code, e.g. "ExpiredIteratorException"; "" if none */
    struct tr_buf body;  /* an error's too; may be taken (set to {0}), is freed after the callback
                            otherwise */
    struct tr_wall date; /* the answer's Date header; ms 0 when there was none */
    struct tr_mono sent; /* when it was first sent; ns 0: never */
    unsigned attempts;   /* how often it was sent */
    /* A failed write that the service may have carried out all the same, in this attempt or in an
     * earlier one that was lost. Always false with TR_OK. */
    bool may_have_happened;
};

typedef void tr_aws_done_fn(void *ctx, struct tr_aws_answer *answer);

/* Resolve region, endpoints and credentials, and make a client.
 * Errors:  TR_ECONFIG (no region, half-set credentials, malformed endpoint or profile, unreadable
 * CA bundle; the message names the variable or the file and line), TR_EUNSUPPORTED (a source of
 * credentials that is not available yet, named), TR_ENOMEM. Owns:    options borrowed for the call;
 * *out returned (free with tr_aws_free). Threads: the thread that will call tr_aws_poll. */
enum tr_status tr_aws_new(const struct tr_aws_options *options, struct tr_aws **out,
                          struct tr_err *err) TR_MUST_CHECK;
/* Calls in flight are dropped; their callbacks do not run. NULL is fine. */
void tr_aws_free(struct tr_aws *aws);

/* Start a call. `done` runs exactly once, from a later tr_aws_poll, unless the call is canceled.
 * Errors:  TR_ENOMEM (done will not run).
 * Owns:    request copied; *call, if wanted, is valid until done ran. ctx is the caller's.
 * Threads: loop. */
enum tr_status tr_aws_start(struct tr_aws *aws, const struct tr_aws_request *request,
                            tr_aws_done_fn *done, void *ctx,
                            struct tr_aws_call **call) TR_MUST_CHECK;
/* Drop a call: done will not run. The service may carry it out all the same. Threads: loop. */
void tr_aws_cancel(struct tr_aws *aws, struct tr_aws_call *call);

/* Drive transfers and retries, run callbacks; returns after some progress, a wakeup, or `until`.
 * Threads: loop. */
void tr_aws_poll(struct tr_aws *aws, struct tr_mono until);
/* Make tr_aws_poll return. Threads: any. */
void tr_aws_wakeup(struct tr_aws *aws);

/* What was resolved, for start-up logs and `config`. Owns: borrowed from aws. */
const char *tr_aws_region(const struct tr_aws *aws);
const char *tr_aws_endpoint(const struct tr_aws *aws, enum tr_aws_service service);
/* The service's clock as far as known: the host's wall clock plus the skew seen in Date headers. */
struct tr_wall tr_aws_service_time(const struct tr_aws *aws);

#endif
