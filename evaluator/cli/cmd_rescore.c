/* assay rescore: the metrics of stored results computed anew from their samples, without a model. A
 * rule that has changed makes a further run that takes the place of the old one; nothing that was
 * measured is ever rewritten. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/evidence.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/report.h"
#include "evaluator/cli/table.h"
#include "evaluator/eval/eval.h"
#include "version.h"

static const struct option options_rescore[] = {
    { "dry-run", 0, NULL, "only say what would change" },
    { "out", 'o', "DIR", "for record files: write what has changed there, as assay eval --out" },
    { NULL, 0, NULL, NULL },
};

struct rescoring {
    const struct args *args;
    struct db *db;
    json_t *report;       /* what --json prints of each */
    struct table *table;  /* NULL with --json */
    struct eval_out *out; /* NULL without --out */
    size_t n_left;        /* results that differ and were left as they are */
};

/* One result on its way. */
struct one {
    struct evidence *e;
    json_t *now;           /* the result, scored again */
    struct strbuf samples; /* its lines, written again */
    json_t *metrics;       /* [{"name", "subset"?, "equal", "stored", "now"}] */
    char why[200];         /* the first thing that differs; "": nothing does */
    char stored_as[40];    /* "run 13", or where it was written */
    long long run;
};

static void one_release(struct one *o) {
    json_decref(o->now);
    json_decref(o->metrics);
    strbuf_release(&o->samples);
}

/* ---- what differs ---- */

static void compare_metric(
    struct one *o, const char *name, const char *subset, json_t *stored, json_t *now) {
    const char *field = metric_difference(stored, now);
    json_array_append_new(
        o->metrics, json_pack("{s:s, s:s*, s:b, s:O, s:O}", "name", name, "subset", subset, "equal",
                        !field, "stored", stored, "now", now));
    if (field && (!*o->why || !strcmp(name, json_get_string(o->now, "main", "")))) {
        char a[32], b[32];
        snprintf(o->why, sizeof o->why, "%s%s%s: %s %s is %s now", subset ? subset : "",
            subset ? ": " : "", name, field,
            json_double_repr(json_get_number(stored, field, NAN), a),
            json_double_repr(json_get_number(now, field, NAN), b));
    }
}

static void compare_metrics(
    struct one *o, const json_t *stored, const json_t *now, const char *subset) {
    const char *name;
    json_t *metric;
    json_object_foreach(json_object_get(stored, "metrics"), name, metric) {
        compare_metric(
            o, name, subset, metric, json_object_get(json_object_get(now, "metrics"), name));
    }
}

/* What a result keeps of its documents for paired tests; older ones keep nothing. */
static void compare_scores(struct one *o) {
    const json_t *stored = json_object_get(o->e->result, "scores");
    if (stored && !*o->why && !json_equal(stored, json_object_get(o->now, "scores"))) {
        snprintf(
            o->why, sizeof o->why, "the documents' scores, kept for paired tests, are others now");
        log_line(LOG_WARN, "%s: %s; every metric is equal", o->e->name, o->why);
    }
}

static void compare(struct one *o) {
    const char *subset;
    json_t *part;
    o->metrics = json_array();
    json_object_foreach(json_object_get(o->e->result, "subsets"), subset, part) {
        compare_metrics(
            o, part, json_object_get(json_object_get(o->now, "subsets"), subset), subset);
    }
    compare_metrics(o, o->e->result, o->now, NULL);
    compare_scores(o);
}

/* ---- keeping it ---- */

/* The build that the samples are of, and the one whose rules were applied to them. */
static void name_build(json_t *result) {
    static const char WORD[] = " rescored by ";
    const char *old = json_get_string(result, "harness_build", "unknown"),
               *suffix = strstr(old, WORD);
    struct strbuf build = { 0 };
    strbuf_add(&build, old, suffix ? (size_t)(suffix - old) : strlen(old));
    strbuf_addf(&build, "%s%s", WORD, ASSAY_BUILD);
    json_object_set_new(result, "harness_build", json_string(strbuf_str(&build)));
    strbuf_release(&build);
}

