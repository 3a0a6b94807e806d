/* Parts of files over HTTP: a server that does as it should, and servers that lie, break off, or
 * change the file half way; then whole data sets read from our own hub without being stored. */
#include "tests/evaluator/folder.h"
#include "tests/evaluator/task_main.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <time.h>

#include "evaluator/data/data.h"
#include "evaluator/hub/client.h"
#include "evaluator/hub/hub.h"
#include "evaluator/hub/pull.h"
#include "evaluator/task/ranges.h"

#define N 100000
#define SHA "3333333333333333333333333333333333333333333333333333333333333333"

/* ---- a server ---- */

enum manner {
    HONEST,
    SHORT,        /* each reply breaks off after 10,000 bytes */
    SHORT_AND_OK, /* each reply holds 10,000 bytes, and says so */
    MISER,        /* one byte a reply */
    WHOLE,        /* 200, whatever is asked */
    ELSEWHERE,    /* 206 of another part than the one asked for */
    NO_RANGE,     /* 206 that doesn't say which part */
    TOO_MUCH,     /* more bytes than asked for */
    OTHER_SIZE,   /* the file is another size than listed */
    CHANGES,      /* another ETag from the second reply on; If-Range is honoured */
    CHANGES_MUTE, /* the same by a server that ignores If-Range */
    PAST_END,     /* 416 */
    BUSY,         /* 503 twice, then honest */
    DOWN,         /* 503 for ever */
    AWAY,         /* a redirect; the place dies after two replies, and the hub knows another */
    OTHER_LINK,   /* X-Linked-Etag is not the listed hash */
};

static struct {
    struct MHD_Daemon *daemon;
    char url[64];
    enum manner manner;
    unsigned n_requests, n_at_hub, n_redirects;
    uint8_t bytes[2 * N];
} server;

struct asked {
    size_t from, to; /* both within */
    bool part;
};

static struct asked range_of(struct MHD_Connection *c) {
    const char *range = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Range");
    struct asked a = { 0, N - 1, range != NULL };
    if (range)
        assert_int_equal(sscanf(range, "bytes=%zu-%zu", &a.from, &a.to), 2);
    return a;
}

static ssize_t break_off(void *arg, uint64_t at, char *buffer, size_t max) {
    const uint8_t *bytes = arg;
    if (at >= 10000)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t n = 10000 - at < max ? 10000 - (size_t)at : max;
    memcpy(buffer, bytes + at, n);
    return (ssize_t)n;
}

