/* SPDX-License-Identifier: Apache-2.0
 *
 * The judge of simulated fleets: for each of its checks a hand-made history that is right, and one
 * with a single step wrong, which it must name. */
#include "tests/sim/judge.h"

#include "tests/sim/scan.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#define F 10000u
#define DAY (24u * 3600u * 1000u)

struct history {
    struct judge *judge;
    struct judge_options options;
    char check[32];
    char why[1024];
    uint64_t now;
    unsigned versions[100];
};

static void wrong(void *ctx, const char *check, const char *why)
{
    struct history *h = ctx;
    (void)snprintf(h->check, sizeof h->check, "%s", check);
    (void)snprintf(h->why, sizeof h->why, "%s", why);
}

static void begin_with(struct history *h, const struct judge_options *options)
{
    *h = (struct history){.options = *options, .now = 1000};
    h->options.failover_ms = F;
    h->options.lease_table = "app";
    h->options.wrong = wrong;
    h->options.ctx = h;
    h->judge = judge_new(&h->options);
    judge_shard(h->judge, h->now, "s", "P", NULL, NULL);
    judge_shard(h->judge, h->now, "s", "Q", NULL, NULL);
    judge_worker(h->judge, h->now, 0, JUDGE_STARTED, "w0", false);
    judge_worker(h->judge, h->now, 1, JUDGE_STARTED, "w1", false);
}

static void begin(struct history *h)
{
    struct judge_options options = {0};
    begin_with(h, &options);
}

/* The check that named a wrong, "" if none did. */
static void must_say(struct history *h, const char *check)
{
    if (strcmp(h->check, check) != 0) {
        fail_msg("the judge says '%s' (%s), not '%s'", h->check, h->why, check);
    }
    judge_free(h->judge);
}

static void end_with(struct history *h, const char *check)
{
    judge_end(h->judge, h->now);
    must_say(h, check);
}

static void pass(struct history *h, uint64_t ms)
{
    uint64_t until = h->now + ms;
    while (h->now < until) {
        h->now += until - h->now < 1000 ? until - h->now : 1000;
        judge_tick(h->judge, h->now);
    }
}

/* ---- what happens ---- */

static const char *number(unsigned n, char *out)
{
    (void)snprintf(out, 48, "49%038u", n);
    return out;
}

static void write_to(struct history *h, const char *shard, unsigned n, unsigned key)
{
    char text[48];
    judge_written(h->judge, h->now, shard, number(n, text), key, ++h->versions[key]);
}

struct row {
    const char *key, *owner, *checkpoint, *more;
    unsigned counter;
};

static const char *item(const struct row *row, char *out)
{
    char owner[64] = "";
    if (row->key == NULL) {
        return NULL;
    }
    if (row->owner != NULL) {
        (void)snprintf(owner, sizeof owner, "\"leaseOwner\":{\"S\":\"%s\"},", row->owner);
    }
    (void)snprintf(out, 512,
                   "{\"leaseKey\":{\"S\":\"%s\"},%s\"leaseCounter\":{\"N\":\"%u\"},"
                   "\"checkpoint\":{\"S\":\"%s\"}%s}",
                   row->key, owner, row->counter, row->checkpoint,
                   row->more != NULL ? row->more : "");
    return out;
}

static void put_sent(struct history *h, size_t worker, uint64_t sent, const struct row *before,
                     struct row after)
{
    char was[512], is[512];
    judge_item(h->judge, h->now, worker, sent, "app", before != NULL ? item(before, was) : NULL,
               item(&after, is));
}

/* A write that is carried out as it is sent; *row is the row before and after. */
static void put(struct history *h, size_t worker, struct row *row, struct row after)
{
    put_sent(h, worker, h->now, row->key != NULL ? row : NULL, after);
    *row = after;
}

static const char *cp(unsigned n)
{
    static char text[8][48];
    static unsigned turn;
    return number(n, text[turn++ % 8]);
}

static struct row make(struct history *h, const char *key)
{
    struct row row = {0};
    put(h, 0, &row, (struct row){.key = key, .checkpoint = "TRIM_HORIZON", .counter = 7});
    return row;
}

static void take(struct history *h, size_t worker, struct row *row)
{
    struct row after = *row;
    after.owner = worker == 0 ? "w0" : "w1";
    after.counter++;
    put(h, worker, row, after);
}

static void renew(struct history *h, size_t worker, struct row *row)
{
    struct row after = *row;
    after.counter++;
    put(h, worker, row, after);
}

static void checkpoint(struct history *h, size_t worker, struct row *row, const char *at)
{
    struct row after = *row;
    after.counter++;
    after.checkpoint = at;
    put(h, worker, row, after);
}

static void release(struct history *h, size_t worker, struct row *row, const char *at)
{
    struct row after = *row;
    after.counter++;
    after.owner = NULL;
    after.checkpoint = at != NULL ? at : row->checkpoint;
    put(h, worker, row, after);
}

static void hand(struct history *h, size_t worker, const char *shard, unsigned first, unsigned last)
{
    char a[48], b[48];
    judge_batch(h->judge, h->now, worker, shard, number(first, a), number(last, b),
                last - first + 1);
}

static void done(struct history *h, size_t worker, const char *shard, unsigned n, unsigned key,
                 unsigned version)
{
    char a[48];
    judge_done(h->judge, h->now, worker, shard, number(n, a), key, version);
}

static void delete_row(struct history *h, size_t worker, struct row *row)
{
    char was[512];
    judge_item(h->judge, h->now, worker, h->now, "app", item(row, was), NULL);
    *row = (struct row){0};
}

/* Worker 0 holds P with records 1..4 (items 1, 2, 1, 2), none handed out. */
static struct row held(struct history *h)
{
    struct row row = make(h, "P");
    write_to(h, "P", 1, 1);
    write_to(h, "P", 2, 2);
    write_to(h, "P", 3, 1);
    write_to(h, "P", 4, 2);
    take(h, 0, &row);
    return row;
}

static struct row begin_held(struct history *h)
{
    begin(h);
    return held(h);
}

static void all_done(struct history *h, size_t worker)
{
    hand(h, worker, "P", 1, 4);
    done(h, worker, "P", 1, 1, 1);
    done(h, worker, "P", 2, 2, 1);
    done(h, worker, "P", 3, 1, 2);
    done(h, worker, "P", 4, 2, 2);
}

/* ---- records ---- */

static void test_judge__says_nothing_of_a_right_history(void **state)
{
    struct history h;
    struct row row;
    (void)state;
    row = begin_held(&h);
    hand(&h, 0, "P", 1, 2);
    done(&h, 0, "P", 1, 1, 1);
    done(&h, 0, "P", 2, 2, 1);
    checkpoint(&h, 0, &row, cp(2));
    hand(&h, 0, "P", 3, 4);
    done(&h, 0, "P", 3, 1, 2);
    hand(&h, 0, "P", 4, 4); /* the failed rest */
    done(&h, 0, "P", 4, 2, 2);
    release(&h, 0, &row, cp(3));
    take(&h, 1, &row); /* at once: it is nobody's */
    hand(&h, 1, "P", 4, 4);
    done(&h, 1, "P", 4, 2, 2);
    judge_shard_closed(h.judge, h.now, "P");
    checkpoint(&h, 1, &row, "SHARD_END");
    assert_int_equal(judge_repeats(h.judge), 1);
    end_with(&h, "");
}

