/* SPDX-License-Identifier: Apache-2.0
 *
 * tail: print a stream's records without leases. The stream is listed, shards are read parents
 * first by the same reader core as a worker's, and each record leaves as a line. One thread: calls
 * are asynchronous, a page is sliced and printed when it comes. */
#include "aws/client.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/random.h"
#include "cli/cli.h"
#include "cli/pretty.h"
#include "cli/signals.h"
#include "cli/sync.h"
#include "stream/page.h"
#include "stream/shard_graph.h"
#include "worker/reader_core.h"

#include <stdatomic.h>

#define TIP_PAGES 5u
/* Without --follow, as many bad pages in a row end the command (some 10 s). */
#define BAD_PAGES_MAX 8u
#define CALL_TIMEOUT_MS 10000u
#define ACTIVE_MAX 64u
#define SHARDS_MAX 100000u
#define POLL_MIN_MS 250u
#define POLL_MAX_MS 2000u
/* With --follow, how often the stream is listed for children of ended shards. */
#define RELIST_MS 1000u

enum progress { WAITING, READING, DONE };

struct tail;

struct part {
    struct tail *tail;
    char *id; /* owned */
    enum progress progress;
    bool selected; /* to be read: everything, or a shard and its descendants */
    struct tr_position start;
    bool start_at;
    struct tr_reader reader;
    struct tr_page page;
    uint64_t op; /* of the call under way */
};

struct tail {
    const struct tr_cli_args *args;
    struct tr_aws *aws;
    struct tr_buf arn;
    struct tr_shard_list list;
    struct part **parts; /* owned; in lineage order of their first listing */
    size_t count;
    size_t cap;
    bool follow;
    bool pretty;
    bool descend; /* descendants of what is read are read too */
    uint64_t limit;
    uint64_t printed;
    struct tr_position from;
    bool from_at;
    struct tr_mono relist_at;
    bool over;
    enum tr_status status;
    struct tr_err err;
    struct tr_buf line;
    struct tr_signals *signals; /* owned */
    _Atomic bool stop;
};

static void fail(struct tail *tail, enum tr_status status, const char *text)
{
    if (!tail->over) {
        tail->over = true;
        tail->status = status;
        (void)tr_fail(&tail->err, status, "%s", text);
    }
}

static struct part *find_part(const struct tail *tail, struct tr_bytes id)
{
    size_t i;
    for (i = 0; i < tail->count; i++) {
        if (tr_bytes_is(id, tail->parts[i]->id)) {
            return tail->parts[i];
        }
    }
    return NULL;
}

static const struct tr_shard *find_shard(const struct tail *tail, struct tr_bytes id)
{
    size_t i;
    for (i = 0; i < tail->list.count; i++) {
        if (tr_bytes_eq(tail->list.shards[i].id, id)) {
            return &tail->list.shards[i];
        }
    }
    return NULL;
}

/* --- finding the stream and its shards ------------------------------------------------------- */

static enum tr_status find_stream(struct tail *tail, const char *operand)
{
    struct tr_aws_answer answer = {0};
    struct tr_buf body = {0};
    enum tr_status status;

    if (tr_bytes_starts(tr_bytes_of(operand), "arn:")) {
        struct tr_bytes region, table, label;
        tr_buf_add_str(&tail->arn, operand);
        if (!tr_stream_arn_parts(tr_bytes_of(operand), &region, &table, &label)) {
            return tr_fail(&tail->err, TR_EUSAGE, "'%s' is not the arn of a stream", operand);
        }
        return tr_buf_status(&tail->arn);
    }
    tr_encode_describe_table(&body, tr_bytes_of(operand));
    status = tr_cli_call_unless(tail->aws, &tail->stop, TR_AWS_DYNAMODB, "DescribeTable", &body,
                                &answer, &tail->err);
    if (status == TR_OK) {
        status = tr_decode_latest_stream(tr_buf_bytes(&answer.body), &tail->arn, &tail->err);
        if (status == TR_EPARSE) {
            (void)tr_wrap(&tail->err, status, "answer of DescribeTable");
        }
    }
    if (status == TR_ENOTFOUND) {
        (void)tr_wrap(&tail->err, status, "table '%s'", operand);
    }
    tr_buf_deinit(&answer.body);
    return status;
}

