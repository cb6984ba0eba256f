/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/config/load.h"

#include "config/settings.h"

static void test_print__shows_where_each_value_came_from(void **state)
{
    static const char *const variables[] = {"AWS_REGION", "eu-west-1", "T", "Orders", NULL};
    struct tr_buf out = {0};
    struct tr_config *config;
    (void)state;
    test_environment = variables;
    config =
        load_good("consumers:\n  a b:\n    stream:\n      table: ${T}\n"
                  "    lease: {table: leases}\n    processor: {file: {path: \"x$$-{shard}\"}}\n"
                  "worker: {memory: 2048MiB}\n");
    tr_config_print(config, &out);
    tr_assert_bytes(
        tr_buf_bytes(&out),
        "aws:\n"
        "  region: eu-west-1                         # environment variable AWS_REGION\n"
        "  # endpoint: not given (AWS_ENDPOINT_URL_DYNAMODB and AWS_ENDPOINT_URL_DYNAMODB_STREAMS, "
        "else AWS_ENDPOINT_URL, else the region's own)\n"
        "  # profile: not given (AWS_PROFILE, else default)\n"
        "worker:\n"
        "  # id: not given (made new at every start)\n"
        "  threads: 3                                # default (the CPUs that are online)\n"
        "  memory: 2GiB                              # t.yaml:7:18\n"
        "  shutdown_timeout: 20s                     # default\n"
        "log:\n"
        "  level: info                               # default\n"
        "  format: auto                              # default\n"
        "consumers:\n"
        "  \"a b\":\n"
        "    stream:\n"
        "      table: Orders                         # t.yaml:4:14 with T\n"
        "      # arn: not given (one of table and arn is required)\n"
        "      start: trim_horizon                   # default\n"
        "      on_gap: continue                      # default\n"
        "      poll:\n"
        "        min: 250ms                          # default\n"
        "        max: 2s                             # default\n"
        "    lease:\n"
        "      table: leases                         # t.yaml:5:20\n"
        "      failover: 10s                         # default\n"
        "    parallelism: 1                          # default\n"
        "    batch:\n"
        "      records: 100                          # default\n"
        "      bytes: 6MiB                           # default\n"
        "      window: 0s                            # default\n"
        "    checkpoint:\n"
        "      interval: 5s                          # default\n"
        "    processor:\n"
        "      file:\n"
        "        path: \"x$$-{shard}\"                 # t.yaml:6:30\n"
        "        sync: none                          # default\n");
    tr_buf_deinit(&out);
    tr_config_free(config);
    test_environment = NULL;
}

/* What is printed without its comments, for comparing. */
static void print_bare(const struct tr_config *config, struct tr_buf *out)
{
    struct tr_buf all = {0};
    struct tr_bytes rest;
    tr_config_print(config, &all);
    rest = tr_buf_bytes(&all);
    while (rest.ptr != NULL) {
        struct tr_bytes line = tr_bytes_cut(&rest, '\n');
        tr_buf_add(out, tr_bytes_trim(tr_bytes_cut(&line, '#')));
        tr_buf_add_char(out, '\n');
    }
    tr_buf_deinit(&all);
}

static void test_print__loads_again_as_the_same(void **state)
{
    static const char *const names[] = {"minimal", "local", "full"};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct tr_config_errors errors = {0};
        struct tr_buf path = {0}, printed = {0}, bare = {0}, again = {0};
        struct tr_config *first = NULL, *second = NULL;
        tr_buf_printf(&path, "%s/config/examples/%s.yaml", TR_SOURCE_DIR, names[i]);
        assert_int_equal(
            tr_config_load((const char *const[]){path.ptr}, 1, &test_options, &first, &errors),
            TR_OK);
        tr_config_print(first, &printed);
        print_bare(first, &bare);
        second = load_good(printed.ptr);
        print_bare(second, &again);
        tr_assert_bytes(tr_buf_bytes(&bare), again.ptr);
        tr_config_free(first);
        tr_config_free(second);
        tr_config_errors_deinit(&errors);
        tr_buf_deinit(&path);
        tr_buf_deinit(&printed);
        tr_buf_deinit(&bare);
        tr_buf_deinit(&again);
    }
}

