/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lease_list.h"

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/text.h"

#define CELL_BYTES_MAX 300u
/* A row of ours begins with the time in ms as its counter; KCL's begin with 0. */
#define COUNTER_TIME_MIN 1000000000000u
#define TIME_MAX_MS 253402300799999u /* the last of the year 9999 */

void tr_lease_list_deinit(struct tr_lease_list *list)
{
    size_t i;
    for (i = 0; i < list->page_count; i++) {
        tr_lease_rows_deinit(&list->pages[i]);
    }
    for (i = 0; i < list->string_count; i++) {
        tr_free(list->strings[i]);
    }
    tr_free(list->entries);
    tr_free(list->pages);
    tr_free(list->strings);
    *list = (struct tr_lease_list){0};
}

/* --- rows in --------------------------------------------------------------------------------- */

static struct tr_lease_entry *add_entry(struct tr_lease_list *list)
{
    if (!tr_grow(&list->entries, &list->cap, list->count + 1, sizeof *list->entries)) {
        return NULL;
    }
    list->entries[list->count] = (struct tr_lease_entry){0};
    return &list->entries[list->count++];
}

static const char *keep(struct tr_lease_list *list, const char *ptr, size_t len)
{
    char *copy;
    if (!tr_grow(&list->strings, &list->string_cap, list->string_count + 1,
                 sizeof *list->strings)) {
        return NULL;
    }
    copy = tr_memdup(ptr, len);
    if (copy != NULL) {
        list->strings[list->string_count++] = copy;
    }
    return copy;
}

struct adding {
    struct tr_lease_list *list;
    bool no_memory;
};

static void on_bad(void *ctx, const struct tr_lease_row *row, const char *why)
{
    struct tr_bytes key = row->key;
    struct adding *adding = ctx;
    struct tr_lease_entry *entry = add_entry(adding->list);
    if (entry == NULL) {
        adding->no_memory = true;
        return;
    }
    entry->state = TR_LEASE_BAD;
    entry->why = keep(adding->list, why, strlen(why));
    if (key.ptr != NULL) {
        entry->row.key = (struct tr_bytes){keep(adding->list, key.ptr, key.len), key.len};
    }
    adding->no_memory |= entry->why == NULL || (key.ptr != NULL && entry->row.key.ptr == NULL);
}

static enum tr_lease_state state_of(const struct tr_lease_row *row)
{
    if (row->checkpoint.kind == TR_POSITION_SHARD_END) {
        return TR_LEASE_ENDED;
    }
    return row->owner.ptr != NULL ? TR_LEASE_OWNED : TR_LEASE_UNOWNED;
}

enum tr_status tr_lease_list_add_page(struct tr_lease_list *list, struct tr_buf *body,
                                      struct tr_bytes *last_key, struct tr_err *err)
{
    struct adding adding = {.list = list};
    struct tr_lease_rows *page;
    size_t before = list->count, i;
    enum tr_status status;
    uint64_t items;

    if (!tr_grow(&list->pages, &list->page_cap, list->page_count + 1, sizeof *list->pages)) {
        tr_buf_deinit(body);
        return TR_ENOMEM;
    }
    page = &list->pages[list->page_count++];
    *page = (struct tr_lease_rows){0};
    status = tr_lease_decode_scan(page, NULL, body, on_bad, &adding, err);
    for (i = 0; status == TR_OK && i < page->count; i++) {
        struct tr_lease_entry *entry = add_entry(list);
        if (entry == NULL) {
            return TR_ENOMEM;
        }
        entry->row = page->rows[i];
        entry->state = state_of(&entry->row);
    }
    if (status != TR_OK || adding.no_memory) {
        return status != TR_OK ? status : TR_ENOMEM;
    }
    items = tr_json_count(tr_json_get(tr_json_root(&page->doc), "Items"));
    list->others += items - (list->count - before);
    if (list->count > TR_LEASE_LIST_ROWS_MAX) {
        return tr_fail(err, TR_ELIMIT, "more than %u rows", TR_LEASE_LIST_ROWS_MAX);
    }
    *last_key = tr_buf_bytes(&page->last_key);
    return TR_OK;
}

