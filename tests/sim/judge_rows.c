/* SPDX-License-Identifier: Apache-2.0
 *
 * The lease table as the model has it: every write of a row is held against the rules for its
 * writer, and the tenures that follow from them are kept, one a worker and shard. */
#include "tests/sim/judge_parts.h"
#include "tests/sim/scan.h"

#include <string.h>

#define U(x) ((unsigned long long)(x))
#define NAME_MAX_BYTES 256
#define OLD_RETENTIONS 2u /* a childless shard's row stays for 48 h */

/* ---- decoding ---- */

enum group { KEY, OWNER, COUNTER, CHECKPOINT, COUNTED, KEPT, LOOSE };

static enum group group_of(struct tr_bytes name)
{
#define KNOWN(name, group)                                                                         \
    {                                                                                              \
        name, sizeof name + 1, group                                                               \
    }
    static const struct {
        const char *name;
        size_t len; /* with quotes */
        enum group group;
    } known[] = {
        KNOWN("leaseKey", KEY),
        KNOWN("leaseOwner", OWNER),
        KNOWN("leaseCounter", COUNTER),
        KNOWN("checkpoint", CHECKPOINT),
        KNOWN("checkpointSubSequenceNumber", COUNTED),
        KNOWN("ownerSwitchesSinceCheckpoint", COUNTED),
        KNOWN("pendingCheckpoint", COUNTED),
        KNOWN("pendingCheckpointSubSequenceNumber", COUNTED),
        KNOWN("pendingCheckpointState", COUNTED),
        KNOWN("checkpointOwner", COUNTED),
        KNOWN("childShardIds", LOOSE),
        KNOWN("startingHashKey", LOOSE),
        KNOWN("endingHashKey", LOOSE),
        KNOWN("throughputKBps", LOOSE),
    };
#undef KNOWN
    size_t i;
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        /* A longer one may hold escapes. */
        if (name.len >= known[i].len && scan_is(name, known[i].name)) {
            return known[i].group;
        }
    }
    return name.len > 9 && memcmp(name.ptr, "\"tailrace", 9) == 0 ? LOOSE : KEPT;
}

/* The one value of {"S":"..."}: absent when the type is another. */
static struct tr_bytes typed(struct tr_bytes value, const char *type)
{
    struct scan scan = scan_begin(value);
    struct tr_bytes name, inner;
    if (scan_member(&scan, &name, &inner) && scan_is(name, type)) {
        return inner;
    }
    return (struct tr_bytes){0};
}

static struct place place_of(struct tr_bytes value)
{
    char text[NAME_MAX_BYTES];
    struct place place = {.kind = PLACE_BAD};
    if (!scan_string(typed(value, "S"), text, sizeof text)) {
        return place;
    }
    if (judge_number_parse(tr_bytes_of(text), &place.number)) {
        place.kind = PLACE_NUMBER;
    } else if (strcmp(text, "TRIM_HORIZON") == 0) {
        place.kind = PLACE_HORIZON;
    } else if (strcmp(text, "SHARD_END") == 0) {
        place.kind = PLACE_END;
    } else if (strcmp(text, "LATEST") == 0) {
        place.kind = PLACE_LATEST;
    } else if (strcmp(text, "AT_TIMESTAMP") == 0) {
        place.kind = PLACE_TIMESTAMP;
    }
    return place;
}

static bool number_of(struct tr_bytes value, uint64_t *out)
{
    char text[NAME_MAX_BYTES];
    return scan_string(typed(value, "N"), text, sizeof text) &&
           tr_bytes_u64(tr_bytes_of(text), (uint64_t)INT64_MAX, out);
}

static size_t owner_of(const struct judge *judge, struct tr_bytes value)
{
    char text[NAME_MAX_BYTES];
    size_t number = NOBODY;
    if (scan_string(typed(value, "S"), text, sizeof text) && text[0] != '\0') {
        number = judge_names_find(&judge->ids, tr_bytes_of(text));
    }
    return number != NOBODY ? judge->id_worker[number] : STRANGER;
}

