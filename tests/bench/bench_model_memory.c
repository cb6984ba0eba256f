/* SPDX-License-Identifier: Apache-2.0
 *
 * How soon the service model answers, and what it holds in memory: empty, and with a million items
 * of 1 KB in a table without a stream. It writes for a minute at the most; what a million needs is
 * then reckoned from what was written. */
#include "base/clock.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#define ITEMS 1000000u
#define BATCH 25u
#define ITEM_BYTES 1024u
#define KEY_BYTES 8u
#define SECONDS_MAX 50.0
#define STARTS 11u

extern char **environ;

static char endpoint[64];

static void die(const char *what)
{
    fprintf(stderr, "bench_model_memory: %s\n", what);
    exit(1);
}

static void row(const char *what, double number, const char *unit, const char *limit)
{
    printf("%s\t%.4g\t%s\t%s\n", what, number, unit, limit);
    fflush(stdout);
}

static double now_s(void)
{
    return (double)tr_clock_mono().ns / 1e9;
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

static pid_t start_model(const char *program)
{
    const char *argv[] = {program, "local", "--port", "0", NULL};
    posix_spawn_file_actions_t actions;
    int fds[2];
    FILE *out;
    pid_t pid;
    if (pipe2(fds, O_CLOEXEC) != 0) {
        die("pipe");
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    /* posix_spawn does not change its arguments; its type is older than const. */
    if (posix_spawn(&pid, program, &actions, NULL, (char *const *)(uintptr_t)argv, environ) != 0) {
        die("cannot start tailrace local");
    }
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    out = fdopen(fds[0], "r");
    if (out == NULL || fscanf(out, "listening on %63s", endpoint) != 1) {
        die("tailrace local did not start");
    }
    fclose(out);
    return pid;
}

static void stop_model(pid_t pid)
{
    int status;
    kill(pid, SIGTERM);
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        die("tailrace local did not end well");
    }
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    (void)data;
    (void)ctx;
    return size * count;
}

static CURL *connection(const char *target)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = NULL;
    char header[128];

    (void)snprintf(header, sizeof header, "X-Amz-Target: DynamoDB_20120810.%s", target);
    headers = curl_slist_append(headers, header);
    headers = curl_slist_append(headers, "Content-Type: application/x-amz-json-1.0");
    headers = curl_slist_append(headers, "Expect:");
    headers = curl_slist_append(
        headers, "Authorization: AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/dynamodb/"
                 "aws4_request, SignedHeaders=host, Signature=00");
    headers = curl_slist_append(headers, "X-Amz-Date: 20261121T000000Z");
    curl_easy_setopt(curl, CURLOPT_URL, endpoint);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    return curl;
}

static void call(CURL *curl, const char *body, size_t len)
{
    long status = 0;
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)len);
    if (curl_easy_perform(curl) != CURLE_OK) {
        die("no answer");
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        die("refused");
    }
}

static void create_table(void)
{
    static const char body[] =
        "{\"TableName\":\"Items\",\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}],"
        "\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}],"
        "\"BillingMode\":\"PAY_PER_REQUEST\"}";
    CURL *curl = connection("CreateTable");
    call(curl, body, sizeof body - 1);
    curl_easy_cleanup(curl);
    (void)usleep(500000); /* it becomes ACTIVE */
}

/* Items of ITEM_BYTES by the service's rules: two names of two bytes, the key, a text. */
static size_t batch_body(char *out, size_t size, unsigned number)
{
    size_t len = (size_t)snprintf(out, size, "{\"RequestItems\":{\"Items\":[");
    unsigned i;
    for (i = 0; i < BATCH; i++) {
        len += (size_t)snprintf(
            out + len, size - len,
            "%s{\"PutRequest\":{\"Item\":{\"pk\":{\"S\":\"%0*u\"},\"tx\":{\"S\":\"%0*u\"}}}}",
            i > 0 ? "," : "", (int)KEY_BYTES, number + i, (int)(ITEM_BYTES - KEY_BYTES - 4),
            number + i);
    }
    return len + (size_t)snprintf(out + len, size - len, "]}}");
}

static unsigned fill(double *seconds)
{
    static char body[65536];
    CURL *curl = connection("BatchWriteItem");
    double from = now_s();
    unsigned number = 0;
    while (number < ITEMS && now_s() - from < SECONDS_MAX) {
        call(curl, body, batch_body(body, sizeof body, number));
        number += BATCH;
    }
    *seconds = now_s() - from;
    curl_easy_cleanup(curl);
    return number;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* From the start of the process to the end of its first answer. */
static void measure_start(const char *program)
{
    double times[STARTS];
    unsigned i;
    for (i = 0; i < STARTS; i++) {
        double from = now_s();
        pid_t pid = start_model(program);
        CURL *curl = connection("ListTables");
        call(curl, "{}", 2);
        times[i] = (now_s() - from) * 1000;
        curl_easy_cleanup(curl);
        stop_model(pid);
    }
    qsort(times, STARTS, sizeof *times, by_size);
    row("service model: start to first answer", times[STARTS / 2], "ms", "<= 20");
}

int main(void)
{
    const char *program = getenv("TAILRACE");
    double empty, full, seconds;
    unsigned written;
    pid_t pid;

    if (program == NULL) {
        die("TAILRACE is not set: run scripts/bench");
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    measure_start(program);
    pid = start_model(program);
    create_table();
    empty = rss_mb(pid);
    row("service model: RSS empty", empty, "MB", "<= 10");
    written = fill(&seconds);
    full = empty + (rss_mb(pid) - empty) * ITEMS / written;
    stop_model(pid);
    if (written < ITEMS) {
        fprintf(stderr, "bench_model_memory: reckoned from %u items, the time was up\n", written);
    }
    row("service model: items written in batches, one connection", written / seconds, "items/s",
        "");
    row("service model: RSS with a million items of 1 KB", full, "MB", "<= 1600");
    return 0;
}
