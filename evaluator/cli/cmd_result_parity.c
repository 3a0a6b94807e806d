/* assay result parity: lm-evaluation-harness's samples against ours, and what explains where they
 * differ. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/rerun.h"
#include "evaluator/cli/table.h"
#include "evaluator/compare/parity.h"

#define SAMPLES_MAX ((size_t)1 << 30)

static const struct option options_parity[] = {
    { "metric", 'm', "M", "compare by this metric (default: our main one)" },
    { "tolerance", 0, "X", "log-likelihoods further apart are counted (default: 0.001)" },
    { "rerun", 0, NULL,
        "also ask our model the documents that differ, with one setting changed at a time" },
    { "documents", 0, "N", "list so many of the documents that differ (default: 20)" },
    { NULL, 0, NULL, NULL },
};

/* ---- both sides ---- */

static bool is_number(const char *text) {
    size_t n = strspn(text, "0123456789");
    return n > 0 && n < 19 && !text[n];
}

/* The newest samples_<task>_<time>.jsonl of a folder; NULL: none. The caller frees. */
static char *newest_samples(const char *dir, const char *task) {
    struct strbuf prefix = { 0 };
    char *newest = NULL;
    DIR *d = opendir(dir);
    strbuf_addf(&prefix, "samples_%s_", task);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        if (str_begins(e->d_name, strbuf_str(&prefix)) && str_ends(e->d_name, ".jsonl") &&
            (!newest || strcmp(e->d_name, newest) > 0)) {
            free(newest);
            newest = xstrdup(e->d_name);
        }
    }
    if (d) {
        closedir(d);
    }
    char *path = newest ? path_join(dir, newest) : NULL;
    free(newest);
    strbuf_release(&prefix);
    return path;
}

static bool read_theirs(
    struct evidence *theirs, const char *name, const char *task, struct db *db, struct err *err) {
    if (is_number(name)) {
        json_t *selected = json_pack("{s:I}", "run", (json_int_t)strtoll(name, NULL, 10));
        bool ok = evidence_open(theirs, db, selected, err) && evidence_samples(theirs, db, err) &&
                  evidence_needs_samples(theirs, err);
        const char *format =
            json_get_string(json_object_get(theirs->result, "imported"), "format", "");
        json_decref(selected);
        return ok && (!strcmp(format, "lm-eval") ||
                         err_set(err, ERR_INPUT, "%s was not imported from lm-eval", theirs->name));
    }
    char *found = dir_exists(name) ? newest_samples(name, task) : NULL;
    struct strbuf text = { 0 };
    bool ok = found || !dir_exists(name) ||
              err_set(err, ERR_NOT_FOUND, "'%s' has no samples_%s_<time>.jsonl", name, task);
    ok = ok && file_read(found ? found : name, SAMPLES_MAX, &text, err);
    theirs->name = xstrdup(found ? found : name);
    theirs->samples_n = text.len;
    theirs->samples = strbuf_take(&text);
    free(found);
    return ok;
}

/* The one of them that was measured here; where there is none, the first. */
static bool choose_ours(struct evidence *ours, struct db *db, const json_t *selected,
    const char *name, struct err *err) {
    size_t i, n_measured = 0;
    const json_t *one;
    bool ok = true;
    json_array_foreach(selected, i, one) {
        struct evidence e = { 0 };
        ok = ok && evidence_open(&e, db, one, err);
        bool measured = ok && !json_object_get(e.result, "imported");
        n_measured += measured;
        if (ok && (i == 0 || (measured && n_measured == 1))) {
            evidence_release(ours);
            *ours = e;
        } else {
            evidence_release(&e);
        }
    }
    if (ok && n_measured > 1) {
        err_set(err, ERR_USAGE, "'%s' has %zu results", name, n_measured);
        ok = err_hint(err, "say which: -t TASK, or the number of a run");
    }
    return ok && evidence_is_measured(ours, err);
}

