/* SPDX-License-Identifier: Apache-2.0
 *
 * How a consumer learns of shards: complete listings, seldom, as the net, and at the end of a shard
 * CHILD_SHARDS, asked until there is an answer. What they mean is the shard graph's business. */
#include "worker/consumer_parts.h"

#include "base/err.h"

/* A full listing is the net under CHILD_SHARDS: seldom, except when something is missing. */
#define LISTING_EVERY_MS (5u * 60u * 1000u)
#define LISTING_WANTED_MS 10000u
#define LISTING_WANTED_ONCE_MS 1000u
#define LISTING_BACKOFF_MAX_MS 10000u
/* DescribeStream is limited to ten calls a second an account; we use at most a few of them. */
#define LISTING_FREE_PAGES 4u
#define LISTING_PAGE_MS 200u
#define LISTING_NEXT_PAGE_MS 500u
#define CHILDREN_BACKOFF_MAX_MS 5000u

void tr_consumer_want_listing(struct tr_consumer *c)
{
    struct listing *listing = &c->listing;
    uint64_t gap_ms = c->options.once ? LISTING_WANTED_ONCE_MS : LISTING_WANTED_MS;
    struct tr_mono soon = tr_mono_max(c->now, tr_mono_add_ms(listing->begun, gap_ms));
    if (!listing->active && !c->streams.lost) {
        listing->next = tr_mono_min(listing->next, soon);
    }
}

bool tr_consumer_child_due(const struct tr_consumer *c, struct tr_bytes key,
                           const struct row_info *info)
{
    return info->ended && !info->foreign && c->stream_status != TR_STREAM_DISABLED &&
           !tr_graph_has_children(c->graph, key) && tr_graph_shard(c->graph, key) != NULL;
}

/* Ended shards whose children are not known yet, while the stream lives: listed again soon. */
static void watch_leaves(struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&c->rows); entry != NULL; entry = tr_map_next(entry)) {
        if (tr_consumer_child_due(c, tr_map_key(entry), tr_map_value(entry))) {
            tr_consumer_want_listing(c);
            return;
        }
    }
}

/* The first page of a new listing, or the next one. */
void tr_consumer_list(struct tr_consumer *c)
{
    struct listing *listing = &c->listing;
    struct tr_buf *body;
    struct tr_bytes after = {NULL, 0};

    if (!listing->active) {
        tr_shard_list_deinit(&listing->list);
        listing->begun = c->now;
        listing->calls = 0;
        listing->number++;
        listing->active = true;
    } else {
        after = tr_buf_bytes(&listing->list.last_evaluated);
    }
    body = tr_consumer_call(c, tr_consumer_op(OP_LIST, NULL, listing->number), TR_AWS_STREAMS,
                            TR_AWS_CONTROL, "DescribeStream", 0, 0);
    if (body != NULL) {
        tr_encode_describe_stream(body, tr_buf_bytes(&c->arn),
                                  after.len > 0 ? after : (struct tr_bytes){NULL, 0},
                                  (struct tr_bytes){NULL, 0});
        listing->calls++;
        listing->next = TR_MONO_NEVER;
    }
}

void tr_consumer_forget_listing(struct tr_consumer *c)
{
    struct listing *listing = &c->listing;
    listing->active = false;
    listing->complete_once = false;
    listing->failures = 0;
    listing->next = c->now;
}

static void listing_failed(struct tr_consumer *c, enum tr_status status, const struct tr_err *err)
{
    struct listing *listing = &c->listing;

    if (status == TR_ENOTFOUND) {
        tr_consumer_stream_missing(c);
    }
    if (!listing->complete_once && !c->streams.further &&
        !tr_consumer_may_pass(status, listing->failures)) {
        tr_consumer_fail(c, status, "consumer '%s': list the stream's shards: %s", c->options.name,
                         err->text);
    }
    tr_consumer_note(c, TR_NOTE_STREAM_WAITING, (struct tr_bytes){NULL, 0}, 0, 0,
                     tr_bytes_of(err->text));
    /* A listing that broke off is begun anew: its first pages may be old by now. */
    listing->active = false;
    listing->next = tr_mono_add_ms(
        c->now, tr_consumer_backoff_ms(c, listing->failures++, LISTING_BACKOFF_MAX_MS));
}

