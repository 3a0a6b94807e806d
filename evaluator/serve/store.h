/* The database as handlers see it: connections that are lent, and statements that answer in JSON.
 *
 * A handler may not wait for long. Where the database is away, the one that finds out waits for
 * about a second, and for the next second all others are told so at once (ERR_DB). */
#ifndef ASSAY_SERVE_STORE_H
#define ASSAY_SERVE_STORE_H

#include <jansson.h>
#include <stdatomic.h>

#include "base/err.h"

struct store;
struct store_options {
    const char *conninfo, *role;
    unsigned n; /* connections at most */
    const atomic_bool *stop;
};
/* Connects once, and refuses a server that could lose a commit. */
MUST_CHECK struct store *store_open(const struct store_options *options, struct err *err);
void store_close(struct store *store);            /* NULL is fine */
const char *store_key(const struct store *store); /* the service's key */
/* Is the database there, with the schema of this program? Asks it. */
MUST_CHECK bool store_check(struct store *store, struct err *err);

struct holder {
    long long token; /* 0: nobody */
    char user[65], org[65], scopes[24], webhook[2001];
};
/* Whose token it is; *found false: nobody's. */
MUST_CHECK bool store_holder(
    struct store *store, const char *token, struct holder *holder, bool *found, struct err *err);

enum accepted { ACCEPTED_NEW, ACCEPTED_SAME, ACCEPTED_CONFLICT };
/* `ask`: {"submitter", "org"?, "token"?, "owner": whose the key is, "model", "revision"?, "suite",
 * "config", "priority", "key"?, "body_sha256", "webhook"?}. When this returns true it is durable.
 */
MUST_CHECK bool store_accept(
    struct store *store, const json_t *ask, long long *id, enum accepted *how, struct err *err);

/* Each is one JSON document, the caller's; a request that is not there is JSON's null. Of the
 * suites in `closed`, names with commas between them, nothing is listed. */
MUST_CHECK json_t *store_view(struct store *store, long long id, struct err *err);
MUST_CHECK json_t *store_list(struct store *store, long long before, int n, const char *closed,
    struct err *err); /* before 0: the newest */
MUST_CHECK json_t *store_feed(struct store *store, int n, const char *closed, struct err *err);
/* Jobs under way and those that are next, whoever put them into the queue. */
MUST_CHECK json_t *store_queue(struct store *store, int n, const char *closed, struct err *err);
/* What is watched of the queue (queue_monitor) and counts of the service, at most two seconds old.
 */
MUST_CHECK json_t *store_stats(struct store *store, struct err *err);

/* The answer is a word of the statement's: cancelled, already, denied, gone; voted, over. */
MUST_CHECK bool store_cancel(
    struct store *store, long long id, const char *who, bool may, char answer[16], struct err *err);
MUST_CHECK bool store_vote(
    struct store *store, long long id, const char *who, char answer[16], struct err *err);

#endif
