/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the judge, shared by its files: judge.c (names, workers, verdicts), judge_number.c
 * (sequence numbers), judge_shards.c (lineage, trimming), judge_records.c (what was written, handed
 * out, done), judge_rows.c (lease rows and who holds them), judge_calls.c (budgets, readers),
 * judge_calm.c (what must come about after the faults). Nobody else includes it. */
#ifndef TR_TESTS_SIM_JUDGE_PARTS_H
#define TR_TESTS_SIM_JUDGE_PARTS_H

#include "base/bytes.h"
#include "tests/sim/judge.h"

#define NEVER UINT64_MAX
#define NOBODY SIZE_MAX
#define STRANGER (SIZE_MAX - 1) /* an owner that is no worker we know */
#define PARENTS_MAX 2u
#define READS_KEPT 16u
#define DESCRIBES_KEPT 16u
/* Who waits does so by a clock of its own, which may run two per cent fast. */
#define TAKE_PERCENT 97u

/* A decimal number of up to 54 digits. */
struct number {
    uint64_t part[3]; /* of 18 digits each, the highest first */
};
bool judge_number_parse(struct tr_bytes text, struct number *out);
int judge_number_cmp(const struct number *a, const struct number *b);

/* Strings that have a small number. */
struct names {
    char **names; /* owned, each */
    size_t count, cap;
    uint32_t *slots; /* owned: 1 + number, 0: free */
    size_t slot_count;
};
void judge_names_deinit(struct names *names);
size_t judge_names_find(const struct names *names, struct tr_bytes name); /* NOBODY: none */
size_t judge_names_add(struct names *names, struct tr_bytes name);

struct record {
    struct number number;
    uint64_t at;
    uint64_t version;
    uint32_t key;
    bool done;
    bool unwatched;      /* trimmed unread while nobody ran */
    bool early;          /* trimmed before its time, and before a checkpoint was written there */
    bool swept;          /* so, and nothing was left of the shard then */
    uint64_t trimmed_at; /* 0: not trimmed */
};

enum place_kind {
    PLACE_BAD,
    PLACE_TIMESTAMP,
    PLACE_HORIZON,
    PLACE_LATEST,
    PLACE_NUMBER,
    PLACE_END
};

/* A checkpoint as a row holds it. */
struct place {
    enum place_kind kind;
    struct number number;
};

struct row {
    bool there;
    bool bad;     /* not a lease row as it should be */
    bool alone;   /* made without its parents' rows */
    size_t owner; /* a worker, NOBODY, STRANGER */
    uint64_t counter;
    struct place checkpoint;
    uint64_t counted; /* a sum over the attributes that only a counted write may change */
    uint64_t kept;    /* a sum over those that no write may change */
    uint64_t start;   /* the fleet's start that it tells, ms since 1970; 0: none */
    uint64_t run;     /* a sum over which process of its owner's id took it; 0: not told */
};

enum hold_state { HOLDING, RELEASED, TAKEN };

/* One worker's latest tenure of a shard. Places in the shard are record indexes. */
struct hold {
    size_t worker;
    enum hold_state state;
    uint64_t since;      /* the take was carried out */
    uint64_t valid_from; /* the latest write of the tenure was sent */
    uint64_t ended;
    size_t taker;
    struct place left;  /* taken: what the row held then */
    bool began;         /* a batch was handed out */
    size_t start;       /* the first record behind the checkpoint of the take */
    size_t batch_first; /* of the latest batch */
    size_t batch_end;
    size_t done_to; /* records before are done, by this tenure too */
    unsigned stray_reads;
    bool noticed;      /* the worker says that it has lost it */
    uint64_t expected; /* of any tenure: the highest counter that a write of the owner met */
};

/* Records from..to (to excluded) that a gap event says are missing. */
struct gap {
    size_t from;
    size_t to;
};

struct shard {
    const char *name; /* of names */
    size_t parents[PARENTS_MAX];
    size_t parent_count;
    size_t *children; /* owned */
    size_t child_count, child_cap;
    size_t *asked_by; /* owned: workers that were answered which children it has */
    size_t asked_count, asked_cap;
    size_t *shown_to; /* owned: ... and whose first answer with any child of its parent showed it */
    size_t shown_count, shown_cap;
    size_t stream; /* of stream_names: the later, the newer */
    uint64_t born;
    bool began_alone; /* its row was made without its parents' */
    bool dated;       /* its row told the fleet's start */
    bool closed;
    bool gone;         /* no longer in the service */
    bool lost_told;    /* a gap up to its end was reported */
    bool complete;     /* closed, everything done or gone, and so its ancestors */
    bool parents_done; /* all ancestors are complete */

    struct record *records; /* owned; in the order of the stream */
    size_t record_count, record_cap;
    size_t trimmed_to; /* records before are gone */
    size_t free_to;    /* records before may be skipped */
    size_t settled;    /* records before are done, gone or free */
    size_t looked;     /* where the last record was found */
    struct gap *gaps;  /* owned */
    size_t gap_count, gap_cap;

