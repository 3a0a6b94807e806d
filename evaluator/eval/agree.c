/* See agree.h. Numbers are compared by value: a sample that went through text has every bit of
 * them but the sign of zero. */
#include "evaluator/eval/agree.h"

#include <math.h>
#include <string.h>

const char *agreement_name(enum agreement a) {
    static const char *const NAMES[] = { "bits", "tolerance", "different" };
    return NAMES[a];
}

/* ---- how far numbers may lie apart ---- */

/* Log-likelihoods: so much, and such a share of their size (they are sums over tokens).
 * Similarities: relative where they are larger than one. Scores, where nothing is known of single
 * documents: so much, and one document. Measured between implementations of the same model (f32:
 * 1e-3 in a sum, bf16: 0.8 and half a point of a score), with room to spare; int8: between
 * instruction sets, which differ by a bit in attention and then by whole steps of 1/127, 4.4 in a
 * sum of 100. */
struct tolerance {
    const char *dtype;
    double loglik, loglik_share, similarity, score;
};

static const struct tolerance TOLERANCES[] = {
    { "f32", 2e-3, 1e-5, 1e-5, 1e-3 },
    { "f16", 0.1, 1e-3, 2e-3, 2e-3 },
    { "bf16", 1, 1e-2, 2e-2, 5e-3 },
    { "int8", 4, 4e-2, 5e-2, 2e-2 },
};

static const struct tolerance *tolerance_of(const char *dtype) {
    for (size_t i = 0; i < sizeof TOLERANCES / sizeof *TOLERANCES; i++) {
        if (dtype && !strcmp(TOLERANCES[i].dtype, dtype)) {
            return &TOLERANCES[i];
        }
    }
    return &TOLERANCES[0];
}

/* ---- one document ---- */

/* The pair of numbers that lies furthest apart, measured by what is allowed. */
struct worst {
    char what[64];
    double before, now, share; /* share above 1: too far */
    bool any;
};

static void compare(
    struct worst *w, const char *what, long at, double before, double now, double allowed) {
    double share = fabs(now - before) / allowed;
    if (before == now) {
        return;
    }
    share = isfinite(share) ? share : INFINITY;
    if (!w->any || share > w->share) {
        *w = (struct worst) { .before = before, .now = now, .share = share, .any = true };
        snprintf(w->what, sizeof w->what, at < 0 ? "%s" : "%s[%ld]", what, at);
    }
}

static double number_of(const json_t *v) {
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static void compare_logliks(const struct tolerance *t, const json_t *before, const json_t *now,
    const char *field, struct worst *w) {
    const json_t *a = json_object_get(before, field), *b = json_object_get(now, field);
    for (size_t i = 0; i < json_array_size(a); i++) {
        double x = number_of(json_array_get(a, i));
        compare(w, field, (long)i, x, number_of(json_array_get(b, i)),
            t->loglik + t->loglik_share * fabs(x));
    }
}

static void compare_similarity(const struct tolerance *t, const json_t *before, const json_t *now,
    const char *what, long at, struct worst *w) {
    double x = number_of(before);
    compare(w, what, at, x, number_of(now), t->similarity * fmax(1, fabs(x)));
}

static void compare_similarities(const struct tolerance *t, const json_t *before, const json_t *now,
    const char *field, struct worst *w) {
    const json_t *a = json_object_get(before, field), *b = json_object_get(now, field);
    for (size_t i = 0; i < json_array_size(a); i++) {
        compare_similarity(t, json_array_get(a, i), json_array_get(b, i), field, (long)i, w);
    }
}

/* By rank: passages of nearly equal scores may change places. */
static void compare_rankings(const struct tolerance *t, const json_t *before, const json_t *now,
    struct worst *w, bool *same_order) {
    const json_t *a = json_object_get(before, "ranking"), *b = json_object_get(now, "ranking");
    for (size_t i = 0; i < json_array_size(a); i++) {
        const json_t *x = json_array_get(a, i), *y = json_array_get(b, i);
        compare_similarity(
            t, json_object_get(x, "score"), json_object_get(y, "score"), "ranking", (long)i, w);
        *same_order =
            *same_order && !strcmp(json_get_string(x, "id", "?"), json_get_string(y, "id", ""));
    }
}

/* Predicted labels, experiment by experiment: a classifier that learned from nearly the same
 * vectors may decide a near tie the other way, once. The number is the share of experiments that
 * differ. */
static void compare_predictions(const json_t *before, const json_t *now, struct worst *w) {
    const json_t *a = json_object_get(before, "predictions"),
                 *b = json_object_get(now, "predictions");
    size_t n = json_array_size(a), n_other = 0;
    for (size_t i = 0; i < n; i++) {
        n_other += !json_equal(json_array_get(a, i), json_array_get(b, i));
    }
    if (n || b) {
        bool counted = n == json_array_size(b);
        compare(w, "predictions", -1, 0, counted ? (double)n_other / (double)n : NAN, 0.11);
    }
}

/* A document that went to another cluster: one number that moves them is enough, so how far that
 * may go is left to the scores. */
static void compare_clusters(const json_t *before, const json_t *now, struct worst *w) {
    static const char *const FIELDS[] = { "assigned", "times" };
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
        const json_t *a = json_object_get(before, FIELDS[i]), *b = json_object_get(now, FIELDS[i]);
        if ((a || b) && !(a && b && json_equal(a, b))) {
            compare(w, FIELDS[i], -1, 0, 1, a && b ? 1 : 0.5);
        }
    }
}

