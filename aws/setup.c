/* SPDX-License-Identifier: Apache-2.0
 *
 * Making a client: profile, endpoints, credentials and the CA file are resolved in this order, each
 * by its own file, before anything is opened. */
#include "aws/call.h"
#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define CA_FILE_DEFAULT "/etc/ssl/certs/ca-certificates.crt"
#define CA_STEP 4096

static const unsigned in_flight_defaults[TR_AWS_CLASS_COUNT] = {
    [TR_AWS_LEASE_WRITE] = 16, [TR_AWS_LEASE_READ] = 4, [TR_AWS_CONTROL] = 8,
    [TR_AWS_RECORDS] = 32,     [TR_AWS_DATA] = 16,
};

static const char *process_env(const char *name)
{
    return getenv(name);
}

/* Whether a file has something like a certificate: a line "-----BEGIN". */
static bool has_certificate(int fd)
{
    static const char mark[] = "-----BEGIN ";
    char bytes[CA_STEP + sizeof mark];
    size_t kept = 0;
    ssize_t got;

    while ((got = read(fd, bytes + kept, CA_STEP)) > 0) {
        size_t len = kept + (size_t)got;
        if (memmem(bytes, len, mark, sizeof mark - 1) != NULL) {
            return true;
        }
        kept = len < sizeof mark - 2 ? len : sizeof mark - 2;
        memmove(bytes, bytes + len - kept, kept);
    }
    return false;
}

/* curl would find out at the first connection only, and say less. */
static enum tr_status check_ca(const char *path, const char *where, struct tr_err *err)
{
    char text[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool fine;

    if (fd < 0) {
        return tr_fail(err, TR_ECONFIG,
                       "%s '%s' cannot be read: %s (certificates to trust come from the package "
                       "ca-certificates or from AWS_CA_BUNDLE)",
                       where, path, tr_errno_text(errno, text, sizeof text));
    }
    fine = has_certificate(fd);
    (void)close(fd);
    return fine ? TR_OK
                : tr_fail(err, TR_ECONFIG, "%s '%s' has no certificate in PEM form", where, path);
}

/* *path stays NULL if no endpoint uses TLS. Owns: borrowed from the environment, or static. */
static enum tr_status find_ca(tr_env_fn *env, const struct tr_endpoints *endpoints,
                              const char **path, struct tr_err *err)
{
    const char *bundle = tr_env_get(env, "AWS_CA_BUNDLE");

    *path = NULL;
    if (!endpoints->of[TR_AWS_DYNAMODB].tls && !endpoints->of[TR_AWS_STREAMS].tls) {
        return TR_OK;
    }
    *path = bundle != NULL ? bundle : CA_FILE_DEFAULT;
    return check_ca(*path, bundle != NULL ? "AWS_CA_BUNDLE" : "the CA file", err);
}

static void set_limits(struct tr_aws *aws, const struct tr_aws_options *options, unsigned *sum)
{
    int class;
    *sum = 0;
    for (class = 0; class < TR_AWS_CLASS_COUNT; class ++) {
        unsigned max = options->in_flight_max[class];
        aws->in_flight_max[class] = max != 0 ? max : in_flight_defaults[class];
        *sum += aws->in_flight_max[class];
        tr_retry_init(&aws->retry[class], options->seed + (uint64_t) class);
    }
}

/* The endpoint without credentials is a stand-in on this host only if both are. */
static bool all_loopback(const struct tr_endpoints *endpoints)
{
    return endpoints->of[TR_AWS_DYNAMODB].loopback && endpoints->of[TR_AWS_STREAMS].loopback;
}

static enum tr_status resolve(struct tr_aws *aws, const struct tr_aws_options *options,
                              tr_env_fn *env, const char **ca, struct tr_err *err)
{
    struct tr_profile profile;
    enum tr_status status = tr_profile_load(env, options->profile, &profile, err);

    if (status != TR_OK) {
        return status;
    }
    status = tr_endpoints_resolve(options, env, &profile, &aws->endpoints, err);
    if (status == TR_OK) {
        status = tr_credentials_resolve(env, &profile, all_loopback(&aws->endpoints),
                                        &aws->credentials, err);
    }
    if (status == TR_OK) {
        status = find_ca(env, &aws->endpoints, ca, err);
    }
    tr_profile_deinit(&profile);
    return status;
}

enum tr_status tr_aws_new(const struct tr_aws_options *options, struct tr_aws **out,
                          struct tr_err *err)
{
    struct tr_aws *aws = tr_calloc(1, sizeof *aws);
    const char *ca = NULL;
    unsigned connections = 0;
    enum tr_status status;

    *out = NULL;
    if (aws == NULL) {
        return tr_fail(err, TR_ENOMEM, "out of memory");
    }
    aws->next_timer = TR_MONO_NEVER;
    set_limits(aws, options, &connections);
    status =
        resolve(aws, options, options->getenv != NULL ? options->getenv : process_env, &ca, err);
    if (status == TR_OK) {
        status = tr_sigv4_new(&aws->signer, err);
    }
    if (status == TR_OK) {
        status = tr_transfers_new(ca, connections, &aws->transfers, err);
    }
    if (status != TR_OK) {
        tr_aws_free(aws);
        return status;
    }
    *out = aws;
    return TR_OK;
}
