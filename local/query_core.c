/* SPDX-License-Identifier: Apache-2.0
 *
 * Query and Scan: a walk over a run of the table's order, cut by Limit and by 1 MB, filtered and
 * shown in part. */
#include "local/access.h"
#include "local/key_condition.h"
#include "local/legacy.h"
#include "local/ops.h"

#define PAGE_BYTES_MAX 1048576
#define SEGMENTS_MAX 1000000
#define SELECT_WORDS "SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES"

static const enum tr_member scan_members[] = {
    TR_TableName,
    TR_IndexName,
    TR_AttributesToGet,
    TR_Limit,
    TR_Select,
    TR_ScanFilter,
    TR_ConditionalOperator,
    TR_ExclusiveStartKey,
    TR_ReturnConsumedCapacity,
    TR_TotalSegments,
    TR_Segment,
    TR_ProjectionExpression,
    TR_FilterExpression,
    TR_ExpressionAttributeNames,
    TR_ExpressionAttributeValues,
    TR_ConsistentRead,
};
static const enum tr_member query_members[] = {
    TR_TableName,
    TR_IndexName,
    TR_AttributesToGet,
    TR_Limit,
    TR_Select,
    TR_QueryFilter,
    TR_KeyConditions,
    TR_ConditionalOperator,
    TR_ExclusiveStartKey,
    TR_ReturnConsumedCapacity,
    TR_ScanIndexForward,
    TR_KeyConditionExpression,
    TR_ProjectionExpression,
    TR_FilterExpression,
    TR_ExpressionAttributeNames,
    TR_ExpressionAttributeValues,
    TR_ConsistentRead,
};
#define SHAPE(list)                                                                                \
    {                                                                                              \
        list, sizeof list / sizeof list[0], NULL                                                   \
    }
static const struct tr_request_shape scan_shape = SHAPE(scan_members);
static const struct tr_request_shape query_shape = SHAPE(query_members);

static const enum tr_member scan_expressions[] = {TR_ProjectionExpression, TR_FilterExpression,
                                                  TR_MEMBER_COUNT};
static const enum tr_member scan_others[] = {TR_AttributesToGet, TR_ScanFilter,
                                             TR_ConditionalOperator, TR_MEMBER_COUNT};
static const enum tr_member query_expressions[] = {TR_ProjectionExpression, TR_FilterExpression,
                                                   TR_KeyConditionExpression, TR_MEMBER_COUNT};
static const enum tr_member query_others[] = {
    TR_AttributesToGet, TR_QueryFilter, TR_ConditionalOperator, TR_KeyConditions, TR_MEMBER_COUNT};
/* KeyConditions alone may stand beside the other expressions. */
static const enum tr_member filter_others[] = {TR_AttributesToGet, TR_QueryFilter,
                                               TR_ConditionalOperator, TR_MEMBER_COUNT};

/* One page on its way. */
struct page {
    struct tr_call *call;
    struct tr_request request;
    struct tr_expr expr;
    struct tr_local_table *table;
    struct tr_expr_node *filter;
    struct tr_projection projection; /* paths NULL: all is shown */
    struct tr_value start;           /* ExclusiveStartKey; ABSENT: from the beginning */
    struct tr_local_key start_key;
    uint64_t limit; /* UINT64_MAX: none */
    bool consistent;
    bool count_only;
    bool backward;

    const struct tr_local_index *index; /* the table's items; a stale read's own view of them */
    struct tr_local_index stale;        /* owned */
    struct tr_local_place place;        /* the next item; walking back: the one behind it */
    struct tr_local_item *last;         /* the last item looked at */
    uint64_t count;
    uint64_t scanned;
    uint64_t bytes;
    bool cut; /* by Limit or size: there may be more */
};

static enum tr_status invalid(struct page *page, const char *text)
{
    return tr_problem_set(&page->call->problem, TR_PROBLEM_VALIDATION, "%s", text);
}

/* --- what Query and Scan have in common of a request --- */

static enum tr_status check_common(struct page *page, struct tr_checks *checks)
{
    struct tr_call *call = page->call;
    const struct tr_request *request = &page->request;
    tr_check_word(call, checks, request, TR_Select, SELECT_WORDS);
    tr_check_least(call, checks, request, TR_TotalSegments, 1);
    tr_check_word(call, checks, request, TR_ReturnConsumedCapacity, "INDEXES, TOTAL, NONE");
    tr_check_table_name(call, checks, request);
    tr_check_word(call, checks, request, TR_ConditionalOperator, "OR, AND");
    tr_check_least(call, checks, request, TR_Segment, 0);
    tr_check_least(call, checks, request, TR_Limit, 1);
    return tr_check_end(call, checks);
}

