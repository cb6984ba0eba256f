/* SPDX-License-Identifier: Apache-2.0
 *
 * The schema judged by a small validator of the keywords that it uses, beside the loader: what
 * loads must be accepted, and what a schema can see to be wrong must be refused. */
#include "tests/unit/config/load.h"

#include <cJSON.h>
#include <regex.h>

#include "config/text.h"
#include "config/yaml.h"

static bool valid(const cJSON *schema, const cJSON *value);

static const char *type_of(const cJSON *value)
{
    if (cJSON_IsObject(value)) {
        return "object";
    }
    if (cJSON_IsArray(value)) {
        return "array";
    }
    if (cJSON_IsString(value)) {
        return "string";
    }
    if (cJSON_IsBool(value)) {
        return "boolean";
    }
    if (cJSON_IsNull(value)) {
        return "null";
    }
    return value->valuedouble == (double)(long long)value->valuedouble ? "integer" : "number";
}

static bool matches(const char *pattern, const char *text)
{
    regex_t regex;
    bool found;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

static size_t count_valid(const cJSON *schemas, const cJSON *value)
{
    const cJSON *schema;
    size_t count = 0;
    cJSON_ArrayForEach(schema, schemas)
    {
        count += valid(schema, value) ? 1 : 0;
    }
    return count;
}

static bool among(const cJSON *list, const cJSON *value)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (cJSON_Compare(item, value, true)) {
            return true;
        }
    }
    return false;
}

static bool members_valid(const cJSON *schema, const cJSON *object)
{
    const cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
    const cJSON *others = cJSON_GetObjectItemCaseSensitive(schema, "additionalProperties");
    const cJSON *names = cJSON_GetObjectItemCaseSensitive(schema, "propertyNames");
    const cJSON *member;
    cJSON_ArrayForEach(member, object)
    {
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(properties, member->string);
        const cJSON *judge = own != NULL ? own : others;
        if (cJSON_IsFalse(judge) || (cJSON_IsObject(judge) && !valid(judge, member))) {
            return false;
        }
        if (names != NULL) {
            cJSON *name = cJSON_CreateString(member->string);
            bool good = valid(names, name);
            cJSON_Delete(name);
            if (!good) {
                return false;
            }
        }
    }
    return true;
}

static bool has_required(const cJSON *names, const cJSON *object)
{
    const cJSON *name;
    cJSON_ArrayForEach(name, names)
    {
        if (!cJSON_HasObjectItem(object, name->valuestring)) {
            return false;
        }
    }
    return true;
}

/* One keyword; the validator knows each that the schema uses, and fails on any other. */
static bool keyword(const cJSON *schema, const cJSON *word, const cJSON *value)
{
    const char *name = word->string;
    double number = word->valuedouble;
    if (strcmp(name, "type") == 0) {
        return strcmp(word->valuestring, type_of(value)) == 0;
    }
    if (strcmp(name, "pattern") == 0) {
        return !cJSON_IsString(value) || matches(word->valuestring, value->valuestring);
    }
    if (strcmp(name, "minLength") == 0 || strcmp(name, "maxLength") == 0) {
        double len = cJSON_IsString(value) ? (double)strlen(value->valuestring) : number;
        return name[1] == 'i' ? len >= number : len <= number;
    }
    if (strcmp(name, "minimum") == 0 || strcmp(name, "maximum") == 0) {
        double have = cJSON_IsNumber(value) ? value->valuedouble : number;
        return name[1] == 'i' ? have >= number : have <= number;
    }
    if (strcmp(name, "minProperties") == 0 || strcmp(name, "maxProperties") == 0) {
        double have = cJSON_IsObject(value) ? cJSON_GetArraySize(value) : number;
        return name[1] == 'i' ? have >= number : have <= number;
    }
    if (strcmp(name, "enum") == 0) {
        return among(word, value);
    }
    if (strcmp(name, "const") == 0) {
        return cJSON_Compare(word, value, true);
    }
    if (strcmp(name, "anyOf") == 0) {
        return count_valid(word, value) > 0;
    }
    if (strcmp(name, "oneOf") == 0) {
        return count_valid(word, value) == 1;
    }
    if (strcmp(name, "not") == 0) {
        return !valid(word, value);
    }
    if (strcmp(name, "required") == 0) {
        return !cJSON_IsObject(value) || has_required(word, value);
    }
    if (strcmp(name, "properties") == 0 || strcmp(name, "additionalProperties") == 0 ||
        strcmp(name, "propertyNames") == 0) {
        return members_valid(schema, value);
    }
    if (strcmp(name, "description") != 0 && strcmp(name, "default") != 0 &&
        strcmp(name, "title") != 0 && strcmp(name, "$schema") != 0) {
        fail_msg("the validator does not know '%s'", name);
    }
    return true;
}

