/* SPDX-License-Identifier: Apache-2.0
 *
 * tailrace version: what this binary is. */
#include "cli/cli.h"

static enum tr_cli_exit run(const struct tr_cli_args *args)
{
    struct tr_buf out = {0};
    enum tr_cli_exit code;
    tr_buf_add_str(&out, "tailrace " TR_VERSION "\n");
    code = tr_cli_finish(args, &out);
    tr_buf_deinit(&out);
    return code;
}

const struct tr_cli_command tr_cli_version_command = {
    .name = "version",
    .summary = "print the version",
    .operands = "",
    .run = run,
};
