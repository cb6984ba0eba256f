/* SPDX-License-Identifier: Apache-2.0
 *
 * One shard of a stream: its place in the lineage, the range of key hashes that it takes, and its
 * records as the text that GetRecords sends, packed in chunks so that a page is a few copies. And
 * the stream's sequence numbers. */
#ifndef TR_LOCAL_SHARD_H
#define TR_LOCAL_SHARD_H

#include "base/buf.h"
#include "base/random.h"
#include "base/time.h"

/* The service's limits of one GetRecords. */
#define TR_PAGE_RECORDS_MAX 1000
#define TR_PAGE_BYTES_MAX (1024u * 1024u)

#define TR_SEQUENCE_DIGITS_MAX 40
#define TR_SEQUENCE_STEPS 20

/* Where the numbers of a stream come from. A number is a prefix of 1 to 20 digits and a counter of
 * twenty. The counter only grows; now and then the prefix gets one digit longer, so that lengths
 * differ inside one shard and the order of the strings is not the order of the numbers. */
struct tr_sequence {
    uint64_t last;  /* counter of the newest number */
    uint64_t given; /* how many */
    unsigned steps; /* prefixes in use */
    struct {
        uint64_t from; /* first counter of this prefix */
        uint64_t prefix;
    } step[TR_SEQUENCE_STEPS];
};

/* Start a counter of sequence numbers: where, and how long they are, is by the seed. */
void tr_sequence_init(struct tr_sequence *sequence, struct tr_random *random);
/* The next counter; never 0. */
uint64_t tr_sequence_next(struct tr_sequence *sequence, struct tr_random *random);
/* The decimal number of a counter that was given out. */
void tr_sequence_print(const struct tr_sequence *sequence, uint64_t counter,
                       char out[TR_SEQUENCE_DIGITS_MAX + 1]);
/* The counter whose number is the given one or the next above it, among all that were given out and
 * all that may be (UINT64_MAX: above them).
 * Shape:   exact tells whether the counter's number is just this one.
 * Errors:  false for anything but 21 to 40 decimal digits. */
bool tr_sequence_parse(const struct tr_sequence *sequence, struct tr_bytes text, uint64_t *counter,
                       bool *exact);

#define TR_SHARD_ID_LEN 37 /* shardId-<20 digits>-<8 hex> */

struct tr_local_shard_record {
    uint64_t number; /* counter of its sequence number */
    int64_t created_ms;
    uint32_t chunk; /* serial of the chunk that holds its text */
    uint32_t at;    /* in the chunk, where the text's leading comma is */
    uint32_t len;
    uint32_t size; /* SizeBytes */
};

struct tr_local_shard_chunk {
    char *text; /* owned */
    uint32_t len;
    uint32_t cap;
};

#define TR_SHARD_READERS 8

struct tr_local_shard {
    char id[TR_SHARD_ID_LEN + 1];
    char parent[TR_SHARD_ID_LEN + 1]; /* "" for none */
    int64_t id_ms;
    uint64_t first; /* counters of StartingSequenceNumber and EndingSequenceNumber */
    uint64_t last;  /* 0: open */
    struct tr_wall created;
    struct tr_wall closed;
    struct tr_wall roll_at;
    uint64_t hash_from; /* of the keys that it takes, both included */
    uint64_t hash_to;
    uint64_t trimmed; /* counter of the newest record that was trimmed; 0: none */

    struct tr_local_shard_record *records; /* owned; those before `gone` are trimmed */
    size_t gone;
    size_t count;
    size_t cap;
    struct tr_local_shard_chunk *chunks; /* owned */
    size_t chunk_count;
    size_t chunk_cap;
    uint32_t chunk_base; /* serial of chunks[0] */

    /* Who read lately, for the faults TwoReaders and ShardLimits. */
    struct {
        uint64_t reader;
        int64_t at_ms;
    } readers[TR_SHARD_READERS];
    int64_t second; /* the second that the next two count */
    uint64_t calls;
    uint64_t bytes;
};

void tr_local_shard_deinit(struct tr_local_shard *shard);

/* Append a record.
 * Shape:   text is the record's JSON object; number is above all numbers before.
 * Errors:  TR_ENOMEM, nothing appended. */
enum tr_status tr_local_shard_append(struct tr_local_shard *shard, uint64_t number,
                                     struct tr_wall now, struct tr_bytes text,
                                     uint32_t size) TR_MUST_CHECK;

/* Index of the first kept record with a number not below this one (count when there is none). */
size_t tr_local_shard_find(const struct tr_local_shard *shard, uint64_t number);
/* Whether it never had a record. */
bool tr_local_shard_is_unwritten(const struct tr_local_shard *shard);
/* How many records are kept. */
size_t tr_local_shard_kept(const struct tr_local_shard *shard);

/* The page that begins at a record: the index behind its last record. */
size_t tr_local_shard_page_end(const struct tr_local_shard *shard, size_t from, size_t limit);
/* Append the records from..to with commas between them. */
void tr_local_shard_print(const struct tr_local_shard *shard, size_t from, size_t to,
                          struct tr_buf *out);

/* Drop the oldest n records; those created before a time. */
void tr_local_shard_trim(struct tr_local_shard *shard, size_t n);
void tr_local_shard_trim_before(struct tr_local_shard *shard, int64_t ms);

#endif
