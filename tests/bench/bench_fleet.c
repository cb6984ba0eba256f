/* SPDX-License-Identifier: Apache-2.0
 *
 * Fleets in virtual time, with nothing failing but what is measured: whole consumer cores and the
 * service model, calls that take 2 to 16 ms there and back. Prints, beside what KCL 2.x does and
 * costs by its constants (F = 10 s), how soon a crashed and a stopped worker's shards are read
 * again, what the lease table costs an hour, how soon a child is read when its parent has ended,
 * and the CPU that the cores of a thousand idle leases take.
 *
 *   bench_fleet [--quick | LEASES/WORKERS | split | cores]
 *     --quick: only small fleets, for minutes instead of hours; the others: only that part */
#include "aws/error_core.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/note.h"
#include "base/random.h"
#include "local/local.h"
#include "worker/consumer_core.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FAILOVER_MS 10000u
#define POLL_MAX_MS 2000u
#define START_MS 1795248000000ll
#define HOUR_MS 3600000u
#define WORKERS_MAX 256u
#define SAMPLES_MAX 100000u
#define LEASE_TABLE "app"

enum happening_kind { ARRIVE, ANSWER, SLICED, PROCESSED };

struct happening {
    uint64_t at_ms;
    uint64_t order;
    enum happening_kind kind;
    size_t worker;
    uint64_t op;
    uint64_t sent_ms;
    char target[64];
    struct tr_buf body; /* owned: the request or the answer */
    enum tr_status status;
    size_t done;
};

struct worker {
    struct tr_consumer *core; /* NULL: gone */
    struct tr_budget budget;
    struct tr_consumer_effects fx;
    uint64_t due_ms;
    double read_units;
};

/* A shard as the bench sees it: who took it last, and whether somebody waits for its next read. */
struct shard {
    size_t owner;
    uint64_t ended_ms; /* its end was written, by `owner` */
    uint64_t since_ms; /* its former owner was killed or stopped, or its parent ended */
    bool waiting;
    bool is_child;
    size_t parent_owner;
    uint64_t iterator; /* the hash of the last one that was given out */
};

struct samples {
    double values[SAMPLES_MAX];
    size_t count;
};

struct fleet {
    struct tr_local *local;
    struct tr_random random;
    uint64_t now_ms;
    uint64_t order;
    struct happening **heap; /* owned; earliest first */
    size_t heap_count, heap_cap;
    struct worker workers[WORKERS_MAX];
    size_t worker_count;
    uint64_t latency_ms; /* one way; 0: 1 to 8 by lot */
    uint64_t checkpoint_ms;
    struct tr_map shards; /* id -> struct shard, owned */
    size_t waiting;
    double write_units;
    uint64_t checkpoints;
    uint64_t step_ns; /* CPU of the cores' steps, while `timed` */
    bool timed;
    uint64_t versions; /* of the items that were written */
};

static struct samples takeovers, by_same, by_other;

static void die(const char *what, struct tr_bytes detail)
{
    fprintf(stderr, "bench_fleet: %s %.*s\n", what, TR_FMT(detail));
    exit(1);
}

static void row(const char *fleet, const char *what, double number, const char *unit,
                const char *limit)
{
    printf("%s: %s\t%.5g\t%s\t%s\n", fleet, what, number, unit, limit);
    fflush(stdout);
}

static void *must(void *ptr)
{
    if (ptr == NULL) {
        die("out of memory", TR_LIT(""));
    }
    return ptr;
}

static struct tr_wall wall(const struct fleet *fleet)
{
    return (struct tr_wall){START_MS + (int64_t)fleet->now_ms};
}

/* --- Samples -------------------------------------------------------------------------------- */

