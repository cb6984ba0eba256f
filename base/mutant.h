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
    X(READS_WITHOUT_VALIDITY, "a shard is read on while its lease has lapsed")                     \
    X(CHECKPOINT_OF_HANDED, "a checkpoint says what was handed out, not what is done")             \
    X(RELEASE_WITHOUT_CHECKPOINT, "a lease is released without its last checkpoint")               \
    X(END_BEFORE_CHILDREN, "SHARD_END is written before the children's rows exist")                \
    X(END_BEFORE_DONE, "SHARD_END is written while records wait to be processed")                  \
    X(WRITE_WITHOUT_COUNTER, "an owner's write asks for the owner only, not for the counter")      \
    X(TAKE_WITHOUT_COUNTER, "a take asks for the owner only, not for the counter")                 \
    X(CREATE_OVERWRITES, "a row is made without asking whether there is one")                      \
    X(COUNTER_NOT_RAISED, "an owner's write leaves the counter as it was")                         \
    X(RELEASE_KEEPS_OWNER, "a release leaves the owner in the row")                                \
    X(RELEASED_IN_HAND, "a lease is released while a batch of it is being processed")              \
    X(VALID_WHOLE_FAILOVER, "a lease is valid for the whole failover time")                        \
    X(VALID_FROM_RECEIPT, "validity counts from the receipt of an answer, not from the sending")   \
    X(VALIDITY_WHEN_QUEUED, "validity is looked at when a batch is queued, not when it begins")    \
    X(LOST_ANSWER_IS_SUCCESS, "a write without an answer counts as done")                          \
    X(GRANT_BY_READ, "a lease is adopted by a row that was read")                                  \
    X(TAKEN_TOO_EARLY, "a lease is taken after half of the failover time")                         \
    X(OWN_FAILOVER_ONLY, "the failover time that an owner stored is not waited for")               \
    X(FRESH_COUNTER_OLD_AGE, "a take asks for the newest counter by the age of the oldest")        \
    X(AGE_FROM_SENDING, "a row's age counts from the sending of the scan")                         \
    X(STEALS_FROM_ALL, "live leases of tailrace workers are stolen, not asked for")                \
    X(REQUEST_IGNORED, "requests for a lease are not answered")                                    \
    X(MOVES_FOR_NOTHING, "a lease moves for a difference of one")                                  \
    X(BELL_UNREAD, "nobody listens to the doorbell")                                               \
    X(PARENTS_IGNORED, "a child is read before its parents have ended")                            \
    X(CHILD_BEFORE_PARENT, "rows are made in any order, children before parents")                  \
    X(FINISHED_MADE_AGAIN, "a finished shard whose row went gets another one")                     \
    X(NO_CHILDREN_IS_AN_ANSWER, "one answer without children is taken for an end without any")     \
    X(ROW_DELETED_EARLY, "an ended row goes before its children have begun")                       \
    X(NOT_FOUND_IS_LOST, "a shard is lost by a single ResourceNotFoundException")                  \
    X(LATEST_ANEW, "a shard that nobody has begun is read from LATEST")                            \
    X(CHECKPOINT_UNREAD, "a taken shard is read from its beginning, not from its checkpoint")      \
    X(PART_IS_WHOLE, "a batch that was done in part counts as done")                               \
    X(START_NOT_INHERITED, "rows made after the first one do not inherit the fleet's start")       \
    X(CHECKPOINT_OUTLIVES,                                                                         \
      "a checkpoint that a lost lease did not write is written in the next tenure")                \
    X(FAILED_WRITE_EXTENDS, "a write that failed counts for validity as one that succeeded")       \
    X(EXPIRED_STALLS, "an iterator that expired is not made again")                                \
    X(TWIN_IS_OWN, "another process under the same id counts as this one")                         \
    X(DELETED_UNSEEN, "rows that were deleted from outside are not missed")                        \
    X(TAKE_RETRACES, "a take counts on from a counter that went back")                             \
    X(FIRST_SKIPPED, "a shard is read from behind its first number on")                            \
    X(LOSS_UNTOLD, "a batch that is queued begins after its lease was lost")

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
