/* SPDX-License-Identifier: Apache-2.0
 *
 * One value of the configuration or of the command line: from text to number and back, with the
 * range in the message when it does not fit. */
#ifndef TR_CONFIG_VALUE_H
#define TR_CONFIG_VALUE_H

#include "config/settings.h"

/* Read a text as a setting's type, within its range.
 * Errors:  TR_ECONFIG with what is wrong and what would be right; *number is then unchanged.
 *          For texts *number is set to 0. */
enum tr_status tr_config_value_parse(const struct tr_setting *setting, struct tr_bytes text,
                                     uint64_t *number, struct tr_err *err) TR_MUST_CHECK;

/* The single types, as tr_config_value_parse. */
enum tr_status tr_config_value_count(struct tr_bytes text, uint64_t low, uint64_t high,
                                     uint64_t *out, struct tr_err *err) TR_MUST_CHECK;
enum tr_status tr_config_value_duration(struct tr_bytes text, uint64_t low_ms, uint64_t high_ms,
                                        uint64_t *out, struct tr_err *err) TR_MUST_CHECK;
enum tr_status tr_config_value_size(struct tr_bytes text, uint64_t low, uint64_t high,
                                    uint64_t *out, struct tr_err *err) TR_MUST_CHECK;
enum tr_status tr_config_value_choice(struct tr_bytes text, const char *choices, uint64_t *out,
                                      struct tr_err *err) TR_MUST_CHECK;

/* Append a number as people write it: in the largest unit that divides it ("90s", "1h"). */
void tr_config_value_add_duration(struct tr_buf *out, uint64_t ms);
void tr_config_value_add_size(struct tr_buf *out, uint64_t bytes);
/* Append a setting's number, and its range ("1..10000", "one|two"; nothing for texts). */
void tr_config_value_add(struct tr_buf *out, const struct tr_setting *setting, uint64_t number);
void tr_config_value_add_range(struct tr_buf *out, const struct tr_setting *setting);
/* The word for a type in messages: "a duration". */
const char *tr_config_value_type_text(enum tr_setting_type type);
/* The index-th of "one|two|three"; absent behind the last. */
struct tr_bytes tr_config_value_choice_at(const char *choices, uint64_t index);

#endif
