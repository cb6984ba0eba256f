/* SPDX-License-Identifier: Apache-2.0
 *
 * KCL's lease row on the wire. Encoders write expressions with placeholders for every name and
 * value, so that no attribute's name can clash with a reserved word; decoders read DynamoDB's typed
 * JSON strictly and say of a row that they do not understand which attribute holds what. */
#include "lease/lease_row.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/mutant.h"

#include <string.h>

/* A counter between these is a time: from the years 2020, before which there were no such rows, to
 * 9999. */
#define EARLIEST_MS 1577836800000u
#define LATEST_MS TR_LEASE_START_MS_MAX

/* Attributes: KCL's, then our own (docs/leases.md). */
#define A_KEY "leaseKey"
#define A_OWNER "leaseOwner"
#define A_COUNTER "leaseCounter"
#define A_CHECKPOINT "checkpoint"
#define A_SUB "checkpointSubSequenceNumber"
#define A_SWITCHES "ownerSwitchesSinceCheckpoint"
#define A_PARENTS "parentShardId"
#define A_TAILRACE_OWNER "tailraceOwner"
#define A_TAILRACE_FAILOVER "tailraceFailoverMs"
#define A_TAILRACE_STREAM "tailraceStream"
#define A_TAILRACE_ALONE "tailraceNoParents"
#define A_TAILRACE_RUN "tailraceRun"
#define A_TAILRACE_REQUEST "tailraceRequest"
#define A_TAILRACE_BELL "tailraceBell"
#define A_TAILRACE_START "tailraceStartMs"
#define A_TAILRACE_FIRST "tailraceFirst"

#define MIGRATION_KEY "Migration3.0" /* KCL 3's, where it keeps its fleet's state */

/* ---- writing ---- */

/* Names of ours: nothing in them to escape. */
static void add_name(struct tr_buf *out, const char *name)
{
    tr_buf_add_char(out, '"');
    tr_buf_add_str(out, name);
    tr_buf_add(out, TR_LIT("\":"));
}

/* "name":{"S":"value"}, without what separates it from its neighbours. */
static void add_s(struct tr_buf *out, const char *name, struct tr_bytes value)
{
    add_name(out, name);
    tr_buf_add(out, TR_LIT("{\"S\":"));
    tr_buf_add_json(out, value);
    tr_buf_add_char(out, '}');
}

static void add_n(struct tr_buf *out, const char *name, uint64_t value)
{
    add_name(out, name);
    tr_buf_add(out, TR_LIT("{\"N\":\""));
    tr_buf_add_u64(out, value);
    tr_buf_add(out, TR_LIT("\"}"));
}

static void add_position(struct tr_buf *out, const char *name, const struct tr_position *position)
{
    add_name(out, name);
    tr_buf_add(out, TR_LIT("{\"S\":\""));
    tr_position_format(out, position);
    tr_buf_add(out, TR_LIT("\"}"));
}

static void add_table(struct tr_buf *out, struct tr_bytes table)
{
    tr_buf_add_str(out, "{\"TableName\":");
    tr_buf_add_json(out, table);
}

static void add_key(struct tr_buf *out, struct tr_bytes key)
{
    tr_buf_add_str(out, ",\"Key\":{");
    add_s(out, A_KEY, key);
    tr_buf_add_char(out, '}');
}

/* A row made without owner is KCL's; one made again by its owner names it (KCL reads such a row as
 * new and owned). An empty set is not a value in DynamoDB: without parents there is no attribute.
 */
static void add_item(struct tr_buf *out, const struct tr_lease_write *write)
{
    struct tr_position first;
    size_t i;
    add_s(out, A_KEY, write->key);
    if (write->owner.ptr != NULL) {
        tr_buf_add_char(out, ',');
        add_s(out, A_OWNER, write->owner);
        tr_buf_add_char(out, ',');
        add_s(out, A_TAILRACE_OWNER, write->owner);
        tr_buf_add_char(out, ',');
        add_n(out, A_TAILRACE_FAILOVER, write->failover_ms);
        if (write->run.ptr != NULL) {
            tr_buf_add_char(out, ',');
            add_s(out, A_TAILRACE_RUN, write->run);
        }
    }
    tr_buf_add_char(out, ',');
    add_n(out, A_COUNTER, write->counter);
    tr_buf_add_str(out, ",\"" A_SWITCHES "\":{\"N\":\"0\"},");
    add_position(out, A_CHECKPOINT, &write->position);
    tr_buf_add_str(out, ",\"" A_SUB "\":{\"N\":\"0\"}");
    for (i = 0; i < write->parent_count; i++) {
        tr_buf_add_str(out, i == 0 ? ",\"" A_PARENTS "\":{\"SS\":[" : ",");
        tr_buf_add_json(out, write->parents[i]);
    }
    tr_buf_add_str(out, write->parent_count > 0 ? "]}" : "");
    if (write->stream.ptr != NULL) {
        tr_buf_add_char(out, ',');
        add_s(out, A_TAILRACE_STREAM, write->stream);
    }
    if (write->without_parents) {
        tr_buf_add_str(out, ",\"" A_TAILRACE_ALONE "\":{\"BOOL\":true}");
    }
    if (write->has_start_ms) {
        tr_buf_add_char(out, ',');
        add_n(out, A_TAILRACE_START, write->start_ms);
    }
    if (write->first.ptr != NULL && tr_position_parse_sequence(write->first, &first)) {
        tr_buf_add_char(out, ',');
        add_s(out, A_TAILRACE_FIRST, write->first);
    }
}

