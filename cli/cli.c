/* SPDX-License-Identifier: Apache-2.0
 *
 * From argv to a command: which one, its flags and operands, help, and the hints for what was
 * mistyped. */
#include "cli/cli.h"

#include "base/err.h"
#include "config/hint.h"
#include "config/text.h"

#define TR_CLI_ROW(name) &tr_cli_##name##_command,
const struct tr_cli_command *const tr_cli_commands[] = {TR_CLI_COMMAND_TABLE(TR_CLI_ROW) NULL};
#undef TR_CLI_ROW

const struct tr_cli_flag tr_cli_aws_flags[] = {
    {"endpoint", "URL", NULL, "where DynamoDB and DynamoDB Streams are found"},
    {"region", "NAME", NULL, "region whose services are called"},
    {NULL, NULL, NULL, NULL},
};

static const struct tr_cli_flag help_flag = {"help", NULL, NULL, "print this help"};

static const struct tr_cli_command *find_command(const char *name)
{
    size_t i;
    for (i = 0; tr_cli_commands[i] != NULL; i++) {
        if (strcmp(tr_cli_commands[i]->name, name) == 0) {
            return tr_cli_commands[i];
        }
    }
    return NULL;
}

/* The index-th flag that a command takes: its own, the shared ones, --help; NULL at the end. */
const struct tr_cli_flag *tr_cli_flag_at(const struct tr_cli_command *command, size_t index)
{
    const struct tr_cli_flag *const tables[] = {command->flags,
                                                command->aws ? tr_cli_aws_flags : NULL};
    size_t i;
    for (i = 0; i < 2; i++) {
        const struct tr_cli_flag *flag = tables[i];
        for (; flag != NULL && flag->name != NULL; flag++) {
            if (index-- == 0) {
                return flag;
            }
        }
    }
    return index == 0 ? &help_flag : NULL;
}

static const struct tr_cli_flag *find_flag(const struct tr_cli_command *command,
                                           struct tr_bytes name)
{
    const struct tr_cli_flag *flag;
    size_t i = 0;
    while ((flag = tr_cli_flag_at(command, i++)) != NULL && !tr_bytes_is(name, flag->name)) {
    }
    return flag;
}

static enum tr_status unknown_flag(const struct tr_cli_command *command, const char *argument,
                                   struct tr_bytes name, struct tr_err *err)
{
    const struct tr_cli_flag *flag;
    struct tr_hint hint;
    size_t i = 0;

    tr_hint_init(&hint, name);
    while ((flag = tr_cli_flag_at(command, i++)) != NULL) {
        tr_hint_offer(&hint, tr_bytes_of(flag->name));
    }
    if (hint.best.ptr != NULL) {
        return tr_fail(err, TR_EUSAGE, "unknown flag '%s' (did you mean '--%.*s'?)", argument,
                       TR_FMT(hint.best));
    }
    return tr_fail(err, TR_EUSAGE, "unknown flag '%s'", argument);
}

static enum tr_status store_flag(struct tr_cli_args *args, const struct tr_cli_flag *flag,
                                 const char *value, struct tr_err *err)
{
    size_t i;
    for (i = 0; i < args->given_count; i++) {
        if (args->given[i].flag == flag) {
            return tr_fail(err, TR_EUSAGE, "'--%s' is given twice", flag->name);
        }
    }
    if (args->given_count == TR_CLI_FLAGS_MAX) {
        return tr_fail(err, TR_EUSAGE, "too many flags (limit %d)", TR_CLI_FLAGS_MAX);
    }
    args->given[args->given_count].flag = flag;
    args->given[args->given_count++].value = value;
    return TR_OK;
}

