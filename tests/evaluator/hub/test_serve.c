/* Our own hub as other clients see it: headers, ranges, HEAD, and paths that lead nowhere. */
#include "tests/evaluator/folder.h"

#include <curl/curl.h>
#include <pthread.h>
#include <time.h>

#include "evaluator/hub/hub.h"
#include "evaluator/hub/mirror.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static struct {
    struct hub_serve_options options;
    atomic_bool stop;
    pthread_t thread;
    char *root, *port_file, url[64];
} hub;

static void *serve(void *arg) {
    struct err err = ERR_INIT;
    (void)arg;
    return hub_serve(&hub.options, &err) ? &hub : NULL;
}

static int start(void **state) {
    char *big = xcalloc(1, (1u << 20) + 1);
    (void)state;
    hub.root = folder_make();
    hub.port_file = path_join(hub.root, "port");
    folder_text(hub.root, "secret", "outside of any repository");
    folder_text(hub.root, "models/org/m/config.json", "0123456789");
    folder_text(hub.root, "models/org/m/empty", "");
    folder_text(hub.root, "models/org/m/.revision", COMMIT);
    folder_write(hub.root, "models/org/m/big.bin", big, (1u << 20) + 1);
    hub.options = (struct hub_serve_options) {
        .dir = hub.root, .port_file = hub.port_file, .stop = &hub.stop
    };
    free(big);
    assert_int_equal(pthread_create(&hub.thread, NULL, serve, NULL), 0);
    while (!file_exists(hub.port_file)) {
        nanosleep(&(struct timespec) { .tv_nsec = 5000000 }, NULL);
    }
    char *port = folder_read(hub.root, "port");
    snprintf(hub.url, sizeof hub.url, "http://127.0.0.1:%lu", strtoul(port, NULL, 10));
    free(port);
    return 0;
}

static int stop(void **state) {
    void *result;
    (void)state;
    hub.stop = 1;
    assert_int_equal(pthread_join(hub.thread, &result), 0);
    assert_non_null(result);
    free(hub.port_file);
    folder_remove(hub.root);
    return 0;
}

struct reply {
    long status;
    struct strbuf body;
    char etag[100], range[64], linked[32], commit[64], link[256], location[256];
    curl_off_t length;
};

static size_t take(char *data, size_t one, size_t n, void *arg) {
    strbuf_add(arg, data, one * n);
    return one * n;
}

static void header(CURL *c, const char *name, char *out, size_t size) {
    struct curl_header *h;
    snprintf(out, size, "%s",
        curl_easy_header(c, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value : "");
}

static void ask(struct reply *r, const char *method, const char *path, const char *range) {
    CURL *c = curl_easy_init();
    char url[512];
    memset(r, 0, sizeof *r);
    snprintf(url, sizeof url, "%s%s", hub.url, path);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(c, CURLOPT_NOBODY, (long)!strcmp(method, "HEAD"));
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &r->body);
    struct curl_slist *headers = NULL;
    if (range) {
        char line[128];
        snprintf(line, sizeof line, "Range: %s", range);
        headers = curl_slist_append(NULL, line);
        curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    }
    assert_int_equal(curl_easy_perform(c), CURLE_OK);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &r->status);
    curl_easy_getinfo(c, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &r->length);
    header(c, "ETag", r->etag, sizeof r->etag);
    header(c, "Content-Range", r->range, sizeof r->range);
    header(c, "X-Linked-Size", r->linked, sizeof r->linked);
    header(c, "X-Repo-Commit", r->commit, sizeof r->commit);
    header(c, "Link", r->link, sizeof r->link);
    header(c, "Location", r->location, sizeof r->location);
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
}

#define CONFIG "/org/m/resolve/main/config.json"

static void files_come_with_what_the_hubs_client_looks_for(void **state) {
    struct reply r;
    (void)state;
    ask(&r, "GET", CONFIG, NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body.text, "0123456789");
    assert_string_equal(r.commit, COMMIT);
    assert_int_equal(strlen(r.etag), 42);
    assert_string_equal(r.linked, ""); /* a small file */
    strbuf_release(&r.body);
    ask(&r, "HEAD", "/org/m/resolve/" COMMIT "/big.bin", NULL);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.len, 0);
    assert_int_equal(r.length, (1u << 20) + 1);
    assert_string_equal(r.linked, "1048577");
    assert_int_equal(strlen(r.etag), 66);
    strbuf_release(&r.body);
}

static void ranges_are_answered_as_http_says(void **state) {
    static const struct {
        const char *path, *range;
        long status;
        const char *body, *content_range;
    } CASES[] = {
        { CONFIG, "bytes=3-5", 206, "345", "bytes 3-5/10" },
        { CONFIG, "bytes=7-", 206, "789", "bytes 7-9/10" },
        { CONFIG, "bytes=8-99", 206, "89", "bytes 8-9/10" },
        { CONFIG, "bytes=0-18446744073709551615", 206, "0123456789", "bytes 0-9/10" },
        { CONFIG, "bytes=10-", 416, "", "bytes */10" },
        { CONFIG, "bytes=-3", 206, "789", "bytes 7-9/10" },
        { CONFIG, "bytes=5-3", 200, "0123456789", "" },
        { CONFIG, "bytes=0-1,3-4", 200, "0123456789", "" },
        { CONFIG, "bytes=99999999999999999999-", 200, "0123456789", "" },
        { CONFIG, "bytes=x-", 200, "0123456789", "" },
        { CONFIG, "lines=1-2", 200, "0123456789", "" },
        { "/org/m/resolve/main/empty", "bytes=0-", 416, "", "bytes */0" },
    };
    struct reply r;
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ask(&r, "GET", CASES[i].path, CASES[i].range);
        assert_int_equal(r.status, CASES[i].status);
        assert_string_equal(strbuf_str(&r.body), CASES[i].body);
        assert_string_equal(r.range, CASES[i].content_range);
        strbuf_release(&r.body);
    }
}

