/* When a row's model came, how fast it was, and on what (see view.h). */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "site-gen/view.h"

/* Tokens that were computed over the time that it took, and the machine of the first task. */
static void put_speed(const struct world *w, json_t *row) {
    double tokens = 0, seconds = 0;
    const char *key;
    json_t *cell;
    json_object_foreach(json_object_get(row, "by_task"), key, cell) {
        const json_t *run = world_run(w, json_get_int(cell, "run", 0));
        double s = json_get_number(run, "seconds", 0),
               t = json_get_number(run, "tokens_computed", 0);
        if (s > 0 && t > 0) {
            seconds += s;
            tokens += t;
        }
        if (run && !json_object_get(row, "device")) {
            copy_field(row, run, "device");
            copy_field(row, run, "isa");
        }
    }
    if (seconds > 0)
        json_object_set_new(row, "tokens_per_s", json_real(round(tokens / seconds * 10) / 10));
}

void row_times(const struct world *w, json_t *row) {
    const json_t *all = json_object_get(w->models, json_get_string(row, "id", "")), *revision;
    size_t i;
    json_array_foreach(all, i, revision) {
        if (json_equal(json_object_get(revision, "revision"), json_object_get(row, "revision")) &&
            json_is_string(json_object_get(revision, "created_at")))
            json_object_set(row, "handed_in", json_object_get(revision, "created_at"));
    }
    put_speed(w, row);
}