static void encode_create(struct tr_buf *out, struct tr_bytes table,
                          const struct tr_lease_write *write)
{
    add_table(out, table);
    tr_buf_add_str(out, ",\"Item\":{");
    add_item(out, write);
    tr_buf_add_str(out, "},\"ConditionExpression\":\"attribute_not_exists(#key)");
    tr_buf_add_str(out, TR_MUTANT(CREATE_OVERWRITES) ? " OR attribute_exists(#key)" : "");
    tr_buf_add_str(out, "\",\"ExpressionAttributeNames\":{\"#key\":\"" A_KEY "\"}"
                        ",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}");
}

#define N_ROW "\"#owner\":\"" A_OWNER "\",\"#counter\":\"" A_COUNTER "\""
#define N_CHECKPOINT                                                                               \
    ",\"#checkpoint\":\"" A_CHECKPOINT "\",\"#sub\":\"" A_SUB "\",\"#switches\":\"" A_SWITCHES     \
    "\",\"#pending\":\"pendingCheckpoint\",\"#pendingSub\":\"pendingCheckpointSubSequenceNumber\"" \
    ",\"#pendingState\":\"pendingCheckpointState\""
#define N_TAKE                                                                                     \
    ",\"#tailraceOwner\":\"" A_TAILRACE_OWNER "\",\"#tailraceFailover\":\"" A_TAILRACE_FAILOVER    \
    "\",\"#run\":\"" A_TAILRACE_RUN "\",\"#checkpointOwner\":\"checkpointOwner\""
#define N_REQUEST ",\"#request\":\"" A_TAILRACE_REQUEST "\""
#define SET_TAKE                                                                                   \
    "SET #owner = :me, #counter = :new, #tailraceOwner = :me, #tailraceFailover = :failover"
#define SET_CHECKPOINT                                                                             \
    "SET #counter = :new, #checkpoint = :checkpoint, #sub = :zero, #switches = :zero"
#define REMOVE_PENDING "#pending, #pendingSub, #pendingState"

static bool switches_owner(const struct tr_lease_write *write)
{
    return write->expected_owner.ptr != NULL && !tr_bytes_eq(write->expected_owner, write->owner);
}

/* What a take does to the row. A run that is not given leaves none behind: the row would name a
 * process that is not its owner. */
static void add_take(struct tr_buf *out, const struct tr_lease_write *write)
{
    bool run = write->run.ptr != NULL;
    tr_buf_add_str(out, run ? SET_TAKE ", #run = :run" : SET_TAKE);
    tr_buf_add_str(out, " REMOVE #checkpointOwner, #request");
    tr_buf_add_str(out, run ? "" : ", #run");
    tr_buf_add_str(out, switches_owner(write) ? " ADD #switches :one" : "");
}

/* What any other write of an owner does to it. */
static void add_owners_update(struct tr_buf *out, const struct tr_lease_write *write)
{
    const char *between = " REMOVE ";
    tr_buf_add_str(out, write->has_position ? SET_CHECKPOINT : "SET #counter = :new");
    if (write->kind == TR_LEASE_RELEASE && !TR_MUTANT(RELEASE_KEEPS_OWNER)) {
        tr_buf_printf(out, "%s#owner", between);
        between = ", ";
    }
    if (write->has_position) {
        tr_buf_printf(out, "%s" REMOVE_PENDING, between);
        between = ", ";
    }
    if (write->drops_request) {
        tr_buf_printf(out, "%s#request", between);
    }
}

static void add_names(struct tr_buf *out, const struct tr_lease_write *write)
{
    tr_buf_add_str(out, ",\"ExpressionAttributeNames\":{" N_ROW);
    if (write->kind == TR_LEASE_TAKE) {
        tr_buf_add_str(out, N_TAKE N_REQUEST);
        tr_buf_add_str(out, switches_owner(write) ? ",\"#switches\":\"" A_SWITCHES "\"" : "");
    } else {
        tr_buf_add_str(out, write->has_position ? N_CHECKPOINT : "");
        tr_buf_add_str(out, write->drops_request ? N_REQUEST : "");
    }
    tr_buf_add_char(out, '}');
}

static void add_values(struct tr_buf *out, const struct tr_lease_write *write)
{
    tr_buf_add_str(out, ",\"ExpressionAttributeValues\":{");
    if (write->expected_owner.ptr != NULL) {
        add_s(out, ":owner", write->expected_owner);
        tr_buf_add_char(out, ',');
    }
    add_n(out, ":counter", write->expected_counter);
    tr_buf_add_char(out, ',');
    add_n(out, ":new", write->counter);
    if (write->kind == TR_LEASE_TAKE) {
        tr_buf_add_char(out, ',');
        add_s(out, ":me", write->owner);
        tr_buf_add_char(out, ',');
        add_n(out, ":failover", write->failover_ms);
        if (write->run.ptr != NULL) {
            tr_buf_add_char(out, ',');
            add_s(out, ":run", write->run);
        }
        tr_buf_add_str(out, switches_owner(write) ? ",\":one\":{\"N\":\"1\"}" : "");
    } else if (write->has_position) {
        tr_buf_add_char(out, ',');
        add_position(out, ":checkpoint", &write->position);
        tr_buf_add_str(out, ",\":zero\":{\"N\":\"0\"}");
    }
    tr_buf_add_char(out, '}');
}

static bool any_counter(const struct tr_lease_write *write)
{
    return write->kind == TR_LEASE_TAKE ? TR_MUTANT(TAKE_WITHOUT_COUNTER)
                                        : TR_MUTANT(WRITE_WITHOUT_COUNTER);
}

/* Owner and counter as known are the condition of every update: a counter alone is not enough for a
 * row that was deleted and made again. */
