/* SPDX-License-Identifier: Apache-2.0
 *
 * The held leases of a consumer, from the grant to pages in hand: each has a slot with a reader,
 * the pages fetched and not processed, at most one batch lent to the pool, and a tracker. */
#include "worker/consumer_parts.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/mutant.h"

/* With once, a shard that is refused this often in a row cannot be finished (some 10 s). */
#define ONCE_REFUSALS_MAX 8u
/* A checkpoint that the service refuses is told again so often. */
#define REFUSED_AGAIN_MS (10 * 60 * 1000u)
#define RETENTION_MS (24ll * 3600 * 1000)
/* A child whose parent's children did not show it by then needs a listing; and they are asked for
 * again, since a listing may lag, or come from a server that does. */
#define START_ASK_MS 2000u
#define START_ASK_MS_MAX 10000u

struct tr_bytes tr_consumer_key(const struct slot *slot)
{
    return tr_bytes_of(slot->key);
}

void tr_consumer_free_page(struct tr_consumer *c, struct tr_page *page)
{
    if (page != NULL) {
        c->options.budget->bytes -= page->body.len;
        c->look = c->look || c->lacks_room; /* others may go on */
        tr_page_deinit(page);
        tr_free(page);
    }
}

static void drop_pages(struct tr_consumer *c, struct slot *slot)
{
    size_t i;
    for (i = 0; i < slot->page_count; i++) {
        if (slot->pages[i].page != slot->processing_page) {
            tr_consumer_free_page(c, slot->pages[i].page);
        }
    }
    slot->page_count = 0;
}

static void free_slot(struct tr_consumer *c, struct slot *slot)
{
    if (slot->reader.op > c->reader_ops) {
        c->reader_ops = slot->reader.op;
    }
    c->slots[slot->index] = NULL;
    tr_consumer_due_remove(c, slot);
    tr_reader_deinit(&slot->reader);
    tr_tracker_deinit(&slot->tracker);
    tr_free(slot->key);
    tr_free(slot->parent);
    tr_free(slot);
}

void tr_consumer_returned(struct tr_consumer *c, struct slot *slot)
{
    if (!slot->held && slot->slicing == NULL && !slot->processing) {
        free_slot(c, slot);
    }
}

void tr_consumer_shards_deinit(struct tr_consumer *c)
{
    size_t i;
    for (i = 0; i < c->slot_count; i++) {
        struct slot *slot = c->slots[i];
        if (slot != NULL) {
            drop_pages(c, slot);
            tr_consumer_free_page(c, slot->slicing);
            tr_consumer_free_page(c, slot->processing_page);
            slot->slicing = NULL;
            slot->processing = false;
            slot->held = false;
            free_slot(c, slot);
        }
    }
    tr_free(c->slots);
    tr_free(c->due);
}

static struct slot *new_slot(struct tr_consumer *c, struct tr_bytes key)
{
    struct slot *slot = tr_calloc(1, sizeof *slot);
    size_t index = 0;

    while (index < c->slot_count && c->slots[index] != NULL) {
        index++;
    }
    if (slot == NULL || index >= TR_CONSUMER_LEASES_MAX ||
        !tr_grow(&c->slots, &c->slot_cap, index + 1, sizeof *c->slots) ||
        !tr_consumer_due_room(c) || (slot->key = tr_memdup(key.ptr, key.len)) == NULL ||
        tr_map_set(&c->by_key, key, slot) != TR_OK) {
        if (slot != NULL) {
            tr_free(slot->key);
        }
        tr_free(slot);
        return NULL;
    }
    slot->index = (uint32_t)index;
    slot->generation = (uint8_t)tr_random_u64(&c->random);
    slot->held = true;
    c->slots[index] = slot;
    tr_consumer_due_add(c, slot);
    c->slot_count = index < c->slot_count ? c->slot_count : index + 1;
    c->held++;
    return slot;
}

/* Whether what the shard held when its row was made has grown older than records are kept: all of
 * it, or the beginning of a shard that was then still whole. Where nobody knows when that was, it
 * may have: a gap too many is told rather than one too few. */
