/* SPDX-License-Identifier: Apache-2.0 */
#include "local/fault.h"

#include "local/model.h"
#include "local/ops.h"

static const struct {
    const char *name;
    unsigned scope;
} kinds[] = {
#define KIND_ROW(id, name, scope, text) {name, scope},
    TR_FAULT_TABLE(KIND_ROW)
#undef KIND_ROW
};

const char *tr_fault_name(enum tr_fault_kind kind)
{
    return kinds[kind].name;
}

int tr_fault_kind_of(struct tr_bytes name)
{
    int i;
    for (i = 0; i < TR_FAULT_COUNT; i++) {
        if (tr_bytes_is(name, kinds[i].name)) {
            return i;
        }
    }
    return -1;
}

static unsigned scopes_of(int op)
{
    switch (op) {
    case TR_OP_ListStreams:
        return TR_FAULT_ON_ANY | TR_FAULT_ON_LISTS;
    case TR_OP_DescribeStream:
        return TR_FAULT_ON_ANY | TR_FAULT_ON_LISTS | TR_FAULT_ON_STREAM;
    case TR_OP_GetShardIterator:
        return TR_FAULT_ON_ANY | TR_FAULT_ON_STREAM;
    case TR_OP_GetRecords:
        return TR_FAULT_ON_ANY | TR_FAULT_ON_STREAM | TR_FAULT_ON_RECORDS;
    case TR_OP_GetItem:
    case TR_OP_Query:
    case TR_OP_Scan:
        return TR_FAULT_ON_ANY | TR_FAULT_ON_READS;
    case TR_OP_BatchGetItem:
        return TR_FAULT_ON_ANY | TR_FAULT_ON_READS | TR_FAULT_ON_BATCHES;
    case TR_OP_BatchWriteItem:
        return TR_FAULT_ON_ANY | TR_FAULT_ON_BATCHES;
    case TR_OP_PutItem:
    case TR_OP_UpdateItem:
    case TR_OP_DeleteItem:
        return TR_FAULT_ON_ANY | TR_FAULT_ON_WRITES;
    default:
        return tr_op_is_control((enum tr_op)op) ? 0 : TR_FAULT_ON_ANY;
    }
}

bool tr_fault_fits(enum tr_fault_kind kind, int op)
{
    return (kinds[kind].scope & scopes_of(op)) != 0;
}

/* The table's name in "arn:aws:dynamodb:R:A:table/NAME/stream/..." (also with an iterator's rest),
 * or the text itself when it is no ARN. */
static struct tr_bytes table_in(struct tr_bytes text)
{
    static const char mark[] = ":table/";
    size_t i;
    for (i = 0; tr_bytes_starts(text, "arn:") && i + sizeof mark - 1 < text.len; i++) {
        if (memcmp(text.ptr + i, mark, sizeof mark - 1) == 0) {
            struct tr_bytes rest = {text.ptr + i + sizeof mark - 1, text.len - i - sizeof mark + 1};
            return tr_bytes_cut(&rest, '/');
        }
    }
    return text;
}

static bool names_table(struct tr_json value, const char *table)
{
    struct tr_bytes raw = tr_json_raw(value);
    if (tr_json_type(value) != TR_JSON_STRING) {
        return false;
    }
    /* Names and ARNs need no escapes; one that has some all the same is not recognised. */
    return tr_bytes_is(table_in((struct tr_bytes){raw.ptr + 1, raw.len - 2}), table);
}

/* Whether a request is about a table: by its name, its stream, an iterator, or in a batch. */
static bool touches(const struct tr_call *call, const char *table)
{
    static const char *const members[] = {"TableName", "StreamArn", "ShardIterator", NULL};
    struct tr_json items = tr_json_get(call->request, "RequestItems");
    struct tr_json item;
    size_t i;

    for (i = 0; members[i] != NULL; i++) {
        if (names_table(tr_json_get(call->request, members[i]), table)) {
            return true;
        }
    }
    if (tr_json_type(items) != TR_JSON_OBJECT) {
        return false;
    }
    for (item = tr_json_first(items); item.doc != NULL; item = tr_json_next(items, item)) {
        if (names_table(tr_json_key(item), table)) {
            return true;
        }
    }
    return false;
}

/* Whether a rule strikes this call; counts it. */
static bool strikes(struct tr_local_faults *faults, struct tr_fault *rule,
                    const struct tr_call *call, int op)
{
    if ((rule->op >= 0 && rule->op != op) || !tr_fault_fits(rule->kind, op) || rule->left == 0 ||
        (rule->table[0] != '\0' && !touches(call, rule->table))) {
        return false;
    }
    if (rule->skip > 0) {
        rule->skip--;
        return false;
    }
    if (rule->per_million < 1000000 &&
        tr_random_below(&faults->random, 1000000) >= rule->per_million) {
        return false;
    }
    rule->left -= rule->left != UINT64_MAX;
    faults->fired++;
    return true;
}

