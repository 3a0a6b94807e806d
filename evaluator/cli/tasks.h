/* Which tasks the command line means: --task and --suite, with globs, expanded to what a job's
 * process is told. */
#ifndef ASSAY_CLI_TASKS_H
#define ASSAY_CLI_TASKS_H

#include "base/json.h"
#include "evaluator/cli/args.h"
#include "evaluator/task/task.h"

/* hub_stream_parse says what the words mean. */
#define OPTION_STREAM_DATA                                                                         \
    {                                                                                              \
        "stream-data", 0, "RULE",                                                                  \
            "read data on the hub in parts, storing nothing: always, never, auto (over 4 GiB)"     \
    }

extern const struct option
    options_tasks[]; /* --task, --suite, --limit, --shots, --seed, --bootstrap, --subset, --tasks */

extern const struct option options_library[]; /* --tasks: for commands about task files */

/* What commands about one task file ask its process: name and --tasks, --shots, and --hub for its
 * data. Borrows from `args`. */
struct task_request;
MUST_CHECK bool task_request_from_args(
    struct task_request *request, const struct args *args, const char *name, struct err *err);

/* [{"name", "limit"?, "shots"?, "seed"?, "profile"?, "subsets"?}, ...] for every --task and every
 * task of every --suite; the caller owns it. Unknown names are ERR_NOT_FOUND with the nearest known
 * one. */
MUST_CHECK json_t *tasks_from_args(const struct args *args, struct err *err);

/* The suites among them as trees (base/average.h), a leaf naming its task and, where a suite says
 * it, "shots"; the caller owns the list. */
MUST_CHECK json_t *suites_from_args(const struct args *args, struct err *err);

/* The tasks of one suite. *definition (the caller's, may be NULL) gets what the suite's file says,
 * with its tree. */
MUST_CHECK json_t *tasks_of_suite(
    const struct args *args, const char *suite, json_t **definition, struct err *err);

/* What a task or suite file says, without reading its data; the caller frees it. */
MUST_CHECK struct task *task_describe_named(
    const struct args *args, const char *name, struct err *err);

#endif
