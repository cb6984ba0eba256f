/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sync.h"

/* Somebody waits for the answer at a terminal: what does not answer is told within seconds. */
#define CALL_TIMEOUT_MS 10000u

struct waiting {
    struct tr_aws_answer *answer;
    bool done;
};

static void on_done(void *ctx, struct tr_aws_answer *answer)
{
    struct waiting *waiting = ctx;
    *waiting->answer = *answer;
    answer->body = (struct tr_buf){0};
    waiting->done = true;
}

enum tr_status tr_cli_call(struct tr_aws *aws, enum tr_aws_service service, const char *operation,
                           struct tr_buf *body, struct tr_aws_answer *answer, struct tr_err *err)
{
    return tr_cli_call_unless(aws, NULL, service, operation, body, answer, err);
}

static bool is_stopped(const _Atomic bool *stop)
{
    return stop != NULL && atomic_load(stop);
}

enum tr_status tr_cli_call_unless(struct tr_aws *aws, const _Atomic bool *stop,
                                  enum tr_aws_service service, const char *operation,
                                  struct tr_buf *body, struct tr_aws_answer *answer,
                                  struct tr_err *err)
{
    struct tr_aws_call *call = NULL;
    struct waiting waiting = {answer, false};
    struct tr_aws_request request = {.service = service,
                                     .class = TR_AWS_CONTROL,
                                     .operation = operation,
                                     .timeout_ms = CALL_TIMEOUT_MS,
                                     .body = tr_buf_bytes(body)};
    enum tr_status status = tr_buf_status(body);

    *answer = (struct tr_aws_answer){0};
    if (status == TR_OK) {
        status = tr_aws_start(aws, &request, on_done, &waiting, &call);
    }
    tr_buf_deinit(body);
    if (status != TR_OK) {
        return status;
    }
    while (!waiting.done && !is_stopped(stop)) {
        tr_aws_poll(aws, TR_MONO_NEVER);
    }
    if (!waiting.done) {
        tr_aws_cancel(aws, call);
        return TR_ECANCELED;
    }
    if (answer->status != TR_OK && err != NULL) {
        *err = answer->err;
    }
    return answer->status;
}
