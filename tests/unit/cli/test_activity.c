/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/mem.h"
#include "cli/activity.h"
#include "tests/support/test.h"

#define NOW ((struct tr_wall){1795248000000})
#define NAME TR_LIT("feed-1")

static const struct tr_activity_mix usual = {{20, 70, 10}};

static struct tr_activity make(uint64_t seed, uint32_t users, uint32_t writer, uint32_t writers,
                               struct tr_activity_mix mix)
{
    struct tr_activity_options options = {
        .seed = seed, .mix = mix, .users = users, .writer = writer, .writers = writers};
    struct tr_activity activity;
    assert_int_equal(tr_activity_init(&activity, &options), TR_OK);
    return activity;
}

/* The next write as a line and its request, acknowledged. */
static void add_next(struct tr_activity *activity, struct tr_buf *out)
{
    struct tr_activity_write write;
    char pk[TR_ACTIVITY_PK_SIZE];
    tr_activity_next(activity, NOW, &write);
    tr_activity_pk(activity, write.user, pk);
    tr_buf_printf(out, "%s %llu %s ", pk, (unsigned long long)write.n,
                  tr_write_kind_text(write.kind));
    tr_buf_add_str(out, tr_activity_encode(activity, &write, TR_LIT("Shop"), NAME, out));
    tr_buf_add_char(out, '\n');
    tr_activity_done(activity, &write);
}

static void test_activity__is_the_same_for_the_same_seed_and_writer(void **state)
{
    struct tr_activity activities[4] = {make(7, 50, 1, 4, usual), make(7, 50, 1, 4, usual),
                                        make(8, 50, 1, 4, usual), make(7, 50, 2, 4, usual)};
    struct tr_buf out[4] = {{0}, {0}, {0}, {0}};
    size_t i, k;
    (void)state;
    for (k = 0; k < 4; k++) {
        for (i = 0; i < 300; i++) {
            add_next(&activities[k], &out[k]);
        }
    }
    assert_true(tr_bytes_eq(tr_buf_bytes(&out[0]), tr_buf_bytes(&out[1])));
    assert_false(tr_bytes_eq(tr_buf_bytes(&out[0]), tr_buf_bytes(&out[2])));
    assert_false(tr_bytes_eq(tr_buf_bytes(&out[0]), tr_buf_bytes(&out[3])));
    for (k = 0; k < 4; k++) {
        tr_buf_deinit(&out[k]);
        tr_activity_deinit(&activities[k]);
    }
}

static void test_activity__numbers_each_users_writes_without_a_hole(void **state)
{
    struct tr_activity activity = make(1, 20, 0, 1, usual);
    uint64_t last[20] = {0};
    bool present[20] = {false};
    unsigned kinds[TR_WRITE_KIND_COUNT] = {0};
    int i;
    (void)state;
    for (i = 0; i < 5000; i++) {
        struct tr_activity_write write;
        tr_activity_next(&activity, NOW, &write);
        assert_int_equal(write.n, last[write.user] + 1);
        assert_int_equal(write.kind != TR_WRITE_INSERT, present[write.user]);
        assert_int_equal(write.previous, last[write.user]);
        last[write.user]++;
        present[write.user] = write.kind != TR_WRITE_REMOVE;
        kinds[write.kind]++;
        tr_activity_done(&activity, &write);
    }
    /* What is removed comes back; most of the rest are modifications, as the mix wants. */
    assert_in_range(kinds[TR_WRITE_REMOVE], 400, 600);
    assert_in_range(kinds[TR_WRITE_INSERT], kinds[TR_WRITE_REMOVE], kinds[TR_WRITE_REMOVE] + 20);
    tr_activity_deinit(&activity);
}

static void test_activity__shares_the_users_among_the_writers(void **state)
{
    char seen[11][TR_ACTIVITY_PK_SIZE];
    size_t count = 0, w, i, j;
    (void)state;
    for (w = 0; w < 3; w++) {
        struct tr_activity activity = make(1, 11, (uint32_t)w, 3, usual);
        for (i = 0; i < activity.count; i++) {
            tr_activity_pk(&activity, (uint32_t)i, seen[count]);
            for (j = 0; j < count; j++) {
                assert_string_not_equal(seen[j], seen[count]);
            }
            count++;
        }
        tr_activity_deinit(&activity);
    }
    assert_int_equal(count, 11);
}

