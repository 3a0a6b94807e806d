/* From a result (assay.eval/1) to the record that the database keeps (assay.record/1), and samples
 * to chunks. */
#include <string.h>

#include "db/db.h"
#include "base/file.h"
#include "evaluator/worker/worker.h"

#define LINES_PER_CHUNK 2000
#define CHUNK_BYTES                                                                                \
    (CHUNK_TEXT_MAX / 8) /* long documents: fewer lines a chunk, well below what one may hold */

size_t samples_cut(const char *text, size_t n, int *lines) {
    size_t len = 0;
    for (*lines = 0; len < n && len < CHUNK_BYTES && *lines < LINES_PER_CHUNK; ++*lines) {
        const char *end = memchr(text + len, '\n', n - len);
        len = end ? (size_t)(end - text) + 1 : n;
    }
    return len;
}

static void copy(json_t *to, const json_t *from, const char *key) {
    json_t *v = json_object_get(from, key);
    if (v && !json_is_null(v)) {
        json_object_set(to, key, v);
    }
}

/* {name: {value, stderr, ...}} to a list with the name (and the subset) in each. */
static bool add_metrics(json_t *list, const json_t *metrics, const char *subset) {
    const char *name;
    json_t *m;
    json_object_foreach((json_t *)(uintptr_t)metrics, name, m) {
        if (!json_is_number(json_object_get(m, "value"))) {
            return false;
        }
        json_t *row = json_pack("{s:s, s:O}", "name", name, "value", json_object_get(m, "value"));
        if (subset) {
            json_object_set_new(row, "subset", json_string(subset));
        }
        copy(row, m, "stderr");
        copy(row, m, "low");
        copy(row, m, "high");
        copy(row, m, "n");
        json_array_append_new(list, row);
    }
    return true;
}

json_t *record_command(const char *model, const char *commit, const json_t *result) {
    static const char *const NUMBERS[] = { "limit", "shots", "seed", "bootstrap" };
    static const char *const TEXTS[] = { "profile", "dtype", "template" };
    const char *path = json_get_string(result, "task_path", "");
    int name = (int)(commit ? strcspn(model, "@") : strlen(model)); /* a branch is no commit */
    json_t *command = json_pack("[s, s, s#++, s, s]", "assay", "eval", model, name,
        commit ? "@" : "", commit ? commit : "", "-t",
        file_exists(path) ? path : json_get_string(result, "task", "")); /* else of the library */
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        long long v = json_get_int(result, NUMBERS[i], -1);
        if (v >= (i == 0)) { /* limit 0: all */
            char text[32];
            snprintf(text, sizeof text, "%lld", v);
            json_array_append_new(command, json_sprintf("--%s", NUMBERS[i]));
            json_array_append_new(command, json_string(text));
        }
    }
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        const char *v = json_get_string(result, TEXTS[i], NULL);
        if (v) { /* that it was asked by letter follows from the model */
            const char *by = strstr(v, "+letters");
            json_array_append_new(command, json_sprintf("--%s", TEXTS[i]));
            json_array_append_new(command, json_stringn(v, by ? (size_t)(by - v) : strlen(v)));
        }
    }
    return command;
}

json_t *record_from_result(
    const json_t *result, const json_t *chunks, const json_t *command, const json_t *manifest) {
    static const char *const COPIED[] = { "task_sha256", "data_sha256", "weights_sha256",
        "harness_build", "backend", "isa", "device", "dtype", "main", "n", "audit", "tokens_asked",
        "tokens_computed", "seconds", "profile", "shots", "limit", "seed", "bootstrap",
        "declared_subsets", "range", "generation", "template", "settings", "base_revision",
        "prompts", "sandbox", "scores", "task", "version", "kind", "data", "higher_is_better",
        "imported", "revision_label", "languages", "remote" };
    json_t *record = json_pack("{s:s}", "schema", "assay.record/1"), *metrics = json_array();
    for (size_t i = 0; i < sizeof COPIED / sizeof *COPIED; i++) {
        copy(record, result, COPIED[i]);
    }
    bool ok = add_metrics(metrics, json_object_get(result, "metrics"), NULL) &&
              json_array_size(metrics) > 0;
    const char *subset;
    json_t *part;
    json_object_foreach(json_object_get(result, "subsets"), subset, part) {
        ok = ok && add_metrics(metrics, json_object_get(part, "metrics"), subset);
    }
    const char *isa =
        strchr(json_get_string(result, "backend", ""), '/'); /* "cpu/avx512bf16", "... x4" */
    if (isa && !json_object_get(record, "isa")) {
        json_object_set_new(record, "isa", json_stringn(isa + 1, strcspn(isa + 1, " ")));
    }
    json_object_set_new(record, "metrics", metrics);
    if (chunks) {
        json_object_set(record, "chunks", (json_t *)(uintptr_t)chunks);
    }
    if (command) {
        json_object_set(record, "command", (json_t *)(uintptr_t)command);
    }
    if (manifest) {
        json_object_set(record, "manifest", (json_t *)(uintptr_t)manifest);
    }
    if (!ok || !json_object_get(record, "task_sha256") || !json_object_get(record, "main")) {
        json_decref(record);
        return NULL;
    }
    return record;
}