static bool is_outlived(const struct tr_consumer *c, const struct tr_lease_row *row)
{
    int64_t made_ms = tr_lease_row_made_ms(row), born_ms;
    if (row->stream.ptr == NULL || c->wall.ms <= made_ms) {
        return false;
    }
    return made_ms == 0 || c->wall.ms - made_ms >= RETENTION_MS ||
           (tr_shard_id_ms(row->key, &born_ms) && born_ms > made_ms - RETENTION_MS &&
            c->wall.ms - born_ms >= RETENTION_MS);
}

/* Where reading starts. A row at TRIM_HORIZON that was made behind its parents' rows stands for the
 * whole shard, and one of the first start for what was there then: it is read AT the shard's first
 * number where that may be trimmed since, so that it shows as a gap (docs/starting.md). */
static bool stands_for_whole(const struct tr_consumer *c, const struct tr_lease_row *row)
{
    if (row->checkpoint.kind != TR_POSITION_TRIM_HORIZON || TR_MUTANT(LATEST_ANEW)) {
        return false;
    }
    return row->without_parents ? is_outlived(c, row)
                                : row->stream.ptr != NULL || row->parent_count > 0;
}

static void begin_reading(struct tr_consumer *c, struct slot *slot,
                          const struct tr_position *position, bool at)
{
    struct tr_reader_event start = {
        .kind = TR_READER_EV_START, .now = c->now, .position = *position, .at = at, .check = !at};
    struct tr_reader_effects none;
    struct tr_buf text = {0}, iterator = {0};
    slot->waits_start = false;
    if (at) {
        tr_consumer_ahead_take(c, tr_consumer_key(slot), position, &iterator);
        start.iterator = tr_buf_bytes(&iterator);
    }
    if (tr_reader_step(&slot->reader, &start, &none) != TR_OK) {
        c->out_of_memory = true;
    }
    tr_buf_deinit(&iterator);
    tr_position_format(&text, position);
    tr_consumer_note(c, TR_NOTE_SHARD_STARTED, tr_consumer_key(slot), 0, 0, tr_buf_bytes(&text));
    tr_buf_deinit(&text);
}

struct tr_bytes tr_consumer_first_number(const struct tr_consumer *c, struct tr_bytes key,
                                         struct tr_position *first)
{
    const struct tr_shard *shard = tr_graph_shard(c->graph, key);
    return shard != NULL && tr_position_parse_sequence(shard->starting, first)
               ? shard->starting
               : (struct tr_bytes){0};
}

/* Once the shard's first number is known, from its row or a listing; or a complete listing begun
 * since lacks the shard, which then answers ResourceNotFound, or has it without a number. */
static bool begin_at_start(struct tr_consumer *c, struct slot *slot, struct tr_bytes in_row)
{
    struct tr_position first;
    bool known = tr_position_parse_sequence(in_row, &first) ||
                 tr_consumer_first_number(c, tr_consumer_key(slot), &first).ptr != NULL;
    bool listed =
        c->listing.complete_once && tr_mono_reached(c->listing.complete_begun, slot->granted_at);
    if (!known && !listed && !c->streams.lost) {
        return false;
    }
    begin_reading(c, slot, known ? &first : &slot->handed, known);
    return true;
}

static void ask_parent(struct tr_consumer *c, struct slot *slot)
{
    uint64_t waited_ms = tr_mono_ms_between(slot->granted_at, c->now);
    uint64_t wait_ms = waited_ms > START_ASK_MS ? waited_ms : START_ASK_MS;
    slot->start_ask_at =
        tr_mono_add_ms(c->now, wait_ms < START_ASK_MS_MAX ? wait_ms : START_ASK_MS_MAX);
    if (slot->parent != NULL) {
        tr_consumer_ask_start(c, tr_bytes_of(slot->parent));
    }
}

static void note_bad_first(struct tr_consumer *c, const struct tr_lease_row *row)
{
    struct tr_position first;
    if (row->first.ptr != NULL && !tr_position_parse_sequence(row->first, &first)) {
        tr_consumer_note(c, TR_NOTE_LEASE_FIRST_BAD, row->key, 0, 0, row->first);
    }
}

/* Nobody here has listed the shard: its parent's children show it, with one call. */
static void ask_for_start(struct tr_consumer *c, struct slot *slot, const struct tr_lease_row *row)
{
    if (row->parent_count > 0) {
        slot->parent = tr_memdup(row->parents[0].ptr, row->parents[0].len);
    }
    if (slot->parent == NULL) {
        tr_consumer_need_listing(c);
    }
    ask_parent(c, slot);
}