static void encode_update(struct tr_buf *out, struct tr_bytes table,
                          const struct tr_lease_write *write)
{
    add_table(out, table);
    add_key(out, write->key);
    tr_buf_add_str(out, ",\"UpdateExpression\":\"");
    if (write->kind == TR_LEASE_TAKE) {
        add_take(out, write);
    } else {
        add_owners_update(out, write);
    }
    tr_buf_add_str(out, "\",\"ConditionExpression\":\"");
    tr_buf_add_str(out, write->expected_owner.ptr != NULL ? "#owner = :owner"
                                                          : "attribute_not_exists(#owner)");
    tr_buf_add_str(out, any_counter(write) ? " AND #counter >= :counter\""
                                           : " AND #counter = :counter\"");
    add_names(out, write);
    add_values(out, write);
    tr_buf_add_str(out, ",\"ReturnValues\":\"ALL_NEW\""
                        ",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}");
}

/* "<worker id> <nonce>". */
static void add_text(struct tr_buf *out, const char *name, const struct tr_lease_write *write)
{
    struct tr_buf text = {0};
    tr_buf_printf(&text, "%.*s %llu", TR_FMT(write->owner), (unsigned long long)write->nonce);
    add_s(out, name, tr_buf_bytes(&text));
    out->failed = out->failed || text.failed;
    tr_buf_deinit(&text);
}

/* Words to other workers raise no counter, for they are no sign of the owner's life, and make no
 * row: a row without a counter would stop every KCL worker. */
static void encode_request(struct tr_buf *out, struct tr_bytes table,
                           const struct tr_lease_write *write)
{
    bool seen = write->request.ptr != NULL;
    add_table(out, table);
    add_key(out, write->key);
    tr_buf_add_str(out, ",\"UpdateExpression\":\"SET #request = :request\""
                        ",\"ConditionExpression\":\"attribute_exists(#counter)"
                        " AND #owner = :owner AND ");
    tr_buf_add_str(out, seen ? "#request = :seen\"" : "attribute_not_exists(#request)\"");
    tr_buf_add_str(out, ",\"ExpressionAttributeNames\":{" N_ROW N_REQUEST
                        "},\"ExpressionAttributeValues\":{");
    add_s(out, ":owner", write->expected_owner);
    tr_buf_add_char(out, ',');
    add_text(out, ":request", write);
    if (seen) {
        tr_buf_add_char(out, ',');
        add_s(out, ":seen", write->request);
    }
    tr_buf_add_str(out, "},\"ReturnValues\":\"ALL_NEW\""
                        ",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}");
}

static void encode_ring(struct tr_buf *out, struct tr_bytes table,
                        const struct tr_lease_write *write)
{
    add_table(out, table);
    add_key(out, write->key);
    tr_buf_add_str(out, ",\"UpdateExpression\":\"SET #bell = :bell\""
                        ",\"ConditionExpression\":\"attribute_exists(#counter)\""
                        ",\"ExpressionAttributeNames\":{\"#bell\":\"" A_TAILRACE_BELL
                        "\",\"#counter\":\"" A_COUNTER "\"},\"ExpressionAttributeValues\":{");
    add_text(out, ":bell", write);
    tr_buf_add_str(out, "}}");
}

/* A row goes only while it is what was judged: at its end, and nobody has touched it since. */
static void encode_delete(struct tr_buf *out, struct tr_bytes table,
                          const struct tr_lease_write *write)
{
    add_table(out, table);
    add_key(out, write->key);
    tr_buf_printf(
        out, ",\"ConditionExpression\":\"%s AND #counter = :counter AND #checkpoint = :end\"",
        write->expected_owner.ptr != NULL ? "#owner = :owner" : "attribute_not_exists(#owner)");
    tr_buf_add_str(out, ",\"ExpressionAttributeNames\":{" N_ROW ",\"#checkpoint\":\"" A_CHECKPOINT
                        "\"},\"ExpressionAttributeValues\":{");
    if (write->expected_owner.ptr != NULL) {
        add_s(out, ":owner", write->expected_owner);
        tr_buf_add_char(out, ',');
    }
    add_n(out, ":counter", write->expected_counter);
    tr_buf_add_char(out, ',');
    add_s(out, ":end", TR_LIT("SHARD_END"));
    tr_buf_add_str(out, "},\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}");
}

const char *tr_lease_encode_write(struct tr_buf *out, struct tr_bytes table,
                                  const struct tr_lease_write *write)
{
    switch (write->kind) {
    case TR_LEASE_CREATE:
        encode_create(out, table, write);
        return "PutItem";
    case TR_LEASE_DELETE:
        encode_delete(out, table, write);
        return "DeleteItem";
    case TR_LEASE_REQUEST:
        encode_request(out, table, write);
        break;
    case TR_LEASE_RING:
        encode_ring(out, table, write);
        break;
    case TR_LEASE_TAKE:
    case TR_LEASE_RENEW:
    case TR_LEASE_CHECKPOINT:
    case TR_LEASE_RELEASE:
        encode_update(out, table, write);
        break;
    }
    return "UpdateItem";
}

static void add_after(struct tr_buf *out, struct tr_bytes last_key)
{
    if (last_key.len > 0) {
        tr_buf_add_str(out, ",\"ExclusiveStartKey\":");
        tr_buf_add(out, last_key);
    }
    tr_buf_add_char(out, '}');
}

void tr_lease_encode_scan(struct tr_buf *out, struct tr_bytes table, bool consistent,
                          struct tr_bytes last_key)
{
    add_table(out, table);
    tr_buf_add_str(out, consistent ? ",\"ConsistentRead\":true" : "");
    add_after(out, last_key);
}

