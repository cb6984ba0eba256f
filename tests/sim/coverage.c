/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/coverage.h"

#include "lease/lease_core_inside.h"
#include "worker/consumer_parts.h"

#include <inttypes.h>
#include <string.h>

enum tr_mutant tr_mutant_chosen;
unsigned long tr_machine_moves[TR_MACHINE_COUNT][TR_MACHINE_STATES_MAX][TR_MACHINE_STATES_MAX];

#define TO(state) (1u << (state))

/* A state machine: the names of its states, and the moves that are expected to be seen. */
static const struct machine {
    const char *name;
    const char *states[TR_MACHINE_STATES_MAX];
    unsigned moves[TR_MACHINE_STATES_MAX];
} machines[TR_MACHINE_COUNT] = {
    [TR_MACHINE_LEASE] = {"lease",
                          {[LEASE_ABSENT] = "absent",
                           [LEASE_MAKING] = "making",
                           [LEASE_DELETING] = "deleting",
                           [LEASE_ASKING] = "asking",
                           [LEASE_FOREIGN] = "foreign",
                           [LEASE_TAKING] = "taking",
                           [LEASE_ADOPTING] = "adopting",
                           [LEASE_HELD] = "held",
                           [LEASE_LAPSED] = "lapsed",
                           [LEASE_RELEASING] = "releasing"},
                          {[LEASE_ABSENT] = TO(LEASE_MAKING) | TO(LEASE_FOREIGN),
                           [LEASE_MAKING] = TO(LEASE_FOREIGN),
                           [LEASE_DELETING] = TO(LEASE_ABSENT) | TO(LEASE_FOREIGN),
                           [LEASE_ASKING] = TO(LEASE_FOREIGN),
                           [LEASE_FOREIGN] = TO(LEASE_ABSENT) | TO(LEASE_TAKING) |
                                             TO(LEASE_ADOPTING) | TO(LEASE_DELETING) |
                                             TO(LEASE_ASKING),
                           [LEASE_TAKING] = TO(LEASE_ABSENT) | TO(LEASE_FOREIGN) |
                                            TO(LEASE_ADOPTING) | TO(LEASE_HELD) |
                                            TO(LEASE_RELEASING),
                           [LEASE_ADOPTING] = TO(LEASE_ABSENT) | TO(LEASE_FOREIGN) |
                                              TO(LEASE_HELD) | TO(LEASE_RELEASING),
                           [LEASE_HELD] = TO(LEASE_ABSENT) | TO(LEASE_FOREIGN) | TO(LEASE_LAPSED) |
                                          TO(LEASE_RELEASING),
                           [LEASE_LAPSED] = TO(LEASE_ABSENT) | TO(LEASE_FOREIGN) | TO(LEASE_HELD) |
                                            TO(LEASE_RELEASING),
                           [LEASE_RELEASING] = TO(LEASE_ABSENT) | TO(LEASE_FOREIGN)}},
    [TR_MACHINE_READER] = {"reader",
                           {[TR_READER_NEW] = "new",
                            [TR_READER_SEEKING] = "seeking",
                            [TR_READER_ASKING] = "asking",
                            [TR_READER_WAITING] = "waiting",
                            [TR_READER_FETCHING] = "fetching",
                            [TR_READER_ENDED] = "ended"},
                           {[TR_READER_NEW] = TO(TR_READER_SEEKING),
                            [TR_READER_SEEKING] = TO(TR_READER_ASKING),
                            [TR_READER_ASKING] = TO(TR_READER_SEEKING) | TO(TR_READER_WAITING),
                            [TR_READER_WAITING] = TO(TR_READER_SEEKING) | TO(TR_READER_FETCHING),
                            [TR_READER_FETCHING] = TO(TR_READER_WAITING) | TO(TR_READER_SEEKING) |
                                                   TO(TR_READER_ENDED)}},
    [TR_MACHINE_PHASE] = {"consumer",
                          {[PHASE_STREAM] = "stream",
                           [PHASE_LEASE_TABLE] = "lease table",
                           [PHASE_CREATE_TABLE] = "create table",
                           [PHASE_WAIT_TABLE] = "wait for table",
                           [PHASE_RUN] = "run",
                           [PHASE_STOP] = "stop",
                           [PHASE_DONE] = "done"},
                          {[PHASE_STREAM] = TO(PHASE_LEASE_TABLE) | TO(PHASE_DONE),
                           [PHASE_LEASE_TABLE] = TO(PHASE_CREATE_TABLE) | TO(PHASE_RUN) |
                                                 TO(PHASE_WAIT_TABLE) | TO(PHASE_DONE),
                           [PHASE_CREATE_TABLE] = TO(PHASE_WAIT_TABLE) | TO(PHASE_DONE),
                           [PHASE_WAIT_TABLE] =
                               TO(PHASE_LEASE_TABLE) | TO(PHASE_RUN) | TO(PHASE_DONE),
                           [PHASE_RUN] = TO(PHASE_STOP),
                           [PHASE_STOP] = TO(PHASE_DONE)}},
};

#define DAY_MS (24u * 60 * 60 * 1000)

