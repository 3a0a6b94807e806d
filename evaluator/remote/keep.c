/* Asking once: what is known already, what is asked twice in one go, and the rest by calls. */
#include "evaluator/remote/keep.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strmap.h"
#include "evaluator/remote/reply.h"

#define ANSWERS_BYTES_MAX ((uint64_t)64 << 30)

/* ---- places ---- */

/* remote/<name><ending> in Assay's home: no cache, for it was paid for. The caller frees. */
static char *place_of(const char *name, const char *ending, struct err *err) {
    char *home = assay_home(err), *folder = home ? path_join(home, "remote") : NULL;
    struct strbuf path = { 0 };
    if (folder && dir_make(folder, err)) {
        strbuf_addf(&path, "%s/%s%s", folder, name, ending);
    }
    free(home);
    free(folder);
    return path.len ? strbuf_take(&path) : NULL;
}

bool api_spent(const struct api *api, double *spent, struct err *err) {
    int64_t sum = 0;
    char *path = place_of(api->name, ".paid", err);
    bool ok = path && ledger_read(path, &sum, err);
    *spent = (double)sum / LEDGER_UNIT;
    free(path);
    return ok;
}

/* ---- opening ---- */

static bool keep_answers(const void *records, size_t n, void *arg, struct err *err) {
    struct remote *r = arg;
    return memo_writer_add(&r->writer, records, n, err);
}

static bool open_answers(struct remote *r, bool afresh, struct err *err) {
    char *path = place_of(r->identity, ".answers", err);
    bool ok = path && (r->dry || memo_writer_open(&r->writer, path, ANSWERS_BYTES_MAX, err));
    if (ok) {
        r->fd = open(path, O_RDONLY | O_CLOEXEC);
        r->memo = memo_open(&(struct memo_options) {
            .fd = r->fd, .skip_old = afresh, .keep = r->dry ? NULL : keep_answers, .arg = r });
    }
    free(path);
    return ok;
}

struct remote *remote_open(const struct remote_options *options, struct err *err) {
    struct remote *r = xcalloc(1, sizeof *r);
    *r = (struct remote) { .api = options->api,
        .key = options->key,
        .dry = options->dry,
        .turns = options->turns,
        .width = options->api->width,
        .ledger.fd = -1,
        .writer.fd = -1,
        .fd = -1 };
    api_identity(r->api, r->identity);
    char *path = place_of(r->api->name, ".paid", err);
    bool ok = path && ledger_open(&r->ledger, path, r->api->ceiling, r->dry, err) &&
              open_answers(r, options->afresh, err);
    free(path);
    if (!ok) {
        err_wrap(err, "api '%s'", r->api->name);
        remote_close(r);
        return NULL;
    }
    return r;
}

void remote_close(struct remote *r) {
    if (!r) {
        return;
    }
    struct err ignored = ERR_INIT;
    (void)!memo_flush(r->memo, &ignored);
    memo_close(r->memo);
    memo_writer_close(&r->writer);
    if (r->fd >= 0) {
        close(r->fd);
    }
    ledger_close(&r->ledger);
    api_key_free(r->key);
    free(r->answered_as);
    free(r);
}

void remote_kept(const struct remote *r, int keep[REMOTE_KEPT_MAX]) {
    const int fds[] = { r->ledger.fd, r->writer.fd, r->fd };
    int n = 0;
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        int at = n;
        for (; fds[i] >= 0 && at > 0 && keep[at - 1] > fds[i]; at--) {
            keep[at] = keep[at - 1];
        }
        if (fds[i] >= 0) {
            keep[at] = fds[i];
            n++;
        }
    }
    keep[n] = -1;
}

uint64_t remote_reused(const struct remote *r) {
    return r->n_reused;
}

struct memo_hash *remote_hash(const struct remote *r, const char *what) {
    struct memo_hash *h = memo_hash_new();
    memo_hash_text(h, what);
    memo_hash_text(h, r->identity);
    return h;
}

/* ---- what is kept: who answered, how many tokens that was, and what the kind makes of it ---- */

enum { NAME_MAX_BYTES = 255, PAYLOAD_HEAD = 9 };

static void payload_head(struct strbuf *out, const char *name, uint64_t tokens) {
    uint8_t n = (uint8_t)(name ? strlen(name) : 0);
    strbuf_add(out, &tokens, sizeof tokens);
    strbuf_add(out, &n, 1);
    strbuf_add(out, name ? name : "", n);
}

