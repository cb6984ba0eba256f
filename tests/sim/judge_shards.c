/* SPDX-License-Identifier: Apache-2.0
 *
 * The judge's own lineage: which shard came from which, which are closed, trimmed, gone, and
 * whether all that came before a shard is done. */
#include "base/mem.h"
#include "tests/sim/judge_parts.h"

#include <stdlib.h>

struct shard *judge_shard_of(const struct judge *judge, struct tr_bytes name)
{
    size_t number = judge_names_find(&judge->shard_names, name);
    return number != NOBODY ? judge->shards[number] : NULL;
}

static void add_parent(struct judge *judge, size_t number, const char *parent)
{
    struct shard *shard = judge->shards[number], *above;
    size_t found =
        parent != NULL ? judge_names_find(&judge->shard_names, tr_bytes_of(parent)) : NOBODY;
    if (found == NOBODY || shard->parent_count == PARENTS_MAX) {
        return;
    }
    above = judge->shards[found];
    shard->parents[shard->parent_count++] = found;
    judge_room(&above->children, &above->child_cap, above->child_count + 1,
               sizeof *above->children);
    above->children[above->child_count++] = number;
}

void judge_shard(struct judge *judge, uint64_t at, const char *stream, const char *shard,
                 const char *parent, const char *other_parent)
{
    size_t number = judge_names_add(&judge->shard_names, tr_bytes_of(shard));
    struct shard *made;
    (void)stream;
    if (number < judge->shard_count) {
        return; /* told before */
    }
    judge_room(&judge->shards, &judge->shard_cap, number + 1, sizeof(struct shard *));
    made = tr_calloc(1, sizeof *made);
    if (made == NULL) {
        abort();
    }
    *made = (struct shard){.name = judge->shard_names.names[number],
                           .born = at,
                           .last_owner = NOBODY,
                           .reader = NOBODY,
                           .listed = true,
                           .row = {.owner = NOBODY}};
    judge->shards[number] = made;
    judge->shard_count++;
    add_parent(judge, number, parent);
    add_parent(judge, number, other_parent);
    judge_room(&judge->active, &judge->active_cap, judge->active_count + 1, sizeof(size_t));
    judge->active[judge->active_count++] = number;
}

void judge_shard_closed(struct judge *judge, uint64_t at, const char *name)
{
    struct shard *shard = judge_shard_of(judge, tr_bytes_of(name));
    (void)at;
    if (shard != NULL) {
        shard->closed = true;
    }
}

bool judge_complete(struct judge *judge, struct shard *shard)
{
    if (!shard->complete && shard->closed && shard->settled == shard->record_count) {
        shard->complete = judge_parents_done(judge, shard);
    }
    return shard->complete;
}

bool judge_parents_done(struct judge *judge, struct shard *shard)
{
    size_t i;
    for (i = 0; i < shard->parent_count && !shard->parents_done; i++) {
        if (!judge_complete(judge, judge->shards[shard->parents[i]])) {
            return false;
        }
    }
    shard->parents_done = true;
    return true;
}

void judge_free_all(struct judge *judge)
{
    size_t i;
    for (i = 0; i < judge->shard_count; i++) {
        struct shard *shard = judge->shards[i];
        shard->free_to = shard->record_count;
        judge_settle(shard);
    }
}

void judge_trimmed(struct judge *judge, uint64_t at, const char *name, const char *up_to)
{
    struct shard *shard = judge_shard_of(judge, tr_bytes_of(name));
    struct number number;
    size_t to, i;
    if (judge->is_wrong || shard == NULL) {
        return;
    }
    to = shard->record_count;
    if (up_to == NULL) {
        shard->gone = true;
        shard->closed = true;
    } else if (judge_number_parse(tr_bytes_of(up_to), &number)) {
        to = judge_records_upto(shard, &number);
    }
    for (i = shard->trimmed_to; i < to; i++) {
        shard->records[i].trimmed_at = at;
        shard->records[i].unwatched = judge->live == 0;
    }
    shard->trimmed_to = to > shard->trimmed_to ? to : shard->trimmed_to;
    if (!judge->any_row) {
        shard->free_to = shard->trimmed_to; /* the fleet has not begun: nobody knew of these */
    }
    judge_settle(shard);
}
