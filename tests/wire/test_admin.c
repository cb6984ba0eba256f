/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin port over real sockets on loopback, answered by its own thread. */
#include "base/clock.h"
#include "tests/support/test.h"
#include "worker/admin.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define WAIT_S 20

static const char *const names[] = {"orders", "users"};

struct fixture {
    struct tr_metrics *metrics;
    struct tr_admin *admin;
    char answer[65536];
};

static struct tr_admin_options options_for(const struct fixture *f, const char *listen)
{
    return (struct tr_admin_options){
        .listen = listen, .metrics = f->metrics, .consumers = names, .consumer_count = 2};
}

static int set_up(void **state)
{
    static struct fixture f;
    struct tr_admin_options options;
    struct tr_err err = {{0}};
    f = (struct fixture){0};
    assert_int_equal(tr_metrics_new(names, 2, &f.metrics), TR_OK);
    options = options_for(&f, "127.0.0.1:0");
    tr_assert_status(tr_admin_start(&options, &f.admin, &err), TR_OK, &err);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    tr_admin_free(f->admin);
    tr_metrics_free(f->metrics);
    return 0;
}

static uint16_t port_of(const struct tr_admin *admin)
{
    const char *colon = strrchr(tr_admin_url(admin), ':');
    return (uint16_t)strtoul(colon + 1, NULL, 10);
}

