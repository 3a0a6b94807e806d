/* One request to a hub (see http.h). */
#include "evaluator/hub/http.h"

#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "evaluator/hub/retry.h"
#include "version.h"

/* Looks at each address after its name was resolved, so that a name can't be made to point into
 * this network. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
    struct hop *h = arg;
    enum address_kind kind = address_kind(&address->addr);
    (void)purpose;
    if (h->following && !h->proxied && !address_allowed(h->client->hub_kind, kind)) {
        h->refused_address = true;
        return CURL_SOCKET_BAD;
    }
    if (!h->following && !h->proxied) {
        h->client->hub_kind = kind;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* curl bounds a line, nobody bounds their number. */
static size_t count_header(char *line, size_t one, size_t n, void *arg) {
    struct hop *h = arg;
    (void)line;
    h->head_bytes += one * n;
    h->head_overflow |= h->head_bytes > HEAD_BYTES_MAX;
    return h->head_overflow ? 0 : one * n;
}

/* The token goes along only to the hub itself; what a range depends on, everywhere. */
static struct curl_slist *make_headers(
    const struct client *c, const char *url, const char *if_range) {
    struct strbuf line = { 0 };
    struct curl_slist *headers = NULL;
    if (if_range && *if_range) {
        strbuf_addf(&line, "If-Range: %s", if_range);
        headers = curl_slist_append(headers, line.text);
        strbuf_reset(&line);
    }
    if (c->token && url_token_allowed(url) && url_same_host(url, c->endpoint)) {
        strbuf_addf(&line, "Authorization: Bearer %s", c->token);
        headers = curl_slist_append(headers, line.text);
        explicit_bzero(line.text, line.len);
    }
    strbuf_release(&line);
    return headers;
}

static const char *ca_bundle(void) {
    const char *bundle = getenv("CURL_CA_BUNDLE");
    bundle = bundle && *bundle ? bundle : getenv("SSL_CERT_FILE");
    return bundle && *bundle ? bundle : NULL;
}

void hop_begin(struct hop *h, struct client *c, CURL *curl, const char *url, const char *if_range,
    long stall_s) {
    const char *proxy = url_proxy(url);
    bool following = h->following;
    *h = (struct hop) { .client = c, .following = following, .proxied = proxy != NULL };
    h->headers = make_headers(c, url, if_range);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, h->headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "assay/" ASSAY_VERSION);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_PROXY, proxy ? proxy : "");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, stall_s < 15 ? stall_s : 15L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1024L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, stall_s);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L << 10);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, h);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, count_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, h);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, h->why);
    if (ca_bundle()) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca_bundle());
    }
    if (following) { /* a name and password there would be sent as credentials */
        curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    }
    /* A proxy resolves names itself; what is written as a number can be refused here. */
    if (following && proxy && !address_allowed(c->hub_kind, url_address_kind(url))) {
        h->refused_address = true;
        curl_easy_setopt(curl, CURLOPT_URL, "");
    }
}

void hop_end(struct hop *h) {
    curl_slist_free_all(h->headers);
    h->headers = NULL;
}

bool hop_is_hopeless(const struct hop *h, CURLcode rc) {
    bool named = h->following && rc == CURLE_LOGIN_DENIED; /* a name and password in the address */
    return h->refused_address || named || rc == CURLE_PEER_FAILED_VERIFICATION ||
           rc == CURLE_SSL_CACERT_BADFILE;
}

bool hop_refuse(const struct hop *h, CURLcode rc, struct err *err) {
    if (h->head_overflow) {
        return err_set(
            err, ERR_NETWORK, "the reply has more than %d bytes of headers", HEAD_BYTES_MAX);
    }
    if (h->refused_address) {
        return err_set(
            err, ERR_NETWORK, "a redirect to an address inside this network was refused");
    }
    if (rc == CURLE_OPERATION_TIMEDOUT) {
        err_set(err, ERR_NETWORK, "the hub went silent: %s", h->why);
        return err_hint(err, "HF_HUB_DOWNLOAD_TIMEOUT and HF_HUB_ETAG_TIMEOUT say how many seconds "
                             "to wait for it");
    }
    if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CACERT_BADFILE) {
        err_set(err, ERR_NETWORK, "the hub could not prove who it is: %s", h->why);
        return err_hint(err, "where a proxy or mirror has a certificate of its own, name its "
                             "authority in SSL_CERT_FILE");
    }
    return err_set(err, ERR_NETWORK, "%s", h->why[0] ? h->why : curl_easy_strerror(rc));
}

