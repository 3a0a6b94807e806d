/* The threads behind the handlers. Private to the room. */
#ifndef ASSAY_SERVE_BEHIND_H
#define ASSAY_SERVE_BEHIND_H

#include "evaluator/serve/request.h"

struct behind;
/* Starts n resolvers, and one that ends requests, tells webhooks and cuts off slow connections. */
struct behind *behind_start(struct server *server, unsigned n);
/* What they were at is done again by whoever comes next. False: one of them is held up by a hub,
 * and still uses the server; the process is to end around it. NULL is fine. */
MUST_CHECK bool behind_stop(struct behind *behind);

/* One webhook (hook.c): posts `body`, signed. Why not, in *err; *again: it may be taken later. */
struct hook {
    const char *url, *body, *secret;
    long long id;
    int tries;
    bool to_loopback;
};
MUST_CHECK bool hook_send(const struct hook *hook, bool *again, struct err *err);

#endif
