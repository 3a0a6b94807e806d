#include "evaluator/serve/header.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HOPS_MAX = 20 };

static const char BLANK[] = " \t";

static bool is_visible(char c) {
    return c > 0x20 && c < 0x7f;
}

static size_t visible(const char *s) {
    size_t n = 0;
    while (is_visible(s[n])) {
        n++;
    }
    return n;
}

static bool copy(char *word, size_t size, const char *from, size_t n) {
    if (n == 0 || n >= size) {
        return false;
    }
    memcpy(word, from, n);
    word[n] = 0;
    return true;
}

bool header_bearer(const char *value, char *word, size_t size) {
    if (!value || strncasecmp(value, "bearer ", 7)) {
        return false;
    }
    value += 7;
    value += strspn(value, BLANK);
    size_t n = visible(value);
    return !value[n + strspn(value + n, BLANK)] && copy(word, size, value, n);
}

bool header_cookie(const char *value, const char *name, char *word, size_t size) {
    size_t n = strlen(name);
    while (value && *value) {
        value += strspn(value, " \t;");
        size_t len = strcspn(value, ";");
        if (len > n && !strncmp(value, name, n) && value[n] == '=') {
            const char *from = value + n + 1;
            size_t good =
                strspn(from, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
            return good == len - n - 1 && copy(word, size, from, good);
        }
        value += len;
    }
    return false;
}

bool header_key_valid(const char *value) {
    size_t n = visible(value);
    return n > 0 && n <= 200 && !value[n];
}

bool header_is_type(const char *value, const char *type) {
    size_t n = strlen(type);
    if (!value || strncasecmp(value, type, n)) {
        return false;
    }
    value += n;
    value += strspn(value, BLANK);
    return !*value || *value == ';';
}

/* Steps to the next word of a list with commas. */
static bool next_word(const char **at, const char **word, size_t *n) {
    *at += strspn(*at, " \t,");
    *word = *at;
    *n = strcspn(*at, ",");
    *at += *n;
    while (*n && strchr(BLANK, (*word)[*n - 1])) {
        --*n;
    }
    return *n > 0;
}

bool header_accepts(const char *value, const char *coding) {
    const char *word;
    size_t n, len = strlen(coding);
    while (value && next_word(&value, &word, &n)) {
        if (n < len || strncasecmp(word, coding, len)) {
            continue;
        }
        const char *rest = word + len, *end = word + n;
        rest += strspn(rest, BLANK);
        if (rest >= end) {
            return true;
        }
        if (*rest == ';') { /* q=0 refuses, whatever digits follow the point */
            const char *q = memchr(rest, '=', (size_t)(end - rest));
            return !q || strtod(q + 1, NULL) > 0;
        }
    }
    return false;
}

bool header_matches(const char *value, const char *tag) {
    const char *word;
    size_t n, len = strlen(tag);
    while (value && next_word(&value, &word, &n)) {
        bool weak = n > 2 && !strncmp(word, "W/", 2);
        word += weak ? 2 : 0;
        n -= weak ? 2 : 0;
        if ((n == 1 && *word == '*') || (n == len && !strncmp(word, tag, n))) {
            return true;
        }
    }
    return false;
}

bool header_same_origin(const char *site, const char *origin, const char *host) {
    if (site) {
        return !strcmp(site, "same-origin");
    }
    if (!origin) {
        return true;
    }
    const char *name = strstr(origin, "://");
    return name && host && !strcasecmp(name + 3, host);
}

bool header_host_valid(const char *value) {
    size_t n =
        value ? strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]")
              : 0;
    return n > 0 && n < 256 && !value[n];
}

/* ---- addresses ---- */

bool address_parse(const char *text, struct in6_addr *address) {
    struct in_addr four;
    if (inet_pton(AF_INET, text, &four) == 1) {
        memset(address, 0, sizeof *address);
        address->s6_addr[10] = address->s6_addr[11] = 0xff;
        memcpy(&address->s6_addr[12], &four, 4);
        return true;
    }
    return inet_pton(AF_INET6, text, address) == 1;
}

bool network_parse(const char *text, struct network *network) {
    char address[64];
    size_t n = strcspn(text, "/");
    if (n >= sizeof address) {
        return false;
    }
    memcpy(address, text, n);
    address[n] = 0;
    unsigned most = strchr(address, ':') ? 128 : 32, bits = most;
    if (text[n]) {
        char *end;
        unsigned long v = strtoul(text + n + 1, &end, 10);
        if (!isdigit((unsigned char)text[n + 1]) || *end || v > most) {
            return false;
        }
        bits = (unsigned)v;
    }
    network->bits = bits + (most == 32 ? 96 : 0);
    return address_parse(address, &network->address);
}

bool network_has(const struct network *network, const struct in6_addr *address) {
    const uint8_t *a = network->address.s6_addr, *b = address->s6_addr;
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    return !memcmp(a, b, whole) && (!rest || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

static bool is_proxy(const struct in6_addr *address, const struct network *proxies, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (network_has(&proxies[i], address)) {
            return true;
        }
    }
    return false;
}

struct in6_addr header_client(
    const char *forwarded, const struct in6_addr *peer, const struct network *proxies, size_t n) {
    struct in6_addr client = *peer, at;
    const char *end = forwarded ? forwarded + strlen(forwarded) : NULL;
    for (int hop = 0; end && end > forwarded && hop < HOPS_MAX; hop++) {
        const char *from = end;
        while (from > forwarded && from[-1] != ',') {
            from--;
        }
        char word[64];
        const char *first = from + strspn(from, BLANK);
        size_t len = first < end ? (size_t)(end - first) : 0;
        while (len && strchr(BLANK, first[len - 1])) {
            len--;
        }
        if (!is_proxy(&client, proxies, n) || !copy(word, sizeof word, first, len) ||
            !address_parse(word, &at)) {
            break;
        }
        client = at;
        end = from > forwarded ? from - 1 : forwarded;
    }
    return client;
}

void address_text(const struct in6_addr *address, char text[INET6_ADDRSTRLEN]) {
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        inet_ntop(AF_INET, &address->s6_addr[12], text, INET6_ADDRSTRLEN);
    } else {
        inet_ntop(AF_INET6, address, text, INET6_ADDRSTRLEN);
    }
}

void address_key(const struct in6_addr *address, char text[INET6_ADDRSTRLEN]) {
    struct in6_addr network = *address;
    if (!IN6_IS_ADDR_V4MAPPED(address)) {
        memset(&network.s6_addr[8], 0, 8);
    }
    address_text(&network, text);
}
