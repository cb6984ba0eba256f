/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the calls go: the region, and one endpoint for each service. A configured URL wins over the
 * environment's, that over the profile's, that over the regional one of the region's partition. */
#ifndef TR_AWS_ENDPOINT_H
#define TR_AWS_ENDPOINT_H

#include "aws/client.h"
#include "aws/profile.h"

#define TR_REGION_SIZE 64
#define TR_HOST_SIZE 256

struct tr_endpoint {
    char url[TR_HOST_SIZE + 32];         /* "https://host[:port]", no slash at the end */
    char host_header[TR_HOST_SIZE + 16]; /* "host[:port]", the port unless it is the scheme's own */
    bool tls;
    bool loopback; /* 127.0.0.0/8, ::1, localhost */
    bool custom;   /* configured, not the regional one */
};

struct tr_endpoints {
    char region[TR_REGION_SIZE]; /* signs with this one */
    struct tr_endpoint of[TR_AWS_SERVICE_COUNT];
};

/* Read a URL: http or https, a name or an IP address, perhaps a port, perhaps a slash. A path,
 * query, fragment or user is refused: the services' only path is "/".
 * Errors:  TR_ECONFIG; err starts with `where`. */
enum tr_status tr_endpoint_parse(struct tr_bytes url, const char *where, struct tr_endpoint *out,
                                 struct tr_err *err) TR_MUST_CHECK;

/* Errors:  TR_ECONFIG: no region, or a region or URL that is none; the variable, key or setting is
 *          named. */
enum tr_status tr_endpoints_resolve(const struct tr_aws_options *options, tr_env_fn *env,
                                    const struct tr_profile *profile, struct tr_endpoints *out,
                                    struct tr_err *err) TR_MUST_CHECK;

#endif