static uint64_t sum_of(struct tr_bytes name, struct tr_bytes value)
{
    return tr_bytes_hash(name) * 31 + tr_bytes_hash(value);
}

static struct row row_of(const struct judge *judge, struct tr_bytes item, struct tr_bytes *key)
{
    struct row row = {.there = true, .owner = NOBODY};
    struct scan scan = scan_begin(item);
    struct tr_bytes name, value;
    bool counted = false, unnamed = false;
    while (scan_member(&scan, &name, &value)) {
        enum group group = group_of(name);
        switch (group) {
        case OWNER:
            row.owner = owner_of(judge, value);
            unnamed = typed(value, "S").ptr == NULL;
            row.counted += sum_of(name, value);
            break;
        case COUNTER:
            counted = number_of(value, &row.counter);
            break;
        case CHECKPOINT:
            row.checkpoint = place_of(value);
            row.counted += sum_of(name, value);
            break;
        case COUNTED:
            row.counted += sum_of(name, value);
            break;
        case KEPT:
            row.kept += sum_of(name, value);
            break;
        case LOOSE:
            row.alone = row.alone || scan_is(name, "tailraceNoParents");
            row.run = scan_is(name, "tailraceRun") ? sum_of(name, value) : row.run;
            if (scan_is(name, "tailraceStartMs")) {
                (void)number_of(value, &row.start);
            }
            break;
        case KEY:
            *key = typed(value, "S");
            break;
        }
    }
    row.bad = !counted || unnamed || row.checkpoint.kind == PLACE_BAD;
    return row;
}

/* ---- tenures ---- */

struct hold *judge_hold(struct shard *shard, size_t worker)
{
    size_t i;
    for (i = shard->hold_count; i-- > 0;) {
        if (shard->holds[i].worker == worker) {
            return &shard->holds[i];
        }
    }
    return NULL;
}

static bool same_id(const struct judge *judge, size_t a, size_t b)
{
    return a == b || (a < judge->worker_count && b < judge->worker_count &&
                      judge->workers[a].id == judge->workers[b].id);
}

/* Two processes may have one id: which of them a written row names. It is the one that it named
 * before, where the row tells the same run; else it is who writes. */
static void tell_owner(const struct judge *judge, size_t worker, const struct row *before,
                       struct row *row)
{
    if (before->there && row->run == before->run && same_id(judge, row->owner, before->owner)) {
        row->owner = before->owner;
    } else if (same_id(judge, row->owner, worker)) {
        row->owner = worker;
    }
}

const struct place *judge_stored(const struct shard *shard, const struct row *row)
{
    return row->bad && shard->sound.there ? &shard->sound.checkpoint : &row->checkpoint;
}

/* What a worker that stops releases is read on soon, once nothing disturbs the fleet. */
static void check_taken(struct judge *judge, uint64_t at, size_t worker, struct shard *shard)
{
    uint64_t waited = at - shard->released_at;
    if (shard->released_at > 0 && waited > judge->options.released_ms) {
        judge_fail(judge, "released-unread",
                   "worker '%s' takes shard '%s' at %llu ms, %llu ms after a worker that stops "
                   "released it",
                   judge_worker_id(judge, worker), shard->name, U(at), U(waited));
    }
    shard->released_at = 0;
}

/* Whoever else held the shard holds it no more. */
static void end_others(struct shard *shard, uint64_t at, size_t worker)
{
    size_t i;
    for (i = 0; i < shard->hold_count; i++) {
        if (shard->holds[i].state == HOLDING && shard->holds[i].worker != worker) {
            shard->holds[i].state = TAKEN;
            shard->holds[i].ended = at;
            shard->holds[i].taker = worker;
            shard->holds[i].left = shard->row.checkpoint;
        }
    }
}

