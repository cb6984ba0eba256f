/* SPDX-License-Identifier: Apache-2.0 */
#include "local/server_verify.h"

#include "base/err.h"
#include "base/mem.h"

struct tr_server_verifier {
    struct tr_sigv4 *sigv4; /* owned */
    char *access_key;       /* owned */
    struct tr_secret secret;
};

static const struct {
    const char *code;
    enum tr_problem_code problem;
} codes[] = {
    {"MissingAuthenticationTokenException", TR_PROBLEM_MISSING_TOKEN},
    {"IncompleteSignatureException", TR_PROBLEM_INCOMPLETE_SIGNATURE},
    {"UnrecognizedClientException", TR_PROBLEM_UNKNOWN_KEY},
    {"InvalidSignatureException", TR_PROBLEM_BAD_SIGNATURE},
};

enum tr_status tr_server_verifier_new(const char *access_key, const char *secret_key,
                                      struct tr_server_verifier **out, struct tr_err *err)
{
    struct tr_server_verifier *verifier = tr_calloc(1, sizeof *verifier);
    enum tr_status status = TR_ENOMEM;
    if (verifier != NULL) {
        verifier->access_key = tr_strdup(access_key);
        status = tr_secret_set(&verifier->secret, tr_bytes_of(secret_key));
    }
    if (verifier == NULL || verifier->access_key == NULL || status != TR_OK) {
        status = tr_fail(err, TR_ENOMEM, "no memory for the key");
    } else {
        status = tr_sigv4_new(&verifier->sigv4, err);
    }
    if (status != TR_OK) {
        tr_server_verifier_free(verifier);
        verifier = NULL;
    }
    *out = verifier;
    return status;
}

void tr_server_verifier_free(struct tr_server_verifier *verifier)
{
    if (verifier != NULL) {
        tr_sigv4_free(verifier->sigv4);
        tr_secret_deinit(&verifier->secret);
        tr_free(verifier->access_key);
        tr_free(verifier);
    }
}

static enum tr_problem_code problem_of(const char *code)
{
    size_t i;
    for (i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (strcmp(codes[i].code, code) == 0) {
            return codes[i].problem;
        }
    }
    return TR_PROBLEM_BAD_SIGNATURE;
}

enum tr_status tr_server_verify(struct tr_server_verifier *verifier,
                                const struct tr_sigv4_request *request, struct tr_wall host_now,
                                struct tr_wall model_now, struct tr_problem *problem)
{
    struct tr_sigv4_key key = {.access_key = tr_bytes_of(verifier->access_key),
                               .secret = &verifier->secret,
                               .service = TR_LIT("dynamodb")};
    struct tr_err err = {{0}};
    const char *code = "";
    enum tr_status status = tr_sigv4_verify(verifier->sigv4, &key, model_now, request, &code, &err);
    if (status == TR_EAUTH && model_now.ms != host_now.ms) {
        status = tr_sigv4_verify(verifier->sigv4, &key, host_now, request, &code, &err);
    }
    if (status == TR_OK || status == TR_ENOMEM) {
        return status;
    }
    return tr_problem_set(problem, problem_of(code), "%s", err.text);
}
