/* SPDX-License-Identifier: Apache-2.0
 *
 * The control operations: what a test may ask of the model that the real service does by itself. */
#include "local/field.h"
#include "local/ops.h"

#define ADVANCE_MAX_S (366 * UINT64_C(86400))
#define TIMES_MAX UINT64_C(1000000000)
#define DELAY_MAX_MS UINT64_C(3600000)
#define STALE_MAX_MS 5000  /* a stale read is never older */
#define ANSWER_BYTES 2048u /* reserved before something is changed, so that the answer fits */

static enum tr_status status_of(const struct tr_buf *out)
{
    return out->failed ? TR_ENOMEM : TR_OK;
}

/* The stream that TableName (its newest) or StreamArn names; one of the two is needed. */
static enum tr_status read_stream(struct tr_call *call, struct tr_local_stream **stream)
{
    struct tr_bytes table, arn;
    enum tr_status status;
    if ((status = tr_field_str(call, call->request, "TableName", TR_FIELD_OPTIONAL, 3, 255,
                               &table)) != TR_OK ||
        (status = tr_field_str(call, call->request, "StreamArn", TR_FIELD_OPTIONAL, 37, 1024,
                               &arn)) != TR_OK) {
        return status;
    }
    if ((table.ptr == NULL) == (arn.ptr == NULL)) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              "one of TableName and StreamArn must be given");
    }
    *stream = arn.ptr != NULL ? tr_local_stream_find(call->local, arn)
                              : tr_local_stream_newest(call->local, table);
    if (*stream == NULL) {
        return tr_problem_set(&call->problem, TR_PROBLEM_NOT_FOUND,
                              arn.ptr != NULL
                                  ? "Requested resource not found: Stream: %.*s not found"
                                  : "Requested resource not found: Table: %.*s has no "
                                    "stream",
                              TR_FMT(arn.ptr != NULL ? arn : table));
    }
    return TR_OK;
}

/* The shard that ShardId names, or NULL when it is not given. */
static enum tr_status read_shard(struct tr_call *call, const struct tr_local_stream *stream,
                                 struct tr_local_shard **shard)
{
    struct tr_bytes id;
    enum tr_status status =
        tr_field_str(call, call->request, "ShardId", TR_FIELD_OPTIONAL, 1, 65, &id);
    *shard = NULL;
    if (status != TR_OK || id.ptr == NULL) {
        return status;
    }
    *shard = tr_local_stream_shard(stream, id);
    if (*shard == NULL) {
        return tr_problem_set(&call->problem, TR_PROBLEM_NOT_FOUND,
                              "Requested resource not found: Shard: %.*s not found", TR_FMT(id));
    }
    return TR_OK;
}

static enum tr_status not_open(struct tr_call *call, const char *id)
{
    return tr_problem_set(&call->problem, TR_PROBLEM_IN_USE, "shard '%s' is closed already", id);
}

/* The open shard with the widest range, the oldest of these: splits spread evenly by themselves. */
static struct tr_local_shard *widest(const struct tr_local_stream *stream)
{
    struct tr_local_shard *best = NULL;
    size_t i;
    for (i = 0; i < stream->count; i++) {
        struct tr_local_shard *shard = stream->shards[i];
        if (shard->last == 0 &&
            (best == NULL || shard->hash_to - shard->hash_from > best->hash_to - best->hash_from)) {
            best = shard;
        }
    }
    return best;
}

static void print_arn(struct tr_call *call, const struct tr_local_stream *stream)
{
    tr_buf_add_str(call->out, "{\"StreamArn\":");
    tr_buf_add_json(call->out, stream->arn);
}

enum tr_status tr_op_split_shard(struct tr_call *call)
{
    static const char *const names[] = {"TableName", "StreamArn", "ShardId", NULL};
    struct tr_local_stream *stream;
    struct tr_local_shard *shard, *children[2];
    enum tr_status status;

