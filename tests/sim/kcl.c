/* SPDX-License-Identifier: Apache-2.0
 *
 * The KCL-like worker's frame: steps, calls, and the renewer, which renews all leases at a fixed
 * rate and waits for the last of them before it begins again. */
#include "tests/sim/kcl.h"

#include "base/mem.h"
#include "tests/sim/kcl_parts.h"
#include "tests/sim/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- effects ---- */

void kcl_effects_reset(struct kcl_effects *effects)
{
    size_t i;
    for (i = 0; i < effects->count; i++) {
        tr_buf_deinit(&effects->items[i].body);
    }
    effects->count = 0;
}

void kcl_effects_deinit(struct kcl_effects *effects)
{
    kcl_effects_reset(effects);
    tr_free(effects->items);
    *effects = (struct kcl_effects){0};
}

void kcl_room(void *array, size_t *cap, size_t want, size_t size)
{
    if (!tr_grow(array, cap, want, size)) {
        abort();
    }
}

struct kcl_effect *kcl_effect(struct kcl *kcl, enum kcl_effect_kind kind)
{
    struct kcl_effects *out = kcl->out;
    kcl_room(&out->items, &out->cap, out->count + 1, sizeof *out->items);
    out->items[out->count] = (struct kcl_effect){.kind = kind};
    return &out->items[out->count++];
}

void kcl_note(struct kcl *kcl, const char *what, const char *shard)
{
    struct kcl_effect *fx = kcl_effect(kcl, KCL_FX_NOTE);
    fx->what = what;
    fx->shard = shard;
}

struct tr_buf *kcl_call(struct kcl *kcl, enum call_kind kind, struct held *held, const char *target)
{
    struct kcl_effect *fx = kcl_effect(kcl, KCL_FX_CALL);
    fx->op = ++kcl->last_op;
    fx->target = target;
    fx->timeout_ms = CALL_TIMEOUT_MS;
    kcl_room(&kcl->calls, &kcl->call_cap, kcl->call_count + 1, sizeof *kcl->calls);
    kcl->calls[kcl->call_count++] = (struct call){fx->op, kind, held};
    return &fx->body;
}

/* ---- held leases ---- */

struct held *kcl_hold(struct kcl *kcl, const struct kcl_row *row)
{
    struct held *held = tr_calloc(1, sizeof *held);
    if (held == NULL) {
        abort();
    }
    held->row = *row;
    held->renewed_at = kcl->now;
    held->state = strcmp(row->checkpoint, "SHARD_END") == 0 ? ENDED : WAITING_ON_PARENTS;
    held->next_at = kcl->now;
    (void)memcpy(held->after, row->checkpoint, sizeof held->after);
    kcl_room(&kcl->held, &kcl->held_cap, kcl->held_count + 1, sizeof(struct held *));
    kcl->held[kcl->held_count++] = held;
    return held;
}

static void free_held(struct held *held)
{
    tr_buf_deinit(&held->iterator);
    tr_buf_deinit(&held->page);
    tr_free(held->records);
    tr_free(held->sequences);
    tr_free(held);
}

static void leave_round(struct kcl *kcl, struct held *held)
{
    kcl->round_left -= held->in_round ? 1 : 0;
    held->in_round = false;
    held->renew_wanted = false;
}

void kcl_lose(struct kcl *kcl, struct held *held)
{
    if (!held->lost) {
        held->lost = true;
        leave_round(kcl, held);
        kcl_note(kcl, "lost", held->row.key);
    }
}

/* Lost leases go once nothing of theirs is lent. */
static void sweep(struct kcl *kcl)
{
    size_t i, j, kept = 0;
    for (i = 0; i < kcl->held_count; i++) {
        struct held *held = kcl->held[i];
        if (!held->lost || held->process_op != 0) {
            kcl->held[kept++] = held;
            continue;
        }
        for (j = 0; j < kcl->call_count; j++) {
            kcl->calls[j].held = kcl->calls[j].held == held ? NULL : kcl->calls[j].held;
        }
        free_held(held);
    }
    kcl->held_count = kept;
}

