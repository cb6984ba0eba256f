/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/worker.h"

#include "aws/client.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/random.h"
#include "worker/admin.h"
#include "worker/consumer_core.h"
#include "worker/counting.h"
#include "worker/pool.h"

#include <unistd.h>

#define ONCE_PAGES 5u
/* What is not due yet may be this late, so that many idle shards are served in one turn: a turn
 * costs about as much as the calls in it, and nothing here is timed finer than by the tenth of a
 * second. */
#define TIMER_SLACK_MS 24u
/* A step with more effects than that is rare (a start, a scan): its room is not kept. */
#define EFFECTS_KEPT 64u
/* When no answer of this size has come for a while, the worker idles. */
#define LARGE_ANSWER_BYTES (64u * 1024u)
#define QUIET_MS 2000u

/* One consumer with what the shell keeps for it. */
struct unit {
    struct tr_worker *worker;
    uint32_t index;
    struct tr_consumer *core;       /* owned */
    struct tr_processor *processor; /* owned */
    _Atomic uint64_t *valid_until;  /* owned; by lease */
    const char *name;               /* the configuration's */
    const char *waits_for;          /* as the admin port was told */
    bool done;
};

struct tr_worker {
    const struct tr_config *config; /* borrowed, or own_config */
    struct tr_config *own_config;   /* owned */
    struct tr_aws *aws;             /* owned */
    struct tr_pool *pool;           /* owned */
    const char **names;         /* owned: of the consumers; the strings are the configuration's */
    struct tr_metrics *metrics; /* owned; by consumer */
    struct tr_admin *admin;     /* owned; NULL: not wanted */
    struct tr_mono beat_at;     /* when it is told again how things stand */
    struct unit *units;         /* owned */
    size_t unit_count;
    struct tr_budget budget;
    struct call *calls;                 /* owned; under way */
    struct tr_consumer_effects effects; /* of the present step */
    char *id;                           /* owned */
    void (*on_quiet)(void);             /* NULL: nobody asked */
    struct tr_mono quiet_at;            /* when it is called, unless a large answer comes before */
    bool stopping;
    bool late;      /* the time to stop in was over */
    bool abandoned; /* ... and threads had to be left behind */
    struct tr_mono give_up_at;
    enum tr_status end_status;
    struct tr_err end_err;
    struct {
        _Atomic bool stop; /* asked for by another thread */
    } shared;
};

/* A call under way, for its callback; in the worker's list, since the client drops calls at the end
 * without calling back. */
struct call {
    struct call *prev;
    struct call *next;
    struct unit *unit;
    uint64_t op;
    struct tr_call_kind kind;
};

static void step(struct unit *unit, struct tr_consumer_event *event);

static void add_call(struct tr_worker *worker, struct call *call)
{
    call->next = worker->calls;
    if (call->next != NULL) {
        call->next->prev = call;
    }
    worker->calls = call;
}

