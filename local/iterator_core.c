/* SPDX-License-Identifier: Apache-2.0 */
#include "local/iterator.h"

/* Behind the ARN: "|1|", then in hex the shard's id, three numbers and a checksum. */
#define PLAIN_LEN (TR_SHARD_ID_LEN + 4 * 8)

static void put64(unsigned char *at, uint64_t value)
{
    int i;
    for (i = 7; i >= 0; i--) {
        at[i] = (unsigned char)value;
        value >>= 8;
    }
}

static uint64_t get64(const unsigned char *at)
{
    uint64_t value = 0;
    int i;
    for (i = 0; i < 8; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static uint64_t checksum(struct tr_bytes arn, const unsigned char *plain, uint64_t key)
{
    uint64_t sum = tr_bytes_hash((struct tr_bytes){(const char *)plain, PLAIN_LEN - 8});
    return (sum ^ tr_bytes_hash(arn)) * 0x9e3779b97f4a7c15u ^ key;
}

/* Not secret, only not to be read at a glance: nobody should build on what is inside. */
static void veil(unsigned char *plain)
{
    size_t i;
    unsigned char last = 0xa5;
    for (i = PLAIN_LEN; i-- > 0;) {
        last = plain[i] = (unsigned char)(plain[i] ^ (last * 31 + i));
    }
}

static void unveil(unsigned char *plain)
{
    size_t i;
    unsigned char last = 0xa5;
    for (i = PLAIN_LEN; i-- > 0;) {
        unsigned char c = plain[i];
        plain[i] = (unsigned char)(c ^ (last * 31 + i));
        last = c;
    }
}

void tr_iterator_print(const struct tr_iterator *iterator, uint64_t key, struct tr_buf *out)
{
    unsigned char plain[PLAIN_LEN];
    memcpy(plain, iterator->shard, TR_SHARD_ID_LEN);
    put64(plain + TR_SHARD_ID_LEN, iterator->from);
    put64(plain + TR_SHARD_ID_LEN + 8, iterator->reader);
    put64(plain + TR_SHARD_ID_LEN + 16, (uint64_t)iterator->made.ms);
    put64(plain + TR_SHARD_ID_LEN + 24, checksum(iterator->arn, plain, key));
    veil(plain);
    tr_buf_add_char(out, '"');
    tr_buf_add(out, iterator->arn);
    tr_buf_add(out, TR_LIT("|1|"));
    tr_buf_add_hex(out, plain, sizeof plain);
    tr_buf_add_char(out, '"');
}

/* One more than the digit's value; 0: it is none. */
static const unsigned char hex_digits[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16};

static bool read_hex(struct tr_bytes text, unsigned char *out)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    size_t i;
    if (text.len != 2 * (size_t)PLAIN_LEN) {
        return false;
    }
    for (i = 0; i < PLAIN_LEN; i++) {
        unsigned high = hex_digits[p[2 * i]], low = hex_digits[p[2 * i + 1]];
        if (high == 0 || low == 0) {
            return false;
        }
        out[i] = (unsigned char)((high - 1) * 16 + low - 1);
    }
    return true;
}

bool tr_iterator_parse(struct tr_bytes text, uint64_t key, struct tr_iterator *out)
{
    unsigned char plain[PLAIN_LEN];
    struct tr_bytes rest = text;

    out->arn = tr_bytes_cut(&rest, '|');
    if (rest.ptr == NULL || !tr_bytes_is(tr_bytes_cut(&rest, '|'), "1") || rest.ptr == NULL ||
        !read_hex(rest, plain)) {
        return false;
    }
    unveil(plain);
    if (get64(plain + TR_SHARD_ID_LEN + 24) != checksum(out->arn, plain, key)) {
        return false;
    }
    memcpy(out->shard, plain, TR_SHARD_ID_LEN);
    out->shard[TR_SHARD_ID_LEN] = '\0';
    out->from = get64(plain + TR_SHARD_ID_LEN);
    out->reader = get64(plain + TR_SHARD_ID_LEN + 8);
    out->made.ms = (int64_t)get64(plain + TR_SHARD_ID_LEN + 16);
    return true;
}