    if ((status = tr_field_only(call, call->request, names)) != TR_OK ||
        (status = read_stream(call, &stream)) != TR_OK ||
        (status = read_shard(call, stream, &shard)) != TR_OK) {
        return status;
    }
    if (shard == NULL && (shard = widest(stream)) == NULL) {
        return tr_problem_set(&call->problem, TR_PROBLEM_IN_USE, "the stream has no open shard");
    }
    if (shard->last != 0) {
        return not_open(call, shard->id);
    }
    if (!tr_buf_reserve(call->out, ANSWER_BYTES)) {
        return TR_ENOMEM;
    }
    status = tr_local_stream_split(call->local, stream, shard, children);
    if (status == TR_ELIMIT) {
        return tr_problem_set(&call->problem, TR_PROBLEM_LIMIT,
                              "shard '%s' cannot be split further", shard->id);
    }
    if (status != TR_OK) {
        return status;
    }
    print_arn(call, stream);
    tr_buf_printf(call->out, ",\"ShardId\":\"%s\",\"ChildShardIds\":[\"%s\",\"%s\"]}", shard->id,
                  children[0]->id, children[1]->id);
    return status_of(call->out);
}

/* Roll one shard over and append its part of the answer. */
static enum tr_status roll(struct tr_call *call, struct tr_local_stream *stream,
                           struct tr_local_shard *shard, bool first)
{
    struct tr_local_shard *child;
    enum tr_status status =
        tr_local_stream_roll(call->local, stream, shard, call->local->now, &child);
    if (status == TR_OK) {
        tr_buf_printf(call->out, "%s{\"ShardId\":\"%s\",\"ChildShardId\":\"%s\"}", first ? "" : ",",
                      shard->id, child->id);
    }
    return status;
}

enum tr_status tr_op_rollover(struct tr_call *call)
{
    static const char *const names[] = {"TableName", "StreamArn", "ShardId", NULL};
    struct tr_local_stream *stream;
    struct tr_local_shard *shard;
    enum tr_status status;
    size_t i;

    if ((status = tr_field_only(call, call->request, names)) != TR_OK ||
        (status = read_stream(call, &stream)) != TR_OK ||
        (status = read_shard(call, stream, &shard)) != TR_OK) {
        return status;
    }
    if (shard != NULL && shard->last != 0) {
        return not_open(call, shard->id);
    }
    if (!tr_buf_reserve(call->out, ANSWER_BYTES * (1 + stream->open_count))) {
        return TR_ENOMEM;
    }
    print_arn(call, stream);
    tr_buf_add_str(call->out, ",\"Shards\":[");
    if (shard != NULL) {
        status = roll(call, stream, shard, true);
    }
    for (i = 0; shard == NULL && i < stream->open_count && status == TR_OK; i++) {
        status = roll(call, stream, stream->open[i], i == 0);
    }
    tr_buf_add_str(call->out, "]}");
    return status != TR_OK ? status : status_of(call->out);
}

struct trim {
    struct tr_local_shard *shard; /* NULL: all */
    uint64_t records;             /* UINT64_MAX: not given */
    uint64_t before_s;
};

/* Trim one shard; how many records went. */
static size_t trim_shard(const struct trim *trim, struct tr_local_shard *shard)
{
    size_t kept = tr_local_shard_kept(shard);
    if (trim->before_s != UINT64_MAX) {
        tr_local_shard_trim_before(shard, (int64_t)trim->before_s * 1000);
    } else {
        tr_local_shard_trim(shard, trim->records < kept ? (size_t)trim->records : kept);
    }
    return kept - tr_local_shard_kept(shard);
}

static enum tr_status read_trim(struct tr_call *call, struct tr_local_stream **stream,
                                struct trim *trim)
{
    static const char *const names[] = {"TableName", "StreamArn", "ShardId",
                                        "Records",   "Before",    NULL};
    enum tr_status status;
    *trim = (struct trim){.records = UINT64_MAX, .before_s = UINT64_MAX};
    if ((status = tr_field_only(call, call->request, names)) != TR_OK ||
        (status = read_stream(call, stream)) != TR_OK ||
        (status = read_shard(call, *stream, &trim->shard)) != TR_OK ||
        (status = tr_field_u64(call, call->request, "Records", 0, TIMES_MAX, &trim->records)) !=
            TR_OK ||
        (status = tr_field_u64(call, call->request, "Before", 0, UINT32_MAX, &trim->before_s)) !=
            TR_OK) {
        return status;
    }
    if (trim->records != UINT64_MAX && trim->before_s != UINT64_MAX) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              "Records and Before exclude each other");
    }
    return TR_OK;
}

/* The service trims by time, so a shard stays listed as long as its parent is, which ended before
 * it. Who names a shard gets what was asked for. */
static bool is_oldest(const struct tr_local_stream *stream, const struct trim *trim,
                      const struct tr_local_shard *shard)
{
    size_t i;
    if (trim->shard != NULL || shard->parent[0] == '\0') {
        return true;
    }
    for (i = 0; i < stream->count; i++) {
        if (strcmp(stream->shards[i]->id, shard->parent) == 0) {
            return false;
        }
    }
    return true;
}

