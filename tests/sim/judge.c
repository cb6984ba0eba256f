/* SPDX-License-Identifier: Apache-2.0
 *
 * The judge's frame: names and their numbers, the workers' lives, verdicts. */
#include "base/mem.h"
#include "tests/sim/judge_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_MAX 1024
#define WORKERS_MAX 1000000u

/* ---- memory and names ---- */

void judge_room(void *array, size_t *cap, size_t want, size_t size)
{
    if (!tr_grow(array, cap, want, size)) {
        abort();
    }
}

void judge_names_deinit(struct names *names)
{
    size_t i;
    for (i = 0; i < names->count; i++) {
        tr_free(names->names[i]);
    }
    tr_free(names->names);
    tr_free(names->slots);
    *names = (struct names){0};
}

/* The slot of a name, or the free one where it belongs. */
static size_t slot_of(const struct names *names, struct tr_bytes name)
{
    size_t mask = names->slot_count - 1;
    size_t slot = (size_t)tr_bytes_hash(name) & mask;
    while (names->slots[slot] != 0) {
        const char *there = names->names[names->slots[slot] - 1];
        if (strlen(there) == name.len && memcmp(there, name.ptr, name.len) == 0) {
            break;
        }
        slot = (slot + 1) & mask;
    }
    return slot;
}

size_t judge_names_find(const struct names *names, struct tr_bytes name)
{
    uint32_t found = names->slot_count > 0 ? names->slots[slot_of(names, name)] : 0;
    return found > 0 ? found - 1 : NOBODY;
}

static void rehash(struct names *names)
{
    size_t i;
    tr_free(names->slots);
    names->slot_count = names->slot_count > 0 ? names->slot_count * 2 : 64;
    names->slots = tr_calloc(names->slot_count, sizeof *names->slots);
    if (names->slots == NULL) {
        abort();
    }
    for (i = 0; i < names->count; i++) {
        names->slots[slot_of(names, tr_bytes_of(names->names[i]))] = (uint32_t)i + 1;
    }
}

size_t judge_names_add(struct names *names, struct tr_bytes name)
{
    size_t found = judge_names_find(names, name);
    if (found != NOBODY) {
        return found;
    }
    if ((names->count + 1) * 2 > names->slot_count) {
        rehash(names);
    }
    judge_room(&names->names, &names->cap, names->count + 1, sizeof *names->names);
    names->names[names->count] = tr_memdup(name.ptr, name.len);
    if (names->names[names->count] == NULL) {
        abort();
    }
    names->slots[slot_of(names, name)] = (uint32_t)names->count + 1;
    return names->count++;
}

/* ---- life ---- */

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

struct judge *judge_new(const struct judge_options *options)
{
    struct judge *judge = tr_calloc(1, sizeof *judge);
    struct judge_options *mine;
    if (judge == NULL) {
        abort();
    }
    mine = &judge->options;
    *mine = *options;
    mine->lease_table = tr_strdup(options->lease_table);
    mine->retention_ms = or_default(mine->retention_ms, 24 * 3600 * 1000ull);
    mine->children_hold_ms = or_default(mine->children_hold_ms, 30000);
    mine->describes_per_minute_base = or_default(mine->describes_per_minute_base, 60);
    mine->lease_reads_per_hour_max = or_default(mine->lease_reads_per_hour_max, NEVER);
    mine->lease_writes_per_hour_max = or_default(mine->lease_writes_per_hour_max, NEVER);
    mine->records_per_second_max = or_default(mine->records_per_second_max, 5);
    mine->idle_ms = or_default(mine->idle_ms, 15000);
    mine->discover_ms = or_default(mine->discover_ms, 180000);
    mine->drain_ms = or_default(mine->drain_ms, NEVER);
    mine->released_ms = or_default(mine->released_ms, NEVER);
    mine->changes_max = or_default(mine->changes_max, 3);
    judge->start = NEVER;
    return judge;
}

static void free_shard(struct shard *shard)
{
    tr_free(shard->children);
    tr_free(shard->asked_by);
    tr_free(shard->shown_to);
    tr_free(shard->records);
    tr_free(shard->gaps);
    tr_free(shard->holds);
    tr_free(shard);
}

void judge_free(struct judge *judge)
{
    size_t i;
    for (i = 0; i < judge->shard_count; i++) {
        free_shard(judge->shards[i]);
    }
    for (i = 0; i < judge->item_count; i++) {
        tr_free(judge->items[i].versions);
    }
    judge_names_deinit(&judge->shard_names);
    judge_names_deinit(&judge->stream_names);
    judge_names_deinit(&judge->ids);
    tr_free(judge->shards);
    tr_free(judge->active);
    tr_free(judge->id_worker);
    tr_free(judge->workers);
    tr_free(judge->items);
    tr_free(judge->counts);
    tr_free(judge->faults);
    tr_free((void *)(uintptr_t)judge->options.lease_table);
    tr_free(judge);
}

