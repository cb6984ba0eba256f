/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/endpoint.h"
#include "tests/support/env.h"
#include "tests/support/test.h"

static int setup(void **state)
{
    (void)state;
    tr_test_env_clear();
    return 0;
}

static void test_parse__understands_hosts_ports_and_addresses(void **state)
{
    static const struct {
        const char *url, *want, *host;
        bool tls, loopback;
    } good[] = {
        {"http://localhost:8000", "http://localhost:8000", "localhost:8000", false, true},
        {"http://LocalHost:8000/", "http://localhost:8000", "localhost:8000", false, true},
        {" HTTPS://Example.COM \n", "https://example.com", "example.com", true, false},
        {"https://x:443", "https://x", "x", true, false},
        {"http://x:80", "http://x", "x", false, false},
        {"https://x:80", "https://x:80", "x:80", true, false},
        {"http://127.9.9.9:1", "http://127.9.9.9:1", "127.9.9.9:1", false, true},
        {"http://128.0.0.1", "http://128.0.0.1", "128.0.0.1", false, false},
        {"http://[::1]:65535/", "http://[::1]:65535", "[::1]:65535", false, true},
        {"https://[2001:DB8::1]", "https://[2001:db8::1]", "[2001:db8::1]", true, false},
        {"http://[::ffff:127.0.0.1]:9", "http://[::ffff:127.0.0.1]:9", "[::ffff:127.0.0.1]:9",
         false, true},
        {"http://localhost.evil.example", "http://localhost.evil.example", "localhost.evil.example",
         false, false},
        {"http://dynamodb_1:8000", "http://dynamodb_1:8000", "dynamodb_1:8000", false, false},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct tr_endpoint got;
        struct tr_err err = {0};
        tr_assert_status(tr_endpoint_parse(tr_bytes_of(good[i].url), "x", &got, &err), TR_OK, &err);
        assert_string_equal(got.url, good[i].want);
        assert_string_equal(got.host_header, good[i].host);
        assert_int_equal(got.tls, good[i].tls);
        assert_int_equal(got.loopback, good[i].loopback);
    }
}

static void test_parse__refuses_the_rest_and_names_its_origin(void **state)
{
    static const struct {
        const char *url, *words;
    } bad[] = {
        {"", "AWS_X: '' does not begin with http:// or https://"},
        {"localhost:8000", "'localhost:8000' does not begin"},
        {"ftp://x", "does not begin"},
        {"http://", "no valid host"},
        {"http:///", "no valid host"},
        {"http://:8000", "no valid host"},
        {"http://x:", "no valid port"},
        {"http://x:0", "no valid port"},
        {"http://x:65536", "no valid port"},
        {"http://x:8000x", "no valid port"},
        {"http://x:-1", "no valid port"},
        {"http://x/path", "a path, a query or a fragment"},
        {"http://x//", "a path, a query or a fragment"},
        {"http://x?a=b", "a path, a query or a fragment"},
        {"http://x#f", "a path, a query or a fragment"},
        {"http://a..b", "no valid host"},
        {"http://a b", "no valid host"},
        {"http://a\r\nb", "no valid host"},
        {"http://a%41", "no valid host"},
        {"http://[::1", "no valid host"},
        {"http://[::1%25lo]", "no valid host"},
        {"http://[zz]", "no valid host"},
        {"http://[::1]8000", "no valid port"},
    };
    struct tr_endpoint got;
    struct tr_err err = {0};
    char longest[400];
    size_t i;
    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tr_assert_status(tr_endpoint_parse(tr_bytes_of(bad[i].url), "AWS_X", &got, &err),
                         TR_ECONFIG, &err);
        tr_assert_has(err.text, bad[i].words);
    }
    tr_assert_status(tr_endpoint_parse(TR_LIT("http://u:hunter2@x"), "AWS_X", &got, &err),
                     TR_ECONFIG, &err);
    tr_assert_has(err.text, "has a user in it");
    assert_null(strstr(err.text, "hunter2"));
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "http://", 7);
    longest[sizeof longest - 1] = '\0';
    tr_assert_status(tr_endpoint_parse(tr_bytes_of(longest), "AWS_X", &got, &err), TR_ECONFIG,
                     &err);
}

