/* From a hub into the cache: against our own hub on loopback, and against one that lies. */
#include "tests/evaluator/folder.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "base/hash.h"
#include "base/progress.h"
#include "evaluator/hub/cache.h"
#include "evaluator/hub/hub.h"
#include "evaluator/hub/pull.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OTHER "fedcba9876543210fedcba9876543210fedcba98"

/* ---- a hub that does what a test says ---- */

struct page {
    const char *path; /* of the request, query left out */
    unsigned status;
    const char *body;
    const char *header, *value; /* one more header, or NULL */
    size_t promised;            /* a Content-Length other than the body's; 0: the true one */
};

struct hub {
    struct MHD_Daemon *daemon;
    char url[64];
    const struct page *pages;
    pthread_mutex_t lock;
    unsigned n_requests, n_authorized;
    char last_path[256];
};

static ssize_t cut_short(void *arg, uint64_t at, char *buffer, size_t max) {
    const char *body = arg;
    size_t n = strlen(body);
    if (at >= n) {
        return MHD_CONTENT_READER_END_WITH_ERROR; /* closes the connection in the middle */
    }
    n = n - at < max ? n - at : max;
    memcpy(buffer, body + at, n);
    return (ssize_t)n;
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *data, size_t *data_n, void **context) {
    struct hub *h = arg;
    (void)method, (void)version, (void)data, (void)data_n, (void)context;
    pthread_mutex_lock(&h->lock);
    h->n_requests++;
    h->n_authorized += MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization") != NULL;
    snprintf(h->last_path, sizeof h->last_path, "%s", url);
    pthread_mutex_unlock(&h->lock);
    static const struct page MISSING = { .status = 404, .body = "" };
    const struct page *p = h->pages;
    while (p->path && strcmp(p->path, url)) {
        p++;
    }
    p = p->path ? p : &MISSING;
    struct MHD_Response *r = p->promised ? MHD_create_response_from_callback(p->promised, 4096,
                                               cut_short, (void *)(uintptr_t)p->body, NULL)
                                         : MHD_create_response_from_buffer(strlen(p->body),
                                               (void *)(uintptr_t)p->body, MHD_RESPMEM_MUST_COPY);
    if (p->header) {
        MHD_add_response_header(r, p->header, p->value);
    }
    enum MHD_Result result = MHD_queue_response(c, p->status, r);
    MHD_destroy_response(r);
    return result;
}

static void hub_open(struct hub *h, const struct page *pages) {
    struct sockaddr_in loopback = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    *h = (struct hub) { .pages = pages };
    pthread_mutex_init(&h->lock, NULL);
    h->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL,
        answer, h, MHD_OPTION_SOCK_ADDR, &loopback, MHD_OPTION_END);
    assert_non_null(h->daemon);
    snprintf(h->url, sizeof h->url, "http://127.0.0.1:%u",
        (unsigned)MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
}

static void hub_close(struct hub *h) {
    MHD_stop_daemon(h->daemon);
    pthread_mutex_destroy(&h->lock);
}

/* ---- pulling ---- */

/* An empty cache for each test. */
static char *cache_open(void) {
    char *dir = folder_make();
    setenv("HF_HUB_CACHE", dir, 1);
    return dir;
}

static char *pull(const char *endpoint, const char *revision, struct err *err) {
    struct pull p = { .endpoint = endpoint,
        .kind = REPO_MODEL,
        .repo = "org/m",
        .revision = revision,
        .retry_ms = 1 };
    *err = (struct err)ERR_INIT;
    return pull_snapshot(&p, NULL, err);
}

static unsigned count_files(const char *dir) {
    char command[512];
    unsigned n = 0;
    snprintf(command, sizeof command, "find '%s' -path '*/blobs/*' -type f | wc -l", dir);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    assert_int_equal(fscanf(p, "%u", &n), 1);
    pclose(p);
    return n;
}

#define INFO "/api/models/org/m/revision/main"
#define TREE "/api/models/org/m/tree/" COMMIT
#define FILE_URL "/org/m/resolve/" COMMIT "/config.json"
#define INFO_PAGE                                                                                  \
    { INFO, 200, "{\"id\": \"org/m\", \"sha\": \"" COMMIT "\"}", NULL, NULL, 0 }
#define HELLO_OID "ce013625030ba8dba906f756967f9e9ca394464a"
#define TREE_OF(body)                                                                              \
    { TREE, 200, body, NULL, NULL, 0 }
#define CONFIG_ENTRY                                                                               \
    "{\"type\": \"file\", \"path\": \"config.json\", \"size\": 6, \"oid\": \"" HELLO_OID "\"}"
#define TREE_PAGE TREE_OF("[{\"type\": \"directory\", \"path\": \"d\"}, " CONFIG_ENTRY "]")
#define END                                                                                        \
    { NULL, 0, NULL, NULL, NULL, 0 }

/* What a hub with these pages leads to: the error's class, and no blob left. */
static enum err_class refused(const struct page *pages, struct err *err) {
    struct hub h;
    char *cache = cache_open();
    hub_open(&h, pages);
    char *dir = pull(h.url, NULL, err);
    assert_null(dir);
    assert_int_equal(count_files(cache), 0);
    hub_close(&h);
    folder_remove(cache);
    return err->class;
}

