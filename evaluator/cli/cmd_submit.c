/* assay submit: a model and a suite into the queue. */
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/report.h"
#include "evaluator/cli/tasks.h"
#include "evaluator/hub/hub.h"

static const struct option options_submit[] = {
    { "suite", 's', "S", "the suite to run" },
    { "priority", 0, "N", "0 (first) to 9; default 5" },
    { "dtype", 0, "TYPE", "auto, f32, bf16, f16 or int8 (marked on the board)" },
    { "profile", 0, "NAME", "rule set (default: the suite's)" },
    { "limit", 'l', "N", "the first N documents of each task (default: as the suite says)" },
    { "shots", 'n', "K", "examples before each question" },
    { "seed", 0, "N", "seed of the draws" },
    { "as", 0, "NAME", "who submits (default: the user's name)" },
    { "hub", 0, "DIR|URL", "where org/name is found (default: HF_ENDPOINT)" },
    { "tasks", 0, "DIR", "a folder of tasks in place of the built-in ones" },
    { NULL, 0, NULL, NULL },
};

/* Refused before anything is written: what no worker could run. */
static bool check_policy(const json_t *model, struct err *err) {
    const json_t *manifest = json_object_get(model, "manifest");
    const char *name = json_get_string(model, "name", "");
    if (!json_is_string(json_object_get(manifest, "format"))) {
        err_set(
            err, ERR_UNSUPPORTED, "'%s' has no weights as safetensors, GGUF or PyTorch's", name);
        return err_hint(
            err, "files that must be run are never fetched: ask its author for safetensors");
    }
    if (json_is_true(json_object_get(manifest, "gated")) && !getenv("HF_TOKEN")) {
        err_set(err, ERR_AUTH, "'%s' is gated", name);
        return err_hint(
            err, "accept its licence on the hub, and set HF_TOKEN here and for the workers");
    }
    return true;
}

static bool able(const json_t *model, bool embeds) {
    size_t i;
    json_t *a;
    json_array_foreach(json_object_get(json_object_get(model, "manifest"), "abilities"), i, a) {
        if (!strcmp(json_string_value(a), embeds ? "embed" : "score")) {
            return true;
        }
    }
    return false;
}

/* A suite is another one once its file or one of its tasks has changed: its board starts anew. */
static void identify_suite(json_t *suite, const json_t *tasks) {
    char hex[65];
    struct strbuf all = { 0 };
    size_t i;
    json_t *task;
    strbuf_addf(&all, "%s\n", json_get_string(suite, "sha256", ""));
    json_array_foreach(tasks, i, task) {
        strbuf_addf(&all, "%s %s\n", json_get_string(task, "name", ""),
            json_get_string(task, "sha256", ""));
    }
    sha256_hex(strbuf_str(&all), all.len, hex);
    json_object_set_new(suite, "sha256", json_string(hex));
    strbuf_release(&all);
}

/* The suite with its tasks described; those that can't be asked of this model are marked and make
 * no job. */
static json_t *describe_suite(
    const struct args *args, const json_t *model, size_t *n_jobs, struct err *err) {
    json_t *suite = NULL, *tasks = json_array(), *wanted;
    json_t *list = tasks_of_suite(args, args_get(args, "suite", ""), &suite, err);
    bool ok = list != NULL;
    size_t i;
    *n_jobs = 0;
    json_array_foreach(list, i, wanted) {
        struct task *task =
            ok ? task_describe_named(args, json_get_string(wanted, "name", ""), err) : NULL;
        ok = task != NULL;
        if (!ok) {
            break;
        }
        bool skip = !able(model, task_kind_embeds(task_info(task)->kind));
        json_t *described = submission_task(task, wanted);
        json_object_set_new(described, "skip", json_boolean(skip));
        json_array_append_new(tasks, described);
        *n_jobs += !skip;
        task_free(task);
    }
    json_decref(list);
    if (!ok) {
        json_decref(tasks);
        json_decref(suite);
        return NULL;
    }
    identify_suite(suite, tasks);
    json_object_set_new(suite, "tasks", tasks);
    return suite;
}

