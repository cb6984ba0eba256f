/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/config/load.h"

#define GOOD "consumers:\n" TR_TEST_CONSUMER

static void test_yaml__refuses_by_name_what_hides_structure(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {GOOD "log: &shared {level: info}\n",
         "t.yaml:5:6: log: anchors ('shared') are not supported\n"},
        {GOOD "log: *shared\n", "t.yaml:5:6: log: aliases ('shared') are not supported\n"},
        {GOOD "worker: {threads: !!int 4}\n",
         "t.yaml:5:19: worker.threads: tags ('tag:yaml.org,2002:int') are not supported\n"},
        {GOOD "log: !mine {level: info}\n", "t.yaml:5:6: log: tags ('!mine') are not supported\n"},
        {GOOD "log: {<<: {level: info}}\n",
         "t.yaml:5:7: log: merge keys ('<<') are not supported\n"},
        {GOOD "? [a, b]\n: c\n", "t.yaml:5:3: a key must be a single word\n"},
        {GOOD "---\nlog: {level: info}\n",
         "t.yaml:5:1: a second document ('---') in one file is not supported\n"},
        {"%TAG !e! tag:example.com,2000:\n---\n" GOOD,
         "t.yaml:1:1: tags ('!e!') are not supported\n"},
        /* Several at once: reading goes on behind each. */
        {GOOD "log: &a {level: info}\naws: {region: &b us-west-2}\n",
         "t.yaml:5:6: log: anchors ('a') are not supported\n"
         "t.yaml:6:15: aws.region: anchors ('b') are not supported\n"},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        load_bad(tr_bytes_of(cases[i].text), cases[i].says);
    }
}

static void test_yaml__names_the_first_place_of_a_repeated_key(void **state)
{
    (void)state;
    load_bad(TR_LIT(GOOD "log: {level: info}\nlog: {format: json}\n"),
             "t.yaml:6:1: key 'log' is repeated (first at 5:1)\n");
    load_bad(TR_LIT("consumers:\n  a-a:\n    stream: {table: Ord, table: Ord}\n"
                    "    processor: {file: {path: x}}\n  a-a: {}\n"),
             "t.yaml:3:26: consumers.a-a.stream: key 'table' is repeated (first at 3:14)\n"
             "t.yaml:5:3: consumers: key 'a-a' is repeated (first at 2:3)\n");
}

static void test_yaml__that_is_empty_says_what_is_required(void **state)
{
    static const char *const empty[] = {"",      "\n\n",         "# only a comment\n",
                                        "---\n", "\xef\xbb\xbf", "---\n...\n"};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        load_bad(tr_bytes_of(empty[i]),
                 "t.yaml: empty; required: consumers.NAME with stream.table (or stream.arn) and "
                 "processor\n");
    }
    load_bad(TR_LIT("[a, b]\n"), "t.yaml:1:1: expected a mapping of settings, found a list\n");
    load_bad(TR_LIT("just text\n"),
             "t.yaml:1:1: expected a mapping of settings, found a single value\n");
}

static void test_yaml__that_is_malformed_gives_one_error_with_its_place(void **state)
{
    const struct {
        struct tr_bytes text;
        const char *says;
    } cases[] = {
        {TR_LIT("consumers:\n  a: [1, 2\n"), "t.yaml:3:1: not valid YAML: did not find expected "
                                             "',' or ']' while parsing a flow sequence\n"},
        {TR_LIT("consumers: \"open"),
         "t.yaml:1:17: not valid YAML: found unexpected end of stream while scanning a quoted "
         "scalar\n"},
        {TR_LIT("a: b: c\n"),
         "t.yaml:1:5: not valid YAML: mapping values are not allowed in this context\n"},
        {TR_LIT("a:\n\tb: c\n"),
         "t.yaml:2:1: not valid YAML: found character that cannot start any token while scanning "
         "for the next token (put the value in quotes; indent with spaces)\n"},
        {TR_LIT("a: -\n"),
         "t.yaml:1:4: not valid YAML: block sequence entries are not allowed in this context (a "
         "value that is a single '-' needs quotes)\n"},
        {TR_LIT("log:\n  level: \xe4rger\n"), "t.yaml:2:10: byte 0xe4 is not UTF-8\n"},
        {TR_LIT("a: \xc3"), "t.yaml:1:4: byte 0xc3 is not UTF-8\n"},
        {TR_LIT("\xc3\xa4: \xed\xa0\x80"), "t.yaml:1:4: byte 0xed is not UTF-8\n"},
        {TR_LIT("a: b\n# \0\n"), "t.yaml:2:3: byte 0x00 is a control character\n"},
        {TR_LIT("a: \x1b[0m\n"), "t.yaml:1:4: byte 0x1b is a control character\n"},
        {TR_LIT("\xff\xfe"
                "a\0"),
         "t.yaml: is UTF-16; save it as UTF-8\n"},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        load_bad(cases[i].text, cases[i].says);
    }
}

