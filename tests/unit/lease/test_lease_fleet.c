/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole fleets of lease cores on a table that answers within milliseconds: how they share leases,
 * how fast they follow a crash and a clean stop, and what they read and write for it. Everything in
 * virtual time, by one seed. `unit_lease_test_lease_fleet figures` prints the figures. */
#include "base/mem.h"
#include "base/random.h"
#include "lease/lease_core.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#define MS ((uint64_t)TR_NS_PER_MS)
#define WORKERS_MAX 24
#define ROWS_MAX 1000
#define FAILOVER_MS 10000u
#define ROW_SIZE 400u /* bytes, as DynamoDB counts them */
#define SECONDS(n) ((uint64_t)(n)*1000u * MS)

struct row {
    char key[32];
    char owner[16];
    char request[40];
    char bell[40];
    uint64_t counter;
    bool ended;
    uint64_t free_since; /* when its owner died or released it; 0: it is being read */
};

struct message {
    uint64_t at;
    uint64_t order;
    unsigned worker;
    unsigned life;
    struct tr_lease_effect fx;
    bool answer;
    enum tr_status status;
    char texts[3][40]; /* expected owner, request as seen, row's key */
    struct row row;    /* as it was when the request arrived */
};

struct worker {
    struct tr_lease_core *core;
    struct tr_lease_effects out;
    char id[16];
    unsigned life;
    bool alive;
    bool stopping;
    uint64_t valid_until[ROWS_MAX];
    bool held[ROWS_MAX];
    uint64_t hand_at[ROWS_MAX]; /* 0: not handed over */
    size_t count;
    uint64_t half_units;
};

struct fleet {
    struct tr_random random;
    uint64_t now;
    uint64_t order;
    struct row rows[ROWS_MAX];
    size_t row_count;
    size_t waiting; /* the last rows so many wait for their parents */
    struct worker workers[WORKERS_MAX];
    size_t worker_count;
    struct message *queue; /* owned; a heap by time */
    size_t queued;
    size_t cap;
    uint64_t batch_ms; /* a batch in hand takes that long */
    uint64_t writes;
    uint64_t failed_writes;
    uint64_t grants;
    uint64_t worst_wait; /* the longest that a row was free, since the last look */
    uint64_t waits[ROWS_MAX];
    size_t wait_count;
    unsigned hand_overs;
};

static struct fleet f;

/* ---- messages ---- */

