/* SPDX-License-Identifier: Apache-2.0
 *
 * libmicrohttpd polls by an epoll descriptor of its own; that one sits in ours, beside the stop
 * event and the sockets of the connections that wait (a delayed answer, a hang): while the library
 * has a connection suspended it does not look at it, so we watch whether its client goes away. */
#include "local/server.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "local/model.h"
#include "local/ops.h"
#include "local/server_auth.h"
#include "local/server_verify.h"

#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024
#define IDLE_S 300u       /* a connection without traffic is closed */
#define KEEP_BYTES 65536u /* buffers up to this size stay with their connection */
#define HEAD_BYTES 32768u /* of the library, a connection */
#define EVENTS 64
#define WAIT_MAX_MS 60000

enum phase {
    READING,  /* the request's body is coming */
    WAITING,  /* suspended: delayed until `due`, or for ever */
    ANSWERED, /* the answer is with the library */
    DROPPED,  /* to be closed without an answer */
};

/* One connection, from accept to close. */
struct peer {
    struct tr_local_server *server;
    struct MHD_Connection *connection;
    int fd;
    enum phase phase;
    bool too_large;
    bool get; /* a GET of `path`, which is known or not */
    bool path_known;
    struct tr_buf path;
    struct tr_buf body;
    struct tr_local_answer answer;
    struct tr_mono due;
    struct peer *next; /* among the waiting ones */
    struct peer *previous;
};

struct tr_local_server {
    struct tr_local *model;
    struct MHD_Daemon *daemon;
    int epoll_fd;
    int stop_fd;
    int listen_fd; /* -1 once the library has it */
    uint16_t port;
    double clock_rate;
    struct tr_wall wall_start;
    struct tr_mono mono_start;
    struct peer *waiting;
    struct tr_server_verifier *verifier; /* NULL: only the form of signatures is looked at */
    char region[32];
    struct {
        int64_t second;
        char text[40];
    } date;
};

/* Time */

static struct tr_wall model_time(const struct tr_local_server *server)
{
    uint64_t ns = tr_clock_mono().ns - server->mono_start.ns;
    double ms = (double)ns / TR_NS_PER_MS * server->clock_rate;
    return (struct tr_wall){server->wall_start.ms + (int64_t)ms};
}

/* How long until the model's next own event, in our milliseconds. */
static int model_wait_ms(const struct tr_local_server *server)
{
    struct tr_wall deadline = tr_local_deadline(server->model);
    double ms;
    if (deadline.ms == INT64_MAX) {
        return WAIT_MAX_MS;
    }
    ms = (double)(deadline.ms - model_time(server).ms) / server->clock_rate + 1;
    return ms < 0 ? 0 : ms > WAIT_MAX_MS ? WAIT_MAX_MS : (int)ms;
}

/* The Date header follows the model's clock: clients see what time it is there. */
static const char *date_header(struct tr_local_server *server)
{
    struct tr_wall now = tr_local_now(server->model);
    struct tr_buf text = {0};
    if (now.ms / 1000 != server->date.second || server->date.text[0] == '\0') {
        tr_wall_format_http(&text, now);
        snprintf(server->date.text, sizeof server->date.text, "%s", text.len > 0 ? text.ptr : "");
        server->date.second = now.ms / 1000;
        tr_buf_deinit(&text);
    }
    return server->date.text;
}

/* Peers */

static void start_waiting(struct peer *peer, struct tr_mono due)
{
    struct tr_local_server *server = peer->server;
    struct epoll_event event = {.events = EPOLLHUP | EPOLLERR, .data.ptr = peer};
    peer->phase = WAITING;
    peer->due = due;
    peer->previous = NULL;
    peer->next = server->waiting;
    if (peer->next != NULL) {
        peer->next->previous = peer;
    }
    server->waiting = peer;
    /* A client that only waits may have closed its sending half; one that hangs for ever and does
     * so has given up. */
    if (due.ns == UINT64_MAX) {
        event.events |= EPOLLRDHUP;
    }
    MHD_suspend_connection(peer->connection);
    /* Without the watch a vanished client would be noticed later, nothing worse. */
    (void)!epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, peer->fd, &event);
}

