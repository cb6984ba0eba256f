/* SPDX-License-Identifier: Apache-2.0
 *
 * tailrace leases: what stands in the lease tables of a configuration's consumers. It only reads;
 * who works there does not notice. */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "cli/cli.h"
#include "cli/lease_list.h"
#include "cli/sync.h"

#include <poll.h>

#define OUTPUTS "table|wide|json"
#define OUTPUT_WIDE 1u
#define OUTPUT_JSON 2u
#define WATCH_MAX_MS (10u * 60u * 1000u)

struct leases {
    const struct tr_cli_args *args; /* behind the verb */
    struct tr_config *config;       /* owned */
    struct tr_aws *aws;             /* owned */
    uint64_t watch_ms;
    unsigned output; /* an index into OUTPUTS */
    struct tr_err err;
};

static enum tr_status scan(struct leases *leases, const char *table, struct tr_lease_list *list)
{
    struct tr_bytes from = {NULL, 0};
    enum tr_status status;
    do {
        struct tr_buf body = {0};
        struct tr_aws_answer answer;
        tr_lease_encode_scan(&body, tr_bytes_of(table), true, from);
        status = tr_cli_call(leases->aws, TR_AWS_DYNAMODB, "Scan", &body, &answer, &leases->err);
        if (status != TR_OK) {
            tr_buf_deinit(&answer.body);
            break;
        }
        status = tr_lease_list_add_page(list, &answer.body, &from, &leases->err);
    } while (status == TR_OK && from.len > 0);
    tr_lease_list_sort(list);
    return status;
}

/* All tables once; whether one could not be read is told and remembered. */
static enum tr_cli_exit scan_all(struct leases *leases, struct tr_lease_list *lists)
{
    enum tr_cli_exit code = TR_CLI_DONE;
    size_t i;
    for (i = 0; i < leases->config->consumer_count; i++) {
        const struct tr_config_consumer *consumer = &leases->config->consumers[i];
        enum tr_status status;
        leases->err.text[0] = '\0';
        status = scan(leases, consumer->lease.table, &lists[i]);
        if (status != TR_OK) {
            const char *why =
                leases->err.text[0] != '\0' ? leases->err.text : tr_status_text(status);
            code = tr_cli_say(leases->args, TR_CLI_FAILED, "consumer '%s': lease table '%s': %s",
                              consumer->name, consumer->lease.table, why);
            tr_lease_list_deinit(&lists[i]);
        }
    }
    return code;
}

static void print_json(const struct leases *leases, const struct tr_lease_list *lists,
                       struct tr_buf *out)
{
    const struct tr_config *config = leases->config;
    bool some = false;
    size_t i;
    tr_buf_add_str(out, "{\"leases\":[");
    for (i = 0; i < config->consumer_count; i++) {
        tr_lease_list_print_json(&lists[i], config->consumers[i].name,
                                 config->consumers[i].lease.table, &some, out);
    }
    tr_buf_add_str(out, some ? "\n],\n\"consumers\":[" : "],\n\"consumers\":[");
    for (i = 0; i < config->consumer_count; i++) {
        tr_buf_add_str(out, i > 0 ? ",\n  " : "\n  ");
        tr_lease_list_sum_json(&lists[i], config->consumers[i].name,
                               config->consumers[i].lease.table, out);
    }
    tr_buf_add_str(out, "\n]}\n");
}

static void print_tables(const struct leases *leases, const struct tr_lease_list *lists,
                         struct tr_buf *out)
{
    const struct tr_config *config = leases->config;
    size_t i;
    for (i = 0; i < config->consumer_count; i++) {
        const struct tr_config_consumer *consumer = &config->consumers[i];
        struct tr_buf sum = {0};
        if (i > 0 && lists[i].count > 0) {
            tr_buf_add_char(out, '\n');
        }
        tr_lease_list_print(&lists[i], leases->output == OUTPUT_WIDE, out);
        tr_lease_list_sum(&lists[i], &sum);
        (void)tr_cli_say(leases->args, TR_CLI_DONE, "consumer '%s', table '%s': %s", consumer->name,
                         consumer->lease.table, sum.ptr != NULL ? sum.ptr : "out of memory");
        tr_buf_deinit(&sum);
    }
}

static void wait_ms(uint64_t ms)
{
    struct tr_mono until = tr_mono_add_ms(tr_clock_mono(), ms);
    while ((ms = tr_mono_ms_until(tr_clock_mono(), until, ms)) > 0) {
        (void)poll(NULL, 0, (int)ms);
    }
}

static enum tr_cli_exit look(struct leases *leases, struct tr_lease_list *lists,
                             struct tr_lease_list *before)
{
    struct tr_buf out = {0};
    enum tr_cli_exit code = TR_CLI_DONE, printed;
    size_t i;
    if (leases->watch_ms > 0) {
        code = scan_all(leases, before);
        if (code != TR_CLI_DONE) {
            return code;
        }
        wait_ms(leases->watch_ms);
    }
    code = scan_all(leases, lists);
    for (i = 0; leases->watch_ms > 0 && i < leases->config->consumer_count; i++) {
        tr_lease_list_compare(&lists[i], &before[i], leases->watch_ms);
    }
    if (leases->output == OUTPUT_JSON) {
        print_json(leases, lists, &out);
    } else {
        print_tables(leases, lists, &out);
    }
    printed = tr_cli_finish(leases->args, &out);
    tr_buf_deinit(&out);
    return code != TR_CLI_DONE ? code : printed;
}