void judge_fail(struct judge *judge, const char *check, const char *fmt, ...)
{
    char why[WHY_MAX];
    va_list args;
    if (judge->is_wrong) {
        return;
    }
    judge->is_wrong = true;
    va_start(args, fmt);
    (void)vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    if (judge->options.wrong != NULL) {
        judge->options.wrong(judge->options.ctx, check, why);
    }
}

/* ---- workers ---- */

struct worker *judge_worker_of(struct judge *judge, size_t worker)
{
    if (worker >= WORKERS_MAX) {
        return NULL;
    }
    if (worker >= judge->worker_count) {
        judge_room(&judge->workers, &judge->worker_cap, worker + 1, sizeof *judge->workers);
        memset(&judge->workers[judge->worker_count], 0,
               (worker + 1 - judge->worker_count) * sizeof *judge->workers);
        judge->worker_count = worker + 1;
    }
    return &judge->workers[worker];
}

const char *judge_worker_id(const struct judge *judge, size_t worker)
{
    if (worker < judge->worker_count && judge->workers[worker].id != NULL) {
        return judge->workers[worker].id;
    }
    return worker == NOBODY ? "nobody" : "a stranger";
}

bool judge_is_kcl(const struct judge *judge, size_t worker)
{
    return worker < judge->worker_count && judge->workers[worker].kcl;
}

uint64_t judge_failover_of(const struct judge *judge, size_t worker)
{
    uint64_t ms = worker < judge->worker_count ? judge->workers[worker].failover_ms : 0;
    return ms > 0 ? ms : judge->options.failover_ms;
}

void judge_failover(struct judge *judge, size_t worker, uint64_t failover_ms)
{
    judge_worker_of(judge, worker)->failover_ms = failover_ms;
}

static void set_alive(struct judge *judge, struct worker *worker, bool alive)
{
    if (worker->alive != alive) {
        judge->live += alive ? 1 : SIZE_MAX;
        judge->live_kcl += !worker->kcl ? 0 : alive ? 1 : SIZE_MAX;
        worker->alive = alive;
    }
}

static void start(struct judge *judge, size_t index, const char *id, bool kcl)
{
    struct worker *worker = judge_worker_of(judge, index);
    size_t number = judge_names_add(&judge->ids, tr_bytes_of(id));
    judge_room(&judge->id_worker, &judge->id_cap, number + 1, sizeof *judge->id_worker);
    judge->id_worker[number] = index;
    set_alive(judge, worker, false);
    *worker = (struct worker){.id = judge->ids.names[number], .known = true, .kcl = kcl};
    set_alive(judge, worker, true);
    judge->kcl_count += kcl;
}

void judge_worker(struct judge *judge, uint64_t at, size_t index, enum judge_worker_event event,
                  const char *id, bool kcl)
{
    struct worker *worker = judge_worker_of(judge, index);
    if (judge->is_wrong || worker == NULL) {
        return;
    }
    switch (event) {
    case JUDGE_STARTED:
        start(judge, index, id, kcl);
        break;
    case JUDGE_STOPPING:
        worker->stopping = true;
        break;
    case JUDGE_ENDED:
        if (!worker->stopping && !judge->options.once) {
            judge_fail(judge, "ended-early", "worker '%s' ended of itself at %llu ms", worker->id,
                       (unsigned long long)at);
        }
        set_alive(judge, worker, false);
        break;
    case JUDGE_FAILED:
        if (!judge->options.may_fail) {
            judge_fail(judge, "worker-failed", "worker '%s' ended with an error at %llu ms",
                       worker->id, (unsigned long long)at);
        }
        set_alive(judge, worker, false);
        break;
    case JUDGE_CRASHED:
        set_alive(judge, worker, false);
        break;
    case JUDGE_PAUSED:
    case JUDGE_WOKEN:
        worker->paused = event == JUDGE_PAUSED;
        break;
    }
    judge_disturbed(judge, at);
}

void judge_fault(struct judge *judge, uint64_t at, const char *kind)
{
    judge->listing_fault_at = strstr(kind, "listing") != NULL ? at : judge->listing_fault_at;
    judge_room(&judge->faults, &judge->fault_cap, judge->fault_count + 1, sizeof *judge->faults);
    judge->faults[judge->fault_count++] = at;
}

uint64_t judge_repeats(const struct judge *judge)
{
    return judge->repeats;
}
