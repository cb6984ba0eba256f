/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TR_CLI_PRETTY_H
#define TR_CLI_PRETTY_H

#include "base/buf.h"

/* Indent the JSON that stands in buf from byte `from` on, in place: tokens stay byte for byte, only
 * white space between them changes. */
void tr_pretty_json(struct tr_buf *buf, size_t from);

#endif
