/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a call: queued in its class, flying as one attempt, waiting to be repeated, finished,
 * delivered. Every move between these lists is made by move(); tr_aws_poll turns the crank. What an
 * attempt's outcome means is error_core's to say, whether to repeat it retry_core's. */
#include "aws/client.h"

#include "aws/call.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

#define ATTEMPT_MS 10000
#define FIRST_BYTE_MS 5000
#define CALL_MS 60000
/* An answer of this size and more is received faster through a large buffer, which costs memory all
 * over the heap. After one, so many answers without another end its use. */
#define LARGE_ANSWER_BYTES (16u * 1024u)
#define LARGE_ANSWER_MEMORY 256u
/* Offsets within this bound need no repetition: the services accept five minutes at least. */
#define SKEW_TOLERATED_MS 60000

static void append(struct tr_call_list *list, struct tr_aws_call *call)
{
    call->next = NULL;
    call->prev = list->tail;
    if (list->tail != NULL) {
        list->tail->next = call;
    } else {
        list->head = call;
    }
    list->tail = call;
    call->list = list;
}

static void unlink_call(struct tr_aws_call *call)
{
    struct tr_call_list *list = call->list;
    if (call->prev != NULL) {
        call->prev->next = call->next;
    } else {
        list->head = call->next;
    }
    if (call->next != NULL) {
        call->next->prev = call->prev;
    } else {
        list->tail = call->prev;
    }
    call->list = NULL;
}

static void move(struct tr_aws_call *call, struct tr_call_list *to)
{
    unlink_call(call);
    append(to, call);
}

static void set_timer(struct tr_aws *aws, struct tr_mono at)
{
    aws->next_timer = tr_mono_min(aws->next_timer, at);
}

static void free_call(struct tr_aws_call *call)
{
    if (call->body.ptr != NULL) {
        tr_buf_deinit(&call->body);
    }
    tr_buf_deinit(&call->answer.body);
    tr_free(call);
}

static const char *url_of(const struct tr_aws *aws, const struct tr_aws_call *call)
{
    return aws->endpoints.of[call->request.service].url;
}

enum tr_status tr_aws_start(struct tr_aws *aws, const struct tr_aws_request *request,
                            tr_aws_done_fn *done, void *ctx, struct tr_aws_call **call)
{
    struct tr_aws_call *c = tr_calloc(1, sizeof *c);

    if (c == NULL) {
        return TR_ENOMEM;
    }
    tr_buf_add(&c->body, request->body);
    if (c->body.failed) {
        free_call(c);
        return TR_ENOMEM;
    }
    c->request = *request;
    c->request.body = (struct tr_bytes){0};
    c->request.attempt_timeout_ms =
        request->attempt_timeout_ms != 0 ? request->attempt_timeout_ms : ATTEMPT_MS;
    c->request.first_byte_timeout_ms =
        request->first_byte_timeout_ms != 0 ? request->first_byte_timeout_ms : FIRST_BYTE_MS;
    c->done = done;
    c->ctx = ctx;
    c->deadline =
        tr_mono_add_ms(tr_clock_mono(), request->timeout_ms != 0 ? request->timeout_ms : CALL_MS);
    set_timer(aws, c->deadline);
    append(&aws->queued[request->class], c);
    if (call != NULL) {
        *call = c;
    }
    return TR_OK;
}

void tr_aws_cancel(struct tr_aws *aws, struct tr_aws_call *call)
{
    struct tr_transfer_result result;

    if (call->list == NULL) {
        return; /* its callback is running */
    }
    if (call->transfer != NULL) {
        tr_transfers_abort(aws->transfers, call->transfer, &result);
        tr_buf_deinit(&result.body);
        aws->in_flight[call->request.class]--;
    }
    unlink_call(call);
    free_call(call);
}

/* Failures that an operator should see. Those of class LOST, and an expired iterator, are ordinary
 * turns of events. */
