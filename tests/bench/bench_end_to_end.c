/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole processes in one run: the service model is filled, a client that only receives reads the
 * stream with libcurl and drops the bytes, then `tailrace run --once` reads the same stream into
 * /dev/null. Prints CPU a record of both and their ratio, what an idle worker holds in memory, how
 * soon a start sees its first record, and what the service model serves. */
#include "base/clock.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECORDS 100000u
#define BATCH 25u
#define PUTS 20000u
#define ROUNDS 5u

extern char **environ;

static char endpoint[64];
static char folder[] = "/tmp/tailrace-bench-XXXXXX";

static void die(const char *what)
{
    fprintf(stderr, "bench_end_to_end: %s\n", what);
    exit(1);
}

static void row(const char *what, double number, const char *unit, const char *limit)
{
    printf("%s\t%.3g\t%s\t%s\n", what, number, unit, limit);
    fflush(stdout);
}

static double now_s(void)
{
    return (double)tr_clock_mono().ns / 1e9;
}

static pid_t spawn(const char *const *argv, int out)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    posix_spawn_file_actions_init(&actions);
    if (out >= 0) {
        posix_spawn_file_actions_adddup2(&actions, out, 1);
    }
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    /* posix_spawn does not change its arguments; its type is older than const. */
    if (posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ) != 0) {
        die("cannot start a process");
    }
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* CPU seconds and peak RSS (MB) of a finished child. */
static double finish(pid_t pid, int *code)
{
    struct rusage usage;
    int status;
    if (wait4(pid, &status, 0, &usage) != pid) {
        die("wait4");
    }
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double cpu_of(pid_t pid)
{
    char path[64], line[1024];
    unsigned long user = 0, system_time = 0;
    FILE *f;
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    f = fopen(path, "r");
    if (f == NULL || fgets(line, sizeof line, f) == NULL) {
        die("cannot read /proc");
    }
    fclose(f);
    if (sscanf(strrchr(line, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
               &system_time) != 2) {
        die("cannot read /proc");
    }
    return (double)(user + system_time) / (double)sysconf(_SC_CLK_TCK);
}

static double rss_mb(pid_t pid)
{
    char path[64], line[256];
    unsigned long kb = 0;
    FILE *f;
    (void)snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    f = fopen(path, "r");
    if (f == NULL) {
        die("cannot read /proc");
    }
    while (fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kb = strtoul(line + 6, NULL, 10);
        }
    }
    fclose(f);
    return (double)kb / 1024;
}

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
            die("out of memory");
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
        die("no answer");
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        fprintf(stderr, "%s: %ld %s\n", target, status, answer->ptr);
        die("refused");
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
    double from = now_s(), cpu;
    pid_t pid = fork();
    int code;
    if (pid == 0) {
        receive();
    }
    cpu = finish(pid, &code);
    *wall = now_s() - from;
    return code == 0 ? cpu : 0;
}

static void write_config(const char *path, const char *app, const char *output)
{
    FILE *f = fopen(path, "w");
    if (f == NULL) {
        die("cannot write a configuration");
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
    cpu = finish(spawn(argv, -1), &code);
    if (code != 0) {
        die("tailrace run --once failed");
    }
    return cpu;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *numbers)
{
    qsort(numbers, ROUNDS, sizeof *numbers, by_size);
    return numbers[ROUNDS / 2];
}

/* The shard is at its tip; some polls later. */
static double idle_rss(pid_t pid)
{
    double until = now_s() + 5;
    while (now_s() < until) {
        (void)usleep(100000);
    }
    return rss_mb(pid);
}

/* Start with an existing lease table until the first line stands in the file; then let it idle. */
static void measure_start_and_idle(const char *program)
{
    char path[128], output[128];
    const char *argv[] = {program, "run", path, NULL};
    double first[ROUNDS], rss = 0;
    unsigned i;
    int code;

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
        from = now_s();
        pid = spawn(argv, -1);
        until = from + 20;
        do {
            if (fd < 0) {
                fd = open(output, O_RDONLY | O_CLOEXEC);
            }
        } while ((fd < 0 || read(fd, &byte, 1) != 1) && now_s() < until);
        first[i] = (now_s() - from) * 1000;
        close(fd);
        if (i == ROUNDS - 1) {
            rss = idle_rss(pid);
        }
        kill(pid, SIGTERM);
        (void)finish(pid, &code);
    }
    row("start to first record", median(first), "ms", "<= 150");
    row("RSS of an idle worker, HTTP", rss, "MB", "<= 12");
}

