/* assay eval: evaluates models here and now, each in a process of its own. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/precision.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/exchange.h"
#include "evaluator/cli/groups.h"
#include "evaluator/cli/notes.h"
#include "evaluator/cli/plan.h"
#include "evaluator/cli/report.h"
#include "evaluator/cli/spread.h"
#include "evaluator/cli/stop.h"
#include "evaluator/cli/table.h"
#include "evaluator/cli/tasks.h"
#include "evaluator/eval/eval.h"
#include "evaluator/hub/hub.h"
#include "evaluator/remote/remote.h"
#include "evaluator/task/library.h"
#include "evaluator/worker/worker.h"

static const struct option options_eval[] = {
    { "out", 'o', "DIR",
        "write results there, in the shapes that lm-evaluation-harness and mteb write" },
    { "samples", 0, NULL,
        "with --out: write what was asked and answered of each document too, with its row" },
    { "no-db", 0, NULL, "don't store the results in the database" },
    { "template", 0, "HOW",
        "ask through the model's chat template: turns (each example is one of the user's and one "
        "of the assistant's), one-turn, or none (the default)" },
    { "spread", 0, "K", "ask each task in K ways, and say how far its score goes" },
    { "spread-over", 0, "WHAT",
        "what differs: shots (other examples; the default), order (of the options), wording" },
    { "resume", 0, NULL, "go on where the same command was stopped or died" },
    { "no-cache", 0, NULL,
        "compute vectors of texts again that are known from earlier evaluations; of an api: model, "
        "ask (and pay) everything again" },
    { "dry-run", 0, NULL,
        "say how many tokens, how long, how much memory and disk it would take, or what it would "
        "cost, and do nothing" },
    OPTION_APIS,
    { NULL, 0, NULL, NULL },
};

/* Everything of one command. */
struct bench {
    const struct args *args;
    json_t *results;         /* of all models */
    json_t *suites, *groups; /* what was named, and what came out */
    json_t *skipped;         /* tasks that are not for this model */
    json_t *plans;           /* of a dry run; else NULL */
    struct run_store *store; /* NULL with --no-db */
    struct eval_out *out;    /* NULL without --out */
    struct progress_series progress;
    const char *model;
    const atomic_bool *stop;
};

static bool keep_going(void *arg) {
    const struct bench *b = arg;
    return !atomic_load(b->stop);
}

static void show(const char *label, uint64_t done, uint64_t total, void *arg) {
    struct bench *b = arg;
    progress_series_set(&b->progress, label, done, total, "tok");
}

static void note_skipped(const char *task, const char *why, void *arg) {
    struct bench *b = arg;
    json_object_set_new(b->skipped, task, json_true());
    log_line(LOG_INFO, "%s: task '%s' is left out: %s", b->model, task, why);
}

static void take_plan(const json_t *plan, void *arg) {
    const struct bench *b = arg;
    plan_add(b->plans, b->model, plan);
}

static bool take_result(
    const json_t *result, const char *samples, size_t n, void *arg, struct err *err) {
    struct bench *b = arg;
    json_t *shown = json_copy((json_t *)(uintptr_t)result);
    json_object_del(shown, "scores"); /* of each document: for files and the database */
    json_array_append_new(b->results, shown);
    if (b->out && !eval_out_add(b->out, result, samples, n, err)) {
        return false;
    }
    bool stored = json_get_bool(result, "delivered", false); /* before it was stopped */
    return !b->store || stored || report_store(b->store, b->model, result, samples, n, err);
}

