/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 as DynamoDB takes it: the standard alphabet, padded, no white space, no stray bits. */
#ifndef TR_LOCAL_BASE64_H
#define TR_LOCAL_BASE64_H

#include "base/buf.h"

enum tr_base64_outcome { TR_BASE64_OK, TR_BASE64_LENGTH, TR_BASE64_CHARACTER, TR_BASE64_LAST };

/* Append the text of some bytes. */
void tr_base64_add(struct tr_buf *out, struct tr_bytes bytes);
/* Append the bytes of a text; on anything but TR_BASE64_OK out is as before. */
enum tr_base64_outcome tr_base64_decode(struct tr_buf *out, struct tr_bytes text);

#endif
