/* SPDX-License-Identifier: Apache-2.0
 *
 * What the judge knows of records: written in the order of their shard and of their item, handed
 * out in batches by whoever holds the shard, done, or gone with a gap event that bounds them. */
#include "base/mem.h"
#include "tests/sim/judge_parts.h"

#include <stdlib.h>
#include <string.h>

#define ITEMS_MAX 10000000u
/* Clocks differ by two per cent at the most; validity ends at 0.95 of the failover time. */
#define VALID_PERCENT 97u

/* From a missing shard's first day on: its reader hears for ten minutes that it is not there, or a
 * listing comes. */
#define GIVEN_UP_MS (15u * 60u * 1000u)

#define U(x) ((unsigned long long)(x))
#define TEXT_MAX 64

/* ---- finding ---- */

size_t judge_records_upto(const struct shard *shard, const struct number *number)
{
    size_t low = 0, high = shard->record_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (judge_number_cmp(&shard->records[middle].number, number) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t judge_behind(const struct shard *shard, const struct place *place)
{
    switch (place->kind) {
    case PLACE_NUMBER:
        return judge_records_upto(shard, &place->number);
    case PLACE_END:
        return shard->record_count;
    case PLACE_BAD:
    case PLACE_TIMESTAMP:
    case PLACE_HORIZON:
    case PLACE_LATEST:
        break;
    }
    return 0;
}

static bool is_at(const struct shard *shard, size_t at, const struct number *number)
{
    return at < shard->record_count && judge_number_cmp(&shard->records[at].number, number) == 0;
}

/* The record with this number, SIZE_MAX if there is none; mostly one near the last one asked
 * for. */
static size_t find(struct shard *shard, const char *sequence)
{
    struct number number;
    size_t at = shard->looked;
    if (sequence == NULL || !judge_number_parse(tr_bytes_of(sequence), &number)) {
        return SIZE_MAX;
    }
    if (!is_at(shard, at, &number) && !is_at(shard, ++at, &number)) {
        at = judge_records_upto(shard, &number);
        at = at > 0 && is_at(shard, at - 1, &number) ? at - 1 : SIZE_MAX;
    }
    shard->looked = at != SIZE_MAX ? at : shard->looked;
    return at;
}

bool judge_is_settled(const struct shard *shard, size_t i)
{
    return i < shard->settled || i < shard->trimmed_to || i < shard->free_to ||
           shard->records[i].done;
}

void judge_settle(struct shard *shard)
{
    while (shard->settled < shard->record_count && judge_is_settled(shard, shard->settled)) {
        shard->settled++;
    }
}

/* ---- written ---- */

static struct item *item_of(struct judge *judge, unsigned key)
{
    if (key >= ITEMS_MAX) {
        return NULL;
    }
    if (key >= judge->item_count) {
        judge_room(&judge->items, &judge->item_cap, (size_t)key + 1, sizeof *judge->items);
        memset(&judge->items[judge->item_count], 0,
               (key + 1 - judge->item_count) * sizeof *judge->items);
        judge->item_count = (size_t)key + 1;
    }
    return &judge->items[key];
}

void judge_written(struct judge *judge, uint64_t at, const char *name, const char *sequence,
                   unsigned key, uint64_t version)
{
    struct shard *shard = judge_shard_of(judge, tr_bytes_of(name));
    struct item *item = item_of(judge, key);
    struct record record = {.at = at, .key = key, .version = version};
    if (judge->is_wrong) {
        return;
    }
    if (shard == NULL || item == NULL || version != item->count + 1 ||
        !judge_number_parse(tr_bytes_of(sequence), &record.number) ||
        (shard->record_count > 0 &&
         judge_number_cmp(&shard->records[shard->record_count - 1].number, &record.number) >= 0)) {
        judge_fail(judge, "world", "the world wrote version %llu of item %u as '%s' to '%s'",
                   U(version), key, sequence, name);
        return;
    }
    judge_room(&item->versions, &item->cap, item->count + 1, sizeof *item->versions);
    item->versions[item->count++] =
        (struct version){(uint32_t)judge_names_find(&judge->shard_names, tr_bytes_of(name)),
                         (uint32_t)shard->record_count};
    judge_room(&shard->records, &shard->record_cap, shard->record_count + 1,
               sizeof *shard->records);
    shard->records[shard->record_count++] = record;
}

/* ---- handed out ---- */

/* Whether records from..to (to excluded) need not be read. */
static bool may_skip(const struct shard *shard, size_t from, size_t to)
{
    return from <= to && (to <= shard->trimmed_to || to <= shard->free_to || from == to);
}

/* A KCL-like worker stole the lease, or somebody deleted its row, and another worker was the first
 * to make it again: the owner notices at its next write. */
static bool is_unnoticed(const struct judge *judge, const struct shard *shard,
                         const struct hold *hold)
{
    return judge_is_kcl(judge, hold->taker) || shard->vanished_at >= hold->valid_from;
}

/* The lease is this worker's, as the model has it and as far as the worker may believe it. */
static bool check_holder(struct judge *judge, uint64_t at, size_t worker, struct shard *shard,
                         const struct hold *hold)
{
    uint64_t failover = judge_failover_of(judge, worker);
    const char *id = judge_worker_id(judge, worker);
    if (hold == NULL) {
        judge_fail(judge, "never-held",
                   "worker '%s' hands out a batch of shard '%s' at %llu ms and never wrote its "
                   "row as owner",
                   id, shard->name, U(at));
        return false;
    }
    if (judge_is_kcl(judge, worker)) {
        return true; /* it goes on until it notices */
    }
    if (hold->noticed) {
        judge_fail(
            judge, "batch-after-loss",
            "worker '%s' hands out a batch of shard '%s' at %llu ms, and said before that it "
            "has lost it",
            id, shard->name, U(at));
    } else if (hold->state == RELEASED) {
        judge_fail(judge, "batch-after-release",
                   "worker '%s' hands out a batch of shard '%s' at %llu ms, which it released at "
                   "%llu ms",
                   id, shard->name, U(at), U(hold->ended));
    } else if (hold->state == TAKEN &&
               !(is_unnoticed(judge, shard, hold) && at <= hold->ended + failover)) {
        judge_fail(judge, "two-holders",
                   "worker '%s' hands out a batch of shard '%s' at %llu ms, which '%s' took at "
                   "%llu ms (held since %llu ms, last write sent at %llu ms)",
                   id, shard->name, U(at), judge_worker_id(judge, hold->taker), U(hold->ended),
                   U(hold->since), U(hold->valid_from));
    } else if (at > hold->valid_from + failover * VALID_PERCENT / 100 + 1) {
        judge_fail(judge, "validity",
                   "worker '%s' hands out a batch of shard '%s' at %llu ms, %llu ms after the "
                   "sending of the last write that succeeded; failover is %llu ms",
                   id, shard->name, U(at), U(at - hold->valid_from), U(failover));
    }
    return !judge->is_wrong;
}

/* It begins where it may: behind the stored checkpoint, behind the batch before, or in that one
 * again when some of it is left. */
static bool check_start(struct judge *judge, uint64_t at, size_t worker, struct shard *shard,
                        const struct hold *hold, size_t first)
{
    size_t restart = judge_behind(shard, judge_stored(shard, &shard->row));
    char text[TEXT_MAX];
    const char *check = "redelivery";
    size_t wanted = hold->began ? hold->batch_end : hold->start;

    if (may_skip(shard, wanted, first)) {
        return true;
    }
    if (hold->began && first >= hold->batch_first && first < hold->batch_end) {
        return true;
    }
    if (hold->began && may_skip(shard, restart, first) &&
        ((shard->row.there && shard->row.owner == worker) ||
         (!shard->row.there && shard->vanished_at >= hold->valid_from))) {
        return true; /* a new tenure under the same id looks like a renewal */
    }
    check = first > wanted ? "skipped" : check;
    judge_fail(judge, check,
               "worker '%s' hands out shard '%s' from record %zu ('%s') on at %llu ms; record %zu "
               "was due (%s, taken at %llu ms)",
               judge_worker_id(judge, worker), shard->name, first,
               judge_number_text(&shard->records[first].number, text, sizeof text), U(at), wanted,
               hold->began ? "behind the batch before" : "behind the stored checkpoint",
               U(hold->since));
    return false;
}

static void check_parents(struct judge *judge, uint64_t at, size_t worker, struct shard *shard)
{
    if (shard->parents_done || judge_is_kcl(judge, worker) || judge_parents_done(judge, shard)) {
        return;
    }
    judge_fail(judge, "parents-first",
               "worker '%s' hands out a batch of shard '%s' at %llu ms before all of its parents' "
               "records ('%s') are done",
               judge_worker_id(judge, worker), shard->name, U(at),
               judge->shards[shard->parents[0]]->name);
}

void judge_batch(struct judge *judge, uint64_t at, size_t worker, const char *name,
                 const char *first_number, const char *last_number, size_t count)
{
    struct shard *shard = judge_shard_of(judge, tr_bytes_of(name));
    struct hold *hold;
    size_t first, last;
    if (judge->is_wrong || count == 0) {
        return;
    }
    first = shard != NULL ? find(shard, first_number) : SIZE_MAX;
    last = shard != NULL ? find(shard, last_number) : SIZE_MAX;
    if (first == SIZE_MAX || last == SIZE_MAX || last < first || last - first + 1 != count) {
        judge_fail(judge, "batch-hole",
                   "worker '%s' hands out %zu records of shard '%s', '%s' to '%s', at %llu ms: not "
                   "so many stand there",
                   judge_worker_id(judge, worker), count, name, first_number, last_number, U(at));
        return;
    }
    hold = judge_hold(shard, worker);
    if (!check_holder(judge, at, worker, shard, hold)) {
        return;
    }
    if (!judge_is_kcl(judge, worker) && !check_start(judge, at, worker, shard, hold, first)) {
        return;
    }
    check_parents(judge, at, worker, shard);
    hold->began = true;
    hold->batch_first = first;
    hold->batch_end = last + 1;
    shard->read_at = at;
}

/* What it did before is another tenure's. */
static void turn_tenure(struct judge *judge, size_t worker, const char *name, bool noticed)
{
    struct shard *shard = judge_shard_of(judge, tr_bytes_of(name));
    struct hold *hold = shard != NULL ? judge_hold(shard, worker) : NULL;
    if (hold != NULL) {
        hold->done_to = 0;
        hold->noticed = noticed;
    }
}

void judge_begins(struct judge *judge, size_t worker, const char *name)
{
    turn_tenure(judge, worker, name, false);
}

void judge_lost(struct judge *judge, size_t worker, const char *name)
{
    turn_tenure(judge, worker, name, true);
}

/* ---- done ---- */

/* Versions before which nothing is open any more. */
static void settle_item(const struct judge *judge, struct item *item)
{
    while (item->settled < item->count) {
        const struct version *version = &item->versions[item->settled];
        if (!judge_is_settled(judge->shards[version->shard], version->record)) {
            break;
        }
        item->settled++;
    }
}

static void check_order(struct judge *judge, uint64_t at, size_t worker, struct shard *shard,
                        const struct record *record)
{
    struct item *item = &judge->items[record->key];
    size_t index = (size_t)(record - shard->records);
    char text[TEXT_MAX];
    settle_item(judge, item);
    if (judge_is_kcl(judge, worker)) {
        return;
    }
    if (record->version > item->settled + 1) {
        judge_fail(judge, "item-order",
                   "worker '%s' delivers version %llu of item %u (shard '%s') at %llu ms before "
                   "version %zu",
                   judge_worker_id(judge, worker), U(record->version), record->key, shard->name,
                   U(at), item->settled + 1);
    } else if (index > shard->settled) {
        judge_fail(judge, "shard-order",
                   "worker '%s' delivers record %zu ('%s') of shard '%s' at %llu ms before record "
                   "%zu",
                   judge_worker_id(judge, worker), index,
                   judge_number_text(&record->number, text, sizeof text), shard->name, U(at),
                   shard->settled);
    }
}

/* The fleet began at a time that its rows tell; whoever knows no such times begins where it
 * likes. */
static void check_start_time(struct judge *judge, uint64_t at, size_t worker,
                             const struct shard *shard, const struct record *record)
{
    if (judge->options.latest && judge->options.epoch_ms > 0 && judge->kcl_count == 0 &&
        record->at < judge->start) {
        judge_fail(judge, "before-start",
                   "worker '%s' delivers version %llu of item %u (shard '%s') at %llu ms, written "
                   "at %llu ms; the fleet's start is %llu ms",
                   judge_worker_id(judge, worker), U(record->version), record->key, shard->name,
                   U(at), U(record->at), U(judge->start));
    }
}

static void repeat(struct judge *judge, uint64_t at, size_t worker, const struct shard *shard,
                   const char *sequence)
{
    judge->repeats++;
    if (judge->options.no_repeats && at > judge_steady_at(judge) && judge->live_kcl == 0) {
        judge_fail(judge, "repeat",
                   "worker '%s' delivers '%s' of shard '%s' again at %llu ms, with no fault since "
                   "%llu ms",
                   judge_worker_id(judge, worker), sequence, shard->name, U(at), U(judge->calm_at));
    }
}

void judge_done(struct judge *judge, uint64_t at, size_t worker, const char *name,
                const char *sequence, unsigned key, uint64_t version)
{
    struct shard *shard = judge_shard_of(judge, tr_bytes_of(name));
    size_t index;
    struct record *record;
    struct hold *hold;
    if (judge->is_wrong) {
        return;
    }
    index = shard != NULL ? find(shard, sequence) : SIZE_MAX;
    if (index == SIZE_MAX || shard->records[index].key != key ||
        shard->records[index].version != version) {
        judge_fail(judge, "unknown-record",
                   "worker '%s' delivers '%s' of shard '%s' as version %llu of item %u at %llu "
                   "ms: it was not written so",
                   judge_worker_id(judge, worker), sequence, name, U(version), key, U(at));
        return;
    }
    record = &shard->records[index];
    shard->read_at = at;
    hold = judge_hold(shard, worker);
    if (hold != NULL && hold->state == HOLDING && index + 1 > hold->done_to) {
        hold->done_to = index + 1;
    }
    if (record->done) {
        repeat(judge, at, worker, shard, sequence);
        return;
    }
    check_order(judge, at, worker, shard, record);
    check_start_time(judge, at, worker, shard, record);
    record->done = true;
    judge_settle(shard);
    settle_item(judge, &judge->items[key]);
}

/* ---- gaps ---- */

static void add_gap(struct shard *shard, size_t from, size_t to)
{
    judge_room(&shard->gaps, &shard->gap_cap, shard->gap_count + 1, sizeof *shard->gaps);
    shard->gaps[shard->gap_count++] = (struct gap){from, to};
    shard->lost_told = shard->lost_told || to == SIZE_MAX;
}

/* Everything before this shard is told to be missing. */
static void add_gap_above(struct judge *judge, const struct shard *shard)
{
    size_t i;
    for (i = 0; i < shard->parent_count; i++) {
        struct shard *above = judge->shards[shard->parents[i]];
        add_gap(above, 0, SIZE_MAX);
        add_gap_above(judge, above);
    }
}

/* Shards behind this one came and went before they were seen. */
static void add_gap_behind(struct judge *judge, const struct shard *shard)
{
    size_t i;
    for (i = 0; i < shard->child_count; i++) {
        struct shard *child = judge->shards[shard->children[i]];
        if (child->gone) {
            add_gap(child, 0, SIZE_MAX);
        }
        add_gap_behind(judge, child);
    }
}

/* The sequence number behind a word of the text; sentinels and their like count as the
 * beginning. */
static bool bound_behind(const char *text, const char *word, struct number *out)
{
    const char *at = strstr(text, word);
    size_t len;
    *out = (struct number){{0}};
    if (at == NULL) {
        return false;
    }
    at += strlen(word);
    len = strspn(at, "0123456789");
    return judge_number_parse((struct tr_bytes){at, len}, out) ||
           (len == 0 && strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") > 4);
}

/* The first record of a gap: that of the number where it says "from", the next where it says
 * "after". */
static size_t gap_begin(const struct shard *shard, const struct number *low, bool from)
{
    size_t begin = judge_records_upto(shard, low);
    return from && begin > 0 && is_at(shard, begin - 1, low) ? begin - 1 : begin;
}

void judge_gap(struct judge *judge, uint64_t at, size_t worker, const char *name, const char *text)
{
    struct shard *shard = judge_shard_of(judge, tr_bytes_of(name));
    struct number low, high;
    bool from = text != NULL && bound_behind(text, "from ", &low);
    bool after = !from && text != NULL && bound_behind(text, "after ", &low);
    if (judge->is_wrong || shard == NULL) {
        return;
    }
    if (text != NULL && strstr(text, "shards before this one") != NULL) {
        add_gap_above(judge, shard);
    } else if (text != NULL && strstr(text, "shards behind this one") != NULL) {
        add_gap_behind(judge, shard);
    } else if ((from || after) && strstr(text, "nothing is left until now") != NULL) {
        add_gap(shard, gap_begin(shard, &low, from), shard->record_count);
    } else if ((from || after) && strstr(text, "to the end of the shard") != NULL) {
        add_gap(shard, gap_begin(shard, &low, from), SIZE_MAX);
    } else if ((from || after) && bound_behind(text, "before ", &high)) {
        size_t to = judge_records_upto(shard, &high);
        add_gap(shard, gap_begin(shard, &low, from),
                to > 0 && is_at(shard, to - 1, &high) ? to - 1 : to);
    } else {
        judge_fail(judge, "gap-bounds",
                   "worker '%s' reports a gap of shard '%s' at %llu ms without bounds: '%s'",
                   judge_worker_id(judge, worker), name, U(at), text != NULL ? text : "");
    }
}

/* ---- the end ---- */

static bool in_gap(const struct shard *shard, size_t index)
{
    size_t i;
    for (i = 0; i < shard->gap_count; i++) {
        if (index >= shard->gaps[i].from && index < shard->gaps[i].to) {
            return true;
        }
    }
    return false;
}

/* Somebody or something is to blame for data that goes unread: a fault within the time that the
 * data was kept, or that nobody was there to read. */
static bool is_blamed(const struct judge *judge, const struct record *record)
{
    uint64_t kept = judge->options.retention_ms;
    uint64_t from = record->at > kept ? record->at - kept : 0;
    size_t i;
    for (i = 0; i < judge->fault_count && judge->faults[i] <= record->trimmed_at; i++) {
        if (judge->faults[i] >= from) {
            return true;
        }
    }
    return record->unwatched;
}

/* A fault took the shard away whole before its time: it is given up, and what it held is told, when
 * it is a day old and a listing or a reader has found it missing since. */
static bool is_kept_for_its_age(const struct judge *judge, uint64_t at, const struct shard *shard)
{
    return shard->gone && shard->row.there && !shard->ended &&
           at < shard->born + judge->options.retention_ms + GIVEN_UP_MS;
}

/* What lies behind it, in this stream or a newer one, waits until then. */
static bool waits_for_age(const struct judge *judge, uint64_t at, const struct shard *shard)
{
    size_t i;
    for (i = 0; i < judge->shard_count && shard->stream > 0; i++) {
        const struct shard *other = judge->shards[i];
        if (other->stream < shard->stream && is_kept_for_its_age(judge, at, other)) {
            return true;
        }
    }
    for (i = 0; i < shard->parent_count; i++) {
        if (waits_for_age(judge, at, judge->shards[shard->parents[i]])) {
            return true;
        }
    }
    return is_kept_for_its_age(judge, at, shard);
}

/* The fleet began there, or below it: of what was trimmed before its time, which the service never
 * does, it knows by the first checkpoint only. */
static bool began_there(const struct judge *judge, const struct shard *shard)
{
    size_t i;
    for (i = 0; i < shard->child_count && shard->counter_max == 0; i++) {
        if (began_there(judge, judge->shards[shard->children[i]])) {
            return true;
        }
    }
    return shard->began_alone;
}

/* Nothing is left of a shard that is older than the fleet's start: what is missing is taken for
 * what was written before it, since what came later is kept for a day. */
static bool began_within(const struct judge *judge, const struct shard *shard)
{
    return shard->dated && judge->options.epoch_ms > 0 && shard->born <= judge->start;
}

static void check_record(struct judge *judge, uint64_t at, const struct shard *shard, size_t index)
{
    const struct record *record = &shard->records[index];
    char text[TEXT_MAX];
    judge_number_text(&record->number, text, sizeof text);
    if (record->done || index < shard->free_to) {
        return;
    }
    if (waits_for_age(judge, at, shard)) {
        return;
    }
    if (index >= shard->trimmed_to) {
        judge_fail(judge, "lost",
                   "record %zu ('%s', version %llu of item %u) of shard '%s', written at %llu ms, "
                   "is not processed by %llu ms",
                   index, text, U(record->version), record->key, shard->name, U(record->at), U(at));
    } else if ((record->early && began_there(judge, shard)) ||
               (record->swept && began_within(judge, shard))) {
        return;
    } else if (!in_gap(shard, index) && !shard->kcl_held) {
        judge_fail(judge, "gap-missing",
                   "record %zu ('%s', version %llu of item %u) of shard '%s' was trimmed unread, "
                   "and no gap event bounds it",
                   index, text, U(record->version), record->key, shard->name);
    } else if (!is_blamed(judge, record)) {
        judge_fail(judge, "gap-unblamed",
                   "record %zu ('%s') of shard '%s', written at %llu ms, was trimmed unread with "
                   "no fault to blame",
                   index, text, shard->name, U(record->at));
    }
}

void judge_end(struct judge *judge, uint64_t at)
{
    size_t i, j;
    for (i = 0; i < judge->shard_count; i++) {
        const struct shard *shard = judge->shards[i];
        for (j = 0; j < shard->record_count && !judge->is_wrong; j++) {
            check_record(judge, at, shard, j);
        }
    }
}