static json_t *make_spec(const struct bench *b, const char *model, const json_t *tasks) {
    static const char *const TEXTS[] = { "hub", "dtype", "device", "weights", "arch", "gemm",
        "profile" };
    json_t *spec = json_pack("{s:s, s:O, s:b, s:b}", "model", model, "tasks", tasks, "samples",
        b->store || args_has(b->args, "out"), "keep_rows", args_has(b->args, "out"));
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        if (args_has(b->args, TEXTS[i])) {
            json_object_set_new(spec, TEXTS[i], json_string(args_get(b->args, TEXTS[i], "")));
        }
    }
    if (args_has(b->args, "stream-data")) {
        json_object_set_new(spec, "stream_data", json_string(args_get(b->args, "stream-data", "")));
    }
    json_object_set_new(spec, "template", json_string(args_get(b->args, "template", "none")));
    json_object_set_new(spec, "add_bos", json_string(args_get(b->args, "add-bos", "auto")));
    json_object_set_new(
        spec, "threads", json_integer(strtol(args_get(b->args, "threads", "0"), NULL, 10)));
    json_object_set_new(
        spec, "max_mem_mb", json_integer(strtol(args_get(b->args, "max-mem", "0"), NULL, 10)));
    if (args_has(b->args, "tensor-parallel")) {
        json_object_set_new(spec, "tensor_parallel",
            json_integer(strtol(args_get(b->args, "tensor-parallel", "1"), NULL, 10)));
    }
    json_object_set_new(spec, "memo",
        json_pack("{s:b, s:b, s:s}", "vectors", !args_has(b->args, "no-cache"), "resume",
            args_has(b->args, "resume"), "sink", b->store ? args_get(b->args, "db", "db") : ""));
    json_object_set_new(spec, "packs", json_boolean(!args_has(b->args, "no-pack-cache")));
    json_object_set_new(spec, "dry_run", json_boolean(b->plans != NULL));
    const char *dir = task_library_dir(args_get(b->args, "tasks", NULL));
    if (dir) {
        json_object_set_new(spec, "tasks_dir", json_string(dir));
    }
    return spec;
}

static bool add_groups(struct bench *b, const char *model, struct err *err) {
    json_t *groups = groups_of(b->suites, b->results, b->skipped, model);
    json_array_extend(b->groups, groups);
    bool ok = !b->out || !json_array_size(groups) || eval_out_groups(b->out, model, groups, err);
    json_decref(groups);
    return ok;
}

/* What there is to know of a remote model before its process begins: which variable that gets. */
static bool add_api(const struct bench *b, const char *model, json_t *spec, struct err *err) {
    struct apis apis = { 0 };
    char *path = apis_path(args_get(b->args, "apis", NULL), err);
    const struct api *api =
        path && apis_read(&apis, path, err) ? apis_find(&apis, path, model, err) : NULL;
    if (api) {
        json_object_set_new(spec, "apis", json_string(path));
        json_object_set_new(spec, "key_env", json_string(api->key_env ? api->key_env : ""));
    }
    bool ok = api != NULL;
    apis_release(&apis);
    free(path);
    return ok;
}

static bool eval_model(struct bench *b, const char *model, const json_t *tasks, struct err *err) {
    struct child_watch watch = { .tick = keep_going,
        .progress = show,
        .skipped = note_skipped,
        .plan = take_plan,
        .result = take_result,
        .arg = b };
    json_t *spec = make_spec(b, model, tasks);
    b->model = model;
    json_object_clear(b->skipped);
    bool ok =
        (!remote_is_name(model) || add_api(b, model, spec, err)) && child_run(spec, &watch, err);
    progress_series_end(&b->progress);
    json_decref(spec);
    if (!ok && (err->class == ERR_INTERRUPTED || err->class == ERR_CRASH)) {
        err_hint(err, "the same command with --resume goes on where this one stopped");
    }
    ok = ok && (b->plans || add_groups(b, model, err));
    return ok || err_wrap(err, "model '%s'", model);
}

/* ---- what people see ---- */

static void print_json(const struct bench *b) {
    struct strbuf out = { 0 };
    struct json_writer w;
    json_writer_init(&w, &out, true);
    jw_object(&w);
    jw_kv_string(&w, "schema", "assay.eval/1");
    jw_key(&w, "results");
    jw_json(&w, b->results);
    if (json_array_size(b->suites)) {
        jw_key(&w, "groups");
        jw_json(&w, b->groups);
    }
    if (args_has(b->args, "spread")) {
        json_t *spread = spread_of(b->results);
        jw_key(&w, "spread");
        jw_json(&w, spread);
        json_decref(spread);
    }
    jw_end_object(&w);
    puts(strbuf_str(&out));
    strbuf_release(&out);
}

