/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/inside.h"

static const struct {
    const char *name;
    unsigned weight;
} rows[FAULT_COUNT] = {
#define FAULT_ROW(id, name, weight) {name, weight},
    FAULT_TABLE(FAULT_ROW)
#undef FAULT_ROW
};

const char *fault_name(enum fault fault)
{
    return rows[fault].name;
}

unsigned fault_weight(enum fault fault)
{
    return rows[fault].weight;
}

unsigned fault_strength(const struct world *world, enum fault fault, size_t worker, int service)
{
    unsigned most = 0;
    size_t i;
    for (i = 0; i < world->condition_count; i++) {
        const struct condition *c = &world->conditions[i];
        if (c->fault == fault && (c->worker == ANY_WORKER || c->worker == worker) &&
            (c->service == ANY_SERVICE || service == ANY_SERVICE || c->service == service) &&
            c->strength > most) {
            most = c->strength;
        }
    }
    return most;
}

static void end_condition(struct world *world, size_t i)
{
    struct condition *c = &world->conditions[i];
    char body[64];
    WORLD_TRACE(world, SIZE_MAX, "FAULT over: %s", fault_name(c->fault));
    if (c->fault_id != 0) {
        (void)snprintf(body, sizeof body, "{\"FaultId\":%llu}", (unsigned long long)c->fault_id);
        world_control(world, "ClearFaults", body);
    }
    *c = world->conditions[--world->condition_count];
}

void fault_expire(struct world *world)
{
    size_t i = 0;
    while (i < world->condition_count) {
        if (world->conditions[i].until_ms <= world->now_ms) {
            end_condition(world, i);
        } else {
            i++;
        }
    }
}

static void over(struct world *world, void *ctx, uint64_t arg)
{
    (void)ctx;
    (void)arg;
    fault_expire(world);
}

void fault_add(struct world *world, const struct condition *condition)
{
    if (world->condition_count == WORLD_CONDITIONS_MAX) {
        return;
    }
    world->conditions[world->condition_count++] = *condition;
    world_act(world, condition->until_ms - world->now_ms, over, NULL, 0);
}

static uint64_t between(struct world *world, uint64_t least, uint64_t most)
{
    return least + world_below(world, most - least + 1);
}

/* A condition for a while, for a worker or all, a service or both. */
static bool weather(struct world *world, enum fault fault, size_t worker, unsigned strength,
                    uint64_t ms)
{
    struct condition c = {.fault = fault,
                          .worker = world_chance(world, 500) ? worker : ANY_WORKER,
                          .service = ANY_SERVICE,
                          .until_ms = world->now_ms + ms,
                          .strength = strength};
    unsigned service = (unsigned)world_below(world, 4);
    if (world->condition_count == WORLD_CONDITIONS_MAX) {
        return false;
    }
    if (service < TR_AWS_SERVICE_COUNT) {
        c.service = (int)service;
    }
    WORLD_TRACE(world, c.worker, "FAULT %s: service %d, strength %u, %llu ms", fault_name(fault),
                c.service, strength, (unsigned long long)ms);
    fault_add(world, &c);
    return true;
}

/* A rule of the service model, for a while. */
static bool model_rule(struct world *world, enum fault fault, uint64_t ms, const char *rule)
{
    struct condition c = {.fault = fault,
                          .worker = ANY_WORKER,
                          .service = ANY_SERVICE,
                          .until_ms = world->now_ms + ms};
    struct tr_buf out = {0};
    const char *id;
    if (world->condition_count == WORLD_CONDITIONS_MAX ||
        world_call(world, "TailraceLocal_1.SetFault", rule, &out) != 200) {
        tr_buf_deinit(&out);
        return false;
    }
    id = strstr(out.ptr, "\"FaultId\":");
    TR_ASSERT(id != NULL);
    c.fault_id = strtoull(id + strlen("\"FaultId\":"), NULL, 10);
    tr_buf_deinit(&out);
    WORLD_TRACE(world, SIZE_MAX, "FAULT %s: %s, %llu ms", fault_name(fault), rule,
                (unsigned long long)ms);
    fault_add(world, &c);
    return true;
}

static bool model_fault(struct world *world, enum fault fault)
{
    uint64_t ms = between(world, 2000, 30000);
    switch (fault) {
    case FAULT_STALE_READS:
        return model_rule(world, fault, ms, "{\"Fault\":\"StaleRead\",\"Probability\":0.5}");
    case FAULT_STALE_LISTING:
        return model_rule(world, fault, ms, "{\"Fault\":\"StaleListing\",\"Probability\":0.6}");
    case FAULT_PARTIAL_LISTING:
        return model_rule(world, fault, ms, "{\"Fault\":\"PartialListing\",\"Probability\":0.5}");
    case FAULT_EXPIRED_ITERATORS:
        return model_rule(world, fault, ms, "{\"Fault\":\"ExpiredIterator\",\"Probability\":0.2}");
    case FAULT_EMPTY_PAGES:
        return model_rule(world, fault, ms, "{\"Fault\":\"EmptyPage\",\"Probability\":0.5}");
    case FAULT_NOT_FOUND:
        return model_rule(world, fault, ms,
                          world_chance(world, 500)
                              ? "{\"Fault\":\"ResourceNotFound\",\"Operation\":"
                                "\"GetShardIterator\",\"Probability\":0.3}"
                              : "{\"Fault\":\"ResourceNotFound\",\"Operation\":\"GetRecords\","
                                "\"Probability\":0.1}");
    case FAULT_NO_ALL_OLD:
        return model_rule(world, fault, ms, "{\"Fault\":\"NoAllOld\"}");
    default:
        return model_rule(world, fault, ms, "{\"Fault\":\"ShardLimits\"}");
    }
}

