/* SPDX-License-Identifier: Apache-2.0
 *
 * A shard graph on the bench. Lineages are written as words: "B<A" is shard B with parent A,
 * "C<A+B" one with two, "B<A." has ended. The creates of a step come back as words, too: "B<A" with
 * "!" for a row marked as made without its parents and "?" for a gap; deletes as keys with "?" for
 * a gap. */
#ifndef TR_TESTS_UNIT_STREAM_SHARD_BENCH_H
#define TR_TESTS_UNIT_STREAM_SHARD_BENCH_H

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "stream/shard_graph.h"
#include "tests/support/test.h"

#define SECOND 1000u
#define MINUTE 60000u
#define HOUR 3600000u
#define WORDS_MAX 64

struct bench {
    struct tr_graph *graph;
    struct tr_graph_effects effects;
    struct tr_mono now;
    struct tr_wall service; /* ms 0: not known */
    struct tr_shard shards[WORDS_MAX];
    struct tr_graph_row rows[WORDS_MAX];
    char digits[WORDS_MAX][8];
    char said[4096];
    char doomed[4096]; /* the deletes of the last step */
};

static inline struct bench *begin(void)
{
    struct bench *bench = tr_calloc(1, sizeof *bench);
    assert_non_null(bench);
    assert_int_equal(tr_graph_new(1000, &bench->graph), TR_OK);
    bench->now = (struct tr_mono){1000 * (uint64_t)TR_NS_PER_S};
    return bench;
}

static inline void end(struct bench *bench)
{
    tr_graph_free(bench->graph);
    tr_free(bench);
}

static inline void pass(struct bench *bench, uint64_t ms)
{
    bench->now = tr_mono_add_ms(bench->now, ms);
    bench->service.ms += bench->service.ms > 0 ? (int64_t)ms : 0;
}

/* Cut "B<A+C" into an id and parents. */
static inline size_t cut_family(struct tr_bytes word, struct tr_bytes *id, struct tr_bytes *parents)
{
    size_t count = 0;
    struct tr_bytes rest = word;
    *id = tr_bytes_cut(&rest, '<');
    while (rest.ptr != NULL && count < TR_SHARD_PARENTS_MAX) {
        parents[count++] = tr_bytes_cut(&rest, '+');
    }
    return count;
}

static inline struct tr_shard_list list_of(struct bench *bench, const char *words)
{
    struct tr_bytes rest = tr_bytes_of(words);
    struct tr_shard_list list = {.shards = bench->shards, .status = TR_STREAM_ENABLED};
    memset(bench->shards, 0, sizeof bench->shards);
    while (rest.ptr != NULL) {
        struct tr_bytes word = tr_bytes_cut(&rest, ' ');
        struct tr_shard *shard = &bench->shards[list.count];
        char *digits = bench->digits[list.count];
        if (word.len == 0) {
            continue;
        }
        if (tr_bytes_ends(word, ".")) {
            word.len--;
            shard->ending = TR_LIT("999");
        }
        shard->parent_count = cut_family(word, &shard->id, shard->parents);
        /* "A" starts at 65: the letters give the order. */
        snprintf(digits, sizeof bench->digits[0], "%d", shard->id.ptr[0]);
        shard->starting = tr_bytes_of(digits);
        list.count++;
    }
    return list;
}

/* Needs no memory: allocations fail in some tests. */
static inline void say(struct bench *bench, struct tr_bytes text)
{
    size_t len = strlen(bench->said);
    snprintf(bench->said + len, sizeof bench->said - len, "%.*s", TR_FMT(text));
}

static inline void say_effects(struct bench *bench)
{
    size_t i, k;
    bench->said[0] = 0;
    for (i = 0; i < bench->effects.create_count; i++) {
        const struct tr_graph_create *create = &bench->effects.creates[i];
        say(bench, i > 0 ? TR_LIT(" ") : TR_LIT(""));
        say(bench, create->key);
        for (k = 0; k < create->parent_count; k++) {
            say(bench, k == 0 ? TR_LIT("<") : TR_LIT("+"));
            say(bench, create->parents[k]);
        }
        say(bench, create->without_parents ? TR_LIT("!") : TR_LIT(""));
        say(bench, create->gap ? TR_LIT("?") : TR_LIT(""));
        if (create->checkpoint.kind != TR_POSITION_TRIM_HORIZON) {
            say(bench, TR_LIT("@"));
            say(bench, (struct tr_bytes){create->checkpoint.digits, create->checkpoint.len});
        }
    }
}

static inline void say_deletes(struct bench *bench)
{
    size_t i, len = 0;
    bench->doomed[0] = 0;
    for (i = 0; i < bench->effects.delete_count; i++) {
        const struct tr_graph_delete *gone = &bench->effects.deletes[i];
        len += (size_t)snprintf(bench->doomed + len, sizeof bench->doomed - len, "%s%.*s%s",
                                i > 0 ? " " : "", TR_FMT(gone->key), gone->gap ? "?" : "");
    }
}

