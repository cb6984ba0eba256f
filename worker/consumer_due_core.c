/* SPDX-License-Identifier: Apache-2.0
 *
 * Which held lease wants to be looked at when: a heap of the slots, so that a step costs what it
 * touches and not what is held. A slot is looked at in the step that touches it (an answer to it, a
 * change of its lease) and when it is due; all slots and rows are looked at after whatever may
 * concern any of them (docs/architecture.md), and once a second in any case. */
#include "worker/consumer_parts.h"

#include "base/mem.h"

#define LOOK_EVERY_MS 1000u

/* Earlier first; of one time the smaller index, so that the order is the same in every run. */
static bool is_before(const struct slot *a, const struct slot *b)
{
    return a->due.ns != b->due.ns ? a->due.ns < b->due.ns : a->index < b->index;
}

static void place(struct tr_consumer *c, size_t at, struct slot *slot)
{
    c->due[at] = slot;
    slot->due_place = at;
}

static void sift(struct tr_consumer *c, struct slot *slot)
{
    size_t at = slot->due_place, child;
    while (at > 0 && is_before(slot, c->due[(at - 1) / 2])) {
        place(c, at, c->due[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    while ((child = 2 * at + 1) < c->due_count) {
        child += child + 1 < c->due_count && is_before(c->due[child + 1], c->due[child]);
        if (!is_before(c->due[child], slot)) {
            break;
        }
        place(c, at, c->due[child]);
        at = child;
    }
    place(c, at, slot);
}

bool tr_consumer_due_room(struct tr_consumer *c)
{
    return tr_grow(&c->due, &c->due_cap, c->due_count + 1, sizeof *c->due);
}

void tr_consumer_due_add(struct tr_consumer *c, struct slot *slot)
{
    slot->due = (struct tr_mono){0};
    slot->due_place = c->due_count++;
    sift(c, slot);
}

void tr_consumer_due_remove(struct tr_consumer *c, struct slot *slot)
{
    struct slot *last = c->due[--c->due_count];
    if (last != slot) {
        last->due_place = slot->due_place;
        sift(c, last);
    }
}

void tr_consumer_due_at(struct tr_consumer *c, struct slot *slot, struct tr_mono at)
{
    slot->due = at;
    sift(c, slot);
}

void tr_consumer_touch(struct tr_consumer *c, struct slot *slot)
{
    tr_consumer_due_at(c, slot, (struct tr_mono){0});
}

void tr_consumer_look(struct tr_consumer *c)
{
    c->look = true;
}

bool tr_consumer_looks(const struct tr_consumer *c)
{
    return c->look || c->stopping || tr_map_count(&c->wanted) > 0 ||
           !tr_consumer_start_settled(c) || tr_mono_reached(c->now, c->look_at);
}

void tr_consumer_looked(struct tr_consumer *c)
{
    c->look = false;
    c->look_at = tr_mono_add_ms(c->now, LOOK_EVERY_MS);
}

struct slot *tr_consumer_due_now(struct tr_consumer *c)
{
    return c->due_count > 0 && tr_mono_reached(c->now, c->due[0]->due) ? c->due[0] : NULL;
}

struct tr_mono tr_consumer_due_next(const struct tr_consumer *c)
{
    return c->due_count > 0 ? tr_mono_min(c->due[0]->due, c->look_at) : TR_MONO_NEVER;
}
