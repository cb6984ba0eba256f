/* SPDX-License-Identifier: Apache-2.0
 *
 * What reading the lease table costs, and how often it is read for that: small tables often and
 * whole, large ones seldom and shared, each worker watching some parts of it. */
#ifndef TR_LEASE_LEASE_READS_H
#define TR_LEASE_LEASE_READS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* class, how it is told, what a reader of docs/leases.md learns */
#define TR_LEASE_READS_TABLE(X)                                                                    \
    X(SMALL, "whole, often", "up to 4 KB: the whole table, so often that it needs no doorbell")    \
    X(MIDDLE, "whole", "up to 20 KB: the whole table, five times a failover time")                 \
    X(LARGE, "whole, seldom", "above 20 KB with one or two workers: the whole table")              \
    X(SHARED, "in parts", "above 20 KB with more workers: each part by two of them, and by turns") \
    X(QUIET, "seldom", "everything is held by this worker or ended: only the doorbell matters")

enum tr_lease_reads_class {
#define TR_LEASE_READS_ENUM(id, text, doc) TR_LEASE_READS_##id,
    TR_LEASE_READS_TABLE(TR_LEASE_READS_ENUM)
#undef TR_LEASE_READS_ENUM
        TR_LEASE_READS_COUNT
};

struct tr_lease_reads {
    enum tr_lease_reads_class class;
    uint64_t interval_ms; /* from one scan, or round of parts, to the next */
    unsigned segments;    /* parts of the table; 1: whole */
    uint64_t bell_ms;     /* from one look at the doorbell to the next; 0: the scans show enough */
    uint64_t units_hour;  /* read units of one worker in an hour when nothing happens */
};

/* Units:   bytes of the whole table as DynamoDB counts them; workers alive, this one included. */
struct tr_lease_reads tr_lease_reads_plan(uint64_t failover_ms, size_t bytes, size_t workers,
                                          bool quiet);
/* How the class is told. Owns: static. */
const char *tr_lease_reads_text(enum tr_lease_reads_class class);
/* Whether the worker of this rank watches the part in each round: every part is watched by two. */
bool tr_lease_reads_watches(const struct tr_lease_reads *plan, size_t workers, size_t rank,
                            unsigned segment);

#endif
