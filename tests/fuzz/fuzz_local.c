/* SPDX-License-Identifier: Apache-2.0
 *
 * The service model's dispatch. Input: lines in pairs, an X-Amz-Target and a body, called one
 * after the other on a model that has a table "Tab" (key "pk") with a stream, all at one time and
 * seed. */
#include "base/assert.h"
#include "base/json.h"
#include "local/local.h"

#define NOW_MS INT64_C(1795248000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct tr_local_answer *answer)
{
    struct tr_json_doc doc = {0};
    struct tr_err err = {{0}};
    TR_ASSERT(answer->http_status == 200 || answer->http_status == 400 ||
              answer->http_status == 500);
    if (answer->delivery != TR_LOCAL_HANG && answer->delivery != TR_LOCAL_RESET &&
        answer->content_type[0] == 'a') {
        TR_ASSERT(tr_json_parse(&doc, tr_buf_bytes(&answer->body), &err) == TR_OK);
    }
    tr_json_deinit(&doc);
}

static void make_table(struct tr_local *local, struct tr_wall now, struct tr_local_answer *answer)
{
    tr_local_call(
        local, now, TR_LIT("DynamoDB_20120810.CreateTable"),
        TR_LIT("{\"TableName\":\"Tab\",\"AttributeDefinitions\":[{\"AttributeName\":\"pk\","
               "\"AttributeType\":\"S\"}],\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":"
               "\"HASH\"}],\"BillingMode\":\"PAY_PER_REQUEST\",\"StreamSpecification\":{"
               "\"StreamEnabled\":true,\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"}}"),
        answer);
    TR_ASSERT(answer->http_status == 200);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tr_local_options options = {.seed = 1};
    struct tr_wall now = {NOW_MS};
    struct tr_local_answer answer = {0};
    struct tr_bytes rest = {(const char *)data, size};
    struct tr_local *local;

    TR_ASSERT(tr_local_new(&options, now, &local) == TR_OK);
    make_table(local, now, &answer);
    now.ms += 60000;
    while (rest.ptr != NULL) {
        struct tr_bytes target = tr_bytes_cut(&rest, '\n');
        struct tr_bytes body = tr_bytes_cut(&rest, '\n');
        if (body.ptr == NULL) {
            body = TR_LIT("");
        }
        tr_local_call(local, now, target, body, &answer);
        check(&answer);
    }
    tr_local_answer_deinit(&answer);
    tr_local_free(local);
    return 0;
}