/* Rows without a key first. */
static int by_key(const void *a, const void *b)
{
    const struct tr_lease_entry *x = a, *y = b;
    return tr_bytes_cmp(x->row.key, y->row.key);
}

void tr_lease_list_sort(struct tr_lease_list *list)
{
    if (list->count > 1) {
        qsort(list->entries, list->count, sizeof *list->entries, by_key);
    }
}

/* The owner's last write is at least `ms` old. */
static uint64_t left_ms(const struct tr_lease_row *row, uint64_t ms)
{
    if (row->failover_ms == 0) {
        return TR_LEASE_LEFT_UNKNOWN;
    }
    return row->failover_ms > ms ? row->failover_ms - ms : 0;
}

void tr_lease_list_compare(struct tr_lease_list *list, const struct tr_lease_list *before,
                           uint64_t ms)
{
    size_t i, at = 0;
    for (i = 0; i < list->count; i++) {
        struct tr_lease_entry *now = &list->entries[i];
        const struct tr_lease_entry *then;
        while (at < before->count && tr_bytes_cmp(before->entries[at].row.key, now->row.key) < 0) {
            at++;
        }
        then = at < before->count ? &before->entries[at] : NULL;
        if (now->state != TR_LEASE_OWNED || then == NULL || then->state == TR_LEASE_BAD ||
            !tr_bytes_eq(then->row.key, now->row.key)) {
            continue;
        }
        now->sign =
            then->row.counter != now->row.counter || !tr_bytes_eq(then->row.owner, now->row.owner)
                ? TR_LEASE_SIGN_ALIVE
                : TR_LEASE_SIGN_NONE;
        now->left_ms = left_ms(&now->row, ms);
    }
}

/* --- a table --------------------------------------------------------------------------------- */

static const char *state_text(enum tr_lease_state state)
{
    static const char *const texts[] = {"owned", "unowned", "ended", "not understood"};
    return texts[state];
}

static void add_shard(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    tr_text_add_clean(out, entry->row.key, CELL_BYTES_MAX);
}

static void add_state(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    tr_buf_add_str(out, state_text(entry->state));
}

static void add_sign(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    if (entry->sign == TR_LEASE_SIGN_ALIVE) {
        tr_buf_add_str(out, "yes");
    } else if (entry->sign == TR_LEASE_SIGN_NONE && entry->left_ms == TR_LEASE_LEFT_UNKNOWN) {
        tr_buf_add_str(out, "no sign");
    } else if (entry->sign == TR_LEASE_SIGN_NONE && entry->left_ms == 0) {
        tr_buf_add_str(out, "expired");
    } else if (entry->sign == TR_LEASE_SIGN_NONE) {
        tr_buf_printf(out, "%llu.%llus left", (unsigned long long)(entry->left_ms / 1000),
                      (unsigned long long)(entry->left_ms / 100 % 10));
    }
}

static void add_asker(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    tr_text_add_clean(out, tr_lease_asker(entry->row.request), CELL_BYTES_MAX);
}

static void add_run(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    tr_text_add_clean(out, entry->row.run, CELL_BYTES_MAX);
}

static void add_bell(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    tr_text_add_clean(out, entry->row.bell, CELL_BYTES_MAX);
}

static bool has_start(const struct tr_lease_entry *entry)
{
    return entry->row.has_start_ms && entry->row.start_ms <= TIME_MAX_MS;
}

static void add_start(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    if (has_start(entry)) {
        tr_wall_format(out, (struct tr_wall){(int64_t)entry->row.start_ms});
    }
}

static void add_owner(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    tr_text_add_clean(out, entry->row.owner, CELL_BYTES_MAX);
}

