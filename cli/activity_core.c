/* SPDX-License-Identifier: Apache-2.0
 *
 * Which user does what next, and what happened to a write: the order of one user's writes is kept
 * here. What stands in an item is made by cli/activity_item_core.c. */
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/activity_item.h"

const char *tr_write_kind_text(enum tr_write_kind kind)
{
    static const char *const texts[TR_WRITE_KIND_COUNT] = {"insert", "modify", "remove"};
    return kind < TR_WRITE_KIND_COUNT ? texts[kind] : "unknown";
}

#define SHARE_MAX 1000000u

static enum tr_status parse_share(struct tr_bytes part, struct tr_activity_mix *mix, bool *given,
                                  struct tr_err *err)
{
    struct tr_bytes rest = part, name;
    unsigned kind = 0;

    name = tr_bytes_cut(&rest, '=');
    while (kind < TR_WRITE_KIND_COUNT &&
           !tr_bytes_is(name, tr_write_kind_text((enum tr_write_kind)kind))) {
        kind++;
    }
    if (kind == TR_WRITE_KIND_COUNT) {
        return tr_fail(err, TR_EUSAGE, "'%.*s' is none of insert, modify, remove", TR_FMT(name));
    }
    if (rest.ptr == NULL || !tr_bytes_u64(rest, SHARE_MAX, &mix->share[kind])) {
        return tr_fail(err, TR_EUSAGE, "'%.*s': the share is not in 0..%u", TR_FMT(part),
                       SHARE_MAX);
    }
    if (given[kind]) {
        return tr_fail(err, TR_EUSAGE, "'%.*s' is given twice", TR_FMT(name));
    }
    given[kind] = true;
    return TR_OK;
}

enum tr_status tr_activity_parse_mix(struct tr_bytes text, struct tr_activity_mix *out,
                                     struct tr_err *err)
{
    struct tr_activity_mix mix = {{0}};
    bool given[TR_WRITE_KIND_COUNT] = {false};
    struct tr_bytes rest = text;

    while (rest.ptr != NULL) {
        enum tr_status status = parse_share(tr_bytes_cut(&rest, ','), &mix, given, err);
        if (status != TR_OK) {
            return status;
        }
    }
    if (mix.share[TR_WRITE_INSERT] + mix.share[TR_WRITE_MODIFY] + mix.share[TR_WRITE_REMOVE] == 0) {
        return tr_fail(err, TR_EUSAGE, "'%.*s' leaves nothing to write", TR_FMT(text));
    }
    *out = mix;
    return TR_OK;
}

enum tr_status tr_activity_init(struct tr_activity *activity,
                                const struct tr_activity_options *options)
{
    uint32_t i;
    *activity = (struct tr_activity){.options = *options};
    /* The users number writer, writer + writers, writer + 2 writers ... are this one's. */
    activity->count = (options->users - options->writer - 1) / options->writers + 1;
    activity->users = tr_calloc(activity->count, sizeof *activity->users);
    activity->order = tr_calloc(activity->count, sizeof *activity->order);
    if (activity->users == NULL || activity->order == NULL) {
        tr_activity_deinit(activity);
        return TR_ENOMEM;
    }
    for (i = 0; i < activity->count; i++) {
        activity->order[i] = i;
        activity->users[i].at = i;
    }
    tr_random_init(&activity->random, options->seed);
    activity->random.state += (uint64_t)options->writer * UINT64_C(0xd1342543de82ef95);
    return TR_OK;
}

void tr_activity_deinit(struct tr_activity *activity)
{
    tr_free(activity->users);
    tr_free(activity->order);
    activity->users = NULL;
    activity->order = NULL;
}

static enum tr_write_kind choose_kind(struct tr_activity *activity)
{
    const uint64_t *share = activity->options.mix.share;
    uint64_t all = share[TR_WRITE_INSERT] + share[TR_WRITE_MODIFY] + share[TR_WRITE_REMOVE];
    uint64_t drawn = tr_random_below(&activity->random, all);
    enum tr_write_kind kind = drawn < share[TR_WRITE_INSERT] ? TR_WRITE_INSERT
                              : drawn < share[TR_WRITE_INSERT] + share[TR_WRITE_MODIFY]
                                  ? TR_WRITE_MODIFY
                                  : TR_WRITE_REMOVE;
    if (activity->present == 0) {
        return TR_WRITE_INSERT;
    }
    return kind == TR_WRITE_INSERT && activity->present == activity->count ? TR_WRITE_MODIFY : kind;
}

