/* SPDX-License-Identifier: Apache-2.0
 *
 * One shard's consumer as KCL runs it: wait for the parents, read, process, checkpoint after each
 * batch, and at the shard's end make the children's rows, then SHARD_END. */
#include "tests/sim/kcl_parts.h"
#include "tests/sim/scan.h"

#include <stdio.h>
#include <string.h>

static void enter(struct kcl *kcl, struct held *held, enum consumer_state state, uint64_t in_ms)
{
    held->state = state;
    held->next_at = kcl->now + in_ms;
}

static void ask(struct kcl *kcl, struct held *held)
{
    (void)kcl;
    held->asking = true;
    held->next_at = NEVER;
}

/* ---- asking ---- */

static void ask_parent(struct kcl *kcl, struct held *held)
{
    if (held->parent == held->row.parent_count) {
        enter(kcl, held, INITIALIZING, 0);
        return;
    }
    ask(kcl, held);
    kcl_encode_get(kcl, kcl_call(kcl, CALL_PARENT, held, "DynamoDB_20120810.GetItem"),
                   held->row.parents[held->parent]);
}

static void ask_iterator(struct kcl *kcl, struct held *held)
{
    ask(kcl, held);
    kcl_encode_iterator(
        kcl, kcl_call(kcl, CALL_ITERATOR, held, "DynamoDBStreams_20120810.GetShardIterator"),
        held->row.key, held->after);
}

static void ask_records(struct kcl *kcl, struct held *held)
{
    ask(kcl, held);
    kcl_encode_records(kcl,
                       kcl_call(kcl, CALL_RECORDS, held, "DynamoDBStreams_20120810.GetRecords"),
                       tr_buf_bytes(&held->iterator));
}

static void ask_children(struct kcl *kcl, struct held *held)
{
    ask(kcl, held);
    kcl_encode_children(
        kcl, kcl_call(kcl, CALL_CHILDREN, held, "DynamoDBStreams_20120810.DescribeStream"),
        held->row.key);
}

static void make_child(struct kcl *kcl, struct held *held)
{
    if (held->child == held->child_count) {
        enter(kcl, held, held->child_count > 0 ? NAMING_CHILDREN : ENDING, 0);
        return;
    }
    ask(kcl, held);
    kcl_encode_child(kcl, kcl_call(kcl, CALL_MAKE_CHILD, held, "DynamoDB_20120810.PutItem"),
                     held->children[held->child], held->row.key);
}

static void name_children(struct kcl *kcl, struct held *held)
{
    ask(kcl, held);
    kcl_encode_child_ids(kcl, kcl_call(kcl, CALL_CHILD_IDS, held, "DynamoDB_20120810.UpdateItem"),
                         held);
}

static void lend(struct kcl *kcl, struct held *held)
{
    struct kcl_effect *fx = kcl_effect(kcl, KCL_FX_PROCESS);
    held->process_op = fx->op = ++kcl->last_op;
    held->next_at = NEVER;
    fx->shard = held->row.key;
    fx->records = held->records + held->done;
    fx->count = held->record_count - held->done;
}

void kcl_shard_due(struct kcl *kcl, struct held *held)
{
    unsigned steps;
    for (steps = 0; steps < 8 && !held->lost && !held->asking && held->process_op == 0 &&
                    kcl->now >= held->next_at;
         steps++) {
        switch (held->state) {
        case WAITING_ON_PARENTS:
            ask_parent(kcl, held);
            break;
        case INITIALIZING:
            ask_iterator(kcl, held);
            break;
        case READING:
            ask_records(kcl, held);
            break;
        case PROCESSING:
            lend(kcl, held);
            break;
        case CHECKPOINTING:
        case ENDING:
            held->next_at = NEVER;
            kcl_shard_write(kcl, held);
            break;
        case ASKING_CHILDREN:
            ask_children(kcl, held);
            break;
        case MAKING_CHILDREN:
            make_child(kcl, held);
            break;
        case NAMING_CHILDREN:
            name_children(kcl, held);
            break;
        case ENDED:
            held->next_at = NEVER;
            break;
        }
    }
}