/* The record as it was, with other numbers. */
static json_t *new_record(const struct one *o, const json_t *chunks) {
    json_t *record = json_deep_copy(json_object_get(o->e->row, "record")), *metrics = json_array();
    json_t *scored = json_object_get(o->now, "scores"), *m;
    size_t i;
    json_array_foreach(o->metrics, i, m) {
        json_t *row = json_copy(json_object_get(m, "now"));
        json_object_set(row, "name", json_object_get(m, "name"));
        if (json_object_get(m, "subset")) {
            json_object_set(row, "subset", json_object_get(m, "subset"));
        }
        json_array_append_new(metrics, row);
    }
    json_object_set_new(record, "metrics", metrics);
    json_object_set(record, "chunks", (json_t *)(uintptr_t)chunks);
    json_object_set(record, "audit", json_object_get(o->now, "audit"));
    if (scored) {
        json_object_set(record, "scores", scored);
    } else {
        json_object_del(record, "scores");
    }
    name_build(record);
    json_object_set_new(record, "rescored", json_pack("{s:I}", "run", (json_int_t)o->e->run));
    return record;
}

static bool store(struct one *o, struct db *db, struct err *err) {
    long long set = 0;
    bool created;
    json_t *chunks = json_array(), *record = NULL;
    char *text = NULL;
    bool ok = report_samples(db, o->samples.text, o->samples.len, &set, chunks, err);
    if (ok) {
        record = new_record(o, chunks);
        text = record_text(record, err);
    }
    ok = text && run_rescore(db, o->e->run, text, set, o->why, &o->run, &created, err);
    if (ok) {
        snprintf(o->stored_as, sizeof o->stored_as, "run %lld", o->run);
    }
    free(text);
    json_decref(record);
    json_decref(chunks);
    return ok;
}

static bool write_files(struct rescoring *r, struct one *o, struct err *err) {
    name_build(o->now);
    snprintf(o->stored_as, sizeof o->stored_as, "%.39s", args_get(r->args, "out", ""));
    return eval_out_add(r->out, o->now, o->samples.text, o->samples.len, err);
}

/* Where a rule can't have changed, the numbers that were stored are not those of their samples. */
static void warn_of_same_build(const struct one *o) {
    if (!strcmp(json_get_string(o->e->result, "harness_build", ""), ASSAY_BUILD)) {
        log_line(LOG_WARN, "%s was made by this very build: 'assay result verify' says more",
            o->e->name);
    }
}

static bool keep(struct rescoring *r, struct one *o, struct err *err) {
    warn_of_same_build(o);
    if (args_has(r->args, "dry-run") || (!o->e->run && !r->out)) {
        r->n_left++;
        return true;
    }
    if (!o->e->run) {
        return write_files(r, o, err);
    }
    if (!o->e->current) {
        log_line(LOG_WARN, "%s does not stand for its configuration any more: nothing is stored",
            o->e->name);
        r->n_left++;
        return true;
    }
    return store(o, r->db, err);
}

/* ---- saying it ---- */

static void cell_number(struct table *t, const json_t *metric) {
    double value = json_get_number(metric, "value", NAN),
           stderr_ = json_get_number(metric, "stderr", NAN);
    if (isnan(value)) {
        table_cell(t, NULL);
    } else if (isnan(stderr_)) {
        table_cellf(t, "%.4f", value);
    } else {
        table_cellf(t, "%.4f ± %.4f", value, stderr_);
    }
}

static const char *verdict_on(const json_t *m) {
    const json_t *stored = json_object_get(m, "stored"), *now = json_object_get(m, "now");
    const char *field = metric_difference(stored, now);
    return !field                                                ? "equal bits"
           : !strcmp(field, "value") || !strcmp(field, "stderr") ? "other numbers"
                                                                 : "other interval";
}

static void add_rows(struct rescoring *r, const struct one *o) {
    struct table *t = r->table;
    const json_t *m;
    size_t i;
    json_array_foreach(o->metrics, i, m) {
        const char *subset = json_get_string(m, "subset", NULL);
        table_cell(t, o->e->name);
        table_cell(t, json_get_string(o->now, "model", ""));
        table_cellf(t, "%s%s%s", json_get_string(o->now, "task", ""), subset ? "/" : "",
            subset ? subset : "");
        table_cell(t, json_get_string(m, "name", ""));
        cell_number(t, json_object_get(m, "stored"));
        cell_number(t, json_object_get(m, "now"));
        table_cell(t, verdict_on(m));
        table_cell(t, *o->stored_as ? o->stored_as : NULL);
    }
}

