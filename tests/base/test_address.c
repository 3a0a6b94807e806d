/* Which network an address is in: what strangers may have us connect to. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/address.h"

static bool public4(const char *text) {
    struct sockaddr_in in = { .sin_family = AF_INET };
    assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
    return address_is_public((const struct sockaddr *)&in);
}

static bool public6(const char *text) {
    struct sockaddr_in6 in = { .sin6_family = AF_INET6 };
    assert_int_equal(inet_pton(AF_INET6, text, &in.sin6_addr), 1);
    return address_is_public((const struct sockaddr *)&in);
}

static void addresses_of_this_network_are_known(void **state) {
    static const char *const INSIDE4[] = { "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1",
        "127.255.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "224.0.0.1", "255.255.255.255" };
    static const char *const OUTSIDE4[] = { "1.1.1.1", "9.255.255.255", "11.0.0.0",
        "100.63.255.255", "100.128.0.0", "126.1.1.1", "128.0.0.1", "172.15.255.255", "172.32.0.0",
        "192.167.1.1", "192.169.0.1", "223.255.255.255" };
    static const char *const INSIDE6[] = { "::", "::1", "fc00::1", "fd12::1", "fe80::1", "febf::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::10.0.0.1",
        "64:ff9b::10.0.0.1" };
    static const char *const OUTSIDE6[] = { "2606:4700::1111", "fec0::1", "::ffff:1.1.1.1",
        "64:ff9b::1.1.1.1" };
    (void)state;
    for (size_t i = 0; i < sizeof INSIDE4 / sizeof *INSIDE4; i++) {
        assert_false(public4(INSIDE4[i]));
    }
    for (size_t i = 0; i < sizeof OUTSIDE4 / sizeof *OUTSIDE4; i++) {
        assert_true(public4(OUTSIDE4[i]));
    }
    for (size_t i = 0; i < sizeof INSIDE6 / sizeof *INSIDE6; i++) {
        assert_false(public6(INSIDE6[i]));
    }
    for (size_t i = 0; i < sizeof OUTSIDE6 / sizeof *OUTSIDE6; i++) {
        assert_true(public6(OUTSIDE6[i]));
    }
    struct sockaddr other = { .sa_family = AF_UNIX };
    assert_false(address_is_public(&other));
}

static void an_address_is_known_by_its_text_too(void **state) {
    enum address_kind kind = ADDRESS_PUBLIC;
    (void)state;
    assert_true(address_text_kind("169.254.169.254", &kind));
    assert_int_equal(kind, ADDRESS_NEVER);
    assert_true(address_text_kind("::ffff:10.0.0.1", &kind));
    assert_int_equal(kind, ADDRESS_PRIVATE);
    assert_true(address_text_kind("127.0.0.1", &kind));
    assert_int_equal(kind, ADDRESS_LOOPBACK);
    assert_false(address_text_kind("0x7f.1", &kind));
    assert_false(address_text_kind("name.example", &kind));
    assert_false(address_text_kind("", &kind));
}

static void nobody_is_led_further_in_than_he_is(void **state) {
    (void)state;
    assert_true(address_allowed(ADDRESS_PRIVATE, ADDRESS_PUBLIC));
    assert_true(address_allowed(ADDRESS_PRIVATE, ADDRESS_PRIVATE));
    assert_true(address_allowed(ADDRESS_LOOPBACK, ADDRESS_PRIVATE));
    assert_false(address_allowed(ADDRESS_PUBLIC, ADDRESS_PRIVATE));
    assert_false(address_allowed(ADDRESS_PUBLIC, ADDRESS_LOOPBACK));
    assert_false(address_allowed(ADDRESS_PRIVATE, ADDRESS_LOOPBACK));
    assert_false(address_allowed(ADDRESS_NEVER, ADDRESS_NEVER));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_this_network_are_known),
        cmocka_unit_test(an_address_is_known_by_its_text_too),
        cmocka_unit_test(nobody_is_led_further_in_than_he_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
