/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/spoil.h"

#include "lease/lease_core_inside.h"
#include "tests/sim/inside.h"
#include "tests/sim/scan.h"

#define STRIKES_MIN 4u
#define STRIKES_MAX 12u
/* So often is looked for a lease in the state that is wanted, and for so long. */
#define LOOK_EVERY_MS 7u
#define LOOK_MS 90000u
#define POOL_BUSY_MS 3000u
#define SPOILT_MS_MIN 500u
#define SPOILT_MS_MAX 25000u

/* What an attribute becomes; NULL: it goes. Without an attribute the whole row goes, or its worker
 * is told to stop. */
static const struct way {
    const char *attribute;
    const char *value;
    bool moved; /* a number far ahead or behind, as a row may have: it stays */
    bool stops;
} ways[] = {
    {"leaseCounter", "{\"S\":\"many\"}", false, false},
    {"leaseCounter", "{\"N\":\"1.5\"}", false, false},
    {"leaseCounter", NULL, false, false},
    {"leaseCounter", NULL, true, false},
    {"leaseOwner", "{\"N\":\"7\"}", false, false},
    {"checkpoint", "{\"S\":\"half way\"}", false, false},
    {"checkpoint", "{\"N\":\"17\"}", false, false},
    {"checkpoint", NULL, false, false},
    {NULL, NULL, false, false},
    {NULL, NULL, false, true},
};
#define WAYS (sizeof ways / sizeof ways[0])

/* In which state the lease is struck: as often as it is named. */
static const enum tr_lease_state states[] = {
    LEASE_ADOPTING, LEASE_ADOPTING, LEASE_LAPSED, LEASE_LAPSED,  LEASE_RELEASING, LEASE_RELEASING,
    LEASE_HELD,     LEASE_HELD,     LEASE_TAKING, LEASE_FOREIGN, LEASE_ASKING};
#define STATES (sizeof states / sizeof states[0])

struct strike {
    enum tr_lease_state state;
    const struct way *way;
    uint64_t give_up_at;
    bool spoilt; /* and not mended */
    bool ahead;  /* its counter was made one that the service's time does not reach */
    char shard[48];
    char saved[256]; /* the attribute as it was; "": there was none */
};

struct spoil {
    struct world *world;
    struct tr_random random;
    struct tr_random moves; /* apart, so that seeds stay the fleets that they were */
    uint64_t to_ms;
    struct strike strikes[STRIKES_MAX];
};

static uint64_t between(struct spoil *spoil, uint64_t least, uint64_t most)
{
    return least + tr_random_below(&spoil->random, most - least + 1);
}

static bool is_spoilt(const struct spoil *spoil, const char *shard)
{
    size_t i;
    for (i = 0; i < STRIKES_MAX; i++) {
        if (spoil->strikes[i].spoilt && strcmp(spoil->strikes[i].shard, shard) == 0) {
            return true;
        }
    }
    return false;
}

/* The open shard of that key; NULL: none, or its row is spoilt already. */
static const char *shard_of(const struct spoil *spoil, struct tr_bytes key)
{
    const struct world *world = spoil->world;
    size_t i;
    for (i = 0; i < world->open_count; i++) {
        if (tr_bytes_eq(tr_bytes_of(world->open_shards[i]), key)) {
            return is_spoilt(spoil, world->open_shards[i]) ? NULL : world->open_shards[i];
        }
    }
    return NULL;
}

/* An open shard whose lease is in that state in a worker. */
static const char *find_in(const struct spoil *spoil, size_t index, enum tr_lease_state state)
{
    size_t at = 0;
    struct tr_bytes key;
    while ((key = inspect_lease(spoil->world, index, state, &at)).ptr != NULL) {
        const char *shard = shard_of(spoil, key);
        if (shard != NULL) {
            return shard;
        }
    }
    return NULL;
}

static const char *find(struct spoil *spoil, enum tr_lease_state state, size_t *who)
{
    const struct world *world = spoil->world;
    size_t i, from;
    if (world->alive_count == 0) {
        return NULL;
    }
    from = tr_random_below(&spoil->random, world->alive_count);
    for (i = 0; i < world->alive_count; i++) {
        const char *shard;
        *who = world->alive[(from + i) % world->alive_count];
        shard = find_in(spoil, *who, state);
        if (shard != NULL) {
            return shard;
        }
    }
    return NULL;
}

