/* SPDX-License-Identifier: Apache-2.0
 *
 * What must be there, and what must hold between settings. A value that was reported already is
 * left alone, and so is everything missing when a file could not be read to its end. */
#include "config/store.h"

#include <stdarg.h>
#include "config/text.h"
#include "config/value.h"

struct check {
    struct tr_loading *loading;
    const struct tr_config *config;
    size_t index; /* of the consumer */
    struct tr_slot *slot;
    const struct tr_config_consumer *consumer;
};

/* Add an error about a setting of the present consumer. */
TR_PRINTF(4, 5)
static void complain(struct check *check, const struct tr_place *place, const char *path,
                     const char *fmt, ...)
{
    struct tr_buf shown = {0};
    struct tr_err message;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message.text, sizeof message.text, fmt, args);
    va_end(args);
    tr_store_add_path(&shown, check->slot, path);
    check->loading->no_memory |= shown.failed;
    tr_config_errors_add(check->loading->errors, place, shown.ptr, "%s", message.text);
    tr_buf_deinit(&shown);
}

static const struct tr_given *given(const struct check *check, const char *path)
{
    return tr_store_given(check->slot, path);
}

/* A value that can be judged: given or default, and not reported yet. */
static bool sound(const struct check *check, const char *path)
{
    return !given(check, path)->bad;
}

/* Where to point for a setting: at its value, else at its consumer. */
static const struct tr_place *place_of(const struct check *check, const char *path)
{
    const struct tr_given *value = given(check, path);
    return value->given && value->place.file != NULL ? &value->place : &check->slot->place;
}

/* Where to point for something missing: at the section that lacks it, else at the consumer. */
static const struct tr_place *section_place(const struct check *check, const char *name)
{
    const struct tr_yaml_node *section = tr_yaml_node_get(check->slot->node, name);
    return section != NULL ? &section->key_place : &check->slot->place;
}

static void check_stream(struct check *check)
{
    const struct tr_given *table = given(check, "consumers.*.stream.table");
    const struct tr_given *arn = given(check, "consumers.*.stream.arn");
    if (table->given && arn->given) {
        complain(check, &arn->place, "consumers.*.stream.arn",
                 "only one of 'table' and 'arn' may be given");
    } else if (!table->given && !arn->given && !check->loading->incomplete) {
        complain(check, section_place(check, "stream"), "consumers.*.stream",
                 "required: 'table' or 'arn'");
    }
}

/* `start: {}` says nothing. */
static void check_start(struct check *check)
{
    static const char *const path = "consumers.*.stream.start.at_timestamp";
    const struct tr_yaml_node *stream = tr_yaml_node_get(check->slot->node, "stream");
    const struct tr_yaml_node *start =
        stream != NULL && stream->kind == TR_NODE_MAP ? tr_yaml_node_get(stream, "start") : NULL;
    if (start != NULL && start->kind == TR_NODE_MAP && !given(check, path)->given &&
        !check->loading->incomplete) {
        complain(check, &start->key_place, path, "required");
    }
}

static void check_poll(struct check *check)
{
    static const char *const min = "consumers.*.stream.poll.min";
    static const char *const max = "consumers.*.stream.poll.max";
    struct tr_buf text = {0};
    if (!sound(check, min) || !sound(check, max) ||
        check->consumer->stream.poll.min_ms <= check->consumer->stream.poll.max_ms) {
        return;
    }
    tr_config_value_add_duration(&text, check->consumer->stream.poll.min_ms);
    tr_buf_add_str(&text, " is more than 'poll.max', which is ");
    tr_config_value_add_duration(&text, check->consumer->stream.poll.max_ms);
    complain(check, place_of(check, given(check, min)->given ? min : max), min, "%s",
             text.ptr != NULL ? text.ptr : "more than 'poll.max'");
    tr_buf_deinit(&text);
}

