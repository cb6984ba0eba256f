/* SPDX-License-Identifier: Apache-2.0
 *
 * The slicer alone, per record of 1.05 KB: against cJSON (parse and free), against plain scans of
 * the same bytes, and what writing the records out adds. Variants take turns round by round, so
 * that a machine that is busy for a while is so for all of them; medians are printed.
 *
 * Usage: bench_slicer [ROUNDS] */
#include "base/random.h"
#include "stream/page.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <malloc.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RECORDS 1000
#define BYTES_EACH 1050
#define ROUNDS_MAX 1001

/* A word of text that looks like a user's, 4 to 11 letters. */
static void add_word(struct tr_buf *out, struct tr_random *random)
{
    uint64_t len = 4 + tr_random_below(random, 8);
    while (len-- > 0) {
        tr_buf_add_char(out, (char)('a' + tr_random_below(random, 26)));
    }
}

static void add_attribute(struct tr_buf *out, struct tr_random *random, size_t i)
{
    static const char *const names[] = {"status",  "customerName", "street", "city",   "note",
                                        "channel", "currency",     "email",  "device", "campaign"};
    tr_buf_printf(out, ",\"%s%zu\":", names[i % 10], i);
    switch (i % 7) {
    case 0:
        tr_buf_printf(out, "{\"N\":\"%" PRIu64 "\"}", tr_random_below(random, 1000000));
        break;
    case 3:
        tr_buf_add_str(out, "{\"L\":[{\"S\":\"");
        add_word(out, random);
        tr_buf_add_str(out, "\"},{\"BOOL\":true}]}");
        break;
    default:
        tr_buf_add_str(out, "{\"S\":\"");
        add_word(out, random);
        tr_buf_add_char(out, ' ');
        add_word(out, random);
        tr_buf_add_str(out, "\"}");
    }
}

static void add_record(struct tr_buf *out, struct tr_random *random, size_t i)
{
    uint64_t key = tr_random_below(random, 1000000);
    size_t from = out->len, attribute = 0;
    tr_buf_printf(out,
                  "{\"eventID\":\"%032" PRIx64 "\",\"eventName\":\"%s\",\"eventVersion\":\"1.1\","
                  "\"eventSource\":\"aws:dynamodb\",\"awsRegion\":\"us-west-2\",\"dynamodb\":{"
                  "\"ApproximateCreationDateTime\":1.795226580E9,"
                  "\"Keys\":{\"pk\":{\"S\":\"user#%06" PRIu64 "\"},\"sk\":{\"N\":\"%zu\"}},"
                  "\"NewImage\":{\"pk\":{\"S\":\"user#%06" PRIu64 "\"},\"sk\":{\"N\":\"%zu\"}",
                  tr_random_u64(random), i % 3 == 0 ? "MODIFY" : "INSERT", key, i, key, i);
    while (out->len - from < BYTES_EACH - 120) {
        add_attribute(out, random, attribute++);
    }
    tr_buf_printf(out, "},\"SequenceNumber\":\"%021zu\",\"SizeBytes\":612,", i + 100000);
    tr_buf_add_str(out, "\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"}}");
}

static void make_page(struct tr_buf *out)
{
    struct tr_random random;
    size_t i;
    tr_random_init(&random, 7);
    tr_buf_add_str(out, "{\"NextShardIterator\":\"AAAAAAAAAAGk\",\"Records\":[");
    for (i = 0; i < RECORDS; i++) {
        if (i > 0) {
            tr_buf_add_char(out, ',');
        }
        add_record(out, &random, i);
    }
    tr_buf_add_str(out, "]}");
}

/* What the variants work on; `sum` keeps the compiler from leaving work out. */
static struct tr_page page;
static struct tr_buf copy;
static volatile uint64_t sum;

static void run_memchr(void)
{
    sum += memchr(page.body.ptr, 1, page.body.len) != NULL;
}

static void run_bytes(void)
{
    const char *p = page.body.ptr, *end = p + page.body.len;
    uint64_t quotes = 0;
    for (; p < end; p++) {
        quotes += *p == '"';
        __asm__ volatile("" : "+r"(quotes)); /* a byte at a time, not vectors */
    }
    sum += quotes;
}

static void run_slicer(void)
{
    if (tr_page_slice(&page, NULL) != TR_OK) {
        abort();
    }
    sum += page.count;
}

