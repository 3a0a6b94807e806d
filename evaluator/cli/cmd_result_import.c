/* assay result import. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/table.h"
#include "evaluator/foreign/foreign.h"
#include "evaluator/task/task.h"
#include "evaluator/worker/worker.h"
#include "version.h"

#define LINE_MAX_BYTES ((size_t)64 << 20)
#define RECORD_MAX_BYTES ((size_t)1000000) /* what the database keeps of a run */
#define CHUNK_LINES 2000
#define CHUNK_BYTES ((size_t)8 << 20)

static const struct option options_import[] = {
    { "from", 0, "FORMAT", "lm-eval, mteb, model-index or eval-results" },
    { "model", 0, "ORG/NAME[@COMMIT]", "whose results these are, where the file doesn't say" },
    { "no-samples", 0, NULL, "leave out samples that lie beside lm-eval's results" },
    { "dry-run", 0, NULL, "read everything, and store nothing" },
    { NULL, 0, NULL, NULL },
};

struct import {
    const struct args *args;
    struct db *db; /* NULL with --dry-run */
    json_t *report;
    struct table *table; /* NULL with --json */
    size_t n_files, n_runs, n_there;
};

/* ---- samples: as they are, a chunk at a time ---- */

struct packing {
    struct db *db;
    long long set;
    json_t *index;
    struct strbuf text;
    int n, number;
};

static bool flush(struct packing *p, struct err *err) {
    struct chunk chunk = { 0 };
    if (p->n == 0) {
        return true;
    }
    bool ok =
        chunk_pack(&chunk, p->number, p->n, ASSAY_BUILD, strbuf_str(&p->text), p->text.len, err) &&
        (!p->db || run_chunk(p->db, &p->set, &chunk, err));
    if (ok) {
        json_array_append_new(
            p->index, json_pack("{s:i, s:s}", "chunk", p->number++, "sha256", chunk.sha256));
    }
    chunk_release(&chunk);
    strbuf_reset(&p->text);
    p->n = 0;
    return ok;
}

static bool add_line(struct packing *p, const char *line, size_t n, const char *path, size_t number,
    struct err *err) {
    if (n > LINE_MAX_BYTES) {
        return err_set(
            err, ERR_INPUT, "'%s' line %zu: longer than %zu bytes", path, number, LINE_MAX_BYTES);
    }
    if (!foreign_sample_check(line, n, path, number, err)) {
        return false;
    }
    strbuf_add(&p->text, line, n);
    strbuf_addc(&p->text, '\n');
    return (++p->n < CHUNK_LINES && p->text.len < CHUNK_BYTES) || flush(p, err);
}

/* The next line without its end, of at most LINE_MAX_BYTES + 1 bytes. */
static bool next_line(FILE *f, struct strbuf *line) {
    int c;
    strbuf_reset(line);
    while ((c = getc_unlocked(f)) != EOF && c != '\n' && line->len <= LINE_MAX_BYTES) {
        strbuf_addc(line, (char)c);
    }
    return c != EOF || line->len > 0;
}

static bool pack_samples(struct packing *p, const char *path, struct err *err) {
    FILE *f = fopen(path, "r");
    if (!f) {
        return err_errno(err, ERR_INPUT, "could not read '%s'", path);
    }
    struct strbuf line = { 0 };
    bool ok = true;
    for (size_t number = 1; ok && next_line(f, &line); number++) {
        ok = line.len == 0 || add_line(p, strbuf_str(&line), line.len, path, number, err);
    }
    ok = ok && (!ferror(f) || err_errno(err, ERR_INPUT, "could not read '%s'", path));
    fclose(f);
    strbuf_release(&line);
    return ok && flush(p, err);
}

/* ---- a result as a run ---- */

static void copy(json_t *to, const json_t *from, const char *as, const char *key) {
    json_t *v = json_object_get(from, key);
    if (v && !json_is_null(v)) {
        json_object_set(to, as, v);
    }
}

