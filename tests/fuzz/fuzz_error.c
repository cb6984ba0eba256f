/* SPDX-License-Identifier: Apache-2.0
 *
 * The first byte chooses the HTTP status, the rest is the body; whatever it is, the verdict's texts
 * are printable and end. */
#include "aws/error_core.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned numbers[] = {200, 400, 403, 500, 503, 301};
    struct tr_reply reply = {0};
    struct tr_verdict got;
    size_t i;

    if (size == 0) {
        return 0;
    }
    reply.http_status = numbers[data[0] % 6];
    reply.body = (struct tr_bytes){(const char *)data + 1, size - 1};
    if ((data[0] & 0x40) != 0) {
        reply.error_type = reply.body;
    }
    tr_reply_judge(&reply, &got);
    TR_ASSERT(memchr(got.text, '\0', sizeof got.text) != NULL);
    TR_ASSERT(memchr(got.code, '\0', sizeof got.code) != NULL);
    TR_ASSERT(tr_bytes_utf8(tr_bytes_of(got.text)));
    for (i = 0; got.text[i] != '\0'; i++) {
        TR_ASSERT((unsigned char)got.text[i] >= ' ' && got.text[i] != 0x7f);
    }
    TR_ASSERT((got.status == TR_OK) <= (reply.http_status == 200));
    return 0;
}
