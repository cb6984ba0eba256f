/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"
#include "stream/page.h"
#include "tests/support/test.h"

#define SEED 20261121u

#define DIGITS_40 "1234567890123456789012345678901234567890"

/* Slice a text; the page's earlier content is dropped, its memory stays. */
static enum tr_status slice(struct tr_page *page, struct tr_bytes text, struct tr_err *err)
{
    tr_buf_reset(&page->body);
    tr_buf_add(&page->body, text);
    return tr_page_slice(page, err);
}

static void add_span(struct tr_buf *out, const struct tr_page *page, struct tr_span span)
{
    struct tr_bytes bytes = tr_page_span(page, span);
    tr_buf_add_char(out, ' ');
    if (bytes.ptr == NULL) {
        tr_buf_add_char(out, '-');
    } else {
        tr_buf_add(out, bytes);
    }
}

/* All that was found, a line a record: sequence, event, keys, created, identity, flags. */
static void dump(struct tr_buf *out, const struct tr_page *page)
{
    static const char events[] = "?IMR";
    size_t i;
    for (i = 0; i < page->count; i++) {
        const struct tr_record *record = &page->records[i];
        tr_buf_add(out, tr_page_span(page, record->sequence));
        tr_buf_printf(out, " %c", events[record->event]);
        add_span(out, page, record->keys);
        add_span(out, page, record->created);
        add_span(out, page, record->user_identity);
        tr_buf_printf(out, "%s%s\n", record->has_newline ? " newline" : "",
                      record->has_source_arn ? " arn" : "");
    }
    tr_buf_add_str(out, "next ");
    tr_buf_add_str(out, page->has_next ? "" : "(none)");
    tr_buf_add(out, tr_buf_bytes(&page->next_iterator));
}

