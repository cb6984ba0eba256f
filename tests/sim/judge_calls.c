/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fleet may ask of the services, and who may read a shard. */
#include "tests/sim/judge_parts.h"

#include <string.h>

#define U(x) ((unsigned long long)(x))
#define MS_MINUTE 60000u
#define MS_HOUR 3600000u
#define BUSY_SECONDS_MAX 5u
#define LOOKS_AT_AN_END 2u
#define LOOKED_AT_MINUTES 4u
#define SHARDS_A_PAGE 100u
#define DESCRIBES_A_SECOND 10u /* of an account, as the service has it */
#define STRAY_READS_MAX 10u    /* if nothing else is asked for */

/* Shards whose end is met, or was lately: in a large fleet each worker's calls are far apart. */
static uint64_t ends_lately(const struct judge *judge)
{
    uint64_t ends = 0;
    size_t i;
    for (i = 0; i < judge->shard_count; i++) {
        const struct shard *shard = judge->shards[i];
        ends += shard->ended ? shard->ended_at / MS_MINUTE + LOOKED_AT_MINUTES >= judge->minute
                             : shard->closed && shard->row.there;
    }
    return ends;
}

/* Nobody knows of the others before there are rows: each worker lists all for itself. */
static uint64_t first_listings(const struct judge *judge, uint64_t at)
{
    bool begins = !judge->any_row || at - judge->any_row_at < MS_MINUTE;
    return begins ? judge->live * (judge->shard_count / SHARDS_A_PAGE + 1) : 0;
}

/* Each end is looked at twice; a stream that is turned off and answers that leave children out cost
 * more, and listings. All that is less than the service allows. */
static uint64_t describes_max(const struct judge *judge, uint64_t at)
{
    uint64_t max = judge->options.describes_per_minute_base + LOOKS_AT_AN_END * ends_lately(judge);
    max = max < DESCRIBES_A_SECOND * 60 ? max : DESCRIBES_A_SECOND * 60;
    return max + first_listings(judge, at);
}

static void count_describe(struct judge *judge, uint64_t at)
{
    if (at / MS_MINUTE != judge->minute) {
        judge->minute = at / MS_MINUTE;
        judge->describes = 0;
    }
    if (++judge->describes > judge->options.describes_per_minute_base &&
        judge->describes > describes_max(judge, at)) {
        judge_fail(judge, "budget-describe",
                   "the fleet calls DescribeStream %llu times in the minute before %llu ms, and "
                   "%llu shards have met their end",
                   U(judge->describes), U(at), U(ends_lately(judge)));
    }
}

/* What one worker sends within a second of its own clock would be refused beyond that. */
static void count_describes_of(struct judge *judge, uint64_t at, struct worker *worker,
                               uint64_t sent)
{
    uint64_t near = 0;
    size_t i;
    for (i = 0; i < DESCRIBES_KEPT; i++) {
        uint64_t other = worker->described[i];
        near += other > 0 && other <= sent && sent - other < 1000 * TAKE_PERCENT / 100;
    }
    worker->described[worker->describe_next++ % DESCRIBES_KEPT] = sent;
    if (near + 1 > DESCRIBES_A_SECOND) {
        judge_fail(judge, "budget-describe",
                   "worker '%s' calls DescribeStream %llu times in the second before %llu ms (sent "
                   "at %llu ms)",
                   worker->id, U(near + 1), U(at), U(sent));
    }
}

static void count_units(struct judge *judge, uint64_t at, struct worker *worker, bool writes,
                        uint64_t tenths)
{
    const struct judge_options *options = &judge->options;
    if (at / MS_HOUR != worker->hour) {
        worker->hour = at / MS_HOUR;
        worker->reads = worker->writes = 0;
    }
    worker->reads += writes ? 0 : tenths;
    worker->writes += writes ? tenths : 0;
    if (worker->reads > options->lease_reads_per_hour_max) {
        judge_fail(judge, "budget-reads",
                   "worker '%s' reads %llu tenths of a unit of the lease table in the hour before "
                   "%llu ms; %llu are allowed",
                   worker->id, U(worker->reads), U(at), U(options->lease_reads_per_hour_max));
    } else if (worker->writes > options->lease_writes_per_hour_max) {
        judge_fail(judge, "budget-writes",
                   "worker '%s' writes %llu tenths of a unit of the lease table in the hour before "
                   "%llu ms; %llu are allowed",
                   worker->id, U(worker->writes), U(at), U(options->lease_writes_per_hour_max));
    }
}

