/* HTTP to a hub (see client.h). */
#include "evaluator/hub/client_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/progress.h"
#include "evaluator/hub/cache.h"
#include "evaluator/hub/url.h"

#define REDIRECTS_MAX 5
#define REFETCHES_MAX 2
#define RETRY_MS 500u
#define RETRY_AFTER_MAX_S 60
#define OTHER_BODY_MAX                                                                             \
    ((uint64_t)1 << 20) /* of error pages and redirects, which are thrown away                     \
                         */

static size_t take_body(char *data, size_t one, size_t n, void *arg) {
    struct sink *s = arg;
    n *= one;
    long status = 0;
    curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != (s->range ? 206 : 200)) {
        s->thrown_away += n; /* an error page or a redirect's body: not what was asked for */
        s->overflow = s->thrown_away > OTHER_BODY_MAX;
        return s->overflow ? 0 : n;
    }
    s->taken += n;
    if (s->taken > s->max) {
        s->overflow = true;
        return 0;
    }
    if (s->text) {
        strbuf_add(s->text, data, n);
        return n;
    }
    if (s->into) {
        memcpy(s->into + s->taken - n, data, n);
        return n;
    }
    for (size_t done = 0; done < n;) {
        ssize_t w = write(s->fd, data + done, n - done);
        if (w < 0 && errno != EINTR) {
            s->write_errno = errno;
            return 0;
        }
        done += w > 0 ? (size_t)w : 0;
    }
    if (s->progress) {
        progress_add(s->progress, n);
    }
    return n;
}

/* "Retry-After: seconds"; dates and nonsense count as absent. */
static long retry_after(CURL *curl) {
    struct curl_header *h;
    if (curl_easy_header(curl, "Retry-After", 0, CURLH_HEADER, -1, &h) != CURLHE_OK) {
        return -1;
    }
    char *end;
    long s = strtol(h->value, &end, 10);
    return end == h->value || s < 0 ? -1 : s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : s;
}

static void copy_header(CURL *curl, const char *name, char *out, size_t size) {
    struct curl_header *h;
    if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK) {
        snprintf(out, size, "%s", strlen(h->value) < size ? h->value : "");
    }
}

/* Looks at each address after its name was resolved, so that a name can't be made to point into
 * this network. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
    struct client *c = arg;
    (void)purpose;
    if (!address_is_public(&address->addr)) {
        c->private_hub |= !c->following;
        if (!c->private_hub) {
            c->refused_address = true;
            return CURL_SOCKET_BAD;
        }
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void set_options(
    struct client *c, const char *url, struct curl_slist *headers, struct sink *sink, char *why) {
    const char *bundle = getenv("CURL_CA_BUNDLE");
    bundle = bundle && *bundle ? bundle : getenv("SSL_CERT_FILE");
    curl_easy_reset(c->curl);
    curl_easy_setopt(c->curl, CURLOPT_URL, url);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c->curl, CURLOPT_USERAGENT, "assay");
    curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, 15L);
    curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_LIMIT, 1024L);
    curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_TIME, 60L);
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(c->curl, CURLOPT_OPENSOCKETDATA, c);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, sink);
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, why);
    if (bundle && *bundle) {
        curl_easy_setopt(c->curl, CURLOPT_CAINFO, bundle);
    }
    if (sink->range) {
        curl_easy_setopt(c->curl, CURLOPT_RANGE, sink->range);
    }
    if (c->following) { /* a name and password there would be sent as credentials */
        curl_easy_setopt(c->curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    }
}

/* The token goes along only to the hub itself; what a range depends on, everywhere. */
static struct curl_slist *make_headers(
    const struct client *c, const char *url, const struct sink *sink) {
    struct strbuf line = { 0 };
    struct curl_slist *headers = NULL;
    if (sink->if_range && *sink->if_range) {
        strbuf_addf(&line, "If-Range: %s", sink->if_range);
        headers = curl_slist_append(headers, line.text);
        strbuf_reset(&line);
    }
    if (!c->token || !url_token_allowed(url) || !url_same_host(url, c->endpoint)) {
        strbuf_release(&line);
        return headers;
    }
    strbuf_addf(&line, "Authorization: Bearer %s", c->token);
    headers = curl_slist_append(headers, line.text);
    explicit_bzero(line.text, line.len);
    strbuf_release(&line);
    return headers;
}

static bool refuse_transfer(const struct client *c, const struct sink *sink, CURLcode rc,
    const char *why, struct err *err) {
    if (sink->overflow) {
        return err_set(
            err, ERR_INPUT, "the reply is longer than %llu bytes", (unsigned long long)sink->max);
    }
    if (sink->write_errno) {
        errno = sink->write_errno;
        return err_errno(err, ERR_NODE, "could not write the download");
    }
    if (c->refused_address) {
        return err_set(
            err, ERR_NETWORK, "a redirect to an address inside this network was refused");
    }
    return err_set(err, ERR_NETWORK, "%s", why[0] ? why : curl_easy_strerror(rc));
}