/* A new tenure begins. */
static void begin_hold(struct judge *judge, uint64_t at, size_t worker, uint64_t sent,
                       struct shard *shard, const struct row *row)
{
    struct hold *hold = judge_hold(shard, worker);
    uint64_t expected = hold != NULL ? hold->expected : 0;
    end_others(shard, at, worker);
    if (hold == NULL) {
        judge_room(&shard->holds, &shard->hold_cap, shard->hold_count + 1, sizeof *shard->holds);
        hold = &shard->holds[shard->hold_count++];
    }
    shard->reader = NOBODY; /* which calls again as soon as it has the lease anew */
    *hold = (struct hold){.worker = worker,
                          .state = HOLDING,
                          .since = at,
                          .valid_from = sent,
                          .start = judge_behind(shard, judge_stored(shard, row)),
                          .expected = expected};
    if (shard->last_owner != worker && shard->last_owner != NOBODY &&
        row->checkpoint.kind != PLACE_END && at > judge_steady_at(judge) &&
        ++shard->changes > judge->options.changes_max * (judge->live_kcl > 0 ? 4 : 1)) {
        judge_fail(judge, "thrash",
                   "shard '%s' goes from owner to owner, now to '%s' at %llu ms: %llu times since "
                   "balance was due at %llu ms",
                   shard->name, judge_worker_id(judge, worker), U(at), U(shard->changes),
                   U(judge_steady_at(judge)));
    }
    check_taken(judge, at, worker, shard);
    shard->last_owner = worker;
    shard->kcl_held = shard->kcl_held || judge_is_kcl(judge, worker);
}

/* ---- checkpoints ---- */

static int place_cmp(const struct place *a, const struct place *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    return a->kind == PLACE_NUMBER ? judge_number_cmp(&a->number, &b->number) : 0;
}

static const char *place_text(const struct place *place, char *out, size_t cap)
{
    static const char *const names[] = {"?", "AT_TIMESTAMP", "TRIM_HORIZON", "LATEST",
                                        "",  "SHARD_END"};
    return place->kind == PLACE_NUMBER ? judge_number_text(&place->number, out, cap)
                                       : names[place->kind];
}

#define LISTING_FAULT_MS 30000u

static bool any_child_has_row(const struct judge *judge, const struct shard *shard)
{
    size_t i;
    for (i = 0; i < shard->child_count; i++) {
        if (judge->shards[shard->children[i]]->row.there) {
            return true;
        }
    }
    return false;
}

/* Rows began further down: a fleet that starts at the present time begins with the leaves, and a
 * stale listing may show another worker older ones. Whether such a shard holds anything that is
 * owed, the records tell. */
static bool began_below(const struct judge *judge, const struct shard *shard)
{
    size_t i;
    for (i = 0; i < shard->child_count; i++) {
        const struct shard *child = judge->shards[shard->children[i]];
        if (child->row.there || child->deleted || began_below(judge, child)) {
            return true;
        }
    }
    return false;
}

/* It has no row, and nobody to blame for that but the product. */
static bool lacks_row(const struct judge *judge, const struct shard *shard)
{
    return !shard->row.there && !shard->deleted && !shard->gone && shard->vanished_at == 0 &&
           !began_below(judge, shard);
}

/* A child that answers left out: all of them for as long as an end is held, or one that shows its
 * sibling. (Where many shards end together, they are listed instead of asked for, of which the
 * judge knows only when it was disturbed.) */
static bool may_lack_row(const struct judge *judge, uint64_t at, size_t worker,
                         const struct shard *shard, const struct shard *child)
{
    uint64_t held_until = shard->fetch_sent + judge->options.children_hold_ms * TAKE_PERCENT / 100;
    if (judge_was_shown(child, worker)) {
        return false;
    }
    return at >= held_until ||
           (any_child_has_row(judge, shard) &&
            (judge_was_asked(shard, worker) ||
             (judge->listing_fault_at > 0 && at - judge->listing_fault_at < LISTING_FAULT_MS)));
}

