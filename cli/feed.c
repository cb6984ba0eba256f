/* SPDX-License-Identifier: Apache-2.0
 *
 * feed: write believable user activity to a table, so that its stream has something to say. Several
 * writers work at once, each on users of its own and with one write under way, so that the order of
 * one item's writes is defined. Every write is conditional and says whose it is: when an answer is
 * lost, the same write is sent again, and what it finds tells whether it had happened. */
#include "aws/client.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "cli/activity.h"
#include "cli/cli.h"
#include "cli/feed_table.h"
#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#define WRITERS_MAX 256u
#define RATE_MAX 1000000u
#define BACKOFF_MIN_MS 50u
#define BACKOFF_MAX_MS 5000u
/* Without one success for so long, and not because of throttling, it ends. */
#define GIVE_UP_MS 60000u
/* After a stop, for answers that are still to come. */
#define STOP_MAX_MS 10000u
/* Behind its rate it catches up at most so much. */
#define CATCH_UP_MS 1000u
#define LINE_EVERY_MS 5000u
#define FRAME_EVERY_MS 200u
#define LOG_BYTES 65536u

enum writer_state { IDLE, CALLING, PAUSING };

struct feed;

struct writer {
    struct feed *feed;
    struct tr_activity activity;
    struct tr_activity_write write; /* unless idle */
    enum writer_state state;
    struct tr_aws_call *call; /* while calling */
    bool uncertain;           /* an earlier attempt may have happened */
    unsigned failures;        /* of this write */
    struct tr_mono retry_at;  /* while pausing */
};

struct feed {
    const struct tr_cli_args *args;
    const char *table;
    char name[32]; /* in each item */
    struct tr_aws *aws;
    struct writer *writers; /* owned */
    uint64_t writer_count;
    struct tr_random jitter;
    uint64_t rate;  /* writes a second; 0: no limit */
    uint64_t count; /* 0: no end */
    bool ttl;
    struct {
        uint64_t by_kind[TR_WRITE_KIND_COUNT];
        uint64_t written;
        uint64_t throttled;
        uint64_t retried;
        uint64_t met;        /* items that were not as this feed had left them */
        uint64_t unresolved; /* nobody will know */
    } report;
    uint64_t busy; /* writers that are not idle */
    struct tr_mono started;
    struct tr_mono due; /* of the next write */
    struct tr_mono last_success;
    struct tr_mono stop_by;
    bool over;
    enum tr_status status;
    struct tr_err err;
    struct {
        int fd; /* -1: none */
        const char *path;
        struct tr_buf pending;
    } log;
    struct {
        bool terminal;
        struct tr_mono next;
        struct tr_mono last;
        uint64_t last_written;
        uint64_t per_s;
    } show;
    _Atomic bool stop;
};

static void fail(struct feed *feed, enum tr_status status, const char *text)
{
    if (!feed->over) {
        feed->over = true;
        feed->status = status;
        (void)tr_fail(&feed->err, status, "%s", text);
    }
}

/* --- the log of acknowledged writes ---------------------------------------------------------- */

static enum tr_status open_log(struct feed *feed, const char *path)
{
    char text[128];
    feed->log.fd = -1;
    feed->log.path = path;
    if (path == NULL) {
        return TR_OK;
    }
    feed->log.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    return feed->log.fd >= 0 ? TR_OK
                             : tr_fail(&feed->err, TR_EUSAGE, "--log: %s: %s", path,
                                       tr_errno_text(errno, text, sizeof text));
}

static void flush_log(struct feed *feed)
{
    struct tr_bytes rest = tr_buf_bytes(&feed->log.pending);
    char text[128], why[256];

    while (rest.len > 0) {
        ssize_t wrote = write(feed->log.fd, rest.ptr, rest.len);
        if (wrote < 0 && errno != EINTR) {
            (void)snprintf(why, sizeof why, "--log: %s: %s", feed->log.path,
                           tr_errno_text(errno, text, sizeof text));
            fail(feed, TR_EIO, why);
            break;
        }
        rest.ptr += wrote > 0 ? wrote : 0;
        rest.len -= wrote > 0 ? (size_t)wrote : 0;
    }
    tr_buf_reset(&feed->log.pending);
}

