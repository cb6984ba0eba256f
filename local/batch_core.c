/* SPDX-License-Identifier: Apache-2.0
 *
 * BatchWriteItem and BatchGetItem: all of a batch is checked before anything of it is done. What is
 * not done goes back to the caller as it came. */
#include "local/access.h"
#include "local/ops.h"

#define WRITES_MAX 25
#define READS_MAX 100
#define ANSWER_BYTES 2048 /* of a table's capacity, name included */
#define PAGE_BYTES_MAX ((uint64_t)16 * 1048576)

static const enum tr_member batch_members[] = {
    TR_RequestItems,
    TR_ReturnConsumedCapacity,
    TR_ReturnItemCollectionMetrics,
};
static const enum tr_member keys_members[] = {
    TR_Keys,
    TR_AttributesToGet,
    TR_ConsistentRead,
    TR_ProjectionExpression,
    TR_ExpressionAttributeNames,
};
static const struct tr_request_shape batch_shape = {batch_members, 3, NULL};
static const struct tr_request_shape keys_shape = {keys_members, 5, NULL};
static const enum tr_member projection_only[] = {TR_ProjectionExpression, TR_MEMBER_COUNT};
static const enum tr_member old_projections[] = {TR_AttributesToGet, TR_MEMBER_COUNT};

static enum tr_status invalid(struct tr_call *call, const char *text)
{
    return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION, "%s", text);
}

static enum tr_status read_batch(struct tr_call *call, struct tr_request *request)
{
    struct tr_checks checks = {0};
    struct tr_json items;
    enum tr_status status = tr_request_read(call, call->request, &batch_shape, request);
    if (status != TR_OK) {
        return status;
    }
    items = request->member[TR_RequestItems];
    tr_check_word(call, &checks, request, TR_ReturnConsumedCapacity, "INDEXES, TOTAL, NONE");
    tr_check_word(call, &checks, request, TR_ReturnItemCollectionMetrics, "SIZE, NONE");
    tr_check_given(call, &checks, request, TR_RequestItems);
    if (items.doc != NULL) {
        tr_check(call, &checks, tr_json_count(items) >= 1, items, "requestItems",
                 "Member must have length greater than or equal to 1");
    }
    return tr_check_end(call, &checks);
}

static enum tr_status too_many(struct tr_call *call, const char *operation)
{
    return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                          "Too many items requested for the %s call", operation);
}

static bool same_key(const struct tr_local_table *table, const struct tr_local_key *a,
                     const struct tr_local_table *other, const struct tr_local_key *b)
{
    return table == other && a->rank == b->rank && tr_value_eq(a->hash, b->hash) &&
           tr_value_eq(a->range, b->range);
}

/* --- BatchWriteItem --- */

struct batch_write {
    struct tr_json json;   /* as it came */
    struct tr_json member; /* of RequestItems: the list that it is from */
    struct tr_local_table *table;
    struct tr_local_key key;
    struct tr_local_item *item; /* owned; NULL: delete */
    uint64_t halves;            /* of write units */
};

struct batch {
    struct tr_call *call;
    struct tr_request request;
    struct batch_write *list;
    size_t count;
    size_t done;
};

/* The Item of a PutRequest or the Key of a DeleteRequest. */
static enum tr_status read_write(struct batch *b, struct batch_write *w)
{
    struct tr_call *call = b->call;
    struct tr_json put = tr_json_get(w->json, "PutRequest");
    struct tr_json del = tr_json_get(w->json, "DeleteRequest");
    bool is_put = put.doc != NULL && tr_json_type(put) != TR_JSON_NULL;
    bool is_del = del.doc != NULL && tr_json_type(del) != TR_JSON_NULL;
    struct tr_json content = tr_json_get(is_put ? put : del, is_put ? "Item" : "Key");
    struct tr_value map;
    enum tr_status status;