static bool is_failure(enum tr_status status)
{
    return status != TR_OK && status != TR_EEXPIRED && tr_status_class(status) != TR_CLASS_LOST;
}

static void finish(struct tr_aws *aws, struct tr_aws_call *call)
{
    struct tr_aws_answer *answer = &call->answer;

    answer->may_have_happened = answer->status != TR_OK && call->may_have_happened;
    if (is_failure(answer->status)) {
        tr_log(&(struct tr_note){.id = TR_NOTE_CALL_FAILED,
                                 .a = answer->attempts,
                                 .text = tr_bytes_of(answer->err.text)});
    }
    move(call, &aws->finished);
}

static void fail(struct tr_aws *aws, struct tr_aws_call *call, enum tr_status status,
                 const char *why)
{
    call->answer.status = status;
    (void)tr_fail(&call->answer.err, status, "%s at %s: %s", call->request.operation,
                  url_of(aws, call), why);
    finish(aws, call);
}

static enum tr_status send_attempt(struct tr_aws *aws, struct tr_aws_call *call, struct tr_mono now,
                                   struct tr_err *err)
{
    static const char *const versions[TR_AWS_SERVICE_COUNT] = {
        [TR_AWS_DYNAMODB] = "DynamoDB_20120810", [TR_AWS_STREAMS] = "DynamoDBStreams_20120810"};
    const struct tr_endpoint *endpoint = &aws->endpoints.of[call->request.service];
    struct tr_wall time = {tr_clock_wall().ms + aws->offset_ms};
    struct tr_sigv4_header headers[6];
    struct tr_sigv4_key key = {tr_bytes_of(aws->credentials.access_key), &aws->credentials.secret,
                               tr_bytes_of(aws->endpoints.region), TR_LIT("dynamodb")};
    struct tr_sigv4_request request = {TR_LIT("POST"), TR_LIT("/"), TR_LIT(""),
                                       headers,        0,           tr_buf_bytes(&call->body)};
    struct tr_transfer_request out = {.endpoint = endpoint,
                                      .headers = headers,
                                      .body = request.body,
                                      .large_answer = call->request.class == TR_AWS_RECORDS &&
                                                      aws->large_expected > 0,
                                      .once = call->request.attempts_max == 1,
                                      .ctx = call};
    struct tr_buf date = {0}, target = {0}, authorization = {0};
    enum tr_status status;

    tr_wall_format_amz(&date, time);
    if (strchr(call->request.operation, '.') == NULL) {
        tr_buf_printf(&target, "%s.", versions[call->request.service]);
    }
    tr_buf_add_str(&target, call->request.operation);
    headers[request.header_count++] =
        (struct tr_sigv4_header){TR_LIT("Host"), tr_bytes_of(endpoint->host_header)};
    headers[request.header_count++] =
        (struct tr_sigv4_header){TR_LIT("Content-Type"), TR_LIT("application/x-amz-json-1.0")};
    headers[request.header_count++] =
        (struct tr_sigv4_header){TR_LIT("X-Amz-Date"), tr_buf_bytes(&date)};
    headers[request.header_count++] =
        (struct tr_sigv4_header){TR_LIT("X-Amz-Target"), tr_buf_bytes(&target)};
    if (tr_secret_is_set(&aws->credentials.session_token)) {
        headers[request.header_count++] = (struct tr_sigv4_header){
            TR_LIT("X-Amz-Security-Token"), tr_secret_reveal(&aws->credentials.session_token)};
    }
    status = date.failed || target.failed
                 ? TR_ENOMEM
                 : tr_sigv4_sign(aws->signer, &key, time, &request, &authorization, err);
    if (status == TR_OK) {
        headers[request.header_count++] =
            (struct tr_sigv4_header){TR_LIT("Authorization"), tr_buf_bytes(&authorization)};
        out.header_count = request.header_count;
        out.timeout_ms = tr_mono_ms_until(now, call->deadline, call->request.attempt_timeout_ms);
        out.timeout_ms += out.timeout_ms == 0; /* to curl, 0 is no limit */
        call->signed_offset_ms = aws->offset_ms;
        status = tr_transfers_start(aws->transfers, &out, &call->transfer);
    }
    tr_buf_deinit(&date);
    tr_buf_deinit(&target);
    tr_buf_deinit(&authorization);
    return status;
}

