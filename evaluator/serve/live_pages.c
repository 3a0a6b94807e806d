/* The live corner over HTTP: a page that needs no script, and the API. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "evaluator/serve/live.h"
#include "evaluator/serve/request.h"

enum { RUN_S = 20 };

/* ---- what is shown ---- */

static json_t *models_told(const struct live *l) {
    json_t *list = json_array();
    for (size_t i = 0; i < live_n_models(l); i++) {
        json_array_append_new(list, live_model_describe(live_nth_model(l, i)));
    }
    return list;
}

static json_t *limits_told(const struct request *r) {
    unsigned s = r->s->o->live.run_s;
    return json_pack("{s:i, s:i, s:i, s:i, s:i}", "texts", LIVE_TEXTS_MAX, "choices",
        LIVE_CHOICES_MAX, "text_bytes", LIVE_TEXT_BYTES, "all_bytes", LIVE_ALL_BYTES, "seconds",
        (int)(s ? s : RUN_S));
}

/* A list as the lines of a form's field. */
static json_t *as_typed(const json_t *value) {
    struct strbuf out = { 0 };
    size_t i;
    json_t *line;
    if (json_is_string(value)) {
        return json_incref((json_t *)(uintptr_t)value);
    }
    json_array_foreach(value, i, line) {
        strbuf_addf(&out, "%s%s", i ? "\n" : "", json_string_value(line));
    }
    json_t *text = json_string(strbuf_str(&out));
    strbuf_release(&out);
    return text;
}

/* What was sent goes back into the form. */
static json_t *values_of(const struct live_ask *ask) {
    json_t *values = json_object(), *value;
    const char *name;
    json_object_foreach(ask ? ask->fields : NULL, name, value) {
        json_object_set_new(values, name, as_typed(value));
    }
    return values;
}

/* The page about one model; takes what it is given to show beside the form, or NULL. */
static enum MHD_Result show(struct request *r, unsigned status, const struct live_model *m,
    const struct live_ask *ask, json_t *more, const char *const *extra) {
    json_t *document = more ? more : json_object();
    json_object_set_new(document, "models", models_told(r->s->live));
    json_object_set_new(document, "model", live_model_describe(m));
    json_object_set_new(document, "values", values_of(ask));
    json_object_set_new(document, "limits", limits_told(r));
    return reply_page(r, status, "live.html", document, extra);
}

static enum MHD_Result no_corner(struct request *r) {
    return reply_problem(r, MHD_HTTP_NOT_FOUND, "not-found", "GET /api says what there is",
        "there is no live corner here");
}

/* ---- refusals, in the shape that the route speaks ---- */

struct refusal {
    unsigned status;
    const char *code, *message, *hint;
    unsigned wait_s; /* 0: it doesn't pass by itself */
};

static enum MHD_Result refuse(struct request *r, const struct live_ask *ask,
    const struct live_model *m, const struct refusal *why) {
    char seconds[16];
    const char *const extra[] = { "Retry-After", seconds, NULL };
    snprintf(seconds, sizeof seconds, "%u", why->wait_s);
    if (m && !(r->route->flags & ROUTE_API)) {
        json_t *told =
            json_pack("{s:s, s:s}", "problem", why->message, "hint", why->hint ? why->hint : "");
        return show(r, why->status, m, ask, told, why->wait_s ? extra : NULL);
    }
    return why->wait_s
               ? reply_later(r, why->status, why->code, why->wait_s, why->message, why->hint)
               : reply_problem(r, why->status, why->code, why->hint, "%s", why->message);
}

/* What could not be read, or could not be asked. */
static enum MHD_Result refuse_err(struct request *r, const struct live_ask *ask,
    const struct live_model *m, const struct err *err) {
    struct refusal why = { .message = err->msg, .hint = *err->hint ? err->hint : NULL };
    switch (err->class) {
    case ERR_INPUT:
        why.status = MHD_HTTP_BAD_REQUEST;
        why.code = r->route->flags & ROUTE_API ? "bad-json" : "bad-form";
        break;
    case ERR_RESOURCE:
        why.status = MHD_HTTP_CONTENT_TOO_LARGE;
        why.code = "too-large";
        break;
    case ERR_UNSUPPORTED:
        why.status = MHD_HTTP_UNPROCESSABLE_CONTENT;
        why.code = "refused";
        break;
    default:
        return reply_err(r, err);
    }
    return refuse(r, ask, m, &why);
}

