/* SPDX-License-Identifier: Apache-2.0
 *
 * Seeded runs of the shard graph: a stream that rolls over, splits, merges and is trimmed, a lease
 * table, and two workers with a graph each that see both through listings that lag, lack a page or
 * arrive late and through scans that are stale. Workers crash, answers get lost, the fleet is down
 * for longer than the service keeps data. What must hold is checked here against the lineage as it
 * really is, which no graph sees. */
#include "base/mem.h"
#include "base/random.h"
#include "stream/shard_graph.h"
#include "tests/support/test.h"

#define SHARDS_MAX 400
#define TICKS 150
#define TICK_MS 20000u
#define KEPT_TICKS 60  /* how long the service keeps an ended shard */
#define CLEAN_TICKS 16 /* how long ended rows stay */
#define PAST 4         /* how many ticks back scans and listings may look */
#define WORKERS 2
#define SEEDS 300

enum row_state { NO_ROW, FRESH, PROGRESSED, ENDED };

struct row {
    enum row_state state;
    bool marked;
    unsigned parents[2];
    size_t parent_count;
};

struct shard {
    char id[8];
    char starting[8];
    unsigned parents[2];
    size_t parent_count;
    unsigned born, closed, done; /* ticks; closed 0: open */
    bool trimmed, finished, started, lost, excused, made;
    struct row rows[PAST]; /* now, one tick ago, ... */
};

struct worker {
    struct tr_graph *graph; /* NULL: down */
    bool has_scan;
    struct tr_shard_list late; /* a listing under way */
    unsigned late_begun;
    bool late_complete, has_late;
};

struct world {
    struct tr_random random;
    struct shard shards[SHARDS_MAX];
    unsigned count, tick, down_until;
    bool faults, lags, partial, lates, crashes, downs, merges, disabled, rolls, kcl;
    unsigned deleted; /* rows that the workers deleted */
    bool begun;       /* a row was made */
    struct worker workers[WORKERS];
    struct tr_graph_row rows[SHARDS_MAX];
    uint64_t seed;
};

static bool chance(struct world *world, unsigned percent)
{
    return tr_random_below(&world->random, 100) < percent;
}

static unsigned below(struct world *world, unsigned bound)
{
    return (unsigned)tr_random_below(&world->random, bound);
}

#define HOLDS(world, expr)                                                                         \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            fail_msg("seed %llu tick %u: %s", (unsigned long long)(world)->seed, (world)->tick,    \
                     #expr);                                                                       \
        }                                                                                          \
    } while (0)

static struct tr_mono time_of(unsigned tick)
{
    return (struct tr_mono){(uint64_t)(tick + 100) * TICK_MS * TR_NS_PER_MS};
}

/* --- the service ------------------------------------------------------------------------------ */

static void add_shard(struct world *world, const unsigned *parents, size_t parent_count)
{
    struct shard *shard = &world->shards[world->count];
    size_t i;
    if (world->count == SHARDS_MAX) {
        return;
    }
    snprintf(shard->id, sizeof shard->id, "s%03u", world->count);
    snprintf(shard->starting, sizeof shard->starting, "%u", 98 + world->count);
    for (i = 0; i < parent_count; i++) {
        shard->parents[i] = parents[i];
    }
    shard->parent_count = parent_count;
    shard->born = world->tick;
    world->count++;
}

static void roll(struct world *world, unsigned i)
{
    unsigned other, k, open = 0, pair[2] = {i, 0};
    for (k = 0, other = 0; k < world->count; k++) {
        const struct shard *shard = &world->shards[k];
        if (shard->closed == 0) {
            open++;
            other = k != i && world->tick - shard->born >= 3 ? k : other;
        }
    }
    world->shards[i].closed = world->tick;
    if (world->merges && other != 0 && chance(world, 20)) {
        world->shards[other].closed = world->tick;
        pair[1] = other;
        add_shard(world, pair, 2);
        return;
    }
    add_shard(world, pair, 1);
    if (open < 5 && chance(world, 30)) {
        add_shard(world, pair, 1);
    }
}

static void trim(struct world *world, struct shard *shard)
{
    size_t k;
    for (k = 0; k < shard->parent_count; k++) {
        if (!world->shards[shard->parents[k]].trimmed) {
            return;
        }
    }
    shard->trimmed = true;
    /* What went before the first start is nobody's. */
    if (shard->rows[0].state == NO_ROW && !shard->finished && !world->begun) {
        shard->excused = true;
    }
}

