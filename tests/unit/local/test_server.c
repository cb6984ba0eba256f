/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP face, over raw sockets: what clients of all manners get, and that none of them is in
 * another's way. */
#include "tests/unit/local/model_test.h"

#include "base/clock.h"
#include "local/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libdeflate.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_MS 10000

struct running {
    struct tr_local_server *server;
    pthread_t thread;
    uint16_t port;
};

static void *run(void *arg)
{
    struct running *r = arg;
    struct tr_err err = {{0}};
    tr_assert_status(tr_local_server_run(r->server, &err), TR_OK, &err);
    return NULL;
}

static void start(struct running *r)
{
    struct tr_local_server_options options = {.model = {.seed = 7}};
    struct tr_err err = {{0}};
    tr_assert_status(tr_local_server_new(&options, &r->server, &err), TR_OK, &err);
    r->port = tr_local_server_port(r->server);
    assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
}

static void stop(struct running *r)
{
    tr_local_server_stop(r->server);
    pthread_join(r->thread, NULL);
    tr_local_server_free(r->server);
}

static int connect_to(const struct running *r)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(r->port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t n = send(fd, text, left, MSG_NOSIGNAL);
        assert_true(n > 0);
        text += n;
        left -= (size_t)n;
    }
}

#define AUTHORIZATION                                                                              \
    "Authorization: AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/dynamodb/aws4_request, "  \
    "SignedHeaders=host;x-amz-date, Signature=00\r\nX-Amz-Date: 20261121T080000Z\r\n"

static void send_request(int fd, const char *target, const char *body)
{
    char head[1024];
    snprintf(head, sizeof head,
             "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: %s\r\n" AUTHORIZATION
             "Content-Length: %zu\r\n\r\n",
             target, strlen(body));
    send_text(fd, head);
    send_text(fd, body);
}

struct reply {
    int status; /* 0: closed without an answer; -1: reset */
    char head[4096];
    char body[8192];
    size_t body_len;
    size_t announced;
};

/* Receive some bytes, or the end (0), or a reset (-1). */
static ssize_t receive(int fd, char *out, size_t size)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    ssize_t n;
    assert_int_equal(poll(&poller, 1, DEADLINE_MS), 1);
    n = recv(fd, out, size, 0);
    assert_true(n >= 0 || errno == ECONNRESET);
    return n;
}

static bool head_value(const struct reply *reply, const char *name, char *out, size_t size)
{
    const char *at = strcasestr(reply->head, name);
    if (at == NULL) {
        return false;
    }
    at += strlen(name) + 2;
    snprintf(out, size, "%.*s", (int)strcspn(at, "\r"), at);
    return true;
}

/* Read one answer, or as much of it as comes. */
static void read_reply(int fd, struct reply *reply)
{
    char length[32];
    char *end;
    size_t have = 0;
    memset(reply, 0, sizeof *reply);
    while ((end = strstr(reply->head, "\r\n\r\n")) == NULL) {
        ssize_t n = receive(fd, reply->head + have, sizeof reply->head - 1 - have);
        if (n <= 0) {
            reply->status = n < 0 ? -1 : 0;
            return;
        }
        have += (size_t)n;
    }
    reply->status = (int)strtol(reply->head + 9, NULL, 10);
    reply->body_len = have - (size_t)(end + 4 - reply->head);
    memcpy(reply->body, end + 4, reply->body_len);
    end[2] = '\0';
    if (head_value(reply, "Content-Length", length, sizeof length)) {
        reply->announced = strtoul(length, NULL, 10);
    }
    while (reply->body_len < reply->announced) {
        ssize_t n =
            receive(fd, reply->body + reply->body_len, sizeof reply->body - 1 - reply->body_len);
        if (n <= 0) {
            return;
        }
        reply->body_len += (size_t)n;
    }
}

static void ask(int fd, const char *target, const char *body, struct reply *reply)
{
    send_request(fd, target, body);
    read_reply(fd, reply);
}

/* Over a connection of its own. */
static void ask_once(const struct running *r, const char *target, const char *body, int want)
{
    struct reply reply;
    int fd = connect_to(r);
    ask(fd, target, body, &reply);
    if (reply.status != want) {
        fail_msg("%s: want %d, got %d %s", target, want, reply.status, reply.body);
    }
    close(fd);
}

