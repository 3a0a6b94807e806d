/* See evidence.h. */
#include "evaluator/cli/evidence.h"

#include <dirent.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/cli/database.h"
#include "evaluator/eval/eval.h"

#define RECORD_MAX ((size_t)64 << 20)
#define SAMPLES_MAX ((size_t)1 << 30)
#define DEPTH_MAX 6

const struct option options_selection[] = {
    { "task", 't', "T", "only this task (without an operand: its runs of all models)" },
    { NULL, 0, NULL, NULL },
};

void evidence_release(struct evidence *e) {
    json_decref(e->result);
    json_decref(e->row);
    free(e->samples);
    free(e->name);
    *e = (struct evidence) { 0 };
}

/* ---- which ---- */

static bool is_number(const char *operand) {
    return *operand && strspn(operand, "0123456789") == strlen(operand) && strlen(operand) < 19;
}

/* Every result of one document. */
static bool add_file(json_t *list, const char *path, const char *task, struct err *err) {
    json_t *document = json_parse_file(path, RECORD_MAX, err);
    const char *schema = json_get_string(document, "schema", "");
    json_t *results = json_object_get(document, "results"), *result;
    size_t i;
    bool ok = document != NULL;
    if (ok && strcmp(schema, "assay.eval/1") && strcmp(schema, "assay.record/1")) {
        err_set(err, ERR_INPUT, "'%s' is not a record of Assay's", path);
        ok = err_hint(err, "assay eval --out writes them, as assay_<task>_<time>.json");
    }
    if (ok && !results && (!task || !strcmp(task, json_get_string(document, "task", "")))) {
        json_array_append_new(list, json_pack("{s:s, s:i}", "path", path, "at", -1));
    }
    json_array_foreach(results, i, result) {
        if (ok && (!task || !strcmp(task, json_get_string(result, "task", "")))) {
            json_array_append_new(list, json_pack("{s:s, s:I}", "path", path, "at", (json_int_t)i));
        }
    }
    json_decref(document);
    return ok;
}

static bool add_folder(json_t *list, const char *dir, const char *task, int depth, struct err *err);

static bool add_entry(
    json_t *list, const char *path, const char *task, int depth, struct err *err) {
    if (dir_exists(path)) {
        return depth == DEPTH_MAX || add_folder(list, path, task, depth + 1, err);
    }
    return !is_record_name(path_base(path)) || add_file(list, path, task, err);
}

/* In the order of their names, which is that of models and times. */
static bool add_folder(
    json_t *list, const char *dir, const char *task, int depth, struct err *err) {
    struct dirent **entries;
    int n = scandir(dir, &entries, NULL, alphasort);
    bool ok = n >= 0 || err_errno(err, ERR_FAILED, "could not list '%s'", dir);
    for (int i = 0; i < n; i++) {
        char *path = path_join(dir, entries[i]->d_name);
        ok = ok && (entries[i]->d_name[0] == '.' || add_entry(list, path, task, depth, err));
        free(path);
        free(entries[i]);
    }
    if (n >= 0) {
        free(entries);
    }
    return ok;
}

static bool add_path(json_t *list, const char *operand, const char *task, struct err *err) {
    char *record = str_ends(operand, ".jsonl") ? record_of_samples(operand) : NULL;
    size_t before = json_array_size(list);
    bool ok;
    if (str_ends(operand, ".jsonl") && !record && file_exists(operand)) {
        err_set(err, ERR_INPUT, "'%s' is not a file of samples of Assay's", operand);
        ok = err_hint(
            err, "these are named assay_samples_<task>_<time>.jsonl, with the record beside");
    } else {
        ok = dir_exists(operand) ? add_folder(list, operand, task, 0, err)
                                 : add_file(list, record ? record : operand, task, err);
    }
    if (ok && json_array_size(list) == before) {
        ok = err_set(err, ERR_NOT_FOUND, "'%s' holds no record of Assay's%s%s", operand,
            task ? " of task " : "", task ? task : "");
    }
    free(record);
    return ok;
}

static bool need_db(const struct args *args, struct db **db, struct err *err) {
    *db = *db ? *db : database_open(args, err);
    return *db != NULL;
}