    if (tr_json_type(w->json) != TR_JSON_OBJECT) {
        return tr_problem_set(&call->problem, TR_PROBLEM_SERIALIZATION,
                              "Unexpected value type in payload");
    }
    if (is_put == is_del) {
        return invalid(call, "Supplied AttributeValue has more than one datatypes set, must "
                             "contain exactly one of the supported datatypes");
    }
    if (content.doc == NULL || tr_json_type(content) == TR_JSON_NULL) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              "1 validation error detected: Value null at '%s' failed to satisfy "
                              "constraint: Member must not be null",
                              is_put ? "requestItems.member.putRequest.item"
                                     : "requestItems.member.deleteRequest.key");
    }
    if ((status = tr_value_parse_map(content, call->arena, &map, &call->problem)) != TR_OK) {
        return status;
    }
    if (is_put && tr_value_map_size(map) > TR_ITEM_SIZE_MAX) {
        return invalid(call, "Item size has exceeded the maximum allowed size");
    }
    status = is_put ? tr_access_check_item(call, w->table, map)
                    : tr_access_check_key(call, w->table, map);
    if (status != TR_OK) {
        return status;
    }
    w->key = tr_local_table_key(w->table, map);
    if (is_put && (w->item = tr_local_item_new(map)) == NULL) {
        return TR_ENOMEM;
    }
    return TR_OK;
}

static enum tr_status read_list(struct batch *b, struct tr_json member)
{
    struct tr_local_table *table;
    struct tr_json element;
    size_t i;
    enum tr_status status = tr_access_table(b->call, tr_json_key(member), &table);

    if (status != TR_OK) {
        return status;
    }
    for (element = tr_json_first(member); element.doc != NULL;
         element = tr_json_next(member, element)) {
        struct batch_write *w = &b->list[b->count++];
        w->json = element;
        w->member = member;
        w->table = table;
        if ((status = read_write(b, w)) != TR_OK) {
            return status;
        }
        for (i = 0; i + 1 < b->count; i++) {
            if (same_key(b->list[i].table, &b->list[i].key, w->table, &w->key)) {
                return invalid(b->call, "Provided list of item keys contains duplicates");
            }
        }
    }
    return TR_OK;
}

static enum tr_status read_writes(struct batch *b)
{
    struct tr_json items, member;
    size_t total = 0;
    enum tr_status status = read_batch(b->call, &b->request);

    if (status != TR_OK) {
        return status;
    }
    items = b->request.member[TR_RequestItems];
    for (member = tr_json_first(items); member.doc != NULL; member = tr_json_next(items, member)) {
        if (tr_json_type(member) != TR_JSON_ARRAY) {
            return tr_problem_set(&b->call->problem, TR_PROBLEM_SERIALIZATION,
                                  "Unexpected field type");
        }
        if (tr_json_count(member) == 0) {
            return invalid(b->call, "The batch write request list for a table cannot be null or "
                                    "empty");
        }
        total += tr_json_count(member);
    }
    if (total > WRITES_MAX) {
        return too_many(b->call, "BatchWriteItem");
    }
    b->list = tr_arena_alloc(b->call->arena, total * sizeof *b->list);
    if (b->list == NULL) {
        return TR_ENOMEM;
    }
    for (member = tr_json_first(items); status == TR_OK && member.doc != NULL;
         member = tr_json_next(items, member)) {
        status = read_list(b, member);
    }
    return status;
}

/* The writes from `from` on, by table, as they came. */
static void add_unprocessed(struct tr_buf *out, const struct batch *b, size_t from)
{
    size_t i;
    tr_buf_add_str(out, "{\"UnprocessedItems\":{");
    for (i = from; i < b->count; i++) {
        bool first = i == from || b->list[i].member.at != b->list[i - 1].member.at;
        if (first) {
            tr_buf_add_str(out, i > from ? "]," : "");
            tr_buf_add(out, tr_json_raw(tr_json_key(b->list[i].member)));
            tr_buf_add_str(out, ":[");
        } else {
            tr_buf_add_char(out, ',');
        }
        tr_buf_add(out, tr_json_raw(b->list[i].json));
    }
    tr_buf_add_str(out, from < b->count ? "]}" : "}");
}

static void add_write_capacity(struct tr_buf *out, const struct batch *b)
{
    enum tr_capacity capacity = tr_access_capacity(&b->request);
    size_t i = 0;
    if (capacity == TR_CAPACITY_NONE) {
        return;
    }
    tr_buf_add_str(out, ",\"ConsumedCapacity\":[");
    while (i < b->done) {
        const struct tr_local_table *table = b->list[i].table;
        uint64_t halves = 0;
        tr_buf_add_str(out, i > 0 ? "," : "");
        for (; i < b->done && b->list[i].table == table; i++) {
            halves += b->list[i].halves;
        }
        tr_access_add_capacity(out, table, capacity, halves);
    }
    tr_buf_add_char(out, ']');
}

