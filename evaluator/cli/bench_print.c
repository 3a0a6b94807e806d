/* What was measured, as a table, Markdown, CSV or JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "evaluator/cli/bench.h"
#include "evaluator/cli/table.h"

/* ---- values ---- */

static double of_tokens(const struct bench_sample *s) {
    return s->tokens;
}

static double of_flops(const struct bench_sample *s) {
    return s->flops;
}

static double of_roof(const struct bench_sample *s) {
    return s->roof;
}

static double of_share(const struct bench_sample *s) {
    return s->roof > 0 && s->flops > 0 ? s->flops / s->roof : NAN;
}

static double of_bytes(const struct bench_sample *s) {
    return s->bytes > 0 ? s->bytes : NAN;
}

static double of_stream(const struct bench_sample *s) {
    return s->stream > 0 ? s->stream : NAN;
}

static double of_stream_share(const struct bench_sample *s) {
    return s->stream > 0 && s->bytes > 0 ? s->bytes / s->stream : NAN;
}

/* In the order of columns, under the names that CSV and JSON have for them. */
static const struct value {
    const char *name;
    bench_value_fn *of;
} values[] = {
    { "tokens_per_s", of_tokens },
    { "flops_per_s", of_flops },
    { "limit_flops_per_s", of_roof },
    { "share_of_limit", of_share },
    { "bytes_per_s", of_bytes },
    { "limit_bytes_per_s", of_stream },
    { "share_of_bandwidth", of_stream_share },
};
enum { N_VALUES = sizeof values / sizeof *values };

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct bench_range bench_range_of(
    const struct bench_row *row, uint32_t rounds, bench_value_fn *value) {
    double *sorted = xcalloc(rounds, sizeof *sorted);
    for (uint32_t i = 0; i < rounds; i++)
        sorted[i] = value(&row->samples[i]);
    qsort(sorted, rounds, sizeof *sorted, by_size);
    struct bench_range r = { sorted[0], (sorted[(rounds - 1) / 2] + sorted[rounds / 2]) / 2,
        sorted[rounds - 1] };
    free(sorted);
    return r;
}

/* ---- the report ---- */

struct bench_report {
    enum bench_format format;
    uint32_t rounds;
    struct table *table; /* for people */
    struct strbuf text;  /* CSV, or the lines above the table */
    json_t *results;
};

static struct table *table_make(void) {
    return table_new("work", ">tokens", ">texts", "dtype", ">threads", ">tokens/s", "min-max",
        ">ms", ">GFLOP/s", ">of limit", ">GB/s", ">of memory", NULL);
}

static void csv_head(struct strbuf *out) {
    strbuf_adds(out, "model,architecture,parameters,weights,backend,gemm,dtype,threads,load_s,work,"
                     "length,batch,made,rounds");
    for (int v = 0; v < N_VALUES; v++)
        strbuf_addf(out, ",%s,%s_min,%s_max", values[v].name, values[v].name, values[v].name);
    strbuf_addc(out, '\n');
}

struct bench_report *bench_report_new(enum bench_format format, uint32_t rounds) {
    struct bench_report *r = xcalloc(1, sizeof *r);
    r->format = format;
    r->rounds = rounds;
    if (format == BENCH_TABLE || format == BENCH_MD)
        r->table = table_make();
    if (format == BENCH_CSV)
        csv_head(&r->text);
    r->results = json_array();
    return r;
}

/* ---- for people ---- */

static void cell_si(struct table *t, double value, double unit) {
    if (isnan(value))
        table_cell(t, NULL);
    else
        table_cellf(t, "%.3g", value / unit);
}

static void cell_percent(struct table *t, double share) {
    if (isnan(share))
        table_cell(t, NULL);
    else
        table_cellf(t, "%.0f %%", 100 * share);
}

static void table_row(
    struct bench_report *r, const struct bench_side *side, const struct bench_row *row) {
    struct bench_range v[N_VALUES];
    for (int i = 0; i < N_VALUES; i++)
        v[i] = bench_range_of(row, r->rounds, values[i].of);
    const struct bench_case *of = &row->of;
    double made = of->work == BENCH_GENERATE ? of->batch : (double)of->batch * of->length;
    table_cell(r->table, bench_work_name(of->work));
    table_cellf(r->table, of->made ? "%u+%u" : "%u", of->length, of->made);
    table_cellf(r->table, "%u", of->batch);
    table_cell(r->table, side->info.dtype);
    table_cellf(r->table, "%u", side->threads);
    table_cellf(r->table, "%.4g", v[0].middle);
    table_cellf(r->table, "%.3g-%.3g", v[0].low, v[0].high);
    table_cellf(r->table, "%.3g", 1e3 * made / v[0].middle);
    cell_si(r->table, v[1].middle, 1e9);
    cell_percent(r->table, v[3].middle);
    cell_si(r->table, v[4].middle, 1e9);
    cell_percent(r->table, v[6].middle);
}

/* One line above the table: what ran, on what, under which limits. */
static void side_line(
    struct bench_report *r, const struct bench_side *side, const struct bench_rows *rows) {
    struct bench_range roof = bench_range_of(&rows->items[0], r->rounds, of_roof),
                       stream = bench_range_of(&rows->items[0], r->rounds, of_stream);
    strbuf_addf(&r->text, "%s (%s, %.4gM parameters, %s), %s, %u threads, %s, %s: opened in %.2f s",
        side->model, side->info.architecture, (double)side->info.n_parameters / 1e6,
        side->info.weight_dtype, side->info.dtype, side->threads, side->info.backend,
        side->info.gemm, side->load_s);
    if (roof.middle > 0)
        strbuf_addf(&r->text, "; limit %.4g GFLOP/s", roof.middle / 1e9);
    if (!isnan(stream.middle))
        strbuf_addf(&r->text, ", memory %.3g GB/s", stream.middle / 1e9);
    strbuf_addc(&r->text, '\n');
}

