/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

#include "aws/error_core.h"
#include "base/mem.h"
#include "base/note.h"
#include "tests/support/test.h"
#include "worker/consumer_parts.h" /* its inside is looked at after each step */

#define WORKERS_MAX 64
#define KEYS_MAX 4096
#define START_MS 1795248000000ll
/* A worker that wants to be stepped this often without time passing spins. */
#define STEPS_AT_ONCE_MAX 2000u

enum happening_kind { ARRIVE, ANSWER, SLICED, PROCESSED };

struct happening {
    uint64_t at_ms;
    uint64_t order;
    enum happening_kind kind;
    size_t worker;
    uint64_t op;
    char target[64];
    struct tr_buf body;  /* request or answer */
    uint64_t timeout_at; /* of the call */
    bool lose_answer;
    enum tr_status status;
    bool may_have_happened;
    int64_t date_ms; /* the answer's Date header, in whole seconds */
    size_t done;
};

struct worker {
    struct tr_consumer *core;
    struct tr_budget budget;
    struct tr_consumer_effects fx;
    bool alive;
    bool ended;
    enum tr_status status;
    uint64_t frozen_until; /* ms */
    uint64_t ticked_at;    /* ms */
    unsigned ticks;        /* at that time */
};

struct world {
    struct world_options options;
    struct tr_local *local;
    struct tr_random random;
    uint64_t now_ms;
    uint64_t order;
    struct happening *pending;
    size_t pending_count, pending_cap;
    struct worker workers[WORKERS_MAX];
    size_t worker_count;
    uint64_t written[KEYS_MAX];   /* versions written of each key: 1..n */
    uint64_t delivered[KEYS_MAX]; /* highest version delivered in order */
    uint64_t deliveries, repeats;
    uint64_t notes[TR_NOTE_COUNT];
    char gap[256]; /* the newest one's bounds */
    uint64_t wrong;
    int64_t fail_in; /* allocations of the workers' until one fails; -1: none does */
    bool starved_stops;
    size_t starved; /* the worker that an allocation failed for, or SIZE_MAX */
    uint64_t allocations;
};

static struct tr_mono mono(const struct world *world)
{
    return (struct tr_mono){world->now_ms * TR_NS_PER_MS};
}

static struct tr_wall wall(const struct world *world)
{
    return (struct tr_wall){START_MS + (int64_t)world->now_ms};
}

unsigned world_call(struct world *world, const char *target, const char *body, struct tr_buf *out)
{
    struct tr_local_answer answer = {0};
    unsigned status;
    tr_local_call(world->local, wall(world), tr_bytes_of(target), tr_bytes_of(body), &answer);
    status = answer.http_status;
    if (out != NULL) {
        *out = answer.body;
        answer.body = (struct tr_buf){0};
    }
    tr_local_answer_deinit(&answer);
    return status;
}

static void must_call(struct world *world, const char *target, const char *body)
{
    struct tr_buf out = {0};
    if (world_call(world, target, body, &out) != 200) {
        fail_msg("%s %s: %.*s", target, body, TR_FMT(tr_buf_bytes(&out)));
    }
    tr_buf_deinit(&out);
}

void world_control(struct world *world, const char *operation, const char *body)
{
    char target[64];
    (void)snprintf(target, sizeof target, "TailraceLocal_1.%s", operation);
    must_call(world, target, body);
}

struct world *world_new(const struct world_options *options)
{
    struct world *world = tr_calloc(1, sizeof *world);
    struct tr_local_options local = {.seed = options->seed, .open_shards = options->shards};
    assert_non_null(world);
    world->options = *options;
    world->fail_in = -1;
    world->starved = SIZE_MAX;
    world->now_ms = 1000;
    tr_random_init(&world->random, options->seed);
    assert_int_equal(tr_local_new(&local, wall(world), &world->local), TR_OK);
    must_call(
        world, "DynamoDB_20120810.CreateTable",
        "{\"TableName\":\"Items\",\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}],"
        "\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}],"
        "\"BillingMode\":\"PAY_PER_REQUEST\",\"StreamSpecification\":{\"StreamEnabled\":true,"
        "\"StreamViewType\":\"NEW_IMAGE\"}}");
    /* The table becomes ACTIVE. */
    world->now_ms += 10000;
    tr_local_tick(world->local, wall(world));
    return world;
}