static const char *submitter(const struct args *args) {
    const struct passwd *user = getpwuid(getuid());
    return args_get(args, "as", user ? user->pw_name : "somebody");
}

static void print_answer(const json_t *answer, const char *model) {
    size_t i, fresh = 0;
    json_t *job;
    json_array_foreach(json_object_get(answer, "jobs"), i, job) {
        fresh += json_is_true(json_object_get(job, "created"));
    }
    printf("submission %lld: %s, %zu job%s, %zu new\n", json_get_int(answer, "submission", 0),
        model, json_array_size(json_object_get(answer, "jobs")),
        json_array_size(json_object_get(answer, "jobs")) == 1 ? "" : "s", fresh);
}

static json_t *make_request(
    const struct args *args, json_t *model, json_t *suite, struct err *err) {
    unsigned long priority;
    if (!args_get_uint(args, "priority", 5, 9, &priority, err)) {
        return NULL;
    }
    json_t *config = json_object();
    const char *dtype = args_get(args, "dtype", NULL);
    if (dtype) {
        json_object_set_new(config, "precision", json_string(dtype));
    }
    return json_pack("{s:s, s:i, s:O, s:O, s:o}", "submitter", submitter(args), "priority",
        (int)priority, "model", model, "suite", suite, "config", config);
}

/* Prints the answer, or keeps it in `answers` where one document is to be printed at the end. */
static bool submit_one(
    struct db *db, const struct args *args, const char *name, json_t *answers, struct err *err) {
    size_t n_jobs;
    json_t *model = submission_model(args_get(args, "hub", NULL), name, NULL, err), *request = NULL,
           *answer = NULL;
    json_t *suite =
        model && check_policy(model, err) ? describe_suite(args, model, &n_jobs, err) : NULL;
    bool ok = suite != NULL;
    if (ok && n_jobs == 0) {
        ok = err_set(err, ERR_UNSUPPORTED, "none of the tasks of suite '%s' can be asked of '%s'",
            args_get(args, "suite", ""), name);
        err_hint(
            err, "embedding tasks need sentence-transformers modules, the others a language model");
    }
    ok = ok && (request = make_request(args, model, suite, err)) &&
         (answer = db_submit(db, request, err));
    if (ok && args_has(args, "json")) {
        json_array_append(answers, answer);
    } else if (ok) {
        print_answer(answer, name);
    }
    json_decref(answer);
    json_decref(request);
    json_decref(suite);
    json_decref(model);
    return ok || err_wrap(err, "could not submit '%s'", name);
}

static bool run(const struct args *args, struct err *err) {
    if (!args_has(args, "suite")) {
        err_set(err, ERR_USAGE, "no suite given");
        return err_hint(err, "name one with --suite S; 'assay suite ls' lists them");
    }
    struct db *db = database_open(args, err);
    json_t *answers = json_array();
    bool ok = db != NULL;
    for (unsigned i = 0; ok && i < args->n_operands; i++) {
        ok = submit_one(db, args, args->operands[i], answers, err);
    }
    if (args_has(args, "json")) {
        json_t *document =
            json_pack("{s:s, s:O}", "schema", "assay.submit/1", "submissions", answers);
        print_document(document, true);
        json_decref(document);
    }
    json_decref(answers);
    db_close(db);
    return ok;
}

const struct command cmd_submit = {
    .name = "submit",
    .operands = "MODEL...",
    .summary = "put a model into the queue, to be evaluated on a suite",
    .details =
        "The revision is resolved to a commit now. The same submission again changes nothing.\n\n"
        "  assay submit sentence-transformers/all-MiniLM-L6-v2 -s wordnet\n",
    .options = { options_submit, options_database },
    .min_operands = 1,
    .max_operands = ARGS_MAX_VALUES,
    .run = run,
};
