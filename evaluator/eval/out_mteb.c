/* MTEB's file of one task: <org>__<name>/<revision>/<Task>.json, two levels of lists by split and
 * subset, numbers rounded to six places. */
#include <math.h>
#include <string.h>

#include "evaluator/eval/write.h"

static double rounded(double v) {
    return nearbyint(v * 1e6) / 1e6;
}

static void write_scores(
    struct json_writer *j, const json_t *result, const json_t *metrics, const char *subset) {
    const char *name, *main = json_get_string(result, "main", "");
    json_t *m;
    jw_object(j);
    json_object_foreach((json_t *)(uintptr_t)metrics, name, m) {
        jw_kv_double(j, name, rounded(json_get_number(m, "value", 0)));
    }
    jw_kv_double(
        j, "main_score", rounded(json_get_number(json_object_get(metrics, main), "value", 0)));
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