void tr_lease_encode_segment(struct tr_buf *out, struct tr_bytes table, unsigned segment,
                             unsigned segments, struct tr_bytes last_key)
{
    add_table(out, table);
    if (segments > 1) {
        tr_buf_printf(out, ",\"Segment\":%u,\"TotalSegments\":%u", segment, segments);
    }
    add_after(out, last_key);
}

void tr_lease_encode_get(struct tr_buf *out, struct tr_bytes table, struct tr_bytes key)
{
    add_table(out, table);
    add_key(out, key);
    tr_buf_add_str(out, ",\"ConsistentRead\":true}");
}

void tr_lease_encode_glance(struct tr_buf *out, struct tr_bytes table, struct tr_bytes key)
{
    add_table(out, table);
    add_key(out, key);
    tr_buf_add_char(out, '}');
}

int64_t tr_lease_row_made_ms(const struct tr_lease_row *row)
{
    bool is_time = row->counter >= EARLIEST_MS && row->counter <= LATEST_MS;
    return row->stream.ptr != NULL && is_time ? (int64_t)row->counter : 0;
}

struct tr_bytes tr_lease_asker(struct tr_bytes request)
{
    size_t i = request.len;
    while (i > 0 && request.ptr[i - 1] != ' ') {
        i--;
    }
    return i > 1 ? (struct tr_bytes){request.ptr, i - 1} : (struct tr_bytes){0};
}

void tr_lease_encode_create_table(struct tr_buf *out, struct tr_bytes table)
{
    add_table(out, table);
    tr_buf_add_str(out, ",\"AttributeDefinitions\":[{\"AttributeName\":\"" A_KEY
                        "\",\"AttributeType\":\"S\"}]"
                        ",\"KeySchema\":[{\"AttributeName\":\"" A_KEY "\",\"KeyType\":\"HASH\"}]"
                        ",\"BillingMode\":\"PAY_PER_REQUEST\"}");
}

/* ---- reading ---- */

#define WHY_MAX 256
#define SHOWN_MAX 64 /* bytes of a strange value that a message shows */

/* What is looked at in a row. */
#define READ_TABLE(ROW)                                                                            \
    ROW(AT_KEY, A_KEY)                                                                             \
    ROW(AT_OWNER, A_OWNER)                                                                         \
    ROW(AT_COUNTER, A_COUNTER)                                                                     \
    ROW(AT_CHECKPOINT, A_CHECKPOINT)                                                               \
    ROW(AT_SWITCHES, A_SWITCHES)                                                                   \
    ROW(AT_PARENTS, A_PARENTS)                                                                     \
    ROW(AT_TAILRACE_OWNER, A_TAILRACE_OWNER)                                                       \
    ROW(AT_TAILRACE_FAILOVER, A_TAILRACE_FAILOVER)                                                 \
    ROW(AT_TAILRACE_STREAM, A_TAILRACE_STREAM)                                                     \
    ROW(AT_TAILRACE_ALONE, A_TAILRACE_ALONE)                                                       \
    ROW(AT_TAILRACE_RUN, A_TAILRACE_RUN)                                                           \
    ROW(AT_TAILRACE_REQUEST, A_TAILRACE_REQUEST)                                                   \
    ROW(AT_TAILRACE_BELL, A_TAILRACE_BELL)                                                         \
    ROW(AT_TAILRACE_START, A_TAILRACE_START)                                                       \
    ROW(AT_TAILRACE_FIRST, A_TAILRACE_FIRST)                                                       \
    ROW(AT_ENTITY_TYPE, "entityType")                                                              \
    ROW(AT_VERSION, "cv")

enum attribute {
#define READ_ID(id, name) id,
    READ_TABLE(READ_ID)
#undef READ_ID
        AT_COUNT
};

static const struct tr_bytes read_names[AT_COUNT] = {
#define READ_NAME(id, name) {name, sizeof name - 1},
    READ_TABLE(READ_NAME)
#undef READ_NAME
};

/* One row being read. */
struct reader {
    struct tr_lease_rows *rows;
    struct tr_json item;
    struct tr_json values[AT_COUNT]; /* of the item's attributes; absent: it lacks it */
    char why[WHY_MAX];
    bool no_memory;
};

enum verdict { ROW_GOOD, ROW_OTHER, ROW_BAD };

void tr_lease_rows_deinit(struct tr_lease_rows *rows)
{
    tr_free(rows->rows);
    tr_free(rows->spans);
    tr_buf_deinit(&rows->arena);
    tr_buf_deinit(&rows->last_key);
    tr_json_deinit(&rows->doc);
    tr_buf_deinit(&rows->text);
    *rows = (struct tr_lease_rows){0};
}

/* Views into the arena must not move: room for every string of the text is made before the first
 * is unescaped (unescaping never makes a string longer). */
static bool get_string(struct reader *reader, struct tr_json value, struct tr_bytes *out)
{
    struct tr_buf *arena = &reader->rows->arena;
    if (tr_json_type(value) != TR_JSON_STRING) {
        return false;
    }
    if (arena->cap == 0 && !tr_buf_reserve(arena, reader->rows->text.len)) {
        reader->no_memory = true;
        return false;
    }
    if (!tr_json_str(value, arena, out)) {
        reader->no_memory = true;
        return false;
    }
    return true;
}

static enum attribute attribute_of(struct reader *reader, struct tr_json key)
{
    struct tr_buf scratch = {0};
    struct tr_bytes name;
    unsigned i = 0;
    if (!tr_json_str(key, &scratch, &name)) {
        reader->no_memory = true;
        return AT_COUNT;
    }
    while (i < AT_COUNT && (name.len != read_names[i].len || !tr_bytes_eq(name, read_names[i]))) {
        i++;
    }
    tr_buf_deinit(&scratch);
    return (enum attribute)i;
}