/* A trimmed shard with an unfinished row is lost: elsewhere that is found out, its row set to its
 * end, and said; here it happens by itself. It covers what came after it, too. */
static void lose(struct world *world, struct shard *shard)
{
    if (!shard->finished && shard->rows[0].state != NO_ROW && shard->rows[0].state != ENDED) {
        shard->lost = true;
        shard->rows[0].state = ENDED;
        shard->done = world->tick;
    }
}

static void serve(struct world *world)
{
    unsigned i, count = world->count;
    for (i = 0; i < count; i++) {
        struct shard *shard = &world->shards[i];
        if (shard->closed == 0 && world->rolls && world->tick - shard->born >= 3 &&
            (chance(world, 8) || world->tick - shard->born > KEPT_TICKS / 3)) {
            roll(world, i);
        } else if (shard->closed != 0 && !shard->trimmed &&
                   world->tick - shard->closed > KEPT_TICKS) {
            trim(world, shard);
        }
        if (shard->trimmed) {
            lose(world, shard);
        }
    }
}

/* --- the lease table -------------------------------------------------------------------------- */

static bool children_progressed(const struct world *world, unsigned parent)
{
    unsigned i;
    size_t k, found = 0;
    for (i = 0; i < world->count; i++) {
        const struct shard *shard = &world->shards[i];
        for (k = 0; k < shard->parent_count; k++) {
            if (shard->parents[k] == parent) {
                found++;
                if (!shard->started && !shard->finished && !shard->lost && !shard->excused) {
                    return false;
                }
            }
        }
    }
    return found > 0;
}

/* A KCL-like worker in the fleet: its ended rows go after their parents' rows, once all children
 * have progressed. */
static void clean(struct world *world)
{
    unsigned i;
    for (i = 0; i < world->count; i++) {
        struct shard *shard = &world->shards[i];
        bool parents_gone = true;
        size_t k;
        for (k = 0; k < shard->parent_count; k++) {
            parents_gone = parents_gone && world->shards[shard->parents[k]].rows[0].state == NO_ROW;
        }
        if (shard->rows[0].state == ENDED && world->tick - shard->done > CLEAN_TICKS &&
            parents_gone && children_progressed(world, i) && chance(world, 30)) {
            shard->rows[0] = (struct row){0};
        }
    }
}

static unsigned index_of(const struct world *world, struct tr_bytes id)
{
    unsigned i;
    for (i = 0; i < world->count; i++) {
        if (tr_bytes_is(id, world->shards[i].id)) {
            return i;
        }
    }
    fail_msg("seed %llu: a row for '%.*s', which is no shard", (unsigned long long)world->seed,
             TR_FMT(id));
    return 0;
}

static struct tr_graph_row row_of(const struct world *world, unsigned i, const struct row *row)
{
    struct tr_graph_row out = {.key = tr_bytes_of(world->shards[i].id),
                               .checkpoint = TR_TRIM_HORIZON,
                               .without_parents = row->marked};
    for (; out.parent_count < row->parent_count; out.parent_count++) {
        out.parents[out.parent_count] =
            tr_bytes_of(world->shards[row->parents[out.parent_count]].id);
    }
    if (row->state == PROGRESSED) {
        out.checkpoint = (struct tr_position){TR_POSITION_SEQUENCE, 1, "7"};
    } else if (row->state == ENDED) {
        out.checkpoint = TR_SHARD_END;
    }
    return out;
}

/* --- what workers see and do ------------------------------------------------------------------ */

static void follow(struct world *world, struct worker *worker,
                   const struct tr_graph_effects *effects);
static void delete_rows(struct world *world, struct worker *worker,
                        const struct tr_graph_effects *effects);

static void give(struct world *world, struct worker *worker, struct tr_graph_event event)
{
    struct tr_graph_effects effects;
    if (worker->graph == NULL) {
        return;
    }
    event.now = time_of(world->tick);
    assert_int_equal(tr_graph_step(worker->graph, &event, &effects), TR_OK);
    if (event.kind != TR_GRAPH_ROW || chance(world, 50)) {
        delete_rows(world, worker, &effects);
        follow(world, worker, &effects);
    }
}

static void tell_row(struct world *world, struct worker *worker, unsigned i)
{
    struct tr_graph_row row = row_of(world, i, &world->shards[i].rows[0]);
    give(world, worker,
         (struct tr_graph_event){.kind = TR_GRAPH_ROW, .rows = &row, .row_count = 1});
}