static void test_judge__misses_a_record_that_nobody_processed(void **state)
{
    struct history h;
    (void)state;
    (void)begin_held(&h);
    end_with(&h, "lost");
    tr_assert_has(h.why, "version 1 of item 1");
}

static void test_judge__knows_the_order_of_an_item_and_of_a_shard(void **state)
{
    struct history h;
    (void)state;
    (void)begin_held(&h);
    hand(&h, 0, "P", 1, 4);
    done(&h, 0, "P", 3, 1, 2);
    must_say(&h, "item-order");
    (void)begin_held(&h);
    hand(&h, 0, "P", 1, 4);
    done(&h, 0, "P", 2, 2, 1);
    must_say(&h, "shard-order");
    (void)begin_held(&h);
    hand(&h, 0, "P", 1, 4);
    done(&h, 0, "P", 1, 1, 2);
    must_say(&h, "unknown-record");
}

static void test_judge__wants_batches_without_holes(void **state)
{
    struct history h;
    char a[48], b[48];
    (void)state;
    (void)begin_held(&h);
    judge_batch(h.judge, h.now, 0, "P", number(1, a), number(4, b), 3);
    must_say(&h, "batch-hole");
    (void)begin_held(&h);
    judge_batch(h.judge, h.now, 0, "P", number(1, a), number(9, b), 4);
    must_say(&h, "batch-hole");
    (void)begin_held(&h);
    hand(&h, 0, "P", 1, 1);
    done(&h, 0, "P", 1, 1, 1);
    hand(&h, 0, "P", 3, 4);
    must_say(&h, "skipped");
}

static void test_judge__wants_redelivery_to_start_at_the_checkpoint(void **state)
{
    struct history h;
    struct row row;
    (void)state;
    row = begin_held(&h);
    all_done(&h, 0);
    release(&h, 0, &row, cp(2));
    take(&h, 1, &row);
    hand(&h, 1, "P", 2, 4);
    must_say(&h, "redelivery");
    row = begin_held(&h);
    all_done(&h, 0);
    release(&h, 0, &row, cp(2));
    take(&h, 1, &row);
    hand(&h, 1, "P", 4, 4);
    must_say(&h, "skipped");
}

/* Shard P splits; its child is C. */
static struct row split(struct history *h, struct row *parent)
{
    struct row child;
    judge_shard_closed(h->judge, h->now, "P");
    judge_shard(h->judge, h->now, "s", "C", "P", NULL);
    child = make(h, "C");
    write_to(h, "C", 11, 1);
    (void)parent;
    return child;
}

static void test_judge__wants_parents_before_children(void **state)
{
    struct history h;
    struct row row, child;
    (void)state;
    row = begin_held(&h);
    all_done(&h, 0);
    child = split(&h, &row);
    take(&h, 0, &child);
    hand(&h, 0, "C", 11, 11);
    done(&h, 0, "C", 11, 1, 3);
    end_with(&h, "");
    row = begin_held(&h);
    hand(&h, 0, "P", 1, 4);
    done(&h, 0, "P", 1, 1, 1);
    child = split(&h, &row);
    take(&h, 0, &child);
    hand(&h, 0, "C", 11, 11);
    must_say(&h, "parents-first");
}

static void trim_two(struct history *h, bool fault)
{
    char text[48];
    (void)held(h);
    if (fault) {
        judge_fault(h->judge, h->now, "pause");
    }
    judge_trimmed(h->judge, h->now, "P", number(2, text));
}

static void the_rest(struct history *h)
{
    hand(h, 0, "P", 3, 4);
    done(h, 0, "P", 3, 1, 2);
    done(h, 0, "P", 4, 2, 2);
}

static void test_judge__wants_a_gap_event_with_bounds_and_a_fault_for_what_is_trimmed(void **state)
{
    struct history h;
    char text[160], a[48];
    (void)state;
    (void)snprintf(text, sizeof text, "after TRIM_HORIZON, before %s", number(3, a));
    begin(&h);
    trim_two(&h, true);
    the_rest(&h);
    judge_gap(h.judge, h.now, 0, "P", text);
    end_with(&h, "");
    begin(&h);
    trim_two(&h, true);
    the_rest(&h);
    end_with(&h, "gap-missing");
    begin(&h);
    trim_two(&h, false);
    the_rest(&h);
    judge_gap(h.judge, h.now, 0, "P", text);
    end_with(&h, "gap-unblamed");
    begin(&h);
    trim_two(&h, true);
    the_rest(&h);
    (void)snprintf(text, sizeof text, "after TRIM_HORIZON, before %s", number(2, a));
    judge_gap(h.judge, h.now, 0, "P", text); /* ends too early */
    end_with(&h, "gap-missing");
    begin(&h);
    trim_two(&h, true);
    judge_gap(h.judge, h.now, 0, "P", "something is missing");
    must_say(&h, "gap-bounds");
    (void)begin_held(&h);
    judge_fault(h.judge, h.now, "pause");
    judge_trimmed(h.judge, h.now, "P", number(4, a));
    end_with(&h, "gap-missing"); /* nothing is behind it yet: told all the same */
    (void)begin_held(&h);
    judge_fault(h.judge, h.now, "pause");
    judge_trimmed(h.judge, h.now, "P", number(4, a));
    judge_gap(h.judge, h.now, 0, "P", "after TRIM_HORIZON, and nothing is left until now, then");
    end_with(&h, "");
}

static void test_judge__lets_a_shard_that_went_young_wait_a_day_for_its_gap(void **state)
{
    struct history h;
    struct row row;
    unsigned i;
    (void)state;
    for (i = 0; i < 3; i++) {
        row = begin_held(&h);
        judge_fault(h.judge, h.now, "trim");
        judge_trimmed(h.judge, h.now, "P", NULL);
        if (i == 1) {
            checkpoint(&h, 0, &row, "SHARD_END");
        }
        h.now += i == 2 ? DAY + DAY / 24 : 0;
        end_with(&h, i == 0 ? "" : "gap-missing");
    }
}

static void test_judge__takes_a_lost_shard_as_ended_with_a_gap(void **state)
{
    struct history h;
    struct row row;
    char bounds[96];
    (void)state;
    row = begin_held(&h);
    judge_fault(h.judge, h.now, "outage");
    judge_trimmed(h.judge, h.now, "P", NULL);
    judge_gap(h.judge, h.now, 0, "P", "after TRIM_HORIZON, up to the end of the shard");
    checkpoint(&h, 0, &row, "SHARD_END");
    end_with(&h, "");
    row = begin_held(&h);
    judge_fault(h.judge, h.now, "outage");
    judge_trimmed(h.judge, h.now, "P", NULL);
    (void)snprintf(bounds, sizeof bounds, "from %s, up to the end of the shard", cp(1));
    judge_gap(h.judge, h.now, 0, "P", bounds);
    checkpoint(&h, 0, &row, "SHARD_END");
    end_with(&h, "");
    row = begin_held(&h);
    judge_fault(h.judge, h.now, "outage");
    judge_trimmed(h.judge, h.now, "P", NULL);
    (void)snprintf(bounds, sizeof bounds, "after %s, up to the end of the shard", cp(1));
    judge_gap(h.judge, h.now, 0, "P", bounds);
    checkpoint(&h, 0, &row, "SHARD_END");
    end_with(&h, "gap-missing");
    row = begin_held(&h);
    judge_fault(h.judge, h.now, "outage");
    judge_trimmed(h.judge, h.now, "P", NULL);
    judge_shard(h.judge, h.now, "s", "C", "P", NULL);
    judge_gap(h.judge, h.now, 0, "C", "shards before this one were trimmed while nobody read");
    end_with(&h, "");
}

