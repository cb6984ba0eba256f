/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/fleet.h"

#include "tests/sim/inside.h"
#include "tests/sim/rough.h"
#include "tests/sim/spoil.h"

#define SLOTS_MAX 32
#define EXTRAS_MAX 8
#define SUPERVISE_MS 250
/* From a clean stop's release until another worker has the lease, in the calm. */
#define RELEASED_MS (1200 + 2 * 24) /* a second's look, two clocks that differ by 2 % each */
/* Until the first worker starts, where it starts late. */
#define LATE_MS 10000
/* From the healing to the calm: extra workers end. */
#define SETTLE_MS 3000

/* A place for a worker: when one is gone, another one comes. */
struct place {
    size_t worker; /* SIZE_MAX: none */
    bool stopping;
    bool kcl;
    uint64_t next_at; /* when the next one starts, if none runs */
};

struct extra {
    size_t worker;
    uint64_t stop_at;
};

struct fleet {
    const struct fleet_options *options;
    const struct profile *profile;
    struct fleet_result *out;
    struct world *world;
    struct judge *judge;
    struct place places[SLOTS_MAX];
    size_t place_count;
    struct extra extras[EXTRAS_MAX];
    size_t extra_count;
    uint64_t heal_at;
    uint64_t write_until;
    unsigned burst; /* writes at once, sometimes */
    unsigned left;  /* records to write */
    bool calm;
    bool stream_off;
    bool has_kcl;
    bool mixed;          /* failover times */
    bool late;           /* the table's shards have rolled over before the first worker starts */
    bool meddled;        /* people start processes twice and delete rows */
    bool is_rough;       /* a rough start and a long wait */
    bool edited;         /* people edit rows */
    uint64_t faulty_ms;  /* until the healing */
    struct rough *rough; /* owned; NULL: none */
    struct spoil *spoil; /* owned; NULL: none */
};

static uint64_t between(struct fleet *fleet, uint64_t least, uint64_t most)
{
    return least + world_below(fleet->world, most - least + 1);
}

/* ---- the writer ---- */

/* By lot, so that all are written in time; the last one, too, some while before the end. */
static uint64_t next_write(struct fleet *fleet, uint64_t room)
{
    struct world *world = fleet->world;
    uint64_t at = world->now_ms + world_below(world, 2 * (room / fleet->left) + 1);
    uint64_t latest = fleet->heal_at + fleet->profile->calm_ms / 2;
    return at < latest ? at - world->now_ms : latest > world->now_ms ? latest - world->now_ms : 0;
}

/* One write, or many at once. */
static void write_some(struct world *world, void *ctx, uint64_t arg)
{
    struct fleet *fleet = ctx;
    uint64_t room = world->now_ms < fleet->write_until ? fleet->write_until - world->now_ms : 0;
    unsigned count = world_chance(world, 100) ? (unsigned)between(fleet, 1, fleet->burst) : 1;
    (void)arg;
    count = fleet->stream_off ? 0 : count;
    count = count < fleet->left ? count : fleet->left;
    fleet->left -= count;
    while (count-- > 0) {
        /* A few items are written more often than the others. */
        unsigned keys = world_chance(world, 200) ? 3 : fleet->profile->keys;
        world_write(world, (unsigned)world_below(world, keys));
    }
    if (fleet->left > 0) {
        world_act(world, next_write(fleet, room), write_some, fleet, 0);
    }
}

/* Each item once more, so that every gap gets its other end. */
static void write_last(struct world *world, void *ctx, uint64_t arg)
{
    struct fleet *fleet = ctx;
    unsigned key;
    (void)arg;
    for (key = 0; key < fleet->profile->keys; key++) {
        world_write(world, key);
    }
}

/* ---- workers come and go ---- */

static void start(struct fleet *fleet, struct place *place)
{
    place->worker = place->kcl ? world_start_kcl(fleet->world) : world_start(fleet->world, false);
    place->stopping = false;
}

static void supervise_place(struct fleet *fleet, struct place *place)
{
    struct world *world = fleet->world;
    if (place->worker != SIZE_MAX && !world_alive(world, place->worker)) {
        world_crash(world, place->worker); /* frees what has ended */
        place->worker = SIZE_MAX;
        place->next_at = place->next_at > world->now_ms ? place->next_at : world->now_ms + 1000;
    }
    if (place->worker == SIZE_MAX && place->next_at <= world->now_ms) {
        start(fleet, place);
    }
}

