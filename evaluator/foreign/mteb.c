/* MTEB's file of one task: {"task_name", "scores": {split: [{metric: number, "main_score",
 * "hf_subset", "languages"}]}}; of before 1.11 {"mteb_dataset_name", split: {metric: number or
 * {metric: number}}}. The task's score is the mean over the subsets of a split, then over splits.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/foreign/foreign.h"

static const char MAIN[] = "main_score";

struct scores {
    const struct foreign_file *file;
    json_t *result;
    size_t n_splits;
    double sum; /* of the splits' means */
};

static bool refuse(
    struct err *err, const struct foreign_file *file, const char *place, const char *what) {
    return err_set(err, ERR_INPUT, "'%s': %s: %s", file->path, place, what);
}

static json_t *numbers_of(const json_t *entry) {
    json_t *metrics = json_object(), *value;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)entry, key, value) {
        foreign_metric(metrics, key, value, NULL);
    }
    return metrics;
}

/* "default" of one split is the task itself; else "subset", or "split/subset" where there are
 * several splits. */
static bool add_part(struct scores *s, const char *split, const json_t *entry, double *sum,
    const char *place, struct err *err) {
    const char *subset = json_get_string(entry, "hf_subset", NULL);
    json_t *metrics = numbers_of(entry), *main = json_object_get(metrics, MAIN);
    if (!main || !subset) {
        json_decref(metrics);
        return refuse(err, s->file, place,
            main ? "'hf_subset' is missing" : "'main_score' is not a finite number");
    }
    struct strbuf name = { 0 };
    strbuf_addf(&name, s->n_splits > 1 ? "%s/%s" : "%.0s%s", split, subset);
    json_t *subsets = json_object_get(s->result, "subsets");
    bool fits = name.len <= 200 && !json_object_get(subsets, strbuf_str(&name));
    if (fits) {
        *sum += json_get_number(main, "value", 0);
        json_object_set_new(subsets, strbuf_str(&name), json_pack("{s:O}", "metrics", metrics));
    }
    strbuf_release(&name);
    json_decref(metrics);
    return fits || refuse(err, s->file, place, "the subset's name is too long, or there twice");
}

static bool add_split(struct scores *s, const char *split, const json_t *list, struct err *err) {
    double sum = 0;
    size_t n = json_array_size(list);
    char place[200];
    for (size_t i = 0; i < n; i++) {
        snprintf(place, sizeof place, "scores.%.120s[%zu]", split, i);
        if (!add_part(s, split, json_array_get(list, i), &sum, place, err)) {
            return false;
        }
    }
    snprintf(place, sizeof place, "scores.%.120s", split);
    if (n == 0) {
        return refuse(err, s->file, place, "no list of scores");
    }
    s->sum += sum / (double)n;
    return true;
}

/* One part is the task: its numbers have no subset then. */
static void settle(struct scores *s) {
    json_t *subsets = json_object_get(s->result, "subsets"), *part, *metrics = NULL;
    const char *name;
    json_object_foreach(subsets, name, part) {
        if (json_object_size(subsets) == 1 && !strcmp(name, "default")) {
            metrics = json_incref(json_object_get(part, "metrics"));
        }
    }
    if (metrics) {
        json_object_del(s->result, "subsets");
    } else {
        json_t *mean = json_real(s->sum / (double)s->n_splits);
        metrics = json_object();
        foreign_metric(metrics, MAIN, mean, NULL);
        json_decref(mean);
    }
    json_object_set_new(s->result, "metrics", metrics);
}

/* ---- before 1.11 ---- */

/* {"cos_sim": {"spearman": x}} as "cosine_spearman": what became of it. */
static void flatten(json_t *flat, const char *key, const json_t *value) {
    static const char *const NOW[][2] = { { "cos_sim", "cosine" } };
    const char *inner, *as = !strcmp(key, NOW[0][0]) ? NOW[0][1] : key;
    json_t *number;
    if (!json_is_object(value)) {
        json_object_set(flat, key, (json_t *)(uintptr_t)value);
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)value, inner, number) {
        struct strbuf name = { 0 };
        strbuf_addf(&name, "%s_%s", as, inner);
        json_object_set(flat, strbuf_str(&name), number);
        strbuf_release(&name);
    }
}