/* Two models under one name make no score. */
static bool same_as_before(struct remote *r, const char *name, size_t n, struct err *err) {
    if (n && r->answered_as && (strlen(r->answered_as) != n || memcmp(r->answered_as, name, n))) {
        err_set(err, ERR_INPUT, "the model '%.*s' answers now, and '%s' did before", (int)n, name,
            r->answered_as);
        return err_hint(
            err, "--no-cache asks everything anew; a 'model' with a date stays the same");
    }
    if (n && !r->answered_as) {
        r->answered_as = xstrndup(name, n);
    }
    return true;
}

/* *known is false where nothing is kept, or where it can't be read. */
static bool take_known(
    struct remote *r, struct question *q, size_t which, bool *known, struct err *err) {
    size_t n;
    uint64_t tokens;
    const uint8_t *p = memo_find(r->memo, q->keys[which], &n);
    *known = false;
    if (!p || n < PAYLOAD_HEAD || n < (size_t)PAYLOAD_HEAD + p[8]) {
        return true;
    }
    memcpy(&tokens, p, sizeof tokens);
    size_t head = PAYLOAD_HEAD + (size_t)p[8];
    *known = q->take(q->arg, which, p + head, n - head, tokens);
    return !*known || same_as_before(r, (const char *)p + PAYLOAD_HEAD, p[8], err);
}

/* ---- asking ---- */

/* Texts without an answer, equal ones once, in groups of a request each. */
struct asking {
    struct remote *r;
    struct question *q;
    size_t *which, n; /* the first of equal texts */
    size_t *first_of; /* of each text: the one that is asked in its place */
    struct call *calls;
    size_t *from, n_calls; /* of each call: its first place in `which` */
};

static size_t group_end(const struct asking *a, size_t call) {
    return call + 1 < a->n_calls ? a->from[call + 1] : a->n;
}

static bool answered(
    void *arg, size_t call, const json_t *reply, struct call_paid *paid, struct err *err) {
    struct asking *a = arg;
    struct remote *r = a->r;
    struct reply_about about;
    const size_t from = a->from[call], n = group_end(a, call) - from;
    if (!reply_about(reply, r->api, &about, err)) {
        return false;
    }
    size_t name_n = about.model ? strlen(about.model) : 0;
    if (name_n > NAME_MAX_BYTES) {
        return err_set(err, ERR_INPUT, "the reply's name of its model is too long");
    }
    *paid = (struct call_paid) { about.counted, about.tokens_in, about.tokens_out };
    struct strbuf *payloads = xcalloc(n, sizeof *payloads);
    bool ok = same_as_before(r, about.model, name_n, err);
    for (size_t i = 0; i < n; i++) {
        payload_head(&payloads[i], about.model, about.counted ? about.tokens_in / n : 0);
    }
    size_t head = payloads[0].len;
    ok = ok && a->q->distil(a->q->arg, reply, a->which + from, n, payloads, err);
    for (size_t i = 0; ok && i < n; i++) {
        size_t which = a->which[from + i];
        ok = memo_add(r->memo, a->q->keys[which], payloads[i].text, payloads[i].len, err) &&
             (a->q->take(a->q->arg, which, (const uint8_t *)payloads[i].text + head,
                  payloads[i].len - head, about.counted ? about.tokens_in / n : 0) ||
                 err_set(err, ERR_BUG, "an answer that was kept can't be read"));
    }
    ok = ok && memo_flush(r->memo, err); /* on disk before it is paid for */
    for (size_t i = 0; i < n; i++) {
        strbuf_release(&payloads[i]);
    }
    free(payloads);
    return ok;
}

static bool find_missing(struct asking *a, struct err *err) {
    struct question *q = a->q;
    struct strmap *seen = strmap_new(q->n);
    bool ok = true;
    for (size_t i = 0; ok && i < q->n; i++) {
        const char *key = (const char *)q->keys[i];
        int32_t same = strmap_find(seen, key, MEMO_KEY);
        bool known = false;
        ok = take_known(a->r, q, i, &known, err);
        a->first_of[i] = known ? SIZE_MAX : same < 0 ? i : (size_t)same;
        a->r->n_reused += known;
        a->r->n_items++;
        if (ok && !known && same < 0) {
            strmap_add(seen, key, MEMO_KEY, (int32_t)i);
            a->which[a->n++] = i;
        }
    }
    strmap_free(seen);
    return ok;
}

/* A request ends where its texts get too long together: endpoints have ceilings of their own. */
static void make_calls(struct asking *a) {
    enum { GUESS_MAX = 100000 };
    struct question *q = a->q;
    for (size_t i = 0, in_group = 0; i < a->n; i++) {
        struct call one = { 0 };
        q->tokens(q->arg, a->which[i], &one);
        struct call *call = a->n_calls ? &a->calls[a->n_calls - 1] : NULL;
        if (!call || in_group == q->batch || call->guess + one.guess > GUESS_MAX) {
            call = &a->calls[a->n_calls];
            a->from[a->n_calls++] = i;
            *call = (struct call) { .draw = one.draw };
            in_group = 0;
        }
        call->most_in += one.most_in;
        call->most_out += one.most_out;
        call->guess += one.guess;
        in_group++;
    }
    for (size_t i = 0; i < a->n_calls; i++) {
        struct strbuf body = { 0 };
        q->body(q->arg, a->which + a->from[i], group_end(a, i) - a->from[i], &body);
        a->calls[i].body_n = body.len;
        a->calls[i].body = strbuf_take(&body);
    }
}

