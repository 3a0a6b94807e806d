/* assay compare: two models, or two results, document by document. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/table.h"
#include "evaluator/cli/tasks.h"
#include "evaluator/compare/compare.h"

#define REFUSED_SHOWN 20

static const struct option options_compare[] = {
    { "task", 't', "T", "only this task: a name or a glob (may be repeated, or a comma list)" },
    { "suite", 's', "S", "only the tasks of this suite" },
    { "tasks", 0, "DIR", "a folder of tasks in place of the built-in ones, for --suite" },
    { "metric", 'm', "M", "compare by this metric (default: each task's main one)" },
    { "filter", 0, "F", "of lm-evaluation-harness's samples (default: the first)" },
    { "flips", 0, "N", "list up to N documents of each task that flipped, either way" },
    { "across", 0, "FACTS",
        "pair although these differ: profile, template, add_bos, shots, seed (a comma list)" },
    { "resamples", 0, "N", "of the paired bootstrap (default: 10000)" },
    { "seed", 0, "N", "of its draws (default: 0)" },
    { "power", 0, "P",
        "chance with which the smallest difference given would be found (default: 0.8)" },
    { "fail-if-worse", 0, NULL, "exit code 10 if B is significantly worse on any task" },
    { NULL, 0, NULL, NULL },
};

/* ---- options ---- */

static json_t *list_of(const struct args *args, const char *option) {
    json_t *list = json_array();
    char *item;
    for (unsigned i = 0; (item = args_item(args, option, i)) != NULL; i++) {
        json_array_append_new(list, json_string(item));
        free(item);
    }
    return list;
}

static bool check_across(const json_t *across, struct err *err) {
    static const char *const MAY[] = { "profile", "template", "add_bos", "shots", "seed" };
    size_t i;
    const json_t *item;
    json_array_foreach(across, i, item) {
        bool known = false;
        for (size_t k = 0; k < sizeof MAY / sizeof *MAY; k++) {
            known = known || !strcmp(json_string_value(item), MAY[k]);
        }
        if (!known) {
            err_set(err, ERR_USAGE, "'%.60s' cannot differ between results that are paired",
                json_string_value(item));
            return err_hint(err, "--across takes profile, template, add_bos, shots and seed");
        }
    }
    return true;
}

/* Names and globs of --task, and every task of --suite; NULL in *tasks: no restriction. */
static bool tasks_wanted(const struct args *args, json_t **tasks, struct err *err) {
    json_t *list = list_of(args, "task"), *members = NULL, *member;
    char *suite;
    size_t k;
    bool ok = true;
    for (unsigned i = 0; ok && (suite = args_item(args, "suite", i)) != NULL; i++) {
        members = tasks_of_suite(args, suite, NULL, err);
        ok = members != NULL;
        json_array_foreach(members, k, member)
            json_array_append(list, json_object_get(member, "name"));
        json_decref(members);
        free(suite);
    }
    *tasks = ok && json_array_size(list) ? json_incref(list) : NULL;
    json_decref(list);
    return ok;
}

static bool take_numbers(const struct args *args, struct compare_options *o, struct err *err) {
    unsigned long flips, resamples, seed;
    if (!args_get_uint(args, "flips", 0, 100000, &flips, err) ||
        !args_get_uint(args, "resamples", 10000, 10000000, &resamples, err) ||
        !args_get_uint(args, "seed", 0, UINT32_MAX, &seed, err) ||
        !args_get_double(args, "power", 0.8, &o->power, err)) {
        return false;
    }
    o->n_flips = flips;
    o->n_resamples = resamples;
    o->seed = seed;
    if (resamples < 100) {
        return err_set(err, ERR_USAGE, "a bootstrap takes at least 100 resamples");
    }
    return (o->power > 0 && o->power < 1) ||
           err_set(err, ERR_USAGE, "option '--power' needs a chance between 0 and 1");
}

/* ---- what people see ---- */

static const char *const VERDICTS[][2] = { { "better", "B is better" }, { "worse", "A is better" },
    { "same", "no difference shown" } };

static const char *words_of(const json_t *task) {
    const char *verdict = json_get_string(task, "verdict", "same");
    for (size_t i = 0; i < sizeof VERDICTS / sizeof *VERDICTS; i++) {
        if (!strcmp(VERDICTS[i][0], verdict)) {
            return VERDICTS[i][1];
        }
    }
    return "";
}

/* Of 0..1 in hundredths, with a sign where it is a difference. */
static void number_cell(struct table *t, const json_t *task, const char *key, bool sign) {
    double v = json_get_number(task, key, NAN);
    bool percent = json_get_bool(task, "percent", true);
    if (!isfinite(v)) {
        table_cell(t, NULL);
    } else if (percent) {
        table_cellf(t, sign ? "%+.1f" : "%.1f", 100 * v);
    } else {
        table_cellf(t, sign ? "%+.4f" : "%.4f", v);
    }
}

