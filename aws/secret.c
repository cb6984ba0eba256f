/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/secret.h"

#include "base/mem.h"

enum tr_status tr_secret_set(struct tr_secret *secret, struct tr_bytes bytes)
{
    tr_secret_deinit(secret);
    secret->ptr = tr_memdup(bytes.ptr, bytes.len);
    if (secret->ptr == NULL) {
        return TR_ENOMEM;
    }
    secret->len = bytes.len;
    return TR_OK;
}

void tr_secret_deinit(struct tr_secret *secret)
{
    if (secret->ptr != NULL) {
        tr_wipe(secret->ptr, secret->len);
        tr_free(secret->ptr);
    }
    *secret = (struct tr_secret){0};
}

bool tr_secret_is_set(const struct tr_secret *secret)
{
    return secret->ptr != NULL;
}

struct tr_bytes tr_secret_reveal(const struct tr_secret *secret)
{
    return (struct tr_bytes){secret->ptr, secret->len};
}
