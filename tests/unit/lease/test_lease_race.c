/* SPDX-License-Identifier: Apache-2.0
 *
 * Three lease cores race for two rows of a tiny table that applies conditional writes, over a
 * network that loses, delays and doubles, with clocks that differ by 2 %, pauses and crashes. Each
 * seed is one run: first faults, then peace. Never are two workers valid for one key at the same
 * true time, no checkpoint goes back or past what was processed, and after the faults every lease
 * is held and stays where it is. That the checks bite is shown by mutants: the adapter between
 * cores and world breaks one rule, and a seed must catch it. */
#include "base/random.h"
#include "lease/lease_core.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#define KEYS 2
#define SLOTS 3
#define IDS_MAX 64
#define QUEUE_MAX 1024
#define MS ((uint64_t)TR_NS_PER_MS)
#define FAULTS_END (20000 * MS)
#define CALM_END (FAULTS_END + 8000 * MS) /* every lease is held by then */
#define RUN_END (CALM_END + 6000 * MS)    /* and stays there */

enum mutant {
    NONE,
    VALID_FROM_RECEIPT,     /* the answer's arrival starts the validity */
    VALID_WHOLE_FAILOVER,   /* no margin for clocks */
    NO_CONDITION,           /* the table does not look at the condition */
    OWNER_ONLY,             /* the counter is left out of the condition */
    FRESH_COUNTER,          /* a take asks for the counter as it is, not as scanned */
    OWN_FAILOVER_ONLY,      /* the failover stored in the row is not read */
    FAILED_EXTENDS,         /* a failed condition that shows my own write is taken for success */
    SILENCE_IS_SUCCESS,     /* a lost answer is taken for success */
    RELEASE_KEEPS_VALIDITY, /* processing goes on while the release is on its way */
    MUTANTS
};

static const char *const mutant_names[MUTANTS] = {
    "none",          "valid from receipt", "valid the whole failover", "no condition",
    "owner only",    "fresh counter",      "own failover only",        "failed extends",
    "silence is ok", "release keeps"};

struct row {
    bool there;
    unsigned owner; /* worker's number; 0: none */
    uint64_t counter;
    uint64_t position; /* 0: TRIM_HORIZON */
    unsigned failover_of;
    uint64_t failover_ms;
    bool tailrace;
    char request[24];
    char bell[24];
};

enum message_kind { APPLY, ANSWER, TIMEOUT };

struct message {
    uint64_t at;
    uint64_t order;
    enum message_kind kind;
    unsigned slot;
    unsigned number; /* of the worker then in the slot */
    uint64_t op;
    enum tr_lease_effect_kind what; /* SCAN, WRITE, READ */
    bool answered;                  /* APPLY: its answer goes out */
    /* The write. */
    enum tr_lease_write_kind write;
    unsigned key;
    unsigned expected_owner;
    uint64_t expected_counter;
    uint64_t counter;
    unsigned owner;
    uint64_t failover_ms;
    char seen[24]; /* the request as the asker saw it */
    uint64_t nonce;
    bool drops_request;
    bool has_position;
    uint64_t position;
    /* The answer. */
    enum tr_status status;
    struct row rows[KEYS];
};

struct worker {
    struct tr_lease_core *core;
    struct tr_lease_effects out;
    unsigned number; /* 0: nobody in this slot */
    int64_t drift;   /* parts per million */
    uint64_t offset;
    uint64_t failover_ms;
    uint64_t paused_until;
    uint64_t cut_until; /* its requests go nowhere */
    uint64_t starts_at; /* an empty slot gets a worker */
    bool stopping;
    bool handing[KEYS];
    struct {
        bool granted;
        uint64_t valid_until; /* its own clock */
        uint64_t position;
    } held[KEYS];
};

struct world {
    struct tr_random random;
    enum mutant mutant;
    uint64_t now;
    struct row rows[KEYS];
    struct row old[KEYS][4]; /* earlier versions, for stale scans */
    uint64_t done[KEYS];
    bool deleted[KEYS];
    uint64_t gone_since[KEYS];
    struct worker workers[SLOTS];
    unsigned next_number;
    struct message queue[QUEUE_MAX];
    size_t queued;
    uint64_t order;
    unsigned loss, late, doubled, refused, stale; /* per cent */
    bool no_all_old, no_all_new;
    uint64_t grants_in_peace;
    uint64_t next_fault;
    uint64_t next_work;
    uint64_t digest;
    char broken[128];
};