static void scan(struct world *world, struct worker *worker)
{
    unsigned past = world->faults ? below(world, 3) : 0, begun = world->tick, i;
    size_t count = 0;
    if (past > 0 && world->lates && chance(world, 50)) {
        begun -= past; /* late, not stale */
    }
    for (i = 0; i < world->count; i++) {
        if (world->shards[i].rows[past].state != NO_ROW) {
            world->rows[count++] = row_of(world, i, &world->shards[i].rows[past]);
        }
    }
    worker->has_scan = true;
    give(world, worker,
         (struct tr_graph_event){.kind = TR_GRAPH_ROWS,
                                 .begun = time_of(begun),
                                 .rows = world->rows,
                                 .row_count = count});
}

static void show_shard(const struct world *world, unsigned i, struct tr_shard *out)
{
    const struct shard *shard = &world->shards[i];
    *out =
        (struct tr_shard){.id = tr_bytes_of(shard->id), .starting = tr_bytes_of(shard->starting)};
    for (; out->parent_count < shard->parent_count; out->parent_count++) {
        out->parents[out->parent_count] =
            tr_bytes_of(world->shards[shard->parents[out->parent_count]].id);
    }
    if (shard->closed != 0) {
        out->ending = TR_LIT("999");
    }
}

/* A listing as the service may give it now. The newest shards may be missing, each by itself, but
 * never the first ones of the stream; a page may be lost; the order may be any. */
static void list_shards(struct world *world, struct tr_shard_list *list, bool *complete)
{
    unsigned lag = world->faults && world->lags ? below(world, 3) : 0, i;
    list->count = 0;
    list->status = world->disabled ? TR_STREAM_DISABLED : TR_STREAM_ENABLED;
    for (i = 0; i < world->count; i++) {
        const struct shard *shard = &world->shards[i];
        if (!shard->trimmed &&
            !(shard->parent_count > 0 && world->tick - shard->born < lag && chance(world, 70))) {
            show_shard(world, i, &list->shards[list->count++]);
        }
    }
    *complete = true;
    if (world->faults && world->partial && list->count > 1 && chance(world, 30)) {
        size_t lost = 1 + below(world, (unsigned)list->count - 1);
        size_t at = below(world, (unsigned)(list->count - lost + 1));
        memmove(list->shards + at, list->shards + at + lost,
                (list->count - at - lost) * sizeof *list->shards);
        list->count -= lost;
        *complete = false;
    }
    for (i = 0; i + 1 < list->count && world->faults; i++) {
        size_t other = i + below(world, (unsigned)(list->count - i));
        struct tr_shard swap = list->shards[i];
        list->shards[i] = list->shards[other];
        list->shards[other] = swap;
    }
}

static void list_stream(struct world *world, struct worker *worker)
{
    if (!worker->has_late) {
        list_shards(world, &worker->late, &worker->late_complete);
        worker->late_begun = world->tick;
        worker->has_late = true;
    }
    if (world->faults && world->lates && world->tick - worker->late_begun < 3 &&
        chance(world, 60)) {
        return;
    }
    worker->has_late = false;
    give(world, worker,
         (struct tr_graph_event){.kind = TR_GRAPH_LISTED,
                                 .begun = time_of(worker->late_begun),
                                 .list = &worker->late,
                                 .complete = worker->late_complete});
}

static bool has_progressed_descendant(const struct world *world, unsigned ancestor)
{
    bool below_it[SHARDS_MAX] = {false};
    unsigned i;
    size_t k;
    for (i = ancestor + 1; i < world->count; i++) {
        const struct shard *shard = &world->shards[i];
        for (k = 0; k < shard->parent_count; k++) {
            below_it[i] |= shard->parents[k] == ancestor || below_it[shard->parents[k]];
        }
        if (below_it[i] && (shard->started || shard->finished)) {
            return true;
        }
    }
    return false;
}

/* A gap is said of all that came before. */
static void excuse_ancestors(struct world *world, unsigned i)
{
    size_t k;
    for (k = 0; k < world->shards[i].parent_count; k++) {
        unsigned parent = world->shards[i].parents[k];
        if (!world->shards[parent].finished) {
            world->shards[parent].excused = true;
        }
        excuse_ancestors(world, parent);
    }
}