static void set_fault(const struct running *r, const char *fault)
{
    char body[256];
    snprintf(body, sizeof body, "{\"Operation\":\"ListTables\",\"Count\":1,\"Fault\":%s}", fault);
    ask_once(r, CONTROL "SetFault", body, 200);
}

static void assert_silent(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&poller, 1, 0), 0);
}

static void test_http__answers_carry_the_services_headers(void **state)
{
    struct running r;
    struct reply reply;
    char value[128], crc[32];
    int fd, i;
    (void)state;
    start(&r);
    fd = connect_to(&r);
    for (i = 0; i < 3; i++) { /* one connection serves them all */
        ask(fd, STREAMS "ListStreams", "{}", &reply);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.body, "{\"Streams\":[]}");
        assert_true(head_value(&reply, "x-amz-crc32", value, sizeof value));
        snprintf(crc, sizeof crc, "%u", libdeflate_crc32(0, reply.body, reply.body_len));
        assert_string_equal(value, crc);
        assert_true(head_value(&reply, "x-amzn-RequestId", value, sizeof value));
        assert_int_equal(strlen(value), 52);
        assert_true(head_value(&reply, "Content-Type", value, sizeof value));
        assert_string_equal(value, "application/x-amz-json-1.0");
    }
    ask(fd, STREAMS "DescribeStream", "{", &reply);
    assert_int_equal(reply.status, 400);
    tr_assert_has(reply.body, "SerializationException");
    close(fd);
    stop(&r);
}

static void test_http__the_date_is_the_models(void **state)
{
    struct running r;
    struct reply reply;
    struct tr_wall before, after;
    char value[128];
    int fd;
    (void)state;
    start(&r);
    fd = connect_to(&r);
    ask(fd, STREAMS "ListStreams", "{}", &reply);
    assert_true(head_value(&reply, "Date", value, sizeof value));
    assert_true(tr_wall_parse_http(tr_bytes_of(value), &before));
    ask(fd, CONTROL "AdvanceClock", "{\"Seconds\":86400}", &reply);
    ask(fd, STREAMS "ListStreams", "{}", &reply);
    assert_true(head_value(&reply, "Date", value, sizeof value));
    assert_true(tr_wall_parse_http(tr_bytes_of(value), &after));
    assert_true(after.ms - before.ms >= 86400000);
    close(fd);
    stop(&r);
}

static void test_http__signatures_need_their_form(void **state)
{
    static const struct {
        const char *headers, *error;
    } bad[] = {
        {"X-Amz-Target: " TABLES "ListTables\r\n", "MissingAuthenticationTokenException"},
        {"", "UnknownOperationException"},
        {"X-Amz-Target: " TABLES "ListTables\r\nAuthorization: Basic eDp5\r\n",
         "IncompleteSignatureException"},
        {"X-Amz-Target: " TABLES
         "ListTables\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=h, "
         "Signature=0\r\nX-Amz-Date: 20261121T080000Z\r\n",
         "IncompleteSignatureException"},
        {"X-Amz-Target: " TABLES
         "ListTables\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a/20261121/us-east-1/s3/"
         "aws4_request, SignedHeaders=h, Signature=0\r\nX-Amz-Date: 20261121T080000Z\r\n",
         "InvalidSignatureException"},
    };
    struct running r;
    size_t i;
    (void)state;
    start(&r);
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct reply reply;
        char text[1024];
        int fd = connect_to(&r);
        snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n%s\r\n{}",
                 bad[i].headers);
        send_text(fd, text);
        read_reply(fd, &reply);
        assert_int_equal(reply.status, 400);
        tr_assert_has(reply.body, bad[i].error);
        close(fd);
    }
    stop(&r);
}

