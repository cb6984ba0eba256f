/* SPDX-License-Identifier: Apache-2.0
 *
 * Who holds which shard, by scans of the lease table: the demo asks nobody else. A worker's id ends
 * in its process's number and a nonce. */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "cli/demo_parts.h"

#define SCAN_MS 100u
#define CALL_MAX_MS 5000u
#define LEASES_MAX 10000u

static enum tr_status call(struct demo *demo, const char *operation, struct tr_buf *body,
                           tr_aws_done_fn *done)
{
    struct tr_aws_request request = {.service = TR_AWS_DYNAMODB,
                                     .class = TR_AWS_CONTROL,
                                     .operation = operation,
                                     .body = tr_buf_bytes(body),
                                     .timeout_ms = CALL_MAX_MS};
    enum tr_status status = tr_buf_status(body);
    if (status == TR_OK) {
        status = tr_aws_start(demo->aws, &request, done, demo, NULL);
    }
    demo->calls += status == TR_OK;
    tr_buf_deinit(body);
    return status;
}

/* --- scans ----------------------------------------------------------------------------------- */

/* "host:pid:nonce"; 0: somebody else's. */
static size_t worker_of(const struct demo *demo, struct tr_bytes owner)
{
    size_t i;
    for (i = 0; i < demo->worker_count; i++) {
        char middle[32];
        (void)snprintf(middle, sizeof middle, ":%ld:", demo->workers[i].pid);
        if (owner.ptr != NULL && memmem(owner.ptr, owner.len, middle, strlen(middle)) != NULL) {
            return i + 1;
        }
    }
    return 0;
}

static bool runs(const struct demo *demo, size_t worker)
{
    return worker > 0 && demo->workers[worker - 1].state == DEMO_RUNS;
}

static bool add_row(struct demo *demo, const struct tr_lease_row *row)
{
    struct demo_lease *lease;
    if (!tr_grow(&demo->coming, &demo->coming_cap, demo->coming_count + 1, sizeof *demo->coming)) {
        return false;
    }
    lease = &demo->coming[demo->coming_count++];
    *lease = (struct demo_lease){.worker = worker_of(demo, row->owner),
                                 .ended = row->checkpoint.kind == TR_POSITION_SHARD_END};
    (void)snprintf(lease->shard, sizeof lease->shard, "%.*s", TR_FMT(row->key));
    return true;
}

/* The last page of a scan is there: what it showed counts from now on. */
static void take_scan(struct demo *demo)
{
    struct demo_lease *before = demo->leases;
    size_t cap = demo->lease_cap, i;

    demo->leases = demo->coming;
    demo->lease_count = demo->coming_count;
    demo->lease_cap = demo->coming_cap;
    demo->coming = before;
    demo->coming_cap = cap;
    demo->open_count = demo->unheld_count = 0;
    for (i = 0; i < demo->worker_count; i++) {
        demo->workers[i].held = 0;
    }
    for (i = 0; i < demo->lease_count; i++) {
        const struct demo_lease *lease = &demo->leases[i];
        if (lease->ended) {
            continue;
        }
        demo->open_count++;
        demo->unheld_count += !runs(demo, lease->worker);
        if (lease->worker > 0) {
            demo->workers[lease->worker - 1].held++;
        }
    }
    demo->scans++;
}

static void bad_row(void *ctx, const struct tr_lease_row *row, const char *why)
{
    demo_event(ctx, "lease row '%.*s' is not understood: %s", TR_FMT(row->key), why);
}

static void on_scan(void *ctx, struct tr_aws_answer *answer)
{
    struct demo *demo = ctx;
    struct tr_lease_rows rows = {0};
    struct tr_buf body = {0};
    size_t i;

    demo->calls--;
    demo->scanning = false;
    tr_buf_reset(&demo->scan_from);
    if (answer->status != TR_OK) {
        return; /* the table is not there yet, or the next scan will tell */
    }
    body = answer->body;
    answer->body = (struct tr_buf){0};
    if (tr_lease_decode_scan(&rows, NULL, &body, bad_row, demo, NULL) == TR_OK) {
        bool good = true;
        for (i = 0; i < rows.count && good && demo->coming_count < LEASES_MAX; i++) {
            good = add_row(demo, &rows.rows[i]);
        }
        if (good && rows.last_key.len > 0) {
            tr_buf_add(&demo->scan_from, tr_buf_bytes(&rows.last_key));
        } else if (good) {
            take_scan(demo);
        }
    }
    tr_lease_rows_deinit(&rows);
}

enum tr_status demo_scan(struct demo *demo)
{
    struct tr_mono now = tr_clock_mono();
    struct tr_buf body = {0};
    bool goes_on = demo->scan_from.len > 0;

    if (demo->scanning || (!goes_on && !tr_mono_reached(now, demo->scan_at))) {
        return TR_OK;
    }
    demo->scanning = true;
    if (!goes_on) {
        demo->scan_at = tr_mono_add_ms(now, SCAN_MS);
        demo->coming_count = 0;
    }
    tr_lease_encode_scan(&body, TR_LIT(DEMO_CONSUMER), true, tr_buf_bytes(&demo->scan_from));
    return call(demo, "Scan", &body, on_scan);
}

/* --- what is asked about them ---------------------------------------------------------------- */

size_t demo_busiest(const struct demo *demo)
{
    size_t best = 0, i;
    for (i = 1; i <= demo->worker_count; i++) {
        size_t held = demo->workers[i - 1].held;
        if (runs(demo, i) && held > (best > 0 ? demo->workers[best - 1].held : 0)) {
            best = i;
        }
    }
    return best;
}

bool demo_balanced(const struct demo *demo)
{
    size_t most = 0, least = SIZE_MAX, i;
    for (i = 1; i <= demo->worker_count; i++) {
        size_t held = demo->workers[i - 1].held;
        if (runs(demo, i)) {
            most = held > most ? held : most;
            least = held < least ? held : least;
        }
    }
    return demo->open_count > 0 && demo->unheld_count == 0 && most <= least + 1;
}

/* --- the service model ----------------------------------------------------------------------- */

static void on_control(void *ctx, struct tr_aws_answer *answer)
{
    struct demo *demo = ctx;
    demo->calls--;
    if (answer->status != TR_OK) {
        demo_event(demo, "%s", answer->err.text);
    }
}

enum tr_status demo_control(struct demo *demo, const char *target)
{
    struct tr_buf body = {0};
    tr_buf_add_str(&body, "{\"TableName\":\"" DEMO_TABLE "\"}");
    return call(demo, target, &body, on_control);
}

void demo_leases_deinit(struct demo *demo)
{
    tr_aws_free(demo->aws);
    tr_buf_deinit(&demo->scan_from);
    tr_free(demo->leases);
    tr_free(demo->coming);
}
