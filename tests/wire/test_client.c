/* SPDX-License-Identifier: Apache-2.0
 *
 * The client against a server in the same process (threads of its own) that answers byte by byte,
 * cuts, resets, hangs, lies. Each test asserts what the caller is told and what the server saw. */
#include "aws/client.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "aws/retry_core.h"
#include "aws/sigv4.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "tests/support/env.h"
#include "tests/support/server.h"
#include "tests/support/test.h"

#define PATIENCE_MS 20000 /* how long a test waits for what must happen */

/* libcurl asks this instead of the C library's, so that a name can be made to hang. */
static sem_t let_go;
static _Atomic int hanging;

__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **res)
{
    typedef int real_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    real_fn *real;
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&real, &symbol, sizeof real);
    if (node != NULL && strcmp(node, "hang.test") == 0) {
        hanging++;
        (void)sem_wait(&let_go);
        hanging--;
        return EAI_FAIL;
    }
    return real(node, service, hints, res);
}

struct got {
    unsigned count;
    unsigned order; /* when it came, from 1 */
    enum tr_status status;
    struct tr_err err;
    char code[96];
    char *body;
    size_t body_len, body_cap;
    unsigned attempts, http_status;
    bool may_have_happened;
    struct tr_wall date;
    struct tr_mono sent;
};

static unsigned deliveries;

static void keep(void *ctx, struct tr_aws_answer *answer)
{
    struct got *got = ctx;
    got->count++;
    got->order = ++deliveries;
    got->status = answer->status;
    got->err = answer->err;
    memcpy(got->code, answer->code, sizeof got->code);
    got->body_cap = answer->body.cap;
    got->body = tr_buf_take(&answer->body, &got->body_len);
    got->attempts = answer->attempts;
    got->http_status = answer->http_status;
    got->may_have_happened = answer->may_have_happened;
    got->date = answer->date;
    got->sent = answer->sent;
}

struct fixture {
    struct tr_server *server;
    struct tr_aws *aws;
    struct got got;
};

static struct tr_aws_options options_for(const char *endpoint)
{
    return (struct tr_aws_options){.endpoint = endpoint, .getenv = tr_test_getenv, .seed = 1};
}

static struct tr_aws *client(const char *endpoint)
{
    struct tr_aws_options options = options_for(endpoint);
    struct tr_aws *aws;
    struct tr_err err = {0};
    tr_assert_status(tr_aws_new(&options, &aws, &err), TR_OK, &err);
    return aws;
}

static struct fixture begin(tr_server_fn *serve, void *ctx)
{
    struct fixture f = {.server = tr_server_new(serve, ctx, false)};
    f.aws = client(tr_server_url(f.server));
    return f;
}

static void end(struct fixture *f)
{
    tr_aws_free(f->aws);
    tr_server_free(f->server);
    tr_free(f->got.body);
}

static struct tr_aws_request request(unsigned attempts_max)
{
    return (struct tr_aws_request){.service = TR_AWS_STREAMS,
                                   .class = TR_AWS_RECORDS,
                                   .operation = "GetRecords",
                                   .body = TR_LIT("{\"ShardIterator\":\"x\"}"),
                                   .attempts_max = attempts_max,
                                   .first_byte_timeout_ms = PATIENCE_MS,
                                   .attempt_timeout_ms = PATIENCE_MS};
}

static void wait_for(struct tr_aws *aws, const unsigned *count, unsigned want)
{
    struct tr_mono patience = tr_mono_add_ms(tr_clock_mono(), PATIENCE_MS);
    while (*count < want && tr_mono_before(tr_clock_mono(), patience)) {
        tr_aws_poll(aws, patience);
    }
    assert_int_equal(*count, want);
}

static void call(struct fixture *f, const struct tr_aws_request *r)
{
    tr_free(f->got.body);
    f->got = (struct got){0};
    tr_assert_status(tr_aws_start(f->aws, r, keep, &f->got, NULL), TR_OK, NULL);
    assert_int_equal(f->got.count, 0); /* never from within start */
    wait_for(f->aws, &f->got.count, 1);
}

static void expect(const struct fixture *f, enum tr_status status, unsigned requests,
                   bool may_have_happened, const char *words)
{
    tr_assert_status(f->got.status, status, &f->got.err);
    assert_int_equal(tr_server_requests(f->server), requests);
    assert_int_equal(f->got.may_have_happened, may_have_happened);
    tr_assert_has(f->got.err.text, words);
}

static void expect_body(const struct fixture *f, const char *body)
{
    tr_assert_bytes((struct tr_bytes){f->got.body, f->got.body_len}, body);
}

/* One attempt of a call against a serving function. */
static void expect_one(tr_server_fn *serve, void *ctx, enum tr_status status, const char *words)
{
    struct fixture f = begin(serve, ctx);
    struct tr_aws_request r = request(1);
    call(&f, &r);
    expect(&f, status, 1, status != TR_OK, words);
    end(&f);
}

/* ---- whole answers ---- */

static bool serve_checked(struct tr_server_conn *conn, const struct tr_server_request *r)
{
    struct tr_sigv4_header headers[16];
    struct tr_sigv4_request received = {
        .method = TR_LIT("POST"), .path = TR_LIT("/"), .headers = headers, .body = r->body};
    struct tr_bytes rest = r->head;
    struct tr_bytes line = tr_bytes_cut(&rest, '\n');
    struct tr_sigv4 *signer = NULL;
    struct tr_secret secret = {0};
    struct tr_sigv4_key key = {TR_LIT("local"), &secret, TR_LIT("us-east-1"), TR_LIT("dynamodb")};
    struct tr_err err = {0};
    const char *code;
    bool fine =
        tr_bytes_is(tr_bytes_trim(line), "POST / HTTP/1.1") &&
        tr_bytes_is(tr_server_header(r, "x-amz-target"), "DynamoDBStreams_20120810.GetRecords") &&
        tr_bytes_is(tr_server_header(r, "content-type"), "application/x-amz-json-1.0") &&
        tr_bytes_is(tr_server_header(r, "accept-encoding"), "identity") &&
        tr_server_header(r, "expect").ptr == NULL &&
        tr_bytes_is(r->body, "{\"ShardIterator\":\"x\"}");

    while (rest.len > 2 && received.header_count < 16) {
        line = tr_bytes_cut(&rest, '\n');
        headers[received.header_count].name = tr_bytes_cut(&line, ':');
        headers[received.header_count++].value = tr_bytes_trim(line);
    }
    fine = fine && tr_sigv4_new(&signer, NULL) == TR_OK &&
           tr_secret_set(&secret, TR_LIT("local")) == TR_OK &&
           tr_sigv4_verify(signer, &key, tr_clock_wall(), &received, &code, &err) == TR_OK;
    tr_sigv4_free(signer);
    tr_secret_deinit(&secret);
    tr_server_send_ok(conn, fine ? "{\"fine\":true}" : "{\"fine\":false}");
    return true;
}

