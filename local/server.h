/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP face of the service model, over libmicrohttpd. One thread runs the server and owns the
 * model; a client that is slow, silent or gone costs its own connection only. */
#ifndef TR_LOCAL_SERVER_H
#define TR_LOCAL_SERVER_H

#include "local/local.h"

#define TR_SERVER_BODY_MAX (16u * 1024u * 1024u) /* of a request */
#define TR_SERVER_CONNECTIONS_MAX 4096

struct tr_local_server;

struct tr_local_server_options {
    struct tr_local_options model;
    uint16_t port;             /* 0: the system chooses */
    double clock_rate;         /* seconds of the model in one of ours; 0: 1 */
    const char *tls_cert_path; /* PEM; NULL: plain HTTP. With it, the key */
    const char *tls_key_path;
    const char *access_key; /* with the secret: signatures are verified; NULL: only their form */
    const char *secret_key;
};

/* Bind 127.0.0.1 and listen; connections are served once it runs.
 * Errors:  TR_EIO (the port is taken, a file cannot be read), TR_ECONFIG (a certificate that is
 *          none), TR_ENOMEM.
 * Owns:    options borrowed until the return; *out returned (free with tr_local_server_free). */
enum tr_status tr_local_server_new(const struct tr_local_server_options *options,
                                   struct tr_local_server **out, struct tr_err *err) TR_MUST_CHECK;
uint16_t tr_local_server_port(const struct tr_local_server *server);

/* Serve until stopped.
 * Errors:  TR_EIO.
 * Threads: one; it owns the server and the model from now on. */
enum tr_status tr_local_server_run(struct tr_local_server *server,
                                   struct tr_err *err) TR_MUST_CHECK;

/* Let run return. Threads: any, also a signal's handler. */
void tr_local_server_stop(struct tr_local_server *server);

/* Close all connections. Threads: after run has returned, or without it. */
void tr_local_server_free(struct tr_local_server *server);

#endif