static void test_judge__lets_a_fleet_that_starts_at_latest_skip_what_was_there(void **state)
{
    struct judge_options options = {.latest = true};
    struct history h;
    struct row row;
    (void)state;
    begin_with(&h, &options);
    write_to(&h, "P", 1, 1);
    row = make(&h, "P");
    write_to(&h, "P", 2, 1);
    take(&h, 0, &row);
    hand(&h, 0, "P", 2, 2);
    done(&h, 0, "P", 2, 1, 2);
    checkpoint(&h, 0, &row, cp(2));
    end_with(&h, "");
    begin_with(&h, &options);
    row = make(&h, "P");
    write_to(&h, "P", 1, 1);
    end_with(&h, "lost");
}

/* Stamps are whole seconds: 1 s before the second that the rows tell is too old. */
static void test_judge__wants_nothing_processed_that_was_written_before_the_start(void **state)
{
    static const char *const starts[] = {",\"tailraceStartMs\":{\"N\":\"1795248001900\"}",
                                         ",\"tailraceStartMs\":{\"N\":\"1795248002100\"}"};
    struct judge_options options = {.latest = true, .epoch_ms = 1795248000000};
    size_t i;
    (void)state;
    for (i = 0; i < 2; i++) {
        struct row row = {0};
        struct history h;
        begin_with(&h, &options);
        write_to(&h, "P", 1, 1);
        h.now += 1500;
        put(&h, 0, &row,
            (struct row){
                .key = "P", .checkpoint = "TRIM_HORIZON", .counter = 7, .more = starts[i]});
        take(&h, 0, &row);
        hand(&h, 0, "P", 1, 1);
        done(&h, 0, "P", 1, 1, 1);
        must_say(&h, i == 0 ? "" : "before-start");
    }
}

/* ---- holders ---- */

static void test_judge__lets_only_the_holder_hand_out(void **state)
{
    struct history h;
    struct row row;
    (void)state;
    row = begin_held(&h);
    hand(&h, 1, "P", 1, 4);
    must_say(&h, "never-held");
    row = begin_held(&h);
    release(&h, 0, &row, NULL);
    hand(&h, 0, "P", 1, 4);
    must_say(&h, "batch-after-release");
    row = begin_held(&h);
    h.now += F;
    take(&h, 1, &row);
    hand(&h, 0, "P", 1, 4);
    must_say(&h, "two-holders");
    row = begin_held(&h);
    h.now += F - 200;
    hand(&h, 0, "P", 1, 4);
    must_say(&h, "validity");
}

static void test_judge__counts_validity_from_the_sending_of_the_last_write(void **state)
{
    struct history h;
    struct row row, after;
    (void)state;
    row = begin_held(&h);
    h.now += 5000;
    after = row;
    after.counter++;
    put_sent(&h, 0, h.now - 4000, &row, after);
    h.now += 8000; /* 13,000 after the take, 12,000 after the renewal's sending */
    hand(&h, 0, "P", 1, 4);
    must_say(&h, "validity");
    row = begin_held(&h);
    h.now += 5000;
    renew(&h, 0, &row);
    h.now += 9000;
    all_done(&h, 0);
    end_with(&h, "");
}

static void test_judge__lets_a_robbed_worker_go_on_for_a_while_and_a_kcl_worker(void **state)
{
    struct history h;
    struct row row, after;
    (void)state;
    begin(&h);
    judge_worker(h.judge, h.now, 2, JUDGE_STARTED, "k", true);
    row = held(&h);
    after = row;
    after.owner = "k";
    after.counter++;
    put(&h, 2, &row, after);
    all_done(&h, 0); /* it has not heard yet */
    end_with(&h, "");
    begin(&h);
    judge_worker(h.judge, h.now, 2, JUDGE_STARTED, "k", true);
    row = held(&h);
    after = row;
    after.owner = "k";
    after.counter++;
    put(&h, 2, &row, after);
    h.now += F + 1;
    hand(&h, 0, "P", 1, 4);
    must_say(&h, "two-holders");
    begin(&h);
    judge_worker(h.judge, h.now, 2, JUDGE_STARTED, "k", true);
    row = held(&h);
    after = row;
    after.owner = "k";
    after.counter++;
    put(&h, 2, &row, after);
    take(&h, 0, &row); /* stolen back */
    hand(&h, 2, "P", 1, 4);
    done(&h, 2, "P", 1, 1, 1);
    all_done(&h, 0);
    end_with(&h, "");
}

static void test_judge__knows_when_a_lease_is_taken_too_early(void **state)
{
    struct history h;
    struct row row;
    (void)state;
    row = begin_held(&h);
    h.now += F - F / 50;
    take(&h, 1, &row);
    all_done(&h, 1);
    end_with(&h, "");
    row = begin_held(&h);
    h.now += F / 2;
    take(&h, 1, &row);
    must_say(&h, "take-early");
}

#define RUN(x) ",\"tailraceRun\":{\"S\":\"" x "\"}"

/* Two processes of one id are two workers: the row tells by its run which of them holds it. */
static void test_judge__tells_processes_of_one_id_apart(void **state)
{
    struct history h;
    struct row row, after;
    (void)state;
    begin(&h);
    judge_worker(h.judge, h.now, 2, JUDGE_STARTED, "w0", false);
    row = held(&h);
    row.more = RUN("a");
    renew(&h, 0, &row);
    all_done(&h, 0);
    checkpoint(&h, 0, &row, cp(3));
    h.now += F;
    after = row;
    after.counter++;
    after.more = RUN("b");
    put(&h, 2, &row, after);
    hand(&h, 2, "P", 4, 4);
    done(&h, 2, "P", 4, 2, 2);
    renew(&h, 2, &row);
    end_with(&h, "");
    begin(&h);
    judge_worker(h.judge, h.now, 2, JUDGE_STARTED, "w0", false);
    row = held(&h);
    renew(&h, 2, &row);
    must_say(&h, "write-not-owner");
}

/* Somebody outside deletes a row that is held; another worker is the first to make it again. The
 * old owner notices at its next write. */
static void test_judge__gives_an_owner_time_to_miss_a_row_that_was_deleted(void **state)
{
    struct history h;
    struct row row;
    uint64_t late;
    (void)state;
    for (late = 0; late < 2; late++) {
        row = begin_held(&h);
        h.now += 1000;
        delete_row(&h, SIZE_MAX, &row);
        put(&h, 1, &row, (struct row){.key = "P", .checkpoint = "TRIM_HORIZON", .counter = 100});
        take(&h, 1, &row);
        h.now += late * F;
        hand(&h, 0, "P", 1, 4);
        must_say(&h, late == 0 ? "" : "validity");
    }
    for (late = 0; late < 2; late++) {
        row = begin_held(&h);
        hand(&h, 0, "P", 1, 2);
        done(&h, 0, "P", 1, 1, 1);
        done(&h, 0, "P", 2, 2, 1);
        checkpoint(&h, 0, &row, cp(1));
        hand(&h, 0, "P", 3, 3);
        h.now += 10;
        renew(&h, 0, &row); /* it had given up, and took its own row anew */
        delete_row(&h, SIZE_MAX, &row);
        h.now += late * F;
        hand(&h, 0, "P", 2, 4);
        must_say(&h, late == 0 ? "" : "validity");
    }
}

