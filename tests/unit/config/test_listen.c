/* SPDX-License-Identifier: Apache-2.0 */
#include "config/listen.h"
#include "tests/support/test.h"

static void good(const char *text, enum tr_listen_kind kind, const char *hex, unsigned port)
{
    struct tr_listen listen = {0};
    struct tr_buf shown = {0};
    struct tr_err err = {{0}};
    tr_assert_status(tr_listen_parse(tr_bytes_of(text), &listen, &err), TR_OK, &err);
    assert_int_equal(listen.kind, kind);
    assert_int_equal(listen.port, port);
    tr_buf_add_hex(&shown, listen.address, strlen(hex) / 2);
    tr_assert_bytes(tr_buf_bytes(&shown), hex);
    tr_buf_deinit(&shown);
}

static void bad(const char *text, const char *says)
{
    struct tr_listen listen = {.port = 7};
    struct tr_err err = {{0}};
    assert_int_equal(tr_listen_parse(tr_bytes_of(text), &listen, &err), TR_ECONFIG);
    tr_assert_has(err.text, says);
    assert_int_equal(listen.port, 7);
}

static void test_listen__takes_addresses_of_both_families_and_all(void **state)
{
    (void)state;
    good("127.0.0.1:9464", TR_LISTEN_IPV4, "7f000001", 9464);
    good("0.0.0.0:1", TR_LISTEN_IPV4, "00000000", 1);
    good("255.255.255.255:65535", TR_LISTEN_IPV4, "ffffffff", 65535);
    good("localhost:0", TR_LISTEN_IPV4, "7f000001", 0);
    good(":9464", TR_LISTEN_ALL, "00", 9464);
    good("[::1]:9464", TR_LISTEN_IPV6, "00000000000000000000000000000001", 9464);
    good("[::]:9464", TR_LISTEN_IPV6, "00000000000000000000000000000000", 9464);
    good("[fe80::AB:2]:1", TR_LISTEN_IPV6,
         "fe8000000000000000000000"
         "00ab0002",
         1);
    good("[2001:db8::]:1", TR_LISTEN_IPV6, "20010db8000000000000000000000000", 1);
    good("[1:2:3:4:5:6:7:8]:1", TR_LISTEN_IPV6, "00010002000300040005000600070008", 1);
    good("[1:2:3:4:5:6:10.0.0.1]:1", TR_LISTEN_IPV6, "0001000200030004000500060a000001", 1);
    good("[::ffff:10.0.0.1]:1", TR_LISTEN_IPV6, "00000000000000000000ffff0a000001", 1);
}

static void test_listen__says_what_is_wrong(void **state)
{
    (void)state;
    bad("", "'' has no ':' and port");
    bad("9464", "'9464' has no ':' and port (for example 127.0.0.1:9464, [::1]:9464, :9464)");
    bad("127.0.0.1", "'127.0.0.1' has no ':' and port");
    bad("[::1]", "'[::1]' has no ':' and port");
    bad("127.0.0.1:", "'127.0.0.1:': the port '' is not in 0..65535");
    bad("127.0.0.1:65536", "the port '65536' is not in 0..65535");
    bad("127.0.0.1:http", "the port 'http' is not in 0..65535");
    bad("127.0.0.1:-1", "the port '-1' is not in 0..65535");
    bad("::1:9464", "'::1:9464': an IPv6 address stands in brackets");
    bad("fe80::1", "an IPv6 address stands in brackets");
    bad("admin.example:9464", "'admin.example' is not an IPv4 address, an IPv6 address in brackets,"
                              " localhost, or nothing for all addresses");
    bad("*:9464", "'*' is not an IPv4 address");
    bad("127.0.0:1", "'127.0.0' is not an IPv4 address");
    bad("127.0.0.256:1", "'127.0.0.256' is not");
    bad("127.0.0.01:1", "'127.0.0.01' is not");
    bad("127.0.0.1.2:1", "'127.0.0.1.2' is not");
    bad("[127.0.0.1]:1", "'[127.0.0.1]' is not");
    bad("[:1]:1", "'[:1]' is not");
    bad("[1::2::3]:1", "'[1::2::3]' is not");
    bad("[1:2:3:4:5:6:7]:1", "'[1:2:3:4:5:6:7]' is not");
    bad("[1:2:3:4:5:6:7:8:9]:1", "'[1:2:3:4:5:6:7:8:9]' is not");
    bad("[1:2:3:4::5:6:7:8]:1", "'[1:2:3:4::5:6:7:8]' is not");
    bad("[fe80::1%eth0]:1", "'[fe80::1%eth0]' is not");
    bad("[12345::]:1", "'[12345::]' is not");
    bad("[g::]:1", "'[g::]' is not");
    bad("[]:1", "'[]' is not");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listen__takes_addresses_of_both_families_and_all),
        cmocka_unit_test(test_listen__says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
