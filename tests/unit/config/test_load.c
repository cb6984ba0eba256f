/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/config/load.h"

static void test_load__fills_everything_from_one_file(void **state)
{
    struct tr_config *config;
    const struct tr_config_consumer *consumer;
    (void)state;
    config = load_good("aws: {region: eu-west-1, endpoint: 'http://h:1', profile: dev}\n"
                       "worker: {id: w-1, threads: 7, memory: 1GiB, shutdown_timeout: 1m}\n"
                       "log: {level: warn, format: json}\n"
                       "consumers:\n"
                       "  a.b:\n"
                       "    stream:\n"
                       "      arn: arn:aws:dynamodb:ddblocal:000000000000:table/Ord/stream/x\n"
                       "      start: trim_horizon\n"
                       "      on_gap: stop\n"
                       "      poll: {min: 100ms, max: 1s}\n"
                       "    lease: {table: leases, failover: 1m}\n"
                       "    parallelism: 1\n"
                       "    batch: {records: 5, bytes: 64KiB, window: 0ms}\n"
                       "    checkpoint: {interval: 2s}\n"
                       "    processor: {file: {path: \"out-{shard}\", sync: batch}}\n"
                       "  second:\n"
                       "    stream: {table: Ord2}\n"
                       "    processor: {file: {path: '-'}}\n");
    assert_string_equal(config->aws.region, "eu-west-1");
    assert_string_equal(config->aws.endpoint, "http://h:1");
    assert_string_equal(config->aws.profile, "dev");
    assert_string_equal(config->worker.id, "w-1");
    assert_int_equal(config->worker.threads, 7);
    assert_int_equal(config->worker.memory_bytes, 1073741824);
    assert_int_equal(config->worker.shutdown_timeout_ms, 60000);
    assert_int_equal(config->log.level, TR_LEVEL_WARN);
    assert_int_equal(config->log.format, TR_LOG_JSON);
    assert_int_equal(config->consumer_count, 2);
    consumer = &config->consumers[0];
    assert_string_equal(consumer->name, "a.b");
    assert_null(consumer->stream.table);
    assert_string_equal(consumer->stream.arn,
                        "arn:aws:dynamodb:ddblocal:000000000000:table/Ord/stream/x");
    assert_int_equal(consumer->stream.start, TR_CONFIG_START_TRIM_HORIZON);
    assert_int_equal(consumer->stream.on_gap, TR_CONFIG_ON_GAP_STOP);
    assert_int_equal(consumer->stream.poll.min_ms, 100);
    assert_int_equal(consumer->stream.poll.max_ms, 1000);
    assert_string_equal(consumer->lease.table, "leases");
    assert_int_equal(consumer->lease.failover_ms, 60000);
    assert_int_equal(consumer->batch.records, 5);
    assert_int_equal(consumer->batch.bytes, 65536);
    assert_int_equal(consumer->checkpoint.interval_ms, 2000);
    assert_int_equal(consumer->processor.kind, TR_CONFIG_PROCESSOR_FILE);
    assert_string_equal(consumer->processor.file.path, "out-{shard}");
    assert_int_equal(consumer->processor.file.sync, TR_CONFIG_SYNC_BATCH);
    assert_string_equal(config->consumers[1].processor.file.path, "-");
    tr_config_free(config);
}

