/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON Schema of a configuration (draft 2020-12), for editors: from the table of settings. It
 * accepts every file that loads, apart from what only the environment decides, and refuses what a
 * schema can see to be wrong. */
#include "config/settings.h"

#include "config/value.h"

/* A value with a variable in it can be judged only when the variable is known. */
#define VARIABLE "{\"type\": \"string\", \"pattern\": \"\\\\$\\\\{\"}"

struct emit {
    struct tr_buf *out;
    size_t depth;
    bool first; /* nothing stands in the open object or array yet */
};

static void line(struct emit *emit)
{
    size_t i;
    if (!emit->first) {
        tr_buf_add_char(emit->out, ',');
    }
    tr_buf_add_char(emit->out, '\n');
    for (i = 0; i < emit->depth; i++) {
        tr_buf_add_str(emit->out, "  ");
    }
    emit->first = false;
}

static void member(struct emit *emit, struct tr_bytes name)
{
    line(emit);
    tr_buf_add_json(emit->out, name);
    tr_buf_add_str(emit->out, ": ");
}

static void raw(struct emit *emit, const char *name, const char *json)
{
    member(emit, tr_bytes_of(name));
    tr_buf_add_str(emit->out, json);
}

static void string(struct emit *emit, const char *name, const char *text)
{
    member(emit, tr_bytes_of(name));
    tr_buf_add_json(emit->out, tr_bytes_of(text));
}

static void begin(struct emit *emit, char bracket)
{
    tr_buf_add_char(emit->out, bracket);
    emit->depth++;
    emit->first = true;
}

static void end(struct emit *emit, char bracket)
{
    emit->depth--;
    emit->first = true;
    line(emit);
    tr_buf_add_char(emit->out, bracket);
    emit->first = false;
}

/* The regular expression of a text's form; NULL where only the length is held. */
static const char *pattern_of(const struct tr_setting *setting)
{
    switch (setting->type) {
    case TR_SETTING_TABLE:
        return "^[a-zA-Z0-9_.-]{3,255}$";
    case TR_SETTING_ARN:
        return "^arn:aws[a-zA-Z0-9-]*:dynamodb:[a-zA-Z0-9-]+:[0-9]{12}:table/"
               "[a-zA-Z0-9_.-]{3,255}/stream/[a-zA-Z0-9:.-]+$";
    case TR_SETTING_URL:
        return "^https?://[^ ?#]+$";
    case TR_SETTING_LISTEN:
        return "^([0-9]{1,3}([.][0-9]{1,3}){3}|[[][0-9a-fA-F:.]+[]]|localhost)?:[0-9]{1,5}$";
    case TR_SETTING_DURATION:
        return setting->available == TR_SETTING_ONLY ? "^0+(ms|s|m|h)$" : "^[0-9]+(ms|s|m|h)$";
    case TR_SETTING_SIZE:
        return "^[0-9]+(B|KiB|MiB|GiB)$";
    case TR_SETTING_TIME:
        return "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?"
               "([Zz]|[+-][0-9]{2}:[0-9]{2})$";
    default:
        return NULL;
    }
}

static void text_members(struct emit *emit, const struct tr_setting *setting)
{
    const char *pattern = pattern_of(setting);
    tr_buf_add_str(emit->out, "{\"type\": \"string\"");
    if (pattern != NULL) {
        tr_buf_add_str(emit->out, ", \"pattern\": ");
        tr_buf_add_json(emit->out, tr_bytes_of(pattern));
    } else {
        tr_buf_printf(emit->out, ", \"minLength\": %llu, \"maxLength\": %llu",
                      (unsigned long long)setting->low, (unsigned long long)setting->high);
    }
    tr_buf_add_char(emit->out, '}');
}

static void choice_members(struct emit *emit, const struct tr_setting *setting)
{
    struct tr_bytes rest =
        tr_bytes_of(setting->available == TR_SETTING_ONLY ? setting->default_text : setting->words);
    const char *comma = "";
    tr_buf_add_str(emit->out, "{\"enum\": [");
    while (rest.ptr != NULL) {
        tr_buf_add_str(emit->out, comma);
        tr_buf_add_json(emit->out, tr_bytes_cut(&rest, '|'));
        comma = ", ";
    }
    tr_buf_add_str(emit->out, "]}");
}

/* The schema of a value that is written out. */
static void literal(struct emit *emit, const struct tr_setting *setting)
{
    switch (setting->type) {
    case TR_SETTING_COUNT:
        if (setting->available == TR_SETTING_ONLY) {
            tr_buf_printf(emit->out, "{\"const\": %s}", setting->default_text);
        } else {
            tr_buf_printf(emit->out,
                          "{\"type\": \"integer\", \"minimum\": %llu, \"maximum\": %llu}",
                          (unsigned long long)setting->low, (unsigned long long)setting->high);
        }
        break;
    case TR_SETTING_BOOL:
        tr_buf_add_str(emit->out, "{\"type\": \"boolean\"}");
        break;
    case TR_SETTING_CHOICE:
        choice_members(emit, setting);
        break;
    default:
        text_members(emit, setting);
        break;
    }
}

