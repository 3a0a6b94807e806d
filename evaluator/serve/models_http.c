/* Connections to models: a request's body, its answer whole or as it comes, and an orderly end (see
 * models.h). Handlers never wait: a connection sleeps until the desk has something for it. */
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "evaluator/serve/header.h"
#include "evaluator/serve/listen.h"
#include "evaluator/serve/models.h"
#include "evaluator/serve/request.h"
#include "evaluator/serve/watch.h"

enum {
    THREADS = 2,
    CONNECTIONS = 256,
    MEMORY = 32 << 10,
    IDLE_S = 75,
    READ_S = 60,    /* a request that is not whole by then is cut off */
    WRITE_S = 3600, /* and one whose answer is not read */
    DRAIN_S = 30,
    BLOCK = 32 << 10
};
static const size_t BODIES_MAX = (size_t)256 << 20; /* of all requests that are being read */

struct front {
    const struct serve_models *o;
    struct desk *desk;
    struct watch watch;
    atomic_bool draining;
    atomic_uint in_flight;
    atomic_size_t bodies;
    _Atomic(unsigned long long) answers[6]; /* by the first digit of their status */
};

struct asking {
    struct front *f;
    struct MHD_Connection *c;
    const char *method, *path;
    struct strbuf body;
    size_t counted; /* of f->bodies */
    size_t thrown;  /* away: of a body that is refused */
    bool begun, too_large, is_full;
    struct desk_job *job;
    bool streams;
    unsigned status;
    size_t sent;
    int64_t begun_us;
};

static const char *header_of(const struct asking *r, const char *name) {
    return MHD_lookup_connection_value(r->c, MHD_HEADER_KIND, name);
}

/* ---- answers ---- */

static enum MHD_Result queue(
    struct asking *r, unsigned status, const char *type, struct MHD_Response *answer) {
    if (!answer) {
        return MHD_NO;
    }
    MHD_add_response_header(answer, "Content-Type", type);
    MHD_add_response_header(answer, "Cache-Control", "no-store");
    MHD_add_response_header(answer, "X-Content-Type-Options", "nosniff");
    if (r->f->draining) {
        MHD_add_response_header(answer, "Connection", "close");
    }
    if (status == MHD_HTTP_TOO_MANY_REQUESTS || status == MHD_HTTP_SERVICE_UNAVAILABLE) {
        MHD_add_response_header(answer, "Retry-After", "1");
    }
    if (status == MHD_HTTP_UNAUTHORIZED) {
        MHD_add_response_header(answer, "WWW-Authenticate", "Bearer");
    }
    r->status = status;
    enum MHD_Result result = MHD_queue_response(r->c, status, answer);
    MHD_destroy_response(answer);
    return result;
}

static enum MHD_Result reply(
    struct asking *r, unsigned status, const char *type, struct strbuf *text) {
    r->sent = text->len;
    size_t n = text->len;
    enum MHD_Result result = queue(r, status, type,
        MHD_create_response_from_buffer(n, strbuf_take(text), MHD_RESPMEM_MUST_FREE));
    strbuf_release(text);
    return result;
}

static enum MHD_Result reply_error(
    struct asking *r, unsigned status, const struct err *err, const char *param) {
    struct strbuf text = { 0 };
    answer_error(&text, status, err, param);
    return reply(r, status, "application/json", &text);
}

static enum MHD_Result refuse(struct asking *r, unsigned status, const char *why) {
    struct err err = ERR_INIT;
    err_set(&err, ERR_INPUT, "%s", why);
    return reply_error(r, status, &err, NULL);
}

/* ---- a request to a model ---- */

static ssize_t read_events(void *arg, uint64_t at, char *to, size_t n) {
    struct asking *r = arg;
    (void)at;
    ssize_t got = desk_read(r->f->desk, r->job, to, n);
    r->sent += got > 0 ? (size_t)got : 0;
    return got < 0 ? MHD_CONTENT_READER_END_OF_STREAM : got;
}

