/* Numbers as a table: results.csv, .tsv or .json, a row a result, subset and metric, described by
 * results.schema.json (JSON Schema, of one row) and held to SHA256SUMS. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "evaluator/cli/export.h"

static const struct {
    const char *name, *type, *means;
} COLUMNS[] = {
    { "run", "integer", "number of the run in the database" },
    { "model", "string", "org/name" },
    { "revision", "string", "commit of the model, or hash of what was read" },
    { "task", "string", "name of the task" },
    { "version", "integer", "of the task" },
    { "subset", "string", "part of the task; empty: all of it" },
    { "metric", "string", "name of the number, with its filter behind a comma" },
    { "main", "boolean", "whether it is the task's main metric" },
    { "value", "number", "shares are 0 to 1" },
    { "stderr", "number", "standard error" },
    { "low", "number", "lower end of the 95 % interval" },
    { "high", "number", "upper end of the 95 % interval" },
    { "n", "integer", "documents of the result" },
    { "shots", "integer", "examples before each question" },
    { "limit", "integer", "documents at most; empty: all" },
    { "seed", "integer", "of whatever was drawn" },
    { "profile", "string", "rule set that was asked by" },
    { "template", "string", "chat template's use" },
    { "dtype", "string", "type that it was computed in" },
    { "origin", "string", "measured, or imported from another program's files" },
    { "task_sha256", "string", "identity of the task" },
    { "data_sha256", "string", "hash of the data; of an import, of its file" },
};
enum { N_COLUMNS = sizeof COLUMNS / sizeof *COLUMNS };

struct export_table {
    char *dir;
    const char *format;
    char separator; /* 0: JSON */
    struct strbuf text;
    struct json_writer json;
};

bool export_table_find(const char *format) {
    return !strcmp(format, "csv") || !strcmp(format, "tsv") || !strcmp(format, "json");
}

struct export_table *export_table_new(const char *format, const char *dir) {
    struct export_table *t = xcalloc(1, sizeof *t);
    t->dir = xstrdup(dir);
    t->format = format;
    t->separator = !strcmp(format, "csv") ? ',' : !strcmp(format, "tsv") ? '\t' : 0;
    if (!t->separator) {
        json_writer_init(&t->json, &t->text, true);
        jw_object(&t->json);
        jw_kv_string(&t->json, "schema", "assay.table/1");
        jw_key(&t->json, "rows");
        jw_array(&t->json);
    }
    for (unsigned i = 0; t->separator && i < N_COLUMNS; i++) {
        strbuf_adds(&t->text, COLUMNS[i].name);
        strbuf_addc(&t->text, i + 1 < N_COLUMNS ? t->separator : '\n');
    }
    return t;
}

void export_table_free(struct export_table *t) {
    if (t) {
        strbuf_release(&t->text);
        free(t->dir);
    }
    free(t);
}

/* Quoted where a reader would part it otherwise; what a spreadsheet would take for a formula gets
 * an apostrophe. In tab-separated text, which knows no quotes, what would part it is a space. */
static void add_text(struct export_table *t, const char *s) {
    bool formula = *s && strchr("=+-@\t\r", *s);
    bool quoted = t->separator == ',' && (formula || strpbrk(s, ",\"\r\n"));
    strbuf_adds(&t->text, quoted ? "\"" : "");
    strbuf_adds(&t->text, formula ? "'" : "");
    for (; *s; s++) {
        if (quoted && *s == '"') {
            strbuf_addc(&t->text, '"');
        }
        strbuf_addc(&t->text, t->separator == '\t' && strchr("\t\r\n", *s) ? ' ' : *s);
    }
    if (quoted) {
        strbuf_addc(&t->text, '"');
    }
}

static void add_cell(struct export_table *t, const json_t *v) {
    char number[32];
    if (json_is_string(v)) {
        add_text(t, json_string_value(v));
    } else if (json_is_boolean(v)) {
        strbuf_adds(&t->text, json_is_true(v) ? "true" : "false");
    } else if (json_is_integer(v)) {
        strbuf_addf(&t->text, "%lld", (long long)json_integer_value(v));
    } else if (json_is_real(v)) {
        strbuf_adds(&t->text, json_double_repr(json_real_value(v), number));
    }
}