static const struct {
    const char *text, *found;
} pages[] = {
    {"{\"Records\":[]}", "next (none)"},
    {"{\"NextShardIterator\":\"it-1\",\"Records\":[]}", "next it-1"},
    {"{\"NextShardIterator\":null,\"Records\":[]}", "next (none)"},
    {"{\"NextShardIterator\":\"\",\"Records\":[]}", "next (none)"},
    {"{\"Records\":[],\"NextShardIterator\":\"a\\/b\\u0041\\\"\\u00e9\"}", "next a/bA\"\xc3\xa9"},
    /* as the service sends it */
    {"{\"NextShardIterator\":\"arn:aws:x|1\",\"Records\":[{\"awsRegion\":\"us-west-2\",\"dynamodb\""
     ":{\"ApproximateCreationDateTime\":1.795226580E9,\"Keys\":{\"pk\":{\"S\":\"a\"}},\"NewImage\":"
     "{\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"" DIGITS_40 "\"},\"l\":{\"L\":[{\"NULL\":true},{\"BOOL\""
     ":false}]}},\"SequenceNumber\":\"" DIGITS_40 "\",\"SizeBytes\":12,\"StreamViewType\":"
     "\"NEW_IMAGE\"},\"eventID\":\"x\",\"eventName\":\"INSERT\",\"eventSource\":\"aws:dynamodb\","
     "\"eventVersion\":\"1.1\"}]}",
     DIGITS_40 " I {\"pk\":{\"S\":\"a\"}} 1.795226580E9 -\nnext arn:aws:x|1"},
    /* any white space, any order */
    {" \t\r\n{ \"Records\" : [ { \"eventName\"\t:\"MODIFY\", \"dynamodb\" : { \"SequenceNumber\" : "
     "\"1\" , \"Keys\" : { } } } ,\n{\"dynamodb\":{\"SequenceNumber\":\"2\"}} ] } \n",
     "1 M { } - -\n2 ? - - -\nnext (none)"},
    {"{\"Records\":[{\"dynamodb\":{\"SequenceNumber\":\"1\"\n}},{\"dynamodb\":\r{\"SequenceNumber\""
     ":\"2\"}}]}",
     "1 ? - - - newline\n2 ? - - - newline\nnext (none)"},
    /* escapes in names and in the event's name */
    {"{\"\\u0052ecords\":[{\"dynamo\\u0064b\":{\"\\u0053equenceNumber\":\"7\",\"K\\u0065ys\":{}},"
     "\"event\\u004eame\":\"R\\u0045MOVE\",\"eventSourceAR\\u004E\":\"x\"}],"
     "\"Next\\u0053hardIterator\":\"n\"}",
     "7 R {} - - arn\nnext n"},
    /* names that only look like it: escapes beyond ASCII, prefixes, another case, a NUL */
    {"{\"Records\":[{\"dynamodb\":{\"SequenceNumber\":\"1\",\"Keys\\u0000\":{},\"Key\":{},\"keys\":"
     "{},\"\\u1053equenceNumber\":3,\"SequenceNumbe\\u0172\":3}}]}",
     "1 ? - - -\nnext (none)"},
    /* of several with one name the last counts, and only it */
    {"{\"Records\":[{\"dynamodb\":{\"SequenceNumber\":\"1\",\"SequenceNumber\":\"2\",\"Keys\":{}},"
     "\"eventName\":\"INSERT\",\"dynamodb\":{\"SequenceNumber\":\"3\"},\"eventName\":\"OTHER\"}]}",
     "3 ? - - -\nnext (none)"},
    {"{\"Records\":[{\"dynamodb\":{\"SequenceNumber\":\"1\"}}],\"NextShardIterator\":\"a\","
     "\"Records\":[],\"NextShardIterator\":null}",
     "next (none)"},
    /* unknown members of every type, on every level */
    {"{\"x\":[[],{},\"\",0,-1.5e+3,true,false,null,[{\"a\":[]}]],\"Records\":[{\"y\":{\"Keys\":1},"
     "\"dynamodb\":{\"z\":[{\"SequenceNumber\":\"9\"}],\"SequenceNumber\":\"1\"},\"eventName\":5,"
     "\"userIdentity\":{\"Type\":\"Service\"}}]}",
     "1 ? - - {\"Type\":\"Service\"}\nnext (none)"},
    /* structure inside strings, escapes, bytes that are no UTF-8, a lone surrogate */
    {"{\"Records\":[{\"dynamodb\":{\"Keys\":{\"]}\\\"{[\\\\\":\"\\\\\"},\"SequenceNumber\":\"1\"},"
     "\"a\":\"\xff\xc3\",\"b\":\"\\ud800\\t\\b\\f\\n\\r\\/\"}]}",
     "1 ? {\"]}\\\"{[\\\\\":\"\\\\\"} - -\nnext (none)"},
    /* a creation time that is no number is none */
    {"{\"Records\":[{\"dynamodb\":{\"SequenceNumber\":\"1\",\"ApproximateCreationDateTime\":1,"
     "\"ApproximateCreationDateTime\":\"2026\"}}]}",
     "1 ? - - -\nnext (none)"},
};

static void test_slicer__finds_what_a_page_holds_however_it_is_written(void **state)
{
    struct tr_page page = {0}; /* one for all: nothing of an earlier page may be left */
    size_t i;
    (void)state;
    for (i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct tr_buf found = {0};
        struct tr_err err = {0};
        tr_assert_status(slice(&page, tr_bytes_of(pages[i].text), &err), TR_OK, &err);
        dump(&found, &page);
        tr_assert_bytes(tr_buf_bytes(&found), pages[i].found);
        tr_buf_deinit(&found);
    }
    tr_page_deinit(&page);
}

#define IN_RECORD(text) "{\"Records\":[" text "]}"
#define IN_CHANGE(text) IN_RECORD("{\"dynamodb\":{" text "}}")