static bool sooner(const struct message *a, const struct message *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void post(struct message m, uint64_t in)
{
    size_t at = f.queued++;
    m.at = f.now + in;
    m.order = f.order++;
    assert_true(tr_grow(&f.queue, &f.cap, f.queued, sizeof *f.queue));
    for (; at > 0 && sooner(&m, &f.queue[(at - 1) / 2]); at = (at - 1) / 2) {
        f.queue[at] = f.queue[(at - 1) / 2];
    }
    f.queue[at] = m;
}

static struct message take_first(void)
{
    struct message first = f.queue[0], last = f.queue[--f.queued];
    size_t at = 0, child;
    for (child = 1; child < f.queued; child = 2 * at + 1) {
        child += child + 1 < f.queued && sooner(&f.queue[child + 1], &f.queue[child]);
        if (!sooner(&f.queue[child], &last)) {
            break;
        }
        f.queue[at] = f.queue[child];
        at = child;
    }
    f.queue[at] = last;
    return first;
}

static uint64_t delay(void)
{
    return MS + tr_random_below(&f.random, 4 * MS);
}

static void copy(char *to, size_t cap, struct tr_bytes from)
{
    (void)snprintf(to, cap, "%.*s", from.ptr != NULL ? (int)from.len : 0,
                   from.ptr != NULL ? from.ptr : "");
}

/* ---- the table ---- */

static struct row *row_of(struct tr_bytes key)
{
    size_t i;
    (void)tr_bytes_u64((struct tr_bytes){key.ptr + 6, key.len - 6}, ROWS_MAX - 1, &i);
    return &f.rows[i];
}

static bool holds(const struct message *m, const struct row *row)
{
    const struct tr_lease_write *w = &m->fx.write;
    if (w->kind == TR_LEASE_RING) {
        return true;
    }
    if (w->kind == TR_LEASE_REQUEST) {
        return strcmp(row->owner, m->texts[0]) == 0 && strcmp(row->request, m->texts[1]) == 0;
    }
    return strcmp(row->owner, m->texts[0]) == 0 && row->counter == w->expected_counter;
}

static void carry_out(const struct message *m, struct row *row)
{
    const struct tr_lease_write *w = &m->fx.write;
    const char *id = f.workers[m->worker].id;
    if (w->kind == TR_LEASE_RING || w->kind == TR_LEASE_REQUEST) {
        (void)snprintf(w->kind == TR_LEASE_RING ? row->bell : row->request, sizeof row->bell,
                       "%s %llu", id, (unsigned long long)w->nonce);
        return;
    }
    row->counter = w->counter;
    if (w->kind == TR_LEASE_TAKE) {
        copy(row->owner, sizeof row->owner, tr_bytes_of(id));
        row->request[0] = '\0';
    } else if (w->kind == TR_LEASE_RELEASE) {
        row->owner[0] = '\0';
        row->free_since = f.now;
    }
    if (w->drops_request) {
        row->request[0] = '\0';
    }
}

static struct tr_lease_row shown(const struct row *row)
{
    struct tr_lease_row out = {.key = tr_bytes_of(row->key),
                               .counter = row->counter,
                               .size = ROW_SIZE,
                               .checkpoint = row->ended ? TR_SHARD_END : TR_TRIM_HORIZON};
    if (row->owner[0] != '\0') {
        out.owner = tr_bytes_of(row->owner);
        out.tailrace = row->owner[0] != 'k';
        out.failover_ms = out.tailrace ? FAILOVER_MS : 0;
    }
    if (row->request[0] != '\0') {
        out.request = tr_bytes_of(row->request);
    }
    if (row->bell[0] != '\0') {
        out.bell = tr_bytes_of(row->bell);
    }
    return out;
}

static void arrive(struct message m)
{
    struct row *row = m.fx.kind != TR_LEASE_FX_SCAN ? row_of(tr_bytes_of(m.texts[2])) : NULL;
    m.status = TR_OK;
    if (m.fx.kind == TR_LEASE_FX_WRITE) {
        f.writes++;
        m.status = holds(&m, row) ? TR_OK : TR_ECONDITION;
        f.failed_writes += m.status != TR_OK;
        if (m.status == TR_OK) {
            carry_out(&m, row);
        }
    }
    if (row != NULL) {
        m.row = *row;
    }
    m.answer = true;
    post(m, delay());
}

/* ---- workers ---- */

static void step(unsigned index, struct tr_lease_event ev);

static void check_alone(unsigned index, size_t row)
{
    size_t i;
    for (i = 0; i < f.worker_count; i++) {
        if (i != index && f.workers[i].alive && f.workers[i].held[row] &&
            f.workers[i].valid_until[row] > f.now) {
            fail_msg("two readers of %s at %llu ms", f.rows[row].key,
                     (unsigned long long)(f.now / MS));
        }
    }
}

static void granted(unsigned index, size_t row, uint64_t until)
{
    struct worker *me = &f.workers[index];
    struct row *r = &f.rows[row];
    f.grants++;
    me->held[row] = true;
    me->valid_until[row] = until;
    me->count++;
    check_alone(index, row);
    if (r->free_since != 0) {
        uint64_t waited = f.now - r->free_since;
        f.worst_wait = waited > f.worst_wait ? waited : f.worst_wait;
        if (f.wait_count < ROWS_MAX) {
            f.waits[f.wait_count++] = waited;
        }
    }
    r->free_since = 0;
}

static void send(unsigned index, const struct tr_lease_effect *fx)
{
    struct message m = {.worker = index, .life = f.workers[index].life, .fx = *fx};
    copy(m.texts[0], sizeof m.texts[0], fx->write.expected_owner);
    copy(m.texts[1], sizeof m.texts[1], fx->write.request);
    copy(m.texts[2], sizeof m.texts[2], fx->key);
    post(m, delay());
}

static void effect(unsigned index, const struct tr_lease_effect *fx)
{
    struct worker *me = &f.workers[index];
    size_t row = fx->key.ptr != NULL ? (size_t)(row_of(fx->key) - f.rows) : 0;
    switch (fx->kind) {
    case TR_LEASE_FX_SCAN:
    case TR_LEASE_FX_WRITE:
    case TR_LEASE_FX_READ:
    case TR_LEASE_FX_GLANCE:
        send(index, fx);
        break;
    case TR_LEASE_FX_GRANTED:
        granted(index, row, fx->valid_until.ns);
        break;
    case TR_LEASE_FX_VALID:
        me->valid_until[row] = fx->valid_until.ns;
        break;
    case TR_LEASE_FX_LOST:
    case TR_LEASE_FX_RELEASED:
        me->count -= me->held[row];
        me->held[row] = false;
        break;
    case TR_LEASE_FX_HAND_OVER:
        f.hand_overs++;
        me->hand_at[row] = f.now + f.batch_ms * MS;
        break;
    case TR_LEASE_FX_STORED:
    case TR_LEASE_FX_GONE:
    case TR_LEASE_FX_ROW:
    case TR_LEASE_FX_NOTE:
        break;
    }
}

static void step(unsigned index, struct tr_lease_event ev)
{
    struct worker *me = &f.workers[index];
    size_t i;
    ev.now.ns = f.now;
    ev.service.ms = (int64_t)(1700000000000u + f.now / MS);
    tr_assert_status(tr_lease_core_step(me->core, &ev, &me->out), TR_OK, NULL);
    for (i = 0; i < me->out.count; i++) {
        effect(index, &me->out.items[i]);
    }
}

static void ready(unsigned index)
{
    size_t i;
    for (i = 0; i < f.row_count - f.waiting; i++) {
        step(index,
             (struct tr_lease_event){.kind = TR_LEASE_EV_READY, .key = tr_bytes_of(f.rows[i].key)});
    }
}

static void scanned(const struct message *m)
{
    static struct tr_lease_row rows[ROWS_MAX];
    struct tr_lease_event ev = {.kind = TR_LEASE_EV_SCANNED, .op = m->fx.op, .rows = rows};
    struct worker *me = &f.workers[m->worker];
    bool first = !tr_lease_core_scanned(me->core);
    size_t i;
    for (i = 0; i < f.row_count; i++) {
        uint64_t hash = tr_bytes_hash(tr_bytes_of(f.rows[i].key)) * 0x9e3779b97f4a7c15u;
        if ((hash >> 32) * m->fx.segments >> 32 == m->fx.segment) {
            rows[ev.row_count++] = shown(&f.rows[i]);
        }
    }
    me->half_units += ev.row_count == 0 ? 1 : (ev.row_count * ROW_SIZE + 4095) / 4096;
    step(m->worker, ev);
    if (first) {
        ready(m->worker);
    }
}

static void deliver(const struct message *m)
{
    struct tr_lease_row row = shown(&m->row);
    struct tr_lease_event ev = {.op = m->fx.op, .status = m->status, .rows = &row, .row_count = 1};
    if (!f.workers[m->worker].alive || f.workers[m->worker].life != m->life) {
        return;
    }
    if (m->fx.kind == TR_LEASE_FX_SCAN) {
        scanned(m);
        return;
    }
    ev.kind = m->fx.kind == TR_LEASE_FX_WRITE ? TR_LEASE_EV_WRITTEN : TR_LEASE_EV_READ;
    if (ev.kind == TR_LEASE_EV_READ) {
        f.workers[m->worker].half_units += m->fx.kind == TR_LEASE_FX_READ ? 2 : 1;
    }
    ev.row_count = m->fx.kind != TR_LEASE_FX_WRITE || m->fx.write.kind != TR_LEASE_RING;
    step(m->worker, ev);
}

static unsigned start(void)
{
    unsigned index = (unsigned)f.worker_count++;
    struct worker *me = &f.workers[index];
    struct tr_lease_options options = {.worker_id = {me->id, 0},
                                       .failover_ms = FAILOVER_MS,
                                       .seed = tr_random_u64(&f.random),
                                       .leases_max = ROWS_MAX,
                                       .writes_max = 64};
    assert_true(index < WORKERS_MAX);
    *me = (struct worker){.alive = true, .life = index + 1};
    (void)snprintf(me->id, sizeof me->id, "w%02u", (index * 7) % 23);
    options.worker_id.len = strlen(me->id);
    tr_assert_status(tr_lease_core_new(&options, (struct tr_mono){f.now}, &me->core), TR_OK, NULL);
    return index;
}

static void crash(unsigned index)
{
    struct worker *me = &f.workers[index];
    size_t i;
    me->alive = false;
    for (i = 0; i < f.row_count; i++) {
        if (me->held[i]) {
            f.rows[i].free_since = f.now;
        }
    }
    me->count = 0;
}

static void stop(unsigned index)
{
    struct worker *me = &f.workers[index];
    size_t i;
    me->stopping = true;
    step(index, (struct tr_lease_event){.kind = TR_LEASE_EV_STOP});
    for (i = 0; i < f.row_count; i++) {
        if (me->held[i]) {
            step(index, (struct tr_lease_event){.kind = TR_LEASE_EV_GIVE_UP,
                                                .key = tr_bytes_of(f.rows[i].key)});
        }
    }
}

static uint64_t due_of(const struct worker *me)
{
    uint64_t due = tr_lease_core_deadline(me->core).ns;
    size_t i;
    for (i = 0; i < f.row_count; i++) {
        due = me->hand_at[i] != 0 && me->hand_at[i] < due ? me->hand_at[i] : due;
    }
    return due;
}

static void tick(unsigned index)
{
    struct worker *me = &f.workers[index];
    size_t i;
    for (i = 0; i < f.row_count; i++) {
        if (me->hand_at[i] != 0 && me->hand_at[i] <= f.now) {
            me->hand_at[i] = 0;
            step(index, (struct tr_lease_event){.kind = TR_LEASE_EV_GIVE_UP,
                                                .key = tr_bytes_of(f.rows[i].key)});
        }
    }
    step(index, (struct tr_lease_event){.kind = TR_LEASE_EV_TICK});
}

static void run(uint64_t ms)
{
    uint64_t end = f.now + ms * MS;
    while (f.now < end) {
        uint64_t next = f.queued > 0 && f.queue[0].at < end ? f.queue[0].at : end;
        unsigned i;
        for (i = 0; i < f.worker_count; i++) {
            uint64_t due = f.workers[i].alive ? due_of(&f.workers[i]) : UINT64_MAX;
            next = due < next ? due : next;
        }
        f.now = next > f.now ? next : f.now;
        while (f.queued > 0 && f.queue[0].at <= f.now) {
            struct message m = take_first();
            if (m.answer) {
                deliver(&m);
            } else {
                arrive(m);
            }
        }
        for (i = 0; i < f.worker_count; i++) {
            if (f.workers[i].alive && due_of(&f.workers[i]) <= f.now) {
                tick(i);
            }
        }
    }
}

static void open_table(uint64_t seed, size_t rows)
{
    size_t i;
    memset(&f, 0, sizeof f);
    tr_random_init(&f.random, seed);
    f.now = SECONDS(1000);
    f.row_count = rows;
    f.batch_ms = 20;
    for (i = 0; i < rows; i++) {
        f.rows[i] = (struct row){.counter = 1000, .free_since = f.now};
        (void)snprintf(f.rows[i].key, sizeof f.rows[i].key, "shard-%06zu", i);
    }
}

static void close_table(void)
{
    size_t i;
    for (i = 0; i < f.worker_count; i++) {
        tr_lease_core_free(f.workers[i].core);
        tr_lease_effects_deinit(&f.workers[i].out);
    }
    tr_free(f.queue);
}

/* ---- what is looked at ---- */

static void spread(size_t *least, size_t *most, size_t *all)
{
    size_t i;
    *least = SIZE_MAX;
    *most = *all = 0;
    for (i = 0; i < f.worker_count; i++) {
        const struct worker *me = &f.workers[i];
        if (me->alive && !me->stopping) {
            *least = me->count < *least ? me->count : *least;
            *most = me->count > *most ? me->count : *most;
            *all += me->count;
        }
    }
}

static bool is_balanced(void)
{
    size_t least, most, all;
    spread(&least, &most, &all);
    return all == f.row_count - f.waiting && most - least <= 1;
}

/* How long until all rows are read and counts differ by one at the most; limit if never. */
static uint64_t ms_to_balance(uint64_t limit_ms)
{
    uint64_t begun = f.now;
    while (!is_balanced() && f.now < begun + limit_ms * MS) {
        run(50);
    }
    return (f.now - begun) / MS;
}

static void start_many(size_t workers, uint64_t within_ms)
{
    size_t i;
    for (i = 0; i < workers; i++) {
        (void)start();
        run(within_ms > 0 ? tr_random_below(&f.random, within_ms / workers + 1) : 0);
    }
}

static uint64_t median_wait(void)
{
    size_t i, j;
    for (i = 1; i < f.wait_count; i++) {
        uint64_t wait = f.waits[i];
        for (j = i; j > 0 && f.waits[j - 1] > wait; j--) {
            f.waits[j] = f.waits[j - 1];
        }
        f.waits[j] = wait;
    }
    return f.wait_count > 0 ? f.waits[f.wait_count / 2] / MS : 0;
}

/* ---- figures ---- */

struct figures {
    uint64_t crash_worst_ms;
    uint64_t crash_median_ms;
    uint64_t stop_worst_ms;
    uint64_t stop_median_ms;
    uint64_t cold_ms;
    uint64_t join_ms;
    uint64_t reads_hour; /* of the worker that reads most */
    uint64_t writes_hour;
    uint64_t moves; /* hand-overs in the quiet time */
};

static void measure_quiet(struct figures *out)
{
    uint64_t halves[WORKERS_MAX], writes = f.writes, moves = f.hand_overs;
    size_t i;
    for (i = 0; i < f.worker_count; i++) {
        halves[i] = f.workers[i].half_units;
    }
    run(360000);
    for (i = 0; i < f.worker_count; i++) {
        uint64_t hour = (f.workers[i].half_units - halves[i]) * 10 / 2;
        if (f.workers[i].alive && hour > out->reads_hour) {
            out->reads_hour = hour;
        }
    }
    out->writes_hour = (f.writes - writes) * 10;
    out->moves += f.hand_overs - moves;
}

static struct figures measure(uint64_t seed, size_t rows, size_t workers)
{
    struct figures out = {0};
    open_table(seed, rows);
    start_many(workers, 200);
    out.cold_ms = ms_to_balance(60000);
    run(30000 + tr_random_below(&f.random, 10000));
    measure_quiet(&out);
    f.worst_wait = f.wait_count = 0;
    crash((unsigned)tr_random_below(&f.random, workers));
    run(40000);
    out.crash_worst_ms = f.worst_wait / MS;
    out.crash_median_ms = median_wait();
    (void)start();
    out.join_ms = ms_to_balance(120000);
    run(20000 + tr_random_below(&f.random, 10000));
    f.worst_wait = f.wait_count = 0;
    stop((unsigned)f.worker_count - 1);
    run(20000);
    out.stop_worst_ms = f.worst_wait / MS;
    out.stop_median_ms = median_wait();
    close_table();
    return out;
}

static void print_figures(void)
{
    static const size_t sizes[][2] = {{4, 2}, {8, 3}, {40, 5}, {100, 10}, {1000, 20}};
    size_t i;
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t seed;
        for (seed = 1; seed <= 3; seed++) {
            struct figures g = measure(seed, sizes[i][0], sizes[i][1]);
            print_message(
                "%4zu leases %2zu workers: cold %5llu join %6llu crash %5llu/%5llu "
                "stop %4llu/%4llu reads/h %6llu writes/h/lease %4llu moves %llu\n",
                sizes[i][0], sizes[i][1], (unsigned long long)g.cold_ms,
                (unsigned long long)g.join_ms, (unsigned long long)g.crash_median_ms,
                (unsigned long long)g.crash_worst_ms, (unsigned long long)g.stop_median_ms,
                (unsigned long long)g.stop_worst_ms, (unsigned long long)g.reads_hour,
                (unsigned long long)(g.writes_hour / sizes[i][0]), (unsigned long long)g.moves);
        }
    }
}

