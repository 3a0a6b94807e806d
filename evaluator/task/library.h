/* Where the task library is: --tasks, else ASSAY_TASKS, else the copy in the program. */
#ifndef ASSAY_TASK_LIBRARY_H
#define ASSAY_TASK_LIBRARY_H

#include "evaluator/task/task.h"

extern const struct embedded task_files[]; /* the copy in the program */

/* The folder, or NULL for the copy in the program. */
const char *task_library_dir(const char *asked);
void task_library_fill(struct task_request *request, const char *asked);

#endif
