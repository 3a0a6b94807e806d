/* Results on disk: who writes what, and under which names. */
#include "evaluator/eval/write.h"

#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "evaluator/eval/eval.h"

/* lm-evaluation-harness's rule: a run of characters that file systems dislike becomes "__". A local
 * model goes by its last name. */
static char *sanitised(const char *name) {
    static const char disliked[] = "\"<>:/|\\?*[]";
    struct strbuf b = { 0 };
    if (*name == '/' || *name == '.') {
        name = path_base(name);
    }
    for (const char *c = name; *c; c++) {
        if (!strchr(disliked, *c)) {
            strbuf_addc(&b, *c == ' ' ? '_' : *c);
        } else if (c == name || !strchr(disliked, c[-1])) {
            strbuf_adds(&b, "__");
        }
    }
    if (!b.len) {
        strbuf_adds(&b, "_");
    } else if (b.text[0] == '.') {
        b.text[0] = '_';
    }
    return strbuf_take(&b);
}

/* 2026-01-31T12-00-00.123456 */
static void time_name(char *out, size_t n, double *unix_time) {
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    *unix_time = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    size_t used = strftime(out, n, "%Y-%m-%dT%H-%M-%S", &tm);
    snprintf(out + used, n - used, ".%06ld", now.tv_nsec / 1000);
}

bool write_text(
    const struct writing *w, const char *name, const struct strbuf *text, struct err *err) {
    char *folder = path_join(w->dir, w->model), *path = path_join(folder, name);
    char *parent = xstrndup(path, (size_t)(path_base(path) - path));
    bool ok = dir_make(parent, err) && file_write_atomic(path, strbuf_str(text), text->len, err);
    free(parent);
    free(path);
    free(folder);
    return ok;
}

/* The document that `assay eval --json` prints, for this one result, and its samples. */
static bool write_own(const struct writing *w, struct err *err) {
    struct strbuf text = { 0 }, name = { 0 };
    struct json_writer j;
    json_t *result = json_copy((json_t *)(uintptr_t)w->result);
    if (w->samples) { /* so that a sample that was changed shows */
        char hex[65];
        sha256_hex(w->samples, w->samples_n, hex);
        json_object_set_new(result, "samples_sha256", json_string(hex));
    }
    json_writer_init(&j, &text, true);
    jw_object(&j);
    jw_kv_string(&j, "schema", "assay.eval/1");
    jw_key(&j, "results");
    jw_array(&j);
    jw_json(&j, result);
    json_decref(result);
    jw_end_array(&j);
    jw_end_object(&j);
    strbuf_addc(&text, '\n');
    strbuf_addf(&name, "assay_%s_%s.json", w->task, w->time);
    bool ok = write_text(w, strbuf_str(&name), &text, err);
    strbuf_reset(&text);
    strbuf_reset(&name);
    if (ok && w->samples) {
        strbuf_add(&text, w->samples, w->samples_n);
        strbuf_addf(&name, "assay_samples_%s_%s.jsonl", w->task, w->time);
        ok = write_text(w, strbuf_str(&name), &text, err);
    }
    strbuf_release(&text);
    strbuf_release(&name);
    return ok;
}

static bool embeds(const json_t *result) {
    const char *kind = json_get_string(result, "kind", "");
    for (unsigned k = 0; k < TASK_N_KINDS; k++) {
        if (!strcmp(kind, task_kind_name((enum task_kind)k))) {
            return task_kind_embeds((enum task_kind)k);
        }
    }
    return false;
}

bool eval_write(const char *dir, const json_t *result, const char *samples, size_t n,
    bool with_samples, struct err *err) {
    char time[64];
    struct writing w = {
        .dir = dir, .result = result, .samples = with_samples ? samples : NULL, .samples_n = n
    };
    char *model = sanitised(json_get_string(result, "model", "")),
         *task = sanitised(json_get_string(result, "task", ""));
    char *revision = sanitised(json_get_string(result, "revision", "no_revision_available"));
    time_name(time, sizeof time, &w.unix_time);
    w.model = model;
    w.revision = revision;
    w.task = task;
    w.time = time;
    bool ok = (embeds(result) ? write_mteb(&w, err) : write_lmeval(&w, err)) && write_own(&w, err);
    free(model);
    free(revision);
    free(task);
    return ok || err_wrap(err, "could not write results to '%s'", dir);
}

bool eval_write_groups(const char *dir, const char *model, const json_t *rows, struct err *err) {
    char time[64], *name = sanitised(model);
    struct writing w = { .dir = dir, .model = name, .time = time };
    time_name(time, sizeof time, &w.unix_time);
    bool ok = write_groups(&w, rows, err);
    free(name);
    return ok || err_wrap(err, "could not write results to '%s'", dir);
}
