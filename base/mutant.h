/* SPDX-License-Identifier: Apache-2.0
 *
 * Deliberate breaks of the rules, for the simulator's own proof: a check that catches none of them
 * checks nothing. In the library TR_MUTANT() is the constant 0 and TR_SEEN() is nothing; only the
 * simulator's second build of the sources (TR_MUTANTS=1) reads a choice made at run time, and
 * counts which states are reached from which. */
#ifndef TR_BASE_MUTANT_H
#define TR_BASE_MUTANT_H

#ifndef TR_MUTANTS
#define TR_MUTANTS 0
#endif

/* id, the rule that it breaks */
#define TR_MUTANT_TABLE(X)                                                                         \
    X(EMPTY_PAGE_ENDS, "an empty page is taken for the shard's end")                               \
    X(TRIMMED_IN_SILENCE, "records trimmed before they were read are passed over without a word")  \
    X(PAGE_CUT, "a page is dropped after its first batch")                                         \
    X(ACK_DROPPED, "an acknowledgement is dropped")                                                \
    X(FAILURE_SKIPPED, "a batch that failed counts as done")                                       \
    X(STRING_ORDER, "sequence numbers are compared as strings")                                    \
    X(BATCH_WITHOUT_VALIDITY, "a batch is handed out without a look at the lease's validity")      \
    X(READS_WITHOUT_VALIDITY, "a shard is read on while its lease has lapsed")                      \
    X(CHECKPOINT_OF_HANDED, "a checkpoint says what was handed out, not what is done")             \
    X(RELEASE_WITHOUT_CHECKPOINT, "a lease is released without its last checkpoint")               \
    X(END_BEFORE_CHILDREN, "SHARD_END is written before the children's rows exist")                \
    X(END_BEFORE_DONE, "SHARD_END is written while records wait to be processed")

enum tr_mutant {
    TR_MUTANT_NONE,
#define TR_MUTANT_ENUM(id, rule) TR_MUTANT_##id,
    TR_MUTANT_TABLE(TR_MUTANT_ENUM)
#undef TR_MUTANT_ENUM
        TR_MUTANT_COUNT
};

/* State machines whose moves the simulator counts. */
#define TR_MACHINE_TABLE(X)                                                                        \
    X(LEASE)                                                                                       \
    X(READER)                                                                                      \
    X(PHASE)

enum tr_machine {
#define TR_MACHINE_ENUM(id) TR_MACHINE_##id,
    TR_MACHINE_TABLE(TR_MACHINE_ENUM)
#undef TR_MACHINE_ENUM
        TR_MACHINE_COUNT
};
#define TR_MACHINE_STATES_MAX 32

#if TR_MUTANTS
/* The simulator's: which rule is broken in this run, and the moves seen. */
extern enum tr_mutant tr_mutant_chosen;
extern unsigned long tr_machine_moves[TR_MACHINE_COUNT][TR_MACHINE_STATES_MAX]
                                     [TR_MACHINE_STATES_MAX];
#define TR_MUTANT(id) (tr_mutant_chosen == TR_MUTANT_##id)
#define TR_SEEN(machine, from, to) (++tr_machine_moves[TR_MACHINE_##machine][from][to])
#else
#define TR_MUTANT(id) 0
#define TR_SEEN(machine, from, to) ((void)0)
#endif

#endif
