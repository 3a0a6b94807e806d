/* Summarisation, as mteb's evaluators have it: a machine summary's score is its best similarity to
 * any human summary of the same text; per text these are correlated with people's marks, and the
 * correlations are averaged. Texts whose marks or scores are all equal are left out. Protocol 1 is
 * the older evaluator, which averages each correlation together with its p-value. */
#include <math.h>
#include <string.h>

#include "base/stats/distribution.h"
#include "evaluator/eval/internal.h"

struct numbers {
    double **cosine, **dot; /* of each document's machine summaries */
    double *values;
};

static struct numbers *make_numbers(struct eval *e) {
    struct numbers *numbers = arena_alloc(&e->arena, sizeof *numbers);
    e->kind = numbers;
    numbers->cosine = arena_alloc(&e->arena, e->n * sizeof *numbers->cosine);
    numbers->dot = arena_alloc(&e->arena, e->n * sizeof *numbers->dot);
    numbers->values = arena_alloc(&e->arena, e->n * sizeof *numbers->values);
    return numbers;
}

/* ---- asking ---- */

/* Human summaries, then machine ones, of each document in turn. */
static const char **list_texts(const struct eval *e, size_t *n) {
    *n = 0;
    for (size_t i = 0; i < e->n; i++) {
        *n += e->docs[i].n_human + e->docs[i].n_machine;
    }
    const char **texts = xcalloc(*n + 1, sizeof *texts);
    size_t at = 0;
    for (size_t i = 0; i < e->n; i++) {
        const struct task_doc *d = &e->docs[i];
        memcpy(texts + at, d->human, d->n_human * sizeof *texts);
        memcpy(texts + at + d->n_human, d->machine, d->n_machine * sizeof *texts);
        at += d->n_human + d->n_machine;
    }
    return texts;
}

static bool compare(
    struct eval *e, size_t i, const float *vectors, const size_t *where, struct err *err) {
    struct numbers *numbers = e->kind;
    const struct task_doc *d = &e->docs[i];
    size_t width = e->subject->width;
    numbers->cosine[i] = arena_alloc(&e->arena, d->n_machine * sizeof(double));
    numbers->dot[i] = arena_alloc(&e->arena, d->n_machine * sizeof(double));
    for (size_t m = 0; m < d->n_machine; m++) {
        const float *machine = vectors + where[d->n_human + m] * width;
        double best_cosine = -INFINITY, best_dot = -INFINITY;
        for (size_t h = 0; h < d->n_human; h++) {
            const float *human = vectors + where[h] * width;
            best_cosine = fmax(best_cosine, cosine(machine, human, width));
            best_dot = fmax(best_dot, dot(machine, human, width));
        }
        numbers->cosine[i][m] = best_cosine;
        numbers->dot[i][m] = best_dot;
        if (!eval_has_length(e, i, machine, err)) {
            return false;
        }
    }
    return true;
}

static bool summary_ask(struct eval *e, struct err *err) {
    if (e->similarity != SIMILARITY_COSINE && e->similarity != SIMILARITY_DOT) {
        return err_set(err, ERR_UNSUPPORTED,
            "summaries are compared by cosine or dot product, not by '%s'",
            similarity_name(e->similarity));
    }
    size_t n, at = 0;
    const char **texts = list_texts(e, &n);
    size_t *where = xcalloc(n + 1, sizeof *where);
    make_numbers(e);
    float *vectors =
        eval_embed_unique(e, SUBJECT_TEXT, e->info->prompt_query, texts, n, where, err);
    bool ok = vectors != NULL;
    for (size_t i = 0; ok && i < e->n; i++) {
        ok = compare(e, i, vectors, where + at, err);
        at += e->docs[i].n_human + e->docs[i].n_machine;
    }
    free(vectors);
    free(where);
    free(texts);
    return ok;
}

