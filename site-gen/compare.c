/* See compare.h. */
#include "site-gen/compare.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/stats/scores.h"
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

/* Scores that do not come to the figure that is published are not believed: they are packed in
 * 4,096 levels, and what is clustered may be off by some of its error. */
static bool believed(const json_t *scores, const json_t *run) {
    const json_t *parts = json_object_get(scores, "parts"), *part;
    double value = json_get_number(run, "value", NAN), mean = 0, low = INFINITY, high = -INFINITY;
    bool binary = true;
    size_t i;
    json_array_foreach(parts, i, part) {
        struct scores s;
        double sum = 0;
        if (!scores_parse(&s, part))
            return false;
        for (size_t k = 0; k < s.n; k++) {
            double x = scores_at(&s, k);
            sum += x;
            low = fmin(low, x);
            high = fmax(high, x);
        }
        binary = binary && s.binary;
        mean += sum / (double)s.n / (double)json_array_size(parts);
        scores_release(&s);
    }
    double slack = (high - low) / 4095 +
                   (binary ? 0 : fmax(0, json_get_number(run, "stderr", 0)) / 5) +
                   1e-6 * fmax(1, fabs(value));
    return fabs(mean - value) <= slack; /* false for NaN: no parts, no value */
}

static json_t *result_view(const struct world *w, const json_t *run) {
    const char *metric = json_get_string(run, "main", ""),
               *model = json_get_string(run, "model", "");
    const json_t *scores = json_object_get(json_object_get(run, "record"), "scores");
    const json_t *definition =
        json_object_get(world_task(w, json_get_int(run, "task_id", 0)), "definition");
    long long id = json_get_int(run, "run_id", 0);
    bool paged = has_page(w, id);
    json_t *out = json_pack("{s:o, s:o, s:o, s:I, s:o, s:b, s:o}", "task",
        task_ref(json_get_string(run, "task", "")), "metric",
        metric_view(metric, metric, definition), "figure", figure_view(run), "run_id",
        (json_int_t)id, "path", run_path(w, model, id), "samples",
        paged && json_get_int(run, "n_chunks", 0) > 0, "same", same_view(run));
    copy_text(out, run, "revision");
    copy_text(out, run, "dtype");
    if (paged && !strcmp(json_get_string(scores, "metric", ""), metric) && believed(scores, run))
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
