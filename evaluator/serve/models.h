/* Models behind an address, as OpenAI's API has them: what is asked, the desk at which one thread
 * serves all who ask, and what they are told. Private to the room; its door is
 * serve_models_run (serve.h).
 *
 *     models_http.c    connections: a request's body, its answer whole or as it comes
 *     models_ask.c     strangers' bytes -> what is asked, under ceilings
 *     models_desk.c    the thread that runs models: a flow each (harness.h), or vectors
 *     models_answer.c  what is said, as JSON and as events */
#ifndef ASSAY_SERVE_MODELS_H
#define ASSAY_SERVE_MODELS_H

#include <microhttpd.h>
#include <pthread.h>

#include "base/json.h"
#include "base/mem.h"
#include "evaluator/serve/serve.h"
#include "harness/harness.h"

/* ---- what is asked (models_ask.c) ---- */

enum ask_kind { ASK_COMPLETION, ASK_CHAT, ASK_EMBEDDING };

enum {
    MODELS_BODY_MAX = 16 << 20,
    MODELS_PROMPTS_MAX = 2048, /* of a request, with all their answers */
    MODELS_STOPS_MAX = 32,
    MODELS_STOP_BYTES = 1024
};

struct ask_prompt {
    const char *text; /* or NULL, and ids are taken as they are */
    size_t n;
    const int32_t *ids;
    size_t n_ids;
};

struct model_ask {
    enum ask_kind kind;
    json_t *body; /* what strings live in */
    struct arena arena;
    const char *param; /* out, on failure: the field that it is about, or NULL */
    const char *model; /* may be NULL: the only one */
    struct ask_prompt *prompts;
    size_t n_prompts;
    const json_t *messages;
    bool limited; /* max_tokens was given */
    uint32_t max_tokens;
    unsigned n; /* answers to each prompt */
    double temperature, top_p;
    bool seeded;
    uint64_t seed;
    const char *stop[MODELS_STOPS_MAX];
    size_t n_stop;
    bool stream, tells_usage, echo, logprobs;
    unsigned n_top;
    bool base64;
    uint32_t dimensions; /* 0: all */
};
/* Reads and checks what can be checked without the model. ERR_INPUT: it is malformed, or a field is
 * of another type or out of range; ERR_UNSUPPORTED: it would change the answer, and isn't done
 * here. Release it on failure, too. */
MUST_CHECK bool model_ask_read(
    struct model_ask *a, enum ask_kind kind, const char *body, size_t n, struct err *err);
void model_ask_release(struct model_ask *a);

/* ---- the desk (models_desk.c) ---- */

struct desk;

struct desk_model {
    char *name;
    struct model *model;
    struct flow *flow;          /* NULL: it gives vectors */
    struct chat_template *chat; /* or NULL */
    pthread_mutex_t chat_lock;
    enum add_bos add_bos;
    enum pooling pooling;
    uint32_t longest; /* tokens of a prompt with what is made of it */
    /* the desk's thread alone */
    struct desk_job *first_vector, **last_vector; /* that wait for vectors */
    struct flow_figures figures;                  /* under the desk's lock, for /metrics */
};

/* What became of one text of a request. */
struct desk_text {
    size_t prompt;
    struct flow_text *text; /* the desk's, while it is under way */
    size_t n_told;          /* bytes of a stream */
    bool ended;
    enum flow_state state;
    char *made;
    size_t made_n;
    int32_t *ids;
    size_t n_prompt, n, n_read;
    double *logprobs;
    struct flow_top *tops;
    uint32_t n_shared;
};

/* A request, from its body to its answer. Its connection and the desk have it both; the fields
 * below the line are under the desk's lock. */
struct desk_job {
    struct desk_job *next;
    struct model_ask ask;
    struct desk_model *model;
    struct token_list *ids; /* [n_prompts]; of vectors, their number alone */
    size_t n_tokens;        /* of all prompts, and what may be made of them: what it counts for */
    struct desk_text *texts;
    size_t n_texts, n_ended;
    float *vectors; /* [n_prompts, width] */
    uint32_t width;
    size_t n_embedded;
    struct MHD_Connection *c;
    int fd;
    int64_t until_ms;
    char id[32];
    long long created;
    struct err err; /* why there is no answer */
    bool late;      /* its time was over */
    bool left;      /* its client has */
    /* ---- */
    struct strbuf events; /* of a stream: what was not yet sent begins at events_at */
    size_t events_at;
    bool asleep; /* the connection sleeps and is to be woken */
    bool ended;  /* the desk has let go of it */
    bool gone;   /* the connection has */
};

MUST_CHECK struct desk *desk_open(const struct serve_models *o, struct err *err);
/* Whoever waits is told that it ends, and nothing is taken any more: before the daemon stops. */
void desk_stop(struct desk *d);
void desk_close(struct desk *d); /* NULL is fine */
size_t desk_n_models(const struct desk *d);
struct desk_model *desk_model(struct desk *d, size_t i);
struct desk_model *desk_find(struct desk *d, const char *name); /* NULL: the only one */

/* The ids of what is asked, and whether the model can take them; of the connection's thread. */
MUST_CHECK bool desk_prepare(struct desk *d, struct desk_job *job, struct err *err);
/* ERR_BUSY: too much waits already, ask again; ERR_INTERRUPTED: it ends. The connection sleeps
 * until the whole answer is there, or else reads events. */
MUST_CHECK bool desk_enter(struct desk *d, struct desk_job *job, struct err *err);
/* Bytes of a stream: at most n; 0: none yet, and the connection sleeps; -1: that was all. */
ssize_t desk_read(struct desk *d, struct desk_job *job, char *to, size_t n);
/* The connection is done with it. */
void desk_leave(struct desk *d, struct desk_job *job);

struct desk_figures {
    unsigned waiting; /* requests that are under way */
    unsigned long long answered, failed, late, left, refused;
    unsigned long long vectors;
    double busy_s;
};
struct desk_figures desk_figures(struct desk *d, size_t i, struct flow_figures *flow);

/* ---- what is said (models_answer.c) ---- */

void answer_whole(const struct desk_job *job, struct strbuf *out);
void answer_models(struct desk *d, const struct desk_model *only, struct strbuf *out);
void answer_error(struct strbuf *out, unsigned status, const struct err *err, const char *param);
unsigned answer_status(const struct err *err);
/* Events of a stream: of a text that got on, and the last ones of the request. */
void answer_begin_stream(struct desk_job *job, struct strbuf *out);
void answer_event(
    struct desk_job *job, size_t text, const char *more, size_t n, bool ended, struct strbuf *out);
void answer_end_stream(struct desk_job *job, struct strbuf *out);

#endif