static enum tr_status list_shards(struct tail *tail)
{
    enum tr_status status = TR_OK;
    tr_shard_list_deinit(&tail->list);
    do {
        struct tr_aws_answer answer = {0};
        struct tr_buf body = {0};
        struct tr_bytes after = tr_buf_bytes(&tail->list.last_evaluated);
        tr_encode_describe_stream(&body, tr_buf_bytes(&tail->arn),
                                  after.len > 0 ? after : (struct tr_bytes){NULL, 0},
                                  (struct tr_bytes){NULL, 0});
        status = tr_cli_call_unless(tail->aws, &tail->stop, TR_AWS_STREAMS, "DescribeStream", &body,
                                    &answer, &tail->err);
        if (status == TR_OK) {
            status = tr_shard_list_add(&tail->list, tr_buf_bytes(&answer.body), &tail->err);
            if (status != TR_OK) {
                (void)tr_wrap(&tail->err, status, "answer of DescribeStream");
            }
        }
        tr_buf_deinit(&answer.body);
    } while (status == TR_OK && tail->list.last_evaluated.len > 0);
    return status;
}

static struct part *add_part(struct tail *tail, struct tr_bytes id)
{
    struct tr_reader_options options = {.poll_min_ms = POLL_MIN_MS,
                                        .poll_max_ms = tail->follow ? POLL_MAX_MS : POLL_MIN_MS,
                                        .limit = TR_READER_RECORDS_MAX,
                                        .seed = tr_random_seed()};
    struct part *part = tr_calloc(1, sizeof *part);
    if (part == NULL || !tr_grow(&tail->parts, &tail->cap, tail->count + 1, sizeof *tail->parts) ||
        (part->id = tr_memdup(id.ptr, id.len)) == NULL) {
        tr_free(part);
        fail(tail, TR_ENOMEM, "out of memory");
        return NULL;
    }
    part->tail = tail;
    part->start = TR_TRIM_HORIZON;
    if (tail->limit > 0 && tail->limit < options.limit) {
        options.limit = (unsigned)tail->limit;
    }
    tr_reader_init(&part->reader, &options);
    tail->parts[tail->count++] = part;
    return part;
}

static bool parents_done(const struct tail *tail, const struct tr_shard *shard)
{
    size_t i;
    for (i = 0; i < shard->parent_count; i++) {
        const struct part *parent = find_part(tail, shard->parents[i]);
        if (parent != NULL && parent->selected && parent->progress != DONE) {
            return false;
        }
    }
    return true;
}

static bool is_descendant(const struct tail *tail, const struct tr_shard *shard)
{
    size_t i;
    for (i = 0; i < shard->parent_count; i++) {
        const struct part *parent = find_part(tail, shard->parents[i]);
        if (parent != NULL && parent->selected) {
            return true;
        }
    }
    return false;
}

/* Listed shards that are not parts yet become parts; children of what is read are selected. A
 * listing may show a child before its parent: selecting is repeated until nothing changes. */
static void adopt_listing(struct tail *tail)
{
    bool changed = true;
    size_t i;
    for (i = 0; i < tail->list.count; i++) {
        if (find_part(tail, tail->list.shards[i].id) == NULL &&
            add_part(tail, tail->list.shards[i].id) == NULL) {
            return;
        }
    }
    while (changed && tail->descend) {
        changed = false;
        for (i = 0; i < tail->list.count; i++) {
            struct part *part = find_part(tail, tail->list.shards[i].id);
            if (part != NULL && !part->selected && is_descendant(tail, &tail->list.shards[i])) {
                part->selected = true;
                changed = true;
            }
        }
    }
}

static bool has_child(const struct tail *tail, struct tr_bytes id)
{
    size_t i, j;
    for (i = 0; i < tail->list.count; i++) {
        for (j = 0; j < tail->list.shards[i].parent_count; j++) {
            if (tr_bytes_eq(tail->list.shards[i].parents[j], id)) {
                return true;
            }
        }
    }
    return false;
}