static void free_call(struct tr_worker *worker, struct call *call)
{
    if (call->prev != NULL) {
        call->prev->next = call->next;
    } else {
        worker->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    tr_free(call);
}

static void on_answer(void *ctx, struct tr_aws_answer *answer)
{
    struct call *call = ctx;
    struct unit *unit = call->unit;
    struct tr_consumer_event event = {
        .kind = TR_CONSUMER_EV_ANSWER, .op = call->op, .answer = answer};
    tr_count_call(unit->worker->metrics, unit->index, &call->kind, answer);
    if (answer->body.len >= LARGE_ANSWER_BYTES) {
        unit->worker->quiet_at = tr_mono_add_ms(tr_clock_mono(), QUIET_MS);
    }
    free_call(unit->worker, call);
    step(unit, &event);
}

/* A call that cannot even be started is answered as one that failed. */
static void start_call(struct unit *unit, const struct tr_consumer_effect *fx)
{
    struct tr_aws_request request = fx->request;
    struct call *call = tr_malloc(sizeof *call);
    struct tr_aws_answer failed = {.status = TR_ENOMEM};
    struct tr_consumer_event event = {
        .kind = TR_CONSUMER_EV_ANSWER, .op = fx->op, .answer = &failed};

    request.body = tr_buf_bytes(&fx->body);
    if (call != NULL) {
        *call = (struct call){.unit = unit, .op = fx->op, .kind = tr_call_kind(&request)};
        if (tr_buf_status(&fx->body) == TR_OK &&
            tr_aws_start(unit->worker->aws, &request, on_answer, call, NULL) == TR_OK) {
            add_call(unit->worker, call);
            return;
        }
        tr_free(call);
    }
    (void)tr_fail(&failed.err, TR_ENOMEM, "no memory for a call of %s", request.operation);
    step(unit, &event);
}

static void give_to_pool(struct unit *unit, const struct tr_consumer_effect *fx)
{
    bool slice = fx->kind == TR_CONSUMER_FX_SLICE;
    struct tr_pool_work work = {.consumer = unit->index, .op = fx->op, .page = fx->page};
    struct tr_consumer_event failed = {.kind =
                                           slice ? TR_CONSUMER_EV_SLICED : TR_CONSUMER_EV_PROCESSED,
                                       .op = fx->op,
                                       .status = TR_ENOMEM};
    if (!slice) {
        work.processor = unit->processor;
        work.valid_until = &unit->valid_until[fx->lease];
        work.batch = (struct tr_batch){.page = fx->page,
                                       .first = fx->first,
                                       .count = fx->count,
                                       .consumer = tr_bytes_of(unit->name),
                                       .stream_arn = tr_consumer_stream_arn(unit->core),
                                       .shard = fx->shard,
                                       .fencing = fx->fencing};
    }
    if (tr_pool_give(unit->worker->pool, &work) != TR_OK) {
        step(unit, &failed);
    }
}

static void stop_units(struct tr_worker *worker)
{
    struct tr_consumer_event event = {.kind = TR_CONSUMER_EV_STOP};
    size_t i;
    if (worker->stopping) {
        return;
    }
    worker->stopping = true;
    worker->give_up_at =
        tr_mono_add_ms(tr_clock_mono(), worker->config->worker.shutdown_timeout_ms);
    for (i = 0; i < worker->unit_count; i++) {
        step(&worker->units[i], &event);
    }
}

static void unit_done(struct unit *unit, const struct tr_consumer_effect *fx)
{
    struct tr_worker *worker = unit->worker;
    unit->done = true;
    if (fx->status != TR_OK && worker->end_status == TR_OK) {
        worker->end_status = fx->status;
        worker->end_err = fx->err;
    }
}

static void run_effect(struct unit *unit, const struct tr_consumer_effect *fx)
{
    switch (fx->kind) {
    case TR_CONSUMER_FX_CALL:
        start_call(unit, fx);
        break;
    case TR_CONSUMER_FX_SLICE:
    case TR_CONSUMER_FX_PROCESS:
        give_to_pool(unit, fx);
        break;
    case TR_CONSUMER_FX_VALID:
        atomic_store(&unit->valid_until[fx->lease], fx->valid_until.ns);
        break;
    case TR_CONSUMER_FX_NOTE:
        tr_count_note(unit->worker->metrics, unit->index, &fx->note);
        tr_log(&fx->note);
        break;
    case TR_CONSUMER_FX_DONE:
        unit_done(unit, fx);
        break;
    }
}

/* One step of one consumer and everything that follows from it. A step inside a step (a call that
 * could not be started) has its own effects. */
static void step(struct unit *unit, struct tr_consumer_event *event)
{
    struct tr_worker *worker = unit->worker;
    struct tr_consumer_effects effects = worker->effects;
    size_t i;

    worker->effects = (struct tr_consumer_effects){0};
    tr_consumer_effects_reset(&effects);
    event->now = tr_clock_mono();
    event->wall = tr_aws_service_time(worker->aws);
    if (tr_consumer_step(unit->core, event, &effects) == TR_ENOMEM && worker->end_status == TR_OK) {
        worker->end_status = tr_fail(&worker->end_err, TR_ENOMEM, "out of memory");
    }
    for (i = 0; i < effects.count; i++) {
        run_effect(unit, &effects.items[i]);
    }
    tr_consumer_effects_deinit(&worker->effects);
    if (effects.cap > EFFECTS_KEPT) {
        tr_consumer_effects_deinit(&effects);
    }
    worker->effects = effects;
}

static void count_result(struct tr_metrics *metrics, const struct tr_pool_result *result)
{
    size_t consumer = result->consumer;
    if (!result->sliced) {
        tr_metrics_add(metrics, consumer, TR_METRIC_RECORDS_DONE, 0, (int64_t)result->done);
    } else if (result->status == TR_OK) {
        tr_metrics_add(metrics, consumer, TR_METRIC_PAGES, 0, 1);
        tr_metrics_add(metrics, consumer, TR_METRIC_PAGES_EMPTY, 0, result->count == 0);
        tr_metrics_add(metrics, consumer, TR_METRIC_RECORDS_FETCHED, 0, (int64_t)result->count);
        tr_metrics_add(metrics, consumer, TR_METRIC_BYTES_FETCHED, 0, (int64_t)result->bytes);
    }
}

static void take_result(struct tr_worker *worker, struct tr_pool_result *result)
{
    struct unit *unit = &worker->units[result->consumer];
    struct tr_consumer_event event = {
        .kind = result->sliced ? TR_CONSUMER_EV_SLICED : TR_CONSUMER_EV_PROCESSED,
        .op = result->op,
        .status = result->status,
        .done = result->done,
        .err = result->err,
    };
    count_result(worker->metrics, result);
    step(unit, &event);
    tr_free(result->err);
}

static bool all_done(const struct tr_worker *worker)
{
    size_t i;
    for (i = 0; i < worker->unit_count; i++) {
        if (!worker->units[i].done) {
            return false;
        }
    }
    return true;
}

/* After a stop in time: whether all was released. */
static enum tr_status judge_releases(const struct tr_worker *worker, struct tr_err *err)
{
    size_t count = 0, i;
    for (i = 0; i < worker->unit_count; i++) {
        count += tr_consumer_unreleased(worker->units[i].core);
    }
    if (count == 0) {
        return TR_OK;
    }
    return count == 1 ? tr_fail(err, TR_ETIMEOUT,
                                "one lease could not be released, nor its checkpoint written; it "
                                "expires by itself")
                      : tr_fail(err, TR_ETIMEOUT,
                                "%zu leases could not be released, nor their checkpoints written; "
                                "they expire by themselves",
                                count);
}

static struct tr_mono next_deadline(const struct tr_worker *worker)
{
    struct tr_mono at = worker->stopping ? worker->give_up_at : TR_MONO_NEVER;
    size_t i;
    if (worker->admin != NULL) {
        at = tr_mono_min(at, worker->beat_at);
    }
    if (worker->on_quiet != NULL) {
        at = tr_mono_min(at, worker->quiet_at);
    }
    for (i = 0; i < worker->unit_count; i++) {
        if (!worker->units[i].done) {
            at = tr_mono_min(at, tr_consumer_deadline(worker->units[i].core));
        }
    }
    return at;
}

static void tick(struct tr_worker *worker)
{
    struct tr_mono now = tr_clock_mono();
    size_t i;
    for (i = 0; i < worker->unit_count; i++) {
        struct unit *unit = &worker->units[i];
        struct tr_consumer_event event = {.kind = TR_CONSUMER_EV_TICK};
        if (!unit->done && tr_mono_reached(now, tr_consumer_deadline(unit->core))) {
            step(unit, &event);
        }
    }
}

static void update_gauges(const struct tr_worker *worker)
{
    size_t i;
    for (i = 0; i < worker->unit_count; i++) {
        tr_metrics_set(worker->metrics, i, TR_METRIC_LEASES_HELD, 0,
                       (int64_t)tr_consumer_held(worker->units[i].core));
        tr_metrics_set(worker->metrics, i, TR_METRIC_SHARDS_STOPPED, 0,
                       (int64_t)tr_consumer_stopped(worker->units[i].core));
    }
    tr_metric_set(TR_METRIC_PAGES_HELD_BYTES, (int64_t)worker->budget.bytes);
}

static void update_lag(const struct tr_worker *worker, size_t index)
{
    struct tr_wall now = tr_aws_service_time(worker->aws);
    uint64_t ms = 0;
    size_t unknown;
    bool known = tr_consumer_lag(worker->units[index].core, now, &ms, &unknown);
    tr_metrics_set(worker->metrics, index, TR_METRIC_LAG, 0,
                   known ? (int64_t)ms : TR_METRIC_UNKNOWN);
    tr_metrics_set(worker->metrics, index, TR_METRIC_LAG_UNKNOWN, 0, (int64_t)unknown);
}

/* Tell the admin port how things stand. */
static void tell_admin(struct tr_worker *worker)
{
    struct tr_mono now = tr_clock_mono();
    bool due = tr_mono_reached(now, worker->beat_at);
    size_t i;

    tr_admin_beat(worker->admin, now);
    for (i = 0; i < worker->unit_count; i++) {
        struct unit *unit = &worker->units[i];
        const char *why = tr_consumer_waits_for(unit->core);
        if (why != unit->waits_for) {
            unit->waits_for = why;
            tr_admin_set_ready(worker->admin, i, why);
        }
        if (due) {
            update_lag(worker, i);
        }
    }
    if (due) {
        worker->beat_at = tr_mono_add_ms(now, TR_ADMIN_BEAT_MS);
    }
}

static void tell_quiet(struct tr_worker *worker)
{
    if (worker->on_quiet != NULL && tr_mono_reached(tr_clock_mono(), worker->quiet_at)) {
        worker->quiet_at = TR_MONO_NEVER;
        worker->on_quiet();
    }
}

static bool has_lent(const struct tr_worker *worker)
{
    size_t i;
    for (i = 0; i < worker->unit_count; i++) {
        if (tr_consumer_lent(worker->units[i].core) > 0) {
            return true;
        }
    }
    return false;
}

/* When the loop is to go on by itself. */
static struct tr_mono wake_at(const struct tr_worker *worker)
{
    struct tr_mono at = next_deadline(worker);
    if (at.ns == UINT64_MAX || tr_mono_reached(tr_clock_mono(), at)) {
        return at;
    }
    return tr_mono_add_ms(at, TIMER_SLACK_MS);
}

static void loop(struct tr_worker *worker)
{
    struct tr_pool_result result;

    tick(worker);
    while (!all_done(worker)) {
        tr_aws_poll(worker->aws, wake_at(worker));
        while (tr_pool_take(worker->pool, &result)) {
            take_result(worker, &result);
        }
        if (atomic_load(&worker->shared.stop) || worker->end_status != TR_OK) {
            stop_units(worker);
        }
        tick(worker);
        update_gauges(worker);
        if (worker->admin != NULL) {
            tell_admin(worker);
        }
        tell_quiet(worker);
        if (worker->stopping && tr_mono_reached(tr_clock_mono(), worker->give_up_at) &&
            !all_done(worker)) {
            worker->late = true;
            worker->abandoned = has_lent(worker);
            return;
        }
    }
}

enum tr_status tr_worker_run(struct tr_worker *worker, struct tr_err *err)
{
    struct tr_note note = {.id = TR_NOTE_RUN_STARTED,
                           .a = worker->unit_count,
                           .b = worker->config->worker.threads,
                           .text = tr_bytes_of(worker->id)};
    enum tr_status status;

    tr_log(&note);
    if (worker->admin != NULL) {
        note = (struct tr_note){.id = TR_NOTE_ADMIN_OPEN,
                                .text = tr_bytes_of(tr_admin_url(worker->admin))};
        tr_log(&note);
    }
    loop(worker);
    status = worker->end_status;
    if (status != TR_OK) {
        (void)tr_fail(err, status, "%s", worker->end_err.text);
    } else if (worker->late) {
        status = tr_fail(err, TR_ETIMEOUT, "%s within %llu ms; the leases expire by themselves",
                         worker->abandoned ? "batches in hand did not finish"
                                           : "the release of leases was not answered",
                         (unsigned long long)worker->config->worker.shutdown_timeout_ms);
    } else {
        status = judge_releases(worker, err);
    }
    note = (struct tr_note){.id = TR_NOTE_RUN_ENDED,
                            .a = (uint64_t)tr_metrics_sum(worker->metrics, TR_METRIC_RECORDS_DONE),
                            .b = status == TR_OK        ? 0
                                 : status == TR_ECONFIG ? 2
                                                        : 1};
    tr_log(&note);
    return status;
}

static void wake(void *ctx)
{
    struct tr_worker *worker = ctx;
    tr_aws_wakeup(worker->aws);
}

void tr_worker_stop(struct tr_worker *worker)
{
    atomic_store(&worker->shared.stop, true);
    wake(worker);
}

/* "host:pid:nonce": new at every start, so that no two processes ever share one. */
static char *make_id(const char *configured)
{
    struct tr_buf id = {0};
    char host[256] = "";
    if (configured != NULL) {
        return tr_strdup(configured);
    }
    (void)gethostname(host, sizeof host - 1);
    tr_buf_printf(&id, "%s:%ld:%016llx", host[0] != '\0' ? host : "unknown", (long)getpid(),
                  (unsigned long long)tr_random_seed());
    return tr_buf_take(&id, NULL);
}

static enum tr_status new_unit(struct tr_worker *worker, size_t index, bool once,
                               unsigned once_pages, struct tr_err *err)
{
    const struct tr_config_consumer *config = &worker->config->consumers[index];
    struct unit *unit = &worker->units[index];
    struct tr_consumer_options options = {
        .name = config->name,
        .table = config->stream.table,
        .arn = config->stream.arn,
        .lease_table = config->lease.table,
        .worker_id = worker->id,
        .failover_ms = config->lease.failover_ms,
        .poll_min_ms = config->stream.poll.min_ms,
        .poll_max_ms = once ? config->stream.poll.min_ms : config->stream.poll.max_ms,
        .checkpoint_interval_ms = config->checkpoint.interval_ms,
        .batch_records = config->batch.records,
        .batch_bytes = config->batch.bytes,
        .start = config->stream.at_timestamp_ms > 0               ? TR_START_AT_TIMESTAMP
                 : config->stream.start == TR_CONFIG_START_LATEST ? TR_START_LATEST
                                                                  : TR_START_TRIM_HORIZON,
        .start_ms = (int64_t)config->stream.at_timestamp_ms,
        .stop_on_gap = config->stream.on_gap == TR_CONFIG_ON_GAP_STOP,
        .once = once,
        .once_pages = once_pages > 0 ? once_pages : ONCE_PAGES,
        .seed = tr_random_seed(),
        .budget = &worker->budget,
    };
    enum tr_status status;

    unit->worker = worker;
    unit->index = (uint32_t)index;
    unit->name = config->name;
    unit->valid_until = tr_calloc(TR_CONSUMER_LEASES_MAX, sizeof *unit->valid_until);
    if (unit->valid_until == NULL) {
        return TR_ENOMEM;
    }
    status = tr_file_processor_new(config->processor.file.path,
                                   config->processor.file.sync == TR_CONFIG_SYNC_BATCH,
                                   &unit->processor, err);
    if (status != TR_OK) {
        return tr_wrap(err, status, "consumer '%s': processor", config->name);
    }
    return tr_consumer_new(&options, &unit->core);
}

static enum tr_status new_metrics(struct tr_worker *worker)
{
    size_t count = worker->config->consumer_count, i;
    worker->names = tr_calloc(count, sizeof *worker->names);
    if (worker->names == NULL) {
        return TR_ENOMEM;
    }
    for (i = 0; i < count; i++) {
        worker->names[i] = worker->config->consumers[i].name;
    }
    return tr_metrics_new(worker->names, count, &worker->metrics);
}

static enum tr_status start_admin(struct tr_worker *worker, struct tr_err *err)
{
    struct tr_admin_options options = {.listen = worker->config->admin.listen,
                                       .metrics = worker->metrics,
                                       .consumers = worker->names,
                                       .consumer_count = worker->config->consumer_count};
    size_t i;
    if (options.listen == NULL) {
        return TR_OK;
    }
    for (i = 0; i < worker->unit_count; i++) {
        worker->units[i].waits_for = ""; /* nothing was told yet */
    }
    return tr_admin_start(&options, &worker->admin, err);
}

enum tr_status tr_worker_new(const struct tr_config *config, bool once, unsigned once_pages,
                             struct tr_worker **out, struct tr_err *err)
{
    struct tr_worker *worker = tr_calloc(1, sizeof *worker);
    struct tr_aws_options aws = {.region = config->aws.region,
                                 .endpoint = config->aws.endpoint,
                                 .profile = config->aws.profile,
                                 .stream_arn = config->consumers[0].stream.arn,
                                 .seed = tr_random_seed()};
    enum tr_status status = TR_ENOMEM;
    size_t i;

    if (worker == NULL) {
        return TR_ENOMEM;
    }
    worker->config = config;
    worker->quiet_at = TR_MONO_NEVER;
    worker->budget.bytes_max = config->worker.memory_bytes;
    worker->id = make_id(config->worker.id);
    worker->units = tr_calloc(config->consumer_count, sizeof *worker->units);
    if (worker->id == NULL || worker->units == NULL) {
        goto fail;
    }
    status = new_metrics(worker);
    if (status == TR_OK) {
        status = tr_aws_new(&aws, &worker->aws, err);
    }
    for (i = 0; i < config->consumer_count && status == TR_OK; i++) {
        worker->unit_count = i + 1;
        status = new_unit(worker, i, once, once_pages, err);
    }
    if (status == TR_OK) {
        status = tr_pool_new((size_t)config->worker.threads, wake, worker, &worker->pool);
    }
    if (status == TR_OK) {
        status = start_admin(worker, err);
    }
    if (status == TR_OK) {
        *out = worker;
        return TR_OK;
    }
fail:
    tr_worker_free(worker);
    return status;
}

void tr_worker_free(struct tr_worker *worker)
{
    size_t i;
    if (worker == NULL || worker->abandoned) {
        return;
    }
    tr_admin_free(worker->admin);
    tr_pool_free(worker->pool);
    tr_aws_free(worker->aws);
    while (worker->calls != NULL) {
        free_call(worker, worker->calls);
    }
    for (i = 0; i < worker->unit_count; i++) {
        struct unit *unit = &worker->units[i];
        tr_consumer_free(unit->core);
        if (unit->processor != NULL) {
            unit->processor->ops->free(unit->processor);
        }
        tr_free(unit->valid_until);
    }
    tr_consumer_effects_deinit(&worker->effects);
    tr_metrics_free(worker->metrics);
    tr_free(worker->names);
    tr_config_free(worker->own_config);
    tr_free(worker->units);
    tr_free(worker->id);
    tr_free(worker);
}

void tr_worker_when_quiet(struct tr_worker *worker, void (*on_quiet)(void))
{
    worker->on_quiet = on_quiet;
}

const char *tr_version(void)
{
    return TR_VERSION;
}

enum tr_status tr_worker_open(const struct tr_worker_options *options, struct tr_worker **out,
                              struct tr_err *err)
{
    struct tr_config_errors errors = {0};
    struct tr_config *config = NULL;
    struct tr_buf text = {0};
    enum tr_status status;

    *out = NULL;
    if (options->size < sizeof *options || options->file_count == 0) {
        return tr_fail(err, TR_EUSAGE, "options of %zu bytes with %zu files", options->size,
                       options->file_count);
    }
    status = tr_config_load(options->files, options->file_count, NULL, &config, &errors);
    if (status == TR_OK) {
        tr_log_init(config->log.level, config->log.format);
        status = tr_worker_new(config, options->once, options->once_pages, out, err);
    } else {
        tr_config_errors_print(&errors, &text);
        (void)tr_fail(err, status, "%s", text.ptr != NULL ? text.ptr : tr_status_text(status));
    }
    tr_buf_deinit(&text);
    tr_config_errors_deinit(&errors);
    if (status == TR_OK) {
        (*out)->own_config = config;
    } else {
        tr_config_free(config);
    }
    return status;
}
