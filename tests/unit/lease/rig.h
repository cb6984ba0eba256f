/* SPDX-License-Identifier: Apache-2.0
 *
 * One lease core with a clock of its own, and its effects as text: a golden trace has a line for
 * each effect, "<ms> <what> ...". */
#ifndef TR_TESTS_UNIT_LEASE_RIG_H
#define TR_TESTS_UNIT_LEASE_RIG_H

#include "base/mem.h"
#include "lease/lease_core.h"
#include "tests/support/test.h"

#include <string.h>

struct rig {
    struct tr_lease_core *core;
    struct tr_lease_effects out;
    struct tr_mono now;
    struct tr_buf trace;
    bool notes;      /* in the trace */
    uint64_t scan;   /* the last op of a scan */
    uint64_t write;  /* the last op of a write */
    uint64_t read;   /* the last op of a read */
    uint64_t glance; /* ... at the doorbell */
    uint64_t ring;   /* the last op of a ring */
    unsigned rings;
    struct tr_bytes ring_key;
    struct tr_mono sent; /* of the last write */
    struct tr_mono valid_until;
    struct tr_lease_write last; /* the last write; its bytes are copied below */
    enum tr_status lost;        /* the last LOST's status */
    enum tr_status released;
    unsigned count[TR_LEASE_FX_NOTE + 1];
    unsigned note_count[TR_NOTE_COUNT];
};

#define RIG_START_MS 1000000u
#define RIG_FAILOVER_MS 10000u

static inline const char *rig_write_name(enum tr_lease_write_kind kind)
{
    static const char *const names[] = {"create",  "take",    "renew", "checkpoint",
                                        "release", "request", "ring",  "delete"};
    return names[kind];
}

static inline void rig_trace_write(struct rig *rig, const struct tr_lease_effect *fx)
{
    const struct tr_lease_write *w = &fx->write;
    tr_buf_printf(&rig->trace, "%s %.*s", rig_write_name(w->kind), TR_FMT(w->key));
    if (w->kind != TR_LEASE_CREATE) {
        tr_buf_printf(&rig->trace, " %.*s/%llu",
                      w->expected_owner.ptr != NULL ? (int)w->expected_owner.len : 1,
                      w->expected_owner.ptr != NULL ? w->expected_owner.ptr : "-",
                      (unsigned long long)w->expected_counter);
    }
    tr_buf_printf(&rig->trace, " -> %llu", (unsigned long long)w->counter);
    if (w->owner.ptr != NULL) {
        tr_buf_printf(&rig->trace, " by %.*s", TR_FMT(w->owner));
    }
    if (w->has_position) {
        tr_buf_add_str(&rig->trace, " at ");
        tr_position_format(&rig->trace, &w->position);
    }
}

/* Rings and looks at the doorbell come between all else: they have a place of their own. */
static inline bool is_bell(const struct tr_lease_effect *fx)
{
    return fx->kind == TR_LEASE_FX_GLANCE ||
           (fx->kind == TR_LEASE_FX_WRITE && fx->write.kind == TR_LEASE_RING);
}

static inline void rig_trace(struct rig *rig, const struct tr_lease_effect *fx)
{
    uint64_t at = rig->now.ns / TR_NS_PER_MS - RIG_START_MS;
    if ((fx->kind == TR_LEASE_FX_NOTE && !rig->notes) || is_bell(fx)) {
        return;
    }
    tr_buf_printf(&rig->trace, "%llu ", (unsigned long long)at);
    switch (fx->kind) {
    case TR_LEASE_FX_SCAN:
        tr_buf_add_str(&rig->trace, "scan");
        break;
    case TR_LEASE_FX_WRITE:
        rig_trace_write(rig, fx);
        break;
    case TR_LEASE_FX_READ:
        tr_buf_printf(&rig->trace, "read %.*s", TR_FMT(fx->key));
        break;
    case TR_LEASE_FX_GLANCE:
        break;
    case TR_LEASE_FX_HAND_OVER:
        tr_buf_printf(&rig->trace, "hand over %.*s", TR_FMT(fx->key));
        break;
    case TR_LEASE_FX_GRANTED:
        tr_buf_printf(&rig->trace, "granted %.*s at ", TR_FMT(fx->key));
        tr_position_format(&rig->trace, &fx->row.checkpoint);
        tr_buf_printf(&rig->trace, " until %llu",
                      (unsigned long long)(fx->valid_until.ns / TR_NS_PER_MS - RIG_START_MS));
        break;
    case TR_LEASE_FX_VALID:
        tr_buf_printf(&rig->trace, "valid %.*s until %llu", TR_FMT(fx->key),
                      (unsigned long long)(fx->valid_until.ns / TR_NS_PER_MS - RIG_START_MS));
        break;
    case TR_LEASE_FX_LOST:
        tr_buf_printf(&rig->trace, "lost %.*s %s", TR_FMT(fx->key), tr_status_name(fx->status));
        break;
    case TR_LEASE_FX_STORED:
        tr_buf_printf(&rig->trace, "stored %.*s ", TR_FMT(fx->key));
        tr_position_format(&rig->trace, &fx->position);
        break;
    case TR_LEASE_FX_RELEASED:
        tr_buf_printf(&rig->trace, "released %.*s %s", TR_FMT(fx->key), tr_status_name(fx->status));
        break;
    case TR_LEASE_FX_GONE:
        tr_buf_printf(&rig->trace, "gone %.*s", TR_FMT(fx->key));
        break;
    case TR_LEASE_FX_ROW:
        tr_buf_printf(&rig->trace, "row %.*s", TR_FMT(fx->key));
        break;
    case TR_LEASE_FX_NOTE:
        tr_buf_printf(&rig->trace, "note %s %.*s %llu %.*s", tr_note_row(fx->note.id)->id,
                      TR_FMT(fx->note.shard), (unsigned long long)fx->note.a,
                      TR_FMT(fx->note.text));
        break;
    }
    tr_buf_add_char(&rig->trace, '\n');
}

