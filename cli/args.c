/* SPDX-License-Identifier: Apache-2.0
 *
 * What commands do with their arguments: typed values of flags, the configuration that the operands
 * name, and writing to stdout and stderr. */
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/err.h"
#include "config/value.h"

/* What stands for a flag: what the user gave, else its row's default. */
struct found {
    bool given;
    const char *text;
};

static bool in_table(const struct tr_cli_flag *flag, const char *name, struct found *found)
{
    for (; flag != NULL && flag->name != NULL; flag++) {
        if (strcmp(flag->name, name) == 0) {
            found->text = flag->default_text;
            return true;
        }
    }
    return false;
}

static struct found find(const struct tr_cli_args *args, const char *name)
{
    struct found found = {false, NULL};
    size_t i;
    for (i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].flag->name, name) == 0) {
            return (struct found){true, args->given[i].value};
        }
    }
    TR_ASSERT(in_table(args->command->flags, name, &found) ||
              (args->command->aws && in_table(tr_cli_aws_flags, name, &found)) ||
              strcmp(name, "help") == 0);
    return found;
}

bool tr_cli_switch(const struct tr_cli_args *args, const char *name)
{
    return find(args, name).given;
}

const char *tr_cli_string(const struct tr_cli_args *args, const char *name)
{
    return find(args, name).text;
}

/* Report a value that could not be read; true if it could. */
static bool judge(const struct tr_cli_args *args, const char *name, enum tr_status status,
                  const struct tr_err *err)
{
    if (status != TR_OK) {
        (void)tr_cli_say(args, TR_CLI_USAGE, "--%s: %s", name, err->text);
    }
    return status == TR_OK;
}

bool tr_cli_u64(const struct tr_cli_args *args, const char *name, uint64_t min, uint64_t max,
                uint64_t *out)
{
    const char *text = tr_cli_string(args, name);
    struct tr_err err = {{0}};
    return text == NULL ||
           judge(args, name, tr_config_value_count(tr_bytes_of(text), min, max, out, &err), &err);
}

bool tr_cli_duration_ms(const struct tr_cli_args *args, const char *name, uint64_t min_ms,
                        uint64_t max_ms, uint64_t *out)
{
    const char *text = tr_cli_string(args, name);
    struct tr_err err = {{0}};
    return text == NULL ||
           judge(args, name, tr_config_value_duration(tr_bytes_of(text), min_ms, max_ms, out, &err),
                 &err);
}

bool tr_cli_size(const struct tr_cli_args *args, const char *name, uint64_t min, uint64_t max,
                 uint64_t *out)
{
    const char *text = tr_cli_string(args, name);
    struct tr_err err = {{0}};
    return text == NULL ||
           judge(args, name, tr_config_value_size(tr_bytes_of(text), min, max, out, &err), &err);
}

bool tr_cli_choice(const struct tr_cli_args *args, const char *name, const char *choices,
                   unsigned *out)
{
    const char *text = tr_cli_string(args, name);
    struct tr_err err = {{0}};
    uint64_t index = *out;
    if (text == NULL) {
        return true;
    }
    if (!judge(args, name, tr_config_value_choice(tr_bytes_of(text), choices, &index, &err),
               &err)) {
        return false;
    }
    *out = (unsigned)index;
    return true;
}

/* All errors, to stderr in one piece. */
static void print_errors(const struct tr_config_errors *errors)
{
    struct tr_buf out = {0};
    tr_config_errors_print(errors, &out);
    (void)fputs(out.ptr != NULL ? out.ptr : "out of memory\n", stderr);
    tr_buf_deinit(&out);
}

enum tr_cli_exit tr_cli_load(const struct tr_cli_args *args, struct tr_config **out)
{
    const struct tr_config_flag flags[] = {
        {"--endpoint", "aws.endpoint", args->command->aws ? tr_cli_string(args, "endpoint") : NULL},
        {"--region", "aws.region", args->command->aws ? tr_cli_string(args, "region") : NULL},
    };
    const struct tr_config_options options = {.flags = flags, .flag_count = 2};
    struct tr_config_errors errors = {0};
    enum tr_status status =
        tr_config_load(args->operands, args->operand_count, &options, out, &errors);

    if (status != TR_OK) {
        print_errors(&errors);
    }
    if (status == TR_ENOMEM) {
        (void)tr_cli_say(args, TR_CLI_FAILED, "out of memory");
    }
    tr_config_errors_deinit(&errors);
    return status == TR_OK ? TR_CLI_DONE : status == TR_ENOMEM ? TR_CLI_FAILED : TR_CLI_USAGE;
}

enum tr_status tr_cli_write(struct tr_bytes bytes, struct tr_err *err)
{
    char why[128];
    while (bytes.len > 0) {
        ssize_t wrote = write(STDOUT_FILENO, bytes.ptr, bytes.len);
        if (wrote >= 0) {
            bytes.ptr += wrote;
            bytes.len -= (size_t)wrote;
        } else if (errno == EAGAIN) {
            struct pollfd waiting = {.fd = STDOUT_FILENO, .events = POLLOUT};
            (void)poll(&waiting, 1, -1);
        } else if (errno == EPIPE) {
            return tr_fail(err, TR_ECLOSED, "stdout: nobody reads any more");
        } else if (errno != EINTR) {
            return tr_fail(err, TR_EIO, "stdout: %s", tr_errno_text(errno, why, sizeof why));
        }
    }
    return TR_OK;
}

enum tr_cli_exit tr_cli_finish(const struct tr_cli_args *args, const struct tr_buf *buf)
{
    struct tr_err err = {{0}};
    enum tr_status status = tr_buf_status(buf);
    if (status != TR_OK) {
        return tr_cli_say(args, TR_CLI_FAILED, "out of memory");
    }
    status = tr_cli_write(tr_buf_bytes(buf), &err);
    if (status == TR_OK || status == TR_ECLOSED) {
        return TR_CLI_DONE;
    }
    return tr_cli_say(args, TR_CLI_FAILED, "%s", err.text);
}

enum tr_cli_exit tr_cli_say(const struct tr_cli_args *args, enum tr_cli_exit code, const char *fmt,
                            ...)
{
    struct tr_err message;
    va_list list;
    va_start(list, fmt);
    (void)vsnprintf(message.text, sizeof message.text, fmt, list);
    va_end(list);
    (void)fprintf(stderr, "tailrace%s%s: %s\n", args != NULL ? " " : "",
                  args != NULL ? args->command->name : "", message.text);
    return code;
}
