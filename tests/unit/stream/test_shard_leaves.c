/* SPDX-License-Identifier: Apache-2.0
 *
 * A first start at the leaves only: which rows the shard graph proposes then. */
#include "stream/shard_graph.h"
#include "tests/support/test.h"

#define SHARDS_MAX 16

struct listed {
    const char *id;
    const char *parent; /* NULL: none */
};

static struct tr_mono now = {1000 * TR_NS_PER_S};

/* Take a listing, an event of rows, or both in; returns what is proposed: ids, "!" for the mark of
 * a row without its parents, "?" for a gap. */
static const char *step(struct tr_graph *graph, const struct tr_graph_event *event)
{
    static char said[256];
    struct tr_graph_event stamped = *event;
    struct tr_graph_effects effects;
    size_t i, len = 0;
    now = tr_mono_add_ms(now, 1000);
    stamped.now = now;
    assert_int_equal(tr_graph_step(graph, &stamped, &effects), TR_OK);
    said[0] = '\0';
    for (i = 0; i < effects.create_count; i++) {
        const struct tr_graph_create *create = &effects.creates[i];
        len += (size_t)snprintf(said + len, sizeof said - len, "%s%.*s%s%s", i > 0 ? " " : "",
                                TR_FMT(create->key), create->without_parents ? "!" : "",
                                create->gap ? "?" : "");
    }
    return said;
}

static const char *list(struct tr_graph *graph, const struct listed *shards, size_t count)
{
    struct tr_shard items[SHARDS_MAX];
    struct tr_shard_list all = {.shards = items, .count = count, .status = TR_STREAM_ENABLED};
    size_t i;
    memset(items, 0, sizeof items);
    for (i = 0; i < count; i++) {
        items[i].id = tr_bytes_of(shards[i].id);
        items[i].starting = TR_LIT("1");
        if (shards[i].parent != NULL) {
            items[i].parents[items[i].parent_count++] = tr_bytes_of(shards[i].parent);
        }
    }
    return step(graph,
                &(struct tr_graph_event){.kind = TR_GRAPH_LISTED, .list = &all, .complete = true});
}

static const char *empty_table(struct tr_graph *graph, bool leaves_only)
{
    return step(graph, &(struct tr_graph_event){.kind = TR_GRAPH_ROWS, .leaves_only = leaves_only});
}

static const char *row(struct tr_graph *graph, const char *id, const char *parent, bool alone)
{
    struct tr_graph_row row = {
        .key = tr_bytes_of(id), .checkpoint = TR_TRIM_HORIZON, .without_parents = alone};
    if (parent != NULL) {
        row.parents[row.parent_count++] = tr_bytes_of(parent);
    }
    return step(graph,
                &(struct tr_graph_event){.kind = TR_GRAPH_ROW, .rows = &row, .row_count = 1});
}

static struct tr_graph *begin(void)
{
    struct tr_graph *graph = NULL;
    assert_int_equal(tr_graph_new(100, &graph), TR_OK);
    return graph;
}

static const struct listed first[] = {{"a", NULL}, {"b", "a"}, {"c", "a"}, {"x", NULL}};
/* c has split since, and x. */
static const struct listed later[] = {{"a", NULL}, {"b", "a"}, {"c", "a"}, {"x", NULL},
                                      {"d", "c"},  {"e", "c"}, {"y", "x"}};
#define LIST(graph, shards) list(graph, shards, sizeof(shards) / sizeof(shards)[0])

static void test_leaves__get_rows_and_nothing_before_them(void **state)
{
    struct tr_graph *graph = begin();
    (void)state;
    assert_string_equal(empty_table(graph, true), "");
    assert_string_equal(LIST(graph, first), "b! c! x!");
    assert_string_equal(row(graph, "b", "a", true), "c! x!");
    assert_string_equal(row(graph, "x", NULL, true), "c!");
    assert_string_equal(row(graph, "c", "a", true), "");
    assert_true(tr_graph_settled(graph));
    assert_true(tr_graph_may_start(graph, TR_LIT("b")));
    assert_true(tr_graph_may_start(graph, TR_LIT("c")));
    tr_graph_free(graph);
}

static void test_leaves__are_those_of_the_first_listing_whatever_comes_later(void **state)
{
    struct tr_graph *graph = begin();
    (void)state;
    (void)empty_table(graph, true);
    assert_string_equal(LIST(graph, first), "b! c! x!");
    assert_string_equal(LIST(graph, later), "b! c! x!");
    assert_string_equal(row(graph, "c", "a", true), "b! d e x!");
    assert_string_equal(row(graph, "x", NULL, true), "b! d e y");
    tr_graph_free(graph);
}

static void test_leaves__are_all_shards_once_a_row_is_there(void **state)
{
    struct tr_graph *graph = begin();
    struct tr_graph_row row = {.key = TR_LIT("x"), .checkpoint = TR_TRIM_HORIZON};
    (void)state;
    (void)empty_table(graph, true);
    (void)step(graph,
               &(struct tr_graph_event){.kind = TR_GRAPH_ROWS, .rows = &row, .row_count = 1});
    assert_string_equal(LIST(graph, first), "a");
    tr_graph_free(graph);
    graph = begin();
    (void)empty_table(graph, false);
    assert_string_equal(LIST(graph, first), "a! x!");
    tr_graph_free(graph);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves__get_rows_and_nothing_before_them),
        cmocka_unit_test(test_leaves__are_those_of_the_first_listing_whatever_comes_later),
        cmocka_unit_test(test_leaves__are_all_shards_once_a_row_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