static void a_repository_arrives_in_the_layout_of_the_hubs_own_client(void **state) {
    static const struct page PAGES[] = { INFO_PAGE,
        TREE_OF("[" CONFIG_ENTRY ", {\"type\": \"file\", \"path\": \"1_Pooling/config.json\","
                "\"size\": 6, \"oid\": \"" HELLO_OID "\"},"
                "{\"type\": \"file\", \"path\": \"training_args.bin\", \"size\": 1, \"oid\": "
                "\"" HELLO_OID "\"}]"),
        { "/org/m/resolve/" COMMIT "/1_Pooling/config.json", 200, "hello\n", NULL, NULL, 0 }, END };
    struct hub h;
    struct err err;
    char target[128] = "", *cache = cache_open();
    (void)state;
    hub_open(&h, PAGES);
    char *dir = pull(h.url, NULL, &err);
    assert_non_null(dir);
    assert_int_equal(h.n_requests,
        3); /* the second file is the same blob; what would be run is never asked for */
    char *ref = folder_read(cache, "models--org--m/refs/main");
    assert_string_equal(ref, COMMIT); /* no newline */
    char *text = folder_read(cache, "models--org--m/blobs/" HELLO_OID);
    assert_string_equal(text, "hello\n");
    char *link = path_join(cache, "models--org--m/snapshots/" COMMIT "/config.json");
    assert_true(readlink(link, target, sizeof target - 1) > 0);
    assert_string_equal(target, "../../blobs/" HELLO_OID);
    free(link);
    link = path_join(cache, "models--org--m/snapshots/" COMMIT "/1_Pooling/config.json");
    memset(target, 0, sizeof target);
    assert_true(readlink(link, target, sizeof target - 1) > 0);
    assert_string_equal(target, "../../../blobs/" HELLO_OID);
    assert_true(file_exists(link));
    assert_true(folder_has(cache, "CACHEDIR.TAG"));
    assert_false(folder_has(dir, "training_args.bin"));
    assert_true(folder_has(cache, ".locks/models--org--m/" HELLO_OID ".lock"));
    free(link);
    free(text);
    free(ref);
    free(dir);
    hub_close(&h);
    folder_remove(cache);
}

static bool is_real(const char *dir, const char *name) {
    struct stat st;
    char *path = path_join(dir, name);
    bool real = lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 6;
    free(path);
    return real;
}

static void without_links_files_lie_in_the_snapshot_and_stay(void **state) {
    static const struct page PAGES[] = { INFO_PAGE,
        TREE_OF("[" CONFIG_ENTRY ", {\"type\": \"file\", \"path\": \"1_Pooling/config.json\","
                "\"size\": 6, \"oid\": \"" HELLO_OID "\"}]"),
        { "/org/m/resolve/" COMMIT "/1_Pooling/config.json", 200, "hello\n", NULL, NULL, 0 }, END };
    struct hub h;
    struct err err;
    char *cache = cache_open();
    (void)state;
    setenv("HF_HUB_DISABLE_SYMLINKS", "yes", 1);
    hub_open(&h, PAGES);
    char *dir = pull(h.url, NULL, &err);
    assert_non_null(dir);
    assert_true(is_real(dir, "config.json") && is_real(dir, "1_Pooling/config.json"));
    assert_int_equal(count_files(cache), 0); // moved, not twice there
    assert_int_equal(h.n_requests, 3);
    char *marks = path_join(cache, "models--org--m/.assay");
    assert_true(dir_remove(marks, &err)); // as if the hub's client had fetched it
    unsetenv("HF_HUB_DISABLE_SYMLINKS");
    free(dir);
    dir = pull(h.url, NULL, &err);
    assert_non_null(dir);
    assert_true(is_real(dir, "config.json") && is_real(dir, "1_Pooling/config.json"));
    assert_int_equal(h.n_requests, 5); // what there is is asked for, and no file
    free(marks);
    free(dir);
    hub_close(&h);
    folder_remove(cache);
}

static char *pull_ownerless(const char *id, struct err *err) {
    char info[200];
    snprintf(info, sizeof info, "{\"id\": \"%s\", \"sha\": \"" COMMIT "\"}", id);
    const struct page pages[] = { { "/api/models/gpt2/revision/main", 200, info, NULL, NULL, 0 },
        { "/api/models/gpt2/tree/" COMMIT, 200, "[" CONFIG_ENTRY "]", NULL, NULL, 0 },
        { "/gpt2/resolve/" COMMIT "/config.json", 200, "hello\n", NULL, NULL, 0 }, END };
    struct hub h;
    char *cache = cache_open();
    hub_open(&h, pages);
    struct pull p = {
        .endpoint = h.url, .kind = REPO_MODEL, .repo = "gpt2", .revision = NULL, .retry_ms = 1
    };
    *err = (struct err)ERR_INIT;
    char *dir = pull_snapshot(&p, NULL, err);
    assert_true(!dir || folder_has(cache, "models--gpt2/refs/main"));
    hub_close(&h);
    folder_remove(cache);
    return dir;
}