static void sample(struct samples *samples, double value)
{
    if (samples->count < SAMPLES_MAX) {
        samples->values[samples->count++] = value;
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(struct samples *samples)
{
    qsort(samples->values, samples->count, sizeof *samples->values, by_size);
    return samples->count > 0 ? samples->values[samples->count / 2] : -1;
}

static double worst(struct samples *samples)
{
    qsort(samples->values, samples->count, sizeof *samples->values, by_size);
    return samples->count > 0 ? samples->values[samples->count - 1] : -1;
}

/* --- What happens next ---------------------------------------------------------------------- */

static bool is_earlier(const struct happening *a, const struct happening *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void swap(struct fleet *fleet, size_t a, size_t b)
{
    struct happening *h = fleet->heap[a];
    fleet->heap[a] = fleet->heap[b];
    fleet->heap[b] = h;
}

static struct happening *schedule(struct fleet *fleet, uint64_t in_ms, enum happening_kind kind,
                                  size_t worker, uint64_t op)
{
    struct happening *h = must(tr_calloc(1, sizeof *h));
    size_t i = fleet->heap_count;

    h->at_ms = fleet->now_ms + in_ms;
    h->order = ++fleet->order;
    h->kind = kind;
    h->worker = worker;
    h->op = op;
    h->sent_ms = fleet->now_ms;
    if (!tr_grow(&fleet->heap, &fleet->heap_cap, i + 1, sizeof *fleet->heap)) {
        die("out of memory", TR_LIT(""));
    }
    fleet->heap[fleet->heap_count++] = h;
    while (i > 0 && is_earlier(fleet->heap[i], fleet->heap[(i - 1) / 2])) {
        swap(fleet, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
    return h;
}

static struct happening *pop(struct fleet *fleet)
{
    struct happening *h = fleet->heap[0];
    size_t i = 0, child;

    fleet->heap[0] = fleet->heap[--fleet->heap_count];
    while ((child = 2 * i + 1) < fleet->heap_count) {
        if (child + 1 < fleet->heap_count &&
            is_earlier(fleet->heap[child + 1], fleet->heap[child])) {
            child++;
        }
        if (!is_earlier(fleet->heap[child], fleet->heap[i])) {
            break;
        }
        swap(fleet, i, child);
        i = child;
    }
    return h;
}

static uint64_t one_way(struct fleet *fleet)
{
    return fleet->latency_ms > 0 ? fleet->latency_ms : 1 + tr_random_below(&fleet->random, 8);
}

/* --- The service ---------------------------------------------------------------------------- */

/* The string behind a marker such as "ShardId":" in a body; absent when it is not there. */
static struct tr_bytes string_after(struct tr_bytes body, const char *marker)
{
    struct tr_bytes found = {NULL, 0};
    size_t len = strlen(marker), i;
    for (i = 0; i + len <= body.len; i++) {
        if (body.ptr[i] == marker[0] && memcmp(body.ptr + i, marker, len) == 0) {
            const char *from = body.ptr + i + len;
            const char *end = memchr(from, '"', body.len - i - len);
            if (end != NULL) {
                found = (struct tr_bytes){from, (size_t)(end - from)};
            }
            break;
        }
    }
    return found;
}

static unsigned call(struct fleet *fleet, const char *target, struct tr_bytes body,
                     struct tr_buf *out)
{
    struct tr_local_answer answer = {0};
    unsigned status;
    tr_local_call(fleet->local, wall(fleet), tr_bytes_of(target), body, &answer);
    status = answer.http_status;
    *out = answer.body;
    answer.body = (struct tr_buf){0};
    tr_local_answer_deinit(&answer);
    return status;
}

static void must_call(struct fleet *fleet, const char *target, const char *body, struct tr_buf *out)
{
    struct tr_buf answer = {0};
    if (call(fleet, target, tr_bytes_of(body), &answer) != 200) {
        die(target, tr_buf_bytes(&answer));
    }
    if (out != NULL) {
        *out = answer;
    } else {
        tr_buf_deinit(&answer);
    }
}

static struct shard *shard_of(struct fleet *fleet, struct tr_bytes id)
{
    struct shard *shard = tr_map_get(&fleet->shards, id);
    if (shard == NULL) {
        shard = must(tr_calloc(1, sizeof *shard));
        shard->owner = SIZE_MAX;
        if (tr_map_set(&fleet->shards, id, shard) != TR_OK) {
            die("out of memory", id);
        }
    }
    return shard;
}

static void await_read(struct fleet *fleet, struct shard *shard, uint64_t since_ms)
{
    fleet->waiting += shard->waiting ? 0u : 1u;
    shard->waiting = true;
    shard->since_ms = since_ms;
}

/* The first page of a shard that is waited for was asked for. */
static void was_read(struct fleet *fleet, struct shard *shard, const struct happening *h)
{
    double seconds = (double)(h->sent_ms - shard->since_ms) / 1000;
    shard->waiting = false;
    fleet->waiting--;
    if (!shard->is_child) {
        sample(&takeovers, seconds);
    } else {
        sample(shard->parent_owner == h->worker ? &by_same : &by_other, seconds);
    }
    shard->is_child = false;
}

static void see_read(struct fleet *fleet, const struct happening *h)
{
    struct tr_bytes iterator = string_after(tr_buf_bytes(&h->body), "\"ShardIterator\":\"");
    uint64_t hash = tr_bytes_hash(iterator);
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&fleet->shards); entry != NULL; entry = tr_map_next(entry)) {
        struct shard *shard = tr_map_value(entry);
        if (shard->waiting && shard->iterator == hash) {
            was_read(fleet, shard, h);
            return;
        }
    }
}

static bool is_data(const char *target)
{
    return strncmp(target, "DynamoDB_", 9) == 0 && strstr(target, "Table") == NULL;
}

/* What the service charges: the model says so when it is asked. A write whose condition fails costs
 * one unit (a row is below 1 KB), and says nothing. */
static void charge(struct fleet *fleet, const struct happening *h, struct tr_bytes answer,
                   unsigned status)
{
    bool is_read = strstr(h->target, "Scan") != NULL || strstr(h->target, "Get") != NULL ||
                   strstr(h->target, "Query") != NULL;
    double units = 1;
    if (status == 200) {
        static const char marker[] = "\"CapacityUnits\":";
        const char *at = NULL;
        size_t i;
        for (i = 0; i + sizeof marker < answer.len; i++) {
            if (answer.ptr[i] == '"' && memcmp(answer.ptr + i, marker, sizeof marker - 1) == 0) {
                at = answer.ptr + i + sizeof marker - 1;
            }
        }
        if (at == NULL) {
            die("no capacity in the answer to", tr_bytes_of(h->target));
        }
        units = strtod(at, NULL);
    }
    if (is_read) {
        fleet->workers[h->worker].read_units += units;
    } else {
        fleet->write_units += units;
    }
}

/* Ask for what it costs, in front of what the worker asked. */
static void ask_price(struct tr_buf *body)
{
    struct tr_buf asking = {0};
    tr_buf_add_str(&asking, "{\"ReturnConsumedCapacity\":\"TOTAL\",");
    tr_buf_add(&asking, (struct tr_bytes){body->ptr + 1, body->len - 1});
    tr_buf_deinit(body);
    *body = asking;
}

static void arrive(struct fleet *fleet, struct happening *h)
{
    struct tr_verdict verdict = {0};
    struct tr_reply reply = {0};
    struct tr_buf answer = {0};
    struct happening *later;

    if (fleet->waiting > 0 && strcmp(h->target, "DynamoDBStreams_20120810.GetRecords") == 0) {
        see_read(fleet, h);
    }
    if (is_data(h->target)) {
        ask_price(&h->body);
    }
    reply.http_status = call(fleet, h->target, tr_buf_bytes(&h->body), &answer);
    reply.body = tr_buf_bytes(&answer);
    if (is_data(h->target)) {
        charge(fleet, h, reply.body, reply.http_status);
    }
    if (strstr(h->target, ".GetShardIterator") != NULL && reply.http_status == 200) {
        struct tr_bytes id = string_after(tr_buf_bytes(&h->body), "\"ShardId\":\"");
        shard_of(fleet, id)->iterator =
            tr_bytes_hash(string_after(reply.body, "\"ShardIterator\":\""));
    }
    tr_reply_judge(&reply, &verdict);
    later = schedule(fleet, one_way(fleet), ANSWER, h->worker, h->op);
    later->sent_ms = h->sent_ms;
    later->status = verdict.status;
    later->body = answer;
}

/* --- Workers -------------------------------------------------------------------------------- */

static void see_note(struct fleet *fleet, size_t index, const struct tr_note *note)
{
    struct shard *shard;
    switch (note->id) {
    case TR_NOTE_LEASE_TAKEN:
        shard_of(fleet, note->shard)->owner = index;
        break;
    case TR_NOTE_SHARD_ENDED:
        shard = shard_of(fleet, note->shard);
        shard->owner = index;
        shard->ended_ms = fleet->now_ms;
        break;
    case TR_NOTE_CHECKPOINT_WRITTEN:
        fleet->checkpoints++;
        break;
    case TR_NOTE_LEASE_LOST:
    case TR_NOTE_LEASE_LAPSED:
        fprintf(stderr, "bench_fleet: at %" PRIu64 " ms worker %zu: %s: %.*s\n", fleet->now_ms,
                index, tr_note_row(note->id)->message, TR_FMT(note->shard));
        break;
    default:
        break;
    }
}

static void drop(struct worker *worker)
{
    tr_consumer_effects_deinit(&worker->fx);
    tr_consumer_free(worker->core);
    worker->core = NULL;
    worker->due_ms = UINT64_MAX;
}

static void run_effect(struct fleet *fleet, size_t index, struct tr_consumer_effect *fx)
{
    struct happening *h;
    switch (fx->kind) {
    case TR_CONSUMER_FX_CALL:
        h = schedule(fleet, one_way(fleet), ARRIVE, index, fx->op);
        (void)snprintf(h->target, sizeof h->target, "%s.%s",
                       fx->request.service == TR_AWS_DYNAMODB ? "DynamoDB_20120810"
                                                              : "DynamoDBStreams_20120810",
                       fx->request.operation);
        h->body = fx->body;
        fx->body = (struct tr_buf){0};
        break;
    case TR_CONSUMER_FX_SLICE:
        h = schedule(fleet, 0, SLICED, index, fx->op);
        h->status = tr_page_slice(fx->page, NULL);
        break;
    case TR_CONSUMER_FX_PROCESS:
        h = schedule(fleet, 1, PROCESSED, index, fx->op);
        h->done = fx->count;
        break;
    case TR_CONSUMER_FX_NOTE:
        see_note(fleet, index, &fx->note);
        break;
    case TR_CONSUMER_FX_VALID:
    case TR_CONSUMER_FX_DONE:
        break;
    }
}

static uint64_t cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void step(struct fleet *fleet, size_t index, struct tr_consumer_event *event)
{
    struct worker *worker = &fleet->workers[index];
    uint64_t from = fleet->timed ? cpu_ns() : 0;
    enum tr_status status;
    bool done = false;
    size_t i;

    tr_consumer_effects_reset(&worker->fx);
    event->now = (struct tr_mono){fleet->now_ms * TR_NS_PER_MS};
    event->wall = wall(fleet);
    status = tr_consumer_step(worker->core, event, &worker->fx);
    if (status == TR_OK) {
        struct tr_mono due = tr_consumer_deadline(worker->core);
        worker->due_ms = due.ns == UINT64_MAX ? UINT64_MAX : (due.ns - 1) / TR_NS_PER_MS + 1;
    }
    fleet->step_ns += fleet->timed ? cpu_ns() - from : 0;
    if (status != TR_OK) {
        die("a step failed:", tr_bytes_of(tr_status_text(status)));
    }
    for (i = 0; i < worker->fx.count; i++) {
        if (worker->fx.items[i].kind == TR_CONSUMER_FX_DONE) {
            if (worker->fx.items[i].status != TR_OK) {
                die("a worker ended:", tr_bytes_of(worker->fx.items[i].err.text));
            }
            done = true;
        }
        run_effect(fleet, index, &worker->fx.items[i]);
    }
    if (done) {
        drop(worker);
    }
}

static size_t start(struct fleet *fleet)
{
    size_t index = fleet->worker_count++;
    struct worker *worker = &fleet->workers[index];
    struct tr_consumer_event tick = {.kind = TR_CONSUMER_EV_TICK};
    char id[32];
    struct tr_consumer_options options = {
        .name = "app",
        .table = "Items",
        .lease_table = LEASE_TABLE,
        .worker_id = id,
        .failover_ms = FAILOVER_MS,
        .poll_min_ms = 250,
        .poll_max_ms = POLL_MAX_MS,
        .checkpoint_interval_ms = fleet->checkpoint_ms,
        .batch_records = 100,
        .batch_bytes = 6 << 20,
        .seed = tr_random_u64(&fleet->random),
        .budget = &worker->budget,
    };
    if (index >= WORKERS_MAX) {
        die("too many workers", TR_LIT(""));
    }
    (void)snprintf(id, sizeof id, "worker-%zu", index);
    *worker = (struct worker){.budget = {.bytes_max = 256 << 20}, .due_ms = UINT64_MAX};
    if (tr_consumer_new(&options, &worker->core) != TR_OK) {
        die("cannot make a worker", TR_LIT(""));
    }
    step(fleet, index, &tick);
    return index;
}

static void happen(struct fleet *fleet, struct happening *h)
{
    struct tr_aws_answer answer = {.status = h->status,
                                   .http_status = h->status == TR_OK ? 200 : 400,
                                   .date = wall(fleet),
                                   .sent = {h->sent_ms * TR_NS_PER_MS},
                                   .attempts = 1};
    struct tr_err err = {0};
    struct tr_consumer_event event = {
        .op = h->op, .status = h->status, .done = h->done, .err = &err};

    if (h->kind == ARRIVE) {
        arrive(fleet, h); /* a dead worker's request arrives all the same */
    } else if (fleet->workers[h->worker].core != NULL) {
        event.kind = h->kind == ANSWER   ? TR_CONSUMER_EV_ANSWER
                     : h->kind == SLICED ? TR_CONSUMER_EV_SLICED
                                         : TR_CONSUMER_EV_PROCESSED;
        answer.body = h->body;
        h->body = (struct tr_buf){0};
        event.answer = &answer;
        step(fleet, h->worker, &event);
        tr_buf_deinit(&answer.body);
    }
    tr_buf_deinit(&h->body);
    tr_free(h);
}

static size_t next_worker(const struct fleet *fleet)
{
    size_t best = SIZE_MAX, i;
    for (i = 0; i < fleet->worker_count; i++) {
        if (fleet->workers[i].core != NULL &&
            (best == SIZE_MAX || fleet->workers[i].due_ms < fleet->workers[best].due_ms)) {
            best = i;
        }
    }
    return best;
}

/* Let time pass. */
static void run(struct fleet *fleet, uint64_t ms)
{
    uint64_t end = fleet->now_ms + ms;
    for (;;) {
        struct tr_consumer_event tick = {.kind = TR_CONSUMER_EV_TICK};
        size_t who = next_worker(fleet);
        uint64_t due = who != SIZE_MAX ? fleet->workers[who].due_ms : UINT64_MAX;
        uint64_t at = fleet->heap_count > 0 ? fleet->heap[0]->at_ms : UINT64_MAX;
        uint64_t next = due < at ? due : at;
        if (next > end) {
            break;
        }
        fleet->now_ms = next > fleet->now_ms ? next : fleet->now_ms;
        if (tr_local_deadline(fleet->local).ms <= wall(fleet).ms) {
            tr_local_tick(fleet->local, wall(fleet));
        }
        if (due < at) {
            step(fleet, who, &tick);
        } else {
            happen(fleet, pop(fleet));
        }
    }
    fleet->now_ms = end;
}

static struct fleet *fleet_new(unsigned leases, unsigned workers, uint64_t checkpoint_ms)
{
    struct fleet *fleet = must(tr_calloc(1, sizeof *fleet));
    struct tr_local_options options = {.seed = leases * 1000u + workers, .open_shards = leases};
    unsigned i;

    fleet->now_ms = 1000;
    fleet->checkpoint_ms = checkpoint_ms;
    tr_random_init(&fleet->random, options.seed);
    if (tr_local_new(&options, wall(fleet), &fleet->local) != TR_OK) {
        die("out of memory", TR_LIT(""));
    }
    must_call(
        fleet, "DynamoDB_20120810.CreateTable",
        "{\"TableName\":\"Items\",\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}],"
        "\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}],"
        "\"BillingMode\":\"PAY_PER_REQUEST\",\"StreamSpecification\":{\"StreamEnabled\":true,"
        "\"StreamViewType\":\"NEW_IMAGE\"}}",
        NULL);
    run(fleet, 10000); /* it becomes ACTIVE */
    for (i = 0; i < workers; i++) {
        (void)start(fleet);
        run(fleet, 300);
    }
    return fleet;
}

static void fleet_free(struct fleet *fleet)
{
    struct tr_map_entry *entry;
    size_t i;
    for (i = 0; i < fleet->worker_count; i++) {
        if (fleet->workers[i].core != NULL) {
            drop(&fleet->workers[i]);
        }
    }
    while (fleet->heap_count > 0) {
        struct happening *h = pop(fleet);
        tr_buf_deinit(&h->body);
        tr_free(h);
    }
    tr_free(fleet->heap);
    for (entry = tr_map_first(&fleet->shards); entry != NULL; entry = tr_map_next(entry)) {
        tr_free(tr_map_value(entry));
    }
    tr_map_deinit(&fleet->shards);
    tr_local_free(fleet->local);
    tr_free(fleet);
}

static size_t held(const struct fleet *fleet)
{
    size_t sum = 0, i;
    for (i = 0; i < fleet->worker_count; i++) {
        sum += fleet->workers[i].core != NULL ? tr_consumer_held(fleet->workers[i].core) : 0;
    }
    return sum;
}

/* The fewest and the most leases that a living worker holds. */
static void spread(const struct fleet *fleet, size_t *least, size_t *most)
{
    size_t i;
    *least = SIZE_MAX;
    *most = 0;
    for (i = 0; i < fleet->worker_count; i++) {
        if (fleet->workers[i].core != NULL) {
            size_t n = tr_consumer_held(fleet->workers[i].core);
            *least = n < *least ? n : *least;
            *most = n > *most ? n : *most;
        }
    }
}

/* --- What is measured ----------------------------------------------------------------------- */

struct size {
    unsigned leases, workers;
    double crash_bound; /* times failover */
    double reads_bound; /* units an hour a worker */
    bool costs;         /* the lease table's cost is printed for it */
    unsigned kills;
};

static const struct size sizes[] = {
    {4, 2, 1.1, 4000, true, 20},   {8, 3, 1.1, 4000, false, 20},    {40, 5, 1.25, 4000, false, 10},
    {100, 10, 1.5, 4000, true, 8}, {1000, 20, 1.5, 10000, true, 4},
};

/* A living worker that holds something, by lot. */
static size_t victim(struct fleet *fleet)
{
    for (;;) {
        size_t i = (size_t)tr_random_below(&fleet->random, fleet->worker_count);
        if (fleet->workers[i].core != NULL && tr_consumer_held(fleet->workers[i].core) > 0) {
            return i;
        }
    }
}

static void await_shards_of(struct fleet *fleet, size_t worker)
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&fleet->shards); entry != NULL; entry = tr_map_next(entry)) {
        struct shard *shard = tr_map_value(entry);
        if (shard->owner == worker && shard->ended_ms == 0) {
            await_read(fleet, shard, fleet->now_ms);
        }
    }
}

