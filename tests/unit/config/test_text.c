/* SPDX-License-Identifier: Apache-2.0 */
#include "config/text.h"
#include "tests/support/test.h"

static void test_arn__is_taken_from_every_partition_and_from_local_servers(void **state)
{
    static const struct {
        const char *arn;
        const char *table;
    } good[] = {
        {"arn:aws:dynamodb:us-west-2:111122223333:table/TestTable/stream/2015-05-11T21:21:33.291",
         "TestTable"},
        {"arn:aws-cn:dynamodb:cn-north-1:111122223333:table/a.b-c_d/stream/x", "a.b-c_d"},
        {"arn:aws-us-gov:dynamodb:us-gov-west-1:111122223333:table/abc/stream/x", "abc"},
        {"arn:aws:dynamodb:ddblocal:000000000000:table/T12/stream/2026-11-21T02:03:01.090", "T12"},
    };
    static const char *const bad[] = {
        "",
        "arn",
        "arn:aws:dynamodb:us-west-2:111122223333:table/TestTable",
        "arn:aws:dynamodb:us-west-2:111122223333:table/TestTable/stream/",
        "arn:aws:dynamodb:us-west-2:111122223333:table/TestTable/stream/x/y",
        "arn:aws:dynamodb:us-west-2:11112222333:table/TestTable/stream/x",
        "arn:aws:dynamodb::111122223333:table/TestTable/stream/x",
        "arn:aws:kinesis:us-west-2:111122223333:stream/TestTable",
        "arn:gcp:dynamodb:us-west-2:111122223333:table/TestTable/stream/x",
        "arn:aws:dynamodb:us-west-2:111122223333:table/T/stream/x",
        "arn:aws:dynamodb:us-west-2:111122223333:table/TestTable/index/x",
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        tr_assert_bytes(tr_text_arn_table(tr_bytes_of(good[i].arn)), good[i].table);
    }
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(tr_text_arn_table(tr_bytes_of(bad[i])).ptr);
    }
}

static enum tr_status parse(enum tr_setting_type type, const char *words, const char *text,
                            struct tr_err *err)
{
    const struct tr_setting setting = {.type = type, .low = 1, .high = 64, .words = words};
    return tr_text_check(&setting, tr_bytes_of(text), err);
}

static void test_url__needs_scheme_host_and_nothing_behind_the_path(void **state)
{
    static const char *const good[] = {
        "http://localhost:8000",    "https://dynamodb.us-west-2.amazonaws.com",
        "http://[::1]:8000/",       "http://user:pw@host:80",
        "https://a_b.example/path", "http://[::1]"};
    static const char *const bad[] = {"localhost:8000", "http://",      "http://host:0",
                                      "http://host:x",  "http://host:", "http://host:65536",
                                      "http://ho st",   "http://h/?q",  "http://h/#f",
                                      "ftp://host",     "http://[::1",  "http://[]",
                                      "http://[::1]x",  "HTTP//x",      "http://a:b:c"};
    struct tr_err err;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        tr_assert_status(parse(TR_SETTING_URL, "", good[i], &err), TR_OK, &err);
    }
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tr_assert_status(parse(TR_SETTING_URL, "", bad[i], &err), TR_ECONFIG, &err);
    }
}

static void test_url__never_shows_its_password(void **state)
{
    static const char *const bad[] = {"me:secret@h", "ftp://me:secret@h", "http://me:/secret@h",
                                      "http://me:secret\n@h", "http://me:secret\xff@h"};
    size_t i;
    struct tr_buf out = {0};
    struct tr_err err;
    (void)state;
    tr_text_add_masked_url(&out, TR_LIT("https://me:se@cret@host:80/a@b"));
    tr_assert_bytes(tr_buf_bytes(&out), "https://***@host:80/a@b");
    tr_buf_deinit(&out);
    tr_assert_status(parse(TR_SETTING_URL, "", "http://me:secret@host:bad", &err), TR_ECONFIG,
                     &err);
    assert_null(strstr(err.text, "secret"));
    tr_assert_has(err.text, "'http://***@host:bad'");
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tr_assert_status(parse(TR_SETTING_URL, "", bad[i], &err), TR_ECONFIG, &err);
        assert_null(strstr(err.text, "secret"));
        tr_assert_has(err.text, "***@h");
    }
}

