/* Figures, metrics and rankings as views have them (see view.h). */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "site-gen/view.h"

json_t *metric_view(const char *metric, const char *main, const json_t *definition) {
    struct metric_rule rule = metric_rule_of(metric, main, definition);
    return json_pack("{s:s, s:b, s:b}", "name", metric, "percent", rule.scale == METRIC_SHARE,
        "higher", rule.higher);
}

struct figure figure_of(const json_t *row) {
    struct figure f = { json_get_number(row, "value", NAN), json_get_number(row, "stderr", NAN) };
    double low = json_get_number(row, "low", NAN), high = json_get_number(row, "high", NAN);
    if (isnan(f.se) && high >= low)
        f.se = (high - low) / (2 * Z95);
    return f;
}

static void set_number(json_t *to, const char *key, double v) {
    if (isfinite(v))
        json_object_set_new(to, key, json_real(v));
}

json_t *figure_view(const json_t *row) {
    struct figure f = figure_of(row);
    json_t *out = json_object();
    set_number(out, "value", f.value);
    set_number(out, "se", f.se);
    set_number(out, "low", json_get_number(row, "low", f.value - Z95 * f.se));
    set_number(out, "high", json_get_number(row, "high", f.value + Z95 * f.se));
    copy_field(out, row, "n");
    return out;
}

static struct figure figure_at(const json_t *row, const char *key) {
    const json_t *f = json_object_get(row, key);
    return (struct figure) { json_get_number(f, "value", NAN), json_get_number(f, "se", NAN) };
}

static double value_at(const json_t *row, const char *key) {
    return figure_at(row, key).value;
}

static double votes_of(const json_t *row, const char *key) {
    return json_get_number(json_object_get(row, key), "votes", NAN);
}

struct sorted {
    json_t *row;
    double value;
    size_t place; /* where it stood: equal rows stay in their order */
};

static int by_value(const void *a, const void *b) {
    const struct sorted *x = a, *y = b;
    if (isnan(x->value) || isnan(y->value))
        return isnan(x->value) - isnan(y->value) ? isnan(x->value) - isnan(y->value)
                                                 : (x->place > y->place) - (x->place < y->place);
    if (x->value != y->value)
        return x->value < y->value ? 1 : -1;
    return (x->place > y->place) - (x->place < y->place);
}

/* By a number of each row, best first; NaN is last. */
static void sort_rows(
    json_t *rows, double (*of)(const json_t *row, const char *key), const char *key, bool higher) {
    size_t n = json_array_size(rows);
    struct sorted *all = xcalloc(n + 1, sizeof *all);
    for (size_t i = 0; i < n; i++) {
        json_t *row = json_incref(json_array_get(rows, i));
        double v = of(row, key);
        all[i] = (struct sorted) { row, higher ? v : -v, i };
    }
    qsort(all, n, sizeof *all, by_value);
    for (size_t i = 0; i < n; i++)
        json_array_set_new(rows, i, all[i].row);
    free(all);
}

void contest_init(struct contest *c, const json_t *rows, size_t n, const char *key, bool higher,
    const json_t *weights) {
    size_t n_parts = n ? json_array_size(json_object_get(json_array_get(rows, 0), "parts")) : 0;
    *c = (struct contest) { .n_rows = n, .n_parts = n_parts, .higher = higher };
    c->values = xcalloc(n + 1, sizeof *c->values);
    c->parts = xcalloc(n * n_parts + 1, sizeof *c->parts);
    c->weights = xcalloc(n_parts + 1, sizeof *c->weights);
    for (size_t i = 0; i < n; i++)
        c->values[i] = figure_at(json_array_get(rows, i), key).value;
    for (size_t i = 0; i < n * n_parts; i++) {
        const json_t *row = json_array_get(rows, i / n_parts);
        const json_t *part = json_array_get(json_object_get(row, "parts"), i % n_parts);
        c->parts[i] = (struct part) { { json_get_number(part, "value", NAN),
                                          json_get_number(part, "se", NAN) },
            json_object_get(part, "scores") };
    }
    for (size_t i = 0; i < n_parts; i++)
        c->weights[i] =
            weights ? json_number_value(json_array_get(weights, i)) : 1 / (double)n_parts;
}

void contest_release(struct contest *c) {
    free(c->values);
    free(c->parts);
    free(c->weights);
    *c = (struct contest) { 0 };
}

static void set_standing(json_t *row, const struct standing *s) {
    json_object_set_new(row, "rank", json_integer(s->rank));
    json_object_set_new(row, "rank_low", json_integer(s->low));
    json_object_set_new(row, "rank_high", json_integer(s->high));
    json_object_set_new(row, "tier", json_boolean(s->opens_tier));
    json_object_set_new(row, "tier_number", json_integer(s->tier));
}

json_t *rank_rows(json_t *rows, const char *key, bool higher, const json_t *weights) {
    sort_rows(rows, value_at, key, higher);
    size_t n = 0;
    while (n < json_array_size(rows) && !isnan(figure_at(json_array_get(rows, n), key).value))
        n++;
    struct standing *s = xcalloc(n + 1, sizeof *s);
    struct contest contest;
    contest_init(&contest, rows, n, key, higher, weights);
    struct ranked ranked = rank_parts(&contest, s);
    for (size_t i = 0; i < n; i++)
        set_standing(json_array_get(rows, i), &s[i]);
    json_t *tests = json_pack("{s:I, s:I, s:i}", "pairs", (json_int_t)ranked.n_pairs, "paired",
        (json_int_t)ranked.n_paired, "tiers", n ? s[n - 1].tier : 0);
    set_number(tests, "detectable", ranked.detectable);
    contest_release(&contest);
    free(s);
    return tests;
}

void drop_undetectable(json_t *tests, double widest) {
    if (!(json_get_number(tests, "detectable", 0) <= widest))
        json_object_del(tests, "detectable");
}

void rank_by_votes(json_t *rows) {
    size_t i;
    json_t *row;
    sort_rows(rows, votes_of, "borda", true);
    json_array_foreach(rows, i, row) {
        json_object_set(row, "rank", json_object_get(json_object_get(row, "borda"), "rank"));
        json_object_set_new(row, "tier", json_false()); /* tiers are not in this order */
    }
}

void drop_parts(json_t *rows) {
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) json_object_del(row, "parts");
}

json_t *part_view(const struct world *w, const json_t *figure, long long run) {
    const json_t *record = json_object_get(world_run(w, run), "record");
    json_t *part = json_object();
    copy_field(part, figure, "value");
    copy_field(part, figure, "se");
    copy_field(part, record, "scores");
    return part;
}

json_t *range_of(const json_t *rows, const char *key, double also) {
    double low = isnan(also) ? INFINITY : also, high = isnan(also) ? -INFINITY : also;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        const json_t *f = json_object_get(row, key);
        double v = json_get_number(f, "value", NAN);
        low = fmin(low, fmin(v, json_get_number(f, "low", v)));
        high = fmax(high, fmax(v, json_get_number(f, "high", v)));
    }
    if (!(high > low)) {
        low = isfinite(low) ? low - 0.05 : 0;
        high = isfinite(high) ? high + 0.05 : 1;
    }
    return json_pack("{s:f, s:f}", "low", low, "high", high);
}