/* ---- the row ---- */

/* The attribute as it is, "" for none. False: there is no such row, or it does not fit. */
static bool read_attribute(struct world *world, const char *shard, const char *attribute,
                           char out[256])
{
    struct tr_buf answer = {0};
    struct tr_bytes item = {0}, value = {0};
    char body[256];
    (void)snprintf(body, sizeof body,
                   "{\"TableName\":\"app\",\"ConsistentRead\":true,"
                   "\"Key\":{\"leaseKey\":{\"S\":\"%s\"}}}",
                   shard);
    if (world_call(world, "DynamoDB_20120810.GetItem", body, &answer) == 200) {
        item = scan_get(tr_buf_bytes(&answer), "Item");
    }
    if (item.ptr != NULL && attribute != NULL) {
        value = scan_get(item, attribute);
    }
    if (value.len < 256) {
        (void)snprintf(out, 256, "%.*s", TR_FMT(value));
    }
    tr_buf_deinit(&answer);
    return item.ptr != NULL && value.len < 256;
}

/* Give the attribute that value ("": none) if it has this one ("": none). */
static bool edit(struct world *world, const struct strike *strike, const char *from, const char *to)
{
    char body[1024], values[600];
    bool set = to[0] != '\0', had = from[0] != '\0';
    (void)snprintf(values, sizeof values, "%s%s%s%s%s", set ? "\":to\":" : "", to,
                   set && had ? "," : "", had ? "\":from\":" : "", from);
    (void)snprintf(body, sizeof body,
                   "{\"TableName\":\"app\",\"Key\":{\"leaseKey\":{\"S\":\"%s\"}},"
                   "\"UpdateExpression\":\"%s\",\"ConditionExpression\":\"attribute_exists("
                   "leaseKey) AND %s\",\"ExpressionAttributeNames\":{\"#a\":\"%s\"}%s%s%s}",
                   strike->shard, set ? "SET #a = :to" : "REMOVE #a",
                   had ? "#a = :from" : "attribute_not_exists(#a)", strike->way->attribute,
                   values[0] != '\0' ? ",\"ExpressionAttributeValues\":{" : "", values,
                   values[0] != '\0' ? "}" : "");
    WORLD_TRACE(world, SIZE_MAX, "EDIT %s", body);
    return world_call(world, "DynamoDB_20120810.UpdateItem", body, NULL) == 200;
}

static void delete_row(struct world *world, const char *shard)
{
    WORLD_TRACE(world, SIZE_MAX, "EDIT deleted: %s", shard);
    (void)world_delete_row(world, shard);
}

/* ---- what happens to it ---- */

/* Never the only row: an empty table is a fleet's first start. Nor one whose next number, which is
 * the service's time, would be one that it had. */
static bool may_go(const struct spoil *spoil, const char *shard)
{
    size_t i;
    for (i = 0; i < STRIKES_MAX; i++) {
        if (spoil->strikes[i].ahead && strcmp(spoil->strikes[i].shard, shard) == 0) {
            return false;
        }
    }
    return spoil->world->open_count >= 3;
}

/* Whoever spoilt it puts back what was there, or takes the row away, unless somebody has written
 * over it meanwhile. */
static void mend(struct world *world, void *ctx, uint64_t number)
{
    struct spoil *spoil = ctx;
    struct strike *strike = &spoil->strikes[number];
    const char *value = strike->way->value != NULL ? strike->way->value : "";
    bool away = tr_random_below(&spoil->random, 4) == 0 && may_go(spoil, strike->shard);
    char now[256];
    strike->spoilt = false;
    if (!away) {
        (void)edit(world, strike, value, strike->saved);
    } else if (read_attribute(world, strike->shard, strike->way->attribute, now) &&
               strcmp(now, value) == 0) {
        delete_row(world, strike->shard);
    }
}

/* The counter goes far ahead, back by what nobody's writes make up for soon, or to where a KCL
 * worker's rows begin. */
