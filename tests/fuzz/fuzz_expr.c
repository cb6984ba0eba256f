/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a condition, an update or a projection: it is read or refused with a message; what
 * is read runs against an item, and what an update gives is an item in canonical form. */
#include "base/assert.h"
#include "local/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char item_text[] =
    "{\"k\":{\"S\":\"u\"},\"a\":{\"N\":\"1\"},\"s\":{\"S\":\"hello\"},\"b\":{\"B\":\"AAEC\"},"
    "\"t\":{\"BOOL\":true},\"l\":{\"L\":[{\"N\":\"1\"},{\"L\":[{\"M\":{\"x\":{\"S\":\"y\"}}}]},"
    "{\"S\":\"z\"}]},\"m\":{\"M\":{\"x\":{\"N\":\"1\"},\"y\":{\"L\":[{\"M\":{\"z\":{\"S\":\"w\"}}}]"
    "}}},\"ss\":{\"SS\":[\"a\",\"b\"]},\"ns\":{\"NS\":[\"1\",\"2\"]}}";
static const char names_text[] = "{\"#n\":\"name with blanks\",\"#a\":\"a\",\"#m\":\"m\"}";
static const char values_text[] =
    "{\":n\":{\"N\":\"-1.5\"},\":s\":{\"S\":\"he\"},\":l\":{\"L\":[{\"S\":\"e\"}]},\":m\":{\"M\":{"
    "\"x\":{\"N\":\"9\"}}},\":ss\":{\"SS\":[\"b\",\"c\"]},\":ns\":{\"NS\":[\"2\",\"3\"]},\":t\":{"
    "\"BOOL\":false},\":ty\":{\"S\":\"N\"},\":big\":{\"N\":\"9e125\"},\":b\":{\"B\":\"AA==\"}}";

struct inputs {
    struct tr_json_doc item;
    struct tr_json_doc names;
    struct tr_json_doc values;
};

static void check_canonical(struct tr_value item, struct tr_arena *arena)
{
    struct tr_buf printed = {0};
    struct tr_json_doc doc = {0};
    struct tr_problem problem = {0};
    struct tr_value again;
    tr_value_print_map(&printed, item);
    TR_ASSERT(tr_json_parse(&doc, tr_buf_bytes(&printed), NULL) == TR_OK);
    TR_ASSERT(tr_value_parse_map(tr_json_root(&doc), arena, &again, &problem) == TR_OK);
    TR_ASSERT(tr_value_eq(item, again));
    tr_problem_deinit(&problem);
    tr_json_deinit(&doc);
    tr_buf_deinit(&printed);
}

static enum tr_status run(struct tr_expr *expr, unsigned kind, struct tr_bytes text,
                          struct tr_value item)
{
    struct tr_node *condition = NULL;
    struct tr_action *actions = NULL;
    struct tr_projection projection;
    struct tr_value result;
    bool holds;
    enum tr_status status;

    switch (kind) {
    case 0:
        status = tr_expr_condition(expr, "ConditionExpression", text, &condition);
        return status == TR_OK ? tr_eval_condition(condition, item, expr->arena, &holds) : status;
    case 1:
        status = tr_expr_update(expr, text, &actions);
        if (status == TR_OK) {
            status = tr_eval_update(actions, item, item, expr->arena, expr->problem, &result);
        }
        break;
    default:
        status = tr_expr_projection(expr, text, &projection);
        if (status == TR_OK) {
            status = tr_eval_projection(&projection, item, expr->arena, &result);
        }
    }
    if (status == TR_OK) {
        check_canonical(result, expr->arena);
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct inputs in = {{{0}, NULL, 0, 0}, {{0}, NULL, 0, 0}, {{0}, NULL, 0, 0}};
    struct tr_arena arena = {0};
    struct tr_problem problem = {0};
    struct tr_expr expr;
    struct tr_value item;
    enum tr_status status;

    if (size == 0) {
        return 0;
    }
    TR_ASSERT(tr_json_parse(&in.item, tr_bytes_of(item_text), NULL) == TR_OK);
    TR_ASSERT(tr_json_parse(&in.names, tr_bytes_of(names_text), NULL) == TR_OK);
    TR_ASSERT(tr_json_parse(&in.values, tr_bytes_of(values_text), NULL) == TR_OK);
    TR_ASSERT(tr_value_parse_map(tr_json_root(&in.item), &arena, &item, &problem) == TR_OK);
    TR_ASSERT(tr_expr_begin(&expr, &arena, &problem, tr_json_root(&in.names),
                            tr_json_root(&in.values)) == TR_OK);
    status = run(&expr, data[0] % 3, (struct tr_bytes){(const char *)data + 1, size - 1}, item);
    TR_ASSERT(status == TR_OK || (status == TR_EREFUSED && problem.message.len > 0));
    tr_problem_deinit(&problem);
    tr_arena_deinit(&arena);
    tr_json_deinit(&in.item);
    tr_json_deinit(&in.names);
    tr_json_deinit(&in.values);
    return 0;
}
