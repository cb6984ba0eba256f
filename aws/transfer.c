/* SPDX-License-Identifier: Apache-2.0
 *
 * curl, with every option that matters said here. What libcurl does by itself and would surprise
 * us: it waits for a resolver thread after a time-out (QUICK_EXIT), reads the whole CA folder for
 * each connection (CAPATH), repeats a POST on a fresh connection when a kept one closes without an
 * answer (the prereq callback counts and can forbid it), and leaves sockets open to children
 * (OPENSOCKETFUNCTION). */
#include "aws/transfer.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <libdeflate.h>
#include <pthread.h>
#include <sys/socket.h>

#define CONNECT_MS_MAX 3000
#define LARGE_BUFFER (256L * 1024L)
#define SMALL_BUFFER (16L * 1024L)
#define IDLE_CONNECTION_S 20L /* kept longer, one may be closed by the other end as we send */
#define LINES_MAX 16

/* Header lines of every request; the last two only take away what curl would add. Curl's type for
 * them is not const, but it only reads them. */
static char fixed_lines[][64] = {"User-Agent: tailrace/" TR_VERSION " os/linux lang/c",
                                 "Accept-Encoding: identity", "Accept:", "Expect:"};
#define FIXED_LINES (sizeof fixed_lines / sizeof fixed_lines[0])

enum stop { STOP_NONE, STOP_BODY_SIZE, STOP_HEADER_SIZE, STOP_MEMORY, STOP_RESEND };

struct tr_transfer {
    struct tr_transfer *next;             /* in the pool */
    CURL *easy;                           /* owned */
    struct curl_slist headers[LINES_MAX]; /* a list in place; the lines lie in `lines` */
    struct tr_buf lines;                  /* owned; kept for its memory */
    const struct tr_endpoint *endpoint;   /* the one that the handle is set to */
    void *ctx;
    uint64_t timeout_ms;
    bool once, begun;
    enum stop stop;
    unsigned sent;
    struct tr_mono when;
    struct tr_buf body; /* owned */
    size_t header_bytes;
    uint64_t content_length; /* 0: not said */
    bool has_crc;
    uint32_t crc;
    uint64_t hint_ms;
    struct tr_wall date;
    char error_type[160];
    char encoding[32];
    char detail[CURL_ERROR_SIZE];
};

