/* lm-evaluation-harness's results_<time>.json, of 0.4 and before: numbers are "metric,filter", or
 * "metric"; "<metric>_stderr" beside them. A group's scores stand among the tasks', without a
 * configuration, and stay with what all tasks have in common. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/foreign/foreign.h"

/* What a document has of each task, by the task's name. */
static const char *const BY_TASK[] = { "results", "configs", "versions", "n-shot",
    "higher_is_better", "n-samples", "task_hashes" };
enum { N_BY_TASK = sizeof BY_TASK / sizeof *BY_TASK };

struct doc {
    const struct foreign_file *file;
    const json_t *all, *config; /* of the run */
    json_t *common;
};

static bool is_task(const struct doc *d, const char *name) {
    const json_t *configs = json_object_get(d->all, "configs");
    return configs ? json_object_get(configs, name) != NULL
                   : !json_object_get(json_object_get(d->all, "groups"), name);
}

/* ---- numbers ---- */

/* "acc,none" is ours as "acc", "exact_match,strict" keeps its filter. */
static char *own_name(const char *key) {
    size_t n = strcspn(key, ",");
    return xstrndup(key, key[n] && strcmp(key + n, ",none") ? strlen(key) : n);
}

static bool is_error(const char *key) {
    static const char SUFFIX[] = "_stderr";
    size_t n = strcspn(key, ",");
    return n > strlen(SUFFIX) && !strncmp(key + n - strlen(SUFFIX), SUFFIX, strlen(SUFFIX));
}

static const json_t *error_of(const json_t *numbers, const char *key) {
    int n = (int)strcspn(key, ",");
    struct strbuf name = { 0 };
    strbuf_addf(&name, "%.*s_stderr%s", n, key, key + n);
    const json_t *error = json_object_get(numbers, strbuf_str(&name));
    strbuf_release(&name);
    return error;
}

/* The peer names no main metric: acc_norm where the task has it, else the first. */
static json_t *metrics_of(const json_t *numbers, const char **main) {
    json_t *metrics = json_object(), *value;
    const char *key, *first = NULL;
    json_object_foreach((json_t *)(uintptr_t)numbers, key, value) {
        if (json_is_number(value) && !is_error(key) && strcmp(key, "sample_len")) {
            char *name = own_name(key);
            foreign_metric(metrics, name, value, error_of(numbers, key));
            free(name);
        }
    }
    json_object_foreach(metrics, key, value) first = first ? first : key;
    *main = json_object_get(metrics, "acc_norm") ? "acc_norm" : first;
    return metrics;
}

/* ---- what was asked ---- */

static const char *kind_of(const json_t *config) {
    const char *type = json_get_string(config, "output_type", "imported");
    return !strcmp(type, "multiple_choice")  ? "choice"
           : !strcmp(type, "generate_until") ? "generate"
           : strlen(type) > 40 || !*type     ? "imported"
                                             : type;
}

/* model_args was a string, "pretrained=org/name,revision=main", in older versions. The caller
 * frees. */
static char *model_arg(const struct doc *d, const char *key) {
    const json_t *args = json_object_get(d->config, "model_args");
    const char *text = json_string_value(args), *value = json_get_string(args, key, NULL);
    size_t n = strlen(key);
    while (text && *text) {
        size_t len = strcspn(text, ",");
        if (len > n && !strncmp(text, key, n) && text[n] == '=') {
            return xstrndup(text + n + 1, len - n - 1);
        }
        text += len + (text[len] == ',');
    }
    return value ? xstrdup(value) : NULL;
}

static void set_text(json_t *o, const char *key, const char *text) {
    if (text && *text) {
        json_object_set_new(o, key, json_string(text));
    }
}

static void add_model(json_t *result, const struct doc *d) {
    char *named = model_arg(d, "pretrained"), *revision = model_arg(d, "revision");
    const char *sha = json_get_string(d->config, "model_sha", NULL);
    set_text(result, "model", json_get_string(d->all, "model_name", named));
    set_text(result, "revision", foreign_is_commit(sha) ? sha : revision);
    free(named);
    free(revision);
}

