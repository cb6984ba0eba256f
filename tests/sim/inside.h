/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a simulated world, shared by its files: world.c (what happens when), clocks.c
 * (each worker's own idea of time), network.c (calls on their way), processing.c (slicing and
 * processors), observe.c (what the judge is told), inspect.c (what must hold inside a worker),
 * faults.c (what goes wrong), trace.c (what is written down). Everything follows from one seed. */
#ifndef TR_TESTS_SIM_INSIDE_H
#define TR_TESTS_SIM_INSIDE_H

#include "aws/retry_core.h"
#include "base/assert.h"
#include "base/mem.h"
#include "base/note.h"
#include "tests/sim/faults.h"
#include "tests/sim/judge.h"
#include "tests/sim/kcl.h"
#include "tests/sim/world.h"
#include "worker/consumer_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORLD_WORKERS_MAX 4096
#define WORLD_KEYS_MAX 4096
/* The model's time when the world's is 0. */
#define WORLD_START_MS 1795248000000ll

enum happening_kind {
    ARRIVE,    /* an attempt's request reaches the service */
    LAND,      /* an attempt ends at its worker, with an answer or without */
    AGAIN,     /* a call is sent once more */
    ANSWER,    /* a call that could not be sent is answered so */
    SLICED,    /* a page is back */
    BATCH,     /* a thread of the pool picks a batch up */
    PROCESSED, /* the processor has done with it */
    ACT,       /* the world's own doing */
};

/* A call of a worker, with all of its attempts: what aws/client.c keeps. Counted, since requests
 * that are late and repeated outlive their call. */
struct call {
    unsigned refs;
    size_t worker;
    uint64_t op;
    enum tr_aws_service service;
    enum tr_aws_class class;
    char target[64]; /* "DynamoDB_20120810.UpdateItem" */
    struct tr_buf body;
    unsigned attempts_max;
    uint64_t attempt_ms;
    uint64_t silence_ms;     /* until an attempt's first byte */
    struct tr_mono deadline; /* by the worker's clock, as the rest */
    struct tr_mono sent;     /* first */
    struct tr_mono launched; /* last */
    unsigned attempts;
    unsigned retry_cost;
    bool may_have_happened;
};

typedef void world_act_fn(struct world *world, void *ctx, uint64_t arg);

struct happening {
    struct happening *next_free;
    uint64_t at_ms;
    uint64_t order;
    enum happening_kind kind;
    size_t worker;
    uint64_t op;
    struct call *call; /* a reference */
    uint64_t sent_at;  /* of the attempt */
    uint64_t timeout_at;
    bool answerless; /* nobody waits for this request's answer */
    bool broken;     /* the connection broke */
    unsigned http_status;
    struct tr_buf body;
    struct tr_wall date;
    enum tr_status status;
    /* a batch */
    struct tr_page *page;
    uint32_t lease;
    size_t first;
    size_t count;
    size_t done;
    char shard[80];
    const struct kcl_record *records;
    /* an act */
    world_act_fn *act;
    void *ctx;
    uint64_t arg;
};

struct clock {
    uint64_t born_ms;
    uint64_t origin_ns;
    int64_t ppm;           /* faster than true time by */
    int64_t wall_ahead_ms; /* of the host's wall clock */
    int64_t followed_ms;   /* what the client adds to it, by Date headers */
};

struct worker {
    struct tr_consumer *core;
    struct kcl *kcl; /* instead */
    struct tr_budget budget;
    struct tr_consumer_effects fx;
    struct kcl_effects kcl_fx;
    struct clock clock;
    struct tr_retry retry[TR_AWS_CLASS_COUNT];
    uint64_t *valid_until; /* ns, by lease; owned */
    size_t valid_count;
    size_t valid_cap;
    char id[32];
    bool alive;
    bool ended;
    enum tr_status status;
    uint64_t frozen_until; /* ms */
    uint64_t deadline_at;  /* ms, true time; of the core as it stands */
    uint64_t ticked_at;    /* ms */
    unsigned ticks;        /* at that time */
};

struct world {
    struct world_options options;
    struct tr_local *local;
    struct tr_random random;
    uint64_t now_ms;
    uint64_t order;
    struct happening **heap; /* owned, with what is in it */
    size_t heap_count, heap_cap;
    struct happening *free_list;
    struct worker *workers; /* owned */
    size_t worker_count;
    size_t *alive; /* owned; numbers of those that have a core */
    size_t alive_count, alive_cap;
    int64_t local_due_ms;    /* when the model wants a tick */
    char (*open_shards)[48]; /* owned */
    size_t open_count, open_cap;

    struct condition conditions[WORLD_CONDITIONS_MAX];
    size_t condition_count;
    uint64_t fault_counts[FAULT_COUNT];

    struct judge *judge; /* borrowed; NULL: the world's own simple check only */
    bool judge_is_latest;
    size_t serving; /* whose request the model serves now; SIZE_MAX: the world's own */
    uint64_t serving_sent;

