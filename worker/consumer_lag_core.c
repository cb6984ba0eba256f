/* SPDX-License-Identifier: Apache-2.0
 *
 * How far behind a consumer is. An empty page says nothing by itself (a shard may give many before
 * its next record), so a shard counts as read to its tip after several in a row. */
#include "worker/consumer_parts.h"

#define TIP_EMPTY_PAGES 5u

static bool read_to_tip(const struct slot *slot)
{
    return slot->page_count == 0 && slot->slicing == NULL &&
           (slot->ended || slot->reader.empty_pages >= TIP_EMPTY_PAGES);
}

/* When the record was made that says how far behind the shard is; 0: not known. */
static int64_t reference_ms(const struct slot *slot)
{
    int64_t ms = 0;
    if (slot->page_count > 0) {
        return tr_page_created_ms(slot->pages[0].page, slot->pages[0].next, &ms) ? ms : 0;
    }
    return slot->done_at_ms;
}

bool tr_consumer_lag(const struct tr_consumer *c, struct tr_wall now, uint64_t *ms, size_t *unknown)
{
    uint64_t worst = 0;
    bool some = false;
    size_t i;

    *unknown = 0;
    for (i = 0; i < c->slot_count; i++) {
        const struct slot *slot = c->slots[i];
        int64_t made;
        if (slot == NULL || !slot->held) {
            continue;
        }
        made = read_to_tip(slot) ? now.ms : reference_ms(slot);
        if (made == 0) {
            ++*unknown;
            continue;
        }
        some = true;
        if (now.ms > made && (uint64_t)(now.ms - made) > worst) {
            worst = (uint64_t)(now.ms - made);
        }
    }
    if (some) {
        *ms = worst;
    }
    return some;
}
