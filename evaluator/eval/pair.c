/* Pair classification, as mteb's evaluator has it: how well a similarity tells pairs that belong
 * together from others, by average precision and by the best threshold. "similarity" is the model's
 * own; "max" is the best over all. */
#include <string.h>

#include "evaluator/eval/internal.h"
#include "evaluator/metric/statistic.h"

struct numbers {
    double *label, *of[N_SIMILARITIES]; /* distances are negated */
};

static struct numbers *make_numbers(struct eval *e) {
    struct numbers *numbers = arena_alloc(&e->arena, sizeof *numbers);
    e->kind = numbers;
    numbers->label = arena_alloc(&e->arena, e->n * sizeof *numbers->label);
    for (enum similarity s = 0; s < N_SIMILARITIES; s++) {
        numbers->of[s] = arena_alloc(&e->arena, e->n * sizeof *numbers->of[s]);
    }
    return numbers;
}

static bool compare(struct eval *e, size_t i, const float *a, const float *b, struct err *err) {
    struct numbers *numbers = e->kind;
    size_t width = e->subject->width;
    numbers->label[i] = e->docs[i].score;
    numbers->of[SIMILARITY_COSINE][i] = cosine(a, b, width);
    numbers->of[SIMILARITY_DOT][i] = dot(a, b, width);
    numbers->of[SIMILARITY_MANHATTAN][i] = -manhattan(a, b, width);
    numbers->of[SIMILARITY_EUCLIDEAN][i] = -euclidean(a, b, width);
    return eval_has_length(e, i, a, err) && eval_has_length(e, i, b, err);
}

static bool pair_ask(struct eval *e, struct err *err) {
    size_t *where = xcalloc(2 * e->n, sizeof *where), width = e->subject->width;
    float *vectors = eval_embed_pairs(e, where, err);
    bool ok = vectors != NULL;
    make_numbers(e);
    for (size_t i = 0; ok && i < e->n; i++) {
        ok = compare(e, i, vectors + where[2 * i] * width, vectors + where[2 * i + 1] * width, err);
    }
    free(vectors);
    free(where);
    return ok;
}

static bool pair_recall(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err) {
    struct numbers *numbers = i ? e->kind : make_numbers(e);
    const json_t *metrics = json_object_get(sample, "metrics");
    const char **texts;
    size_t n;
    if (!recall_texts(e, sample, "texts", &texts, &n, err) ||
        !recall_number(sample, sample, "gold", &doc->score, err)) {
        return false;
    }
    if (n != 2 || (doc->score != 0 && doc->score != 1)) {
        return recall_fail(sample, "it is not of two 'texts' with a 'gold' of 0 or 1", err);
    }
    doc->text_a = texts[0];
    doc->text_b = texts[1];
    numbers->label[i] = doc->score;
    for (enum similarity s = 0; s < N_SIMILARITIES; s++) {
        if (!recall_number(sample, metrics, similarity_name(s), &numbers->of[s][i], err)) {
            return false;
        }
    }
    return true;
}

/* ---- measuring ---- */

static const struct {
    const char *name;
    statistic_fn *statistic;
} MEASURES[] = {
    { "_ap", statistic_average_precision },
    { "_accuracy", statistic_best_accuracy },
    { "_f1", statistic_best_f1 },
    { "_precision", statistic_best_precision },
    { "_recall", statistic_best_recall },
};

static statistic_fn *measure_of(const char *metric) {
    const char *name = strchr(metric, '_');
    for (size_t m = 0; name && m < sizeof MEASURES / sizeof *MEASURES; m++) {
        if (!strcmp(name, MEASURES[m].name)) {
            return MEASURES[m].statistic;
        }
    }
    return NULL;
}

/* Which similarities a metric looks at: all, or one. */
static bool wanted(const struct eval *e, const char *metric, enum similarity s) {
    const char *name = strncmp(metric, "similarity_", 11) ? metric : similarity_name(e->similarity);
    return !strncmp(metric, "max_", 4) ||
           !strncmp(name, similarity_name(s), strlen(similarity_name(s)));
}

/* With clusters, by what each pair adds to the similarity that is highest. */
static struct estimate estimate(
    const struct eval *e, const struct highest *h, size_t from, size_t n) {
    if (!e->cluster) {
        return estimate_bootstrap(statistic_highest, h, n, EVAL_INTERVAL, EVAL_SEED);
    }
    size_t *all = xcalloc(n + 1, sizeof *all), best = 0;
    for (size_t i = 0; i < n; i++) {
        all[i] = i;
    }
    for (size_t s = 1; s < h->n; s++) {
        bool higher = h->statistic(&h->of[s], all, n) > h->statistic(&h->of[best], all, n);
        best = higher ? s : best;
    }
    free(all);
    return eval_corpus(e, h->statistic, &h->of[best], from, n);
}

static bool pair_measure(struct eval *e, const char *metric, size_t from, size_t n,
    struct estimate *out, struct err *err) {
    const struct numbers *numbers = e->kind;
    struct ordered of[N_SIMILARITIES];
    struct highest highest = { measure_of(metric), of, 0 };
    uint32_t *order = xcalloc(N_SIMILARITIES * n + 1, sizeof *order);
    for (enum similarity s = 0; s < N_SIMILARITIES; s++) {
        if (wanted(e, metric, s)) {
            uint32_t *mine = order + highest.n * n;
            ordered_sort(numbers->of[s] + from, n, mine);
            of[highest.n++] =
                (struct ordered) { numbers->label + from, numbers->of[s] + from, mine, n };
        }
    }
    bool ok = (highest.statistic && highest.n) || eval_unknown(metric, err);
    if (ok) {
        *out = estimate(e, &highest, from, n);
    }
    free(order);
    return ok;
}

static void pair_sample(const struct eval *e, size_t i, struct json_writer *w) {
    const struct task_doc *d = &e->docs[i];
    const struct numbers *numbers = e->kind;
    const char *texts[] = { d->text_a, d->text_b };
    eval_prompt_hash(w, texts, 2);
    jw_key(w, "texts");
    jw_array(w);
    jw_string(w, d->text_a);
    jw_string(w, d->text_b);
    jw_end_array(w);
    jw_kv_int(w, "gold", (long long)d->score);
    jw_kv_double(w, "prediction", numbers->of[e->similarity][i]);
    jw_key(w, "metrics");
    jw_object(w);
    for (enum similarity s = 0; s < N_SIMILARITIES; s++) {
        jw_kv_double(w, similarity_name(s), numbers->of[s][i]);
    }
    jw_end_object(w);
}

const struct eval_kind eval_pair = {
    .ask = pair_ask, .measure = pair_measure, .sample = pair_sample, .recall = pair_recall
};