static void launch(struct tr_aws *aws, struct tr_aws_call *call, struct tr_mono now)
{
    struct tr_err err = {0};
    enum tr_status status = send_attempt(aws, call, now, &err);

    if (status != TR_OK) {
        fail(aws, call, status, err.text[0] != '\0' ? err.text : tr_status_text(status));
        return;
    }
    tr_metric_add(TR_METRIC_ATTEMPTS, 1);
    call->tries++;
    call->launched = now;
    call->first_byte_deadline = tr_mono_add_ms(now, call->request.first_byte_timeout_ms);
    set_timer(aws, call->first_byte_deadline);
    aws->in_flight[call->request.class]++;
    move(call, &aws->flying);
}

/* Start what its class has room for, in the order of arrival. */
static void pump(struct tr_aws *aws, struct tr_mono now)
{
    int class;
    for (class = 0; class < TR_AWS_CLASS_COUNT; class ++) {
        while (aws->queued[class].head != NULL &&
               aws->in_flight[class] < aws->in_flight_max[class]) {
            launch(aws, aws->queued[class].head, now);
        }
    }
}

static uint64_t distance(int64_t a, int64_t b)
{
    return (uint64_t)(a > b ? a - b : b - a);
}

/* Follow the service's clock: a Date header has whole seconds and is as old as its way was long, so
 * the offset only moves when our idea of the service's time is outside of what it allows. */
static void follow_clock(struct tr_aws *aws, const struct tr_aws_call *call,
                         const struct tr_transfer_result *result, struct tr_mono now)
{
    int64_t here = tr_clock_wall().ms;
    int64_t earliest = result->date.ms;
    int64_t latest = earliest + 1000 + (int64_t)tr_mono_ms_between(call->launched, now);

    if (result->date.ms == 0 ||
        (result->verdict.status != TR_OK && result->verdict.code[0] == '\0')) {
        return; /* not the service's own answer */
    }
    if (here + aws->offset_ms < earliest) {
        aws->offset_ms = earliest - here;
    } else if (here + aws->offset_ms > latest) {
        aws->offset_ms = latest - here;
    }
}

/* A signature refused for its time is made anew with the service's time, once. Conditional writes
 * too: a request whose signature was refused certainly did nothing. */
static bool is_skew(struct tr_aws *aws, struct tr_aws_call *call, const struct tr_verdict *verdict)
{
    if (!verdict->clock || call->skewed ||
        distance(aws->offset_ms, call->signed_offset_ms) <= SKEW_TOLERATED_MS) {
        return false;
    }
    call->skewed = true;
    if (distance(aws->offset_ms, aws->noted_offset_ms) > SKEW_TOLERATED_MS) {
        aws->noted_offset_ms = aws->offset_ms;
        tr_log(&(struct tr_note){.id = TR_NOTE_CLOCK_SKEW, .a = distance(aws->offset_ms, 0)});
    }
    return true;
}

static void repeat(struct tr_aws *aws, struct tr_aws_call *call, struct tr_mono now,
                   uint64_t wait_ms)
{
    tr_metric_add(TR_METRIC_CALLS_RETRIED, 1);
    tr_log(&(struct tr_note){.id = TR_NOTE_CALL_RETRIED,
                             .a = call->tries,
                             .b = wait_ms,
                             .text = tr_bytes_of(call->answer.err.text)});
    tr_buf_deinit(&call->answer.body);
    call->retry_at = tr_mono_add_ms(now, wait_ms);
    set_timer(aws, call->retry_at);
    move(call, &aws->waiting);
}