static void a_name_without_an_owner_leads_to_the_same_name_alone(void **state) {
    struct err err;
    (void)state;
    char *dir = pull_ownerless("gpt2", &err);
    assert_non_null(dir);
    free(dir);
    dir = pull_ownerless("openai-community/gpt2", &err);
    assert_non_null(dir);
    free(dir);
    assert_null(pull_ownerless("openai-community/gpt2-xl", &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
    assert_null(pull_ownerless("other", &err));
}

static void a_complete_commit_needs_no_request_and_a_moving_name_does(void **state) {
    static const struct page PAGES[] = { INFO_PAGE,
        { "/api/models/org/m/revision/" COMMIT, 200, "{\"sha\": \"" COMMIT "\"}", NULL, NULL, 0 },
        TREE_PAGE, { FILE_URL, 200, "hello\n", NULL, NULL, 0 }, END };
    struct hub h;
    struct err err;
    char *cache = cache_open();
    (void)state;
    hub_open(&h, PAGES);
    for (int i = 0; i < 3; i++) {
        char *dir = pull(h.url, COMMIT, &err);
        assert_non_null(dir);
        free(dir);
        assert_int_equal(h.n_requests, 3);
    }
    assert_false(folder_has(cache, "models--org--m/refs/" COMMIT));
    char *dir = pull(h.url, NULL, &err);
    assert_non_null(dir);
    assert_int_equal(h.n_requests, 5);
    free(dir);
    hub_close(&h);
    dir = pull(h.url, COMMIT, &err); /* the hub is gone */
    assert_non_null(dir);
    free(dir);
    assert_null(pull(h.url, NULL, &err));
    assert_int_equal(err.class, ERR_NETWORK);
    folder_remove(cache);
}

static void offline_takes_what_the_ref_names_and_asks_nobody(void **state) {
    struct err err;
    char *cache = cache_open();
    (void)state;
    setenv("HF_HUB_OFFLINE", "ON", 1);
    assert_null(pull("http://127.0.0.1:1", NULL, &err));
    assert_int_equal(err.class, ERR_AUTH);
    folder_text(cache, "models--org--m/refs/main", COMMIT);
    assert_null(pull("http://127.0.0.1:1", NULL, &err)); /* the snapshot itself is missing */
    folder_text(cache, "models--org--m/snapshots/" COMMIT "/config.json", "{}");
    char *dir = pull("http://127.0.0.1:1", NULL, &err);
    assert_non_null(dir);
    free(dir);
    assert_null(pull("http://127.0.0.1:1", "v2", &err));
    unsetenv("HF_HUB_OFFLINE");
    folder_remove(cache);
}

static void a_blob_that_somebody_else_left_is_verified(void **state) {
    static const struct page PAGES[] = { INFO_PAGE, TREE_PAGE,
        { FILE_URL, 200, "hello\n", NULL, NULL, 0 }, END };
    struct hub h;
    struct err err;
    char *cache = cache_open();
    (void)state;
    folder_text(cache, "models--org--m/blobs/" HELLO_OID, "hellO\n"); /* the right size */
    folder_text(cache, "models--org--m/snapshots/" COMMIT "/config.json", "not a link");
    hub_open(&h, PAGES);
    char *dir = pull(h.url, NULL, &err);
    assert_non_null(dir);
    char *text = folder_read(dir, "config.json");
    assert_string_equal(text, "hello\n");
    free(text);
    free(dir);
    hub_close(&h);
    folder_remove(cache);
}

static void wrong_bytes_are_refused_and_not_kept(void **state) {
    static const struct page FLIPPED[] = { INFO_PAGE, TREE_PAGE,
        { FILE_URL, 200, "hellO\n", NULL, NULL, 0 }, END };
    static const struct page SHORT[] = { INFO_PAGE, TREE_PAGE,
        { FILE_URL, 200, "hell", NULL, NULL, 0 }, END };
    static const struct page LONG[] = { INFO_PAGE, TREE_PAGE,
        { FILE_URL, 200, "hello\nand more", NULL, NULL, 0 }, END };
    static const struct page EMPTY[] = { INFO_PAGE, TREE_PAGE, { FILE_URL, 200, "", NULL, NULL, 0 },
        END };
    static const struct page CUT[] = { INFO_PAGE, TREE_PAGE,
        { FILE_URL, 200, "hel", NULL, NULL, 6 }, END };
    struct err err;
    (void)state;
    assert_int_equal(refused(FLIPPED, &err), ERR_INPUT);
    assert_non_null(strstr(err.msg, "other bytes"));
    assert_int_equal(refused(SHORT, &err), ERR_INPUT);
    assert_int_equal(refused(LONG, &err), ERR_INPUT);
    assert_non_null(strstr(err.msg, "longer than 6 bytes"));
    assert_int_equal(refused(EMPTY, &err), ERR_INPUT);
    assert_int_equal(refused(CUT, &err), ERR_NETWORK);
}

static void each_status_has_its_class(void **state) {
    static const struct {
        unsigned status;
        enum err_class class;
        unsigned requests;
    } CASES[] = { { 401, ERR_AUTH, 1 }, { 403, ERR_AUTH, 1 }, { 404, ERR_NOT_FOUND, 1 },
        { 410, ERR_NOT_FOUND, 1 }, { 400, ERR_FAILED, 1 }, { 451, ERR_FAILED, 1 },
        { 204, ERR_FAILED, 1 }, { 304, ERR_FAILED, 1 }, { 429, ERR_NETWORK, 4 },
        { 500, ERR_NETWORK, 4 }, { 503, ERR_NETWORK, 4 } };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct page pages[] = { { INFO, CASES[i].status, "", NULL, NULL, 0 }, END };
        struct hub h;
        struct err err;
        char *cache = cache_open();
        hub_open(&h, pages);
        assert_null(pull(h.url, NULL, &err));
        assert_int_equal(err.class, CASES[i].class);
        assert_int_equal(h.n_requests, CASES[i].requests);
        assert_non_null(strstr(err.msg, INFO));
        hub_close(&h);
        folder_remove(cache);
    }
}

static void retry_after_is_heeded_if_it_is_a_number(void **state) {
    struct page pages[] = { { INFO, 429, "", "Retry-After", "0", 0 }, END };
    struct err err;
    (void)state;
    assert_int_equal(refused(pages, &err), ERR_NETWORK);
    pages[0].value = "-1";
    assert_int_equal(refused(pages, &err), ERR_NETWORK);
    pages[0].value = "Fri, 31 Dec 2100 23:59:59 GMT";
    assert_int_equal(refused(pages, &err), ERR_NETWORK);
}

/* A data set of many languages and shards; which of them are wanted is not known yet. */
static void a_listing_may_be_long(void **state) {
    struct repo_listing l = { 0 };
    struct err err = ERR_INIT;
    json_t *tree = json_array();
    char path[32];
    (void)state;
    for (int i = 0; i < 50000; i++) {
        snprintf(path, sizeof path, "data/%05d.csv", i);
        json_array_append_new(
            tree, json_pack("{ss, ss, si, ss}", "type", "file", "path", path, "size", 1, "oid",
                      "0123456789012345678901234567890123456789"));
    }
    if (!pull_take_tree(&l, tree, REPO_FILES_MAX, &err)) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(l.n, 50000);
    json_decref(tree);
    repo_listing_release(&l);
}

static void fault_75_listings_that_lie_are_refused(void **state) {
    static const char *const TREES[] = {
        "",
        "{",
        "null",
        "{}",
        "{\"error\": \"x\"}",
        "[1]",
        "[[]]",
        "[null]",
        "[{}]",
        "[{\"type\": \"symlink\"}]",
        "[{\"type\": 1}]",
        "[{\"type\": \"file\"}]",
        "[{\"type\": \"file\", \"path\": \"../x\", \"size\": 6, \"oid\": \"" HELLO_OID "\"}]",
        "[{\"type\": \"file\", \"path\": \"/etc/x\", \"size\": 6, \"oid\": \"" HELLO_OID "\"}]",
        "[{\"type\": \"file\", \"path\": \"a/../../x\", \"size\": 6, \"oid\": \"" HELLO_OID "\"}]",
        "[{\"type\": \"file\", \"path\": \"a\\\\b\", \"size\": 6, \"oid\": \"" HELLO_OID "\"}]",
        "[{\"type\": \"file\", \"path\": \"a\\u0000b\", \"size\": 6, \"oid\": \"" HELLO_OID "\"}]",
        "[{\"type\": \"file\", \"path\": 5, \"size\": 6, \"oid\": \"" HELLO_OID "\"}]",
        "[{\"type\": \"file\", \"path\": \"config.json\", \"oid\": \"" HELLO_OID "\"}]",
        "[{\"type\": \"file\", \"path\": \"config.json\", \"size\": -1, \"oid\": \"" HELLO_OID
        "\"}]",
        "[{\"type\": \"file\", \"path\": \"config.json\", \"size\": 9223372036854775807, \"oid\": "
        "\"" HELLO_OID "\"}]",
        "[{\"type\": \"file\", \"path\": \"config.json\", \"size\": 1e9, \"oid\": \"" HELLO_OID
        "\"}]",
        "[{\"type\": \"file\", \"path\": \"config.json\", \"size\": 6}]",
        "[{\"type\": \"file\", \"path\": \"config.json\", \"size\": 6, \"oid\": "
        "\"../../../../../../../../etc/passwdddddddd\"}]",
        "[{\"type\": \"file\", \"path\": \"config.json\", \"size\": 6, \"oid\": \"" HELLO_OID
        "00\"}]",
        "[{\"type\": \"file\", \"path\": \"config.json\", \"size\": 6, \"oid\": \"" HELLO_OID
        "\", \"lfs\": {}}]",
        "[{\"type\": \"file\", \"path\": \"config.json\", \"size\": 6, \"lfs\": {\"oid\": "
        "\"" HELLO_OID "\"}}]",
        "[" CONFIG_ENTRY ", " CONFIG_ENTRY "]",
    };
    static const char *const INFOS[] = { "", "[]", "{}", "{\"sha\": 5}", "{\"sha\": \"main\"}",
        "{\"sha\": \"../../../../../../../../../../etc/passwd\"}",
        "{\"sha\": \"0123456789ABCDEF0123456789ABCDEF01234567\"}" };
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof TREES / sizeof *TREES; i++) {
        struct page pages[] = { INFO_PAGE, TREE_OF(TREES[i]),
            { FILE_URL, 200, "hello\n", NULL, NULL, 0 }, END };
        assert_int_equal(refused(pages, &err), ERR_INPUT);
    }
    for (size_t i = 0; i < sizeof INFOS / sizeof *INFOS; i++) {
        struct page pages[] = { { INFO, 200, INFOS[i], NULL, NULL, 0 }, TREE_PAGE, END };
        assert_int_equal(refused(pages, &err), ERR_INPUT);
    }
}