/* The lease is stolen by a KCL-like worker (2), or taken when it has expired by another (1), which
 * moves the checkpoint before the row is deleted. */
static struct row begin_robbed(struct history *h, size_t thief)
{
    struct row row, after;
    begin(h);
    judge_worker(h->judge, h->now, 2, JUDGE_STARTED, "k", thief == 2);
    row = held(h);
    hand(h, 0, "P", 1, 4);
    done(h, 0, "P", 1, 1, 1);
    done(h, 0, "P", 2, 2, 1);
    checkpoint(h, 0, &row, cp(2));
    h->now += thief == 2 ? 1000 : F;
    after = row;
    after.owner = thief == 2 ? "k" : "w1";
    after.counter++;
    put(h, thief, &row, after);
    hand(h, thief, "P", 3, 4);
    done(h, thief, "P", 3, 1, 2);
    checkpoint(h, thief, &row, cp(3));
    delete_row(h, SIZE_MAX, &row);
    return row;
}

static void make_again(struct history *h, struct row *row, const char *at)
{
    put(h, 0, row, (struct row){.key = "P", .owner = "w0", .checkpoint = at, .counter = 100});
}

/* What the checkpoint was that went with the row nobody can know who did not see it: the earlier
 * owner's own is owed, no other, and its tenure goes on. */
static void test_judge__lets_an_earlier_owner_make_a_deleted_row_again_where_it_was(void **state)
{
    struct history h;
    struct row row;
    (void)state;
    row = begin_robbed(&h, 2);
    done(&h, 0, "P", 3, 1, 2);
    done(&h, 0, "P", 4, 2, 2);
    make_again(&h, &row, cp(2));
    write_to(&h, "P", 5, 1);
    hand(&h, 0, "P", 5, 5);
    done(&h, 0, "P", 5, 1, 3);
    end_with(&h, "");
    row = begin_robbed(&h, 2);
    make_again(&h, &row, "TRIM_HORIZON");
    must_say(&h, "checkpoint-back");
    row = begin_robbed(&h, 1); /* which makes the row again itself, if it is there */
    make_again(&h, &row, cp(2));
    must_say(&h, "checkpoint-back");
    row = begin_robbed(&h, 1);
    h.now += 2 * F;
    make_again(&h, &row, cp(2));
    hand(&h, 0, "P", 3, 4);
    done(&h, 0, "P", 3, 1, 2);
    done(&h, 0, "P", 4, 2, 2);
    end_with(&h, "");
}

/* ---- rows ---- */

static void test_judge__holds_checkpoints_against_what_is_done(void **state)
{
    struct history h;
    struct row row;
    (void)state;
    row = begin_held(&h);
    hand(&h, 0, "P", 1, 4);
    done(&h, 0, "P", 1, 1, 1);
    checkpoint(&h, 0, &row, cp(2));
    must_say(&h, "checkpoint-past");
    row = begin_held(&h);
    all_done(&h, 0);
    checkpoint(&h, 0, &row, cp(4));
    checkpoint(&h, 0, &row, cp(3));
    must_say(&h, "checkpoint-back");
    row = begin_held(&h);
    all_done(&h, 0);
    checkpoint(&h, 0, &row, cp(4));
    checkpoint(&h, 0, &row, "TRIM_HORIZON");
    must_say(&h, "checkpoint-back");
    row = begin_held(&h);
    all_done(&h, 0);
    checkpoint(&h, 0, &row, cp(5));
    must_say(&h, "checkpoint-unknown");
    row = begin_held(&h);
    all_done(&h, 0);
    checkpoint(&h, 0, &row, "SHARD_END");
    must_say(&h, "shard-end-early");
    row = begin_held(&h);
    hand(&h, 0, "P", 1, 4);
    done(&h, 0, "P", 1, 1, 1);
    judge_shard_closed(h.judge, h.now, "P");
    checkpoint(&h, 0, &row, "SHARD_END");
    must_say(&h, "shard-end-early");
}

static void test_judge__compares_numbers_of_any_length_as_numbers(void **state)
{
    struct history h;
    struct row row;
    (void)state;
    begin(&h);
    row = make(&h, "P");
    judge_written(h.judge, h.now, "P", "999", 1, 1);
    judge_written(h.judge, h.now, "P", "1000", 1, 2);
    take(&h, 0, &row);
    judge_batch(h.judge, h.now, 0, "P", "999", "999", 1);
    judge_done(h.judge, h.now, 0, "P", "999", 1, 1);
    checkpoint(&h, 0, &row, "1000");
    must_say(&h, "checkpoint-past");
    begin(&h);
    judge_written(h.judge, h.now, "P", "1000", 1, 1);
    judge_written(h.judge, h.now, "P", "999", 1, 2);
    must_say(&h, "world");
}

static void test_judge__wants_the_counter_raised_by_one(void **state)
{
    struct history h;
    struct row row, after;
    (void)state;
    row = begin_held(&h);
    all_done(&h, 0);
    after = row;
    after.checkpoint = cp(2);
    put(&h, 0, &row, after);
    must_say(&h, "counter-not-raised");
    row = begin_held(&h);
    after = row;
    after.counter += 2;
    put(&h, 0, &row, after);
    must_say(&h, "counter-jump");
    row = begin_held(&h);
    after = row;
    after.counter -= 3; /* by an operator */
    put(&h, SIZE_MAX, &row, after);
    after.counter += 4; /* past what it had */
    put(&h, 0, &row, after);
    all_done(&h, 0);
    end_with(&h, "");
    row = begin_held(&h);
    after = row;
    after.counter -= 3;
    put(&h, SIZE_MAX, &row, after);
    after.counter += 5;
    put(&h, 0, &row, after);
    must_say(&h, "counter-jump");
    row = begin_held(&h);
    after = row;
    after.more = ",\"tailraceAsk\":{\"S\":\"w1 1\"}";
    put(&h, 1, &row, after); /* an attribute of ours: by anybody, not counted */
    all_done(&h, 0);
    end_with(&h, "");
    row = begin_held(&h);
    delete_row(&h, SIZE_MAX, &row); /* by an operator */
    put(&h, 0, &row,
        (struct row){.key = "P", .owner = "w0", .checkpoint = "TRIM_HORIZON", .counter = 3});
    must_say(&h, "counter-reused");
}

/* One that is late on its way would find its condition met once more. */
static void test_judge__wants_no_counter_that_an_earlier_write_of_the_worker_met(void **state)
{
    struct history h;
    struct row row, after;
    (void)state;
    row = begin_held(&h);
    renew(&h, 0, &row);
    renew(&h, 0, &row);
    after = row;
    after.counter -= 3; /* by an operator */
    put(&h, SIZE_MAX, &row, after);
    renew(&h, 0, &row);
    must_say(&h, "counter-retraced");
    row = begin_held(&h);
    renew(&h, 0, &row);
    renew(&h, 0, &row);
    after = row;
    after.counter -= 3;
    put(&h, SIZE_MAX, &row, after);
    after.counter += 3; /* as far as the last that it wrote, and not what that met */
    put(&h, 0, &row, after);
    renew(&h, 0, &row);
    all_done(&h, 0);
    end_with(&h, "");
}