static char names[IDS_MAX][8];
static bool tracing; /* test_lease_race SEED prints that run */
static const char *const key_names[KEYS] = {"shard-a", "shard-b"};

#define TRACE(w, ...)                                                                              \
    do {                                                                                           \
        if (tracing) {                                                                             \
            print_message("%8.1f ", (double)(w)->now / (double)MS);                                \
            print_message(__VA_ARGS__);                                                            \
        }                                                                                          \
    } while (0)

static bool calm(const struct world *w)
{
    return w->now >= FAULTS_END;
}

static bool chance(struct world *w, unsigned percent)
{
    return tr_random_below(&w->random, 100) < percent;
}

static void broke(struct world *w, const char *what, unsigned key)
{
    if (w->broken[0] == '\0') {
        (void)snprintf(w->broken, sizeof w->broken, "%s, %s, at %llu ms", what, key_names[key],
                       (unsigned long long)(w->now / MS));
    }
}

static uint64_t local(const struct worker *me, uint64_t t)
{
    return me->offset + (uint64_t)((int64_t)t + (int64_t)t * me->drift / 1000000);
}

/* The first true time at which the worker's clock shows `at`. */
static uint64_t true_time(const struct worker *me, uint64_t at)
{
    uint64_t t;
    if (at == UINT64_MAX) {
        return at;
    }
    if (at <= me->offset) {
        return 0;
    }
    t = (uint64_t)((int64_t)(at - me->offset) * 1000 / (1000000 + me->drift) * 1000);
    t = t > 4000 ? t - 4000 : 0;
    while (local(me, t) < at) {
        t += 500;
    }
    return t;
}

static struct tr_position position_of(uint64_t number)
{
    struct tr_position position = TR_TRIM_HORIZON;
    char text[24];
    if (number > 0) {
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
        (void)!tr_position_parse(tr_bytes_of(text), &position, NULL);
    }
    return position;
}

static uint64_t number_of(const struct tr_position *position)
{
    uint64_t number = 0;
    (void)tr_bytes_u64((struct tr_bytes){position->digits, position->len}, UINT64_MAX, &number);
    return number;
}

static unsigned id_of(struct tr_bytes id)
{
    uint64_t number = 0;
    if (id.ptr != NULL) {
        (void)tr_bytes_u64((struct tr_bytes){id.ptr + 1, id.len - 1}, IDS_MAX, &number);
    }
    return (unsigned)number;
}

static unsigned key_of(struct tr_bytes key)
{
    return tr_bytes_is(key, key_names[0]) ? 0 : 1;
}

/* ---- the table ---- */

static void keep_old(struct world *w, unsigned key)
{
    size_t i;
    for (i = 3; i > 0; i--) {
        w->old[key][i] = w->old[key][i - 1];
    }
    w->old[key][0] = w->rows[key];
}

static bool condition_holds(const struct world *w, const struct message *m, const struct row *row)
{
    if (m->write == TR_LEASE_CREATE) {
        return !row->there;
    }
    if (!row->there || w->mutant == NO_CONDITION || m->write == TR_LEASE_RING) {
        return row->there;
    }
    if (m->write == TR_LEASE_REQUEST) {
        return row->owner == m->expected_owner && strcmp(row->request, m->seen) == 0;
    }
    return row->owner == m->expected_owner &&
           (w->mutant == OWNER_ONLY || row->counter == m->expected_counter);
}

static void carry_out(struct world *w, const struct message *m)
{
    struct row *row = &w->rows[m->key];
    keep_old(w, m->key);
    if (m->write == TR_LEASE_RING || m->write == TR_LEASE_REQUEST) {
        (void)snprintf(m->write == TR_LEASE_RING ? row->bell : row->request, sizeof row->bell,
                       "w%u %llu", m->number, (unsigned long long)m->nonce);
        return;
    }
    if (m->drops_request || m->write == TR_LEASE_TAKE) {
        row->request[0] = '\0';
    }
    if (m->write == TR_LEASE_CREATE) {
        *row = (struct row){.there = true};
    }
    row->counter = m->counter;
    if (m->write == TR_LEASE_CREATE || m->write == TR_LEASE_TAKE) {
        row->owner = m->owner;
        row->failover_of = m->owner;
        row->failover_ms = m->failover_ms;
        row->tailrace = m->owner != 0;
    }
    if (m->has_position) {
        if (m->position < row->position) {
            broke(w, "a checkpoint went back", m->key);
        }
        if (m->position > w->done[m->key]) {
            broke(w, "a checkpoint passed what was processed", m->key);
        }
        row->position = m->position;
    }
    if (m->write == TR_LEASE_RELEASE) {
        row->owner = 0;
    }
}

