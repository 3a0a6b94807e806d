/* Addresses: what may be followed, what may carry a token, what belongs to this network. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "evaluator/hub/url.h"

static void hosts_are_compared_with_their_ports(void **state) {
    (void)state;
    assert_true(url_same_host("https://hub.example/a", "https://HUB.example:443/b?c"));
    assert_true(url_same_host("http://hub.example/a", "http://hub.example:80"));
    assert_false(url_same_host("https://hub.example", "http://hub.example"));
    assert_false(url_same_host("https://hub.example", "https://hub.example:8443"));
    assert_false(url_same_host("https://hub.example", "https://hub.example.evil.net"));
    assert_false(url_same_host("https://hub.example", "https://hub.example@evil.net/"));
    assert_false(url_same_host("https://hub.example", "nonsense://"));
    assert_false(url_same_host("", ""));
}

static void tokens_go_by_https_or_stay_on_this_machine(void **state) {
    (void)state;
    assert_true(url_token_allowed("https://hub.example/"));
    assert_true(url_token_allowed("http://127.0.0.1:8080/"));
    assert_true(url_token_allowed("http://localhost:8080/"));
    assert_true(url_token_allowed("http://[::1]:8080/"));
    assert_false(url_token_allowed("http://hub.example/"));
    assert_false(url_token_allowed("http://127.0.0.1.evil.net/"));
    assert_false(url_token_allowed("http://127.0.0.1@evil.net/"));
    assert_false(url_token_allowed("ftp://127.0.0.1/"));
}

static bool allowed(const char *from, const char *to) {
    struct err err = ERR_INIT;
    bool ok = url_redirect_allowed(from, to, &err);
    assert_int_equal(ok, err.class == ERR_NONE);
    return ok;
}

static void redirects_never_lead_down_or_out_of_http(void **state) {
    (void)state;
    assert_true(allowed("https://a/", "https://b/"));
    assert_true(allowed("http://a/", "https://b/"));
    assert_true(allowed("http://a/", "http://b/"));
    assert_false(allowed("https://a/", "http://a/"));
    assert_false(allowed("HTTPS://a/", "http://a/"));
    assert_false(allowed("http://a/", "file:///etc/passwd"));
    assert_false(allowed("http://a/", "gopher://a/"));
    assert_false(allowed("http://a/", "httpsx://a/"));
    assert_false(allowed("http://a/", ""));
}

static void paths_are_escaped(void **state) {
    struct strbuf out = { 0 };
    (void)state;
    url_escape(&out, "a b/c?d#e%f\xc3\xa9~-._Z9", true);
    assert_string_equal(out.text, "a%20b/c%3Fd%23e%25f%C3%A9~-._Z9");
    strbuf_reset(&out);
    url_escape(&out, "refs/pr/1", false);
    assert_string_equal(out.text, "refs%2Fpr%2F1");
    strbuf_release(&out);
}

static void next_is(const char *link, const char *path) {
    char *next = url_next_page(link, "https://hub.example/x");
    if (path) {
        assert_non_null(next);
        assert_string_equal(next, path);
    } else {
        assert_null(next);
    }
    free(next);
}

static void the_next_page_lies_under_the_endpoint(void **state) {
    (void)state;
    next_is("<https://hub.example/x/api/t?cursor=ab%3D>; rel=\"next\"", "/api/t?cursor=ab%3D");
    next_is(
        "<https://hub.example/x/api/1>; rel=\"prev\", <https://hub.example/x/api/2>; rel=\"next\"",
        "/api/2");
    next_is("</api/2>; rel=\"next\"", "/api/2");
    next_is("<https://hub.example/x/api/1>; rel=\"prev\"", NULL);
    next_is("<https://evil.net/x/api/2>; rel=\"next\"", NULL);
    next_is("<https://hub.example/xyz/api>; rel=\"next\"", NULL);
    next_is("<//evil.net/api>; rel=\"next\"", NULL);
    next_is("<>; rel=\"next\"", NULL);
    next_is("<https://hub.example/x/a", NULL);
    next_is("", NULL);
}

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

static void proxies_are_those_of_the_environment(void **state) {
    (void)state;
    setenv("https_proxy", "http://proxy:1", 1);
    setenv("http_proxy", "http://proxy:2", 1);
    setenv("no_proxy", "localhost, .inside.example,hub.example", 1);
    assert_string_equal(url_proxy("https://other.example/"), "http://proxy:1");
    assert_string_equal(url_proxy("http://other.example/"), "http://proxy:2");
    assert_null(url_proxy("https://hub.example/x"));
    assert_null(url_proxy("https://cdn.hub.example/x"));
    assert_null(url_proxy("https://a.inside.example/x"));
    assert_null(url_proxy("http://LOCALHOST:80/"));
    assert_non_null(url_proxy("https://nohub.example/x"));
    setenv("no_proxy", "*", 1);
    assert_null(url_proxy("https://other.example/"));
    unsetenv("no_proxy");
    unsetenv("https_proxy");
    unsetenv("http_proxy");
    assert_null(url_proxy("https://other.example/"));
}

static void numbers_in_addresses_are_known(void **state) {
    (void)state;
    assert_int_equal(url_address_kind("http://127.0.0.1:80/"), ADDRESS_LOOPBACK);
    assert_int_equal(url_address_kind("http://[::1]/"), ADDRESS_LOOPBACK);
    assert_int_equal(url_address_kind("http://169.254.169.254/"), ADDRESS_NEVER);
    assert_int_equal(url_address_kind("http://10.1.2.3/"), ADDRESS_PRIVATE);
    assert_int_equal(url_address_kind("http://[fd00::1]/"), ADDRESS_PRIVATE);
    assert_int_equal(url_address_kind("http://2130706433/"), ADDRESS_LOOPBACK);
    assert_int_equal(url_address_kind("https://hub.example/"), ADDRESS_PUBLIC);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_compared_with_their_ports),
        cmocka_unit_test(tokens_go_by_https_or_stay_on_this_machine),
        cmocka_unit_test(redirects_never_lead_down_or_out_of_http),
        cmocka_unit_test(paths_are_escaped),
        cmocka_unit_test(the_next_page_lies_under_the_endpoint),
        cmocka_unit_test(addresses_of_this_network_are_known),
        cmocka_unit_test(proxies_are_those_of_the_environment),
        cmocka_unit_test(numbers_in_addresses_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
