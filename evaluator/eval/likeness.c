#include "evaluator/eval/likeness.h"

#include <math.h>

#include "evaluator/metric/common_runs.h"

/* The most that the right answers give, and the wrong ones. */
struct likest {
    bool looked;
    double right[TRUE_N], wrong[TRUE_N];
};

struct likeness {
    struct common_runs *runs;
    struct likest *likest;
    size_t n;
};

struct likeness *likeness_new(size_t texts, struct err *err) {
    struct likeness *l = xcalloc(1, sizeof *l);
    l->runs = common_runs_new(err);
    l->likest = xcalloc(texts + 1, sizeof *l->likest);
    l->n = texts;
    if (!l->runs) {
        likeness_free(l);
        return NULL;
    }
    return l;
}

void likeness_free(struct likeness *l) {
    if (l) {
        common_runs_free(l->runs);
        free(l->likest);
        free(l);
    }
}

/* ---- many texts at once ---- */

struct counted {
    struct bleu_counts bleu;
    struct chrf_counts chrf;
};

static struct counted count(struct likeness *l, enum corpus_metric metric, const char *text,
    const struct task_doc *d, size_t n_right) {
    struct counted c = { 0 };
    const char **right = xcalloc(n_right + 1, sizeof *right);
    for (size_t i = 0; i < n_right; i++) {
        right[i] = d->answers[i].spans[0];
    }
    if (metric == CORPUS_BLEU) {
        c.bleu = bleu_counts(l->runs, BLEU_13A, text, right, n_right);
    } else {
        c.chrf = chrf_counts(text, right, n_right, metric == CORPUS_CHRF_WORDS);
    }
    free(right);
    return c;
}

struct corpus_sample {
    const struct counted *counts;
    enum corpus_metric metric;
};

static double statistic(const void *data, const size_t *index, size_t n) {
    const struct corpus_sample *s = data;
    struct counted sum = { 0 };
    for (size_t i = 0; i < n; i++) {
        bleu_add(&sum.bleu, &s->counts[index[i]].bleu);
        chrf_add(&sum.chrf, &s->counts[index[i]].chrf);
    }
    return s->metric == CORPUS_BLEU ? bleu_score(&sum.bleu) : chrf_score(&sum.chrf);
}

struct estimate likeness_corpus(struct likeness *l, const struct eval *e, enum corpus_metric metric,
    const char *const *texts, size_t from, size_t n) {
    struct counted *counts = xcalloc(n + 1, sizeof *counts);
    size_t n_right = SIZE_MAX;
    for (size_t i = from; i < from + n; i++) {
        n_right = e->docs[i].n_answers < n_right ? e->docs[i].n_answers : n_right;
    }
    for (size_t i = 0; i < n; i++) {
        counts[i] = count(l, metric, texts[i], &e->docs[from + i], n_right);
    }
    struct corpus_sample sample = { counts, metric };
    struct estimate out = eval_corpus(e, statistic, &sample, from, n);
    free(counts);
    return out;
}

double likeness_of_one(
    struct likeness *l, enum corpus_metric metric, const char *text, const struct task_doc *d) {
    struct counted c = count(l, metric, text, d, d->n_answers);
    return statistic(&(struct corpus_sample) { &c, metric }, &(size_t) { 0 }, 1);
}

/* ---- one text ---- */

static void look(struct likeness *l, double most[TRUE_N], const char *text, const char *other) {
    struct bleu_counts bleu = bleu_counts(l->runs, BLEU_INTERNATIONAL, text, &other, 1);
    struct rouge rouge = rouge_score(text, other);
    double values[TRUE_N] = { [TRUE_BLEU] = bleu_score(&bleu),
        [TRUE_ROUGE1] = rouge.one,
        [TRUE_ROUGE2] = rouge.two,
        [TRUE_ROUGE_L] = rouge.lines };
    for (size_t i = 0; i < TRUE_N; i++) {
        most[i] = fmax(most[i], values[i]);
    }
}

double likeness_true(struct likeness *l, enum true_metric metric, enum true_form form, size_t at,
    const char *text, const struct task_doc *d) {
    struct likest *k = &l->likest[at];
    for (size_t i = 0; !k->looked && i < d->n_answers; i++) {
        look(l, k->right, text, d->answers[i].spans[0]);
    }
    for (size_t i = 0; !k->looked && i < d->n_wrong; i++) {
        look(l, k->wrong, text, d->wrong[i]);
    }
    k->looked = true;
    double right = k->right[metric], wrong = k->wrong[metric];
    return form == TRUE_MAX ? right : form == TRUE_MORE ? right > wrong : right - wrong;
}
