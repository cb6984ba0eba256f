/* SPDX-License-Identifier: Apache-2.0 */
#include "local/shard.h"

#include "base/mem.h"

#define CHUNK_MIN 2048u
#define CHUNK_MAX (1024u * 1024u)

static uint64_t power10(unsigned n)
{
    uint64_t power = 1;
    while (n-- > 0) {
        power *= 10;
    }
    return power;
}

/* Prefixes of even steps begin with a high digit, those of odd ones with a low digit: "7" then
 * "23", so that a longer number comes first in the order of strings. */
static uint64_t make_prefix(unsigned step, struct tr_random *random)
{
    uint64_t lead = step % 2 == 0 ? 5 + tr_random_below(random, 5) : 1 + tr_random_below(random, 4);
    if (step == TR_SEQUENCE_STEPS - 1) {
        return power10(step) + tr_random_below(random, 8 * power10(step - 1));
    }
    return lead * power10(step) + tr_random_below(random, power10(step));
}

static void add_step(struct tr_sequence *sequence, struct tr_random *random)
{
    sequence->step[sequence->steps].from = sequence->last + 1;
    sequence->step[sequence->steps].prefix = make_prefix(sequence->steps, random);
    sequence->steps++;
}

void tr_sequence_init(struct tr_sequence *sequence, struct tr_random *random)
{
    *sequence = (struct tr_sequence){.last = 1 + tr_random_below(random, 1000000000)};
    add_step(sequence, random);
    sequence->step[0].from = 0;
}

uint64_t tr_sequence_next(struct tr_sequence *sequence, struct tr_random *random)
{
    /* After 8, 32, 128 ... numbers the next is a digit longer: often at first, so that small tests
     * see it, and never beyond forty digits. */
    if (sequence->steps < TR_SEQUENCE_STEPS &&
        sequence->given >= (uint64_t)8 << (2 * (sequence->steps - 1))) {
        add_step(sequence, random);
    }
    sequence->given++;
    sequence->last += 1 + tr_random_below(random, 1000);
    return sequence->last;
}

/* Decimal digits with zeros in front; how many. (For each record of each write: printf takes more
 * time than all the rest.) */
static size_t put_digits(uint64_t value, size_t digits, char *out)
{
    size_t i;
    for (i = digits; i-- > 0;) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return digits;
}

void tr_sequence_print(const struct tr_sequence *sequence, uint64_t counter,
                       char out[TR_SEQUENCE_DIGITS_MAX + 1])
{
    unsigned step = sequence->steps - 1;
    while (step > 0 && sequence->step[step].from > counter) {
        step--;
    }
    out[put_digits(sequence->step[step].prefix, step + 1, out)] = '\0';
    out[step + 1 + put_digits(counter, 20, out + step + 1)] = '\0';
}

/* Up to twenty digits; saturates (2^64 has twenty digits, too). */
static uint64_t digits(struct tr_bytes text)
{
    uint64_t value = 0;
    return tr_bytes_u64(text, UINT64_MAX, &value) ? value : UINT64_MAX;
}

