/* assay hub serve: a mirror tree over the hub's HTTP API, on loopback, by libmicrohttpd.
 *
 *     GET /api/models?filter=<tag>&sort=<key>&limit=<n>          see serve_list.h
 *     GET /api/models/<repo>[/revision/<rev>]            {"id", "sha", "siblings", "gated",
 * "private"} GET /api/models/<repo>/tree/<rev>?recursive=true   [{"type": "file", "path", "size",
 * "oid", "lfs"?}] GET, HEAD /<repo>/resolve/<rev>/<path>             the bytes; X-Repo-Commit,
 * ETag, X-Linked-Size, Range,
 * If-Range; and the same under /api/datasets/ and /datasets/. Any revision is
 * answered with the one that the tree holds, except a pinned commit that is another one: 404. */
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/range.h"
#include "evaluator/hub/hub.h"
#include "evaluator/hub/mirror.h"
#include "evaluator/hub/serve_list.h"
#include "evaluator/hub/url.h"

#define MIRRORS_MAX 4096
#define PAGE_MAX 1000 // entries of a listing, as the hub has it

/* Listings are hashed once and kept: the tree is taken not to change while it is served. */
struct listed {
    struct listed *next;
    char *dir;
    struct repo_listing listing;
};

struct server {
    const struct hub_serve_options *options;
    const char *root;
    pthread_mutex_t lock;
    struct listed *listed;
    unsigned n_listed;
};

/* What a request's path says. */
struct target {
    enum repo_kind kind;
    char repo[256], revision[128];
    const char *rest; /* the file's path, within the URL */
    enum { WANT_INFO, WANT_TREE, WANT_FILE } want;
};

