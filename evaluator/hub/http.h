/* One request to a hub: what goes along, whom it may reach, and what its headers say. Of
 * the hub room; remote/ asks endpoints by it, too. */
#ifndef ASSAY_HUB_HTTP_H
#define ASSAY_HUB_HTTP_H

#include <curl/curl.h>

#include "base/err.h"
#include "evaluator/hub/url.h"

enum {
    ATTEMPTS_MAX = 4,
    REDIRECTS_MAX = 5,
    HEAD_BYTES_MAX = 64 << 10,
    OTHER_BODY_MAX = 1 << 20 /* of error pages and redirects, which are thrown away */
};

struct client {
    CURL *curl;
    char *endpoint;
    char *token; /* or NULL */
    unsigned retry_ms;
    long answer_s, download_s; /* without a kilobyte a second for so long, a transfer has stalled */
    /* Where the endpoint itself lies: only a hub at a private address may lead to its like. */
    enum address_kind hub_kind;
};

/* Lives as long as its transfer. */
struct hop {
    struct client *client;
    bool following; /* a redirect named the address, not the user */
    bool proxied;   /* then the sockets are the proxy's, and addresses its affair */
    bool refused_address, head_overflow;
    size_t head_bytes;
    char why[CURL_ERROR_SIZE];
    struct curl_slist *headers;
};

/* Sets every option but those of the body. `if_range` may be NULL. */
void hop_begin(struct hop *h, struct client *c, CURL *curl, const char *url, const char *if_range,
    long stall_s);
void hop_end(struct hop *h);
/* A certificate or an address that is refused now is refused the next moment, too. */
bool hop_is_hopeless(const struct hop *h, CURLcode rc);
/* Why the transfer did not come to its end; false. */
bool hop_refuse(const struct hop *h, CURLcode rc, struct err *err);
/* Whether a redirect from `from` may be followed. */
MUST_CHECK bool hop_allowed(const char *from, const char *to, struct err *err);

/* Headers that are absent, or longer than this, are empty. */
struct reply {
    long status;
    char *location;   /* of a redirect: absolute; the caller's */
    bool hopeless;    /* there is no reply, and there will be none: see request */
    long retry_after; /* seconds, clamped; -1 if the reply asks for no wait */
    char etag[128], linked[128], range[96], code[64];
};
/* What the headers said; *linked stays if they have none. */
void reply_read(CURL *curl, struct reply *r);

/* What a status other than success means; false. `repo_url`: where a person can do something about
 * it, or NULL. */
bool reply_refuse(const struct reply *r, const char *page, struct err *err);

/* Tells the other processes to leave this host alone where it asked for that. */
void reply_heed(const struct reply *r, const char *url);

#endif
