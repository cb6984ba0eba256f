/* SPDX-License-Identifier: Apache-2.0
 *
 * The parameters from before expressions (Expected, AttributeUpdates, KeyConditions, QueryFilter,
 * ScanFilter, AttributesToGet), which the Java KCL still sends, turned into the same trees. */
#ifndef TR_LOCAL_LEGACY_H
#define TR_LOCAL_LEGACY_H

#include "local/expr.h"

/* ConditionalOperator (absent: AND), which needs two conditions to join; *any: it is OR. */
enum tr_status tr_legacy_operator(struct tr_problem *problem, struct tr_json name,
                                  struct tr_json conditions, bool *any) TR_MUST_CHECK;
/* Expected: conditions on attributes, joined by AND unless `any` (ConditionalOperator OR).
 * Errors:  TR_EREFUSED with the service's problem; TR_ENOMEM. So all functions here. */
enum tr_status tr_legacy_expected(struct tr_expr *expr, struct tr_json expected, bool any,
                                  struct tr_expr_node **out) TR_MUST_CHECK;
/* KeyConditions, QueryFilter, ScanFilter. */
enum tr_status tr_legacy_conditions(struct tr_expr *expr, struct tr_json conditions, bool any,
                                    struct tr_expr_node **out) TR_MUST_CHECK;
enum tr_status tr_legacy_updates(struct tr_expr *expr, struct tr_json updates,
                                 struct tr_action **out) TR_MUST_CHECK;
enum tr_status tr_legacy_projection(struct tr_expr *expr, struct tr_json attributes,
                                    struct tr_projection *out) TR_MUST_CHECK;

#endif