static void interval_cell(struct table *t, const json_t *task) {
    double low = json_get_number(task, "low", NAN), high = json_get_number(task, "high", NAN);
    if (!isfinite(low) || !isfinite(high)) {
        table_cell(t, NULL);
    } else if (json_get_bool(task, "percent", true)) {
        table_cellf(t, "%+.1f to %+.1f", 100 * low, 100 * high);
    } else {
        table_cellf(t, "%+.4f to %+.4f", low, high);
    }
}

static void p_cell(struct table *t, double p) {
    if (isfinite(p)) {
        table_cellf(t, p < 0.0001 ? "%.0e" : "%.4f", p);
    } else {
        table_cell(t, NULL);
    }
}

static void agreement_cell(struct table *t, const json_t *task) {
    double v = json_get_number(task, "agreement", NAN);
    if (!isfinite(v)) {
        table_cell(t, NULL);
    } else if (json_get_bool(task, "binary", false)) {
        table_cellf(t, "%.0f %%", 100 * v);
    } else {
        table_cellf(t, "r = %.2f", v);
    }
}

static void print_tasks(const json_t *tasks) {
    struct table *t = table_new("Task", "Metric", ">n", ">A", ">B", ">B - A", ">95 % interval",
        ">p", ">p (Holm)", ">A alone", ">B alone", ">Alike", ">Could show", "Verdict", NULL);
    size_t i;
    const json_t *task;
    json_array_foreach(tasks, i, task) {
        const json_t *flips = json_object_get(task, "flips");
        table_cell(t, json_get_string(task, "task", ""));
        table_cell(t, json_get_string(task, "metric", ""));
        table_cellf(t, "%lld", json_get_int(task, "n", 0));
        number_cell(t, task, "a", false);
        number_cell(t, task, "b", false);
        number_cell(t, task, "difference", true);
        interval_cell(t, task);
        p_cell(t, json_get_number(task, "p", NAN));
        p_cell(t, json_get_number(task, "p_holm", NAN));
        table_cellf(t, "%lld", json_get_int(flips, "only_a", 0));
        table_cellf(t, "%lld", json_get_int(flips, "only_b", 0));
        agreement_cell(t, task);
        number_cell(t, task, "detectable", false);
        table_cell(t, words_of(task));
    }
    table_print(t, true);
}

static void print_notes(const json_t *tasks) {
    size_t i, k;
    const json_t *task, *note;
    json_array_foreach(tasks, i, task) {
        json_array_foreach(json_object_get(task, "notes"), k, note) {
            printf("%s: %s.\n", json_get_string(task, "task", ""), json_string_value(note));
        }
    }
}

static void print_refused(const json_t *refused) {
    size_t i, n = json_array_size(refused);
    const json_t *item;
    json_array_foreach(refused, i, item) {
        if (i == REFUSED_SHOWN) {
            printf("... and %zu more (--json has them all).\n", n - i);
            break;
        }
        char *why = printable(json_get_string(item, "why", ""), 300),
             *task = printable(json_get_string(item, "task", ""), 100);
        printf("Not compared: %s: %s.\n", task, why);
        free(task);
        free(why);
    }
}

static void print_verdict(const json_t *doc) {
    const json_t *suite = json_object_get(doc, "suite"), *mean = json_object_get(suite, "mean");
    long long better = json_get_int(suite, "better", 0), worse = json_get_int(suite, "worse", 0),
              same = json_get_int(suite, "same", 0), tasks = json_get_int(mean, "tasks", 0);
    printf(
        "\nB is significantly better on %lld, worse on %lld of %lld task%s (5 %%, Holm's rule over "
        "the tasks).\n",
        better, worse, better + worse + same, better + worse + same == 1 ? "" : "s");
    if (tasks > 1) {
        printf("Mean of %lld tasks: %.1f and %.1f, B - A %+.1f (95 %% interval %+.1f to %+.1f, p = "
               "%.2g).\n",
            tasks, 100 * json_get_number(mean, "a", NAN), 100 * json_get_number(mean, "b", NAN),
            100 * json_get_number(mean, "difference", NAN), 100 * json_get_number(mean, "low", NAN),
            100 * json_get_number(mean, "high", NAN), json_get_number(mean, "p", NAN));
    }
}

static void print_text(const char *what, const json_t *flip, const char *key) {
    const char *text = json_get_string(flip, key, NULL);
    if (text) {
        char *line = xstrdup(text);
        for (char *c = line; (c = strpbrk(c, "\n\t")) != NULL;) {
            *c = ' ';
        }
        char *plain = printable(line, 400);
        printf("    %-9s %s\n", what, plain);
        free(plain);
        free(line);
    }
}