static void log_write(struct feed *feed, const char *pk, const struct tr_activity_write *write)
{
    if (feed->log.fd < 0) {
        return;
    }
    tr_buf_printf(&feed->log.pending, "%s %llu %s\n", pk, (unsigned long long)write->n,
                  tr_write_kind_text(write->kind));
    if (feed->log.pending.failed) {
        fail(feed, TR_ENOMEM, "out of memory");
    } else if (feed->log.pending.len >= LOG_BYTES) {
        flush_log(feed);
    }
}

/* --- one write ------------------------------------------------------------------------------- */

static void rest(struct writer *writer)
{
    writer->state = IDLE;
    writer->call = NULL;
    writer->uncertain = false;
    writer->failures = 0;
    writer->feed->busy--;
}

static void acknowledged(struct writer *writer)
{
    struct feed *feed = writer->feed;
    char pk[TR_ACTIVITY_PK_SIZE];

    tr_activity_pk(&writer->activity, writer->write.user, pk);
    log_write(feed, pk, &writer->write);
    feed->report.by_kind[writer->write.kind]++;
    feed->report.written++;
    feed->last_success = tr_clock_mono();
    rest(writer);
}

static void pause_writer(struct writer *writer, const struct tr_aws_answer *answer)
{
    struct feed *feed = writer->feed;
    struct tr_mono now = tr_clock_mono();
    uint64_t ceiling = BACKOFF_MIN_MS;
    unsigned i;

    writer->uncertain = writer->uncertain || answer->may_have_happened;
    feed->report.throttled += answer->status == TR_ETHROTTLED;
    if (answer->status == TR_ETHROTTLED) {
        feed->last_success = now; /* the service is there and wants us slower */
    } else if (tr_mono_ms_between(feed->last_success, now) >= GIVE_UP_MS) {
        fail(feed, answer->status, answer->err.text);
    }
    for (i = 0; i < writer->failures && ceiling < BACKOFF_MAX_MS; i++) {
        ceiling *= 2;
    }
    ceiling = ceiling < BACKOFF_MAX_MS ? ceiling : BACKOFF_MAX_MS;
    writer->failures++;
    writer->call = NULL;
    writer->state = PAUSING;
    writer->retry_at =
        tr_mono_add_ms(now, ceiling / 2 + tr_random_below(&feed->jitter, ceiling / 2 + 1));
}

static void resolve(struct writer *writer, const struct tr_activity_found *found)
{
    struct feed *feed = writer->feed;

    feed->last_success = tr_clock_mono();
    switch (tr_activity_resolve(&writer->activity, &writer->write, found)) {
    case TR_ACTIVITY_DONE:
        acknowledged(writer);
        return;
    case TR_ACTIVITY_ABSENT:
        /* Nobody but this feed removes its items, unless the service does when their time is up. */
        if (!feed->ttl) {
            acknowledged(writer);
            return;
        }
        break;
    case TR_ACTIVITY_FOREIGN:
        break;
    }
    feed->report.unresolved += writer->uncertain;
    feed->report.met += !writer->uncertain;
    rest(writer);
}

static bool decode(struct writer *writer, const struct tr_aws_answer *answer,
                   struct tr_activity_found *found)
{
    struct tr_err err = {{0}};
    enum tr_status status = tr_activity_decode(tr_buf_bytes(&answer->body),
                                               tr_bytes_of(writer->feed->name), found, &err);
    if (status != TR_OK) {
        char pk[TR_ACTIVITY_PK_SIZE];
        tr_activity_pk(&writer->activity, writer->write.user, pk);
        (void)tr_wrap(&err, status, "item '%s'", pk);
        fail(writer->feed, status, err.text);
    }
    return status == TR_OK;
}

/* Start a call for the writer's write. */
static void start_call(struct writer *writer, const char *operation, struct tr_buf *body,
                       unsigned attempts_max, tr_aws_done_fn *done)
{
    struct tr_aws_request request = {.service = TR_AWS_DYNAMODB,
                                     .class = TR_AWS_DATA,
                                     .operation = operation,
                                     .body = tr_buf_bytes(body),
                                     .attempts_max = attempts_max};
    enum tr_status status = tr_buf_status(body);
    if (status == TR_OK) {
        status = tr_aws_start(writer->feed->aws, &request, done, writer, &writer->call);
    }
    if (status != TR_OK) {
        fail(writer->feed, status, tr_status_text(status));
    }
    writer->state = CALLING;
    tr_buf_deinit(body);
}

