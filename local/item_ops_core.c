/* SPDX-License-Identifier: Apache-2.0
 *
 * PutItem, UpdateItem, DeleteItem, GetItem. A write first reads its request, then decides, then
 * writes its answer, and last makes the change: nothing fails after it. */
#include "local/access.h"
#include "local/legacy.h"
#include "local/ops.h"

#define INVALID "One or more parameter values were invalid: "
#define RETURN_VALUES "ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW"

static const enum tr_member put_members[] = {
    TR_TableName,
    TR_Item,
    TR_ConditionExpression,
    TR_ConditionalOperator,
    TR_Expected,
    TR_ExpressionAttributeNames,
    TR_ExpressionAttributeValues,
    TR_ReturnConsumedCapacity,
    TR_ReturnItemCollectionMetrics,
    TR_ReturnValues,
    TR_ReturnValuesOnConditionCheckFailure,
};
static const enum tr_member update_members[] = {
    TR_TableName,
    TR_Key,
    TR_UpdateExpression,
    TR_AttributeUpdates,
    TR_ConditionExpression,
    TR_ConditionalOperator,
    TR_Expected,
    TR_ExpressionAttributeNames,
    TR_ExpressionAttributeValues,
    TR_ReturnConsumedCapacity,
    TR_ReturnItemCollectionMetrics,
    TR_ReturnValues,
    TR_ReturnValuesOnConditionCheckFailure,
};
static const enum tr_member delete_members[] = {
    TR_TableName,
    TR_Key,
    TR_ConditionExpression,
    TR_ConditionalOperator,
    TR_Expected,
    TR_ExpressionAttributeNames,
    TR_ExpressionAttributeValues,
    TR_ReturnConsumedCapacity,
    TR_ReturnItemCollectionMetrics,
    TR_ReturnValues,
    TR_ReturnValuesOnConditionCheckFailure,
};
static const enum tr_member get_members[] = {
    TR_TableName,
    TR_Key,
    TR_ConsistentRead,
    TR_ProjectionExpression,
    TR_AttributesToGet,
    TR_ExpressionAttributeNames,
    TR_ReturnConsumedCapacity,
};

#define SHAPE(list)                                                                                \
    {                                                                                              \
        list, sizeof list / sizeof list[0], NULL                                                   \
    }
static const struct tr_request_shape put_shape = SHAPE(put_members);
static const struct tr_request_shape update_shape = SHAPE(update_members);
static const struct tr_request_shape delete_shape = SHAPE(delete_members);
static const struct tr_request_shape get_shape = SHAPE(get_members);

static const enum tr_member condition_only[] = {TR_ConditionExpression, TR_MEMBER_COUNT};
static const enum tr_member update_expressions[] = {TR_UpdateExpression, TR_ConditionExpression,
                                                    TR_MEMBER_COUNT};
static const enum tr_member projection_only[] = {TR_ProjectionExpression, TR_MEMBER_COUNT};
static const enum tr_member old_conditions[] = {TR_Expected, TR_ConditionalOperator,
                                                TR_MEMBER_COUNT};
static const enum tr_member old_updates[] = {TR_AttributeUpdates, TR_Expected,
                                             TR_ConditionalOperator, TR_MEMBER_COUNT};
static const enum tr_member old_projections[] = {TR_AttributesToGet, TR_MEMBER_COUNT};

/* One write on its way. */
struct write {
    struct tr_call *call;
    struct tr_request request;
    struct tr_expr expr;
    struct tr_expr_node *condition;
    struct tr_action *actions;
    struct tr_local_table *table;
    struct tr_value given; /* the item, or the key */
    struct tr_local_key key;
    struct tr_local_item *old;
};

/* --- reading the request --- */

static enum tr_status check_write(struct write *w, enum tr_member map,
                                  const enum tr_member *expressions, const enum tr_member *others)
{
    struct tr_call *call = w->call;
    struct tr_checks checks = {0};
    enum tr_status status;

    tr_check_word(call, &checks, &w->request, TR_ReturnConsumedCapacity, "INDEXES, TOTAL, NONE");
    tr_check_table_name(call, &checks, &w->request);
    tr_check_word(call, &checks, &w->request, TR_ReturnValuesOnConditionCheckFailure,
                  "ALL_OLD, NONE");
    tr_check_word(call, &checks, &w->request, TR_ReturnItemCollectionMetrics, "SIZE, NONE");
    tr_check_word(call, &checks, &w->request, TR_ReturnValues, RETURN_VALUES);
    tr_check_given(call, &checks, &w->request, map);
    tr_check_word(call, &checks, &w->request, TR_ConditionalOperator, "OR, AND");
    if ((status = tr_check_end(call, &checks)) != TR_OK) {
        return status;
    }
    return tr_access_check_mix(call, &w->request, expressions, others);
}

