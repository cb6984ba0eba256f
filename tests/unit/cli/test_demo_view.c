/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/demo_view.h"
#include "tests/support/test.h"

static struct tr_demo_view make(void)
{
    struct tr_demo_view view = {.title = "tailrace demo",
                                .phase = "the feed writes",
                                .elapsed_ms = 65000,
                                .written = 120,
                                .processed = 100,
                                .twice = 3,
                                .columns = 80,
                                .utf8 = true,
                                .shard_count = 1,
                                .shards = {{"f35f62ef", "read by worker 1", "...123"}}};
    return view;
}

static void test_view__shows_what_is_going_on(void **state)
{
    struct tr_demo_view view = make();
    struct tr_buf out = {0};
    (void)state;
    tr_demo_view_sample(&view, 50, 25);
    tr_demo_view_sample(&view, 100, 0);
    tr_demo_view_event(&view, "a shard splits in two");
    assert_int_equal(tr_demo_view_frame(&view, &out), 7);
    tr_assert_bytes(tr_buf_bytes(&out), "tailrace demo  01:05  the feed writes\n"
                                        "\n"
                                        "  written          120     100/s  ▄█\n"
                                        "  processed        100       0/s  ▂ \n"
                                        "  to do             20  3 delivered twice\n"
                                        "  shards     f35f62ef   read by worker 1         ...123\n"
                                        "  events     a shard splits in two\n");
    tr_buf_deinit(&out);
}

static void test_view__needs_no_utf8(void **state)
{
    struct tr_demo_view view = make();
    struct tr_buf out = {0};
    size_t i;
    (void)state;
    view.utf8 = false;
    tr_demo_view_sample(&view, 50, 25);
    (void)tr_demo_view_frame(&view, &out);
    for (i = 0; i < out.len; i++) {
        assert_true((unsigned char)out.ptr[i] < 0x80);
    }
    tr_buf_deinit(&out);
}

static void test_view__fits_the_terminal(void **state)
{
    struct tr_demo_view view = make();
    struct tr_buf out = {0};
    struct tr_bytes rest;
    size_t i;
    (void)state;
    view.columns = 34;
    for (i = 0; i < 100; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "event %zu with a long tale", i);
        tr_demo_view_event(&view, text);
        tr_demo_view_sample(&view, i, i / 2);
    }
    assert_true(tr_demo_view_frame(&view, &out) < 24);
    tr_assert_has(out.ptr, "event 99");
    assert_null(strstr(out.ptr, "event 91"));
    rest = tr_buf_bytes(&out);
    while (rest.len > 0) {
        struct tr_bytes line = tr_bytes_cut(&rest, '\n');
        size_t columns = 0;
        assert_true(tr_bytes_utf8(line));
        for (i = 0; i < line.len; i++) {
            columns += ((unsigned char)line.ptr[i] & 0xc0) != 0x80;
        }
        assert_true(columns <= 34);
    }
    tr_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_view__shows_what_is_going_on),
        cmocka_unit_test(test_view__needs_no_utf8),
        cmocka_unit_test(test_view__fits_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
