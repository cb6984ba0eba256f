/* SPDX-License-Identifier: Apache-2.0
 *
 * What is done with a sliced page: the values behind its spans, and its records written as Lambda
 * would deliver them. Nearly every record is copied as it came; only one that has a userIdentity or
 * line breaks is walked token by token. */
#include "base/mem.h"
#include "stream/page.h"
#include "stream/slicer.h"

/* Years beyond 9999 are no creation times (milliseconds taken for seconds, for example). */
#define CREATED_MS_MAX 253402300799999

void tr_page_deinit(struct tr_page *page)
{
    tr_buf_deinit(&page->body);
    tr_buf_deinit(&page->next_iterator);
    tr_free(page->records);
    *page = (struct tr_page){0};
}

struct tr_bytes tr_page_span(const struct tr_page *page, struct tr_span span)
{
    if (span.len == 0) {
        return (struct tr_bytes){NULL, 0};
    }
    return (struct tr_bytes){page->body.ptr + span.start, span.len};
}

struct tr_position tr_page_position(const struct tr_page *page, size_t i)
{
    struct tr_position position;
    /* The slicer lets only digits through, at most as many as a position holds. */
    return tr_position_parse(tr_page_span(page, page->records[i].sequence), &position, NULL) ==
                   TR_OK
               ? position
               : (struct tr_position){.kind = TR_POSITION_SEQUENCE};
}

/* A decimal number in hand: digits * 10^exponent. */
struct decimal {
    uint64_t digits;
    int64_t exponent;
};

/* Take a run of digits: those that no longer fit only count as places. */
static size_t take_digits(struct tr_bytes text, size_t at, bool fraction, struct decimal *out)
{
    for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++) {
        if (out->digits < UINT64_MAX / 100) {
            out->digits = out->digits * 10 + (uint64_t)(text.ptr[at] - '0');
            out->exponent -= fraction;
        } else {
            out->exponent += !fraction;
        }
    }
    return at;
}

/* The digits behind an 'e', with their sign; far out of any range when there are many. */
static int64_t exponent_of(struct tr_bytes text)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    size_t at = text.len > 0 && (negative || text.ptr[0] == '+');
    struct decimal e = {0, 0};
    take_digits(text, at, false, &e);
    if (e.exponent > 0 || e.digits > 1000) {
        e.digits = 1000;
    }
    return negative ? -(int64_t)e.digits : (int64_t)e.digits;
}

bool tr_page_created_ms(const struct tr_page *page, size_t i, int64_t *ms)
{
    struct tr_bytes text = tr_page_span(page, page->records[i].created);
    struct decimal value = {0, 3}; /* seconds to ms */
    size_t at;

    if (text.len == 0 || text.ptr[0] == '-') {
        return false;
    }
    at = take_digits(text, 0, false, &value);
    if (at < text.len && text.ptr[at] == '.') {
        at = take_digits(text, at + 1, true, &value);
    }
    if (at < text.len) {
        value.exponent += exponent_of((struct tr_bytes){text.ptr + at + 1, text.len - at - 1});
    }
    for (; value.exponent < 0 && value.digits > 0; value.exponent++) {
        value.digits /= 10;
    }
    for (; value.exponent > 0 && value.digits > 0; value.exponent--) {
        if (value.digits > CREATED_MS_MAX) {
            return false;
        }
        value.digits *= 10;
    }
    if (value.digits > CREATED_MS_MAX) {
        return false;
    }
    *ms = (int64_t)value.digits;
    return true;
}

/* The end of the string that begins at `at`, its closing quote included. */
static size_t string_end(struct tr_bytes json, size_t at)
{
    for (at++; json.ptr[at] != '"'; at++) {
        at += json.ptr[at] == '\\';
    }
    return at + 1;
}

/* A name of userIdentity, quotes included, in Lambda's spelling. The model of the service writes
 * PrincipalId and Type, Lambda's events principalId and type. */