static void drop_worker(struct worker *worker)
{
    tr_consumer_effects_deinit(&worker->fx);
    tr_consumer_free(worker->core);
    worker->core = NULL;
    worker->alive = false;
}

void world_free(struct world *world)
{
    size_t i;
    for (i = 0; i < world->worker_count; i++) {
        if (world->workers[i].core != NULL) {
            drop_worker(&world->workers[i]);
        }
    }
    for (i = 0; i < world->pending_count; i++) {
        tr_buf_deinit(&world->pending[i].body);
    }
    tr_free(world->pending);
    tr_local_free(world->local);
    tr_free(world);
}

static struct happening *schedule(struct world *world, uint64_t in_ms, enum happening_kind kind,
                                  size_t worker, uint64_t op)
{
    struct happening *h;
    assert_true(tr_grow(&world->pending, &world->pending_cap, world->pending_count + 1,
                        sizeof *world->pending));
    h = &world->pending[world->pending_count++];
    *h = (struct happening){.at_ms = world->now_ms + in_ms,
                            .order = ++world->order,
                            .kind = kind,
                            .worker = worker,
                            .op = op};
    return h;
}

static bool chance(struct world *world, unsigned per_thousand)
{
    return tr_random_below(&world->random, 1000) < per_thousand;
}

static void send_call(struct world *world, size_t index, struct tr_consumer_effect *fx)
{
    uint64_t timeout = fx->request.timeout_ms > 0 ? fx->request.timeout_ms : 10000;
    bool lost = chance(world, world->options.lost_per_thousand);
    struct happening *h;

    if (tr_buf_status(&fx->body) != TR_OK) {
        schedule(world, 0, ANSWER, index, fx->op)->status = TR_ENOMEM;
        return;
    }
    assert_true(fx->body.len > 0);
    if (lost) {
        h = schedule(world, timeout, ANSWER, index, fx->op);
        h->status = TR_ETIMEOUT;
        h->may_have_happened = true; /* for all that the sender knows */
        return;
    }
    h = schedule(world, 1 + tr_random_below(&world->random, 8), ARRIVE, index, fx->op);
    (void)snprintf(h->target, sizeof h->target, "%s.%s",
                   fx->request.service == TR_AWS_DYNAMODB ? "DynamoDB_20120810"
                                                          : "DynamoDBStreams_20120810",
                   fx->request.operation);
    h->body = fx->body;
    h->timeout_at = world->now_ms + timeout;
    h->lose_answer = chance(world, world->options.lost_per_thousand);
    fx->body = (struct tr_buf){0};
}

/* The number behind a marker in a record's bytes; found by plain search, not by the product. */
static uint64_t number_after(const char *text, const char *marker)
{
    const char *at = strstr(text, marker);
    return at != NULL ? strtoull(at + strlen(marker), NULL, 10) : UINT64_MAX;
}

static void deliver(struct world *world, const struct tr_page *page, size_t index)
{
    struct tr_bytes bytes = tr_page_span(page, page->records[index].whole);
    char *text = tr_memdup(bytes.ptr, bytes.len);
    uint64_t key, version;
    assert_non_null(text);
    key = number_after(text, "\"pk\":{\"S\":\"k");
    version = number_after(text, "\"n\":{\"N\":\"");
    assert_true(key < KEYS_MAX);
    world->deliveries++;
    if (version <= world->delivered[key]) {
        world->repeats++;
    } else if (version == world->delivered[key] + 1) {
        world->delivered[key] = version;
    } else {
        print_message("key %llu: version %llu after %llu\n", (unsigned long long)key,
                      (unsigned long long)version, (unsigned long long)world->delivered[key]);
        world->wrong++;
        world->delivered[key] = version;
    }
    tr_free(text);
}

static void process(struct world *world, size_t index, const struct tr_consumer_effect *fx)
{
    bool fails = chance(world, world->options.fail_per_thousand);
    size_t done = fails ? (size_t)tr_random_below(&world->random, fx->count) : fx->count, i;
    struct happening *h;
    for (i = 0; i < done; i++) {
        deliver(world, fx->page, fx->first + i);
    }
    h = schedule(world, tr_random_below(&world->random, world->options.process_ms + 1), PROCESSED,
                 index, fx->op);
    h->status = fails ? TR_EIO : TR_OK;
    h->done = done;
}

static void step(struct world *world, size_t index, struct tr_consumer_event *event);