/* The item was asked for, since the failed condition's answer did not show it. */
static void on_item(void *ctx, struct tr_aws_answer *answer)
{
    struct writer *writer = ctx;
    struct tr_activity_found found;

    writer->call = NULL;
    if (answer->status == TR_OK) {
        if (decode(writer, answer, &found)) {
            resolve(writer, &found);
        }
    } else if (tr_status_class(answer->status) == TR_CLASS_RETRY) {
        pause_writer(writer, answer);
    } else {
        fail(writer->feed, answer->status, answer->err.text);
    }
}

static void on_condition_failed(struct writer *writer, const struct tr_aws_answer *answer)
{
    struct tr_activity_found found;
    struct tr_buf body = {0};

    writer->call = NULL;
    if (!decode(writer, answer, &found)) {
        return;
    }
    if (found.present) {
        resolve(writer, &found);
        return;
    }
    /* No item in the answer: there is none, or this server does not send it. */
    tr_activity_encode_get(&writer->activity, &writer->write, tr_bytes_of(writer->feed->table),
                           &body);
    start_call(writer, "GetItem", &body, 0, on_item);
}

static void on_write(void *ctx, struct tr_aws_answer *answer)
{
    struct writer *writer = ctx;

    writer->call = NULL;
    if (answer->status == TR_OK) {
        tr_activity_done(&writer->activity, &writer->write);
        acknowledged(writer);
    } else if (answer->status == TR_ECONDITION) {
        on_condition_failed(writer, answer);
    } else if (tr_status_class(answer->status) == TR_CLASS_RETRY) {
        pause_writer(writer, answer);
    } else {
        fail(writer->feed, answer->status, answer->err.text);
    }
}

static void send_write(struct writer *writer)
{
    struct tr_buf body = {0};
    const char *operation =
        tr_activity_encode(&writer->activity, &writer->write, tr_bytes_of(writer->feed->table),
                           tr_bytes_of(writer->feed->name), &body);
    start_call(writer, operation, &body, 1, on_write);
}

/* --- all writers ----------------------------------------------------------------------------- */

/* Whether another write is wanted, now or when it is due. */
static bool is_wanted(const struct feed *feed)
{
    return feed->stop_by.ns == 0 &&
           (feed->count == 0 || feed->report.written + feed->busy < feed->count);
}

/* One more write was started: when is the next one due? */
static void pace(struct feed *feed, struct tr_mono now)
{
    struct tr_mono behind = {now.ns - (uint64_t)CATCH_UP_MS * TR_NS_PER_MS};
    if (feed->rate == 0) {
        return;
    }
    feed->due = tr_mono_max(feed->due, behind);
    feed->due.ns += TR_NS_PER_S / feed->rate;
}

static void drive(struct feed *feed, struct tr_mono now)
{
    size_t i;
    for (i = 0; i < feed->writer_count && !feed->over; i++) {
        struct writer *writer = &feed->writers[i];
        if (writer->state == IDLE && is_wanted(feed) && tr_mono_reached(now, feed->due)) {
            pace(feed, now);
            feed->busy++;
            tr_activity_next(&writer->activity, tr_aws_service_time(feed->aws), &writer->write);
            send_write(writer);
        } else if (writer->state == PAUSING && feed->stop_by.ns != 0 && !writer->uncertain) {
            rest(writer); /* it did not happen and need not any more */
        } else if (writer->state == PAUSING && tr_mono_reached(now, writer->retry_at)) {
            feed->report.retried++;
            send_write(writer);
        }
    }
}

static struct tr_mono next_deadline(const struct feed *feed)
{
    struct tr_mono at = feed->show.next;
    bool idle = false;
    size_t i;
    for (i = 0; i < feed->writer_count; i++) {
        const struct writer *writer = &feed->writers[i];
        idle = idle || writer->state == IDLE;
        if (writer->state == PAUSING) {
            at = tr_mono_min(at, writer->retry_at);
        }
    }
    if (feed->stop_by.ns != 0) {
        return tr_mono_min(at, feed->stop_by);
    }
    return idle && is_wanted(feed) ? tr_mono_min(at, feed->due) : at;
}