/* ---- the network ---- */

static void post(struct world *w, struct message m)
{
    assert_true(w->queued < QUEUE_MAX);
    m.order = w->order++;
    w->queue[w->queued++] = m;
}

static size_t next_message(const struct world *w)
{
    size_t i, best = w->queued;
    for (i = 0; i < w->queued; i++) {
        if (best == w->queued || w->queue[i].at < w->queue[best].at ||
            (w->queue[i].at == w->queue[best].at && w->queue[i].order < w->queue[best].order)) {
            best = i;
        }
    }
    return best;
}

static uint64_t delay(struct world *w)
{
    uint64_t most = !calm(w) && chance(w, 10) ? 400 : 5;
    return MS / 2 + tr_random_below(&w->random, most * MS);
}

static void reach_table(struct world *w, struct message *m)
{
    struct row *row = &w->rows[m->key];
    bool stale = !calm(w);
    unsigned key;
    m->status = TR_OK;
    if (m->what == TR_LEASE_FX_WRITE && !condition_holds(w, m, row)) {
        m->status = TR_ECONDITION;
    } else if (m->what == TR_LEASE_FX_WRITE) {
        carry_out(w, m);
    }
    if (m->what == TR_LEASE_FX_WRITE) {
        TRACE(w, "table: w%u write %d %s w%u/%llu -> %llu at %llu: %s; now w%u/%llu\n", m->number,
              (int)m->write, key_names[m->key], m->expected_owner,
              (unsigned long long)m->expected_counter, (unsigned long long)m->counter,
              (unsigned long long)m->position, tr_status_text(m->status), row->owner,
              (unsigned long long)row->counter);
    }
    for (key = 0; key < KEYS; key++) {
        bool back = m->what == TR_LEASE_FX_SCAN && stale && chance(w, w->stale);
        struct row *old = &w->old[key][tr_random_below(&w->random, 4)];
        m->rows[key] = back && old->there ? *old : w->rows[key];
    }
    if (m->answered) {
        m->kind = ANSWER;
        m->at = w->now + delay(w);
        post(w, *m);
    }
}

/* One request of a worker, with what happens to it on its way. A doubled one is what libcurl does
 * when a connection closes: the answer is that of the second. */
static void send(struct world *w, struct message m, uint64_t timeout_ms)
{
    struct worker *me = &w->workers[m.slot];
    bool rough = !calm(w);
    struct message timeout = m;
    timeout.kind = TIMEOUT;
    timeout.at = true_time(me, local(me, w->now) + timeout_ms * MS);
    timeout.status = TR_ETIMEOUT;
    post(w, timeout);
    if (rough && chance(w, w->refused)) {
        m.kind = ANSWER;
        m.status = TR_ETHROTTLED;
        m.at = w->now + delay(w);
        post(w, m);
        return;
    }
    if (rough && (me->cut_until > w->now || chance(w, w->loss))) {
        return;
    }
    m.kind = APPLY;
    m.at = w->now + delay(w);
    if (rough && chance(w, w->doubled)) {
        m.answered = false;
        post(w, m);
        m.at += delay(w) + tr_random_below(&w->random, 200 * MS);
    } else if (rough && chance(w, w->late)) {
        m.at += tr_random_below(&w->random, 8000 * MS);
    }
    m.answered = !(rough && chance(w, w->loss));
    post(w, m);
}

/* ---- workers ---- */

static bool valid(const struct world *w, const struct worker *me, unsigned key)
{
    return me->number != 0 && me->held[key].granted &&
           local(me, w->now) < me->held[key].valid_until;
}

