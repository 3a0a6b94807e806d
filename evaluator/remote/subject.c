/* A remote model as a subject: which questions it can be asked, and how each is put to its
 * endpoint. */
#include <math.h>
#include <string.h>

#include "evaluator/eval/prompt.h"
#include "evaluator/metric/letters.h"
#include "evaluator/remote/keep.h"
#include "evaluator/remote/reply.h"

enum {
    STOPS_MAX = 4,      /* that a body may have: the rest is cut here */
    LETTER_TOKENS = 16, /* of an answer that is a letter */
    TOP_LETTERS = 20,
    OVERHEAD = 64,     /* tokens that an endpoint puts around a text, and around each turn */
    BYTES_A_TOKEN = 4, /* by a guess */
};

/* A token is of one byte at least. */
static void count_tokens(struct call *call, size_t bytes, size_t turns, uint64_t out) {
    *call = (struct call) { .most_in = bytes + OVERHEAD * (1 + turns),
        .most_out = out,
        .guess = (bytes + BYTES_A_TOKEN - 1) / BYTES_A_TOKEN + 4 * turns + 1 };
}

/* ---- bodies ---- */

static void body_begin(const struct remote *r, struct json_writer *w, struct strbuf *out) {
    const char *key;
    json_t *value;
    json_writer_init(w, out, false);
    jw_object(w);
    if (r->api->kind != API_TEI) {
        jw_kv_string(w, "model", r->api->model);
    }
    json_object_foreach((json_t *)(uintptr_t)r->api->extra, key, value) {
        jw_key(w, key);
        jw_json(w, value);
    }
}

/* Where the task says nothing, what is most likely is asked for; `extra` may leave it out, for
 * models that refuse the word. */
static void body_temperature(const struct remote *r, struct json_writer *w, double temperature) {
    if (!json_object_get(r->api->extra, "temperature")) {
        jw_kv_double(w, "temperature", temperature);
    }
}

/* ---- log-likelihoods: a request for each choice ---- */

struct scoring {
    struct remote *r;
    struct score_request *requests;
    struct place {
        size_t request, choice;
        char *text;
        size_t n, from; /* what is scored begins there */
    } * places;
    size_t n;
};

/* As lm-evaluation-harness splits them: blanks at the end of a context are the continuation's. */
static void place_choice(struct scoring *s, size_t request, size_t choice) {
    const struct score_request *q = &s->requests[request];
    const struct score_choice *c = &q->choices[choice];
    struct place *p = &s->places[s->n++];
    struct strbuf text = { 0 };
    size_t kept = 0;
    bool alone = q->rolling || !q->context_n;
    strbuf_adds(&text, alone ? s->r->api->prefix : "");
    size_t from = text.len;
    if (!alone) {
        const char *begin = letters_strip(q->context, q->context_n, &kept);
        from = kept ? (size_t)(begin - q->context) + kept : 0;
        strbuf_add(&text, q->context, q->context_n);
    }
    strbuf_add(&text, c->text, c->text_n);
    *p = (struct place) { .request = request, .choice = choice, .from = from, .n = text.len };
    p->text = strbuf_take(&text);
}

static void score_body(void *arg, const size_t *which, size_t n, struct strbuf *out) {
    const struct scoring *s = arg;
    const struct place *p = &s->places[which[0]];
    struct json_writer w;
    (void)n;
    body_begin(s->r, &w, out);
    jw_key(&w, "prompt");
    jw_string_n(&w, p->text, p->n);
    jw_kv_int(&w, "max_tokens", 1); /* nought is "as many as you like" to some */
    body_temperature(s->r, &w, 0);
    jw_kv_int(&w, "logprobs", 1);
    jw_kv_bool(&w, "echo", true);
    jw_end_object(&w);
}

static void score_tokens(void *arg, size_t which, struct call *call) {
    const struct scoring *s = arg;
    count_tokens(call, s->places[which].n, 0, 1);
}

