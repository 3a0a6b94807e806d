/* Addresses: what may be followed, what may carry a token, what belongs to this network. */
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
    next_is("<https://hub.example/x//evil.net/api>; rel=\"next\"", NULL);
    next_is("<>; rel=\"next\"", NULL);
    next_is("<https://hub.example/x/a", NULL);
    next_is("", NULL);
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
        cmocka_unit_test(proxies_are_those_of_the_environment),
        cmocka_unit_test(numbers_in_addresses_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
