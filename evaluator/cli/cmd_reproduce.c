/* assay reproduce: a published number, measured once more from its record alone. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/evidence.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/report.h"
#include "evaluator/cli/rerun.h"
#include "evaluator/cli/table.h"
#include "evaluator/eval/agree.h"
#include "evaluator/worker/worker.h"

static const struct option options_reproduce[] = {
    { "bits", 0, NULL, "take nothing less than equal bits" },
    { "show", 0, "N", "how many documents that differ are shown (default 5)" },
    { "no-db", 0, NULL, "don't store the reproduction in the database" },
    { NULL, 0, NULL, NULL },
};

struct reproducing {
    const struct args *args;
    struct db *db;           /* of runs; NULL where there are files only */
    struct run_store *store; /* for reproductions of files; NULL with --no-db */
    unsigned long n_shown;
    json_t *report; /* NULL: print for people */
    size_t n_negative, n;
};

/* One reproduction. */
struct one {
    struct evidence e;
    struct rerun r;
    struct agree_docs docs;
    json_t *metrics;
    enum agreement verdict;
    const char *why;
    bool same_platform; /* one build, instruction set, device and dtype */
    long long run;      /* as which it was stored; 0: it was not */
};

static void one_release(struct one *o) {
    evidence_release(&o->e);
    rerun_release(&o->r);
    agree_docs_release(&o->docs);
    json_decref(o->metrics);
}

/* ---- judging ---- */

static bool is_same_platform(const json_t *before, const json_t *now) {
    static const char *const FIELDS[] = { "harness_build", "backend", "device", "dtype" };
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
        if (strcmp(json_get_string(before, FIELDS[i], ""), json_get_string(now, FIELDS[i], "?"))) {
            return false;
        }
    }
    return true;
}

static bool judge(struct one *o, struct err *err) {
    const char *dtype = json_get_string(o->e.result, "dtype", "");
    enum agreement of_metrics = agree_metrics(o->e.result, o->r.result, dtype, &o->metrics);
    o->docs.dtype = dtype;
    if (o->e.samples && !agree_docs_lines(&o->docs, o->e.samples, o->e.samples_n, o->r.samples,
                            o->r.samples_n, err)) {
        return err_wrap(err, "%s", o->e.name);
    }
    o->verdict = agree_whole(of_metrics, o->e.samples ? &o->docs : NULL, &o->why);
    o->same_platform = is_same_platform(o->e.result, o->r.result);
    return true;
}

/* ---- storing ---- */

/* Beside its original, in the same configuration. */
static bool store_beside(struct reproducing *p, struct one *o, struct err *err) {
    long long set = 0;
    bool created;
    const char *revision = json_get_string(o->e.result, "revision", "");
    bool hub = !strcmp(json_get_string(o->e.row, "model_kind", ""), "hub");
    json_t *chunks = json_array(), *record = NULL,
           *command = record_command(o->r.model, hub ? revision : NULL, o->r.result);
    char *text = NULL;
    if (report_samples(p->db, o->r.samples, o->r.samples_n, &set, chunks, err)) {
        record = record_from_result(o->r.result, chunks, command, NULL);
        if (!record) {
            err_set(err, ERR_UNSUPPORTED, "what came out has no overall value to store");
        }
    }
    if (record) {
        json_object_set_new(record, "reproduces", json_integer(o->e.run));
        text = record_text(record, err);
    }
    bool ok = text && run_reproduce(p->db, o->e.run, text, set, agreement_name(o->verdict), &o->run,
                          &created, err);
    free(text);
    json_decref(record);
    json_decref(command);
    json_decref(chunks);
    return ok;
}

/* The seed of the protocol is "none was given"; the dtype was given, to be the record's. */
static json_t *config_of(const json_t *result) {
    static const char *const COPIED[] = { "shots", "limit", "profile", "template" };
    json_t *config = json_pack("{s:O}", "precision", json_object_get(result, "dtype"));
    for (size_t i = 0; i < sizeof COPIED / sizeof *COPIED; i++) {
        json_t *v = json_object_get(result, COPIED[i]);
        if (v && !json_is_null(v)) {
            json_object_set(config, COPIED[i], v);
        }
    }
    return config;
}

static bool store(struct reproducing *p, struct one *o, struct err *err) {
    if (args_has(p->args, "no-db")) {
        return true;
    }
    if (o->e.run) {
        return store_beside(p, o, err);
    }
    if (json_object_get(o->e.result, "settings") ||
        strcmp(json_get_string(o->e.result, "add_bos", "auto"), "auto")) {
        log_line(LOG_WARN, "%s: a run with settings of its own is not stored", o->e.name);
        return true;
    }
    json_t *config = config_of(o->r.result);
    bool ok = report_store_as(p->store, &(struct report_as) { "reproduce", config }, o->r.model,
        o->r.result, o->r.samples, o->r.samples_n, &o->run, err);
    json_decref(config);
    return ok;
}

