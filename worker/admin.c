/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/admin.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "config/listen.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 64
#define IDLE_S 10u            /* a connection without traffic is closed */
#define HEAD_BYTES 16384u     /* of a request, and what the library needs for it */
#define BODY_BYTES_MAX 65536u /* that a request may bring for nothing */

struct tr_admin {
    const struct tr_metrics *metrics;
    const char *const *consumers;
    size_t consumer_count;
    struct MHD_Daemon *daemon;
    int listen_fd; /* -1 once the library has it */
    char url[64];
    struct {
        _Atomic uint64_t beat_ns;
        pthread_mutex_t lock;
        const char **whys; /* owned; NULL entries: ready */
    } shared;
};

/* --- what is answered ------------------------------------------------------------------------ */

typedef unsigned answer_fn(struct tr_admin *admin, struct tr_buf *out);

static unsigned answer_livez(struct tr_admin *admin, struct tr_buf *out)
{
    struct tr_mono beat = {atomic_load(&admin->shared.beat_ns)};
    uint64_t ms = tr_mono_ms_between(beat, tr_clock_mono());
    if (ms < TR_ADMIN_STUCK_MS) {
        tr_buf_add_str(out, "ok\n");
        return MHD_HTTP_OK;
    }
    tr_buf_printf(out, "the loop has not been round for %llu s\n", (unsigned long long)(ms / 1000));
    return MHD_HTTP_SERVICE_UNAVAILABLE;
}

static const char *why_not_ready(struct tr_admin *admin, size_t consumer)
{
    const char *why;
    pthread_mutex_lock(&admin->shared.lock);
    why = admin->shared.whys[consumer];
    pthread_mutex_unlock(&admin->shared.lock);
    return why;
}

static unsigned answer_readyz(struct tr_admin *admin, struct tr_buf *out)
{
    unsigned code = MHD_HTTP_OK;
    size_t i;
    for (i = 0; i < admin->consumer_count; i++) {
        const char *why = why_not_ready(admin, i);
        if (why != NULL) {
            tr_buf_printf(out, "consumer '%s': %s\n", admin->consumers[i], why);
            code = MHD_HTTP_SERVICE_UNAVAILABLE;
        }
    }
    if (code == MHD_HTTP_OK) {
        tr_buf_add_str(out, "ok\n");
    }
    return code;
}

static unsigned answer_metrics(struct tr_admin *admin, struct tr_buf *out)
{
    tr_metrics_print(admin->metrics, out);
    return MHD_HTTP_OK;
}

static unsigned answer_unknown(struct tr_admin *admin, struct tr_buf *out)
{
    (void)admin;
    tr_buf_add_str(out, "there is /livez, /readyz and /metrics\n");
    return MHD_HTTP_NOT_FOUND;
}

static const struct page {
    const char *path;
    answer_fn *answer;
    const char *type;
} pages[] = {
    {"/livez", answer_livez, "text/plain; charset=utf-8"},
    {"/readyz", answer_readyz, "text/plain; charset=utf-8"},
    {"/metrics", answer_metrics, "text/plain; version=0.0.4; charset=utf-8"},
    {NULL, answer_unknown, "text/plain; charset=utf-8"},
};

static const struct page *find_page(const char *path)
{
    const struct page *page;
    for (page = pages; page->path != NULL && strcmp(page->path, path) != 0; page++) {
    }
    return page;
}

/* --- HTTP ------------------------------------------------------------------------------------ */

/* Without memory the connection is closed. */
static enum MHD_Result send_answer(struct MHD_Connection *connection, unsigned code,
                                   const char *type, struct tr_buf *body)
{
    struct MHD_Response *response = NULL;
    enum MHD_Result result = MHD_NO;
    if (!body->failed) {
        response = MHD_create_response_from_buffer(body->len, body->ptr, MHD_RESPMEM_MUST_COPY);
    }
    if (response != NULL) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
        if (code == MHD_HTTP_METHOD_NOT_ALLOWED) {
            (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
        }
        result = MHD_queue_response(connection, code, response);
        MHD_destroy_response(response);
    }
    tr_buf_deinit(body);
    return result;
}

static enum MHD_Result refuse_method(struct MHD_Connection *connection)
{
    struct tr_buf body = {0};
    tr_buf_add_str(&body, "only GET and HEAD\n");
    return send_answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", &body);
}

/* Called at a request's head, for each piece of its body, and at its end. *state counts the bytes
 * of the body, from 1. */
static enum MHD_Result request_cb(void *ctx, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **state)
{
    struct tr_admin *admin = ctx;
    const struct page *page = find_page(path);
    size_t seen = (size_t)(uintptr_t)*state;
    struct tr_buf body = {0};
    unsigned code;

    (void)version;
    (void)data;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        return refuse_method(connection);
    }
    if (seen == 0 || *data_size > 0) {
        seen += *data_size + (seen == 0);
        *data_size = 0;
        *state = (void *)(uintptr_t)seen;
        return seen <= BODY_BYTES_MAX ? MHD_YES : MHD_NO;
    }
    code = page->answer(admin, &body);
    return send_answer(connection, code, page->type, &body);
}

/* --- start and end --------------------------------------------------------------------------- */

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } of;
    socklen_t size;
};