static enum MHD_Result reply_job(struct asking *r) {
    struct strbuf text = { 0 };
    const struct desk_job *job = r->job;
    if (job->err.class != ERR_NONE) {
        return reply_error(r, job->late ? MHD_HTTP_GATEWAY_TIMEOUT : answer_status(&job->err),
            &job->err, job->ask.param);
    }
    answer_whole(job, &text);
    return reply(r, MHD_HTTP_OK, "application/json", &text);
}

static enum MHD_Result reply_stream(struct asking *r) {
    r->streams = true;
    return queue(r, MHD_HTTP_OK, "text/event-stream",
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_events, r, NULL));
}

static int socket_of(struct MHD_Connection *c) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

/* Reads what is asked and hands it to the desk. The body has done its work then. */
static enum MHD_Result ask_model(struct asking *r, enum ask_kind kind) {
    struct desk_job *job = r->job = xcalloc(1, sizeof *job);
    struct err err = ERR_INIT;
    job->c = r->c;
    job->fd = socket_of(r->c);
    bool ok = model_ask_read(&job->ask, kind, strbuf_str(&r->body), r->body.len, &err) &&
              desk_prepare(r->f->desk, job, &err);
    strbuf_release(&r->body);
    r->f->bodies -= r->counted;
    r->counted = 0;
    if (!ok || !desk_enter(r->f->desk, job, &err)) {
        return reply_error(r, answer_status(&err), &err, job->ask.param);
    }
    return job->ask.stream ? reply_stream(r) : MHD_YES;
}

/* ---- what there is ---- */

static enum MHD_Result completions(struct asking *r) {
    return ask_model(r, ASK_COMPLETION);
}

static enum MHD_Result chat(struct asking *r) {
    return ask_model(r, ASK_CHAT);
}

static enum MHD_Result embeddings(struct asking *r) {
    return ask_model(r, ASK_EMBEDDING);
}

static enum MHD_Result models(struct asking *r) {
    struct strbuf text = { 0 };
    answer_models(r->f->desk, NULL, &text);
    return reply(r, MHD_HTTP_OK, "application/json", &text);
}

static enum MHD_Result one_model(struct asking *r) {
    struct strbuf text = { 0 };
    const struct desk_model *m = desk_find(r->f->desk, r->path + strlen("/v1/models/"));
    if (!m) {
        return refuse(r, MHD_HTTP_NOT_FOUND, "there is no such model here: GET /v1/models");
    }
    answer_models(r->f->desk, m, &text);
    return reply(r, MHD_HTTP_OK, "application/json", &text);
}

static enum MHD_Result health(struct asking *r) {
    struct strbuf text = { 0 };
    strbuf_adds(&text, r->f->draining ? "{\"status\": \"ending\"}\n" : "{\"status\": \"ok\"}\n");
    return reply(
        r, r->f->draining ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK, "application/json", &text);
}

static void figure(
    struct strbuf *out, const char *name, const char *type, const char *help, double v) {
    strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, type, name, v);
}