/* One flag; *at is its index in argv and moves on if the value is the next argument. */
static enum tr_status parse_flag(struct tr_cli_args *args, size_t argc, char *const *argv,
                                 size_t *at, struct tr_err *err)
{
    const char *argument = argv[*at];
    const char *equals = strchr(argument, '=');
    struct tr_bytes name = {argument + 2, equals != NULL ? (size_t)(equals - argument) - 2
                                                         : strlen(argument + 2)};
    const struct tr_cli_flag *flag = find_flag(args->command, name);

    if (flag == NULL) {
        return unknown_flag(args->command, argument, name, err);
    }
    if (flag->value == NULL) {
        if (equals != NULL) {
            return tr_fail(err, TR_EUSAGE, "'--%s' takes no value", flag->name);
        }
        return store_flag(args, flag, NULL, err);
    }
    if (equals != NULL) {
        return store_flag(args, flag, equals + 1, err);
    }
    if (*at + 1 == argc) {
        return tr_fail(err, TR_EUSAGE, "'--%s' needs a value: --%s %s", flag->name, flag->name,
                       flag->value);
    }
    return store_flag(args, flag, argv[++*at], err);
}

static enum tr_status check_operands(const struct tr_cli_args *args, struct tr_err *err)
{
    const struct tr_cli_command *command = args->command;
    if (tr_cli_switch(args, "help")) {
        return TR_OK;
    }
    if (args->operand_count < command->operands_min) {
        return tr_fail(err, TR_EUSAGE, "expected %s", command->operands);
    }
    if (args->operand_count > command->operands_max) {
        return tr_fail(err, TR_EUSAGE, "unexpected argument '%s'",
                       args->operands[command->operands_max]);
    }
    return TR_OK;
}

enum tr_status tr_cli_parse(const struct tr_cli_command *command, size_t argc, char *const *argv,
                            struct tr_cli_args *args, struct tr_err *err)
{
    bool flags = true;
    size_t i;

    *args = (struct tr_cli_args){.command = command};
    for (i = 0; i < argc; i++) {
        const char *argument = argv[i];
        enum tr_status status = TR_OK;
        if (flags && strcmp(argument, "--") == 0) {
            flags = false;
        } else if (flags && strcmp(argument, "-h") == 0) {
            status = store_flag(args, &help_flag, NULL, err);
        } else if (flags && strncmp(argument, "--", 2) == 0) {
            status = parse_flag(args, argc, argv, &i, err);
        } else if (flags && argument[0] == '-' && argument[1] != '\0') {
            status = unknown_flag(command, argument, tr_bytes_of(argument + 1), err);
        } else if (args->operand_count == TR_CLI_OPERANDS_MAX) {
            status = tr_fail(err, TR_EUSAGE, "too many arguments (limit %d)", TR_CLI_OPERANDS_MAX);
        } else {
            args->operands[args->operand_count++] = argument;
        }
        if (status != TR_OK) {
            return status;
        }
    }
    return check_operands(args, err);
}

void tr_cli_help(struct tr_buf *out)
{
    size_t i;
    tr_buf_add_str(out, "usage: tailrace COMMAND [FLAG...] [ARGUMENT...]\n\n"
                        "A fleet consumer for DynamoDB Streams.\n\n");
    for (i = 0; tr_cli_commands[i] != NULL; i++) {
        tr_buf_printf(out, "  %-10s %s\n", tr_cli_commands[i]->name, tr_cli_commands[i]->summary);
    }
    tr_buf_add_str(out, "\n'tailrace help COMMAND' and 'tailrace COMMAND --help' say more.\n"
                        "Exit codes: 0 done, 1 failed, 2 bad usage or configuration.\n");
}

static void add_flag_help(struct tr_buf *out, const struct tr_cli_flag *flag)
{
    char left[64];
    (void)snprintf(left, sizeof left, "--%s%s%s", flag->name, flag->value != NULL ? " " : "",
                   flag->value != NULL ? flag->value : "");
    tr_buf_printf(out, "  %-22s %s", left, flag->doc);
    if (flag->default_text != NULL) {
        tr_buf_printf(out, " (default %s)", flag->default_text);
    }
    tr_buf_add_char(out, '\n');
}