/* The children's rows stand before their parent ends, so that none is forgotten. */
static void check_children(struct judge *judge, uint64_t at, size_t worker,
                           const struct shard *shard)
{
    size_t i;
    if (shard->lost_told || judge_is_kcl(judge, worker)) {
        return;
    }
    for (i = 0; i < shard->child_count; i++) {
        const struct shard *child = judge->shards[shard->children[i]];
        if (lacks_row(judge, child) && !may_lack_row(judge, at, worker, shard, child)) {
            judge_fail(judge, "children-first",
                       "worker '%s' writes SHARD_END of shard '%s' at %llu ms, and its child '%s' "
                       "has no row",
                       judge_worker_id(judge, worker), shard->name, U(at), child->name);
        }
    }
}

static void check_reached(struct judge *judge, uint64_t at, size_t worker, struct shard *shard,
                          const struct place *place)
{
    size_t upto = judge_behind(shard, place);
    char text[64], undone[64];
    judge_settle(shard);
    if (place->kind == PLACE_END) {
        if ((!shard->closed || shard->settled < shard->record_count) && !shard->lost_told) {
            judge_fail(judge, "shard-end-early",
                       "worker '%s' writes SHARD_END of shard '%s' at %llu ms: %s, %zu of %zu "
                       "records are done in order",
                       judge_worker_id(judge, worker), shard->name, U(at),
                       shard->closed ? "it is closed" : "it is open", shard->settled,
                       shard->record_count);
        }
        check_children(judge, at, worker, shard);
        return;
    }
    if (shard->settled < upto) {
        judge_fail(
            judge, "checkpoint-past",
            "worker '%s' writes checkpoint '%s' of shard '%s' at %llu ms: record %zu ('%s') "
            "before it is not done",
            judge_worker_id(judge, worker), place_text(place, text, sizeof text), shard->name,
            U(at), shard->settled,
            judge_number_text(&shard->records[shard->settled].number, undone, sizeof undone));
    } else if (place->kind == PLACE_NUMBER &&
               (upto == 0 ||
                judge_number_cmp(&shard->records[upto - 1].number, &place->number) != 0)) {
        judge_fail(judge, "checkpoint-unknown",
                   "worker '%s' writes checkpoint '%s' of shard '%s' at %llu ms: no record has "
                   "this number",
                   judge_worker_id(judge, worker), place_text(place, text, sizeof text),
                   shard->name, U(at));
    }
}

static void check_checkpoint(struct judge *judge, uint64_t at, size_t worker, struct shard *shard,
                             const struct place *before, const struct place *after)
{
    int order = place_cmp(after, before);
    char text[64], old[64];
    if (order == 0) {
        return;
    }
    if (order < 0) {
        judge_fail(judge, "checkpoint-back",
                   "worker '%s' writes checkpoint '%s' of shard '%s' at %llu ms over '%s'",
                   judge_worker_id(judge, worker), place_text(after, text, sizeof text),
                   shard->name, U(at), place_text(before, old, sizeof old));
        return;
    }
    check_reached(judge, at, worker, shard, after);
}

/* ---- writes ---- */

/* Records are stamped with whole seconds, and so the start is judged. */
static void learn_start(struct judge *judge, const struct row *row)
{
    uint64_t epoch = (uint64_t)judge->options.epoch_ms, second = row->start / 1000 * 1000;
    uint64_t start = second > epoch ? second - epoch : 0;
    if (row->start > 0 && start < judge->start) {
        judge->start = start;
    }
}

/* The row stands as it is now. */
static void keep(struct judge *judge, uint64_t at, struct shard *shard, const struct row *row)
{
    if (!shard->row.there || row->owner != shard->row.owner || row->counter != shard->row.counter) {
        shard->changed_at = at;
    }
    shard->row = *row;
    if (!row->bad) {
        shard->sound = *row;
        shard->sound_at = shard->changed_at;
    }
    shard->counter_max = row->counter > shard->counter_max ? row->counter : shard->counter_max;
    shard->ended_at = shard->ended ? shard->ended_at : at;
    shard->ended = row->checkpoint.kind == PLACE_END;
    learn_start(judge, row);
    if (!judge->any_row) {
        judge->any_row = true;
        judge->any_row_at = at;
        judge_free_before(judge, judge->options.latest ? SIZE_MAX : shard->stream);
    }
}

