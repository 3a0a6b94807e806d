/* A remote model that is open: what is kept of it on disk, and asking with that in front. Private
 * to the remote room. */
#ifndef ASSAY_REMOTE_KEEP_H
#define ASSAY_REMOTE_KEEP_H

#include "evaluator/eval/memo.h"
#include "evaluator/remote/call.h"

struct remote {
    const struct api *api;
    char *key;
    bool dry, turns;
    char identity[65];
    struct ledger ledger;
    struct memo *memo;
    struct memo_writer writer;
    int fd;            /* the answers' file, for reading; -1: none */
    char *answered_as; /* what the model is called by its replies; NULL: not said yet */
    uint32_t width;
    uint64_t n_items, n_reused; /* since it was opened */
    /* for remote_bill: since the last one */
    struct bill {
        uint64_t requests, texts, tokens_in, tokens_out, most_in, most_out;
        int64_t paid;
        bool guessed;
    } bill;
};

/* What is to be asked: n texts with a key each, some of which may be equal. The callbacks are about
 * those that have no answer yet. */
struct question {
    const char *path;
    size_t n, batch; /* texts a request; 1: each has its own */
    uint8_t (*keys)[MEMO_KEY];
    /* The body for these texts. */
    void (*body)(void *arg, const size_t *which, size_t n, struct strbuf *out);
    /* At most and by a guess, of one text. */
    void (*tokens)(void *arg, size_t which, struct call *call);
    /* What is kept of a reply, for each of the texts that were asked. */
    bool (*distil)(void *arg, const json_t *reply, const size_t *which, size_t n,
        struct strbuf *payloads, struct err *err);
    /* What was kept: false where it can't be read, and then it is asked again. tokens: of the text,
     * as the endpoint counted them. */
    bool (*take)(void *arg, size_t which, const uint8_t *payload, size_t n, uint64_t tokens);
    void *arg;
};
MUST_CHECK bool remote_ask(
    struct remote *r, struct question *q, const struct run_options *run, struct err *err);

/* The beginning of a key: what is asked, of whom. */
struct memo_hash *remote_hash(const struct remote *r, const char *what);

#endif
