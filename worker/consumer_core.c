/* SPDX-License-Identifier: Apache-2.0
 *
 * Start-up, dispatch and end of a consumer. Start-up is a short line of questions (which stream,
 * which lease table), each asked again with backoff while the answer is a passing fault; then the
 * other files do the work, driven by answers and by their deadlines. */
#include "worker/consumer_parts.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/mutant.h"

#define TABLE_POLL_MS 250u
#define START_BACKOFF_MAX_MS 5000u
/* A question that is not answered by then is told, and asked again. */
#define QUESTION_TIMEOUT_MS 5000u

static void to_phase(struct tr_consumer *c, enum phase phase)
{
    TR_SEEN(PHASE, c->phase, phase);
    c->phase = phase;
    c->phase_next = c->now;
    c->phase_failures = 0;
    c->phase_calling = false;
}

static void ask_phase(struct tr_consumer *c)
{
    static const struct {
        enum op_kind op;
        const char *operation;
    } questions[] = {
        [PHASE_STREAM] = {OP_TABLE, "DescribeTable"},
        [PHASE_LEASE_TABLE] = {OP_LEASE_TABLE, "DescribeTable"},
        [PHASE_CREATE_TABLE] = {OP_CREATE_TABLE, "CreateTable"},
        [PHASE_WAIT_TABLE] = {OP_LEASE_TABLE, "DescribeTable"},
    };
    struct tr_buf *body =
        tr_consumer_call(c, tr_consumer_op(questions[c->phase].op, NULL, 0), TR_AWS_DYNAMODB,
                         TR_AWS_CONTROL, questions[c->phase].operation, 0, QUESTION_TIMEOUT_MS);
    if (body == NULL) {
        return;
    }
    c->phase_calling = true;
    if (c->phase == PHASE_CREATE_TABLE) {
        tr_lease_encode_create_table(body, tr_bytes_of(c->options.lease_table));
    } else {
        tr_encode_describe_table(
            body,
            tr_bytes_of(c->phase == PHASE_STREAM ? c->options.table : c->options.lease_table));
    }
}

static void phase_again(struct tr_consumer *c, uint64_t wait_ms)
{
    c->phase_next = tr_mono_add_ms(c->now, wait_ms);
}

/* A start-up question failed: wait and ask again, or end the run where asking does not help. */
static void phase_failed(struct tr_consumer *c, const char *what, enum tr_status status,
                         const struct tr_err *err)
{
    /* An answer that makes no sense is a damaged one: somebody on the way may have given it. */
    if (tr_status_class(status) == TR_CLASS_RETRY || status == TR_EPARSE) {
        tr_consumer_note(c, TR_NOTE_STREAM_WAITING, (struct tr_bytes){NULL, 0}, 0, 0,
                         tr_bytes_of(err->text));
        phase_again(c, tr_consumer_backoff_ms(c, c->phase_failures++, START_BACKOFF_MAX_MS));
        return;
    }
    tr_consumer_fail(c, status, "consumer '%s': %s: %s", c->options.name, what,
                     err->text[0] != '\0' ? err->text : tr_status_text(status));
}

static void stream_found(struct tr_consumer *c)
{
    if (!tr_consumer_stream_of(c, &c->stream)) {
        tr_consumer_fail(c, TR_ECONFIG, "consumer '%s': '%s' is not the arn of a stream",
                         c->options.name, c->arn.ptr);
        return;
    }
    tr_consumer_note(c, TR_NOTE_STREAM_FOUND, (struct tr_bytes){NULL, 0}, 0, 0,
                     tr_buf_bytes(&c->arn));
    to_phase(c, PHASE_LEASE_TABLE);
}

static void on_table(struct tr_consumer *c, struct tr_aws_answer *answer)
{
    struct tr_err err = answer->err;
    enum tr_status status = answer->status;
    if (status == TR_OK) {
        status = tr_decode_latest_stream(tr_buf_bytes(&answer->body), &c->arn, &err);
    }
    if (status == TR_OK) {
        stream_found(c);
        return;
    }
    phase_failed(c, "find the stream of its table", status, &err);
}

