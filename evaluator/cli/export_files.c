/* Results in other programs' formats: the files that those programs would have written, below a
 * folder. What was imported from a format is written as it was. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/db.h"
#include "evaluator/cli/evidence.h"
#include "evaluator/cli/export.h"
#include "evaluator/cli/print.h"
#include "evaluator/eval/eval.h"
#include "evaluator/eval/write.h"
#include "evaluator/foreign/foreign.h"

#define CARD_MAX ((size_t)16 << 20)

const struct option options_export_files[] = {
    { "out", 'o', "DIR", "the folder to write to, with --to FORMAT" },
    { "task", 't', "T", "only this task, with --to FORMAT" },
    { "samples", 0, NULL, "also samples, with --to lm-eval" },
    { "source", 0, "URL", "where the results can be looked up, with --to eval-results" },
    { NULL, 0, NULL, NULL },
};

struct exporting {
    const struct args *args;
    const char *dir;
    enum foreign_format format;
    struct db *db;
    struct eval_out *out;       /* what was measured, to the peers' files */
    struct export_table *table; /* or a table */
    json_t *gathered; /* by model, or by the file that it was imported from: lists of results */
    struct export_report report;
};

bool export_is_format(const char *to) {
    enum foreign_format ignored;
    return export_table_find(to) || foreign_find(to, &ignored);
}

/* ---- gathering ---- */

static void gather(struct exporting *x, const char *key, const json_t *result) {
    json_t *list = json_object_get(x->gathered, key);
    if (!list) {
        json_object_set_new(x->gathered, key, list = json_array());
    }
    json_array_append(list, (json_t *)(uintptr_t)result);
}

static bool is_from(const struct exporting *x, const json_t *result) {
    const json_t *imported = json_object_get(result, "imported");
    return !strcmp(json_get_string(imported, "format", ""), foreign_name(x->format));
}

static char *model_folder(const struct exporting *x, const json_t *result) {
    char *name = sanitised_name(json_get_string(result, "model", ""));
    char *folder = path_join(x->dir, name);
    free(name);
    return folder;
}

static bool put(struct exporting *x, const char *folder, const char *name,
    const struct strbuf *text, struct err *err) {
    char *path = path_join(folder, name);
    bool ok = dir_make(folder, err) && file_write_atomic(path, strbuf_str(text), text->len, err);
    x->report.n_files += ok;
    free(path);
    return ok;
}

/* samples_<task>_<time>.jsonl, of the time in the results' name: the lines as they were. */
static bool put_samples(struct exporting *x, const struct evidence *e, struct err *err) {
    const char *file =
        json_get_string(json_object_get(e->result, "imported"), "file", "results.json");
    const char *time = file + strcspn(file, "_");
    if (!e->samples_n || !str_ends(file, ".json") || !*time) {
        return true;
    }
    struct strbuf name = { 0 }, text = { .text = e->samples, .len = e->samples_n };
    char *folder = model_folder(x, e->result),
         *task = sanitised_name(json_get_string(e->result, "task", ""));
    strbuf_addf(&name, "samples_%s%.*s.jsonl", task, (int)(strlen(time) - strlen(".json")), time);
    bool ok = put(x, folder, strbuf_str(&name), &text, err);
    free(task);
    free(folder);
    strbuf_release(&name);
    return ok;
}

static bool add_peers(struct exporting *x, struct evidence *e, struct err *err) {
    bool lmeval = x->format == FOREIGN_LM_EVAL, samples = lmeval && args_has(x->args, "samples");
    if (samples && !e->samples && x->db && !evidence_samples(e, x->db, err)) {
        return false;
    }
    if (is_from(x, e->result)) {
        struct strbuf key = { 0 };
        strbuf_addf(&key, "%s %s",
            json_get_string(json_object_get(e->result, "imported"), "sha256", ""),
            lmeval ? json_get_string(e->result, "model", "") : e->name);
        gather(x, strbuf_str(&key), e->result);
        strbuf_release(&key);
        return !samples || put_samples(x, e, err);
    }
    if (json_object_get(e->result, "imported") || result_embeds(e->result) == lmeval) {
        x->report.n_left++; /* the other one's */
        return true;
    }
    return eval_out_add(x->out, e->result, samples ? e->samples : NULL, e->samples_n, err);
}

static bool add(struct exporting *x, struct evidence *e, struct err *err) {
    x->report.n_results++;
    if (x->table) {
        export_table_add(x->table, e->result, e->run);
        return true;
    }
    if (x->format == FOREIGN_LM_EVAL || x->format == FOREIGN_MTEB) {
        return add_peers(x, e, err);
    }
    gather(x, json_get_string(e->result, "model", ""), e->result);
    return true;
}

/* ---- what was gathered ---- */

static void print_json(const json_t *doc, struct strbuf *out) {
    struct json_writer j;
    json_writer_init(&j, out, true);
    jw_json(&j, doc);
    strbuf_addc(out, '\n');
}

