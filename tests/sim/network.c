/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls on their way, as the workers' AWS client makes them: attempts with their time-outs,
 * repeated with backoff where the client repeats them, and never where it does not. The network
 * loses, slows, reorders, repeats and breaks; a request may take effect long after its sender gave
 * it up. */
#include "tests/sim/inside.h"

#include "aws/error_core.h"
#include "local/iterator.h"
#include "local/model.h"

#define ATTEMPT_MS 10000
#define SILENCE_MS 5000
#define CALL_MS 60000
/* An answer that came while the process stood still is read, or its time-out is seen first. */
#define READ_LATE_PER_THOUSAND 500

void call_release(struct call *call)
{
    if (call != NULL && --call->refs == 0) {
        tr_buf_deinit(&call->body);
        tr_free(call);
    }
}

static struct happening *schedule_call(struct world *world, uint64_t in_ms,
                                       enum happening_kind kind, struct call *call)
{
    struct happening *h = world_schedule(world, in_ms, kind, call->worker, call->op);
    h->call = call;
    call->refs++;
    return h;
}

static bool strikes(struct world *world, enum fault fault, const struct call *call)
{
    unsigned strength;
    if (world->condition_count == 0) {
        return false;
    }
    strength = fault_strength(world, fault, call->worker, (int)call->service);
    return strength > 0 && world_chance(world, strength);
}

/* At any time, when a test asks for it. */
static bool is_lost(struct world *world)
{
    return world->options.lost_per_thousand > 0 &&
           world_chance(world, world->options.lost_per_thousand);
}

/* A few milliseconds, now and then (outliers) a hundred. */
static uint64_t latency(struct world *world, const struct call *call)
{
    uint64_t ms = 1 + world_below(world, 8);
    unsigned slow = world->condition_count == 0 ? 0
                                                : fault_strength(world, FAULT_SLOW_NETWORK,
                                                                 call->worker, (int)call->service);
    if (world->options.outliers && world_chance(world, 10)) {
        ms += world_below(world, 120);
    }
    return slow == 0 ? ms : ms + world_below(world, 2 * slow);
}

static void land_without(struct world *world, struct call *call, uint64_t at, bool broken)
{
    uint64_t in = at > world->now_ms ? at - world->now_ms : 0;
    schedule_call(world, in, LAND, call)->broken = broken;
}

static void arrive_later(struct world *world, struct call *call, uint64_t in, uint64_t timeout_at,
                         bool answerless)
{
    struct happening *h = schedule_call(world, in, ARRIVE, call);
    h->sent_at = world->now_ms;
    h->timeout_at = timeout_at;
    h->answerless = answerless;
}

/* One attempt: exactly one LAND comes of it. */
static void launch(struct world *world, struct call *call)
{
    const struct clock *clock = &world->workers[call->worker].clock;
    struct tr_mono now = clock_mono(world, clock);
    uint64_t limit = tr_mono_ms_until(now, call->deadline, call->attempt_ms);
    uint64_t timeout_at;

    limit = limit < call->silence_ms ? limit : call->silence_ms;
    timeout_at = world->now_ms + (limit > 0 ? limit : 1);
    call->launched = now;
    call->sent = call->attempts++ == 0 ? now : call->sent;
    if (strikes(world, FAULT_PARTITION_OUT, call) || strikes(world, FAULT_LOSE_REQUESTS, call) ||
        is_lost(world)) {
        WORLD_TRACE(world, call->worker, "  (request lost: %s)", call->target);
        land_without(world, call, timeout_at, false);
    } else if (strikes(world, FAULT_LATE_REQUESTS, call)) {
        uint64_t late = 1 + world_below(world, world_chance(world, 200) ? 180000 : 15000);
        arrive_later(world, call, timeout_at - world->now_ms + late, timeout_at, true);
        land_without(world, call, timeout_at, false);
    } else if (strikes(world, FAULT_BROKEN, call)) {
        uint64_t in = latency(world, call);
        if (world_chance(world, 500)) {
            arrive_later(world, call, world_below(world, in + 1), timeout_at, true);
        }
        land_without(world, call, world->now_ms + in, true);
    } else {
        if (strikes(world, FAULT_REPEATED, call)) {
            arrive_later(world, call, latency(world, call) + world_below(world, 2000), timeout_at,
                         true);
        }
        arrive_later(world, call, latency(world, call), timeout_at, false);
    }
}

static struct call *new_call(struct world *world, size_t index, uint64_t op)
{
    struct call *call = tr_calloc(1, sizeof *call);
    TR_ASSERT(call != NULL);
    call->refs = 1;
    call->worker = index;
    call->op = op;
    world->calls++;
    return call;
}

