/* Webhooks: one POST over https to a public address, signed, followed nowhere. */
#include <curl/curl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/address.h"
#include "evaluator/serve/behind.h"
#include "evaluator/serve/sign.h"

enum { TIMEOUT_S = 10, ANSWER_MAX = 65536 };

/* The host of a URL as curl reads it, which is who will open it. */
static bool parts_of(const char *url, char **scheme, char **host, char **user) {
    CURLU *u = curl_url();
    bool ok = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, scheme, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, host, 0) == CURLUE_OK;
    if (ok && curl_url_get(u, CURLUPART_USER, user, 0) != CURLUE_OK) {
        *user = NULL;
    }
    curl_url_cleanup(u);
    return ok;
}

/* An address written as one, in brackets or not; what only looks like a name is asked for later. */
static bool host_is_private(const char *host) {
    char bare[64];
    enum address_kind kind;
    size_t n = strlen(host);
    snprintf(bare, sizeof bare, "%s", *host == '[' ? host + 1 : host);
    bare[strcspn(bare, "]")] = 0;
    if (address_text_kind(bare, &kind)) {
        return kind != ADDRESS_PUBLIC;
    }
    return !strcmp(host, "localhost") || str_ends(host, ".localhost") || !strchr(host, '.') ||
           host[n - 1] == '.';
}

bool serve_webhook_check(const char *url, bool loopback, struct err *err) {
    char *scheme = NULL, *host = NULL, *user = NULL;
    bool ok = true;
    if (strlen(url) > 2000 || !parts_of(url, &scheme, &host, &user)) {
        ok = err_set(err, ERR_UNSUPPORTED, "the webhook is no address");
    } else if (user) {
        ok = err_set(err, ERR_UNSUPPORTED, "the webhook's address may not hold a user");
    } else if (strcmp(scheme, "https") && !(loopback && !strcmp(scheme, "http"))) {
        ok = err_set(err, ERR_UNSUPPORTED, "the webhook must be https");
    } else if (!loopback && host_is_private(host)) {
        ok = err_set(err, ERR_UNSUPPORTED, "the webhook's host is not a public one");
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    return ok || err_hint(err, "https://NAME/PATH of a host on the internet");
}

/* After the name was resolved, so that a name that leads inside is refused too. */
static curl_socket_t open_public(
    void *to_loopback, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)purpose;
    if (!*(const bool *)to_loopback && !address_is_public(&address->addr)) {
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* What it answers is of no interest, up to a point. */
static size_t ignore(char *data, size_t size, size_t n, void *seen) {
    (void)data;
    size_t *all = seen;
    *all += size * n;
    return *all > ANSWER_MAX ? 0 : size * n;
}

static struct curl_slist *headers_of(const struct hook *hook) {
    char line[200], hex[65];
    struct strbuf signed_text = { 0 };
    long long now = (long long)time(NULL);
    strbuf_addf(&signed_text, "%lld.%s", now, hook->body);
    sign_hex(hook->secret, strlen(hook->secret), strbuf_str(&signed_text), signed_text.len, hex);
    strbuf_release(&signed_text);
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    list = curl_slist_append(list, "User-Agent: assay");
    list = curl_slist_append(list, "Expect:");
    snprintf(line, sizeof line, "Assay-Timestamp: %lld", now);
    list = curl_slist_append(list, line);
    snprintf(line, sizeof line, "Assay-Signature: sha256=%s", hex);
    list = curl_slist_append(list, line);
    snprintf(line, sizeof line, "Assay-Delivery: %lld", hook->id);
    return curl_slist_append(list, line);
}

static void set_options(
    CURL *curl, const struct hook *hook, struct curl_slist *headers, size_t *seen) {
    const char *protocols = hook->to_loopback ? "http,https" : "https";
    curl_easy_setopt(curl, CURLOPT_URL, hook->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_public);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, (void *)(uintptr_t)&hook->to_loopback);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, seen);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, hook->body);
}

bool hook_send(const struct hook *hook, bool *again, struct err *err) {
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = headers_of(hook);
    size_t seen = 0;
    long status = 0;
    BUG_IF(!curl);
    set_options(curl, hook, headers, &seen);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    bool ok = status >= 200 && status < 300;
    *again = !ok && status != 410; // 410: it is gone for good
    if (!ok && status) {
        err_set(err, ERR_NETWORK, "the webhook answered %ld", status);
    } else if (!ok) {
        err_set(err, ERR_NETWORK, "the webhook could not be reached: %s", curl_easy_strerror(code));
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return ok;
}