/* What mteb says beside its files of the model, in the words that a card has for it: what it was
 * trained on and made from. It adds to the card that is known. */
static json_t *card_of(const json_t *r) {
    const json_t *meta = json_object_get(json_object_get(r, "imported"), "meta");
    json_t *card = json_object();
    copy(card, meta, "training_datasets", "training_datasets");
    copy(card, meta, "base_model", "adapted_from");
    return card;
}

static json_t *request_of(const json_t *r) {
    json_t *config = json_object(), *definition = json_pack("{s:b}", "imported", 1);
    static const char *const ASKED[] = { "shots", "limit", "profile", "template" };
    for (size_t i = 0; i < sizeof ASKED / sizeof *ASKED; i++) {
        copy(config, r, ASKED[i], ASKED[i]);
    }
    if (*json_get_string(r, "dtype", "")) {
        copy(config, r, "precision", "dtype");
    }
    if (json_get_int(r, "seed", TASK_SEED) !=
        TASK_SEED) { /* the protocol's own goes without saying */
        copy(config, r, "seed", "seed");
    }
    copy(definition, r, "data", "data");
    copy(definition, r, "higher_is_better", "higher_is_better");
    return json_pack("{s:{s:O, s:O, s:o}, s:{s:O, s:O, s:O, s:O, s:O, s:o}, s:o, s:s}", "model",
        "name", json_object_get(r, "model"), "commit", json_object_get(r, "revision"), "card",
        card_of(r), "task", "name", json_object_get(r, "task"), "version",
        json_object_get(r, "version"), "sha256", json_object_get(r, "task_sha256"), "kind",
        json_object_get(r, "kind"), "main", json_object_get(r, "main"), "definition", definition,
        "config", config, "purpose", "import");
}

static bool store(struct import *m, const json_t *result, const struct packing *p, long long *run,
    bool *created, struct err *err) {
    json_t *record = record_from_result(result, p->index, NULL, NULL),
           *request = request_of(result);
    char *text = record ? record_text(record, err) : NULL;
    bool ok = record || err_set(err, ERR_INPUT, "task '%s' has no numbers",
                            json_get_string(result, "task", ""));
    if (ok && text && strlen(text) >= RECORD_MAX_BYTES) {
        ok = err_set(err, ERR_INPUT, "task '%s': its file says %zu bytes of it, more than %zu",
            json_get_string(result, "task", ""), strlen(text), RECORD_MAX_BYTES);
        err_hint(err, "fewer tasks in a file, or a shorter description of groups, fit");
    }
    ok = ok && text && request && run_record(m->db, request, text, p->set, run, created, err);
    free(text);
    json_decref(record);
    json_decref(request);
    return ok;
}

static void tell(struct import *m, const json_t *r, long long run, bool created) {
    const char *main = json_get_string(r, "main", "");
    const json_t *metric = json_object_get(json_object_get(r, "metrics"), main);
    const char *state = !m->db ? "would be stored" : created ? "stored" : "was there";
    m->n_runs++;
    m->n_there += m->db && !created;
    json_t *row = json_pack("{s:O, s:O, s:O, s:s, s:O, s:s}", "model", json_object_get(r, "model"),
        "revision", json_object_get(r, "revision"), "task", json_object_get(r, "task"), "metric",
        main, "value", json_object_get(metric, "value"), "state", state);
    if (m->db) {
        json_object_set_new(row, "run", json_integer(run));
    }
    json_array_append_new(m->report, row);
    if (m->table) {
        if (m->db) {
            table_cellf(m->table, "%lld", run);
        } else {
            table_cell(m->table, NULL);
        }
        table_cell(m->table, json_get_string(r, "model", ""));
        table_cell(m->table, json_get_string(r, "task", ""));
        table_cell(m->table, main);
        table_cellf(m->table, "%.4f", json_get_number(metric, "value", 0));
        table_cell(m->table, state);
    }
}

