/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/feed_table.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/sync.h"

#define ASK_EVERY_MS 200u
#define WAIT_MAX_MS (10u * 60u * 1000u)
#define VIEW_TYPE_DEFAULT "NEW_AND_OLD_IMAGES"
#define TTL_ATTRIBUTE "expires_at"

/* What DescribeTable says about what matters here; bytes point into the answer. */
struct described {
    struct tr_bytes status;
    struct tr_bytes hash, hash_type, range;
    struct tr_bytes view_type; /* absent: no stream */
};

struct table {
    struct tr_aws *aws;
    const struct tr_feed_table_options *options;
    struct tr_err *err;
    struct tr_aws_answer answer; /* of the last call; body owned */
    struct tr_json_doc doc;
    struct tr_buf scratch;
};

/* Call with {"TableName": ..., more}; the answer is indexed in table->doc. */
static enum tr_status call(struct table *table, const char *operation, const char *more)
{
    struct tr_buf body = {0};
    enum tr_status status;

    tr_buf_add_str(&body, "{\"TableName\":");
    tr_buf_add_json(&body, tr_bytes_of(table->options->table));
    tr_buf_printf(&body, "%s}", more);
    tr_buf_deinit(&table->answer.body);
    status = tr_cli_call(table->aws, TR_AWS_DYNAMODB, operation, &body, &table->answer, table->err);
    if (status == TR_OK) {
        status = tr_json_parse(&table->doc, tr_buf_bytes(&table->answer.body), table->err);
    }
    return status;
}

static void wait_a_moment(struct table *table)
{
    struct tr_mono until = tr_mono_add_ms(tr_clock_mono(), ASK_EVERY_MS);
    while (!tr_mono_reached(tr_clock_mono(), until) && !atomic_load(table->options->stop)) {
        tr_aws_poll(table->aws, until);
    }
}

/* A plain string of the answer; absent if it is none or holds escapes, which no enum does. */
static struct tr_bytes text_of(struct table *table, struct tr_json value)
{
    struct tr_bytes text = {0};
    size_t before = table->scratch.len;
    if (!tr_json_str(value, &table->scratch, &text) || table->scratch.len != before) {
        return (struct tr_bytes){NULL, 0};
    }
    return text;
}

static void read_key(struct table *table, struct tr_json root, struct described *out)
{
    struct tr_json keys = tr_json_get(root, "KeySchema");
    struct tr_json types = tr_json_get(root, "AttributeDefinitions");
    struct tr_json at;
    for (at = tr_json_first(keys); at.doc != NULL; at = tr_json_next(keys, at)) {
        struct tr_bytes name = text_of(table, tr_json_get(at, "AttributeName"));
        *(tr_json_is(tr_json_get(at, "KeyType"), "HASH") ? &out->hash : &out->range) = name;
    }
    for (at = tr_json_first(types); at.doc != NULL; at = tr_json_next(types, at)) {
        if (tr_bytes_eq(text_of(table, tr_json_get(at, "AttributeName")), out->hash)) {
            out->hash_type = text_of(table, tr_json_get(at, "AttributeType"));
        }
    }
}

static enum tr_status describe(struct table *table, struct described *out)
{
    struct tr_json root, stream;
    bool enabled = false;
    enum tr_status status = call(table, "DescribeTable", "");

    *out = (struct described){{0}, {0}, {0}, {0}, {0}};
    if (status != TR_OK) {
        return status;
    }
    root = tr_json_get(tr_json_root(&table->doc), "Table");
    out->status = text_of(table, tr_json_get(root, "TableStatus"));
    stream = tr_json_get(root, "StreamSpecification");
    if (tr_json_bool(tr_json_get(stream, "StreamEnabled"), &enabled) && enabled) {
        out->view_type = text_of(table, tr_json_get(stream, "StreamViewType"));
    }
    read_key(table, root, out);
    return out->status.ptr != NULL
               ? TR_OK
               : tr_fail(table->err, TR_EPARSE, "DescribeTable: no TableStatus in the answer");
}

static enum tr_status create(struct table *table)
{
    const char *view_type = table->options->view_type;
    struct tr_buf more = {0};
    enum tr_status status = TR_ENOMEM;

    tr_buf_printf(&more,
                  ",\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}],"
                  "\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}],"
                  "\"BillingMode\":\"PAY_PER_REQUEST\",\"StreamSpecification\":{\"StreamEnabled\":"
                  "true,\"StreamViewType\":\"%s\"}",
                  view_type != NULL ? view_type : VIEW_TYPE_DEFAULT);
    if (!more.failed) {
        status = call(table, "CreateTable", more.ptr);
    }
    tr_buf_deinit(&more);
    /* Somebody else was faster: what they made is looked at like any other. */
    return status == TR_EEXISTS ? TR_OK : status;
}

