/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verdict.h"

#include "base/err.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"

/* Bits of one item's writes, by number. */
struct bits {
    uint8_t *bytes; /* owned */
    size_t cap;
};

struct item {
    struct bits acknowledged;
    struct bits delivered;
    uint64_t newest; /* highest number delivered */
};

struct tr_verdict {
    struct tr_map items; /* name -> struct item, owned */
    struct tr_verdict_counts counts;
    struct tr_json_doc doc;
    struct tr_buf scratch;
    struct tr_buf broken_item; /* where the order broke first */
    uint64_t broken_n;
    uint64_t broken_after;
};

struct tr_verdict *tr_verdict_new(void)
{
    return tr_calloc(1, sizeof(struct tr_verdict));
}

void tr_verdict_free(struct tr_verdict *verdict)
{
    struct tr_map_entry *entry;
    if (verdict == NULL) {
        return;
    }
    for (entry = tr_map_first(&verdict->items); entry != NULL; entry = tr_map_next(entry)) {
        struct item *item = tr_map_value(entry);
        tr_free(item->acknowledged.bytes);
        tr_free(item->delivered.bytes);
        tr_free(item);
    }
    tr_map_deinit(&verdict->items);
    tr_json_deinit(&verdict->doc);
    tr_buf_deinit(&verdict->scratch);
    tr_buf_deinit(&verdict->broken_item);
    tr_free(verdict);
}

static bool get_bit(const struct bits *bits, uint64_t n)
{
    return n / 8 < bits->cap && (bits->bytes[n / 8] >> (n % 8) & 1) != 0;
}

static bool set_bit(struct bits *bits, uint64_t n)
{
    size_t had = bits->cap;
    if (!tr_grow(&bits->bytes, &bits->cap, (size_t)(n / 8 + 1), 1)) {
        return false;
    }
    memset(bits->bytes + had, 0, bits->cap - had);
    bits->bytes[n / 8] = (uint8_t)(bits->bytes[n / 8] | 1u << (n % 8));
    return true;
}

static enum tr_status find_item(struct tr_verdict *verdict, struct tr_bytes name, struct item **out,
                                struct tr_err *err)
{
    enum tr_status status;
    *out = tr_map_get(&verdict->items, name);
    if (*out != NULL) {
        return TR_OK;
    }
    if (tr_map_count(&verdict->items) >= TR_VERDICT_ITEMS_MAX) {
        return tr_fail(err, TR_ELIMIT, "more than %u items", TR_VERDICT_ITEMS_MAX);
    }
    *out = tr_calloc(1, sizeof **out);
    if (*out == NULL) {
        return TR_ENOMEM;
    }
    status = tr_map_set(&verdict->items, name, *out);
    if (status != TR_OK) {
        tr_free(*out);
    }
    return status;
}

/* A write's number; 0 is none. */
static enum tr_status read_number(struct tr_bytes text, uint64_t *n, struct tr_err *err)
{
    if (!tr_bytes_u64(text, UINT64_MAX, n) || *n == 0) {
        return tr_fail(err, TR_EPARSE, "'%.*s' is no number of a write", TR_FMT(text));
    }
    if (*n >= TR_VERDICT_WRITES_MAX) {
        return tr_fail(err, TR_ELIMIT, "write %.*s of one item: the limit is %u", TR_FMT(text),
                       TR_VERDICT_WRITES_MAX - 1);
    }
    return TR_OK;
}

enum tr_status tr_verdict_acknowledged(struct tr_verdict *verdict, struct tr_bytes line,
                                       struct tr_err *err)
{
    struct tr_bytes rest = tr_bytes_trim(line);
    struct tr_bytes name = tr_bytes_cut(&rest, ' ');
    struct tr_bytes number = tr_bytes_cut(&rest, ' ');
    struct item *item;
    enum tr_status status;
    uint64_t n = 0;

    if (name.len == 0 || number.len == 0 || rest.len == 0) {
        return tr_fail(err, TR_EPARSE, "expected 'PK N KIND', found '%.*s'", TR_FMT(line));
    }
    if (!tr_bytes_is(rest, "insert") && !tr_bytes_is(rest, "modify") &&
        !tr_bytes_is(rest, "remove")) {
        return tr_fail(err, TR_EPARSE, "'%.*s' is none of insert, modify, remove", TR_FMT(rest));
    }
    status = read_number(number, &n, err);
    if (status == TR_OK) {
        status = find_item(verdict, name, &item, err);
    }
    if (status != TR_OK) {
        return status;
    }
    if (get_bit(&item->acknowledged, n)) {
        return tr_fail(err, TR_EPARSE, "write %llu of '%.*s' is acknowledged twice",
                       (unsigned long long)n, TR_FMT(name));
    }
    if (!set_bit(&item->acknowledged, n)) {
        return TR_ENOMEM;
    }
    verdict->counts.written++;
    if (get_bit(&item->delivered, n)) {
        verdict->counts.processed++;
        verdict->counts.unacknowledged--;
    }
    return TR_OK;
}

/* What a record says: which item, which of its writes; ours is false for the service's own
 * removals. */