static bool take_result(struct import *m, const json_t *result, struct err *err) {
    struct packing p = { .db = m->db, .index = json_array() }, look = { .index = json_array() };
    const char *samples =
        args_has(m->args, "no-samples") ? NULL : json_get_string(result, "samples", NULL);
    long long run = 0;
    bool created = false;
    bool ok = !samples || !m->db || pack_samples(&look, samples, err); /* all of them, or none */
    ok = ok && (!samples || pack_samples(&p, samples, err));
    ok = ok && (!m->db || store(m, result, &p, &run, &created, err));
    if (ok) {
        tell(m, result, run, created);
    }
    json_decref(look.index);
    json_decref(p.index);
    strbuf_release(&look.text);
    strbuf_release(&p.text);
    return ok;
}

static bool take_file(void *to, const struct foreign_found *found, struct err *err) {
    struct import *m = to;
    json_t *result;
    size_t i;
    m->n_files++;
    json_array_foreach(found->results, i, result) {
        if (!take_result(m, result, err)) {
            return err_wrap(err, "could not import '%s'", found->path);
        }
    }
    return true;
}

/* ---- the command ---- */

static bool walk(struct import *m, enum foreign_format format, struct err *err) {
    const char *named = args_get(m->args, "model", NULL), *at = named ? strchr(named, '@') : NULL;
    char *model = named ? xstrndup(named, at ? (size_t)(at - named) : strlen(named)) : NULL;
    bool ok = true;
    for (unsigned i = 0; ok && i < m->args->n_operands; i++) {
        ok = foreign_walk(
            format, m->args->operands[i], model, at ? at + 1 : NULL, take_file, m, err);
    }
    free(model);
    return ok;
}

static bool run_import(const struct args *args, struct err *err) {
    const char *from = args_get(args, "from", NULL);
    enum foreign_format format;
    struct import m = { .args = args };
    if (!from || !foreign_find(from, &format)) {
        return err_set(err, ERR_USAGE,
            "which format: --from lm-eval, mteb, model-index or eval-results%s%.60s",
            from ? ", not " : "", from ? from : "");
    }
    if (!args_has(args, "dry-run") && !(m.db = database_open(args, err))) {
        return false;
    }
    m.report = json_array();
    m.table = args_has(args, "json")
                  ? NULL
                  : table_new(">Run", "Model", "Task", "Metric", ">Value", "State", NULL);
    bool ok = walk(&m, format, err);
    if (m.table && m.n_runs == 0) {
        table_free(m.table);
    } else if (m.table) {
        table_print(m.table, false);
        printf("%zu file%s, %zu result%s, %zu of them were there\n", m.n_files,
            m.n_files == 1 ? "" : "s", m.n_runs, m.n_runs == 1 ? "" : "s", m.n_there);
    } else if (ok) {
        json_t *doc = json_pack("{s:s, s:I, s:O}", "schema", "assay.import/1", "files",
            (json_int_t)m.n_files, "results", m.report);
        print_document(doc, true);
        json_decref(doc);
    }
    json_decref(m.report);
    db_close(m.db);
    return ok;
}

const struct command cmd_result_import = {
    .name = "result import",
    .operands = "FILE|DIR...",
    .summary = "store results that another program measured, marked as imported",
    .details =
        "lm-eval       results_<time>.json with samples_<task>_<time>.jsonl beside\n"
        "mteb          <Task>.json with model_meta.json\n"
        "model-index   a model's README.md\n"
        "eval-results  .eval_results/NAME.yaml of a model's repository\n\n"
        "All that a file says is kept, and 'assay result export --to' the same format writes it\n"
        "again. Boards show what is imported beside their rows and give it no rank, unless they "
        "are\n"
        "asked to. The same file again changes nothing.\n\n"
        "  assay result import --from lm-eval ./results\n"
        "  assay result import --from model-index README.md --model org/name --dry-run\n",
    .options = { options_import, options_database },
    .min_operands = 1,
    .max_operands = ARGS_MAX_VALUES,
    .run = run_import,
};
