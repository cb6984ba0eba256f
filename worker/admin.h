/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin port: /livez, /readyz and /metrics over HTTP, from a thread of its own. It never looks
 * into the loop's state: the loop tells it now and then how things stand, and what it is told it
 * keeps by value. So it answers while the loop is busy, and can say when the loop is stuck. */
#ifndef TR_WORKER_ADMIN_H
#define TR_WORKER_ADMIN_H

#include "base/metrics.h"
#include "base/time.h"

struct tr_admin;

/* A loop that has not been round for this long is stuck: it never waits, and goes round at least
 * every TR_ADMIN_BEAT_MS. */
#define TR_ADMIN_STUCK_MS 30000u
#define TR_ADMIN_BEAT_MS 1000u
#define TR_ADMIN_CONNECTIONS_MAX 64u

struct tr_admin_options {
    const char *listen; /* as config/listen.h reads it */
    const struct tr_metrics *metrics;
    const char *const *consumers; /* names, in the order of the metrics */
    size_t consumer_count;
};

/* Listen and answer. No consumer is ready yet.
 * Errors:  TR_ECONFIG (malformed address), TR_EIO (cannot listen there), TR_ENOMEM, TR_ELIMIT.
 * Owns:    metrics and names borrowed until tr_admin_free; *out returned.
 * Threads: one, here and below where nothing is said. */
enum tr_status tr_admin_start(const struct tr_admin_options *options, struct tr_admin **out,
                              struct tr_err *err) TR_MUST_CHECK;
/* Close all connections and end the thread. NULL is fine. */
void tr_admin_free(struct tr_admin *admin);

/* "http://127.0.0.1:9464", with the port that was chosen. Owns: borrowed. */
const char *tr_admin_url(const struct tr_admin *admin);

/* The loop has been round. Threads: loop. */
void tr_admin_beat(struct tr_admin *admin, struct tr_mono now);
/* Why a consumer is not ready, in words; NULL: it is. Owns: static text. Threads: loop. */
void tr_admin_set_ready(struct tr_admin *admin, size_t consumer, const char *why);

#endif
