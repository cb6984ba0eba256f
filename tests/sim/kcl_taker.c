/* SPDX-License-Identifier: Apache-2.0
 *
 * KCL 2.x's taker: scan everything, work out a fair share, take what is free or expired, else steal
 * one lease of the most loaded worker. A take that fails without an answer ends the round, and what
 * the round had taken before is never renewed. */
#include "tests/sim/kcl_parts.h"
#include "tests/sim/scan.h"

#include <string.h>

static void round_over(struct kcl *kcl)
{
    kcl->scanning = false;
    kcl->taking = false;
    kcl->take_at = kcl->now + 2 * (kcl->options.failover_ms + EPSILON_MS);
}

static void ask_scan(struct kcl *kcl)
{
    kcl_encode_scan(kcl, kcl_call(kcl, CALL_SCAN, NULL, "DynamoDB_20120810.Scan"));
}

void kcl_taker_due(struct kcl *kcl)
{
    size_t i;
    if (kcl->scanning || kcl->taking || kcl->stopping || kcl->now < kcl->take_at) {
        return;
    }
    kcl->scanning = true;
    tr_buf_reset(&kcl->last_key);
    for (i = 0; i < kcl->seen_count; i++) {
        kcl->seen[i].listed = false;
    }
    ask_scan(kcl);
}

/* ---- what the scan shows ---- */

static struct seen *seen_of(struct kcl *kcl, const char *key)
{
    size_t i;
    for (i = 0; i < kcl->seen_count; i++) {
        if (strcmp(kcl->seen[i].row.key, key) == 0) {
            return &kcl->seen[i];
        }
    }
    return NULL;
}

/* A lease that is new here counts as renewed now if it is owned, as never renewed if not. */
static void see(struct kcl *kcl, const struct kcl_row *row)
{
    struct seen *seen = seen_of(kcl, row->key);
    if (seen == NULL) {
        kcl_room(&kcl->seen, &kcl->seen_cap, kcl->seen_count + 1, sizeof *kcl->seen);
        seen = &kcl->seen[kcl->seen_count++];
        *seen = (struct seen){.row = *row, .renewed_at = row->owner[0] != '\0' ? kcl->now : 0};
    } else if (seen->row.counter != row->counter) {
        seen->renewed_at = kcl->now;
    }
    seen->row = *row;
    seen->listed = true;
}

static bool take_in(struct kcl *kcl, struct tr_bytes body)
{
    struct scan scan = scan_begin(scan_get(body, "Items"));
    struct tr_bytes item, last;
    struct kcl_row row;
    while (scan_element(&scan, &item)) {
        if (!kcl_decode_row(item, &row)) {
            return false; /* one row that is none fails the whole scan */
        }
        see(kcl, &row);
    }
    last = scan_get(body, "LastEvaluatedKey");
    tr_buf_reset(&kcl->last_key);
    if (last.ptr != NULL) {
        tr_buf_add(&kcl->last_key, last);
    }
    return true;
}

static void forget_unlisted(struct kcl *kcl)
{
    size_t i, kept = 0;
    for (i = 0; i < kcl->seen_count; i++) {
        if (kcl->seen[i].listed) {
            kcl->seen[kept++] = kcl->seen[i];
        }
    }
    kcl->seen_count = kept;
}

/* ---- what to take ---- */

static bool is_available(const struct kcl *kcl, const struct seen *seen)
{
    return seen->row.owner[0] == '\0' || seen->renewed_at == 0 ||
           kcl->now - seen->renewed_at > kcl->options.failover_ms;
}

static bool is_very_old(const struct kcl *kcl, const struct seen *seen)
{
    return is_available(kcl, seen) &&
           (seen->renewed_at == 0 ||
            kcl->now - seen->renewed_at > VERY_OLD * kcl->options.failover_ms);
}

/* Leases that are alive and this owner's. */
static size_t count_of(const struct kcl *kcl, const char *owner)
{
    size_t i, count = 0;
    for (i = 0; i < kcl->seen_count; i++) {
        count +=
            !is_available(kcl, &kcl->seen[i]) && strcmp(kcl->seen[i].row.owner, owner) == 0 ? 1 : 0;
    }
    return count;
}

/* Whether this lease is the first of its owner's that is alive. */
static bool is_first_of_owner(const struct kcl *kcl, size_t index)
{
    size_t i;
    if (is_available(kcl, &kcl->seen[index])) {
        return false;
    }
    for (i = 0; i < index; i++) {
        if (!is_available(kcl, &kcl->seen[i]) &&
            strcmp(kcl->seen[i].row.owner, kcl->seen[index].row.owner) == 0) {
            return false;
        }
    }
    return true;
}

static size_t target_of(const struct kcl *kcl)
{
    size_t workers = 1, i;
    for (i = 0; i < kcl->seen_count; i++) {
        workers += is_first_of_owner(kcl, i) && strcmp(kcl->seen[i].row.owner, kcl->options.id) != 0
                       ? 1
                       : 0;
    }
    return workers >= kcl->seen_count ? 1 : (kcl->seen_count + workers - 1) / workers;
}