/* Kill or stop a worker, wait until its shards are read, start another one; again and again. */
static void measure_takeovers(struct fleet *fleet, const char *name, const struct size *size,
                              bool kill)
{
    struct tr_consumer_event stop = {.kind = TR_CONSUMER_EV_STOP};
    char limit[32], what[96];
    unsigned i;

    takeovers.count = 0;
    for (i = 0; i < size->kills; i++) {
        size_t who = victim(fleet);
        unsigned rounds = 0;
        await_shards_of(fleet, who);
        if (kill) {
            drop(&fleet->workers[who]);
        } else {
            step(fleet, who, &stop);
        }
        while (fleet->waiting > 0 && rounds++ < 100) {
            run(fleet, FAILOVER_MS / 10);
        }
        if (fleet->waiting > 0) {
            die("shards were not taken over in 10 failover times:", tr_bytes_of(name));
        }
        (void)start(fleet);
        run(fleet, 5 * FAILOVER_MS + tr_random_below(&fleet->random, 3 * FAILOVER_MS));
    }
    (void)snprintf(what, sizeof what, "%s to takeover, ", kill ? "crash" : "clean stop");
    if (kill) {
        (void)snprintf(limit, sizeof limit, "<= %g", size->crash_bound * FAILOVER_MS / 1000);
        row(name, "crash to takeover, median", median(&takeovers), "s", "");
        row(name, "crash to takeover, worst", worst(&takeovers), "s", limit);
        row(name, "crash to takeover, KCL 2.x, from", 17, "s", "");
        row(name, "crash to takeover, KCL 2.x, to", 40, "s", "");
    } else {
        row(name, "clean stop to takeover, median", median(&takeovers), "s", "<= 0.6");
        row(name, "clean stop to takeover, worst", worst(&takeovers), "s", "<= 1.2");
    }
}