static const char *dtype_of(const char *theirs) {
    static const char *const NAMES[][2] = { { "torch.bfloat16", "bf16" },
        { "torch.float16", "f16" }, { "torch.float32", "f32" } };
    for (size_t i = 0; theirs && i < sizeof NAMES / sizeof *NAMES; i++) {
        if (!strcmp(NAMES[i][0], theirs)) {
            return NAMES[i][1];
        }
    }
    return theirs && strlen(theirs) <= 40 ? theirs : "";
}

static long long integer_of(const json_t *v, long long otherwise) {
    double x = json_is_number(v)   ? json_number_value(v)
               : json_is_string(v) ? strtod(json_string_value(v), NULL)
                                   : NAN;
    return x >= 0 && x < 1e9 ? (long long)x : otherwise; /* not a number is neither */
}

static long long count_of(const struct doc *d, const char *task, const json_t *numbers) {
    const json_t *counts = json_object_get(json_object_get(d->all, "n-samples"), task);
    return integer_of(json_object_get(counts, "effective"),
        integer_of(json_object_get(numbers, "sample_len"), 0));
}

static void add_config(json_t *result, const struct doc *d, const char *task) {
    const json_t *config = json_object_get(json_object_get(d->all, "configs"), task);
    const json_t *limit = json_object_get(d->config, "limit"),
                 *shots = json_object_get(json_object_get(d->all, "n-shot"), task);
    const char *version = json_get_string(d->all, "lm_eval_version", "unknown");
    long long n = json_get_int(result, "n", 0);
    json_object_set_new(result, "kind", json_string(kind_of(config)));
    json_object_set_new(result, "version",
        json_integer(integer_of(json_object_get(json_object_get(d->all, "versions"), task), 0)));
    json_object_set_new(result, "shots",
        json_integer(integer_of(shots, integer_of(json_object_get(config, "num_fewshot"), 0))));
    if (json_is_number(limit) && json_number_value(limit) > 0) { /* a part of 1: of the documents */
        json_object_set_new(
            result, "limit", json_integer(json_number_value(limit) < 1 ? n : integer_of(limit, n)));
    }
    json_object_set_new(
        result, "seed", json_integer(integer_of(json_object_get(d->config, "fewshot_seed"), 1234)));
    json_object_set_new(result, "profile", json_sprintf("lm-eval/%.30s", version));
    json_object_set_new(result, "harness_build", json_sprintf("lm-eval %.100s", version));
    json_object_set_new(
        result, "dtype", json_string(dtype_of(json_get_string(d->config, "model_dtype", NULL))));
    set_text(result, "device", json_get_string(d->config, "device", NULL));
    if (*json_get_string(d->all, "chat_template", "")) {
        json_object_set_new(result, "template",
            json_string(json_get_bool(d->all, "fewshot_as_multiturn", false) ? "turns" : "chat"));
    }
    json_object_set_new(result, "data",
        json_pack("{s:s*, s:s*, s:s*, s:s*}", "repo", json_get_string(config, "dataset_path", NULL),
            "config", json_get_string(config, "dataset_name", NULL), "split",
            json_get_string(
                config, "test_split", json_get_string(config, "validation_split", NULL)),
            "revision",
            json_get_string(json_object_get(config, "dataset_kwargs"), "revision", NULL)));
}

/* Whether more of the main metric is better. */
static void add_direction(json_t *result, const struct doc *d, const char *task) {
    const json_t *theirs = json_object_get(json_object_get(d->all, "higher_is_better"), task);
    const char *main = json_get_string(result, "main", "");
    char *plain = xstrndup(main, strcspn(main, ","));
    const json_t *higher = json_object_get(theirs, plain);
    if (json_is_boolean(higher)) {
        json_object_set(result, "higher_is_better", (json_t *)(uintptr_t)higher);
    }
    free(plain);
}