/* What was varied on purpose, or the seed of the examples. */
static void add_draw(struct table *t, const json_t *result) {
    const char *varied = strchr(json_get_string(result, "profile", ""), '+');
    if (varied) {
        table_cell(t, varied + 1);
    } else {
        table_cellf(t, "seed %lld", json_get_int(result, "seed", 0));
    }
}

static void add_metric_row(
    const struct bench *b, struct table *t, const json_t *result, const char *name) {
    const json_t *m = json_object_get(json_object_get(result, "metrics"), name);
    double value = json_get_number(m, "value", NAN), stderr_ = json_get_number(m, "stderr", NAN),
           low = json_get_number(m, "low", NAN), high = json_get_number(m, "high", NAN);
    table_cell(t, json_get_string(result, "model", ""));
    table_cell(t, json_get_string(result, "task", ""));
    table_cellf(t, "%lld", json_get_int(result, "version", 0));
    table_cellf(t, "%s%s", name, strcmp(name, json_get_string(result, "main", "")) ? "" : " *");
    table_cellf(t, "%lld", json_get_int(result, "shots", 0));
    if (args_has(b->args, "spread")) {
        add_draw(t, result);
    }
    table_cellf(t, "%lld", json_get_int(result, "n", 0));
    if (isfinite(value)) {
        table_cellf(t, "%.4f", value);
    } else {
        table_cell(t, NULL);
    }
    if (isfinite(stderr_)) {
        table_cellf(t, "± %.4f", stderr_);
    } else {
        table_cell(t, NULL);
    }
    if (isfinite(low) && isfinite(high)) {
        table_cellf(t, "%.4f to %.4f", low, high);
    } else {
        table_cell(t, NULL);
    }
}

static struct table *new_table(const struct bench *b) {
    return args_has(b->args, "spread")
               ? table_new("Model", "Task", ">Version", "Metric", ">n-shot", "Asked with", ">n",
                     ">Value", "Stderr", "95 % CI", NULL)
               : table_new("Model", "Task", ">Version", "Metric", ">n-shot", ">n", ">Value",
                     "Stderr", "95 % CI", NULL);
}

static void print_results(const struct bench *b) {
    struct table *t = new_table(b);
    size_t i;
    json_t *result, *m;
    const char *name;
    json_array_foreach(b->results, i, result) {
        json_object_foreach(json_object_get(result, "metrics"), name, m) {
            add_metric_row(b, t, result, name);
        }
    }
    table_print(t, true);
}

/* What goes with numbers of a type that changes answers, once. */
static void print_caveat(const struct bench *b) {
    size_t i;
    json_t *result;
    json_array_foreach(b->results, i, result) {
        const char *dtype = json_get_string(result, "dtype", NULL),
                   *caveat = precision_caveat(dtype);
        if (caveat) {
            printf("\n%s: %s\n", dtype, caveat);
            return;
        }
    }
}

static void print_table(const struct bench *b) {
    print_results(b);
    print_caveat(b);
    notes_print(b->results);
    if (json_array_size(b->groups)) {
        puts("");
        groups_print(b->groups);
    }
    json_t *spread = args_has(b->args, "spread") ? spread_of(b->results) : NULL;
    if (json_array_size(spread)) {
        puts("");
        spread_print(spread);
    }
    json_decref(spread);
}

static bool run_models(struct bench *b, const json_t *tasks, struct err *err) {
    b->stop = stop_on_signals();
    bool ok = true;
    for (unsigned i = 0; ok && i < b->args->n_operands; i++) {
        ok = eval_model(b, b->args->operands[i], tasks, err);
    }
    groups_vote(b->suites, b->results, b->groups);
    return ok;
}

