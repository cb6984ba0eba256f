/* SPDX-License-Identifier: Apache-2.0
 *
 * Who lists the stream's shards, when, and with how many calls. One worker of the fleet lists: all
 * of it seldom, as the net, and from an older shard on where children are missing. The others ask
 * only for the children of what they read (consumer_children_core.c), and list when the rows show
 * no worker that would, or when something stays unknown for long. What listings mean is the shard
 * graph's business. */
#include "worker/consumer_parts.h"

#include "base/err.h"
#include "base/mem.h"

/* A full listing is the net under CHILD_SHARDS: seldom, except when something is missing. */
#define LISTING_EVERY_MS (5u * 60u * 1000u)
#define LISTING_WANTED_MS 10000u
#define LISTING_WANTED_ONCE_MS 1000u
/* Who does not list lists all the same when it needs to, but not at once, nor often. */
#define LISTING_NEEDED_MIN_MS 2000u
#define LISTING_NEEDED_MAX_MS 10000u
#define LISTING_NEEDED_EVERY_MS 60000u
#define LISTING_BACKOFF_MAX_MS 10000u
/* Who came to lead: several may think so for a moment. */
#define LEAD_LOOK_MS 1000u
#define LEAD_STAGGER_MS 2000u
/* DescribeStream is limited to ten calls a second an account, which the fleet shares: two a second
 * for the worker that lists, five while it knows nothing; some seven for all others together, and
 * for none of them more than two. A few may come at once, but one worker never sends more than ten
 * in a second. */
#define DESCRIBE_MS 500u
#define DESCRIBE_FIRST_MS 200u
#define DESCRIBE_OTHERS_MS 150u
#define DESCRIBE_PAGES_AT_ONCE 4u
#define DESCRIBE_CHILDREN_AT_ONCE 8u

/* --- the budget of calls ---------------------------------------------------------------------- */

/* With once there may be no lister: each worker lists for itself. */
static uint64_t call_ms(const struct tr_consumer *c)
{
    uint64_t shared = tr_lease_core_workers(c->leases) * DESCRIBE_OTHERS_MS;
    uint64_t least = c->options.once ? DESCRIBE_FIRST_MS : DESCRIBE_MS;
    if (c->listing.leads && !c->options.once) {
        return c->listing.complete_once ? DESCRIBE_MS : DESCRIBE_FIRST_MS;
    }
    return shared > least ? shared : least;
}

/* The budget is a time that each call moves on; it may be ahead by some calls, of a large fleet's
 * workers by fewer. */
static struct tr_mono budget_at(const struct tr_consumer *c, uint64_t calls)
{
    const struct listing *listing = &c->listing;
    uint64_t ms = call_ms(c),
             ahead = (calls - 1) * (ms < DESCRIBE_MS ? ms : DESCRIBE_MS) * TR_NS_PER_MS;
    struct tr_mono at = {listing->spent.ns > ahead ? listing->spent.ns - ahead : 0};
    struct tr_mono tenth_last = listing->sent[listing->sent_next];
    return tenth_last.ns == 0 ? at : tr_mono_max(at, tr_mono_add_ms(tenth_last, 1000));
}

struct tr_mono tr_consumer_children_budget(const struct tr_consumer *c)
{
    return budget_at(c, DESCRIBE_CHILDREN_AT_ONCE);
}

void tr_consumer_spend_describe(struct tr_consumer *c)
{
    struct listing *listing = &c->listing;
    listing->spent = tr_mono_add_ms(tr_mono_max(listing->spent, c->now), call_ms(c));
    listing->sent[listing->sent_next] = c->now;
    listing->sent_next = (listing->sent_next + 1) % DESCRIBES_A_SECOND;
}

/* --- what is wanted --------------------------------------------------------------------------- */

void tr_consumer_want_listing(struct tr_consumer *c)
{
    struct listing *listing = &c->listing;
    uint64_t gap_ms = c->options.once ? LISTING_WANTED_ONCE_MS : LISTING_WANTED_MS;
    struct tr_mono soon = tr_mono_max(c->now, tr_mono_add_ms(listing->full_begun, gap_ms));
    if (!listing->active && !c->streams.lost && (listing->leads || c->options.once)) {
        listing->next = tr_mono_min(listing->next, soon);
    }
}

