/* One HTTP request on its way, and the server that it came to. Private to the room. */
#ifndef ASSAY_SERVE_REQUEST_H
#define ASSAY_SERVE_REQUEST_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "base/strbuf.h"
#include "evaluator/serve/header.h"
#include "evaluator/serve/limit.h"
#include "evaluator/serve/live.h"
#include "evaluator/serve/metrics.h"
#include "evaluator/serve/pages.h"
#include "evaluator/serve/serve.h"
#include "evaluator/serve/store.h"
#include "evaluator/serve/watch.h"

struct server {
    const struct serve_options *o;
    struct store *store;
    struct limits *limits;
    struct metrics *metrics;
    struct pages *pages;
    struct live *live; /* NULL: there is no live corner */
    struct watch watch;
    struct network proxies[SERVE_PATHS_MAX];
    size_t n_proxies;
    bool trusts_unix;      /* peers on a Unix socket are proxies */
    atomic_bool draining;  /* no connection is kept open any more */
    atomic_uint n_pending; /* requests to be resolved, as of a few seconds ago */
};

struct route;

struct request {
    struct server *s;
    struct MHD_Connection *c;
    const struct route *route; /* NULL until it is known */
    const char *method, *path; /* decoded */
    long long id;              /* the number in the path */
    struct strbuf body;
    size_t body_max;
    struct live_job
        *job; /* what was asked live; its answer is there when the connection is awake */
    bool too_large, begun;
    int64_t begun_us;
    unsigned status;
    size_t sent;
    char address[INET6_ADDRSTRLEN], address_key[INET6_ADDRSTRLEN];
    bool loopback, https;
    struct holder who; /* token 0: nobody in particular */
    bool by_cookie;    /* the token came in a cookie */
    char form[33];     /* the cookie that a form's token belongs to; "": none yet */
    bool form_is_new;  /* the answer sets it */
    bool closed;       /* the path needs a token to read */
};

/* ---- what a route is ---- */

typedef enum MHD_Result handler(struct request *r);

enum route_flag {
    ROUTE_API = 1,    /* JSON; errors too */
    ROUTE_OPEN = 2,   /* never behind a token, nor counted against a rate */
    ROUTE_CHANGE = 4, /* changes something: rates of changes, and of forms their token */
    ROUTE_FORM = 8,   /* its body is a form */
    ROUTE_LIVE = 16,  /* runs a model: larger bodies, a rate of its own */
};
struct route {
    const char *name, *method, *path; /* '#' stands for a number; a path that ends in '*' for any
                                         that begins so */
    handler *handle;
    unsigned flags;
};
extern const struct route routes[]; /* routes.c */

/* ---- who it is (who.c) ---- */

/* Fills in who asks, and refuses those who may not. On false the answer is queued in *result. */
bool request_admit(struct request *r, enum MHD_Result *result);
bool request_may(const struct request *r, const char *scope);
/* What belongs to the form cookie: to be written into forms. */
void request_form_token(const struct request *r, char hex[65]);
/* Is the form token right, and the form of our own? */
bool request_form_valid(const struct request *r, const char *token);
/* The key by which whoever handed in request `id` without a token calls it off. */
void request_key(const struct server *s, long long id, char hex[65]);
const char *request_header(const struct request *r, const char *name);
const char *request_query(const struct request *r, const char *name);

/* ---- answers (reply.c) ---- */

/* Queues a body of its own with the headers that every answer has; `extra` is name, value, ...,
 * NULL, or NULL. */
enum MHD_Result reply_bytes(struct request *r, unsigned status, const char *type, const void *data,
    size_t n, const char *const *extra);
enum MHD_Result reply_json(
    struct request *r, unsigned status, json_t *document, const char *const *extra); /* takes it */
/* A page, from a template and a document, which it takes. */
enum MHD_Result reply_page(struct request *r, unsigned status, const char *template,
    json_t *document, const char *const *extra);
enum MHD_Result reply_redirect(
    struct request *r, unsigned status, const char *to, const char *const *extra);
/* An error in the shape that the route speaks. `code` is a stable word. */
enum MHD_Result reply_problem(struct request *r, unsigned status, const char *code,
    const char *hint, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* What a failed statement means to the one who asked: 503 and when to come back where the database
 * is away, 422 for what it refused, else 500. */
enum MHD_Result reply_err(struct request *r, const struct err *err);
enum MHD_Result reply_closed(struct request *r); /* this needs a token to read */
enum MHD_Result reply_limited(struct request *r, unsigned wait_s, const char *what);
/* An error that passes by itself: with Retry-After. */
enum MHD_Result reply_later(struct request *r, unsigned status, const char *code, unsigned wait_s,
    const char *message, const char *hint);
/* A cookie's text into `text`. */
void cookie_print(const struct request *r, char *text, size_t size, const char *name,
    const char *value, const char *path, long max_age_s);

/* ---- handlers ---- */

handler api_submit, api_list, api_view, api_cancel, api_vote, api_queue, api_suites; /* api.c */
handler page_submit, page_submitted, page_view, page_cancel, page_vote, page_queue, page_feed,
    page_sign_in, page_signed_in, page_sign_out, page_api, page_root; /* forms.c */
handler ops_health, ops_ready, ops_metrics;                           /* ops.c */
handler page_live, page_live_ask, api_live, api_live_ask;             /* live_pages.c */
handler file_asset, file_site;                                        /* files.c */

/* What a job came to, once its connection is awake (live_pages.c). */
enum MHD_Result live_reply(struct request *r);

/* ---- what is not for everybody (closed.c) ---- */

/* Is the path one of those that need a token? */
bool path_is_closed(const struct server *s, const char *path);
/* Suites whose board this reader may not see: their names with commas between them. */
#define CLOSED_LIST_SIZE (SERVE_PATHS_MAX * 102)
void closed_suites(const struct request *r, char list[CLOSED_LIST_SIZE]);
bool suite_is_closed(const struct request *r, const char *suite);
/* What may be asked for by this reader, or NULL: anything. The caller owns it. */
json_t *open_suites(const struct request *r);
/* May he see this submission: his own, or of a suite that he may see? `holds_key`: he handed it in
 * without a token. */
bool submission_is_shown(const struct request *r, const json_t *view, bool holds_key);

/* ---- submissions (submission.c) ---- */

struct ask;
struct accepted_as {
    long long id;
    bool replayed;
    char key[65], secret[65]; /* "" where there are none */
};
/* Checks, writes, and answers false with the error queued. */
bool submission_accept(struct request *r, struct ask *ask, struct accepted_as *as,
    enum MHD_Result *result, struct err *refused);
/* The submission of the request's number, with its words, which the caller owns; NULL with the
 * answer queued: there is none, or this reader may not see it. `holds_key` as above. */
json_t *submission_view(struct request *r, bool holds_key, enum MHD_Result *result);
enum MHD_Result submission_unknown(struct request *r);
int64_t serve_now_us(void);

#endif