static void test_slicer__refuses_a_bad_page_and_says_where_and_why(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "page ends at byte 0, expected '{'"},
        {"<html>", "page byte 0 is '<', expected '{'"},
        {"[]", "page byte 0 is '[', expected '{'"},
        {"\xef\xbb\xbf{}", "page byte 0 is 0xef"},
        {" {}", "page byte 1: an answer without Records"},
        {"{\"NextShardIterator\":\"x\"}", "an answer without Records"},
        {"{\"Records\":null}", "page byte 11 is 'n', expected Records to be an array"},
        {"{\"Records\":{}}", "expected Records to be an array"},
        {"{\"Records\":[]}x", "page byte 14 is 'x', expected the end"},
        {"{\"Records\":[]}}", "expected the end"},
        {"{\"Records\":[],}", "expected a member's name"},
        {"{\"Records\":[] \"a\":1}", "page byte 14 is '\"', expected ',' or '}'"},
        {"{,\"Records\":[]}", "page byte 1 is ',', expected a member's name"},
        {"{\"Records\" []}", "page byte 11 is '[', expected ':'"},
        {"{\"Records\":[],\"NextShardIterator\":5}", "NextShardIterator to be a string"},
        {"{\"Records\":[],\"NextShardIterator\":nul}", "expected a json value"},
        {"{\"Records\":[],\"NextShardIterator\":\"\\ud800\"}",
         "page byte 34: NextShardIterator: json"},
        {IN_RECORD("5"), "page byte 12 is '5', expected a record, which is an object"},
        {IN_RECORD(","), "expected a record"},
        {IN_RECORD("{}"), "page byte 12: a record without a SequenceNumber"},
        {IN_RECORD("{\"dynamodb\":null}"), "expected dynamodb to be an object"},
        {IN_RECORD("{\"dynamodb\":{\"SequenceNumber\":\"1\"},\"dynamodb\":{}}"),
         "without a SequenceNumber"},
        {IN_RECORD("{\"dynamodb\":{\"SequenceNumber\":\"1\"}},"), "expected a record"},
        {IN_RECORD("{\"dynamodb\":{\"SequenceNumber\":\"1\"}} {}"), "expected ',' or ']'"},
        {IN_CHANGE("\"SequenceNumber\":\"\""),
         "page byte 42: SequenceNumber is not a string of 1 to 40 digits"},
        {IN_CHANGE("\"SequenceNumber\":1"), "page byte 42: SequenceNumber is not"},
        {IN_CHANGE("\"SequenceNumber\":\"1a\""), "SequenceNumber is not"},
        {IN_CHANGE("\"SequenceNumber\":\"-1\""), "SequenceNumber is not"},
        {IN_CHANGE("\"SequenceNumber\":\"" DIGITS_40 "1\""), "SequenceNumber is not"},
        {IN_CHANGE("\"x\":[1 2]"), "is '2', expected ',' or ']'"},
        {IN_CHANGE("\"x\":[1}"), "is '}', expected ',' or ']'"},
        {IN_CHANGE("\"x\":{\"a\":1]"), "is ']', expected ',' or '}'"},
        {IN_CHANGE("\"x\":{\"a\" 1}"), "expected ':'"},
        {IN_CHANGE("\"x\":{a:1}"), "is 'a', expected a member's name"},
        {IN_CHANGE("\"x\":{\"a\":1,}"), "expected a member's name"},
        {IN_CHANGE("\"x\":[1,]"), "is ']', expected a json value"},
        {IN_CHANGE("\"x\":"), "expected a json value"},
        {IN_CHANGE("\"x\":01"), "is '1', expected ',' or '}'"},
        {IN_CHANGE("\"x\":-"), "expected a digit"},
        {IN_CHANGE("\"x\":1."), "expected a digit"},
        {IN_CHANGE("\"x\":1e+"), "expected a digit"},
        {IN_CHANGE("\"x\":.5"), "expected a json value"},
        {IN_CHANGE("\"x\":NaN"), "expected a json value"},
        {IN_CHANGE("\"x\":trua"), "expected a json value"},
        {IN_CHANGE("\"x\":\"\\x\""), "expected a valid escape"},
        {IN_CHANGE("\"x\":\"\\u12g4\""), "is 'g', expected four hex digits"},
        {IN_CHANGE("\"x\":\"a\tb\""), "is 0x09, expected the end of a string"},
        {IN_CHANGE("\"x\":\"a\nb\""), "is 0x0a, expected the end of a string"},
        {IN_CHANGE("\"x\":\"\x1f\""), "is 0x1f, expected the end of a string"},
        {"{\"Records\":[{\"a", "page ends at byte 15, expected the end of a string"},
        {"{\"Records\":[{\"a\\", "page ends at byte 16, expected a valid escape"},
    };
    struct tr_page page = {0};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tr_err err = {0};
        tr_assert_status(slice(&page, tr_bytes_of(bad[i].text), &err), TR_EPARSE, &err);
        tr_assert_has(err.text, bad[i].why);
        assert_int_equal(page.count, 0);
    }
    tr_page_deinit(&page);
}