static void add_checkpoint(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    if (entry->state != TR_LEASE_BAD) {
        tr_position_format(out, &entry->row.checkpoint);
    }
}

static void add_counter(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    if (entry->state != TR_LEASE_BAD) {
        tr_buf_printf(out, "%llu", (unsigned long long)entry->row.counter);
    }
}

static void add_switches(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    if (entry->state != TR_LEASE_BAD) {
        tr_buf_printf(out, "%llu", (unsigned long long)entry->row.switches);
    }
}

static bool has_made(const struct tr_lease_entry *entry)
{
    return entry->state != TR_LEASE_BAD && entry->row.counter >= COUNTER_TIME_MIN &&
           entry->row.counter <= TIME_MAX_MS;
}

static void add_made(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    if (has_made(entry)) {
        tr_wall_format(out, (struct tr_wall){(int64_t)entry->row.counter / 1000 * 1000});
    }
}

static void add_failover(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    if (entry->row.failover_ms > 0) {
        tr_buf_printf(out, "%llums", (unsigned long long)entry->row.failover_ms);
    }
}

static void add_stream(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    tr_text_add_clean(out, entry->row.stream, CELL_BYTES_MAX);
}

static void add_parents(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    size_t i;
    for (i = 0; i < entry->row.parent_count; i++) {
        tr_buf_add_str(out, i > 0 ? "," : "");
        tr_text_add_clean(out, entry->row.parents[i], CELL_BYTES_MAX);
    }
}

static void add_notes(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    if (entry->state == TR_LEASE_BAD) {
        tr_text_add_clean(out, tr_bytes_of(entry->why), CELL_BYTES_MAX);
    }
}

static void add_mark(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    tr_buf_add_str(out, entry->row.without_parents ? "yes" : "");
}