void tr_consumer_need_listing(struct tr_consumer *c)
{
    struct listing *listing = &c->listing;
    struct tr_mono soon, often = tr_mono_add_ms(listing->needed_begun, LISTING_NEEDED_EVERY_MS);
    uint64_t range = LISTING_NEEDED_MAX_MS - LISTING_NEEDED_MIN_MS;
    tr_consumer_want_listing(c);
    if (listing->leads || c->options.once || listing->needed || c->streams.lost) {
        return;
    }
    listing->needed = true;
    soon = tr_mono_add_ms(c->now, LISTING_NEEDED_MIN_MS + tr_random_below(&c->random, range));
    /* Only one that came of a need counts. One left in the middle has shown nothing, and what is
     * needed now may be newer than what others were made for. */
    soon = listing->needed_begun.ns > 0 ? tr_mono_max(soon, often) : soon;
    listing->next = tr_mono_min(listing->next, soon);
}

/* The smaller of two ids, as they sort by time. */
static bool is_older(struct tr_bytes a, const struct tr_buf *b)
{
    return b->len == 0 || tr_bytes_cmp(a, tr_buf_bytes(b)) < 0;
}

void tr_consumer_want_newer(struct tr_consumer *c, struct tr_bytes shard)
{
    struct listing *listing = &c->listing;
    struct tr_mono soon = tr_mono_max(
        c->now, tr_mono_add_ms(listing->part_begun,
                               c->options.once ? LISTING_WANTED_ONCE_MS : LISTING_WANTED_MS));
    int64_t ms;
    if (c->streams.lost) {
        return;
    }
    if (!tr_shard_id_ms(shard, &ms)) {
        tr_consumer_need_listing(c); /* ids that may not sort by time */
        return;
    }
    if (is_older(shard, &listing->from)) {
        tr_buf_reset(&listing->from);
        tr_buf_add(&listing->from, shard);
        c->out_of_memory = c->out_of_memory || listing->from.failed;
    }
    listing->part_next = tr_mono_min(listing->part_next, soon);
}

bool tr_consumer_child_due(const struct tr_consumer *c, struct tr_bytes key,
                           const struct row_info *info)
{
    return info->ended && !info->foreign && c->stream_status != TR_STREAM_DISABLED &&
           !tr_graph_has_children(c->graph, key) && tr_graph_shard(c->graph, key) != NULL;
}

/* Ended shards whose children are not known yet, while the stream lives: listed on from the oldest
 * of them soon. */
static void watch_leaves(struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&c->rows); entry != NULL; entry = tr_map_next(entry)) {
        if (tr_consumer_child_due(c, tr_map_key(entry), tr_map_value(entry))) {
            if (c->options.once) {
                tr_consumer_want_listing(c);
                return;
            }
            tr_consumer_want_newer(c, tr_map_key(entry));
        }
    }
}

/* --- who lists -------------------------------------------------------------------------------- */

/* A new leader does not know when its predecessor listed last. A full listing that is under way
 * already says when the next one is due; one of newer shards does not. */
static void lead(struct tr_consumer *c, bool leads)
{
    struct listing *listing = &c->listing;
    struct tr_mono next;
    if (leads && !listing->leads && !(listing->active && listing->full)) {
        next = tr_consumer_has_rows(c)
                   ? tr_mono_add_ms(c->now, tr_random_below(&c->random, LEAD_STAGGER_MS))
                   : c->now;
        if (listing->complete_once) {
            next = tr_mono_max(next, tr_mono_add_ms(listing->complete_begun, LISTING_WANTED_MS));
        }
        listing->next = tr_mono_min(listing->next, next);
    } else if (!leads && listing->leads && !listing->needed && !listing->active) {
        listing->next = TR_MONO_NEVER;
    }
    listing->leads = leads;
}

static void look_who_leads(struct tr_consumer *c)
{
    struct listing *listing = &c->listing;
    if (!tr_lease_core_scanned(c->leases) || !tr_mono_reached(c->now, listing->look)) {
        return;
    }
    listing->look = tr_mono_add_ms(c->now, LEAD_LOOK_MS);
    lead(c, tr_lease_core_leads(c->leases));
}

/* --- listing ---------------------------------------------------------------------------------- */

/* The first page of a new listing, or the next one. */
static void list(struct tr_consumer *c)
{
    struct listing *listing = &c->listing;
    struct tr_bytes after = tr_buf_bytes(&listing->list.last_evaluated);
    struct tr_buf *body = tr_consumer_call(c, tr_consumer_op(OP_LIST, NULL, listing->number),
                                           TR_AWS_STREAMS, TR_AWS_CONTROL, "DescribeStream", 0, 0);
    if (after.len == 0 && !listing->full) {
        after = tr_buf_bytes(&listing->list_from);
    }
    if (body != NULL) {
        tr_encode_describe_stream(body, tr_buf_bytes(&c->arn),
                                  after.len > 0 ? after : (struct tr_bytes){NULL, 0},
                                  (struct tr_bytes){NULL, 0});
        listing->calls++;
        listing->page_at = TR_MONO_NEVER;
        tr_consumer_spend_describe(c);
    }
}

