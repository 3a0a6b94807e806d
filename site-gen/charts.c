/* /s/SUITE/plots/: means against size, speed and time, tasks against each other, and which models
 * differ; all figures of a site in one process of gnuplot (see outlet.h, plot.h). */
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "site-gen/outlet.h"
#include "site-gen/plot.h"
#include "site-gen/view.h"

#define POINTS_MAX 2000 /* beyond that a figure of marks says nothing */
#define ROWS_MAX 200    /* of a table under a figure */
#define TASKS_MAX 40    /* of the table of correlations */
#define MODELS_MAX 24   /* of the table of differences */

enum scale { LOGARITHMIC, TIME };
static const struct kind {
    const char *id, *title, *axis, *told;
    enum scale scale;
    bool more; /* on this axis is better */
} KINDS[] = {
    { "size", "Score and size", "Parameters, logarithmic",
        "The line steps along the models that no smaller one reaches.", LOGARITHMIC, false },
    { "speed", "Score and speed", "Tokens computed a second, logarithmic",
        "As it was on the machines that measured: compare what ran on the same kind. The line "
        "steps "
        "along the models that no faster one reaches.",
        LOGARITHMIC, true },
    { "date", "Score and time", "When the revision was first handed in here",
        "The line is the best mean so far.", TIME, false },
};
#define N_KINDS (sizeof KINDS / sizeof *KINDS)

/* ---- where a row stands on an axis; NAN where that is not known ---- */

static double days_of(const char *when) {
    struct tm tm = { 0 };
    return strptime(when, "%Y-%m-%dT%H:%M:%SZ", &tm) ? (double)timegm(&tm) / 86400 : NAN;
}

static double place_on(const struct kind *k, const json_t *row) {
    if (k->scale == TIME)
        return days_of(json_get_string(row, "handed_in", ""));
    return json_get_number(row, k->more ? "tokens_per_s" : "params", NAN);
}

/* ---- points ---- */

struct chart {
    struct plot_point *points; /* in the order of the axis */
    bool *front;
    size_t n, board; /* points; which board */
    const struct kind *kind;
};

static int by_place(const void *a, const void *b) {
    const struct plot_point *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return (x->value < y->value) - (x->value > y->value);
}

/* Which points no other is before on both axes. */
static void mark_front(struct chart *c) {
    double best = -INFINITY;
    for (size_t i = 0; i < c->n; i++) {
        size_t at = c->kind->more ? c->n - 1 - i : i;
        c->front[at] = c->points[at].value > best;
        best = fmax(best, c->points[at].value);
    }
}

static struct chart chart_of(const json_t *section, const struct kind *k) {
    const json_t *rows = json_object_get(section, "rows"), *row;
    size_t n = json_array_size(rows), i;
    struct chart c = { .kind = k };
    c.points = xcalloc(n + 1, sizeof *c.points);
    c.front = xcalloc(n + 1, sizeof *c.front);
    json_array_foreach(rows, i, row) {
        const json_t *mean = json_object_get(row, "mean");
        double v = json_get_number(mean, "value", NAN), x = mean ? place_on(k, row) : NAN;
        if (isfinite(v) && isfinite(x) && x > 0)
            c.points[c.n++] =
                (struct plot_point) { x, 100 * v, 100 * json_get_number(mean, "low", v),
                    100 * json_get_number(mean, "high", v), row };
    }
    qsort(c.points, c.n, sizeof *c.points, by_place);
    mark_front(&c);
    return c;
}

/* ---- what gnuplot is told: numbers, and our own words ---- */

static const char HEAD[] =
    "reset\n"
    "set encoding utf8\n"
    "set terminal svg size 720,300 dynamic fixed noenhanced font 'system-ui,12' linewidth 1\n"
    "set border 2 lc rgb '#010103' lw 1\n"
    "set tics nomirror scale 0 textcolor rgb '#010102'\n"
    "set grid ytics lc rgb '#010103' lw 1 lt 1\n"
    "unset key\nset bars 0\nset tmargin 1\nset rmargin 4\n"
    "set ylabel 'Score' textcolor rgb '#010102' offset 1,0\n";