/* --- what people see ------------------------------------------------------------------------- */

static void print_progress(struct feed *feed, struct tr_mono now)
{
    uint64_t ms = tr_mono_ms_between(feed->show.last, now);
    if (ms > 0) {
        feed->show.per_s = (feed->report.written - feed->show.last_written) * 1000 / ms;
    }
    feed->show.last = now;
    feed->show.last_written = feed->report.written;
    (void)fprintf(stderr, "%sfeed: %llu written to '%s', %llu/s, %llu throttled, %llu retried%s",
                  feed->show.terminal ? "\r" : "", (unsigned long long)feed->report.written,
                  feed->table, (unsigned long long)feed->show.per_s,
                  (unsigned long long)feed->report.throttled,
                  (unsigned long long)feed->report.retried, feed->show.terminal ? "\033[K" : "\n");
    (void)fflush(stderr);
}

static void show_progress(struct feed *feed, struct tr_mono now)
{
    if (tr_mono_reached(now, feed->show.next)) {
        print_progress(feed, now);
        feed->show.next = tr_mono_add_ms(now, feed->show.terminal ? FRAME_EVERY_MS : LINE_EVERY_MS);
    }
}

static void print_report(struct feed *feed)
{
    uint64_t ms = tr_mono_ms_between(feed->started, tr_clock_mono());
    struct tr_buf out = {0};

    tr_buf_printf(&out, "%sfeed: %llu written in %llu.%llu s (%llu/s):",
                  feed->show.terminal ? "\r\033[K" : "", (unsigned long long)feed->report.written,
                  (unsigned long long)(ms / 1000), (unsigned long long)(ms / 100 % 10),
                  (unsigned long long)(ms > 0 ? feed->report.written * 1000 / ms : 0));
    tr_buf_printf(&out, " %llu insert, %llu modify, %llu remove; %llu throttled, %llu retried",
                  (unsigned long long)feed->report.by_kind[TR_WRITE_INSERT],
                  (unsigned long long)feed->report.by_kind[TR_WRITE_MODIFY],
                  (unsigned long long)feed->report.by_kind[TR_WRITE_REMOVE],
                  (unsigned long long)feed->report.throttled,
                  (unsigned long long)feed->report.retried);
    if (feed->report.met > 0) {
        tr_buf_printf(&out, ", %llu items found otherwise than left",
                      (unsigned long long)feed->report.met);
    }
    if (feed->report.unresolved > 0) {
        tr_buf_printf(&out, ", %llu writes without a known end (not counted)",
                      (unsigned long long)feed->report.unresolved);
    }
    (void)fprintf(stderr, "%s\n", out.ptr != NULL ? out.ptr : "feed: out of memory");
    tr_buf_deinit(&out);
}

/* --- the command ----------------------------------------------------------------------------- */

static void begin_stop(struct feed *feed, struct tr_mono now)
{
    size_t i;
    feed->stop_by = tr_mono_add_ms(now, STOP_MAX_MS);
    for (i = 0; i < feed->writer_count; i++) {
        feed->writers[i].retry_at = now;
    }
}

static void write_all(struct feed *feed)
{
    feed->started = tr_clock_mono();
    feed->due = feed->last_success = feed->show.last = feed->started;
    feed->show.next =
        tr_mono_add_ms(feed->started, feed->show.terminal ? FRAME_EVERY_MS : LINE_EVERY_MS);
    while (!feed->over) {
        struct tr_mono now = tr_clock_mono();
        if (feed->stop_by.ns == 0 && atomic_load(&feed->stop)) {
            begin_stop(feed, now);
        }
        drive(feed, now);
        flush_log(feed);
        if (feed->busy == 0 &&
            (feed->stop_by.ns != 0 || (feed->count > 0 && feed->report.written >= feed->count))) {
            break;
        }
        if (feed->stop_by.ns != 0 && tr_mono_reached(now, feed->stop_by)) {
            break;
        }
        show_progress(feed, now);
        tr_aws_poll(feed->aws, next_deadline(feed));
    }
    /* What is under way now was sent, and nobody waits for the answer. */
    feed->report.unresolved += feed->busy;
    flush_log(feed);
    print_report(feed);
}