static void start_running(struct tr_consumer *c)
{
    struct tr_lease_options options = {
        .worker_id = tr_bytes_of(c->options.worker_id),
        .run = {c->run, 16},
        .stream = c->stream,
        .failover_ms = c->options.failover_ms,
        .seed = tr_random_u64(&c->random),
        .takes_only_free = c->options.once, /* what others keep alive is theirs to read */
        .leases_max = SHARDS_MAX,
        .writes_max = LEASE_WRITES_MAX,
    };
    (void)snprintf(c->run, sizeof c->run, "%016llx", (unsigned long long)tr_random_u64(&c->random));
    if (tr_lease_core_new(&options, c->now, &c->leases) != TR_OK ||
        tr_graph_new(SHARDS_MAX, &c->graph) != TR_OK) {
        tr_consumer_fail(c, TR_ENOMEM, "consumer '%s': no memory for its leases", c->options.name);
        return;
    }
    /* Who lists shows the lease table. */
    c->listing.next = c->options.once ? c->now : TR_MONO_NEVER;
    c->listing.part_next = c->listing.page_at = TR_MONO_NEVER;
    c->lease_table.fleet_at = c->now;
    to_phase(c, PHASE_RUN);
}

static void on_lease_table(struct tr_consumer *c, struct tr_aws_answer *answer)
{
    struct tr_err err = answer->err;
    enum tr_status status = answer->status;
    bool active = false;

    if (status == TR_ENOTFOUND) {
        /* Missing; or just made and not visible yet. */
        if (c->phase == PHASE_LEASE_TABLE) {
            to_phase(c, PHASE_CREATE_TABLE);
        } else {
            phase_again(c, TABLE_POLL_MS);
        }
        return;
    }
    if (status == TR_OK) {
        status = tr_lease_decode_describe_table(tr_buf_bytes(&answer->body), &active, &err);
    }
    if (status != TR_OK) {
        phase_failed(c, "lease table", status, &err);
    } else if (tr_lease_table_is_going(tr_buf_bytes(&answer->body))) {
        if (!c->lease_table.gone) {
            tr_consumer_note(c, TR_NOTE_TABLE_GONE, (struct tr_bytes){NULL, 0}, 0, 0,
                             tr_bytes_of(c->options.lease_table));
        }
        c->lease_table.gone = true; /* once it is gone, the start begins with a new one */
        to_phase(c, PHASE_LEASE_TABLE);
        phase_again(c, TABLE_POLL_MS);
    } else if (active) {
        start_running(c);
    } else {
        if (c->phase == PHASE_LEASE_TABLE) {
            tr_consumer_note(c, TR_NOTE_TABLE_WAITING, (struct tr_bytes){NULL, 0}, 0, 0,
                             tr_bytes_of(c->options.lease_table));
            to_phase(c, PHASE_WAIT_TABLE);
        }
        phase_again(c, TABLE_POLL_MS);
    }
}

static void on_create_table(struct tr_consumer *c, struct tr_aws_answer *answer)
{
    /* Several workers race to make the table; whoever comes second waits for it. */
    if (answer->status != TR_OK && answer->status != TR_EEXISTS) {
        phase_failed(c, "create the lease table", answer->status, &answer->err);
        return;
    }
    if (answer->status == TR_OK) {
        tr_consumer_note(c, TR_NOTE_TABLE_CREATED, (struct tr_bytes){NULL, 0}, 0, 0,
                         tr_bytes_of(c->options.lease_table));
    }
    to_phase(c, PHASE_WAIT_TABLE);
}

static void on_answer(struct tr_consumer *c, uint64_t op, struct tr_aws_answer *answer)
{
    enum op_kind kind = tr_consumer_op_kind(op);
    struct slot *slot;

    switch (kind) {
    case OP_TABLE:
    case OP_LEASE_TABLE:
    case OP_CREATE_TABLE:
        c->phase_calling = false;
        if (c->phase > PHASE_WAIT_TABLE) {
            if (kind == OP_LEASE_TABLE) {
                tr_consumer_table_described(c, answer);
            }
            return;
        }
        if (kind == OP_TABLE) {
            on_table(c, answer);
        } else if (kind == OP_LEASE_TABLE) {
            on_lease_table(c, answer);
        } else {
            on_create_table(c, answer);
        }
        return;
    case OP_LIST:
    case OP_CHILDREN:
    case OP_STREAMS:
    case OP_SCAN:
    case OP_READ:
        tr_consumer_look(c);
        tr_consumer_leases_answer(c, kind, tr_consumer_op_number(op), answer);
        return;
    case OP_WRITE: /* its effects say whom it concerns */
        tr_consumer_leases_answer(c, kind, tr_consumer_op_number(op), answer);
        return;
    case OP_FLEET:
        tr_consumer_table_answer(c, answer);
        return;
    case OP_AHEAD:
        tr_consumer_ahead_answer(c, tr_consumer_op_number(op), answer);
        return;
    case OP_ITERATOR:
    case OP_RECORDS:
        slot = tr_consumer_slot(c, op);
        if (slot != NULL) {
            tr_consumer_shard_answer(c, kind, slot, tr_consumer_op_number(op), answer);
        }
        return;
    case OP_SLICE:
    case OP_PROCESS:
        break;
    }
}