static void make_row(struct world *world, struct worker *worker,
                     const struct tr_graph_create *create)
{
    unsigned i = index_of(world, create->key);
    struct shard *shard = &world->shards[i];
    size_t k;
    if (shard->rows[0].state == NO_ROW) {
        HOLDS(world, !shard->finished);
        /* Of a trimmed one another worker may know more since the last scan; it costs nothing. */
        HOLDS(world, shard->trimmed || !has_progressed_descendant(world, i));
        shard->rows[0] = (struct row){.state = FRESH, .marked = create->without_parents};
        for (k = 0; k < create->parent_count; k++) {
            shard->rows[0].parents[k] = index_of(world, create->parents[k]);
        }
        shard->rows[0].parent_count = create->parent_count;
        shard->made = world->begun = true;
        if (create->gap) {
            excuse_ancestors(world, i);
        }
    }
    if (!world->faults || chance(world, 90)) {
        tell_row(world, worker, i);
    }
}

/* Nothing is proposed twice, nor a child before its parents' rows are there. */
static void check_order(struct world *world, const struct tr_graph_create *creates, size_t count)
{
    size_t i, k, p;
    for (i = 0; i < count; i++) {
        for (k = 0; k < count; k++) {
            HOLDS(world, i == k || !tr_bytes_eq(creates[i].key, creates[k].key));
            for (p = 0; p < creates[i].parent_count; p++) {
                HOLDS(world, !tr_bytes_eq(creates[i].parents[p], creates[k].key));
            }
        }
    }
}

static void crash(struct world *world, struct worker *worker, unsigned ticks)
{
    tr_graph_free(worker->graph);
    worker->graph = NULL;
    worker->has_scan = worker->has_late = false;
    if (ticks > 0) {
        world->down_until = world->tick + ticks;
    }
}

/* Creates are taken out first: the steps that follow change them. */
static void follow(struct world *world, struct worker *worker,
                   const struct tr_graph_effects *effects)
{
    struct tr_graph_create creates[TR_GRAPH_CREATES_MAX];
    size_t i, count = effects->create_count;
    memcpy(creates, effects->creates, count * sizeof *creates);
    check_order(world, creates, count);
    for (i = 0; i < count && worker->graph != NULL; i++) {
        if (world->faults && chance(world, 5)) {
            continue; /* throttled: proposed again */
        }
        /* The ids are the graph's: they live on only as long as it knows them. */
        make_row(world, worker, &creates[i]);
        if (world->faults && world->crashes && chance(world, 2)) {
            crash(world, worker, 0);
        }
    }
}

/* The first worker that is up lists and deletes. A row that goes is at its end, its parents' rows
 * went before, and no child that has a row waits at its start. */
static void delete_rows(struct world *world, struct worker *worker,
                        const struct tr_graph_effects *effects)
{
    size_t i, k, count = effects->delete_count;
    unsigned doomed[TR_GRAPH_DELETES_MAX], c;
    if (worker != &world->workers[world->workers[0].graph == NULL]) {
        return;
    }
    for (i = 0; i < count; i++) {
        doomed[i] = index_of(world, effects->deletes[i].key);
        world->shards[doomed[i]].excused |= effects->deletes[i].gap;
    }
    for (i = 0; i < count; i++) {
        struct shard *shard = &world->shards[doomed[i]];
        if (shard->rows[0].state != ENDED || (world->faults && chance(world, 20))) {
            continue; /* gone already; or throttled: proposed again */
        }
        for (k = 0; k < shard->parent_count; k++) {
            HOLDS(world, world->shards[shard->parents[k]].rows[0].state == NO_ROW);
        }
        for (c = 0; c < world->count; c++) {
            const struct shard *child = &world->shards[c];
            bool is_child = child->parent_count > 0 &&
                            (child->parents[0] == doomed[i] ||
                             (child->parent_count > 1 && child->parents[1] == doomed[i]));
            HOLDS(world, !is_child || child->rows[0].state != FRESH);
        }
        shard->rows[0] = (struct row){0};
        world->deleted++;
    }
}

/* Nobody read it, and somebody said so: before a descendant was read, or when it or an ancestor was
 * lost with its row. */
static bool is_told(const struct world *world, unsigned i)
{
    const struct shard *shard = &world->shards[i];
    size_t k;
    if (shard->excused || shard->lost) {
        return true;
    }
    for (k = 0; k < shard->parent_count; k++) {
        if (world->shards[shard->parents[k]].lost || is_told(world, shard->parents[k])) {
            return true;
        }
    }
    return false;
}

