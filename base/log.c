/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/clock.h"

#include <stdatomic.h>
#include <unistd.h>

static _Atomic int min_level = TR_LEVEL_INFO;
static _Atomic int line_format = TR_LOG_AUTO;

void tr_log_init(enum tr_level level, enum tr_log_format format)
{
    if (format == TR_LOG_AUTO) {
        format = isatty(STDERR_FILENO) ? TR_LOG_LOGFMT : TR_LOG_JSON;
    }
    min_level = (int)level;
    line_format = (int)format;
}

static bool is_plain(struct tr_bytes value)
{
    size_t i;
    for (i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f) {
            return false;
        }
    }
    return value.len > 0;
}

static void add_key(struct tr_buf *out, const char *key, bool json)
{
    if (json) {
        tr_buf_add_char(out, ',');
        tr_buf_add_json(out, tr_bytes_of(key));
        tr_buf_add_char(out, ':');
    } else {
        tr_buf_printf(out, "%s%s=", out->len > 0 ? " " : "", key);
    }
}

/* JSON must stay JSON whatever bytes a service sent: text that is not UTF-8 is shown as hex. */
static void add_text(struct tr_buf *out, const char *key, struct tr_bytes value, bool json)
{
    add_key(out, key, json);
    if (!tr_bytes_utf8(value)) {
        tr_buf_add_str(out, json ? "\"hex:" : "hex:");
        tr_buf_add_hex(out, value.ptr, value.len);
        tr_buf_add_str(out, json ? "\"" : "");
    } else if (json || !is_plain(value)) {
        tr_buf_add_json(out, value);
    } else {
        tr_buf_add(out, value);
    }
}

static void add_number(struct tr_buf *out, const char *key, uint64_t value, bool json)
{
    add_key(out, key, json);
    tr_buf_printf(out, "%llu", (unsigned long long)value);
}

void tr_log_line(struct tr_buf *out, const struct tr_note *note, struct tr_wall now,
                 enum tr_log_format format)
{
    const struct tr_note_row *row = tr_note_row(note->id);
    bool json = format == TR_LOG_JSON;
    struct tr_buf stamp = {0};

    tr_wall_format(&stamp, now);
    if (json) {
        tr_buf_printf(out, "{\"ts\":\"%s\"", stamp.ptr);
    } else {
        tr_buf_printf(out, "ts=%s", stamp.ptr);
    }
    tr_buf_deinit(&stamp);
    add_text(out, "level", tr_bytes_of(tr_level_name(row->level)), json);
    add_text(out, "msg", tr_bytes_of(row->message), json);
    if (note->consumer.ptr != NULL) {
        add_text(out, "consumer", note->consumer, json);
    }
    if (note->shard.ptr != NULL) {
        add_text(out, "shard", note->shard, json);
    }
    if (row->a[0] != '\0') {
        add_number(out, row->a, note->a, json);
    }
    if (row->b[0] != '\0') {
        add_number(out, row->b, note->b, json);
    }
    if (row->text[0] != '\0' && note->text.ptr != NULL) {
        add_text(out, row->text, note->text, json);
    }
    tr_buf_add_str(out, json ? "}\n" : "\n");
}

void tr_log(const struct tr_note *note)
{
    struct tr_buf line = {0};
    ssize_t written;

    if ((int)tr_note_row(note->id)->level < min_level) {
        return;
    }
    tr_log_line(&line, note, tr_clock_wall(), (enum tr_log_format)line_format);
    if (!line.failed) {
        written = write(STDERR_FILENO, line.ptr, line.len);
        (void)written; /* nowhere is left to report it */
    }
    tr_buf_deinit(&line);
}
