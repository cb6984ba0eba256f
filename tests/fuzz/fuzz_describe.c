/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers of DescribeStream and of the calls beside it, and what the shard graph makes of them. The
 * input is cut at NUL bytes into answers; each goes to every decoder, and what is a listing goes on
 * into one graph, as complete, partial and filtered listing in turn, with a row for every create
 * that is proposed. */
#include "base/assert.h"
#include "base/mem.h"
#include "stream/shard_graph.h"

#define STEPS_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void give(struct tr_graph *graph, const struct tr_graph_event *event,
                 struct tr_graph_effects *effects)
{
    enum tr_status status = tr_graph_step(graph, event, effects);
    TR_ASSERT(status == TR_OK || status == TR_ELIMIT);
    TR_ASSERT(effects->create_count <= TR_GRAPH_CREATES_MAX);
}

/* Make what is proposed, one by one; the graph must come to an end by itself. */
static void make_rows(struct tr_graph *graph, struct tr_mono now, struct tr_graph_effects effects)
{
    size_t made;
    for (made = 0; effects.create_count > 0 && made < STEPS_MAX; made++) {
        const struct tr_graph_create *create = &effects.creates[made % effects.create_count];
        struct tr_graph_row row = {.key = create->key,
                                   .parent_count = create->parent_count,
                                   .checkpoint = made % 3 == 0 ? TR_SHARD_END : create->checkpoint,
                                   .without_parents = create->without_parents};
        struct tr_graph_event event = {
            .kind = TR_GRAPH_ROW, .now = now, .rows = &row, .row_count = 1};
        memcpy(row.parents, create->parents, sizeof row.parents);
        TR_ASSERT(tr_graph_shard(graph, create->key) != NULL);
        give(graph, &event, &effects);
        TR_ASSERT(made % 3 != 1 || !tr_graph_may_start(graph, TR_LIT("")));
    }
}

static void count_shard(void *ctx, const struct tr_shard *shard)
{
    size_t *count = ctx;
    TR_ASSERT(shard->id.len > 0);
    (*count)++;
}

static void feed_graph(struct tr_graph *graph, const struct tr_shard_list *list, unsigned turn)
{
    struct tr_graph_effects effects;
    struct tr_graph_event event = {
        .kind = turn % 3 == 2 ? TR_GRAPH_CHILDREN : TR_GRAPH_LISTED,
        .now = {(turn + 1) * (uint64_t)TR_NS_PER_S * 30},
        .list = list,
        .complete = turn % 3 == 0,
        .parent = list->count > 0 ? list->shards[0].id : TR_LIT("x"),
    };
    size_t i, walked = 0;
    give(graph, &event, &effects);
    make_rows(graph, event.now, effects);
    tr_graph_walk(graph, count_shard, &walked);
    for (i = 0; i < list->count; i++) {
        (void)tr_graph_may_start(graph, list->shards[i].id);
        (void)tr_graph_has_children(graph, list->shards[i].id);
    }
}

static void decode(struct tr_bytes body, struct tr_shard_list *list, struct tr_stream_list *streams,
                   struct tr_graph *graph, unsigned turn)
{
    struct tr_buf text = {0};
    struct tr_bytes region, table, label;
    struct tr_err err = {0};
    int64_t ms;
    if (tr_shard_list_add(list, body, &err) == TR_OK) {
        feed_graph(graph, list, turn);
    } else {
        TR_ASSERT(err.text[0] != 0);
    }
    (void)!tr_stream_list_add(streams, body, &err);
    (void)!tr_decode_shard_iterator(body, &text, &err);
    (void)!tr_decode_latest_stream(body, &text, &err);
    (void)tr_shard_id_ms(body, &ms);
    (void)tr_stream_arn_parts(body, &region, &table, &label);
    tr_buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tr_bytes rest = {(const char *)data, size};
    struct tr_shard_list list = {0};
    struct tr_stream_list streams = {0};
    struct tr_graph_effects effects;
    struct tr_graph *graph;
    unsigned turn;
    if (size == 0 || tr_graph_new(1000, &graph) != TR_OK) {
        return 0;
    }
    give(graph, &(struct tr_graph_event){.kind = TR_GRAPH_ROWS, .now = {1}}, &effects);
    for (turn = 0; rest.ptr != NULL && turn < 20; turn++) {
        struct tr_bytes body = tr_bytes_cut(&rest, 0);
        if (body.len > 0 && body.ptr[0] == '!') { /* the next listing begins */
            tr_shard_list_deinit(&list);
            body.ptr++;
            body.len--;
        }
        decode(body, &list, &streams, graph, turn);
    }
    tr_graph_free(graph);
    tr_shard_list_deinit(&list);
    tr_stream_list_deinit(&streams);
    return 0;
}
