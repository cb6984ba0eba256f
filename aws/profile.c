/* SPDX-License-Identifier: Apache-2.0
 *
 * Both files are read whole, the keys we know are copied out, the texts (which hold secrets) are
 * wiped. The credentials file is read first, and a key that it has is not overridden. */
#include "aws/profile.h"

#include "aws/ini_core.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FILE_BYTES_MAX (1024u * 1024u)
#define READ_STEP 4096

static const char *const key_names[TR_PROFILE_KEY_COUNT] = {
#define TR_PROFILE_KEY_NAME(id, name) [TR_PROFILE_##id] = name,
    TR_PROFILE_KEY_TABLE(TR_PROFILE_KEY_NAME)
#undef TR_PROFILE_KEY_NAME
        [TR_PROFILE_ENDPOINT_DYNAMODB] = "dynamodb.endpoint_url",
    [TR_PROFILE_ENDPOINT_STREAMS] = "dynamodb_streams.endpoint_url",
};

enum file_kind { CREDENTIALS_FILE, CONFIG_FILE };

/* What one pass over a file looks for. */
struct pass {
    struct tr_profile *profile;
    enum file_kind kind;
    const char *services; /* look for this [services] section instead of the profile; or NULL */
    bool inside;          /* the present section is the one looked for */
    bool found;
    bool set_here[TR_PROFILE_KEY_COUNT]; /* by this file: a later line of it wins */
};

const char *tr_env_get(tr_env_fn *env, const char *name)
{
    const char *value = env(name);
    if (value == NULL || tr_bytes_trim(tr_bytes_of(value)).len == 0) {
        return NULL;
    }
    return value;
}

const char *tr_profile_key_name(enum tr_profile_key key)
{
    return key_names[key];
}

const char *tr_profile_get(const struct tr_profile *profile, enum tr_profile_key key)
{
    return profile->values[key].text;
}

static void forget(struct tr_profile_value *value)
{
    if (value->text != NULL) {
        tr_wipe(value->text, strlen(value->text));
        tr_free(value->text);
    }
    *value = (struct tr_profile_value){0};
}

void tr_profile_deinit(struct tr_profile *profile)
{
    size_t i;
    for (i = 0; i < TR_PROFILE_KEY_COUNT; i++) {
        forget(&profile->values[i]);
    }
    tr_free(profile->name);
    tr_free(profile->files[0]);
    tr_free(profile->files[1]);
    *profile = (struct tr_profile){0};
}

/* "~/x" below the home; NULL (and TR_OK) when there is none. */
static enum tr_status path_of(tr_env_fn *env, const char *variable, const char *below_home,
                              char **out)
{
    const char *path = tr_env_get(env, variable);
    const char *home = tr_env_get(env, "HOME");
    struct tr_buf buf = {0};

    *out = NULL;
    if (path != NULL && strncmp(path, "~/", 2) != 0) {
        tr_buf_add_str(&buf, path);
    } else if (home == NULL) {
        return TR_OK;
    } else {
        tr_buf_printf(&buf, "%s/%s", home, path != NULL ? path + 2 : below_home);
    }
    *out = tr_buf_take(&buf, NULL);
    return *out != NULL ? TR_OK : TR_ENOMEM;
}

static enum tr_status read_all(int fd, struct tr_buf *out, int *why)
{
    ssize_t got = 1;

    *why = 0;
    while (got > 0) {
        /* One step at a time, and no doubling that would leave copies of secrets unwiped. */
        if (!tr_buf_reserve(out, out->cap == 0 ? FILE_BYTES_MAX + READ_STEP : READ_STEP)) {
            return TR_ENOMEM;
        }
        got = read(fd, out->ptr + out->len, READ_STEP);
        if (got < 0 && errno == EINTR) {
            got = 1;
            continue;
        }
        if (got < 0) {
            *why = errno;
            return TR_EIO;
        }
        out->len += (size_t)got;
        if (out->len > FILE_BYTES_MAX) {
            return TR_ELIMIT;
        }
    }
    return TR_OK;
}

/* The text of a file. One that is not there is empty; one in the default place that may not be read
 * too, since a container's home often belongs to somebody else. */
static enum tr_status read_file(const char *path, bool is_default, struct tr_buf *out,
                                struct tr_err *err)
{
    char text[64];
    int why = 0;
    enum tr_status status;
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : -1;