/* As many as get done; without memory for one, it and the rest go back. */
static void write_all(struct batch *b)
{
    size_t most = b->call->unprocessed ? b->count / 2 : b->count;
    while (b->done < most) {
        struct batch_write *w = &b->list[b->done];
        w->halves = tr_access_write_halves(
            tr_local_item_size(tr_local_table_get(w->table, &w->key)), tr_local_item_size(w->item));
        if (tr_local_table_write(b->call->local, w->table, &w->key, w->item, false) != TR_OK) {
            return;
        }
        b->done++;
    }
}

/* Room for any answer: made before the writes, so that nothing fails after them. */
static size_t answer_bytes(const struct batch *b)
{
    return tr_json_raw(b->request.member[TR_RequestItems]).len + ANSWER_BYTES * (b->count + 1);
}

enum tr_status tr_op_batch_write(struct tr_call *call)
{
    struct batch b = {.call = call};
    size_t i;
    enum tr_status status = read_writes(&b);

    if (status == TR_OK && !tr_buf_reserve(call->out, answer_bytes(&b))) {
        status = TR_ENOMEM;
    }
    if (status == TR_OK) {
        write_all(&b);
        add_unprocessed(call->out, &b, b.done);
        add_write_capacity(call->out, &b);
        tr_buf_add_char(call->out, '}');
        status = tr_buf_status(call->out);
    }
    for (i = 0; i < b.count; i++) {
        tr_local_item_release(b.list[i].item);
    }
    return status;
}

/* --- BatchGetItem --- */

struct batch_key {
    struct tr_json json;
    struct tr_local_key key;
};

struct batch_read {
    struct tr_json member; /* of RequestItems */
    struct tr_request request;
    struct tr_local_table *table;
    struct tr_projection projection;
    bool consistent;
    struct batch_key *keys;
    size_t count;
    size_t done;
    uint64_t halves;
};

static enum tr_status read_key(struct tr_call *call, struct batch_read *r, struct tr_json json)
{
    struct tr_value map;
    size_t i;
    enum tr_status status = tr_value_parse_map(json, call->arena, &map, &call->problem);
    if (status == TR_OK) {
        status = tr_access_check_key(call, r->table, map);
    }
    if (status != TR_OK) {
        return status;
    }
    r->keys[r->count].json = json;
    r->keys[r->count].key = tr_local_table_key(r->table, map);
    for (i = 0; i < r->count; i++) {
        if (same_key(r->table, &r->keys[i].key, r->table, &r->keys[r->count].key)) {
            return invalid(call, "Provided list of item keys contains duplicates");
        }
    }
    r->count++;
    return TR_OK;
}

static enum tr_status read_keys(struct tr_call *call, struct batch_read *r)
{
    struct tr_json keys = r->request.member[TR_Keys], json;
    enum tr_status status =
        tr_access_check_mix(call, &r->request, projection_only, old_projections);

    if (status != TR_OK ||
        (status = tr_access_projection(call, &r->request, &r->projection)) != TR_OK ||
        (status = tr_access_table(call, tr_json_key(r->member), &r->table)) != TR_OK) {
        return status;
    }
    r->consistent = tr_request_bool(&r->request, TR_ConsistentRead, false);
    r->keys = tr_arena_alloc(call->arena, tr_json_count(keys) * sizeof *r->keys);
    if (r->keys == NULL) {
        return TR_ENOMEM;
    }
    for (json = tr_json_first(keys); status == TR_OK && json.doc != NULL;
         json = tr_json_next(keys, json)) {
        status = read_key(call, r, json);
    }
    return status;
}

static enum tr_status read_table(struct tr_call *call, struct tr_json member, struct batch_read *r,
                                 size_t *total)
{
    struct tr_json keys;
    enum tr_status status;

    r->member = member;
    if (tr_json_type(member) != TR_JSON_OBJECT) {
        return tr_problem_set(&call->problem, TR_PROBLEM_SERIALIZATION,
                              "Unexpected value type in payload");
    }
    if ((status = tr_request_read(call, member, &keys_shape, &r->request)) != TR_OK) {
        return status;
    }
    keys = r->request.member[TR_Keys];
    if (tr_json_count(keys) == 0) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              "1 validation error detected: Value %s at 'requestItems.member.keys' "
                              "failed to satisfy constraint: Member must %s",
                              keys.doc != NULL ? "'[]'" : "null",
                              keys.doc != NULL ? "have length greater than or equal to 1"
                                               : "not be null");
    }
    *total += tr_json_count(keys);
    return *total <= READS_MAX ? read_keys(call, r) : too_many(call, "BatchGetItem");
}