/* Before a shard is read all its parents are finished, unless they are gone for good and somebody
 * said so, or were trimmed. */
static void check_start(struct world *world, const struct shard *shard)
{
    size_t k;
    for (k = 0; k < shard->parent_count; k++) {
        const struct shard *parent = &world->shards[shard->parents[k]];
        HOLDS(world, parent->finished || parent->trimmed || is_told(world, shard->parents[k]));
    }
}

static void ask_children(struct world *world, struct worker *worker, unsigned parent)
{
    static struct tr_shard shards[SHARDS_MAX];
    struct tr_shard_list list = {.shards = shards};
    bool complete;
    unsigned lag = world->faults && world->lags ? below(world, 3) : 0, i;
    size_t k;
    if (world->faults && chance(world, 10)) { /* a server without the filter */
        list_shards(world, &list, &complete);
    } else {
        for (i = 0; i < world->count; i++) {
            const struct shard *shard = &world->shards[i];
            for (k = 0; k < shard->parent_count; k++) {
                if (shard->parents[k] == parent && world->tick - shard->born >= lag &&
                    !shard->trimmed) {
                    show_shard(world, i, &list.shards[list.count++]);
                }
            }
        }
    }
    give(world, worker,
         (struct tr_graph_event){.kind = TR_GRAPH_CHILDREN,
                                 .list = &list,
                                 .parent = tr_bytes_of(world->shards[parent].id)});
}

static void read_shard(struct world *world, struct worker *worker, unsigned i)
{
    struct shard *shard = &world->shards[i];
    struct tr_bytes id = tr_bytes_of(shard->id);
    if (worker->graph == NULL || shard->trimmed || shard->rows[0].state == NO_ROW ||
        shard->rows[0].state == ENDED || !tr_graph_may_start(worker->graph, id)) {
        return;
    }
    if (!shard->started) {
        check_start(world, shard);
    }
    if (shard->closed == 0 || (world->faults && chance(world, 60))) {
        shard->started = true;
        shard->rows[0].state = PROGRESSED;
        tell_row(world, worker, i);
        return;
    }
    give(world, worker, (struct tr_graph_event){.kind = TR_GRAPH_ENDED, .parent = id});
    ask_children(world, worker, i);
    if (worker->graph != NULL && tr_graph_has_children(worker->graph, id)) {
        shard->started = shard->finished = true;
        shard->rows[0].state = ENDED;
        shard->done = world->tick;
        tell_row(world, worker, i);
    }
}

static void work(struct world *world, struct worker *worker)
{
    unsigned i;
    if (world->tick < world->down_until) {
        return;
    }
    if (worker->graph == NULL) {
        assert_int_equal(tr_graph_new(SHARDS_MAX + 10, &worker->graph), TR_OK);
        worker->has_scan = false;
        worker->has_late = false;
    }
    if (!world->faults || !worker->has_scan || chance(world, 70)) {
        scan(world, worker);
    }
    if (worker->graph != NULL && (!world->faults || chance(world, 60))) {
        list_stream(world, worker);
    }
    for (i = 0; i < world->count; i++) {
        if (!world->faults || chance(world, 50)) {
            read_shard(world, worker, i);
        }
    }
}

static void run_tick(struct world *world)
{
    unsigned i, w;
    world->tick++;
    for (i = 0; i < world->count; i++) {
        struct shard *shard = &world->shards[i];
        memmove(shard->rows + 1, shard->rows, (PAST - 1) * sizeof *shard->rows);
    }
    serve(world);
    for (w = 0; w < WORKERS; w++) {
        work(world, &world->workers[w]);
    }
    if (world->kcl) {
        clean(world);
    }
    if (world->faults && world->crashes && chance(world, 3)) {
        crash(world, &world->workers[below(world, WORKERS)], 0);
    }
    if (world->faults && world->downs && world->tick > 20 && chance(world, 2)) {
        unsigned ticks = 1 + below(world, KEPT_TICKS * 2);
        crash(world, &world->workers[0], ticks);
        crash(world, &world->workers[1], ticks);
    }
}

/* --- what must hold --------------------------------------------------------------------------- */

static bool is_covered(const struct world *world, unsigned i)
{
    const struct shard *shard = &world->shards[i];
    size_t k;
    if (shard->rows[0].state != NO_ROW) {
        return true;
    }
    for (k = 0; k < shard->parent_count; k++) {
        if (is_covered(world, shard->parents[k])) {
            return true;
        }
    }
    return false;
}