/* One walk over the row instead of a look-up for each attribute. */
static void find_attributes(struct reader *reader)
{
    struct tr_json value;
    if (tr_json_type(reader->item) != TR_JSON_OBJECT) {
        return;
    }
    for (value = tr_json_first(reader->item); value.doc != NULL;
         value = tr_json_next(reader->item, value)) {
        enum attribute attribute = attribute_of(reader, tr_json_key(value));
        if (attribute != AT_COUNT) {
            reader->values[attribute] = value;
        }
    }
}

static bool present(const struct reader *reader, enum attribute name)
{
    return tr_json_type(reader->values[name]) != TR_JSON_ABSENT;
}

/* The value of an attribute if it is of this type and of no other. */
static struct tr_json typed(const struct reader *reader, enum attribute name, const char *type)
{
    struct tr_json attribute = reader->values[name];
    return tr_json_count(attribute) == 1 ? tr_json_get(attribute, type) : (struct tr_json){0};
}

static enum verdict bad(struct reader *reader, enum attribute name, const char *wanted)
{
    struct tr_json attribute = reader->values[name];
    struct tr_bytes raw = tr_json_raw(attribute);
    if (tr_json_type(attribute) == TR_JSON_ABSENT) {
        (void)snprintf(reader->why, sizeof reader->why, "'%s' is missing", read_names[name].ptr);
    } else {
        bool cut = raw.len > SHOWN_MAX;
        raw.len = cut ? SHOWN_MAX : raw.len;
        (void)snprintf(reader->why, sizeof reader->why, "'%s' is '%.*s%s', not %s",
                       read_names[name].ptr, TR_FMT(raw), cut ? "..." : "", wanted);
    }
    return ROW_BAD;
}

/* A string attribute that holds at least one byte. */
static bool get_s(struct reader *reader, enum attribute name, struct tr_bytes *out)
{
    return get_string(reader, typed(reader, name, "S"), out) && out->len > 0;
}

static bool get_n(struct reader *reader, enum attribute name, uint64_t max, uint64_t *out)
{
    struct tr_bytes text;
    return get_string(reader, typed(reader, name, "N"), &text) && tr_bytes_u64(text, max, out);
}

static enum verdict read_counter(struct reader *reader, struct tr_lease_row *row)
{
    if (!get_n(reader, AT_COUNTER, TR_LEASE_COUNTER_MAX, &row->counter)) {
        return bad(reader, AT_COUNTER, "a number from 0 to 9223372036854775807");
    }
    if (present(reader, AT_SWITCHES) &&
        !get_n(reader, AT_SWITCHES, TR_LEASE_COUNTER_MAX, &row->switches)) {
        return bad(reader, AT_SWITCHES, "a number from 0 to 9223372036854775807");
    }
    return ROW_GOOD;
}

static enum verdict read_checkpoint(struct reader *reader, struct tr_lease_row *row)
{
    struct tr_bytes text;
    if (!get_s(reader, AT_CHECKPOINT, &text) ||
        tr_position_parse(text, &row->checkpoint, NULL) != TR_OK) {
        return bad(reader, AT_CHECKPOINT, "a sequence number or a sentinel");
    }
    return ROW_GOOD;
}

static enum verdict read_parents(struct reader *reader, struct tr_lease_row *row)
{
    struct tr_json set = typed(reader, AT_PARENTS, "SS");
    struct tr_json value;
    if (!present(reader, AT_PARENTS)) {
        return ROW_GOOD;
    }
    if (tr_json_type(set) != TR_JSON_ARRAY || tr_json_count(set) > TR_LEASE_PARENTS_MAX) {
        return bad(reader, AT_PARENTS, "a set of at most 8 shard ids");
    }
    for (value = tr_json_first(set); value.doc != NULL; value = tr_json_next(set, value)) {
        if (!get_string(reader, value, &row->parents[row->parent_count])) {
            return bad(reader, AT_PARENTS, "a set of at most 8 shard ids");
        }
        row->parent_count++;
    }
    return ROW_GOOD;
}

/* Our failover time counts only beside the owner that stored it: a KCL owner leaves the attributes
 * of an earlier one behind, whatever they hold. */
static enum verdict read_owner(struct reader *reader, struct tr_lease_row *row)
{
    struct tr_bytes ours = {0};
    if (!present(reader, AT_OWNER)) {
        return ROW_GOOD;
    }
    if (!get_s(reader, AT_OWNER, &row->owner)) {
        return bad(reader, AT_OWNER, "a worker's id");
    }
    if (!get_s(reader, AT_TAILRACE_OWNER, &ours) || !tr_bytes_eq(ours, row->owner)) {
        return ROW_GOOD;
    }
    row->tailrace = true;
    if (!get_n(reader, AT_TAILRACE_FAILOVER, TR_LEASE_FAILOVER_MS_MAX, &row->failover_ms)) {
        return bad(reader, AT_TAILRACE_FAILOVER, "a number of milliseconds up to 600000");
    }
    return ROW_GOOD;
}

/* What workers say to each other; whatever else stands there says nothing. */
static void read_word(struct reader *reader, enum attribute name, struct tr_bytes *out)
{
    if (!get_s(reader, name, out)) {
        *out = (struct tr_bytes){0};
    }
}

/* A hint that may be missing: it makes no row unreadable, and is told by whoever needs it. */
static void read_hint(struct reader *reader, enum attribute name, struct tr_bytes *out)
{
    if (present(reader, name) && !get_s(reader, name, out)) {
        *out = tr_json_raw(reader->values[name]);
    }
    out->len = out->len < SHOWN_MAX ? out->len : SHOWN_MAX;
}

