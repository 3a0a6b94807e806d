/* assay result verify: a stored result against itself. Everything that was stored is held against
 * its hash and against what it follows from; single samples are asked of the model once more. */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/evidence.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/rerun.h"
#include "evaluator/cli/table.h"
#include "evaluator/eval/agree.h"
#include "evaluator/eval/eval.h"
#include "evaluator/metric/metric.h"
#include "version.h"

static const struct option options_verify[] = {
    { "samples", 0, "K", "ask the model K random samples once more (default 0)" },
    { "seed", 0, "N", "which ones (default 0)" },
    { NULL, 0, NULL, NULL },
};

struct verifying {
    const struct args *args;
    struct db *db;
    unsigned long n_samples, seed;
    json_t *report;      /* [{"run" or "file", "checks": [...], "ok"}] */
    struct table *table; /* NULL with --json */
    size_t n_failed;     /* results */
};

/* One result. */
struct one {
    struct verifying *v;
    struct evidence e;
    json_t *checks;
    bool failed;
};

enum state { STATE_OK, STATE_FAIL, STATE_SKIPPED };

PRINTF_LIKE(4, 5)
static void note(struct one *o, const char *check, enum state state, const char *fmt, ...) {
    static const char *const STATES[] = { "ok", "FAIL", "skipped" };
    char what[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    o->failed = o->failed || state == STATE_FAIL;
    json_array_append_new(o->checks,
        json_pack("{s:s, s:s, s:s+}", "check", check, "state", STATES[state], "what", what, ""));
    if (o->v->table) {
        table_cell(o->v->table, o->e.name);
        table_cell(o->v->table, check);
        table_cell(o->v->table, STATES[state]);
        table_cell(o->v->table, what);
    }
}

/* ---- the record ---- */

static bool check_record(struct one *o, struct err *err) {
    char hex[65];
    const char *stored = json_get_string(o->e.row, "record_sha256", "");
    char *text = record_text(json_object_get(o->e.row, "record"), err);
    if (!text) {
        return false;
    }
    sha256_hex(text, strlen(text), hex);
    free(text);
    if (strcmp(hex, stored)) {
        note(o, "record", STATE_FAIL, "its hash is %.12s, stored is %.12s", hex, stored);
    } else {
        note(o, "record", STATE_OK, "sha256 %.12s", hex);
    }
    return true;
}

static const json_t *metric_of(const struct one *o, const char *subset, const char *name) {
    const json_t *part =
        *subset ? json_object_get(json_object_get(o->e.result, "subsets"), subset) : o->e.result;
    return json_object_get(json_object_get(part, "metrics"), name);
}

/* Rows of the table of numbers that aren't what the record says. */
static size_t count_other_numbers(const struct one *o, const json_t *list) {
    size_t i, n = 0;
    json_t *row;
    json_array_foreach(list, i, row) {
        const json_t *metric =
            metric_of(o, json_get_string(row, "subset", ""), json_get_string(row, "metric", ""));
        n += !metric || metric_difference(metric, row);
    }
    return n;
}

static bool check_numbers(struct one *o, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(o->v->db, "run_numbers", DB_ARGS(db_int(o->e.run)), &rows, err);
    json_t *list = ok ? rows_to_json(&rows, err) : NULL;
    rows_release(&rows);
    if (!list) {
        return false;
    }
    size_t n = json_array_size(list), other = count_other_numbers(o, list);
    size_t expected =
        json_array_size(json_object_get(json_object_get(o->e.row, "record"), "metrics"));
    const char *bits = json_get_string(o->e.row, "bits_sha256", "");
    if (other || n != expected) {
        note(o, "numbers", STATE_FAIL, "%zu of %zu are not those of the record, which has %zu",
            other, n, expected);
    } else if (strcmp(bits, json_get_string(o->e.row, "bits_now", ""))) {
        note(o, "numbers", STATE_FAIL, "they have another hash than when they were stored");
    } else {
        note(o, "numbers", STATE_OK, "%zu, all of them the record's", n);
    }
    json_decref(list);
    return true;
}

/* ---- the samples ---- */

static const char *hash_in_record(const struct one *o, long long chunk) {
    const json_t *list = json_object_get(json_object_get(o->e.row, "record"), "chunks"), *c;
    size_t i;
    json_array_foreach(list, i, c) {
        if (json_get_int(c, "chunk", -1) == chunk) {
            return json_get_string(c, "sha256", "");
        }
    }
    return "";
}

/* What is wrong with a chunk; NULL: nothing. */
static const char *fault_of(const struct one *o, const struct rows *rows, int i) {
    char hex[65];
    size_t size, n, lines = 0;
    const char *line;
    struct err ignored = ERR_INIT;
    void *body = chunk_body(rows, i, &size, &ignored);
    if (!body) {
        return ignored.class == ERR_NOT_FOUND ? "is not in the archive (ASSAY_ARCHIVE)"
                                              : "cannot be read from the archive";
    }
    sha256_hex(body, size, hex);
    char *text = chunk_unpack(body, size, &n, &ignored);
    struct json_lines walk = { text, text ? n : 0, 0 };
    while (json_lines_next(&walk, &line, &n)) {
        lines++;
    }
    bool packed = text != NULL;
    free(text);
    free(body);
    return strcmp(hex, rows_text(rows, i, "sha256")) ? "is damaged: its hash is another"
           : strcmp(hex, hash_in_record(o, rows_int(rows, i, "chunk"))) ? "is not in the record"
           : !packed                                                    ? "cannot be unpacked"
           : (long long)lines != rows_int(rows, i, "n") ? "holds another number of samples"
                                                        : NULL;
}

static bool check_chunks(struct one *o, struct err *err) {
    struct rows rows = { 0 };
    size_t expected =
        json_array_size(json_object_get(json_object_get(o->e.row, "record"), "chunks"));
    if (!db_query(o->v->db, "site_samples", DB_ARGS(db_int(o->e.run)), &rows, err)) {
        return false;
    }
    long long n = 0;
    const char *fault = NULL;
    if (rows.n && rows_bool(&rows, 0, "dropped")) {
        note(o, "samples", STATE_SKIPPED, "they were dropped by `assay db archive --drop`");
        rows_release(&rows);
        return true;
    }
    for (int i = 0; i < rows.n && !fault; i++) {
        n += rows_int(&rows, i, "n");
        fault = fault_of(o, &rows, i);
        if (fault) {
            note(o, "samples", STATE_FAIL, "chunk %lld %s", rows_int(&rows, i, "chunk"), fault);
        }
    }
    if (!fault && (size_t)rows.n != expected) {
        note(
            o, "samples", STATE_FAIL, "%d chunks are stored, the record has %zu", rows.n, expected);
    } else if (!fault && rows.n == 0) {
        note(o, "samples", STATE_SKIPPED, "it was stored without samples");
    } else if (!fault) {
        note(o, "samples", STATE_OK, "%lld in %d chunks, every hash the record's", n, rows.n);
    }
    rows_release(&rows);
    return true;
}

static void check_file(struct one *o) {
    char hex[65];
    const char *stored = json_get_string(o->e.result, "samples_sha256", NULL);
    if (!o->e.samples) {
        note(o, "samples", stored ? STATE_FAIL : STATE_SKIPPED,
            stored ? "the file of samples is gone" : "it was written without samples");
        return;
    }
    sha256_hex(o->e.samples, o->e.samples_n, hex);
    if (!stored) {
        note(o, "samples", STATE_SKIPPED, "the record does not say their hash");
    } else if (strcmp(hex, stored)) {
        note(o, "samples", STATE_FAIL, "their hash is %.12s, the record says %.12s", hex, stored);
    } else {
        note(o, "samples", STATE_OK, "sha256 %.12s", hex);
    }
}

/* ---- what follows from them ---- */

struct differences {
    size_t n, numbers, intervals;
    bool scores; /* of single documents, that a result keeps for paired tests */
    char first[120];
};

static void count_differences(struct differences *d, const json_t *stored, const json_t *now) {
    const char *name;
    json_t *metric;
    const json_t *others = json_object_get(now, "metrics");
    json_object_foreach(json_object_get(stored, "metrics"), name, metric) {
        const char *field = metric_difference(metric, json_object_get(others, name));
        bool number = field && (!strcmp(field, "value") || !strcmp(field, "stderr"));
        d->n++;
        d->numbers += number;
        d->intervals += field && !number;
        if (number && !*d->first) {
            snprintf(d->first, sizeof d->first, "%s of %s", field, name);
        }
    }
}

/* Intervals are made by a rule of the build; values and errors are held to the bit. */
static void note_differences(struct one *o, const struct differences *d) {
    const char *build = json_get_string(o->e.result, "harness_build", "?");
    bool other_build = strcmp(build, ASSAY_BUILD);
    if (d->numbers) {
        note(o, "metrics", STATE_FAIL, "%zu of %zu do not follow from the samples (%s)%s",
            d->numbers, d->n, d->first, other_build ? "; by another build: see assay rescore" : "");
    } else if (d->scores) {
        note(o, "metrics", STATE_FAIL,
            "the documents' scores that the record keeps are not those of the samples%s",
            other_build ? "; by another build: see assay rescore" : "");
    } else if (d->intervals) {
        note(o, "metrics", other_build ? STATE_OK : STATE_FAIL,
            "values and errors follow from the samples, %zu intervals by another rule%s",
            d->intervals, other_build ? ": see assay rescore" : "");
    } else {
        note(o, "metrics", STATE_OK, "%zu, all following from the samples, to the bit", d->n);
    }
}

static void check_metrics(struct one *o) {
    json_t *now, *part;
    const char *subset;
    struct err why = ERR_INIT;
    struct differences d = { 0 };
    if (!o->e.samples) {
        note(o, "metrics", STATE_SKIPPED, "there are no samples to compute them from");
        return;
    }
    if (!eval_rescore(o->e.result, o->e.samples, o->e.samples_n, &now, NULL, &why)) {
        note(o, "metrics", STATE_FAIL, "%s", why.msg);
        return;
    }
    count_differences(&d, o->e.result, now);
    json_object_foreach(json_object_get(o->e.result, "subsets"), subset, part) {
        count_differences(&d, part, json_object_get(json_object_get(now, "subsets"), subset));
    }
    const json_t *kept = json_object_get(o->e.result, "scores");
    d.scores = kept && !json_equal(kept, json_object_get(now, "scores"));
    note_differences(o, &d);
    json_decref(now);
}

/* ---- the model ---- */

/* The lines of the samples, without copies. */
struct lines {
    const char **at;
    size_t *length, n;
};

static void lines_find(struct lines *l, const char *text, size_t n) {
    size_t capacity = 0, more = 0;
    struct json_lines walk = { text, n, 0 };
    const char *line;
    *l = (struct lines) { 0 };
    while (json_lines_next(&walk, &line, &n)) {
        mem_grow(&l->at, &capacity, l->n + 1, sizeof *l->at);
        mem_grow(&l->length, &more, l->n + 1, sizeof *l->length);
        l->at[l->n] = line;
        l->length[l->n++] = n;
    }
}

static int by_position(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* k different ones of n in ascending order; the caller frees. */
static size_t *choose(size_t n, size_t k, uint64_t seed) {
    struct mt19937 random;
    size_t *chosen = xcalloc(k + 1, sizeof *chosen);
    python_seed(&random, seed);
    python_sample(&random, n, k, chosen);
    qsort(chosen, k, sizeof *chosen, by_position);
    return chosen;
}

/* The stored lines of those that were chosen, and with them what a job's process is told. */
static json_t *collect(
    const struct lines *l, const size_t *chosen, size_t k, struct strbuf *text, struct err *err) {
    json_t *docs = json_array(), *passages = json_array(), *seen = json_object(), *p;
    size_t at;
    bool ok = true;
    for (size_t i = 0; ok && i < k; i++) {
        json_t *sample = json_parse(l->at[chosen[i]], l->length[chosen[i]], "samples", err);
        ok = sample != NULL;
        json_array_append_new(docs, json_integer((json_int_t)chosen[i]));
        json_array_foreach(json_object_get(sample, "ranking"), at, p) {
            const char *id = json_get_string(p, "id", "");
            if (!json_object_get(seen, id)) {
                json_object_set_new(seen, id, json_true());
                json_array_append_new(passages, json_string(id));
            }
        }
        strbuf_add(text, l->at[chosen[i]], l->length[chosen[i]]);
        strbuf_addc(text, '\n');
        json_decref(sample);
    }
    json_decref(seen);
    json_t *only = json_pack("{s:o, s:o}", "docs", docs, "passages", passages);
    if (!ok) {
        json_decref(only);
        return NULL;
    }
    return only;
}

static void note_agreement(struct one *o, const struct agree_docs *d) {
    enum agreement verdict = agree_docs_verdict(d);
    const json_t *first = json_array_get(d->differing, 0);
    if (verdict == AGREE_NOT) {
        note(o, "model", STATE_FAIL, "%zu of %zu samples differ beyond %s: document %lld, %s",
            d->n - d->n_close, d->n, d->dtype, json_get_int(first, "doc_id", -1),
            json_get_string(first, "what", ""));
    } else if (verdict == AGREE_CLOSE) {
        note(o, "model", STATE_OK,
            "%zu of %zu samples equal to the bit, the others within %s (%.3g)", d->n_equal, d->n,
            d->dtype, d->largest);
    } else {
        note(o, "model", STATE_OK, "%zu of %zu samples equal to the bit", d->n_equal, d->n);
    }
}

static bool ask_again(struct one *o, struct err *err) {
    struct lines l;
    struct rerun r = { 0 };
    struct strbuf stored = { 0 };
    lines_find(&l, o->e.samples, o->e.samples_n);
    size_t k = o->v->n_samples < l.n ? o->v->n_samples : l.n, *chosen = choose(l.n, k, o->v->seed);
    struct agree_docs docs = { .dtype = json_get_string(o->e.result, "dtype", ""), .n_shown = 1 };
    json_t *only = collect(&l, chosen, k, &stored, err);
    bool ok = only && rerun(&r, o->v->args, &o->e, only, err) &&
              agree_docs_lines(&docs, stored.text, stored.len, r.samples, r.samples_n, err);
    if (ok) {
        note_agreement(o, &docs);
    }
    agree_docs_release(&docs);
    rerun_release(&r);
    json_decref(only);
    strbuf_release(&stored);
    free(chosen);
    free(l.at);
    free(l.length);
    return ok;
}

static bool check_model(struct one *o, struct err *err) {
    if (o->v->n_samples == 0) {
        return true;
    }
    if (!o->e.samples) {
        note(o, "model", STATE_SKIPPED, "there are no samples to ask again");
        return true;
    }
    return ask_again(o, err);
}

/* ---- the command ---- */

/* Samples that can't be read have been said to be damaged; what would follow from them is not
 * known. */
static bool check_all(struct one *o, struct err *err) {
    struct err damaged = ERR_INIT;
    if (o->e.run && (!check_record(o, err) || !check_numbers(o, err) || !check_chunks(o, err))) {
        return false;
    }
    if (!o->e.run) {
        check_file(o);
    }
    if (!evidence_samples(&o->e, o->v->db, &damaged)) {
        *err = o->failed ? *err : damaged;
        return o->failed;
    }
    check_metrics(o);
    return check_model(o, err);
}

static void report(struct one *o) {
    json_t *entry =
        json_pack("{s:O?, s:O?, s:b, s:O}", "model", json_object_get(o->e.result, "model"), "task",
            json_object_get(o->e.result, "task"), "ok", !o->failed, "checks", o->checks);
    json_object_set_new(entry, o->e.run ? "run" : "file",
        o->e.run ? json_integer(o->e.run) : json_string(o->e.name));
    json_array_append_new(o->v->report, entry);
}

static bool verify(struct verifying *v, const json_t *selected, struct err *err) {
    struct one o = { .v = v, .checks = json_array() };
    bool ok = evidence_open(&o.e, v->db, selected, err) && check_all(&o, err);
    if (json_array_size(o.checks)) {
        report(&o);
        v->n_failed += o.failed;
    }
    json_decref(o.checks);
    evidence_release(&o.e);
    return ok;
}

static void print_report(struct verifying *v) {
    if (v->table) {
        table_print(v->table, false);
        return;
    }
    json_t *document = json_pack("{s:s, s:O}", "schema", "assay.verify/1", "results", v->report);
    print_document(document, true);
    json_decref(document);
}

static bool run(const struct args *args, struct err *err) {
    struct verifying v = { .args = args };
    if (!args_get_uint(args, "samples", 0, 1000000, &v.n_samples, err) ||
        !args_get_uint(args, "seed", 0, UINT32_MAX, &v.seed, err)) {
        return false;
    }
    json_t *selected = selection_from_args(args, true, &v.db, err), *one;
    bool ok = selected != NULL;
    size_t i;
    v.report = json_array();
    v.table = args_has(args, "json") ? NULL : table_new("Result", "Check", "State", "What", NULL);
    json_array_foreach(selected, i, one) {
        ok = ok && verify(&v, one, err);
    }
    if (json_array_size(v.report)) {
        print_report(&v);
    } else if (v.table) {
        table_free(v.table);
    }
    if (ok && v.n_failed) {
        ok = err_set(err, ERR_NEGATIVE, "%zu of %zu results are not what they say they are",
            v.n_failed, json_array_size(v.report));
    }
    json_decref(v.report);
    json_decref(selected);
    db_close(v.db);
    return ok;
}

const struct command cmd_result_verify = {
    .name = "result verify",
    .operands = "[RUN|MODEL|FILE...]",
    .summary = "check stored results against themselves",
    .details =
        "Without an operand, all runs that are current. A line a check:\n\n"
        "  record     its text has the hash that was stored with it\n"
        "  numbers    they are those of the record, and have the hash they were stored with\n"
        "  samples    every chunk has its hash, and the record's; a file the hash in its record\n"
        "  metrics    computed anew from the samples, they come out the same, to the bit\n"
        "  model      with --samples K: K random samples, asked of the model once more; for a\n"
        "             retrieval task against the passages that they show\n\n"
        "Exit code 10 if one fails. Samples that the model is asked again need the task and the\n"
        "data of the record, as assay reproduce does.\n\n"
        "  assay result verify\n"
        "  assay result verify 12 --samples 20\n"
        "  assay result verify results/ --samples 5 --seed 7\n",
    .options = { options_verify, options_rerun, options_selection, options_database },
    .max_operands = ARGS_MAX_VALUES,
    .run = run,
};
