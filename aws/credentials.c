/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/credentials.h"

#include "base/err.h"
#include "base/mem.h"

/* Sources that the environment can name. */
static const struct {
    const char *variable, *source;
} named[] = {
    {"AWS_WEB_IDENTITY_TOKEN_FILE", "a web identity token"},
    {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "the container's credentials"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "the container's credentials"},
};

/* Sources that a profile can name; those that go before its static keys, then the other ones. */
static const struct {
    enum tr_profile_key key;
    bool before_keys;
    const char *source;
} of_profile[] = {
    {TR_PROFILE_ROLE_ARN, true, "assuming a role"},
    {TR_PROFILE_SOURCE_PROFILE, true, "assuming a role"},
    {TR_PROFILE_CREDENTIAL_SOURCE, true, "assuming a role"},
    {TR_PROFILE_WEB_IDENTITY, true, "a web identity token"},
    {TR_PROFILE_SSO_SESSION, true, "single sign-on"},
    {TR_PROFILE_SSO_START_URL, true, "single sign-on"},
    {TR_PROFILE_SSO_ACCOUNT, true, "single sign-on"},
    {TR_PROFILE_PROCESS, false, "a credential process"},
    {TR_PROFILE_LOGIN_SESSION, false, "a login session"},
};

void tr_credentials_deinit(struct tr_credentials *credentials)
{
    tr_free(credentials->access_key);
    tr_secret_deinit(&credentials->secret);
    tr_secret_deinit(&credentials->session_token);
    *credentials = (struct tr_credentials){0};
}

/* An access key goes into a header, so it must be plain; both are trimmed, since files mounted as
 * secrets often end in a newline. */
static enum tr_status set(struct tr_credentials *out, const char *access_key, const char *secret,
                          const char *session_token, struct tr_err *err)
{
    struct tr_bytes key = tr_bytes_trim(tr_bytes_of(access_key));
    struct tr_bytes token = tr_bytes_trim(tr_bytes_of(session_token));
    size_t i;

    for (i = 0; i < key.len; i++) {
        if (key.ptr[i] <= ' ' || key.ptr[i] > '~' || strchr("/,=", key.ptr[i]) != NULL) {
            return tr_fail(err, TR_ECONFIG, "the access key of the %s is malformed at sign %zu",
                           out->source, i + 1);
        }
    }
    for (i = 0; i < token.len; i++) {
        if (token.ptr[i] <= ' ' || token.ptr[i] > '~') {
            return tr_fail(err, TR_ECONFIG, "the session token of the %s is malformed at sign %zu",
                           out->source, i + 1);
        }
    }
    out->access_key = tr_memdup(key.ptr, key.len);
    if (out->access_key == NULL ||
        tr_secret_set(&out->secret, tr_bytes_trim(tr_bytes_of(secret))) != TR_OK ||
        (token.len > 0 && tr_secret_set(&out->session_token, token) != TR_OK)) {
        return tr_fail(err, TR_ENOMEM, "out of memory");
    }
    return TR_OK;
}

static enum tr_status from_environment(tr_env_fn *env, struct tr_credentials *out, bool *found,
                                       struct tr_err *err)
{
    const char *access_key = tr_env_get(env, "AWS_ACCESS_KEY_ID");
    const char *secret = tr_env_get(env, "AWS_SECRET_ACCESS_KEY");
    const char *token = tr_env_get(env, "AWS_SESSION_TOKEN");