static void name_target(struct call *call, const char *version, const char *operation)
{
    size_t version_len = strlen(version), len = strlen(operation);
    TR_ASSERT(version_len + 1 + len < sizeof call->target);
    memcpy(call->target, version, version_len);
    call->target[version_len] = '.';
    memcpy(call->target + version_len + 1, operation, len + 1);
}

void network_call(struct world *world, size_t index, struct tr_consumer_effect *fx)
{
    static const char *const versions[TR_AWS_SERVICE_COUNT] = {
        [TR_AWS_DYNAMODB] = "DynamoDB_20120810", [TR_AWS_STREAMS] = "DynamoDBStreams_20120810"};
    const struct tr_aws_request *request = &fx->request;
    struct call *call;

    if (tr_buf_status(&fx->body) != TR_OK) {
        world_schedule(world, 0, ANSWER, index, fx->op)->status = TR_ENOMEM;
        return;
    }
    call = new_call(world, index, fx->op);
    call->service = request->service;
    call->class = request->class;
    call->attempts_max = request->attempts_max;
    call->attempt_ms = request->attempt_timeout_ms > 0 ? request->attempt_timeout_ms : ATTEMPT_MS;
    call->silence_ms =
        request->first_byte_timeout_ms > 0 ? request->first_byte_timeout_ms : SILENCE_MS;
    call->deadline = tr_mono_add_ms(clock_mono(world, &world->workers[index].clock),
                                    request->timeout_ms > 0 ? request->timeout_ms : CALL_MS);
    name_target(call, versions[request->service], request->operation);
    call->body = fx->body;
    fx->body = (struct tr_buf){0};
    WORLD_TRACE(world, index, "call %s %.*s", request->operation,
                TR_FMT(tr_buf_bytes(&call->body)));
    launch(world, call);
    call_release(call);
}

void network_call_kcl(struct world *world, size_t index, struct kcl_effect *fx)
{
    struct call *call = new_call(world, index, fx->op);
    call->service =
        strncmp(fx->target, "DynamoDBStreams", 15) == 0 ? TR_AWS_STREAMS : TR_AWS_DYNAMODB;
    call->attempts_max = 1;
    call->attempt_ms = call->silence_ms = fx->timeout_ms > 0 ? fx->timeout_ms : ATTEMPT_MS;
    call->deadline = TR_MONO_NEVER;
    (void)snprintf(call->target, sizeof call->target, "%s", fx->target);
    call->body = fx->body;
    fx->body = (struct tr_buf){0};
    WORLD_TRACE(world, index, "call %s %.*s", fx->target, TR_FMT(tr_buf_bytes(&call->body)));
    launch(world, call);
    call_release(call);
}

/* ---- at the service ---- */

static const char *operation_of(const struct call *call)
{
    const char *dot = strchr(call->target, '.');
    return dot != NULL ? dot + 1 : call->target;
}

/* The shard that a request is about, for the judge. */
static const char *shard_of(const struct world *world, const struct call *call, char out[80])
{
    const char *at = strstr(call->body.ptr, "\"shardId-");
    const char *mark = "\"ShardIterator\":\"";
    struct tr_iterator iterator;

    out[0] = '\0';
    if (at != NULL) {
        (void)snprintf(out, 80, "%.*s", (int)strcspn(at + 1, "\""), at + 1);
    } else if ((at = strstr(call->body.ptr, mark)) != NULL) {
        struct tr_bytes text = {at + strlen(mark), strcspn(at + strlen(mark), "\"")};
        if (tr_iterator_parse(text, world->local->streams.iterator_key, &iterator)) {
            (void)snprintf(out, 80, "%s", iterator.shard);
        }
    }
    return out[0] != '\0' ? out : NULL;
}

/* Tenths of a capacity unit, near enough: a write is one, an eventually consistent read half of one
 * for each 4 KB. */
static uint64_t tenths_of(const struct call *call, size_t answer_bytes)
{
    const char *operation = operation_of(call);
    if (strcmp(operation, "Scan") == 0 || strcmp(operation, "Query") == 0 ||
        strcmp(operation, "GetItem") == 0) {
        bool consistent = strstr(call->body.ptr, "\"ConsistentRead\":true") != NULL;
        return (consistent ? 10 : 5) * (answer_bytes / 4096 + 1);
    }
    if (strcmp(operation, "UpdateItem") == 0 || strcmp(operation, "PutItem") == 0 ||
        strcmp(operation, "DeleteItem") == 0) {
        return 10;
    }
    return 0;
}

