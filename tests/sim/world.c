/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens when: a heap of happenings, the workers' deadlines, and the model's own timetable,
 * in one order that the seed decides. */
#include "tests/sim/inside.h"

#include "local/watch.h"

#include <stdarg.h>

/* A worker that wants to be stepped this often without time passing spins. */
#define STEPS_AT_ONCE_MAX 2000u
/* What a process had sent when it was stopped may not have left it yet. */
#define HELD_BACK_PER_THOUSAND 300

struct tr_wall world_wall(const struct world *world)
{
    return (struct tr_wall){WORLD_START_MS + (int64_t)world->now_ms};
}

uint64_t world_below(struct world *world, uint64_t bound)
{
    return tr_random_below(&world->random, bound);
}

bool world_chance(struct world *world, unsigned per_thousand)
{
    return tr_random_below(&world->random, 1000) < per_thousand;
}

/* ---- verdicts ---- */

void world_wrong(struct world *world, const char *check, const char *fmt, ...)
{
    va_list args;
    if (world->over) {
        return;
    }
    world->over = true;
    (void)snprintf(world->check, sizeof world->check, "%s", check);
    va_start(args, fmt);
    (void)vsnprintf(world->why, sizeof world->why, fmt, args);
    va_end(args);
    WORLD_TRACE(world, SIZE_MAX, "WRONG %s: %s", world->check, world->why);
    if (world->options.wrong != NULL) {
        world->options.wrong(world->options.ctx, world->check, world->why);
        return;
    }
    (void)fprintf(stderr, "seed %llu, at %llu ms: %s: %s\n",
                  (unsigned long long)world->options.seed, (unsigned long long)world->now_ms,
                  world->check, world->why);
    abort();
}

bool world_over(const struct world *world)
{
    return world->over;
}

/* ---- the heap ---- */