/* One write to an item drawn by lot. */
static void write_item(struct fleet *fleet)
{
    char body[256];
    (void)snprintf(body, sizeof body,
                   "{\"TableName\":\"Items\",\"Item\":{\"pk\":{\"S\":\"k%" PRIu64
                   "\"},\"n\":{\"N\":\"%" PRIu64 "\"}}}",
                   tr_random_below(&fleet->random, 100000), ++fleet->versions);
    must_call(fleet, "DynamoDB_20120810.PutItem", body, NULL);
}

/* `ms` of steady state; with writes_per_s above 0 under as many writes. */
static void run_steady(struct fleet *fleet, uint64_t ms, double writes_per_s)
{
    uint64_t end = fleet->now_ms + ms;
    double due = 0;
    fleet->write_units = 0;
    fleet->checkpoints = 0;
    while (fleet->now_ms < end) {
        run(fleet, 50);
        for (due += writes_per_s / 20; due >= 1; due--) {
            write_item(fleet);
        }
    }
}

/* KCL 2.x's read units an hour: each worker's taker and leader checks by its constants, and the
 * leader's auditor; rows of 425 bytes. */
static double kcl_reads(const struct size *size)
{
    double pages = (size->leases * 425u + 4095u) / 4096u;
    return size->workers * (180 + 12) * 0.5 * pages + 30 * 0.5 * pages;
}

