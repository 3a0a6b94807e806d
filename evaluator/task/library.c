/* Where the task library is (see library.h). */
#include "evaluator/task/library.h"

const char *task_library_dir(const char *asked) {
    const char *dir = asked && *asked ? asked : getenv("ASSAY_TASKS");
    return dir && *dir ? dir : NULL;
}

void task_library_fill(struct task_request *request, const char *asked) {
    request->tasks_dir = task_library_dir(asked);
    request->builtin = task_files;
}