/* ---- renewing ---- */

static void send_renewal(struct kcl *kcl, struct held *held)
{
    held->renew_wanted = false;
    held->writing = true;
    held->renew_tries++;
    kcl_encode_renew(kcl, kcl_call(kcl, CALL_RENEW, held, "DynamoDB_20120810.UpdateItem"),
                     &held->row);
}

static void next_write(struct kcl *kcl, struct held *held)
{
    if (held->lost || held->writing) {
        return;
    }
    if (held->renew_wanted) {
        send_renewal(kcl, held);
    } else {
        kcl_shard_write(kcl, held);
    }
}

static void renewer_due(struct kcl *kcl)
{
    size_t i;
    if (kcl->stopping || kcl->now < kcl->renew_at || kcl->round_left > 0) {
        return;
    }
    while (kcl->renew_at <= kcl->now) {
        kcl->renew_at += kcl->options.failover_ms / 3 - EPSILON_MS;
    }
    for (i = 0; i < kcl->held_count; i++) {
        struct held *held = kcl->held[i];
        if (!held->lost) {
            held->in_round = true;
            held->renew_wanted = true;
            held->renew_tries = 0;
            kcl->round_left++;
            next_write(kcl, held);
        }
    }
}

static void renewed(struct kcl *kcl, struct held *held)
{
    held->row.counter++;
    held->renewed_at = kcl->now;
    leave_round(kcl, held);
}

static void on_renewal(struct kcl *kcl, struct held *held, const struct kcl_event *event)
{
    held->writing = false;
    if (event->http_status == 200) {
        renewed(kcl, held);
    } else if (kcl_is_error(event, "ConditionalCheckFailed")) {
        held->writing = true;
        kcl_encode_get(kcl, kcl_call(kcl, CALL_RECOVER, held, "DynamoDB_20120810.GetItem"),
                       held->row.key);
    } else if (held->renew_tries < RENEW_TRIES) {
        held->renew_wanted = true;
    } else {
        leave_round(kcl, held); /* tried again in the next round */
    }
}

/* The condition failed: an earlier attempt may have done it. */
static void on_recovery(struct kcl *kcl, struct held *held, const struct kcl_event *event)
{
    struct kcl_row row;
    held->writing = false;
    if (event->http_status != 200) {
        leave_round(kcl, held);
    } else if (kcl_decode_row(scan_get(event->body, "Item"), &row) &&
               strcmp(row.owner, kcl->options.id) == 0 && row.counter == held->row.counter + 1) {
        renewed(kcl, held);
    } else {
        kcl_lose(kcl, held);
    }
}

/* ---- life ---- */

struct kcl *kcl_new(const struct kcl_options *options, uint64_t now_ms)
{
    struct kcl *kcl = tr_calloc(1, sizeof *kcl);
    if (kcl == NULL) {
        abort();
    }
    kcl->options = *options;
    kcl->options.id = tr_strdup(options->id);
    kcl->options.lease_table = tr_strdup(options->lease_table);
    kcl->options.stream_arn = tr_strdup(options->stream_arn);
    kcl->options.records_max = options->records_max > 0 ? options->records_max : 1000;
    tr_random_init(&kcl->random, options->seed);
    kcl->now = now_ms;
    kcl->take_at = now_ms;
    kcl->renew_at = now_ms;
    return kcl;
}

void kcl_free(struct kcl *kcl)
{
    size_t i;
    for (i = 0; i < kcl->held_count; i++) {
        free_held(kcl->held[i]);
    }
    tr_free(kcl->held);
    tr_free(kcl->calls);
    tr_free(kcl->seen);
    tr_free(kcl->chosen);
    tr_buf_deinit(&kcl->last_key);
    tr_free((void *)(uintptr_t)kcl->options.id);
    tr_free((void *)(uintptr_t)kcl->options.lease_table);
    tr_free((void *)(uintptr_t)kcl->options.stream_arn);
    tr_free(kcl);
}

size_t kcl_held(const struct kcl *kcl)
{
    size_t i, count = 0;
    for (i = 0; i < kcl->held_count; i++) {
        count += kcl->held[i]->lost ? 0 : 1;
    }
    return count;
}

