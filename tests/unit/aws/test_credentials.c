/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/credentials.h"
#include "base/mem.h"
#include "tests/support/env.h"
#include "tests/support/test.h"

static int setup(void **state)
{
    (void)state;
    tr_test_env_clear();
    return 0;
}

static enum tr_status resolve(const char *profile_name, bool loopback, struct tr_credentials *out,
                              struct tr_err *err)
{
    struct tr_profile profile;
    enum tr_status status;

    *out = (struct tr_credentials){0};
    *err = (struct tr_err){0};
    status = tr_profile_load(tr_test_getenv, profile_name, &profile, err);
    if (status == TR_OK) {
        status = tr_credentials_resolve(tr_test_getenv, &profile, loopback, out, err);
        tr_profile_deinit(&profile);
    }
    return status;
}

static void expect(const char *profile, bool loopback, const char *access_key, const char *secret,
                   const char *token, const char *source)
{
    struct tr_credentials got;
    struct tr_err err;
    tr_assert_status(resolve(profile, loopback, &got, &err), TR_OK, &err);
    assert_string_equal(got.access_key, access_key);
    tr_assert_bytes(tr_secret_reveal(&got.secret), secret);
    assert_int_equal(tr_secret_is_set(&got.session_token), token != NULL);
    if (token != NULL) {
        tr_assert_bytes(tr_secret_reveal(&got.session_token), token);
    }
    assert_string_equal(got.source, source);
    tr_credentials_deinit(&got);
}

static void expect_error(const char *profile, bool loopback, enum tr_status status,
                         const char *words)
{
    struct tr_credentials got;
    struct tr_err err;
    tr_assert_status(resolve(profile, loopback, &got, &err), status, &err);
    tr_assert_has(err.text, words);
    assert_null(got.access_key);
}

static void test_environment__gives_key_secret_and_token(void **state)
{
    (void)state;
    tr_test_env_set("AWS_ACCESS_KEY_ID", "AKID");
    tr_test_env_set("AWS_SECRET_ACCESS_KEY", "secret\n");
    expect(NULL, false, "AKID", "secret", NULL, "environment");
    tr_test_env_set("AWS_SECURITY_TOKEN", "old");
    expect(NULL, false, "AKID", "secret", "old", "environment");
    tr_test_env_set("AWS_SESSION_TOKEN", "token");
    expect(NULL, false, "AKID", "secret", "token", "environment");
    tr_test_env_set("AWS_SESSION_TOKEN", "  ");
    tr_test_env_set("AWS_SECURITY_TOKEN", "");
    expect(NULL, true, "AKID", "secret", NULL, "environment");
}