static enum tr_status resolve(const struct tr_aws_options *options, struct tr_endpoints *out,
                              struct tr_err *err)
{
    struct tr_profile profile;
    enum tr_status status;

    *err = (struct tr_err){0};
    tr_assert_status(tr_profile_load(tr_test_getenv, options->profile, &profile, err), TR_OK, err);
    status = tr_endpoints_resolve(options, tr_test_getenv, &profile, out, err);
    tr_profile_deinit(&profile);
    return status;
}

static void expect(struct tr_aws_options options, const char *region, const char *dynamodb,
                   const char *streams)
{
    struct tr_endpoints got;
    struct tr_err err;
    tr_assert_status(resolve(&options, &got, &err), TR_OK, &err);
    assert_string_equal(got.region, region);
    assert_string_equal(got.of[TR_AWS_DYNAMODB].url, dynamodb);
    assert_string_equal(got.of[TR_AWS_STREAMS].url, streams);
}

static void expect_error(struct tr_aws_options options, const char *words)
{
    struct tr_endpoints got;
    struct tr_err err;
    tr_assert_status(resolve(&options, &got, &err), TR_ECONFIG, &err);
    tr_assert_has(err.text, words);
}

static void test_region__gives_the_hosts_of_its_partition(void **state)
{
    static const struct {
        const char *region, *suffix;
    } known[] = {
        {"us-east-1", "amazonaws.com"},       {"eu-central-2", "amazonaws.com"},
        {"cn-north-1", "amazonaws.com.cn"},   {"us-gov-west-1", "amazonaws.com"},
        {"us-iso-east-1", "c2s.ic.gov"},      {"us-isob-east-1", "sc2s.sgov.gov"},
        {"eu-isoe-west-1", "cloud.adc-e.uk"}, {"us-isof-south-1", "csp.hci.ic.gov"},
        {"eusc-de-east-1", "amazonaws.eu"},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        char dynamodb[128], streams[128];
        (void)snprintf(dynamodb, sizeof dynamodb, "https://dynamodb.%s.%s", known[i].region,
                       known[i].suffix);
        (void)snprintf(streams, sizeof streams, "https://streams.dynamodb.%s.%s", known[i].region,
                       known[i].suffix);
        expect((struct tr_aws_options){.region = known[i].region}, known[i].region, dynamodb,
               streams);
    }
    expect((struct tr_aws_options){.region = "local"}, "us-east-1", "http://localhost:8000",
           "http://localhost:8000");
}

static void test_region__is_looked_for_in_order(void **state)
{
    const char *arn = "arn:aws:dynamodb:eu-west-3:1:table/T/stream/2026";
    struct tr_aws_options options = {.stream_arn = arn};
    struct tr_endpoints got;
    struct tr_err err;
    size_t i;
    static const struct {
        const char *name, *value, *region;
    } steps[] = {
        {"AWS_REGION", "", "eu-west-3"},
        {"AWS_CONFIG_FILE", NULL, "sa-east-1"},
        {"AWS_DEFAULT_REGION", "ap-south-1", "ap-south-1"},
        {"AWS_REGION", "us-west-2\n", "us-west-2"},
    };
    (void)state;
    for (i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const char *value = steps[i].value != NULL
                                ? steps[i].value
                                : tr_test_file("config", "[default]\nregion = sa-east-1\n");
        tr_test_env_set(steps[i].name, value);
        tr_assert_status(resolve(&options, &got, &err), TR_OK, &err);
        assert_string_equal(got.region, steps[i].region);
    }
    options.region = "ca-central-1";
    tr_assert_status(resolve(&options, &got, &err), TR_OK, &err);
    assert_string_equal(got.region, "ca-central-1");
}

static void test_region__missing_or_malformed_is_an_error(void **state)
{
    (void)state;
    expect_error((struct tr_aws_options){0}, "set aws.region, AWS_REGION or AWS_DEFAULT_REGION");
    expect_error((struct tr_aws_options){.endpoint = "http://db.internal:8000"},
                 "no region to sign for 'http://db.internal:8000': set aws.region, AWS_REGION");
    expect_error(
        (struct tr_aws_options){.stream_arn = "arn:aws:dynamodb:ddblocal:000000000000:table/T/s"},
        "no endpoint for DynamoDB");
    expect_error((struct tr_aws_options){.region = "us-east-1/../x"}, "aws.region: 'us-east-1/../x'"
                                                                      " is not a region");
    tr_test_env_set("AWS_REGION", "US-EAST-1");
    expect_error((struct tr_aws_options){0}, "AWS_REGION: 'US-EAST-1' is not a region");
}

