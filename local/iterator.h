/* SPDX-License-Identifier: Apache-2.0
 *
 * Shard iterators: a place in a shard with the time it was handed out, as text that only this model
 * makes and understands. */
#ifndef TR_LOCAL_ITERATOR_H
#define TR_LOCAL_ITERATOR_H

#include "local/stream.h"

#define TR_ITERATOR_LIFE_MS INT64_C(900000)

struct tr_iterator {
    struct tr_bytes arn; /* borrowed from the text */
    char shard[TR_SHARD_ID_LEN + 1];
    uint64_t from; /* counter: the next record is the first one not below it */
    uint64_t reader;
    struct tr_wall made;
};

/* Append the text (with quotes, as a JSON string). Errors: see tr_buf. */
void tr_iterator_print(const struct tr_iterator *iterator, uint64_t key, struct tr_buf *out);

/* Errors: false when the text is not one that print made with this key. */
bool tr_iterator_parse(struct tr_bytes text, uint64_t key, struct tr_iterator *out);

#endif
