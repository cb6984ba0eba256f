/* SPDX-License-Identifier: Apache-2.0
 *
 * DynamoDB attribute values in a packed, canonical form: one run of bytes, members and set elements
 * sorted, numbers normalised, so that equal values are equal bytes and an item is one allocation.
 * A view finds its parts by walking; nothing is decoded that nobody asks for. */
#ifndef TR_LOCAL_VALUE_H
#define TR_LOCAL_VALUE_H

#include "base/json.h"
#include "local/arena.h"
#include "local/problem.h"

/* id, name in DynamoDB JSON */
#define TR_VALUE_TABLE(X)                                                                          \
    X(ABSENT, "")                                                                                  \
    X(S, "S")                                                                                      \
    X(N, "N")                                                                                      \
    X(B, "B")                                                                                      \
    X(BOOL, "BOOL")                                                                                \
    X(NULL, "NULL")                                                                                \
    X(M, "M")                                                                                      \
    X(L, "L")                                                                                      \
    X(SS, "SS")                                                                                    \
    X(NS, "NS")                                                                                    \
    X(BS, "BS")

enum tr_value_type {
#define TR_VALUE_ENUM(id, name) TR_VALUE_##id,
    TR_VALUE_TABLE(TR_VALUE_ENUM)
#undef TR_VALUE_ENUM
        TR_VALUE_COUNT
};

#define TR_VALUE_DEPTH_MAX 32 /* an attribute is level 1, what a map or list holds one deeper */
#define TR_VALUE_TOO_DEEP                                                                          \
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels "    \
    "beyond supported limit"
#define TR_NAME_BYTES_MAX 65535
#define TR_ITEM_SIZE_MAX 409600

/* A view of one value, passed by value. data is the content: the characters of S, the bytes of B,
 * the normalised decimal text of N, one byte (0, 1) of BOOL, the packed parts of the others. */
struct tr_value {
    enum tr_value_type type;
    struct tr_bytes data; /* borrowed */
};

/* "S", "NS", ... Owns: static. */
const char *tr_value_type_name(enum tr_value_type type);
/* The type of a name; TR_VALUE_ABSENT for unknown ones. */
enum tr_value_type tr_value_type_of(struct tr_bytes name);
bool tr_value_is_set(enum tr_value_type type);
/* S for SS, N for NS, B for BS. */
enum tr_value_type tr_value_element_type(enum tr_value_type set);

/* Pack a value given as DynamoDB JSON ({"S":"x"}); the bytes of the view live in the arena.
 * Errors:  TR_EREFUSED with the service's problem; TR_ENOMEM. */
enum tr_status tr_value_parse(struct tr_json json, struct tr_arena *arena, struct tr_value *out,
                              struct tr_problem *problem) TR_MUST_CHECK;
/* The same of a map of names to values, an item or a key: gives a view of type M. */
enum tr_status tr_value_parse_map(struct tr_json json, struct tr_arena *arena, struct tr_value *out,
                                  struct tr_problem *problem) TR_MUST_CHECK;

/* The value of a whole packed run. */
struct tr_value tr_value_of_packed(struct tr_bytes packed);

/* A JSON string's content, unescaped into the arena if need be. Shape: json is a string. */
enum tr_status tr_json_text(struct tr_json json, struct tr_arena *arena,
                            struct tr_bytes *out) TR_MUST_CHECK;
/* The service's words for a JSON value that is not a String, Boolean, Integer, Long. */
enum tr_status tr_json_mistyped(struct tr_json json, const char *wanted,
                                struct tr_problem *problem) TR_MUST_CHECK;

/* Append DynamoDB JSON: {"S":"x"}; and of type M without its type: {"a":{"S":"x"}}. */
void tr_value_print(struct tr_buf *out, struct tr_value value);
void tr_value_print_map(struct tr_buf *out, struct tr_value map);

/* Walk the parts of an M (with names), L, SS, NS or BS (elements have the type S, N, B).
 * for (tr_value_walk(&w, v); tr_value_step(&w);) ... w.name, w.value */
struct tr_value_walk {
    struct tr_bytes rest;
    enum tr_value_type type;
    struct tr_bytes name; /* of a member; absent in lists and sets */
    struct tr_value value;
};
void tr_value_walk(struct tr_value_walk *walk, struct tr_value container);
bool tr_value_step(struct tr_value_walk *walk);
/* How many parts. */
size_t tr_value_count(struct tr_value container);
/* A member of an M, an element of an L; TR_VALUE_ABSENT when there is none or it is no container.
 */
struct tr_value tr_value_member(struct tr_value map, struct tr_bytes name);
struct tr_value tr_value_element(struct tr_value list, size_t index);

/* Whether a set has an element. */
bool tr_value_has(struct tr_value set, struct tr_bytes element);

/* Equality as the service sees it: sets without order, numbers by value. */
bool tr_value_eq(struct tr_value a, struct tr_value b);
/* Order of two S, two N or two B: <0, 0, >0. */
int tr_value_cmp(struct tr_value a, struct tr_value b);
/* The bytes that the service counts for a value; and for an item or a key, names included. */
size_t tr_value_size(struct tr_value value);
size_t tr_value_map_size(struct tr_value map);
/* Levels of M and L; 0 for anything else. */
unsigned tr_value_depth(struct tr_value value);

/* Append packed: a value, a member of a map, an element of a set; for those who build containers.
 * Members and elements come in canonical order (tr_value_part_sort). */
void tr_value_pack(struct tr_buf *out, struct tr_value value);
void tr_value_pack_member(struct tr_buf *out, struct tr_bytes name, struct tr_value value);
void tr_value_pack_element(struct tr_buf *out, struct tr_bytes element);
/* A container whose parts follow; close takes what open returned. */
size_t tr_value_pack_open(struct tr_buf *out, enum tr_value_type type);
void tr_value_pack_close(struct tr_buf *out, size_t opened);

/* What is sorted: members by name, elements by value. */
struct tr_value_part {
    struct tr_bytes name; /* absent: the order is that of the values */
    struct tr_value value;
    struct tr_json json; /* a member that is still to be read */
};
/* Stable, in canonical order. Errors: false without memory. */
bool tr_value_part_sort(struct tr_value_part *parts, size_t count,
                        struct tr_arena *arena) TR_MUST_CHECK;
/* Make a map or a set of sorted parts; the bytes live in the arena. */
enum tr_status tr_value_build(enum tr_value_type type, const struct tr_value_part *parts,
                              size_t count, struct tr_arena *arena,
                              struct tr_value *out) TR_MUST_CHECK;

#endif
