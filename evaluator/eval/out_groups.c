/* Scores of suites on disk: as lm-evaluation-harness writes those of its groups (under "results"
 * and "groups", their members under "group_subtasks"), and as Assay has them, with the reasons. */
#include <string.h>

#include "evaluator/eval/eval.h"
#include "evaluator/eval/write.h"

/* A group without a score has no place in the harness's file. */
static bool has_score(const json_t *row) {
    return json_is_number(json_object_get(row, "value"));
}

static void write_scores(struct json_writer *j, const char *key, const json_t *rows) {
    size_t i;
    json_t *row;
    jw_key(j, key);
    jw_object(j);
    json_array_foreach(rows, i, row) {
        const char *metric = json_get_string(row, "metric", "mean");
        struct strbuf name = { 0 };
        if (!has_score(row)) {
            continue;
        }
        jw_key(j, json_get_string(row, "suite", ""));
        jw_object(j);
        jw_kv_string(j, "alias", json_get_string(row, "title", json_get_string(row, "suite", "")));
        jw_kv_string(j, "name", json_get_string(row, "suite", ""));
        jw_kv_int(j, "sample_len", json_get_int(row, "n", 0));
        strbuf_addf(&name, "%s,none", metric);
        jw_key(j, strbuf_str(&name));
        jw_json(j, json_object_get(row, "value"));
        strbuf_reset(&name);
        strbuf_addf(&name, "%s_stderr,none", metric);
        jw_key(j, strbuf_str(&name));
        if (json_is_number(json_object_get(row, "stderr"))) {
            jw_json(j, json_object_get(row, "stderr"));
        } else {
            jw_string(j, "N/A");
        }
        jw_end_object(j);
        strbuf_release(&name);
    }
    jw_end_object(j);
}

static void write_members(struct json_writer *j, const json_t *rows) {
    size_t i;
    json_t *row;
    jw_key(j, "group_subtasks");
    jw_object(j);
    json_array_foreach(rows, i, row) {
        jw_key(j, json_get_string(row, "suite", ""));
        jw_json(j, json_object_get(row, "members"));
    }
    jw_end_object(j);
}

bool write_groups(const struct writing *w, const json_t *rows, struct err *err) {
    struct strbuf text = { 0 }, name = { 0 };
    struct json_writer j;
    json_writer_init(&j, &text, true);
    jw_object(&j);
    write_scores(&j, "results", rows);
    write_scores(&j, "groups", rows);
    write_members(&j, rows);
    jw_kv_double(&j, "date", w->unix_time);
    jw_kv_string(&j, "model_source", "assay");
    jw_kv_string(&j, "model_name_sanitized", w->model);
    jw_end_object(&j);
    strbuf_addc(&text, '\n');
    strbuf_addf(&name, "results_%s.json", w->time);
    bool ok = write_text(w, strbuf_str(&name), &text, err);
    strbuf_reset(&text);
    strbuf_reset(&name);
    json_writer_init(&j, &text, true);
    jw_object(&j);
    jw_kv_string(&j, "schema", "assay.eval/1");
    jw_key(&j, "groups");
    jw_json(&j, rows);
    jw_end_object(&j);
    strbuf_addc(&text, '\n');
    strbuf_addf(&name, "assay_groups_%s.json", w->time);
    ok = ok && write_text(w, strbuf_str(&name), &text, err);
    strbuf_release(&text);
    strbuf_release(&name);
    return ok;
}