static struct address address_of(const struct tr_listen *listen, bool v6)
{
    struct address address = {.size = v6 ? sizeof address.of.v6 : sizeof address.of.v4};
    if (v6) {
        address.of.v6 =
            (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(listen->port)};
        memcpy(&address.of.v6.sin6_addr, listen->address, sizeof address.of.v6.sin6_addr);
    } else {
        address.of.v4 =
            (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(listen->port)};
        memcpy(&address.of.v4.sin_addr, listen->address, sizeof address.of.v4.sin_addr);
    }
    return address;
}

/* The socket, or -1 with errno. */
static int open_socket(const struct tr_listen *listen_at, bool v6)
{
    struct address address = address_of(listen_at, v6);
    int fd = socket(address.of.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1, v6_only = listen_at->kind == TR_LISTEN_IPV6;

    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (v6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
    }
    if (bind(fd, &address.of.any, address.size) != 0 || listen(fd, BACKLOG) != 0) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* The port that was chosen, in the words of the configuration. */
static void name_url(struct tr_admin *admin, const char *configured)
{
    struct address address = {.size = sizeof address.of};
    struct tr_bytes host = tr_bytes_of(configured);
    unsigned port = 0;

    while (host.len > 0 && host.ptr[host.len - 1] != ':') {
        host.len--;
    }
    host.len -= host.len > 0;
    if (getsockname(admin->listen_fd, &address.of.any, &address.size) == 0) {
        port = ntohs(address.of.any.sa_family == AF_INET6 ? address.of.v6.sin6_port
                                                          : address.of.v4.sin_port);
    }
    if (host.len == 0) {
        host = TR_LIT("0.0.0.0");
    }
    (void)snprintf(admin->url, sizeof admin->url, "http://%.*s:%u", TR_FMT(host), port);
}

static enum tr_status open_listener(struct tr_admin *admin, const char *configured,
                                    struct tr_err *err)
{
    struct tr_listen listen_at;
    char text[128];
    enum tr_status status = tr_listen_parse(tr_bytes_of(configured), &listen_at, err);
    if (status != TR_OK) {
        return tr_wrap(err, status, "admin.listen");
    }
    admin->listen_fd = open_socket(&listen_at, listen_at.kind != TR_LISTEN_IPV4);
    if (admin->listen_fd < 0 && listen_at.kind == TR_LISTEN_ALL && errno == EAFNOSUPPORT) {
        admin->listen_fd = open_socket(&listen_at, false); /* a host without IPv6 */
    }
    if (admin->listen_fd < 0) {
        return tr_fail(err, TR_EIO, "admin.listen: cannot listen on '%s': %s", configured,
                       tr_errno_text(errno, text, sizeof text));
    }
    name_url(admin, configured);
    return TR_OK;
}

/* The library's thread is to take no signal: who waits for them gets them. */
static enum tr_status start_daemon(struct tr_admin *admin, struct tr_err *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    admin->daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, request_cb, admin,
                         MHD_OPTION_LISTEN_SOCKET, admin->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
                         (unsigned)TR_ADMIN_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (admin->daemon == NULL) {
        return tr_fail(err, TR_ELIMIT, "admin.listen: the http server cannot be started");
    }
    admin->listen_fd = -1;
    return TR_OK;
}

enum tr_status tr_admin_start(const struct tr_admin_options *options, struct tr_admin **out,
                              struct tr_err *err)
{
    struct tr_admin *admin = tr_calloc(1, sizeof *admin);
    enum tr_status status = TR_ENOMEM;
    size_t i;

    if (admin == NULL) {
        return TR_ENOMEM;
    }
    admin->listen_fd = -1;
    admin->metrics = options->metrics;
    admin->consumers = options->consumers;
    admin->consumer_count = options->consumer_count;
    pthread_mutex_init(&admin->shared.lock, NULL);
    admin->shared.whys = tr_calloc(options->consumer_count, sizeof *admin->shared.whys);
    if (admin->shared.whys != NULL) {
        for (i = 0; i < options->consumer_count; i++) {
            admin->shared.whys[i] = "it has not begun yet";
        }
        tr_admin_beat(admin, tr_clock_mono());
        status = open_listener(admin, options->listen, err);
    }
    if (status == TR_OK) {
        status = start_daemon(admin, err);
    }
    if (status != TR_OK) {
        tr_admin_free(admin);
        admin = NULL;
    }
    *out = admin;
    return status;
}

void tr_admin_free(struct tr_admin *admin)
{
    if (admin == NULL) {
        return;
    }
    if (admin->daemon != NULL) {
        MHD_stop_daemon(admin->daemon);
    }
    if (admin->listen_fd >= 0) {
        (void)close(admin->listen_fd);
    }
    pthread_mutex_destroy(&admin->shared.lock);
    tr_free(admin->shared.whys);
    tr_free(admin);
}

const char *tr_admin_url(const struct tr_admin *admin)
{
    return admin->url;
}

void tr_admin_beat(struct tr_admin *admin, struct tr_mono now)
{
    atomic_store(&admin->shared.beat_ns, now.ns);
}

void tr_admin_set_ready(struct tr_admin *admin, size_t consumer, const char *why)
{
    pthread_mutex_lock(&admin->shared.lock);
    admin->shared.whys[consumer] = why;
    pthread_mutex_unlock(&admin->shared.lock);
}
