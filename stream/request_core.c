/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to the streams service, the two answers that hold a single value, and what can be read
 * from ids and ARNs. */
#include "stream/shard.h"

#include "base/err.h"
#include "base/json.h"
#include "base/mutant.h"

/* `before` is all that stands before the value: the bracket or comma, the name and the colon. */
static void add_string(struct tr_buf *out, const char *before, struct tr_bytes value)
{
    tr_buf_add_str(out, before);
    tr_buf_add_json(out, value);
}

void tr_encode_describe_stream(struct tr_buf *out, struct tr_bytes arn, struct tr_bytes after,
                               struct tr_bytes child_of)
{
    add_string(out, "{\"StreamArn\":", arn);
    if (after.len > 0) {
        add_string(out, ",\"ExclusiveStartShardId\":", after);
    }
    if (child_of.len > 0) {
        add_string(out, ",\"ShardFilter\":{\"Type\":\"CHILD_SHARDS\",\"ShardId\":", child_of);
        tr_buf_add_char(out, '}');
    }
    tr_buf_add_char(out, '}');
}

void tr_encode_get_shard_iterator(struct tr_buf *out, struct tr_bytes arn, struct tr_bytes shard,
                                  const struct tr_position *position, bool at)
{
    const char *type = "TRIM_HORIZON";
    if (position->kind == TR_POSITION_LATEST || position->kind == TR_POSITION_SHARD_END) {
        type = "LATEST";
    } else if (tr_position_is_sequence(position)) {
        type = at && !TR_MUTANT(FIRST_SKIPPED) ? "AT_SEQUENCE_NUMBER" : "AFTER_SEQUENCE_NUMBER";
    }
    add_string(out, "{\"StreamArn\":", arn);
    add_string(out, ",\"ShardId\":", shard);
    add_string(out, ",\"ShardIteratorType\":", tr_bytes_of(type));
    if (tr_position_is_sequence(position)) {
        tr_buf_add_str(out, ",\"SequenceNumber\":\"");
        tr_position_format(out, position);
        tr_buf_add_char(out, '"');
    }
    tr_buf_add_char(out, '}');
}

void tr_encode_get_records(struct tr_buf *out, struct tr_bytes iterator, unsigned limit)
{
    add_string(out, "{\"ShardIterator\":", iterator);
    if (limit > 0) {
        tr_buf_printf(out, ",\"Limit\":%u", limit);
    }
    tr_buf_add_char(out, '}');
}

void tr_encode_describe_table(struct tr_buf *out, struct tr_bytes table)
{
    add_string(out, "{\"TableName\":", table);
    tr_buf_add_char(out, '}');
}

void tr_encode_list_streams(struct tr_buf *out, struct tr_bytes table, struct tr_bytes after)
{
    tr_buf_add_char(out, '{');
    if (table.len > 0) {
        add_string(out, "\"TableName\":", table);
    }
    if (after.len > 0) {
        add_string(out,
                   table.len > 0 ? ",\"ExclusiveStartStreamArn\":" : "\"ExclusiveStartStreamArn\":",
                   after);
    }
    tr_buf_add_char(out, '}');
}

/* A string that must be there and hold something, put into the buffer. */
static enum tr_status take_string(struct tr_json value, const char *place, struct tr_buf *out,
                                  struct tr_err *err)
{
    struct tr_bytes raw = tr_json_raw(value);
    if (tr_json_type(value) == TR_JSON_ABSENT) {
        return tr_fail(err, TR_EPARSE, "%s: missing, a string is expected", place);
    }
    if (tr_json_type(value) != TR_JSON_STRING) {
        return tr_fail(err, TR_EPARSE, "%s: '%.*s' is %s, a string is expected", place,
                       raw.len < 64 ? (int)raw.len : 64, raw.ptr,
                       tr_json_type_text(tr_json_type(value)));
    }
    (void)tr_json_add_str(value, out);
    if (out->failed) {
        return TR_ENOMEM;
    }
    return out->len > 0 ? TR_OK : tr_fail(err, TR_EPARSE, "%s: '' is empty", place);
}

