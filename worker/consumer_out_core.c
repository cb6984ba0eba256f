/* SPDX-License-Identifier: Apache-2.0
 *
 * What a consumer's step gives out: effects, notes and calls, their op ids, and the first reason
 * for its end. */
#include "worker/consumer_parts.h"

#include "base/mem.h"

#include <stdarg.h>

#define BACKOFF_MIN_MS 100u
/* At the start, ResourceNotFound from a stream or a table that was just seen. */
#define NOT_FOUND_TRIES 5u

/* op = kind (4 bits), slot (16), generation (8), number (36) */
#define NUMBER_BITS 36u

uint64_t tr_consumer_op(enum op_kind kind, const struct slot *slot, uint64_t number)
{
    uint64_t op = (uint64_t)kind | (number & ((1ull << NUMBER_BITS) - 1)) << 28;
    if (slot != NULL) {
        op |= (uint64_t)slot->index << 4 | (uint64_t)slot->generation << 20;
    }
    return op;
}

enum op_kind tr_consumer_op_kind(uint64_t op)
{
    return (enum op_kind)(op & 15);
}

uint64_t tr_consumer_op_number(uint64_t op)
{
    return op >> 28;
}

struct slot *tr_consumer_slot(struct tr_consumer *c, uint64_t op)
{
    size_t index = (size_t)(op >> 4 & 0xffff);
    struct slot *slot = index < c->slot_count ? c->slots[index] : NULL;
    if (slot == NULL || slot->generation != (uint8_t)(op >> 20)) {
        return NULL;
    }
    tr_consumer_touch(c, slot);
    return slot;
}

void tr_consumer_effects_reset(struct tr_consumer_effects *effects)
{
    size_t i;
    for (i = 0; i < effects->count; i++) {
        tr_buf_deinit(&effects->items[i].body);
    }
    for (i = 0; i < effects->string_count; i++) {
        tr_free(effects->strings[i]);
    }
    effects->count = 0;
    effects->string_count = 0;
}

void tr_consumer_effects_deinit(struct tr_consumer_effects *effects)
{
    tr_consumer_effects_reset(effects);
    tr_free(effects->items);
    tr_free(effects->strings);
    *effects = (struct tr_consumer_effects){0};
}

struct tr_consumer_effect *tr_consumer_emit(struct tr_consumer *c,
                                            enum tr_consumer_effect_kind kind)
{
    struct tr_consumer_effects *out = c->out;
    struct tr_consumer_effect *fx;
    if (!tr_grow(&out->items, &out->cap, out->count + 1, sizeof *out->items)) {
        c->out_of_memory = true;
        return NULL;
    }
    fx = &out->items[out->count++];
    *fx = (struct tr_consumer_effect){.kind = kind};
    return fx;
}

/* A copy of a note's bytes that lives as long as the effects. */
static struct tr_bytes keep(struct tr_consumer *c, struct tr_bytes bytes)
{
    struct tr_consumer_effects *out = c->out;
    char *copy;
    if (bytes.ptr == NULL) {
        return bytes;
    }
    if (!tr_grow(&out->strings, &out->string_cap, out->string_count + 1, sizeof *out->strings) ||
        (copy = tr_memdup(bytes.ptr, bytes.len)) == NULL) {
        c->out_of_memory = true;
        return (struct tr_bytes){NULL, 0};
    }
    out->strings[out->string_count++] = copy;
    return (struct tr_bytes){copy, bytes.len};
}

void tr_consumer_note(struct tr_consumer *c, enum tr_note_id id, struct tr_bytes shard, uint64_t a,
                      uint64_t b, struct tr_bytes text)
{
    struct tr_note note = {.id = id, .a = a, .b = b};
    struct tr_consumer_effect *fx;
    note.consumer = keep(c, tr_bytes_of(c->options.name));
    note.shard = keep(c, shard);
    note.text = keep(c, text);
    fx = tr_consumer_emit(c, TR_CONSUMER_FX_NOTE);
    if (fx != NULL) {
        fx->note = note;
    }
}

struct tr_buf *tr_consumer_call(struct tr_consumer *c, uint64_t op, enum tr_aws_service service,
                                enum tr_aws_class class, const char *operation,
                                unsigned attempts_max, uint64_t timeout_ms)
{
    struct tr_consumer_effect *fx = tr_consumer_emit(c, TR_CONSUMER_FX_CALL);
    if (fx == NULL) {
        return NULL;
    }
    fx->op = op;
    fx->request = (struct tr_aws_request){
        .service = service,
        .class = class,
        .operation = operation,
        .attempts_max = attempts_max,
        .attempt_timeout_ms = attempts_max == 1 ? timeout_ms : 0,
        .timeout_ms = timeout_ms,
    };
    return &fx->body;
}

uint64_t tr_consumer_backoff_ms(struct tr_consumer *c, unsigned failures, uint64_t max_ms)
{
    uint64_t wait = BACKOFF_MIN_MS;
    while (failures-- > 0 && wait < max_ms) {
        wait *= 2;
    }
    wait = wait < max_ms ? wait : max_ms;
    return wait / 2 + tr_random_below(&c->random, wait / 2 + 1);
}

/* The run cannot go on: remember why, give the leases back, end. The first reason counts. */
void tr_consumer_fail(struct tr_consumer *c, enum tr_status status, const char *fmt, ...)
{
    va_list args;
    if (c->end_status != TR_OK) {
        return;
    }
    c->end_status = status;
    va_start(args, fmt);
    (void)vsnprintf(c->end_err.text, sizeof c->end_err.text, fmt, args);
    va_end(args);
    c->stopping = true;
}

bool tr_consumer_may_pass(enum tr_status status, unsigned failures)
{
    return tr_status_class(status) == TR_CLASS_RETRY ||
           (status == TR_ENOTFOUND && failures < NOT_FOUND_TRIES);
}