/* stream.start is a word or a mapping. */
static void test_print__a_start_in_time_loads_again(void **state)
{
    struct tr_buf printed = {0};
    struct tr_config *first, *second;
    (void)state;
    first = load_good("consumers:\n  one:\n    stream:\n      table: Orders\n"
                      "      start: {at_timestamp: 2026-11-21T10:00:00+02:00}\n"
                      "    processor: {file: {path: x}}\n");
    tr_config_print(first, &printed);
    assert_non_null(strstr(printed.ptr, "      start:\n        at_timestamp: "));
    second = load_good(printed.ptr);
    assert_int_equal(second->consumers[0].stream.at_timestamp_ms, 1795248000000);
    tr_config_free(first);
    tr_config_free(second);
    tr_buf_deinit(&printed);
}

static void test_print__quotes_what_yaml_would_take_for_something_else(void **state)
{
    static const char *const texts[] = {"true", "012", "~",     "-",  "a: b", "a #b", "x:",
                                        "'",    "\\",  "\"q\"", "$$", "/a/b", "%d",   "h\xc3\xa4"};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tr_buf text = {0}, printed = {0};
        struct tr_config *first, *second;
        tr_buf_add_str(&text, "consumers:\n  c-one:\n    stream: {table: Orders}\n    processor: "
                              "{file: {path: ");
        tr_buf_add_json(&text, tr_bytes_of(texts[i]));
        tr_buf_add_str(&text, "}}\n");
        first = load_good(text.ptr);
        tr_config_print(first, &printed);
        second = load_good(printed.ptr);
        assert_string_equal(first->consumers[0].processor.file.path,
                            second->consumers[0].processor.file.path);
        tr_config_free(first);
        tr_config_free(second);
        tr_buf_deinit(&text);
        tr_buf_deinit(&printed);
    }
}

static void test_print__hides_credentials_inside_an_endpoint(void **state)
{
    struct tr_buf out = {0};
    struct tr_config *config =
        load_good("aws: {endpoint: \"https://me:secret@h:1/x\"}\nconsumers:\n" TR_TEST_CONSUMER);
    (void)state;
    tr_config_print(config, &out);
    assert_null(strstr(out.ptr, "secret"));
    assert_null(strstr(out.ptr, "me:"));
    tr_assert_has(out.ptr, "\"https://***@h:1/x\"");
    tr_buf_deinit(&out);
    tr_config_free(config);
}

static char *read_text(const char *path)
{
    struct tr_buf text = {0};
    FILE *file = fopen(path, "rb");
    int c;
    if (file == NULL) {
        return NULL;
    }
    while ((c = fgetc(file)) != EOF) {
        tr_buf_add_char(&text, (char)c);
    }
    (void)fclose(file);
    return tr_buf_take(&text, NULL);
}

/* TR_UPDATE_DOCS=1 in the environment writes the page instead of comparing it. */
static void test_reference__is_the_committed_page(void **state)
{
    static const char path[] = TR_SOURCE_DIR "/docs/configuration.md";
    struct tr_buf page = {0};
    char *committed;
    (void)state;
    tr_config_reference(&page);
    assert_int_equal(tr_buf_status(&page), TR_OK);
    if (getenv("TR_UPDATE_DOCS") != NULL) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(page.ptr, 1, page.len, file), page.len);
        assert_int_equal(fclose(file), 0);
    }
    committed = read_text(path);
    if (committed == NULL || strcmp(committed, page.ptr) != 0) {
        fail_msg("docs/configuration.md differs from config/settings.h; run this test with "
                 "TR_UPDATE_DOCS=1 and look at the difference");
    }
    tr_free(committed);
    tr_buf_deinit(&page);
}

static void test_reference__and_full_example_name_every_setting(void **state)
{
    struct tr_buf page = {0};
    char *full = read_text(TR_SOURCE_DIR "/config/examples/full.yaml");
    size_t i;
    (void)state;
    tr_config_reference(&page);
    assert_non_null(full);
    for (i = 0; i < TR_SETTING_COUNT_ALL; i++) {
        const char *rest = tr_settings[i].path;
        const char *last = strrchr(rest, '.');
        if (strncmp(rest, "consumers.*.", 12) == 0) {
            rest += 12;
        }
        tr_assert_has(page.ptr, rest);
        tr_assert_has(full, last + 1);
    }
    tr_free(full);
    tr_buf_deinit(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print__shows_where_each_value_came_from),
        cmocka_unit_test(test_print__loads_again_as_the_same),
        cmocka_unit_test(test_print__a_start_in_time_loads_again),
        cmocka_unit_test(test_print__quotes_what_yaml_would_take_for_something_else),
        cmocka_unit_test(test_print__hides_credentials_inside_an_endpoint),
        cmocka_unit_test(test_reference__is_the_committed_page),
        cmocka_unit_test(test_reference__and_full_example_name_every_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