/* ---- parts ---- */

static json_t *task_parts(const struct doc *d, const char *task) {
    json_t *parts = json_object();
    for (unsigned i = 0; i < N_BY_TASK; i++) {
        json_t *part = json_object_get(json_object_get(d->all, BY_TASK[i]), task);
        if (part) {
            json_object_set(parts, BY_TASK[i], part);
        }
    }
    return parts;
}

static bool is_by_task(const char *key) {
    unsigned i = 0;
    while (i < N_BY_TASK && strcmp(BY_TASK[i], key) != 0) {
        i++;
    }
    return i < N_BY_TASK;
}

/* All that isn't one task's: of the lists by task what groups have. */
static json_t *common_of(const struct doc *d) {
    json_t *common = json_object(), *value, *entry;
    const char *key, *name;
    json_object_foreach((json_t *)(uintptr_t)d->all, key, value) {
        if (!is_by_task(key) || !json_is_object(value)) {
            json_object_set(common, key, value);
            continue;
        }
        json_t *left = json_object();
        json_object_foreach(value, name, entry) {
            if (!is_task(d, name) || !json_object_get(json_object_get(d->all, "results"), name)) {
                json_object_set(left, name, entry);
            }
        }
        json_object_set_new(common, key, left);
    }
    return common;
}

static bool add_task(const struct doc *d, const char *task, const json_t *numbers, json_t *results,
    struct err *err) {
    const char *main;
    json_t *metrics = metrics_of(numbers, &main);
    char place[300];
    snprintf(place, sizeof place, "results.%.200s", task);
    if (!main) {
        json_decref(metrics);
        return err_set(
            err, ERR_INPUT, "'%s': %s: none of its numbers is finite", d->file->path, place);
    }
    json_t *result = json_pack("{s:s, s:s, s:o, s:I, s:{s:o, s:O}}", "task", task, "main", main,
        "metrics", metrics, "n", (json_int_t)count_of(d, task, numbers), "imported", "task",
        task_parts(d, task), "common", d->common);
    if (!result) { /* a name that is not text */
        return err_set(err, ERR_INPUT, "'%s': %s: no task's name", d->file->path, place);
    }
    add_model(result, d);
    add_config(result, d, task);
    add_direction(result, d, task);
    return foreign_add(results, result, d->file, FOREIGN_LM_EVAL, place, err);
}

bool foreign_parse_lmeval(const struct foreign_file *file, json_t *results, struct err *err) {
    json_t *all = foreign_python_json(file->text, file->n, file->path, err), *numbers;
    const json_t *list = json_object_get(all, "results");
    const char *task;
    bool ok = all != NULL;
    if (ok && !json_is_object(list)) {
        err_set(err, ERR_INPUT, "'%s': 'results' is no object of tasks", file->path);
        ok = err_hint(err, "lm-evaluation-harness calls its files of results results_<time>.json");
    }
    struct doc d = { .file = file, .all = all, .config = json_object_get(all, "config") };
    d.common = ok ? common_of(&d) : NULL;
    json_object_foreach((json_t *)(uintptr_t)(ok ? list : NULL), task, numbers) {
        ok = ok && (!is_task(&d, task) || add_task(&d, task, numbers, results, err));
    }
    json_decref(d.common);
    json_decref(all);
    return ok;
}

bool foreign_sample_check(
    const char *line, size_t n, const char *path, size_t number, struct err *err) {
    json_t *sample = foreign_python_json(line, n, path, err);
    bool ok = sample && json_is_integer(json_object_get(sample, "doc_id")) &&
              json_is_array(json_object_get(sample, "metrics"));
    if (sample && !ok) {
        err_set(err, ERR_INPUT, "'%s' line %zu: no sample: 'doc_id' or 'metrics' is missing", path,
            number);
        err_hint(err, "lm_eval --log_samples writes such files; --no-samples leaves them out");
    }
    json_decref(sample);
    return ok;
}