/* Parents' rows come first: a child's row without them says that they were done or trimmed. */
static void check_parents_made(struct judge *judge, uint64_t at, size_t worker,
                               const struct shard *shard, const struct row *row)
{
    size_t i;
    for (i = 0; i < shard->parent_count && !row->alone && !judge_is_kcl(judge, worker); i++) {
        const struct shard *parent = judge->shards[shard->parents[i]];
        if (!parent->row.there && parent->counter_max == 0 && !parent->gone) {
            judge_fail(judge, "parent-unmade",
                       "worker '%s' makes the row of shard '%s' at %llu ms, whose parent '%s' "
                       "never had one",
                       judge_worker_id(judge, worker), shard->name, U(at), parent->name);
        }
    }
}

/* Another worker took the lease, and the row went before the earlier owner's next write could tell.
 * After two failover times, which are for whoever knows better, the owner makes the row again as it
 * knew it; at once, if its validity runs on, for only a KCL-like worker can have taken it then. */
static bool knows_no_better(const struct judge *judge, uint64_t sent, const struct shard *shard,
                            const struct hold *hold)
{
    uint64_t wait = hold != NULL ? judge_failover_of(judge, hold->worker) * 2 : 0;
    return hold != NULL && hold->state == TAKEN &&
           (judge_is_kcl(judge, hold->taker) ||
            (shard->vanished_at >= hold->ended &&
             sent >= shard->vanished_at + wait * TAKE_PERCENT / 100));
}

/* The checkpoint that a worker owes to a row that it makes again as its owner: the last one, or
 * what the row held when it was taken. What others wrote after that went with the row. */
static const struct place *owed_place(const struct judge *judge, uint64_t sent, struct shard *shard,
                                      size_t worker)
{
    const struct hold *hold = judge_hold(shard, worker);
    return knows_no_better(judge, sent, shard, hold) ? &hold->left
                                                     : judge_stored(shard, &shard->row);
}

/* The row was made again by its owner: the tenure goes on where there was one. */
static void hold_on(struct judge *judge, uint64_t at, size_t worker, uint64_t sent,
                    struct shard *shard, const struct row *row)
{
    struct hold *hold = judge_hold(shard, worker);
    if (hold == NULL || (hold->state != HOLDING && !knows_no_better(judge, sent, shard, hold))) {
        begin_hold(judge, at, worker, sent, shard, row);
        return;
    }
    end_others(shard, at, worker);
    hold->state = HOLDING;
    hold->valid_from = sent;
    shard->last_owner = worker;
}

/* Somebody deleted the row of a descendant by hand. Until its owner makes it again, nothing tells a
 * worker that has just started that the shard was done with: it begins anew, and repeats. */
static bool lost_heir(const struct judge *judge, const struct shard *shard)
{
    size_t i;
    for (i = 0; i < shard->child_count; i++) {
        const struct shard *child = judge->shards[shard->children[i]];
        if (!child->row.there &&
            (child->deleted ? lost_heir(judge, child) : child->vanished_at > 0)) {
            return true;
        }
    }
    return false;
}

