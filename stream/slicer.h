/* SPDX-License-Identifier: Apache-2.0
 *
 * What the slicer knows of JSON strings, for the others that work on a sliced page's bytes. */
#ifndef TR_STREAM_SLICER_H
#define TR_STREAM_SLICER_H

#include "base/bytes.h"

/* Whether the inside of a JSON string (without its quotes) spells an ASCII text, escapes
 * understood: both `Type` and `T\u0079pe` are "Type".
 * Shape:   raw is the inside of a well-formed JSON string.
 * Threads: any. */
bool tr_slicer_spells(struct tr_bytes raw, const char *text);

#endif