static void family(struct strbuf *out, const char *name, const char *type, const char *help) {
    strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void flow_metrics(struct front *f, struct strbuf *out) {
    static const char *const NAMES[] = { "texts_waiting", "texts_running", "tokens_asked_total",
        "tokens_computed_total", "tokens_made_total", "steps_total", "texts_spilled_total", "slots",
        "slots_used" };
    static const char *const HELP[] = { "Texts that wait.", "Texts under way.",
        "Tokens fed, each text alone.", "Tokens that were computed.", "Tokens chosen.",
        "Steps of the model.", "Texts whose keys gave way, to be computed again.",
        "Tokens whose keys and values there is room for.", "Of these, in use." };
    for (size_t k = 0; k < sizeof NAMES / sizeof *NAMES; k++) {
        char name[64];
        snprintf(name, sizeof name, "assay_model_%s", NAMES[k]);
        family(out, name, str_ends(name, "_total") ? "counter" : "gauge", HELP[k]);
        for (size_t i = 0; i < desk_n_models(f->desk); i++) {
            const struct desk_model *m = desk_model(f->desk, i);
            struct flow_figures g;
            (void)desk_figures(f->desk, i, &g);
            const double v[] = { g.waiting, g.running, (double)g.asked, (double)g.computed,
                (double)g.made, (double)g.steps, (double)g.spilled, g.slots, g.slots_used };
            struct strbuf label = { 0 };
            struct json_writer w;
            json_writer_init(&w, &label, false);
            jw_string(&w, m->name);
            if (m->flow) {
                strbuf_addf(out, "%s{model=%s} %.15g\n", name, strbuf_str(&label), v[k]);
            }
            strbuf_release(&label);
        }
    }
}

static enum MHD_Result metrics(struct asking *r) {
    struct strbuf text = { 0 };
    struct flow_figures ignored;
    struct desk_figures d = desk_figures(r->f->desk, 0, &ignored);
    const struct {
        const char *end;
        unsigned long long n;
    } ENDS[] = { { "answered", d.answered }, { "failed", d.failed }, { "late", d.late },
        { "left", d.left }, { "refused", d.refused } };
    family(
        &text, "assay_model_requests_total", "counter", "Requests to models, by how they ended.");
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
        strbuf_addf(&text, "assay_model_requests_total{end=\"%s\"} %llu\n", ENDS[i].end, ENDS[i].n);
    }
    family(&text, "assay_http_answers_total", "counter",
        "Answers by the first digit of their status.");
    for (unsigned i = 2; i < 6; i++) {
        strbuf_addf(&text, "assay_http_answers_total{status=\"%uxx\"} %llu\n", i,
            (unsigned long long)r->f->answers[i]);
    }
    figure(&text, "assay_model_requests", "gauge", "Requests to models under way.", d.waiting);
    figure(&text, "assay_model_vectors_total", "counter", "Texts embedded.", (double)d.vectors);
    figure(&text, "assay_model_busy_seconds_total", "counter", "Time that models ran.", d.busy_s);
    figure(&text, "assay_http_connections", "gauge", "Connections that are open.",
        watch_count(&r->f->watch));
    flow_metrics(r->f, &text);
    return reply(r, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &text);
}

static const struct {
    const char *method, *path;
    bool open; /* without the key */
    enum MHD_Result (*handle)(struct asking *r);
} ROUTES[] = {
    { "POST", "/v1/completions", false, completions },
    { "POST", "/v1/chat/completions", false, chat },
    { "POST", "/v1/embeddings", false, embeddings },
    { "GET", "/v1/models", false, models },
    { "GET", "/v1/models/*", false, one_model },
    { "GET", "/health", true, health },
    { "GET", "/metrics", false, metrics },
};

static bool fits(const char *pattern, const char *path) {
    size_t n = strlen(pattern);
    return pattern[n - 1] == '*' ? strncmp(pattern, path, n - 1) == 0 : !strcmp(pattern, path);
}

#define KEY_MISSING "the header 'Authorization: Bearer KEY' is missing, or the key is another"

/* As long for a key that is wrong at its end as for one that is at its beginning. */
static bool has_key(const struct asking *r) {
    char word[256];
    const char *key = r->f->o->key;
    if (!key) {
        return true;
    }
    if (!header_bearer(header_of(r, "Authorization"), word, sizeof word) ||
        strlen(word) != strlen(key)) {
        return false;
    }
    unsigned differs = 0;
    for (size_t i = 0; key[i]; i++) {
        differs |= (unsigned char)word[i] ^ (unsigned char)key[i];
    }
    return differs == 0;
}

static enum MHD_Result check_body(struct asking *r, bool *ok) {
    const char *coding = header_of(r, "Content-Encoding");
    *ok = true;
    if (strcmp(r->method, "POST") != 0) {
        return MHD_YES;
    }
    *ok = false;
    if (!header_same_origin(
            header_of(r, "Sec-Fetch-Site"), header_of(r, "Origin"), header_of(r, "Host"))) {
        return refuse(r, MHD_HTTP_FORBIDDEN, "pages of other sites may not ask here");
    }
    if (coding && strcasecmp(coding, "identity") != 0) {
        return refuse(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "bodies are not taken compressed");
    }
    if (r->too_large) {
        return refuse(r, MHD_HTTP_CONTENT_TOO_LARGE,
            "the body is larger than 16 MiB: send a part of the texts at a time");
    }
    if (r->is_full) {
        return refuse(
            r, MHD_HTTP_SERVICE_UNAVAILABLE, "too many requests are being read: come back");
    }
    *ok = true;
    return MHD_YES;
}