static enum tr_status throttle(struct tr_call *call, int op)
{
    unsigned scopes = scopes_of(op);
    if ((scopes & (TR_FAULT_ON_READS | TR_FAULT_ON_WRITES | TR_FAULT_ON_BATCHES)) != 0) {
        return tr_problem_set(&call->problem, TR_PROBLEM_THROUGHPUT,
                              "The level of configured provisioned throughput for the table was "
                              "exceeded. Consider increasing your provisioning level with the "
                              "UpdateTable API.");
    }
    return tr_problem_set(&call->problem, TR_PROBLEM_THROTTLING,
                          "Rate of requests exceeds the allowed throughput.");
}

static enum tr_status html_500(struct tr_local_answer *answer)
{
    answer->http_status = 500;
    answer->content_type = "text/html";
    tr_buf_add_str(&answer->body, "<html><head><title>500 Internal Server Error</title></head>"
                                  "<body><h1>Internal Server Error</h1></body></html>\n");
    return TR_ECANCELED;
}

static void trim_early(struct tr_call *call)
{
    struct tr_local *local = call->local;
    size_t i, j;
    for (i = 0; i < local->streams.count; i++) {
        const struct tr_local_stream *stream = local->streams.list[i];
        char table[256];
        snprintf(table, sizeof table, "%.*s", TR_FMT(stream->table));
        for (j = 0; touches(call, table) && j < stream->count; j++) {
            struct tr_local_shard *shard = stream->shards[j];
            size_t kept = tr_local_shard_kept(shard);
            uint64_t before = shard->trimmed;
            tr_local_shard_trim(shard, kept > 0 ? kept - 1 : 0);
            tr_local_stream_tell_trimmed(local, stream, shard, before);
        }
    }
}

/* The faults that leave the call to be served; false for the others. */
static bool apply_mild(struct tr_call *call, const struct tr_fault *rule,
                       struct tr_local_answer *answer)
{
    switch (rule->kind) {
    case TR_FAULT_RESET_AFTER:
        answer->delivery = TR_LOCAL_RESET;
        return true;
    case TR_FAULT_HALF_ANSWER:
        answer->delivery = TR_LOCAL_HALF;
        return true;
    case TR_FAULT_DELAY:
        answer->delay_ms += rule->delay_ms;
        return true;
    case TR_FAULT_EARLY_TRIM:
        trim_early(call);
        return true;
    case TR_FAULT_STALE_LISTING:
        return call->stale_list = true;
    case TR_FAULT_PARTIAL_LISTING:
        return call->part_list = true;
    case TR_FAULT_TWO_READERS:
        return call->two_readers = true;
    case TR_FAULT_SHARD_LIMITS:
        return call->shard_limits = true;
    case TR_FAULT_EMPTY_PAGE:
        return call->empty_page = true;
    case TR_FAULT_STALE_READ:
        return call->stale_read = true;
    case TR_FAULT_NO_ALL_OLD:
        return call->no_all_old = true;
    case TR_FAULT_UNPROCESSED:
        return call->unprocessed = true;
    default:
        return false;
    }
}

static enum tr_status apply_hard(struct tr_call *call, enum tr_fault_kind kind, int op,
                                 struct tr_local_answer *answer)
{
    switch (kind) {
    case TR_FAULT_THROTTLE:
        return throttle(call, op);
    case TR_FAULT_HTML_500:
        return html_500(answer);
    case TR_FAULT_NOT_FOUND:
        return tr_problem_set(&call->problem, TR_PROBLEM_NOT_FOUND, "Requested resource not found");
    case TR_FAULT_EXPIRED_ITERATOR:
        return tr_problem_set(&call->problem, TR_PROBLEM_ITERATOR_EXPIRED,
                              "The shard iterator has expired. Shard iterators are valid for 15 "
                              "minutes");
    case TR_FAULT_HANG:
        answer->delivery = TR_LOCAL_HANG;
        return TR_ECANCELED;
    case TR_FAULT_RESET_BEFORE:
        answer->delivery = TR_LOCAL_RESET;
        return TR_ECANCELED;
    default:
        return tr_problem_set(&call->problem, TR_PROBLEM_INTERNAL,
                              "The request processing has failed because of an unknown error, "
                              "exception or failure.");
    }
}

/* Rules that have struck as often as they should are gone. */
static void drop_spent(struct tr_local_faults *faults)
{
    size_t kept = 0, i;
    for (i = 0; i < faults->count; i++) {
        if (faults->rules[i].left > 0) {
            faults->rules[kept++] = faults->rules[i];
        }
    }
    faults->count = kept;
}

enum tr_status tr_local_faults_apply(struct tr_call *call, int op, struct tr_local_answer *answer)
{
    struct tr_local_faults *faults = &call->local->faults;
    enum tr_status status = TR_OK;
    bool spent = false;
    size_t i;

    for (i = 0; i < faults->count && status == TR_OK; i++) {
        struct tr_fault *rule = &faults->rules[i];
        if (!strikes(faults, rule, call, op)) {
            continue;
        }
        spent = spent || rule->left == 0;
        if (!apply_mild(call, rule, answer)) {
            status = apply_hard(call, rule->kind, op, answer);
        }
    }
    if (spent) {
        drop_spent(faults);
    }
    return status;
}
