/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of errors: always in the order of places, and of the first TR_CONFIG_ERRORS_MAX places,
 * however many there are. */
#include "config/yaml.h"

#include <stdarg.h>

#include "base/mem.h"

static int order(const struct tr_config_error *a, const struct tr_config_error *b)
{
    if (a->file_index != b->file_index) {
        return a->file_index < b->file_index ? -1 : 1;
    }
    if (a->line != b->line) {
        return a->line < b->line ? -1 : 1;
    }
    return (a->column > b->column) - (a->column < b->column);
}

static void drop(struct tr_config_error *error)
{
    tr_free(error->file);
    tr_free(error->text);
}

static void insert(struct tr_config_errors *errors, struct tr_config_error error)
{
    size_t at = errors->count;

    while (at > 0 && order(&error, &errors->items[at - 1]) < 0) {
        at--;
    }
    if (errors->count == TR_CONFIG_ERRORS_MAX) {
        errors->more++;
        if (at == errors->count) {
            drop(&error);
            return;
        }
        drop(&errors->items[--errors->count]);
    }
    memmove(errors->items + at + 1, errors->items + at,
            (errors->count - at) * sizeof *errors->items);
    errors->items[at] = error;
    errors->count++;
}

void tr_config_errors_add(struct tr_config_errors *errors, const struct tr_place *place,
                          const char *path, const char *fmt, ...)
{
    struct tr_config_error error = {.file_index = SIZE_MAX};
    struct tr_buf text = {0};
    char message[sizeof((struct tr_err *)0)->text];
    va_list args;

    if (errors->items == NULL) {
        errors->items = tr_calloc(TR_CONFIG_ERRORS_MAX, sizeof *errors->items);
    }
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    if (path != NULL && path[0] != '\0') {
        tr_buf_printf(&text, "%s: ", path);
    }
    tr_buf_add_str(&text, message);
    error.text = tr_buf_take(&text, NULL);
    if (place != NULL) {
        error.file = tr_strdup(place->file);
        error.file_index = place->file_index;
        error.line = place->line;
        error.column = place->column;
    }
    if (errors->items == NULL || error.text == NULL || (place != NULL && error.file == NULL)) {
        errors->no_memory = true;
        drop(&error);
        tr_buf_deinit(&text);
        return;
    }
    insert(errors, error);
}

void tr_config_errors_print(const struct tr_config_errors *errors, struct tr_buf *out)
{
    size_t i;
    for (i = 0; i < errors->count; i++) {
        const struct tr_config_error *error = &errors->items[i];
        if (error->file != NULL) {
            tr_buf_add_str(out, error->file);
            if (error->line > 0) {
                tr_buf_printf(out, ":%u:%u", error->line, error->column);
            }
            tr_buf_add_str(out, ": ");
        }
        tr_buf_add_str(out, error->text);
        tr_buf_add_char(out, '\n');
    }
    if (errors->more > 0) {
        tr_buf_printf(out, "and %zu more\n", errors->more);
    }
    if (errors->no_memory) {
        tr_buf_add_str(out, "out of memory: the list of errors is not complete\n");
    }
}

void tr_config_errors_deinit(struct tr_config_errors *errors)
{
    size_t i;
    for (i = 0; i < errors->count; i++) {
        drop(&errors->items[i]);
    }
    tr_free(errors->items);
    *errors = (struct tr_config_errors){0};
}