void tr_cli_command_help(const struct tr_cli_command *command, struct tr_buf *out)
{
    const struct tr_cli_flag *flag;
    size_t i = 0;
    tr_buf_printf(out, "usage: tailrace %s [FLAG...]%s%s\n\n%s\n\n", command->name,
                  command->operands[0] != '\0' ? " " : "", command->operands, command->summary);
    while ((flag = tr_cli_flag_at(command, i++)) != NULL) {
        add_flag_help(out, flag);
    }
    if (command->details != NULL) {
        tr_buf_printf(out, "\n%s", command->details);
    }
}

/* Help goes to stdout: somebody asked for it. */
static enum tr_cli_exit print_help(const struct tr_cli_command *command)
{
    struct tr_buf out = {0};
    enum tr_cli_exit code;
    if (command != NULL) {
        tr_cli_command_help(command, &out);
    } else {
        tr_cli_help(&out);
    }
    code = tr_cli_finish(NULL, &out);
    tr_buf_deinit(&out);
    return code;
}

static enum tr_cli_exit unknown_command(const char *name)
{
    struct tr_hint hint;
    char quoted[TR_QUOTE_BYTES];
    size_t i;

    tr_hint_init(&hint, tr_bytes_of(name));
    for (i = 0; tr_cli_commands[i] != NULL; i++) {
        tr_hint_offer(&hint, tr_bytes_of(tr_cli_commands[i]->name));
    }
    (void)tr_text_quote(tr_bytes_of(name), quoted);
    if (hint.best.ptr != NULL) {
        return tr_cli_say(NULL, TR_CLI_USAGE, "unknown command %s (did you mean '%.*s'?)", quoted,
                          TR_FMT(hint.best));
    }
    return tr_cli_say(NULL, TR_CLI_USAGE, "unknown command %s ('tailrace help' lists them)",
                      quoted);
}

/* tailrace help [COMMAND] */
static enum tr_cli_exit help_command(size_t argc, char *const *argv)
{
    const struct tr_cli_command *command;
    if (argc > 1) {
        return tr_cli_say(NULL, TR_CLI_USAGE, "unexpected argument '%s'", argv[1]);
    }
    if (argc == 0 || strcmp(argv[0], "help") == 0) {
        return print_help(NULL);
    }
    command = find_command(argv[0]);
    return command != NULL ? print_help(command) : unknown_command(argv[0]);
}

static enum tr_cli_exit run_command(const struct tr_cli_command *command, size_t argc,
                                    char *const *argv)
{
    struct tr_cli_args args;
    struct tr_err err = {{0}};

    if (tr_cli_parse(command, argc, argv, &args, &err) != TR_OK) {
        return tr_cli_say(&args, TR_CLI_USAGE, "%s ('tailrace %s --help' says more)", err.text,
                          command->name);
    }
    return tr_cli_switch(&args, "help") ? print_help(command) : command->run(&args);
}

enum tr_cli_exit tr_cli_main(int argc, char *const *argv)
{
    const struct tr_cli_command *command;
    const char *name;
    size_t rest = argc > 2 ? (size_t)argc - 2 : 0;

    if (argc < 2) {
        struct tr_buf out = {0};
        tr_cli_help(&out);
        (void)fputs(out.ptr != NULL ? out.ptr : "", stderr);
        tr_buf_deinit(&out);
        return TR_CLI_USAGE;
    }
    name = argv[1];
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        return help_command(rest, argv + 2);
    }
    if (strcmp(name, "--version") == 0) {
        name = "version";
    }
    if (name[0] == '-') {
        return tr_cli_say(NULL, TR_CLI_USAGE, "flags stand behind the command: '%s'", name);
    }
    command = find_command(name);
    return command != NULL ? run_command(command, rest, argv + 2) : unknown_command(name);
}