static void end_waiting(struct peer *peer, enum phase phase)
{
    struct tr_local_server *server = peer->server;
    (void)!epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, peer->fd, NULL);
    if (peer->next != NULL) {
        peer->next->previous = peer->previous;
    }
    if (peer->previous != NULL) {
        peer->previous->next = peer->next;
    } else {
        server->waiting = peer->next;
    }
    peer->phase = phase;
    MHD_resume_connection(peer->connection);
}

static void shrink(struct tr_buf *buf)
{
    if (buf->cap > KEEP_BYTES) {
        tr_buf_deinit(buf);
    } else {
        tr_buf_reset(buf);
    }
}

static void connection_cb(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct peer *peer = *socket_context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        peer = tr_calloc(1, sizeof *peer);
        if (peer != NULL) {
            peer->server = cls;
            peer->connection = connection;
            peer->fd =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        }
        *socket_context = peer;
        return;
    }
    if (peer != NULL) {
        tr_buf_deinit(&peer->path);
        tr_buf_deinit(&peer->body);
        tr_local_answer_deinit(&peer->answer);
        tr_free(peer);
    }
    *socket_context = NULL;
}

static void completed_cb(void *cls, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code)
{
    struct peer *peer = *request;
    (void)cls;
    (void)connection;
    (void)code;
    if (peer != NULL) {
        shrink(&peer->path);
        shrink(&peer->body);
        shrink(&peer->answer.body);
    }
    *request = NULL;
}

/* Answers */

static void free_body_cb(void *ptr)
{
    tr_free(ptr);
}

/* Half of a body, then the end of the connection: the library sends the whole length in the head
 * and closes when the reader fails. */
static ssize_t half_cb(void *cls, uint64_t at, char *out, size_t max)
{
    const struct peer *peer = cls;
    size_t half = peer->answer.body.len / 2;
    size_t n = at < half ? half - (size_t)at : 0;
    if (n == 0) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    n = n < max ? n : max;
    memcpy(out, peer->answer.body.ptr + at, n);
    return (ssize_t)n;
}

static bool add_headers(struct peer *peer, struct MHD_Response *response)
{
    const struct tr_local_answer *answer = &peer->answer;
    char crc[16];
    bool good;
    snprintf(crc, sizeof crc, "%u", libdeflate_crc32(0, answer->body.ptr, answer->body.len));
    good = MHD_add_response_header(response, "Server", "Server") == MHD_YES &&
           MHD_add_response_header(response, "Date", date_header(peer->server)) == MHD_YES &&
           MHD_add_response_header(response, "Content-Type", answer->content_type) == MHD_YES;
    /* What a proxy makes up (HTML) comes without the service's own headers. */
    if (good && tr_bytes_is(tr_bytes_of(answer->content_type), "application/x-amz-json-1.0")) {
        good =
            MHD_add_response_header(response, "x-amzn-RequestId", answer->request_id) == MHD_YES &&
            MHD_add_response_header(response, "x-amz-crc32", crc) == MHD_YES;
    }
    return good;
}

static struct MHD_Response *make_response(struct peer *peer)
{
    struct tr_buf *body = &peer->answer.body;
    struct MHD_Response *response;
    size_t len = body->len;
    if (peer->answer.delivery == TR_LOCAL_HALF) {
        response = MHD_create_response_from_callback(len, 4096, half_cb, peer, NULL);
    } else if (body->cap <= KEEP_BYTES) {
        /* Stays in the connection's buffer, which lives until the request is completed. */
        response = MHD_create_response_from_buffer(len, body->ptr, MHD_RESPMEM_PERSISTENT);
    } else {
        response = MHD_create_response_from_buffer_with_free_callback(len, body->ptr, free_body_cb);
    }
    if (response != NULL && !add_headers(peer, response)) {
        MHD_destroy_response(response);
        return NULL;
    }
    if (response != NULL && peer->answer.delivery != TR_LOCAL_HALF && body->cap > KEEP_BYTES) {
        *body = (struct tr_buf){0}; /* the response frees it */
    }
    return response;
}

