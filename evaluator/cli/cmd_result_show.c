/* assay result show: one run, for people: its numbers with their errors, what it stands for, what
 * was odd about it, what it was made of and how to do it again. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/precision.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/runs.h"
#include "evaluator/cli/table.h"

/* ---- the document ---- */

static json_t *rows_of(struct db *db, const char *statement, long long run, struct err *err) {
    struct rows rows = { 0 };
    json_t *list =
        db_query(db, statement, DB_ARGS(db_int(run)), &rows, err) ? rows_to_json(&rows, err) : NULL;
    rows_release(&rows);
    return list;
}

/* The run's own row with its state; the caller's. */
static json_t *run_of(struct db *db, long long run, struct err *err) {
    struct rows rows = { 0 };
    json_t *document = NULL;
    bool ok = db_query(db, "site_runs", DB_ARGS(db_null(), db_null(), db_int(run)), &rows, err);
    if (ok && rows.n == 0) {
        ok = err_set(err, ERR_NOT_FOUND, "there is no run %lld", run);
        err_hint(err, "'assay result ls' lists them");
    }
    json_t *list = ok ? rows_to_json(&rows, err) : NULL;
    if (list) {
        document =
            json_pack("{s:s, s:s}", "schema", "assay.result/1", "state", run_state(&rows, 0));
        json_object_update(document, json_array_get(list, 0));
    }
    json_decref(list);
    rows_release(&rows);
    return document;
}

/* With its numbers, and the runs that it has to do with. */
static json_t *find_run(struct db *db, long long run, struct err *err) {
    json_t *document = run_of(db, run, err),
           *numbers = document ? rows_of(db, "run_numbers", run, err) : NULL,
           *relatives = numbers ? rows_of(db, "run_relatives", run, err) : NULL;
    if (!relatives) {
        json_decref(document);
        json_decref(numbers);
        return NULL;
    }
    json_object_set_new(document, "numbers", numbers);
    json_object_set_new(document, "relatives", relatives);
    return document;
}

/* ---- for people ---- */

PRINTF_LIKE(2, 3) static void line(const char *label, const char *fmt, ...) {
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    char *plain = printable(text, sizeof text);
    printf("%-10s%s\n", label, plain);
    free(plain);
}

static const char *text_of(const json_t *object, const char *key) {
    return json_get_string(object, key, "-");
}

static void add_number(struct table *t, const json_t *m, const char *main) {
    const char *subset = json_get_string(m, "subset", ""), *name = text_of(m, "metric");
    double stderr_ = json_get_number(m, "stderr", NAN), low = json_get_number(m, "low", NAN);
    table_cellf(
        t, "%s%s%s%s", subset, *subset ? "/" : "", name, *subset || strcmp(name, main) ? "" : " *");
    table_cellf(t, "%.4f", json_get_number(m, "value", NAN));
    if (isfinite(stderr_)) {
        table_cellf(t, "± %.4f", stderr_);
    } else {
        table_cell(t, NULL);
    }
    if (isfinite(low)) {
        table_cellf(t, "%.4f to %.4f", low, json_get_number(m, "high", NAN));
    } else {
        table_cell(t, NULL);
    }
    table_cellf(t, "%lld", json_get_int(m, "n", 0));
}

static void print_numbers(const json_t *d) {
    struct table *t = table_new("Metric", ">Value", "Stderr", "95 % CI", ">n", NULL);
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(d, "numbers"), i, m) {
        add_number(t, m, text_of(d, "main"));
    }
    table_print(t, true);
}

static const char *verdict_words(const char *verdict) {
    return !strcmp(verdict, "bits")        ? "equal bits"
           : !strcmp(verdict, "tolerance") ? "equal within the dtype's tolerance"
                                           : "not reproduced";
}

static void print_relative(const json_t *r) {
    bool own = json_get_bool(r, "own", false);
    long long other = json_get_int(r, own ? "of_run" : "run_id", 0);
    if (!strcmp(text_of(r, "how"), "rescore")) {
        line("", own ? "scored again from the samples of run %lld" : "scored again as run %lld",
            other);
    } else {
        line("", own ? "a reproduction of run %lld: %s" : "reproduced as run %lld: %s", other,
            verdict_words(text_of(r, "verdict")));
    }
}

static void print_state(const json_t *d) {
    const char *state = text_of(d, "state");
    if (!strcmp(state, "withdrawn")) {
        line(
            "state", "withdrawn %s: %s", text_of(d, "superseded_at"), text_of(d, "superseded_why"));
    } else {
        line("state", "%s: %s", state,
            !strcmp(state, "stands")  ? "this is the run that boards show"
            : !strcmp(state, "older") ? "a newer run is what boards show"
                                      : "beside the run that boards show");
    }
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(d, "relatives"), i, r) {
        print_relative(r);
    }
}

/* Each of these makes a score say less than it seems to. */
static void print_audit(const json_t *d) {
    static const char *const COUNTS[] = { "ties", "truncated", "empty" };
    long long most = 0;
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        long long count = json_get_int(d, COUNTS[i], 0);
        most = count > most ? count : most;
    }
    line("audit", "%lld ties, %lld truncated, %lld empty, %lld not a number%s",
        json_get_int(d, "ties", 0), json_get_int(d, "truncated", 0), json_get_int(d, "empty", 0),
        json_get_int(d, "nan", 0),
        (double)most > 0.01 * json_get_number(d, "n", 0) ? " (more than 1 % of the documents)"
                                                         : "");
}