static void nothing_but_the_files_of_repositories_is_served(void **state) {
    static const char *const PATHS[] = { "/", "/secret", "/org/m/resolve/main/../../../secret",
        "/org/m/resolve/main/%2e%2e/%2e%2e/%2e%2e/secret", "/../secret", "/org/..%2f..%2fsecret",
        "/org/m/resolve/main/.revision", "/org/m/resolve/main/", "/org/m/resolve/main//config.json",
        "/org/m/resolve//config.json", "/org/m/resolve/main/config.json/x",
        "/org/none/resolve/main/config.json", "/api/models/../../secret",
        "/api/models/org/m/revision/",
        "/api/models/org/m/tree/fedcba9876543210fedcba9876543210fedcba98", "/api/models/org/m/else",
        "/api/datasets/org/m", "/%ff/%fe" };
    struct reply r;
    (void)state;
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        ask(&r, "GET", PATHS[i], NULL);
        assert_int_equal(r.status, 404);
        strbuf_release(&r.body);
    }
    ask(&r, "POST", CONFIG, NULL);
    assert_int_equal(r.status, 405);
    strbuf_release(&r.body);
}

static void any_name_of_a_revision_is_the_one_there_is(void **state) {
    static const char *const PATHS[] = { "/api/models/org/m", "/api/models/org/m/revision/main",
        "/api/models/org/m/revision/refs%2Fpr%2F1", "/api/models/org/m/revision/" COMMIT,
        "/api/models/org/m/tree/main?recursive=true" };
    struct reply r;
    (void)state;
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        struct err err = ERR_INIT;
        ask(&r, "GET", PATHS[i], NULL);
        assert_int_equal(r.status, 200);
        assert_string_equal(r.commit, COMMIT);
        json_t *json = json_parse(strbuf_str(&r.body), r.body.len, "reply", &err);
        assert_non_null(json);
        assert_true(json_is_array(json) ? json_array_size(json) == 3
                                        : !strcmp(json_get_string(json, "sha", ""), COMMIT));
        json_decref(json);
        strbuf_release(&r.body);
    }
}

/* With two entries a page the list of three files has a page behind it, which is the last. */
static void a_listing_has_pages(void **state) {
    struct reply r;
    char link[256];
    (void)state;
    ask(&r, "GET", "/api/models/org/m/tree/main?recursive=true&limit=2", NULL);
    assert_int_equal(r.status, 200);
    snprintf(link, sizeof link,
        "<%s/api/models/org/m/tree/main?recursive=true&limit=2&cursor=2>; rel=\"next\"", hub.url);
    assert_string_equal(r.link, link);
    assert_non_null(strstr(r.body.text, "big.bin"));
    assert_null(strstr(r.body.text, "\"empty\""));
    strbuf_release(&r.body);
    ask(&r, "GET", "/api/models/org/m/tree/main?recursive=true&limit=2&cursor=2", NULL);
    assert_string_equal(r.link, "");
    assert_non_null(strstr(r.body.text, "\"empty\""));
    strbuf_release(&r.body);
    static const char *const JUNK[] = { "limit=0", "limit=-1", "limit=x&cursor=x",
        "cursor=999999999", "cursor=99999999999999999999" };
    for (size_t i = 0; i < sizeof JUNK / sizeof *JUNK; i++) {
        char path[128];
        snprintf(path, sizeof path, "/api/models/org/m/tree/main?%s", JUNK[i]);
        ask(&r, "GET", path, NULL);
        assert_int_equal(r.status, 200);
        strbuf_release(&r.body);
    }
}

static void large_files_can_be_with_somebody_else(void **state) {
    struct reply r;
    (void)state;
    hub.options.lfs_redirect = "http://127.0.0.1:1/x";
    ask(&r, "HEAD", "/org/m/resolve/main/big.bin", NULL);
    assert_int_equal(r.status, 302);
    assert_string_equal(r.location, "http://127.0.0.1:1/x/org/m/resolve/main/big.bin");
    assert_string_equal(r.linked, "1048577");
    strbuf_release(&r.body);
    ask(&r, "GET", CONFIG, NULL);
    assert_int_equal(r.status, 200); /* small ones never are */
    strbuf_release(&r.body);
    hub.options.lfs_redirect = NULL;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_come_with_what_the_hubs_client_looks_for),
        cmocka_unit_test(ranges_are_answered_as_http_says),
        cmocka_unit_test(nothing_but_the_files_of_repositories_is_served),
        cmocka_unit_test(any_name_of_a_revision_is_the_one_there_is),
        cmocka_unit_test(a_listing_has_pages),
        cmocka_unit_test(large_files_can_be_with_somebody_else),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
