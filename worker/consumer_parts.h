/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a consumer, shared by its files: consumer_out_core.c (effects, notes, calls),
 * consumer_core.c (start-up, dispatch, end), consumer_table_core.c (states of the lease table),
 * consumer_leases_core.c (leases and shard graph),
 * consumer_listing_core.c (listings), consumer_streams_core.c (the table's streams),
 * consumer_shards_core.c (held leases: reading), consumer_batches_core.c (processing, checkpoints,
 * ends), consumer_gap_core.c (records that are missing), consumer_start_core.c (the fleet's first
 * start). Nobody else includes it. */
#ifndef TR_WORKER_CONSUMER_PARTS_H
#define TR_WORKER_CONSUMER_PARTS_H

#include "base/map.h"
#include "checkpoint/tracker.h"
#include "lease/lease_core.h"
#include "stream/shard_graph.h"
#include "worker/consumer_core.h"
#include "worker/reader_core.h"

/* Pages of one lease that are fetched and not processed: one being processed, one behind it. */
#define PAGES_PER_LEASE 2u
#define SHARDS_MAX 100000u
#define LEASE_WRITES_MAX 64u
#define BATCHES_OUT_MAX 64u
#define DESCRIBES_A_SECOND 10u

/* What an op id of a call is for; the op id is kind, slot, generation and a running number. */
enum op_kind {
    OP_TABLE,       /* DescribeTable of the table whose stream is followed */
    OP_LEASE_TABLE, /* DescribeTable of the lease table */
    OP_CREATE_TABLE,
    OP_LIST,     /* DescribeStream, next page of the listing */
    OP_STREAMS,  /* ListStreams of the table, next page */
    OP_CHILDREN, /* DescribeStream with CHILD_SHARDS: a running number */
    OP_SCAN,     /* Scan, next page */
    OP_WRITE,    /* a write of the lease core: its op */
    OP_READ,     /* a consistent read of the lease core: its op */
    OP_FLEET,    /* GetItem of KCL 3's state of its fleet */
    OP_ITERATOR, /* reader's op, slot */
    OP_RECORDS,  /* reader's op, slot */
    OP_SLICE,    /* slot */
    OP_PROCESS,  /* slot */
    OP_AHEAD,    /* GetShardIterator ahead of the lease: a running number */
};

enum phase {
    PHASE_STREAM,       /* finding the stream */
    PHASE_LEASE_TABLE,  /* looking for the lease table */
    PHASE_CREATE_TABLE, /* making it */
    PHASE_WAIT_TABLE,   /* waiting until it is active */
    PHASE_RUN,
    PHASE_STOP, /* releasing */
    PHASE_DONE,
};

struct page_in_hand {
    struct tr_page *page; /* owned */
    size_t next;          /* the first record not processed yet */
};

/* A lease that is held, with all that reads it. */
struct slot {
    uint32_t index;
    uint8_t generation;
    bool held;      /* false: only waits for what is lent out to come back */
    bool stuck;     /* will not be finished by this run */
    bool gapped;    /* on_gap: stop: what is in hand lies before a gap, and nothing else is read */
    bool releasing; /* GIVE_UP was sent */
    bool handing;   /* another worker gets it: no batch and no page is begun */
    struct tr_mono due; /* when it is looked at next; ns 0: touched, in this step */
    size_t due_place;   /* in the heap */
    char *key;          /* owned */
    struct tr_mono valid_until;
    struct tr_reader reader;
    struct tr_tracker tracker;
    struct tr_position asked; /* the checkpoint last asked for */
    bool has_asked;
    struct tr_position handed; /* the last record handed out, or passed over */
    int64_t fetched_ms;        /* when the last record fetched was written; 0: not known */
    bool has_start;            /* records older than start_ms are not asked for */
    bool passing;              /* and are passed over: none newer has come yet */
    int64_t start_ms;
    uint64_t passed; /* records passed over */
    struct page_in_hand pages[PAGES_PER_LEASE];
    size_t page_count;
    struct tr_page *slicing; /* owned; lent to the slicing thread */
    uint64_t reader_op;      /* of the page being sliced */
    bool processing;         /* a batch is lent to the pool */
    struct tr_page *processing_page;
    size_t batch_first;
    size_t batch_count;
    uint64_t batch_ticket;
    bool batch_is_retry; /* the tracker knows the batch already */
    unsigned attempt;
    struct tr_mono retry_at;
    bool ended;       /* the reader met the end */
    bool waits_start; /* its row stands for the whole shard, whose first number is not known yet */
    char *parent;     /* owned: whose children are asked for it; NULL: nobody's */
    struct tr_mono start_ask_at;  /* when they are asked for again */
    bool refused;                 /* the service takes no such checkpoint: told */
    struct tr_mono refused_again; /* when it is told again */
    struct tr_mono granted_at;
    uint64_t records;   /* processed since the grant */
    int64_t done_at_ms; /* when the last record done was made; 0: not known */
};

/* A row that the graph wants made; asked of the lease core once, until its row is seen. */
struct wanted {
    struct tr_lease_write write; /* bytes are owned through `strings` */
    char *strings[TR_LEASE_PARENTS_MAX + 1];
    bool asked;
    bool gap;
};

/* A row that exists, as far as readiness goes. */
struct row_info {
    bool ready_sent;
    bool ended;
    bool foreign;           /* of another stream */
    bool unlisted_told;     /* the stream lacks its shard */
    struct tr_mono since;   /* when it was seen first */
    struct tr_bytes stream; /* its stream's name, borrowed from stream_names; absent: none given */
    uint64_t scan;          /* the number of the last scan that showed it */
};

/* An ended row that the graph lets go. */
struct doomed {
    bool gap;
    bool proposed;  /* by the graph's last step */
    uint64_t round; /* of deletes, in which it was last asked for; 0: it was not */
};

struct listing {
    bool active;
    struct tr_shard_list list;
    struct tr_mono begun;
    bool full;                               /* the one under way: of all shards */
    bool leads;                              /* this worker is the one that lists */
    bool needed;                             /* it lists once, though it does not lead */
    struct tr_mono look;                     /* when to see again who leads */
    struct tr_mono spent;                    /* the budget of calls: each moves it on */
    struct tr_mono sent[DESCRIBES_A_SECOND]; /* the last ones, in a ring */
    unsigned sent_next;
    struct tr_mono next;    /* when the next full listing is due */
    struct tr_mono page_at; /* ... the next page of the one under way */
    struct tr_mono full_begun;
    struct tr_mono needed_begun; /* the newest complete one that it made without leading */
    struct tr_mono part_next;    /* when the next one from `from` on is due */
    struct tr_mono part_begun;
    struct tr_buf from;      /* owned: the oldest shard whose children are missing; or empty */
    struct tr_buf list_from; /* owned: where the one under way began */
    unsigned failures;
    uint64_t calls;
    bool complete_once;
    struct tr_mono complete_begun; /* when the newest complete one began */
    struct tr_mono shown;          /* ... and the newest one of either kind */
    uint64_t number;               /* of the listing under way; late answers have another */
};

/* What is known of the table's other streams. */
struct streams {
    struct tr_stream_list list; /* being read */
    bool asking;
    bool chosen;     /* the rows have said which stream the fleet is at */
    bool further;    /* the present one came after one that was followed */
    bool drained;    /* it was when it was last there */
    bool missing;    /* DescribeStream did not find it */
    bool lost;       /* ... nor does its table name it, which names a newer one */
    bool none_newer; /* it is drained, and its table names none behind it */
    struct tr_mono next;
    unsigned failures;
};

/* A row that is left as it is. */
struct bad_row {
    uint64_t scan;          /* the number of the last scan that showed it */
    struct tr_bytes stream; /* that it names, in our own copy; absent: none */
    uint64_t why;           /* a hash of what was told of it */
    struct tr_mono quiet_until;
    bool told;   /* with attribute and value, as it is now */
    bool unread; /* nothing else is known of it */
};

/* How far the fleet's start is known (docs/starting.md). */
enum start_state {
    START_UNKNOWN,  /* no whole scan yet */
    START_OPEN,     /* the table was empty, nothing is fixed: the first row will fix it */
    START_FIXING,   /* the first row is under way */
    START_CHECKING, /* a row is there: whether another one, made before it, says earlier */
    START_SETTLED,
};

struct start {
    enum start_state state;
    bool has_ms;
    int64_t ms;      /* of the rows seen: the smallest */
    int64_t date_ms; /* of the newest answer that had one; 0: none yet */
    uint64_t scan;   /* CHECKING: only scans behind this number tell */
    bool looked;     /* CHECKING: such a scan was asked for */
    bool told;
};

struct scan {
    bool active;
    uint64_t number;  /* of the scan under way, or of the last one */
    uint64_t done;    /* number of the last complete one that was whole */
    uint64_t op;      /* the lease core's */
    unsigned segment; /* the part that is read, of so many; 1: whole */
    unsigned segments;
    struct tr_lease_rows *pages; /* owned */
    size_t count;
    size_t cap;
    struct tr_lease_rows seen; /* owned: the last one's page, if it was one small page */
    struct tr_mono begun;
    unsigned failures; /* in a row */
};

/* The lease table as a whole. */
struct lease_table {
    bool fleet_known;        /* whether it is a KCL 3.x fleet's was answered, or cannot be */
    struct tr_mono fleet_at; /* when that is asked next */
    unsigned fleet_tries;
    bool gone; /* it was read before, and is not found */
    struct tr_mono gone_at;
    bool doubted;               /* it refused a call: its key may be another one by now */
    bool describing;            /* that is being asked */
    struct tr_mono describe_at; /* not before */
};

struct tr_consumer {
    struct tr_consumer_options options;
    char *strings[5]; /* owned: name, table, arn, lease_table, worker_id */
    enum phase phase;
    struct tr_mono now;
    struct tr_wall wall;     /* the service's time */
    struct tr_wall dated;    /* ... when an answer last brought a Date */
    struct tr_mono dated_at; /* 0: none has */
    struct tr_random random;
    struct tr_consumer_effects *out; /* of the present step */
    bool out_of_memory;              /* in the present step */

    struct tr_mono phase_next; /* start-up: when to ask again */
    unsigned phase_failures;
    bool phase_calling;
    struct tr_buf arn;
    struct tr_bytes stream; /* part of arn: "TABLE/stream/LABEL", the stream's name in rows */
    enum tr_stream_status stream_status;
    struct tr_mono off_since; /* when an answer first said that the stream is DISABLED */

    struct tr_graph *graph;
    struct tr_lease_core *leases;
    char run[17]; /* what tells this process from another that was given its id */
    struct tr_lease_effects lease_effects;
    struct tr_map wanted; /* shard id -> struct wanted, owned */
    bool want_scan;       /* the graph needs fresh rows */
    struct tr_map rows;   /* shard id -> struct row_info, owned */
    struct tr_map by_key; /* shard id -> struct slot, of held leases */
    struct tr_map bad;    /* shard id -> struct bad_row, owned */
    struct tr_map gaps;   /* shard ids without a held lease that on_gap: stop holds */
    struct listing listing;
    struct tr_map families; /* parent's shard id -> struct family, owned */
    struct tr_mono families_next;
    uint64_t family_ops;
    struct tr_map ahead; /* shard id -> struct ahead, owned */
    uint64_t ahead_ops;
    struct tr_map doomed; /* shard id -> struct doomed, owned */
    struct tr_mono deletes_next;
    uint64_t delete_round;
    struct streams streams;
    struct tr_map stream_names; /* names that rows carry, for row_info */
    struct scan scan;
    struct start start;
    struct lease_table lease_table;

    struct slot **slots; /* owned; NULL where free */
    size_t slot_count;
    size_t slot_cap;
    struct slot **due; /* owned: all slots, a heap; earliest first */
    size_t due_count;
    size_t due_cap;
    bool lacks_room;        /* some reader waits for room */
    bool look;              /* at all slots and rows, in this step or the next */
    struct tr_mono look_at; /* and then in any case */
    size_t lent;
    size_t held;
    size_t gapped;       /* of those held */
    size_t unreleased;   /* at a stop: its release failed, or was not answered */
    uint64_t reader_ops; /* the highest op of a reader that went: the next ones begin behind it */

    bool stopping;
    enum tr_status end_status; /* what a stop ends with */
    struct tr_err end_err;
    struct tr_err gap_err; /* with once: a gap that on_gap: stop holds; "": none */
};

/* consumer_out_core.c */
struct tr_consumer_effect *tr_consumer_emit(struct tr_consumer *c,
                                            enum tr_consumer_effect_kind kind);
void tr_consumer_note(struct tr_consumer *c, enum tr_note_id id, struct tr_bytes shard, uint64_t a,
                      uint64_t b, struct tr_bytes text);
/* Emit a call; attempts_max 0 and timeout 0 mean the client's defaults. */
struct tr_buf *tr_consumer_call(struct tr_consumer *c, uint64_t op, enum tr_aws_service service,
                                enum tr_aws_class class, const char *operation,
                                unsigned attempts_max, uint64_t timeout_ms);
void tr_consumer_fail(struct tr_consumer *c, enum tr_status status, const char *fmt, ...)
    TR_PRINTF(3, 4);
/* Whether asking again may help. What was just found or made may not be known everywhere yet. */
bool tr_consumer_may_pass(enum tr_status status, unsigned failures);
uint64_t tr_consumer_backoff_ms(struct tr_consumer *c, unsigned failures, uint64_t max_ms);
uint64_t tr_consumer_op(enum op_kind kind, const struct slot *slot, uint64_t number);
enum op_kind tr_consumer_op_kind(uint64_t op);
uint64_t tr_consumer_op_number(uint64_t op);
/* The slot of an op, which is touched by it, or NULL when that lease is gone. */
struct slot *tr_consumer_slot(struct tr_consumer *c, uint64_t op);

/* consumer_leases_core.c */
void tr_consumer_lease_event(struct tr_consumer *c, const struct tr_lease_event *event);
void tr_consumer_graph_event(struct tr_consumer *c, const struct tr_graph_event *event);
/* Whether the last scan showed a row that is not understood and may be of an older stream. */
bool tr_consumer_has_unread_leftover(const struct tr_consumer *c);
/* Whether rows of this shard's children are still to be made. */
bool tr_consumer_children_wanted(const struct tr_consumer *c, struct tr_bytes parent);
void tr_consumer_leases_answer(struct tr_consumer *c, enum op_kind kind, uint64_t number,
                               struct tr_aws_answer *answer);
/* Everything that is due: listings, rows to make, leases that became ready. */
/* Another stream is followed: nothing is known of its shards. */
void tr_consumer_forget_shards(struct tr_consumer *c);
/* Whether the present stream has rows. */
bool tr_consumer_has_rows(const struct tr_consumer *c);
void tr_consumer_leases_pump(struct tr_consumer *c);
struct tr_mono tr_consumer_leases_deadline(const struct tr_consumer *c);
/* With once: whether all rows are finished, or another worker's, or cannot be finished. */
bool tr_consumer_leases_finished(const struct tr_consumer *c);
/* With once, at the end: the run failed if rows were left because they are not understood, or
 * shards because of a gap. */
void tr_consumer_judge_bad_rows(struct tr_consumer *c);
void tr_consumer_leases_deinit(struct tr_consumer *c);

/* consumer_gap_core.c */

/* Where records are missing that nobody will ever read. */
struct gap {
    struct tr_bytes shard;
    const char *why;         /* what is missing where no position bounds it; else NULL */
    struct tr_position from; /* the last one that was read; TRIM_HORIZON: none */
    bool from_at;            /* the record of `from` is missing too */
    int64_t from_ms;         /* when it was written; 0: not known */
    struct tr_position to;   /* the first one that is left, if a sequence number */
    int64_t to_ms;
    bool ended;  /* nothing is left of the shard; neither this nor `to`: nothing until now */
    bool astray; /* `from` is a checkpoint that is no record of the shard, `to` what follows it */
};
/* Tell it (note, metric) and do as on_gap says. Returns whether to go on. If not, the shard is not
 * read on, and told as such: a held lease is kept, its slot is `gapped`; without one, whoever calls
 * leaves out what would pass the gap (a row, SHARD_END), and may call again: it is told once a
 * process. A run with `once` fails at its end. */
bool tr_consumer_gap(struct tr_consumer *c, const struct gap *gap);
/* Whether on_gap: stop holds a shard that is not held here. */
bool tr_consumer_gap_holds(const struct tr_consumer *c, struct tr_bytes shard);

/* consumer_start_core.c */
/* A row was seen, or made by whomever. */
void tr_consumer_start_row(struct tr_consumer *c, const struct tr_lease_row *row);
/* A whole scan came; `bad`: rows that are not understood. Before the graph is told. */
void tr_consumer_start_scanned(struct tr_consumer *c, const struct tr_lease_row *rows, size_t count,
                               size_t bad);
/* The Date header of an answer. */
void tr_consumer_start_date(struct tr_consumer *c, struct tr_wall date);
/* Whether it is known what the fleet starts with: before, one row is made at the most, and no lease
 * is taken. */
bool tr_consumer_start_settled(const struct tr_consumer *c);
/* Whether the fleet starts now, at the leaves only. */
bool tr_consumer_start_takes_leaves(const struct tr_consumer *c);
/* Put the fleet's start into a row to be made; false: none may be made now. */
bool tr_consumer_start_stamp(struct tr_consumer *c, struct tr_lease_write *write);
/* Whether all that the service has trimmed by now is older than the fleet's start. */
bool tr_consumer_start_is_recent(const struct tr_consumer *c);
/* A lease was granted: from when on its records are asked for. */
void tr_consumer_start_slot(struct tr_consumer *c, struct slot *slot,
                            const struct tr_lease_row *row);
/* Records of this time are asked for: the service's stamps are rounded down to the second. */
int64_t tr_consumer_start_floor(int64_t start_ms);
/* Ask for what the start waits for. */
void tr_consumer_start_pump(struct tr_consumer *c);
/* consumer_table_core.c */

/* Whether leases may be taken: it is known that no KCL 3.x fleet assigns them. */
bool tr_consumer_table_known(const struct tr_consumer *c);
void tr_consumer_table_answer(struct tr_consumer *c, struct tr_aws_answer *answer);
/* A call of the lease table failed: one that was refused casts doubt on the table's key. */
void tr_consumer_table_refused(struct tr_consumer *c, enum tr_status status);
/* What DescribeTable says of it under way. */
void tr_consumer_table_described(struct tr_consumer *c, struct tr_aws_answer *answer);
void tr_consumer_table_pump(struct tr_consumer *c);
struct tr_mono tr_consumer_table_deadline(const struct tr_consumer *c);
/* A page of a scan; false: the table is refused, the run ends. */
bool tr_consumer_table_page(struct tr_consumer *c, const struct tr_lease_rows *page);
/* A scan succeeded; a scan failed. */
void tr_consumer_table_read(struct tr_consumer *c);
void tr_consumer_table_unread(struct tr_consumer *c, enum tr_status status, const char *why);

/* consumer_listing_core.c */
void tr_consumer_listing_pump(struct tr_consumer *c);
struct tr_mono tr_consumer_listing_deadline(const struct tr_consumer *c);
void tr_consumer_list_answer(struct tr_consumer *c, uint64_t number, struct tr_aws_answer *answer);
/* A full listing would help: one soon, if this worker is the one that lists. */
void tr_consumer_want_listing(struct tr_consumer *c);
/* This worker needs one, whoever lists. */
void tr_consumer_need_listing(struct tr_consumer *c);
/* Children of this shard are missing: a listing of the shards behind it, soon. */
void tr_consumer_want_newer(struct tr_consumer *c, struct tr_bytes shard);
/* What an answer of DescribeStream says of the whole stream. */
void tr_consumer_note_status(struct tr_consumer *c, enum tr_stream_status status);
/* Tell the log of shards that are new here. */
void tr_consumer_note_shards(struct tr_consumer *c, const struct tr_shard_list *list);
/* When one more call for children is within the budget; and that one was made. */
struct tr_mono tr_consumer_children_budget(const struct tr_consumer *c);
void tr_consumer_spend_describe(struct tr_consumer *c);
/* Whether the row is at its end and a child of it must still come. */
bool tr_consumer_child_due(const struct tr_consumer *c, struct tr_bytes key,
                           const struct row_info *info);
/* Drop what is under way; the next listing is due now. */
void tr_consumer_forget_listing(struct tr_consumer *c);

/* consumer_children_core.c */

/* The shard's reader has met its end: its children are asked for until they are known. */
void tr_consumer_end_met(struct tr_consumer *c, struct tr_bytes parent);
/* Whether they are, and have their rows; or none can come. */
bool tr_consumer_children_known(const struct tr_consumer *c, struct tr_bytes parent);
/* How often they were asked for. */
unsigned tr_consumer_children_tries(const struct tr_consumer *c, struct tr_bytes parent);
/* A child's first number is wanted, which the answer shows. */
void tr_consumer_ask_start(struct tr_consumer *c, struct tr_bytes parent);
/* A listing came: children that were asked for may be known. */
void tr_consumer_children_listed(struct tr_consumer *c);
void tr_consumer_children_answer(struct tr_consumer *c, uint64_t number,
                                 struct tr_aws_answer *answer);
void tr_consumer_children_pump(struct tr_consumer *c);
struct tr_mono tr_consumer_children_deadline(const struct tr_consumer *c);
void tr_consumer_children_deinit(struct tr_consumer *c);

/* consumer_ahead_core.c */

/* A shard's first number, if a listing or CHILD_SHARDS has shown it: its digits, borrowed until the
 * graph's next step, and read into *first. Absent: not known. */
struct tr_bytes tr_consumer_first_number(const struct tr_consumer *c, struct tr_bytes key,
                                         struct tr_position *first);
/* A row is being made: of a child that this worker takes next the iterator is asked for. */
void tr_consumer_ahead_ask(struct tr_consumer *c, const struct tr_lease_write *create);
void tr_consumer_ahead_answer(struct tr_consumer *c, uint64_t number, struct tr_aws_answer *answer);
/* The iterator AT that number of the shard, if there is one: moved into *iterator. */
void tr_consumer_ahead_take(struct tr_consumer *c, struct tr_bytes shard,
                            const struct tr_position *at, struct tr_buf *iterator);
void tr_consumer_ahead_deinit(struct tr_consumer *c);

/* consumer_deletes_core.c */

/* What the graph's last step lets go. */
void tr_consumer_deletes_propose(struct tr_consumer *c, const struct tr_graph_effects *effects);
/* A scan came: its number, and what it showed. */
void tr_consumer_deletes_scanned(struct tr_consumer *c, uint64_t scan,
                                 const struct tr_lease_row *rows, size_t count);
/* This worker deleted the row. */
void tr_consumer_deletes_gone(struct tr_consumer *c, struct tr_bytes key);
void tr_consumer_deletes_pump(struct tr_consumer *c);
struct tr_mono tr_consumer_deletes_deadline(const struct tr_consumer *c);
void tr_consumer_deletes_deinit(struct tr_consumer *c);

/* consumer_streams_core.c */

/* The name of the consumer's stream, a view into its ARN; false when that is none. */
bool tr_consumer_stream_of(const struct tr_consumer *c, struct tr_bytes *out);
/* Whether a stream's name is of the consumer's table. */
bool tr_consumer_is_of_table(const struct tr_consumer *c, struct tr_bytes stream);
/* A complete scan shows these rows, of all streams: follow the one that the fleet is at. */
void tr_consumer_streams_choose(struct tr_consumer *c, const struct tr_lease_row *rows,
                                size_t count);
/* DescribeStream does not find the stream: ask its table. */
void tr_consumer_stream_missing(struct tr_consumer *c);
void tr_consumer_streams_answer(struct tr_consumer *c, struct tr_aws_answer *answer);
void tr_consumer_streams_pump(struct tr_consumer *c);
struct tr_mono tr_consumer_streams_deadline(const struct tr_consumer *c);
/* With once: no further stream is to be followed. */
bool tr_consumer_streams_finished(const struct tr_consumer *c);

/* consumer_due_core.c */
/* Room for one more slot, false without memory; then the new slot, touched. */
bool tr_consumer_due_room(struct tr_consumer *c);
void tr_consumer_due_add(struct tr_consumer *c, struct slot *slot);
void tr_consumer_due_remove(struct tr_consumer *c, struct slot *slot);
void tr_consumer_due_at(struct tr_consumer *c, struct slot *slot, struct tr_mono at);
/* Something about this slot changed: it is looked at in this step. */
void tr_consumer_touch(struct tr_consumer *c, struct slot *slot);
/* Something changed that may concern any slot or row. */
void tr_consumer_look(struct tr_consumer *c);
/* Whether this step looks at all of them; and that it did. */
bool tr_consumer_looks(const struct tr_consumer *c);
void tr_consumer_looked(struct tr_consumer *c);
/* A slot that is due, or NULL; and when one is. */
struct slot *tr_consumer_due_now(struct tr_consumer *c);
struct tr_mono tr_consumer_due_next(const struct tr_consumer *c);

/* consumer_shards_core.c */
void tr_consumer_granted(struct tr_consumer *c, const struct tr_lease_effect *fx);
void tr_consumer_valid(struct tr_consumer *c, struct slot *slot, struct tr_mono until);
void tr_consumer_stored(struct tr_consumer *c, struct slot *slot,
                        const struct tr_position *position);
/* The lease is gone (lost or released): drop what is in hand, keep what is lent. */
void tr_consumer_drop(struct tr_consumer *c, struct slot *slot);
void tr_consumer_shard_answer(struct tr_consumer *c, enum op_kind kind, struct slot *slot,
                              uint64_t number, struct tr_aws_answer *answer);
void tr_consumer_sliced(struct tr_consumer *c, struct slot *slot, enum tr_status status,
                        const struct tr_err *err);
struct tr_bytes tr_consumer_key(const struct slot *slot);
void tr_consumer_free_page(struct tr_consumer *c, struct tr_page *page);
/* Something lent came back, or the lease went: a slot that holds and lends nothing is freed. */
void tr_consumer_returned(struct tr_consumer *c, struct slot *slot);
/* The shard cannot be finished by this run. */
void tr_consumer_stick(struct tr_consumer *c, struct slot *slot, enum tr_status status,
                       const char *why);
void tr_consumer_shards_pump(struct tr_consumer *c);
struct tr_mono tr_consumer_shards_deadline(const struct tr_consumer *c);
/* With once: the slot has nothing more to do. */
bool tr_consumer_slot_finished(const struct tr_consumer *c, const struct slot *slot);
void tr_consumer_shards_deinit(struct tr_consumer *c);

/* consumer_batches_core.c; each does what is due for the slot, if anything */
void tr_consumer_process(struct tr_consumer *c, struct slot *slot);
void tr_consumer_processed(struct tr_consumer *c, struct slot *slot, size_t done,
                           enum tr_status status, const struct tr_err *err);
void tr_consumer_end_shard(struct tr_consumer *c, struct slot *slot);
/* `now`: without waiting for the interval. */
void tr_consumer_ask_checkpoint(struct tr_consumer *c, struct slot *slot, bool now);
void tr_consumer_give_up(struct tr_consumer *c, struct slot *slot);

#endif