/* Around what is a worker's own: the allocation that is to fail is counted there only. */
static void count_allocations(struct world *world)
{
    (void)tr_mem_fail_at(world->fail_in);
}

static void stop_counting(struct world *world)
{
    uint64_t made = tr_mem_fail_at(-1);
    world->allocations += made;
    if (world->fail_in >= 0) {
        world->fail_in = made > (uint64_t)world->fail_in ? -1 : world->fail_in - (int64_t)made;
    }
}

static void run_effects(struct world *world, size_t index)
{
    struct worker *worker = &world->workers[index];
    size_t i;
    for (i = 0; i < worker->fx.count; i++) {
        struct tr_consumer_effect *fx = &worker->fx.items[i];
        struct happening *h;
        switch (fx->kind) {
        case TR_CONSUMER_FX_CALL:
            send_call(world, index, fx);
            break;
        case TR_CONSUMER_FX_SLICE:
            h = schedule(world, 0, SLICED, index, fx->op);
            count_allocations(world);
            h->status = tr_page_slice(fx->page, NULL);
            stop_counting(world);
            break;
        case TR_CONSUMER_FX_PROCESS:
            process(world, index, fx);
            break;
        case TR_CONSUMER_FX_VALID:
            break;
        case TR_CONSUMER_FX_NOTE:
            world->notes[fx->note.id]++;
            if (fx->note.id == TR_NOTE_GAP) {
                (void)snprintf(world->gap, sizeof world->gap, "%.*s", TR_FMT(fx->note.text));
            }
            if (getenv("TR_TRACE") != NULL) {
                const struct tr_note_row *row = tr_note_row(fx->note.id);
                print_message("[%8llu] %zu %s shard=%.*s %s=%llu %.*s\n",
                              (unsigned long long)world->now_ms, index, row->message,
                              TR_FMT(fx->note.shard), row->a, (unsigned long long)fx->note.a,
                              TR_FMT(fx->note.text));
            }
            break;
        case TR_CONSUMER_FX_DONE:
            worker->ended = true;
            worker->alive = false;
            worker->status = fx->status;
            if (fx->status != TR_OK && getenv("TR_TRACE") != NULL) {
                print_message("worker %zu ended: %s\n", index, fx->err.text);
            }
            break;
        }
    }
}

/* Whether the answer to such a call, or what was lent, is still to come. */
static bool is_under_way(const struct world *world, size_t index, enum op_kind kind,
                         const struct slot *slot)
{
    uint64_t mask = slot != NULL ? (1ull << 28) - 1 : 15, op = tr_consumer_op(kind, slot, 0);
    size_t i;
    for (i = 0; i < world->pending_count; i++) {
        const struct happening *h = &world->pending[i];
        if (h->worker == index && (h->op & mask) == (op & mask)) {
            return true;
        }
    }
    return false;
}

static void must_be(const struct world *world, size_t index, bool holds, const char *what)
{
    if (!holds) {
        fail_msg("seed %llu, worker %zu, at %llu ms: not so: %s",
                 (unsigned long long)world->options.seed, index, (unsigned long long)world->now_ms,
                 what);
    }
}

/* Whether an answer that a former tenant of the slot asked for could be taken for this one's: its
 * op differs in the generation only, which is drawn anew and may be the same one day. */
static bool is_mistakable(const struct world *world, size_t index, const struct slot *slot)
{
    size_t i;
    for (i = 0; i < world->pending_count; i++) {
        const struct happening *h = &world->pending[i];
        enum op_kind kind = tr_consumer_op_kind(h->op);
        uint64_t ours = tr_consumer_op(kind, slot, slot->reader.op);
        if (h->worker == index && (kind == OP_ITERATOR || kind == OP_RECORDS) && h->op != ours &&
            (h->op & ~(0xffull << 20)) == (ours & ~(0xffull << 20))) {
            return true;
        }
    }
    return false;
}

