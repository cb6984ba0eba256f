/* SPDX-License-Identifier: Apache-2.0
 *
 * The children of one shard, asked for with CHILD_SHARDS: at its end, by whoever read it, until
 * there are some, without a cap of attempts; and by whoever takes a child that nobody here has
 * listed, for its first sequence number. When many shards end at about the same time, as they do
 * when a table's shards roll over, one listing from the oldest of them on stands in for all, and
 * one more for the second look at each. */
#include "worker/consumer_parts.h"

#include "base/mem.h"
#include "base/mutant.h"

#define BACKOFF_MAX_MS 5000u
/* More ended shards than this wait for a look at their children: they are listed together. */
#define LISTED_TOGETHER 8u
/* The answer may have left a child out (a split's second one that comes late): looked at once more,
 * by a question or a listing that begins so long after the children were known. */
#define AGAIN_MS 10000u
/* Who does not know children after so long asks less often; the listings look, too. */
#define LONG_MS 600000u
#define LONG_BACKOFF_MS 60000u

struct family {
    uint64_t number; /* of the call under way; 0: none */
    bool of_end;     /* its parent has ended: children must come */
    bool of_start;   /* a child's first number is wanted */
    bool answered;   /* what is behind the end was shown since; not that there is something */
    bool known;      /* the children are; their rows may still be under way */
    bool asked_again;
    unsigned tries;
    struct tr_mono since;
    struct tr_mono known_at;
    struct tr_mono begun; /* of the call under way */
    struct tr_mono at;    /* when to ask (again) */
};

static struct family *family_of(struct tr_consumer *c, struct tr_bytes parent)
{
    struct family *family = tr_map_get(&c->families, parent);
    if (family != NULL) {
        return family;
    }
    family = tr_calloc(1, sizeof *family);
    if (family == NULL || tr_map_set(&c->families, parent, family) != TR_OK) {
        tr_free(family);
        c->out_of_memory = true;
        return NULL;
    }
    family->since = family->at = c->now;
    c->families_next = c->now;
    return family;
}

void tr_consumer_children_deinit(struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&c->families); entry != NULL; entry = tr_map_next(entry)) {
        tr_free(tr_map_value(entry));
    }
    tr_map_deinit(&c->families);
}

/* The stream is off, and no answer has shown a child for as long as listings may lag, counted from
 * the shard's end or from when the stream was seen to be off, behind which there are no splits:
 * none will come. Before, a shard that split while the stream was still on looks the same. */
static bool is_childless(const struct tr_consumer *c, const struct family *family)
{
    struct tr_mono begin = tr_mono_min(family->since, c->off_since);
    return c->stream_status == TR_STREAM_DISABLED &&
           tr_mono_reached(c->now, tr_mono_add_ms(begin, TR_GRAPH_CHILDREN_MS));
}

/* No child can come any more, or all that are listed have their rows. */
static bool found(const struct tr_consumer *c, struct tr_bytes parent, const struct family *family)
{
    return c->streams.lost || tr_graph_has_children(c->graph, parent) || is_childless(c, family) ||
           TR_MUTANT(NO_CHILDREN_IS_AN_ANSWER);
}

/* When a look must begin to tell something: behind the end, or late enough to be the second one. */
static struct tr_mono look_from(const struct family *family)
{
    return family->known ? tr_mono_add_ms(family->known_at, AGAIN_MS) : family->since;
}

/* An answer that began then has shown what is behind the shard: the first one such since its end
 * tells of the children, a later one of those that were left out. */
static void looked(struct family *family, struct tr_mono begun)
{
    bool counts = family->of_end && !tr_mono_before(begun, look_from(family));
    family->answered = family->answered || counts;
    family->asked_again = family->asked_again || (counts && family->known);
}

static void settle(struct tr_consumer *c, struct tr_bytes parent, struct family *family)
{
    bool asked = family->answered || c->streams.lost;
    if (family->of_end && !family->known && asked && found(c, parent, family)) {
        family->known = true;
        family->known_at = c->now;
        family->asked_again = c->options.once || c->streams.lost || is_childless(c, family);
        family->at = tr_mono_add_ms(c->now, AGAIN_MS + tr_random_below(&c->random, AGAIN_MS / 2));
        c->families_next = tr_mono_min(c->families_next, family->at);
    }
}

