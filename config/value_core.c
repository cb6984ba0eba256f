/* SPDX-License-Identifier: Apache-2.0
 *
 * Values from text and back. Numbers with units go through one table a kind; a wrong unit that is
 * like a right one gets a hint. */
#include "config/value.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/time.h"
#include "config/hint.h"
#include "config/text.h"

struct unit {
    const char *text;
    const char *alike; /* what people write instead begins so, in lower case */
    uint64_t factor;
};

struct measure {
    const char *name;
    const char *forms;
    struct unit units[6]; /* ends with NULL; of two that are alike the first is the hint */
};

static const struct measure durations = {"a duration",
                                         "500ms, 10s, 5m, 1h",
                                         {{"h", "h", TR_HOUR_MS},
                                          {"ms", "ms", 1},
                                          {"ms", "mil", 1},
                                          {"m", "m", TR_MINUTE_MS},
                                          {"s", "s", TR_SECOND_MS}}};
static const struct measure sizes = {
    "a size",
    "512B, 64KiB, 256MiB, 1GiB",
    {{"GiB", "g", TR_GIB}, {"MiB", "m", TR_MIB}, {"KiB", "k", TR_KIB}, {"B", "b", 1}}};

static const struct unit *exact_unit(const struct measure *measure, struct tr_bytes text)
{
    const struct unit *unit;
    for (unit = measure->units; unit->text != NULL; unit++) {
        if (tr_bytes_is(text, unit->text)) {
            return unit;
        }
    }
    return NULL;
}

static const struct unit *like_unit(const struct measure *measure, struct tr_bytes text)
{
    const struct unit *unit;
    for (unit = measure->units; unit->text != NULL; unit++) {
        struct tr_bytes head = {text.ptr, strlen(unit->alike)};
        if (text.len >= head.len && tr_bytes_is_nocase(head, unit->alike)) {
            return unit;
        }
    }
    return NULL;
}

static size_t digits_of(struct tr_bytes text)
{
    size_t n = 0;
    while (n < text.len && text.ptr[n] >= '0' && text.ptr[n] <= '9') {
        n++;
    }
    return n;
}

/* In the largest unit that divides it. */
static void add_measure(struct tr_buf *out, const struct measure *measure, uint64_t number)
{
    const struct unit *best = NULL;
    const struct unit *unit;
    for (unit = measure->units; unit->text != NULL; unit++) {
        bool divides = number % unit->factor == 0 && (number > 0 || unit->factor <= TR_SECOND_MS);
        if (divides && (best == NULL || unit->factor > best->factor)) {
            best = unit;
        }
    }
    TR_ASSERT(best != NULL); /* each table has a unit of 1 */
    tr_buf_printf(out, "%llu%s", (unsigned long long)(number / best->factor), best->text);
}

static enum tr_status no_measure(const struct measure *measure, struct tr_bytes text,
                                 struct tr_bytes digits, struct tr_bytes word, struct tr_err *err)
{
    char quoted[TR_QUOTE_BYTES];
    const struct unit *like = digits.len > 0 ? like_unit(measure, word) : NULL;

    (void)tr_text_quote(text, quoted);
    if (digits.len > 0 && digits.len <= 20 && like != NULL) {
        return tr_fail(err, TR_ECONFIG, "%s is not %s (did you mean '%.*s%s'?)", quoted,
                       measure->name, TR_FMT(digits), like->text);
    }
    if (digits.len > 0 && word.len == 0) {
        return tr_fail(err, TR_ECONFIG, "%s has no unit (for example %s)", quoted, measure->forms);
    }
    return tr_fail(err, TR_ECONFIG, "%s is not %s (for example %s)", quoted, measure->name,
                   measure->forms);
}

