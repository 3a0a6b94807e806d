/* A hub's data set for a task: what the hub room opens, as a task asks for it. */
#include "base/mem.h"
#include "evaluator/hub/hub.h"
#include "evaluator/task/task.h"

static void close_data(void *owner) {
    hub_data_close(owner);
}

bool task_data_fetch(const struct hub_data_request *q, struct task_data *data, struct err *err) {
    struct hub_data *d = hub_data_open(q, err);
    if (!d) {
        return false;
    }
    *data = (struct task_data) { xstrdup(hub_data_dir(d)), hub_data_remote(d), d, close_data };
    return true;
}
