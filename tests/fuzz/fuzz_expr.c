/* SPDX-License-Identifier: Apache-2.0
 *
 * The expression parser and evaluator. Input: an expression, which is read as a condition, as an
 * update and as a projection; each that is accepted is run on an item that has something of every
 * type. */
#include "base/assert.h"
#include "local/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAMES "{\"#a\":\"a\",\"#s\":\"s\",\"#x\":\"no such.name\",\"#m\":\"m\",\"#k\":\"k\"}"
#define VALUES                                                                                     \
    "{\":n\":{\"N\":\"1\"},\":big\":{\"N\":\"9.9999999999999999999999999999999999999E+125\"},"     \
    "\":s\":{\"S\":\"hello\"},\":e\":{\"S\":\"\"},\":b\":{\"B\":\"AAEC\"},\":t\":{\"BOOL\":true}," \
    "\":l\":{\"L\":[{\"N\":\"1\"},{\"S\":\"x\"}]},\":m\":{\"M\":{\"x\":{\"N\":\"1\"}}},"           \
    "\":ss\":{\"SS\":[\"a\",\"c\"]},\":ns\":{\"NS\":[\"1\",\"3\"]},\":bs\":{\"BS\":[\"AA==\"]},"   \
    "\":null\":{\"NULL\":true},\":type\":{\"S\":\"SS\"}}"
#define ITEM                                                                                       \
    "{\"k\":{\"S\":\"u\"},\"a\":{\"N\":\"1\"},\"s\":{\"S\":\"hello\"},\"b\":{\"B\":\"AAEC\"},"     \
    "\"t\":{\"BOOL\":true},\"l\":{\"L\":[{\"N\":\"1\"},{\"N\":\"2\"},{\"L\":[{\"S\":\"w\"}]}]},"   \
    "\"m\":{\"M\":{\"x\":{\"N\":\"1\"},\"y\":{\"L\":[{\"M\":{\"z\":{\"S\":\"w\"}}}]}}},"           \
    "\"ss\":{\"SS\":[\"a\",\"b\"]},\"ns\":{\"NS\":[\"1\",\"2\"]},\"bs\":{\"BS\":[\"AA==\"]},"      \
    "\"null\":{\"NULL\":true}}"
#define KEY "{\"k\":{\"S\":\"u\"}}"

/* What is fixed, read once. */
struct fixture {
    struct tr_json_doc names, values;
    struct tr_arena arena;
    struct tr_value item, key;
};

static struct tr_value item_of(struct fixture *f, const char *text)
{
    struct tr_json_doc doc = {0};
    struct tr_problem problem = {0};
    struct tr_err err = {{0}};
    struct tr_value out;
    TR_ASSERT(tr_json_parse(&doc, tr_bytes_of(text), &err) == TR_OK);
    TR_ASSERT(tr_value_parse_map(tr_json_root(&doc), &f->arena, &out, &problem) == TR_OK);
    tr_json_deinit(&doc);
    tr_problem_deinit(&problem);
    return out;
}

static void prepare(struct fixture *f)
{
    struct tr_err err = {{0}};
    TR_ASSERT(tr_json_parse(&f->names, TR_LIT(NAMES), &err) == TR_OK);
    TR_ASSERT(tr_json_parse(&f->values, TR_LIT(VALUES), &err) == TR_OK);
    f->item = item_of(f, ITEM);
    f->key = item_of(f, KEY);
}

/* A refusal has words; nothing else but a success may come out. */
static bool accepted(enum tr_status status, const struct tr_problem *problem)
{
    TR_ASSERT(status == TR_OK || (status == TR_EREFUSED && problem->message.len > 0));
    return status == TR_OK;
}

static void try_condition(struct fixture *f, struct tr_expr *expr, struct tr_bytes text)
{
    struct tr_expr_node *node = NULL;
    bool first = false, again = false, of_nothing = false;
    if (accepted(tr_expr_condition(expr, "ConditionExpression", text, &node), expr->problem)) {
        struct tr_value nothing = {.type = TR_VALUE_ABSENT};
        TR_ASSERT(tr_eval_condition(node, f->item, expr->arena, &first) == TR_OK);
        TR_ASSERT(tr_eval_condition(node, f->item, expr->arena, &again) == TR_OK);
        TR_ASSERT(first == again);
        TR_ASSERT(tr_eval_condition(node, nothing, expr->arena, &of_nothing) == TR_OK);
    }
}

static void try_update(struct fixture *f, struct tr_expr *expr, struct tr_bytes text)
{
    struct tr_action *actions = NULL;
    struct tr_value out, nothing = {.type = TR_VALUE_ABSENT};
    struct tr_buf printed = {0};
    if (!accepted(tr_expr_update(expr, text, &actions), expr->problem)) {
        return;
    }
    if (accepted(tr_eval_update(actions, f->item, f->key, expr->arena, expr->problem, &out),
                 expr->problem)) {
        tr_value_print_map(&printed, out);
        TR_ASSERT(out.type == TR_VALUE_M && !printed.failed);
        tr_buf_deinit(&printed);
    }
    tr_problem_reset(expr->problem);
    (void)accepted(tr_eval_update(actions, nothing, f->key, expr->arena, expr->problem, &out),
                   expr->problem);
}

static void try_projection(struct fixture *f, struct tr_expr *expr, struct tr_bytes text)
{
    struct tr_projection projection = {0};
    struct tr_value out;
    if (accepted(tr_expr_projection(expr, text, &projection), expr->problem)) {
        TR_ASSERT(tr_eval_projection(&projection, f->item, expr->arena, &out) == TR_OK);
        TR_ASSERT(tr_value_map_size(out) <= tr_value_map_size(f->item));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct fixture *, struct tr_expr *,
                                 struct tr_bytes) = {try_condition, try_update, try_projection};
    static struct fixture fixture;
    struct tr_bytes text = {(const char *)data, size};
    size_t i;

    if (fixture.names.count == 0) {
        prepare(&fixture);
    }
    for (i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        struct tr_arena arena = {0};
        struct tr_problem problem = {0};
        struct tr_expr expr;
        TR_ASSERT(tr_expr_begin(&expr, &arena, &problem, tr_json_root(&fixture.names),
                                tr_json_root(&fixture.values)) == TR_OK);
        tries[i](&fixture, &expr, text);
        tr_arena_deinit(&arena);
        tr_problem_deinit(&problem);
    }
    return 0;
}
