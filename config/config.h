/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration as the rest of the program sees it: plain values in plain structs, filled from
 * YAML files by the one table of settings (config/settings.h). Loading is strict and reports all
 * errors at once, each with its place; a configuration that loads is complete and consistent. */
#ifndef TR_CONFIG_CONFIG_H
#define TR_CONFIG_CONFIG_H

#include "base/buf.h"
#include "base/log.h"

#define TR_CONFIG_FILE_BYTES_MAX ((size_t)1024 * 1024)
#define TR_CONFIG_FILES_MAX 64
#define TR_CONFIG_DEPTH_MAX 32
#define TR_CONFIG_KEYS_MAX 1000 /* of one mapping, entries of one list */
#define TR_CONFIG_NODES_MAX 50000
#define TR_CONFIG_ERRORS_MAX 100

/* The order of each enum is the order of the words in the table of settings. */
enum tr_config_start { TR_CONFIG_START_TRIM_HORIZON, TR_CONFIG_START_LATEST };
enum tr_config_on_gap { TR_CONFIG_ON_GAP_CONTINUE, TR_CONFIG_ON_GAP_STOP };
enum tr_config_sync { TR_CONFIG_SYNC_NONE, TR_CONFIG_SYNC_BATCH };
enum tr_config_processor { TR_CONFIG_PROCESSOR_FILE };

/* One application. A string that was not given and has no default is NULL. */
struct tr_config_consumer {
    const char *name;
    struct {
        const char *table; /* just one of table and arn is set */
        const char *arn;
        enum tr_config_start start; /* counts while at_timestamp_ms is 0 */
        uint64_t at_timestamp_ms;   /* since 1970; 0: not given */
        enum tr_config_on_gap on_gap;
        struct {
            uint64_t min_ms;
            uint64_t max_ms;
        } poll;
    } stream;
    struct {
        const char *table; /* never NULL */
        uint64_t failover_ms;
    } lease;
    uint64_t parallelism;
    struct {
        uint64_t records;
        uint64_t bytes;
        uint64_t window_ms;
    } batch;
    struct {
        uint64_t interval_ms;
    } checkpoint;
    struct {
        enum tr_config_processor kind;
        struct {
            const char *path; /* "-" is stdout; may hold {shard} */
            enum tr_config_sync sync;
        } file;
    } processor;
};

struct tr_config_store;

struct tr_config {
    struct {
        const char *region; /* or NULL: the profile's or the stream's */
        const char *endpoint;
        const char *profile;
    } aws;
    struct {
        const char *id; /* NULL: made at start */
        uint64_t threads;
        uint64_t memory_bytes;
        uint64_t shutdown_timeout_ms;
    } worker;
    struct {
        const char *listen; /* NULL: no admin server */
    } admin;
    struct {
        enum tr_level level;
        enum tr_log_format format;
    } log;
    struct tr_config_consumer *consumers; /* owned; in the order of the files */
    size_t consumer_count;                /* at least 1 */
    struct tr_config_store *store;        /* owned: all strings, and where each value came from */
};

/* Where a value came from. Strings are the configuration's. */
enum tr_config_origin_kind {
    TR_CONFIG_ORIGIN_DEFAULT,
    TR_CONFIG_ORIGIN_FILE,        /* name, line, column; variables if ${NAME} was replaced in it */
    TR_CONFIG_ORIGIN_ENVIRONMENT, /* name of the variable */
    TR_CONFIG_ORIGIN_FLAG,        /* name of the flag */
};

struct tr_config_origin {
    enum tr_config_origin_kind kind;
    const char *name;
    const char *variables; /* "A, B" or NULL */
    unsigned line;         /* from 1 */
    unsigned column;       /* from 1, in characters */
};

/* All that was wrong, sorted by place. Init with {0}. */
struct tr_config_error {
    char *file; /* owned; NULL: not from a file */
    size_t file_index;
    unsigned line; /* 0: the whole file */
    unsigned column;
    char *text; /* owned; "consumers.orders.batch.records: 0 is not in 1..10000" */
};

struct tr_config_errors {
    struct tr_config_error *items; /* owned */
    size_t count;
    size_t more; /* found, but left out above TR_CONFIG_ERRORS_MAX */
    bool no_memory;
};

/* The environment: a variable's value, or NULL. Owns: borrowed until the next call. */
typedef const char *(*tr_config_getenv_fn)(void *user, const char *name);

/* A value from the command line; it stands above the files. */
struct tr_config_flag {
    const char *flag;  /* "--region" */
    const char *path;  /* "aws.region" */
    const char *value; /* NULL: not given */
};

struct tr_config_options {
    tr_config_getenv_fn getenv; /* NULL: the process's environment */
    void *user;                 /* handed to getenv */
    const struct tr_config_flag *flags;
    size_t flag_count;
    uint64_t cpus; /* default of worker.threads; 0: the CPUs that are online */
};

/* A file's name and content, for those who have it in memory. An absent text (ptr NULL) is a file
 * that could not be read and was reported: nothing is then called missing. */
struct tr_config_source {
    const char *name;
    struct tr_bytes text;
};

/* Read, merge and check files. options may be NULL.
 * Errors:  TR_ECONFIG with all errors in *errors (also for files that cannot be read); TR_ENOMEM.
 * Owns:    *out returned (free with tr_config_free), NULL on any error; *errors is the caller's,
 *          to be freed with tr_config_errors_deinit in every case.
 * Threads: any. */
enum tr_status tr_config_load(const char *const *files, size_t count,
                              const struct tr_config_options *options, struct tr_config **out,
                              struct tr_config_errors *errors) TR_MUST_CHECK;
/* The same from memory. */
enum tr_status tr_config_parse(const struct tr_config_source *sources, size_t count,
                               const struct tr_config_options *options, struct tr_config **out,
                               struct tr_config_errors *errors) TR_MUST_CHECK;
void tr_config_free(struct tr_config *config);

/* Append one line an error: "file:line:column: path: what is wrong". */
void tr_config_errors_print(const struct tr_config_errors *errors, struct tr_buf *out);
void tr_config_errors_deinit(struct tr_config_errors *errors);

/* Where the value at a path ("consumers.orders.batch.records") came from.
 * Errors:  false when there is no such setting. */
bool tr_config_origin(const struct tr_config *config, const char *path,
                      struct tr_config_origin *out);

/* Append the effective settings as YAML that loads again, each with a comment that says where it
 * came from; credentials inside URLs are masked. */
void tr_config_print(const struct tr_config *config, struct tr_buf *out);

/* Append the JSON Schema (draft 2020-12), and docs/configuration.md.
 * Errors:  look at the buffer's status. */
void tr_config_schema(struct tr_buf *out);
void tr_config_reference(struct tr_buf *out);

#endif