static void begin(struct tr_consumer *c, bool full)
{
    struct listing *listing = &c->listing;
    struct tr_buf from = listing->list_from;
    tr_shard_list_deinit(&listing->list);
    listing->begun = c->now;
    listing->calls = 0;
    listing->number++;
    listing->active = true;
    listing->full = full;
    if (full) {
        listing->full_begun = c->now;
        listing->next = TR_MONO_NEVER;
    } else {
        tr_buf_reset(&from);
        listing->list_from = listing->from;
        listing->from = from;
        listing->part_begun = c->now;
    }
    listing->part_next = TR_MONO_NEVER; /* a full one shows the new ones, too */
    list(c);
}

void tr_consumer_forget_listing(struct tr_consumer *c)
{
    struct listing *listing = &c->listing;
    listing->active = false;
    listing->complete_once = false;
    listing->needed = false;
    listing->needed_begun = (struct tr_mono){0};
    listing->failures = 0;
    listing->next = listing->leads || c->options.once ? c->now : TR_MONO_NEVER;
    listing->part_next = TR_MONO_NEVER;
    tr_buf_reset(&listing->from);
}

static void listing_failed(struct tr_consumer *c, enum tr_status status, const struct tr_err *err)
{
    struct listing *listing = &c->listing;
    struct tr_mono again;

    if (status == TR_ENOTFOUND && listing->full) {
        tr_consumer_stream_missing(c);
    }
    if (!listing->complete_once && listing->full && !c->streams.further &&
        !tr_consumer_may_pass(status, listing->failures)) {
        tr_consumer_fail(c, status, "consumer '%s': list the stream's shards: %s", c->options.name,
                         err->text);
    }
    tr_consumer_note(c, TR_NOTE_STREAM_WAITING, (struct tr_bytes){NULL, 0}, 0, 0,
                     tr_bytes_of(err->text));
    /* A listing that broke off is begun anew: its first pages may be old by now. One from a shard
     * on that may be trimmed by now is begun as a full one. */
    listing->active = false;
    again = tr_mono_add_ms(c->now,
                           tr_consumer_backoff_ms(c, listing->failures++, LISTING_BACKOFF_MAX_MS));
    listing->next = tr_mono_min(listing->next, again);
}

void tr_consumer_note_status(struct tr_consumer *c, enum tr_stream_status status)
{
    if (status == TR_STREAM_DISABLED && c->stream_status != TR_STREAM_DISABLED) {
        c->off_since = c->now;
    }
    c->stream_status = status;
}

void tr_consumer_note_shards(struct tr_consumer *c, const struct tr_shard_list *list)
{
    size_t i;
    for (i = 0; i < list->count; i++) {
        const struct tr_shard *shard = &list->shards[i];
        if (tr_graph_shard(c->graph, shard->id) == NULL) {
            tr_consumer_note(c, TR_NOTE_SHARD_FOUND, shard->id, 0, 0,
                             shard->parent_count > 0 ? shard->parents[0]
                                                     : (struct tr_bytes){NULL, 0});
        }
    }
}

static void note_unlisted(struct tr_consumer *c, struct tr_bytes key)
{
    struct tr_position checkpoint = TR_TRIM_HORIZON;
    struct tr_buf text = {0};
    (void)tr_lease_core_checkpoint(c->leases, key, &checkpoint);
    tr_position_format(&text, &checkpoint);
    tr_consumer_note(c, TR_NOTE_SHARD_UNLISTED, key, 0, 0, tr_buf_bytes(&text));
    tr_buf_deinit(&text);
}

/* Unfinished rows of shards that the stream lacks: somebody's mistake, or trimmed while nobody
 * read. Each is named once; whether it is lost is judged by what its reader is answered. */
static void note_unlisted_rows(struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&c->rows); entry != NULL; entry = tr_map_next(entry)) {
        struct row_info *info = tr_map_value(entry);
        struct tr_mono sure = tr_mono_add_ms(info->since, TR_GRAPH_STALE_MS);
        if (!info->unlisted_told && !info->ended && !info->foreign &&
            tr_mono_reached(c->listing.begun, sure) &&
            tr_graph_shard(c->graph, tr_map_key(entry)) == NULL) {
            info->unlisted_told = true;
            note_unlisted(c, tr_map_key(entry));
        }
    }
}

/* The first listing of a stream may lag, or lack a part; nothing else would show what it lacks. So
 * it is soon followed by another one. */
