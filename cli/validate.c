/* SPDX-License-Identifier: Apache-2.0
 *
 * tailrace validate: load, say what was found, do nothing. */
#include "cli/cli.h"

static enum tr_cli_exit run(const struct tr_cli_args *args)
{
    struct tr_config *config = NULL;
    struct tr_buf out = {0};
    enum tr_cli_exit code = tr_cli_load(args, &config);
    size_t i;

    if (code != TR_CLI_DONE) {
        return code;
    }
    for (i = 0; i < args->operand_count; i++) {
        tr_buf_printf(&out, "%s%s", i > 0 ? ", " : "", args->operands[i]);
    }
    tr_buf_printf(&out, ": ok (%zu consumer%s:", config->consumer_count,
                  config->consumer_count == 1 ? "" : "s");
    for (i = 0; i < config->consumer_count; i++) {
        tr_buf_printf(&out, "%s %s", i > 0 ? "," : "", config->consumers[i].name);
    }
    tr_buf_add_str(&out, ")\n");
    code = tr_cli_finish(args, &out);
    tr_buf_deinit(&out);
    tr_config_free(config);
    return code;
}

const struct tr_cli_command tr_cli_validate_command = {
    .name = "validate",
    .summary = "check configuration files, without network and credentials",
    .operands = "FILE...",
    .operands_min = 1,
    .operands_max = TR_CONFIG_FILES_MAX,
    .details = "The files are merged and checked as one configuration, as 'run' does it.\n"
               "All errors are printed at once, each with its place:\n"
               "  tailrace.yaml:9:15: consumers.orders.batch.records: 0 is not in 1..10000\n",
    .run = run,
};