static void run_lines(void)
{
    run_slicer();
    tr_buf_reset(&copy);
    tr_page_add_records(&page, 0, page.count,
                        TR_LIT("arn:aws:dynamodb:us-west-2:111122223333:table/Orders/stream/"
                               "2026-11-21T08:00:00.000"),
                        '\n', &copy);
    sum += copy.len;
}

static void run_cjson(void)
{
    cJSON *tree = cJSON_ParseWithLength(page.body.ptr, page.body.len);
    sum += tree != NULL;
    cJSON_Delete(tree);
}

enum variant { MEMCHR, BYTES, SLICER, LINES, CJSON, VARIANTS };

static const struct {
    const char *name;
    void (*run)(void);
} variants[VARIANTS] = {
    [MEMCHR] = {"memchr", run_memchr},           [BYTES] = {"byte loop", run_bytes},
    [SLICER] = {"slicer", run_slicer},           [LINES] = {"slicer + lines", run_lines},
    [CJSON] = {"cJSON parse + free", run_cjson},
};

/* A counter of this thread's instructions in user space, or -1. */
static int open_counter(void)
{
    struct perf_event_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.size = sizeof attr;
    attr.type = PERF_TYPE_HARDWARE;
    attr.config = PERF_COUNT_HW_INSTRUCTIONS;
    attr.exclude_kernel = 1;
    attr.exclude_hv = 1;
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static uint64_t instructions(int counter)
{
    uint64_t value = 0;
    return counter >= 0 && read(counter, &value, sizeof value) == sizeof value ? value : 0;
}

static uint64_t cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double median_per_record(uint64_t *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return (double)values[count / 2] / RECORDS;
}

static uint64_t ns[VARIANTS][ROUNDS_MAX], ins[VARIANTS][ROUNDS_MAX];

/* One figure a line, as scripts/bench wants it: what, number, unit, limit. */
static void print_figures(size_t rounds, bool counted)
{
    double each[VARIANTS];
    size_t v;
    for (v = 0; v < VARIANTS; v++) {
        each[v] = median_per_record(ns[v], rounds);
        printf("%s\t%.1f\tns/record\t\n", variants[v].name, each[v]);
        if (counted) {
            printf("%s\t%.0f\tinstr/record\t\n", variants[v].name,
                   median_per_record(ins[v], rounds));
        }
    }
    printf("%s ÷ %s\t%.2f\ttimes\t\n", variants[SLICER].name, variants[BYTES].name,
           each[SLICER] / each[BYTES]);
    printf("%s ÷ %s\t%.2f\ttimes\t\n", variants[LINES].name, variants[SLICER].name,
           each[LINES] / each[SLICER]);
    printf("%s ÷ %s\t%.1f\ttimes\t>= 6\n", variants[CJSON].name, variants[SLICER].name,
           each[CJSON] / each[SLICER]);
    fprintf(stderr, "%zu bytes a record, %d records a page, medians of %zu rounds\n",
            page.body.len / RECORDS, RECORDS, rounds);
    if (!counted) {
        fprintf(stderr,
                "instructions: n/a, this host lends no counter; by hand: valgrind "
                "--tool=callgrind\n  --toggle-collect=tr_page_slice bench_slicer 1, then divide "
                "by the %d records sliced\n",
                RECORDS * 4); /* two variants slice, in the warm-up and in the round */
    }
}

int main(int argc, char **argv)
{
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 101, round, v;
    int counter = open_counter();

    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "rounds: 1 to %d\n", ROUNDS_MAX);
        return 2;
    }
    /* Freed memory stays with the process, as in a worker that runs for long: or cJSON would pay
     * for getting its tree's pages from the kernel in each round. */
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
    make_page(&page.body);
    for (v = 0; v < VARIANTS; v++) {
        variants[v].run(); /* memory and caches warm */
    }
    for (round = 0; round < rounds; round++) {
        for (v = 0; v < VARIANTS; v++) {
            uint64_t before_ins = instructions(counter), before = cpu_ns();
            variants[v].run();
            ns[v][round] = cpu_ns() - before;
            ins[v][round] = instructions(counter) - before_ins;
        }
    }
    print_figures(rounds, counter >= 0);
    tr_page_deinit(&page);
    tr_buf_deinit(&copy);
    if (counter >= 0) {
        close(counter);
    }
    return 0;
}
