/* SPDX-License-Identifier: Apache-2.0
 *
 * The four operations of DynamoDB Streams. */
#include "local/field.h"
#include "local/iterator.h"
#include "local/ops.h"

#define LIST_MAX 100
#define STALE_MS 30000
#define READER_MS 1000    /* this long after a call, its reader counts as reading */
#define SHARD_CALLS_MAX 5 /* a second, with the fault ShardLimits */
#define SHARD_BYTES_MAX (2u * 1024u * 1024u)

static enum tr_status status_of(const struct tr_buf *out)
{
    return out->failed ? TR_ENOMEM : TR_OK;
}

static enum tr_status not_an_arn(struct tr_call *call, struct tr_bytes arn)
{
    return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                          "Invalid StreamArn: '%.*s' is not the ARN of a stream", TR_FMT(arn));
}

static bool looks_like_arn(struct tr_bytes arn)
{
    size_t i;
    for (i = 0; i + 8 <= arn.len; i++) {
        if (memcmp(arn.ptr + i, "/stream/", 8) == 0) {
            return tr_bytes_starts(arn, "arn:");
        }
    }
    return false;
}

static enum tr_status read_arn(struct tr_call *call, const char *name, bool required,
                               struct tr_bytes *arn)
{
    enum tr_status status = tr_field_str(call, call->request, name, required, 37, 1024, arn);
    if (status == TR_OK && arn->ptr != NULL && !looks_like_arn(*arn)) {
        status = not_an_arn(call, *arn);
    }
    return status;
}

/* ListStreams */

static bool stream_is_listed(const struct tr_call *call, size_t index, struct tr_bytes table)
{
    const struct tr_local_streams *streams = &call->local->streams;
    const struct tr_local_stream *stream = streams->list[index];
    if ((call->stale_list && stream->created.ms > call->local->now.ms - STALE_MS) ||
        (call->part_list && index >= (streams->count + 1) / 2)) {
        return false;
    }
    return table.ptr == NULL || tr_bytes_eq(stream->table, table);
}

static void print_listed(const struct tr_local_stream *stream, struct tr_buf *out)
{
    tr_buf_add_str(out, "{\"StreamArn\":");
    tr_buf_add_json(out, stream->arn);
    tr_buf_add_str(out, ",\"TableName\":");
    tr_buf_add_json(out, stream->table);
    tr_buf_add_str(out, ",\"StreamLabel\":");
    tr_buf_add_json(out, stream->label);
    tr_buf_add_char(out, '}');
}

static void print_streams(struct tr_call *call, struct tr_bytes table, struct tr_bytes after,
                          uint64_t limit)
{
    const struct tr_local_streams *streams = &call->local->streams;
    const struct tr_local_stream *last = NULL;
    uint64_t listed = 0;
    size_t i;

    tr_buf_add_str(call->out, "{\"Streams\":[");
    for (i = 0; i < streams->count; i++) {
        const struct tr_local_stream *stream = streams->list[i];
        if (!stream_is_listed(call, i, table) ||
            (after.ptr != NULL && tr_bytes_cmp(stream->arn, after) <= 0)) {
            continue;
        }
        if (listed == limit) {
            break;
        }
        if (listed++ > 0) {
            tr_buf_add_char(call->out, ',');
        }
        print_listed(stream, call->out);
        last = stream;
    }
    tr_buf_add_char(call->out, ']');
    if (i < streams->count && last != NULL) {
        tr_buf_add_str(call->out, ",\"LastEvaluatedStreamArn\":");
        tr_buf_add_json(call->out, last->arn);
    }
    tr_buf_add_char(call->out, '}');
}

enum tr_status tr_op_list_streams(struct tr_call *call)
{
    struct tr_bytes table, after;
    uint64_t limit = LIST_MAX;
    enum tr_status status;

    if ((status = tr_field_str(call, call->request, "TableName", TR_FIELD_OPTIONAL, 3, 255,
                               &table)) != TR_OK ||
        (status = tr_field_u64(call, call->request, "Limit", 1, LIST_MAX, &limit)) != TR_OK ||
        (status = read_arn(call, "ExclusiveStartStreamArn", TR_FIELD_OPTIONAL, &after)) != TR_OK) {
        return status;
    }
    print_streams(call, table, after, limit);
    return status_of(call->out);
}

/* DescribeStream */

