/* SPDX-License-Identifier: Apache-2.0
 *
 * A number in work is a row of decimal digits, one for each power of ten from 10^125 down to
 * 10^-167, which is where the last of 38 digits of the smallest number stands. */
#include "local/number.h"

#define EXPONENT_LOWEST (TR_NUMBER_EXPONENT_MIN - TR_NUMBER_DIGITS_MAX + 1)
#define ROW_DIGITS (TR_NUMBER_EXPONENT_MAX - EXPONENT_LOWEST + 1)

struct decimal {
    bool negative;
    size_t count;  /* of digits; 0: the number is zero */
    int64_t first; /* power of ten of the first digit */
    char digits[TR_NUMBER_DIGITS_MAX];
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What parse collects: digits without leading zeros, and where the point is. */
struct scan {
    const char *p;
    size_t left;
    struct decimal *out;
    size_t seen;    /* digits of any kind */
    size_t pending; /* zeros that count only if another digit follows */
    size_t counted; /* significant digits so far, without pending; may exceed the maximum */
    int64_t point;  /* digits before the point, from the first significant one; negative: zeros */
};

static void scan_digits(struct scan *s, bool fraction)
{
    for (; s->left > 0 && is_digit(*s->p); s->p++, s->left--) {
        s->seen++;
        if (*s->p == '0') {
            s->pending += s->counted > 0;
            s->point += s->counted > 0 ? !fraction : -(int64_t)fraction;
            continue;
        }
        for (; s->pending > 0; s->pending--, s->counted++) {
            if (s->counted < TR_NUMBER_DIGITS_MAX) {
                s->out->digits[s->counted] = '0';
            }
        }
        if (s->counted < TR_NUMBER_DIGITS_MAX) {
            s->out->digits[s->counted] = *s->p;
        }
        s->counted++;
        s->point += !fraction;
    }
}

/* The exponent behind an 'e'; kept small enough to be added to lengths without a thought. */
static bool scan_exponent(struct scan *s, int64_t *out)
{
    int64_t value = 0;
    bool negative = false;
    *out = 0;
    if (s->left == 0 || (*s->p != 'e' && *s->p != 'E')) {
        return true;
    }
    s->p++;
    s->left--;
    if (s->left > 0 && (*s->p == '+' || *s->p == '-')) {
        negative = *s->p == '-';
        s->p++;
        s->left--;
    }
    if (s->left == 0) {
        return false;
    }
    for (; s->left > 0 && is_digit(*s->p); s->p++, s->left--) {
        value = value < 100000000 ? value * 10 + (*s->p - '0') : value;
    }
    *out = negative ? -value : value;
    return true;
}

static enum tr_number_outcome decimal_of(struct tr_bytes text, struct decimal *out)
{
    struct scan s = {.p = text.ptr, .left = text.len, .out = out};
    int64_t exponent;