static void refuse(struct tr_local_answer *answer, unsigned http_status, const char *type)
{
    answer->http_status = http_status;
    tr_buf_reset(&answer->body);
    tr_buf_printf(&answer->body,
                  "{\"__type\":\"com.amazonaws.dynamodb.v20120810#%s\",\"message\":"
                  "\"not now\"}",
                  type);
}

/* Errors of the service that do nothing; false: it is served. */
static bool refuses(struct world *world, const struct call *call, struct tr_local_answer *answer)
{
    if (strikes(world, FAULT_THROTTLED, call)) {
        static const char *const types[] = {"ThrottlingException", "LimitExceededException",
                                            "ProvisionedThroughputExceededException"};
        refuse(answer, 400,
               types[call->service == TR_AWS_STREAMS ? world_below(world, 2)
                                                     : world_below(world, 2) * 2]);
        return true;
    }
    if (strikes(world, FAULT_ERRORS, call)) {
        if (world_chance(world, 300)) {
            answer->http_status = 503;
            tr_buf_reset(&answer->body);
            tr_buf_add_str(&answer->body, "<html>upstream connect error</html>");
        } else {
            refuse(answer, 500, "InternalServerError");
        }
        return true;
    }
    return false;
}

static void serve(struct world *world, struct happening *h, struct tr_local_answer *answer)
{
    const struct call *call = h->call;
    enum judge_came came =
        h->answerless || call->attempts > 1 ? JUDGE_SERVED_LATE_OR_AGAIN : JUDGE_SERVED;
    char shard[80];
    if (!refuses(world, call, answer)) {
        world->serving = call->worker;
        world->serving_sent = h->sent_at;
        tr_local_call(world->local, world_wall(world), tr_bytes_of(call->target),
                      tr_buf_bytes(&call->body), answer);
        world->serving = SIZE_MAX;
        world_look_at_model(world);
    }
    if (world->judge != NULL) {
        judge_call(world->judge, world->now_ms, call->worker, h->sent_at, operation_of(call),
                   shard_of(world, call, shard), tenths_of(call, answer->body.len),
                   answer->http_status == 200 ? came : JUDGE_REFUSED);
    }
}

/* Half of it is lost; or it is JSON still, and no page. */
static void damage(struct world *world, struct tr_buf *body)
{
    static const char *const names[] = {"\"SequenceNumber\"", "\"Records\""};
    char *at = NULL;
    size_t i;
    for (i = 0; i < 2 && at == NULL; i++) {
        at = memmem(body->ptr, body->len, names[i], strlen(names[i]));
    }
    if (at == NULL || world_chance(world, 300)) {
        body->len /= 2;
    } else {
        at[1] = 'X';
    }
}

static void send_back(struct world *world, struct happening *h, struct tr_local_answer *answer)
{
    struct call *call = h->call;
    uint64_t back = latency(world, call) + answer->delay_ms;
    struct happening *landing;

    if (answer->delivery == TR_LOCAL_RESET || answer->delivery == TR_LOCAL_HALF) {
        land_without(world, call, world->now_ms + back, true);
        return;
    }
    if (answer->delivery == TR_LOCAL_HANG || strikes(world, FAULT_PARTITION_IN, call) ||
        strikes(world, FAULT_LOSE_ANSWERS, call) || is_lost(world) ||
        world->now_ms + back > h->timeout_at) {
        WORLD_TRACE(world, call->worker, "  (answer lost: %s)", call->target);
        land_without(world, call, h->timeout_at, false);
        return;
    }
    landing = schedule_call(world, back, LAND, call);
    landing->http_status = answer->http_status;
    landing->timeout_at = h->timeout_at;
    landing->date.ms = world->options.no_date ? 0 : world_wall(world).ms / 1000 * 1000;
    if (world->options.scramble && answer->http_status == 200 && world_chance(world, 300)) {
        scramble(&world->random, tr_buf_bytes(&answer->body), &landing->body);
    } else {
        landing->body = answer->body;
        answer->body = (struct tr_buf){0};
    }
    if (answer->http_status == 200 && strcmp(operation_of(call), "GetRecords") == 0 &&
        strikes(world, FAULT_DAMAGED, call)) {
        WORLD_TRACE(world, call->worker, "  (page damaged)");
        damage(world, &landing->body);
    }
}

/* A request reaches the service: it is carried out, and its answer sent (or lost). A dead worker's
 * request arrives all the same. */
void network_arrive(struct world *world, struct happening *h)
{
    struct tr_local_answer answer = {0};

    (void)tr_buf_reserve(&answer.body, 1024);
    if (h->answerless) {
        WORLD_TRACE(world, h->worker, "  (arrives late or again, sent at %llu: %s)",
                    (unsigned long long)h->sent_at, h->call->target);
    }
    serve(world, h, &answer);
    if (!h->answerless) {
        send_back(world, h, &answer);
    }
    tr_local_answer_deinit(&answer);
}

