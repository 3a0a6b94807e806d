/* Results on disk: who writes what, and under which names. */
#include "evaluator/eval/write.h"

#include <dirent.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "evaluator/eval/eval.h"
#include "evaluator/hub/hub.h"

#define RECORD_MAX ((size_t)64 << 20)

/* lm-evaluation-harness's rule: a run of characters that file systems dislike becomes "__". A local
 * model goes by its last name. */
char *sanitised_name(const char *name) {
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

/* ---- names ---- */

static const char SAMPLES[] = "assay_samples_", RECORD[] = "assay_";

bool results_are_path(const char *operand) {
    return operand_is_path(operand, (const char *const[]) { ".json", ".jsonl", NULL });
}

bool is_record_name(const char *name) {
    return str_begins(name, RECORD) && !str_begins(name, SAMPLES) && str_ends(name, ".json");
}

/* dir/<from>X<old> as dir/<to>X<new>. */
static char *beside(
    const char *path, const char *from, const char *old, const char *to, const char *new) {
    const char *base = path_base(path);
    struct strbuf out = { 0 };
    if (!str_begins(base, from) || !str_ends(base, old)) {
        return NULL;
    }
    int stem = (int)(strlen(base) - strlen(from) - strlen(old));
    strbuf_addf(&out, "%.*s%s%.*s%s", (int)(base - path), path, to, stem, base + strlen(from), new);
    return strbuf_take(&out);
}

char *samples_of_record(const char *path) {
    return is_record_name(path_base(path)) ? beside(path, RECORD, ".json", SAMPLES, ".jsonl")
                                           : NULL;
}

char *record_of_samples(const char *path) {
    return beside(path, SAMPLES, ".jsonl", RECORD, ".json");
}

/* ---- one file ---- */

bool write_text(
    const struct writing *w, const char *name, const struct strbuf *text, struct err *err) {
    char *folder = path_join(w->dir, w->file->model), *path = path_join(folder, name);
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
    strbuf_addf(&name, "assay_%s_%s.json", w->task, w->file->time);
    bool ok = write_text(w, strbuf_str(&name), &text, err);
    strbuf_reset(&text);
    strbuf_reset(&name);
    if (ok && w->samples) {
        strbuf_add(&text, w->samples, w->samples_n);
        strbuf_addf(&name, "assay_samples_%s_%s.jsonl", w->task, w->file->time);
        ok = write_text(w, strbuf_str(&name), &text, err);
    }
    strbuf_release(&text);
    strbuf_release(&name);
    return ok;
}

bool result_embeds(const json_t *result) {
    const char *kind = json_get_string(result, "kind", "");
    for (unsigned k = 0; k < TASK_N_KINDS; k++) {
        if (!strcmp(kind, task_kind_name((enum task_kind)k))) {
            return task_kind_embeds((enum task_kind)k);
        }
    }
    return false;
}

static bool write_all(const struct writing *w, struct err *err) {
    if (result_embeds(w->result)) {
        return write_mteb(w, err) && (w->peers_only || write_own(w, err));
    }
    return write_lmeval_results(w, err) && (!w->samples || write_lmeval_samples(w, err)) &&
           (w->peers_only || write_own(w, err));
}

/* ---- the folder of a model ---- */

bool results_same_model(const json_t *a, const json_t *b) {
    const char *model = json_get_string(a, "model", ""), *other = json_get_string(b, "model", "");
    const char *revision = json_get_string(a, "revision", NULL),
               *others = json_get_string(b, "revision", NULL);
    bool local = revision && others && hub_is_path(model) && hub_is_path(other);
    return (!revision || !others || !strcmp(revision, others)) && (local || !strcmp(model, other));
}

/* Whether a folder's records are of another model, going by any of them; *holder then gets its
 * name, the caller's. */
static bool is_anothers(const char *folder, const json_t *result, char **holder) {
    struct err ignored = ERR_INIT;
    DIR *d = opendir(folder);
    bool known = false;
    *holder = NULL;
    for (struct dirent *e; d && !known && (e = readdir(d)) != NULL;) {
        char *path = is_record_name(e->d_name) ? path_join(folder, e->d_name) : NULL;
        json_t *doc = path ? json_parse_file(path, RECORD_MAX, &ignored) : NULL;
        const json_t *first = json_array_get(json_object_get(doc, "results"), 0);
        known = first != NULL;
        if (known && !results_same_model(first, result)) {
            *holder = xstrdup(json_get_string(first, "model", ""));
        }
        json_decref(doc);
        free(path);
    }
    if (d) {
        closedir(d);
    }
    return *holder != NULL;
}

/* The peer's name for it; where that is taken by another model, which a local folder's last name
 * easily is, the first digits of the revision behind it. */
static char *folder_of(const char *dir, const json_t *result) {
    const char *model = json_get_string(result, "model", "");
    const char *revision = json_get_string(result, "revision", NULL);
    char *name = sanitised_name(model), *folder = path_join(dir, name), *holder, hex[65];
    if (is_anothers(folder, result, &holder)) {
        struct strbuf other = { 0 };
        sha256_hex(model, strlen(model), hex);
        char *mark = sanitised_name(revision ? revision : hex);
        strbuf_addf(&other, "%s__%.8s", name, mark);
        log_line(LOG_INFO, "%s: its results go to '%s/%s': '%s' has those of %s", model, dir,
            strbuf_str(&other), folder, holder);
        free(mark);
        free(name);
        name = strbuf_take(&other);
    }
    free(holder);
    free(folder);
    return name;
}

/* ---- all results of a command ---- */

struct eval_out {
    char *dir;
    bool with_samples, peers_only;
    struct results_file *files;
    size_t n, capacity;
};

struct eval_out *eval_out_new(const char *dir, bool with_samples) {
    struct eval_out *o = xcalloc(1, sizeof *o);
    o->dir = xstrdup(dir);
    o->with_samples = with_samples;
    return o;
}

void eval_out_peers_only(struct eval_out *o) {
    o->peers_only = true;
}

void eval_out_free(struct eval_out *o) {
    for (size_t i = 0; o && i < o->n; i++) {
        free(o->files[i].model);
        json_decref(o->files[i].results);
        json_decref(o->files[i].groups);
    }
    if (o) {
        free(o->files);
        free(o->dir);
    }
    free(o);
}

/* One model, asked in one manner, each task once. */
static bool belongs(const struct results_file *f, const json_t *result) {
    static const char *const MANNER[] = { "model", "revision", "profile", "seed", "limit", "dtype",
        "bootstrap" };
    const json_t *first = json_array_get(f->results, 0), *other;
    size_t i;
    for (i = 0; i < sizeof MANNER / sizeof *MANNER; i++) {
        const json_t *a = json_object_get(first, MANNER[i]),
                     *b = json_object_get(result, MANNER[i]);
        if (!a != !b || (a && !json_equal(a, b))) {
            return false;
        }
    }
    json_array_foreach(f->results, i, other) {
        if (json_equal(json_object_get(other, "task"), json_object_get(result, "task"))) {
            return false;
        }
    }
    return true;
}

static struct results_file *file_of(struct eval_out *o, const json_t *result) {
    for (size_t i = 0; i < o->n; i++) {
        if (belongs(&o->files[i], result)) {
            return &o->files[i];
        }
    }
    mem_grow(&o->files, &o->capacity, o->n + 1, sizeof *o->files);
    struct results_file *f = &o->files[o->n++];
    *f = (struct results_file) { .model = folder_of(o->dir, result), .results = json_array() };
    time_name(f->time, sizeof f->time, &f->unix_time);
    return f;
}

static void keep(struct results_file *f, const json_t *result) {
    json_t *kept = json_copy((json_t *)(uintptr_t)result);
    json_object_del(kept, "scores"); /* of each document: the own record has them */
    json_array_append_new(f->results, kept);
}

bool eval_out_add(
    struct eval_out *o, const json_t *result, const char *samples, size_t n, struct err *err) {
    char *task = sanitised_name(json_get_string(result, "task", "")),
         *revision = sanitised_name(json_get_string(result, "revision", "no_revision_available"));
    struct results_file *f = file_of(o, result);
    keep(f, result);
    bool ok = write_all(&(struct writing) { .dir = o->dir,
                            .file = f,
                            .result = result,
                            .samples = o->with_samples ? samples : NULL,
                            .samples_n = n,
                            .revision = revision,
                            .task = task,
                            .peers_only = o->peers_only },
        err);
    free(revision);
    free(task);
    return ok || err_wrap(err, "could not write results to '%s'", o->dir);
}

bool eval_out_groups(struct eval_out *o, const char *model, const json_t *rows, struct err *err) {
    struct results_file *f = NULL;
    json_t *named = json_pack("{s:s}", "model", model);
    for (size_t i = 0; i < o->n && !f; i++) {
        const json_t *first = json_array_get(o->files[i].results, 0);
        f = strcmp(json_get_string(first, "model", ""), model) ? NULL : &o->files[i];
    }
    f = f ? f : file_of(o, named);
    json_decref(named);
    json_decref(f->groups);
    f->groups = json_deep_copy(rows);
    struct writing w = { .dir = o->dir, .file = f };
    return (write_lmeval_results(&w, err) && write_groups(&w, err)) ||
           err_wrap(err, "could not write results to '%s'", o->dir);
}