static void test_slicer__a_nul_is_refused_wherever_it_stands(void **state)
{
    static const char text[] = "{\"Records\":[{\"dynamodb\":{\"SequenceNumber\":\"1\"}}]}";
    struct tr_page page = {0};
    size_t i;
    (void)state;
    for (i = 0; i <= sizeof text - 1; i++) {
        struct tr_buf with = {0};
        struct tr_err err = {0};
        tr_buf_add(&with, (struct tr_bytes){text, i});
        tr_buf_add_char(&with, '\0');
        tr_buf_add_str(&with, text + i);
        tr_assert_status(slice(&page, tr_buf_bytes(&with), &err), TR_EPARSE, &err);
        assert_int_equal(page.bad_at, i);
        tr_assert_has(err.text, "is 0x00");
        tr_buf_deinit(&with);
    }
    tr_page_deinit(&page);
}

static void test_slicer__every_truncation_of_a_page_is_refused(void **state)
{
    struct tr_page page = {0};
    size_t i, len;
    (void)state;
    for (i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct tr_bytes whole = tr_bytes_trim(tr_bytes_of(pages[i].text));
        for (len = 0; len < whole.len; len++) {
            struct tr_err err = {0};
            tr_assert_status(slice(&page, (struct tr_bytes){whole.ptr, len}, &err), TR_EPARSE,
                             &err);
            assert_int_equal(page.bad_at, len);
        }
    }
    tr_page_deinit(&page);
}

static void test_slicer__nesting_ends_at_its_limit_not_at_the_stacks(void **state)
{
    static const size_t inside[] = {123, 124, 125, 10000};
    struct tr_page page = {0};
    size_t i, j;
    (void)state;
    for (i = 0; i < sizeof inside / sizeof inside[0]; i++) {
        struct tr_buf text = {0};
        struct tr_err err = {0};
        /* four levels are open where the value stands */
        tr_buf_add_str(&text, "{\"Records\":[{\"dynamodb\":{\"SequenceNumber\":\"1\",\"x\":");
        for (j = 0; j < inside[i]; j++) {
            tr_buf_add_str(&text, j % 2 == 0 ? "[" : "{\"a\":");
        }
        tr_buf_add_str(&text, "0");
        while (j-- > 0) {
            tr_buf_add_str(&text, j % 2 == 0 ? "]" : "}");
        }
        tr_buf_add_str(&text, "}}]}");
        if (inside[i] + 4 <= TR_PAGE_DEPTH_MAX) {
            tr_assert_status(slice(&page, tr_buf_bytes(&text), &err), TR_OK, &err);
        } else {
            tr_assert_status(slice(&page, tr_buf_bytes(&text), &err), TR_EPARSE, &err);
            tr_assert_has(err.text, "nested deeper than 128 levels");
        }
        tr_buf_deinit(&text);
    }
    tr_page_deinit(&page);
}

/* --- against the JSON reader ---------------------------------------------------------------- */

static void add_random_space(struct tr_buf *out, struct tr_random *random)
{
    while (tr_random_below(random, 4) == 0) {
        tr_buf_add_char(out, " \t\r\n"[tr_random_below(random, 4)]);
    }
}

/* A string; now and then one of its characters in an escaped spelling. */
static void add_random_name(struct tr_buf *out, struct tr_random *random, const char *text)
{
    tr_buf_add_char(out, '"');
    for (; *text != '\0'; text++) {
        if (tr_random_below(random, 16) == 0) {
            tr_buf_printf(out, "\\u%04x", (unsigned char)*text);
        } else {
            tr_buf_add_char(out, *text);
        }
    }
    tr_buf_add_char(out, '"');
}

static void add_random_string(struct tr_buf *out, struct tr_random *random)
{
    static const char *const pieces[] = {"a", "\\\"", "\\\\",    "{",        "}",          "]", "[",
                                         ",", ":",    "\\u0000", "\xc3\xa9", "bcdefghijk", " "};
    uint64_t count = tr_random_below(random, 12);
    tr_buf_add_char(out, '"');
    while (count-- > 0) {
        tr_buf_add_str(out, pieces[tr_random_below(random, sizeof pieces / sizeof pieces[0])]);
    }
    tr_buf_add_char(out, '"');
}

