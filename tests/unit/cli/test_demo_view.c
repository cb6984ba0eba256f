/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/demo_view.h"
#include "tests/support/test.h"

static struct tr_demo_view make(void)
{
    struct tr_demo_view view = {
        .title = "tailrace demo",
        .phase = "the feed writes",
        .elapsed_ms = 65000,
        .written = 120,
        .processed = 100,
        .twice = 3,
        .columns = 80,
        .utf8 = true,
        .worker_count = 2,
        .workers = {{"killed", TR_DEMO_BAD, 0, ""}, {"runs", TR_DEMO_GOOD, 2, "f35f62ef 00aa11bb"}},
        .shards_open = 3,
        .shards_unheld = 1,
        .shards_ended = 4};
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
    assert_int_equal(tr_demo_view_frame(&view, &out), 9);
    tr_assert_bytes(tr_buf_bytes(&out), "tailrace demo  01:05  the feed writes\n"
                                        "\n"
                                        "  written          120     100/s  ▄█\n"
                                        "  processed        100       0/s  ▂ \n"
                                        "  to do             20  3 delivered twice\n"
                                        "  worker 1   killed              0  \n"
                                        "  worker 2   runs      ██        2  f35f62ef 00aa11bb\n"
                                        "  shards     3 open, 1 of them without a reader, 4 ended\n"
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

static void test_view__colours_whole_lines_and_only_when_asked(void **state)
{
    struct tr_demo_view view = make();
    struct tr_buf out = {0};
    (void)state;
    (void)tr_demo_view_frame(&view, &out);
    assert_null(strchr(out.ptr, '\033'));
    tr_buf_reset(&out);
    view.color = true;
    view.columns = 20;
    (void)tr_demo_view_frame(&view, &out);
    tr_assert_has(out.ptr, "\n\033[31m  worker 1   killed \033[0m\n");
    tr_assert_has(out.ptr, "\n\033[32m  worker 2   runs   \033[0m\n");
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
    assert_null(strstr(out.ptr, "event 89"));
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
        cmocka_unit_test(test_view__colours_whole_lines_and_only_when_asked),
        cmocka_unit_test(test_view__fits_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
