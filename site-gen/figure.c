/* Figures, metrics and rankings as views have them (see view.h). */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "site-gen/view.h"

static bool contains(const char *s, const char *part) {
    return strstr(s, part) != NULL;
}

json_t *metric_view(const char *metric, const json_t *definition) {
    bool open_ended = contains(metric, "perplexity") || contains(metric, "bits_per") ||
                      contains(metric, "loglikelihood");
    bool higher = json_get_bool(definition, "higher_is_better",
        !contains(metric, "perplexity") && !contains(metric, "bits_per") &&
            !contains(metric, "brier"));
    return json_pack("{s:s, s:b, s:b}", "name", metric, "percent", !open_ended, "higher", higher);
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

struct ranked {
    json_t *row;
    double value;
    size_t place; /* where it stood: equal rows stay in their order */
};

static int by_value(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    if (isnan(x->value) || isnan(y->value))
        return isnan(x->value) - isnan(y->value) ? isnan(x->value) - isnan(y->value)
                                                 : (x->place > y->place) - (x->place < y->place);
    if (x->value != y->value)
        return x->value < y->value ? 1 : -1;
    return (x->place > y->place) - (x->place < y->place);
}

static void sort_rows(json_t *rows, const char *key, bool higher) {
    size_t n = json_array_size(rows);
    struct ranked *all = xcalloc(n + 1, sizeof *all);
    for (size_t i = 0; i < n; i++) {
        json_t *row = json_incref(json_array_get(rows, i));
        double v = figure_at(row, key).value;
        all[i] = (struct ranked) { row, higher ? v : -v, i };
    }
    qsort(all, n, sizeof *all, by_value);
    for (size_t i = 0; i < n; i++)
        json_array_set_new(rows, i, all[i].row);
    free(all);
}

void rank_rows(json_t *rows, const char *key, bool higher) {
    sort_rows(rows, key, higher);
    size_t n = 0;
    while (n < json_array_size(rows) && !isnan(figure_at(json_array_get(rows, n), key).value))
        n++;
    struct figure *f = xcalloc(n + 1, sizeof *f);
    struct standing *s = xcalloc(n + 1, sizeof *s);
    for (size_t i = 0; i < n; i++)
        f[i] = figure_at(json_array_get(rows, i), key);
    rank_figures(f, n, higher, s);
    for (size_t i = 0; i < n; i++) {
        json_t *row = json_array_get(rows, i);
        json_object_set_new(row, "rank", json_integer(s[i].rank));
        json_object_set_new(row, "rank_low", json_integer(s[i].low));
        json_object_set_new(row, "rank_high", json_integer(s[i].high));
        json_object_set_new(row, "tier", json_boolean(s[i].opens_tier));
    }
    free(f);
    free(s);
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
