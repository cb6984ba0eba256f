/* SPDX-License-Identifier: Apache-2.0
 *
 * The forms that texts of the configuration may have, and showing them in messages. */
#ifndef TR_CONFIG_TEXT_H
#define TR_CONFIG_TEXT_H

#include "config/settings.h"

#define TR_QUOTE_BYTES 272

/* Hold a text to the form and the length of a setting that is no number.
 * Errors:  TR_ECONFIG with what is wrong; a URL's credentials are not in the message. */
enum tr_status tr_text_check(const struct tr_setting *setting, struct tr_bytes text,
                             struct tr_err *err) TR_MUST_CHECK;

/* Whether a text could name a DynamoDB table: 3 to 255 of a-z A-Z 0-9 _ . - */
bool tr_text_is_table(struct tr_bytes text);
/* The table's name inside a stream's ARN; absent if it is no such ARN. */
struct tr_bytes tr_text_arn_table(struct tr_bytes arn);

/* What a plain YAML scalar would be to other readers of the file. */
enum tr_plain { TR_PLAIN_TEXT, TR_PLAIN_NULL, TR_PLAIN_BOOL, TR_PLAIN_NUMBER };
enum tr_plain tr_text_plain(struct tr_bytes text);

/* Append a URL with its credentials (what stands before an '@') replaced by "***". */
void tr_text_add_masked_url(struct tr_buf *out, struct tr_bytes url);

/* 'text' for messages: in quotes, control characters and malformed bytes as \xNN, cut when long.
 * Owns:    written to the caller's buffer of TR_QUOTE_BYTES; returned for printf. */
const char *tr_text_quote(struct tr_bytes text, char *out);
/* The same without the quotes, for keys in paths. */
void tr_text_add_clean(struct tr_buf *out, struct tr_bytes text, size_t bytes_max);

#endif