/* ---- writing ---- */

void kcl_shard_write(struct kcl *kcl, struct held *held)
{
    enum call_kind kind = held->state == ENDING ? CALL_END : CALL_CHECKPOINT;
    if (held->writing || held->lost || held->next_at != NEVER ||
        (held->state != CHECKPOINTING && held->state != ENDING)) {
        return;
    }
    held->writing = true;
    kcl_encode_checkpoint(kcl, kcl_call(kcl, kind, held, "DynamoDB_20120810.UpdateItem"),
                          &held->row, kind == CALL_END ? "SHARD_END" : held->after);
}

static void after_batch(struct kcl *kcl, struct held *held)
{
    if (held->closed) {
        enter(kcl, held, ASKING_CHILDREN, 0);
    } else {
        enter(kcl, held, READING, IDLE_MS);
    }
}

/* A checkpoint without an answer is given up: the next one, or a renewal, meets what it did. */
void kcl_on_checkpoint(struct kcl *kcl, struct held *held, enum call_kind kind,
                       const struct kcl_event *event)
{
    held->writing = false;
    if (kcl_is_error(event, "ConditionalCheckFailed")) {
        kcl_lose(kcl, held);
        return;
    }
    if (event->http_status == 200) {
        held->row.counter++;
        held->renewed_at = kcl->now;
        (void)snprintf(held->row.checkpoint, sizeof held->row.checkpoint, "%s",
                       kind == CALL_END ? "SHARD_END" : held->after);
    }
    if (kind == CALL_CHECKPOINT) {
        after_batch(kcl, held);
    } else if (event->http_status == 200) {
        held->state = ENDED;
        kcl_note(kcl, "ended", held->row.key);
    } else {
        enter(kcl, held, ENDING, TASK_BACKOFF_MS);
    }
}

/* ---- answers ---- */

static void on_parent(struct kcl *kcl, struct held *held, const struct kcl_event *event)
{
    struct kcl_row row;
    struct tr_bytes item = scan_get(event->body, "Item");
    bool read = event->http_status == 200;
    if (read && (item.ptr == NULL ||
                 (kcl_decode_row(item, &row) && strcmp(row.checkpoint, "SHARD_END") == 0))) {
        held->parent++; /* a missing row blocks nothing */
        enter(kcl, held, WAITING_ON_PARENTS, 0);
        return;
    }
    held->parent = 0;
    enter(kcl, held, WAITING_ON_PARENTS, PARENT_POLL_MS);
}

/* The shard is not there: its end, if it stays so. */
static void on_missing(struct kcl *kcl, struct held *held)
{
    if (++held->missing > MISSING_TRIES) {
        enter(kcl, held, ENDING, 0);
    } else {
        enter(kcl, held, INITIALIZING, IDLE_MS);
    }
}

static void on_read_error(struct kcl *kcl, struct held *held, const struct kcl_event *event)
{
    if (kcl_is_error(event, "ResourceNotFound")) {
        on_missing(kcl, held);
    } else if (kcl_is_error(event, "TrimmedDataAccess")) {
        (void)snprintf(held->after, sizeof held->after, "TRIM_HORIZON");
        enter(kcl, held, INITIALIZING, 0);
    } else if (kcl_is_error(event, "ExpiredIterator")) {
        enter(kcl, held, INITIALIZING, 0);
    } else {
        enter(kcl, held, held->state, IDLE_MS);
    }
}

static void on_iterator(struct kcl *kcl, struct held *held, const struct kcl_event *event)
{
    struct tr_bytes iterator = scan_get(event->body, "ShardIterator");
    if (event->http_status != 200 || iterator.ptr == NULL) {
        on_read_error(kcl, held, event);
        return;
    }
    tr_buf_reset(&held->iterator);
    tr_buf_add(&held->iterator, iterator);
    enter(kcl, held, READING, 0);
}

