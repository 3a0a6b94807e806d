/* Requests to an endpoint (see call.h): one thread, one curl handle for each that is under way. */
#include "evaluator/remote/call.h"

#include <curl/curl.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/log.h"
#include "evaluator/hub/http.h"
#include "evaluator/hub/retry.h"
#include "evaluator/remote/reply.h"

enum {
    REPLY_MAX = 64 << 20,
    TRIES_MAX = 6,    /* of what broke off or failed over there */
    GARBLED_MAX = 5,  /* of whole replies that are no JSON: they may have been billed */
    REFUSED_MAX = 40, /* of "not now" */
    TICK_MS = 100,
};

/* One request that is under way. */
struct lane {
    CURL *curl;
    struct hop hop;
    struct strbuf body;
    size_t call;
    const struct call *out; /* whose body goes out, and how much of it has */
    size_t n_out;
    int64_t most;
    double sent_at;
    bool busy;
};

/* How far a call is. */
struct state {
    double not_before;
    unsigned char tries, garbled, refused;
    bool answered;
};

struct engine {
    struct caller *c;
    struct client client; /* what a hop goes by: its address and its key */
    const struct call *calls;
    struct state *states;
    size_t n, n_done, next; /* next: the first that was never sent */
    size_t *again, n_again; /* calls that wait for another try */
    struct lane *lanes;
    unsigned n_lanes, n_busy;
    CURLM *multi;
    double window;                /* how many may be under way */
    double cut_at, quiet_until;   /* the last time it was halved; nothing is sent until then */
    double request_at, tokens_at; /* when limits a minute allow the next one */
    uint64_t guess_done, guess_all;
    const struct run_options *run;
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int64_t call_cost(const struct api *api, uint64_t tokens_in, uint64_t tokens_out) {
    double cost = ceil(1e-6 * LEDGER_UNIT *
                       (api->price_in * (double)tokens_in + api->price_out * (double)tokens_out));
    return !api->priced ? 0 : cost < 4e18 ? (int64_t)cost : (int64_t)4e18;
}

/* ---- the key stays here ---- */

/* Whatever an endpoint says, the key is not repeated. */
static void hide_key(const struct engine *e, char *text, size_t n) {
    size_t len = e->c->key ? strlen(e->c->key) : 0;
    len = len >= 8 ? len : 0; /* a shorter one is no secret, and would be found in any text */
    for (char *at = text; len && (at = memmem(at, n - (size_t)(at - text), e->c->key, len));) {
        memset(at, '*', len);
        at += len;
    }
}

/* ---- sending ---- */

/* Piece by piece, and never from its beginning again: a library that has the whole body sends it
 * once more by itself when a connection dies, and nobody would know what that costs. */
static size_t give_body(char *into, size_t one, size_t n, void *arg) {
    struct lane *l = arg;
    size_t left = l->out->body_n - l->n_out;
    n = one * n < left ? one * n : left;
    memcpy(into, l->out->body + l->n_out, n);
    l->n_out += n;
    return n;
}

static size_t take_body(char *data, size_t one, size_t n, void *arg) {
    struct lane *l = arg;
    strbuf_add(&l->body, data, one * n);
    return l->body.overflow ? 0 : one * n;
}

static void add_header(struct lane *l, const char *name, const char *value) {
    struct strbuf line = { 0 };
    strbuf_addf(&line, "%s: %s", name, value);
    l->hop.headers = curl_slist_append(l->hop.headers, line.text);
    explicit_bzero(line.text, line.len);
    strbuf_release(&line);
}

static void add_headers(const struct engine *e, struct lane *l) {
    const struct call *call = &e->calls[l->call];
    struct sha256 *h = sha256_new();
    char hex[65];
    sha256_add(h, &call->draw, sizeof call->draw);
    sha256_add(h, call->body, call->body_n);
    sha256_end(h, hex);
    hex[32] = 0;
    add_header(l, "Content-Type", "application/json");
    add_header(l, "Accept", "application/json");
    add_header(l, "Idempotency-Key", hex); /* an endpoint that knows it does nothing twice */
    l->hop.headers = curl_slist_append(l->hop.headers, "Expect:");
    if (e->c->api->kind == API_ANTHROPIC) {
        add_header(l, "anthropic-version", "2023-06-01");
        if (e->c->key) {
            add_header(l, "x-api-key", e->c->key);
        }
    }
}

static void aim(struct engine *e, struct lane *l) {
    const struct api *api = e->c->api;
    const struct call *call = &e->calls[l->call];
    struct strbuf url = { 0 };
    strbuf_addf(&url, "%s%s", e->client.endpoint, e->c->path);
    l->hop = (struct hop) { 0 };
    hop_begin(&l->hop, &e->client, l->curl, url.text, NULL, api->timeout_s);
    add_headers(e, l);
    curl_easy_setopt(l->curl, CURLOPT_HTTPHEADER, l->hop.headers);
    curl_easy_setopt(l->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(l->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_n);
    curl_easy_setopt(l->curl, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(l->curl, CURLOPT_READDATA, l);
    l->out = call;
    l->n_out = 0;
    curl_easy_setopt(l->curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(l->curl, CURLOPT_WRITEDATA, l);
    curl_easy_setopt(l->curl, CURLOPT_PRIVATE, l);
    /* A model may think for long before its first byte; what never comes to an end has one here. */
    curl_easy_setopt(l->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(l->curl, CURLOPT_TIMEOUT, 5L * (long)api->timeout_s);
    strbuf_reset(&l->body);
    strbuf_release(&url);
}

static struct lane *free_lane(struct engine *e) {
    for (unsigned i = 0; i < e->n_lanes; i++) {
        if (!e->lanes[i].busy) {
            return &e->lanes[i];
        }
    }
    return NULL;
}

/* The next call whose time has come; SIZE_MAX: none. Tries again first: they are older. */
static size_t pick_call(struct engine *e, double now, size_t *slot) {
    for (*slot = 0; *slot < e->n_again; ++*slot) {
        if (e->states[e->again[*slot]].not_before <= now) {
            return e->again[*slot];
        }
    }
    *slot = SIZE_MAX;
    return e->next < e->n ? e->next : SIZE_MAX;
}

static bool may_send(const struct engine *e, double now) {
    return e->n_busy < e->n_lanes && e->n_busy < (unsigned)e->window && now >= e->quiet_until &&
           now >= e->request_at && now >= e->tokens_at;
}

static void keep_pace(struct engine *e, const struct call *call, double now) {
    const struct api *api = e->c->api;
    if (api->requests_a_minute > 0) {
        e->request_at = fmax(e->request_at, now) + 60 / api->requests_a_minute;
    }
    if (api->tokens_a_minute > 0) {
        e->tokens_at = fmax(e->tokens_at, now) +
                       60 * (double)(call->guess + call->most_out) / api->tokens_a_minute;
    }
}

static bool refuse_ceiling(const struct engine *e, const struct call *call, struct err *err) {
    const struct api *api = e->c->api;
    err_set(err, ERR_FAILED,
        "the ceiling of %g %s would be passed: %.6f is paid or may have been, and the next request "
        "costs up to %.6f",
        api->ceiling, api->currency, (double)e->c->ledger->sum / LEDGER_UNIT,
        (double)call_cost(api, call->most_in, call->most_out) / LEDGER_UNIT);
    return err_hint(err, "answers so far are kept: raise 'ceiling' and the same command goes on");
}

/* False at an error; *sent is false where there is nothing to send now. */
static bool send_one(struct engine *e, double now, bool *sent, struct err *err) {
    size_t slot, which = may_send(e, now) ? pick_call(e, now, &slot) : SIZE_MAX;
    *sent = which != SIZE_MAX;
    if (!*sent) {
        return true;
    }
    const struct call *call = &e->calls[which];
    int64_t most = call_cost(e->c->api, call->most_in, call->most_out);
    if (!ledger_has_room(e->c->ledger, most)) {
        *sent = false; /* what is under way may cost less than its most */
        return e->n_busy > 0 || refuse_ceiling(e, call, err);
    }
    if (!ledger_reserve(e->c->ledger, most, err)) {
        return false;
    }
    if (slot == SIZE_MAX) {
        e->next++;
    } else {
        e->again[slot] = e->again[--e->n_again];
        e->c->n_again++;
    }
    struct lane *l = free_lane(e);
    l->call = which;
    l->most = most;
    l->busy = true;
    l->sent_at = now;
    aim(e, l);
    curl_multi_add_handle(e->multi, l->curl);
    e->n_busy++;
    e->c->n_sent++;
    keep_pace(e, call, now);
    return true;
}

/* ---- what came of it ---- */

/* What a request cost that gave no answer: nothing, or perhaps all of it. */
static bool close_account(
    struct engine *e, const struct lane *l, bool may_be_billed, struct err *err) {
    int64_t paid = may_be_billed ? l->most : 0;
    e->c->paid += paid;
    return ledger_settle(e->c->ledger, l->most, paid, err);
}

/* Waits grow to 64 times the first: what keeps an endpoint from being asked too much is the number
 * that are under way. */
static void try_again(struct engine *e, size_t call, int attempt) {
    int64_t wait_ms = retry_backoff_ms(e->c->api->retry_ms, attempt < 3 ? attempt : 3);
    e->states[call].not_before = now_s() + 1e-3 * (double)wait_ms;
    e->again[e->n_again++] = call;
}

static void slow_down(struct engine *e, const struct lane *l, const struct reply *r) {
    double now = now_s();
    if (l->sent_at >= e->cut_at) { /* those that were sent before it could not know */
        e->window = fmax(1, e->window / 2);
        e->cut_at = now;
    }
    if (r->retry_after > 0) {
        e->quiet_until = fmax(e->quiet_until, now + 1e-3 * (double)retry_asked_ms(r->retry_after));
    }
}

static bool is_not_now(long status) {
    return status == 429 || status == 503 || status == 529;
}

/* Somebody in between gave up waiting, or it was done and the answer is no answer. */
static bool may_be_billed(long status) {
    return status / 100 == 2 || status == 408 || status == 499 || status == 502 || status == 504 ||
           (status >= 520 && status <= 524);
}

static bool says_more(struct engine *e, struct lane *l, char *said, size_t size, char code[64]) {
    if (l->body.text)
        hide_key(e, l->body.text, l->body.len); /* before what it says is cut short */
    reply_error(strbuf_str(&l->body), l->body.len, said, size, code, 64);
    hide_key(e, said, strlen(said)); /* which an escape may have hidden */
    return *said != 0;
}

/* Trying again would not help. */
static bool refuse(struct engine *e, struct lane *l, const struct reply *r, struct err *err) {
    char said[200], code[64];
    const char *colon = says_more(e, l, said, sizeof said, code) ? ": " : "";
    if (r->status == 401 || r->status == 403) {
        err_set(err, ERR_AUTH, "access was refused (HTTP %ld)%s%s", r->status, colon, said);
        return err_hint(err, "the key is what 'key_env' or 'key_file' of the api names");
    }
    if (r->status == 404 || r->status == 410) {
        err_set(err, ERR_NOT_FOUND, "there is no such address or model there (HTTP %ld)%s%s",
            r->status, colon, said);
        return err_hint(err, "look at 'url', which ends before %s, and 'model'", e->c->path);
    }
    if (r->status >= 300 && r->status < 400) {
        return err_set(err, ERR_NETWORK,
            "it leads to another address (HTTP %ld), where a key is not taken", r->status);
    }
    if (r->status == 402 || (r->status == 429 && !strcmp(code, "insufficient_quota"))) {
        return err_set(err, ERR_FAILED, "the account has no money left (HTTP %ld)%s%s", r->status,
            colon, said);
    }
    if (is_not_now(r->status) && r->retry_after > RETRY_PATIENCE_S) {
        err_set(err, ERR_NETWORK, "it asks to be left alone for %ld seconds (HTTP %ld)",
            r->retry_after, r->status);
        return err_hint(err, "the same command goes on then: answers so far are kept");
    }
    if (is_not_now(r->status) || r->status == 408 || r->status >= 500) {
        err_set(err, ERR_NETWORK, "it could not answer (HTTP %ld)%s%s", r->status, colon, said);
        return err_hint(err, "the same command goes on later: answers so far are kept");
    }
    return err_set(err, ERR_INPUT, "it refuses the request (HTTP %ld)%s%s", r->status, colon, said);
}

static bool take_status(struct engine *e, struct lane *l, const struct reply *r, struct err *err) {
    struct state *s = &e->states[l->call];
    char said[200], code[64];
    if (!close_account(e, l, may_be_billed(r->status), err)) {
        return false;
    }
    (void)says_more(e, l, said, sizeof said, code);
    bool not_now = is_not_now(r->status) && strcmp(code, "insufficient_quota") != 0 &&
                   r->retry_after <= RETRY_PATIENCE_S && ++s->refused < REFUSED_MAX;
    bool later =
        (r->status == 408 || r->status == 409 || (r->status >= 500 && !is_not_now(r->status))) &&
        ++s->tries < TRIES_MAX;
    if (!not_now && !later) {
        return refuse(e, l, r, err);
    }
    if (not_now) {
        slow_down(e, l, r);
    }
    try_again(e, l->call, not_now ? s->refused : s->tries);
    return true;
}

static bool take_broken(struct engine *e, struct lane *l, CURLcode rc, struct err *err) {
    struct state *s = &e->states[l->call];
    bool unsent = rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST ||
                  rc == CURLE_COULDNT_RESOLVE_PROXY || rc == CURLE_PEER_FAILED_VERIFICATION ||
                  rc == CURLE_SSL_CONNECT_ERROR || rc == CURLE_SSL_CACERT_BADFILE;
    if (!close_account(e, l, !unsent, err)) {
        return false;
    }
    if (l->body.overflow) {
        return err_set(err, ERR_INPUT, "a reply is longer than %d bytes", REPLY_MAX);
    }
    if (!hop_is_hopeless(&l->hop, rc) && !l->hop.head_overflow && ++s->tries < TRIES_MAX) {
        try_again(e, l->call, s->tries);
        return true;
    }
    err_set(err, ERR_NETWORK, "no answer: %s", *l->hop.why ? l->hop.why : curl_easy_strerror(rc));
    return err_hint(err, "the same command goes on later: answers so far are kept");
}

#define UNLIKELY_TIMES 16 /* as many tokens as a request can have, and no count is believed */

static bool is_unlikely(uint64_t tokens, uint64_t most) {
    return tokens / UNLIKELY_TIMES > most + 1;
}

/* What an endpoint counts is what is paid, even where it is more than its texts can have; but not
 * any number. */
static void forget_unlikely(
    const struct api *api, const struct call *call, struct call_paid *paid) {
    if (paid->counted && (paid->tokens_in > call->most_in || paid->tokens_out > call->most_out)) {
        log_line(LOG_WARN, "api '%s' counts more tokens than its texts can have: %llu and %llu",
            api->name, (unsigned long long)paid->tokens_in, (unsigned long long)paid->tokens_out);
        paid->counted = !is_unlikely(paid->tokens_in, call->most_in) &&
                        !is_unlikely(paid->tokens_out, call->most_out);
    }
}

/* A whole reply: it is kept before its price is settled, so that whoever dies pays it once. */
static bool take_reply(struct engine *e, struct lane *l, struct err *err) {
    struct state *s = &e->states[l->call];
    struct caller *c = e->c;
    const struct call *call = &e->calls[l->call];
    struct call_paid paid = { 0 };
    struct err garbled = ERR_INIT;
    hide_key(e, l->body.text ? l->body.text : (char[]) { 0 }, l->body.len);
    json_t *reply = json_parse(strbuf_str(&l->body), l->body.len, "reply", &garbled);
    if (!reply) {
        if (!close_account(e, l, true, err)) {
            return false;
        }
        if (++s->garbled < GARBLED_MAX) {
            try_again(e, l->call, s->garbled);
            return true;
        }
        *err = garbled;
        return false;
    }
    BUG_IF(s->answered);
    bool ok = c->answered(c->arg, l->call, reply, &paid, err);
    json_decref(reply);
    if (!ok) {
        struct err ignored = ERR_INIT; /* what is wrong is said; what it cost stands at its most */
        (void)!close_account(e, l, true, &ignored);
        return false;
    }
    s->answered = true;
    forget_unlikely(c->api, call, &paid);
    c->guessed = c->guessed || !paid.counted;
    c->tokens_in += paid.counted ? paid.tokens_in : call->most_in;
    c->tokens_out += paid.counted ? paid.tokens_out : call->most_out;
    int64_t cost = paid.counted ? call_cost(c->api, paid.tokens_in, paid.tokens_out) : l->most;
    c->paid += cost;
    e->window = fmin(e->window + 1 / e->window, e->n_lanes);
    e->n_done++;
    e->guess_done += call->guess;
    return ledger_settle(c->ledger, l->most, cost, err);
}

static bool take_end(struct engine *e, struct lane *l, CURLcode rc, struct err *err) {
    struct reply r = { .retry_after = -1 };
    reply_read(l->curl, &r);
    free(r.location);
    curl_multi_remove_handle(e->multi, l->curl);
    hop_end(&l->hop);
    l->busy = false;
    e->n_busy--;
    bool ok = rc != CURLE_OK    ? take_broken(e, l, rc, err)
              : r.status == 200 ? take_reply(e, l, err)
                                : take_status(e, l, &r, err);
    return ok;
}

static bool take_ends(struct engine *e, struct err *err) {
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(e->multi, &left));) {
        struct lane *l = NULL;
        CURLcode rc = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&l);
        if (m->msg == CURLMSG_DONE && !take_end(e, l, rc, err)) {
            return false;
        }
    }
    return true;
}

/* ---- the loop ---- */

static bool report(struct engine *e, struct err *err) {
    const struct run_options *run = e->run;
    return !run || !run->progress ||
           run->progress(e->guess_done, e->guess_all, run->progress_arg) ||
           err_set(err, ERR_INTERRUPTED, "stopped on request");
}

static bool work(struct engine *e, struct err *err) {
    while (e->n_done < e->n) {
        int running;
        bool sent = true;
        while (sent) {
            if (!send_one(e, now_s(), &sent, err)) {
                return false;
            }
        }
        curl_multi_perform(e->multi, &running);
        if (!take_ends(e, err) || !report(e, err)) {
            return false;
        }
        if (e->n_done < e->n) {
            bool ready = e->n_busy < (unsigned)e->window && e->next < e->n;
            curl_multi_poll(e->multi, NULL, 0, ready || e->n_again ? TICK_MS / 10 : TICK_MS, NULL);
        }
    }
    return true;
}

/* What is under way when a run ends early may be billed: it stays in the ledger at its most. */
static void engine_release(struct engine *e) {
    for (unsigned i = 0; i < e->n_lanes; i++) {
        struct lane *l = &e->lanes[i];
        if (l->busy) {
            e->c->paid += l->most;
            e->c->ledger->pending -= l->most;
            curl_multi_remove_handle(e->multi, l->curl);
            hop_end(&l->hop);
        }
        curl_easy_cleanup(l->curl);
        strbuf_release(&l->body);
    }
    curl_multi_cleanup(e->multi);
    free(e->lanes);
    free(e->states);
    free(e->again);
    free(e->client.endpoint);
}

static char *endpoint_of(const struct api *api) {
    size_t n = strlen(api->url);
    while (n && api->url[n - 1] == '/') {
        n--;
    }
    return xstrndup(api->url, n);
}

bool calls_run(struct caller *c, const struct call *calls, size_t n, const struct run_options *run,
    struct err *err) {
    struct engine e = { .c = c, .calls = calls, .n = n, .run = run };
    e.n_lanes = c->api->concurrency < n ? c->api->concurrency : (unsigned)n;
    e.window = fmax(1, e.n_lanes / 2);
    e.client = (struct client) { .endpoint = endpoint_of(c->api),
        .token = c->api->kind == API_ANTHROPIC ? NULL : (char *)(uintptr_t)c->key };
    e.states = xcalloc(n + 1, sizeof *e.states);
    e.again = xcalloc(n + 1, sizeof *e.again);
    e.lanes = xcalloc(e.n_lanes + 1, sizeof *e.lanes);
    e.multi = curl_multi_init();
    BUG_IF(!e.multi);
    for (unsigned i = 0; i < e.n_lanes; i++) {
        e.lanes[i].curl = curl_easy_init();
        e.lanes[i].body.max = REPLY_MAX;
        BUG_IF(!e.lanes[i].curl);
    }
    for (size_t i = 0; i < n; i++) {
        e.guess_all += calls[i].guess;
    }
    bool ok = work(&e, err);
    engine_release(&e);
    return ok || err_wrap(err, "api '%s'", c->api->name);
}
