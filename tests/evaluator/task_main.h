/* What the tests of tasks have in common: a main that is also the task's child process, as the
 * program's is. */
#ifndef ASSAY_TEST_TASK_MAIN_H
#define ASSAY_TEST_TASK_MAIN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "evaluator/task/task.h"

#define TASKS_DIR ASSAY_TESTS_DIR "/../tasks"
#define TASK_FIXTURES ASSAY_TESTS_DIR "/fixtures/tasks"

/* The shared folder of reference data, or NULL. The caller frees. */
static inline char *shared_dir(void) {
    const char *named = getenv("ASSAY_SHARED");
    char *path = realpath(named ? named : ASSAY_TESTS_DIR "/../../shared", NULL);
    return path;
}

static inline void maybe_child(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "__task")) {
        task_child_main(argc, argv, NULL);
    }
}

#endif
