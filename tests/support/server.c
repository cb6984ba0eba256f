/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/server.h"

#include <arpa/inet.h>
#include <libdeflate.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/test.h"

#define CONNECTIONS_MAX 256

struct tr_server_conn {
    struct tr_server *server;
    int fd;
    unsigned number;
    bool dead;
    SSL *ssl; /* owned; NULL without TLS */
    pthread_t thread;
};

struct tr_server {
    int fd;
    char url[64];
    tr_server_fn *serve;
    void *ctx;
    SSL_CTX *tls; /* owned */
    char *certificate;
    pthread_t acceptor;
    _Atomic bool stopping;
    _Atomic unsigned requests, connections;
    struct tr_server_conn conns[CONNECTIONS_MAX];
};

static ssize_t read_some(struct tr_server_conn *conn, char *bytes, size_t size)
{
    if (conn->ssl != NULL) {
        return SSL_read(conn->ssl, bytes, (int)size);
    }
    return recv(conn->fd, bytes, size, 0);
}

void tr_server_send(struct tr_server_conn *conn, struct tr_bytes bytes)
{
    while (bytes.len > 0 && !conn->dead) {
        ssize_t sent = conn->ssl != NULL ? SSL_write(conn->ssl, bytes.ptr, (int)bytes.len)
                                         : send(conn->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (sent <= 0) {
            conn->dead = true;
            return;
        }
        bytes.ptr += sent;
        bytes.len -= (size_t)sent;
    }
}

void tr_server_send_answer(struct tr_server_conn *conn, const char *status, const char *headers,
                           const char *body)
{
    struct tr_buf out = {0};
    tr_buf_printf(&out, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body),
                  headers, body);
    assert_false(out.failed);
    tr_server_send(conn, tr_buf_bytes(&out));
    tr_buf_deinit(&out);
}

void tr_server_send_ok(struct tr_server_conn *conn, const char *body)
{
    char crc[64];
    (void)snprintf(crc, sizeof crc, "x-amz-crc32: %u\r\n",
                   (unsigned)libdeflate_crc32(0, body, strlen(body)));
    tr_server_send_answer(conn, "200 OK", crc, body);
}

void tr_server_reset(struct tr_server_conn *conn)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    conn->dead = true;
}

void tr_server_hold(struct tr_server_conn *conn)
{
    char bytes[256];
    while (recv(conn->fd, bytes, sizeof bytes, 0) > 0) {
    }
    conn->dead = true;
}

struct tr_bytes tr_server_header(const struct tr_server_request *request, const char *name)
{
    struct tr_bytes rest = request->head;
    while (rest.ptr != NULL) {
        struct tr_bytes line = tr_bytes_cut(&rest, '\n');
        if (tr_bytes_is_nocase(tr_bytes_cut(&line, ':'), name)) {
            return tr_bytes_trim(line);
        }
    }
    return (struct tr_bytes){0};
}

/* Read until a whole request is in the buffer; its head's length, or 0 at the end. */
static size_t read_request(struct tr_server_conn *conn, struct tr_buf *buf, size_t *body_len)
{
    for (;;) {
        const char *end = buf->len > 0 ? memmem(buf->ptr, buf->len, "\r\n\r\n", 4) : NULL;
        ssize_t got;
        if (end != NULL) {
            struct tr_server_request r = {.head = {buf->ptr, (size_t)(end - buf->ptr) + 4}};
            uint64_t length = 0;
            (void)tr_bytes_u64(tr_server_header(&r, "content-length"), 1 << 20, &length);
            *body_len = (size_t)length;
            if (buf->len >= r.head.len + length) {
                return r.head.len;
            }
        }
        if (!tr_buf_reserve(buf, 4096)) {
            return 0;
        }
        got = read_some(conn, buf->ptr + buf->len, 4096);
        if (got <= 0) {
            return 0;
        }
        buf->len += (size_t)got;
    }
}