static void measure_costs(struct fleet *fleet, const char *name, const struct size *size,
                          uint64_t ms, bool busy)
{
    double hours = (double)ms / HOUR_MS, most = 0, c, kcl;
    char what[96], limit[32];
    size_t i;

    for (i = 0; i < fleet->worker_count; i++) {
        fleet->workers[i].read_units = 0;
    }
    run_steady(fleet, ms, busy ? size->leases * 1.5 : 0);
    c = (double)fleet->checkpoints / size->leases / hours;
    kcl = (1088 + c) * size->leases;
    for (i = 0; i < fleet->worker_count; i++) {
        double reads = fleet->workers[i].read_units / hours;
        most = fleet->workers[i].core != NULL && reads > most ? reads : most;
    }
    (void)snprintf(limit, sizeof limit, "<= %.0f", 0.6 * kcl);
    (void)snprintf(what, sizeof what, "lease writes, %.0f checkpoints a lease", c);
    row(name, what, fleet->write_units / hours, "WCU/h", limit);
    (void)snprintf(what, sizeof what, "lease writes, %.0f checkpoints, KCL 2.x", c);
    row(name, what, kcl, "WCU/h", "");
    if (!busy) {
        (void)snprintf(limit, sizeof limit, "<= %.0f", size->reads_bound);
        row(name, "lease reads, the worker with most", most, "RCU/h", limit);
        row(name, "lease reads a worker, KCL 2.x", kcl_reads(size) / size->workers, "RCU/h", "");
    }
}