static enum MHD_Result queue_answer(struct peer *peer)
{
    struct MHD_Response *response = make_response(peer);
    enum MHD_Result result;
    if (response == NULL) {
        return MHD_NO;
    }
    peer->phase = ANSWERED;
    result = MHD_queue_response(peer->connection, peer->answer.http_status, response);
    MHD_destroy_response(response);
    return result;
}

/* A reset, at once: disconnecting a TCP socket by AF_UNSPEC sends RST. Closing with SO_LINGER 0
 * would come too late, after the library's orderly shutdown. */
static void reset_peer(const struct peer *peer)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    (void)!connect(peer->fd, &none, sizeof none);
}

static enum MHD_Result deliver(struct peer *peer)
{
    switch (peer->answer.delivery) {
    case TR_LOCAL_HANG:
        start_waiting(peer, TR_MONO_NEVER);
        return MHD_YES;
    case TR_LOCAL_RESET:
        reset_peer(peer);
        return MHD_NO;
    default:
        break;
    }
    if (peer->answer.delay_ms > 0) {
        start_waiting(peer, tr_mono_add_ms(tr_clock_mono(), peer->answer.delay_ms));
        return MHD_YES;
    }
    return queue_answer(peer);
}

/* Requests */

static struct tr_bytes header(const struct peer *peer, const char *name)
{
    const char *value = NULL;
    size_t len = 0;
    if (MHD_lookup_connection_value_n(peer->connection, MHD_HEADER_KIND, name, strlen(name), &value,
                                      &len) != MHD_YES) {
        return (struct tr_bytes){NULL, 0};
    }
    return (struct tr_bytes){value, len};
}

/* Answer with a problem that was met before the model was asked. */
static void refuse(struct peer *peer, const struct tr_problem *problem)
{
    struct tr_local_answer *answer = &peer->answer;
    tr_local_refuse(peer->server->model, model_time(peer->server), problem, answer);
}

struct headers {
    struct tr_sigv4_header list[TR_SIGV4_HEADERS_MAX];
    size_t count;
    bool too_many;
};

static enum MHD_Result header_cb(void *cls, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    struct headers *headers = cls;
    (void)kind;
    if (headers->count == TR_SIGV4_HEADERS_MAX) {
        headers->too_many = true;
        return MHD_NO;
    }
    headers->list[headers->count].name = tr_bytes_of(name);
    headers->list[headers->count].value = tr_bytes_of(value != NULL ? value : "");
    headers->count++;
    return MHD_YES;
}

/* The request as it was signed. A query is not among what clients send; one makes the signature
 * differ, since it is left out here. */
static enum tr_status verify(struct peer *peer, struct tr_problem *problem)
{
    struct tr_local_server *server = peer->server;
    struct headers headers = {.count = 0};
    struct tr_sigv4_request request = {
        .method = TR_LIT("POST"),
        .path = tr_buf_bytes(&peer->path),
        .query = TR_LIT(""),
        .headers = headers.list,
        .body = tr_buf_bytes(&peer->body),
    };
    (void)MHD_get_connection_values(peer->connection, MHD_HEADER_KIND, header_cb, &headers);
    if (headers.too_many) {
        return tr_problem_set(problem, TR_PROBLEM_INCOMPLETE_SIGNATURE,
                              "the request has more than %d headers", TR_SIGV4_HEADERS_MAX);
    }
    request.header_count = headers.count;
    return tr_server_verify(server->verifier, &request, tr_clock_wall(),
                            tr_local_now(server->model), problem);
}

static enum tr_status authorize(struct peer *peer, struct tr_problem *problem)
{
    struct tr_server_auth auth;
    enum tr_status status = tr_server_auth_read(
        header(peer, "Authorization"),
        header(peer, "X-Amz-Date").ptr != NULL || header(peer, "Date").ptr != NULL, &auth, problem);
    if (status == TR_OK && peer->server->verifier != NULL) {
        status = verify(peer, problem);
    }
    return status;
}

