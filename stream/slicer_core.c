/* SPDX-License-Identifier: Apache-2.0
 *
 * The slicer: one pass over a page's bytes that checks JSON's structure and notes where things lie.
 * The four levels that every page has (the answer, Records, a record, its dynamodb member) are one
 * function each; what lies below them is stepped over by skip_value, whose stack is an array.
 * Strings are most of a page: they are searched eight bytes at a time with plain integers. The
 * padding behind the body makes that safe, and since its NULs are legal nowhere in JSON, no loop
 * here has to look for the end. */
#include "stream/slicer.h"

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "stream/page.h"

/* NULs behind the body: as many bytes as one step of a search reads. */
#define PADDING 8

struct slicer {
    struct tr_page *page;
    const unsigned char *text;
    const unsigned char *end;
    struct tr_span iterator; /* NextShardIterator with its quotes; len 0: none, or null */
    bool has_records;
    bool escaped; /* a string since the last reset held a backslash */
    bool newline; /* white space since the last reset held a line break */
    enum tr_status status;
    struct tr_err *err;
};

/* A member's name without its quotes; raw.ptr NULL: there was none, the object is closed. */
struct name {
    struct tr_bytes raw;
    bool escaped;
};

/* From here on: a reader gets the place to start at and returns the place behind what it read, or
 * NULL when it failed (status and err are then set). */

__attribute__((cold)) static const unsigned char *refuse(struct slicer *s, const unsigned char *p,
                                                         const char *what)
{
    size_t at = (size_t)(p - s->text);
    s->page->bad_at = at;
    s->status = tr_fail(s->err, TR_EPARSE, "page byte %zu: %s", at, what);
    return NULL;
}

__attribute__((cold)) static const unsigned char *expected(struct slicer *s, const unsigned char *p,
                                                           const char *what)
{
    size_t at = (size_t)(p - s->text);
    s->page->bad_at = at;
    if (p == s->end) {
        s->status = tr_fail(s->err, TR_EPARSE, "page ends at byte %zu, expected %s", at, what);
    } else if (*p > 0x20 && *p < 0x7f) {
        s->status = tr_fail(s->err, TR_EPARSE, "page byte %zu is '%c', expected %s", at, *p, what);
    } else {
        s->status =
            tr_fail(s->err, TR_EPARSE, "page byte %zu is 0x%02x, expected %s", at, *p, what);
    }
    return NULL;
}

static struct tr_span span_between(const struct slicer *s, const unsigned char *from,
                                   const unsigned char *to)
{
    return (struct tr_span){(uint32_t)(from - s->text), (uint32_t)(to - from)};
}

static const unsigned char *skip_spaces(struct slicer *s, const unsigned char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r') {
        s->newline = s->newline || *p == '\n' || *p == '\r';
        p++;
    }
    return p;
}

/* The services send no white space between tokens: one comparison is the usual cost. */
static inline const unsigned char *skip_space(struct slicer *s, const unsigned char *p)
{
    return *p > ' ' ? p : skip_spaces(s, p);
}

#define EACH(byte) ((uint64_t)(byte)*0x0101010101010101u)