    uint64_t *written;   /* owned; versions written of each key: 1..n */
    uint64_t *delivered; /* owned; highest version delivered in order */
    uint64_t deliveries, repeats, wrong;
    uint64_t writes;
    uint64_t notes[TR_NOTE_COUNT];
    char gap[256]; /* the newest one's bounds */
    char note_texts[TR_NOTE_COUNT][256];
    char error[512]; /* of the worker that failed last */
    uint64_t calls;

    bool over; /* a verdict was given */
    char check[48];
    char why[1024];
    FILE *trace; /* borrowed; NULL: nothing is written down */
    struct tr_buf scratch;

    int64_t fail_in; /* allocations of the workers' until one fails; -1: none does */
    bool starved_stops;
    size_t starved; /* the worker that an allocation failed for, or SIZE_MAX */
    uint64_t allocations;
};

/* world.c */
struct happening *world_schedule(struct world *world, uint64_t in_ms, enum happening_kind kind,
                                 size_t worker, uint64_t op);
void world_act(struct world *world, uint64_t in_ms, world_act_fn *act, void *ctx, uint64_t arg);
void world_step(struct world *world, size_t index, struct tr_consumer_event *event);
void world_step_kcl(struct world *world, size_t index, struct kcl_event *event);
bool world_chance(struct world *world, unsigned per_thousand);
uint64_t world_below(struct world *world, uint64_t bound);
/* Around what is a worker's own: the allocation that is to fail is counted there only. */
void world_count_allocations(struct world *world);
void world_stop_counting(struct world *world);
/* The first verdict counts: the run is over, or, without anybody to tell, the process. */
void world_wrong(struct world *world, const char *check, const char *fmt, ...) TR_PRINTF(3, 4);
struct tr_wall world_wall(const struct world *world);
/* Call the model, as the writer and the world itself do. */
void world_must_call(struct world *world, const char *target, const char *body);
/* The model's own timetable may have changed. */
void world_look_at_model(struct world *world);
/* Nothing of the network or the processors lies further ahead than so; late requests are gone. */
void world_bring_forward(struct world *world, uint64_t ms);

/* clocks.c */
void clock_init(struct world *world, struct clock *clock);
struct tr_mono clock_mono(const struct world *world, const struct clock *clock);
struct tr_wall clock_host(const struct world *world, const struct clock *clock);
/* What the AWS client takes for the service's time. */
struct tr_wall clock_service(const struct world *world, const struct clock *clock);
void clock_follow(const struct world *world, struct clock *clock, struct tr_wall date,
                  struct tr_mono launched);
/* The true time by which the clock has reached a deadline. */
uint64_t clock_true_ms(const struct world *world, const struct clock *clock, struct tr_mono when);

/* network.c */
void network_call(struct world *world, size_t index, struct tr_consumer_effect *fx);
void network_call_kcl(struct world *world, size_t index, struct kcl_effect *fx);
void network_arrive(struct world *world, struct happening *h);
void network_land(struct world *world, struct happening *h);
void network_again(struct world *world, struct happening *h);
void call_release(struct call *call);

/* processing.c */
void processing_slice(struct world *world, size_t index, const struct tr_consumer_effect *fx);
void processing_give(struct world *world, size_t index, const struct tr_consumer_effect *fx);
void processing_give_kcl(struct world *world, size_t index, const struct kcl_effect *fx);
void processing_begin(struct world *world, struct happening *h);
void processing_end(struct world *world, struct happening *h);
/* The worker is dropped in the middle of it: some of what is in hand was done all the same. */
void processing_crash(struct world *world, size_t index);

/* observe.c */
extern const struct tr_local_watch world_watch;
/* Key, version and number of a record's text, however it is spelled. */
struct record_facts {
    unsigned key;
    uint64_t version;
    char number[48];
};
bool record_facts(struct world *world, struct tr_bytes text, struct record_facts *out);
void observe_worker(struct world *world, size_t index, enum judge_worker_event event);
void observe_note(struct world *world, size_t index, const struct tr_note *note);

/* scramble.c: the same JSON, its members in another order, escapes and white space put in. */
void scramble(struct tr_random *random, struct tr_bytes text, struct tr_buf *out);
/* Escapes of plain characters resolved, white space between tokens gone. */
void unscramble(struct tr_bytes text, struct tr_buf *out);

/* inspect.c */
void inspect(struct world *world, size_t index, bool starved);
/* In which phase of its start, work and end a worker is (enum phase); UINT_MAX: it has no core. */
unsigned inspect_phase(const struct world *world, size_t index);
/* The next lease (from *at = 0 on) that a worker has in that state (enum tr_lease_state), by its
 * key; without bytes: there is no more. */
struct tr_bytes inspect_lease(const struct world *world, size_t index, unsigned state, size_t *at);

/* trace.c; nothing is formatted when nobody reads it. */
#define WORLD_TRACE(world, index, ...)                                                             \
    do {                                                                                           \
        if ((world)->trace != NULL) {                                                              \
            world_trace(world, index, __VA_ARGS__);                                                \
        }                                                                                          \
    } while (0)
void world_trace(struct world *world, size_t index, const char *fmt, ...) TR_PRINTF(3, 4);

#endif
