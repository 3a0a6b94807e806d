/* A subject before another one: asks it only what the memo has no answer to, and keeps what it
 * says. In a plan nothing is answered: the other subject counts, and every answer that it would
 * give is known from then on. */
#include <string.h>

#include "base/mem.h"
#include "evaluator/eval/eval.h"
#include "evaluator/eval/memo.h"

struct subject_memo {
    struct subject *inner;
    struct memo *vectors, *answers; /* either may be NULL */
    char *identity;                 /* model and way of running, for keys */
    bool plan;
    uint64_t n_reused;
};

/* What is asked of the inner subject, and where in the caller's list it belongs. */
struct missing {
    struct subject_memo *memo;
    size_t *at; /* [n] */
    size_t n;
    uint8_t (*keys)[MEMO_KEY]; /* of all of the caller's requests */
    const struct run_options *run;
    struct err err; /* why the callback ended the run */
    struct score_request *score;
    struct generate_request *generate;
    struct embed_request *embed;
    float *vectors; /* [n, width] */
    uint32_t width;
};

static void missing_release(struct missing *m) {
    free(m->at);
    free(m->keys);
    free(m->score);
    free(m->generate);
    free(m->embed);
    free(m->vectors);
}

static struct memo_hash *hash_begin(const struct subject_memo *s, const char *kind) {
    struct memo_hash *h = memo_hash_new();
    memo_hash_text(h, kind);
    memo_hash_text(h, s->identity);
    return h;
}

static struct run_options inner_run(struct missing *m, run_answered_fn *answered) {
    struct run_options run = m->run ? *m->run : (struct run_options) { 0 };
    run.plan_only = m->memo->plan;
    run.answered = answered;
    run.answered_arg = m;
    return run;
}

static void count_reused(struct subject_memo *s, const struct run_options *run, uint64_t n_asked) {
    s->n_reused++;
    if (run && run->stats) {
        run->stats->items++;
        run->stats->tokens_asked += n_asked;
    }
}

/* The inner subject's verdict, or why its answers could not be kept. */
static bool verdict(const struct missing *m, bool ok, struct err *err) {
    if (m->err.class != ERR_NONE) {
        *err = m->err;
        return false;
    }
    return ok;
}

/* ---- log-likelihoods ---- */

static void score_key(const struct subject_memo *s, const char *profile,
    const struct score_request *r, uint8_t key[MEMO_KEY]) {
    struct memo_hash *h = hash_begin(s, r->rolling ? "rolling" : "score");
    memo_hash_text(h, profile);
    memo_hash_add(h, r->context ? r->context : "", r->context ? r->context_n : 0);
    for (size_t i = 0; i < r->n_choices; i++) {
        memo_hash_add(h, r->choices[i].text, r->choices[i].text_n);
    }
    memo_hash_end(h, key);
}

/* A payload: what a request got, and then each of its choices, without padding. */
enum { SCORE_HEAD = 12, SCORE_CHOICE = 17 };

static void score_pack(const struct score_request *r, struct strbuf *out) {
    strbuf_add(out, &r->n_asked, sizeof r->n_asked);
    strbuf_add(out, &r->n_truncated, sizeof r->n_truncated);
    for (size_t i = 0; i < r->n_choices; i++) {
        const struct score_choice *c = &r->choices[i];
        uint8_t greedy = c->greedy;
        strbuf_add(out, &c->loglikelihood, sizeof c->loglikelihood);
        strbuf_add(out, &greedy, sizeof greedy);
        strbuf_add(out, &c->n_tokens, sizeof c->n_tokens);
        strbuf_add(out, &c->n_bytes, sizeof c->n_bytes);
    }
}

static bool score_unpack(struct score_request *r, const uint8_t *data, size_t n) {
    if (n != SCORE_HEAD + r->n_choices * SCORE_CHOICE) {
        return false;
    }
    r->err = (struct err)ERR_INIT;
    memcpy(&r->n_asked, data, 8);
    memcpy(&r->n_truncated, data + 8, 4);
    for (size_t i = 0; i < r->n_choices; i++) {
        struct score_choice *c = &r->choices[i];
        const uint8_t *at = data + SCORE_HEAD + i * SCORE_CHOICE;
        memcpy(&c->loglikelihood, at, 8);
        c->greedy = at[8] != 0;
        memcpy(&c->n_tokens, at + 9, 4);
        memcpy(&c->n_bytes, at + 13, 4);
    }
    return true;
}