static void test_judge__wants_no_batch_after_the_worker_says_that_it_lost_the_lease(void **state)
{
    struct history h;
    (void)state;
    (void)begin_held(&h);
    judge_lost(h.judge, 0, "P");
    judge_begins(h.judge, 0, "P"); /* taken anew */
    all_done(&h, 0);
    end_with(&h, "");
    (void)begin_held(&h);
    judge_lost(h.judge, 0, "P");
    hand(&h, 0, "P", 1, 2);
    must_say(&h, "batch-after-loss");
}

/* The row of a lease that its owner took anew is spoilt before the first batch. */
static void test_judge__goes_by_the_checkpoint_that_a_spoilt_row_had(void **state)
{
    unsigned first;
    (void)state;
    for (first = 1; first <= 2; first++) {
        struct history h;
        struct row row = begin_held(&h), after;
        hand(&h, 0, "P", 1, 2);
        done(&h, 0, "P", 1, 1, 1);
        done(&h, 0, "P", 2, 2, 1);
        checkpoint(&h, 0, &row, cp(1));
        hand(&h, 0, "P", 3, 3);
        renew(&h, 0, &row);
        after = row;
        after.checkpoint = "three quarters";
        put(&h, SIZE_MAX, &row, after);
        hand(&h, 0, "P", first, 4);
        must_say(&h, first == 1 ? "redelivery" : "");
    }
}

static void test_judge__wants_owners_to_change_by_take_and_release_alone(void **state)
{
    struct history h;
    struct row row, after;
    (void)state;
    row = begin_held(&h);
    renew(&h, 1, &row);
    must_say(&h, "write-not-owner");
    row = begin_held(&h);
    release(&h, 1, &row, NULL);
    must_say(&h, "write-not-owner");
    row = begin_held(&h);
    after = row;
    after.counter++;
    after.owner = "w1";
    put(&h, 0, &row, after);
    must_say(&h, "owner-named");
}

static void test_judge__wants_others_attributes_to_survive(void **state)
{
    struct history h;
    struct row row, after;
    (void)state;
    row = begin_held(&h);
    after = row;
    after.more = ",\"planted\":{\"S\":\"x\"}";
    put(&h, SIZE_MAX, &row, after);
    renew(&h, 0, &row);
    all_done(&h, 0);
    end_with(&h, "");
    row = begin_held(&h);
    put(&h, SIZE_MAX, &row, after);
    after.counter++;
    after.more = NULL;
    put(&h, 0, &row, after);
    must_say(&h, "attribute-lost");
}

static void test_judge__wants_nothing_but_lease_rows(void **state)
{
    struct history h;
    struct row row = {0};
    (void)state;
    begin(&h);
    put(&h, 0, &row, (struct row){.key = "doorbell", .checkpoint = "LATEST"});
    must_say(&h, "row-foreign");
    begin(&h);
    judge_item(h.judge, h.now, 0, h.now, "app", NULL,
               "{\"leaseKey\":{\"S\":\"P\"},\"tailraceBell\":{\"N\":\"1\"}}");
    must_say(&h, "row-shape");
    begin(&h);
    judge_item(h.judge, h.now, 0, h.now, "app", NULL,
               "{\"leaseKey\":{\"S\":\"P\"},\"leaseCounter\":{\"N\":\"-1\"},\"checkpoint\":"
               "{\"S\":\"TRIM_HORIZON\"}}");
    must_say(&h, "row-shape");
    begin(&h);
    judge_item(h.judge, h.now, 0, h.now, "other", NULL, "{\"leaseKey\":{\"S\":\"x\"}}");
    end_with(&h, "");
}

/* P ended, its child C with its row. */
static struct row ended(struct history *h, struct row *child)
{
    struct row row = held(h);
    all_done(h, 0);
    *child = split(h, &row);
    checkpoint(h, 0, &row, "SHARD_END");
    return row;
}

static void child_progresses(struct history *h, struct row *child)
{
    take(h, 0, child);
    hand(h, 0, "C", 11, 11);
    done(h, 0, "C", 11, 1, 3);
    checkpoint(h, 0, child, cp(11));
}

static void test_judge__knows_which_rows_are_needed(void **state)
{
    struct history h;
    struct row row, child;
    (void)state;
    begin(&h);
    row = ended(&h, &child);
    child_progresses(&h, &child);
    delete_row(&h, 0, &row);
    end_with(&h, "");
    begin(&h);
    row = ended(&h, &child);
    delete_row(&h, 0, &row);
    must_say(&h, "row-deleted-early");
    tr_assert_has(h.why, "not progressed");
    row = begin_held(&h);
    delete_row(&h, 0, &row);
    must_say(&h, "row-deleted-early");
    begin(&h);
    row = ended(&h, &child);
    child_progresses(&h, &child);
    judge_shard_closed(h.judge, h.now, "C");
    checkpoint(&h, 0, &child, "SHARD_END");
    delete_row(&h, 0, &child);
    must_say(&h, "row-deleted-early");
    tr_assert_has(h.why, "parent");
    begin(&h);
    row = ended(&h, &child);
    child_progresses(&h, &child);
    delete_row(&h, 0, &row);
    row = make(&h, "P");
    must_say(&h, "row-again");
    begin(&h);
    row = ended(&h, &child);
    child_progresses(&h, &child);
    delete_row(&h, 0, &row);
    delete_row(&h, SIZE_MAX, &child); /* by hand: now nothing tells that P is done */
    put(&h, 1, &row, (struct row){.key = "P", .checkpoint = "TRIM_HORIZON", .counter = 1000});
    end_with(&h, "");
}

static void test_judge__lets_a_childless_row_go_when_it_is_old_and_gone(void **state)
{
    struct history h;
    struct row row;
    unsigned i;
    static const char *const says[] = {"", "row-deleted-early", "row-deleted-early"};
    (void)state;
    for (i = 0; i < 3; i++) {
        row = begin_held(&h);
        all_done(&h, 0);
        judge_shard_closed(h.judge, h.now, "P");
        checkpoint(&h, 0, &row, "SHARD_END");
        h.now += i == 1 ? DAY : 2 * DAY + 1;
        if (i != 2) {
            judge_trimmed(h.judge, h.now, "P", NULL);
        }
        delete_row(&h, 0, &row);
        end_with(&h, says[i]);
    }
}

static void test_judge__wants_the_childrens_rows_before_shard_end(void **state)
{
    struct history h;
    struct row row;
    (void)state;
    row = begin_held(&h);
    all_done(&h, 0);
    judge_shard_closed(h.judge, h.now, "P");
    judge_shard(h.judge, h.now, "s", "C", "P", NULL);
    checkpoint(&h, 0, &row, "SHARD_END");
    must_say(&h, "children-first");
}

/* P has split into C and D; the row of C is there. The worker was answered so. */
static struct row half_made(struct history *h, const char *answer)
{
    struct row row;
    begin(h);
    row = held(h);
    all_done(h, 0);
    judge_shard_closed(h->judge, h->now, "P");
    judge_shard(h->judge, h->now, "s", "C", "P", NULL);
    judge_shard(h->judge, h->now, "s", "D", "P", NULL);
    (void)make(h, "C");
    if (answer != NULL) {
        judge_children(h->judge, 0, "P", answer);
    }
    return row;
}