/* What happens to shards: to one that is open, or to as many as the model sees fit. */
static bool change_shards(struct world *world, enum fault fault)
{
    const char *operation = fault == FAULT_TRIM    ? "Trim"
                            : fault == FAULT_SPLIT ? "SplitShard"
                                                   : "Rollover";
    char body[192], target[64], one[64] = "";
    struct tr_buf out = {0};
    unsigned status;
    if (world->open_count > 0 && world_chance(world, 700)) {
        (void)snprintf(one, sizeof one, ",\"ShardId\":\"%s\"",
                       world->open_shards[world_below(world, world->open_count)]);
    }
    (void)snprintf(body, sizeof body, "{\"TableName\":\"Items\"%s", one);
    if (fault == FAULT_TRIM) {
        size_t len = strlen(body);
        (void)snprintf(body + len, sizeof body - len, ",\"Records\":%llu",
                       (unsigned long long)between(world, 1, 60));
    }
    (void)snprintf(body + strlen(body), sizeof body - strlen(body), "}");
    (void)snprintf(target, sizeof target, "TailraceLocal_1.%s", operation);
    status = world_call(world, target, body, &out);
    WORLD_TRACE(world, SIZE_MAX, "FAULT %s %s: %u", operation, body, status);
    tr_buf_deinit(&out);
    return status == 200;
}

static bool event(struct world *world, enum fault fault, size_t worker)
{
    switch (fault) {
    case FAULT_PAUSE:
        world_pause(world, worker, between(world, 500, 3 * world->options.failover_ms));
        return true;
    case FAULT_CLOCK_JUMP:
        world_set_clock(world, worker, (int64_t)world_below(world, 1200001) - 600000);
        return true;
    default:
        return change_shards(world, fault);
    }
}

static bool begin(struct world *world, enum fault fault, size_t worker)
{
    uint64_t ms = between(world, 1000, 25000);
    uint64_t failover = world->options.failover_ms;
    switch (fault) {
    case FAULT_LOSE_REQUESTS:
    case FAULT_LOSE_ANSWERS:
    case FAULT_LATE_REQUESTS:
    case FAULT_REPEATED:
    case FAULT_BROKEN:
        return weather(world, fault, worker, (unsigned)between(world, 20, 500), ms);
    case FAULT_SLOW_NETWORK:
        return weather(world, fault, worker, (unsigned)between(world, 50, 3000), ms);
    case FAULT_PARTITION_OUT:
    case FAULT_PARTITION_IN:
        return weather(world, fault, worker, 1000, between(world, 500, 4 * failover));
    case FAULT_THROTTLED:
    case FAULT_ERRORS:
        return weather(world, fault, worker, (unsigned)between(world, 100, 1000), ms);
    case FAULT_PROCESSOR_FAILS:
        return weather(world, fault, worker, (unsigned)between(world, 100, 900), ms);
    case FAULT_PROCESSOR_SLOW:
        return weather(world, fault, worker, (unsigned)between(world, 200, 4000), ms);
    case FAULT_PROCESSOR_HANGS:
        return weather(world, fault, worker, (unsigned)between(world, failover / 2, 3 * failover),
                       ms);
    case FAULT_POOL_BUSY:
        return weather(world, fault, worker, (unsigned)between(world, 50, (unsigned)failover), ms);
    case FAULT_STALE_READS:
    case FAULT_STALE_LISTING:
    case FAULT_PARTIAL_LISTING:
    case FAULT_EXPIRED_ITERATORS:
    case FAULT_EMPTY_PAGES:
    case FAULT_NOT_FOUND:
    case FAULT_NO_ALL_OLD:
    case FAULT_SHARD_LIMITS:
        return model_fault(world, fault);
    default:
        return event(world, fault, worker);
    }
}

void fault_count(struct world *world, enum fault fault)
{
    world->fault_counts[fault]++;
    if (world->judge != NULL) {
        judge_fault(world->judge, world->now_ms, fault_name(fault));
    }
}

/* The judge is told before, so that what follows at once has something to blame. */
bool fault_begin(struct world *world, enum fault fault, size_t worker)
{
    fault_count(world, fault);
    if (!begin(world, fault, worker)) {
        world->fault_counts[fault]--;
        return false;
    }
    return true;
}

/* All is well from now on: nobody stands still, nothing is late, no processor hangs. */
void fault_heal(struct world *world)
{
    size_t i;
    while (world->condition_count > 0) {
        end_condition(world, world->condition_count - 1);
    }
    for (i = 0; i < world->worker_count; i++) {
        if (world->workers[i].frozen_until > world->now_ms) {
            world->workers[i].frozen_until = world->now_ms;
        }
    }
    world_bring_forward(world, 1000);
}