static void add_random_value(struct tr_buf *out, struct tr_random *random, unsigned levels)
{
    static const char *const scalars[] = {"0", "-12.50e-3", "true", "false", "null", DIGITS_40};
    uint64_t kind = tr_random_below(random, levels > 0 ? 4 : 2), count;
    if (kind == 0) {
        tr_buf_add_str(out, scalars[tr_random_below(random, 6)]);
        return;
    }
    if (kind == 1) {
        add_random_string(out, random);
        return;
    }
    tr_buf_add_char(out, kind == 2 ? '[' : '{');
    for (count = tr_random_below(random, 4); count > 0; count--) {
        add_random_space(out, random);
        if (kind == 3) {
            add_random_string(out, random);
            add_random_space(out, random);
            tr_buf_add_char(out, ':');
        }
        add_random_space(out, random);
        add_random_value(out, random, levels - 1);
        add_random_space(out, random);
        tr_buf_add_str(out, count > 1 ? "," : "");
    }
    tr_buf_add_char(out, kind == 2 ? ']' : '}');
}

/* Members of a level in random order, repeated, missing, with unknown ones between them. */
static void add_random_members(struct tr_buf *out, struct tr_random *random,
                               const char *const names[],
                               void (*add_value)(struct tr_buf *, struct tr_random *, const char *))
{
    uint64_t count = 1 + tr_random_below(random, 6);
    size_t known = 0;
    while (names[known] != NULL) {
        known++;
    }
    tr_buf_add_char(out, '{');
    for (; count > 0; count--) {
        const char *name = names[tr_random_below(random, known)];
        add_random_space(out, random);
        add_random_name(out, random, name);
        add_random_space(out, random);
        tr_buf_add_char(out, ':');
        add_random_space(out, random);
        add_value(out, random, name);
        add_random_space(out, random);
        tr_buf_add_char(out, ',');
    }
    add_random_space(out, random);
}

static void add_change_value(struct tr_buf *out, struct tr_random *random, const char *name)
{
    if (strcmp(name, "ApproximateCreationDateTime") == 0 && tr_random_below(random, 4) > 0) {
        tr_buf_add_str(out, "1795226580.5");
    } else {
        add_random_value(out, random, 4);
    }
}

static void add_record_value(struct tr_buf *out, struct tr_random *random, const char *name)
{
    static const char *const names[] = {"Keys", "NewImage", "ApproximateCreationDateTime",
                                        "k",    "Sequence", NULL};
    static const char *const events[] = {"INSERT", "MODIFY", "REMOVE", "insert"};
    if (strcmp(name, "dynamodb") == 0) {
        add_random_members(out, random, names, add_change_value);
        tr_buf_printf(out, "\"SequenceNumber\":\"%d\"}", (int)tr_random_below(random, 100000));
    } else if (strcmp(name, "eventName") == 0) {
        add_random_name(out, random, events[tr_random_below(random, 4)]);
    } else {
        add_random_value(out, random, 3);
    }
}

static void add_random_page(struct tr_buf *out, struct tr_random *random)
{
    static const char *const names[] = {"eventName", "userIdentity",   "dynamodb",
                                        "eventID",   "eventSourceARN", NULL};
    uint64_t count = tr_random_below(random, 5);
    add_random_space(out, random);
    tr_buf_add_str(out, "{\"unknown\":");
    add_random_value(out, random, 3);
    tr_buf_add_str(out, ",\"Records\":[");
    for (; count > 0; count--) {
        add_random_members(out, random, names, add_record_value);
        add_random_name(out, random, "dynamodb");
        tr_buf_add_char(out, ':');
        add_record_value(out, random, "dynamodb");
        add_random_space(out, random);
        tr_buf_add_str(out, count > 1 ? "}\n," : "}");
    }
    tr_buf_add_str(out, "],\"NextShardIterator\":\"i\\n\"}");
}

static void assert_same(const struct tr_page *page, struct tr_span span, struct tr_json value)
{
    struct tr_bytes got = tr_page_span(page, span), want = tr_json_raw(value);
    if (!tr_bytes_eq(got, want)) {
        fail_msg("got '%.*s', want '%.*s' of %s", TR_FMT(got), TR_FMT(want), page->body.ptr);
    }
}