static void test_activity__gives_way_when_a_kind_cannot_be_done(void **state)
{
    struct tr_activity full = make(1, 3, 0, 1, (struct tr_activity_mix){{1, 0, 0}});
    struct tr_activity empty = make(1, 3, 0, 1, (struct tr_activity_mix){{0, 0, 1}});
    struct tr_activity_write write;
    int i;
    (void)state;
    for (i = 0; i < 10; i++) {
        tr_activity_next(&full, NOW, &write);
        assert_int_equal(write.kind, i < 3 ? TR_WRITE_INSERT : TR_WRITE_MODIFY);
        tr_activity_done(&full, &write);
        tr_activity_next(&empty, NOW, &write);
        assert_int_equal(write.kind, i % 2 == 0 ? TR_WRITE_INSERT : TR_WRITE_REMOVE);
        tr_activity_done(&empty, &write);
    }
    tr_activity_deinit(&full);
    tr_activity_deinit(&empty);
}

static struct tr_activity_write next_of_kind(struct tr_activity *activity, enum tr_write_kind kind)
{
    struct tr_activity_write write;
    for (;;) {
        tr_activity_next(activity, NOW, &write);
        if (write.kind == kind) {
            return write;
        }
        tr_activity_done(activity, &write);
    }
}

static void parse(struct tr_json_doc *doc, const struct tr_buf *body)
{
    struct tr_err err = {{0}};
    tr_assert_status(tr_json_parse(doc, tr_buf_bytes(body), &err), TR_OK, &err);
}

static void test_activity__inserts_items_of_about_a_kilobyte_in_all_types(void **state)
{
    static const char *const types[] = {
        "{\"S\":",  "{\"N\":",  "{\"B\":",    "{\"M\":",   "{\"L\":",
        "{\"SS\":", "{\"NS\":", "{\"BOOL\":", "{\"NULL\":"};
    struct tr_activity activity = make(3, 500, 0, 1, usual);
    struct tr_json_doc doc = {0};
    size_t i, k;
    (void)state;
    for (i = 0; i < 200; i++) {
        struct tr_activity_write write = next_of_kind(&activity, TR_WRITE_INSERT);
        struct tr_buf body = {0};
        struct tr_json item;
        assert_string_equal(tr_activity_encode(&activity, &write, TR_LIT("Shop"), NAME, &body),
                            "PutItem");
        parse(&doc, &body);
        item = tr_json_get(tr_json_root(&doc), "Item");
        assert_true(tr_json_is(tr_json_get(tr_json_get(item, "writer"), "S"), "feed-1"));
        assert_in_range(tr_json_raw(item).len, 1000, 3000);
        for (k = 0; k < sizeof types / sizeof *types; k++) {
            tr_assert_has(body.ptr, types[k]);
        }
        tr_assert_has(body.ptr, "attribute_not_exists(pk)");
        tr_activity_done(&activity, &write);
        tr_buf_deinit(&body);
    }
    tr_json_deinit(&doc);
    tr_activity_deinit(&activity);
}

static void test_activity__changes_only_the_item_that_it_knows(void **state)
{
    struct tr_activity activity = make(3, 20, 0, 1, usual);
    struct tr_json_doc doc = {0};
    size_t i;
    (void)state;
    for (i = 0; i < 200; i++) {
        struct tr_activity_write write =
            next_of_kind(&activity, i % 4 == 0 ? TR_WRITE_REMOVE : TR_WRITE_MODIFY);
        struct tr_buf body = {0};
        struct tr_json root, values;
        char previous[24];
        assert_string_equal(tr_activity_encode(&activity, &write, TR_LIT("Shop"), NAME, &body),
                            i % 4 == 0 ? "DeleteItem" : "UpdateItem");
        parse(&doc, &body);
        root = tr_json_root(&doc);
        values = tr_json_get(root, "ExpressionAttributeValues");
        (void)snprintf(previous, sizeof previous, "%llu", (unsigned long long)write.previous);
        assert_true(tr_json_is(tr_json_get(tr_json_get(values, ":was"), "N"), previous));
        assert_true(tr_json_is(tr_json_get(root, "ConditionExpression"), "#0 = :was"));
        assert_true(
            tr_json_is(tr_json_get(tr_json_get(root, "ExpressionAttributeNames"), "#0"), "n"));
        assert_true(
            tr_json_is(tr_json_get(root, "ReturnValuesOnConditionCheckFailure"), "ALL_OLD"));
        tr_activity_done(&activity, &write);
        tr_buf_deinit(&body);
    }
    tr_json_deinit(&doc);
    tr_activity_deinit(&activity);
}

