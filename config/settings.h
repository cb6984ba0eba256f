/* SPDX-License-Identifier: Apache-2.0
 *
 * The one table of settings. The parser, the defaults, the ranges, the JSON Schema, the reference
 * page and `tailrace config` are made from it; to add a setting, add a row (and a member in
 * config/config.h). A path is the way through the YAML file; `*` stands for a consumer's name. A
 * default in parentheses is not a value but says what happens. */
#ifndef TR_CONFIG_SETTINGS_H
#define TR_CONFIG_SETTINGS_H

#include "config/config.h"

/* What a value must look like. Range: of the number, or of the text's length in bytes. */
enum tr_setting_type {
    TR_SETTING_TEXT,     /* one line; words: "" or the extra characters allowed with [A-Za-z0-9] */
    TR_SETTING_URL,      /* http:// or https:// */
    TR_SETTING_TABLE,    /* a DynamoDB table's name */
    TR_SETTING_ARN,      /* a DynamoDB stream's ARN */
    TR_SETTING_PATH,     /* a file's path; words: the {placeholders} that it may hold */
    TR_SETTING_COUNT,    /* a whole number */
    TR_SETTING_DURATION, /* ms; "500ms", "10s", "5m", "1h" */
    TR_SETTING_SIZE,     /* bytes; "512B", "64KiB", "256MiB", "1GiB" */
    TR_SETTING_CHOICE,   /* words: "one|two" */
    TR_SETTING_BOOL,     /* true or false */
    TR_SETTING_TIME,     /* RFC 3339 */
    TR_SETTING_LISTEN,   /* "127.0.0.1:9464"; see config/listen.h */
    TR_SETTING_LIST,     /* a list; words: what one entry is, "text" or "mapping" */
};

/* NOW: as it stands. ONLY: nothing but the default is available yet. LATER: not available yet;
 * known so that a typo in it is told as one, and refused in every case. */
enum tr_setting_available { TR_SETTING_NOW, TR_SETTING_ONLY, TR_SETTING_LATER };

#define TR_SECOND_MS 1000ull
#define TR_MINUTE_MS (60 * TR_SECOND_MS)
#define TR_HOUR_MS (60 * TR_MINUTE_MS)
#define TR_KIB 1024ull
#define TR_MIB (1024 * TR_KIB)
#define TR_GIB (1024 * TR_MIB)

/* ROOT, CONSUMER: path, member, type, low, high, words, default, available, doc
 * LATER: path, type, low, high, words, doc
 * The names of environment variables that stand in for an absent setting are in
 * tr_setting_variables. */