/* ---- saying it ---- */

static const char *in_words(const struct one *o) {
    static const char *const WORDS[] = { "equal bits", "equal within the dtype's tolerance",
        "not reproduced" };
    return WORDS[o->verdict];
}

static void print_platform(const char *when, const json_t *result) {
    printf("%s %s, %s, %s\n", when, json_get_string(result, "harness_build", "?"),
        json_get_string(result, "backend", "?"), json_get_string(result, "dtype", "?"));
}

static void print_number(struct table *t, const json_t *v) {
    char text[32];
    table_cell(t, json_is_number(v) ? json_double_repr(json_number_value(v), text) : NULL);
}

static void print_metrics(const struct one *o) {
    struct table *t = table_new("Metric", ">Then", ">Now", ">Difference", "Verdict", NULL);
    const json_t *m;
    size_t i;
    json_array_foreach(o->metrics, i, m) {
        const char *subset = json_get_string(m, "subset", NULL);
        table_cellf(
            t, "%s%s%s", subset ? subset : "", subset ? "/" : "", json_get_string(m, "name", ""));
        print_number(t, json_object_get(m, "before"));
        print_number(t, json_object_get(m, "now"));
        print_number(t, json_object_get(m, "difference"));
        table_cell(t, json_get_bool(m, "equal", false) ? "equal bits" : "differs");
    }
    table_print(t, true);
}

static void print_document_difference(const json_t *d) {
    char a[32], b[32];
    const char *query = json_get_string(d, "query_id", NULL);
    printf("  document %lld%s%s: %s", json_get_int(d, "doc_id", -1), query ? ", query " : "",
        query ? query : "", json_get_string(d, "what", ""));
    if (json_object_get(d, "before")) {
        printf(" %s then, %s now%s", json_double_repr(json_get_number(d, "before", NAN), a),
            json_double_repr(json_get_number(d, "now", NAN), b),
            json_get_bool(d, "within", false) ? "" : ": beyond the tolerance");
    }
    puts("");
}

static void print_documents(const struct one *o) {
    const struct agree_docs *d = &o->docs;
    const json_t *one;
    size_t i;
    if (!o->e.samples) {
        puts("no samples were stored: only the scores are compared");
        return;
    }
    printf("documents: %zu of %zu equal to the bit, %zu within the tolerance of %s", d->n_equal,
        d->n, d->n_close, d->dtype);
    if (d->largest != 0) {
        printf(", largest difference %.3g", d->largest);
    }
    puts("");
    json_array_foreach(d->differing, i, one) {
        print_document_difference(one);
    }
}

static void print_one(const struct one *o) {
    printf("%s: %.*s@%.12s on %s\n", o->e.name,
        (int)strcspn(json_get_string(o->e.result, "model", ""), "@"),
        json_get_string(o->e.result, "model", ""), json_get_string(o->e.result, "revision", ""),
        json_get_string(o->e.result, "task", ""));
    print_platform("then:", o->e.result);
    print_platform("now: ", o->r.result);
    puts("");
    print_metrics(o);
    puts("");
    print_documents(o);
    if (o->verdict == AGREE_CLOSE && o->same_platform) {
        puts("one build on one instruction set should give equal bits: please report this");
    }
    printf("%s: %s\n", in_words(o), o->why);
    if (o->run) {
        printf("stored as run %lld\n", o->run);
    }
}

static json_t *platform_json(const json_t *result) {
    return json_pack("{s:O?, s:O?, s:O?, s:O?}", "harness_build",
        json_object_get(result, "harness_build"), "backend", json_object_get(result, "backend"),
        "device", json_object_get(result, "device"), "dtype", json_object_get(result, "dtype"));
}

static json_t *docs_json(const struct one *o) {
    const struct agree_docs *d = &o->docs;
    if (!o->e.samples) {
        return json_null();
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o}", "compared", (json_int_t)d->n, "equal",
        (json_int_t)d->n_equal, "within", (json_int_t)d->n_close, "asked_otherwise",
        (json_int_t)d->n_other, "largest_difference",
        isfinite(d->largest) ? json_real(d->largest) : json_null(), "differing",
        d->differing ? json_incref(d->differing) : json_array());
}

