/* Sides that are files: folders of `assay eval --out` and of lm-evaluation-harness, and single
 * results or samples. Assay's own record says more than the peer's, so where a folder has both, as
 * ours have, the record is what counts. */
#include <dirent.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "evaluator/compare/side.h"
#include "evaluator/eval/eval.h"

#define RESULT_MAX ((size_t)256 << 20)

/* ---- names ---- */

struct names {
    char **items;
    size_t n, capacity;
};

static int newest_first(const void *a, const void *b) {
    return strcmp(*(char *const *)b, *(char *const *)a);
}

static bool list_folder(const char *dir, struct names *names, struct err *err) {
    DIR *d = opendir(dir);
    if (!d) {
        return err_errno(err, ERR_INPUT, "could not read '%s'", dir);
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.') {
            mem_grow(&names->items, &names->capacity, names->n + 1, sizeof *names->items);
            names->items[names->n++] = xstrdup(e->d_name);
        }
    }
    closedir(d);
    if (names->n) {
        qsort(names->items, names->n, sizeof *names->items, newest_first);
    }
    return true;
}

static void names_release(struct names *names) {
    for (size_t i = 0; i < names->n; i++) {
        free(names->items[i]);
    }
    free(names->items);
}

static bool is_peers(const char *name) {
    return str_begins(name, "results_") && str_ends(name, ".json");
}

/* The path if there is such a file; else NULL, and it is freed. */
static char *if_there(char *path) {
    if (path && !file_exists(path)) {
        free(path);
        path = NULL;
    }
    return path;
}

/* ---- Assay's own ---- */

static json_t *own_facts(const json_t *result, const struct compare_options *o) {
    static const char *const SAME[] = { "model", "revision", "task", "version", "task_sha256",
        "data_sha256", "profile", "add_bos", "shots", "limit", "seed", "kind", "dtype", "n",
        "scores", "samples_sha256", "declared_subsets", NULL };
    const char *main = json_get_string(result, "main", ""), *metric = o->metric ? o->metric : main;
    const json_t *m = json_object_get(json_object_get(result, "metrics"), metric);
    json_t *facts = json_pack("{s:s, s:b}", "metric", metric, "higher_is_better",
        metric_rule_of(metric, main, result).higher);
    copy_facts(facts, result, SAME);
    copy_facts(facts, m, (const char *const[]) { "value", "stderr", NULL });
    return facts;
}

/* assay_<task>_<time>.json, with assay_samples_<task>_<time>.jsonl beside it. */
static bool add_record(
    struct side *s, const char *path, const struct compare_options *o, struct err *err) {
    json_t *doc = json_parse_file(path, RESULT_MAX, err), *result;
    size_t i;
    bool ok = doc != NULL;
    if (ok && strcmp(json_get_string(doc, "schema", ""), "assay.eval/1")) {
        ok = err_set(err, ERR_SCHEMA, "'%s' is no result of assay eval", path);
    }
    json_array_foreach(json_object_get(ok ? doc : NULL, "results"), i, result) {
        side_add(s, own_facts(result, o), if_there(samples_of_record(path)), 0);
    }
    json_decref(doc);
    return ok;
}

/* ---- lm-evaluation-harness's ---- */

/* Of a task's numbers, "acc,none": 0.4, the one that is called so under the first of its filters.
 */
static const json_t *peers_value(const json_t *numbers, const char *metric, const char *filter) {
    size_t n = strlen(metric);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)numbers, key, value) {
        bool own = !strncmp(key, metric, n) && key[n] == ',';
        if (own && (!filter || !strcmp(key + n + 1, filter)) && json_is_number(value)) {
            return value;
        }
    }
    return NULL;
}

/* Which of the filters that is; NULL: there is no such number. */
static const char *peers_filter(const json_t *numbers, const char *metric, const char *filter) {
    size_t n = strlen(metric);
    const json_t *chosen = peers_value(numbers, metric, filter);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)numbers, key, value) {
        if (value == chosen && !strncmp(key, metric, n) && key[n] == ',') {
            return key + n + 1;
        }
    }
    return NULL;
}

/* acc_norm where the task has it, else the first: the peer names no main metric. */
static const char *peers_choice(const char *so_far, const char *name) {
    bool better = name && (!so_far || !strcmp(name, "acc_norm"));
    return better ? name : so_far;
}