/* Notes that a simulated fleet cannot reach, or only in a long run. All others must be. */
enum reason {
    NONE,
    SHELL, /* no core says it: a house test holds these to the sources */
    SIZE,  /* takes a hundred thousand rows: unit/lease/test_lease_core has it with fewer */
    HAND,  /* takes a checkpoint that somebody wrote: sim/test_start has it */
    DAY    /* takes a shard or a stream that is older than records are kept */
};
static const enum reason reasons[TR_NOTE_COUNT] = {
    [TR_NOTE_RUN_STARTED] = SHELL,       [TR_NOTE_RUN_STOPPING] = SHELL,
    [TR_NOTE_RUN_ENDED] = SHELL,         [TR_NOTE_ADMIN_OPEN] = SHELL,
    [TR_NOTE_CALL_RETRIED] = SHELL,      [TR_NOTE_CALL_FAILED] = SHELL,
    [TR_NOTE_CLOCK_SKEW] = SHELL,        [TR_NOTE_TAIL_CUT] = SHELL,
    [TR_NOTE_LEASE_LIMIT] = SIZE,        [TR_NOTE_CHECKPOINT_UNFOUND] = HAND,
    [TR_NOTE_CHECKPOINT_REFUSED] = HAND, [TR_NOTE_STREAM_LOST] = DAY,
    [TR_NOTE_SHARD_LOST] = DAY,
};

static bool is_due(size_t note, const struct profile *profile)
{
    return reasons[note] == NONE || (reasons[note] == DAY && profile->faulty_ms > DAY_MS);
}

void coverage_add(struct coverage *coverage, const struct fleet_result *result)
{
    size_t m, i, j;
    for (i = 0; i < FAULT_COUNT; i++) {
        coverage->faults[i] += result->faults[i];
    }
    for (i = 0; i < TR_NOTE_COUNT; i++) {
        coverage->notes[i] += result->notes[i];
    }
    for (m = 0; m < TR_MACHINE_COUNT; m++) {
        for (i = 0; i < TR_MACHINE_STATES_MAX; i++) {
            for (j = 0; j < TR_MACHINE_STATES_MAX; j++) {
                coverage->moves[m][i][j] += tr_machine_moves[m][i][j];
            }
        }
    }
    memset(tr_machine_moves, 0, sizeof tr_machine_moves);
}

/* All members are counters. */
void coverage_sum(struct coverage *sum, const struct coverage *more)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)more;
    size_t i;
    for (i = 0; i < sizeof *sum / sizeof *to; i++) {
        to[i] += from[i];
    }
}

/* The moves that are legal and not seen, or seen and not legal, behind a few words. */
static void print_moves(const struct coverage *coverage, size_t m, bool legal, const char *words)
{
    const struct machine *machine = &machines[m];
    size_t i, j;
    for (i = 0; i < TR_MACHINE_STATES_MAX; i++) {
        for (j = 0; j < TR_MACHINE_STATES_MAX; j++) {
            bool seen = coverage->moves[m][i][j] > 0 && i != j;
            if (((machine->moves[i] & TO(j)) != 0) == legal && seen != legal) {
                printf("%s %s > %s", words, machine->states[i], machine->states[j]);
                words = ",";
            }
        }
    }
}

static void print_machine(const struct coverage *coverage, size_t m)
{
    const struct machine *machine = &machines[m];
    size_t i, j, seen = 0, expected = 0;
    for (i = 0; i < TR_MACHINE_STATES_MAX; i++) {
        for (j = 0; j < TR_MACHINE_STATES_MAX; j++) {
            bool legal = (machine->moves[i] & TO(j)) != 0;
            expected += legal;
            seen += legal && coverage->moves[m][i][j] > 0;
        }
    }
    printf("  %-10s %zu of %zu moves", machine->name, seen, expected);
    print_moves(coverage, m, true, "; never:");
    print_moves(coverage, m, false, "; not in the table:");
    printf("\n");
}

static void print_notes(const struct coverage *coverage, const struct profile *profile)
{
    size_t i, seen = 0, due = 0;
    const char *words = "\n  never:";
    for (i = 0; i < TR_NOTE_COUNT; i++) {
        due += is_due(i, profile);
        seen += is_due(i, profile) && coverage->notes[i] > 0;
    }
    printf("notes: %zu of %zu\n ", seen, due);
    for (i = 0; i < TR_NOTE_COUNT; i++) {
        if (coverage->notes[i] > 0) {
            printf(" %s=%" PRIu64, tr_note_row((enum tr_note_id)i)->id, coverage->notes[i]);
        }
    }
    for (i = 0; i < TR_NOTE_COUNT; i++) {
        if (coverage->notes[i] == 0 && is_due(i, profile)) {
            printf("%s %s", words, tr_note_row((enum tr_note_id)i)->id);
            words = "";
        }
    }
    printf("\n");
}

void coverage_print(const struct coverage *coverage, const struct profile *profile)
{
    size_t i;
    printf("faults\n");
    for (i = 0; i < FAULT_COUNT; i++) {
        printf("  %-36s %12" PRIu64 "\n", fault_name((enum fault)i), coverage->faults[i]);
    }
    printf("states\n");
    for (i = 0; i < TR_MACHINE_COUNT; i++) {
        print_machine(coverage, i);
    }
    print_notes(coverage, profile);
}
