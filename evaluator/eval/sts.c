/* Similarity of sentence pairs against what people said, as mteb's STS evaluator has it: gold
 * scaled to 0..1, four ways to compare two vectors, two correlations. "spearman" and "pearson" are
 * of the model's own similarity. A sentence that occurs in several pairs is
 * embedded once. */
#include <string.h>

#include "evaluator/eval/internal.h"
#include "evaluator/metric/statistic.h"

struct numbers {
    double *gold, *cosine, *manhattan, *euclidean; /* similarities: distances are negated */
    double *dot; /* of a model that compares by it; NULL of any other */
};

static struct numbers *make_numbers(struct eval *e) {
    struct numbers *numbers = arena_alloc(&e->arena, sizeof *numbers);
    double **lists[] = { &numbers->gold, &numbers->cosine, &numbers->manhattan,
        &numbers->euclidean };
    e->kind = numbers;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        *lists[i] = arena_alloc(&e->arena, e->n * sizeof **lists[i]);
    }
    numbers->dot = e->similarity == SIMILARITY_DOT
                       ? arena_alloc(&e->arena, e->n * sizeof *numbers->dot)
                       : NULL;
    return numbers;
}

/* What people said, from 0 to 1. */
static double scaled(const struct task_info *info, double score) {
    double span = info->range_high - info->range_low;
    return span > 0 ? (score - info->range_low) / span : score;
}

static bool compare(struct eval *e, struct numbers *numbers, const float *vectors,
    const size_t *where, struct err *err) {
    size_t width = e->subject->width;
    for (size_t i = 0; i < e->n; i++) {
        const float *a = vectors + where[2 * i] * width, *b = vectors + where[2 * i + 1] * width;
        numbers->gold[i] = scaled(e->info, e->docs[i].score);
        numbers->cosine[i] = cosine(a, b, width);
        numbers->manhattan[i] = -manhattan(a, b, width);
        numbers->euclidean[i] = -euclidean(a, b, width);
        if (numbers->dot) {
            numbers->dot[i] = dot(a, b, width);
        }
        if (!eval_has_length(e, i, a, err) || !eval_has_length(e, i, b, err)) {
            return false;
        }
    }
    return true;
}

static bool sts_ask(struct eval *e, struct err *err) {
    struct numbers *numbers = make_numbers(e);
    size_t *where = xcalloc(2 * e->n, sizeof *where);
    float *vectors = eval_embed_pairs(e, where, err);
    bool ok = vectors && compare(e, numbers, vectors, where, err);
    free(vectors);
    free(where);
    return ok;
}

/* The samples have the pair's score as the data gives it. */
static bool sts_recall(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err) {
    struct numbers *numbers = i ? e->kind : make_numbers(e);
    const json_t *metrics = json_object_get(sample, "metrics");
    const char **texts;
    size_t n;
    if (!recall_texts(e, sample, "texts", &texts, &n, err)) {
        return false;
    }
    if (n != 2) {
        return recall_fail(sample, "it has no two 'texts'", err);
    }
    doc->text_a = texts[0];
    doc->text_b = texts[1];
    bool ok = recall_number(sample, sample, "gold", &doc->score, err) &&
              recall_number(sample, metrics, "cosine", &numbers->cosine[i], err) &&
              recall_number(sample, metrics, "manhattan", &numbers->manhattan[i], err) &&
              recall_number(sample, metrics, "euclidean", &numbers->euclidean[i], err) &&
              (!numbers->dot || recall_number(sample, metrics, "dot", &numbers->dot[i], err));
    numbers->gold[i] = scaled(e->info, doc->score);
    return ok;
}

static const double *own(const struct eval *e) {
    const struct numbers *numbers = e->kind;
    return e->similarity == SIMILARITY_DOT         ? numbers->dot
           : e->similarity == SIMILARITY_MANHATTAN ? numbers->manhattan
           : e->similarity == SIMILARITY_EUCLIDEAN ? numbers->euclidean
                                                   : numbers->cosine;
}

static const double *similarities(const struct eval *e, const char *metric) {
    const struct numbers *numbers = e->kind;
    return !strncmp(metric, "cosine_", 7)       ? numbers->cosine
           : !strncmp(metric, "manhattan_", 10) ? numbers->manhattan
           : !strncmp(metric, "euclidean_", 10) ? numbers->euclidean
                                                : own(e);
}

static bool sts_measure(struct eval *e, const char *metric, size_t from, size_t n,
    struct estimate *out, struct err *err) {
    const struct numbers *numbers = e->kind;
    const char *correlation = strrchr(metric, '_') ? strrchr(metric, '_') + 1 : metric;
    struct pairs pairs = { numbers->gold + from, similarities(e, metric) + from };
    if (strcmp(correlation, "spearman") && strcmp(correlation, "pearson")) {
        return eval_unknown(metric, err);
    }
    statistic_fn *f = strcmp(correlation, "spearman") ? statistic_pearson : statistic_spearman;
    *out = e->cluster ? eval_corpus(e, f, &pairs, from, n)
                      : estimate_bootstrap(f, &pairs, n, EVAL_INTERVAL, EVAL_SEED);
    return true;
}

static void sts_sample(const struct eval *e, size_t i, struct json_writer *w) {
    const struct task_doc *d = &e->docs[i];
    const struct numbers *numbers = e->kind;
    const char *texts[] = { d->text_a, d->text_b };
    eval_prompt_hash(w, texts, 2);
    jw_key(w, "texts");
    jw_array(w);
    jw_string(w, d->text_a);
    jw_string(w, d->text_b);
    jw_end_array(w);
    jw_kv_double(w, "gold", d->score);
    jw_kv_double(w, "prediction", own(e)[i]);
    jw_key(w, "metrics");
    jw_object(w);
    jw_kv_double(w, "cosine", numbers->cosine[i]);
    jw_kv_double(w, "manhattan", numbers->manhattan[i]);
    jw_kv_double(w, "euclidean", numbers->euclidean[i]);
    if (numbers->dot) {
        jw_kv_double(w, "dot", numbers->dot[i]);
    }
    jw_end_object(w);
}

const struct eval_kind eval_sts = {
    .ask = sts_ask, .measure = sts_measure, .sample = sts_sample, .recall = sts_recall
};