static int dial(const struct tr_admin *admin)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port_of(admin)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval wait = {.tv_sec = WAIT_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* All until the server closes. */
static const char *hear(struct fixture *f, int fd)
{
    size_t len = 0;
    ssize_t got;
    while (len + 1 < sizeof f->answer &&
           (got = recv(fd, f->answer + len, sizeof f->answer - 1 - len, 0)) > 0) {
        len += (size_t)got;
    }
    f->answer[len] = '\0';
    close(fd);
    return f->answer;
}

static const char *ask(struct fixture *f, const char *method, const char *path)
{
    char request[512];
    int fd = dial(f->admin);
    (void)snprintf(request, sizeof request,
                   "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", method, path);
    say(fd, request);
    return hear(f, fd);
}

static const char *body_of(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

static void test_livez__is_well_while_the_loop_goes_round_and_says_when_it_does_not(void **state)
{
    struct fixture *f = *state;
    struct tr_mono now = tr_clock_mono();
    tr_assert_has(ask(f, "GET", "/livez"), "HTTP/1.1 200 ");
    assert_string_equal(body_of(f->answer), "ok\n");
    tr_admin_beat(f->admin, (struct tr_mono){now.ns - (uint64_t)TR_ADMIN_STUCK_MS * TR_NS_PER_MS});
    tr_assert_has(ask(f, "GET", "/livez"), "HTTP/1.1 503 ");
    assert_string_equal(body_of(f->answer), "the loop has not been round for 30 s\n");
    tr_admin_beat(f->admin, tr_clock_mono());
    tr_assert_has(ask(f, "GET", "/livez"), "HTTP/1.1 200 ");
}

static void test_readyz__names_each_consumer_that_is_not_ready_and_why(void **state)
{
    struct fixture *f = *state;
    tr_assert_has(ask(f, "GET", "/readyz"), "HTTP/1.1 503 ");
    assert_string_equal(body_of(f->answer), "consumer 'orders': it has not begun yet\n"
                                            "consumer 'users': it has not begun yet\n");
    tr_admin_set_ready(f->admin, 0, NULL);
    tr_admin_set_ready(f->admin, 1, "its stream is not found yet");
    tr_assert_has(ask(f, "GET", "/readyz"), "HTTP/1.1 503 ");
    assert_string_equal(body_of(f->answer), "consumer 'users': its stream is not found yet\n");
    tr_admin_set_ready(f->admin, 1, NULL);
    tr_assert_has(ask(f, "GET", "/readyz"), "HTTP/1.1 200 ");
    assert_string_equal(body_of(f->answer), "ok\n");
    tr_admin_set_ready(f->admin, 0, "it stops");
    tr_assert_has(ask(f, "GET", "/readyz"), "HTTP/1.1 503 ");
}

static void test_metrics__come_as_prometheus_text_with_their_present_values(void **state)
{
    struct fixture *f = *state;
    tr_metrics_set(f->metrics, 1, TR_METRIC_LEASES_HELD, 0, 3);
    tr_assert_has(ask(f, "GET", "/metrics"), "HTTP/1.1 200 ");
    tr_assert_has(f->answer, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    tr_assert_has(f->answer, "\ntailrace_leases_held{consumer=\"users\"} 3\n");
    assert_null(strstr(f->answer, "\ntailrace_leases_held{consumer=\"orders\"}"));
    tr_metrics_set(f->metrics, 1, TR_METRIC_LEASES_HELD, 0, 2);
    tr_assert_has(ask(f, "GET", "/metrics?x=y"), "\ntailrace_leases_held{consumer=\"users\"} 2\n");
}

static void test_head__answers_as_get_without_the_body(void **state)
{
    struct fixture *f = *state;
    tr_assert_has(ask(f, "HEAD", "/livez"), "HTTP/1.1 200 ");
    tr_assert_has(f->answer, "\r\nContent-Length: 3\r\n");
    assert_string_equal(body_of(f->answer), "");
}

static void test_other_paths_and_methods__are_refused(void **state)
{
    static const char *const paths[] = {"/", "/livez/", "/metrics/x", "/LIVEZ", "/../livez", "*"};
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"};
    struct fixture *f = *state;
    size_t i;
    for (i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        tr_assert_has(ask(f, "GET", paths[i]), "HTTP/1.1 404 ");
        assert_string_equal(body_of(f->answer), "there is /livez, /readyz and /metrics\n");
    }
    for (i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        tr_assert_has(ask(f, methods[i], "/livez"), "HTTP/1.1 405 ");
        tr_assert_has(f->answer, "\r\nAllow: GET, HEAD\r\n");
    }
}

static void test_requests__one_byte_at_a_time_and_several_on_a_connection(void **state)
{
    static const char text[] = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
                               "GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
                               "GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    struct fixture *f = *state;
    int fd = dial(f->admin);
    const char *second;
    size_t i;
    for (i = 0; i < sizeof text - 1; i++) {
        say(fd, (const char[]){text[i], '\0'});
    }
    tr_assert_has(hear(f, fd), "HTTP/1.1 200 ");
    second = strstr(f->answer + 8, "HTTP/1.1 200 ");
    assert_non_null(second);
    tr_assert_has(second + 8, "HTTP/1.1 404 ");
}

static void test_requests__that_are_malformed_or_too_large_are_refused(void **state)
{
    static char big[BUFSIZ * 16];
    struct fixture *f = *state;
    int fd = dial(f->admin);
    size_t i;
    say(fd, "\x16\x03\x01 hello\r\n\r\n");
    assert_null(strstr(hear(f, fd), " 200 "));
    fd = dial(f->admin);
    memset(big, 'a', sizeof big - 1);
    (void)send(fd, "GET /", 5, MSG_NOSIGNAL);
    (void)send(fd, big, sizeof big - 1, MSG_NOSIGNAL);
    assert_null(strstr(hear(f, fd), " 200 "));
    fd = dial(f->admin);
    say(fd, "GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    for (i = 0; i < 16 && send(fd, big, sizeof big - 1, MSG_NOSIGNAL) > 0; i++) {
    }
    assert_null(strstr(hear(f, fd), " 200 "));
    tr_assert_has(ask(f, "GET", "/livez"), "HTTP/1.1 200 ");
}

static void test_connections__above_the_limit_wait_and_the_port_goes_on(void **state)
{
    struct fixture *f = *state;
    int fds[TR_ADMIN_CONNECTIONS_MAX + 20];
    size_t count = sizeof fds / sizeof fds[0], i;
    for (i = 0; i < count; i++) {
        fds[i] = dial(f->admin);
        say(fds[i], "GET /livez HTT");
    }
    for (i = 0; i < count; i++) {
        close(fds[i]);
    }
    tr_assert_has(ask(f, "GET", "/livez"), "HTTP/1.1 200 ");
}

static void test_start__says_which_address_cannot_be_had(void **state)
{
    struct fixture *f = *state;
    struct tr_admin_options options;
    struct tr_admin *second = NULL;
    struct tr_err err = {{0}};
    char listen[64];
    (void)snprintf(listen, sizeof listen, "127.0.0.1:%u", (unsigned)port_of(f->admin));
    options = options_for(f, listen);
    assert_int_equal(tr_admin_start(&options, &second, &err), TR_EIO);
    tr_assert_has(err.text, "admin.listen: cannot listen on '127.0.0.1:");
    tr_assert_has(err.text, "Address already in use");
    assert_null(second);
    options.listen = "nowhere:1";
    assert_int_equal(tr_admin_start(&options, &second, &err), TR_ECONFIG);
    tr_assert_has(err.text, "admin.listen: 'nowhere:1': 'nowhere' is not");
}

static void test_start__on_all_addresses_is_reached_over_loopback(void **state)
{
    struct fixture *f = *state;
    struct tr_admin_options options = options_for(f, ":0");
    struct tr_admin *all = NULL;
    struct fixture second = {0};
    struct tr_err err = {{0}};
    tr_assert_status(tr_admin_start(&options, &all, &err), TR_OK, &err);
    second.admin = all;
    tr_assert_has(ask(&second, "GET", "/livez"), "HTTP/1.1 200 ");
    tr_admin_free(all);
}

static void test_start__on_ipv6_where_the_host_has_it(void **state)
{
    struct fixture *f = *state;
    struct tr_admin_options options = options_for(f, "[::1]:0");
    struct tr_admin *admin = NULL;
    struct tr_err err = {{0}};
    enum tr_status status = tr_admin_start(&options, &admin, &err);
    if (status == TR_OK) {
        struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                       .sin6_port = htons(port_of(admin)),
                                       .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
        say(fd, "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        tr_assert_has(hear(f, fd), "HTTP/1.1 200 ");
        tr_assert_has(tr_admin_url(admin), "http://[::1]:");
        tr_admin_free(admin);
    } else {
        tr_assert_has(err.text, "admin.listen: cannot listen on '[::1]:0': ");
    }
}

int main(void)
{
#define WITH_ADMIN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_ADMIN(test_livez__is_well_while_the_loop_goes_round_and_says_when_it_does_not),
        WITH_ADMIN(test_readyz__names_each_consumer_that_is_not_ready_and_why),
        WITH_ADMIN(test_metrics__come_as_prometheus_text_with_their_present_values),
        WITH_ADMIN(test_head__answers_as_get_without_the_body),
        WITH_ADMIN(test_other_paths_and_methods__are_refused),
        WITH_ADMIN(test_requests__one_byte_at_a_time_and_several_on_a_connection),
        WITH_ADMIN(test_requests__that_are_malformed_or_too_large_are_refused),
        WITH_ADMIN(test_connections__above_the_limit_wait_and_the_port_goes_on),
        WITH_ADMIN(test_start__says_which_address_cannot_be_had),
        WITH_ADMIN(test_start__on_all_addresses_is_reached_over_loopback),
        WITH_ADMIN(test_start__on_ipv6_where_the_host_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