static void another_commit_than_the_pinned_one_is_refused(void **state) {
    static const struct page PAGES[] = { { "/api/models/org/m/revision/" OTHER, 200,
                                             "{\"sha\": \"" COMMIT "\"}", NULL, NULL, 0 },
        TREE_PAGE, END };
    struct hub h;
    struct err err;
    char *cache = cache_open();
    (void)state;
    hub_open(&h, PAGES);
    assert_null(pull(h.url, OTHER, &err));
    assert_int_equal(err.class, ERR_INPUT);
    hub_close(&h);
    folder_remove(cache);
}

static void revisions_and_names_that_leave_the_cache_are_refused(void **state) {
    static const char *const REVISIONS[] = { "../../x", "/etc", "", "a//b", "a\nb" };
    static const char *const REPOS[] = { ".m", "../m", "org/..", "/m", "org/m/x", "org--x/m",
        "a b/c" };
    struct err err = ERR_INIT;
    char *cache = cache_open();
    (void)state;
    for (size_t i = 0; i < sizeof REVISIONS / sizeof *REVISIONS; i++) {
        assert_null(pull("http://127.0.0.1:1", REVISIONS[i], &err));
        assert_int_equal(err.class, ERR_INPUT);
    }
    for (size_t i = 0; i < sizeof REPOS / sizeof *REPOS; i++) {
        struct pull p = { .endpoint = "http://127.0.0.1:1", .repo = REPOS[i], .retry_ms = 1 };
        assert_null(pull_snapshot(&p, NULL, &err));
        assert_int_equal(err.class, ERR_INPUT);
    }
    folder_remove(cache);
}

