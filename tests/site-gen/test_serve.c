#include "tests/site-gen/fixture.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "site-gen/site.h"

struct server {
    char *dir, *site, *port_file;
    unsigned port;
    atomic_bool stop;
    pthread_t thread;
    bool ok;
};

static void *serve(void *arg) {
    struct server *s = arg;
    struct err err = ERR_INIT;
    s->ok = site_serve(s->site, 0, s->port_file, &s->stop, &err);
    return NULL;
}

/* A folder with a site in it and a secret beside it. */
static int start(void **state) {
    struct server *s = xcalloc(1, sizeof *s);
    s->dir = fixture_dir();
    s->site = path_join(s->dir, "site");
    s->port_file = path_join(s->dir, "port");
    char *page = path_join(s->site, "s/x/index.html"), *secret = path_join(s->dir, "secret.txt");
    char *folder = path_join(s->site, "s/x"), *link_to = path_join(s->site, "link.txt");
    char *hidden = path_join(s->site, ".hidden"), *missing = path_join(s->site, "404.html");
    char *style = path_join(s->site, "a.css"), *gz = path_join(s->site, "a.css.gz"),
         *br = path_join(s->site, "a.css.br"), *assets = path_join(s->site, "assets"),
         *kept = path_join(s->site, "assets/a.0123456789abcdef.css");
    assert_ok(dir_make(folder, &err));
    assert_ok(file_write_atomic(page, "<p>page", 7, &err));
    assert_ok(file_write_atomic(secret, "secret", 6, &err));
    assert_ok(file_write_atomic(hidden, "secret", 6, &err));
    assert_ok(file_write_atomic(missing, "nothing here", 12, &err));
    assert_ok(file_write_atomic(style, "p{}", 3, &err));
    assert_ok(file_write_atomic(gz, "by gzip", 7, &err));
    assert_ok(file_write_atomic(br, "by brotli", 9, &err));
    assert_ok(dir_make(assets, &err));
    assert_ok(file_write_atomic(kept, "p{}", 3, &err));
    assert_int_equal(symlink(secret, link_to), 0);
    char *const all[] = { page, secret, folder, link_to, hidden, missing, style, gz, br, assets,
        kept };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    for (int i = 0; i < 400 && !file_exists(s->port_file); i++)
        nanosleep(&(struct timespec) { .tv_nsec = 25000000 }, NULL);
    char *port = fixture_read(s->dir, "port");
    s->port = (unsigned)strtoul(port, NULL, 10);
    free(port);
    *state = s;
    return 0;
}

static int end(void **state) {
    struct server *s = *state;
    struct err err = ERR_INIT;
    s->stop = 1;
    pthread_join(s->thread, NULL);
    bool ok = s->ok && dir_remove(s->dir, &err);
    free(s->dir);
    free(s->site);
    free(s->port_file);
    free(s);
    return ok ? 0 : -1;
}

/* The whole answer to one request line and a header more (or ""); the caller frees. */
static char *ask_with(const struct server *s, const char *request, const char *header) {
    struct sockaddr_in a = { .sin_family = AF_INET,
        .sin_port = htons((uint16_t)s->port),
        .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct strbuf out = { 0 };
    char buffer[4096];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    snprintf(buffer, sizeof buffer, "%s HTTP/1.1\r\nHost: x\r\n%s%sConnection: close\r\n\r\n",
        request, header, *header ? "\r\n" : "");
    assert_true(write(fd, buffer, strlen(buffer)) > 0);
    for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;)
        strbuf_add(&out, buffer, (size_t)n);
    close(fd);
    return strbuf_take(&out);
}

static char *ask(const struct server *s, const char *request) {
    return ask_with(s, request, "");
}

static void assert_answer(
    const struct server *s, const char *request, const char *status, const char *holds) {
    char *answer = ask(s, request);
    if (!strstr(answer, status) || !strstr(answer, holds) || strstr(answer, "secret"))
        fail_msg("%s: %s", request, answer);
    free(answer);
}

static void pages_are_served_with_their_types(void **state) {
    const struct server *s = *state;
    assert_answer(s, "GET /s/x/", " 200 ", "<p>page");
    assert_answer(s, "GET /s/x/?q=1", " 200 ", "text/html; charset=utf-8");
    assert_answer(s, "GET /s/x", " 301 ", "Location: /s/x/");
    assert_answer(s, "GET /a.css", " 200 ", "text/css");
    assert_answer(s, "HEAD /a.css", " 200 ", "Content-Length: 3");
    assert_answer(s, "GET /none", " 404 ", "nothing here");
    assert_answer(s, "POST /a.css", " 405 ", "");
}

static void nothing_outside_of_the_site_is_served(void **state) {
    const struct server *s = *state;
    static const char *const PATHS[] = { "GET /../secret.txt", "GET /s/../../secret.txt",
        "GET /%2e%2e/secret.txt", "GET /..%2fsecret.txt", "GET //etc/passwd", "GET /link.txt",
        "GET /.hidden", "GET /s/x/../../../secret.txt" };
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++)
        assert_answer(s, PATHS[i], " 404 ", "nothing here");
}

static void assert_coding(const struct server *s, const char *accepted, const char *coding,
    const char *body, const char *type) {
    char header[100];
    snprintf(header, sizeof header, "Accept-Encoding: %s", accepted);
    char *answer = ask_with(s, "GET /a.css", header);
    const char *sent = strstr(answer, "Content-Encoding: ");
    bool as_said = *coding ? sent && str_begins(sent + 18, coding) : !sent;
    if (!as_said || !str_ends(answer, body) || !strstr(answer, type) ||
        !strstr(answer, "Vary: Accept-Encoding"))
        fail_msg("%s: %s", accepted, answer);
    free(answer);
}

static void what_lies_compressed_goes_to_who_takes_it(void **state) {
    const struct server *s = *state;
    assert_coding(s, "gzip, deflate, br", "br", "by brotli", "text/css");
    assert_coding(s, "gzip;q=0.5", "gzip", "by gzip", "text/css");
    assert_coding(s, "br;q=0, GZIP", "gzip", "by gzip", "text/css");
    assert_coding(s, "brotli, xgzip", "", "p{}", "text/css");
    assert_coding(s, "br;q=0,gzip;q=0", "", "p{}", "text/css");
    assert_answer(s, "GET /a.css", " 200 ", "p{}");
}

static void only_what_is_named_by_its_content_is_kept_for_good(void **state) {
    const struct server *s = *state;
    assert_answer(s, "GET /assets/a.0123456789abcdef.css", " 200 ", "immutable");
    assert_answer(s, "GET /a.css", " 200 ", "no-cache");
    assert_string_equal(site_cache_control("assets/a.0123456789abcdeg.css"), "no-cache");
    assert_string_equal(site_cache_control("assets/look.css"), "no-cache");
    assert_string_equal(site_cache_control("x/a.0123456789abcdef.css"), "no-cache");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pages_are_served_with_their_types, start, end),
        cmocka_unit_test_setup_teardown(nothing_outside_of_the_site_is_served, start, end),
        cmocka_unit_test_setup_teardown(what_lies_compressed_goes_to_who_takes_it, start, end),
        cmocka_unit_test_setup_teardown(
            only_what_is_named_by_its_content_is_kept_for_good, start, end),
    };
    return cmocka_run_group_tests_name("site-gen.serve", tests, NULL, NULL);
}