/* ---- asking ---- */

static bool kind_of_path(const char *path, enum live_kind *kind) {
    const char *last = strrchr(path, '/') + 1;
    for (unsigned k = 0; k < N_LIVE_KINDS; k++) {
        if (!strcmp(last, live_kind_name(k))) {
            *kind = (enum live_kind)k;
            return true;
        }
    }
    return false;
}

static struct live_job *job_new(struct request *r, struct live_ask *ask, struct live_model *m) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->c, MHD_CONNECTION_INFO_CONNECTION_FD);
    unsigned s = r->s->o->live.run_s;
    struct live_job *job = xcalloc(1, sizeof *job);
    job->ask = *ask; // taken
    ask->fields = NULL;
    job->model = m;
    job->c = r->c;
    job->fd = info ? info->connect_fd : -1;
    job->until_ms = serve_now_us() / 1000 + 1000LL * (s ? s : RUN_S);
    snprintf(job->address, sizeof job->address, "%s", r->address_key);
    return job;
}

/* Puts it in the queue. Afterwards the answer is live_reply's. */
static enum MHD_Result enter(struct request *r, struct live_ask *ask, struct live_model *m) {
    static const struct refusal WHY[] = {
        [LIVE_FULL] = { MHD_HTTP_SERVICE_UNAVAILABLE, "busy",
            "too many others are asking at the moment", "send it again in a moment", 1 },
        [LIVE_YOURS] = { MHD_HTTP_TOO_MANY_REQUESTS, "limited",
            "two questions from this address are still under way",
            "send it again once they are answered", 1 },
        [LIVE_CLOSED] = { MHD_HTTP_SERVICE_UNAVAILABLE, "stopping", "the service is ending",
            "send it again in a minute", 60 },
    };
    unsigned wait_s;
    r->job = job_new(r, ask, m);
    enum live_entry entry = live_enter(r->s->live, r->job, &wait_s);
    if (entry == LIVE_ENTERED) {
        return MHD_YES;
    }
    struct live_job *job = r->job;
    struct refusal why = WHY[entry];
    r->job = NULL;
    why.wait_s = entry == LIVE_CLOSED ? why.wait_s : wait_s;
    enum MHD_Result result = refuse(r, &job->ask, m, &why);
    live_job_free(job);
    return result;
}

static enum MHD_Result unknown_model(struct request *r, enum live_kind kind, const char *name) {
    const struct live_model *known = *name ? live_find(r->s->live, name, kind) : NULL;
    return known ? reply_problem(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "refused",
                       "GET /api/v1/live says what each can be asked", "'%s' is asked for %s",
                       live_model_name(known), live_kind_name(live_model_kind(known)))
                 : reply_problem(r, MHD_HTTP_NOT_FOUND, "no-such-model",
                       "GET /api/v1/live lists those that are open", "no such model is open here");
}

static enum MHD_Result ask_model(struct request *r, enum live_kind kind, bool form) {
    struct live_ask ask;
    struct err err = ERR_INIT;
    const char *body = strbuf_str(&r->body);
    bool ok = form ? live_ask_form(&ask, kind, body, r->body.len, &err)
                   : live_ask_json(&ask, kind, body, r->body.len, &err);
    const char *name = json_get_string(ask.fields, "model", "");
    struct live_model *m = live_find(r->s->live, name, kind);
    m = m && live_model_kind(m) == kind ? m : NULL;
    enum MHD_Result result;
    if (form && err.class != ERR_INPUT && !request_form_valid(r, ask.form)) {
        result = reply_problem(r, MHD_HTTP_FORBIDDEN, "foreign-form",
            "open the page again, with cookies allowed, and send its form from there",
            "this form was not sent from a page of ours, or is too old");
    } else if (!ok) {
        result = refuse_err(r, &ask, m, &err);
    } else {
        result = m ? enter(r, &ask, m) : unknown_model(r, kind, name);
    }
    live_ask_release(&ask);
    return result;
}