struct tr_transfers {
    CURLM *multi;             /* owned */
    CURLSH *share;            /* owned; TLS sessions, so that a new connection resumes one */
    struct tr_transfer *idle; /* owned; to be used again: making a handle is dear */
    unsigned idle_count;
    unsigned idle_max;
    struct tr_transfer **flying; /* owned; to drop them at the end */
    size_t flying_count, flying_cap;
    char *ca_file; /* owned */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

/* Never undone: others in the process may use curl. */
static void start_curl(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static curl_socket_t open_socket_cb(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)ctx;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Called when a connection is there and the request is about to go out on it. */
static int prereq_cb(void *ctx, char *ip, char *local_ip, int port, int local_port)
{
    struct tr_transfer *t = ctx;
    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    if (t->sent > 0 && t->once) {
        t->stop = STOP_RESEND;
        return CURL_PREREQFUNC_ABORT;
    }
    if (t->sent++ == 0) {
        t->when = tr_clock_mono();
    }
    return CURL_PREREQFUNC_OK;
}

/* A status line begins a new head: what an earlier one (100 Continue) had said does not count. */
static void forget_head(struct tr_transfer *t)
{
    t->content_length = 0;
    t->has_crc = false;
    t->hint_ms = 0;
    t->date = (struct tr_wall){0};
    t->error_type[0] = '\0';
    t->encoding[0] = '\0';
}

static void keep_header(struct tr_transfer *t, struct tr_bytes name, struct tr_bytes value)
{
    uint64_t number;

    if (tr_bytes_is_nocase(name, "content-length")) {
        (void)tr_bytes_u64(value, UINT64_MAX, &t->content_length);
    } else if (tr_bytes_is_nocase(name, "x-amz-crc32")) {
        t->has_crc = tr_bytes_u64(value, UINT32_MAX, &number);
        t->crc = t->has_crc ? (uint32_t)number : 0;
    } else if (tr_bytes_is_nocase(name, "date")) {
        (void)tr_wall_parse_http(value, &t->date);
    } else if (tr_bytes_is_nocase(name, "x-amz-retry-after")) {
        (void)tr_bytes_u64(value, UINT32_MAX, &t->hint_ms);
    } else if (tr_bytes_is_nocase(name, "x-amzn-errortype")) {
        (void)snprintf(t->error_type, sizeof t->error_type, "%.*s", TR_FMT(value));
    } else if (tr_bytes_is_nocase(name, "content-encoding")) {
        (void)snprintf(t->encoding, sizeof t->encoding, "%.*s", TR_FMT(value));
    }
}

static size_t header_cb(char *data, size_t size, size_t count, void *ctx)
{
    struct tr_transfer *t = ctx;
    struct tr_bytes line = {data, size * count};
    struct tr_bytes name;

    t->begun = true;
    t->header_bytes += line.len;
    if (t->header_bytes > TR_HEADER_BYTES_MAX) {
        t->stop = STOP_HEADER_SIZE;
        return 0;
    }
    if (tr_bytes_starts(line, "HTTP/")) {
        forget_head(t);
        return size * count;
    }
    name = tr_bytes_cut(&line, ':');
    if (line.ptr != NULL) {
        keep_header(t, name, tr_bytes_trim(line));
    }
    return size * count;
}

/* The whole body's room at once, and no more than that: pages are kept as they came. */
static bool make_room(struct tr_transfer *t)
{
    size_t want = (size_t)t->content_length;
    if (t->body.ptr != NULL || want == 0) {
        return true;
    }
    t->body.ptr = tr_malloc(want + 1);
    t->body.cap = want + 1;
    return t->body.ptr != NULL;
}

static size_t write_cb(char *data, size_t size, size_t count, void *ctx)
{
    struct tr_transfer *t = ctx;
    struct tr_bytes chunk = {data, size * count};

    if (t->content_length > TR_ANSWER_BYTES_MAX || t->body.len + chunk.len > TR_ANSWER_BYTES_MAX) {
        t->stop = STOP_BODY_SIZE;
        return 0;
    }
    if (!make_room(t)) {
        t->body = (struct tr_buf){0};
        t->stop = STOP_MEMORY;
        return 0;
    }
    tr_buf_add(&t->body, chunk);
    if (t->body.failed) {
        t->stop = STOP_MEMORY;
        return 0;
    }
    return chunk.len;
}

/* All that is the same for every request of a handle. */
static bool set_up(const struct tr_transfers *transfers, struct tr_transfer *t)
{
    CURL *e = t->easy;
    bool ok = true;
#define SET(option, value) ok = ok && curl_easy_setopt(e, option, value) == CURLE_OK
    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_SHARE, transfers->share);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_CAPATH, NULL);
    if (transfers->ca_file != NULL) {
        SET(CURLOPT_CAINFO, transfers->ca_file);
    }
    SET(CURLOPT_MAXAGE_CONN, IDLE_CONNECTION_S);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket_cb);
    SET(CURLOPT_PREREQFUNCTION, prereq_cb);
    SET(CURLOPT_PREREQDATA, t);
    SET(CURLOPT_HEADERFUNCTION, header_cb);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEFUNCTION, write_cb);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_ERRORBUFFER, t->detail);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_HTTPHEADER, t->headers);
#undef SET
    return ok;
}

static void free_transfer(struct tr_transfer *t)
{
    curl_easy_cleanup(t->easy);
    tr_buf_deinit(&t->lines);
    tr_buf_deinit(&t->body);
    tr_free(t);
}

static void set_fixed_lines(struct tr_transfer *t)
{
    size_t i;
    for (i = 0; i < FIXED_LINES; i++) {
        t->headers[i] = (struct curl_slist){fixed_lines[i], &t->headers[i + 1]};
    }
}

static struct tr_transfer *take_handle(struct tr_transfers *transfers)
{
    struct tr_transfer *t = transfers->idle;
    if (t != NULL) {
        transfers->idle = t->next;
        transfers->idle_count--;
        return t;
    }
    t = tr_calloc(1, sizeof *t);
    if (t == NULL) {
        return NULL;
    }
    set_fixed_lines(t);
    t->easy = curl_easy_init();
    if (t->easy == NULL || !set_up(transfers, t)) {
        free_transfer(t);
        return NULL;
    }
    return t;
}

