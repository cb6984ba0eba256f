/* SPDX-License-Identifier: Apache-2.0
 *
 * A lease table of the service model, through the requests and decoders that a worker uses: each
 * write does what it says and is refused when the row is not as expected. */
#include "lease/lease_row.h"
#include "local/local.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

struct table {
    struct tr_local *local;
    struct tr_local_answer answer;
    struct tr_lease_rows rows;
    struct tr_err err;
    int64_t now_ms;
};

static unsigned call(struct table *t, const char *operation, const struct tr_buf *body)
{
    char target[64];
    (void)snprintf(target, sizeof target, "DynamoDB_20120810.%s", operation);
    t->now_ms += 10;
    tr_local_call(t->local, (struct tr_wall){t->now_ms}, tr_bytes_of(target), tr_buf_bytes(body),
                  &t->answer);
    return t->answer.http_status;
}

static void open_table(struct table *t)
{
    struct tr_local_options options = {0};
    struct tr_buf body = {0};
    bool active = false;
    *t = (struct table){.now_ms = 1795226581000};
    tr_assert_status(tr_local_new(&options, (struct tr_wall){t->now_ms}, &t->local), TR_OK, NULL);
    tr_lease_encode_create_table(&body, TR_LIT("orders"));
    assert_int_equal(call(t, "CreateTable", &body), 200);
    tr_buf_reset(&body);
    tr_buf_add_str(&body, "{\"TableName\":\"orders\"}");
    while (!active) {
        t->now_ms += 1000;
        assert_int_equal(call(t, "DescribeTable", &body), 200);
        tr_assert_status(
            tr_lease_decode_describe_table(tr_buf_bytes(&t->answer.body), &active, &t->err), TR_OK,
            &t->err);
    }
    tr_buf_deinit(&body);
}

static void close_table(struct table *t)
{
    tr_local_answer_deinit(&t->answer);
    tr_lease_rows_deinit(&t->rows);
    tr_local_free(t->local);
}

/* The write, and the row that its answer shows. */
static const struct tr_lease_row *write_row(struct table *t, const struct tr_lease_write *write,
                                            unsigned want)
{
    struct tr_buf body = {0};
    const char *operation = tr_lease_encode_write(&body, TR_LIT("orders"), write);
    unsigned got = call(t, operation, &body);
    if (got != want) {
        fail_msg("%s\n%.*s", body.ptr, TR_FMT(tr_buf_bytes(&t->answer.body)));
    }
    tr_buf_deinit(&body);
    if (want == 200 && write->kind == TR_LEASE_CREATE) {
        return NULL;
    }
    tr_assert_status(tr_lease_decode_one(&t->rows, &t->answer.body,
                                         want == 200 ? "Attributes" : "Item", &t->err),
                     TR_OK, &t->err);
    return &t->rows.rows[0];
}

static struct tr_lease_write update(enum tr_lease_write_kind kind, const char *owner,
                                    uint64_t counter)
{
    return (struct tr_lease_write){.kind = kind,
                                   .key = TR_LIT("shard-1"),
                                   .expected_owner = tr_bytes_of(owner),
                                   .expected_counter = counter,
                                   .counter = counter + 1};
}

static void make_row(struct table *t, const char *key)
{
    struct tr_lease_write create = {.kind = TR_LEASE_CREATE,
                                    .key = tr_bytes_of(key),
                                    .counter = 7,
                                    .position = TR_TRIM_HORIZON,
                                    .parents = {TR_LIT("p1"), TR_LIT("p2")},
                                    .parent_count = 2,
                                    .stream = TR_LIT("2026"),
                                    .without_parents = true};
    (void)write_row(t, &create, 200);
    assert_int_equal(write_row(t, &create, 400)->counter, 7);
}