static void made(struct judge *judge, uint64_t at, size_t worker, uint64_t sent,
                 struct shard *shard, const struct row *row)
{
    const char *id = judge_worker_id(judge, worker);
    if (row->bad) {
        judge_fail(judge, "row-shape",
                   "worker '%s' makes a row '%s' at %llu ms that is no lease row", id, shard->name,
                   U(at));
    } else if (shard->deleted && !lost_heir(judge, shard)) {
        judge_fail(judge, "row-again",
                   "worker '%s' makes the row of shard '%s' at %llu ms, which was finished and "
                   "deleted",
                   id, shard->name, U(at));
    } else if (shard->counter_max > 0 && row->counter <= shard->counter_max &&
               sent >= shard->vanished_at && !judge_is_kcl(judge, worker)) {
        judge_fail(judge, "counter-reused",
                   "worker '%s' makes the row of shard '%s' at %llu ms with counter %llu; an "
                   "earlier row had %llu",
                   id, shard->name, U(at), U(row->counter), U(shard->counter_max));
    } else if (row->owner != NOBODY && row->owner != worker) {
        judge_fail(judge, "owner-named",
                   "worker '%s' makes the row of shard '%s' at %llu ms for '%s'", id, shard->name,
                   U(at), judge_worker_id(judge, row->owner));
    } else if (row->owner != NOBODY && shard->sound.there) {
        check_checkpoint(judge, at, worker, shard, owed_place(judge, sent, shard, worker),
                         &row->checkpoint);
    } else {
        check_reached(judge, at, worker, shard, &row->checkpoint);
    }
    shard->deleted = false;
    shard->began_alone = shard->began_alone || row->alone;
    shard->dated = shard->dated || row->start > 0;
    shard->ready_at = shard->vanished_at > 0 ? at : shard->ready_at; /* not before that */
    check_parents_made(judge, at, worker, shard, row);
    keep(judge, at, shard, row);
    if (row->owner != NOBODY) {
        hold_on(judge, at, worker, sent, shard, row);
    }
}

static void check_take(struct judge *judge, uint64_t at, size_t worker, uint64_t sent,
                       struct shard *shard)
{
    size_t from = shard->row.owner;
    uint64_t mine = judge_failover_of(judge, worker), theirs = judge_failover_of(judge, from);
    uint64_t failover = mine > theirs ? mine : theirs;
    uint64_t due = shard->changed_at + failover * TAKE_PERCENT / 100;
    if (from == NOBODY || judge_is_kcl(judge, from) || judge_is_kcl(judge, worker)) {
        return;
    }
    if (sent < due) {
        judge_fail(judge, "take-early",
                   "worker '%s' takes shard '%s' from '%s' at %llu ms (sent at %llu ms), which "
                   "wrote the row at %llu ms; failover is %llu ms",
                   judge_worker_id(judge, worker), shard->name, judge_worker_id(judge, from), U(at),
                   U(sent), U(shard->changed_at), U(failover));
    }
}

/* What a worker has done goes into the checkpoint that it leaves behind. */
static void released(struct judge *judge, uint64_t at, size_t worker, struct shard *shard,
                     const struct row *row)
{
    struct hold *hold = judge_hold(shard, worker);
    const struct place *left = judge_stored(shard, row);
    if (hold != NULL && hold->state == HOLDING) {
        if (judge->options.whole_releases && !judge_is_kcl(judge, worker) &&
            judge_behind(shard, left) < hold->done_to) {
            judge_fail(judge, "release-behind",
                       "worker '%s' releases shard '%s' at %llu ms with a checkpoint before record "
                       "%zu, and has done %zu",
                       judge_worker_id(judge, worker), shard->name, U(at),
                       judge_behind(shard, left), hold->done_to);
        }
        shard->released_at =
            judge->calm && judge->workers[worker].stopping && row->checkpoint.kind != PLACE_END ? at
                                                                                                : 0;
        hold->state = RELEASED;
        hold->ended = at;
        hold->taker = NOBODY;
    }
}

static void renewed(struct shard *shard, size_t worker, uint64_t sent)
{
    struct hold *hold = judge_hold(shard, worker);
    if (hold != NULL && hold->state == HOLDING && sent > hold->valid_from) {
        hold->valid_from = sent;
    }
}