/* Back into the pool, with nothing left of the last request: a session token is among the lines. */
static void give_back(struct tr_transfers *transfers, struct tr_transfer *t)
{
    if (t->lines.ptr != NULL) {
        tr_wipe(t->lines.ptr, t->lines.len);
    }
    tr_buf_reset(&t->lines);
    tr_buf_deinit(&t->body);
    if (transfers->idle_count >= transfers->idle_max) {
        free_transfer(t);
        return;
    }
    t->next = transfers->idle;
    transfers->idle = t;
    transfers->idle_count++;
}

/* The room at once: a buffer that grows leaves copies behind, perhaps of a token. */
static bool make_lines_room(struct tr_transfer *t, const struct tr_transfer_request *request)
{
    size_t i, bytes = 0;
    for (i = 0; i < request->header_count; i++) {
        bytes += request->headers[i].name.len + request->headers[i].value.len + sizeof ": ";
    }
    return tr_buf_reserve(&t->lines, bytes);
}

/* Lines end with a NUL each. The list begins with the fixed ones, so that the handle keeps it from
 * request to request. */
static bool set_lines(struct tr_transfer *t, const struct tr_transfer_request *request)
{
    size_t count = FIXED_LINES, i;

    if (request->header_count > LINES_MAX - FIXED_LINES || !make_lines_room(t, request)) {
        return false;
    }
    for (i = 0; i < request->header_count; i++) {
        t->headers[count].data = t->lines.ptr + t->lines.len;
        t->headers[count - 1].next = &t->headers[count];
        count++;
        tr_buf_add(&t->lines, request->headers[i].name);
        tr_buf_add_str(&t->lines, ": ");
        tr_buf_add(&t->lines, request->headers[i].value);
        tr_buf_add_char(&t->lines, '\0');
    }
    t->headers[count - 1].next = NULL;
    return true;
}

static void reset(struct tr_transfer *t, const struct tr_transfer_request *request)
{
    forget_head(t);
    t->ctx = request->ctx;
    t->timeout_ms = request->timeout_ms;
    t->once = request->once;
    t->begun = false;
    t->stop = STOP_NONE;
    t->sent = 0;
    t->when = (struct tr_mono){0};
    t->header_bytes = 0;
    t->detail[0] = '\0';
}

/* What only another endpoint changes. The environment's proxies are curl's business, but never for
 * this host itself. */
static bool aim(struct tr_transfer *t, const struct tr_endpoint *endpoint)
{
    if (t->endpoint == endpoint) {
        return true;
    }
    t->endpoint = NULL;
    if (curl_easy_setopt(t->easy, CURLOPT_URL, endpoint->url) != CURLE_OK ||
        curl_easy_setopt(t->easy, CURLOPT_NOPROXY, endpoint->loopback ? "*" : NULL) != CURLE_OK) {
        return false;
    }
    t->endpoint = endpoint;
    return true;
}

static bool prepare(struct tr_transfer *t, const struct tr_transfer_request *request)
{
    uint64_t connect_ms =
        request->timeout_ms < CONNECT_MS_MAX ? request->timeout_ms : CONNECT_MS_MAX;
    CURL *e = t->easy;
    bool ok = set_lines(t, request) && aim(t, request->endpoint);
#define SET(option, value) ok = ok && curl_easy_setopt(e, option, value) == CURLE_OK
    SET(CURLOPT_POSTFIELDS, request->body.len > 0 ? request->body.ptr : "");
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    SET(CURLOPT_BUFFERSIZE, request->large_answer ? LARGE_BUFFER : SMALL_BUFFER);
    SET(CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
#undef SET
    return ok;
}

enum tr_status tr_transfers_start(struct tr_transfers *transfers,
                                  const struct tr_transfer_request *request,
                                  struct tr_transfer **out)
{
    struct tr_transfer *t;

    if (!tr_grow(&transfers->flying, &transfers->flying_cap, transfers->flying_count + 1,
                 sizeof(struct tr_transfer *))) {
        return TR_ENOMEM;
    }
    t = take_handle(transfers);
    if (t == NULL) {
        return TR_ENOMEM;
    }
    reset(t, request);
    if (!prepare(t, request) || curl_multi_add_handle(transfers->multi, t->easy) != CURLM_OK) {
        give_back(transfers, t);
        return TR_ENOMEM;
    }
    transfers->flying[transfers->flying_count++] = t;
    *out = t;
    return TR_OK;
}

static void unlist(struct tr_transfers *transfers, const struct tr_transfer *t)
{
    size_t i;
    for (i = 0; i < transfers->flying_count; i++) {
        if (transfers->flying[i] == t) {
            transfers->flying[i] = transfers->flying[--transfers->flying_count];
            return;
        }
    }
}

static const char *errno_of(const struct tr_transfer *t, char *text, size_t size)
{
    long number = 0;
    (void)curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &number);
    if (number == 0) {
        return t->detail[0] != '\0' ? t->detail : "no reason given";
    }
    return tr_errno_text((int)number, text, size);
}