/* Eight bytes, the first one lowest. */
static inline uint64_t load(const unsigned char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The first quote, backslash or control character from p on: how a string may go on. This is the
 * place for wider registers.
 * A byte minus a bound borrows, and so sets its top bit, if it is below the bound; those that had
 * it set before are masked out. With bit 1 flipped, exactly the quote joins the control characters
 * below 0x21. A borrow may spoil the bytes above one that matches, but the lowest match is sure. */
static inline const unsigned char *find_special(const unsigned char *p)
{
    for (;; p += sizeof(uint64_t)) {
        uint64_t word = load(p);
        uint64_t quote_or_control = (word ^ EACH(0x02)) - EACH(0x21);
        uint64_t backslash = (word ^ EACH('\\')) - EACH(1);
        uint64_t hit = (quote_or_control | backslash) & ~word & EACH(0x80);
        if (hit != 0) {
            return p + __builtin_ctzll(hit) / 8;
        }
    }
}

static bool is_hex(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static const unsigned char *skip_escape(struct slicer *s, const unsigned char *p)
{
    static const char plain[] = {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'};
    unsigned digits;
    s->escaped = true;
    p++;
    if (*p != 'u') {
        return memchr(plain, *p, sizeof plain) != NULL ? p + 1 : expected(s, p, "a valid escape");
    }
    p++;
    for (digits = 0; digits < 4; digits++, p++) {
        if (!is_hex(*p)) {
            return expected(s, p, "four hex digits");
        }
    }
    return p;
}

/* p is behind the opening quote. */
static inline const unsigned char *skip_string(struct slicer *s, const unsigned char *p)
{
    for (;;) {
        p = find_special(p);
        if (*p == '"') {
            return p + 1;
        }
        if (*p != '\\') {
            return expected(s, p, "the end of a string");
        }
        if ((p = skip_escape(s, p)) == NULL) {
            return NULL;
        }
    }
}

static const unsigned char *skip_digits(struct slicer *s, const unsigned char *p)
{
    if (*p < '0' || *p > '9') {
        return expected(s, p, "a digit");
    }
    while (*p >= '0' && *p <= '9') {
        p++;
    }
    return p;
}

static const unsigned char *skip_number(struct slicer *s, const unsigned char *p)
{
    p += *p == '-';
    p = *p == '0' ? p + 1 : skip_digits(s, p);
    if (p != NULL && *p == '.') {
        p = skip_digits(s, p + 1);
    }
    if (p != NULL && (*p == 'e' || *p == 'E')) {
        p++;
        p = skip_digits(s, p + (*p == '+' || *p == '-'));
    }
    return p;
}

static const unsigned char *skip_word(struct slicer *s, const unsigned char *p, const char *word)
{
    for (; *word != '\0'; word++, p++) {
        if (*p != (unsigned char)*word) {
            return expected(s, p, "a json value");
        }
    }
    return p;
}

static const unsigned char *skip_scalar(struct slicer *s, const unsigned char *p)
{
    switch (*p) {
    case 't':
        return skip_word(s, p, "true");
    case 'f':
        return skip_word(s, p, "false");
    case 'n':
        return skip_word(s, p, "null");
    case '-':
        return skip_number(s, p);
    default:
        return *p >= '0' && *p <= '9' ? skip_number(s, p) : expected(s, p, "a json value");
    }
}

/* A member's name and colon, up to its value. */
static inline const unsigned char *skip_name(struct slicer *s, const unsigned char *p)
{
    if (*p != '"') {
        return expected(s, p, "a member's name");
    }
    if ((p = skip_string(s, p + 1)) == NULL) {
        return NULL;
    }
    p = skip_space(s, p);
    return *p == ':' ? skip_space(s, p + 1) : expected(s, p, "':'");
}

/* Step over one value of any type inside `depth` open containers. */
static const unsigned char *skip_value(struct slicer *s, const unsigned char *p, unsigned depth)
{
    unsigned char closers[TR_PAGE_DEPTH_MAX]; /* what each open container ends with */
    const unsigned outside = depth;

    for (;;) {
        if (*p == '"') {
            p = skip_string(s, p + 1);
        } else if (*p != '{' && *p != '[') {
            p = skip_scalar(s, p);
        } else if (depth == TR_PAGE_DEPTH_MAX) {
            return refuse(s, p, "nested deeper than 128 levels");
        } else {
            closers[depth++] = *p == '{' ? '}' : ']';
            p = skip_space(s, p + 1);
            if (*p != closers[depth - 1]) {
                if (closers[depth - 1] == '}' && (p = skip_name(s, p)) == NULL) {
                    return NULL;
                }
                continue;
            }
        }
        if (p == NULL) {
            return NULL;
        }
        /* Behind a value, or at the end of an empty container: close what ends here. */
        while (depth > outside && *(p = skip_space(s, p)) == closers[depth - 1]) {
            p++;
            depth--;
        }
        if (depth == outside) {
            return p;
        }
        if (*p != ',') {
            return expected(s, p, closers[depth - 1] == '}' ? "',' or '}'" : "',' or ']'");
        }
        p = skip_space(s, p + 1);
        if (closers[depth - 1] == '}' && (p = skip_name(s, p)) == NULL) {
            return NULL;
        }
    }
}

/* Step to an object's next member: p is behind the object's brace (`first`) or behind a value.
 * Returns the place of the member's value, or the place behind the object with name absent. */
static inline const unsigned char *next_member(struct slicer *s, const unsigned char *p, bool first,
                                               struct name *name)
{
    const unsigned char *from;
    name->raw.ptr = NULL;
    p = skip_space(s, p);
    if (*p == '}') {
        return p + 1;
    }
    if (!first) {
        if (*p != ',') {
            return expected(s, p, "',' or '}'");
        }
        p = skip_space(s, p + 1);
    }
    if (*p != '"') {
        return expected(s, p, "a member's name");
    }
    s->escaped = false;
    from = p + 1;
    if ((p = skip_string(s, from)) == NULL) {
        return NULL;
    }
    name->raw = (struct tr_bytes){(const char *)from, (size_t)(p - 1 - from)};
    name->escaped = s->escaped;
    p = skip_space(s, p);
    return *p == ':' ? skip_space(s, p + 1) : expected(s, p, "':'");
}

static unsigned hex_value(unsigned char c)
{
    return c <= '9' ? c - (unsigned)'0' : (c | 0x20u) - 'a' + 10;
}

/* The character that an escape stands for; those beyond ASCII stay what they are, numbers that no
 * ASCII text holds. Moves *at behind the escape. */
static unsigned unescape(const unsigned char *raw, size_t *at)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const unsigned char *p = raw + *at + 1;
    const char *short_form;
    if (*p == 'u') {
        *at += 6;
        return hex_value(p[1]) << 12 | hex_value(p[2]) << 8 | hex_value(p[3]) << 4 |
               hex_value(p[4]);
    }
    *at += 2;
    short_form = memchr(from, *p, sizeof from - 1);
    return short_form != NULL ? (unsigned char)to[short_form - from] : *p;
}

bool tr_slicer_spells(struct tr_bytes raw, const char *text)
{
    const unsigned char *p = (const unsigned char *)raw.ptr;
    size_t at = 0;
    for (; *text != '\0'; text++) {
        if (at >= raw.len) {
            return false;
        }
        if ((p[at] == '\\' ? unescape(p, &at) : p[at++]) != (unsigned char)*text) {
            return false;
        }
    }
    return at == raw.len;
}

static inline bool name_is(const struct name *name, const char *text, size_t len)
{
    if (!name->escaped) {
        return name->raw.len == len && memcmp(name->raw.ptr, text, len) == 0;
    }
    return tr_slicer_spells(name->raw, text);
}

#define NAME_IS(name, literal) name_is(name, literal, sizeof(literal) - 1)

/* A value whose bytes are wanted. */
static const unsigned char *take_value(struct slicer *s, const unsigned char *p, unsigned depth,
                                       struct tr_span *span)
{
    const unsigned char *from = p;
    if ((p = skip_value(s, p, depth)) != NULL) {
        *span = span_between(s, from, p);
    }
    return p;
}

static const unsigned char *take_sequence(struct slicer *s, const unsigned char *p,
                                          struct tr_span *span)
{
    const unsigned char *from = p + 1;
    if (*p == '"') {
        for (p = from; *p >= '0' && *p <= '9'; p++) {
        }
        if (*p == '"' && p > from && p - from <= TR_SEQUENCE_DIGITS_MAX) {
            *span = span_between(s, from, p);
            return p + 1;
        }
    }
    /* Malformed JSON is said to be that, wherever it is. */
    return skip_value(s, from - 1, 4) == NULL
               ? NULL
               : refuse(s, from - 1, "SequenceNumber is not a string of 1 to 40 digits");
}

static const unsigned char *take_event(struct slicer *s, const unsigned char *p, uint8_t *event)
{
    static const char *const names[] = {
        [TR_EVENT_INSERT] = "INSERT", [TR_EVENT_MODIFY] = "MODIFY", [TR_EVENT_REMOVE] = "REMOVE"};
    struct tr_span span;
    struct name value;
    *event = TR_EVENT_OTHER;
    s->escaped = false;
    if (*p != '"') {
        return skip_value(s, p, 3);
    }
    if ((p = take_value(s, p, 3, &span)) == NULL) {
        return NULL;
    }
    value.raw = (struct tr_bytes){(const char *)s->text + span.start + 1, span.len - 2};
    value.escaped = s->escaped;
    for (int i = TR_EVENT_INSERT; i <= TR_EVENT_REMOVE; i++) {
        if (name_is(&value, names[i], strlen(names[i]))) {
            *event = (uint8_t)i;
        }
    }
    return p;
}

/* The dynamodb member: an object, anything else has no sequence number. */
static const unsigned char *slice_change(struct slicer *s, const unsigned char *p,
                                         struct tr_record *record)
{
    struct name name;
    /* Of several with one name the last counts, whole. */
    record->sequence = record->keys = record->created = (struct tr_span){0, 0};
    if (*p != '{') {
        return expected(s, p, "dynamodb to be an object");
    }
    p++;
    for (bool first = true;; first = false) {
        if ((p = next_member(s, p, first, &name)) == NULL || name.raw.ptr == NULL) {
            return p;
        }
        if (NAME_IS(&name, "Keys")) {
            p = take_value(s, p, 4, &record->keys);
        } else if (NAME_IS(&name, "SequenceNumber")) {
            p = take_sequence(s, p, &record->sequence);
        } else if (NAME_IS(&name, "ApproximateCreationDateTime")) {
            bool number = *p == '-' || (*p >= '0' && *p <= '9');
            p = take_value(s, p, 4, &record->created);
            if (!number) {
                record->created = (struct tr_span){0, 0};
            }
        } else {
            p = skip_value(s, p, 4);
        }
        if (p == NULL) {
            return NULL;
        }
    }
}

static const unsigned char *slice_member(struct slicer *s, const unsigned char *p,
                                         const struct name *name, struct tr_record *record)
{
    if (NAME_IS(name, "dynamodb")) {
        return slice_change(s, p, record);
    }
    if (NAME_IS(name, "eventName")) {
        return take_event(s, p, &record->event);
    }
    if (NAME_IS(name, "userIdentity")) {
        return take_value(s, p, 3, &record->user_identity);
    }
    record->has_source_arn = record->has_source_arn || NAME_IS(name, "eventSourceARN");
    return skip_value(s, p, 3);
}

static const unsigned char *slice_record(struct slicer *s, const unsigned char *p,
                                         struct tr_record *record)
{
    const unsigned char *from = p;
    struct name name;
    *record = (struct tr_record){0};
    if (*p != '{') {
        return expected(s, p, "a record, which is an object");
    }
    s->newline = false;
    p++;
    for (bool first = true;; first = false) {
        if ((p = next_member(s, p, first, &name)) == NULL) {
            return NULL;
        }
        if (name.raw.ptr == NULL) {
            break;
        }
        if ((p = slice_member(s, p, &name, record)) == NULL) {
            return NULL;
        }
    }
    if (record->sequence.len == 0) {
        return refuse(s, from, "a record without a SequenceNumber");
    }
    record->whole = span_between(s, from, p);
    record->has_newline = s->newline;
    return p;
}

static const unsigned char *slice_records(struct slicer *s, const unsigned char *p)
{
    struct tr_page *page = s->page;
    page->count = 0;
    if (*p != '[') {
        return expected(s, p, "Records to be an array");
    }
    s->has_records = true;
    p = skip_space(s, p + 1);
    if (*p == ']') {
        return p + 1;
    }
    for (;;) {
        if (!tr_grow(&page->records, &page->cap, page->count + 1, sizeof *page->records)) {
            s->status = tr_fail(s->err, TR_ENOMEM, "no memory for %zu records", page->count + 1);
            return NULL;
        }
        if ((p = slice_record(s, p, &page->records[page->count])) == NULL) {
            return NULL;
        }
        page->count++;
        p = skip_space(s, p);
        if (*p == ']') {
            return p + 1;
        }
        if (*p != ',') {
            return expected(s, p, "',' or ']'");
        }
        p = skip_space(s, p + 1);
    }
}

static const unsigned char *take_iterator(struct slicer *s, const unsigned char *p)
{
    s->iterator = (struct tr_span){0, 0};
    if (*p == '"') {
        return take_value(s, p, 1, &s->iterator);
    }
    return *p == 'n' ? skip_value(s, p, 1) : expected(s, p, "NextShardIterator to be a string");
}

static const unsigned char *slice_answer(struct slicer *s, const unsigned char *p)
{
    const unsigned char *from = p = skip_space(s, p);
    struct name name;
    if (*p != '{') {
        return expected(s, p, "'{'");
    }
    p++;
    for (bool first = true;; first = false) {
        if ((p = next_member(s, p, first, &name)) == NULL || name.raw.ptr == NULL) {
            break;
        }
        if (NAME_IS(&name, "Records")) {
            p = slice_records(s, p);
        } else if (NAME_IS(&name, "NextShardIterator")) {
            p = take_iterator(s, p);
        } else {
            p = skip_value(s, p, 1);
        }
        if (p == NULL) {
            return NULL;
        }
    }
    if (p != NULL && (p = skip_space(s, p)) != s->end) {
        return expected(s, p, "the end");
    }
    /* An answer without Records is no empty page: it also lacks NextShardIterator, and to believe
     * it would end the shard. */
    return p == NULL || s->has_records ? p : refuse(s, from, "an answer without Records");
}

/* Unescape the iterator by way of the JSON reader: one with a backslash is rare. */
static enum tr_status decode_iterator(struct slicer *s)
{
    struct tr_page *page = s->page;
    struct tr_bytes raw = tr_page_span(page, s->iterator);
    struct tr_json_doc doc = {0};
    enum tr_status status = TR_OK;

    if (s->iterator.len == 0) {
        return TR_OK;
    }
    if (memchr(raw.ptr, '\\', raw.len) == NULL) {
        tr_buf_add(&page->next_iterator, (struct tr_bytes){raw.ptr + 1, raw.len - 2});
    } else if ((status = tr_json_parse(&doc, raw, s->err)) == TR_OK) {
        (void)tr_json_add_str(tr_json_root(&doc), &page->next_iterator);
    }
    tr_json_deinit(&doc);
    if (status == TR_EPARSE) {
        page->bad_at = s->iterator.start;
        return tr_wrap(s->err, status, "page byte %zu: NextShardIterator", page->bad_at);
    }
    if (status == TR_OK && tr_buf_status(&page->next_iterator) != TR_OK) {
        status = tr_fail(s->err, TR_ENOMEM, "no memory for an iterator of %zu bytes", raw.len);
    }
    page->has_next = status == TR_OK && page->next_iterator.len > 0;
    return status;
}

/* Put the padding behind the body. */
static enum tr_status pad(struct tr_page *page, struct tr_err *err)
{
    if (page->body.len >= UINT32_MAX - PADDING) {
        return tr_fail(err, TR_ELIMIT, "page of %zu bytes is too long", page->body.len);
    }
    if (page->body.failed) {
        return tr_fail(err, TR_ENOMEM, "the page was not received whole");
    }
    if (!tr_buf_reserve(&page->body, PADDING)) {
        page->body.failed = false; /* the content is whole: it may be sliced again */
        return tr_fail(err, TR_ENOMEM, "no memory to pad a page of %zu bytes", page->body.len);
    }
    memset(page->body.ptr + page->body.len, 0, PADDING);
    return TR_OK;
}

enum tr_status tr_page_slice(struct tr_page *page, struct tr_err *err)
{
    struct slicer s = {.page = page, .status = TR_OK, .err = err};

    page->count = 0;
    page->has_next = false;
    page->bad_at = 0;
    tr_buf_reset(&page->next_iterator);
    s.status = pad(page, err);
    if (s.status == TR_OK) {
        s.text = (const unsigned char *)page->body.ptr;
        s.end = s.text + page->body.len;
        if (slice_answer(&s, s.text) != NULL) {
            s.status = decode_iterator(&s);
        }
    }
    if (s.status != TR_OK) {
        page->count = 0;
    }
    return s.status;
}
