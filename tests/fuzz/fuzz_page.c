/* SPDX-License-Identifier: Apache-2.0
 *
 * The slicer on any bytes. What it takes must be JSON to the JSON reader too, all that it found
 * must lie inside the page, and the records that leave must be a page again, with the same numbers.
 */
#include "base/json.h"
#include "stream/page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_span(const struct tr_page *page, struct tr_span span)
{
    must((size_t)span.start + span.len <= page->body.len);
}

static void check_records(const struct tr_page *page)
{
    size_t i, end = 0;
    int64_t ms;
    for (i = 0; i < page->count; i++) {
        const struct tr_record *record = &page->records[i];
        struct tr_position position = tr_page_position(page, i);
        must(tr_position_is_sequence(&position));
        must(record->whole.start >= end && record->whole.len > 0);
        check_span(page, record->whole);
        check_span(page, record->sequence);
        check_span(page, record->keys);
        check_span(page, record->created);
        check_span(page, record->user_identity);
        end = (size_t)record->whole.start + record->whole.len;
        must(!tr_page_created_ms(page, i, &ms) || ms >= 0);
    }
}

/* The reader refuses what travels here byte for byte: bytes that are no UTF-8, lone surrogates. */
static void check_against_reader(const struct tr_page *page)
{
    struct tr_bytes text = tr_buf_bytes(&page->body);
    struct tr_json_doc doc = {0};
    if (tr_json_parse(&doc, text, NULL) == TR_OK) {
        must(tr_json_count(tr_json_get(tr_json_root(&doc), "Records")) == page->count);
    } else {
        must(!tr_bytes_utf8(text) || memmem(text.ptr, text.len, "\\u", 2) != NULL);
    }
    tr_json_deinit(&doc);
}

static void check_round_trip(const struct tr_page *page)
{
    struct tr_page again = {0};
    size_t i;
    if (page->count == 0) {
        return;
    }
    tr_buf_add_str(&again.body, "{\"Records\":[");
    tr_page_add_records(page, 0, page->count, TR_LIT("arn:\"x\""), ',', &again.body);
    must(memchr(again.body.ptr, '\n', again.body.len) == NULL);
    again.body.len--; /* the last comma */
    tr_buf_add_str(&again.body, "]}");
    must(tr_page_slice(&again, NULL) == TR_OK && again.count == page->count);
    for (i = 0; i < page->count; i++) {
        must(tr_bytes_eq(tr_page_span(&again, again.records[i].sequence),
                         tr_page_span(page, page->records[i].sequence)));
        must(again.records[i].has_source_arn && !again.records[i].has_newline);
    }
    tr_page_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tr_page page = {0};
    struct tr_err err = {0};
    tr_buf_add(&page.body, (struct tr_bytes){(const char *)data, size});
    if (tr_page_slice(&page, &err) == TR_OK) {
        check_records(&page);
        check_against_reader(&page);
        check_round_trip(&page);
    } else {
        must(page.count == 0 && page.bad_at <= size && err.text[0] != '\0');
    }
    tr_page_deinit(&page);
    return 0;
}