#define ANSWER(shards) "{\"StreamDescription\":{\"Shards\":[" shards "]}}"

static void test_judge__excuses_a_childs_row_only_when_the_answer_left_it_out(void **state)
{
    static const struct {
        const char *answer, *says;
    } cases[] = {
        {NULL, "children-first"},
        {ANSWER(""), ""}, /* C is known by its row */
        {ANSWER("{\"ShardId\":\"C\",\"ParentShardId\":\"P\"}"), ""},
        {ANSWER("{\"ShardId\":\"C\"},{\"ShardId\":\"D\"}"), "children-first"},
    };
    struct history h;
    struct row row;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        row = half_made(&h, cases[i].answer);
        checkpoint(&h, 0, &row, "SHARD_END");
        end_with(&h, cases[i].says);
    }
}

/* ---- where a fleet begins ---- */

/* A fleet begins at the table's newest stream, or carries on with the one that has rows. */
static void test_judge__frees_older_streams_at_a_first_start_only(void **state)
{
    static const char *const first[] = {"T", "P"}, *const says[] = {"", "lost"};
    size_t i;
    (void)state;
    for (i = 0; i < 2; i++) {
        struct history h;
        begin(&h);
        write_to(&h, "P", 1, 1);
        judge_shard(h.judge, h.now, "t", "T", NULL, NULL);
        (void)make(&h, first[i]);
        end_with(&h, says[i]);
    }
}

/* Records that a fault took early are missed from the first row on; of a shard that a first start
 * found, from its first checkpoint on. */
static void test_judge__misses_what_was_trimmed_early_once_the_fleet_knew(void **state)
{
    static const struct {
        bool row, alone, checkpoint;
        const char *says;
    } cases[] = {{false, false, false, ""},
                 {true, false, false, "gap-missing"},
                 {true, true, false, ""},
                 {true, true, true, "gap-missing"}};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct history h;
        struct row row = {0};
        begin(&h);
        judge_fault(h.judge, h.now, "trim");
        write_to(&h, "P", 1, 1);
        write_to(&h, "P", 2, 2);
        if (cases[i].row) {
            put(&h, 0, &row,
                (struct row){.key = "P",
                             .checkpoint = "TRIM_HORIZON",
                             .counter = 7,
                             .more =
                                 cases[i].alone ? ",\"tailraceNoParents\":{\"BOOL\":true}" : NULL});
        }
        if (cases[i].checkpoint) {
            take(&h, 0, &row);
            hand(&h, 0, "P", 1, 1);
            done(&h, 0, "P", 1, 1, 1);
            checkpoint(&h, 0, &row, cp(1));
        }
        judge_trimmed(h.judge, h.now, "P", cp(2));
        end_with(&h, cases[i].says);
    }
}

/* Where a start lies within a shard and nothing is left of it, it is no gap: what came after the
 * start is kept for a day, but for a fault. */
static void test_judge__misses_no_shard_that_was_swept_within_a_day_of_the_start(void **state)
{
    static const struct {
        const char *start;
        unsigned up_to;
        const char *says;
    } cases[] = {{",\"tailraceStartMs\":{\"N\":\"1795248001900\"}", 2, ""},
                 {",\"tailraceStartMs\":{\"N\":\"1795248001900\"}", 1, "gap-missing"},
                 {",\"tailraceStartMs\":{\"N\":\"1795248000100\"}", 2, "gap-missing"},
                 {NULL, 2, "gap-missing"}};
    struct judge_options options = {.latest = true, .epoch_ms = 1795248000000};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct row row = {0};
        struct history h;
        begin_with(&h, &options);
        judge_fault(h.judge, h.now, "trim");
        h.now += 1500;
        put(&h, 0, &row,
            (struct row){
                .key = "P", .checkpoint = "TRIM_HORIZON", .counter = 7, .more = cases[i].start});
        write_to(&h, "P", 1, 1);
        write_to(&h, "P", 2, 2);
        judge_trimmed(h.judge, h.now, "P", cp(cases[i].up_to));
        if (cases[i].up_to == 1) {
            take(&h, 0, &row);
            hand(&h, 0, "P", 2, 2);
            done(&h, 0, "P", 2, 2, 1);
        }
        end_with(&h, cases[i].says);
    }
}

/* ---- calls ---- */

static void call(struct history *h, const char *operation, const char *shard, uint64_t tenths)
{
    judge_call(h->judge, h->now, 0, h->now, operation, shard, tenths, JUDGE_SERVED);
}

/* So many of them, half a second apart. */
static void describe(struct history *h, unsigned calls)
{
    while (calls-- > 0) {
        call(h, "DescribeStream", NULL, 0);
        h->now += 500;
    }
}

/* Q has a row; P, too, and it closes, and maybe ends. */
static void begin_with_end(struct history *h, bool ends)
{
    struct judge_options options = {.describes_per_minute_base = 3};
    struct row row;
    begin_with(h, &options);
    (void)make(h, "Q");
    row = make(h, "P");
    take(h, 0, &row);
    h->now = 120000;
    judge_shard_closed(h->judge, h->now, "P");
    if (ends) {
        release(h, 0, &row, "SHARD_END");
    }
}

static void test_judge__wants_few_describes_for_each_end(void **state)
{
    unsigned ends;
    (void)state;
    for (ends = 0; ends < 2; ends++) {
        struct history h;
        begin_with_end(&h, ends > 0);
        describe(&h, 3 + 2);
        must_say(&h, "");
        begin_with_end(&h, ends > 0);
        describe(&h, 3 + 2 + 1);
        must_say(&h, "budget-describe");
        begin_with_end(&h, ends > 0);
        h.now = 420000; /* what has ended by then was looked at */
        describe(&h, 3 + (ends > 0 ? 0 : 2));
        must_say(&h, "");
        begin_with_end(&h, ends > 0);
        h.now = 420000;
        describe(&h, 3 + (ends > 0 ? 0 : 2) + 1);
        must_say(&h, "budget-describe");
    }
}

static void test_judge__wants_no_more_describes_of_a_worker_than_are_answered(void **state)
{
    struct history h;
    unsigned i;
    (void)state;
    for (i = 0; i < 2; i++) {
        unsigned calls = 10 + i;
        begin(&h);
        while (calls-- > 0) {
            call(&h, "DescribeStream", NULL, 0);
            h.now += 96;
        }
        must_say(&h, i == 0 ? "" : "budget-describe");
    }
}

static void test_judge__counts_calls_against_their_budgets(void **state)
{
    struct judge_options options = {.describes_per_minute_base = 3,
                                    .lease_reads_per_hour_max = 50,
                                    .lease_writes_per_hour_max = 30};
    struct history h;
    unsigned i;
    (void)state;
    begin_with(&h, &options);
    h.now = 60000;
    for (i = 0; i < 6; i++) {
        call(&h, "DescribeStream", NULL, 0);
        h.now += 20000;
    }
    end_with(&h, "");
    begin_with(&h, &options);
    (void)make(&h, "P");
    h.now = 180000;
    for (i = 0; i < 3; i++) {
        call(&h, "DescribeStream", NULL, 0);
        judge_call(h.judge, h.now, 0, h.now, "DescribeStream", NULL, 0, JUDGE_SERVED_LATE_OR_AGAIN);
    }
    assert_string_equal(h.check, "");
    call(&h, "DescribeStream", NULL, 0);
    must_say(&h, "budget-describe");
    begin_with(&h, &options);
    for (i = 0; i < 11; i++) {
        call(&h, "Scan", NULL, 5);
    }
    must_say(&h, "budget-reads");
    begin_with(&h, &options);
    for (i = 0; i < 4; i++) {
        call(&h, "UpdateItem", NULL, 10);
    }
    must_say(&h, "budget-writes");
}