/* ... or, where it does not, a listing. */
static void wait_for_start(struct tr_consumer *c, struct slot *slot)
{
    if (!slot->held || !slot->waits_start || begin_at_start(c, slot, (struct tr_bytes){0})) {
        return;
    }
    if (tr_mono_reached(c->now, slot->start_ask_at)) {
        tr_consumer_need_listing(c);
        ask_parent(c, slot);
    }
}

/* Where reading starts otherwise. LATEST and AT_TIMESTAMP are written by KCL workers; taken anew
 * they would skip what was written meanwhile, so the shard is read from its start: repeated, never
 * lost. */
static struct tr_position start_of(const struct tr_position *checkpoint)
{
    struct tr_position begin = TR_TRIM_HORIZON;
    begin.kind = TR_MUTANT(LATEST_ANEW) ? TR_POSITION_LATEST : begin.kind;
    return tr_position_is_sequence(checkpoint) && !TR_MUTANT(CHECKPOINT_UNREAD) ? *checkpoint
                                                                                : begin;
}

void tr_consumer_granted(struct tr_consumer *c, const struct tr_lease_effect *fx)
{
    struct slot *slot = tr_map_get(&c->by_key, fx->key);
    struct tr_reader_options options = {.poll_min_ms = c->options.poll_min_ms,
                                        .poll_max_ms = c->options.poll_max_ms,
                                        .limit = TR_READER_RECORDS_MAX,
                                        .seed = tr_random_u64(&c->random)};

    if (slot != NULL) {
        /* A new tenure of a lease that was never dropped: begin it clean. */
        tr_consumer_drop(c, slot);
    }
    slot = new_slot(c, fx->key);
    if (slot == NULL) {
        /* Nobody reads it then; unrenewed validity and the next scan put that right. */
        c->out_of_memory = true;
        return;
    }
    slot->handed = start_of(&fx->row.checkpoint);
    tr_consumer_start_slot(c, slot, &fx->row);
    slot->granted_at = c->now;
    slot->waits_start = stands_for_whole(c, &fx->row);
    tr_tracker_init(&slot->tracker, &fx->row.checkpoint, c->options.checkpoint_interval_ms,
                    BATCHES_OUT_MAX);
    tr_reader_init(&slot->reader, &options);
    /* A late answer to the slot's last tenant, another shard's iterator say, is nobody's, even when
     * the generations happen to be the same. */
    slot->reader.op = c->reader_ops;
    if (!slot->waits_start) {
        begin_reading(c, slot, &slot->handed, false);
    } else {
        note_bad_first(c, &fx->row);
        if (!begin_at_start(c, slot, fx->row.first)) {
            ask_for_start(c, slot, &fx->row);
        }
    }
    tr_consumer_valid(c, slot, fx->valid_until);
}

void tr_consumer_valid(struct tr_consumer *c, struct slot *slot, struct tr_mono until)
{
    struct tr_consumer_effect *fx = tr_consumer_emit(c, TR_CONSUMER_FX_VALID);
    slot->valid_until = until;
    if (fx != NULL) {
        fx->lease = slot->index;
        fx->valid_until = until;
    }
}

void tr_consumer_stored(struct tr_consumer *c, struct slot *slot,
                        const struct tr_position *position)
{
    struct tr_graph_row row = {.key = tr_consumer_key(slot), .checkpoint = *position};
    struct tr_graph_event event = {
        .kind = TR_GRAPH_ROW, .now = c->now, .begun = c->now, .rows = &row, .row_count = 1};
    struct row_info *info = tr_map_get(&c->rows, row.key);

    tr_tracker_stored(&slot->tracker, position, c->now);
    if (position->kind != TR_POSITION_SHARD_END) {
        return;
    }
    tr_consumer_note(c, TR_NOTE_SHARD_ENDED, row.key, slot->records, 0, (struct tr_bytes){NULL, 0});
    if (info != NULL) {
        info->ended = true;
    }
    tr_consumer_graph_event(c, &event);
    if (c->options.once) {
        tr_consumer_want_listing(c); /* CHILD_SHARDS may have left a child out */
    }
    c->families_next = c->now;
}

