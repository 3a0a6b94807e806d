/* HTTP to a hub (see client.h). */
#include "evaluator/hub/client.h"

#include <curl/curl.h>
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

#define REDIRECTS_MAX 5
#define ATTEMPTS_MAX 4
#define RETRY_AFTER_MAX_S 60

struct client {
    CURL *curl;
    char *endpoint;
    char *token; /* or NULL */
};

/* Where the body of one reply goes: a buffer or a file, never more than max. */
struct sink {
    struct strbuf *text;
    int fd;
    uint64_t max, taken;
    struct progress *progress;
    bool overflow, write_failed;
    CURL *curl;
};

static size_t take_body(char *data, size_t one, size_t n, void *arg) {
    struct sink *s = arg;
    n *= one;
    long status = 0;
    curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        return n; // an error page or a redirect's body: not what was asked for
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
    for (size_t done = 0; done < n;) {
        ssize_t w = write(s->fd, data + done, n - done);
        if (w < 0 && errno != EINTR) {
            s->write_failed = true;
            return 0;
        }
        done += w > 0 ? (size_t)w : 0;
    }
    if (s->progress) {
        progress_add(s->progress, n);
    }
    return n;
}

struct reply {
    long status;
    char *location;   /* of a redirect: absolute; the caller's */
    long retry_after; /* seconds, clamped; -1 if the reply has none */
};

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

static bool same_host(const char *a, const char *b) {
    CURLU *x = curl_url(), *y = curl_url();
    char *hx = NULL, *hy = NULL, *px = NULL, *py = NULL;
    bool same = x && y && !curl_url_set(x, CURLUPART_URL, a, 0) && !curl_url_set(y, CURLUPART_URL, b, 0) &&
        !curl_url_get(x, CURLUPART_HOST, &hx, 0) && !curl_url_get(y, CURLUPART_HOST, &hy, 0) &&
        !curl_url_get(x, CURLUPART_PORT, &px, CURLU_DEFAULT_PORT) &&
        !curl_url_get(y, CURLUPART_PORT, &py, CURLU_DEFAULT_PORT) && !strcasecmp(hx, hy) && !strcmp(px, py);
    curl_free(hx);
    curl_free(hy);
    curl_free(px);
    curl_free(py);
    curl_url_cleanup(x);
    curl_url_cleanup(y);
    return same;
}

/* One request without following redirects. The token goes along only to the hub itself. */
static bool request_once(struct client *c, const char *url, struct sink *sink, struct reply *reply, struct err *err) {
    struct curl_slist *headers = NULL;
    if (c->token && same_host(url, c->endpoint)) {
        struct strbuf line = { 0 };
        strbuf_addf(&line, "Authorization: Bearer %s", c->token);
        headers = curl_slist_append(headers, line.text);
        explicit_bzero(line.text, line.len);
        strbuf_release(&line);
    }
    char why[CURL_ERROR_SIZE] = "";
    curl_easy_reset(c->curl);
    curl_easy_setopt(c->curl, CURLOPT_URL, url);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c->curl, CURLOPT_USERAGENT, "assay");
    curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, 15L);
    curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_LIMIT, 1024L);
    curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_TIME, 60L);
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, sink);
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, why);
    sink->curl = c->curl;
    CURLcode rc = curl_easy_perform(c->curl);
    curl_slist_free_all(headers);
    *reply = (struct reply){ .retry_after = -1 };
    if (sink->overflow) {
        return err_set(err, ERR_INPUT, "the reply is longer than %llu bytes", (unsigned long long)sink->max);
    }
    if (sink->write_failed) {
        return err_errno(err, ERR_NODE, "could not write the download");
    }
    if (rc != CURLE_OK) {
        return err_set(err, ERR_NETWORK, "%s", why[0] ? why : curl_easy_strerror(rc));
    }
    char *location = NULL;
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &reply->status);
    curl_easy_getinfo(c->curl, CURLINFO_REDIRECT_URL, &location);
    reply->location = location ? xstrdup(location) : NULL;
    reply->retry_after = retry_after(c->curl);
    return true;
}

static bool refuse_status(long status, struct err *err) {
    if (status == 401 || status == 403) {
        err_set(err, ERR_AUTH, "access was refused (HTTP %ld)", status);
        return err_hint(err, "the repository may be gated or private: accept its licence on the hub and set HF_TOKEN");
    }
    if (status == 404 || status == 410) {
        return err_set(err, ERR_NOT_FOUND, "it does not exist there (HTTP %ld)", status);
    }
    if (status == 408 || status == 429 || status >= 500) {
        return err_set(err, ERR_NETWORK, "the hub could not answer (HTTP %ld)", status);
    }
    return err_set(err, ERR_FAILED, "the hub answered HTTP %ld", status);
}

