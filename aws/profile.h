/* SPDX-License-Identifier: Apache-2.0
 *
 * One profile of the AWS files, as far as tailrace knows its keys: read from the credentials file
 * and the config file, the credentials file first. Also the environment as a function, since both
 * are asked side by side. */
#ifndef TR_AWS_PROFILE_H
#define TR_AWS_PROFILE_H

#include "base/bytes.h"
#include "tailrace/status.h"

/* As getenv. */
typedef const char *tr_env_fn(const char *name);

/* A variable's value, or NULL when it is unset or blank (blank counts as unset everywhere). */
const char *tr_env_get(tr_env_fn *env, const char *name);

/* Keys that are read, and what having one means: a value that is used, or a source of credentials
 * that is not available yet. */
#define TR_PROFILE_KEY_TABLE(X)                                                                    \
    X(ACCESS_KEY, "aws_access_key_id")                                                             \
    X(SECRET_KEY, "aws_secret_access_key")                                                         \
    X(SESSION_TOKEN, "aws_session_token")                                                          \
    X(REGION, "region")                                                                            \
    X(ENDPOINT, "endpoint_url")                                                                    \
    X(SERVICES, "services")                                                                        \
    X(ROLE_ARN, "role_arn")                                                                        \
    X(SOURCE_PROFILE, "source_profile")                                                            \
    X(CREDENTIAL_SOURCE, "credential_source")                                                      \
    X(WEB_IDENTITY, "web_identity_token_file")                                                     \
    X(SSO_SESSION, "sso_session")                                                                  \
    X(SSO_START_URL, "sso_start_url")                                                              \
    X(SSO_ACCOUNT, "sso_account_id")                                                               \
    X(LOGIN_SESSION, "login_session")                                                              \
    X(PROCESS, "credential_process")                                                               \
    X(IGNORE_ENDPOINTS, "ignore_configured_endpoint_urls")

enum tr_profile_key {
#define TR_PROFILE_KEY_ENUM(id, name) TR_PROFILE_##id,
    TR_PROFILE_KEY_TABLE(TR_PROFILE_KEY_ENUM)
#undef TR_PROFILE_KEY_ENUM
    /* the endpoint_url of the two services in the profile's [services] section */
    TR_PROFILE_ENDPOINT_DYNAMODB,
    TR_PROFILE_ENDPOINT_STREAMS,
    TR_PROFILE_KEY_COUNT
};

/* "aws_access_key_id" and so on. Owns: static. */
const char *tr_profile_key_name(enum tr_profile_key key);

struct tr_profile_value {
    char *text;       /* owned, wiped; NULL: not there, or empty */
    const char *file; /* borrowed from the profile */
    unsigned line;
};

/* Init with {0}. */
struct tr_profile {
    char *name;     /* owned */
    bool chosen;    /* named by the configuration or AWS_PROFILE, not by default */
    bool first;     /* named by the configuration: goes before the environment's keys */
    char *files[2]; /* owned: credentials file, config file; NULL when there is no home */
    struct tr_profile_value values[TR_PROFILE_KEY_COUNT];
};

/* Read the profile `configured`, else AWS_PROFILE, else "default", from AWS_SHARED_CREDENTIALS_FILE
 * and AWS_CONFIG_FILE, else ~/.aws. Files that are missing, or in the default place and not
 * readable, count as empty.
 * Errors:  TR_ECONFIG (a line that is no INI, a file that cannot be read, a chosen profile that no
 *          file has; with file and line), TR_ENOMEM. *out is then empty.
 * Owns:    *out is the caller's (deinit). */
enum tr_status tr_profile_load(tr_env_fn *env, const char *configured, struct tr_profile *out,
                               struct tr_err *err) TR_MUST_CHECK;
void tr_profile_deinit(struct tr_profile *profile);

/* A value's text, or NULL. Owns: borrowed. */
const char *tr_profile_get(const struct tr_profile *profile, enum tr_profile_key key);

#endif