void tr_consumer_drop(struct tr_consumer *c, struct slot *slot)
{
    TR_ASSERT(slot->held);
    (void)tr_map_remove(&c->by_key, tr_consumer_key(slot));
    slot->held = false;
    c->held--;
    c->gapped -= slot->gapped;
    slot->gapped = false;
    tr_consumer_valid(c, slot, TR_MUTANT(LOSS_UNTOLD) ? slot->valid_until : (struct tr_mono){0});
    drop_pages(c, slot);
    tr_consumer_returned(c, slot);
}

/* Whether one more page may be fetched: each lease has a reserve of one page, so that a blocked
 * shard cannot starve the others; more only within the worker's budget. Whose lease has lapsed
 * fetches nothing: another worker may read the shard by now, and the service allows two readers. */
static bool has_room(const struct tr_consumer *c, const struct slot *slot, size_t coming)
{
    const struct tr_budget *budget = c->options.budget;
    size_t pages = slot->page_count + coming + (slot->slicing != NULL);
    if (!slot->held || slot->waits_start || slot->stuck || slot->gapped || slot->releasing ||
        slot->handing || slot->reader.state == TR_READER_ENDED || c->stopping ||
        (tr_mono_reached(c->now, slot->valid_until) && !TR_MUTANT(READS_WITHOUT_VALIDITY))) {
        return false;
    }
    return pages == 0 || (pages < PAGES_PER_LEASE && budget->bytes < budget->bytes_max);
}

void tr_consumer_stick(struct tr_consumer *c, struct slot *slot, enum tr_status status,
                       const char *why)
{
    slot->stuck = true;
    tr_consumer_note(c, TR_NOTE_SHARD_STUCK, tr_consumer_key(slot), 0, 0, tr_bytes_of(why));
    tr_consumer_fail(c, status, "consumer '%s': shard '%s': %s", c->options.name, slot->key, why);
}

/* Whether all that a gap may hold is older than what was asked for: the first record left is. Or,
 * where none is left: the shard was being read from its beginning, the service had not kept the
 * start that long, neither has this worker seen a newer record yet nor is the shard itself, by its
 * id, younger than the start. */
static bool gap_is_before_start(const struct tr_consumer *c, const struct slot *slot,
                                const struct gap *gap)
{
    int64_t born_ms;
    if (!slot->has_start) {
        return false;
    }
    if (gap->to_ms > 0) {
        return gap->to_ms < tr_consumer_start_floor(slot->start_ms);
    }
    return !tr_position_is_sequence(&gap->to) && slot->passing &&
           (gap->from_at || !tr_position_is_sequence(&gap->from)) &&
           c->wall.ms - slot->start_ms < RETENTION_MS &&
           !(tr_shard_id_ms(gap->shard, &born_ms) && born_ms > slot->start_ms);
}

/* By the first record that came, if one did. */
static void bound(struct gap *gap, const struct tr_page *page)
{
    if (page != NULL && page->count > 0) {
        gap->to = tr_page_position(page, 0);
        (void)tr_page_created_ms(page, 0, &gap->to_ms);
    }
}

/* What was trimmed is bounded now: by a page's first record, by the end, or by nothing. */
static void on_gap(struct tr_consumer *c, struct slot *slot, const struct tr_reader_effects *fx,
                   const struct tr_page *page)
{
    struct gap gap = {.shard = tr_consumer_key(slot),
                      .from = fx->from,
                      .from_at = fx->from_at,
                      .from_ms = fx->from_at ? 0 : slot->fetched_ms,
                      .to = TR_TRIM_HORIZON,
                      .ended = fx->ended};
    bound(&gap, page);
    if (!gap_is_before_start(c, slot, &gap)) {
        (void)tr_consumer_gap(c, &gap);
    }
}

/* The checkpoint is no record of the shard: told like a gap, whose beginning nobody knows. */
static void on_astray(struct tr_consumer *c, struct slot *slot, const struct tr_reader_effects *fx,
                      const struct tr_page *page)
{
    struct gap gap = {.shard = tr_consumer_key(slot),
                      .from = fx->from,
                      .to = TR_TRIM_HORIZON,
                      .astray = true,
                      .ended = fx->ended};
    bound(&gap, page);
    (void)tr_consumer_gap(c, &gap);
}

