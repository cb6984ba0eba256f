/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/error_core.h"

#include "base/json.h"

#define ERROR_BYTES_MAX (256u * 1024u) /* a larger error body is not read */

/* code, status, whether a repetition may succeed */
#define CODE_TABLE(X)                                                                              \
    X("ConditionalCheckFailedException", TR_ECONDITION, false)                                     \
    X("ResourceNotFoundException", TR_ENOTFOUND, false)                                            \
    X("TableNotFoundException", TR_ENOTFOUND, false)                                               \
    X("ResourceInUseException", TR_EEXISTS, false)                                                 \
    X("TableAlreadyExistsException", TR_EEXISTS, false)                                            \
    X("ExpiredIteratorException", TR_EEXPIRED, false)                                              \
    X("TrimmedDataAccessException", TR_ETRIMMED, false)                                            \
    X("Throttling", TR_ETHROTTLED, true)                                                           \
    X("ThrottlingException", TR_ETHROTTLED, true)                                                  \
    X("ThrottledException", TR_ETHROTTLED, true)                                                   \
    X("RequestThrottled", TR_ETHROTTLED, true)                                                     \
    X("RequestThrottledException", TR_ETHROTTLED, true)                                            \
    X("TooManyRequestsException", TR_ETHROTTLED, true)                                             \
    X("ProvisionedThroughputExceededException", TR_ETHROTTLED, true)                               \
    X("RequestLimitExceeded", TR_ETHROTTLED, true)                                                 \
    X("BandwidthLimitExceeded", TR_ETHROTTLED, true)                                               \
    X("LimitExceededException", TR_ETHROTTLED, true)                                               \
    X("SlowDown", TR_ETHROTTLED, true)                                                             \
    X("EC2ThrottledException", TR_ETHROTTLED, true)                                                \
    X("TransactionInProgressException", TR_ETHROTTLED, true)                                       \
    X("PriorRequestNotComplete", TR_ETHROTTLED, true)                                              \
    X("RequestTimeout", TR_ETIMEOUT, true)                                                         \
    X("RequestTimeoutException", TR_ETIMEOUT, true)                                                \
    X("InternalServerError", TR_ESERVICE, true)                                                    \
    X("InternalFailure", TR_ESERVICE, true)                                                        \
    X("InternalServerErrorException", TR_ESERVICE, true)                                           \
    X("ServiceUnavailable", TR_ESERVICE, true)                                                     \
    X("ServiceUnavailableException", TR_ESERVICE, true)                                            \
    X("AccessDenied", TR_EAUTH, false)                                                             \
    X("AccessDeniedException", TR_EAUTH, false)                                                    \
    X("NotAuthorized", TR_EAUTH, false)                                                            \
    X("UnauthorizedOperation", TR_EAUTH, false)                                                    \
    X("OptInRequired", TR_EAUTH, false)                                                            \
    X("AuthFailure", TR_EAUTH, false)                                                              \
    X("UnrecognizedClientException", TR_EAUTH, false)                                              \
    X("InvalidClientTokenId", TR_EAUTH, false)                                                     \
    X("InvalidAccessKeyId", TR_EAUTH, false)                                                       \
    X("MissingAuthenticationToken", TR_EAUTH, false)                                               \
    X("MissingAuthenticationTokenException", TR_EAUTH, false)                                      \
    X("IncompleteSignature", TR_EAUTH, false)                                                      \
    X("IncompleteSignatureException", TR_EAUTH, false)                                             \
    X("ExpiredToken", TR_EAUTH, false)                                                             \
    X("ExpiredTokenException", TR_EAUTH, false)                                                    \
    X("TokenRefreshRequired", TR_EAUTH, false)                                                     \
    X("InvalidSignature", TR_EAUTH, false)                                                         \
    X("InvalidSignatureException", TR_EAUTH, false)                                                \
    X("SignatureDoesNotMatch", TR_EAUTH, false)                                                    \
    X("RequestTimeTooSkewed", TR_EAUTH, false)                                                     \
    X("RequestExpired", TR_EAUTH, false)                                                           \
    X("RequestInTheFuture", TR_EAUTH, false)

