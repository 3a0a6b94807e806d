/* What a model's repository says of itself: "model-index" in the front matter of its README, and
 * lists of results in .eval_results. Both are YAML that people write by hand. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "evaluator/data/frontmatter.h"
#include "evaluator/foreign/foreign.h"

static bool refuse(
    struct err *err, const struct foreign_file *file, const char *place, const char *what) {
    return err_set(err, ERR_INPUT, "'%s': %s: %s", file->path, place, what);
}

/* A number, or text that is one all through: people quote them. */
static json_t *number_of(const json_t *value) {
    const char *text = json_string_value(value);
    char *end = NULL;
    double v = text && *text ? strtod(text, &end) : NAN;
    return json_is_number(value)         ? json_incref((json_t *)(uintptr_t)value)
           : end && !*end && isfinite(v) ? json_real(v)
                                         : NULL;
}

/* ---- model-index ---- */

/* A metric by its type, and by its name where another of the type came before it. */
static bool add_metric(json_t *metrics, const json_t *metric, const char **main, struct err *err,
    const struct foreign_file *file, const char *place) {
    const char *type = json_get_string(metric, "type", NULL),
               *name = json_get_string(metric, "name", NULL);
    if (!type || !json_object_get(metric, "value")) {
        return refuse(err, file, place, "a metric needs 'type' and 'value'");
    }
    json_t *value = number_of(json_object_get(metric, "value"));
    const char *as = json_object_get(metrics, type) && name ? name : type;
    if (value) {
        foreign_metric(metrics, as, value, NULL);
    }
    const char *key = json_object_iter_key(json_object_iter_at(metrics, as));
    *main = *main || !key ? *main : key;
    json_decref(value);
    return true;
}

static json_t *index_data(const json_t *dataset) {
    return json_pack("{s:s*, s:s*, s:s*, s:s*}", "repo", json_get_string(dataset, "type", NULL),
        "config", json_get_string(dataset, "config", NULL), "split",
        json_get_string(dataset, "split", NULL), "revision",
        json_get_string(dataset, "revision", NULL));
}

/* One entry of "results": a task on a data set. Its numbers may all be words: then it is no result.
 */
static bool add_index_result(const struct foreign_file *file, const char *model, json_t *entry,
    const char *place, json_t *results, struct err *err) {
    const json_t *dataset = json_object_get(entry, "dataset"), *metric;
    const char *task = json_get_string(dataset, "name", json_get_string(dataset, "type", NULL)),
               *main = NULL;
    json_t *metrics = json_object();
    bool ok = task || refuse(err, file, place, "'dataset' needs 'type' and 'name'");
    size_t i;
    json_array_foreach(json_object_get(entry, "metrics"), i, metric) {
        ok = ok && add_metric(metrics, metric, &main, err, file, place);
    }
    if (ok && !main) {
        log_line(
            LOG_WARN, "'%s': %s: left out: none of its metrics is a number", file->path, place);
        json_decref(metrics);
        return true;
    }
    if (!ok) {
        json_decref(metrics);
        return false;
    }
    json_t *result = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:s, s:o, s:o, s:{s:s, s:O}}",
        "model", model, "task", task, "main", main, "kind", "reported", "version", 0, "n", 0,
        "profile", "model-index", "harness_build", "model-index", "metrics", metrics, "data",
        index_data(dataset), "imported", "name", model, "result", entry);
    return foreign_add(results, result, file, FOREIGN_MODEL_INDEX, place, err);
}

bool foreign_parse_model_index(const struct foreign_file *file, json_t *results, struct err *err) {
    struct err why = ERR_INIT;
    json_t *card = frontmatter_values(file->text, file->n, &why), *model, *entry;
    const json_t *index = json_object_get(card, "model-index");
    size_t i, k;
    bool ok = card && json_is_array(index);
    if (!ok) {
        if (why.class != ERR_NONE) {
            *err = why;
            err_wrap(err, "'%s'", file->path);
        } else {
            err_set(
                err, ERR_INPUT, "'%s' has no list 'model-index' in its front matter", file->path);
            err_hint(err, "it stands in a model's README.md, between two lines '---'");
        }
    }
    json_array_foreach(ok ? index : NULL, i, model) {
        json_array_foreach(json_object_get(model, "results"), k, entry) {
            char place[80];
            snprintf(place, sizeof place, "model-index[%zu].results[%zu]", i, k);
            ok = ok && add_index_result(
                           file, json_get_string(model, "name", ""), entry, place, results, err);
        }
    }
    json_decref(card);
    return ok;
}

/* ---- .eval_results ---- */

static bool add_entry(const struct foreign_file *file, json_t *entry, const char *place,
    json_t *results, struct err *err) {
    const json_t *dataset = json_object_get(entry, "dataset");
    const char *id = json_get_string(dataset, "id", NULL),
               *config = json_get_string(dataset, "config", NULL), /* of an older revision */
                   *task = json_get_string(dataset, "task_id", config);
    json_t *value = number_of(json_object_get(entry, "value"));
    if (!id || !task || !value) {
        json_decref(value);
        return refuse(err, file, place,
            id && task ? "'value' is no number" : "'dataset' needs 'id' and 'task_id'");
    }
    json_t *metrics = json_object();
    foreign_metric(metrics, "value", value, NULL);
    json_decref(value);
    json_t *result =
        json_pack("{s:s, s:s, s:s, s:i, s:i, s:s, s:s, s:o, s:{s:s, s:s*, s:s*, s:s*}, s:{s:O}}",
            "task", task, "main", "value", "kind", "reported", "version", 0, "n", 0, "profile",
            "eval-results", "harness_build", "eval-results", "metrics", metrics, "data", "repo", id,
            "config", task, "split", json_get_string(dataset, "split", NULL), "revision",
            json_get_string(dataset, "revision", NULL), "imported", "entry", entry);
    return foreign_add(results, result, file, FOREIGN_EVAL_RESULTS, place, err);
}

bool foreign_parse_eval_results(const struct foreign_file *file, json_t *results, struct err *err) {
    json_t *list = yaml_values(file->text, file->n, err), *entry;
    size_t i;
    bool ok = list != NULL || err_wrap(err, "'%s'", file->path);
    if (ok && !json_is_array(list)) {
        err_set(err, ERR_INPUT, "'%s' is no list of results", file->path);
        ok = err_hint(err, "each begins '- dataset:' with 'id' and 'task_id', and has a 'value'");
    }
    json_array_foreach(ok ? list : NULL, i, entry) {
        char place[40];
        snprintf(place, sizeof place, "[%zu]", i);
        ok = ok && add_entry(file, entry, place, results, err);
    }
    json_decref(list);
    return ok;
}
