/* SPDX-License-Identifier: Apache-2.0
 *
 * A page is one GetRecords answer, kept as the bytes that came; a record is a view into it. The
 * slicer finds, in one pass over the bytes, where each record lies, its sequence number, event
 * name, key bytes and creation time, and the page's next iterator; nothing is copied, and a
 * record's attribute values are never parsed. */
#ifndef TR_STREAM_PAGE_H
#define TR_STREAM_PAGE_H

#include "base/buf.h"
#include "checkpoint/position.h"

enum tr_event_name { TR_EVENT_OTHER, TR_EVENT_INSERT, TR_EVENT_MODIFY, TR_EVENT_REMOVE };

/* Levels of nesting that a page may have, its own object included. */
#define TR_PAGE_DEPTH_MAX 128

/* A run of bytes of the page; len 0 and start 0: the member is missing. */
struct tr_span {
    uint32_t start;
    uint32_t len;
};

struct tr_record {
    struct tr_span whole;         /* the record's object, braces included */
    struct tr_span sequence;      /* digits, without quotes */
    struct tr_span keys;          /* the Keys object */
    struct tr_span created;       /* ApproximateCreationDateTime's number */
    struct tr_span user_identity; /* the userIdentity value (any type), for its rewriting */
    uint8_t event;                /* enum tr_event_name */
    bool has_newline;             /* white space with a line break somewhere in it */
    bool has_source_arn;          /* an eventSourceARN came with it */
};

/* Init with {0}. */
struct tr_page {
    struct tr_buf body;        /* owned: the bytes as they came */
    struct tr_record *records; /* owned */
    size_t count;
    size_t cap;
    struct tr_buf next_iterator; /* owned; unescaped */
    bool has_next;               /* false: absent, null or "": the shard has ended */
    size_t bad_at;               /* the byte that the last TR_EPARSE was about */
};

/* Slice page->body (set by the caller). Fills everything else; may be called again on a page that
 * was used before (memory is reused).
 * Shape:   any valid JSON white space, member order and unknown members; nesting up to 128.
 *          UTF-8 and pairs of surrogates are not checked in values, which travel byte for byte.
 *          The body grows by some bytes of padding behind its end; its content stays.
 * Errors:  TR_EPARSE with the byte and what is wrong there (cut or malformed JSON, no Records, a
 *          record without a SequenceNumber, a sequence number that is no string of 1..40 digits);
 *          TR_ELIMIT (page of 4 GiB); TR_ENOMEM. The page then holds no records, and has_next says
 *          nothing about the shard.
 * Threads: any, one at a time for a page. */
enum tr_status tr_page_slice(struct tr_page *page, struct tr_err *err) TR_MUST_CHECK;
/* Free all that the page owns; it is as after init. */
void tr_page_deinit(struct tr_page *page);

/* The bytes of a span; absent when the member was missing. */
struct tr_bytes tr_page_span(const struct tr_page *page, struct tr_span span);
/* The position of record i. */
struct tr_position tr_page_position(const struct tr_page *page, size_t i);
/* Creation time of record i in ms since the epoch (fractions and exponents are understood); false
 * when it has none or no sensible one. */
bool tr_page_created_ms(const struct tr_page *page, size_t i, int64_t *ms);

/* Append record i as Lambda would deliver it, without a newline: the bytes as they came, plus
 * eventSourceARN (if it lacks one), with userIdentity's members in Lambda's spelling (principalId,
 * type), and with line breaks between tokens taken out.
 * Errors:  out->failed without memory. */
void tr_page_add_record(const struct tr_page *page, size_t i, struct tr_bytes stream_arn,
                        struct tr_buf *out);

/* Append records first .. first+count-1 in the same form, each followed by `end` ('\n' for lines,
 * ',' for elements): at the cost of a copy, since the ARN is escaped once. */
void tr_page_add_records(const struct tr_page *page, size_t first, size_t count,
                         struct tr_bytes stream_arn, char end, struct tr_buf *out);

#endif