static bool score_distil(void *arg, const json_t *reply, const size_t *which, size_t n,
    struct strbuf *payloads, struct err *err) {
    const struct scoring *s = arg;
    const struct place *p = &s->places[which[0]];
    struct reply_score score;
    (void)n;
    if (!reply_scored(reply, p->text, p->n, p->from, &score, err)) {
        return err_wrap(err, "'%.60s'", s->requests[p->request].choices[p->choice].text);
    }
    uint8_t greedy = score.greedy;
    strbuf_add(&payloads[0], &score.loglikelihood, sizeof score.loglikelihood);
    strbuf_add(&payloads[0], &score.n_tokens, sizeof score.n_tokens);
    strbuf_add(&payloads[0], &greedy, 1);
    return true;
}

static bool score_take(void *arg, size_t which, const uint8_t *payload, size_t n, uint64_t tokens) {
    const struct scoring *s = arg;
    const struct place *p = &s->places[which];
    struct score_request *q = &s->requests[p->request];
    struct score_choice *c = &q->choices[p->choice];
    if (n != 13) {
        return false;
    }
    memcpy(&c->loglikelihood, payload, 8);
    memcpy(&c->n_tokens, payload + 8, 4);
    c->greedy = payload[12] != 0;
    c->n_bytes = (uint32_t)c->text_n;
    q->n_asked += tokens;
    return true;
}

static void score_keys(const struct scoring *s, uint8_t (*keys)[MEMO_KEY]) {
    for (size_t i = 0; i < s->n; i++) {
        struct strbuf body = { 0 };
        struct memo_hash *h = remote_hash(s->r, "score");
        uint64_t from = s->places[i].from;
        score_body((void *)(uintptr_t)s, &i, 1, &body);
        memo_hash_add(h, body.text, body.len);
        memo_hash_add(h, &from, sizeof from);
        memo_hash_end(h, keys[i]);
        strbuf_release(&body);
    }
}

static bool check_scoring(const struct score_request *r, size_t n, struct err *err) {
    for (size_t i = 0; i < n; i++) {
        bool texts = !r[i].context_ids && (r[i].rolling || r[i].context);
        for (size_t k = 0; k < r[i].n_choices; k++) {
            texts = texts && r[i].choices[k].text;
        }
        if (!texts) {
            return err_set(err, ERR_UNSUPPORTED, "a remote model is asked texts, not ids");
        }
    }
    return true;
}

static bool scores(void *self, const char *profile, struct score_request *requests, size_t n,
    const struct run_options *run, struct err *err) {
    struct scoring s = { .r = self, .requests = requests };
    size_t most = 0;
    (void)profile;
    if (!check_scoring(requests, n, err)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        most += requests[i].n_choices;
    }
    s.places = xcalloc(most + 1, sizeof *s.places);
    for (size_t i = 0; i < n; i++) {
        requests[i].err = (struct err)ERR_INIT;
        requests[i].n_asked = 0;
        requests[i].n_truncated = 0;
        for (size_t k = 0; k < requests[i].n_choices; k++) {
            requests[i].choices[k].loglikelihood = -1; /* of a plan: finite, and no number */
            place_choice(&s, i, k);
        }
    }
    uint8_t(*keys)[MEMO_KEY] = xcalloc(s.n + 1, sizeof *keys);
    score_keys(&s, keys);
    struct question q = { "/completions", s.n, 1, keys, score_body, score_tokens, score_distil,
        score_take, &s };
    bool ok = remote_ask(s.r, &q, run, err);
    for (size_t i = 0; i < s.n; i++) {
        free(s.places[i].text);
    }
    for (size_t i = 0; run && run->stats && i < n; i++) {
        run->stats->tokens_asked += requests[i].n_asked;
    }
    free(s.places);
    free(keys);
    return ok;
}

/* ---- texts and letters ---- */

struct writing {
    struct remote *r;
    const struct generate_options *options;
    struct generate_request *requests; /* NULL: letters */
    struct pick_request *picks;
};

/* What chat() made: the turns, as JSON. */
static json_t *turns_of(const char *prompt, size_t n) {
    struct err ignored = ERR_INIT;
    json_t *turns = json_parse(prompt, n, "turns", &ignored);
    BUG_IF(!json_is_array(turns));
    return turns;
}