static void add_plan(struct remote *r, const struct asking *a) {
    for (size_t i = 0; i < a->n_calls; i++) {
        r->bill.tokens_in += a->calls[i].guess;
        r->bill.tokens_out += a->calls[i].most_out;
        r->bill.most_in += a->calls[i].most_in;
        r->bill.most_out += a->calls[i].most_out;
    }
    r->bill.requests += a->n_calls;
    r->bill.texts += a->n;
    r->bill.guessed = true;
}

static bool run_calls(struct asking *a, const struct run_options *run, struct err *err) {
    struct remote *r = a->r;
    struct caller c = { .api = r->api,
        .key = r->key,
        .path = a->q->path,
        .ledger = &r->ledger,
        .answered = answered,
        .arg = a };
    bool ok = calls_run(&c, a->calls, a->n_calls, run, err);
    r->bill.requests += c.n_sent;
    r->bill.texts += a->n;
    r->bill.tokens_in += c.tokens_in;
    r->bill.tokens_out += c.tokens_out;
    r->bill.paid += c.paid;
    r->bill.guessed = r->bill.guessed || c.guessed;
    return ok;
}

/* Equal texts have equal answers. */
static bool share(struct asking *a, struct err *err) {
    for (size_t i = 0; i < a->q->n; i++) {
        bool known = true, repeats = a->first_of[i] != SIZE_MAX && a->first_of[i] != i;
        if (repeats && (!take_known(a->r, a->q, i, &known, err) || !known)) {
            return known ? false : err_set(err, ERR_BUG, "an answer that was kept is gone");
        }
        a->r->n_reused += repeats;
    }
    return true;
}

bool remote_ask(
    struct remote *r, struct question *q, const struct run_options *run, struct err *err) {
    struct asking a = { .r = r, .q = q };
    a.which = xcalloc(q->n + 1, sizeof *a.which);
    a.first_of = xcalloc(q->n + 1, sizeof *a.first_of);
    a.calls = xcalloc(q->n + 1, sizeof *a.calls);
    a.from = xcalloc(q->n + 1, sizeof *a.from);
    bool ok = find_missing(&a, err);
    if (ok) {
        make_calls(&a);
    }
    if (ok && r->dry) {
        add_plan(r, &a);
    } else if (ok && a.n) {
        ok = run_calls(&a, run, err) && share(&a, err);
    }
    if (run && run->stats) {
        run->stats->items += q->n;
    }
    for (size_t i = 0; i < a.n_calls; i++) {
        free(a.calls[i].body);
    }
    free(a.which);
    free(a.first_of);
    free(a.calls);
    free(a.from);
    return ok;
}

/* ---- what is told ---- */

static json_t *amount(const struct api *api, int64_t cost) {
    return api->priced ? json_real((double)cost / LEDGER_UNIT) : json_null();
}

json_t *remote_bill(struct remote *r) {
    const struct api *api = r->api;
    struct bill *b = &r->bill;
    int64_t cost = r->dry ? call_cost(api, b->tokens_in, b->tokens_out) : b->paid;
    json_t *bill = json_pack("{s:I, s:I, s:I, s:I, s:b, s:o, s:s}", "requests",
        (json_int_t)b->requests, "texts", (json_int_t)b->texts, "input_tokens",
        (json_int_t)b->tokens_in, "output_tokens", (json_int_t)b->tokens_out, "estimated",
        b->guessed, "amount", amount(api, cost), "currency", api->currency);
    if (r->dry) {
        json_object_set_new(bill, "most", amount(api, call_cost(api, b->most_in, b->most_out)));
    }
    *b = (struct bill) { 0 };
    return bill;
}

json_t *remote_provenance(const struct remote *r) {
    const struct api *api = r->api;
    char *host = api_host(api), at[32];
    time_t now = time(NULL);
    struct tm t;
    strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &t));
    json_t *json = json_pack("{s:s, s:s, s:s?, s:s, s:s?, s:s}", "kind", api_kind_name(api->kind),
        "speaks", api_speaks_name(api->speaks), "host", host, "model", api->model, "answered_as",
        r->answered_as, "asked_at", at);
    free(host);
    return json;
}