/* PutItem and DeleteItem know only the old item. */
static enum tr_status check_old_only(struct write *w)
{
    if (tr_request_has(&w->request, TR_ReturnValues) &&
        !tr_request_is(&w->request, TR_ReturnValues, "ALL_OLD") &&
        !tr_request_is(&w->request, TR_ReturnValues, "NONE")) {
        return tr_problem_set(&w->call->problem, TR_PROBLEM_VALIDATION,
                              "ReturnValues can only be ALL_OLD or NONE");
    }
    return TR_OK;
}

static enum tr_status read_update(struct write *w)
{
    struct tr_bytes text;
    enum tr_status status;
    if (tr_request_has(&w->request, TR_AttributeUpdates)) {
        return tr_legacy_updates(&w->expr, w->request.member[TR_AttributeUpdates], &w->actions);
    }
    status = tr_request_text(w->call, &w->request, TR_UpdateExpression, &text);
    return status == TR_OK && text.ptr != NULL ? tr_expr_update(&w->expr, text, &w->actions)
                                               : status;
}

static enum tr_status read_condition(struct write *w)
{
    struct tr_json expected = w->request.member[TR_Expected];
    struct tr_bytes text;
    bool any;
    enum tr_status status = tr_legacy_operator(
        &w->call->problem, w->request.member[TR_ConditionalOperator], expected, &any);
    if (status != TR_OK) {
        return status;
    }
    if (expected.doc != NULL) {
        return tr_legacy_expected(&w->expr, expected, any, &w->condition);
    }
    status = tr_request_text(w->call, &w->request, TR_ConditionExpression, &text);
    return status == TR_OK && text.ptr != NULL
               ? tr_expr_condition(&w->expr, "ConditionExpression", text, &w->condition)
               : status;
}

static enum tr_status read_expressions(struct write *w)
{
    enum tr_status status = tr_expr_begin(&w->expr, w->call->arena, &w->call->problem,
                                          w->request.member[TR_ExpressionAttributeNames],
                                          w->request.member[TR_ExpressionAttributeValues]);
    if (status == TR_OK) {
        status = read_update(w);
    }
    if (status == TR_OK) {
        status = read_condition(w);
    }
    return status == TR_OK ? tr_expr_end(&w->expr) : status;
}

static enum tr_status find_old(struct write *w)
{
    w->key = tr_local_table_key(w->table, w->given);
    w->old = tr_local_table_get(w->table, &w->key);
    return TR_OK;
}

/* --- deciding --- */

static enum tr_status refuse(struct write *w)
{
    struct tr_problem *problem = &w->call->problem;
    enum tr_status status =
        tr_problem_set(problem, TR_PROBLEM_CONDITION, "The conditional request failed");
    if (status == TR_EREFUSED && w->old != NULL && !w->call->no_all_old &&
        tr_request_is(&w->request, TR_ReturnValuesOnConditionCheckFailure, "ALL_OLD")) {
        tr_buf_add_str(&problem->members, "\"Item\":");
        tr_local_item_add_json(w->old, &problem->members);
        return tr_buf_status(&problem->members) == TR_OK ? status : TR_ENOMEM;
    }
    return status;
}

static enum tr_status decide(struct write *w)
{
    bool holds;
    enum tr_status status =
        tr_eval_condition(w->condition, tr_local_item_value(w->old), w->call->arena, &holds);
    return status == TR_OK && !holds ? refuse(w) : status;
}

/* --- answering and writing --- */

/* Attributes (ABSENT: none are shown; `shown`: of this item, if of any) and consumed capacity. */
static void add_answer(struct write *w, struct tr_value attributes,
                       const struct tr_local_item *shown, uint64_t new_bytes)
{
    struct tr_buf *out = w->call->out;
    enum tr_capacity capacity = tr_access_capacity(&w->request);
    bool first = true;
    if (attributes.type != TR_VALUE_ABSENT) {
        tr_access_add_name(out, &first, "Attributes");
        tr_local_item_add_shown(shown, attributes, out);
    }
    if (capacity != TR_CAPACITY_NONE) {
        tr_access_add_name(out, &first, "ConsumedCapacity");
        tr_access_add_capacity(out, w->table, capacity,
                               tr_access_write_halves(tr_local_item_size(w->old), new_bytes));
    }
    tr_buf_add_str(out, first ? "{}" : "}");
}

