/* SPDX-License-Identifier: Apache-2.0
 *
 * What must come about once the faults have stopped: every shard is read, leases are spread evenly
 * and stand still, and everything that was written is done. A worker that starts, stops or crashes
 * later sets the bounds back. */
#include "tests/sim/judge_parts.h"

/* A minute, and what a stale scan showed last. */
#define VANISHED_MS 70000u

#define U(x) ((unsigned long long)(x))

/* Takeovers take one and a half failover times, balance two more. */
static uint64_t takeover_due(const struct judge *judge)
{
    return judge->calm_at + judge->options.failover_ms * 3 / 2 + judge->options.allowance_ms;
}

uint64_t judge_steady_at(const struct judge *judge)
{
    return judge->calm
               ? takeover_due(judge) + judge->options.failover_ms * 2 + judge->options.allowance_ms
               : NEVER;
}

void judge_calm(struct judge *judge, uint64_t at, size_t workers)
{
    judge->calm = true;
    judge->calm_workers = workers;
    judge_disturbed(judge, at);
}

void judge_disturbed(struct judge *judge, uint64_t at)
{
    size_t i;
    judge->calm_at = at;
    judge->unbalanced_at = 0;
    for (i = 0; i < judge->shard_count && judge->calm; i++) {
        judge->shards[i]->changes = 0;
    }
}

/* The table's older streams come first, to their ends. */
static bool waits_for_stream(const struct judge *judge, const struct shard *shard)
{
    size_t i;
    for (i = 0; i < judge->shard_count && shard->stream > 0; i++) {
        const struct shard *other = judge->shards[i];
        if (other->stream < shard->stream && other->row.there && !other->ended) {
            return true;
        }
    }
    return false;
}

static bool has_vanished(const struct shard *shard)
{
    return shard->vanished_at > 0;
}

/* Somebody deleted its row by hand before that said that it was done: what was done of it nothing
 * tells. It is made again first, and read to its end. */
static bool is_to_be_made_again(const struct shard *shard)
{
    return has_vanished(shard) && !shard->row.there && !shard->ended && !shard->deleted &&
           !shard->gone;
}

static bool any_parent(const struct judge *judge, const struct shard *shard,
                       bool (*is)(const struct shard *))
{
    size_t i;
    for (i = 0; i < shard->parent_count; i++) {
        if (is(judge->shards[shard->parents[i]])) {
            return true;
        }
    }
    return false;
}

/* Whether the rows let somebody read it. */
static bool is_ready(struct judge *judge, const struct shard *shard)
{
    size_t i;
    if (waits_for_stream(judge, shard)) {
        return false;
    }
    for (i = 0; i < shard->parent_count; i++) {
        struct shard *parent = judge->shards[shard->parents[i]];
        bool passed = parent->ended || parent->deleted ||
                      (!parent->row.there && judge_complete(judge, parent));
        if (!passed && !(parent->gone && !parent->row.there)) {
            return false;
        }
    }
    return true;
}

static bool is_finished(const struct shard *shard)
{
    return shard->ended || shard->deleted ||
           (shard->gone && !shard->row.there && shard->settled == shard->record_count);
}

static void check_read(struct judge *judge, uint64_t at, struct shard *shard)
{
    bool behind = any_parent(judge, shard, is_to_be_made_again);
    uint64_t since, due, discover = shard->row.there && !behind ? 0 : judge->options.discover_ms;
    if (!is_ready(judge, shard)) {
        /* While the parent is read once more; afterwards it is due anew. */
        shard->ready_at = any_parent(judge, shard, has_vanished) ? 0 : shard->ready_at;
        return;
    }
    shard->ready_at = shard->ready_at > 0 ? shard->ready_at : at;
    since = shard->ready_at > judge->calm_at ? shard->ready_at : judge->calm_at;
    if (behind || (has_vanished(shard) && !shard->row.there)) {
        /* Scans may be stale: a row is taken for gone when they lack it for a minute. */
        since += VANISHED_MS;
    }
    /* A KCL worker holds a child while its parent is read, and looks now and then. */
    discover = judge_is_kcl(judge, shard->row.owner) ? judge->options.discover_ms : discover;
    due = since + takeover_due(judge) - judge->calm_at + discover;
    if (at > due && (shard->read_at == 0 || at - shard->read_at > judge->options.idle_ms)) {
        judge_fail(judge, "not-read",
                   "shard '%s' is not being read at %llu ms (last at %llu ms); it could be since "
                   "%llu ms; its row %s%s",
                   shard->name, U(at), U(shard->read_at), U(since),
                   shard->row.there ? "names " : "is missing",
                   shard->row.there ? judge_worker_id(judge, shard->row.owner) : "");
    }
}