static void read_effects(struct tr_consumer *c, struct slot *slot,
                         const struct tr_reader_effects *fx, const struct tr_page *page)
{
    struct tr_buf text = {0};
    struct tr_buf *body;

    if (fx->unfound) {
        tr_position_format(&text, &fx->from);
        tr_consumer_note(c, TR_NOTE_CHECKPOINT_UNFOUND, tr_consumer_key(slot), 0, 0,
                         tr_buf_bytes(&text));
        tr_buf_deinit(&text);
    }
    if (fx->astray) {
        on_astray(c, slot, fx, page);
    }
    if (fx->expired) {
        tr_position_format(&text, &fx->from);
        tr_consumer_note(c, TR_NOTE_ITERATOR_EXPIRED, tr_consumer_key(slot), 0, 0,
                         tr_buf_bytes(&text));
        tr_buf_deinit(&text);
    }
    if (fx->gap_closed) {
        on_gap(c, slot, fx, page);
    }
    if (fx->kind == TR_READER_FX_ASK) {
        body = tr_consumer_call(c, tr_consumer_op(OP_ITERATOR, slot, fx->op), TR_AWS_STREAMS,
                                TR_AWS_CONTROL, "GetShardIterator", 0, 0);
        if (body != NULL) {
            tr_encode_get_shard_iterator(body, tr_buf_bytes(&c->arn), tr_consumer_key(slot),
                                         &fx->position, fx->at);
        }
    } else if (fx->kind == TR_READER_FX_FETCH) {
        body = tr_consumer_call(c, tr_consumer_op(OP_RECORDS, slot, fx->op), TR_AWS_STREAMS,
                                TR_AWS_RECORDS, "GetRecords", 1, 0);
        if (body != NULL) {
            tr_encode_get_records(body, tr_buf_bytes(&slot->reader.iterator),
                                  slot->reader.options.limit);
        }
    }
}

/* `page`: the one that the event is about, if it was sliced. */
static void read_event(struct tr_consumer *c, struct slot *slot, struct tr_reader_event *event,
                       const struct tr_page *page, struct tr_reader_effects *fx)
{
    event->now = c->now;
    if (tr_reader_step(&slot->reader, event, fx) != TR_OK) {
        c->out_of_memory = true;
    }
    read_effects(c, slot, fx, page);
}

/* Lend a page's bytes to the slicing thread. */
static void slice(struct tr_consumer *c, struct slot *slot, uint64_t number,
                  struct tr_aws_answer *answer)
{
    struct tr_page *page = tr_calloc(1, sizeof *page);
    struct tr_consumer_effect *fx = page != NULL ? tr_consumer_emit(c, TR_CONSUMER_FX_SLICE) : NULL;
    struct tr_reader_event lost = {.kind = TR_READER_EV_PAGE, .op = number, .status = TR_ECORRUPT};
    struct tr_reader_effects none;

    if (fx == NULL) {
        tr_free(page);
        c->out_of_memory = true;
        read_event(c, slot, &lost, NULL, &none); /* fetched again later */
        return;
    }
    page->body = answer->body;
    answer->body = (struct tr_buf){0};
    c->options.budget->bytes += page->body.len;
    slot->slicing = page;
    slot->reader_op = number;
    c->lent++;
    fx->op = tr_consumer_op(OP_SLICE, slot, number);
    fx->page = page;
}

/* ResourceNotFound says nothing by itself; the graph judges what it says with the listings. */
static void check_lost(struct tr_consumer *c, struct slot *slot)
{
    struct tr_graph_missing missing = {.key = tr_consumer_key(slot),
                                       .since = slot->reader.not_found_since,
                                       .now = c->now,
                                       .service = c->wall};
    enum tr_graph_verdict verdict;
    if (slot->gapped || slot->ended || slot->reader.not_found == 0) {
        return;
    }
    verdict = tr_graph_judge_missing(c->graph, &missing);
    if (verdict == TR_GRAPH_DESCRIBE) {
        tr_consumer_need_listing(c);
        if (tr_mono_ms_between(missing.since, c->now) >= TR_GRAPH_NOT_FOUND_MS) {
            tr_consumer_want_newer(c, missing.key);
        }
    }
    if (verdict != TR_GRAPH_LOST) {
        return;
    }
    tr_consumer_note(c, TR_NOTE_SHARD_LOST, missing.key,
                     tr_graph_age_ms(c->graph, missing.key, c->now, c->wall) / 1000,
                     tr_mono_ms_between(missing.since, c->now) / 1000, (struct tr_bytes){NULL, 0});
    if (!tr_consumer_gap(c, &(struct gap){.shard = tr_consumer_key(slot),
                                          .from = slot->handed,
                                          .from_ms = slot->fetched_ms,
                                          .ended = true})) {
        return;
    }
    tr_reader_deinit(&slot->reader);
    slot->reader.state = TR_READER_ENDED;
    slot->ended = true;
}