/* ---- the tests ---- */

static void test_balance__cold_start_gives_each_its_share(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 1; seed <= 20; seed++) {
        size_t least, most, all;
        open_table(seed, 12);
        start_many(4, 200);
        run(3000);
        spread(&least, &most, &all);
        assert_int_equal(all, 12);
        assert_in_range(most, 3, 5); /* nobody has taken all */
        assert_true(ms_to_balance(20000) < 20000);
        close_table();
    }
}

static void test_balance__newcomer_gets_its_share_within_two_rounds_by_hand_over(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 1; seed <= 20; seed++) {
        uint64_t grants;
        open_table(seed, 30);
        start_many(3, 100);
        run(60000);
        assert_true(is_balanced());
        (void)start();
        assert_true(ms_to_balance(2 * FAILOVER_MS) < 2 * FAILOVER_MS);
        grants = f.grants;
        run(120000);
        assert_true(is_balanced());
        assert_int_equal(f.grants, grants); /* and there they stay */
        close_table();
    }
}

/* A family whose root is gone, and too young to be given up, may be most of the table. */
static void test_balance__rows_that_wait_for_their_parents_are_no_part_of_a_share(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 1; seed <= 20; seed++) {
        uint64_t grants;
        open_table(seed, 40);
        f.waiting = 31;
        start_many(1, 1);
        run(20000);
        (void)start();
        (void)start();
        assert_true(ms_to_balance(2 * FAILOVER_MS) < 2 * FAILOVER_MS);
        grants = f.grants;
        run(120000);
        assert_int_equal(f.grants, grants);
        close_table();
    }
}