static enum tr_event_name event_of(struct tr_json name)
{
    return tr_json_is(name, "INSERT")   ? TR_EVENT_INSERT
           : tr_json_is(name, "MODIFY") ? TR_EVENT_MODIFY
           : tr_json_is(name, "REMOVE") ? TR_EVENT_REMOVE
                                        : TR_EVENT_OTHER;
}

static bool has_line_break(struct tr_bytes bytes)
{
    return memchr(bytes.ptr, '\n', bytes.len) != NULL || memchr(bytes.ptr, '\r', bytes.len) != NULL;
}

static void compare_record(const struct tr_page *page, const struct tr_record *record,
                           struct tr_json want)
{
    struct tr_json change = tr_json_get(want, "dynamodb");
    struct tr_json sequence = tr_json_get(change, "SequenceNumber");
    struct tr_json created = tr_json_get(change, "ApproximateCreationDateTime");
    struct tr_span quoted = {record->sequence.start - 1, record->sequence.len + 2};

    assert_same(page, record->whole, want);
    assert_same(page, quoted, sequence);
    assert_same(page, record->keys, tr_json_get(change, "Keys"));
    assert_same(page, record->user_identity, tr_json_get(want, "userIdentity"));
    if (tr_json_type(created) == TR_JSON_NUMBER) {
        assert_same(page, record->created, created);
    } else {
        assert_int_equal(record->created.len, 0);
    }
    assert_int_equal(record->event, event_of(tr_json_get(want, "eventName")));
    assert_int_equal(record->has_source_arn, tr_json_get(want, "eventSourceARN").doc != NULL);
    assert_int_equal(record->has_newline, has_line_break(tr_json_raw(want)));
}

static void compare_page(const struct tr_page *page, struct tr_json want)
{
    struct tr_json records = tr_json_get(want, "Records"), record;
    struct tr_buf scratch = {0};
    struct tr_bytes next;
    size_t i = 0;
    assert_int_equal(page->count, tr_json_count(records));
    for (record = tr_json_first(records); record.doc != NULL;
         record = tr_json_next(records, record)) {
        compare_record(page, &page->records[i++], record);
    }
    assert_int_equal(tr_json_str(tr_json_get(want, "NextShardIterator"), &scratch, &next) &&
                         next.len > 0,
                     page->has_next);
    assert_true(!page->has_next || tr_bytes_eq(next, tr_buf_bytes(&page->next_iterator)));
    tr_buf_deinit(&scratch);
}

static void test_slicer__agrees_with_the_json_reader_on_generated_pages(void **state)
{
    struct tr_random random;
    struct tr_page page = {0};
    struct tr_json_doc doc = {0};
    struct tr_buf text = {0};
    unsigned i;
    (void)state;
    tr_random_init(&random, SEED);
    for (i = 0; i < 3000; i++) {
        struct tr_err err = {0};
        tr_buf_reset(&text);
        add_random_page(&text, &random);
        tr_assert_status(tr_json_parse(&doc, tr_buf_bytes(&text), &err), TR_OK, &err);
        tr_assert_status(slice(&page, tr_buf_bytes(&text), &err), TR_OK, &err);
        compare_page(&page, tr_json_root(&doc));
    }
    tr_buf_deinit(&text);
    tr_json_deinit(&doc);
    tr_page_deinit(&page);
}

static void assert_inside(const struct tr_page *page, struct tr_span span)
{
    assert_true((size_t)span.start + span.len <= page->body.len);
}

/* A page with one byte changed: what the slicer takes, the JSON reader takes, and says the same. */
static void check_changed(struct tr_page *page, struct tr_json_doc *doc, struct tr_bytes text)
{
    struct tr_err err = {0};
    enum tr_status status = slice(page, text, &err);
    size_t i;
    if (status != TR_OK) {
        tr_assert_status(status, TR_EPARSE, &err);
        assert_true(page->bad_at <= text.len);
        assert_int_equal(page->count, 0);
        return;
    }
    for (i = 0; i < page->count; i++) {
        assert_inside(page, page->records[i].whole);
        assert_inside(page, page->records[i].sequence);
        assert_inside(page, page->records[i].keys);
        assert_inside(page, page->records[i].created);
        assert_inside(page, page->records[i].user_identity);
    }
    if (tr_bytes_utf8(text) && strstr(text.ptr, "\\ud") == NULL) {
        tr_assert_status(tr_json_parse(doc, text, &err), TR_OK, &err);
        compare_page(page, tr_json_root(doc));
    }
}

