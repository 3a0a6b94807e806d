/* What gnuplot is asked, and for which boards (see plot.h). */
#include "site-gen/plot.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"

#define POINTS_MAX 2000 /* beyond that a figure of marks says nothing */
#define TIMEOUT_S 60

/* Sentinel colours: plot_svg.c turns each into a class. */
static const char HEAD[] =
    "reset\n"
    "set encoding utf8\n"
    "set terminal svg size 720,300 dynamic fixed noenhanced font 'system-ui,12' linewidth 1\n"
    "set border 2 lc rgb '#010103' lw 1\n"
    "set tics nomirror scale 0 textcolor rgb '#010102'\n"
    "set grid ytics lc rgb '#010103' lw 1 lt 1\n"
    "unset key\nset bars 0\nset tmargin 1\nset rmargin 4\nset logscale x\n"
    "set xlabel 'Parameters, logarithmic' textcolor rgb '#010102'\n"
    "set ylabel 'Score' textcolor rgb '#010102' offset 1,0\n";

/* 1, 2, 5 of each decade; over more than two decades 1 and 3. */
static void add_tics(struct strbuf *out, double from, double to) {
    static const char UNITS[] = "MMMBBBT";
    bool wide = to / from > 100;
    strbuf_adds(out, "set xtics (");
    for (int decade = 0; decade < 7; decade++) {
        static const int ONES[] = { 1, 10, 100 };
        const int steps[3] = { 1, wide ? 3 : 2, 5 };
        for (int i = 0; i < (wide ? 2 : 3); i++) {
            int label = steps[i] * (ONES[decade % 3]);
            strbuf_addf(out, "%s'%d%c' %.0e", decade + i ? ", " : "", label, UNITS[decade],
                steps[i] * pow(10, 6 + decade));
        }
    }
    strbuf_adds(out, ")\n");
}

void plot_script(const struct plot_point *p, size_t n, struct strbuf *out) {
    double low = INFINITY, high = -INFINITY, best = -INFINITY;
    strbuf_adds(out, HEAD);
    strbuf_adds(out, "$points << END\n");
    for (size_t i = 0; i < n; i++) {
        strbuf_addf(out, "%.6g %.6g %.6g %.6g\n", p[i].size, p[i].value, p[i].low, p[i].high);
        low = fmin(low, p[i].low);
        high = fmax(high, p[i].high);
    }
    strbuf_adds(out, "END\n$front << END\n");
    for (size_t i = 0; i < n; i++) {
        if (p[i].value > best)
            strbuf_addf(out, "%.6g %.6g\n", p[i].size, best = p[i].value);
    }
    strbuf_addf(out, "%.6g %.6g\nEND\n", p[n - 1].size * 1.5, best);
    add_tics(out, p[0].size / 1.5, p[n - 1].size * 1.5);
    strbuf_addf(out, "set xrange [%.6g:%.6g]\nset yrange [%.6g:%.6g]\n", p[0].size / 1.5,
        p[n - 1].size * 1.5, floor(low / 5) * 5, ceil(high / 5) * 5 + (low == high));
    strbuf_adds(out, "plot $front using 1:2 with steps lc rgb '#010121' lw 1, "
                     "$points using 1:2:3:4 with yerrorbars pt 7 ps 0.8 lc rgb '#010111' lw 1.5\n");
}

/* ---- from boards to points ---- */

static int by_size(const void *a, const void *b) {
    const struct plot_point *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return (x->value < y->value) - (x->value > y->value);
}

/* The section's rows that have both; the caller frees. */
static struct plot_point *points_of(const json_t *section, size_t *n) {
    const json_t *rows = json_object_get(section, "rows");
    struct plot_point *points = xcalloc(json_array_size(rows) + 1, sizeof *points);
    *n = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *mean = json_object_get(row, "mean");
        double size = json_get_number(row, "params", 0), v = json_get_number(mean, "value", NAN);
        if (size > 0 && isfinite(v))
            points[(*n)++] =
                (struct plot_point) { size, 100 * v, 100 * json_get_number(mean, "low", v),
                    100 * json_get_number(mean, "high", v), row };
    }
    qsort(points, *n, sizeof *points, by_size);
    return points;
}

struct figure_job {
    struct plot_point *points;
    size_t n, board, section;
};

