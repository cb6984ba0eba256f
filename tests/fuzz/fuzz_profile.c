/* SPDX-License-Identifier: Apache-2.0
 *
 * A text as AWS configuration file: the entries' views lie within it, and the line is counted. */
#include "aws/ini_core.h"
#include "base/assert.h"

static void check(struct tr_bytes view, const uint8_t *data, size_t size)
{
    const char *start = (const char *)data;
    if (view.len > 0) {
        TR_ASSERT(view.ptr >= start && view.ptr + view.len <= start + size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tr_ini ini = {.text = {(const char *)data, size}};
    struct tr_ini_entry entry;
    unsigned line = 0;

    while (tr_ini_next(&ini, &entry, NULL) == TR_OK && entry.kind != TR_INI_END) {
        TR_ASSERT(ini.line > line);
        line = ini.line;
        check(entry.type, data, size);
        check(entry.name, data, size);
        check(entry.value, data, size);
        check(entry.under, data, size);
        TR_ASSERT(entry.kind == TR_INI_CONTINUED || entry.name.ptr != NULL);
        TR_ASSERT(entry.kind != TR_INI_SECTION || entry.value.ptr == NULL);
    }
    return 0;
}