static void names_are_written_as_urls_ask_for(void **state) {
    static const struct page PAGES[] = { { "/api/models/org/m/revision/refs/pr/1", 200,
                                             "{\"sha\": \"" COMMIT "\"}", NULL, NULL, 0 },
        TREE_OF("[{\"type\": \"file\", \"path\": \"a b?c#d%2e.gguf\", \"size\": 6, \"oid\": "
                "\"" HELLO_OID "\"}]"),
        { "/org/m/resolve/" COMMIT "/a b?c#d%2e.gguf", 200, "hello\n", NULL, NULL, 0 }, END };
    struct hub h;
    struct err err;
    char *cache = cache_open();
    (void)state;
    hub_open(&h, PAGES);
    char *dir = pull(h.url, "refs/pr/1", &err);
    assert_non_null(dir);
    assert_true(folder_has(dir, "a b?c#d%2e.gguf"));
    assert_true(folder_has(cache, "models--org--m/refs/refs/pr/1"));
    free(dir);
    hub_close(&h);
    folder_remove(cache);
}

static void pages_of_a_listing_are_followed_but_not_in_a_circle(void **state) {
    struct page pages[] = { INFO_PAGE, TREE_PAGE,
        { "/next", 200, "[]", "Link", "</next?cursor=1>; rel=\"next\"", 0 },
        { FILE_URL, 200, "hello\n", NULL, NULL, 0 }, END };
    struct hub h;
    struct err err;
    char *cache = cache_open();
    (void)state;
    pages[1].header = "Link";
    pages[1].value = "</next?cursor=0>; rel=\"next\"";
    hub_open(&h, pages);
    assert_null(pull(h.url, NULL, &err));
    assert_int_equal(err.class, ERR_INPUT);
    assert_int_equal(h.n_requests, 4);
    pages[2].header = NULL;
    char *dir = pull(h.url, NULL, &err);
    assert_non_null(dir);
    free(dir);
    hub_close(&h);
    folder_remove(cache);
}

static void redirects_are_followed_without_the_token_to_others(void **state) {
    struct page there[] = { { "/blob", 200, "hello\n", NULL, NULL, 0 }, END };
    struct page pages[] = { INFO_PAGE, TREE_PAGE, { FILE_URL, 302, "", "Location", NULL, 0 }, END };
    struct hub h, other;
    struct err err;
    char location[512], *cache = cache_open();
    (void)state;
    setenv("HF_TOKEN", " hf_secret\n", 1);
    hub_open(&other, there);
    hub_open(&h, pages);
    snprintf(location, sizeof location, "%s/blob", other.url);
    pages[2].value = location;
    char *dir = pull(h.url, NULL, &err);
    assert_non_null(dir);
    free(dir);
    assert_int_equal(h.n_authorized, 3);
    assert_int_equal(other.n_requests, 1);
    assert_int_equal(other.n_authorized, 0);
    folder_remove(cache);
    cache = cache_open(); /* a name and password in the address would be credentials too */
    snprintf(location, sizeof location, "http://user:pw@%s/blob", other.url + 7);
    assert_null(pull(h.url, NULL, &err));
    assert_int_equal(other.n_requests, 1);
    pages[2].value = "http://127.0.0.1:1/";
    assert_null(pull(h.url, NULL, &err));
    assert_int_equal(err.class, ERR_NETWORK);
    pages[2].value = "file:///etc/passwd";
    assert_null(pull(h.url, NULL, &err));
    unsetenv("HF_TOKEN");
    hub_close(&h);
    hub_close(&other);
    folder_remove(cache);
}