static void test_environment__half_set_is_an_error_even_on_loopback(void **state)
{
    (void)state;
    tr_test_env_set("AWS_ACCESS_KEY_ID", "AKID");
    expect_error(NULL, true, TR_ECONFIG, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY");
    tr_test_env_set("AWS_SECRET_ACCESS_KEY", " \t");
    expect_error(NULL, true, TR_ECONFIG, "AWS_SECRET_ACCESS_KEY is not");
    tr_test_env_set("AWS_ACCESS_KEY_ID", "");
    tr_test_env_set("AWS_SECRET_ACCESS_KEY", "x");
    expect_error(NULL, false, TR_ECONFIG, "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID");
}

static void test_environment__a_malformed_key_is_not_shown(void **state)
{
    struct tr_credentials got;
    struct tr_err err;
    (void)state;
    tr_test_env_set("AWS_ACCESS_KEY_ID", "AK\r\nX-Evil: 1");
    tr_test_env_set("AWS_SECRET_ACCESS_KEY", "x");
    tr_assert_status(resolve(NULL, false, &got, &err), TR_ECONFIG, &err);
    tr_assert_has(err.text, "malformed at sign 3");
    assert_null(strstr(err.text, "Evil"));
    tr_test_env_set("AWS_ACCESS_KEY_ID", "AKID");
    tr_test_env_set("AWS_SESSION_TOKEN", "a b");
    expect_error(NULL, false, TR_ECONFIG, "session token of the environment is malformed");
}

static void test_loopback__without_credentials_signs_as_local(void **state)
{
    (void)state;
    expect(NULL, true, "local", "local", NULL, "loopback");
    expect_error(NULL, false, TR_ECONFIG, "no credentials: set AWS_ACCESS_KEY_ID");
    tr_test_env_set("HOME", " ");
    expect(NULL, true, "local", "local", NULL, "loopback");
    tr_test_env_set("HOME", "/nonexistent");
    expect(NULL, true, "local", "local", NULL, "loopback");
}

#define CREDENTIALS                                                                                \
    "# comment\r\n"                                                                                \
    "[default]\r\n"                                                                                \
    "aws_access_key_id = AKDEFAULT ; theirs\r\n"                                                   \
    "AWS_Secret_Access_Key=se#cret/+=\r\n"                                                         \
    "[dev]\n"                                                                                      \
    "aws_access_key_id=AKDEV\n"                                                                    \
    "aws_secret_access_key=devsecret\n"                                                            \
    "aws_session_token = devtoken\n"                                                               \
    "[half]\n"                                                                                     \
    "aws_access_key_id=AKHALF\n"

static void test_profile__static_keys_of_the_credentials_file(void **state)
{
    (void)state;
    tr_test_env_set("AWS_SHARED_CREDENTIALS_FILE", tr_test_file("credentials", CREDENTIALS));
    expect(NULL, false, "AKDEFAULT", "se#cret/+=", NULL, "profile 'default'");
    expect("dev", false, "AKDEV", "devsecret", "devtoken", "profile 'dev'");
    tr_test_env_set("AWS_PROFILE", "dev");
    expect(NULL, true, "AKDEV", "devsecret", "devtoken", "profile 'dev'");
    tr_test_env_set("AWS_PROFILE", "half");
    expect_error(NULL, true, TR_ECONFIG,
                 "credentials:10: profile 'half' has 'aws_access_key_id', but no "
                 "'aws_secret_access_key'");
    tr_test_env_set("AWS_PROFILE", "nobody");
    expect_error(NULL, true, TR_ECONFIG, "profile 'nobody' is neither in '");
}

static void test_profile__the_environment_goes_before_it_unless_it_is_configured(void **state)
{
    (void)state;
    tr_test_env_set("AWS_SHARED_CREDENTIALS_FILE", tr_test_file("credentials", CREDENTIALS));
    tr_test_env_set("AWS_ACCESS_KEY_ID", "AKENV");
    tr_test_env_set("AWS_SECRET_ACCESS_KEY", "x");
    tr_test_env_set("AWS_PROFILE", "dev");
    expect(NULL, false, "AKENV", "x", NULL, "environment");
    expect("dev", false, "AKDEV", "devsecret", "devtoken", "profile 'dev'");
}

static void test_profile__of_the_config_file_is_overridden_by_the_credentials_file(void **state)
{
    (void)state;
    tr_test_env_set("AWS_CONFIG_FILE",
                    tr_test_file("config", "[dev]\naws_access_key_id = WRONG\n"
                                           "[profile  dev]\n"
                                           "aws_access_key_id = AKCONFIG\n"
                                           "aws_secret_access_key = configsecret\n"
                                           "s3 =\n"
                                           "  max_concurrent_requests = 20\n"
                                           "  aws_secret_access_key = nested, not ours\n"
                                           "[profile \"two words\"]\n"
                                           "aws_access_key_id = AKTWO\n"
                                           "aws_secret_access_key = two\n"));
    expect("dev", false, "AKCONFIG", "configsecret", NULL, "profile 'dev'");
    expect("two words", false, "AKTWO", "two", NULL, "profile 'two words'");
    tr_test_env_set("AWS_SHARED_CREDENTIALS_FILE", tr_test_file("credentials", CREDENTIALS));
    expect("dev", false, "AKDEV", "devsecret", "devtoken", "profile 'dev'");
}

static void test_profile__is_found_below_the_home(void **state)
{
    static char home[512];
    const char *path = tr_test_file("creds-of-home", CREDENTIALS);
    (void)state;
    (void)snprintf(home, sizeof home, "%.*s", (int)(strrchr(path, '/') - path), path);
    tr_test_env_set("HOME", home);
    tr_test_env_set("AWS_SHARED_CREDENTIALS_FILE", "~/creds-of-home");
    expect("dev", false, "AKDEV", "devsecret", "devtoken", "profile 'dev'");
}

static void test_profile__bad_lines_are_named_without_their_values(void **state)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"[default\naws_access_key_id = x\n", "bad:1: a section without ']'"},
        {"[default] x\n", "bad:1: text behind a section's ']'"},
        {"[ ]\n", "bad:1: a section without a name"},
        {"\n; c\naws_access_key_id = x\n", "bad:3: text before the first '[section]'"},
        {"[default]\naws_secret_access_key hunter2\n", "bad:2: a line that is neither"},
        {"[default]\n= hunter2\n", "bad:2: a value without a key"},
        {"[default]\naws_secret_access_key = a\n  b\n",
         "bad:3: the value of 'aws_secret_access_key' goes over several lines"},
        {"[default]\nservices = none\n", "bad:2: there is no section '[services none]'"},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tr_credentials got;
        struct tr_err err;
        tr_test_env_set("AWS_CONFIG_FILE", tr_test_file("bad", bad[i].text));
        tr_assert_status(resolve(NULL, true, &got, &err), TR_ECONFIG, &err);
        tr_assert_has(err.text, bad[i].words);
        assert_null(strstr(err.text, "hunter2"));
    }
}

