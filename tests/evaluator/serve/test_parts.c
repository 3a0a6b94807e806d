/* The small parts of the service: headers, addresses, rates, signatures, words, webhooks'
 * addresses, sockets. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "evaluator/serve/behind.h"
#include "evaluator/serve/header.h"
#include "evaluator/serve/limit.h"
#include "evaluator/serve/listen.h"
#include "evaluator/serve/serve.h"
#include "evaluator/serve/sign.h"
#include "evaluator/serve/told.h"
#include "evaluator/serve/watch.h"
#include "evaluator/serve/words.h"

/* ---- headers ---- */

static void a_bearer_is_one_word(void **state) {
    (void)state;
    char word[10];
    assert_true(header_bearer("Bearer abc", word, sizeof word));
    assert_string_equal(word, "abc");
    assert_true(header_bearer("bearer  abc  ", word, sizeof word));
    assert_false(header_bearer("Bearer ", word, sizeof word));
    assert_false(header_bearer("Bearer a b", word, sizeof word));
    assert_false(header_bearer("Bearer 0123456789", word, sizeof word));
    assert_false(header_bearer("Basic abc", word, sizeof word));
    assert_false(header_bearer(NULL, word, sizeof word));
}

static void a_cookie_is_found_by_its_whole_name(void **state) {
    (void)state;
    char word[10];
    assert_true(header_cookie("a=1; assay=2; b=3", "assay", word, sizeof word));
    assert_string_equal(word, "2");
    assert_false(header_cookie("xassay=2", "assay", word, sizeof word));
    assert_false(header_cookie("assay=", "assay", word, sizeof word));
    assert_false(header_cookie("assay=\"2\"", "assay", word, sizeof word));
    assert_false(header_cookie("assay=0123456789", "assay", word, sizeof word));
    assert_false(header_cookie(";;;;=", "assay", word, sizeof word));
}

static void types_codings_and_tags_are_compared_as_wholes(void **state) {
    (void)state;
    assert_true(header_is_type("application/json; charset=utf-8", "application/json"));
    assert_false(header_is_type("application/jsonp", "application/json"));
    assert_false(header_is_type(NULL, "application/json"));
    assert_true(header_accepts("br, gzip;q=0.5", "gzip"));
    assert_false(header_accepts("gzip;q=0", "gzip"));
    assert_false(header_accepts("xgzip", "gzip"));
    assert_true(header_matches("\"a\", W/\"b\"", "\"b\""));
    assert_true(header_matches("*", "\"b\""));
    assert_false(header_matches("\"bb\"", "\"b\""));
}

static void a_form_of_another_site_is_told_apart(void **state) {
    (void)state;
    assert_true(header_same_origin("same-origin", NULL, "x"));
    assert_false(header_same_origin("cross-site", "http://x", "x"));
    assert_false(header_same_origin("same-site", NULL, "x"));
    assert_false(header_same_origin("none", NULL, "x"));
    assert_true(header_same_origin(NULL, "https://board.example.org", "board.example.org"));
    assert_false(header_same_origin(NULL, "https://board.example.org.evil", "board.example.org"));
    assert_false(header_same_origin(NULL, "null", "board.example.org"));
    assert_true(header_same_origin(NULL, NULL, "x"));
}

/* ---- addresses ---- */

static const char *client(const char *peer, const char *forwarded, const char *proxy) {
    static char text[INET6_ADDRSTRLEN];
    struct in6_addr at;
    struct network network = { 0 };
    assert_true(address_parse(peer, &at));
    assert_true(network_parse(proxy, &network));
    at = header_client(forwarded, &at, &network, 1);
    address_text(&at, text);
    return text;
}