static bool valid(const cJSON *schema, const cJSON *value)
{
    const cJSON *word;
    cJSON_ArrayForEach(word, schema)
    {
        if (!keyword(schema, word, value)) {
            return false;
        }
    }
    return true;
}

/* A tree of YAML as an editor's reader sees it (YAML 1.2: only true and false are booleans). */
static cJSON *json_of(const struct tr_yaml_node *node)
{
    const struct tr_yaml_node *child;
    cJSON *json;
    if (node->kind == TR_NODE_SCALAR) {
        enum tr_plain plain = node->plain ? tr_text_plain(node->text) : TR_PLAIN_TEXT;
        if (plain == TR_PLAIN_NULL) {
            return cJSON_CreateNull();
        }
        if (plain == TR_PLAIN_BOOL &&
            (tr_bytes_is(node->text, "true") || tr_bytes_is(node->text, "false"))) {
            return cJSON_CreateBool(tr_bytes_is(node->text, "true"));
        }
        return plain == TR_PLAIN_NUMBER ? cJSON_CreateNumber(strtod(node->text.ptr, NULL))
                                        : cJSON_CreateString(node->text.ptr);
    }
    json = node->kind == TR_NODE_MAP ? cJSON_CreateObject() : cJSON_CreateArray();
    for (child = node->first; child != NULL; child = child->next) {
        if (node->kind == TR_NODE_MAP) {
            cJSON_AddItemToObject(json, child->key.ptr, json_of(child));
        } else {
            cJSON_AddItemToArray(json, json_of(child));
        }
    }
    return json;
}

static cJSON *schema_of_settings(void)
{
    struct tr_buf text = {0};
    cJSON *schema;
    tr_config_schema(&text);
    assert_int_equal(tr_buf_status(&text), TR_OK);
    schema = cJSON_ParseWithOpts(text.ptr, NULL, true);
    assert_non_null(schema);
    tr_buf_deinit(&text);
    return schema;
}

static bool schema_accepts(const cJSON *schema, const char *text)
{
    const struct tr_config_source source = {"t.yaml", tr_bytes_of(text)};
    struct tr_config_errors errors = {0};
    struct tr_config_arena arena = {0};
    struct tr_yaml_node *root = NULL;
    cJSON *json;
    bool good;
    assert_int_equal(tr_yaml_parse(&source, 0, &arena, &errors, &root), TR_OK);
    json = json_of(root);
    good = valid(schema, json);
    cJSON_Delete(json);
    tr_config_arena_deinit(&arena);
    tr_config_errors_deinit(&errors);
    return good;
}

static void test_schema__accepts_what_loads(void **state)
{
    static const char *const good[] = {
        "consumers:\n" TR_TEST_CONSUMER,
        "aws: {endpoint: \"${X:-}\", region: us-west-2, profile: a "
        "b}\nconsumers:\n" TR_TEST_CONSUMER "log: {level: \"${L:-warn}\", format: json}\n"
        "worker: {threads: \"${N:-2}\", memory: 12MiB, id: h:1, shutdown_timeout: 1m}\n",
        "consumers:\n  one:\n    stream:\n"
        "      arn: arn:aws-cn:dynamodb:cn-north-1:000000000000:table/Ord/stream/x\n"
        "      start: trim_horizon\n      poll: {min: 1s, max: 1m}\n"
        "    parallelism: 1\n    batch: {records: 1, window: 0ms}\n"
        "    processor: {file: {path: \"{shard}\", sync: batch}}\n",
        "consumers:\n  one:\n    stream: {table: Ord, start: latest}\n"
        "    processor: {file: {path: x}}\n",
        "consumers:\n  one:\n    stream: {table: Ord, start: {at_timestamp: "
        "2026-11-21T08:00:00Z}}\n    processor: {file: {path: x}}\n",
    };
    static const char *const examples[] = {"minimal", "local", "full"};
    cJSON *schema = schema_of_settings();
    size_t i;
    (void)state;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        tr_config_free(load_good(good[i]));
        assert_true(schema_accepts(schema, good[i]));
    }
    for (i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        struct tr_buf path = {0}, text = {0};
        FILE *file;
        int c;
        tr_buf_printf(&path, "%s/config/examples/%s.yaml", TR_SOURCE_DIR, examples[i]);
        file = fopen(path.ptr, "rb");
        assert_non_null(file);
        while ((c = fgetc(file)) != EOF) {
            tr_buf_add_char(&text, (char)c);
        }
        (void)fclose(file);
        tr_config_free(load_good(text.ptr));
        assert_true(schema_accepts(schema, text.ptr));
        tr_buf_deinit(&path);
        tr_buf_deinit(&text);
    }
    cJSON_Delete(schema);
}