static struct figure_job *list_jobs(const json_t *boards, size_t *n) {
    size_t capacity = 0, i, k;
    struct figure_job *jobs = NULL;
    json_t *board, *section;
    *n = 0;
    json_array_foreach(boards, i, board) {
        json_array_foreach(json_object_get(board, "sections"), k, section) {
            struct figure_job job = { .board = i, .section = k };
            job.points = points_of(section, &job.n);
            if (job.n < 2 || job.n > POINTS_MAX || k >= PLOT_SECTIONS_MAX) {
                free(job.points);
                continue;
            }
            mem_grow(&jobs, &capacity, *n + 1, sizeof *jobs);
            jobs[(*n)++] = job;
        }
    }
    return jobs;
}

/* ---- running ---- */

static bool run(
    const char *program, const struct strbuf *script, struct proc_result *result, struct err *err) {
    static const char *const ENV[] = { "PATH=/usr/bin:/bin", "HOME=/nonexistent", "LC_ALL=C.UTF-8",
        NULL };
    const char *const argv[] = { program, "-d", NULL };
    struct proc_options options = { .env = ENV,
        .dir = "/",
        .input = script->text,
        .input_n = script->len,
        .output_max = (size_t)256 << 20,
        .timeout_s = TIMEOUT_S,
        .cpu_s = TIMEOUT_S,
        .memory_bytes = (size_t)2 << 30 };
    if (!proc_run(argv, &options, result, err))
        return false;
    if (result->exit_code == 0 && !result->timed_out)
        return true;
    return err_set(err, ERR_FAILED, "gnuplot ended with %d: %.80s", result->exit_code,
        strbuf_str(&result->err));
}

bool plot_run(
    const char *program, const struct strbuf *script, struct strbuf *out, struct err *err) {
    struct proc_result result = { 0 };
    char *found = program ? xstrdup(program) : proc_find("gnuplot", NULL);
    bool ok = found && *found
                  ? run(found, script, &result, err)
                  : err_set(err, ERR_NOT_FOUND, "gnuplot is not installed, or not wanted");
    if (ok)
        strbuf_add(out, strbuf_str(&result.out), result.out.len);
    proc_result_release(&result);
    free(found);
    return ok;
}

/* The documents come one after another. */
static void share_out(struct plots *p, const struct figure_job *jobs, size_t n, const char *text,
    const struct link_base *links) {
    for (size_t i = 0; i < n && text; i++) {
        const char *end = strstr(text, "</svg>");
        struct err err = ERR_INIT;
        struct strbuf *svg = &p->svg[jobs[i].board][jobs[i].section];
        bool ok = end && plot_rewrite(text, (size_t)(end - text), jobs[i].points, jobs[i].n, links,
                             svg, &err);
        if (!ok) {
            snprintf(p->note, sizeof p->note, "%.150s", end ? err.msg : "gnuplot drew too little");
            strbuf_release(svg);
        }
        p->n += ok;
        text = end ? end + 6 : NULL;
    }
}

static void draw(struct plots *p, const char *program, const struct figure_job *jobs, size_t n,
    const struct link_base *links) {
    struct strbuf script = { 0 };
    struct proc_result result = { 0 };
    struct err err = ERR_INIT;
    for (size_t i = 0; i < n; i++)
        plot_script(jobs[i].points, jobs[i].n, &script);
    if (run(program, &script, &result, &err))
        share_out(p, jobs, n, strbuf_str(&result.out), links);
    else
        snprintf(p->note, sizeof p->note, "%.150s", err.msg);
    proc_result_release(&result);
    strbuf_release(&script);
}

void plots_draw(
    struct plots *p, const char *program, const json_t *boards, const struct link_base *links) {
    size_t n;
    p->n_boards = json_array_size(boards);
    p->svg = xcalloc(p->n_boards + 1, sizeof *p->svg);
    char *found = program ? xstrdup(program) : proc_find("gnuplot", NULL);
    struct figure_job *jobs = list_jobs(boards, &n);
    if (!found || !*found)
        snprintf(p->note, sizeof p->note, "gnuplot is not installed, or not wanted");
    else if (n)
        draw(p, found, jobs, n, links);
    for (size_t i = 0; i < n; i++)
        free(jobs[i].points);
    free(jobs);
    free(found);
}

void plots_release(struct plots *p) {
    for (size_t i = 0; i < p->n_boards; i++) {
        for (size_t k = 0; k < PLOT_SECTIONS_MAX; k++)
            strbuf_release(&p->svg[i][k]);
    }
    free(p->svg);
    *p = (struct plots) { 0 };
}