static void take_records(struct held *held)
{
    static const char *const path[] = {"dynamodb", "SequenceNumber", NULL};
    struct scan scan = scan_begin(scan_get(tr_buf_bytes(&held->page), "Records"));
    struct tr_bytes record;
    size_t i;
    held->record_count = held->done = 0;
    while (scan_element(&scan, &record)) {
        size_t n = held->record_count++;
        kcl_room(&held->records, &held->record_cap, n + 1, sizeof *held->records);
        kcl_room(&held->sequences, &held->sequence_cap, n + 1, NUMBER_LEN);
        held->records[n].text = record;
        if (!scan_string(scan_path(record, path), held->sequences[n], NUMBER_LEN)) {
            held->sequences[n][0] = '\0';
        }
    }
    for (i = 0; i < held->record_count; i++) {
        held->records[i].sequence = held->sequences[i];
    }
}

static void on_records(struct kcl *kcl, struct held *held, const struct kcl_event *event)
{
    struct tr_bytes next = scan_get(event->body, "NextShardIterator");
    if (event->http_status != 200) {
        on_read_error(kcl, held, event);
        return;
    }
    held->missing = 0;
    held->closed = next.ptr == NULL || tr_bytes_is(next, "null");
    tr_buf_reset(&held->iterator);
    tr_buf_add(&held->iterator, next);
    tr_buf_reset(&held->page);
    tr_buf_add(&held->page, event->body);
    take_records(held);
    if (held->record_count > 0) {
        enter(kcl, held, PROCESSING, 0);
    } else {
        after_batch(kcl, held);
    }
}

static void on_children(struct kcl *kcl, struct held *held, const struct kcl_event *event)
{
    static const char *const path[] = {"StreamDescription", "Shards", NULL};
    struct scan scan = scan_begin(scan_path(event->body, path));
    struct tr_bytes shard;
    char parent[NAME_LEN];
    held->child_count = held->child = 0;
    while (event->http_status == 200 && held->child_count < PARENTS_MAX &&
           scan_element(&scan, &shard)) {
        if (scan_string(scan_get(shard, "ParentShardId"), parent, sizeof parent) &&
            strcmp(parent, held->row.key) == 0 &&
            scan_string(scan_get(shard, "ShardId"), held->children[held->child_count], NAME_LEN)) {
            held->child_count++;
        }
    }
    if (held->child_count == 0 && ++held->child_tries < CHILDREN_TRIES) {
        enter(kcl, held, ASKING_CHILDREN, 50 + tr_random_below(&kcl->random, 950));
        return;
    }
    enter(kcl, held, MAKING_CHILDREN, 0);
}

static void on_child(struct kcl *kcl, struct held *held, enum call_kind kind,
                     const struct kcl_event *event)
{
    bool stands = event->http_status == 200 || kcl_is_error(event, "ConditionalCheckFailed");
    if (!stands) {
        enter(kcl, held, held->state, TASK_BACKOFF_MS);
        return;
    }
    held->child += kind == CALL_MAKE_CHILD ? 1 : 0;
    enter(kcl, held, kind == CALL_MAKE_CHILD ? MAKING_CHILDREN : ENDING, 0);
}

void kcl_on_shard(struct kcl *kcl, struct held *held, enum call_kind kind,
                  const struct kcl_event *event)
{
    held->asking = false;
    if (held->lost) {
        return;
    }
    switch (kind) {
    case CALL_PARENT:
        on_parent(kcl, held, event);
        break;
    case CALL_ITERATOR:
        on_iterator(kcl, held, event);
        break;
    case CALL_RECORDS:
        on_records(kcl, held, event);
        break;
    case CALL_CHILDREN:
        on_children(kcl, held, event);
        break;
    default:
        on_child(kcl, held, kind, event);
        break;
    }
}

void kcl_on_processed(struct kcl *kcl, struct held *held, size_t done)
{
    size_t left = held->record_count - held->done;
    held->process_op = 0;
    held->done += done < left ? done : left;
    if (held->lost) {
        return;
    }
    if (held->done > 0) {
        (void)memcpy(held->after, held->sequences[held->done - 1], NUMBER_LEN);
    }
    if (held->done < held->record_count) {
        enter(kcl, held, PROCESSING, TASK_BACKOFF_MS);
    } else {
        enter(kcl, held, CHECKPOINTING, 0);
    }
}