/* Anthropic's messages have what the system says beside them. */
static void write_turns(
    const struct remote *r, struct json_writer *w, const char *prompt, size_t n) {
    json_t *turns = turns_of(prompt, n), *turn;
    bool apart = r->api->kind == API_ANTHROPIC;
    size_t i;
    jw_key(w, "messages");
    jw_array(w);
    json_array_foreach(turns, i, turn) {
        if (!apart || strcmp(json_get_string(turn, "role", ""), "system")) {
            jw_json(w, turn);
        }
    }
    jw_end_array(w);
    json_array_foreach(turns, i, turn) {
        if (apart && !strcmp(json_get_string(turn, "role", ""), "system")) {
            jw_kv_string(w, "system", json_get_string(turn, "content", ""));
        }
    }
    json_decref(turns);
}

static bool is_blank(const char *s) {
    return !s[strspn(s, " \t\r\n\f\v")];
}

static void write_stops(
    const struct remote *r, struct json_writer *w, const char *const *stop, size_t n) {
    size_t written = 0;
    bool apart = r->api->kind == API_ANTHROPIC;
    for (size_t i = 0; i < n && written < STOPS_MAX; i++) {
        if (!*stop[i] || (apart && is_blank(stop[i]))) {
            continue; /* refused there, cut here */
        }
        if (!written++) {
            jw_key(w, apart ? "stop_sequences" : "stop");
            jw_array(w);
        }
        jw_string(w, stop[i]);
    }
    if (written) {
        jw_end_array(w);
    }
}

static void write_prompt(
    const struct remote *r, struct json_writer *w, const char *prompt, size_t n) {
    if (r->api->speaks == API_CHAT) {
        write_turns(r, w, prompt, n);
    } else {
        jw_key(w, "prompt");
        jw_string_n(w, prompt, n);
    }
}

static uint32_t most_tokens(const struct generate_options *o) {
    return o->max_tokens ? o->max_tokens : 256;
}

static void write_body(void *arg, const size_t *which, size_t n, struct strbuf *out) {
    const struct writing *s = arg;
    const struct generate_request *q = &s->requests[which[0]];
    const struct generate_options *o = s->options;
    struct json_writer w;
    (void)n;
    body_begin(s->r, &w, out);
    write_prompt(s->r, &w, q->prompt, q->prompt_n);
    jw_kv_int(
        &w, s->r->api->speaks == API_CHAT ? s->r->api->tokens_field : "max_tokens", most_tokens(o));
    body_temperature(s->r, &w, o->temperature);
    if (o->temperature > 0 && s->r->api->kind != API_ANTHROPIC) {
        jw_kv_int(&w, "seed", (long long)((o->seed + q->draw) & INT32_MAX));
    }
    write_stops(s->r, &w, q->stop, q->n_stop);
    jw_end_object(&w);
}

static size_t count_turns(const struct remote *r, const char *prompt, size_t n) {
    json_t *turns = r->api->speaks == API_CHAT ? turns_of(prompt, n) : NULL;
    size_t count = json_array_size(turns);
    json_decref(turns);
    return count;
}

static void write_tokens(void *arg, size_t which, struct call *call) {
    const struct writing *s = arg;
    const struct generate_request *q = &s->requests[which];
    count_tokens(
        call, q->prompt_n, count_turns(s->r, q->prompt, q->prompt_n), most_tokens(s->options));
    call->draw = s->options->temperature > 0 ? q->draw : 0;
}

/* The text to the first of its stops. */
static size_t cut_at_stop(const struct generate_request *q, const char *text, bool *stopped) {
    size_t n = strlen(text);
    for (size_t i = 0; i < q->n_stop; i++) {
        const char *at = *q->stop[i] ? strstr(text, q->stop[i]) : NULL;
        if (at && (size_t)(at - text) < n) {
            n = (size_t)(at - text);
            *stopped = true;
        }
    }
    return n;
}

static bool write_distil(void *arg, const json_t *reply, const size_t *which, size_t n,
    struct strbuf *payloads, struct err *err) {
    const struct writing *s = arg;
    struct reply_text text;
    (void)n;
    if (!reply_written(reply, s->r->api, &text, err)) {
        return false;
    }
    size_t cut = cut_at_stop(&s->requests[which[0]], text.text, &text.stopped);
    uint8_t stopped = text.stopped;
    strbuf_add(&payloads[0], &stopped, 1);
    strbuf_add(&payloads[0], text.text, cut);
    return true;
}