static bool read_ours(
    struct evidence *ours, const struct args *args, struct db **db, struct err *err) {
    struct args own = *args;
    own.operands[0] = args->operands[1];
    own.n_operands = 1;
    json_t *selected = selection_from_args(&own, false, db, err);
    bool ok = selected && choose_ours(ours, *db, selected, own.operands[0], err) &&
              (!ours->run || evidence_samples(ours, *db, err)) && evidence_needs_samples(ours, err);
    json_decref(selected);
    return ok;
}

/* ---- settings, one at a time ---- */

static const struct {
    const char *key, *value;
} SETTINGS[] = {
    { "add_bos", "yes" },
    { "add_bos", "no" },
    { "dtype", "f32" },
    { "dtype", "bf16" },
};

static json_t *differing(const json_t *report) {
    json_t *docs = json_array();
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(report, "documents"), i, row) {
        json_array_append(docs, json_object_get(row, "doc_id"));
    }
    return json_pack("{s:o, s:[]}", "docs", docs, "passages");
}

static bool try_setting(const struct args *args, const struct evidence *ours,
    const struct parity_sides *sides, size_t which, json_t *report, struct err *err) {
    const char *key = SETTINGS[which].key, *value = SETTINGS[which].value;
    if (!strcmp(json_get_string(ours->result, key, ""), value)) {
        return true;
    }
    struct evidence changed = *ours;
    struct rerun again = { 0 };
    struct strbuf rule = { 0 };
    json_t *only = differing(report);
    changed.result = json_deep_copy(ours->result);
    json_object_set_new(changed.result, key, json_string(value));
    strbuf_addf(&rule, "%s %s", key, value);
    bool ok =
        rerun(&again, args, &changed, only, err) &&
        parity_add_rule(report, sides, strbuf_str(&rule), again.samples, again.samples_n, err);
    rerun_release(&again);
    strbuf_release(&rule);
    json_decref(changed.result);
    json_decref(only);
    return ok;
}

/* ---- telling it ---- */

static void join(const json_t *list, struct strbuf *out) {
    const json_t *item;
    size_t i;
    json_array_foreach(list, i, item) {
        strbuf_addf(out, "%s%s", i ? ", " : "", json_string_value(item));
    }
}

static void print_documents(const json_t *report, unsigned long most) {
    const json_t *list = json_object_get(report, "documents"), *row;
    size_t i;
    struct table *t = table_new(
        ">Document", ">Ours", ">Theirs", "Asked", ">Log-likelihoods apart", "Explained by", NULL);
    json_array_foreach(list, i, row) {
        if (i >= most) {
            break;
        }
        struct strbuf by = { 0 };
        join(json_object_get(row, "explained"), &by);
        table_cellf(t, "%lld", json_get_int(row, "doc_id", 0));
        table_cellf(t, "%g", json_get_number(row, "ours", 0));
        table_cellf(t, "%g", json_get_number(row, "theirs", 0));
        if (json_object_get(row, "at")) {
            table_cellf(t, "other %s, from byte %lld", json_get_string(row, "asked", ""),
                json_get_int(row, "at", 0));
        } else {
            table_cell(t, json_get_string(row, "asked", ""));
        }
        if (json_object_get(row, "ll_difference")) {
            table_cellf(t, "%.2g", json_get_number(row, "ll_difference", 0));
        } else {
            table_cell(t, NULL);
        }
        table_cell(t, by.len ? strbuf_str(&by) : NULL);
        strbuf_release(&by);
    }
    table_print(t, true);
    if (json_array_size(list) > most) {
        printf("and %zu more\n", json_array_size(list) - (size_t)most);
    }
}

static void print_rules(const json_t *report) {
    const json_t *row;
    size_t i;
    struct table *t =
        table_new("Changed alone", ">Explains", ">Breaks", ">Of documents", ">Ours would be", NULL);
    json_array_foreach(json_object_get(report, "rules"), i, row) {
        table_cell(t, json_get_string(row, "rule", ""));
        table_cellf(t, "%lld", json_get_int(row, "explains", 0));
        table_cellf(t, "%lld", json_get_int(row, "breaks", 0));
        table_cellf(t, "%lld", json_get_int(row, "n", 0));
        table_cellf(t, "%.4f", json_get_number(row, "value", 0));
    }
    puts("");
    table_print(t, true);
}

