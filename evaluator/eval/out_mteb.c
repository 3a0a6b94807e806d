/* MTEB's file of one task: <org>__<name>/<revision>/<Task>.json, two levels of lists by split and
 * subset, numbers rounded to six places, or five where pytrec_eval's measures are averaged. */
#include <math.h>
#include <string.h>

#include "evaluator/eval/write.h"

static bool is_trec(const char *name) {
    static const char *const NAMES[] = { "ndcg_at_", "map_at_", "recall_at_", "precision_at_",
        "hit_rate_at_" };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (strstr(name, NAMES[i]) && !strstr(name, "nauc_")) {
            return true;
        }
    }
    return false;
}

static double rounded(const char *name, double v) {
    double places = is_trec(name) ? 1e5 : 1e6;
    return nearbyint(v * places) / places;
}

static void write_value(
    struct json_writer *j, const char *as, const char *name, const json_t *metric) {
    jw_kv_double(j, as, rounded(name, json_get_number(metric, "value", 0)));
}

/* The metrics whose names begin so, without that; of one run of instructions. */
static void write_run(
    struct json_writer *j, const json_t *metrics, const char *prefix, const char *key) {
    size_t n = strlen(prefix), written = 0;
    const char *name;
    json_t *m;
    json_object_foreach((json_t *)(uintptr_t)metrics, name, m) {
        if (!strncmp(name, prefix, n)) {
            if (written++ == 0) {
                jw_key(j, key);
                jw_object(j);
            }
            write_value(j, name + n, name, m);
        }
    }
    if (written) {
        jw_end_object(j);
    }
}

static bool is_of_a_run(const char *name) {
    return !strncmp(name, "og_", 3) || !strncmp(name, "changed_", 8);
}

/* The scores of clusterings: of sets a list, of draws by level of labels. */
static void write_clusterings(struct json_writer *j, const json_t *clusterings) {
    jw_key(j, "v_measures");
    if (!json_is_array(json_array_get(clusterings, 0))) {
        jw_json(j, clusterings);
        return;
    }
    jw_object(j);
    for (size_t i = 0; i < json_array_size(clusterings); i++) {
        char level[32];
        snprintf(level, sizeof level, "Level %zu", i);
        jw_key(j, level);
        jw_json(j, json_array_get(clusterings, i));
    }
    jw_end_object(j);
}

/* What each experiment scored: of a classification {metric: number} one by one. */
static void write_experiments(struct json_writer *j, const json_t *experiments) {
    const json_t *clusterings = json_object_get(experiments, "v_measure");
    const json_t *first = json_object_get(experiments, "accuracy");
    const char *name;
    json_t *list;
    if (clusterings) {
        write_clusterings(j, clusterings);
    }
    if (first) {
        jw_key(j, "scores_per_experiment");
        jw_array(j);
        for (size_t i = 0; i < json_array_size(first); i++) {
            jw_object(j);
            json_object_foreach((json_t *)(uintptr_t)experiments, name, list) {
                jw_kv_double(j, name, rounded(name, json_number_value(json_array_get(list, i))));
            }
            jw_end_object(j);
        }
        jw_end_array(j);
    }
}

static void write_scores(
    struct json_writer *j, const json_t *result, const json_t *part, const char *subset) {
    const json_t *metrics = json_object_get(part, "metrics");
    const char *name, *main = json_get_string(result, "main", "");
    json_t *m;
    jw_object(j);
    write_experiments(j, json_object_get(part, "experiments"));
    json_object_foreach((json_t *)(uintptr_t)metrics, name, m) {
        if (!is_of_a_run(name)) {
            write_value(j, strcmp(name, "p_mrr") ? name : "p-MRR", name, m);
        }
    }
    write_run(j, metrics, "og_", "og");
    write_run(j, metrics, "changed_", "changed");
    write_value(j, "main_score", main, json_object_get(metrics, main));
    jw_kv_string(j, "hf_subset", subset);
    jw_key(j, "languages");
    if (json_is_array(json_object_get(result, "languages"))) {
        jw_json(j, json_object_get(result, "languages"));
    } else { /* a list is asked for, of none if need be */
        jw_array(j);
        jw_end_array(j);
    }
    jw_end_object(j);
}

