/* See compare.h. */
#include "site-gen/compare.h"

#include <string.h>

#include "base/json.h"
#include "site-gen/view.h"

/* What evaluator/compare/match.c goes by, under its names. */
static json_t *same_view(const json_t *run) {
    static const char *const OF_RUN[] = { "task_sha256", "task_version", "data_sha256", NULL };
    static const char *const OF_CONFIG[] = { "profile", "template", "shots", "seed", NULL };
    json_t *same = json_object();
    copy_fields(same, run, OF_RUN);
    copy_fields(same, json_object_get(run, "config"), OF_CONFIG);
    copy_field(same, json_object_get(run, "record"), "profile");
    copy_field(same, json_object_get(run, "record"), "shots");
    return same;
}

static json_t *result_view(const struct world *w, const json_t *run) {
    const char *metric = json_get_string(run, "main", ""),
               *model = json_get_string(run, "model", "");
    const json_t *scores = json_object_get(json_object_get(run, "record"), "scores");
    const json_t *definition =
        json_object_get(world_task(w, json_get_int(run, "task_id", 0)), "definition");
    long long id = json_get_int(run, "run_id", 0);
    json_t *out = json_pack("{s:o, s:o, s:o, s:I, s:o, s:b, s:o}", "task",
        task_ref(json_get_string(run, "task", "")), "metric",
        metric_view(metric, metric, definition), "figure", figure_view(run), "run_id",
        (json_int_t)id, "path", run_path(w, model, id), "samples",
        json_get_int(run, "n_chunks", 0) > 0, "same", same_view(run));
    copy_text(out, run, "revision");
    copy_text(out, run, "dtype");
    if (!strcmp(json_get_string(scores, "metric", ""), metric))
        json_object_set(out, "scores", (json_t *)(uintptr_t)scores);
    return out;
}

static bool is_newest(const struct world *w, const char *model, const json_t *run) {
    const json_t *all = json_object_get(w->models, model);
    const json_t *last = json_array_get(all, json_array_size(all) - 1);
    return !strcmp(json_get_string(last, "revision", ""), json_get_string(run, "revision", ""));
}

json_t *scores_view(const struct world *w, const char *model) {
    json_t *tasks = json_array(), *run;
    size_t i;
    json_array_foreach(json_object_get(w->runs_of, model), i, run) {
        if (json_get_bool(run, "current", false) && is_newest(w, model, run))
            json_array_append_new(tasks, result_view(w, run));
    }
    if (json_array_size(tasks) == 0) {
        json_decref(tasks);
        return NULL;
    }
    return json_pack("{s:s, s:o, s:o}", "schema", "assay.site.scores/1", "model",
        model_ref(w, model), "tasks", tasks);
}

json_t *compare_view(const json_t *with_scores) {
    return json_pack("{s:s, s:O}", "schema", "assay.site.compare/1", "models", with_scores);
}
