/* SPDX-License-Identifier: Apache-2.0
 *
 * What is told to the judge: what the service model saw (local/watch.h), as strings, in the world's
 * true time; nothing here goes through the product. */
#include "tests/sim/inside.h"

#include "local/watch.h"

/* The text behind a marker, up to a quote. */
static bool text_after(const char *text, const char *marker, char *out, size_t size)
{
    const char *at = strstr(text, marker);
    size_t len;
    if (at == NULL) {
        return false;
    }
    at += strlen(marker);
    len = strcspn(at, "\"");
    if (len >= size) {
        return false;
    }
    memcpy(out, at, len);
    out[len] = '\0';
    return true;
}

static bool find_facts(const char *text, struct record_facts *out)
{
    char key[24], version[24];
    if (!text_after(text, "\"pk\":{\"S\":\"k", key, sizeof key) ||
        !text_after(text, "\"n\":{\"N\":\"", version, sizeof version) ||
        !text_after(text, "\"SequenceNumber\":\"", out->number, sizeof out->number)) {
        return false;
    }
    out->key = (unsigned)strtoul(key, NULL, 10);
    out->version = strtoull(version, NULL, 10);
    return out->key < WORLD_KEYS_MAX;
}

bool record_facts(struct world *world, struct tr_bytes text, struct record_facts *out)
{
    tr_buf_reset(&world->scratch);
    if (world->options.scramble) {
        unscramble(text, &world->scratch);
    } else {
        tr_buf_add(&world->scratch, text);
    }
    return find_facts(world->scratch.ptr, out);
}

static void shard_opened(void *ctx, struct tr_wall at, struct tr_bytes arn, const char *shard,
                         const char *parent)
{
    struct world *world = ctx;
    char stream[256];
    (void)at;
    (void)snprintf(stream, sizeof stream, "%.*s", TR_FMT(arn));
    WORLD_TRACE(world, SIZE_MAX, "shard %s opens, parent '%s'", shard, parent);
    TR_ASSERT(tr_grow(&world->open_shards, &world->open_cap, world->open_count + 1,
                      sizeof *world->open_shards) != 0);
    (void)snprintf(world->open_shards[world->open_count++], 48, "%s", shard);
    if (world->judge != NULL) {
        judge_shard(world->judge, world->now_ms, stream, shard, parent[0] != '\0' ? parent : NULL,
                    NULL);
    }
}

static void shard_closed(void *ctx, struct tr_wall at, struct tr_bytes arn, const char *shard)
{
    struct world *world = ctx;
    size_t i;
    (void)at;
    (void)arn;
    WORLD_TRACE(world, SIZE_MAX, "shard %s closes", shard);
    for (i = 0; i < world->open_count; i++) {
        if (strcmp(world->open_shards[i], shard) == 0) {
            memcpy(world->open_shards[i], world->open_shards[--world->open_count], 48);
            break;
        }
    }
    if (world->judge != NULL) {
        judge_shard_closed(world->judge, world->now_ms, shard);
    }
}

static void record(void *ctx, struct tr_wall at, struct tr_bytes arn, const char *shard,
                   const char *number, struct tr_bytes text)
{
    struct world *world = ctx;
    struct record_facts facts;
    (void)at;
    (void)arn;
    if (world->judge == NULL && world->trace == NULL) {
        return;
    }
    TR_ASSERT(find_facts(text.ptr, &facts));
    WORLD_TRACE(world, SIZE_MAX, "written: %s %s key %u version %llu", shard, number, facts.key,
                (unsigned long long)facts.version);
    if (world->judge != NULL) {
        judge_written(world->judge, world->now_ms, shard, number, facts.key, facts.version);
    }
}

static void trimmed(void *ctx, struct tr_wall at, struct tr_bytes arn, const char *shard,
                    const char *number)
{
    struct world *world = ctx;
    (void)at;
    (void)arn;
    WORLD_TRACE(world, SIZE_MAX, "trimmed: %s up to %s", shard,
                number != NULL ? number : "its end");
    if (world->judge != NULL) {
        judge_trimmed(world->judge, world->now_ms, shard, number);
    }
}

static void item(void *ctx, struct tr_wall at, struct tr_bytes table, struct tr_bytes before,
                 struct tr_bytes after)
{
    struct world *world = ctx;
    char name[256];
    (void)at;
    WORLD_TRACE(world, world->serving, "row of %.*s: %.*s", TR_FMT(table),
                TR_FMT(after.len > 0 ? after : TR_LIT("deleted")));
    if (world->judge != NULL) {
        (void)snprintf(name, sizeof name, "%.*s", TR_FMT(table));
        judge_item(world->judge, world->now_ms, world->serving, world->serving_sent, name,
                   before.len > 0 ? before.ptr : NULL, after.len > 0 ? after.ptr : NULL);
    }
}

const struct tr_local_watch world_watch = {.shard_opened = shard_opened,
                                           .shard_closed = shard_closed,
                                           .record = record,
                                           .trimmed = trimmed,
                                           .item = item};

void observe_worker(struct world *world, size_t index, enum judge_worker_event event)
{
    static const char *const names[] = {"starts", "crashes", "is told to stop", "ends", "fails",
                                        "pauses", "wakes"};
    const struct worker *worker = &world->workers[index];
    WORLD_TRACE(world, index, "WORKER %s", names[event]);
    if (world->judge != NULL) {
        judge_worker(world->judge, world->now_ms, index, event, worker->id, worker->kcl != NULL);
    }
}

void observe_note(struct world *world, size_t index, const struct tr_note *note)
{
    const struct tr_note_row *row = tr_note_row(note->id);
    world->notes[note->id]++;
    if (world->judge == NULL) {
        (void)snprintf(world->note_texts[note->id], sizeof world->note_texts[0], "%.*s %.*s",
                       TR_FMT(note->shard), TR_FMT(note->text));
    }
    WORLD_TRACE(world, index, "note: %s %.*s %s=%llu %s=%llu %s=%.*s", row->message,
                TR_FMT(note->shard), row->a, (unsigned long long)note->a, row->b,
                (unsigned long long)note->b, row->text, TR_FMT(note->text));
    if ((note->id == TR_NOTE_SHARD_STARTED || note->id == TR_NOTE_LEASE_LOST) &&
        world->judge != NULL) {
        char shard[80];
        (void)snprintf(shard, sizeof shard, "%.*s", TR_FMT(note->shard));
        (note->id == TR_NOTE_LEASE_LOST ? judge_lost : judge_begins)(world->judge, index, shard);
    }
    if (note->id == TR_NOTE_GAP) {
        (void)snprintf(world->gap, sizeof world->gap, "%.*s", TR_FMT(note->text));
    }
    if (note->id == TR_NOTE_GAP && world->judge != NULL) {
        char shard[80], text[512];
        (void)snprintf(shard, sizeof shard, "%.*s", TR_FMT(note->shard));
        (void)snprintf(text, sizeof text, "%.*s", TR_FMT(note->text));
        judge_gap(world->judge, world->now_ms, index, shard, note->text.ptr != NULL ? text : NULL);
    }
}
