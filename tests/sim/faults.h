/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes wrong in a simulated world: one table of faults, and the conditions that are in force
 * for a while. */
#ifndef TR_TESTS_SIM_FAULTS_H
#define TR_TESTS_SIM_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

/* id, name, how often it is chosen, among others, in the small profile. Those before the split
 * are conditions of the network (network.c asks for them), then come processors, the service
 * model's own faults, and single events. */
#define FAULT_TABLE(X)                                                                             \
    X(LOSE_REQUESTS, "requests lost", 6)                                                           \
    X(LOSE_ANSWERS, "answers lost", 8)                                                             \
    X(SLOW_NETWORK, "slow network, reordered", 6)                                                  \
    X(LATE_REQUESTS, "requests late beyond their time-out", 6)                                     \
    X(REPEATED, "requests repeated", 4)                                                            \
    X(BROKEN, "connections broken", 3)                                                             \
    X(PARTITION_OUT, "one-way partition: requests", 5)                                             \
    X(PARTITION_IN, "one-way partition: answers", 5)                                               \
    X(THROTTLED, "throttling storm", 5)                                                            \
    X(ERRORS, "internal errors", 4)                                                                \
    X(PROCESSOR_FAILS, "processor fails", 6)                                                       \
    X(PROCESSOR_SLOW, "processor slow", 5)                                                         \
    X(PROCESSOR_HANGS, "processor hangs", 3)                                                       \
    X(POOL_BUSY, "pool busy", 3)                                                                   \
    X(STALE_READS, "stale reads", 6)                                                               \
    X(STALE_LISTING, "stale listing", 4)                                                           \
    X(PARTIAL_LISTING, "partial listing", 4)                                                       \
    X(EXPIRED_ITERATORS, "iterators expire early", 4)                                              \
    X(EMPTY_PAGES, "empty pages", 3)                                                               \
    X(NOT_FOUND, "not found for a moment", 3)                                                      \
    X(NO_ALL_OLD, "no old row on a failed condition", 3)                                           \
    X(SHARD_LIMITS, "limits of a shard", 2)                                                        \
    X(CRASH, "crash", 10)                                                                          \
    X(STOP, "clean stop", 6)                                                                       \
    X(PAUSE, "pause", 10)                                                                          \
    X(CLOCK_JUMP, "wall clock jumps", 4)                                                           \
    X(MORE_WORKERS, "more workers at once", 3)                                                     \
    X(RESTART_ALL, "all restart at once", 2)                                                       \
    X(SPLIT, "split", 8)                                                                           \
    X(ROLLOVER, "rollover", 8)                                                                     \
    X(TRIM, "trim", 2)                                                                             \
    X(STREAM_OFF_ON, "stream off and on", 0)                                                       \
    X(TWIN, "two processes of one id", 0)                                                          \
    X(ROW_DELETED, "row deleted from outside", 0)                                                  \
    X(ROW_SPOILT, "row spoilt from outside", 0)                                                    \
    X(TABLE_DELETED, "lease table deleted", 0)                                                     \
    X(PROCESSOR_REFUSES, "processor refuses", 0)                                                   \
    X(DAMAGED, "pages damaged", 0)

enum fault {
#define FAULT_ENUM(id, name, weight) FAULT_##id,
    FAULT_TABLE(FAULT_ENUM)
#undef FAULT_ENUM
        FAULT_COUNT
};

#define WORLD_CONDITIONS_MAX 32
#define ANY_WORKER SIZE_MAX
#define ANY_SERVICE (-1)

/* In force until then: for one worker or all, one service or both. */
struct condition {
    enum fault fault;
    size_t worker;
    int service;
    uint64_t until_ms;
    unsigned strength; /* per thousand, or ms */
    uint64_t fault_id; /* of the service model's rule; 0: none */
};

/* The name for people; how often it is chosen among the others. */
const char *fault_name(enum fault fault);
unsigned fault_weight(enum fault fault);
/* Put a fault in and count it. Returns false (and does nothing) where it does not apply now. */
bool fault_begin(struct world *world, enum fault fault, size_t worker);
/* Count a fault that was put in by hand. */
void fault_count(struct world *world, enum fault fault);
/* How strong a condition is for a worker's call of a service; 0: not in force. */
unsigned fault_strength(const struct world *world, enum fault fault, size_t worker, int service);
/* Add a condition by hand (tests). */
void fault_add(struct world *world, const struct condition *condition);
/* End those whose time is over; all of them. */
void fault_expire(struct world *world);
void fault_heal(struct world *world);

#endif