/* What these files called no main score: the first of those that were. */
static const json_t *old_main(const json_t *flat) {
    static const char *const NAMES[] = { "cosine_spearman", "cosine_ap", "ndcg_at_10", "map",
        "v_measure", "accuracy", "f1" };
    const json_t *main = json_object_get(flat, MAIN);
    for (size_t i = 0; !main && i < sizeof NAMES / sizeof *NAMES; i++) {
        main = json_object_get(flat, NAMES[i]);
    }
    return main;
}

static bool is_subsets(const json_t *split) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)split, key, value) {
        if (json_is_object(value) &&
            (json_object_get(value, MAIN) || json_is_object(json_object_get(value, "cos_sim")) ||
                json_object_get(value, "accuracy") || json_object_get(value, "ndcg_at_10"))) {
            return true;
        }
    }
    return false;
}

static json_t *old_entry(const char *subset, const json_t *numbers) {
    json_t *flat = json_object(), *value;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)numbers, key, value) flatten(flat, key, value);
    const json_t *main = old_main(flat);
    if (main) {
        json_object_set(flat, MAIN, (json_t *)(uintptr_t)main);
    }
    json_object_set_new(flat, "hf_subset", json_string(subset));
    return flat;
}

/* The scores of an old file in the shape of today's. */
static json_t *old_scores(const json_t *doc) {
    json_t *scores = json_object(), *split, *numbers;
    const char *name, *subset;
    json_object_foreach((json_t *)(uintptr_t)doc, name, split) {
        if (!json_is_object(split)) {
            continue;
        }
        json_t *list = json_array();
        if (is_subsets(split)) {
            json_object_foreach(split, subset, numbers) {
                if (json_is_object(numbers)) {
                    json_array_append_new(list, old_entry(subset, numbers));
                }
            }
        } else {
            json_array_append_new(list, old_entry("default", split));
        }
        json_object_set_new(scores, name, list);
    }
    return scores;
}

/* ---- the file ---- */

static const char *model_of(const struct foreign_file *file) {
    const char *name = json_get_string(file->meta, "name", NULL);
    return name ? name : file->folder_model ? file->folder_model : "";
}

static const char *revision_of(const struct foreign_file *file) {
    const char *revision = json_get_string(file->meta, "revision", NULL);
    return revision ? revision : file->folder_revision;
}

static json_t *begin(const struct foreign_file *file, json_t *doc, const char *task) {
    const char *version = json_get_string(doc, "mteb_version", NULL);
    json_t *result = json_pack("{s:s, s:s, s:s, s:s, s:s*, s:i, s:i, s:f, s:{s:s*}, s:{s:O, s:O*}}",
        "task", task, "main", MAIN, "kind", "embedding", "model", model_of(file), "revision",
        revision_of(file), "version", 0, "n", 0, "seconds",
        json_get_number(doc, "evaluation_time", 0), "data", "revision",
        json_get_string(doc, "dataset_revision", NULL), "imported", "document", doc, "meta",
        file->meta);
    json_object_set_new(result, "subsets", json_object());
    json_object_set_new(
        result, "profile", json_sprintf("mteb/%.30s", version ? version : "unknown"));
    json_object_set_new(
        result, "harness_build", json_sprintf("mteb %.100s", version ? version : "unknown"));
    return result;
}

bool foreign_parse_mteb(const struct foreign_file *file, json_t *results, struct err *err) {
    json_t *doc = foreign_python_json(file->text, file->n, file->path, err), *list;
    const char *old = json_get_string(doc, "mteb_dataset_name", NULL), *split,
               *task = json_get_string(doc, "task_name", old);
    json_t *scores = old ? old_scores(doc) : json_incref(json_object_get(doc, "scores"));
    bool ok = doc != NULL;
    if (ok && (!task || json_object_size(scores) == 0)) {
        err_set(err, ERR_INPUT, "'%s': no 'task_name' with 'scores' by split", file->path);
        ok = err_hint(err, "mteb writes results/<org>__<name>/<revision>/<Task>.json");
    }
    struct scores s = { .file = file, .n_splits = json_object_size(scores) };
    s.result = ok ? begin(file, doc, task) : NULL;
    json_object_foreach(ok ? scores : NULL, split, list) {
        ok = ok && add_split(&s, split, list, err);
    }
    if (ok) {
        settle(&s);
        ok = foreign_add(results, s.result, file, FOREIGN_MTEB, "scores", err);
    } else {
        json_decref(s.result);
    }
    json_decref(scores);
    json_decref(doc);
    return ok;
}