/* The one rule: called whenever somebody's validity begins or grows. */
static void check_alone(struct world *w, const struct worker *me, unsigned key)
{
    size_t i;
    for (i = 0; i < SLOTS && valid(w, me, key); i++) {
        if (&w->workers[i] != me && valid(w, &w->workers[i], key)) {
            broke(w, "two workers are valid", key);
        }
    }
}

static struct message request(struct world *w, unsigned slot, const struct tr_lease_effect *fx)
{
    const struct tr_lease_write *write = &fx->write;
    struct message m = {.slot = slot, .number = w->workers[slot].number};
    m.op = fx->op;
    m.what = fx->kind;
    m.key = fx->kind == TR_LEASE_FX_SCAN ? 0 : key_of(fx->key);
    if (fx->kind == TR_LEASE_FX_WRITE) {
        m.write = write->kind;
        m.expected_owner = id_of(write->expected_owner);
        m.expected_counter = write->expected_counter;
        m.counter = write->counter;
        m.owner = id_of(write->owner);
        m.failover_ms = write->failover_ms;
        m.nonce = write->nonce;
        m.drops_request = write->drops_request;
        (void)snprintf(m.seen, sizeof m.seen, "%.*s",
                       write->request.ptr != NULL ? (int)write->request.len : 0,
                       write->request.ptr != NULL ? write->request.ptr : "");
        m.has_position = write->has_position;
        m.position = number_of(&write->position);
        if (w->mutant == FRESH_COUNTER && write->kind == TR_LEASE_TAKE) {
            m.expected_counter = w->rows[m.key].counter;
            m.counter = m.expected_counter + 1;
        }
    }
    return m;
}

static void set_valid(struct world *w, struct worker *me, unsigned key, uint64_t until)
{
    uint64_t now = local(me, w->now);
    bool shrinks = until <= now;
    if (shrinks && w->mutant == RELEASE_KEEPS_VALIDITY) {
        return;
    }
    if (!shrinks && w->mutant == VALID_FROM_RECEIPT) {
        until = now + me->failover_ms * MS * 95 / 100;
    }
    if (!shrinks && w->mutant == VALID_WHOLE_FAILOVER) {
        until += me->failover_ms * MS * 5 / 100;
    }
    me->held[key].valid_until = until;
    check_alone(w, me, key);
}

static void do_effect(struct world *w, unsigned slot, const struct tr_lease_effect *fx)
{
    struct worker *me = &w->workers[slot];
    unsigned key = fx->key.ptr != NULL ? key_of(fx->key) : 0;
    w->digest =
        (w->digest ^ (w->now + fx->kind * 31u + fx->op + fx->write.counter)) * 1099511628211u;
    TRACE(w, "w%u: effect %d %.*s, op %llu, write %d -> %llu, valid for %lld ms\n", me->number,
          (int)fx->kind, TR_FMT(fx->key), (unsigned long long)fx->op, (int)fx->write.kind,
          (unsigned long long)fx->write.counter,
          (long long)(fx->valid_until.ns - local(me, w->now)) / (long long)MS);
    switch (fx->kind) {
    case TR_LEASE_FX_SCAN:
    case TR_LEASE_FX_WRITE:
    case TR_LEASE_FX_READ:
    case TR_LEASE_FX_GLANCE:
        send(w, request(w, slot, fx), fx->timeout_ms);
        break;
    case TR_LEASE_FX_HAND_OVER:
        me->handing[key] = true; /* given up a little later */
        break;
    case TR_LEASE_FX_GRANTED:
        me->held[key].granted = true;
        me->held[key].position = number_of(&fx->row.checkpoint);
        w->grants_in_peace += w->now >= CALM_END;
        set_valid(w, me, key, fx->valid_until.ns);
        break;
    case TR_LEASE_FX_VALID:
        set_valid(w, me, key, fx->valid_until.ns);
        break;
    case TR_LEASE_FX_LOST:
    case TR_LEASE_FX_RELEASED:
        me->held[key].granted = false;
        break;
    case TR_LEASE_FX_STORED:
    case TR_LEASE_FX_GONE:
    case TR_LEASE_FX_ROW:
    case TR_LEASE_FX_NOTE:
        break;
    }
}

static void step(struct world *w, unsigned slot, struct tr_lease_event ev)
{
    struct worker *me = &w->workers[slot];
    size_t i;
    ev.now.ns = local(me, w->now);
    ev.service.ms = (int64_t)(1700000000000u + w->now / MS);
    tr_assert_status(tr_lease_core_step(me->core, &ev, &me->out), TR_OK, NULL);
    for (i = 0; i < me->out.count; i++) {
        do_effect(w, slot, &me->out.items[i]);
    }
}