static const struct repo_listing *find_listing(struct server *s, const char *dir, struct err *err) {
    pthread_mutex_lock(&s->lock);
    struct listed *l = s->listed;
    while (l && strcmp(l->dir, dir)) {
        l = l->next;
    }
    if (!l && s->n_listed < MIRRORS_MAX) {
        l = xcalloc(1, sizeof *l);
        if (mirror_list(dir, &l->listing, err)) {
            l->dir = xstrdup(dir);
            l->next = s->listed;
            s->listed = l;
            s->n_listed++;
        } else {
            free(l);
            l = NULL;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return l ? &l->listing : NULL;
}

/* Copies "org/name", or "name" of an `ownerless` repository, from the front of *at and steps over
 * it. */
static bool take_repo(const char **at, bool ownerless, char repo[256]) {
    const char *slash = ownerless ? NULL : strchr(*at, '/');
    size_t n = slash       ? (size_t)(slash + 1 - *at) + strcspn(slash + 1, "/")
               : ownerless ? strcspn(*at, "/")
                           : 0;
    if (n == 0 || n >= 256) {
        return false;
    }
    memcpy(repo, *at, n);
    repo[n] = 0;
    *at += n;
    return repo_id_valid(repo);
}

static bool take_word(const char **at, const char *word) {
    size_t n = strlen(word);
    if (strncmp(*at, word, n)) {
        return false;
    }
    *at += n;
    return true;
}

/* One word where a path follows; the rest where it ends the URL, as in refs/pr/1. */
static bool take_revision(const char **at, bool whole, char revision[128]) {
    size_t n = whole ? strlen(*at) : strcspn(*at, "/");
    if (n == 0 || n >= 128) {
        return false;
    }
    memcpy(revision, *at, n);
    revision[n] = 0;
    *at += n;
    return true;
}

static bool parse_as(const char *url, bool ownerless, struct target *t) {
    const char *at = url;
    memset(t, 0, sizeof *t);
    memcpy(t->revision, "main", 5);
    if (take_word(&at, "/api/models/") || take_word(&at, "/api/datasets/")) {
        t->kind = url[5] == 'd' ? REPO_DATASET : REPO_MODEL;
        if (!take_repo(&at, ownerless, t->repo)) {
            return false;
        }
        t->want = take_word(&at, "/tree/") ? WANT_TREE : WANT_INFO;
        if (t->want == WANT_INFO && take_word(&at, "/revision/")) {
            return take_revision(&at, true, t->revision);
        }
        return t->want == WANT_TREE ? take_revision(&at, true, t->revision) : !*at;
    }
    t->kind = take_word(&at, "/datasets/") ? REPO_DATASET : REPO_MODEL;
    at += *at == '/';
    t->want = WANT_FILE;
    if (!take_repo(&at, ownerless, t->repo) || !take_word(&at, "/resolve/") ||
        !take_revision(&at, false, t->revision) || *at != '/') {
        return false;
    }
    t->rest = at + 1;
    return path_stays_below(t->rest);
}

static bool parse_target(const char *url, struct target *t) {
    return parse_as(url, false, t) || parse_as(url, true, t);
}

/* ---- replies ---- */

static enum MHD_Result reply_text(struct MHD_Connection *c, unsigned status, const char *type,
    const char *text, size_t n, const char *commit, const char *link) {
    struct MHD_Response *r =
        MHD_create_response_from_buffer(n, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(r, "Content-Type", type);
    if (commit) {
        MHD_add_response_header(r, "X-Repo-Commit", commit);
    }
    if (link) {
        MHD_add_response_header(r, "Link", link);
    }
    enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result reply_missing(struct MHD_Connection *c, const char *code) {
    struct MHD_Response *r =
        MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(r, "X-Error-Code", code);
    enum MHD_Result result = MHD_queue_response(c, MHD_HTTP_NOT_FOUND, r);
    MHD_destroy_response(r);
    return result;
}

/* What git has of a large file: the text that points to it. */
static size_t write_pointer(const struct repo_file *f, char *out, size_t size) {
    return (size_t)snprintf(out, size,
        "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %llu\n", f->etag,
        (unsigned long long)f->size);
}

static void write_lfs(struct json_writer *w, const struct repo_file *f) {
    char pointer[256], oid[65];
    size_t n = write_pointer(f, pointer, sizeof pointer);
    struct sha256 *h = git_blob_new(n);
    sha256_add(h, pointer, n);
    sha256_end(h, oid);
    jw_kv_string(w, "oid", oid);
    jw_key(w, "lfs");
    jw_object(w);
    jw_kv_string(w, "oid", f->etag);
    jw_kv_int(w, "size", (long long)f->size);
    jw_kv_int(w, "pointerSize", (long long)n);
    jw_end_object(w);
}

static void write_tree(
    struct json_writer *w, const struct repo_listing *l, size_t from, size_t limit) {
    jw_array(w);
    for (size_t i = from; i < l->n && i - from < limit; i++) {
        const struct repo_file *f = &l->files[i];
        jw_object(w);
        jw_kv_string(w, "type", "file");
        jw_kv_string(w, "path", f->path);
        jw_kv_int(w, "size", (long long)f->size);
        if (f->lfs) {
            write_lfs(w, f);
        } else {
            jw_kv_string(w, "oid", f->etag);
        }
        jw_end_object(w);
    }
    jw_end_array(w);
}

/* A whole number of the query; `otherwise` where it is none, or above that. */
static size_t query_number(struct MHD_Connection *c, const char *name, size_t otherwise) {
    const char *text = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, name);
    size_t n = text ? strspn(text, "0123456789") : 0;
    if (n == 0 || n > 9 || text[n]) {
        return otherwise;
    }
    size_t value = strtoul(text, NULL, 10);
    return value < otherwise ? value : otherwise;
}

/* "http://HOST", as the client knows us; "" where it sends something that is no host. */
static void own_name(struct MHD_Connection *c, char *out, size_t size) {
    static const char HOST[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-[]";
    const char *host = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Host");
    bool usable = host && *host && strlen(host) < 200 && strspn(host, HOST) == strlen(host);
    snprintf(out, size, "%s%s", usable ? "http://" : "", usable ? host : "");
}

/* Where the next page is; the caller frees. */
static char *next_link(
    struct MHD_Connection *c, const struct target *t, size_t cursor, size_t limit) {
    char name[256];
    struct strbuf link = { 0 };
    own_name(c, name, sizeof name);
    strbuf_addf(&link, "<%s/api/%s/%s/tree/", name, repo_kind_plural(t->kind), t->repo);
    url_escape(&link, t->revision, false);
    strbuf_addf(&link, "?recursive=true&limit=%zu&cursor=%zu>; rel=\"next\"", limit, cursor);
    return strbuf_take(&link);
}

static enum MHD_Result reply_json(struct server *s, struct MHD_Connection *c,
    const struct target *t, const char *dir, const struct repo_listing *l) {
    struct err err = ERR_INIT;
    struct strbuf out = { 0 };
    struct json_writer w;
    char *link = NULL;
    json_writer_init(&w, &out, false);
    if (t->want == WANT_INFO) {
        json_t *info = mirror_info(dir, t->kind, t->repo, l, &err);
        jw_json(&w, info);
        json_decref(info);
    } else {
        size_t limit = query_number(c, "limit", s->options->page ? s->options->page : PAGE_MAX);
        size_t from = query_number(c, "cursor", REPO_FILES_MAX);
        from = from == REPO_FILES_MAX ? 0 : from;
        limit = limit ? limit : 1;
        write_tree(&w, l, from, limit);
        link = from < l->n && l->n - from > limit ? next_link(c, t, from + limit, limit) : NULL;
    }
    enum MHD_Result result =
        reply_text(c, MHD_HTTP_OK, "application/json", strbuf_str(&out), out.len, l->commit, link);
    free(link);
    strbuf_release(&out);
    return result;
}

/* Which part of it is asked for, if of this version. */
static enum range range_of(
    struct MHD_Connection *c, const struct repo_file *f, uint64_t *from, uint64_t *n) {
    char tag[80];
    snprintf(tag, sizeof tag, "\"%s\"", f->etag);
    return range_is_of(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-Range"), tag)
               ? range_parse(
                     MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Range"), f->size, from, n)
               : RANGE_NONE;
}

static enum MHD_Result reply_past_end(struct MHD_Connection *c, uint64_t size) {
    char text[RANGE_TEXT_SIZE];
    range_text(text, 0, 0, size);
    struct MHD_Response *r =
        MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(r, "Content-Range", text);
    enum MHD_Result result = MHD_queue_response(c, MHD_HTTP_RANGE_NOT_SATISFIABLE, r);
    MHD_destroy_response(r);
    return result;
}

static void add_file_headers(
    struct MHD_Response *r, const struct repo_file *f, const char *commit) {
    char text[80];
    snprintf(text, sizeof text, "\"%s\"", f->etag);
    MHD_add_response_header(r, "ETag", text);
    MHD_add_response_header(r, "X-Repo-Commit", commit);
    MHD_add_response_header(r, "Accept-Ranges", "bytes");
    if (f->lfs) {
        MHD_add_response_header(r, "X-Linked-Etag", text);
        snprintf(text, sizeof text, "%llu", (unsigned long long)f->size);
        MHD_add_response_header(r, "X-Linked-Size", text);
    }
}

/* Large files of the hub lie with somebody else: on demand here, too. */
static enum MHD_Result reply_elsewhere(struct server *s, struct MHD_Connection *c, const char *url,
    const struct repo_file *f, const char *commit) {
    struct strbuf to = { 0 };
    struct MHD_Response *r =
        MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    strbuf_adds(&to, s->options->lfs_redirect);
    url_escape(&to, url, true);
    MHD_add_response_header(r, "Location", to.text);
    add_file_headers(r, f, commit);
    enum MHD_Result result = MHD_queue_response(c, MHD_HTTP_FOUND, r);
    MHD_destroy_response(r);
    strbuf_release(&to);
    return result;
}

static enum MHD_Result reply_file(
    struct MHD_Connection *c, const char *dir, const struct repo_file *f, const char *commit) {
    char *path = path_join(dir, f->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    free(path);
    if (fd < 0) {
        return reply_missing(c, "EntryNotFound");
    }
    uint64_t from = 0, n = f->size;
    enum range range = range_of(c, f, &from, &n);
    if (range == RANGE_PAST_END) {
        close(fd);
        return reply_past_end(c, f->size);
    }
    unsigned status = range == RANGE_OK ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK;
    struct MHD_Response *r = MHD_create_response_from_fd_at_offset64(n, fd, from);
    if (!r) {
        close(fd);
        return MHD_NO;
    }
    if (status == MHD_HTTP_PARTIAL_CONTENT) {
        char text[RANGE_TEXT_SIZE];
        range_text(text, from, n, f->size);
        MHD_add_response_header(r, "Content-Range", text);
    }
    add_file_headers(r, f, commit);
    enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

static const struct repo_file *find_file(const struct repo_listing *l, const char *path) {
    for (size_t i = 0; i < l->n; i++) {
        if (!strcmp(l->files[i].path, path)) {
            return &l->files[i];
        }
    }
    return NULL;
}

static enum MHD_Result reply_models(struct server *s, struct MHD_Connection *c) {
    struct err err = ERR_INIT;
    struct strbuf out = { 0 };
    char *link = NULL;
    size_t page = s->options->page ? s->options->page : PAGE_MAX;
    enum MHD_Result result =
        serve_list(c, s->root, page, &out, &link, &err)
            ? reply_text(c, MHD_HTTP_OK, "application/json", strbuf_str(&out), out.len, NULL, link)
            : reply_missing(c, "EntryNotFound");
    free(link);
    strbuf_release(&out);
    return result;
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *body, size_t *body_n, void **state) {
    (void)version, (void)body, (void)body_n, (void)state;
    struct server *s = arg;
    struct target t;
    struct err err = ERR_INIT;
    if (strcmp(method, "GET") && strcmp(method, "HEAD")) {
        return reply_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", "", 0, NULL, NULL);
    }
    if (!strcmp(url, "/api/models")) {
        return reply_models(s, c);
    }
    if (!parse_target(url, &t)) {
        return reply_missing(c, "EntryNotFound");
    }
    char *dir = mirror_dir(s->root, t.kind, t.repo, &err);
    const struct repo_listing *l = dir ? find_listing(s, dir, &err) : NULL;
    struct repo_listing asked; /* the same files under the commit that was asked for */
    if (l && !l->pinned && repo_commit_valid(t.revision)) {
        asked = *l;
        memcpy(asked.commit, t.revision, sizeof asked.commit);
        l = &asked;
    }
    enum MHD_Result result;
    if (!l) {
        result = reply_missing(c, "RepoNotFound");
    } else if (strlen(t.revision) == 40 && strcmp(t.revision, l->commit)) {
        result = reply_missing(c, "RevisionNotFound");
    } else if (t.want != WANT_FILE) {
        result = reply_json(s, c, &t, dir, l);
    } else {
        const struct repo_file *f = find_file(l, t.rest);
        result = !f                                   ? reply_missing(c, "EntryNotFound")
                 : f->lfs && s->options->lfs_redirect ? reply_elsewhere(s, c, url, f, l->commit)
                                                      : reply_file(c, dir, f, l->commit);
    }
    free(dir);
    return result;
}

static void release_listings(struct server *s) {
    while (s->listed) {
        struct listed *next = s->listed->next;
        repo_listing_release(&s->listed->listing);
        free(s->listed->dir);
        free(s->listed);
        s->listed = next;
    }
    pthread_mutex_destroy(&s->lock);
}

static bool write_port(const char *path, struct MHD_Daemon *d, struct err *err) {
    char text[16];
    snprintf(text, sizeof text, "%u\n",
        (unsigned)MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)->port);
    return !path || file_write_atomic(path, text, strlen(text), err);
}

bool hub_serve(const struct hub_serve_options *o, struct err *err) {
    if (!dir_exists(o->dir)) {
        return err_set(err, ERR_NOT_FOUND, "there is no mirror tree '%s'", o->dir);
    }
    struct server s = { .options = o, .root = o->dir };
    pthread_mutex_init(&s.lock, NULL);
    struct sockaddr_in loopback = { .sin_family = AF_INET,
        .sin_port = htons((uint16_t)o->port),
        .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct MHD_Daemon *d = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO,
        (uint16_t)o->port, NULL, NULL, answer, &s, MHD_OPTION_SOCK_ADDR, &loopback,
        MHD_OPTION_CONNECTION_TIMEOUT, 60u, MHD_OPTION_THREAD_POOL_SIZE, 2u, MHD_OPTION_END);
    bool ok = d ? write_port(o->port_file, d, err)
                : err_errno(err, ERR_FAILED, "could not listen on 127.0.0.1 port %u", o->port);
    while (ok && !*o->stop) {
        nanosleep(&(struct timespec) { .tv_nsec = 100000000 }, NULL);
    }
    if (d) {
        MHD_stop_daemon(d);
    }
    release_listings(&s);
    return ok;
}