/* ---- for programs ---- */

/* A spreadsheet takes a cell that begins so for a formula, and what a model is called is a
 * stranger's. */
static bool is_formula(const char *text) {
    return *text && strchr("=+-@\t\r", *text);
}

static void csv_text(struct strbuf *out, const char *text) {
    strbuf_adds(out, is_formula(text) ? "\"'" : "\"");
    for (; *text; text++) {
        strbuf_addc(out, *text);
        if (*text == '"')
            strbuf_addc(out, '"');
    }
    strbuf_adds(out, "\",");
}

static void csv_number(struct strbuf *out, double v) {
    if (isnan(v))
        strbuf_addc(out, ',');
    else
        strbuf_addf(out, ",%.6g", v);
}

static void csv_row(
    struct bench_report *r, const struct bench_side *side, const struct bench_row *row) {
    struct strbuf *out = &r->text;
    csv_text(out, side->model);
    csv_text(out, side->info.architecture);
    strbuf_addf(out, "%llu,%s,%s,%s,%s,%u,%.6g,%s,%u,%u,%u,%u",
        (unsigned long long)side->info.n_parameters, side->info.weight_dtype, side->info.backend,
        side->info.gemm, side->info.dtype, side->threads, side->load_s,
        bench_work_name(row->of.work), row->of.length, row->of.batch, row->of.made, r->rounds);
    for (int v = 0; v < N_VALUES; v++) {
        struct bench_range range = bench_range_of(row, r->rounds, values[v].of);
        csv_number(out, range.middle);
        csv_number(out, range.low);
        csv_number(out, range.high);
    }
    strbuf_addc(out, '\n');
}

static json_t *number(double v) {
    return isnan(v) ? json_null() : json_real(v);
}

static json_t *value_json(const struct bench_row *row, uint32_t rounds, bench_value_fn *value) {
    struct bench_range range = bench_range_of(row, rounds, value);
    json_t *all = json_array();
    for (uint32_t i = 0; i < rounds; i++)
        json_array_append_new(all, number(value(&row->samples[i])));
    return json_pack("{s:o, s:o, s:o, s:o}", "median", number(range.middle), "min",
        number(range.low), "max", number(range.high), "rounds", all);
}

static json_t *row_json(
    uint32_t rounds, const struct bench_side *side, const struct bench_row *row) {
    const struct model_info *info = &side->info;
    json_t *o = json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:i, s:f}", "model",
        side->model, "architecture", info->architecture, "parameters",
        (json_int_t)info->n_parameters, "weights", info->weight_dtype, "device", info->device,
        "backend", info->backend, "gemm", info->gemm, "dtype", info->dtype, "threads",
        (int)side->threads, "load_s", side->load_s);
    json_object_set_new(o, "work", json_string(bench_work_name(row->of.work)));
    json_object_set_new(o, "length", json_integer(row->of.length));
    json_object_set_new(o, "batch", json_integer(row->of.batch));
    if (row->of.made)
        json_object_set_new(o, "made", json_integer(row->of.made));
    json_object_set_new(o, "repeats", json_integer(row->repeats));
    for (int v = 0; v < N_VALUES; v++)
        json_object_set_new(o, values[v].name, value_json(row, rounds, values[v].of));
    return o;
}

/* ---- all of it ---- */

void bench_report_add(
    struct bench_report *r, const struct bench_side *side, const struct bench_rows *rows) {
    if (r->table)
        side_line(r, side, rows);
    for (size_t i = 0; i < rows->n; i++) {
        if (r->table)
            table_row(r, side, &rows->items[i]);
        else if (r->format == BENCH_CSV)
            csv_row(r, side, &rows->items[i]);
        else
            json_array_append_new(r->results, row_json(r->rounds, side, &rows->items[i]));
    }
}

static void print_json(const json_t *results) {
    json_t *document = json_pack("{s:s, s:O}", "schema", "assay.bench/1", "results", results);
    char *text = json_text(document, JSON_INDENT(2) | JSON_REAL_PRECISION(8));
    puts(text);
    free(text);
    json_decref(document);
}

/* Lines above a table are for people: a program that reads fields by tabs has no use for them. */
static bool has_text(const struct bench_report *r) {
    return r->format == BENCH_CSV || r->format == BENCH_MD ||
           (r->format == BENCH_TABLE && isatty(STDOUT_FILENO));
}

void bench_report_print(struct bench_report *r) {
    if (has_text(r))
        fputs(strbuf_str(&r->text), stdout);
    if (r->format == BENCH_JSON)
        print_json(r->results);
    if (r->table) {
        if (has_text(r))
            puts("");
        table_print(r->table, r->format == BENCH_MD);
        r->table = NULL;
    }
    bench_report_free(r);
}

void bench_report_free(struct bench_report *r) {
    if (!r)
        return;
    if (r->table)
        table_free(r->table);
    strbuf_release(&r->text);
    json_decref(r->results);
    free(r);
}
