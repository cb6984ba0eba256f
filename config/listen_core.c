/* SPDX-License-Identifier: Apache-2.0 */
#include "config/listen.h"

#include "base/err.h"
#include "config/text.h"

#define EXAMPLE "127.0.0.1:9464, [::1]:9464, :9464"

static bool parse_ipv4(struct tr_bytes text, uint8_t out[4])
{
    size_t i;
    for (i = 0; i < 4; i++) {
        uint64_t number;
        struct tr_bytes part = tr_bytes_cut(&text, '.');
        if (part.len > 3 || (part.len > 1 && part.ptr[0] == '0') ||
            !tr_bytes_u64(part, 255, &number)) {
            return false;
        }
        out[i] = (uint8_t)number;
    }
    return text.ptr == NULL;
}

static bool parse_group(struct tr_bytes text, uint8_t out[2])
{
    unsigned number = 0;
    size_t i;
    if (text.len == 0 || text.len > 4) {
        return false;
    }
    for (i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return false;
        }
        number = number * 16 + (unsigned)digit;
    }
    out[0] = (uint8_t)(number >> 8);
    out[1] = (uint8_t)number;
    return true;
}

/* Groups between colons, the last one perhaps an IPv4 address: how many bytes; 0: malformed. */
static size_t parse_groups(struct tr_bytes text, uint8_t out[16])
{
    size_t bytes = 0;
    while (text.ptr != NULL) {
        struct tr_bytes part = tr_bytes_cut(&text, ':');
        if (text.ptr == NULL && bytes <= 12 && parse_ipv4(part, out + bytes)) {
            return bytes + 4;
        }
        if (bytes > 14 || !parse_group(part, out + bytes)) {
            return 0;
        }
        bytes += 2;
    }
    return bytes;
}

/* With a "::", which stands for at least one group of zeros. */
static bool parse_ipv6(struct tr_bytes text, uint8_t out[16])
{
    uint8_t head[16], tail[16];
    size_t at, head_bytes = 0, tail_bytes = 0;
    struct tr_bytes after;

    for (at = 0; at + 1 < text.len && (text.ptr[at] != ':' || text.ptr[at + 1] != ':'); at++) {
    }
    if (at + 1 >= text.len) {
        return parse_groups(text, out) == 16;
    }
    after = (struct tr_bytes){text.ptr + at + 2, text.len - at - 2};
    if (at > 0 && (head_bytes = parse_groups((struct tr_bytes){text.ptr, at}, head)) == 0) {
        return false;
    }
    if (after.len > 0 && (tail_bytes = parse_groups(after, tail)) == 0) {
        return false;
    }
    if (head_bytes + tail_bytes > 14) {
        return false;
    }
    memset(out, 0, 16);
    memcpy(out, head, head_bytes);
    memcpy(out + 16 - tail_bytes, tail, tail_bytes);
    return true;
}

static bool parse_host(struct tr_bytes host, struct tr_listen *out)
{
    static const uint8_t loopback[4] = {127, 0, 0, 1};
    if (host.len == 0) {
        out->kind = TR_LISTEN_ALL;
        return true;
    }
    if (host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        out->kind = TR_LISTEN_IPV6;
        return parse_ipv6((struct tr_bytes){host.ptr + 1, host.len - 2}, out->address);
    }
    out->kind = TR_LISTEN_IPV4;
    if (tr_bytes_is(host, "localhost")) {
        memcpy(out->address, loopback, sizeof loopback);
        return true;
    }
    return parse_ipv4(host, out->address);
}

enum tr_status tr_listen_parse(struct tr_bytes text, struct tr_listen *out, struct tr_err *err)
{
    struct tr_listen listen = {0};
    struct tr_bytes host = text, port;
    char quoted[TR_QUOTE_BYTES];
    uint8_t bare[16];
    uint64_t number;

    (void)tr_text_quote(text, quoted);
    if (parse_ipv6(text, bare)) {
        return tr_fail(err, TR_ECONFIG,
                       "%s: an IPv6 address stands in brackets, with a port behind them (for "
                       "example [::1]:9464)",
                       quoted);
    }
    while (host.len > 0 && host.ptr[host.len - 1] != ':' && host.ptr[host.len - 1] != ']') {
        host.len--;
    }
    if (host.len == 0 || host.ptr[host.len - 1] != ':') {
        return tr_fail(err, TR_ECONFIG, "%s has no ':' and port (for example " EXAMPLE ")", quoted);
    }
    port = (struct tr_bytes){text.ptr + host.len, text.len - host.len};
    host.len--;
    if (!tr_bytes_u64(port, UINT16_MAX, &number)) {
        return tr_fail(err, TR_ECONFIG, "%s: the port '%.*s' is not in 0..65535", quoted,
                       TR_FMT(port));
    }
    if (!parse_host(host, &listen)) {
        return tr_fail(err, TR_ECONFIG,
                       "%s: '%.*s' is not an IPv4 address, an IPv6 address in brackets, localhost, "
                       "or nothing for all addresses",
                       quoted, TR_FMT(host));
    }
    listen.port = (uint16_t)number;
    *out = listen;
    return TR_OK;
}
