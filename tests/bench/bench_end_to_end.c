/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole processes in one run: the service model is filled, a client that only receives reads the
 * stream with libcurl and drops the bytes, then `tailrace run --once` reads the same stream into
 * /dev/null. Prints CPU a record of both and their ratio, what an idle worker holds in memory, how
 * soon a start sees its first record, and what the service model serves. */
#include "tests/bench/process.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#define RECORDS 100000u
#define BATCH 25u
#define PUTS 20000u
#define ROUNDS 5u

static char endpoint[TR_BENCH_URL_SIZE];
static char folder[] = "/tmp/tailrace-bench-XXXXXX";

struct answer {
    char *ptr;
    size_t len, cap;
    int keep;
};

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct answer *answer = ctx;
    size_t len = size * count;
    /* The last bytes are enough to find the next iterator; the rest is dropped. */
    if (answer->len + len + 1 > answer->cap) {
        answer->cap = (answer->len + len + 1) * 2;
        answer->ptr = realloc(answer->ptr, answer->cap);
        if (answer->ptr == NULL) {
            tr_bench_die("out of memory");
        }
    }
    memcpy(answer->ptr + answer->len, data, len);
    answer->len += len;
    answer->ptr[answer->len] = '\0';
    return len;
}

static void call(CURL *curl, const char *target, const char *body, struct answer *answer)
{
    struct curl_slist *headers = NULL;
    char header[128];
    long status = 0;

    (void)snprintf(header, sizeof header, "X-Amz-Target: %s", target);
    headers = curl_slist_append(headers, header);
    headers = curl_slist_append(headers, "Content-Type: application/x-amz-json-1.0");
    headers = curl_slist_append(
        headers, "Authorization: AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/dynamodb/"
                 "aws4_request, SignedHeaders=host, Signature=00");
    headers = curl_slist_append(headers, "X-Amz-Date: 20261121T000000Z");
    answer->len = 0;
    curl_easy_setopt(curl, CURLOPT_URL, endpoint);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256 * 1024L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (curl_easy_perform(curl) != CURLE_OK) {
        tr_bench_die("no answer");
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        fprintf(stderr, "%s: %ld %s\n", target, status, answer->ptr);
        tr_bench_die("refused");
    }
    curl_slist_free_all(headers);
}

static void create_table(CURL *curl, struct answer *answer, const char *name)
{
    char body[512];
    (void)snprintf(body, sizeof body,
                   "{\"TableName\":\"%s\",\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":"
                   "\"HASH\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"pk\","
                   "\"AttributeType\":\"S\"}],\"BillingMode\":\"PAY_PER_REQUEST\","
                   "\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":"
                   "\"NEW_IMAGE\"}}",
                   name);
    call(curl, "DynamoDB_20120810.CreateTable", body, answer);
    (void)snprintf(body, sizeof body, "{\"TableName\":\"%s\"}", name);
    do {
        call(curl, "DynamoDB_20120810.DescribeTable", body, answer);
    } while (strstr(answer->ptr, "\"ACTIVE\"") == NULL);
}

static int add_item(char *out, size_t size, unsigned number)
{
    /* About 1.05 KB a record on the wire, with nested values and escapes. */
    static const char text[] =
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt "
        "ut labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation.";
    return snprintf(out, size,
                    "{\"pk\":{\"S\":\"user#%08u\"},\"n\":{\"N\":\"%u\"},\"mail\":{\"S\":"
                    "\"user%u@example.com\"},\"note\":{\"S\":\"%s \\\"quoted\\\" %s\"},\"tags\":"
                    "{\"SS\":[\"alpha\",\"beta\",\"gamma\"]},\"address\":{\"M\":{\"street\":{\"S\":"
                    "\"1 High Street\"},\"city\":{\"S\":\"Zürich\"},\"zip\":{\"N\":\"8001\"}}},"
                    "\"active\":{\"BOOL\":true}}",
                    number, number, number, text, text);
}

static void fill(CURL *curl, struct answer *answer)
{
    static char body[65536];
    unsigned number = 0;
    while (number < RECORDS) {
        int len = snprintf(body, sizeof body, "{\"RequestItems\":{\"Bench\":[");
        unsigned i;
        for (i = 0; i < BATCH; i++) {
            len += snprintf(body + len, sizeof body - (size_t)len,
                            "%s{\"PutRequest\":{\"Item\":", i > 0 ? "," : "");
            len += add_item(body + len, sizeof body - (size_t)len, number++);
            len += snprintf(body + len, sizeof body - (size_t)len, "}}");
        }
        (void)snprintf(body + len, sizeof body - (size_t)len, "]}}");
        call(curl, "DynamoDB_20120810.BatchWriteItem", body, answer);
    }
}

static void copy_string(const char *text, const char *name, char *out, size_t size)
{
    const char *at = text != NULL ? strstr(text, name) : NULL;
    size_t len;
    out[0] = '\0';
    if (at == NULL) {
        return;
    }
    at = strchr(at + strlen(name), '"') + 1;
    len = (size_t)(strchr(at, '"') - at);
    if (len < size) {
        memcpy(out, at, len);
        out[len] = '\0';
    }
}

