/* The door of the submission service: `assay serve`.
 *
 * What is handed in over HTTP is one row of `requests` before it is answered: durable, and pending.
 * Threads behind it turn requests into submissions (by `resolve`, which asks the hub and takes its
 * time), end those whose jobs are over, and tell webhooks. Handlers never wait for anything but the
 * database. Every state is in the database; what the process holds (rates, figures) may be lost. */
#ifndef ASSAY_SERVE_H
#define ASSAY_SERVE_H

#include <jansson.h>
#include <stdatomic.h>

#include "base/err.h"
#include "harness/harness.h"

/* A request as the resolver sees it; the text lives until it returns. */
struct serve_asked {
    const char *submitter, *model; /* org/name[@revision] */
    const char *suite;
    const json_t *config;
    int priority;
};

/* Makes the submission that db_submit takes (the caller owns it). What the error's class says of
 * jobs holds for requests: retried, or refused with its message and hint. Called by several threads
 * at once. */
typedef json_t *serve_resolve(void *arg, const struct serve_asked *asked, struct err *err);

/* One line of the access log, and notes of the threads behind. Called by several threads at once.
 */
typedef void serve_log(bool warning, const char *line);

/* Requests a minute, up to as many at once; 0: any number. */
struct serve_rates {
    unsigned user, org, address; /* submissions and other changes */
    unsigned reads;              /* of an address: pages and figures */
    unsigned live; /* of a user, or an address without a token: what a model is asked */
};

/* Models that visitors may ask (see live.h): what they are called, and where they lie on this disk.
 */
#define SERVE_LIVE_MAX 16
struct serve_live {
    struct {
        const char *name, *path;
    } models[SERVE_LIVE_MAX];
    size_t n_models;   /* 0: there is no live corner */
    const char *packs; /* where packed weights are kept, or NULL */
    unsigned run_s;    /* from a question to its answer, at most; 0: 20 */
};

#define SERVE_PATHS_MAX 32
struct serve_options {
    const char *conninfo, *role; /* as in db_options; role NULL: assay_submitter */
    const char *home; /* conninfo is that of this private cluster: threads behind may start it anew,
                         handlers don't wait for that. NULL: it is none */
    const char *listen;    /* ADDR:PORT, [ADDR6]:PORT, unix:PATH, or "systemd": the socket that was
                              handed over. Port 0: any free one */
    const char *port_file; /* gets the port once it listens; NULL: none */
    const char *site;      /* folder of the built site, or NULL */
    const char *base_url;  /* where it is reached from outside, for feeds and webhooks; NULL: by the
                              request's Host */
    const char *title;     /* NULL: Assay */
    const char *proxies[SERVE_PATHS_MAX]; /* addresses ("10.0.0.0/8", "::1", "unix") whose
                                             X-Forwarded-For is believed; ends with NULL */
    const char *closed[SERVE_PATHS_MAX];  /* paths that need a token to read ("/s/inner/", and what
                                             was handed in for that suite; "/": all but the health
                                             checks); ends with NULL */
    const char
        *hub; /* where models are looked up, which strangers aren't told; NULL: the public one */
    const json_t *suites;   /* names that can be asked for; NULL: any */
    bool anonymous;         /* submissions without a token are taken */
    bool hooks_to_loopback; /* webhooks may be http and go to this machine: for tests */
    struct serve_rates rates;
    struct serve_live live;
    unsigned n_threads, n_resolvers, n_connections; /* 0: 8, 2, 1024 */
    unsigned pending_max; /* more requests than these wait to be resolved: 429; 0: 100000 */
    unsigned read_s;      /* a request that is not whole by then is cut off; 0: 20 */
    serve_resolve *resolve;
    void *resolve_arg;
    serve_log *log;
    void (*listening)(const char *address); /* told once it does; NULL: nobody is */
    const atomic_bool *stop;
};

/* Serves until *stop, then takes no more connections, lets what is under way end, for ten seconds
 * at most, and returns true. */
MUST_CHECK bool serve_run(const struct serve_options *options, struct err *err);

/* Models behind an address, as OpenAI's API has them (models.h): no database, no submissions. */
#define SERVE_MODELS_MAX 16
struct serve_models {
    struct serve_model {
        const char *name; /* what clients call it */
        const char *path;
    } models[SERVE_MODELS_MAX];
    size_t n_models;
    const struct model_options *options; /* all are opened with them */
    enum add_bos add_bos;
    enum pooling pooling;           /* of an encoder whose files don't say */
    const char *listen, *port_file; /* as in serve_options */
    const char *key;                /* what clients must show as Bearer; NULL: nothing */
    unsigned n_connections;         /* 0: 256 */
    unsigned at_once;               /* texts that a model makes at once; 0: 64 */
    unsigned run_s;                 /* from a request to its answer, at most; 0: 600 */
    unsigned drain_s;               /* what is under way has so long at the end; 0: 30 */
    int64_t now;                    /* of chat templates; 0: the clock */
    serve_log *log;
    void (*listening)(const char *address);
    const atomic_bool *stop;
};
/* Serves until *stop; what is under way ends then, for drain_s at most. */
MUST_CHECK bool serve_models_run(const struct serve_models *options, struct err *err);

/* The suite whose board is at "/s/NAME/": how long its name is; 0: the path is another. */
size_t serve_path_suite(const char *path, const char **name);

/* A token is "assay_" and 40 hex digits, from the system's randomness. */
#define SERVE_TOKEN_SIZE 47
void serve_token_make(char token[SERVE_TOKEN_SIZE]);
/* What signs the webhooks of a token, for whoever holds it: hex of a HMAC-SHA-256 under the
 * service's key. */
void serve_webhook_secret(const char *service_key, long long token, char hex[65]);
/* An https address of a name or a public address, without a user; loopback and http where allowed.
 */
MUST_CHECK bool serve_webhook_check(const char *url, bool loopback, struct err *err);

#endif