/* Follows redirects by hand: http(s) only, and never from https down to http. */
static bool request_redirected(struct client *c, const char *url, struct sink *sink, struct reply *reply, struct err *err) {
    char *at = xstrdup(url);
    bool ok;
    for (int hops = 0;; hops++) {
        ok = request_once(c, at, sink, reply, err);
        if (!ok || reply->status < 300 || reply->status > 399 || !reply->location) {
            break;
        }
        if (hops == REDIRECTS_MAX) {
            ok = err_set(err, ERR_NETWORK, "more than %d redirects", REDIRECTS_MAX);
        } else if (!strncasecmp(at, "https:", 6) && strncasecmp(reply->location, "https:", 6)) {
            ok = err_set(err, ERR_NETWORK, "a redirect from https to something else was refused");
        }
        if (!ok) {
            free(reply->location);
            break;
        }
        free(at);
        at = reply->location;
    }
    free(at);
    return ok;
}

static void wait_before_retry(int attempt, long asked_s) {
    long ms = asked_s >= 0 ? asked_s * 1000 : 500L << (2 * attempt);
    struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000 };
    nanosleep(&t, NULL);
}

/* Retries what may pass. `rewind` empties the sink before another try. */
static bool request(struct client *c, const char *path, struct sink *sink, bool (*rewind)(struct sink *), struct err *err) {
    struct strbuf url = { 0 };
    strbuf_addf(&url, "%s%s", c->endpoint, path);
    bool ok = false;
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        struct err why = ERR_INIT;
        struct reply reply;
        ok = rewind(sink) && request_redirected(c, url.text, sink, &reply, &why) &&
            (reply.status == 200 || refuse_status(reply.status, &why));
        if (ok || why.class != ERR_NETWORK || attempt + 1 == ATTEMPTS_MAX) {
            if (!ok) {
                *err = why;
            }
            break;
        }
        wait_before_retry(attempt, reply.retry_after);
    }
    strbuf_release(&url);
    return ok || err_wrap(err, "could not fetch '%s%s'", c->endpoint, path);
}

static bool rewind_text(struct sink *s) {
    strbuf_reset(s->text);
    s->taken = 0;
    return true;
}

static bool rewind_file(struct sink *s) {
    s->taken = 0;
    return lseek(s->fd, 0, SEEK_SET) == 0 && ftruncate(s->fd, 0) == 0;
}

/* $HF_TOKEN, else the token file that the hub's own tools keep. */
static char *find_token(void) {
    const char *token = getenv("HF_TOKEN");
    if (!token || !*token) {
        token = getenv("HUGGING_FACE_HUB_TOKEN");
    }
    if (token && *token) {
        return xstrdup(token);
    }
    const char *path = getenv("HF_TOKEN_PATH"), *home = getenv("HF_HOME");
    char *own = path && *path ? xstrdup(path) : home && *home ? path_join(home, "token") : NULL;
    struct strbuf text = { 0 };
    struct err ignored = ERR_INIT;
    char *found = NULL;
    if (own && file_exists(own) && file_read(own, 4096, &text, &ignored)) {
        char *word = strtok(text.text, " \t\r\n");
        found = word ? xstrdup(word) : NULL;
    }
    strbuf_release(&text);
    free(own);
    return found;
}

struct client *client_open(const char *endpoint, struct err *err) {
    if (strncasecmp(endpoint, "http://", 7) && strncasecmp(endpoint, "https://", 8)) {
        err_set(err, ERR_USAGE, "'%.200s' is neither a folder nor a URL of a hub", endpoint);
        return NULL;
    }
    struct client *c = xcalloc(1, sizeof *c);
    c->curl = curl_easy_init();
    BUG_IF(!c->curl);
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

json_t *client_json(struct client *c, const char *path, size_t max_bytes, struct err *err) {
    struct strbuf text = { 0 };
    struct sink sink = { .text = &text, .fd = -1, .max = max_bytes };
    json_t *json = NULL;
    if (request(c, path, &sink, rewind_text, err)) {
        json = json_parse(strbuf_str(&text), text.len, path, err);
    }
    strbuf_release(&text);
    return json;
}

static bool verify(const char *file, const struct download *d, struct err *err) {
    char hex[65];
    bool sha256 = strlen(d->etag) == 64;
    if (!(sha256 ? sha256_file(file, hex, err) : git_blob_file(file, hex, err))) {
        return false;
    }
    if (strcmp(hex, d->etag)) {
        err_set(err, ERR_INPUT, "'%s' arrived with other bytes than the hub promised: its hash is %.12s…, not %.12s…", d->path, hex, d->etag);
        return err_hint(err, "try again; if it stays so, the hub or a proxy on the way changes files");
    }
    return true;
}

bool client_download(struct client *c, const struct download *d, struct err *err) {
    struct sink sink = { .max = d->size, .progress = d->progress };
    sink.fd = open(d->target, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (sink.fd < 0) {
        return err_errno(err, ERR_FAILED, "could not create '%s'", d->target);
    }
    bool ok = request(c, d->path, &sink, rewind_file, err);
    if (ok && sink.taken != d->size) {
        ok = err_set(err, ERR_NETWORK, "'%s' ended after %llu of %llu bytes", d->path, (unsigned long long)sink.taken, (unsigned long long)d->size);
    }
    ok = ok && (fsync(sink.fd) == 0 || err_errno(err, ERR_NODE, "could not write '%s'", d->target));
    close(sink.fd);
    ok = ok && verify(d->target, d, err);
    if (!ok) {
        unlink(d->target);
    }
    return ok;
}