/* Receive the whole stream and drop it; runs in a child of its own. */
static void receive(void)
{
    CURL *curl = curl_easy_init();
    struct answer answer = {0};
    char arn[256], shard[128], iterator[2200], body[2600];
    unsigned empty = 0;

    call(curl, "DynamoDB_20120810.DescribeTable", "{\"TableName\":\"Bench\"}", &answer);
    copy_string(answer.ptr, "\"LatestStreamArn\"", arn, sizeof arn);
    (void)snprintf(body, sizeof body, "{\"StreamArn\":\"%s\"}", arn);
    call(curl, "DynamoDBStreams_20120810.DescribeStream", body, &answer);
    copy_string(answer.ptr, "\"ShardId\"", shard, sizeof shard);
    (void)snprintf(body, sizeof body,
                   "{\"StreamArn\":\"%s\",\"ShardId\":\"%s\",\"ShardIteratorType\":"
                   "\"TRIM_HORIZON\"}",
                   arn, shard);
    call(curl, "DynamoDBStreams_20120810.GetShardIterator", body, &answer);
    copy_string(answer.ptr, "\"ShardIterator\"", iterator, sizeof iterator);
    while (empty < 5 && iterator[0] != '\0') {
        const char *end;
        (void)snprintf(body, sizeof body, "{\"ShardIterator\":\"%s\",\"Limit\":1000}", iterator);
        call(curl, "DynamoDBStreams_20120810.GetRecords", body, &answer);
        end = answer.len > 4096 ? answer.ptr + answer.len - 4096 : answer.ptr;
        empty = answer.len > 4096 ? 0 : empty + 1;
        if (strstr(end, "\"NextShardIterator\"") == NULL) {
            end = answer.ptr; /* it came first */
        }
        copy_string(end, "\"NextShardIterator\"", iterator, sizeof iterator);
    }
    _exit(0);
}

static double measure_receive(double *wall)
{
    double from = tr_bench_now_s(), cpu;
    pid_t pid = fork();
    int code;
    if (pid == 0) {
        receive();
    }
    cpu = tr_bench_finish(pid, &code);
    *wall = tr_bench_now_s() - from;
    return code == 0 ? cpu : 0;
}

static void write_config(const char *path, const char *app, const char *output)
{
    FILE *f = fopen(path, "w");
    if (f == NULL) {
        tr_bench_die("cannot write a configuration");
    }
    fprintf(f,
            "aws: {region: us-east-1, endpoint: '%s'}\nworker: {threads: 1}\nconsumers:\n  %s:\n"
            "    stream: {table: Bench}\n    processor: {file: {path: '%s'}}\n",
            endpoint, app, output);
    fclose(f);
}

static double measure_run(const char *program, unsigned round)
{
    char path[128], app[32];
    const char *argv[] = {program, "run", "--once", path, NULL};
    int code;
    double cpu;
    (void)snprintf(path, sizeof path, "%s/run.yaml", folder);
    (void)snprintf(app, sizeof app, "bench-%u", round); /* a lease table of its own */
    write_config(path, app, "/dev/null");
    cpu = tr_bench_finish(tr_bench_spawn(argv, -1), &code);
    if (code != 0) {
        tr_bench_die("tailrace run --once failed");
    }
    return cpu;
}

/* The shard is at its tip; some polls later. */
static double idle_rss(pid_t pid)
{
    double until = tr_bench_now_s() + 5;
    while (tr_bench_now_s() < until) {
        (void)usleep(100000);
    }
    return tr_bench_rss_mb(pid);
}

/* Start with an existing lease table until the first line stands in the file; then let it idle. */
static void measure_start_and_idle(const char *program)
{
    char path[128], output[128];
    const char *argv[] = {program, "run", path, NULL};
    double first[ROUNDS], rss = 0;
    unsigned i;

    (void)snprintf(path, sizeof path, "%s/start.yaml", folder);
    (void)snprintf(output, sizeof output, "%s/start.jsonl", folder);
    for (i = 0; i < ROUNDS; i++) {
        char app[32];
        double from, until;
        pid_t pid;
        int fd = -1;
        char byte;

        (void)snprintf(app, sizeof app, "bench-%u", i); /* its lease table exists: it was read */
        write_config(path, app, output);
        (void)unlink(output);
        {
            /* one more record, so that there is a first one */
            CURL *curl = curl_easy_init();
            struct answer answer = {0};
            static char body[4096];
            int len = snprintf(body, sizeof body, "{\"TableName\":\"Bench\",\"Item\":");
            len += add_item(body + len, sizeof body - (size_t)len, RECORDS + i);
            (void)snprintf(body + len, sizeof body - (size_t)len, "}");
            call(curl, "DynamoDB_20120810.PutItem", body, &answer);
            curl_easy_cleanup(curl);
            free(answer.ptr);
        }
        from = tr_bench_now_s();
        pid = tr_bench_spawn(argv, -1);
        until = from + 20;
        do {
            if (fd < 0) {
                fd = open(output, O_RDONLY | O_CLOEXEC);
            }
        } while ((fd < 0 || read(fd, &byte, 1) != 1) && tr_bench_now_s() < until);
        first[i] = (tr_bench_now_s() - from) * 1000;
        close(fd);
        if (i == ROUNDS - 1) {
            rss = idle_rss(pid);
        }
        (void)tr_bench_stop(pid);
    }
    tr_bench_row("start to first record", tr_bench_median(first, ROUNDS), "ms", "<= 150");
    tr_bench_row("RSS of an idle worker, HTTP", rss, "MB", "<= 12");
}

