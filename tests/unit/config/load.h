/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading YAML that stands in a test, and what it says when it is bad. */
#ifndef TR_TESTS_UNIT_CONFIG_LOAD_H
#define TR_TESTS_UNIT_CONFIG_LOAD_H

#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "tests/support/test.h"

/* The least consumer, to stand behind "consumers:\n". */
#define TR_TEST_CONSUMER                                                                           \
    "  c-one:\n"                                                                                   \
    "    stream: {table: Orders}\n"                                                                \
    "    processor: {file: {path: out}}\n"

static const char *const *test_environment;

static inline const char *test_getenv(void *user, const char *name)
{
    const char *const *pair;
    (void)user;
    for (pair = test_environment; pair != NULL && *pair != NULL; pair += 2) {
        if (strcmp(pair[0], name) == 0) {
            return pair[1];
        }
    }
    return NULL;
}

static const struct tr_config_options test_options = {.getenv = test_getenv, .cpus = 3};

/* All errors as one text (free with tr_free), or NULL and the configuration. */
static inline char *load_all(const struct tr_config_source *sources, size_t count,
                             const struct tr_config_options *options, struct tr_config **config)
{
    struct tr_config_errors errors = {0};
    struct tr_buf out = {0};
    enum tr_status status = tr_config_parse(sources, count, options, config, &errors);
    char *text = NULL;

    if (status == TR_OK) {
        assert_int_equal(errors.count, 0);
        assert_non_null(*config);
    } else {
        assert_null(*config);
        assert_int_equal(status, TR_ECONFIG);
        tr_config_errors_print(&errors, &out);
        text = tr_buf_take(&out, NULL);
        assert_non_null(text);
    }
    tr_config_errors_deinit(&errors);
    return text;
}

/* A text that must load. */
static inline struct tr_config *load_good(const char *text)
{
    const struct tr_config_source source = {"t.yaml", tr_bytes_of(text)};
    struct tr_config *config = NULL;
    char *errors = load_all(&source, 1, &test_options, &config);
    if (errors != NULL) {
        fail_msg("%s\n%s", text, errors);
    }
    return config;
}

/* A text that must be refused with exactly these lines. */
static inline void load_bad(struct tr_bytes text, const char *says)
{
    const struct tr_config_source source = {"t.yaml", text};
    struct tr_config *config = NULL;
    char *errors = load_all(&source, 1, &test_options, &config);
    if (errors == NULL) {
        fail_msg("loads, but should say: %s\n%.*s", says, TR_FMT(text));
    } else if (strcmp(errors, says) != 0) {
        fail_msg("%.*s\ngot:\n%swant:\n%s", TR_FMT(text), errors, says);
    }
    tr_free(errors);
    tr_config_free(config);
}

#endif