bool hop_allowed(const char *from, const char *to, struct err *err) {
    return url_redirect_allowed(from, to, err);
}

/* ---- replies ---- */

static bool copy_header(CURL *curl, const char *name, char *out, size_t size) {
    struct curl_header *h;
    if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK) {
        return false;
    }
    snprintf(out, size, "%s", strlen(h->value) < size ? h->value : "");
    return true;
}

/* How long the server wants to be left alone: of a refusal only, and of what both headers say the
 * longer. */
static long asked_wait(CURL *curl, long status) {
    char text[128];
    long after = -1, limit = -1;
    if (status != 429 && status != 408 && status < 500) {
        return -1;
    }
    if (copy_header(curl, "Retry-After", text, sizeof text)) {
        after = retry_after_parse(text, time(NULL));
    }
    if (status == 429 && copy_header(curl, "RateLimit", text, sizeof text)) {
        limit = retry_limit_parse(text);
    }
    return after > limit ? after : limit;
}

void reply_read(CURL *curl, struct reply *r) {
    char *location = NULL, linked[sizeof r->linked];
    memcpy(linked, r->linked, sizeof linked);
    *r = (struct reply) { .retry_after = -1 };
    memcpy(r->linked, linked, sizeof linked);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &r->status);
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location);
    r->location = location ? xstrdup(location) : NULL;
    r->retry_after = asked_wait(curl, r->status);
    copy_header(curl, "ETag", r->etag, sizeof r->etag);
    copy_header(curl, "X-Linked-Etag", r->linked, sizeof r->linked);
    copy_header(curl, "Content-Range", r->range, sizeof r->range);
    copy_header(curl, "X-Error-Code", r->code, sizeof r->code);
}

/* 401 and 403: what there is to do depends on whether the hub knows us. */
static bool refuse_access(const struct reply *r, const char *page, struct err *err) {
    bool gated = !strcmp(r->code, "GatedRepo");
    if (gated && r->status == 403) {
        err_set(err, ERR_AUTH, "it is gated, and this token has not been given access (HTTP 403)");
        return err_hint(err, "ask for access at %.150s, with the account that the token is of",
            page ? page : "its page");
    }
    if (gated) {
        err_set(err, ERR_AUTH, "it is gated (HTTP %ld)", r->status);
        return err_hint(
            err, "accept its licence at %.150s, then set HF_TOKEN", page ? page : "its page");
    }
    if (r->status == 401 && !strcmp(r->code, "RepoNotFound")) {
        err_set(err, ERR_AUTH, "it is private, or does not exist (HTTP 401)");
        return err_hint(err, "check its name; for a private repository set HF_TOKEN");
    }
    err_set(err, ERR_AUTH, "access was refused (HTTP %ld)", r->status);
    return err_hint(err, "the repository may be gated or private: accept its licence on the hub "
                         "and set HF_TOKEN");
}

bool reply_refuse(const struct reply *r, const char *page, struct err *err) {
    long status = r->status;
    if (status == 401 || status == 403) {
        return refuse_access(r, page, err);
    }
    if (status == 404 || status == 410) {
        return err_set(err, ERR_NOT_FOUND, "it does not exist there (HTTP %ld)", status);
    }
    if (status == 451) {
        err_set(err, ERR_FAILED, "it was taken down for legal reasons (HTTP 451)");
        return err_hint(err, "trying again will not help");
    }
    if (r->retry_after > RETRY_PATIENCE_S) {
        return err_set(err, ERR_NETWORK, "the hub asks to be left alone for %ld seconds (HTTP %ld)",
            r->retry_after, status);
    }
    if (status == 408 || status == 429 || status >= 500) {
        return err_set(err, ERR_NETWORK, "the hub could not answer (HTTP %ld)", status);
    }
    return err_set(err, ERR_FAILED, "the hub answered HTTP %ld", status);
}

void reply_heed(const struct reply *r, const char *url) {
    if (r->retry_after > 0) {
        breaker_open(url, (int64_t)r->retry_after * 1000);
    }
}