/* A near tie that was decided the other way gives another text from there on: how far that may go
 * is left to the scores. */
static void compare_written(const json_t *before, const json_t *now, struct worst *w) {
    const json_t *a = json_object_get(before, "generations"),
                 *b = json_object_get(now, "generations");
    if ((a || b) && !(a && b && json_equal(a, b))) {
        compare(w, "generations", -1, 0, 1, a && b ? 1 : 0.5);
    }
}

static void compare_numbers(const struct tolerance *t, const json_t *before, const json_t *now,
    struct worst *w, bool *same_order) {
    static const char *const SIMILARITIES[] = { "cosine", "dot", "manhattan", "euclidean" };
    compare_logliks(t, before, now, "loglikelihoods", w);
    compare_logliks(t, before, now, "alone", w);
    compare_rankings(t, before, now, w, same_order);
    compare_similarities(t, before, now, "cosine", w);
    compare_similarities(t, before, now, "dot", w);
    compare_predictions(before, now, w);
    compare_written(before, now, w);
    compare_clusters(before, now, w);
    const json_t *a = json_object_get(before, "metrics"), *b = json_object_get(now, "metrics");
    for (size_t i = 0; i < sizeof SIMILARITIES / sizeof *SIMILARITIES; i++) {
        const json_t *x = json_object_get(a, SIMILARITIES[i]);
        if (x) {
            compare_similarity(t, x, json_object_get(b, SIMILARITIES[i]), SIMILARITIES[i], -1, w);
        }
    }
}

/* What was asked, and what would have been right. */
static bool same_question(const json_t *before, const json_t *now) {
    static const char *const FIELDS[] = { "subset", "query_id", "prompt_hash", "contexts",
        "choices", "target", "texts", "query", "queries", "human", "machine", "gold", "text",
        "labels", "set" };
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
        const json_t *a = json_object_get(before, FIELDS[i]), *b = json_object_get(now, FIELDS[i]);
        if (!a != !b || (a && !json_equal(a, b))) {
            return false;
        }
    }
    return true;
}

static void describe(struct agree_docs *d, const json_t *sample, const struct worst *w) {
    d->differing = d->differing ? d->differing : json_array();
    if (json_array_size(d->differing) >= d->n_shown) {
        return;
    }
    json_t *one = json_object();
    json_object_set_new(one, "doc_id", json_integer(json_get_int(sample, "doc_id", -1)));
    json_t *query = json_object_get(sample, "query_id");
    if (query) {
        json_object_set(one, "query_id", query);
    }
    json_object_set_new(one, "what", json_string(w ? w->what : "the question itself"));
    if (w && isfinite(w->before) && isfinite(w->now)) {
        json_object_set_new(one, "before", json_real(w->before));
        json_object_set_new(one, "now", json_real(w->now));
        json_object_set_new(one, "difference", json_real(w->now - w->before));
        json_object_set_new(one, "within", json_boolean(w->share <= 1));
    }
    json_array_append_new(d->differing, one);
}

void agree_docs_add(struct agree_docs *d, const json_t *before, const json_t *now) {
    struct worst worst = { .what = "ranking", .before = NAN, .now = NAN };
    bool same_order = true;
    d->n++;
    if (!same_question(before, now)) {
        d->n_other++;
        describe(d, before, NULL);
        return;
    }
    compare_numbers(tolerance_of(d->dtype), before, now, &worst, &same_order);
    bool equal = !worst.any && same_order;
    d->n_equal += equal;
    d->n_close += !worst.any || worst.share <= 1;
    if (worst.any) {
        double difference = fabs(worst.now - worst.before);
        d->largest = difference > d->largest || isnan(difference) ? difference : d->largest;
    }
    if (!equal) {
        describe(d, before, &worst);
    }
}