static struct tr_bytes lambda_name(struct tr_bytes quoted)
{
    struct tr_bytes raw = {quoted.ptr + 1, quoted.len - 2};
    if (tr_slicer_spells(raw, "PrincipalId")) {
        return TR_LIT("\"principalId\"");
    }
    return tr_slicer_spells(raw, "Type") ? TR_LIT("\"type\"") : quoted;
}

/* Copy well-formed JSON without its line breaks (all of them lie between tokens: in a string a raw
 * one is not allowed); with `identity`, the names of its outermost object in Lambda's spelling. */
static void add_tokens(struct tr_buf *out, struct tr_bytes json, bool identity)
{
    unsigned depth = 0;
    bool name_next = false;
    size_t at = 0;

    if (json.ptr == NULL) {
        return;
    }
    identity = identity && json.ptr[0] == '{';
    while (at < json.len) {
        char c = json.ptr[at];
        if (c == '"') {
            size_t end = string_end(json, at);
            struct tr_bytes quoted = {json.ptr + at, end - at};
            tr_buf_add(out, name_next ? lambda_name(quoted) : quoted);
            name_next = false;
            at = end;
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        if (c == '{' || c == ',') {
            name_next = identity && depth == 1;
        }
        if (c != '\n' && c != '\r') {
            tr_buf_add_char(out, c);
        }
        at++;
    }
}

/* A record up to its closing brace. */
static void add_opened(const struct tr_page *page, const struct tr_record *record,
                       struct tr_buf *out)
{
    struct tr_bytes whole = tr_page_span(page, record->whole);
    struct tr_bytes identity = tr_page_span(page, record->user_identity);
    size_t before;

    whole.len--;
    if (identity.ptr == NULL && !record->has_newline) {
        tr_buf_add(out, whole);
        return;
    }
    if (identity.ptr == NULL) {
        add_tokens(out, whole, false);
        return;
    }
    before = (size_t)(identity.ptr - whole.ptr);
    add_tokens(out, (struct tr_bytes){whole.ptr, before}, false);
    add_tokens(out, identity, true);
    before += identity.len;
    add_tokens(out, (struct tr_bytes){whole.ptr + before, whole.len - before}, false);
}

/* What goes behind an opened record. It is never the first member: a sliced record has at least
 * dynamodb. */
static void add_tail(struct tr_buf *out, struct tr_bytes stream_arn)
{
    tr_buf_add(out, TR_LIT(",\"eventSourceARN\":"));
    tr_buf_add_json(out, stream_arn);
    tr_buf_add_char(out, '}');
}

void tr_page_add_record(const struct tr_page *page, size_t i, struct tr_bytes stream_arn,
                        struct tr_buf *out)
{
    const struct tr_record *record = &page->records[i];
    add_opened(page, record, out);
    if (record->has_source_arn) {
        tr_buf_add_char(out, '}');
    } else {
        add_tail(out, stream_arn);
    }
}

/* Append bytes that already are in the buffer. */
static void add_again(struct tr_buf *out, size_t from, size_t len)
{
    if (tr_buf_reserve(out, len)) {
        tr_buf_add(out, (struct tr_bytes){out->ptr + from, len});
    }
}

void tr_page_add_records(const struct tr_page *page, size_t first, size_t count,
                         struct tr_bytes stream_arn, char end, struct tr_buf *out)
{
    const struct tr_record *records = page->records + first;
    const char closing[2] = {'}', end};
    size_t tail = 0, tail_len = 0, i;

    if (count == 0) {
        return;
    }
    tr_buf_reserve(out, records[count - 1].whole.start + records[count - 1].whole.len -
                            records[0].whole.start + count * (stream_arn.len + 24));
    for (i = 0; i < count; i++) {
        add_opened(page, &records[i], out);
        if (records[i].has_source_arn) {
            tr_buf_add(out, (struct tr_bytes){closing, 2});
        } else if (tail_len > 0) {
            add_again(out, tail, tail_len);
        } else {
            tail = out->len;
            add_tail(out, stream_arn);
            tr_buf_add_char(out, end);
            tail_len = out->len - tail;
        }
    }
}
