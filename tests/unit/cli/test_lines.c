/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lines.h"
#include "tests/support/test.h"

#include <fcntl.h>
#include <unistd.h>

struct place {
    char path[64];
    int fd;
};

static struct place make(void)
{
    struct place place = {.path = "/tmp/tailrace-lines-XXXXXX"};
    place.fd = mkstemp(place.path);
    assert_true(place.fd >= 0);
    return place;
}

static void append(const struct place *place, const char *text)
{
    assert_true(lseek(place->fd, 0, SEEK_END) >= 0);
    assert_int_equal(write(place->fd, text, strlen(text)), strlen(text));
}

static void drop(struct place *place, struct tr_lines *lines)
{
    tr_lines_deinit(lines);
    (void)close(place->fd);
    (void)unlink(place->path);
}

static void expect(struct tr_lines *lines, const char *want)
{
    struct tr_bytes line;
    struct tr_err err = {{0}};
    tr_assert_status(tr_lines_next(lines, &line, &err), want != NULL ? TR_OK : TR_ENOTFOUND, &err);
    if (want != NULL) {
        tr_assert_bytes(line, want);
    }
}

static void test_lines__come_when_they_are_whole(void **state)
{
    struct place place = make();
    struct tr_lines lines;
    (void)state;
    tr_lines_init(&lines, place.path);
    expect(&lines, NULL);
    append(&place, "one\ntwo\nthr");
    expect(&lines, "one");
    expect(&lines, "two");
    expect(&lines, NULL);
    expect(&lines, NULL);
    append(&place, "ee\n\n");
    expect(&lines, "three");
    assert_int_equal(lines.number, 3);
    expect(&lines, "");
    expect(&lines, NULL);
    drop(&place, &lines);
}

static void test_lines__forget_half_a_line_that_is_cut_off(void **state)
{
    struct place place = make();
    struct tr_lines lines;
    (void)state;
    tr_lines_init(&lines, place.path);
    append(&place, "one\nhalf of a long li");
    expect(&lines, "one");
    expect(&lines, NULL);
    assert_int_equal(ftruncate(place.fd, 4), 0);
    append(&place, "two\nthree\n");
    expect(&lines, "two");
    expect(&lines, "three");
    expect(&lines, NULL);
    drop(&place, &lines);
}

static void test_lines__may_be_longer_than_what_is_read_at_once(void **state)
{
    struct place place = make();
    struct tr_lines lines;
    struct tr_buf text = {0};
    size_t i;
    (void)state;
    for (i = 0; i < 1000000; i++) {
        tr_buf_add_char(&text, (char)('a' + i % 26));
    }
    tr_lines_init(&lines, place.path);
    append(&place, "short\n");
    append(&place, text.ptr);
    append(&place, "\nend\n");
    expect(&lines, "short");
    expect(&lines, text.ptr);
    expect(&lines, "end");
    expect(&lines, NULL);
    tr_buf_deinit(&text);
    drop(&place, &lines);
}

static void test_lines__have_a_limit(void **state)
{
    struct place place = make();
    struct tr_lines lines;
    struct tr_bytes line;
    struct tr_err err = {{0}};
    (void)state;
    assert_int_equal(ftruncate(place.fd, (off_t)TR_LINE_BYTES_MAX * 2), 0);
    tr_lines_init(&lines, place.path);
    tr_assert_status(tr_lines_next(&lines, &line, &err), TR_ELIMIT, &err);
    tr_assert_has(err.text, "line 1 is longer than");
    drop(&place, &lines);
}

static void test_lines__of_a_file_that_is_not_there_yet(void **state)
{
    struct place place = make();
    struct tr_lines lines;
    (void)state;
    (void)unlink(place.path);
    tr_lines_init(&lines, place.path);
    expect(&lines, NULL);
    (void)close(place.fd);
    place.fd = open(place.path, O_RDWR | O_CREAT, 0600);
    append(&place, "here\n");
    expect(&lines, "here");
    drop(&place, &lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines__come_when_they_are_whole),
        cmocka_unit_test(test_lines__forget_half_a_line_that_is_cut_off),
        cmocka_unit_test(test_lines__may_be_longer_than_what_is_read_at_once),
        cmocka_unit_test(test_lines__have_a_limit),
        cmocka_unit_test(test_lines__of_a_file_that_is_not_there_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
