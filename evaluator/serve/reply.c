/* Answers: one way out, so that every answer has the headers that it must have. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "evaluator/serve/request.h"

/* Pages of ours run no script and may send forms to us alone. */
static const char POLICY[] =
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'";

int64_t serve_now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void cookie_print(const struct request *r, char *text, size_t size, const char *name,
    const char *value, const char *path, long max_age_s) {
    const char *base = r->s->o->base_url;
    bool secure = r->https || (base && str_begins(base, "https://"));
    snprintf(text, size, "%s=%s; Path=%s; Max-Age=%ld; HttpOnly; SameSite=Strict%s", name, value,
        path, max_age_s, secure ? "; Secure" : "");
}

static void add_common(struct request *r, struct MHD_Response *answer, const char *type) {
    MHD_add_response_header(answer, "Content-Type", type);
    MHD_add_response_header(answer, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(answer, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(answer, "Content-Security-Policy", POLICY);
    MHD_add_response_header(answer, "Cache-Control", "no-store");
    if (r->s->draining) {
        MHD_add_response_header(answer, "Connection", "close");
    }
    if (r->form_is_new && str_begins(type, "text/html")) {
        char text[200];
        cookie_print(r, text, sizeof text, "assay_form", r->form, "/", 86400);
        MHD_add_response_header(answer, "Set-Cookie", text);
    }
}

enum MHD_Result reply_bytes(struct request *r, unsigned status, const char *type, const void *data,
    size_t n, const char *const *extra) {
    struct MHD_Response *answer =
        MHD_create_response_from_buffer(n, (void *)(uintptr_t)data, MHD_RESPMEM_MUST_COPY);
    if (!answer) {
        return MHD_NO;
    }
    add_common(r, answer, type);
    for (; extra && extra[0]; extra += 2) {
        MHD_add_response_header(answer, extra[0], extra[1]);
    }
    r->status = status;
    r->sent = n;
    enum MHD_Result result = MHD_queue_response(r->c, status, answer);
    MHD_destroy_response(answer);
    return result;
}

enum MHD_Result reply_json(
    struct request *r, unsigned status, json_t *document, const char *const *extra) {
    struct strbuf out = { 0 };
    struct json_writer w;
    json_writer_init(&w, &out, false);
    jw_json(&w, document);
    strbuf_addc(&out, '\n');
    enum MHD_Result result =
        reply_bytes(r, status, "application/json", strbuf_str(&out), out.len, extra);
    strbuf_release(&out);
    json_decref(document);
    return result;
}

/* What every page is told: who reads it, and what its forms must hold. */
static void add_reader(struct request *r, json_t *document) {
    char form[65];
    request_form_token(r, form);
    json_object_set_new(document, "form", json_string(form));
    json_object_set_new(document, "has_site", json_boolean(r->s->o->site != NULL));
    json_object_set_new(document, "anonymous", json_boolean(r->s->o->anonymous));
    if (r->who.token) {
        json_object_set_new(document, "user", json_string(r->who.user));
        json_object_set_new(document, "may_submit", json_boolean(request_may(r, "submit")));
    }
}

enum MHD_Result reply_page(struct request *r, unsigned status, const char *template,
    json_t *document, const char *const *extra) {
    struct strbuf out = { 0 };
    struct err err = ERR_INIT;
    enum MHD_Result result;
    add_reader(r, document);
    if (pages_print(r->s->pages, template, r->path, document, false, &out, &err)) {
        result =
            reply_bytes(r, status, "text/html; charset=utf-8", strbuf_str(&out), out.len, extra);
    } else {
        r->s->o->log(true, err.msg);
        result = reply_bytes(
            r, 500, "text/plain; charset=utf-8", "this page cannot be shown\n", 26, NULL);
    }
    strbuf_release(&out);
    json_decref(document);
    return result;
}

enum MHD_Result reply_redirect(
    struct request *r, unsigned status, const char *to, const char *const *extra) {
    const char *all[9] = { "Location", to };
    for (size_t i = 0; extra && extra[i] && i < 6; i++) {
        all[2 + i] = extra[i];
    }
    return reply_bytes(r, status, "text/plain; charset=utf-8", "", 0, all);
}

static bool speaks_json(const struct request *r) {
    return (r->route && r->route->flags & ROUTE_API) || str_begins(r->path, "/api/");
}

static enum MHD_Result reply_error(struct request *r, unsigned status, const char *code,
    const char *message, const char *hint, const char *const *extra) {
    json_t *error = json_pack("{s:s, s:i, s:s, s:s*}", "code", code, "status", (int)status,
        "message", message, "hint", hint);
    if (speaks_json(r)) {
        return reply_json(
            r, status, json_pack("{s:s, s:o}", "schema", "assay.problem/1", "error", error), extra);
    }
    return reply_page(r, status, "problem.html", error, extra);
}

enum MHD_Result reply_problem(
    struct request *r, unsigned status, const char *code, const char *hint, const char *fmt, ...) {
    static const char *const BEARER[] = { "WWW-Authenticate", "Bearer realm=\"assay\"", NULL };
    char message[600];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return reply_error(r, status, code, message, hint, status == 401 ? BEARER : NULL);
}

enum MHD_Result reply_closed(struct request *r) {
    bool known = r->who.token != 0;
    return reply_problem(r, known ? MHD_HTTP_FORBIDDEN : MHD_HTTP_UNAUTHORIZED, "closed",
        known ? "it needs the scope 'read': ask those who run this service for such a token"
              : "sign in at /signin, or send 'Authorization: Bearer TOKEN'",
        known ? "this token may not read here" : "this needs a token to read");
}

enum MHD_Result reply_later(struct request *r, unsigned status, const char *code, unsigned wait_s,
    const char *message, const char *hint) {
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%u", wait_s ? wait_s : 1);
    const char *const extra[] = { "Retry-After", seconds, NULL };
    return reply_error(r, status, code, message, hint, extra);
}

enum MHD_Result reply_limited(struct request *r, unsigned wait_s, const char *what) {
    char message[200], hint[64];
    snprintf(message, sizeof message, "too many requests of %.100s", what);
    snprintf(hint, sizeof hint, "try again in %u s, as Retry-After says", wait_s ? wait_s : 1);
    return reply_later(r, MHD_HTTP_TOO_MANY_REQUESTS, "limited", wait_s, message, hint);
}

enum MHD_Result reply_err(struct request *r, const struct err *err) {
    static const char *const LATER[] = { "Retry-After", "5", NULL };
    switch (err->class) {
    case ERR_DB:
    case ERR_INTERRUPTED:
    case ERR_SCHEMA:
        return reply_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "unavailable",
            "the database is away: nothing was accepted, and nothing is lost",
            "the same request again, in a few seconds", LATER);
    case ERR_INPUT:
    case ERR_UNSUPPORTED:
        return reply_problem(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "refused",
            *err->hint ? err->hint : NULL, "%s", err->msg);
    default:
        r->s->o->log(true, err->msg);
        return reply_problem(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "bug",
            "tell those who run this service", "this should not have happened");
    }
}