#define TR_SETTING_TABLE(ROOT, CONSUMER, LATER)                                                    \
    ROOT("aws.region", aws.region, TEXT, 1, 64, "-",                                               \
         "(`AWS_REGION`, else `AWS_DEFAULT_REGION`, else the profile's region, else the stream "   \
         "ARN's)",                                                                                 \
         NOW, "Region whose services are called.")                                                 \
    ROOT("aws.endpoint", aws.endpoint, URL, 8, 1024, "",                                           \
         "(`AWS_ENDPOINT_URL_DYNAMODB` and `AWS_ENDPOINT_URL_DYNAMODB_STREAMS`, else "             \
         "`AWS_ENDPOINT_URL`, else the region's own)",                                             \
         NOW, "Where DynamoDB and DynamoDB Streams are found, for example DynamoDB Local.")        \
    ROOT("aws.profile", aws.profile, TEXT, 1, 128, "-_.@+=,:/ ",                                   \
         "(`AWS_PROFILE`, else `default`)", NOW,                                                   \
         "Profile of the AWS configuration files that gives credentials.")                         \
    ROOT("worker.id", worker.id, TEXT, 1, 128, "-_.:/@", "(made new at every start)", NOW,         \
         "Exact worker id in lease rows, for tests; two processes must never share one.")          \
    ROOT("worker.threads", worker.threads, COUNT, 1, 256, "", "(the CPUs that are online)", NOW,   \
         "Threads that process records.")                                                          \
    ROOT("worker.memory", worker.memory_bytes, SIZE, 8 * TR_MIB, 1024 * TR_GIB, "", "256MiB", NOW, \
         "Pages fetched and not yet processed, all consumers together; fetching pauses above it.") \
    ROOT("worker.shutdown_timeout", worker.shutdown_timeout_ms, DURATION, TR_SECOND_MS,            \
         15 * TR_MINUTE_MS, "", "20s", NOW,                                                        \
         "Time that a shutdown waits for batches in hand, checkpoints and releases.")              \
    CONSUMER("consumers.*.stream.table", stream.table, TABLE, 3, 255, "",                          \
             "(one of `table` and `arn` is required)", NOW,                                        \
             "Table whose newest stream is followed.")                                             \
    CONSUMER("consumers.*.stream.arn", stream.arn, ARN, 1, 1024, "",                               \
             "(one of `table` and `arn` is required)", NOW, "One stream, by its ARN.")             \
    CONSUMER(                                                                                      \
        "consumers.*.stream.start", stream.start, CHOICE, 0, 0, "trim_horizon|latest",             \
        "trim_horizon", NOW,                                                                       \
        "Where the fleet's first start begins: at the oldest record, or with what is written "     \
        "from then on; or `{at_timestamp: TIME}`. Later starts go on where the fleet was.")        \
    CONSUMER("consumers.*.stream.start.at_timestamp", stream.at_timestamp_ms, TIME, 0, 0, "",      \
             "(not given: the word at `start` counts)", NOW,                                       \
             "The fleet's first start begins with records of this time, which must not lie in "    \
             "the future then.")                                                                   \
    CONSUMER("consumers.*.stream.on_gap", stream.on_gap, CHOICE, 0, 0, "continue|stop",            \
             "continue", NOW,                                                                      \
             "What to do when records were trimmed before they were read: report it and go on, "   \
             "or report it and leave that shard as it is.")                                        \
    CONSUMER("consumers.*.stream.poll.min", stream.poll.min_ms, DURATION, 10, TR_MINUTE_MS, "",    \
             "250ms", NOW, "Pause between reads of a shard while records come.")                   \
    CONSUMER("consumers.*.stream.poll.max", stream.poll.max_ms, DURATION, 10, TR_MINUTE_MS, "",    \
             "2s", NOW, "Pause between reads of an idle shard, reached step by step.")             \
    CONSUMER("consumers.*.lease.table", lease.table, TABLE, 3, 255, "", "(the consumer's name)",   \
             NOW, "Table that holds the leases; made when it is missing.")                         \
    CONSUMER("consumers.*.lease.failover", lease.failover_ms, DURATION, TR_SECOND_MS,              \
             10 * TR_MINUTE_MS, "", "10s", NOW,                                                    \
             "Time without a sign of life after which another worker takes a lease; the same for " \
             "the whole fleet.")                                                                   \
    CONSUMER("consumers.*.parallelism", parallelism, COUNT, 1, 64, "", "1", ONLY,                  \
             "Lanes a shard; records of one item stay in order.")                                  \
    CONSUMER("consumers.*.batch.records", batch.records, COUNT, 1, 10000, "", "100", NOW,          \
             "Most records in one call of the processor.")                                         \
    CONSUMER("consumers.*.batch.bytes", batch.bytes, SIZE, TR_KIB, 64 * TR_MIB, "", "6MiB", NOW,   \
             "Most bytes in one call of the processor; a bigger record goes alone.")               \
    CONSUMER("consumers.*.batch.window", batch.window_ms, DURATION, 0, 5 * TR_MINUTE_MS, "", "0s", \
             ONLY, "Time to wait for a batch to fill.")                                            \
    CONSUMER("consumers.*.checkpoint.interval", checkpoint.interval_ms, DURATION, 100,             \
             5 * TR_MINUTE_MS, "", "5s", NOW,                                                      \
             "Longest time from a record's being done to its checkpoint.")                         \
    LATER("consumers.*.filter", LIST, 0, 0, "mapping",                                             \
          "EventBridge patterns; a record that matches none of them is passed over.")              \
    CONSUMER("consumers.*.processor.file.path", processor.file.path, PATH, 1, 4096, "{shard}",     \
             "(required)", NOW,                                                                    \
             "File to which records are appended, one a line; `-` is stdout, `{shard}` becomes "   \
             "the shard's id.")                                                                    \
    CONSUMER("consumers.*.processor.file.sync", processor.file.sync, CHOICE, 0, 0, "none|batch",   \
             "none", NOW, "Whether the file is synced to its disk before a batch counts as done.") \
    LATER("consumers.*.processor.http.url", URL, 8, 1024, "",                                      \
          "Address that gets each batch as a Lambda event.")                                       \
    LATER("consumers.*.processor.exec.command", LIST, 0, 0, "text",                                \
          "Program and arguments of a child process that gets the records.")                       \
    LATER("consumers.*.processor.plugin.path", PATH, 1, 4096, "",                                  \
          "Shared object with the C interface.")                                                   \
    LATER("consumers.*.on_error.attempts", COUNT, 1, 10000, "",                                    \
          "Attempts at a batch before it is split or given up.")                                   \
    LATER("consumers.*.on_error.bisect", BOOL, 0, 0, "",                                           \
          "Whether a batch that fails is halved to find the record at fault.")                     \
    LATER("consumers.*.on_error.max_age", DURATION, TR_SECOND_MS, 24 * TR_HOUR_MS, "",             \
          "Age above which a record that failed once goes to the destination.")                    \
    LATER("consumers.*.on_error.backoff", DURATION, 1, TR_HOUR_MS, "",                             \
          "First pause between attempts; it grows.")                                               \
    LATER("consumers.*.on_error.timeout", DURATION, 1, 24 * TR_HOUR_MS, "",                        \
          "Time after which one call of the processor has failed.")                                \
    LATER("consumers.*.on_error.destination.file.path", PATH, 1, 4096, "",                         \
          "File that gets records which the processor could not handle.")                          \
    ROOT("admin.listen", admin.listen, LISTEN, 2, 64, "", "(no admin server)", NOW,                \
         "Address and port of the admin server (docs/metrics.md): an IPv4 address, an IPv6 "       \
         "address in brackets, `localhost`, or nothing for all addresses, then `:PORT`; port 0 "   \
         "lets the system choose.")                                                                \
    ROOT("log.level", log.level, CHOICE, 0, 0, "debug|info|warn|error", "info", NOW,               \
         "Least important lines that are logged.")                                                 \
    ROOT("log.format", log.format, CHOICE, 0, 0, "auto|logfmt|json", "auto", NOW,                  \
         "How lines are written; `auto` is logfmt on a terminal and JSON otherwise.")