/* The runs of a model and task that stand for their configurations. */
static bool add_runs(
    json_t *list, struct db *db, const char *model, const char *task, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(
        db, "run_ids", DB_ARGS(db_text(model), db_text(task), db_text("true")), &rows, err);
    for (int i = 0; ok && i < rows.n; i++) {
        json_array_append_new(
            list, json_pack("{s:I}", "run", (json_int_t)rows_int(&rows, i, "run_id")));
    }
    if (ok && rows.n == 0) {
        ok = err_set(err, ERR_NOT_FOUND, "there is no run of %s%s%s", model ? model : "any model",
            task ? " on task " : "", task ? task : "");
        err_hint(
            err, "'assay result ls' lists them; there is no file or folder of that name either");
    }
    rows_release(&rows);
    return ok;
}

static bool add_operand(json_t *list, const struct args *args, const char *operand,
    const char *task, struct db **db, struct err *err) {
    if (results_are_path(operand)) {
        return add_path(list, operand, task, err);
    }
    if (!need_db(args, db, err)) {
        return false;
    }
    if (is_number(operand)) {
        json_array_append_new(
            list, json_pack("{s:I}", "run", (json_int_t)strtoll(operand, NULL, 10)));
        return true;
    }
    return add_runs(list, *db, operand, task, err);
}