static inline const char *step(struct bench *bench, struct tr_graph_event event)
{
    event.now = bench->now;
    event.service = bench->service;
    assert_int_equal(tr_graph_step(bench->graph, &event, &bench->effects), TR_OK);
    say_effects(bench);
    say_deletes(bench);
    return bench->said;
}

static inline const char *listed_at(struct bench *bench, const char *words, bool complete,
                                    struct tr_mono begun)
{
    struct tr_shard_list list = list_of(bench, words);
    return step(bench,
                (struct tr_graph_event){
                    .kind = TR_GRAPH_LISTED, .begun = begun, .list = &list, .complete = complete});
}

static inline const char *listed(struct bench *bench, const char *words)
{
    return listed_at(bench, words, true, bench->now);
}

static inline const char *partly(struct bench *bench, const char *words)
{
    return listed_at(bench, words, false, bench->now);
}

static inline const char *disabled(struct bench *bench, const char *words)
{
    struct tr_shard_list list = list_of(bench, words);
    list.status = TR_STREAM_DISABLED;
    return step(bench,
                (struct tr_graph_event){
                    .kind = TR_GRAPH_LISTED, .begun = bench->now, .list = &list, .complete = true});
}

static inline const char *children(struct bench *bench, const char *parent, const char *words)
{
    struct tr_shard_list list = list_of(bench, words);
    return step(bench, (struct tr_graph_event){.kind = TR_GRAPH_CHILDREN,
                                               .list = &list,
                                               .parent = tr_bytes_of(parent)});
}

static inline const char *ended(struct bench *bench, const char *shard)
{
    return step(bench,
                (struct tr_graph_event){.kind = TR_GRAPH_ENDED, .parent = tr_bytes_of(shard)});
}

/* Rows as words "B<A=CHECKPOINT", "!" behind the checkpoint for the mark; no "=": TRIM_HORIZON;
 * "B=?": a row that is not understood. */
static inline size_t rows_of(struct bench *bench, const char *words)
{
    struct tr_bytes rest = tr_bytes_of(words);
    size_t count = 0;
    memset(bench->rows, 0, sizeof bench->rows);
    while (rest.ptr != NULL) {
        struct tr_bytes word = tr_bytes_cut(&rest, ' '), checkpoint = word, family;
        struct tr_graph_row *row = &bench->rows[count];
        if (word.len == 0) {
            continue;
        }
        if (tr_bytes_ends(word, "!")) {
            checkpoint.len--;
            row->without_parents = true;
        }
        family = tr_bytes_cut(&checkpoint, '=');
        row->parent_count = cut_family(family, &row->key, row->parents);
        row->checkpoint = TR_TRIM_HORIZON;
        row->unread = tr_bytes_is(checkpoint, "?");
        if (checkpoint.ptr != NULL && !row->unread) {
            assert_int_equal(
                tr_position_parse(tr_bytes_is(checkpoint, "END") ? TR_LIT("SHARD_END") : checkpoint,
                                  &row->checkpoint, NULL),
                TR_OK);
        }
        count++;
    }
    return count;
}

static inline const char *scanned_at(struct bench *bench, const char *words, struct tr_mono begun)
{
    size_t count = rows_of(bench, words);
    return step(
        bench, (struct tr_graph_event){
                   .kind = TR_GRAPH_ROWS, .begun = begun, .rows = bench->rows, .row_count = count});
}

static inline const char *scanned(struct bench *bench, const char *words)
{
    return scanned_at(bench, words, bench->now);
}

static inline const char *changed(struct bench *bench, const char *words)
{
    size_t count = rows_of(bench, words);
    return step(bench, (struct tr_graph_event){
                           .kind = TR_GRAPH_ROW, .rows = bench->rows, .row_count = count});
}

/* Make all that is proposed, and what that brings, until nothing is: the rounds by "/". */
static inline const char *made(struct bench *bench)
{
    static char text[4096];
    char words[sizeof bench->said];
    text[0] = 0;
    while (bench->effects.create_count > 0) {
        size_t len = strlen(text), i;
        snprintf(text + len, sizeof text - len, "%s%s", len > 0 ? " / " : "", bench->said);
        memcpy(words, bench->said, sizeof words);
        for (i = 0; words[i] != 0; i++) {
            words[i] = words[i] == '?' ? ' ' : words[i];
        }
        (void)changed(bench, words);
    }
    return text;
}

static inline bool may_start(struct bench *bench, const char *shard)
{
    return tr_graph_may_start(bench->graph, tr_bytes_of(shard));
}

static inline bool has_children(struct bench *bench, const char *shard)
{
    return tr_graph_has_children(bench->graph, tr_bytes_of(shard));
}

#endif
