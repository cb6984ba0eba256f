/* SPDX-License-Identifier: Apache-2.0
 *
 * Two clocks, two types that do not mix: mono for expiry and timers, wall for signing, stamps and
 * logs. This file only computes and formats; base/clock.h reads the clocks. */
#ifndef TR_BASE_TIME_H
#define TR_BASE_TIME_H

#include "base/buf.h"

/* Nanoseconds of CLOCK_BOOTTIME (it runs on in suspend); 0 is "never". */
struct tr_mono {
    uint64_t ns;
};

/* Milliseconds since 1970-01-01T00:00:00Z; may jump. */
struct tr_wall {
    int64_t ms;
};

#define TR_NS_PER_MS 1000000u
#define TR_NS_PER_S 1000000000u

/* A deadline that never comes. */
#define TR_MONO_NEVER ((struct tr_mono){UINT64_MAX})

struct tr_mono tr_mono_add_ms(struct tr_mono t, uint64_t ms);      /* saturates at NEVER */
bool tr_mono_before(struct tr_mono a, struct tr_mono b);           /* a < b */
bool tr_mono_reached(struct tr_mono now, struct tr_mono deadline); /* now >= deadline */
struct tr_mono tr_mono_min(struct tr_mono a, struct tr_mono b);
struct tr_mono tr_mono_max(struct tr_mono a, struct tr_mono b);
/* b - a in ms, rounded down; 0 when b is before a. */
uint64_t tr_mono_ms_between(struct tr_mono a, struct tr_mono b);
/* Milliseconds from now to deadline, rounded up; 0 when reached; `cap` at the most. */
uint64_t tr_mono_ms_until(struct tr_mono now, struct tr_mono deadline, uint64_t cap);

/* "2026-11-21T08:00:00.123Z". */
void tr_wall_format(struct tr_buf *out, struct tr_wall t);
/* "20261121T080000Z", as SigV4 wants it. */
void tr_wall_format_amz(struct tr_buf *out, struct tr_wall t);
/* "Sat, 21 Nov 2026 08:00:00 GMT", as HTTP wants it. */
void tr_wall_format_http(struct tr_buf *out, struct tr_wall t);
/* Read the two forms that come in: RFC 3339 (with zone, optional fraction) and HTTP's Date.
 * Errors:  false for anything else; *out is then unchanged. */
bool tr_wall_parse_rfc3339(struct tr_bytes text, struct tr_wall *out);
bool tr_wall_parse_http(struct tr_bytes text, struct tr_wall *out);

#endif
