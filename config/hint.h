/* SPDX-License-Identifier: Apache-2.0
 *
 * "did you mean ...?": the nearest of some known names. */
#ifndef TR_CONFIG_HINT_H
#define TR_CONFIG_HINT_H

#include "base/buf.h"

struct tr_hint {
    struct tr_bytes wanted;
    struct tr_bytes best; /* absent: nothing is near enough */
    size_t distance;
};

/* Start a search for a name, offer the known ones, then look at best. */
void tr_hint_init(struct tr_hint *hint, struct tr_bytes wanted);
void tr_hint_offer(struct tr_hint *hint, struct tr_bytes known);

/* Edits (insert, delete, replace, swap neighbours) from a to b, letters' case and '-' against '_'
 * apart; `limit` + 1 for all that is farther, or longer than 64 bytes. */
size_t tr_hint_distance(struct tr_bytes a, struct tr_bytes b, size_t limit);

#endif