static void test_activity__lets_items_expire_when_asked(void **state)
{
    struct tr_activity_options options = {
        .seed = 1, .mix = usual, .users = 5, .writers = 1, .ttl_s = 60};
    struct tr_activity activity;
    struct tr_activity_write write;
    struct tr_buf body = {0};
    (void)state;
    assert_int_equal(tr_activity_init(&activity, &options), TR_OK);
    tr_activity_next(&activity, NOW, &write);
    (void)tr_activity_encode(&activity, &write, TR_LIT("Shop"), NAME, &body);
    tr_assert_has(body.ptr, "\"expires_at\":{\"N\":\"1795248060\"}");
    tr_buf_deinit(&body);
    tr_activity_deinit(&activity);
}

static void test_activity__counts_a_write_whose_answer_was_lost_once(void **state)
{
    struct tr_activity activity = make(1, 1, 0, 1, usual);
    struct tr_activity_write write, again;
    (void)state;
    tr_activity_next(&activity, NOW, &write);
    assert_int_equal(
        tr_activity_resolve(&activity, &write, &(struct tr_activity_found){true, 1, true}),
        TR_ACTIVITY_DONE);
    tr_activity_next(&activity, NOW, &again);
    assert_int_equal(again.n, 2);
    assert_int_not_equal(again.kind, TR_WRITE_INSERT);
    tr_activity_deinit(&activity);
}

static void test_activity__follows_items_that_others_changed(void **state)
{
    struct tr_activity activity = make(1, 1, 0, 1, (struct tr_activity_mix){{0, 1, 0}});
    struct tr_activity_write write;
    (void)state;
    /* The item of an earlier feed: it is there, at 7. */
    tr_activity_next(&activity, NOW, &write);
    assert_int_equal(
        tr_activity_resolve(&activity, &write, &(struct tr_activity_found){true, 7, false}),
        TR_ACTIVITY_FOREIGN);
    tr_activity_next(&activity, NOW, &write);
    assert_int_equal(write.kind, TR_WRITE_MODIFY);
    assert_int_equal(write.n, 8);
    /* The same number, but of another feed's writing. */
    assert_int_equal(
        tr_activity_resolve(&activity, &write, &(struct tr_activity_found){true, 8, false}),
        TR_ACTIVITY_FOREIGN);
    /* Its time was up: it comes back with the next number. */
    tr_activity_next(&activity, NOW, &write);
    assert_int_equal(write.n, 9);
    assert_int_equal(
        tr_activity_resolve(&activity, &write, &(struct tr_activity_found){.present = false}),
        TR_ACTIVITY_FOREIGN);
    tr_activity_next(&activity, NOW, &write);
    assert_int_equal(write.kind, TR_WRITE_INSERT);
    assert_int_equal(write.n, 9);
    tr_activity_deinit(&activity);
}

static void test_activity__leaves_a_removal_of_what_is_gone_to_its_caller(void **state)
{
    struct tr_activity activity = make(1, 1, 0, 1, (struct tr_activity_mix){{0, 0, 1}});
    struct tr_activity_write write;
    (void)state;
    tr_activity_next(&activity, NOW, &write);
    tr_activity_done(&activity, &write);
    tr_activity_next(&activity, NOW, &write);
    assert_int_equal(write.kind, TR_WRITE_REMOVE);
    assert_int_equal(
        tr_activity_resolve(&activity, &write, &(struct tr_activity_found){.present = false}),
        TR_ACTIVITY_ABSENT);
    tr_activity_next(&activity, NOW, &write);
    assert_int_equal(write.kind, TR_WRITE_INSERT);
    assert_int_equal(write.n, 3);
    tr_activity_deinit(&activity);
}

static void test_activity__reads_the_item_out_of_an_answer(void **state)
{
    static const struct {
        const char *body;
        enum tr_status status;
        struct tr_activity_found found;
    } known[] = {
        {"{\"Item\":{\"n\":{\"N\":\"5\"},\"writer\":{\"S\":\"feed-1\"}}}", TR_OK, {true, 5, true}},
        {"{\"Item\":{\"n\":{\"N\":\"5\"},\"writer\":{\"S\":\"feed-2\"}}}", TR_OK, {true, 5, false}},
        {"{\"Item\":{\"n\":{\"N\":\"5\"}}}", TR_OK, {true, 5, false}},
        {"{\"__type\":\"x\",\"message\":\"The conditional request failed\"}", TR_OK, {0}},
        {"{}", TR_OK, {0}},
        {"{\"Item\":{\"n\":{\"S\":\"5\"}}}", TR_EPARSE, {0}},
        {"{\"Item\":{\"n\":{\"N\":\"5.5\"}}}", TR_EPARSE, {0}},
        {"{\"Item\":{}}", TR_EPARSE, {0}},
        {"{\"Item\":{\"n\":{\"N\":\"99999999999999999999999999\"}}}", TR_EPARSE, {0}},
        {"<html>", TR_EPARSE, {0}},
        {"", TR_EPARSE, {0}},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof known / sizeof *known; i++) {
        struct tr_activity_found found;
        struct tr_err err = {{0}};
        tr_assert_status(tr_activity_decode(tr_bytes_of(known[i].body), NAME, &found, &err),
                         known[i].status, &err);
        if (known[i].status == TR_OK) {
            assert_int_equal(found.present, known[i].found.present);
            assert_int_equal(found.n, known[i].found.n);
            assert_int_equal(found.ours, known[i].found.ours);
        } else {
            assert_true(err.text[0] != '\0');
        }
    }
}