static void test_slicer__one_changed_byte_is_refused_or_read_as_any_json_reader_would(void **state)
{
    static const char bytes[] = "\"\\{}[],:0-e.tn \n\x01\x7f\xc3/uA1";
    struct tr_page page = {0};
    struct tr_json_doc doc = {0};
    size_t i, at, change;
    (void)state;
    for (i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct tr_buf text = {0};
        tr_buf_add_str(&text, pages[i].text);
        for (at = 0; at < text.len; at++) {
            char old = text.ptr[at];
            for (change = 0; change < sizeof bytes; change++) { /* the last one is the NUL */
                text.ptr[at] = bytes[change];
                check_changed(&page, &doc, tr_buf_bytes(&text));
            }
            text.ptr[at] = old;
        }
        tr_buf_deinit(&text);
    }
    tr_json_deinit(&doc);
    tr_page_deinit(&page);
}

static void test_slicer__without_memory_says_so_and_can_be_tried_again(void **state)
{
    struct tr_buf text = {0};
    struct tr_random random;
    int64_t n;
    (void)state;
    tr_random_init(&random, SEED);
    while (text.len < 2000) {
        tr_buf_reset(&text);
        add_random_page(&text, &random);
    }
    for (n = 0;; n++) {
        struct tr_page page = {0};
        struct tr_err err = {0};
        enum tr_status status;
        tr_buf_add(&page.body, tr_buf_bytes(&text));
        tr_mem_fail_at(n);
        status = tr_page_slice(&page, &err);
        tr_mem_fail_at(-1);
        if (status == TR_OK) {
            tr_page_deinit(&page);
            break;
        }
        tr_assert_status(status, TR_ENOMEM, &err);
        assert_int_equal(page.count, 0);
        tr_assert_status(tr_page_slice(&page, &err), TR_OK, &err);
        assert_true(page.has_next);
        tr_page_deinit(&page);
    }
    assert_true(n >= 3); /* records, the reader's nodes, the iterator */
    tr_buf_deinit(&text);
}

static void test_slicer__a_body_that_could_not_be_stored_whole_is_no_page(void **state)
{
    struct tr_page page = {0};
    (void)state;
    tr_buf_add_str(&page.body, "{\"Records\":[]}");
    page.body.failed = true;
    tr_assert_status(tr_page_slice(&page, NULL), TR_ENOMEM, NULL);
    tr_page_deinit(&page);
}

static void test_slicer__a_page_beyond_what_a_span_can_name_is_refused(void **state)
{
    struct tr_page page = {0};
    struct tr_err err = {0};
    (void)state;
    page.body.len = UINT32_MAX; /* refused by its length: the bytes are never touched */
    tr_assert_status(tr_page_slice(&page, &err), TR_ELIMIT, &err);
    tr_assert_has(err.text, "4294967295 bytes");
    page.body.len = 0;
    tr_page_deinit(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slicer__finds_what_a_page_holds_however_it_is_written),
        cmocka_unit_test(test_slicer__refuses_a_bad_page_and_says_where_and_why),
        cmocka_unit_test(test_slicer__a_nul_is_refused_wherever_it_stands),
        cmocka_unit_test(test_slicer__every_truncation_of_a_page_is_refused),
        cmocka_unit_test(test_slicer__nesting_ends_at_its_limit_not_at_the_stacks),
        cmocka_unit_test(test_slicer__agrees_with_the_json_reader_on_generated_pages),
        cmocka_unit_test(test_slicer__one_changed_byte_is_refused_or_read_as_any_json_reader_would),
        cmocka_unit_test(test_slicer__without_memory_says_so_and_can_be_tried_again),
        cmocka_unit_test(test_slicer__a_body_that_could_not_be_stored_whole_is_no_page),
        cmocka_unit_test(test_slicer__a_page_beyond_what_a_span_can_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