static void *serve_connection(void *arg)
{
    struct tr_server_conn *conn = arg;
    struct tr_server *server = conn->server;
    struct tr_buf buf = {0};
    size_t head_len, body_len;

    if (conn->ssl != NULL && SSL_accept(conn->ssl) != 1) {
        conn->dead = true;
    }
    while (!conn->dead && (head_len = read_request(conn, &buf, &body_len)) > 0) {
        struct tr_server_request request = {.number = atomic_fetch_add(&server->requests, 1) + 1,
                                            .connection = conn->number,
                                            .head = {buf.ptr, head_len},
                                            .body = {buf.ptr + head_len, body_len},
                                            .ctx = server->ctx};
        if (!server->serve(conn, &request)) {
            break;
        }
        memmove(buf.ptr, buf.ptr + head_len + body_len, buf.len - head_len - body_len);
        buf.len -= head_len + body_len;
    }
    tr_buf_deinit(&buf);
    /* The end goes out now; the number stays ours until it is joined. */
    if (!conn->dead) {
        (void)shutdown(conn->fd, SHUT_RDWR);
    } else {
        struct linger l;
        socklen_t size = sizeof l;
        if (getsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &l, &size) == 0 && l.l_onoff) {
            int fd = conn->fd;
            int spare = dup(server->fd); /* keeps the number taken when the reset goes out */
            (void)dup2(spare, fd);
            (void)close(spare);
        }
    }
    return NULL;
}

static void *accept_connections(void *arg)
{
    struct tr_server *server = arg;
    while (!server->stopping) {
        int fd = accept(server->fd, NULL, NULL);
        unsigned number;
        struct tr_server_conn *conn;
        if (fd < 0) {
            continue;
        }
        number = server->connections;
        if (server->stopping || number >= CONNECTIONS_MAX) {
            (void)close(fd);
            continue;
        }
        conn = &server->conns[number];
        *conn = (struct tr_server_conn){.server = server, .fd = fd, .number = number + 1};
        if (server->tls != NULL) {
            conn->ssl = SSL_new(server->tls);
            SSL_set_fd(conn->ssl, fd);
        }
        if (pthread_create(&conn->thread, NULL, serve_connection, conn) != 0) {
            abort();
        }
        server->connections = number + 1;
    }
    return NULL;
}

/* A certificate of its own authority, for 127.0.0.1, as PEM and into the context. */
static void make_certificate(struct tr_server *server)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    BIO *pem = BIO_new(BIO_s_mem());
    char *text;
    long len;

    assert_true(key != NULL && san != NULL && pem != NULL);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"tailrace test", -1,
                               -1, 0);
    X509_set_issuer_name(cert, name);
    X509_add_ext(cert, san, -1);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(pem, cert), 1);
    len = BIO_get_mem_data(pem, &text);
    server->certificate = strndup(text, (size_t)len);
    assert_int_equal(SSL_CTX_use_certificate(server->tls, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server->tls, key), 1);
    BIO_free(pem);
    X509_EXTENSION_free(san);
    X509_free(cert);
    EVP_PKEY_free(key);
}

struct tr_server *tr_server_new(tr_server_fn *serve, void *ctx, bool tls)
{
    struct tr_server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;

    assert_non_null(server);
    server->serve = serve;
    server->ctx = ctx;
    if (tls) {
        server->tls = SSL_CTX_new(TLS_server_method());
        assert_non_null(server->tls);
        make_certificate(server);
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server->fd >= 0);
    assert_int_equal(bind(server->fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server->fd, 128), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(server->url, sizeof server->url, "http%s://127.0.0.1:%u", tls ? "s" : "",
                   (unsigned)ntohs(address.sin_port));
    assert_int_equal(pthread_create(&server->acceptor, NULL, accept_connections, server), 0);
    return server;
}

void tr_server_free(struct tr_server *server)
{
    unsigned i;

    server->stopping = true;
    (void)shutdown(server->fd, SHUT_RDWR); /* wakes the acceptor */
    pthread_join(server->acceptor, NULL);
    for (i = 0; i < server->connections; i++) {
        struct tr_server_conn *conn = &server->conns[i];
        (void)shutdown(conn->fd, SHUT_RDWR);
        pthread_join(conn->thread, NULL);
        SSL_free(conn->ssl);
        (void)close(conn->fd);
    }
    (void)close(server->fd);
    SSL_CTX_free(server->tls);
    free(server->certificate);
    free(server);
}

const char *tr_server_url(const struct tr_server *server)
{
    return server->url;
}

const char *tr_server_certificate(const struct tr_server *server)
{
    return server->certificate;
}

unsigned tr_server_requests(const struct tr_server *server)
{
    return server->requests;
}

unsigned tr_server_connections(const struct tr_server *server)
{
    return server->connections;
}