static const struct column {
    const char *name;
    void (*add)(struct tr_buf *out, const struct tr_lease_entry *entry);
    bool wide; /* shown only then */
} columns[] = {
    {"SHARD", add_shard, false},
    {"STATE", add_state, false},
    {"ALIVE", add_sign, false},
    {"OWNER", add_owner, false},
    {"CHECKPOINT", add_checkpoint, false},
    {"ASKED BY", add_asker, false},
    {"COUNTER", add_counter, true},
    {"SWITCHES", add_switches, true},
    {"MADE", add_made, true},
    {"FAILOVER", add_failover, true},
    {"RUN", add_run, true},
    {"START", add_start, true},
    {"BELL", add_bell, true},
    {"PARENTS", add_parents, true},
    {"FIRST", add_mark, true},
    {"STREAM", add_stream, true},
    {"NOTES", add_notes, false},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

static size_t width_of(const struct tr_lease_list *list, const struct column *column, bool wide)
{
    struct tr_buf cell = {0};
    size_t width = 0, i;
    for (i = 0; i < list->count && (wide || !column->wide); i++) {
        tr_buf_reset(&cell);
        column->add(&cell, &list->entries[i]);
        width = cell.len > width ? cell.len : width;
    }
    tr_buf_deinit(&cell);
    return width > 0 && width < strlen(column->name) ? strlen(column->name) : width;
}

/* A cell and the spaces up to the next column; none behind the last cell of a line. */
static void add_cell(struct tr_buf *out, struct tr_bytes text, size_t width, size_t *spaces)
{
    while (text.len > 0 && *spaces > 0) {
        tr_buf_add_char(out, ' ');
        --*spaces;
    }
    tr_buf_add(out, text);
    *spaces += width - text.len + 2;
}

void tr_lease_list_print(const struct tr_lease_list *list, bool wide, struct tr_buf *out)
{
    struct tr_buf cell = {0};
    size_t widths[COLUMNS], i, k, spaces = 0;
    for (k = 0; k < COLUMNS; k++) {
        widths[k] = width_of(list, &columns[k], wide);
        if (widths[k] > 0) {
            add_cell(out, tr_bytes_of(columns[k].name), widths[k], &spaces);
        }
    }
    tr_buf_add_str(out, list->count > 0 ? "\n" : "");
    for (i = 0; i < list->count; i++) {
        spaces = 0;
        for (k = 0; k < COLUMNS; k++) {
            tr_buf_reset(&cell);
            columns[k].add(&cell, &list->entries[i]);
            if (widths[k] > 0) {
                add_cell(out, tr_buf_bytes(&cell), widths[k], &spaces);
            }
        }
        tr_buf_add_char(out, '\n');
    }
    out->failed |= cell.failed;
    tr_buf_deinit(&cell);
}

/* --- JSON ------------------------------------------------------------------------------------ */

/* Bytes that are no UTF-8 cannot be JSON: they are shown as \xNN. */
static void add_json(struct tr_buf *out, struct tr_bytes text)
{
    struct tr_buf clean = {0};
    if (tr_bytes_utf8(text)) {
        tr_buf_add_json(out, text);
        return;
    }
    tr_text_add_clean(&clean, text, text.len);
    tr_buf_add_json(out, tr_buf_bytes(&clean));
    out->failed |= clean.failed;
    tr_buf_deinit(&clean);
}

static void add_member(struct tr_buf *out, const char *name, struct tr_bytes text)
{
    if (text.ptr != NULL) {
        tr_buf_printf(out, ",\"%s\":", name);
        add_json(out, text);
    }
}

static void add_row_json(struct tr_buf *out, const struct tr_lease_entry *entry)
{
    const struct tr_lease_row *row = &entry->row;
    size_t i;
    add_member(out, "owner", row->owner);
    if (entry->sign != TR_LEASE_SIGN_UNKNOWN) {
        tr_buf_printf(out, ",\"alive\":%s", entry->sign == TR_LEASE_SIGN_ALIVE ? "true" : "false");
    }
    if (entry->sign == TR_LEASE_SIGN_NONE && entry->left_ms != TR_LEASE_LEFT_UNKNOWN) {
        tr_buf_printf(out, ",\"expires_within_ms\":%llu", (unsigned long long)entry->left_ms);
    }
    tr_buf_printf(out, ",\"counter\":%llu,\"checkpoint\":\"", (unsigned long long)row->counter);
    tr_position_format(out, &row->checkpoint);
    tr_buf_printf(out, "\",\"switches\":%llu,\"parents\":[", (unsigned long long)row->switches);
    for (i = 0; i < row->parent_count; i++) {
        tr_buf_add_str(out, i > 0 ? "," : "");
        add_json(out, row->parents[i]);
    }
    tr_buf_add_char(out, ']');
    if (has_made(entry)) {
        tr_buf_add_str(out, ",\"made\":\"");
        add_made(out, entry);
        tr_buf_add_char(out, '"');
    }
    if (row->failover_ms > 0) {
        tr_buf_printf(out, ",\"failover_ms\":%llu", (unsigned long long)row->failover_ms);
    }
    add_member(out, "run", row->run);
    add_member(out, "request", row->request);
    add_member(out, "bell", row->bell);
    if (row->has_start_ms) {
        tr_buf_printf(out, ",\"start_ms\":%llu", (unsigned long long)row->start_ms);
    }
    add_member(out, "first", row->first);
    add_member(out, "stream", row->stream);
    tr_buf_add_str(out, row->without_parents ? ",\"without_parents\":true" : "");
}

void tr_lease_list_print_json(const struct tr_lease_list *list, const char *consumer,
                              const char *table, bool *some, struct tr_buf *out)
{
    size_t i;
    for (i = 0; i < list->count; i++) {
        const struct tr_lease_entry *entry = &list->entries[i];
        tr_buf_add_str(out, *some ? ",\n  {\"consumer\":" : "\n  {\"consumer\":");
        add_json(out, tr_bytes_of(consumer));
        add_member(out, "table", tr_bytes_of(table));
        tr_buf_add_str(out, ",\"shard\":");
        if (entry->row.key.ptr != NULL) {
            add_json(out, entry->row.key);
        } else {
            tr_buf_add_str(out, "null");
        }
        add_member(out, "state", tr_bytes_of(state_text(entry->state)));
        if (entry->state == TR_LEASE_BAD) {
            add_member(out, "why", tr_bytes_of(entry->why));
        } else {
            add_row_json(out, entry);
        }
        tr_buf_add_char(out, '}');
        *some = true;
    }
}

/* --- sums ------------------------------------------------------------------------------------ */

struct sums {
    size_t of[4]; /* by enum tr_lease_state */
    struct tr_map owners;
};

/* A map holds pointers: the count of a worker's leases stands in for one. */
static bool sum_up(const struct tr_lease_list *list, struct sums *sums)
{
    size_t i;
    for (i = 0; i < list->count; i++) {
        const struct tr_lease_entry *entry = &list->entries[i];
        uintptr_t count;
        sums->of[entry->state]++;
        if (entry->state != TR_LEASE_OWNED) {
            continue;
        }
        count = (uintptr_t)tr_map_get(&sums->owners, entry->row.owner) + 1;
        if (tr_map_set(&sums->owners, entry->row.owner, (void *)count) != TR_OK) {
            return false;
        }
    }
    return true;
}

void tr_lease_list_sum(const struct tr_lease_list *list, struct tr_buf *out)
{
    struct sums sums = {0};
    const struct tr_map_entry *entry;
    const char *before = " (";
    size_t rows = list->count + list->others;
    out->failed |= !sum_up(list, &sums);
    tr_buf_printf(out, "%zu row%s: %zu owned", rows, rows == 1 ? "" : "s", sums.of[TR_LEASE_OWNED]);
    for (entry = tr_map_first(&sums.owners); entry != NULL; entry = tr_map_next(entry)) {
        tr_buf_add_str(out, before);
        tr_text_add_clean(out, tr_map_key(entry), CELL_BYTES_MAX);
        tr_buf_printf(out, ": %zu", (size_t)(uintptr_t)tr_map_value(entry));
        before = ", ";
    }
    tr_buf_printf(out, "%s, %zu unowned, %zu ended, %zu not understood, %zu of other kinds",
                  tr_map_count(&sums.owners) > 0 ? ")" : "", sums.of[TR_LEASE_UNOWNED],
                  sums.of[TR_LEASE_ENDED], sums.of[TR_LEASE_BAD], list->others);
    tr_map_deinit(&sums.owners);
}

void tr_lease_list_sum_json(const struct tr_lease_list *list, const char *consumer,
                            const char *table, struct tr_buf *out)
{
    struct sums sums = {0};
    const struct tr_map_entry *entry;
    const char *comma = "";
    out->failed |= !sum_up(list, &sums);
    tr_buf_add_str(out, "{\"name\":");
    add_json(out, tr_bytes_of(consumer));
    add_member(out, "table", tr_bytes_of(table));
    tr_buf_printf(out,
                  ",\"rows\":%zu,\"owned\":%zu,\"unowned\":%zu,\"ended\":%zu,\"not_understood\":%zu"
                  ",\"other_kinds\":%zu,\"workers\":[",
                  list->count + list->others, sums.of[TR_LEASE_OWNED], sums.of[TR_LEASE_UNOWNED],
                  sums.of[TR_LEASE_ENDED], sums.of[TR_LEASE_BAD], list->others);
    for (entry = tr_map_first(&sums.owners); entry != NULL; entry = tr_map_next(entry)) {
        tr_buf_printf(out, "%s{\"owner\":", comma);
        add_json(out, tr_map_key(entry));
        tr_buf_printf(out, ",\"leases\":%zu}", (size_t)(uintptr_t)tr_map_value(entry));
        comma = ",";
    }
    tr_buf_add_str(out, "]}");
    tr_map_deinit(&sums.owners);
}