struct description {
    struct tr_bytes arn;
    struct tr_bytes after;  /* ExclusiveStartShardId; or absent */
    struct tr_bytes parent; /* of ShardFilter; or absent */
    uint64_t limit;
};

static enum tr_status read_filter(struct tr_call *call, struct tr_bytes *parent)
{
    struct tr_json filter = tr_json_get(call->request, "ShardFilter");
    struct tr_bytes type;
    enum tr_status status;

    *parent = (struct tr_bytes){NULL, 0};
    if (filter.doc == NULL || tr_json_type(filter) == TR_JSON_NULL) {
        return TR_OK;
    }
    if (tr_json_type(filter) != TR_JSON_OBJECT) {
        return tr_problem_set(&call->problem, TR_PROBLEM_SERIALIZATION,
                              "Unexpected value type in payload");
    }
    if ((status = tr_field_str(call, filter, "Type", TR_FIELD_REQUIRED, 0, 64, &type)) != TR_OK) {
        return status;
    }
    if (!tr_bytes_is(type, "CHILD_SHARDS")) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              "1 validation error detected: Value '%.*s' at 'shardFilter.type' "
                              "failed to satisfy constraint: Member must satisfy enum value set: "
                              "[CHILD_SHARDS]",
                              TR_FMT(type));
    }
    return tr_field_str(call, filter, "ShardId", TR_FIELD_REQUIRED, 28, 65, parent);
}

static enum tr_status read_description(struct tr_call *call, struct description *wanted)
{
    enum tr_status status;
    wanted->limit = LIST_MAX;
    if ((status = read_arn(call, "StreamArn", TR_FIELD_REQUIRED, &wanted->arn)) != TR_OK ||
        (status = tr_field_u64(call, call->request, "Limit", 1, LIST_MAX, &wanted->limit)) !=
            TR_OK ||
        (status = tr_field_str(call, call->request, "ExclusiveStartShardId", TR_FIELD_OPTIONAL, 28,
                               65, &wanted->after)) != TR_OK) {
        return status;
    }
    return read_filter(call, &wanted->parent);
}

static bool shard_is_listed(const struct tr_call *call, const struct tr_local_stream *stream,
                            size_t index, struct tr_bytes parent)
{
    const struct tr_local_shard *shard = stream->shards[index];
    if ((call->stale_list && shard->created.ms > call->local->now.ms - STALE_MS) ||
        (call->part_list && index >= (stream->count + 1) / 2)) {
        return false;
    }
    return parent.ptr == NULL || tr_bytes_is(parent, shard->parent);
}

static void print_shard(const struct tr_call *call, const struct tr_local_stream *stream,
                        const struct tr_local_shard *shard)
{
    char number[TR_SEQUENCE_DIGITS_MAX + 1];
    tr_sequence_print(&stream->sequence, shard->first, number);
    tr_buf_printf(call->out,
                  "{\"ShardId\":\"%s\",\"SequenceNumberRange\":{\"StartingSequenceNumber\":\"%s\"",
                  shard->id, number);
    if (shard->last != 0 &&
        !(call->stale_list && shard->closed.ms > call->local->now.ms - STALE_MS)) {
        tr_sequence_print(&stream->sequence, shard->last, number);
        tr_buf_printf(call->out, ",\"EndingSequenceNumber\":\"%s\"", number);
    }
    tr_buf_add_char(call->out, '}');
    if (shard->parent[0] != '\0') {
        tr_buf_printf(call->out, ",\"ParentShardId\":\"%s\"", shard->parent);
    }
    tr_buf_add_char(call->out, '}');
}

static void print_shards(const struct tr_call *call, const struct tr_local_stream *stream,
                         const struct description *wanted)
{
    size_t i = wanted->after.ptr == NULL ? 0 : tr_local_stream_shard_from(stream, wanted->after);
    const char *last = NULL;
    uint64_t listed = 0;

    if (i < stream->count && wanted->after.ptr != NULL &&
        tr_bytes_is(wanted->after, stream->shards[i]->id)) {
        i++;
    }
    tr_buf_add_str(call->out, ",\"Shards\":[");
    for (; i < stream->count; i++) {
        if (!shard_is_listed(call, stream, i, wanted->parent)) {
            continue;
        }
        if (listed == wanted->limit) {
            break;
        }
        if (listed++ > 0) {
            tr_buf_add_char(call->out, ',');
        }
        print_shard(call, stream, stream->shards[i]);
        last = stream->shards[i]->id;
    }
    tr_buf_add_char(call->out, ']');
    if (i < stream->count && last != NULL) {
        tr_buf_printf(call->out, ",\"LastEvaluatedShardId\":\"%s\"", last);
    }
}

