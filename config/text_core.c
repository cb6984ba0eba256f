/* SPDX-License-Identifier: Apache-2.0
 *
 * The forms of texts: table names, ARNs, URLs, paths, times; and how a text of somebody else's is
 * shown in a message. */
#include "config/text.h"

#include "base/err.h"
#include "base/time.h"
#include "config/listen.h"

static bool control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

void tr_text_add_clean(struct tr_buf *out, struct tr_bytes text, size_t bytes_max)
{
    bool utf8 = tr_bytes_utf8(text);
    bool cut = text.len > bytes_max;
    size_t i;

    if (cut) {
        text.len = bytes_max;
        while (utf8 && text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    for (i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        /* The C1 control characters U+0080..U+009F are C2 80..C2 9F. */
        bool c1 = utf8 && c == 0xc2 && i + 1 < text.len && (unsigned char)text.ptr[i + 1] < 0xa0;
        if (c1) {
            tr_buf_printf(out, "\\x%02x", (unsigned)(unsigned char)text.ptr[++i]);
        } else if (control(c) || (!utf8 && c >= 0x80)) {
            tr_buf_printf(out, "\\x%02x", (unsigned)c);
        } else {
            tr_buf_add_char(out, (char)c);
        }
    }
    if (cut) {
        tr_buf_add_str(out, "...");
    }
}

const char *tr_text_quote(struct tr_bytes text, char *out)
{
    struct tr_buf buf = {0};
    /* Every byte may take four (\\xNN), which TR_QUOTE_BYTES has room for. */
    tr_text_add_clean(&buf, text, text.len > 64 ? 60 : 64);
    if (buf.failed) {
        (void)snprintf(out, TR_QUOTE_BYTES, "'...'");
    } else {
        (void)snprintf(out, TR_QUOTE_BYTES, "'%.*s'", TR_QUOTE_BYTES - 4,
                       buf.ptr != NULL ? buf.ptr : "");
    }
    tr_buf_deinit(&buf);
    return out;
}

static size_t digits_of(struct tr_bytes text)
{
    size_t n = 0;
    while (n < text.len && text.ptr[n] >= '0' && text.ptr[n] <= '9') {
        n++;
    }
    return n;
}

static bool alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether all bytes are letters, digits or among the extra ones. */
static bool made_of(struct tr_bytes text, const char *extra)
{
    size_t i;
    for (i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!alphanumeric(c) && (c == '\0' || strchr(extra, c) == NULL)) {
            return false;
        }
    }
    return true;
}

bool tr_text_is_table(struct tr_bytes text)
{
    return text.len >= 3 && text.len <= 255 && made_of(text, "_.-");
}

/* arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME/stream/LABEL; partitions and regions are not
 * listed here: China, GovCloud and the isolated ones differ, and local servers make their own. */
struct tr_bytes tr_text_arn_table(struct tr_bytes arn)
{
    static const struct tr_bytes absent = {NULL, 0};
    struct tr_bytes rest = arn;
    struct tr_bytes scheme = tr_bytes_cut(&rest, ':');
    struct tr_bytes partition = tr_bytes_cut(&rest, ':');
    struct tr_bytes service = tr_bytes_cut(&rest, ':');
    struct tr_bytes region = tr_bytes_cut(&rest, ':');
    struct tr_bytes account = tr_bytes_cut(&rest, ':');
    struct tr_bytes kind = tr_bytes_cut(&rest, '/');
    struct tr_bytes table = tr_bytes_cut(&rest, '/');
    struct tr_bytes stream = tr_bytes_cut(&rest, '/');

    if (!tr_bytes_is(scheme, "arn") || !tr_bytes_starts(partition, "aws") ||
        !made_of(partition, "-") || !tr_bytes_is(service, "dynamodb") || region.len == 0 ||
        !made_of(region, "-") || account.len != 12 || digits_of(account) != 12) {
        return absent;
    }
    if (!tr_bytes_is(kind, "table") || !tr_text_is_table(table) || !tr_bytes_is(stream, "stream") ||
        rest.len == 0 || !made_of(rest, ":.-")) {
        return absent;
    }
    return table;
}

static enum tr_status parse_table(struct tr_bytes text, struct tr_err *err)
{
    char quoted[TR_QUOTE_BYTES];
    (void)tr_text_quote(text, quoted);
    if (tr_text_is_table(text)) {
        return TR_OK;
    }
    if (tr_bytes_starts(text, "arn:")) {
        return tr_fail(err, TR_ECONFIG, "%s is an ARN, not a table's name (did you mean 'arn'?)",
                       quoted);
    }
    return tr_fail(err, TR_ECONFIG, "%s is not a table's name (3..255 of a-z, A-Z, 0-9, '_.-')",
                   quoted);
}

static enum tr_status parse_arn(struct tr_bytes text, struct tr_err *err)
{
    char quoted[TR_QUOTE_BYTES];
    if (tr_text_arn_table(text).ptr != NULL) {
        return TR_OK;
    }
    return tr_fail(err, TR_ECONFIG,
                   "%s is not a stream's ARN "
                   "(arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/LABEL)",
                   tr_text_quote(text, quoted));
}

/* The part of a URL between "://" and the next '/', '?' or '#'. */
static struct tr_bytes authority_of(struct tr_bytes url)
{
    size_t start = tr_bytes_starts(url, "https://") ? 8 : tr_bytes_starts(url, "http://") ? 7 : 0;
    size_t end = start;
    if (start == 0) {
        return (struct tr_bytes){NULL, 0};
    }
    while (end < url.len && strchr("/?#", url.ptr[end]) == NULL) {
        end++;
    }
    return (struct tr_bytes){url.ptr + start, end - start};
}

/* Bytes of "user:password@" in an authority, 0 without. */
static size_t userinfo_len(struct tr_bytes authority)
{
    size_t i = authority.len;
    while (i > 0 && authority.ptr[i - 1] != '@') {
        i--;
    }
    return i;
}

/* host, host:port, [v6], [v6]:port. */
static bool is_host(struct tr_bytes text)
{
    struct tr_bytes host, port;
    uint64_t number;

    if (tr_bytes_starts(text, "[")) {
        const char *end = memchr(text.ptr, ']', text.len);
        if (end == NULL || end == text.ptr + 1) {
            return false;
        }
        host = (struct tr_bytes){text.ptr + 1, (size_t)(end - text.ptr) - 1};
        port = (struct tr_bytes){end + 1, text.len - host.len - 2};
        if (!made_of(host, ":.") || (port.len > 0 && port.ptr[0] != ':')) {
            return false;
        }
        port = port.len > 0 ? (struct tr_bytes){port.ptr + 1, port.len - 1}
                            : (struct tr_bytes){NULL, 0};
    } else {
        port = text;
        host = tr_bytes_cut(&port, ':');
        if (host.len == 0 || !made_of(host, "-._")) {
            return false;
        }
    }
    return port.ptr == NULL || (tr_bytes_u64(port, 65535, &number) && number > 0);
}

/* Why a text is no URL that we take; NULL if it is one. */
static const char *url_error(struct tr_bytes url)
{
    struct tr_bytes authority = authority_of(url);
    size_t user;
    if (authority.ptr == NULL) {
        return "does not begin with http:// or https://";
    }
    user = userinfo_len(authority);
    if (!is_host((struct tr_bytes){authority.ptr + user, authority.len - user})) {
        return "has no valid host and port";
    }
    if (memchr(url.ptr, ' ', url.len) != NULL || memchr(url.ptr, '#', url.len) != NULL ||
        memchr(url.ptr, '?', url.len) != NULL) {
        return "must not hold a space, '?' or '#'";
    }
    return NULL;
}

/* How many bytes of a URL stand before its credentials, and how many these take with their '@'. In
 * what is no valid URL anything before the last '@' may be a password. */
static size_t credentials(struct tr_bytes url, size_t *head)
{
    struct tr_bytes authority = authority_of(url);
    const char *scheme_end = url.len > 0 ? memmem(url.ptr, url.len, "://", 3) : NULL;
    if (url_error(url) == NULL) {
        *head = (size_t)(authority.ptr - url.ptr);
        return userinfo_len(authority);
    }
    *head = scheme_end != NULL ? (size_t)(scheme_end - url.ptr) + 3 : 0;
    return userinfo_len((struct tr_bytes){url.ptr + *head, url.len - *head});
}

void tr_text_add_masked_url(struct tr_buf *out, struct tr_bytes url)
{
    size_t head = 0;
    size_t hidden = credentials(url, &head);
    if (hidden == 0) {
        tr_buf_add(out, url);
        return;
    }
    tr_buf_add(out, (struct tr_bytes){url.ptr, head});
    tr_buf_add_str(out, "***@");
    tr_buf_add(out, (struct tr_bytes){url.ptr + head + hidden, url.len - head - hidden});
}

/* As tr_text_quote, without a URL's credentials. */
static const char *quote_masked(const struct tr_setting *setting, struct tr_bytes text, char *out)
{
    struct tr_buf masked = {0};
    if (setting->type != TR_SETTING_URL) {
        return tr_text_quote(text, out);
    }
    tr_text_add_masked_url(&masked, text);
    (void)tr_text_quote(tr_buf_bytes(&masked), out);
    tr_buf_deinit(&masked);
    return out;
}

static enum tr_status parse_text(const struct tr_setting *setting, struct tr_bytes text,
                                 struct tr_err *err)
{
    char quoted[TR_QUOTE_BYTES];
    const char *why = NULL;
    size_t i;

    (void)quote_masked(setting, text, quoted);
    if (!tr_bytes_utf8(text)) {
        return tr_fail(err, TR_ECONFIG, "%s is not utf-8", quoted);
    }
    for (i = 0; i < text.len; i++) {
        if (control((unsigned char)text.ptr[i])) {
            return tr_fail(err, TR_ECONFIG, "%s holds the control character 0x%02x", quoted,
                           (unsigned)(unsigned char)text.ptr[i]);
        }
    }
    if (text.len < setting->low || text.len > setting->high) {
        return tr_fail(err, TR_ECONFIG, "%s has %zu bytes, which is not in %llu..%llu", quoted,
                       text.len, (unsigned long long)setting->low,
                       (unsigned long long)setting->high);
    }
    if (setting->type == TR_SETTING_TEXT && !made_of(text, setting->words)) {
        return tr_fail(err, TR_ECONFIG, "%s is not made of letters, digits and '%s'", quoted,
                       setting->words);
    }
    if (setting->type == TR_SETTING_URL) {
        why = url_error(text);
    }
    return why == NULL ? TR_OK : tr_fail(err, TR_ECONFIG, "%s %s", quoted, why);
}

/* Placeholders must be known ones, so that '{shards}' does not become a file of that name. */
static enum tr_status parse_path(struct tr_bytes text, const char *known, struct tr_err *err)
{
    char quoted[TR_QUOTE_BYTES];
    size_t at = 0;

    while (at < text.len) {
        struct tr_bytes rest = {text.ptr + at, text.len - at};
        if (text.ptr[at] != '{' && text.ptr[at] != '}') {
            at++;
        } else if (known[0] != '\0' && tr_bytes_starts(rest, known)) {
            at += strlen(known);
        } else {
            const char *end = memchr(rest.ptr, '}', rest.len);
            if (end != NULL) {
                rest.len = (size_t)(end - rest.ptr) + 1;
            }
            return tr_fail(err, TR_ECONFIG, "%s is no known placeholder%s%s%s",
                           tr_text_quote(rest, quoted), known[0] != '\0' ? " (known: '" : "", known,
                           known[0] != '\0' ? "')" : "");
        }
    }
    return TR_OK;
}

static enum tr_status parse_time(struct tr_bytes text, struct tr_err *err)
{
    struct tr_wall wall;
    char quoted[TR_QUOTE_BYTES];
    if (tr_wall_parse_rfc3339(text, &wall)) {
        return TR_OK;
    }
    return tr_fail(err, TR_ECONFIG, "%s is not a time (for example 2026-11-21T08:00:00Z)",
                   tr_text_quote(text, quoted));
}

enum tr_status tr_text_check(const struct tr_setting *setting, struct tr_bytes text,
                             struct tr_err *err)
{
    struct tr_listen listen;
    enum tr_status status;
    switch (setting->type) {
    case TR_SETTING_TABLE:
        return parse_table(text, err);
    case TR_SETTING_ARN:
        return parse_arn(text, err);
    case TR_SETTING_TIME:
        return parse_time(text, err);
    case TR_SETTING_LISTEN:
        status = parse_text(setting, text, err);
        return status == TR_OK ? tr_listen_parse(text, &listen, err) : status;
    default:
        status = parse_text(setting, text, err);
        if (status == TR_OK && setting->type == TR_SETTING_PATH) {
            status = parse_path(text, setting->words, err);
        }
        return status;
    }
}

static bool is_null(struct tr_bytes text)
{
    return text.len == 0 || tr_bytes_is(text, "~") || tr_bytes_is_nocase(text, "null");
}

static bool is_number(struct tr_bytes text)
{
    size_t digits = 0, dots = 0, at = 0;
    if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+')) {
        at++;
    }
    if (text.len > at + 1 && text.ptr[at] == '0' &&
        (text.ptr[at + 1] == 'x' || text.ptr[at + 1] == 'o')) {
        return true;
    }
    for (; at < text.len; at++) {
        char c = text.ptr[at];
        if (c >= '0' && c <= '9') {
            digits++;
        } else if (c == '.' && dots == 0) {
            dots++;
        } else {
            break;
        }
    }
    if (digits == 0) {
        return false;
    }
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        at++;
        if (at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+')) {
            at++;
        }
        text = (struct tr_bytes){text.ptr + at, text.len - at};
        return text.len > 0 && digits_of(text) == text.len;
    }
    return at == text.len;
}

enum tr_plain tr_text_plain(struct tr_bytes text)
{
    static const char *const bools[] = {"true", "false", "yes", "no", "on", "off"};
    size_t i;
    if (is_null(text)) {
        return TR_PLAIN_NULL;
    }
    for (i = 0; i < sizeof bools / sizeof bools[0]; i++) {
        if (tr_bytes_is_nocase(text, bools[i])) {
            return TR_PLAIN_BOOL;
        }
    }
    return is_number(text) ? TR_PLAIN_NUMBER : TR_PLAIN_TEXT;
}