static void serve_post(struct peer *peer)
{
    struct tr_bytes target = header(peer, "X-Amz-Target");
    struct tr_problem problem = {0};
    enum tr_status status = TR_OK;

    if (peer->too_large || peer->body.failed) {
        status = tr_problem_set(&problem, TR_PROBLEM_TOO_LARGE,
                                "the request is larger than %u bytes", TR_SERVER_BODY_MAX);
    } else if (target.ptr == NULL) {
        problem.code = TR_PROBLEM_UNKNOWN_OPERATION;
        status = TR_EREFUSED;
    } else if (!tr_bytes_starts(target, TR_TARGET_CONTROL)) {
        status = authorize(peer, &problem);
    }
    if (status != TR_OK) {
        refuse(peer, &problem);
    } else {
        tr_local_call(peer->server->model, model_time(peer->server), target,
                      tr_buf_bytes(&peer->body), &peer->answer);
    }
    tr_problem_deinit(&problem);
}

/* What the service itself says to a plain GET; good for waiting until the model is up. */
static void serve_get(struct peer *peer)
{
    struct tr_local_answer *answer = &peer->answer;
    tr_buf_reset(&answer->body);
    tr_buf_printf(&answer->body,
                  peer->path_known ? "healthy: dynamodb.%s.amazonaws.com \n" : "not found\n",
                  peer->server->region);
    answer->http_status = peer->path_known ? 200 : 404;
    answer->content_type = "text/plain";
    answer->delivery = TR_LOCAL_SEND;
    answer->delay_ms = 0;
}

static enum MHD_Result begin(struct peer *peer, const char *method, const char *path)
{
    struct tr_bytes length = header(peer, "Content-Length");
    uint64_t bytes = 0;

    peer->phase = READING;
    peer->get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    peer->path_known = strcmp(path, "/") == 0;
    peer->too_large = length.ptr != NULL && !tr_bytes_u64(length, TR_SERVER_BODY_MAX, &bytes);
    tr_buf_reset(&peer->path);
    tr_buf_add_str(&peer->path, path);
    tr_buf_reset(&peer->body);
    if (peer->too_large) {
        /* Answered at once: the library then closes the connection without reading the body. */
        serve_post(peer);
        return queue_answer(peer);
    }
    tr_buf_reserve(&peer->body, bytes < KEEP_BYTES ? (size_t)bytes : KEEP_BYTES);
    return MHD_YES;
}

static void take(struct peer *peer, const char *data, size_t size)
{
    if (peer->body.len + size > TR_SERVER_BODY_MAX) {
        peer->too_large = true;
        tr_buf_deinit(&peer->body);
    }
    if (!peer->too_large) {
        tr_buf_add(&peer->body, (struct tr_bytes){data, size});
    }
}

static enum MHD_Result request_cb(void *cls, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **request)
{
    struct peer *peer = *request;
    (void)cls;
    (void)version;
    if (peer == NULL) {
        peer =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
        if (peer == NULL) {
            return MHD_NO;
        }
        *request = peer;
        return begin(peer, method, path);
    }
    if (*size > 0) {
        take(peer, data, *size);
        *size = 0;
        return MHD_YES;
    }
    switch (peer->phase) {
    case READING:
        if (peer->get) {
            serve_get(peer);
        } else {
            serve_post(peer);
        }
        return deliver(peer);
    case WAITING: /* resumed: the delay is over */
        return queue_answer(peer);
    default:
        return MHD_NO;
    }
}

/* Starting */

static enum tr_status read_file(const char *path, struct tr_buf *out, struct tr_err *err)
{
    char text[128];
    char chunk[4096];
    ssize_t n = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        while ((n = read(fd, chunk, sizeof chunk)) > 0) {
            tr_buf_add(out, (struct tr_bytes){chunk, (size_t)n});
        }
    }
    if (n < 0) {
        tr_fail(err, TR_EIO, "read '%s': %s", path, tr_errno_text(errno, text, sizeof text));
    }
    if (fd >= 0) {
        close(fd);
    }
    return n < 0 ? TR_EIO : tr_buf_status(out);
}