/* Everything is done and the shard is closed: SHARD_END must come. */
static void check_ended(struct judge *judge, uint64_t at, struct shard *shard)
{
    uint64_t since;
    shard->settled_at = shard->settled_at > 0 ? shard->settled_at : at;
    since = shard->settled_at > judge->calm_at ? shard->settled_at : judge->calm_at;
    if (has_vanished(shard) && shard->ready_at > since) {
        since = shard->ready_at; /* its row was made again then */
    }
    /* One that is gone before its time ends only when it is a day old. */
    if (shard->row.there && !shard->gone && is_ready(judge, shard) &&
        at > since + takeover_due(judge) - judge->calm_at + judge->options.discover_ms) {
        judge_fail(judge, "not-ended",
                   "shard '%s' is closed and done since %llu ms, and its row is not at SHARD_END "
                   "at %llu ms",
                   shard->name, U(since), U(at));
    }
}

static void check_drained(struct judge *judge, uint64_t at, const struct shard *shard)
{
    const struct record *record = &shard->records[shard->settled];
    uint64_t since = record->at > judge->calm_at ? record->at : judge->calm_at;
    char text[64];
    if (judge->options.drain_ms != NEVER && at > since + judge->options.drain_ms) {
        judge_fail(judge, "not-drained",
                   "record %zu ('%s') of shard '%s', written at %llu ms, is not done at %llu ms, "
                   "%llu ms after the last fault",
                   shard->settled, judge_number_text(&record->number, text, sizeof text),
                   shard->name, U(record->at), U(at), U(at - judge->calm_at));
    }
}

static void check_shard(struct judge *judge, uint64_t at, struct shard *shard)
{
    judge_settle(shard);
    if (shard->row.there && shard->row.bad) {
        return; /* it is left as it is */
    }
    if (shard->closed && shard->settled == shard->record_count) {
        check_ended(judge, at, shard);
        return;
    }
    shard->settled_at = 0;
    check_read(judge, at, shard);
    if (shard->settled < shard->record_count) {
        check_drained(judge, at, shard);
    }
}

static void count_leases(struct judge *judge, size_t *counts)
{
    size_t i;
    for (i = 0; i < judge->worker_count; i++) {
        counts[i] = 0;
    }
    for (i = 0; i < judge->active_count; i++) {
        const struct shard *shard = judge->shards[judge->active[i]];
        if (shard->row.there && shard->row.owner < judge->worker_count) {
            counts[shard->row.owner]++;
        }
    }
}

static void check_balance(struct judge *judge, uint64_t at)
{
    size_t low = SIZE_MAX, high = 0, i, least = 0, most = 0;
    count_leases(judge, judge->counts);
    for (i = 0; i < judge->worker_count; i++) {
        const struct worker *worker = &judge->workers[i];
        if (worker->alive && !worker->paused && !worker->stopping) {
            least = judge->counts[i] < low ? i : least;
            low = judge->counts[i] < low ? judge->counts[i] : low;
            most = judge->counts[i] > high ? i : most;
            high = judge->counts[i] > high ? judge->counts[i] : high;
        }
    }
    if (low == SIZE_MAX || high <= low + 1) {
        judge->unbalanced_at = 0;
        return;
    }
    judge->unbalanced_at = judge->unbalanced_at > 0 ? judge->unbalanced_at : at;
    if (at > judge_steady_at(judge) &&
        at > judge->unbalanced_at + judge->options.failover_ms * 2 + judge->options.allowance_ms) {
        judge_fail(judge, "unbalanced",
                   "worker '%s' holds %zu leases and worker '%s' %zu at %llu ms, so uneven since "
                   "%llu ms",
                   judge_worker_id(judge, most), high, judge_worker_id(judge, least), low, U(at),
                   U(judge->unbalanced_at));
    }
}

void judge_tick(struct judge *judge, uint64_t at)
{
    size_t i, kept = 0;
    if (judge->is_wrong || !judge->calm || judge->live == 0) {
        return;
    }
    for (i = 0; i < judge->active_count; i++) {
        struct shard *shard = judge->shards[judge->active[i]];
        if (is_finished(shard)) {
            shard->listed = false;
            continue;
        }
        judge->active[kept++] = judge->active[i];
        check_shard(judge, at, shard);
    }
    judge->active_count = kept;
    if (judge->options.balance && judge->live_kcl == 0) {
        judge_room(&judge->counts, &judge->count_cap, judge->worker_count + 1,
                   sizeof *judge->counts);
        check_balance(judge, at);
    }
}