/* ---- steps ---- */

static struct call take_call(struct kcl *kcl, uint64_t op)
{
    size_t i;
    for (i = 0; i < kcl->call_count; i++) {
        if (kcl->calls[i].op == op) {
            struct call call = kcl->calls[i];
            kcl->calls[i] = kcl->calls[--kcl->call_count];
            return call;
        }
    }
    return (struct call){0};
}

static void on_answer(struct kcl *kcl, const struct kcl_event *event)
{
    struct call call = take_call(kcl, event->op);
    if (call.kind == CALL_SCAN) {
        kcl_on_scan(kcl, event);
    } else if (call.kind == CALL_TAKE) {
        kcl_on_take(kcl, event);
    } else if (call.held == NULL || call.held->lost) {
        return; /* nobody asks any more */
    } else if (call.kind == CALL_RENEW) {
        on_renewal(kcl, call.held, event);
    } else if (call.kind == CALL_RECOVER) {
        on_recovery(kcl, call.held, event);
    } else if (call.kind == CALL_CHECKPOINT || call.kind == CALL_END) {
        kcl_on_checkpoint(kcl, call.held, call.kind, event);
    } else {
        kcl_on_shard(kcl, call.held, call.kind, event);
    }
}

static void on_processed(struct kcl *kcl, const struct kcl_event *event)
{
    size_t i;
    for (i = 0; i < kcl->held_count; i++) {
        if (kcl->held[i]->process_op == event->op) {
            kcl_on_processed(kcl, kcl->held[i], event->done);
            return;
        }
    }
}

/* At the end only what is in hand is finished and checkpointed. */
static bool is_busy(const struct held *held)
{
    return !held->lost && (held->state == PROCESSING || held->state == CHECKPOINTING);
}

static void go_on(struct kcl *kcl)
{
    bool busy = false;
    size_t i;
    for (i = 0; i < kcl->held_count; i++) {
        struct held *held = kcl->held[i];
        if (!held->lost && kcl->now - held->renewed_at > kcl->options.failover_ms) {
            kcl_lose(kcl, held);
        }
        if (!kcl->stopping || is_busy(held)) {
            kcl_shard_due(kcl, held);
            next_write(kcl, held);
        }
        busy = busy || is_busy(held) || held->process_op != 0;
    }
    if (kcl->stopping && !busy && !kcl->done) {
        kcl->done = true;
        (void)kcl_effect(kcl, KCL_FX_DONE);
    }
}

void kcl_step(struct kcl *kcl, const struct kcl_event *event, struct kcl_effects *out)
{
    kcl->out = out;
    kcl->now = event->now_ms > kcl->now ? event->now_ms : kcl->now;
    if (kcl->done) {
        return;
    }
    sweep(kcl); /* what the last step's effects may still show */
    switch (event->kind) {
    case KCL_EV_TICK:
        break;
    case KCL_EV_ANSWER:
        on_answer(kcl, event);
        break;
    case KCL_EV_PROCESSED:
        on_processed(kcl, event);
        break;
    case KCL_EV_STOP:
        kcl->stopping = true;
        break;
    }
    go_on(kcl);
    renewer_due(kcl);
    kcl_taker_due(kcl);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t kcl_deadline(const struct kcl *kcl)
{
    uint64_t at = NEVER;
    size_t i;
    if (kcl->done) {
        return NEVER;
    }
    if (!kcl->stopping && !kcl->scanning && !kcl->taking) {
        at = kcl->take_at;
    }
    if (!kcl->stopping && kcl->round_left == 0) {
        at = earlier(at, kcl->renew_at);
    }
    for (i = 0; i < kcl->held_count; i++) {
        const struct held *held = kcl->held[i];
        if (held->lost) {
            continue;
        }
        at = earlier(at, held->renewed_at + kcl->options.failover_ms + 1);
        if (!held->asking && held->process_op == 0 && (!kcl->stopping || is_busy(held))) {
            at = earlier(at, held->next_at);
        }
    }
    return at;
}