static void test_endpoint__on_loopback_needs_no_region(void **state)
{
    (void)state;
    expect((struct tr_aws_options){.endpoint = "http://127.0.0.1:8000"}, "us-east-1",
           "http://127.0.0.1:8000", "http://127.0.0.1:8000");
    expect((struct tr_aws_options){.endpoint = "http://127.0.0.1:8000",
                                   .stream_arn = "arn:aws:dynamodb:ddblocal:0:table/T/stream/x"},
           "us-east-1", "http://127.0.0.1:8000", "http://127.0.0.1:8000");
    expect((struct tr_aws_options){.endpoint = "http://127.0.0.1:8000", .region = "eu-west-1"},
           "eu-west-1", "http://127.0.0.1:8000", "http://127.0.0.1:8000");
    /* Only one of the two is here: the other one is away, and needs a region. */
    tr_test_env_set("AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:8000");
    expect_error((struct tr_aws_options){0}, "no endpoint for DynamoDB Streams");
}

static void test_endpoint__is_looked_for_in_order(void **state)
{
    const char *config = tr_test_file("config", "[default]\n"
                                                "endpoint_url = http://profile\n"
                                                "services = mine\n"
                                                "[services mine]\n"
                                                "dynamodb =\n"
                                                "  endpoint_url = http://profile-dynamodb\n"
                                                "dynamodb_streams =\n"
                                                "    endpoint_url = http://profile-streams\n");
    struct tr_aws_options options = {.region = "us-west-2"};
    (void)state;
    tr_test_env_set("AWS_CONFIG_FILE", config);
    expect(options, "us-west-2", "http://profile-dynamodb", "http://profile-streams");
    tr_test_env_set("AWS_ENDPOINT_URL", "http://env");
    expect(options, "us-west-2", "http://env", "http://env");
    tr_test_env_set("AWS_ENDPOINT_URL_DYNAMODB", "http://env-dynamodb");
    expect(options, "us-west-2", "http://env-dynamodb", "http://env");
    tr_test_env_set("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", "http://env-streams");
    expect(options, "us-west-2", "http://env-dynamodb", "http://env-streams");
    tr_test_env_set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE");
    expect(options, "us-west-2", "https://dynamodb.us-west-2.amazonaws.com",
           "https://streams.dynamodb.us-west-2.amazonaws.com");
    options.endpoint = "http://configured";
    expect(options, "us-west-2", "http://configured", "http://configured");
    options.endpoint = "http://configured/path";
    expect_error(options, "aws.endpoint: 'http://configured/path' has a path");
    options.endpoint = " ";
    tr_test_env_set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false");
    tr_test_env_set("AWS_ENDPOINT_URL_DYNAMODB", "nonsense");
    expect_error(options, "AWS_ENDPOINT_URL_DYNAMODB: 'nonsense' does not begin");
}

static void test_endpoint__of_the_profile_is_named_with_file_and_line(void **state)
{
    (void)state;
    tr_test_env_set("AWS_CONFIG_FILE", tr_test_file("config", "[default]\nendpoint_url = x\n"));
    expect_error((struct tr_aws_options){.region = "us-west-2"}, "config:2: endpoint_url: 'x'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_parse__understands_hosts_ports_and_addresses, setup),
        cmocka_unit_test_setup(test_parse__refuses_the_rest_and_names_its_origin, setup),
        cmocka_unit_test_setup(test_region__gives_the_hosts_of_its_partition, setup),
        cmocka_unit_test_setup(test_region__is_looked_for_in_order, setup),
        cmocka_unit_test_setup(test_region__missing_or_malformed_is_an_error, setup),
        cmocka_unit_test_setup(test_endpoint__on_loopback_needs_no_region, setup),
        cmocka_unit_test_setup(test_endpoint__is_looked_for_in_order, setup),
        cmocka_unit_test_setup(test_endpoint__of_the_profile_is_named_with_file_and_line, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
