/* The pairs of a ranking (see pairing.h). */
#include "site-gen/pairing.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/stats/standing.h"

static const struct part *part_of(const struct contest *r, size_t row, size_t part) {
    return &r->parts[row * r->n_parts + part];
}

/* Scores of the same documents as the first row's that has any. */
static size_t comparable(const struct contest *r, size_t part, const json_t **scores) {
    const json_t *first = NULL;
    size_t n_parts = 0;
    for (size_t row = 0; row < r->n_rows; row++) {
        const json_t *own = part_of(r, row, part)->scores, *list = json_object_get(own, "parts");
        if (!first && json_array_size(list) > 0) {
            first = own;
            n_parts = json_array_size(list);
        }
        bool same = own && json_array_size(list) == n_parts &&
                    json_equal(json_object_get(own, "docs"), json_object_get(first, "docs")) &&
                    json_equal(json_object_get(own, "metric"), json_object_get(first, "metric"));
        scores[row] = same ? own : NULL;
    }
    return n_parts;
}

/* One subset of a part, a row a model. A row that cannot be read leaves all of the part. */
static void fill_sheet(struct sheet *sheet, const json_t **scores, size_t n_rows, size_t subset) {
    sheet_init(sheet, n_rows);
    for (size_t row = 0; row < n_rows; row++) {
        struct scores s;
        const json_t *list = json_object_get(scores[row], "parts");
        if (!scores_parse(&s, json_array_get(list, subset))) {
            scores[row] = NULL;
            continue;
        }
        if (!sheet_put(sheet, row, &s))
            scores[row] = NULL;
        scores_release(&s);
    }
}

/* One part: a sheet for each subset, a row a model; rows without usable scores are absent. */
struct sheets {
    const json_t **scores; /* [n_rows]; NULL: the row is compared by its figure */
    struct sheet *items;
    size_t n;
};

/* Scores that do not come to the figure that is published are not believed. */
static void check_figures(const struct contest *r, size_t part, struct sheets *s) {
    for (size_t row = 0; row < r->n_rows; row++) {
        struct figure f = part_of(r, row, part)->figure;
        double mean = 0;
        for (size_t i = 0; i < s->n && s->scores[row]; i++)
            mean += sheet_mean(&s->items[i], row) / (double)s->n;
        if (!(fabs(mean - f.value) <= f.se / 5 + 1e-9))
            s->scores[row] = NULL;
    }
}

static void sheets_open(struct sheets *s, const struct contest *r, size_t part) {
    s->scores = xcalloc(r->n_rows + 1, sizeof *s->scores);
    s->n = comparable(r, part, s->scores);
    s->items = xcalloc(s->n + 1, sizeof *s->items);
    for (size_t i = 0; i < s->n; i++)
        fill_sheet(&s->items[i], s->scores, r->n_rows, i);
    check_figures(r, part, s);
    for (size_t i = 0; i < s->n; i++)
        for (size_t row = 0; row < r->n_rows; row++)
            s->items[i].present[row] = s->items[i].present[row] && s->scores[row];
}

static void sheets_close(struct sheets *s) {
    for (size_t i = 0; i < s->n; i++)
        sheet_release(&s->items[i]);
    free(s->items);
    free(s->scores);
}

/* ---- tests ---- */

static void add_unpaired(struct pairing *p, size_t part, const json_t *const *scores) {
    const struct contest *r = p->contest;
    for (size_t i = 0; i < r->n_rows; i++)
        for (size_t j = i + 1; j < r->n_rows; j++) {
            struct figure a = part_of(r, i, part)->figure, b = part_of(r, j, part)->figure;
            if (scores[i] && scores[j])
                continue;
            size_t at = pair_at(r->n_rows, i, j);
            p->unpaired[at] = 1;
            difference_sum_add(&p->sums[at], r->weights[part], a.value - b.value,
                a.se * a.se + b.se * b.se, INFINITY);
        }
}

/* True if p has been filled in for the pairs that are paired. */
static bool add_part(struct pairing *p, size_t part) {
    const struct contest *r = p->contest;
    struct sheets s;
    sheets_open(&s, r, part);
    for (size_t i = 0; i < s.n; i++)
        sheet_add_pairs(&s.items[i], r->weights[part] / (double)s.n, p->sums);
    add_unpaired(p, part, s.scores);
    bool exact = r->n_parts == 1 && s.n == 1 && sheet_mcnemar(&s.items[0], p->p);
    sheets_close(&s);
    return exact;
}

void pairing_init(struct pairing *p, const struct contest *r) {
    size_t n = pair_count(r->n_rows);
    bool exact = false;
    *p = (struct pairing) { .contest = r };
    p->sums = xcalloc(n + 1, sizeof *p->sums);
    p->unpaired = xcalloc(n + 1, 1);
    p->p = xcalloc(n + 1, sizeof *p->p);
    for (size_t part = 0; part < r->n_parts; part++)
        exact = add_part(p, part);
    for (size_t i = 0; i < n; i++)
        if (!exact || p->unpaired[i])
            p->p[i] = difference_sum_close(&p->sums[i]).p;
}

void pairing_release(struct pairing *p) {
    free(p->sums);
    free(p->unpaired);
    free(p->p);
    *p = (struct pairing) { 0 };
}

/* ---- resampled ---- */

static void make_unknown(struct resample *r) {
    for (size_t i = 0; i < r->n_rows * r->n; i++)
        r->means[i] = NAN;
}

static bool resample_part(
    struct resample *r, const struct contest *contest, size_t part, struct err *err) {
    struct sheets s;
    bool ok = true;
    sheets_open(&s, contest, part);
    for (size_t i = 0; ok && i < s.n; i++)
        ok = !s.items[i].level || resample_add(r, &s.items[i], contest->weights[part] / (double)s.n,
                                      part << 16 | i, err);
    if (s.n == 0 || !s.items[0].level)
        make_unknown(r);
    sheets_close(&s);
    return ok;
}

bool pairing_resample(const struct contest *r, size_t n_resamples, uint64_t seed,
    struct resampled *out, struct err *err) {
    struct pool *pool = pool_new(pool_default_threads(), err);
    struct resample all = { 0 };
    bool ok = pool && resample_init(&all, r->n_rows, n_resamples, seed, pool, err);
    for (size_t part = 0; ok && part < r->n_parts; part++)
        ok = resample_part(&all, r, part, err);
    ok = ok && resample_pairs(&all, out, err);
    resample_release(&all);
    pool_free(pool);
    return ok;
}
