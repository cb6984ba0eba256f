/* SPDX-License-Identifier: Apache-2.0
 *
 * Child processes: started with no open files but the three they are given, with default signals
 * and in a process group of their own, so that a Ctrl-C on the terminal is the parent's business.
 */
#ifndef TR_CLI_PROCESS_H
#define TR_CLI_PROCESS_H

#include "base/time.h"

#include <sys/types.h>

/* Init with TR_PROCESS_NONE. */
struct tr_process {
    pid_t pid;      /* 0: none, or its end was collected */
    int pidfd;      /* readable once it ended; -1: the kernel has none, or no process */
    int out_fd;     /* read end of its stdout, non-blocking; -1: goes elsewhere */
    int exit_code;  /* once it ended: of exit; -1: a signal ended it */
    int end_signal; /* the signal; 0: none */
};

#define TR_PROCESS_NONE ((struct tr_process){.pidfd = -1, .out_fd = -1})

struct tr_process_options {
    const char *path;        /* of the program */
    const char *const *argv; /* ends with NULL */
    const char *const *envp; /* ends with NULL */
    const char *err_path;    /* stderr is appended there; made if missing */
    bool pipe_out;           /* stdout into a pipe of ours; otherwise it goes where stderr goes */
};

/* Start it. stdin is /dev/null.
 * Errors:  TR_EIO with the program's or the file's name.
 * Threads: one at a time for one process, here and below. */
enum tr_status tr_process_start(const struct tr_process_options *options, struct tr_process *out,
                                struct tr_err *err) TR_MUST_CHECK;

/* Whether it runs; collects its end when it has come. */
bool tr_process_running(struct tr_process *process);
/* Send a signal to it, or to its whole group; nothing happens when it ended. */
void tr_process_signal(struct tr_process *process, int number);
void tr_process_signal_group(struct tr_process *process, int number);
/* Wait for its end, at most until the deadline. Returns whether it ended. */
bool tr_process_wait(struct tr_process *process, struct tr_mono deadline);
/* Kill it and its group if it runs, collect its end, close what is open. */
void tr_process_end(struct tr_process *process);

#endif
