/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as an item in DynamoDB JSON: it is read or refused with a message; what is read prints
 * as JSON that reads as the same item again. */
#include "base/assert.h"
#include "local/item.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read an item from JSON text; false when it is refused. */
static bool read_item(struct tr_bytes text, struct tr_arena *arena, struct tr_value *out)
{
    struct tr_json_doc doc = {0};
    struct tr_problem problem = {0};
    enum tr_status status = tr_json_parse(&doc, text, NULL);
    if (status == TR_OK) {
        status = tr_value_parse_map(tr_json_root(&doc), arena, out, &problem);
        if (status == TR_EREFUSED) {
            TR_ASSERT(problem.message.len > 0);
            TR_ASSERT(problem.code == TR_PROBLEM_VALIDATION ||
                      problem.code == TR_PROBLEM_SERIALIZATION);
        } else {
            TR_ASSERT(status == TR_OK);
            /* the views may lie in the text: keep the packed form */
            out->data = tr_arena_copy(arena, out->data);
        }
    }
    tr_problem_deinit(&problem);
    tr_json_deinit(&doc);
    return status == TR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tr_arena arena = {0};
    struct tr_value item, again;
    struct tr_buf printed = {0};

    if (read_item((struct tr_bytes){(const char *)data, size}, &arena, &item)) {
        TR_ASSERT(tr_value_depth(item) <= TR_VALUE_DEPTH_MAX);
        tr_value_print_map(&printed, item);
        TR_ASSERT(read_item(tr_buf_bytes(&printed), &arena, &again));
        TR_ASSERT(tr_value_eq(item, again));
        TR_ASSERT(tr_value_map_size(item) == tr_value_map_size(again));
    }
    tr_buf_deinit(&printed);
    tr_arena_deinit(&arena);
    return 0;
}
