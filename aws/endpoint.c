/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/endpoint.h"

#include "base/err.h"

#include <arpa/inet.h>

#define REGION_FALLBACK "us-east-1"

/* Where a region's hosts are, by its prefix; the longest first where one begins like another. */
static const struct {
    const char *prefix, *suffix;
} partitions[] = {
    {"cn-", "amazonaws.com.cn"},    {"us-gov-", "amazonaws.com"},   {"us-isob-", "sc2s.sgov.gov"},
    {"us-isof-", "csp.hci.ic.gov"}, {"eu-isoe-", "cloud.adc-e.uk"}, {"us-iso-", "c2s.ic.gov"},
    {"eusc-", "amazonaws.eu"},      {"", "amazonaws.com"},
};

static const struct {
    const char *host, *variable, *word;
    enum tr_profile_key key;
} services[TR_AWS_SERVICE_COUNT] = {
    [TR_AWS_DYNAMODB] = {"dynamodb", "AWS_ENDPOINT_URL_DYNAMODB", "DynamoDB",
                         TR_PROFILE_ENDPOINT_DYNAMODB},
    [TR_AWS_STREAMS] = {"streams.dynamodb", "AWS_ENDPOINT_URL_DYNAMODB_STREAMS", "DynamoDB Streams",
                        TR_PROFILE_ENDPOINT_STREAMS},
};

static bool is_host_name(struct tr_bytes host)
{
    size_t i;
    bool fresh = true; /* at the start of a label */
    for (i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '.' && c != '-' && c != '_') {
            return false;
        }
        if (c == '.' && fresh) {
            return false;
        }
        fresh = c == '.';
    }
    return host.len > 0 && host.len < TR_HOST_SIZE;
}

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, host, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    if (inet_pton(AF_INET6, host, &v6) == 1) {
        return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
    }
    return tr_bytes_is_nocase(tr_bytes_of(host), "localhost");
}

/* Cut "host" or "[v6]" from the front of *rest, without the brackets. */
static bool cut_host(struct tr_bytes *rest, char host[TR_HOST_SIZE], bool *v6)
{
    struct tr_bytes name;
    struct in6_addr ignored;
    const char *colon;

    *v6 = rest->len > 0 && rest->ptr[0] == '[';
    if (*v6) {
        const char *end = memchr(rest->ptr, ']', rest->len);
        if (end == NULL) {
            return false;
        }
        name = (struct tr_bytes){rest->ptr + 1, (size_t)(end - rest->ptr) - 1};
        rest->len -= name.len + 2;
        rest->ptr = end + 1;
    } else {
        colon = memchr(rest->ptr, ':', rest->len);
        name =
            (struct tr_bytes){rest->ptr, colon != NULL ? (size_t)(colon - rest->ptr) : rest->len};
        rest->ptr += name.len;
        rest->len -= name.len;
    }
    (void)snprintf(host, TR_HOST_SIZE, "%.*s", TR_FMT(name));
    return *v6 ? name.len < TR_HOST_SIZE && inet_pton(AF_INET6, host, &ignored) == 1
               : is_host_name(name);
}

/* "", or ":8000". */
static bool read_port(struct tr_bytes rest, uint64_t *port)
{
    if (rest.len == 0) {
        return true;
    }
    if (rest.ptr[0] != ':') {
        return false;
    }
    rest.ptr++;
    rest.len--;
    return tr_bytes_u64(rest, 65535, port) && *port > 0;
}

static void lower_in_place(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text >= 'A' && *text <= 'Z') {
            *text = (char)(*text - 'A' + 'a');
        }
    }
}

/* Put the parts together; the scheme's own port is left out, as HTTP clients send it. */
static void compose(struct tr_endpoint *out, const char *host, bool v6, uint64_t port)
{
    const char *open = v6 ? "[" : "", *close = v6 ? "]" : "";
    if (port == (out->tls ? 443 : 80)) {
        (void)snprintf(out->host_header, sizeof out->host_header, "%s%s%s", open, host, close);
    } else {
        (void)snprintf(out->host_header, sizeof out->host_header, "%s%s%s:%u", open, host, close,
                       (unsigned)port);
    }
    (void)snprintf(out->url, sizeof out->url, "%s://%s", out->tls ? "https" : "http",
                   out->host_header);
    out->loopback = is_loopback(host);
}

enum tr_status tr_endpoint_parse(struct tr_bytes url, const char *where, struct tr_endpoint *out,
                                 struct tr_err *err)
{
    struct tr_bytes rest = tr_bytes_trim(url);
    char host[TR_HOST_SIZE];
    uint64_t port;
    bool v6;

