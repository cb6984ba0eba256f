/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

struct tr_mono tr_mono_add_ms(struct tr_mono t, uint64_t ms)
{
    if (ms > (UINT64_MAX - t.ns) / TR_NS_PER_MS) {
        return TR_MONO_NEVER;
    }
    return (struct tr_mono){t.ns + ms * TR_NS_PER_MS};
}

bool tr_mono_before(struct tr_mono a, struct tr_mono b)
{
    return a.ns < b.ns;
}

bool tr_mono_reached(struct tr_mono now, struct tr_mono deadline)
{
    return now.ns >= deadline.ns;
}

struct tr_mono tr_mono_min(struct tr_mono a, struct tr_mono b)
{
    return a.ns < b.ns ? a : b;
}

struct tr_mono tr_mono_max(struct tr_mono a, struct tr_mono b)
{
    return a.ns > b.ns ? a : b;
}

uint64_t tr_mono_ms_between(struct tr_mono a, struct tr_mono b)
{
    return b.ns > a.ns ? (b.ns - a.ns) / TR_NS_PER_MS : 0;
}

uint64_t tr_mono_ms_until(struct tr_mono now, struct tr_mono deadline, uint64_t cap)
{
    uint64_t ms;
    if (deadline.ns <= now.ns) {
        return 0;
    }
    ms = (deadline.ns - now.ns - 1) / TR_NS_PER_MS + 1;
    return ms < cap ? ms : cap;
}

struct civil {
    int64_t year;
    unsigned month, day, hour, minute, second, ms, weekday; /* month and day from 1 */
};

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar (years of 400-year eras that
 * begin in March, so that the leap day is the last day of a year). */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    unsigned in_era = (unsigned)(y - era * 400);
    unsigned in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era = in_era * 365 + in_era / 4 - in_era / 100 + in_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

static struct civil civil_of(struct tr_wall t)
{
    struct civil c;
    int64_t seconds = t.ms / 1000 - (t.ms % 1000 < 0);
    int64_t days = seconds / 86400 - (seconds % 86400 < 0);
    unsigned of_day = (unsigned)(seconds - days * 86400);
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    unsigned day_of_era = (unsigned)(shifted - era * 146097);
    unsigned in_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned in_year = day_of_era - (365 * in_era + in_era / 4 - in_era / 100);
    unsigned m = (5 * in_year + 2) / 153;

    c.ms = (unsigned)(t.ms - seconds * 1000);
    c.hour = of_day / 3600;
    c.minute = of_day / 60 % 60;
    c.second = of_day % 60;
    c.day = in_year - (153 * m + 2) / 5 + 1;
    c.month = m < 10 ? m + 3 : m - 9;
    c.year = (int64_t)in_era + era * 400 + (c.month <= 2);
    c.weekday = (unsigned)(((days + 4) % 7 + 7) % 7);
    return c;
}

void tr_wall_format(struct tr_buf *out, struct tr_wall t)
{
    struct civil c = civil_of(t);
    tr_buf_printf(out, "%04lld-%02u-%02uT%02u:%02u:%02u.%03uZ", (long long)c.year, c.month, c.day,
                  c.hour, c.minute, c.second, c.ms);
}

static void put_two(char *out, unsigned number)
{
    out[0] = (char)('0' + number / 10);
    out[1] = (char)('0' + number % 10);
}

/* Every request has this stamp, so the years that it can hold are written without printf. */
void tr_wall_format_amz(struct tr_buf *out, struct tr_wall t)
{
    struct civil c = civil_of(t);
    char text[] = "YYYYMMDDThhmmssZ";

    if (c.year < 0 || c.year > 9999) {
        tr_buf_printf(out, "%04lld%02u%02uT%02u%02u%02uZ", (long long)c.year, c.month, c.day,
                      c.hour, c.minute, c.second);
        return;
    }
    put_two(text, (unsigned)c.year / 100);
    put_two(text + 2, (unsigned)c.year % 100);
    put_two(text + 4, c.month);
    put_two(text + 6, c.day);
    put_two(text + 9, c.hour);
    put_two(text + 11, c.minute);
    put_two(text + 13, c.second);
    tr_buf_add(out, (struct tr_bytes){text, sizeof text - 1});
}

static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void tr_wall_format_http(struct tr_buf *out, struct tr_wall t)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    struct civil c = civil_of(t);
    tr_buf_printf(out, "%s, %02u %s %04lld %02u:%02u:%02u GMT", days[c.weekday], c.day,
                  month_names[c.month - 1], (long long)c.year, c.hour, c.minute, c.second);
}

