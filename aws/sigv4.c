/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of work is the standard's: body hash, canonical request, its hash, string to sign, key
 * of the day, signature. OpenSSL's objects are fetched once; the HMAC context keeps the key of the
 * day, and starting it again without a key is what makes a signature cheap. */
#include "aws/sigv4.h"

#include "base/err.h"
#include "base/mem.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#define HASH_SIZE 32
#define AMZ_DATE_LEN 16 /* 20150830T123600Z */
#define DAY_LEN 8
#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"
#define SIGNED_MAX 2048 /* bytes of a SignedHeaders list */

struct tr_sigv4 {
    EVP_MD *md;         /* owned */
    EVP_MD_CTX *digest; /* owned */
    EVP_MAC *mac;       /* owned */
    EVP_MAC_CTX *plain; /* owned; keyed anew each time, for deriving */
    EVP_MAC_CTX *keyed; /* owned; holds the key that the four members below describe */
    bool has_key;
    struct tr_secret secret;
    char scope[160]; /* "20150830/us-east-1/dynamodb" */
    char body_hash[TR_SIGV4_HEX_SIZE];
    char canonical_hash[TR_SIGV4_HEX_SIZE];
    struct tr_buf canonical; /* scratch, kept for its memory */
    struct tr_buf to_sign;
    struct tr_buf date;
    struct tr_buf names; /* the SignedHeaders list */
};

static enum tr_status crypto_failed(struct tr_err *err)
{
    return tr_fail(err, TR_ENOMEM, "openssl could not compute a hash");
}

enum tr_status tr_sigv4_new(struct tr_sigv4 **out, struct tr_err *err)
{
    struct tr_sigv4 *signer = tr_calloc(1, sizeof *signer);
    OSSL_PARAM params[2];
    char digest_name[] = "SHA256";

    *out = NULL;
    if (signer == NULL) {
        return tr_fail(err, TR_ENOMEM, "out of memory");
    }
    signer->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    signer->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (signer->md == NULL || signer->mac == NULL) {
        tr_sigv4_free(signer);
        return tr_fail(err, TR_EUNSUPPORTED, "openssl offers no SHA-256 or no HMAC");
    }
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0);
    params[1] = OSSL_PARAM_construct_end();
    signer->digest = EVP_MD_CTX_new();
    signer->plain = EVP_MAC_CTX_new(signer->mac);
    signer->keyed = EVP_MAC_CTX_new(signer->mac);
    if (signer->digest == NULL || signer->plain == NULL || signer->keyed == NULL ||
        !EVP_MAC_CTX_set_params(signer->plain, params) ||
        !EVP_MAC_CTX_set_params(signer->keyed, params)) {
        tr_sigv4_free(signer);
        return tr_fail(err, TR_ENOMEM, "out of memory");
    }
    *out = signer;
    return TR_OK;
}

void tr_sigv4_free(struct tr_sigv4 *signer)
{
    if (signer == NULL) {
        return;
    }
    EVP_MD_CTX_free(signer->digest);
    EVP_MAC_CTX_free(signer->plain);
    EVP_MAC_CTX_free(signer->keyed);
    EVP_MD_free(signer->md);
    EVP_MAC_free(signer->mac);
    tr_secret_deinit(&signer->secret);
    if (signer->canonical.ptr != NULL) {
        tr_wipe(signer->canonical.ptr, signer->canonical.len); /* may hold a session token */
    }
    tr_buf_deinit(&signer->canonical);
    tr_buf_deinit(&signer->to_sign);
    tr_buf_deinit(&signer->date);
    tr_buf_deinit(&signer->names);
    tr_free(signer);
}