    *out = (struct tr_endpoint){.custom = true};
    if (rest.len >= 8 && tr_bytes_is_nocase((struct tr_bytes){rest.ptr, 8}, "https://")) {
        out->tls = true;
    } else if (rest.len < 7 || !tr_bytes_is_nocase((struct tr_bytes){rest.ptr, 7}, "http://")) {
        return tr_fail(err, TR_ECONFIG, "%s: '%.*s' does not begin with http:// or https://", where,
                       (int)(rest.len < 100 ? rest.len : 100), rest.ptr);
    }
    rest.ptr += out->tls ? 8 : 7;
    rest.len -= out->tls ? 8 : 7;
    if (memchr(rest.ptr, '@', rest.len) != NULL) {
        /* The text is not shown: it may hold a password. */
        return tr_fail(err, TR_ECONFIG, "%s: the URL has a user in it, which is not supported",
                       where);
    }
    if (rest.len > 0 && rest.ptr[rest.len - 1] == '/') {
        rest.len--;
    }
    if (memchr(rest.ptr, '/', rest.len) != NULL || memchr(rest.ptr, '?', rest.len) != NULL ||
        memchr(rest.ptr, '#', rest.len) != NULL) {
        return tr_fail(err, TR_ECONFIG,
                       "%s: '%.*s' has a path, a query or a fragment; only scheme, host and port "
                       "are supported",
                       where, (int)(url.len < 100 ? url.len : 100), url.ptr);
    }
    if (!cut_host(&rest, host, &v6)) {
        return tr_fail(err, TR_ECONFIG, "%s: '%.*s' has no valid host", where,
                       (int)(url.len < 100 ? url.len : 100), url.ptr);
    }
    port = out->tls ? 443 : 80;
    if (!read_port(rest, &port)) {
        return tr_fail(err, TR_ECONFIG, "%s: '%.*s' has no valid port (1 to 65535)", where,
                       (int)(url.len < 100 ? url.len : 100), url.ptr);
    }
    lower_in_place(host);
    compose(out, host, v6, port);
    return TR_OK;
}

static bool is_region(struct tr_bytes region)
{
    size_t i;
    for (i = 0; i < region.len; i++) {
        char c = region.ptr[i];
        bool inner = i > 0 && i + 1 < region.len;
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && inner))) {
            return false;
        }
    }
    return region.len > 0 && region.len < TR_REGION_SIZE;
}

/* arn:PARTITION:dynamodb:REGION:... ; absent for DynamoDB Local's, whose region is none. */
static struct tr_bytes region_of_arn(const char *arn)
{
    struct tr_bytes rest = tr_bytes_of(arn);
    struct tr_bytes region = {0};
    int i;
    for (i = 0; i < 4 && rest.ptr != NULL; i++) {
        region = tr_bytes_cut(&rest, ':');
    }
    if (i < 4 || rest.ptr == NULL || region.len == 0 || tr_bytes_is(region, "ddblocal")) {
        return (struct tr_bytes){0};
    }
    return region;
}

/* The region and who said so; absent if nobody did. */
static struct tr_bytes find_region(const struct tr_aws_options *options, tr_env_fn *env,
                                   const struct tr_profile *profile, char *where, size_t size)
{
    static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    const struct tr_profile_value *value = &profile->values[TR_PROFILE_REGION];
    size_t i;

    if (options->region != NULL && options->region[0] != '\0') {
        (void)snprintf(where, size, "aws.region");
        return tr_bytes_trim(tr_bytes_of(options->region));
    }
    for (i = 0; i < 2; i++) {
        const char *text = tr_env_get(env, variables[i]);
        if (text != NULL) {
            (void)snprintf(where, size, "%s", variables[i]);
            return tr_bytes_trim(tr_bytes_of(text));
        }
    }
    if (value->text != NULL) {
        (void)snprintf(where, size, "%s:%u: region", value->file, value->line);
        return tr_bytes_of(value->text);
    }
    (void)snprintf(where, size, "the stream's ARN");
    return region_of_arn(options->stream_arn);
}