static const struct code_row {
    const char *code;
    enum tr_status status;
    bool repeatable;
} codes[] = {
#define CODE_ROW(code, status, repeatable) {code, status, repeatable},
    CODE_TABLE(CODE_ROW)
#undef CODE_ROW
};

/* Refusals that a wrong clock may explain. */
static const char *const clock_codes[] = {"InvalidSignature",      "InvalidSignatureException",
                                          "SignatureDoesNotMatch", "RequestTimeTooSkewed",
                                          "RequestExpired",        "RequestInTheFuture"};

static const struct code_row *find_code(const char *code)
{
    size_t i;
    for (i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (strcmp(codes[i].code, code) == 0) {
            return &codes[i];
        }
    }
    return NULL;
}

static bool is_clock_code(const char *code)
{
    size_t i;
    for (i = 0; i < sizeof clock_codes / sizeof clock_codes[0]; i++) {
        if (strcmp(clock_codes[i], code) == 0) {
            return true;
        }
    }
    return false;
}

/* Copy as printable text: control characters become spaces, runs of them one, and what is no UTF-8
 * becomes '?'. Cut to the room, at a character's start. */
static void add_printable(char *out, size_t size, struct tr_bytes text)
{
    size_t len = strlen(out), i;
    bool utf8 = tr_bytes_utf8(text);

    for (i = 0; i < text.len && len + 1 < size; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c == 0x7f) {
            if (len > 0 && out[len - 1] != ' ') {
                out[len++] = ' ';
            }
        } else {
            out[len++] = c >= 0x80 && !utf8 ? '?' : (char)c;
        }
    }
    while (i < text.len && utf8 && len > 0 && ((unsigned char)text.ptr[i] & 0xc0) == 0x80) {
        len--; /* the cut is inside of a character */
        i--;
    }
    out[len] = '\0';
}

/* A code is a word; anything else is none. */
static void set_code(struct tr_verdict *out, struct tr_bytes word)
{
    size_t i;
    word = tr_bytes_trim(word);
    for (i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '_' || c == '-')) {
            return;
        }
    }
    if (word.len > 0 && word.len < sizeof out->code) {
        memcpy(out->code, word.ptr, word.len);
        out->code[word.len] = '\0';
    }
}

/* "com.amazonaws.dynamodb.v20120810#ExpiredIteratorException", perhaps ":http://..." behind it. */
static struct tr_bytes word_of_type(struct tr_bytes type)
{
    struct tr_bytes word = tr_bytes_cut(&type, ':');
    size_t i;
    for (i = word.len; i > 0; i--) {
        if (word.ptr[i - 1] == '#') {
            return (struct tr_bytes){word.ptr + i, word.len - i};
        }
    }
    return word;
}

/* The code and the message of a JSON error body; false when it is none. */
static bool read_json_error(struct tr_bytes body, struct tr_verdict *out, struct tr_buf *message)
{
    struct tr_json_doc doc = {0};
    struct tr_buf type = {0};
    struct tr_json root, text;
    enum tr_status status = TR_EPARSE;
    bool is_object = false;

    if (body.len <= ERROR_BYTES_MAX) {
        status = tr_json_parse(&doc, body, NULL);
    }
    if (status == TR_OK) {
        root = tr_json_root(&doc);
        is_object = tr_json_type(root) == TR_JSON_OBJECT;
        if (tr_json_add_str(tr_json_get(root, "__type"), &type)) {
            set_code(out, word_of_type(tr_buf_bytes(&type)));
        }
        text = tr_json_get(root, "message");
        if (tr_json_type(text) != TR_JSON_STRING) {
            text = tr_json_get(root, "Message");
        }
        (void)tr_json_add_str(text, message);
    }
    if (status == TR_ENOMEM || type.failed || message->failed) {
        out->status = TR_ENOMEM;
    }
    tr_buf_deinit(&type);
    tr_json_deinit(&doc);
    return is_object;
}