enum tr_status tr_op_describe_stream(struct tr_call *call)
{
    struct description wanted;
    const struct tr_local_stream *stream;
    enum tr_status status = read_description(call, &wanted);
    if (status != TR_OK) {
        return status;
    }
    stream = tr_local_stream_find(call->local, wanted.arn);
    if (stream == NULL) {
        return tr_problem_set(&call->problem, TR_PROBLEM_NOT_FOUND,
                              "Requested resource not found: Stream: %.*s not found",
                              TR_FMT(wanted.arn));
    }
    tr_buf_add_str(call->out, "{\"StreamDescription\":{\"StreamArn\":");
    tr_buf_add_json(call->out, stream->arn);
    tr_buf_add_str(call->out, ",\"StreamLabel\":");
    tr_buf_add_json(call->out, stream->label);
    tr_buf_printf(call->out, ",\"StreamStatus\":\"%s\",\"StreamViewType\":\"%s\"",
                  stream->enabled ? "ENABLED" : "DISABLED", tr_local_view_name(stream->view));
    tr_buf_printf(call->out, ",\"CreationRequestDateTime\":%lld.%03lld,\"TableName\":",
                  (long long)(stream->created.ms / 1000), (long long)(stream->created.ms % 1000));
    tr_buf_add_json(call->out, stream->table);
    tr_buf_add_str(call->out, ",\"KeySchema\":");
    tr_buf_add(call->out, stream->key_schema);
    print_shards(call, stream, &wanted);
    tr_buf_add_str(call->out, "}}");
    return status_of(call->out);
}

/* GetShardIterator */

/* name on the wire; whether it needs a sequence number (else it must not have one) */
#define ITERATOR_TYPE_TABLE(X)                                                                     \
    X(AFTER_SEQUENCE_NUMBER, true)                                                                 \
    X(LATEST, false)                                                                               \
    X(AT_SEQUENCE_NUMBER, true)                                                                    \
    X(TRIM_HORIZON, false)

enum iterator_type {
#define ITERATOR_TYPE_ENUM(name, numbered) name,
    ITERATOR_TYPE_TABLE(ITERATOR_TYPE_ENUM)
#undef ITERATOR_TYPE_ENUM
        ITERATOR_TYPE_COUNT
};

static const struct {
    const char *name;
    bool numbered;
} iterator_types[] = {
#define ITERATOR_TYPE_ROW(name, numbered) {#name, numbered},
    ITERATOR_TYPE_TABLE(ITERATOR_TYPE_ROW)
#undef ITERATOR_TYPE_ROW
};

struct wanted_iterator {
    struct tr_bytes arn;
    struct tr_bytes shard;
    struct tr_bytes number; /* or absent */
    enum iterator_type type;
};

static enum tr_status read_iterator_type(struct tr_call *call, struct wanted_iterator *wanted)
{
    struct tr_bytes name;
    int i;
    enum tr_status status =
        tr_field_str(call, call->request, "ShardIteratorType", TR_FIELD_REQUIRED, 0, 1024, &name);
    if (status != TR_OK) {
        return status;
    }
    for (i = 0; i < ITERATOR_TYPE_COUNT; i++) {
        if (tr_bytes_is(name, iterator_types[i].name)) {
            wanted->type = (enum iterator_type)i;
            return TR_OK;
        }
    }
    return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                          "1 validation error detected: Value '%.*s' at 'shardIteratorType' failed "
                          "to satisfy constraint: Member must satisfy enum value set: "
                          "[AFTER_SEQUENCE_NUMBER, LATEST, AT_SEQUENCE_NUMBER, TRIM_HORIZON]",
                          TR_FMT(name));
}

static enum tr_status read_wanted(struct tr_call *call, struct wanted_iterator *wanted)
{
    enum tr_status status;
    if ((status = read_arn(call, "StreamArn", TR_FIELD_REQUIRED, &wanted->arn)) != TR_OK ||
        (status = tr_field_str(call, call->request, "ShardId", TR_FIELD_REQUIRED, 28, 65,
                               &wanted->shard)) != TR_OK ||
        (status = read_iterator_type(call, wanted)) != TR_OK ||
        (status = tr_field_str(call, call->request, "SequenceNumber", TR_FIELD_OPTIONAL, 21,
                               TR_SEQUENCE_DIGITS_MAX, &wanted->number)) != TR_OK) {
        return status;
    }
    if (iterator_types[wanted->type].numbered && wanted->number.ptr == NULL) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION, "Invalid SequenceNumber");
    }
    if (!iterator_types[wanted->type].numbered && wanted->number.ptr != NULL) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              "Invalid SequenceNumber: it must not be given with %s",
                              iterator_types[wanted->type].name);
    }
    return TR_OK;
}