static enum MHD_Result dispatch(struct asking *r) {
    bool other = false, ok;
    const char *method = strcmp(r->method, "HEAD") ? r->method : "GET";
    for (size_t i = 0; i < sizeof ROUTES / sizeof *ROUTES; i++) {
        if (!fits(ROUTES[i].path, r->path)) {
            continue;
        }
        if (strcmp(ROUTES[i].method, method) != 0) {
            other = true;
            continue;
        }
        if (!ROUTES[i].open && !has_key(r)) {
            return refuse(r, MHD_HTTP_UNAUTHORIZED, KEY_MISSING);
        }
        enum MHD_Result result = check_body(r, &ok);
        return ok ? ROUTES[i].handle(r) : result;
    }
    return other ? refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "this address takes another method")
                 : refuse(r, MHD_HTTP_NOT_FOUND,
                       "there is nothing at this address: POST /v1/completions, "
                       "/v1/chat/completions or /v1/embeddings, GET /v1/models, /health or "
                       "/metrics");
}

/* ---- from first to last ---- */

static void due_in(struct asking *r, int seconds) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (info && info->socket_context) {
        watch_set(&r->f->watch, info->socket_context, serve_now_us() / 1000 + seconds * 1000LL);
    }
}

static void take_body(struct asking *r, const char *body, size_t n) {
    r->too_large = r->too_large || r->body.len + n > MODELS_BODY_MAX;
    if (!r->too_large && !r->is_full) {
        r->counted += n;
        r->is_full = (r->f->bodies += n) > BODIES_MAX;
    }
    if (r->too_large || r->is_full) {
        r->thrown += n;
        strbuf_release(&r->body);
        r->f->bodies -= r->counted;
        r->counted = 0;
        return;
    }
    strbuf_add(&r->body, body, n);
}

static enum MHD_Result begin(struct asking *r, const char *method, const char *path) {
    const char *length = header_of(r, "Content-Length");
    r->begun = true;
    r->method = method;
    r->path = path;
    strbuf_init(&r->body, MODELS_BODY_MAX + 1);
    if (length && (strlen(length) > 9 || strtoll(length, NULL, 10) > 2LL * MODELS_BODY_MAX)) {
        r->too_large = true;
        return refuse(r, MHD_HTTP_CONTENT_TOO_LARGE,
            "the body is larger than 16 MiB: send a part of the texts at a time");
    }
    if (strcmp(method, "POST") == 0 &&
        !has_key(r)) { /* before a body is held for whoever has none */
        return refuse(r, MHD_HTTP_UNAUTHORIZED, KEY_MISSING);
    }
    return MHD_YES;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *c, const char *path,
    const char *method, const char *version, const char *body, size_t *body_n, void **state) {
    (void)version;
    struct asking *r = *state;
    if (!r) {
        r = *state = xcalloc(1, sizeof *r);
        r->f = arg;
        r->c = c;
        r->begun_us = serve_now_us();
        r->f->in_flight++;
        return begin(r, method, path);
    }
    if (*body_n) {
        take_body(r, body, *body_n);
        *body_n = 0;
        return r->thrown > MODELS_BODY_MAX ? MHD_NO : MHD_YES;
    }
    due_in(r, WRITE_S);
    return r->job ? reply_job(r) : dispatch(r);
}

static void log_request(const struct asking *r) {
    struct strbuf line = { 0 };
    struct json_writer w;
    if (!r->f->o->log || !r->path) {
        return;
    }
    json_writer_init(&w, &line, false);
    strbuf_addf(&line, "method=%.8s status=%u bytes=%zu ms=%.1f", r->method, r->status, r->sent,
        (double)(serve_now_us() - r->begun_us) / 1000);
    if (r->job && r->job->model) {
        strbuf_addf(&line, " texts=%zu tokens=%zu", r->job->ask.n_prompts, r->job->n_tokens);
    }
    strbuf_adds(&line, " path=");
    jw_string_n(&w, r->path, strlen(r->path) < 1000 ? strlen(r->path) : 1000);
    r->f->o->log(false, strbuf_str(&line));
    strbuf_release(&line);
}