static void test_load__gives_the_documented_defaults(void **state)
{
    struct tr_config *config = load_good("consumers:\n" TR_TEST_CONSUMER);
    const struct tr_config_consumer *consumer = &config->consumers[0];
    (void)state;
    assert_null(config->aws.region);
    assert_null(config->aws.endpoint);
    assert_null(config->aws.profile);
    assert_null(config->worker.id);
    assert_int_equal(config->worker.threads, 3);
    assert_int_equal(config->worker.memory_bytes, 256 * 1024 * 1024);
    assert_int_equal(config->worker.shutdown_timeout_ms, 20000);
    assert_int_equal(config->log.level, TR_LEVEL_INFO);
    assert_int_equal(config->log.format, TR_LOG_AUTO);
    assert_string_equal(consumer->stream.table, "Orders");
    assert_null(consumer->stream.arn);
    assert_int_equal(consumer->stream.on_gap, TR_CONFIG_ON_GAP_CONTINUE);
    assert_int_equal(consumer->stream.poll.min_ms, 250);
    assert_int_equal(consumer->stream.poll.max_ms, 2000);
    assert_string_equal(consumer->lease.table, "c-one");
    assert_int_equal(consumer->lease.failover_ms, 10000);
    assert_int_equal(consumer->parallelism, 1);
    assert_int_equal(consumer->batch.records, 100);
    assert_int_equal(consumer->batch.bytes, 6 * 1024 * 1024);
    assert_int_equal(consumer->batch.window_ms, 0);
    assert_int_equal(consumer->checkpoint.interval_ms, 5000);
    assert_int_equal(consumer->processor.file.sync, TR_CONFIG_SYNC_NONE);
    tr_config_free(config);
}

static void test_load__reports_every_error_at_once_in_the_order_of_places(void **state)
{
    (void)state;
    load_bad(TR_LIT("consumers:\n"
                    "  orders:\n"
                    "    stream:\n"
                    "      tabel: Orders\n"
                    "      start: middle\n"
                    "    batch: {records: 0, bytes: 7}\n"
                    "    procesor: {file: {path: x}}\n"
                    "worker:\n"
                    "  threads: many\n"
                    "  shutdown-timeout: 20s\n"
                    "log: verbose\n"),
             "t.yaml:2:3: consumers.orders.processor: required, for example "
             "{file: {path: out.jsonl}}\n"
             "t.yaml:3:5: consumers.orders.stream: required: 'table' or 'arn'\n"
             "t.yaml:4:7: consumers.orders.stream.tabel: unknown key (did you mean 'table'?)\n"
             "t.yaml:5:14: consumers.orders.stream.start: 'middle' is not one of "
             "trim_horizon|latest\n"
             "t.yaml:6:22: consumers.orders.batch.records: 0 is not in 1..10000\n"
             "t.yaml:6:32: consumers.orders.batch.bytes: '7' has no unit (for example 512B, 64KiB, "
             "256MiB, 1GiB)\n"
             "t.yaml:7:5: consumers.orders.procesor: unknown key (did you mean 'processor'?)\n"
             "t.yaml:9:12: worker.threads: 'many' is not a whole number\n"
             "t.yaml:10:3: worker.shutdown-timeout: unknown key (did you mean "
             "'shutdown_timeout'?)\n"
             "t.yaml:11:6: log: expected a mapping, found 'verbose'\n");
}

/* One line more in a good file, and what it says. */
static void extra(const char *lines, const char *says)
{
    struct tr_buf text = {0}, want = {0};
    tr_buf_printf(&text, "consumers:\n%s%s", TR_TEST_CONSUMER, lines);
    tr_buf_printf(&want, "t.yaml:5:%s\n", says);
    load_bad(tr_buf_bytes(&text), want.ptr);
    tr_buf_deinit(&text);
    tr_buf_deinit(&want);
}

static void test_load__hints_at_the_place_where_a_key_belongs(void **state)
{
    (void)state;
    extra("region: us-west-2\n", "1: region: unknown key (did you mean 'aws.region'?)");
    extra("    failover: 3s\n", "5: consumers.c-one.failover: unknown key (did you mean "
                                "'consumers.c-one.lease.failover'?)");
    extra("zzz: 1\n", "1: zzz: unknown key (known: aws, worker, consumers, admin, log)");
    extra("log.level: info\n",
          "1: log.level: unknown key (known: aws, worker, consumers, admin, log)");
    extra("consumers.*: {}\n", "1: consumers.*: unknown key (did you mean 'consumers'?)");
    extra("\"l\\x1bog\": {}\n", "1: l\\x1bog: unknown key (did you mean 'log'?)");
}