static void inspect_slot(const struct world *world, size_t index, const struct slot *slot)
{
    const struct tr_consumer *c = world->workers[index].core;
    enum tr_reader_state reader = slot->reader.state;

    must_be(world, index, slot->held || slot->slicing != NULL || slot->processing,
            "a slot is held, or waits for what is lent");
    must_be(world, index, !slot->processing || is_under_way(world, index, OP_PROCESS, slot),
            "a batch that is lent comes back");
    must_be(world, index, slot->slicing == NULL || is_under_way(world, index, OP_SLICE, slot),
            "a page that is lent comes back");
    if (!slot->held || c->stopping) {
        return;
    }
    must_be(world, index, !is_mistakable(world, index, slot),
            "a late answer to a former tenant is nobody's");
    must_be(world, index,
            reader != TR_READER_ASKING || is_under_way(world, index, OP_ITERATOR, slot),
            "an iterator was asked for");
    must_be(world, index,
            reader != TR_READER_FETCHING || slot->slicing != NULL ||
                is_under_way(world, index, OP_RECORDS, slot),
            "a page was asked for");
    must_be(world, index,
            slot->children != CHILDREN_ASKING || is_under_way(world, index, OP_CHILDREN, slot),
            "children were asked for");
    must_be(world, index,
            slot->page_count == 0 || slot->processing || slot->retry_at.ns != UINT64_MAX,
            "records in hand are processed some time");
}

/* What must be true after each step: nothing waits for what is not under way, nothing is lent or
 * counted twice. After a failed allocation only the counts. */
static void inspect(const struct world *world, size_t index, bool starved)
{
    const struct worker *worker = &world->workers[index];
    const struct tr_consumer *c = worker->core;
    size_t lent = 0, held = 0, bytes = 0, i, j;

    for (i = 0; i < c->slot_count; i++) {
        const struct slot *slot = c->slots[i];
        if (slot == NULL) {
            continue;
        }
        lent += (slot->processing ? 1u : 0u) + (slot->slicing != NULL ? 1u : 0u);
        held += slot->held ? 1u : 0u;
        bytes += slot->slicing != NULL ? slot->slicing->body.len : 0;
        for (j = 0; j < slot->page_count; j++) {
            bytes += slot->pages[j].page->body.len;
        }
        if (!slot->held && slot->processing) {
            bytes += slot->processing_page->body.len;
        }
        if (!starved) {
            inspect_slot(world, index, slot);
        }
    }
    must_be(world, index, lent == c->lent && held == c->held, "the slots are counted right");
    must_be(world, index, bytes == worker->budget.bytes, "the pages' bytes are counted right");
    if (starved || c->stopping || worker->ended) {
        return;
    }
    must_be(world, index,
            !c->phase_calling || is_under_way(world, index, OP_TABLE, NULL) ||
                is_under_way(world, index, OP_LEASE_TABLE, NULL) ||
                is_under_way(world, index, OP_CREATE_TABLE, NULL),
            "a question of the start is under way");
    must_be(world, index,
            !c->listing.active || c->listing.next.ns != UINT64_MAX ||
                is_under_way(world, index, OP_LIST, NULL),
            "a listing is under way");
    must_be(world, index, !c->scan.active || is_under_way(world, index, OP_SCAN, NULL),
            "a scan is under way");
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
        drop_worker(&world->workers[index]);
    } else if (world->workers[index].alive) {
        step(world, index, &stop);
    }
}