static void forwarded_addresses_are_believed_from_proxies_alone(void **state) {
    (void)state;
    assert_string_equal(client("127.0.0.1", "203.0.113.9", "127.0.0.0/8"), "203.0.113.9");
    assert_string_equal(client("198.51.100.1", "203.0.113.9", "127.0.0.0/8"), "198.51.100.1");
    assert_string_equal(client("127.0.0.1", "1.2.3.4, 203.0.113.9", "127.0.0.0/8"), "203.0.113.9");
    assert_string_equal(
        client("127.0.0.1", "203.0.113.9, 127.0.0.2", "127.0.0.0/8"), "203.0.113.9");
    assert_string_equal(client("127.0.0.1", "rubbish", "127.0.0.0/8"), "127.0.0.1");
    assert_string_equal(client("127.0.0.1", NULL, "127.0.0.0/8"), "127.0.0.1");
    assert_string_equal(client("::1", "2001:db8::7", "::1"), "2001:db8::7");
}

static void networks_are_read_strictly(void **state) {
    (void)state;
    struct network n;
    assert_false(network_parse("10.0.0.0/33", &n));
    assert_false(network_parse("10.0.0.0/", &n));
    assert_false(network_parse("10.0.0", &n));
    assert_false(network_parse("::1/129", &n));
    assert_true(network_parse("10.0.0.0/8", &n));
    struct in6_addr in, out;
    assert_true(address_parse("10.200.3.4", &in) && address_parse("11.0.0.1", &out));
    assert_true(network_has(&n, &in));
    assert_false(network_has(&n, &out));
}

static void addresses_of_one_ipv6_network_count_as_one(void **state) {
    (void)state;
    char a[INET6_ADDRSTRLEN], b[INET6_ADDRSTRLEN];
    struct in6_addr x, y;
    assert_true(address_parse("2001:db8::1", &x) && address_parse("2001:db8::ffff:1", &y));
    address_key(&x, a);
    address_key(&y, b);
    assert_string_equal(a, b);
}

/* ---- rates ---- */

static void a_bucket_gives_its_burst_and_then_its_rate(void **state) {
    (void)state;
    struct limits *l = limits_new();
    unsigned wait_s = 0;
    for (int i = 0; i < 60; i++) {
        assert_true(limit_take(l, "user", "ada", 60, 1000, &wait_s));
    }
    assert_false(limit_take(l, "user", "ada", 60, 1000, &wait_s));
    assert_int_equal(wait_s, 1);
    assert_true(limit_take(l, "user", "bob", 60, 1000, &wait_s));
    assert_true(limit_take(l, "org", "ada", 60, 1000, &wait_s));
    assert_true(limit_take(l, "user", "ada", 60, 2100, &wait_s));
    assert_false(limit_take(l, "user", "ada", 60, 2100, &wait_s));
    assert_true(limit_take(l, "user", "ada", 0, 2100, &wait_s));
    limits_free(l);
}

static void a_million_keys_take_no_more_room(void **state) {
    (void)state;
    struct limits *l = limits_new();
    unsigned wait_s = 0;
    char key[32];
    for (int i = 0; i < 50000; i++) {
        snprintf(key, sizeof key, "address %d", i);
        assert_true(limit_take(l, "address", key, 1, 1000 + i, &wait_s));
    }
    assert_false(limit_take(l, "address", key, 1, 51000, &wait_s)); // the last one is still known
    limits_free(l);
}

/* ---- signatures ---- */