    *found = access_key != NULL || secret != NULL;
    if (!*found) {
        return TR_OK;
    }
    if (access_key == NULL || secret == NULL) {
        return tr_fail(err, TR_ECONFIG, "%s is set, but %s is not",
                       access_key != NULL ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                       access_key != NULL ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    }
    if (token == NULL) {
        token = tr_env_get(env, "AWS_SECURITY_TOKEN"); /* its name of old */
    }
    (void)snprintf(out->source, sizeof out->source, "environment");
    return set(out, access_key, secret, token, err);
}

static enum tr_status refuse(const struct tr_profile *profile, size_t row, struct tr_err *err)
{
    const struct tr_profile_value *value = &profile->values[of_profile[row].key];
    return tr_fail(err, TR_EUNSUPPORTED,
                   "%s:%u: profile '%s' has '%s': %s is not available yet; use static keys, or "
                   "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (\"aws configure "
                   "export-credentials --format env\" prints them)",
                   value->file, value->line, profile->name,
                   tr_profile_key_name(of_profile[row].key), of_profile[row].source);
}

/* The row of a source that the profile names, or -1. */
static int other_source(const struct tr_profile *profile, bool has_keys)
{
    size_t i;
    for (i = 0; i < sizeof of_profile / sizeof of_profile[0]; i++) {
        if (tr_profile_get(profile, of_profile[i].key) != NULL &&
            (of_profile[i].before_keys || !has_keys)) {
            return (int)i;
        }
    }
    return -1;
}

/* `lenient`: a source that is not available is passed over, if nobody chose the profile. */
static enum tr_status from_profile(const struct tr_profile *profile, bool lenient,
                                   struct tr_credentials *out, bool *found, struct tr_err *err)
{
    const char *access_key = tr_profile_get(profile, TR_PROFILE_ACCESS_KEY);
    const char *secret = tr_profile_get(profile, TR_PROFILE_SECRET_KEY);
    int other = other_source(profile, access_key != NULL || secret != NULL);

    *found = false;
    if (other >= 0 && lenient && !profile->chosen) {
        return TR_OK;
    }
    if (other >= 0) {
        return refuse(profile, (size_t)other, err);
    }
    *found = access_key != NULL || secret != NULL;
    if (!*found) {
        return TR_OK;
    }
    if (access_key == NULL || secret == NULL) {
        enum tr_profile_key has =
            access_key != NULL ? TR_PROFILE_ACCESS_KEY : TR_PROFILE_SECRET_KEY;
        enum tr_profile_key lacks =
            access_key != NULL ? TR_PROFILE_SECRET_KEY : TR_PROFILE_ACCESS_KEY;
        return tr_fail(err, TR_ECONFIG, "%s:%u: profile '%s' has '%s', but no '%s'",
                       profile->values[has].file, profile->values[has].line, profile->name,
                       tr_profile_key_name(has), tr_profile_key_name(lacks));
    }
    (void)snprintf(out->source, sizeof out->source, "profile '%.48s'", profile->name);
    return set(out, access_key, secret, tr_profile_get(profile, TR_PROFILE_SESSION_TOKEN), err);
}

static enum tr_status refuse_named(tr_env_fn *env, struct tr_err *err)
{
    size_t i;
    for (i = 0; i < sizeof named / sizeof named[0]; i++) {
        if (tr_env_get(env, named[i].variable) != NULL) {
            return tr_fail(err, TR_EUNSUPPORTED,
                           "%s is set: %s as a source of credentials is not available yet; set "
                           "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                           named[i].variable, named[i].source);
        }
    }
    return TR_OK;
}

static enum tr_status without_any(tr_env_fn *env, const struct tr_profile *profile, bool loopback,
                                  struct tr_credentials *out, struct tr_err *err)
{
    enum tr_status status;

    if (profile->chosen && !loopback) {
        return tr_fail(err, TR_ECONFIG,
                       "profile '%s' has no credentials ('aws_access_key_id' and "
                       "'aws_secret_access_key')",
                       profile->name);
    }
    status = refuse_named(env, err);
    if (status != TR_OK) {
        return status;
    }
    if (loopback) {
        (void)snprintf(out->source, sizeof out->source, "loopback");
        return set(out, "local", "local", NULL, err);
    }
    return tr_fail(err, TR_ECONFIG,
                   "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put "
                   "'aws_access_key_id' and 'aws_secret_access_key' into profile '%s' of '%s' (an "
                   "instance's role is not available yet)",
                   profile->name, profile->files[0] != NULL ? profile->files[0] : "~/.aws");
}

enum tr_status tr_credentials_resolve(tr_env_fn *env, const struct tr_profile *profile,
                                      bool loopback, struct tr_credentials *out, struct tr_err *err)
{
    enum tr_status status = TR_OK;
    bool found = false;

    *out = (struct tr_credentials){0};
    if (!profile->first) {
        status = from_environment(env, out, &found, err);
    }
    if (status == TR_OK && !found) {
        status = from_profile(profile, loopback, out, &found, err);
    }
    if (status == TR_OK && !found) {
        status = without_any(env, profile, loopback, out, err);
    }
    if (status != TR_OK) {
        tr_credentials_deinit(out);
    }
    return status;
}