/* Parse, let `find` look, and empty the buffer again on any error. */
static enum tr_status decode_one(struct tr_bytes body, struct tr_buf *out, struct tr_err *err,
                                 enum tr_status (*find)(struct tr_json, struct tr_buf *,
                                                        struct tr_err *))
{
    struct tr_json_doc doc = {0};
    enum tr_status status;
    tr_buf_reset(out);
    status = tr_json_parse(&doc, body, err);
    if (status == TR_OK) {
        status = find(tr_json_root(&doc), out, err);
    }
    if (status != TR_OK) {
        tr_buf_reset(out);
    }
    tr_json_deinit(&doc);
    return status;
}

static enum tr_status find_iterator(struct tr_json root, struct tr_buf *out, struct tr_err *err)
{
    return take_string(tr_json_get(root, "ShardIterator"), "ShardIterator", out, err);
}

enum tr_status tr_decode_shard_iterator(struct tr_bytes body, struct tr_buf *iterator,
                                        struct tr_err *err)
{
    return decode_one(body, iterator, err, find_iterator);
}

static enum tr_status find_latest_stream(struct tr_json root, struct tr_buf *out,
                                         struct tr_err *err)
{
    struct tr_json table = tr_json_get(root, "Table");
    struct tr_json arn = tr_json_get(table, "LatestStreamArn");
    struct tr_buf name = {0};
    if (tr_json_type(table) != TR_JSON_OBJECT) {
        struct tr_bytes raw = tr_json_raw(table);
        return tr_fail(err, TR_EPARSE, "Table: '%.*s' is %s, an object is expected",
                       raw.len < 64 ? (int)raw.len : 64, raw.len > 0 ? raw.ptr : "",
                       tr_json_type_text(tr_json_type(table)));
    }
    if (tr_json_type(arn) == TR_JSON_ABSENT || tr_json_type(arn) == TR_JSON_NULL) {
        enum tr_status status;
        (void)tr_json_add_str(tr_json_get(table, "TableName"), &name);
        status = tr_fail(err, TR_ENOTFOUND, "table '%.*s' has no stream", TR_FMT(name));
        tr_buf_deinit(&name);
        return status;
    }
    return take_string(arn, "Table.LatestStreamArn", out, err);
}

enum tr_status tr_decode_latest_stream(struct tr_bytes body, struct tr_buf *arn, struct tr_err *err)
{
    return decode_one(body, arn, err, find_latest_stream);
}

static bool is_hex(struct tr_bytes text)
{
    size_t i;
    for (i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
            return false;
        }
    }
    return text.len > 0;
}

bool tr_shard_id_ms(struct tr_bytes id, int64_t *ms)
{
    const size_t head = sizeof "shardId-" - 1, digits = 20;
    uint64_t number;
    if (!tr_bytes_starts(id, "shardId-") || id.len <= head + digits + 1 ||
        id.ptr[head + digits] != '-' ||
        !is_hex((struct tr_bytes){id.ptr + head + digits + 1, id.len - head - digits - 1}) ||
        !tr_bytes_u64((struct tr_bytes){id.ptr + head, digits}, INT64_MAX, &number)) {
        return false;
    }
    *ms = (int64_t)number;
    return true;
}

bool tr_stream_arn_parts(struct tr_bytes arn, struct tr_bytes *region, struct tr_bytes *table,
                         struct tr_bytes *label)
{
    struct tr_bytes rest = arn, scheme = tr_bytes_cut(&rest, ':'), found_region, resource, name;
    (void)tr_bytes_cut(&rest, ':'); /* the partition: aws, aws-cn, ... */
    if (!tr_bytes_is(scheme, "arn") || !tr_bytes_is(tr_bytes_cut(&rest, ':'), "dynamodb")) {
        return false;
    }
    found_region = tr_bytes_cut(&rest, ':');
    (void)tr_bytes_cut(&rest, ':'); /* the account */
    /* What is left holds the label, which has colons of its own. */
    resource = rest;
    if (found_region.len == 0 || !tr_bytes_is(tr_bytes_cut(&resource, '/'), "table")) {
        return false;
    }
    name = tr_bytes_cut(&resource, '/');
    if (name.len == 0 || !tr_bytes_is(tr_bytes_cut(&resource, '/'), "stream") ||
        resource.len == 0) {
        return false;
    }
    *region = found_region;
    *table = name;
    *label = resource;
    return true;
}