static void start_up(struct tr_consumer *c)
{
    if (c->phase < PHASE_RUN && !c->phase_calling && !c->stopping &&
        tr_mono_reached(c->now, c->phase_next)) {
        ask_phase(c);
    }
}

static void finish(struct tr_consumer *c)
{
    struct tr_consumer_effect *fx = tr_consumer_emit(c, TR_CONSUMER_FX_DONE);
    if (fx != NULL) {
        fx->status = c->end_status;
        fx->err = c->end_err;
        TR_SEEN(PHASE, c->phase, PHASE_DONE);
        c->phase = PHASE_DONE;
    }
}

/* Once everything is finished, or a stop was asked for: release, then end. */
static void wind_up(struct tr_consumer *c)
{
    struct tr_lease_event stop = {.kind = TR_LEASE_EV_STOP};

    if (c->phase == PHASE_RUN && !c->stopping && c->options.once &&
        tr_consumer_leases_finished(c)) {
        tr_consumer_judge_bad_rows(c);
        c->stopping = true;
    }
    if (!c->stopping || c->phase == PHASE_DONE) {
        return;
    }
    if (c->phase < PHASE_RUN) {
        finish(c);
        return;
    }
    if (c->phase == PHASE_RUN) {
        TR_SEEN(PHASE, c->phase, PHASE_STOP);
        c->phase = PHASE_STOP;
        tr_consumer_lease_event(c, &stop);
        tr_consumer_shards_pump(c);
    }
    if (c->held == 0 && c->lent == 0 && tr_lease_core_in_flight(c->leases) == 0) {
        finish(c);
    }
}

/* The service's time: what the shell says with an answer, whose Date has just put it right, and
 * the monotonic clock from there on. In between the host's clock may jump by any time, and rows are
 * numbered and shards judged by this. Until a Date has come it is the host's. */
static void keep_time(struct tr_consumer *c, const struct tr_consumer_event *event)
{
    bool dated = event->kind == TR_CONSUMER_EV_ANSWER && event->answer->status == TR_OK &&
                 event->answer->date.ms > 0;
    if (dated || c->dated_at.ns == 0) {
        c->dated = event->wall;
        c->dated_at = dated ? event->now : c->dated_at;
        c->wall = event->wall;
        return;
    }
    c->wall.ms = c->dated.ms + (int64_t)tr_mono_ms_between(c->dated_at, event->now);
}

enum tr_status tr_consumer_step(struct tr_consumer *c, const struct tr_consumer_event *event,
                                struct tr_consumer_effects *out)
{
    struct slot *slot;

    c->out = out;
    c->out_of_memory = false;
    c->now = event->now;
    keep_time(c, event);
    if (c->phase == PHASE_DONE) {
        return TR_OK;
    }
    slot = event->kind == TR_CONSUMER_EV_SLICED || event->kind == TR_CONSUMER_EV_PROCESSED
               ? tr_consumer_slot(c, event->op)
               : NULL;
    switch (event->kind) {
    case TR_CONSUMER_EV_TICK:
        break;
    case TR_CONSUMER_EV_ANSWER:
        if (event->answer->status == TR_OK) {
            tr_consumer_start_date(c, event->answer->date);
        }
        on_answer(c, event->op, event->answer);
        break;
    case TR_CONSUMER_EV_SLICED:
        TR_ASSERT(slot != NULL); /* a slot outlives what it lends */
        tr_consumer_sliced(c, slot, event->status, event->err);
        break;
    case TR_CONSUMER_EV_PROCESSED:
        TR_ASSERT(slot != NULL);
        tr_consumer_processed(c, slot, event->done, event->status, event->err);
        break;
    case TR_CONSUMER_EV_STOP:
        c->stopping = true;
        break;
    }
    start_up(c);
    if (c->phase == PHASE_RUN || c->phase == PHASE_STOP) {
        tr_consumer_leases_pump(c);
        tr_consumer_shards_pump(c);
    }
    wind_up(c);
    c->look = c->look || c->out_of_memory; /* what could not be done is tried again */
    return c->out_of_memory ? TR_ENOMEM : TR_OK;
}