void agree_docs_release(struct agree_docs *d) {
    json_decref(d->differing);
    d->differing = NULL;
}

enum agreement agree_docs_verdict(const struct agree_docs *d) {
    return d->n_equal == d->n ? AGREE_BITS : d->n_close == d->n ? AGREE_CLOSE : AGREE_NOT;
}

/* The next line of a text; NULL at its end. */
static json_t *next_line(struct json_lines *lines, struct err *err) {
    const char *line;
    size_t n;
    return json_lines_next(lines, &line, &n) ? json_parse(line, n, "samples", err) : NULL;
}

bool agree_docs_lines(struct agree_docs *d, const char *before, size_t before_n, const char *now,
    size_t now_n, struct err *err) {
    struct json_lines first = { before, before_n, 0 }, second = { now, now_n, 0 };
    bool ok = true;
    while (ok && (first.left || second.left)) {
        bool a_there = first.left > 0, b_there = second.left > 0;
        json_t *a = next_line(&first, err), *b = next_line(&second, err);
        ok = (a || !a_there) && (b || !b_there);
        if (ok) {
            agree_docs_add(d, a ? a : json_null(), b ? b : json_null());
        }
        json_decref(a);
        json_decref(b);
    }
    return ok;
}

/* ---- metrics ---- */

struct metrics {
    json_t *list;
    const struct tolerance *tolerance;
    double n; /* documents */
    enum agreement agreement;
};

static bool same_number(const json_t *a, const json_t *b, const char *field) {
    double x = number_of(json_object_get(a, field)), y = number_of(json_object_get(b, field));
    return x == y || (isnan(x) && isnan(y));
}

static void add_metric(struct metrics *m, const char *name, const char *subset,
    const json_t *before, const json_t *now) {
    double x = number_of(json_object_get(before, "value")),
           y = number_of(json_object_get(now, "value"));
    bool equal = now && same_number(before, now, "value") && same_number(before, now, "stderr");
    bool close = equal || fabs(y - x) <= (m->tolerance->score + 1 / m->n) * fmax(1, fabs(x));
    json_t *row =
        json_pack("{s:s, s:s*, s:o, s:o, s:o, s:b}", "name", name, "subset", subset, "before",
            isnan(x) ? json_null() : json_real(x), "now", isnan(y) ? json_null() : json_real(y),
            "difference", isnan(y - x) ? json_null() : json_real(y - x), "equal", (int)equal);
    json_array_append_new(m->list, row);
    enum agreement one = equal ? AGREE_BITS : close ? AGREE_CLOSE : AGREE_NOT;
    m->agreement = one > m->agreement ? one : m->agreement;
}

static void add_metrics(
    struct metrics *m, const json_t *before, const json_t *now, const char *subset) {
    const char *name;
    json_t *metric;
    const json_t *others = json_object_get(now, "metrics");
    m->n = json_get_number(before, "n", 1);
    json_object_foreach(json_object_get(before, "metrics"), name, metric) {
        add_metric(m, name, subset, metric, json_object_get(others, name));
    }
}

enum agreement agree_metrics(
    const json_t *before, const json_t *now, const char *dtype, json_t **metrics) {
    struct metrics m = { .list = json_array(), .tolerance = tolerance_of(dtype) };
    const char *subset;
    json_t *part;
    add_metrics(&m, before, now, NULL);
    json_object_foreach(json_object_get(before, "subsets"), subset, part) {
        add_metrics(&m, part, json_object_get(json_object_get(now, "subsets"), subset), subset);
    }
    *metrics = m.list;
    return m.agreement;
}

/* ---- both ---- */

enum agreement agree_whole(
    enum agreement metrics, const struct agree_docs *docs, const char **why) {
    if (!docs) {
        *why = "the scores alone: there are no samples to compare";
        return metrics;
    }
    enum agreement of_docs = agree_docs_verdict(docs);
    if (docs->n_other) {
        *why = "not the same questions were asked";
    } else if (of_docs == AGREE_BITS && metrics != AGREE_BITS) {
        *why = "the model's answers are equal to the bit: a metric has another rule now";
        return AGREE_NOT;
    } else {
        *why = of_docs == AGREE_BITS    ? "every number of every document"
               : of_docs == AGREE_CLOSE ? "every document is within what its dtype can promise"
                                        : "there are documents beyond what their dtype can promise";
    }
    return of_docs;
}