static void print_report(
    const json_t *report, const char *ours, const char *theirs, unsigned long most) {
    printf("%s, %s: ours %.4f (%s), theirs %.4f (%s)\n", json_get_string(report, "task", ""),
        json_get_string(report, "metric", ""), json_get_number(report, "ours", 0), ours,
        json_get_number(report, "theirs", 0), theirs);
    printf("%lld documents, %lld come out otherwise; %lld were asked otherwise, of %lld the "
           "log-likelihoods differ\n",
        json_get_int(report, "n", 0), json_get_int(report, "n_differ", 0),
        json_get_int(report, "asked_otherwise", 0), json_get_int(report, "other_numbers", 0));
    long long apart = json_get_int(report, "only_ours", 0) + json_get_int(report, "only_theirs", 0);
    if (apart) {
        printf("%lld documents are of one side alone\n", apart);
    }
    if (json_array_size(json_object_get(report, "documents"))) {
        puts("");
        print_documents(report, most);
    }
    if (json_array_size(json_object_get(report, "rules"))) {
        print_rules(report);
        printf(
            "\nNone of these alone explains %lld that come out otherwise, and %lld of which only "
            "the numbers are others\n",
            json_get_int(report, "unexplained", 0), json_get_int(report, "numbers_unexplained", 0));
    }
}

/* ---- the command ---- */

static bool make_report(const struct args *args, const struct evidence *ours,
    const struct evidence *theirs, json_t **report, struct err *err) {
    struct parity_options options = { .metric = args_get(args, "metric", NULL) };
    struct parity_sides sides = { ours->result, ours->samples, ours->samples_n, theirs->samples,
        theirs->samples_n };
    if (!args_get_double(args, "tolerance", 0.001, &options.tolerance, err)) {
        return false;
    }
    *report = parity(&sides, &options, err);
    bool again = *report && args_has(args, "rerun") &&
                 json_array_size(json_object_get(*report, "documents")) > 0,
         ok = *report != NULL;
    for (size_t i = 0; ok && again && i < sizeof SETTINGS / sizeof *SETTINGS; i++) {
        ok = try_setting(args, ours, &sides, i, *report, err);
    }
    return ok;
}

static bool run_parity(const struct args *args, struct err *err) {
    struct evidence ours = { 0 }, theirs = { 0 };
    struct db *db = NULL;
    json_t *report = NULL;
    unsigned long most;
    bool ok = args_get_uint(args, "documents", 20, 1000000, &most, err) &&
              read_ours(&ours, args, &db, err);
    if (ok && is_number(args->operands[0]) && !db) {
        db = database_open(args, err);
        ok = db != NULL;
    }
    ok = ok &&
         read_theirs(
             &theirs, args->operands[0], json_get_string(ours.result, "task", ""), db, err) &&
         make_report(args, &ours, &theirs, &report, err);
    if (ok && args_has(args, "json")) {
        print_document(report, true);
    } else if (ok) {
        print_report(report, ours.name, theirs.name, most);
    }
    json_decref(report);
    evidence_release(&ours);
    evidence_release(&theirs);
    db_close(db);
    return ok;
}

const struct command cmd_result_parity = {
    .name = "result parity",
    .operands = "THEIRS OURS",
    .summary = "lm-eval's answers against ours, and which rule explains where they differ",
    .details =
        "THEIRS is the number of a run that was imported with its samples, a "
        "samples_<task>_<time>.jsonl\n"
        "or the folder of one. OURS is a run, a record, a model or a folder, as for rescore, with\n"
        "samples. Of each document that came out otherwise: whether it was asked alike, how far "
        "the\n"
        "log-likelihoods are apart, and which rules, one changed at a time and the samples scored\n"
        "again, give theirs. --rerun also asks the model those documents again, with and without "
        "a\n"
        "first token, in f32 and in bf16.\n\n"
        "  assay result parity ./lm-eval-out ./runs/my-model -t hellaswag\n"
        "  assay result parity 31 27 --rerun --json\n",
    .options = { options_parity, options_selection, options_rerun, options_database },
    .min_operands = 2,
    .max_operands = 2,
    .run = run_parity,
};
