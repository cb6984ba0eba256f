/* SPDX-License-Identifier: Apache-2.0
 *
 * Verified signatures: the right key passes by either clock, everything else is refused by name. */
#include "tests/support/test.h"

#include "local/server_verify.h"

#define NOW_MS INT64_C(1795248000000)

struct signed_request {
    struct tr_buf authorization;
    struct tr_buf date;
    struct tr_sigv4_header headers[3];
    struct tr_sigv4_request request;
};

static void sign(struct signed_request *s, const char *key_id, const char *secret_text,
                 struct tr_wall now, const char *body)
{
    struct tr_sigv4 *signer;
    struct tr_secret secret = {0};
    struct tr_sigv4_key key = {.access_key = tr_bytes_of(key_id),
                               .secret = &secret,
                               .region = TR_LIT("eu-west-1"),
                               .service = TR_LIT("dynamodb")};
    struct tr_err err = {{0}};
    *s = (struct signed_request){.authorization = {0}};
    tr_wall_format_amz(&s->date, now);
    s->headers[0] = (struct tr_sigv4_header){TR_LIT("Host"), TR_LIT("127.0.0.1:8000")};
    s->headers[1] = (struct tr_sigv4_header){TR_LIT("X-Amz-Date"), tr_buf_bytes(&s->date)};
    s->request = (struct tr_sigv4_request){.method = TR_LIT("POST"),
                                           .path = TR_LIT("/"),
                                           .headers = s->headers,
                                           .header_count = 2,
                                           .body = tr_bytes_of(body)};
    tr_assert_status(tr_sigv4_new(&signer, &err), TR_OK, &err);
    tr_assert_status(tr_secret_set(&secret, tr_bytes_of(secret_text)), TR_OK, NULL);
    tr_assert_status(tr_sigv4_sign(signer, &key, now, &s->request, &s->authorization, &err), TR_OK,
                     &err);
    s->headers[2] =
        (struct tr_sigv4_header){TR_LIT("Authorization"), tr_buf_bytes(&s->authorization)};
    s->request.header_count = 3;
    tr_secret_deinit(&secret);
    tr_sigv4_free(signer);
}

static enum tr_status verify(const struct signed_request *s, int64_t host_ms, int64_t model_ms,
                             enum tr_problem_code *code)
{
    struct tr_server_verifier *verifier;
    struct tr_problem problem = {0};
    struct tr_err err = {{0}};
    enum tr_status status;
    tr_assert_status(tr_server_verifier_new("AKID", "secret", &verifier, &err), TR_OK, &err);
    status = tr_server_verify(verifier, &s->request, (struct tr_wall){host_ms},
                              (struct tr_wall){model_ms}, &problem);
    *code = problem.code;
    tr_problem_deinit(&problem);
    tr_server_verifier_free(verifier);
    return status;
}

static void expect(const char *key, const char *secret, int64_t signed_ms, enum tr_status want,
                   enum tr_problem_code want_code)
{
    struct signed_request s;
    enum tr_problem_code code;
    sign(&s, key, secret, (struct tr_wall){signed_ms}, "{}");
    /* The model's clock is a day ahead. */
    assert_int_equal(verify(&s, NOW_MS, NOW_MS + 86400000, &code), want);
    if (want != TR_OK) {
        assert_int_equal(code, want_code);
    }
    tr_buf_deinit(&s.authorization);
    tr_buf_deinit(&s.date);
}

static void test_verify__takes_the_right_key_by_either_clock(void **state)
{
    (void)state;
    expect("AKID", "secret", NOW_MS, TR_OK, 0);
    expect("AKID", "secret", NOW_MS + 86400000, TR_OK, 0);
}

static void test_verify__refuses_by_name(void **state)
{
    (void)state;
    expect("AKID", "other", NOW_MS, TR_EREFUSED, TR_PROBLEM_BAD_SIGNATURE);
    expect("OTHER", "secret", NOW_MS, TR_EREFUSED, TR_PROBLEM_UNKNOWN_KEY);
    expect("AKID", "secret", NOW_MS - 3600000, TR_EREFUSED, TR_PROBLEM_BAD_SIGNATURE);
}

static void test_verify__sees_a_changed_body(void **state)
{
    struct signed_request s;
    enum tr_problem_code code;
    (void)state;
    sign(&s, "AKID", "secret", (struct tr_wall){NOW_MS}, "{}");
    s.request.body = TR_LIT("{ }");
    assert_int_equal(verify(&s, NOW_MS, NOW_MS, &code), TR_EREFUSED);
    assert_int_equal(code, TR_PROBLEM_BAD_SIGNATURE);
    tr_buf_deinit(&s.authorization);
    tr_buf_deinit(&s.date);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verify__takes_the_right_key_by_either_clock),
        cmocka_unit_test(test_verify__refuses_by_name),
        cmocka_unit_test(test_verify__sees_a_changed_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