static void supervise(struct world *world, void *ctx, uint64_t arg)
{
    struct fleet *fleet = ctx;
    size_t i;
    (void)arg;
    for (i = 0; i < fleet->place_count; i++) {
        supervise_place(fleet, &fleet->places[i]);
    }
    i = 0;
    while (i < fleet->extra_count) {
        struct extra *extra = &fleet->extras[i];
        if (!world_alive(world, extra->worker)) {
            world_crash(world, extra->worker);
            *extra = fleet->extras[--fleet->extra_count];
            continue;
        }
        if (extra->stop_at <= world->now_ms) {
            world_stop(world, extra->worker);
            extra->stop_at = UINT64_MAX;
        }
        i++;
    }
    world_act(world, SUPERVISE_MS, supervise, fleet, 0);
}

static struct place *some_place(struct fleet *fleet)
{
    struct place *place = &fleet->places[world_below(fleet->world, fleet->place_count)];
    return place->worker != SIZE_MAX && world_alive(fleet->world, place->worker) ? place : NULL;
}

static void crash(struct fleet *fleet, struct place *place)
{
    world_crash(fleet->world, place->worker);
    place->worker = SIZE_MAX;
    place->next_at =
        fleet->world->now_ms + between(fleet, 0, 3 * fleet->world->options.failover_ms);
}

static void stop(struct fleet *fleet, struct place *place)
{
    if (!place->stopping) {
        world_stop(fleet->world, place->worker);
        place->stopping = true;
        place->next_at =
            fleet->world->now_ms + between(fleet, 0, 3 * fleet->world->options.failover_ms);
    }
}

static void restart_all(struct fleet *fleet)
{
    bool kill = world_chance(fleet->world, 500);
    uint64_t at = fleet->world->now_ms + between(fleet, 200, 5000);
    size_t i;
    for (i = 0; i < fleet->place_count; i++) {
        struct place *place = &fleet->places[i];
        if (place->worker != SIZE_MAX && world_alive(fleet->world, place->worker)) {
            if (kill) {
                crash(fleet, place);
            } else {
                stop(fleet, place);
            }
        }
        place->next_at = at;
    }
}

static void start_more(struct fleet *fleet)
{
    uint64_t count = between(fleet, 1, 3);
    while (count-- > 0 && fleet->extra_count < EXTRAS_MAX) {
        fleet->extras[fleet->extra_count++] = (struct extra){
            world_start(fleet->world, false), fleet->world->now_ms + between(fleet, 1000, 40000)};
    }
}

/* Off, and on again after a while: a new stream. The service refuses while the table is still being
 * changed. */
static void stream_on(struct world *world, void *ctx, uint64_t arg)
{
    struct fleet *fleet = ctx;
    if (world_call(world, "DynamoDB_20120810.UpdateTable",
                   "{\"TableName\":\"Items\",\"StreamSpecification\":{\"StreamEnabled\":true,"
                   "\"StreamViewType\":\"NEW_IMAGE\"}}",
                   NULL) != 200) {
        world_act(world, 1000, stream_on, ctx, arg);
        return;
    }
    fleet->stream_off = false;
}

static void stream_off(struct world *world, void *ctx, uint64_t arg)
{
    struct fleet *fleet = ctx;
    (void)arg;
    fleet->stream_off = true;
    fault_count(world, FAULT_STREAM_OFF_ON);
    WORLD_TRACE(world, SIZE_MAX, "FAULT %s", fault_name(FAULT_STREAM_OFF_ON));
    world_must_call(world, "DynamoDB_20120810.UpdateTable",
                    "{\"TableName\":\"Items\",\"StreamSpecification\":{\"StreamEnabled\":false}}");
    world_act(world, between(fleet, 1000, 60000), stream_on, fleet, 0);
}

/* ---- what people do to a fleet ---- */

/* Two processes with one id: a deployment that starts the second before the first has stopped. */
static void start_twin(struct world *world, void *ctx, uint64_t arg)
{
    struct fleet *fleet = ctx;
    struct place *place = some_place(fleet);
    (void)arg;
    if (place == NULL || place->kcl || fleet->extra_count == EXTRAS_MAX) {
        return;
    }
    fault_count(world, FAULT_TWIN);
    fleet->extras[fleet->extra_count++] = (struct extra){
        world_start_twin(world, place->worker), world->now_ms + between(fleet, 1000, 90000)};
}

/* Somebody deletes the row of an open shard, which is in use or waits. Never the only one: to a
 * worker that starts, an empty table is a fleet's first start. */