static enum tr_status check_select(struct page *page)
{
    const struct tr_request *request = &page->request;
    const char *what = tr_request_has(request, TR_ProjectionExpression) ? "ProjectionExpression"
                       : tr_request_has(request, TR_AttributesToGet)    ? "AttributesToGet"
                                                                        : NULL;
    page->count_only = tr_request_is(request, TR_Select, "COUNT");
    if (tr_request_is(request, TR_Select, "ALL_PROJECTED_ATTRIBUTES")) {
        return invalid(page, "ALL_PROJECTED_ATTRIBUTES can be used only when Querying "
                             "using an IndexName");
    }
    if (tr_request_is(request, TR_Select, "SPECIFIC_ATTRIBUTES") && what == NULL) {
        return invalid(page, "Must specify the AttributesToGet or ProjectionExpression "
                             "when choosing to get SPECIFIC_ATTRIBUTES");
    }
    if (what != NULL && (page->count_only || tr_request_is(request, TR_Select, "ALL_ATTRIBUTES"))) {
        return tr_problem_set(&page->call->problem, TR_PROBLEM_VALIDATION,
                              "Cannot specify the %s when choosing to get %s", what,
                              page->count_only ? "only the Count" : "ALL_ATTRIBUTES");
    }
    return TR_OK;
}

static enum tr_status read_filter(struct page *page, enum tr_member old_name)
{
    struct tr_json old = page->request.member[old_name];
    struct tr_bytes text;
    bool any;
    enum tr_status status = tr_legacy_operator(
        &page->call->problem, page->request.member[TR_ConditionalOperator], old, &any);
    if (status != TR_OK) {
        return status;
    }
    if (old.doc != NULL) {
        return tr_legacy_conditions(&page->expr, old, any, &page->filter);
    }
    status = tr_request_text(page->call, &page->request, TR_FilterExpression, &text);
    return status == TR_OK && text.ptr != NULL
               ? tr_expr_condition(&page->expr, "FilterExpression", text, &page->filter)
               : status;
}

static enum tr_status read_projection(struct page *page)
{
    struct tr_bytes text;
    enum tr_status status;
    if (tr_request_has(&page->request, TR_AttributesToGet)) {
        return tr_legacy_projection(&page->expr, page->request.member[TR_AttributesToGet],
                                    &page->projection);
    }
    status = tr_request_text(page->call, &page->request, TR_ProjectionExpression, &text);
    return status == TR_OK && text.ptr != NULL
               ? tr_expr_projection(&page->expr, text, &page->projection)
               : status;
}

static enum tr_status begin_expressions(struct page *page)
{
    return tr_expr_begin(&page->expr, page->call->arena, &page->call->problem,
                         page->request.member[TR_ExpressionAttributeNames],
                         page->request.member[TR_ExpressionAttributeValues]);
}

static enum tr_status read_start(struct page *page)
{
    if (!tr_request_has(&page->request, TR_ExclusiveStartKey)) {
        return TR_OK;
    }
    return tr_value_parse_map(page->request.member[TR_ExclusiveStartKey], page->call->arena,
                              &page->start, &page->call->problem);
}

/* Put the service's words before what is wrong with the key. */
static enum tr_status wrong_start(struct tr_call *call)
{
    struct tr_bytes inner = tr_arena_copy(call->arena, tr_buf_bytes(&call->problem.message));
    if (inner.ptr == NULL) {
        return TR_ENOMEM;
    }
    return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                          "The provided starting key is invalid: %.*s", TR_FMT(inner));
}