static void step_key(struct world *w, unsigned slot, enum tr_lease_event_kind kind, unsigned key)
{
    step(w, slot, (struct tr_lease_event){.kind = kind, .key = tr_bytes_of(key_names[key])});
}

static void start_worker(struct world *w, unsigned slot)
{
    struct worker *me = &w->workers[slot];
    struct tr_lease_options options = {
        .seed = tr_random_u64(&w->random), .leases_max = 8, .writes_max = chance(w, 30) ? 1 : 4};
    struct tr_lease_effects out = me->out;
    if (w->next_number == IDS_MAX) {
        me->starts_at = UINT64_MAX;
        return;
    }
    *me = (struct worker){.number = w->next_number++, .out = out};
    me->drift = chance(w, 50) ? 10000 : -10000;
    me->offset = (1 + tr_random_below(&w->random, 100)) * 1000 * MS;
    me->failover_ms = 1000 + 1000 * tr_random_below(&w->random, 2);
    options.failover_ms = me->failover_ms;
    options.worker_id = tr_bytes_of(names[me->number]);
    tr_assert_status(tr_lease_core_new(&options, (struct tr_mono){local(me, w->now)}, &me->core),
                     TR_OK, NULL);
}

/* Gone without a word; what it has sent is still on its way. */
static void end_worker(struct world *w, unsigned slot)
{
    struct worker *me = &w->workers[slot];
    tr_lease_core_free(me->core);
    me->core = NULL;
    me->number = 0;
    me->starts_at = w->now + tr_random_below(&w->random, 1500 * MS);
}

static struct tr_lease_row shown(const struct world *w, const struct row *row, unsigned key)
{
    struct tr_lease_row out = {.key = tr_bytes_of(key_names[key]),
                               .counter = row->counter,
                               .checkpoint = position_of(row->position)};
    if (row->owner != 0) {
        out.owner = tr_bytes_of(names[row->owner]);
        out.failover_ms =
            row->failover_of == row->owner && w->mutant != OWN_FAILOVER_ONLY ? row->failover_ms : 0;
        out.tailrace = row->failover_of == row->owner;
    }
    if (row->request[0] != '\0') {
        out.request = tr_bytes_of(row->request);
    }
    if (row->bell[0] != '\0') {
        out.bell = tr_bytes_of(row->bell);
    }
    return out;
}

static void deliver_scan(struct world *w, const struct message *m)
{
    struct tr_lease_row rows[KEYS];
    struct tr_lease_event ev = {.kind = TR_LEASE_EV_SCANNED, .op = m->op, .rows = rows};
    unsigned key;
    if (m->status != TR_OK) {
        ev.kind = TR_LEASE_EV_SCAN_FAILED;
        ev.status = m->status;
    }
    for (key = 0; key < KEYS; key++) {
        if (m->rows[key].there) {
            rows[ev.row_count++] = shown(w, &m->rows[key], key);
        }
    }
    step(w, m->slot, ev);
    for (key = 0; key < KEYS && !w->workers[m->slot].stopping; key++) {
        if (chance(w, 80)) {
            step_key(w, m->slot, TR_LEASE_EV_READY, key);
        }
    }
}

static void mutate_answer(const struct world *w, const struct message *m, struct tr_lease_event *ev,
                          struct tr_lease_row *row)
{
    bool mine = ev->row_count > 0 && tr_bytes_is(row->owner, names[m->number]);
    if (w->mutant == FAILED_EXTENDS && ev->status == TR_ECONDITION && mine &&
        row->counter == m->counter) {
        ev->status = TR_OK;
    }
    if (w->mutant == SILENCE_IS_SUCCESS && ev->status == TR_ETIMEOUT &&
        (m->write == TR_LEASE_RENEW || m->write == TR_LEASE_CHECKPOINT)) {
        ev->status = TR_OK;
        ev->row_count = 0;
    }
}

