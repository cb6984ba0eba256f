/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/signals.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

struct tr_signals {
    void (*stop)(void *ctx);
    void *ctx;
    pthread_t thread;
    sigset_t set;
    struct {
        _Atomic unsigned count;
        _Atomic bool over;
    } shared;
};

static void *wait_main(void *arg)
{
    struct tr_signals *signals = arg;
    int number = 0;

    for (;;) {
        struct tr_note note = {.id = TR_NOTE_RUN_STOPPING};
        if (sigwait(&signals->set, &number) != 0) {
            continue;
        }
        if (atomic_load(&signals->shared.over)) {
            return NULL;
        }
        if (atomic_fetch_add(&signals->shared.count, 1) > 0) {
            _exit(1);
        }
        note.a = (uint64_t)number;
        tr_log(&note);
        signals->stop(signals->ctx);
    }
}

enum tr_status tr_signals_start(void (*stop)(void *ctx), void *ctx, struct tr_signals **out,
                                struct tr_err *err)
{
    struct tr_signals *signals = tr_calloc(1, sizeof *signals);
    int failed;

    if (signals == NULL) {
        return TR_ENOMEM;
    }
    signals->stop = stop;
    signals->ctx = ctx;
    sigemptyset(&signals->set);
    sigaddset(&signals->set, SIGTERM);
    sigaddset(&signals->set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals->set, NULL);
    failed = pthread_create(&signals->thread, NULL, wait_main, signals);
    if (failed != 0) {
        char text[128];
        tr_free(signals);
        return tr_fail(err, TR_ELIMIT, "start a thread for signals: %s",
                       tr_errno_text(failed, text, sizeof text));
    }
    *out = signals;
    return TR_OK;
}

void tr_signals_stop(struct tr_signals *signals)
{
    if (signals == NULL) {
        return;
    }
    atomic_store(&signals->shared.over, true);
    pthread_kill(signals->thread, SIGTERM);
    pthread_join(signals->thread, NULL);
    tr_free(signals);
}

unsigned tr_signals_count(const struct tr_signals *signals)
{
    return atomic_load(&signals->shared.count);
}
