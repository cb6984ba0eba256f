/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading: each file becomes a tree, the trees' values go into one store, flags and variables of
 * the environment come on top, what is absent gets its default, and the whole is checked. Errors do
 * not stop any of these steps, so that the user sees all of them at once. */
#include "config/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "config/value.h"

_Static_assert(sizeof(enum tr_config_start) == sizeof(unsigned) &&
                   sizeof(enum tr_config_on_gap) == sizeof(unsigned) &&
                   sizeof(enum tr_config_sync) == sizeof(unsigned) &&
                   sizeof(enum tr_level) == sizeof(unsigned) &&
                   sizeof(enum tr_log_format) == sizeof(unsigned),
               "fill_member writes enums as unsigned numbers");

#define CPUS_MAX 256

static const char *process_getenv(void *user, const char *name)
{
    (void)user;
    return getenv(name);
}

static void read_trees(struct tr_loading *loading, const struct tr_config_source *sources,
                       size_t count, struct tr_yaml_node **roots)
{
    size_t i;
    for (i = 0; i < count; i++) {
        enum tr_status status = TR_ECONFIG;
        if (sources[i].text.ptr != NULL) {
            status = tr_yaml_parse(&sources[i], i, &loading->trees, loading->errors, &roots[i]);
        }
        if (status == TR_ENOMEM) {
            loading->no_memory = true;
        } else if (status != TR_OK) {
            loading->incomplete = true;
        }
    }
}

static void take_flags(struct tr_loading *loading)
{
    size_t i;
    for (i = 0; i < loading->options->flag_count; i++) {
        const struct tr_config_flag *flag = &loading->options->flags[i];
        const struct tr_setting *setting = tr_setting_find(tr_bytes_of(flag->path));
        struct tr_config_origin origin = {.kind = TR_CONFIG_ORIGIN_FLAG, .name = flag->flag};
        if (flag->value != NULL && setting != NULL) {
            tr_config_take(loading, loading->store->slots[0], setting, tr_bytes_of(flag->value),
                           NULL, origin, flag->flag);
        }
    }
}

/* Variables that stand in for settings of the root; an empty one counts as unset. */
static void take_variables(struct tr_loading *loading)
{
    struct tr_slot *root = loading->store->slots[0];
    size_t i;
    for (i = 0; i < TR_SETTING_COUNT_ALL; i++) {
        const char *const *name = tr_setting_variables(&tr_settings[i]);
        for (; name != NULL && *name != NULL && !root->values[i].given; name++) {
            const char *value = loading->getenv(loading->options->user, *name);
            struct tr_config_origin origin = {.kind = TR_CONFIG_ORIGIN_ENVIRONMENT, .name = *name};
            if (value != NULL && value[0] != '\0') {
                tr_config_take(loading, root, &tr_settings[i], tr_bytes_of(value), NULL, origin,
                               *name);
            }
        }
    }
}

static uint64_t online_cpus(const struct tr_config_options *options)
{
    long count = options->cpus > 0 ? (long)options->cpus : sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > CPUS_MAX ? CPUS_MAX : (uint64_t)count;
}

static void apply_default(struct tr_loading *loading, struct tr_slot *slot, size_t index)
{
    const struct tr_setting *setting = &tr_settings[index];
    struct tr_given *given = &slot->values[index];

    given->text = NULL;
    given->number = 0;
    if (tr_setting_has_default(setting)) {
        /* A test reads every default of the table. */
        (void)!tr_config_value_parse(setting, tr_bytes_of(setting->default_text), &given->number,
                                     NULL);
        given->text = setting->default_text;
    } else if (strcmp(setting->path, "worker.threads") == 0) {
        given->number = online_cpus(loading->options);
        given->text = "";
    } else if (strcmp(setting->path, "consumers.*.lease.table") == 0) {
        given->text = slot->name;
    }
}

static void fill_member(void *base, const struct tr_setting *setting, const struct tr_given *given)
{
    char *member = (char *)base + setting->offset;
    unsigned word = (unsigned)given->number;
    switch (setting->type) {
    case TR_SETTING_CHOICE:
        memcpy(member, &word, sizeof word);
        break;
    case TR_SETTING_COUNT:
    case TR_SETTING_DURATION:
    case TR_SETTING_SIZE:
    case TR_SETTING_TIME:
        memcpy(member, &given->number, sizeof given->number);
        break;
    default:
        memcpy(member, &given->text, sizeof given->text);
        break;
    }
}

static void fill_slot(struct tr_loading *loading, struct tr_slot *slot, void *base,
                      enum tr_setting_scope scope)
{
    size_t i;
    for (i = 0; i < TR_SETTING_COUNT_ALL; i++) {
        struct tr_given *given = &slot->values[i];
        if (tr_settings[i].scope == scope) {
            if (!given->given || given->bad) {
                apply_default(loading, slot, i);
            }
            fill_member(base, &tr_settings[i], given);
        }
    }
}

static bool fill(struct tr_loading *loading, struct tr_config *config)
{
    struct tr_config_store *store = loading->store;
    size_t i;

    config->consumers = tr_calloc(store->slot_count, sizeof *config->consumers);
    if (config->consumers == NULL) {
        return false;
    }
    config->consumer_count = store->slot_count - 1;
    fill_slot(loading, store->slots[0], config, TR_SETTING_ROOT);
    for (i = 1; i < store->slot_count; i++) {
        struct tr_config_consumer *consumer = &config->consumers[i - 1];
        fill_slot(loading, store->slots[i], consumer, TR_SETTING_CONSUMER);
        consumer->name = store->slots[i]->name;
        consumer->processor.kind = TR_CONFIG_PROCESSOR_FILE;
    }
    return true;
}