/* A document that was imported, under the name that it had. */
static bool write_document(struct exporting *x, const json_t *results, struct err *err) {
    const json_t *first = json_array_get(results, 0),
                 *imported = json_object_get(first, "imported");
    json_t *doc = foreign_document(x->format, results);
    char *folder = model_folder(x, first);
    struct strbuf text = { 0 }, meta = { 0 };
    bool ok = true;
    if (x->format == FOREIGN_MTEB) {
        char *inner = path_join(folder,
            json_get_string(first, "revision_label", json_get_string(first, "revision", "")));
        free(folder);
        folder = inner;
        print_json(json_object_get(imported, "meta"), &meta);
        ok = !json_object_get(imported, "meta") || put(x, folder, "model_meta.json", &meta, err);
    }
    print_json(doc, &text);
    ok = ok &&
         put(x, folder, path_base(json_get_string(imported, "file", "results.json")), &text, err);
    strbuf_release(&text);
    strbuf_release(&meta);
    free(folder);
    json_decref(doc);
    return ok;
}

/* models/<org>/<name>/, as a mirror of the hub has repositories. */
static bool write_card(
    struct exporting *x, const char *model, const json_t *results, struct err *err) {
    struct strbuf folder = { 0 }, old = { 0 }, text = { 0 };
    bool index = x->format == FOREIGN_MODEL_INDEX, ok = true;
    const char *name = index ? "README.md" : "assay.yaml", *base = strrchr(model, '/');
    if (!path_stays_below(model) || !base) { /* a local one: it has no repository */
        x->report.n_left += json_array_size(results);
        return true;
    }
    strbuf_addf(&folder, "%s/models/%s%s", x->dir, model, index ? "" : "/.eval_results");
    char *path = path_join(strbuf_str(&folder), name);
    bool there = index && file_exists(path);
    if (index) {
        ok = (!there || file_read(path, CARD_MAX, &old, err)) &&
             (foreign_write_model_index(
                  base + 1, results, there ? strbuf_str(&old) : NULL, old.len, &text, err) ||
                 err_wrap(err, "'%s' stays as it is", path));
    } else {
        foreign_write_eval_results(results, args_get(x->args, "source", NULL), &text);
    }
    ok = ok && put(x, strbuf_str(&folder), name, &text, err);
    free(path);
    strbuf_release(&folder);
    strbuf_release(&old);
    strbuf_release(&text);
    return ok;
}

static bool write_gathered(struct exporting *x, struct err *err) {
    const char *key;
    json_t *results;
    json_object_foreach(x->gathered, key, results) {
        bool document = x->format == FOREIGN_LM_EVAL || x->format == FOREIGN_MTEB;
        if (!(document ? write_document(x, results, err) : write_card(x, key, results, err))) {
            return false;
        }
    }
    return !x->table || export_table_write(x->table, &x->report, err);
}

/* ---- the command's part ---- */

static bool add_selected(struct exporting *x, const json_t *selected, struct err *err) {
    const json_t *one;
    size_t i;
    json_array_foreach(selected, i, one) {
        struct evidence e = { 0 };
        bool ok = evidence_open(&e, x->db, one, err) && add(x, &e, err);
        evidence_release(&e);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static void print_report(const struct exporting *x, const char *to) {
    const struct export_report *r = &x->report;
    if (args_has(x->args, "json")) {
        json_t *doc = json_pack("{s:s, s:s, s:s, s:I, s:I}", "schema", "assay.export/1", "to",
            x->dir, "format", to, "runs", (json_int_t)(r->n_results - r->n_left), "left",
            (json_int_t)r->n_left);
        print_document(doc, true);
        json_decref(doc);
        return;
    }
    printf("%s: %zu results as %s", x->dir, r->n_results - r->n_left, to);
    printf(r->n_left ? ", %zu left out that it has no place for\n" : "\n", r->n_left);
}

bool export_results(const struct args *args, const char *to, struct err *err) {
    struct exporting x = { .args = args, .dir = args_get(args, "out", NULL) };
    if (!x.dir || !*x.dir) {
        return err_set(err, ERR_USAGE, "no folder to write to: --to %s --out DIR", to);
    }
    json_t *selected = selection_from_args(args, true, &x.db, err);
    if (!selected) {
        db_close(x.db);
        return false;
    }
    if (foreign_find(to, &x.format)) {
        x.out = eval_out_new(x.dir, args_has(args, "samples"));
        eval_out_peers_only(x.out);
    } else {
        x.table = export_table_new(to, x.dir);
    }
    x.gathered = json_object();
    bool ok = add_selected(&x, selected, err) && write_gathered(&x, err);
    if (ok) {
        print_report(&x, to);
    }
    json_decref(x.gathered);
    json_decref(selected);
    eval_out_free(x.out);
    export_table_free(x.table);
    db_close(x.db);
    return ok || err_wrap(err, "could not export to '%s'", x.dir);
}