static void test_profile__a_folder_as_file_is_an_error(void **state)
{
    (void)state;
    tr_test_env_set("AWS_CONFIG_FILE", "/");
    expect_error(NULL, true, TR_ECONFIG, "cannot read '/'");
}

static void test_other_sources__are_refused_by_name(void **state)
{
    static const struct {
        const char *text, *words;
    } profiles[] = {
        {"[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = default\n",
         "config:2: profile 'p' has 'role_arn': assuming a role is not available yet"},
        {"[profile p]\nsso_session = s\n", "'sso_session': single sign-on is not available yet"},
        {"[profile p]\ncredential_process = /bin/x\n", "a credential process is not available"},
        {"[profile p]\nweb_identity_token_file = /x\nrole_arn = r\n", "not available yet"},
        {"[profile p]\nlogin_session = x\n", "a login session is not available yet"},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
        tr_test_env_set("AWS_CONFIG_FILE", tr_test_file("config", profiles[i].text));
        expect_error("p", false, TR_EUNSUPPORTED, profiles[i].words);
        expect_error("p", true, TR_EUNSUPPORTED, profiles[i].words); /* it was chosen */
    }
    tr_test_env_set("AWS_CONFIG_FILE", "/dev/null");
    tr_test_env_set("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
    expect_error(NULL, false, TR_EUNSUPPORTED, "AWS_WEB_IDENTITY_TOKEN_FILE is set");
    tr_test_env_set("AWS_WEB_IDENTITY_TOKEN_FILE", "");
    tr_test_env_set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials");
    expect_error(NULL, false, TR_EUNSUPPORTED, "AWS_CONTAINER_CREDENTIALS_FULL_URI is set");
}

/* A developer's default profile with single sign-on must not keep the service model from starting;
 * static keys win over a process, as everywhere. */
static void test_other_sources__of_a_profile_nobody_chose_do_not_matter_on_loopback(void **state)
{
    (void)state;
    tr_test_env_set("AWS_CONFIG_FILE",
                    tr_test_file("config", "[default]\nsso_start_url = https://x\n"));
    expect(NULL, true, "local", "local", NULL, "loopback");
    expect_error(NULL, false, TR_EUNSUPPORTED, "single sign-on");
    tr_test_env_set("AWS_CONFIG_FILE",
                    tr_test_file("config", "[default]\naws_access_key_id=A\n"
                                           "aws_secret_access_key=B\ncredential_process = x\n"));
    expect(NULL, false, "A", "B", NULL, "profile 'default'");
}

static void test_credentials__run_out_of_memory_cleanly(void **state)
{
    enum tr_status status = TR_ENOMEM;
    struct tr_credentials got;
    struct tr_err err;
    int64_t n;
    (void)state;
    tr_test_env_set("AWS_SHARED_CREDENTIALS_FILE", tr_test_file("credentials", CREDENTIALS));
    for (n = 0; status != TR_OK; n++) {
        assert_true(n < 100);
        (void)tr_mem_fail_at(n);
        status = resolve("dev", false, &got, &err);
        (void)tr_mem_fail_at(-1);
        tr_credentials_deinit(&got);
        assert_true(status == TR_OK || status == TR_ENOMEM);
    }
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_environment__gives_key_secret_and_token, setup),
        cmocka_unit_test_setup(test_environment__half_set_is_an_error_even_on_loopback, setup),
        cmocka_unit_test_setup(test_environment__a_malformed_key_is_not_shown, setup),
        cmocka_unit_test_setup(test_loopback__without_credentials_signs_as_local, setup),
        cmocka_unit_test_setup(test_profile__static_keys_of_the_credentials_file, setup),
        cmocka_unit_test_setup(test_profile__the_environment_goes_before_it_unless_it_is_configured,
                               setup),
        cmocka_unit_test_setup(
            test_profile__of_the_config_file_is_overridden_by_the_credentials_file, setup),
        cmocka_unit_test_setup(test_profile__is_found_below_the_home, setup),
        cmocka_unit_test_setup(test_profile__bad_lines_are_named_without_their_values, setup),
        cmocka_unit_test_setup(test_profile__a_folder_as_file_is_an_error, setup),
        cmocka_unit_test_setup(test_other_sources__are_refused_by_name, setup),
        cmocka_unit_test_setup(
            test_other_sources__of_a_profile_nobody_chose_do_not_matter_on_loopback, setup),
        cmocka_unit_test_setup(test_credentials__run_out_of_memory_cleanly, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