static enum tr_status open_listener(struct tr_local_server *server, uint16_t port,
                                    struct tr_err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof address;
    char text[128];
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (server->listen_fd < 0 ||
        setsockopt(server->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(server->listen_fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(server->listen_fd, BACKLOG) != 0 ||
        getsockname(server->listen_fd, (struct sockaddr *)&address, &size) != 0) {
        return tr_fail(err, TR_EIO, "listen on 127.0.0.1:%u: %s", (unsigned)port,
                       tr_errno_text(errno, text, sizeof text));
    }
    server->port = ntohs(address.sin_port);
    return TR_OK;
}

/* A thousand connections need more descriptors than the usual soft limit gives. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        rlim_t want = TR_SERVER_CONNECTIONS_MAX + 256;
        limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
        (void)!setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static enum tr_status start_daemon(struct tr_local_server *server, const char *cert,
                                   const char *key, struct tr_err *err)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
        {MHD_OPTION_END, 0, NULL},
    };
    server->daemon = MHD_start_daemon(
        cert != NULL ? flags | MHD_USE_TLS : flags, 0, NULL, NULL, request_cb, server,
        MHD_OPTION_LISTEN_SOCKET, server->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)TR_SERVER_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES, MHD_OPTION_NOTIFY_CONNECTION,
        connection_cb, server, MHD_OPTION_NOTIFY_COMPLETED, completed_cb, server, MHD_OPTION_ARRAY,
        cert != NULL ? tls : tls + 2, MHD_OPTION_END);
    if (server->daemon == NULL) {
        return tr_fail(err, cert != NULL ? TR_ECONFIG : TR_EIO,
                       cert != NULL ? "the certificate and the key cannot be used together"
                                    : "the http server cannot be started");
    }
    server->listen_fd = -1;
    return TR_OK;
}

static enum tr_status start_tls_or_plain(struct tr_local_server *server,
                                         const struct tr_local_server_options *options,
                                         struct tr_err *err)
{
    struct tr_buf cert = {0}, key = {0};
    enum tr_status status = TR_OK;
    if ((options->tls_cert_path == NULL) != (options->tls_key_path == NULL)) {
        return tr_fail(err, TR_EUSAGE, "a certificate needs its key and the other way round");
    }
    if (options->tls_cert_path != NULL) {
        status = read_file(options->tls_cert_path, &cert, err);
        if (status == TR_OK) {
            status = read_file(options->tls_key_path, &key, err);
        }
    }
    if (status == TR_OK) {
        status = start_daemon(server, cert.ptr, key.ptr, err);
    }
    if (key.ptr != NULL) {
        tr_wipe(key.ptr, key.cap);
    }
    tr_buf_deinit(&cert);
    tr_buf_deinit(&key);
    return status;
}

/* Everything that is waited for, in one epoll descriptor. */
static enum tr_status open_events(struct tr_local_server *server, struct tr_err *err)
{
    int library = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = server->daemon};
    struct epoll_event stop = {.events = EPOLLIN, .data.ptr = server};
    char text[128];

    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->epoll_fd < 0 || server->stop_fd < 0 ||
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, library, &event) != 0 ||
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->stop_fd, &stop) != 0) {
        return tr_fail(err, TR_EIO, "epoll: %s", tr_errno_text(errno, text, sizeof text));
    }
    return TR_OK;
}