static bool in_range(const struct tr_shard *shard, const struct tr_position *sequence)
{
    struct tr_position edge;
    if (shard->starting.ptr != NULL && tr_position_parse(shard->starting, &edge, NULL) == TR_OK &&
        tr_position_cmp(sequence, &edge) < 0) {
        return false;
    }
    return shard->ending.ptr == NULL || tr_position_parse(shard->ending, &edge, NULL) != TR_OK ||
           tr_position_cmp(sequence, &edge) <= 0;
}

/* Whether the shard's first record at that number is just that number. */
static enum tr_status holds(struct tail *tail, const struct tr_shard *shard,
                            const struct tr_position *sequence, bool *yes)
{
    struct tr_aws_answer answer = {0};
    struct tr_buf body = {0}, iterator = {0};
    struct tr_page page = {0};
    enum tr_status status;

    *yes = false;
    tr_encode_get_shard_iterator(&body, tr_buf_bytes(&tail->arn), shard->id, sequence, true);
    status = tr_cli_call_unless(tail->aws, &tail->stop, TR_AWS_STREAMS, "GetShardIterator", &body,
                                &answer, &tail->err);
    if (status == TR_OK) {
        status = tr_decode_shard_iterator(tr_buf_bytes(&answer.body), &iterator, &tail->err);
    }
    tr_buf_deinit(&answer.body);
    if (status == TR_OK) {
        tr_encode_get_records(&body, tr_buf_bytes(&iterator), 1);
        status = tr_cli_call_unless(tail->aws, &tail->stop, TR_AWS_STREAMS, "GetRecords", &body,
                                    &answer, &tail->err);
    }
    if (status == TR_OK) {
        page.body = answer.body;
        answer.body = (struct tr_buf){0};
        status = tr_page_slice(&page, &tail->err);
    }
    if (status == TR_OK && page.count > 0) {
        struct tr_position first = tr_page_position(&page, 0);
        *yes = tr_position_cmp(&first, sequence) == 0;
    }
    tr_page_deinit(&page);
    tr_buf_deinit(&iterator);
    /* A shard that does not have the number, or has it no more, is not the one. */
    return status == TR_ETRIMMED || status == TR_EREFUSED || status == TR_ENOTFOUND ? TR_OK
                                                                                    : status;
}

/* The shard that holds a sequence number: by the listed ranges, and where several shards' ranges
 * have it, by looking. */
static enum tr_status find_holder(struct tail *tail, const struct tr_shard **out)
{
    const struct tr_shard *only = NULL;
    size_t candidates = 0, i;

    for (i = 0; i < tail->list.count; i++) {
        if (in_range(&tail->list.shards[i], &tail->from)) {
            only = &tail->list.shards[i];
            candidates++;
        }
    }
    *out = only;
    /* A range says where a number may be; to begin AT it, it must be there. */
    for (i = 0; (candidates > 1 || tail->from_at) && i < tail->list.count; i++) {
        bool yes = false;
        enum tr_status status = TR_OK;
        if (in_range(&tail->list.shards[i], &tail->from)) {
            status = holds(tail, &tail->list.shards[i], &tail->from, &yes);
        }
        if (status != TR_OK) {
            return status;
        }
        if (yes) {
            *out = &tail->list.shards[i];
            return TR_OK;
        }
    }
    if (candidates == 1 && !tail->from_at) {
        return TR_OK;
    }
    return tr_fail(&tail->err, TR_ENOTFOUND,
                   candidates <= 1 || tail->from_at
                       ? "no shard of the stream holds '%.*s'"
                       : "several shards could hold '%.*s': name one with --shard",
                   (int)tail->from.len, tail->from.digits);
}

static void select_part(struct part *part, const struct tr_position *start, bool at)
{
    part->selected = true;
    part->start = *start;
    part->start_at = at;
}

/* What is read, by --from and --shard. */
static enum tr_status choose(struct tail *tail)
{
    const char *named = tr_cli_string(tail->args, "shard");
    const struct tr_shard *holder;
    enum tr_status status;
    size_t i;