static void print_flips(const json_t *tasks) {
    size_t i, k;
    const json_t *task, *flip;
    json_array_foreach(tasks, i, task) {
        json_array_foreach(json_object_get(task, "flipped"), k, flip) {
            const char *subset = json_get_string(flip, "subset", NULL);
            printf("\n%s document %lld%s%s: A %.4g, B %.4g", json_get_string(task, "task", ""),
                json_get_int(flip, "doc", 0), subset ? " of " : "", subset ? subset : "",
                json_get_number(flip, "a", NAN), json_get_number(flip, "b", NAN));
            double gold = json_get_number(flip, "gold", NAN);
            printf(isfinite(gold) ? ", gold %.4g\n" : "\n", gold);
            print_text("question", flip, "question");
            print_text("right", flip, "right");
            print_text("A", flip, "answer_a");
            print_text("B", flip, "answer_b");
        }
    }
}

static void print_side(const char *letter, const json_t *side) {
    char *name = printable(json_get_string(side, "name", ""), 300),
         *model = printable(json_get_string(side, "model", ""), 300);
    const char *revision = json_get_string(side, "revision", "");
    printf("%s  %s", letter, name);
    if (*model && strcmp(model, name)) {
        printf("  (%s)", model);
    }
    printf(*revision ? "  %.12s\n" : "\n", revision);
    free(name);
    free(model);
}

static void print_comparison(const json_t *doc) {
    const json_t *tasks = json_object_get(doc, "tasks");
    print_side("A", json_object_get(doc, "a"));
    print_side("B", json_object_get(doc, "b"));
    puts("");
    print_tasks(tasks);
    print_verdict(doc);
    print_notes(tasks);
    print_refused(json_object_get(doc, "refused"));
    print_flips(tasks);
}

/* ---- the command ---- */

static bool judge(const struct args *args, const json_t *doc, struct err *err) {
    long long worse = json_get_int(json_object_get(doc, "suite"), "worse", 0);
    return worse == 0 || !args_has(args, "fail-if-worse") ||
           err_set(err, ERR_NEGATIVE, "'%.200s' is significantly worse on %lld task%s",
               args->operands[1], worse, worse == 1 ? "" : "s");
}

static bool run(const struct args *args, struct err *err) {
    struct compare_options o = { .database = args_get(args, "db", NULL),
        .metric = args_get(args, "metric", NULL),
        .filter = args_get(args, "filter", NULL) };
    json_t *across = list_of(args, "across"), *tasks = NULL, *doc = NULL;
    bool ok =
        take_numbers(args, &o, err) && check_across(across, err) && tasks_wanted(args, &tasks, err);
    o.across = json_array_size(across) ? across : NULL;
    o.tasks = tasks;
    doc = ok ? compare(args->operands[0], args->operands[1], &o, err) : NULL;
    if (doc && args_has(args, "json")) {
        print_document(doc, true);
    } else if (doc) {
        print_comparison(doc);
    }
    ok = doc && judge(args, doc, err);
    json_decref(doc);
    json_decref(tasks);
    json_decref(across);
    return ok;
}

const struct command cmd_compare = {
    .name = "compare",
    .operands = "A B",
    .summary = "two models, or two results, document by document",
    .details =
        "A and B are models with results in the database (org/name[@revision]), numbers of stored "
        "runs, folders\n"
        "that 'assay eval --out' or lm-evaluation-harness wrote (./name), or single result or "
        "samples files.\n"
        "Only equals are paired: the same version of a task on the same data, with the same "
        "profile, examples\n"
        "and seed. What is not is left out, and the reason is said.\n\n"
        "For each task: both scores over the documents that both have, B - A with its 95 % "
        "interval, and p:\n"
        "  right and wrong answers   McNemar's test (mid-p), Tango's interval\n"
        "  other means               the paired t-test, clustered where documents belong together\n"
        "  correlations and other    the paired bootstrap: both are resampled on the same "
        "documents\n"
        "  statistics of the whole\n"
        "'A alone' and 'B alone' count the documents that flipped: right (or higher) for one of "
        "the "
        "two only.\n"
        "'Alike' is the share of documents that came out the same, or the correlation of their "
        "scores.\n"
        "'Could show' is the smallest difference that this task would find four times out of five: "
        "if it is\n"
        "larger than what you care about, no difference shown means little. The verdict goes by p "
        "after Holm's\n"
        "rule over the tasks.\n\n"
        "  assay compare org/a org/b\n"
        "  assay compare org/a@4f2c org/a@main -t arc_easy --flips 5\n"
        "  assay compare ./before ./after --fail-if-worse --json\n"
        "  assay compare 17 23 --across shots          the same model with and without examples\n"
        "  assay compare ./out/org__a/samples_arc_easy_2026-01-31T12-00-00.jsonl "
        "./peer/samples_arc_easy.jsonl\n",
    .options = { options_compare, options_database },
    .min_operands = 2,
    .max_operands = 2,
    .run = run,
};
