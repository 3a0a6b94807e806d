/* Bitext mining, as mteb's evaluator has it: for each first sentence the nearest of all second
 * sentences of its subset by cosine (of equals the first), which should be its own. The classes of
 * precision, recall and F1 are the sentences, each as often right as it occurs, once: so that every
 * document has a number of its own, and the weighted mean is their mean. */
#include <math.h>
#include <string.h>

#include "base/pool.h"
#include "evaluator/eval/internal.h"
#include "harness/product.h"

struct answer {
    size_t place, found; /* among the subset's documents: its own, and of what was found */
    double score, own;
};

struct numbers {
    struct answer *answers;
    double *chosen; /* of each document, how often its second sentence was found */
    double *values;
};

static struct numbers *make_numbers(struct eval *e) {
    struct numbers *numbers = arena_alloc(&e->arena, sizeof *numbers);
    e->kind = numbers;
    numbers->answers = arena_alloc(&e->arena, e->n * sizeof *numbers->answers);
    numbers->chosen = arena_alloc(&e->arena, e->n * sizeof *numbers->chosen);
    numbers->values = arena_alloc(&e->arena, e->n * sizeof *numbers->values);
    return numbers;
}

/* ---- asking ---- */

static bool same_subset(const struct eval *e, size_t i, size_t j) {
    const char *a = e->docs[i].subset, *b = e->docs[j].subset;
    return !a || !strcmp(a, b);
}

static size_t subset_end(const struct eval *e, size_t from) {
    size_t to = from;
    while (to < e->n && same_subset(e, from, to)) {
        to++;
    }
    return to;
}

/* Vectors of the first or the second sentences of documents from..from + n. */
static bool take_side(struct eval *e, const float *vectors, const size_t *where, size_t side,
    size_t from, size_t n, float *out, struct err *err) {
    const size_t width = e->subject->width;
    for (size_t i = 0; i < n; i++) {
        memcpy(
            out + i * width, vectors + where[2 * (from + i) + side] * width, width * sizeof *out);
    }
    return eval_make_comparable(e, "pair", out, n, err);
}

/* Of equal scores the first: ids would be in descending order, so its rank is the highest. */
static bool find_nearest(struct eval *e, struct product_unit *unit, const float *first,
    const float *second, size_t from, size_t n, struct err *err) {
    struct numbers *numbers = e->kind;
    size_t width = e->subject->width;
    uint32_t *rank = xcalloc(n + 1, sizeof *rank), found = 0;
    for (size_t i = 0; i < n; i++) {
        rank[i] = (uint32_t)(n - 1 - i);
    }
    struct top_k *top =
        top_k_new(unit, &(struct top_k_options) { first, n, width, n, 1, rank }, err);
    if (top) {
        top_k_add(top, second, n);
    }
    for (size_t i = 0; top && i < n; i++) {
        float score = 0;
        top_k_take(top, i, &found, &score);
        numbers->answers[from + i] = (struct answer) { .found = n - 1 - found,
            .score = (double)score,
            .own = dot(first + i * width, second + i * width, width) };
    }
    bool ok = top != NULL;
    top_k_free(top);
    free(rank);
    return ok;
}

static bool find_subset(struct eval *e, struct product_unit *unit, const float *vectors,
    const size_t *where, size_t from, size_t n, struct err *err) {
    size_t cells = n * e->subject->width;
    float *first = mem_try(2 * cells, sizeof *first, "vectors", err);
    bool ok = first && take_side(e, vectors, where, 0, from, n, first, err) &&
              take_side(e, vectors, where, 1, from, n, first + cells, err) &&
              (e->plan || find_nearest(e, unit, first, first + cells, from, n, err));
    free(first);
    return ok;
}

/* Places, and how often each second sentence was found, once all answers are there. */
static void count_chosen(struct eval *e) {
    struct numbers *numbers = e->kind;
    for (size_t from = 0, to; from < e->n; from = to) {
        to = subset_end(e, from);
        for (size_t i = from; i < to; i++) {
            numbers->answers[i].place = i - from;
            numbers->chosen[from + numbers->answers[i].found]++;
        }
    }
}

