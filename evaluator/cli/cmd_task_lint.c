/* assay task lint: what is wrong with a task file, by line and field. */
#include <string.h>

#include "base/log.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/tasks.h"
#include "evaluator/task/task.h"

static const struct option options_lint[] = {
    { "rows", 0, "N", "also make the first N documents, where the data is a file (default 3)" },
    { NULL, 0, NULL, NULL },
};

/* Functions can only be found wrong by calling them: on the first rows of a file beside the task.
 * A data set of a hub would have to be fetched. */
static bool lint_rows(
    const struct task_request *request, unsigned long n, json_t *problems, struct err *err) {
    struct task_request q = *request;
    struct err why = ERR_INIT;
    struct task *described = task_describe(&q, err), *made = NULL;
    bool beside =
        described && !task_info(described)->data_repo && task_info(described)->kind != TASK_SUITE;
    q.limit = (long long)n;
    if (beside && n && !(made = task_load(&q, &why))) {
        if (why.class == ERR_TASK || why.class == ERR_INPUT || why.class == ERR_NOT_FOUND) {
            json_array_append_new(problems, task_problem(task_info(described)->path, &why));
        } else {
            *err = why;
        }
    }
    task_free(made);
    task_free(described);
    return described && err->class == ERR_NONE;
}

static bool lint(const struct args *args, const char *name, json_t *problems, struct err *err) {
    struct task_request q;
    unsigned long n;
    json_t *found = NULL;
    bool ok = args_get_uint(args, "rows", 3, 100000, &n, err) &&
              task_request_from_args(&q, args, name, err) && task_lint(&q, &found, err);
    if (ok && json_array_size(found) == 0) {
        ok = lint_rows(&q, n, found, err);
    }
    json_array_extend(problems, found);
    json_decref(found);
    return ok;
}

/* file:line: error: 'field' and what is wrong with it. */
static void print_problem(const json_t *p) {
    const char *field = json_get_string(p, "field", ""),
               *message = json_get_string(p, "message", "");
    struct strbuf text = { 0 };
    strbuf_addf(&text, "'%s'", field);
    bool named = !*field || strstr(message, strbuf_str(&text));
    strbuf_reset(&text);
    strbuf_addf(&text, "%s:%lld: error: %s%s%s%s", json_get_string(p, "file", ""),
        json_get_int(p, "line", 0), named ? "" : "'", named ? "" : field, named ? "" : "' ",
        message);
    char *plain = printable(strbuf_str(&text), 4096);
    puts(plain);
    free(plain);
    strbuf_release(&text);
}

static void print_problems(const json_t *problems, bool json) {
    size_t i;
    json_t *p;
    if (json) {
        json_t *document = json_pack(
            "{s:s, s:O}", "schema", "assay.lint/1", "problems", (json_t *)(uintptr_t)problems);
        print_document(document, true);
        json_decref(document);
        return;
    }
    json_array_foreach(problems, i, p) {
        print_problem(p);
    }
}

static bool run(const struct args *args, struct err *err) {
    json_t *problems = json_array();
    bool ok = true;
    for (unsigned i = 0; ok && i < args->n_operands; i++) {
        ok = lint(args, args->operands[i], problems, err);
    }
    if (ok) {
        size_t n = json_array_size(problems);
        print_problems(problems, args_has(args, "json"));
        ok = n == 0 ||
             err_set(err, ERR_NEGATIVE, "there %s to mend", n == 1 ? "is something" : "are things");
    }
    json_decref(problems);
    return ok;
}

const struct command cmd_task_lint = {
    .name = "task lint",
    .operands = "FILE...",
    .summary = "say what is wrong with a task file, by line and field",
    .details =
        "Fields that the task's kind doesn't have, values of another type, metrics that are\n"
        "none, names that are not in scope; and where the data is a file beside the task, what\n"
        "its functions make of the first rows. Prints file:line: error: 'field' ..., nothing\n"
        "where nothing is wrong; exit code 10 if something is.\n\n"
        "  assay task lint ./my_task.lua\n",
    .options = { options_lint, options_library },
    .min_operands = 1,
    .max_operands = ARGS_MAX_VALUES,
    .run = run,
};