static json_t *one_json(const struct one *o) {
    json_t *entry = json_pack("{s:O?, s:O?, s:O?, s:s, s:s, s:b, s:o, s:o, s:O, s:o}", "model",
        json_object_get(o->e.result, "model"), "revision", json_object_get(o->e.result, "revision"),
        "task", json_object_get(o->e.result, "task"), "verdict", agreement_name(o->verdict), "why",
        o->why, "same_platform", (int)o->same_platform, "before", platform_json(o->e.result), "now",
        platform_json(o->r.result), "metrics", o->metrics, "documents", docs_json(o));
    json_object_set_new(entry, o->e.run ? "run" : "file",
        o->e.run ? json_integer(o->e.run) : json_string(o->e.name));
    if (o->run) {
        json_object_set_new(entry, "stored_as", json_integer((json_int_t)o->run));
    }
    return entry;
}

/* ---- the command ---- */

static bool reproduce(struct reproducing *p, const json_t *selected, struct err *err) {
    struct one o = { .docs = { .n_shown = p->n_shown } };
    bool ok = evidence_open(&o.e, p->db, selected, err) && evidence_samples(&o.e, p->db, err) &&
              rerun(&o.r, p->args, &o.e, NULL, err) && judge(&o, err) && store(p, &o, err);
    if (ok) {
        bool negative =
            o.verdict == AGREE_NOT || (o.verdict == AGREE_CLOSE && args_has(p->args, "bits"));
        p->n_negative += negative;
        if (p->report) {
            json_array_append_new(p->report, one_json(&o));
        } else {
            fputs(p->n ? "\n" : "", stdout);
            print_one(&o);
        }
        p->n++;
    }
    one_release(&o);
    return ok;
}

static bool open_stores(struct reproducing *p, const json_t *selected, struct err *err) {
    bool files = false;
    size_t i;
    json_t *one;
    json_array_foreach(selected, i, one) {
        files = files || json_object_get(one, "path");
    }
    if (files && !args_has(p->args, "no-db")) {
        p->store = report_store_open(args_get(p->args, "db", NULL), p->args, err);
        return p->store != NULL;
    }
    return true;
}

static bool run(const struct args *args, struct err *err) {
    struct reproducing p = { .args = args };
    if (!args_get_uint(args, "show", 5, 1000000, &p.n_shown, err)) {
        return false;
    }
    p.report = args_has(args, "json") ? json_array() : NULL;
    json_t *selected = selection_from_args(args, false, &p.db, err), *one;
    bool ok = selected && open_stores(&p, selected, err);
    size_t i;
    json_array_foreach(selected, i, one) {
        ok = ok && reproduce(&p, one, err);
    }
    if (json_array_size(p.report)) {
        json_t *document =
            json_pack("{s:s, s:O}", "schema", "assay.reproduce/1", "results", p.report);
        print_document(document, true);
        json_decref(document);
    }
    if (ok && p.n_negative) {
        ok = err_set(err, ERR_NEGATIVE, "%zu of %zu results were not reproduced%s", p.n_negative,
            p.n, args_has(args, "bits") ? " to the bit" : "");
    }
    json_decref(p.report);
    json_decref(selected);
    report_store_close(p.store);
    db_close(p.db);
    return ok;
}

const struct command cmd_reproduce = {
    .name = "reproduce",
    .operands = "RUN|MODEL|FILE...",
    .summary = "measure a published number once more, from its record alone",
    .details =
        "Model at its commit, task and data by their hashes, profile, shots, limit, seed and\n"
        "dtype are those of the record; a model, task file or data that isn't the record's is\n"
        "refused with both hashes, exit code 7. Nothing that is known from earlier evaluations\n"
        "is used. Says one of\n\n"
        "  equal bits                             what one build on one instruction set promises\n"
        "  equal within the dtype's tolerance     every document's numbers lie close enough\n"
        "  not reproduced                         exit code 10, with the documents that differ\n\n"
        "RUN is a number ('assay result ls'), MODEL a name: its runs that are current, with\n"
        "--task those of one task. FILE is a record that assay eval --out wrote, or a folder of\n"
        "them. The reproduction is stored as a run beside the original, which goes on to stand\n"
        "for its configuration.\n\n"
        "  assay reproduce 12\n"
        "  assay reproduce results/org__name/assay_hellaswag_2026-01-31T12-00-00.json --no-db\n"
        "  assay reproduce 12 --model ./where/it/lies/now --task-file ./my_task.lua --bits\n",
    .options = { options_reproduce, options_rerun, options_selection, options_database },
    .min_operands = 1,
    .max_operands = ARGS_MAX_VALUES,
    .run = run,
};