/* With once, what the service refuses again and again cannot be finished by this run. */
static void check_refused(struct tr_consumer *c, struct slot *slot, enum tr_status status,
                          const struct tr_err *err)
{
    bool refused =
        status != TR_OK && status != TR_ETRIMMED && tr_status_class(status) != TR_CLASS_RETRY;
    if (c->options.once && refused && !slot->stuck && !slot->ended && !slot->releasing &&
        slot->reader.failures >= ONCE_REFUSALS_MAX) {
        tr_consumer_stick(c, slot, status, err->text);
    }
}

/* The service takes no such number: said with what it is, where `call failed` names no shard. */
static void check_checkpoint(struct tr_consumer *c, struct slot *slot,
                             const struct tr_aws_answer *answer)
{
    struct tr_buf text = {0};
    if (answer->status != TR_EREFUSED || !slot->reader.checking ||
        (slot->refused && tr_mono_before(c->now, slot->refused_again))) {
        return;
    }
    slot->refused = true;
    slot->refused_again = tr_mono_add_ms(c->now, REFUSED_AGAIN_MS);
    tr_position_format(&text, &slot->reader.start);
    tr_buf_printf(&text, ": %s", answer->err.text);
    tr_consumer_note(c, TR_NOTE_CHECKPOINT_REFUSED, tr_consumer_key(slot), 0, 0,
                     tr_buf_bytes(&text));
    tr_buf_deinit(&text);
}

void tr_consumer_shard_answer(struct tr_consumer *c, enum op_kind kind, struct slot *slot,
                              uint64_t number, struct tr_aws_answer *answer)
{
    struct tr_reader_event event = {.kind = TR_READER_EV_ITERATOR, .op = number};
    struct tr_reader_effects fx;
    struct tr_buf iterator = {0};

    if (!slot->held) {
        return;
    }
    if (kind == OP_ITERATOR) {
        check_checkpoint(c, slot, answer);
    }
    event.status = answer->status;
    event.room = has_room(c, slot, 0);
    if (kind == OP_RECORDS && answer->status == TR_OK && slot->slicing == NULL &&
        slot->reader.state == TR_READER_FETCHING && slot->reader.op == number) {
        slice(c, slot, number, answer);
        return;
    }
    if (kind == OP_RECORDS) {
        event.kind = TR_READER_EV_PAGE;
    } else if (answer->status == TR_OK) {
        event.status = tr_decode_shard_iterator(tr_buf_bytes(&answer->body), &iterator, NULL);
        event.status = event.status == TR_EPARSE ? TR_ECORRUPT : event.status;
        event.iterator = tr_buf_bytes(&iterator);
    }
    if (event.kind == TR_READER_EV_PAGE && event.status == TR_OK) {
        event.status = TR_ECORRUPT; /* a late answer to an op that is not under way */
    }
    read_event(c, slot, &event, NULL, &fx);
    tr_buf_deinit(&iterator);
    check_lost(c, slot);
    check_refused(c, slot, answer->status, &answer->err);
}

/* Records at or before the last one handed out were delivered already (LATEST has slack, servers
 * may repeat themselves). */
static size_t first_new_record(const struct tr_page *page, const struct tr_position *fetched)
{
    size_t i = 0;
    if (!tr_position_is_sequence(fetched)) {
        return 0;
    }
    while (i < page->count) {
        struct tr_position position = tr_page_position(page, i);
        if (tr_position_cmp(&position, fetched) > 0) {
            break;
        }
        i++;
    }
    return i;
}

static uint64_t lag_ms(const struct tr_consumer *c, const struct tr_page *page)
{
    int64_t created;
    if (page->count == 0 || !tr_page_created_ms(page, page->count - 1, &created) ||
        created >= c->wall.ms) {
        return 0;
    }
    return (uint64_t)(c->wall.ms - created);
}

/* Records older than the fleet's start are passed over, up to the first newer one: they count as
 * done, so that a restart does not come by them again (docs/starting.md). */