/* Cut `count` digits from the front of *rest. */
static bool cut_digits(struct tr_bytes *rest, size_t count, unsigned *out)
{
    uint64_t value;
    if (rest->len < count || !tr_bytes_u64((struct tr_bytes){rest->ptr, count}, 99999, &value)) {
        return false;
    }
    *out = (unsigned)value;
    rest->ptr += count;
    rest->len -= count;
    return true;
}

static bool cut_char(struct tr_bytes *rest, char c)
{
    if (rest->len == 0 || rest->ptr[0] != c) {
        return false;
    }
    rest->ptr++;
    rest->len--;
    return true;
}

static bool cut_clock(struct tr_bytes *rest, struct civil *c)
{
    return cut_digits(rest, 2, &c->hour) && cut_char(rest, ':') &&
           cut_digits(rest, 2, &c->minute) && cut_char(rest, ':') &&
           cut_digits(rest, 2, &c->second) && c->hour < 24 && c->minute < 60 && c->second < 61;
}

static unsigned days_in_month(int64_t year, unsigned month)
{
    static const unsigned char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool is_date(const struct civil *c)
{
    return c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= days_in_month(c->year, c->month);
}

static struct tr_wall wall_of(const struct civil *c)
{
    int64_t seconds = days_of(c->year, c->month, c->day) * 86400 + (int64_t)c->hour * 3600 +
                      (int64_t)c->minute * 60 + (int64_t)c->second;
    return (struct tr_wall){seconds * 1000 + (int64_t)c->ms};
}

/* ".123456" -> 123; absent -> 0. */
static bool cut_fraction(struct tr_bytes *rest, unsigned *ms)
{
    unsigned scale = 100;
    *ms = 0;
    if (!cut_char(rest, '.')) {
        return true;
    }
    if (rest->len == 0 || rest->ptr[0] < '0' || rest->ptr[0] > '9') {
        return false;
    }
    while (rest->len > 0 && rest->ptr[0] >= '0' && rest->ptr[0] <= '9') {
        *ms += (unsigned)(rest->ptr[0] - '0') * scale;
        scale /= 10;
        rest->ptr++;
        rest->len--;
    }
    return true;
}

bool tr_wall_parse_rfc3339(struct tr_bytes text, struct tr_wall *out)
{
    struct civil c = {0};
    unsigned year, hours = 0, minutes = 0;
    int64_t sign = 0;

    if (!cut_digits(&text, 4, &year) || !cut_char(&text, '-') || !cut_digits(&text, 2, &c.month) ||
        !cut_char(&text, '-') || !cut_digits(&text, 2, &c.day)) {
        return false;
    }
    c.year = year;
    if (!is_date(&c) || !(cut_char(&text, 'T') || cut_char(&text, 't') || cut_char(&text, ' ')) ||
        !cut_clock(&text, &c) || !cut_fraction(&text, &c.ms)) {
        return false;
    }
    if (cut_char(&text, '+') || cut_char(&text, '-')) {
        sign = text.ptr[-1] == '+' ? 1 : -1;
        if (!cut_digits(&text, 2, &hours) || !cut_char(&text, ':') ||
            !cut_digits(&text, 2, &minutes) || hours > 23 || minutes > 59) {
            return false;
        }
    } else if (!cut_char(&text, 'Z') && !cut_char(&text, 'z')) {
        return false;
    }
    if (text.len > 0) {
        return false;
    }
    out->ms = wall_of(&c).ms - sign * ((int64_t)hours * 60 + (int64_t)minutes) * 60000;
    return true;
}

bool tr_wall_parse_http(struct tr_bytes text, struct tr_wall *out)
{
    struct civil c = {0};
    unsigned year;

    (void)tr_bytes_cut(&text, ' '); /* the day's name says nothing new */
    if (!cut_digits(&text, 2, &c.day) || !cut_char(&text, ' ') || text.len < 3) {
        return false;
    }
    for (c.month = 1; c.month <= 12; c.month++) {
        if (memcmp(text.ptr, month_names[c.month - 1], 3) == 0) {
            break;
        }
    }
    text.ptr += 3;
    text.len -= 3;
    if (!cut_char(&text, ' ') || !cut_digits(&text, 4, &year) || !cut_char(&text, ' ') ||
        !cut_clock(&text, &c) || !tr_bytes_is(text, " GMT")) {
        return false;
    }
    c.year = year;
    if (!is_date(&c)) {
        return false;
    }
    *out = wall_of(&c);
    return true;
}