static void test_mix__is_read_and_refused_by_part(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "none of insert, modify, remove"},
        {"insert", "'insert': the share"},
        {"insert=", "the share is not in 0..1000000"},
        {"insert=-1", "'insert=-1'"},
        {"insert=70,modfy=20", "'modfy'"},
        {"insert=1,insert=2", "given twice"},
        {"insert=1,", "none of"},
        {"insert=1000001", "0..1000000"},
        {"modify=0", "nothing to write"},
    };
    struct tr_activity_mix mix;
    struct tr_err err = {{0}};
    size_t i;
    (void)state;
    assert_int_equal(tr_activity_parse_mix(TR_LIT("remove=10,insert=70,modify=20"), &mix, &err),
                     TR_OK);
    assert_int_equal(mix.share[TR_WRITE_INSERT], 70);
    assert_int_equal(mix.share[TR_WRITE_MODIFY], 20);
    assert_int_equal(mix.share[TR_WRITE_REMOVE], 10);
    assert_int_equal(tr_activity_parse_mix(TR_LIT("insert=1"), &mix, &err), TR_OK);
    assert_int_equal(mix.share[TR_WRITE_REMOVE], 0);
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        tr_assert_status(tr_activity_parse_mix(tr_bytes_of(bad[i].text), &mix, &err), TR_EUSAGE,
                         &err);
        tr_assert_has(err.text, bad[i].says);
    }
}

static void test_activity__says_so_when_memory_is_out(void **state)
{
    struct tr_activity_options options = {.seed = 1, .mix = usual, .users = 5, .writers = 1};
    struct tr_activity activity;
    struct tr_activity_write write;
    struct tr_activity_found found;
    int64_t n;
    (void)state;
    for (n = 0;; n++) {
        enum tr_status status;
        (void)tr_mem_fail_at(n);
        status = tr_activity_init(&activity, &options);
        (void)tr_mem_fail_at(-1);
        if (status == TR_OK) {
            break;
        }
        assert_int_equal(status, TR_ENOMEM);
    }
    tr_activity_next(&activity, NOW, &write);
    for (n = 0;; n++) {
        struct tr_buf body = {0};
        bool failed;
        (void)tr_mem_fail_at(n);
        (void)tr_activity_encode(&activity, &write, TR_LIT("Shop"), NAME, &body);
        (void)tr_mem_fail_at(-1);
        failed = body.failed;
        tr_buf_deinit(&body);
        if (!failed) {
            break;
        }
    }
    assert_true(n > 0);
    for (n = 0;; n++) {
        enum tr_status status;
        (void)tr_mem_fail_at(n);
        status = tr_activity_decode(TR_LIT("{\"Item\":{\"n\":{\"N\":\"5\"}}}"), NAME, &found, NULL);
        (void)tr_mem_fail_at(-1);
        if (status == TR_OK) {
            break;
        }
        assert_int_equal(status, TR_ENOMEM);
    }
    assert_true(n > 0);
    tr_activity_deinit(&activity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activity__is_the_same_for_the_same_seed_and_writer),
        cmocka_unit_test(test_activity__numbers_each_users_writes_without_a_hole),
        cmocka_unit_test(test_activity__shares_the_users_among_the_writers),
        cmocka_unit_test(test_activity__gives_way_when_a_kind_cannot_be_done),
        cmocka_unit_test(test_activity__inserts_items_of_about_a_kilobyte_in_all_types),
        cmocka_unit_test(test_activity__changes_only_the_item_that_it_knows),
        cmocka_unit_test(test_activity__lets_items_expire_when_asked),
        cmocka_unit_test(test_activity__counts_a_write_whose_answer_was_lost_once),
        cmocka_unit_test(test_activity__follows_items_that_others_changed),
        cmocka_unit_test(test_activity__leaves_a_removal_of_what_is_gone_to_its_caller),
        cmocka_unit_test(test_activity__reads_the_item_out_of_an_answer),
        cmocka_unit_test(test_mix__is_read_and_refused_by_part),
        cmocka_unit_test(test_activity__says_so_when_memory_is_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