static void test_balance__difference_of_one_moves_nothing(void **state)
{
    uint64_t grants;
    (void)state;
    open_table(3, 7);
    start_many(3, 100);
    run(60000);
    grants = f.grants;
    run(300000);
    assert_int_equal(f.grants, grants);
    assert_int_equal(f.failed_writes > 20, false);
    close_table();
}

static void test_crash__leases_are_taken_within_the_bounds(void **state)
{
    static const struct {
        size_t rows, workers, bound_ms;
    } sizes[] = {{4, 2, 11000}, {8, 3, 11000}, {40, 5, 12500}, {100, 10, 15000}};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t seed;
        for (seed = 1; seed <= 10; seed++) {
            open_table(seed, sizes[i].rows);
            start_many(sizes[i].workers, 300);
            run(60000 + tr_random_below(&f.random, 10000));
            f.worst_wait = 0;
            crash((unsigned)tr_random_below(&f.random, sizes[i].workers));
            run(30000);
            if (f.worst_wait / MS > sizes[i].bound_ms) {
                fail_msg("%zu leases, seed %llu: %llu ms", sizes[i].rows, (unsigned long long)seed,
                         (unsigned long long)(f.worst_wait / MS));
            }
            assert_true(f.worst_wait > 0);
            close_table();
        }
    }
}