/* ---- back at the worker ---- */

static void tell_children(struct world *world, const struct call *call, size_t worker,
                          const struct tr_aws_answer *answer)
{
    char parent[80];
    if (world->judge != NULL && answer->status == TR_OK && !world->options.scramble &&
        strstr(call->body.ptr, "CHILD_SHARDS") != NULL && shard_of(world, call, parent) != NULL) {
        judge_children(world->judge, worker, parent, answer->body.ptr);
    }
}

static void deliver(struct world *world, struct happening *h, const struct tr_verdict *verdict)
{
    struct call *call = h->call;
    struct tr_aws_answer answer = {
        .status = verdict->status,
        .http_status = h->http_status,
        .body = h->body,
        .date = h->date,
        .sent = call->sent,
        .attempts = call->attempts,
        .may_have_happened = verdict->status != TR_OK && call->may_have_happened,
    };
    struct tr_consumer_event event = {
        .kind = TR_CONSUMER_EV_ANSWER, .op = h->op, .answer = &answer};

    h->body = (struct tr_buf){0};
    memcpy(answer.code, verdict->code, sizeof answer.code);
    if (verdict->status != TR_OK) {
        (void)snprintf(answer.err.text, sizeof answer.err.text, "%s: %s", operation_of(call),
                       verdict->text[0] != '\0' ? verdict->text : tr_status_text(verdict->status));
    }
    WORLD_TRACE(world, h->worker, "answer to %s: %s %.*s", operation_of(call),
                verdict->status == TR_OK ? "ok" : tr_status_text(verdict->status),
                TR_FMT(tr_buf_bytes(&answer.body)));
    tell_children(world, call, h->worker, &answer);
    world_step(world, h->worker, &event);
    tr_buf_deinit(&answer.body);
}

static void deliver_kcl(struct world *world, struct happening *h)
{
    struct kcl_event event = {.kind = KCL_EV_ANSWER,
                              .op = h->op,
                              .http_status = h->http_status,
                              .body = tr_buf_bytes(&h->body)};
    WORLD_TRACE(world, h->worker, "answer to %s: %u %.*s", operation_of(h->call), h->http_status,
                TR_FMT(tr_buf_bytes(&h->body)));
    world_step_kcl(world, h->worker, &event);
}

static void judge_landing(struct happening *h, struct tr_verdict *verdict)
{
    struct tr_reply reply = {.http_status = h->http_status, .body = tr_buf_bytes(&h->body)};
    if (h->http_status == 0) {
        verdict->status = h->broken ? TR_ENET : TR_ETIMEOUT;
        verdict->repeatable = true;
        verdict->may_have_happened = true;
        return;
    }
    tr_reply_judge(&reply, verdict);
}

/* The attempt is over: repeat it, or let the worker know. Mirrors aws/client.c. */
void network_land(struct world *world, struct happening *h)
{
    struct worker *worker = &world->workers[h->worker];
    struct call *call = h->call;
    struct tr_verdict verdict = {0};
    struct tr_retry_failure failure;
    struct tr_retry_decision decision;

    if (worker->core == NULL && worker->kcl == NULL) {
        return;
    }
    if (h->http_status != 0 && world->now_ms > h->timeout_at &&
        world_chance(world, READ_LATE_PER_THOUSAND)) {
        h->http_status = 0;
        tr_buf_reset(&h->body);
    }
    if (worker->kcl != NULL) {
        deliver_kcl(world, h);
        return;
    }
    judge_landing(h, &verdict);
    if (h->date.ms != 0 && (verdict.status == TR_OK || verdict.code[0] != '\0')) {
        clock_follow(world, &worker->clock, h->date, call->launched);
    }
    call->may_have_happened |= verdict.may_have_happened;
    if (verdict.status == TR_OK) {
        tr_retry_succeeded(&worker->retry[call->class], call->retry_cost);
        deliver(world, h, &verdict);
        return;
    }
    failure = (struct tr_retry_failure){.status = verdict.status,
                                        .repeatable = verdict.repeatable,
                                        .attempts = call->attempts,
                                        .attempts_max = call->attempts_max,
                                        .now = clock_mono(world, &worker->clock),
                                        .deadline = call->deadline};
    decision = tr_retry_decide(&worker->retry[call->class], &failure);
    if (decision.again) {
        call->retry_cost = decision.cost;
        schedule_call(world, decision.wait_ms, AGAIN, call);
    } else {
        deliver(world, h, &verdict);
    }
}

void network_again(struct world *world, struct happening *h)
{
    if (world->workers[h->worker].core != NULL) {
        launch(world, h->call);
    }
}