enum tr_status tr_op_trim(struct tr_call *call)
{
    struct tr_local_stream *stream;
    struct trim trim;
    size_t records = 0, shards = 0, i = 0;
    enum tr_status status = read_trim(call, &stream, &trim);

    if (status != TR_OK) {
        return status;
    }
    while (i < stream->count) {
        struct tr_local_shard *shard = stream->shards[i];
        size_t gone = 0;
        if (trim.shard == NULL || trim.shard == shard) {
            uint64_t before = shard->trimmed;
            gone = trim_shard(&trim, shard);
            tr_local_stream_tell_trimmed(call->local, stream, shard, before);
            /* Only what this call emptied leaves the listing, or all that is empty when all is to
             * go. */
            if ((gone > 0 || (trim.records == UINT64_MAX && trim.before_s == UINT64_MAX)) &&
                is_oldest(stream, &trim, shard) &&
                tr_local_stream_drop_empty(call->local, stream, shard)) {
                shards++;
                records += gone;
                continue;
            }
        }
        records += gone;
        i++;
    }
    print_arn(call, stream);
    tr_buf_printf(call->out, ",\"TrimmedRecords\":%zu,\"TrimmedShards\":%zu}", records, shards);
    return status_of(call->out);
}

enum tr_status tr_op_advance_clock(struct tr_call *call)
{
    static const char *const names[] = {"Seconds", NULL};
    struct tr_local *local = call->local;
    uint64_t seconds = UINT64_MAX;
    enum tr_status status;

    if ((status = tr_field_only(call, call->request, names)) != TR_OK ||
        (status = tr_field_u64(call, call->request, "Seconds", 0, ADVANCE_MAX_S, &seconds)) !=
            TR_OK) {
        return status;
    }
    if (seconds == UINT64_MAX) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION, "Seconds must be given");
    }
    tr_buf_add_str(call->out, "{\"Now\":\"");
    tr_wall_format(call->out, (struct tr_wall){local->now.ms + (int64_t)seconds * 1000});
    tr_buf_add_str(call->out, "\"}");
    if (!call->out->failed) {
        tr_local_advance(local, (int64_t)seconds * 1000);
    }
    return status_of(call->out);
}

/* 0, 1, 0.25: a probability in millionths; false for anything else. */
static bool read_millionths(struct tr_json value, uint64_t *out)
{
    struct tr_bytes rest = tr_json_raw(value);
    struct tr_bytes whole = tr_bytes_cut(&rest, '.');
    uint64_t ones, fraction = 0;
    size_t i;

    if (tr_json_type(value) != TR_JSON_NUMBER || !tr_bytes_u64(whole, 1, &ones)) {
        return false;
    }
    for (i = 0; i < rest.len; i++) {
        if (rest.ptr[i] < '0' || rest.ptr[i] > '9') {
            return false;
        }
    }
    for (i = 0; i < 6; i++) {
        fraction = fraction * 10 + (i < rest.len ? (uint64_t)(rest.ptr[i] - '0') : 0);
    }
    *out = ones * 1000000 + fraction;
    return *out <= 1000000;
}

static int op_of(struct tr_bytes name)
{
    int i;
    for (i = 0; i < TR_OP_COUNT; i++) {
        if (tr_bytes_is(name, tr_op_name((enum tr_op)i)) && !tr_op_is_control((enum tr_op)i)) {
            return i;
        }
    }
    return -1;
}

/* Which calls: Fault, Operation, TableName. */
static enum tr_status read_fault_target(struct tr_call *call, struct tr_fault *rule)
{
    struct tr_bytes kind, op, table;
    enum tr_status status;
    int number;

    if ((status = tr_field_str(call, call->request, "Fault", TR_FIELD_REQUIRED, 1, 64, &kind)) !=
            TR_OK ||
        (status = tr_field_str(call, call->request, "Operation", TR_FIELD_OPTIONAL, 1, 64, &op)) !=
            TR_OK ||
        (status = tr_field_str(call, call->request, "TableName", TR_FIELD_OPTIONAL, 3, 255,
                               &table)) != TR_OK) {
        return status;
    }
    if ((number = tr_fault_kind_of(kind)) < 0) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION, "unknown Fault '%.*s'",
                              TR_FMT(kind));
    }
    rule->kind = (enum tr_fault_kind)number;
    rule->op = op.ptr != NULL ? op_of(op) : -1;
    if (op.ptr != NULL && (rule->op < 0 || !tr_fault_fits(rule->kind, rule->op))) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              rule->op < 0 ? "unknown Operation '%.*s'"
                                           : "Operation '%.*s' cannot have this Fault",
                              TR_FMT(op));
    }
    snprintf(rule->table, sizeof rule->table, "%.*s", (int)table.len,
             table.ptr != NULL ? table.ptr : "");
    return TR_OK;
}

