/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: one table of commands, each with its table of flags. Parsing, --help and the
 * man pages are made from them. A command lives in a file of its own (cli/NAME.c) and enters the
 * program by one line in TR_CLI_COMMAND_TABLE. */
#ifndef TR_CLI_CLI_H
#define TR_CLI_CLI_H

#include "base/buf.h"
#include "config/config.h"

/* Every command, in the order of the help: cli/NAME.c defines tr_cli_NAME_command. */
#define TR_CLI_COMMAND_TABLE(X)                                                                    \
    X(run)                                                                                         \
    X(validate)                                                                                    \
    X(config)                                                                                      \
    X(leases)                                                                                      \
    X(tail)                                                                                        \
    X(local)                                                                                       \
    X(feed)                                                                                        \
    X(demo)                                                                                        \
    X(version)

#define TR_CLI_OPERANDS_MAX 64
#define TR_CLI_FLAGS_MAX 32

enum tr_cli_exit {
    TR_CLI_DONE = 0,
    TR_CLI_FAILED = 1,
    TR_CLI_USAGE = 2, /* bad usage or configuration */
};

/* A flag; a table of them ends with a row whose name is NULL. */
struct tr_cli_flag {
    const char *name;         /* without the dashes: "endpoint" */
    const char *value;        /* "URL"; NULL: a switch, which takes no value */
    const char *default_text; /* what the getters give when the flag is absent; NULL: nothing */
    const char *doc;          /* one sentence, lower case, no full stop */
};

struct tr_cli_args;

struct tr_cli_command {
    const char *name;
    const char *summary;             /* a few words for the list of commands */
    const char *operands;            /* "FILE...", "TABLE|ARN", "" */
    const struct tr_cli_flag *flags; /* NULL: none */
    const char *details;             /* paragraphs behind the flags of --help; NULL: none */
    size_t operands_min;
    size_t operands_max;
    bool aws; /* takes the shared flags of commands that talk to AWS, tr_cli_aws_flags */
    enum tr_cli_exit (*run)(const struct tr_cli_args *args);
};

/* What the user gave. Strings are argv's. */
struct tr_cli_args {
    const struct tr_cli_command *command;
    const char *operands[TR_CLI_OPERANDS_MAX];
    size_t operand_count;
    struct {
        const struct tr_cli_flag *flag;
        const char *value; /* NULL: a switch */
    } given[TR_CLI_FLAGS_MAX];
    size_t given_count;
};

#define TR_CLI_DECLARE(name) extern const struct tr_cli_command tr_cli_##name##_command;
TR_CLI_COMMAND_TABLE(TR_CLI_DECLARE)
#undef TR_CLI_DECLARE

/* --endpoint URL, --region NAME. */
extern const struct tr_cli_flag tr_cli_aws_flags[];

/* All commands; ends with NULL. */
extern const struct tr_cli_command *const tr_cli_commands[];

/* Parse and run: all of main but the signals. Threads: main. */
enum tr_cli_exit tr_cli_main(int argc, char *const *argv);

/* Parse a command's own arguments (argv behind the command's name).
 * Errors:  TR_EUSAGE with a message for people (err), nothing printed. */
enum tr_status tr_cli_parse(const struct tr_cli_command *command, size_t argc, char *const *argv,
                            struct tr_cli_args *args, struct tr_err *err) TR_MUST_CHECK;

/* A command's flags one by one, the shared ones and --help behind its own; NULL behind the last. */
const struct tr_cli_flag *tr_cli_flag_at(const struct tr_cli_command *command, size_t index);

/* Append the help of the program, and of one command. */
void tr_cli_help(struct tr_buf *out);
void tr_cli_command_help(const struct tr_cli_command *command, struct tr_buf *out);

/* Whether a switch was given. The name must be in the command's table, here and below. */
bool tr_cli_switch(const struct tr_cli_args *args, const char *name);
/* A flag's value, else its default, else NULL. */
const char *tr_cli_string(const struct tr_cli_args *args, const char *name);
/* Typed: *out stays as it was when the flag is absent and has no default.
 * Errors:  false after a message on stderr: the command returns TR_CLI_USAGE. */
bool tr_cli_u64(const struct tr_cli_args *args, const char *name, uint64_t min, uint64_t max,
                uint64_t *out) TR_MUST_CHECK;
bool tr_cli_duration_ms(const struct tr_cli_args *args, const char *name, uint64_t min_ms,
                        uint64_t max_ms, uint64_t *out) TR_MUST_CHECK;
bool tr_cli_size(const struct tr_cli_args *args, const char *name, uint64_t min, uint64_t max,
                 uint64_t *out) TR_MUST_CHECK;
/* One of "a|b|c"; *out is the index of the word. */
bool tr_cli_choice(const struct tr_cli_args *args, const char *name, const char *choices,
                   unsigned *out) TR_MUST_CHECK;

/* Load the operands as configuration files, --endpoint and --region (where the command has them)
 * above them; errors are printed.
 * Errors:  TR_CLI_USAGE for a bad configuration, TR_CLI_FAILED without memory.
 * Owns:    *out returned (free with tr_config_free), NULL unless TR_CLI_DONE. */
enum tr_cli_exit tr_cli_load(const struct tr_cli_args *args, struct tr_config **out) TR_MUST_CHECK;

/* Write all of it to stdout, now; data goes nowhere else.
 * Errors:  TR_ECLOSED when nobody reads any more (EPIPE: the caller ends quietly with
 *          TR_CLI_DONE), TR_EIO for everything else.
 * Threads: one at a time. */
enum tr_status tr_cli_write(struct tr_bytes bytes, struct tr_err *err) TR_MUST_CHECK;
/* The same for a command that ends with it: a buffer's content, then the exit code. */
enum tr_cli_exit tr_cli_finish(const struct tr_cli_args *args, const struct tr_buf *buf);
/* "tailrace NAME: message" on stderr; returns the code. */
enum tr_cli_exit tr_cli_say(const struct tr_cli_args *args, enum tr_cli_exit code, const char *fmt,
                            ...) TR_PRINTF(3, 4);

#endif