/* A fleet of that size: balance, cost, takeovers. */
static void measure_size(const struct size *size, const char *name, uint64_t ms)
{
    struct fleet *fleet;
    size_t least, most;

    fleet = fleet_new(size->leases, size->workers, 5000);
    run(fleet, 3 * FAILOVER_MS);
    if (held(fleet) != size->leases) {
        fprintf(stderr, "bench_fleet: %s: %zu leases are held after three rounds\n", name,
                held(fleet));
    }
    run(fleet, 10 * FAILOVER_MS);
    spread(fleet, &least, &most);
    row(name, "leases a worker, fewest", (double)least, "", "");
    row(name, "leases a worker, most", (double)most, "", "");
    if (size->costs) {
        measure_costs(fleet, name, size, ms, false);
    }
    measure_takeovers(fleet, name, size, true);
    measure_takeovers(fleet, name, size, false);
    fleet_free(fleet);
    if (size->costs) {
        /* KCL checkpoints as often as it is asked to, so do we: 1,600 times an hour. */
        fleet = fleet_new(size->leases, size->workers, HOUR_MS / 1600);
        run_steady(fleet, 13 * FAILOVER_MS, size->leases * 1.5);
        measure_costs(fleet, name, size, ms / 6, true);
        fleet_free(fleet);
    }
}