static void test_judge__counts_reads_of_a_shard_and_runaway_calls(void **state)
{
    struct history h;
    struct row row;
    unsigned i;
    (void)state;
    (void)begin_held(&h);
    all_done(&h, 0);
    for (i = 0; i < 50; i++) {
        call(&h, "GetRecords", "P", 0);
        call(&h, "GetRecords", "P", 0); /* repeated by the network */
        h.now += 200;
    }
    end_with(&h, "");
    row = begin_held(&h);
    for (i = 0; i < 6; i++) {
        call(&h, "GetRecords", "P", 0);
        h.now += 150;
    }
    must_say(&h, "budget-getrecords");
    begin(&h);
    for (i = 0; i < 1000; i++) {
        call(&h, "GetItem", "P", 0);
        h.now += 10;
    }
    must_say(&h, "runaway");
    row = begin_held(&h);
    release(&h, 0, &row, NULL);
    for (i = 0; i < 25; i++) {
        h.now += 1000;
        call(&h, "GetRecords", "P", 0);
    }
    must_say(&h, "two-readers");
    begin(&h);
    judge_call(h.judge, h.now, 1, h.now, "GetRecords", "P", 0, JUDGE_SERVED);
    must_say(&h, "two-readers");
}

/* ---- calm ---- */

static const struct judge_options lively = {.balance = true, .no_repeats = true, .drain_ms = 60000};

/* Calm, with P held by worker 0 and Q by worker 1, everything done. */
static void settle(struct history *h, struct row *p, struct row *q)
{
    begin_with(h, &lively);
    *p = held(h);
    all_done(h, 0);
    *q = make(h, "Q");
    take(h, 1, q);
    judge_calm(h->judge, h->now, 2);
}

static void read_both(struct history *h, unsigned seconds)
{
    for (; seconds > 0; seconds--) {
        judge_call(h->judge, h->now, 0, h->now, "GetRecords", "P", 0, JUDGE_SERVED);
        judge_call(h->judge, h->now, 1, h->now, "GetRecords", "Q", 0, JUDGE_SERVED);
        pass(h, 1000);
    }
}

static void test_judge__wants_every_shard_read_when_all_is_calm(void **state)
{
    struct history h;
    struct row p, q;
    (void)state;
    settle(&h, &p, &q);
    read_both(&h, 120);
    end_with(&h, "");
    settle(&h, &p, &q);
    pass(&h, 40000);
    must_say(&h, "not-read");
    begin_with(&h, &lively);
    judge_calm(h.judge, h.now, 2);
    pass(&h, 60000);
    assert_string_equal(h.check, ""); /* no row yet: it may take some minutes */
    pass(&h, 240000);
    must_say(&h, "not-read");
}

/* All of P is done and its row deleted by hand, and C has a row behind it. */
static void lose_parent(struct history *h, struct row *child)
{
    struct row p;
    static const struct judge_options calm = {.discover_ms = 60000};
    begin_with(h, &calm);
    p = held(h);
    all_done(h, 0);
    delete_row(h, SIZE_MAX, &p);
    judge_shard_closed(h->judge, h->now, "P");
    judge_shard(h->judge, h->now, "s", "C", "P", NULL);
    *child = make(h, "C");
    judge_shard_closed(h->judge, h->now, "Q");
    h->now += 1000;
    judge_calm(h->judge, h->now, 2);
}

static void test_judge__gives_a_child_time_whose_parents_row_was_deleted_by_hand(void **state)
{
    struct history h;
    struct row c, p = {0};
    (void)state;
    lose_parent(&h, &c);
    pass(&h, 130000); /* a minute until it is known, then a listing, then both are taken */
    assert_string_equal(h.check, "");
    pass(&h, 60000);
    must_say(&h, "not-read");
    lose_parent(&h, &c);
    pass(&h, 120000);
    put(&h, 0, &p, (struct row){.key = "P", .checkpoint = "TRIM_HORIZON", .counter = 1000});
    pass(&h, 10000);
    assert_string_equal(h.check, "");
    take(&h, 0, &p);
    checkpoint(&h, 0, &p, "SHARD_END");
    pass(&h, 10000);
    assert_string_equal(h.check, "");
    pass(&h, 60000);
    must_say(&h, "not-read");
    lose_parent(&h, &c);
    p = (struct row){0};
    pass(&h, 60000);
    put(&h, 0, &p, (struct row){.key = "P", .checkpoint = "TRIM_HORIZON", .counter = 1000});
    pass(&h, 240000);
    must_say(&h, "not-ended");
}

static void test_judge__wants_shard_end_when_all_is_done(void **state)
{
    struct history h;
    struct row p, q;
    unsigned i;
    (void)state;
    settle(&h, &p, &q);
    judge_shard_closed(h.judge, h.now, "P");
    for (i = 0; i < 400; i++) {
        judge_call(h.judge, h.now, 1, h.now, "GetRecords", "Q", 0, JUDGE_SERVED);
        pass(&h, 1000);
    }
    must_say(&h, "not-ended");
}

static void test_judge__wants_what_a_stopping_worker_releases_read_on_soon(void **state)
{
    static const struct judge_options soon = {.released_ms = 1200};
    struct history h;
    struct row p;
    (void)state;
    begin_with(&h, &soon);
    p = held(&h);
    judge_calm(h.judge, h.now, 2);
    judge_worker(h.judge, h.now, 0, JUDGE_STOPPING, NULL, false);
    release(&h, 0, &p, NULL);
    h.now += 1100;
    take(&h, 1, &p);
    judge_worker(h.judge, h.now, 1, JUDGE_STOPPING, NULL, false);
    release(&h, 1, &p, NULL);
    h.now += 1300;
    take(&h, 0, &p);
    must_say(&h, "released-unread");
}

static void test_judge__waits_for_the_longer_failover_of_two_workers(void **state)
{
    struct history h;
    struct row p;
    (void)state;
    begin(&h);
    judge_failover(h.judge, 1, F / 2);
    p = make(&h, "P");
    take(&h, 1, &p);
    h.now += F / 2 + 1000;
    take(&h, 0, &p);
    must_say(&h, "take-early");
    begin(&h);
    judge_failover(h.judge, 0, F / 2);
    judge_failover(h.judge, 1, F / 2);
    p = make(&h, "P");
    take(&h, 1, &p);
    h.now += F / 2 + 1000;
    take(&h, 0, &p);
    must_say(&h, "");
}

static void test_judge__wants_parents_rows_made_first(void **state)
{
    struct history h;
    (void)state;
    begin(&h);
    judge_shard(h.judge, h.now, "s", "C", "P", NULL);
    (void)make(&h, "P");
    (void)make(&h, "C");
    must_say(&h, "");
    begin(&h);
    judge_shard(h.judge, h.now, "s", "C", "P", NULL);
    (void)make(&h, "C");
    must_say(&h, "parent-unmade");
}