static bool keep_score(size_t request, void *arg) {
    struct missing *m = arg;
    struct strbuf payload = { 0 };
    score_pack(&m->score[request], &payload);
    bool ok = memo_add(
        m->memo->answers, m->keys[m->at[request]], strbuf_str(&payload), payload.len, &m->err);
    strbuf_release(&payload);
    return ok;
}

/* For a plan what was asked is enough, with which every payload begins. */
static bool find_score(struct missing *m, struct score_request *r, size_t i) {
    size_t n;
    const void *payload = memo_find(m->memo->answers, m->keys[i], &n);
    if (payload && m->memo->plan && n >= sizeof r->n_asked) {
        memcpy(&r->n_asked, payload, sizeof r->n_asked);
    } else if (!payload || !score_unpack(r, payload, n)) {
        return false;
    }
    count_reused(m->memo, m->run, r->n_asked);
    return true;
}

/* An answer that is none, for a plan: finite, and the same for all. */
static bool plan_score(
    struct subject_memo *s, struct score_request *r, const uint8_t *key, struct err *err) {
    for (size_t i = 0; i < r->n_choices; i++) {
        r->choices[i].loglikelihood = -1;
    }
    return memo_add(s->answers, key, &r->n_asked, sizeof r->n_asked, err);
}

static bool memo_score(void *self, const char *profile, struct score_request *requests, size_t n,
    const struct run_options *run, struct err *err) {
    struct subject_memo *s = self;
    struct missing m = { .memo = s, .run = run };
    m.at = xcalloc(n ? n : 1, sizeof *m.at);
    m.keys = xcalloc(n ? n : 1, sizeof *m.keys);
    m.score = xcalloc(n ? n : 1, sizeof *m.score);
    for (size_t i = 0; i < n; i++) {
        score_key(s, profile, &requests[i], m.keys[i]);
        if (!find_score(&m, &requests[i], i)) {
            m.score[m.n] = requests[i];
            m.at[m.n++] = i;
        }
    }
    struct run_options inner = inner_run(&m, keep_score);
    bool ok = s->inner->score(s->inner->self, profile, m.score, m.n, &inner, err);
    for (size_t i = 0; i < m.n; i++) {
        requests[m.at[i]] = m.score[i];
    }
    for (size_t i = 0; ok && s->plan && i < n; i++) {
        ok = plan_score(s, &requests[i], m.keys[i], err);
    }
    ok = verdict(&m, ok, err) && memo_flush(s->answers, err);
    missing_release(&m);
    return ok;
}

/* ---- texts that are gone on with ---- */

static void generate_key(const struct subject_memo *s, const struct generate_options *o,
    const struct generate_request *r, uint8_t key[MEMO_KEY]) {
    struct memo_hash *h = hash_begin(s, "generate");
    uint64_t numbers[] = { o->max_tokens, o->temperature > 0 ? o->seed : 0,
        o->temperature > 0 ? r->draw : 0 };
    memo_hash_add(h, numbers, sizeof numbers);
    memo_hash_add(h, &o->temperature, sizeof o->temperature);
    memo_hash_add(h, r->prompt, r->prompt_n);
    for (size_t i = 0; i < r->n_stop; i++) {
        memo_hash_text(h, r->stop[i]);
    }
    memo_hash_end(h, key);
}

/* A payload: what was asked, how it ended, and the text. */
enum { GENERATE_HEAD = 13 };

static void generate_pack(const struct generate_request *r, struct strbuf *out) {
    uint8_t stopped = r->stopped;
    strbuf_add(out, &r->n_asked, sizeof r->n_asked);
    strbuf_add(out, &r->n_truncated, sizeof r->n_truncated);
    strbuf_add(out, &stopped, sizeof stopped);
    strbuf_adds(out, r->text ? r->text : "");
}