static bool write_take(void *arg, size_t which, const uint8_t *payload, size_t n, uint64_t tokens) {
    const struct writing *s = arg;
    struct generate_request *q = &s->requests[which];
    if (!n) {
        return false;
    }
    q->stopped = payload[0] != 0;
    q->text = xstrndup((const char *)payload + 1, n - 1);
    q->n_asked = tokens;
    return true;
}

static bool writes(void *self, const struct generate_options *options,
    struct generate_request *requests, size_t n, const struct run_options *run, struct err *err) {
    struct writing s = { .r = self, .options = options, .requests = requests };
    uint8_t(*keys)[MEMO_KEY] = xcalloc(n + 1, sizeof *keys);
    for (size_t i = 0; i < n; i++) {
        struct strbuf body = { 0 };
        struct memo_hash *h = remote_hash(s.r, "write");
        uint64_t draw = options->temperature > 0 ? requests[i].draw : 0;
        requests[i].err = (struct err)ERR_INIT;
        requests[i].text = NULL;
        requests[i].ids = NULL;
        requests[i].n_ids = 0;
        requests[i].n_truncated = 0;
        write_body(&s, &i, 1, &body);
        memo_hash_add(h, body.text, body.len);
        memo_hash_add(h, &draw, sizeof draw);
        for (size_t k = 0; k < requests[i].n_stop; k++) { /* more may be cut here than are sent */
            memo_hash_text(h, requests[i].stop[k]);
        }
        memo_hash_end(h, keys[i]);
        strbuf_release(&body);
    }
    struct question q = { s.r->api->speaks != API_CHAT      ? "/completions"
                          : s.r->api->kind == API_ANTHROPIC ? "/messages"
                                                            : "/chat/completions",
        n, 1, keys, write_body, write_tokens, write_distil, write_take, &s };
    bool ok = remote_ask(s.r, &q, run, err);
    for (size_t i = 0; run && run->stats && i < n; i++) {
        run->stats->tokens_asked += requests[i].n_asked;
    }
    free(keys);
    return ok;
}

/* The endpoint has the model's template: turns go there as they are. */
static bool chats(void *self, const json_t *messages, struct strbuf *out, struct err *err) {
    struct json_writer w;
    (void)self;
    (void)err;
    json_writer_init(&w, out, false);
    jw_json(&w, messages);
    return true;
}

/* ---- letters ---- */

static void pick_body(void *arg, const size_t *which, size_t n, struct strbuf *out) {
    const struct writing *s = arg;
    const struct pick_request *q = &s->picks[which[0]];
    struct json_writer w;
    (void)n;
    body_begin(s->r, &w, out);
    write_turns(s->r, &w, q->context, strlen(q->context));
    jw_kv_int(&w, s->r->api->tokens_field, LETTER_TOKENS);
    body_temperature(s->r, &w, 0);
    if (s->r->api->kind != API_ANTHROPIC) {
        jw_kv_bool(&w, "logprobs", true);
        jw_kv_int(&w, "top_logprobs", TOP_LETTERS);
    }
    jw_end_object(&w);
}

static void pick_tokens(void *arg, size_t which, struct call *call) {
    const struct writing *s = arg;
    const char *context = s->picks[which].context;
    count_tokens(call, strlen(context), count_turns(s->r, context, strlen(context)), LETTER_TOKENS);
}

/* Kept: the pick, by what, the numbers of all letters, the text. */
enum { PICK_HEAD = 2 + REPLY_LETTERS * 8 };

static bool pick_distil(void *arg, const json_t *reply, const size_t *which, size_t n,
    struct strbuf *payloads, struct err *err) {
    const struct writing *s = arg;
    const struct pick_request *q = &s->picks[which[0]];
    struct reply_text text;
    double logprobs[REPLY_LETTERS];
    bool any;
    (void)n;
    if (!reply_written(reply, s->r->api, &text, err) ||
        !reply_letters(reply, q->n_options, logprobs, &any, err)) {
        return false;
    }
    int best = any ? -1 : letter_of_text(text.text, q->n_options);
    for (size_t k = 0; any && k < q->n_options; k++) {
        if (!isnan(logprobs[k]) && (best < 0 || logprobs[k] > logprobs[best])) {
            best = (int)k;
        }
    }
    uint8_t head[2] = { (uint8_t)(best + 1), any };
    strbuf_add(&payloads[0], head, sizeof head);
    strbuf_add(&payloads[0], logprobs, sizeof logprobs);
    strbuf_adds(&payloads[0], text.text);
    return true;
}