/* Wait until the table has settled; makes it if it is missing. */
static enum tr_status settle(struct table *table, struct described *out)
{
    struct tr_mono until = tr_mono_add_ms(tr_clock_mono(), WAIT_MAX_MS);
    bool made = false;

    for (;;) {
        enum tr_status status = describe(table, out);
        if (status == TR_ENOTFOUND && !table->options->create) {
            return tr_fail(table->err, status, "table '%s' does not exist (--create makes it)",
                           table->options->table);
        }
        if (status == TR_ENOTFOUND && !made) {
            made = true;
            status = create(table);
        } else if (status == TR_OK && tr_bytes_is(out->status, "ACTIVE")) {
            return TR_OK;
        }
        /* Right after it was made a table may not be found for a moment. */
        if (status != TR_OK && !(status == TR_ENOTFOUND && made)) {
            return status;
        }
        if (atomic_load(table->options->stop)) {
            return TR_ECANCELED;
        }
        if (tr_mono_reached(tr_clock_mono(), until)) {
            return tr_fail(table->err, TR_ETIMEOUT, "table '%s' is not ACTIVE after %u s",
                           table->options->table, WAIT_MAX_MS / 1000);
        }
        wait_a_moment(table);
    }
}

static enum tr_status check(struct table *table, const struct described *found)
{
    const struct tr_feed_table_options *options = table->options;

    if (!tr_bytes_is(found->hash, "pk") || !tr_bytes_is(found->hash_type, "S") ||
        found->range.ptr != NULL) {
        return tr_fail(table->err, TR_EREFUSED,
                       "table '%s' has the key '%.*s' (%.*s)%s%.*s%s, the feed writes items with "
                       "the key 'pk' (S)",
                       options->table, TR_FMT(found->hash), TR_FMT(found->hash_type),
                       found->range.ptr != NULL ? " and '" : "", TR_FMT(found->range),
                       found->range.ptr != NULL ? "'" : "");
    }
    if (found->view_type.ptr == NULL) {
        return tr_fail(table->err, TR_EREFUSED,
                       "table '%s' has no stream (UpdateTable with StreamSpecification turns it "
                       "on)",
                       options->table);
    }
    if (options->view_type != NULL && !tr_bytes_is(found->view_type, options->view_type)) {
        return tr_fail(table->err, TR_EREFUSED,
                       "the stream of table '%s' has the view type '%.*s', not '%s'",
                       options->table, TR_FMT(found->view_type), options->view_type);
    }
    return TR_OK;
}

static enum tr_status turn_ttl_on(struct table *table)
{
    struct tr_json root;
    struct tr_bytes state, name;
    enum tr_status status = call(table, "DescribeTimeToLive", "");

    if (status != TR_OK) {
        return status;
    }
    root = tr_json_get(tr_json_root(&table->doc), "TimeToLiveDescription");
    state = text_of(table, tr_json_get(root, "TimeToLiveStatus"));
    name = text_of(table, tr_json_get(root, "AttributeName"));
    if (tr_bytes_is(state, "ENABLED") || tr_bytes_is(state, "ENABLING")) {
        return tr_bytes_is(name, TTL_ATTRIBUTE)
                   ? TR_OK
                   : tr_fail(table->err, TR_EREFUSED,
                             "time to live of table '%s' goes by the attribute '%.*s', not by '%s'",
                             table->options->table, TR_FMT(name), TTL_ATTRIBUTE);
    }
    return call(table, "UpdateTimeToLive",
                ",\"TimeToLiveSpecification\":{\"Enabled\":true,\"AttributeName\":\"" TTL_ATTRIBUTE
                "\"}");
}

enum tr_status tr_feed_table_prepare(struct tr_aws *aws,
                                     const struct tr_feed_table_options *options,
                                     struct tr_err *err)
{
    struct table table = {.aws = aws, .options = options, .err = err};
    struct described found;
    enum tr_status status = settle(&table, &found);

    if (status == TR_OK) {
        status = check(&table, &found);
    }
    if (status == TR_OK && options->ttl) {
        status = turn_ttl_on(&table);
    }
    tr_buf_deinit(&table.answer.body);
    tr_buf_deinit(&table.scratch);
    tr_json_deinit(&table.doc);
    return status;
}
