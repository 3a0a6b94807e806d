/* Questions in lists, and the checks on every answer: no request may fail, no number may be other
 * than finite. */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/strmap.h"
#include "evaluator/eval/internal.h"
#include "evaluator/eval/prompt.h"

static bool check_choice(
    struct eval *e, const struct score_choice *c, size_t doc, struct err *err) {
    if (!isfinite(c->loglikelihood)) {
        e->audit.nan++;
        return err_set(err, ERR_NUMERIC,
            "document %zu: the model gives a log-likelihood that is not a number", doc);
    }
    e->audit.empty += c->n_tokens == 0;
    return true;
}

static bool check_answer(
    struct eval *e, const struct score_request *r, size_t doc, struct err *err) {
    if (r->err.class != ERR_NONE) {
        *err = r->err;
        return err_wrap(err, "document %zu", doc);
    }
    e->audit.truncated += r->n_truncated > 0;
    for (size_t i = 0; i < r->n_choices; i++) {
        if (!check_choice(e, &r->choices[i], doc, err)) {
            return false;
        }
    }
    return true;
}

bool eval_score(struct eval *e, struct score_request *requests, const size_t *owner, size_t n,
    struct err *err) {
    if (!e->subject->score) {
        return err_set(err, ERR_UNSUPPORTED,
            "'%s' cannot score text: task '%s' needs a causal language model", e->subject->name,
            e->info->name);
    }
    if (!e->subject->score(e->subject->self, e->info->rules, requests, n, &e->run, err)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!check_answer(e, &requests[i], e->docs[owner ? owner[i] : i].index, err)) {
            return false;
        }
    }
    return true;
}

static bool check_vectors(struct eval *e, const float *v, size_t n, size_t width, struct err *err) {
    for (size_t i = 0; i < n * width; i++) {
        if (!isfinite(v[i])) {
            e->audit.nan++;
            return err_set(err, ERR_NUMERIC,
                "text %zu: the model gives a vector with a number that is not finite", i / width);
        }
    }
    return true;
}

static bool check_requests(
    struct eval *e, const struct embed_request *r, size_t n, struct err *err) {
    for (size_t i = 0; i < n; i++) {
        if (r[i].err.class != ERR_NONE) {
            *err = r[i].err;
            return err_wrap(err, "text %zu", i);
        }
        e->audit.truncated += r[i].truncated;
        e->audit.empty += r[i].text_n == 0;
    }
    return true;
}

/* What is put before the texts, for the record too; it lives as long as the evaluation. */
static const char *choose_prompt(struct eval *e, enum subject_role role, const char *instruction) {
    static const char *const ROLES[] = { "text", "query", "document" };
    const struct subject *s = e->subject;
    struct prompt p;
    if (!s->prompt) {
        return instruction;
    }
    s->prompt(s->self, e->info, role, instruction, &p);
    const char *text = p.text ? arena_strdup(&e->arena, p.text) : NULL;
    e->prompts = e->prompts ? e->prompts : json_object();
    json_object_set_new(e->prompts, ROLES[role],
        json_pack("{s:s, s:s?, s:s?}", "rule", p.rule, "name", p.name, "prompt", text));
    prompt_release(&p);
    return text;
}

float *eval_embed(struct eval *e, enum subject_role role, const char *prompt,
    const char *const *texts, size_t n, struct err *err) {
    const struct subject *s = e->subject;
    if (!s->embed || !s->width) {
        err_set(err, ERR_UNSUPPORTED, "'%s' gives no vectors: task '%s' needs an embedding model",
            s->name, e->info->name);
        return NULL;
    }
    size_t cells;
    if (!mem_mul(n, s->width, &cells)) {
        err_set(err, ERR_RESOURCE, "%zu vectors of %u numbers do not fit", n, s->width);
        return NULL;
    }
    float *vectors = mem_try(cells, sizeof *vectors, "vectors", err);
    if (!vectors) {
        return NULL;
    }
    e->n_begun += n;
    struct embed_request *requests = xcalloc(n, sizeof *requests);
    for (size_t i = 0; i < n; i++) {
        requests[i].text = texts[i];
        requests[i].text_n = strlen(texts[i]);
    }
    const char *before = choose_prompt(e, role, prompt);
    bool ok = s->embed(s->self, role, before, requests, n, vectors, &e->run, err) &&
              check_requests(e, requests, n, err) && check_vectors(e, vectors, n, s->width, err);
    free(requests);
    if (!ok) {
        free(vectors);
        return NULL;
    }
    return vectors;
}