static bool bitext_ask(struct eval *e, struct err *err) {
    size_t *where = xcalloc(2 * e->n, sizeof *where);
    make_numbers(e);
    float *vectors = eval_embed_pairs(e, where, err);
    struct pool *pool = vectors ? pool_new(pool_default_threads(), err) : NULL;
    struct product_unit *unit = pool ? product_unit_open(pool, NULL, err) : NULL;
    bool ok = unit != NULL;
    for (size_t from = 0, to; ok && from < e->n; from = to) {
        to = subset_end(e, from);
        ok = find_subset(e, unit, vectors, where, from, to - from, err);
    }
    count_chosen(e);
    product_unit_close(unit);
    pool_free(pool);
    free(vectors);
    free(where);
    return ok;
}

/* ---- taking back ---- */

static bool bitext_recall(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err) {
    struct numbers *numbers = i ? e->kind : make_numbers(e);
    struct answer *a = &numbers->answers[i];
    long long found = json_get_int(sample, "prediction", -1);
    const char **texts;
    size_t n;
    if (!recall_texts(e, sample, "texts", &texts, &n, err)) {
        return false;
    }
    if (n != 2 || found < 0) {
        return recall_fail(sample, "it has no two 'texts' or no 'prediction'", err);
    }
    doc->text_a = texts[0];
    doc->text_b = texts[1];
    a->found = (size_t)found;
    bool ok = recall_number(sample, sample, "score", &a->score, err) &&
              recall_number(sample, json_object_get(sample, "metrics"), "cosine", &a->own, err);
    for (size_t from = 0, to; ok && i + 1 == e->n && from < e->n; from = to) {
        to = subset_end(e, from);
        for (size_t k = from; k < to; k++) {
            ok = ok && (numbers->answers[k].found < to - from ||
                           recall_fail(sample, "a 'prediction' is none of its subset", err));
        }
    }
    if (ok && i + 1 == e->n) {
        count_chosen(e);
    }
    return ok;
}

/* ---- measuring ---- */

static double value_of(const struct numbers *numbers, const char *metric, size_t i) {
    const struct answer *a = &numbers->answers[i];
    double hit = a->found == a->place, chosen = numbers->chosen[i];
    return !strcmp(metric, "f1")          ? 2 * hit / (1 + chosen)
           : !strcmp(metric, "precision") ? hit / (chosen > 0 ? chosen : 1)
                                          : hit;
}

static bool is_known(const char *metric) {
    static const char *const KNOWN[] = { "f1", "accuracy", "precision", "recall" };
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        if (!strcmp(metric, KNOWN[i])) {
            return true;
        }
    }
    return false;
}

static bool bitext_measure(struct eval *e, const char *metric, size_t from, size_t n,
    struct estimate *out, struct err *err) {
    const struct numbers *numbers = e->kind;
    if (!is_known(metric)) {
        return eval_unknown(metric, err);
    }
    for (size_t i = 0; i < n; i++) {
        numbers->values[from + i] = value_of(numbers, metric, from + i);
    }
    *out = eval_mean(e, numbers->values, from, n);
    return true;
}

static void bitext_sample(const struct eval *e, size_t i, struct json_writer *w) {
    const struct task_doc *d = &e->docs[i];
    const struct numbers *numbers = e->kind;
    const struct answer *a = &numbers->answers[i];
    const char *texts[] = { d->text_a, d->text_b };
    eval_prompt_hash(w, texts, 2);
    jw_key(w, "texts");
    jw_array(w);
    jw_string(w, d->text_a);
    jw_string(w, d->text_b);
    jw_end_array(w);
    jw_kv_int(w, "place", (long long)a->place);
    jw_kv_int(w, "prediction", (long long)a->found);
    jw_kv_string(w, "found", e->docs[i - a->place + a->found].text_b);
    jw_kv_double(w, "score", a->score);
    jw_kv_bool(w, "correct", a->found == a->place);
    jw_key(w, "metrics");
    jw_object(w);
    for (size_t m = 0; m < e->info->report.n; m++) {
        const char *name = e->info->report.items[m];
        jw_kv_double(w, name, value_of(numbers, name, i));
    }
    jw_kv_double(w, "cosine", a->own);
    jw_end_object(w);
}

const struct eval_kind eval_bitext = {
    .ask = bitext_ask, .measure = bitext_measure, .sample = bitext_sample, .recall = bitext_recall
};