static void test_table__unowned_row_is_taken_once(void **state)
{
    struct table t;
    struct tr_lease_write take = update(TR_LEASE_TAKE, NULL, 7);
    const struct tr_lease_row *row;
    (void)state;
    open_table(&t);
    make_row(&t, "shard-1");
    take.owner = TR_LIT("w1");
    take.failover_ms = 10000;
    row = write_row(&t, &take, 200);
    tr_assert_bytes(row->owner, "w1");
    assert_int_equal(row->counter, 8);
    assert_int_equal(row->switches, 0);
    assert_int_equal(row->failover_ms, 10000);
    assert_int_equal(row->parent_count, 2);
    assert_true(row->without_parents);
    tr_assert_bytes(row->stream, "2026");
    tr_assert_bytes(write_row(&t, &take, 400)->owner, "w1");
    close_table(&t);
}

static void test_table__lease_lives_through_all_its_writes(void **state)
{
    struct table t;
    struct tr_lease_write write = update(TR_LEASE_TAKE, NULL, 7);
    const struct tr_lease_row *row;
    (void)state;
    open_table(&t);
    make_row(&t, "shard-1");
    write.owner = TR_LIT("w1");
    (void)write_row(&t, &write, 200);
    write = update(TR_LEASE_RENEW, "w1", 8);
    assert_int_equal(write_row(&t, &write, 200)->counter, 9);
    assert_int_equal(write_row(&t, &write, 400)->counter, 9);
    write = update(TR_LEASE_TAKE, "w1", 9);
    write.owner = TR_LIT("w2");
    write.failover_ms = 2000;
    row = write_row(&t, &write, 200);
    assert_int_equal(row->switches, 1);
    assert_int_equal(row->failover_ms, 2000);
    write = update(TR_LEASE_CHECKPOINT, "w1", 10);
    write.has_position = true;
    tr_assert_status(tr_position_parse(TR_LIT("12345"), &write.position, NULL), TR_OK, NULL);
    tr_assert_bytes(write_row(&t, &write, 400)->owner, "w2");
    write.expected_owner = TR_LIT("w2");
    row = write_row(&t, &write, 200);
    assert_int_equal(row->switches, 0);
    assert_int_equal(row->checkpoint.len, 5);
    write = update(TR_LEASE_RELEASE, "w2", 11);
    write.has_position = true;
    write.position = TR_SHARD_END;
    row = write_row(&t, &write, 200);
    assert_null(row->owner.ptr);
    assert_int_equal(row->checkpoint.kind, TR_POSITION_SHARD_END);
    assert_int_equal(row->parent_count, 2);
    close_table(&t);
}

static void scan(struct table *t, struct tr_bytes last_key)
{
    struct tr_buf body = {0};
    tr_lease_encode_scan(&body, TR_LIT("orders"), true, last_key);
    assert_int_equal(call(t, "Scan", &body), 200);
    tr_assert_status(tr_lease_decode_scan(&t->rows, NULL, &t->answer.body, NULL, NULL, &t->err),
                     TR_OK, &t->err);
    tr_buf_deinit(&body);
}

static enum tr_status get(struct table *t, const char *key)
{
    struct tr_buf body = {0};
    tr_lease_encode_get(&body, TR_LIT("orders"), tr_bytes_of(key));
    assert_int_equal(call(t, "GetItem", &body), 200);
    tr_buf_deinit(&body);
    return tr_lease_decode_one(&t->rows, &t->answer.body, "Item", &t->err);
}

static void test_table__rows_are_read_one_and_all(void **state)
{
    struct table t;
    (void)state;
    open_table(&t);
    make_row(&t, "shard-1");
    make_row(&t, "shard-2");
    scan(&t, (struct tr_bytes){0});
    assert_int_equal(t.rows.count, 2);
    assert_int_equal(t.rows.last_key.len, 0);
    scan(&t, TR_LIT("{\"leaseKey\":{\"S\":\"shard-1\"}}"));
    assert_true(t.rows.count < 2);
    tr_assert_status(get(&t, "shard-2"), TR_OK, &t.err);
    tr_assert_bytes(t.rows.rows[0].key, "shard-2");
    tr_assert_status(get(&t, "none"), TR_ENOTFOUND, &t.err);
    close_table(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table__unowned_row_is_taken_once),
        cmocka_unit_test(test_table__lease_lives_through_all_its_writes),
        cmocka_unit_test(test_table__rows_are_read_one_and_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
