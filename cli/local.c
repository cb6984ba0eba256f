/* SPDX-License-Identifier: Apache-2.0
 *
 * tailrace local: the service model on a port of this host, until a signal. */
#include "base/random.h"
#include "cli/cli.h"
#include "cli/signals.h"
#include "local/server.h"

#include <math.h>

#define SHARDS_MAX 10000
#define CLOCK_RATE_MAX 1e6

static bool read_port(const struct tr_cli_args *args, struct tr_local_server_options *options)
{
    uint64_t port = 0;
    if (!tr_cli_u64(args, "port", 0, UINT16_MAX, &port)) {
        return false;
    }
    options->port = (uint16_t)port;
    return true;
}

static bool read_clock_rate(const struct tr_cli_args *args, struct tr_local_server_options *options)
{
    const char *text = tr_cli_string(args, "clock-rate");
    char *end;
    options->clock_rate = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(options->clock_rate) ||
        options->clock_rate < 1 / CLOCK_RATE_MAX || options->clock_rate > CLOCK_RATE_MAX) {
        (void)tr_cli_say(args, TR_CLI_USAGE,
                         "--clock-rate: '%s' is not a number from 0.000001 to 1000000", text);
        return false;
    }
    return true;
}

static bool read_account(const struct tr_cli_args *args, struct tr_local_options *model)
{
    const char *text = tr_cli_string(args, "account");
    if (strlen(text) != 12 || strspn(text, "0123456789") != 12) {
        (void)tr_cli_say(args, TR_CLI_USAGE, "--account: '%s' is not twelve digits", text);
        return false;
    }
    model->account = text;
    return true;
}

static bool read_region(const struct tr_cli_args *args, struct tr_local_options *model)
{
    const char *text = tr_cli_string(args, "region");
    size_t len = strlen(text);
    if (len == 0 || len > 31 || text[0] == '-' ||
        strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != len) {
        (void)tr_cli_say(args, TR_CLI_USAGE, "--region: '%s' is not the name of a region", text);
        return false;
    }
    model->region = text;
    return true;
}

static bool read_model(const struct tr_cli_args *args, struct tr_local_options *model)
{
    uint64_t shards = 1;
    model->seed = tr_random_seed();
    if (!tr_cli_u64(args, "shards", 1, SHARDS_MAX, &shards) ||
        !tr_cli_u64(args, "seed", 0, UINT64_MAX, &model->seed) || !read_region(args, model) ||
        !read_account(args, model)) {
        return false;
    }
    model->open_shards = (unsigned)shards;
    return true;
}

static bool read_tls(const struct tr_cli_args *args, struct tr_local_server_options *options)
{
    options->tls_cert_path = tr_cli_string(args, "tls-cert");
    options->tls_key_path = tr_cli_string(args, "tls-key");
    if ((options->tls_cert_path == NULL) != (options->tls_key_path == NULL)) {
        (void)tr_cli_say(args, TR_CLI_USAGE, "--tls-cert and --tls-key belong together");
        return false;
    }
    return true;
}

/* KEY:SECRET; the secret ends up in a copy that is wiped. */
static bool read_key(const struct tr_cli_args *args, char *key, size_t size,
                     struct tr_local_server_options *options)
{
    const char *text = tr_cli_string(args, "check-signatures");
    const char *colon = text != NULL ? strchr(text, ':') : NULL;
    if (text == NULL) {
        return true;
    }
    if (colon == NULL || colon == text || colon[1] == '\0' || (size_t)(colon - text) >= size) {
        (void)tr_cli_say(args, TR_CLI_USAGE, "--check-signatures: expected KEY:SECRET");
        return false;
    }
    memcpy(key, text, (size_t)(colon - text));
    key[colon - text] = '\0';
    options->access_key = key;
    options->secret_key = colon + 1;
    return true;
}

static void stop_cb(void *ctx)
{
    tr_local_server_stop(ctx);
}

/* Whoever started us learns the port from the first line, once connections are accepted. */
static enum tr_status announce(const struct tr_local_server *server, bool tls, struct tr_err *err)
{
    struct tr_buf line = {0};
    enum tr_status status;
    tr_buf_printf(&line, "listening on http%s://127.0.0.1:%u\n", tls ? "s" : "",
                  (unsigned)tr_local_server_port(server));
    status = tr_buf_status(&line);
    if (status == TR_OK) {
        status = tr_cli_write(tr_buf_bytes(&line), err);
    }
    tr_buf_deinit(&line);
    return status;
}

static enum tr_status serve(const struct tr_local_server_options *options, struct tr_err *err)
{
    struct tr_local_server *server;
    struct tr_signals *signals = NULL;
    enum tr_status status = tr_local_server_new(options, &server, err);
    if (status != TR_OK) {
        return status;
    }
    status = tr_signals_start(stop_cb, server, &signals, err);
    if (status == TR_OK) {
        status = announce(server, options->tls_cert_path != NULL, err);
    }
    if (status == TR_OK) {
        status = tr_local_server_run(server, err);
    }
    tr_signals_stop(signals);
    tr_local_server_free(server);
    return status;
}

static enum tr_cli_exit run(const struct tr_cli_args *args)
{
    struct tr_local_server_options options = {0};
    struct tr_err err = {{0}};
    char access_key[129];
    enum tr_status status;

    if (!read_port(args, &options) || !read_model(args, &options.model) ||
        !read_clock_rate(args, &options) || !read_tls(args, &options) ||
        !read_key(args, access_key, sizeof access_key, &options)) {
        return TR_CLI_USAGE;
    }
    status = serve(&options, &err);
    if (status == TR_OK || status == TR_ECLOSED) {
        return TR_CLI_DONE;
    }
    return tr_cli_say(args,
                      tr_status_class(status) == TR_CLASS_CONFIG ? TR_CLI_USAGE : TR_CLI_FAILED,
                      "%s", err.text);
}

static const struct tr_cli_flag flags[] = {
    {"port", "N", "8000", "the port on 127.0.0.1; 0 lets the system choose"},
    {"shards", "N", "1", "how many open shards a new stream has"},
    {"seed", "N", NULL, "repeats ids and the luck of faults; drawn by lot unless given"},
    {"region", "NAME", "us-east-1", "the region in ARNs and records"},
    {"account", "ID", "000000000000", "the twelve digits of the account in ARNs"},
    {"clock-rate", "X", "1", "seconds of the model's clock in one real second"},
    {"tls-cert", "FILE", NULL, "serve HTTPS with this certificate (PEM)"},
    {"tls-key", "FILE", NULL, "the certificate's key (PEM)"},
    {"check-signatures", "KEY:SECRET", NULL, "refuse requests that are not signed with this key"},
    {NULL, NULL, NULL, NULL},
};

const struct tr_cli_command tr_cli_local_command = {
    .name = "local",
    .summary = "a model of DynamoDB and its streams on a port, for tests",
    .operands = "",
    .flags = flags,
    .details = "The first line on stdout is 'listening on http://127.0.0.1:PORT'. Everything is\n"
               "in memory and gone at the end. Shards split and roll over, records are trimmed,\n"
               "the clock moves and calls fail on request: see docs/local.md.\n",
    .run = run,
};