    struct row row;
    struct row sound;   /* the last one that was not bad */
    uint64_t sound_at;  /* changed_at of that */
    struct hold *holds; /* owned; one a worker */
    size_t hold_count, hold_cap;
    size_t last_owner;
    uint64_t changed_at;  /* owner or counter */
    uint64_t counter_max; /* of all rows it had */
    bool moved;           /* somebody outside moved the counter, and nobody has written since */
    bool ended;           /* its row was at SHARD_END */
    uint64_t ended_at;    /* ... since then */
    bool deleted;         /* a worker deleted its row */
    uint64_t vanished_at; /* somebody outside deleted its row; 0: nobody did */
    bool kcl_held;        /* by a KCL-like worker some time: it tells no gaps */
    bool listed;          /* among the active ones */

    /* Calls. */
    size_t reader;
    uint64_t reads[READS_KEPT]; /* when the latest were sent */
    size_t read_next;
    uint64_t read_at;    /* last sign of being read */
    uint64_t fetch_sent; /* the last GetRecords that was answered well */

    /* Calm. */
    uint64_t ready_at;   /* first seen to be readable; 0: not yet */
    uint64_t settled_at; /* first seen closed and settled; 0: not yet */
    uint64_t changes;
    uint64_t released_at; /* by a worker that stops, and not taken yet; 0: no */
};

struct worker {
    const char *id; /* of ids */
    bool known, kcl, alive, paused, stopping;
    uint64_t hour, reads, writes; /* tenths in that hour */
    uint64_t second, calls;       /* calls in that second */
    unsigned busy_seconds;
    uint64_t described[DESCRIBES_KEPT]; /* when the latest DescribeStream were sent */
    size_t describe_next;
    uint64_t failover_ms;
};

/* An item of the table: where its versions 1.. lie. */
struct version {
    uint32_t shard;
    uint32_t record;
};
struct item {
    struct version *versions; /* owned */
    size_t count, cap;
    size_t settled; /* versions before are done or gone */
};

struct judge {
    struct judge_options options;
    bool is_wrong;
    struct names shard_names;
    struct names stream_names;
    struct shard **shards; /* owned */
    size_t shard_count, shard_cap;
    size_t *active; /* owned: shards that are not ended yet */
    size_t active_count, active_cap;
    struct names ids;
    size_t *id_worker; /* owned: the worker of an id */
    size_t id_cap;
    struct worker *workers; /* owned */
    size_t worker_count, worker_cap;
    size_t live, live_kcl;
    size_t kcl_count;   /* of KCL-like workers that ever ran */
    struct item *items; /* owned */
    size_t item_count, item_cap;
    bool any_row;
    uint64_t any_row_at; /* ... since then */
    uint64_t start; /* the earliest that a row has told, in the world's time; NEVER: none has */
    uint64_t repeats;
    uint64_t *faults;          /* owned: when they were, in order */
    uint64_t listing_fault_at; /* the newest one that leaves shards out; 0: none */
    size_t fault_count, fault_cap;
    uint64_t minute, describes;
    bool calm;
    uint64_t calm_at;
    size_t calm_workers;
    uint64_t unbalanced_at; /* 0: balanced */
    size_t *counts;         /* owned: leases of each worker, in check_balance */
    size_t count_cap;
};

/* The run is wrong; the first verdict counts. */
void judge_fail(struct judge *judge, const char *check, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Make room; there is always memory. */
void judge_room(void *array, size_t *cap, size_t want, size_t size);
struct worker *judge_worker_of(struct judge *judge, size_t worker);
const char *judge_worker_id(const struct judge *judge, size_t worker);
bool judge_is_kcl(const struct judge *judge, size_t worker);
uint64_t judge_failover_of(const struct judge *judge, size_t worker);
/* NULL: no such shard. */
struct shard *judge_shard_of(const struct judge *judge, struct tr_bytes name);

/* judge_shards.c: whether all of a shard and of its ancestors is done or gone. */
bool judge_complete(struct judge *judge, struct shard *shard);
bool judge_parents_done(struct judge *judge, struct shard *shard);
/* Whether a worker was answered which children the shard has; whether the first such answer with
 * any child showed this one. */
bool judge_was_asked(const struct shard *shard, size_t worker);
bool judge_was_shown(const struct shard *child, size_t worker);
/* The fleet starts at that stream (SIZE_MAX: none of them, but the present time): what was written
 * to older ones may be skipped. */
void judge_free_before(struct judge *judge, size_t stream);

/* judge_records.c */
void judge_settle(struct shard *shard);
/* How many records have a number up to this one (not above). */
size_t judge_records_upto(const struct shard *shard, const struct number *number);
/* The first record behind a place. */
size_t judge_behind(const struct shard *shard, const struct place *place);
/* The checkpoint that counts: of a row that is spoilt, the one that it had and will have again. */
const struct place *judge_stored(const struct shard *shard, const struct row *row);
bool judge_is_settled(const struct shard *shard, size_t record);
/* A sequence number of a record for messages. */
const char *judge_number_text(const struct number *number, char *out, size_t cap);

/* judge_rows.c */
struct hold *judge_hold(struct shard *shard, size_t worker);

/* judge_calm.c: the time from which leases must stand still; NEVER before calm. */
uint64_t judge_steady_at(const struct judge *judge);
void judge_disturbed(struct judge *judge, uint64_t at);

#endif