static void test_call__is_signed_and_answered(void **state)
{
    struct fixture f = begin(serve_checked, NULL);
    struct tr_aws_request r = request(0);
    (void)state;
    call(&f, &r);
    expect(&f, TR_OK, 1, false, "");
    expect_body(&f, "{\"fine\":true}");
    assert_int_equal(f.got.attempts, 1);
    assert_int_equal(f.got.http_status, 200);
    assert_true(f.got.sent.ns > 0);
    assert_string_equal(tr_aws_region(f.aws), "us-east-1");
    assert_string_equal(tr_aws_endpoint(f.aws, TR_AWS_STREAMS), tr_server_url(f.server));
    end(&f);
}

static bool serve_slowly(struct tr_server_conn *conn, const struct tr_server_request *r)
{
    static const char answer[] = "HTTP/1.1 100 Continue\r\nDate: Sat, 21 Nov 2026 08:00:00 GMT\r\n"
                                 "Content-Length: 99\r\nx-amz-crc32: 1\r\n\r\n"
                                 "HTTP/1.1 200 OK\r\nx-AMZ-crc32: 3006476425\r\n"
                                 "Date: Sat, 21 Nov 2026 08:00:01 GMT\r\n"
                                 "content-length:  13 \r\n\r\n{\"Records\":[]";
    size_t i;
    (void)r;
    for (i = 0; i + 1 < sizeof answer; i++) {
        tr_server_send(conn, (struct tr_bytes){answer + i, 1});
    }
    tr_server_send(conn, TR_LIT("}"));
    return true;
}

static bool serve_chunked(struct tr_server_conn *conn, const struct tr_server_request *r)
{
    (void)r;
    tr_server_send(conn, TR_LIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "5\r\n{\"Rec\r\n"));
    tr_server_send(conn, TR_LIT("9;x=y\r\nords\":[]}\r\n0\r\n\r\n"));
    return true;
}

static void test_answer__may_come_in_any_pieces(void **state)
{
    struct fixture f = begin(serve_chunked, NULL);
    struct tr_aws_request r = request(1);
    (void)state;
    call(&f, &r);
    expect(&f, TR_OK, 1, false, "");
    expect_body(&f, "{\"Records\":[]}");
    end(&f);
    /* The length says 13 bytes, so the last brace is missing: the head of the 100 is forgotten, the
     * one of the 200 counts. */
    expect_one(serve_slowly, NULL, TR_ECORRUPT, "GetRecords at http://127.0.0.1:");
}

static bool serve_bytes(struct tr_server_conn *conn, const struct tr_server_request *r)
{
    const char *bytes = r->ctx;
    size_t i, len = strlen(bytes);
    for (i = 0; i < len; i++) {
        tr_server_send(conn, (struct tr_bytes){bytes + i, 1});
    }
    return false;
}

static void test_answer__one_byte_at_a_time_is_whole(void **state)
{
    static char bytes[] = "HTTP/1.1 100 Continue\r\nx-amz-crc32: 1\r\n\r\n"
                          "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 08:00:01 GMT\r\n"
                          "x-amzn-RequestId: A\r\nContent-Length: 2\r\nx-Amz-CRC32: 2745614147"
                          "\r\n\r\n{}";
    struct fixture f = begin(serve_bytes, bytes);
    struct tr_aws_request r = request(1);
    (void)state;
    call(&f, &r);
    expect(&f, TR_OK, 1, false, "");
    expect_body(&f, "{}");
    assert_int_equal(f.got.date.ms, 1795248001000);
    end(&f);
}

