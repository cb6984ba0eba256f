/* SPDX-License-Identifier: Apache-2.0
 *
 * The lease table as a whole: what stands in it that is no lease, a KCL 3.x fleet that assigns
 * leases by its own rules, reads that fail, and a table that goes while it is used. Each has a
 * message of its own, and none is mended by making or deleting anything. */
#include "worker/consumer_parts.h"

#include "base/err.h"

/* KCL 3 may begin to use the table while we run; its own workers look once a minute. */
#define FLEET_EVERY_MS 60000u
#define FLEET_ABSENT_MS 600000u
#define FLEET_TRIES 3u
#define FLEET_BACKOFF_MAX_MS 2000u
/* A table whose answers cast doubt on its key is looked at no more often than this. */
#define DOUBT_EVERY_MS 5000u
#define DOUBT_TIMEOUT_MS 5000u
/* A table that is gone for so long does not come back. */
#define GONE_MS_MIN 10000u

bool tr_consumer_table_known(const struct tr_consumer *c)
{
    return c->lease_table.fleet_known;
}

static void refuse_fleet(struct tr_consumer *c, const char *suffix, struct tr_bytes version)
{
    tr_consumer_fail(c, TR_ECONFIG,
                     "consumer '%s': table '%s%s': row 'Migration3.0' says '%.*s': its leases are "
                     "assigned by KCL 3.x; set its clientVersionConfig to COMPATIBLE_WITH_2X, or "
                     "use another lease table",
                     c->options.name, c->options.lease_table, suffix, TR_FMT(version));
}

static void ask_fleet(struct tr_consumer *c)
{
    struct tr_buf name = {0};
    struct tr_buf *body = tr_consumer_call(c, tr_consumer_op(OP_FLEET, NULL, 0), TR_AWS_DYNAMODB,
                                           TR_AWS_LEASE_READ, "GetItem", 0, c->options.failover_ms);
    tr_buf_printf(&name, "%s-CoordinatorState", c->options.lease_table);
    if (body != NULL) {
        c->lease_table.fleet_at = TR_MONO_NEVER; /* until the answer */
        tr_lease_encode_coordinator(body, tr_buf_bytes(&name));
        body->failed = body->failed || name.failed;
    }
    tr_buf_deinit(&name);
}

/* No such table or row is the usual answer. One that may not be read, or that does not answer,
 * holds nobody up: the scan shows what stands in the lease table itself. */
void tr_consumer_table_answer(struct tr_consumer *c, struct tr_aws_answer *answer)
{
    struct tr_buf version = {0};
    struct tr_err err = answer->err;
    enum tr_status status = answer->status;
    bool there = status == TR_OK;
    uint64_t wait_ms = there ? FLEET_EVERY_MS : FLEET_ABSENT_MS;

    if (status == TR_OK) {
        status = tr_lease_decode_coordinator(tr_buf_bytes(&answer->body), &version, &err);
    }
    if (status == TR_OK && tr_lease_version_is_3x(tr_buf_bytes(&version))) {
        refuse_fleet(c, "-CoordinatorState", tr_buf_bytes(&version));
    }
    tr_buf_deinit(&version);
    if (tr_status_class(status) == TR_CLASS_RETRY && c->lease_table.fleet_tries < FLEET_TRIES) {
        wait_ms = tr_consumer_backoff_ms(c, c->lease_table.fleet_tries++, FLEET_BACKOFF_MAX_MS);
    } else {
        c->lease_table.fleet_known = true;
        c->lease_table.fleet_tries = 0;
    }
    c->lease_table.fleet_at = tr_mono_add_ms(c->now, wait_ms);
}

/* A table that was deleted and made again, with another key, refuses all that concerns a row: the
 * next look at it tells that from any other refusal. */
void tr_consumer_table_refused(struct tr_consumer *c, enum tr_status status)
{
    c->lease_table.doubted = c->lease_table.doubted || status == TR_EREFUSED;
}

static bool doubts(const struct tr_consumer *c)
{
    return c->lease_table.doubted && !c->lease_table.describing && !c->stopping;
}