/* All items of one table that fit; *bytes counts over all tables. */
static enum tr_status read_items(struct tr_call *call, struct batch_read *r, uint64_t *bytes)
{
    size_t most = call->unprocessed ? r->count / 2 : r->count;
    bool first = true;

    tr_buf_add_json(call->out, r->table->name);
    tr_buf_add_str(call->out, ":[");
    for (; r->done < most; r->done++) {
        struct tr_local_item *item =
            tr_access_read(call, r->table, &r->keys[r->done].key, r->consistent);
        struct tr_value shown;
        if (*bytes + tr_local_item_size(item) > PAGE_BYTES_MAX) {
            break;
        }
        *bytes += tr_local_item_size(item);
        r->halves += tr_access_read_halves(tr_local_item_size(item), r->consistent);
        if (item == NULL) {
            continue;
        }
        if (tr_access_show(call, &r->projection, tr_local_item_value(item), &shown) != TR_OK) {
            return TR_ENOMEM;
        }
        tr_buf_add_str(call->out, first ? "" : ",");
        first = false;
        tr_local_item_add_shown(item, shown, call->out);
    }
    tr_buf_add_char(call->out, ']');
    return tr_buf_status(call->out);
}

/* The table's part of the request with the keys that are left. */
static void add_left(struct tr_buf *out, const struct batch_read *r)
{
    struct tr_json value;
    size_t i;
    tr_buf_add_json(out, r->table->name);
    tr_buf_add_str(out, ":{\"Keys\":[");
    for (i = r->done; i < r->count; i++) {
        tr_buf_add_str(out, i > r->done ? "," : "");
        tr_buf_add(out, tr_json_raw(r->keys[i].json));
    }
    tr_buf_add_char(out, ']');
    for (value = tr_json_first(r->member); value.doc != NULL;
         value = tr_json_next(r->member, value)) {
        if (!tr_json_is(tr_json_key(value), "Keys")) {
            tr_buf_add_char(out, ',');
            tr_buf_add(out, tr_json_raw(tr_json_key(value)));
            tr_buf_add_char(out, ':');
            tr_buf_add(out, tr_json_raw(value));
        }
    }
    tr_buf_add_char(out, '}');
}

static void add_rest(struct tr_call *call, const struct tr_request *request,
                     const struct batch_read *list, size_t count)
{
    enum tr_capacity capacity = tr_access_capacity(request);
    struct tr_buf *out = call->out;
    bool first = true;
    size_t i;

    tr_buf_add_str(out, "},\"UnprocessedKeys\":{");
    for (i = 0; i < count; i++) {
        if (list[i].done < list[i].count) {
            tr_buf_add_str(out, first ? "" : ",");
            first = false;
            add_left(out, &list[i]);
        }
    }
    tr_buf_add_char(out, '}');
    if (capacity != TR_CAPACITY_NONE) {
        tr_buf_add_str(out, ",\"ConsumedCapacity\":[");
        for (i = 0; i < count; i++) {
            tr_buf_add_str(out, i > 0 ? "," : "");
            tr_access_add_capacity(out, list[i].table, capacity, list[i].halves);
        }
        tr_buf_add_char(out, ']');
    }
    tr_buf_add_char(out, '}');
}

enum tr_status tr_op_batch_get(struct tr_call *call)
{
    struct tr_request request;
    struct batch_read *list;
    struct tr_json items, member;
    size_t count = 0, total = 0, i;
    uint64_t bytes = 0;
    enum tr_status status = read_batch(call, &request);

    if (status != TR_OK) {
        return status;
    }
    items = request.member[TR_RequestItems];
    if (tr_json_count(items) > READS_MAX) {
        return too_many(call, "BatchGetItem");
    }
    list = tr_arena_alloc(call->arena, tr_json_count(items) * sizeof *list);
    if (list == NULL) {
        return TR_ENOMEM;
    }
    for (member = tr_json_first(items); status == TR_OK && member.doc != NULL;
         member = tr_json_next(items, member)) {
        status = read_table(call, member, &list[count++], &total);
    }
    if (status == TR_OK) {
        tr_buf_add_str(call->out, "{\"Responses\":{");
    }
    for (i = 0; status == TR_OK && i < count; i++) {
        tr_buf_add_str(call->out, i > 0 ? "," : "");
        status = read_items(call, &list[i], &bytes);
    }
    if (status != TR_OK) {
        return status;
    }
    add_rest(call, &request, list, count);
    return tr_buf_status(call->out);
}