static void deliver_write(struct world *w, const struct message *m)
{
    struct tr_lease_row row = shown(w, &m->rows[m->key], m->key);
    struct tr_lease_event ev = {.kind = TR_LEASE_EV_WRITTEN,
                                .op = m->op,
                                .status = m->status,
                                .may_have_happened = m->status == TR_ETIMEOUT,
                                .rows = &row};
    if (m->status == TR_OK) {
        ev.row_count = m->write != TR_LEASE_CREATE && !w->no_all_new;
    } else if (m->status == TR_ECONDITION) {
        ev.row_count = m->rows[m->key].there && !w->no_all_old;
    }
    mutate_answer(w, m, &ev, &row);
    TRACE(w, "w%u: answer to op %llu: %s%s\n", m->number, (unsigned long long)m->op,
          tr_status_text(ev.status), ev.row_count > 0 ? ", with the row" : "");
    step(w, m->slot, ev);
}

static void deliver_read(struct world *w, const struct message *m)
{
    struct tr_lease_row row = shown(w, &m->rows[m->key], m->key);
    struct tr_lease_event ev = {
        .kind = TR_LEASE_EV_READ, .op = m->op, .status = m->status, .rows = &row};
    if (m->status == TR_OK) {
        ev.row_count = m->rows[m->key].there;
        ev.status = ev.row_count > 0 ? TR_OK : TR_ENOTFOUND;
    }
    step(w, m->slot, ev);
}

static void deliver(struct world *w, struct message *m)
{
    struct worker *me = &w->workers[m->slot];
    if (me->number != m->number) {
        return;
    }
    if (me->paused_until > w->now) {
        m->at = me->paused_until;
        post(w, *m);
        return;
    }
    if (m->what == TR_LEASE_FX_SCAN) {
        deliver_scan(w, m);
    } else if (m->what == TR_LEASE_FX_WRITE) {
        deliver_write(w, m);
    } else {
        deliver_read(w, m);
    }
}

/* ---- what else happens ---- */

/* The processors: each valid worker goes on and sometimes checkpoints. */
static void work(struct world *w)
{
    unsigned slot, key;
    for (slot = 0; slot < SLOTS; slot++) {
        struct worker *me = &w->workers[slot];
        for (key = 0; key < KEYS && me->number != 0 && me->paused_until <= w->now; key++) {
            if (me->handing[key]) {
                me->handing[key] = false;
                step_key(w, slot, TR_LEASE_EV_GIVE_UP, key);
                continue;
            }
            if (!valid(w, me, key)) {
                continue;
            }
            me->held[key].position++;
            if (me->held[key].position > w->done[key]) {
                w->done[key] = me->held[key].position;
            }
            if (chance(w, 20)) {
                step(w, slot,
                     (struct tr_lease_event){.kind = TR_LEASE_EV_CHECKPOINT,
                                             .key = tr_bytes_of(key_names[key]),
                                             .position = position_of(me->held[key].position)});
            }
        }
    }
    w->next_work = w->now + (20 + tr_random_below(&w->random, 200)) * MS;
}

static void stop_worker(struct world *w, unsigned slot)
{
    unsigned key;
    w->workers[slot].stopping = true;
    step(w, slot, (struct tr_lease_event){.kind = TR_LEASE_EV_STOP});
    for (key = 0; key < KEYS; key++) {
        step_key(w, slot, TR_LEASE_EV_GIVE_UP, key);
    }
}

/* An owner that is well loses its row, and nobody else makes one before it. Once a run: a former
 * owner that waits to make the row again cannot tell a second deletion from the first. */
static void delete_row(struct world *w, unsigned key)
{
    w->deleted[key] = true;
    w->rows[key].there = false;
    w->gone_since[key] = w->now;
    memset(w->old[key], 0, sizeof w->old[key]);
}

static void fault(struct world *w)
{
    unsigned slot = (unsigned)tr_random_below(&w->random, SLOTS);
    unsigned key = (unsigned)tr_random_below(&w->random, KEYS);
    struct worker *me = &w->workers[slot];
    w->next_fault = w->now + (200 + tr_random_below(&w->random, 3000)) * MS;
    if (me->number == 0 || me->paused_until > w->now) {
        return;
    }
    switch (tr_random_below(&w->random, 8)) {
    case 0:
        end_worker(w, slot);
        break;
    case 1:
        stop_worker(w, slot);
        break;
    case 2:
        if (!w->deleted[key] && valid(w, me, key) && w->rows[key].owner == me->number) {
            delete_row(w, key);
        }
        break;
    case 3:
        step_key(w, slot, TR_LEASE_EV_GIVE_UP, key);
        break;
    case 4:
    case 5:
        me->cut_until = w->now + tr_random_below(&w->random, 4000 * MS);
        break;
    default:
        me->paused_until = w->now + tr_random_below(&w->random, 4000 * MS);
        break;
    }
}

