/* What the files of the client share. */
#ifndef ASSAY_HUB_CLIENT_PARTS_H
#define ASSAY_HUB_CLIENT_PARTS_H

#include <curl/curl.h>

#include "evaluator/hub/client.h"

#define ATTEMPTS_MAX 4

struct client {
    CURL *curl;
    char *endpoint;
    char *token; /* or NULL */
    unsigned retry_ms;
    /* A hub at a private address may lead to its like; one on the internet may not lead into this
     * network. */
    bool private_hub, following, refused_address;
};

/* Where the body of one reply goes: a buffer, a place in memory or a file, never more than max. */
struct sink {
    struct strbuf *text;
    uint8_t *into;
    int fd;
    const char *range, *if_range; /* "from-to": the reply has to be a part; NULL: the whole */
    uint64_t max, taken, thrown_away;
    struct progress *progress;
    bool overflow;
    int write_errno; /* why the file could not be written, or 0 */
    CURL *curl;
};

/* Headers that are absent, or longer than this, are empty. */
struct reply {
    long status;
    char *location;   /* of a redirect: absolute; the caller's */
    long retry_after; /* seconds, clamped; -1 if the reply has none */
    char etag[128], linked[128], range[96];
};

/* One request, redirects followed by hand. `foreign`: the URL itself is from a redirect. Where it
 * led in the end becomes *last (the caller's), unless that is NULL. The headers are read, and
 * sink->taken counts what came, whether the transfer was completed or not. */
MUST_CHECK bool client_follow(struct client *c, const char *url, bool foreign, struct sink *sink,
    struct reply *reply, char **last, struct err *err);

/* What a status other than success means; false. */
bool client_refuse_status(long status, struct err *err);

void client_wait(const struct client *c, int attempt, long asked_s);

#endif
