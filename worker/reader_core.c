/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/reader_core.h"

#include "base/assert.h"
#include "base/mutant.h"

/* Waits after failures: from 100 ms, doubling, to 5 s, the upper half of it by chance. */
#define RETRY_MIN_MS 100u
#define RETRY_MAX_MS 5000u
/* Where a position is refused for what it is, asking helps little. */
#define REFUSED_MAX_MS 60000u
/* A page whose newest record is older than this, or that is (nearly) full, is not the tip. */
#define BEHIND_LAG_MS 10000u
#define FULL_PAGE_BYTES (900u * 1024u)

void tr_reader_init(struct tr_reader *reader, const struct tr_reader_options *options)
{
    *reader = (struct tr_reader){.options = *options, .delay_ms = options->poll_min_ms};
    tr_random_init(&reader->random, options->seed);
    TR_ASSERT(options->limit >= 1 && options->limit <= TR_READER_RECORDS_MAX);
    TR_ASSERT(options->poll_min_ms <= options->poll_max_ms);
}

void tr_reader_deinit(struct tr_reader *reader)
{
    tr_buf_deinit(&reader->iterator);
}

static void move(struct tr_reader *reader, enum tr_reader_state state, struct tr_mono next)
{
    static const unsigned legal[] = {
        [TR_READER_NEW] = 1u << TR_READER_SEEKING,
        [TR_READER_SEEKING] = 1u << TR_READER_ASKING,
        [TR_READER_ASKING] = 1u << TR_READER_SEEKING | 1u << TR_READER_WAITING,
        [TR_READER_WAITING] = 1u << TR_READER_FETCHING | 1u << TR_READER_SEEKING,
        [TR_READER_FETCHING] =
            1u << TR_READER_WAITING | 1u << TR_READER_SEEKING | 1u << TR_READER_ENDED,
        [TR_READER_ENDED] = 0,
    };
    TR_ASSERT((legal[reader->state] & (1u << state)) != 0);
    TR_SEEN(READER, reader->state, state);
    reader->state = state;
    reader->next = next;
}

/* Where an iterator is to be asked for: behind the last record fetched (not the last processed:
 * what lies between is in hand), else at the start. */
static struct tr_position seek_position(const struct tr_reader *reader)
{
    return reader->has_fetched ? reader->fetched : reader->start;
}

/* The service takes five calls a second of a shard, whoever makes them and whatever they meet. */
static struct tr_mono next_fetch(const struct tr_reader *reader, struct tr_mono wanted)
{
    uint64_t apart_ms = reader->options.poll_min_ms < TR_READER_APART_MS
                            ? reader->options.poll_min_ms
                            : TR_READER_APART_MS;
    return reader->has_sent ? tr_mono_max(wanted, tr_mono_add_ms(reader->sent, apart_ms)) : wanted;
}

static struct tr_mono after_refusal(struct tr_reader *reader, struct tr_mono now, uint64_t max_ms)
{
    uint64_t wait = RETRY_MIN_MS;
    unsigned i;
    for (i = 0; i < reader->failures && wait < max_ms; i++) {
        wait *= 2;
    }
    wait = wait < max_ms ? wait : max_ms;
    reader->failures++;
    return tr_mono_add_ms(now, wait / 2 + tr_random_below(&reader->random, wait / 2 + 1));
}

static struct tr_mono after_failure(struct tr_reader *reader, struct tr_mono now)
{
    return after_refusal(reader, now, RETRY_MAX_MS);
}

/* Data was trimmed before it was read: go on with the oldest that is left, and remember
 * from where something is missing. */
static void jump_to_horizon(struct tr_reader *reader, struct tr_mono now)
{
    struct tr_position from = seek_position(reader);
    bool at_horizon = from.kind == TR_POSITION_TRIM_HORIZON;
    struct tr_mono next = at_horizon ? after_failure(reader, now) : now;

    /* A horizon that moved on from under an iterator took records with it that could be read when
     * the iterator was given. One that is refused itself says nothing. */
    if (!at_horizon || reader->state == TR_READER_FETCHING) {
        reader->gap_at = reader->in_gap ? reader->gap_at
                                        : at_horizon || (reader->start_at && !reader->has_fetched);
        reader->gap_from = reader->in_gap ? reader->gap_from : from;
        reader->in_gap = true;
        reader->empty_pages = 0;
    }
    reader->start = TR_TRIM_HORIZON;
    reader->start_at = false;
    reader->has_fetched = false;
    move(reader, TR_READER_SEEKING, next);
}

/* A call failed: what the status says about the iterator decides. */
static void on_failure(struct tr_reader *reader, const struct tr_reader_event *event,
                       struct tr_reader_effects *out)
{
    bool fetching = reader->state == TR_READER_FETCHING;