static void read_headers(CURL *curl, struct reply *reply) {
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
    reply->retry_after = retry_after(curl);
    copy_header(curl, "ETag", reply->etag, sizeof reply->etag);
    copy_header(curl, "X-Linked-Etag", reply->linked, sizeof reply->linked);
    copy_header(curl, "Content-Range", reply->range, sizeof reply->range);
}

/* One request without following redirects. What X-Linked-Etag said on the way here stays. */
static bool request_once(
    struct client *c, const char *url, struct sink *sink, struct reply *reply, struct err *err) {
    char why[CURL_ERROR_SIZE] = "", linked[sizeof reply->linked];
    struct curl_slist *headers = make_headers(c, url, sink);
    memcpy(linked, reply->linked, sizeof linked);
    *reply = (struct reply) { .retry_after = -1 };
    memcpy(reply->linked, linked, sizeof linked);
    set_options(c, url, headers, sink, why);
    sink->curl = c->curl;
    sink->thrown_away = 0;
    c->refused_address = false;
    CURLcode rc = curl_easy_perform(c->curl);
    curl_slist_free_all(headers);
    read_headers(c->curl, reply);
    if (rc != CURLE_OK || sink->overflow) {
        return refuse_transfer(c, sink, rc, why, err);
    }
    char *location = NULL;
    curl_easy_getinfo(c->curl, CURLINFO_REDIRECT_URL, &location);
    reply->location = location ? xstrdup(location) : NULL;
    return true;
}

bool client_refuse_status(long status, struct err *err) {
    if (status == 401 || status == 403) {
        err_set(err, ERR_AUTH, "access was refused (HTTP %ld)", status);
        return err_hint(err, "the repository may be gated or private: accept its licence on the "
                             "hub and set HF_TOKEN");
    }
    if (status == 404 || status == 410) {
        return err_set(err, ERR_NOT_FOUND, "it does not exist there (HTTP %ld)", status);
    }
    if (status == 408 || status == 429 || status >= 500) {
        return err_set(err, ERR_NETWORK, "the hub could not answer (HTTP %ld)", status);
    }
    return err_set(err, ERR_FAILED, "the hub answered HTTP %ld", status);
}

bool client_follow(struct client *c, const char *url, bool foreign, struct sink *sink,
    struct reply *reply, char **last, struct err *err) {
    char *at = xstrdup(url);
    bool ok;
    reply->linked[0] = 0;
    for (int hops = 0;; hops++) {
        c->following = foreign || hops > 0;
        ok = request_once(c, at, sink, reply, err);
        if (!ok || reply->status < 300 || reply->status > 399 || !reply->location) {
            break;
        }
        if (hops == REDIRECTS_MAX) {
            ok = err_set(err, ERR_NETWORK, "more than %d redirects", REDIRECTS_MAX);
        } else {
            ok = url_redirect_allowed(at, reply->location, err);
        }
        free(at);
        at = reply->location;
        reply->location = NULL;
        if (!ok) {
            break;
        }
    }
    if (ok && last) {
        *last = at;
    } else {
        free(at);
    }
    return ok;
}

void client_wait(const struct client *c, int attempt, long asked_s) {
    long ms = asked_s >= 0 ? asked_s * 1000 : (long)c->retry_ms << (2 * attempt);
    struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000 };
    nanosleep(&t, NULL);
}

/* Empties the sink before another try. */
static bool rewind_sink(struct sink *s, struct err *err) {
    s->taken = 0;
    s->overflow = false;
    if (s->text) {
        strbuf_reset(s->text);
        return true;
    }
    if (s->progress) {
        progress_set(s->progress, 0);
    }
    return (lseek(s->fd, 0, SEEK_SET) == 0 && ftruncate(s->fd, 0) == 0) ||
           err_errno(err, ERR_NODE, "could not write the download");
}

/* Retries what may pass. */
static bool request(struct client *c, const char *path, struct sink *sink, struct err *err) {
    struct strbuf url = { 0 };
    strbuf_addf(&url, "%s%s", c->endpoint, path);
    struct err why = ERR_INIT;
    bool ok = false;
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        struct reply reply = { .retry_after = -1 };
        why = (struct err)ERR_INIT;
        ok = rewind_sink(sink, &why) &&
             client_follow(c, url.text, false, sink, &reply, NULL, &why) &&
             (reply.status == 200 || client_refuse_status(reply.status, &why));
        if (ok || why.class != ERR_NETWORK || attempt + 1 == ATTEMPTS_MAX) {
            break;
        }
        client_wait(c, attempt, reply.retry_after);
    }
    strbuf_release(&url);
    if (!ok) {
        *err = why;
        err_wrap(err, "could not fetch '%s%s'", c->endpoint, path);
    }
    return ok;
}

static bool is_on(const char *name) {
    const char *v = getenv(name);
    return v && (!strcmp(v, "1") || !strcasecmp(v, "true") || !strcasecmp(v, "yes") ||
                    !strcasecmp(v, "on"));
}

bool client_offline(void) {
    return is_on("HF_HUB_OFFLINE") || is_on("TRANSFORMERS_OFFLINE");
}

