/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers of the lease table on any bytes: what is taken for a row lies within its limits, and a
 * row that is written as it was read is read as it was written. */
#include "base/json.h"
#include "lease/lease_row.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void on_bad(void *ctx, const struct tr_lease_row *row, const char *why)
{
    (void)ctx;
    must(row->parent_count == 0);
    must(why != NULL && why[0] != '\0');
}

static struct tr_buf copy(const char *bytes, size_t size)
{
    struct tr_buf body = {0};
    tr_buf_add(&body, (struct tr_bytes){bytes, size});
    return body;
}

static void check_row(const struct tr_lease_row *row)
{
    size_t i;
    must(row->key.ptr != NULL && row->key.len > 0);
    must(row->counter <= TR_LEASE_COUNTER_MAX && row->switches <= TR_LEASE_COUNTER_MAX);
    must(row->failover_ms <= TR_LEASE_FAILOVER_MS_MAX);
    must(row->owner.ptr == NULL || row->owner.len > 0);
    must(row->parent_count <= TR_LEASE_PARENTS_MAX);
    for (i = 0; i < row->parent_count; i++) {
        must(row->parents[i].ptr != NULL && tr_bytes_utf8(row->parents[i]));
    }
}

/* The item of a PutItem, as the answer to a read. */
static struct tr_buf as_answer(struct tr_bytes request)
{
    struct tr_json_doc doc = {0};
    struct tr_buf body = {0};
    must(tr_json_parse(&doc, request, NULL) == TR_OK);
    tr_buf_add_str(&body, "{\"Item\":");
    tr_buf_add(&body, tr_json_raw(tr_json_get(tr_json_root(&doc), "Item")));
    tr_buf_add_char(&body, '}');
    tr_json_deinit(&doc);
    return body;
}

static void check_round_trip(const struct tr_lease_row *row)
{
    struct tr_lease_write write = {.kind = TR_LEASE_CREATE,
                                   .key = row->key,
                                   .owner = row->owner,
                                   .failover_ms = row->failover_ms,
                                   .counter = row->counter,
                                   .position = row->checkpoint,
                                   .has_position = true,
                                   .parent_count = row->parent_count,
                                   .stream = row->stream,
                                   .without_parents = row->without_parents};
    struct tr_lease_rows again = {0};
    struct tr_buf request = {0}, body;
    memcpy(write.parents, row->parents, sizeof write.parents);
    must(strcmp(tr_lease_encode_write(&request, TR_LIT("t"), &write), "PutItem") == 0);
    body = as_answer(tr_buf_bytes(&request));
    must(tr_lease_decode_one(&again, &body, "Item", NULL) == TR_OK);
    must(tr_bytes_eq(again.rows[0].key, row->key) && tr_bytes_eq(again.rows[0].owner, row->owner));
    must(again.rows[0].counter == row->counter);
    must(again.rows[0].failover_ms == row->failover_ms);
    must(tr_position_cmp(&again.rows[0].checkpoint, &row->checkpoint) == 0);
    must(again.rows[0].parent_count == row->parent_count);
    tr_lease_rows_deinit(&again);
    tr_buf_deinit(&request);
}

/* Read once more, with all that is known of it: the same rows. */
static void check_known(const struct tr_lease_rows *rows, const char *bytes, size_t size)
{
    struct tr_lease_rows again = {0};
    struct tr_buf body = copy(bytes, size);
    size_t i;
    must(tr_lease_decode_scan(&again, rows, &body, on_bad, NULL, NULL) == TR_OK);
    must(again.count == rows->count && again.size == rows->size);
    for (i = 0; i < rows->count; i++) {
        const struct tr_lease_row *a = &rows->rows[i], *b = &again.rows[i];
        must(tr_bytes_eq(a->key, b->key) && tr_bytes_eq(a->owner, b->owner));
        must(a->counter == b->counter && a->parent_count == b->parent_count);
        must(tr_position_cmp(&a->checkpoint, &b->checkpoint) == 0);
        check_row(b);
    }
    tr_lease_rows_deinit(&again);
}

static void check_rows(const struct tr_lease_rows *rows)
{
    size_t i;
    for (i = 0; i < rows->count; i++) {
        check_row(&rows->rows[i]);
        check_round_trip(&rows->rows[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const members[] = {"Item", "Attributes"};
    const char *bytes = (const char *)data;
    struct tr_lease_rows rows = {0};
    struct tr_err err = {0};
    bool active = false;
    struct tr_buf body = copy(bytes, size);
    size_t i;

    if (tr_lease_decode_scan(&rows, NULL, &body, on_bad, NULL, &err) == TR_OK) {
        check_rows(&rows);
        check_known(&rows, bytes, size);
    } else {
        must(err.text[0] != '\0' && rows.count == 0);
    }
    for (i = 0; i < 2; i++) {
        body = copy(bytes, size);
        if (tr_lease_decode_one(&rows, &body, members[i], &err) == TR_OK) {
            must(rows.count == 1);
            check_rows(&rows);
        }
    }
    (void)!tr_lease_decode_describe_table((struct tr_bytes){bytes, size}, &active, &err);
    tr_lease_rows_deinit(&rows);
    return 0;
}