static bool check_template(const struct args *args, struct err *err) {
    const char *how = args_get(args, "template", "none");
    return !strcmp(how, "none") || !strcmp(how, "turns") || !strcmp(how, "one-turn") ||
           err_set(
               err, ERR_USAGE, "option '--template' takes turns, one-turn or none, not '%s'", how);
}

static bool run(const struct args *args, struct err *err) {
    struct bench b = {
        .args = args, .results = json_array(), .groups = json_array(), .skipped = json_object()
    };
    b.plans = args_has(args, "dry-run") ? json_array() : NULL;
    struct model_options ignored;
    enum add_bos rule;
    const char *profile;
    json_t *tasks = NULL;
    bool ok = model_options_from_args(args, &ignored, err) &&
              profile_from_args(args, &profile, err) && add_bos_from_args(args, &rule, err) &&
              check_template(args, err) && (tasks = tasks_from_args(args, err)) != NULL &&
              (tasks = spread_tasks(args, tasks, err)) != NULL &&
              (b.suites = suites_from_args(args, err)) != NULL;
    if (ok && !args_has(args, "no-db") && !b.plans) {
        b.store = report_store_open(args_get(args, "db", NULL), args, err);
        ok = b.store != NULL;
    }
    if (ok && args_has(args, "out") && !b.plans) {
        b.out = eval_out_new(args_get(args, "out", ""), args_has(args, "samples"));
    }
    ok = ok && run_models(&b, tasks, err);
    if (json_array_size(b.plans)) {
        plan_print(b.plans, args_has(args, "json"));
    } else if (json_array_size(b.results)) {
        (args_has(args, "json") ? print_json : print_table)(&b);
    }
    report_store_close(b.store);
    eval_out_free(b.out);
    json_decref(tasks);
    json_decref(b.suites);
    json_decref(b.groups);
    json_decref(b.skipped);
    json_decref(b.results);
    json_decref(b.plans);
    return ok;
}

const struct command cmd_eval = {
    .name = "eval",
    .operands = "MODEL...",
    .summary = "evaluate models here and now",
    .details =
        "Each model runs in a process of its own, without network and under limits. Results "
        "go to the\n"
        "database (unless --no-db), to the screen, and with --out to files.\n\n"
        "Answers are kept as they come: after Ctrl-C or a crash the same command with "
        "--resume asks only\n"
        "what has no answer yet. Vectors are kept beyond that: a text that one task had "
        "embedded is not\n"
        "embedded again for another.\n\n"
        "--spread asks in several ways how sure a score is of its questions' form: with other "
        "examples, and\n"
        "where a task's file has `reorder` or `wordings`, with its options in other orders or "
        "in other words.\n\n"
        "Data sets are fetched into the hub's cache. Where the files that are not there yet "
        "come to more\n"
        "than 4 GiB, or to more than half of the free disk, they stay on the hub and are read "
        "in parts:\n"
        "--stream-data always or never decides otherwise.\n\n"
        "api:NAME is a model behind somebody's endpoint ('assay help api ls'): each answer is paid "
        "once and\n"
        "kept, whatever stops an evaluation; --dry-run says what it would cost.\n\n"
        "  assay eval ./my-model -s wordnet --no-db\n"
        "  assay eval org/name -t arc_easy,hellaswag --limit 200 --json\n"
        "  assay eval org/name -s mteb-eng-v2 --dry-run          what 41 tasks would take\n"
        "  assay eval org/name -t hellaswag -n 5 --spread 4      the score under four draws "
        "of examples\n"
        "  assay eval org/name -t mmlu --spread 4 --spread-over order    with the options "
        "in other orders\n"
        "  assay eval api:mini -t gsm8k --limit 100 --dry-run    what that would cost\n"
        "  assay eval org/a org/b -t ./my_task.lua -o results/\n",
    .options = { options_eval, options_database, options_tasks, options_device, options_model },
    .min_operands = 1,
    .max_operands = ARGS_MAX_VALUES,
    .run = run,
};
