/* The pages: forms and what comes of them. All of it works without a line of script. */
#include <string.h>

#include "base/json.h"
#include "evaluator/serve/ask.h"
#include "evaluator/serve/request.h"
#include "evaluator/serve/sign.h"
#include "evaluator/serve/words.h"

enum { LIST_N = 50, JOBS_N = 20, KEY_AGE_S = 30 * 86400, SESSION_S = 7 * 86400, REFRESH_S = 10 };

static json_t *suites_of(const struct request *r) {
    json_t *suites = open_suites(r);
    return suites ? suites : json_array();
}

/* ---- submitting ---- */

static enum MHD_Result show_form(
    struct request *r, unsigned status, const struct ask *ask, const struct err *why) {
    json_t *document = json_pack("{s:o}", "suites", suites_of(r));
    json_t *values =
        ask ? json_pack("{s:s, s:s, s:s, s:s, s:s}", "model", ask->model, "revision", ask->revision,
                  "suite", ask->suite, "dtype", ask->dtype, "webhook", ask->webhook)
            : json_object();
    json_object_set_new(document, "values", values);
    if (why) {
        json_object_set_new(document, "problem", json_string(why->msg));
        json_object_set_new(document, "hint", json_string(why->hint));
    }
    return reply_page(r, status, "submit.html", document, NULL);
}

/* A link may fill the form in. */
enum MHD_Result page_submit(struct request *r) {
    const char *model = request_query(r, "model"), *suite = request_query(r, "suite");
    struct ask ask = { .priority = -1 };
    snprintf(ask.model, sizeof ask.model, "%s", model ? model : "");
    snprintf(ask.suite, sizeof ask.suite, "%s", suite ? suite : "");
    return show_form(r, MHD_HTTP_OK, &ask, NULL);
}

/* Reads a form of ours; false with the answer queued. */
static bool read_form(struct request *r, struct ask *ask, enum MHD_Result *result) {
    struct err err = ERR_INIT;
    if (!ask_read_form(ask, strbuf_str(&r->body), r->body.len, &err)) {
        *result = reply_problem(r,
            err.class == ERR_INPUT ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_UNPROCESSABLE_CONTENT,
            "bad-form", *err.hint ? err.hint : "go back, and send the form again", "%s", err.msg);
        return false;
    }
    if (!request_form_valid(r, ask->form)) {
        *result = reply_problem(r, MHD_HTTP_FORBIDDEN, "foreign-form",
            "open the page again, with cookies allowed, and send its form from there",
            "this form was not sent from a page of ours, or is too old");
        return false;
    }
    return true;
}

static enum MHD_Result go_to(struct request *r, long long id, const char *key) {
    char location[64], cookie[300], name[48];
    snprintf(location, sizeof location, "/submissions/%lld", id);
    snprintf(name, sizeof name, "assay_key_%lld", id);
    cookie_print(r, cookie, sizeof cookie, name, key, location, KEY_AGE_S);
    const char *const extra[] = { "Set-Cookie", cookie, NULL };
    return reply_redirect(r, MHD_HTTP_SEE_OTHER, location, *key ? extra : NULL);
}

enum MHD_Result page_submitted(struct request *r) {
    struct ask ask;
    struct accepted_as as;
    struct err err = ERR_INIT;
    enum MHD_Result result = MHD_NO;
    if (!read_form(r, &ask, &result)) {
        return result;
    }
    if (submission_accept(r, &ask, &as, &result, &err)) {
        return go_to(r, as.id, as.key);
    }
    return err.class ? show_form(r, MHD_HTTP_UNPROCESSABLE_CONTENT, &ask, &err) : result;
}

/* ---- following ---- */

static bool holds_key(const struct request *r) {
    char name[48], key[80], hex[65];
    snprintf(name, sizeof name, "assay_key_%lld", r->id);
    request_key(r->s, r->id, hex);
    return header_cookie(request_header(r, "Cookie"), name, key, sizeof key) &&
           secret_equal(hex, key);
}