static void test_load__takes_no_word_for_a_type_it_does_not_have(void **state)
{
    (void)state;
    extra("    on_error: {bisect: no}\n",
          "5: consumers.c-one.on_error: not available yet\n"
          "t.yaml:5:24: consumers.c-one.on_error.bisect: 'no' is not true or false (did you mean "
          "'false'?)");
    extra("aws: {region: no}\n", "15: aws.region: 'no' is a boolean in YAML: put it in quotes");
    extra("aws: {profile: 123}\n", "16: aws.profile: '123' is a number in YAML: put it in quotes");
    extra("aws: {profile: ~}\n",
          "16: aws.profile: '~' is no value (leave the line out for the default)");
    extra("aws: {profile: }\n",
          "16: aws.profile: '' is no value (leave the line out for the default)");
    extra("aws: {profile: \"\"}\n",
          "16: aws.profile: '' is no value (leave the line out for the default)");
    extra("worker: {threads: \"4\"}\n", "19: worker.threads: '4' is text, because of its quotes");
    extra("worker: {threads: [4]}\n", "19: worker.threads: expected a whole number, found a list");
    extra("worker: {memory: {a: b}}\n", "18: worker.memory: expected a size, found a mapping");
    extra("worker:\n", "8: worker: expected a mapping, found nothing");
    extra("worker: [a]\n", "9: worker: expected a mapping, found a list");
    extra("log: {level: Info}\n",
          "14: log.level: 'Info' is not one of debug|info|warn|error (did you mean 'info'?)");
    extra("    filter: {a: b}\n",
          "5: consumers.c-one.filter: not available yet\n"
          "t.yaml:5:13: consumers.c-one.filter: expected a list, found a mapping");
    extra("    filter: [a]\n",
          "5: consumers.c-one.filter: not available yet\n"
          "t.yaml:5:14: consumers.c-one.filter: expected a mapping, found 'a'");
}

static void test_load__refuses_what_comes_later_and_still_finds_typos_in_it(void **state)
{
    (void)state;
    extra("    parallelism: 8\n",
          "18: consumers.c-one.parallelism: '8' is not available yet (only '1' is)");
    extra("    parallelism: 65\n", "18: consumers.c-one.parallelism: 65 is not in 1..64");
    extra("    batch: {window: 1s}\n",
          "21: consumers.c-one.batch.window: '1s' is not available yet (only '0s' is)");
    extra("    on_error: {attemps: 5, max_age: 1h}\n",
          "5: consumers.c-one.on_error: not available yet\n"
          "t.yaml:5:16: consumers.c-one.on_error.attemps: unknown key (did you mean 'attempts'?)");
    extra("    on_error: {destination: {file: {path: a}}, backoff: soon}\n",
          "5: consumers.c-one.on_error: not available yet\n"
          "t.yaml:5:57: consumers.c-one.on_error.backoff: 'soon' is not a duration (for example "
          "500ms, 10s, 5m, 1h)");
    extra("admin: {listen: \"127.0.0.1\"}\n",
          "17: admin.listen: '127.0.0.1' has no ':' and port (for example 127.0.0.1:9464, "
          "[::1]:9464, :9464)");
    load_bad(TR_LIT("consumers:\n  one:\n    stream: {table: Orders, start: latest}\n"
                    "    processor: {http: {url: \"http://h\"}}\n"),
             "t.yaml:4:17: consumers.one.processor.http: not available yet\n");
    load_bad(TR_LIT("consumers:\n  one:\n    stream:\n      table: Orders\n"
                    "      start: {at_timestamp: 2026-11-21T08:00:00Z}\n"
                    "    processor: {file: {path: x}, exec: {command: [a]}}\n"),
             "t.yaml:6:34: consumers.one.processor.exec: not available yet\n"
             "t.yaml:6:34: consumers.one.processor: only one processor may be given\n");
}

