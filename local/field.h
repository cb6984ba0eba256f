/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the members of a request's object: types and bounds, refused in the service's words. */
#ifndef TR_LOCAL_FIELD_H
#define TR_LOCAL_FIELD_H

#include "local/model.h"

#define TR_FIELD_REQUIRED true
#define TR_FIELD_OPTIONAL false

/* A string member; absent ({NULL, 0}) when it is missing or null and not required.
 * Units:   min, max in bytes.
 * Errors:  TR_EREFUSED with the service's problem; TR_ENOMEM.
 * Owns:    *out borrowed until the end of the call. */
enum tr_status tr_field_str(struct tr_call *call, struct tr_json object, const char *name,
                            bool required, size_t min, size_t max,
                            struct tr_bytes *out) TR_MUST_CHECK;

/* A whole number; *out stays as it is when the member is missing or null. */
enum tr_status tr_field_u64(struct tr_call *call, struct tr_json object, const char *name,
                            uint64_t min, uint64_t max, uint64_t *out) TR_MUST_CHECK;

/* Refuse members that are not among names (ended by NULL): for the control operations. */
enum tr_status tr_field_only(struct tr_call *call, struct tr_json object,
                             const char *const *names) TR_MUST_CHECK;

#endif