static bool pick_take(void *arg, size_t which, const uint8_t *payload, size_t n, uint64_t tokens) {
    const struct writing *s = arg;
    struct pick_request *q = &s->picks[which];
    if (n < PICK_HEAD || payload[0] > q->n_options) {
        return false;
    }
    q->pick = (int)payload[0] - 1;
    q->by_logprobs = payload[1] != 0;
    memcpy(q->logprobs, payload + 2, q->n_options * sizeof *q->logprobs);
    q->said = xstrndup((const char *)payload + PICK_HEAD, n - PICK_HEAD);
    q->n_asked = tokens;
    return true;
}

static bool picks(void *self, struct pick_request *requests, size_t n,
    const struct run_options *run, struct err *err) {
    struct writing s = { .r = self, .picks = requests };
    uint8_t(*keys)[MEMO_KEY] = xcalloc(n + 1, sizeof *keys);
    for (size_t i = 0; i < n; i++) {
        struct strbuf body = { 0 };
        struct memo_hash *h = remote_hash(s.r, "pick");
        uint64_t n_options = requests[i].n_options;
        requests[i].pick = -1;
        pick_body(&s, &i, 1, &body);
        memo_hash_add(h, body.text, body.len);
        memo_hash_add(h, &n_options, sizeof n_options);
        memo_hash_end(h, keys[i]);
        strbuf_release(&body);
    }
    struct question q = { s.r->api->kind == API_ANTHROPIC ? "/messages" : "/chat/completions", n, 1,
        keys, pick_body, pick_tokens, pick_distil, pick_take, &s };
    bool ok = remote_ask(s.r, &q, run, err);
    for (size_t i = 0; run && run->stats && i < n; i++) {
        run->stats->tokens_asked += requests[i].n_asked;
    }
    free(keys);
    return ok;
}

/* ---- vectors ---- */

struct embedding {
    struct remote *r;
    const char *prompt;
    struct embed_request *requests;
    float *vectors; /* [n, width]; NULL: only the width is wanted */
};

static void embed_body(void *arg, const size_t *which, size_t n, struct strbuf *out) {
    const struct embedding *s = arg;
    bool tei = s->r->api->kind == API_TEI;
    struct json_writer w;
    body_begin(s->r, &w, out);
    jw_key(&w, tei ? "inputs" : "input");
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        const struct embed_request *q = &s->requests[which[i]];
        struct strbuf text = { 0 };
        strbuf_adds(&text, s->prompt ? s->prompt : "");
        strbuf_add(&text, q->text, q->text_n);
        jw_string_n(&w, strbuf_str(&text), text.len);
        strbuf_release(&text);
    }
    jw_end_array(&w);
    if (tei) {
        jw_kv_bool(&w, "truncate", true); /* as a model of the harness does it */
    } else {
        jw_kv_string(&w, "encoding_format", "float");
    }
    jw_end_object(&w);
}

static void embed_tokens(void *arg, size_t which, struct call *call) {
    const struct embedding *s = arg;
    count_tokens(call, s->requests[which].text_n + (s->prompt ? strlen(s->prompt) : 0), 0, 0);
}

static bool embed_distil(void *arg, const json_t *reply, const size_t *which, size_t n,
    struct strbuf *payloads, struct err *err) {
    const struct embedding *s = arg;
    uint32_t width = s->r->width;
    float *vectors = width ? xcalloc(n * width, sizeof *vectors) : NULL;
    (void)which;
    bool ok = reply_vectors(reply, s->r->api, n, &width, &vectors, err);
    for (size_t i = 0; ok && i < n; i++) {
        strbuf_add(&payloads[i], vectors + i * width, width * sizeof *vectors);
    }
    free(vectors);
    return ok;
}