static inline void rig_look(struct rig *rig, const struct tr_lease_effect *fx)
{
    if (fx->kind == TR_LEASE_FX_WRITE && is_bell(fx)) {
        rig->ring = fx->op;
        rig->ring_key = fx->write.key;
        rig->rings++;
        return;
    }
    rig->count[fx->kind]++;
    switch (fx->kind) {
    case TR_LEASE_FX_SCAN:
        rig->scan = fx->op;
        break;
    case TR_LEASE_FX_WRITE:
        rig->write = fx->op;
        rig->last = fx->write;
        rig->sent = rig->now;
        break;
    case TR_LEASE_FX_READ:
        rig->read = fx->op;
        break;
    case TR_LEASE_FX_GLANCE:
        rig->glance = fx->op;
        break;
    case TR_LEASE_FX_GRANTED:
    case TR_LEASE_FX_VALID:
        rig->valid_until = fx->valid_until;
        break;
    case TR_LEASE_FX_LOST:
        rig->lost = fx->status;
        break;
    case TR_LEASE_FX_RELEASED:
        rig->released = fx->status;
        break;
    case TR_LEASE_FX_NOTE:
        rig->note_count[fx->note.id]++;
        break;
    case TR_LEASE_FX_HAND_OVER:
    case TR_LEASE_FX_STORED:
    case TR_LEASE_FX_GONE:
    case TR_LEASE_FX_ROW:
        break;
    }
}

static inline enum tr_status rig_try(struct rig *rig, struct tr_lease_event ev)
{
    enum tr_status status;
    size_t i;
    ev.now = rig->now;
    status = tr_lease_core_step(rig->core, &ev, &rig->out);
    (void)tr_mem_fail_at(-1); /* the trace needs memory of its own */
    for (i = 0; status == TR_OK && i < rig->out.count; i++) {
        rig_trace(rig, &rig->out.items[i]);
        rig_look(rig, &rig->out.items[i]);
    }
    return status;
}

static inline void rig_step(struct rig *rig, struct tr_lease_event ev)
{
    tr_assert_status(rig_try(rig, ev), TR_OK, NULL);
}

static inline void rig_init(struct rig *rig, const struct tr_lease_options *options)
{
    struct tr_lease_options defaults = {.worker_id = TR_LIT("me"),
                                        .failover_ms = RIG_FAILOVER_MS,
                                        .seed = 7,
                                        .leases_max = 16,
                                        .writes_max = 8};
    *rig = (struct rig){.now = {(uint64_t)RIG_START_MS * TR_NS_PER_MS}};
    tr_assert_status(tr_lease_core_new(options != NULL ? options : &defaults, rig->now, &rig->core),
                     TR_OK, NULL);
}

static inline void rig_deinit(struct rig *rig)
{
    tr_lease_core_free(rig->core);
    tr_lease_effects_deinit(&rig->out);
    tr_buf_deinit(&rig->trace);
}