/* Load a consumer whose stream has this line for its start. */
static void start_is(const char *line, enum tr_config_start start, uint64_t at_timestamp_ms)
{
    struct tr_buf text = {0};
    struct tr_config *config;
    tr_buf_printf(&text,
                  "consumers:\n  one:\n    stream:\n      table: Orders\n      %s\n"
                  "    processor: {file: {path: x}}\n",
                  line);
    config = load_good(text.ptr);
    assert_int_equal(config->consumers[0].stream.start, start);
    assert_int_equal(config->consumers[0].stream.at_timestamp_ms, at_timestamp_ms);
    tr_config_free(config);
    tr_buf_deinit(&text);
}

static void start_is_bad(const char *line, const char *says)
{
    struct tr_buf text = {0}, message = {0};
    tr_buf_printf(&text,
                  "consumers:\n  one:\n    stream:\n      table: Orders\n      %s\n"
                  "    processor: {file: {path: x}}\n",
                  line);
    tr_buf_printf(&message, "t.yaml:5:%s\n", says);
    load_bad(tr_buf_bytes(&text), message.ptr);
    tr_buf_deinit(&text);
    tr_buf_deinit(&message);
}

static void test_load__start_is_a_word_or_a_time(void **state)
{
    (void)state;
    start_is("start: trim_horizon", TR_CONFIG_START_TRIM_HORIZON, 0);
    start_is("start: latest", TR_CONFIG_START_LATEST, 0);
    start_is("start: {at_timestamp: 2026-11-21T08:00:00Z}", TR_CONFIG_START_TRIM_HORIZON,
             1795248000000);
    start_is("start: {at_timestamp: \"2026-11-21T10:00:00.25+02:00\"}",
             TR_CONFIG_START_TRIM_HORIZON, 1795248000250);
    start_is("start: \"${X:-latest}\"", TR_CONFIG_START_LATEST, 0);
    start_is_bad("start: {at_timestamp: yesterday}",
                 "29: consumers.one.stream.start.at_timestamp: 'yesterday' is not a time (for "
                 "example 2026-11-21T08:00:00Z)");
    start_is_bad("start: {at_timestamp: 2026-11-21}",
                 "29: consumers.one.stream.start.at_timestamp: '2026-11-21' is not a time (for "
                 "example 2026-11-21T08:00:00Z)");
    start_is_bad("start: {at_timestamp: 1969-12-31T23:59:59Z}",
                 "29: consumers.one.stream.start.at_timestamp: '1969-12-31T23:59:59Z' lies before "
                 "1970");
    start_is_bad("start: {}", "7: consumers.one.stream.start.at_timestamp: required");
    start_is_bad("start: {at: 1}",
                 "7: consumers.one.stream.start.at_timestamp: required\n"
                 "t.yaml:5:15: consumers.one.stream.start.at: unknown key (known: at_timestamp)");
    start_is_bad("start: at_timestamp",
                 "14: consumers.one.stream.start: 'at_timestamp' is not one of "
                 "trim_horizon|latest");
}

