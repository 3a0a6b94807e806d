/* A request from its first byte to its line in the log. */
#include "evaluator/serve/handle.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "evaluator/serve/ask.h"
#include "evaluator/serve/request.h"

enum { PATH_MAX_BYTES = 1024, DRAIN_MAX = 1 << 20, READ_S = 20, WRITE_S = 120, IDLE_S = 15 };

/* ---- which route ---- */

/* Does the path fit? '#' is a number, '*' the rest. */
static bool fits(const char *pattern, const char *path, long long *id) {
    for (; *pattern; pattern++) {
        if (*pattern == '*') {
            return true;
        }
        if (*pattern == '#') {
            size_t n = strspn(path, "0123456789");
            if (n == 0 || n > 18) {
                return false;
            }
            *id = strtoll(path, NULL, 10);
            path += n;
        } else if (*pattern != *path++) {
            return false;
        }
    }
    return !*path;
}

/* HEAD is GET without a body. *other: the path is there, for another method. */
static const struct route *route_find(struct request *r, bool *other) {
    const char *method = strcmp(r->method, "HEAD") ? r->method : "GET";
    *other = false;
    for (const struct route *t = routes; t->name; t++) {
        if (!fits(t->path, r->path, &r->id)) {
            continue;
        }
        if (!strcmp(t->method, method)) {
            return t;
        }
        *other = true;
    }
    return NULL;
}

static enum MHD_Result refuse_method(struct request *r) {
    char allow[64] = "";
    long long ignored;
    for (const struct route *t = routes; t->name; t++) {
        if (fits(t->path, r->path, &ignored) && !strstr(allow, t->method)) {
            size_t n = strlen(allow);
            snprintf(allow + n, sizeof allow - n, "%s%s", n ? ", " : "", t->method);
        }
    }
    const char *const extra[] = { "Allow", allow, NULL };
    return reply_json(r, MHD_HTTP_METHOD_NOT_ALLOWED,
        json_pack("{s:s, s:{s:s, s:i, s:s, s:s}}", "schema", "assay.problem/1", "error", "code",
            "method", "status", 405, "message", "this address takes another method", "hint", allow),
        extra);
}

/* ---- the body ---- */

/* A question to a model has more to say than a submission. */
static bool asks_live(const struct request *r) {
    struct request probe = *r;
    bool other;
    const struct route *route = r->s->live ? route_find(&probe, &other) : NULL;
    return route && route->flags & ROUTE_LIVE;
}

static enum MHD_Result refuse_large(struct request *r) {
    if (r->body_max == LIVE_BODY_MAX) {
        return reply_problem(r, MHD_HTTP_CONTENT_TOO_LARGE, "too-large", "send a part of the texts",
            "the body is larger than %d bytes", LIVE_BODY_MAX);
    }
    return reply_problem(r, MHD_HTTP_CONTENT_TOO_LARGE, "too-large",
        "a submission needs a few hundred bytes", "the body is larger than %d bytes", ASK_BODY_MAX);
}

/* A type that is not the one: what it is called in an answer. */
static bool type_fits(struct request *r, enum MHD_Result *result) {
    const char *wanted =
        r->route->flags & ROUTE_FORM ? "application/x-www-form-urlencoded" : "application/json";
    const char *coding = request_header(r, "Content-Encoding");
    if (strcmp(r->method, "POST") || (r->body.len == 0 && r->id)) {
        return true;
    }
    if (coding && strcasecmp(coding, "identity")) {
        *result = reply_problem(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "content-coding",
            "send it as it is", "bodies are not taken compressed");
        return false;
    }
    if (!header_is_type(request_header(r, "Content-Type"), wanted)) {
        *result = reply_problem(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "content-type",
            r->route->flags & ROUTE_FORM ? "send the form from its page"
                                         : "send the header 'Content-Type: application/json'",
            "the body must be %s", wanted);
        return false;
    }
    return true;
}

static void take_body(struct request *r, const char *body, size_t n) {
    if (r->body.len + n > r->body_max) {
        r->too_large = true;
        r->sent += n; // counts what is thrown away, until the answer is
        return;
    }
    strbuf_add(&r->body, body, n);
}

/* ---- from first to last ---- */

static unsigned read_s(const struct server *s) {
    return s->o->read_s ? s->o->read_s : READ_S;
}

static struct watched *watched_of(struct request *r) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void due_in(struct request *r, int seconds) {
    struct watched *w = watched_of(r);
    if (w) {
        watch_set(&r->s->watch, w, serve_now_us() / 1000 + seconds * 1000LL);
    }
}

/* What stands in the address before it is decoded: its length, and a NUL that would end it early.
 */