static void stop(void *ctx)
{
    struct feed *feed = ctx;
    atomic_store(&feed->stop, true);
    tr_aws_wakeup(feed->aws);
}

static enum tr_status make_writers(struct feed *feed, const struct tr_activity_options *wanted)
{
    struct tr_activity_options options = *wanted;
    size_t i;

    feed->writers = tr_calloc(feed->writer_count, sizeof *feed->writers);
    if (feed->writers == NULL) {
        return TR_ENOMEM;
    }
    options.writers = (uint32_t)feed->writer_count;
    for (i = 0; i < feed->writer_count; i++) {
        enum tr_status status;
        options.writer = (uint32_t)i;
        feed->writers[i].feed = feed;
        status = tr_activity_init(&feed->writers[i].activity, &options);
        if (status != TR_OK) {
            return status;
        }
    }
    return TR_OK;
}

static enum tr_status make_client(struct feed *feed)
{
    struct tr_aws_options options = {.region = tr_cli_string(feed->args, "region"),
                                     .endpoint = tr_cli_string(feed->args, "endpoint"),
                                     .seed = tr_random_seed()};
    options.in_flight_max[TR_AWS_DATA] = (unsigned)feed->writer_count;
    return tr_aws_new(&options, &feed->aws, &feed->err);
}

/* Flags into the feed and the writers' options; false after a message. */
static bool read_flags(struct feed *feed, struct tr_activity_options *options)
{
    const struct tr_cli_args *args = feed->args;
    uint64_t users = 0, ttl_ms = 0;

    if (!tr_cli_u64(args, "keys", 1, TR_ACTIVITY_USERS_MAX, &users) ||
        !tr_cli_u64(args, "rate", 0, RATE_MAX, &feed->rate) ||
        !tr_cli_u64(args, "count", 1, UINT64_MAX / 2, &feed->count) ||
        !tr_cli_u64(args, "seed", 0, UINT64_MAX, &options->seed) ||
        !tr_cli_u64(args, "writers", 1, WRITERS_MAX, &feed->writer_count) ||
        !tr_cli_duration_ms(args, "ttl", 1000, UINT64_C(36500) * 86400000, &ttl_ms)) {
        return false;
    }
    if (tr_activity_parse_mix(tr_bytes_of(tr_cli_string(args, "mix")), &options->mix, &feed->err) !=
        TR_OK) {
        (void)tr_cli_say(args, TR_CLI_USAGE, "--mix: %s", feed->err.text);
        return false;
    }
    options->users = (uint32_t)users;
    options->ttl_s = (ttl_ms + 999) / 1000;
    feed->ttl = ttl_ms > 0;
    /* A writer without a user has nothing to do. */
    feed->writer_count = feed->writer_count < users ? feed->writer_count : users;
    return true;
}

static const char *const view_types[] = {"NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE",
                                         "KEYS_ONLY"};

static bool read_view_type(struct feed *feed, const char **out)
{
    unsigned index = 0;
    *out = NULL;
    if (tr_cli_string(feed->args, "view-type") == NULL) {
        return true;
    }
    if (!tr_cli_choice(feed->args, "view-type", "NEW_AND_OLD_IMAGES|NEW_IMAGE|OLD_IMAGE|KEYS_ONLY",
                       &index)) {
        return false;
    }
    *out = view_types[index];
    return true;
}

static enum tr_status feed_table(struct feed *feed, const struct tr_activity_options *options,
                                 const char *view_type)
{
    const struct tr_feed_table_options table = {.table = feed->table,
                                                .view_type = view_type,
                                                .stop = &feed->stop,
                                                .create = tr_cli_switch(feed->args, "create"),
                                                .ttl = feed->ttl};
    struct tr_signals *signals = NULL;
    enum tr_status status = open_log(feed, tr_cli_string(feed->args, "log"));

    if (status == TR_OK) {
        status = make_client(feed);
    }
    if (status == TR_OK) {
        status = tr_signals_start(stop, feed, &signals, &feed->err);
    }
    if (status == TR_OK) {
        status = tr_feed_table_prepare(feed->aws, &table, &feed->err);
    }
    if (status == TR_OK) {
        status = make_writers(feed, options);
    }
    if (status == TR_OK) {
        write_all(feed);
        status = feed->status;
    }
    tr_signals_stop(signals);
    return status == TR_ECANCELED && atomic_load(&feed->stop) ? TR_OK : status;
}