static void test_load__holds_what_must_be_between_settings(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"log: {level: info}\n",
         "t.yaml: consumers: required: at least one consumer, with stream.table (or stream.arn) "
         "and processor\n"},
        {"consumers: {}\n",
         "t.yaml:1:1: consumers: required: at least one consumer, with stream.table (or "
         "stream.arn) and processor\n"},
        {"consumers: [a]\n", "t.yaml:1:1: consumers: required: at least one consumer, with "
                             "stream.table (or stream.arn) and processor\n"
                             "t.yaml:1:12: consumers: expected a mapping, found a list\n"},
        {"consumers:\n  one:\n", "t.yaml:2:7: consumers.one: expected a mapping, found nothing\n"},
        {"consumers:\n  one: {}\n",
         "t.yaml:2:3: consumers.one.stream: required: 'table' or 'arn'\n"
         "t.yaml:2:3: consumers.one.processor: required, for example {file: {path: out.jsonl}}\n"},
        {"consumers:\n  one:\n    stream: {table: Ord}\n    processor: {file: {sync: none}}\n",
         "t.yaml:4:17: consumers.one.processor.file.path: required\n"},
        {"consumers:\n  one:\n    stream: {table: Ord}\n    processor: {}\n",
         "t.yaml:4:5: consumers.one.processor: required, for example {file: {path: out.jsonl}}\n"},
        {"consumers:\n  one:\n    stream:\n      table: Ord\n"
         "      arn: arn:aws:dynamodb:r:000000000000:table/Ord/stream/x\n"
         "    processor: {file: {path: x}}\n",
         "t.yaml:5:12: consumers.one.stream.arn: only one of 'table' and 'arn' may be given\n"},
        {"consumers:\n  one:\n    stream: {table: Ord, poll: {min: 3s}}\n"
         "    processor: {file: {path: x}}\n",
         "t.yaml:3:38: consumers.one.stream.poll.min: 3s is more than 'poll.max', which is 2s\n"},
        {"worker: {memory: 8MiB}\nconsumers:\n  one:\n    stream: {table: Ord}\n"
         "    batch: {bytes: 9MiB}\n    processor: {file: {path: x}}\n",
         "t.yaml:5:20: consumers.one.batch.bytes: 9MiB is more than 'worker.memory', which is "
         "8MiB\n"},
        {"consumers:\n  my app:\n    stream: {table: Ord}\n    processor: {file: {path: x}}\n",
         "t.yaml:2:3: consumers.my app.lease.table: required, because the consumer's name cannot "
         "name a table (3..255 of a-z, A-Z, 0-9, '_.-')\n"},
        {"consumers:\n  Ord:\n    stream: {table: Ord}\n    processor: {file: {path: x}}\n",
         "t.yaml:2:3: consumers.Ord.lease.table: 'Ord' is the table whose stream consumer 'Ord' "
         "follows (the default is the consumer's name)\n"},
        {"consumers:\n  one:\n    stream: {table: Ord}\n    lease: {table: shared}\n"
         "    processor: {file: {path: x}}\n"
         "  two:\n    stream: {table: Abc}\n    lease: {table: shared}\n"
         "    processor: {file: {path: x}}\n",
         "t.yaml:8:20: consumers.two.lease.table: 'shared' is the lease table of consumer 'one' "
         "too\n"},
        {"consumers:\n  one:\n    stream: {arn: \"arn:aws:dynamodb:r:000000000000:table/Tab\"}\n"
         "    processor: {file: {path: x}}\n",
         "t.yaml:3:19: consumers.one.stream.arn: 'arn:aws:dynamodb:r:000000000000:table/Tab' is "
         "not a stream's ARN (arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/LABEL)\n"},
        {"consumers:\n  one:\n    stream: {table: a/b}\n    processor: {file: {path: x}}\n",
         "t.yaml:3:21: consumers.one.stream.table: 'a/b' is not a table's name (3..255 of a-z, "
         "A-Z, 0-9, '_.-')\n"},
        {"consumers:\n  \"\": {}\n",
         "t.yaml:1:1: consumers: required: at least one consumer, with stream.table (or "
         "stream.arn) and processor\n"
         "t.yaml:2:3: consumers: '' is no consumer's name (1..255 bytes, no control "
         "characters)\n"},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        load_bad(tr_bytes_of(cases[i].text), cases[i].says);
    }
    tr_config_free(load_good("consumers:\n  my app:\n    stream: {table: Ord}\n"
                             "    lease: {table: app}\n    processor: {file: {path: x}}\n"));
}