static void check_batch(struct check *check)
{
    static const char *const path = "consumers.*.batch.bytes";
    struct tr_slot *root = check->loading->store->slots[0];
    struct tr_buf text = {0};
    if (!sound(check, path) || tr_store_given(root, "worker.memory")->bad ||
        check->consumer->batch.bytes <= check->config->worker.memory_bytes) {
        return;
    }
    tr_config_value_add_size(&text, check->consumer->batch.bytes);
    tr_buf_add_str(&text, " is more than 'worker.memory', which is ");
    tr_config_value_add_size(&text, check->config->worker.memory_bytes);
    complain(check, place_of(check, path), path, "%s",
             text.ptr != NULL ? text.ptr : "more than 'worker.memory'");
    tr_buf_deinit(&text);
}

static void check_processor(struct check *check)
{
    static const char *const section = "consumers.*.processor";
    const struct tr_yaml_node *processor = tr_yaml_node_get(check->slot->node, "processor");
    const struct tr_yaml_node *node;
    size_t kinds = 0;

    if (processor != NULL && processor->kind != TR_NODE_MAP) {
        return; /* reported by the walk */
    }
    for (node = processor != NULL ? processor->first : NULL; node != NULL; node = node->next) {
        kinds++;
        if (kinds == 2) {
            complain(check, &node->key_place, section, "only one processor may be given");
        }
    }
    if (check->loading->incomplete) {
        return;
    }
    if (kinds == 0) {
        complain(check, section_place(check, "processor"), section,
                 "required, for example {file: {path: out.jsonl}}");
        return;
    }
    node = tr_yaml_node_get(processor, "file");
    if (node != NULL && node->kind == TR_NODE_MAP &&
        !given(check, "consumers.*.processor.file.path")->given) {
        complain(check, &node->key_place, "consumers.*.processor.file.path", "required");
    }
}

static struct tr_bytes source_table(const struct tr_config_consumer *consumer)
{
    return consumer->stream.table != NULL ? tr_bytes_of(consumer->stream.table)
                                          : tr_text_arn_table(tr_bytes_of(consumer->stream.arn));
}

/* Nothing but lease rows of one consumer may be in a lease table. */
static void check_lease_table(struct check *check)
{
    static const char *const path = "consumers.*.lease.table";
    const char *table = check->consumer->lease.table;
    const char *why = given(check, path)->given ? "" : " (the default is the consumer's name)";
    size_t i;

    if (!sound(check, path)) {
        return;
    }
    if (!given(check, path)->given && !tr_text_is_table(tr_bytes_of(table))) {
        complain(check, &check->slot->place, path,
                 "required, because the consumer's name cannot name a table "
                 "(3..255 of a-z, A-Z, 0-9, '_.-')");
        return;
    }
    for (i = 0; i < check->config->consumer_count; i++) {
        const struct tr_config_consumer *other = &check->config->consumers[i];
        if (tr_bytes_is(source_table(other), table)) {
            complain(check, place_of(check, path), path,
                     "'%s' is the table whose stream consumer '%s' follows%s", table, other->name,
                     why);
            return;
        }
        if (i < check->index && strcmp(other->lease.table, table) == 0) {
            complain(check, place_of(check, path), path,
                     "'%s' is the lease table of consumer '%s' too%s", table, other->name, why);
            return;
        }
    }
}

void tr_config_check(struct tr_loading *loading, const struct tr_config *config)
{
    struct check check = {.loading = loading, .config = config};

    if (config->consumer_count == 0 && !loading->incomplete) {
        const struct tr_place *place =
            loading->consumers_place.file != NULL ? &loading->consumers_place : &loading->whole;
        tr_config_errors_add(loading->errors, place, "consumers",
                             "required: at least one consumer, with stream.table (or stream.arn) "
                             "and processor");
    }
    for (check.index = 0; check.index < config->consumer_count; check.index++) {
        check.slot = loading->store->slots[check.index + 1];
        check.consumer = &config->consumers[check.index];
        if (check.slot->node->kind != TR_NODE_MAP) {
            continue; /* reported by the walk */
        }
        check_stream(&check);
        check_start(&check);
        check_poll(&check);
        check_lease_table(&check);
        check_batch(&check);
        check_processor(&check);
    }
}
