/* SPDX-License-Identifier: Apache-2.0 */
#include "config/store.h"

#include "base/assert.h"
#include "base/mem.h"

struct tr_given *tr_store_given(struct tr_slot *slot, const char *path)
{
    const struct tr_setting *setting = tr_setting_find(tr_bytes_of(path));
    TR_ASSERT(setting != NULL);
    return &slot->values[setting - tr_settings];
}

struct tr_slot *tr_store_add(struct tr_config_store *store, struct tr_bytes name)
{
    struct tr_slot *slot;
    if (!tr_grow(&store->slots, &store->slot_cap, store->slot_count + 1,
                 sizeof(struct tr_slot *))) {
        return NULL;
    }
    slot = tr_config_arena_alloc(&store->arena, sizeof *slot);
    if (slot == NULL) {
        return NULL;
    }
    if (name.ptr != NULL) {
        slot->name = tr_config_arena_copy(&store->arena, name);
        if (slot->name == NULL) {
            return NULL;
        }
    }
    store->slots[store->slot_count++] = slot;
    return slot;
}

void tr_store_add_path(struct tr_buf *out, const struct tr_slot *slot, const char *path)
{
    static const char star[] = "consumers.*";
    if (strncmp(path, star, sizeof star - 1) != 0) {
        tr_buf_add_str(out, path);
        return;
    }
    tr_buf_add_str(out, "consumers.");
    tr_buf_add_str(out, slot->name != NULL ? slot->name : "NAME");
    tr_buf_add_str(out, path + sizeof star - 1);
}

/* The rest of a path behind "consumers.NAME.", or NULL. */
static const char *behind_name(const char *path, const char *name)
{
    static const char head[] = "consumers.";
    size_t len = strlen(name);
    if (strncmp(path, head, sizeof head - 1) != 0 ||
        strncmp(path + sizeof head - 1, name, len) != 0 || path[sizeof head - 1 + len] != '.') {
        return NULL;
    }
    return path + sizeof head + len;
}

static const struct tr_given *find_given(const struct tr_config_store *store, const char *path)
{
    const struct tr_setting *setting = NULL;
    char full[256];
    size_t i;

    for (i = 0; i < store->slot_count; i++) {
        const char *rest = path;
        if (i > 0) {
            rest = behind_name(path, store->slots[i]->name);
            if (rest == NULL) {
                continue;
            }
            (void)snprintf(full, sizeof full, "consumers.*.%s", rest);
            rest = full;
        }
        setting = tr_setting_find(tr_bytes_of(rest));
        if (setting != NULL && setting->scope == (i > 0 ? TR_SETTING_CONSUMER : TR_SETTING_ROOT)) {
            return &store->slots[i]->values[setting - tr_settings];
        }
    }
    return NULL;
}

bool tr_config_origin(const struct tr_config *config, const char *path,
                      struct tr_config_origin *out)
{
    const struct tr_given *given = find_given(config->store, path);
    if (given == NULL) {
        return false;
    }
    *out = given->origin;
    return true;
}