static void measure_puts(CURL *curl, struct answer *answer, pid_t model)
{
    static char body[4096];
    double from, cpu = tr_bench_cpu_s(model);
    unsigned i;
    create_table(curl, answer, "Puts");
    from = tr_bench_now_s();
    for (i = 0; i < PUTS; i++) {
        int len = snprintf(body, sizeof body, "{\"TableName\":\"Puts\",\"Item\":");
        len += add_item(body + len, sizeof body - (size_t)len, i);
        (void)snprintf(body + len, sizeof body - (size_t)len, "}");
        call(curl, "DynamoDB_20120810.PutItem", body, answer);
    }
    tr_bench_row("service model: PutItem over one connection", PUTS / (tr_bench_now_s() - from),
                 "writes/s", ">= 5000");
    tr_bench_row("service model: PutItem a second of its CPU", PUTS / (tr_bench_cpu_s(model) - cpu),
                 "writes/s", "");
}

/* The same over TLS, with a certificate made for the purpose. */
static void measure_idle_tls(const char *program)
{
    char command[512], certificate[128], key[128], path[128];
    const char *make[] = {"/bin/sh", "-c", command, NULL};
    const char *run[] = {program, "run", path, NULL};
    const char *feed[] = {program, "feed", "Bench", "--create", "--count", "10", NULL};
    pid_t model, worker;
    int code;

    (void)snprintf(certificate, sizeof certificate, "--tls-cert=%s/cert.pem", folder);
    (void)snprintf(key, sizeof key, "--tls-key=%s/key.pem", folder);
    (void)snprintf(path, sizeof path, "%s/tls.yaml", folder);
    (void)snprintf(command, sizeof command,
                   "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext "
                   "subjectAltName=IP:127.0.0.1 -keyout %s/key.pem -out %s/cert.pem",
                   folder, folder);
    (void)tr_bench_finish(tr_bench_spawn(make, -1), &code);
    if (code != 0) {
        fprintf(stderr, "bench_end_to_end: no openssl, so nothing is measured over TLS\n");
        return;
    }
    model = tr_bench_model(program, certificate, key, endpoint);
    (void)snprintf(command, sizeof command, "%s/cert.pem", folder);
    (void)setenv("AWS_CA_BUNDLE", command, 1);
    (void)setenv("AWS_ENDPOINT_URL", endpoint, 1);
    (void)setenv("AWS_REGION", "us-east-1", 1);
    (void)tr_bench_finish(tr_bench_spawn(feed, -1), &code);
    write_config(path, "bench-tls", "/dev/null");
    worker = tr_bench_spawn(run, -1);
    tr_bench_row("RSS of an idle worker, TLS", idle_rss(worker), "MB", "<= 15");
    (void)tr_bench_stop(worker);
    (void)tr_bench_stop(model);
}

int main(void)
{
    const char *program = tr_bench_begin("bench_end_to_end");
    double receive_cpu[ROUNDS], run_cpu[ROUNDS], ratio[ROUNDS], wall, served = 0, model_cpu;
    struct answer answer = {0};
    CURL *curl;
    pid_t model;
    unsigned i;

    if (mkdtemp(folder) == NULL) {
        tr_bench_die("no folder for files");
    }
    signal(SIGPIPE, SIG_IGN);
    curl_global_init(CURL_GLOBAL_ALL);
    model = tr_bench_model(program, NULL, NULL, endpoint);
    curl = curl_easy_init();
    create_table(curl, &answer, "Bench");
    fill(curl, &answer);
    for (i = 0; i < ROUNDS; i++) {
        model_cpu = tr_bench_cpu_s(model);
        receive_cpu[i] = measure_receive(&wall);
        served += RECORDS / (tr_bench_cpu_s(model) - model_cpu) / ROUNDS;
        run_cpu[i] = measure_run(program, i);
        ratio[i] = run_cpu[i] / receive_cpu[i];
    }
    tr_bench_row("receive only: CPU a record", tr_bench_median(receive_cpu, ROUNDS) / RECORDS * 1e6,
                 "us", "");
    tr_bench_row("run --once: CPU a record", tr_bench_median(run_cpu, ROUNDS) / RECORDS * 1e6, "us",
                 "");
    tr_bench_row("run --once against receive only", tr_bench_median(ratio, ROUNDS), "x", "<= 8");
    tr_bench_row("service model: GetRecords a second of its CPU", served, "records/s", ">= 100000");
    measure_puts(curl, &answer, model);
    measure_start_and_idle(program);
    (void)tr_bench_stop(model);
    measure_idle_tls(program);
    curl_easy_cleanup(curl);
    free(answer.ptr);
    return 0;
}