/* Who may make which change of owner. */
static void check_owner(struct judge *judge, uint64_t at, size_t worker, uint64_t sent,
                        struct shard *shard, const struct row *row)
{
    size_t from = shard->row.owner;
    const char *id = judge_worker_id(judge, worker);
    bool mine = from == worker;
    if (row->owner == worker) {
        if (!mine) {
            check_take(judge, at, worker, sent, shard);
            begin_hold(judge, at, worker, sent, shard, row);
        } else if (judge_hold(shard, worker) == NULL) {
            begin_hold(judge, at, worker, sent, shard, row);
        } else {
            renewed(shard, worker, sent);
        }
    } else if (row->owner == NOBODY && mine) {
        released(judge, at, worker, shard, row);
    } else if (row->owner == from || row->owner == NOBODY) {
        judge_fail(judge, "write-not-owner",
                   "worker '%s' writes the row of shard '%s' at %llu ms, whose owner is '%s'", id,
                   shard->name, U(at), judge_worker_id(judge, from));
    } else {
        judge_fail(judge, "owner-named",
                   "worker '%s' makes '%s' the owner of shard '%s' at %llu ms", id,
                   judge_worker_id(judge, row->owner), shard->name, U(at));
    }
}

/* Somebody outside has spoilt it, and the write leaves what is bad as it is: one beside the tenure,
 * or one of an owner, which goes on until it has a checkpoint to write over one that is none. */
static bool stays_bad(const struct row *old, const struct row *row)
{
    return old->bad && (row->counted == old->counted ||
                        (old->checkpoint.kind == PLACE_BAD && row->checkpoint.kind == PLACE_BAD));
}

/* Raised by one; but who takes a row whose counter was set back from outside may lead it past what
 * it had before: as far as that, and no further. */
static bool may_follow(const struct shard *shard, size_t worker, const struct row *row)
{
    return row->counter == shard->row.counter || row->counter == shard->row.counter + 1 ||
           (row->owner == worker && row->counter > shard->row.counter &&
            row->counter <= shard->counter_max + 1);
}

/* Whether the counter is one that an earlier write of the same worker met. Such a write, late on
 * its way or repeated by the network, would find its condition met a second time. */
static bool retraces(const struct judge *judge, struct shard *shard, size_t worker,
                     const struct row *row)
{
    const struct hold *hold = judge_hold(shard, worker);
    return hold != NULL && row->counter <= hold->expected && !judge_is_kcl(judge, worker);
}

/* What an owner's write met. The first one after somebody moved the counter is a take. */
static void remember_met(struct shard *shard, size_t worker)
{
    struct hold *hold = judge_hold(shard, worker);
    if (hold != NULL && shard->row.owner == worker && !shard->moved &&
        shard->row.counter > hold->expected) {
        hold->expected = shard->row.counter;
    }
    shard->moved = false;
}

static void changed(struct judge *judge, uint64_t at, size_t worker, uint64_t sent,
                    struct shard *shard, const struct row *row)
{
    const struct row *old = &shard->row;
    const char *id = judge_worker_id(judge, worker);
    if (row->bad && !stays_bad(old, row)) {
        judge_fail(judge, "row-shape",
                   "worker '%s' writes a row '%s' at %llu ms that is no lease row", id, shard->name,
                   U(at));
    } else if (row->kept != old->kept) {
        judge_fail(judge, "attribute-lost",
                   "worker '%s' changes an attribute of row '%s' at %llu ms that is not its own",
                   id, shard->name, U(at));
    } else if (row->counter == old->counter && row->counted != old->counted) {
        judge_fail(judge, "counter-not-raised",
                   "worker '%s' writes the row of shard '%s' at %llu ms and leaves its counter at "
                   "%llu",
                   id, shard->name, U(at), U(row->counter));
    } else if (!may_follow(shard, worker, row)) {
        judge_fail(judge, "counter-jump",
                   "worker '%s' writes the row of shard '%s' at %llu ms with counter %llu after "
                   "%llu",
                   id, shard->name, U(at), U(row->counter), U(old->counter));
    } else if (row->counter != old->counter && retraces(judge, shard, worker, row)) {
        judge_fail(judge, "counter-retraced",
                   "worker '%s' writes the row of shard '%s' at %llu ms with counter %llu, and an "
                   "earlier write of it met %llu",
                   id, shard->name, U(at), U(row->counter), U(judge_hold(shard, worker)->expected));
    } else if (row->counter != old->counter) {
        remember_met(shard, worker);
        check_owner(judge, at, worker, sent, shard, row);
        if (!row->bad) {
            check_checkpoint(judge, at, worker, shard, &shard->sound.checkpoint, &row->checkpoint);
        }
    }
    keep(judge, at, shard, row);
}