static void add_report(struct rescoring *r, const struct one *o) {
    json_t *entry = json_pack("{s:O?, s:O?, s:b, s:O, s:s*}", "model",
        json_object_get(o->now, "model"), "task", json_object_get(o->now, "task"), "equal",
        !*o->why, "metrics", o->metrics, "differs", *o->why ? o->why : NULL);
    json_object_set_new(entry, o->e->run ? "run" : "file",
        o->e->run ? json_integer(o->e->run) : json_string(o->e->name));
    if (*o->stored_as) {
        json_object_set_new(entry, "stored_as",
            o->run ? json_integer((json_int_t)o->run) : json_string(o->stored_as));
    }
    json_array_append_new(r->report, entry);
}

/* ---- the command ---- */

static bool rescore(struct rescoring *r, const json_t *selected, struct err *err) {
    struct evidence e;
    struct one o = { .e = &e };
    if (!evidence_open(&e, r->db, selected, err)) {
        return false;
    }
    bool ok = evidence_is_measured(&e, err) && evidence_samples(&e, r->db, err) &&
              evidence_needs_samples(&e, err);
    if (ok && !eval_rescore(e.result, e.samples, e.samples_n, &o.now, &o.samples, err)) {
        ok = err_wrap(err, "%s", e.name);
    }
    if (ok) {
        compare(&o);
        ok = !*o.why || keep(r, &o, err);
    }
    if (ok) {
        add_report(r, &o);
        if (r->table) {
            add_rows(r, &o);
        }
    }
    one_release(&o);
    evidence_release(&e);
    return ok;
}

static void print_report(struct rescoring *r) {
    if (r->table) {
        table_print(r->table, true);
        return;
    }
    json_t *document = json_pack("{s:s, s:O}", "schema", "assay.rescore/1", "results", r->report);
    print_document(document, true);
    json_decref(document);
}

static bool run(const struct args *args, struct err *err) {
    const char *out = args_get(args, "out", NULL);
    struct rescoring r = {
        .args = args, .report = json_array(), .out = out ? eval_out_new(out, true) : NULL
    };
    json_t *selected = selection_from_args(args, false, &r.db, err);
    bool ok = selected != NULL;
    size_t i;
    json_t *one;
    r.table = args_has(args, "json") ? NULL
                                     : table_new("Result", "Model", "Task", "Metric", ">Stored",
                                           ">Now", "Verdict", "Stored as", NULL);
    json_array_foreach(selected, i, one) {
        ok = ok && rescore(&r, one, err);
    }
    if (json_array_size(r.report)) {
        print_report(&r);
    } else if (r.table) {
        table_free(r.table);
    }
    if (ok && r.n_left) {
        ok = err_set(err, ERR_NEGATIVE,
            "%zu of %zu results have other numbers now, and none were stored", r.n_left,
            json_array_size(r.report));
    }
    eval_out_free(r.out);
    json_decref(r.report);
    json_decref(selected);
    db_close(r.db);
    return ok;
}

const struct command cmd_rescore = {
    .name = "rescore",
    .operands = "[RUN|MODEL|FILE...]",
    .summary = "compute the metrics of stored results anew from their samples",
    .details =
        "No model is needed: the log-likelihoods, similarities and ranks of every document are\n"
        "stored with a result. Says of each metric whether it is equal to the bit. Where this\n"
        "program's rules give other numbers, a further run is stored that takes the place of\n"
        "the old one, which is withdrawn with the reason and otherwise stays as it is.\n\n"
        "RUN is a number ('assay result ls'), MODEL a name: its runs that are current, with\n"
        "--task those of one task. FILE is what assay eval --out --samples wrote, or a folder\n"
        "of it; changed numbers are written only with --out. Exit code 10 if something differs\n"
        "and nothing was stored.\n\n"
        "  assay rescore 12\n"
        "  assay rescore org/name -t hellaswag --dry-run\n"
        "  assay rescore -t hellaswag                     all models, after a metric was mended\n"
        "  assay rescore results/ --out results.new/\n",
    .options = { options_rescore, options_selection, options_database },
    .max_operands = ARGS_MAX_VALUES,
    .run = run,
};
