/* A model of the live corner, and what it says to a visitor's texts: the numbers of `assay embed`,
 * `score` and `classify`. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "evaluator/eval/prompt.h"
#include "evaluator/metric/choice.h"
#include "evaluator/metric/metric.h"
#include "evaluator/serve/live.h"
#include "evaluator/serve/serve.h"
#include "harness/harness.h"

/* What a run may take for keys, values and activations: texts are short. */
static const size_t WORK_BYTES = (size_t)512 << 20;

struct live_model {
    char *name;
    enum live_kind kind;
    struct model *model;
};

/* ---- opening ---- */

/* As the pipelines take it: a model with modules embeds, one with a classifier classifies, any
 * other decoder scores. */
static bool find_kind(struct live_model *m, struct err *err) {
    const struct model_info *info = model_info(m->model);
    struct embed_options options = { 0 };
    if (info->classifies) {
        m->kind = LIVE_CLASSES;
    } else if (info->causal && !info->has_pooling) {
        m->kind = LIVE_CHOICES;
    } else {
        m->kind = LIVE_NEIGHBOURS;
        if (!model_embed_width(m->model, &options, err)) {
            return err_wrap(err, "'%s' can't be asked anything live", m->name);
        }
    }
    return true;
}

struct live_model *live_model_open(const struct serve_live *o, size_t i, struct err *err) {
    struct live_model *m = xcalloc(1, sizeof *m);
    struct model_options options = { .device = "cpu", .memory_bytes = WORK_BYTES };
    options.packs.dir = o->packs;
    m->name = xstrdup(o->models[i].name);
    m->model = model_open(o->models[i].path, &options, err);
    if (m->model && find_kind(m, err)) {
        return m;
    }
    live_model_close(m);
    return NULL;
}

void live_model_close(struct live_model *m) {
    if (m) {
        model_close(m->model);
        free(m->name);
        free(m);
    }
}

const char *live_model_name(const struct live_model *m) {
    return m->name;
}

enum live_kind live_model_kind(const struct live_model *m) {
    return m->kind;
}

/* ---- prompts ---- */

static json_t *prompts_told(const struct live_model *m) {
    struct model_prompts all = model_prompts(m->model);
    const char *query = prompt_of_role(all.named, SUBJECT_QUERY),
               *texts = prompt_of_role(all.named, SUBJECT_PASSAGE);
    query = query ? query : all.chosen;
    texts = texts ? texts : all.chosen;
    return json_pack("{s:s?, s:s?}", "query",
        query ? json_get_string(all.named, query, NULL) : NULL, "texts",
        texts ? json_get_string(all.named, texts, NULL) : NULL);
}

json_t *live_model_describe(const struct live_model *m) {
    const struct model_info *info = model_info(m->model);
    json_t *d = json_pack("{s:s, s:s, s:s, s:I, s:I}", "name", m->name, "kind",
        live_kind_name(m->kind), "dtype", info->dtype, "parameters", (json_int_t)info->n_parameters,
        "max_length", (json_int_t)info->max_length);
    if (m->kind == LIVE_NEIGHBOURS) {
        json_object_set_new(d, "prompts", prompts_told(m));
    }
    return d;
}

/* ---- neighbours ---- */

static void put_text(struct embed_request *r, const json_t *text) {
    r->text = json_string_value(text);
    r->text_n = json_string_length(text);
}

/* The first error of a request is the answer's. */
static bool check_requests(const struct embed_request *requests, size_t n, struct err *err) {
    for (size_t i = 0; i < n; i++) {
        if (requests[i].err.class != ERR_NONE) {
            *err = requests[i].err;
            return false;
        }
    }
    return true;
}

/* The query's vector, then those of the texts. A query is put differently from what is searched
 * where the model has a prompt for it; else both get its default one. */
static bool embed(struct live_model *m, const struct live_ask *ask, const struct run_options *run,
    struct embed_request *requests, size_t n, float *vectors, uint32_t width, struct err *err) {
    const json_t *texts = json_object_get(ask->fields, "texts");
    const json_t *named = model_prompts(m->model).named;
    struct embed_options query = { .prompt_name = prompt_of_role(named, SUBJECT_QUERY) },
                         document = { .prompt_name = prompt_of_role(named, SUBJECT_PASSAGE) };
    put_text(&requests[0], json_object_get(ask->fields, "query"));
    for (size_t i = 1; i < n; i++) {
        put_text(&requests[i], json_array_get(texts, i - 1));
    }
    return model_embed(m->model, &query, requests, 1, vectors, run, err) &&
           model_embed(m->model, &document, requests + 1, n - 1, vectors + width, run, err) &&
           check_requests(requests, n, err);
}

struct near {
    size_t i;
    double cosine;
};

static int nearer(const void *a, const void *b) {
    const struct near *x = a, *y = b;
    return x->cosine != y->cosine ? (x->cosine < y->cosine ? 1 : -1) : x->i < y->i ? -1 : 1;
}

static json_t *neighbours_told(
    const struct embed_request *requests, const float *vectors, size_t n, uint32_t width) {
    struct near *near = xcalloc(n, sizeof *near);
    json_t *list = json_array();
    for (size_t i = 0; i + 1 < n; i++) {
        near[i] =
            (struct near) { .i = i, .cosine = cosine(vectors, vectors + (i + 1) * width, width) };
    }
    qsort(near, n - 1, sizeof *near, nearer);
    for (size_t i = 0; i + 1 < n; i++) {
        json_array_append_new(
            list, json_pack("{s:I, s:f, s:b}", "index", (json_int_t)near[i].i, "cosine",
                      near[i].cosine, "truncated", requests[near[i].i + 1].truncated));
    }
    free(near);
    return json_pack("{s:b, s:o}", "query_truncated", requests[0].truncated, "neighbours", list);
}

