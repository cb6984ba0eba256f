/* SPDX-License-Identifier: Apache-2.0 */
#include "base/note.h"

#include "base/assert.h"

static const struct tr_note_row rows[TR_NOTE_COUNT] = {
#define TR_NOTE_ROW(id, level, message, a, b, text, doc)                                           \
    [TR_NOTE_##id] = {#id, TR_LEVEL_##level, message, a, b, text, doc},
    TR_NOTE_TABLE(TR_NOTE_ROW)
#undef TR_NOTE_ROW
};

const struct tr_note_row *tr_note_row(enum tr_note_id id)
{
    TR_ASSERT((unsigned)id < TR_NOTE_COUNT);
    return &rows[id];
}

const char *tr_level_name(enum tr_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    return names[level];
}