static void delete_row(struct world *world, void *ctx, uint64_t arg)
{
    const char *shard;
    (void)ctx;
    (void)arg;
    if (world->open_count < 3) {
        return;
    }
    shard = world->open_shards[world_below(world, world->open_count)];
    fault_count(world, FAULT_ROW_DELETED);
    WORLD_TRACE(world, SIZE_MAX, "FAULT %s: %s", fault_name(FAULT_ROW_DELETED), shard);
    (void)world_delete_row(world, shard); /* there may be no table */
}

/* From when the first rows are there. */
static void meddle(struct fleet *fleet)
{
    uint64_t end = fleet->profile->faulty_ms - 1000, i;
    for (i = between(fleet, 1, 4); i > 0; i--) {
        world_act(fleet->world, between(fleet, LATE_MS, end), start_twin, fleet, 0);
    }
    for (i = between(fleet, 1, 6); i > 0; i--) {
        world_act(fleet->world, between(fleet, 6 * LATE_MS, end), delete_row, fleet, 0);
    }
}

/* ---- what goes wrong ---- */

static enum fault choose(struct fleet *fleet)
{
    unsigned sum = 0;
    uint64_t at;
    int i;
    for (i = 0; i < FAULT_COUNT; i++) {
        sum += fault_weight((enum fault)i);
    }
    at = world_below(fleet->world, sum);
    for (i = 0; at >= fault_weight((enum fault)i); i++) {
        at -= fault_weight((enum fault)i);
    }
    return (enum fault)i;
}

/* Faults of the fleet itself; false: none of these. */
static bool disturb_fleet(struct fleet *fleet, enum fault fault, struct place *place)
{
    switch (fault) {
    case FAULT_CRASH:
        crash(fleet, place);
        break;
    case FAULT_STOP:
        stop(fleet, place);
        break;
    case FAULT_MORE_WORKERS:
        start_more(fleet);
        break;
    case FAULT_RESTART_ALL:
        restart_all(fleet);
        break;
    default:
        return false;
    }
    fault_count(fleet->world, fault);
    return true;
}

static void disturb(struct world *world, void *ctx, uint64_t tries)
{
    struct fleet *fleet = ctx;
    struct place *place = some_place(fleet);
    enum fault fault = choose(fleet);
    bool harmless = world->now_ms < fleet->heal_at && (fault != FAULT_NOT_FOUND || !fleet->has_kcl);
    if (place != NULL && harmless &&
        (disturb_fleet(fleet, fault, place) || fault_begin(world, fault, place->worker))) {
        return;
    }
    if (tries < 20) {
        world_act(world, 200, disturb, fleet, tries + 1);
    }
}

/* All are gone for a while, and what was written meanwhile is trimmed before they come back. */
static void trim_unread(struct world *world, void *ctx, uint64_t arg)
{
    (void)ctx;
    (void)arg;
    fault_count(world, FAULT_TRIM);
    WORLD_TRACE(world, SIZE_MAX, "FAULT %s: everything", fault_name(FAULT_TRIM));
    world_control(world, "Trim", "{\"TableName\":\"Items\",\"Records\":1000000}");
}

static void miss_some(struct world *world, void *ctx, uint64_t arg)
{
    struct fleet *fleet = ctx;
    size_t i;
    (void)arg;
    for (i = 0; i < fleet->place_count; i++) {
        struct place *place = &fleet->places[i];
        if (place->worker != SIZE_MAX && world_alive(world, place->worker)) {
            fault_count(world, FAULT_CRASH);
            crash(fleet, place);
        }
        place->next_at = world->now_ms + 6000;
    }
    world_act(world, 5000, trim_unread, ctx, 0);
}

/* From now on a gap stops no shard: whoever was started otherwise starts anew. */
static void go_on(struct world *world, void *ctx, uint64_t arg)
{
    (void)arg;
    world->options.stop_on_gap = false;
    fault_count(world, FAULT_RESTART_ALL);
    restart_all(ctx);
}

/* ---- the phases ---- */

static void tell_time(struct world *world, void *ctx, uint64_t arg)
{
    (void)arg;
    judge_tick(world->judge, world->now_ms);
    world_act(world, 1000, tell_time, ctx, 0);
}

static void be_calm(struct world *world, void *ctx, uint64_t tries)
{
    struct fleet *fleet = ctx;
    if (fleet->extra_count > 0 && tries < 100) {
        world_act(world, 200, be_calm, fleet, tries + 1);
        return;
    }
    WORLD_TRACE(world, SIZE_MAX, "CALM: %zu workers", fleet->place_count);
    judge_calm(world->judge, world->now_ms, fleet->place_count);
    fleet->calm = true;
}