void tr_consumer_end_met(struct tr_consumer *c, struct tr_bytes parent)
{
    struct family *family = family_of(c, parent);
    if (family == NULL || family->of_end) {
        return;
    }
    family->of_end = true;
    family->known = family->answered = family->asked_again = false;
    family->tries = 0;
    family->since = family->at = c->now;
    c->families_next = c->now;
    tr_consumer_graph_event(
        c, &(struct tr_graph_event){
               .kind = TR_GRAPH_ENDED, .now = c->now, .begun = c->now, .parent = parent});
    settle(c, parent, family);
}

void tr_consumer_ask_start(struct tr_consumer *c, struct tr_bytes parent)
{
    struct family *family = family_of(c, parent);
    if (family != NULL && !family->of_start) {
        family->of_start = true;
        family->at = family->number == 0 ? c->now : family->at;
        c->families_next = c->now;
    }
}

unsigned tr_consumer_children_tries(const struct tr_consumer *c, struct tr_bytes parent)
{
    const struct family *family = tr_map_get(&c->families, parent);
    return family != NULL ? family->tries : 0;
}

bool tr_consumer_children_known(const struct tr_consumer *c, struct tr_bytes parent)
{
    const struct family *family = tr_map_get(&c->families, parent);
    return family != NULL && family->known;
}

/* Whether the listing under way, or just complete, shows what is behind the shard. */
static bool is_listed_behind(const struct tr_consumer *c, struct tr_bytes parent)
{
    int64_t ms;
    return c->listing.full || (tr_shard_id_ms(parent, &ms) &&
                               tr_bytes_cmp(tr_buf_bytes(&c->listing.list_from), parent) <= 0);
}

void tr_consumer_children_listed(struct tr_consumer *c)
{
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&c->families); entry != NULL; entry = tr_map_next(entry)) {
        struct family *family = tr_map_value(entry);
        if (is_listed_behind(c, tr_map_key(entry))) {
            looked(family, c->listing.begun);
        }
        settle(c, tr_map_key(entry), family);
    }
}

/* Whether nobody needs it any more: the lease went before its end was written, so that its next
 * holder asks; or all is known. */
static bool is_over(const struct tr_consumer *c, struct tr_bytes parent,
                    const struct family *family)
{
    const struct row_info *info = tr_map_get(&c->rows, parent);
    if (family->number != 0 || (family->of_end && tr_map_get(&c->by_key, parent) != NULL)) {
        return false;
    }
    if (family->of_end && info != NULL && info->ended && !info->foreign && !c->streams.lost) {
        return family->known && family->asked_again;
    }
    return !family->of_start;
}

/* A second look is in no hurry. A stream that was turned off ends all its shards at once, and
 * hardly any of them has a child. */
static uint64_t wait_ms(struct tr_consumer *c, const struct family *family)
{
    bool is_long = tr_mono_reached(c->now, tr_mono_add_ms(family->since, LONG_MS));
    if (!is_long && (family->known || c->stream_status == TR_STREAM_DISABLED)) {
        return BACKOFF_MAX_MS + tr_random_below(&c->random, BACKOFF_MAX_MS / 2);
    }
    return is_long ? LONG_BACKOFF_MS + tr_random_below(&c->random, LONG_BACKOFF_MS)
                   : tr_consumer_backoff_ms(c, family->tries, BACKOFF_MAX_MS);
}

static void ask(struct tr_consumer *c, struct tr_bytes parent, struct family *family)
{
    struct tr_buf *body;
    family->number = ++c->family_ops;
    body = tr_consumer_call(c, tr_consumer_op(OP_CHILDREN, NULL, family->number), TR_AWS_STREAMS,
                            TR_AWS_CONTROL, "DescribeStream", 0, 0);
    if (body == NULL) {
        family->number = 0; /* no memory: asked again */
        family->at = tr_mono_add_ms(c->now, BACKOFF_MAX_MS);
        c->families_next = tr_mono_min(c->families_next, family->at);
        return;
    }
    tr_encode_describe_stream(body, tr_buf_bytes(&c->arn), (struct tr_bytes){NULL, 0}, parent);
    family->begun = c->now;
    tr_consumer_spend_describe(c);
}

/* How many ended shards wait for a look at their children: for the first, for any. */
struct waiting {
    size_t first;
    size_t any;
};

static struct waiting waiting(const struct tr_consumer *c)
{
    struct waiting count = {0, 0};
    struct tr_map_entry *entry;
    for (entry = tr_map_first(&c->families); entry != NULL; entry = tr_map_next(entry)) {
        const struct family *family = tr_map_value(entry);
        count.first += family->of_end && !family->known;
        count.any += family->of_end && !(family->known && family->asked_again);
    }
    return count;
}