static void test_load__replaces_variables_in_values_only(void **state)
{
    static const char *const variables[] = {"TABLE", "Orders",    "THREADS", "5", "EMPTY", "",
                                            "NASTY", "a, arn: b", "PORT",    "x", NULL};
    struct tr_config_origin origin;
    struct tr_config *config;
    (void)state;
    test_environment = variables;
    config = load_good("aws: {endpoint: \"${EMPTY:-}\", region: \"${MISSING:-}\"}\n"
                       "worker: {threads: \"${THREADS}\", memory: \"1${MISSING:-GiB}\"}\n"
                       "consumers:\n  ${TABLE}:\n    stream:\n      table: ${TABLE}-${THREADS}\n"
                       "    lease: {table: leases}\n"
                       "    processor:\n      file:\n        path: a$$b${EMPTY}\n");
    assert_null(config->aws.endpoint);
    assert_null(config->aws.region);
    assert_int_equal(config->worker.threads, 5);
    assert_int_equal(config->worker.memory_bytes, 1073741824);
    assert_string_equal(config->consumers[0].name, "${TABLE}");
    assert_string_equal(config->consumers[0].stream.table, "Orders-5");
    assert_string_equal(config->consumers[0].processor.file.path, "a$b");
    assert_true(tr_config_origin(config, "consumers.${TABLE}.stream.table", &origin));
    assert_int_equal(origin.kind, TR_CONFIG_ORIGIN_FILE);
    assert_string_equal(origin.name, "t.yaml");
    assert_string_equal(origin.variables, "TABLE, THREADS");
    assert_int_equal(origin.line, 6);
    assert_int_equal(origin.column, 14);
    tr_config_free(config);

    extra("aws: {endpoint: \"http://h:${PORT}\"}\n",
          "17: aws.endpoint: 'http://h:x' has no valid host and port");
    extra("aws: {region: \"${MISSING}\"}\n",
          "15: aws.region: environment variable 'MISSING' is not set (a default: "
          "'${MISSING:-...}')");
    extra("aws: {region: \"${MISSING:?say where}\"}\n",
          "15: aws.region: environment variable 'MISSING' is not set: say where");
    extra("aws: {region: \"${MISSING\"}\n", "15: aws.region: '${MISSING': '${' without '}'");
    load_bad(TR_LIT("consumers:\n  one:\n    stream: {table: \"${NASTY}\"}\n"
                    "    processor: {file: {path: x}}\n"),
             "t.yaml:3:21: consumers.one.stream.table: 'a, arn: b' is not a table's name (3..255 "
             "of a-z, A-Z, 0-9, '_.-')\n");
    load_bad(TR_LIT("consumers:\n  one:\n    stream: {table: \"${EMPTY}\"}\n"
                    "    processor: {file: {path: x}}\n"),
             "t.yaml:3:5: consumers.one.stream: required: 'table' or 'arn'\n");
    test_environment = NULL;
}

static void test_load__merges_files_and_refuses_what_stands_twice(void **state)
{
    const struct tr_config_source good[] = {
        {"a.yaml", TR_LIT("aws: {region: us-west-2}\nworker: {threads: 2}\n")},
        {"b.yaml", TR_LIT("worker: {memory: 1GiB}\nconsumers:\n" TR_TEST_CONSUMER)},
        {"c.yaml", TR_LIT("consumers:\n  c-two:\n    stream: {table: Users}\n"
                          "    processor: {file: {path: x}}\n")},
    };
    const struct tr_config_source bad[] = {
        good[0],
        {"d.yaml", TR_LIT("worker: {threads: 2}\nconsumers:\n" TR_TEST_CONSUMER)},
        {"e.yaml", TR_LIT("consumers:\n" TR_TEST_CONSUMER)},
    };
    struct tr_config *config = NULL;
    char *errors;
    (void)state;

    assert_null(load_all(good, 3, &test_options, &config));
    assert_int_equal(config->worker.threads, 2);
    assert_int_equal(config->worker.memory_bytes, 1073741824);
    assert_string_equal(config->consumers[0].name, "c-one");
    assert_string_equal(config->consumers[1].name, "c-two");
    tr_config_free(config);
    errors = load_all(bad, 3, &test_options, &config);
    assert_string_equal(errors,
                        "d.yaml:1:19: worker.threads: set twice (first at a.yaml:2:19)\n"
                        "e.yaml:2:3: consumers.c-one: the consumer is defined twice (first at "
                        "d.yaml:3:3)\n");
    tr_free(errors);
}