/* 1, 2, 5 of each decade; over more than two decades 1 and 3, over less than one all but a few. */
static void log_tics(struct strbuf *out, double from, double to) {
    static const char *const UNITS[] = { "", "k", "M", "B", "T" };
    static const int FEW[] = { 1, 3, 0 }, SOME[] = { 1, 2, 5, 0 }, MANY[] = { 1, 2, 3, 4, 5, 7, 0 };
    const int *steps = to / from > 100 ? FEW : to / from > 8 ? SOME : MANY;
    bool any = false;
    strbuf_adds(out, "set logscale x\nset xtics (");
    for (int decade = 0; decade < 15; decade++) {
        static const int ONES[] = { 1, 10, 100 };
        for (const int *step = steps; *step; step++) {
            double at = *step * pow(10, decade);
            if (at < from || at > to)
                continue;
            strbuf_addf(out, "%s'%d%s' %.6g", any ? ", " : "", *step * ONES[decade % 3],
                UNITS[decade / 3], at);
            any = true;
        }
    }
    strbuf_adds(out, ")\n");
}

/* Firsts of months, as many apart as leave about six. */
static void add_months(struct strbuf *out, double from, double to, int step) {
    time_t t = (time_t)(from * 86400);
    struct tm tm;
    char label[32];
    gmtime_r(&t, &tm);
    tm =
        (struct tm) { .tm_year = tm.tm_year, .tm_mon = tm.tm_mon - tm.tm_mon % step, .tm_mday = 1 };
    for (bool any = false;; tm.tm_mon += step) {
        double day = (double)timegm(&tm) / 86400; /* sets the year right, too */
        if (day > to)
            return;
        strftime(label, sizeof label, step % 12 ? "%b %Y" : "%Y", &tm);
        if (day >= from)
            strbuf_addf(out, "%s'%s' %.6f", any ? ", " : "", label, day);
        any = any || day >= from;
    }
}

static void time_tics(struct strbuf *out, double from, double to) {
    static const int STEPS[] = { 1, 2, 3, 6, 12, 24, 60 };
    double span = to - from;
    char label[32];
    strbuf_adds(out, "set xtics (");
    if (span > 120) {
        size_t s = 0;
        while (s + 1 < sizeof STEPS / sizeof *STEPS && span / 30 / STEPS[s] > 7)
            s++;
        add_months(out, from, to, STEPS[s]);
    } else {
        double step = fmax(1, ceil(span / 6));
        for (double day = ceil(from); day <= to; day += step) {
            time_t t = (time_t)(day * 86400);
            struct tm tm;
            strftime(label, sizeof label, "%e %b", gmtime_r(&t, &tm));
            strbuf_addf(
                out, "%s'%s' %.6f", day > ceil(from) ? ", " : "", label + (*label == ' '), day);
        }
    }
    strbuf_adds(out, ")\n");
}

static void add_range(const struct chart *c, struct strbuf *out) {
    double first = c->points[0].size, last = c->points[c->n - 1].size;
    double pad = fmax(1, 0.05 * (last - first));
    double from = c->kind->scale == TIME ? first - pad : first / 1.5,
           to = c->kind->scale == TIME ? last + pad : last * 1.5;
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < c->n; i++) {
        low = fmin(low, c->points[i].low);
        high = fmax(high, c->points[i].high);
    }
    if (c->kind->scale == TIME)
        time_tics(out, from, to);
    else
        log_tics(out, from, to);
    strbuf_addf(out, "set xrange [%.8g:%.8g]\nset yrange [%.6g:%.6g]\n", from, to,
        floor(low / 5) * 5, ceil(high / 5) * 5 + (low == high));
    strbuf_addf(out, "set xlabel '%s' textcolor rgb '#010102'\n", c->kind->axis);
}