/* Where a setting's value lives. */
enum tr_setting_scope { TR_SETTING_ROOT, TR_SETTING_CONSUMER, TR_SETTING_NOWHERE };

struct tr_setting {
    const char *path;
    enum tr_setting_scope scope;
    enum tr_setting_type type;
    enum tr_setting_available available;
    uint64_t low;
    uint64_t high;
    const char *words;
    const char *default_text;
    const char *doc;
    size_t offset; /* of the member in struct tr_config or tr_config_consumer */
};

#define TR_SETTING_ONE_ROOT(...) +1
#define TR_SETTING_ONE_LATER(...) +1
enum {
    TR_SETTING_COUNT_ALL =
        0 TR_SETTING_TABLE(TR_SETTING_ONE_ROOT, TR_SETTING_ONE_ROOT, TR_SETTING_ONE_LATER)
};

extern const struct tr_setting tr_settings[TR_SETTING_COUNT_ALL];

/* The setting at a path, or NULL. A path is one of the table's ("consumers.*.batch.records"). */
const struct tr_setting *tr_setting_find(struct tr_bytes path);
/* Whether settings lie below the path ("consumers.*.batch"; "" is the top). */
bool tr_setting_is_section(struct tr_bytes path);
/* Whether the path is a setting or a section, and all of it comes later. */
bool tr_setting_is_later(struct tr_bytes path);
/* Walk the names directly below a section, in the table's order, each once: start with *at = 0.
 * Owns:    a view of static text; absent at the end. */
struct tr_bytes tr_setting_child(struct tr_bytes section, size_t *at);
/* The rest of a path below a section: its first name; absent if it does not lie below. */
struct tr_bytes tr_setting_below(const struct tr_setting *setting, struct tr_bytes section);
/* Variables that stand in for an absent setting, best first; ends with NULL; NULL: none. */
const char *const *tr_setting_variables(const struct tr_setting *setting);
/* Whether the default is a value (and not a sentence about what happens). */
bool tr_setting_has_default(const struct tr_setting *setting);
/* Append the default, or the sentence that stands for it, as plain text (without Markdown). */
void tr_setting_add_otherwise(struct tr_buf *out, const struct tr_setting *setting);

#endif