static bool is_before(const struct happening *a, const struct happening *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void sift_up(struct happening **heap, size_t i)
{
    struct happening *h = heap[i];
    while (i > 0 && is_before(h, heap[(i - 1) / 2])) {
        heap[i] = heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap[i] = h;
}

static void sift_down(struct happening **heap, size_t count, size_t i)
{
    struct happening *h = heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < count && is_before(heap[child + 1], heap[child])) {
            child++;
        }
        if (child >= count || !is_before(heap[child], h)) {
            break;
        }
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = h;
}

static void push(struct world *world, struct happening *h)
{
    TR_ASSERT(tr_grow(&world->heap, &world->heap_cap, world->heap_count + 1, sizeof *world->heap) !=
              0);
    world->heap[world->heap_count++] = h;
    sift_up(world->heap, world->heap_count - 1);
}

static struct happening *pop(struct world *world)
{
    struct happening *h = world->heap[0];
    world->heap[0] = world->heap[--world->heap_count];
    if (world->heap_count > 0) {
        sift_down(world->heap, world->heap_count, 0);
    }
    return h;
}

static void discard(struct world *world, struct happening *h)
{
    tr_buf_deinit(&h->body);
    call_release(h->call);
    h->next_free = world->free_list;
    world->free_list = h;
}

/* Its time is set before it goes into the heap; the rest may be filled in afterwards. */
struct happening *world_schedule(struct world *world, uint64_t in_ms, enum happening_kind kind,
                                 size_t worker, uint64_t op)
{
    struct happening *h = world->free_list;
    if (h != NULL) {
        world->free_list = h->next_free;
    } else {
        h = tr_malloc(sizeof *h);
        TR_ASSERT(h != NULL);
    }
    *h = (struct happening){.at_ms = world->now_ms + in_ms,
                            .order = ++world->order,
                            .kind = kind,
                            .worker = worker,
                            .op = op};
    push(world, h);
    return h;
}

void world_act(struct world *world, uint64_t in_ms, world_act_fn *act, void *ctx, uint64_t arg)
{
    struct happening *h = world_schedule(world, in_ms, ACT, SIZE_MAX, 0);
    h->act = act;
    h->ctx = ctx;
    h->arg = arg;
}

void world_bring_forward(struct world *world, uint64_t ms)
{
    size_t kept = 0, i;
    for (i = 0; i < world->heap_count; i++) {
        struct happening *h = world->heap[i];
        if (h->kind == ARRIVE && h->answerless) {
            discard(world, h);
            continue;
        }
        if (h->kind != ACT && h->kind != AGAIN && h->at_ms > world->now_ms + ms) {
            h->at_ms = world->now_ms + ms;
        }
        world->heap[kept++] = h;
    }
    world->heap_count = kept;
    for (i = kept; i-- > 0;) {
        sift_down(world->heap, kept, i);
    }
}

/* ---- the model ---- */

void world_look_at_model(struct world *world)
{
    world->local_due_ms = tr_local_deadline(world->local).ms;
}

unsigned world_call(struct world *world, const char *target, const char *body, struct tr_buf *out)
{
    struct tr_local_answer answer = {0};
    unsigned status;
    tr_local_call(world->local, world_wall(world), tr_bytes_of(target), tr_bytes_of(body), &answer);
    world_look_at_model(world);
    status = answer.http_status;
    if (out != NULL) {
        *out = answer.body;
        answer.body = (struct tr_buf){0};
    }
    tr_local_answer_deinit(&answer);
    return status;
}

void world_must_call(struct world *world, const char *target, const char *body)
{
    struct tr_buf out = {0};
    if (world_call(world, target, body, &out) != 200) {
        world_wrong(world, "world", "%s %s: %.*s", target, body, TR_FMT(tr_buf_bytes(&out)));
    }
    tr_buf_deinit(&out);
}

void world_control(struct world *world, const char *operation, const char *body)
{
    char target[64];
    (void)snprintf(target, sizeof target, "TailraceLocal_1.%s", operation);
    world_must_call(world, target, body);
}

void world_make_table(struct world *world, const char *name, const char *key)
{
    char body[512];
    (void)snprintf(body, sizeof body,
                   "{\"TableName\":\"%s\",\"KeySchema\":[{\"AttributeName\":\"%s\",\"KeyType\":"
                   "\"HASH\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"%s\","
                   "\"AttributeType\":\"S\"}],\"BillingMode\":\"PAY_PER_REQUEST\"}",
                   name, key, key);
    world_must_call(world, "DynamoDB_20120810.CreateTable", body);
}

unsigned world_edit_row(struct world *world, const char *shard, const char *attribute,
                        const char *value)
{
    char body[512];
    (void)snprintf(body, sizeof body,
                   "{\"TableName\":\"app\",\"Key\":{\"leaseKey\":{\"S\":\"%s\"}},"
                   "\"UpdateExpression\":\"SET %s = :x\",\"ConditionExpression\":"
                   "\"attribute_exists(leaseKey)\",\"ExpressionAttributeValues\":{\":x\":%s}}",
                   shard, attribute, value);
    return world_call(world, "DynamoDB_20120810.UpdateItem", body, NULL);
}

unsigned world_delete_row(struct world *world, const char *shard)
{
    char body[192];
    (void)snprintf(body, sizeof body,
                   "{\"TableName\":\"app\",\"Key\":{\"leaseKey\":{\"S\":\"%s\"}}}", shard);
    return world_call(world, "DynamoDB_20120810.DeleteItem", body, NULL);
}

static void make_table(struct world *world)
{
    world_must_call(
        world, "DynamoDB_20120810.CreateTable",
        "{\"TableName\":\"Items\",\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}],"
        "\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}],"
        "\"BillingMode\":\"PAY_PER_REQUEST\",\"StreamSpecification\":{\"StreamEnabled\":true,"
        "\"StreamViewType\":\"NEW_IMAGE\"}}");
    /* The table becomes ACTIVE. */
    world->now_ms += 10000;
    tr_local_tick(world->local, world_wall(world));
    world_look_at_model(world);
}

struct world *world_new(const struct world_options *options)
{
    struct world *world = tr_calloc(1, sizeof *world);
    struct tr_local_watch watch = world_watch;
    struct tr_local_options local = {.seed = options->seed,
                                     .open_shards = options->shards,
                                     .table_delay_ms = options->table_ms,
                                     .watch = &watch};
    TR_ASSERT(world != NULL);
    world->options = *options;
    world->options.failover_ms = options->failover_ms > 0 ? options->failover_ms : 10000;
    world->judge = options->judge;
    world->trace = options->trace;
    if (world->trace == NULL && getenv("TR_TRACE") != NULL) {
        world->trace = stderr;
    }
    world->workers = tr_calloc(WORLD_WORKERS_MAX, sizeof *world->workers);
    world->written = tr_calloc(WORLD_KEYS_MAX, sizeof *world->written);
    world->delivered = tr_calloc(WORLD_KEYS_MAX, sizeof *world->delivered);
    TR_ASSERT(world->workers != NULL && world->written != NULL && world->delivered != NULL);
    world->fail_in = -1;
    world->starved = SIZE_MAX;
    world->serving = SIZE_MAX;
    world->now_ms = 1000;
    watch.ctx = world;
    tr_random_init(&world->random, options->seed);
    TR_ASSERT(tr_local_new(&local, world_wall(world), &world->local) == TR_OK);
    make_table(world);
    return world;
}

/* ---- workers ---- */

static void leave(struct world *world, size_t index)
{
    size_t i;
    world->workers[index].alive = false;
    for (i = 0; i < world->alive_count; i++) {
        if (world->alive[i] == index) {
            world->alive[i] = world->alive[--world->alive_count];
            return;
        }
    }
}

static void enter(struct world *world, size_t index)
{
    TR_ASSERT(tr_grow(&world->alive, &world->alive_cap, world->alive_count + 1,
                      sizeof *world->alive) != 0);
    world->alive[world->alive_count++] = index;
    world->workers[index].alive = true;
}

static void drop_worker(struct world *world, size_t index)
{
    struct worker *worker = &world->workers[index];
    leave(world, index);
    tr_consumer_effects_deinit(&worker->fx);
    kcl_effects_deinit(&worker->kcl_fx);
    if (worker->core != NULL) {
        tr_consumer_free(worker->core);
    }
    if (worker->kcl != NULL) {
        kcl_free(worker->kcl);
    }
    tr_free(worker->valid_until);
    worker->valid_until = NULL;
    worker->valid_count = worker->valid_cap = 0;
    worker->core = NULL;
    worker->kcl = NULL;
}

void world_free(struct world *world)
{
    struct happening *h;
    size_t i;
    for (i = 0; i < world->worker_count; i++) {
        drop_worker(world, i);
    }
    for (i = 0; i < world->heap_count; i++) {
        discard(world, world->heap[i]);
    }
    while ((h = world->free_list) != NULL) {
        world->free_list = h->next_free;
        tr_free(h);
    }
    tr_free(world->heap);
    tr_free(world->alive);
    tr_free(world->open_shards);
    tr_free(world->workers);
    tr_free(world->written);
    tr_free(world->delivered);
    tr_buf_deinit(&world->scratch);
    tr_local_free(world->local);
    tr_free(world);
}

void world_count_allocations(struct world *world)
{
    (void)tr_mem_fail_at(world->fail_in);
}

void world_stop_counting(struct world *world)
{
    uint64_t made = tr_mem_fail_at(-1);
    world->allocations += made;
    if (world->fail_in >= 0) {
        world->fail_in = made > (uint64_t)world->fail_in ? -1 : world->fail_in - (int64_t)made;
    }
}

static void ended(struct world *world, size_t index, enum tr_status status, const char *why)
{
    struct worker *worker = &world->workers[index];
    worker->ended = true;
    worker->status = status;
    leave(world, index);
    if (status != TR_OK) {
        WORLD_TRACE(world, index, "ended: %s", why);
        (void)snprintf(world->error, sizeof world->error, "%s", why);
    }
    observe_worker(world, index, status == TR_OK ? JUDGE_ENDED : JUDGE_FAILED);
}

static void set_valid(struct worker *worker, uint32_t lease, uint64_t until)
{
    if (lease >= worker->valid_count) {
        size_t count = lease + 1u;
        TR_ASSERT(tr_grow(&worker->valid_until, &worker->valid_cap, count,
                          sizeof *worker->valid_until) != 0);
        memset(worker->valid_until + worker->valid_count, 0,
               (count - worker->valid_count) * sizeof *worker->valid_until);
        worker->valid_count = count;
    }
    worker->valid_until[lease] = until;
}

static void run_effects(struct world *world, size_t index)
{
    struct worker *worker = &world->workers[index];
    size_t i;
    for (i = 0; i < worker->fx.count; i++) {
        struct tr_consumer_effect *fx = &worker->fx.items[i];
        switch (fx->kind) {
        case TR_CONSUMER_FX_CALL:
            network_call(world, index, fx);
            break;
        case TR_CONSUMER_FX_SLICE:
            processing_slice(world, index, fx);
            break;
        case TR_CONSUMER_FX_PROCESS:
            processing_give(world, index, fx);
            break;
        case TR_CONSUMER_FX_VALID:
            set_valid(worker, fx->lease, fx->valid_until.ns);
            break;
        case TR_CONSUMER_FX_NOTE:
            observe_note(world, index, &fx->note);
            break;
        case TR_CONSUMER_FX_DONE:
            ended(world, index, fx->status, fx->err.text);
            break;
        }
    }
}

static void find_deadline(struct world *world, struct worker *worker)
{
    struct tr_mono when = TR_MONO_NEVER;
    if (worker->kcl != NULL) {
        uint64_t ms = kcl_deadline(worker->kcl);
        when.ns = ms < UINT64_MAX / TR_NS_PER_MS ? ms * TR_NS_PER_MS : UINT64_MAX;
    } else if (worker->core != NULL) {
        when = tr_consumer_deadline(worker->core);
    }
    worker->deadline_at = clock_true_ms(world, &worker->clock, when);
}

/* No memory: the worker's process ends there and then, or stops as the shell does. */
static void starve(struct world *world, size_t index)
{
    struct tr_consumer_event stop = {.kind = TR_CONSUMER_EV_STOP};
    if (world->starved != SIZE_MAX) {
        return; /* it is told so more than once */
    }
    world->starved = index;
    if (!world->starved_stops) {
        drop_worker(world, index);
    } else if (world->workers[index].alive) {
        world_step(world, index, &stop);
    }
}

void world_step(struct world *world, size_t index, struct tr_consumer_event *event)
{
    struct worker *worker = &world->workers[index];
    enum tr_status status;
    bool may_starve = world->fail_in >= 0 || world->starved == index;

    if (worker->ended || world->over) {
        return;
    }
    tr_consumer_effects_reset(&worker->fx);
    event->now = clock_mono(world, &worker->clock);
    event->wall = clock_service(world, &worker->clock);
    world_count_allocations(world);
    status = tr_consumer_step(worker->core, event, &worker->fx);
    world_stop_counting(world);
    if (status != TR_OK && !(status == TR_ENOMEM && may_starve)) {
        world_wrong(world, "step", "worker %zu: a step gives '%s'", index, tr_status_text(status));
    }
    run_effects(world, index);
    if (world->options.inspect) {
        inspect(world, index, status != TR_OK || world->starved == index);
    }
    if (status == TR_ENOMEM || (worker->ended && worker->status == TR_ENOMEM)) {
        starve(world, index);
    }
    find_deadline(world, worker);
}

void world_step_kcl(struct world *world, size_t index, struct kcl_event *event)
{
    struct worker *worker = &world->workers[index];
    size_t i;
    if (worker->ended || world->over) {
        return;
    }
    kcl_effects_reset(&worker->kcl_fx);
    event->now_ms = clock_mono(world, &worker->clock).ns / TR_NS_PER_MS;
    kcl_step(worker->kcl, event, &worker->kcl_fx);
    for (i = 0; i < worker->kcl_fx.count; i++) {
        struct kcl_effect *fx = &worker->kcl_fx.items[i];
        switch (fx->kind) {
        case KCL_FX_CALL:
            network_call_kcl(world, index, fx);
            break;
        case KCL_FX_PROCESS:
            processing_give_kcl(world, index, fx);
            break;
        case KCL_FX_NOTE:
            WORLD_TRACE(world, index, "kcl: %s %s", fx->what, fx->shard != NULL ? fx->shard : "");
            break;
        case KCL_FX_DONE:
            ended(world, index, TR_OK, "");
            break;
        }
    }
    find_deadline(world, worker);
}

void world_starve(struct world *world, int64_t n, bool stops)
{
    world->fail_in = n;
    world->starved_stops = stops;
}

size_t world_starved(const struct world *world)
{
    return world->starved;
}

uint64_t world_allocations(const struct world *world)
{
    return world->allocations;
}

static struct worker *new_worker(struct world *world, const char *kind)
{
    size_t index = world->worker_count++, i;
    struct worker *worker = &world->workers[index];
    TR_ASSERT(index < WORLD_WORKERS_MAX);
    (void)snprintf(worker->id, sizeof worker->id, "%s-%zu", kind, index);
    worker->budget.bytes_max = 64 << 20;
    clock_init(world, &worker->clock);
    for (i = 0; i < TR_AWS_CLASS_COUNT; i++) {
        tr_retry_init(&worker->retry[i], tr_random_u64(&world->random));
    }
    enter(world, index);
    return worker;
}

static size_t start(struct world *world, struct worker *worker, bool once)
{
    size_t index = world->worker_count - 1;
    struct tr_consumer_event tick = {.kind = TR_CONSUMER_EV_TICK};
    const struct world_options *given = &world->options;
    struct tr_consumer_options options = {
        .name = "app",
        .table = "Items",
        .lease_table = "app",
        .worker_id = worker->id,
        .failover_ms =
            given->mixed && index % 2 == 1 ? given->failover_ms * 2 / 3 : given->failover_ms,
        .poll_min_ms = given->poll_min_ms > 0 ? given->poll_min_ms : 250,
        .poll_max_ms = once                     ? 250
                       : given->poll_max_ms > 0 ? given->poll_max_ms
                                                : 2000,
        .checkpoint_interval_ms = given->checkpoint_ms > 0 ? given->checkpoint_ms : 5000,
        .batch_records = given->batch_records > 0 ? given->batch_records : 100,
        .batch_bytes = 6 << 20,
        .start = given->start,
        .start_ms = given->start_ms,
        .stop_on_gap = given->stop_on_gap,
        .once = once,
        .once_pages = 5,
        .seed = tr_random_u64(&world->random),
        .budget = &worker->budget,
    };
    TR_ASSERT(tr_consumer_new(&options, &worker->core) == TR_OK);
    observe_worker(world, index, JUDGE_STARTED);
    if (world->judge != NULL) {
        judge_failover(world->judge, index, options.failover_ms);
    }
    world_step(world, index, &tick);
    return index;
}

size_t world_start(struct world *world, bool once)
{
    return start(world, new_worker(world, "worker"), once);
}

size_t world_start_twin(struct world *world, size_t of)
{
    struct worker *worker = new_worker(world, "twin");
    memcpy(worker->id, world->workers[of].id, sizeof worker->id);
    return start(world, worker, false);
}

/* The newest stream of the table, as DescribeTable shows it. */
static void find_stream(struct world *world, char out[256])
{
    struct tr_buf answer = {0};
    const char *mark = "\"LatestStreamArn\":\"", *at;
    (void)world_call(world, "DynamoDB_20120810.DescribeTable", "{\"TableName\":\"Items\"}",
                     &answer);
    at = answer.ptr != NULL ? strstr(answer.ptr, mark) : NULL;
    TR_ASSERT(at != NULL);
    at += strlen(mark);
    (void)snprintf(out, 256, "%.*s", (int)strcspn(at, "\""), at);
    tr_buf_deinit(&answer);
}

size_t world_start_kcl(struct world *world)
{
    struct worker *worker = new_worker(world, "kcl");
    size_t index = world->worker_count - 1;
    struct kcl_event tick = {.kind = KCL_EV_TICK};
    char arn[256];
    struct kcl_options options = {.id = worker->id,
                                  .lease_table = "app",
                                  .stream_arn = arn,
                                  .failover_ms = world->options.failover_ms,
                                  .seed = tr_random_u64(&world->random)};
    find_stream(world, arn);
    worker->kcl = kcl_new(&options, clock_mono(world, &worker->clock).ns / TR_NS_PER_MS);
    observe_worker(world, index, JUDGE_STARTED);
    world_step_kcl(world, index, &tick);
    return index;
}

void world_crash(struct world *world, size_t index)
{
    if (world->workers[index].core == NULL && world->workers[index].kcl == NULL) {
        return;
    }
    processing_crash(world, index);
    if (!world->workers[index].ended) {
        observe_worker(world, index, JUDGE_CRASHED);
    }
    drop_worker(world, index);
}

void world_stop(struct world *world, size_t index)
{
    struct worker *worker = &world->workers[index];
    if (!worker->alive) {
        return;
    }
    observe_worker(world, index, JUDGE_STOPPING);
    if (worker->kcl != NULL) {
        struct kcl_event event = {.kind = KCL_EV_STOP};
        world_step_kcl(world, index, &event);
    } else {
        struct tr_consumer_event event = {.kind = TR_CONSUMER_EV_STOP};
        world_step(world, index, &event);
    }
}

void world_set_clock(struct world *world, size_t index, int64_t more_ms)
{
    struct clock *clock = &world->workers[index].clock;
    clock->wall_ahead_ms += more_ms;
    WORLD_TRACE(world, index, "FAULT wall clock now ahead by %lld ms",
                (long long)clock->wall_ahead_ms);
}

static void wake(struct world *world, void *ctx, uint64_t index)
{
    (void)ctx;
    if (world->workers[index].alive && world->workers[index].frozen_until <= world->now_ms) {
        observe_worker(world, (size_t)index, JUDGE_WOKEN);
    }
}

/* Nothing happens in it; some of what it was about to send leaves it only when it wakes. */
void world_pause(struct world *world, size_t index, uint64_t ms)
{
    struct worker *worker = &world->workers[index];
    uint64_t until = world->now_ms + ms;
    size_t i;
    if (!worker->alive || until <= worker->frozen_until) {
        return;
    }
    observe_worker(world, index, JUDGE_PAUSED);
    worker->frozen_until = until;
    for (i = 0; i < world->heap_count; i++) {
        struct happening *h = world->heap[i];
        if (h->kind == ARRIVE && h->worker == index && !h->answerless &&
            world_chance(world, HELD_BACK_PER_THOUSAND)) {
            h->at_ms += ms;
            h->timeout_at += ms;
        }
    }
    for (i = world->heap_count; i-- > 0;) {
        sift_down(world->heap, world->heap_count, i);
    }
    world_act(world, ms, wake, NULL, index);
}

void world_lose(struct world *world, unsigned per_thousand)
{
    world->options.lost_per_thousand = per_thousand;
}

void world_stop_all(struct world *world)
{
    size_t i;
    for (i = 0; i < world->worker_count; i++) {
        world_stop(world, i);
    }
}

bool world_ended(const struct world *world, size_t index, enum tr_status *status)
{
    if (status != NULL) {
        *status = world->workers[index].status;
    }
    return world->workers[index].ended;
}

bool world_alive(const struct world *world, size_t index)
{
    return world->workers[index].alive;
}

void world_write(struct world *world, unsigned key)
{
    char body[256];
    TR_ASSERT(key < WORLD_KEYS_MAX);
    (void)snprintf(
        body, sizeof body,
        "{\"TableName\":\"Items\",\"Item\":{\"pk\":{\"S\":\"k%u\"},\"n\":{\"N\":\"%llu\"},"
        "\"text\":{\"S\":\"some text of item %u\"}}}",
        key, (unsigned long long)world->written[key] + 1, key);
    world_must_call(world, "DynamoDB_20120810.PutItem", body);
    world->written[key]++;
    world->writes++;
}

void world_write_some(struct world *world, unsigned writes, unsigned keys)
{
    unsigned i;
    for (i = 0; i < writes; i++) {
        world_write(world, i * 7 % keys);
    }
}

void world_set_fault(struct world *world, enum tr_fault_kind kind, const char *where,
                     const char *more)
{
    char body[256];
    (void)snprintf(body, sizeof body, "{\"Fault\":\"%s\"%s%s%s%s}", tr_fault_name(kind),
                   where[0] != '\0' ? "," : "", where, more[0] != '\0' ? "," : "", more);
    world_control(world, "SetFault", body);
}

/* ---- time ---- */

static void happen(struct world *world, struct happening *h)
{
    struct tr_err err = {0};
    struct tr_aws_answer answer = {.status = h->status};
    struct tr_consumer_event event = {.op = h->op, .status = h->status, .err = &err};

    switch (h->kind) {
    case ARRIVE:
        network_arrive(world, h);
        break;
    case LAND:
        network_land(world, h);
        break;
    case AGAIN:
        network_again(world, h);
        break;
    case ANSWER:
    case SLICED:
        if (world->workers[h->worker].core != NULL) {
            event.kind = h->kind == ANSWER ? TR_CONSUMER_EV_ANSWER : TR_CONSUMER_EV_SLICED;
            event.answer = &answer;
            if (h->status != TR_OK) {
                (void)snprintf(answer.err.text, sizeof answer.err.text, "%s",
                               tr_status_text(h->status));
            }
            world_step(world, h->worker, &event);
        }
        break;
    case BATCH:
        processing_begin(world, h);
        break;
    case PROCESSED:
        processing_end(world, h);
        break;
    case ACT:
        h->act(world, h->ctx, h->arg);
        break;
    }
}

static uint64_t next_deadline(const struct world *world, size_t *who)
{
    uint64_t at = UINT64_MAX;
    size_t i;
    for (i = 0; i < world->alive_count; i++) {
        const struct worker *worker = &world->workers[world->alive[i]];
        uint64_t wanted = worker->deadline_at;
        if (wanted == UINT64_MAX) {
            continue;
        }
        wanted = wanted > worker->frozen_until ? wanted : worker->frozen_until;
        if (wanted < at || (wanted == at && world->alive[i] < *who)) {
            at = wanted;
            *who = world->alive[i];
        }
    }
    return at;
}

static void tick(struct world *world, size_t who)
{
    struct worker *worker = &world->workers[who];
    worker->ticks = worker->ticked_at == world->now_ms ? worker->ticks + 1 : 0;
    worker->ticked_at = world->now_ms;
    if (worker->ticks >= STEPS_AT_ONCE_MAX) {
        world_wrong(world, "spin", "worker %zu: its deadline does not lie ahead", who);
    } else if (worker->kcl != NULL) {
        struct kcl_event event = {.kind = KCL_EV_TICK};
        world_step_kcl(world, who, &event);
    } else {
        struct tr_consumer_event event = {.kind = TR_CONSUMER_EV_TICK};
        world_step(world, who, &event);
    }
}

static void take_first(struct world *world)
{
    struct happening *h = pop(world);
    if (h->kind != ARRIVE && h->kind != ACT &&
        world->workers[h->worker].frozen_until > world->now_ms) {
        h->at_ms = world->workers[h->worker].frozen_until;
        push(world, h);
        return;
    }
    happen(world, h);
    discard(world, h);
}

/* The next thing that happens until `end_ms`; false when there is none. */
static bool advance(struct world *world, uint64_t end_ms)
{
    size_t who = SIZE_MAX;
    uint64_t deadline = next_deadline(world, &who);
    uint64_t at = world->heap_count > 0 ? world->heap[0]->at_ms : UINT64_MAX;
    uint64_t model = world->local_due_ms == INT64_MAX
                         ? UINT64_MAX
                         : (uint64_t)(world->local_due_ms - WORLD_START_MS);
    uint64_t first = deadline < at ? deadline : at;
    first = model < first ? model : first;

    if (first > end_ms || world->over) {
        return false;
    }
    world->now_ms = first > world->now_ms ? first : world->now_ms;
    if (model <= world->now_ms) {
        tr_local_tick(world->local, world_wall(world));
        world_look_at_model(world);
    } else if (deadline < at) {
        tick(world, who);
    } else {
        take_first(world);
    }
    return true;
}

void world_run(struct world *world, uint64_t ms)
{
    uint64_t end_ms = world->now_ms + ms;
    while (advance(world, end_ms)) {
    }
    world->now_ms = world->over ? world->now_ms : end_ms;
}

void world_run_until_ended(struct world *world, size_t worker, uint64_t ms)
{
    uint64_t end_ms = world->now_ms + ms;
    while (!world->workers[worker].ended) {
        if (!advance(world, end_ms)) {
            world_wrong(world, "end", "worker %zu has not ended after %llu ms", worker,
                        (unsigned long long)ms);
            return;
        }
    }
}

void world_expect_from_now(struct world *world)
{
    memcpy(world->delivered, world->written, WORLD_KEYS_MAX * sizeof *world->delivered);
}

void world_configure(struct world *world, enum tr_consumer_start start, int64_t start_ms,
                     bool stop_on_gap)
{
    world->options.start = start;
    world->options.start_ms = start_ms;
    world->options.stop_on_gap = stop_on_gap;
}

int64_t world_wall_ms(const struct world *world)
{
    return world_wall(world).ms;
}

const char *world_gap(const struct world *world)
{
    return world->gap;
}

uint64_t world_check(struct world *world)
{
    size_t i;
    for (i = 0; i < WORLD_KEYS_MAX; i++) {
        if (world->delivered[i] != world->written[i]) {
            world_wrong(world, "lost", "key %zu: %llu written, %llu delivered", i,
                        (unsigned long long)world->written[i],
                        (unsigned long long)world->delivered[i]);
        }
    }
    if (world->wrong > 0) {
        world_wrong(world, "order", "%llu first deliveries out of order",
                    (unsigned long long)world->wrong);
    }
    return world->repeats;
}

uint64_t world_now_ms(const struct world *world)
{
    return world->now_ms;
}

uint64_t world_delivered(const struct world *world)
{
    return world->deliveries;
}

uint64_t world_notes(const struct world *world, unsigned note_id)
{
    return world->notes[note_id];
}

const char *world_note(const struct world *world, unsigned note_id)
{
    return world->note_texts[note_id];
}

const char *world_error(const struct world *world)
{
    return world->error;
}

bool world_lag(const struct world *world, size_t index, uint64_t *ms, size_t *unknown)
{
    const struct worker *worker = &world->workers[index];
    TR_ASSERT(worker->core != NULL);
    return tr_consumer_lag(worker->core, world_wall(world), ms, unknown);
}

size_t world_held(const struct world *world, size_t index)
{
    const struct worker *worker = &world->workers[index];
    return worker->core != NULL  ? tr_consumer_held(worker->core)
           : worker->kcl != NULL ? kcl_held(worker->kcl)
                                 : 0;
}