static bool generate_unpack(struct generate_request *r, const uint8_t *data, size_t n) {
    if (n < GENERATE_HEAD) {
        return false;
    }
    r->err = (struct err)ERR_INIT;
    memcpy(&r->n_asked, data, 8);
    memcpy(&r->n_truncated, data + 8, 4);
    r->stopped = data[12] != 0;
    r->text = xstrndup((const char *)data + GENERATE_HEAD, n - GENERATE_HEAD);
    r->ids = NULL;
    r->n_ids = 0;
    return true;
}

static bool keep_generated(size_t request, void *arg) {
    struct missing *m = arg;
    struct strbuf payload = { 0 };
    generate_pack(&m->generate[request], &payload);
    bool ok = memo_add(
        m->memo->answers, m->keys[m->at[request]], strbuf_str(&payload), payload.len, &m->err);
    strbuf_release(&payload);
    return ok;
}

static bool find_generated(struct missing *m, struct generate_request *r, size_t i) {
    size_t n;
    const void *payload = memo_find(m->memo->answers, m->keys[i], &n);
    if (payload && m->memo->plan && n >= sizeof r->n_asked) {
        memcpy(&r->n_asked, payload, sizeof r->n_asked);
        r->text = NULL;
        r->ids = NULL;
    } else if (!payload || !generate_unpack(r, payload, n)) {
        return false;
    }
    count_reused(m->memo, m->run, r->n_asked);
    return true;
}

static bool memo_generate(void *self, const struct generate_options *options,
    struct generate_request *requests, size_t n, const struct run_options *run, struct err *err) {
    struct subject_memo *s = self;
    struct missing m = { .memo = s, .run = run };
    m.at = xcalloc(n ? n : 1, sizeof *m.at);
    m.keys = xcalloc(n ? n : 1, sizeof *m.keys);
    m.generate = xcalloc(n ? n : 1, sizeof *m.generate);
    for (size_t i = 0; i < n; i++) {
        generate_key(s, options, &requests[i], m.keys[i]);
        if (!find_generated(&m, &requests[i], i)) {
            m.generate[m.n] = requests[i];
            m.at[m.n++] = i;
        }
    }
    struct run_options inner = inner_run(&m, keep_generated);
    bool ok = s->inner->generate(s->inner->self, options, m.generate, m.n, &inner, err);
    for (size_t i = 0; i < m.n; i++) {
        requests[m.at[i]] = m.generate[i];
    }
    for (size_t i = 0; ok && s->plan && i < n; i++) {
        ok = memo_add(s->answers, m.keys[i], &requests[i].n_asked, sizeof requests[i].n_asked, err);
    }
    ok = verdict(&m, ok, err) && memo_flush(s->answers, err);
    missing_release(&m);
    return ok;
}

static bool memo_chat(void *self, const json_t *messages, struct strbuf *out, struct err *err) {
    const struct subject *inner = ((struct subject_memo *)self)->inner;
    return inner->chat(inner->self, messages, out, err);
}

/* ---- vectors ---- */

static void embed_key(const struct subject_memo *s, enum subject_role role, const char *prompt,
    const struct embed_request *r, uint8_t key[MEMO_KEY]) {
    struct memo_hash *h = hash_begin(s, "embed");
    memo_hash_add(h, &role, sizeof role);
    memo_hash_text(h, prompt);
    memo_hash_add(h, r->text, r->text_n);
    memo_hash_end(h, key);
}

enum { EMBED_HEAD = 5 };

static bool embed_unpack(
    struct embed_request *r, float *vector, uint32_t width, const uint8_t *data, size_t n) {
    if (n != EMBED_HEAD + width * sizeof *vector) {
        return false;
    }
    r->err = (struct err)ERR_INIT;
    memcpy(&r->n_asked, data, 4);
    r->truncated = data[4] != 0;
    memcpy(vector, data + EMBED_HEAD, width * sizeof *vector);
    return true;
}

static bool keep_vector(size_t request, void *arg) {
    struct missing *m = arg;
    const struct embed_request *r = &m->embed[request];
    struct strbuf payload = { 0 };
    uint8_t truncated = r->truncated;
    strbuf_add(&payload, &r->n_asked, sizeof r->n_asked);
    strbuf_add(&payload, &truncated, sizeof truncated);
    strbuf_add(&payload, m->vectors + request * m->width, m->width * sizeof *m->vectors);
    bool ok =
        memo_add(m->memo->vectors, m->keys[m->at[request]], payload.text, payload.len, &m->err);
    strbuf_release(&payload);
    return ok;
}