static void add_row(struct export_table *t, const json_t *row) {
    if (!t->separator) {
        jw_object(&t->json);
    }
    for (unsigned i = 0; i < N_COLUMNS; i++) {
        const json_t *v = json_object_get(row, COLUMNS[i].name);
        if (t->separator) {
            add_cell(t, v);
            strbuf_addc(&t->text, i + 1 < N_COLUMNS ? t->separator : '\n');
            continue;
        }
        jw_key(&t->json, COLUMNS[i].name);
        if (v) {
            jw_json(&t->json, v);
        } else {
            jw_null(&t->json);
        }
    }
    if (!t->separator) {
        jw_end_object(&t->json);
    }
}

static void add_part(struct export_table *t, json_t *row, const json_t *part, const char *subset) {
    static const char *const NUMBERS[] = { "value", "stderr", "low", "high" };
    json_t *metrics = json_object_get(part, "metrics"), *m;
    const char *name, *main = json_get_string(row, "main_name", "");
    json_object_set_new(row, "subset", json_string(subset));
    json_object_foreach(metrics, name, m) {
        json_object_set_new(row, "metric", json_string(name));
        json_object_set_new(row, "main", json_boolean(!*subset && !strcmp(name, main)));
        for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
            json_t *v = json_object_get(m, NUMBERS[i]);
            json_object_set_new(
                row, NUMBERS[i], json_is_number(v) ? json_real(json_number_value(v)) : json_null());
        }
        add_row(t, row);
    }
}

void export_table_add(struct export_table *t, const json_t *result, long long run) {
    json_t *row = json_object(), *part;
    const char *subset;
    for (unsigned i = 0; i < N_COLUMNS; i++) {
        json_t *v = json_object_get(result, COLUMNS[i].name);
        if (v && strcmp(COLUMNS[i].name, "main") != 0) {
            json_object_set(row, COLUMNS[i].name, v);
        }
    }
    if (run) {
        json_object_set_new(row, "run", json_integer(run));
    }
    json_object_set_new(row, "main_name", json_string(json_get_string(result, "main", "")));
    json_object_set_new(
        row, "origin", json_string(json_object_get(result, "imported") ? "imported" : "measured"));
    add_part(t, row, result, "");
    json_object_foreach(json_object_get(result, "subsets"), subset, part) {
        add_part(t, row, part, subset);
    }
    json_decref(row);
}

/* ---- the files ---- */

static void write_schema(struct strbuf *out) {
    struct json_writer j;
    json_writer_init(&j, out, true);
    jw_object(&j);
    jw_kv_string(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
    jw_kv_string(&j, "title", "assay.table/1: one row");
    jw_kv_string(&j, "type", "object");
    jw_key(&j, "properties");
    jw_object(&j);
    for (unsigned i = 0; i < N_COLUMNS; i++) {
        jw_key(&j, COLUMNS[i].name);
        jw_object(&j);
        jw_key(&j, "type");
        jw_array(&j);
        jw_string(&j, COLUMNS[i].type);
        jw_string(&j, "null"); /* an empty cell */
        jw_end_array(&j);
        jw_kv_string(&j, "description", COLUMNS[i].means);
        jw_end_object(&j);
    }
    jw_end_object(&j);
    jw_key(&j, "required");
    jw_array(&j);
    for (unsigned i = 0; i < N_COLUMNS; i++) {
        jw_string(&j, COLUMNS[i].name);
    }
    jw_end_array(&j);
    jw_kv_bool(&j, "additionalProperties", false);
    jw_end_object(&j);
    strbuf_addc(out, '\n');
}

/* With its line for sha256sum -c. */
static bool put(struct export_table *t, const char *name, const struct strbuf *text,
    struct strbuf *sums, struct err *err) {
    char hex[65], *path = path_join(t->dir, name);
    sha256_hex(strbuf_str(text), text->len, hex);
    strbuf_addf(sums, "%s  %s\n", hex, name);
    bool ok = file_write_atomic(path, strbuf_str(text), text->len, err);
    free(path);
    return ok;
}

bool export_table_write(struct export_table *t, struct export_report *report, struct err *err) {
    struct strbuf name = { 0 }, schema = { 0 }, sums = { 0 }, ignored = { 0 };
    if (!t->separator) {
        jw_end_array(&t->json);
        jw_end_object(&t->json);
        strbuf_addc(&t->text, '\n');
    }
    strbuf_addf(&name, "results.%s", t->format);
    write_schema(&schema);
    bool ok = dir_make(t->dir, err) && put(t, strbuf_str(&name), &t->text, &sums, err) &&
              put(t, "results.schema.json", &schema, &sums, err) &&
              put(t, "SHA256SUMS", &sums, &ignored, err);
    report->n_files = 3;
    strbuf_release(&name);
    strbuf_release(&schema);
    strbuf_release(&sums);
    strbuf_release(&ignored);
    return ok;
}