bool tr_sequence_parse(const struct tr_sequence *sequence, struct tr_bytes text, uint64_t *counter,
                       bool *exact)
{
    struct tr_bytes high, low;
    uint64_t prefix, rest;
    unsigned step;
    size_t i;

    if (text.len < 21 || text.len > TR_SEQUENCE_DIGITS_MAX) {
        return false;
    }
    for (i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    high = (struct tr_bytes){text.ptr, text.len - 20};
    low = (struct tr_bytes){text.ptr + high.len, 20};
    prefix = digits(high);
    rest = digits(low);
    *exact = false;
    for (step = 0; step < sequence->steps; step++) {
        uint64_t until =
            step + 1 < sequence->steps ? sequence->step[step + 1].from - 1 : UINT64_MAX;
        if (prefix < sequence->step[step].prefix ||
            (prefix == sequence->step[step].prefix && rest < sequence->step[step].from)) {
            *counter = sequence->step[step].from;
            return true;
        }
        if (prefix == sequence->step[step].prefix && rest <= until) {
            *counter = rest;
            *exact = true;
            return true;
        }
    }
    *counter = UINT64_MAX;
    return true;
}

void tr_local_shard_deinit(struct tr_local_shard *shard)
{
    size_t i;
    for (i = 0; i < shard->chunk_count; i++) {
        tr_free(shard->chunks[i].text);
    }
    tr_free(shard->chunks);
    tr_free(shard->records);
    *shard = (struct tr_local_shard){0};
}

/* The chunk that has room for len more bytes, made if need be; NULL without memory. */
static struct tr_local_shard_chunk *chunk_for(struct tr_local_shard *shard, size_t len)
{
    struct tr_local_shard_chunk *newest =
        shard->chunk_count > 0 ? &shard->chunks[shard->chunk_count - 1] : NULL;
    size_t cap = CHUNK_MIN;
    char *text;

    if (newest != NULL && newest->cap - newest->len >= len) {
        return newest;
    }
    if (newest != NULL) {
        cap = newest->cap < CHUNK_MAX / 2 ? (size_t)newest->cap * 2 : CHUNK_MAX;
    }
    cap = cap < len ? len : cap;
    if (!tr_grow(&shard->chunks, &shard->chunk_cap, shard->chunk_count + 1,
                 sizeof *shard->chunks) ||
        (text = tr_malloc(cap)) == NULL) {
        return NULL;
    }
    newest = &shard->chunks[shard->chunk_count++];
    *newest = (struct tr_local_shard_chunk){.text = text, .cap = (uint32_t)cap};
    return newest;
}

enum tr_status tr_local_shard_append(struct tr_local_shard *shard, uint64_t number,
                                     struct tr_wall now, struct tr_bytes text, uint32_t size)
{
    struct tr_local_shard_chunk *chunk;
    if (!tr_grow(&shard->records, &shard->cap, shard->count + 1, sizeof *shard->records) ||
        (chunk = chunk_for(shard, text.len + 1)) == NULL) {
        return TR_ENOMEM;
    }
    shard->records[shard->count++] = (struct tr_local_shard_record){
        .number = number,
        .created_ms = now.ms,
        .chunk = shard->chunk_base + (uint32_t)(chunk - shard->chunks),
        .at = chunk->len,
        .len = (uint32_t)text.len + 1,
        .size = size,
    };
    chunk->text[chunk->len] = ',';
    memcpy(chunk->text + chunk->len + 1, text.ptr, text.len);
    chunk->len += (uint32_t)text.len + 1;
    return TR_OK;
}

size_t tr_local_shard_find(const struct tr_local_shard *shard, uint64_t number)
{
    size_t low = shard->gone, high = shard->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (shard->records[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool tr_local_shard_is_unwritten(const struct tr_local_shard *shard)
{
    return shard->count == 0 && shard->trimmed == 0;
}

size_t tr_local_shard_kept(const struct tr_local_shard *shard)
{
    return shard->count - shard->gone;
}

size_t tr_local_shard_page_end(const struct tr_local_shard *shard, size_t from, size_t limit)
{
    size_t end = from;
    size_t bytes = 0;
    while (end < shard->count && end - from < limit &&
           (end == from || bytes + shard->records[end].size <= TR_PAGE_BYTES_MAX)) {
        bytes += shard->records[end].size;
        end++;
    }
    return end;
}

static const struct tr_local_shard_chunk *chunk_of(const struct tr_local_shard *shard,
                                                   size_t record)
{
    return &shard->chunks[shard->records[record].chunk - shard->chunk_base];
}

void tr_local_shard_print(const struct tr_local_shard *shard, size_t from, size_t to,
                          struct tr_buf *out)
{
    bool first = true;
    while (from < to) {
        const struct tr_local_shard_record *record = &shard->records[from];
        const struct tr_local_shard_record *last;
        size_t skip = first ? 1 : 0; /* the first record's comma */
        size_t next = from + 1;
        while (next < to && shard->records[next].chunk == record->chunk) {
            next++;
        }
        last = &shard->records[next - 1];
        tr_buf_add(out, (struct tr_bytes){chunk_of(shard, from)->text + record->at + skip,
                                          last->at + last->len - record->at - skip});
        first = false;
        from = next;
    }
}

/* Free the chunks before the first kept record, and the room of trimmed entries once they are the
 * larger half. */
static void give_back(struct tr_local_shard *shard)
{
    uint32_t keep = shard->gone < shard->count
                        ? shard->records[shard->gone].chunk - shard->chunk_base
                        : (uint32_t)shard->chunk_count;
    uint32_t i;

    for (i = 0; i < keep; i++) {
        tr_free(shard->chunks[i].text);
    }
    shard->chunk_count -= keep;
    shard->chunk_base += keep;
    memmove(shard->chunks, shard->chunks + keep, shard->chunk_count * sizeof *shard->chunks);
    if (shard->gone > shard->count / 2) {
        shard->count -= shard->gone;
        memmove(shard->records, shard->records + shard->gone,
                shard->count * sizeof *shard->records);
        shard->gone = 0;
    }
}

void tr_local_shard_trim(struct tr_local_shard *shard, size_t n)
{
    if (n > tr_local_shard_kept(shard)) {
        n = tr_local_shard_kept(shard);
    }
    if (n == 0) {
        return;
    }
    shard->gone += n;
    shard->trimmed = shard->records[shard->gone - 1].number;
    give_back(shard);
}

void tr_local_shard_trim_before(struct tr_local_shard *shard, int64_t ms)
{
    size_t n = 0;
    while (n < tr_local_shard_kept(shard) && shard->records[shard->gone + n].created_ms < ms) {
        n++;
    }
    tr_local_shard_trim(shard, n);
}
