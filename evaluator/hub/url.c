/* Addresses of a hub (see url.h). */
#include "evaluator/hub/url.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

static char *part_of(const char *url, CURLUPart part) {
    CURLU *u = curl_url();
    char *text = NULL, *copy = NULL;
    if (u && !curl_url_set(u, CURLUPART_URL, url, 0) &&
        !curl_url_get(u, part, &text, CURLU_DEFAULT_PORT)) {
        copy = xstrdup(text);
    }
    curl_free(text);
    curl_url_cleanup(u);
    return copy;
}

static bool same_part(const char *a, const char *b, CURLUPart part) {
    char *x = part_of(a, part), *y = part_of(b, part);
    bool same = x && y && !strcasecmp(x, y);
    free(x);
    free(y);
    return same;
}

bool url_same_host(const char *a, const char *b) {
    return same_part(a, b, CURLUPART_HOST) && same_part(a, b, CURLUPART_PORT);
}

char *url_host(const char *url) {
    char *host = part_of(url, CURLUPART_HOST), *port = part_of(url, CURLUPART_PORT);
    struct strbuf out = { 0 };
    for (char *c = host; c && *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    if (host && port) {
        strbuf_addf(&out, "%s:%s", host, port);
    }
    free(host);
    free(port);
    return out.len ? strbuf_take(&out) : NULL;
}

bool url_token_allowed(const char *url) {
    if (!strncasecmp(url, "https://", 8)) {
        return true;
    }
    char *host = part_of(url, CURLUPART_HOST);
    bool here = host && (!strcmp(host, "localhost") || !strcmp(host, "127.0.0.1") ||
                            !strcmp(host, "[::1]"));
    free(host);
    return here && !strncasecmp(url, "http://", 7);
}

bool url_redirect_allowed(const char *from, const char *to, struct err *err) {
    bool secure = !strncasecmp(to, "https://", 8);
    if (!secure && strncasecmp(to, "http://", 7)) {
        return err_set(err, ERR_NETWORK, "a redirect to something else than http was refused");
    }
    if (!secure && !strncasecmp(from, "https://", 8)) {
        return err_set(err, ERR_NETWORK, "a redirect from https to http was refused");
    }
    return true;
}

void url_escape(struct strbuf *out, const char *text, bool keep_slashes) {
    static const char PLAIN[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (const char *c = text; *c; c++) {
        if (strchr(PLAIN, *c) || (keep_slashes && *c == '/')) {
            strbuf_addc(out, *c);
        } else {
            strbuf_addf(out, "%%%02X", (unsigned char)*c);
        }
    }
}

/* The address as a path under the endpoint, or NULL. */
static char *path_under(const char *url, size_t n, const char *endpoint) {
    size_t m = strlen(endpoint);
    if (n > m && !strncmp(url, endpoint, m) && url[m] == '/') {
        url += m;
        n -= m;
    }
    return n > 1 && url[0] == '/' && url[1] != '/' ? xstrndup(url, n) : NULL;
}

char *url_next_page(const char *link, const char *endpoint) {
    for (const char *open = link; (open = strchr(open, '<'));) {
        const char *close = strchr(open, '>');
        if (!close) {
            break;
        }
        size_t n = strcspn(close, ",<");
        const char *rel = memmem(close, n, "rel=\"next\"", 10);
        if (rel) {
            return path_under(open + 1, (size_t)(close - open) - 1, endpoint);
        }
        open = close + n;
    }
    return NULL;
}

enum address_kind url_address_kind(const char *url) {
    char *host = part_of(url, CURLUPART_HOST);
    size_t n = host ? strlen(host) : 0;
    bool bracketed = n > 2 && host[0] == '[';
    enum address_kind kind = bracketed ? ADDRESS_NEVER : ADDRESS_PUBLIC; // unless it is one
    if (bracketed) {
        host[n - 1] = 0;
    }
    if (n && !address_text_kind(host + bracketed, &kind) && !strcasecmp(host, "localhost")) {
        kind = ADDRESS_LOOPBACK;
    }
    free(host);
    return kind;
}

/* ---- proxies ---- */

static const char *variable(const char *lower, const char *upper) {
    const char *value = getenv(lower);
    value = value && *value ? value : upper ? getenv(upper) : NULL;
    return value && *value ? value : NULL;
}

/* "*", or a comma list of hosts and of domains, with or without a dot in front. */
static bool is_listed(const char *host, const char *list) {
    size_t n = strlen(host);
    while (*list) {
        list += strspn(list, ", ");
        list += *list == '.';
        size_t m = strcspn(list, ", ");
        bool tail = m && m <= n && !strncasecmp(host + n - m, list, m);
        if ((m == 1 && *list == '*') || (tail && (m == n || host[n - m - 1] == '.'))) {
            return true;
        }
        list += m;
    }
    return false;
}

const char *url_proxy(const char *url) {
    bool secure = !strncasecmp(url, "https://", 8);
    const char *proxy = secure ? variable("https_proxy", "HTTPS_PROXY")
                               : variable("http_proxy", NULL); /* upper case is a CGI's header */
    const char *none = variable("no_proxy", "NO_PROXY");
    proxy = proxy ? proxy : variable("all_proxy", "ALL_PROXY");
    char *host = proxy && none ? part_of(url, CURLUPART_HOST) : NULL;
    bool direct = host && is_listed(host, none);
    free(host);
    return direct ? NULL : proxy;
}