/* What nobody owns for long, because its owner died without its row, a worker makes. */
static void make_missing(struct world *w)
{
    unsigned slot, key;
    for (key = 0; key < KEYS; key++) {
        struct tr_lease_write create = {.kind = TR_LEASE_CREATE,
                                        .key = tr_bytes_of(key_names[key]),
                                        .position = position_of(0)};
        if (w->rows[key].there || w->now < w->gone_since[key] + 5000 * MS) {
            continue;
        }
        for (slot = 0; slot < SLOTS; slot++) {
            if (w->workers[slot].number != 0 && !w->workers[slot].stopping &&
                w->workers[slot].paused_until <= w->now) {
                step(w, slot,
                     (struct tr_lease_event){.kind = TR_LEASE_EV_CREATE, .create = &create});
                break;
            }
        }
        w->gone_since[key] = w->now;
    }
}

static void staff(struct world *w)
{
    unsigned slot;
    for (slot = 0; slot < SLOTS; slot++) {
        struct worker *me = &w->workers[slot];
        if (me->number != 0 && me->stopping && tr_lease_core_in_flight(me->core) == 0 &&
            tr_lease_core_deadline(me->core).ns > local(me, w->now) + 1000 * MS) {
            end_worker(w, slot);
        }
        if (me->number == 0 && me->starts_at <= w->now) {
            start_worker(w, slot);
        }
    }
}

/* ---- a run ---- */

static uint64_t next_time(const struct world *w)
{
    uint64_t at = w->next_work < w->next_fault || calm(w) ? w->next_work : w->next_fault;
    size_t i, head = next_message(w);
    if (head < w->queued && w->queue[head].at < at) {
        at = w->queue[head].at;
    }
    for (i = 0; i < SLOTS; i++) {
        const struct worker *me = &w->workers[i];
        uint64_t due =
            me->number == 0 ? me->starts_at : true_time(me, tr_lease_core_deadline(me->core).ns);
        due = me->number != 0 && due < me->paused_until ? me->paused_until : due;
        at = due < at ? due : at;
    }
    return at > w->now ? at : w->now;
}

static void run_messages(struct world *w)
{
    size_t head = next_message(w);
    while (head < w->queued && w->queue[head].at <= w->now) {
        struct message m = w->queue[head];
        w->queue[head] = w->queue[--w->queued];
        if (m.kind == APPLY) {
            reach_table(w, &m);
        } else {
            deliver(w, &m);
        }
        head = next_message(w);
    }
}

static void run_timers(struct world *w)
{
    unsigned slot;
    for (slot = 0; slot < SLOTS; slot++) {
        struct worker *me = &w->workers[slot];
        if (me->number != 0 && me->paused_until <= w->now &&
            tr_lease_core_deadline(me->core).ns <= local(me, w->now)) {
            step(w, slot, (struct tr_lease_event){.kind = TR_LEASE_EV_TICK});
        }
    }
}

static void check_held(struct world *w, const char *what)
{
    unsigned key, slot, holders;
    for (key = 0; key < KEYS; key++) {
        holders = 0;
        for (slot = 0; slot < SLOTS; slot++) {
            holders += valid(w, &w->workers[slot], key);
        }
        if (holders != 1) {
            broke(w, what, key);
        }
    }
}