static void test_yaml__cut_anywhere_never_loads_as_something_else(void **state)
{
    static const char whole[] = "consumers:\n" TR_TEST_CONSUMER "log: {level: debug}\n";
    size_t len;
    (void)state;
    for (len = 0; len < sizeof whole - 1; len++) {
        const struct tr_config_source source = {"t.yaml", {whole, len}};
        struct tr_config *config = NULL;
        char *errors = load_all(&source, 1, &test_options, &config);
        /* What loads is a whole consumer at least; a cut is told with its file. */
        if (config != NULL) {
            assert_string_equal(config->consumers[0].stream.table, "Orders");
            assert_true(strncmp(config->consumers[0].processor.file.path, "out", 3) == 0);
        } else {
            tr_assert_has(errors, "t.yaml:");
        }
        tr_free(errors);
        tr_config_free(config);
    }
}

static void test_yaml__has_limits(void **state)
{
    struct tr_buf text = {0};
    size_t i;
    (void)state;
    for (i = 0; i < 10000; i++) {
        tr_buf_add_char(&text, '[');
    }
    load_bad(tr_buf_bytes(&text), "t.yaml:1:33: nested too deep (limit 32)\n");
    tr_buf_reset(&text);
    for (i = 0; i < 10000; i++) {
        tr_buf_add_str(&text, "{a: ");
    }
    load_bad(tr_buf_bytes(&text), "t.yaml:1:129: a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."
                                  "a.a.a.a.a.a.a: nested too deep (limit 32)\n");
    tr_buf_reset(&text);
    for (i = 0; i < 1001; i++) {
        tr_buf_printf(&text, "k%zu: 1\n", i);
    }
    load_bad(tr_buf_bytes(&text), "t.yaml:1001:1: too many entries (limit 1000)\n");
    tr_buf_reset(&text);
    for (i = 0; i < 100; i++) {
        size_t j;
        tr_buf_printf(&text, "k%zu: [", i);
        for (j = 0; j < 600; j++) {
            tr_buf_add_str(&text, "1,");
        }
        tr_buf_add_str(&text, "]\n");
    }
    load_bad(tr_buf_bytes(&text),
             "t.yaml:84:237: k83: too many values in one file (limit 50000)\n");
    tr_buf_reset(&text);
    while (text.len <= TR_CONFIG_FILE_BYTES_MAX) {
        tr_buf_add_str(&text, "# a comment\n");
    }
    load_bad(tr_buf_bytes(&text), "t.yaml: larger than 1024KiB\n");
    tr_buf_deinit(&text);
}

static void test_yaml__may_begin_with_a_byte_order_mark(void **state)
{
    (void)state;
    tr_config_free(load_good("\xef\xbb\xbf" GOOD));
    tr_config_free(load_good("%YAML 1.1\n---\n" GOOD "...\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml__refuses_by_name_what_hides_structure),
        cmocka_unit_test(test_yaml__names_the_first_place_of_a_repeated_key),
        cmocka_unit_test(test_yaml__that_is_empty_says_what_is_required),
        cmocka_unit_test(test_yaml__that_is_malformed_gives_one_error_with_its_place),
        cmocka_unit_test(test_yaml__cut_anywhere_never_loads_as_something_else),
        cmocka_unit_test(test_yaml__has_limits),
        cmocka_unit_test(test_yaml__may_begin_with_a_byte_order_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