static enum tr_status parse_measure(const struct measure *measure, struct tr_bytes text,
                                    uint64_t low, uint64_t high, uint64_t *out, struct tr_err *err)
{
    struct tr_bytes digits = {text.ptr, digits_of(text)};
    struct tr_bytes word = {text.ptr + digits.len, text.len - digits.len};
    const struct unit *unit = digits.len > 0 ? exact_unit(measure, word) : NULL;
    struct tr_buf range = {0};
    char quoted[TR_QUOTE_BYTES];
    enum tr_status status;
    uint64_t number;

    if (unit == NULL) {
        return no_measure(measure, text, digits, word, err);
    }
    if (tr_bytes_u64(digits, UINT64_MAX / unit->factor, &number) && number * unit->factor >= low &&
        number * unit->factor <= high) {
        *out = number * unit->factor;
        return TR_OK;
    }
    add_measure(&range, measure, low);
    tr_buf_add_str(&range, "..");
    add_measure(&range, measure, high);
    (void)tr_text_quote(text, quoted);
    status = tr_fail(err, TR_ECONFIG, "%.*s is not in %s", (int)strlen(quoted) - 2, quoted + 1,
                     range.ptr != NULL ? range.ptr : "its range");
    tr_buf_deinit(&range);
    return status;
}

enum tr_status tr_config_value_duration(struct tr_bytes text, uint64_t low_ms, uint64_t high_ms,
                                        uint64_t *out, struct tr_err *err)
{
    return parse_measure(&durations, text, low_ms, high_ms, out, err);
}

enum tr_status tr_config_value_size(struct tr_bytes text, uint64_t low, uint64_t high,
                                    uint64_t *out, struct tr_err *err)
{
    return parse_measure(&sizes, text, low, high, out, err);
}

void tr_config_value_add_duration(struct tr_buf *out, uint64_t ms)
{
    add_measure(out, &durations, ms);
}

void tr_config_value_add_size(struct tr_buf *out, uint64_t bytes)
{
    add_measure(out, &sizes, bytes);
}

enum tr_status tr_config_value_count(struct tr_bytes text, uint64_t low, uint64_t high,
                                     uint64_t *out, struct tr_err *err)
{
    char quoted[TR_QUOTE_BYTES];
    struct tr_bytes digits = text;
    uint64_t number;

    (void)tr_text_quote(text, quoted);
    if (digits.len > 1 && digits.ptr[0] == '-') {
        digits.ptr++;
        digits.len--;
    }
    /* 010 is eight to some YAML readers and ten to others. */
    if (digits.len == 0 || digits_of(digits) != digits.len ||
        (digits.len > 1 && digits.ptr[0] == '0')) {
        return tr_fail(err, TR_ECONFIG, "%s is not a whole number", quoted);
    }
    if (!tr_bytes_u64(text, high, &number) || number < low) {
        return tr_fail(err, TR_ECONFIG, "%.*s is not in %llu..%llu", (int)strlen(quoted) - 2,
                       quoted + 1, (unsigned long long)low, (unsigned long long)high);
    }
    *out = number;
    return TR_OK;
}

struct tr_bytes tr_config_value_choice_at(const char *choices, uint64_t index)
{
    struct tr_bytes rest = tr_bytes_of(choices);
    struct tr_bytes word = tr_bytes_cut(&rest, '|');
    while (index-- > 0) {
        word = tr_bytes_cut(&rest, '|');
    }
    return word;
}

enum tr_status tr_config_value_choice(struct tr_bytes text, const char *choices, uint64_t *out,
                                      struct tr_err *err)
{
    char quoted[TR_QUOTE_BYTES];
    struct tr_bytes rest = tr_bytes_of(choices);
    struct tr_hint hint;
    uint64_t index;

    tr_hint_init(&hint, text);
    for (index = 0; rest.ptr != NULL; index++) {
        struct tr_bytes word = tr_bytes_cut(&rest, '|');
        if (tr_bytes_eq(word, text)) {
            *out = index;
            return TR_OK;
        }
        tr_hint_offer(&hint, word);
    }
    (void)tr_text_quote(text, quoted);
    if (hint.best.ptr != NULL) {
        return tr_fail(err, TR_ECONFIG, "%s is not one of %s (did you mean '%.*s'?)", quoted,
                       choices, TR_FMT(hint.best));
    }
    return tr_fail(err, TR_ECONFIG, "%s is not one of %s", quoted, choices);
}

static enum tr_status parse_bool(struct tr_bytes text, uint64_t *out, struct tr_err *err)
{
    static const char *const words[2][5] = {{"no", "off", "n", "false", "0"},
                                            {"yes", "on", "y", "true", "1"}};
    char quoted[TR_QUOTE_BYTES];
    size_t i, j;

