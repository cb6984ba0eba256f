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
};

/* Slice page->body (set by the caller). Fills everything else; may be called again on a page that
 * was used before (memory is reused).
 * Shape:   any valid JSON white space, member order and unknown members; nesting up to 128.
 * Errors:  TR_EPARSE with the byte and what is wrong there (cut or malformed JSON, a record without
 * a SequenceNumber, a sequence number that is no number of 1..40 digits, Records that is no array);
 * TR_ELIMIT (page of 4 GiB); TR_ENOMEM. The page then holds no records. Threads: any, one at a time
 * for a page. */
enum tr_status tr_page_slice(struct tr_page *page, struct tr_err *err) TR_MUST_CHECK;
void tr_page_deinit(struct tr_page *page);

struct tr_bytes tr_page_span(const struct tr_page *page, struct tr_span span);
/* The position of record i. */
struct tr_position tr_page_position(const struct tr_page *page, size_t i);
/* Creation time of record i in ms since the epoch (fractions and exponents are understood); false
 * when it has none or no sensible one. */
bool tr_page_created_ms(const struct tr_page *page, size_t i, int64_t *ms);

/* Append record i as Lambda would deliver it, without a newline: the bytes as they came, plus
 * eventSourceARN (if it lacks one), with userIdentity's members in Lambda's spelling (principalId,
 * type), and with line breaks between tokens taken out. */
void tr_page_add_record(const struct tr_page *page, size_t i, struct tr_bytes stream_arn,
                        struct tr_buf *out);

#endif