    if (event->status == TR_ENOTFOUND) {
        /* A pause between two of them may hide a better answer. */
        bool goes_on =
            reader->not_found++ > 0 &&
            tr_mono_ms_between(reader->not_found_at, event->now) <= TR_READER_NOT_FOUND_PAUSE_MS;
        reader->not_found_since = goes_on ? reader->not_found_since : event->now;
        reader->not_found_at = event->now;
    } else {
        reader->not_found = 0;
    }
    if (event->status == TR_ETRIMMED && reader->checking) {
        /* The checkpoint's own record is done: what follows it may be there still. */
        reader->checking = false;
        move(reader, TR_READER_SEEKING, event->now);
    } else if (event->status == TR_ETRIMMED) {
        jump_to_horizon(reader, event->now);
    } else if (event->status == TR_EEXPIRED) {
        out->expired = true;
        out->from = seek_position(reader);
        move(reader, TR_READER_SEEKING,
             TR_MUTANT(EXPIRED_STALLS) ? TR_MONO_NEVER
             : reader->failures++ == 0 ? event->now
                                       : after_failure(reader, event->now));
    } else if (fetching && tr_status_class(event->status) == TR_CLASS_RETRY) {
        move(reader, TR_READER_WAITING, next_fetch(reader, after_failure(reader, event->now)));
    } else {
        /* A refused or unknown iterator is of no more use. */
        bool hopeless = event->status == TR_EREFUSED && reader->checking && !fetching;
        move(reader, TR_READER_SEEKING,
             after_refusal(reader, event->now, hopeless ? REFUSED_MAX_MS : RETRY_MAX_MS));
    }
}

/* Keep the event's iterator for the next fetch; without memory for it, seek again later. */
static void wait_with(struct tr_reader *reader, const struct tr_reader_event *event,
                      struct tr_mono next)
{
    tr_buf_reset(&reader->iterator);
    tr_buf_add(&reader->iterator, event->iterator);
    if (reader->iterator.failed) {
        move(reader, TR_READER_SEEKING, after_failure(reader, event->now));
        return;
    }
    reader->used = event->now;
    move(reader, TR_READER_WAITING, next_fetch(reader, next));
}

static void on_iterator(struct tr_reader *reader, const struct tr_reader_event *event,
                        struct tr_reader_effects *out)
{
    if (event->status != TR_OK) {
        on_failure(reader, event, out);
        return;
    }
    wait_with(reader, event, event->now);
}

/* How long to wait before the next fetch, counted from the sending of this one: polling that
 * follows the traffic. */
static uint64_t pace(struct tr_reader *reader, const struct tr_reader_event *page)
{
    const struct tr_reader_options *options = &reader->options;
    bool behind;

    if (page->count > 0) {
        reader->empty_pages = 0;
        reader->delay_ms = options->poll_min_ms;
        behind = page->count >= options->limit || page->bytes >= FULL_PAGE_BYTES ||
                 page->lag_ms >= BEHIND_LAG_MS;
        return behind ? 0 : options->poll_min_ms;
    }
    reader->empty_pages++;
    if (reader->empty_pages > TR_READER_QUICK_EMPTY_PAGES) {
        reader->delay_ms += reader->delay_ms / 2 + 1;
    }
    if (reader->delay_ms > options->poll_max_ms) {
        reader->delay_ms = options->poll_max_ms;
    }
    return reader->delay_ms;
}

static void close_gap(struct tr_reader *reader, struct tr_reader_effects *out)
{
    out->gap_closed = !TR_MUTANT(TRIMMED_IN_SILENCE);
    out->from = reader->gap_from;
    out->from_at = reader->gap_at;
    reader->in_gap = false;
}

/* A checkpoint is the number of a record that was done, so reading AT it begins with that record.
 * What begins with another one, or ends without, says that the checkpoint was another shard's or
 * nobody's, and how far the shard was done is not known (docs/starting.md). */
static void check_start(struct tr_reader *reader, const struct tr_reader_event *event,
                        struct tr_reader_effects *out)
{
    bool last = event->iterator.len == 0;
    if (!reader->checking || (event->count == 0 && !last)) {
        return;
    }
    reader->checking = false;
    out->astray = event->count == 0 || !event->found;
    out->from = reader->start;
}