static void count_calls(struct judge *judge, uint64_t at, struct worker *worker)
{
    uint64_t max = judge->options.calls_per_second_max;
    max = max > 0 ? max : 20 + 10 * (uint64_t)judge->active_count;
    if (at / 1000 != worker->second) {
        bool goes_on = at / 1000 == worker->second + 1 && worker->calls > max;
        worker->busy_seconds = goes_on ? worker->busy_seconds + 1 : 0;
        worker->second = at / 1000;
        worker->calls = 0;
    }
    worker->calls++;
    if (worker->busy_seconds >= BUSY_SECONDS_MAX && worker->calls > max) {
        judge_fail(judge, "runaway",
                   "worker '%s' makes more than %llu calls a second for %u seconds up to %llu ms",
                   worker->id, U(max), worker->busy_seconds + 1, U(at));
    }
}

/* Five a second for a shard. A request that the network repeats counts once. */
static void count_reads(struct judge *judge, uint64_t at, size_t worker, uint64_t sent,
                        struct shard *shard)
{
    uint64_t max = judge->options.records_per_second_max, near = 0;
    size_t i;
    if (shard->reader != worker) {
        memset(shard->reads, 0, sizeof shard->reads);
        shard->reader = worker;
    }
    for (i = 0; i < READS_KEPT; i++) {
        uint64_t other = shard->reads[i];
        if (other == sent) {
            return;
        }
        near += other > 0 && other < sent && sent - other < 1000 ? 1 : 0;
    }
    shard->reads[shard->read_next++ % READS_KEPT] = sent;
    if (near + 1 > max && !judge_is_kcl(judge, worker)) {
        judge_fail(judge, "budget-getrecords",
                   "worker '%s' calls GetRecords of shard '%s' %llu times in the second before "
                   "%llu ms (sent at %llu ms)",
                   judge_worker_id(judge, worker), shard->name, U(near + 1), U(at), U(sent));
    }
}

/* Whoever lost or gave up a lease reads on for a failover time at the most. */
static void check_reader(struct judge *judge, uint64_t at, size_t worker, uint64_t sent,
                         struct shard *shard)
{
    struct hold *hold = judge_hold(shard, worker);
    uint64_t most = judge->options.stray_reads_max;
    most = most > 0 ? most : STRAY_READS_MAX;
    if (judge_is_kcl(judge, worker)) {
        return;
    }
    if (hold == NULL) {
        judge_fail(judge, "two-readers",
                   "worker '%s' reads shard '%s' at %llu ms and never held it",
                   judge_worker_id(judge, worker), shard->name, U(at));
    } else if (hold->state != HOLDING && sent > hold->ended + judge->options.failover_ms &&
               ++hold->stray_reads > most) {
        judge_fail(judge, "two-readers",
                   "worker '%s' still reads shard '%s' at %llu ms, which it %s at %llu ms",
                   judge_worker_id(judge, worker), shard->name, U(at),
                   hold->state == TAKEN ? "lost" : "released", U(hold->ended));
    }
}

static bool is_one_of(const char *operation, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strcmp(operation, *names) == 0) {
            return true;
        }
    }
    return false;
}

void judge_call(struct judge *judge, uint64_t at, size_t index, uint64_t sent,
                const char *operation, const char *name, uint64_t tenths, enum judge_came came)
{
    static const char *const writes[] = {"PutItem", "UpdateItem", "DeleteItem", NULL};
    struct worker *worker = judge_worker_of(judge, index);
    bool ok = came != JUDGE_REFUSED;
    if (judge->is_wrong || worker == NULL) {
        return;
    }
    count_calls(judge, at, worker);
    if (strcmp(operation, "GetRecords") == 0) {
        struct shard *shard = name != NULL ? judge_shard_of(judge, tr_bytes_of(name)) : NULL;
        if (shard != NULL) {
            count_reads(judge, at, index, sent, shard);
            check_reader(judge, at, index, sent, shard);
            shard->read_at = ok ? at : shard->read_at;
            shard->fetch_sent = ok && sent > shard->fetch_sent ? sent : shard->fetch_sent;
        }
    } else if (strcmp(operation, "DescribeStream") == 0 && !worker->kcl) {
        if (came == JUDGE_SERVED) { /* what was refused is tried again, with a growing pause */
            count_describe(judge, at);
            count_describes_of(judge, at, worker, sent);
        }
    } else if (tenths > 0 && !worker->kcl) {
        count_units(judge, at, worker, is_one_of(operation, writes), tenths);
    }
}