static void hex_of(const unsigned char *bytes, char out[TR_SIGV4_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    size_t i;
    for (i = 0; i < HASH_SIZE; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * HASH_SIZE] = '\0';
}

static bool hash(struct tr_sigv4 *signer, struct tr_bytes bytes, char out[TR_SIGV4_HEX_SIZE])
{
    unsigned char raw[HASH_SIZE];
    if (!EVP_DigestInit_ex2(signer->digest, signer->md, NULL) ||
        !EVP_DigestUpdate(signer->digest, bytes.ptr, bytes.len) ||
        !EVP_DigestFinal_ex(signer->digest, raw, NULL)) {
        return false;
    }
    hex_of(raw, out);
    return true;
}

/* A NULL key means the one that the context already has. */
static bool hmac(EVP_MAC_CTX *ctx, const unsigned char *key, size_t key_len, struct tr_bytes text,
                 unsigned char out[HASH_SIZE])
{
    size_t len;
    return EVP_MAC_init(ctx, key, key_len, NULL) &&
           EVP_MAC_update(ctx, (const unsigned char *)text.ptr, text.len) &&
           EVP_MAC_final(ctx, out, &len, HASH_SIZE) && len == HASH_SIZE;
}

/* "AWS4" + secret, then the day, the region, the service and the terminator, each keyed with the
 * result before. */
static bool derive(struct tr_sigv4 *signer, const struct tr_sigv4_key *key, struct tr_bytes day)
{
    struct tr_bytes secret = tr_secret_reveal(key->secret);
    unsigned char k[HASH_SIZE];
    size_t first_len = secret.len + 4;
    unsigned char *first = tr_malloc(first_len);
    bool fine;

    if (first == NULL) {
        return false;
    }
    memcpy(first, "AWS4", 4);
    if (secret.len > 0) {
        memcpy(first + 4, secret.ptr, secret.len);
    }
    fine = hmac(signer->plain, first, first_len, day, k) &&
           hmac(signer->plain, k, sizeof k, key->region, k) &&
           hmac(signer->plain, k, sizeof k, key->service, k) &&
           hmac(signer->plain, k, sizeof k, TR_LIT(TERMINATOR), k) &&
           EVP_MAC_init(signer->keyed, k, sizeof k, NULL);
    tr_wipe(first, first_len);
    tr_wipe(k, sizeof k);
    tr_free(first);
    return fine;
}

/* Have `keyed` hold the key of this day, region, service and secret. */
static enum tr_status use_key(struct tr_sigv4 *signer, const struct tr_sigv4_key *key,
                              struct tr_bytes day, struct tr_err *err)
{
    char scope[sizeof signer->scope];
    int len = snprintf(scope, sizeof scope, "%.*s/%.*s/%.*s", TR_FMT(day), TR_FMT(key->region),
                       TR_FMT(key->service));

    if (len < 0 || (size_t)len >= sizeof scope) {
        return tr_fail(err, TR_ELIMIT, "region or service is too long to sign for");
    }
    if (signer->has_key && strcmp(scope, signer->scope) == 0 &&
        tr_bytes_eq(tr_secret_reveal(&signer->secret), tr_secret_reveal(key->secret))) {
        return TR_OK;
    }
    signer->has_key = false;
    if (tr_secret_set(&signer->secret, tr_secret_reveal(key->secret)) != TR_OK ||
        !derive(signer, key, day)) {
        return crypto_failed(err);
    }
    memcpy(signer->scope, scope, (size_t)len + 1);
    signer->has_key = true;
    return TR_OK;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int cmp_names(struct tr_bytes a, struct tr_bytes b)
{
    size_t i, n = a.len < b.len ? a.len : b.len;
    for (i = 0; i < n; i++) {
        int diff = (unsigned char)lower(a.ptr[i]) - (unsigned char)lower(b.ptr[i]);
        if (diff != 0) {
            return diff;
        }
    }
    return (a.len > b.len) - (a.len < b.len);
}

static void add_lower(struct tr_buf *out, struct tr_bytes name)
{
    size_t i, from = out->len;
    tr_buf_add(out, name);
    for (i = from; i < out->len; i++) {
        out->ptr[i] = lower(out->ptr[i]);
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* White space is cut at both ends and each run of it inside becomes one space. */
static void add_value(struct tr_buf *out, struct tr_bytes value)
{
    size_t i, from = 0;
    value = tr_bytes_trim(value);
    for (i = 0; i < value.len; i++) {
        if (!is_blank(value.ptr[i]) ||
            (value.ptr[i] == ' ' && i + 1 < value.len && !is_blank(value.ptr[i + 1]))) {
            continue;
        }
        tr_buf_add(out, (struct tr_bytes){value.ptr + from, i - from});
        while (i + 1 < value.len && is_blank(value.ptr[i + 1])) {
            i++;
        }
        tr_buf_add_char(out, ' ');
        from = i + 1;
    }
    tr_buf_add(out, (struct tr_bytes){value.ptr + from, value.len - from});
}

/* Whether the list "a;b;c" has the name, or there is no list and so every name counts. */
static bool is_listed(struct tr_bytes list, struct tr_bytes name)
{
    if (list.ptr == NULL) {
        return true;
    }
    while (list.ptr != NULL) {
        struct tr_bytes item = tr_bytes_cut(&list, ';');
        if (item.ptr != NULL && cmp_names(item, name) == 0) {
            return true;
        }
    }
    return false;
}

/* The signed headers by name; those of one name stay in the order they were sent in. */
static size_t sort_headers(const struct tr_sigv4_request *request, struct tr_bytes listed,
                           const struct tr_sigv4_header *sorted[TR_SIGV4_HEADERS_MAX])
{
    size_t i, k, count = 0;
    for (i = 0; i < request->header_count; i++) {
        const struct tr_sigv4_header *header = &request->headers[i];
        if (!is_listed(listed, header->name)) {
            continue;
        }
        for (k = count; k > 0 && cmp_names(sorted[k - 1]->name, header->name) > 0; k--) {
            sorted[k] = sorted[k - 1];
        }
        sorted[k] = header;
        count++;
    }
    return count;
}

/* "name:value,value\n" for each name, and the names into signer->names. */
static void add_headers(struct tr_sigv4 *signer, const struct tr_sigv4_request *request,
                        struct tr_bytes listed)
{
    const struct tr_sigv4_header *sorted[TR_SIGV4_HEADERS_MAX];
    size_t i, count = sort_headers(request, listed, sorted);

    for (i = 0; i < count; i++) {
        if (i > 0 && cmp_names(sorted[i]->name, sorted[i - 1]->name) == 0) {
            tr_buf_add_char(&signer->canonical, ',');
        } else {
            tr_buf_add_str(&signer->canonical, i > 0 ? "\n" : "");
            add_lower(&signer->canonical, sorted[i]->name);
            tr_buf_add_char(&signer->canonical, ':');
            tr_buf_add_str(&signer->names, i > 0 ? ";" : "");
            add_lower(&signer->names, sorted[i]->name);
        }
        add_value(&signer->canonical, sorted[i]->value);
    }
    tr_buf_add_str(&signer->canonical, count > 0 ? "\n" : "");
}

static int cmp_parameters(struct tr_bytes a, struct tr_bytes b)
{
    int order = tr_bytes_cmp(tr_bytes_cut(&a, '='), tr_bytes_cut(&b, '='));
    return order != 0 ? order : tr_bytes_cmp(a, b);
}

/* The parameters by name, then value; one without '=' gets one. */
static bool add_query(struct tr_buf *out, struct tr_bytes query)
{
    struct tr_bytes sorted[TR_SIGV4_QUERY_MAX];
    size_t i, k, count = 0;

    while (query.len > 0) {
        struct tr_bytes item = tr_bytes_cut(&query, '&');
        if (item.len == 0) {
            continue;
        }
        if (count == TR_SIGV4_QUERY_MAX) {
            return false;
        }
        for (k = count; k > 0 && cmp_parameters(sorted[k - 1], item) > 0; k--) {
            sorted[k] = sorted[k - 1];
        }
        sorted[k] = item;
        count++;
    }
    for (i = 0; i < count; i++) {
        tr_buf_add_str(out, i > 0 ? "&" : "");
        tr_buf_add(out, sorted[i]);
        if (memchr(sorted[i].ptr, '=', sorted[i].len) == NULL) {
            tr_buf_add_char(out, '=');
        }
    }
    return true;
}

/* Fill canonical, names and the two hashes; `listed` absent: all headers are signed. */
static enum tr_status canonicalize(struct tr_sigv4 *signer, const struct tr_sigv4_request *request,
                                   struct tr_bytes listed, struct tr_err *err)
{
    struct tr_buf *out = &signer->canonical;

    tr_buf_reset(out);
    tr_buf_reset(&signer->names);
    if (request->header_count > TR_SIGV4_HEADERS_MAX) {
        return tr_fail(err, TR_ELIMIT, "more than %d headers to sign", TR_SIGV4_HEADERS_MAX);
    }
    if (!hash(signer, request->body, signer->body_hash)) {
        return crypto_failed(err);
    }
    tr_buf_add(out, request->method);
    tr_buf_add_char(out, '\n');
    tr_buf_add(out, request->path.len > 0 ? request->path : TR_LIT("/"));
    tr_buf_add_char(out, '\n');
    if (!add_query(out, request->query)) {
        return tr_fail(err, TR_ELIMIT, "more than %d query parameters to sign", TR_SIGV4_QUERY_MAX);
    }
    tr_buf_add_char(out, '\n');
    add_headers(signer, request, listed);
    tr_buf_add_char(out, '\n');
    tr_buf_add(out, tr_buf_bytes(&signer->names));
    tr_buf_add_char(out, '\n');
    tr_buf_add_str(out, signer->body_hash);
    if (out->failed || signer->names.failed) {
        return tr_fail(err, TR_ENOMEM, "out of memory");
    }
    return hash(signer, tr_buf_bytes(out), signer->canonical_hash) ? TR_OK : crypto_failed(err);
}

/* The signature over what canonicalize has left in the signer. */
static enum tr_status compute(struct tr_sigv4 *signer, const struct tr_sigv4_key *key,
                              struct tr_bytes amz_date, char out[TR_SIGV4_HEX_SIZE],
                              struct tr_err *err)
{
    unsigned char raw[HASH_SIZE];
    enum tr_status status = use_key(signer, key, (struct tr_bytes){amz_date.ptr, DAY_LEN}, err);

    if (status != TR_OK) {
        return status;
    }
    tr_buf_reset(&signer->to_sign);
    tr_buf_add_str(&signer->to_sign, ALGORITHM "\n");
    tr_buf_add(&signer->to_sign, amz_date);
    tr_buf_add_char(&signer->to_sign, '\n');
    tr_buf_add_str(&signer->to_sign, signer->scope);
    tr_buf_add_str(&signer->to_sign, "/" TERMINATOR "\n");
    tr_buf_add_str(&signer->to_sign, signer->canonical_hash);
    if (signer->to_sign.failed) {
        return tr_fail(err, TR_ENOMEM, "out of memory");
    }
    if (!hmac(signer->keyed, NULL, 0, tr_buf_bytes(&signer->to_sign), raw)) {
        signer->has_key = false;
        return crypto_failed(err);
    }
    hex_of(raw, out);
    return TR_OK;
}

enum tr_status tr_sigv4_sign(struct tr_sigv4 *signer, const struct tr_sigv4_key *key,
                             struct tr_wall now, const struct tr_sigv4_request *request,
                             struct tr_buf *authorization, struct tr_err *err)
{
    char signature[TR_SIGV4_HEX_SIZE];
    enum tr_status status = canonicalize(signer, request, (struct tr_bytes){0}, err);

    if (status != TR_OK) {
        return status;
    }
    tr_buf_reset(&signer->date);
    tr_wall_format_amz(&signer->date, now);
    if (signer->date.failed) {
        return tr_fail(err, TR_ENOMEM, "out of memory");
    }
    if (signer->date.len != AMZ_DATE_LEN) {
        return tr_fail(err, TR_ECONFIG, "the clock shows %s, which cannot be signed",
                       signer->date.ptr);
    }
    status = compute(signer, key, tr_buf_bytes(&signer->date), signature, err);
    if (status != TR_OK) {
        return status;
    }
    tr_buf_add_str(authorization, ALGORITHM " Credential=");
    tr_buf_add(authorization, key->access_key);
    tr_buf_add_char(authorization, '/');
    tr_buf_add_str(authorization, signer->scope);
    tr_buf_add_str(authorization, "/" TERMINATOR ", SignedHeaders=");
    tr_buf_add(authorization, tr_buf_bytes(&signer->names));
    tr_buf_add_str(authorization, ", Signature=");
    tr_buf_add_str(authorization, signature);
    return authorization->failed ? tr_fail(err, TR_ENOMEM, "out of memory") : TR_OK;
}

const char *tr_sigv4_canonical_hash(const struct tr_sigv4 *signer)
{
    return signer->canonical_hash;
}

const char *tr_sigv4_body_hash(const struct tr_sigv4 *signer)
{
    return signer->body_hash;
}

struct tr_bytes tr_sigv4_canonical(const struct tr_sigv4 *signer)
{
    return tr_buf_bytes(&signer->canonical);
}

/* What an Authorization header says; views of it. */
struct claim {
    struct tr_bytes access_key, day, region, service, terminator;
    struct tr_bytes signed_headers, signature;
};

static enum tr_status refuse(const char **code, const char *as)
{
    *code = as;
    return TR_EAUTH;
}

static struct tr_bytes find_header(const struct tr_sigv4_request *request, const char *name)
{
    size_t i;
    for (i = 0; i < request->header_count; i++) {
        if (tr_bytes_is_nocase(request->headers[i].name, name)) {
            return tr_bytes_trim(request->headers[i].value);
        }
    }
    return (struct tr_bytes){0};
}

static void read_field(struct claim *claim, struct tr_bytes field)
{
    struct tr_bytes name = tr_bytes_cut(&field, '=');
    if (tr_bytes_is(name, "Credential") && field.ptr != NULL) {
        claim->access_key = tr_bytes_cut(&field, '/');
        claim->day = tr_bytes_cut(&field, '/');
        claim->region = tr_bytes_cut(&field, '/');
        claim->service = tr_bytes_cut(&field, '/');
        claim->terminator = field;
    } else if (tr_bytes_is(name, "SignedHeaders")) {
        claim->signed_headers = field;
    } else if (tr_bytes_is(name, "Signature")) {
        claim->signature = field;
    }
}

static enum tr_status read_claim(struct tr_bytes value, struct claim *claim, const char **code,
                                 struct tr_err *err)
{
    struct tr_bytes algorithm = tr_bytes_cut(&value, ' ');

    *claim = (struct claim){0};
    if (!tr_bytes_is(algorithm, ALGORITHM)) {
        (void)tr_fail(err, TR_EAUTH, "the authorization header is not of " ALGORITHM);
        return refuse(code, "IncompleteSignatureException");
    }
    while (value.ptr != NULL) {
        read_field(claim, tr_bytes_trim(tr_bytes_cut(&value, ',')));
    }
    if (claim->access_key.len == 0 || claim->day.len != DAY_LEN || claim->region.len == 0 ||
        claim->service.len == 0 || !tr_bytes_is(claim->terminator, TERMINATOR)) {
        (void)tr_fail(
            err, TR_EAUTH,
            "the authorization header has no 'Credential=KEY/YYYYMMDD/REGION/SERVICE/" TERMINATOR
            "'");
        return refuse(code, "IncompleteSignatureException");
    }
    if (claim->signed_headers.len == 0 || claim->signed_headers.len > SIGNED_MAX ||
        claim->signature.len == 0) {
        (void)tr_fail(err, TR_EAUTH, "the authorization header has no '%s='",
                      claim->signature.len == 0 ? "Signature" : "SignedHeaders");
        return refuse(code, "IncompleteSignatureException");
    }
    return TR_OK;
}

/* host, x-amz-date and all that begins with x-amz- must be among the signed ones, and what is
 * listed must have been sent. */
static enum tr_status check_signed(const struct tr_sigv4_request *request,
                                   const struct claim *claim, const char **code, struct tr_err *err)
{
    struct tr_bytes list = claim->signed_headers;
    size_t i;

    for (i = 0; i < request->header_count; i++) {
        struct tr_bytes name = request->headers[i].name;
        bool must = tr_bytes_is_nocase(name, "host") ||
                    (name.len > 6 && tr_bytes_is_nocase((struct tr_bytes){name.ptr, 6}, "x-amz-"));
        if (must && !is_listed(list, name)) {
            (void)tr_fail(err, TR_EAUTH, "the header '%.*s' is sent but not signed", TR_FMT(name));
            return refuse(code, "InvalidSignatureException");
        }
    }
    while (list.ptr != NULL) {
        struct tr_bytes item = tr_bytes_cut(&list, ';');
        char name[128];
        (void)snprintf(name, sizeof name, "%.*s", TR_FMT(item));
        if (find_header(request, name).ptr == NULL) {
            (void)tr_fail(err, TR_EAUTH, "the header '%s' is signed but not sent", name);
            return refuse(code, "InvalidSignatureException");
        }
    }
    if (find_header(request, "host").ptr == NULL) {
        (void)tr_fail(err, TR_EAUTH, "the header 'host' is missing");
        return refuse(code, "InvalidSignatureException");
    }
    return TR_OK;
}

static bool parse_amz_date(struct tr_bytes text, struct tr_wall *out)
{
    char rfc[32];
    if (text.len != AMZ_DATE_LEN) {
        return false;
    }
    (void)snprintf(rfc, sizeof rfc, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", text.ptr, text.ptr + 4,
                   text.ptr + 6, text.ptr + 9, text.ptr + 11, text.ptr + 13);
    return text.ptr[8] == 'T' && text.ptr[15] == 'Z' &&
           tr_wall_parse_rfc3339(tr_bytes_of(rfc), out);
}

/* In the service's words: there are clients that read its time out of them. */
static void tell_skew(struct tr_bytes amz_date, struct tr_wall t, struct tr_wall now,
                      struct tr_err *err)
{
    bool late = t.ms < now.ms;
    struct tr_buf bound = {0}, here = {0};

    tr_wall_format_amz(&bound, (struct tr_wall){now.ms + (late ? -1 : 1) * TR_SIGV4_SKEW_MAX_MS});
    tr_wall_format_amz(&here, now);
    (void)tr_fail(err, TR_EAUTH, "Signature %s: %.*s is %s %.*s (%.*s %c %d min.)",
                  late ? "expired" : "not yet current", TR_FMT(amz_date),
                  late ? "now earlier than" : "still later than", TR_FMT(tr_buf_bytes(&bound)),
                  TR_FMT(tr_buf_bytes(&here)), late ? '-' : '+',
                  (int)(TR_SIGV4_SKEW_MAX_MS / 60000));
    tr_buf_deinit(&bound);
    tr_buf_deinit(&here);
}

static enum tr_status check_time(struct tr_bytes amz_date, const struct claim *claim,
                                 struct tr_wall now, const char **code, struct tr_err *err)
{
    struct tr_wall t;

    if (!parse_amz_date(amz_date, &t)) {
        (void)tr_fail(err, TR_EAUTH, "the header 'x-amz-date' is missing or not YYYYMMDDTHHMMSSZ");
        return refuse(code, "IncompleteSignatureException");
    }
    if (memcmp(amz_date.ptr, claim->day.ptr, DAY_LEN) != 0) {
        (void)tr_fail(err, TR_EAUTH, "the credential is of day '%.*s', x-amz-date '%.*s'",
                      TR_FMT(claim->day), TR_FMT(amz_date));
        return refuse(code, "InvalidSignatureException");
    }
    if (t.ms + TR_SIGV4_SKEW_MAX_MS < now.ms || t.ms - TR_SIGV4_SKEW_MAX_MS > now.ms) {
        tell_skew(amz_date, t, now, err);
        return refuse(code, "InvalidSignatureException");
    }
    return TR_OK;
}

/* The key and the scope that the claim names are those expected. */
static enum tr_status check_scope(const struct tr_sigv4_key *key, const struct claim *claim,
                                  const char **code, struct tr_err *err)
{
    if (!tr_bytes_eq(claim->access_key, key->access_key)) {
        (void)tr_fail(err, TR_EAUTH, "the access key '%.*s' is unknown", TR_FMT(claim->access_key));
        return refuse(code, "UnrecognizedClientException");
    }
    if (key->region.ptr != NULL && !tr_bytes_eq(claim->region, key->region)) {
        (void)tr_fail(err, TR_EAUTH, "the credential is of region '%.*s', not '%.*s'",
                      TR_FMT(claim->region), TR_FMT(key->region));
        return refuse(code, "InvalidSignatureException");
    }
    if (key->service.ptr != NULL && !tr_bytes_eq(claim->service, key->service)) {
        (void)tr_fail(err, TR_EAUTH, "the credential is of service '%.*s', not '%.*s'",
                      TR_FMT(claim->service), TR_FMT(key->service));
        return refuse(code, "InvalidSignatureException");
    }
    return TR_OK;
}

static enum tr_status check_signature(struct tr_sigv4 *signer, const struct tr_sigv4_key *key,
                                      struct tr_bytes amz_date, const struct claim *claim,
                                      const struct tr_sigv4_request *request, const char **code,
                                      struct tr_err *err)
{
    struct tr_sigv4_key claimed = {key->access_key, key->secret, claim->region, claim->service};
    char signature[TR_SIGV4_HEX_SIZE];
    enum tr_status status = canonicalize(signer, request, claim->signed_headers, err);

    if (status == TR_OK) {
        status = compute(signer, &claimed, amz_date, signature, err);
    }
    if (status != TR_OK) {
        return status == TR_ENOMEM ? status : refuse(code, "InvalidSignatureException");
    }
    if (claim->signature.len != TR_SIGV4_HEX_SIZE - 1 ||
        CRYPTO_memcmp(signature, claim->signature.ptr, TR_SIGV4_HEX_SIZE - 1) != 0) {
        (void)tr_fail(err, TR_EAUTH,
                      "the signature does not match: another secret, or the request was changed "
                      "after signing (canonical request %s, body %s)",
                      signer->canonical_hash, signer->body_hash);
        return refuse(code, "InvalidSignatureException");
    }
    return TR_OK;
}

enum tr_status tr_sigv4_verify(struct tr_sigv4 *signer, const struct tr_sigv4_key *key,
                               struct tr_wall now, const struct tr_sigv4_request *request,
                               const char **code, struct tr_err *err)
{
    struct tr_bytes header = find_header(request, "authorization");
    struct tr_bytes amz_date = find_header(request, "x-amz-date");
    struct claim claim;
    enum tr_status status;

    *code = "";
    if (header.len == 0) {
        (void)tr_fail(err, TR_EAUTH, "the header 'authorization' is missing");
        return refuse(code, "MissingAuthenticationTokenException");
    }
    status = read_claim(header, &claim, code, err);
    if (status == TR_OK) {
        status = check_scope(key, &claim, code, err);
    }
    if (status == TR_OK) {
        status = check_signed(request, &claim, code, err);
    }
    if (status == TR_OK) {
        status = check_time(amz_date, &claim, now, code, err);
    }
    if (status == TR_OK) {
        status = check_signature(signer, key, amz_date, &claim, request, code, err);
    }
    return status;
}