static enum tr_status finish(struct write *w, struct tr_local_item *item)
{
    enum tr_status status = tr_buf_status(w->call->out);
    if (status == TR_OK) {
        status = tr_local_table_write(w->call->local, w->table, &w->key, item, false);
    }
    tr_local_item_release(item);
    return status;
}

static struct tr_value old_if_asked(const struct write *w)
{
    return tr_request_is(&w->request, TR_ReturnValues, "ALL_OLD") ? tr_local_item_value(w->old)
                                                                  : (struct tr_value){0};
}

enum tr_status tr_op_put_item(struct tr_call *call)
{
    struct write w = {.call = call};
    struct tr_local_item *item;
    enum tr_status status = tr_request_read(call, call->request, &put_shape, &w.request);

    if (status != TR_OK ||
        (status = check_write(&w, TR_Item, condition_only, old_conditions)) != TR_OK ||
        (status = tr_value_parse_map(w.request.member[TR_Item], call->arena, &w.given,
                                     &call->problem)) != TR_OK ||
        (status = check_old_only(&w)) != TR_OK) {
        return status;
    }
    if (tr_value_map_size(w.given) > TR_ITEM_SIZE_MAX) {
        return tr_problem_set(&call->problem, TR_PROBLEM_VALIDATION,
                              "Item size has exceeded the maximum allowed size");
    }
    if ((status = read_expressions(&w)) != TR_OK ||
        (status = tr_access_table(call, w.request.member[TR_TableName], &w.table)) != TR_OK ||
        (status = tr_access_check_item(call, w.table, w.given)) != TR_OK ||
        (status = find_old(&w)) != TR_OK || (status = decide(&w)) != TR_OK) {
        return status;
    }
    if ((item = tr_local_item_new(w.given)) == NULL) {
        return TR_ENOMEM;
    }
    add_answer(&w, old_if_asked(&w), w.old, item->size);
    return finish(&w, item);
}

enum tr_status tr_op_delete_item(struct tr_call *call)
{
    struct write w = {.call = call};
    enum tr_status status = tr_request_read(call, call->request, &delete_shape, &w.request);

    if (status != TR_OK ||
        (status = check_write(&w, TR_Key, condition_only, old_conditions)) != TR_OK ||
        (status = tr_value_parse_map(w.request.member[TR_Key], call->arena, &w.given,
                                     &call->problem)) != TR_OK ||
        (status = check_old_only(&w)) != TR_OK || (status = read_expressions(&w)) != TR_OK ||
        (status = tr_access_table(call, w.request.member[TR_TableName], &w.table)) != TR_OK ||
        (status = tr_access_check_key(call, w.table, w.given)) != TR_OK ||
        (status = find_old(&w)) != TR_OK || (status = decide(&w)) != TR_OK) {
        return status;
    }
    add_answer(&w, old_if_asked(&w), w.old, 0);
    return finish(&w, NULL);
}

/* --- UpdateItem --- */

static enum tr_status check_no_key(struct write *w)
{
    const struct tr_action *action;
    for (action = w->actions; action != NULL; action = action->next) {
        struct tr_bytes name = action->path.steps[0].name;
        if (tr_bytes_eq(name, w->table->hash.name) ||
            (w->table->range.name.ptr != NULL && tr_bytes_eq(name, w->table->range.name))) {
            return tr_problem_set(&w->call->problem, TR_PROBLEM_VALIDATION,
                                  INVALID "Cannot update attribute %.*s. This attribute is part of "
                                          "the key",
                                  TR_FMT(name));
        }
    }
    return TR_OK;
}

/* The part of an item that the actions' paths show; ABSENT when that is nothing. */
static enum tr_status updated_part(struct write *w, struct tr_value item, struct tr_value *out)
{
    struct tr_projection projection = {0};
    const struct tr_action *action;
    enum tr_status status;

    for (action = w->actions; action != NULL; action = action->next) {
        projection.count++;
    }
    projection.paths =
        tr_arena_alloc(w->call->arena, (projection.count + 1) * sizeof *projection.paths);
    if (projection.paths == NULL) {
        return TR_ENOMEM;
    }
    projection.count = 0;
    for (action = w->actions; action != NULL; action = action->next) {
        projection.paths[projection.count++] = action->path;
    }
    status = tr_eval_projection(&projection, item, w->call->arena, out);
    if (status == TR_OK && out->data.len == 0) {
        *out = (struct tr_value){0};
    }
    return status;
}

static enum tr_status pick_attributes(struct write *w, struct tr_value item, struct tr_value *out)
{
    *out = (struct tr_value){0};
    if (tr_request_is(&w->request, TR_ReturnValues, "ALL_NEW")) {
        *out = item;
    } else if (tr_request_is(&w->request, TR_ReturnValues, "UPDATED_NEW")) {
        return updated_part(w, item, out);
    } else if (tr_request_is(&w->request, TR_ReturnValues, "UPDATED_OLD")) {
        return updated_part(w, tr_local_item_value(w->old), out);
    } else {
        *out = old_if_asked(w);
    }
    return TR_OK;
}