static json_t *ask_neighbours(struct live_model *m, const struct live_ask *ask,
    const struct run_options *run, struct err *err) {
    size_t n = 1 + json_array_size(json_object_get(ask->fields, "texts"));
    struct embed_options options = { 0 };
    uint32_t width = model_embed_width(m->model, &options, err);
    struct embed_request *requests = xcalloc(n, sizeof *requests);
    float *vectors = xcalloc(n * (width + 1), sizeof *vectors);
    json_t *told = width && embed(m, ask, run, requests, n, vectors, width, err)
                       ? neighbours_told(requests, vectors, n, width)
                       : NULL;
    free(vectors);
    free(requests);
    return told;
}

/* ---- choices ---- */

/* What acc goes by, the log-likelihood, and what acc_norm does: the same per character. */
static json_t *choices_told(const struct score_request *r, const json_t *texts) {
    enum { MOST = LIVE_CHOICES_MAX };
    size_t n = r->n_choices;
    double loglik[MOST], length[MOST], share[MOST], per[MOST];
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        loglik[i] = r->choices[i].loglikelihood;
        length[i] = choice_length_points(json_string_value(json_array_get(texts, i)));
    }
    choice_scores(loglik, length, NULL, n, per);
    choice_shares(loglik, n, share);
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list,
            json_pack("{s:f, s:f, s:f, s:b, s:I, s:I}", "loglikelihood", loglik[i], "probability",
                share[i], "per_character", per[i], "greedy", r->choices[i].greedy, "characters",
                (json_int_t)length[i], "tokens", (json_int_t)r->choices[i].n_tokens));
    }
    return json_pack("{s:o, s:I, s:I, s:I}", "choices", list, "acc",
        (json_int_t)argmax_first(loglik, n), "acc_norm", (json_int_t)argmax_first(per, n),
        "truncated_tokens", (json_int_t)r->n_truncated);
}

static json_t *ask_choices(struct live_model *m, const struct live_ask *ask,
    const struct run_options *run, struct err *err) {
    const json_t *texts = json_object_get(ask->fields, "choices"),
                 *context = json_object_get(ask->fields, "context");
    const char *delimiter = json_get_string(ask->fields, "delimiter", " ");
    struct score_choice choices[LIVE_CHOICES_MAX] = { 0 };
    struct strbuf joined[LIVE_CHOICES_MAX] = { 0 };
    struct score_options options = { 0 };
    struct score_request r = { .context = json_string_value(context),
        .context_n = json_string_length(context),
        .choices = choices,
        .n_choices = json_array_size(texts) };
    for (size_t i = 0; i < r.n_choices; i++) {
        const json_t *text = json_array_get(texts, i);
        strbuf_adds(&joined[i], delimiter);
        strbuf_add(&joined[i], json_string_value(text), json_string_length(text));
        choices[i].text = strbuf_str(&joined[i]);
        choices[i].text_n = joined[i].len;
    }
    bool ok = model_score(m->model, &options, &r, 1, run, err);
    if (ok && r.err.class != ERR_NONE) {
        *err = r.err;
        ok = false;
    }
    json_t *told = ok ? choices_told(&r, texts) : NULL;
    for (size_t i = 0; i < r.n_choices; i++) {
        strbuf_release(&joined[i]);
    }
    return told;
}

/* ---- classes ---- */

static json_t *ask_classes(struct live_model *m, const struct live_ask *ask,
    const struct run_options *run, struct err *err) {
    const json_t *text = json_object_get(ask->fields, "text"),
                 *pair = json_object_get(ask->fields, "pair");
    struct classify_request r = { .text = json_string_value(text),
        .text_n = json_string_length(text),
        .pair = json_string_value(pair),
        .pair_n = json_string_length(pair) };
    uint32_t n = model_labels(m->model, err);
    float *logits = xcalloc(2 * (size_t)n + 1, sizeof *logits), *scores = logits + n;
    json_t *told = NULL;
    if (n && model_classify(m->model, &r, 1, logits, scores, run, err)) {
        json_t *list = json_array();
        for (uint32_t i = 0; i < n; i++) {
            json_array_append_new(
                list, json_pack("{s:s, s:f, s:f}", "label", model_label(m->model, i), "score",
                          (double)scores[i], "logit", (double)logits[i]));
        }
        told = json_pack("{s:o, s:b}", "classes", list, "truncated", r.truncated);
    }
    if (told && r.err.class != ERR_NONE) {
        *err = r.err;
        json_decref(told);
        told = NULL;
    }
    free(logits);
    return told;
}

json_t *live_model_ask(struct live_model *m, const struct live_ask *ask, live_go_on *go_on,
    void *arg, struct err *err) {
    static json_t *(*const ASK[N_LIVE_KINDS])(struct live_model *, const struct live_ask *,
        const struct run_options *, struct err *) = { ask_neighbours, ask_choices, ask_classes };
    struct run_options run = { .progress = go_on, .progress_arg = arg };
    json_t *told = ASK[m->kind](m, ask, &run, err);
    if (told) {
        json_object_set_new(told, "model", json_string(m->name));
    }
    return told;
}