    if (path == NULL) {
        return TR_OK;
    }
    if (fd < 0) {
        why = errno;
        if (why == ENOENT || why == ENOTDIR || (is_default && why == EACCES)) {
            return TR_OK;
        }
        return tr_fail(err, TR_ECONFIG, "cannot read '%s': %s", path,
                       tr_errno_text(why, text, sizeof text));
    }
    status = read_all(fd, out, &why);
    (void)close(fd);
    if (status == TR_EIO) {
        return tr_fail(err, TR_ECONFIG, "cannot read '%s': %s", path,
                       tr_errno_text(why, text, sizeof text));
    }
    if (status == TR_ELIMIT) {
        return tr_fail(err, TR_ECONFIG, "'%s' is larger than %u bytes", path, FILE_BYTES_MAX);
    }
    return status == TR_OK ? TR_OK : tr_fail(err, TR_ENOMEM, "out of memory");
}

/* Whether a section is the one looked for. Of "[profile default]" and "[default]" in the config
 * file both count. */
static bool is_wanted(const struct pass *pass, const struct tr_ini_entry *section)
{
    if (pass->services != NULL) {
        return tr_bytes_is(section->type, "services") && tr_bytes_is(section->name, pass->services);
    }
    if (!tr_bytes_is(section->name, pass->profile->name)) {
        return false;
    }
    if (pass->kind == CREDENTIALS_FILE) {
        return section->type.len == 0;
    }
    return tr_bytes_is(section->type, "profile") ||
           (section->type.len == 0 && tr_bytes_is(section->name, "default"));
}

static enum tr_status keep(struct pass *pass, enum tr_profile_key key, struct tr_bytes value,
                           unsigned line)
{
    struct tr_profile_value *at = &pass->profile->values[key];

    if (at->text != NULL && !pass->set_here[key]) {
        return TR_OK; /* the credentials file has it */
    }
    forget(at);
    pass->set_here[key] = true;
    if (value.len == 0) {
        return TR_OK; /* blank counts as absent, as in the environment */
    }
    at->text = tr_memdup(value.ptr, value.len);
    at->file = pass->profile->files[pass->kind];
    at->line = line;
    return at->text != NULL ? TR_OK : TR_ENOMEM;
}

static enum tr_status take_key(struct pass *pass, const struct tr_ini_entry *entry, unsigned line)
{
    unsigned key;
    for (key = 0; key < TR_PROFILE_ENDPOINT_DYNAMODB; key++) {
        if (tr_bytes_is_nocase(entry->name, key_names[key])) {
            return keep(pass, (enum tr_profile_key)key, entry->value, line);
        }
    }
    return TR_OK;
}

static enum tr_status take_service(struct pass *pass, const struct tr_ini_entry *entry,
                                   unsigned line)
{
    if (!tr_bytes_is_nocase(entry->name, "endpoint_url")) {
        return TR_OK;
    }
    if (tr_bytes_is_nocase(entry->under, "dynamodb")) {
        return keep(pass, TR_PROFILE_ENDPOINT_DYNAMODB, entry->value, line);
    }
    if (tr_bytes_is_nocase(entry->under, "dynamodb_streams")) {
        return keep(pass, TR_PROFILE_ENDPOINT_STREAMS, entry->value, line);
    }
    return TR_OK;
}

/* A value of ours on several lines would be used without its end. */
static bool is_cut(const struct tr_ini_entry *entry)
{
    unsigned key;
    for (key = 0; key < TR_PROFILE_ENDPOINT_DYNAMODB; key++) {
        if (tr_bytes_is_nocase(entry->under, key_names[key])) {
            return true;
        }
    }
    return false;
}

static enum tr_status take(struct pass *pass, const struct tr_ini_entry *entry, unsigned line,
                           struct tr_err *err)
{
    if (entry->kind == TR_INI_SECTION) {
        pass->inside = is_wanted(pass, entry);
        pass->found |= pass->inside;
        return TR_OK;
    }
    if (!pass->inside) {
        return TR_OK;
    }
    if (pass->services != NULL) {
        return entry->kind == TR_INI_NESTED ? take_service(pass, entry, line) : TR_OK;
    }
    if (entry->kind == TR_INI_CONTINUED && is_cut(entry)) {
        return tr_fail(err, TR_EPARSE, "the value of '%.*s' goes over several lines",
                       TR_FMT(entry->under));
    }
    return entry->kind == TR_INI_KEY ? take_key(pass, entry, line) : TR_OK;
}