static bool uri_is_fine(const char *uri) {
    return strlen(uri) <= 2 * PATH_MAX_BYTES && !strstr(uri, "%00");
}

void *handle_begin(void *server, const char *uri, struct MHD_Connection *c) {
    struct request *r = xcalloc(1, sizeof *r);
    r->s = server;
    r->c = c;
    r->begun_us = serve_now_us();
    r->too_large = !uri_is_fine(uri);
    r->s->metrics->in_flight++;
    return r;
}

static enum MHD_Result dispatch(struct request *r) {
    bool other;
    enum MHD_Result result = MHD_NO;
    r->route = route_find(r, &other);
    if (!r->route) {
        return other ? refuse_method(r)
                     : reply_problem(r, MHD_HTTP_NOT_FOUND, "not-found",
                           "GET /api says what there is", "there is nothing at this address");
    }
    if (!request_admit(r, &result)) {
        return result;
    }
    if (r->too_large) {
        return refuse_large(r);
    }
    return type_fits(r, &result) ? r->route->handle(r) : result;
}

/* Before the body is read: what can be refused by its head alone. */
static bool refuse_early(struct request *r, enum MHD_Result *result) {
    const char *length = request_header(r, "Content-Length");
    if (r->too_large) {
        *result = reply_problem(
            r, MHD_HTTP_URI_TOO_LONG, "bad-address", NULL, "the address is too long, or no text");
        return true;
    }
    if (length && (strlen(length) > 9 || strtoll(length, NULL, 10) > DRAIN_MAX)) {
        *result = refuse_large(r);
        return true;
    }
    return false;
}

enum MHD_Result handle_request(void *server, struct MHD_Connection *c, const char *path,
    const char *method, const char *version, const char *body, size_t *body_n, void **state) {
    (void)server, (void)version, (void)c;
    struct request *r = *state;
    enum MHD_Result result = MHD_NO;
    if (!r->begun) {
        r->begun = true;
        r->method = method;
        r->path = path;
        r->body_max = asks_live(r) ? LIVE_BODY_MAX : ASK_BODY_MAX;
        strbuf_init(&r->body, r->body_max + 1);
        return refuse_early(r, &result) ? result : MHD_YES;
    }
    if (*body_n) {
        take_body(r, body, *body_n);
        *body_n = 0;
        return r->sent > DRAIN_MAX ? MHD_NO : MHD_YES; // a body without a length and without an end
    }
    r->sent = 0;
    due_in(r, WRITE_S);
    return r->job ? live_reply(r) : dispatch(r);
}

/* The log has no query, no header, no body: there are no secrets in a path of ours. */
static void log_request(const struct request *r, uint64_t took_us) {
    struct strbuf line;
    struct json_writer w;
    if (!r->s->o->log || !r->path) {
        return;
    }
    strbuf_init(&line, 1500);
    json_writer_init(&w, &line, false);
    strbuf_addf(&line, "method=%.8s route=%s status=%u bytes=%zu ms=%.1f addr=%s", r->method,
        r->route ? r->route->name : "none", r->status, r->sent, (double)took_us / 1000,
        *r->address ? r->address : "-");
    if (r->who.token) {
        strbuf_addf(&line, " user=%s", r->who.user);
    }
    strbuf_adds(&line, " path="); // quoted: it is a stranger's, and may hold a line's end
    jw_string_n(&w, r->path, strlen(r->path) < 1000 ? strlen(r->path) : 1000);
    r->s->o->log(false, strbuf_str(&line));
    strbuf_release(&line);
}

void handle_end(
    void *server, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode how) {
    (void)server, (void)c, (void)how;
    struct request *r = *state;
    if (!r) {
        return;
    }
    uint64_t took_us = (uint64_t)(serve_now_us() - r->begun_us);
    unsigned n_routes = 0;
    while (routes[n_routes].name) {
        n_routes++;
    }
    metrics_count(
        r->s->metrics, r->route ? (unsigned)(r->route - routes) : n_routes, r->status, took_us);
    log_request(r, took_us);
    due_in(r, IDLE_S + (int)read_s(r->s));
    r->s->metrics->in_flight--;
    strbuf_release(&r->body);
    live_job_free(r->job);
    free(r);
    *state = NULL;
}

void handle_connection(void *server, struct MHD_Connection *c, void **watched,
    enum MHD_ConnectionNotificationCode what) {
    struct server *s = server;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
        *watched = info ? watch_add(&s->watch, info->connect_fd,
                              serve_now_us() / 1000 + read_s(s) * 1000LL)
                        : NULL;
    } else if (*watched) {
        watch_remove(&s->watch, *watched);
        *watched = NULL;
    }
}