static void a_signature_is_the_standards(void **state) {
    (void)state;
    char hex[65], key[131]; /* RFC 4231, cases 2 and 6 */
    sign_hex("Jefe", 4, "what do ya want for nothing?", 28, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    sign_hex(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First", 54, hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void tokens_are_all_different_and_secrets_compared_whole(void **state) {
    (void)state;
    char a[SERVE_TOKEN_SIZE], b[SERVE_TOKEN_SIZE];
    serve_token_make(a);
    serve_token_make(b);
    assert_int_equal(strlen(a), SERVE_TOKEN_SIZE - 1);
    assert_false(secret_equal(a, b));
    assert_true(secret_equal(a, a));
    assert_false(secret_equal(a, ""));
}

/* ---- webhooks ---- */

static void webhooks_go_over_https_to_public_hosts_alone(void **state) {
    (void)state;
    static const char *const BAD[] = { "", "x", "http://example.org/", "ftp://example.org/",
        "file:///etc/passwd", "https://127.0.0.1/", "https://localhost/", "https://x.localhost/",
        "https://[::1]/", "https://10.1.2.3/", "https://192.168.0.1/", "https://172.16.0.1/",
        "https://169.254.169.254/latest", "https://[fd00::8]/", "https://[::ffff:127.0.0.1]/",
        "https://user:pw@example.org/", "https://0x7f000001/", "https://2130706433/",
        "https://intranet/", "https://0.0.0.0/", "https://example.org.:443/" };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct err err = ERR_INIT;
        if (serve_webhook_check(BAD[i], false, &err)) {
            fail_msg("%s", BAD[i]);
        }
    }
    struct err err = ERR_INIT;
    assert_true(serve_webhook_check("https://hooks.example.org/a?b=c", false, &err));
    assert_true(serve_webhook_check("https://8.8.8.8/", false, &err));
    assert_true(serve_webhook_check("http://127.0.0.1:80/", true, &err));
}

/* Its name was public when it was handed in; what it resolves to when it is told is looked at
 * again. */
static void a_webhook_that_leads_inside_is_not_connected_to(void **state) {
    unsigned port = 0;
    char url[64];
    bool again = false;
    struct err err = ERR_INIT, ignored = ERR_INIT;
    (void)state;
    int fd = listen_open("127.0.0.1:0", &port, &ignored);
    assert_true(fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", port);
    struct hook hook = { .url = url, .body = "{}", .secret = "s", .id = 1 };
    assert_false(hook_send(&hook, &again, &err));
    assert_true(again);
    assert_int_equal(accept(fd, NULL, NULL), -1);
    assert_int_equal(errno, EAGAIN);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port); // nor without TLS
    hook.to_loopback = false;
    assert_false(hook_send(&hook, &again, &err));
    assert_int_equal(accept(fd, NULL, NULL), -1);
    close(fd);
}

/* ---- words ---- */

static void every_class_of_errors_has_words(void **state) {
    (void)state;
    for (int class = ERR_FAILED; class < ERR_N_CLASSES; class ++) {
        json_t *line = json_pack("{s:s, s:{s:s}}", "state", "rejected", "error", "class",
            err_info((enum err_class) class)->name);
        words_add_line(line, NULL);
        const char *words = json_get_string(json_object_get(line, "error"), "words", "");
        if (!*words || strstr(words, "not foreseen")) {
            fail_msg("no words for '%s'", err_info((enum err_class) class)->name);
        }
        json_decref(line);
    }
}

static void the_hint_of_a_refusal_says_what_to_do(void **state) {
    (void)state;
    json_t *line = json_pack("{s:s, s:{s:s, s:s}}", "state", "rejected", "error", "class", "auth",
        "hint", "accept its licence");
    words_add_line(line, NULL);
    assert_string_equal(json_get_string(line, "next", ""), "accept its licence");
    json_decref(line);
}

static json_t *with_room(const char *room) {
    char text[600];
    struct err err = ERR_INIT;
    snprintf(text, sizeof text,
        "{\"id\": 1, \"state\": \"queued\", \"eta\": {\"workers\": 2}, \"jobs\": [{\"state\": "
        "\"queued\", \"room\": null}, {\"state\": \"queued\", \"room\": %s}]}",
        room);
    json_t *view = json_parse(text, strlen(text), "view", &err);
    assert_non_null(view);
    words_add(view, NULL);
    return view;
}

static void a_job_that_no_worker_has_room_for_says_why(void **state) {
    static const struct {
        const char *room, *words, *next;
    } CASES[] = {
        { "{\"lacks\": [\"memory_mb\"], \"needs\": {\"memory_mb\": 64000, \"gpus\": 1}, \"most\": "
          "{\"memory_mb\": 8000, \"gpus\": 4}}",
            "it needs 64000 MB of memory (the most that one has is 8000)",
            "a worker with more memory" },
        { "{\"lacks\": [\"device\", \"disk_mb\"], \"needs\": {\"device\": \"cuda\", \"disk_mb\": "
          "9}, "
          "\"most\": {}}",
            "it needs the device cuda, 9 MB of disk", "such a device" },
        { "{\"lacks\": [\"dtype\"], \"needs\": {\"dtype\": \"f16\"}, \"most\": {}}",
            "it needs the dtype f16", "another dtype" },
        { "{\"lacks\": [], \"needs\": {\"memory_mb\": 5, \"gpus\": 2}, \"most\": {}}",
            "it needs 2 GPUs, 5 MB of memory", "a larger machine" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        json_t *view = with_room(CASES[i].room);
        const json_t *room = json_object_get(view, "room");
        assert_non_null(strstr(json_get_string(room, "words", ""), CASES[i].words));
        assert_non_null(strstr(json_get_string(view, "next", ""), CASES[i].next));
        assert_ptr_equal(
            room, json_object_get(json_array_get(json_object_get(view, "jobs"), 1), "room"));
        json_decref(view);
    }
    json_t *view = with_room("null");
    assert_true(json_is_null(json_object_get(view, "room")));
    assert_non_null(strstr(json_get_string(view, "next", ""), "when its turn comes"));
    json_decref(view);
}

/* ---- where the hub is ---- */

static void hides(const char *hub, const char *said, const char *told) {
    char text[400];
    snprintf(text, sizeof text, "%s", said);
    told_hide_hub(text, sizeof text, hub);
    assert_string_equal(text, told);
}

static void strangers_are_not_told_where_the_hub_is(void **state) {
    static const char *const HUB = "http://10.1.2.3:8080/";
    (void)state;
    hides(HUB, "could not fetch 'http://10.1.2.3:8080/api/models/o/m': none",
        "could not fetch '<hub>/api/models/o/m': none");
    hides(HUB, "Failed to connect to 10.1.2.3 port 8080 after 1 ms",
        "Failed to connect to <hub> after 1 ms");
    hides(HUB, "10.1.2.3:8080 and 10.1.2.3.", "<hub> and <hub>.");
    hides(HUB, "10.1.2.34, 110.1.2.3, 10.1.2.3.4 and http://10.1.2.4/",
        "10.1.2.34, 110.1.2.3, 10.1.2.3.4 and http://10.1.2.4/");
    hides("https://user:word@Hub.inner",
        "Could not resolve host: hub.inner (https://user:word@Hub.inner/x)",
        "Could not resolve host: <hub> (<hub>/x)");
    hides("http://[::1]:99", "connect to ::1 port 99: http://[::1]:99/a",
        "connect to <hub>: <hub>/a");
    hides("/srv/mirror/", "cannot open '/srv/mirror/models/o/m'", "cannot open '<hub>/models/o/m'");
    hides("http://a", "a a", "<hub> <hub>");
}

static void what_is_public_is_told(void **state) {
    static const char *const SAID =
        "ask for access at https://huggingface.co/o/m. The hub is there";
    static const char *const HUBS[] = { "https://huggingface.co", "https://huggingface.co/", "",
        "hub", "." };
    (void)state;
    hides(NULL, SAID, SAID);
    for (size_t i = 0; i < sizeof HUBS / sizeof *HUBS; i++) {
        hides(HUBS[i], SAID, SAID);
    }
}

static void jobs_and_refusals_do_not_tell_either(void **state) {
    static const char *const HUB = "http://10.1.2.3:8080";
    (void)state;
    json_t *view = json_pack("{s:i, s:s, s:{s:s, s:s, s:s}, s:[{s:s, s:s, s:s, s:[s, s]}]}", "id",
        1, "state", "rejected", "error", "class", "network", "message", "http://10.1.2.3:8080/a",
        "hint", "see http://10.1.2.3:8080/b", "jobs", "state", "dead", "error_class", "network",
        "error", "http://10.1.2.3:8080/c", "log", "a line", "GET http://10.1.2.3:8080/d");
    words_add(view, HUB);
    char *text = json_dumps(view, 0);
    assert_null(strstr(text, "10.1.2.3"));
    assert_non_null(strstr(text, "see <hub>/b"));
    assert_non_null(strstr(text, "GET <hub>/d"));
    free(text);
    json_decref(view);
}

/* ---- sockets ---- */

static void a_socket_left_behind_is_taken_and_one_in_use_is_not(void **state) {
    (void)state;
    char where[64];
    struct err err = ERR_INIT;
    snprintf(where, sizeof where, "unix:/tmp/assay-listen-%d", (int)getpid());
    int a = listen_open(where, NULL, &err);
    assert_true(a >= 0);
    assert_int_equal(listen_open(where, NULL, &err), -1);
    assert_int_equal(err.class, ERR_BUSY);
    close(a); // as a process that was killed leaves it
    int b = listen_open(where, NULL, &err);
    assert_true(b >= 0);
    close(b);
    listen_remove(where);
}

static void addresses_to_listen_on_are_read_strictly(void **state) {
    (void)state;
    static const char *const BAD[] = { "", "x", "1.2.3:80", "127.0.0.1:65536",
        "127.0.0.1:", "[::1:80", "unix:", "systemd", "a.b:80" };
    unsigned port = 0;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct err err = ERR_INIT;
        if (listen_open(BAD[i], &port, &err) >= 0) {
            fail_msg("%s", BAD[i]);
        }
    }
    struct err err = ERR_INIT;
    int fd = listen_open("127.0.0.1:0", &port, &err);
    assert_true(fd >= 0 && port > 0);
    close(fd);
}

static void a_connection_that_is_late_is_shut(void **state) {
    (void)state;
    int pair[2];
    char byte;
    struct watch w;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    watch_init(&w);
    struct watched *one = watch_add(&w, pair[0], 1000);
    assert_int_equal(watch_sweep(&w, 999), 0);
    assert_int_equal(watch_sweep(&w, 1001), 1);
    assert_int_equal(watch_sweep(&w, 1002), 0);
    assert_int_equal(read(pair[1], &byte, 1), 0);
    watch_remove(&w, one);
    assert_int_equal(watch_count(&w), 0);
    watch_release(&w);
    close(pair[0]);
    close(pair[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bearer_is_one_word),
        cmocka_unit_test(a_cookie_is_found_by_its_whole_name),
        cmocka_unit_test(types_codings_and_tags_are_compared_as_wholes),
        cmocka_unit_test(a_form_of_another_site_is_told_apart),
        cmocka_unit_test(forwarded_addresses_are_believed_from_proxies_alone),
        cmocka_unit_test(networks_are_read_strictly),
        cmocka_unit_test(addresses_of_one_ipv6_network_count_as_one),
        cmocka_unit_test(a_bucket_gives_its_burst_and_then_its_rate),
        cmocka_unit_test(a_million_keys_take_no_more_room),
        cmocka_unit_test(a_signature_is_the_standards),
        cmocka_unit_test(tokens_are_all_different_and_secrets_compared_whole),
        cmocka_unit_test(webhooks_go_over_https_to_public_hosts_alone),
        cmocka_unit_test(a_webhook_that_leads_inside_is_not_connected_to),
        cmocka_unit_test(every_class_of_errors_has_words),
        cmocka_unit_test(the_hint_of_a_refusal_says_what_to_do),
        cmocka_unit_test(a_job_that_no_worker_has_room_for_says_why),
        cmocka_unit_test(strangers_are_not_told_where_the_hub_is),
        cmocka_unit_test(what_is_public_is_told),
        cmocka_unit_test(jobs_and_refusals_do_not_tell_either),
        cmocka_unit_test(a_socket_left_behind_is_taken_and_one_in_use_is_not),
        cmocka_unit_test(addresses_to_listen_on_are_read_strictly),
        cmocka_unit_test(a_connection_that_is_late_is_shut),
    };
    return cmocka_run_group_tests_name("evaluator.serve_parts", tests, NULL, NULL);
}