static void test_stop__leases_are_taken_within_a_second(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 1; seed <= 20; seed++) {
        open_table(seed, seed % 2 == 0 ? 8 : 60);
        start_many(3, 300);
        run(60000 + tr_random_below(&f.random, 5000));
        f.worst_wait = f.wait_count = 0;
        stop((unsigned)tr_random_below(&f.random, 3));
        run(20000);
        if (f.worst_wait / MS > 1200) {
            fail_msg("seed %llu: %llu ms", (unsigned long long)seed,
                     (unsigned long long)(f.worst_wait / MS));
        }
        close_table();
    }
}

static void test_reads__keep_within_their_budget(void **state)
{
    static const struct {
        size_t rows, workers, units;
    } sizes[] = {{4, 2, 4000}, {100, 10, 4000}};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct figures g = {0};
        open_table(5, sizes[i].rows);
        start_many(sizes[i].workers, 300);
        run(60000);
        measure_quiet(&g);
        assert_in_range(g.reads_hour, 1, sizes[i].units);
        assert_in_range(g.writes_hour, 1, sizes[i].rows * 1088 * 6 / 10);
        assert_int_equal(g.moves, 0);
        close_table();
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_balance__cold_start_gives_each_its_share),
        cmocka_unit_test(test_balance__newcomer_gets_its_share_within_two_rounds_by_hand_over),
        cmocka_unit_test(test_balance__rows_that_wait_for_their_parents_are_no_part_of_a_share),
        cmocka_unit_test(test_balance__difference_of_one_moves_nothing),
        cmocka_unit_test(test_crash__leases_are_taken_within_the_bounds),
        cmocka_unit_test(test_stop__leases_are_taken_within_a_second),
        cmocka_unit_test(test_reads__keep_within_their_budget),
    };
    if (argc > 1 && strcmp(argv[1], "figures") == 0) {
        print_figures();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