/* With a certificate (and its key): over TLS. */
static pid_t start_model(const char *program, const char *certificate, const char *key)
{
    const char *argv[] = {program, "local", "--port", "0", certificate, key, NULL};
    int pipe_fds[2];
    char line[128] = "";
    FILE *out;
    pid_t pid;
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        die("pipe");
    }
    pid = spawn(argv, pipe_fds[1]);
    close(pipe_fds[1]);
    out = fdopen(pipe_fds[0], "r");
    if (out == NULL || fgets(line, sizeof line, out) == NULL ||
        sscanf(line, "listening on %63s", endpoint) != 1) {
        die("tailrace local did not start");
    }
    return pid;
}

static void measure_puts(CURL *curl, struct answer *answer, pid_t model)
{
    static char body[4096];
    double from, cpu = cpu_of(model);
    unsigned i;
    create_table(curl, answer, "Puts");
    from = now_s();
    for (i = 0; i < PUTS; i++) {
        int len = snprintf(body, sizeof body, "{\"TableName\":\"Puts\",\"Item\":");
        len += add_item(body + len, sizeof body - (size_t)len, i);
        (void)snprintf(body + len, sizeof body - (size_t)len, "}");
        call(curl, "DynamoDB_20120810.PutItem", body, answer);
    }
    row("service model: PutItem over one connection", PUTS / (now_s() - from), "writes/s",
        ">= 5000");
    row("service model: PutItem a second of its CPU", PUTS / (cpu_of(model) - cpu), "writes/s", "");
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
    (void)finish(spawn(make, -1), &code);
    if (code != 0) {
        fprintf(stderr, "bench_end_to_end: no openssl, so nothing is measured over TLS\n");
        return;
    }
    model = start_model(program, certificate, key);
    (void)snprintf(command, sizeof command, "%s/cert.pem", folder);
    (void)setenv("AWS_CA_BUNDLE", command, 1);
    (void)setenv("AWS_ENDPOINT_URL", endpoint, 1);
    (void)setenv("AWS_REGION", "us-east-1", 1);
    (void)finish(spawn(feed, -1), &code);
    write_config(path, "bench-tls", "/dev/null");
    worker = spawn(run, -1);
    row("RSS of an idle worker, TLS", idle_rss(worker), "MB", "<= 15");
    kill(worker, SIGTERM);
    (void)finish(worker, &code);
    kill(model, SIGTERM);
    (void)finish(model, &code);
}

int main(void)
{
    const char *program = getenv("TAILRACE");
    double receive_cpu[ROUNDS], run_cpu[ROUNDS], ratio[ROUNDS], wall, served = 0, model_cpu;
    struct answer answer = {0};
    CURL *curl;
    pid_t model;
    int code;
    unsigned i;

    if (program == NULL || mkdtemp(folder) == NULL) {
        die("TAILRACE is not set, or no folder for files");
    }
    signal(SIGPIPE, SIG_IGN);
    curl_global_init(CURL_GLOBAL_ALL);
    model = start_model(program, NULL, NULL);
    curl = curl_easy_init();
    create_table(curl, &answer, "Bench");
    fill(curl, &answer);
    for (i = 0; i < ROUNDS; i++) {
        model_cpu = cpu_of(model);
        receive_cpu[i] = measure_receive(&wall);
        served += RECORDS / (cpu_of(model) - model_cpu) / ROUNDS;
        run_cpu[i] = measure_run(program, i);
        ratio[i] = run_cpu[i] / receive_cpu[i];
    }
    row("receive only: CPU a record", median(receive_cpu) / RECORDS * 1e6, "us", "");
    row("run --once: CPU a record", median(run_cpu) / RECORDS * 1e6, "us", "");
    row("run --once against receive only", median(ratio), "x", "<= 8");
    row("service model: GetRecords a second of its CPU", served, "records/s", ">= 100000");
    measure_puts(curl, &answer, model);
    measure_start_and_idle(program);
    kill(model, SIGTERM);
    (void)finish(model, &code);
    measure_idle_tls(program);
    curl_easy_cleanup(curl);
    free(answer.ptr);
    return 0;
}