/* A private board is a site of its own (site-gen/split.h). */
static void set_root(const struct request *r, json_t *view) {
    char board[128];
    snprintf(board, sizeof board, "/s/%.110s", json_get_string(view, "suite", ""));
    bool apart = path_is_closed(r->s, board) && !path_is_closed(r->s, "/s/");
    json_object_set_new(view, "root", json_string(apart ? board : ""));
}

enum MHD_Result page_view(struct request *r) {
    enum MHD_Result result = MHD_NO;
    json_t *view = submission_view(r, holds_key(r), &result);
    if (!view) {
        return result;
    }
    bool over = !json_is_null(json_object_get(view, "ended_at"));
    bool own = r->who.token && !strcmp(r->who.user, json_get_string(view, "submitter", ""));
    set_root(r, view);
    json_object_set_new(view, "over", json_boolean(over));
    json_object_set_new(view, "may_cancel",
        json_boolean(!over && (own || request_may(r, "admin") || holds_key(r))));
    json_object_set_new(view, "refresh", json_integer(over ? 0 : REFRESH_S));
    json_object_set_new(view, "watched", json_boolean(!over && request_query(r, "watch")));
    return reply_page(r, MHD_HTTP_OK, "submission.html", view, NULL);
}

static enum MHD_Result back(struct request *r) {
    char location[64];
    snprintf(location, sizeof location, "/submissions/%lld", r->id);
    return reply_redirect(r, MHD_HTTP_SEE_OTHER, location, NULL);
}

enum MHD_Result page_cancel(struct request *r) {
    struct ask ask;
    char answer[16];
    struct err err = ERR_INIT;
    enum MHD_Result result = MHD_NO;
    if (!read_form(r, &ask, &result)) {
        return result;
    }
    bool may = request_may(r, "admin") || holds_key(r);
    const char *who = request_may(r, "submit") ? r->who.user : NULL;
    if (!store_cancel(r->s->store, r->id, who, may, answer, &err)) {
        return reply_err(r, &err);
    }
    if (!strcmp(answer, "denied")) {
        return reply_problem(r, MHD_HTTP_FORBIDDEN, "forbidden", "sign in as its submitter",
            "calling it off is its submitter's");
    }
    return !strcmp(answer, "gone") ? submission_unknown(r) : back(r);
}

enum MHD_Result page_vote(struct request *r) {
    struct ask ask;
    char answer[16];
    struct err err = ERR_INIT;
    enum MHD_Result result = MHD_NO;
    if (!read_form(r, &ask, &result)) {
        return result;
    }
    if (!request_may(r, "submit")) {
        return reply_problem(r, MHD_HTTP_UNAUTHORIZED, "unauthorized", "sign in at /signin",
            "a vote needs a token that may submit");
    }
    if (!store_vote(r->s->store, r->id, r->who.user, answer, &err)) {
        return reply_err(r, &err);
    }
    return !strcmp(answer, "gone") ? submission_unknown(r) : back(r);
}

/* Submissions, what is next (on the first page), and how much there is; NULL on failure. */
static json_t *read_queue(struct request *r, long long before, struct err *err) {
    char closed[CLOSED_LIST_SIZE];
    closed_suites(r, closed);
    json_t *stats = store_stats(r->s->store, err);
    json_t *list = stats ? store_list(r->s->store, before, LIST_N, closed, err) : NULL;
    json_t *jobs = list ? store_queue(r->s->store, before ? 0 : JOBS_N, closed, err) : NULL;
    json_t *document =
        jobs ? json_pack("{s:O, s:O, s:O}", "stats", stats, "submissions", list, "jobs", jobs)
             : NULL;
    json_decref(stats);
    json_decref(list);
    json_decref(jobs);
    return document;
}

enum MHD_Result page_queue(struct request *r) {
    struct err err = ERR_INIT;
    long long before = query_number(request_query(r, "before"), 0);
    size_t i;
    json_t *line;
    before = before > 0 ? before : 0;
    json_t *document = read_queue(r, before, &err);
    if (!document) {
        return reply_err(r, &err);
    }
    const json_t *list = json_object_get(document, "submissions");
    json_array_foreach(list, i, line) {
        words_add_line(line, r->s->o->hub);
    }
    size_t n = json_array_size(list);
    long long last = n == LIST_N ? json_get_int(json_array_get(list, n - 1), "id", 0) : 0;
    json_object_set_new(document, "next", json_integer(last > 1 ? last : 0));
    json_object_set_new(document, "before", json_integer(before));
    json_object_set_new(document, "watched", json_boolean(!before && request_query(r, "watch")));
    return reply_page(r, MHD_HTTP_OK, "queue.html", document, NULL);
}