static bool summary_recall(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err) {
    struct numbers *numbers = i ? e->kind : make_numbers(e);
    if (!recall_texts(e, sample, "human", &doc->human, &doc->n_human, err) ||
        !recall_texts(e, sample, "machine", &doc->machine, &doc->n_machine, err)) {
        return false;
    }
    doc->marks = recall_numbers(e, sample, "gold", doc->n_machine, err);
    numbers->cosine[i] =
        doc->marks ? recall_numbers(e, sample, "cosine", doc->n_machine, err) : NULL;
    numbers->dot[i] =
        numbers->cosine[i] ? recall_numbers(e, sample, "dot", doc->n_machine, err) : NULL;
    return numbers->dot[i] != NULL;
}

/* ---- measuring ---- */

static bool all_equal(const double *x, size_t n) {
    for (size_t i = 1; i < n; i++) {
        if (x[i] != x[0]) {
            return false;
        }
    }
    return true;
}

/* scipy's, of a correlation of n pairs. */
static double p_value(double r, size_t n) {
    double df = (double)n - 2, rest = (1 + r) * (1 - r);
    return n <= 2 ? 1 : rest <= 0 ? 0 : student_two_sided(r * sqrt(df / rest), df);
}

/* NaN: the text says nothing. */
static double value_of(const struct eval *e, const char *metric, size_t i) {
    const struct numbers *numbers = e->kind;
    const struct task_doc *d = &e->docs[i];
    const bool own = strncmp(metric, "cosine_", 7) && e->similarity == SIMILARITY_DOT;
    const double *score = own || !strncmp(metric, "dot_", 4) ? numbers->dot[i] : numbers->cosine[i];
    size_t n = d->n_machine;
    if (all_equal(d->marks, n) || all_equal(numbers->dot[i], n) ||
        all_equal(numbers->cosine[i], n)) {
        return NAN;
    }
    double r =
        strstr(metric, "spearman") ? spearman(d->marks, score, n) : pearson(d->marks, score, n);
    return e->info->protocol == 1 ? (r + p_value(r, n)) / 2 : r;
}

static bool summary_measure(struct eval *e, const char *metric, size_t from, size_t n,
    struct estimate *out, struct err *err) {
    const struct numbers *numbers = e->kind;
    size_t kept = 0;
    if (!strstr(metric, "spearman") && !strstr(metric, "pearson")) {
        return eval_unknown(metric, err);
    }
    for (size_t i = from; i < from + n; i++) {
        numbers->values[kept] = value_of(e, metric, i);
        kept += isnan(numbers->values[kept]) ? 0 : 1;
    }
    *out = estimate_mean(numbers->values, kept);
    return true;
}

/* ---- samples ---- */

static void write_texts(
    const char *key, const char *const *texts, size_t n, struct json_writer *w) {
    jw_key(w, key);
    jw_array(w);
    for (size_t i = 0; i < n; i++) {
        jw_string(w, texts[i]);
    }
    jw_end_array(w);
}

static void write_numbers(const char *key, const double *x, size_t n, struct json_writer *w) {
    jw_key(w, key);
    jw_array(w);
    for (size_t i = 0; i < n; i++) {
        jw_double(w, x[i]);
    }
    jw_end_array(w);
}

static void summary_sample(const struct eval *e, size_t i, struct json_writer *w) {
    const struct numbers *numbers = e->kind;
    const struct task_doc *d = &e->docs[i];
    eval_prompt_hash(w, d->machine, d->n_machine);
    write_texts("human", d->human, d->n_human, w);
    write_texts("machine", d->machine, d->n_machine, w);
    write_numbers("gold", d->marks, d->n_machine, w);
    write_numbers("cosine", numbers->cosine[i], d->n_machine, w);
    write_numbers("dot", numbers->dot[i], d->n_machine, w);
    jw_key(w, "metrics");
    jw_object(w);
    for (size_t m = 0; m < e->info->report.n; m++) {
        eval_write_value(w, e->info->report.items[m], value_of(e, e->info->report.items[m], i));
    }
    jw_end_object(w);
}

const struct eval_kind eval_summary = { .ask = summary_ask,
    .measure = summary_measure,
    .sample = summary_sample,
    .recall = summary_recall };
