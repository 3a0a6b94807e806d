/* See aligned.h. Documents are matched by subset and number; where both lines carry a hash of their
 * document, it must be the same. */
#include "evaluator/compare/aligned.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/stats/scores.h"
#include "base/strmap.h"
#include "evaluator/compare/match.h"

static void make_room(struct aligned *d, size_t n) {
    d->a = xcalloc(n + 1, sizeof *d->a);
    d->b = xcalloc(n + 1, sizeof *d->b);
    d->cluster = xcalloc(n + 1, sizeof *d->cluster);
}

static void drop_clusters(struct aligned *d) {
    free(d->cluster);
    d->cluster = NULL;
}

static void note_binary(struct aligned *d) {
    d->binary = true;
    for (size_t i = 0; i < d->n; i++) {
        d->binary = d->binary && (d->a[i] == 0 || d->a[i] == 1) && (d->b[i] == 0 || d->b[i] == 1);
    }
}

/* ---- from samples ---- */

static size_t key_of(const struct sample_scores *s, size_t i, char *key, size_t size) {
    int n = snprintf(key, size, "%lld\t%s", s->items[i].doc, s->subsets[s->items[i].subset]);
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

/* NULL where a document is there more than once: none of its lines would be the one that counts. */
static struct strmap *places_of(const struct sample_scores *s, const char *side, struct err *err) {
    struct strmap *places = strmap_new(s->n);
    char key[512];
    for (size_t i = 0; i < s->n; i++) {
        size_t n = key_of(s, i, key, sizeof key);
        if (!strmap_add(places, key, n, (int32_t)i)) {
            strmap_free(places);
            err_set(err, ERR_INPUT, "document %lld is in the samples of '%.150s' more than once",
                s->items[i].doc, side);
            err_hint(err, "two files put into one? name the file of one evaluation");
            return NULL;
        }
    }
    return places;
}

static bool same_document(struct aligned *d, size_t i, size_t j, struct err *err) {
    const struct sample *x = &d->samples_a.items[i], *y = &d->samples_b.items[j];
    if (x->hash && y->hash && strcmp(x->hash, y->hash)) {
        return err_set(err, ERR_INPUT, "other data: document %lld is not the same in both", x->doc);
    }
    d->n_prompts += x->prompt && y->prompt;
    d->n_other_prompts += x->prompt && y->prompt && strcmp(x->prompt, y->prompt);
    return true;
}

/* Documents of this subset of the first that the second has too. */
static bool pair_subset(
    struct aligned *d, uint32_t subset, const struct strmap *places, struct err *err) {
    char key[512];
    d->start[d->n_subsets] = d->n;
    for (size_t i = 0; i < d->samples_a.n; i++) {
        if (d->samples_a.items[i].subset != subset) {
            continue;
        }
        size_t n = key_of(&d->samples_a, i, key, sizeof key);
        int32_t j = strmap_find(places, key, n);
        if (j < 0) {
            continue;
        }
        if (!same_document(d, i, (size_t)j, err)) {
            return false;
        }
        d->index_a[d->n] = i;
        d->index_b[d->n] = (size_t)j;
        d->cluster[d->n++] = d->samples_a.items[i].cluster;
    }
    if (d->n > d->start[d->n_subsets]) {
        d->subsets[d->n_subsets++] = d->samples_a.subsets[subset];
        d->start[d->n_subsets] = d->n;
    }
    return true;
}

static bool pair_all(struct aligned *d, const char *side_a, const char *side_b, struct err *err) {
    struct strmap *own = places_of(&d->samples_a, side_a, err),
                  *places = own ? places_of(&d->samples_b, side_b, err) : NULL;
    bool ok = places != NULL;
    strmap_free(own);
    make_room(d, d->samples_a.n);
    d->index_a = xcalloc(d->samples_a.n + 1, sizeof *d->index_a);
    d->index_b = xcalloc(d->samples_a.n + 1, sizeof *d->index_b);
    d->start = xcalloc(d->samples_a.n_subsets + 2, sizeof *d->start);
    d->subsets = xcalloc(d->samples_a.n_subsets + 1, sizeof *d->subsets);
    for (uint32_t s = 0; ok && s < d->samples_a.n_subsets; s++) {
        ok = !subset_counts(d->declared, d->samples_a.subsets[s]) || pair_subset(d, s, places, err);
    }
    strmap_free(places);
    return ok && (d->n || err_set(err, ERR_INPUT, "they have no document in common"));
}

/* What else may differ makes other prompts; without that, these are other questions. */
static bool check_prompts(
    const struct aligned *d, const struct compare_options *o, struct err *err) {
    static const char *const MAKERS[] = { "profile", "template", "shots", "seed" };
    for (size_t i = 0; i < sizeof MAKERS / sizeof *MAKERS; i++) {
        if (is_across(o, MAKERS[i])) {
            return true;
        }
    }
    if (d->n_other_prompts == 0) {
        return true;
    }
    err_set(err, ERR_INPUT, "other prompts: %zu of %zu documents were asked in other words",
        d->n_other_prompts, d->n_prompts);
    return err_hint(err, "--across shots (profile, template, seed) pairs them all the same");
}

static bool align_samples(struct aligned *d, const char *side_a, const char *side_b,
    const struct compare_options *o, struct err *err) {
    if (d->samples_a.statistic != d->samples_b.statistic) {
        return err_set(err, ERR_INPUT, "the metric is not made in the same way in both");
    }
    if (!pair_all(d, side_a, side_b, err) || !check_prompts(d, o, err)) {
        return false;
    }
    for (size_t s = 0; s < d->n_subsets; s++) {
        size_t from = d->start[s], n = d->start[s + 1] - from;
        sample_scores_spread(&d->samples_a, d->index_a + from, n, d->a + from);
        sample_scores_spread(&d->samples_b, d->index_b + from, n, d->b + from);
    }
    d->n_a = d->samples_a.n;
    d->n_b = d->samples_b.n;
    d->statistic = d->samples_a.statistic == statistic_mean ? NULL : d->samples_a.statistic;
    if (d->samples_a.n_clusters == d->samples_a.n) {
        drop_clusters(d);
    }
    note_binary(d);
    return true;
}

/* ---- the whole ---- */

double aligned_value(const struct aligned *d, bool second) {
    const struct sample_scores *samples = second ? &d->samples_b : &d->samples_a;
    const size_t *index = second ? d->index_b : d->index_a;
    const double *x = second ? d->b : d->a;
    double sum = 0;
    for (size_t s = 0; s < d->n_subsets; s++) {
        size_t from = d->start[s], n = d->start[s + 1] - from;
        sum += d->statistic ? d->statistic(samples->data, index + from, n) : mean(x + from, n);
    }
    return sum / (double)d->n_subsets;
}

/* ---- what a record says of them ---- */

PRINTF_LIKE(3, 4)
static bool other_than(const struct side *s, struct err *err, const char *fmt, ...) {
    char what[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    err_set(
        err, ERR_INPUT, "the samples of '%.150s' are not those of its record: %s", s->name, what);
    return err_hint(err, "evaluate it again; 'assay result verify' tells all that doesn't fit");
}

static bool check_hash(
    const struct side *s, const struct candidate *c, const char *text, size_t n, struct err *err) {
    const char *said = json_get_string(c->facts, "samples_sha256", NULL);
    char hex[65];
    if (!said) {
        return true;
    }
    sha256_hex(text, n, hex);
    return !strcmp(said, hex) || other_than(s, err, "their hash is %.12s, not %.12s", hex, said);
}

/* How far a mean may lie from itself if it is summed up in another order. */
static bool near(double x, double said, double step) {
    return !(fabs(x - said) > step + 1e-6 * fmax(1, fabs(said)));
}

static bool check_count(
    const struct side *s, const struct candidate *c, size_t n, struct err *err) {
    long long said = json_get_int(c->facts, "n", (long long)n);
    return said == (long long)n || other_than(s, err, "there are %zu, of %lld documents", n, said);
}

static bool check_value(
    const struct side *s, const struct candidate *c, double value, double step, struct err *err) {
    double whole = json_get_number(c->facts, "value", NAN);
    return near(value, whole, step) || other_than(s, err, "%s comes to %.6g, not %.6g",
                                           json_get_string(c->facts, "metric", ""), value, whole);
}

static const json_t *declared_by(const struct candidate *c) {
    return json_object_get(c->facts, "declared_subsets");
}

static bool read_side(struct sample_scores *scores, const struct side *s, const struct candidate *c,
    const char *text, size_t n, const char *metric, const char *filter, struct err *err) {
    return check_hash(s, c, text, n, err) &&
           sample_scores_read(scores, text, n, metric, filter, err) &&
           check_count(s, c, scores->n, err) &&
           check_value(s, c, sample_scores_value(scores, declared_by(c)), 0, err);
}

/* Samples of both, parsed; *found is false where one of them has none. */
static bool read_samples(struct aligned *d, const struct side *a, const struct candidate *x,
    const struct side *b, const struct candidate *y, const char *filter, bool *found,
    struct err *err) {
    const char *metric = json_get_string(x->facts, "metric", "");
    filter = filter ? filter : json_get_string(y->facts, "filter", NULL);
    filter = json_get_string(x->facts, "filter", filter);
    size_t n_a, n_b;
    *found = false;
    if (!candidate_samples(a, x, &d->text_a, &n_a, err) ||
        !candidate_samples(b, y, &d->text_b, &n_b, err)) {
        return false;
    }
    *found = d->text_a && d->text_b;
    return !*found || (read_side(&d->samples_a, a, x, d->text_a, n_a, metric, filter, err) &&
                          read_side(&d->samples_b, b, y, d->text_b, n_b, metric, filter, err));
}

/* ---- from records ---- */

static const json_t *kept_scores(const struct candidate *c) {
    const json_t *scores = json_object_get(c->facts, "scores");
    return json_equal(json_object_get(scores, "metric"), json_object_get(c->facts, "metric"))
               ? scores
               : NULL;
}

static bool add_part(struct aligned *d, const json_t *x, const json_t *y, bool *clustered) {
    struct scores a = { 0 }, b = { 0 };
    bool ok = scores_parse(&a, x) && scores_parse(&b, y) && a.n == b.n && !a.cluster == !b.cluster;
    size_t total = d->n + (ok ? a.n : 0);
    d->a = xrealloc(d->a, (total + 1) * sizeof *d->a);
    d->b = xrealloc(d->b, (total + 1) * sizeof *d->b);
    d->cluster = xrealloc(d->cluster, (total + 1) * sizeof *d->cluster);
    *clustered = ok && a.cluster;
    for (size_t i = 0; ok && i < a.n; i++) {
        d->a[d->n] = scores_at(&a, i);
        d->b[d->n] = scores_at(&b, i);
        d->cluster[d->n++] = a.cluster ? a.cluster[i] : (uint32_t)i;
    }
    scores_release(&a);
    scores_release(&b);
    return ok;
}

/* The numbers kept are levels, whose mean is as near as half a level; and where a metric is no
 * mean, theirs is only near it. */
static bool check_kept(const struct aligned *d, const struct side *s, const struct candidate *c,
    bool second, struct err *err) {
    const double *x = second ? d->b : d->a;
    double low = INFINITY, high = -INFINITY, error = json_get_number(c->facts, "stderr", 0);
    for (size_t i = 0; i < d->n; i++) {
        low = fmin(low, x[i]);
        high = fmax(high, x[i]);
    }
    double step = (high - low) / (SCORE_LEVELS - 1) + (d->binary ? 0 : error / 5);
    return check_value(s, c, aligned_value(d, second), step, err);
}

static bool align_records(struct aligned *d, const struct side *side_a, const struct candidate *x,
    const struct side *side_b, const struct candidate *y, struct err *err) {
    const json_t *a = kept_scores(x), *b = kept_scores(y);
    const json_t *parts = json_object_get(a, "parts"), *others = json_object_get(b, "parts");
    size_t n = json_array_size(parts);
    bool clustered = false;
    if (!a || !b || n == 0 || n != json_array_size(others)) {
        err_set(err, ERR_INPUT, "there are no samples of %s", a ? "the second" : "the first");
        return err_hint(err, "evaluate with --samples, or into the database");
    }
    if (!json_equal(json_object_get(a, "docs"), json_object_get(b, "docs"))) {
        return err_set(err, ERR_INPUT, "without samples only the same documents can be paired");
    }
    d->start = xcalloc(n + 1, sizeof *d->start);
    for (size_t i = 0; i < n; i++) {
        if (!add_part(d, json_array_get(parts, i), json_array_get(others, i), &clustered)) {
            return err_set(err, ERR_INPUT, "the scores in a record are damaged");
        }
        d->start[++d->n_subsets] = d->n;
    }
    d->n_a = d->n_b = d->n;
    if (!clustered) {
        drop_clusters(d);
    }
    note_binary(d);
    return check_kept(d, side_a, x, false, err) && check_kept(d, side_b, y, true, err);
}

/* ---- the door ---- */

bool aligned_open(struct aligned *d, const struct side *a, const struct candidate *x,
    const struct side *b, const struct candidate *y, const struct compare_options *o,
    struct err *err) {
    bool found;
    *d = (struct aligned) { .declared = declared_by(declared_by(x) ? x : y) };
    bool ok = read_samples(d, a, x, b, y, o->filter, &found, err);
    ok = ok &&
         (found ? align_samples(d, a->name, b->name, o, err) : align_records(d, a, x, b, y, err));
    if (!ok) {
        aligned_close(d);
    }
    return ok;
}

void aligned_close(struct aligned *d) {
    sample_scores_release(&d->samples_a);
    sample_scores_release(&d->samples_b);
    free(d->text_a);
    free(d->text_b);
    free(d->a);
    free(d->b);
    free(d->cluster);
    free(d->start);
    free(d->subsets);
    free(d->index_a);
    free(d->index_b);
    *d = (struct aligned) { 0 };
}