static void test_judge__wants_leases_spread_and_standing_still(void **state)
{
    struct history h;
    struct row p, q;
    unsigned i;
    (void)state;
    settle(&h, &p, &q);
    release(&h, 1, &q, NULL);
    take(&h, 0, &q);
    for (i = 0; i < 100; i++) {
        judge_call(h.judge, h.now, 0, h.now, "GetRecords", "P", 0, JUDGE_SERVED);
        judge_call(h.judge, h.now, 0, h.now, "GetRecords", "Q", 0, JUDGE_SERVED);
        pass(&h, 1000);
    }
    must_say(&h, "unbalanced");
    settle(&h, &p, &q);
    read_both(&h, 60);
    for (i = 0; i < 4; i++) {
        release(&h, i % 2, &p, NULL);
        take(&h, 1 - i % 2, &p);
    }
    must_say(&h, "thrash");
}

static void test_judge__wants_everything_drained_and_nothing_repeated(void **state)
{
    struct history h;
    struct row p, q;
    (void)state;
    settle(&h, &p, &q);
    write_to(&h, "P", 5, 1);
    read_both(&h, 70);
    must_say(&h, "not-drained");
    settle(&h, &p, &q);
    read_both(&h, 60);
    done(&h, 0, "P", 1, 1, 1);
    must_say(&h, "repeat");
}

static void test_judge__wants_workers_to_stay(void **state)
{
    struct history h;
    (void)state;
    begin(&h);
    judge_worker(h.judge, h.now, 0, JUDGE_ENDED, NULL, false);
    must_say(&h, "ended-early");
    begin(&h);
    judge_worker(h.judge, h.now, 0, JUDGE_FAILED, NULL, false);
    must_say(&h, "worker-failed");
    begin(&h);
    judge_worker(h.judge, h.now, 0, JUDGE_STOPPING, NULL, false);
    judge_worker(h.judge, h.now, 0, JUDGE_ENDED, NULL, false);
    end_with(&h, "");
}

/* ---- the finder ---- */

static void test_scan__finds_members_whatever_the_space_and_escapes(void **state)
{
    struct tr_bytes text =
        TR_LIT(" { \"a\\u0062\" : [ 1, {\"x\":\"}\\\"\"} ,\"s\"] ,\n\"n\":\"v\" } ");
    static const char *const path[] = {"n", NULL};
    struct scan scan;
    struct tr_bytes value;
    char out[8];
    (void)state;
    tr_assert_bytes(scan_path(text, path), "\"v\"");
    assert_null(scan_get(text, "none").ptr);
    scan = scan_begin(scan_get(text, "ab"));
    assert_true(scan_element(&scan, &value));
    tr_assert_bytes(value, "1");
    assert_true(scan_element(&scan, &value));
    assert_true(scan_string(scan_get(value, "x"), out, sizeof out));
    assert_string_equal(out, "}\"");
    assert_true(scan_element(&scan, &value));
    assert_true(scan_is(value, "s"));
    assert_false(scan_element(&scan, &value));
    assert_false(scan_string(TR_LIT("\"too long for it\""), out, sizeof out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge__says_nothing_of_a_right_history),
        cmocka_unit_test(test_judge__misses_a_record_that_nobody_processed),
        cmocka_unit_test(test_judge__knows_the_order_of_an_item_and_of_a_shard),
        cmocka_unit_test(test_judge__wants_batches_without_holes),
        cmocka_unit_test(test_judge__wants_redelivery_to_start_at_the_checkpoint),
        cmocka_unit_test(test_judge__wants_parents_before_children),
        cmocka_unit_test(test_judge__wants_a_gap_event_with_bounds_and_a_fault_for_what_is_trimmed),
        cmocka_unit_test(test_judge__lets_a_shard_that_went_young_wait_a_day_for_its_gap),
        cmocka_unit_test(test_judge__takes_a_lost_shard_as_ended_with_a_gap),
        cmocka_unit_test(test_judge__lets_a_fleet_that_starts_at_latest_skip_what_was_there),
        cmocka_unit_test(test_judge__wants_nothing_processed_that_was_written_before_the_start),
        cmocka_unit_test(test_judge__tells_processes_of_one_id_apart),
        cmocka_unit_test(test_judge__gives_an_owner_time_to_miss_a_row_that_was_deleted),
        cmocka_unit_test(test_judge__lets_an_earlier_owner_make_a_deleted_row_again_where_it_was),
        cmocka_unit_test(test_judge__lets_only_the_holder_hand_out),
        cmocka_unit_test(test_judge__counts_validity_from_the_sending_of_the_last_write),
        cmocka_unit_test(test_judge__lets_a_robbed_worker_go_on_for_a_while_and_a_kcl_worker),
        cmocka_unit_test(test_judge__knows_when_a_lease_is_taken_too_early),
        cmocka_unit_test(test_judge__holds_checkpoints_against_what_is_done),
        cmocka_unit_test(test_judge__compares_numbers_of_any_length_as_numbers),
        cmocka_unit_test(test_judge__wants_the_counter_raised_by_one),
        cmocka_unit_test(test_judge__wants_no_counter_that_an_earlier_write_of_the_worker_met),
        cmocka_unit_test(test_judge__wants_no_batch_after_the_worker_says_that_it_lost_the_lease),
        cmocka_unit_test(test_judge__goes_by_the_checkpoint_that_a_spoilt_row_had),
        cmocka_unit_test(test_judge__wants_owners_to_change_by_take_and_release_alone),
        cmocka_unit_test(test_judge__wants_others_attributes_to_survive),
        cmocka_unit_test(test_judge__wants_nothing_but_lease_rows),
        cmocka_unit_test(test_judge__knows_which_rows_are_needed),
        cmocka_unit_test(test_judge__lets_a_childless_row_go_when_it_is_old_and_gone),
        cmocka_unit_test(test_judge__wants_the_childrens_rows_before_shard_end),
        cmocka_unit_test(test_judge__excuses_a_childs_row_only_when_the_answer_left_it_out),
        cmocka_unit_test(test_judge__frees_older_streams_at_a_first_start_only),
        cmocka_unit_test(test_judge__misses_what_was_trimmed_early_once_the_fleet_knew),
        cmocka_unit_test(test_judge__misses_no_shard_that_was_swept_within_a_day_of_the_start),
        cmocka_unit_test(test_judge__wants_few_describes_for_each_end),
        cmocka_unit_test(test_judge__wants_no_more_describes_of_a_worker_than_are_answered),
        cmocka_unit_test(test_judge__counts_calls_against_their_budgets),
        cmocka_unit_test(test_judge__counts_reads_of_a_shard_and_runaway_calls),
        cmocka_unit_test(test_judge__wants_every_shard_read_when_all_is_calm),
        cmocka_unit_test(test_judge__gives_a_child_time_whose_parents_row_was_deleted_by_hand),
        cmocka_unit_test(test_judge__wants_shard_end_when_all_is_done),
        cmocka_unit_test(test_judge__wants_what_a_stopping_worker_releases_read_on_soon),
        cmocka_unit_test(test_judge__waits_for_the_longer_failover_of_two_workers),
        cmocka_unit_test(test_judge__wants_parents_rows_made_first),
        cmocka_unit_test(test_judge__wants_leases_spread_and_standing_still),
        cmocka_unit_test(test_judge__wants_everything_drained_and_nothing_repeated),
        cmocka_unit_test(test_judge__wants_workers_to_stay),
        cmocka_unit_test(test_scan__finds_members_whatever_the_space_and_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