static void run(struct world *w, uint64_t seed, enum mutant mutant)
{
    static const unsigned rates[] = {0, 5, 20, 40};
    bool looked = false;
    unsigned i;
    memset(w, 0, sizeof *w);
    tr_random_init(&w->random, seed);
    w->mutant = mutant;
    w->next_number = 1;
    w->now = MS;
    w->loss = rates[tr_random_below(&w->random, 4)];
    w->late = rates[tr_random_below(&w->random, 3)];
    w->doubled = rates[tr_random_below(&w->random, 3)];
    w->refused = rates[tr_random_below(&w->random, 3)];
    w->stale = rates[tr_random_below(&w->random, 4)];
    w->no_all_old = chance(w, 25);
    w->no_all_new = chance(w, 10);
    w->rows[0] = (struct row){.there = true, .counter = 3};
    w->rows[1] = (struct row){.there = true, .counter = 9};
    for (i = 0; i < SLOTS; i++) {
        w->workers[i].starts_at = tr_random_below(&w->random, 500 * MS);
    }
    while (w->now < RUN_END && w->broken[0] == '\0') {
        staff(w);
        run_messages(w);
        run_timers(w);
        if (w->now >= w->next_work) {
            work(w);
            make_missing(w);
        }
        if (!calm(w) && w->now >= w->next_fault) {
            fault(w);
        }
        if (!looked && w->now >= CALM_END) {
            check_held(w, "not held by just one");
            looked = true;
        }
        w->now = next_time(w);
    }
    if (w->broken[0] == '\0') {
        check_held(w, "not kept by just one");
    }
    if (w->broken[0] == '\0' && w->grants_in_peace > 0) {
        broke(w, "leases move without a reason", 0);
    }
    for (i = 0; i < SLOTS; i++) {
        tr_lease_core_free(w->workers[i].core);
        tr_lease_effects_deinit(&w->workers[i].out);
    }
}

/* ---- the tests ---- */

/* Sanitizers look at memory, for which fewer runs do; whether the checks bite they need not ask. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SEEDS 300
#define MUTANT_FIRST NO_CONDITION
#define MUTANT_LAST FRESH_COUNTER
#else
#define SEEDS 1500
#define MUTANT_FIRST VALID_FROM_RECEIPT
#define MUTANT_LAST RELEASE_KEEPS_VALIDITY
#endif
#define MUTANT_SEEDS 30000

static struct world world;

static void test_race__never_are_two_workers_valid_and_all_comes_to_rest(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 1; seed <= SEEDS; seed++) {
        run(&world, seed, NONE);
        if (world.broken[0] != '\0') {
            fail_msg("seed %llu: %s", (unsigned long long)seed, world.broken);
        }
    }
}

static void test_race__the_same_seed_gives_the_same_run(void **state)
{
    uint64_t seed, digest;
    (void)state;
    for (seed = 1; seed <= 20; seed++) {
        run(&world, seed, NONE);
        digest = world.digest;
        run(&world, seed, NONE);
        assert_true(digest == world.digest);
    }
}

static void test_race__every_broken_rule_is_caught(void **state)
{
    unsigned mutant;
    (void)state;
    for (mutant = MUTANT_FIRST; mutant <= MUTANT_LAST; mutant++) {
        uint64_t seed;
        for (seed = 1; seed <= MUTANT_SEEDS; seed++) {
            run(&world, seed, (enum mutant)mutant);
            if (world.broken[0] != '\0') {
                break;
            }
        }
        if (seed > MUTANT_SEEDS) {
            fail_msg("'%s' survives %d seeds", mutant_names[mutant], MUTANT_SEEDS);
        }
        print_message("%-26s seed %4llu: %s\n", mutant_names[mutant], (unsigned long long)seed,
                      world.broken);
    }
}

/* One seed, printed; or the seeds from that one up to `last`, silently. */
static int replay(uint64_t seed, const char *last)
{
    uint64_t end = seed;
    tracing = last == NULL;
    if (last != NULL && !tr_bytes_u64(tr_bytes_of(last), UINT64_MAX, &end)) {
        return 2;
    }
    for (; seed <= end; seed++) {
        run(&world, seed, NONE);
        if (world.broken[0] != '\0') {
            print_message("seed %llu: %s\n", (unsigned long long)seed, world.broken);
            return 1;
        }
    }
    print_message("all is well\n");
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_race__never_are_two_workers_valid_and_all_comes_to_rest),
        cmocka_unit_test(test_race__the_same_seed_gives_the_same_run),
        cmocka_unit_test(test_race__every_broken_rule_is_caught),
    };
    uint64_t seed;
    unsigned i;
    for (i = 0; i < IDS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "w%u", i);
    }
    if (argc > 1 && tr_bytes_u64(tr_bytes_of(argv[1]), UINT64_MAX, &seed)) {
        return replay(seed, argc > 2 ? argv[2] : NULL);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
