/* The hub's cache layout (see cache.h). */
#include "evaluator/hub/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define WANTED_MAX ((size_t)REPO_FILES_MAX * 1025)

/* $NAME or ${NAME} at *at, which is stepped over; one that isn't set stays as it is written. */
static void add_variable(struct strbuf *out, const char **at) {
    static const char NAME[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    bool braced = (*at)[1] == '{';
    const char *from = *at + 1 + braced;
    size_t n = strspn(from, NAME);
    const char *end = from + n + (braced && from[n] == '}');
    char *name = xstrndup(from, n);
    const char *value = n && (!braced || end > from + n) ? getenv(name) : NULL;
    if (value) {
        strbuf_adds(out, value);
    } else {
        strbuf_add(out, *at, (size_t)(end - *at));
    }
    *at = end;
    free(name);
}

/* A variable's folder, with "~/" for the home and $VARIABLES in it, as the hub's client takes it.
 */
static char *from_env(const char *name, const char *below) {
    const char *at = getenv(name), *home = getenv("HOME");
    struct strbuf path = { 0 };
    if (!at || !*at) {
        return NULL;
    }
    if (home && at[0] == '~' && (!at[1] || at[1] == '/')) {
        strbuf_adds(&path, home);
        at++;
    }
    while (*at) {
        if (*at == '$') {
            add_variable(&path, &at);
        } else {
            strbuf_addc(&path, *at++);
        }
    }
    if (below) {
        strbuf_addf(&path, "/%s", below);
    }
    return strbuf_take(&path);
}

char *cache_home(const char *below) {
    char *home = from_env("HF_HOME", NULL);
    home = home ? home : from_env("XDG_CACHE_HOME", "huggingface");
    home = home ? home : from_env("HOME", ".cache/huggingface");
    char *path = home ? path_join(home, below) : NULL;
    free(home);
    return path;
}

char *cache_root(struct err *err) {
    char *root = from_env("HF_HUB_CACHE", NULL);
    root = root ? root : from_env("HUGGINGFACE_HUB_CACHE", NULL);
    root = root ? root : cache_home("hub");
    if (!root) {
        err_set(err, ERR_FAILED,
            "there is no place for the hub cache: none of HF_HOME, XDG_CACHE_HOME and HOME is set");
    }
    return root;
}

char *cache_repo_dir(const char *root, enum repo_kind kind, const char *repo) {
    struct strbuf name = { 0 };
    strbuf_addf(&name, "%s/%s--", root, repo_kind_plural(kind));
    for (const char *c = repo; *c; c++) {
        strbuf_adds(&name, *c == '/' ? "--" : (char[]) { *c, 0 });
    }
    return strbuf_take(&name);
}

static char *ref_path(const char *repo_dir, const char *revision) {
    char *refs = path_join(repo_dir, "refs");
    char *path = path_join(refs, revision);
    free(refs);
    return path;
}

bool cache_commit(const char *repo_dir, const char *revision, char commit[41]) {
    if (repo_commit_valid(revision)) {
        memcpy(commit, revision, 41);
        return true;
    }
    char *path = ref_path(repo_dir, revision);
    struct strbuf text = { 0 };
    struct err ignored = ERR_INIT;
    bool ok = path_stays_below(revision) && file_exists(path) &&
              file_read(path, 64, &text, &ignored) && text.len >= 40;
    if (ok) {
        memcpy(commit, text.text, 40);
        commit[40] = 0;
        ok = repo_commit_valid(commit);
    }
    strbuf_release(&text);
    free(path);
    return ok;
}

char *cache_snapshot_dir(const char *repo_dir, const char *commit) {
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/snapshots/%s", repo_dir, commit);
    return strbuf_take(&path);
}

static char *marker_path(const char *repo_dir, const char *commit, const char *ending) {
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/.assay/%s.%s", repo_dir, commit, ending);
    return strbuf_take(&path);
}

bool cache_has_snapshot(const char *repo_dir, const char *commit) {
    char *dir = cache_snapshot_dir(repo_dir, commit);
    bool there = dir_exists(dir);
    free(dir);
    return there;
}

bool cache_is_complete(const char *repo_dir, const char *commit) {
    char *path = marker_path(repo_dir, commit, "complete");
    bool there = file_exists(path) &&
                 cache_has_snapshot(repo_dir, commit); /* the hub's tools may have removed it */
    free(path);
    return there;
}

bool cache_make_parent(const char *path, struct err *err) {
    char *parent = xstrndup(path, (size_t)(path_base(path) - path));
    bool ok = dir_make(parent, err);
    free(parent);
    return ok;
}

static bool write_marker(const char *repo_dir, const char *commit, const char *ending,
    const char *text, size_t n, struct err *err) {
    char *path = marker_path(repo_dir, commit, ending);
    bool ok = cache_make_parent(path, err) && file_write_atomic(path, text, n, err);
    free(path);
    return ok;
}

bool cache_mark_complete(const char *repo_dir, const char *commit, struct err *err) {
    return write_marker(repo_dir, commit, "complete", "1\n", 2, err);
}

bool cache_write_wanted(
    const char *repo_dir, const char *commit, const char *paths, size_t n, struct err *err) {
    return write_marker(repo_dir, commit, "wanted", paths, n, err);
}

/* The first of these paths, one a line, that the folder lacks. */
static char *first_missing(const char *dir, char *paths) {
    char *rest = NULL;
    for (char *name = strtok_r(paths, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
        char *path = path_join(dir, name);
        bool there = file_exists(path);
        free(path);
        if (!there) {
            return xstrdup(name);
        }
    }
    return NULL;
}

char *cache_missing(const char *repo_dir, const char *commit) {
    char *list = marker_path(repo_dir, commit, "wanted"), *missing = NULL;
    char *dir = cache_snapshot_dir(repo_dir, commit);
    struct strbuf paths = { 0 };
    struct err ignored = ERR_INIT;
    if (file_exists(list) && file_read(list, WANTED_MAX, &paths, &ignored) && paths.text) {
        missing = first_missing(dir, paths.text);
    }
    strbuf_release(&paths);
    free(list);
    free(dir);
    return missing;
}

/* Names in the listing's order, which is sorted. Only what the hub gave whole is worth a note. */
static void write_tree_file(struct json_writer *w, const struct repo_file *f) {
    jw_key(w, f->path);
    jw_object(w);
    jw_kv_int(w, "size", (long long)f->size);
    jw_kv_string(w, "blob_id", f->blob_id);
    if (f->lfs) {
        jw_kv_string(w, "lfs_sha256", f->etag);
        jw_kv_int(w, "lfs_size", (long long)f->size);
    }
    if (f->xet[0]) {
        jw_kv_string(w, "xet_hash", f->xet);
    }
    jw_end_object(w);
}

/* Our own notes and the hub's client's, neither of which a pull depends on. */
static void note(const char *path, const char *text, size_t n) {
    struct err ignored = ERR_INIT;
    if (!cache_make_parent(path, &ignored) || !file_write_atomic(path, text, n, &ignored)) {
        /* it is asked for again, then */
    }
}

void cache_write_tree(const char *repo_dir, const struct repo_listing *l) {
    struct strbuf path = { 0 }, text = { 0 };
    struct json_writer w;
    bool whole = true;
    json_writer_init(&w, &text, false);
    jw_object(&w);
    jw_kv_int(&w, "format_version", 1);
    jw_key(&w, "files");
    jw_object(&w);
    for (size_t i = 0; i < l->n; i++) {
        whole &= l->files[i].blob_id[0] != 0;
        write_tree_file(&w, &l->files[i]);
    }
    jw_end_object(&w);
    jw_end_object(&w);
    strbuf_addf(&path, "%s/trees/%s.json", repo_dir, l->commit);
    if (whole && !file_exists(path.text)) {
        note(path.text, strbuf_str(&text), text.len);
    }
    strbuf_release(&path);
    strbuf_release(&text);
}

void cache_write_name(const char *repo_dir, const char *now) {
    if (now) {
        char *path = path_join(repo_dir, ".assay/name");
        note(path, now, strlen(now));
        free(path);
    }
}

void cache_write_no_exist(const char *repo_dir, const char *commit, const char *path) {
    struct strbuf at = { 0 };
    struct err ignored = ERR_INIT;
    strbuf_addf(&at, "%s/.no_exist/%s/%s", repo_dir, commit, path);
    int fd = cache_make_parent(at.text, &ignored)
                 ? open(at.text, O_WRONLY | O_CREAT | O_CLOEXEC, 0666)
                 : -1; /* empty: nothing to sync */
    if (fd >= 0) {
        close(fd);
    }
    strbuf_release(&at);
}

void cache_tag(const char *root) {
    static const char TAG[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
                              "# This file is a cache directory tag created by assay.\n";
    char *path = path_join(root, "CACHEDIR.TAG");
    struct err ignored = ERR_INIT;
    if (!file_exists(path) && !file_write_atomic(path, TAG, sizeof TAG - 1, &ignored)) {
        /* only backups miss it */
    }
    free(path);
}

bool cache_write_ref(
    const char *repo_dir, const char *revision, const char *commit, struct err *err) {
    char *path = ref_path(repo_dir, revision);
    bool ok = cache_make_parent(path, err) &&
              file_write_atomic(path, commit, 40, err); /* the hub's client writes no newline */
    free(path);
    return ok;
}
