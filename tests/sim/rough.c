/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/rough.h"

#include "tests/sim/inside.h"

#define LOOK_EVERY_MS 5u
/* Workers that start are looked at for so long. */
#define START_MS 30000u
#define TABLE_MS_MAX 9000u /* world_new waits ten seconds for the other table */
/* Beyond the age at which a reader trusts its iterator no more, with room for the batch before. */
#define HANG_MS (11u * 60 * 1000)

struct rough {
    struct world *world;
    struct tr_random random;
    unsigned phase;  /* in which a worker is stopped */
    uint64_t end_ms; /* of the start */
};

static uint64_t between(struct rough *rough, uint64_t least, uint64_t most)
{
    return least + tr_random_below(&rough->random, most - least + 1);
}

void rough_options(struct world_options *options)
{
    struct tr_random random;
    tr_random_init(&random, options->seed ^ 0x20c45u);
    options->table_ms = 500 + tr_random_below(&random, TABLE_MS_MAX - 500);
    options->stop_on_gap = tr_random_below(&random, 2) == 0;
    options->no_date = tr_random_below(&random, 2) == 0;
    if (options->no_date) {
        options->start = TR_START_LATEST; /* which waits for a date; rows are made after it */
    }
}

/* ---- the start ---- */

static void bring_dates(struct world *world, void *ctx, uint64_t arg)
{
    (void)ctx;
    (void)arg;
    world->options.no_date = false;
}

/* Somebody has made the table, and deletes it at once: the service refuses while it is made. */
static void delete_lease_table(struct world *world, void *ctx, uint64_t arg)
{
    (void)arg;
    if (world_call(world, "DynamoDB_20120810.DeleteTable", "{\"TableName\":\"app\"}", NULL) !=
        200) {
        world_act(world, LOOK_EVERY_MS, delete_lease_table, ctx, 0);
        return;
    }
    fault_count(world, FAULT_TABLE_DELETED);
    WORLD_TRACE(world, SIZE_MAX, "FAULT %s", fault_name(FAULT_TABLE_DELETED));
}

static void stop_in_phase(struct world *world, void *ctx, uint64_t arg)
{
    struct rough *rough = ctx;
    size_t i;
    (void)arg;
    for (i = 0; i < world->alive_count; i++) {
        size_t index = world->alive[i];
        if (inspect_phase(world, index) == rough->phase) {
            fault_count(world, FAULT_STOP);
            world_stop(world, index);
            return;
        }
    }
    if (world->now_ms < rough->end_ms) {
        world_act(world, LOOK_EVERY_MS, stop_in_phase, rough, 0);
    }
}

/* ---- under way ---- */

static void add(struct rough *rough, enum fault fault, uint64_t ms, unsigned strength)
{
    struct world *world = rough->world;
    if (world->condition_count == WORLD_CONDITIONS_MAX) {
        return;
    }
    fault_count(world, fault);
    WORLD_TRACE(world, SIZE_MAX, "FAULT %s: strength %u, %llu ms", fault_name(fault), strength,
                (unsigned long long)ms);
    fault_add(world, &(struct condition){.fault = fault,
                                         .worker = ANY_WORKER,
                                         .service = ANY_SERVICE,
                                         .until_ms = world->now_ms + ms,
                                         .strength = strength});
}

static void damage(struct world *world, void *ctx, uint64_t arg)
{
    struct rough *rough = ctx;
    (void)world;
    (void)arg;
    add(rough, FAULT_DAMAGED, between(rough, 1000, 20000), (unsigned)between(rough, 50, 500));
}

static void refuse(struct world *world, void *ctx, uint64_t arg)
{
    struct rough *rough = ctx;
    (void)world;
    (void)arg;
    add(rough, FAULT_PROCESSOR_REFUSES, between(rough, 100, 3000), 100);
}

static void hang(struct world *world, void *ctx, uint64_t arg)
{
    (void)world;
    (void)arg;
    add(ctx, FAULT_PROCESSOR_HANGS, 15000, HANG_MS);
}

struct rough *rough_new(struct world *world, uint64_t faulty_ms)
{
    struct rough *rough = tr_calloc(1, sizeof *rough);
    TR_ASSERT(rough != NULL);
    rough->world = world;
    rough->end_ms = world->now_ms + START_MS;
    tr_random_init(&rough->random, world->options.seed ^ 0x2051u);
    rough->phase = (unsigned)between(rough, 0, 3);
    world_act(world, 0, stop_in_phase, rough, 0);
    world_act(world, between(rough, 3000, 15000), bring_dates, rough, 0);
    if (between(rough, 0, 1) == 0) {
        world_make_table(world, "app", "leaseKey");
        world_act(world, LOOK_EVERY_MS, delete_lease_table, rough, 0);
    }
    world_act(world, between(rough, START_MS, faulty_ms - 30000), damage, rough, 0);
    world_act(world, between(rough, START_MS, faulty_ms - 30000), refuse, rough, 0);
    world_act(world, faulty_ms + 15000, hang, rough, 0);
    return rough;
}

void rough_free(struct rough *rough)
{
    tr_free(rough);
}
