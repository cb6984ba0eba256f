/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/sigv4.h"
#include "base/mem.h"
#include "tests/support/test.h"

#define ACCESS "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define TOKEN "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"
/* The token of the published suite's cases. */
#define SUITE_TOKEN                                                                                \
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSP" \
    "fIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/"                                                        \
    "kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7"                                     \
    "WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm" \
    "8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
#define NOON ((struct tr_wall){1440938160000}) /* 20150830T123600Z */

#define H(name, value)                                                                             \
    {                                                                                              \
        {name, sizeof(name) - 1},                                                                  \
        {                                                                                          \
            value, sizeof(value) - 1                                                               \
        }                                                                                          \
    }

struct vector {
    const char *name, *method, *query, *body, *region, *service;
    struct tr_sigv4_header headers[8];
    const char *body_hash, *canonical_hash, *signed_headers, *signature;
};

/* The published test suite's requests as far as they apply to a POST or GET of "/", and three of
 * our own protocol, computed with two other implementations. */
static const struct vector vectors[] = {
    {"get-vanilla",
     "GET",
     "",
     "",
     "us-east-1",
     "service",
     {H("Host", "example.amazonaws.com"), H("X-Amz-Date", "20150830T123600Z")},
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"post-vanilla",
     "POST",
     "",
     "",
     "us-east-1",
     "service",
     {H("Host", "example.amazonaws.com"), H("X-Amz-Date", "20150830T123600Z")},
     NULL,
     NULL,
     "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-header-key-sort",
     "POST",
     "",
     "",
     "us-east-1",
     "service",
     {H("Host", "example.amazonaws.com"), H("My-Header1", "value1"),
      H("X-Amz-Date", "20150830T123600Z")},
     NULL,
     NULL,
     "host;my-header1;x-amz-date",
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
    {"get-header-value-trim",
     "GET",
     "",
     "",
     "us-east-1",
     "service",
     {H("Host", "example.amazonaws.com"), H("My-Header1", " value1"),
      H("My-Header2", " \"a   b   c\""), H("X-Amz-Date", "20150830T123600Z")},
     NULL,
     NULL,
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"GetRecords",
     "POST",
     "",
     "{\"ShardIterator\":\"x\",\"Limit\":1000}",
     "us-east-1",
     "dynamodb",
     {H("Host", "streams.dynamodb.us-east-1.amazonaws.com"),
      H("Content-Type", "application/x-amz-json-1.0"),
      H("X-Amz-Target", "DynamoDBStreams_20120810.GetRecords"),
      H("X-Amz-Date", "20150830T123600Z")},
     "711906522784274def6558895dd0101d6b338f77713c7f53cfd07a6e4c4b008b",
     "bc997c9b76478b486680760abbfd5e6bf500b77406b70eaf448e7186a9cc1950",
     "content-type;host;x-amz-date;x-amz-target",
     "0289b0b6ab87c82025f4467f1b61c3a032eb70c9fa2ee0c54ae38c0add235455"},
    {"UpdateItem with a token",
     "POST",
     "",
     "{}",
     "us-east-1",
     "dynamodb",
     {H("Host", "dynamodb.us-east-1.amazonaws.com"),
      H("Content-Type", "application/x-amz-json-1.0"), H("X-Amz-Date", "20150830T123600Z"),
      H("X-Amz-Security-Token", TOKEN), H("X-Amz-Target", "DynamoDB_20120810.UpdateItem")},
     "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
     "51375615fe4f73a3e5591ea29d1a2f8086403e027a56e4caf9210dcba4f2e999",
     "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
     "abee43eab1144225028cf12af266b3471388477d8eb8107fb8798b2ec80dfd9f"},
    {"ListShards in China",
     "POST",
     "",
     "{\"StreamName\":\"s\"}",
     "cn-north-1",
     "kinesis",
     {H("Host", "kinesis.cn-north-1.amazonaws.com.cn"),
      H("Content-Type", "application/x-amz-json-1.1"), H("X-Amz-Date", "20150830T123600Z"),
      H("X-Amz-Target", "Kinesis_20131202.ListShards")},
     "9eba409c3e52eed03e0eb744b3961f83b7bbf6306ec8866d6380643056105246",
     "79c9026c71257b09714ae95742e3c5e04a2d39230cce69896465c2b7315ee959",
     "content-type;host;x-amz-date;x-amz-target",
     "3a24cc100475c9b21d656957feabda6ff121df48b889bc85bfefe099b4d06129"},
    {"GetRecords, its length signed too",
     "POST",
     "",
     "{\"ShardIterator\":\"x\",\"Limit\":1000}",
     "us-east-1",
     "dynamodb",
     {H("Host", "streams.dynamodb.us-east-1.amazonaws.com"), H("Content-Length", "34"),
      H("Content-Type", "application/x-amz-json-1.0"),
      H("X-Amz-Target", "DynamoDBStreams_20120810.GetRecords"),
      H("X-Amz-Date", "20150830T123600Z")},
     NULL,
     NULL,
     "content-length;content-type;host;x-amz-date;x-amz-target",
     "b9fb6d1d964214d04423d96d111f268b96bef16523ac12a07536bcf9401b7539"},
};

struct fixture {
    struct tr_sigv4 *signer;
    struct tr_secret secret;
    struct tr_sigv4_key key;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    tr_assert_status(tr_sigv4_new(&f.signer, NULL), TR_OK, NULL);
    tr_assert_status(tr_secret_set(&f.secret, TR_LIT(SECRET)), TR_OK, NULL);
    f.key =
        (struct tr_sigv4_key){TR_LIT(ACCESS), &f.secret, TR_LIT("us-east-1"), TR_LIT("dynamodb")};
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tr_sigv4_free(f->signer);
    tr_secret_deinit(&f->secret);
    return 0;
}

static struct tr_sigv4_request request_of(const struct vector *v)
{
    size_t count = 0;
    while (count < 8 && v->headers[count].name.ptr != NULL) {
        count++;
    }
    return (struct tr_sigv4_request){
        tr_bytes_of(v->method), TR_LIT("/"), tr_bytes_of(v->query), v->headers, count,
        tr_bytes_of(v->body)};
}

static void test_sigv4__gives_the_known_signatures(void **state)
{
    struct fixture *f = *state;
    size_t i;
    for (i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const struct vector *v = &vectors[i];
        struct tr_sigv4_request request = request_of(v);
        struct tr_buf got = {0}, want = {0};
        print_message("%s\n", v->name);
        f->key.region = tr_bytes_of(v->region);
        f->key.service = tr_bytes_of(v->service);
        tr_assert_status(tr_sigv4_sign(f->signer, &f->key, NOON, &request, &got, NULL), TR_OK,
                         NULL);
        tr_buf_printf(&want,
                      "AWS4-HMAC-SHA256 Credential=" ACCESS "/20150830/%s/%s/aws4_request, "
                      "SignedHeaders=%s, Signature=%s",
                      v->region, v->service, v->signed_headers, v->signature);
        tr_assert_bytes(tr_buf_bytes(&got), want.ptr);
        if (v->body_hash != NULL) {
            assert_string_equal(tr_sigv4_body_hash(f->signer), v->body_hash);
            assert_string_equal(tr_sigv4_canonical_hash(f->signer), v->canonical_hash);
        }
        tr_buf_deinit(&got);
        tr_buf_deinit(&want);
    }
}

static void expect(struct fixture *f, const char *method, const struct tr_sigv4_header *headers,
                   size_t count, const char *signature)
{
    struct tr_sigv4_request request = {tr_bytes_of(method), TR_LIT("/"), TR_LIT(""), headers, count,
                                       TR_LIT("")};
    struct tr_buf got = {0};
    f->key.service = TR_LIT("service");
    tr_assert_status(tr_sigv4_sign(f->signer, &f->key, NOON, &request, &got, NULL), TR_OK, NULL);
    tr_assert_has(got.ptr, signature);
    tr_buf_deinit(&got);
}

static void test_sigv4__signs_a_session_token_among_the_headers(void **state)
{
    static const struct tr_sigv4_header headers[] = {H("Host", "example.amazonaws.com"),
                                                     H("X-Amz-Date", "20150830T123600Z"),
                                                     H("X-Amz-Security-Token", SUITE_TOKEN)};
    expect(*state, "POST", headers, 3,
           "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
    static const struct tr_sigv4_header get[] = {H("Host", "example.amazonaws.com"),
                                                 H("X-Amz-Date", "20150830T123600Z"),
                                                 H("X-Amz-Security-Token", TOKEN)};
    expect(*state, "GET", get, 3,
           "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8");
    /* Added after signing, it changes nothing. */
    expect(*state, "POST", headers, 2,
           "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
}

static void test_sigv4__ignores_the_case_and_order_of_header_names(void **state)
{
    static const struct tr_sigv4_header headers[] = {H("MY-HEADER1", "value1"),
                                                     H("x-amz-date", "20150830T123600Z"),
                                                     H("HOST", "example.amazonaws.com")};
    expect(*state, "POST", headers, 3,
           "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c");
}

static void test_sigv4__joins_values_and_sorts_parameters(void **state)
{
    static const struct tr_sigv4_header headers[] = {
        H("Host", "example.amazonaws.com"), H("My-Header1", "value4"), H("My-Header1", "value1"),
        H("my-header1", "a\n  b \t c")};
    struct fixture *f = *state;
    struct tr_sigv4_request request = {TR_LIT("GET"), TR_LIT(""), TR_LIT("a-b=2&a=2&&a=1&c"),
                                       headers,       4,          TR_LIT("")};
    struct tr_buf out = {0};
    tr_assert_status(tr_sigv4_sign(f->signer, &f->key, NOON, &request, &out, NULL), TR_OK, NULL);
    tr_assert_bytes(tr_sigv4_canonical(f->signer),
                    "GET\n/\na=1&a=2&a-b=2&c=\nhost:example.amazonaws.com\n"
                    "my-header1:value4,value1,a b c\n\nhost;my-header1\n"
                    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    tr_buf_deinit(&out);
}

static void test_sigv4__the_kept_key_follows_day_region_and_secret(void **state)
{
    struct fixture *f = *state;
    struct tr_sigv4_request request = request_of(&vectors[0]);
    struct tr_buf first = {0}, other = {0}, again = {0};
    f->key.service = TR_LIT("service");
    assert_int_equal(tr_sigv4_sign(f->signer, &f->key, NOON, &request, &first, NULL), TR_OK);
    assert_int_equal(tr_secret_set(&f->secret, TR_LIT("other")), TR_OK);
    assert_int_equal(tr_sigv4_sign(f->signer, &f->key, NOON, &request, &other, NULL), TR_OK);
    assert_false(tr_bytes_eq(tr_buf_bytes(&first), tr_buf_bytes(&other)));
    assert_int_equal(tr_secret_set(&f->secret, TR_LIT(SECRET)), TR_OK);
    assert_int_equal(tr_sigv4_sign(f->signer, &f->key, NOON, &request, &again, NULL), TR_OK);
    assert_true(tr_bytes_eq(tr_buf_bytes(&first), tr_buf_bytes(&again)));
    tr_buf_deinit(&first);
    tr_buf_deinit(&other);
    tr_buf_deinit(&again);
}

static void test_sigv4__refuses_more_than_it_has_room_for(void **state)
{
    struct fixture *f = *state;
    struct tr_sigv4_header many[TR_SIGV4_HEADERS_MAX + 1];
    struct tr_sigv4_request request = request_of(&vectors[0]);
    struct tr_buf out = {0}, query = {0};
    struct tr_err err = {0};
    size_t i;
    for (i = 0; i <= TR_SIGV4_HEADERS_MAX; i++) {
        many[i] = vectors[0].headers[0];
        tr_buf_add_str(&query, "a=1&");
    }
    request.query = tr_buf_bytes(&query);
    assert_int_equal(tr_sigv4_sign(f->signer, &f->key, NOON, &request, &out, &err), TR_ELIMIT);
    tr_assert_has(err.text, "query parameters");
    request.headers = many;
    request.header_count = TR_SIGV4_HEADERS_MAX + 1;
    assert_int_equal(tr_sigv4_sign(f->signer, &f->key, NOON, &request, &out, &err), TR_ELIMIT);
    tr_assert_has(err.text, "headers");
    tr_buf_deinit(&query);
    tr_buf_deinit(&out);
}

/* The GetRecords request as a server would have received it, with its Authorization. */
struct received {
    struct tr_sigv4_header headers[6];
    struct tr_sigv4_request request;
    struct tr_buf authorization;
};

static void receive(struct fixture *f, struct received *r)
{
    *r = (struct received){.request = request_of(&vectors[4])};
    memcpy(r->headers, vectors[4].headers, 4 * sizeof r->headers[0]);
    assert_int_equal(tr_sigv4_sign(f->signer, &f->key, NOON, &r->request, &r->authorization, NULL),
                     TR_OK);
    r->headers[4] =
        (struct tr_sigv4_header){TR_LIT("Authorization"), tr_buf_bytes(&r->authorization)};
    r->headers[5] = (struct tr_sigv4_header)H("User-Agent", "x");
    r->request.headers = r->headers;
    r->request.header_count = 6;
}

static void verify(struct fixture *f, struct received *r, struct tr_wall now, const char *want_code,
                   const char *want_text)
{
    const char *code = NULL;
    struct tr_err err = {0};
    enum tr_status status = tr_sigv4_verify(f->signer, &f->key, now, &r->request, &code, &err);
    tr_assert_status(status, want_code[0] == '\0' ? TR_OK : TR_EAUTH, &err);
    assert_string_equal(code, want_code);
    tr_assert_has(err.text, want_text);
    tr_buf_deinit(&r->authorization);
}

static void test_sigv4_verify__accepts_what_sign_made(void **state)
{
    struct received r;
    receive(*state, &r);
    verify(*state, &r, NOON, "", "");
    receive(*state, &r);
    verify(*state, &r, (struct tr_wall){NOON.ms + TR_SIGV4_SKEW_MAX_MS}, "", "");
}

static void test_sigv4_verify__names_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    struct received r;

    receive(f, &r);
    r.request.body = TR_LIT("{}");
    verify(f, &r, NOON, "InvalidSignatureException", "does not match");
    receive(f, &r);
    r.request.method = TR_LIT("PUT");
    verify(f, &r, NOON, "InvalidSignatureException", "does not match");
    receive(f, &r);
    r.authorization.ptr[r.authorization.len - 1] ^= 1;
    verify(f, &r, NOON, "InvalidSignatureException", "does not match");
    receive(f, &r);
    r.headers[4].value.len--;
    verify(f, &r, NOON, "InvalidSignatureException", "does not match");
    receive(f, &r);
    r.request.header_count = 4;
    verify(f, &r, NOON, "MissingAuthenticationTokenException", "'authorization' is missing");
    receive(f, &r);
    r.headers[4].value = TR_LIT("Basic eDp5");
    verify(f, &r, NOON, "IncompleteSignatureException", "AWS4-HMAC-SHA256");
    receive(f, &r);
    r.headers[4].value = TR_LIT("AWS4-HMAC-SHA256 Credential=a/20150830/r/dynamodb/aws4_request, "
                                "Signature=0");
    f->key.access_key = TR_LIT("a");
    verify(f, &r, NOON, "IncompleteSignatureException", "SignedHeaders");
    f->key.access_key = TR_LIT(ACCESS);
    receive(f, &r);
    f->key.access_key = TR_LIT("AKIDOTHER");
    verify(f, &r, NOON, "UnrecognizedClientException", "'AKIDEXAMPLE' is unknown");
}

static void test_sigv4_verify__wants_the_right_scope_time_and_headers(void **state)
{
    struct fixture *f = *state;
    struct received r;

    receive(f, &r);
    verify(f, &r, (struct tr_wall){NOON.ms + TR_SIGV4_SKEW_MAX_MS + 1000},
           "InvalidSignatureException",
           "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z "
           "(20150830T125101Z - 15 min.)");
    receive(f, &r);
    verify(f, &r, (struct tr_wall){NOON.ms - TR_SIGV4_SKEW_MAX_MS - 1}, "InvalidSignatureException",
           "Signature not yet current: 20150830T123600Z is still later than");
    receive(f, &r);
    r.headers[5] = (struct tr_sigv4_header)H("X-Amz-Security-Token", "t");
    verify(f, &r, NOON, "InvalidSignatureException", "'X-Amz-Security-Token' is sent but not");
    receive(f, &r);
    r.headers[2] = r.headers[5];
    verify(f, &r, NOON, "InvalidSignatureException", "'x-amz-target' is signed but not sent");
    receive(f, &r);
    f->key.region = TR_LIT("eu-west-1");
    verify(f, &r, NOON, "InvalidSignatureException", "region 'us-east-1', not 'eu-west-1'");
    f->key.region = TR_LIT("us-east-1");
    receive(f, &r);
    f->key.region = (struct tr_bytes){0};
    f->key.service = (struct tr_bytes){0};
    verify(f, &r, NOON, "", "");
}

static void test_sigv4__runs_out_of_memory_cleanly(void **state)
{
    int64_t n;
    enum tr_status status = TR_ENOMEM;
    struct fixture *f = *state;
    struct tr_sigv4_request request = request_of(&vectors[5]);
    for (n = 0; status != TR_OK; n++) {
        struct tr_sigv4 *signer;
        struct tr_buf out = {0};
        assert_true(n < 100);
        (void)tr_mem_fail_at(n);
        status = tr_sigv4_new(&signer, NULL);
        if (status == TR_OK) {
            status = tr_sigv4_sign(signer, &f->key, NOON, &request, &out, NULL);
        }
        (void)tr_mem_fail_at(-1);
        assert_true(status == TR_OK || status == TR_ENOMEM);
        tr_sigv4_free(signer);
        tr_buf_deinit(&out);
    }
    assert_true(n > 5);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_sigv4__gives_the_known_signatures),
        T(test_sigv4__signs_a_session_token_among_the_headers),
        T(test_sigv4__ignores_the_case_and_order_of_header_names),
        T(test_sigv4__joins_values_and_sorts_parameters),
        T(test_sigv4__the_kept_key_follows_day_region_and_secret),
        T(test_sigv4__refuses_more_than_it_has_room_for),
        T(test_sigv4_verify__accepts_what_sign_made),
        T(test_sigv4_verify__names_what_is_wrong),
        T(test_sigv4_verify__wants_the_right_scope_time_and_headers),
        T(test_sigv4__runs_out_of_memory_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