/* The table, and what can be said about the request only with it. */
static enum tr_status open_table(struct page *page)
{
    struct tr_call *call = page->call;
    struct tr_bytes index;
    enum tr_status status = tr_access_table(call, page->request.member[TR_TableName], &page->table);
    if (status != TR_OK ||
        (status = tr_request_text(call, &page->request, TR_IndexName, &index)) != TR_OK) {
        return status;
    }
    if (index.ptr != NULL) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              "The table does not have the specified index: %.*s", TR_FMT(index));
    }
    if (page->start.type != TR_VALUE_ABSENT) {
        if ((status = tr_access_check_key(call, page->table, page->start)) != TR_OK) {
            return status == TR_EREFUSED ? wrong_start(call) : status;
        }
        page->start_key = tr_local_table_key(page->table, page->start);
    }
    page->consistent = tr_request_bool(&page->request, TR_ConsistentRead, false);
    page->limit = (uint64_t)tr_json_int(page->request.member[TR_Limit], -1);
    page->index = &page->table->items;
    if (call->stale_read && !page->consistent) {
        page->index = &page->stale;
        return tr_local_table_view_stale(call->local, page->table, &page->stale);
    }
    return TR_OK;
}

/* --- walking --- */

static enum tr_status show(struct page *page, struct tr_local_item *item)
{
    struct tr_value shown;
    enum tr_status status;
    if (page->count_only) {
        return TR_OK;
    }
    status = tr_access_show(page->call, &page->projection, tr_local_item_value(item), &shown);
    if (status == TR_OK) {
        tr_buf_add_str(page->call->out, page->count > 1 ? "," : "");
        tr_local_item_add_shown(item, shown, page->call->out);
        status = tr_buf_status(page->call->out);
    }
    return status;
}

/* Look at one item. */
static enum tr_status look(struct page *page, struct tr_local_item *item)
{
    bool holds;
    enum tr_status status;
    page->last = item;
    page->scanned++;
    page->bytes += tr_local_item_size(item);
    status = tr_eval_condition(page->filter, tr_local_item_value(item), page->call->arena, &holds);
    if (status == TR_OK && holds) {
        page->count++;
        status = show(page, item);
    }
    return status;
}

/* The next item of the walk, or NULL at its end. */
static struct tr_local_item *step(struct page *page)
{
    struct tr_local_item *item;
    if (page->backward) {
        return tr_local_index_back(page->index, &page->place)
                   ? tr_local_index_at(page->index, page->place)
                   : NULL;
    }
    item = tr_local_index_at(page->index, page->place);
    tr_local_index_next(page->index, &page->place);
    return item;
}

/* The item that crosses the line of 1 MB still belongs to the page, as in the service. */
static bool is_full(struct page *page)
{
    page->cut = page->scanned == page->limit || page->bytes >= PAGE_BYTES_MAX;
    return page->cut;
}

typedef bool (*within_fn)(const struct tr_local_item *item, const void *bounds);

static enum tr_status walk(struct page *page, within_fn within, const void *bounds)
{
    struct tr_local_item *item;
    enum tr_status status = TR_OK;

    tr_buf_add_str(page->call->out, page->count_only ? "{" : "{\"Items\":[");
    while (status == TR_OK && (item = step(page)) != NULL && within(item, bounds)) {
        if (is_full(page)) {
            break;
        }
        status = look(page, item);
    }
    if (page->scanned == page->limit) {
        page->cut = true;
    }
    return status;
}

static enum tr_status finish(struct page *page)
{
    struct tr_buf *out = page->call->out;
    enum tr_capacity capacity = tr_access_capacity(&page->request);

    tr_buf_add_str(out, page->count_only ? "\"Count\":" : "],\"Count\":");
    tr_buf_add_u64(out, page->count);
    tr_buf_add(out, TR_LIT(",\"ScannedCount\":"));
    tr_buf_add_u64(out, page->scanned);
    if (page->cut) {
        tr_buf_add_str(out, ",\"LastEvaluatedKey\":");
        tr_local_item_add_keys_json(page->table, page->last, out);
    }
    if (capacity != TR_CAPACITY_NONE) {
        tr_buf_add_str(out, ",\"ConsumedCapacity\":");
        tr_access_add_capacity(out, page->table, capacity,
                               tr_access_read_halves(page->bytes, page->consistent));
    }
    tr_buf_add_char(out, '}');
    return tr_buf_status(out);
}

/* --- Scan --- */

struct segment {
    const struct tr_local_table *table;
    uint64_t width; /* of a segment in hashes; 0: there is one, of all */
    uint64_t number;
};

static bool in_segment(const struct tr_local_item *item, const void *bounds)
{
    const struct segment *segment = bounds;
    return segment->width == 0 ||
           tr_local_item_hash(segment->table, item) / segment->width == segment->number;
}

static enum tr_status read_segment(struct page *page, struct segment *segment)
{
    const struct tr_request *request = &page->request;
    int64_t number = tr_json_int(request->member[TR_Segment], -1);
    int64_t total = tr_json_int(request->member[TR_TotalSegments], -1);

