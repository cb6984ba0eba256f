/* SPDX-License-Identifier: Apache-2.0
 *
 * The service model: how soon it answers, what it holds when empty, what it serves over 16
 * connections, and its item operations without HTTP. With TAILRACE_DYNAMODB_LOCAL=1 the same
 * requests go to DynamoDB Local in the same run (scripts/dynamodb-local), and the ratio is told. */
#include "local/local.h"
#include "tests/bench/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECTIONS 16u
#define PUTS 40000u
#define PAGES 2000u
#define STREAM_RECORDS 5000u
#define IN_PROCESS 200000u
#define ROUNDS 5u
#define ANSWER_MAX (4u << 20)
#define TABLES "DynamoDB_20120810."
#define STREAMS "DynamoDBStreams_20120810."

struct server {
    pid_t pid;
    uint16_t port;
};

struct connection {
    int fd;
    char *answer;
    size_t len;
};

/* --- a client that costs little --- */

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void send_request(struct connection *c, const char *target, const char *body)
{
    static char text[65536];
    int len =
        snprintf(text, sizeof text,
                 "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: %s\r\n"
                 "Content-Type: application/x-amz-json-1.0\r\nAuthorization: AWS4-HMAC-SHA256 "
                 "Credential=local/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders="
                 "host, Signature=00\r\nX-Amz-Date: 20261121T000000Z\r\nContent-Length: %zu"
                 "\r\n\r\n%s",
                 target, strlen(body), body);
    c->len = 0;
    if (send(c->fd, text, (size_t)len, MSG_NOSIGNAL) != len) {
        tr_bench_die("cannot send");
    }
}

/* The body of a complete answer, or NULL. One server tells its length, the other sends chunks,
 * which need no reading here but for their end. */
static const char *body_of(const struct connection *c)
{
    const char *end = memmem(c->answer, c->len, "\r\n\r\n", 4);
    const char *length;
    size_t head;
    if (end == NULL) {
        return NULL;
    }
    head = (size_t)(end + 4 - c->answer);
    length = strcasestr(c->answer, "\nContent-Length:");
    if (length == NULL || length > end) {
        return memcmp(c->answer + c->len - 5, "0\r\n\r\n", 5) == 0 ? end + 4 : NULL;
    }
    return c->len >= head + strtoul(length + 16, NULL, 10) ? end + 4 : NULL;
}

/* Read what is there; the body when the answer is complete. */
static const char *receive(struct connection *c)
{
    ssize_t n = recv(c->fd, c->answer + c->len, ANSWER_MAX - 1 - c->len, 0);
    const char *body;
    if (n <= 0) {
        tr_bench_die("the server closed a connection");
    }
    c->len += (size_t)n;
    c->answer[c->len] = '\0';
    body = body_of(c);
    if (body != NULL && memcmp(c->answer, "HTTP/1.1 200", 12) != 0) {
        fprintf(stderr, "%.600s\n", c->answer);
        tr_bench_die("refused");
    }
    return body;
}

static const char *ask(struct connection *c, const char *target, const char *body)
{
    const char *answer;
    send_request(c, target, body);
    while ((answer = receive(c)) == NULL) {
    }
    return answer;
}

static void open_connections(struct connection *list, uint16_t port)
{
    unsigned i;
    for (i = 0; i < CONNECTIONS; i++) {
        list[i] = (struct connection){.fd = connect_to(port), .answer = malloc(ANSWER_MAX)};
        if (list[i].fd < 0 || list[i].answer == NULL) {
            tr_bench_die("cannot connect");
        }
    }
}

static void close_connections(struct connection *list)
{
    unsigned i;
    for (i = 0; i < CONNECTIONS; i++) {
        close(list[i].fd);
        free(list[i].answer);
    }
}

/* --- what is asked --- */

static void put_body(char *out, size_t size, unsigned number)
{
    (void)snprintf(out, size,
                   "{\"TableName\":\"Bench\",\"Item\":{\"pk\":{\"S\":\"user#%08u\"},\"n\":{\"N\":"
                   "\"%u\"},\"mail\":{\"S\":\"user%u@example.com\"},\"note\":{\"S\":\"%0120u\"},"
                   "\"tags\":{\"SS\":[\"alpha\",\"beta\"]},\"active\":{\"BOOL\":true}}}",
                   number, number, number, number);
}