static enum tr_cli_exit list_tables(struct leases *leases)
{
    static struct tr_lease_list lists[TR_CONFIG_KEYS_MAX], before[TR_CONFIG_KEYS_MAX];
    struct tr_aws_options options = {.region = leases->config->aws.region,
                                     .endpoint = leases->config->aws.endpoint,
                                     .profile = leases->config->aws.profile,
                                     .stream_arn = leases->config->consumers[0].stream.arn,
                                     .seed = tr_random_seed()};
    enum tr_status status = tr_aws_new(&options, &leases->aws, &leases->err);
    enum tr_cli_exit code;
    size_t i;

    if (status != TR_OK) {
        code = status == TR_ECONFIG || status == TR_EUNSUPPORTED ? TR_CLI_USAGE : TR_CLI_FAILED;
        return tr_cli_say(leases->args, code, "%s",
                          leases->err.text[0] != '\0' ? leases->err.text : tr_status_text(status));
    }
    code = look(leases, lists, before);
    for (i = 0; i < leases->config->consumer_count; i++) {
        tr_lease_list_deinit(&lists[i]);
        tr_lease_list_deinit(&before[i]);
    }
    return code;
}

static enum tr_cli_exit list(const struct tr_cli_args *args)
{
    struct leases leases = {.args = args};
    enum tr_cli_exit code;

    if (!tr_cli_choice(args, "output", OUTPUTS, &leases.output) ||
        !tr_cli_duration_ms(args, "watch", 100, WATCH_MAX_MS, &leases.watch_ms)) {
        return TR_CLI_USAGE;
    }
    tr_log_init(TR_LEVEL_ERROR, TR_LOG_AUTO);
    code = tr_cli_load(args, &leases.config);
    if (code == TR_CLI_DONE) {
        code = list_tables(&leases);
    }
    tr_aws_free(leases.aws);
    tr_config_free(leases.config);
    return code;
}

/* The verbs; each gets the arguments behind it. */
static const struct {
    const char *name;
    enum tr_cli_exit (*run)(const struct tr_cli_args *args);
} verbs[] = {
    {"list", list},
};

static enum tr_cli_exit run(const struct tr_cli_args *args)
{
    struct tr_cli_args rest = *args;
    size_t i;

    memmove(rest.operands, args->operands + 1, (args->operand_count - 1) * sizeof *args->operands);
    rest.operand_count--;
    for (i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(args->operands[0], verbs[i].name) == 0) {
            return rest.operand_count > 0
                       ? verbs[i].run(&rest)
                       : tr_cli_say(args, TR_CLI_USAGE, "expected %s FILE...", verbs[i].name);
        }
    }
    return tr_cli_say(args, TR_CLI_USAGE, "'%s' is not one of: list", args->operands[0]);
}

static const struct tr_cli_flag flags[] = {
    {"output", OUTPUTS, "table", "columns for people, all columns, or one JSON object"},
    {"watch", "DURATION", NULL, "look twice, so far apart, and tell which owners are alive"},
    {0},
};

const struct tr_cli_command tr_cli_leases_command = {
    .name = "leases",
    .summary = "list the leases of the configuration's consumers",
    .operands = "list FILE...",
    .flags = flags,
    .details =
        "Reads each consumer's lease table whole (consistent reads) and changes nothing; workers\n"
        "go on meanwhile. Every row is shown, one that is not understood with the reason:\n"
        "  SHARD       the row's key\n"
        "  STATE       owned; unowned, which anybody may take; ended: the shard is done; or not\n"
        "              understood\n"
        "  ALIVE       with --watch: 'yes' if the owner wrote between the two looks; '8.0s left' "
        "if\n"
        "              not: then others may take the lease within that time, unless it is "
        "renewed;\n"
        "              'expired' once the looks are further apart than its failover time. A live\n"
        "              worker writes every two thirds of that. 'no sign': a KCL worker's\n"
        "  OWNER       the worker's id. One look cannot tell whether it lives\n"
        "  CHECKPOINT  everything in the shard up to and including it is done\n"
        "  ASKED BY    the worker that asked the owner to hand the lease over\n"
        "With --output wide also, for a wide terminal:\n"
        "  COUNTER     raised by every write of an owner\n"
        "  SWITCHES    changes of owner since the last checkpoint\n"
        "  MADE        about when the row was made, as the counters of rows made by tailrace tell\n"
        "  FAILOVER    the owner's failover time, if it is a tailrace worker\n"
        "  RUN         which process of the owner's id took the lease\n"
        "  START       records older than this are passed over (start: latest, at_timestamp)\n"
        "  BELL        who rang last, in the first row: workers look when it changes\n"
        "  PARENTS     the shards that this one follows\n"
        "  FIRST       'yes': made without its parents' rows, as at the fleet's first start\n"
        "  STREAM      the stream that the shard belongs to\n"
        "A column that would be empty is left out. Sums go to stderr, or into the JSON object:\n"
        "\"leases\" is the array of rows, \"consumers\" has the sums. Ends with 1 when a table\n"
        "cannot be read.\n",
    .operands_min = 1,
    .operands_max = TR_CONFIG_FILES_MAX,
    .aws = true,
    .run = run,
};
