/* SPDX-License-Identifier: Apache-2.0 */
#include "local/server_auth.h"

static const char algorithm[] = "AWS4-HMAC-SHA256";

/* The value of "Name=value" among parameters separated by commas; absent when it is not there. */
static struct tr_bytes parameter(struct tr_bytes parameters, const char *name)
{
    while (parameters.ptr != NULL) {
        struct tr_bytes value = tr_bytes_trim(tr_bytes_cut(&parameters, ','));
        struct tr_bytes key = tr_bytes_cut(&value, '=');
        if (tr_bytes_is(key, name)) {
            return value;
        }
    }
    return (struct tr_bytes){NULL, 0};
}

/* The service names everything that is missing at once. */
static enum tr_status incomplete(struct tr_bytes authorization, bool credential, bool signature,
                                 bool headers, bool date, struct tr_problem *problem)
{
    return tr_problem_set(
        problem, TR_PROBLEM_INCOMPLETE_SIGNATURE, "%s%s%s%sAuthorization=%.*s",
        credential ? "" : "Authorization header requires 'Credential' parameter. ",
        signature ? "" : "Authorization header requires 'Signature' parameter. ",
        headers ? "" : "Authorization header requires 'SignedHeaders' parameter. ",
        date ? ""
             : "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' "
               "header. ",
        TR_FMT(authorization));
}

static enum tr_status read_scope(struct tr_bytes credential, struct tr_server_auth *out,
                                 struct tr_problem *problem)
{
    struct tr_bytes rest = credential;
    struct tr_bytes date, term;
    out->key = tr_bytes_cut(&rest, '/');
    date = tr_bytes_cut(&rest, '/');
    out->region = tr_bytes_cut(&rest, '/');
    out->service = tr_bytes_cut(&rest, '/');
    term = tr_bytes_cut(&rest, '/');
    if (term.ptr == NULL || rest.ptr != NULL) {
        return tr_problem_set(problem, TR_PROBLEM_INCOMPLETE_SIGNATURE,
                              "Credential must have exactly 5 slash-delimited elements, e.g. "
                              "keyid/date/region/service/term, got '%.*s'",
                              TR_FMT(credential));
    }
    if (out->key.len == 0) {
        return tr_problem_set(problem, TR_PROBLEM_UNKNOWN_KEY,
                              "The security token included in the request is invalid.");
    }
    if (!tr_bytes_is(out->service, "dynamodb") || !tr_bytes_is(term, "aws4_request") ||
        date.len != 8 || out->region.len == 0) {
        return tr_problem_set(problem, TR_PROBLEM_BAD_SIGNATURE,
                              "Credential should be scoped to a date, a region, the service "
                              "'dynamodb' and 'aws4_request', got '%.*s'",
                              TR_FMT(credential));
    }
    return TR_OK;
}

enum tr_status tr_server_auth_read(struct tr_bytes authorization, bool has_date,
                                   struct tr_server_auth *out, struct tr_problem *problem)
{
    struct tr_bytes rest, credential, signature, headers;

    *out = (struct tr_server_auth){{NULL, 0}, {NULL, 0}, {NULL, 0}};
    if (authorization.ptr == NULL || authorization.len == 0) {
        return tr_problem_set(problem, TR_PROBLEM_MISSING_TOKEN,
                              "Request is missing Authentication Token");
    }
    rest = authorization;
    if (!tr_bytes_is(tr_bytes_cut(&rest, ' '), algorithm)) {
        rest = (struct tr_bytes){NULL, 0};
    }
    credential = parameter(rest, "Credential");
    signature = parameter(rest, "Signature");
    headers = parameter(rest, "SignedHeaders");
    if (credential.len == 0 || signature.len == 0 || headers.len == 0 || !has_date) {
        return incomplete(authorization, credential.len > 0, signature.len > 0, headers.len > 0,
                          has_date, problem);
    }
    return read_scope(credential, out, problem);
}
