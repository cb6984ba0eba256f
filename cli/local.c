/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/signals.h"
#include "local/server.h"

static void stop(void *ctx)
{
    tr_local_server_stop(ctx);
}

static bool read_rate(const struct tr_cli_args *args, double *rate)
{
    const char *text = tr_cli_string(args, "clock-rate");
    char *end = NULL;
    *rate = strtod(text, &end);
    if (end == text || *end != '\0' || !(*rate > 0) || *rate > 1e6) {
        (void)tr_cli_say(args, TR_CLI_USAGE, "--clock-rate: '%s' is not in 0..1000000", text);
        return false;
    }
    return true;
}

/* "KEY:SECRET" is cut in two, in a copy. */
static bool read_keys(const struct tr_cli_args *args, char *keys, size_t size,
                      struct tr_local_server_options *options)
{
    const char *text = tr_cli_string(args, "check-signatures");
    char *colon;
    if (text == NULL) {
        return true;
    }
    if (strlen(text) >= size || strchr(text, ':') == NULL) {
        (void)tr_cli_say(args, TR_CLI_USAGE, "--check-signatures: wants KEY:SECRET");
        return false;
    }
    (void)snprintf(keys, size, "%s", text);
    colon = strchr(keys, ':');
    *colon = '\0';
    options->access_key = keys;
    options->secret_key = colon + 1;
    return true;
}

static enum tr_cli_exit serve(const struct tr_cli_args *args,
                              const struct tr_local_server_options *options)
{
    struct tr_local_server *server = NULL;
    struct tr_signals *signals = NULL;
    struct tr_buf line = {0};
    struct tr_err err = {0};
    enum tr_status status = tr_local_server_new(options, &server, &err);

    if (status == TR_OK) {
        status = tr_signals_start(stop, server, &signals, &err);
    }
    if (status == TR_OK) {
        tr_buf_printf(&line, "listening on %s://127.0.0.1:%u\n",
                      options->tls_cert_path != NULL ? "https" : "http",
                      tr_local_server_port(server));
        status = tr_cli_write(tr_buf_bytes(&line), &err);
    }
    if (status == TR_OK || status == TR_ECLOSED) {
        status = tr_local_server_run(server, &err);
    }
    tr_buf_deinit(&line);
    tr_signals_stop(signals);
    tr_local_server_free(server);
    if (status != TR_OK) {
        return tr_cli_say(args, status == TR_ECONFIG ? TR_CLI_USAGE : TR_CLI_FAILED, "%s",
                          err.text[0] != '\0' ? err.text : tr_status_text(status));
    }
    return TR_CLI_DONE;
}

static enum tr_cli_exit run(const struct tr_cli_args *args)
{
    struct tr_local_server_options options = {
        .model.region = tr_cli_string(args, "region"),
        .model.account = tr_cli_string(args, "account"),
        .tls_cert_path = tr_cli_string(args, "tls-cert"),
        .tls_key_path = tr_cli_string(args, "tls-key"),
    };
    uint64_t port = 0, shards = 1, seed = 1;
    char keys[512];

    if (!tr_cli_u64(args, "port", 0, 65535, &port) ||
        !tr_cli_u64(args, "shards", 1, 1000, &shards) ||
        !tr_cli_u64(args, "seed", 0, UINT64_MAX, &seed) || !read_rate(args, &options.clock_rate) ||
        !read_keys(args, keys, sizeof keys, &options)) {
        return TR_CLI_USAGE;
    }
    if ((options.tls_cert_path == NULL) != (options.tls_key_path == NULL)) {
        return tr_cli_say(args, TR_CLI_USAGE, "--tls-cert and --tls-key go together");
    }
    options.port = (uint16_t)port;
    options.model.open_shards = (unsigned)shards;
    options.model.seed = seed;
    return serve(args, &options);
}

static const struct tr_cli_flag flags[] = {
    {"port", "N", "8000", "port on 127.0.0.1; 0: a free one"},
    {"shards", "N", "1", "open shards that a new stream starts with"},
    {"seed", "N", "1", "of ids, sequence numbers and faults"},
    {"region", "NAME", "us-east-1", "region in ARNs and records"},
    {"account", "ID", "000000000000", "account in ARNs"},
    {"clock-rate", "X", "1", "seconds of the model in one of this host"},
    {"tls-cert", "FILE", NULL, "serve https with this certificate (PEM)"},
    {"tls-key", "FILE", NULL, "and this key"},
    {"check-signatures", "KEY:SECRET", NULL, "verify every request's signature"},
    {NULL, NULL, NULL, NULL},
};

const struct tr_cli_command tr_cli_local_command = {
    .name = "local",
    .summary = "serve a model of DynamoDB and DynamoDB Streams on this host",
    .operands = "",
    .flags = flags,
    .details =
        "Prints `listening on URL` as its first line once it accepts connections. Everything is "
        "in\n"
        "memory and gone when it ends; SIGTERM and SIGINT end it with 0. docs/local.md tells what\n"
        "it does, and how a test splits a shard, trims a stream or makes a call fail.\n",
    .operands_min = 0,
    .operands_max = 0,
    .run = run,
};
