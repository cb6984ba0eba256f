/* SPDX-License-Identifier: Apache-2.0
 *
 * Where to listen, from text: "127.0.0.1:9464", "[::1]:9464", "localhost:9464", and ":9464" for all
 * addresses of the host. Names are not looked up. Pure. */
#ifndef TR_CONFIG_LISTEN_H
#define TR_CONFIG_LISTEN_H

#include "base/bytes.h"
#include "tailrace/status.h"

enum tr_listen_kind {
    TR_LISTEN_ALL, /* IPv6 and IPv4 */
    TR_LISTEN_IPV4,
    TR_LISTEN_IPV6,
};

struct tr_listen {
    enum tr_listen_kind kind;
    uint8_t address[16]; /* the first 4, or all */
    uint16_t port;       /* 0: the system chooses */
};

/* Errors: TR_ECONFIG with what is wrong and the text; *out is then unchanged. */
enum tr_status tr_listen_parse(struct tr_bytes text, struct tr_listen *out,
                               struct tr_err *err) TR_MUST_CHECK;

#endif