static bool find_vector(struct missing *m, struct embed_request *r, size_t i, float *vector) {
    size_t n;
    const void *payload = memo_find(m->memo->vectors, m->keys[i], &n);
    if (payload && m->memo->plan && n >= sizeof r->n_asked) {
        memcpy(&r->n_asked, payload, sizeof r->n_asked);
    } else if (!payload || !embed_unpack(r, vector, m->width, payload, n)) {
        return false;
    }
    count_reused(m->memo, m->run, r->n_asked);
    return true;
}

/* A vector that is none, for a plan: of some length, and the same for all. */
static bool plan_vector(struct subject_memo *s, const struct embed_request *r, float *vector,
    const uint8_t *key, struct err *err) {
    for (uint32_t i = 0; i < s->inner->width; i++) {
        vector[i] = 1;
    }
    return memo_add(s->vectors, key, &r->n_asked, sizeof r->n_asked, err);
}

static void memo_prompt(void *self, const struct task_info *info, enum subject_role role,
    const char *instruction, struct prompt *out) {
    const struct subject *inner = ((struct subject_memo *)self)->inner;
    inner->prompt(inner->self, info, role, instruction, out);
}

static bool memo_embed(void *self, enum subject_role role, const char *prompt,
    struct embed_request *requests, size_t n, float *vectors, const struct run_options *run,
    struct err *err) {
    struct subject_memo *s = self;
    struct missing m = { .memo = s, .run = run, .width = s->inner->width };
    m.at = xcalloc(n ? n : 1, sizeof *m.at);
    m.keys = xcalloc(n ? n : 1, sizeof *m.keys);
    m.embed = xcalloc(n ? n : 1, sizeof *m.embed);
    for (size_t i = 0; i < n; i++) {
        embed_key(s, role, prompt, &requests[i], m.keys[i]);
        if (!find_vector(&m, &requests[i], i, vectors + i * m.width)) {
            m.embed[m.n] = requests[i];
            m.at[m.n++] = i;
        }
    }
    m.vectors = mem_try((m.n ? m.n : 1) * (size_t)m.width, sizeof *m.vectors, "vectors", err);
    struct run_options inner = inner_run(&m, keep_vector);
    bool ok = m.vectors &&
              s->inner->embed(s->inner->self, role, prompt, m.embed, m.n, m.vectors, &inner, err);
    for (size_t i = 0; ok && i < m.n; i++) {
        requests[m.at[i]] = m.embed[i];
        memcpy(vectors + m.at[i] * m.width, m.vectors + i * m.width, m.width * sizeof *vectors);
    }
    for (size_t i = 0; ok && s->plan && i < n; i++) {
        ok = plan_vector(s, &requests[i], vectors + i * m.width, m.keys[i], err);
    }
    ok = verdict(&m, ok, err) && memo_flush(s->vectors, err);
    missing_release(&m);
    return ok;
}

/* ---- the door ---- */

static void release_memo(void *self) {
    struct subject_memo *s = self;
    subject_free(s->inner);
    free(s->identity);
    free(s);
}

struct subject *subject_memo_new(
    struct subject *inner, const struct subject_memo_options *options) {
    struct subject_memo *m = xcalloc(1, sizeof *m);
    struct subject *s = xcalloc(1, sizeof *s);
    *m = (struct subject_memo) { .inner = inner,
        .vectors = options->vectors,
        .answers = options->answers,
        .identity = xstrdup(options->identity),
        .plan = options->plan };
    *s = *inner;
    s->self = m;
    s->name = xstrdup(inner->name);
    s->revision = inner->revision ? xstrdup(inner->revision) : NULL;
    s->embed = inner->embed ? memo_embed : NULL;
    s->prompt = inner->prompt ? memo_prompt : NULL;
    s->score = inner->score ? memo_score : NULL;
    s->generate = inner->generate ? memo_generate : NULL;
    s->chat = inner->chat ? memo_chat : NULL;
    s->release = release_memo;
    return s;
}

uint64_t subject_memo_reused(const struct subject *s) {
    return ((const struct subject_memo *)s->self)->n_reused;
}