static void judge_stop(const struct tr_transfer *t, struct tr_verdict *out)
{
    out->status = TR_ECORRUPT;
    switch (t->stop) {
    case STOP_MEMORY:
        out->status = TR_ENOMEM;
        (void)snprintf(out->text, sizeof out->text, "no memory for the answer");
        break;
    case STOP_HEADER_SIZE:
        (void)snprintf(out->text, sizeof out->text, "the answer's headers are over %u bytes",
                       TR_HEADER_BYTES_MAX);
        break;
    case STOP_RESEND:
        out->status = TR_ENET;
        (void)snprintf(out->text, sizeof out->text, "the connection closed without an answer");
        break;
    case STOP_NONE:
    case STOP_BODY_SIZE:
        (void)snprintf(out->text, sizeof out->text, "the answer is over %u bytes",
                       TR_ANSWER_BYTES_MAX);
        break;
    }
}

static void judge_timeout(const struct tr_transfer *t, struct tr_verdict *out)
{
    const char *what = "no connection";
    if (t->begun) {
        what = "the answer was not complete";
    } else if (t->sent > 0) {
        what = "no answer";
    }
    out->status = TR_ETIMEOUT;
    out->repeatable = true;
    if (t->sent > 0) {
        (void)snprintf(out->text, sizeof out->text, "%s within %llu ms", what,
                       (unsigned long long)t->timeout_ms);
    } else {
        (void)snprintf(out->text, sizeof out->text, "%s in time", what);
    }
}

/* What curl says about an exchange that did not end in a whole answer. */
static void judge_failure(const struct tr_transfer *t, CURLcode code, struct tr_verdict *out)
{
    char text[96];
    size_t size = sizeof out->text;

    out->status = TR_ENET;
    out->repeatable = true;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        (void)snprintf(out->text, size, "the name could not be resolved");
        break;
    case CURLE_COULDNT_CONNECT:
        (void)snprintf(out->text, size, "cannot connect: %s", errno_of(t, text, sizeof text));
        break;
    case CURLE_OPERATION_TIMEDOUT:
        judge_timeout(t, out);
        break;
    case CURLE_GOT_NOTHING:
        (void)snprintf(out->text, size, "the connection closed without an answer");
        break;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        (void)snprintf(out->text, size, "the connection broke: %s", errno_of(t, text, sizeof text));
        break;
    case CURLE_PARTIAL_FILE:
        out->status = TR_ECORRUPT;
        (void)snprintf(out->text, size, "the answer was cut after %zu bytes", t->body.len);
        break;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
        out->status = TR_ECORRUPT;
        (void)snprintf(out->text, size, "the answer is no HTTP");
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
        out->repeatable = false;
        (void)snprintf(out->text, size,
                       "the certificate is not trusted: %s (a private authority goes into "
                       "AWS_CA_BUNDLE)",
                       t->detail);
        break;
    case CURLE_OUT_OF_MEMORY:
        /* curl says the same of a header line that is too long for it. */
        out->status = t->sent > 0 ? TR_ECORRUPT : TR_ENOMEM;
        (void)snprintf(out->text, size, "%s",
                       t->sent > 0 ? "a header of the answer is too long" : "out of memory");
        break;
    default:
        (void)snprintf(out->text, size, "%s%s%s", curl_easy_strerror(code),
                       t->detail[0] != '\0' ? ": " : "", t->detail);
        break;
    }
}

static void judge(struct tr_transfer *t, CURLcode code, struct tr_transfer_result *result)
{
    struct tr_reply reply = {.body = tr_buf_bytes(&t->body)};

    result->verdict = (struct tr_verdict){0};
    if (code != CURLE_OK) {
        if (t->stop != STOP_NONE) {
            judge_stop(t, &result->verdict);
        } else {
            judge_failure(t, code, &result->verdict);
        }
        /* From the first byte of the request on nobody can know. */
        result->verdict.may_have_happened = t->sent > 0;
        return;
    }
    reply.http_status = result->http_status;
    reply.error_type = t->error_type[0] != '\0' ? tr_bytes_of(t->error_type) : reply.error_type;
    reply.encoding = t->encoding[0] != '\0' ? tr_bytes_of(t->encoding) : reply.encoding;
    reply.crc_differs = t->has_crc && libdeflate_crc32(0, reply.body.ptr, reply.body.len) != t->crc;
    tr_reply_judge(&reply, &result->verdict);
}

