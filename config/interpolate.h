/* SPDX-License-Identifier: Apache-2.0
 *
 * ${NAME}, ${NAME:-default}, ${NAME:?message} and $$ in one scalar, replaced after the YAML was
 * parsed: a variable's value is text and never becomes structure. */
#ifndef TR_CONFIG_INTERPOLATE_H
#define TR_CONFIG_INTERPOLATE_H

#include "config/config.h"

#define TR_INTERPOLATED_BYTES_MAX 65536

/* Append the text with all variables replaced to *out, and the names of the variables, with ", "
 * between them, to *names (nothing is appended there when there were none).
 * Errors:  TR_ECONFIG: malformed, not set, or longer than TR_INTERPOLATED_BYTES_MAX; memory shows
 * in the buffers' status. */
enum tr_status tr_interpolate(struct tr_bytes text, tr_config_getenv_fn getenv, void *user,
                              struct tr_buf *out, struct tr_buf *names,
                              struct tr_err *err) TR_MUST_CHECK;

#endif