    for (i = 0; i < tail->count; i++) {
        struct part *part = tail->parts[i];
        if (named != NULL && strcmp(part->id, named) == 0) {
            select_part(part, &tail->from, tail->from_at);
            return TR_OK;
        }
        if (named == NULL &&
            (tail->from.kind == TR_POSITION_TRIM_HORIZON ||
             (tail->from.kind == TR_POSITION_LATEST && !has_child(tail, tr_bytes_of(part->id))))) {
            select_part(part, &tail->from, false);
        }
    }
    if (named != NULL) {
        return tr_fail(&tail->err, TR_ENOTFOUND, "the stream has no shard '%s'", named);
    }
    tail->descend = true;
    if (tail->from.kind == TR_POSITION_SEQUENCE) {
        status = find_holder(tail, &holder);
        if (status != TR_OK) {
            return status;
        }
        select_part(find_part(tail, holder->id), &tail->from, tail->from_at);
    }
    adopt_listing(tail);
    return TR_OK;
}

/* --- reading --------------------------------------------------------------------------------- */

static void drive(struct part *part, struct tr_reader_event *event);

static void print_page(struct tail *tail, const struct tr_page *page)
{
    struct tr_err err = {0};
    enum tr_status status;
    size_t i;

    tr_buf_reset(&tail->line);
    for (i = 0; i < page->count && !tail->over; i++) {
        size_t before = tail->line.len;
        tr_page_add_record(page, i, tr_buf_bytes(&tail->arn), &tail->line);
        if (tail->pretty) {
            tr_pretty_json(&tail->line, before);
        }
        tr_buf_add_char(&tail->line, '\n');
        if (++tail->printed == tail->limit) {
            tail->over = true;
        }
    }
    status = tr_buf_status(&tail->line);
    if (status == TR_OK && tail->line.len > 0) {
        status = tr_cli_write(tr_buf_bytes(&tail->line), &err);
    }
    if (status != TR_OK) {
        tail->over = true;
        tail->status = status;
        tail->err = err;
    }
}

/* Without --follow: the client has repeated the call for its whole time, or page after page makes
 * no sense. Other readers of the shard may be in the way for longer. */
static bool is_hopeless(const struct part *part, enum tr_status called, enum tr_status understood)
{
    if (called == TR_ETHROTTLED) {
        return part->reader.failures >= BAD_PAGES_MAX;
    }
    if (called != TR_OK) {
        return tr_status_class(called) == TR_CLASS_RETRY && called != TR_EEXPIRED;
    }
    return understood != TR_OK && part->reader.failures >= BAD_PAGES_MAX;
}

static void on_call(void *ctx, struct tr_aws_answer *answer)
{
    struct part *part = ctx;
    struct tail *tail = part->tail;
    struct tr_reader_event event = {.op = part->op, .status = answer->status, .room = true};
    struct tr_buf iterator = {0};
    struct tr_err err = {0};

    if (part->reader.state == TR_READER_ASKING) {
        event.kind = TR_READER_EV_ITERATOR;
        if (event.status == TR_OK) {
            event.status = tr_decode_shard_iterator(tr_buf_bytes(&answer->body), &iterator, &err);
            event.iterator = tr_buf_bytes(&iterator);
        }
    } else {
        event.kind = TR_READER_EV_PAGE;
        if (event.status == TR_OK) {
            tr_buf_deinit(&part->page.body);
            part->page.body = answer->body;
            answer->body = (struct tr_buf){0};
            event.status = tr_page_slice(&part->page, &err);
        }
        if (event.status == TR_OK) {
            event.count = part->page.count;
            event.bytes = part->page.body.len;
            event.iterator = part->page.has_next ? tr_buf_bytes(&part->page.next_iterator)
                                                 : (struct tr_bytes){NULL, 0};
        }
        if (event.count > 0) {
            event.first = tr_page_position(&part->page, 0);
            event.last = tr_page_position(&part->page, event.count - 1);
        }
    }
    event.status = event.status == TR_EPARSE ? TR_ECORRUPT : event.status;
    if (tr_status_class(answer->status) == TR_CLASS_CONFIG || answer->status == TR_EREFUSED) {
        fail(tail, answer->status, answer->err.text);
    } else if (answer->status == TR_ENOTFOUND && part->reader.not_found >= TIP_PAGES) {
        fail(tail, answer->status, answer->err.text);
    } else if (!tail->follow && is_hopeless(part, answer->status, event.status)) {
        fail(tail, event.status, answer->status != TR_OK ? answer->err.text : err.text);
    } else {
        drive(part, &event);
    }
    tr_buf_deinit(&iterator);
}

