/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines of an AWS configuration or credentials file, one entry at a time: sections, keys, keys
 * nested below a key. Views of the text, no memory of its own. */
#ifndef TR_AWS_INI_CORE_H
#define TR_AWS_INI_CORE_H

#include "base/bytes.h"
#include "tailrace/status.h"

/* Start with {.text = the file}. */
struct tr_ini {
    struct tr_bytes text; /* what is left; borrowed */
    unsigned line;        /* of the last entry; from 1 */
    bool in_section;
    struct tr_bytes parent; /* the last key of the section, absent at its start */
    bool parent_empty;      /* it had no value: what is indented below it are keys of its own */
};

enum tr_ini_kind { TR_INI_END, TR_INI_SECTION, TR_INI_KEY, TR_INI_NESTED, TR_INI_CONTINUED };

struct tr_ini_entry {
    enum tr_ini_kind kind;
    struct tr_bytes type;  /* SECTION: "profile" of "[profile x]", "" of "[x]" */
    struct tr_bytes name;  /* SECTION: "x"; KEY, NESTED: the key */
    struct tr_bytes value; /* KEY, NESTED: may be empty; CONTINUED: the line */
    struct tr_bytes under; /* NESTED, CONTINUED: the key above */
};

/* The next entry; TR_INI_END when there is none.
 * Errors:  TR_EPARSE (a section without ']', a line without '=', a key outside of sections); the
 *          place is ini->line, the message in err never shows a value. */
enum tr_status tr_ini_next(struct tr_ini *ini, struct tr_ini_entry *out,
                           struct tr_err *err) TR_MUST_CHECK;

#endif