static size_t first_asked_for(struct slot *slot, const struct tr_page *page, size_t first)
{
    int64_t created, floor = tr_consumer_start_floor(slot->start_ms);
    while (slot->passing && first < page->count) {
        slot->passing = tr_page_created_ms(page, first, &created) && created < floor;
        first += slot->passing;
    }
    return first;
}

static void pass_over(struct tr_consumer *c, struct slot *slot, const struct tr_page *page,
                      size_t first, size_t end)
{
    struct tr_position last;
    uint64_t ticket;
    enum tr_status status;
    if (first >= end) {
        return;
    }
    last = tr_page_position(page, end - 1);
    status = tr_tracker_add(&slot->tracker, &last, &ticket);
    if (status == TR_EPARSE) {
        tr_consumer_stick(c, slot, TR_EPARSE, "the stream's sequence numbers go backwards");
        return;
    }
    if (status == TR_OK) {
        tr_tracker_ack(&slot->tracker, ticket, &last, c->now);
    } else {
        c->out_of_memory = true; /* the mark comes by here with what follows */
    }
    slot->handed = last;
    slot->passed += end - first;
}

/* The page's records from `first` on are to be processed. */
static void keep_page(struct tr_consumer *c, struct slot *slot, struct tr_page *page, size_t first)
{
    if (slot->stuck || slot->gapped || first >= page->count) {
        tr_consumer_free_page(c, page);
        return;
    }
    if (slot->passed > 0) {
        tr_consumer_note(c, TR_NOTE_START_REACHED, tr_consumer_key(slot), slot->passed, 0,
                         (struct tr_bytes){NULL, 0});
        slot->passed = 0;
    }
    TR_ASSERT(slot->page_count < PAGES_PER_LEASE);
    slot->pages[slot->page_count++] = (struct page_in_hand){page, first};
}

static void take_page(struct tr_consumer *c, struct slot *slot, struct tr_page *page)
{
    struct tr_position fetched = slot->reader.has_fetched ? slot->reader.fetched : slot->handed;
    struct tr_reader_event event = {
        .kind = TR_READER_EV_PAGE, .op = slot->reader_op, .status = TR_OK};
    struct tr_reader_effects fx;
    size_t fresh = first_new_record(page, &fetched), first = first_asked_for(slot, page, fresh);

    event.count = page->count;
    event.bytes = page->body.len;
    event.lag_ms = lag_ms(c, page);
    event.iterator = page->has_next ? tr_buf_bytes(&page->next_iterator) : (struct tr_bytes){0};
    if (fresh > 0) {
        struct tr_position known = tr_page_position(page, fresh - 1);
        event.found = tr_position_cmp(&known, &fetched) == 0;
    }
    if (page->count > 0) {
        event.first = tr_page_position(page, 0);
        event.last = fresh < page->count ? tr_page_position(page, page->count - 1) : fetched;
    }
    event.room = has_room(c, slot, page->count > first);
    read_event(c, slot, &event, page, &fx);
    if (!fx.accepted) {
        tr_consumer_free_page(c, page);
        return;
    }
    if (fx.ended && !slot->gapped) {
        slot->ended = true;
    }
    if (page->count > 0 && !tr_page_created_ms(page, page->count - 1, &slot->fetched_ms)) {
        slot->fetched_ms = 0;
    }
    if (!slot->gapped) {
        pass_over(c, slot, page, fresh, first);
    }
    keep_page(c, slot, page, first);
}

void tr_consumer_sliced(struct tr_consumer *c, struct slot *slot, enum tr_status status,
                        const struct tr_err *err)
{
    struct tr_page *page = slot->slicing;
    struct tr_reader_event event = {.kind = TR_READER_EV_PAGE, .op = slot->reader_op};
    struct tr_reader_effects fx;

    TR_ASSERT(page != NULL);
    slot->slicing = NULL;
    c->lent--;
    if (!slot->held) {
        tr_consumer_free_page(c, page);
        tr_consumer_returned(c, slot);
        return;
    }
    if (status == TR_OK) {
        take_page(c, slot, page);
        return;
    }
    tr_consumer_note(c, TR_NOTE_PAGE_BAD, tr_consumer_key(slot), 0, 0,
                     tr_bytes_of(err != NULL ? err->text : tr_status_text(status)));
    tr_consumer_free_page(c, page);
    event.status = TR_ECORRUPT;
    event.room = has_room(c, slot, 0);
    read_event(c, slot, &event, NULL, &fx);
}