/* Blank is unset, and so is anything but "true". */
static bool ignores_configured(tr_env_fn *env, const struct tr_profile *profile)
{
    const char *text = tr_env_get(env, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    if (text == NULL) {
        text = tr_profile_get(profile, TR_PROFILE_IGNORE_ENDPOINTS);
    }
    return tr_bytes_is_nocase(tr_bytes_trim(tr_bytes_of(text)), "true");
}

/* The URL that somebody configured for a service and who did; NULL if nobody. */
static const char *find_url(const struct tr_aws_options *options, tr_env_fn *env,
                            const struct tr_profile *profile, enum tr_aws_service service,
                            char *where, size_t size)
{
    enum tr_profile_key keys[2] = {services[service].key, TR_PROFILE_ENDPOINT};
    const char *variables[2] = {services[service].variable, "AWS_ENDPOINT_URL"};
    size_t i;

    if (options->endpoint != NULL && tr_bytes_trim(tr_bytes_of(options->endpoint)).len > 0) {
        (void)snprintf(where, size, "aws.endpoint");
        return options->endpoint;
    }
    if (ignores_configured(env, profile)) {
        return NULL;
    }
    for (i = 0; i < 2; i++) {
        const char *url = tr_env_get(env, variables[i]);
        if (url != NULL) {
            (void)snprintf(where, size, "%s", variables[i]);
            return url;
        }
    }
    for (i = 0; i < 2; i++) {
        const struct tr_profile_value *value = &profile->values[keys[i]];
        if (value->text != NULL) {
            (void)snprintf(where, size, "%s:%u: %s", value->file, value->line,
                           tr_profile_key_name(keys[i]));
            return value->text;
        }
    }
    return NULL;
}

static enum tr_status regional(const char *region, enum tr_aws_service service,
                               struct tr_endpoint *out, struct tr_err *err)
{
    char url[TR_HOST_SIZE];
    size_t i = 0;
    enum tr_status status;

    while (!tr_bytes_starts(tr_bytes_of(region), partitions[i].prefix)) {
        i++; /* the last prefix fits everything */
    }
    (void)snprintf(url, sizeof url, "https://%s.%s.%s", services[service].host, region,
                   partitions[i].suffix);
    status = tr_endpoint_parse(tr_bytes_of(url), "region", out, err);
    out->custom = false;
    return status;
}

static enum tr_status no_region(const struct tr_endpoint *away, enum tr_aws_service service,
                                struct tr_err *err)
{
    if (away != NULL) {
        return tr_fail(err, TR_ECONFIG,
                       "no region to sign for '%s': set aws.region, AWS_REGION or "
                       "AWS_DEFAULT_REGION",
                       away->url);
    }
    return tr_fail(err, TR_ECONFIG,
                   "no region, and no endpoint for %s: set aws.region, AWS_REGION or "
                   "AWS_DEFAULT_REGION, or aws.endpoint, AWS_ENDPOINT_URL or %s",
                   services[service].word, services[service].variable);
}

enum tr_status tr_endpoints_resolve(const struct tr_aws_options *options, tr_env_fn *env,
                                    const struct tr_profile *profile, struct tr_endpoints *out,
                                    struct tr_err *err)
{
    char where[512];
    struct tr_bytes region = find_region(options, env, profile, where, sizeof where);
    bool is_local = tr_bytes_is(region, "local");
    enum tr_status status = TR_OK;
    int i;

    *out = (struct tr_endpoints){0};
    if (region.ptr != NULL && !is_region(region)) {
        return tr_fail(err, TR_ECONFIG, "%s: '%.*s' is not a region such as 'us-west-2'", where,
                       (int)(region.len < 100 ? region.len : 100), region.ptr);
    }
    (void)snprintf(out->region, sizeof out->region, "%.*s",
                   TR_FMT(region.ptr != NULL && !is_local ? region : TR_LIT(REGION_FALLBACK)));
    for (i = 0; i < TR_AWS_SERVICE_COUNT && status == TR_OK; i++) {
        enum tr_aws_service service = (enum tr_aws_service)i;
        struct tr_endpoint *endpoint = &out->of[i];
        const char *url = find_url(options, env, profile, service, where, sizeof where);

        if (url == NULL && is_local) {
            status = tr_endpoint_parse(TR_LIT("http://localhost:8000"), "region", endpoint, err);
        } else if (url != NULL) {
            status = tr_endpoint_parse(tr_bytes_of(url), where, endpoint, err);
        } else if (region.ptr != NULL) {
            status = regional(out->region, service, endpoint, err);
        } else {
            return no_region(NULL, service, err);
        }
        if (status == TR_OK && region.ptr == NULL && !endpoint->loopback) {
            return no_region(endpoint, service, err);
        }
    }
    return status;
}