static enum MHD_Result send_reply(
    struct MHD_Connection *c, unsigned status, struct MHD_Response *r) {
    enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result send_empty(
    struct MHD_Connection *c, unsigned status, const char *header, const char *value) {
    struct MHD_Response *r =
        MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    if (header)
        MHD_add_response_header(r, header, value);
    return send_reply(c, status, r);
}

/* Bytes of the part, with what the reply says of them. */
static enum MHD_Result send_part(struct MHD_Connection *c, struct asked a, const char *etag) {
    char text[96];
    size_t n = a.to - a.from + 1, claimed_from = a.from, size = N;
    if (server.manner == SHORT_AND_OK && n > 10000)
        n = 10000;
    if (server.manner == MISER)
        n = 1;
    size_t claimed_to = a.from + n - 1;
    if (server.manner == TOO_MUCH)
        n += 100;
    if (server.manner == ELSEWHERE)
        claimed_from--, claimed_to--;
    if (server.manner == OTHER_SIZE)
        size = N + 1;
    struct MHD_Response *r =
        server.manner == SHORT && n > 10000
            ? MHD_create_response_from_callback(n, 4096, break_off, server.bytes + a.from, NULL)
            : MHD_create_response_from_buffer(n, server.bytes + a.from, MHD_RESPMEM_PERSISTENT);
    snprintf(text, sizeof text, "bytes %zu-%zu/%zu", claimed_from, claimed_to, size);
    if (server.manner != NO_RANGE)
        MHD_add_response_header(r, "Content-Range", text);
    MHD_add_response_header(r, "ETag", etag);
    if (server.manner == OTHER_LINK)
        MHD_add_response_header(r, "X-Linked-Etag", "\"4444\"");
    return send_reply(c, 206, r);
}

static enum MHD_Result send_whole(struct MHD_Connection *c, const char *etag) {
    struct MHD_Response *r =
        MHD_create_response_from_buffer(N, server.bytes, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(r, "ETag", etag);
    return send_reply(c, 200, r);
}

static enum MHD_Result redirect(struct MHD_Connection *c) {
    char url[128];
    snprintf(url, sizeof url, "%s/place/%u", server.url, server.n_redirects++);
    return send_empty(c, 302, "Location", url);
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *data, size_t *data_n, void **context) {
    (void)arg, (void)method, (void)version, (void)data, (void)data_n, (void)context;
    unsigned n = server.n_requests++;
    bool at_hub = !strcmp(url, "/file");
    server.n_at_hub += at_hub;
    const char *etag = n > 0 && (server.manner == CHANGES || server.manner == CHANGES_MUTE)
                           ? "\"second\""
                           : "\"first\"";
    const char *if_range = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-Range");
    bool obsolete = if_range && strcmp(if_range, etag) && server.manner != CHANGES_MUTE;
    if (server.manner == AWAY && at_hub)
        return redirect(c);
    if (server.manner == AWAY && !strcmp(url, "/place/0") && n > 2)
        return send_empty(c, 403, NULL, NULL);
    if (server.manner == DOWN || (server.manner == BUSY && n < 2))
        return send_empty(c, 503, NULL, NULL);
    if (server.manner == PAST_END)
        return send_empty(c, 416, "Content-Range", "bytes */17");
    struct asked a = range_of(c);
    return server.manner == WHOLE || obsolete ? send_whole(c, etag) : send_part(c, a, etag);
}

static int server_start(void **state) {
    (void)state;
    struct sockaddr_in loopback = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    for (size_t i = 0; i < sizeof server.bytes; i++)
        server.bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    server.daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL,
        answer, NULL, MHD_OPTION_SOCK_ADDR, &loopback, MHD_OPTION_END);
    snprintf(server.url, sizeof server.url, "http://127.0.0.1:%u",
        (unsigned)MHD_get_daemon_info(server.daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    return 0;
}

static int server_stop(void **state) {
    (void)state;
    MHD_stop_daemon(server.daemon);
    return 0;
}

/* ---- one file ---- */

struct reading {
    struct client *client;
    struct range_file file;
    struct err err;
};

static void begin(struct reading *r, enum manner manner) {
    struct err err = ERR_INIT;
    server.manner = manner;
    server.n_requests = server.n_at_hub = server.n_redirects = 0;
    *r = (struct reading) { .client = client_open(server.url, 1, &err) };
    r->file = (struct range_file) { .path = xstrdup("/file"), .size = N, .sha256 = SHA };
    assert_non_null(r->client);
}

static bool get(struct reading *r, size_t from, size_t n) {
    uint8_t *into = xcalloc(n, 1);
    r->err = (struct err)ERR_INIT;
    bool ok = client_range(r->client, &r->file, from, into, n, &r->err);
    assert_true(!ok || !memcmp(into, server.bytes + from, n));
    free(into);
    return ok;
}

static void end(struct reading *r) {
    client_close(r->client);
    range_file_release(&r->file);
}

static void gives_all(enum manner manner, unsigned n_requests) {
    struct reading r;
    begin(&r, manner);
    if (!get(&r, 300, 50000))
        fail_msg("manner %d: %s", manner, r.err.msg);
    assert_int_equal(server.n_requests, n_requests);
    end(&r);
}

static void refused(enum manner manner, enum err_class class, const char *what) {
    struct reading r;
    begin(&r, manner);
    assert_false(get(&r, 300, 50000));
    if (r.err.class != class || !strstr(r.err.msg, what) || !strstr(r.err.msg, "/file"))
        fail_msg("manner %d: class %d, '%s'", manner, r.err.class, r.err.msg);
    end(&r);
}

static void a_part_is_one_request(void **state) {
    (void)state;
    gives_all(HONEST, 1);
}

static void what_breaks_off_is_asked_for_from_there(void **state) {
    (void)state;
    gives_all(SHORT, 5);
    gives_all(SHORT_AND_OK, 5);
    gives_all(BUSY, 3);
}

static void what_never_comes_is_given_up(void **state) {
    (void)state;
    refused(DOWN, ERR_NETWORK, "HTTP 503");
    assert_int_equal(server.n_requests, 4);
    refused(MISER, ERR_NETWORK, "less than was asked for");
    assert_true(server.n_requests < 20);
}

static void parts_that_were_not_asked_for_are_not_taken(void **state) {
    (void)state;
    refused(ELSEWHERE, ERR_NETWORK, "another part");
    refused(NO_RANGE, ERR_NETWORK, "another part");
    refused(TOO_MUCH, ERR_NETWORK, "another part");
    refused(WHOLE, ERR_UNSUPPORTED, "gives no parts");
    assert_int_equal(server.n_requests, 1);
}

static void another_file_than_the_listed_one_is_refused(void **state) {
    (void)state;
    refused(OTHER_SIZE, ERR_INPUT, "changed");
    refused(PAST_END, ERR_INPUT, "changed");
    refused(OTHER_LINK, ERR_INPUT, "changed");
}

static void a_file_that_changes_half_way_is_an_error(void **state) {
    (void)state;
    static const enum manner manners[] = { CHANGES, CHANGES_MUTE };
    for (size_t i = 0; i < 2; i++) {
        struct reading r;
        begin(&r, manners[i]);
        assert_true(get(&r, 0, 1000));
        assert_false(get(&r, 1000, 1000));
        assert_int_equal(r.err.class, ERR_INPUT);
        assert_non_null(strstr(r.err.msg, "changed on the hub while it was read"));
        end(&r);
    }
}

static void the_place_a_hub_leads_to_is_asked_until_it_dies(void **state) {
    (void)state;
    struct reading r;
    begin(&r, AWAY);
    for (size_t i = 0; i < 5; i++)
        if (!get(&r, 1000 * i, 1000))
            fail_msg("part %zu: %s", i, r.err.msg);
    assert_int_equal(server.n_at_hub, 2);
    assert_int_equal(server.n_redirects, 2);
    end(&r);
}

/* ---- data sets from our own hub ---- */

static struct {
    struct hub_serve_options options;
    atomic_bool stop;
    pthread_t thread;
    char *root, *cache, *port_file, url[64];
} hub;

static void *serve(void *arg) {
    struct err err = ERR_INIT;
    (void)arg;
    return hub_serve(&hub.options, &err) ? &hub : NULL;
}

/* A train split of two shards, over a MiB each, and a test split that is small. */
static void write_set(const char *root) {
    struct strbuf text = { 0 };
    for (int shard = 0; shard < 2; shard++) {
        strbuf_reset(&text);
        for (int i = 0; text.len < 3u << 20; i++)
            strbuf_addf(&text,
                "{\"q\": \"Question %d of shard %d?\", \"options\": [\"a%d\", \"b\"], "
                "\"answer\": %d}\n",
                i, shard, i, i % 2);
        char name[80];
        snprintf(name, sizeof name, "datasets/org/d/data/train-0000%d-of-00002.jsonl", shard);
        folder_write(root, name, text.text, text.len);
    }
    folder_text(root, "datasets/org/d/data/test.jsonl", "{\"q\": \"small\"}\n");
    folder_text(root, "datasets/org/d/README.md", "---\nlicense: mit\n---\n");
    strbuf_release(&text);
}

static int hub_start(void **state) {
    (void)state;
    hub.root = folder_make();
    hub.cache = folder_make();
    hub.port_file = path_join(hub.cache, "port");
    write_set(hub.root);
    setenv("HF_HUB_CACHE", hub.cache, 1);
    hub.stop = false;
    hub.options = (struct hub_serve_options) {
        .dir = hub.root, .port_file = hub.port_file, .stop = &hub.stop
    };
    assert_int_equal(pthread_create(&hub.thread, NULL, serve, NULL), 0);
    while (!file_exists(hub.port_file))
        nanosleep(&(struct timespec) { .tv_nsec = 5000000 }, NULL);
    char *port = folder_read(hub.cache, "port");
    snprintf(hub.url, sizeof hub.url, "http://127.0.0.1:%lu", strtoul(port, NULL, 10));
    free(port);
    return 0;
}

static int hub_stop(void **state) {
    void *result;
    (void)state;
    unsetenv("HF_HUB_OFFLINE"); /* where a test broke off */
    hub.stop = true;
    assert_int_equal(pthread_join(hub.thread, &result), 0);
    assert_non_null(result);
    free(hub.port_file);
    folder_remove(hub.root);
    folder_remove(hub.cache);
    return 0;
}

static struct hub_data *open_set(enum hub_stream stream) {
    struct err err = ERR_INIT;
    struct hub_data_request q = {
        .hub = hub.url, .repo = "org/d", .stream = stream, .retry_ms = 1
    };
    struct hub_data *d = hub_data_open(&q, &err);
    if (!d)
        fail_msg("%s", err.msg);
    return d;
}

/* Rows and digest of a split. */
static json_t *read_split(
    const char *dir, const struct data_remote *remote, const char *split, char sha256[65]) {
    struct err err = ERR_INIT;
    struct data_source source = { .dir = dir, .split = split, .remote = remote };
    json_t *rows = json_array(), *row;
    struct data *d = data_open(&source, &err);
    while (d && (row = data_next(d, &err)))
        json_array_append_new(rows, row);
    data_close(d);
    if (err.class != ERR_NONE || !data_sha256(&source, sha256, &err))
        fail_msg("%s", err.msg);
    return rows;
}

static unsigned blobs_over(const char *size) {
    char command[512];
    unsigned n = 0;
    snprintf(command, sizeof command, "find '%s' -path '*/blobs/*' -type f -size +%s | wc -l",
        hub.cache, size);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    assert_int_equal(fscanf(p, "%u", &n), 1);
    pclose(p);
    return n;
}

static void a_set_left_on_the_hub_gives_the_same_rows_and_digest(void **state) {
    (void)state;
    char near_sha[65], far_sha[65], *dir = path_join(hub.root, "datasets/org/d");
    struct hub_data *d = open_set(HUB_STREAM_ALWAYS);
    assert_non_null(hub_data_remote(d));
    assert_int_equal(hub_data_remote(d)->n, 2);
    json_t *near = read_split(dir, NULL, "train", near_sha);
    json_t *far = read_split(hub_data_dir(d), hub_data_remote(d), "train", far_sha);
    assert_true(json_array_size(near) > 60000 && json_equal(near, far));
    assert_string_equal(near_sha, far_sha);
    assert_int_equal(blobs_over("1024k"), 0); /* nothing of it was stored */
    json_decref(far);
    far = read_split(hub_data_dir(d), hub_data_remote(d), "test", far_sha);
    assert_int_equal(json_array_size(far), 1);
    json_decref(near);
    json_decref(far);
    hub_data_close(d);
    free(dir);
    d = open_set(HUB_STREAM_NEVER); /* what is here was never taken for all there is */
    assert_null(hub_data_remote(d));
    assert_int_equal(blobs_over("1024k"), 2);
    hub_data_close(d);
}

static void a_set_left_on_the_hub_is_not_taken_for_whole_offline(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    struct hub_data_request q = { .hub = hub.url, .repo = "org/d", .retry_ms = 1 };
    hub_data_close(open_set(HUB_STREAM_ALWAYS));
    setenv("HF_HUB_OFFLINE", "1", 1);
    assert_null(hub_data_open(&q, &err));
    assert_int_equal(err.class, ERR_AUTH);
    assert_non_null(strstr(err.msg, "'data/train-00000-of-00002.jsonl'"));
    assert_non_null(strstr(err.msg, "only a part"));
    unsetenv("HF_HUB_OFFLINE");
    hub_data_close(open_set(HUB_STREAM_NEVER));
    setenv("HF_HUB_OFFLINE", "1", 1);
    struct hub_data *d = open_set(HUB_STREAM_AUTO);
    assert_null(hub_data_remote(d));
    hub_data_close(d);
    unsetenv("HF_HUB_OFFLINE");
}

static void only_the_card_and_data_are_fetched(void **state) {
    (void)state;
    folder_text(hub.root, "datasets/org/d/images.tar", "pictures");
    folder_text(hub.root, "datasets/org/d/evil.pkl", "code");
    folder_text(hub.root, "datasets/org/d/load.py", "code");
    folder_text(hub.root, "datasets/org/d/more/labels.csv.gz", "labels");
    struct hub_data *d = open_set(HUB_STREAM_NEVER);
    const char *dir = hub_data_dir(d);
    assert_false(folder_has(dir, "images.tar") || folder_has(dir, "evil.pkl"));
    assert_false(folder_has(dir, "load.py"));
    assert_true(folder_has(dir, "README.md") && folder_has(dir, "more/labels.csv.gz"));
    hub_data_close(d);
}

/* Whether the large file stays on a hub that lists two more of these sizes. */
static bool stays(uint64_t small_data, uint64_t other, uint64_t room) {
    struct repo_file files[] = {
        { .path = "a.csv", .size = small_data, .etag = "1" },
        { .path = "b.parquet", .size = 3ull << 30, .etag = "2", .lfs = true },
        { .path = "c.tar", .size = other, .etag = "3", .lfs = true },
    };
    struct repo_listing l = { .files = files, .n = 3 };
    struct pull p = { .kind = REPO_DATASET, .stream = HUB_STREAM_AUTO };
    pull_leave_large(&p, hub.cache, room, &l);
    assert_false(files[0].left || files[2].left);
    return files[1].left;
}

static void every_byte_that_would_be_fetched_counts(void **state) {
    (void)state;
    assert_false(stays(1, 1, UINT64_MAX));
    assert_true(stays(2ull << 30, 1, UINT64_MAX));
    assert_false(stays(1, 9ull << 30, UINT64_MAX)); /* which is not fetched */
    assert_true(stays(1, 1, 3ull << 30));
    assert_true(stays(1ull << 29, 1, (3ull << 30) + 5));
}

static void small_sets_are_fetched_and_then_read_here(void **state) {
    (void)state;
    struct hub_data *d = open_set(HUB_STREAM_AUTO);
    assert_null(hub_data_remote(d));
    hub_data_close(d);
    assert_int_equal(blobs_over("1024k"), 2);
    d = open_set(HUB_STREAM_ALWAYS); /* it is here by now */
    assert_null(hub_data_remote(d));
    hub_data_close(d);
}

static void a_word_says_when(void **state) {
    (void)state;
    enum hub_stream stream;
    struct err err = ERR_INIT;
    assert_true(hub_stream_parse(NULL, &stream, &err) && stream == HUB_STREAM_AUTO);
    assert_true(hub_stream_parse("never", &stream, &err) && stream == HUB_STREAM_NEVER);
    assert_false(hub_stream_parse("sometimes", &stream, &err));
    assert_int_equal(err.class, ERR_USAGE);
}

/* ---- through a task's process ---- */

static enum hub_stream task_stream;

static bool open_for_task(
    const char *repo, const char *revision, void *arg, struct task_data *data, struct err *err) {
    (void)arg;
    struct hub_data_request q = {
        .hub = hub.url, .repo = repo, .revision = revision, .stream = task_stream, .retry_ms = 1
    };
    return task_data_fetch(&q, data, err);
}

static const char TASK[] = "return choice { name = 'far', version = 1, licence = 'MIT',\n"
                           "  data = hub 'org/d' { revision = "
                           "'0123456789abcdef0123456789abcdef01234567', test = 'train' },\n"
                           "  doc = function(row) return { query = row.q, choices = row.options, "
                           "gold = row.answer } end,\n"
                           "  report = { 'acc' }, main = 'acc' }\n";

static struct task *load_task(const char *path, struct err *err) {
    struct task_request q = TASK_REQUEST_INIT;
    q.tasks_dir = TASKS_DIR;
    q.name = path;
    q.open = open_for_task;
    q.limit = -1;
    return task_load(&q, err);
}

static void a_task_reads_through_its_parent(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    folder_text(hub.root, "far.lua", TASK);
    char *path = path_join(hub.root, "far.lua");
    task_stream = HUB_STREAM_ALWAYS;
    struct task *far = load_task(path, &err);
    if (!far)
        fail_msg("%s", err.msg);
    assert_int_equal(blobs_over("1024k"), 0);
    task_stream = HUB_STREAM_NEVER;
    struct task *near = load_task(path, &err);
    if (!near)
        fail_msg("%s", err.msg);
    size_t n_far, n_near;
    const struct task_doc *f = task_docs(far, &n_far), *n = task_docs(near, &n_near);
    assert_int_equal(n_far, n_near);
    assert_true(n_far > 60000);
    for (size_t i = 0; i < n_far; i += 997)
        assert_string_equal(f[i].contexts[0], n[i].contexts[0]);
    assert_string_equal(task_info(far)->data_sha256, task_info(near)->data_sha256);
    task_free(far);
    task_free(near);
    free(path);
}

/* A network that fails is the task's error, as that of the parent would be. */
static bool fail_to_read(
    void *arg, const char *path, uint64_t at, void *into, size_t n, struct err *err) {
    (void)arg, (void)at, (void)into, (void)n;
    return err_set(err, ERR_NETWORK, "no way to '%s'", path);
}

static bool open_broken(
    const char *repo, const char *revision, void *arg, struct task_data *data, struct err *err) {
    static const struct data_remote_file file = { "data/train.jsonl", 5000000, SHA };
    static const struct data_remote remote = { &file, 1, fail_to_read, NULL };
    (void)repo, (void)revision, (void)err;
    *data = (struct task_data) { .dir = xstrdup(arg), .remote = &remote };
    return true;
}

static void an_error_on_the_way_keeps_its_class(void **state) {
    (void)state;
    struct err err = ERR_INIT;
    folder_text(hub.root, "far.lua", TASK);
    char *path = path_join(hub.root, "far.lua"), *dir = folder_make();
    struct task_request q = TASK_REQUEST_INIT;
    q.tasks_dir = TASKS_DIR;
    q.name = path;
    q.open = open_broken;
    q.resolve_arg = dir;
    assert_null(task_load(&q, &err));
    assert_int_equal(err.class, ERR_NETWORK);
    assert_non_null(strstr(err.msg, "no way to 'data/train.jsonl'"));
    folder_remove(dir);
    free(path);
}

/* ---- what a child may ask ---- */

static unsigned n_reads;

static bool count_reads(
    void *arg, const char *path, uint64_t at, void *into, size_t n, struct err *err) {
    (void)arg, (void)path, (void)at, (void)err;
    memset(into, 'x', n);
    n_reads++;
    return true;
}

static void only_bytes_of_its_data_are_given_to_a_child(void **state) {
    (void)state;
    static const struct data_remote_file file = { "a.jsonl", 1000, SHA };
    static const struct data_remote remote = { &file, 1, count_reads, NULL };
    static const char *const refused_reads[] = {
        "{\"source\": 0, \"path\": \"b.jsonl\", \"at\": 0, \"n\": 1}",
        "{\"source\": 0, \"path\": \"../a.jsonl\", \"at\": 0, \"n\": 1}",
        "{\"source\": 1, \"path\": \"a.jsonl\", \"at\": 0, \"n\": 1}",
        "{\"source\": 2, \"path\": \"a.jsonl\", \"at\": 0, \"n\": 1}",
        "{\"source\": -1, \"path\": \"a.jsonl\", \"at\": 0, \"n\": 1}",
        "{\"source\": 0, \"path\": \"a.jsonl\", \"at\": -1, \"n\": 1}",
        "{\"source\": 0, \"path\": \"a.jsonl\", \"at\": 1001, \"n\": 1}",
        "{\"source\": 0, \"path\": \"a.jsonl\", \"at\": 999, \"n\": 2}",
        "{\"source\": 0, \"path\": \"a.jsonl\", \"at\": 0, \"n\": 0}",
        "{\"source\": 0, \"path\": \"a.jsonl\", \"at\": 0, \"n\": 9223372036854775807}", "{}", "7"
    };
    struct ranges g = { .data = { { .remote = &remote } }, .n = 2 };
    struct runner r = { .pid = getpid() };
    int to_child[2];
    assert_int_equal(pipe(to_child), 0);
    r.to = to_child[1];
    for (size_t i = 0; i < sizeof refused_reads / sizeof *refused_reads; i++) {
        struct err err = ERR_INIT;
        json_t *bad = json_loads(refused_reads[i], JSON_DECODE_ANY, NULL);
        assert_false(ranges_serve(&g, &r, bad, &err));
        assert_int_equal(err.class, ERR_INPUT);
        json_decref(bad);
    }
    assert_int_equal(n_reads, 0);
    struct err err = ERR_INIT;
    json_t *good =
        json_loads("{\"source\": 0, \"path\": \"a.jsonl\", \"at\": 990, \"n\": 10}", 0, NULL);
    assert_true(ranges_serve(&g, &r, good, &err));
    assert_int_equal(n_reads, 1);
    char got[64];
    g.served = 64 * 1000; /* all of its data, again and again */
    assert_true(ranges_serve(&g, &r, good, &err));
    g.served = 65 * 1000;
    assert_false(ranges_serve(&g, &r, good, &err));
    assert_int_equal(err.class, ERR_TASK);
    json_decref(good);
    assert_int_equal(read(to_child[0], got, 23), 23);
    assert_memory_equal(got, "{\"bytes\":10}\nxxxxxxxxxx", 23);
    close(to_child[0]);
    close(to_child[1]);
    ranges_close(&g);
}

#define ON_HUB(f) cmocka_unit_test_setup_teardown(f, hub_start, hub_stop)

int main(int argc, char **argv) {
    maybe_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_is_one_request),
        cmocka_unit_test(what_breaks_off_is_asked_for_from_there),
        cmocka_unit_test(what_never_comes_is_given_up),
        cmocka_unit_test(parts_that_were_not_asked_for_are_not_taken),
        cmocka_unit_test(another_file_than_the_listed_one_is_refused),
        cmocka_unit_test(a_file_that_changes_half_way_is_an_error),
        cmocka_unit_test(the_place_a_hub_leads_to_is_asked_until_it_dies),
        ON_HUB(a_set_left_on_the_hub_gives_the_same_rows_and_digest),
        ON_HUB(a_set_left_on_the_hub_is_not_taken_for_whole_offline),
        ON_HUB(only_the_card_and_data_are_fetched),
        ON_HUB(every_byte_that_would_be_fetched_counts),
        ON_HUB(small_sets_are_fetched_and_then_read_here),
        cmocka_unit_test(a_word_says_when),
        ON_HUB(a_task_reads_through_its_parent),
        ON_HUB(an_error_on_the_way_keeps_its_class),
        cmocka_unit_test(only_bytes_of_its_data_are_given_to_a_child),
    };
    return cmocka_run_group_tests(tests, server_start, server_stop);
}
