/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/env.h"

#include <limits.h>
#include <unistd.h>

#include "tests/support/test.h"

#define VARIABLES_MAX 32
#define FILES_MAX 8

static struct {
    const char *name, *value;
} variables[VARIABLES_MAX];
static size_t variable_count;

static char folder[] = "/tmp/tailrace-test-XXXXXX";
static bool has_folder;
static char paths[FILES_MAX][PATH_MAX];
static size_t file_count;

void tr_test_env_clear(void)
{
    variable_count = 0;
}

void tr_test_env_set(const char *name, const char *value)
{
    assert_true(variable_count < VARIABLES_MAX);
    variables[variable_count].name = name;
    variables[variable_count].value = value;
    variable_count++;
}

const char *tr_test_getenv(const char *name)
{
    size_t i;
    for (i = variable_count; i > 0; i--) {
        if (strcmp(variables[i - 1].name, name) == 0) {
            return variables[i - 1].value;
        }
    }
    return NULL;
}

static void remove_files(void)
{
    size_t i;
    for (i = 0; i < FILES_MAX; i++) {
        if (paths[i][0] != '\0') {
            (void)unlink(paths[i]);
        }
    }
    (void)rmdir(folder);
}

const char *tr_test_file(const char *name, const char *text)
{
    char *path = paths[file_count++ % FILES_MAX];
    FILE *file;

    if (!has_folder) {
        assert_non_null(mkdtemp(folder));
        has_folder = true;
        (void)atexit(remove_files);
    }
    if (path[0] != '\0') {
        (void)unlink(path);
    }
    (void)snprintf(path, PATH_MAX, "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}