static void note_complete(struct tr_consumer *c)
{
    struct listing *listing = &c->listing;
    bool again = !listing->complete_once && !c->options.once;
    listing->complete_once = true;
    listing->complete_begun = listing->begun;
    listing->needed_begun = listing->needed ? listing->begun : listing->needed_begun;
    listing->needed = false;
    c->streams.missing = false;
    listing->next = listing->leads || c->options.once
                        ? tr_mono_add_ms(c->now, again ? LISTING_WANTED_MS : LISTING_EVERY_MS)
                        : TR_MONO_NEVER;
}

static void listing_complete(struct tr_consumer *c)
{
    struct listing *listing = &c->listing;
    struct tr_graph_event event = {.kind = TR_GRAPH_LISTED,
                                   .now = c->now,
                                   .begun = listing->begun,
                                   .list = &listing->list,
                                   .complete = listing->full};
    listing->active = false;
    listing->failures = 0;
    listing->shown = listing->begun;
    tr_consumer_note_status(c, listing->list.status);
    if (listing->full) {
        note_complete(c);
    }
    tr_consumer_note_shards(c, &listing->list);
    tr_consumer_note(c, listing->full ? TR_NOTE_LISTING_DONE : TR_NOTE_LISTING_PART,
                     (struct tr_bytes){NULL, 0}, listing->list.count, listing->calls,
                     (struct tr_bytes){NULL, 0});
    tr_consumer_graph_event(c, &event);
    if (listing->full) {
        note_unlisted_rows(c);
    }
    tr_consumer_children_listed(c);
    if (listing->leads || c->options.once) {
        watch_leaves(c);
    }
}

void tr_consumer_list_answer(struct tr_consumer *c, uint64_t number, struct tr_aws_answer *answer)
{
    struct listing *listing = &c->listing;
    struct tr_err err = answer->err;
    enum tr_status status = answer->status;

    if (!listing->active || number != listing->number) {
        return;
    }
    if (status == TR_OK) {
        status = tr_shard_list_add(&listing->list, tr_buf_bytes(&answer->body), &err);
    }
    if (status != TR_OK) {
        listing_failed(c, status == TR_EPARSE ? TR_ECORRUPT : status, &err);
        return;
    }
    if (listing->full && listing->list.last_evaluated.len == 0 && listing->list.count == 0 &&
        listing->list.status != TR_STREAM_DISABLED) {
        /* A stream that is on has a shard that is open: this listing lags behind. Taken for
         * complete it would end a run with `once`, and the next one would come minutes later. */
        (void)tr_fail(&err, TR_ECORRUPT, "the listing shows no shard yet");
        listing_failed(c, TR_ECORRUPT, &err);
        return;
    }
    if (listing->list.last_evaluated.len == 0) {
        listing_complete(c);
        return;
    }
    listing->page_at = c->now;
}

/* Whether this worker goes on with a full listing: another one may have come to lead meanwhile. */
static bool is_ours(const struct tr_consumer *c)
{
    return c->options.once || c->listing.leads || c->listing.needed;
}

void tr_consumer_listing_pump(struct tr_consumer *c)
{
    struct listing *listing = &c->listing;
    if (c->stopping || c->streams.lost) {
        return;
    }
    look_who_leads(c);
    tr_consumer_children_pump(c);
    if (listing->active && listing->full && !is_ours(c)) {
        listing->active = false;
    }
    if (!tr_mono_reached(c->now, budget_at(c, DESCRIBE_PAGES_AT_ONCE))) {
        return;
    }
    if (listing->active) {
        if (tr_mono_reached(c->now, listing->page_at)) {
            list(c);
        }
    } else if (tr_mono_reached(c->now, listing->next)) {
        if (is_ours(c)) {
            begin(c, true);
        } else {
            listing->next = TR_MONO_NEVER;
        }
    } else if (tr_mono_reached(c->now, listing->part_next)) {
        begin(c, listing->from.len == 0);
    }
}

struct tr_mono tr_consumer_listing_deadline(const struct tr_consumer *c)
{
    const struct listing *listing = &c->listing;
    struct tr_mono at =
        listing->active ? listing->page_at : tr_mono_min(listing->next, listing->part_next);
    if (c->stopping || c->streams.lost) {
        return TR_MONO_NEVER;
    }
    at = at.ns == TR_MONO_NEVER.ns ? at : tr_mono_max(at, budget_at(c, DESCRIBE_PAGES_AT_ONCE));
    at = tr_mono_min(at, tr_consumer_children_deadline(c));
    return tr_lease_core_scanned(c->leases) ? tr_mono_min(at, listing->look) : at;
}
