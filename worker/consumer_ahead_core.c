/* SPDX-License-Identifier: Apache-2.0
 *
 * Iterators asked for ahead of the lease: while the end of a shard is being written, for its
 * children, which this worker takes next. When the take is answered the first page can be asked for
 * at once. An iterator reads nothing; one that is not used is dropped. */
#include "worker/consumer_parts.h"

#include "base/mem.h"

#define AHEAD_MAX 64u
/* The service keeps an iterator for 15 minutes. */
#define KEEP_MS 240000u

struct ahead {
    uint64_t number;        /* of the call */
    struct tr_position at;  /* the shard's first number */
    struct tr_mono asked;   /* when */
    struct tr_buf iterator; /* owned; empty: not answered */
};

static void free_ahead(struct ahead *ahead)
{
    tr_buf_deinit(&ahead->iterator);
    tr_free(ahead);
}

void tr_consumer_ahead_deinit(struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&c->ahead); entry != NULL; entry = tr_map_next(entry)) {
        free_ahead(tr_map_value(entry));
    }
    tr_map_deinit(&c->ahead);
}

static void drop_old(struct tr_consumer *c)
{
    struct tr_map_entry *entry = tr_map_first(&c->ahead);
    while (entry != NULL) {
        struct tr_map_entry *next = tr_map_next(entry);
        struct ahead *ahead = tr_map_value(entry);
        if (tr_mono_reached(c->now, tr_mono_add_ms(ahead->asked, KEEP_MS))) {
            (void)tr_map_remove(&c->ahead, tr_map_key(entry));
            free_ahead(ahead);
        }
        entry = next;
    }
}

/* Whether the shard is a child of one that this worker holds and has read to its end. */
static bool ends_here(const struct tr_consumer *c, const struct tr_lease_write *create)
{
    size_t i;
    for (i = 0; i < create->parent_count; i++) {
        const struct slot *slot = tr_map_get(&c->by_key, create->parents[i]);
        if (slot != NULL && slot->ended && !slot->gapped) {
            return true;
        }
    }
    return false;
}

void tr_consumer_ahead_ask(struct tr_consumer *c, const struct tr_lease_write *create)
{
    struct ahead *ahead;
    struct tr_position first;
    struct tr_buf *body;
    drop_old(c);
    if (create->position.kind != TR_POSITION_TRIM_HORIZON || create->without_parents ||
        !ends_here(c, create) || tr_consumer_first_number(c, create->key, &first).ptr == NULL ||
        tr_map_count(&c->ahead) >= AHEAD_MAX || tr_map_get(&c->ahead, create->key) != NULL) {
        return;
    }
    ahead = tr_calloc(1, sizeof *ahead);
    if (ahead == NULL || tr_map_set(&c->ahead, create->key, ahead) != TR_OK) {
        tr_free(ahead);
        return; /* the reader asks, when it is there */
    }
    *ahead = (struct ahead){.number = ++c->ahead_ops, .at = first, .asked = c->now};
    body = tr_consumer_call(c, tr_consumer_op(OP_AHEAD, NULL, ahead->number), TR_AWS_STREAMS,
                            TR_AWS_CONTROL, "GetShardIterator", 1, 0);
    if (body != NULL) {
        tr_encode_get_shard_iterator(body, tr_buf_bytes(&c->arn), create->key, &first, true);
    }
}

/* A call that failed leaves nothing behind: the reader asks again. */
void tr_consumer_ahead_answer(struct tr_consumer *c, uint64_t number, struct tr_aws_answer *answer)
{
    struct tr_map_entry *entry = tr_map_first(&c->ahead);
    while (entry != NULL && ((const struct ahead *)tr_map_value(entry))->number != number) {
        entry = tr_map_next(entry);
    }
    if (entry != NULL && answer->status == TR_OK) {
        struct ahead *ahead = tr_map_value(entry);
        if (tr_decode_shard_iterator(tr_buf_bytes(&answer->body), &ahead->iterator, NULL) !=
            TR_OK) {
            tr_buf_reset(&ahead->iterator);
        }
    }
}

void tr_consumer_ahead_take(struct tr_consumer *c, struct tr_bytes shard,
                            const struct tr_position *at, struct tr_buf *iterator)
{
    struct ahead *ahead;
    drop_old(c);
    ahead = tr_map_remove(&c->ahead, shard);
    if (ahead == NULL) {
        return;
    }
    if (tr_position_cmp(&ahead->at, at) == 0 && !ahead->iterator.failed) {
        tr_buf_deinit(iterator);
        *iterator = ahead->iterator;
        ahead->iterator = (struct tr_buf){0};
    }
    free_ahead(ahead);
}