/* Whoever was told to stop has stopped; all places are filled. */
static void heal(struct world *world, void *ctx, uint64_t arg)
{
    struct fleet *fleet = ctx;
    size_t i;
    (void)arg;
    WORLD_TRACE(world, SIZE_MAX, "HEAL");
    fault_heal(world);
    for (i = 0; i < fleet->place_count; i++) {
        fleet->places[i].next_at = 0;
        if (fleet->places[i].worker != SIZE_MAX && fleet->places[i].stopping) {
            crash(fleet, &fleet->places[i]);
            fleet->places[i].next_at = 0;
        }
    }
    for (i = 0; i < fleet->extra_count; i++) {
        fleet->extras[i].stop_at = world->now_ms;
    }
    world_act(world, SETTLE_MS, be_calm, fleet, 0);
}

/* Parents and children, none of which has a row. */
static void roll_over(struct world *world, void *ctx, uint64_t again)
{
    struct fleet *fleet = ctx;
    unsigned i;
    world_control(world, "Rollover", "{\"TableName\":\"Items\"}");
    for (i = 0; i < 20 && fleet->left > 0 && !fleet->stream_off; i++, fleet->left--) {
        world_write(world, i % fleet->profile->keys);
    }
    if (again > 0) {
        world_act(world, LATE_MS / 4, roll_over, fleet, again - 1);
    }
}

/* In the calm one worker stops well: what it releases is read on at once. */
static void stop_in_calm(struct world *world, void *ctx, uint64_t arg)
{
    struct fleet *fleet = ctx;
    struct place *place = &fleet->places[0];
    (void)arg;
    if (place->worker != SIZE_MAX && world_alive(world, place->worker)) {
        world_stop(world, place->worker);
        place->stopping = true;
        place->next_at = world->now_ms + 2 * world->options.failover_ms;
    }
}

static void begin(struct fleet *fleet)
{
    struct world *world = fleet->world;
    const struct profile *profile = fleet->profile;
    uint64_t faults = between(fleet, profile->faults_min, profile->faults_max);
    bool changes;
    size_t i;

    fleet->left = profile->records - profile->keys;
    fleet->burst = world_chance(world, 300) ? 20 : 300;
    for (i = world_below(world, 100); i > 0; i--) {
        world_write(world, (unsigned)world_below(world, profile->keys));
        fleet->left--;
    }
    /* KCL takes a shard that is not found for one that has ended, and knows one stream only. */
    changes = world_chance(world, profile->stream_changes);
    fleet->has_kcl = fleet->options->kcl && !changes && world_chance(world, 250) && !fleet->mixed &&
                     !fleet->edited &&
                     !fleet->is_rough; /* the KCL-like one takes every row for sound */
    fleet->place_count = profile->workers;
    for (i = 0; i < fleet->place_count; i++) {
        struct place *place = &fleet->places[i];
        place->worker = SIZE_MAX;
        place->next_at = world->now_ms + (world_chance(world, 500) ? 0 : between(fleet, 0, 5000));
        place->next_at += fleet->late ? LATE_MS : 0;
        place->kcl = fleet->has_kcl && i == 2;
    }
    fleet->heal_at = world->now_ms + fleet->faulty_ms;
    fleet->write_until = fleet->heal_at + profile->calm_ms / 4;
    if (fleet->late) {
        world_act(world, 100, roll_over, fleet, 2);
    }
    world_act(world, 0, supervise, fleet, 0);
    world_act(world, 100, write_some, fleet, 0);
    while (faults-- > 0) {
        world_act(world, between(fleet, 500, profile->faulty_ms - 1000), disturb, fleet, 0);
    }
    if (changes) {
        world_act(world, between(fleet, 1000, profile->faulty_ms - 62000), stream_off, fleet, 0);
    }
    if (fleet->meddled) {
        meddle(fleet);
    }
    if (fleet->edited) {
        fleet->spoil =
            spoil_new(world, fleet->options->seed, 6 * LATE_MS, profile->faulty_ms - 1000);
    }
    if (fleet->is_rough) {
        fleet->rough = rough_new(world, profile->faulty_ms);
        world_act(world, profile->faulty_ms - 60000, go_on, fleet, 0);
        for (i = 0; i < 2; i++) {
            world_act(world, between(fleet, 2 * LATE_MS, profile->faulty_ms - 100000), miss_some,
                      fleet, 0);
        }
    }
    world_act(world, fleet->faulty_ms, heal, fleet, 0);
    world_act(world, fleet->faulty_ms + profile->calm_ms / 4 + 1000, write_last, fleet, 0);
    if (!fleet->has_kcl) {
        world_act(world, fleet->faulty_ms + profile->calm_ms / 2, stop_in_calm, fleet, 0);
    }
    world_act(world, 1000, tell_time, fleet, 0);
}