/* ---- the feed ---- */

/* Where this is reached from outside. */
static void base_of(const struct request *r, char *base, size_t size) {
    const char *host = request_header(r, "Host");
    if (r->s->o->base_url) {
        snprintf(base, size, "%s", r->s->o->base_url);
    } else {
        snprintf(base, size, "%s://%s", r->https ? "https" : "http",
            header_host_valid(host) ? host : "localhost");
    }
}

enum MHD_Result page_feed(struct request *r) {
    struct strbuf out = { 0 };
    struct err err = ERR_INIT;
    char base[300];
    size_t i;
    json_t *line;
    char closed[CLOSED_LIST_SIZE];
    closed_suites(r, closed);
    json_t *list = store_feed(r->s->store, LIST_N, closed, &err);
    if (!list) {
        return reply_err(r, &err);
    }
    json_array_foreach(list, i, line) {
        words_add_line(line, r->s->o->hub);
    }
    base_of(r, base, sizeof base);
    json_t *document = json_pack("{s:o, s:s}", "submissions", list, "base", base);
    enum MHD_Result result =
        pages_print(r->s->pages, "feed.atom", r->path, document, true, &out, &err)
            ? reply_bytes(r, MHD_HTTP_OK, "application/atom+xml; charset=utf-8", strbuf_str(&out),
                  out.len, NULL)
            : reply_err(r, &err);
    strbuf_release(&out);
    json_decref(document);
    return result;
}

/* ---- signing in: the token goes into a cookie that no script and no other site can send ---- */

static enum MHD_Result show_sign_in(struct request *r, unsigned status, const char *problem) {
    return reply_page(r, status, "signin.html", json_pack("{s:s*}", "problem", problem), NULL);
}

enum MHD_Result page_sign_in(struct request *r) {
    return show_sign_in(r, MHD_HTTP_OK, NULL);
}

enum MHD_Result page_signed_in(struct request *r) {
    struct ask ask;
    struct holder holder;
    struct err err = ERR_INIT;
    bool found;
    char cookie[400];
    enum MHD_Result result = MHD_NO;
    if (!read_form(r, &ask, &result)) {
        return result;
    }
    if (!store_holder(r->s->store, ask.token, &holder, &found, &err)) {
        return reply_err(r, &err);
    }
    if (!found) {
        return show_sign_in(
            r, MHD_HTTP_UNPROCESSABLE_CONTENT, "The token is not, or no longer, good.");
    }
    cookie_print(r, cookie, sizeof cookie, "assay_token", ask.token, "/", SESSION_S);
    const char *const extra[] = { "Set-Cookie", cookie, NULL };
    return reply_redirect(r, MHD_HTTP_SEE_OTHER, r->s->o->site ? "/" : "/submit", extra);
}

enum MHD_Result page_sign_out(struct request *r) {
    struct ask ask;
    char cookie[400];
    enum MHD_Result result = MHD_NO;
    if (!read_form(r, &ask, &result)) {
        return result;
    }
    cookie_print(r, cookie, sizeof cookie, "assay_token", "", "/", 0);
    const char *const extra[] = { "Set-Cookie", cookie, NULL };
    return reply_redirect(r, MHD_HTTP_SEE_OTHER, "/submit", extra);
}

enum MHD_Result page_api(struct request *r) {
    char base[300];
    base_of(r, base, sizeof base);
    return reply_page(r, MHD_HTTP_OK, "api.html", json_pack("{s:s}", "base", base), NULL);
}

enum MHD_Result page_root(struct request *r) {
    return r->s->o->site ? file_site(r) : reply_redirect(r, MHD_HTTP_SEE_OTHER, "/submit", NULL);
}