static void accept_page(struct tr_reader *reader, const struct tr_reader_event *event,
                        struct tr_reader_effects *out)
{
    out->accepted = true;
    check_start(reader, event, out);
    if (event->count == 0) {
        return;
    }
    if (reader->in_gap && tr_position_cmp(&event->first, &reader->gap_from) <= 0) {
        /* The horizon lies before what was said to be trimmed: nothing is missing. */
        reader->in_gap = false;
    }
    if (reader->in_gap) {
        close_gap(reader, out);
    }
    reader->fetched = event->last;
    reader->has_fetched = true;
}

static void on_page(struct tr_reader *reader, const struct tr_reader_event *event,
                    struct tr_reader_effects *out)
{
    uint64_t pace_ms;

    reader->room = event->room;
    if (event->status != TR_OK) {
        on_failure(reader, event, out);
        return;
    }
    reader->failures = 0;
    reader->not_found = 0;
    accept_page(reader, event, out);
    if (event->iterator.len == 0 || (TR_MUTANT(EMPTY_PAGE_ENDS) && event->count == 0)) {
        if (reader->in_gap) {
            close_gap(reader, out); /* nothing was left of the shard */
        }
        out->ended = true;
        move(reader, TR_READER_ENDED, TR_MONO_NEVER);
        return;
    }
    pace_ms = pace(reader, event);
    if (reader->checking && reader->empty_pages == TR_READER_UNFOUND_EMPTY_PAGES) {
        out->unfound = true;
        out->from = reader->start;
    }
    if (reader->in_gap && reader->empty_pages >= TR_READER_GAP_EMPTY_PAGES) {
        close_gap(reader, out); /* an idle shard: its next record may be hours away */
    }
    wait_with(reader, event, tr_mono_max(event->now, tr_mono_add_ms(reader->sent, pace_ms)));
}

static void ask(struct tr_reader *reader, struct tr_reader_effects *out)
{
    out->kind = TR_READER_FX_ASK;
    out->op = ++reader->op;
    out->position = seek_position(reader);
    out->at = (reader->start_at || reader->checking) && !reader->has_fetched;
    move(reader, TR_READER_ASKING, TR_MONO_NEVER);
}

static void fetch(struct tr_reader *reader, struct tr_mono now, struct tr_reader_effects *out)
{
    out->kind = TR_READER_FX_FETCH;
    out->op = ++reader->op;
    reader->used = reader->sent = now;
    reader->has_sent = true;
    move(reader, TR_READER_FETCHING, TR_MONO_NEVER);
}

/* Do what is due. A stale iterator is made again before it can expire. */
static void advance(struct tr_reader *reader, struct tr_mono now, struct tr_reader_effects *out)
{
    if (reader->state == TR_READER_WAITING && reader->room &&
        tr_mono_reached(now, tr_mono_add_ms(reader->used, TR_READER_ITERATOR_IDLE_MS))) {
        move(reader, TR_READER_SEEKING, now);
    }
    if (!reader->room || !tr_mono_reached(now, reader->next)) {
        return;
    }
    if (reader->state == TR_READER_SEEKING) {
        ask(reader, out);
    } else if (reader->state == TR_READER_WAITING) {
        fetch(reader, now, out);
    }
}

static void on_start(struct tr_reader *reader, const struct tr_reader_event *event)
{
    reader->start = event->position;
    reader->start_at = event->at;
    reader->checking = event->check && tr_position_is_sequence(&event->position);
    move(reader, TR_READER_SEEKING, event->now);
    if (event->iterator.len > 0) {
        move(reader, TR_READER_ASKING, TR_MONO_NEVER);
        wait_with(reader, event, event->now);
    }
}

enum tr_status tr_reader_step(struct tr_reader *reader, const struct tr_reader_event *event,
                              struct tr_reader_effects *out)
{
    *out = (struct tr_reader_effects){.kind = TR_READER_FX_NOTHING};
    switch (event->kind) {
    case TR_READER_EV_START:
        on_start(reader, event);
        break;
    case TR_READER_EV_TICK:
        break;
    case TR_READER_EV_ROOM:
        reader->room = event->room;
        break;
    case TR_READER_EV_ITERATOR:
        if (reader->state != TR_READER_ASKING || event->op != reader->op) {
            return TR_OK;
        }
        on_iterator(reader, event, out);
        break;
    case TR_READER_EV_PAGE:
        if (reader->state != TR_READER_FETCHING || event->op != reader->op) {
            return TR_OK;
        }
        on_page(reader, event, out);
        break;
    }
    advance(reader, event->now, out);
    return reader->iterator.failed ? TR_ENOMEM : TR_OK;
}

struct tr_mono tr_reader_deadline(const struct tr_reader *reader)
{
    bool waits = reader->state == TR_READER_SEEKING || reader->state == TR_READER_WAITING;
    return waits && reader->room ? reader->next : TR_MONO_NEVER;
}
