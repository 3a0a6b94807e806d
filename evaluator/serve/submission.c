/* From what was asked for to a row: checks, then one statement. Forms and the API share it. */
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "evaluator/serve/ask.h"
#include "evaluator/serve/request.h"
#include "evaluator/serve/sign.h"
#include "evaluator/serve/words.h"

/* Whose idempotency keys these are: a user's, or those of an address, which is not kept as such. */
static void owner_of(const struct request *r, char owner[100]) {
    if (r->who.token) {
        snprintf(owner, 100, "user:%s", r->who.user);
    } else {
        char hex[65];
        sign_for(store_key(r->s->store), "address", r->address_key, hex);
        snprintf(owner, 100, "address:%.32s", hex);
    }
}

/* Priorities above the usual one are for those who run the service. */
static bool check_priority(const struct request *r, const struct ask *ask, struct err *err) {
    if (ask->priority < 0 || ask->priority >= 5 || request_may(r, "admin")) {
        return true;
    }
    err_set(err, ERR_UNSUPPORTED, "priority %d is for admins", ask->priority);
    return err_hint(err, "5 is the usual one, 9 the last; votes raise it");
}

/* A private board's suite is to a stranger as one that there is not. */
static bool check_ask(const struct request *r, struct ask *ask, struct err *err) {
    json_t *suites = open_suites(r);
    bool ok = ask_check(ask, suites, err);
    if (ok && !request_may(r, "submit") && suite_is_closed(r, ask->suite)) {
        ok = err_set(err, ERR_UNSUPPORTED, "there is no suite '%.80s' here", ask->suite);
    }
    json_decref(suites);
    return ok;
}

static bool check_all(const struct request *r, struct ask *ask, struct err *err) {
    return check_ask(r, ask, err) && check_priority(r, ask, err) &&
           (!*ask->webhook || serve_webhook_check(ask->webhook, r->s->o->hooks_to_loopback, err));
}

static json_t *row_of(const struct request *r, const struct ask *ask) {
    char owner[100], hex[65];
    const char *key = request_header(r, "Idempotency-Key");
    const char *webhook = *ask->webhook ? ask->webhook : *r->who.webhook ? r->who.webhook : NULL;
    owner_of(r, owner);
    sha256_hex(strbuf_str(&r->body), r->body.len, hex);
    json_t *config = json_object();
    if (*ask->dtype && strcmp(ask->dtype, "auto")) {
        json_object_set_new(config, "precision", json_string(ask->dtype));
    }
    json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:i, s:s, s:s*, s:s*, s:s*}",
        "submitter", r->who.token ? r->who.user : "anonymous", "org", r->who.org, "owner", owner,
        "model", ask->model, "suite", ask->suite, "config", config, "priority",
        ask->priority < 0 ? 5 : ask->priority, "body_sha256", hex, "revision",
        *ask->revision ? ask->revision : NULL, "key", key, "webhook", webhook);
    if (r->who.token) {
        json_object_set_new(row, "token", json_integer(r->who.token));
    }
    return row;
}

static bool may_submit(struct request *r, enum MHD_Result *result) {
    if (r->who.token ? request_may(r, "submit") : r->s->o->anonymous) {
        return true;
    }
    *result = reply_problem(r, r->who.token ? MHD_HTTP_FORBIDDEN : MHD_HTTP_UNAUTHORIZED,
        r->who.token ? "forbidden" : "unauthorized",
        "send 'Authorization: Bearer TOKEN'; those who run this service make tokens",
        r->who.token ? "this token may not submit" : "submitting needs a token here");
    return false;
}

static bool check_headers(struct request *r, enum MHD_Result *result) {
    const char *key = request_header(r, "Idempotency-Key");
    if (key && !header_key_valid(key)) {
        *result = reply_problem(r, MHD_HTTP_BAD_REQUEST, "bad-key",
            "1 to 200 visible ASCII characters, as a UUID", "the Idempotency-Key is none");
        return false;
    }
    if (r->s->n_pending >= (r->s->o->pending_max ? r->s->o->pending_max : 100000)) {
        *result = reply_limited(r, 30, "everybody: too many wait to be looked up");
        return false;
    }
    return true;
}

/* Secrets are derived, so that the same request again gets the same answer. */
static void fill_secrets(const struct request *r, const struct ask *ask, struct accepted_as *as) {
    *as->key = *as->secret = 0;
    if (!r->who.token) {
        request_key(r->s, as->id, as->key);
    }
    if (*ask->webhook || *r->who.webhook) {
        char value[32];
        snprintf(value, sizeof value, "%lld", r->who.token ? r->who.token : as->id);
        sign_for(store_key(r->s->store), r->who.token ? "webhooks of token" : "webhook of request",
            value, as->secret);
    }
}

enum MHD_Result submission_unknown(struct request *r) {
    return reply_problem(r, MHD_HTTP_NOT_FOUND, "not-found",
        r->route && r->route->flags & ROUTE_API ? "GET /api/v1/submissions lists them"
                                                : "the queue lists them",
        "there is no submission %lld", r->id);
}

json_t *submission_view(struct request *r, bool holds_key, enum MHD_Result *result) {
    struct err err = ERR_INIT;
    json_t *view = store_view(r->s->store, r->id, &err);
    bool there = view && !json_is_null(view);
    if (there && submission_is_shown(r, view, holds_key)) {
        words_add(view, r->s->o->hub);
        return view;
    }
    *result = !view ? reply_err(r, &err) : there ? reply_closed(r) : submission_unknown(r);
    json_decref(view);
    return NULL;
}

bool submission_accept(struct request *r, struct ask *ask, struct accepted_as *as,
    enum MHD_Result *result, struct err *refused) {
    enum accepted how = ACCEPTED_NEW;
    struct err err = ERR_INIT;
    if (!may_submit(r, result) || !check_headers(r, result)) {
        return false;
    }
    if (!check_all(r, ask, refused)) {
        return false;
    }
    json_t *row = row_of(r, ask);
    bool ok = store_accept(r->s->store, row, &as->id, &how, &err);
    json_decref(row);
    if (!ok) {
        *result = reply_err(r, &err);
    } else if (how == ACCEPTED_CONFLICT) {
        *result = reply_problem(r, MHD_HTTP_CONFLICT, "key-reused",
            "a key belongs to one submission: take a new one for another",
            "the Idempotency-Key was used with another body");
        ok = false;
    }
    as->replayed = how == ACCEPTED_SAME;
    fill_secrets(r, ask, as);
    return ok;
}