static void description(struct emit *emit, const struct tr_setting *setting)
{
    struct tr_buf text = {0};
    struct tr_buf range = {0};
    tr_config_value_add_range(&range, setting);
    tr_buf_add_str(&text, setting->doc);
    if (range.len > 0 && setting->type != TR_SETTING_CHOICE) {
        tr_buf_printf(&text, " Range %s.", range.ptr);
    }
    if (setting->default_text[0] != '\0') {
        tr_buf_add_str(&text, " Default: ");
        tr_setting_add_otherwise(&text, setting);
        tr_buf_add_char(&text, '.');
    }
    string(emit, "description", text.ptr != NULL ? text.ptr : "");
    emit->out->failed |= text.failed || range.failed;
    tr_buf_deinit(&text);
    tr_buf_deinit(&range);
}

static void add_default(struct emit *emit, const struct tr_setting *setting)
{
    if (!tr_setting_has_default(setting)) {
        return;
    }
    if (setting->type == TR_SETTING_COUNT || setting->type == TR_SETTING_BOOL) {
        raw(emit, "default", setting->default_text);
    } else {
        string(emit, "default", setting->default_text);
    }
}

static void section_schema(struct emit *emit, const char *section);

/* A setting that is a section, too (stream.start), has that as one more alternative. */
static void setting_schema(struct emit *emit, const struct tr_setting *setting)
{
    begin(emit, '{');
    description(emit, setting);
    add_default(emit, setting);
    member(emit, TR_LIT("anyOf"));
    begin(emit, '[');
    line(emit);
    literal(emit, setting);
    line(emit);
    tr_buf_add_str(emit->out, VARIABLE);
    if (tr_setting_is_section(tr_bytes_of(setting->path))) {
        line(emit);
        section_schema(emit, setting->path);
    }
    end(emit, ']');
    end(emit, '}');
}

/* What must be there, section by section: the rules of config/check.c. */
static const struct {
    const char *section;
    const char *name;
    const char *json;
} rules[] = {
    {"", "required", "[\"consumers\"]"},
    {"consumers", "minProperties", "1"},
    {"consumers", "maxProperties", "1000"},
    {"consumers", "propertyNames", "{\"minLength\": 1, \"maxLength\": 255}"},
    {"consumers.*", "required", "[\"stream\", \"processor\"]"},
    {"consumers.*.stream", "oneOf", "[{\"required\": [\"table\"]}, {\"required\": [\"arn\"]}]"},
    {"consumers.*.stream.start", "required", "[\"at_timestamp\"]"},
    {"consumers.*.processor", "minProperties", "1"},
    {"consumers.*.processor", "maxProperties", "1"},
    {"consumers.*.processor.file", "required", "[\"path\"]"},
};

static void section_rules(struct emit *emit, const char *section)
{
    size_t i;
    for (i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (strcmp(rules[i].section, section) == 0) {
            raw(emit, rules[i].name, rules[i].json);
        }
    }
}

static void child_schema(struct emit *emit, const char *path)
{
    const struct tr_setting *setting = tr_setting_find(tr_bytes_of(path));
    if (tr_setting_is_later(tr_bytes_of(path))) {
        tr_buf_add_str(emit->out, "{\"description\": \"Not available yet.\", \"not\": {}}");
    } else if (setting != NULL) {
        setting_schema(emit, setting);
    } else {
        section_schema(emit, path);
    }
}

/* The recursion is as deep as the table. */
static void section_schema(struct emit *emit, const char *section)
{
    bool names = strcmp(section, "consumers") == 0;
    struct tr_bytes name;
    size_t at = 0;

    if (section[0] != '\0') {
        begin(emit, '{');
    }
    raw(emit, "type", "\"object\"");
    section_rules(emit, section);
    if (!names) {
        raw(emit, "additionalProperties", "false");
        member(emit, TR_LIT("properties"));
        begin(emit, '{');
    }
    while ((name = tr_setting_child(tr_bytes_of(section), &at)).ptr != NULL) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s%.*s", section, section[0] != '\0' ? "." : "",
                       TR_FMT(name));
        member(emit, names ? TR_LIT("additionalProperties") : name);
        child_schema(emit, path);
    }
    if (!names) {
        end(emit, '}');
    }
    if (section[0] != '\0') {
        end(emit, '}');
    }
}

void tr_config_schema(struct tr_buf *out)
{
    struct emit emit = {.out = out};
    begin(&emit, '{');
    string(&emit, "$schema", "https://json-schema.org/draft/2020-12/schema");
    string(&emit, "title", "tailrace configuration");
    section_schema(&emit, "");
    end(&emit, '}');
    tr_buf_add_char(out, '\n');
}