static void end(struct tr_transfers *transfers, struct tr_transfer *t, CURLcode code,
                struct tr_transfer_result *result)
{
    long number = 0;

    *result = (struct tr_transfer_result){
        .hint_ms = t->hint_ms, .date = t->date, .sent = t->sent, .when = t->when};
    if (code == CURLE_OK) {
        (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &number);
        result->http_status = (unsigned)number;
    }
    judge(t, code, result);
    result->body = t->body;
    t->body = (struct tr_buf){0};
    (void)curl_multi_remove_handle(transfers->multi, t->easy);
    unlist(transfers, t);
    give_back(transfers, t);
}

void *tr_transfers_next_done(struct tr_transfers *transfers, struct tr_transfer_result *result)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(transfers->multi, &left)) != NULL) {
        char *private = NULL;
        CURLcode code = message->data.result;
        void *ctx;
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        ctx = ((struct tr_transfer *)(void *)private)->ctx;
        end(transfers, (struct tr_transfer *)(void *)private, code, result);
        return ctx;
    }
    return NULL;
}

void tr_transfers_abort(struct tr_transfers *transfers, struct tr_transfer *transfer,
                        struct tr_transfer_result *result)
{
    end(transfers, transfer, CURLE_OPERATION_TIMEDOUT, result);
}

bool tr_transfer_has_begun(const struct tr_transfer *transfer)
{
    return transfer->begun;
}

void tr_transfers_perform(struct tr_transfers *transfers)
{
    int running;
    (void)curl_multi_perform(transfers->multi, &running);
}

void tr_transfers_wait(struct tr_transfers *transfers, uint64_t ms)
{
    (void)curl_multi_poll(transfers->multi, NULL, 0, (int)(ms < 3600000 ? ms : 3600000), NULL);
}

void tr_transfers_wakeup(struct tr_transfers *transfers)
{
    (void)curl_multi_wakeup(transfers->multi);
}

enum tr_status tr_transfers_new(const char *ca_file, unsigned connections_max,
                                struct tr_transfers **out, struct tr_err *err)
{
    struct tr_transfers *transfers = tr_calloc(1, sizeof *transfers);

    *out = NULL;
    if (transfers == NULL) {
        return tr_fail(err, TR_ENOMEM, "out of memory");
    }
    (void)pthread_once(&curl_once, start_curl);
    if (curl_ready != CURLE_OK) {
        tr_free(transfers);
        return tr_fail(err, TR_EUNSUPPORTED, "libcurl: %s", curl_easy_strerror(curl_ready));
    }
    transfers->idle_max = connections_max;
    transfers->multi = curl_multi_init();
    transfers->share = curl_share_init();
    transfers->ca_file = ca_file != NULL ? tr_strdup(ca_file) : NULL;
    if (transfers->multi == NULL || transfers->share == NULL ||
        (ca_file != NULL && transfers->ca_file == NULL) ||
        curl_share_setopt(transfers->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) !=
            CURLSHE_OK ||
        /* How many idle ones are kept; no limit on those in use, which is the classes' business. */
        curl_multi_setopt(transfers->multi, CURLMOPT_MAXCONNECTS, (long)connections_max) !=
            CURLM_OK) {
        tr_transfers_free(transfers);
        return tr_fail(err, TR_ENOMEM, "out of memory");
    }
    *out = transfers;
    return TR_OK;
}

void tr_transfers_free(struct tr_transfers *transfers)
{
    struct tr_transfer *t;

    if (transfers == NULL) {
        return;
    }
    while (transfers->flying_count > 0) {
        t = transfers->flying[--transfers->flying_count];
        (void)curl_multi_remove_handle(transfers->multi, t->easy);
        give_back(transfers, t);
    }
    while ((t = transfers->idle) != NULL) {
        transfers->idle = t->next;
        free_transfer(t);
    }
    if (transfers->multi != NULL) {
        (void)curl_multi_cleanup(transfers->multi);
    }
    if (transfers->share != NULL) {
        (void)curl_share_cleanup(transfers->share);
    }
    tr_free(transfers->flying);
    tr_free(transfers->ca_file);
    tr_free(transfers);
}