float *eval_embed_unique(struct eval *e, enum subject_role role, const char *prompt,
    const char *const *texts, size_t n, size_t *where, struct err *err) {
    const char **once = xcalloc(n + 1, sizeof *once);
    struct strmap *seen = strmap_new(n);
    size_t n_once = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t at = strmap_find(seen, texts[i], strlen(texts[i]));
        if (at < 0) {
            at = (int32_t)n_once;
            strmap_add(seen, texts[i], strlen(texts[i]), at);
            once[n_once++] = texts[i];
        }
        where[i] = (size_t)at;
    }
    strmap_free(seen);
    float *vectors = eval_embed(e, role, prompt, once, n_once, err);
    free(once);
    return vectors;
}

float *eval_embed_pairs(struct eval *e, size_t *where, struct err *err) {
    const char **texts = xcalloc(2 * e->n, sizeof *texts);
    for (size_t i = 0; i < e->n; i++) {
        texts[2 * i] = e->docs[i].text_a;
        texts[2 * i + 1] = e->docs[i].text_b;
    }
    float *vectors =
        eval_embed_unique(e, SUBJECT_TEXT, e->info->prompt_query, texts, 2 * e->n, where, err);
    free(texts);
    return vectors;
}

bool eval_has_length(const struct eval *e, size_t doc, const float *vector, struct err *err) {
    return dot(vector, vector, e->subject->width) > 0 ||
           err_set(err, ERR_NUMERIC, "document %zu: the model gives a vector of length zero",
               e->docs[doc].index);
}

static void scale(float *v, size_t width, double by) {
    for (size_t k = 0; k < width; k++) {
        v[k] = (float)(v[k] / by);
    }
}

bool eval_make_comparable(
    const struct eval *e, const char *what, float *vectors, size_t n, struct err *err) {
    const size_t width = e->subject->width;
    if (e->similarity != SIMILARITY_COSINE && e->similarity != SIMILARITY_DOT) {
        err_set(err, ERR_UNSUPPORTED, "the model compares texts by its '%s' similarity",
            similarity_name(e->similarity));
        return err_hint(err, "what ranks texts here goes by cosine or dot product");
    }
    for (size_t i = 0; i < n; i++) {
        float *v = vectors + i * width;
        const double length = sqrt(dot(v, v, width));
        if (!(length > 0)) {
            return err_set(
                err, ERR_NUMERIC, "%s %zu: the model gives a vector of length zero", what, i);
        }
        if (e->similarity == SIMILARITY_COSINE) {
            scale(v, width, length);
        }
    }
    return true;
}

void eval_write_value(struct json_writer *w, const char *metric, double value) {
    if (isnan(value)) {
        jw_key(w, metric);
        jw_null(w);
    } else {
        jw_kv_double(w, metric, value);
    }
}

void eval_prompt_hash(struct json_writer *w, const char *const *texts, size_t n) {
    char hex[65];
    struct sha256 *h = sha256_new();
    for (size_t i = 0; i < n; i++) {
        if (i) {
            sha256_add(h, "\n", 1);
        }
        sha256_add(h, texts[i], strlen(texts[i]));
    }
    sha256_end(h, hex);
    jw_kv_string(w, "prompt_hash", hex);
}
