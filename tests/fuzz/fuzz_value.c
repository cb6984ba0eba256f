/* SPDX-License-Identifier: Apache-2.0
 *
 * The DynamoDB JSON decoder: an item as a request may carry it. What is accepted must print as
 * valid DynamoDB JSON that is read back as the same item, of the same size. */
#include "base/assert.h"
#include "local/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reading {
    struct tr_json_doc doc;
    struct tr_arena arena;
    struct tr_problem problem;
    struct tr_value item;
};

static enum tr_status read_item(struct reading *reading, struct tr_bytes text)
{
    struct tr_err err = {{0}};
    if (tr_json_parse(&reading->doc, text, &err) != TR_OK ||
        tr_json_type(tr_json_root(&reading->doc)) != TR_JSON_OBJECT) {
        return TR_EPARSE;
    }
    return tr_value_parse_map(tr_json_root(&reading->doc), &reading->arena, &reading->item,
                              &reading->problem);
}

static void done(struct reading *reading)
{
    tr_json_deinit(&reading->doc);
    tr_arena_deinit(&reading->arena);
    tr_problem_deinit(&reading->problem);
}

/* Everything is reached by walking, and found again by its name or number. */
static void walk(struct tr_value container)
{
    struct tr_value_walk at;
    size_t count = 0;
    for (tr_value_walk(&at, container); tr_value_step(&at);) {
        if (container.type == TR_VALUE_M) {
            TR_ASSERT(tr_value_eq(tr_value_member(container, at.name), at.value));
        } else if (container.type == TR_VALUE_L) {
            TR_ASSERT(tr_value_eq(tr_value_element(container, count), at.value));
        } else if (tr_value_is_set(container.type)) {
            TR_ASSERT(tr_value_has(container, at.value.data));
        }
        if (count++ < 64) {
            walk(at.value);
        }
    }
    TR_ASSERT(count == tr_value_count(container));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reading first = {0}, again = {0};
    struct tr_buf printed = {0};

    if (read_item(&first, (struct tr_bytes){(const char *)data, size}) == TR_OK) {
        walk(first.item);
        tr_value_print_map(&printed, first.item);
        TR_ASSERT(!printed.failed);
        TR_ASSERT(read_item(&again, tr_buf_bytes(&printed)) == TR_OK);
        TR_ASSERT(tr_value_eq(first.item, again.item));
        TR_ASSERT(tr_value_map_size(first.item) == tr_value_map_size(again.item));
        TR_ASSERT(tr_value_depth(first.item) == tr_value_depth(again.item));
        done(&again);
    }
    tr_buf_deinit(&printed);
    done(&first);
    return 0;
}