static void test_path__knows_its_placeholders(void **state)
{
    struct tr_err err;
    (void)state;
    tr_assert_status(parse(TR_SETTING_PATH, "{shard}", "a-{shard}.{shard}", &err), TR_OK, &err);
    tr_assert_status(parse(TR_SETTING_PATH, "{shard}", "a-{shards}.x", &err), TR_ECONFIG, &err);
    assert_string_equal(err.text, "'{shards}' is no known placeholder (known: '{shard}')");
    tr_assert_status(parse(TR_SETTING_PATH, "{shard}", "a-{shard", &err), TR_ECONFIG, &err);
    tr_assert_status(parse(TR_SETTING_PATH, "{shard}", "a}", &err), TR_ECONFIG, &err);
    tr_assert_status(parse(TR_SETTING_PATH, "", "{shard}", &err), TR_ECONFIG, &err);
}

static void test_text__holds_no_control_characters(void **state)
{
    struct tr_err err;
    (void)state;
    tr_assert_status(parse(TR_SETTING_PATH, "", "a\nb", &err), TR_ECONFIG, &err);
    assert_string_equal(err.text, "'a\\x0ab' holds the control character 0x0a");
    tr_assert_status(parse(TR_SETTING_PATH, "", "a\xff", &err), TR_ECONFIG, &err);
    assert_string_equal(err.text, "'a\\xff' is not utf-8");
    tr_assert_status(parse(TR_SETTING_TEXT, "-", "us_west", &err), TR_ECONFIG, &err);
    tr_assert_has(err.text, "not made of letters, digits and '-'");
}

static void test_quote__cuts_long_text_between_characters(void **state)
{
    char quoted[TR_QUOTE_BYTES];
    char text[200];
    size_t i;
    (void)state;
    for (i = 0; i + 1 < sizeof text; i += 2) {
        memcpy(text + i, "\xc3\xa4", 2);
    }
    (void)tr_text_quote((struct tr_bytes){text + 1, 1}, quoted);
    assert_string_equal(quoted, "'\\xa4'");
    (void)tr_text_quote((struct tr_bytes){text, 198}, quoted);
    assert_true(tr_bytes_utf8(tr_bytes_of(quoted)));
    tr_assert_has(quoted, "...'");
    /* A terminal must not obey what a value says. */
    (void)tr_text_quote(TR_LIT("\x1b[2J\xc2\x9b"), quoted);
    assert_string_equal(quoted, "'\\x1b[2J\\x9b'");
}

static void test_plain__tells_what_other_yaml_readers_see(void **state)
{
    static const struct {
        const char *text;
        enum tr_plain plain;
    } cases[] = {
        {"", TR_PLAIN_NULL},     {"~", TR_PLAIN_NULL},      {"Null", TR_PLAIN_NULL},
        {"yes", TR_PLAIN_BOOL},  {"Off", TR_PLAIN_BOOL},    {"TRUE", TR_PLAIN_BOOL},
        {"12", TR_PLAIN_NUMBER}, {"-1.5", TR_PLAIN_NUMBER}, {"1e3", TR_PLAIN_NUMBER},
        {".5", TR_PLAIN_NUMBER}, {"0x1f", TR_PLAIN_NUMBER}, {"1e", TR_PLAIN_TEXT},
        {"-", TR_PLAIN_TEXT},    {".", TR_PLAIN_TEXT},      {"1.2.3", TR_PLAIN_TEXT},
        {"10s", TR_PLAIN_TEXT},  {"nope", TR_PLAIN_TEXT},   {"Orders", TR_PLAIN_TEXT},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(tr_text_plain(tr_bytes_of(cases[i].text)), cases[i].plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arn__is_taken_from_every_partition_and_from_local_servers),
        cmocka_unit_test(test_url__needs_scheme_host_and_nothing_behind_the_path),
        cmocka_unit_test(test_url__never_shows_its_password),
        cmocka_unit_test(test_path__knows_its_placeholders),
        cmocka_unit_test(test_text__holds_no_control_characters),
        cmocka_unit_test(test_quote__cuts_long_text_between_characters),
        cmocka_unit_test(test_plain__tells_what_other_yaml_readers_see),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