static struct tr_config *new_config(void)
{
    struct tr_config *config = tr_calloc(1, sizeof *config);
    if (config == NULL) {
        return NULL;
    }
    config->store = tr_calloc(1, sizeof *config->store);
    if (config->store == NULL || tr_store_add(config->store, (struct tr_bytes){NULL, 0}) == NULL) {
        tr_config_free(config);
        return NULL;
    }
    return config;
}

void tr_config_free(struct tr_config *config)
{
    if (config == NULL) {
        return;
    }
    if (config->store != NULL) {
        tr_config_arena_deinit(&config->store->arena);
        tr_free(config->store->slots);
        tr_free(config->store);
    }
    tr_free(config->consumers);
    tr_free(config);
}

static void load_sources(struct tr_loading *loading, const struct tr_config_source *sources,
                         size_t count, struct tr_config *config)
{
    struct tr_yaml_node **roots = tr_calloc(count, sizeof(struct tr_yaml_node *));
    size_t i;

    if (roots == NULL) {
        loading->no_memory = true;
        return;
    }
    read_trees(loading, sources, count, roots);
    for (i = 0; i < count; i++) {
        if (roots[i] != NULL && roots[i]->kind == TR_NODE_MAP) {
            tr_config_walk(loading, roots[i]);
        }
    }
    tr_free(roots);
    take_flags(loading);
    take_variables(loading);
    if (!fill(loading, config)) {
        loading->no_memory = true;
        return;
    }
    tr_config_check(loading, config);
}

/* The trees go; what of the store points into them is for loading only. */
static void forget_trees(struct tr_loading *loading)
{
    size_t i;
    for (i = 0; i < loading->store->slot_count; i++) {
        loading->store->slots[i]->node = NULL;
    }
    tr_config_arena_deinit(&loading->trees);
}

enum tr_status tr_config_parse(const struct tr_config_source *sources, size_t count,
                               const struct tr_config_options *options, struct tr_config **out,
                               struct tr_config_errors *errors)
{
    static const struct tr_config_options none = {0};
    struct tr_loading loading = {.errors = errors};
    struct tr_config *config = new_config();

    *out = NULL;
    if (config == NULL) {
        return TR_ENOMEM;
    }
    loading.options = options != NULL ? options : &none;
    loading.getenv = loading.options->getenv != NULL ? loading.options->getenv : process_getenv;
    loading.store = config->store;
    loading.whole.file = count > 0 ? sources[0].name : "";
    load_sources(&loading, sources, count, config);
    forget_trees(&loading);
    if (loading.no_memory || errors->no_memory || errors->count > 0) {
        tr_config_free(config);
        return loading.no_memory || errors->no_memory ? TR_ENOMEM : TR_ECONFIG;
    }
    *out = config;
    return TR_OK;
}

/* Read all of a file, or one byte more than may be. Pipes are fine. */
static enum tr_status read_all(int fd, struct tr_buf *out, int *number)
{
    while (out->len <= TR_CONFIG_FILE_BYTES_MAX) {
        ssize_t got;
        if (!tr_buf_reserve(out, 65536)) {
            return TR_ENOMEM;
        }
        got = read(fd, out->ptr + out->len, 65536);
        if (got == 0) {
            return TR_OK;
        }
        if (got < 0 && errno != EINTR) {
            *number = errno;
            return TR_EIO;
        }
        out->len += got > 0 ? (size_t)got : 0;
    }
    return TR_OK;
}

static enum tr_status read_file(const char *name, size_t index, struct tr_buf *out,
                                struct tr_config_errors *errors)
{
    struct tr_place place = {.file = name, .file_index = index};
    char why[128];
    int number = 0;
    enum tr_status status = TR_EIO;
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) {
        number = errno;
    } else {
        status = read_all(fd, out, &number);
        (void)close(fd);
    }
    if (status == TR_EIO) {
        tr_config_errors_add(errors, &place, NULL, "cannot be read: %s",
                             tr_errno_text(number, why, sizeof why));
    }
    return status;
}

enum tr_status tr_config_load(const char *const *files, size_t count,
                              const struct tr_config_options *options, struct tr_config **out,
                              struct tr_config_errors *errors)
{
    struct tr_buf texts[TR_CONFIG_FILES_MAX] = {{0}};
    struct tr_config_source sources[TR_CONFIG_FILES_MAX] = {{0}};
    enum tr_status status = TR_OK;
    size_t i;

    *out = NULL;
    if (count > TR_CONFIG_FILES_MAX) {
        tr_config_errors_add(errors, NULL, NULL, "%zu files are too many (limit %d)", count,
                             TR_CONFIG_FILES_MAX);
        return TR_ECONFIG;
    }
    for (i = 0; i < count && status != TR_ENOMEM; i++) {
        sources[i].name = files[i];
        status = read_file(files[i], i, &texts[i], errors);
        if (status == TR_OK) {
            sources[i].text = (struct tr_bytes){texts[i].ptr, texts[i].len};
        }
    }
    if (status != TR_ENOMEM) {
        status = tr_config_parse(sources, count, options, out, errors);
    }
    for (i = 0; i < count; i++) {
        tr_buf_deinit(&texts[i]);
    }
    return status;
}
