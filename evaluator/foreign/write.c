/* Results in other programs' formats, one model's at a time. lm-evaluation-harness's and MTEB's
 * files of what was measured here are written by the eval room; here is what was imported from
 * them, as it was, and what a model's repository says. */
#include <math.h>
#include <string.h>

#include "evaluator/data/frontmatter.h"
#include "evaluator/foreign/foreign.h"

static const json_t *imported_as(enum foreign_format format, const json_t *result) {
    const json_t *imported = json_object_get(result, "imported");
    return strcmp(json_get_string(imported, "format", ""), foreign_name(format)) ? NULL : imported;
}

/* ---- documents as they were ---- */

static void add_parts(json_t *doc, const json_t *result, const json_t *imported) {
    const char *key;
    json_t *part;
    json_object_foreach(json_object_get(imported, "task"), key, part) {
        if (!json_object_get(doc, key)) {
            json_object_set_new(doc, key, json_object());
        }
        json_object_set(json_object_get(doc, key), json_get_string(result, "task", ""), part);
    }
}

json_t *foreign_document(enum foreign_format format, const json_t *results) {
    const json_t *first = imported_as(format, json_array_get(results, 0)), *result;
    size_t i;
    if (!first || format == FOREIGN_MTEB) {
        return json_deep_copy(json_object_get(first, "document"));
    }
    json_t *doc = json_deep_copy(json_object_get(first, "common"));
    json_array_foreach(results, i, result) {
        add_parts(doc, result, imported_as(format, result));
    }
    return doc;
}

/* ---- model-index ---- */

/* A result under `metric`: {"type", "value"}, "config" the subset. Percentages are for people: the
 * numbers stay shares. */
static void add_metrics(json_t *list, const json_t *result) {
    json_t *metrics = json_object_get(result, "metrics"), *m;
    const char *name, *main = json_get_string(result, "main", "");
    json_object_foreach(metrics, name, m) {
        json_t *row = json_pack(
            "{s:s, s:O, s:s}", "type", name, "value", json_object_get(m, "value"), "name", name);
        json_array_insert_new(list, strcmp(name, main) ? json_array_size(list) : 0, row);
    }
}

static json_t *index_result(const json_t *result) {
    const json_t *data = json_object_get(result, "data"),
                 *imported = imported_as(FOREIGN_MODEL_INDEX, result);
    const char *task = json_get_string(result, "task", "");
    if (imported) {
        return json_deep_copy(json_object_get(imported, "result"));
    }
    json_t *metrics = json_array();
    add_metrics(metrics, result);
    return json_pack("{s:{s:s, s:s}, s:{s:s, s:s, s:s*, s:s*, s:s*, s:{s:I, s:s*}}, s:o}", "task",
        "type", json_get_string(result, "kind", "evaluation"), "name", task, "dataset", "type",
        json_get_string(data, "repo", task), "name", task, "config",
        json_get_string(data, "config", NULL), "split", json_get_string(data, "split", NULL),
        "revision", json_get_string(data, "revision", NULL), "args", "num_few_shot",
        (json_int_t)json_get_int(result, "shots", 0), "profile",
        json_get_string(result, "profile", NULL), "metrics", metrics);
}

/* Where the block "model-index:" lies in the front matter: up to the next key at the margin. */
static void find_index(const char *text, size_t n, size_t *from, size_t *to) {
    bool inside = false;
    *from = *to = n;
    for (size_t at = 0; at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t next = end ? (size_t)(end - text) + 1 : n;
        bool key = !strchr(" -#\t\r\n", text[at]);
        if (inside && key) {
            *to = at;
            return;
        }
        if (!inside && n - at >= 12 && !memcmp(text + at, "model-index:", 12)) {
            inside = true;
            *from = at;
        }
        at = next;
    }
}

bool foreign_write_model_index(const char *name, const json_t *results, const char *readme,
    size_t n, struct strbuf *out, struct err *err) {
    json_t *list = json_array(), *index;
    const json_t *result;
    size_t i, len = 0, from = 0, to = 0;
    const char *block = readme;
    bool framed = readme && frontmatter_find(readme, n, &block, &len);
    json_t *card = framed ? frontmatter_values(readme, n, err) : NULL;
    if (framed && !card) { /* what can't be read is not written over */
        json_decref(list);
        return false;
    }
    json_decref(card);
    json_array_foreach(results, i, result) json_array_append_new(list, index_result(result));
    index = json_pack("{s:[{s:s, s:o}]}", "model-index", "name", name, "results", list);
    if (framed) {
        find_index(block, len, &from, &to);
        strbuf_add(out, readme, (size_t)(block - readme) + from);
    } else {
        strbuf_adds(out, "---\n");
    }
    foreign_yaml(out, index, 0);
    if (framed) {
        strbuf_add(out, block + to, n - (size_t)(block - readme) - to);
    } else {
        strbuf_adds(out, "---\n");
        strbuf_add(out, readme ? readme : "", n);
    }
    json_decref(index);
    return true;
}

/* ---- .eval_results ---- */

/* mteb's own files for the hub are in percent; of others the unit is the metric's. */
static double hub_scale(const json_t *result) {
    return !strncmp(json_get_string(result, "profile", ""), "mteb/", 5) ? 100 : 1;
}

static json_t *hub_entry(const json_t *result, const char *source) {
    const json_t *data = json_object_get(result, "data"),
                 *imported = imported_as(FOREIGN_EVAL_RESULTS, result);
    const char *task = json_get_string(result, "task", ""),
               *main = json_get_string(result, "main", "");
    if (imported) {
        return json_deep_copy(json_object_get(imported, "entry"));
    }
    double value =
        json_get_number(json_object_get(json_object_get(result, "metrics"), main), "value", NAN);
    json_t *entry = json_pack("{s:{s:s, s:s, s:s*}, s:f, s:o}", "dataset", "id",
        json_get_string(data, "repo", task), "task_id", task, "revision",
        json_get_string(data, "revision", NULL), "value", value * hub_scale(result), "notes",
        json_sprintf("%s, %lld-shot, %s", main, json_get_int(result, "shots", 0),
            json_get_string(result, "profile", "")));
    if (source) {
        json_object_set_new(entry, "source", json_pack("{s:s}", "url", source));
    }
    return entry;
}

void foreign_write_eval_results(const json_t *results, const char *source, struct strbuf *out) {
    json_t *list = json_array();
    const json_t *result;
    size_t i;
    json_array_foreach(results, i, result) json_array_append_new(list, hub_entry(result, source));
    foreign_yaml(out, list, 0);
    json_decref(list);
}