struct delivery {
    struct tr_bytes name;
    uint64_t n;
    bool ours;
};

/* The number of the write: a removal's is one above that of the item it removed. */
static enum tr_status read_record_number(struct tr_verdict *verdict, struct tr_json change,
                                         bool removal, uint64_t *n, struct tr_err *err)
{
    const char *image = removal ? "OldImage" : "NewImage";
    struct tr_json value = tr_json_get(tr_json_get(tr_json_get(change, image), "n"), "N");
    struct tr_bytes text = {0};
    enum tr_status status;

    if (!tr_json_str(value, &verdict->scratch, &text)) {
        return tr_fail(err, TR_EPARSE, "the record's %s has no number 'n'", image);
    }
    status = read_number(text, n, err);
    *n += removal && status == TR_OK ? 1 : 0;
    return status;
}

static enum tr_status read_record(struct tr_verdict *verdict, struct tr_bytes line,
                                  struct delivery *out, struct tr_err *err)
{
    struct tr_json root, change, event;
    enum tr_status status = tr_json_parse(&verdict->doc, line, err);

    if (status != TR_OK) {
        return status;
    }
    root = tr_json_root(&verdict->doc);
    change = tr_json_get(root, "dynamodb");
    event = tr_json_get(root, "eventName");
    tr_buf_reset(&verdict->scratch);
    /* The number first: what it leaves in scratch may move. */
    status = read_record_number(verdict, change, tr_json_is(event, "REMOVE"), &out->n, err);
    if (status != TR_OK) {
        return status;
    }
    tr_buf_reset(&verdict->scratch);
    if (!tr_json_str(tr_json_get(tr_json_get(tr_json_get(change, "Keys"), "pk"), "S"),
                     &verdict->scratch, &out->name)) {
        return tr_fail(err, TR_EPARSE, "the record's Keys have no string 'pk'");
    }
    out->ours = tr_json_type(tr_json_get(root, "userIdentity")) != TR_JSON_OBJECT;
    return TR_OK;
}

enum tr_status tr_verdict_delivered(struct tr_verdict *verdict, struct tr_bytes line,
                                    struct tr_err *err)
{
    struct delivery delivery = {.ours = false};
    struct item *item;
    enum tr_status status = read_record(verdict, line, &delivery, err);

    if (status != TR_OK || !delivery.ours) {
        return status;
    }
    status = find_item(verdict, delivery.name, &item, err);
    if (status != TR_OK) {
        return status;
    }
    if (get_bit(&item->delivered, delivery.n)) {
        verdict->counts.twice++;
        return TR_OK;
    }
    if (!set_bit(&item->delivered, delivery.n)) {
        return TR_ENOMEM;
    }
    if (delivery.n < item->newest && !verdict->counts.order_broken) {
        verdict->counts.order_broken = true;
        verdict->broken_n = delivery.n;
        verdict->broken_after = item->newest;
        tr_buf_add(&verdict->broken_item, delivery.name); /* without memory it has no name */
    }
    item->newest = delivery.n > item->newest ? delivery.n : item->newest;
    if (get_bit(&item->acknowledged, delivery.n)) {
        verdict->counts.processed++;
    } else {
        verdict->counts.unacknowledged++;
    }
    return TR_OK;
}

void tr_verdict_count(const struct tr_verdict *verdict, struct tr_verdict_counts *out)
{
    *out = verdict->counts;
    out->lost = out->written - out->processed;
}

bool tr_verdict_good(const struct tr_verdict *verdict)
{
    return verdict->counts.written == verdict->counts.processed && !verdict->counts.order_broken;
}

void tr_verdict_print(const struct tr_verdict *verdict, struct tr_buf *out)
{
    struct tr_verdict_counts counts;
    tr_verdict_count(verdict, &counts);
    tr_buf_printf(out, "%llu written, %llu processed, %llu lost, %llu delivered twice, ",
                  (unsigned long long)counts.written, (unsigned long long)counts.processed,
                  (unsigned long long)counts.lost, (unsigned long long)counts.twice);
    if (!counts.order_broken) {
        tr_buf_add_str(out, "order kept");
        return;
    }
    tr_buf_printf(out, "order broken at '%.*s' (%llu after %llu)",
                  TR_FMT(tr_buf_bytes(&verdict->broken_item)),
                  (unsigned long long)verdict->broken_n, (unsigned long long)verdict->broken_after);
}

void tr_verdict_print_lost(const struct tr_verdict *verdict, size_t max, struct tr_buf *out)
{
    const struct tr_map_entry *entry;
    size_t printed = 0;
    for (entry = tr_map_first(&verdict->items); entry != NULL && printed < max;
         entry = tr_map_next(entry)) {
        const struct item *item = tr_map_value(entry);
        uint64_t n;
        for (n = 1; n < item->acknowledged.cap * 8 && printed < max; n++) {
            if (get_bit(&item->acknowledged, n) && !get_bit(&item->delivered, n)) {
                tr_buf_printf(out, "%s'%.*s' %llu", printed++ > 0 ? ", " : "",
                              TR_FMT(tr_map_key(entry)), (unsigned long long)n);
            }
        }
    }
}