static void move_counter(struct spoil *spoil, struct strike *strike)
{
    const char *digits = strpbrk(strike->saved, "0123456789");
    uint64_t way = tr_random_below(&spoil->moves, 3), counter;
    char value[64];
    if (digits == NULL || strncmp(strike->saved, "{\"N\"", 4) != 0) {
        return;
    }
    counter = strtoull(digits, NULL, 10);
    counter = way == 0 ? counter + 1000000000u : way == 1 && counter > 1000 ? counter - 1000 : 23;
    (void)snprintf(value, sizeof value, "{\"N\":\"%llu\"}", (unsigned long long)counter);
    strike->ahead = edit(spoil->world, strike, strike->saved, value) && way == 0;
}

static bool hurt(struct spoil *spoil, uint64_t number, const char *shard, size_t who)
{
    struct world *world = spoil->world;
    struct strike *strike = &spoil->strikes[number];
    uint64_t ms = between(spoil, SPOILT_MS_MIN, SPOILT_MS_MAX);
    (void)snprintf(strike->shard, sizeof strike->shard, "%s", shard);
    if (!read_attribute(world, shard, strike->way->attribute, strike->saved)) {
        return false;
    }
    if (strike->way->stops) {
        fault_count(world, FAULT_STOP);
        world_stop(world, who);
        return true;
    }
    if (strike->way->attribute == NULL) {
        if (!may_go(spoil, shard)) {
            return false;
        }
        fault_count(world, FAULT_ROW_DELETED);
        delete_row(world, shard);
        return true;
    }
    fault_count(world, FAULT_ROW_SPOILT);
    if (strike->way->moved) {
        move_counter(spoil, strike);
        return true;
    }
    strike->spoilt =
        edit(world, strike, strike->saved, strike->way->value != NULL ? strike->way->value : "");
    TR_ASSERT(strike->spoilt);
    ms = world->now_ms + ms < spoil->to_ms ? ms : spoil->to_ms - world->now_ms;
    world_act(world, ms, mend, spoil, number);
    return true;
}

static void look(struct world *world, void *ctx, uint64_t number)
{
    struct spoil *spoil = ctx;
    struct strike *strike = &spoil->strikes[number];
    size_t who;
    const char *shard = find(spoil, strike->state, &who);
    if (world->now_ms >= strike->give_up_at || (shard != NULL && hurt(spoil, number, shard, who))) {
        return;
    }
    world_act(world, LOOK_EVERY_MS, look, spoil, number);
}

/* In some fleets batches wait for a thread all the time, so that leases are lost under them. */
static void keep_waiting(const struct spoil *spoil, uint64_t seed)
{
    uint64_t class = seed / 16 % 16;
    if (class == 4 || class == 8 || class == 12 || class == 15) {
        fault_count(spoil->world, FAULT_POOL_BUSY);
        fault_add(spoil->world, &(struct condition){.fault = FAULT_POOL_BUSY,
                                                    .worker = ANY_WORKER,
                                                    .service = ANY_SERVICE,
                                                    .until_ms = spoil->to_ms,
                                                    .strength = POOL_BUSY_MS});
    }
}

struct spoil *spoil_new(struct world *world, uint64_t seed, uint64_t from_ms, uint64_t to_ms)
{
    struct spoil *spoil = tr_calloc(1, sizeof *spoil);
    uint64_t count, i;
    TR_ASSERT(spoil != NULL && from_ms < to_ms);
    spoil->world = world;
    spoil->to_ms = world->now_ms + to_ms;
    tr_random_init(&spoil->random, seed ^ 0x5b0117u);
    tr_random_init(&spoil->moves, seed ^ 0xc0117e6u);
    keep_waiting(spoil, seed);
    count = between(spoil, STRIKES_MIN, STRIKES_MAX);
    for (i = 0; i < count; i++) {
        struct strike *strike = &spoil->strikes[i];
        uint64_t at = between(spoil, from_ms, to_ms - 1);
        strike->state = states[tr_random_below(&spoil->random, STATES)];
        strike->way = &ways[tr_random_below(&spoil->random, WAYS)];
        strike->give_up_at = world->now_ms + at + LOOK_MS;
        strike->give_up_at = strike->give_up_at < spoil->to_ms ? strike->give_up_at : spoil->to_ms;
        world_act(world, at, look, spoil, i);
    }
    return spoil;
}

void spoil_free(struct spoil *spoil)
{
    tr_free(spoil);
}