enum tr_status tr_local_server_new(const struct tr_local_server_options *options,
                                   struct tr_local_server **out, struct tr_err *err)
{
    struct tr_local_server *server = tr_calloc(1, sizeof *server);
    enum tr_status status;
    if (server == NULL) {
        return tr_fail(err, TR_ENOMEM, "no memory for the server");
    }
    server->epoll_fd = server->stop_fd = server->listen_fd = -1;
    server->clock_rate = options->clock_rate > 0 ? options->clock_rate : 1;
    server->wall_start = tr_clock_wall();
    server->mono_start = tr_clock_mono();
    snprintf(server->region, sizeof server->region, "%s",
             options->model.region != NULL ? options->model.region : "us-east-1");
    raise_descriptor_limit();
    status = tr_local_new(&options->model, server->wall_start, &server->model);
    if (status != TR_OK) {
        tr_fail(err, status, "no memory for the service model");
    }
    if (status == TR_OK && options->access_key != NULL) {
        status = tr_server_verifier_new(options->access_key, options->secret_key, &server->verifier,
                                        err);
    }
    if (status == TR_OK) {
        status = open_listener(server, options->port, err);
    }
    if (status == TR_OK) {
        status = start_tls_or_plain(server, options, err);
    }
    if (status == TR_OK) {
        status = open_events(server, err);
    }
    if (status != TR_OK) {
        tr_local_server_free(server);
        server = NULL;
    }
    *out = server;
    return status;
}

uint16_t tr_local_server_port(const struct tr_local_server *server)
{
    return server->port;
}

/* Running */

/* Let those go on whose delay is over. */
static void fire_due(struct tr_local_server *server, struct tr_mono now)
{
    struct peer *peer = server->waiting;
    while (peer != NULL) {
        struct peer *next = peer->next;
        if (tr_mono_reached(now, peer->due)) {
            end_waiting(peer, WAITING);
        }
        peer = next;
    }
}

static int wait_ms(const struct tr_local_server *server)
{
    int ms = model_wait_ms(server);
    struct tr_mono now = tr_clock_mono();
    const struct peer *peer;
    MHD_UNSIGNED_LONG_LONG library;

    if (MHD_get_timeout(server->daemon, &library) == MHD_YES && library < (unsigned)ms) {
        ms = (int)library;
    }
    for (peer = server->waiting; peer != NULL; peer = peer->next) {
        ms = (int)tr_mono_ms_until(now, peer->due, (uint64_t)ms);
    }
    return ms;
}

enum tr_status tr_local_server_run(struct tr_local_server *server, struct tr_err *err)
{
    struct epoll_event events[EVENTS];
    char text[128];
    for (;;) {
        int n = epoll_wait(server->epoll_fd, events, EVENTS, wait_ms(server));
        int i;
        if (n < 0 && errno != EINTR) {
            return tr_fail(err, TR_EIO, "epoll: %s", tr_errno_text(errno, text, sizeof text));
        }
        for (i = 0; i < n; i++) {
            if (events[i].data.ptr == server) {
                return TR_OK;
            }
            if (events[i].data.ptr != server->daemon) {
                end_waiting(events[i].data.ptr, DROPPED);
            }
        }
        fire_due(server, tr_clock_mono());
        if (MHD_run(server->daemon) != MHD_YES) {
            return tr_fail(err, TR_EIO, "the http server failed");
        }
        tr_local_tick(server->model, model_time(server));
    }
}

void tr_local_server_stop(struct tr_local_server *server)
{
    uint64_t one = 1;
    int saved = errno;
    (void)!write(server->stop_fd, &one, sizeof one);
    errno = saved;
}

void tr_local_server_free(struct tr_local_server *server)
{
    if (server == NULL) {
        return;
    }
    while (server->waiting != NULL) {
        end_waiting(server->waiting, DROPPED);
    }
    if (server->daemon != NULL) {
        MHD_run(server->daemon); /* the library does not stop with suspended connections */
        MHD_stop_daemon(server->daemon);
    }
    if (server->listen_fd >= 0) {
        close(server->listen_fd);
    }
    if (server->epoll_fd >= 0) {
        close(server->epoll_fd);
    }
    if (server->stop_fd >= 0) {
        close(server->stop_fd);
    }
    tr_server_verifier_free(server->verifier);
    tr_local_free(server->model);
    tr_free(server);
}
