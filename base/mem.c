/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

static _Thread_local int64_t fail_countdown = -1;
static _Thread_local uint64_t allocations;

static int must_fail(void)
{
    allocations++;
    if (fail_countdown < 0) {
        return 0;
    }
    return fail_countdown-- == 0;
}

uint64_t tr_mem_fail_at(int64_t n)
{
    uint64_t made = allocations;
    allocations = 0;
    fail_countdown = n;
    return made;
}

void *tr_malloc(size_t size)
{
    return must_fail() ? NULL : malloc(size > 0 ? size : 1);
}

void *tr_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : calloc(count > 0 ? count : 1, size > 0 ? size : 1);
}

void *tr_realloc(void *ptr, size_t size)
{
    return must_fail() ? NULL : realloc(ptr, size > 0 ? size : 1);
}

char *tr_memdup(const void *bytes, size_t len)
{
    char *copy = tr_malloc(len + 1);
    if (copy != NULL) {
        if (len > 0) {
            memcpy(copy, bytes, len);
        }
        copy[len] = '\0';
    }
    return copy;
}

char *tr_strdup(const char *text)
{
    return tr_memdup(text, strlen(text));
}

void tr_free(void *ptr)
{
    free(ptr);
}

int tr_grow(void *array_ptr, size_t *capacity, size_t want, size_t size)
{
    void *array;
    size_t room = *capacity > 0 ? *capacity : 8;

    if (want <= *capacity) {
        return 1;
    }
    while (room < want) {
        if (room > SIZE_MAX / 2) {
            return 0;
        }
        room *= 2;
    }
    if (room > SIZE_MAX / size) {
        return 0;
    }
    memcpy(&array, array_ptr, sizeof array);
    array = tr_realloc(array, room * size);
    if (array == NULL) {
        return 0;
    }
    memcpy(array_ptr, &array, sizeof array);
    *capacity = room;
    return 1;
}

void tr_wipe(void *ptr, size_t len)
{
    if (len > 0) {
        explicit_bzero(ptr, len);
    }
}
