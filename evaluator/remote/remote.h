/* Remote models: `api:NAME`, a model behind somebody's HTTP endpoint.
 *
 * A Lua file says what NAME is: address, model, where the key is found (never the key itself),
 * limits, prices. What is asked goes out once: answers are kept under the hash of what was asked,
 * and a ledger holds what was paid, with what is under way counted at its most. */
#ifndef ASSAY_REMOTE_H
#define ASSAY_REMOTE_H

#include "base/json.h"
#include "base/mem.h"
#include "evaluator/eval/eval.h"

enum api_kind { API_OPENAI, API_ANTHROPIC, API_TEI, API_VLLM, API_LLAMACPP, N_API_KINDS };
/* Which of its endpoints is asked: log-likelihoods come of completions alone. */
enum api_speaks { API_COMPLETIONS, API_CHAT, API_EMBEDDINGS, N_API_SPEAKS };

struct api {
    const char *name;
    enum api_kind kind;
    enum api_speaks speaks;
    const char *url, *model;
    const char
        *answers_as; /* what replies call the model; NULL: as it is asked for; "*": anything */
    const char *key_env, *key_file; /* NULL: none */
    const char *prefix;             /* stands where a text has no context; "": nothing */
    const char *tokens_field;       /* of a chat's body: how many tokens a reply may have */
    const json_t *extra;            /* fields of every body beside ours; NULL: none */
    const json_t *prompts;          /* {name: text} put before texts to embed; NULL: none */
    unsigned width;                 /* of its vectors; 0: asked for */
    unsigned batch;                 /* texts to embed a request */
    unsigned concurrency;
    double requests_a_minute, tokens_a_minute; /* 0: no limit */
    unsigned timeout_s, retry_ms;
    bool priced;
    double price_in, price_out; /* of a million tokens */
    double ceiling;             /* of all that is ever paid; < 0: none */
    const char *currency;
};

const char *api_kind_name(enum api_kind kind);
const char *api_speaks_name(enum api_speaks speaks);

/* Whether an operand means a remote model: "api:NAME". */
bool remote_is_name(const char *model);

/* The file: named, else $ASSAY_APIS, else apis.lua in Assay's home. The caller frees. */
MUST_CHECK char *apis_path(const char *named, struct err *err);

/* --apis, of commands that ask or look. */
#define OPTION_APIS                                                                                \
    {                                                                                              \
        "apis", 0, "FILE.lua",                                                                     \
            "what api: models are (default: ASSAY_APIS, else apis.lua in the home)"                \
    }

/* All that the file has, in the order of their names; checked. */
struct apis {
    struct arena arena;
    json_t *json;
    struct api *items;
    size_t n;
};
MUST_CHECK bool apis_read(struct apis *a, const char *path, struct err *err);
/* The same of a text, for whoever has no file. */
MUST_CHECK bool apis_of_text(
    struct apis *a, const char *name, const char *text, size_t n, struct err *err);
void apis_release(struct apis *a); /* a zeroed struct is fine */
/* "api:NAME", or NAME; ERR_NOT_FOUND with the nearest. */
MUST_CHECK const struct api *apis_find(
    const struct apis *a, const char *path, const char *name, struct err *err);

/* A hash of what is asked: kind, address, model. It stands in for a revision, which nobody says. */
void api_identity(const struct api *api, char hex[65]);
/* host[:port] of its address. The caller frees. */
char *api_host(const struct api *api);

/* The key; NULL where none is named. ERR_AUTH where it isn't to be had. The caller wipes and frees.
 */
MUST_CHECK bool api_key(const struct api *api, char **key, struct err *err);
void api_key_free(char *key); /* NULL is fine */

/* What was paid so far, in units of the currency; 0 where nothing was. */
MUST_CHECK bool api_spent(const struct api *api, double *spent, struct err *err);

/* ---- asking ---- */

struct remote;
struct remote_options {
    const struct api *api; /* must outlive it */
    char *key;             /* or NULL; wiped and freed by remote_close */
    bool dry;              /* counts what there is to ask; nothing is sent, nothing is kept */
    bool afresh;           /* what is known from earlier evaluations is not looked at */
    bool turns;            /* examples of a chat are turns of their own */
};
/* Opens what it keeps: one evaluation at a time asks an api (ERR_BUSY). */
MUST_CHECK struct remote *remote_open(const struct remote_options *options, struct err *err);
void remote_close(struct remote *r); /* NULL is fine */
/* Descriptors that a sandbox has to leave open, ascending, ended by -1. */
enum { REMOTE_KEPT_MAX = 4 };
void remote_kept(const struct remote *r, int keep[REMOTE_KEPT_MAX]);

/* The subject over it; the remote stays the caller's and must outlive it. Asks for the width of
 * vectors if nobody said it. */
MUST_CHECK struct subject *remote_subject(struct remote *r, struct err *err);

/* Requests (one is what a harness would have asked at once: a text, a choice) that were known. */
uint64_t remote_reused(const struct remote *r);
/* Since the last call: {"requests", "texts", "input_tokens", "output_tokens", "estimated",
 * "amount", "most", "currency"}, the amounts null where there is no price. The caller's. */
json_t *remote_bill(struct remote *r);
/* Which model it was, as far as anybody knows: {"kind", "host", "model", "answered_as", "speaks",
 * "asked_at"}. The caller's. */
json_t *remote_provenance(const struct remote *r);

#endif
