/* Addresses of a hub (see url.h). */
#include "evaluator/hub/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <netinet/in.h>
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
    if (n > 1 && url[0] == '/' && url[1] != '/') {
        return xstrndup(url, n);
    }
    return n > m && !strncmp(url, endpoint, m) && url[m] == '/' ? xstrndup(url + m, n - m) : NULL;
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

static enum address_kind ipv4_kind(uint32_t a) {
    static const struct {
        uint32_t net, mask;
        enum address_kind kind;
    } INSIDE[] = {
        { 0x00000000, 0xff000000, ADDRESS_NEVER },    /* 0/8 */
        { 0x0a000000, 0xff000000, ADDRESS_PRIVATE },  /* 10/8 */
        { 0x64400000, 0xffc00000, ADDRESS_PRIVATE },  /* 100.64/10 */
        { 0x7f000000, 0xff000000, ADDRESS_LOOPBACK }, /* 127/8 */
        { 0xa9fe0000, 0xffff0000, ADDRESS_NEVER },    /* 169.254/16 */
        { 0xac100000, 0xfff00000, ADDRESS_PRIVATE },  /* 172.16/12 */
        { 0xc0a80000, 0xffff0000, ADDRESS_PRIVATE },  /* 192.168/16 */
        { 0xe0000000, 0xe0000000, ADDRESS_NEVER },    /* 224/3: multicast and reserved */
    };
    for (size_t i = 0; i < sizeof INSIDE / sizeof *INSIDE; i++) {
        if ((a & INSIDE[i].mask) == INSIDE[i].net) {
            return INSIDE[i].kind;
        }
    }
    return ADDRESS_PUBLIC;
}

static uint32_t big_endian(const unsigned char *b) {
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static enum address_kind ipv6_kind(const unsigned char b[16]) {
    static const unsigned char MAPPED[12] = { [10] = 0xff, [11] = 0xff }, ZERO[12] = { 0 },
                               NAT64[12] = { 0, 0x64, 0xff, 0x9b };
    if (!memcmp(b, ZERO, 12) && big_endian(b + 12) == 1) {
        return ADDRESS_LOOPBACK;
    }
    if (!memcmp(b, MAPPED, 12) || !memcmp(b, ZERO, 12) || !memcmp(b, NAT64, 12)) { /* :: is 0/8 */
        return ipv4_kind(big_endian(b + 12));
    }
    bool local = b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
    return b[0] == 0xff || local   ? ADDRESS_NEVER
           : (b[0] & 0xfe) == 0xfc ? ADDRESS_PRIVATE
                                   : ADDRESS_PUBLIC;
}

enum address_kind address_kind(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return ipv4_kind(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family != AF_INET6) {
        return ADDRESS_NEVER;
    }
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof in6);
    return ipv6_kind(in6.sin6_addr.s6_addr);
}

bool address_is_public(const struct sockaddr *address) {
    return address_kind(address) == ADDRESS_PUBLIC;
}

enum address_kind url_address_kind(const char *url) {
    char *host = part_of(url, CURLUPART_HOST);
    size_t n = host ? strlen(host) : 0;
    unsigned char raw[16];
    enum address_kind kind = ADDRESS_PUBLIC;
    if (n > 2 && host[0] == '[') {
        host[n - 1] = 0;
        kind = inet_pton(AF_INET6, host + 1, raw) == 1 ? ipv6_kind(raw) : ADDRESS_NEVER;
    } else if (n && inet_pton(AF_INET, host, raw) == 1) {
        kind = ipv4_kind(big_endian(raw));
    } else if (n && !strcasecmp(host, "localhost")) {
        kind = ADDRESS_LOOPBACK;
    }
    free(host);
    return kind;
}

bool address_allowed(enum address_kind from, enum address_kind to) {
    return to == ADDRESS_PUBLIC || (to != ADDRESS_NEVER && to == from) ||
           (to == ADDRESS_PRIVATE && from == ADDRESS_LOOPBACK);
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