static void start_call(struct part *part, const struct tr_reader_effects *fx)
{
    struct tail *tail = part->tail;
    struct tr_aws_request request = {
        .service = TR_AWS_STREAMS, .class = TR_AWS_RECORDS, .timeout_ms = CALL_TIMEOUT_MS};
    struct tr_buf body = {0};

    if (fx->kind == TR_READER_FX_NOTHING) {
        return;
    }
    if (fx->kind == TR_READER_FX_ASK) {
        request.operation = "GetShardIterator";
        tr_encode_get_shard_iterator(&body, tr_buf_bytes(&tail->arn), tr_bytes_of(part->id),
                                     &fx->position, fx->at);
    } else {
        request.operation = "GetRecords";
        tr_encode_get_records(&body, tr_buf_bytes(&part->reader.iterator),
                              part->reader.options.limit);
    }
    request.body = tr_buf_bytes(&body);
    part->op = fx->op;
    if (body.failed || tr_aws_start(tail->aws, &request, on_call, part, NULL) != TR_OK) {
        fail(tail, TR_ENOMEM, "out of memory");
    }
    tr_buf_deinit(&body);
}

static void note_part(const struct part *part, enum tr_note_id id, const struct tr_position *from,
                      const struct tr_position *to)
{
    struct tr_buf text = {0};
    struct tr_note note = {.id = id, .shard = tr_bytes_of(part->id)};
    tr_buf_add_str(&text, "after ");
    tr_position_format(&text, from);
    if (to != NULL) {
        tr_buf_add_str(&text, ", before ");
        tr_position_format(&text, to);
    }
    note.text = tr_buf_bytes(&text);
    tr_log(&note);
    tr_buf_deinit(&text);
}

static void drive(struct part *part, struct tr_reader_event *event)
{
    struct tail *tail = part->tail;
    struct tr_reader_effects fx;

    event->now = tr_clock_mono();
    if (tr_reader_step(&part->reader, event, &fx) != TR_OK) {
        fail(tail, TR_ENOMEM, "out of memory");
        return;
    }
    if (fx.gap_closed) {
        note_part(part, TR_NOTE_GAP, &fx.from, event->count > 0 ? &event->first : NULL);
    }
    if (fx.accepted) {
        print_page(tail, &part->page);
    }
    if (fx.ended || (!tail->follow && part->reader.empty_pages >= TIP_PAGES)) {
        part->progress = DONE;
        tail->relist_at = fx.ended ? event->now : tail->relist_at;
    } else if (!tail->over) {
        start_call(part, &fx);
    }
}

static bool is_active(const struct part *part)
{
    return part->selected && part->progress == READING;
}

/* Start what may start: parents first, a bounded number at once. */
static void start_parts(struct tail *tail)
{
    size_t active = 0, i;
    for (i = 0; i < tail->count; i++) {
        active += is_active(tail->parts[i]);
    }
    for (i = 0; i < tail->count && active < ACTIVE_MAX && !tail->over; i++) {
        struct part *part = tail->parts[i];
        const struct tr_shard *shard = find_shard(tail, tr_bytes_of(part->id));
        struct tr_reader_event start = {
            .kind = TR_READER_EV_START, .position = part->start, .at = part->start_at};
        struct tr_reader_event room = {.kind = TR_READER_EV_ROOM, .room = true};
        if (!part->selected || part->progress != WAITING ||
            (shard != NULL && !parents_done(tail, shard))) {
            continue;
        }
        part->progress = READING;
        active++;
        drive(part, &start);
        drive(part, &room);
    }
}