static void a_token_that_is_no_header_is_not_sent(void **state) {
    static const char *const NAMES[] = { "x\r\nEvil: 1", "\x01", "   " };
    struct page pages[] = { INFO_PAGE, END };
    struct hub h;
    struct err err;
    char *cache = cache_open(), *home = folder_make();
    (void)state;
    hub_open(&h, pages);
    setenv("HF_HOME", home, 1);
    setenv("HF_TOKEN", NAMES[1], 1);
    assert_null(pull(h.url, NULL, &err));
    assert_int_equal(h.n_authorized, 0);
    folder_text(home, "token", "hf_fromfile\n");
    setenv("HF_TOKEN", NAMES[2], 1);
    assert_null(pull(h.url, NULL, &err));
    assert_int_equal(h.n_authorized, 2);
    setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1", 1);
    assert_null(pull(h.url, NULL, &err));
    assert_int_equal(h.n_authorized, 2);
    unsetenv("HF_HUB_DISABLE_IMPLICIT_TOKEN");
    unsetenv("HF_TOKEN");
    unsetenv("HF_HOME");
    hub_close(&h);
    folder_remove(cache);
    folder_remove(home);
}

static void a_redirect_loop_ends(void **state) {
    static const struct page PAGES[] = { { INFO, 302, "", "Location", INFO, 0 }, END };
    struct hub h;
    struct err err;
    char *cache = cache_open();
    (void)state;
    hub_open(&h, PAGES);
    assert_null(pull(h.url, NULL, &err));
    assert_int_equal(err.class, ERR_NETWORK);
    assert_int_equal(h.n_requests, 6);
    hub_close(&h);
    folder_remove(cache);
}

static void an_error_page_without_end_is_cut(void **state) {
    char *page = xmalloc((4u << 20) + 1);
    (void)state;
    memset(page, 'x', 4u << 20);
    page[4u << 20] = 0;
    struct page pages[] = { { INFO, 404, page, NULL, NULL, 0 }, END };
    struct err err;
    assert_int_equal(refused(pages, &err), ERR_INPUT);
    free(page);
}

/* ---- our own hub ---- */

struct serving {
    struct hub_serve_options options;
    atomic_bool stop;
    pthread_t thread;
    char url[64], *port_file;
};

static void *serve(void *arg) {
    struct serving *s = arg;
    struct err err = ERR_INIT;
    return hub_serve(&s->options, &err) ? s : NULL;
}

static void serve_open(struct serving *s, const char *dir) {
    *s = (struct serving) { .port_file = path_join(dir, "port") };
    s->options =
        (struct hub_serve_options) { .dir = dir, .port_file = s->port_file, .stop = &s->stop };
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    while (!file_exists(s->port_file)) {
        nanosleep(&(struct timespec) { .tv_nsec = 5000000 }, NULL);
    }
    char *port = folder_read(dir, "port");
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%lu", strtoul(port, NULL, 10));
    free(port);
}

static void serve_close(struct serving *s) {
    void *result;
    s->stop = 1;
    assert_int_equal(pthread_join(s->thread, &result), 0);
    assert_non_null(result);
    free(s->port_file);
}

/* The commit that the folder of a mirrored repository stands for. */
static bool commit_of(const char *dir, char commit[41], struct err *err) {
    struct repo_listing l;
    if (!mirror_list(dir, &l, err)) {
        return false;
    }
    memcpy(commit, l.commit, sizeof l.commit);
    repo_listing_release(&l);
    return true;
}