    if (number >= 0 && total < 0) {
        return invalid(page, "The TotalSegments parameter is required but was not present in the "
                             "request when Segment parameter is present");
    }
    if (total > SEGMENTS_MAX) {
        return tr_problem_set(&page->call->problem, TR_PROBLEM_VALIDATION,
                              "1 validation error detected: Value '%lld' at 'totalSegments' failed "
                              "to satisfy constraint: Member must have value less than or equal to "
                              "1000000",
                              (long long)total);
    }
    if (total > 0 && number < 0) {
        return invalid(page, "The Segment parameter is required but was not present in the request "
                             "when parameter TotalSegments is present");
    }
    if (total > 0 && number >= total) {
        return tr_problem_set(&page->call->problem, TR_PROBLEM_VALIDATION,
                              "The Segment parameter is zero-based and must be less than parameter "
                              "TotalSegments: Segment: %lld is not less than TotalSegments: %lld",
                              (long long)number, (long long)total);
    }
    segment->width = total > 1 ? UINT64_MAX / (uint64_t)total + 1 : 0;
    segment->number = number > 0 ? (uint64_t)number : 0;
    return TR_OK;
}

static enum tr_status place_scan(struct page *page, const struct segment *segment)
{
    struct tr_local_key from = {.rank = segment->width * segment->number};
    if (page->start.type != TR_VALUE_ABSENT) {
        from = page->start_key;
        from.after = true;
        if (segment->width != 0 && from.rank / segment->width != segment->number) {
            return tr_problem_set(
                &page->call->problem, TR_PROBLEM_VALIDATION,
                "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use "
                "ExclusiveStartKey with correct Segment. TotalSegments: %lld Segment: %llu",
                (long long)tr_json_int(page->request.member[TR_TotalSegments], 1),
                (unsigned long long)segment->number);
        }
    }
    (void)tr_local_index_find(page->index, page->table, &from, &page->place);
    return TR_OK;
}

static enum tr_status scan(struct page *page)
{
    struct tr_call *call = page->call;
    struct segment segment = {0};
    struct tr_checks checks = {0};
    enum tr_status status = tr_request_read(call, call->request, &scan_shape, &page->request);

    if (status != TR_OK || (status = check_common(page, &checks)) != TR_OK ||
        (status = tr_access_check_mix(call, &page->request, scan_expressions, scan_others)) !=
            TR_OK ||
        (status = read_start(page)) != TR_OK || (status = read_segment(page, &segment)) != TR_OK ||
        (status = begin_expressions(page)) != TR_OK ||
        (status = read_filter(page, TR_ScanFilter)) != TR_OK ||
        (status = read_projection(page)) != TR_OK || (status = tr_expr_end(&page->expr)) != TR_OK ||
        (status = check_select(page)) != TR_OK || (status = open_table(page)) != TR_OK ||
        (status = place_scan(page, &segment)) != TR_OK) {
        return status;
    }
    segment.table = page->table;
    status = walk(page, in_segment, &segment);
    return status == TR_OK ? finish(page) : status;
}

enum tr_status tr_op_scan(struct tr_call *call)
{
    struct page page = {.call = call};
    enum tr_status status = scan(&page);
    tr_local_index_deinit(&page.stale);
    return status;
}

/* --- Query --- */

static enum tr_status read_key_condition(struct page *page, struct tr_expr_node **out)
{
    struct tr_bytes text;
    enum tr_status status;
    *out = NULL;
    if (tr_request_has(&page->request, TR_KeyConditionExpression)) {
        status = tr_request_text(page->call, &page->request, TR_KeyConditionExpression, &text);
        return status == TR_OK ? tr_expr_condition(&page->expr, "KeyConditionExpression", text, out)
                               : status;
    }
    if (!tr_request_has(&page->request, TR_KeyConditions)) {
        return invalid(page, "Either the KeyConditions or KeyConditionExpression parameter must be "
                             "specified in the request.");
    }
    return tr_legacy_conditions(&page->expr, page->request.member[TR_KeyConditions], false, out);
}

