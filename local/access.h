/* SPDX-License-Identifier: Apache-2.0
 *
 * What the operations on items share: the table and the key of a request, its expressions whatever
 * way they are written, and the parts of the answers. */
#ifndef TR_LOCAL_ACCESS_H
#define TR_LOCAL_ACCESS_H

#include "local/expr.h"
#include "local/request.h"
#include "local/table.h"

/* A table that can be read and written, by its name or ARN.
 * Errors:  TR_EREFUSED: ResourceNotFoundException; TR_ENOMEM. */
enum tr_status tr_access_table(struct tr_call *call, struct tr_json name,
                               struct tr_local_table **out) TR_MUST_CHECK;

/* A map that must be a key of the table and nothing else. */
enum tr_status tr_access_check_key(struct tr_call *call, const struct tr_local_table *table,
                                   struct tr_value map) TR_MUST_CHECK;
/* A map that must hold a key of the table. */
enum tr_status tr_access_check_item(struct tr_call *call, const struct tr_local_table *table,
                                    struct tr_value map) TR_MUST_CHECK;

/* The item of a key for this request: a stale one if a fault asks for that. */
struct tr_local_item *tr_access_read(const struct tr_call *call, const struct tr_local_table *table,
                                     const struct tr_local_key *key, bool consistent);

/* Expressions and older parameters do not mix; names and values need expressions. Lists end with
 * TR_MEMBER_COUNT. */
enum tr_status tr_access_check_mix(struct tr_call *call, const struct tr_request *request,
                                   const enum tr_member *expressions,
                                   const enum tr_member *others) TR_MUST_CHECK;

/* ProjectionExpression or AttributesToGet; paths NULL when the request has neither, then all is
 * shown. */
enum tr_status tr_access_projection(struct tr_call *call, const struct tr_request *request,
                                    struct tr_projection *out) TR_MUST_CHECK;
enum tr_status tr_access_show(struct tr_call *call, const struct tr_projection *projection,
                              struct tr_value item, struct tr_value *out) TR_MUST_CHECK;

/* --- answers --- */

enum tr_capacity { TR_CAPACITY_NONE, TR_CAPACITY_TOTAL, TR_CAPACITY_INDEXES };

/* What ReturnConsumedCapacity asks for. */
enum tr_capacity tr_access_capacity(const struct tr_request *request);
/* Half units of a read of so many bytes; and of a write. */
uint64_t tr_access_read_halves(uint64_t bytes, bool consistent);
uint64_t tr_access_write_halves(uint64_t old_bytes, uint64_t new_bytes);
/* {"TableName":"T","CapacityUnits":1.5} */
void tr_access_add_capacity(struct tr_buf *out, const struct tr_local_table *table,
                            enum tr_capacity capacity, uint64_t halves);
/* ,"name": or {"name": for the next member of an answer; *first tells and becomes false. */
void tr_access_add_name(struct tr_buf *out, bool *first, const char *name);

#endif