/* Corner by corner, from the side where the axis is best to the other end of the range. */
static void add_front(const struct chart *c, struct strbuf *out) {
    bool back = c->kind->more;
    double best = NAN, pad = fmax(1, 0.05 * (c->points[c->n - 1].size - c->points[0].size));
    strbuf_adds(out, "$front << END\n");
    for (size_t i = 0; i < c->n; i++) {
        size_t at = back ? c->n - 1 - i : i;
        if (!c->front[at])
            continue;
        if (!isnan(best))
            strbuf_addf(out, "%.8g %.6g\n", c->points[at].size, best);
        best = c->points[at].value;
        strbuf_addf(out, "%.8g %.6g\n", c->points[at].size, best);
    }
    double end = back                     ? c->points[0].size / 1.5
                 : c->kind->scale == TIME ? c->points[c->n - 1].size + pad
                                          : c->points[c->n - 1].size * 1.5;
    strbuf_addf(out, "%.8g %.6g\nEND\n", end, best);
}

static void chart_script(const struct chart *c, struct strbuf *out) {
    strbuf_adds(out, HEAD);
    strbuf_adds(out, "$points << END\n");
    for (size_t i = 0; i < c->n; i++)
        strbuf_addf(out, "%.8g %.6g %.6g %.6g\n", c->points[i].size, c->points[i].value,
            c->points[i].low, c->points[i].high);
    strbuf_adds(out, "END\n");
    add_front(c, out);
    add_range(c, out);
    strbuf_adds(out, "plot $front using 1:2 with lines lc rgb '#010121' lw 1, "
                     "$points using 1:2:3:4 with yerrorbars pt 7 ps 0.8 lc rgb '#010111' lw 1.5\n");
}

/* ---- the views ---- */

static json_t *point_view(const struct chart *c, size_t i) {
    static const char *const COPIED[] = { "model", "dtype", "mark", "mean", "rank", "rank_low",
        "rank_high", NULL };
    static const char *const MACHINE[] = { "device", "isa", NULL };
    const json_t *row = c->points[i].row;
    json_t *out = json_object();
    copy_fields(out, row, COPIED);
    if (c->kind->scale == TIME)
        json_object_set(out, "at", json_object_get(row, "handed_in"));
    else
        json_object_set_new(out, "x", json_real(c->points[i].size));
    if (c->kind->more)
        copy_fields(out, row, MACHINE);
    json_object_set_new(out, "front", json_boolean(c->front[i]));
    return out;
}

/* All points, or where they are many those of the front. */
static json_t *figure_view_of(const struct chart *c, size_t number) {
    json_t *rows = json_array();
    for (size_t i = 0; i < c->n; i++) {
        if (c->front[i] || c->n <= ROWS_MAX)
            json_array_append_new(rows, point_view(c, i));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:o}", "id", c->kind->id, "title",
        c->kind->title, "axis", c->kind->axis, "told", c->kind->told, "n", (json_int_t)c->n, "plot",
        (json_int_t)number, "rows", rows);
}

/* ---- how tasks go together ---- */

struct valued {
    double value;
    size_t at;
};

static int by_value(const void *a, const void *b) {
    const struct valued *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

/* Values to ranks, equal ones sharing the mean of theirs. */
static void to_ranks(double *v, size_t n) {
    struct valued *all = xcalloc(n + 1, sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[i] = (struct valued) { v[i], i };
    qsort(all, n, sizeof *all, by_value);
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && all[end].value == all[i].value)
            end++;
        for (size_t k = i; k < end; k++)
            v[all[k].at] = (double)(i + end - 1) / 2;
        i = end;
    }
    free(all);
}