static enum verdict read_own(struct reader *reader, struct tr_lease_row *row)
{
    if (present(reader, AT_TAILRACE_STREAM) && !get_s(reader, AT_TAILRACE_STREAM, &row->stream)) {
        return bad(reader, AT_TAILRACE_STREAM, "a stream's label");
    }
    if (present(reader, AT_TAILRACE_ALONE) &&
        !tr_json_bool(typed(reader, AT_TAILRACE_ALONE, "BOOL"), &row->without_parents)) {
        return bad(reader, AT_TAILRACE_ALONE, "true or false");
    }
    read_word(reader, AT_TAILRACE_RUN, &row->run);
    read_word(reader, AT_TAILRACE_REQUEST, &row->request);
    read_word(reader, AT_TAILRACE_BELL, &row->bell);
    read_hint(reader, AT_TAILRACE_FIRST, &row->first);
    row->has_start_ms = present(reader, AT_TAILRACE_START);
    if (row->has_start_ms &&
        !get_n(reader, AT_TAILRACE_START, TR_LEASE_START_MS_MAX, &row->start_ms)) {
        return bad(reader, AT_TAILRACE_START, "a number of milliseconds up to 253402300799999");
    }
    return ROW_GOOD;
}

/* A row of KCL's own bookkeeping, or nobody's: such a table is used for something else. */
static enum verdict read_other(struct reader *reader, const struct tr_lease_row *row, bool of_kcl)
{
    if (tr_bytes_is(row->key, MIGRATION_KEY)) {
        (void)get_s(reader, AT_VERSION, &reader->rows->version);
    } else if (!of_kcl && reader->rows->stranger.ptr == NULL) {
        reader->rows->stranger = row->key;
    }
    return ROW_OTHER;
}

/* Rows of other kinds (KCL 3.5 keeps all of its state in one table) are nobody's fault; a row that
 * names a checkpoint or an owner and has no counter is a broken lease. */
static enum verdict read_kind(struct reader *reader, struct tr_lease_row *row)
{
    struct tr_bytes type;
    if (tr_json_type(reader->item) != TR_JSON_OBJECT) {
        (void)snprintf(reader->why, sizeof reader->why, "the row is %s, not an object",
                       tr_json_type_text(tr_json_type(reader->item)));
        return ROW_BAD;
    }
    if (!get_s(reader, AT_KEY, &row->key)) {
        row->key = (struct tr_bytes){0};
        return bad(reader, AT_KEY, "a string with at least one character");
    }
    if (present(reader, AT_ENTITY_TYPE)) {
        if (!get_s(reader, AT_ENTITY_TYPE, &type)) {
            return bad(reader, AT_ENTITY_TYPE, "a string");
        }
        if (!tr_bytes_is(type, "LEASE")) {
            return read_other(reader, row, true);
        }
    }
    if (!present(reader, AT_COUNTER) && !present(reader, AT_CHECKPOINT) &&
        !present(reader, AT_OWNER)) {
        return read_other(reader, row, false);
    }
    return ROW_GOOD;
}

/* DynamoDB counts names and values; of a value's text here {"S":"..."} and the like are left out,
 * and numbers, which take less, are counted whole. */
static size_t size_of(struct tr_json item)
{
    struct tr_json value;
    size_t size = 0;
    for (value = tr_json_first(item); value.doc != NULL; value = tr_json_next(item, value)) {
        size_t text = tr_json_raw(value).len;
        size += tr_json_raw(tr_json_key(value)).len + (text > 8 ? text - 8 : 1);
    }
    return size;
}

static enum verdict read_row(struct reader *reader, struct tr_lease_row *row)
{
    typedef enum verdict step_fn(struct reader *, struct tr_lease_row *);
    static step_fn *const steps[] = {read_kind,  read_counter, read_checkpoint,
                                     read_owner, read_parents, read_own};
    enum verdict verdict = ROW_GOOD;
    size_t i;
    *row = (struct tr_lease_row){.size = size_of(reader->item)};
    find_attributes(reader);
    for (i = 0; i < sizeof steps / sizeof steps[0] && verdict == ROW_GOOD; i++) {
        verdict = steps[i](reader, row);
    }
    if (verdict == ROW_BAD) {
        read_word(reader, AT_TAILRACE_STREAM, &row->stream); /* whatever else is wrong */
    }
    return verdict;
}

/* ---- rows that an earlier page had ---- */

struct knowing {
    const struct tr_lease_rows *before;
    size_t next; /* the place that is looked at next */
};

static size_t is_known(void *ctx, struct tr_bytes rest, uint32_t *place)
{
    struct knowing *knowing = ctx;
    const struct tr_lease_rows *before = knowing->before;
    const struct tr_lease_span *span;
    if (knowing->next >= before->span_count) {
        return 0;
    }
    *place = (uint32_t)knowing->next++;
    span = &before->spans[*place];
    return span->len <= rest.len && memcmp(before->text.ptr + span->start, rest.ptr, span->len) == 0
               ? span->len
               : 0;
}

/* A view of the bytes at `from`, of the same bytes at `to`. */
static void move_view(struct tr_bytes *view, const char *from, const char *to)
{
    if (view->ptr != NULL) {
        view->ptr = to + (view->ptr - from);
    }
}

static void recall_row(const struct tr_lease_rows *before, struct tr_json item,
                       struct tr_lease_row *row)
{
    const struct tr_lease_span *span = &before->spans[tr_json_count(item)];
    const char *from = before->text.ptr + span->start, *to = tr_json_raw(item).ptr;
    size_t i;
    *row = before->rows[span->row];
    move_view(&row->key, from, to);
    move_view(&row->owner, from, to);
    move_view(&row->stream, from, to);
    move_view(&row->run, from, to);
    move_view(&row->request, from, to);
    move_view(&row->bell, from, to);
    move_view(&row->first, from, to);
    for (i = 0; i < row->parent_count; i++) {
        move_view(&row->parents[i], from, to);
    }
}