static void test_answer__damage_is_seen(void **state)
{
    static const struct {
        const char *bytes;
        enum tr_status status;
        const char *words;
    } bad[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-amz-crc32: 7\r\n\r\n{}", TR_ECORRUPT,
         "checksum"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"Records\":[]}", TR_ECORRUPT,
         "cut after 14 bytes"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"Records\":[]}", TR_ECORRUPT,
         "no JSON object"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"Rec\r\n", TR_ECORRUPT,
         "cut"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", TR_ENET, ""},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08",
         TR_ECORRUPT, "encoded"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", TR_ECORRUPT, "no JSON object"},
        {"HTTP/1.1 200 OK\r\n", TR_ECORRUPT, "no JSON object"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n{", TR_ECORRUPT,
         "over 33554432 bytes"},
        {"HTTP/1.1 204 No Content\r\n\r\n", TR_ECORRUPT, "204"},
        {"SSH-2.0-OpenSSH_9.2\r\n\r\n", TR_ECORRUPT, "no HTTP"},
        {"", TR_ENET, "closed without an answer"},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *bytes = strdup(bad[i].bytes);
        print_message("%zu\n", i);
        expect_one(serve_bytes, bytes, bad[i].status, bad[i].words);
        free(bytes);
    }
}

static bool serve_long_header(struct tr_server_conn *conn, const struct tr_server_request *r)
{
    struct tr_buf line = {0};
    unsigned i, lines = *(unsigned *)r->ctx;
    tr_server_send(conn, TR_LIT("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"));
    for (i = 0; i < 200000 / lines; i++) {
        tr_buf_add_char(&line, 'a');
    }
    for (i = 0; i < lines; i++) {
        tr_server_send(conn, TR_LIT("X-Long: "));
        tr_server_send(conn, tr_buf_bytes(&line));
        tr_server_send(conn, TR_LIT("\r\n"));
    }
    tr_server_send(conn, TR_LIT("\r\n{}"));
    tr_buf_deinit(&line);
    return true;
}

static void test_answer__headers_have_a_limit(void **state)
{
    unsigned one = 1, many = 100;
    (void)state;
    expect_one(serve_long_header, &one, TR_ECORRUPT, "header");
    expect_one(serve_long_header, &many, TR_ECORRUPT, "headers are over 65536 bytes");
}

static bool serve_endless(struct tr_server_conn *conn, const struct tr_server_request *r)
{
    static char block[65536];
    size_t sent;
    (void)r;
    memset(block, ' ', sizeof block);
    tr_server_send(conn, TR_LIT("HTTP/1.1 200 OK\r\n\r\n"));
    for (sent = 0; sent < 40u * 1024 * 1024; sent += sizeof block) {
        tr_server_send(conn, (struct tr_bytes){block, sizeof block});
    }
    return false;
}

static void test_answer__a_body_without_end_has_a_limit(void **state)
{
    (void)state;
    expect_one(serve_endless, NULL, TR_ECORRUPT, "over 33554432 bytes");
}

static bool serve_page(struct tr_server_conn *conn, const struct tr_server_request *r)
{
    tr_server_send_ok(conn, r->ctx);
    return true;
}

static void test_answer__a_page_is_kept_in_just_its_room(void **state)
{
    size_t len = 1200000;
    char *page = malloc(len + 1);
    struct tr_aws_request r = request(1);
    struct fixture f;
    (void)state;
    assert_non_null(page);
    memset(page, 'x', len);
    page[0] = '{';
    page[len - 1] = '}';
    page[len] = '\0';
    f = begin(serve_page, page);
    call(&f, &r);
    expect(&f, TR_OK, 1, false, "");
    assert_int_equal(f.got.body_len, len);
    assert_int_equal(f.got.body_cap, len + 1);
    assert_memory_equal(f.got.body, page, len);
    end(&f);
    free(page);
}

/* A page every 300 requests, a small answer to the others: after a page the next answers are
 * received through a large buffer, and through a small one again when no page has come for long. */
static bool serve_page_now_and_then(struct tr_server_conn *conn, const struct tr_server_request *r)
{
    tr_server_send_ok(conn, r->number % 300 == 1 ? r->ctx : "{}");
    return true;
}

static void test_answer__large_and_small_ones_come_whole_in_turn(void **state)
{
    char *page = malloc(100001);
    struct tr_aws_request r = request(1);
    struct fixture f;
    unsigned i;
    (void)state;
    assert_non_null(page);
    memset(page, 'x', 100000);
    page[0] = '{';
    page[99999] = '}';
    page[100000] = '\0';
    f = begin(serve_page_now_and_then, page);
    for (i = 0; i < 603; i++) {
        call(&f, &r);
        expect(&f, TR_OK, i + 1, false, "");
        expect_body(&f, i % 300 == 0 ? page : "{}");
    }
    assert_int_equal(tr_server_connections(f.server), 1);
    end(&f);
    free(page);
}

/* ---- refusals, repetitions ---- */

/* What to do with the n-th request: the ctx is one letter for each. */
static bool serve_script(struct tr_server_conn *conn, const struct tr_server_request *r)
{
    const char *script = r->ctx;
    char step = r->number <= strlen(script) ? script[r->number - 1] : 'k';
    switch (step) {
    case 'r': /* reset */
        tr_server_reset(conn);
        return false;
    case 'c': /* close without an answer */
        return false;
    case 'l': /* answer, then close */
        tr_server_send_ok(conn, "{}");
        return false;
    case 'h': /* hang */
        tr_server_hold(conn);
        return false;
    case 'H': /* hang in the middle */
        tr_server_send(conn, TR_LIT("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"));
        tr_server_hold(conn);
        return false;
    case '5':
        tr_server_send_answer(conn, "500 Internal Server Error", "",
                              "<html><body><h1>It broke</h1></body></html>");
        return true;
    case 't':
        tr_server_send_answer(conn, "400 Bad Request", "",
                              "{\"__type\":\"x#ThrottlingException\",\"message\":\"slow down\"}");
        return true;
    case 'f':
        tr_server_send_answer(conn, "400 Bad Request", "",
                              "{\"__type\":\"x#ConditionalCheckFailedException\",\"Item\":{}}");
        return true;
    case 'e':
        tr_server_send_answer(conn, "400 Bad Request", "",
                              "{\"__type\":\"com.amazonaws.dynamodb.v20120810#"
                              "ExpiredIteratorException\",\"Message\":\"too old\\n\"}");
        return true;
    case '3':
        tr_server_send_answer(conn, "301 Moved", "Location: http://127.0.0.1:1/\r\n", "");
        return true;
    default:
        tr_server_send_ok(conn, "{}");
        return true;
    }
}

static void run_script(const char *script, unsigned attempts_max, enum tr_status status,
                       unsigned requests, bool may_have_happened, const char *words)
{
    char *copy = strdup(script);
    struct fixture f = begin(serve_script, copy);
    struct tr_aws_request r = request(attempts_max);
    print_message("%s\n", script);
    call(&f, &r);
    expect(&f, status, requests, may_have_happened, words);
    assert_int_equal(f.got.attempts, requests);
    end(&f);
    free(copy);
}

static void test_repetition__passing_faults_are_repeated(void **state)
{
    (void)state;
    run_script("rk", 0, TR_OK, 2, false, "");
    run_script("c5rk", 0, TR_OK, 4, false, "");
    run_script("555", 3, TR_ESERVICE, 3, true, "GetRecords at http://127.0.0.1:");
    run_script("5", 1, TR_ESERVICE, 1, true, ": 500: It broke");
}

static void test_repetition__one_attempt_is_one_attempt(void **state)
{
    (void)state;
    run_script("r", 1, TR_ENET, 1, true, "");
    run_script("c", 1, TR_ENET, 1, true, "closed without an answer");
    run_script("t", 1, TR_ETHROTTLED, 1, false, "400 ThrottlingException: slow down");
}

static void test_repetition__refusals_are_not_repeated(void **state)
{
    (void)state;
    run_script("e", 0, TR_EEXPIRED, 1, false, ": 400 ExpiredIteratorException: too old");
    run_script("f", 0, TR_ECONDITION, 1, false, "ConditionalCheckFailedException");
    run_script("3", 0, TR_EREFUSED, 1, true, ": 301");
}

/* The first sending may have been carried out, and so may be why the condition fails. */
static void test_repetition__a_condition_after_a_lost_answer_may_be_our_own_write(void **state)
{
    (void)state;
    run_script("rf", 2, TR_ECONDITION, 2, true, "");
}

static void test_answer__of_a_failed_condition_keeps_its_body(void **state)
{
    static char script[] = "f";
    struct fixture f = begin(serve_script, script);
    struct tr_aws_request r = request(1);
    (void)state;
    call(&f, &r);
    tr_assert_has(f.got.body, "\"Item\":{}");
    assert_string_equal(f.got.code, "ConditionalCheckFailedException");
    assert_int_equal(f.got.http_status, 400);
    end(&f);
}

static void test_repetition__throttling_is_counted_and_waited_for(void **state)
{
    static char script[] = "t";
    struct fixture f = {.server = tr_server_new(serve_script, script, false)};
    struct tr_aws_options options = options_for(tr_server_url(f.server));
    struct tr_aws_request r = request(0);
    struct tr_retry_failure first = {
        .status = TR_ETHROTTLED, .repeatable = true, .attempts = 1, .deadline = TR_MONO_NEVER};
    int64_t throttled = tr_metric_get(TR_METRIC_CALLS_THROTTLED);
    int64_t retried = tr_metric_get(TR_METRIC_CALLS_RETRIED);
    uint64_t wait_ms = 1000;
    (void)state;
    while (wait_ms > 10) { /* a seed whose first wait is short */
        struct tr_retry retry;
        options.seed++;
        tr_retry_init(&retry, options.seed + TR_AWS_RECORDS);
        wait_ms = tr_retry_decide(&retry, &first).wait_ms;
    }
    tr_assert_status(tr_aws_new(&options, &f.aws, NULL), TR_OK, NULL);
    call(&f, &r);
    expect(&f, TR_OK, 2, false, "");
    assert_int_equal(tr_metric_get(TR_METRIC_CALLS_THROTTLED), throttled + 1);
    assert_int_equal(tr_metric_get(TR_METRIC_CALLS_RETRIED), retried + 1);
    end(&f);
}

/* ---- connections ---- */

static void test_connection__is_used_again(void **state)
{
    static char script[] = "";
    struct fixture f = begin(serve_script, script);
    struct tr_aws_request r = request(1);
    int i;
    (void)state;
    for (i = 0; i < 10; i++) {
        call(&f, &r);
        tr_assert_status(f.got.status, TR_OK, &f.got.err);
    }
    assert_int_equal(tr_server_requests(f.server), 10);
    assert_int_equal(tr_server_connections(f.server), 1);
    end(&f);
}

/* Handles are used again for whatever comes next, whichever service it is for. */
static void test_connection__of_each_service_goes_to_its_own_endpoint(void **state)
{
    static char tables[] = "{\"of\":\"tables\"}", streams[] = "{\"of\":\"streams\"}";
    struct tr_server *table_server = tr_server_new(serve_page, tables, false);
    struct fixture f = {.server = tr_server_new(serve_page, streams, false)};
    unsigned i;
    (void)state;
    tr_test_env_set("AWS_ENDPOINT_URL_DYNAMODB", tr_server_url(table_server));
    tr_test_env_set("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", tr_server_url(f.server));
    f.aws = client("");
    for (i = 0; i < 10; i++) {
        struct tr_aws_request r = request(1);
        call(&f, &r);
        expect_body(&f, streams);
        r.service = TR_AWS_DYNAMODB;
        r.operation = "Scan";
        call(&f, &r);
        expect_body(&f, tables);
    }
    assert_int_equal(tr_server_requests(f.server), 10);
    assert_int_equal(tr_server_requests(table_server), 10);
    assert_int_equal(tr_server_connections(f.server), 1);
    assert_int_equal(tr_server_connections(table_server), 1);
    end(&f);
    tr_server_free(table_server);
}

static void test_connection__that_was_closed_while_idle_costs_nothing(void **state)
{
    static char script[] = "lll";
    struct fixture f = begin(serve_script, script);
    struct tr_aws_request r = request(0);
    int i;
    (void)state;
    for (i = 0; i < 3; i++) {
        call(&f, &r);
        tr_assert_status(f.got.status, TR_OK, &f.got.err);
    }
    assert_int_equal(tr_server_requests(f.server), 3);
    assert_int_equal(tr_server_connections(f.server), 3);
    end(&f);
}

/* curl would send it again by itself. */
static void test_connection__that_dies_under_a_single_attempt_ends_it(void **state)
{
    static char script[] = "kc";
    struct fixture f = begin(serve_script, script);
    struct tr_aws_request r = request(1);
    (void)state;
    call(&f, &r);
    expect(&f, TR_OK, 1, false, "");
    call(&f, &r);
    expect(&f, TR_ENET, 2, true, "closed without an answer");
    assert_int_equal(f.got.attempts, 1);
    end(&f);
}

static void test_connection__that_dies_under_a_repeatable_call_is_replaced(void **state)
{
    static char script[] = "kcf";
    struct fixture f = begin(serve_script, script);
    struct tr_aws_request r = request(0);
    (void)state;
    call(&f, &r);
    call(&f, &r);
    expect(&f, TR_ECONDITION, 3, true, "");
    assert_int_equal(f.got.attempts, 2);
    end(&f);
}

static void test_connection__refused_is_certain(void **state)
{
    struct fixture f = {.server = tr_server_new(serve_page, NULL, false)};
    struct tr_aws_request r = request(1);
    (void)state;
    f.aws = client(tr_server_url(f.server));
    tr_server_free(f.server);
    call(&f, &r);
    tr_assert_status(f.got.status, TR_ENET, &f.got.err);
    assert_false(f.got.may_have_happened);
    assert_int_equal(f.got.sent.ns, 0);
    tr_assert_has(f.got.err.text, "cannot connect: Connection refused (ECONNREFUSED)");
    tr_aws_free(f.aws);
    tr_free(f.got.body);
}

static void test_connection__to_loopback_ignores_proxies(void **state)
{
    static char script[] = "";
    struct fixture f;
    struct tr_aws_request r = request(1);
    (void)state;
    (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
    f = begin(serve_script, script);
    call(&f, &r);
    (void)unsetenv("http_proxy");
    expect(&f, TR_OK, 1, false, "");
    end(&f);
}

static bool serve_cloexec(struct tr_server_conn *conn, const struct tr_server_request *r)
{
    unsigned port = *(const unsigned *)r->ctx;
    unsigned found = 0, closed = 0;
    int fd;
    char body[64];
    for (fd = 3; fd < 256; fd++) {
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == port) {
            found++;
            closed += (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
        }
    }
    (void)snprintf(body, sizeof body, "{\"found\":%u,\"closed\":%u}", found, closed);
    tr_server_send_ok(conn, body);
    return true;
}

static void test_connection__is_not_inherited_by_children(void **state)
{
    unsigned port;
    struct fixture f = begin(serve_cloexec, &port);
    struct tr_aws_request r = request(1);
    (void)state;
    port = (unsigned)strtoul(strrchr(tr_server_url(f.server), ':') + 1, NULL, 10);
    call(&f, &r);
    expect_body(&f, "{\"found\":1,\"closed\":1}");
    end(&f);
}

/* ---- time ---- */

static void test_deadline__of_the_first_byte(void **state)
{
    static char script[] = "h";
    struct fixture f = begin(serve_script, script);
    struct tr_aws_request r = request(1);
    (void)state;
    r.first_byte_timeout_ms = 500; /* room enough for the request to arrive on a busy machine */
    call(&f, &r);
    expect(&f, TR_ETIMEOUT, 1, true, "no answer within 500 ms");
    r.attempts_max = 0;
    call(&f, &r);
    tr_assert_status(f.got.status, TR_OK, &f.got.err);
    end(&f);
}

static void test_deadline__of_the_attempt(void **state)
{
    static char script[] = "H";
    struct fixture f = begin(serve_script, script);
    struct tr_aws_request r = request(1);
    (void)state;
    r.attempt_timeout_ms = 500;
    call(&f, &r);
    expect(&f, TR_ETIMEOUT, 1, true, "the answer was not complete within 500 ms");
    end(&f);
}

static void test_deadline__of_the_call_ends_its_repetitions(void **state)
{
    static char script[] = "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh";
    struct fixture f = begin(serve_script, script);
    struct tr_aws_request r = request(0);
    (void)state;
    r.first_byte_timeout_ms = 20;
    r.timeout_ms = 500;
    call(&f, &r);
    tr_assert_status(f.got.status, TR_ETIMEOUT, &f.got.err);
    assert_true(f.got.attempts > 1 && f.got.attempts <= 25);
    assert_true(f.got.may_have_happened);
    end(&f);
}

struct ticker {
    unsigned ticks;
    uint64_t longest_ms;
};

static void test_deadline__holds_while_a_name_hangs_and_the_loop_ticks_on(void **state)
{
    struct got got[4] = {{0}}, canceled = {0};
    struct tr_aws_call *call_to_cancel;
    struct tr_aws_request r = request(1);
    struct tr_aws *aws;
    struct ticker ticker = {0};
    unsigned i, done = 0;
    (void)state;
    tr_test_env_set("AWS_REGION", "us-east-1");
    tr_test_env_set("AWS_ACCESS_KEY_ID", "A");
    tr_test_env_set("AWS_SECRET_ACCESS_KEY", "B");
    aws = client("http://hang.test:8000");
    r.attempt_timeout_ms = 300;
    for (i = 0; i < 4; i++) {
        r.first_byte_timeout_ms = i == 3 ? 150 : PATIENCE_MS;
        tr_assert_status(tr_aws_start(aws, &r, keep, &got[i], NULL), TR_OK, NULL);
    }
    tr_assert_status(tr_aws_start(aws, &r, keep, &canceled, &call_to_cancel), TR_OK, NULL);
    tr_aws_poll(aws, tr_clock_mono());
    tr_aws_cancel(aws, call_to_cancel);
    while (done < 4 && ticker.ticks < 100000) {
        struct tr_mono before = tr_clock_mono();
        uint64_t took;
        tr_aws_poll(aws, tr_mono_add_ms(before, 5));
        took = tr_mono_ms_between(before, tr_clock_mono());
        ticker.longest_ms = took > ticker.longest_ms ? took : ticker.longest_ms;
        ticker.ticks++;
        for (done = 0, i = 0; i < 4; i++) {
            done += got[i].count;
        }
    }
    assert_int_equal(done, 4);
    assert_int_equal(canceled.count, 0);
    assert_true(hanging > 0); /* they hang still, and nobody waits for them */
    assert_true(ticker.longest_ms < 2000);
    for (i = 0; i < 4; i++) {
        tr_assert_status(got[i].status, TR_ETIMEOUT, &got[i].err);
        assert_false(got[i].may_have_happened);
        assert_int_equal(got[i].sent.ns, 0);
        tr_free(got[i].body);
    }
    tr_aws_free(aws);
    for (i = 0; i < 8; i++) {
        (void)sem_post(&let_go);
    }
}

/* ---- the clock ---- */

struct skew {
    int64_t ahead_ms;
    bool always;
    int64_t signed_ms[4];
};

static bool serve_skewed(struct tr_server_conn *conn, const struct tr_server_request *r)
{
    struct skew *skew = r->ctx;
    struct tr_bytes date = tr_server_header(r, "x-amz-date");
    struct tr_buf headers = {0};
    char rfc[32];
    struct tr_wall signed_at = {0};

    (void)snprintf(rfc, sizeof rfc, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", date.ptr, date.ptr + 4,
                   date.ptr + 6, date.ptr + 9, date.ptr + 11, date.ptr + 13);
    (void)tr_wall_parse_rfc3339(tr_bytes_of(rfc), &signed_at);
    skew->signed_ms[r->number - 1] = signed_at.ms;
    tr_buf_add_str(&headers, "Date: ");
    tr_wall_format_http(&headers, (struct tr_wall){tr_clock_wall().ms + skew->ahead_ms});
    tr_buf_add_str(&headers, "\r\n");
    if (r->number == 1 || skew->always) {
        tr_server_send_answer(conn, "400 Bad Request", headers.ptr,
                              "{\"__type\":\"com.amazon.coral.service#InvalidSignatureException\","
                              "\"message\":\"Signature expired\"}");
    } else {
        tr_server_send_answer(conn, "200 OK", headers.ptr, "{}");
    }
    tr_buf_deinit(&headers);
    return true;
}

static void test_clock__a_signature_refused_for_its_time_is_made_anew_once(void **state)
{
    static const int64_t hours[] = {2, -2};
    size_t i;
    (void)state;
    for (i = 0; i < 2; i++) {
        struct skew skew = {.ahead_ms = hours[i] * 3600000};
        struct fixture f = begin(serve_skewed, &skew);
        struct tr_aws_request r = request(1); /* conditional writes too */
        int64_t service;
        call(&f, &r);
        expect(&f, TR_OK, 2, false, "");
        service = tr_clock_wall().ms + skew.ahead_ms;
        assert_in_range(skew.signed_ms[1] - service + 100000, 40000, 160000);
        assert_in_range(tr_aws_service_time(f.aws).ms - service + 100000, 40000, 160000);
        call(&f, &r); /* and from now on at once */
        expect(&f, TR_OK, 3, false, "");
        end(&f);
    }
}

static void test_clock__a_wrong_secret_is_not_taken_for_a_wrong_clock(void **state)
{
    struct skew skew = {.always = true};
    struct fixture f = begin(serve_skewed, &skew);
    struct tr_aws_request r = request(0);
    (void)state;
    call(&f, &r);
    expect(&f, TR_EAUTH, 1, false, "400 InvalidSignatureException: Signature expired");
    end(&f);
    skew.ahead_ms = 7200000;
    f = begin(serve_skewed, &skew);
    call(&f, &r);
    expect(&f, TR_EAUTH, 2, false, "InvalidSignatureException");
    end(&f);
}

/* ---- classes, queues, cancelling ---- */

static bool serve_by_operation(struct tr_server_conn *conn, const struct tr_server_request *r)
{
    if (tr_bytes_ends(tr_server_header(r, "x-amz-target"), ".GetRecords")) {
        sem_t *gate = r->ctx;
        (void)sem_wait(gate);
    }
    tr_server_send_ok(conn, "{}");
    return true;
}

static void test_class__a_full_one_does_not_hold_back_another(void **state)
{
    sem_t gate;
    struct fixture f = {0};
    struct tr_aws_options options;
    struct tr_aws_request reads = request(1), write = request(1);
    struct got got[6] = {{0}};
    unsigned i;
    (void)state;
    (void)sem_init(&gate, 0, 0);
    f.server = tr_server_new(serve_by_operation, &gate, false);
    options = options_for(tr_server_url(f.server));
    options.in_flight_max[TR_AWS_RECORDS] = 2;
    tr_assert_status(tr_aws_new(&options, &f.aws, NULL), TR_OK, NULL);
    for (i = 0; i < 5; i++) {
        tr_assert_status(tr_aws_start(f.aws, &reads, keep, &got[i], NULL), TR_OK, NULL);
    }
    write.class = TR_AWS_LEASE_WRITE;
    write.service = TR_AWS_DYNAMODB;
    write.operation = "UpdateItem";
    tr_assert_status(tr_aws_start(f.aws, &write, keep, &got[5], NULL), TR_OK, NULL);
    wait_for(f.aws, &got[5].count, 1);
    tr_assert_status(got[5].status, TR_OK, NULL);
    for (i = 0; i < 5; i++) {
        assert_int_equal(got[i].count, 0);
    }
    assert_true(tr_server_connections(f.server) <= 3); /* two reads, one write */
    for (i = 0; i < 5; i++) {
        (void)sem_post(&gate);
    }
    for (i = 0; i < 5; i++) {
        wait_for(f.aws, &got[i].count, 1);
    }
    assert_true(tr_server_connections(f.server) <= 3);
    for (i = 0; i < 6; i++) {
        tr_free(got[i].body);
    }
    end(&f);
    (void)sem_destroy(&gate);
}

static void test_class__serves_who_came_first(void **state)
{
    static char script[] = "";
    struct fixture f = {.server = tr_server_new(serve_script, script, false)};
    struct tr_aws_options options = options_for(tr_server_url(f.server));
    struct tr_aws_request r = request(1);
    struct got got[5] = {{0}};
    unsigned i;
    (void)state;
    options.in_flight_max[TR_AWS_RECORDS] = 1;
    tr_assert_status(tr_aws_new(&options, &f.aws, NULL), TR_OK, NULL);
    for (i = 0; i < 5; i++) {
        tr_assert_status(tr_aws_start(f.aws, &r, keep, &got[i], NULL), TR_OK, NULL);
    }
    for (i = 0; i < 5; i++) {
        wait_for(f.aws, &got[i].count, 1);
        assert_int_equal(got[i].order, i + 1);
        tr_free(got[i].body);
    }
    end(&f);
}

static void test_queue__a_call_that_never_left_it_certainly_did_nothing(void **state)
{
    static char script[] = "h";
    struct fixture f = {.server = tr_server_new(serve_script, script, false)};
    struct tr_aws_options options = options_for(tr_server_url(f.server));
    struct tr_aws_request r = request(1);
    struct got stuck = {0};
    struct tr_aws_call *handle;
    (void)state;
    options.in_flight_max[TR_AWS_RECORDS] = 1;
    tr_assert_status(tr_aws_new(&options, &f.aws, NULL), TR_OK, NULL);
    tr_assert_status(tr_aws_start(f.aws, &r, keep, &stuck, &handle), TR_OK, NULL);
    r.timeout_ms = 50;
    call(&f, &r);
    tr_assert_status(f.got.status, TR_ETIMEOUT, &f.got.err);
    assert_false(f.got.may_have_happened);
    assert_int_equal(f.got.attempts, 0);
    tr_assert_has(f.got.err.text, "waited too long");
    /* Cancelling the one in flight makes room; its callback never runs. */
    tr_aws_cancel(f.aws, handle);
    r.timeout_ms = 0;
    call(&f, &r);
    tr_assert_status(f.got.status, TR_OK, &f.got.err);
    assert_int_equal(stuck.count, 0);
    end(&f);
}

struct chain {
    struct tr_aws *aws;
    struct tr_aws_call *other, *self;
    struct got second;
    unsigned count;
};

static void cancel_and_start(void *ctx, struct tr_aws_answer *answer)
{
    struct chain *chain = ctx;
    struct tr_aws_request r = request(1);
    assert_int_equal(answer->status, TR_OK);
    chain->count++;
    tr_aws_cancel(chain->aws, chain->other);
    tr_aws_cancel(chain->aws, chain->self); /* too late, and harmless */
    tr_assert_status(tr_aws_start(chain->aws, &r, keep, &chain->second, NULL), TR_OK, NULL);
}

static void test_callback__may_cancel_and_start(void **state)
{
    static char script[] = "";
    struct fixture f = {.server = tr_server_new(serve_script, script, false)};
    struct tr_aws_options options = options_for(tr_server_url(f.server));
    struct tr_aws_request r = request(1);
    struct chain chain = {0};
    struct got never = {0};
    (void)state;
    options.in_flight_max[TR_AWS_RECORDS] = 1; /* so that the other one waits for the first */
    tr_assert_status(tr_aws_new(&options, &f.aws, NULL), TR_OK, NULL);
    chain.aws = f.aws;
    tr_assert_status(tr_aws_start(f.aws, &r, cancel_and_start, &chain, &chain.self), TR_OK, NULL);
    tr_assert_status(tr_aws_start(f.aws, &r, keep, &never, &chain.other), TR_OK, NULL);
    wait_for(f.aws, &chain.count, 1);
    wait_for(f.aws, &chain.second.count, 1);
    assert_int_equal(never.count, 0);
    tr_free(chain.second.body);
    end(&f);
}

static void test_free__drops_calls_without_their_callbacks(void **state)
{
    static char script[] = "hhhh";
    struct fixture f = begin(serve_script, script);
    struct tr_aws_request r = request(0);
    struct got got = {0};
    int i;
    (void)state;
    for (i = 0; i < 40; i++) { /* more than fly at once */
        tr_assert_status(tr_aws_start(f.aws, &r, keep, &got, NULL), TR_OK, NULL);
    }
    tr_aws_poll(f.aws, tr_clock_mono());
    end(&f);
    tr_free(got.body);
}

/* ---- the door ---- */

static void *wake(void *ctx)
{
    struct tr_aws *aws = ctx;
    tr_aws_wakeup(aws);
    return NULL;
}

static void test_wakeup__makes_poll_return(void **state)
{
    static char script[] = "";
    struct fixture f = begin(serve_script, script);
    pthread_t thread;
    int i;
    (void)state;
    for (i = 0; i < 100; i++) {
        struct tr_mono patience = tr_mono_add_ms(tr_clock_mono(), PATIENCE_MS);
        assert_int_equal(pthread_create(&thread, NULL, wake, f.aws), 0);
        tr_aws_poll(f.aws, patience);
        assert_true(tr_mono_before(tr_clock_mono(), patience));
        pthread_join(thread, NULL);
    }
    end(&f);
}

static void test_poll__returns_at_its_time(void **state)
{
    static char script[] = "";
    struct fixture f = begin(serve_script, script);
    struct tr_mono until = tr_mono_add_ms(tr_clock_mono(), 20);
    (void)state;
    tr_aws_poll(f.aws, until);
    assert_true(tr_mono_reached(tr_clock_mono(), until));
    tr_aws_poll(f.aws, (struct tr_mono){1});
    end(&f);
}

/* ---- credentials, TLS, memory ---- */

static bool serve_token(struct tr_server_conn *conn, const struct tr_server_request *r)
{
    bool sent = tr_bytes_is(tr_server_header(r, "x-amz-security-token"), "token/+=");
    struct tr_bytes authorization = tr_server_header(r, "authorization");
    bool is_signed =
        memmem(authorization.ptr, authorization.len, "x-amz-security-token", 20) != NULL;
    tr_server_send_ok(conn, sent && is_signed ? "{\"fine\":true}" : "{}");
    return true;
}

static void test_token__is_sent_and_signed(void **state)
{
    struct fixture f;
    struct tr_aws_request r = request(1);
    (void)state;
    tr_test_env_set("AWS_ACCESS_KEY_ID", "A");
    tr_test_env_set("AWS_SECRET_ACCESS_KEY", "B");
    tr_test_env_set("AWS_SESSION_TOKEN", "token/+=");
    f = begin(serve_token, NULL);
    call(&f, &r);
    expect_body(&f, "{\"fine\":true}");
    end(&f);
}

static void test_tls__is_verified_against_the_bundle(void **state)
{
    static char script[] = "";
    struct fixture f = {.server = tr_server_new(serve_script, script, true)};
    struct tr_server *other = tr_server_new(serve_script, script, true);
    struct tr_aws_request r = request(0);
    int i;
    (void)state;
    tr_test_env_set("AWS_CA_BUNDLE", tr_test_file("other.pem", tr_server_certificate(other)));
    f.aws = client(tr_server_url(f.server));
    call(&f, &r);
    expect(&f, TR_ENET, 0, false, "the certificate is not trusted");
    tr_assert_has(f.got.err.text, "AWS_CA_BUNDLE");
    tr_aws_free(f.aws);
    tr_test_env_set("AWS_CA_BUNDLE", tr_test_file("bundle.pem", tr_server_certificate(f.server)));
    f.aws = client(tr_server_url(f.server));
    for (i = 0; i < 3; i++) {
        call(&f, &r);
        expect(&f, TR_OK, (unsigned)i + 1, false, "");
    }
    assert_int_equal(tr_server_connections(f.server), 2); /* the refused one, and one for all */
    end(&f);
    tr_server_free(other);
}

static void test_tls__the_bundle_must_be_one(void **state)
{
    struct tr_aws_options options = options_for("https://127.0.0.1:1");
    struct tr_aws *aws;
    struct tr_err err = {0};
    (void)state;
    tr_test_env_set("AWS_CA_BUNDLE", "/nonexistent/ca.pem");
    tr_assert_status(tr_aws_new(&options, &aws, &err), TR_ECONFIG, &err);
    tr_assert_has(err.text, "AWS_CA_BUNDLE '/nonexistent/ca.pem' cannot be read");
    tr_test_env_set("AWS_CA_BUNDLE", tr_test_file("bundle.pem", "nothing\n"));
    tr_assert_status(tr_aws_new(&options, &aws, &err), TR_ECONFIG, &err);
    tr_assert_has(err.text, "has no certificate");
    tr_test_env_set("AWS_CA_BUNDLE", "/");
    tr_assert_status(tr_aws_new(&options, &aws, &err), TR_ECONFIG, &err);
    assert_null(aws);
}

static void test_memory__its_lack_is_a_status(void **state)
{
    static char script[] = "";
    struct fixture f = begin(serve_script, script);
    struct tr_aws_request r = request(1);
    struct tr_aws *aws;
    struct tr_aws_options options = options_for(tr_server_url(f.server));
    int64_t n;
    enum tr_status status = TR_ENOMEM;
    (void)state;
    for (n = 0; n < 2; n++) {
        (void)tr_mem_fail_at(n);
        status = tr_aws_start(f.aws, &r, keep, &f.got, NULL);
        (void)tr_mem_fail_at(-1);
        tr_assert_status(status, TR_ENOMEM, NULL);
    }
    for (n = 0; n < 40; n++) { /* anywhere on the way: the call ends, with a status */
        tr_free(f.got.body);
        f.got = (struct got){0};
        tr_assert_status(tr_aws_start(f.aws, &r, keep, &f.got, NULL), TR_OK, NULL);
        (void)tr_mem_fail_at(n);
        wait_for(f.aws, &f.got.count, 1);
        (void)tr_mem_fail_at(-1);
        assert_true(f.got.status == TR_OK || f.got.status == TR_ENOMEM);
    }
    tr_assert_status(f.got.status, TR_OK, &f.got.err);
    for (n = 0, status = TR_ENOMEM; status == TR_ENOMEM; n++) {
        assert_true(n < 200);
        (void)tr_mem_fail_at(n);
        status = tr_aws_new(&options, &aws, NULL);
        (void)tr_mem_fail_at(-1);
    }
    tr_assert_status(status, TR_OK, NULL);
    tr_aws_free(aws);
    end(&f);
}

static int setup(void **state)
{
    (void)state;
    tr_test_env_clear();
    deliveries = 0;
    return 0;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(test_call__is_signed_and_answered),
        T(test_answer__may_come_in_any_pieces),
        T(test_answer__one_byte_at_a_time_is_whole),
        T(test_answer__damage_is_seen),
        T(test_answer__headers_have_a_limit),
        T(test_answer__a_body_without_end_has_a_limit),
        T(test_answer__a_page_is_kept_in_just_its_room),
        T(test_answer__large_and_small_ones_come_whole_in_turn),
        T(test_repetition__passing_faults_are_repeated),
        T(test_repetition__one_attempt_is_one_attempt),
        T(test_repetition__refusals_are_not_repeated),
        T(test_repetition__a_condition_after_a_lost_answer_may_be_our_own_write),
        T(test_answer__of_a_failed_condition_keeps_its_body),
        T(test_repetition__throttling_is_counted_and_waited_for),
        T(test_connection__is_used_again),
        T(test_connection__of_each_service_goes_to_its_own_endpoint),
        T(test_connection__that_was_closed_while_idle_costs_nothing),
        T(test_connection__that_dies_under_a_single_attempt_ends_it),
        T(test_connection__that_dies_under_a_repeatable_call_is_replaced),
        T(test_connection__refused_is_certain),
        T(test_connection__to_loopback_ignores_proxies),
        T(test_connection__is_not_inherited_by_children),
        T(test_deadline__of_the_first_byte),
        T(test_deadline__of_the_attempt),
        T(test_deadline__of_the_call_ends_its_repetitions),
        T(test_deadline__holds_while_a_name_hangs_and_the_loop_ticks_on),
        T(test_clock__a_signature_refused_for_its_time_is_made_anew_once),
        T(test_clock__a_wrong_secret_is_not_taken_for_a_wrong_clock),
        T(test_class__a_full_one_does_not_hold_back_another),
        T(test_class__serves_who_came_first),
        T(test_queue__a_call_that_never_left_it_certainly_did_nothing),
        T(test_callback__may_cancel_and_start),
        T(test_free__drops_calls_without_their_callbacks),
        T(test_wakeup__makes_poll_return),
        T(test_poll__returns_at_its_time),
        T(test_token__is_sent_and_signed),
        T(test_tls__is_verified_against_the_bundle),
        T(test_tls__the_bundle_must_be_one),
        T(test_memory__its_lack_is_a_status),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sem_init(&let_go, 0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
