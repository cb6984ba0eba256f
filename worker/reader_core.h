/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader core: how one shard is read. It asks for an iterator, fetches page after page, follows
 * the traffic with its polling, makes its iterator again when that expired or went stale, goes on
 * at TRIM_HORIZON where data was trimmed (and says so), and ends only at an absent
 * NextShardIterator. Pure: one event in, at most one thing to do out. */
#ifndef TR_WORKER_READER_CORE_H
#define TR_WORKER_READER_CORE_H

#include "base/buf.h"
#include "base/random.h"
#include "base/time.h"
#include "checkpoint/position.h"

/* GetRecords' own limit. */
#define TR_READER_RECORDS_MAX 1000
/* Iterators live 15 minutes; one that was not used for 10 is made again. */
#define TR_READER_ITERATOR_IDLE_MS (10 * 60 * 1000)
/* ResourceNotFound answers further apart than this do not go on. */
#define TR_READER_NOT_FOUND_PAUSE_MS 60000u
/* Empty pages at the quick pace before polling slows down: steady traffic of one record every two
 * seconds is still met at the quick pace. */
#define TR_READER_QUICK_EMPTY_PAGES 8
/* Empty pages after which a gap without a record behind it is told all the same. */
#define TR_READER_GAP_EMPTY_PAGES 8
/* ... and after which a checkpoint is told whose own record does not come: some half a minute. */
#define TR_READER_UNFOUND_EMPTY_PAGES 24
/* Between two fetches of a shard at least, if polling is not configured to be quicker: five a
 * second, by a clock that is two per cent fast. */
#define TR_READER_APART_MS 205u

struct tr_reader_options {
    uint64_t poll_min_ms; /* between fetches while records come */
    uint64_t poll_max_ms; /* when idle; equal to poll_min_ms: never slower */
    unsigned limit;       /* records a fetch, 1..1000 */
    uint64_t seed;        /* spreads retries */
};

enum tr_reader_state {
    TR_READER_NEW,      /* not started */
    TR_READER_SEEKING,  /* wants an iterator (at `next`) */
    TR_READER_ASKING,   /* GetShardIterator is under way */
    TR_READER_WAITING,  /* has an iterator; fetches at `next` when there is room */
    TR_READER_FETCHING, /* GetRecords is under way */
    TR_READER_ENDED,    /* the shard's end was met */
};

struct tr_reader {
    struct tr_reader_options options;
    struct tr_random random;
    enum tr_reader_state state;
    struct tr_position start; /* where to seek while nothing was fetched */
    bool start_at;            /* seek AT start (a sequence number), not AFTER it */
    bool checking; /* start is a checkpoint: read AT it, until its record shows that it is one */
    struct tr_position fetched; /* the last record fetched; kind SEQUENCE once there is one */
    bool has_fetched;
    struct tr_position gap_from; /* set while a gap's upper bound is not known yet */
    bool gap_at;                 /* the record of gap_from itself may be missing too */
    bool in_gap;
    struct tr_buf iterator; /* owned */
    struct tr_mono used;    /* when the iterator was made or used last */
    struct tr_mono sent;    /* when the last fetch was, if has_sent */
    bool has_sent;
    struct tr_mono next;            /* when to do the next thing */
    uint64_t op;                    /* of the call under way; ops before it are late */
    unsigned failures;              /* calls that failed in a row */
    unsigned not_found;             /* ResourceNotFound answers in a row */
    struct tr_mono not_found_since; /* the first of them, asked on without a pause */
    struct tr_mono not_found_at;    /* the last of them */
    unsigned empty_pages;           /* in a row */
    uint64_t delay_ms;              /* the present pace */
    bool behind;                    /* the last page with records was full or old */
    bool room;                      /* the owner has room for a page */
};

enum tr_reader_event_kind {
    TR_READER_EV_START, /* position, at, check; iterator, if there is one for it already */
    TR_READER_EV_TICK,
    TR_READER_EV_ROOM,     /* room: whether another page may be fetched */
    TR_READER_EV_ITERATOR, /* op, status, iterator */
    TR_READER_EV_PAGE, /* op, status; when TR_OK: count, first, last, found, iterator (absent: the
                          end), bytes, lag_ms */
};

struct tr_reader_event {
    enum tr_reader_event_kind kind;
    struct tr_mono now;
    uint64_t op;
    enum tr_status status;
    struct tr_position position;
    bool at;
    bool check; /* position is a checkpoint: whether the shard has such a record is looked at */
    bool found; /* the record that was sought is in the page */
    bool room;
    struct tr_bytes iterator;
    size_t count;             /* records in the page */
    struct tr_position first; /* of the page, when count > 0 */
    struct tr_position last;
    size_t bytes;
    uint64_t lag_ms; /* age of the page's last record, 0 if not known */
};

enum tr_reader_effect_kind {
    TR_READER_FX_NOTHING,
    TR_READER_FX_ASK,   /* op: GetShardIterator at position (AT it when `at`) */
    TR_READER_FX_FETCH, /* op: GetRecords with reader->iterator and options.limit */
};

/* What the owner should say about it (all may be set beside any kind). */
struct tr_reader_effects {
    enum tr_reader_effect_kind kind;
    uint64_t op;
    struct tr_position position;
    bool at;
    bool accepted;   /* the page of this event is the next one: hand it on */
    bool ended;      /* that page (or an empty one) was the last: the shard has ended */
    bool expired;    /* an iterator had expired; it is made again after `from` */
    bool gap_closed; /* records from or behind `from` were trimmed: up to the page's first one, to
                        the end when `ended`, else nothing is left until now */
    bool unfound;    /* several pages AT the checkpoint `from` were empty: it may be astray */
    bool astray; /* the checkpoint `from` is no record of the shard: this page is what follows it,
                     or the end when `ended` */
    struct tr_position from;
    bool from_at; /* the record of `from` itself is missing too */
};

/* Ready for a START; options copied. */
void tr_reader_init(struct tr_reader *reader, const struct tr_reader_options *options);
void tr_reader_deinit(struct tr_reader *reader);

/* Late and unknown ops do nothing.
 * Errors:  TR_ENOMEM: the iterator could not be kept; the reader seeks again later, nothing is
 * lost. Effects: *out is reset first. */
enum tr_status tr_reader_step(struct tr_reader *reader, const struct tr_reader_event *event,
                              struct tr_reader_effects *out) TR_MUST_CHECK;

/* When it wants a TICK; NEVER while a call is under way or there is no room. */
struct tr_mono tr_reader_deadline(const struct tr_reader *reader);

#endif