static const char *peers_metric(const json_t *config, const json_t *numbers) {
    const json_t *list = json_object_get(config, "metric_list"), *m;
    const char *chosen = NULL;
    size_t i;
    json_array_foreach(list, i, m) {
        const char *name = json_get_string(m, "metric", "");
        chosen = peers_value(numbers, name, NULL) ? peers_choice(chosen, name) : chosen;
    }
    return chosen;
}

/* The same of a line's list of names, or of Assay's numbers by name. */
static const char *metric_of_line(const json_t *line) {
    const json_t *metrics = json_object_get(line, "metrics"), *item;
    const char *chosen = NULL, *name;
    size_t i;
    json_array_foreach(metrics, i, item) chosen = peers_choice(chosen, json_string_value(item));
    json_object_foreach((json_t *)(uintptr_t)metrics, name, item) {
        chosen = peers_choice(chosen, name);
    }
    return chosen;
}

static json_t *peers_facts(
    const json_t *doc, const char *task, const json_t *numbers, const struct compare_options *o) {
    const json_t *config = json_object_get(json_object_get(doc, "configs"), task),
                 *run = json_object_get(doc, "config");
    const char *metric = o->metric ? o->metric : peers_metric(config, numbers);
    const json_t *better = json_object_get(json_object_get(doc, "higher_is_better"), task);
    if (!metric) {
        return NULL;
    }
    const json_t *counts = json_object_get(json_object_get(doc, "n-samples"), task);
    json_t *facts = json_pack("{s:s, s:s, s:s*, s:s*, s:O*, s:O*, s:O*, s:O*, s:O*, s:b}", "task",
        task, "metric", metric, "model", json_get_string(doc, "model_name", NULL), "revision",
        json_get_string(run, "model_sha", NULL), "version",
        json_object_get(json_object_get(doc, "versions"), task), "shots",
        json_object_get(json_object_get(doc, "n-shot"), task), "seed",
        json_object_get(run, "fewshot_seed"), "n", json_object_get(counts, "effective"), "value",
        peers_value(numbers, metric, o->filter), "higher_is_better",
        json_get_bool(better, metric, metric_rule(metric).higher));
    copy_facts(facts, run, (const char *const[]) { "limit", NULL });
    const char *filter = peers_filter(numbers, metric, o->filter);
    if (filter) {
        json_object_set_new(facts, "filter", json_string(filter));
    }
    return facts;
}

/* results_<time>.json, with samples_<task>_<time>.jsonl for each task beside it. */
static bool add_peers(
    struct side *s, const char *path, const struct compare_options *o, struct err *err) {
    json_t *doc = json_parse_file(path, RESULT_MAX, err), *numbers;
    const char *task, *name = path_base(path), *time = name + strlen("results_");
    json_object_foreach(json_object_get(doc, "results"), task, numbers) {
        json_t *facts = peers_facts(doc, task, numbers, o);
        struct strbuf samples = { 0 };
        strbuf_addf(&samples, "%.*ssamples_%s_%.*s.jsonl", (int)(name - path), path, task,
            (int)(strlen(time) - strlen(".json")), time);
        if (facts) {
            side_add(s, facts, if_there(strbuf_take(&samples)), 0);
        }
        strbuf_release(&samples);
    }
    bool ok = doc != NULL;
    json_decref(doc);
    return ok;
}

/* ---- folders ---- */

typedef bool add_fn(
    struct side *s, const char *path, const struct compare_options *o, struct err *err);

static bool add_named(struct side *s, const char *dir, const struct names *names,
    bool (*is_one)(const char *), add_fn *add, const struct compare_options *o, struct err *err) {
    bool ok = true;
    for (size_t i = 0; ok && i < names->n; i++) {
        char *path = is_one(names->items[i]) ? path_join(dir, names->items[i]) : NULL;
        ok = !path || add(s, path, o, err);
        free(path);
    }
    return ok;
}

static bool add_folder(struct side *s, const char *dir, const struct names *names,
    const struct compare_options *o, struct err *err) {
    size_t before = s->n;
    return add_named(s, dir, names, is_record_name, add_record, o, err) &&
           (s->n > before || add_named(s, dir, names, is_peers, add_peers, o, err));
}