/* Time passes: the core is stepped whenever it wants to be. */
static inline void rig_pass(struct rig *rig, uint64_t ms)
{
    struct tr_mono until = tr_mono_add_ms(rig->now, ms);
    while (tr_mono_before(tr_lease_core_deadline(rig->core), until)) {
        rig->now = tr_mono_max(rig->now, tr_lease_core_deadline(rig->core));
        rig_step(rig, (struct tr_lease_event){.kind = TR_LEASE_EV_TICK});
    }
    rig->now = until;
    rig_step(rig, (struct tr_lease_event){.kind = TR_LEASE_EV_TICK});
}

/* Time passes until a write (a scan) is sent. */
static inline void rig_until(struct rig *rig, enum tr_lease_effect_kind kind)
{
    unsigned before = rig->count[kind], steps;
    for (steps = 0; rig->count[kind] == before; steps++) {
        assert_true(steps < 100);
        rig->now = tr_mono_max(rig->now, tr_lease_core_deadline(rig->core));
        rig_step(rig, (struct tr_lease_event){.kind = TR_LEASE_EV_TICK});
    }
}

static inline struct tr_lease_row rig_row(const char *key, const char *owner, uint64_t counter,
                                          const char *checkpoint)
{
    struct tr_lease_row row = {
        .key = tr_bytes_of(key), .owner = tr_bytes_of(owner), .counter = counter};
    tr_assert_status(tr_position_parse(tr_bytes_of(checkpoint), &row.checkpoint, NULL), TR_OK,
                     NULL);
    return row;
}

static inline void rig_scanned(struct rig *rig, const struct tr_lease_row *rows, size_t count)
{
    rig_step(rig,
             (struct tr_lease_event){
                 .kind = TR_LEASE_EV_SCANNED, .op = rig->scan, .rows = rows, .row_count = count});
}

/* A scan that shows one row: waits until the core asks for it. */
static inline void rig_scan_row(struct rig *rig, struct tr_lease_row row)
{
    rig_until(rig, TR_LEASE_FX_SCAN);
    rig_scanned(rig, &row, 1);
}

static inline void rig_answer(struct rig *rig, enum tr_status status,
                              const struct tr_lease_row *row)
{
    rig_step(rig, (struct tr_lease_event){.kind = TR_LEASE_EV_WRITTEN,
                                          .op = rig->write,
                                          .status = status,
                                          .rows = row,
                                          .row_count = row != NULL});
}

static inline void rig_unanswered(struct rig *rig)
{
    rig_step(rig, (struct tr_lease_event){.kind = TR_LEASE_EV_WRITTEN,
                                          .op = rig->write,
                                          .status = TR_ETIMEOUT,
                                          .may_have_happened = true});
}

static inline void rig_rung(struct rig *rig, enum tr_status status)
{
    rig_step(rig, (struct tr_lease_event){
                      .kind = TR_LEASE_EV_WRITTEN, .op = rig->ring, .status = status});
}

static inline void rig_read(struct rig *rig, enum tr_status status, const struct tr_lease_row *row)
{
    rig_step(rig, (struct tr_lease_event){.kind = TR_LEASE_EV_READ,
                                          .op = rig->read,
                                          .status = status,
                                          .rows = row,
                                          .row_count = row != NULL});
}

static inline void rig_key(struct rig *rig, enum tr_lease_event_kind kind, const char *key)
{
    rig_step(rig, (struct tr_lease_event){.kind = kind, .key = tr_bytes_of(key)});
}

static inline void rig_checkpoint(struct rig *rig, const char *key, const char *position)
{
    struct tr_lease_event ev = {.kind = TR_LEASE_EV_CHECKPOINT, .key = tr_bytes_of(key)};
    tr_assert_status(tr_position_parse(tr_bytes_of(position), &ev.position, NULL), TR_OK, NULL);
    rig_step(rig, ev);
}

/* A row without owner at counter 5 is seen, taken and granted: held at counter 6. */
static inline void rig_hold(struct rig *rig, const char *key)
{
    struct tr_lease_row row = rig_row(key, NULL, 5, "TRIM_HORIZON");
    rig_scan_row(rig, row);
    rig_key(rig, TR_LEASE_EV_READY, key);
    row = rig_row(key, "me", 6, "TRIM_HORIZON");
    rig_answer(rig, TR_OK, &row);
}

/* The trace since the last look. */
static inline void rig_expect(struct rig *rig, const char *want)
{
    tr_assert_bytes(rig->trace.ptr != NULL ? tr_buf_bytes(&rig->trace) : TR_LIT(""), want);
    tr_buf_reset(&rig->trace);
}

static inline void rig_forget(struct rig *rig)
{
    tr_buf_reset(&rig->trace);
}

static inline enum tr_lease_view rig_view(struct rig *rig, const char *key)
{
    return tr_lease_core_view(rig->core, tr_bytes_of(key));
}

#endif