static double pearson(const double *a, const double *b, size_t n) {
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ma += a[i] / (double)n;
        mb += b[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        ab += (a[i] - ma) * (b[i] - mb);
        aa += (a[i] - ma) * (a[i] - ma);
        bb += (b[i] - mb) * (b[i] - mb);
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : NAN;
}

/* The scores of the first tasks, and their ranks where all rows have one. */
struct scores_of {
    double *values, *ranks; /* [n_tasks, n_rows]; a value NAN: not measured */
    size_t n_tasks, n_rows;
    bool complete[TASKS_MAX];
};

static void scores_of_init(struct scores_of *s, const json_t *rows, size_t n_tasks) {
    *s = (struct scores_of) { .n_tasks = n_tasks, .n_rows = json_array_size(rows) };
    s->values = xcalloc(n_tasks * s->n_rows + 1, sizeof *s->values);
    s->ranks = xcalloc(n_tasks * s->n_rows + 1, sizeof *s->ranks);
    for (size_t t = 0; t < n_tasks; t++)
        s->complete[t] = true;
    for (size_t r = 0; r < s->n_rows; r++) {
        const json_t *cells = json_object_get(json_array_get(rows, r), "cells");
        for (size_t t = 0; t < n_tasks; t++) {
            double v = json_get_number(json_array_get(cells, t), "value", NAN);
            s->values[t * s->n_rows + r] = s->ranks[t * s->n_rows + r] = v;
            s->complete[t] = s->complete[t] && isfinite(v);
        }
    }
    for (size_t t = 0; t < n_tasks; t++) {
        if (s->complete[t])
            to_ranks(s->ranks + t * s->n_rows, s->n_rows);
    }
}

static void scores_of_release(struct scores_of *s) {
    free(s->values);
    free(s->ranks);
}

/* Of two tasks that not all rows have: ranks among those that have both. */
static double partial_correlation(const struct scores_of *s, size_t p, size_t q, size_t *n) {
    const double *x = s->values + p * s->n_rows, *y = s->values + q * s->n_rows;
    double *a = xcalloc(s->n_rows + 1, sizeof *a), *b = xcalloc(s->n_rows + 1, sizeof *b);
    *n = 0;
    for (size_t i = 0; i < s->n_rows; i++) {
        if (isfinite(x[i]) && isfinite(y[i])) {
            a[*n] = x[i];
            b[(*n)++] = y[i];
        }
    }
    to_ranks(a, *n);
    to_ranks(b, *n);
    double r = pearson(a, b, *n);
    free(a);
    free(b);
    return r;
}

/* Spearman's, over the models that have both, with Fisher's interval (its error by Fieller). */
static json_t *correlation_view(const struct scores_of *s, size_t p, size_t q) {
    size_t n = s->n_rows;
    bool whole = s->complete[p] && s->complete[q];
    double r =
        whole ? pearson(s->ranks + p * n, s->ranks + q * n, n) : partial_correlation(s, p, q, &n);
    json_t *out = json_pack("{s:I}", "n", (json_int_t)n);
    if (isfinite(r) && n > 3) {
        double z = atanh(fmin(fmax(r, -0.999999), 0.999999)),
               d = Z95 * sqrt(1.06 / ((double)n - 3));
        json_object_set_new(out, "value", json_real(r));
        json_object_set_new(out, "low", json_real(tanh(z - d)));
        json_object_set_new(out, "high", json_real(tanh(z + d)));
        json_object_set_new(out, "heat", json_integer(lround(20 * fmax(r, 0))));
    }
    return out;
}

static json_t *correlations_view(const json_t *section) {
    static const char *const COPIED[] = { "name", "path", "metric", NULL };
    const json_t *tasks = json_object_get(section, "tasks");
    size_t n = json_array_size(tasks) < TASKS_MAX ? json_array_size(tasks) : TASKS_MAX;
    json_t *names = json_array(), *lines = json_array();
    struct scores_of scores;
    scores_of_init(&scores, json_object_get(section, "rows"), n);
    for (size_t i = 0; i < n; i++) {
        json_t *cells = json_array(), *name = json_object();
        copy_fields(name, json_array_get(tasks, i), COPIED);
        json_array_append_new(names, name);
        for (size_t k = 0; k < i; k++)
            json_array_append_new(cells, correlation_view(&scores, i, k));
        json_array_append_new(lines, cells);
    }
    scores_of_release(&scores);
    return json_pack("{s:o, s:o, s:I}", "tasks", names, "lines", lines, "n_tasks",
        (json_int_t)json_array_size(tasks));
}

/* ---- which models differ ---- */

/* The first ranked rows. New. */
static json_t *first_rows(const json_t *section) {
    const json_t *rows = json_object_get(section, "rows");
    json_t *out = json_array(), *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        if (json_object_get(row, "mean") && json_array_size(out) < MODELS_MAX)
            json_array_append_new(out, json_copy(row));
    }
    return out;
}