static void test_http__a_get_tells_that_it_is_up(void **state)
{
    struct running r;
    struct reply reply;
    int fd;
    (void)state;
    start(&r);
    fd = connect_to(&r);
    send_text(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    read_reply(fd, &reply);
    assert_int_equal(reply.status, 200);
    tr_assert_has(reply.body, "healthy: dynamodb.us-east-1.amazonaws.com");
    send_text(fd, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
    read_reply(fd, &reply);
    assert_int_equal(reply.status, 404);
    close(fd);
    stop(&r);
}

static void test_http__slow_and_half_closed_clients_block_nobody(void **state)
{
    struct running r;
    struct reply reply;
    int slow, half, i;
    (void)state;
    start(&r);
    slow = connect_to(&r);
    send_text(slow, "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: " STREAMS "ListStreams\r\nConte");
    half = connect_to(&r);
    send_request(half, STREAMS "ListStreams", "{}");
    shutdown(half, SHUT_WR);
    for (i = 0; i < 10; i++) {
        ask_once(&r, STREAMS "ListStreams", "{}", 200);
    }
    read_reply(half, &reply);
    assert_int_equal(reply.status, 200);
    assert_silent(slow);
    send_text(slow, "nt-Length: 2\r\n" AUTHORIZATION "\r\n{");
    ask_once(&r, STREAMS "ListStreams", "{}", 200);
    send_text(slow, "}");
    read_reply(slow, &reply);
    assert_int_equal(reply.status, 200);
    close(slow);
    close(half);
    stop(&r);
}

static void test_http__a_reset_is_a_reset(void **state)
{
    struct running r;
    struct reply reply;
    int fd;
    (void)state;
    start(&r);
    set_fault(&r, "\"ResetBefore\"");
    fd = connect_to(&r);
    ask(fd, TABLES "ListTables", "{}", &reply);
    assert_int_equal(reply.status, -1);
    close(fd);
    ask_once(&r, TABLES "ListTables", "{}", 200);
    stop(&r);
}

static void test_http__half_an_answer_announces_the_whole(void **state)
{
    struct running r;
    struct reply reply;
    int fd;
    (void)state;
    start(&r);
    set_fault(&r, "\"HalfAnswer\"");
    fd = connect_to(&r);
    ask(fd, TABLES "ListTables", "{}", &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body, "{\"TableN");
    assert_int_equal(reply.announced, strlen("{\"TableNames\":[]}"));
    close(fd);
    stop(&r);
}

static void test_http__a_hang_and_a_delay_hold_one_connection_only(void **state)
{
    struct running r;
    struct reply reply;
    struct tr_mono before;
    int hung, delayed;
    (void)state;
    start(&r);
    set_fault(&r, "\"Hang\"");
    hung = connect_to(&r);
    send_request(hung, TABLES "ListTables", "{}");
    /* The fault strikes the first call; wait until it has. */
    do {
        delayed = connect_to(&r);
        ask(delayed, CONTROL "ClearFaults", "{\"FaultId\":9}", &reply);
        close(delayed);
    } while (strstr(reply.body, "\"Struck\":1") == NULL);
    set_fault(&r, "\"Delay\",\"DelayMs\":120");
    delayed = connect_to(&r);
    before = tr_clock_mono();
    send_request(delayed, TABLES "ListTables", "{}");
    ask_once(&r, STREAMS "ListStreams", "{}", 200);
    read_reply(delayed, &reply);
    assert_int_equal(reply.status, 200);
    assert_true(tr_mono_ms_between(before, tr_clock_mono()) >= 119);
    assert_silent(hung);
    close(hung);
    close(delayed);
    ask_once(&r, STREAMS "ListStreams", "{}", 200);
    hung = connect_to(&r);
    set_fault(&r, "\"Hang\"");
    send_request(hung, TABLES "ListTables", "{}"); /* still held when the server stops */
    ask_once(&r, STREAMS "ListStreams", "{}", 200);
    stop(&r);
    close(hung);
}

static void test_http__too_large_a_body_is_refused_unread(void **state)
{
    struct running r;
    struct reply reply;
    char *chunk;
    int fd;
    size_t sent = 0;
    (void)state;
    start(&r);
    fd = connect_to(&r);
    send_text(fd, "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: " TABLES "PutItem\r\n" AUTHORIZATION
                  "Content-Length: 16777217\r\n\r\n");
    read_reply(fd, &reply);
    assert_int_equal(reply.status, 413);
    close(fd);

    fd = connect_to(&r);
    send_text(fd, "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: " TABLES "PutItem\r\n" AUTHORIZATION
                  "Transfer-Encoding: chunked\r\n\r\n");
    chunk = tr_malloc(65536 + 16);
    snprintf(chunk, 16, "10000\r\n");
    memset(chunk + 7, 'x', 65536);
    memcpy(chunk + 7 + 65536, "\r\n", 3);
    while (sent < 17u * 1024 * 1024) {
        send_text(fd, chunk);
        sent += 65536;
    }
    send_text(fd, "0\r\n\r\n");
    read_reply(fd, &reply);
    assert_int_equal(reply.status, 413);
    tr_free(chunk);
    close(fd);
    ask_once(&r, STREAMS "ListStreams", "{}", 200);
    stop(&r);
}

static void test_http__a_bad_head_ends_its_connection_only(void **state)
{
    static const char *const heads[] = {
        "\x01\x02\x03\x04 garbage\r\n\r\n",
        "POST\r\n\r\n",
        "POST / HTTP/1.1\r\nno colon here\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: minus five\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    };
    struct running r;
    struct reply reply;
    char *huge = tr_malloc(200000);
    size_t i;
    int fd;
    (void)state;
    start(&r);
    for (i = 0; i < sizeof heads / sizeof *heads; i++) {
        fd = connect_to(&r);
        send_text(fd, heads[i]);
        shutdown(fd, SHUT_WR);
        read_reply(fd, &reply);
        assert_true(reply.status <= 0 || reply.status >= 400);
        close(fd);
    }
    fd = connect_to(&r);
    i = (size_t)snprintf(huge, 64, "POST / HTTP/1.1\r\nX-Long: ");
    memset(huge + i, 'x', 199000);
    huge[i + 199000] = '\0';
    (void)!send(fd, huge, strlen(huge), MSG_NOSIGNAL);
    read_reply(fd, &reply);
    assert_true(reply.status <= 0 || reply.status >= 400);
    close(fd);
    tr_free(huge);
    ask_once(&r, STREAMS "ListStreams", "{}", 200);
    stop(&r);
}

static void test_http__hundreds_of_connections_at_once(void **state)
{
    enum { N = 400 };
    struct running r;
    struct reply reply;
    int fds[N], i;
    (void)state;
    start(&r);
    for (i = 0; i < N; i++) {
        fds[i] = connect_to(&r);
    }
    for (i = N - 1; i >= 0; i--) {
        send_request(fds[i], STREAMS "ListStreams", "{}");
    }
    for (i = 0; i < N; i++) {
        read_reply(fds[i], &reply);
        assert_int_equal(reply.status, 200);
        close(fds[i]);
    }
    stop(&r);
}

static void test_http__a_taken_port_and_bad_files_are_told(void **state)
{
    struct running r;
    struct tr_local_server_options options = {0};
    struct tr_local_server *other;
    struct tr_err err = {{0}};
    (void)state;
    start(&r);
    options.port = r.port;
    tr_assert_status(tr_local_server_new(&options, &other, &err), TR_EIO, &err);
    tr_assert_has(err.text, "listen on 127.0.0.1:");
    options.port = 0;
    options.tls_cert_path = "/nonexistent/cert.pem";
    tr_assert_status(tr_local_server_new(&options, &other, &err), TR_EUSAGE, &err);
    options.tls_key_path = "/nonexistent/key.pem";
    tr_assert_status(tr_local_server_new(&options, &other, &err), TR_EIO, &err);
    tr_assert_has(err.text, "/nonexistent/cert.pem");
    options.tls_cert_path = options.tls_key_path = __FILE__;
    tr_assert_status(tr_local_server_new(&options, &other, &err), TR_ECONFIG, &err);
    stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http__answers_carry_the_services_headers),
        cmocka_unit_test(test_http__the_date_is_the_models),
        cmocka_unit_test(test_http__signatures_need_their_form),
        cmocka_unit_test(test_http__a_get_tells_that_it_is_up),
        cmocka_unit_test(test_http__slow_and_half_closed_clients_block_nobody),
        cmocka_unit_test(test_http__a_reset_is_a_reset),
        cmocka_unit_test(test_http__half_an_answer_announces_the_whole),
        cmocka_unit_test(test_http__a_hang_and_a_delay_hold_one_connection_only),
        cmocka_unit_test(test_http__too_large_a_body_is_refused_unread),
        cmocka_unit_test(test_http__a_bad_head_ends_its_connection_only),
        cmocka_unit_test(test_http__hundreds_of_connections_at_once),
        cmocka_unit_test(test_http__a_taken_port_and_bad_files_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