static bool embed_take(void *arg, size_t which, const uint8_t *payload, size_t n, uint64_t tokens) {
    const struct embedding *s = arg;
    size_t width = n / sizeof(float);
    if (!width || n % sizeof(float) || (s->r->width && width != s->r->width)) {
        return false;
    }
    s->r->width = (uint32_t)width;
    if (s->vectors) {
        memcpy(s->vectors + which * width, payload, n);
    }
    s->requests[which].n_asked = (uint32_t)tokens;
    return true;
}

static bool ask_vectors(
    struct embedding *s, size_t n, const struct run_options *run, struct err *err) {
    uint8_t(*keys)[MEMO_KEY] = xcalloc(n + 1, sizeof *keys);
    for (size_t i = 0; i < n; i++) { /* by the text alone: what it is sent with changes nothing */
        struct memo_hash *h = remote_hash(s->r, "embed");
        char *extra = s->r->api->extra ? json_text(s->r->api->extra, JSON_SORT_KEYS) : NULL;
        memo_hash_text(h, extra);
        memo_hash_text(h, s->prompt);
        memo_hash_add(h, s->requests[i].text, s->requests[i].text_n);
        memo_hash_end(h, keys[i]);
        free(extra);
    }
    struct question q = { s->r->api->kind == API_TEI ? "/embed" : "/embeddings", n,
        s->r->api->batch, keys, embed_body, embed_tokens, embed_distil, embed_take, s };
    bool ok = remote_ask(s->r, &q, run, err);
    free(keys);
    return ok;
}

static bool embeds(void *self, enum subject_role role, const char *prompt,
    struct embed_request *requests, size_t n, float *vectors, const struct run_options *run,
    struct err *err) {
    struct embedding s = { self, prompt, requests, vectors };
    (void)role; /* what it means to the model is in the prompt */
    for (size_t i = 0; i < n; i++) {
        requests[i].err = (struct err)ERR_INIT;
        requests[i].truncated = false;
        requests[i].n_asked = 0;
        for (uint32_t k = 0; s.r->dry && k < s.r->width; k++) {
            vectors[i * s.r->width + k] = 1;
        }
    }
    bool ok = ask_vectors(&s, n, run, err);
    for (size_t i = 0; run && run->stats && i < n; i++) {
        run->stats->tokens_asked += requests[i].n_asked;
    }
    return ok;
}

/* One text, for a width that nobody said. */
static bool find_width(struct remote *r, struct err *err) {
    struct embed_request one = { .text = "width", .text_n = 5 };
    struct embedding s = { r, NULL, &one, NULL };
    if (!r->width && r->dry) {
        r->width = 1024; /* of made-up vectors, of which nothing comes */
    }
    return r->width || ask_vectors(&s, 1, NULL, err);
}

static void prompts(void *self, const struct task_info *info, enum subject_role role,
    const char *instruction, struct prompt *out) {
    const struct remote *r = self;
    prompt_choose(r->api->prompts, NULL,
        &(struct prompt_request) { info->name, task_kind_name(info->kind), instruction, role },
        out);
}

/* ---- the door ---- */

static void release_nothing(void *self) {
    (void)self;
}

struct subject *remote_subject(struct remote *r, struct err *err) {
    static const char *const BACKENDS[N_API_KINDS] = { "api/openai", "api/anthropic", "api/tei",
        "api/vllm", "api/llamacpp" };
    struct subject *s = xcalloc(1, sizeof *s);
    struct strbuf name = { 0 };
    strbuf_addf(&name, "api:%s", r->api->name);
    *s = (struct subject) { .name = strbuf_take(&name),
        .device = "remote",
        .backend = BACKENDS[r->api->kind],
        .self = r,
        .similarity = SIMILARITY_COSINE,
        .release = release_nothing };
    if (r->api->speaks == API_COMPLETIONS) {
        s->score = scores;
        s->generate = writes;
    } else if (r->api->speaks == API_CHAT) {
        s->pick = picks;
        s->generate = writes;
        s->chat = chats;
        s->one_turn = !r->turns;
    } else if (find_width(r, err)) {
        s->embed = embeds;
        s->prompt = prompts;
        s->width = r->width;
    } else {
        subject_free(s);
        return NULL;
    }
    return s;
}