static void ask_key(struct tr_consumer *c)
{
    struct tr_buf *body =
        tr_consumer_call(c, tr_consumer_op(OP_LEASE_TABLE, NULL, 0), TR_AWS_DYNAMODB,
                         TR_AWS_CONTROL, "DescribeTable", 0, DOUBT_TIMEOUT_MS);
    if (body != NULL) {
        c->lease_table.doubted = false;
        c->lease_table.describing = true;
        c->lease_table.describe_at = tr_mono_add_ms(c->now, DOUBT_EVERY_MS);
        tr_encode_describe_table(body, tr_bytes_of(c->options.lease_table));
    }
}

void tr_consumer_table_described(struct tr_consumer *c, struct tr_aws_answer *answer)
{
    struct tr_err err = answer->err;
    bool active;
    c->lease_table.describing = false;
    if (answer->status == TR_OK &&
        tr_lease_decode_describe_table(tr_buf_bytes(&answer->body), &active, &err) == TR_ECONFIG) {
        tr_consumer_fail(c, TR_ECONFIG, "consumer '%s': lease table: %s", c->options.name,
                         err.text);
    }
}

void tr_consumer_table_pump(struct tr_consumer *c)
{
    if (doubts(c) && tr_mono_reached(c->now, c->lease_table.describe_at)) {
        ask_key(c);
    }
    if (!c->stopping && tr_mono_reached(c->now, c->lease_table.fleet_at)) {
        ask_fleet(c);
    }
}

struct tr_mono tr_consumer_table_deadline(const struct tr_consumer *c)
{
    struct tr_mono key_at = doubts(c) ? c->lease_table.describe_at : TR_MONO_NEVER;
    return c->stopping ? TR_MONO_NEVER : tr_mono_min(c->lease_table.fleet_at, key_at);
}

bool tr_consumer_table_page(struct tr_consumer *c, const struct tr_lease_rows *page)
{
    if (tr_lease_version_is_3x(page->version)) {
        refuse_fleet(c, "", page->version);
        return false;
    }
    if (page->stranger.ptr != NULL && !tr_lease_core_scanned(c->leases)) {
        tr_consumer_fail(c, TR_ECONFIG,
                         "consumer '%s': table '%s' is no lease table: row '%.*s' has no "
                         "'leaseCounter'",
                         c->options.name, c->options.lease_table, TR_FMT(page->stranger));
        return false;
    }
    return true;
}

void tr_consumer_table_read(struct tr_consumer *c)
{
    c->lease_table.gone = false;
}

/* Told at the first failure in a row, the second, the fourth and so on. */
void tr_consumer_table_unread(struct tr_consumer *c, enum tr_status status, const char *why)
{
    uint64_t limit_ms = 2 * c->options.failover_ms;
    unsigned failures = c->scan.failures;
    if ((failures & (failures - 1)) == 0) {
        tr_consumer_note(c, TR_NOTE_TABLE_UNREAD, (struct tr_bytes){NULL, 0}, failures, 0,
                         tr_bytes_of(why));
    }
    if (status != TR_ENOTFOUND || !tr_lease_core_scanned(c->leases)) {
        c->lease_table.gone = c->lease_table.gone && status == TR_ENOTFOUND;
        return;
    }
    if (!c->lease_table.gone) {
        c->lease_table.gone = true;
        c->lease_table.gone_at = c->now;
        tr_consumer_note(c, TR_NOTE_TABLE_GONE, (struct tr_bytes){NULL, 0}, 0, 0,
                         tr_bytes_of(c->options.lease_table));
    }
    if (tr_mono_ms_between(c->lease_table.gone_at, c->now) >=
        (limit_ms > GONE_MS_MIN ? limit_ms : GONE_MS_MIN)) {
        tr_consumer_fail(c, TR_ENOTFOUND,
                         "consumer '%s': lease table '%s' was deleted while it was used; it is not "
                         "made again",
                         c->options.name, c->options.lease_table);
    }
}
