/* SPDX-License-Identifier: Apache-2.0
 *
 * One call from the target and the body to the answer: look the operation up, parse, play the
 * faults that are in force, serve, put an error into the service's shape. */
#include "local/local.h"

#include "base/mem.h"
#include "local/model.h"
#include "local/ops.h"
#include "local/table.h"

static const struct {
    const char *prefix;
    const char *name;
    struct tr_bytes target; /* both */
    tr_op_fn serve;
} ops[] = {
#define OP_ROW(prefix, name, function)                                                             \
    {prefix, #name, {prefix #name, sizeof prefix #name - 1}, function},
    TR_LOCAL_OPS(OP_ROW)
#undef OP_ROW
};

static const struct {
    const char *name;
    const char *what;
} absent_ops[] = {
#define ABSENT_ROW(name, what) {#name, what},
    TR_ABSENT_OPS(ABSENT_ROW)
#undef ABSENT_ROW
};

static const struct {
    unsigned http;
    const char *type;
    const char *member;
} problems[] = {
#define PROBLEM_ROW(id, http, type, member) {http, type, member},
    TR_PROBLEM_TABLE(PROBLEM_ROW)
#undef PROBLEM_ROW
};

const char *tr_op_name(enum tr_op op)
{
    return ops[op].name;
}

bool tr_op_is_control(enum tr_op op)
{
    return strcmp(ops[op].prefix, TR_TARGET_CONTROL) == 0;
}

unsigned tr_problem_http(enum tr_problem_code code)
{
    return problems[code].http;
}

/* A message may quote a piece of a request that was cut inside a character: what is no character by
 * itself becomes a question mark, since an answer is always valid JSON. */
static void add_message(struct tr_buf *out, struct tr_bytes message)
{
    struct tr_buf clean = {0};
    size_t at = 0;
    bool whole = tr_bytes_utf8(message);
    while (!whole && at < message.len) {
        size_t len = 1;
        while (len < 4 && at + len < message.len &&
               !tr_bytes_utf8((struct tr_bytes){message.ptr + at, len})) {
            len++;
        }
        if (tr_bytes_utf8((struct tr_bytes){message.ptr + at, len})) {
            tr_buf_add(&clean, (struct tr_bytes){message.ptr + at, len});
            at += len;
        } else {
            tr_buf_add_char(&clean, '?');
            at++;
        }
    }
    out->failed = out->failed || clean.failed;
    tr_buf_add_json(out, clean.len > 0 ? tr_buf_bytes(&clean) : message);
    tr_buf_deinit(&clean);
}

void tr_problem_print(const struct tr_problem *problem, struct tr_buf *out)
{
    const char *member = problems[problem->code].member;
    tr_buf_printf(out, "{\"__type\":\"%s\"", problems[problem->code].type);
    if (problem->message.len > 0) {
        tr_buf_printf(out, ",\"%s\":", member[0] != '\0' ? member : "message");
        add_message(out, tr_buf_bytes(&problem->message));
    }
    if (problem->members.len > 0) {
        tr_buf_add_char(out, ',');
        tr_buf_add(out, tr_buf_bytes(&problem->members));
    }
    tr_buf_add_char(out, '}');
}

enum tr_status tr_local_new(const struct tr_local_options *options, struct tr_wall now,
                            struct tr_local **out)
{
    struct tr_local *local = tr_calloc(1, sizeof *local);
    unsigned open_shards = options->open_shards > 0 ? options->open_shards : 1;
    if (local == NULL) {
        return TR_ENOMEM;
    }
    local->now = now;
    snprintf(local->region, sizeof local->region, "%s",
             options->region != NULL ? options->region : "us-east-1");
    snprintf(local->account, sizeof local->account, "%s",
             options->account != NULL ? options->account : "000000000000");
    tr_random_init(&local->random, options->seed);
    tr_random_init(&local->streams.random, tr_random_u64(&local->random));
    tr_random_init(&local->faults.random, tr_random_u64(&local->random));
    local->tables.delay_ms = options->table_delay_ms;
    local->streams.iterator_key = tr_random_u64(&local->random);
    if (options->watch != NULL) {
        local->watch = *options->watch;
    }
    local->streams.open_shards =
        open_shards < TR_SHARDS_OPEN_MAX ? open_shards : TR_SHARDS_OPEN_MAX;
    *out = local;
    return TR_OK;
}

void tr_local_free(struct tr_local *local)
{
    if (local == NULL) {
        return;
    }
    tr_local_tables_deinit(local);
    tr_local_streams_deinit(&local->streams);
    tr_arena_deinit(&local->arena);
    tr_json_deinit(&local->doc);
    tr_free(local);
}

struct tr_wall tr_local_now(const struct tr_local *local)
{
    return local->now;
}

static void do_due(struct tr_local *local, int64_t now_ms)
{
    local->now.ms = now_ms > local->now.ms ? now_ms : local->now.ms;
    tr_local_streams_tick(local);
    tr_local_tables_tick(local);
}

/* Let the clock run, not jump: what tables do by themselves (an item whose time to live is over)
 * happens at its time, in the shard that was open then. */
static void run_until(struct tr_local *local, int64_t now_ms)
{
    struct tr_wall due = tr_local_tables_deadline(local);
    while (due.ms > local->now.ms && due.ms < now_ms) {
        do_due(local, due.ms);
        due = tr_local_tables_deadline(local);
    }
    do_due(local, now_ms);
}

void tr_local_tick(struct tr_local *local, struct tr_wall now)
{
    run_until(local, now.ms + local->advanced_ms);
}

void tr_local_advance(struct tr_local *local, int64_t ms)
{
    local->advanced_ms += ms;
    run_until(local, local->now.ms + ms);
}

struct tr_wall tr_local_deadline(const struct tr_local *local)
{
    struct tr_wall tables = tr_local_tables_deadline(local);
    struct tr_wall streams = tr_local_streams_deadline(local);
    struct tr_wall next = tables.ms < streams.ms ? tables : streams;
    if (next.ms != INT64_MAX) {
        next.ms -= local->advanced_ms;
    }
    return next;
}

/* Like the service's: 52 capital letters and digits that end in AAJG. */
static void make_request_id(struct tr_random *random, char out[53])
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
    size_t i;
    for (i = 0; i < 48; i += 12) {
        uint64_t bits = tr_random_u64(random);
        size_t j;
        for (j = 0; j < 12; j++) {
            out[i + j] = letters[bits & 31];
            bits >>= 5;
        }
    }
    memcpy(out + 48, "AAJG", 5);
}