static void pump_reader(struct tr_consumer *c, struct slot *slot)
{
    struct tr_reader_event event = {.kind = TR_READER_EV_ROOM, .room = has_room(c, slot, 0)};
    struct tr_reader_effects fx;
    if (slot->held && (event.room != slot->reader.room ||
                       tr_mono_reached(c->now, tr_reader_deadline(&slot->reader)))) {
        read_event(c, slot, &event, NULL, &fx);
    }
}

/* With once: read to its tip, and everything processed. */
static bool at_tip(const struct tr_consumer *c, const struct slot *slot)
{
    return c->options.once && slot->reader.empty_pages >= c->options.once_pages &&
           !slot->reader.in_gap && slot->page_count == 0 && !slot->processing &&
           slot->slicing == NULL && !slot->ended && !slot->stuck;
}

static struct tr_mono slot_deadline(const struct tr_consumer *c, const struct slot *slot)
{
    struct tr_mono at = tr_reader_deadline(&slot->reader);
    struct tr_position mark;
    if (!slot->held) {
        return TR_MONO_NEVER;
    }
    if (slot->waits_start) {
        at = tr_mono_min(at, slot->start_ask_at);
    }
    if (tr_tracker_pending(&slot->tracker, &mark) &&
        !(slot->has_asked && tr_position_cmp(&mark, &slot->asked) <= 0)) {
        at = tr_mono_min(at, tr_tracker_deadline(&slot->tracker));
    }
    if (slot->page_count > 0 && !slot->processing && !slot->stuck && !slot->handing &&
        !c->stopping && tr_mono_before(c->now, slot->valid_until)) {
        at = tr_mono_min(at, slot->retry_at);
    }
    if (slot->ended && !slot->tracker.ended && !slot->handing && !c->stopping) {
        struct tr_mono until = tr_mono_add_ms(slot->reader.used, TR_GRAPH_CHILDREN_MS);
        at = tr_mono_before(c->now, until) ? tr_mono_min(at, until) : at;
    }
    return at;
}

/* Whether it has fetched ahead as far as all leases together may. */
static bool waits_for_budget(const struct slot *slot)
{
    return slot->held && !slot->reader.room && slot->page_count > 0 &&
           slot->page_count < PAGES_PER_LEASE;
}

/* Whatever the slot can do now, it does. The last of it may drop and free the slot. */
static void pump_slot(struct tr_consumer *c, size_t index)
{
    struct slot *slot = c->slots[index];

    wait_for_start(c, slot);
    tr_consumer_process(c, slot);
    pump_reader(c, slot);
    tr_consumer_end_shard(c, slot);
    if ((slot = c->slots[index]) != NULL) {
        tr_consumer_ask_checkpoint(c, slot, at_tip(c, slot));
    }
    if ((slot = c->slots[index]) != NULL) {
        tr_consumer_give_up(c, slot);
    }
    if ((slot = c->slots[index]) != NULL) {
        c->lacks_room = c->lacks_room || waits_for_budget(slot);
        tr_consumer_due_at(c, slot, slot_deadline(c, slot));
    }
}

void tr_consumer_shards_pump(struct tr_consumer *c)
{
    struct slot *slot;
    size_t i;

    if (tr_consumer_looks(c)) {
        tr_consumer_looked(c);
        c->lacks_room = false;
        for (i = 0; i < c->slot_count; i++) {
            if (c->slots[i] != NULL) {
                pump_slot(c, i);
            }
        }
        return;
    }
    /* What a slot does may touch others; one that is due again at once has the next step. */
    for (i = c->due_count; i > 0 && (slot = tr_consumer_due_now(c)) != NULL; i--) {
        pump_slot(c, slot->index);
    }
}

struct tr_mono tr_consumer_shards_deadline(const struct tr_consumer *c)
{
    return tr_consumer_due_next(c);
}

bool tr_consumer_slot_finished(const struct tr_consumer *c, const struct slot *slot)
{
    struct tr_position mark;
    bool drained = slot->page_count == 0 && !slot->processing && slot->slicing == NULL;
    return (at_tip(c, slot) || (slot->gapped && drained)) &&
           !tr_tracker_pending(&slot->tracker, &mark);
}