static void choose(struct kcl *kcl, const struct seen *seen)
{
    kcl_room(&kcl->chosen, &kcl->chosen_cap, kcl->chosen_count + 1, sizeof *kcl->chosen);
    kcl->chosen[kcl->chosen_count++] = seen->row;
}

static void shuffle(struct kcl *kcl)
{
    size_t i;
    for (i = kcl->chosen_count; i > 1; i--) {
        size_t other = (size_t)tr_random_below(&kcl->random, i);
        struct kcl_row row = kcl->chosen[i - 1];
        kcl->chosen[i - 1] = kcl->chosen[other];
        kcl->chosen[other] = row;
    }
}

static void choose_all(struct kcl *kcl, bool (*wanted)(const struct kcl *, const struct seen *))
{
    size_t i;
    for (i = 0; i < kcl->seen_count; i++) {
        if (wanted(kcl, &kcl->seen[i])) {
            choose(kcl, &kcl->seen[i]);
        }
    }
    shuffle(kcl);
}

static const char *most_loaded(const struct kcl *kcl, size_t *most)
{
    const char *owner = NULL;
    size_t i;
    *most = 0;
    for (i = 0; i < kcl->seen_count; i++) {
        size_t count = is_first_of_owner(kcl, i) ? count_of(kcl, kcl->seen[i].row.owner) : 0;
        if (count > *most) {
            *most = count;
            owner = kcl->seen[i].row.owner;
        }
    }
    return owner;
}

static void choose_victims(struct kcl *kcl, size_t target, size_t need)
{
    size_t most, i, steal;
    const char *owner = most_loaded(kcl, &most);
    if (owner == NULL || strcmp(owner, kcl->options.id) == 0 || most < target) {
        return;
    }
    steal = most - target < need ? most - target : need;
    steal = steal == 0 && need > 1 ? 1 : steal;
    steal = steal > STEAL_MAX ? STEAL_MAX : steal;
    for (i = 0; i < kcl->seen_count; i++) {
        if (!is_available(kcl, &kcl->seen[i]) && strcmp(kcl->seen[i].row.owner, owner) == 0) {
            choose(kcl, &kcl->seen[i]);
        }
    }
    shuffle(kcl);
    kcl->chosen_count = kcl->chosen_count > steal ? steal : kcl->chosen_count;
    kcl->stealing = true;
}

static void choose_what(struct kcl *kcl)
{
    size_t target = target_of(kcl), mine = count_of(kcl, kcl->options.id), need;
    kcl->chosen_count = kcl->chosen_next = kcl->taken = 0;
    kcl->stealing = false;
    choose_all(kcl, is_very_old); /* whatever the target */
    if (kcl->chosen_count > 0 || target <= mine) {
        return;
    }
    need = target - mine;
    choose_all(kcl, is_available);
    if (kcl->chosen_count > 0) {
        kcl->chosen_count = kcl->chosen_count > need ? need : kcl->chosen_count;
    } else {
        choose_victims(kcl, target, need);
    }
}

/* ---- taking ---- */

static void all_taken(struct kcl *kcl)
{
    size_t i;
    for (i = 0; i < kcl->taken; i++) {
        kcl_note(kcl, kcl->stealing ? "stolen" : "taken", kcl->chosen[i].key);
        (void)kcl_hold(kcl, &kcl->chosen[i]);
    }
    round_over(kcl);
}

static void take_next(struct kcl *kcl)
{
    if (kcl->chosen_next == kcl->chosen_count || kcl->stopping) {
        all_taken(kcl);
        return;
    }
    kcl_encode_take(kcl, kcl_call(kcl, CALL_TAKE, NULL, "DynamoDB_20120810.UpdateItem"),
                    &kcl->chosen[kcl->chosen_next]);
}

void kcl_on_scan(struct kcl *kcl, const struct kcl_event *event)
{
    if (event->http_status != 200 || !take_in(kcl, event->body)) {
        round_over(kcl);
        return;
    }
    if (kcl->last_key.len > 0) {
        ask_scan(kcl);
        return;
    }
    forget_unlisted(kcl);
    kcl->scanning = false;
    kcl->taking = true;
    kcl->take_tries = 0;
    choose_what(kcl);
    take_next(kcl);
}

void kcl_on_take(struct kcl *kcl, const struct kcl_event *event)
{
    struct kcl_row *row = &kcl->chosen[kcl->chosen_next];
    bool throttled =
        kcl_is_error(event, "ProvisionedThroughputExceeded") || kcl_is_error(event, "Throttling");
    if (throttled && ++kcl->take_tries < TAKE_TRIES) {
        take_next(kcl);
        return;
    }
    kcl->take_tries = 0;
    if (event->http_status == 200) {
        row->counter++;
        (void)memcpy(row->owner, kcl->options.id, strlen(kcl->options.id) + 1);
        kcl->chosen[kcl->taken++] = *row;
    } else if (!throttled && !kcl_is_error(event, "ConditionalCheckFailed")) {
        round_over(kcl); /* what was taken before is left without a renewer */
        return;
    }
    kcl->chosen_next++;
    take_next(kcl);
}