/* Pages come one after the other, and so do answers without records. */
static void expect_size(struct tr_aws *aws, const struct tr_aws_call *call)
{
    if (call->request.class != TR_AWS_RECORDS) {
        return;
    }
    if (call->answer.body.len >= LARGE_ANSWER_BYTES) {
        aws->large_expected = LARGE_ANSWER_MEMORY;
    } else if (aws->large_expected > 0) {
        aws->large_expected--;
    }
}

/* Note in the answer what came of an attempt. */
static void record(struct tr_aws *aws, struct tr_aws_call *call, struct tr_transfer_result *result)
{
    struct tr_aws_answer *answer = &call->answer;
    const struct tr_verdict *verdict = &result->verdict;

    answer->status = verdict->status;
    answer->http_status = result->http_status;
    answer->date = result->date;
    answer->body = result->body;
    answer->attempts += result->sent > 1 ? result->sent : 1;
    if (answer->sent.ns == 0) {
        answer->sent = result->when;
    }
    memcpy(answer->code, verdict->code, sizeof answer->code);
    answer->err.text[0] = '\0';
    if (verdict->status != TR_OK) {
        (void)tr_fail(&answer->err, verdict->status, "%s at %s: %s", call->request.operation,
                      url_of(aws, call), verdict->text);
    }
    /* Sent twice means that the first sending got no answer, whatever the second one got. */
    call->may_have_happened |= verdict->may_have_happened || result->sent > 1;
    if (verdict->status == TR_ETHROTTLED) {
        tr_metric_add(TR_METRIC_CALLS_THROTTLED, 1);
    }
}

static void landed(struct tr_aws *aws, struct tr_aws_call *call, struct tr_transfer_result *result)
{
    struct tr_mono now = tr_clock_mono();
    struct tr_retry *retry = &aws->retry[call->request.class];
    struct tr_retry_failure failure = {.status = result->verdict.status,
                                       .repeatable = result->verdict.repeatable,
                                       .attempts_max = call->request.attempts_max,
                                       .hint_ms = result->hint_ms,
                                       .now = now,
                                       .deadline = call->deadline};
    struct tr_retry_decision decision;

    call->transfer = NULL;
    aws->in_flight[call->request.class]--;
    follow_clock(aws, call, result, now);
    record(aws, call, result);
    expect_size(aws, call);
    if (result->verdict.status == TR_OK) {
        tr_retry_succeeded(retry, call->retry_cost);
        finish(aws, call);
        return;
    }
    if (is_skew(aws, call, &result->verdict)) {
        repeat(aws, call, now, 0);
        return;
    }
    failure.attempts = call->answer.attempts;
    decision = tr_retry_decide(retry, &failure);
    if (decision.again) {
        call->retry_cost = decision.cost;
        repeat(aws, call, now, decision.wait_ms);
    } else {
        finish(aws, call);
    }
}

static void expire_queued(struct tr_aws *aws, struct tr_mono now)
{
    struct tr_aws_call *call, *next;
    int class;

    for (class = 0; class < TR_AWS_CLASS_COUNT; class ++) {
        for (call = aws->queued[class].head; call != NULL; call = next) {
            next = call->next;
            if (!tr_mono_reached(now, call->deadline)) {
                set_timer(aws, call->deadline);
            } else if (call->tries == 0) {
                fail(aws, call, TR_ETIMEOUT, "waited too long for other calls of its class");
            } else {
                finish(aws, call); /* with what its last attempt came to */
            }
        }
    }
}

static void wake_waiting(struct tr_aws *aws, struct tr_mono now)
{
    struct tr_aws_call *call, *next;

    for (call = aws->waiting.head; call != NULL; call = next) {
        next = call->next;
        if (tr_mono_reached(now, call->retry_at)) {
            set_timer(aws, call->deadline);
            move(call, &aws->queued[call->request.class]);
        } else {
            set_timer(aws, call->retry_at);
        }
    }
}

