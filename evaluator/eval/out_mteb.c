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

static void write_scores(
    struct json_writer *j, const json_t *result, const json_t *metrics, const char *subset) {
    const char *name, *main = json_get_string(result, "main", "");
    json_t *m;
    jw_object(j);
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
    jw_json(j, json_object_get(result, "languages"));
    jw_end_object(j);
}

static void write_split(struct json_writer *j, const json_t *result) {
    const json_t *subsets = json_object_get(result, "subsets");
    const char *name;
    json_t *part;
    jw_key(j, json_get_string(json_object_get(result, "data"), "split", "test"));
    jw_array(j);
    if (!subsets) {
        write_scores(j, result, json_object_get(result, "metrics"), "default");
    }
    json_object_foreach((json_t *)(uintptr_t)subsets, name, part) {
        write_scores(j, result, json_object_get(part, "metrics"), name);
    }
    jw_end_array(j);
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
    write_split(&j, r);
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
    bool ok = write_text(w, strbuf_str(&name), &text, err);
    strbuf_release(&text);
    strbuf_release(&name);
    return ok;
}