    out->negative = false;
    if (s.left > 0 && (*s.p == '-' || *s.p == '+')) {
        out->negative = *s.p == '-';
        s.p++;
        s.left--;
    }
    scan_digits(&s, false);
    if (s.left > 0 && *s.p == '.') {
        s.p++;
        s.left--;
        scan_digits(&s, true);
    }
    if (s.seen == 0 || !scan_exponent(&s, &exponent) || s.left > 0) {
        return TR_NUMBER_MALFORMED;
    }
    out->count = s.counted;
    out->first = s.point - 1 + exponent;
    if (s.counted == 0) {
        return TR_NUMBER_OK;
    }
    if (out->first > TR_NUMBER_EXPONENT_MAX) {
        return TR_NUMBER_OVERFLOW;
    }
    if (out->first < TR_NUMBER_EXPONENT_MIN) {
        return TR_NUMBER_UNDERFLOW;
    }
    return s.counted > TR_NUMBER_DIGITS_MAX ? TR_NUMBER_PRECISION : TR_NUMBER_OK;
}

static void put(struct tr_number *out, char c)
{
    out->text[out->len++] = c;
}

static void format(const struct decimal *d, struct tr_number *out)
{
    int64_t power = d->first > 0 ? d->first : 0;
    int64_t last = d->first - (int64_t)d->count + 1;

    out->len = 0;
    if (d->count == 0) {
        put(out, '0');
        return;
    }
    if (d->negative) {
        put(out, '-');
    }
    for (; power >= 0 || power >= last; power--) {
        if (power == -1) {
            put(out, '.');
        }
        put(out, power <= d->first && power >= last ? d->digits[d->first - power] : '0');
    }
}

enum tr_number_outcome tr_number_parse(struct tr_bytes text, struct tr_number *out)
{
    struct decimal d;
    enum tr_number_outcome outcome = decimal_of(text, &d);
    if (outcome == TR_NUMBER_OK) {
        format(&d, out);
    }
    return outcome;
}

static size_t whole_length(struct tr_bytes text)
{
    const char *point = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
    return point != NULL ? (size_t)(point - text.ptr) : text.len;
}

static struct tr_bytes without_sign(struct tr_bytes text, bool *negative)
{
    *negative = text.len > 0 && text.ptr[0] == '-';
    if (*negative) {
        text.ptr++;
        text.len--;
    }
    return text;
}

/* Normalised digits of numbers with as many whole digits compare as text. */
static int cmp_magnitude(struct tr_bytes a, struct tr_bytes b)
{
    size_t whole_a = whole_length(a), whole_b = whole_length(b);
    if (whole_a != whole_b) {
        return whole_a < whole_b ? -1 : 1;
    }
    return tr_bytes_cmp(a, b);
}

int tr_number_cmp(struct tr_bytes a, struct tr_bytes b)
{
    bool negative_a, negative_b;
    int order;
    a = without_sign(a, &negative_a);
    b = without_sign(b, &negative_b);
    if (negative_a != negative_b) {
        return negative_a ? -1 : 1;
    }
    order = cmp_magnitude(a, b);
    return negative_a ? -order : order;
}

/* Lay the digits out in a row; index 0 is 10^125. */
static void lay_out(const struct decimal *d, signed char row[ROW_DIGITS])
{
    size_t i;
    memset(row, 0, ROW_DIGITS);
    for (i = 0; i < d->count; i++) {
        row[TR_NUMBER_EXPONENT_MAX - d->first + (int64_t)i] = (signed char)(d->digits[i] - '0');
    }
}

static int cmp_decimal(const struct decimal *a, const struct decimal *b)
{
    signed char row_a[ROW_DIGITS], row_b[ROW_DIGITS];
    lay_out(a, row_a);
    lay_out(b, row_b);
    return memcmp(row_a, row_b, ROW_DIGITS);
}

/* big ± small into row; big's magnitude is not below small's. Returns what is carried out of it. */
static int add_rows(const struct decimal *big, const struct decimal *small, bool minus,
                    signed char row[ROW_DIGITS])
{
    signed char other[ROW_DIGITS];
    int carry = 0, i;
    lay_out(big, row);
    lay_out(small, other);
    for (i = ROW_DIGITS - 1; i >= 0; i--) {
        int digit = row[i] + (minus ? -other[i] : other[i]) + carry;
        carry = digit > 9 ? 1 : digit < 0 ? -1 : 0;
        row[i] = (signed char)(digit - 10 * carry);
    }
    return carry;
}

static enum tr_number_outcome decimal_of_row(const signed char row[ROW_DIGITS], struct decimal *d)
{
    int first = 0, last = ROW_DIGITS - 1, i;
    while (first < ROW_DIGITS && row[first] == 0) {
        first++;
    }
    while (last > first && row[last] == 0) {
        last--;
    }
    d->count = 0;
    if (first == ROW_DIGITS) {
        return TR_NUMBER_OK;
    }
    if (last - first + 1 > TR_NUMBER_DIGITS_MAX) {
        return TR_NUMBER_PRECISION;
    }
    for (i = 0; i <= last - first && i < TR_NUMBER_DIGITS_MAX; i++) {
        d->digits[i] = (char)('0' + row[first + i]);
    }
    d->count = (size_t)i;
    d->first = TR_NUMBER_EXPONENT_MAX - first;
    return d->first < TR_NUMBER_EXPONENT_MIN ? TR_NUMBER_UNDERFLOW : TR_NUMBER_OK;
}

enum tr_number_outcome tr_number_add(struct tr_bytes a, struct tr_bytes b, bool subtract,
                                     struct tr_number *out)
{
    struct decimal x, y, sum;
    signed char row[ROW_DIGITS];
    enum tr_number_outcome outcome;
    bool swap;

    if (decimal_of(a, &x) != TR_NUMBER_OK || decimal_of(b, &y) != TR_NUMBER_OK) {
        return TR_NUMBER_MALFORMED;
    }
    y.negative = y.negative != subtract;
    swap = cmp_decimal(&x, &y) < 0;
    sum.negative = swap ? y.negative : x.negative;
    if (add_rows(swap ? &y : &x, swap ? &x : &y, x.negative != y.negative, row) != 0) {
        return TR_NUMBER_OVERFLOW;
    }
    outcome = decimal_of_row(row, &sum);
    if (outcome == TR_NUMBER_OK) {
        format(&sum, out);
    }
    return outcome;
}

size_t tr_number_size(struct tr_bytes text)
{
    size_t digits = 0, zeros = 0, i;
    bool negative;
    text = without_sign(text, &negative);
    for (i = 0; i < text.len; i++) {
        if (!is_digit(text.ptr[i])) {
            continue;
        }
        if (text.ptr[i] == '0') {
            zeros += digits > 0;
            continue;
        }
        digits += zeros + 1;
        zeros = 0;
    }
    return digits == 0 ? 1 : (digits + 1) / 2 + 1 + negative;
}

bool tr_number_i64(struct tr_bytes text, int64_t *out)
{
    uint64_t value;
    if (!tr_bytes_u64(text, INT64_MAX, &value)) {
        return false;
    }
    *out = (int64_t)value;
    return true;
}

const char *tr_number_problem_text(enum tr_number_outcome outcome)
{
    switch (outcome) {
    case TR_NUMBER_OVERFLOW:
        return "Number overflow. Attempting to store a number with magnitude larger than supported "
               "range";
    case TR_NUMBER_UNDERFLOW:
        return "Number underflow. Attempting to store a number with magnitude smaller than "
               "supported range";
    case TR_NUMBER_PRECISION:
        return "Attempting to store more than 38 significant digits in a Number";
    default:
        return "The parameter cannot be converted to a numeric value";
    }
}
