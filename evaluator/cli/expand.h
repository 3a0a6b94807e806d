/* Names on the command line, expanded: globs to the tasks that they match, suites to their tasks,
 * and suites to the trees that say how their scores are averaged (base/average.h). */
#ifndef ASSAY_CLI_EXPAND_H
#define ASSAY_CLI_EXPAND_H

#include "base/json.h"
#include "evaluator/cli/args.h"

struct expansion {
    const struct args *args;
    json_t *library; /* of task_list */
    json_t *kinds;   /* file -> the kind of what it makes */
    json_t *tasks;   /* [{"name", "of_suite", "shots"?, "profile"?}, ...], each once so */
    json_t *trees;   /* one for each suite that was named */
};

MUST_CHECK bool expansion_init(struct expansion *e, const struct args *args, struct err *err);
void expansion_release(struct expansion *e);

/* A task's name, a glob, a path, or the name of a suite. Globs mean tasks only. */
MUST_CHECK bool expand_task(struct expansion *e, const char *name, struct err *err);

/* A suite. *definition (the caller's, may be NULL) gets {"name", "version", "sha256",
 * "definition"}: what its file says, its tree, and a hash over its file and those of the suites
 * within. */
MUST_CHECK bool expand_suite(
    struct expansion *e, const char *name, json_t **definition, struct err *err);

#endif