static void step(struct world *world, size_t index, struct tr_consumer_event *event)
{
    struct worker *worker = &world->workers[index];
    enum tr_status status;
    bool may_starve = world->fail_in >= 0 || world->starved == index;

    tr_consumer_effects_reset(&worker->fx);
    event->now = mono(world);
    event->wall = wall(world);
    count_allocations(world);
    status = tr_consumer_step(worker->core, event, &worker->fx);
    stop_counting(world);
    assert_true(status == TR_OK || (status == TR_ENOMEM && may_starve));
    run_effects(world, index);
    inspect(world, index, status != TR_OK || world->starved == index);
    if (status == TR_ENOMEM || (worker->ended && worker->status == TR_ENOMEM)) {
        starve(world, index);
    }
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

size_t world_start(struct world *world, bool once)
{
    size_t index = world->worker_count++;
    struct worker *worker = &world->workers[index];
    struct tr_consumer_event tick = {.kind = TR_CONSUMER_EV_TICK};
    char id[32];
    struct tr_consumer_options options = {
        .name = "app",
        .table = "Items",
        .lease_table = "app",
        .worker_id = id,
        .failover_ms = world->options.failover_ms > 0 ? world->options.failover_ms : 10000,
        .poll_min_ms = 250,
        .poll_max_ms = once ? 250 : 2000,
        .checkpoint_interval_ms = 5000,
        .batch_records = 100,
        .batch_bytes = 6 << 20,
        .start = world->options.start,
        .start_ms = world->options.start_ms,
        .stop_on_gap = world->options.stop_on_gap,
        .once = once,
        .once_pages = 5,
        .seed = tr_random_u64(&world->random),
        .budget = &worker->budget,
    };
    assert_true(index < WORKERS_MAX);
    (void)snprintf(id, sizeof id, "worker-%zu", index);
    worker->budget.bytes_max = 64 << 20;
    assert_int_equal(tr_consumer_new(&options, &worker->core), TR_OK);
    worker->alive = true;
    step(world, index, &tick);
    return index;
}

void world_crash(struct world *world, size_t index)
{
    drop_worker(&world->workers[index]);
}

void world_stop(struct world *world, size_t index)
{
    struct tr_consumer_event event = {.kind = TR_CONSUMER_EV_STOP};
    step(world, index, &event);
}

void world_pause(struct world *world, size_t index, uint64_t ms)
{
    world->workers[index].frozen_until = world->now_ms + ms;
}

void world_lose(struct world *world, unsigned per_thousand)
{
    world->options.lost_per_thousand = per_thousand;
}

void world_stop_all(struct world *world)
{
    size_t i;
    for (i = 0; i < world->worker_count; i++) {
        if (world->workers[i].alive) {
            world_stop(world, i);
        }
    }
}

bool world_ended(const struct world *world, size_t index, enum tr_status *status)
{
    if (status != NULL) {
        *status = world->workers[index].status;
    }
    return world->workers[index].ended;
}

void world_write(struct world *world, unsigned key)
{
    char body[256];
    (void)snprintf(
        body, sizeof body,
        "{\"TableName\":\"Items\",\"Item\":{\"pk\":{\"S\":\"k%u\"},\"n\":{\"N\":\"%llu\"},"
        "\"text\":{\"S\":\"some text of item %u\"}}}",
        key, (unsigned long long)world->written[key] + 1, key);
    must_call(world, "DynamoDB_20120810.PutItem", body);
    world->written[key]++;
}

/* A request reaches the service: it is carried out, and its answer sent (or lost). */
static void arrive(struct world *world, struct happening *h)
{
    struct tr_local_answer answer = {0};
    struct tr_verdict verdict = {0};
    uint64_t back = 1 + tr_random_below(&world->random, 8);
    struct happening *later;

    tr_local_call(world->local, wall(world), tr_bytes_of(h->target), tr_buf_bytes(&h->body),
                  &answer);
    back += answer.delay_ms;
    if (h->lose_answer || answer.delivery != TR_LOCAL_SEND ||
        world->now_ms + back > h->timeout_at) {
        back = h->timeout_at > world->now_ms ? h->timeout_at - world->now_ms : 0;
        verdict.status = TR_ETIMEOUT;
        verdict.may_have_happened = true;
    } else {
        struct tr_reply reply = {.http_status = answer.http_status,
                                 .body = tr_buf_bytes(&answer.body)};
        tr_reply_judge(&reply, &verdict);
    }
    later = schedule(world, back, ANSWER, h->worker, h->op);
    later->status = verdict.status;
    later->may_have_happened = verdict.may_have_happened;
    later->date_ms = world->options.no_date ? 0 : wall(world).ms / 1000 * 1000;
    later->body = answer.body;
    answer.body = (struct tr_buf){0};
    tr_local_answer_deinit(&answer);
}

static void happen(struct world *world, struct happening *h)
{
    struct tr_aws_answer answer = {
        .status = h->status, .may_have_happened = h->may_have_happened, .date = {h->date_ms}};
    struct tr_err err = {0};
    struct tr_consumer_event event = {
        .op = h->op, .status = h->status, .done = h->done, .err = &err};

    if (h->kind == ARRIVE) {
        arrive(world, h); /* a dead worker's request arrives all the same */
    } else if (world->workers[h->worker].core != NULL) {
        event.kind = h->kind == ANSWER   ? TR_CONSUMER_EV_ANSWER
                     : h->kind == SLICED ? TR_CONSUMER_EV_SLICED
                                         : TR_CONSUMER_EV_PROCESSED;
        answer.body = h->body;
        h->body = (struct tr_buf){0};
        (void)snprintf(answer.err.text, sizeof answer.err.text, "%s", tr_status_text(h->status));
        event.answer = &answer;
        step(world, h->worker, &event);
        tr_buf_deinit(&answer.body);
    }
    tr_buf_deinit(&h->body);
}

static size_t earliest(const struct world *world)
{
    size_t best = SIZE_MAX, i;
    for (i = 0; i < world->pending_count; i++) {
        const struct happening *h = &world->pending[i];
        if (best == SIZE_MAX || h->at_ms < world->pending[best].at_ms ||
            (h->at_ms == world->pending[best].at_ms && h->order < world->pending[best].order)) {
            best = i;
        }
    }
    return best;
}

static uint64_t next_deadline(const struct world *world, size_t *who)
{
    uint64_t at = UINT64_MAX;
    size_t i;
    for (i = 0; i < world->worker_count; i++) {
        const struct worker *worker = &world->workers[i];
        struct tr_mono deadline;
        uint64_t wanted;
        if (!worker->alive) {
            continue;
        }
        deadline = tr_consumer_deadline(worker->core);
        if (deadline.ns == UINT64_MAX) {
            continue;
        }
        wanted = (deadline.ns + TR_NS_PER_MS - 1) / TR_NS_PER_MS;
        wanted = wanted > worker->frozen_until ? wanted : worker->frozen_until;
        if (wanted < at) {
            at = wanted;
            *who = i;
        }
    }
    return at;
}

static void tick(struct world *world, size_t who, uint64_t at_ms)
{
    struct tr_consumer_event event = {.kind = TR_CONSUMER_EV_TICK};
    struct worker *worker = &world->workers[who];
    world->now_ms = at_ms > world->now_ms ? at_ms : world->now_ms;
    worker->ticks = worker->ticked_at == world->now_ms ? worker->ticks + 1 : 0;
    worker->ticked_at = world->now_ms;
    must_be(world, who, worker->ticks < STEPS_AT_ONCE_MAX, "a deadline lies ahead");
    tr_local_tick(world->local, wall(world));
    step(world, who, &event);
}

/* The next thing that happens before `end_ms`; false when there is none. */
static bool advance(struct world *world, uint64_t end_ms)
{
    size_t who = 0, next = earliest(world);
    uint64_t deadline = next_deadline(world, &who);
    uint64_t at = next != SIZE_MAX ? world->pending[next].at_ms : UINT64_MAX;

    if (deadline < at) {
        if (deadline > end_ms) {
            return false;
        }
        tick(world, who, deadline);
        return true;
    }
    if (at > end_ms) {
        return false;
    }
    {
        struct happening h = world->pending[next];
        world->now_ms = at > world->now_ms ? at : world->now_ms;
        if (h.kind != ARRIVE && world->workers[h.worker].frozen_until > world->now_ms) {
            world->pending[next].at_ms = world->workers[h.worker].frozen_until;
            return true;
        }
        world->pending[next] = world->pending[--world->pending_count];
        tr_local_tick(world->local, wall(world));
        happen(world, &h);
    }
    return true;
}

void world_run(struct world *world, uint64_t ms)
{
    uint64_t end_ms = world->now_ms + ms;
    while (advance(world, end_ms)) {
    }
    world->now_ms = end_ms;
    tr_local_tick(world->local, wall(world));
}

void world_run_until_ended(struct world *world, size_t worker, uint64_t ms)
{
    uint64_t end_ms = world->now_ms + ms;
    while (!world->workers[worker].ended) {
        if (!advance(world, end_ms)) {
            fail_msg("seed %llu: worker %zu has not ended after %llu ms",
                     (unsigned long long)world->options.seed, worker, (unsigned long long)ms);
        }
    }
}

void world_expect_from_now(struct world *world)
{
    memcpy(world->delivered, world->written, sizeof world->delivered);
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
    return wall(world).ms;
}

const char *world_gap(const struct world *world)
{
    return world->gap;
}

uint64_t world_check(struct world *world)
{
    uint64_t wrong = world->wrong;
    size_t i;
    for (i = 0; i < KEYS_MAX; i++) {
        if (world->delivered[i] != world->written[i]) {
            print_message("key %zu: %llu written, %llu delivered\n", i,
                          (unsigned long long)world->written[i],
                          (unsigned long long)world->delivered[i]);
            wrong++;
        }
    }
    if (wrong > 0) {
        fail_msg("seed %llu: %llu wrong", (unsigned long long)world->options.seed,
                 (unsigned long long)wrong);
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

size_t world_held(const struct world *world, size_t worker)
{
    const struct worker *w = &world->workers[worker];
    return w->core != NULL ? tr_consumer_held(w->core) : 0;
}