static void print_settings(const json_t *d) {
    const json_t *config = json_object_get(d, "config"), *record = json_object_get(d, "record");
    long long limit = json_get_int(record, "limit", json_get_int(config, "limit", 0));
    char documents[48] = "all documents";
    if (limit) {
        snprintf(documents, sizeof documents, "the first %lld documents", limit);
    }
    line("settings", "%lld shots, %s, seed %lld, %s, %s (asked for: %s)",
        json_get_int(record, "shots", json_get_int(config, "shots", 0)), documents,
        json_get_int(record, "seed", json_get_int(config, "seed", 0)), text_of(config, "profile"),
        text_of(d, "dtype"), text_of(config, "precision"));
    const char *caveat = precision_caveat(text_of(d, "dtype"));
    if (caveat) {
        line("precision", "%s", caveat);
    }
}

/* What was put before the texts, a line a role; nothing is said of what got nothing. */
static void print_prompts(const json_t *prompts) {
    const char *role;
    json_t *p;
    json_object_foreach((json_t *)(uintptr_t)prompts, role, p) {
        const char *before = json_get_string(p, "prompt", NULL);
        char *text = before ? printable(before, 200) : NULL;
        if (text) {
            line("prompt", "%s: '%s' (%s)", role, text, text_of(p, "rule"));
        }
        free(text);
    }
}

static void print_provenance(const json_t *d) {
    line("model", "%s@%s", text_of(d, "model"), text_of(d, "revision"));
    line("task", "%s, version %lld, sha256 %s", text_of(d, "task"),
        json_get_int(d, "task_version", 0), text_of(d, "task_sha256"));
    line("data", "sha256 %s", text_of(d, "data_sha256"));
    print_settings(d);
    print_prompts(json_object_get(json_object_get(d, "record"), "prompts"));
    line("harness", "%s, %s, %s", text_of(d, "harness_build"), text_of(d, "backend"),
        text_of(d, "device"));
    line("work", "%lld tokens asked, %lld computed, %.1f s", json_get_int(d, "tokens_asked", 0),
        json_get_int(d, "tokens_computed", 0), json_get_number(d, "seconds", 0));
}

/* As it can be typed: what a shell would take apart is in quotes. */
static void add_word(struct strbuf *text, const char *word) {
    bool plain = *word && !strpbrk(word, " \t'\"\\$*?;&|<>()#~`!{}[]");
    if (plain) {
        strbuf_adds(text, word);
        return;
    }
    strbuf_addc(text, '\'');
    for (const char *c = word; *c; c++) {
        if (*c == '\'') {
            strbuf_adds(text, "'\\''");
        } else {
            strbuf_addc(text, *c);
        }
    }
    strbuf_addc(text, '\'');
}

static void print_command(const json_t *command) {
    struct strbuf text = { 0 };
    size_t i;
    json_t *word;
    json_array_foreach(command, i, word) {
        strbuf_adds(&text, i ? " " : "");
        add_word(&text, json_string_value(word) ? json_string_value(word) : "");
    }
    line("again", "%s", text.len ? strbuf_str(&text) : "-");
    strbuf_release(&text);
}

static void print_run(const json_t *d) {
    long long job = json_get_int(d, "job_id", 0), chunks = json_get_int(d, "n_chunks", 0);
    char *model = printable(text_of(d, "model"), 200), *task = printable(text_of(d, "task"), 200);
    printf("run %lld: %s on %s\n\n", json_get_int(d, "run_id", 0), model, task);
    print_numbers(d);
    puts("");
    print_state(d);
    print_audit(d);
    print_provenance(d);
    line("samples", chunks ? "%lld of %lld documents, in %lld chunks" : "none",
        json_get_int(d, "n", 0), json_get_int(d, "n", 0), chunks);
    if (job) {
        line("stored", "%s, by the queue: job %lld, attempt %lld", text_of(d, "finished_at"), job,
            json_get_int(d, "attempt", 0));
    } else {
        line("stored", "%s", text_of(d, "finished_at"));
    }
    line("record", "sha256 %s", text_of(d, "record_sha256"));
    print_command(json_object_get(json_object_get(d, "record"), "command"));
    free(model);
    free(task);
}

static bool run(const struct args *args, struct err *err) {
    char *end;
    long long run = strtoll(args->operands[0], &end, 10);
    if (*end || run <= 0) {
        return err_set(err, ERR_USAGE, "'%s' is not the number of a run", args->operands[0]);
    }
    struct db *db = database_open(args, err);
    json_t *document = db ? find_run(db, run, err) : NULL;
    if (document && args_has(args, "json")) {
        print_document(document, true);
    } else if (document) {
        print_run(document);
    }
    bool ok = document != NULL;
    json_decref(document);
    db_close(db);
    return ok;
}

const struct command cmd_result_show = {
    .name = "result show",
    .operands = "RUN",
    .summary = "everything about a stored run",
    .details =
        "Its numbers with their errors, what it stands for, what was odd about it, what it was\n"
        "made of and how to do it again. --json adds the record as it was handed in.\n\n"
        "  assay result show 12\n",
    .options = { options_database },
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
