/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP face of the service model, over loopback. Input: what a client sends; at each byte 0xff,
 * which itself is not sent, the client pauses until the server has had what came before and reads
 * what it answers. Then the client closes its half, or (when the input ends in 0xff) goes away.
 * Whatever it was, the server must answer a plain question on another connection. */
#include "base/assert.h"
#include "local/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUESTION "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
#define PAUSE_MS 1
#define END_MS 8 /* a connection that hangs or is delayed is left */
#define ANSWER_MS 30000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *serve(void *server)
{
    struct tr_err err = {{0}};
    TR_ASSERT(tr_local_server_run(server, &err) == TR_OK);
    return NULL;
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    /* Closed by a reset, so that no port is kept waiting after thousands of runs. */
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    TR_ASSERT(fd >= 0);
    TR_ASSERT(connect(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    TR_ASSERT(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0);
    return fd;
}

/* Wait for bytes; the fuzzer's own timer interrupts now and then. */
static bool readable(int fd, int ms)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    int n;
    do {
        n = poll(&poller, 1, ms);
    } while (n < 0 && errno == EINTR);
    return n == 1;
}

/* Read until nothing comes for so long; false at the end of the connection. */
static bool drain(int fd, int ms, char *first, size_t size)
{
    char chunk[16384];
    size_t have = 0;
    while (readable(fd, ms)) {
        ssize_t n = recv(fd, chunk, sizeof chunk, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        if (have < size) {
            size_t take = (size_t)n < size - have ? (size_t)n : size - have;
            memcpy(first + have, chunk, take);
            have += take;
        }
    }
    return true;
}

static void send_all(int fd, struct tr_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            /* It sends answers that nobody reads. */
            if (!drain(fd, PAUSE_MS, NULL, 0)) {
                return;
            }
        } else if (n < 0 && errno != EINTR) {
            return; /* it was refused and closed */
        } else {
            bytes.ptr += n > 0 ? n : 0;
            bytes.len -= n > 0 ? (size_t)n : 0;
        }
    }
}

static void play(int fd, struct tr_bytes input)
{
    bool goes_away = input.len > 0 && (unsigned char)input.ptr[input.len - 1] == 0xff;
    char head[16] = "";
    while (input.ptr != NULL) {
        send_all(fd, tr_bytes_cut(&input, (char)0xff));
        if (input.ptr != NULL && !drain(fd, PAUSE_MS, head, sizeof head - 1)) {
            return;
        }
    }
    if (!goes_away) {
        (void)shutdown(fd, SHUT_WR);
        (void)drain(fd, END_MS, head, sizeof head - 1);
    }
    TR_ASSERT(head[0] == '\0' || memcmp(head, "HTTP/1.", 7) == 0);
}

/* It still serves: what is said is the GET's answer, whatever the input did to the model. */
static void ask(uint16_t port)
{
    char answer[32] = "";
    int fd = connect_to(port);
    send_all(fd, TR_LIT(QUESTION));
    TR_ASSERT(!drain(fd, ANSWER_MS, answer, sizeof answer - 1));
    TR_ASSERT(memcmp(answer, "HTTP/1.1 200", 12) == 0);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tr_local_server_options options = {.model = {.seed = 1}};
    struct tr_local_server *server;
    struct tr_err err = {{0}};
    pthread_t thread;
    int fd;

    TR_ASSERT(tr_local_server_new(&options, &server, &err) == TR_OK);
    TR_ASSERT(pthread_create(&thread, NULL, serve, server) == 0);
    fd = connect_to(tr_local_server_port(server));
    play(fd, (struct tr_bytes){(const char *)data, size});
    close(fd);
    ask(tr_local_server_port(server));
    tr_local_server_stop(server);
    TR_ASSERT(pthread_join(thread, NULL) == 0);
    tr_local_server_free(server);
    return 0;
}
