/* SPDX-License-Identifier: Apache-2.0
 *
 * A server on loopback that misbehaves as it is told: a test gives a function that serves each
 * request on the connection's own thread, with the bytes it likes. */
#ifndef TR_TESTS_SUPPORT_SERVER_H
#define TR_TESTS_SUPPORT_SERVER_H

#include "base/buf.h"

struct tr_server;
struct tr_server_conn;

struct tr_server_request {
    unsigned number;     /* of the server's requests, from 1 */
    unsigned connection; /* of the server's connections, from 1 */
    struct tr_bytes head;
    struct tr_bytes body;
    void *ctx;
};

/* Serve one request; return whether the connection goes on. */
typedef bool tr_server_fn(struct tr_server_conn *conn, const struct tr_server_request *request);

/* Listen on 127.0.0.1, over TLS with a certificate made now if wanted. Fails the test on errors. */
struct tr_server *tr_server_new(tr_server_fn *serve, void *ctx, bool tls);
/* Stop: held connections are let go, threads joined. */
void tr_server_free(struct tr_server *server);

/* "http://127.0.0.1:PORT". Owns: borrowed. */
const char *tr_server_url(const struct tr_server *server);
/* The certificate as PEM. Owns: borrowed. */
const char *tr_server_certificate(const struct tr_server *server);
/* How many were served or accepted so far. Threads: any. */
unsigned tr_server_requests(const struct tr_server *server);
unsigned tr_server_connections(const struct tr_server *server);

/* For the serving function. */
void tr_server_send(struct tr_server_conn *conn, struct tr_bytes bytes);
/* A whole 200 with its length and checksum. */
void tr_server_send_ok(struct tr_server_conn *conn, const char *body);
/* A whole answer with its length and extra header lines ("A: b\r\n", or ""). */
void tr_server_send_answer(struct tr_server_conn *conn, const char *status, const char *headers,
                           const char *body);
/* Close with a reset instead of an orderly end. */
void tr_server_reset(struct tr_server_conn *conn);
/* Wait until the client has closed or the server is freed. */
void tr_server_hold(struct tr_server_conn *conn);
/* The value of a header; absent if it is not there. */
struct tr_bytes tr_server_header(const struct tr_server_request *request, const char *name);

#endif