/* ---- deletes ---- */

/* What is missing before a row may go; NULL: nothing. */
static const char *why_needed(const struct judge *judge, uint64_t at, const struct shard *shard)
{
    size_t i;
    if (shard->row.bad || shard->row.checkpoint.kind != PLACE_END) {
        return "it is not at SHARD_END";
    }
    for (i = 0; i < shard->parent_count; i++) {
        if (judge->shards[shard->parents[i]]->row.there) {
            return "its parent's row stands";
        }
    }
    for (i = 0; i < shard->child_count; i++) {
        const struct shard *child = judge->shards[shard->children[i]];
        if (child->row.there && judge_stored(child, &child->row)->kind < PLACE_NUMBER) {
            return "a child's row has not progressed";
        }
        if (lacks_row(judge, child)) {
            return "a child has no row";
        }
    }
    if (shard->child_count == 0 && !shard->gone) {
        return "it has no child and the service still has it";
    }
    if (shard->child_count == 0 &&
        at - shard->born < OLD_RETENTIONS * judge->options.retention_ms) {
        return "it has no child and is not old enough";
    }
    return NULL;
}

static void deleted(struct judge *judge, uint64_t at, size_t worker, struct shard *shard)
{
    const char *needed = judge_is_kcl(judge, worker) ? NULL : why_needed(judge, at, shard);
    if (needed != NULL) {
        judge_fail(judge, "row-deleted-early",
                   "worker '%s' deletes the row of shard '%s' at %llu ms: %s",
                   judge_worker_id(judge, worker), shard->name, U(at), needed);
    }
    shard->deleted = true;
    shard->row.there = false;
    shard->row.owner = NOBODY;
}

/* The world itself or an operator writes: from here on the row is what it is. */
static void outside(struct judge *judge, uint64_t at, struct shard *shard, const struct row *row)
{
    if (row != NULL) {
        bool mended = shard->row.bad && !row->bad && row->owner == shard->sound.owner &&
                      row->counter == shard->sound.counter;
        uint64_t stood_since = shard->sound_at;
        shard->moved = shard->moved || row->counter != shard->row.counter;
        keep(judge, at, shard, row);
        if (mended) { /* nobody has written a counter meanwhile: so long has it stood still */
            shard->changed_at = shard->sound_at = stood_since;
        }
    } else {
        shard->row.there = false;
        shard->row.owner = NOBODY;
        shard->changed_at = shard->vanished_at = at;
    }
}

void judge_item(struct judge *judge, uint64_t at, size_t worker, uint64_t sent, const char *table,
                const char *before, const char *after)
{
    struct tr_bytes item = tr_bytes_of(after != NULL ? after : before), name = {NULL, 0};
    struct shard *shard = NULL;
    struct row row;
    char key[NAME_MAX_BYTES];
    if (judge->is_wrong || item.ptr == NULL || strcmp(table, judge->options.lease_table) != 0) {
        return;
    }
    row = row_of(judge, item, &name);
    if (scan_string(name, key, sizeof key)) {
        shard = judge_shard_of(judge, tr_bytes_of(key));
    }
    if (shard == NULL) {
        if (worker != SIZE_MAX) {
            judge_fail(judge, "row-foreign",
                       "worker '%s' writes to the lease table at %llu ms what is no shard's row: "
                       "%.300s",
                       judge_worker_id(judge, worker), U(at), item.ptr);
        }
        return;
    }
    if (after != NULL) {
        tell_owner(judge, worker, &shard->row, &row);
    }
    if (worker == SIZE_MAX) {
        outside(judge, at, shard, after != NULL ? &row : NULL);
    } else if (after == NULL) {
        deleted(judge, at, worker, shard);
    } else if (before == NULL) {
        made(judge, at, worker, sent, shard, &row);
    } else {
        changed(judge, at, worker, sent, shard, &row);
    }
}