/* After a true scan, a true complete listing and the creates that they bring. */
static void check_settled(struct world *world, struct worker *worker)
{
    struct tr_graph_effects effects;
    struct tr_graph_event event = {.kind = TR_GRAPH_ENDED, .now = time_of(world->tick)};
    unsigned i;
    HOLDS(world, tr_graph_settled(worker->graph));
    assert_int_equal(tr_graph_step(worker->graph, &event, &effects), TR_OK);
    HOLDS(world, effects.create_count == 0);
    for (i = 0; i < world->count; i++) {
        if (world->shards[i].closed == 0) {
            HOLDS(world, is_covered(world, i));
        }
    }
}

static bool has_child(const struct world *world, unsigned parent)
{
    unsigned i;
    size_t k;
    for (i = 0; i < world->count; i++) {
        for (k = 0; k < world->shards[i].parent_count; k++) {
            if (world->shards[i].parents[k] == parent && world->shards[i].rows[0].state != NO_ROW) {
                return true;
            }
        }
    }
    return false;
}

/* The faults stop; the stream is turned off and everything drains. */
static void heal(struct world *world)
{
    unsigned i, round;
    world->faults = false;
    world->down_until = 0;
    for (i = 0; i < 5; i++) {
        run_tick(world);
    }
    check_settled(world, &world->workers[0]);
    check_settled(world, &world->workers[1]);
    world->rolls = false;
    world->disabled = true;
    for (i = 0; i < world->count; i++) {
        if (world->shards[i].closed == 0) {
            world->shards[i].closed = world->tick;
        }
    }
    for (round = 0; round < 90; round++) {
        run_tick(world);
    }
    for (i = 0; i < world->count; i++) {
        const struct shard *shard = &world->shards[i];
        HOLDS(world, shard->finished || is_told(world, i));
        HOLDS(world, shard->finished || shard->trimmed || shard->excused);
    }
    check_settled(world, &world->workers[0]);
    HOLDS(world, tr_graph_drain(world->workers[0].graph) == TR_GRAPH_DRAINED);
    HOLDS(world, tr_graph_drain(world->workers[1].graph) == TR_GRAPH_DRAINED);
    /* What is left are leaves, which stay for two days; but for one round of a few each. */
    for (i = 0; i < world->count; i++) {
        HOLDS(world, world->shards[i].rows[0].state == NO_ROW || !has_child(world, i));
    }
}

static void run_seed(struct world *world, uint64_t seed)
{
    struct tr_shard *lists[WORKERS];
    unsigned w, i, first;
    memset(world, 0, sizeof *world);
    world->seed = seed;
    tr_random_init(&world->random, seed);
    world->faults = world->rolls = true;
    world->lags = chance(world, 50);
    world->partial = chance(world, 50);
    world->lates = chance(world, 50);
    world->crashes = chance(world, 50);
    world->downs = chance(world, 40);
    world->merges = chance(world, 30);
    world->kcl = chance(world, 30);
    for (w = 0; w < WORKERS; w++) {
        lists[w] = tr_calloc(SHARDS_MAX, sizeof **lists);
        assert_non_null(lists[w]);
        world->workers[w].late.shards = lists[w];
    }
    first = 1 + below(world, 3);
    for (i = 0; i < first; i++) {
        add_shard(world, NULL, 0);
    }
    world->down_until = below(world, KEPT_TICKS * 2);
    for (i = 0; i < TICKS; i++) {
        run_tick(world);
    }
    heal(world);
    for (w = 0; w < WORKERS; w++) {
        tr_graph_free(world->workers[w].graph);
        tr_free(lists[w]);
    }
}

static void test_seeds__nothing_is_skipped_replayed_or_out_of_order(void **state)
{
    struct world *world = tr_calloc(1, sizeof *world);
    const char *only = getenv("SEED");
    uint64_t seed, first = 1, last = SEEDS, deleted = 0;
    (void)state;
    assert_non_null(world);
    if (only != NULL && tr_bytes_u64(tr_bytes_of(only), UINT64_MAX - 1, &first)) {
        last = first;
    }
    for (seed = first; seed <= last; seed++) {
        run_seed(world, seed);
        deleted += world->deleted;
    }
    assert_true(deleted > last - first);
    tr_free(world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds__nothing_is_skipped_replayed_or_out_of_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