/* Where reading AT or AFTER a number begins. A number below what the shard still has is trimmed,
 * one above all of them waits for records to come. */
static enum tr_status place_number(struct tr_call *call, const struct tr_local_stream *stream,
                                   const struct tr_local_shard *shard,
                                   const struct wanted_iterator *wanted, uint64_t *from)
{
    uint64_t counter;
    bool exact, trimmed;
    if (!tr_sequence_parse(&stream->sequence, wanted->number, &counter, &exact)) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION, "Invalid SequenceNumber");
    }
    trimmed = counter < shard->first;
    if (exact && wanted->type == AFTER_SEQUENCE_NUMBER && counter < UINT64_MAX) {
        counter++;
    }
    if (trimmed || counter <= shard->trimmed) {
        return tr_problem_set(&call->problem, TR_PROBLEM_TRIMMED,
                              "The operation attempted to read past the oldest stream record in a "
                              "shard.");
    }
    *from = counter;
    return TR_OK;
}

static enum tr_status place(struct tr_call *call, const struct tr_local_stream *stream,
                            const struct tr_local_shard *shard,
                            const struct wanted_iterator *wanted, uint64_t *from)
{
    switch (wanted->type) {
    case TRIM_HORIZON:
        *from = shard->trimmed + 1;
        return TR_OK;
    case LATEST:
        *from = tr_local_shard_is_unwritten(shard) ? shard->first : stream->sequence.last + 1;
        return TR_OK;
    default:
        return place_number(call, stream, shard, wanted, from);
    }
}

enum tr_status tr_op_get_shard_iterator(struct tr_call *call)
{
    struct tr_local *local = call->local;
    struct wanted_iterator wanted;
    struct tr_iterator iterator = {0};
    const struct tr_local_stream *stream;
    const struct tr_local_shard *shard;
    enum tr_status status = read_wanted(call, &wanted);

    if (status != TR_OK) {
        return status;
    }
    stream = tr_local_stream_find(local, wanted.arn);
    shard = stream != NULL ? tr_local_stream_shard(stream, wanted.shard) : NULL;
    if (shard == NULL) {
        return tr_problem_set(&call->problem, TR_PROBLEM_NOT_FOUND,
                              "Requested resource not found: %s: %.*s not found",
                              stream == NULL ? "Stream" : "Shard",
                              TR_FMT(stream == NULL ? wanted.arn : wanted.shard));
    }
    if ((status = place(call, stream, shard, &wanted, &iterator.from)) != TR_OK) {
        return status;
    }
    iterator.arn = stream->arn;
    iterator.reader = ++local->streams.readers;
    iterator.made = local->now;
    memcpy(iterator.shard, shard->id, sizeof iterator.shard);
    tr_buf_add_str(call->out, "{\"ShardIterator\":");
    tr_iterator_print(&iterator, local->streams.iterator_key, call->out);
    tr_buf_add_char(call->out, '}');
    return status_of(call->out);
}

/* GetRecords */

/* The iterator and its shard. One that was trimmed away whole is not told from a trimmed record. */
static enum tr_status open_iterator(struct tr_call *call, struct tr_bytes text,
                                    struct tr_iterator *iterator, struct tr_local_shard **shard)
{
    struct tr_local *local = call->local;
    const struct tr_local_stream *stream;

    if (!tr_iterator_parse(text, local->streams.iterator_key, iterator)) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION, "Invalid ShardIterator");
    }
    if (local->now.ms - iterator->made.ms > TR_ITERATOR_LIFE_MS) {
        return tr_problem_set(&call->problem, TR_PROBLEM_ITERATOR_EXPIRED,
                              "The shard iterator has expired. Shard iterators are valid for 15 "
                              "minutes");
    }
    stream = tr_local_stream_find(local, iterator->arn);
    if (stream == NULL) {
        return tr_problem_set(&call->problem, TR_PROBLEM_NOT_FOUND,
                              "Requested resource not found: Stream: %.*s not found",
                              TR_FMT(iterator->arn));
    }
    *shard = tr_local_stream_shard(stream, tr_bytes_of(iterator->shard));
    if (*shard == NULL || iterator->from <= (*shard)->trimmed) {
        return tr_problem_set(&call->problem, TR_PROBLEM_TRIMMED,
                              "The operation attempted to read past the oldest stream record in a "
                              "shard.");
    }
    return TR_OK;
}