static void deinit(struct feed *feed)
{
    size_t i;
    tr_aws_free(feed->aws);
    for (i = 0; feed->writers != NULL && i < feed->writer_count; i++) {
        tr_activity_deinit(&feed->writers[i].activity);
    }
    tr_free(feed->writers);
    tr_buf_deinit(&feed->log.pending);
    if (feed->log.fd >= 0) {
        (void)close(feed->log.fd);
    }
}

static enum tr_cli_exit run(const struct tr_cli_args *args)
{
    struct feed feed = {.args = args,
                        .table = args->operands[0],
                        .log = {.fd = -1},
                        .show = {.terminal = isatty(STDERR_FILENO) == 1}};
    struct tr_activity_options options = {.seed = tr_random_seed()};
    const char *view_type;
    enum tr_cli_exit code = TR_CLI_DONE;
    enum tr_status status;

    if (!read_flags(&feed, &options) || !read_view_type(&feed, &view_type)) {
        return TR_CLI_USAGE;
    }
    tr_random_init(&feed.jitter, tr_random_seed());
    (void)snprintf(feed.name, sizeof feed.name, "feed-%016llx",
                   (unsigned long long)tr_random_seed());
    tr_log_init(TR_LEVEL_ERROR, TR_LOG_AUTO);
    status = feed_table(&feed, &options, view_type);
    if (status != TR_OK) {
        code = status == TR_ECONFIG || status == TR_EUSAGE || status == TR_EUNSUPPORTED
                   ? TR_CLI_USAGE
                   : TR_CLI_FAILED;
        (void)tr_cli_say(args, code, "%s",
                         feed.err.text[0] != '\0' ? feed.err.text : tr_status_text(status));
    }
    deinit(&feed);
    return code;
}

static const struct tr_cli_flag flags[] = {
    {"create", NULL, NULL, "make the table with its stream if it is missing"},
    {"view-type", "TYPE", NULL,
     "what the stream of a table that is made shows (NEW_AND_OLD_IMAGES)"},
    {"keys", "N", "1000", "users that there are at most, each an item"},
    {"rate", "N", "0", "writes a second; 0 is as fast as it goes"},
    {"count", "N", NULL, "end after N acknowledged writes"},
    {"mix", "SHARES", "insert=20,modify=70,remove=10", "how often users come, do something, leave"},
    {"writers", "N", "8", "writes under way at once, never two of one item"},
    {"ttl", "DURATION", NULL, "let items expire, so that the service removes them"},
    {"seed", "N", NULL, "write the same activity again"},
    {"log", "FILE", NULL, "append 'PK N KIND' to FILE for each acknowledged write"},
    {NULL, NULL, NULL, NULL},
};

const struct tr_cli_command tr_cli_feed_command = {
    .name = "feed",
    .summary = "write user activity to a table, so that its stream has something to say",
    .operands = "TABLE",
    .flags = flags,
    .details =
        "Users of a shop sign up, fill carts, order, pay, change their profiles and leave. An "
        "item\n"
        "is a user: key 'pk' (S), about 1 KB, attributes of all types. Its attribute 'n' (N) is "
        "one\n"
        "higher after each write; a removal counts as one above the item it removes. When all "
        "users\n"
        "are there an insert becomes a modification, when none is, everything else an insert.\n"
        "\n"
        "Every write is conditional. After a lost answer it is sent again, and the item tells\n"
        "whether it had happened, so that none counts twice. Without --count it writes until\n"
        "SIGTERM or SIGINT, which let the writes under way finish.\n"
        "With --ttl items carry 'expires_at' (N), and time to live of the table is turned on.\n",
    .operands_min = 1,
    .operands_max = 1,
    .aws = true,
    .run = run,
};