/* ---- answering ---- */

/* Beside each neighbour or choice its text, as the page shows them. */
static json_t *with_texts(const json_t *answer, const struct live_ask *ask) {
    json_t *told = json_deep_copy(answer), *line;
    const json_t *texts = json_object_get(ask->fields, "texts"),
                 *choices = json_object_get(ask->fields, "choices");
    size_t i;
    json_array_foreach(json_object_get(told, "neighbours"), i, line) {
        size_t at = (size_t)json_get_int(line, "index", 0);
        json_object_set(line, "text", json_array_get(texts, at));
    }
    json_array_foreach(json_object_get(told, "choices"), i, line) {
        json_object_set(line, "text", json_array_get(choices, i));
    }
    return told;
}

static enum MHD_Result reply_answer(struct request *r, const struct live_job *job) {
    if (!(r->route->flags & ROUTE_API)) {
        json_t *told = json_pack("{s:o}", "answer", with_texts(job->answer, &job->ask));
        return show(r, MHD_HTTP_OK, job->model, &job->ask, told, NULL);
    }
    json_t *answer = json_copy(job->answer);
    json_object_set_new(answer, "schema", json_string("assay.live/1"));
    return reply_json(r, MHD_HTTP_OK, answer, NULL);
}

enum MHD_Result live_reply(struct request *r) {
    static const struct refusal LATE = { MHD_HTTP_SERVICE_UNAVAILABLE, "late",
        "it was not answered within the time that a question has here",
        "send shorter texts, or the same again in a moment", 5 };
    static const struct refusal STOPPED = { MHD_HTTP_SERVICE_UNAVAILABLE, "stopping",
        "the service is ending", "send it again in a minute", 60 };
    const struct live_job *job = r->job;
    switch (job->end) {
    case LIVE_ANSWERED:
        return reply_answer(r, job);
    case LIVE_FAILED:
        return refuse_err(r, &job->ask, job->model, &job->err);
    case LIVE_LATE:
        return refuse(r, &job->ask, job->model, &LATE);
    case LIVE_LEFT:
    case LIVE_STOPPED:
        break;
    }
    return refuse(r, &job->ask, job->model, &STOPPED);
}

/* ---- handlers ---- */

/* ?model=NAME, or the first of what the path names, or the first. */
enum MHD_Result page_live(struct request *r) {
    const char *name = request_query(r, "model");
    enum live_kind kind;
    if (!r->s->live) {
        return r->s->o->site ? file_site(r) : no_corner(r);
    }
    bool of_kind = kind_of_path(r->path, &kind),
         top = str_ends(r->path, "/") || str_ends(r->path, "/live");
    if (!of_kind && !top) {
        return no_corner(r);
    }
    const struct live_model *m = of_kind || name
                                     ? live_find(r->s->live, name, of_kind ? kind : N_LIVE_KINDS)
                                     : live_nth_model(r->s->live, 0);
    return m ? show(r, MHD_HTTP_OK, m, NULL, NULL, NULL)
             : reply_problem(r, MHD_HTTP_NOT_FOUND, "no-such-model", "/live/ lists those that are",
                   "no such model is open here");
}

enum MHD_Result page_live_ask(struct request *r) {
    enum live_kind kind;
    return r->s->live && kind_of_path(r->path, &kind) ? ask_model(r, kind, true) : no_corner(r);
}

enum MHD_Result api_live(struct request *r) {
    json_t *models = r->s->live ? models_told(r->s->live) : json_array();
    return reply_json(r, MHD_HTTP_OK,
        json_pack("{s:s, s:o, s:o}", "schema", "assay.live-models/1", "models", models, "limits",
            limits_told(r)),
        NULL);
}

enum MHD_Result api_live_ask(struct request *r) {
    enum live_kind kind;
    return r->s->live && kind_of_path(r->path, &kind) ? ask_model(r, kind, false) : no_corner(r);
}