/* Path of a model's page -> the name that it was submitted by. New. */
static json_t *names_by_path(const struct world *w) {
    json_t *names = json_object(), *revisions;
    const char *name;
    json_object_foreach(w->models, name, revisions) {
        (void)revisions;
        json_t *ref = model_ref(w, name);
        json_object_set_new(names, json_get_string(ref, "path", ""), json_string(name));
        json_decref(ref);
    }
    return names;
}

/* What rows are compared by, which their runs have. */
static bool fill_parts(const struct outlet *o, const json_t *names, const json_t *section,
    json_t *rows, struct err *err) {
    const json_t *columns = json_object_get(section, "tasks");
    json_t *models = json_array(), *row, *column;
    size_t i, k;
    json_array_foreach(rows, i, row) {
        json_t *name =
            json_object_get(names, json_get_string(json_object_get(row, "model"), "path", ""));
        if (name)
            json_array_append(models, name);
    }
    bool ok = o->show(o->builder, models, err);
    json_array_foreach(rows, i, row) {
        json_t *parts = json_array();
        json_array_foreach(columns, k, column) {
            const json_t *cell = json_array_get(json_object_get(row, "cells"), k);
            if (json_get_bool(column, "in_mean", false))
                json_array_append_new(
                    parts, part_view(o->world, cell, json_get_int(cell, "run", 0)));
        }
        json_object_set_new(row, "parts", parts);
    }
    json_decref(models);
    return ok;
}

static json_t *difference_view(
    const struct pairing *p, const double *holm, size_t n, size_t i, size_t k) {
    size_t at = pair_at(n, i, k);
    struct difference d = difference_sum_close(&p->sums[at]);
    double sign = i < k ? 1 : -1;
    struct interval interval = interval_mean(sign * d.value, d.se, d.df);
    json_t *out = json_pack("{s:b}", "paired", !p->unpaired[at]);
    if (isfinite(d.value))
        json_object_set_new(out, "value", json_real(sign * d.value));
    if (isfinite(interval.low) && isfinite(interval.high)) {
        json_object_set_new(out, "low", json_real(interval.low));
        json_object_set_new(out, "high", json_real(interval.high));
    }
    if (isfinite(holm[at]))
        json_object_set_new(out, "p_holm", json_real(holm[at]));
    json_object_set_new(
        out, "differs", json_boolean(isfinite(holm[at]) && holm[at] <= SIGNIFICANT));
    return out;
}

/* Of rows with their parts, which it takes. */
static json_t *differences_view(const json_t *section, json_t *rows) {
    json_t *models = json_array(), *lines = json_array(), *row;
    size_t n = json_array_size(rows), i, k;
    struct contest contest;
    struct pairing p;
    double *holm = xcalloc(pair_count(n) + 1, sizeof *holm);
    contest_init(&contest, rows, n, "mean", true, json_object_get(section, "weights"));
    pairing_init(&p, &contest);
    holm_adjust(p.p, pair_count(n), holm);
    json_array_foreach(rows, i, row) {
        static const char *const COPIED[] = { "model", "rank", "dtype", "mark", NULL };
        json_t *model = json_object(), *cells = json_array();
        copy_fields(model, row, COPIED);
        json_array_append_new(models, model);
        for (k = 0; k < n; k++)
            json_array_append_new(
                cells, k == i ? json_object() : difference_view(&p, holm, n, i, k));
        json_array_append_new(lines, cells);
    }
    pairing_release(&p);
    contest_release(&contest);
    free(holm);
    json_decref(rows);
    return json_pack("{s:o, s:o, s:O*}", "models", models, "lines", lines, "n_ranked",
        json_object_get(section, "n_ranked"));
}

/* ---- drawing ---- */

struct charts {
    struct chart *all;
    struct strbuf *svg; /* of each; empty: no figure */
    size_t n, capacity;
    int n_drawn;
    char *note;
};

static bool is_drawn(const struct chart *c) {
    return c->n >= 2 && c->n <= POINTS_MAX;
}