static void reset_answer(struct tr_local *local, struct tr_local_answer *answer)
{
    tr_buf_reset(&answer->body);
    answer->http_status = 200;
    answer->content_type = "application/x-amz-json-1.0";
    answer->delivery = TR_LOCAL_SEND;
    answer->delay_ms = 0;
    make_request_id(&local->random, answer->request_id);
}

void tr_local_answer_deinit(struct tr_local_answer *answer)
{
    tr_buf_deinit(&answer->body);
}

/* The row of an operation, or -1 with the problem. */
static int find_op(struct tr_bytes target, struct tr_problem *problem, enum tr_status *status)
{
    struct tr_bytes name = target;
    size_t i;
    for (i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (tr_bytes_eq(target, ops[i].target)) {
            return (int)i;
        }
    }
    *status = TR_EREFUSED;
    if (tr_bytes_starts(target, TR_TARGET_TABLES)) {
        name.ptr += sizeof TR_TARGET_TABLES - 1;
        name.len -= sizeof TR_TARGET_TABLES - 1;
        for (i = 0; i < sizeof absent_ops / sizeof *absent_ops; i++) {
            if (tr_bytes_is(name, absent_ops[i].name)) {
                *status = tr_problem_set(problem, TR_PROBLEM_UNKNOWN_OPERATION,
                                         "%s: %s: not available in the service model",
                                         absent_ops[i].name, absent_ops[i].what);
                return -1;
            }
        }
    }
    problem->code = TR_PROBLEM_UNKNOWN_OPERATION;
    return -1;
}

static enum tr_status parse(struct tr_call *call, struct tr_bytes body)
{
    struct tr_err err = {{0}};
    enum tr_status status = tr_json_parse(&call->local->doc, body, &err);
    if (status == TR_EPARSE) {
        return tr_problem_set(&call->problem, TR_PROBLEM_SERIALIZATION, "%s", err.text);
    }
    if (status != TR_OK) {
        return status;
    }
    call->request = tr_json_root(&call->local->doc);
    if (tr_json_type(call->request) != TR_JSON_OBJECT) {
        return tr_problem_set(&call->problem, TR_PROBLEM_SERIALIZATION,
                              "the request is %s, not an object",
                              tr_json_type_text(tr_json_type(call->request)));
    }
    return TR_OK;
}

static enum tr_status serve(struct tr_call *call, struct tr_bytes target, struct tr_bytes body,
                            struct tr_local_answer *answer)
{
    enum tr_status status = TR_OK;
    int op = find_op(target, &call->problem, &status);
    if (op < 0 || (status = parse(call, body)) != TR_OK ||
        (status = tr_local_faults_apply(call, op, answer)) != TR_OK) {
        return status;
    }
    return ops[op].serve(call);
}

/* Put a problem into the body. Without memory for even that, the status alone has to do. */
static void print_problem(const struct tr_problem *problem, struct tr_local_answer *answer)
{
    tr_buf_reset(&answer->body);
    answer->http_status = tr_problem_http(problem->code);
    tr_problem_print(problem, &answer->body);
    if (answer->body.failed) {
        tr_buf_deinit(&answer->body);
        answer->http_status = 500;
    }
}

void tr_local_refuse(struct tr_local *local, struct tr_wall now, const struct tr_problem *problem,
                     struct tr_local_answer *answer)
{
    reset_answer(local, answer);
    tr_local_tick(local, now);
    print_problem(problem, answer);
}

void tr_local_call(struct tr_local *local, struct tr_wall now, struct tr_bytes target,
                   struct tr_bytes body, struct tr_local_answer *answer)
{
    struct tr_call call = {.local = local, .arena = &local->arena, .out = &answer->body};
    enum tr_status status;

    reset_answer(local, answer);
    tr_local_tick(local, now);
    status = serve(&call, target, body, answer);
    if (status != TR_OK && status != TR_EREFUSED && status != TR_ECANCELED) {
        tr_problem_reset(&call.problem);
        call.problem.code = TR_PROBLEM_INTERNAL;
    }
    if (status != TR_OK && status != TR_ECANCELED) {
        print_problem(&call.problem, answer);
    }
    tr_problem_deinit(&call.problem);
    tr_arena_reset(&local->arena);
}
