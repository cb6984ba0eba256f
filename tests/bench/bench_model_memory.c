/* SPDX-License-Identifier: Apache-2.0
 *
 * How soon the service model answers, and what it holds in memory: empty, and with a million items
 * of 1 KB in a table without a stream. It writes for a minute at the most; what a million needs is
 * then reckoned from what was written. */
#include "tests/bench/process.h"

#include <curl/curl.h>
#include <unistd.h>

#define ITEMS 1000000u
#define BATCH 25u
#define ITEM_BYTES 1024u
#define KEY_BYTES 8u
#define SECONDS_MAX 50.0
#define STARTS 11u

static char endpoint[TR_BENCH_URL_SIZE];

static void stop_model(pid_t pid)
{
    if (tr_bench_stop(pid) != 0) {
        tr_bench_die("tailrace local did not end well");
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
        tr_bench_die("no answer");
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        tr_bench_die("refused");
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
    double from = tr_bench_now_s();
    unsigned number = 0;
    while (number < ITEMS && tr_bench_now_s() - from < SECONDS_MAX) {
        call(curl, body, batch_body(body, sizeof body, number));
        number += BATCH;
    }
    *seconds = tr_bench_now_s() - from;
    curl_easy_cleanup(curl);
    return number;
}

/* From the start of the process to the end of its first answer. */
static void measure_start(const char *program)
{
    double times[STARTS];
    unsigned i;
    for (i = 0; i < STARTS; i++) {
        double from = tr_bench_now_s();
        pid_t pid = tr_bench_model(program, NULL, NULL, endpoint);
        CURL *curl = connection("ListTables");
        call(curl, "{}", 2);
        times[i] = (tr_bench_now_s() - from) * 1000;
        curl_easy_cleanup(curl);
        stop_model(pid);
    }
    tr_bench_row("service model: start to first answer", tr_bench_median(times, STARTS), "ms",
                 "<= 20");
}

int main(void)
{
    const char *program = tr_bench_begin("bench_model_memory");
    double empty, full, seconds;
    unsigned written;
    pid_t pid;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    measure_start(program);
    pid = tr_bench_model(program, NULL, NULL, endpoint);
    create_table();
    empty = tr_bench_rss_mb(pid);
    tr_bench_row("service model: RSS empty", empty, "MB", "<= 10");
    written = fill(&seconds);
    full = empty + (tr_bench_rss_mb(pid) - empty) * ITEMS / written;
    stop_model(pid);
    if (written < ITEMS) {
        fprintf(stderr, "bench_model_memory: reckoned from %u items, the time was up\n", written);
    }
    tr_bench_row("service model: items written in batches, one connection", written / seconds,
                 "items/s", "");
    tr_bench_row("service model: RSS with a million items of 1 KB", full, "MB", "<= 1600");
    return 0;
}
