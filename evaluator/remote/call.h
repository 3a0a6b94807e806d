/* Requests to an endpoint, many at once and each answered once.
 *
 * How many are under way adapts: one more for each round without complaint, half as many when the
 * endpoint asks for less (429 and the like). What may pass is tried again after a wait with chance
 * in it, or as long as was asked for; what won't pass ends the run. Private to the remote room. */
#ifndef ASSAY_REMOTE_CALL_H
#define ASSAY_REMOTE_CALL_H

#include <stdint.h>

#include "evaluator/remote/ledger.h"
#include "evaluator/remote/remote.h"

struct call {
    char *body; /* JSON */
    size_t body_n;
    uint64_t most_in, most_out; /* tokens that it can cost */
    uint64_t guess;             /* tokens that it likely has: for progress and pace */
    uint64_t draw;              /* equal bodies of different draws are different requests */
};

struct call_paid {
    bool counted;
    uint64_t tokens_in, tokens_out;
};

/* A reply that is whole JSON, once for each call. False with *err ends the run. */
typedef bool call_answered_fn(
    void *arg, size_t call, const json_t *reply, struct call_paid *paid, struct err *err);

struct caller {
    const struct api *api;
    const char *key;  /* or NULL */
    const char *path; /* below the address */
    struct ledger *ledger;
    call_answered_fn *answered;
    void *arg;
    uint64_t n_sent, n_again; /* out, added to: requests that went out; of these a further try */
    uint64_t tokens_in, tokens_out;
    int64_t paid; /* by its answers, and by what may have been billed without one */
    bool guessed; /* some replies did not say what they counted: the most was taken */
};

MUST_CHECK bool calls_run(struct caller *c, const struct call *calls, size_t n,
    const struct run_options *run, struct err *err);

/* In the ledger's units. */
int64_t call_cost(const struct api *api, uint64_t tokens_in, uint64_t tokens_out);

#endif
