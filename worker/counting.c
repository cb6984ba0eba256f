/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/counting.h"

#include "lease/lease_core.h"

#define READ_UNIT_BYTES 4096u

/* --- calls ----------------------------------------------------------------------------------- */

static const char *outcome_of(enum tr_status status)
{
    switch (status) {
    case TR_OK:
        return "ok";
    case TR_ECONDITION:
        return "condition";
    case TR_EEXPIRED:
    case TR_ENOTFOUND:
    case TR_EEXISTS:
    case TR_ETRIMMED:
        return "gone";
    case TR_ETHROTTLED:
        return "throttled";
    case TR_ENET:
    case TR_ETIMEOUT:
        return "unanswered";
    default:
        return "failed";
    }
}

struct tr_call_kind tr_call_kind(const struct tr_aws_request *request)
{
    static const char consistent[] = "\"ConsistentRead\":true";
    const char *service = request->service == TR_AWS_STREAMS ? "streams" : "dynamodb";
    struct tr_call_kind kind = {.class = request->class};
    char name[96];

    (void)snprintf(name, sizeof name, "%s,%s", service, request->operation);
    kind.operation = tr_metric_value(TR_METRIC_CALLS, name, "ok");
    if (kind.operation == SIZE_MAX) {
        (void)snprintf(name, sizeof name, "%s,other", service);
        kind.operation = tr_metric_value(TR_METRIC_CALLS, name, "ok");
    }
    kind.consistent =
        request->class == TR_AWS_LEASE_READ && request->body.len > 0 &&
        memmem(request->body.ptr, request->body.len, consistent, sizeof consistent - 1) != NULL;
    return kind;
}

/* The text of an answer is longer than the item's bytes that the service counts, so this is never
 * too little. */
static int64_t read_units_milli(const struct tr_call_kind *kind, size_t bytes)
{
    size_t blocks = bytes / READ_UNIT_BYTES + 1;
    return (int64_t)blocks * (kind->consistent ? 1000 : 500);
}

void tr_count_call(struct tr_metrics *metrics, size_t consumer, const struct tr_call_kind *kind,
                   const struct tr_aws_answer *answer)
{
    bool carried_out = answer->status == TR_OK || answer->status == TR_ECONDITION;
    size_t first = tr_metric_value(TR_METRIC_CALLS, NULL, "ok");
    size_t outcome = tr_metric_value(TR_METRIC_CALLS, NULL, outcome_of(answer->status)) - first;

    tr_metrics_add(metrics, consumer, TR_METRIC_CALLS, kind->operation + outcome, 1);
    if (kind->class == TR_AWS_LEASE_WRITE) {
        tr_metrics_add(metrics, consumer, TR_METRIC_LEASE_WRITES, 0, 1);
        tr_metrics_add(metrics, consumer, TR_METRIC_LEASE_WRITE_UNITS, 0,
                       carried_out || answer->may_have_happened);
        tr_metrics_add(metrics, consumer, TR_METRIC_LEASE_WRITES_FAILED, 0, !carried_out);
    } else if (kind->class == TR_AWS_LEASE_READ && answer->status == TR_OK) {
        tr_metrics_add(metrics, consumer, TR_METRIC_LEASE_READ_UNITS, 0,
                       read_units_milli(kind, answer->body.len));
    }
}

/* --- notes ----------------------------------------------------------------------------------- */

static size_t loss_of(uint64_t why)
{
    static const char *const reasons[] = {"other",
#define LOSS_REASON(id, label, words) label,
                                          TR_LEASE_LOSS_TABLE(LOSS_REASON)
#undef LOSS_REASON
    };
    return tr_metric_value(TR_METRIC_LEASES_LOST, reasons[why < TR_LEASE_LOSS_COUNT ? why : 0],
                           NULL);
}

/* Notes that are counted one by one. */
static const struct {
    enum tr_note_id note;
    enum tr_metric metric;
} counted[] = {
    {TR_NOTE_LEASE_TAKEN, TR_METRIC_LEASES_TAKEN},
    {TR_NOTE_LEASE_LAPSED, TR_METRIC_LEASES_LAPSED},
    {TR_NOTE_LEASE_RELEASED, TR_METRIC_LEASES_RELEASED},
    {TR_NOTE_CHECKPOINT_WRITTEN, TR_METRIC_CHECKPOINTS},
    {TR_NOTE_GAP, TR_METRIC_GAPS},
    {TR_NOTE_PROCESS_FAILED, TR_METRIC_PROCESS_FAILURES},
    {TR_NOTE_LEASE_DELETED, TR_METRIC_ROWS_DELETED},
    {TR_NOTE_SHARD_LOST, TR_METRIC_SHARDS_LOST},
    {TR_NOTE_LISTING_DONE, TR_METRIC_LISTINGS},
    {TR_NOTE_LISTING_PART, TR_METRIC_LISTINGS_PART},
};

void tr_count_note(struct tr_metrics *metrics, size_t consumer, const struct tr_note *note)
{
    size_t i;
    if (note->id == TR_NOTE_LEASE_LOST) {
        tr_metrics_add(metrics, consumer, TR_METRIC_LEASES_LOST, loss_of(note->b), 1);
    }
    if (note->id == TR_NOTE_LEASE_TAKEN && note->b != 0) {
        tr_metrics_add(metrics, consumer, TR_METRIC_LEASES_STOLEN, 0, 1);
    } else if (note->id == TR_NOTE_LEASE_RELEASED && note->b != 0) {
        tr_metrics_add(metrics, consumer, TR_METRIC_LEASES_HANDED_OVER, 0, 1);
    }
    for (i = 0; i < sizeof counted / sizeof counted[0]; i++) {
        if (counted[i].note == note->id) {
            tr_metrics_add(metrics, consumer, counted[i].metric, 0, 1);
        }
    }
}