/* Split shards one after the other, and see when the children are read. */
static void measure_children(unsigned splits)
{
    static const unsigned way_ms = 5;
    struct fleet *fleet = fleet_new(8, 2, 5000);
    unsigned i;

    fleet->latency_ms = way_ms;
    by_same.count = by_other.count = 0;
    run(fleet, 10 * FAILOVER_MS);
    for (i = 0; i < splits; i++) {
        struct tr_buf answer = {0};
        struct tr_bytes parent;
        struct shard *shard;
        uint64_t waited = 0;
        must_call(fleet, "TailraceLocal_1.SplitShard", "{\"TableName\":\"Items\"}", &answer);
        parent = string_after(tr_buf_bytes(&answer), "\"ShardId\":\"");
        shard = shard_of(fleet, parent);
        while (shard->ended_ms == 0 && waited++ < 60000) {
            struct tr_bytes child = string_after(tr_buf_bytes(&answer), "\"ChildShardIds\":[\"");
            struct tr_bytes second = {child.ptr + child.len + 3, child.len};
            struct shard *children[] = {shard_of(fleet, child), shard_of(fleet, second)};
            unsigned j;
            run(fleet, 1);
            for (j = 0; j < 2 && shard->ended_ms > 0; j++) {
                children[j]->is_child = true;
                children[j]->parent_owner = shard->owner;
                await_read(fleet, children[j], shard->ended_ms);
            }
        }
        run(fleet, 6 * FAILOVER_MS);
        if (fleet->waiting > 0) {
            die("a child is not read, its parent:", parent);
        }
        tr_buf_deinit(&answer);
    }
    row("split", "parent's end to child's read, same worker, median",
        median(&by_same) * 1000 / (2.0 * way_ms), "round trips", "");
    row("split", "parent's end to child's read, same worker, worst",
        worst(&by_same) * 1000 / (2.0 * way_ms), "round trips", "<= 1");
    if (by_other.count > 0) {
        row("split", "parent's end to child's read, another, median", median(&by_other), "s", "");
        row("split", "parent's end to child's read, another, worst", worst(&by_other), "s", "<= 2");
    }
    row("split", "children taken by another worker", (double)by_other.count, "children", "");
    row("split", "children taken by the same worker", (double)by_same.count, "children", "");
    fleet_free(fleet);
}