/* ---- pages ---- */

/* Take the answer's bytes and index them. */
static enum tr_status open_body(struct tr_lease_rows *rows, const struct tr_lease_rows *before,
                                struct tr_buf *body, struct tr_err *err)
{
    struct knowing knowing = {.before = before};
    tr_buf_deinit(&rows->text);
    rows->text = *body;
    *body = (struct tr_buf){0};
    rows->count = 0;
    rows->span_count = 0;
    rows->size = 0;
    rows->stranger = rows->version = (struct tr_bytes){0};
    tr_buf_deinit(&rows->arena);
    tr_buf_reset(&rows->last_key);
    return tr_json_parse_known(&rows->doc, tr_buf_bytes(&rows->text),
                               before != NULL ? is_known : NULL, &knowing, err);
}

/* A row of which something was unescaped is not all in the text: it is not known again. */
static void add_span(struct tr_lease_rows *rows, struct tr_bytes raw, bool whole)
{
    rows->spans[rows->span_count++] =
        (struct tr_lease_span){.start = (uint32_t)(raw.ptr - rows->text.ptr),
                               .len = whole ? (uint32_t)raw.len : 0,
                               .row = (uint32_t)rows->count};
}

static enum tr_status add_row(struct reader *reader, const struct tr_lease_rows *before,
                              tr_lease_bad_row_fn *report, void *ctx, struct tr_err *err)
{
    struct tr_lease_rows *rows = reader->rows;
    size_t unescaped = rows->arena.len;
    struct tr_lease_row row;
    enum verdict verdict = ROW_GOOD;
    if (tr_json_type(reader->item) == TR_JSON_KNOWN) {
        recall_row(before, reader->item, &row);
    } else {
        verdict = read_row(reader, &row);
    }
    if (reader->no_memory ||
        !tr_grow(&rows->rows, &rows->cap, rows->count + 1, sizeof *rows->rows) ||
        !tr_grow(&rows->spans, &rows->span_cap, rows->span_count + 1, sizeof *rows->spans)) {
        return tr_fail(err, TR_ENOMEM, "no memory for %zu lease rows", rows->count + 1);
    }
    add_span(rows, tr_json_raw(reader->item), verdict == ROW_GOOD && rows->arena.len == unescaped);
    rows->size += row.size;
    if (verdict == ROW_GOOD) {
        rows->rows[rows->count++] = row;
    } else if (verdict == ROW_BAD && report != NULL) {
        report(ctx, &(struct tr_lease_row){.key = row.key, .stream = row.stream}, reader->why);
    }
    return TR_OK;
}

static enum tr_status keep_last_key(struct tr_lease_rows *rows, struct tr_json key,
                                    struct tr_err *err)
{
    if (tr_json_type(key) == TR_JSON_ABSENT || tr_json_type(key) == TR_JSON_NULL) {
        return TR_OK;
    }
    if (tr_json_type(key) != TR_JSON_OBJECT) {
        return tr_fail(err, TR_EPARSE, "scan answer: 'LastEvaluatedKey' is %s, not an object",
                       tr_json_type_text(tr_json_type(key)));
    }
    tr_buf_add(&rows->last_key, tr_json_raw(key));
    if (tr_buf_status(&rows->last_key) != TR_OK) {
        return tr_fail(err, TR_ENOMEM, "no memory for the scan's next key");
    }
    return TR_OK;
}

enum tr_status tr_lease_decode_scan(struct tr_lease_rows *rows, const struct tr_lease_rows *before,
                                    struct tr_buf *body, tr_lease_bad_row_fn *report, void *ctx,
                                    struct tr_err *err)
{
    enum tr_status status = open_body(rows, before, body, err);
    struct tr_json items, item;
    if (status != TR_OK) {
        return tr_wrap(err, status, "scan answer");
    }
    items = tr_json_get(tr_json_root(&rows->doc), "Items");
    if (tr_json_type(items) != TR_JSON_ARRAY) {
        return tr_fail(err, TR_EPARSE, "scan answer: 'Items' is %s, not an array",
                       tr_json_type_text(tr_json_type(items)));
    }
    for (item = tr_json_first(items); item.doc != NULL; item = tr_json_next(items, item)) {
        struct reader reader = {.rows = rows, .item = item};
        status = add_row(&reader, before, report, ctx, err);
        if (status != TR_OK) {
            rows->count = 0;
            return status;
        }
    }
    status = keep_last_key(rows, tr_json_get(tr_json_root(&rows->doc), "LastEvaluatedKey"), err);
    rows->count = status == TR_OK ? rows->count : 0;
    return status;
}

enum tr_status tr_lease_decode_one(struct tr_lease_rows *rows, struct tr_buf *body,
                                   const char *member, struct tr_err *err)
{
    enum tr_status status = open_body(rows, NULL, body, err);
    struct reader reader = {.rows = rows};
    struct tr_lease_row row;
    enum verdict verdict;
    if (status != TR_OK) {
        return tr_wrap(err, status, "lease row");
    }
    reader.item = tr_json_get(tr_json_root(&rows->doc), member);
    if (tr_json_type(reader.item) == TR_JSON_ABSENT) {
        return tr_fail(err, TR_ENOTFOUND, "the answer has no '%s'", member);
    }
    verdict = read_row(&reader, &row);
    if (reader.no_memory || !tr_grow(&rows->rows, &rows->cap, 1, sizeof *rows->rows)) {
        return tr_fail(err, TR_ENOMEM, "no memory for a lease row");
    }
    if (verdict != ROW_GOOD) {
        return tr_fail(err, TR_EPARSE, "lease row '%.*s': %s", TR_FMT(row.key),
                       verdict == ROW_OTHER ? "it is no lease" : reader.why);
    }
    rows->rows[0] = row;
    rows->count = 1;
    return TR_OK;
}