static void note_new_shards(struct tr_consumer *c, const struct tr_shard_list *list)
{
    size_t i;
    for (i = 0; i < list->count; i++) {
        const struct tr_shard *shard = &list->shards[i];
        if (tr_graph_shard(c->graph, shard->id) == NULL) {
            tr_consumer_note(c, TR_NOTE_SHARD_FOUND, shard->id, 0, 0,
                             shard->parent_count > 0 ? shard->parents[0]
                                                     : (struct tr_bytes){NULL, 0});
        }
    }
}

static void listing_complete(struct tr_consumer *c)
{
    struct listing *listing = &c->listing;
    struct tr_graph_event event = {.kind = TR_GRAPH_LISTED,
                                   .now = c->now,
                                   .begun = listing->begun,
                                   .list = &listing->list,
                                   .complete = true};
    listing->active = false;
    listing->failures = 0;
    listing->complete_once = true;
    listing->complete_begun = listing->begun;
    c->streams.missing = false;
    listing->next = tr_mono_add_ms(c->now, LISTING_EVERY_MS);
    c->stream_status = listing->list.status;
    note_new_shards(c, &listing->list);
    tr_consumer_note(c, TR_NOTE_LISTING_DONE, (struct tr_bytes){NULL, 0}, listing->list.count,
                     listing->calls, (struct tr_bytes){NULL, 0});
    tr_consumer_graph_event(c, &event);
    watch_leaves(c);
}

void tr_consumer_list_answer(struct tr_consumer *c, uint64_t number, struct tr_aws_answer *answer)
{
    struct listing *listing = &c->listing;
    struct tr_err err = answer->err;
    enum tr_status status = answer->status;
    uint64_t wait_ms;

    if (!listing->active || number != listing->number) {
        return;
    }
    if (status == TR_OK) {
        status = tr_shard_list_add(&listing->list, tr_buf_bytes(&answer->body), &err);
    }
    if (status != TR_OK) {
        listing_failed(c, status == TR_EPARSE ? TR_ECORRUPT : status, &err);
        return;
    }
    if (listing->list.last_evaluated.len == 0 && listing->list.count == 0 &&
        listing->list.status != TR_STREAM_DISABLED) {
        /* A stream that is on has a shard that is open: this listing lags behind. Taken for
         * complete it would end a run with `once`, and the next one would come minutes later. */
        (void)tr_fail(&err, TR_ECORRUPT, "the listing shows no shard yet");
        listing_failed(c, TR_ECORRUPT, &err);
        return;
    }
    if (listing->list.last_evaluated.len == 0) {
        listing_complete(c);
        return;
    }
    wait_ms = listing->calls < LISTING_FREE_PAGES ? 0
              : listing->complete_once            ? LISTING_NEXT_PAGE_MS
                                                  : LISTING_PAGE_MS;
    listing->next = tr_mono_add_ms(c->now, wait_ms);
}

/* The answer to CHILD_SHARDS of an ended shard. No child yet is no answer: asked again. */
void tr_consumer_children_answer(struct tr_consumer *c, struct slot *slot,
                                 struct tr_aws_answer *answer)
{
    struct tr_shard_list list = {0};
    struct tr_graph_event event = {.kind = TR_GRAPH_CHILDREN,
                                   .now = c->now,
                                   .begun = slot->children_at,
                                   .list = &list,
                                   .parent = tr_bytes_of(slot->key)};
    if (slot->children != CHILDREN_ASKING) {
        return;
    }
    slot->children = CHILDREN_NOT_ASKED;
    slot->children_at = tr_mono_add_ms(
        c->now, tr_consumer_backoff_ms(c, slot->children_tries++, CHILDREN_BACKOFF_MAX_MS));
    if (answer->status == TR_OK &&
        tr_shard_list_add(&list, tr_buf_bytes(&answer->body), NULL) == TR_OK) {
        c->stream_status = list.status;
        note_new_shards(c, &list);
        tr_consumer_graph_event(c, &event);
        if (tr_graph_has_children(c->graph, event.parent) || list.status == TR_STREAM_DISABLED) {
            slot->children = CHILDREN_KNOWN;
        }
    } else if (answer->status == TR_ENOTFOUND) {
        slot->children = CHILDREN_KNOWN; /* the stream is gone: nothing can follow */
    }
    tr_shard_list_deinit(&list);
}