/* One worker with so many idle leases: CPU of all its core's steps in a second of virtual time, the
 * least of several stretches (others use the machine too), the clock's own cost taken off. */
static void measure_cores(unsigned leases)
{
    struct fleet *fleet = fleet_new(leases, 1, 5000);
    double best = 1e9;
    char name[32];
    unsigned i;

    (void)snprintf(name, sizeof name, "%u/1", leases);
    run(fleet, 6 * FAILOVER_MS);
    if (held(fleet) != leases) {
        die("not all leases are held:", tr_bytes_of(name));
    }
    fleet->timed = true;
    for (i = 0; i < 6; i++) {
        double ms;
        fleet->step_ns = 0;
        run(fleet, 10000);
        ms = (double)fleet->step_ns / 1e6 / 10;
        best = ms < best ? ms : best;
    }
    row(name, "CPU of the cores, idle, polls at 2 s", best, "ms/s", leases == 1000 ? "<= 3" : "");
    fleet_free(fleet);
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    bool quick = only != NULL && strcmp(only, "--quick") == 0;
    size_t i;

    only = quick ? NULL : only;
    for (i = 0; i < sizeof sizes / sizeof *sizes && !(quick && i == 2); i++) {
        struct size size = sizes[i];
        char name[32];
        (void)snprintf(name, sizeof name, "%u/%u", size.leases, size.workers);
        if (only == NULL || strcmp(only, name) == 0) {
            size.kills = quick ? 2 : size.kills;
            measure_size(&size, name, quick ? HOUR_MS / 10 : HOUR_MS);
        }
    }
    if (only == NULL || strcmp(only, "split") == 0) {
        measure_children(quick ? 2 : 20);
    }
    if (only == NULL || strcmp(only, "cores") == 0) {
        measure_cores(quick ? 20 : 1000);
    }
    return 0;
}
