/* SPDX-License-Identifier: Apache-2.0
 *
 * The judge's own lineage: which shard came from which, which are closed, trimmed, gone, and
 * whether all that came before a shard is done. */
#include "base/mem.h"
#include "tests/sim/judge_parts.h"
#include "tests/sim/scan.h"

#include <stdlib.h>

#define SHARD_ID_BYTES 80

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
    if (number < judge->shard_count) {
        return; /* told before */
    }
    judge_room(&judge->shards, &judge->shard_cap, number + 1, sizeof(struct shard *));
    made = tr_calloc(1, sizeof *made);
    if (made == NULL) {
        abort();
    }
    *made = (struct shard){.name = judge->shard_names.names[number],
                           .stream = judge_names_add(&judge->stream_names, tr_bytes_of(stream)),
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

static bool is_among(const size_t *list, size_t count, size_t worker)
{
    size_t i;
    for (i = 0; i < count && list[i] != worker; i++) {
    }
    return i < count;
}

bool judge_was_asked(const struct shard *shard, size_t worker)
{
    return is_among(shard->asked_by, shard->asked_count, worker);
}

bool judge_was_shown(const struct shard *shard, size_t worker)
{
    return is_among(shard->shown_to, shard->shown_count, worker);
}

static void add_worker(size_t **list, size_t *count, size_t *cap, size_t worker)
{
    if (!is_among(*list, *count, worker)) {
        judge_room(list, cap, *count + 1, sizeof **list);
        (*list)[(*count)++] = worker;
    }
}

static void show_child(size_t worker, size_t parent, struct shard *child)
{
    size_t i;
    for (i = 0; i < child->parent_count; i++) {
        if (child->parents[i] == parent) {
            add_worker(&child->shown_to, &child->shown_count, &child->shown_cap, worker);
        }
    }
}

void judge_children(struct judge *judge, size_t worker, const char *parent, const char *body)
{
    static const char *const path[] = {"StreamDescription", "Shards", NULL};
    size_t number = judge_names_find(&judge->shard_names, tr_bytes_of(parent)), i;
    struct scan scan = scan_begin(scan_path(tr_bytes_of(body), path));
    struct shard *shard = number != NOBODY ? judge->shards[number] : NULL, *child;
    struct tr_bytes element;
    char id[SHARD_ID_BYTES];
    if (shard == NULL) {
        return;
    }
    add_worker(&shard->asked_by, &shard->asked_count, &shard->asked_cap, worker);
    for (i = 0; i < shard->child_count; i++) {
        if (judge_was_shown(judge->shards[shard->children[i]], worker)) {
            return;
        }
    }
    while (scan_element(&scan, &element)) {
        if (scan_string(scan_get(element, "ShardId"), id, sizeof id) &&
            (child = judge_shard_of(judge, tr_bytes_of(id))) != NULL) {
            show_child(worker, number, child);
        }
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

void judge_free_before(struct judge *judge, size_t stream)
{
    size_t i;
    for (i = 0; i < judge->shard_count; i++) {
        struct shard *shard = judge->shards[i];
        if (shard->stream < stream) {
            shard->free_to = shard->record_count;
            judge_settle(shard);
        }
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
        shard->records[i].early = at - shard->records[i].at < judge->options.retention_ms &&
                                  shard->row.checkpoint.kind < PLACE_NUMBER;
        shard->records[i].swept = shard->records[i].early && to == shard->record_count;
    }
    shard->trimmed_to = to > shard->trimmed_to ? to : shard->trimmed_to;
    if (!judge->any_row) {
        shard->free_to = shard->trimmed_to; /* the fleet has not begun: nobody knew of these */
    }
    judge_settle(shard);
}