static void abort_silent(struct tr_aws *aws, struct tr_mono now)
{
    struct tr_aws_call *call, *next;
    struct tr_transfer_result result;

    for (call = aws->flying.head; call != NULL; call = next) {
        next = call->next;
        if (tr_transfer_has_begun(call->transfer)) {
            continue; /* curl keeps the attempt's own limit */
        }
        if (tr_mono_reached(now, call->first_byte_deadline)) {
            tr_transfers_abort(aws->transfers, call->transfer, &result);
            (void)snprintf(result.verdict.text, sizeof result.verdict.text,
                           "no answer within %llu ms",
                           (unsigned long long)call->request.first_byte_timeout_ms);
            landed(aws, call, &result);
        } else {
            set_timer(aws, call->first_byte_deadline);
        }
    }
}

/* next_timer is a lower bound; when it is reached, all timers are looked at and it is found anew.
 * A call in flight moves it about once in five seconds, so this costs next to nothing. */
static void fire_timers(struct tr_aws *aws, struct tr_mono now)
{
    if (!tr_mono_reached(now, aws->next_timer)) {
        return;
    }
    aws->next_timer = TR_MONO_NEVER;
    abort_silent(aws, now);
    wake_waiting(aws, now);
    expire_queued(aws, now);
}

static bool deliver(struct tr_aws *aws)
{
    bool any = false;
    struct tr_aws_call *call;

    while ((call = aws->finished.head) != NULL) {
        unlink_call(call);
        call->done(call->ctx, &call->answer);
        free_call(call);
        any = true;
    }
    return any;
}

static void collect(struct tr_aws *aws)
{
    struct tr_transfer_result result;
    struct tr_aws_call *call;

    tr_transfers_perform(aws->transfers);
    while ((call = tr_transfers_next_done(aws->transfers, &result)) != NULL) {
        landed(aws, call, &result);
    }
}

void tr_aws_poll(struct tr_aws *aws, struct tr_mono until)
{
    struct tr_mono now;

    TR_ASSERT(!aws->polling);
    aws->polling = true;
    for (;;) {
        fire_timers(aws, tr_clock_mono());
        pump(aws, tr_clock_mono());
        collect(aws);
        pump(aws, tr_clock_mono()); /* into the room that finished ones left */
        now = tr_clock_mono();
        if (deliver(aws) || atomic_exchange(&aws->woken, false) || tr_mono_reached(now, until)) {
            break;
        }
        tr_transfers_wait(aws->transfers,
                          tr_mono_ms_until(now, tr_mono_min(until, aws->next_timer), UINT32_MAX));
    }
    aws->polling = false;
}

void tr_aws_wakeup(struct tr_aws *aws)
{
    atomic_store(&aws->woken, true);
    tr_transfers_wakeup(aws->transfers);
}

static void free_list(struct tr_call_list *list)
{
    struct tr_aws_call *call;
    while ((call = list->head) != NULL) {
        unlink_call(call);
        free_call(call);
    }
}

void tr_aws_free(struct tr_aws *aws)
{
    int class;

    if (aws == NULL) {
        return;
    }
    tr_transfers_free(aws->transfers); /* first: transfers borrow their calls' bodies */
    for (class = 0; class < TR_AWS_CLASS_COUNT; class ++) {
        free_list(&aws->queued[class]);
    }
    free_list(&aws->flying);
    free_list(&aws->waiting);
    free_list(&aws->finished);
    tr_sigv4_free(aws->signer);
    tr_credentials_deinit(&aws->credentials);
    tr_free(aws);
}

const char *tr_aws_region(const struct tr_aws *aws)
{
    return aws->endpoints.region;
}

const char *tr_aws_endpoint(const struct tr_aws *aws, enum tr_aws_service service)
{
    return aws->endpoints.of[service].url;
}

struct tr_wall tr_aws_service_time(const struct tr_aws *aws)
{
    return (struct tr_wall){tr_clock_wall().ms + aws->offset_ms};
}
