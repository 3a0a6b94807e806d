/* What the files of the client share. */
#ifndef ASSAY_HUB_CLIENT_PARTS_H
#define ASSAY_HUB_CLIENT_PARTS_H

#include "evaluator/hub/client.h"
#include "evaluator/hub/http.h"

/* Where the body of one reply goes: a buffer or a place in memory, never more than max. */
struct sink {
    struct strbuf *text;
    uint8_t *into;
    const char *range, *if_range; /* "from-to": the reply has to be a part; NULL: the whole */
    uint64_t max, taken, thrown_away;
    bool overflow;
    CURL *curl;
};

/* One request, redirects followed by hand. `foreign`: the URL itself is from a redirect. Where it
 * led in the end becomes *last (the caller's), unless that is NULL. The headers are read, and
 * sink->taken counts what came, whether the transfer was completed or not. */
MUST_CHECK bool client_follow(struct client *c, const char *url, bool foreign, struct sink *sink,
    struct reply *reply, char **last, struct err *err);

/* Waits until the breaker of the URL's host lets us through; ERR_NETWORK where that is too long. */
MUST_CHECK bool client_ready(const char *url, struct err *err);

/* Between two tries: what was asked for, else a backoff. */
void client_wait(const struct client *c, int attempt, long asked_s);

#endif
