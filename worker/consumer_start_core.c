/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the fleet's first start begins. For `latest` and `at_timestamp` a time is fixed once, by
 * the first row of the lease table, and stands in every row: DynamoDB Streams has no AT_TIMESTAMP,
 * and LATEST asked for again skips what was written meanwhile. Whoever finds a row takes over what
 * stands there, whatever it is configured to. Two workers that start at once may each make a first
 * row; so behind its own each reads the table once more, consistently, and the smaller time counts:
 * of two, the one that was made later sees the other (decision 0018). */
#include "worker/consumer_parts.h"

#include "base/mutant.h"

/* Stamps are rounded down to the second. */
#define STAMP_MS 1000
/* The service's hosts may differ by as much; so much older data may come, and nothing is lost. */
#define SLACK_MS 1000
/* No start lies ahead of the service's time; its hosts may differ, by far less than this. */
#define AHEAD_MS 60000
/* Records are kept for so long. */
#define RETENTION_MS (24ll * 3600 * 1000)

int64_t tr_consumer_start_floor(int64_t start_ms)
{
    return start_ms / STAMP_MS * STAMP_MS;
}

bool tr_consumer_start_settled(const struct tr_consumer *c)
{
    return c->start.state == START_SETTLED;
}

bool tr_consumer_start_takes_leaves(const struct tr_consumer *c)
{
    return c->start.state == START_OPEN && c->options.start == TR_START_LATEST;
}

bool tr_consumer_start_is_recent(const struct tr_consumer *c)
{
    return c->start.has_ms && c->wall.ms - c->start.ms < RETENTION_MS;
}

void tr_consumer_start_date(struct tr_consumer *c, struct tr_wall date)
{
    c->start.date_ms = date.ms > 0 ? date.ms : c->start.date_ms;
}

/* A start that somebody wrote by hand and that has not come yet: all that is written until then
 * would be passed over. It counts as none: repeated, never skipped. */
static bool is_ahead(const struct tr_consumer *c, const struct tr_lease_row *row)
{
    return row->has_start_ms && (int64_t)row->start_ms > c->wall.ms + AHEAD_MS;
}

static void inherit(struct tr_consumer *c, const struct tr_lease_row *row)
{
    struct start *start = &c->start;
    if (row->has_start_ms && !is_ahead(c, row) &&
        (!start->has_ms || (int64_t)row->start_ms < start->ms)) {
        start->has_ms = true;
        start->ms = (int64_t)row->start_ms;
    }
}

static void settle(struct tr_consumer *c)
{
    struct tr_buf text = {0};
    if (c->start.state != START_UNKNOWN && c->start.has_ms) {
        tr_wall_format(&text, (struct tr_wall){c->start.ms});
        tr_consumer_note(c, TR_NOTE_START_FIXED, (struct tr_bytes){NULL, 0}, 0, 0,
                         tr_buf_bytes(&text));
        tr_buf_deinit(&text);
    }
    c->start.state = START_SETTLED;
}

void tr_consumer_start_row(struct tr_consumer *c, const struct tr_lease_row *row)
{
    inherit(c, row);
    if (c->start.state == START_OPEN || c->start.state == START_FIXING) {
        c->start.state = START_CHECKING;
        c->start.scan = c->scan.number;
    }
}

void tr_consumer_start_scanned(struct tr_consumer *c, const struct tr_lease_row *rows, size_t count,
                               size_t bad)
{
    struct start *start = &c->start;
    bool empty = count + bad == 0;
    size_t i;

    for (i = 0; i < count; i++) {
        inherit(c, &rows[i]);
    }
    switch (start->state) {
    case START_UNKNOWN:
        if (empty && c->options.start != TR_START_TRIM_HORIZON) {
            start->state = START_OPEN;
            return;
        }
        settle(c);
        return;
    case START_OPEN:
        if (!empty) {
            settle(c);
        }
        return;
    case START_FIXING:
        if (!empty) {
            start->state = START_CHECKING;
            start->scan = c->scan.number;
        }
        return;
    case START_CHECKING:
        if (c->scan.number > start->scan) {
            settle(c);
        }
        return;
    case START_SETTLED:
        return;
    }
}

/* The time to fix, by the service's clock; false: not now. */
static bool choose(struct tr_consumer *c, int64_t *ms)
{
    struct tr_buf text = {0};
    if (c->start.date_ms == 0) {
        if (!c->start.told) {
            tr_consumer_note(c, TR_NOTE_START_WAITS, (struct tr_bytes){NULL, 0}, 0, 0,
                             TR_LIT("no answer has had a Date header yet"));
        }
        c->start.told = true;
        return false;
    }
    if (c->options.start == TR_START_LATEST) {
        *ms = c->start.date_ms > SLACK_MS ? c->start.date_ms - SLACK_MS : 0;
        return true;
    }
    *ms = c->options.start_ms;
    if (*ms <= c->start.date_ms + STAMP_MS) {
        return true;
    }
    tr_wall_format(&text, (struct tr_wall){*ms});
    tr_consumer_fail(c, TR_ECONFIG,
                     "consumer '%s': stream.start.at_timestamp: '%s' lies in the future, and would "
                     "pass over all that is written until then",
                     c->options.name, text.ptr != NULL ? text.ptr : "it");
    tr_buf_deinit(&text);
    return false;
}

bool tr_consumer_start_stamp(struct tr_consumer *c, struct tr_lease_write *write)
{
    int64_t ms = c->start.ms;
    if (c->start.state == START_SETTLED) {
        write->has_start_ms = c->start.has_ms && !TR_MUTANT(START_NOT_INHERITED);
    } else if (c->start.state == START_OPEN && !c->stopping && choose(c, &ms)) {
        write->has_start_ms = true;
        c->start.state = START_FIXING;
    } else {
        return false;
    }
    write->start_ms = write->has_start_ms ? (uint64_t)ms : 0;
    return true;
}

void tr_consumer_start_slot(struct tr_consumer *c, struct slot *slot,
                            const struct tr_lease_row *row)
{
    struct tr_buf text = {0};
    bool ahead = is_ahead(c, row);
    slot->has_start = slot->passing = row->has_start_ms && (!ahead || c->start.has_ms);
    slot->start_ms = (int64_t)row->start_ms;
    if (c->start.has_ms && c->start.ms < slot->start_ms) {
        slot->start_ms = c->start.ms;
    }
    if (ahead) {
        tr_wall_format(&text, (struct tr_wall){(int64_t)row->start_ms});
        tr_consumer_note(c, TR_NOTE_START_AHEAD, row->key, 0, 0, tr_buf_bytes(&text));
        tr_buf_deinit(&text);
    }
}

void tr_consumer_start_pump(struct tr_consumer *c)
{
    if (c->start.state == START_CHECKING && !c->start.looked && !c->scan.active) {
        c->start.looked = true;
        tr_consumer_lease_event(c, &(struct tr_lease_event){.kind = TR_LEASE_EV_LOOK});
    }
}