/* The first words of a page for people: tags, scripts and styles are left out. */
static void add_words_of_html(char *out, size_t size, struct tr_bytes body)
{
    char words[160];
    size_t len = 0, i;
    bool in_tag = false;

    for (i = 0; i < body.len && len + 1 < sizeof words; i++) {
        struct tr_bytes rest = {body.ptr + i, body.len - i};
        if (tr_bytes_starts(rest, "<style") || tr_bytes_starts(rest, "<script")) {
            const char *end = memchr(rest.ptr + 1, '<', rest.len - 1);
            i = end != NULL ? (size_t)(end - body.ptr) - 1 : body.len;
            in_tag = false;
        } else if (body.ptr[i] == '<') {
            in_tag = true;
            words[len++] = ' ';
        } else if (body.ptr[i] == '>' && in_tag) {
            in_tag = false;
        } else if (!in_tag) {
            words[len++] = body.ptr[i];
        }
    }
    add_printable(out, size, tr_bytes_trim((struct tr_bytes){words, len}));
}

static void set_text(struct tr_verdict *out, const struct tr_reply *reply, struct tr_bytes message,
                     bool is_json)
{
    (void)snprintf(out->text, sizeof out->text, "%u%s%s", reply->http_status,
                   out->code[0] != '\0' ? " " : "", out->code);
    if (is_json && message.len > 0) {
        add_printable(out->text, sizeof out->text, TR_LIT(": "));
        add_printable(out->text, sizeof out->text, message);
    } else if (!is_json && reply->body.len > 0) {
        add_printable(out->text, sizeof out->text, TR_LIT(": "));
        add_words_of_html(out->text, sizeof out->text, reply->body);
    }
}

/* What a status line says where the body names no code that we know. */
static void judge_by_number(unsigned number, struct tr_verdict *out)
{
    if (number >= 500) {
        out->status = TR_ESERVICE;
        out->repeatable = number != 501 && number != 505;
    } else if (number == 429) {
        out->status = TR_ETHROTTLED;
        out->repeatable = true;
    } else if (number == 408) {
        out->status = TR_ETIMEOUT;
        out->repeatable = true;
    } else if (number == 401 || number == 403 || number == 407) {
        out->status = TR_EAUTH;
    } else if (number >= 300) {
        out->status = TR_EREFUSED;
    } else {
        out->status = TR_ECORRUPT; /* the services answer with 200 or an error, nothing between */
        out->repeatable = true;
    }
}

static void judge_error(const struct tr_reply *reply, struct tr_verdict *out)
{
    struct tr_buf message = {0};
    struct tr_bytes type = reply->error_type;
    const struct code_row *row;
    bool is_json = read_json_error(reply->body, out, &message);

    if (out->code[0] == '\0' && type.ptr != NULL) {
        set_code(out, word_of_type(type));
    }
    set_text(out, reply, tr_buf_bytes(&message), is_json);
    tr_buf_deinit(&message);
    if (out->status == TR_ENOMEM) {
        return;
    }
    row = find_code(out->code);
    if (row != NULL && (reply->http_status < 500 || row->repeatable)) {
        out->status = row->status;
        out->repeatable = row->repeatable;
    } else {
        judge_by_number(reply->http_status, out);
    }
    /* Only the service itself can say that it did nothing: a refusal with its code. A proxy's may
     * have come after the request had passed. */
    out->may_have_happened =
        reply->http_status < 400 || reply->http_status >= 500 || out->code[0] == '\0';
    out->clock = is_clock_code(out->code);
}

/* Why the body of a 200 cannot be an answer, or NULL. Cut answers are seen before, by their length;
 * the braces catch what a proxy or a wrong length leaves. */
static const char *damage_of(const struct tr_reply *reply)
{
    struct tr_bytes body = tr_bytes_trim(reply->body);

    if (reply->encoding.ptr != NULL && !tr_bytes_is_nocase(reply->encoding, "identity")) {
        return "its body is encoded, which was not asked for";
    }
    if (reply->crc_differs) {
        return "its body does not fit its checksum";
    }
    if (body.len < 2 || body.ptr[0] != '{' || body.ptr[body.len - 1] != '}') {
        return "its body is no JSON object";
    }
    return NULL;
}

void tr_reply_judge(const struct tr_reply *reply, struct tr_verdict *out)
{
    const char *damage;

    *out = (struct tr_verdict){0};
    if (reply->http_status != 200) {
        judge_error(reply, out);
        return;
    }
    damage = damage_of(reply);
    if (damage != NULL) {
        out->status = TR_ECORRUPT;
        out->repeatable = true;
        out->may_have_happened = true;
        (void)snprintf(out->text, sizeof out->text, "200, but %s", damage);
    }
}
