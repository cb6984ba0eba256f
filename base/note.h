/* SPDX-License-Identifier: Apache-2.0
 *
 * What happened, as data. A core emits notes; the shell makes log lines of them (base/log.h), a
 * simulator golden traces. One table gives the enum, the level, the text, the names of the two
 * numbers and the free text, and docs/logs.md (a test holds it to this table). */
#ifndef TR_BASE_NOTE_H
#define TR_BASE_NOTE_H

#include "base/bytes.h"

enum tr_level { TR_LEVEL_DEBUG, TR_LEVEL_INFO, TR_LEVEL_WARN, TR_LEVEL_ERROR };

/* id, level, message, name of a, name of b, name of text ("" = not used), what an operator reads
 * from it */
#define TR_NOTE_TABLE(X)                                                                           \
    X(RUN_STARTED, INFO, "worker started", "consumers", "threads", "worker",                       \
      "the process is up; `worker` is the id that it writes into lease rows")                      \
    X(RUN_STOPPING, INFO, "stopping", "signal", "", "",                                            \
      "a signal arrived: batches in hand are finished, checkpointed, leases released")             \
    X(RUN_ENDED, INFO, "worker ended", "records", "exit_code", "",                                 \
      "the last line of a run; `records` are those that this process processed")                   \
    X(ADMIN_OPEN, INFO, "admin port open", "", "", "url",                                          \
      "`/livez`, `/readyz` and `/metrics` are answered there")                                     \
    X(STREAM_FOUND, INFO, "stream found", "", "", "stream",                                        \
      "the stream that the consumer follows, newest of its table")                                 \
    X(STREAM_FOLLOWED, INFO, "stream followed", "", "", "stream",                                  \
      "the rows say that the fleet is at this stream; the one before it is drained")               \
    X(STREAM_LOST, ERROR, "stream is gone", "", "", "stream",                                      \
      "neither DescribeStream nor its table knows it any more, and there is a newer one: what of " \
      "it was not read is gone for good")                                                          \
    X(STREAM_WAITING, WARN, "stream not readable yet", "", "", "why",                              \
      "a table or the stream could not be described or listed; asked again with backoff")          \
    X(TABLE_CREATED, INFO, "lease table created", "", "", "table", "it was missing and was made")  \
    X(TABLE_WAITING, INFO, "waiting for the lease table", "", "", "table", "it is being created")  \
    X(TABLE_UNREAD, WARN, "lease table not readable", "failures", "", "why",                       \
      "nothing is taken by what was seen before; held leases go on, and it is read again soon")    \
    X(TABLE_GONE, ERROR, "lease table is gone", "", "", "table",                                   \
      "it is being deleted, or was: held leases lapse; it is not made again under a running "      \
      "worker, which ends if it stays away")                                                       \
    X(LISTING_DONE, DEBUG, "shard listing complete", "shards", "calls", "",                        \
      "all pages of DescribeStream; `shards` are listed now")                                      \
    X(LISTING_PART, DEBUG, "newer shards listed", "shards", "calls", "",                           \
      "pages of DescribeStream from an older shard on: ended shards wait for their children")      \
    X(SHARD_UNLISTED, WARN, "lease row of a shard that the stream lacks", "", "", "checkpoint",    \
      "a complete listing begun a minute after the row was seen lacks it; the row stays")          \
    X(SHARD_LOST, WARN, "shard lost", "age_s", "not_found_s", "",                                  \
      "it is older than records are kept, answers ResourceNotFound, and is not listed any more "   \
      "or has answered so for ten minutes; it counts as ended, `records are missing` follows")     \
    X(SHARD_FOUND, INFO, "shard found", "", "", "parent",                                          \
      "a listing shows a shard that this process did not know; after a start, all of them")        \
    X(LEASE_CREATED, INFO, "lease row created", "", "", "checkpoint",                              \
      "a shard has its row; reading will start at `checkpoint`")                                   \
    X(LEASE_TAKEN, INFO, "lease taken", "counter", "", "checkpoint",                               \
      "this worker reads the shard from now on, behind `checkpoint`")                              \
    X(LEASE_RENEWED, DEBUG, "lease renewed", "counter", "", "", "the heartbeat was written")       \
    X(LEASE_REFUSED, DEBUG, "lease write failed", "counter", "", "why",                            \
      "the write did not happen; it is tried again soon")                                          \
    X(LEASE_SCANNED, DEBUG, "lease table read", "rows", "half_units", "",                          \
      "the whole table or a part of it; `half_units` is what that cost")                           \
    X(LEASE_UNCERTAIN, WARN, "lease write without an answer", "counter", "", "why",                \
      "the write may or may not have happened; the next one finds out")                            \
    X(LEASE_STEALING, INFO, "lease to be stolen", "counter", "", "from",                           \
      "a KCL worker holds more than its share, and nothing is free: as KCL does it")               \
    X(LEASE_HANDED, INFO, "lease to be handed over", "counter", "", "to",                          \
      "that worker asked and has fewer: the batch in hand is finished, then the lease released")   \
    X(LEASE_READS, INFO, "lease table reads planned", "units_hour", "interval_ms", "how",          \
      "read units that this worker uses in a quiet hour, and how often it looks; told again when " \
      "the table or the fleet changes its class")                                                  \
    X(LEASE_COUNTER, WARN, "lease counter is strange", "before", "now", "owner",                   \
      "it went back, or far ahead: taken for a sign of life, and told once for each row")          \
    X(LEASE_LOST, WARN, "lease lost", "counter", "", "why",                                        \
      "another worker holds it, or may; what is in hand is dropped and delivered again there")     \
    X(LEASE_LAPSED, WARN, "lease lapsed", "late_ms", "", "",                                       \
      "no renewal in time: no batch of the shard is begun until a write of ours succeeds")         \
    X(LEASE_RELEASED, INFO, "lease released", "counter", "", "checkpoint",                         \
      "given up on purpose; another worker may take it at once")                                   \
    X(LEASE_DELETED, INFO, "lease row deleted", "counter", "", "",                                 \
      "its shard ended long ago and its children's rows have progressed: it is needed no more")    \
    X(LEASE_ROW_BAD, ERROR, "lease row not understood", "", "", "why",                             \
      "the row is left as it is and its shard not read; the other leases go on; told once, and "   \
      "again when something else is wrong with it")                                                \
    X(LEASE_ROW_GONE, WARN, "lease row vanished", "counter", "", "checkpoint",                     \
      "somebody deleted the row of a lease that is held here: it is made again where it was, and " \
      "no batch of its shard is begun before that; `lease lapsed` follows where one could be")     \
    X(LEASE_FIRST_BAD, WARN, "first number in lease row not understood", "", "", "value",          \
      "it is taken for absent and asked for; the row stays as it is, and its shard is read")       \
    X(LEASE_LIMIT, WARN, "limit of leases reached", "count", "max", "of",                          \
      "the table holds more rows than a worker follows; others take them")                         \
    X(LEASE_TWIN, WARN, "row under this worker's id that it did not write", "counter", "", "id",   \
      "another process has the same id, or had it before; the row is left until it expires")       \
    X(CHECKPOINT_WRITTEN, DEBUG, "checkpoint written", "counter", "", "checkpoint",                \
      "everything up to and including it is done")                                                 \
    X(CHECKPOINT_UNFOUND, WARN, "checkpoint not found in its shard", "", "", "checkpoint",         \
      "the shard's pages from it on are empty: it lies ahead of all records, if somebody wrote "   \
      "it, and nothing is delivered before they pass it; `records are missing` follows if it is "  \
      "none of the shard's")                                                                       \
    X(CHECKPOINT_REFUSED, ERROR, "checkpoint refused by the service", "", "", "checkpoint",        \
      "the row's checkpoint is no sequence number to it: the shard is not read, and asked for at " \
      "most once a minute; the other leases go on; told again every ten minutes")                  \
    X(SHARD_STARTED, INFO, "shard reading started", "", "", "from",                                \
      "the first iterator is asked for; stands beside `lease taken`")                              \
    X(SHARD_ENDED, INFO, "shard ended", "records", "", "",                                         \
      "all of its records are processed and checkpointed; `records` counts since `lease taken`")   \
    X(SHARD_STUCK, ERROR, "shard cannot be finished", "", "", "why",                               \
      "going on does not help: the leases are released and the run ends with 1 or 2")              \
    X(SHARD_STOPPED, ERROR, "shard not read on", "", "", "why",                                    \
      "on_gap is stop and records are missing: the lease is kept, its checkpoint stays, the "      \
      "other "                                                                                     \
      "leases go on; start with on_gap: continue to go on without the missing records")            \
    X(START_FIXED, INFO, "start of the fleet fixed", "", "", "from",                               \
      "the lease table was empty: records older than this are passed over, by all workers that "   \
      "come and whatever they are configured to")                                                  \
    X(START_WAITS, WARN, "start of the fleet waits", "", "", "why",                                \
      "no row is made until an answer says the service's time: a host's clock does not decide")    \
    X(START_AHEAD, WARN, "start in lease row lies ahead", "", "", "start",                         \
      "somebody wrote it: all records until then would be passed over, so it counts as none")      \
    X(START_REACHED, INFO, "start reached", "passed_over", "", "",                                 \
      "the first record that is not older than the fleet's start; those before it are passed "     \
      "over")                                                                                      \
    X(GAP, ERROR, "records are missing", "", "", "bounds",                                         \
      "trimmed before they were read: gone for good; `bounds` says between what. Or the row's "    \
      "checkpoint is no record of its shard, and what lies before it was perhaps never read")      \
    X(ITERATOR_EXPIRED, INFO, "iterator expired", "", "", "after",                                 \
      "made again behind the last fetched record; nothing is lost")                                \
    X(CALL_RETRIED, DEBUG, "call repeated", "attempt", "wait_ms", "why",                           \
      "a passing fault of the service or the network")                                             \
    X(CALL_FAILED, WARN, "call failed", "attempts", "", "why",                                     \
      "given up after `attempts`; whoever needed it tries again later")                            \
    X(CLOCK_SKEW, WARN, "clock skew corrected", "skew_ms", "", "",                                 \
      "this host's clock differs from the service's; signing follows the service")                 \
    X(PAGE_BAD, ERROR, "page not understood", "byte", "", "why",                                   \
      "an answer of GetRecords that is no valid page; it is fetched again")                        \
    X(PROCESS_FAILED, WARN, "processor failed", "record", "attempt", "why",                        \
      "tried again with backoff; the shard waits, nothing is skipped; `record` is the first one "  \
      "of its page that is not done")                                                              \
    X(TAIL_CUT, WARN, "unfinished line cut", "bytes", "", "path",                                  \
      "a crash had left half a line in the output; its record is delivered again")

enum tr_note_id {
#define TR_NOTE_ENUM(id, level, message, a, b, text, doc) TR_NOTE_##id,
    TR_NOTE_TABLE(TR_NOTE_ENUM)
#undef TR_NOTE_ENUM
        TR_NOTE_COUNT
};

/* Bytes are borrowed for the call that gets the note. Unused members stay zero. */
struct tr_note {
    enum tr_note_id id;
    struct tr_bytes consumer;
    struct tr_bytes shard;
    uint64_t a;
    uint64_t b;
    struct tr_bytes text;
};

struct tr_note_row {
    const char *id;
    enum tr_level level;
    const char *message;
    const char *a;
    const char *b;
    const char *text;
    const char *doc;
};

/* The table's row. Owns: static. Threads: any. */
const struct tr_note_row *tr_note_row(enum tr_note_id id);

/* "debug", "info", "warn", "error". */
const char *tr_level_name(enum tr_level level);

#endif
