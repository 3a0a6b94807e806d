/* Files and folders of foreign results: which of them count, and what lies beside them. */
#include <dirent.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "evaluator/foreign/foreign.h"

enum { DEPTH_MAX = 8 };

struct walk {
    enum foreign_format format;
    const char *model, *revision;
    foreign_take_fn *take;
    void *to;
    size_t n_files;
};

/* What a folder's files are by their names. One that was named itself is read whatever it is
 * called. */
static bool counts(enum foreign_format format, const char *path) {
    const char *name = path_base(path);
    switch (format) {
    case FOREIGN_LM_EVAL:
        return str_begins(name, "results") && str_ends(name, ".json");
    case FOREIGN_MTEB:
        return str_ends(name, ".json") && strcmp(name, "model_meta.json") != 0;
    case FOREIGN_MODEL_INDEX:
        return !strcmp(name, "README.md");
    default:
        return str_ends(name, ".yaml") || str_ends(name, ".yml");
    }
}

/* The folder that a file lies in, `up` levels further up; the caller frees. NULL: there is none. */
static char *folder_name(const char *path, unsigned up) {
    const char *end = path_base(path);
    for (;; up--) {
        if (end == path) {
            return NULL;
        }
        const char *from = --end; /* at the slash */
        while (from > path && from[-1] != '/') {
            from--;
        }
        if (up == 0) {
            return xstrndup(from, (size_t)(end - from));
        }
        end = from;
    }
}

/* "org__name" as mteb calls folders. */
static char *model_of_folder(char *name) {
    char *mark = name ? strstr(name, "__") : NULL;
    if (mark) {
        *mark = '/';
        memmove(mark + 1, mark + 2, strlen(mark + 2) + 1);
    }
    return name;
}

static bool read_meta(const char *path, json_t **meta, struct err *err) {
    struct strbuf beside = { 0 }, text = { 0 };
    strbuf_addf(&beside, "%.*smodel_meta.json", (int)(path_base(path) - path), path);
    const char *name = strbuf_str(&beside);
    bool there = file_exists(name), ok = !there || file_read(name, FOREIGN_FILE_MAX, &text, err);
    if (ok && there) {
        *meta = foreign_python_json(strbuf_str(&text), text.len, name, err);
        ok = *meta != NULL;
    }
    strbuf_release(&text);
    strbuf_release(&beside);
    return ok;
}

/* models/<org>/<name>/README.md and .eval_results/ below it, as a mirror of the hub has them. */
static char *model_of_mirror(const char *path, enum foreign_format format) {
    unsigned up = format == FOREIGN_EVAL_RESULTS ? 1 : 0;
    char *name = folder_name(path, up), *org = folder_name(path, up + 1),
         *models = folder_name(path, up + 2), *id = NULL;
    if (name && org && models && !strcmp(models, "models")) {
        struct strbuf b = { 0 };
        strbuf_addf(&b, "%s/%s", org, name);
        id = strbuf_take(&b);
    }
    free(name);
    free(org);
    free(models);
    return id;
}

/* samples_<task>_<time>.jsonl beside results_<time>.json. */
static void find_samples(const char *path, json_t *results) {
    const char *name = path_base(path), *time = name + strcspn(name, "_");
    json_t *result;
    size_t i;
    json_array_foreach(results, i, result) {
        struct strbuf samples = { 0 };
        strbuf_addf(&samples, "%.*ssamples_%s%.*s.jsonl", (int)(name - path), path,
            json_get_string(result, "task", ""), (int)(strlen(time) - strlen(".json")), time);
        if (str_ends(name, ".json") && *time && file_exists(strbuf_str(&samples))) {
            json_object_set_new(result, "samples", json_string(strbuf_str(&samples)));
        }
        strbuf_release(&samples);
    }
}

static bool parse_file(struct walk *w, const char *path, struct err *err) {
    struct strbuf text = { 0 };
    json_t *meta = NULL, *results = json_array();
    bool cards = w->format == FOREIGN_MODEL_INDEX || w->format == FOREIGN_EVAL_RESULTS;
    char *model = cards ? model_of_mirror(path, w->format) : model_of_folder(folder_name(path, 1));
    char *revision = cards ? NULL : folder_name(path, 0);
    struct foreign_file file = { .path = path,
        .model = w->model ? w->model
                 : cards  ? model
                          : NULL,
        .revision = w->revision,
        .folder_model = model,
        .folder_revision = revision };
    bool ok = file_read(path, FOREIGN_FILE_MAX, &text, err) &&
              (w->format != FOREIGN_MTEB || read_meta(path, &meta, err));
    file.text = strbuf_str(&text);
    file.n = text.len;
    file.meta = meta;
    ok = ok && foreign_parse(w->format, &file, results, err);
    strbuf_release(&text);
    if (ok && w->format == FOREIGN_LM_EVAL) {
        find_samples(path, results);
    }
    ok = ok && w->take(w->to, &(struct foreign_found) { path, results }, err);
    w->n_files++;
    free(model);
    free(revision);
    json_decref(meta);
    json_decref(results);
    return ok;
}

static bool walk_folder(struct walk *w, const char *dir, int depth, struct err *err) {
    struct dirent **entries;
    int n = scandir(dir, &entries, NULL, alphasort);
    bool ok = n >= 0 || err_errno(err, ERR_FAILED, "could not list '%s'", dir);
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        bool hidden = *name == '.' && strcmp(name, ".eval_results") != 0;
        char *path = path_join(dir, name);
        if (ok && !hidden && dir_exists(path)) {
            ok = depth == DEPTH_MAX || walk_folder(w, path, depth + 1, err);
        } else if (ok && !hidden && counts(w->format, path)) {
            ok = parse_file(w, path, err);
        }
        free(path);
        free(entries[i]);
    }
    if (n >= 0) {
        free(entries);
    }
    return ok;
}

bool foreign_walk(enum foreign_format format, const char *path, const char *model,
    const char *revision, foreign_take_fn *take, void *to, struct err *err) {
    struct walk w = { format, model, revision, take, to, 0 };
    if (!dir_exists(path)) {
        return file_exists(path)
                   ? parse_file(&w, path, err)
                   : err_set(err, ERR_NOT_FOUND, "there is no file or folder '%s'", path);
    }
    if (!walk_folder(&w, path, 0, err)) {
        return false;
    }
    return w.n_files > 0 || err_set(err, ERR_NOT_FOUND, "'%s' holds no file of format %s", path,
                                foreign_name(format));
}