static void end(
    void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode how) {
    (void)arg, (void)c, (void)how;
    struct asking *r = *state;
    if (!r) {
        return;
    }
    log_request(r);
    r->f->answers[r->status / 100 % 6]++;
    due_in(r, IDLE_S + READ_S);
    strbuf_release(&r->body);
    r->f->bodies -= r->counted;
    if (r->job) {
        desk_leave(r->f->desk, r->job);
    }
    r->f->in_flight--;
    free(r);
    *state = NULL;
}

static void connection(
    void *arg, struct MHD_Connection *c, void **watched, enum MHD_ConnectionNotificationCode what) {
    struct front *f = arg;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *watched = watch_add(&f->watch, socket_of(c), serve_now_us() / 1000 + READ_S * 1000LL);
    } else if (*watched) {
        watch_remove(&f->watch, *watched);
        *watched = NULL;
    }
}

/* ---- start and end ---- */

static void rest_ms(long ms) {
    nanosleep(&(struct timespec) { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static struct MHD_Daemon *start(struct front *f, int fd, struct err *err) {
    struct MHD_Daemon *d = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        handle, f, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS,
        MHD_OPTION_CONNECTION_LIMIT, f->o->n_connections ? f->o->n_connections : CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_S, MHD_OPTION_NOTIFY_COMPLETED, end, f, MHD_OPTION_NOTIFY_CONNECTION,
        connection, f, MHD_OPTION_END);
    if (!d) {
        err_errno(err, ERR_FAILED, "could not start to serve");
    }
    return d;
}

static bool write_port(const char *path, unsigned port, struct err *err) {
    char text[16];
    snprintf(text, sizeof text, "%u\n", port);
    return !path || file_write_atomic(path, text, strlen(text), err);
}

static void tell_address(const struct serve_models *o, unsigned port) {
    char address[300];
    const char *colon = strrchr(o->listen, ':');
    int n = colon ? (int)(colon - o->listen) : 0;
    if (str_begins(o->listen, "unix:") || !port) {
        snprintf(address, sizeof address, "%.280s", o->listen);
    } else {
        snprintf(address, sizeof address, "http://%.*s:%u/v1", n ? n : 9,
            n ? o->listen : "127.0.0.1", port);
    }
    if (o->listening) {
        o->listening(address);
    }
}

/* New connections are refused at once; what is under way ends with its answer, or is told that it
 * ends. */
static void drain(struct front *f, struct MHD_Daemon *d) {
    long left_ms = 1000L * (f->o->drain_s ? f->o->drain_s : DRAIN_S);
    f->draining = true;
    int fd = MHD_quiesce_daemon(d);
    if (fd >= 0) {
        close(fd);
    }
    for (; left_ms > 0 && f->in_flight; left_ms -= 20) {
        rest_ms(20);
    }
    desk_stop(f->desk); // a daemon can't be stopped while a connection sleeps
    for (int ms = 0; ms < 2000 && f->in_flight; ms += 20) {
        rest_ms(20);
    }
    MHD_stop_daemon(d);
}

bool serve_models_run(const struct serve_models *o, struct err *err) {
    struct front f = { .o = o };
    struct MHD_Daemon *d = NULL;
    unsigned port = 0;
    watch_init(&f.watch);
    int fd = (f.desk = desk_open(o, err)) ? listen_open(o->listen, &port, err) : -1;
    bool ok = fd >= 0 && (d = start(&f, fd, err)) && write_port(o->port_file, port, err);
    if (ok) {
        tell_address(o, port);
    }
    while (ok && !*o->stop) {
        watch_sweep(&f.watch, serve_now_us() / 1000);
        rest_ms(50);
    }
    if (d) {
        drain(&f, d);
    } else if (fd >= 0) {
        close(fd);
    }
    if (fd >= 0) {
        listen_remove(o->listen);
    }
    desk_close(f.desk);
    watch_release(&f.watch);
    return ok;
}