/* Note that a reader read; false when two others are at it and this one was not. */
static bool admit_reader(struct tr_local_shard *shard, uint64_t reader, int64_t now_ms)
{
    size_t others = 0, place = 0, i;
    bool known = false, reading = false;
    for (i = 0; i < TR_SHARD_READERS; i++) {
        bool recent = shard->readers[i].reader != 0 && now_ms - shard->readers[i].at_ms < READER_MS;
        if (shard->readers[i].reader == reader) {
            known = true;
            reading = recent;
            place = i;
        } else {
            others += recent;
        }
        if (!known && shard->readers[i].at_ms < shard->readers[place].at_ms) {
            place = i;
        }
    }
    if (!reading && others >= 2) {
        return false;
    }
    shard->readers[place].reader = reader;
    shard->readers[place].at_ms = now_ms;
    return true;
}

/* Count a call against the shard's second; false when that is used up. */
static bool admit_call(struct tr_local_shard *shard, int64_t now_ms)
{
    if (shard->second != now_ms / 1000) {
        shard->second = now_ms / 1000;
        shard->calls = shard->bytes = 0;
    }
    if (shard->calls >= SHARD_CALLS_MAX || shard->bytes >= SHARD_BYTES_MAX) {
        return false;
    }
    shard->calls++;
    return true;
}

static enum tr_status admit(struct tr_call *call, struct tr_local_shard *shard, uint64_t reader)
{
    int64_t now_ms = call->local->now.ms;
    if (call->two_readers && !admit_reader(shard, reader, now_ms)) {
        return tr_problem_set(&call->problem, TR_PROBLEM_LIMIT,
                              "There are more than 2 processes reading from the same streams shard "
                              "at the same time");
    }
    if (call->shard_limits && !admit_call(shard, now_ms)) {
        return tr_problem_set(&call->problem, TR_PROBLEM_THROTTLING,
                              "Rate of requests exceeds the allowed throughput.");
    }
    return TR_OK;
}

static void print_page(struct tr_call *call, struct tr_iterator *iterator,
                       struct tr_local_shard *shard, uint64_t limit)
{
    size_t from = tr_local_shard_find(shard, iterator->from);
    size_t to = call->empty_page ? from : tr_local_shard_page_end(shard, from, (size_t)limit);
    size_t i, bytes = 0;

    for (i = from; i < to; i++) {
        bytes += shard->records[i].len;
    }
    shard->bytes += bytes;
    tr_buf_reserve(call->out, bytes + 2048);
    tr_buf_add_str(call->out, "{\"Records\":[");
    tr_local_shard_print(shard, from, to, call->out);
    tr_buf_add_char(call->out, ']');
    /* A closed shard ends together with its last records. */
    if (shard->last == 0 || to < shard->count || call->empty_page) {
        iterator->from = to > from ? shard->records[to - 1].number + 1 : iterator->from;
        iterator->made = call->local->now;
        tr_buf_add_str(call->out, ",\"NextShardIterator\":");
        tr_iterator_print(iterator, call->local->streams.iterator_key, call->out);
    }
    tr_buf_add_char(call->out, '}');
}

enum tr_status tr_op_get_records(struct tr_call *call)
{
    struct tr_iterator iterator;
    struct tr_local_shard *shard = NULL;
    struct tr_bytes text;
    uint64_t limit = TR_PAGE_RECORDS_MAX;
    enum tr_status status;

    if ((status = tr_field_str(call, call->request, "ShardIterator", TR_FIELD_REQUIRED, 1, 2048,
                               &text)) != TR_OK ||
        (status = tr_field_u64(call, call->request, "Limit", 1, TR_PAGE_RECORDS_MAX, &limit)) !=
            TR_OK ||
        (status = open_iterator(call, text, &iterator, &shard)) != TR_OK ||
        (status = admit(call, shard, iterator.reader)) != TR_OK) {
        return status;
    }
    print_page(call, &iterator, shard, limit);
    return status_of(call->out);
}
