/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for the judge and the KCL-like worker until they are here: only what was written is
 * delivered, in order. */
#include "tests/sim/judge.h"
#include "tests/sim/kcl.h"

#include <stdio.h>
#include <stdlib.h>

#define KEYS 4096

struct judge {
    struct judge_options options;
    uint64_t written[KEYS], done[KEYS], repeats;
};

struct judge *judge_new(const struct judge_options *options)
{
    struct judge *judge = calloc(1, sizeof *judge);
    judge->options = *options;
    return judge;
}
void judge_free(struct judge *judge)
{
    free(judge);
}
void judge_shard(struct judge *judge, uint64_t at, const char *stream, const char *shard,
                 const char *parent, const char *other_parent)
{
    (void)judge, (void)at, (void)stream, (void)shard, (void)parent, (void)other_parent;
}
void judge_shard_closed(struct judge *judge, uint64_t at, const char *shard)
{
    (void)judge, (void)at, (void)shard;
}
void judge_written(struct judge *judge, uint64_t at, const char *shard, const char *sequence,
                   unsigned key, uint64_t version)
{
    (void)at, (void)shard, (void)sequence;
    judge->written[key] = version;
}
void judge_trimmed(struct judge *judge, uint64_t at, const char *shard, const char *up_to)
{
    (void)judge, (void)at, (void)shard, (void)up_to;
}
void judge_item(struct judge *judge, uint64_t at, size_t worker, uint64_t sent, const char *table,
                const char *before, const char *after)
{
    (void)judge, (void)at, (void)worker, (void)sent, (void)table, (void)before, (void)after;
}
void judge_call(struct judge *judge, uint64_t at, size_t worker, uint64_t sent,
                const char *operation, const char *shard, uint64_t tenths, bool ok)
{
    (void)judge, (void)at, (void)worker, (void)sent, (void)operation, (void)shard, (void)tenths,
        (void)ok;
}
void judge_worker(struct judge *judge, uint64_t at, size_t worker, enum judge_worker_event event,
                  const char *id, bool kcl)
{
    (void)at, (void)worker, (void)kcl;
    if (event == JUDGE_FAILED) {
        judge->options.wrong(judge->options.ctx, "failed", id);
    }
}
void judge_batch(struct judge *judge, uint64_t at, size_t worker, const char *shard,
                 const char *first, const char *last, size_t count)
{
    (void)judge, (void)at, (void)worker, (void)shard, (void)first, (void)last, (void)count;
}
static bool trims;
void judge_done(struct judge *judge, uint64_t at, size_t worker, const char *shard,
                const char *sequence, unsigned key, uint64_t version)
{
    char why[100];
    (void)at, (void)worker, (void)shard, (void)sequence;
    if (version <= judge->done[key]) {
        judge->repeats++;
        return;
    }
    if (version != judge->done[key] + 1 && !trims) {
        (void)snprintf(why, sizeof why, "key %u: version %llu after %llu", key,
                       (unsigned long long)version, (unsigned long long)judge->done[key]);
        judge->options.wrong(judge->options.ctx, "order", why);
    }
    judge->done[key] = version;
}
void judge_gap(struct judge *judge, uint64_t at, size_t worker, const char *shard, const char *text)
{
    (void)judge, (void)at, (void)worker, (void)shard, (void)text;
}
void judge_fault(struct judge *judge, uint64_t at, const char *kind)
{
    (void)judge, (void)at;
    trims = trims || kind[0] == 't';
}
void judge_calm(struct judge *judge, uint64_t at, size_t workers)
{
    (void)judge, (void)at, (void)workers;
}
void judge_tick(struct judge *judge, uint64_t at)
{
    (void)judge, (void)at;
}
void judge_end(struct judge *judge, uint64_t at)
{
    size_t i;
    char why[100];
    (void)at;
    for (i = 0; i < KEYS; i++) {
        if (judge->written[i] != judge->done[i] && !trims) {
            (void)snprintf(why, sizeof why, "key %zu: %llu written, %llu done", i,
                           (unsigned long long)judge->written[i],
                           (unsigned long long)judge->done[i]);
            judge->options.wrong(judge->options.ctx, "lost", why);
            break;
        }
    }
    trims = false;
}
uint64_t judge_repeats(const struct judge *judge)
{
    return judge->repeats;
}

#ifndef SIM_HAS_KCL
void kcl_effects_reset(struct kcl_effects *effects)
{
    (void)effects;
}
void kcl_effects_deinit(struct kcl_effects *effects)
{
    (void)effects;
}
struct kcl *kcl_new(const struct kcl_options *options, uint64_t now_ms)
{
    (void)options, (void)now_ms;
    return NULL;
}
void kcl_free(struct kcl *kcl)
{
    (void)kcl;
}
void kcl_step(struct kcl *kcl, const struct kcl_event *event, struct kcl_effects *out)
{
    (void)kcl, (void)event, (void)out;
}
uint64_t kcl_deadline(const struct kcl *kcl)
{
    (void)kcl;
    return UINT64_MAX;
}
size_t kcl_held(const struct kcl *kcl)
{
    (void)kcl;
    return 0;
}
#endif