static void test_schema__refuses_what_the_loader_refuses(void **state)
{
    static const char *const lines[] = {
        "aws: {regoin: x}\n",
        "aws: {region: 12}\n",
        "aws: {region: true}\n",
        "aws: {region: }\n",
        "aws: []\n",
        "aws:\n",
        "aws: {endpoint: localhost}\n",
        "worker: {threads: 0}\n",
        "worker: {threads: 257}\n",
        "worker: {threads: \"4\"}\n",
        "worker: {threads: 1.5}\n",
        "worker: {memory: 12}\n",
        "worker: {memory: 12MB}\n",
        "worker: {shutdown_timeout: 20}\n",
        "worker: {shutdown_timeout: 1d}\n",
        "log: {level: loud}\n",
        "admin: {listen: \"127.0.0.1\"}\n",
        "admin: {listen: \"host:9464\"}\n",
        "    parallelism: 2\n",
        "    parallelism: \"1\"\n",
        "    batch: {records: 10001}\n",
        "    batch: {window: 1s}\n",
        "    filter: []\n",
        "    on_error: {attempts: 1}\n",
        "    lease: {table: a/b}\n",
        "    lease: {failover: never}\n",
        "    unknown: 1\n",
    };
    static const char *const whole[] = {
        "log: {level: info}\n",
        "consumers: {}\n",
        "consumers:\n  one: {}\n",
        "consumers:\n  one:\n    stream: {}\n    processor: {file: {path: x}}\n",
        "consumers:\n  one:\n    stream: {table: Ord}\n    processor: {}\n",
        "consumers:\n  one:\n    stream: {table: Ord}\n    processor: {file: {}}\n",
        "consumers:\n  one:\n    stream: {table: Ord}\n    processor: {http: {url: "
        "\"http://h\"}}\n",
        "consumers:\n  one:\n    stream: {table: Ord, start: {}}\n"
        "    processor: {file: {path: x}}\n",
        "consumers:\n  one:\n    stream: {table: Ord, start: newest}\n"
        "    processor: {file: {path: x}}\n",
        "consumers:\n  one:\n    stream: {table: Ord, start: {at_timestamp: x}}\n"
        "    processor: {file: {path: x}}\n",
        "consumers:\n  one:\n    stream: {arn: \"arn:aws:dynamodb\"}\n"
        "    processor: {file: {path: x}}\n",
        "consumers:\n  one:\n    stream:\n      table: Ord\n"
        "      arn: arn:aws:dynamodb:r:000000000000:table/Ord/stream/x\n"
        "    processor: {file: {path: x}}\n",
    };
    cJSON *schema = schema_of_settings();
    struct tr_config *config = NULL;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof lines / sizeof lines[0] + sizeof whole / sizeof whole[0]; i++) {
        size_t count = sizeof lines / sizeof lines[0];
        struct tr_buf text = {0};
        struct tr_config_source source = {"t.yaml", {NULL, 0}};
        char *errors;
        if (i < count) {
            tr_buf_printf(&text, "consumers:\n%s%s", TR_TEST_CONSUMER, lines[i]);
        } else {
            tr_buf_add_str(&text, whole[i - count]);
        }
        source.text = tr_buf_bytes(&text);
        errors = load_all(&source, 1, &test_options, &config);
        if (errors == NULL || schema_accepts(schema, text.ptr)) {
            fail_msg("%s\n%s", text.ptr, errors == NULL ? "loads" : "is accepted by the schema");
        }
        tr_free(errors);
        tr_buf_deinit(&text);
    }
    cJSON_Delete(schema);
}

static void test_schema__survives_lack_of_memory(void **state)
{
    uint64_t made;
    int64_t n;
    struct tr_buf out = {0};
    (void)state;
    (void)tr_mem_fail_at(-1);
    tr_config_schema(&out);
    tr_buf_deinit(&out);
    made = tr_mem_fail_at(-1);
    assert_true(made > 3);
    for (n = 0; n < (int64_t)made; n++) {
        (void)tr_mem_fail_at(n);
        tr_config_schema(&out);
        (void)tr_mem_fail_at(-1);
        assert_int_equal(tr_buf_status(&out), TR_ENOMEM);
        tr_buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema__accepts_what_loads),
        cmocka_unit_test(test_schema__refuses_what_the_loader_refuses),
        cmocka_unit_test(test_schema__survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
