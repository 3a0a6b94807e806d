/* assay submit: a model and a suite into the queue. */
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "evaluator/cli/admission.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/submission.h"

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
    OPTION_POLICY,
    { NULL, 0, NULL, NULL },
};

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

/* What the command line says of how all of them are asked. */
static bool read_by(
    const struct args *args, struct submission_by *by, json_t *config, struct err *err) {
    unsigned long priority;
    const char *dtype = args_get(args, "dtype", NULL);
    if (!args_get_uint(args, "priority", 5, 9, &priority, err)) {
        return false;
    }
    if (dtype) {
        json_object_set_new(config, "precision", json_string(dtype));
    }
    *by = (struct submission_by) {
        .submitter = submitter(args), .priority = (int)priority, .config = config
    };
    return true;
}

/* Prints the answer, or keeps it in `answers` where one document is to be printed at the end. */
static bool submit_one(struct db *db, const struct args *args, const char *name,
    const json_t *suite, const struct submission_by *by, json_t *answers, struct err *err) {
    json_t *request = submission_make(args, name, suite, by, err);
    json_t *answer = request ? db_submit(db, request, err) : NULL;
    bool ok = answer != NULL;
    if (ok && args_has(args, "json")) {
        json_array_append(answers, answer);
    } else if (ok) {
        print_answer(answer, name);
    }
    json_decref(answer);
    json_decref(request);
    return ok || err_wrap(err, "could not submit '%s'", name);
}

static bool run(const struct args *args, struct err *err) {
    if (!args_has(args, "suite")) {
        err_set(err, ERR_USAGE, "no suite given");
        return err_hint(err, "name one with --suite S; 'assay suite ls' lists them");
    }
    struct submission_by by = { 0 };
    json_t *answers = json_array(), *config = json_object(), *suite = NULL;
    struct db *db = read_by(args, &by, config, err) ? database_open(args, err) : NULL;
    bool ok = db && (suite = submission_suite(args, err));
    by.db = db;
    for (unsigned i = 0; ok && i < args->n_operands; i++) {
        ok = submit_one(db, args, args->operands[i], suite, &by, answers, err);
    }
    if (args_has(args, "json")) {
        json_t *document =
            json_pack("{s:s, s:O}", "schema", "assay.submit/1", "submissions", answers);
        print_document(document, true);
        json_decref(document);
    }
    json_decref(answers);
    json_decref(config);
    json_decref(suite);
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