static void test_load__calls_nothing_missing_when_a_file_is_broken(void **state)
{
    const struct tr_config_source sources[] = {
        {"a.yaml", TR_LIT("worker: {threads: 0}\n")},
        {"b.yaml", TR_LIT("consumers: [\n")},
        {"c.yaml", {NULL, 0}},
    };
    struct tr_config *config = NULL;
    char *errors = load_all(sources, 2, &test_options, &config);
    (void)state;
    assert_string_equal(errors, "a.yaml:1:19: worker.threads: 0 is not in 1..256\n"
                                "b.yaml:2:1: not valid YAML: did not find expected node content "
                                "while parsing a flow node\n");
    tr_free(errors);
}

static void test_load__puts_flags_above_files_and_files_above_the_environment(void **state)
{
    static const char *const variables[] = {"AWS_REGION", "", "AWS_DEFAULT_REGION", "eu-north-1",
                                            NULL};
    const struct tr_config_flag flags[] = {{"--region", "aws.region", "ap-south-1"},
                                           {"--endpoint", "aws.endpoint", NULL}};
    struct tr_config_options options = test_options;
    const struct tr_config_source source = {
        "t.yaml", TR_LIT("aws: {region: us-west-2}\nconsumers:\n" TR_TEST_CONSUMER)};
    struct tr_config_origin origin;
    struct tr_config *config;
    (void)state;

    test_environment = variables;
    config = load_good("consumers:\n" TR_TEST_CONSUMER);
    assert_string_equal(config->aws.region, "eu-north-1");
    assert_true(tr_config_origin(config, "aws.region", &origin));
    assert_int_equal(origin.kind, TR_CONFIG_ORIGIN_ENVIRONMENT);
    assert_string_equal(origin.name, "AWS_DEFAULT_REGION");
    tr_config_free(config);

    options.flags = flags;
    options.flag_count = 2;
    assert_null(load_all(&source, 1, &options, &config));
    assert_string_equal(config->aws.region, "ap-south-1");
    assert_true(tr_config_origin(config, "aws.region", &origin));
    assert_int_equal(origin.kind, TR_CONFIG_ORIGIN_FLAG);
    assert_true(tr_config_origin(config, "aws.endpoint", &origin));
    assert_int_equal(origin.kind, TR_CONFIG_ORIGIN_DEFAULT);
    assert_false(tr_config_origin(config, "consumers.nobody.stream.table", &origin));
    assert_false(tr_config_origin(config, "consumers.c-one.aws.region", &origin));
    assert_false(tr_config_origin(config, "aws", &origin));
    tr_config_free(config);
    test_environment = NULL;
}

static void test_load__bad_flags_and_variables_are_named(void **state)
{
    static const char *const variables[] = {"AWS_REGION", "us west", NULL};
    const struct tr_config_flag flags[] = {{"--endpoint", "aws.endpoint", "localhost"}};
    struct tr_config_options options = test_options;
    const struct tr_config_source source = {"t.yaml", TR_LIT("consumers:\n" TR_TEST_CONSUMER)};
    struct tr_config *config = NULL;
    char *errors;
    (void)state;
    test_environment = variables;
    options.flags = flags;
    options.flag_count = 1;
    errors = load_all(&source, 1, &options, &config);
    assert_string_equal(errors, "--endpoint: 'localhost' does not begin with http:// or https://\n"
                                "AWS_REGION: 'us west' is not made of letters, digits and '-'\n");
    tr_free(errors);
    test_environment = NULL;
}

static void test_errors__are_bounded_and_the_first_places_are_kept(void **state)
{
    struct tr_buf text = {0};
    const char *last;
    char *errors;
    struct tr_config_source source = {"t.yaml", {NULL, 0}};
    struct tr_config *config = NULL;
    size_t i;
    (void)state;
    for (i = 0; i < 150; i++) {
        tr_buf_printf(&text, "unknown%zu: 1\n", i);
    }
    source.text = tr_buf_bytes(&text);
    errors = load_all(&source, 1, &test_options, &config);
    /* The whole file's error is found last and stands first. */
    assert_true(strncmp(errors, "t.yaml: consumers: required", 27) == 0);
    tr_assert_has(errors, "t.yaml:99:1: ");
    assert_null(strstr(errors, "t.yaml:100:1: "));
    last = strstr(errors, "and 51 more\n");
    assert_non_null(last);
    assert_int_equal(last[12], '\0');
    tr_free(errors);
    tr_buf_deinit(&text);
}