/* ---- KCL 3's state of its fleet ---- */

void tr_lease_encode_coordinator(struct tr_buf *out, struct tr_bytes table)
{
    add_table(out, table);
    tr_buf_add_str(out, ",\"Key\":{\"key\":{\"S\":\"" MIGRATION_KEY "\"}}}");
}

enum tr_status tr_lease_decode_coordinator(struct tr_bytes body, struct tr_buf *version,
                                           struct tr_err *err)
{
    struct tr_json_doc doc = {0};
    struct tr_json item;
    enum tr_status status = tr_json_parse(&doc, body, err);
    if (status == TR_OK) {
        item = tr_json_get(tr_json_root(&doc), "Item");
        if (tr_json_type(item) == TR_JSON_ABSENT) {
            status = tr_fail(err, TR_ENOTFOUND, "there is no row '" MIGRATION_KEY "'");
        } else if (!tr_json_add_str(tr_json_get(tr_json_get(item, "cv"), "S"), version)) {
            status = tr_fail(err, TR_EPARSE, "row '" MIGRATION_KEY "': 'cv' is no string");
        } else if (tr_buf_status(version) != TR_OK) {
            status = tr_fail(err, TR_ENOMEM, "no memory for a fleet's state");
        }
    }
    tr_json_deinit(&doc);
    return status;
}

bool tr_lease_version_is_3x(struct tr_bytes version)
{
    return tr_bytes_starts(version, "CLIENT_VERSION_3X");
}

/* ---- the table ---- */

bool tr_lease_table_is_going(struct tr_bytes body)
{
    struct tr_json_doc doc = {0};
    bool going = tr_json_parse(&doc, body, NULL) == TR_OK &&
                 tr_json_is(tr_json_get(tr_json_get(tr_json_root(&doc), "Table"), "TableStatus"),
                            "DELETING");
    tr_json_deinit(&doc);
    return going;
}

/* Append ", TYPE" of the attribute that is named like `name`, if it is defined. */
static void describe_type(struct tr_buf *out, struct tr_json name, struct tr_json definitions)
{
    struct tr_buf wanted = {0}, defined = {0};
    struct tr_json definition = tr_json_first(definitions);
    (void)tr_json_add_str(name, &wanted);
    for (; definition.doc != NULL; definition = tr_json_next(definitions, definition)) {
        tr_buf_reset(&defined);
        (void)tr_json_add_str(tr_json_get(definition, "AttributeName"), &defined);
        if (tr_bytes_eq(tr_buf_bytes(&defined), tr_buf_bytes(&wanted))) {
            tr_buf_add_str(out, ", ");
            (void)tr_json_add_str(tr_json_get(definition, "AttributeType"), out);
        }
    }
    out->failed = out->failed || wanted.failed || defined.failed;
    tr_buf_deinit(&wanted);
    tr_buf_deinit(&defined);
}

/* "leaseKey (HASH, S), x (RANGE, N)": what the table's key is made of. */
static void describe_key(struct tr_buf *out, struct tr_json schema, struct tr_json definitions)
{
    struct tr_json part;
    for (part = tr_json_first(schema); part.doc != NULL; part = tr_json_next(schema, part)) {
        tr_buf_add_str(out, out->len > 0 ? ", " : "");
        (void)tr_json_add_str(tr_json_get(part, "AttributeName"), out);
        tr_buf_add_str(out, " (");
        (void)tr_json_add_str(tr_json_get(part, "KeyType"), out);
        describe_type(out, tr_json_get(part, "AttributeName"), definitions);
        tr_buf_add_char(out, ')');
    }
}

enum tr_status tr_lease_decode_describe_table(struct tr_bytes body, bool *active,
                                              struct tr_err *err)
{
    struct tr_json_doc doc = {0};
    struct tr_buf key = {0};
    struct tr_json table, schema;
    enum tr_status status = tr_json_parse(&doc, body, err);
    if (status != TR_OK) {
        status = tr_wrap(err, status, "table description");
        goto out;
    }
    table = tr_json_get(tr_json_root(&doc), "Table");
    schema = tr_json_get(table, "KeySchema");
    if (tr_json_type(schema) != TR_JSON_ARRAY ||
        tr_json_type(tr_json_get(table, "TableStatus")) != TR_JSON_STRING) {
        status = tr_fail(err, TR_EPARSE, "table description: no 'KeySchema' or no 'TableStatus'");
        goto out;
    }
    describe_key(&key, schema, tr_json_get(table, "AttributeDefinitions"));
    if (tr_buf_status(&key) != TR_OK) {
        status = tr_fail(err, TR_ENOMEM, "no memory for the table's key");
        goto out;
    }
    if (!tr_bytes_is(tr_buf_bytes(&key), A_KEY " (HASH, S)")) {
        status = tr_fail(err, TR_ECONFIG,
                         "it is no lease table: its key is '%.*s', not '" A_KEY " (HASH, S)'",
                         TR_FMT(tr_buf_bytes(&key)));
        goto out;
    }
    *active = tr_json_is(tr_json_get(table, "TableStatus"), "ACTIVE") ||
              tr_json_is(tr_json_get(table, "TableStatus"), "UPDATING");
out:
    tr_buf_deinit(&key);
    tr_json_deinit(&doc);
    return status;
}