static void make_table(struct connection *c)
{
    (void)ask(c, TABLES "CreateTable",
              "{\"TableName\":\"Bench\",\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":"
              "\"HASH\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":"
              "\"S\"}],\"BillingMode\":\"PAY_PER_REQUEST\",\"StreamSpecification\":{"
              "\"StreamEnabled\":true,\"StreamViewType\":\"NEW_IMAGE\"}}");
    while (strstr(ask(c, TABLES "DescribeTable", "{\"TableName\":\"Bench\"}"), "\"ACTIVE\"") ==
           NULL) {
    }
}

/* The string behind a member's name. */
static void copy_string(const char *text, const char *name, char *out, size_t size)
{
    const char *at = strstr(text, name);
    if (at == NULL) {
        tr_bench_die("an answer lacks a member");
    }
    at = strchr(at + strlen(name), '"') + 1;
    (void)snprintf(out, size, "%.*s", (int)(strchr(at, '"') - at), at);
}

struct speed {
    double per_s;
    double per_cpu_s; /* a second of the server's CPU */
};

typedef void body_fn(char *out, size_t size, unsigned number);

static char page_request[4096];

static void page_body(char *out, size_t size, unsigned number)
{
    (void)number;
    (void)snprintf(out, size, "%s", page_request);
}

/* So many requests, one under way on each connection. */
static struct speed drive(struct connection *list, pid_t pid, const char *target, body_fn *make,
                          unsigned count)
{
    struct pollfd polls[CONNECTIONS];
    char body[8192];
    double from = tr_bench_now_s(), cpu = tr_bench_cpu_s(pid);
    unsigned sent = 0, done = 0, i;

    for (i = 0; i < CONNECTIONS; i++) {
        polls[i] = (struct pollfd){.fd = list[i].fd, .events = POLLIN};
        make(body, sizeof body, sent++);
        send_request(&list[i], target, body);
    }
    while (done < count) {
        (void)poll(polls, CONNECTIONS, -1);
        for (i = 0; i < CONNECTIONS; i++) {
            if (polls[i].revents == 0 || receive(&list[i]) == NULL) {
                continue;
            }
            done++;
            if (sent < count) {
                make(body, sizeof body, sent++);
                send_request(&list[i], target, body);
            } else {
                polls[i].fd = -1;
            }
        }
    }
    cpu = tr_bench_cpu_s(pid) - cpu;
    return (struct speed){count / (tr_bench_now_s() - from), cpu > 0 ? count / cpu : 0};
}

static unsigned count_records(const char *page)
{
    unsigned count = 0;
    while ((page = strstr(page, "\"eventID\"")) != NULL) {
        page++;
        count++;
    }
    return count;
}

/* The first page of the stream, again and again: how many records it has. */
static unsigned find_page(struct connection *c)
{
    char arn[256], shard[128], iterator[3000], body[4096];
    copy_string(ask(c, TABLES "DescribeTable", "{\"TableName\":\"Bench\"}"), "\"LatestStreamArn\"",
                arn, sizeof arn);
    (void)snprintf(body, sizeof body, "{\"StreamArn\":\"%s\"}", arn);
    copy_string(ask(c, STREAMS "DescribeStream", body), "\"ShardId\"", shard, sizeof shard);
    (void)snprintf(body, sizeof body,
                   "{\"StreamArn\":\"%s\",\"ShardId\":\"%s\",\"ShardIteratorType\":"
                   "\"TRIM_HORIZON\"}",
                   arn, shard);
    copy_string(ask(c, STREAMS "GetShardIterator", body), "\"ShardIterator\"", iterator,
                sizeof iterator);
    (void)snprintf(page_request, sizeof page_request, "{\"ShardIterator\":\"%s\",\"Limit\":1000}",
                   iterator);
    return count_records(ask(c, STREAMS "GetRecords", page_request));
}