/* A task that is scored on several splits has them in the names of its subsets: "split/subset". */
static const char *split_of(const char *name, size_t *n) {
    const char *slash = strchr(name, '/');
    *n = slash ? (size_t)(slash - name) : 0;
    return slash ? slash + 1 : name;
}

static void begin_split(struct json_writer *j, const char *name, size_t n, bool first) {
    char split[128];
    snprintf(split, sizeof split, "%.*s", (int)n, name);
    if (!first) {
        jw_end_array(j);
    }
    jw_key(j, split);
    jw_array(j);
}

static void write_splits(struct json_writer *j, const json_t *result) {
    const json_t *subsets = json_object_get(result, "subsets");
    const char *own = json_get_string(json_object_get(result, "data"), "split", "test");
    const char *name, *before = NULL;
    size_t n_before = 0;
    json_t *part;
    if (!subsets) {
        begin_split(j, own, strlen(own), true);
        write_scores(j, result, result, "default");
    }
    json_object_foreach((json_t *)(uintptr_t)subsets, name, part) {
        size_t n;
        const char *subset = split_of(name, &n);
        if (!before || n != n_before || strncmp(before, name, n)) {
            begin_split(j, n ? name : own, n ? n : strlen(own), !before);
        }
        write_scores(j, result, part, subset);
        before = name;
        n_before = n;
    }
    jw_end_array(j);
}

/* Who it was, beside the results, as mteb has it: what is not known is null. */
static bool write_meta(const struct writing *w, struct err *err) {
    static const char *const UNKNOWN[] = { "release_date", "languages", "n_parameters",
        "memory_usage_mb", "max_tokens", "embed_dim", "license", "open_weights",
        "public_training_code", "public_training_data", "reference", "similarity_fn_name",
        "use_instructions", "training_datasets", "loader" };
    struct strbuf text = { 0 }, name = { 0 };
    struct json_writer j;
    json_writer_init(&j, &text, true);
    jw_object(&j);
    jw_kv_string(&j, "name", json_get_string(w->result, "model", ""));
    jw_kv_string(&j, "revision", json_get_string(w->result, "revision", NULL));
    for (size_t i = 0; i < sizeof UNKNOWN / sizeof *UNKNOWN; i++) {
        jw_kv_string(&j, UNKNOWN[i], NULL);
    }
    jw_key(&j, "framework");
    jw_array(&j);
    jw_end_array(&j);
    jw_key(&j, "modalities");
    jw_array(&j);
    jw_string(&j, "text");
    jw_end_array(&j);
    jw_end_object(&j);
    strbuf_addc(&text, '\n');
    strbuf_addf(&name, "%s/model_meta.json", w->revision);
    bool ok = write_text(w, strbuf_str(&name), &text, err);
    strbuf_release(&text);
    strbuf_release(&name);
    return ok;
}

bool write_mteb(const struct writing *w, struct err *err) {
    const json_t *r = w->result, *data = json_object_get(r, "data");
    struct strbuf text = { 0 }, name = { 0 };
    struct json_writer j;
    json_writer_init(&j, &text, true);
    jw_object(&j);
    jw_kv_string(&j, "dataset_revision",
        json_get_string(data, "revision", json_get_string(r, "data_sha256", "")));
    jw_kv_string(&j, "task_name", json_get_string(r, "task", ""));
    jw_kv_string(&j, "mteb_version", NULL);
    jw_key(&j, "scores");
    jw_object(&j);
    write_splits(&j, r);
    jw_end_object(&j);
    jw_kv_double(&j, "evaluation_time", json_get_number(r, "seconds", 0));
    jw_key(&j, "kg_co2_emissions");
    jw_null(&j);
    jw_kv_double(&j, "date", w->file->unix_time);
    jw_key(&j, "evaluation_phases");
    jw_null(&j);
    jw_end_object(&j);
    strbuf_addc(&text, '\n');
    strbuf_addf(&name, "%s/%s.json", w->revision, w->task);
    bool ok = write_text(w, strbuf_str(&name), &text, err) && write_meta(w, err);
    strbuf_release(&text);
    strbuf_release(&name);
    return ok;
}