static void finish(struct fleet *fleet)
{
    struct world *world = fleet->world;
    struct fleet_result *out = fleet->out;
    if (!world->over) {
        judge_end(fleet->judge, world->now_ms);
    }
    memcpy(out->check, world->check, sizeof out->check);
    memcpy(out->why, world->why, sizeof out->why);
    out->at_ms = world->now_ms;
    out->calls = world->calls;
    out->writes = world->writes;
    out->delivered = world->deliveries;
    out->repeats = judge_repeats(fleet->judge);
    out->workers = world->worker_count;
    memcpy(out->faults, world->fault_counts, sizeof out->faults);
    memcpy(out->notes, world->notes, sizeof out->notes);
}

/* The judge's verdict becomes the world's. */
static void judge_says(void *ctx, const char *check, const char *why)
{
    struct fleet *fleet = ctx;
    world_wrong(fleet->world, check, "%s", why);
}

static void remember(void *ctx, const char *check, const char *why)
{
    (void)ctx;
    (void)check;
    (void)why;
}

static unsigned shards_of(const struct profile *profile, struct tr_random *random)
{
    /* Mostly as many as may be; few shards for many workers are a case of their own. */
    return tr_random_below(random, 5) > 0
               ? profile->shards_max
               : profile->shards_min + (unsigned)tr_random_below(
                                           random, profile->shards_max - profile->shards_min + 1);
}

static void choose_world(const struct fleet_options *options, struct world_options *out)
{
    const struct profile *profile = options->profile;
    struct tr_random random;
    tr_random_init(&random, options->seed * 7919 + 17);
    out->seed = options->seed;
    out->shards = shards_of(profile, &random);
    out->failover_ms =
        profile->failover_min_ms +
        tr_random_below(&random, profile->failover_max_ms - profile->failover_min_ms + 1);
    out->process_ms = tr_random_below(&random, 100);
    out->batch_records = 1 + (unsigned)tr_random_below(&random, 100);
    out->poll_min_ms = 250ull << tr_random_below(&random, 3);
    out->poll_max_ms = 2000 + tr_random_below(&random, 3000);
    out->checkpoint_ms = 500 + tr_random_below(&random, 5000);
    out->bad_clocks = tr_random_below(&random, 4) > 0;
    out->outliers = true;
    out->scramble = tr_random_below(&random, 4) == 0;
    if (tr_random_below(&random, 1000) < profile->latest) {
        out->start = TR_START_LATEST;
    }
    out->inspect = options->inspect;
    out->trace = options->trace;
    out->wrong = remember;
    out->mixed = tr_random_below(&random, 4) == 0;
}

void fleet_run(const struct fleet_options *options, struct fleet_result *out)
{
    struct fleet fleet = {.options = options, .profile = options->profile, .out = out};
    struct world_options world = {0};
    struct judge_options judge = {.lease_table = "app", .wrong = judge_says, .ctx = &fleet};

    memset(out, 0, sizeof *out);
    choose_world(options, &world);
    fleet.is_rough = options->profile->rough && options->seed % 16 == 12;
    if (fleet.is_rough) {
        rough_options(&world);
    }
    judge.failover_ms = world.failover_ms;
    judge.balance = true;
    judge.describes_per_minute_base = options->profile->describes_base;
    judge.discover_ms = options->profile->calm_ms / 4;
    judge.whole_releases = true;
    judge.released_ms = RELEASED_MS;
    judge.may_fail = fleet.is_rough; /* a processor that refuses for good ends its worker */
    judge.latest = world.start == TR_START_LATEST;
    judge.epoch_ms = WORLD_START_MS;
    fleet.judge = world.judge = judge_new(&judge);
    fleet.world = world_new(&world);
    fleet.mixed = world.mixed;
    fleet.late = options->seed % 8 == 5;
    fleet.meddled = options->seed % 16 == 7;
    fleet.edited = options->seed % 16 == 15;
    fleet.faulty_ms = options->profile->faulty_ms + (fleet.is_rough ? ROUGH_WAIT_MS : 0);
    begin(&fleet);
    world_run(fleet.world, fleet.faulty_ms + options->profile->calm_ms);
    finish(&fleet);
    world_free(fleet.world);
    rough_free(fleet.rough);
    spoil_free(fleet.spoil);
    judge_free(fleet.judge);
}