static void gather(struct charts *c, const struct outlet *o) {
    size_t i, s;
    json_t *board, *section;
    json_array_foreach(o->boards, i, board) {
        json_array_foreach(json_object_get(board, "sections"), s, section) {
            for (size_t k = 0; k < N_KINDS; k++) {
                mem_grow(&c->all, &c->capacity, c->n + 1, sizeof *c->all);
                c->all[c->n] = chart_of(section, &KINDS[k]);
                c->all[c->n++].board = i;
            }
        }
    }
    c->svg = xcalloc(c->n + 1, sizeof *c->svg);
}

/* The documents come one after another. */
static void share_out(struct charts *c, const char *text, const struct link_base *links) {
    for (size_t i = 0; i < c->n && text; i++) {
        if (!is_drawn(&c->all[i]))
            continue;
        const char *end = strstr(text, "</svg>");
        struct err err = ERR_INIT;
        bool ok = end && plot_rewrite(text, (size_t)(end - text), c->all[i].points, c->all[i].n,
                             links, &c->svg[i], &err);
        if (!ok) {
            snprintf(c->note, 160, "%.150s", end ? err.msg : "gnuplot drew too little");
            strbuf_release(&c->svg[i]);
        }
        c->n_drawn += ok;
        text = end ? end + 6 : NULL;
    }
}

static void draw(struct charts *c, const struct outlet *o) {
    struct strbuf script = { 0 }, drawn = { 0 };
    struct err err = ERR_INIT;
    struct link_base links = o->links;
    links.depth = 3; /* s/SUITE/plots/ */
    for (size_t i = 0; i < c->n; i++) {
        if (is_drawn(&c->all[i]))
            chart_script(&c->all[i], &script);
    }
    if (script.len && plot_run(o->options->gnuplot, &script, &drawn, &err))
        share_out(c, strbuf_str(&drawn), &links);
    else if (script.len)
        snprintf(c->note, 160, "%.150s", err.msg);
    strbuf_release(&script);
    strbuf_release(&drawn);
}

/* The board's charts begin at *at. */
static json_t *section_view(
    const struct charts *c, const json_t *section, json_t *rows, size_t *at, size_t *number) {
    json_t *figures = json_array();
    for (size_t k = 0; k < N_KINDS; k++)
        json_array_append_new(figures, figure_view_of(&c->all[(*at)++], ++*number));
    return json_pack("{s:O, s:O, s:o, s:o, s:o}", "id", json_object_get(section, "id"), "title",
        json_object_get(section, "title"), "figures", figures, "correlations",
        correlations_view(section), "differences", differences_view(section, rows));
}

static bool put_board(const struct outlet *o, const struct charts *c, const json_t *names,
    const json_t *board, size_t *at, struct err *err) {
    json_t *sections = json_array(), *section;
    struct strbuf path = { 0 };
    size_t i, first = *at, number = 0;
    bool ok = true;
    json_array_foreach(json_object_get(board, "sections"), i, section) {
        json_t *rows = first_rows(section);
        ok = ok && fill_parts(o, names, section, rows, err);
        json_array_append_new(sections, section_view(c, section, rows, at, &number));
    }
    json_t *page = json_pack("{s:s, s:O*, s:O*, s:o}", "schema", "assay.site.plots/1", "title",
        json_object_get(board, "title"), "board", json_object_get(board, "path"), "sections",
        sections);
    strbuf_addf(&path, "%splots/", json_get_string(board, "path", "/"));
    if (ok)
        ok = o->page(o->builder, "plots.html", path.text, page, c->svg + first, *at - first, err);
    else
        json_decref(page);
    strbuf_release(&path);
    return ok;
}

bool put_charts(const struct outlet *o, int *n_plots, char *note, struct err *err) {
    struct charts c = { .note = note };
    size_t at = 0;
    json_t *names = names_by_path(o->world);
    bool ok = true;
    gather(&c, o);
    draw(&c, o);
    *n_plots += c.n_drawn;
    for (size_t i = 0; ok && i < json_array_size(o->boards); i++) {
        json_t *board = o->board(o->builder, i);
        ok = put_board(o, &c, names, board, &at, err);
        json_decref(board);
    }
    for (size_t i = 0; i < c.n; i++) {
        free(c.all[i].points);
        free(c.all[i].front);
        strbuf_release(&c.svg[i]);
    }
    free(c.all);
    free(c.svg);
    json_decref(names);
    return ok;
}