static void what_we_serve_is_what_we_pull(void **state) {
    struct serving s;
    struct err err = ERR_INIT;
    char *root = folder_make(), *cache = cache_open(), *big = xcalloc(1, (2u << 20) + 5),
         commit[41], name[64];
    (void)state;
    folder_text(root, "models/org/m/config.json", "{\"model_type\": \"bert\"}");
    folder_text(root, "models/org/m/README.md", "---\nlicense: mit\n---\n");
    folder_write(root, "models/org/m/model.safetensors", big, (2u << 20) + 5);
    folder_text(root, "datasets/org/d/data/test.jsonl", "{}\n");
    serve_open(&s, root);
    char *dir = path_join(root, "models/org/m");
    assert_true(commit_of(dir, commit, &err));
    free(dir);
    dir = hub_model_path(s.url, "org/m", &err);
    assert_non_null(dir);
    assert_string_equal(path_base(dir), commit);
    char *path = path_join(dir, "model.safetensors");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, (2u << 20) + 5);
    free(path);
    free(dir);
    json_t *facts = hub_model_facts(s.url, "org/m", &err),
           *mirrored = hub_model_facts(root, "org/m", &err);
    assert_true(json_equal(facts, mirrored));
    assert_string_equal(json_get_string(facts, "licence", ""), "mit");
    json_decref(facts);
    json_decref(mirrored);
    dir = hub_dataset_dir(s.url, "org/d", NULL, &err);
    assert_non_null(dir);
    assert_true(folder_has(dir, "data/test.jsonl"));
    free(dir);
    snprintf(name, sizeof name, "org/m@%s", commit);
    free(hub_model_path(s.url, name, &err));
    assert_int_equal(err.class, ERR_NONE);
    dir = hub_model_path(s.url, "org/m@" OTHER, &err); /* it is pinned to none */
    assert_non_null(dir);
    assert_string_equal(path_base(dir), OTHER);
    free(dir);
    folder_text(root, "models/org/p/config.json", "{}");
    folder_text(root, "models/org/p/.revision", "1111111111111111111111111111111111111111\n");
    assert_null(hub_model_path(s.url, "org/p@" OTHER, &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
    err = (struct err)ERR_INIT;
    assert_null(hub_model_path(s.url, "org/none", &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
    serve_close(&s);
    free(big);
    folder_remove(cache);
    folder_remove(root);
}

/* What of a repository of these files is pulled; both lists end with NULL. */
static void pulled_check(const char *const *needed, const char *const *left) {
    struct serving s;
    struct err err = ERR_INIT;
    char *root = folder_make(), *cache = cache_open(), path[96];
    for (size_t i = 0; needed[i]; i++) {
        snprintf(path, sizeof path, "models/org/m/%s", needed[i]);
        folder_text(root, path, "{}");
    }
    for (size_t i = 0; left[i]; i++) {
        snprintf(path, sizeof path, "models/org/m/%s", left[i]);
        folder_text(root, path, "{}");
    }
    serve_open(&s, root);
    char *dir = hub_model_path(s.url, "org/m", &err);
    assert_non_null(dir);
    for (size_t i = 0; needed[i]; i++) {
        if (!folder_has(dir, needed[i])) {
            fail_msg("%s was not pulled", needed[i]);
        }
    }
    for (size_t i = 0; left[i]; i++) {
        if (folder_has(dir, left[i])) {
            fail_msg("%s was pulled", left[i]);
        }
    }
    free(dir);
    serve_close(&s);
    folder_remove(cache);
    folder_remove(root);
}

/* Vocabularies under every name that the tokenizers read, weights of the modules behind a model;
 * and nothing that would be executed, nor the same weights twice. */
static void what_a_model_needs_is_pulled_and_no_program(void **state) {
    static const char *const NEEDED[] = { "config.json", "spm.model", "spiece.model",
        "sentencepiece.bpe.model", "tekken.json", "qwen.tiktoken", "2_Dense/model.safetensors",
        "2_Dense/config.json", "3_Dense/pytorch_model.bin", "modules.json",
        "model.safetensors.index.json", "model-00001-of-00001.safetensors", NULL };
    static const char *const LEFT[] = { "modeling_x.py", "pytorch_model.bin",
        "pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json", "onnx/model.onnx",
        "2_Dense/pytorch_model.bin", NULL };
    (void)state;
    pulled_check(NEEDED, LEFT);
}

static void weights_of_pytorch_are_pulled_where_there_are_no_others(void **state) {
    static const char *const NEEDED[] = { "config.json", "pytorch_model.bin",
        "pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json",
        "2_Dense/pytorch_model.bin", "adapter_model.bin", NULL };
    static const char *const LEFT[] = { "training_args.bin", "optimizer.pt", "rust_model.ot",
        "tf_model.h5", "x/pytorch_model.bin", "pytorch_model.fp16.bin", "flax_model.msgpack",
        NULL };
    (void)state;
    pulled_check(NEEDED, LEFT);
}

#define ADAPTER_CONFIG "{\"peft_type\": \"LORA\", \"base_model_name_or_path\": \"org/m\"}"

/* An adapter's folder is whole once it is pulled: its base is linked into it, and stays the one
 * that it was when the base has moved on, or no hub is there. */
static void an_adapter_is_pulled_with_its_base(void **state) {
    struct serving s;
    struct err err = ERR_INIT;
    char *root = folder_make(), *cache = cache_open(), first[41], second[41];
    (void)state;
    folder_text(root, "models/org/a/adapter_config.json", ADAPTER_CONFIG);
    folder_text(root, "models/org/a/adapter_model.safetensors", "a");
    folder_text(root, "models/org/m/config.json", "{}");
    folder_text(root, "models/org/m/model.safetensors", "m");
    folder_text(root, "models/org/m/1_Pooling/config.json", "{\"p\": 1}");
    serve_open(&s, root);
    char *dir = hub_model_path(s.url, "org/a", &err);
    if (!dir) {
        fail_msg("%s", err.msg);
    }
    assert_true(folder_has(dir, "adapter_model.safetensors"));
    assert_true(folder_has(dir, "base_model/model.safetensors"));
    char *text = folder_read(dir, "base_model/1_Pooling/config.json");
    assert_string_equal(text, "{\"p\": 1}");
    free(text);
    assert_true(hub_base_commit(dir, first));
    free(dir);
    serve_close(&s);
    char *port = path_join(root, "port");
    assert_int_equal(unlink(port), 0);
    free(port);
    folder_text(root, "models/org/m/config.json", "{\"later\": 1}");
    serve_open(&s, root);
    dir = hub_model_path(s.url, "org/a", &err);
    assert_true(dir && hub_base_commit(dir, second));
    assert_string_equal(first, second);
    text = folder_read(dir, "base_model/config.json");
    assert_string_equal(text, "{}");
    free(text);
    free(dir);
    serve_close(&s);
    setenv("HF_HUB_OFFLINE", "1", 1);
    dir = hub_model_path(s.url, "org/a", &err);
    unsetenv("HF_HUB_OFFLINE");
    assert_true(dir && folder_has(dir, "base_model/config.json"));
    free(dir);
    folder_remove(cache);
    folder_remove(root);
}

static void a_base_that_is_not_there_is_named(void **state) {
    struct serving s;
    struct err err = ERR_INIT;
    char *root = folder_make(), *cache = cache_open();
    (void)state;
    folder_text(root, "models/org/a/adapter_config.json", ADAPTER_CONFIG);
    folder_text(root, "models/org/b/adapter_config.json",
        "{\"base_model_name_or_path\": \"/home/somebody/base\"}");
    serve_open(&s, root);
    assert_null(hub_model_path(s.url, "org/a", &err));
    assert_int_equal(err.class, ERR_NOT_FOUND);
    assert_non_null(strstr(err.msg, "base model of 'org/a'"));
    char *dir = hub_model_path(s.url, "org/b", &err); /* what isn't a hub's is the user's affair */
    assert_non_null(dir);
    assert_false(folder_has(dir, "base_model"));
    free(dir);
    serve_close(&s);
    folder_remove(cache);
    folder_remove(root);
}

/* Before weights are fetched, what is cheap of the base is: its configuration says what a run
 * takes.
 */
static void an_outline_of_an_adapter_has_its_base(void **state) {
    struct serving s;
    struct err err = ERR_INIT;
    uint64_t missing = 0;
    char *root = folder_make(), *cache = cache_open();
    (void)state;
    folder_text(root, "models/org/a/adapter_config.json", ADAPTER_CONFIG);
    folder_text(root, "models/org/a/adapter_model.safetensors", "aa");
    folder_text(root, "models/org/m/config.json", "{}");
    folder_text(root, "models/org/m/model.safetensors", "mmm");
    serve_open(&s, root);
    char *dir = hub_model_outline(s.url, "org/a", &missing, &err);
    assert_non_null(dir);
    assert_int_equal(missing, 5);
    assert_true(folder_has(dir, "base_model/config.json"));
    assert_false(folder_has(dir, "base_model/model.safetensors"));
    free(dir);
    dir = hub_model_path(s.url, "org/a", &err);
    assert_true(dir && folder_has(dir, "base_model/model.safetensors"));
    free(dir);
    serve_close(&s);
    folder_remove(cache);
    folder_remove(root);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    progress_disable();
    unsetenv("HF_TOKEN");
    unsetenv("HUGGING_FACE_HUB_TOKEN");
    unsetenv("HF_HUB_OFFLINE");
    unsetenv("TRANSFORMERS_OFFLINE");
    unsetenv("http_proxy");
    setenv("no_proxy", "*", 1);
    setenv("HF_HOME", "/nonexistent", 1);
    char *home = folder_make();
    setenv("ASSAY_HOME", home, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_repository_arrives_in_the_layout_of_the_hubs_own_client),
        cmocka_unit_test(without_links_files_lie_in_the_snapshot_and_stay),
        cmocka_unit_test(a_name_without_an_owner_leads_to_the_same_name_alone),
        cmocka_unit_test(a_complete_commit_needs_no_request_and_a_moving_name_does),
        cmocka_unit_test(offline_takes_what_the_ref_names_and_asks_nobody),
        cmocka_unit_test(a_blob_that_somebody_else_left_is_verified),
        cmocka_unit_test(wrong_bytes_are_refused_and_not_kept),
        cmocka_unit_test(each_status_has_its_class),
        cmocka_unit_test(retry_after_is_heeded_if_it_is_a_number),
        cmocka_unit_test(a_listing_may_be_long),
        cmocka_unit_test(fault_75_listings_that_lie_are_refused),
        cmocka_unit_test(another_commit_than_the_pinned_one_is_refused),
        cmocka_unit_test(revisions_and_names_that_leave_the_cache_are_refused),
        cmocka_unit_test(names_are_written_as_urls_ask_for),
        cmocka_unit_test(pages_of_a_listing_are_followed_but_not_in_a_circle),
        cmocka_unit_test(redirects_are_followed_without_the_token_to_others),
        cmocka_unit_test(a_token_that_is_no_header_is_not_sent),
        cmocka_unit_test(a_redirect_loop_ends),
        cmocka_unit_test(an_error_page_without_end_is_cut),
        cmocka_unit_test(what_we_serve_is_what_we_pull),
        cmocka_unit_test(what_a_model_needs_is_pulled_and_no_program),
        cmocka_unit_test(weights_of_pytorch_are_pulled_where_there_are_no_others),
        cmocka_unit_test(an_adapter_is_pulled_with_its_base),
        cmocka_unit_test(a_base_that_is_not_there_is_named),
        cmocka_unit_test(an_outline_of_an_adapter_has_its_base),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    folder_remove(home);
    return failed;
}