/* Whether a listing looks at it with others. The first look is not kept waiting by second ones. */
static bool is_together(const struct waiting *waiting, struct tr_bytes parent,
                        const struct family *family)
{
    size_t count = family->known ? waiting->any : waiting->first;
    int64_t ms;
    return family->of_end && count > LISTED_TOGETHER && tr_shard_id_ms(parent, &ms);
}

/* The listing under way may be the one already. */
static void list_behind(struct tr_consumer *c, struct tr_bytes parent, struct family *family)
{
    const struct listing *listing = &c->listing;
    family->tries++;
    family->at = tr_mono_add_ms(c->now, BACKOFF_MAX_MS + wait_ms(c, family));
    c->families_next = tr_mono_min(c->families_next, family->at);
    if (!listing->active || tr_mono_before(listing->begun, look_from(family)) ||
        !is_listed_behind(c, parent)) {
        tr_consumer_want_newer(c, parent);
    }
}

static void serve(struct tr_consumer *c, struct tr_bytes parent, struct family *family,
                  const struct waiting *waiting)
{
    if (is_together(waiting, parent, family)) {
        list_behind(c, parent, family);
    } else {
        ask(c, parent, family);
    }
}

void tr_consumer_children_pump(struct tr_consumer *c)
{
    struct tr_map_entry *entry = tr_map_first(&c->families);
    struct waiting count;
    if (entry == NULL || !tr_mono_reached(c->now, c->families_next)) {
        return;
    }
    count = waiting(c);
    c->families_next = TR_MONO_NEVER;
    while (entry != NULL) {
        struct tr_map_entry *next = tr_map_next(entry);
        struct family *family = tr_map_value(entry);
        settle(c, tr_map_key(entry), family);
        if (is_over(c, tr_map_key(entry), family)) {
            (void)tr_map_remove(&c->families, tr_map_key(entry));
            tr_free(family);
        } else if (family->number == 0) {
            struct tr_mono budget = tr_consumer_children_budget(c);
            bool wants = !(family->known && family->asked_again);
            if (wants && tr_mono_reached(c->now, tr_mono_max(family->at, budget))) {
                serve(c, tr_map_key(entry), family, &count);
            } else if (wants) {
                c->families_next = tr_mono_min(c->families_next, tr_mono_max(family->at, budget));
            }
        }
        entry = next;
    }
}

struct tr_mono tr_consumer_children_deadline(const struct tr_consumer *c)
{
    return tr_map_first(&c->families) != NULL ? c->families_next : TR_MONO_NEVER;
}

static struct tr_map_entry *family_asking(const struct tr_consumer *c, uint64_t number)
{
    struct tr_map_entry *entry = tr_map_first(&c->families);
    while (entry != NULL && ((const struct family *)tr_map_value(entry))->number != number) {
        entry = tr_map_next(entry);
    }
    return entry;
}

static void note_answer(struct tr_consumer *c, struct family *family, bool well)
{
    family->number = 0;
    family->of_start = family->of_start && !well && family->tries < 2;
    if (well) {
        looked(family, family->begun);
    }
    family->at = tr_mono_max(tr_mono_add_ms(c->now, wait_ms(c, family)), look_from(family));
    family->tries++;
    c->families_next = tr_mono_min(c->families_next, family->at);
}

/* The answer to CHILD_SHARDS. No child yet is no answer, nor is ResourceNotFound: asked again. */
void tr_consumer_children_answer(struct tr_consumer *c, uint64_t number,
                                 struct tr_aws_answer *answer)
{
    struct tr_map_entry *entry = number > 0 ? family_asking(c, number) : NULL;
    struct tr_shard_list list = {0};
    bool well = answer->status == TR_OK && entry != NULL &&
                tr_shard_list_add(&list, tr_buf_bytes(&answer->body), NULL) == TR_OK;
    struct family *family;
    if (entry != NULL) {
        family = tr_map_value(entry);
        if (well) {
            tr_consumer_note_status(c, list.status);
        }
        note_answer(c, family, well);
        if (well) {
            tr_consumer_note_shards(c, &list);
            tr_consumer_graph_event(c, &(struct tr_graph_event){.kind = TR_GRAPH_CHILDREN,
                                                                .now = c->now,
                                                                .begun = family->begun,
                                                                .list = &list,
                                                                .parent = tr_map_key(entry)});
        }
        settle(c, tr_map_key(entry), family);
    }
    tr_shard_list_deinit(&list);
}