static enum tr_status scan(struct pass *pass, struct tr_bytes text, struct tr_err *err)
{
    struct tr_ini ini = {.text = text};
    struct tr_ini_entry entry;
    enum tr_status status;

    do {
        status = tr_ini_next(&ini, &entry, err);
        if (status == TR_OK && entry.kind != TR_INI_END) {
            status = take(pass, &entry, ini.line, err);
        }
    } while (status == TR_OK && entry.kind != TR_INI_END);
    if (status == TR_EPARSE) {
        return tr_wrap(err, TR_ECONFIG, "%s:%u", pass->profile->files[pass->kind], ini.line);
    }
    return status == TR_OK ? TR_OK : tr_fail(err, TR_ENOMEM, "out of memory");
}

static enum tr_status scan_files(struct tr_profile *profile, struct tr_buf texts[2], bool *found,
                                 struct tr_err *err)
{
    struct pass pass;
    enum tr_status status = TR_OK;
    int kind;

    *found = false;
    for (kind = CREDENTIALS_FILE; kind <= CONFIG_FILE && status == TR_OK; kind++) {
        pass = (struct pass){.profile = profile, .kind = (enum file_kind)kind};
        status = scan(&pass, tr_buf_bytes(&texts[kind]), err);
        *found |= pass.found;
    }
    if (status == TR_OK && tr_profile_get(profile, TR_PROFILE_SERVICES) != NULL) {
        pass = (struct pass){.profile = profile,
                             .kind = CONFIG_FILE,
                             .services = tr_profile_get(profile, TR_PROFILE_SERVICES)};
        status = scan(&pass, tr_buf_bytes(&texts[CONFIG_FILE]), err);
        if (status == TR_OK && !pass.found) {
            status = tr_fail(err, TR_ECONFIG, "%s:%u: there is no section '[services %s]'",
                             profile->values[TR_PROFILE_SERVICES].file,
                             profile->values[TR_PROFILE_SERVICES].line, pass.services);
        }
    }
    return status;
}

static enum tr_status fill(tr_env_fn *env, struct tr_profile *profile, struct tr_err *err)
{
    static const char *const variables[2] = {"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"};
    static const char *const places[2] = {".aws/credentials", ".aws/config"};
    struct tr_buf texts[2] = {{0}, {0}};
    enum tr_status status = TR_OK;
    bool found = false;
    int i;

    for (i = 0; i < 2 && status == TR_OK; i++) {
        status = path_of(env, variables[i], places[i], &profile->files[i]);
        if (status == TR_OK) {
            status =
                read_file(profile->files[i], tr_env_get(env, variables[i]) == NULL, &texts[i], err);
        }
    }
    if (status == TR_OK) {
        status = scan_files(profile, texts, &found, err);
    }
    for (i = 0; i < 2; i++) {
        if (texts[i].ptr != NULL) {
            tr_wipe(texts[i].ptr, texts[i].len);
        }
        tr_buf_deinit(&texts[i]);
    }
    if (status == TR_OK && profile->chosen && !found) {
        return tr_fail(err, TR_ECONFIG, "the profile '%s' is neither in '%s' nor in '%s'",
                       profile->name, profile->files[0] != NULL ? profile->files[0] : "(no home)",
                       profile->files[1] != NULL ? profile->files[1] : "(no home)");
    }
    return status;
}

enum tr_status tr_profile_load(tr_env_fn *env, const char *configured, struct tr_profile *out,
                               struct tr_err *err)
{
    const char *name = configured != NULL && configured[0] != '\0' ? configured : NULL;
    enum tr_status status;

    *out = (struct tr_profile){.first = name != NULL};
    if (name == NULL) {
        name = tr_env_get(env, "AWS_PROFILE");
    }
    out->chosen = name != NULL;
    out->name = tr_strdup(name != NULL ? name : "default");
    status = out->name != NULL ? fill(env, out, err) : TR_ENOMEM;
    if (status != TR_OK) {
        tr_profile_deinit(out);
    }
    return status == TR_ENOMEM ? tr_fail(err, status, "out of memory") : status;
}