static uint32_t min_u32(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

void tr_activity_next(struct tr_activity *activity, struct tr_wall now,
                      struct tr_activity_write *out)
{
    struct tr_random *random = &activity->random;
    enum tr_write_kind kind = choose_kind(activity);
    const struct tr_activity_user *user;
    uint32_t at;

    if (kind == TR_WRITE_INSERT) {
        at = activity->present +
             (uint32_t)tr_random_below(random, activity->count - activity->present);
    } else {
        /* Some users are more active than others: the smaller of two draws. */
        at = min_u32(tr_random_below(random, activity->present),
                     tr_random_below(random, activity->present));
    }
    user = &activity->users[activity->order[at]];
    *out = (struct tr_activity_write){.kind = kind,
                                      .user = activity->order[at],
                                      .n = user->n + 1,
                                      .previous = user->n,
                                      .seed = tr_random_u64(random),
                                      .at = now};
    tr_activity_choose(user, out);
}

void tr_activity_pk(const struct tr_activity *activity, uint32_t user, char pk[TR_ACTIVITY_PK_SIZE])
{
    uint32_t number = user * activity->options.writers + activity->options.writer;
    (void)snprintf(pk, TR_ACTIVITY_PK_SIZE, "user#%07u", (unsigned)number + 1);
}

/* Put a user into the list of the present ones, or of the others. */
static void set_present(struct tr_activity *activity, uint32_t index, bool present)
{
    struct tr_activity_user *user = &activity->users[index];
    uint32_t edge, other;
    if (user->present == present) {
        return;
    }
    /* Swap with the user at the edge, then move the edge over it. */
    edge = present ? activity->present++ : --activity->present;
    other = activity->order[edge];
    activity->order[user->at] = other;
    activity->users[other].at = user->at;
    activity->order[edge] = index;
    user->at = edge;
    user->present = present;
}

void tr_activity_done(struct tr_activity *activity, const struct tr_activity_write *write)
{
    struct tr_activity_user *user = &activity->users[write->user];
    user->n = write->n;
    user->stage = write->stage;
    set_present(activity, write->user, write->kind != TR_WRITE_REMOVE);
}

enum tr_activity_verdict tr_activity_resolve(struct tr_activity *activity,
                                             const struct tr_activity_write *write,
                                             const struct tr_activity_found *found)
{
    struct tr_activity_user *user = &activity->users[write->user];

    if (found->present && found->ours && found->n == write->n && write->kind != TR_WRITE_REMOVE) {
        tr_activity_done(activity, write);
        return TR_ACTIVITY_DONE;
    }
    if (found->present) {
        user->n = found->n;
        set_present(activity, write->user, true);
        return TR_ACTIVITY_FOREIGN;
    }
    if (write->kind == TR_WRITE_REMOVE) {
        tr_activity_done(activity, write);
        return TR_ACTIVITY_ABSENT;
    }
    set_present(activity, write->user, false);
    return TR_ACTIVITY_FOREIGN;
}

enum tr_status tr_activity_decode(struct tr_bytes body, struct tr_bytes writer_name,
                                  struct tr_activity_found *out, struct tr_err *err)
{
    struct tr_json_doc doc = {0};
    struct tr_buf scratch = {0};
    struct tr_bytes text = {0}, writer = {0};
    struct tr_json item;
    enum tr_status status = tr_json_parse(&doc, body, err);

    *out = (struct tr_activity_found){0};
    if (status != TR_OK) {
        goto out;
    }
    item = tr_json_get(tr_json_root(&doc), "Item");
    if (tr_json_type(item) == TR_JSON_ABSENT || tr_json_type(item) == TR_JSON_NULL) {
        goto out;
    }
    if (!tr_json_str(tr_json_get(tr_json_get(item, "n"), "N"), &scratch, &text) ||
        !tr_bytes_u64(text, UINT64_MAX - 1, &out->n)) {
        status = tr_fail(err, TR_EPARSE, "the item's 'n' is no whole number but %.*s",
                         TR_FMT(tr_json_raw(tr_json_get(item, "n"))));
        goto out;
    }
    out->present = true;
    if (tr_json_str(tr_json_get(tr_json_get(item, "writer"), "S"), &scratch, &writer)) {
        out->ours = tr_bytes_eq(writer, writer_name);
    }
out:
    tr_buf_deinit(&scratch);
    tr_json_deinit(&doc);
    return status;
}