/* Filters of Query may not look at the key. Bounded: the parser counts operators. */
static const struct tr_step *key_in_filter(const struct tr_local_table *table,
                                           const struct tr_expr_node *node)
{
    for (; node != NULL; node = node->next) {
        const struct tr_step *found = NULL;
        if (node->kind == TR_NODE_PATH) {
            const struct tr_step *step0 = &node->path.steps[0];
            bool range =
                table->range.name.ptr != NULL && tr_bytes_eq(step0->name, table->range.name);
            found = range || tr_bytes_eq(step0->name, table->hash.name) ? step0 : NULL;
        } else {
            found = key_in_filter(table, node->args);
        }
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

static enum tr_status check_filter(struct page *page)
{
    const struct tr_step *key = key_in_filter(page->table, page->filter);
    if (key == NULL) {
        return TR_OK;
    }
    return tr_problem_set(&page->call->problem, TR_PROBLEM_VALIDATION,
                          "%s can only contain non-primary key attributes: Primary key attribute: "
                          "%.*s",
                          tr_request_has(&page->request, TR_QueryFilter) ? "QueryFilter"
                                                                         : "Filter Expression",
                          TR_FMT(key->name));
}

static enum tr_status place_query(struct page *page, const struct tr_key_condition *condition)
{
    struct tr_local_key from = {0};
    if (page->start.type != TR_VALUE_ABSENT) {
        from = page->start_key;
        if (!tr_value_eq(from.hash, condition->hash)) {
            return invalid(page, "The provided starting key is outside query boundaries based on "
                                 "provided conditions");
        }
        if (!tr_key_condition_holds(condition, from.range)) {
            return invalid(page,
                           "The provided starting key does not match the range key predicate");
        }
        from.after = !page->backward;
    } else {
        enum tr_status status =
            tr_key_condition_edge(condition, page->backward, page->call->arena, &from);
        if (status != TR_OK) {
            return status;
        }
    }
    (void)tr_local_index_find(page->index, page->table, &from, &page->place);
    return TR_OK;
}

struct partition {
    const struct tr_local_table *table;
    const struct tr_key_condition *condition;
};

static bool in_partition(const struct tr_local_item *item, const void *bounds)
{
    const struct partition *partition = bounds;
    const struct tr_local_table *table = partition->table;
    struct tr_value range = {0};
    if (!tr_value_eq(tr_local_item_key(item, &table->hash), partition->condition->hash)) {
        return false;
    }
    if (table->range.name.ptr != NULL) {
        range = tr_local_item_key(item, &table->range);
    }
    return tr_key_condition_holds(partition->condition, range);
}

static enum tr_status check_query_mix(struct page *page)
{
    bool keys_only = tr_request_has(&page->request, TR_KeyConditions) &&
                     !tr_request_has(&page->request, TR_KeyConditionExpression);
    return tr_access_check_mix(page->call, &page->request, query_expressions,
                               keys_only ? filter_others : query_others);
}

static enum tr_status query(struct page *page)
{
    struct tr_call *call = page->call;
    struct tr_key_condition condition;
    struct partition partition;
    struct tr_expr_node *tree;
    struct tr_checks checks = {0};
    enum tr_status status = tr_request_read(call, call->request, &query_shape, &page->request);

    if (status != TR_OK || (status = check_common(page, &checks)) != TR_OK ||
        (status = check_query_mix(page)) != TR_OK || (status = read_start(page)) != TR_OK ||
        (status = begin_expressions(page)) != TR_OK ||
        (status = read_filter(page, TR_QueryFilter)) != TR_OK ||
        (status = read_key_condition(page, &tree)) != TR_OK ||
        (status = read_projection(page)) != TR_OK || (status = tr_expr_end(&page->expr)) != TR_OK ||
        (status = check_select(page)) != TR_OK || (status = open_table(page)) != TR_OK ||
        (status = check_filter(page)) != TR_OK ||
        (status = tr_key_condition_read(&call->problem, page->table, tree,
                                        tr_request_has(&page->request, TR_KeyConditions),
                                        &condition)) != TR_OK) {
        return status;
    }
    page->backward = !tr_request_bool(&page->request, TR_ScanIndexForward, true);
    if ((status = place_query(page, &condition)) != TR_OK) {
        return status;
    }
    partition = (struct partition){page->table, &condition};
    status = walk(page, in_partition, &partition);
    return status == TR_OK ? finish(page) : status;
}

enum tr_status tr_op_query(struct tr_call *call)
{
    struct page page = {.call = call};
    enum tr_status status = query(&page);
    tr_local_index_deinit(&page.stale);
    return status;
}