static void test_load__lists_every_file_that_cannot_be_read(void **state)
{
    const char *const files[] = {TR_SOURCE_DIR "/nowhere.yaml", TR_SOURCE_DIR};
    struct tr_config_errors errors = {0};
    struct tr_config *config = NULL;
    struct tr_buf out = {0};
    (void)state;
    tr_assert_status(tr_config_load(files, 2, &test_options, &config, &errors), TR_ECONFIG, NULL);
    tr_config_errors_print(&errors, &out);
    tr_assert_bytes(tr_buf_bytes(&out), TR_SOURCE_DIR
                    "/nowhere.yaml: cannot be read: No such file or directory "
                    "(ENOENT)\n" TR_SOURCE_DIR ": cannot be read: Is a directory (EISDIR)\n");
    tr_buf_deinit(&out);
    tr_config_errors_deinit(&errors);
}

/* Everything that allocates is on this way: several files, variables, all kinds of errors. */
static void load_with_failure_at(int64_t n, const char *text, bool *reached)
{
    const struct tr_config_source sources[] = {{"t.yaml", tr_bytes_of(text)},
                                               {"u.yaml", TR_LIT("aws: {region: x}\n")}};
    struct tr_config_errors errors = {0};
    struct tr_config *config = NULL;
    struct tr_buf out = {0};
    enum tr_status status;

    (void)tr_mem_fail_at(n);
    status = tr_config_parse(sources, 2, &test_options, &config, &errors);
    *reached = (int64_t)tr_mem_fail_at(-1) > n;
    if (*reached && status != TR_ENOMEM) {
        /* A hint or a quotation may be lost, a value or an error never. */
        assert_true(status == TR_OK ? config != NULL : errors.count > 0);
    }
    assert_true((status == TR_OK) == (config != NULL));
    tr_config_errors_print(&errors, &out);
    tr_buf_deinit(&out);
    tr_config_errors_deinit(&errors);
    tr_config_free(config);
}

static void test_load__survives_lack_of_memory_anywhere(void **state)
{
    static const char *const texts[] = {
        "worker: {threads: \"${N:-4}\"}\nconsumers:\n" TR_TEST_CONSUMER,
        "worker: {thread: 4, memory: 1K}\nlog: {level: &a yes}\nfailover: 1\n"
        "consumers:\n  a a: {stream: {poll: {min: 1m}}, batch: {bytes: 9MiB}}\n"};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bool reached = true;
        int64_t n;
        for (n = 0; reached; n++) {
            load_with_failure_at(n, texts[i], &reached);
        }
        assert_true(n > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load__fills_everything_from_one_file),
        cmocka_unit_test(test_load__gives_the_documented_defaults),
        cmocka_unit_test(test_load__reports_every_error_at_once_in_the_order_of_places),
        cmocka_unit_test(test_load__hints_at_the_place_where_a_key_belongs),
        cmocka_unit_test(test_load__takes_no_word_for_a_type_it_does_not_have),
        cmocka_unit_test(test_load__refuses_what_comes_later_and_still_finds_typos_in_it),
        cmocka_unit_test(test_load__start_is_a_word_or_a_time),
        cmocka_unit_test(test_load__holds_what_must_be_between_settings),
        cmocka_unit_test(test_load__replaces_variables_in_values_only),
        cmocka_unit_test(test_load__merges_files_and_refuses_what_stands_twice),
        cmocka_unit_test(test_load__calls_nothing_missing_when_a_file_is_broken),
        cmocka_unit_test(test_load__puts_flags_above_files_and_files_above_the_environment),
        cmocka_unit_test(test_load__bad_flags_and_variables_are_named),
        cmocka_unit_test(test_errors__are_bounded_and_the_first_places_are_kept),
        cmocka_unit_test(test_load__lists_every_file_that_cannot_be_read),
        cmocka_unit_test(test_load__survives_lack_of_memory_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