static enum tr_status apply(struct write *w)
{
    struct tr_value map, attributes;
    struct tr_local_item *item;
    enum tr_status status = tr_eval_update(w->actions, tr_local_item_value(w->old), w->given,
                                           w->call->arena, &w->call->problem, &map);
    if (status != TR_OK) {
        return status;
    }
    if (tr_value_map_size(map) > TR_ITEM_SIZE_MAX) {
        return tr_problem_set(&w->call->problem, TR_PROBLEM_VALIDATION,
                              "Item size to update has exceeded the maximum allowed size");
    }
    if ((status = pick_attributes(w, map, &attributes)) != TR_OK) {
        return status;
    }
    if ((item = tr_local_item_new(map)) == NULL) {
        return TR_ENOMEM;
    }
    if ((status = tr_local_table_keep_text(w->call->local, w->table, item)) != TR_OK) {
        tr_local_item_release(item);
        return status;
    }
    if (attributes.data.ptr == map.data.ptr) {
        attributes = tr_local_item_value(item);
        add_answer(w, attributes, item, item->size);
    } else {
        add_answer(w, attributes, w->old, item->size);
    }
    return finish(w, item);
}

enum tr_status tr_op_update_item(struct tr_call *call)
{
    struct write w = {.call = call};
    enum tr_status status = tr_request_read(call, call->request, &update_shape, &w.request);

    if (status != TR_OK ||
        (status = check_write(&w, TR_Key, update_expressions, old_updates)) != TR_OK ||
        (status = tr_value_parse_map(w.request.member[TR_Key], call->arena, &w.given,
                                     &call->problem)) != TR_OK ||
        (status = read_expressions(&w)) != TR_OK ||
        (status = tr_access_table(call, w.request.member[TR_TableName], &w.table)) != TR_OK ||
        (status = tr_access_check_key(call, w.table, w.given)) != TR_OK ||
        (status = check_no_key(&w)) != TR_OK || (status = find_old(&w)) != TR_OK ||
        (status = decide(&w)) != TR_OK) {
        return status;
    }
    return apply(&w);
}

/* --- GetItem --- */

static enum tr_status check_get(struct tr_call *call, const struct tr_request *request)
{
    struct tr_checks checks = {0};
    enum tr_status status;
    tr_check_word(call, &checks, request, TR_ReturnConsumedCapacity, "INDEXES, TOTAL, NONE");
    tr_check_table_name(call, &checks, request);
    tr_check_given(call, &checks, request, TR_Key);
    if ((status = tr_check_end(call, &checks)) != TR_OK) {
        return status;
    }
    return tr_access_check_mix(call, request, projection_only, old_projections);
}

enum tr_status tr_op_get_item(struct tr_call *call)
{
    struct tr_request request;
    struct tr_projection projection;
    struct tr_local_table *table;
    struct tr_local_item *item;
    struct tr_local_key key;
    struct tr_value map, shown;
    bool consistent, first = true;
    enum tr_status status = tr_request_read(call, call->request, &get_shape, &request);

    if (status != TR_OK || (status = check_get(call, &request)) != TR_OK ||
        (status = tr_value_parse_map(request.member[TR_Key], call->arena, &map, &call->problem)) !=
            TR_OK ||
        (status = tr_access_projection(call, &request, &projection)) != TR_OK ||
        (status = tr_access_table(call, request.member[TR_TableName], &table)) != TR_OK ||
        (status = tr_access_check_key(call, table, map)) != TR_OK) {
        return status;
    }
    key = tr_local_table_key(table, map);
    consistent = tr_request_bool(&request, TR_ConsistentRead, false);
    item = tr_access_read(call, table, &key, consistent);
    if (item != NULL) {
        if ((status = tr_access_show(call, &projection, tr_local_item_value(item), &shown)) !=
            TR_OK) {
            return status;
        }
        tr_access_add_name(call->out, &first, "Item");
        tr_local_item_add_shown(item, shown, call->out);
    }
    if (tr_access_capacity(&request) != TR_CAPACITY_NONE) {
        tr_access_add_name(call->out, &first, "ConsumedCapacity");
        tr_access_add_capacity(call->out, table, tr_access_capacity(&request),
                               tr_access_read_halves(tr_local_item_size(item), consistent));
    }
    tr_buf_add_str(call->out, first ? "{}" : "}");
    return tr_buf_status(call->out);
}