    if (tr_bytes_is(text, "true") || tr_bytes_is(text, "false")) {
        *out = tr_bytes_is(text, "true");
        return TR_OK;
    }
    (void)tr_text_quote(text, quoted);
    for (i = 0; i < 2; i++) {
        for (j = 0; j < 5; j++) {
            if (tr_bytes_is_nocase(text, words[i][j])) {
                return tr_fail(err, TR_ECONFIG, "%s is not true or false (did you mean '%s'?)",
                               quoted, i == 1 ? "true" : "false");
            }
        }
    }
    return tr_fail(err, TR_ECONFIG, "%s is not true or false", quoted);
}

/* A time as milliseconds since 1970. */
static enum tr_status parse_time(const struct tr_setting *setting, struct tr_bytes text,
                                 uint64_t *out, struct tr_err *err)
{
    struct tr_wall time = {0};
    char quoted[TR_QUOTE_BYTES];
    enum tr_status status = tr_text_check(setting, text, err);
    if (status != TR_OK) {
        return status;
    }
    if (!tr_wall_parse_rfc3339(text, &time) || time.ms < 0) {
        return tr_fail(err, TR_ECONFIG, "%s lies before 1970", tr_text_quote(text, quoted));
    }
    *out = (uint64_t)time.ms;
    return TR_OK;
}

enum tr_status tr_config_value_parse(const struct tr_setting *setting, struct tr_bytes text,
                                     uint64_t *number, struct tr_err *err)
{
    enum tr_status status;
    switch (setting->type) {
    case TR_SETTING_COUNT:
        return tr_config_value_count(text, setting->low, setting->high, number, err);
    case TR_SETTING_DURATION:
        return tr_config_value_duration(text, setting->low, setting->high, number, err);
    case TR_SETTING_SIZE:
        return tr_config_value_size(text, setting->low, setting->high, number, err);
    case TR_SETTING_CHOICE:
        return tr_config_value_choice(text, setting->words, number, err);
    case TR_SETTING_BOOL:
        return parse_bool(text, number, err);
    case TR_SETTING_TIME:
        return parse_time(setting, text, number, err);
    case TR_SETTING_LIST:
        return TR_OK;
    default:
        break;
    }
    status = tr_text_check(setting, text, err);
    if (status == TR_OK) {
        *number = 0;
    }
    return status;
}

void tr_config_value_add(struct tr_buf *out, const struct tr_setting *setting, uint64_t number)
{
    switch (setting->type) {
    case TR_SETTING_DURATION:
        tr_config_value_add_duration(out, number);
        break;
    case TR_SETTING_SIZE:
        tr_config_value_add_size(out, number);
        break;
    case TR_SETTING_CHOICE:
        tr_buf_add(out, tr_config_value_choice_at(setting->words, number));
        break;
    case TR_SETTING_BOOL:
        tr_buf_add_str(out, number != 0 ? "true" : "false");
        break;
    default:
        tr_buf_printf(out, "%llu", (unsigned long long)number);
        break;
    }
}

void tr_config_value_add_range(struct tr_buf *out, const struct tr_setting *setting)
{
    switch (setting->type) {
    case TR_SETTING_COUNT:
    case TR_SETTING_DURATION:
    case TR_SETTING_SIZE:
        tr_config_value_add(out, setting, setting->low);
        tr_buf_add_str(out, "..");
        tr_config_value_add(out, setting, setting->high);
        break;
    case TR_SETTING_CHOICE:
        tr_buf_add_str(out, setting->words);
        break;
    case TR_SETTING_BOOL:
        tr_buf_add_str(out, "true|false");
        break;
    default:
        break;
    }
}

const char *tr_config_value_type_text(enum tr_setting_type type)
{
    switch (type) {
    case TR_SETTING_TEXT:
        return "text";
    case TR_SETTING_URL:
        return "a URL";
    case TR_SETTING_TABLE:
        return "a table's name";
    case TR_SETTING_ARN:
        return "a stream's ARN";
    case TR_SETTING_PATH:
        return "a path";
    case TR_SETTING_COUNT:
        return "a whole number";
    case TR_SETTING_DURATION:
        return "a duration";
    case TR_SETTING_SIZE:
        return "a size";
    case TR_SETTING_CHOICE:
        return "a word";
    case TR_SETTING_BOOL:
        return "true or false";
    case TR_SETTING_TIME:
        return "a time";
    case TR_SETTING_LISTEN:
        return "an address and a port";
    case TR_SETTING_LIST:
        return "a list";
    }
    return "a value";
}
