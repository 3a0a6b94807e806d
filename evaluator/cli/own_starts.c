/* Processes that shut themselves in: a task's and a job's (see command.h). */
#include <stddef.h>

#include "evaluator/cli/command.h"
#include "evaluator/task/library.h"
#include "evaluator/worker/worker.h"

static void task(int argc, char **argv) {
    task_child_main(argc, argv, task_files);
}

static void job(int argc, char **argv) {
    (void)argc;
    (void)argv;
    child_main();
}

const struct own_start own_starts[] = {
    { "__task", task },
    { "__job", job },
    { NULL, NULL },
};
