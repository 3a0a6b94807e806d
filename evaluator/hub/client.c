/* HTTP to a hub (see client.h). */
#include "evaluator/hub/client_parts.h"

#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "evaluator/hub/cache.h"
#include "evaluator/hub/retry.h"

#define RETRY_MS 500u
#define ANSWER_S 60L   // a mirror may hash a large repository before it answers
#define DOWNLOAD_S 10L // what broke off goes on from there
#define ANSWER_MAX_S 600L

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
    } else {
        memcpy(s->into + s->taken - n, data, n);
    }
    return n;
}

/* One request without following redirects. What X-Linked-Etag said on the way here stays. */
static bool request_once(struct client *c, struct hop *hop, const char *url, struct sink *sink,
    struct reply *reply, struct err *err) {
    hop_begin(hop, c, c->curl, url, sink->if_range, c->answer_s);
    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, ANSWER_MAX_S);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, sink);
    if (sink->range) {
        curl_easy_setopt(c->curl, CURLOPT_RANGE, sink->range);
    }
    sink->curl = c->curl;
    sink->thrown_away = 0;
    CURLcode rc = curl_easy_perform(c->curl);
    reply_read(c->curl, reply);
    reply_heed(reply, url);
    reply->hopeless = hop_is_hopeless(hop, rc);
    hop_end(hop);
    if (sink->overflow) {
        return err_set(
            err, ERR_INPUT, "the reply is longer than %llu bytes", (unsigned long long)sink->max);
    }
    return rc == CURLE_OK || hop_refuse(hop, rc, err);
}

bool client_follow(struct client *c, const char *url, bool foreign, struct sink *sink,
    struct reply *reply, char **last, struct err *err) {
    struct hop hop = { 0 };
    char *at = xstrdup(url);
    bool ok;
    reply->linked[0] = 0;
    for (int hops = 0;; hops++) {
        hop.following = foreign || hops > 0;
        ok = request_once(c, &hop, at, sink, reply, err);
        if (!ok || reply->status < 300 || reply->status > 399 || !reply->location) {
            break;
        }
        if (hops == REDIRECTS_MAX) {
            ok = err_set(err, ERR_NETWORK, "more than %d redirects", REDIRECTS_MAX);
        } else {
            ok = hop_allowed(at, reply->location, err);
        }
        free(at);
        at = reply->location;
        reply->location = NULL;
        if (!ok) {
            reply->hopeless = true;
            break;
        }
    }
    free(reply->location);
    reply->location = NULL;
    if (ok && last) {
        *last = at;
    } else {
        free(at);
    }
    return ok;
}

bool client_ready(const char *url, struct err *err) {
    int64_t left = breaker_left_ms(url);
    if (left > (int64_t)RETRY_PATIENCE_S * 1000) {
        return err_set(err, ERR_NETWORK, "the hub asked to be left alone for another %lld seconds",
            (long long)(left / 1000));
    }
    if (left > 0) { /* all who wait come back one after the other */
        rest_ms(left + retry_backoff_ms((unsigned)(left / 4 + 1), 0));
    }
    return true;
}

void client_wait(const struct client *c, int attempt, long asked_s) {
    rest_ms(asked_s >= 0 ? retry_asked_ms(asked_s) : retry_backoff_ms(c->retry_ms, attempt));
}

/* The page of the repository that a path of the API or of a file is about, for people. */
static char *page_of(const struct client *c, const char *path) {
    struct strbuf url = { 0 };
    path += strncmp(path, "/api/", 5) ? 0 : 4;
    path += strncmp(path, "/models/", 8) ? 0 : 7; /* a data set keeps its word */
    const char *end = path;
    for (int words = strncmp(path, "/datasets/", 10) ? 2 : 3; words && *end; words--) {
        end += 1 + strcspn(end + 1, "/");
    }
    strbuf_addf(&url, "%s%.*s", c->endpoint, (int)(end - path), path);
    return strbuf_take(&url);
}

static bool request_try(
    struct client *c, const char *path, struct sink *sink, struct reply *reply, struct err *err) {
    struct strbuf url = { 0 };
    strbuf_addf(&url, "%s%s", c->endpoint, path);
    char *page = page_of(c, path);
    sink->taken = 0;
    sink->overflow = false;
    strbuf_reset(sink->text);
    bool ok = client_ready(url.text, err) &&
              client_follow(c, url.text, false, sink, reply, NULL, err) &&
              (reply->status == 200 || reply_refuse(reply, page, err));
    free(page);
    strbuf_release(&url);
    return ok;
}

/* Retries what may pass, and soon enough. Redirects that lead nowhere will do so again. */
static bool request(struct client *c, const char *path, struct sink *sink, struct err *err) {
    struct err why = ERR_INIT;
    bool ok = false;
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        struct reply reply = { .retry_after = -1 };
        why = (struct err)ERR_INIT;
        ok = request_try(c, path, sink, &reply, &why);
        bool later = reply.retry_after > RETRY_PATIENCE_S ||
                     breaker_left_ms(c->endpoint) > RETRY_PATIENCE_S * 1000;
        if (ok || why.class != ERR_NETWORK || later || reply.hopeless) {
            break;
        }
        if (attempt + 1 == ATTEMPTS_MAX) {
            if (reply.status >= 500) { /* whoever comes next need not find it out again */
                breaker_open(c->endpoint, (int64_t)c->retry_ms * 8);
            }
            break;
        }
        client_wait(c, attempt, reply.retry_after);
    }
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

static _Thread_local bool kept_offline;

void client_keep_offline(bool offline) {
    kept_offline = offline;
}

bool client_offline(void) {
    return kept_offline || is_on("HF_HUB_OFFLINE") || is_on("TRANSFORMERS_OFFLINE");
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

/* A variable's whole seconds; what is no number above 0 is not heeded. */
static long seconds(const char *name, long otherwise) {
    const char *value = getenv(name);
    char *end = NULL;
    long s = value && *value ? strtol(value, &end, 10) : 0;
    return end && !*end && s > 0 && s <= 86400 ? s : otherwise;
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
    c->answer_s = seconds("HF_HUB_ETAG_TIMEOUT", ANSWER_S);
    c->download_s = seconds("HF_HUB_DOWNLOAD_TIMEOUT", DOWNLOAD_S);
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
    struct sink sink = { .text = &text, .max = max_bytes };
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