/* How often: Count, Skip, Probability; and DelayMs. */
static enum tr_status read_fault_times(struct tr_call *call, struct tr_fault *rule)
{
    struct tr_json probability = tr_json_get(call->request, "Probability");
    enum tr_status status;

    rule->left = UINT64_MAX;
    rule->per_million = 1000000;
    if ((status = tr_field_u64(call, call->request, "Count", 1, TIMES_MAX, &rule->left)) != TR_OK ||
        (status = tr_field_u64(call, call->request, "Skip", 0, TIMES_MAX, &rule->skip)) != TR_OK ||
        (status = tr_field_u64(call, call->request, "DelayMs", 1, DELAY_MAX_MS, &rule->delay_ms)) !=
            TR_OK) {
        return status;
    }
    if (probability.doc != NULL && !read_millionths(probability, &rule->per_million)) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              "Probability %.*s is not a number from 0 to 1",
                              TR_FMT(tr_json_raw(probability)));
    }
    if ((rule->kind == TR_FAULT_DELAY) != (rule->delay_ms > 0)) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              "DelayMs belongs to the Fault Delay, which needs it");
    }
    return TR_OK;
}

/* Tables remember what was before a write only while somebody may want to see it. */
static void remember_past(struct tr_local *local)
{
    size_t i;
    local->tables.history_ms = 0;
    for (i = 0; i < local->faults.count; i++) {
        if (local->faults.rules[i].kind == TR_FAULT_STALE_READ) {
            local->tables.history_ms = STALE_MAX_MS;
        }
    }
}

enum tr_status tr_op_set_fault(struct tr_call *call)
{
    static const char *const names[] = {"Fault", "Operation",   "TableName", "Count",
                                        "Skip",  "Probability", "DelayMs",   NULL};
    struct tr_local_faults *faults = &call->local->faults;
    struct tr_fault rule = {0};
    enum tr_status status;

    if ((status = tr_field_only(call, call->request, names)) != TR_OK ||
        (status = read_fault_target(call, &rule)) != TR_OK ||
        (status = read_fault_times(call, &rule)) != TR_OK) {
        return status;
    }
    if (faults->count == TR_FAULTS_MAX) {
        return tr_problem_set(&call->problem, TR_PROBLEM_LIMIT,
                              "%d faults are in force, more is not possible", TR_FAULTS_MAX);
    }
    tr_buf_printf(call->out, "{\"FaultId\":%llu}", (unsigned long long)faults->newest_id + 1);
    if (call->out->failed) {
        return TR_ENOMEM;
    }
    rule.id = ++faults->newest_id;
    faults->rules[faults->count++] = rule;
    remember_past(call->local);
    return TR_OK;
}

enum tr_status tr_op_clear_faults(struct tr_call *call)
{
    static const char *const names[] = {"FaultId", NULL};
    struct tr_local_faults *faults = &call->local->faults;
    uint64_t id = 0;
    size_t cleared = 0, i;
    enum tr_status status;

    if ((status = tr_field_only(call, call->request, names)) != TR_OK ||
        (status = tr_field_u64(call, call->request, "FaultId", 1, UINT64_MAX, &id)) != TR_OK) {
        return status;
    }
    for (i = 0; i < faults->count; i++) {
        cleared += id == 0 || faults->rules[i].id == id;
    }
    tr_buf_printf(call->out, "{\"Cleared\":%zu,\"Struck\":%llu}", cleared,
                  (unsigned long long)faults->fired);
    if (call->out->failed) {
        return TR_ENOMEM;
    }
    cleared = 0;
    for (i = 0; i < faults->count; i++) {
        if (id != 0 && faults->rules[i].id != id) {
            faults->rules[cleared++] = faults->rules[i];
        }
    }
    faults->count = cleared;
    remember_past(call->local);
    faults->fired = id == 0 ? 0 : faults->fired;
    return TR_OK;
}