json_t *selection_from_args(const struct args *args, bool all, struct db **db, struct err *err) {
    const char *task = args_get(args, "task", NULL);
    json_t *list = json_array();
    bool ok = true;
    *db = NULL;
    for (unsigned i = 0; ok && i < args->n_operands; i++) {
        ok = add_operand(list, args, args->operands[i], task, db, err);
    }
    if (ok && args->n_operands == 0) {
        ok = task || all ? need_db(args, db, err) && add_runs(list, *db, NULL, task, err)
                         : err_set(err, ERR_USAGE,
                               "no result named: the number of a run, a model, a "
                               "record file, a folder of them, or --task T");
    }
    if (!ok) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* ---- a record as a result ---- */

static void copy(json_t *to, const json_t *from, const char *key) {
    json_t *v = json_object_get(from, key);
    if (v && !json_is_null(v) && !json_object_get(to, key)) {
        json_object_set(to, key, v);
    }
}

static json_t *part_of(json_t *result, const char *subset) {
    json_t *subsets = json_object_get(result, "subsets");
    if (!subsets) {
        json_object_set_new(result, "subsets", subsets = json_object());
    }
    json_t *part = json_object_get(subsets, subset);
    if (!part) {
        json_object_set_new(subsets, subset, part = json_pack("{s:{}}", "metrics"));
    }
    return part;
}

/* [{"name", "subset"?, "value", ...}] as {name: {"value", ...}}, by subset where it has one. */
static void spread_metrics(json_t *result, const json_t *list) {
    static const char *const NUMBERS[] = { "value", "stderr", "low", "high" };
    json_t *metrics = json_object(), *m;
    size_t i;
    json_object_set_new(result, "metrics", metrics);
    json_array_foreach(list, i, m) {
        const char *subset = json_get_string(m, "subset", "");
        json_t *one = json_object();
        for (size_t k = 0; k < sizeof NUMBERS / sizeof *NUMBERS; k++) {
            json_t *v = json_object_get(m, NUMBERS[k]);
            json_object_set_new(one, NUMBERS[k], v ? json_incref(v) : json_null());
        }
        json_object_set_new(*subset ? json_object_get(part_of(result, subset), "metrics") : metrics,
            json_get_string(m, "name", ""), one);
    }
}

static json_t *result_of_record(const json_t *record) {
    const char *key;
    json_t *result = json_object(), *v;
    json_object_foreach((json_t *)(uintptr_t)record, key, v) {
        if (strcmp(key, "schema") && strcmp(key, "metrics")) {
            json_object_set(result, key, v);
        }
    }
    spread_metrics(result, json_object_get(record, "metrics"));
    return result;
}

/* What the record leaves to the tables around it. */
static void add_row(json_t *result, const json_t *row) {
    static const char *const ROW[] = { "model", "revision", "task", "kind", "harness_build",
        "backend", "isa", "device", "dtype", "data_sha256", "task_sha256", "n" };
    static const char *const CONFIG[] = { "profile", "shots", "limit", "seed" };
    static const char *const DEFINITION[] = { "range", "higher_is_better", "languages" };
    for (size_t i = 0; i < sizeof ROW / sizeof *ROW; i++) {
        copy(result, row, ROW[i]);
    }
    for (size_t i = 0; i < sizeof CONFIG / sizeof *CONFIG; i++) {
        copy(result, json_object_get(row, "config"), CONFIG[i]);
    }
    for (size_t i = 0; i < sizeof DEFINITION / sizeof *DEFINITION; i++) {
        copy(result, json_object_get(row, "definition"), DEFINITION[i]);
    }
}

/* ---- opening ---- */

static bool open_run(struct evidence *e, struct db *db, long long run, struct err *err) {
    struct rows rows = { 0 };
    struct strbuf name = { 0 };
    bool ok = db_query(db, "run_evidence", DB_ARGS(db_int(run)), &rows, err);
    ok = ok && (rows.n > 0 || err_set(err, ERR_NOT_FOUND, "there is no run %lld", run));
    json_t *list = ok ? rows_to_json(&rows, err) : NULL;
    if (list) {
        strbuf_addf(&name, "run %lld", run);
        e->name = strbuf_take(&name);
        e->run = run;
        e->row = json_incref(json_array_get(list, 0));
        e->current = json_get_bool(e->row, "current", false);
        e->result = result_of_record(json_object_get(e->row, "record"));
        add_row(e->result, e->row);
    }
    json_decref(list);
    rows_release(&rows);
    return list != NULL;
}

static bool open_file(struct evidence *e, const char *path, long long at, struct err *err) {
    json_t *document = json_parse_file(path, RECORD_MAX, err);
    if (!document) {
        return false;
    }
    e->name = xstrdup(path);
    e->result = at < 0
                    ? result_of_record(document)
                    : json_incref(json_array_get(json_object_get(document, "results"), (size_t)at));
    json_decref(document);
    char *samples = samples_of_record(path);
    bool ok = true;
    if (samples && file_exists(samples)) {
        struct strbuf text = { .max = SAMPLES_MAX };
        ok = file_read(samples, SAMPLES_MAX, &text, err);
        e->samples_n = text.len;
        e->samples = ok ? strbuf_take(&text) : NULL;
        strbuf_release(&text);
    }
    free(samples);
    return ok && (json_is_object(e->result) ||
                     err_set(err, ERR_INPUT, "'%s': its result is not an object", path));
}

bool evidence_open(struct evidence *e, struct db *db, const json_t *selected, struct err *err) {
    long long run = json_get_int(selected, "run", 0);
    *e = (struct evidence) { 0 };
    bool ok = run ? open_run(e, db, run, err)
                  : open_file(e, json_get_string(selected, "path", ""),
                        json_get_int(selected, "at", -1), err);
    if (!ok) {
        evidence_release(e);
    }
    return ok;
}

bool evidence_samples(struct evidence *e, struct db *db, struct err *err) {
    struct strbuf text = { .max = SAMPLES_MAX };
    bool ok = !e->run || run_samples(db, e->run, &text, err);
    if (ok && text.len) {
        e->samples_n = text.len;
        e->samples = strbuf_take(&text);
    }
    strbuf_release(&text);
    return ok;
}

bool evidence_needs_samples(const struct evidence *e, struct err *err) {
    if (e->samples) {
        return true;
    }
    err_set(err, ERR_NOT_FOUND, "%s has no samples", e->name);
    return err_hint(err, e->run ? "it was stored without them; evaluating anew keeps them"
                                : "they are kept by assay eval --out DIR --samples");
}

const char *metric_difference(const json_t *a, const json_t *b) {
    static const char *const FIELDS[] = { "value", "stderr", "low", "high" };
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
        double x = json_get_number(a, FIELDS[i], NAN), y = json_get_number(b, FIELDS[i], NAN);
        if (x != y && !(isnan(x) && isnan(y))) {
            return FIELDS[i];
        }
    }
    return NULL;
}

bool evidence_is_measured(const struct evidence *e, struct err *err) {
    const char *format = json_get_string(json_object_get(e->result, "imported"), "format", NULL);
    if (!format) {
        return true;
    }
    err_set(err, ERR_INPUT, "%s was imported from a file of format %s", e->name, format);
    return err_hint(err, "only what was measured here can be measured or scored again");
}