static bool is_leaf_done(const struct tail *tail, const struct part *part)
{
    return part->selected && part->progress == DONE && part->reader.state == TR_READER_ENDED &&
           !has_child(tail, tr_bytes_of(part->id));
}

/* Children of shards that ended while we read are found by listing again. */
static void relist(struct tail *tail)
{
    struct tr_mono now = tr_clock_mono();
    enum tr_status status;
    bool wanted = false;
    size_t i;
    for (i = 0; i < tail->count; i++) {
        wanted = wanted || is_leaf_done(tail, tail->parts[i]);
    }
    if (!wanted || !tail->descend || !tr_mono_reached(now, tail->relist_at)) {
        return;
    }
    status = list_shards(tail);
    if (status == TR_ECANCELED) {
        return;
    }
    if (status != TR_OK) {
        tr_log(
            &(struct tr_note){.id = TR_NOTE_STREAM_WAITING, .text = tr_bytes_of(tail->err.text)});
    } else {
        adopt_listing(tail);
    }
    tail->relist_at = tr_mono_add_ms(now, RELIST_MS);
}

/* Everything that was to be read is read. An ended shard without a listed child is waited for, as
 * long as the stream lives: its child comes late. */
static bool finished(const struct tail *tail)
{
    size_t i;
    for (i = 0; i < tail->count; i++) {
        const struct part *part = tail->parts[i];
        if ((part->selected && part->progress != DONE) ||
            (tail->descend && is_leaf_done(tail, part) &&
             tail->list.status != TR_STREAM_DISABLED)) {
            return false;
        }
    }
    return !tail->follow || !tail->descend || tail->list.status == TR_STREAM_DISABLED;
}

static struct tr_mono next_deadline(const struct tail *tail)
{
    struct tr_mono at = tr_mono_add_ms(tr_clock_mono(), RELIST_MS);
    size_t i;
    for (i = 0; i < tail->count; i++) {
        if (is_active(tail->parts[i])) {
            at = tr_mono_min(at, tr_reader_deadline(&tail->parts[i]->reader));
        }
    }
    return at;
}

static void read_all(struct tail *tail)
{
    while (!tail->over && !atomic_load(&tail->stop)) {
        struct tr_mono now;
        size_t i;
        start_parts(tail);
        relist(tail);
        if (finished(tail)) {
            return;
        }
        tr_aws_poll(tail->aws, next_deadline(tail));
        now = tr_clock_mono();
        for (i = 0; i < tail->count && !tail->over; i++) {
            struct part *part = tail->parts[i];
            struct tr_reader_event event = {.kind = TR_READER_EV_TICK};
            if (is_active(part) && tr_mono_reached(now, tr_reader_deadline(&part->reader))) {
                drive(part, &event);
            }
        }
    }
}

/* --- the command ----------------------------------------------------------------------------- */

static bool parse_from(struct tail *tail, const char *text)
{
    struct tr_bytes from = tr_bytes_of(text);
    bool at = tr_bytes_starts(from, "at:");

    tail->from = TR_TRIM_HORIZON;
    if (tr_bytes_is(from, "trim_horizon")) {
        return true;
    }
    if (tr_bytes_is(from, "latest")) {
        tail->from.kind = TR_POSITION_LATEST;
        return true;
    }
    if (!at && !tr_bytes_starts(from, "after:")) {
        (void)tr_fail(&tail->err, TR_EUSAGE,
                      "--from: '%s' is none of trim_horizon, latest, at:SEQ, after:SEQ", text);
        return false;
    }
    tail->from_at = at;
    (void)tr_bytes_cut(&from, ':');
    if (tr_position_parse(from, &tail->from, NULL) != TR_OK ||
        tail->from.kind != TR_POSITION_SEQUENCE) {
        (void)tr_fail(&tail->err, TR_EUSAGE, "--from: '%.*s' is no sequence number of 1..40 digits",
                      TR_FMT(from));
        return false;
    }
    return true;
}

static void stop(void *ctx)
{
    struct tail *tail = ctx;
    atomic_store(&tail->stop, true);
    tr_aws_wakeup(tail->aws);
}

