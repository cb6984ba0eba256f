/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that are missing: trimmed before anybody read them, gone for good. Each such place is
 * told with what bounds it, and then the configuration's on_gap decides: go on, or leave the shard
 * as it is, checkpoint included, until somebody has looked. */
#include "worker/consumer_parts.h"

#include "base/err.h"

#define WHAT_TO_DO                                                                                 \
    "records are missing and on_gap is 'stop': it is not read on and its checkpoint stays; to go " \
    "on without them, start with on_gap 'continue'"

static void add_time(struct tr_buf *out, int64_t ms)
{
    if (ms > 0) {
        tr_buf_add_str(out, " (written ");
        tr_wall_format(out, (struct tr_wall){ms});
        tr_buf_add_char(out, ')');
    }
}

static void add_astray(struct tr_buf *out, const struct gap *gap)
{
    tr_buf_add_str(out, "checkpoint ");
    tr_position_format(out, &gap->from);
    tr_buf_add_str(out, " is no record of the shard");
    if (tr_position_is_sequence(&gap->to)) {
        bool before = tr_position_cmp(&gap->to, &gap->from) < 0;
        tr_buf_add_str(out, before ? ", which has " : ", which goes on with ");
        tr_position_format(out, &gap->to);
        add_time(out, gap->to_ms);
    } else {
        tr_buf_add_str(out, ", which ended without it");
    }
    tr_buf_add_str(out, ": records before it may not have been delivered");
}

static void add_bounds(struct tr_buf *out, const struct gap *gap, struct tr_wall now)
{
    if (gap->why != NULL) {
        tr_buf_add_str(out, gap->why);
        return;
    }
    if (gap->astray) {
        add_astray(out, gap);
        return;
    }
    tr_buf_add_str(out, gap->from_at ? "from " : "after ");
    tr_position_format(out, &gap->from);
    add_time(out, gap->from_ms);
    if (tr_position_is_sequence(&gap->to)) {
        tr_buf_add_str(out, ", before ");
        tr_position_format(out, &gap->to);
        add_time(out, gap->to_ms);
    } else if (gap->ended) {
        tr_buf_add_str(out, ", up to the end of the shard");
    } else {
        tr_buf_add_str(out, ", and nothing is left until now, ");
        tr_wall_format(out, now);
    }
}

bool tr_consumer_gap_holds(const struct tr_consumer *c, struct tr_bytes shard)
{
    return tr_map_get(&c->gaps, shard) != NULL;
}

/* on_gap: stop. */
static void hold(struct tr_consumer *c, const struct gap *gap, struct slot *slot)
{
    if (slot != NULL) {
        slot->gapped = true;
        c->gapped++;
    } else if (tr_map_set(&c->gaps, gap->shard, c) != TR_OK) {
        c->out_of_memory = true; /* told again then */
    }
    tr_consumer_note(c, TR_NOTE_SHARD_STOPPED, gap->shard, 0, 0, TR_LIT(WHAT_TO_DO));
    if (c->options.once && c->gap_err.text[0] == '\0') {
        (void)tr_fail(&c->gap_err, TR_ETRIMMED, "consumer '%s': shard '%.*s': %s", c->options.name,
                      TR_FMT(gap->shard), WHAT_TO_DO);
    }
}

bool tr_consumer_gap(struct tr_consumer *c, const struct gap *gap)
{
    struct slot *slot = tr_map_get(&c->by_key, gap->shard);
    struct tr_buf bounds = {0};

    if (slot != NULL ? slot->gapped : tr_consumer_gap_holds(c, gap->shard)) {
        return false;
    }
    add_bounds(&bounds, gap, c->wall);
    tr_consumer_note(c, TR_NOTE_GAP, gap->shard, 0, 0,
                     bounds.failed ? TR_LIT("not known for lack of memory")
                                   : tr_buf_bytes(&bounds));
    tr_buf_deinit(&bounds);
    if (!c->options.stop_on_gap) {
        return true;
    }
    hold(c, gap, slot);
    return false;
}