struct tr_mono tr_consumer_deadline(const struct tr_consumer *c)
{
    if (c->phase == PHASE_DONE) {
        return TR_MONO_NEVER;
    }
    if (c->phase < PHASE_RUN) {
        return c->phase_calling ? TR_MONO_NEVER : c->phase_next;
    }
    return tr_mono_min(tr_consumer_leases_deadline(c), tr_consumer_shards_deadline(c));
}

static bool copy_options(struct tr_consumer *c, const struct tr_consumer_options *options)
{
    const char *from[] = {options->name, options->table, options->arn, options->lease_table,
                          options->worker_id};
    const char **to[] = {&c->options.name, &c->options.table, &c->options.arn,
                         &c->options.lease_table, &c->options.worker_id};
    size_t i;
    c->options = *options;
    for (i = 0; i < sizeof from / sizeof from[0]; i++) {
        if (from[i] != NULL && (c->strings[i] = tr_strdup(from[i])) == NULL) {
            return false;
        }
        *to[i] = c->strings[i];
    }
    return true;
}

enum tr_status tr_consumer_new(const struct tr_consumer_options *options, struct tr_consumer **out)
{
    struct tr_consumer *c = tr_calloc(1, sizeof *c);
    if (c == NULL) {
        return TR_ENOMEM;
    }
    tr_random_init(&c->random, options->seed);
    c->listing.next = TR_MONO_NEVER;
    if (!copy_options(c, options)) {
        tr_consumer_free(c);
        return TR_ENOMEM;
    }
    if (options->arn != NULL) {
        tr_buf_add_str(&c->arn, options->arn);
        if (c->arn.failed) {
            tr_consumer_free(c);
            return TR_ENOMEM;
        }
        c->phase = PHASE_LEASE_TABLE;
        if (!tr_consumer_stream_of(c, &c->stream)) {
            tr_consumer_fail(c, TR_ECONFIG, "consumer '%s': '%s' is not the arn of a stream",
                             options->name, options->arn);
        }
    }
    *out = c;
    return TR_OK;
}

void tr_consumer_free(struct tr_consumer *c)
{
    size_t i;
    if (c == NULL) {
        return;
    }
    tr_consumer_shards_deinit(c);
    tr_consumer_leases_deinit(c);
    tr_buf_deinit(&c->arn);
    for (i = 0; i < sizeof c->strings / sizeof c->strings[0]; i++) {
        tr_free(c->strings[i]);
    }
    tr_free(c);
}

struct tr_bytes tr_consumer_stream_arn(const struct tr_consumer *c)
{
    return c->arn.len > 0 ? tr_buf_bytes(&c->arn) : (struct tr_bytes){NULL, 0};
}

const char *tr_consumer_waits_for(const struct tr_consumer *c)
{
    switch (c->phase) {
    case PHASE_STREAM:
        return "its stream is not found yet";
    case PHASE_LEASE_TABLE:
    case PHASE_CREATE_TABLE:
    case PHASE_WAIT_TABLE:
        return "its lease table is not there yet";
    case PHASE_RUN:
        return c->stopping                        ? "it stops"
               : tr_lease_core_scanned(c->leases) ? NULL
                                                  : "its lease table is not read yet";
    case PHASE_STOP:
        return "it stops";
    case PHASE_DONE:
        break;
    }
    return "it has ended";
}

size_t tr_consumer_held(const struct tr_consumer *c)
{
    return c->held;
}

size_t tr_consumer_unreleased(const struct tr_consumer *c)
{
    return c->unreleased;
}

size_t tr_consumer_stopped(const struct tr_consumer *c)
{
    return c->gapped + tr_map_count(&c->gaps);
}

size_t tr_consumer_lent(const struct tr_consumer *c)
{
    return c->lent;
}