static void deinit(struct tail *tail)
{
    size_t i;
    tr_aws_free(tail->aws);
    for (i = 0; i < tail->count; i++) {
        tr_reader_deinit(&tail->parts[i]->reader);
        tr_page_deinit(&tail->parts[i]->page);
        tr_free(tail->parts[i]->id);
        tr_free(tail->parts[i]);
    }
    tr_free(tail->parts);
    tr_shard_list_deinit(&tail->list);
    tr_buf_deinit(&tail->arn);
    tr_buf_deinit(&tail->line);
}

static enum tr_status prepare(struct tail *tail)
{
    const char *operand = tail->args->operands[0];
    struct tr_aws_options options = {.region = tr_cli_string(tail->args, "region"),
                                     .endpoint = tr_cli_string(tail->args, "endpoint"),
                                     .stream_arn = operand,
                                     .seed = tr_random_seed()};
    enum tr_status status;

    if (!tr_bytes_starts(tr_bytes_of(operand), "arn:")) {
        options.stream_arn = NULL;
    }
    status = tr_aws_new(&options, &tail->aws, &tail->err);
    if (status == TR_OK) {
        status = tr_signals_start(stop, tail, &tail->signals, &tail->err);
    }
    if (status == TR_OK) {
        status = find_stream(tail, operand);
    }
    if (status == TR_OK) {
        status = list_shards(tail);
    }
    if (status == TR_OK) {
        adopt_listing(tail);
        status = tail->over ? tail->status : choose(tail);
    }
    return status;
}

static enum tr_cli_exit run(const struct tr_cli_args *args)
{
    struct tail tail = {.args = args, .follow = tr_cli_switch(args, "follow")};
    enum tr_cli_exit code = TR_CLI_DONE;
    unsigned output = 0;
    enum tr_status status;

    if (!tr_cli_u64(args, "limit", 1, UINT64_MAX, &tail.limit) ||
        !tr_cli_choice(args, "output", "json|pretty", &output)) {
        return TR_CLI_USAGE;
    }
    if (!parse_from(&tail, tr_cli_string(args, "from"))) {
        return tr_cli_say(args, TR_CLI_USAGE, "%s", tail.err.text);
    }
    tail.pretty = output == 1;
    tr_log_init(TR_LEVEL_WARN, TR_LOG_AUTO);
    status = prepare(&tail);
    if (status == TR_OK) {
        read_all(&tail);
        status = tail.status;
    }
    tr_signals_stop(tail.signals);
    if (status != TR_OK && status != TR_ECLOSED && status != TR_ECANCELED) {
        code = status == TR_ECONFIG || status == TR_EUSAGE || status == TR_EUNSUPPORTED
                   ? TR_CLI_USAGE
                   : TR_CLI_FAILED;
        (void)tr_cli_say(args, code, "%s",
                         tail.err.text[0] != '\0' ? tail.err.text : tr_status_text(status));
    }
    deinit(&tail);
    return code;
}

static const struct tr_cli_flag flags[] = {
    {"from", "POSITION", "trim_horizon", "where to start: trim_horizon, latest, at:SEQ, after:SEQ"},
    {"shard", "ID", NULL, "read this shard only"},
    {"limit", "N", NULL, "end after N records"},
    {"follow", NULL, NULL, "go on with what is written, and with shards that come"},
    {"output", "json|pretty", "json", "one line a record, or indented"},
    {0},
};

const struct tr_cli_command tr_cli_tail_command = {
    .name = "tail",
    .summary = "print the records of a stream, without leases",
    .operands = "TABLE|ARN",
    .flags = flags,
    .details =
        "Reads the table's newest stream, all shards in the order of their lineage, until each is\n"
        "at its end or gave five empty pages in a row. at:SEQ and after:SEQ without --shard find\n"
        "the shard that holds SEQ and go on to its descendants. Ends quietly with 0 when nobody\n"
        "reads its output any more.\n",
    .operands_min = 1,
    .operands_max = 1,
    .aws = true,
    .run = run,
};
