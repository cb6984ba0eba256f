/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/signals.h"
#include "worker/worker.h"

#include <malloc.h>

/* See run: what a start or a scan had needed is kept for the next large answer, but not for as long
 * as a worker of idle shards has to wait for one. */
static void give_memory_back(void)
{
    (void)malloc_trim(0);
}

static void stop(void *ctx)
{
    tr_worker_stop(ctx);
}

static enum tr_cli_exit exit_of(enum tr_status status)
{
    switch (status) {
    case TR_OK:
        return TR_CLI_DONE;
    case TR_ECONFIG:
    case TR_EUSAGE:
    case TR_EUNSUPPORTED:
        return TR_CLI_USAGE;
    default:
        return TR_CLI_FAILED;
    }
}

static enum tr_cli_exit run(const struct tr_cli_args *args)
{
    struct tr_config *config = NULL;
    struct tr_worker *worker = NULL;
    struct tr_signals *signals = NULL;
    struct tr_err err = {0};
    uint64_t pages = 0;
    enum tr_status status;
    enum tr_cli_exit code;

    if (!tr_cli_u64(args, "empty-pages", 1, 1000000, &pages)) {
        return TR_CLI_USAGE;
    }
    code = tr_cli_load(args, &config);
    if (code != TR_CLI_DONE) {
        return code;
    }
    /* Pages of a megabyte come and go: without this the C library gives their memory back to the
     * kernel and faults it in again, page after page. */
    (void)mallopt(M_MMAP_THRESHOLD, 64 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 16 << 20);
    tr_log_init(config->log.level, config->log.format);
    status = tr_worker_new(config, tr_cli_switch(args, "once"), (unsigned)pages, &worker, &err);
    if (status == TR_OK) {
        tr_worker_when_quiet(worker, give_memory_back);
        status = tr_signals_start(stop, worker, &signals, &err);
    }
    if (status == TR_OK) {
        status = tr_worker_run(worker, &err);
    }
    code = exit_of(status);
    if (status != TR_OK) {
        (void)tr_cli_say(args, code, "%s", err.text[0] != '\0' ? err.text : tr_status_text(status));
    }
    tr_signals_stop(signals);
    tr_worker_free(worker);
    if (status != TR_ETIMEOUT) {
        tr_config_free(config);
    }
    return code;
}

static const struct tr_cli_flag flags[] = {
    {"once", NULL, NULL, "end when every shard is read to its end or its tip"},
    {"empty-pages", "N", "5", "with --once: empty pages in a row that make a tip"},
    {0},
};

const struct tr_cli_command tr_cli_run_command = {
    .name = "run",
    .summary = "read streams and process their records, as one worker of the fleet",
    .operands = "FILE...",
    .flags = flags,
    .details =
        "Several files are merged; a consumer that stands in two of them is an error.\n"
        "SIGTERM and SIGINT finish the batches in hand, write checkpoints, release the leases and\n"
        "end with 0, or with 1 where that fails; a second one ends at once with 1.\n"
        "With --once the run ends with 0 when every shard is at its end, or gave N empty pages in\n"
        "a row, and is checkpointed; a lease that another worker keeps alive is left to it, one\n"
        "that expires is taken. It ends with 1 if a shard cannot be finished, with 2 if that is\n"
        "for its configuration (an output without permission).\n",
    .operands_min = 1,
    .operands_max = TR_CONFIG_FILES_MAX,
    .aws = true,
    .run = run,
};
