/* SPDX-License-Identifier: Apache-2.0
 *
 * What a user's write says: the part of cli/activity.h that makes requests. */
#ifndef TR_CLI_ACTIVITY_ITEM_H
#define TR_CLI_ACTIVITY_ITEM_H

#include "cli/activity.h"

/* Choose what the user does, from the stage of the purchase and the write's seed; sets what and
 * stage. */
void tr_activity_choose(const struct tr_activity_user *user, struct tr_activity_write *write);

#endif
