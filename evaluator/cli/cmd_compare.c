/* assay compare: two models, or two results, document by document. */
#include <string.h>

#include "evaluator/cli/command.h"
#include "evaluator/cli/compare_print.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/tasks.h"
#include "evaluator/compare/compare.h"

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
    { "fail-if-worse", 0, NULL,
        "exit code 10 if B (or any after it) is significantly worse than A on any task" },
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

/* ---- the command ---- */

static bool judge_two(const struct args *args, const json_t *doc, struct err *err) {
    long long worse = json_get_int(json_object_get(doc, "suite"), "worse", 0);
    return worse == 0 ||
           err_set(err, ERR_NEGATIVE, "'%.200s' is significantly worse on %lld task%s",
               args->operands[1], worse, worse == 1 ? "" : "s");
}

/* Of several the first is what the others are held against. */
static bool judge_many(const struct args *args, const json_t *doc, struct err *err) {
    size_t i, k;
    const json_t *task, *pair;
    json_array_foreach(json_object_get(doc, "tasks"), i, task) {
        json_array_foreach(json_object_get(task, "pairs"), k, pair) {
            if (json_get_int(pair, "first", 0) == 0 &&
                !strcmp(json_get_string(pair, "verdict", ""), "worse")) {
                return err_set(err, ERR_NEGATIVE, "'%.200s' is significantly worse on task %s",
                    args->operands[json_get_int(pair, "second", 0)],
                    json_get_string(task, "task", ""));
            }
        }
    }
    return true;
}

static bool compare_and_tell(
    const struct args *args, const struct compare_options *o, struct err *err) {
    bool two = args->n_operands == 2;
    const char *const *names = (const char *const *)args->operands;
    json_t *doc =
        two ? compare(names[0], names[1], o, err) : compare_many(names, args->n_operands, o, err);
    if (doc && args_has(args, "json")) {
        print_document(doc, true);
    } else if (doc) {
        (two ? comparison_print : comparison_print_many)(doc);
    }
    bool ok =
        doc && (!args_has(args, "fail-if-worse") || (two ? judge_two : judge_many)(args, doc, err));
    json_decref(doc);
    return ok;
}

static bool run(const struct args *args, struct err *err) {
    struct compare_options o = { .database = args_get(args, "db", NULL),
        .metric = args_get(args, "metric", NULL),
        .filter = args_get(args, "filter", NULL) };
    json_t *across = list_of(args, "across"), *tasks = NULL;
    bool ok =
        take_numbers(args, &o, err) && check_across(across, err) && tasks_wanted(args, &tasks, err);
    o.across = json_array_size(across) ? across : NULL;
    o.tasks = tasks;
    ok = ok && compare_and_tell(args, &o, err);
    json_decref(tasks);
    json_decref(across);
    return ok;
}

const struct command cmd_compare = {
    .name = "compare",
    .operands = "A B...",
    .summary = "models, or results, document by document",
    .details =
        "A and B are models with results in the database (org/name[@revision]), numbers of stored "
        "runs, folders\n"
        "that 'assay eval --out' or lm-evaluation-harness wrote, or single result or samples "
        "files. What is\n"
        "there as a file or folder is that, whatever else has its name.\n"
        "Only equals are paired: the same version of a task on the same data, with the same "
        "profile, examples,\n"
        "seed and prompts. What is not is left out, and the reason is said; so is what one of the "
        "two doesn't tell.\n"
        "Of several results of a task that one is taken in which nothing was varied (--spread).\n"
        "More than two are all compared with one another: ranks as ranges, tiers inside which no "
        "two differ, and\n"
        "every pair, by Holm's rule over the pairs of a task.\n\n"
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
        "larger than what you care about, no difference shown means little; where there is none, "
        "not even\n"
        "the largest difference would be found so surely. The verdict goes by p "
        "after Holm's\n"
        "rule over the tasks.\n\n"
        "  assay compare org/a org/b\n"
        "  assay compare ./runs/a ./runs/b ./runs/c\n"
        "  assay compare org/a@4f2c org/a@main -t arc_easy --flips 5\n"
        "  assay compare ./before ./after --fail-if-worse --json\n"
        "  assay compare 17 23 --across shots          the same model with and without examples\n"
        "  assay compare ./out/org__a/samples_arc_easy_2026-01-31T12-00-00.jsonl "
        "./peer/samples_arc_easy.jsonl\n",
    .options = { options_compare, options_database },
    .min_operands = 2,
    .max_operands = COMPARE_MANY_MAX,
    .run = run,
};