/* Of a folder that holds models' folders there must be one. */
static bool add_only_model(struct side *s, const char *dir, const struct names *names,
    const struct compare_options *o, struct err *err) {
    struct strbuf found = { 0 };
    size_t n_found = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < names->n; i++) {
        char *path = path_join(dir, names->items[i]);
        struct names inner = { 0 };
        size_t before = s->n;
        if (dir_exists(path)) {
            ok = list_folder(path, &inner, err) && add_folder(s, path, &inner, o, err);
        }
        if (s->n > before) {
            strbuf_addf(&found, "%s%s", n_found++ ? ", " : "", names->items[i]);
        }
        names_release(&inner);
        free(path);
    }
    if (ok && n_found > 1) {
        ok = err_set(err, ERR_USAGE, "'%s' has results of several models", dir);
        err_hint(err, "name one of its folders: %.180s", strbuf_str(&found));
    }
    strbuf_release(&found);
    return ok;
}

/* ---- single files ---- */

/* What a samples file says of itself: its name has the task, its first line the metrics. */
static json_t *facts_of_lines(
    const char *path, const char *text, size_t n, const struct compare_options *o) {
    const char *name = path_base(path), *end = memchr(text, '\n', n);
    struct err ignored = ERR_INIT;
    json_t *line = json_parse(text, end ? (size_t)(end - text) : n, name, &ignored);
    const char *metric = o->metric ? o->metric : metric_of_line(line);
    name += str_begins(name, "assay_") ? strlen("assay_") : 0;
    name += str_begins(name, "samples_") ? strlen("samples_") : 0;
    const char *time = strrchr(name, '_');
    size_t task_n = time && strchr(time, 'T') ? (size_t)(time - name) : strcspn(name, ".");
    json_t *facts = metric ? json_pack("{s:s, s:o}", "metric", metric, "task",
                                 json_sprintf("%.*s", (int)task_n, name))
                           : NULL;
    json_decref(line);
    return facts;
}

static bool add_lines(
    struct side *s, const char *path, const struct compare_options *o, struct err *err) {
    struct strbuf text = { 0 };
    bool ok = file_read(path, (size_t)1 << 30, &text, err);
    json_t *facts = ok ? facts_of_lines(path, strbuf_str(&text), text.len, o) : NULL;
    if (facts) {
        side_add(s, facts, xstrdup(path), 0);
    } else if (ok) {
        ok = err_set(err, ERR_INPUT, "'%s' has no samples with metrics", path);
    }
    strbuf_release(&text);
    return ok;
}

static bool add_file(
    struct side *s, const char *path, const struct compare_options *o, struct err *err) {
    char *record = if_there(record_of_samples(path));
    bool ok = record                      ? add_record(s, record, o, err)
              : str_ends(path, ".jsonl")  ? add_lines(s, path, o, err)
              : is_peers(path_base(path)) ? add_peers(s, path, o, err)
                                          : add_record(s, path, o, err);
    free(record);
    return ok;
}

/* ---- one model ---- */

/* The newest is not taken for what was asked for: it may be another's. */
static bool check_one_model(const struct side *s, const char *path, struct err *err) {
    for (size_t i = 1; i < s->n; i++) {
        const json_t *a = s->items[0].facts, *b = s->items[i].facts;
        if (!results_same_model(a, b)) {
            err_set(err, ERR_USAGE,
                "'%.150s' has results of several models: %.100s %.12s, %.100s %.12s", path,
                json_get_string(a, "model", ""), json_get_string(a, "revision", ""),
                json_get_string(b, "model", ""), json_get_string(b, "revision", ""));
            return err_hint(err, "name one of its records, assay_<task>_<time>.json");
        }
    }
    return true;
}

bool side_from_files(
    struct side *s, const char *path, const struct compare_options *o, struct err *err) {
    struct names names = { 0 };
    bool ok = file_exists(path) || dir_exists(path) ||
              err_set(err, ERR_NOT_FOUND, "there is no file or folder '%s'", path);
    if (ok && dir_exists(path)) {
        ok = list_folder(path, &names, err) && add_folder(s, path, &names, o, err) &&
             (s->n || add_only_model(s, path, &names, o, err));
    } else if (ok) {
        ok = add_file(s, path, o, err);
    }
    names_release(&names);
    ok = ok && check_one_model(s, path, err);
    if (ok && s->n == 0) {
        ok = err_set(err, ERR_NOT_FOUND, "there are no results in '%s'", path);
        err_hint(err, "assay eval --out DIR writes them");
    }
    return ok;
}
