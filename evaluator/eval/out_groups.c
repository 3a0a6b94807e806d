/* Scores of suites on disk: as lm-evaluation-harness writes those of its groups (under "results"
 * and "groups", their members under "group_subtasks"), and as Assay has them, with the reasons. */
#include <string.h>

#include "evaluator/eval/eval.h"
#include "evaluator/eval/write.h"

/* A group without a score has no place in the harness's file. */
static bool has_score(const json_t *row) {
    return json_is_number(json_object_get(row, "value"));
}

void write_group_scores(struct json_writer *j, const json_t *rows) {
    size_t i;
    json_t *row;
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
        write_stderr(j, metric, json_object_get(row, "stderr"));
        jw_end_object(j);
        strbuf_release(&name);
    }
}

void write_group_members(struct json_writer *j, const json_t *rows) {
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        jw_key(j, json_get_string(row, "suite", ""));
        jw_json(j, json_object_get(row, "members"));
    }
}

bool write_groups(const struct writing *w, struct err *err) {
    struct strbuf text = { 0 }, name = { 0 };
    struct json_writer j;
    json_writer_init(&j, &text, true);
    jw_object(&j);
    jw_kv_string(&j, "schema", "assay.eval/1");
    jw_key(&j, "groups");
    jw_json(&j, w->file->groups);
    jw_end_object(&j);
    strbuf_addc(&text, '\n');
    strbuf_addf(&name, "assay_groups_%s.json", w->file->time);
    bool ok = write_text(w, strbuf_str(&name), &text, err);
    strbuf_release(&text);
    strbuf_release(&name);
    return ok;
}
