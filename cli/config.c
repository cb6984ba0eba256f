/* SPDX-License-Identifier: Apache-2.0
 *
 * tailrace config: the effective settings and where each came from; or the schema. */
#include "cli/cli.h"

static enum tr_cli_exit print_schema(const struct tr_cli_args *args)
{
    struct tr_buf out = {0};
    enum tr_cli_exit code;
    tr_config_schema(&out);
    code = tr_cli_finish(args, &out);
    tr_buf_deinit(&out);
    return code;
}

static enum tr_cli_exit run(const struct tr_cli_args *args)
{
    struct tr_config *config = NULL;
    struct tr_buf out = {0};
    enum tr_cli_exit code;

    if (tr_cli_switch(args, "schema") == (args->operand_count > 0)) {
        return tr_cli_say(args, TR_CLI_USAGE, "expected either FILE... or --schema");
    }
    if (tr_cli_switch(args, "schema")) {
        return print_schema(args);
    }
    code = tr_cli_load(args, &config);
    if (code != TR_CLI_DONE) {
        return code;
    }
    tr_config_print(config, &out);
    code = tr_cli_finish(args, &out);
    tr_buf_deinit(&out);
    tr_config_free(config);
    return code;
}

static const struct tr_cli_flag flags[] = {
    {"schema", NULL, NULL, "print the JSON Schema of configuration files instead"},
    {NULL, NULL, NULL, NULL},
};

const struct tr_cli_command tr_cli_config_command = {
    .name = "config",
    .summary = "print the effective settings and where each came from",
    .operands = "[FILE...]",
    .operands_max = TR_CONFIG_FILES_MAX,
    .flags = flags,
    .aws = true,
    .details = "The output is YAML that loads again; credentials inside URLs are masked.\n"
               "Needs no network and no credentials.\n",
    .run = run,
};
