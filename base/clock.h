/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the machine's clocks: for shells only, a core gets its time in the event. */
#ifndef TR_BASE_CLOCK_H
#define TR_BASE_CLOCK_H

#include "base/time.h"

/* CLOCK_BOOTTIME, never 0. Threads: any. */
struct tr_mono tr_clock_mono(void);

/* CLOCK_REALTIME. Threads: any. */
struct tr_wall tr_clock_wall(void);

#endif