/* The first word of a text, if it is of printable ASCII: it becomes a header line. */
static char *token_in(const char *text) {
    const char *from = text + strspn(text, " \t\r\n");
    size_t n = strcspn(from, " \t\r\n");
    for (size_t i = 0; i < n; i++) {
        if (from[i] < 0x21 || from[i] > 0x7e) {
            return NULL;
        }
    }
    return n ? xstrndup(from, n) : NULL;
}

/* $HF_TOKEN, else the token file that the hub's own tools keep. */
static char *find_token(void) {
    static const char *const NAMES[] = { "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN" };
    if (is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        const char *value = getenv(NAMES[i]);
        char *token = value ? token_in(value) : NULL;
        if (token) {
            return token;
        }
    }
    const char *named = getenv("HF_TOKEN_PATH");
    char *path = named && *named ? xstrdup(named) : cache_home("token");
    struct strbuf text = { 0 };
    struct err ignored = ERR_INIT;
    char *token = path && file_exists(path) && file_read(path, 4096, &text, &ignored)
                      ? token_in(strbuf_str(&text))
                      : NULL;
    if (text.text) {
        explicit_bzero(text.text, text.len);
    }
    strbuf_release(&text);
    free(path);
    return token;
}

struct client *client_open(const char *endpoint, unsigned retry_ms, struct err *err) {
    if (strncasecmp(endpoint, "http://", 7) && strncasecmp(endpoint, "https://", 8)) {
        err_set(err, ERR_USAGE, "'%.200s' is neither a folder nor a URL of a hub", endpoint);
        return NULL;
    }
    struct client *c = xcalloc(1, sizeof *c);
    c->curl = curl_easy_init();
    BUG_IF(!c->curl);
    c->retry_ms = retry_ms ? retry_ms : RETRY_MS;
    c->endpoint = xstrdup(endpoint);
    for (size_t n = strlen(c->endpoint); n && c->endpoint[n - 1] == '/'; n--) {
        c->endpoint[n - 1] = 0;
    }
    c->token = find_token();
    return c;
}

void client_close(struct client *c) {
    if (!c) {
        return;
    }
    curl_easy_cleanup(c->curl);
    free(c->endpoint);
    if (c->token) {
        explicit_bzero(c->token, strlen(c->token));
        free(c->token);
    }
    free(c);
}

/* The path of the next page, or NULL. */
static char *next_page(struct client *c) {
    struct curl_header *h;
    bool there = curl_easy_header(c->curl, "Link", 0, CURLH_HEADER, -1, &h) == CURLHE_OK;
    return there ? url_next_page(h->value, c->endpoint) : NULL;
}

json_t *client_json(
    struct client *c, const char *path, size_t max_bytes, char **next, struct err *err) {
    struct strbuf text = { 0 };
    struct sink sink = { .text = &text, .fd = -1, .max = max_bytes };
    json_t *json = NULL;
    if (next) {
        *next = NULL;
    }
    if (request(c, path, &sink, err)) {
        json = json_parse(strbuf_str(&text), text.len, path, err);
    }
    if (json && next) {
        *next = next_page(c);
    }
    strbuf_release(&text);
    return json;
}

static bool hash_of(const char *file, const char *etag, char hex[65], struct err *err) {
    return strlen(etag) == 64 ? sha256_file(file, hex, err) : git_blob_file(file, hex, err);
}

bool client_verify(const char *file, const char *etag) {
    char hex[65];
    struct err ignored = ERR_INIT;
    return hash_of(file, etag, hex, &ignored) && !strcmp(hex, etag);
}

static bool refuse_hash(const struct download *d, const char *hex, struct err *err) {
    err_set(err, ERR_INPUT,
        "'%s' arrived with other bytes than the hub promised: its hash is %.12s…, not %.12s…",
        d->path, hex, d->etag);
    return err_hint(err, "try again; if it stays so, the hub or a proxy on the way changes files");
}

static bool fetch(
    struct client *c, const struct download *d, struct sink *sink, char hex[65], struct err *err) {
    if (!request(c, d->path, sink, err)) {
        return false;
    }
    if (sink->taken != d->size) {
        return err_set(err, ERR_INPUT, "'%s' ended after %llu of %llu bytes", d->path,
            (unsigned long long)sink->taken, (unsigned long long)d->size);
    }
    return (fsync(sink->fd) == 0 || err_errno(err, ERR_NODE, "could not write '%s'", d->target)) &&
           hash_of(d->target, d->etag, hex, err);
}

bool client_download(struct client *c, const struct download *d, struct err *err) {
    struct sink sink = { .max = d->size, .progress = d->progress };
    sink.fd = open(d->target, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (sink.fd < 0) {
        return err_errno(err, ERR_FAILED, "could not create '%s'", d->target);
    }
    char hex[65] = "";
    bool ok = fetch(c, d, &sink, hex, err);
    for (int again = 0; ok && strcmp(hex, d->etag) && again < REFETCHES_MAX; again++) {
        ok = fetch(c, d, &sink, hex, err); /* bits turn over on the way now and then */
    }
    close(sink.fd);
    ok = ok && (!strcmp(hex, d->etag) || refuse_hash(d, hex, err));
    if (!ok) {
        unlink(d->target);
    }
    return ok;
}