static void measure_server(const struct server *server, unsigned pages, struct speed *puts,
                           struct speed *records)
{
    struct connection list[CONNECTIONS];
    unsigned in_page;
    open_connections(list, server->port);
    make_table(&list[0]);
    (void)drive(list, server->pid, TABLES "PutItem", put_body, STREAM_RECORDS); /* warm up */
    *puts = drive(list, server->pid, TABLES "PutItem", put_body, PUTS);
    in_page = find_page(&list[0]);
    *records = drive(list, server->pid, STREAMS "GetRecords", page_body, pages);
    records->per_s *= in_page;
    records->per_cpu_s *= in_page;
    close_connections(list);
}

/* --- starting --- */

static struct server start_model(const char *program)
{
    char endpoint[TR_BENCH_URL_SIZE];
    struct server server = {.pid = tr_bench_model(program, NULL, NULL, endpoint)};
    unsigned port = 0;
    if (sscanf(endpoint, "http://127.0.0.1:%u", &port) != 1) {
        tr_bench_die("tailrace local says no port");
    }
    server.port = (uint16_t)port;
    return server;
}

static void measure_start(const char *program)
{
    double ms[ROUNDS], rss = 0;
    unsigned i;
    for (i = 0; i < ROUNDS; i++) {
        double from = tr_bench_now_s();
        struct server server = start_model(program);
        struct connection c = {.fd = connect_to(server.port), .answer = malloc(ANSWER_MAX)};
        if (c.fd < 0 || c.answer == NULL) {
            tr_bench_die("cannot connect");
        }
        (void)ask(&c, TABLES "ListTables", "{}");
        ms[i] = (tr_bench_now_s() - from) * 1000;
        rss = tr_bench_rss_mb(server.pid);
        close(c.fd);
        free(c.answer);
        (void)tr_bench_stop(server.pid);
    }
    tr_bench_row("start to first answer", tr_bench_median(ms, ROUNDS), "ms", "<= 20");
    tr_bench_row("RSS, empty", rss, "MB", "<= 10");
}

/* --- DynamoDB Local --- */

static bool start_other(struct server *server)
{
    char script[512], port[16];
    const char *argv[] = {script, "--port", port, NULL};
    double until = tr_bench_now_s() + 60;
    int fd = -1;
    if (getenv("TAILRACE_DYNAMODB_LOCAL") == NULL) {
        fprintf(stderr, "bench_model: DynamoDB Local is not measured (TAILRACE_DYNAMODB_LOCAL=1 "
                        "fetches and starts it)\n");
        return false;
    }
    server->port = (uint16_t)(20000 + getpid() % 10000);
    (void)snprintf(script, sizeof script, "%s/scripts/dynamodb-local", TR_SOURCE_DIR);
    (void)snprintf(port, sizeof port, "%u", (unsigned)server->port);
    server->pid = tr_bench_spawn(argv, -1);
    while (fd < 0 && tr_bench_now_s() < until && waitpid(server->pid, NULL, WNOHANG) == 0) {
        (void)usleep(50000);
        fd = connect_to(server->port);
    }
    if (fd < 0) {
        fprintf(stderr, "bench_model: DynamoDB Local cannot be had here\n");
        return false;
    }
    close(fd);
    return true;
}

static void compare(struct speed puts, struct speed records)
{
    struct server other;
    struct speed other_puts, other_records;
    if (!start_other(&other)) {
        return;
    }
    measure_server(&other, PAGES / 10, &other_puts, &other_records);
    (void)tr_bench_stop(other.pid);
    tr_bench_row("DynamoDB Local: PutItem, 16 connections", other_puts.per_s, "writes/s", "");
    tr_bench_row("DynamoDB Local: GetRecords, 16 connections", other_records.per_s, "records/s",
                 "");
    tr_bench_row("DynamoDB Local: PutItem a second of its CPU", other_puts.per_cpu_s, "writes/s",
                 "");
    tr_bench_row("DynamoDB Local: GetRecords a second of its CPU", other_records.per_cpu_s,
                 "records/s", "");
    tr_bench_row("against DynamoDB Local: PutItem a CPU second",
                 puts.per_cpu_s / other_puts.per_cpu_s, "x", ">= 10");
    tr_bench_row("against DynamoDB Local: GetRecords a CPU second",
                 records.per_cpu_s / other_records.per_cpu_s, "x", ">= 10");
}

/* --- without HTTP --- */

struct in_process {
    struct tr_local *local;
    struct tr_local_answer answer;
    struct tr_wall now;
};

