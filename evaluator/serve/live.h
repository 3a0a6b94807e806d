/* The live corner: what a visitor's texts give on a model that is open here.
 *
 * Models are opened once, at the start, from what is on this disk. One thread runs them, one
 * request after the other; a short queue stands before it, and a handler never waits: its
 * connection is put to sleep and woken with the answer. Texts are bounded, runs end at their time
 * limit or when the visitor has left, and of what was asked nothing is kept or logged. Private to
 * the room. */
#ifndef ASSAY_SERVE_LIVE_H
#define ASSAY_SERVE_LIVE_H

#include <jansson.h>
#include <microhttpd.h>
#include <netinet/in.h>

#include "base/err.h"

struct serve_live;

/* What a model can be asked here. */
enum live_kind {
    LIVE_NEIGHBOURS, /* texts that are like a query: a model that embeds */
    LIVE_CHOICES,    /* how likely each choice is after a text: a decoder */
    LIVE_CLASSES,    /* labels of a text, or of a pair: a classifier */
    N_LIVE_KINDS
};
const char *live_kind_name(enum live_kind kind); /* "neighbours", ...: the API's last word */

/* ---- what is asked (live_ask.c) ---- */

#define LIVE_TEXTS_MAX 64    /* to be neighbours */
#define LIVE_CHOICES_MAX 16  /* at least two */
#define LIVE_TEXT_BYTES 4096 /* of one text */
#define LIVE_ALL_BYTES 16384 /* of all texts together */
#define LIVE_BODY_MAX 65536  /* of a form, in which a byte may take three */

struct live_ask {
    enum live_kind kind;
    json_t *fields; /* model (may be absent), and of the kind query, texts; context, choices,
                       delimiter; text, pair: all of them checked */
    char form[65];  /* of a form alone: its token */
};
/* Reads and checks. ERR_INPUT: it is no JSON object or form; ERR_RESOURCE: more than is taken here;
 * ERR_UNSUPPORTED: a field can't be taken. What could be read stays in `fields`, for a form to be
 * shown again; release it on failure too. */
MUST_CHECK bool live_ask_json(
    struct live_ask *ask, enum live_kind kind, const char *body, size_t n, struct err *err);
MUST_CHECK bool live_ask_form(
    struct live_ask *ask, enum live_kind kind, const char *body, size_t n, struct err *err);
void live_ask_release(struct live_ask *ask);

/* ---- a model, and what it says (live_model.c) ---- */

struct live_model;
MUST_CHECK struct live_model *live_model_open(
    const struct serve_live *o, size_t i, struct err *err);
void live_model_close(struct live_model *m); /* NULL is fine */
const char *live_model_name(const struct live_model *m);
enum live_kind live_model_kind(const struct live_model *m);
/* {name, kind, dtype, parameters, max_length, prompts}, which the caller owns. */
json_t *live_model_describe(const struct live_model *m);

/* Asked between steps; false ends the run. */
typedef bool live_go_on(uint64_t done, uint64_t total, void *arg);
/* The answer as the API gives it, which the caller owns. ERR_INTERRUPTED where it was to end;
 * ERR_UNSUPPORTED where the model can't be asked this. Of one thread at a time. */
json_t *live_model_ask(struct live_model *m, const struct live_ask *ask, live_go_on *go_on,
    void *arg, struct err *err);

/* ---- the queue and its thread (live_queue.c) ---- */

struct live;
MUST_CHECK struct live *live_open(const struct serve_live *o, struct err *err);
/* Ends what runs and what waits with LIVE_STOPPED, and wakes their connections: before the daemon
 * is stopped. Nothing is taken any more. NULL is fine. */
void live_stop(struct live *l);
void live_close(struct live *l); /* after it; NULL is fine */

size_t live_n_models(const struct live *l);
const struct live_model *live_nth_model(const struct live *l, size_t i);
/* By its name; NULL, or "": the first of the kind. */
struct live_model *live_find(const struct live *l, const char *name, enum live_kind kind);

enum live_end {
    LIVE_ANSWERED,
    LIVE_FAILED,  /* *err says why */
    LIVE_LATE,    /* its time was over before it was done */
    LIVE_LEFT,    /* nobody waits for it */
    LIVE_STOPPED, /* the service ends */
};
struct live_job {
    struct live_job *next;
    struct live_ask ask;
    struct live_model *model;
    char address[INET6_ADDRSTRLEN];
    struct MHD_Connection *c;
    int fd;           /* of the visitor, to see whether he is still there */
    int64_t until_ms; /* serve_now_us() / 1000 */
    /* out */
    enum live_end end;
    json_t *answer;
    struct err err;
};
enum live_entry {
    LIVE_ENTERED, /* the connection sleeps, and is woken once job->end is set */
    LIVE_FULL,    /* *wait_s: when there may be room */
    LIVE_YOURS,   /* this address has enough in it already */
    LIVE_CLOSED,  /* the service ends */
};
/* Puts a job in; it stays the caller's, who may not touch it before its connection is woken. */
enum live_entry live_enter(struct live *l, struct live_job *job, unsigned *wait_s);
void live_job_free(struct live_job *job); /* NULL is fine */

/* For /metrics: how many wait, and how many ended how. */
struct live_figures {
    unsigned waiting;
    unsigned long long ended[LIVE_STOPPED + 1], refused;
    double busy_s;
};
struct live_figures live_figures(struct live *l);

#endif
