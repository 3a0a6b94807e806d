/* See told.h. */
#include "evaluator/serve/told.h"

#include <ctype.h>
#include <string.h>

#include "base/strbuf.h"

#define PUBLIC_HUB "https://huggingface.co"
#define INSTEAD "<hub>"

struct hidden {
    char whole[512]; /* URL or folder, without slashes at its end */
    char host[256];  /* "": it is a folder */
};

static void read_host(struct hidden *h) {
    const char *at = strstr(h->whole, "://");
    if (!at) {
        return;
    }
    at += 3;
    size_t n = strcspn(at, "/");
    const char *user = memchr(at, '@', n);
    if (user) {
        n -= (size_t)(user + 1 - at);
        at = user + 1;
    }
    bool bracketed = *at == '['; // an IPv6 address, which libcurl names without
    at += bracketed;
    size_t host = strcspn(at, bracketed ? "]" : ":/");
    snprintf(h->host, sizeof h->host, "%.*s", (int)(host < n ? host : n), at);
}

static bool hidden_of(const char *hub, struct hidden *h) {
    *h = (struct hidden) { 0 };
    snprintf(h->whole, sizeof h->whole, "%s", hub ? hub : "");
    for (size_t n = strlen(h->whole); n && h->whole[n - 1] == '/'; n--) {
        h->whole[n - 1] = 0;
    }
    read_host(h);
    bool telling = h->host[0] || strchr(h->whole, '/'); // a bare word is in every other message
    return telling && strcmp(h->whole, PUBLIC_HUB);
}

static bool in_name(char c) {
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

/* As a word of its own: "hub" is not in "github". */
static bool is_host(const char *text, const char *at, const char *host) {
    size_t n = strlen(host);
    bool begins = at == text || !in_name(at[-1]);
    bool ends =
        !in_name(at[n]) || (at[n] == '.' && !in_name(at[n + 1])); // a sentence may end there
    return n && begins && !strncasecmp(at, host, n) && ends;
}

/* " port 8080", or ":8080". */
static size_t port_length(const char *at) {
    size_t n = *at == ':' ? 1 : strncmp(at, " port ", 6) ? 0 : 6;
    size_t digits = n ? strspn(at + n, "0123456789") : 0;
    return digits ? n + digits : 0;
}

void told_hide_hub(char *text, size_t size, const char *hub) {
    struct hidden h;
    struct strbuf out = { 0 };
    if (!hidden_of(hub, &h)) {
        return;
    }
    size_t n = strlen(h.whole);
    for (const char *at = text; *at;) {
        if (!strncmp(at, h.whole, n)) {
            strbuf_adds(&out, INSTEAD);
            at += n;
        } else if (is_host(text, at, h.host)) {
            strbuf_adds(&out, INSTEAD);
            at += strlen(h.host);
            at += port_length(at);
        } else {
            strbuf_addc(&out, *at++);
        }
    }
    snprintf(text, size, "%s", strbuf_str(&out));
    strbuf_release(&out);
}

static json_t *hidden_text(const json_t *text, const char *hub) {
    struct strbuf copy = { 0 };
    size_t n = json_string_length(text);
    size_t size = 6 * n + 1; // where the host is one letter
    strbuf_add(&copy, json_string_value(text), n);
    if (strbuf_room(&copy, size - n)) {
        told_hide_hub(copy.text, size, hub);
    }
    json_t *out = json_string(strbuf_str(&copy));
    strbuf_release(&copy);
    return out;
}

void told_hide_in(json_t *object, const char *key, const char *hub) {
    const json_t *text = json_object_get(object, key);
    if (json_is_string(text)) {
        json_object_set_new(object, key, hidden_text(text, hub));
    }
}

void told_hide_in_list(json_t *list, const char *hub) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_is_string(json_array_get(list, i))) {
            json_array_set_new(list, i, hidden_text(json_array_get(list, i), hub));
        }
    }
}