static void call(struct in_process *p, const char *target, const char *body)
{
    tr_local_call(p->local, p->now, tr_bytes_of(target), tr_bytes_of(body), &p->answer);
    if (p->answer.http_status != 200) {
        fprintf(stderr, "%s: %.*s\n", target, (int)p->answer.body.len, p->answer.body.ptr);
        tr_bench_die("refused");
    }
}

static void begin(struct in_process *p, bool stream)
{
    struct tr_local_options options = {.seed = 1};
    char body[512];
    *p = (struct in_process){.now = {1795248000000}};
    if (tr_local_new(&options, p->now, &p->local) != TR_OK) {
        tr_bench_die("out of memory");
    }
    (void)snprintf(body, sizeof body,
                   "{\"TableName\":\"Tab\",\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":"
                   "\"HASH\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"pk\","
                   "\"AttributeType\":\"S\"}],\"BillingMode\":\"PAY_PER_REQUEST\"%s}",
                   stream ? ",\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":"
                            "\"NEW_AND_OLD_IMAGES\"}"
                          : "");
    call(p, TABLES "CreateTable", body);
    p->now.ms += 60000;
}

static const char *item_call(unsigned kind, unsigned number, char *body, size_t size)
{
    unsigned key = number % 1000;
    switch (kind) {
    case 0:
        (void)snprintf(body, size, "{\"TableName\":\"Tab\",\"Key\":{\"pk\":{\"S\":\"k%u\"}}}", key);
        return TABLES "GetItem";
    case 1:
        (void)snprintf(body, size,
                       "{\"TableName\":\"Tab\",\"Item\":{\"pk\":{\"S\":\"k%u\"},\"n\":{\"N\":"
                       "\"%u\"},\"s\":{\"S\":\"some text\"}}}",
                       key, number);
        return TABLES "PutItem";
    default:
        (void)snprintf(body, size,
                       "{\"TableName\":\"Tab\",\"Key\":{\"pk\":{\"S\":\"k%u\"}},"
                       "\"UpdateExpression\":\"SET n = :n\",\"ConditionExpression\":\"n <> :n\","
                       "\"ExpressionAttributeValues\":{\":n\":{\"N\":\"%u\"}}}",
                       key, number + 1000000);
        return TABLES "UpdateItem";
    }
}

#define MIX 3u

static void measure_items(const char *what, unsigned kind, bool stream)
{
    struct in_process p;
    char body[512];
    double from;
    unsigned i;
    begin(&p, stream);
    for (i = 0; i < 1000; i++) {
        call(&p, item_call(1, i, body, sizeof body), body);
    }
    from = tr_bench_now_s();
    for (i = 0; i < IN_PROCESS; i++) {
        const char *target = item_call(kind == MIX ? i % MIX : kind, i + 1000, body, sizeof body);
        call(&p, target, body);
    }
    tr_bench_row(what, IN_PROCESS / (tr_bench_now_s() - from), "ops/s", ">= 300000");
    tr_local_answer_deinit(&p.answer);
    tr_local_free(p.local);
}

int main(void)
{
    const char *program = tr_bench_begin("bench_model");
    struct server model;
    struct speed puts, records;

    signal(SIGPIPE, SIG_IGN);
    measure_start(program);
    model = start_model(program);
    measure_server(&model, PAGES, &puts, &records);
    (void)tr_bench_stop(model.pid);
    tr_bench_row("PutItem over 16 connections, a second of its CPU", puts.per_cpu_s, "writes/s",
                 ">= 10000");
    tr_bench_row("GetRecords over 16 connections, a second of its CPU", records.per_cpu_s,
                 "records/s", ">= 200000");
    tr_bench_row("PutItem over 16 connections, wall clock", puts.per_s, "writes/s", "");
    tr_bench_row("GetRecords over 16 connections, wall clock", records.per_s, "records/s", "");
    measure_items("in process: GetItem", 0, false);
    measure_items("in process: PutItem", 1, false);
    measure_items("in process: PutItem, stream with both images", 1, true);
    measure_items("in process: conditional UpdateItem", 2, false);
    measure_items("in process: conditional UpdateItem, stream", 2, true);
    measure_items("in process: a third of each, stream", MIX, true);
    compare(puts, records);
    return 0;
}
